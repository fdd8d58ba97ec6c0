"""What a check found, the table of it, and the limits from which a check reports something."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..texts import join_names

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = {
    ERROR: "training would fail or learn something wrong",
    WARNING: "training would run, but the result may mislead",
    NOTE: "good to know",
}
COLUMNS = ("severity", "factor", "check", "what", "cells", "share_percent", "mend")
FEW_CELLS = 100  # a class with fewer is hardly there: it is 4 % of one training window of 50 × 50 cells
MAX_CLASSES = 500  # a band with more class codes is no categorical factor; its associations are not computed
MAX_FINDINGS = 12  # of one severity and check; a stack with many similar factors would have thousands


@dataclass(frozen=True)
class Finding:
    """One thing that an analyst should know before training."""

    severity: str  # ``error``, ``warning`` or ``note``
    check: str  # short fixed name of the check, for sorting and for scripts: ``range``, ``constant``, ``correlation``
    factor: str  # name of the band, two names joined by " × " for a pair, or empty for the stack as a whole
    message: str
    remedy: str
    cells: int | None = None  # how many cells it concerns; ``None`` where that has no meaning
    total: int | None = None  # the cells that ``cells`` are a part of

    @property
    def share(self) -> float | None:
        """Share of the cells concerned, 0 to 1."""
        return self.cells / self.total if self.cells is not None and self.total else None

    @property
    def row(self) -> tuple[object, ...]:
        """The row of the table, with ``COLUMNS``."""
        percent = None if self.share is None else 100 * self.share
        return self.severity, self.factor, self.check, self.message, self.cells, percent, self.remedy

    @property
    def cells_text(self) -> str:
        """Cells and share for the report: ``1,234 (0.5 %)``."""
        if self.cells is None:
            return ""
        share = "" if self.share is None else f" ({format_percent(self.share)})".replace(" %", "\u00a0%")
        return f"{self.cells:,}{share}"


def format_percent(share: float) -> str:
    """Return a share as text, never rounding something to nothing or nearly all to all."""
    if share <= 0 or share >= 1:
        return f"{100 * share:.0f} %"
    if share < 0.0001:
        return "< 0.01 %"
    if share > 0.9999:
        return "> 99.99 %"
    return f"{100 * share:.{1 if 0.01 <= share <= 0.999 else 2}f} %"


def number_text(value: float) -> str:
    """Return a value as text with five significant digits."""
    value += 0.0  # No "−0".
    if math.isnan(value):
        return "–"
    return (f"{value:,.0f}" if value == round(value) and abs(value) < 1e7 else f"{value:.5g}").replace("-", "−")


def cap_findings(findings: Iterable[Finding], most: int = MAX_FINDINGS) -> list[Finding]:
    """Return findings with at most so many of one severity and check; the last stands for those that are left out."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        kinds.setdefault((one.severity, one.check), []).append(one)
    result = []
    for (severity, check), found in kinds.items():
        result += found if len(found) <= most else found[: most - 1]
        rest = found[most - 1 :] if len(found) > most else []
        if rest:
            names = join_names(list(dict.fromkeys(one.factor for one in rest if one.factor)))
            message = f"{len(rest)} more findings of this kind{f': {names}' if names else ''}."
            result.append(Finding(severity, check, "", message, rest[0].remedy))
    return result


@dataclass
class CheckSummary:
    """What a check of a stack found."""

    findings: list[Finding]  # worst first
    cells: int  # cells of the grid
    valid_cells: int  # cells with data in all factors
    labelled: bool = False  # whether there were labels, without which nothing is known of the landslides
    errors: int = field(init=False)
    warnings: int = field(init=False)
    notes: int = field(init=False)

    def __post_init__(self) -> None:
        rank = list(SEVERITIES).index
        self.findings = sorted(self.findings, key=lambda finding: rank(finding.severity))
        severities = [finding.severity for finding in self.findings]
        self.errors, self.warnings, self.notes = (severities.count(severity) for severity in SEVERITIES)

    @property
    def verdict(self) -> str:
        """One sentence that sums up the findings."""
        unknown = "" if self.labelled else " Whether training can start also depends on the labels: give LABELS too."
        if not self.findings:
            ready = " The stack is ready for training." if self.labelled else ""
            return f"No problems found: all checks passed.{ready}{unknown}"
        counts = zip(SEVERITIES, (self.errors, self.warnings, self.notes))
        parts = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts if count]
        found = f"Found: {', '.join(parts)}."
        if self.errors:
            return f"{found} Fix the errors before you train."
        if self.warnings:
            start = "Training can start; read the warnings first." if self.labelled else "Read the warnings first."
            return f"{found} {start}{unknown}"
        ready = ": the stack is ready for training" if self.labelled else ""
        return f"{found} No errors and no warnings{ready}.{unknown}"


@dataclass(frozen=True)
class PlausibleRange:
    """What is known of a continuous factor's values beforehand."""

    low: float = -math.inf
    high: float = math.inf
    min_spread: float = 0.0  # a distance between the 1st and 99th percentile below this is next to nothing
    why: str = ""  # why values outside low and high are impossible


_DENSITY = PlausibleRange(0.0, math.inf, 0.001, "a density of lines is never negative")
_NEVER_NEGATIVE = PlausibleRange(0.0, math.inf, 0.0, "a density or a distance is never negative")
PLAUSIBLE_RANGES = {
    "slope": PlausibleRange(0.0, 90.0, 0.5, "slopes lie between 0 and 90 degrees"),
    "profile_curvature": PlausibleRange(-10.0, 10.0, 1e-6, "a curvature beyond 10 1/m is a radius below 10 cm"),
    "river_density": _DENSITY,
    "fault_density": _DENSITY,
    "precipitation": PlausibleRange(0.0, 15000.0, 1.0, "annual precipitation lies between 0 and 15,000 mm"),
    "temperature": PlausibleRange(-60.0, 40.0, 0.05, "annual mean temperature lies between −60 and 40 °C"),
}


def plausible_range(name: str) -> PlausibleRange:
    """Return what is known of a factor's values by its name; nothing for most user layers."""
    if name in PLAUSIBLE_RANGES:
        return PLAUSIBLE_RANGES[name]
    return _NEVER_NEGATIVE if "density" in name or "distance" in name else PlausibleRange()
