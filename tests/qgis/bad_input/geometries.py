"""Layers with several types of geometry, collections, curves, empty parts, long edges, and layers of Scarp itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.warp
import shapely
from osgeo import ogr, osr

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import BOTTOM, RIGHT, WHOLE
from scarp.tests.qgis.tiny import CELL, CRS, LEFT, SIZE, TOP, box, memory_layer

_RADIUS = 90.0
_PLAIN = {"SCALE_FIELD": None, "RADII": f"unrecorded,{_RADIUS:g}"}
_PLACES = [(LEFT + 700.0, TOP - 700.0), (LEFT + 2900.0, TOP - 800.0), (LEFT + 1500.0, TOP - 2900.0)]
_POINTS = [f"Point ({x} {y})" for x, y in _PLACES]
_SCAR = box(LEFT + 1510, TOP - 1010, LEFT + 2110, TOP - 1610)
_OTHER_SCAR = box(LEFT + 310, TOP - 2010, LEFT + 910, TOP - 2610)
_RIVER = f"LineString ({LEFT} {TOP}, {RIGHT} {BOTTOM})"
_LAKE = box(LEFT + 1000, TOP - 200, LEFT + 1900, TOP - 900)
_WEST, _EAST = (box(x, TOP, x + SIZE * CELL / 2, BOTTOM) for x in (LEFT, LEFT + SIZE * CELL / 2))


def layer(path: Path, shapes: list[str], values: list[Any] | None = None, crs: str = CRS, kind: Any = None) -> Path:
    """Write a GeoPackage that holds any geometry, with a field ``value`` of text or numbers."""
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(crs)
    reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    table = source.CreateLayer(path.stem, reference, ogr.wkbUnknown if kind is None else kind)
    if values is not None:
        table.CreateField(ogr.FieldDefn("value", ogr.OFTString if isinstance(values[0], str) else ogr.OFTReal))
    for number, shape in enumerate(shapes):
        feature = ogr.Feature(table.GetLayerDefn())
        if shape:
            feature.SetGeometry(ogr.CreateGeometryFromWkt(shape))
        if values is not None and values[number] is not None:
            feature.SetField("value", values[number])
        table.CreateFeature(feature)
    return path


def _slides(shapes: list[str], **more: Any):
    return lambda at: {**_PLAIN, "LANDSLIDES": layer(at.folder / "slides.gpkg", shapes), **more}


def _rocks(shapes: list[str], values: list[str], crs: str = CRS):
    return lambda at: {"LITHOLOGY": layer(at.folder / "rocks.gpkg", shapes, values, crs), "LITHOLOGY_FIELD": "value"}


def _lines(parameter: str, shapes: list[str], crs: str = CRS):
    return lambda at: {parameter: layer(at.folder / "lines.gpkg", shapes, crs=crs)}


def _area(shapes: list[str], crs: str = CRS):
    return lambda at: {"AREA": layer(at.folder / "area.gpkg", shapes, crs=crs)}


def _stations(shapes: list[str], values: list[float]):
    made = lambda at: layer(at.folder / "stations.gpkg", shapes, values)  # noqa: E731
    return lambda at: {"PRECIPITATION": made(at), "PRECIPITATION_FIELD": "value"}


def _centres() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    return LEFT + CELL * columns, TOP - CELL * rows


def _labels(shapes: list[str], radius: float = _RADIUS, tolerance: int = 4):
    """Return a check that the labels are those of shapely: within a polygon, or within the radius of a point."""

    def holds(outcome: Outcome) -> None:
        with rasterio.open(outcome.results["OUTPUT"]) as dataset:
            mine = dataset.read(1)
        x, y = _centres()
        expected = np.zeros(mine.shape, dtype=bool)
        for shape in map(shapely.from_wkt, shapes):
            if shape.geom_type == "Point":
                expected |= np.hypot(x - shape.x, y - shape.y) <= radius
            else:
                expected |= shapely.contains_xy(shape, x, y)
        known = mine != 255
        assert expected.any()
        # The cell of a point counts even if its centre lies farther away.
        assert ((mine == 1) != expected)[known].sum() <= tolerance

    return holds


def _band(outcome: Outcome, name: str) -> tuple[np.ndarray, dict[str, str]]:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        number = dataset.descriptions.index(name) + 1
        return dataset.read(number), json.loads(dataset.tags(number).get("classes", "{}"))


def _two_rocks(outcome: Outcome) -> None:
    """West is granite and east is schist, as the centres of the cells lie."""
    values, classes = _band(outcome, "lithology")
    names = {int(code): name for code, name in classes.items()}
    x, _ = _centres()
    known = np.isfinite(values)
    assert known.sum() > 0.9 * known.size
    found = np.array([names[int(code)] for code in values[known]])
    assert (found == np.where(x[known] < LEFT + SIZE * CELL / 2, "granite", "schist")).all()


def _density(shapes: list[str], radius: float = 1000.0):
    """Return a check that the density of rivers is that of shapely, at a few cells."""

    def holds(outcome: Outcome) -> None:
        values, _ = _band(outcome, "river_density")
        lines = shapely.union_all([shapely.from_wkt(shape) for shape in shapes])
        x, y = _centres()
        for row, column in ((20, 20), (60, 60), (60, 90), (100, 40)):
            circle = shapely.Point(x[row, column], y[row, column]).buffer(radius, quad_segs=250)
            expected = lines.intersection(circle).length / 1000 / (np.pi * (radius / 1000) ** 2)
            assert abs(values[row, column] - expected) < 0.02, (row, column)

    return holds


def _covered(outcome: Outcome) -> None:
    values, _ = _band(outcome, "slope")
    assert np.isfinite(values[2:-2, 2:-2]).all()


def _west_only(outcome: Outcome) -> None:
    values, _ = _band(outcome, "slope")
    x, _ = _centres()
    inside = x < LEFT + SIZE * CELL / 2
    assert np.isfinite(values[2:-2][inside[2:-2]]).mean() > 0.95
    assert np.isnan(values[~inside]).all()


def _zones_by_latitude(outcome: Outcome) -> None:
    """The border of the zones is a parallel, as PROJ has it for each cell."""
    values, classes = _band(outcome, "lithology")
    names = {int(code): name for code, name in classes.items()}
    x, y = _centres()
    latitude = np.array(rasterio.warp.transform(CRS, "EPSG:4326", x.ravel(), y.ravel())[1]).reshape(x.shape)
    known = np.isfinite(values)
    found = np.array([names[int(code)] for code in values[known]])
    assert (found != np.where(latitude[known] > _PARALLEL, "north", "south")).sum() <= 2


def _used(number: int):
    def holds(outcome: Outcome) -> None:
        assert outcome.results["LANDSLIDES_USED"] == number

    return holds


def _own_points(at: Workplace):
    fields = "kind:string,outcome:string,susceptibility:double"
    rows = [(shape, ["stable", "false_alarm", 0.7]) for shape in _POINTS]
    return memory_layer("Point", fields, rows, name="Points by outcome")


def _own_windows(at: Workplace):
    fields = "subset:string,kind:string,landslide_share:double"
    return memory_layer("Polygon", fields, [(_SCAR, ["train", "stable", 0.0])], name="Windows")


def _own_folds(at: Workplace):
    fields = "fold:integer,landslide_cells:integer,labelled_cells:integer,auc:double"
    return memory_layer("Polygon", fields, [(_SCAR, [1, 5, 90, 0.7])], name="Folds")


def _cut_names(at: Workplace):
    """Points by outcome as a Shapefile keeps them, with ten letters of each field's name."""
    fields = "kind:string,outcome:string,susceptibi:double"
    return memory_layer("Point", fields, [(_POINTS[0], ["stable", "hit", 0.7])], name="Points by outcome")


def _geojson(at: Workplace) -> dict:
    shapes = [json.loads(ogr.CreateGeometryFromWkt(shape).ExportToJson()) for shape in (_RIVER, _LAKE)]
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32643"}}
    path = at.folder / "waterways.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}), encoding="utf-8")
    return {"RIVERS": path}


def _collection(*shapes: str) -> str:
    return f"GeometryCollection ({', '.join(shapes)})"


_PARALLEL = 34.7567
_NORTH = f"Polygon ((40 {_PARALLEL}, 110 {_PARALLEL}, 110 70, 40 70, 40 {_PARALLEL}))"
_SOUTH = f"Polygon ((40 {_PARALLEL}, 110 {_PARALLEL}, 110 5, 40 5, 40 {_PARALLEL}))"
_WORLD = "Polygon ((-180 -90, 180 -90, 180 90, -180 90, -180 -90))"
_WORLD_FROM_0 = "Polygon ((0 -90, 360 -90, 360 90, 0 90, 0 -90))"
_MERCATOR = "Polygon ((-2e7 -2e7, 2e7 -2e7, 2e7 2e7, -2e7 2e7, -2e7 -2e7))"
_CIRCLE_AT = (LEFT + 1800, TOP - 1800)
_CIRCLE = (
    f"CurvePolygon (CircularString ({_CIRCLE_AT[0] - 500} {_CIRCLE_AT[1]}, {_CIRCLE_AT[0]} {_CIRCLE_AT[1] + 500}, "
    f"{_CIRCLE_AT[0] + 500} {_CIRCLE_AT[1]}, {_CIRCLE_AT[0]} {_CIRCLE_AT[1] - 500}, "
    f"{_CIRCLE_AT[0] - 500} {_CIRCLE_AT[1]}))"
)
_DISC = shapely.Point(_CIRCLE_AT).buffer(500, quad_segs=500).wkt
_TIN = f"TIN Z ((({LEFT} {TOP} 1, {LEFT + 900} {TOP} 1, {LEFT} {TOP - 900} 2, {LEFT} {TOP} 1)))"
_WITH_EMPTY = f"MultiPolygon (EMPTY, {_SCAR[8:]})"


def _follows_parallel(outcome: Outcome) -> None:
    """The density along the parallel is that of a line through the middle of the circle, 2 r / (π r²)."""
    values, _ = _band(outcome, "river_density")
    x, y = _centres()
    latitude = np.array(rasterio.warp.transform(CRS, "EPSG:4326", x.ravel(), y.ravel())[1]).reshape(x.shape)
    near = np.abs(latitude - _PARALLEL) < 1e-4
    assert near.any()
    assert np.allclose(values[near], 2 / np.pi, atol=0.02)


def _two_layers(name: str = ""):
    """Return a maker of an inventory in a file of two layers, one of which the path names or not."""

    def make(at: Workplace) -> dict:
        path = layer(at.folder / "slides.gpkg", _POINTS)
        layer(at.folder / "others.gpkg", [_POINTS[0]])
        source = ogr.GetDriverByName("GPKG").Open(str(path), 1)
        others = ogr.Open(str(at.folder / "others.gpkg"))
        source.CopyLayer(others.GetLayer(0), "others")
        return {**_PLAIN, "LANDSLIDES": f"{path}|layername={name}" if name else path}

    return make


def _silent(number: int):
    def holds(outcome: Outcome) -> None:
        assert "several layers" not in outcome.said
        assert outcome.results["LANDSLIDES_USED"] == number

    return holds


def _selection(at: Workplace, selected: bool) -> dict:
    from qgis.core import QgsProcessingFeatureSourceDefinition

    path = layer(at.folder / "rocks.gpkg", [_WEST, _EAST], ["granite", "schist"])
    return {"LITHOLOGY": QgsProcessingFeatureSourceDefinition(str(path), selected), "LITHOLOGY_FIELD": "value"}


def _case(algorithm: str):
    return lambda name, given, make, error="", **more: Case(name, algorithm, given, make, error, **more)


_build, _stack = _case("buildbufferedlabels"), _case("buildfactorstack")
_BOTH = "Points get their radius, polygons keep their shape; as shapely has it."
_LEFT_OUT = r'features of "{}" that are {} were skipped'

CASES = (
    _build(
        "both-polygon-first",
        "An inventory of a polygon and then points",
        _slides([_SCAR, *_POINTS]),
        works=_BOTH,
        said=r"holds 3 points and 1 polygons",
        holds=_labels([_SCAR, *_POINTS]),
    ),
    _build(
        "both-point-first",
        "An inventory of points and then a polygon",
        _slides([*_POINTS, _SCAR]),
        works=_BOTH,
        holds=_labels([_SCAR, *_POINTS]),
    ),
    _build(
        "both-alternating",
        "Points and polygons in turn, one as multi-point and one as multi-polygon",
        _slides(
            [
                _POINTS[0],
                _SCAR,
                f"MultiPoint ({_PLACES[1][0]} {_PLACES[1][1]}, {_PLACES[2][0]} {_PLACES[2][1]})",
                f"MultiPolygon ({_OTHER_SCAR[8:]})",
            ]
        ),
        works=_BOTH,
        holds=_labels([_SCAR, _OTHER_SCAR, *_POINTS]),
    ),
    _build(
        "both-and-a-line",
        "Points, a polygon and a scarp as line",
        _slides([_RIVER, *_POINTS, _SCAR]),
        works="The line is left out, with a warning.",
        said=_LEFT_OUT.format("slides", "lines"),
        holds=_labels([_SCAR, *_POINTS]),
    ),
    _build(
        "both-with-ring",
        "Points and a polygon, with a ring",
        _slides([*_POINTS, _SCAR], RING=300),
        works="The ring lies around both.",
        holds=_labels([_SCAR, *_POINTS]),
    ),
    _build(
        "slides-collections",
        "An inventory of geometry collections",
        _slides([_collection(_SCAR, _RIVER), _collection(_OTHER_SCAR)], RADII=None),
        works="Their polygons are used, their lines left out.",
        said=r'1 features of "slides" are collections',
        holds=_labels([_SCAR, _OTHER_SCAR]),
    ),
    _build(
        "slides-nested-collections",
        "A collection within a collection",
        _slides([_collection(_collection(_SCAR), _collection(_OTHER_SCAR))], RADII=None),
        works="Both polygons are one landslide.",
        holds=_labels([_SCAR, _OTHER_SCAR]),
    ),
    _build(
        "slides-empty-collection",
        "An empty collection beside points",
        _slides(["GeometryCollection EMPTY", *_POINTS]),
        works="The points are used; the log says that one was left out.",
        said=r'1 features of "slides" without geometry',
        holds=_labels(_POINTS),
    ),
    _build(
        "slides-empty-polygon",
        "An empty polygon beside a good one",
        _slides(["Polygon EMPTY", _SCAR], RADII=None),
        works="The good one is used; the log says that one was left out.",
        said=r'1 features of "slides" without geometry',
        holds=_labels([_SCAR]),
    ),
    _build(
        "slides-empty-part",
        "A multi-polygon with an empty part",
        _slides([_WITH_EMPTY], RADII=None),
        works="The other part is used.",
        holds=_labels([_SCAR]),
    ),
    _build(
        "slides-circle",
        "A landslide as a circle of arcs",
        _slides([_CIRCLE], RADII=None),
        works="The arcs become short straight lines.",
        holds=_labels([_DISC], tolerance=2),
    ),
    _build(
        "slides-circle-in-collection",
        "A collection of a circle and a point",
        _slides([_collection(_CIRCLE, _POINTS[0])], RADII=None),
        works="The circle is used, the point left out.",
        said=r"are collections",
        holds=_labels([_DISC], tolerance=2),
    ),
    _build(
        "slides-multi-surface",
        "A multi-surface of a circle and a polygon",
        _slides([f"MultiSurface ({_CIRCLE}, {_OTHER_SCAR[8:]})"], RADII=None),
        works="Both are used.",
        holds=_labels([_DISC, _OTHER_SCAR], tolerance=2),
    ),
    _build(
        "slides-z-and-flat",
        "Points with and without height, and with a measure",
        _slides(
            [f"Point Z ({_PLACES[0][0]} {_PLACES[0][1]} 7)", _POINTS[1], f"Point M ({_PLACES[2][0]} {_PLACES[2][1]} 3)"]
        ),
        works="Height and measure are passed over.",
        holds=_labels(_POINTS),
    ),
    _build(
        "slides-zm-polygons",
        "Polygons with height and measure beside plain points",
        _slides([_SCAR.replace("Polygon", "Polygon ZM").replace(",", " 1 2,").replace("))", " 1 2))"), *_POINTS]),
        works=_BOTH,
        holds=_labels([_SCAR, *_POINTS]),
    ),
    _build("slides-only-lines", "An inventory of lines and a table row", _slides([_RIVER, ""]), r"LANDSLIDES.*lines"),
    _build(
        "slides-lines-undeclared",
        "Lines in a layer of any geometry",
        _slides([_RIVER, _RIVER]),
        r'LANDSLIDES takes points or polygons, but the layer "slides" holds lines',
    ),
    _build(
        "slides-only-empty",
        "Nothing but empty geometries",
        _slides(["Point EMPTY", "Polygon EMPTY"]),
        r"2 without geometry",
    ),
    _build(
        "area-with-a-point",
        "A mapped area beside a point",
        lambda at: {**_slides(_POINTS)(at), **_area([_POINTS[0], WHOLE])(at)},
        works="The polygon is the area; the point is left out.",
        said=_LEFT_OUT.format("area", "points"),
        holds=_used(3),
    ),
    _build(
        "two-layers",
        "An inventory in a file of two layers",
        _two_layers(),
        works="The first layer is used; the log says so.",
        said=r'holds several layers \(slides, others\); the first one, "slides", is used',
        holds=_used(3),
    ),
    _build(
        "two-layers-named",
        "The second layer of a file, by its name",
        _two_layers("others"),
        works="That layer is used.",
        holds=_silent(1),
    ),
    _build(
        "one-layer-of-both",
        "One layer of points and polygons in a file",
        _slides([*_POINTS, _SCAR]),
        works="It counts as one layer.",
        holds=_silent(4),
    ),
    _build(
        "outcome-as-slides",
        "Validation points where landslides should be",
        lambda at: {**_PLAIN, "LANDSLIDES": _own_points(at)},
        r'LANDSLIDES: the layer "Points by outcome" holds .*stable points',
    ),
    _build(
        "outcome-cut-as-slides",
        "Validation points from a Shapefile where landslides should be",
        lambda at: {**_PLAIN, "LANDSLIDES": _cut_names(at)},
        r'LANDSLIDES: the layer "Points by outcome" holds .*stable points',
    ),
    _build(
        "windows-as-slides",
        "Training windows where landslides should be",
        lambda at: {**_PLAIN, "LANDSLIDES": _own_windows(at)},
        r"LANDSLIDES.*training windows",
    ),
    _build(
        "folds-as-slides",
        "Blocks of a cross validation where landslides should be",
        lambda at: {**_PLAIN, "LANDSLIDES": _own_folds(at)},
        r"LANDSLIDES.*blocks of a cross validation",
    ),
    _stack(
        "rocks-and-a-line",
        "A line before rock polygons",
        _rocks([_RIVER, _WEST, _EAST], ["fault", "granite", "schist"]),
        works="The line is left out, with a warning.",
        said=_LEFT_OUT.format("rocks", "lines"),
        holds=_two_rocks,
    ),
    _stack(
        "rocks-and-a-point",
        "Rock polygons and a stray point",
        _rocks([_WEST, _POINTS[0], _EAST], ["granite", "well", "schist"]),
        works="The point is left out, with a warning.",
        said=_LEFT_OUT.format("rocks", "points"),
        holds=_two_rocks,
    ),
    _stack(
        "rocks-collections",
        "Rock polygons in collections",
        _rocks([_collection(_WEST, _RIVER), _collection(_EAST)], ["granite", "schist"]),
        works="The polygons are used.",
        said=r'1 features of "rocks" are collections',
        holds=_two_rocks,
    ),
    _stack(
        "rocks-polyhedral",
        "Rock polygons with heights, as multi-polygons",
        _rocks([f"MultiPolygon ({_WEST[8:]})", _EAST], ["granite", "schist"]),
        works="Both are used.",
        holds=_two_rocks,
    ),
    _stack(
        "rocks-tin",
        "A surface of triangles beside rock polygons",
        _rocks([_TIN, _WEST, _EAST], ["tin", "granite", "schist"]),
        works="What QGIS reads of it is used.",
        holds=lambda outcome: None,
    ),
    _stack(
        "study-area-point-first",
        "A point before the polygon of the study area",
        _area([_POINTS[0], _WEST]),
        works="The polygon is the area; the point is left out.",
        said=_LEFT_OUT.format("area", "points"),
        holds=_west_only,
    ),
    _stack(
        "study-area-only-points",
        "Points where the study area should be",
        _area(_POINTS),
        r"AREA takes polygons, but .* holds points",
    ),
    _stack(
        "rivers-and-lakes",
        "Rivers and a lake, as GeoJSON from OpenStreetMap",
        _geojson,
        works="The lake is left out, with a warning.",
        said=_LEFT_OUT.format("waterways", "polygons"),
        holds=_density([_RIVER]),
    ),
    _stack(
        "rivers-lake-first",
        "A lake and a spring before the rivers",
        _lines("RIVERS", [_LAKE, _POINTS[0], _RIVER]),
        works="Lake and spring are left out, with a warning.",
        said=_LEFT_OUT.format("lines", "points"),
        holds=_density([_RIVER]),
    ),
    _stack(
        "rivers-in-collections",
        "Rivers in collections with their springs",
        _lines("RIVERS", [_collection(_POINTS[0], _RIVER)]),
        works="The lines are used.",
        said=r"are collections",
        holds=_density([_RIVER]),
    ),
    _stack(
        "rivers-empty-part",
        "A multi-line with an empty part",
        _lines("RIVERS", [f"MultiLineString (EMPTY, {_RIVER[11:]})"]),
        works="The other part is used.",
        holds=_density([_RIVER]),
    ),
    _stack(
        "faults-only-polygons",
        "Polygons of any geometry type where faults should be",
        _lines("FAULTS", [_LAKE]),
        r"FAULTS takes lines, but .* holds polygons",
    ),
    _stack(
        "stations-and-polygon",
        "A polygon before weather stations",
        _stations([_LAKE, *_POINTS], [1.0, 900.0, 950.0, 1000.0]),
        works="The polygon is left out, with a warning.",
        said=_LEFT_OUT.format("stations", "polygons"),
    ),
    _stack(
        "stations-as-polygons",
        "Polygons where weather stations should be",
        _stations([_LAKE, _SCAR], [900.0, 950.0]),
        r"PRECIPITATION takes points, but .* holds polygons",
    ),
    _stack(
        "world-as-area",
        "A box around the world as study area",
        _area([_WORLD], "EPSG:4326"),
        works="It covers the grid.",
        holds=_covered,
    ),
    _stack(
        "world-from-0",
        "A box around the world with longitudes from 0 to 360",
        _area([_WORLD_FROM_0], "EPSG:4326"),
        works="It covers the grid.",
        holds=_covered,
    ),
    _stack(
        "world-mercator",
        "A box around the world in Web Mercator",
        _area([_MERCATOR], "EPSG:3857"),
        works="It covers the grid.",
        holds=_covered,
    ),
    _stack(
        "half-world",
        "A box from 25° to 180° east",
        _area(["Polygon ((25 -80, 180 -80, 180 85, 25 85, 25 -80))"], "EPSG:4326"),
        works="It covers the grid.",
        holds=_covered,
    ),
    _stack(
        "zones-along-a-parallel",
        "Zones of 70 degrees that meet at a parallel",
        _rocks([_NORTH, _SOUTH], ["north", "south"], "EPSG:4326"),
        works="Each cell has the zone of its latitude.",
        holds=_zones_by_latitude,
    ),
    _stack(
        "zones-reversed",
        "The same zones as multi-polygons in another order",
        _rocks([f"MultiPolygon ({_SOUTH[8:]})", f"MultiPolygon ({_NORTH[8:]})"], ["south", "north"], "EPSG:4326"),
        works="Each cell has the zone of its latitude.",
        holds=_zones_by_latitude,
    ),
    _stack(
        "river-around-the-world",
        "A river along a parallel around the world",
        _lines("RIVERS", [f"LineString (-180 {_PARALLEL}, 180 {_PARALLEL})"], "EPSG:4326"),
        works="It follows the parallel.",
        holds=_follows_parallel,
    ),
    _stack(
        "rocks-selection",
        "A layer with selected features where a whole one is taken",
        lambda at: _selection(at, True),
        r"LITHOLOGY.*takes a whole layer, not a selection",
    ),
    _stack(
        "rocks-source-definition",
        "A feature source without selection where a layer is taken",
        lambda at: _selection(at, False),
        r"LITHOLOGY.*takes a whole layer, not a selection",
    ),
    Case(
        "judge-both",
        "validatewithpoints",
        "An inventory of points and polygons",
        lambda at: {"LANDSLIDES": layer(at.folder / "slides.gpkg", [*_POINTS, _SCAR, _OTHER_SCAR])},
        works="All are judged: one cell each.",
    ),
    Case(
        "judge-both-cells",
        "validatewithpoints",
        "Points and polygons, every cell of the polygons",
        lambda at: {
            "LANDSLIDES": layer(at.folder / "slides.gpkg", [_SCAR, *_POINTS]),
            "POLYGON_MODE": "cells",
            "DISTANCE": 100,
        },
        works="Cells of polygons and of points are judged.",
        said="Every cell of a landslide polygon counts",
    ),
    Case(
        "judge-outcome",
        "validatewithpoints",
        "Validation points where landslides should be",
        lambda at: {"LANDSLIDES": _own_points(at)},
        r"LANDSLIDES.*holds .*stable points",
    ),
    Case(
        "judge-stable-outcome",
        "validatewithpoints",
        "Validation points as stable points",
        lambda at: {"STABLE": _own_points(at)},
        r"STABLE.*holds .*stable points",
    ),
    Case(
        "compare-both",
        "comparemodels",
        "An inventory of points and polygons",
        lambda at: {"LANDSLIDES": layer(at.folder / "slides.gpkg", [*_POINTS, _SCAR, _OTHER_SCAR])},
        works="The maps are compared.",
    ),
    Case(
        "compare-outcome",
        "comparemodels",
        "Validation points where landslides should be",
        lambda at: {"LANDSLIDES": _own_points(at)},
        r"LANDSLIDES.*holds .*stable points",
    ),
    Case(
        "folds-both",
        "crossvalidate",
        "An inventory of points and polygons",
        lambda at: {"LANDSLIDES": layer(at.folder / "slides.gpkg", [*_POINTS, _SCAR, _OTHER_SCAR])},
        works="The folds are evaluated.",
    ),
    Case(
        "folds-windows",
        "crossvalidate",
        "Training windows where landslides should be",
        lambda at: {"LANDSLIDES": _own_windows(at)},
        r"LANDSLIDES.*training windows",
    ),
    Case(
        "zones-both",
        "classifyzones",
        "An inventory of points and polygons for the breaks",
        lambda at: {
            "METHOD": "landslide_share",
            "LANDSLIDES": layer(at.folder / "slides.gpkg", [*_POINTS, _SCAR, _OTHER_SCAR]),
        },
        works="The zones are cut by all of them.",
    ),
    Case(
        "zones-outcome",
        "classifyzones",
        "Validation points for the breaks",
        lambda at: {"METHOD": "landslide_share", "LANDSLIDES": _own_points(at)},
        r"LANDSLIDES.*holds .*stable points",
    ),
    Case(
        "safety-both",
        "buildsafetyfactor",
        "Points and polygons as historical landslides",
        lambda at: {
            "LANDSLIDES": layer(at.folder / "slides.gpkg", [*_POINTS * 8, _SCAR, _OTHER_SCAR]),
            "K_TABLE": "all,0.01",
        },
        works="All are used.",
    ),
    Case(
        "safety-outcome",
        "buildsafetyfactor",
        "Validation points as historical landslides",
        lambda at: {"LANDSLIDES": _own_points(at)},
        r"LANDSLIDES.*holds .*stable points",
    ),
    Case(
        "warning-regions-mixed",
        "rainfallwarning",
        "Regions and a stray line",
        lambda at: {
            "REGIONS": layer(at.folder / "regions.gpkg", [_RIVER, _WEST, _EAST], ["x", "west", "east"]),
            "REGION_FIELD": "value",
        },
        works="The line is left out, with a warning.",
        said=_LEFT_OUT.format("regions", "lines"),
    ),
    Case(
        "map-area-world",
        "predictsusceptibility",
        "A box around the world as the area to map",
        _area([_WORLD], "EPSG:4326"),
        works="The whole map is made.",
    ),
)
