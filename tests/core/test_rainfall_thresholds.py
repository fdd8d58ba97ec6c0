"""Rainfall thresholds: planted laws are found again, events are those of a plain loop, years held back stay out."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy.stats import norm

from scarp.model.errors import (
    FieldUnusable,
    GridMismatch,
    InputCorrupt,
    LayerEmpty,
    NoOverlap,
    ParameterInvalid,
    ParameterMissing,
    TooFewData,
)
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points, Table
from scarp.model.rainfall.events import NO_EVENT, UNKNOWN_EVENT, find_events, running_severity, wet_days_before
from scarp.model.rainfall.settings import RainThresholdOptions
from scarp.model.rainfall.skill import Cases, best_limits, judge, month_draws, scores
from scarp.model.rainfall.threshold_table import COLUMNS, read_thresholds
from scarp.model.rainfall.thresholds import Conditions, fit_line, fit_thresholds, join_zones
from scarp.tests.core.conftest import Listener, read_csv, write_raster
from scarp.tests.core.rain_study import (
    ALPHA,
    DEGREES,
    FIRST,
    GAMMA,
    LEFT,
    SPREAD,
    STEP,
    TOP,
    RainStudy,
    make_study,
    thresholds,
)

LEVELS = [0.05, 0.1, 0.2, 0.35, 0.5]


@pytest.fixture(scope="module")
def study() -> RainStudy:
    return make_study()


def planted(count: int, groups: int, rng, days: int | None = None) -> Conditions:
    """Return conditions that follow the law of the study."""
    group = rng.integers(0, groups, count)
    duration = np.minimum(rng.geometric(0.25, count), 15).astype(float)
    alpha = np.array([ALPHA[number + 1] for number in group])
    total = alpha * duration**GAMMA * 10 ** (SPREAD * rng.standard_normal(count))
    return Conditions(group, duration, total, np.arange(count) if days is None else rng.integers(0, days, count))


def events_by_loop(rain, dry_rain: float, dry_days: int) -> list[tuple[int, int, float]]:
    """First day, last day and rain of the events of one gauge, day by day."""
    events, current, dry = [], [], 0
    for day, value in enumerate([*rain, math.nan]):
        if math.isnan(value):
            ended = True
        elif value >= dry_rain:
            if not current:
                current = [day]
            current.append(day)
            dry, ended = 0, False
        else:
            dry += 1
            ended = dry >= dry_days
        if ended and current:
            first, last = current[0], current[-1]
            events.append((first, last, sum(rain[first : last + 1])))
            current = []
    return events


@pytest.mark.parametrize("dry_days", [1, 2, 4])
@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_events_are_those_of_a_plain_loop(dry_days, missing):
    rng = np.random.default_rng(dry_days)
    rain = np.where(rng.random((4, 500)) < 0.35, rng.gamma(0.6, 9, (4, 500)), 0.0)
    rain[rng.random(rain.shape) < missing] = np.nan
    found = find_events(rain, 1.0, dry_days)
    mine = list(
        zip(found.place[found.first], found.column[found.first], found.column[found.last], found.total[found.last])
    )
    expected = [(gauge, *event) for gauge in range(4) for event in events_by_loop(rain[gauge].tolist(), 1.0, dry_days)]
    assert [tuple(map(int, one[:3])) for one in mine] == [one[:3] for one in expected]
    assert [one[3] for one in mine] == pytest.approx([one[3] for one in expected])
    for number in range(len(found)):
        gauge, begin, end = (
            int(found.place[found.first[number]]),
            *(int(found.column[edge[number]]) for edge in (found.first, found.last)),
        )
        before, after = range(begin - dry_days, begin), range(end + 1, end + 1 + dry_days)
        known = [all(0 <= day < 500 and not np.isnan(rain[gauge, day]) for day in days) for days in (before, after)]
        assert known == [found.known_start[number], found.known_end[number]]
        part = slice(found.first[number], found.last[number] + 1)
        assert found.duration[part].tolist() == [int(day) - begin + 1 for day in found.column[part]]
        assert found.peak[part][-1] == np.max(rain[gauge, begin : end + 1])


def test_rain_before_a_landslide_by_hand():
    """Ten days: rain on 2, 3 and 5; the gauge has no value on day 8."""
    rain = np.array([[0, 0, 10, 20, 0, 5, 0, 0, np.nan, 0.0]])
    events = find_events(rain, 1.0, 2)
    column = np.arange(-1, 11)
    wet = wet_days_before(events, rain, np.zeros(12, dtype=np.int64), column, 2)
    found = [(int(events.duration[one]), float(events.total[one])) if one >= 0 else int(one) for one in wet]
    assert (len(events) == 1 and events.known_start.all() and not events.known_end[0]) or len(events) == 1
    out = UNKNOWN_EVENT
    by_day = [out, out, out, (1, 10.0), (2, 30.0), (2, 30.0), (4, 35.0), (4, 35.0), (4, 35.0), out, out, out]
    assert found == by_day
    dry = np.zeros((1, 6))
    assert wet_days_before(find_events(dry, 1.0, 2), dry, np.zeros(1, np.int64), np.array([4]), 2)[0] == NO_EVENT


def test_severity_is_the_highest_margin_so_far(study):
    events = find_events(study.rain, 1.0, 2)
    severity = running_severity(events, GAMMA)
    rng = np.random.default_rng(0)
    for number in rng.integers(0, len(events), 50):
        part = slice(events.first[number], events.last[number] + 1)
        margins = np.log10(events.total[part]) - GAMMA * np.log10(events.duration[part])
        assert severity[part].tolist() == np.maximum.accumulate(margins).tolist()
        for alpha in (20.0, 60.0):
            exceeded = (events.total[part] >= alpha * events.duration[part] ** GAMMA).any()
            assert exceeded == (severity[events.last[number]] >= np.log10(alpha))


def test_the_line_is_that_of_least_squares_with_dummies():
    data = planted(80, 3, np.random.default_rng(5))
    design = np.column_stack([np.log10(data.duration), *(data.group == group for group in range(3))]).astype(float)
    solution, rest, *_ = np.linalg.lstsq(design, np.log10(data.total), rcond=None)
    line = fit_line(data, 3)
    assert line.slope == pytest.approx(solution[0]) and line.intercepts == pytest.approx(solution[1:])
    assert line.spread == pytest.approx(np.sqrt(rest[0] / (80 - 4)))


def test_weights_repeat_conditions():
    data = planted(40, 2, np.random.default_rng(6))
    weights = np.random.default_rng(7).integers(0, 3, (5, 40))
    repeated = fit_line(data, 2, weights)
    for number, row in enumerate(weights):
        alone = fit_line(data.only(np.repeat(np.arange(40), row)), 2)
        assert repeated.slope[number] == pytest.approx(float(alone.slope))
        assert repeated.spread[number] == pytest.approx(float(alone.spread))
        assert repeated.intercepts[number] == pytest.approx(alone.intercepts)


def test_a_planted_law_is_found_and_lines_leave_their_share_below():
    data = planted(6000, 3, np.random.default_rng(8))
    fit = fit_thresholds(data, 3, LEVELS, 200, 1)
    gamma = fit.gamma()
    assert gamma[0] == pytest.approx(GAMMA, abs=4 * gamma[3]) and gamma[3] < 0.01
    for group in range(3):
        for level in LEVELS:
            alpha = fit.alpha(level, group)
            truth = ALPHA[group + 1] * 10 ** (norm.ppf(level) * SPREAD)
            assert alpha[0] == pytest.approx(truth, abs=4 * alpha[3]) and alpha[1] < alpha[0] < alpha[2]
            assert fit.share_below(level, group) == pytest.approx(level, abs=0.02)
    assert fit.intercepts_p < 1e-6 and fit.slopes_p > 0.001


def test_lines_rise_with_the_probability_and_never_cross():
    for seed in range(20):
        fit = fit_thresholds(planted(25, 2, np.random.default_rng(seed)), 2, LEVELS, 50, 1)
        for group in range(2):
            alphas = [fit.alpha(level, group)[0] for level in LEVELS]
            assert alphas == sorted(alphas) and len(set(alphas)) == len(alphas)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """60 landslide days on 60 days; of 150 intervals of 95 % about 7 should miss, a few more by bootstrap."""
    hits = {"gamma": 0, "alpha": 0}
    for seed in range(150):
        fit = fit_thresholds(planted(60, 1, np.random.default_rng(1000 + seed)), 1, [0.05], 300, seed)
        gamma, alpha = fit.gamma(), fit.alpha(0.05, 0)
        hits["gamma"] += gamma[1] <= GAMMA <= gamma[2]
        hits["alpha"] += alpha[1] <= ALPHA[1] * 10 ** (norm.ppf(0.05) * SPREAD) <= alpha[2]
    assert all(0.87 * 150 <= count <= 150 for count in hits.values()), hits


def test_landslides_of_one_storm_do_not_narrow_the_interval():
    data = planted(40, 1, np.random.default_rng(9))
    once = fit_thresholds(data, 1, [0.05], 500, 1).gamma()
    five_times = fit_thresholds(data.only(np.repeat(np.arange(40), 5)), 1, [0.05], 500, 1).gamma()
    assert five_times[0] == pytest.approx(once[0]) and five_times[3] == pytest.approx(once[3], rel=0.05)


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        ({1: 0, 2: 0, 3: 12, 4: 20, 5: 40}, [[1, 2, 3], [4], [5]]),
        ({1: 11, 2: 3, 3: 11}, [[1, 2], [3]]),
        ({1: 3, 2: 3, 3: 3}, [[1, 2, 3]]),
        ({1: 20, 2: 9, 3: 10}, [[1], [2, 3]]),
        ({0: 2}, [[0]]),
    ],
)
def test_zones_with_few_landslides_are_joined_with_neighbours(counts, groups):
    assert join_zones(counts, 10) == groups


def test_scores_by_hand():
    found = scores(np.array([8, 2, 30, 60]))
    assert found["pod"] == 0.8 and found["pofd"] == pytest.approx(1 / 3) and found["pofa"] == pytest.approx(30 / 38)
    assert found["tss"] == pytest.approx(0.8 - 1 / 3)
    assert np.isnan(scores(np.array([0, 0, 1, 1]))["pod"])


def some_cases(count: int, seed: int) -> Cases:
    rng = np.random.default_rng(seed)
    landslide = rng.random(count) < 0.2
    severity = rng.normal(landslide * 1.0, 1.0)
    return Cases(
        landslide,
        rng.integers(0, 2, count),
        rng.integers(2000, 2004, count),
        rng.integers(0, 48, count),
        severity,
        severity,
    )


def test_the_best_limit_has_the_highest_score():
    cases = some_cases(300, 1)
    limits = best_limits(cases, cases.severity, 2)
    for group in range(2):
        part = cases.only(cases.group == group)
        best = max(judge(part, part.severity >= limit).tss.value for limit in part.severity)
        assert judge(part, part.severity >= limits[group]).tss.value == pytest.approx(best)


def test_months_are_drawn_whole():
    cases = some_cases(400, 2)
    draws = month_draws(cases, 50, 1)
    for month in np.unique(cases.month):
        same = draws[:, cases.month == month]
        assert (same == same[:, :1]).all()
    skill = judge(cases, cases.severity > 0, draws)
    assert skill.pod.low <= skill.pod.value <= skill.pod.high and skill.pod.interval == "months"


def test_a_study_by_zone_gives_its_law_back(study, tmp_path):
    zones = zone_raster(tmp_path / "zones.tif")
    files = {f"output_{name}": tmp_path / f"{name}.csv" for name in ("events", "table")}
    summary = thresholds(
        study.inputs(zones=zones), tmp_path / "t.csv", output_html=tmp_path / "r.html", **files
    )  # fmt: skip
    rows = read_csv(tmp_path / "t.csv")
    assert tuple(rows[0]) == COLUMNS and len(rows) == 3 * len(LEVELS)
    used = ~np.isin(study.years, summary.held_years)
    assert summary.landslide_days == used.sum() and summary.landslides == len(study.day)
    # The same by another way: all durations and sums as they were made.
    design = np.column_stack([np.log10(study.duration), *(study.zone == zone for zone in (1, 2, 3))]).astype(float)[
        used
    ]
    solution, *_ = np.linalg.lstsq(design, np.log10(study.total[used]), rcond=None)
    assert summary.gamma == pytest.approx(solution[0], rel=1e-6) and summary.gamma == pytest.approx(GAMMA, abs=0.06)
    for row in rows:
        level, zone = float(row["probability"]) / 100, int(row["zone"])
        truth = ALPHA[zone] * 10 ** (norm.ppf(level) * SPREAD)
        assert float(row["alpha"]) == pytest.approx(truth, rel=0.15)
        assert float(row["alpha_low"]) < float(row["alpha"]) < float(row["alpha_high"])
        assert float(row["share_below"]) == pytest.approx(level, abs=0.12)
    events = read_csv(files["output_events"])
    assert sum(int(row["landslides"]) for row in events) == len(study.day)
    with_slides = [row for row in events if row["landslide_day"]]
    found = sorted((int(row["landslide_days"]), float(row["landslide_rain_mm"])) for row in with_slides)
    made = sorted(zip(study.duration.tolist(), study.total.tolist()))
    assert np.allclose(found, made)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Test in the years held back" in page and "Shapiro" in page and "svg+xml" in page
    record = json.loads((tmp_path / "t.csv.run.json").read_text(encoding="utf-8"))
    assert record["algorithm"] == "scarp:rainfallthresholds" and record["summary"]["gamma"] == summary.gamma


def zone_raster(path, zones=(1, 2, 3)) -> str:
    """Zones in rows of 0.01 degrees, the first at the latitude of zone 1."""
    grid = Grid(DEGREES, Affine(0.01, 0, LEFT - 0.1, 0, -0.01, TOP - 0.005), 200, 3)
    return write_raster(path, np.repeat(np.array(zones, dtype=np.uint8)[:, None], 200, axis=1), grid, nodata=0)


def test_the_test_counts_what_the_lines_catch(study, tmp_path):
    """Counted again from the rain itself, for one threshold and the years held back."""
    summary = thresholds(
        study.inputs(), tmp_path / "t.csv", output_table=tmp_path / "v.csv", hold_out_years="2016-2019"
    )
    row = next(row for row in read_csv(tmp_path / "v.csv") if row["probability"] == "20.0" and row["year"] == "")
    limit = float(read_csv(tmp_path / "t.csv")[2]["alpha"])
    hits = misses = false = quiet = 0
    slide_days = {(gauge, day) for gauge, day in zip(study.gauge.tolist(), study.day.tolist())}
    for gauge, rain in enumerate(study.rain):
        for first, last, _ in events_by_loop(rain.tolist(), 1.0, 2):
            if not 2016 <= int(str(study.days[last])[:4]) <= 2019:
                continue
            sums = np.cumsum(rain[first : last + 1])
            above = bool((sums >= limit * np.arange(1, len(sums) + 1) ** summary.gamma).any())
            slid = (gauge, last) in slide_days
            hits, misses = hits + (slid and above), misses + (slid and not above)
            false, quiet = false + (not slid and above), quiet + (not slid and not above)
    counts = [int(row[name]) for name in ("hits", "misses", "false_alarms", "correct_negatives")]
    assert counts == [hits, misses, false, quiet] and min(hits, misses, quiet) > 0
    assert summary.held_years == [2016, 2017, 2018, 2019]


def test_years_held_back_have_no_part_in_the_fit(study, tmp_path):
    """Other rain and other landslides there leave the fit as it is, to the last digit."""
    held = np.isin(study.days.astype("datetime64[Y]").astype(int) + 1970, [2017, 2018, 2019])
    rng = np.random.default_rng(4)
    rain = study.rain.copy()
    rain[:, held] = np.where(rng.random(rain[:, held].shape) < 0.3, rng.gamma(1.0, 30.0, rain[:, held].shape), 0.0)
    kept = ~np.isin(study.years, [2017, 2018, 2019]) | (np.arange(len(study.day)) % 3 == 0)
    parts = (part[kept] for part in (study.gauge, study.zone, study.day, study.duration, study.total))
    other = RainStudy(rain, *parts)
    fitted = []
    for number, one in enumerate((study, other)):
        thresholds(one.inputs(), tmp_path / f"{number}.csv", hold_out_years="2017-2019")
        columns = [name for name in COLUMNS if not name.startswith("test_")]
        fitted.append([[row[name] for name in columns] for row in read_csv(tmp_path / f"{number}.csv")])
    assert fitted[0] == fitted[1]


def test_the_last_years_are_held_back_by_default(study, tmp_path):
    summary = thresholds(study.inputs(), tmp_path / "t.csv")
    years = study.years
    later = years >= summary.held_years[0]
    assert summary.held_years == list(range(summary.held_years[0], 2020)) and 1 / 3 <= later.mean() < 0.5
    assert (years > summary.held_years[0]).mean() < 1 / 3
    whole = thresholds(study.inputs(), tmp_path / "w.csv", hold_out_years="none")
    assert whole.held_years == [] and whole.pod is None and whole.landslide_days == len(study.day)


def daily_raster(path, study: RainStudy, order=None, name="{}", **more) -> str:
    """The rain as a raster of one row, a cell for each gauge."""
    grid = Grid(DEGREES, Affine(STEP, 0, LEFT - STEP / 2, 0, -1.0, TOP + 0.5), len(study.rain), 1)
    order = np.arange(study.rain.shape[1]) if order is None else order
    cells = study.rain.T[order][:, None, :].astype(np.float32)
    write_raster(path, cells, grid, nodata=-9999.0, **more)
    with rasterio.open(path, "r+") as dataset:
        for band, number in enumerate(order, 1):
            dataset.set_band_description(band, name.format(study.days[number]))
    return str(path)


def numbers_of(path):
    return [[float(row[name]) for name in ("alpha", "alpha_low", "gamma", "test_hits")] for row in read_csv(path)]


def test_a_raster_and_a_table_of_the_same_rain_give_the_same(tmp_path):
    small = make_study(years=3, seed=2)
    thresholds(small.inputs(), tmp_path / "table.csv")
    mixed = np.random.default_rng(1).permutation(small.rain.shape[1])
    plain = daily_raster(tmp_path / "r.tif", small)
    named = daily_raster(tmp_path / "mixed.tif", small, mixed, "rain {}")
    nameless = daily_raster(tmp_path / "nameless.tif", small, name="")
    half = small.rain.shape[1] // 2
    years = [(daily_raster(tmp_path / f"{number}.tif", small, part), f"{number}") for number, part in enumerate(
        (np.arange(half, small.rain.shape[1]), np.arange(half))
    )]  # fmt: skip
    ways = ([(plain, "r")], [(named, "m")], years, [(nameless, "n")])
    for number, rasters in enumerate(ways):
        inputs = replace(small.inputs(), rain_table=None, stations=None, rain_rasters=rasters)
        start = {"start_date": str(FIRST)} if number == 3 else {}
        thresholds(inputs, tmp_path / f"{number}.csv", **start)
        assert np.allclose(numbers_of(tmp_path / f"{number}.csv"), numbers_of(tmp_path / "table.csv"), rtol=1e-5)


def test_long_tables_parts_of_dates_and_units_give_the_same(tmp_path):
    small = make_study(years=4, seed=3)
    thresholds(small.inputs(), tmp_path / "wide.csv")
    texts = [str(day) for day in small.days]
    gauges = range(len(small.rain))
    long = {
        "station": [f"G{gauge}" for gauge in gauges for _ in texts],
        "date": texts * len(small.rain),
        "rain": small.rain.ravel().tolist(),
    }
    split = {
        **{name: [int(text.split("-")[part]) for text in texts] for part, name in enumerate(("year", "mon", "day"))},
        **{f"G{gauge}": small.rain[gauge].tolist() for gauge in gauges},
    }
    tenths = {
        "日期": [text.replace("-", "/") for text in texts],
        **{f"G{g}": (10 * small.rain[g]).tolist() for g in gauges},
    }
    tables = ((long, {}), (split, {}), (tenths, {"rain_unit": "tenth_mm"}))
    for number, (fields, options) in enumerate(tables):
        inputs = replace(small.inputs(), rain_table=Table("rain", fields=fields))
        thresholds(inputs, tmp_path / f"{number}.csv", **options)
        assert np.allclose(numbers_of(tmp_path / f"{number}.csv"), numbers_of(tmp_path / "wide.csv"), rtol=1e-6)


def with_rain(study: RainStudy, values=None, dates=None, **more):
    """Return inputs with one gauge's column spoiled or other dates in the table."""
    table = study.table()
    if values is not None:
        table.fields["G0"] = values
    if dates is not None:
        table.fields["date"] = dates
    return replace(study.inputs(), rain_table=table, **more)


def with_table(study: RainStudy, **fields):
    return replace(study.inputs(), rain_table=Table("r", fields=fields))


def spoiled(study: RainStudy, case: str):
    rain, texts = study.rain[0].tolist(), [str(day) for day in study.days]
    first = [*rain[:50], -5.0, *rain[51:]]
    tables = {
        "negative": lambda: with_rain(study, first),
        "too much": lambda: with_rain(study, [10 * value + 3000 * (value > 60) for value in rain]),
        "tenths": lambda: with_table(study, date=texts, G0=[40.0 + 4 * v for v in rain]),
        "metres": lambda: with_table(study, date=texts, G0=[v / 1000 for v in rain]),
        "zeros": lambda: with_table(study, date=texts, G0=[0.0] * len(rain)),
        "empty": lambda: with_table(study, date=texts, G0=[None] * len(rain)),
        "no rows": lambda: replace(study.inputs(), rain_table=Table("r", fields={"date": [], "G0": []})),
        "twice": lambda: with_rain(study, dates=[texts[1], *texts[1:]]),
        "no days": lambda: replace(study.inputs(), rain_table=Table("r", fields={"G0": rain})),
        "text": lambda: with_rain(study, ["a lot", *rain[1:]]),
        "other years": lambda: with_rain(study, dates=[text.replace("20", "19", 1) for text in texts]),
        "several gauges": lambda: replace(study.inputs(), stations=None),
        "other names": lambda: replace(
            study.inputs(), stations=Points("gauges", fields={"name": ["A"]}, xy=np.array([(LEFT, TOP)]))
        ),
        "no rain": lambda: replace(study.inputs(), rain_table=None, stations=None),
        "both": lambda: replace(study.inputs(), rain_rasters=[("x.tif", "x")]),
        "far": lambda: study.inputs(slides=Points("slides", fields={"day": texts[:20]}, xy=np.full((20, 2), 50.0))),
        "nobody": lambda: study.inputs(slides=Points("slides", fields={"day": [None] * 3}, xy=np.zeros((3, 2)))),
        "no landslide": lambda: study.inputs(slides=Points("slides", fields={"day": []}, xy=np.zeros((0, 2)))),
        "years only": lambda: study.inputs(slides=study.slides([2015] * len(study.day))),
        "ambiguous": lambda: study.inputs(slides=study.slides(["03/04/2015"] * len(study.day))),
        "few": lambda: study.inputs(slides=few(study)),
        "only wet days": lambda: only_wet(study),
    }  # fmt: skip
    return tables[case]()


def few(study: RainStudy) -> Points:
    slides = study.slides()
    return Points("slides", fields={"day": slides.fields["day"][:6]}, xy=slides.xy[:6])


def only_wet(study: RainStudy):
    wet = np.flatnonzero(study.rain[0] >= 1)
    table = {"date": [str(day) for day in study.days[wet]], "G0": study.rain[0, wet].tolist()}
    return replace(study.inputs(), rain_table=Table("r", fields=table))


@pytest.mark.parametrize(
    ("case", "error", "said"),
    [
        ("negative", ParameterInvalid, "1 negative values, the lowest -5 mm"),
        ("too much", ParameterInvalid, "mm in a day; the most that was ever measured is 1,825 mm. Set RAIN_UNIT"),
        ("tenths", ParameterInvalid, "tenths of a millimetre.* RAIN_UNIT=tenth_mm"),
        ("metres", ParameterInvalid, r"nowhere above .* Set RAIN_UNIT \(m, cm or inch\)"),
        ("zeros", TooFewData, "is 0 on all days"),
        ("empty", FieldUnusable, "no field with rain"),
        ("no rows", LayerEmpty, "has no row"),
        ("twice", FieldUnusable, '2 rows of "G0" on 2008-01-02'),
        ("no days", FieldUnusable, "no field of days that can be read"),
        ("text", FieldUnusable, '"a lot"'),
        ("other years", NoOverlap, "landslides from 20.* rain from 1908"),
        ("several gauges", ParameterMissing, r"3 gauges \(G0, G1, G2\).* RAIN_STATIONS"),
        ("other names", ParameterInvalid, "No gauge of RAIN_TABLE is among RAIN_STATIONS. .*STATION_FIELD"),
        ("no rain", ParameterMissing, "There is no rain"),
        ("both", ParameterInvalid, "Both RAIN_TABLE and RAIN_RASTERS"),
        ("far", NoOverlap, "farther than 15,000 m from a gauge; the nearest is .* GAUGE_DISTANCE"),
        ("nobody", TooFewData, "no landslide with a day"),
        ("no landslide", LayerEmpty, "has no landslide"),
        ("years only", TooFewData, "give a year or a month only"),
        ("ambiguous", FieldUnusable, "day and month cannot be told apart"),
        ("few", TooFewData, "Only 6 days with landslides .* at least 10"),
        ("only wet days", ParameterInvalid, "lists days with rain only.* MISSING_DAYS=dry"),
    ],
)
def test_what_cannot_be_right_is_refused(study, tmp_path, case, error, said):
    with pytest.raises(error, match=said):
        thresholds(spoiled(study, case), tmp_path / "t.csv")
    assert not list(tmp_path.iterdir())


def test_days_with_rain_only_can_be_meant(study, tmp_path):
    one = study.gauge == 0
    parts = (part[one] for part in (study.gauge, study.zone, study.day, study.duration, study.total))
    single = RainStudy(study.rain[:1], *parts)
    thresholds(single.inputs(), tmp_path / "all.csv")
    thresholds(replace(only_wet(single), stations=None), tmp_path / "wet.csv", missing_days="dry")
    assert np.allclose(numbers_of(tmp_path / "all.csv"), numbers_of(tmp_path / "wet.csv"))


@pytest.mark.parametrize("value", [-9999.0, 32766.0, 999999.0, None])
def test_missing_days_break_events_and_are_told(study, tmp_path, value):
    rain = study.rain[0].copy()
    gaps = np.random.default_rng(2).choice(len(rain), 60, replace=False)
    values: list = rain.tolist()
    for gap in gaps:
        values[gap] = value
    log = Listener()
    summary = thresholds(with_rain(study, values), tmp_path / "t.csv", log)
    assert any("60 of" in text and "days of gauges" in text for text in log.warnings)
    assert value is None or any("They count as unknown" in text for text in log.warnings)
    assert any("have days without rain data" in text for text in log.warnings)
    assert 0 < summary.landslide_days < (~np.isin(study.years, summary.held_years)).sum()


def test_a_landslide_without_rain_is_a_miss(study, tmp_path):
    """It lies in the middle of the longest dry spell of its gauge in the years of the test."""
    held = np.flatnonzero(study.days >= np.datetime64("2017-01-01"))
    wet = np.flatnonzero(study.rain[0] >= 1)
    wet = wet[wet >= held[0]]
    gap = int(np.argmax(np.diff(wet)))
    dry_day = int(wet[gap] + np.diff(wet)[gap] - 1)
    slides = study.slides()
    more = Points(
        "slides",
        fields={"day": [*slides.fields["day"], str(study.days[dry_day])]},
        xy=np.vstack([slides.xy, slides.xy[0]]),
    )
    log = Listener()
    before = thresholds(study.inputs(), tmp_path / "a.csv", hold_out_years="2017-2019", probabilities="5")
    after = thresholds(
        study.inputs(slides=more), tmp_path / "b.csv", log, hold_out_years="2017-2019", probabilities="5"
    )
    misses = [int(read_csv(tmp_path / name)[0]["test_misses"]) for name in ("a.csv", "b.csv")]
    assert misses[1] == misses[0] + 1 and after.gamma == before.gamma
    assert any("1 of" in text and "no rain event" in text for text in log.warnings)


def test_many_landslides_on_new_year_are_doubted(study, tmp_path):
    dates = [str(day) for day in study.days[study.day]]
    third = len(dates) // 3
    log = Listener()
    dates[:third] = ["2010-01-01"] * third
    thresholds(study.inputs(slides=study.slides(dates)), tmp_path / "t.csv", log)
    assert any("dated 1 January" in text for text in log.warnings)


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        ("no names", InputCorrupt, "does not state the day of .* START_DATE"),
        ("a day twice", InputCorrupt, "more than once"),
        ("another grid", GridMismatch, "different grids"),
        ("far away", NoOverlap, "No landslide lies on"),
        ("start of several", ParameterInvalid, "START_DATE is for one raster"),
        ("no day", ParameterInvalid, "START_DATE is"),
    ],
)
def test_rasters_that_cannot_be_used(tmp_path, spoil, error, said):
    small = make_study(years=3, seed=4)
    path, options = daily_raster(tmp_path / "r.tif", small, name="" if spoil in ("no names", "no day") else "{}"), {}
    rasters = [(path, "r")]
    if spoil == "a day twice":
        rasters = [(path, "r"), (daily_raster(tmp_path / "again.tif", small, np.arange(3)), "again")]
    elif spoil == "another grid":
        rasters.append(
            (daily_raster(tmp_path / "o.tif", small, np.arange(5), transform=Affine(STEP, 0, 99, 0, -1, 32)), "o")
        )
    elif spoil == "far away":
        rasters = [(daily_raster(tmp_path / "f.tif", small, transform=Affine(STEP, 0, 10, 0, -1, TOP + 0.5)), "f")]
    elif spoil in ("start of several", "no day"):
        rasters, options = rasters * (2 if spoil == "start of several" else 1), {"start_date": "2008"}
    inputs = replace(small.inputs(), rain_table=None, stations=None, rain_rasters=rasters)
    with pytest.raises(error, match=said):
        thresholds(inputs, tmp_path / "t.csv", **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"probabilities": "0, 5"}, "PROBABILITIES"),
        ({"probabilities": ""}, "PROBABILITIES is empty"),
        ({"hold_out_years": "last"}, 'HOLD_OUT_YEARS has "last"'),
        ({"hold_out_years": "2019-2017"}, "HOLD_OUT_YEARS"),
        ({"dry_days": 0}, "DRY_DAYS"),
        ({"dry_rain": 0.0}, "DRY_RAIN"),
    ],
)
def test_options_that_mean_nothing(options, said):
    with pytest.raises(ParameterInvalid, match=said):
        RainThresholdOptions(**options)


def test_years_without_landslides_cannot_judge(study, tmp_path):
    with pytest.raises(TooFewData, match="HOLD_OUT_YEARS 1990 has no landslide"):
        thresholds(study.inputs(), tmp_path / "t.csv", hold_out_years="1990")


def test_lists_of_years():
    assert RainThresholdOptions(hold_out_years="2012, 2015-2017").held_years() == [2012, 2015, 2016, 2017]
    assert (
        RainThresholdOptions(hold_out_years="none").held_years() == [] and RainThresholdOptions().held_years() is None
    )
    assert RainThresholdOptions(probabilities="50, 5 %, 10").levels() == [0.05, 0.1, 0.5]


def test_the_table_is_read_again(study, tmp_path):
    summary = thresholds(study.inputs(zones=zone_raster(tmp_path / "z.tif")), tmp_path / "t.csv")
    found = read_thresholds(tmp_path / "t.csv")
    assert found.zones == [1, 2, 3] and found.probabilities == [5, 10, 20, 35, 50]
    assert found.gamma == pytest.approx(summary.gamma) and (found.dry_rain, found.dry_days) == (1.0, 2)
    assert found.hit_rates[5] == pytest.approx(summary.pod)
    assert np.isnan(found.table(5.0)[[0, 4]]).all() and 10 ** found.table(5.0)[3] == pytest.approx(summary.alpha)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("alpha,", "beta,", 1), "no column alpha"),
        (lambda text: "", "no column"),
        (lambda text: text.split("\n")[0] + "\n" + "\n".join(text.split("\n")[1:2] * 2), "twice"),
        (lambda text: "\n".join(text.split("\n")[:-2]), "lacks a probability|one of"),
        (lambda text: text.replace("2,all", "2,all"), None),
        (lambda text: "\udcff\udcfe", "cannot be read as CSV|no column"),
    ],
)
def test_other_tables_are_refused(study, tmp_path, change, said):
    thresholds(study.inputs(zones=zone_raster(tmp_path / "z.tif")), tmp_path / "t.csv", hold_out_years="none")
    text = change((tmp_path / "t.csv").read_text(encoding="utf-8"))
    (tmp_path / "t.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    if said is None:
        assert read_thresholds(tmp_path / "t.csv").hit_rates == {}
        return
    with pytest.raises(InputCorrupt, match=said):
        read_thresholds(tmp_path / "t.csv")
