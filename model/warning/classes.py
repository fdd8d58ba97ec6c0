"""The rule of the warning, its classes and colours. Light: the Processing shell reads the defaults from here.

=============================  ===============  =======================  ============
seven days' rain               p < P_LOW        P_LOW <= p < P_HIGH      p >= P_HIGH
=============================  ===============  =======================  ============
far below the threshold        no warning       no warning               no warning
near it (only with FS_WATCH)   no warning       watch                    watch
above it (Fs < FS_CRITICAL)    watch            warning                  severe
=============================  ===============  =======================  ============

Fs = 1 / (1 + k * R7) is below 0.5 exactly where the rain R7 exceeds the threshold 1 / k (Zhang & Deng 2026, equation
2). The paper's constraint says that a map must not call a slope safe (p < 0.15) where that warning stands; so such
slopes are watched, and the others warned of. A slope counts as a landslide from p = 0.5 on (table 5).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ParameterInvalid

P_LOW = 0.15
"""Susceptibility below which the map calls a slope safe (Zhang & Deng 2026, equation 5)."""

P_HIGH = 0.5
"""Susceptibility from which the map calls a slope a landslide (table 5)."""

FS_CRITICAL = 0.5
"""Safety factor below which the warning stands."""

NODATA, NO_WARNING, WATCH, WARNING, SEVERE, NOT_ASSESSED = range(6)

NAMES = {
    NO_WARNING: "no warning",
    WATCH: "watch",
    WARNING: "warning",
    SEVERE: "severe warning",
    NOT_ASSESSED: "not judged",
}
"""Names of the classes; ``not judged`` is land with a susceptibility but without rain or coefficient."""

KEYS = {NO_WARNING: "no_warning", WATCH: "watch", WARNING: "warning", SEVERE: "severe", NOT_ASSESSED: "not_judged"}
"""The same in the column names of the table."""

COLOURS = {
    NODATA: (0, 0, 0, 0),
    NO_WARNING: (226, 240, 217, 255),
    WATCH: (254, 217, 83, 255),
    WARNING: (233, 115, 22, 255),
    SEVERE: (126, 3, 42, 255),
    NOT_ASSESSED: (150, 158, 168, 255),
}
"""Yellow, orange and dark red from light to dark, so that they read without red-green vision and in print."""


@dataclass(frozen=True)
class Thresholds:
    """Where the classes begin."""

    p_low: float = P_LOW
    p_high: float = P_HIGH
    fs_critical: float = FS_CRITICAL
    fs_watch: float | None = None
    """Safety factor below which susceptible slopes are watched already; ``None`` for no watch below the threshold."""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ParameterInvalid: a threshold is out of range, or two are in the wrong order.
        """
        if not 0 <= self.p_low <= self.p_high <= 1:
            raise ParameterInvalid(
                f"P_LOW is {self.p_low:g} and P_HIGH {self.p_high:g}, but they are susceptibilities "
                "from 0 to 1, P_HIGH not below P_LOW."
            )
        if not 0 < self.fs_critical < 1:
            raise ParameterInvalid(
                f"FS_CRITICAL is {self.fs_critical:g}, but a safety factor lies between 0 and 1; "
                "0.5 is rain at the threshold."
            )
        if self.fs_watch is not None and not self.fs_critical <= self.fs_watch < 1:
            raise ParameterInvalid(
                f"FS_WATCH is {self.fs_watch:g}, but it must not be below FS_CRITICAL "
                f"({self.fs_critical:g}) and be below 1, which is no rain at all. 0.5556 watches "
                "from four fifths of the threshold on."
            )

    def rainfall_ratio(self, safety_factor: float) -> float:
        """Return the rain at a safety factor as a share of 1 / k."""
        return 1 / safety_factor - 1
