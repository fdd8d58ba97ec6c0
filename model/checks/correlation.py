"""How much factors say the same: Pearson's correlation, variance inflation, Cramér's V."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from .findings import CORRELATION_LIMIT, DUPLICATE_LIMIT, VIF_LIMIT, WARNING, Finding, number
from .stack_statistics import StackScan


@dataclass
class Associations:
    """The association of all pairs of factors of one kind."""

    continuous: list[str]
    """Names of the continuous factors that vary."""
    pearson: np.ndarray
    """Correlation matrix, float64, shape (continuous, continuous)."""
    inflation: np.ndarray
    """Variance inflation factors, shape (continuous,); infinite for a factor that others give exactly."""
    categorical: list[str] = field(default_factory=list)
    """Names of the categorical factors with two classes at least."""
    cramer: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    """Cramér's V, float64, shape (categorical, categorical)."""


def associations(scan: StackScan) -> Associations:
    """Return the association of all factors, from what was counted."""
    pearson = scan.comoments.correlation()
    names = [band.name for band in scan.categorical_bands if band.countable and len(band.codes) > 1]
    cramer = np.eye(len(names))
    for row, first in enumerate(names):
        for column in range(row + 1, len(names)):
            cramer[row, column] = cramer[column, row] = cramers_v(scan.tables[first, names[column]])
    return Associations(scan.continuous, pearson, variance_inflation(pearson), names, cramer)


def variance_inflation(pearson: np.ndarray) -> np.ndarray:
    """Return variance inflation factors, 1 / (1 − R²) of each variable on all others.

    Args:
        pearson: correlation matrix, shape (variables, variables).

    Returns:
        float64, shape (variables,): the diagonal of the inverse matrix where that exists, infinite for a variable that
        is a linear function of others, NaN for a variable without correlations (one that does not vary).
    """
    result = np.full(len(pearson), np.nan)
    known = np.flatnonzero(np.isfinite(np.diag(pearson)))
    matrix = pearson[np.ix_(known, known)]
    if not np.isfinite(matrix).all():
        return result
    for place, variable in enumerate(known):
        others = np.delete(np.arange(len(known)), place)
        toward = matrix[others, place]
        # The pseudo-inverse serves when the others are functions of each other, where an inverse does not exist.
        explained = float(toward @ np.linalg.pinv(matrix[np.ix_(others, others)], rcond=1e-10, hermitian=True) @ toward)
        result[variable] = math.inf if explained >= 1 - 1e-9 else 1 / (1 - explained)
    return result


def cramers_v(table: np.ndarray) -> float:
    """Return Cramér's V (1946) of a contingency table, without a correction for small samples.

    Args:
        table: counts, shape (rows, columns); empty rows and columns do not matter.

    Returns:
        0 (independent) to 1 (one gives the other); NaN when fewer than two rows or columns have counts.
    """
    counts = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype(np.float64)
    if min(counts.shape) < 2:
        return math.nan
    total = counts.sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    return min(1.0, math.sqrt(chi2 / total / (min(counts.shape) - 1)))


def check_associations(found: Associations) -> list[Finding]:
    """Report pairs of factors that say the same, and factors that several others give together."""
    findings = []
    for row, first in enumerate(found.continuous):
        for column in range(row + 1, len(found.continuous)):
            findings += _check_pair(first, found.continuous[column], found.pearson[row, column], "r")
    for row, first in enumerate(found.categorical):
        for column in range(row + 1, len(found.categorical)):
            findings += _check_pair(first, found.categorical[column], found.cramer[row, column], "V")
    for name, inflation in zip(found.continuous, found.inflation):
        if inflation > VIF_LIMIT:
            if math.isinf(inflation):
                message = "Its variance inflation factor is infinite: the other continuous factors give it exactly."
            else:
                message = (
                    f"Its variance inflation factor is {inflation_text(inflation)}, over {VIF_LIMIT:.0f}: the "
                    "other continuous factors together nearly give it."
                )
            findings.append(
                Finding(
                    WARNING,
                    "variance inflation",
                    name,
                    f"{message} {_closest(name, found)}",
                    "Leave it out, or the factors that go with it.",
                )
            )
    return findings


def inflation_text(value: float) -> str:
    """Return a variance inflation factor as text: one decimal, none for those beyond a thousand."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:,.{1 if value < 1000 else 0}f}"


def _coefficient(value: float) -> str:
    """Return a coefficient with two decimals, or four near 1, where two would hide the difference."""
    return number(round(float(value), 2 if abs(value) < 0.995 else 4))


def _closest(name: str, found: Associations) -> str:
    """Return a sentence that says with which factor this one goes most."""
    row = np.abs(found.pearson[found.continuous.index(name)])
    row[found.continuous.index(name)] = np.nan
    if np.isnan(row).all():
        return ""
    other = int(np.nanargmax(row))
    return f"It goes most with {found.continuous[other]} (|r| = {_coefficient(row[other])})."


def _check_pair(first: str, second: str, value: float, symbol: str) -> list[Finding]:
    if math.isnan(value) or abs(value) <= CORRELATION_LIMIT:
        return []
    name = "Pearson's r" if symbol == "r" else "Cramér's V"
    pair = f"{first} × {second}"
    if abs(value) >= DUPLICATE_LIMIT:
        return [
            Finding(
                WARNING,
                "copy",
                pair,
                f"One gives the other ({name} = {number(value)}): the same layer twice, "
                "or one computed from the other.",
                "Leave one of the two out.",
            )
        ]
    return [
        Finding(
            WARNING,
            "correlation",
            pair,
            f"{name} = {_coefficient(value)}, beyond {CORRELATION_LIMIT}: "
            "the two say much the same, and their separate effects cannot be told.",
            "Leave one of the two out, or keep both and do not read meaning into either alone.",
        )
    ]
