"""What a check found, and the table of all of it.
What the values of a factor can be, by the factor's name, and the limits from which a check speaks up.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .. import tables
from ..training.settings import default

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
    message: str
    """What was found, one or two plain sentences."""
    remedy: str
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
        unbroken = format_percent(share).replace(" ", "\u00a0")
        return f"{self.cells:,} ({unbroken})"


def format_percent(share: float) -> str:
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


def join_names(names: Sequence[str], most: int = 8) -> str:
    """Return names as a list in a sentence, the tail of a long one counted only."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names)


def sort_by_severity(findings: Iterable[Finding]) -> list[Finding]:
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
        self.errors, self.warnings, self.notes = (count(self.findings, severity) for severity in (ERROR, WARNING, NOTE))

    @property
    def verdict(self) -> str:
        """One sentence that sums up the findings."""
        if not self.errors + self.warnings + self.notes:
            return "Nothing to complain about: all checks passed."
        parts = [
            f"{number} {name if number == 1 else name + 's'}"
            for number, name in ((self.errors, ERROR), (self.warnings, WARNING), (self.notes, NOTE))
            if number
        ]
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
    tables.write_table(
        path,
        COLUMNS,
        [
            (
                finding.severity,
                finding.factor,
                finding.check,
                finding.message,
                finding.cells,
                None if finding.share is None else 100 * finding.share,
                finding.remedy,
            )
            for finding in findings
        ],
    )


CORRELATION_LIMIT = 0.7
"""Absolute Pearson correlation, or Cramér's V, from which a pair is flagged (Dormann et al. 2013 for the former)."""

VIF_LIMIT = 10.0
"""Variance inflation factor from which a factor is flagged (Marquardt 1970)."""

DUPLICATE_LIMIT = 0.9999
"""Correlation or Cramér's V from which one factor is called a copy of another."""

SAME_VALUE_SHARE = 0.99
"""Share of the cells with one and the same value from which a band is called nearly constant."""

OUTLIER_FENCE = 3.0
"""Outliers lie farther beyond the 5th or 95th percentile than this many times the distance between the two.

That is 11.5 standard deviations of a normal distribution; of a Laplace distribution, which curvature resembles, one
cell in ten million lies there. A common fence such as 1.5 interquartile ranges would flag every curvature raster.
"""

FEW_CELLS = 100
"""A class with fewer cells is hardly there: it is a twentieth of one training window of 50 × 50 cells."""

FEW_LANDSLIDE_CELLS = 500
"""Fewer landslide cells than this teach a network little: half a square kilometre at 30 m."""

TRAINING_WINDOW = default("window")
"""Default side of a training window in metres."""

MIN_WINDOW_CELLS = 8
"""Cells a side below which a training window shows less than what the default network sees around a cell."""

MOST_CLASSES = 500
"""A band with more class codes than this is no categorical factor; its associations are not computed."""


@dataclass(frozen=True)
class PlausibleRange:
    """What can be said of a continuous factor's values beforehand."""

    low: float = -math.inf
    """Values below are impossible."""
    high: float = math.inf
    """Values above are impossible."""
    why: str = ""
    """Why values outside are impossible."""
    remedy: str = ""
    """What to look at when there are some."""
    min_spread: float = 0.0
    """A distance between the 1st and 99th percentile below this is next to nothing, in the factor's unit."""


_DENSITY = PlausibleRange(
    0.0,
    math.inf,
    "a density of lines is never negative",
    "Build the density again, and look for a nodata value that was not declared.",
    0.001,
)

PLAUSIBLE_RANGES = {
    "slope": PlausibleRange(
        0.0,
        90.0,
        "a slope gradient lies between 0 and 90 degrees",
        "Build the slope in degrees, not in percent, and look for a nodata value that was not declared.",
        0.5,
    ),
    "profile_curvature": PlausibleRange(
        -10.0,
        10.0,
        "a curvature beyond 10 1/m is a radius below 10 cm",
        "Build the curvature again in 1/m, and look for a nodata value of the DEM that was not declared.",
        1e-6,
    ),
    "river_density": _DENSITY,
    "fault_density": _DENSITY,
    "precipitation": PlausibleRange(
        0.0,
        15000.0,
        "annual precipitation lies between 0 and 15,000 mm",
        "Declare the nodata value of the rain raster, check that it is in mm a year, and build the stack again.",
        1.0,
    ),
    "temperature": PlausibleRange(
        -60.0,
        40.0,
        "annual mean temperature lies between −60 and 40 °C",
        "Declare the nodata value of the temperature raster, check that it is in °C, and build the stack again.",
        0.05,
    ),
}

_NEVER_NEGATIVE = PlausibleRange(
    0.0,
    math.inf,
    "a density or a distance is never negative",
    "Declare the nodata value of the layer, and build the stack again.",
)

SENTINELS = (
    -9999.0,
    -99999.0,
    -32768.0,
    -32767.0,
    -2147483648.0,
    -3.4028234663852886e38,
    -999.0,
    -1e20,
    9999.0,
    32767.0,
    65535.0,
    99999.0,
    1e20,
    3.4028234663852886e38,
)
"""Numbers that rasters hold in place of data, often without saying so."""


def plausible_range(name: str) -> PlausibleRange:
    """Return what is known of a factor's values by its name; nothing for most factors of the user's own."""
    if name in PLAUSIBLE_RANGES:
        return PLAUSIBLE_RANGES[name]
    if "density" in name or "distance" in name:
        return _NEVER_NEGATIVE
    return PlausibleRange()
