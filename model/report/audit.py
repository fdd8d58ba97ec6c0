"""The report of an audit, for reviewers of other people's maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..audit.claims import FLAW, NOT_SUPPORTED, SUPPORTED, WEAKLY, Claim, Finding, signed
from ..audit.judge import Measured
from ..audit.result import AuditResult
from ..parameter_names import for_report
from ..progress import Progress
from ..statistics import Estimate
from ..validation.settings import no_test_text
from ..zones.schemes import zone_colours
from . import charts
from .page import MISSING, Page, css_colour, interval_sentence, interval_text, percent, ratio_text

_VERDICT_COLOURS = {SUPPORTED: "#009e73", WEAKLY: "#9bd4be", NOT_SUPPORTED: "#d55e00"}
_UNTOLD_COLOUR = "#b8bfc6"
MOST_FACTORS = 25
MOST_REGIONS = 40


def audit_page(
    names: tuple[str, str],
    result: AuditResult,
    found: Sequence[Finding],
    uses: Sequence[Claim],
    sources: Mapping[str, str],
    settings: Mapping[str, Any],
    warnings: Sequence[str],
    progress: Progress,
) -> Page:
    """Return the report.

    Args:
        names: of the map and of the layer of landslides.
        result: of the audit.
        found: findings, flaws first.
        uses: claims with what the numbers say about each.
        sources: where slope and elevation come from.
        settings: for the list at the end.
    """
    page = Page("Audit of a susceptibility map", f"{names[0]}, judged by {names[1]}", progress, warnings)
    with charts.style():
        _add_summary(page, result, found)
        _add_claims(page, uses)
        _add_negatives(page, result)
        _add_splits(page, result)
        _add_closeness(page, result)
        _add_zones(page, result)
        _add_baselines(page, result, sources)
        _add_regions(page, result)
        _add_factors(page, result)
    _add_method(page, result)
    page.settings("Settings", settings)
    return page


def _add_summary(page: Page, result: AuditResult, found: Sequence[Finding]) -> None:
    auc, negatives = result.auc.estimate(), result.negatives
    flaws = [one for one in found if one.level == FLAW]
    cautions = len(found) - len(flaws)
    cards: list[tuple[str, Any, str]] = [
        ("Flaws found", len(flaws), f"And {cautions} caution{'' if cautions == 1 else 's'}; see below."),
        ("AUC", f"{auc.value:.3f}", f"{interval_sentence(auc)}Landslides against all other land, by area."),
    ]
    if negatives.hard is not None:
        hard = negatives.hard.estimate()
        text = f"{interval_sentence(hard)}Against land of the same slope: the skill beyond steepness."
        cards.append(("AUC, same slope", f"{hard.value:.3f}", text))
    elif negatives.near is not None and negatives.near.landslides:
        near = negatives.near.estimate()
        text = f"{interval_sentence(near)}Against land within {result.distance:,.0f} m of a landslide."
        cards.append(("AUC, near land", f"{near.value:.3f}", text))
    page.key_numbers(cards)
    if not found:
        page.text("Findings", "No flaw was found. That is no proof that there is none.")
        return
    rows = [[one.level, one.title, for_report(one.text)] for one in found]
    colours = [_VERDICT_COLOURS[NOT_SUPPORTED] if one.level == FLAW else _UNTOLD_COLOUR for one in found]
    note = "" if flaws else "No flaw was found. That is no proof that there is none."
    page.table("Findings", ("Level", "Finding", "What the numbers say"), rows, note, colours)


def _add_claims(page: Page, uses: Sequence[Claim]) -> None:
    rows = [[one.verdict, one.use, for_report(one.why)] for one in uses]
    colours = [_VERDICT_COLOURS.get(one.verdict, _UNTOLD_COLOUR) for one in uses]
    note = (
        "Supported: the 95 % interval is on the right side of chance, or of the other map; weakly, if the AUC is "
        "below 0.6 all the same. Not supported: it is not, "
        "though there are landslides enough for a test. Cannot be told: too few of them, or an input is missing."
    )
    page.table("Which claims the numbers support", ("Verdict", "Claim", "Why"), rows, note, colours)


def _add_negatives(page: Page, result: AuditResult) -> None:
    heading = "What the AUC is owed to"
    negatives = result.negatives
    kinds = [*negatives.definitions, *negatives.rings]
    chart = [(one.title, one.auc) for one in negatives.definitions]
    chart += [(f"Ring {one.title}", one.auc) for one in negatives.rings]
    stated = result.stated_auc
    page.figure(
        heading,
        _dots(chart, stated, "AUC"),
        "AUC of the same map against different other land, with 95 % intervals. The dotted line is chance"
        + (", the dashed one the stated AUC." if stated is not None else "."),
    )
    rows = [
        [one.title, percent(one.auc.share, 1), f"{one.auc.value:.3f}", interval_text(one.auc.estimate())]
        for one in kinds
        if one.auc.landslides
    ]
    note = (
        "All landslides, against other land of each kind. Rings are distances to the nearest landslide. The land of "
        "the same slope or elevation is compared with landslides of the same twentieth."
    )
    page.table("", ("Other land", "Share of it", "AUC", "95 % interval"), rows, note)
    parts = [
        [one.title, percent(one.share, 1), f"{one.auc.value:.3f}", percent(one.of_skill, 0)] for one in negatives.parts
    ]
    page.table(
        "",
        ("Part of the land", "Share", "AUC", "Share of the skill"),
        parts,
        "The AUC against all other land is the mean of these by area, so the shares of the skill (AUC less 0.5) add "
        "up. " + _flat_note(result),
    )


def _flat_note(result: AuditResult) -> str:
    limit = result.negatives.flat_limit
    if not np.isfinite(limit):
        return "Give DEM or STACK to tell flat land, the easiest negatives, from the rest."
    slope = f"{limit:.1f}{result.negatives.slope_unit}"
    return f"Flat is land of up to {slope}, on which 5 % of the landslides lie: any slope map leaves it out."


def _add_splits(page: Page, result: AuditResult) -> None:
    heading = "Random split and blocks of land"
    if not result.splits.rows:
        page.text(heading, result.splits.why_none)
        return
    rows = [
        [
            row.title,
            f"{row.random.value:.3f}",
            f"{row.blocks.value:.3f}",
            interval_text(row.blocks.estimate()),
            *_difference(row.gap),
        ]
        for row in result.splits.rows
    ]
    near = result.splits.of("nearness")
    page.table(
        heading,
        ("What is fitted", "AUC, random folds", "AUC, blocks", "95 % interval", "Random less blocks", "95 % interval"),
        rows,
        "Five folds each; blocks are whole. The map is fixed, so what is fitted on top of it is validated.",
    )
    if near is not None:
        page.text(
            "",
            f"Here a random split gives an AUC of {near.random.value:.3f} to a map that knows nothing but where the "
            f"other landslides are; by blocks it has {near.blocks.value:.3f}. An AUC from a random split that is not "
            f"well above {near.random.value:.2f} shows nothing in this area.",
        )


def _add_closeness(page: Page, result: AuditResult) -> None:
    heading = "Memory of the landslides"
    close = result.closeness
    whose = "landslides that the map was made from" if close.of_training else "landslides"
    peaks, halo = close.peaks.estimate("difference"), close.halo.estimate()
    page.text(
        heading,
        f"If a map holds what is known of the land, {whose} lie anywhere on land of equal value. Around them "
        f"{percent(close.peak_landslides, 1)} of the land within {close.radius:,.0f} m is less susceptible, around "
        f"other land of the same value {percent(close.peak_alike, 1)}: {signed(peaks)}, where 0 is no memory.",
        f"Other land of the same value is nearer to a landslide than landslides are to each other in "
        f"{percent(halo.value, 0)} of the comparisons ({interval_text(halo, 2)}), where at most half is no memory. "
        f"Median distances: {close.median_alike:,.0f} m and {close.median_own:,.0f} m.",
    )
    if close.fit is None or close.test is None or close.gap is None or close.nearness is None:
        page.text("", "Give LANDSLIDES_TRAINING to compare landslides that made the map with those that did not.")
        return
    rows = [["Landslides of the training", close.fit.landslides, *_cells(close.fit)]]
    rows.append(["Landslides of the test", close.test.landslides, *_cells(close.test)])
    rows += [
        [f"Test, {one.title} from the training", one.auc.landslides, *_cells(one.auc)] for one in close.classes or []
    ]
    rows.append(["Nearness to the training alone, at the test", close.nearness.landslides, *_cells(close.nearness)])
    page.table(
        "",
        ("Judged at", "Landslides", "AUC", "95 % interval"),
        rows,
        f"Half of the test landslides lie within {close.median_to_training:,.0f} m of one of the training, "
        f"{percent(close.within, 0)} within {result.distance:,.0f} m, {percent(close.same_cell, 0)} in its cell or "
        "the next. By distance, other land at the same distance from the training is compared.",
    )


def _cells(measured: Measured) -> list[str]:
    value = f"{measured.value:.3f}" if np.isfinite(measured.value) else MISSING
    return [value, interval_text(measured.estimate())]


def _difference(measured: Measured) -> list[str]:
    """Return a difference of AUCs and its interval, for two cells."""
    estimate = measured.estimate("difference")
    ends = f"{estimate.low:+.3f} – {estimate.high:+.3f}" if estimate.has_interval else MISSING
    return [f"{estimate.value:+.3f}" if np.isfinite(estimate.value) else MISSING, ends]


def _add_zones(page: Page, result: AuditResult) -> None:
    heading = "Zones"
    zones = result.zones
    order = zones.in_order.estimate()
    of_zones = zone_colours(len(zones.rows))
    colours = [css_colour(of_zones[number]) for number in range(1, len(zones.rows) + 1)]
    page.figure(
        heading,
        charts.zone_chart(zones.rows, colours),
        "Density of landslides in each zone over that of the map, with 95 % intervals.",
    )
    rows = [
        [
            one.name,
            one.landslides,
            percent(one.area_share, 1),
            percent(one.landslide_share.value, 1),
            ratio_text(one.frequency_ratio.value),
            interval_text(one.frequency_ratio, 2),
            _p(one.p_rise) if number else MISSING,
        ]
        for number, one in enumerate(zones.rows)
    ]
    columns = ("Zone", "Landslides", "Area", "Of the landslides", "Ratio", "95 % interval", "p of the rise")
    note = (
        f"Zones are {zones.made}. The p is one-sided: the chance of such a rise from the zone below between zones of "
        f"equal density; a dash where it does not rise, or no test is possible. AUC of the zones as they are ordered: "
        f"{order.value:.3f} ({interval_text(order)})."
    )
    page.table("", columns, rows, note, colours)


def _p(value: float) -> str:
    if not np.isfinite(value):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _add_baselines(page: Page, result: AuditResult, sources: Mapping[str, str]) -> None:
    heading = "Against maps that cost nothing"
    if not result.baselines:
        page.text(heading, "Give DEM, or a STACK with slope, to compare the map with slope alone.")
        return
    rows = [
        [row.title, *_cells(row.auc), f"{row.map_auc.value:.3f}", *_difference(row.difference)]
        for row in result.baselines
    ]
    named = "; ".join(f"{key} from {source}" for key, source in sources.items())
    columns = ("Baseline", "AUC", "95 % interval", "The map", "Map less baseline", "95 % interval")
    page.table(heading, columns, rows, f"At the same cells and in the same resamples: {named}.")


def _add_regions(page: Page, result: AuditResult) -> None:
    heading = "By region"
    if not result.regions:
        page.text(heading, "Give REGIONS to see whether the map holds everywhere.")
        return
    shown = result.regions[:MOST_REGIONS]
    zones = [row.zone for row in result.zones.rows]
    rows = [
        [
            one.name,
            one.landslides,
            percent(one.area, 1),
            *_cells(one.auc),
            one.state,
            *[ratio_text(one.zone_ratio.get(zone, float("nan"))) for zone in (zones[0], zones[-1])],
            percent(one.outside, 0),
        ]
        for one in shown
    ]
    columns = (
        "Region",
        "Landslides",
        "Area",
        "AUC",
        "95 % interval",
        "Above chance",
        "Lowest zone",
        "Highest",
        "Unlike",
    )
    note = (
        "Landslides of a region against its other land. Lowest and highest zone: their density of landslides over "
        "that of the region. Unlike: share of its land outside the area of applicability, with STACK."
    )
    known = [(one.name, one.auc) for one in shown if np.isfinite(one.auc.value)]
    if known:
        page.figure(heading, _dots(known, result.auc.value, "AUC"), "AUC by region; dashed: the whole map.")
    page.table(heading, columns, rows, note)


def _add_factors(page: Page, result: AuditResult) -> None:
    heading = "Factors and applicability"
    if not result.factors:
        page.text(
            heading, "Give STACK to look for factors that give landslides away and for land that is unlike theirs."
        )
        return
    rows = [
        [
            one.name,
            *_cells(one.auc),
            MISSING if np.isnan(one.correlation) else f"{one.correlation:+.2f}",
            "yes" if one.leaks else "no",
        ]
        for one in result.factors[:MOST_FACTORS]
    ]
    note = (
        "Each factor alone, in its better direction; classes by their landslides in other blocks. Rank correlation "
        "with the distance to the nearest landslide. A factor that follows this distance, or tells landslides nearly "
        "perfectly, was made from them."
    )
    page.table(heading, ("Factor", "AUC alone", "95 % interval", "With distance", "Leaks"), rows, note)
    if result.applicability is not None:
        land = result.applicability
        page.text(
            "",
            f"{percent(land.known_share, 0)} of the land lies within {land.reach:,.0f} m of a landslide. "
            f"{percent(land.outside, 1)} of all land is outside the area of applicability of that land, all factors "
            "alike.",
        )


def _add_method(page: Page, result: AuditResult) -> None:
    side = f"{result.block_side_m:,.0f} m"
    blocks = (
        f"Intervals resample blocks of land {side} wide, {result.independent:,} of which hold landslides, because "
        "landslides near each other resemble each other. All numbers share the resamples, so differences are paired."
    )
    if not result.sure:
        blocks += f" Landslides resemble each other over {result.resemblance:,.0f} m, so the intervals are too narrow."
    elif not result.testable:
        blocks += f" {no_test_text(result.independent)} The intervals are too narrow."
    page.text(
        "How this was computed",
        "The AUC against all other land takes every cell of the map. All other numbers take a sample of it, seeded by "
        f"SEED, with more cells within {result.distance:,.0f} m of landslides, each weighing as the land that it "
        "stands for.",
        blocks,
        "The audit sees the map and the inventory, not the work behind them. A landslide that was never mapped counts "
        "as other land; an inventory that was mapped from roads favours maps that know the roads.",
    )


def _dots(rows: Sequence[tuple[str, Measured]], line: float | None, label: str) -> Figure:
    known = [(title, one.estimate()) for title, one in rows if np.isfinite(one.value)]
    figure = charts.new_figure(0.7 + 0.235 * len(known))
    axes = figure.subplots()
    places = np.arange(len(known))
    values, low, high = (np.array(column) for column in zip(*(_ends(one) for _, one in known)))
    axes.errorbar(values, places, xerr=[values - low, high - values], fmt="o", color=charts.BLUE, capsize=2.5, ms=4)
    axes.axvline(0.5, color=charts.SOFT, linewidth=0.9, linestyle=":")
    if line is not None:
        axes.axvline(line, color=charts.VERMILION, linewidth=1, linestyle="--")
    axes.set_yticks(places, [charts.escape_mathtext(charts.shorten(title, 62)) for title, _ in known])
    axes.invert_yaxis()
    axes.set_xlim(min(0.45, float(low.min()) - 0.02), 1.0)
    axes.set_xlabel(label)
    axes.grid(False, axis="y")
    return figure


def _ends(one: Estimate) -> tuple[float, float, float]:
    return (one.value, one.low, one.high) if one.has_interval else (one.value, one.value, one.value)
