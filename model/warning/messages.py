"""What a warning map says in words, and what about its inputs should be looked at again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Sequence

from ..progress import Progress
from ..safety.coefficients import ClassCoefficient
from .classes import NAMES, UNJUDGED, WATCH, Thresholds
from .tally import Tally

MUCH_RAIN = 600.0
"""mm in seven days above which it is asked whether RAIN is something else; an annual sum is easily given."""

LITTLE_RAIN = 1.0
"""mm below which it is asked whether RAIN is in metres."""


@dataclass
class Seen:
    """What was met on the way besides the classes."""

    negative_cells: int = 0
    """Cells of the map with negative rain."""

    without_k_m2: float = 0.0
    """Area of the map with rain but without a coefficient."""

    overlap_m2: float = 0.0
    """Area of the map in more than one region."""


class Listener(Protocol):
    """Who keeps warnings."""

    def warn(self, text: str) -> None:
        """Take a warning."""


def say_result(tally: Tally, limits: Thresholds, coefficients: Sequence[ClassCoefficient], seen: Seen,
               notes: Listener, progress: Progress) -> None:
    """Say the areas, and warn of what may mislead.

    Args:
        tally: the finished counts.
        limits: the thresholds.
        coefficients: of the landform classes.
        seen: what was met besides.
        notes: hears what may mislead.
        progress: hears the rest.
    """
    for one in coefficients:
        rain = limits.share_of_threshold(limits.fs_critical) * one.critical_rainfall
        progress.report(0.96, f"{one.label}: warning above {rain:.1f} mm in seven days (k {one.k:g}, {one.source}).")
    areas = tally.km2()
    total = sum(areas.values())
    for number, name in NAMES.items():
        progress.report(0.97, f"{name}: {areas[number]:,.2f} km², {areas[number] / total:.1%}")
    _ask_about_rain(tally.highest_rain(), seen.negative_cells, notes)
    _say_gaps(areas[UNJUDGED], seen.without_k_m2 / 1e6, total, notes)
    judged = [number for number in NAMES if number != UNJUDGED and areas[number]]
    if len(judged) == 1:
        lowest = min(limits.share_of_threshold(limits.fs_critical) * one.critical_rainfall for one in coefficients)
        because = f"no more than {tally.highest_rain():.1f} mm fall, and the lowest threshold is {lowest:.1f} mm" \
            if judged[0] < WATCH else f"up to {tally.highest_rain():.1f} mm fall"
        notes.warn(f'All of the map that was judged is in one class, "{NAMES[judged[0]]}": {because}.')
    empty = [name for part, name in enumerate(tally.parts) if not tally.cells[part].any()]
    if empty:
        notes.warn(f"These regions have no cell of the map: {', '.join(empty)}.")
    if seen.overlap_m2:
        notes.warn(f"{seen.overlap_m2 / 1e6:,.2f} km² lie in more than one region and count in each of them, so the "
                   "regions do not add up to the whole.")


def _ask_about_rain(highest: float, negative_cells: int, notes: Listener) -> None:
    if highest > MUCH_RAIN:
        notes.warn(f"RAIN is up to {highest:,.0f} mm, which seven days seldom bring. Is it the rain of a "
                   "month or a year, or in tenths of a millimetre?")
    elif 0 < highest < LITTLE_RAIN:
        notes.warn(f"RAIN is nowhere above {highest:.3g} mm. Is it in metres? Then multiply it by 1,000 first.")
    if negative_cells:
        notes.warn(f"{negative_cells:,} cells have negative rain and are not judged. Set the nodata value of the "
                   "raster if these stand for no data.")


def _say_gaps(unjudged: float, without_k: float, total: float, notes: Listener) -> None:
    without_rain = unjudged - without_k
    if without_rain > 1e-9 * total:
        notes.warn(f"{without_rain:,.2f} km² of the map ({without_rain / total:.1%}) have no rain data and are not "
                   "judged. That is no all-clear.")
    if without_k > 1e-9 * total:
        notes.warn(f"{without_k:,.2f} km² of the map ({without_k / total:.1%}) have no landform and are not judged. "
                   "That is no all-clear; give K for a coefficient there.")
