"""Warning by thresholds of rain events: events of cells as in the fit, classes by hand, rain in several forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from scarp.model.errors import InputCorrupt, InputMissing, ParameterInvalid, ParameterMissing
from scarp.model.inputs.vectors import Polygons
from scarp.model.progress import NullProgress
from scarp.model.rainfall.events import UNKNOWN_EVENT, find_events, running_severity, wet_days_before
from scarp.model.rainfall.threshold_table import COLUMNS
from scarp.model.tables import write_table
from scarp.model.warning.classes import EventWarningInputs, EventWarningOptions
from scarp.model.warning.event_rain import event_so_far
from scarp.tests.core.conftest import Listener, box, build, read_band, read_csv, utm_grid, write_raster

GRID = utm_grid(30, 40)
LEFT, BOTTOM, RIGHT, TOP = GRID.bounds
GAMMA = 0.4
ALPHA = {1: (100.0, 130.0, 160.0), 2: (50.0, 65.0, 80.0)}
LEVELS = (5.0, 20.0, 50.0)


def threshold_table(path, zones=(1, 2), tested: bool = True, **changes) -> str:
    fixed = {"gamma": GAMMA, "dry_rain_mm": 1.0, "dry_days": 2, "longest_days": 10.0}
    fixed |= {"test_hits": 8, "test_misses": 2} if tested else {}
    rows = []
    for zone in zones:
        for level, alpha in zip(LEVELS, ALPHA.get(zone, ALPHA[1])):
            row = {**fixed, "zone": zone, "group": f"g{zone}", "probability": level, "alpha": alpha, **changes}
            rows.append([row.get(name) for name in COLUMNS])
    write_table(path, COLUMNS, rows)
    return str(path)


@pytest.fixture
def maps(tmp_path):
    """A susceptibility with a hole, and zones 1 on the west and 2 on the east half."""
    values = np.full(GRID.shape, 0.5, dtype=np.float32)
    values[:3, :3] = np.nan
    zones = np.where(np.arange(GRID.width) < 20, 1, 2).astype(np.uint8)[None, :].repeat(GRID.height, axis=0)
    return {
        "susceptibility": write_raster(tmp_path / "p.tif", values, GRID, nodata=np.nan),
        "zones": write_raster(tmp_path / "zones.tif", zones, GRID, nodata=0),
    }


def warn(folder, maps, rain, thresholds, progress=None, **settings):
    from scarp.model.jobs.warn_by_events import warn_by_events as job

    settings = {"zones": maps["zones"], **settings}
    rain = rain if isinstance(rain, list) else [rain]
    inputs = build(EventWarningInputs, settings, maps["susceptibility"], rain, thresholds)
    options = build(EventWarningOptions, settings)
    return job(inputs, folder / "w.tif", folder / "w.csv", options, progress=progress or NullProgress())


def days(path, rain: np.ndarray, names=None) -> str:
    write_raster(path, rain.astype(np.float32), GRID, nodata=np.nan)
    with rasterio.open(path, "r+") as dataset:
        for band, name in enumerate(names or [], 1):
            dataset.set_band_description(band, str(name))
    return str(path)


def some_days(count: int = 14, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((count, *GRID.shape)) < 0.5, rng.gamma(1.0, 25.0, (count, *GRID.shape)), 0.0)


def test_the_event_of_a_cell_is_that_of_the_fit():
    """The same cells as a series each: what a landslide on the last day would have."""
    rain = some_days(20)
    rain[np.random.default_rng(2).random(rain.shape) < 0.01] = np.nan
    series = rain.reshape(20, -1).T
    events = find_events(series, 1.0, 2)
    severity = running_severity(events, GAMMA)
    places = np.arange(len(series))
    wet = wet_days_before(events, series, places, np.full(len(series), 19), 2)
    found = event_so_far(rain, 1.0, 2, GAMMA)
    total, duration, highest = (part.ravel() for part in (found.total, found.duration, found.severity))
    known = wet >= 0
    assert 0.3 < known.mean() < 1 and (wet == UNKNOWN_EVENT).any()
    assert total[known] == pytest.approx(events.total[wet[known]])
    assert duration[known].tolist() == events.duration[wet[known]].tolist()
    assert highest[known] == pytest.approx(severity[wet[known]])
    dry = wet == -1
    assert dry.any() and (total[dry] == 0).all() and np.isneginf(highest[dry]).all()
    unknown = wet == UNKNOWN_EVENT
    assert (np.isnan(total) | found.cut.ravel())[unknown].all() and not np.isnan(total[~unknown]).any()


def expected_classes(event, zones, on_map):
    classes = np.ones(GRID.shape, dtype=int)
    for row in range(GRID.height):
        for column in range(GRID.width):
            for number, alpha in enumerate(ALPHA[zones[row, column]], 2):
                if event.severity[row, column] >= np.log10(alpha):
                    classes[row, column] = number
    classes[np.isnan(event.severity)] = 5
    classes[~on_map] = 0
    return classes


def test_map_and_table_by_hand(tmp_path, maps):
    rain = some_days()
    rain[:, 5, 5] = np.nan
    regions = Polygons("halves", fields={"name": ["west"]}, geometries=[box(LEFT, BOTTOM, (LEFT + RIGHT) / 2, TOP)])
    names = [np.datetime64("2021-06-01") + day for day in range(14)]
    summary = warn(
        tmp_path, maps, days(tmp_path / "r.tif", rain, names), threshold_table(tmp_path / "t.csv"),
        regions=regions, region_field="name",
    )  # fmt: skip
    zones, on_map = read_band(maps["zones"]), np.isfinite(read_band(maps["susceptibility"]))
    event = event_so_far(rain.astype(np.float32).astype(np.float64), 1.0, 2, GAMMA)
    expected = expected_classes(event, zones, on_map)
    assert np.array_equal(read_band(tmp_path / "w.tif"), expected) and set(np.unique(expected)) == {0, 1, 2, 3, 4, 5}
    rows = read_csv(tmp_path / "w.csv")
    whole, west = rows[0], next(row for row in rows if row["region"] == "west")
    assert float(whole["severe_km2"]) == pytest.approx((expected == 4).sum() * 9e-4)
    assert float(west["warning_km2"]) == pytest.approx((expected[:, :20] == 3).sum() * 9e-4)
    assert summary.warned_share == pytest.approx(
        (expected[on_map] >= 3).sum() / on_map.sum() - (expected == 5).sum() / on_map.sum()
    )
    assert summary.hit_rate == 0.8 and summary.highest_rain == pytest.approx(
        np.nanmax(np.where(on_map, event.total, np.nan))
    )
    with rasterio.open(tmp_path / "w.tif") as dataset:
        assert "80 %" in json.loads(dataset.tags(1)["classes"])["1"]
    record = json.loads((tmp_path / "w.tif.run.json").read_text(encoding="utf-8"))
    assert record["algorithm"] == "scarp:rainfallwarning" and record["parameters"]["METHOD"] == "event_thresholds"


def test_bands_in_any_order_and_rasters_of_single_days_give_the_same_map(tmp_path, maps):
    rain, table = some_days(10), threshold_table(tmp_path / "t.csv")
    names = [np.datetime64("2021-06-01") + day for day in range(10)]
    order = np.random.default_rng(3).permutation(10)
    plain = days(tmp_path / "plain.tif", rain)
    mixed = days(tmp_path / "mixed.tif", rain[order], [names[number] for number in order])
    single = [days(tmp_path / f"rain_{names[number]}.tif", rain[[number]]) for number in range(10)]
    found = []
    for forms in (plain, mixed, single):
        warn(tmp_path, maps, forms, table)
        found.append(read_band(tmp_path / "w.tif"))
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_cumulated_rain_and_its_duration(tmp_path, maps):
    total = np.linspace(0, 400, GRID.width)[None, :].repeat(GRID.height, axis=0)
    warn(tmp_path, maps, days(tmp_path / "r.tif", total[None]), threshold_table(tmp_path / "t.csv"), event_days=4)
    zones, on_map = read_band(maps["zones"]), np.isfinite(read_band(maps["susceptibility"]))
    limits = np.array([[ALPHA[zone] for zone in row] for row in zones]) * 4**GAMMA
    expected = np.where(on_map, 1 + (total[..., None].astype(np.float32) >= limits).sum(axis=-1), 0)
    assert np.array_equal(read_band(tmp_path / "w.tif"), expected)


def test_one_threshold_for_all_land_needs_no_zones(tmp_path, maps):
    rain = days(tmp_path / "r.tif", np.full((1, *GRID.shape), 140.0))
    log = Listener()
    warn(tmp_path, maps, rain, threshold_table(tmp_path / "t.csv", (0,), tested=False), log, event_days=1, zones=None)
    found = read_band(tmp_path / "w.tif")
    assert set(np.unique(found)) == {0, 3}
    assert any("not tested" in text for text in log.warnings)


def test_what_may_mislead_is_said(tmp_path, maps):
    rain = np.full((12, *GRID.shape), 20.0)
    log = Listener()
    warn(tmp_path, maps, days(tmp_path / "r.tif", rain), threshold_table(tmp_path / "t.csv"), log)
    text = " ".join(log.warnings)
    assert "may have begun before the first day" in text and "fitted to events of up to 10 days" in text
    warn(tmp_path, maps, days(tmp_path / "r.tif", rain), threshold_table(tmp_path / "t.csv", (1,)), log)
    assert any("These zones have no threshold" in one for one in log.warnings)
    assert (read_band(tmp_path / "w.tif")[:, 20:] == 5).all()


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"zones": None}, ParameterMissing, "by zone. Give the zones"),
        ({"event_days": 3}, ParameterInvalid, "EVENT_DAYS is the duration of one raster"),
        ({"warning_probability": 30.0}, ParameterInvalid, "WARNING_PROBABILITY is 30 %.* 5, 20, 50"),
        ({"watch_probability": 50.0}, ParameterInvalid, "must not fall"),
        ({"table": {"alpha": -1}}, InputCorrupt, "impossible"),
        ({"table": {"gamma": None}}, InputCorrupt, "which is no number"),
        ({"rain": "one"}, ParameterMissing, "RAIN has one band.* EVENT_DAYS"),
        ({"rain": "gap"}, InputCorrupt, "have a gap: 2021-06-01 is followed by 2021-06-03"),
        ({"rain": "half"}, InputCorrupt, "do not state their day"),
        ({"thresholds": "none.csv"}, InputMissing, "does not exist"),
        ({"fitted": (7, 8)}, ParameterInvalid, "No zone of ZONES"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, maps, settings, error, said):
    rain = some_days(2)
    names = {"gap": ["2021-06-01", "2021-06-03"], "half": ["2021-06-01", "today"]}.get(settings.get("rain"))
    path = days(tmp_path / "r.tif", rain[:1] if settings.pop("rain", "") == "one" else rain, names)
    table = threshold_table(tmp_path / "t.csv", settings.pop("fitted", (1, 2)), **settings.pop("table", {}))
    table = str(tmp_path / settings.pop("thresholds")) if "thresholds" in settings else table
    with pytest.raises(error, match=said):
        warn(tmp_path, maps, path, table, **settings)
    assert not (tmp_path / "w.tif").exists()
