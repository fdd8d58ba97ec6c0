"""Curves and bars of a validation report."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..validation.calibration import BINS, Calibration
from ..validation.curves import Curve
from ..validation.zone_table import ZoneRow
from .figures import BLUE, DASHES, INK, PAGE_WIDTH, RULE, SERIES, SOFT, VERMILION, new_figure, plain, shorten

HALF_WIDTH = PAGE_WIDTH / 2 - 0.05


def roc_chart(curves: Sequence[tuple[str, Curve]]) -> Figure:
    """Draw ROC curves, the first with its band, against the diagonal of a map without skill."""
    figure, axes = _square()
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    draw_curves(axes, curves)
    axes.set_xlabel("False alarms, share of stable points")
    axes.set_ylabel("Landslides found")
    return figure


def success_chart(curves: Sequence[tuple[str, Curve]]) -> Figure:
    """Draw the share of landslides in the most susceptible share of the area."""
    figure, axes = _square()
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    draw_curves(axes, curves)
    axes.set_xlabel("Share of the area, most susceptible first")
    axes.set_ylabel("Landslides in it")
    return figure


def precision_chart(curves: Sequence[tuple[str, Curve]], chance: float) -> Figure:
    """Draw precision over recall, against the precision of a map without skill."""
    figure, axes = _square()
    axes.axhline(chance, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    draw_curves(axes, curves, "lower left")
    axes.set_xlabel("Recall, share of landslides found")
    axes.set_ylabel("Precision, landslides among the calls")
    return figure


def calibration_chart(found: Calibration) -> Figure:
    """Draw the observed share of landslides over the susceptibility, with the number of points below."""
    figure = new_figure(3.1, HALF_WIDTH)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    upper.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    filled = np.isfinite(found.predicted)
    upper.plot(found.predicted[filled], found.observed[filled], color=BLUE, marker="o", markersize=4)
    upper.set_ylabel("Landslides among the points")
    upper.set_ylim(-0.02, 1.02)
    upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    lower.bar((np.arange(BINS) + 0.5) / BINS, found.points, width=0.9 / BINS, color="#8fb8cf")
    lower.set_ylabel("Points")
    lower.set_xlabel("Relative susceptibility")
    lower.set_xlim(0, 1)
    lower.locator_params(axis="y", nbins=3)
    return figure


def zone_chart(rows: Sequence[ZoneRow], colours: Sequence[str]) -> Figure:
    """Draw frequency ratios with their intervals, one bar a zone, the line at 1 being chance."""
    figure = new_figure(2.3)
    axes = figure.subplots()
    places = np.arange(len(rows))
    values = np.array([row.frequency_ratio.value for row in rows])
    low = np.array([row.frequency_ratio.low for row in rows])
    high = np.array([row.frequency_ratio.high for row in rows])
    axes.bar(places, np.nan_to_num(values), color=list(colours), edgecolor=SOFT, linewidth=0.6, width=0.68)
    axes.errorbar(places, values, yerr=np.maximum([values - low, high - values], 0), fmt="none", ecolor=INK,
                  elinewidth=1, capsize=3)
    axes.axhline(1, color=VERMILION, linewidth=1, linestyle="--")
    axes.annotate("as many as by chance", (-0.57, 1), xytext=(0, 2), textcoords="offset points", color=VERMILION,
                  fontsize=7.5, va="bottom", ha="left")
    top = float(np.nanmax(np.append(high, 1.5)))
    for place, value, end in zip(places, values, high):
        if np.isfinite(value):
            axes.text(place, end + top * 0.02, f"{value:.2f}" if value >= 0.1 else f"{value:.3f}", ha="center",
                      va="bottom", fontsize=8)
    axes.set_xticks(places)
    axes.set_xticklabels([plain(shorten(row.name, 20)) for row in rows])
    axes.set_ylim(0, top * 1.14)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_ylabel("Frequency ratio")
    axes.grid(False, axis="x")
    return figure


def draw_curves(axes: Axes, curves: Sequence[tuple[str, Curve]], legend: str = "lower right") -> None:
    """Draw curves on axes from 0 to 100 %, told apart by colour and dash; the first has its band."""
    for number, (label, curve) in reversed(list(enumerate(curves))):
        colour, dash = SERIES[number % len(SERIES)], DASHES[number % len(DASHES)]
        if number == 0 and np.isfinite(curve.low).any():
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(curve.x, curve.y, color=colour, linestyle=dash, label=plain(label), zorder=3 - number / 10)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc=legend, fontsize=7.2, handlelength=1.8, borderaxespad=0.2)
    percent_axes(axes)


def percent_axes(axes: Axes) -> None:
    """Show both axes from 0 to 100 %."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ticks = np.linspace(0, 1, 6)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)


def _square() -> tuple[Figure, Axes]:
    figure = new_figure(3.1, HALF_WIDTH)
    axes = figure.subplots()
    axes.set_facecolor("white")
    axes.grid(color=RULE)
    return figure, axes
