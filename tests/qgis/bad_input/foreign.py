"""Rasters as other tools write them: other values, scales, formats, several bands; as labels, maps, zones, factors.

What can be read must give the value of the plain raster; what cannot is refused with what the raster holds.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import changed, heights, raster, text
from scarp.tests.qgis.tiny import CELL, LEFT, SIZE, TOP

_SOUTH_UP = rasterio.Affine(CELL, 0, LEFT, 0, CELL, TOP - SIZE * CELL)
_RGB = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
_NO_STABLE = r"(?i)label.* no stable cell.*"
_NO_SLIDE = r"(?i)label.* no landslide cell.*"
Maker = Callable[[Path, np.ndarray], Path]


def _made(
    change: Callable[[np.ndarray], Any] = lambda values: values,
    dtype: str = "float32",
    nodata: float | None = None,
    scale: float = 1.0,
    **more: Any,
) -> Maker:
    """Return a maker of a raster of the study area from the values of the plain one."""

    def make(path: Path, values: np.ndarray) -> Path:
        cells = np.asarray(change(values))
        with np.errstate(invalid="ignore"):
            raster(path, cells, nodata=nodata, dtype=dtype, **more)
        if scale != 1:
            with rasterio.open(path, "r+") as dataset:
                dataset.scales = [scale] * dataset.count
        return path

    return make


def _coloured(bands: int = 3, palette: bool = False) -> Maker:
    def make(path: Path, values: np.ndarray) -> Path:
        grey = np.nan_to_num(255 * values / np.nanmax(values)).astype("uint8")
        raster(path, grey if palette else np.stack([grey] * bands), nodata=None, dtype="uint8")
        with rasterio.open(path, "r+") as dataset:
            if palette:
                dataset.write_colormap(1, {value: (value, 0, 255 - value, 255) for value in range(256)})
            else:
                dataset.colorinterp = [*_RGB, ColorInterp.alpha][:bands]
        return path

    return make


def _by_gdal(*options: str, ending: str = ".tif") -> Maker:
    """Return a maker that converts the plain raster with gdal_translate."""

    def make(path: Path, values: np.ndarray) -> Path:
        plain = raster(path.with_name("plain.tif"), values, nodata=-9999)
        result = path.with_suffix(ending)
        subprocess.run(["gdal_translate", "-q", *options, str(plain), str(result)], check=True)
        return result

    return make


def _two(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.flip(values)])


def _spot(value: float, factor: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        result = np.round(values * factor) if factor != 1 else values.copy()
        result[np.isnan(result)] = value
        result[60:63, 60:63] = value
        return result

    return change


def _read(path: Any) -> np.ndarray:
    with rasterio.open(path) as dataset:
        values = dataset.read(1).astype("float64")
        return np.where(values == dataset.nodata, np.nan, values) if dataset.nodata is not None else values


def _given(parameter: str, source: Callable[[Workplace], Any], make: Maker, **more: Any):
    def changes(at: Workplace) -> dict[str, Any]:
        return {parameter: make(at.folder / f"{parameter.lower()}.tif", _read(source(at))), **more}

    return changes


def _with_unit(path: Path, unit: str) -> Path:
    with rasterio.open(path, "r+") as dataset:
        dataset.units = [unit] * dataset.count
    return path


def _masked(path: Path, values: np.ndarray) -> Path:
    """Write a raster with a mask beside it, in a file of its own."""
    raster(path, values, nodata=None)
    mask = np.full(values.shape, True)
    mask[60:63, 60:63] = False
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(mask)
    return path


Form = tuple[str, Maker, str]  # what is given, how it is made, what must be said
_LABELS_REFUSED: Mapping[str, Form] = {
    "nodata-0": (
        "Labels in which 0 is declared as nodata",
        _made(dtype="uint8", nodata=0),
        _NO_STABLE + "0 is declared",
    ),
    "nodata-1": (
        "Labels in which 1 is declared as nodata",
        _made(dtype="uint8", nodata=1),
        _NO_SLIDE + "1 is declared",
    ),
    "one-two": (
        "Labels 1 and 2",
        _made(lambda v: np.where(v == 1, 2, 1), "uint8"),
        r"label raster .*the values 1 .* and 2 .*landslides to 1",
    ),
    "byte": (
        "Labels 0 and 255",
        _made(lambda v: np.where(v == 1, 255, 0), "uint8"),
        _NO_SLIDE + "255, which means unknown",
    ),
    "minus": (
        "Labels -1 and 1",
        _made(lambda v: np.where(v == 1, 1, -1), "int16"),
        r"label raster .*the values -1 .* and 1 .*stable land to 0",
    ),
    "percent": (
        "Labels 0 and 100",
        _made(lambda v: np.where(v == 1, 100, 0), "uint8"),
        r"label raster .*the values 0 .* and 100 .*100 to 1",
    ),
    "only-slides": ("Labels of 1 and NaN", _made(lambda v: np.where(v == 1, 1, np.nan)), _NO_STABLE + "Fill NoData"),
    "picture": ("A colour picture as labels", _coloured(), r"label raster .*colour picture"),
}
_LABELS_READ: Mapping[str, Form] = {
    "nan": ("Labels as real numbers with NaN for unknown", _made(), ""),
    "minus-9999": (
        "Labels as Int16 with -9999 for unknown",
        _made(lambda v: np.nan_to_num(v, nan=-9999), "int16", -9999),
        "",
    ),
    "two-bands": (
        "Labels of two bands",
        _made(lambda v: _two(np.nan_to_num(v, nan=255)), "uint8", 255),
        r"label raster .*has 2 bands; band 1 is used",
    ),
    "scaled": (
        "Labels as tenths with a declared scale",
        _made(lambda v: np.nan_to_num(v * 10, nan=-1), "int16", -1, 0.1),
        "",
    ),
    "south-up": (
        "Labels as Float64 stored south-up",
        _made(lambda v: v[::-1], "float64", np.nan, transform=_SOUTH_UP),
        "",
    ),
}
_MAPS_SCALED: Mapping[str, Form] = {
    "hundred": (
        "A map as whole percent",
        _made(lambda v: np.nan_to_num(np.round(v * 100), nan=255), "uint8", 255),
        "percent",
    ),
    "bytes": (
        "A map from 0 to 254",
        _made(lambda v: np.nan_to_num(np.round(v * 254), nan=255), "uint8", 255),
        "Divide it by 255",
    ),
    "thousand": ("A map from 0 to 1000", _made(lambda v: v * 1000, nodata=np.nan), "Divide it by 1,000"),
    "ten-thousand": (
        "A map in ten-thousandths with 65535 undeclared",
        _made(lambda v: np.nan_to_num(np.round(v * 9000), nan=65535), "uint16"),
        "Divide it by 10,000",
    ),
    "logits": (
        "A map of log-odds",
        _made(lambda v: np.log(v.clip(1e-6, 1 - 1e-6) / (1 - v.clip(1e-6, 1 - 1e-6))), nodata=np.nan),
        r"1 / \(1 \+ exp",
    ),
    "zones": (
        "Zones where the map should be",
        _made(lambda v: np.nan_to_num(1 + np.floor(v * 4.99)), "uint8", 0),
        "zones or classes",
    ),
    "negative": ("A map from -1000 to 0", _made(lambda v: v * 1000 - 1000, nodata=np.nan), "Values below 0"),
}
_MAPS_REFUSED: Mapping[str, Form] = {
    "picture": ("A colour picture as map", _coloured(), r"susceptibility raster .*colour picture"),
    "picture-alpha": (
        "A colour picture with transparency as map",
        _coloured(4),
        r"susceptibility raster .*colour picture",
    ),
    "palette": ("Numbers of a colour table as map", _coloured(palette=True), r"susceptibility raster .*colour table"),
}
_MAPS_READ: Mapping[str, Form] = {
    "rounding": ("A map that exceeds 1 by rounding", _made(lambda v: v / np.nanmax(v) * 1.00001, nodata=np.nan), ""),
    "two-bands": (
        "A map of two bands",
        _made(_two, nodata=np.nan),
        r"susceptibility .*raster .*has 2 bands; band 1 is used",
    ),
    "scaled": (
        "A map as UInt16 with a declared scale of 1/10000",
        _made(lambda v: np.nan_to_num(np.round(v * 10000), nan=65535), "uint16", 65535, 1e-4),
        "",
    ),
    "undeclared": ("A map with -9999 undeclared", _made(_spot(-9999)), "holds -9999"),
    "float64": (
        "A map as Float64 with nodata -1.8e308",
        _made(_spot(-1.7976931348623157e308), "float64", -1.7976931348623157e308),
        "",
    ),
    "south-up": ("A map stored south-up", _made(lambda v: v[::-1], nodata=np.nan, transform=_SOUTH_UP), ""),
    "img": ("A map as Erdas Imagine file", _by_gdal("-of", "HFA", ending=".img"), ""),
    "cog": ("A map as cloud-optimised GeoTIFF", _by_gdal("-of", "COG"), ""),
}
_ZONES_REFUSED: Mapping[str, Form] = {
    "from-0": (
        "Zones that count from 0",
        _made(lambda v: np.nan_to_num(v - 1), "uint8"),
        r"zone raster .*holds 0 in .*add 1 to all",
    ),
    "down": (
        "Zones that count down, 5 the least susceptible",
        _made(lambda v: np.nan_to_num(6 - v), "uint8", 0),
        "counts down",
    ),
    "tens": (
        "Zones 10, 20 to 50",
        _made(lambda v: np.nan_to_num(10 * v), "uint8", 0),
        r"the values 10 .*Number the zones",
    ),
    "halves": ("Zones 0.5, 1.5 to 4.5", _made(lambda v: v - 0.5, nodata=np.nan), r"zone raster .*whole numbers"),
    "picture": ("A colour picture as zones", _coloured(), r"zone raster .*colour picture"),
    "negative": ("Zones -5 to -1", _made(lambda v: np.nan_to_num(v - 6), "int16", 0), r"the values -5 .*Reclassify"),
}
_ZONES_READ: Mapping[str, Form] = {
    "gap": (
        "Zones without zone 3",
        _made(lambda v: np.nan_to_num(np.where(v == 3, 2, v)), "uint8", 0),
        "no cell of zone 3",
    ),
    "holes": (
        "Zones without data on a part of the map",
        _made(lambda v: np.nan_to_num(np.where(np.arange(SIZE) < 20, 0, v)), "uint8", 0),
        r"cells of the map \(\d+ %\) have no zone",
    ),
    "float": ("Zones as real numbers with NaN", _made(nodata=np.nan), ""),
    "two-bands": (
        "Zones of two bands",
        _made(lambda v: _two(np.nan_to_num(v)), "uint8", 0),
        r"zone raster .*has 2 bands; band 1 is used",
    ),
}
_SAFETY: Mapping[str, Form] = {
    "slope-stability": (
        "A safety factor of slope stability, up to 4",
        _made(lambda v: v * 4, nodata=np.nan),
        "set FS_CRITICAL to 1",
    ),
    "percent": ("A safety factor in percent", _made(lambda v: v * 100, nodata=np.nan), "divide it by 100"),
    "undeclared": (
        "A safety factor with -9999 undeclared",
        _made(_spot(-9999)),
        r"safety factor raster .*-9999 in [\d,]+ cells",
    ),
    "two-bands": (
        "A safety factor of two bands",
        _made(_two, nodata=np.nan),
        r"safety factor raster .*has 2 bands; band 1 is",
    ),
}
_DEMS_READ: Mapping[str, Form] = {
    "float64": ("A DEM as Float64", _made(dtype="float64"), ""),
    "ascii": ("A DEM as ASCII grid", _by_gdal("-of", "AAIGrid", "-co", "DECIMAL_PRECISION=6", ending=".asc"), ""),
    "img": ("A DEM as Erdas Imagine file", _by_gdal("-of", "HFA", ending=".img"), ""),
    "vrt": ("A DEM as virtual raster", _by_gdal("-of", "VRT", ending=".vrt"), ""),
    "cog": ("A DEM as cloud-optimised GeoTIFF with overviews", _by_gdal("-of", "COG"), ""),
    "bigtiff": ("A DEM as tiled BigTIFF", _by_gdal("-co", "BIGTIFF=YES", "-co", "TILED=YES"), ""),
    "feet": (
        "A DEM in feet that states its unit",
        lambda path, values: _with_unit(raster(path, values / 0.3048, nodata=None), "foot"),
        "converted to m",
    ),
    "scaled": ("A DEM with scale 0.5 and whole numbers", _made(lambda v: v * 2, scale=0.5), ""),
    "two-bands": ("A DEM of two bands", _made(_two), r"DEM raster .*has 2 bands; band 1 is used"),
    "undeclared": ("A DEM with -9999 undeclared", _made(_spot(-9999)), r"DEM raster .*-9999 in 9 cells"),
    "undeclared-high": ("A DEM with 32767 undeclared", _made(_spot(32767)), r"DEM raster .*32767 in 9 cells"),
    "sidecar-mask": ("A DEM with a mask in a .msk file", _masked, ""),
}
_DEMS_REFUSED: Mapping[str, Form] = {
    "complex": ("A DEM of complex numbers", _made(dtype="complex64"), r"DEM .*complex"),
    "picture": ("A hillshade picture as DEM", _coloured(), r"DEM raster .*colour picture"),
    "palette": ("Numbers of a colour table as DEM", _coloured(palette=True), r"DEM raster .*colour table"),
}
_CLIMATE: Mapping[str, tuple[str, str, Maker, str, float]] = {
    "kelvin": (
        "TEMPERATURE",
        "Temperature in kelvin that states its unit",
        lambda path, values: _with_unit(raster(path, values + 273.15, cell=300, nodata=None), "K"),
        "kelvin are converted",
        0.01,
    ),
    "tenths": (
        "TEMPERATURE",
        "Temperature in tenths of degrees with a declared scale",
        _made(lambda v: np.round(v * 10), "int16", scale=0.1, cell=300),
        "",
        0.06,
    ),
    "rain-inches": (
        "PRECIPITATION",
        "Annual rain in inches that states its unit",
        lambda path, values: _with_unit(raster(path, values / 25.4, cell=300, nodata=None), "inch"),
        "inch are converted",
        0.1,
    ),
    "rain-undeclared": (
        "PRECIPITATION",
        "Annual rain with 99999 undeclared",
        _made(lambda v: np.where(np.arange(v.size).reshape(v.shape) == 0, 99999, v), cell=300),
        r"precipitation raster .*99999 in 1 cell",
        0.1,
    ),
    "rain-bands": (
        "PRECIPITATION",
        "Annual rain as three bands in one file",
        _made(lambda v: np.stack([v, v + 50, v + 90]), cell=300),
        r"precipitation raster .*has 3 bands; band 1 is used",
        0.1,
    ),
}


def _same_zones(outcome: Outcome) -> None:
    """The zones are those of the plain map but for cells that have no data and for ties of rounding."""
    found, expected = _read(outcome.results["OUTPUT"]), _read(outcome.at.chain["zones"])
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.sum() >= np.isfinite(expected).sum() - 9
    assert (found[both] == expected[both]).mean() > 0.97


def _same_ranks(outcome: Outcome) -> None:
    # Whole percent leave ties.
    assert abs(outcome.results["LEAD"]) < 0.06


def _same_slope(outcome: Outcome) -> None:
    with rasterio.open(outcome.at.chain["stack"]) as dataset:
        expected = dataset.read(dataset.descriptions.index("slope") + 1)
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        found = dataset.read(dataset.descriptions.index("slope") + 1)
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.sum() >= np.isfinite(expected).sum() - 25
    # Beside a hole in the DEM slopes come from the neighbours that there are.
    both[58:65, 58:65] = False
    np.testing.assert_allclose(found[both], expected[both], atol=2e-3)


def _same_climate(name: str, tolerance: float) -> Callable[[Outcome], None]:
    def holds(outcome: Outcome) -> None:
        with rasterio.open(outcome.at.chain["stack"]) as dataset:
            expected = dataset.read(dataset.descriptions.index(name) + 1)
        with rasterio.open(outcome.results["OUTPUT"]) as dataset:
            found = dataset.read(dataset.descriptions.index(name) + 1)
        both = np.isfinite(found) & np.isfinite(expected)
        # Near a cell without data the interpolation has fewer neighbours.
        both[:40, :40] = False
        assert both.any()
        np.testing.assert_allclose(found[both], expected[both], atol=tolerance)

    return holds


def _errors(outcome: Outcome) -> None:
    assert outcome.results["ERRORS"] >= 1


def _auc(outcome: Outcome) -> None:
    assert 0.5 < outcome.results["AUC"] <= 1


def _labels(at: Workplace) -> Path:
    return at.chain["labels"]


def _map(at: Workplace) -> Path:
    return at.chain["susceptibility"]


def _zone(at: Workplace) -> Path:
    return at.chain["zones"]


def _beside(make: Maker):
    def changes(at: Workplace) -> dict[str, Any]:
        return {"SUSCEPTIBILITY": [_map(at), make(at.folder / "other.tif", _read(_map(at)))]}

    return changes


def _undeclared(values: np.ndarray) -> None:
    values[0, :40] = -9999


def _rain(at: Workplace) -> Path:
    return at.area / "precipitation.tif"


def _three_variables(path: Path, values: np.ndarray) -> Path:
    plain = raster(path.with_name("plain.tif"), np.stack([values] * 3), cell=300)
    result = path.with_suffix(".nc")
    subprocess.run(["gdal_translate", "-q", "-of", "netCDF", str(plain), str(result)], check=True)
    return result


def _palette_classes(path: Path, values: np.ndarray) -> Path:
    raster(path, np.nan_to_num(values), nodata=0, dtype="uint8")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {zone: (40 * zone, 90, 0, 255) for zone in range(1, 6)})
    return path


def _five_classes(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        found = dataset.read(dataset.descriptions.index("lithology") + 1)
    both = np.isfinite(found) & np.isfinite(_read(outcome.at.chain["zones"]))
    np.testing.assert_array_equal(found[both], _read(outcome.at.chain["zones"])[both])


def _state_plane(crs: str = "EPSG:2285", **more: Any):
    """Return a maker of a DEM in feet, in a CRS that counts in US feet; nothing states the unit of the elevations."""
    return lambda at: {
        "DEM": raster(at.folder / "feet.tif", 3 * heights(60, 60), crs=crs, cell=100, left=1.2e6, top=2e5),
        **more,
    }


def _slope_of_gdal(outcome: Outcome) -> None:
    slope = outcome.at.folder / "slope.tif"
    # Heights and distances are both in feet. Newer versions of GDAL would take heights of no unit for metres.
    subprocess.run(["gdaldem", "slope", "-q", "-s", "1", str(outcome.at.folder / "feet.tif"), str(slope)], check=True)
    found, expected = _read(outcome.results["OUTPUT"]), _read(slope)
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.sum() > 3000
    np.testing.assert_allclose(found[both], expected[both], atol=0.02)


_REAL = {"works": "It is read as the plain raster is."}
_LEARNERS = {
    "trainpcum": "train",
    "traincomparisonmodel": "comparison",
    "crossvalidate": "folds",
    "explainsusceptibility": "explain",
}
_USERS = {"validatewithpoints": "judge", "rainfallwarning": "warning"}
CASES = (
    *(
        Case(f"{short}-labels-{name}", algorithm, given, _given("LABELS", _labels, make), error)
        for algorithm, short in _LEARNERS.items()
        for name, (given, make, error) in _LABELS_REFUSED.items()
    ),
    *(
        Case(
            f"check-labels-{name}",
            "checkfactors",
            given,
            _given("LABELS", _labels, make),
            holds=_errors,
            works="The report is made, and lists it as an error to fix.",
        )
        for name, (given, make, _) in _LABELS_REFUSED.items()
        if name != "picture"
    ),
    *(
        Case(
            f"{short}-labels-{name}", algorithm, given, _given("LABELS", _labels, make), said=said, holds=_auc, **_REAL
        )
        for algorithm, short in (("traincomparisonmodel", "comparison"), ("explainsusceptibility", "explain"))
        for name, (given, make, said) in _LABELS_READ.items()
    ),
    *(
        Case(f"{short}-map-{name}", algorithm, given, _given("SUSCEPTIBILITY", _map, make), error)
        for algorithm, short in _USERS.items()
        for name, (given, make, error) in {**_MAPS_SCALED, **_MAPS_REFUSED}.items()
    ),
    *(
        Case(
            f"zones-map-{name}",
            "classifyzones",
            given,
            _given("SUSCEPTIBILITY", _map, make),
            said=said,
            works="The zones follow the order of its values, and the log questions them.",
        )
        for name, (given, make, said) in _MAPS_SCALED.items()
    ),
    *(
        Case(f"zones-map-{name}", "classifyzones", given, _given("SUSCEPTIBILITY", _map, make), error)
        for name, (given, make, error) in _MAPS_REFUSED.items()
    ),
    *(
        Case(
            f"zones-map-{name}",
            "classifyzones",
            given,
            _given("SUSCEPTIBILITY", _map, make),
            said=said,
            holds=_same_zones,
            **_REAL,
        )
        for name, (given, make, said) in _MAPS_READ.items()
    ),
    *(
        Case(
            f"judge-map-{name}",
            "validatewithpoints",
            given,
            _given("SUSCEPTIBILITY", _map, make),
            said=said,
            holds=_auc,
            **_REAL,
        )
        for name, (given, make, said) in _MAPS_READ.items()
    ),
    *(
        Case(
            f"compare-map-{name}",
            "comparemodels",
            f"{given}, beside the plain map",
            _beside(make),
            said=said,
            holds=_same_ranks,
            works="Both maps have the same AUC.",
        )
        for name, (given, make, said) in {
            **_MAPS_READ,
            "hundred": (*_MAPS_SCALED["hundred"][:2], "not within 0"),
            "logits": (*_MAPS_SCALED["logits"][:2], "not within 0"),
        }.items()
    ),
    Case(
        "compare-map-picture",
        "comparemodels",
        "A colour picture beside the plain map",
        _beside(_coloured()),
        "colour picture",
    ),
    *(
        Case(f"{short}-zones-{name}", algorithm, given, _given("ZONES", _zone, make), error)
        for algorithm, short in _USERS.items()
        for name, (given, make, error) in _ZONES_REFUSED.items()
    ),
    *(
        Case(f"{short}-zones-{name}", algorithm, given, _given("ZONES", _zone, make), said=said, **_REAL)
        for algorithm, short in _USERS.items()
        for name, (given, make, said) in _ZONES_READ.items()
    ),
    *(
        Case(
            f"train-safety-{name}",
            "trainpcum",
            given,
            _given("SAFETY_FACTOR", lambda at: at.chain["safety"], make, PHYSICS="hinge"),
            said=said,
            works="The model is trained, and the log says so.",
        )
        for name, (given, make, said) in _SAFETY.items()
    ),
    Case(
        "train-safety-picture",
        "trainpcum",
        "A colour picture as safety factor",
        _given("SAFETY_FACTOR", lambda at: at.chain["safety"], _coloured()),
        "safety factor raster .*colour picture",
    ),
    *(
        Case(
            f"dem-{name}",
            "buildfactorstack",
            given,
            _given("DEM", lambda at: at.area / "dem.tif", make),
            said=said,
            holds=_same_slope,
            works="Slopes are those of the plain DEM.",
        )
        for name, (given, make, said) in _DEMS_READ.items()
    ),
    *(
        Case(f"dem-{name}", "buildfactorstack", given, _given("DEM", lambda at: at.area / "dem.tif", make), error)
        for name, (given, make, error) in _DEMS_REFUSED.items()
    ),
    *(
        Case(
            f"climate-{name}",
            "buildfactorstack",
            given,
            _given(parameter, lambda at, parameter=parameter: at.area / f"{parameter.lower()}.tif", make),
            said=said,
            holds=_same_climate(parameter.lower(), tolerance),
            works="Values are those of the plain raster.",
        )
        for name, (parameter, given, make, said, tolerance) in _CLIMATE.items()
    ),
    Case(
        "dem-compound-feet",
        "buildfactorstack",
        "A DEM in feet whose compound CRS states the unit of its heights",
        _state_plane("EPSG:2285+6360"),
        works="Slopes are those of gdaldem.",
        said="converted to m",
        holds=_slope_of_gdal,
    ),
    Case(
        "rain-netcdf-three",
        "buildfactorstack",
        "Annual rain as NetCDF of three variables",
        _given("PRECIPITATION", _rain, _three_variables),
        r"PRECIPITATION.*holds several .*Band1, Band2, Band3",
    ),
    Case(
        "rain-months",
        "buildfactorstack",
        "Annual rain as twelve bands",
        _given("PRECIPITATION", _rain, _made(lambda v: np.stack([v / 12] * 12), cell=300)),
        r"precipitation raster .*has 12 bands.*sum of the year",
    ),
    Case(
        "safety-rain-months",
        "buildsafetyfactor",
        "Annual rain as twelve bands",
        _given("PRECIPITATION", _rain, _made(lambda v: np.stack([v / 12] * 12), cell=300)),
        r"precipitation raster .*has 12 bands.*sum of the year",
    ),
    Case(
        "warning-rain-picture",
        "rainfallwarning",
        "A colour picture as rain",
        _given("RAIN", _rain, _coloured()),
        r"rain raster .*colour picture",
    ),
    Case(
        "lithology-picture",
        "buildfactorstack",
        "A colour picture as lithology",
        _given("LITHOLOGY", _rain, _coloured(4)),
        r"lithology raster .*colour picture",
    ),
    Case(
        "lithology-palette",
        "buildfactorstack",
        "Lithology as a raster with a colour table",
        _given("LITHOLOGY", _zone, _palette_classes),
        works="Its numbers are the classes.",
        holds=_five_classes,
    ),
    Case(
        "dem-state-plane",
        "buildfactorstack",
        "A DEM in feet of which only the CRS tells",
        _state_plane(),
        r"DEM.*DEM_UNIT",
    ),
    Case(
        "dem-state-plane-chosen",
        "buildfactorstack",
        "A DEM in feet of which only the CRS tells, with DEM_UNIT us_ft",
        _state_plane(DEM_UNIT="us_ft"),
        works="Slopes are those of gdaldem.",
        said="converted to m",
        holds=_slope_of_gdal,
    ),
    Case(
        "judge-relief-picture",
        "validatewithpoints",
        "A hillshade picture as DEM",
        _given("DEM", lambda at: at.area / "dem.tif", _coloured()),
        "DEM raster .*colour picture",
    ),
    Case(
        "judge-relief-bands",
        "validatewithpoints",
        "A DEM of two bands for the relief",
        _given("DEM", lambda at: at.area / "dem.tif", _made(_two)),
        said=r"DEM raster .*has 2 bands; band 1 is used",
        works="The relief is that of the first band.",
    ),
    Case(
        "predict-stack-picture",
        "predictsusceptibility",
        "A colour picture as factor stack",
        _given("STACK", _map, _coloured()),
        r"factor stack",
    ),
    Case(
        "train-stack-text",
        "traincomparisonmodel",
        "A text as factor stack",
        lambda at: {"STACK": text(at.folder / "stack.tif")},
        r"stack\.tif",
    ),
    Case(
        "train-stack-unnamed",
        "traincomparisonmodel",
        "A factor stack whose bands have no names",
        lambda at: {"STACK": raster(at.folder / "stack.tif", np.stack([_read(_map(at))] * 2), nodata=np.nan)},
        r"factor stack .*no name|name",
    ),
    Case(
        "train-stack-undeclared",
        "traincomparisonmodel",
        "A factor stack with -9999 undeclared",
        lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _undeclared, nodata=None)},
        r"factor stack .*-9999 in",
    ),
    Case(
        "predict-stack-undeclared",
        "predictsusceptibility",
        "A factor stack with -9999 undeclared",
        lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _undeclared, nodata=None)},
        r"factor stack .*-9999 in",
    ),
)
