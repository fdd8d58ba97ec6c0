"""Redundancy of factors: Pearson's correlation, variance inflation, Cramér's V."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .findings import CORRELATION_LIMIT, DUPLICATE_LIMIT, VIF_LIMIT, WARNING, Finding, number_text
from .stack_statistics import StackScan


@dataclass
class Associations:
    """The association of all pairs of factors of one kind."""

    continuous: list[str]  # names of the continuous factors that vary
    pearson: np.ndarray  # correlation matrix, float64, shape (continuous, continuous)
    inflation: np.ndarray
    """Variance inflation factors, shape (continuous,); infinite for a factor that others give exactly."""
    categorical: list[str]  # names of the categorical factors with two classes at least
    cramer: np.ndarray  # Cramér's V, float64, shape (categorical, categorical)


def associations(scan: StackScan) -> Associations:
    """Return the association of all factors, from what was counted."""
    pearson = scan.comoments.correlation()
    names = [band.name for band in scan.categorical_bands if band.countable and len(band.codes) > 1]
    cramer = np.eye(len(names))
    for row, column in combinations(range(len(names)), 2):
        cramer[row, column] = cramer[column, row] = cramers_v(scan.tables[names[row], names[column]])
    return Associations(scan.continuous, pearson, variance_inflation(pearson), names, cramer)


def variance_inflation(pearson: np.ndarray) -> np.ndarray:
    """Return variance inflation factors, 1 / (1 − R²) of each variable on all others, from a correlation matrix.

    They are the diagonal of the inverse matrix where that exists, infinite for a variable that is a linear function of
    others, NaN for a variable without correlations (one that does not vary).
    """
    result = np.full(len(pearson), np.nan)
    known = np.flatnonzero(np.isfinite(np.diag(pearson)))
    matrix = pearson[np.ix_(known, known)]
    if not np.isfinite(matrix).all():
        return result
    for index, variable in enumerate(known):
        others = np.delete(np.arange(len(known)), index)
        toward = matrix[others, index]
        # The pseudo-inverse serves when the others are functions of each other, where an inverse does not exist.
        explained = float(toward @ np.linalg.pinv(matrix[np.ix_(others, others)], rcond=1e-10, hermitian=True) @ toward)
        result[variable] = math.inf if explained >= 1 - 1e-9 else 1 / (1 - explained)
    return result


def cramers_v(table: np.ndarray) -> float:
    """Return Cramér's V (1946) of a table of counts, without a correction for small samples.

    It is 0 (independent) to 1 (one gives the other); NaN when fewer than two rows or columns have counts.
    """
    counts = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype(np.float64)
    if min(counts.shape) < 2:
        return math.nan
    total = counts.sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    return min(1.0, math.sqrt(chi2 / total / (min(counts.shape) - 1)))


def check_associations(found: Associations) -> Iterator[Finding]:
    """Report pairs of factors that are redundant, and factors that several others give together."""
    for row, column in combinations(range(len(found.continuous)), 2):
        pair = f"{found.continuous[row]} × {found.continuous[column]}"
        yield from _check_pair(pair, found.pearson[row, column], "Pearson's r")
    for row, column in combinations(range(len(found.categorical)), 2):
        pair = f"{found.categorical[row]} × {found.categorical[column]}"
        yield from _check_pair(pair, found.cramer[row, column], "Cramér's V")
    for index, (name, inflation) in enumerate(zip(found.continuous, found.inflation)):
        if inflation > VIF_LIMIT:
            over = "infinite" if math.isinf(inflation) else f"{inflation_text(inflation)}, over {VIF_LIMIT:.0f}"
            how = "exactly" if math.isinf(inflation) else "almost"
            message = f"Its variance inflation factor is {over}: the other continuous factors determine it {how}."
            remedy = "Leave it out, or the factors that correlate with it."
            yield Finding(WARNING, "variance inflation", name, f"{message} {_closest(index, found)}", remedy)


def _check_pair(pair: str, value: float, name: str) -> Iterator[Finding]:
    if abs(value) >= DUPLICATE_LIMIT:
        message = (
            f"One determines the other ({name} = {number_text(value)}): the same layer twice, or one computed from "
            "the other."
        )
        yield Finding(WARNING, "copy", pair, message, "Leave one of the two out.")
    elif abs(value) > CORRELATION_LIMIT:
        message = (
            f"{name} = {_coefficient(value)}, beyond {CORRELATION_LIMIT}: the two are largely redundant, and their "
            "separate effects cannot be distinguished."
        )
        remedy = "Leave one of the two out, or keep both and do not interpret either alone."
        yield Finding(WARNING, "correlation", pair, message, remedy)


def _closest(index: int, found: Associations) -> str:
    """Return a sentence that says with which factor this one correlates most."""
    row = np.abs(found.pearson[index])
    row[index] = np.nan
    if np.isnan(row).all():
        return ""
    other = int(np.nanargmax(row))
    return f"It correlates most with {found.continuous[other]} (|r| = {_coefficient(row[other])})."


def inflation_text(value: float) -> str:
    """Return a variance inflation factor as text: one decimal, none for those beyond a thousand."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:,.{1 if value < 1000 else 0}f}"


def _coefficient(value: float) -> str:
    """Return a coefficient with two decimals, or four near 1, where two would hide the difference."""
    return number_text(round(float(value), 2 if abs(value) < 0.995 else 4))
