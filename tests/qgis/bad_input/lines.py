"""Lines and polygons with broken shapes, or of the wrong kind."""

from __future__ import annotations

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import BOTTOM, RIGHT, WHOLE
from scarp.tests.qgis.tiny import CELL, LEFT, TOP, memory_layer

_BOW_TIE = (
    f"Polygon (({LEFT} {TOP}, {LEFT + 1500} {TOP - 1500}, {LEFT + 1500} {TOP}, {LEFT} {TOP - 1500}, {LEFT} {TOP}))"
)
_SPIKE = f"Polygon (({LEFT} {TOP}, {LEFT + 900} {TOP - 900}, {LEFT} {TOP}))"
_DIAGONAL = f"LineString ({LEFT} {TOP}, {RIGHT} {BOTTOM})"


def _rivers(shapes, geometry: str = "LineString", crs: str | None = "EPSG:32643"):
    return lambda at: {
        "RIVERS": memory_layer(geometry, "", [(shape, []) for shape in shapes], crs=crs or "", name="rivers")
    }


def _slides(shapes):
    return lambda at: {
        "SCALE_FIELD": None,
        "RADII": "unrecorded,0",
        "LANDSLIDES": memory_layer("Polygon", "", [(shape, []) for shape in shapes], name="scars"),
    }


def _dense(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        density = dataset.read(dataset.descriptions.index("river_density") + 1)
    assert np.nanmax(density) > 0
    assert np.isfinite(density).any()


def _half_square(outcome: Outcome) -> None:
    """A bow-tie of two triangles covers half of its square."""
    assert abs(outcome.results["LANDSLIDE_CELLS"] - (1500 / CELL) ** 2 / 2) < 60


def _multi_curve(at: Workplace) -> dict:
    return {
        "RIVERS": memory_layer(
            "CompoundCurve",
            "",
            [
                (
                    f"CompoundCurve (CircularString ({LEFT} {TOP}, {LEFT + 900} {TOP - 400}, {LEFT + 1800} {TOP - 1800}), "
                    f"({LEFT + 1800} {TOP - 1800}, {RIGHT} {BOTTOM}))",
                    [],
                )
            ],
            name="rivers",
        )
    }


CASES = (
    Case("lines-none", "buildfactorstack", "Rivers without any line", _rivers([]), r"rivers.* no line"),
    Case(
        "lines-outside",
        "buildfactorstack",
        "Rivers of another country",
        _rivers([f"LineString ({LEFT - 9e5} {TOP}, {LEFT - 8e5} {TOP})"]),
        r"rivers.* outside",
    ),
    Case(
        "lines-no-crs",
        "buildfactorstack",
        "Rivers without CRS",
        _rivers([_DIAGONAL], crs=None),
        r'"rivers" for RIVERS has no coordinate reference system',
    ),
    Case(
        "lines-no-length",
        "buildfactorstack",
        "A river whose vertices all lie at one place",
        _rivers([f"LineString ({LEFT + 900} {TOP - 900}, {LEFT + 900} {TOP - 900})"]),
        r"rivers",
    ),
    Case(
        "lines-no-geometry",
        "buildfactorstack",
        "A river without geometry beside a good one",
        _rivers(["", _DIAGONAL]),
        works="The good one counts; the log says that one was left out.",
        said=r'1 features of "rivers" without geometry',
        holds=_dense,
    ),
    Case(
        "lines-z",
        "buildfactorstack",
        "Rivers with height and measure",
        _rivers([f"LineStringZM ({LEFT} {TOP} 900 1, {RIGHT} {BOTTOM} 500 2)"], "LineStringZM"),
        works="Height and measure are passed over.",
        holds=_dense,
    ),
    Case(
        "lines-curved",
        "buildfactorstack",
        "Rivers as circular arcs",
        _multi_curve,
        works="Arcs are made straight in small steps.",
        holds=_dense,
    ),
    Case(
        "lines-crossing-itself",
        "buildfactorstack",
        "A river that crosses itself and doubles back",
        _rivers([f"LineString ({LEFT} {TOP}, {RIGHT} {BOTTOM}, {RIGHT} {TOP}, {LEFT} {BOTTOM}, {RIGHT} {TOP})"]),
        works="Its length counts as drawn.",
        holds=_dense,
    ),
    Case(
        "lines-polygons",
        "buildfactorstack",
        "Polygons where faults should be",
        lambda at: {"FAULTS": at.area / "lithology.gpkg"},
        r"FAULTS",
    ),
    Case(
        "polygons-bow-tie",
        "buildbufferedlabels",
        "A landslide polygon that crosses itself",
        _slides([_BOW_TIE]),
        works="It is mended to its two triangles; the log says so.",
        said=r'1 invalid polygons of "scars" were mended',
        holds=_half_square,
    ),
    Case(
        "polygons-spike",
        "buildbufferedlabels",
        "A landslide polygon without area",
        _slides([_SPIKE]),
        r'LANDSLIDES: no feature of "scars" can be used; 1 with a shape',
    ),
    Case(
        "polygons-spike-and-good",
        "buildbufferedlabels",
        "A polygon without area beside a good one",
        _slides([_SPIKE, _BOW_TIE]),
        works="The good one counts; the log says that one was left out.",
        said=r'1 features of "scars" .*left out',
        holds=_half_square,
    ),
    Case(
        "polygons-lines",
        "buildbufferedlabels",
        "Lines where landslides should be",
        lambda at: {"LANDSLIDES": at.area / "rivers.gpkg", "SCALE_FIELD": None},
        r'LANDSLIDES takes points or polygons, but the layer "rivers" holds lines',
    ),
    Case(
        "rock-bow-tie",
        "buildfactorstack",
        "Rock polygons that cross themselves",
        lambda at: {
            "LITHOLOGY": memory_layer(
                "Polygon", "rock:string", [(WHOLE, ["schist"]), (_BOW_TIE, ["granite"])], name="rocks"
            ),
            "LITHOLOGY_FIELD": "rock",
        },
        works="They are mended; the log says so.",
        said=r'1 invalid polygons of "rocks" were mended',
    ),
    Case(
        "rock-elsewhere",
        "buildfactorstack",
        "Rock polygons of another country",
        lambda at: {
            "LITHOLOGY": memory_layer(
                "Polygon", "rock:string", [("Polygon ((0 0, 0 900, 900 900, 0 0))", ["schist"])], name="rocks"
            ),
            "LITHOLOGY_FIELD": "rock",
        },
        r'"rocks".* overlaps the study grid',
    ),
    Case(
        "study-area-elsewhere",
        "buildfactorstack",
        "A study area in another country",
        lambda at: {"AREA": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="county")},
        r"county",
    ),
    Case(
        "map-area-elsewhere",
        "predictsusceptibility",
        "An area to map in another country",
        lambda at: {"AREA": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="county")},
        r"county|AREA",
    ),
    Case(
        "map-area-invalid",
        "predictsusceptibility",
        "An area to map that crosses itself",
        lambda at: {"AREA": memory_layer("Polygon", "", [(_BOW_TIE, [])], name="county")},
        works="It is mended; the log says so.",
        said=r'1 invalid polygons of "county" were mended',
    ),
    Case(
        "climate-text",
        "buildsafetyfactor",
        "Climate zones whose alpha is a word",
        lambda at: {
            "CLIMATE": memory_layer("Polygon", "alpha:string", [(WHOLE, ["much"])], name="climate"),
            "ALPHA_FIELD": "alpha",
        },
        r'"alpha" of the layer "climate" .*numbers.*"much"',
    ),
    Case(
        "climate-zero-days",
        "buildsafetyfactor",
        "Climate zones with 0 rainy days",
        lambda at: {
            "CLIMATE": memory_layer("Polygon", "days:integer", [(WHOLE, [0])], name="climate"),
            "RAINY_DAYS_FIELD": "days",
        },
        r"days",
    ),
    Case(
        "climate-alpha-percent",
        "buildsafetyfactor",
        "Climate zones whose alpha is 80, in percent",
        lambda at: {
            "CLIMATE": memory_layer("Polygon", "alpha:double", [(WHOLE, [80.0])], name="climate"),
            "ALPHA_FIELD": "alpha",
        },
        r"alpha",
    ),
    Case(
        "terrain-no-k",
        "buildsafetyfactor",
        "Kinds of terrain with names that no table of k has",
        lambda at: {"TOPOGRAPHY": at.area / "lithology.gpkg", "TOPOGRAPHY_FIELD": "rock", "K_TABLE": None},
        r"granite|schist",
    ),
)
