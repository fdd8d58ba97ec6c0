"""What was found, in sentences.
The numbers of an explanation as one table.
Figures of an explanation: importance, responses, the leading factor. Call them within ``report.figures.style``.
The report of an explanation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..explanation.dominant_factor import DominanceStatistics, factor_colour
from ..explanation.explained_model import ExplainedModel
from ..explanation.importance import MIN_ASSOCIATION, FactorAssociation, PermutationImportance, Skill
from ..explanation.response import AGAINST, FLAT_CHANGE, NOT_ASSESSED, RISES, CurveAssessment, ResponseCurve
from ..progress import Progress
from ..statistics.intervals import Estimate
from .charts import BLUE, INK, PAGE_WIDTH, SOFT, VERMILION, escape_mathtext, new_figure, shorten, style
from .maps import MapImage, draw_scale_bar
from .page import Page, css_colour, percent


def format_estimate(estimate: Estimate, digits: int = 3) -> str:
    """Return a number with its interval, minus signs as they are printed."""
    # Adding 0 turns a rounded −0 into 0.
    value, low, high = (round(one, digits) + 0.0 for one in (estimate.value, estimate.low, estimate.high))
    text = f"{value:.{digits}f}" + (f" ({low:.{digits}f} to {high:.{digits}f})" if estimate.has_interval else "")
    return text.replace("-", "−")


def format_value(value: float) -> str:
    """Return a value of a factor with three digits that count, thousands whole."""
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")


def is_significant(found: PermutationImportance) -> bool:
    """Whether the map loses more without a factor than chance explains."""
    return found.auc_drop.has_interval and found.auc_drop.low > 0


def describe_expectation(found: CurveAssessment, unit: str) -> str:
    """Return what is expected of a factor, and why."""
    expected = found.expectation
    span = ""
    if math.isfinite(expected.low) and math.isfinite(expected.high):
        span = f" between {expected.low:g} and {expected.high:g} {unit}".rstrip()
    return f"Susceptibility {expected.direction}{span}. {expected.why}"


def describe_assessment(found: CurveAssessment, unit: str, companions: Sequence[str] = ()) -> str:
    """Return what the map does over the range of a factor, with its numbers, and what the land does.

    Args:
        found: the judgement.
        unit: of the factor.
        companions: titles of the factors that go together with it.
    """
    if found.verdict == NOT_ASSESSED:
        return f"Not judged: {found.reason}."
    moved = "rises" if found.change.value > 0 else "falls"
    span = f"From {format_value(found.low)} to {format_value(found.high)} {unit}".rstrip()
    text = (
        f"{span} it {moved} from {found.start:.2f} to {found.end:.2f}: a change of {format_estimate(found.change, 2)}."
    )
    if found.turns:
        text += " The curve turns on the way, so look at it."
    low, high = found.observed
    if math.isfinite(low) and math.isfinite(high):
        text += (
            f" Landslides are {percent(low, 1)} of the labelled cells in the lower third of that range, "
            f"{percent(high, 1)} in the upper."
        )
        agrees = (high > low) == (found.expectation.direction == RISES)
        if found.verdict == AGAINST:
            who = " and ".join(companions) or "other factors"
            text += (
                f" So the land is as expected and the map is not: {who} may have taken this one's part."
                if agrees
                else " So the land here, too, is not as expected."
            )
    return text


def describe_association(found: FactorAssociation, titles: Sequence[str]) -> str:
    """Return how strongly two factors go together."""
    name = "Spearman's ρ" if found.measure == "Spearman" else "Cramér's V"
    value = f"{found.value:.2f}".replace("-", "−")
    return f"{titles[found.first]} and {titles[found.second]} ({name} {value})"


FLAT_NOTE = f"A curve that moves less than {FLAT_CHANGE:g} is called flat; one whose interval includes 0, unclear."


COLUMNS = ("part", "factor", "at", "measure", "value", "low", "high", "cells", "text")


def explanation_rows(found: Explanation) -> list[list[Any]]:
    """Return all numbers, one a row: part of the report, factor, value or class, measure, number and interval."""
    names = found.subject.model.factor_names
    rows = [_row("map", "", None, "auc", found.skill.auc), _row("map", "", None, "log_loss", found.skill.loss)]
    for one in found.importance:
        name = " + ".join(names[number] for number in one.factors)
        rows += [
            _row("importance", name, None, "auc_fall", one.auc_drop),
            _row("importance", name, None, "log_loss_rise", one.loss_increase),
        ]
    for one in found.relations:
        rows.append(
            [
                "association",
                f"{names[one.first]} + {names[one.second]}",
                None,
                one.measure,
                one.value,
                None,
                None,
                None,
                None,
            ]
        )
    for curve in found.curves:
        name = names[curve.factor]
        at = curve.labels or [float(value) for value in curve.values]
        for place, value in enumerate(at):
            mean = Estimate(float(curve.mean[place]), float(curve.low[place]), float(curve.high[place]))
            rows.append(_row("response", name, value, "susceptibility", mean))
        observed = curve.observed
        spans = curve.labels or [f"{low:.6g} to {high:.6g}" for low, high in zip(observed.edges, observed.edges[1:])]
        for place, span in enumerate(spans):
            share = Estimate(float(observed.share[place]), float(observed.low[place]), float(observed.high[place]))
            rows.append(_row("observed", name, span, "landslide_share", share, int(observed.cells[place])))
            rows.append(["observed", name, span, "area_share", float(observed.area[place]), None, None, None, None])
    for one in found.assessments:
        rows.append(
            _row(
                "plausibility",
                names[one.factor],
                f"{one.low:.6g} to {one.high:.6g}",
                "change",
                one.change,
                text=one.verdict,
            )
        )
    for number, name in enumerate(names):
        dominant = found.leading
        for measure, values in (
            ("area_share", dominant.share),
            ("raising_share", dominant.raising_share),
            ("mean_contribution", dominant.size),
        ):
            rows.append(["leading", name, None, measure, float(values[number]), None, None, None, None])
    return rows


def _row(
    part: str, factor: str, at: Any, measure: str, found: Estimate, cells: int | None = None, text: str | None = None
) -> list[Any]:
    return [part, factor, at, measure, found.value, found.low, found.high, cells, text]


HALF_WIDTH = PAGE_WIDTH / 2 - 0.05
BARS, TOGETHER = "#8fb8cf", "#c3ccd4"
_LETTERS = 24


def importance_chart(found: Sequence[PermutationImportance], names: Sequence[str]) -> Figure:
    """Draw the fall of AUC of each factor, and of factors swapped together in grey, with their intervals."""
    figure = new_figure(0.75 + 0.25 * len(found))
    axes = figure.subplots()
    places = np.arange(len(found))[::-1]
    values = np.array([one.auc_drop.value for one in found])
    ends = np.array([[one.auc_drop.low, one.auc_drop.high] for one in found])
    axes.barh(places, values, color=[BLUE if len(one.factors) == 1 else TOGETHER for one in found], height=0.62)
    axes.errorbar(
        values,
        places,
        xerr=np.nan_to_num(np.maximum([values - ends[:, 0], ends[:, 1] - values], 0)),
        fmt="none",
        ecolor=INK,
        elinewidth=1,
        capsize=2.5,
    )
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.set_yticks(places)
    axes.set_yticklabels([escape_mathtext(shorten(name, 44)) for name in names])
    axes.set_xlabel("Fall of the AUC when the factor comes from other places")
    axes.grid(False, axis="y")
    axes.set_ylim(-0.6, len(found) - 0.4)
    return figure


def response_chart(curve: ResponseCurve, title: str, unit: str) -> Figure:
    """Draw susceptibility and observed landslides over a factor, and below where the area lies."""
    return _classes(curve, title) if curve.is_categorical else _line(curve, title, unit)


def dominant_factor_map(image: MapImage, names: Sequence[str], found: DominanceStatistics) -> Figure:
    """Draw the leading factor, with the share of each in the legend."""
    left, bottom, right, top = image.bounds
    ratio = (top - bottom) * image.metres_north / ((right - left) * image.metres_east)
    width = 3.9
    figure = new_figure(float(np.clip(width * ratio, 1.8, 6.5)))
    axes, beside = figure.subplots(1, 2, gridspec_kw={"width_ratios": (width, PAGE_WIDTH - width)})
    colours = [css_colour(factor_colour(number)) for number in range(len(names))]
    shown = np.where(image.cells > 0, image.cells, np.nan)
    axes.imshow(
        np.ma.masked_invalid(shown),
        extent=(left, right, bottom, top),
        interpolation="none",
        cmap=ListedColormap(colours),
        norm=BoundaryNorm(np.arange(0.5, len(names) + 1), len(names)),
    )
    axes.set_aspect(image.metres_north / image.metres_east)
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    draw_scale_bar(axes, image)
    order = [number for number in np.argsort(-found.share, kind="stable") if found.share[number] >= 0.0005]
    handles = [
        Patch(
            facecolor=colours[number],
            edgecolor=SOFT,
            linewidth=0.5,
            label=escape_mathtext(f"{shorten(names[number], 26)}  {100 * found.share[number]:.1f} %"),
        )
        for number in order
    ]
    beside.legend(handles=handles, loc="upper left", borderaxespad=0)
    beside.axis("off")
    return figure


def _line(curve: ResponseCurve, title: str, unit: str) -> Figure:
    figure = new_figure(2.45, HALF_WIDTH)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    observed = curve.observed
    upper.fill_between(curve.values, *curve.spread, color=BLUE, alpha=0.1, linewidth=0)
    upper.fill_between(curve.values, curve.low, curve.high, color=BLUE, alpha=0.35, linewidth=0)
    upper.plot(curve.values, curve.mean, color=BLUE, marker="o" if len(curve.values) == 1 else None)
    middle = (observed.edges[1:] + observed.edges[:-1]) / 2
    other = upper.twinx()
    ends = np.maximum([observed.share - observed.low, observed.high - observed.share], 0)
    other.errorbar(
        middle,
        observed.share,
        yerr=np.nan_to_num(ends),
        color=VERMILION,
        marker="s",
        markersize=3,
        linewidth=0.9,
        linestyle=":",
        elinewidth=0.8,
        capsize=1.5,
    )
    _axes(upper, other, title)
    lower.bar(middle, observed.area, width=np.diff(observed.edges) * 0.94 if len(middle) > 1 else 1.0, color=BARS)
    lower.set_yticks([])
    lower.grid(False)
    lower.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    lower.set_xlabel(escape_mathtext(unit or "value"))
    lower.set_ylabel("area", fontsize=7)
    return figure


def _classes(curve: ResponseCurve, title: str) -> Figure:
    count = len(curve.values)
    figure = new_figure(max(1.5, 0.95 + 0.2 * count), HALF_WIDTH)
    axes = figure.subplots()
    places = np.arange(count)[::-1]
    axes.barh(places, curve.mean, color=BARS, height=0.66)
    axes.errorbar(
        curve.mean,
        places,
        xerr=np.nan_to_num(np.maximum([curve.mean - curve.low, curve.high - curve.mean], 0)),
        fmt="none",
        ecolor=BLUE,
        elinewidth=1.6,
    )
    other = axes.twiny()
    observed = curve.observed
    ends = np.maximum([observed.share - observed.low, observed.high - observed.share], 0)
    other.errorbar(
        observed.share,
        places,
        xerr=np.nan_to_num(ends),
        fmt="s",
        color=VERMILION,
        markersize=3.5,
        elinewidth=0.8,
        capsize=1.5,
    )
    axes.set_title(escape_mathtext(shorten(title, 40)))
    axes.set_yticks(places)
    axes.set_yticklabels(
        [
            escape_mathtext(f"{shorten(label, _LETTERS)} {100 * area:.0f} %")
            for label, area in zip(curve.labels, observed.area)
        ],
        fontsize=7,
    )
    axes.set_xlim(0, 1)
    axes.grid(False, axis="y")
    axes.tick_params(axis="x", colors=BLUE, labelsize=7)
    _observed_axis(other, other.xaxis, observed.share, observed.high, other.set_xlim)
    return figure


def _axes(axes: Axes, other: Axes, title: str) -> None:
    axes.set_title(escape_mathtext(shorten(title, 40)))
    axes.set_ylim(0, 1)
    axes.tick_params(axis="y", colors=BLUE, labelsize=7)
    lines = other.containers[0].lines
    values = np.asarray(lines[0].get_ydata(), dtype=float)
    tops = [
        float(segment[:, 1].max())
        for bars in lines[2]
        for segment in bars.get_segments()
        if len(segment) and np.isfinite(segment[:, 1]).all()
    ]
    _observed_axis(other, other.yaxis, values, np.array(tops or [0.0]), other.set_ylim)


def _observed_axis(other: Axes, axis, share: np.ndarray, high: np.ndarray, limit) -> None:
    """Set the axis of the observed share from 0 to a little over the largest interval, without lines of its own."""
    both = np.concatenate([share[np.isfinite(share)], high[np.isfinite(high)]])
    top = float(both.max()) if len(both) else 1.0
    limit(0, 1.08 * top if top > 0 else 1)
    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
    other.tick_params(colors=VERMILION, labelsize=7)
    other.grid(False)


@dataclass
class Explanation:
    """All that was found."""

    subject: ExplainedModel
    skill: Skill
    importance: list[PermutationImportance]
    """Of single factors in the model's order, then of those that go together."""
    curves: list[ResponseCurve]
    """In the model's order."""
    relations: list[FactorAssociation]
    assessments: list[CurveAssessment]
    leading: DominanceStatistics
    sample: dict[str, Any]
    """``blocks``, ``of``, ``side`` in metres, ``landslide`` and ``stable`` cells, ``response_blocks``,
    ``references``, ``repeats``."""
    warnings: list[str] = field(default_factory=list)
    image: MapImage | None = None
    """The leading factor, when the raster was written."""

    @property
    def ranking(self) -> list[PermutationImportance]:
        """Single factors, the most important first."""
        return sorted((one for one in self.importance if len(one.factors) == 1), key=lambda one: -one.auc_drop.value)

    def name_of(self, found: PermutationImportance) -> str:
        """Return the title of a factor, or of several."""
        return " + ".join(self.subject.titles[number] for number in found.factors)


def explanation_page(found: Explanation, stack_name: str, settings: Mapping[str, Any], progress: Progress) -> Page:
    """Return the report; asks the progress whether to stop."""
    page = Page("What drives the map", f"{found.subject.name} on {stack_name}", progress)
    for text in found.warnings:
        page.warning(text)
    sample, first = found.sample, found.ranking[0]
    judged = [one.verdict for one in found.assessments]
    page.key_numbers(
        [
            (
                "Most important factor",
                found.subject.titles[first.factors[0]],
                f"Without its order the AUC falls by {format_estimate(first.auc_drop)}.",
            ),
            (
                "AUC of the map",
                round(found.skill.auc.value, 3),
                f"On the labels of {sample['blocks']:,} blocks: {format_estimate(found.skill.auc)}.",
            ),
            (
                "Clearly needed",
                f"{sum(is_significant(one) for one in found.ranking)} of {len(found.ranking)}",
                "Factors whose interval of the fall lies above 0.",
            ),
            (
                "As expected",
                f"{judged.count('as expected')} of {len(judged)}" if judged else "–",
                "Factors for which something is known beforehand, and the map agrees.",
            ),
        ]
    )
    with style():
        _importance(page, found)
        _plausibility(page, found)
        _responses(page, found)
        _add_dominant_factor(page, found)
    page.text("How it was measured", *_method(found))
    page.settings("Run record", {name: value for name, value in settings.items() if value is not None})
    return page


def _importance(page: Page, found: Explanation) -> None:
    together = [one for one in found.importance if len(one.factors) > 1]
    shown = sorted(found.ranking + together, key=lambda one: -one.auc_drop.value)
    page.figure(
        "What the map needs",
        importance_chart(shown, [found.name_of(one) for one in shown]),
        "Fall of the AUC when a factor is swapped among blocks of land, with its 95 % interval. Grey: factors "
        "that go together, swapped at once.",
    )
    page.table(
        "",
        ["Factor", "Fall of AUC (95 % interval)", "Rise of log loss (95 % interval)"],
        [[found.name_of(one), format_estimate(one.auc_drop), format_estimate(one.loss_increase)] for one in shown],
        "0: the map would be as good without the factor's order. Below 0: chance, or the factor misleads. It is "
        "what this model uses, not what causes landslides.",
    )
    if found.relations:
        listed = "; ".join(describe_association(one, found.subject.titles) for one in found.relations)
        page.text(
            "Factors that go together",
            f"{listed}.",
            "Of factors that say the same the model needs only one, so each alone seems less important than it "
            "is, and the importance is shared among them in a way that another training may change. Read the "
            "grey bar for what they are worth together; it can be less than one of them alone, because factors "
            "swapped together still fit each other."
            if together
            else "They share their importance, in a way that another training may change.",
        )
    else:
        page.text(
            "Factors that go together",
            f"No two factors have an association of {MIN_ASSOCIATION:g} or more, so the "
            "importance of each can be read by itself.",
        )


def _plausibility(page: Page, found: Explanation) -> None:
    specs, titles = found.subject.specs, found.subject.titles
    if not found.assessments:
        page.text("Does it make sense?", "None of the factors is one of which something is expected beforehand.")
        return
    page.table(
        "Does it make sense?",
        ["Factor", "Expected", "Judgement", "What the map does"],
        [
            [
                titles[one.factor],
                describe_expectation(one, specs[one.factor].unit),
                one.verdict,
                describe_assessment(one, specs[one.factor].unit, _companions(found, one.factor)),
            ]
            for one in found.assessments
        ],
        f"{FLAT_NOTE} The interval is for other blocks of this land; another training is a further uncertainty.",
    )


def _companions(found: Explanation, factor: int) -> list[str]:
    pairs = [(one.first, one.second) for one in found.relations if factor in (one.first, one.second)]
    return [found.subject.titles[second if first == factor else first] for first, second in pairs]


def _responses(page: Page, found: Explanation) -> None:
    order = [one.factors[0] for one in found.ranking]
    page.text(
        "How the map answers to each factor",
        "Blue, left or lower scale: mean susceptibility of the blocks when every cell has that value, with its "
        "95 % interval (dark) and the range of the middle 80 % of the cells (light). Vermilion, right or upper "
        "scale: landslide cells among the labelled cells that do have it. Below, or behind a class: share of the "
        "area. Where the two differ, the factor goes together with others that do the work.",
    )
    for number in order:
        curve, spec = found.curves[number], found.subject.specs[number]
        more = f" {curve.left_out} smaller classes not shown." if curve.left_out else ""
        page.figure("", response_chart(curve, found.subject.titles[number], spec.unit), more.strip(), half=True)


def _add_dominant_factor(page: Page, found: Explanation) -> None:
    dominant, titles = found.leading, found.subject.titles
    where = "the whole area" if dominant.whole else f"{found.sample['response_blocks']} blocks of the area"
    text = (
        f"In each cell of {where} the factor leads that adds or takes most, compared with typical land of the "
        "area (Shapley values of the logit). It says what sets a place apart from the rest of this area, so a "
        "factor that is alike everywhere leads nowhere."
    )
    if found.image is None:
        page.text("The leading factor", text + " For a map of it, set OUTPUT_LEADING.")
    else:
        page.figure("The leading factor", dominant_factor_map(found.image, titles, dominant), text)
    order = np.argsort(-dominant.share, kind="stable")
    page.table(
        "",
        ["Factor", "Leads in", "Raises there", "Mean contribution (logit)"],
        [
            [
                titles[number],
                percent(float(dominant.share[number]), 1),
                percent(float(dominant.raising_share[number]), 0) if dominant.share[number] > 0 else "–",
                float(dominant.size[number]),
            ]
            for number in order
        ],
        "Leads in: share of the area. Raises there: share of those cells in which it raises the "
        "susceptibility; in the others it lowers it. Mean contribution: of its absolute value, over all cells.",
        swatches=[css_colour(factor_colour(int(number))) for number in order],
    )


def _method(found: Explanation) -> Sequence[str]:
    sample = found.sample
    return (
        f"The labelled cells of {sample['blocks']:,} of {sample['of']:,} blocks of {sample['side']:,.0f} m were judged:"
        f" {sample['landslide']:,} landslide and {sample['stable']:,} stable cells"
        + (
            ", half of the blocks with landslides as far as there are, weighted back to the area."
            if sample["blocks"] < sample["of"]
            else "."
        ),
        f"Importance: {sample['repeats']} times the blocks swap one factor among each other, whole, with its texture "
        "and with its surroundings at the place that it comes from, so that the network sees real land (after Breiman "
        "2001). Where the other place has no data, the value beside the gap stands in. Intervals: percentiles over the "
        "swaps and over drawing the blocks again (block bootstrap).",
        f"Curves: partial dependence (Friedman 2001) in {sample['response_blocks']} of the blocks. A value set "
        "everywhere can be one that the land around never has, above all for factors that go together.",
        f"Leading factor: Shapley values against {sample['references']} typical lands whose values are spread evenly "
        "over those of the area; they sum to the logit of the cell minus the mean logit of the typical lands (after "
        "Štrumbelj and Kononenko 2014).",
    )
