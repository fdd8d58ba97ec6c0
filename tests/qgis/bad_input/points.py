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


CASES = (
    Case(
        "slides-missing",
        "buildbufferedlabels",
        "An inventory that does not exist",
        lambda at: {"LANDSLIDES": at.folder / "slides.gpkg"},
        r'LANDSLIDES.*there is no file or layer ".*slides\.gpkg"',
    ),
    Case(
        "slides-empty-file",
        "buildbufferedlabels",
        "A GeoPackage of no bytes",
        lambda at: {"LANDSLIDES": empty(at.folder / "slides.gpkg")},
        r"slides\.gpkg.* cannot be opened",
    ),
    Case(
        "slides-truncated",
        "buildbufferedlabels",
        "The first tenth of a GeoPackage",
        lambda at: {"LANDSLIDES": truncated(at.area / "landslides.gpkg", at.folder / "slides.gpkg", 0.1)},
        r"slides\.gpkg.* cannot be opened",
    ),
    Case(
        "slides-corrupt",
        "buildbufferedlabels",
        "A GeoPackage with noise in it",
        lambda at: {"LANDSLIDES": corrupt(at.area / "landslides.gpkg", at.folder / "slides.gpkg", 0.02, 0.99)},
        r"slides",
    ),
    Case(
        "slides-text",
        "buildbufferedlabels",
        "A text file called slides.shp",
        lambda at: {"LANDSLIDES": text(at.folder / "slides.shp")},
        r"slides\.shp.* cannot be opened",
    ),
    Case(
        "slides-raster",
        "buildbufferedlabels",
        "A raster where the inventory should be",
        lambda at: {"LANDSLIDES": at.area / "dem.tif"},
        r"LANDSLIDES.*dem\.tif.* cannot be opened as a vector layer",
    ),
    Case(
        "slides-no-feature",
        "buildbufferedlabels",
        "An inventory without any feature",
        _layer("Point", []),
        r'"slides" has no feature',
    ),
    Case(
        "slides-no-geometry",
        "buildbufferedlabels",
        "An inventory in which no point has a geometry",
        _layer("Point", ["", "", ""]),
        r'LANDSLIDES: no feature of "slides" can be used; 3 without geometry',
    ),
    Case(
        "slides-some-no-geometry",
        "buildbufferedlabels",
        "Two of three points without geometry",
        _layer("Point", ["", f"Point ({_MIDDLE[0]} {_MIDDLE[1]})", ""]),
        works="The third is used; the log says that two were left out.",
        said=r'2 features of "slides" without geometry',
        holds=_used(1),
    ),
    Case(
        "slides-table",
        "buildbufferedlabels",
        "A table without geometry as inventory",
        _layer("None", [""], "note:string", [["high up"]]),
        r"LANDSLIDES",
    ),
    Case(
        "slides-nan",
        "buildbufferedlabels",
        "A point whose coordinates are NaN, beside a good one",
        lambda at: {**PLAIN, "LANDSLIDES": points([(float("nan"), float("nan")), _MIDDLE])},
        works="The good one is used; the log says that one was left out.",
        said=r"1 features .*left out",
        holds=_used(1),
    ),
    Case(
        "slides-multi",
        "buildbufferedlabels",
        "Multi-points of five landslides each",
        _multi,
        works="Every part is a landslide: the labels are those of single points.",
        holds=_as_plain,
    ),
    Case(
        "slides-z-and-m",
        "buildbufferedlabels",
        "Points with height and measure",
        lambda at: {
            **PLAIN,
            "LANDSLIDES": memory_layer("PointZM", "", [(f"PointZM ({x} {y} 812 7)", []) for x, y in places(at)]),
        },
        works="Height and measure are passed over: the labels are those of plain points.",
        holds=_as_plain,
    ),
    Case(
        "slides-other-crs",
        "buildbufferedlabels",
        "Points in degrees on a grid in metres",
        _in_degrees,
        works="They are brought into the grid's CRS: the labels are those of the points in metres.",
        holds=_as_plain,
    ),
    Case(
        "slides-wrong-crs",
        "buildbufferedlabels",
        "Points in degrees whose layer says metres",
        lambda at: {**PLAIN, "LANDSLIDES": points([(72.8, 34.7), (72.81, 34.71)])},
        r"None of the 2 landslides .*CRS",
    ),
    Case(
        "slides-no-crs",
        "buildbufferedlabels",
        "An inventory without CRS",
        _layer("Point", [f"Point ({_MIDDLE[0]} {_MIDDLE[1]})"], crs=None),
        r"LANDSLIDES has no coordinate reference system",
    ),
    Case(
        "slides-all-outside",
        "buildbufferedlabels",
        "All landslides outside the grid",
        _layer("Point", [ELSEWHERE] * 3),
        r"None of the 3 landslides .*lies inside",
    ),
    Case(
        "slides-some-outside",
        "buildbufferedlabels",
        "One landslide of two outside the grid",
        _layer("Point", [ELSEWHERE, f"Point ({_MIDDLE[0]} {_MIDDLE[1]})"]),
        works="The other one is used; the log counts the one outside.",
        said=r"1 .*outside",
        holds=_used(1),
    ),
    Case(
        "slides-one-cell",
        "buildbufferedlabels",
        "Fifty landslides in one cell",
        lambda at: {**PLAIN, "LANDSLIDES": points(_in_one_cell(50))},
        works="All count, and make one patch.",
        holds=_used(50),
    ),
    Case(
        "slides-one",
        "buildbufferedlabels",
        "One landslide only",
        lambda at: {**PLAIN, "LANDSLIDES": points([_MIDDLE])},
        works="It makes one patch.",
        holds=_used(1),
    ),
    Case(
        "slides-100000", "buildbufferedlabels", "100,000 landslides", _many, works="All are used.", holds=_used(100_000)
    ),
    Case(
        "slides-on-nodata",
        "buildbufferedlabels",
        "Landslides only where the reference has no data",
        lambda at: {**PLAIN, "LANDSLIDES": points([_MIDDLE]), "REFERENCE": _hole(at)},
        r"No cell got a landslide label",
    ),
    Case(
        "slides-outside-area",
        "buildbufferedlabels",
        "Landslides only outside AREA",
        lambda at: {
            **PLAIN,
            "LANDSLIDES": points([_MIDDLE]),
            "AREA": memory_layer(
                "Polygon",
                "",
                [(f"Polygon (({LEFT} {TOP}, {LEFT + 600} {TOP}, {LEFT + 600} {TOP - 600}, {LEFT} {TOP}))", [])],
            ),
        },
        r"No cell got a landslide label: .*AREA",
    ),
    Case(
        "area-elsewhere",
        "buildbufferedlabels",
        "AREA in another country",
        lambda at: {"AREA": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="county")},
        r"county|AREA",
    ),
    Case(
        "area-empty",
        "buildbufferedlabels",
        "AREA without any polygon",
        lambda at: {"AREA": memory_layer("Polygon", "", [], name="county")},
        r"county|AREA",
    ),
    Case(
        "sizes-blank",
        "buildbufferedlabels",
        "Sizes of blanks, empty and null among large ones",
        _sizes(["large", "  ", "", None, "large"]),
        works="Those without a size get the radius of the unrecorded.",
        holds=_used(5),
    ),
    Case(
        "sizes-mixed",
        "buildbufferedlabels",
        "Large, LARGE, large-scale, 大型 and big for one size",
        _sizes(["Large", "LARGE ", "large-scale", "大型", "big"], "large,150,unrecorded,60"),
        works="All are the same size; nothing is said to be unknown.",
        holds=lambda outcome: _all_large(outcome),
    ),
    Case(
        "sizes-unknown",
        "buildbufferedlabels",
        "Sizes that RADII does not list",
        _sizes(["large", "enormous", "tiny"]),
        works="They get the radius of the unrecorded, and the log names them.",
        said=r'"enormous" \(1\)',
        holds=_used(3),
    ),
    Case(
        "sizes-codes",
        "buildbufferedlabels",
        "Sizes in codes 1 to 3 that RADII does not list",
        _sizes(["1", "2", "3"]),
        r'"scale" holds the codes 1, 2, 3',
    ),
    Case(
        "sizes-number-text",
        "buildbufferedlabels",
        "Codes as text, 1, 1.0 and 2, that RADII lists",
        _sizes(["1", "1.0", "2"], "1,150,2,90,unrecorded,60"),
        works="1 and 1.0 are the same size.",
        holds=_used(3),
    ),
    Case(
        "sizes-numbers",
        "buildbufferedlabels",
        "Codes as numbers that RADII lists as text",
        _sizes([1, 2, 2], "1,150,2,90", "integer"),
        works="Each gets its radius.",
        holds=_used(3),
    ),
    Case(
        "sizes-no-field",
        "buildbufferedlabels",
        "SCALE_FIELD names a field that the layer lacks",
        lambda at: {"SCALE_FIELD": "magnitude"},
        r"magnitude",
    ),
    Case(
        "slides-polygons-for-rivers",
        "buildfactorstack",
        "Points where rivers should be",
        lambda at: {"RIVERS": at.area / "landslides.gpkg"},
        r"RIVERS",
    ),
    Case(
        "stations-text",
        "buildfactorstack",
        "Weather stations whose rain is a text",
        lambda at: {
            "PRECIPITATION": points(
                [(LEFT + 100 * i, TOP - 100 * i) for i in range(9)], "note:string", [["about 900"]] * 9, name="stations"
            ),
            "PRECIPITATION_FIELD": "note",
        },
        r'"note" of the layer "stations" .*numbers.*"about 900"',
    ),
    Case(
        "stations-comma",
        "buildfactorstack",
        "Weather stations whose rain is a text with decimal commas",
        lambda at: {
            "PRECIPITATION": points(
                [(LEFT + 400 * i, TOP - 300 * (i * 3 % 8)) for i in range(9)],
                "note:string",
                [[f"{900 + i},5"] for i in range(9)],
                name="stations",
            ),
            "PRECIPITATION_FIELD": "note",
        },
        works="The commas are read as points.",
    ),
    Case(
        "stations-one",
        "buildfactorstack",
        "One weather station only",
        lambda at: {
            "PRECIPITATION": points([_MIDDLE], "mm:double", [[900.0]], name="stations"),
            "PRECIPITATION_FIELD": "mm",
        },
        r"stations",
    ),
    Case(
        "stations-one-place",
        "buildfactorstack",
        "Nine weather stations at one place",
        lambda at: {
            "PRECIPITATION": points([_MIDDLE] * 9, "mm:double", [[900.0 + i] for i in range(9)], name="stations"),
            "PRECIPITATION_FIELD": "mm",
        },
        r"stations",
    ),
)


def _hole(at: Workplace):
    values = np.ones((SIZE, SIZE))
    values[50:70, 50:70] = -9999
    return raster(at.folder / "grid.tif", values)


def _all_large(outcome: Outcome) -> None:
    _used(5)(outcome)
    assert "does not list" not in outcome.said
    # A circle of 150 m has 79 cells of 30 m; the points do not lie in the middles of cells.
    assert 5 * 70 < outcome.results["LANDSLIDE_CELLS"] < 5 * 85
