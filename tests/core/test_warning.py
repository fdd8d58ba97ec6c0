"""Rainfall warning: the rule by hand, areas that add up, rain on other grids, and warnings about missing data."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from itertools import starmap
from typing import Callable

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

from scarp.model.errors import ParameterInvalid
from scarp.model.factors.settings import CategoricalInput
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.warning import classes
from scarp.model.warning.classes import KEYS, NO_WARNING, NODATA, NOT_ASSESSED, SEVERE, WARNING, WATCH, WarningOptions
from scarp.model.warning.warning_map import classify
from scarp.tests.core import conftest
from scarp.tests.core.conftest import Listener, at_cells, box, degree_grid, read_band, read_csv, utm_grid, write_raster

UTM, DEGREES = utm_grid(70, 90), degree_grid(600, 60, 0.05, 95.0, 70.0)
LEFT, BOTTOM, RIGHT, TOP = UTM.bounds
K, NAN = 0.0129, float("nan")
WHOLE = (LEFT, BOTTOM, RIGHT, TOP)


def raster(path, grid: Grid, values) -> str:
    cells = np.broadcast_to(np.asarray(values, dtype=np.float32), grid.shape)
    return write_raster(path, cells, grid, nodata=np.nan)


def polygons(layer: str, **shapes: tuple) -> Polygons:
    names = [None if name == "nameless" else name for name in shapes]
    return Polygons(layer, geometries=list(starmap(box, shapes.values())), fields={"name": names})


def susceptibility(grid: Grid, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.random(grid.shape).astype(np.float32)
    values[rng.random(grid.shape) < 0.1] = np.nan
    return values


def warn(folder, p, rain, grid: Grid = UTM, **settings):
    """Run the job with map and rain as values on a grid, or from files."""
    rain = rain if isinstance(rain, list) else [raster(folder / "rain.tif", grid, rain)]
    p = p if isinstance(p, str) else raster(folder / "p.tif", grid, p)
    if not settings.keys() & {"topography", "k_table"}:
        settings.setdefault("k", K)
    return conftest.rainfall_warning(p, rain, folder / "w.tif", folder / "w.csv", **settings)


RULE = [  # factor, susceptibility, class without FS_WATCH and with it
    *[(0.9, p, NO_WARNING, NO_WARNING) for p in (0.1, 0.3, 0.8)],
    *[(0.52, 0.1, NO_WARNING, NO_WARNING), (0.52, 0.3, NO_WARNING, WATCH), (0.52, 0.8, NO_WARNING, WATCH)],
    *[(0.4, 0.1, WATCH, WATCH), (0.4, 0.3, WARNING, WARNING), (0.4, 0.8, SEVERE, SEVERE)],
    # At a threshold: rain equal to it is not above it; a slope at P_LOW is no longer safe.
    *[(0.5, 0.8, NO_WARNING, WATCH), (0.4, 0.15, WARNING, WARNING), (0.4, 0.5, SEVERE, SEVERE)],
    (0.55, 0.8, NO_WARNING, NO_WARNING),
    *[(NAN, 0.8, NOT_ASSESSED, NOT_ASSESSED), (0.4, NAN, NODATA, NODATA), (NAN, NAN, NODATA, NODATA)],
]


@pytest.mark.parametrize(("factor", "p", "without_watch", "with_watch"), RULE)
def test_the_rule_by_hand(factor, p, without_watch, with_watch):
    cell = np.array([[factor]]), np.array([[p]], dtype=np.float32)
    assert classify(*cell, WarningOptions()) == without_watch
    assert classify(*cell, WarningOptions(fs_watch=0.55)) == with_watch


def test_map_and_table_follow_the_rule(tmp_path):
    """77.5 mm is the threshold of the paper's mountains; every number of the table is counted again."""
    p = susceptibility(UTM)
    rain = np.linspace(0, 160, UTM.width)[None, :].repeat(UTM.height, axis=0)
    summary = warn(tmp_path, p, rain, output_safety_factor=tmp_path / "fs.tif")
    on_map = np.isfinite(p)
    exceeded = rain.astype(np.float32) > 1 / K
    expected = np.select([~on_map, ~exceeded, p < 0.15, p < 0.5], [0, 1, 2, 3], 4)
    assert np.array_equal(read_band(tmp_path / "w.tif"), expected)
    factor = np.where(on_map, 1 / (1 + K * rain), np.nan)
    np.testing.assert_allclose(read_band(tmp_path / "fs.tif"), factor, rtol=1e-5)
    whole = read_csv(tmp_path / "w.csv")[0]
    assert whole["region"] == whole["zone_name"] == "all" and int(whole["cells"]) == on_map.sum()
    for number, key in KEYS.items():
        count, area = (expected == number).sum(), float(whole[f"{key}_km2"])
        assert area == pytest.approx(count * 9e-4) and summary.km2[key] == pytest.approx(area)
        assert float(whole[f"{key}_share"]) == pytest.approx(count / on_map.sum())
    assert float(whole["mean_rain_mm"]) == pytest.approx(rain[on_map].mean(), rel=1e-5)
    assert summary.highest_rain == pytest.approx(160) == float(whole["highest_rain_mm"])
    assert summary.warned_share == pytest.approx((expected >= 3).sum() / on_map.sum())
    record = json.loads((tmp_path / "w.tif.run.json").read_text(encoding="utf-8"))
    thresholds = {"P_LOW": 0.15, "P_HIGH": 0.5, "FS_CRITICAL": 0.5, "FS_WATCH": None, "HIT_RATE": None}
    assert record["parameters"] == {"RAIN_UNIT": "auto", "K": K, "K_TABLE": {}, **thresholds, "REGION_FIELD": None}
    assert json.loads((tmp_path / "w.json").read_text(encoding="utf-8"))[0]["region"] == "all"


def test_areas_are_true_on_degrees_and_add_up(tmp_path):
    """Zones add up to their region and regions that tile the map to the whole; cells weigh by latitude."""
    p = susceptibility(DEGREES, 2)
    left, bottom, right, top = DEGREES.bounds
    halves = polygons("halves", north=(left, 55.0, right, top), south=(left, bottom, right, 55.0))
    rain = np.linspace(0, 200, DEGREES.height)[:, None]
    warn(tmp_path, p, rain, DEGREES, regions=halves, region_field="name")
    rows = read_csv(tmp_path / "w.csv")
    assert [row["region"] for row in rows] == ["all"] * 6 + ["north"] * 6 + ["south"] * 6
    for column in ("cells", "km2", *(f"{key}_km2" for key in KEYS.values())):
        numbers = np.array([float(row[column]) for row in rows]).reshape(3, 6)
        assert numbers[:, 1:].sum(axis=1) == pytest.approx(numbers[:, 0], rel=1e-9, abs=1e-6)
        assert numbers[1:, 0].sum() == pytest.approx(numbers[0, 0], rel=1e-9, abs=1e-6)
    area = np.repeat(DEGREES.cell_area()[:, None], DEGREES.width, axis=1) / 1e6
    found = read_band(tmp_path / "w.tif")
    for number, key in KEYS.items():
        assert float(rows[0][f"{key}_km2"]) == pytest.approx(area[found == number].sum())
        assert float(rows[6][f"{key}_km2"]) == pytest.approx(area[:300][found[:300] == number].sum())
    shares = [float(row["km2"]) / float(rows[0]["km2"]) for row in rows[1:6]]
    assert shares == pytest.approx([0.3, 0.2, 0.2, 0.2, 0.1], abs=1e-4)


def test_zones_of_another_run(tmp_path):
    p, zones = raster(tmp_path / "p.tif", UTM, susceptibility(UTM)), tmp_path / "z.tif"
    conftest.classify_zones(p, zones, method="breaks", breaks=[0.3, 0.6])
    warn(tmp_path, p, 100.0, zones=zones)
    cells = [int(row["cells"]) for row in read_csv(tmp_path / "w.csv")[1:]]
    assert cells == [(read_band(zones) == number).sum() for number in (1, 2, 3)]


def test_rain_from_another_crs_and_cell_size(tmp_path):
    lon, lat = transform(UTM.crs, "EPSG:4326", (LEFT, RIGHT), (BOTTOM, TOP))
    coarse = degree_grid(12, 13, 0.01, lon[0] - 0.05, lat[1] + 0.05)
    x = coarse.transform.c + 0.01 * (np.arange(13) + 0.5)
    rain = raster(tmp_path / "coarse.tif", coarse, 1000 * (x - lon[0])[None, :] + 100)
    warn(tmp_path, np.full(UTM.shape, 0.6), [rain], output_safety_factor=tmp_path / "fs.tif")
    xs, ys = at_cells(UTM, *(one.ravel() for one in np.indices(UTM.shape))).T
    expected = 1000 * (np.array(transform(UTM.crs, "EPSG:4326", xs, ys)[0]).reshape(UTM.shape) - lon[0]) + 100
    found = (1 / read_band(tmp_path / "fs.tif") - 1) / K
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_days_add_up_to_a_week(tmp_path):
    p, rng, listener = susceptibility(UTM), np.random.default_rng(4), Listener()
    days = [rng.uniform(0, 30, UTM.shape).astype(np.float32) for _ in range(7)]
    days[3][:10] = np.nan
    paths = [raster(tmp_path / f"day{number}.tif", UTM, day) for number, day in enumerate(days)]
    warn(tmp_path, p, paths, progress=listener)
    week = np.sum(np.array(days, dtype=np.float64), axis=0)
    expected = classify(1 / (1 + K * week), p, WarningOptions())
    assert np.array_equal(read_band(tmp_path / "w.tif"), expected)
    assert (expected[:10] != NOT_ASSESSED).sum() == np.isnan(p[:10]).sum()
    assert any("no rain data" in text and "does not mean" in text for text in listener.warnings)
    record = json.loads((tmp_path / "w.tif.run.json").read_text(encoding="utf-8"))
    assert ["sha256" in day for day in record["inputs"]["RAIN"]] == [True] * 7


def landform() -> CategoricalInput:
    """Glaciers in the west, hills in the middle, nothing in the east."""
    west, middle = LEFT + 900, LEFT + 1800
    shapes = polygons("landform", glaciers=(LEFT, BOTTOM, west, TOP), hills=(west, BOTTOM, middle, TOP))
    return CategoricalInput(shapes, "name")


def test_threshold_of_each_landform(tmp_path):
    """K_TABLE wins, K serves the rest; without either the paper's table does, by name, and cells without class none."""
    p, listener, thirds = np.full(UTM.shape, 0.6), Listener(), [slice(0, 30), slice(30, 60), slice(60, 90)]
    more = {"topography": landform(), "progress": listener}
    warn(tmp_path, p, 50.0, k=0.0129, k_table={"Hills": 0.03}, output_safety_factor=tmp_path / "fs.tif", **more)
    factor, found = read_band(tmp_path / "fs.tif"), read_band(tmp_path / "w.tif")
    for columns, k in zip(thirds, (0.0129, 0.03, 0.0129)):
        np.testing.assert_allclose(factor[:, columns], 1 / (1 + k * 50), rtol=1e-5)
    assert [np.unique(found[:, part]).tolist() for part in thirds] == [[NO_WARNING], [SEVERE], [NO_WARNING]]
    # The paper's glaciers have a threshold of 38 mm.
    warn(tmp_path, p, 50.0, k_table={"hills": 0.01}, **more)
    found = read_band(tmp_path / "w.tif")
    assert [np.unique(found[:, part]).tolist() for part in thirds] == [[SEVERE], [NO_WARNING], [NOT_ASSESSED]]
    assert any("southeastern Tibet: glaciers" in text and "LANDSLIDES" not in text for text in listener.warnings)
    assert any("no landform" in text for text in listener.warnings)


@pytest.fixture
def checked_progress(monkeypatch):
    """Check that what functions of the core receive as progress is one; the names of the functions that did."""
    checked: set[str] = set()

    def check_arguments(function: Callable, names: list[str]) -> Callable:
        @functools.wraps(function)
        def checking(*values, **named):
            arguments = inspect.signature(function).bind(*values, **named).arguments
            for name in names:
                for method in ("report", "warn", "cancelled"):
                    assert callable(getattr(arguments[name], method, None)), f"{function}: {name} has no {method}"
            checked.add(function.__name__)
            return function(*values, **named)

        return checking

    modules = [module for name, module in list(sys.modules.items()) if name.startswith("scarp.model.")]
    classes = [one for module in modules for one in vars(module).values() if inspect.isclass(one)]
    for holder in modules + [one for one in classes if one.__module__.startswith("scarp.model.")]:
        for name, function in list(vars(holder).items()):
            if inspect.isfunction(function):
                receiving = [key for key, kind in function.__annotations__.items() if kind == "Progress"]
                if receiving and "return" not in receiving:
                    monkeypatch.setattr(holder, name, check_arguments(function, receiving))
    return checked


def test_every_progress_passed_on_can_report_warn_and_be_cancelled(tmp_path, checked_progress):
    """``choose_coefficients`` once received an object that could only warn."""
    warn(tmp_path, np.full(UTM.shape, 0.6), 50.0, topography=landform(), k=0.0129)
    assert {"choose_coefficients", "warn_stale_inputs", "log_result"} <= checked_progress


def test_regions_that_overlap_or_lie_elsewhere(tmp_path):
    west, far, listener = (LEFT, BOTTOM, LEFT + 1500, TOP), (0, 0, 10, 10), Listener()
    regions = polygons("r", a=west, b=west, far=far, nameless=WHOLE)
    summary = warn(tmp_path, susceptibility(UTM), 100.0, regions=regions, region_field="name", progress=listener)
    rows = {row["region"]: row for row in read_csv(tmp_path / "w.csv") if row["zone_name"] == "all"}
    assert rows["a"]["km2"] == rows["b"]["km2"] and rows["(no name)"]["km2"] == rows["all"]["km2"]
    assert (float(rows["far"]["km2"]), rows["far"]["severe_share"]) == (0, "")
    assert any("no cell of the map: far" in text for text in listener.warnings)
    assert any("more than one region" in text for text in summary.warnings)


def test_negative_rain_and_several_bands(tmp_path):
    rain = np.full((2, *UTM.shape), 90.0, dtype=np.float32)
    rain[:, 0] = -1
    path, listener = write_raster(tmp_path / "two.tif", rain, UTM, nodata=np.nan), Listener()
    warn(tmp_path, np.full(UTM.shape, 0.3), [path], progress=listener)
    found = read_band(tmp_path / "w.tif")
    assert (found[0] == NOT_ASSESSED).all() and (found[1:] == WARNING).all()
    told = " ".join(listener.warnings)
    assert '"below threshold, hit rate unknown": no more' in " ".join(warn(tmp_path, susceptibility(UTM), 0.0).warnings)
    for words in ("90 cells have negative rain", "2 bands", "MORE_RAIN", 'one class, "warning"'):
        assert words in told


def test_names_and_colours_are_stored_with_the_map(tmp_path):
    warn(tmp_path, susceptibility(UTM), 100.0)
    with rasterio.open(tmp_path / "w.tif") as dataset:
        assert (dataset.nodata, dataset.dtypes) == (0, ("uint8",))
        assert json.loads(dataset.tags(1)["classes"]) == {str(number): name for number, name in classes.NAMES.items()}
        assert dataset.colormap(1)[SEVERE] == classes.COLOURS[SEVERE]
    text = (tmp_path / "w.tif.aux.xml").read_text(encoding="utf-8")
    assert "severe warning" in text and "GDALRasterAttributeTable" in text
    assert (tmp_path / "w.qml").read_text(encoding="utf-8").count("<paletteEntry") == len(classes.NAMES)


def test_colours_get_darker_with_the_warning():
    levels = (NO_WARNING, WATCH, WARNING, SEVERE)
    light = [np.dot(classes.COLOURS[number][:3], [0.299, 0.587, 0.114]) for number in levels]
    assert (np.diff(light) < -20).all()


def rain_index(folder, **settings):
    """A rain index of the map's area, with its thresholds in the tags."""
    ones = raster(folder / "ones.tif", UTM, 1.0)
    return conftest.build_safety_factor(ones, ones, folder / "index.tif", **settings) and folder / "index.tif"


def inventory(rain: list[float]) -> Points:
    rng = np.random.default_rng(3)
    xy = at_cells(UTM, rng.integers(0, UTM.height, len(rain)), rng.integers(0, UTM.width, len(rain)))
    return Points("slides", xy=xy, fields={"rain": rain})


def legend(folder) -> str:
    with rasterio.open(folder / "w.tif") as dataset:
        stored = json.loads(dataset.tags(1)["classes"])[str(NO_WARNING)]
    assert stored in (folder / "w.qml").read_text(encoding="utf-8")
    return stored


def test_thresholds_and_hit_rate_from_a_rain_index(tmp_path):
    """Of real weeks: like is compared with like. K that is typed has no hit rate unless it is given."""
    amounts = [*np.linspace(40, 198, 80)]
    index = rain_index(tmp_path, landslides=inventory(amounts), event_rain_field="rain", percentile=10.0)
    p, critical, listener = np.full(UTM.shape, 0.6), np.percentile(amounts, 10), Listener()
    rain = np.where(np.arange(UTM.width) < 45, critical - 1, critical + 1)[None, :].repeat(UTM.height, axis=0)
    summary = warn(tmp_path, p, rain, k=None, safety_factor=index, progress=listener)
    found = read_band(tmp_path / "w.tif")
    assert (found[:, :45] == NO_WARNING).all() and (found[:, 45:] == SEVERE).all()
    assert (summary.hit_rate, summary.weeks) == (pytest.approx(0.9), "real")
    assert legend(tmp_path) == "below threshold (threshold caught 90 % of past landslides)"
    assert not any("climatological" in text or "unknown" in text for text in listener.warnings)
    for settings in ({"k": K}, {"k": None, "fs_critical": 0.4}, {"k": K, "safety_factor": None}):
        summary = warn(tmp_path, p, rain, **{"safety_factor": index, **settings})
        assert summary.hit_rate is None and legend(tmp_path) == "below threshold, hit rate unknown"
        assert any("hit rate of the threshold is unknown" in text for text in summary.warnings)
    assert warn(tmp_path, p, rain, hit_rate=0.3).hit_rate == 0.3 and "30 %" in legend(tmp_path)


def test_a_threshold_of_climatological_weeks_is_no_real_week(tmp_path):
    index = rain_index(tmp_path, landslides=inventory([0.0] * 80), preset="paper")
    summary = warn(tmp_path, np.full(UTM.shape, 0.6), 100.0, k=None, safety_factor=index)
    assert summary.weeks == "climatological" and any("two different quantities" in one for one in summary.warnings)
    assert legend(tmp_path).endswith("of past landslides by climatological weeks)")
    paper = warn(tmp_path, np.full(UTM.shape, 0.6), 100.0, topography=landform(), k_table={"hills": 0.01})
    assert paper.weeks == "climatological" and paper.hit_rate is None


def test_thresholds_by_class_need_the_classes(tmp_path):
    index = rain_index(tmp_path, topography=landform(), k_table={"hills": 0.03, "glaciers": 0.01})
    with pytest.raises(ParameterInvalid, match="by terrain class: "):
        warn(tmp_path, np.full(UTM.shape, 0.6), 50.0, k=None, safety_factor=index)
    more = {"topography": landform(), "safety_factor": index}
    summary = warn(tmp_path, np.full(UTM.shape, 0.6), 50.0, k_table={"Hills": 0.001}, **more)
    found = read_band(tmp_path / "w.tif")
    assert [np.unique(found[:, part]).tolist() for part in (slice(0, 30), slice(30, 60))] == [[NO_WARNING]] * 2
    assert {one.label: one.source for one in summary.coefficients} == {"hills": "K_TABLE", "glaciers": "rain index"}
    plain = raster(tmp_path / "plain.tif", UTM, 0.4)
    with pytest.raises(ParameterInvalid, match=r"plain\.tif holds no thresholds"):
        warn(tmp_path, np.full(UTM.shape, 0.6), 50.0, k=None, safety_factor=plain)


def test_two_coefficients_for_all_and_a_table_without_landforms_are_refused(tmp_path):
    """For other bad input see tests/qgis/bad_input."""
    for match, settings in (
        ("Both K", {"k_table": {"All": 0.01}, "k": 0.02}),
        ("landform classes are", {"k_table": {"lakes": 0.01}, "k": K}),
    ):
        with pytest.raises(ParameterInvalid, match=match):
            warn(tmp_path, np.full(UTM.shape, 0.6), 100.0, **settings)
        assert not list(tmp_path.glob("w.*"))
