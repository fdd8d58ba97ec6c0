"""Raster files that are missing, damaged, empty or of the wrong kind, and impossible values in good ones."""

from __future__ import annotations

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Outcome, Workplace, read_cases
from scarp.tests.qgis.bad_input.making import changed, copied, corrupt, empty, heights, raster, text, truncated
from scarp.tests.qgis.tiny import LEFT, SIZE, TOP


def _no_cells(at: Workplace):
    dem = copied(at.area / "dem.tif", at.folder / "heights.tif")
    return text(
        at.folder / "dem.vrt",
        f'<VRTDataset rasterXSize="0" rasterYSize="40"><SRS>EPSG:32643</SRS>'
        f'<GeoTransform>{LEFT}, 30, 0, {TOP}, 0, -30</GeoTransform><VRTRasterBand dataType="Float32" band="1">'
        f"<SimpleSource><SourceFilename>{dem}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
    )


def _dem(name: str, values):
    return lambda at: {"DEM": raster(at.folder / name, values())}


def _with(value: float):
    def make() -> np.ndarray:
        values = heights()
        values[10:13, 20:23] = value
        return values

    return make


def _hole(outcome: Outcome) -> None:
    """The impossible cells are nodata, with the ring that their neighbourhood needs, and nothing else is."""
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        slope = dataset.read(1)
    assert np.isnan(slope[10:13, 20:23]).all()
    assert not np.isinf(slope).any()
    assert np.isfinite(slope[20:30, 5:15]).all()


def _spoilt_stack(at: Workplace, value: float):
    def spoil(values: np.ndarray) -> None:
        values[0, 30:33, 30:33] = value

    return changed(at.chain["stack"], at.folder / "stack.tif", spoil)


def _no_infinity(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        values = dataset.read(1)
    assert np.isnan(values[30:33, 30:33]).all()
    inside = values[np.isfinite(values)]
    assert inside.size > SIZE
    assert inside.min() >= 0
    assert inside.max() <= 1


def _flat(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        slope = dataset.read(1)
    assert np.nanmax(slope) == 0


def _finite_band(outcome: Outcome, name: str) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        values = dataset.read(dataset.descriptions.index(name) + 1)
    assert not np.isinf(values).any()
    assert np.isnan(values).any()
    assert np.isfinite(values).any()


def _tagged(at: Workplace, **tags: str):
    path = raster(at.folder / "stack.tif", heights(), names=["slope"])
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(1, **tags)
    return path


def _fill(value: float, band: int | None = None):
    def change(values: np.ndarray) -> None:
        values[slice(None) if band is None else band] = value

    return change


def _spot(value: float):
    def change(values: np.ndarray) -> None:
        values[0, 30:33, 30:33] = value

    return change


def _at_least(outcome: Outcome, name: str, number: int) -> None:
    assert outcome.results[name] >= number, outcome.results


def _zone_at(outcome: Outcome, zone: int) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        zones = dataset.read(1)
    assert (zones[30:33, 30:33] == zone).all()
    assert zones.max() == 5


_MAKERS = {
    "dem-left-out": lambda at: {"DEM": None},
    "dem-missing": lambda at: {"DEM": at.folder / "nowhere.tif"},
    "dem-empty-file": lambda at: {"DEM": empty(at.folder / "dem.tif")},
    "dem-text": lambda at: {"DEM": text(at.folder / "dem.tif")},
    "dem-truncated": lambda at: {"DEM": truncated(at.area / "dem.tif", at.folder / "dem.tif")},
    "dem-corrupt": lambda at: {
        "DEM": corrupt(raster(at.folder / "good.tif", heights(200, 200), compress="deflate"), at.folder / "dem.tif")
    },
    "dem-head-corrupt": lambda at: {"DEM": corrupt(at.area / "dem.tif", at.folder / "dem.tif", 0.0, 0.01)},
    "dem-no-cells": lambda at: {"DEM": _no_cells(at)},
    "dem-one-cell": _dem("one.tif", lambda: heights(1, 1)),
    "dem-two-rows": _dem("two.tif", lambda: heights(2, 40)),
    "dem-all-nodata": _dem("void.tif", lambda: np.full((40, 40), -9999.0)),
    "dem-all-nan": _dem("void.tif", lambda: np.full((40, 40), np.nan)),
    "dem-nan-inside": _dem("holes.tif", _with(np.nan)),
    "dem-infinity-inside": _dem("holes.tif", _with(np.inf)),
    "dem-huge-inside": _dem("holes.tif", _with(-3.4e38)),
    "dem-flat": _dem("flat.tif", lambda: np.full((40, 40), 7.0)),
    "dem-is-vector": lambda at: {"DEM": at.area / "rivers.gpkg"},
    "rain-all-nodata": lambda at: {
        "PRECIPITATION": raster(at.folder / "rain.tif", np.full((40, 40), -9999.0), cell=300)
    },
    "rain-infinite": lambda at: {
        "DEM": raster(at.folder / "dem.tif", heights()),
        "PRECIPITATION": raster(
            at.folder / "rain.tif", np.where(np.arange(1600).reshape(40, 40) % 40 < 3, np.inf, 900.0)
        ),
    },
    "extra-all-nodata": lambda at: {"EXTRA_CONTINUOUS": [raster(at.folder / "roads.tif", np.full((40, 40), -9999.0))]},
    "extra-missing": lambda at: {"EXTRA_CONTINUOUS": [at.folder / "roads.tif"]},
    "extra-named-slope": lambda at: {"EXTRA_CONTINUOUS": [raster(at.folder / "slope.tif", heights(120, 120))]},
    "extra-twice": lambda at: {"EXTRA_CONTINUOUS": [at.area / "temperature.tif", at.area / "temperature.tif"]},
    "stack-of-dem": lambda at: {"STACK": at.area / "dem.tif"},
    "stack-truncated": lambda at: {"STACK": truncated(at.chain["stack"], at.folder / "stack.tif")},
    "stack-corrupt": lambda at: {"STACK": corrupt(at.chain["stack"], at.folder / "stack.tif")},
    "stack-two-names": lambda at: {
        "STACK": raster(at.folder / "stack.tif", np.stack([heights(), heights()]), names=["slope", "slope"])
    },
    "stack-bad-kind": lambda at: {"STACK": _tagged(at, kind="fuzzy")},
    "stack-bad-classes": lambda at: {"STACK": _tagged(at, kind="categorical", classes="{1: granite")},
    "check-all-nodata": lambda at: {
        "STACK": changed(at.chain["stack"], at.folder / "stack.tif", _fill(np.nan)),
        "LABELS": None,
    },
    "check-constant": lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _fill(3.0, 0))},
    "check-infinite": lambda at: {"STACK": _spoilt_stack(at, np.inf)},
    "predict-infinite": lambda at: {"STACK": _spoilt_stack(at, np.inf)},
    "predict-nan": lambda at: {"STACK": _spoilt_stack(at, np.nan)},
    "predict-all-nodata": lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _fill(np.nan))},
    "zones-missing-map": lambda at: {"SUSCEPTIBILITY": at.folder / "map.tif"},
    "zones-truncated-map": lambda at: {"SUSCEPTIBILITY": truncated(at.chain["susceptibility"], at.folder / "map.tif")},
    "zones-all-nodata": lambda at: {
        "SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _fill(np.nan))
    },
    "zones-one-value": lambda at: {
        "SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _fill(0.5))
    },
    "zones-one-value-jenks": lambda at: {
        "SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _fill(0.5)),
        "METHOD": "natural_breaks",
    },
    "zones-one-cell": lambda at: {"SUSCEPTIBILITY": raster(at.folder / "map.tif", np.full((1, 1), 0.4), nodata=np.nan)},
    "zones-infinity": lambda at: {
        "SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _spot(np.inf))
    },
    "reference-one-cell": lambda at: {"REFERENCE": raster(at.folder / "one.tif", np.ones((1, 1)))},
    "reference-all-nodata": lambda at: {"REFERENCE": raster(at.folder / "void.tif", np.full((SIZE, SIZE), -9999.0))},
    "reference-text": lambda at: {"REFERENCE": text(at.folder / "grid.tif")},
    "safety-rain-void": lambda at: {
        "PRECIPITATION": raster(at.folder / "rain.tif", np.full((12, 12), -9999.0), cell=300)
    },
    "safety-rain-negative": lambda at: {
        "PRECIPITATION": raster(at.folder / "rain.tif", np.full((12, 12), -500.0), cell=300)
    },
}
_HOLDS = {
    "dem-nan-inside": _hole,
    "dem-infinity-inside": _hole,
    "dem-huge-inside": _hole,
    "dem-flat": _flat,
    "rain-infinite": lambda outcome: _finite_band(outcome, "precipitation"),
    "stack-of-dem": lambda outcome: _at_least(outcome, "ERRORS", 1),
    "stack-two-names": lambda outcome: _at_least(outcome, "ERRORS", 1),
    "stack-bad-kind": lambda outcome: _at_least(outcome, "ERRORS", 1),
    "stack-bad-classes": lambda outcome: _at_least(outcome, "ERRORS", 1),
    "check-all-nodata": lambda outcome: _at_least(outcome, "ERRORS", 1),
    "check-constant": lambda outcome: _at_least(outcome, "WARNINGS", 1),
    "check-infinite": lambda outcome: _at_least(outcome, "ERRORS", 1),
    "predict-infinite": _no_infinity,
    "predict-nan": _no_infinity,
    "zones-infinity": lambda outcome: _zone_at(outcome, 0),
}
CASES = read_cases(
    r"""
[buildfactorstack]
dem-left-out :: No DEM at all :: DEM .* is missing
dem-missing :: A DEM that does not exist :: DEM.*there is no file or layer ".*nowhere\.tif"
dem-empty-file :: A DEM file of no bytes :: dem\.tif.* cannot be opened
dem-text :: A text file called dem.tif :: dem\.tif.* cannot be opened
dem-truncated :: The first half of a DEM file :: DEM raster .*dem\.tif failed
dem-corrupt :: A compressed DEM with noise in the middle of its file :: DEM raster .*dem\.tif failed
dem-head-corrupt :: A DEM whose head is noise :: dem\.tif.* cannot be opened
dem-no-cells :: A virtual raster of 0 columns :: dem\.vrt.* cannot be opened
dem-one-cell :: A DEM of one cell :: DEM .*at least two
dem-two-rows :: A DEM of two rows :: works: Slopes are computed from what there is.
dem-all-nodata :: A DEM in which every cell is nodata :: The DEM has no data
dem-all-nan :: A DEM in which every cell is NaN :: The DEM has no data
dem-nan-inside :: NaN inside valid elevations :: works: The cells and the ring that their slope needs are nodata, all
    others are computed.
dem-infinity-inside :: Infinity inside valid elevations :: works: The cells count as nodata; no infinity reaches the
    stack.
dem-huge-inside :: -3.4e38, an undeclared nodata value, inside valid elevations :: works: The cells count as nodata.
dem-flat :: A DEM of one height only :: works: Slope is 0 everywhere.
dem-is-vector :: Rivers where the DEM should be :: DEM .*rivers\.gpkg.* cannot be opened as a raster
rain-all-nodata :: Annual rain without any value :: No cell has data in all factors.*precipitation 14,400
rain-infinite :: Annual rain of infinity in some cells :: works: Cells with infinite rain are nodata; no infinity
    reaches the stack.
extra-all-nodata :: An extra factor without any value :: No cell has data in all factors.*roads 14,400
extra-missing :: An extra factor that does not exist :: EXTRA_CONTINUOUS.*there is no file or layer ".*roads\.tif"
extra-named-slope :: An extra factor called slope, as one of Scarp's own :: works: It gets a name of its own in the
    stack, and the log says so. :: is called \w+_2 in the stack
extra-twice :: The same extra factor twice :: works: It gets a name of its own in the stack, and the log says so. :: is
    called \w+_2 in the stack
[checkfactors]
stack-of-dem :: A DEM where the factor stack should be :: works: The report is made, and lists it as an error to mend.
stack-truncated :: The first half of a factor stack :: factor stack .*failed|opened
stack-corrupt :: A factor stack with noise in its tiles :: factor stack raster .*failed
stack-two-names :: A factor stack with two bands of one name :: works: The report is made, and lists it as an error to
    mend.
stack-bad-kind :: A factor stack with a band of an unknown kind :: works: The report is made, and lists it as an error
    to mend.
stack-bad-classes :: A factor stack whose class table is no JSON :: works: The report is made, and lists it as an error
    to mend.
check-all-nodata :: A factor stack without any value :: works: The report lists it as an error to mend before training.
check-constant :: A factor stack with a band of one value :: works: The report lists it.
check-infinite :: Infinity in three by three cells of a factor :: works: The report is made, and lists it.
[predictsusceptibility]
predict-infinite :: Infinity in three by three cells of a factor :: works: These cells are nodata in the map; all
    others lie within 0 and 1.
predict-nan :: NaN in three by three cells of a factor :: works: These cells are nodata in the map; all others lie
    within 0 and 1.
predict-all-nodata :: A factor stack without any value :: No cell .*has data
[classifyzones]
zones-missing-map :: A map that does not exist :: SUSCEPTIBILITY.*there is no file or layer ".*map\.tif"
zones-truncated-map :: The first half of a map :: map\.tif.*(failed|opened)
zones-all-nodata :: A map without any value :: no cell|no data|No cell
zones-one-value :: A map of one value only :: works: All cells share one zone, and that is said. :: .
zones-one-value-jenks :: A map of one value only, natural breaks :: value
zones-one-cell :: A map of one cell :: works: The cell gets a zone.
zones-infinity :: Infinity in a map :: works: These cells are nodata.
[buildbufferedlabels]
reference-one-cell :: A reference raster of one cell :: landslides
reference-all-nodata :: A reference raster without any value :: reference|REFERENCE
[buildsafetyfactor]
reference-text :: A text file as reference :: grid\.tif.* cannot be opened
safety-rain-void :: Annual rain without any value :: PRECIPITATION
safety-rain-negative :: Negative annual rain :: PRECIPITATION
""",
    _MAKERS,
    _HOLDS,
)
