"""The report of rainfall thresholds: the lines among the rain events, their numbers, and the test by year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, ScalarFormatter

from ..inputs.dates import as_text
from ..progress import Progress
from ..rainfall.events import UNKNOWN_EVENT
from ..rainfall.skill import Skill, TestResult
from ..rainfall.study import Inventory, Study
from ..rainfall.thresholds import Thresholds
from ..statistics import MIN_REPEATS, Estimate
from .charts import BLUE, GREEN, HALF_WIDTH, ORANGE, RULE, SERIES, SOFT, VERMILION, new_figure, shorten, style
from .page import MISSING, Page, interval_sentence, interval_text, percent

_GREY = "#b4bcc4"
_MOST_POINTS = 20000  # rain events without landslides in the figure
_SKILL_COLUMNS = ("Hits", "Misses", "False alarms", "Correct negatives", "POD", "POFD", "POFA", "TSS")
_METHOD = (
    "A line is fitted by least squares to the logarithms of duration D (days) and cumulated rain E (mm) of the rain "
    "up to each landslide day, and shifted to quantiles of the normal distribution of the distances from it "
    "(frequentist method; Brunetti et al. 2010, Peruccacci et al. 2012). All zones share slope and spread; each group "
    "of zones has its own intercept. Intervals resample days with landslides, so that those of one storm stay together."
)
_LIMITS = (
    "Daily rain hides what falls within hours: from daily values durations come out too long and thresholds too low, "
    "the intercept by half or more (Marra 2019). Do not compare α with thresholds from hourly rain, and use these "
    "with daily rain of the same source only.",
    "The rain is that of the nearest gauge or of a raster cell, not of the slope. Where it is far, or a storm small, "
    "thresholds come out too low.",
    "The day is that in the inventory. A landslide that was reported a day late has too much rain and too long an "
    "event; the day of a gauge may also end in the morning.",
    "The fit uses rain with landslides alone. How often a threshold is exceeded without a landslide stands in the "
    "table, as the share of other rain events above it and as warnings in a year; a landslide that nobody reported "
    "counts as a false alarm.",
    "Only gauges or cells, and zones, with a landslide in the inventory are looked at. A warning for a whole district "
    "is raised more often than one for a single place.",
)


def thresholds_page(
    names: tuple[str, str],
    fit: Thresholds,
    titles: Sequence[str],
    test: TestResult | None,
    test_rows: Sequence[Sequence[Any]],
    rows: Sequence[Sequence[Any]],
    inventory: Inventory,
    study: Study,
    settings: Mapping[str, Any],
    warnings: Sequence[str],
    progress: Progress,
) -> Page:
    """Return the report.

    Args:
        names: of the layer of landslides and of the rain.
        titles: of the groups of zones.
        test: of the years held back; None without.
        test_rows: as in the table of the test.
        rows: as in the table of thresholds.
        settings: for the list at the end.
    """
    page = Page("Rainfall thresholds", f"{names[0]} and the daily rain of {names[1]}", progress, warnings)
    lowest = fit.levels[0]
    gamma, alpha = fit.gamma(), fit.alpha(lowest, fit.groups - 1)
    where = f" in {titles[-1]}" if fit.groups > 1 else ""
    numbers: list[tuple[str, Any, str]] = [
        ("Landslide days", len(fit.conditions), f"In the fit, on {fit.days:,} different days."),
        ("Slope γ", gamma[0], interval_sentence(Estimate(*gamma[:3]))),
        (f"α at {100 * lowest:g} % (mm)", alpha[0], f"Interval {alpha[1]:.1f} – {alpha[2]:.1f}{where}: E = α · D^γ."),
    ]
    if test is not None:
        one = test.whole[0]
        numbers += [
            (
                "Detected",
                percent(one.pod.value, 0),
                f"Of {one.hits + one.misses} landslide days in the years held back.",
            ),
            ("False alarms", percent(one.pofa.value, 0), f"Of {one.hits + one.false_alarms} warnings there (POFA)."),
        ]
    page.key_numbers(numbers)
    _add_lines(page, fit, titles, study, rows)
    if test is None:
        page.text("Test", "No year was held back, so nothing is known of how well these thresholds warn.")
    else:
        _add_test(page, fit, titles, test, test_rows)
    _add_data(page, inventory, study)
    page.text("Limits", *_LIMITS)
    page.settings("Settings", settings)
    return page


def _add_lines(page: Page, fit: Thresholds, titles: Sequence[str], study: Study, rows: Sequence[Sequence[Any]]) -> None:
    heading = "Thresholds"
    page.figure(
        heading,
        _event_figure(fit, titles, study),
        "Rain up to each landslide day by group of zones, other rain events of the same places in grey, and the "
        f"thresholds of {100 * fit.levels[0]:g} % (solid) and 50 % (dotted). Band: 95 % interval. Both axes are "
        "logarithmic.",
    )
    columns = (
        *("Zones", "Non-exceedance", "α (mm)", "95 % interval", "Landslide days", "Below it"),
        *("Other events above", "Warnings a year"),
    )
    shown, seen = [], set()
    for row in rows:
        title, level = row[2], row[3]
        if (title, level) in seen:
            continue
        seen.add((title, level))
        alpha, low, high = row[4:7]
        span = f"{low:.1f} – {high:.1f}" if math.isfinite(low) else MISSING
        shares = [percent(one, 1) if one is not None else MISSING for one in row[18:20]]
        rate = MISSING if row[20] is None else f"{row[20]:.2f}"
        shown.append([title, f"{level:g}\N{NO-BREAK SPACE}%", f"{alpha:.1f}", span, row[15], *shares, rate])
    gamma = fit.gamma()
    ends = f"{fit.conditions.duration.min():g} to {fit.conditions.duration.max():g} days"
    note = (
        f"E = α · D^γ with γ {gamma[0]:.3f} ({gamma[1]:.3f} – {gamma[2]:.3f}), for D of {ends}. Below it: share of the "
        "landslide days of the fit. Other events above: share of the rain events without landslides that exceed it. "
        "Warnings a year: at one gauge or cell, in the years of the fit."
    )
    page.table(heading, columns, shown, note)
    texts = [_METHOD]
    if math.isfinite(fit.intercepts_p):
        differ = "differ" if fit.intercepts_p < 0.05 else "do not differ significantly"
        texts.append(f"The intercepts of the groups {differ} (F test, p {p_text(fit.intercepts_p)}).")
    if math.isfinite(fit.normal_p):
        texts.append(f"Shapiro and Wilk's test of the distances from the line: p {p_text(fit.normal_p)}.")
    page.text(heading, *texts)


def p_text(p: float) -> str:
    """Return a probability of a test with three decimals."""
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def _event_figure(fit: Thresholds, titles: Sequence[str], study: Study) -> Figure:
    slope = float(fit.line.slope)
    duration, total = _other_events(study)
    with style():
        figure = new_figure(4.2)
        axes = figure.add_subplot()
        if len(duration):
            axes.scatter(
                _jitter(duration), total, s=4, color=_GREY, linewidths=0, alpha=0.5, label="other rain events"
            ).set_rasterized(True)
        low, high = float(fit.conditions.duration.min()), float(fit.conditions.duration.max())
        days = np.geomspace(low, max(high, low * 1.01), 60)
        for group, title in enumerate(titles):
            colour = SERIES[group % len(SERIES)]
            chosen = fit.conditions.group == group
            points = _jitter(fit.conditions.duration[chosen]), fit.conditions.total[chosen]
            look: dict[str, Any] = {"s": 16, "color": colour, "edgecolors": "white", "linewidths": 0.4, "zorder": 3}
            axes.scatter(*points, **look, label=shorten(title))
            axes.plot(
                days, 10.0 ** (fit.line.at(fit.levels[0])[group] + slope * np.log10(days)), color=colour, zorder=4
            )
            repeated = fit.repeats.at(fit.levels[0])[:, group][:, None] + fit.repeats.slope[:, None] * np.log10(days)
            repeated = repeated[np.isfinite(repeated).all(axis=1)]
            if len(repeated) >= MIN_REPEATS:
                ends = 10.0 ** np.quantile(repeated, [0.025, 0.975], axis=0)
                axes.fill_between(days, *ends, color=colour, alpha=0.15, linewidth=0)
            axes.plot(days, 10.0 ** (fit.line.intercepts[group] + slope * np.log10(days)), color=colour, linestyle=":")
        axes.set(xscale="log", yscale="log", xlabel="Duration D (days)", ylabel="Cumulated rain E (mm)")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(ScalarFormatter())
            axis.set_minor_locator(NullLocator())
        axes.legend(loc="lower right")
    return figure


def _other_events(study: Study) -> tuple[np.ndarray, np.ndarray]:
    """Return duration and cumulated rain of the events without landslides, of many a part."""
    events = study.events
    with_slides = np.zeros(len(events), dtype=bool)
    with_slides[events.event[study.wet_day[study.wet_day >= 0]]] = True
    ends = events.last[~with_slides & events.known_start & events.known_end]
    ends = ends[:: max(1, len(ends) // _MOST_POINTS)]
    return events.duration[ends].astype(np.float64), events.total[ends]


def _jitter(duration: np.ndarray) -> np.ndarray:
    """Return durations moved by up to a tenth, always alike, so that points of whole days do not hide each other."""
    return duration * np.exp(np.random.default_rng(0).uniform(-0.1, 0.1, len(duration)))


def _add_test(
    page: Page, fit: Thresholds, titles: Sequence[str], test: TestResult, rows: Sequence[Sequence[Any]]
) -> None:
    heading = "Test in the years held back"
    years = sorted(set(test.cases.year.tolist()))
    page.text(
        heading,
        f"The years {years[0]} to {years[-1]} had no part in the fit. A landslide day is a hit if the threshold was "
        "exceeded in its rain event by that day. A rain event without landslides that exceeds it is a false alarm.",
    )
    names = [_rule(name, probability) for name, probability, _ in test.rules]
    cells = [
        [name, skill.hits, skill.misses, skill.false_alarms, skill.correct_negatives, *map(_score, _of(skill))]
        for name, skill in zip(names, test.whole)
    ]
    note = (
        "POD: hits of all landslide days. POFD: false alarms of all rain events without landslides. POFA: false "
        "alarms of all warnings. TSS: POD less POFD, the true skill statistic of Hanssen and Kuipers. In brackets 95 "
        "% intervals; months are resampled. The two rules at the end were chosen by the TSS in the years of the fit, "
        "alike."
    )
    page.table(heading, ("Rule", *_SKILL_COLUMNS), cells, note)
    page.figure("", _skill_figure(test, names), "Landslide days detected against false detections, by rule.", half=True)
    page.figure(
        "",
        _year_figure(test),
        f"Landslide days and false alarms by year, threshold of {100 * fit.levels[0]:g} %.",
        half=True,
    )
    gain = test.gain
    if math.isfinite(gain.value):
        verb = "above" if gain.value >= 0 else "below"
        page.text(
            heading,
            f"The TSS of cumulated rain and duration is {abs(gain.value):.2f} {verb} that of daily rain. "
            f"{interval_sentence(gain)}",
        )
    probability = 100 * fit.levels[0]
    chosen = [row for row in rows if row[1] is not None and math.isclose(row[1], probability)]
    parts = [
        [str(row[3]) if row[3] else row[2], *row[4:8], *(_number(row[at]) for at in (8, 11, 14, 17))]
        for row in chosen[1:]
    ]
    page.table(f"By zone and year, threshold of {probability:g} %", ("Part", *_SKILL_COLUMNS), parts)


def _of(skill: Skill) -> tuple[Estimate, ...]:
    return skill.pod, skill.pofd, skill.pofa, skill.tss


def _score(one: Estimate) -> str:
    if not math.isfinite(one.value):
        return MISSING
    return f"{one.value:.2f} ({interval_text(one, 2)})" if one.has_interval else f"{one.value:.2f}"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else MISSING


def _rule(name: str, probability: float | None) -> str:
    return name if probability is None else f"{name}, {probability:g}\N{NO-BREAK SPACE}%"


def _skill_figure(test: TestResult, names: Sequence[str]) -> Figure:
    with style():
        figure = new_figure(3.0, HALF_WIDTH)
        axes = figure.add_subplot()
        lines = len(names) - 2
        points = [(skill.pofd.value, skill.pod.value) for skill in test.whole]
        axes.plot(*zip(*points[:lines]), color=BLUE, marker="o", label="thresholds")
        # Lines between the first and the last may lie close together.
        for at in sorted({0, lines - 1}):
            (x, y), probability = points[at], test.rules[at][1]
            axes.annotate(f"{probability:g} %", (x, y), (4, -9), textcoords="offset points", fontsize=7, color=SOFT)
        axes.plot(*points[-2], color=GREEN, marker="D", linestyle="", label="threshold, best score")
        axes.plot(*points[-1], color=VERMILION, marker="s", linestyle="", label="daily rain")
        axes.plot([0, 1], [0, 1], color=RULE, zorder=0)
        axes.set(xlabel="POFD", ylabel="POD", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="lower right")
    return figure


def _year_figure(test: TestResult) -> Figure:
    cases, warned = test.cases, test.rules[0][2]
    years = np.arange(int(cases.year.min()), int(cases.year.max()) + 1)

    def counts(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(cases.year[chosen] - years[0], minlength=len(years))

    hits, misses = counts(cases.landslide & warned), counts(cases.landslide & ~warned)
    false = counts(~cases.landslide & warned)
    with style():
        figure = new_figure(3.0, HALF_WIDTH)
        axes = figure.add_subplot()
        axes.bar(years - 0.2, hits, 0.38, color=BLUE, label="hits")
        axes.bar(years - 0.2, misses, 0.38, bottom=hits, color=ORANGE, label="misses")
        axes.bar(years + 0.2, false, 0.38, color=_GREY, label="false alarms")
        axes.set_ylabel("Number")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncol=3)
    return figure


def _add_data(page: Page, inventory: Inventory, study: Study) -> None:
    heading = "Landslides and rain"
    rows = [[text[0].upper() + text[1:], count] for text, count in inventory.counts.items()]
    page.table(heading, ("Landslides", "Number"), rows)
    no_rain = ~study.known & (study.wet_day != UNKNOWN_EVENT)
    places = "cells" if study.daily.is_raster else "gauges"
    unknown = float(np.isnan(study.daily.rain).mean())
    values: dict[str, Any] = {
        "Record of rain": f"{as_text(study.daily.first_day)} to {as_text(study.daily.last_day)}",
        f"{places.capitalize()} with landslides": len(study.daily.names),
        "Days without a value": percent(unknown, 1),
        "Rain events": len(study.events),
        "Landslide days (one place, zone and day)": len(study.place),
        "of these without a rain event": int(no_rain.sum()),
        "of these with unknown rain": int((study.wet_day == UNKNOWN_EVENT).sum()),
    }
    if len(inventory.distances):
        middle, far = np.quantile(inventory.distances, [0.5, 1.0])
        values["Distance to the gauge, median and largest (m)"] = f"{middle:,.0f}, {far:,.0f}"
    page.settings(heading, values)
