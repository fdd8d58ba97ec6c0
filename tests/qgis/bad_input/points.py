"""Landslide points of every form, and the sizes that inventories record."""

from __future__ import annotations

import numpy as np
import rasterio
from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsProject

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import (
    ELSEWHERE,
    corrupt,
    empty,
    many_points,
    places,
    points,
    raster,
    text,
    truncated,
)
from scarp.tests.qgis.tiny import CELL, LEFT, SIZE, TOP, memory_layer

PLAIN = {"SCALE_FIELD": None, "RADII": "unrecorded,90"}
"""Labels without sizes."""
_MIDDLE = (LEFT + 60.5 * CELL, TOP - 60.5 * CELL)
_CORNER = f"Polygon (({LEFT} {TOP}, {LEFT + 600} {TOP}, {LEFT + 600} {TOP - 600}, {LEFT} {TOP}))"


def _layer(geometry: str, shapes, fields: str = "", rows=None, crs: str | None = "EPSG:32643", **more):
    """Return a maker of parameters with landslides from WKT."""

    def make(at: Workplace) -> dict:
        values = rows if rows is not None else [[] for _ in shapes]
        return {
            **PLAIN,
            "LANDSLIDES": memory_layer(geometry, fields, list(zip(shapes, values)), crs=crs or "", name="slides"),
            **more,
        }

    return make


def _sizes(values, radii: str = "large,150,small,90,unrecorded,60", kind: str = "string"):
    """Return a maker of parameters with a recorded size a landslide."""
    shapes = [f"Point ({LEFT + 400 + 500 * (i % 6)} {TOP - 400 - 500 * (i // 6)})" for i in range(len(values))]
    return _layer("Point", shapes, f"scale:{kind}", [[value] for value in values], SCALE_FIELD="scale", RADII=radii)


def _used(number: int):
    def holds(outcome: Outcome) -> None:
        assert outcome.results["LANDSLIDES_USED"] == number, outcome.said
        assert outcome.results["LANDSLIDE_CELLS"] > 0

    return holds


def _as_plain(outcome: Outcome) -> None:
    """The labels are those that plain points of the same places make."""
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        mine = dataset.read(1)
        transform = dataset.transform
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    x, y = transform.c + transform.a * columns, transform.f + transform.e * rows
    near = np.zeros(mine.shape, dtype=bool)
    for px, py in places(outcome.at):
        near |= np.hypot(x - px, y - py) <= 90
    known = mine != 255
    assert (mine[known] == 1).sum() > 100
    # Points that went through degrees and back lie a hair beside where they were.
    assert ((mine == 1) != near)[known].sum() <= 2


def _multi(at: Workplace) -> dict:
    both = places(at)
    shapes = [
        "MultiPoint (" + ", ".join(f"({x} {y})" for x, y in both[i : i + 5]) + ")" for i in range(0, len(both), 5)
    ]
    return {**PLAIN, "LANDSLIDES": memory_layer("MultiPoint", "", [(shape, []) for shape in shapes])}


def _in_degrees(at: Workplace) -> dict:
    there = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem("EPSG:32643"), QgsCoordinateReferenceSystem("EPSG:4326"), QgsProject.instance()
    )
    moved = [there.transform(x, y) for x, y in places(at)]
    return {**PLAIN, "LANDSLIDES": points([(place.x(), place.y()) for place in moved], crs="EPSG:4326")}


def _many(at: Workplace) -> dict:
    return {**PLAIN, "RADII": "unrecorded,10", "LANDSLIDES": many_points()}


def _in_one_cell(number: int) -> list[tuple[float, float]]:
    rng = np.random.default_rng(4)
    return [(_MIDDLE[0] + dx, _MIDDLE[1] + dy) for dx, dy in rng.uniform(-14, 14, (number, 2))]


def _hole(at: Workplace):
    values = np.ones((SIZE, SIZE))
    values[50:70, 50:70] = -9999
    return raster(at.folder / "grid.tif", values)


def _all_large(outcome: Outcome) -> None:
    _used(5)(outcome)
    assert "does not list" not in outcome.said
    # A circle of 150 m has 79 cells of 30 m; the points do not lie in the middles of cells.
    assert 5 * 70 < outcome.results["LANDSLIDE_CELLS"] < 5 * 85


def _plain(places_, **more):
    """Return a maker of parameters with points and no sizes."""
    return lambda at: {**PLAIN, "LANDSLIDES": points(places_, **more)}


def _area(rows):
    return lambda at: {"AREA": memory_layer("Polygon", "", rows, name="county")}


def _stations(places_, values, kind: str = "note:string"):
    field = kind.split(":")[0]
    rows = [[value] for value in values]
    return lambda at: {"PRECIPITATION": points(places_, kind, rows, name="stations"), "PRECIPITATION_FIELD": field}


def _labels(name: str, given: str, make, error: str = "", **more) -> Case:
    return Case(name, "buildbufferedlabels", given, make, error, **more)


def _stack(name: str, given: str, make, error: str = "", **more) -> Case:
    return Case(name, "buildfactorstack", given, make, error, **more)


CASES = (
    _labels(
        "slides-missing",
        "An inventory that does not exist",
        lambda at: {"LANDSLIDES": at.folder / "slides.gpkg"},
        r'LANDSLIDES.*there is no file or layer ".*slides\.gpkg"',
    ),
    _labels(
        "slides-empty-file",
        "A GeoPackage of no bytes",
        lambda at: {"LANDSLIDES": empty(at.folder / "slides.gpkg")},
        r"slides\.gpkg.* cannot be opened",
    ),
    _labels(
        "slides-truncated",
        "The first tenth of a GeoPackage",
        lambda at: {"LANDSLIDES": truncated(at.area / "landslides.gpkg", at.folder / "slides.gpkg", 0.1)},
        r"slides\.gpkg.* cannot be opened",
    ),
    _labels(
        "slides-corrupt",
        "A GeoPackage with noise in it",
        lambda at: {"LANDSLIDES": corrupt(at.area / "landslides.gpkg", at.folder / "slides.gpkg", 0.02, 0.99)},
        r"slides",
    ),
    _labels(
        "slides-text",
        "A text file called slides.shp",
        lambda at: {"LANDSLIDES": text(at.folder / "slides.shp")},
        r"slides\.shp.* cannot be opened",
    ),
    _labels(
        "slides-raster",
        "A raster where the inventory should be",
        lambda at: {"LANDSLIDES": at.area / "dem.tif"},
        r"LANDSLIDES.*dem\.tif.* cannot be opened as a vector layer",
    ),
    _labels("slides-no-feature", "An inventory without any feature", _layer("Point", []), r'"slides" has no feature'),
    _labels(
        "slides-no-geometry",
        "An inventory in which no point has a geometry",
        _layer("Point", ["", "", ""]),
        r'LANDSLIDES: no feature of "slides" can be used; 3 without geometry',
    ),
    _labels(
        "slides-some-no-geometry",
        "Two of three points without geometry",
        _layer("Point", ["", f"Point ({_MIDDLE[0]} {_MIDDLE[1]})", ""]),
        works="The third is used; the log says that two were left out.",
        said=r'2 features of "slides" without geometry',
        holds=_used(1),
    ),
    _labels(
        "slides-table",
        "A table without geometry as inventory",
        _layer("None", [""], "note:string", [["high up"]]),
        r"LANDSLIDES",
    ),
    _labels(
        "slides-nan",
        "A point whose coordinates are NaN, beside a good one",
        _plain([(float("nan"), float("nan")), _MIDDLE]),
        works="The good one is used; the log says that one was left out.",
        said=r"1 features .*skipped",
        holds=_used(1),
    ),
    _labels(
        "slides-multi",
        "Multi-points of five landslides each",
        _multi,
        works="Every part is a landslide: the labels are those of single points.",
        holds=_as_plain,
    ),
    _labels(
        "slides-z-and-m",
        "Points with height and measure",
        lambda at: {
            **PLAIN,
            "LANDSLIDES": memory_layer("PointZM", "", [(f"PointZM ({x} {y} 812 7)", []) for x, y in places(at)]),
        },
        works="Height and measure are passed over: the labels are those of plain points.",
        holds=_as_plain,
    ),
    _labels(
        "slides-other-crs",
        "Points in degrees on a grid in metres",
        _in_degrees,
        works="They are brought into the grid's CRS: the labels are those of the points in metres.",
        holds=_as_plain,
    ),
    _labels(
        "slides-wrong-crs",
        "Points in degrees whose layer says metres",
        _plain([(72.8, 34.7), (72.81, 34.71)]),
        r"None of the 2 landslides .*CRS",
    ),
    _labels(
        "slides-no-crs",
        "An inventory without CRS",
        _layer("Point", [f"Point ({_MIDDLE[0]} {_MIDDLE[1]})"], crs=None),
        r"LANDSLIDES has no coordinate reference system",
    ),
    _labels(
        "slides-all-outside",
        "All landslides outside the grid",
        _layer("Point", [ELSEWHERE] * 3),
        r"None of the 3 landslides .*lies inside",
    ),
    _labels(
        "slides-some-outside",
        "One landslide of two outside the grid",
        _layer("Point", [ELSEWHERE, f"Point ({_MIDDLE[0]} {_MIDDLE[1]})"]),
        works="The other one is used; the log counts the one outside.",
        said=r"1 .*outside",
        holds=_used(1),
    ),
    _labels(
        "slides-one-cell",
        "Fifty landslides in one cell",
        _plain(_in_one_cell(50)),
        works="All count, and make one patch.",
        holds=_used(50),
    ),
    _labels("slides-one", "One landslide only", _plain([_MIDDLE]), works="It makes one patch.", holds=_used(1)),
    _labels("slides-100000", "100,000 landslides", _many, works="All are used.", holds=_used(100_000)),
    _labels(
        "slides-on-nodata",
        "Landslides only where the reference has no data",
        lambda at: {**_plain([_MIDDLE])(at), "REFERENCE": _hole(at)},
        r"No cell got a landslide label",
    ),
    _labels(
        "slides-outside-area",
        "Landslides only outside AREA",
        lambda at: {**_plain([_MIDDLE])(at), **_area([(_CORNER, [])])(at)},
        r"No cell got a landslide label: .*AREA",
    ),
    _labels(
        "area-elsewhere",
        "AREA in another country",
        _area([("Polygon ((0 0, 0 900, 900 900, 0 0))", [])]),
        r"county|AREA",
    ),
    _labels("area-empty", "AREA without any polygon", _area([]), r"county|AREA"),
    _labels(
        "sizes-blank",
        "Sizes of blanks, empty and null among large ones",
        _sizes(["large", "  ", "", None, "large"]),
        works="Those without a size get the radius of the unrecorded.",
        holds=_used(5),
    ),
    _labels(
        "sizes-mixed",
        "Large, LARGE, large-scale, 大型 and big for one size",
        _sizes(["Large", "LARGE ", "large-scale", "大型", "big"], "large,150,unrecorded,60"),
        works="All are the same size; nothing is said to be unknown.",
        holds=_all_large,
    ),
    _labels(
        "sizes-unknown",
        "Sizes that RADII does not list",
        _sizes(["large", "enormous", "tiny"]),
        works="They get the radius of the unrecorded, and the log names them.",
        said=r'"enormous" \(1\)',
        holds=_used(3),
    ),
    _labels(
        "sizes-codes",
        "Sizes in codes 1 to 3 that RADII does not list",
        _sizes(["1", "2", "3"]),
        r'"scale" holds the codes 1, 2, 3',
    ),
    _labels(
        "sizes-number-text",
        "Codes as text, 1, 1.0 and 2, that RADII lists",
        _sizes(["1", "1.0", "2"], "1,150,2,90,unrecorded,60"),
        works="1 and 1.0 are the same size.",
        holds=_used(3),
    ),
    _labels(
        "sizes-numbers",
        "Codes as numbers that RADII lists as text",
        _sizes([1, 2, 2], "1,150,2,90", "integer"),
        works="Each gets its radius.",
        holds=_used(3),
    ),
    _labels(
        "sizes-no-field",
        "SCALE_FIELD names a field that the layer lacks",
        lambda at: {"SCALE_FIELD": "magnitude"},
        r"magnitude",
    ),
    _stack(
        "slides-polygons-for-rivers",
        "Points where rivers should be",
        lambda at: {"RIVERS": at.area / "landslides.gpkg"},
        r"RIVERS",
    ),
    _stack(
        "stations-text",
        "Weather stations whose rain is a text",
        _stations([(LEFT + 100 * i, TOP - 100 * i) for i in range(9)], ["about 900"] * 9),
        r'"note" of the layer "stations" .*numbers.*"about 900"',
    ),
    _stack(
        "stations-comma",
        "Weather stations whose rain is a text with decimal commas",
        _stations([(LEFT + 400 * i, TOP - 300 * (i * 3 % 8)) for i in range(9)], [f"{900 + i},5" for i in range(9)]),
        works="The commas are read as points.",
    ),
    _stack("stations-one", "One weather station only", _stations([_MIDDLE], [900.0], "mm:double"), r"stations"),
    _stack(
        "stations-one-place",
        "Nine weather stations at one place",
        _stations([_MIDDLE] * 9, [900.0 + i for i in range(9)], "mm:double"),
        r"stations",
    ),
)
