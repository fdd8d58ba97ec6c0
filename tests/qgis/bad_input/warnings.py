"""Rain and thresholds that a warning cannot be made from, and zones of earlier runs that cannot be read."""

from __future__ import annotations

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import changed, copied, empty, points, raster, text
from scarp.tests.qgis.tiny import LEFT, TOP, memory_layer


def _rain(value: float):
    return lambda at: {"RAIN": raster(at.folder / "rain.tif", np.full((14, 14), value), cell=300)}


def _percent(at: Workplace):
    def change(values: np.ndarray) -> None:
        values *= 100

    return changed(at.chain["susceptibility"], at.folder / "percent.tif", change)


def _not_judged(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        values = dataset.read(1)
    assert 5 in np.unique(values)


def _half_infinite(at: Workplace) -> dict:
    values = np.full((14, 14), 100.0)
    values[:, :6] = np.inf
    return {"RAIN": raster(at.folder / "rain.tif", values, cell=300)}


def _record(words: str):
    def make(at: Workplace) -> dict:
        copied(at.chain["zones"], at.folder / "old.tif")
        return {"BREAKS_FROM": text(at.folder / "old.tif.run.json", words)}

    return make


CASES = (
    Case(
        "warning-no-k",
        "rainfallwarning",
        "Neither K nor kinds of terrain",
        lambda at: {"K": None},
        r"Give K.*TOPOGRAPHY",
    ),
    Case("warning-k-word", "rainfallwarning", "K much", lambda at: {"K": "much"}, r"K .*much"),
    Case("warning-k-zero", "rainfallwarning", "K 0", lambda at: {"K": 0}, r"K is 0"),
    Case("warning-k-nan", "rainfallwarning", "K NaN", lambda at: {"K": float("nan")}, r"K "),
    Case(
        "warning-k-threshold",
        "rainfallwarning",
        "K 77.5, the threshold itself",
        lambda at: {"K": 77.5},
        r"K .*from 0 to 1",
    ),
    Case(
        "warning-k-without-terrain",
        "rainfallwarning",
        "K_TABLE for lakes without kinds of terrain",
        lambda at: {"K": None, "K_TABLE": "lakes,0.01"},
        r"lakes.*TOPOGRAPHY is empty",
    ),
    Case("warning-limits", "rainfallwarning", "P_LOW 0.7 above P_HIGH", lambda at: {"P_LOW": 0.7}, r"P_LOW.*P_HIGH"),
    Case("warning-critical", "rainfallwarning", "FS_CRITICAL 1", lambda at: {"FS_CRITICAL": 1}, r"FS_CRITICAL"),
    Case(
        "warning-watch",
        "rainfallwarning",
        "FS_WATCH below FS_CRITICAL",
        lambda at: {"FS_WATCH": 0.3},
        r"FS_WATCH.*FS_CRITICAL",
    ),
    Case(
        "warning-terrain-unknown",
        "rainfallwarning",
        "A kind of terrain without k",
        lambda at: {"K": None, "TOPOGRAPHY": at.area / "landform.gpkg", "TOPOGRAPHY_FIELD": "landform"},
        r"valley.*K or K_TABLE",
    ),
    Case(
        "warning-terrain-field",
        "rainfallwarning",
        "Kinds of terrain without their field",
        lambda at: {"TOPOGRAPHY": at.area / "landform.gpkg"},
        r"Set TOPOGRAPHY_FIELD",
    ),
    Case(
        "warning-region-field",
        "rainfallwarning",
        "REGION_FIELD names a field that the layer lacks",
        lambda at: {"REGIONS": at.area / "regions.gpkg", "REGION_FIELD": "district"},
        r"district.*region",
    ),
    Case(
        "warning-regions-elsewhere",
        "rainfallwarning",
        "Regions of another country",
        lambda at: {
            "REGIONS": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="counties")
        },
        r"counties.*REGIONS",
    ),
    Case(
        "warning-rain-void",
        "rainfallwarning",
        "A week's rain without any value",
        _rain(-9999),
        r"(?i)rain.*no data|No cell .*rain",
    ),
    Case(
        "warning-rain-negative",
        "rainfallwarning",
        "A week's rain of -20 mm",
        _rain(-20),
        r"RAIN.*14,400 cells have negative rain",
    ),
    Case(
        "warning-rain-infinite",
        "rainfallwarning",
        "Infinite rain in a part of the map",
        _half_infinite,
        works="Its cells are not judged, which is no all-clear.",
        holds=_not_judged,
    ),
    Case(
        "warning-rain-huge",
        "rainfallwarning",
        "A week's rain of a million mm",
        _rain(1e6),
        works="The warning is made, and the log questions the rain.",
        said=r"(?i)rain",
    ),
    Case(
        "warning-map-percent",
        "rainfallwarning",
        "A susceptibility map in percent",
        lambda at: {"SUSCEPTIBILITY": _percent(at)},
        r"percent\.tif.*from 0 to 1",
    ),
    Case(
        "breaks-from-missing",
        "classifyzones",
        "BREAKS_FROM names a file that does not exist",
        lambda at: {"BREAKS_FROM": at.folder / "old.csv"},
        r"BREAKS_FROM.*old\.csv",
    ),
    Case(
        "breaks-from-both",
        "classifyzones",
        "BREAKS_FROM and BREAKS",
        lambda at: {"BREAKS_FROM": at.chain["zones"], "BREAKS": "0.5"},
        r"BREAKS_FROM.*BREAKS",
    ),
    Case(
        "breaks-from-method",
        "classifyzones",
        "BREAKS_FROM with METHOD natural_breaks",
        lambda at: {"BREAKS_FROM": at.chain["zones"], "METHOD": "natural_breaks"},
        r"BREAKS_FROM.*natural_breaks",
    ),
    Case(
        "breaks-from-empty-record",
        "classifyzones",
        "BREAKS_FROM names a run record of no bytes",
        lambda at: {"BREAKS_FROM": empty(at.folder / "old.tif.run.json")},
        r"BREAKS_FROM.*old\.tif\.run\.json",
    ),
    Case(
        "breaks-from-broken-record",
        "classifyzones",
        "BREAKS_FROM names a run record that breaks off",
        _record('{"breaks": [0.2, 0.4'),
        r"BREAKS_FROM.*old\.tif\.run\.json",
    ),
    Case(
        "breaks-from-other-record",
        "classifyzones",
        "BREAKS_FROM names a run record of another algorithm",
        _record('{"algorithm": "scarp:trainpcum"}'),
        r"BREAKS_FROM.*old\.tif\.run\.json",
    ),
    Case(
        "breaks-from-map",
        "classifyzones",
        "BREAKS_FROM names a susceptibility map",
        lambda at: {"BREAKS_FROM": copied(at.chain["susceptibility"], at.folder / "map.tif")},
        r"BREAKS_FROM.*map\.tif",
    ),
    Case(
        "breaks-from-table",
        "classifyzones",
        "BREAKS_FROM names a table of other numbers",
        lambda at: {"BREAKS_FROM": text(at.folder / "old.csv", "a,b\n1,2\n")},
        r"BREAKS_FROM.*old\.csv",
    ),
    Case(
        "zones-slides-outside",
        "classifyzones",
        "METHOD landslide_share with landslides of another country",
        lambda at: {"METHOD": "landslide_share", "LANDSLIDES": points([(LEFT - 9e4, TOP)], name="elsewhere")},
        r"elsewhere",
    ),
)
