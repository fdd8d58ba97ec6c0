"""Figures of an explanation: importance, responses, the leading factor. Call them within ``report.figures.style``."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..report.figures import BLUE, INK, PAGE_WIDTH, SOFT, VERMILION, new_figure, plain, shorten
from ..report.maps import MapImage, draw_scale_bar
from ..report.wording import css_colour
from .importance import Importance
from .leading import Leadership, colour_of
from .response import Curve

HALF_WIDTH = PAGE_WIDTH / 2 - 0.05
BARS, TOGETHER = "#8fb8cf", "#c3ccd4"
_LETTERS = 24


def importance_chart(found: Sequence[Importance], names: Sequence[str]) -> Figure:
    """Draw the fall of AUC of each factor, and of factors swapped together in grey, with their intervals."""
    figure = new_figure(0.75 + 0.25 * len(found))
    axes = figure.subplots()
    places = np.arange(len(found))[::-1]
    values = np.array([one.auc_fall.value for one in found])
    ends = np.array([[one.auc_fall.low, one.auc_fall.high] for one in found])
    axes.barh(places, values, color=[BLUE if len(one.factors) == 1 else TOGETHER for one in found], height=0.62)
    axes.errorbar(values, places, xerr=np.nan_to_num(np.maximum([values - ends[:, 0], ends[:, 1] - values], 0)),
                  fmt="none", ecolor=INK, elinewidth=1, capsize=2.5)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.set_yticks(places)
    axes.set_yticklabels([plain(shorten(name, 44)) for name in names])
    axes.set_xlabel("Fall of the AUC when the factor comes from other places")
    axes.grid(False, axis="y")
    axes.set_ylim(-0.6, len(found) - 0.4)
    return figure


def response_chart(curve: Curve, title: str, unit: str) -> Figure:
    """Draw susceptibility and observed landslides over a factor, and below where the area lies."""
    return _classes(curve, title) if curve.is_categorical else _line(curve, title, unit)


def leading_map(image: MapImage, names: Sequence[str], found: Leadership) -> Figure:
    """Draw the leading factor, with the share of each in the legend."""
    left, bottom, right, top = image.bounds
    ratio = (top - bottom) * image.metres_north / ((right - left) * image.metres_east)
    width = 3.9
    figure = new_figure(float(np.clip(width * ratio, 1.8, 6.5)))
    axes, beside = figure.subplots(1, 2, gridspec_kw={"width_ratios": (width, PAGE_WIDTH - width)})
    colours = [css_colour(colour_of(number)) for number in range(len(names))]
    shown = np.where(image.cells > 0, image.cells, np.nan)
    axes.imshow(np.ma.masked_invalid(shown), extent=(left, right, bottom, top), interpolation="none",
                cmap=ListedColormap(colours), norm=BoundaryNorm(np.arange(0.5, len(names) + 1), len(names)))
    axes.set_aspect(image.metres_north / image.metres_east)
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    draw_scale_bar(axes, image)
    order = [number for number in np.argsort(-found.share, kind="stable") if found.share[number] >= 0.0005]
    handles = [Patch(facecolor=colours[number], edgecolor=SOFT, linewidth=0.5,
                     label=plain(f"{shorten(names[number], 26)}  {100 * found.share[number]:.1f} %"))
               for number in order]
    beside.legend(handles=handles, loc="upper left", borderaxespad=0)
    beside.axis("off")
    return figure


def _line(curve: Curve, title: str, unit: str) -> Figure:
    figure = new_figure(2.45, HALF_WIDTH)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    observed = curve.observed
    upper.fill_between(curve.values, *curve.spread, color=BLUE, alpha=0.1, linewidth=0)
    upper.fill_between(curve.values, curve.low, curve.high, color=BLUE, alpha=0.35, linewidth=0)
    upper.plot(curve.values, curve.mean, color=BLUE, marker="o" if len(curve.values) == 1 else None)
    middle = (observed.edges[1:] + observed.edges[:-1]) / 2
    other = upper.twinx()
    ends = np.maximum([observed.share - observed.low, observed.high - observed.share], 0)
    other.errorbar(middle, observed.share, yerr=np.nan_to_num(ends), color=VERMILION, marker="s", markersize=3,
                   linewidth=0.9, linestyle=":", elinewidth=0.8, capsize=1.5)
    _axes(upper, other, title)
    lower.bar(middle, observed.area, width=np.diff(observed.edges) * 0.94 if len(middle) > 1 else 1.0, color=BARS)
    lower.set_yticks([])
    lower.grid(False)
    lower.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    lower.set_xlabel(plain(unit or "value"))
    lower.set_ylabel("area", fontsize=7)
    return figure


def _classes(curve: Curve, title: str) -> Figure:
    count = len(curve.values)
    figure = new_figure(max(1.5, 0.95 + 0.2 * count), HALF_WIDTH)
    axes = figure.subplots()
    places = np.arange(count)[::-1]
    axes.barh(places, curve.mean, color=BARS, height=0.66)
    axes.errorbar(curve.mean, places, xerr=np.nan_to_num(np.maximum([curve.mean - curve.low, curve.high - curve.mean],
                                                                    0)),
                  fmt="none", ecolor=BLUE, elinewidth=1.6)
    other = axes.twiny()
    observed = curve.observed
    ends = np.maximum([observed.share - observed.low, observed.high - observed.share], 0)
    other.errorbar(observed.share, places, xerr=np.nan_to_num(ends), fmt="s", color=VERMILION, markersize=3.5,
                   elinewidth=0.8, capsize=1.5)
    axes.set_title(plain(shorten(title, 40)))
    axes.set_yticks(places)
    axes.set_yticklabels([plain(f"{shorten(label, _LETTERS)} {100 * area:.0f} %")
                          for label, area in zip(curve.labels, observed.area)], fontsize=7)
    axes.set_xlim(0, 1)
    axes.grid(False, axis="y")
    axes.tick_params(axis="x", colors=BLUE, labelsize=7)
    _observed_axis(other, other.xaxis, observed.share, observed.high, other.set_xlim)
    return figure


def _axes(axes: Axes, other: Axes, title: str) -> None:
    axes.set_title(plain(shorten(title, 40)))
    axes.set_ylim(0, 1)
    axes.tick_params(axis="y", colors=BLUE, labelsize=7)
    lines = other.containers[0].lines
    values = np.asarray(lines[0].get_ydata(), dtype=float)
    tops = [float(segment[:, 1].max()) for bars in lines[2] for segment in bars.get_segments()
            if len(segment) and np.isfinite(segment[:, 1]).all()]
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
