"""The regional coefficient k of each landform class: given, from historical landslides, or from the paper.

k = 1 / Rc, where Rc in mm is the critical seven-day rainfall (Zhang & Deng 2026, equation 3), the 95th percentile of
the seven-day rainfall at the historical landslides of a class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping, Sequence

import numpy as np

from ..errors import ParameterInvalid, TooFewData
from ..progress import Progress

PERCENTILE = 95.0
"""Of the seven-day rainfall at landslides, taken as the critical rainfall."""

FEWEST = 10
"""Landslides with rainfall that a class needs for a percentile of its own."""

EVERYWHERE = "all"
"""Row of K_TABLE that stands for every class without a row of its own, and for the whole area without TOPOGRAPHY."""

FROM_REST = f'K_TABLE, row "{EVERYWHERE}"'
"""Where k comes from when it is that row's."""

UNCLASSED = "no class"
"""Name of cells outside all classes in tables."""

WHOLE = "whole area"
"""Name of all cells without TOPOGRAPHY in tables."""

PAPER_K = {
    "lakes": 0.0119,
    "glaciers": 0.0263,
    "plains or terraces formed by sedimentary or glacial deposits": 0.0260,
    "plains or terraces formed by alluvial, fluvial, or lacustrine deposits": 0.0225,
    "mountainous": 0.0129,
}
"""Table 3 of Zhang & Deng (2026), southeastern Tibet, in 1/mm."""

_LAND = "plain|terrace|flat|valley|fan|basin"
_WORDS = (
    # Order matters: a lacustrine plain is no lake, a glacial terrace no glacier.
    ("plains or terraces formed by alluvial, fluvial, or lacustrine deposits",
     rf"({_LAND}).*(alluvi|fluvi|lacustr)|(alluvi|fluvi|lacustr).*({_LAND}|deposit)|冲积|洪积|湖积"),
    ("plains or terraces formed by sedimentary or glacial deposits",
     rf"({_LAND}).*(sediment|glaci|morain|till)|(sediment|glaci|morain).*({_LAND}|deposit)|沉积|冰碛|冰水|冰川堆积"),
    ("glaciers", r"\b(glacier|glaciers|ice ?field|ice cap)\b|^(glacial|ice)$|冰川"),
    ("lakes", r"\b(lake|lakes|reservoir|water bod(y|ies))\b|^water$|湖"),
    ("mountainous", r"\b(mountain|mountains|mountainous|montane)\b|山"),
)
"""What labels of landform maps mean in terms of the paper's table; the first pattern found counts."""


@dataclass
class ClassCoefficient:
    """k of one class and where it comes from; the counts are filled while the raster is written."""

    label: str
    k: float
    """1/mm; NaN where no coefficient could be found and none is needed."""

    source: str
    landslides: int = 0
    """Historical landslides of the class that have rainfall."""

    cells: int = 0
    """Cells with a safety factor."""

    warned: int = 0
    """Cells with a safety factor under 0.5."""

    @property
    def critical_rainfall(self) -> float:
        """Rc in mm."""
        return 1 / self.k if self.k > 0 else float("nan")


def paper_row(label: str) -> str | None:
    """Return the row of the paper's table 3 that a landform label means, ``None`` when it is not clear."""
    text = " ".join(re.split(r"[\s_\-/]+", label.casefold().strip()))
    if text in PAPER_K:
        return text
    for row, pattern in _WORDS:
        if re.search(pattern, text):
            return row
    return None


def choose_coefficients(labels: Sequence[str], table: Mapping[str, float], rainfall: np.ndarray | None,
                        classes: np.ndarray | None, progress: Progress, ways: str = "LANDSLIDES or K_TABLE"
                        ) -> tuple[list[ClassCoefficient], ClassCoefficient | None]:
    """Return k of each class, and k of cells without a class.

    In this order: the class's row of the table, the 95th percentile of the rainfall at its landslides, that of all
    landslides when the class has fewer than :data:`FEWEST`, the table's row ``all``, the paper's table by name.

    Args:
        labels: class names; empty without topography.
        table: K_TABLE, k in 1/mm by class name.
        rainfall: seven-day rainfall at the historical landslides in mm, shape (landslides,), without NaN; ``None``
            without landslides.
        classes: for each landslide the number of its class, an index into ``labels``, −1 for none.
        progress: hears what may mislead.
        ways: parameters that can give coefficients of the user's own, for messages.

    Returns:
        One coefficient a label (one in all without labels), and the one outside all classes, ``None`` when there is
        nothing to take it from.

    Raises:
        ParameterInvalid: K_TABLE names an unknown class or holds a k that is not positive, or some classes have no k.
        TooFewData: there are landslides, but too few for a pooled percentile, and nothing else to go by.
    """
    given = _read_table(labels, table)
    pooled = _percentile(rainfall)
    if rainfall is not None and pooled is None:
        progress.warn(f"Only {len(rainfall)} landslides lie on cells with rainfall; a percentile needs {FEWEST}, so "
                      "LANDSLIDES is not used.")
    rest = _rest(given, rainfall, classes, pooled)
    if not labels:
        if rest is None:
            raise (ParameterInvalid if rainfall is None else TooFewData)(
                "There is nothing to take the coefficient k from. Give LANDSLIDES (at least "
                f"{FEWEST} inside the rainfall raster), or TOPOGRAPHY with the landform, or K_TABLE with the row "
                f'"{EVERYWHERE}", for example "{EVERYWHERE}, 0.0129", the value of the paper for mountains in '
                "southeastern Tibet.")
        rest.label = WHOLE
        return [rest], None
    found = [_of_class(number, label, given, rainfall, classes, pooled) for number, label in enumerate(labels)]
    missing = [label for label, coefficient in zip(labels, found) if coefficient is None]
    if missing:
        raise ParameterInvalid(
            f"These landform classes have no coefficient k: {', '.join(missing)}. Give {ways}: in K_TABLE a row for "
            f'each, or one row "{EVERYWHERE}" for all of them.')
    coefficients = [coefficient for coefficient in found if coefficient is not None]
    _tell(coefficients, progress, ways)
    return coefficients, rest


def _read_table(labels: Sequence[str], table: Mapping[str, float]) -> dict[str, float]:
    """Return k by plain label, and check that each row names a class."""
    known = {_plain(label) for label in labels} | {EVERYWHERE}
    given: dict[str, float] = {}
    for label, k in table.items():
        if not 0 < k < float("inf"):
            raise ParameterInvalid(f'K_TABLE gives {k} for "{label}", but k is a number above 0 in 1/mm. Write 1 '
                                   "divided by the rain of the threshold in mm, such as 0.0129.")
        if _plain(label) not in known:
            raise ParameterInvalid(f'K_TABLE has a row "{label}", but the landform classes are: '
                                   f"{', '.join(labels) or 'none, since TOPOGRAPHY is empty'}. Name a class as it "
                                   f'is written there, or use the row "{EVERYWHERE}".')
        given[_plain(label)] = float(k)
    return given


def _of_class(number: int, label: str, given: Mapping[str, float], rainfall: np.ndarray | None,
              classes: np.ndarray | None, pooled: float | None) -> ClassCoefficient | None:
    own = rainfall[classes == number] if rainfall is not None and classes is not None else np.empty(0)
    count = len(own)
    if _plain(label) in given:
        return ClassCoefficient(label, given[_plain(label)], "K_TABLE", count)
    critical = _percentile(own)
    if critical is not None:
        return ClassCoefficient(label, 1 / critical, f"{PERCENTILE:g}th percentile at {count} landslides", count)
    if pooled is not None:
        return ClassCoefficient(label, 1 / pooled, f"all landslides, since the class has only {count}", count)
    if EVERYWHERE in given:
        return ClassCoefficient(label, given[EVERYWHERE], FROM_REST, count)
    row = paper_row(label)
    return None if row is None else ClassCoefficient(label, PAPER_K[row], f'paper, table 3, "{row}"', count)


def _rest(given: Mapping[str, float], rainfall: np.ndarray | None, classes: np.ndarray | None, pooled: float | None
          ) -> ClassCoefficient | None:
    """Return the coefficient of cells without a class, or of all cells when there are no classes."""
    count = 0 if rainfall is None or classes is None else int((classes < 0).sum())
    if EVERYWHERE in given:
        return ClassCoefficient(UNCLASSED, given[EVERYWHERE], FROM_REST, count)
    if pooled is not None:
        return ClassCoefficient(UNCLASSED, 1 / pooled, f"{PERCENTILE:g}th percentile at all landslides", count)
    return None


def _percentile(rainfall: np.ndarray | None) -> float | None:
    if rainfall is None or len(rainfall) < FEWEST:
        return None
    critical = float(np.percentile(rainfall, PERCENTILE))
    return critical if critical > 0 else None


def _tell(coefficients: Sequence[ClassCoefficient], progress: Progress, ways: str) -> None:
    from_paper = [one.label for one in coefficients if one.source.startswith("paper")]
    if from_paper:
        progress.warn(f"k of these classes is the paper's, for southeastern Tibet: {', '.join(from_paper)}. Elsewhere "
                      f"give {ways}.")
    pooled = [f"{one.label} ({one.landslides})" for one in coefficients if one.source.startswith("all landslides")]
    if pooled:
        progress.warn(f"These classes have fewer than {FEWEST} landslides with rainfall and take k from all "
                      f"landslides: {', '.join(pooled)}.")


def _plain(label: str) -> str:
    return " ".join(str(label).split()).casefold()
