"""Lines and polygons with broken shapes, or of the wrong kind."""

from __future__ import annotations

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Outcome, Workplace, read_cases
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
    middle = f"{LEFT + 1800} {TOP - 1800}"
    arc = f"CircularString ({LEFT} {TOP}, {LEFT + 900} {TOP - 400}, {middle})"
    curve = f"CompoundCurve ({arc}, ({middle}, {RIGHT} {BOTTOM}))"
    return {"RIVERS": memory_layer("CompoundCurve", "", [(curve, [])], name="rivers")}


_MAKERS = {
    "lines-none": _rivers([]),
    "lines-outside": _rivers([f"LineString ({LEFT - 9e5} {TOP}, {LEFT - 8e5} {TOP})"]),
    "lines-no-crs": _rivers([_DIAGONAL], crs=None),
    "lines-no-length": _rivers([f"LineString ({LEFT + 900} {TOP - 900}, {LEFT + 900} {TOP - 900})"]),
    "lines-no-geometry": _rivers(["", _DIAGONAL]),
    "lines-z": _rivers([f"LineStringZM ({LEFT} {TOP} 900 1, {RIGHT} {BOTTOM} 500 2)"], "LineStringZM"),
    "lines-curved": _multi_curve,
    "lines-crossing-itself": _rivers(
        [f"LineString ({LEFT} {TOP}, {RIGHT} {BOTTOM}, {RIGHT} {TOP}, {LEFT} {BOTTOM}, {RIGHT} {TOP})"]
    ),
    "lines-polygons": lambda at: {"FAULTS": at.area / "lithology.gpkg"},
    "polygons-bow-tie": _slides([_BOW_TIE]),
    "polygons-spike": _slides([_SPIKE]),
    "polygons-spike-and-good": _slides([_SPIKE, _BOW_TIE]),
    "polygons-lines": lambda at: {"LANDSLIDES": at.area / "rivers.gpkg", "SCALE_FIELD": None},
    "rock-bow-tie": lambda at: {
        "LITHOLOGY": memory_layer(
            "Polygon", "rock:string", [(WHOLE, ["schist"]), (_BOW_TIE, ["granite"])], name="rocks"
        ),
        "LITHOLOGY_FIELD": "rock",
    },
    "rock-elsewhere": lambda at: {
        "LITHOLOGY": memory_layer(
            "Polygon", "rock:string", [("Polygon ((0 0, 0 900, 900 900, 0 0))", ["schist"])], name="rocks"
        ),
        "LITHOLOGY_FIELD": "rock",
    },
    "study-area-elsewhere": lambda at: {
        "AREA": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="county")
    },
    "map-area-elsewhere": lambda at: {
        "AREA": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="county")
    },
    "map-area-invalid": lambda at: {"AREA": memory_layer("Polygon", "", [(_BOW_TIE, [])], name="county")},
    "climate-text": lambda at: {
        "CLIMATE": memory_layer("Polygon", "alpha:string", [(WHOLE, ["much"])], name="climate"),
        "ALPHA_FIELD": "alpha",
    },
    "climate-zero-days": lambda at: {
        "CLIMATE": memory_layer("Polygon", "days:integer", [(WHOLE, [0])], name="climate"),
        "RAINY_DAYS_FIELD": "days",
    },
    "climate-alpha-percent": lambda at: {
        "CLIMATE": memory_layer("Polygon", "alpha:double", [(WHOLE, [80.0])], name="climate"),
        "ALPHA_FIELD": "alpha",
    },
    "terrain-no-k": lambda at: {"TOPOGRAPHY": at.area / "lithology.gpkg", "TOPOGRAPHY_FIELD": "rock", "K_TABLE": None},
}
_HOLDS = {
    "lines-no-geometry": _dense,
    "lines-z": _dense,
    "lines-curved": _dense,
    "lines-crossing-itself": _dense,
    "polygons-bow-tie": _half_square,
    "polygons-spike-and-good": _half_square,
}
CASES = read_cases(
    r"""
[buildfactorstack]
lines-none :: Rivers without any line :: rivers.* no line
lines-outside :: Rivers of another country :: rivers.* outside
lines-no-crs :: Rivers without CRS :: "rivers" for RIVERS has no coordinate reference system
lines-no-length :: A river whose vertices all lie at one place :: rivers
lines-no-geometry :: A river without geometry beside a good one :: works: The good one counts; the log says that one
    was left out. :: 1 features of "rivers" without geometry
lines-z :: Rivers with height and measure :: works: Height and measure are passed over.
lines-curved :: Rivers as circular arcs :: works: Arcs are made straight in small steps.
lines-crossing-itself :: A river that crosses itself and doubles back :: works: Its length counts as drawn.
lines-polygons :: Polygons where faults should be :: FAULTS
[buildbufferedlabels]
polygons-bow-tie :: A landslide polygon that crosses itself :: works: It is mended to its two triangles; the log says
    so. :: 1 invalid polygons of "scars" were repaired
polygons-spike :: A landslide polygon without area :: LANDSLIDES: no feature of "scars" can be used; 1 with a shape
polygons-spike-and-good :: A polygon without area beside a good one :: works: The good one counts; the log says that
    one was left out. :: 1 features of "scars" .*skipped
polygons-lines :: Lines where landslides should be :: LANDSLIDES takes points or polygons, but the layer "rivers" holds
    lines
[buildfactorstack]
rock-bow-tie :: Rock polygons that cross themselves :: works: They are mended; the log says so. :: 1 invalid polygons
    of "rocks" were repaired
rock-elsewhere :: Rock polygons of another country :: "rocks".* overlaps the study grid
study-area-elsewhere :: A study area in another country :: county
[predictsusceptibility]
map-area-elsewhere :: An area to map in another country :: county|AREA
map-area-invalid :: An area to map that crosses itself :: works: It is mended; the log says so. :: 1 invalid polygons
    of "county" were repaired
[buildsafetyfactor]
climate-text :: Climate zones whose alpha is a word :: "alpha" of the layer "climate" .*numbers.*"much"
climate-zero-days :: Climate zones with 0 rainy days :: days
climate-alpha-percent :: Climate zones whose alpha is 80, in percent :: alpha
terrain-no-k :: Kinds of terrain with names that no table of k has :: granite|schist
""",
    _MAKERS,
    _HOLDS,
)
