"""Raster files that are missing, damaged, empty or of the wrong kind, and impossible values in good ones."""

from __future__ import annotations

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
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


CASES = (
    Case("dem-left-out", "buildfactorstack", "No DEM at all", lambda at: {"DEM": None}, r"DEM .* is missing"),
    Case(
        "dem-missing",
        "buildfactorstack",
        "A DEM that does not exist",
        lambda at: {"DEM": at.folder / "nowhere.tif"},
        r'DEM.*there is no file or layer ".*nowhere\.tif"',
    ),
    Case(
        "dem-empty-file",
        "buildfactorstack",
        "A DEM file of no bytes",
        lambda at: {"DEM": empty(at.folder / "dem.tif")},
        r"dem\.tif.* cannot be opened",
    ),
    Case(
        "dem-text",
        "buildfactorstack",
        "A text file called dem.tif",
        lambda at: {"DEM": text(at.folder / "dem.tif")},
        r"dem\.tif.* cannot be opened",
    ),
    Case(
        "dem-truncated",
        "buildfactorstack",
        "The first half of a DEM file",
        lambda at: {"DEM": truncated(at.area / "dem.tif", at.folder / "dem.tif")},
        r"DEM raster .*dem\.tif failed",
    ),
    Case(
        "dem-corrupt",
        "buildfactorstack",
        "A compressed DEM with noise in the middle of its file",
        lambda at: {
            "DEM": corrupt(raster(at.folder / "good.tif", heights(200, 200), compress="deflate"), at.folder / "dem.tif")
        },
        r"DEM raster .*dem\.tif failed",
    ),
    Case(
        "dem-head-corrupt",
        "buildfactorstack",
        "A DEM whose head is noise",
        lambda at: {"DEM": corrupt(at.area / "dem.tif", at.folder / "dem.tif", 0.0, 0.01)},
        r"dem\.tif.* cannot be opened",
    ),
    Case(
        "dem-no-cells",
        "buildfactorstack",
        "A virtual raster of 0 columns",
        lambda at: {"DEM": _no_cells(at)},
        r"dem\.vrt.* cannot be opened",
    ),
    Case(
        "dem-one-cell",
        "buildfactorstack",
        "A DEM of one cell",
        _dem("one.tif", lambda: heights(1, 1)),
        r"DEM .*at least two",
    ),
    Case(
        "dem-two-rows",
        "buildfactorstack",
        "A DEM of two rows",
        _dem("two.tif", lambda: heights(2, 40)),
        works="Slopes are computed from what there is.",
    ),
    Case(
        "dem-all-nodata",
        "buildfactorstack",
        "A DEM in which every cell is nodata",
        _dem("void.tif", lambda: np.full((40, 40), -9999.0)),
        r"The DEM has no data",
    ),
    Case(
        "dem-all-nan",
        "buildfactorstack",
        "A DEM in which every cell is NaN",
        _dem("void.tif", lambda: np.full((40, 40), np.nan)),
        r"The DEM has no data",
    ),
    Case(
        "dem-nan-inside",
        "buildfactorstack",
        "NaN inside valid elevations",
        _dem("holes.tif", _with(np.nan)),
        works="The cells and the ring that their slope needs are nodata, all others are computed.",
        holds=_hole,
    ),
    Case(
        "dem-infinity-inside",
        "buildfactorstack",
        "Infinity inside valid elevations",
        _dem("holes.tif", _with(np.inf)),
        works="The cells count as nodata; no infinity reaches the stack.",
        holds=_hole,
    ),
    Case(
        "dem-huge-inside",
        "buildfactorstack",
        "-3.4e38, an undeclared nodata value, inside valid elevations",
        _dem("holes.tif", _with(-3.4e38)),
        works="The cells count as nodata.",
        holds=_hole,
    ),
    Case(
        "dem-flat",
        "buildfactorstack",
        "A DEM of one height only",
        _dem("flat.tif", lambda: np.full((40, 40), 7.0)),
        works="Slope is 0 everywhere.",
        holds=_flat,
    ),
    Case(
        "dem-is-vector",
        "buildfactorstack",
        "Rivers where the DEM should be",
        lambda at: {"DEM": at.area / "rivers.gpkg"},
        r"DEM .*rivers\.gpkg.* cannot be opened as a raster",
    ),
    Case(
        "rain-all-nodata",
        "buildfactorstack",
        "Annual rain without any value",
        lambda at: {"PRECIPITATION": raster(at.folder / "rain.tif", np.full((40, 40), -9999.0), cell=300)},
        r"No cell has data in all factors.*precipitation 14,400",
    ),
    Case(
        "rain-infinite",
        "buildfactorstack",
        "Annual rain of infinity in some cells",
        lambda at: {
            "DEM": raster(at.folder / "dem.tif", heights()),
            "PRECIPITATION": raster(
                at.folder / "rain.tif", np.where(np.arange(1600).reshape(40, 40) % 40 < 3, np.inf, 900.0)
            ),
        },
        works="Cells with infinite rain are nodata; no infinity reaches the stack.",
        holds=lambda outcome: _finite_band(outcome, "precipitation"),
    ),
    Case(
        "extra-all-nodata",
        "buildfactorstack",
        "An extra factor without any value",
        lambda at: {"EXTRA_CONTINUOUS": [raster(at.folder / "roads.tif", np.full((40, 40), -9999.0))]},
        r"No cell has data in all factors.*roads 14,400",
    ),
    Case(
        "extra-missing",
        "buildfactorstack",
        "An extra factor that does not exist",
        lambda at: {"EXTRA_CONTINUOUS": [at.folder / "roads.tif"]},
        r'EXTRA_CONTINUOUS.*there is no file or layer ".*roads\.tif"',
    ),
    Case(
        "extra-named-slope",
        "buildfactorstack",
        "An extra factor called slope, as one of Scarp's own",
        lambda at: {"EXTRA_CONTINUOUS": [raster(at.folder / "slope.tif", heights(120, 120))]},
        works="It gets a name of its own in the stack, and the log says so.",
        said=r"is called \w+_2 in the stack",
    ),
    Case(
        "extra-twice",
        "buildfactorstack",
        "The same extra factor twice",
        lambda at: {"EXTRA_CONTINUOUS": [at.area / "temperature.tif", at.area / "temperature.tif"]},
        works="It gets a name of its own in the stack, and the log says so.",
        said=r"is called \w+_2 in the stack",
    ),
    Case(
        "stack-of-dem",
        "checkfactors",
        "A DEM where the factor stack should be",
        lambda at: {"STACK": at.area / "dem.tif"},
        works="The report is made, and lists it as an error to mend.",
        holds=lambda outcome: _at_least(outcome, "ERRORS", 1),
    ),
    Case(
        "stack-truncated",
        "checkfactors",
        "The first half of a factor stack",
        lambda at: {"STACK": truncated(at.chain["stack"], at.folder / "stack.tif")},
        r"factor stack .*failed|opened",
    ),
    Case(
        "stack-corrupt",
        "checkfactors",
        "A factor stack with noise in its tiles",
        lambda at: {"STACK": corrupt(at.chain["stack"], at.folder / "stack.tif")},
        r"factor stack raster .*failed",
    ),
    Case(
        "stack-two-names",
        "checkfactors",
        "A factor stack with two bands of one name",
        lambda at: {
            "STACK": raster(at.folder / "stack.tif", np.stack([heights(), heights()]), names=["slope", "slope"])
        },
        works="The report is made, and lists it as an error to mend.",
        holds=lambda outcome: _at_least(outcome, "ERRORS", 1),
    ),
    Case(
        "stack-bad-kind",
        "checkfactors",
        "A factor stack with a band of an unknown kind",
        lambda at: {"STACK": _tagged(at, kind="fuzzy")},
        works="The report is made, and lists it as an error to mend.",
        holds=lambda outcome: _at_least(outcome, "ERRORS", 1),
    ),
    Case(
        "stack-bad-classes",
        "checkfactors",
        "A factor stack whose class table is no JSON",
        lambda at: {"STACK": _tagged(at, kind="categorical", classes="{1: granite")},
        works="The report is made, and lists it as an error to mend.",
        holds=lambda outcome: _at_least(outcome, "ERRORS", 1),
    ),
    Case(
        "check-all-nodata",
        "checkfactors",
        "A factor stack without any value",
        lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _fill(np.nan)), "LABELS": None},
        works="The report lists it as an error to mend before training.",
        holds=lambda outcome: _at_least(outcome, "ERRORS", 1),
    ),
    Case(
        "check-constant",
        "checkfactors",
        "A factor stack with a band of one value",
        lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _fill(3.0, 0))},
        works="The report lists it.",
        holds=lambda outcome: _at_least(outcome, "WARNINGS", 1),
    ),
    Case(
        "check-infinite",
        "checkfactors",
        "Infinity in three by three cells of a factor",
        lambda at: {"STACK": _spoilt_stack(at, np.inf)},
        works="The report is made, and lists it.",
        holds=lambda outcome: _at_least(outcome, "ERRORS", 1),
    ),
    Case(
        "predict-infinite",
        "predictsusceptibility",
        "Infinity in three by three cells of a factor",
        lambda at: {"STACK": _spoilt_stack(at, np.inf)},
        works="These cells are nodata in the map; all others lie within 0 and 1.",
        holds=_no_infinity,
    ),
    Case(
        "predict-nan",
        "predictsusceptibility",
        "NaN in three by three cells of a factor",
        lambda at: {"STACK": _spoilt_stack(at, np.nan)},
        works="These cells are nodata in the map; all others lie within 0 and 1.",
        holds=_no_infinity,
    ),
    Case(
        "predict-all-nodata",
        "predictsusceptibility",
        "A factor stack without any value",
        lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _fill(np.nan))},
        r"No cell .*has data",
    ),
    Case(
        "zones-missing-map",
        "classifyzones",
        "A map that does not exist",
        lambda at: {"SUSCEPTIBILITY": at.folder / "map.tif"},
        r'SUSCEPTIBILITY.*there is no file or layer ".*map\.tif"',
    ),
    Case(
        "zones-truncated-map",
        "classifyzones",
        "The first half of a map",
        lambda at: {"SUSCEPTIBILITY": truncated(at.chain["susceptibility"], at.folder / "map.tif")},
        r"map\.tif.*(failed|opened)",
    ),
    Case(
        "zones-all-nodata",
        "classifyzones",
        "A map without any value",
        lambda at: {"SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _fill(np.nan))},
        r"no cell|no data|No cell",
    ),
    Case(
        "zones-one-value",
        "classifyzones",
        "A map of one value only",
        lambda at: {"SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _fill(0.5))},
        works="All cells share one zone, and that is said.",
        said=r".",
    ),
    Case(
        "zones-one-value-jenks",
        "classifyzones",
        "A map of one value only, natural breaks",
        lambda at: {
            "SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _fill(0.5)),
            "METHOD": "natural_breaks",
        },
        r"value",
    ),
    Case(
        "zones-one-cell",
        "classifyzones",
        "A map of one cell",
        lambda at: {"SUSCEPTIBILITY": raster(at.folder / "map.tif", np.full((1, 1), 0.4), nodata=np.nan)},
        works="The cell gets a zone.",
    ),
    Case(
        "zones-infinity",
        "classifyzones",
        "Infinity in a map",
        lambda at: {"SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", _spot(np.inf))},
        works="These cells are nodata.",
        holds=lambda outcome: _zone_at(outcome, 0),
    ),
    Case(
        "reference-one-cell",
        "buildbufferedlabels",
        "A reference raster of one cell",
        lambda at: {"REFERENCE": raster(at.folder / "one.tif", np.ones((1, 1)))},
        r"landslides",
    ),
    Case(
        "reference-all-nodata",
        "buildbufferedlabels",
        "A reference raster without any value",
        lambda at: {"REFERENCE": raster(at.folder / "void.tif", np.full((SIZE, SIZE), -9999.0))},
        r"reference|REFERENCE",
    ),
    Case(
        "reference-text",
        "buildsafetyfactor",
        "A text file as reference",
        lambda at: {"REFERENCE": text(at.folder / "grid.tif")},
        r"grid\.tif.* cannot be opened",
    ),
    Case(
        "safety-rain-void",
        "buildsafetyfactor",
        "Annual rain without any value",
        lambda at: {"PRECIPITATION": raster(at.folder / "rain.tif", np.full((12, 12), -9999.0), cell=300)},
        r"PRECIPITATION",
    ),
    Case(
        "safety-rain-negative",
        "buildsafetyfactor",
        "Negative annual rain",
        lambda at: {"PRECIPITATION": raster(at.folder / "rain.tif", np.full((12, 12), -500.0), cell=300)},
        r"PRECIPITATION",
    ),
)


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
