"""The rule of the warning: its options, classes and colours. Light: the Processing shell reads them from here.

=============================  ===============  =======================  ============
seven days' rain               p < P_LOW        P_LOW <= p < P_HIGH      p >= P_HIGH
=============================  ===============  =======================  ============
far below the threshold        below threshold  below threshold          below threshold
near it (only with FS_WATCH)   below threshold  watch                    watch
above it (Fs < FS_CRITICAL)    watch            warning                  severe
=============================  ===============  =======================  ============

Fs = 1 / (1 + k * R7) is below 0.5 exactly where the rain R7 exceeds the threshold 1 / k (Zhang & Deng 2026, equation
2). The paper's constraint is that a map must not call a slope safe (p < 0.15) where that warning applies; so such
slopes are on watch, and the others get a warning. A slope counts as a landslide from p = 0.5 on (table 5).

Below the threshold says nothing without the hit rate of the threshold, the share of past landslides that it caught: the
name of that class states it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import ParameterInvalid
from ..inputs.units import AUTO, PRECIPITATION_UNITS
from ..options import Option, Options, choice, number

if TYPE_CHECKING:
    from ..factors.settings import CategoricalInput
    from ..inputs.vectors import Polygons

NODATA, NO_WARNING, WATCH, WARNING, SEVERE, NOT_ASSESSED = range(6)
"""Not assessed is land with a susceptibility but without rain or coefficient."""


def below_threshold(hit_rate: float | None, climatological: bool = False) -> str:
    """Return the name of the lowest class. The hit rate is 0 to 1, ``None`` if it is unknown; ``climatological`` says
    with which weeks it was measured.
    """
    if hit_rate is None:
        return "below threshold, hit rate unknown"
    weeks = " by climatological weeks" if climatological else ""
    return f"below threshold (threshold caught {100 * hit_rate:.0f} % of past landslides{weeks})"


NAMES = dict(enumerate((below_threshold(None), "watch", "warning", "severe warning", "not judged"), NO_WARNING))
"""Those of a map whose threshold has a known hit rate differ in the first."""
KEYS = dict(enumerate(("no_warning", "watch", "warning", "severe", "not_judged"), NO_WARNING))
"""The classes in the column names of the table, which are frozen."""
COLOURS = {
    NODATA: (0, 0, 0, 0),
    NO_WARNING: (226, 240, 217, 255),
    WATCH: (254, 217, 83, 255),
    WARNING: (233, 115, 22, 255),
    SEVERE: (126, 3, 42, 255),
    NOT_ASSESSED: (150, 158, 168, 255),
}
"""Yellow, orange and dark red from light to dark, so that they read without red-green vision and in print."""

_K = (
    "1 divided by the threshold in mm: 0.0129 is 77.5 mm, the paper's value for mountains in southeastern Tibet. With "
    "TOPOGRAPHY it is for land without another k. It overrides SAFETY_FACTOR."
)
_HIT_RATE = (
    "Share of past landslides whose rain exceeded the threshold, 0 to 1, when you know it: 0.94 if the threshold "
    "caught 94 of 100. Empty: that of SAFETY_FACTOR if all thresholds come from there and FS_CRITICAL is 0.5, "
    "otherwise unknown."
)
_P_LOW = (
    "Slopes below it are only on watch when the threshold is exceeded, those from it on get a warning. 0.15 as in the "
    "paper."
)
_P_HIGH = (
    "Slopes from it on get a severe warning when the threshold is exceeded. 0.5, from which the paper counts a cell "
    "as a landslide."
)
_CRITICAL = (
    "Below it the threshold counts as exceeded. 0.5, as in the paper, is rain equal to 1/k; 0.4 is one and a half "
    "times as much."
)
_WATCH = (
    "Slopes from P_LOW on are on watch below it already: 0.5556 is from four fifths of the threshold on. Empty: no "
    "watch before the threshold is exceeded."
)
_RAIN_UNIT = "auto takes the unit that the rasters state, else millimetres. tenth_mm is a tenth of a millimetre."


@dataclass(frozen=True)
class WarningOptions(Options):
    """Where the warning classes begin; the defaults are the paper's.

    Raises:
        ParameterInvalid: a value is out of range, or two are in the wrong order.
    """

    rain_unit: str = choice(AUTO, PRECIPITATION_UNITS, "Unit of the rain", _RAIN_UNIT, advanced=True, added=True)
    k: float | None = number(None, 0, 1, "k (1/mm)", _K, decimals=4)
    k_table: dict[str, float] = field(default_factory=dict)  # k by terrain class
    p_low: float = number(0.15, 0, 1, "Safe below this susceptibility", _P_LOW, decimals=4)
    p_high: float = number(0.5, 0, 1, "Severe from this susceptibility on", _P_HIGH, decimals=4)
    fs_critical: float = number(0.5, 0, 1, "Critical rain index", _CRITICAL, open_limits=True, decimals=4)
    fs_watch: float | None = number(None, 0, 1, "Watch below this rain index", _WATCH, decimals=4, advanced=True)
    hit_rate: float | None = number(None, 0, 1, "Hit rate of the threshold", _HIT_RATE, decimals=4)
    region_field: str | None = None  # of the regions; they are numbered without

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k == 0:
            raise ParameterInvalid(
                "K is 0, but it is 1 divided by the rain of the threshold in mm. Set 0.0129 for 77.5 mm, for example."
            )
        if self.p_low > self.p_high:
            raise ParameterInvalid(f"P_LOW is {self.p_low:g}, but must not be above P_HIGH ({self.p_high:g}).")
        if self.fs_watch is not None and not self.fs_critical <= self.fs_watch < 1:
            raise ParameterInvalid(
                f"FS_WATCH is {self.fs_watch:g}, but must not be below FS_CRITICAL ({self.fs_critical:g}), and must be "
                "below 1, which is no rain at all. 0.5556 sets a watch from four fifths of the threshold on."
            )


BY_RAIN_INDEX, BY_EVENTS = "rain_index", "event_thresholds"
METHOD = Option(
    "method",
    BY_RAIN_INDEX,
    "Method",
    "rain_index: the rain of seven days against a threshold 1/k. event_thresholds: cumulated rain and duration of the "
    'rain event so far against the thresholds by zone of "Rainfall thresholds"; it needs THRESHOLDS. Parameters of the '
    "other method are not used.",
    choices=(BY_RAIN_INDEX, BY_EVENTS),
    added=True,
)
_EVENT_DAYS = (
    "Duration in days of the rain event whose cumulated rain RAIN has. Leave it empty for daily rain, from which the "
    "event of each cell follows."
)
_WATCH_LEVEL = (
    "A rain event above the threshold of this non-exceedance probability (%) is on watch. It must be one of those in "
    "THRESHOLDS, and so must the next two."
)
_WARNING_LEVEL = "Above the threshold of this non-exceedance probability (%) it gets a warning."
_SEVERE_LEVEL = "Above the threshold of this non-exceedance probability (%) it gets a severe warning."


@dataclass(frozen=True)
class EventWarningOptions(Options):
    """Where the warning classes begin, by non-exceedance probabilities in %.

    Raises:
        ParameterInvalid: a value is out of range, or two are in the wrong order.
    """

    rain_unit: str = choice(AUTO, PRECIPITATION_UNITS, "Unit of the rain", _RAIN_UNIT, advanced=True, added=True)
    event_days: int | None = number(None, 1, 366, "Duration of the rain event (days)", _EVENT_DAYS, added=True)
    watch_probability: float = number(5.0, 0.1, 99.9, "Watch from (%)", _WATCH_LEVEL, decimals=1, added=True)
    warning_probability: float = number(20.0, 0.1, 99.9, "Warning from (%)", _WARNING_LEVEL, decimals=1, added=True)
    severe_probability: float = number(
        50.0, 0.1, 99.9, "Severe warning from (%)", _SEVERE_LEVEL, decimals=1, added=True
    )
    region_field: str | None = None  # of the regions; they are numbered without

    def __post_init__(self) -> None:
        super().__post_init__()
        low, middle, high = self.watch_probability, self.warning_probability, self.severe_probability
        if not low <= middle <= high:
            raise ParameterInvalid(
                f"WATCH_PROBABILITY, WARNING_PROBABILITY and SEVERE_PROBABILITY are {low:g}, {middle:g} and {high:g} "
                "%, but must not fall: a higher probability is a higher threshold."
            )


@dataclass
class EventWarningInputs:
    """What a warning by thresholds of rain events is made from."""

    susceptibility: str | os.PathLike  # map from 0 to 1, first band
    rain: Sequence[str | os.PathLike]  # daily rain, a band or raster for each day; or one band of cumulated rain
    thresholds: str | os.PathLike  # CSV of "Rainfall thresholds"
    zones: str | os.PathLike | None = None  # zone raster on the map's grid, with the zones of the thresholds
    regions: Polygons | None = None  # in the map's CRS; may overlap


@dataclass
class WarningInputs:
    """What a warning is made from."""

    susceptibility: str | os.PathLike  # map from 0 to 1, first band
    rain: Sequence[str | os.PathLike]  # rasters in any CRS whose sum is the rain of seven days in mm; first bands
    topography: CategoricalInput | None = None  # terrain classes; None for one coefficient
    safety_factor: str | os.PathLike | None = None  # rain index whose tags hold thresholds and hit rate
    zones: str | os.PathLike | None = None  # zone raster on the map's grid; None for five zones by area shares
    regions: Polygons | None = None  # in the map's CRS; may overlap
