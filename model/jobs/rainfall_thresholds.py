"""Dated landslides, daily rain and zones in; rainfall thresholds, rain events, their test and a report out."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..errors import LayerEmpty, ParameterInvalid, ParameterMissing
from ..factors.categorical import class_names
from ..grid import Grid
from ..inputs.bands import open_band
from ..inputs.dates import as_text
from ..labels.buffers import landslide_points
from ..memory import retain_freed_memory
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import warn_stale_inputs
from ..rainfall.events import UNKNOWN_EVENT, find_events
from ..rainfall.rasters import rain_at
from ..rainfall.series import DailyRain, place_gauges, rain_of_table, require_place
from ..rainfall.settings import RainThresholdInputs, RainThresholdOptions
from ..rainfall.skill import DAILY, LINE, TUNED, Cases, Skill, TestResult, best_limits, difference, judge, month_draws
from ..rainfall.study import (
    Inventory,
    Study,
    landslide_days,
    landslide_study,
    nearest_gauge,
    station_positions,
    take_inventory,
    years_held_back,
)
from ..rainfall.threshold_table import ALL_LAND, COLUMNS
from ..rainfall.thresholds import FEWEST, MANY_DAYS, SIGNIFICANT, Thresholds, fit_thresholds, join_zones
from ..report.files import ReportFiles
from ..report.rainfall_thresholds import p_text, thresholds_page
from ..report.settings import DocumentDetails
from ..tables import write_table
from ..texts import join_names
from ..validation.map_layers import ZoneSource, cells_by_block
from . import sources_of

EVENT_COLUMNS = (
    *("place", "first_day", "last_day", "days", "rain_mm", "peak_mm", "complete", "year", "held_back"),
    *("landslides", "landslide_day", "zone", "landslide_days", "landslide_rain_mm"),
)
"""``landslide_days`` and ``landslide_rain_mm`` are D and E up to the day of the landslide."""
TEST_COLUMNS = (
    *("rule", "probability", "group", "year", "hits", "misses", "false_alarms", "correct_negatives"),
    *(f"{score}{end}" for score in ("pod", "pofd", "pofa", "tss") for end in ("", "_low", "_high")),
)
ALL = "all"


@dataclass
class RainThresholdSummary:
    """The main numbers of rainfall thresholds."""

    landslides: int  # used
    landslide_days: int  # in the fit
    gamma: float
    alpha: float  # mm, of the lowest probability in the most susceptible group
    groups: list[list[int]]  # zones of each group
    held_years: list[int]
    pod: float | None = None  # of the lowest probability in the years held back
    pofa: float | None = None
    tss: float | None = None
    tss_tuned: float | None = None  # of the threshold with the best score in the years of the fit
    tss_daily: float | None = None  # of daily rain, chosen in the same way
    counts: dict[str, int] = field(default_factory=dict)  # what became of the landslides of the layer
    warnings: list[str] = field(default_factory=list)


def rainfall_thresholds(
    inputs: RainThresholdInputs,
    output_thresholds: str | os.PathLike,
    *,
    options: RainThresholdOptions | None = None,
    output_events: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
    output_html: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> RainThresholdSummary:
    """Fit thresholds of cumulated rain against duration to dated landslides, by zone, and test them on years held back.

    See ``rainfall.thresholds`` for the method and ``rainfall.events`` for what a rain event is.

    Args:
        output_thresholds: path of a CSV, see ``rainfall.threshold_table``; "Rainfall warning" reads it.
        output_events: path of a CSV of all rain events, :data:`EVENT_COLUMNS`.
        output_table: path of a CSV of the test, :data:`TEST_COLUMNS`.

    Raises:
        ParameterMissing: there is no rain, or several gauges without a place.
        FieldUnusable: dates or values cannot be read.
        TooFewData: too few landslides have a known rain event, or the years held back have none.
        NoOverlap: no landslide falls into the record of rain, or lies near it.
    """
    outputs = {
        "OUTPUT_THRESHOLDS": output_thresholds,
        "OUTPUT_EVENTS": output_events,
        "OUTPUT_TABLE": output_table,
        "OUTPUT_HTML": output_html,
        "OUTPUT_DOCUMENT": output_document,
    }
    check_writable(*outputs.values())
    options = options or RainThresholdOptions()
    log = WarningLog(progress)
    report = ReportFiles.of_run(output_html, output_document, details, log)
    record = RunRecord("rainfallthresholds", {**options.record(), **_fields(inputs)}, _sources(inputs))
    warn_stale_inputs({"zone raster": inputs.zones}, log)
    if not len(inputs.landslides):
        raise LayerEmpty(f'The layer "{inputs.landslides.name}" given as LANDSLIDES has no landslide.')
    days = landslide_days(inputs.landslides, inputs.date_field, options, log)
    xy = landslide_points(inputs.landslides)
    with retain_freed_memory():
        zone, names = _zones(inputs, xy, SubProgress(log, 0.0, 0.2))
        daily, place, distance = _rain(inputs, xy, options, SubProgress(log, 0.2, 0.7))
    inventory = take_inventory(days, place, zone, distance, daily, inputs, options, log)
    daily, inventory.place = _only_used(daily, inventory.place)
    _tell_distances(inventory, log)
    events = find_events(daily.rain, options.dry_rain, options.dry_days)
    study = landslide_study(inventory, daily, events, options.dry_days)
    _tell_unused(study, log)
    held = years_held_back(study, options, log)
    in_fit = ~np.isin(study.year, list(held))
    by_zone = dict.fromkeys(names, 0) if inputs.zones is not None else {ALL_LAND: 0}
    for number in study.zone[in_fit & study.known].tolist():
        by_zone[number] += 1
    groups = join_zones(by_zone, options.min_landslides)
    group_of_zone = {number: index for index, group in enumerate(groups) for number in group}
    titles = [_group_title(group, names) for group in groups]
    _tell_groups(groups, by_zone, titles, options, log)
    log.report(
        0.72, f"{int((in_fit & study.known).sum()):,} landslide days in the fit; bootstrap of {options.repeats:,}."
    )
    conditions = study.conditions(in_fit, group_of_zone)
    fit = fit_thresholds(conditions, len(groups), options.levels(), options.repeats, options.seed)
    _tell_fit(fit, titles, log)
    years = set(range(int(daily.years(np.array([0]))[0]), int(daily.years(np.array([daily.rain.shape[1] - 1]))[0]) + 1))
    training = study.cases(years - held, group_of_zone, float(fit.line.slope), in_fit)
    test = _test(study, fit, training, held, group_of_zone, options) if held else None
    if test is not None:
        _tell_test(test, fit, held, log)
    rows = _threshold_rows(fit, groups, titles, names, training, test, study, held, options)
    write_table(output_thresholds, COLUMNS, rows)
    if output_events is not None:
        write_table(output_events, EVENT_COLUMNS, _event_rows(study, held, names))
    test_rows = [] if test is None else _test_rows(test, titles)
    if output_table is not None:
        write_table(output_table, TEST_COLUMNS, test_rows)
    summary = _summary(fit, groups, held, inventory, test)
    summary.warnings = log.warnings
    if report.wanted:
        title = inputs.landslides.name, _rain_name(inputs)
        shown = {**options.record(), "HOLD_OUT_YEARS": _years_text(held) or "none"}
        page = thresholds_page(title, fit, titles, test, test_rows, rows, inventory, study, shown, log.warnings, log)
        report.write(page)
    record.write(outputs, summary=asdict(summary), automatic={"HOLD_OUT_YEARS": _years_text(held) or "none"})
    log.report(1.0)
    return summary


def _fields(inputs: RainThresholdInputs) -> dict[str, Any]:
    names = ("date_field", "rain_date_field", "rain_station_field", "rain_field", "station_field")
    return {name.upper(): getattr(inputs, name) for name in names}


def _sources(inputs: RainThresholdInputs) -> dict[str, Any]:
    given = {"landslides": inputs.landslides, "rain_table": inputs.rain_table, "rain_stations": inputs.stations}
    sources = sources_of(**given, zones=inputs.zones)
    if inputs.rain_rasters:
        sources["RAIN_RASTERS"] = [path for path, _ in inputs.rain_rasters]
    return sources


def _rain_name(inputs: RainThresholdInputs) -> str:
    if inputs.rain_table is not None:
        return inputs.rain_table.name
    return join_names([name for _, name in inputs.rain_rasters], 3)


def _zones(inputs: RainThresholdInputs, xy: np.ndarray, progress: Progress) -> tuple[np.ndarray, dict[int, str]]:
    """Return the zone of each landslide, 0 without, and the names of all zones."""
    result = np.zeros(len(xy), dtype=np.int64)
    if inputs.zones is None:
        return result, {ALL_LAND: "all land"}
    with open_band(inputs.zones, "zone", progress) as dataset:
        grid = Grid.from_dataset(dataset, "zones")
        source = ZoneSource.from_raster(dataset, grid, SubProgress(progress, 0.0, 0.8))
        stated = class_names(dataset)
        rows, columns, inside = grid.cell_indices(xy)
        index = np.flatnonzero(inside)
        for block, chosen in cells_by_block(grid, rows[index], columns[index], SubProgress(progress, 0.8, 1.0)):
            cells = source.read(block, np.empty(0))
            here = index[chosen]
            result[here] = cells[rows[here] - block.row, columns[here] - block.column]
        names = {number: stated.get(number) or name for number, name in source.names.items()}
    return result, names


def _rain(
    inputs: RainThresholdInputs, xy: np.ndarray, options: RainThresholdOptions, progress: Progress
) -> tuple[DailyRain, np.ndarray, np.ndarray | None]:
    """Return the daily rain, the place of each landslide, and its distance; None for rasters."""
    if inputs.rain_table is None and not inputs.rain_rasters:
        raise ParameterMissing("There is no rain. Give RAIN_TABLE, daily rain of gauges, or RAIN_RASTERS.")
    if inputs.rain_table is not None and inputs.rain_rasters:
        raise ParameterInvalid("Both RAIN_TABLE and RAIN_RASTERS are given. Keep one of them.")
    if inputs.rain_table is None:
        daily, place = rain_at(inputs.rain_rasters, xy, inputs.crs_wkt, options, progress)
        return daily, place, None
    daily = rain_of_table(inputs, options, progress)
    if inputs.stations is None:
        require_place(daily)
    else:
        daily = place_gauges(daily, station_positions(inputs.stations, inputs.station_field), progress)
    place, distance = nearest_gauge(daily, xy, inputs.crs_wkt)
    return daily, place, distance


def _only_used(daily: DailyRain, place: np.ndarray) -> tuple[DailyRain, np.ndarray]:
    """Return the places that have landslides, and the numbers of the landslides' places among them."""
    used, number = np.unique(place, return_inverse=True)
    xy = None if daily.xy is None else daily.xy[used]
    names = [daily.names[index] for index in used]
    return DailyRain(daily.first_day, daily.rain[used], names, xy, daily.is_raster), number.reshape(-1)


def _tell_distances(inventory: Inventory, log: WarningLog) -> None:
    if len(inventory.distances):
        middle, far = np.quantile(inventory.distances, [0.5, 1.0]) / 1000
        log.report(0.7, f"Landslides are {middle:.1f} km from their gauge in the median, {far:.1f} km at most.")


def _tell_unused(study: Study, log: WarningLog) -> None:
    without = ~study.known & (study.wet_day != UNKNOWN_EVENT)
    unknown = study.wet_day == UNKNOWN_EVENT
    total = len(study.place)
    if unknown.any():
        log.warn(
            f"{int(unknown.sum()):,} of {total:,} landslide days have days without rain data in or before their rain "
            "event. They are left out."
        )
    if without.any():
        log.warn(
            f"{int(without.sum()):,} of {total:,} landslide days have no rain event at their gauge or cell: the date "
            "is wrong, the rain fell elsewhere, or something else was the trigger. They are not in the fit, and count "
            "as misses in the test."
        )


def _tell_groups(
    groups: Sequence[Sequence[int]],
    by_zone: dict[int, int],
    titles: Sequence[str],
    options: RainThresholdOptions,
    log: WarningLog,
) -> None:
    joined = [title for group, title in zip(groups, titles) if len(group) > 1]
    if joined:
        counts = ", ".join(f"zone {zone}: {count}" for zone, count in sorted(by_zone.items()))
        log.warn(
            f"Zones with fewer than {options.min_landslides} landslide days in the fit are joined with a neighbour "
            f"({counts}). Groups: {'; '.join(titles)}."
        )
    empty = [zone for zone, count in sorted(by_zone.items()) if not count]
    if empty and len(by_zone) > 1:
        log.warn(
            f"No landslide day of the fit lies in zone {join_names(empty)}. The threshold there is that of a "
            "neighbour, so a warning map warns of this land as early as of land with landslides."
        )


def _tell_fit(fit: Thresholds, titles: Sequence[str], log: WarningLog) -> None:
    gamma = fit.gamma()
    log.report(0.8, f"Slope γ {gamma[0]:.3f} (95 % interval {gamma[1]:.3f} to {gamma[2]:.3f}).")
    for group, title in enumerate(titles):
        alpha = fit.alpha(fit.levels[0], group)
        log.report(
            0.8,
            f"{title}: E = {alpha[0]:.1f} · D^{gamma[0]:.2f} mm at {100 * fit.levels[0]:g} % (α {alpha[1]:.1f} to "
            f"{alpha[2]:.1f}).",
        )
    if gamma[0] <= 0:
        log.warn(
            f"The slope γ is {gamma[0]:.2f}: rain with landslides does not grow with duration, so these thresholds "
            "have no physical meaning. Check dates and gauges."
        )
    if fit.days < MANY_DAYS:
        log.warn(
            f"The fit rests on {fit.days} different days with landslides. Below {MANY_DAYS} the intervals are too "
            "narrow, and a line of 5 % lies beyond what was observed."
        )
    if fit.normal_p < SIGNIFICANT:
        log.warn(
            f"The distances from the line are not normally distributed (Shapiro-Wilk p {p_text(fit.normal_p)}), as the "
            "thresholds assume; compare the share of landslide days below each of them."
        )
    if fit.intercepts_p >= SIGNIFICANT:
        log.warn(
            f"The thresholds of the zones do not differ significantly (F test, p {fit.intercepts_p:.2f}); one for all "
            "zones fits as well."
        )
    if fit.slopes_p < SIGNIFICANT:
        log.warn(
            f"The slopes of the zones differ (F test, p {p_text(fit.slopes_p)}), but all thresholds have one slope."
        )


def _group_title(group: Sequence[int], names: dict[int, str]) -> str:
    if group == [ALL_LAND]:
        return names[ALL_LAND]
    numbers = f"zone {group[0]}" if len(group) == 1 else f"zones {group[0]} to {group[-1]}"
    first, last = names[group[0]], names[group[-1]]
    return f"{numbers} ({first})" if len(group) == 1 else f"{numbers} ({first} to {last})"


def _test(
    study: Study,
    fit: Thresholds,
    training: Cases,
    held: set[int],
    group_of_zone: dict[int, int],
    options: RainThresholdOptions,
) -> TestResult:
    everywhere = np.ones(len(study.place), dtype=bool)
    cases = study.cases(held, group_of_zone, float(fit.line.slope), everywhere)
    rules: list[tuple[str, float | None, np.ndarray]] = [
        (LINE, 100 * level, cases.severity >= fit.line.at(level)[cases.group]) for level in fit.levels
    ]
    for name, ours, theirs in ((TUNED, training.severity, cases.severity), (DAILY, training.peak, cases.peak)):
        limits = best_limits(training, ours, fit.groups)
        rules.append((name, None, theirs >= limits[cases.group]))
    draws = month_draws(cases, options.repeats, options.seed)
    whole = [judge(cases, warned, draws) for _, _, warned in rules]
    return TestResult(cases, rules, whole, difference(cases, rules[-2][2], rules[-1][2], draws))


def _tell_test(test: TestResult, fit: Thresholds, held: set[int], log: WarningLog) -> None:
    one, daily, tuned = test.whole[0], test.whole[-1], test.whole[-2]
    log.report(
        0.9,
        f"Years held back ({_years_text(held)}), threshold of {100 * fit.levels[0]:g} %: {one.hits} hits, "
        f"{one.misses} misses, {one.false_alarms} false alarms, {one.correct_negatives} correct negatives; POD "
        f"{one.pod.value:.2f}, POFA {one.pofa.value:.2f}, TSS {one.tss.value:.2f}.",
    )
    log.report(0.9, f"TSS of the best threshold {tuned.tss.value:.2f}, of daily rain {daily.tss.value:.2f}.")
    if one.hits + one.misses < FEWEST:
        log.warn(f"The years held back have {one.hits + one.misses} landslide days, too few to judge the thresholds.")
    if test.gain.has_interval and test.gain.high < 0:
        log.warn(
            "Daily rain alone warns better than cumulated rain and duration in the years held back (true skill "
            f"statistic, difference {test.gain.value:.2f}, 95 % interval {test.gain.low:.2f} to {test.gain.high:.2f})."
        )


def _threshold_rows(
    fit: Thresholds,
    groups: Sequence[Sequence[int]],
    titles: Sequence[str],
    names: dict[int, str],
    training: Cases,
    test: TestResult | None,
    study: Study,
    held: set[int],
    options: RainThresholdOptions,
) -> list[list[Any]]:
    gamma, rows = fit.gamma(), []
    in_fit = ~np.isin(study.daily.years(np.arange(study.daily.rain.shape[1])), list(held))
    known_years = float((~np.isnan(study.daily.rain[:, in_fit])).mean()) * int(in_fit.sum()) / 365.25
    fitted = ~np.isin(study.year, list(held))
    for index, (group, title) in enumerate(zip(groups, titles)):
        chosen = fit.conditions.group == index
        durations = fit.conditions.duration[chosen]
        ends = (float(durations.min()), float(durations.max())) if chosen.any() else (None, None)
        of_group = training.only(training.group == index)
        others = of_group.only(~of_group.landslide)
        places = len(np.unique(study.place[fitted & np.isin(study.zone, group)]))
        for number, level in enumerate(fit.levels):
            limit = fit.line.at(level)[index]
            above = float((others.severity >= limit).mean()) if len(others) else None
            warnings = (
                float((of_group.severity >= limit).sum() / (places * known_years)) if places and known_years else None
            )
            counts: list[Any] = [None] * 4
            if test is not None:
                here = test.cases.group == index
                skill = judge(test.cases.only(here), test.rules[number][2][here])
                counts = [skill.hits, skill.misses, skill.false_alarms, skill.correct_negatives]
            fixed = [fit.line.spread.item(), options.dry_rain, options.dry_days, int(chosen.sum()), *ends]
            shares = [fit.share_below(level, index), above, warnings]
            for zone in group:
                head = [zone, names[zone], title, 100 * level]
                rows.append([*head, *fit.alpha(level, index), *gamma, *fixed, *shares, *counts])
    return rows


def _event_rows(study: Study, held: set[int], names: dict[int, str]) -> list[list[Any]]:
    events, daily = study.events, study.daily
    slides: dict[int, list[int]] = {}
    for number, wet in enumerate(study.wet_day.tolist()):
        if wet >= 0:
            slides.setdefault(int(events.event[wet]), []).append(number)
    years = daily.years(events.column[events.last])
    rows = []
    for event in range(len(events)):
        begin, end = int(events.first[event]), int(events.last[event])
        place = daily.names[int(events.place[begin])]
        span = [as_text(daily.day(events.column[begin])), as_text(daily.day(events.column[end]))]
        size = [int(events.duration[end]), float(events.total[end]), float(events.peak[end])]
        complete, year = bool(events.known_start[event] and events.known_end[event]), int(years[event])
        head = [place, *span, *size, complete, year, year in held]
        if event not in slides:
            rows.append([*head, 0, None, None, None, None])
        for number in slides.get(event, []):
            wet = int(study.wet_day[number])
            day = as_text(daily.day(study.column[number]))
            found = [int(study.landslides[number]), day, names[int(study.zone[number])]]
            rows.append([*head, *found, int(events.duration[wet]), float(events.total[wet])])
    return rows


def _test_rows(test: TestResult, titles: Sequence[str]) -> list[list[Any]]:
    """Return the rows of the test: each rule as a whole, by group and by year; only the whole has intervals."""
    rows = []
    years = sorted(set(test.cases.year.tolist()))
    for (name, probability, warned), whole in zip(test.rules, test.whole):
        rows.append([name, probability, ALL, None, *_cells(whole)])
        for index, title in enumerate(titles if len(titles) > 1 else ()):
            here = test.cases.group == index
            rows.append([name, probability, title, None, *_cells(judge(test.cases.only(here), warned[here]))])
        for year in years:
            here = test.cases.year == year
            rows.append([name, probability, ALL, year, *_cells(judge(test.cases.only(here), warned[here]))])
    return rows


def _cells(skill: Skill) -> list[Any]:
    counts = [skill.hits, skill.misses, skill.false_alarms, skill.correct_negatives]
    found = (skill.pod, skill.pofd, skill.pofa, skill.tss)
    return [*counts, *(part for one in found for part in (one.value, one.low, one.high))]


def _years_text(years: set[int]) -> str:
    parts: list[list[int]] = []
    for year in sorted(years):
        if parts and parts[-1][-1] == year - 1:
            parts[-1].append(year)
        else:
            parts.append([year])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _summary(
    fit: Thresholds, groups: list[list[int]], held: set[int], inventory: Inventory, test: TestResult | None
) -> RainThresholdSummary:
    alpha = fit.alpha(fit.levels[0], fit.groups - 1)[0]
    count = len(fit.conditions)
    summary = RainThresholdSummary(
        len(inventory), count, fit.gamma()[0], alpha, groups, sorted(held), counts=inventory.counts
    )
    if test is not None:
        values = [test.whole[0].pod, test.whole[0].pofa, *(test.whole[index].tss for index in (0, -2, -1))]
        plain = [one.value if math.isfinite(one.value) else None for one in values]
        summary.pod, summary.pofa, summary.tss, summary.tss_tuned, summary.tss_daily = plain
    return summary
