"""The report of an explanation: its page, figures and sentences, and all its numbers as one table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..components import TITLE
from ..explanation.dominant_factor import DominanceStatistics, factor_colour
from ..explanation.explained_model import ExplainedModel
from ..explanation.importance import MIN_ASSOCIATION, FactorAssociation, PermutationImportance, Skill
from ..explanation.response import AGAINST, EXPECTED, FLAT_CHANGE, NOT_ASSESSED, RISES, CurveAssessment, ResponseCurve
from ..progress import Progress
from ..statistics import Estimate
from .charts import BLUE, HALF_WIDTH, INK, PAGE_WIDTH, SOFT, VERMILION, escape_mathtext, new_figure, shorten, style
from .maps import MapImage, draw_cells, draw_scale_bar, legend_patch
from .page import Page, css_colour, percent


@dataclass
class Explanation:
    """All results of an explanation."""

    explained: ExplainedModel
    skill: Skill
    importance: list[PermutationImportance]  # of single factors in the model's order, then of associated groups
    curves: list[ResponseCurve]  # in the model's order; an embedding has none
    associations: list[FactorAssociation]
    assessments: list[CurveAssessment]
    dominance: DominanceStatistics
    sample: dict[str, Any]
    """``blocks``, ``of``, ``side`` in metres, ``landslide`` and ``stable`` cells, ``response_blocks``,
    ``references``, ``repeats``."""
    warnings: list[str] = field(default_factory=list)
    image: MapImage | None = None  # of the dominant factor, when it was computed for the whole area

    @property
    def ranking(self) -> list[PermutationImportance]:
        """Single factors, the most important first."""
        return sorted((one for one in self.importance if len(one.factors) == 1), key=lambda one: -one.auc_drop.value)

    def title(self, importance: PermutationImportance) -> str:
        """Return the title of a factor, or of several."""
        return " + ".join(self.explained.titles[number] for number in importance.factors)


def format_estimate(estimate: Estimate, digits: int = 3) -> str:
    """Return a number with its interval, with typographic minus signs."""
    # Adding 0 turns a rounded −0 into 0.
    value, low, high = (round(one, digits) + 0.0 for one in (estimate.value, estimate.low, estimate.high))
    text = f"{value:.{digits}f}" + (f" ({low:.{digits}f} to {high:.{digits}f})" if estimate.has_interval else "")
    return text.replace("-", "−")


def _format_value(value: float) -> str:
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")


# The table of all numbers

COLUMNS = ("part", "factor", "at", "measure", "value", "low", "high", "cells", "text")


def explanation_rows(explanation: Explanation) -> list[list[Any]]:
    """Return all numbers, one per row: part of the report, factor, value or class, measure, number and interval."""
    names = explanation.explained.names
    skill = explanation.skill
    rows = [_row("map", "", None, "auc", skill.auc), _row("map", "", None, "log_loss", skill.loss)]
    for group in explanation.importance:
        name = " + ".join(names[number] for number in group.factors)
        rows.append(_row("importance", name, None, "auc_fall", group.auc_drop))
        rows.append(_row("importance", name, None, "log_loss_rise", group.loss_increase))
    rows += [
        _row("association", f"{names[pair.first]} + {names[pair.second]}", None, pair.measure, pair.value)
        for pair in explanation.associations
    ]
    for curve in explanation.curves:
        rows += _curve_rows(curve, names[curve.factor])
    for one in explanation.assessments:
        span = f"{one.low:.6g} to {one.high:.6g}"
        rows.append(_row("plausibility", names[one.factor], span, "change", one.change, None, one.verdict))
    dominance = explanation.dominance
    for number, name in enumerate(names):
        rows.append(_row("leading", name, None, "area_share", dominance.share[number]))
        rows.append(_row("leading", name, None, "raising_share", dominance.raising_share[number]))
        rows.append(_row("leading", name, None, "mean_contribution", dominance.mean_absolute[number]))
    return rows


def _curve_rows(curve: ResponseCurve, name: str) -> list[list[Any]]:
    observed = curve.observed
    values: Sequence[Any] = curve.labels or curve.values.tolist()
    means = zip(values, curve.mean.tolist(), curve.low.tolist(), curve.high.tolist())
    rows = [_row("response", name, at, "susceptibility", Estimate(mean, low, high)) for at, mean, low, high in means]
    spans = curve.labels or [f"{low:.6g} to {high:.6g}" for low, high in zip(observed.edges, observed.edges[1:])]
    for index, span in enumerate(spans):
        share = Estimate(float(observed.share[index]), float(observed.low[index]), float(observed.high[index]))
        rows.append(_row("observed", name, span, "landslide_share", share, int(observed.cells[index])))
        rows.append(_row("observed", name, span, "area_share", observed.area[index]))
    return rows


def _row(part: str, factor: str, at: Any, measure: str, number: Estimate | float, *more: Any) -> list[Any]:
    """Return a row of the table; ``more`` are the cells counted and a text."""
    if not isinstance(number, Estimate):
        return [part, factor, at, measure, float(number), None, None, None, None]
    return [part, factor, at, measure, number.value, number.low, number.high, *more, *[None] * (2 - len(more))]


# Figures; to be made within ``charts.style``

_BARS, _GROUP = "#8fb8cf", "#c3ccd4"


def _error_bars(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.maximum([values - low, high - values], 0))


def _importance_chart(importances: Sequence[PermutationImportance], names: Sequence[str]) -> Figure:
    figure = new_figure(0.75 + 0.25 * len(importances))
    axes = figure.subplots()
    places = np.arange(len(importances))[::-1]
    drops = [one.auc_drop for one in importances]
    values, low, high = np.array([(drop.value, drop.low, drop.high) for drop in drops]).T
    axes.barh(places, values, color=[BLUE if len(one.factors) == 1 else _GROUP for one in importances], height=0.62)
    bars = {"fmt": "none", "ecolor": INK, "elinewidth": 1, "capsize": 2.5}
    axes.errorbar(values, places, xerr=_error_bars(values, low, high), **bars)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.set_yticks(places, [escape_mathtext(shorten(name, 44)) for name in names])
    axes.set_xlabel("Drop in AUC when the factor is permuted")
    axes.grid(False, axis="y")
    axes.set_ylim(-0.6, len(importances) - 0.4)
    return figure


def _dominant_factor_map(image: MapImage, names: Sequence[str], dominance: DominanceStatistics) -> Figure:
    width = 3.9
    figure = new_figure(float(np.clip(width * image.height_ratio, 1.8, 6.5)))
    axes, beside = figure.subplots(1, 2, gridspec_kw={"width_ratios": (width, PAGE_WIDTH - width)})
    colours = [css_colour(factor_colour(number)) for number in range(len(names))]
    cells = np.ma.masked_invalid(np.where(image.cells > 0, image.cells, np.nan))
    norm = BoundaryNorm(np.arange(0.5, len(names) + 1), len(names))
    draw_cells(axes, image, cells, cmap=ListedColormap(colours), norm=norm)
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    draw_scale_bar(axes, image)
    share = dominance.share
    handles = [
        legend_patch(colours[number], f"{shorten(names[number], 26)}  {100 * share[number]:.1f} %")
        for number in np.argsort(-share, kind="stable")
        if share[number] >= 0.0005
    ]
    beside.legend(handles=handles, loc="upper left", borderaxespad=0)
    beside.axis("off")
    return figure


def _response_chart(curve: ResponseCurve, title: str, unit: str) -> Figure:
    figure = new_figure(2.45, HALF_WIDTH)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    observed = curve.observed
    upper.fill_between(curve.values, *curve.spread, color=BLUE, alpha=0.1, linewidth=0)
    upper.fill_between(curve.values, curve.low, curve.high, color=BLUE, alpha=0.35, linewidth=0)
    upper.plot(curve.values, curve.mean, color=BLUE, marker="o" if len(curve.values) == 1 else None)
    middle = (observed.edges[1:] + observed.edges[:-1]) / 2
    other = upper.twinx()
    line = {"color": VERMILION, "marker": "s", "markersize": 3, "linewidth": 0.9, "linestyle": ":"}
    ends = _error_bars(observed.share, observed.low, observed.high)
    other.errorbar(middle, observed.share, yerr=ends, elinewidth=0.8, capsize=1.5, **line)
    upper.set(title=escape_mathtext(shorten(title, 40)), ylim=(0, 1))
    upper.tick_params(axis="y", colors=BLUE, labelsize=7)
    shown = np.isfinite(observed.share)
    _scale_observed(other, other.yaxis, np.concatenate([observed.share[shown], (observed.share + ends[1])[shown]]))
    lower.bar(middle, observed.area, width=np.diff(observed.edges) * 0.94 if len(middle) > 1 else 1.0, color=_BARS)
    lower.set_yticks([])
    lower.grid(False)
    lower.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    lower.set_xlabel(escape_mathtext(unit or "value"))
    lower.set_ylabel("area", fontsize=7)
    return figure


def _class_response_chart(curve: ResponseCurve, title: str) -> Figure:
    count, observed = len(curve.values), curve.observed
    figure = new_figure(max(1.5, 0.95 + 0.2 * count), HALF_WIDTH)
    axes = figure.subplots()
    places = np.arange(count)[::-1]
    axes.barh(places, curve.mean, color=_BARS, height=0.66)
    ends = _error_bars(curve.mean, curve.low, curve.high)
    axes.errorbar(curve.mean, places, xerr=ends, fmt="none", ecolor=BLUE, elinewidth=1.6)
    other = axes.twiny()
    ends = _error_bars(observed.share, observed.low, observed.high)
    squares = {"fmt": "s", "color": VERMILION, "markersize": 3.5, "elinewidth": 0.8, "capsize": 1.5}
    other.errorbar(observed.share, places, xerr=ends, **squares)
    axes.set(title=escape_mathtext(shorten(title, 40)))
    texts = [f"{shorten(label, 24)} {100 * area:.0f} %" for label, area in zip(curve.labels, observed.area)]
    axes.set_yticks(places, [escape_mathtext(text) for text in texts], fontsize=7)
    axes.set_xlim(0, 1)
    axes.grid(False, axis="y")
    axes.tick_params(axis="x", colors=BLUE, labelsize=7)
    _scale_observed(other, other.xaxis, np.concatenate([observed.share, observed.high]))
    return figure


def _scale_observed(other: Axes, axis: Axis, values: np.ndarray) -> None:
    """Set the axis of the observed share from 0 to a little over the largest value, without lines of its own."""
    top = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    set_limits = other.set_xlim if axis is other.xaxis else other.set_ylim
    set_limits(0, 1.08 * top if top > 0 else 1)
    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
    other.tick_params(colors=VERMILION, labelsize=7)
    other.grid(False)


# The page


def explanation_page(
    explanation: Explanation, stack_name: str, settings: Mapping[str, Any], progress: Progress
) -> Page:
    """Return the report.

    Args:
        settings: of the run, by name; ``None`` values are left out.
    """
    subtitle = f"{explanation.explained.name} on {stack_name}"
    page = Page("What drives the map", subtitle, progress, explanation.warnings)
    ranking, skill = explanation.ranking, explanation.skill
    verdicts = [one.verdict for one in explanation.assessments]
    needed = sum(one.auc_drop.has_interval and one.auc_drop.low > 0 for one in ranking)
    best, auc = format_estimate(ranking[0].auc_drop), format_estimate(skill.auc)
    agreeing = f"{verdicts.count(EXPECTED)} of {len(verdicts)}" if verdicts else "–"
    on_labels = f"On the labels of {explanation.sample['blocks']:,} blocks: {auc}."
    numbers = [
        ("Most important factor", explanation.title(ranking[0]), f"Drop in AUC when it is permuted: {best}."),
        ("AUC of the map", round(skill.auc.value, 3), on_labels),
        ("Clearly needed", f"{needed} of {len(ranking)}", "Factors whose interval of the drop lies above 0."),
        ("As expected", agreeing, "Factors with a known effect that the map agrees with."),
    ]
    page.key_numbers(numbers)
    with style():
        for add in (_add_importance, _add_plausibility, _add_responses, _add_dominant_factor):
            add(page, explanation)
    page.text("Method", *_method(explanation))
    page.settings("Run record", {name: value for name, value in settings.items() if value is not None})
    return page


def _add_importance(page: Page, explanation: Explanation) -> None:
    groups = [one for one in explanation.importance if len(one.factors) > 1]
    shown = sorted(explanation.ranking + groups, key=lambda one: -one.auc_drop.value)
    names = [explanation.title(one) for one in shown]
    page.figure(
        "Importance of the factors",
        _importance_chart(shown, names),
        "Drop in AUC when a factor is permuted among blocks, with its 95 % interval. Grey: associated factors, "
        "permuted together.",
    )
    page.table(
        "",
        ["Factor", "Drop in AUC (95 % interval)", "Increase of log loss (95 % interval)"],
        [[name, format_estimate(one.auc_drop), format_estimate(one.loss_increase)] for name, one in zip(names, shown)],
        "0: the map would be as good with the factor in random order. Below 0: chance, or the factor misleads. It is "
        "what this model uses, not what causes landslides.",
    )
    if not explanation.associations:
        text = (
            f"No two factors have an association of {MIN_ASSOCIATION:g} or more, so the importance of each can be read "
            "by itself."
        )
        page.text("Associated factors", text)
        return
    measures, titles = {"Spearman": "Spearman's ρ", "Cramér": "Cramér's V"}, explanation.explained.titles
    pairs = []
    for one in explanation.associations:
        value = f"{one.value:.2f}".replace("-", "−")
        pairs.append(f"{titles[one.first]} and {titles[one.second]} ({measures[one.measure]} {value})")
    note = "They share their importance, in a way that another training may change."
    if groups:
        note = (
            "The model needs only one of several factors with the same information, so each alone seems less important "
            "than it is, and they share their importance in a way that another training may change. The grey bar shows "
            "what they are worth together; it can be less than one of them alone, because factors permuted together "
            "still fit each other."
        )
    page.text("Associated factors", f"{'; '.join(pairs)}.", note)


def _add_plausibility(page: Page, explanation: Explanation) -> None:
    if not explanation.assessments:
        page.text("Plausibility", "None of the factors has a known effect to compare with.")
        return
    specs, titles = explanation.explained.specs, explanation.explained.titles
    rows = []
    for one in explanation.assessments:
        unit, expected, span = specs[one.factor].unit, one.expectation, ""
        if math.isfinite(expected.low) and math.isfinite(expected.high):
            span = f" between {expected.low:g} and {expected.high:g} {unit}".rstrip()
        pairs = [{pair.first, pair.second} for pair in explanation.associations]
        associated = [titles[(pair - {one.factor}).pop()] for pair in pairs if one.factor in pair]
        expectation = f"Susceptibility {expected.direction}{span}. {expected.why}"
        rows.append([titles[one.factor], expectation, one.verdict, _describe_assessment(one, unit, associated)])
    page.table(
        "Plausibility",
        ["Factor", "Expected", "Assessment", "Response of the map"],
        rows,
        f"A curve that moves less than {FLAT_CHANGE:g} is called flat; one whose interval includes 0, unclear. The "
        "interval is for other blocks of this area; another training is a further uncertainty.",
    )


def _describe_assessment(assessment: CurveAssessment, unit: str, associated: Sequence[str]) -> str:
    """Return how map and observed landslides respond over the range of a factor, with numbers."""
    if assessment.verdict == NOT_ASSESSED:
        return f"Not assessed: {assessment.reason}."
    span = f"From {_format_value(assessment.low)} to {_format_value(assessment.high)} {unit}".rstrip()
    moved = "rises" if assessment.change.value > 0 else "falls"
    text = (
        f"{span} it {moved} from {assessment.start:.2f} to {assessment.end:.2f}: a change of "
        f"{format_estimate(assessment.change, 2)}."
    )
    if assessment.non_monotonic:
        text += " The curve is not monotonic, so look at it."
    low, high = assessment.observed
    if not (math.isfinite(low) and math.isfinite(high)):
        return text
    text += (
        f" Landslides are {percent(low, 1)} of the labelled cells in the lower third of that range, {percent(high, 1)} "
        "in the upper."
    )
    if assessment.verdict == AGAINST and (high > low) == (assessment.expectation.direction == RISES):
        others = " and ".join(associated) or "other factors"
        text += f" So the observations are as expected and the map is not: {others} may account for its effect."
    elif assessment.verdict == AGAINST:
        text += " So the observations here are not as expected either."
    return text


def _add_responses(page: Page, explanation: Explanation) -> None:
    page.text(
        "Response to each factor",
        "Blue, left or lower scale: mean susceptibility of the blocks when every cell has that value, with its "
        "95 % interval (dark) and the range of the middle 80 % of the cells (light). Vermilion, right or upper "
        "scale: landslide cells among the labelled cells that do have it. Below, or behind a class: share of the "
        "area. Where the two differ, the factor is associated with others that have the effect.",
    )
    curves = {curve.factor: curve for curve in explanation.curves}
    for one in explanation.ranking:
        number = one.factors[0]
        curve, title = curves.get(number), explanation.explained.titles[number]
        if curve is None:
            continue
        if curve.is_categorical:
            figure = _class_response_chart(curve, title)
        else:
            figure = _response_chart(curve, title, explanation.explained.specs[number].unit)
        page.figure("", figure, f"{curve.left_out} smaller classes not shown." if curve.left_out else "", half=True)


def _add_dominant_factor(page: Page, explanation: Explanation) -> None:
    dominance, titles = explanation.dominance, explanation.explained.titles
    blocks = explanation.sample["response_blocks"]
    where = f"{blocks} blocks of the area" if explanation.image is None else "the whole area"
    text = (
        f"The dominant factor of a cell is the one that adds or takes most compared with typical land of the area "
        f"(Shapley values of the logit), here over {where}. It shows what distinguishes a place from the rest of this "
        "area, so a factor that is the same everywhere dominates nowhere."
    )
    if explanation.image is None:
        page.text("Dominant factor", text + " For a map of it, set OUTPUT_LEADING.")
    else:
        page.figure("Dominant factor", _dominant_factor_map(explanation.image, titles, dominance), text)
    order = [int(number) for number in np.argsort(-dominance.share, kind="stable")]
    rows = []
    for number in order:
        share, raising = float(dominance.share[number]), float(dominance.raising_share[number])
        raises = percent(raising, 0) if share > 0 else "–"
        rows.append([titles[number], percent(share, 1), raises, float(dominance.mean_absolute[number])])
    page.table(
        "",
        ["Factor", "Dominant in", "Raises there", "Mean contribution (logit)"],
        rows,
        "Dominant in: share of the area. Raises there: share of those cells in which it raises the susceptibility; in "
        "the others it lowers it. Mean contribution: of its absolute value, over all cells.",
        swatches=[css_colour(factor_colour(number)) for number in order],
    )


def _method(explanation: Explanation) -> Sequence[str]:
    sample, explained = explanation.sample, explanation.explained
    whole = [
        f"{TITLE}: their {len(rows)} components are one factor, permuted and added together. They have no response "
        "curve, for their axes have no meaning one by one."
        for number, rows in enumerate(explained.members)
        if explained.is_embedding(number)
    ]
    stratified = ", half of the blocks with landslides as far as there are, weighted back to the area"
    return (
        f"Sample: the labelled cells of {sample['blocks']:,} of {sample['of']:,} blocks of {sample['side']:,.0f} m, "
        f"{sample['landslide']:,} landslide and {sample['stable']:,} stable cells"
        f"{stratified if sample['blocks'] < sample['of'] else ''}.",
        f"Importance: {sample['repeats']} times one factor is permuted among whole blocks, with its texture and with "
        "its surroundings at the place that it comes from, so that the network sees real land (after Breiman 2001). "
        "Where the other place has no data, the nearest value is used. Intervals: percentiles over the permutations "
        "and over resampled blocks (block bootstrap).",
        *whole,
        f"Curves: partial dependence (Friedman 2001) in {sample['response_blocks']} of the blocks. A value set "
        "everywhere can be one that the surroundings never have, above all for associated factors.",
        f"Dominant factor: Shapley values against {sample['references']} baselines whose values are spread evenly "
        "over those of the area; they sum to the logit of the cell minus the mean logit of the baselines (after "
        "Štrumbelj and Kononenko 2014).",
    )
