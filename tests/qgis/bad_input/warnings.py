"""Rain and thresholds that a warning cannot be made from, and zones of earlier runs that cannot be read."""

from __future__ import annotations

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import changed, copied, empty, points, raster, text
from scarp.tests.qgis.bad_input.places import rows_of
from scarp.tests.qgis.tiny import LEFT, TOP, memory_layer


def _rain(value: float):
    return lambda at: {"RAIN": raster(at.folder / "rain.tif", np.full((14, 14), value), cell=300)}


def _half_infinite(at: Workplace) -> dict:
    values = np.full((14, 14), 100.0)
    values[:, :6] = np.inf
    return {"RAIN": raster(at.folder / "rain.tif", values, cell=300)}


def _percent(at: Workplace) -> dict:
    def change(values: np.ndarray) -> None:
        values *= 100

    return {"SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "percent.tif", change)}


def _landform(at: Workplace) -> dict:
    return {"TOPOGRAPHY": at.area / "landform.gpkg"}


def _regions_elsewhere(at: Workplace) -> dict:
    shapes = [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])]
    return {"REGIONS": memory_layer("Polygon", "", shapes, name="counties")}


def _slides_elsewhere(at: Workplace) -> dict:
    return {"METHOD": "landslide_share", "LANDSLIDES": points([(LEFT - 9e4, TOP)], name="elsewhere")}


def _not_assessed(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        assert 5 in np.unique(dataset.read(1))


def _record(words: str):
    def make(at: Workplace) -> dict:
        copied(at.chain["zones"], at.folder / "old.tif")
        return {"BREAKS_FROM": text(at.folder / "old.tif.run.json", words)}

    return make


_WARNINGS = r"""
warning-no-k :: Neither K nor kinds of terrain :: Give K.*TOPOGRAPHY
warning-k-word :: K much :: K .*much
warning-k-zero :: K 0 :: K is 0
warning-k-nan :: K NaN :: K .*
warning-k-threshold :: K 77.5, the threshold itself :: K .*from 0 to 1
warning-k-without-terrain :: K_TABLE for lakes without kinds of terrain :: lakes.*TOPOGRAPHY is empty
warning-limits :: P_LOW 0.7 above P_HIGH :: P_LOW.*P_HIGH
warning-critical :: FS_CRITICAL 1 :: FS_CRITICAL
warning-watch :: FS_WATCH below FS_CRITICAL :: FS_WATCH.*FS_CRITICAL
warning-terrain-unknown :: A kind of terrain without k :: valley.*K or K_TABLE
warning-terrain-field :: Kinds of terrain without their field :: Set TOPOGRAPHY_FIELD
warning-region-field :: REGION_FIELD names a field that the layer lacks :: district.*region
warning-regions-elsewhere :: Regions of another country :: counties.*REGIONS
warning-rain-void :: A week's rain without any value :: (?i)rain.*no data|No cell .*rain
warning-rain-negative :: A week's rain of -20 mm :: RAIN.*14,400 cells have negative rain
warning-map-percent :: A susceptibility map in percent :: percent\.tif holds values .*It looks like percent
"""
_ZONES = r"""
breaks-from-missing :: BREAKS_FROM names a file that does not exist :: BREAKS_FROM.*old\.csv
breaks-from-both :: BREAKS_FROM and BREAKS :: BREAKS_FROM.*BREAKS
breaks-from-method :: BREAKS_FROM with METHOD natural_breaks :: BREAKS_FROM.*natural_breaks
breaks-from-empty-record :: BREAKS_FROM names a run record of no bytes :: BREAKS_FROM.*old\.tif\.run\.json
breaks-from-broken-record :: BREAKS_FROM names a run record that breaks off :: BREAKS_FROM.*old\.tif\.run\.json
breaks-from-other-record :: BREAKS_FROM names a run record of another algorithm :: BREAKS_FROM.*old\.tif\.run\.json
breaks-from-map :: BREAKS_FROM names a susceptibility map :: BREAKS_FROM.*map\.tif
breaks-from-table :: BREAKS_FROM names a table of other numbers :: BREAKS_FROM.*old\.csv
zones-slides-outside :: METHOD landslide_share with landslides of another country :: elsewhere
"""
_MAKERS = {
    "warning-no-k": lambda at: {"K": None},
    "warning-k-word": lambda at: {"K": "much"},
    "warning-k-zero": lambda at: {"K": 0},
    "warning-k-nan": lambda at: {"K": float("nan")},
    "warning-k-threshold": lambda at: {"K": 77.5},
    "warning-k-without-terrain": lambda at: {"K": None, "K_TABLE": "lakes,0.01"},
    "warning-limits": lambda at: {"P_LOW": 0.7},
    "warning-critical": lambda at: {"FS_CRITICAL": 1},
    "warning-watch": lambda at: {"FS_WATCH": 0.3},
    "warning-terrain-unknown": lambda at: {"K": None, **_landform(at), "TOPOGRAPHY_FIELD": "landform"},
    "warning-terrain-field": _landform,
    "warning-region-field": lambda at: {"REGIONS": at.area / "regions.gpkg", "REGION_FIELD": "district"},
    "warning-regions-elsewhere": _regions_elsewhere,
    "warning-rain-void": _rain(-9999),
    "warning-rain-negative": _rain(-20),
    "warning-map-percent": _percent,
    "breaks-from-missing": lambda at: {"BREAKS_FROM": at.folder / "old.csv"},
    "breaks-from-both": lambda at: {"BREAKS_FROM": at.chain["zones"], "BREAKS": "0.5"},
    "breaks-from-method": lambda at: {"BREAKS_FROM": at.chain["zones"], "METHOD": "natural_breaks"},
    "breaks-from-empty-record": lambda at: {"BREAKS_FROM": empty(at.folder / "old.tif.run.json")},
    "breaks-from-broken-record": _record('{"breaks": [0.2, 0.4'),
    "breaks-from-other-record": _record('{"algorithm": "scarp:trainpcum"}'),
    "breaks-from-map": lambda at: {"BREAKS_FROM": copied(at.chain["susceptibility"], at.folder / "map.tif")},
    "breaks-from-table": lambda at: {"BREAKS_FROM": text(at.folder / "old.csv", "a,b\n1,2\n")},
    "zones-slides-outside": _slides_elsewhere,
}

CASES = (
    *(
        Case(name, algorithm, given, _MAKERS[name], error)
        for algorithm, table in (("rainfallwarning", _WARNINGS), ("classifyzones", _ZONES))
        for name, given, error in rows_of(table)
    ),
    Case(
        "warning-rain-infinite",
        "rainfallwarning",
        "Infinite rain in a part of the map",
        _half_infinite,
        works="Its cells are not assessed, which does not mean safe.",
        holds=_not_assessed,
    ),
    Case(
        "warning-rain-huge",
        "rainfallwarning",
        "A week's rain of a million mm",
        _rain(1e6),
        works="The warning is made, and the log questions the rain.",
        said=r"(?i)rain",
    ),
)
