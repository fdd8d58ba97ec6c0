"""Rainfall warning: the rule by hand, areas that add up, rain from other grids, and what is said when data lack."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform

from scarp.model.errors import Cancelled, GridMismatch, NoOverlap, ParameterInvalid, TooFewData
from scarp.model.factors.sources import CategoricalInput
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.inputs.vectors import Polygons
from scarp.model.jobs.classify_zones import classify_zones
from scarp.model.jobs.rainfall_warning import rainfall_warning
from scarp.model.progress import NullProgress
from scarp.model.warning.classes import (
    COLOURS,
    KEYS,
    NAMES,
    NO_WARNING,
    NODATA,
    NOT_ASSESSED,
    SEVERE,
    WARNING,
    WATCH,
    Thresholds,
)
from scarp.model.warning.warning_map import classify

UTM = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), 90, 70)
DEGREES = Grid(CRS.from_epsg(4326), from_origin(95.0, 70.0, 0.05, 0.05), 60, 600)
K = 0.0129
NOTHING = float("nan")


def raster(path, grid: Grid, values, nodata: float = np.nan) -> str:
    with create_raster(path, grid, "float32", nodata, overviews=None) as dataset:
        dataset.write(np.broadcast_to(np.asarray(values, dtype=np.float32), grid.shape), 1)
    return str(path)


def band(path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def rows_of(path) -> list[dict]:
    with open(path, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def square(left: float, bottom: float, right: float, top: float) -> dict:
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    return {"type": "Polygon", "coordinates": [ring]}


def polygons(name: str, *shapes: tuple[str, tuple]) -> Polygons:
    return Polygons(
        name=name, geometries=[square(*bounds) for _, bounds in shapes], fields={"name": [label for label, _ in shapes]}
    )


def susceptibility(grid: Grid, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.random(grid.shape).astype(np.float32)
    values[rng.random(grid.shape) < 0.1] = np.nan
    return values


def warn(tmp_path, grid: Grid, p, rain, progress=None, **settings):
    """Run the job with rain on the map's grid, or from files."""
    paths = rain if isinstance(rain, list) else [raster(tmp_path / "rain.tif", grid, rain)]
    path = p if isinstance(p, str) else raster(tmp_path / "p.tif", grid, p)
    if "topography" not in settings and "k_table" not in settings:
        settings.setdefault("k", K)
    return rainfall_warning(
        path, paths, tmp_path / "w.tif", tmp_path / "w.csv", progress=progress or NullProgress(), **settings
    )


@pytest.mark.parametrize(
    ("factor", "p", "plain", "with_watch"),
    [
        (0.9, 0.1, NO_WARNING, NO_WARNING),
        (0.9, 0.3, NO_WARNING, NO_WARNING),
        (0.9, 0.8, NO_WARNING, NO_WARNING),
        (0.52, 0.1, NO_WARNING, NO_WARNING),
        (0.52, 0.3, NO_WARNING, WATCH),
        (0.52, 0.8, NO_WARNING, WATCH),
        (0.4, 0.1, WATCH, WATCH),
        (0.4, 0.3, WARNING, WARNING),
        (0.4, 0.8, SEVERE, SEVERE),
        # At a threshold: rain equal to it is not above it; a slope at P_LOW is no longer safe.
        (0.5, 0.8, NO_WARNING, WATCH),
        (0.4, 0.15, WARNING, WARNING),
        (0.4, 0.5, SEVERE, SEVERE),
        (0.55, 0.8, NO_WARNING, NO_WARNING),
        (NOTHING, 0.8, NOT_ASSESSED, NOT_ASSESSED),
        (0.4, NOTHING, NODATA, NODATA),
        (NOTHING, NOTHING, NODATA, NODATA),
    ],
)
def test_the_rule_by_hand(factor, p, plain, with_watch):
    cell = np.array([[factor]]), np.array([[p]], dtype=np.float32)
    assert classify(*cell, Thresholds()) == plain
    assert classify(*cell, Thresholds(fs_watch=0.55)) == with_watch


def test_more_rain_or_susceptibility_never_means_less_warning():
    factor, p = np.meshgrid(np.linspace(1, 0, 101), np.linspace(0, 1, 101).astype(np.float32), indexing="ij")
    for limits in (Thresholds(), Thresholds(fs_watch=0.6), Thresholds(0.2, 0.2, 0.4), Thresholds(0, 1, 0.7)):
        classes = classify(factor, p, limits).astype(int)
        assert (np.diff(classes, axis=0) >= 0).all()
        assert (np.diff(classes, axis=1) >= 0).all()


def test_map_and_table_follow_the_rule(tmp_path):
    """77.5 mm is the threshold of the paper's mountains; every number of the table is counted again."""
    p = susceptibility(UTM)
    rain = np.linspace(0, 160, UTM.width)[None, :].repeat(UTM.height, axis=0)
    summary = warn(tmp_path, UTM, p, rain, output_safety=tmp_path / "fs.tif")
    exceeded = rain.astype(np.float32) > 1 / K
    expected = np.select([np.isnan(p), ~exceeded, p < 0.15, p < 0.5], [0, 1, 2, 3], 4)
    assert np.array_equal(band(tmp_path / "w.tif"), expected)
    factor = band(tmp_path / "fs.tif")
    np.testing.assert_allclose(factor, np.where(np.isnan(p), np.nan, 1 / (1 + K * rain)), rtol=1e-5)
    whole = rows_of(tmp_path / "w.csv")[0]
    assert whole["region"] == whole["zone_name"] == "all"
    assert int(whole["cells"]) == np.isfinite(p).sum()
    for number, key in KEYS.items():
        assert float(whole[f"{key}_km2"]) == pytest.approx((expected == number).sum() * 9e-4)
        assert float(whole[f"{key}_share"]) == pytest.approx((expected == number).sum() / np.isfinite(p).sum())
        assert summary.km2[key] == pytest.approx(float(whole[f"{key}_km2"]))
    assert float(whole["mean_rain_mm"]) == pytest.approx(rain[np.isfinite(p)].mean(), rel=1e-5)
    assert summary.highest_rain == pytest.approx(160) == float(whole["highest_rain_mm"])
    assert summary.warned_share == pytest.approx((expected >= 3).sum() / np.isfinite(p).sum())
    record = json.loads((tmp_path / "w.tif.run.json").read_text(encoding="utf-8"))
    assert record["parameters"] == {
        "K": K,
        "K_TABLE": {},
        "P_LOW": 0.15,
        "P_HIGH": 0.5,
        "FS_CRITICAL": 0.5,
        "FS_WATCH": None,
        "REGION_FIELD": None,
    }
    assert json.loads((tmp_path / "w.json").read_text(encoding="utf-8"))[0]["region"] == "all"


def test_areas_are_true_on_degrees_and_add_up(tmp_path):
    """Zones add up to their region and regions that tile the map to the whole; cells weigh by latitude."""
    p = susceptibility(DEGREES, 2)
    rain = np.linspace(0, 200, DEGREES.height)[:, None]
    left, bottom, right, top = DEGREES.bounds
    halves = polygons("halves", ("north", (left, 55.0, right, top)), ("south", (left, bottom, right, 55.0)))
    warn(tmp_path, DEGREES, p, rain, regions=halves, region_field="name")
    rows = rows_of(tmp_path / "w.csv")
    assert [row["region"] for row in rows] == ["all"] * 6 + ["north"] * 6 + ["south"] * 6
    columns = ["cells", "km2", *(f"{key}_km2" for key in KEYS.values())]
    for column in columns:
        for first in (0, 6, 12):
            parts = sum(float(row[column]) for row in rows[first + 1 : first + 6])
            assert parts == pytest.approx(float(rows[first][column]), rel=1e-9, abs=1e-6)
        assert float(rows[6][column]) + float(rows[12][column]) == pytest.approx(
            float(rows[0][column]), rel=1e-9, abs=1e-6
        )
    area = np.repeat(DEGREES.cell_area()[:, None], DEGREES.width, axis=1) / 1e6
    classes = band(tmp_path / "w.tif")
    for number, key in KEYS.items():
        assert float(rows[0][f"{key}_km2"]) == pytest.approx(area[classes == number].sum())
        assert float(rows[6][f"{key}_km2"]) == pytest.approx(area[:300][classes[:300] == number].sum())
    assert [float(row["km2"]) / float(rows[0]["km2"]) for row in rows[1:6]] == pytest.approx(
        [0.3, 0.2, 0.2, 0.2, 0.1], abs=1e-4
    )


def test_zones_of_another_run(tmp_path):
    p = raster(tmp_path / "p.tif", UTM, susceptibility(UTM))
    classify_zones(p, tmp_path / "z.tif", method="breaks", breaks=[0.3, 0.6], progress=NullProgress())
    warn(tmp_path, UTM, p, 100.0, zones=tmp_path / "z.tif")
    rows = rows_of(tmp_path / "w.csv")
    zones = band(tmp_path / "z.tif")
    assert [int(row["cells"]) for row in rows[1:]] == [(zones == number).sum() for number in (1, 2, 3)]
    with pytest.raises(GridMismatch):
        warn(
            tmp_path,
            UTM,
            raster(tmp_path / "q.tif", Grid(UTM.crs, UTM.transform, 50, 50), 0.5),
            100.0,
            zones=tmp_path / "z.tif",
        )


def test_rain_from_another_crs_and_cell_size(tmp_path):
    """A plane of rain on coarse degrees arrives on the map as the plane, without steps."""
    lon, lat = transform(UTM.crs, "EPSG:4326", *zip(UTM.bounds[:2], UTM.bounds[2:]))
    coarse = Grid(CRS.from_epsg(4326), from_origin(lon[0] - 0.05, lat[1] + 0.05, 0.01, 0.01), 13, 12)
    x = coarse.transform.c + 0.01 * (np.arange(13) + 0.5)
    rain = raster(tmp_path / "coarse.tif", coarse, 1000 * (x - lon[0])[None, :] + 100)
    warn(tmp_path, UTM, np.full(UTM.shape, 0.6), [rain], output_safety=tmp_path / "fs.tif")
    column, row = np.meshgrid(np.arange(UTM.width) + 0.5, np.arange(UTM.height) + 0.5)
    xs, ys = UTM.transform * (column.ravel(), row.ravel())
    expected = 1000 * (np.array(transform(UTM.crs, "EPSG:4326", xs, ys)[0]).reshape(UTM.shape) - lon[0]) + 100
    found = (1 / band(tmp_path / "fs.tif") - 1) / K
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_days_add_up_to_a_week(tmp_path):
    p = susceptibility(UTM)
    rng = np.random.default_rng(4)
    days = [rng.uniform(0, 30, UTM.shape).astype(np.float32) for _ in range(7)]
    days[3][:10] = np.nan
    paths = [raster(tmp_path / f"day{number}.tif", UTM, day) for number, day in enumerate(days)]
    progress = NullProgress()
    warn(tmp_path, UTM, p, paths, progress=progress)
    week = np.sum(np.array(days, dtype=np.float64), axis=0)
    expected = classify(1 / (1 + K * week), p, Thresholds())
    assert np.array_equal(band(tmp_path / "w.tif"), expected)
    assert (expected[:10] != NOT_ASSESSED).sum() == np.isnan(p[:10]).sum()
    assert any("no rain data" in text and "no all-clear" in text for text in progress.warnings)
    record = json.loads((tmp_path / "w.tif.run.json").read_text(encoding="utf-8"))
    assert len(record["inputs"]["RAIN"]) == 7
    assert all("sha256" in day for day in record["inputs"]["RAIN"])


def test_threshold_of_each_landform(tmp_path):
    """K_TABLE wins, K serves the rest; without either the paper's table does, by name, and cells without class none."""
    left, bottom, right, top = UTM.bounds
    west, middle = left + 900, left + 1800
    landform = CategoricalInput(
        polygons("landform", ("glaciers", (left, bottom, west, top)), ("hills", (west, bottom, middle, top))), "name"
    )
    p = np.full(UTM.shape, 0.6)
    progress = NullProgress()
    warn(
        tmp_path,
        UTM,
        p,
        50.0,
        topography=landform,
        k=0.0129,
        k_table={"Hills": 0.03},
        progress=progress,
        output_safety=tmp_path / "fs.tif",
    )
    factor = band(tmp_path / "fs.tif")
    for columns, k in ((slice(0, 30), 0.0129), (slice(30, 60), 0.03), (slice(60, 90), 0.0129)):
        np.testing.assert_allclose(factor[:, columns], 1 / (1 + k * 50), rtol=1e-5)
    assert (band(tmp_path / "w.tif")[:, 30:60] == SEVERE).all()
    assert (band(tmp_path / "w.tif")[:, :30] == NO_WARNING).all()
    # The paper's glaciers have a threshold of 38 mm.
    warn(tmp_path, UTM, p, 50.0, topography=landform, k_table={"hills": 0.01}, progress=progress)
    classes = band(tmp_path / "w.tif")
    assert [np.unique(classes[:, part]).tolist() for part in (slice(0, 30), slice(30, 60), slice(60, 90))] == [
        [SEVERE],
        [NO_WARNING],
        [NOT_ASSESSED],
    ]
    assert any("southeastern Tibet: glaciers" in text and "LANDSLIDES" not in text for text in progress.warnings)
    assert any("no landform" in text for text in progress.warnings)
    with pytest.raises(ParameterInvalid, match="hills.*K or K_TABLE"):
        warn(tmp_path, UTM, p, 50.0, topography=landform)


def test_regions_that_overlap_or_lie_elsewhere(tmp_path):
    left, bottom, right, top = UTM.bounds
    both = (left, bottom, left + 1500, top)
    progress = NullProgress()
    regions = polygons("r", ("a", both), ("b", both), ("far", (0, 0, 10, 10)), (None, (left, bottom, right, top)))
    summary = warn(tmp_path, UTM, susceptibility(UTM), 100.0, regions=regions, region_field="name", progress=progress)
    rows = {(row["region"], row["zone_name"]): row for row in rows_of(tmp_path / "w.csv")}
    assert rows["a", "all"]["km2"] == rows["b", "all"]["km2"]
    assert float(rows["far", "all"]["km2"]) == 0
    assert rows["far", "all"]["severe_share"] == ""
    assert rows["(no name)", "all"]["km2"] == rows["all", "all"]["km2"]
    assert any("no cell of the map: far" in text for text in progress.warnings)
    assert any("more than one region" in text for text in summary.warnings)
    with pytest.raises(NoOverlap, match="REGIONS"):
        warn(tmp_path, UTM, susceptibility(UTM), 100.0, regions=polygons("far", ("far", (0, 0, 10, 10))))


@pytest.mark.parametrize(
    ("rain", "word"), [(0.08, "metres"), (4200.0, "month or a year"), (0.0, '"no warning": no more')]
)
def test_suspect_rain_is_warned_about(tmp_path, rain, word):
    progress = NullProgress()
    warn(tmp_path, UTM, susceptibility(UTM), rain, progress=progress)
    assert any(word in text for text in progress.warnings)


def test_negative_rain_and_bands(tmp_path):
    rain = np.full(UTM.shape, 90.0)
    rain[0] = -1
    path = tmp_path / "two.tif"
    with create_raster(path, UTM, "float32", np.nan, ["day 1", "day 2"], overviews=None) as dataset:
        dataset.write(np.stack([rain, rain]).astype(np.float32))
    progress = NullProgress()
    warn(tmp_path, UTM, np.full(UTM.shape, 0.3), [path], progress=progress)
    classes = band(tmp_path / "w.tif")
    assert (classes[0] == NOT_ASSESSED).all()
    assert (classes[1:] == WARNING).all()
    assert any("90 cells have negative rain" in text for text in progress.warnings)
    assert any("2 bands" in text and "MORE_RAIN" in text for text in progress.warnings)
    assert any('one class, "warning"' in text for text in progress.warnings)


def test_names_and_colours_travel(tmp_path):
    warn(tmp_path, UTM, susceptibility(UTM), 100.0)
    with rasterio.open(tmp_path / "w.tif") as dataset:
        assert dataset.nodata == 0
        assert dataset.dtypes == ("uint8",)
        assert json.loads(dataset.tags(1)["classes"]) == {str(number): name for number, name in NAMES.items()}
        assert dataset.colormap(1)[SEVERE] == COLOURS[SEVERE]
    text = (tmp_path / "w.tif.aux.xml").read_text(encoding="utf-8")
    assert "severe warning" in text
    assert "GDALRasterAttributeTable" in text
    assert (tmp_path / "w.qml").read_text(encoding="utf-8").count("<paletteEntry") == len(NAMES)


def test_colours_grow_darker_with_the_warning():
    light = [np.dot(COLOURS[number][:3], [0.299, 0.587, 0.114]) for number in (NO_WARNING, WATCH, WARNING, SEVERE)]
    assert (np.diff(light) < -20).all()


@pytest.mark.parametrize(
    "limits",
    [{"p_low": 0.6}, {"p_high": 1.2}, {"fs_critical": 0}, {"fs_critical": 1}, {"fs_watch": 0.4}, {"fs_watch": 1.0}],
)
def test_thresholds_that_cannot_be(limits):
    with pytest.raises(ParameterInvalid):
        Thresholds(**limits)


def test_what_cannot_be_used_leaves_nothing(tmp_path):
    class Stop(NullProgress):
        def cancelled(self):
            return True

    p = raster(tmp_path / "p.tif", UTM, susceptibility(UTM))
    wet = [raster(tmp_path / "wet.tif", UTM, 100.0)]
    far = raster(tmp_path / "far.tif", Grid(UTM.crs, from_origin(0.0, 10.0, 30.0, 30.0), 5, 5), 1.0)
    dry = raster(tmp_path / "none.tif", UTM, np.nan)
    percent = raster(tmp_path / "percent.tif", UTM, 80.0)
    for error, word, arguments in (
        (ParameterInvalid, "K = 0.0129", {"k": None, "rain": wet}),
        (ParameterInvalid, "K is -1", {"k": -1, "rain": wet}),
        (ParameterInvalid, "Both K", {"k_table": {"All": 0.01}, "k": 0.02, "rain": wet}),
        (ParameterInvalid, "landform classes are", {"k_table": {"lakes": 0.01}, "rain": wet, "k": K}),
        (NoOverlap, "rain raster", {"rain": [far]}),
        (TooFewData, "both rain", {"rain": [dry]}),
        (ParameterInvalid, "holds 80", {"rain": wet, "p": percent}),
        (Cancelled, "Cancelled", {"rain": wet, "progress": Stop()}),
    ):
        with pytest.raises(error, match=word):
            warn(tmp_path, UTM, arguments.pop("p", p), **arguments)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["far", "none", "p", "percent", "wet"]
