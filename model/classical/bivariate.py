"""Frequency ratio and weights of evidence: one table of weights per factor, summed over the factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from ..encoding import Encoding
from ..networks import build_network

BINS = 10  # per continuous factor, of about equal area
NEUTRAL_WEIGHT = {"frequency_ratio": 1.0, "weights_of_evidence": 0.0}
_NO_PENALTY_C = 1e6
_MIN_SLOPE = 1e-6


def fit_tables(
    kind: str, encoding: Encoding, values: np.ndarray, labels: np.ndarray, area: np.ndarray, weights: np.ndarray
) -> tuple[Any, dict, str]:
    """Fill the tables from training cells.

    Continuous factors are cut into bins of equal area. The weight of a class is its frequency ratio (share of the
    landslide cells ÷ share of the area) or its contrast W+ − W− (Bonham-Carter 1994, chapter 9). The index of a cell
    is the sum over its factors. A logistic fit with one slope, which keeps the order, turns it into a susceptibility
    between 0 and 1; the posterior of weights of evidence itself is overconfident, because factors are not independent.

    Args:
        kind: ``frequency_ratio`` or ``weights_of_evidence``.
        encoding: one-hot; ``values`` are encoded with it, float32 (cells, channels).
        labels: (cells,): 1 landslide, 0 stable.
        area: number of cells of the area that each cell represents.
        weights: of the cells in the logistic fit.

    Returns:
        Network, its architecture, and a summary for the log.
    """
    slide, continuous = labels == 1, len(encoding.continuous)
    architecture = {"type": "tables", "channels": values.shape[1], "continuous": continuous, "bins": BINS}
    network: Any = build_network(architecture)
    neutral = NEUTRAL_WEIGHT[kind]
    with torch.no_grad():
        for factor in range(continuous):
            edges = bin_edges(values[:, factor], area)
            place = np.searchsorted(edges, values[:, factor], side="right")
            table = np.full(BINS, neutral)
            for number in range(len(edges) + 1):
                table[number] = class_weight(kind, place == number, slide, area)
            # With fewer bins, the last edge and the last weight are repeated.
            table[len(edges) + 1 :] = table[len(edges)]
            last = edges[-1] if len(edges) else np.float32(0)
            padded = np.concatenate([edges, np.full(BINS - 1 - len(edges), last, dtype=np.float32)])
            network.edges[factor] = torch.from_numpy(padded)
            network.bins[factor] = torch.from_numpy(table if len(edges) else np.full(BINS, table[0])) - neutral
        for channel in range(continuous, values.shape[1]):
            weight = class_weight(kind, values[:, channel] > 0, slide, area)
            network.classes[channel - continuous] = weight - neutral
        index = network.index(torch.from_numpy(values.T[None, :, :, None].copy()))[0, :, 0].numpy()
        scale, offset = _calibrate(index, labels, weights)
        network.scale.fill_(scale)
        network.offset.fill_(offset)
    return network, architecture, f"Continuous factors have {BINS} bins of equal area."


def class_weight(kind: str, inside: np.ndarray, slide: np.ndarray, area: np.ndarray) -> float:
    """Return the weight of one class: the neutral weight for a class with no cell, or with all.

    Else the frequency ratio, or the contrast W+ − W− with half a cell added to each of the four counts, so that a class
    without landslides has a number (Haldane 1956). Whether a cell is of the class and whether it is landslide are bool
    (cells,); ``area`` is the number of cells of the area that it represents.
    """
    if not inside.any() or inside.all():
        return NEUTRAL_WEIGHT[kind]
    slides, stables = area[slide].sum(), area[~slide].sum()
    slides_in, stables_in = area[slide & inside].sum(), area[~slide & inside].sum()
    if kind == "frequency_ratio":
        return float((slides_in / slides) / ((slides_in + stables_in) / (slides + stables)))
    present = np.log(((slides_in + 0.5) / (slides + 1)) / ((stables_in + 0.5) / (stables + 1)))
    absent = np.log(((slides - slides_in + 0.5) / (slides + 1)) / ((stables - stables_in + 0.5) / (stables + 1)))
    return float(present - absent)


def bin_edges(values: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Return the lower ends of all bins but the first, float32, increasing: area-weighted quantiles of a factor.

    If nearly all of the area has the lowest value, as with a density of rare lines, all higher values are one bin.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(area[order])
    wanted = np.arange(1, BINS) * below[-1] / BINS
    edges = np.unique(values[order][np.searchsorted(below, wanted, side="right")])
    edges, higher = edges[edges > values.min()], values[values > values.min()]
    return (edges if len(edges) or not len(higher) else higher.min(keepdims=True)).astype(np.float32)


def _calibrate(index: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the positive slope and the constant that turn the index into a logit."""
    fit = LogisticRegression(C=_NO_PENALTY_C, max_iter=1000)
    fit.fit(index[:, None].astype(np.float64), labels, sample_weight=weights / weights.mean())
    slope = float(fit.coef_[0, 0])
    if slope >= _MIN_SLOPE:
        return slope, float(fit.intercept_[0])
    return _MIN_SLOPE, float(-_MIN_SLOPE * np.average(index, weights=weights))
