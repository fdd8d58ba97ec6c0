"""Association of factors with each other and with landslides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse.csgraph import connected_components

from ..factors.definitions import FACTORS, is_terrain_factor
from ..labels import LANDSLIDE, STABLE
from ..texts import join_names
from ..validation.settings import FEW_LANDSLIDES
from .band_statistics import CategoricalBand
from .findings import ERROR, NOTE, WARNING, Finding, number_text
from .stack_statistics import LabelCounts, StackScan

CORRELATION_LIMIT = 0.7
"""Absolute Pearson correlation, or Cramér's V, from which a pair is flagged (Dormann et al. 2013 for the former)."""
VIF_LIMIT = 10.0  # variance inflation factor from which a factor is flagged (Marquardt 1970)
DUPLICATE_LIMIT = 0.9999  # correlation or Cramér's V from which one factor is called a copy of another
MAX_NAMES = 40  # of a group of factors that are listed in a message
OUTSIDE_SHARE = 0.01  # share of the cells outside the labelled range of a factor from which a note is made


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
    grouped: list[str] = []
    pearson, cramer = ("Pearson's r", found.continuous, found.pearson), ("Cramér's V", found.categorical, found.cramer)
    for coefficient, names, matrix in (pearson, cramer):
        groups = _copies(np.abs(matrix))
        for group in groups:
            if len(group) > 1:
                yield _copies_finding([names[index] for index in group], matrix[group[0], group[1]], coefficient)
        # What correlates with one of several copies correlates with all of them.
        firsts = [group[0] for group in groups]
        for correlated in correlated_groups([names[index] for index in firsts], matrix[np.ix_(firsts, firsts)]):
            yield from _check_group(correlated, coefficient)
            grouped += correlated.names if correlated.is_large else []
    for index, (name, inflation) in enumerate(zip(found.continuous, found.inflation)):
        # Those of a large group are many, and their remedy is that of the group.
        if inflation > VIF_LIMIT and name not in grouped:
            over = "infinite" if math.isinf(inflation) else f"{inflation_text(inflation)}, over {VIF_LIMIT:.0f}"
            how = "exactly" if math.isinf(inflation) else "almost"
            message = f"Its variance inflation factor is {over}: the other continuous factors determine it {how}."
            remedy = "Leave it out, or the factors that correlate with it."
            yield Finding(WARNING, "variance inflation", name, f"{message} {_closest(index, found)}", remedy)


def _copies(strength: np.ndarray) -> list[list[int]]:
    """Return the indices of the factors in groups of copies, from the absolute coefficients of all pairs."""
    rest, groups = list(range(len(strength))), []
    while rest:
        first = rest[0]
        group = [first, *(other for other in rest[1:] if strength[first, other] >= DUPLICATE_LIMIT)]
        groups.append(group)
        rest = [index for index in rest if index not in group]
    return groups


def _copies_finding(names: Sequence[str], value: float, coefficient: str) -> Finding:
    if len(names) == 2:
        message = (
            f"One determines the other ({coefficient} = {number_text(value)}): the same layer twice, or one computed"
        )
        return Finding(WARNING, "copy", " × ".join(names), f"{message} from the other.", "Leave one of the two out.")
    of_others = f"{names[0]} determines {len(names) - 1} others (|{coefficient}| of at least {DUPLICATE_LIMIT})"
    message = f"{of_others}, the same layer several times or computed from it: {join_names(names[1:])}."
    return Finding(WARNING, "copy", join_names(names), message, "Keep one of them.")


@dataclass(frozen=True)
class CorrelatedGroup:
    """Factors that are linked by correlations beyond :data:`CORRELATION_LIMIT`, and which of them to keep."""

    names: list[str]
    pairs: list[tuple[str, str, float]]  # those beyond the limit, the strongest first
    kept: dict[str, dict[str, float]]
    """By factor to keep, the others that it stands for, with their coefficients; no two kept are beyond the limit."""

    @property
    def is_large(self) -> bool:
        """Whether it has too many pairs to list each."""
        return len(self.pairs) > 2


def correlated_groups(names: Sequence[str], matrix: np.ndarray) -> list[CorrelatedGroup]:
    """Return the groups of factors of a matrix of coefficients, those with the strongest pairs first.

    To keep are factors of the paper before others, then those that correlate with most others.
    """
    strength = np.nan_to_num(np.abs(matrix))
    np.fill_diagonal(strength, 0)
    linked = strength > CORRELATION_LIMIT
    count, number = connected_components(linked, directed=False) if len(names) else (0, np.empty(0, dtype=np.int64))
    groups = []
    for members in (np.flatnonzero(number == group) for group in range(count)):
        if len(members) < 2:
            continue
        left, kept = set(members.tolist()), []
        while left:
            best = max(left, key=lambda one: (names[one] in FACTORS, int(linked[one, list(left)].sum()), -one))
            kept.append(best)
            left -= {best, *np.flatnonzero(linked[best]).tolist()}
        stands_for: dict[str, dict[str, float]] = {names[one]: {} for one in kept}
        for other in (one for one in members.tolist() if one not in kept):
            nearest = max(kept, key=lambda one: strength[one, other])
            stands_for[names[nearest]][names[other]] = float(matrix[nearest, other])
        pairs = [pair for pair in combinations(members.tolist(), 2) if linked[pair]]
        pairs.sort(key=lambda pair: -strength[pair])
        listed = [(names[row], names[column], float(matrix[row, column])) for row, column in pairs]
        groups.append(CorrelatedGroup([names[one] for one in members], listed, stands_for))
    return sorted(groups, key=lambda group: -abs(group.pairs[0][2]))


def _check_group(group: CorrelatedGroup, coefficient: str) -> Iterator[Finding]:
    if group.is_large:
        linked = f"{len(group.names)} factors are linked by {coefficient} beyond {CORRELATION_LIMIT}"
        message = f"{linked}: {join_names(group.names, MAX_NAMES)}. They are largely redundant."
        kept = join_names(list(group.kept), MAX_NAMES)
        few = f"To have few factors, keep {kept}: they stand for the others and are not beyond the limit themselves"
        remedy = f"{few}. A network can use all of them, but do not interpret any of them alone."
        # Factors in windows of one DEM correlate on all land.
        severity = NOTE if all(map(is_terrain_factor, group.names)) else WARNING
        yield Finding(severity, "correlation", join_names(group.names), message, remedy)
        return
    for first, second, value in group.pairs:
        beyond = f"{coefficient} = {_coefficient(value)}, beyond {CORRELATION_LIMIT}"
        message = f"{beyond}: the two are largely redundant, and their separate effects cannot be distinguished."
        remedy = "Leave one of the two out, or keep both and do not interpret either alone."
        yield Finding(WARNING, "correlation", f"{first} × {second}", message, remedy)


def _closest(index: int, found: Associations) -> str:
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


@dataclass(frozen=True)
class ClassShare:
    """One class of a categorical factor against the landslides, over the cells whose label is known."""

    code: int
    label: str
    cells: int
    landslides: int
    area_share: float
    landslide_share: float
    frequency_ratio: float
    """Share of landslide cells ÷ share of cells: over 1 where landslides are more common than on average."""


def frequency_ratios(band: CategoricalBand) -> list[ClassShare]:
    """Return the frequency ratio of each class (Lee and Pradhan 2007); NaN without labelled or landslide cells."""
    area, slides = int(band.known.sum()), int(band.landslides.sum())
    result = []
    for code, cells, landslides in zip(band.codes, band.known.tolist(), band.landslides.tolist()):
        area_share = cells / area if area else math.nan
        landslide_share = landslides / slides if slides else math.nan
        ratio = landslide_share / area_share if cells else math.nan
        result.append(ClassShare(code, band.label(code), cells, landslides, area_share, landslide_share, ratio))
    return result


def check_labels(scan: StackScan) -> Iterator[Finding]:
    """Report what is doubtful in the labels, alone and against the factors; nothing without labels."""
    if scan.labels is None:
        return
    yield from _check_counts(scan.labels)
    if scan.labels.landslide_used == 0:
        return
    for band in scan.categorical_bands:
        yield from _check_classes(band)
    for continuous in scan.continuous_bands:
        outside = continuous.cells_outside_labelled()
        if continuous.finite and outside > OUTSIDE_SHARE * continuous.finite:
            low, high = number_text(continuous.labelled_minimum), number_text(continuous.labelled_maximum)
            labelled = f"{low} to {high}, the range of the labelled cells"
            message = f"Cells lie outside {labelled}: the model extrapolates there."
            remedy = "Label a more varied area, or use the map there with care."
            yield continuous.finding(NOTE, "extrapolation", message, remedy, outside)


def _declared(counts: LabelCounts, label: int) -> str:
    if counts.nodata != label:
        return ""
    return f": {counts.unknown:,} cells have no label because {label} is declared as nodata"


def _redeclare(counts: LabelCounts, label: int) -> str:
    assign = "Raster > Conversion > Translate, assign a specified nodata value"
    return f"Declare 255 as nodata in place of {label}: {assign}." if counts.nodata == label else ""


def _check_counts(counts: LabelCounts) -> Iterator[Finding]:
    used, lost = counts.landslide_used, counts.landslide_lost
    labelled = used + counts.stable_used
    if counts.other:
        same = counts.lowest == counts.highest
        low, high = number_text(counts.lowest), number_text(counts.highest)
        values = f"the value {low}, which is no label" if same else f"values from {low} to {high}, which are no labels"
        message = f"Cells hold {values}: 1 is landslide, 0 stable, 255 unknown."
        remedy = "Make the labels with scarp:buildbufferedlabels."
        yield Finding(ERROR, "label value", "labels", message, remedy, counts.other, counts.cells)
    if counts.landslide == 0:
        message = f"No cell is labelled landslide (1){_declared(counts, LANDSLIDE)}."
        remedy = _redeclare(counts, LANDSLIDE) or "Check that the landslide layer overlaps the stack."
        yield Finding(ERROR, "no landslides", "labels", message, remedy, 0, counts.cells)
        return
    if counts.stable_used == 0:
        message = f"No cell with data is labelled stable (0){_declared(counts, STABLE)}."
        remedy = _redeclare(counts, STABLE) or "Leave RADII and RING empty, use smaller ones, or a larger mapped area."
        yield Finding(ERROR, "no stable cells", "labels", message, remedy, 0, counts.cells)
    if lost:
        severity = ERROR if lost == counts.landslide else WARNING if lost > 0.05 * counts.landslide else NOTE
        message = "Landslide cells lie where some factor has no data; they are lost to training."
        remedy = "Fill the gaps of the factors there; the table of factors tells which have some."
        yield Finding(severity, "landslides lost", "labels", message, remedy, lost, counts.landslide)
    if used > counts.stable_used > 0:
        message = "More than half of the labelled cells are landslide; the buffers are probably too wide."
        remedy = "Leave RADII empty, or use smaller ones, in keeping with the true size of the landslides."
        yield Finding(WARNING, "landslides everywhere", "labels", message, remedy, used, labelled)


def check_landslides(count: int) -> Iterator[Finding]:
    """Report an inventory of which a training can use few landslides only."""
    if count < FEW_LANDSLIDES:
        message = f"Training can use {count} landslides only: a model learns little from them, and its test is rough."
        remedy = "Add landslides, or map a larger area; else look at the intervals of every number."
        yield Finding(WARNING, "few landslides", "labels", message, remedy)


def _check_classes(band: CategoricalBand) -> Iterator[Finding]:
    named = [index for index, code in enumerate(band.codes) if not band.factor.classes or code in band.factor.classes]
    unseen = [index for index in named if band.known[index] == 0]
    if unseen and len(unseen) < len(band.codes):
        without = f"Classes without any labelled cell: {_names(band, unseen)}"
        message = f"{without}. A model does not see them in training, and the map there is a guess."
        remedy = "Map landslides in these classes too, or mask them with AREA."
        yield band.finding(WARNING, "unlabelled class", message, remedy, int(band.counts[unseen].sum()))
    stable = [index for index in named if band.known[index] > 0 and band.landslides[index] == 0]
    if stable:
        message = f"Classes without a landslide cell: {_names(band, stable)}."
        remedy = "Nothing, if that is true of the ground and not a gap in the inventory."
        cells, known = int(band.known[stable].sum()), int(band.known.sum())
        yield Finding(NOTE, "no landslides in class", band.name, message, remedy, cells, known)


def _names(band: CategoricalBand, indices: Sequence[int]) -> str:
    return join_names([band.label(band.codes[index]) for index in indices])
