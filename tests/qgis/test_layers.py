"""Layers of users, converted to what the core takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from qgis.core import QgsCoordinateReferenceSystem, QgsProcessingFeatureSourceDefinition, QgsRasterLayer, QgsVectorLayer
from rasterio.transform import from_origin

from scarp.algorithms.base import layers
from scarp.algorithms.base.arguments import Arguments, grid_crs
from scarp.model.errors import CrsMissing, InputCorrupt, ScarpError
from scarp.model.factors.polygons import AreaMask
from scarp.model.grid import Grid
from scarp.model.progress import NullProgress
from scarp.running.core import Core
from scarp.tests.qgis.tiny import (
    CRS,
    LEFT,
    TOP,
    box,
    in_crs,
    in_project,
    memory_layer,
    new_context,
    write_layer,
    write_raster,
)

GRID = QgsCoordinateReferenceSystem(CRS)
PLACES = [(LEFT + 100.25, TOP - 200.5), (LEFT + 900.0, TOP - 40.125), (LEFT + 33.0, TOP - 77.0)]
FIELDS = "size:string,year:integer"


@pytest.fixture
def read(plugin):
    """Return a function that gives the arguments of one algorithm for some values."""

    def arguments(algorithm, **values):
        definition = plugin.provider.algorithm(algorithm).create()
        core = Core(definition.REQUIRED_MODULES, NullProgress())
        return Arguments(definition, values, new_context(), NullProgress(), core)

    return arguments


def point_rows(values=("a", "b", "c")):
    return [(f"Point ({x} {y})", [value, number]) for number, ((x, y), value) in enumerate(zip(PLACES, values))]


def point_layer(rows=None, **more):
    return memory_layer("Point", FIELDS, point_rows() if rows is None else rows, **more)


def slides(read, layer, fields=()):
    return read("buildbufferedlabels", LANDSLIDES=layer).landslides("LANDSLIDES", GRID, list(fields))


def test_points_from_memory_path_and_project_are_the_same(read, tmp_path):
    rows = point_rows(("a", None, ""))
    memory, path = point_layer(rows, name="slides"), write_layer(tmp_path / "slides.gpkg", "Point", FIELDS, rows)
    with in_project(QgsVectorLayer(f"{path}|layername=slides", "in the project")) as project:
        for given in (memory, str(path), f"{path}|layername=slides", project.id(), "in the project"):
            points = slides(read, given, ["size", "year"])
            np.testing.assert_array_equal(points.xy, PLACES)
            assert points.fields == {"size": ["a", None, ""], "year": [0, 1, 2]}
    assert str(path) in points.source


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32644"])
def test_points_are_transformed_to_the_crs_of_the_grid(read, crs):
    rows = [(in_crs(shape, crs), values) for shape, values in point_rows()]
    points = slides(read, point_layer(rows, crs=crs))
    np.testing.assert_allclose(points.xy, PLACES, atol=0.01)


def test_selection_and_subset_filter_are_kept(read, tmp_path):
    path = write_layer(tmp_path / "slides.gpkg", "Point", FIELDS, point_rows())
    layer = QgsVectorLayer(str(path), "filtered")
    layer.setSubsetString("year > 0")
    points = slides(read, layer, ["year"])
    assert points.fields["year"] == [1, 2]
    layer.setSubsetString("")
    layer.selectByExpression("year = 1")
    with in_project(layer):
        points = slides(read, QgsProcessingFeatureSourceDefinition(layer.id(), True), ["year"])
    assert points.fields["year"] == [1]


def test_z_m_and_parts(read):
    shapes = f"(({LEFT} {TOP} 7 8),({LEFT + 1} {TOP} 7 8))", f"(({LEFT + 2} {TOP} 7 8))"
    rows = [(f"MultiPointZM {shape}", [name, 1]) for shape, name in zip(shapes, "xy")]
    points = slides(read, memory_layer("MultiPointZM", FIELDS, rows), ["size"])
    np.testing.assert_array_equal(points.xy, [[LEFT, TOP], [LEFT + 1, TOP], [LEFT + 2, TOP]])
    assert points.fields["size"] == ["x", "x", "y"]


def test_polygons_keep_holes_and_fields(read):
    ring = f"({LEFT} {TOP}, {LEFT + 90} {TOP}, {LEFT + 90} {TOP - 90}, {LEFT} {TOP - 90}, {LEFT} {TOP})"
    hole = f"({LEFT + 30} {TOP - 30}, {LEFT + 60} {TOP - 30}, {LEFT + 60} {TOP - 60}, {LEFT + 30} {TOP - 30})"
    polygons = slides(read, memory_layer("Polygon", "name:string", [(f"Polygon ({ring},{hole})", ["p"])]), ["name"])
    assert polygons.fields == {"name": ["p"]} and len(polygons.geometries[0]["coordinates"]) == 2
    np.testing.assert_allclose(polygons.bounds(), [[LEFT, TOP - 90, LEFT + 90, TOP]])


def test_curves_become_straight_lines(read):
    around = [(LEFT, TOP), (LEFT + 50, TOP + 50), (LEFT + 100, TOP), (LEFT + 50, TOP - 50), (LEFT, TOP)]
    circle = f"CurvePolygonZ (CircularStringZ ({', '.join(f'{x} {y} 1' for x, y in around)}))"
    polygons = slides(read, memory_layer("CurvePolygonZ", "", [(circle, [])]))
    corners = np.array(polygons.geometries[0]["coordinates"][0])
    assert corners.shape[1] == 2 and len(corners) > 50
    np.testing.assert_allclose(np.hypot(corners[:, 0] - LEFT - 50, corners[:, 1] - TOP), 50, atol=1e-6)


def test_lines_equal_their_vertices_and_multi_lines_are_split_into_parts(read):
    first, second = [(0.125, 0), (5, 2)], [(0, 0), (0, -5), (1, -5)]
    one, other = (", ".join(f"{LEFT + x} {TOP + y} 1" for x, y in part) for part in (first, second))
    many = ("MultiLineString", f"(({one}),({other}))", [first, second])
    for kind, wkt, parts in (many, ("LineString", f"({one})", [first])):
        layer = memory_layer(f"{kind}Z", "", [(f"{kind}Z {wkt}", [])])
        found = read("buildfactorstack", RIVERS=layer).lines("RIVERS", GRID).parts
        assert [(np.array(part) - (LEFT, TOP)).tolist() for part in found] == [list(map(list, part)) for part in parts]


NEAR = (LEFT, TOP - 1000, LEFT + 1000, TOP)


def _scattered(crs):
    """Return lines far from, within and across ``NEAR``, in another CRS."""
    random = np.random.default_rng(0)
    lines = []
    for x, y in [*random.uniform(-60_000, 60_000, (200, 2)), *random.uniform((-800, -1800), (1800, 800), (60, 2))]:
        dx, dy = random.normal(0, 300, 2)
        lines.append(f"LineString ({LEFT + x} {TOP + y}, {LEFT + x + dx} {TOP + y + dy})")
    # Far from the area at both ends, and through its middle.
    lines.append(f"LineString ({LEFT - 90_000} {TOP - 500}, {LEFT + 90_000} {TOP - 500})")
    return [(in_crs(line, crs), []) for line in lines]


def _reaching(parts):
    """Return the bounding boxes that reach into ``NEAR``, sorted."""
    boxes = [(*part.min(axis=0), *part.max(axis=0)) for part in parts]
    left, bottom, right, top = NEAR
    return sorted(box for box in boxes if box[0] <= right and box[2] >= left and box[1] <= top and box[3] >= bottom)


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:3857", "EPSG:32644"])
def test_of_a_large_layer_only_features_near_the_grid_are_read(read, monkeypatch, crs):
    arguments = read("buildfactorstack", RIVERS=memory_layer("LineString", "", _scattered(crs), crs=crs))
    whole = arguments.lines("RIVERS", GRID, NEAR).parts
    monkeypatch.setattr(layers, "LARGE_LAYER", 100)
    part = arguments.lines("RIVERS", GRID, NEAR).parts
    assert len(part) < 100 < len(whole) == 261 and len(_reaching(whole)) > 10
    np.testing.assert_array_equal(_reaching(part), _reaching(whole))


def test_a_large_layer_far_from_the_grid_is_read_whole(read, monkeypatch):
    monkeypatch.setattr(layers, "LARGE_LAYER", 100)
    starts = [(LEFT + side, TOP + 9 * number) for side in (-90_000, 90_000) for number in range(100)]
    rows = [(f"LineString ({x} {y}, {x + 5} {TOP})", []) for x, y in starts]
    arguments = read("buildfactorstack", RIVERS=memory_layer("LineString", "", rows))
    assert len(arguments.lines("RIVERS", GRID, NEAR).parts) == 200


def test_of_a_large_polygon_layer_only_features_near_the_grid_are_read(read, monkeypatch):
    monkeypatch.setattr(layers, "LARGE_LAYER", 100)
    corners = [(LEFT + 1000 * column, TOP + 1000 * row) for column in range(-20, 20) for row in range(-20, 20)]
    shapes = (f"Polygon (({x} {y}, {x + 900} {y}, {x} {y - 900}, {x} {y}))" for x, y in corners)
    rows = [(shape, [str(number)]) for number, shape in enumerate(shapes)]
    arguments = read("buildfactorstack", LITHOLOGY=memory_layer("Polygon", "rock:string", rows), LITHOLOGY_FIELD="rock")
    few = arguments.classes("LITHOLOGY", GRID, NEAR).polygons
    assert 4 <= len(few) < 40
    monkeypatch.setattr(layers, "LARGE_LAYER", 10_000)
    whole = arguments.classes("LITHOLOGY", GRID, NEAR).polygons
    assert len(whole) == 1600
    left, bottom, right, top = whole.bounds().T
    reach = (left <= NEAR[2]) & (right >= NEAR[0]) & (bottom <= NEAR[3]) & (top >= NEAR[1])
    assert {whole.fields["rock"][number] for number in np.flatnonzero(reach)} <= set(few.fields["rock"])


def test_strange_layers_are_read_or_refused(plugin, tmp_path):
    """A slice of the campaign ``fuzz_vectors``, the same on every run."""
    from scarp.tests.reliability.vector_target import VectorTarget

    target, read, refusals = VectorTarget(tmp_path), 0, []
    for number in range(250):
        target.make(7, number)
        try:
            target.read()
            read += 1
        except ScarpError as error:
            refusals.append(str(error))
    assert read > 25
    assert len(refusals) > 25
    assert max(map(len, refusals)) < 900


WORLDS = {
    "from -180": ("EPSG:4326", box(-180, 90, 180, -90)),
    "from 0": ("EPSG:4326", box(0, 90, 360, -90)),
    "Web Mercator": ("EPSG:3857", box(-20037508, 20037508, 20037508, -20037508)),
}
GRIDS_OF_THE_WORLD = [
    ("EPSG:32643", 300000, 3850000),
    ("EPSG:32660", 780000, 7200000),
    ("EPSG:32760", 780000, 4700000),
    ("EPSG:32601", 200000, 200000),
    ("EPSG:3413", 500000, -2100000),
    ("EPSG:3031", -100000, 1200000),
    ("EPSG:3035", 4000000, 3100000),
    ("EPSG:5070", -2000000, 2600000),
    ("EPSG:3857", -20037000, -1900000),
    ("EPSG:2193", 1500000, 5200000),
    ("EPSG:8857", -16900000, 500000),
]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("crs", "left", "top"), GRIDS_OF_THE_WORLD)
def test_a_box_around_the_world_covers_any_grid(read, world, crs, left, top):
    layer_crs, shape = WORLDS[world]
    grid = Grid(rasterio.CRS.from_string(crs), from_origin(left, top, 2000.0, 2000.0), 40, 40)
    arguments = read("buildfactorstack", AREA=memory_layer("Polygon", "", [(shape, [])], crs=layer_crs))
    arguments.bounds = grid.bounds
    area = AreaMask(grid, arguments.polygons("AREA", QgsCoordinateReferenceSystem(crs)))
    assert area.read(grid.whole).all()


@pytest.mark.parametrize(
    ("bounds", "left", "right"),
    [((179, -10, 181, 10), -180, 180), ((-181, -10, -179, 10), -180, 180), ((-76, -10, -74, 10), 284, 286)],
)
def test_on_a_grid_in_degrees_polygons_are_wherever_their_longitude_is(read, bounds, left, right):
    shape = f"Polygon (({left} -80, {right} -80, {right} 80, {left} 80, {left} -80))"
    arguments = read("buildfactorstack", AREA=memory_layer("Polygon", "", [(shape, [])], crs="EPSG:4326"))
    arguments.bounds = bounds
    found = arguments.polygons("AREA", QgsCoordinateReferenceSystem("EPSG:4326")).bounds()
    middle = np.linspace(bounds[0], bounds[2], 20)[1:-1]
    assert ((found[:, 0] <= middle[:, None]) & (found[:, 2] >= middle[:, None])).any(axis=1).all()


def test_a_layer_in_a_local_crs_is_refused(read):
    layer = point_layer()
    layer.setCrs(QgsCoordinateReferenceSystem.fromWkt('LOCAL_CS["site",UNIT["metre",1]]'))
    with pytest.raises(CrsMissing, match="LANDSLIDES.*cannot be transformed"):
        slides(read, layer)


def test_classes_from_polygons_and_from_a_raster(read, tmp_path):
    square = f"Polygon (({LEFT} {TOP}, {LEFT + 90} {TOP}, {LEFT + 90} {TOP - 90}, {LEFT} {TOP}))"
    layer = memory_layer("Polygon", "rock:string", [(square, ["schist"])], name="geology")
    found = read("buildfactorstack", LITHOLOGY=layer, LITHOLOGY_FIELD="rock").classes("LITHOLOGY", GRID)
    assert (found.polygons.fields, found.field, found.raster) == ({"rock": ["schist"]}, "rock", None)
    path = write_raster(tmp_path / "geology.tif", np.ones((4, 4)))
    found = read("buildfactorstack", LITHOLOGY=str(path)).classes("LITHOLOGY", GRID)
    assert (found.raster, found.polygons, found.name) == (str(path), None, "geology")


def test_rasters_must_be_files(read, tmp_path):
    path = write_raster(tmp_path / "dem.tif", np.ones((4, 4)))
    assert read("buildfactorstack", DEM=str(path)).raster("DEM") == str(path)
    other = QgsRasterLayer("type=xyz&url=file:///nowhere/%7Bz%7D.png", "tiles", "wms")
    assert other.isValid()
    with pytest.raises(InputCorrupt, match="no raster file"):
        read("buildfactorstack", DEM=other).raster("DEM")


def test_a_crs_given_only_in_the_project_gives_a_warning(read, tmp_path):
    layer = QgsRasterLayer(str(write_raster(tmp_path / "dem.tif", np.ones((4, 4)))), "dem")
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    arguments = read("buildfactorstack", DEM=layer)
    arguments.raster("DEM")
    assert any("EPSG:4326" in text and CRS in text for text in arguments.progress.warnings)


TABLES = [("1,600,2,500", "1,600,2,500"), (["1", "600"], ["1", "600"]), ([1.0, 600.0], [1, 600])]


@pytest.mark.parametrize(("given", "wanted"), [*TABLES, ([["a", 1.5]], ["a", 1.5]), (None, None)])
def test_tables_are_text_or_lists(read, given, wanted):
    assert read("buildbufferedlabels", RADII=given).table("RADII") == wanted


def test_the_crs_of_the_grid_outlives_the_thread_of_an_earlier_run(qgis_app):
    # A WKT that nothing else has asked for: QGIS caches the objects by their WKT.
    wkt = QgsCoordinateReferenceSystem("EPSG:32719").toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED) + " "
    with ThreadPoolExecutor(1) as second:
        with ThreadPoolExecutor(1) as first:
            kept = [pool.submit(grid_crs, wkt, "a.tif", "DEM").result() for pool in (first, second)]
        content = second.submit(kept[1].toWkt).result()
    assert kept[1].isValid() and "32719" in content
    later = grid_crs(wkt, "a.tif", "DEM")
    assert later.toWkt() and later.authid() == "EPSG:32719"
