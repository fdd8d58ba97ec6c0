"""What a check found, and the table of all of it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Iterable, Sequence

from .. import tables

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = {
    ERROR: "training would fail or learn something wrong",
    WARNING: "training would run, but the result may mislead",
    NOTE: "good to know",
}
COLUMNS = ("severity", "factor", "check", "what", "cells", "share_percent", "mend")


@dataclass(frozen=True)
class Finding:
    """One thing that an analyst should know before training."""

    severity: str
    """``error``, ``warning`` or ``note``."""
    check: str
    """Short fixed name of the check, for sorting and for scripts: ``range``, ``constant``, ``correlation``, ..."""
    factor: str
    """Name of the band, two names joined by " × " for a pair, or empty for the stack as a whole."""
    what: str
    """What was found, one or two plain sentences."""
    mend: str
    """What to do about it."""
    cells: int | None = None
    """How many cells it concerns; ``None`` where that has no meaning."""
    of: int | None = None
    """The cells that ``cells`` are a part of."""

    @property
    def share(self) -> float | None:
        """Share of the cells concerned, 0 to 1."""
        return self.cells / self.of if self.cells is not None and self.of else None

    @property
    def cells_text(self) -> str:
        """Cells and share as a reader likes them: ``1,234 (0.5 %)``."""
        if self.cells is None:
            return ""
        share = self.share
        if share is None:
            return f"{self.cells:,}"
        unbroken = percent(share).replace(" ", "\u00a0")
        return f"{self.cells:,} ({unbroken})"


def percent(share: float) -> str:
    """Return a share as text, never rounding something to nothing or nearly all to all."""
    if share <= 0 or share >= 1:
        return f"{100 * share:.0f} %"
    if share < 0.0001:
        return "< 0.01 %"
    if share > 0.9999:
        return "> 99.99 %"
    value = 100 * share
    if value < 1:
        return f"{value:.2f} %"
    return f"{value:.2f} %" if value > 99.9 else f"{value:.1f} %"


def number(value: float) -> str:
    """Return a value as text with five significant digits."""
    value += 0.0  # No "−0".
    if math.isnan(value):
        return "–"
    if value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.5g}".replace("-", "−")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names as a list in a sentence, the tail of a long one counted only."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with the worst first; within a severity they stay in the order in which they were made."""
    rank = {severity: number for number, severity in enumerate(SEVERITIES)}
    return sorted(findings, key=lambda finding: rank[finding.severity])


def count(findings: Iterable[Finding], severity: str) -> int:
    """Return how many findings have a severity."""
    return sum(finding.severity == severity for finding in findings)


@dataclass
class CheckSummary:
    """What a check of a stack found."""

    findings: list[Finding]
    """Worst first."""
    factors: list[str]
    """Names of the bands."""
    cells: int
    """Cells of the grid."""
    valid_cells: int
    """Cells with data in all factors."""
    landslide_cells: int | None = None
    """Landslide cells with data; ``None`` without labels on the stack's grid."""
    variance_inflation: dict[str, float] = field(default_factory=dict)
    """By continuous factor."""
    errors: int = field(init=False)
    """How many findings make training fail or learn something wrong."""
    warnings: int = field(init=False)
    """How many findings may make the result mislead."""
    notes: int = field(init=False)
    """How many findings are good to know."""

    def __post_init__(self) -> None:
        """Count the findings."""
        self.errors, self.warnings, self.notes = (count(self.findings, severity)
                                                  for severity in (ERROR, WARNING, NOTE))

    @property
    def verdict(self) -> str:
        """One sentence that sums up the findings."""
        if not self.errors + self.warnings + self.notes:
            return "Nothing to complain about: all checks passed."
        parts = [f"{number} {name if number == 1 else name + 's'}" for number, name in
                 ((self.errors, ERROR), (self.warnings, WARNING), (self.notes, NOTE)) if number]
        found = f"Found: {', '.join(parts)}."
        if self.errors:
            return f"{found} Mend the errors before you train."
        if self.warnings:
            return f"{found} Training would run; read the warnings first."
        return f"{found} No errors and no warnings: the stack is ready for training."


def write_table(path: str | os.PathLike, findings: Sequence[Finding]) -> None:
    """Write findings as CSV and JSON, one a row, in UTF-8; no row when there is none.

    Raises:
        OutputNotWritable: a file cannot be written.
    """
    tables.write_table(path, COLUMNS, [
        (finding.severity, finding.factor, finding.check, finding.what, finding.cells,
         None if finding.share is None else 100 * finding.share, finding.mend) for finding in findings])
