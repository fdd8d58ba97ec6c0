"""How numbers and parts of the map are worded in a validation report."""

from __future__ import annotations

import math

from ..validation.intervals import Estimate
from ..validation.scopes import ALL, REGION_PREFIX
from .page import MISSING


def part_of(name: str) -> str:
    """Return which part of the map the main numbers are for, in words."""
    return "All of the map" if name == ALL else f"Only the {name} windows"


def scope_title(name: str) -> str:
    """Return the name of a part of the map for a table."""
    if name.startswith(REGION_PREFIX):
        return name[len(REGION_PREFIX):]
    return {ALL: "All of the map", "train": "Training windows", "validation": "Validation windows",
            "test": "Test windows"}.get(name, name)


def short_title(name: str) -> str:
    """Return the name of a part of the map for a legend."""
    return {ALL: "all", "train": "training", "validation": "validation", "test": "test"}.get(name, name)


def percent(share: float, digits: int = 2) -> str:
    """Return a share as text in per cent, a dash where there is none."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%" if math.isfinite(share) else MISSING


def interval_text(estimate: Estimate, digits: int = 3) -> str:
    """Return an interval, a dash where there is none."""
    return f"{estimate.low:.{digits}f} – {estimate.high:.{digits}f}" if estimate.has_interval else MISSING


def range_sentence(estimate: Estimate) -> str:
    """Return an interval as a sentence, nothing where there is none."""
    return f"95 % interval {interval_text(estimate)}. " if estimate.has_interval else ""


def ratio_text(value: float) -> str:
    """Return a frequency ratio with three significant digits, as the paper's table 4 has them."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def css_colour(colour: tuple[int, int, int, int]) -> str:
    """Return red, green, blue, alpha as a colour for HTML and matplotlib."""
    return f"#{colour[0]:02x}{colour[1]:02x}{colour[2]:02x}"
