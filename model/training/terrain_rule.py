"""What a textbook knows of where slopes fail, as a short rule.

The logit is a constant plus a weight times a standard score for each of a few terms. The scores are taken within each
area, so that the rule asks where a place stands in its own land: that carries over to land without landslides of its
own, where thresholds of degrees or metres do not. The rule is a prior of every training by cross-fitting, worth a few
landslides, and with PHYSICS=stability, its weights corrected by the landslides, it labels land without labels.

Slopes fail where they are steep, by their factor of safety if it is known; in hollows, which gather water (Montgomery
and Dietrich 1994, doi:10.1029/93WR02979) and hold thicker soil (Dietrich et al. 1995); at the foot, which drains the
slope above; and where rivers undercut them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit

from ..stack import match_names

STABILITY, SLOPE = "stability", "slope"
TERMS = {STABILITY: (1, 0.8), "tangential_curvature": (-1, 0.3), "position": (-1, 0.2), "river_density": (1, 0.2)}
"""Sign and usual weight of each term. Stability is −log Fs, or the slope; ``position`` is the topographic position in
the largest window."""
RIDGE = 1.0  # penalty on the squared difference from the usual weights, beside the mean log loss
SAFETY_LIMITS = 0.3, 10.0  # beyond them the factor of safety counts as these
TAILS = 0.01, 0.99  # quantiles beyond which a term counts as these
_POSITION = re.compile(r"tpi_(\d+)m")


@dataclass(frozen=True)
class TerrainRule:
    """A fitted rule."""

    constant: float
    weights: dict[str, float]  # by term, at least 0

    def logit(self, scores: np.ndarray) -> np.ndarray:
        """Return the logit of cells from the scores of their terms, signs included, (cells, terms)."""
        return self.constant + scores @ np.array(list(self.weights.values()))


def terms_of(names: Sequence[str]) -> dict[str, str]:
    """Return the factor of each term that the factors allow, by term; that of the stability is empty."""
    found = {STABILITY: ""}
    windows = {int(match[1]): name for name in names for match in [_POSITION.fullmatch(name)] if match}
    for term in (term for term in TERMS if term != STABILITY):
        if term == "position":
            found.update({term: windows[max(windows)]} if windows else {})
        else:
            found.update(match_names([term], names))
    return found


def scores_of(
    values: np.ndarray, names: Sequence[str], safety: np.ndarray | None, counts: np.ndarray, areas: np.ndarray
) -> np.ndarray:
    """Return the standard scores of the terms, signs included, (cells, terms); NaN where the safety is unknown.

    Args:
        values: physical values, (cells, factors), of the factors ``names``.
        safety: factor of safety, (cells,); without it the slope, a factor, stands for the stability.
        counts: cells of its area that each stands for, (cells,).
        areas: number of the area of each cell, (cells,); means and deviations are those of an area.
    """
    parts = []
    for term, name in terms_of(names).items():
        if term == STABILITY and safety is None:
            raw = values[:, list(names).index(_slope(names))].astype(np.float64)
        elif safety is not None and term == STABILITY:
            raw = -np.log(np.clip(safety.astype(np.float64), *SAFETY_LIMITS))
        else:
            raw = values[:, list(names).index(name)].astype(np.float64)
        for area in np.unique(areas):
            mine = areas == area
            raw[mine] = _standard(raw[mine], counts[mine])
        parts.append(TERMS[term][0] * raw)
    return np.stack(parts, axis=1)


def _slope(names: Sequence[str]) -> str:
    """Return the name of the slope among factors, empty if it is not there."""
    return match_names([SLOPE], names).get(SLOPE, "")


def _standard(raw: np.ndarray, counts: np.ndarray) -> np.ndarray:
    known = np.isfinite(raw) & (counts > 0)
    if not known.any():
        return np.full(len(raw), np.nan)
    order = np.argsort(raw[known], kind="stable")
    cumulative = np.cumsum(counts[known][order])
    low, high = (raw[known][order][np.searchsorted(cumulative, share * cumulative[-1])] for share in TAILS)
    clipped = np.clip(raw, low, high)
    mean = np.average(clipped[known], weights=counts[known])
    deviation = np.sqrt(np.average((clipped[known] - mean) ** 2, weights=counts[known]))
    return (clipped - mean) / deviation if deviation > 0 else np.where(np.isfinite(raw), 0.0, np.nan)


def fit_rule(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, terms: Sequence[str]) -> TerrainRule:
    """Fit constant and weights to landslide and stable cells: mean log loss plus half the ridge, weights at least 0.

    ``labels`` are 1 or 0; cells of weight 0, or without a score, do not count.
    """
    usual = np.array([TERMS[term][1] for term in terms])
    some = (weights > 0) & np.isfinite(scores).all(axis=1)
    columns = np.concatenate([np.ones((int(some.sum()), 1)), scores[some]], axis=1)
    target, share = labels[some].astype(np.float64), weights[some] / max(weights[some].sum(), 1e-12)

    def loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        logit, away = columns @ found, found[1:] - usual
        value = share @ (np.logaddexp(0, logit) - target * logit) + RIDGE / 2 * away @ away
        gradient = columns.T @ (share * (expit(logit) - target))
        gradient[1:] += RIDGE * away
        return float(value), gradient

    limits = [(None, None), *[(0.0, None)] * len(usual)]
    found = minimize(loss, np.concatenate([[0.0], usual]), jac=True, method="L-BFGS-B", bounds=limits).x.tolist()
    return TerrainRule(found[0], dict(zip(terms, found[1:])))


@dataclass
class TerrainPrior:
    """The rule with its usual weights, worth so many landslides on land with labels."""

    weight: float  # of all cells, as landslides
    weights: dict[str, float]  # of each term, sign included
    scores: np.ndarray  # weighted sum of each cell, float64 (cells,); NaN where the safety is unknown

    @classmethod
    def of(
        cls,
        weight: float,
        values: np.ndarray,
        names: Sequence[str],
        safety: np.ndarray | None,
        counts: np.ndarray,
        areas: np.ndarray,
    ) -> TerrainPrior | None:
        """Return the prior on cells, as :func:`scores_of`; ``None`` without weight, or without slope and safety."""
        if not weight or (safety is None and not _slope(names)):
            return None
        terms = list(terms_of(names))
        scores = scores_of(values, names, safety, counts, areas)
        found = scores @ np.array([TERMS[term][1] for term in terms])
        signed = {term: TERMS[term][0] * TERMS[term][1] for term in terms}
        if safety is None:
            signed = {SLOPE if term == STABILITY else term: value for term, value in signed.items()}
        return cls(weight, signed, found)

    def mixed(self, rows: np.ndarray, slide: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and weights of cells, with those of the prior on the stable ones.

        A stable cell of weight w with a soft label q of weight p is one of weight w + p and label q p / (w + p): the
        log loss is linear in the label. The constant of the rule is fitted to the cells. ``slide`` is whether they are
        landslide cells, ``weights`` their weights.
        """
        scores, labels = self.scores[rows], slide.astype(np.float64)
        known = np.isfinite(scores)
        if not known.any():
            return labels, weights
        share = weights[known] / weights[known].sum()
        goal = float(share @ labels[known])
        if 0 < goal < 1:
            constant = brentq(lambda value: float(share @ expit(value + scores[known])) - goal, -100, 100)
            some = known & ~slide
            own = np.where(some, self.weight / max(some.sum(), 1), 0.0)
            total = weights + own
            labels = np.where(some, own * expit(constant + np.nan_to_num(scores)) / total, labels)
            return labels, total
        return labels, weights

    @property
    def text(self) -> str:
        """What it is worth, as a sentence."""
        terms = ", ".join(f"{term} {weight:+.1f}" for term, weight in self.weights.items()).replace("-", "−")
        return f"A rule of the terrain counts as {self.weight:g} landslides beside the labels ({terms})."
