"""What was found, in sentences."""

from __future__ import annotations

import math
from typing import Sequence

from ..report.wording import percent
from ..validation.intervals import Estimate
from .importance import Importance
from .plausibility import AGAINST, FLAT_CHANGE, RISES, UNJUDGED, Judgement
from .relations import Relation


def interval(estimate: Estimate, digits: int = 3) -> str:
    """Return a number with its interval, minus signs as they are printed."""
    # Adding 0 turns a rounded −0 into 0.
    value, low, high = (round(one, digits) + 0.0 for one in (estimate.value, estimate.low, estimate.high))
    text = f"{value:.{digits}f}" + (f" ({low:.{digits}f} to {high:.{digits}f})" if estimate.has_interval else "")
    return text.replace("-", "−")


def plain_number(value: float) -> str:
    """Return a value of a factor with three digits that count, thousands whole."""
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")


def is_clear(found: Importance) -> bool:
    """Whether the map loses more without a factor than chance explains."""
    return found.auc_fall.has_interval and found.auc_fall.low > 0


def expected_text(found: Judgement, unit: str) -> str:
    """Return what is expected of a factor, and why."""
    expected = found.expectation
    span = ""
    if math.isfinite(expected.low) and math.isfinite(expected.high):
        span = f" between {expected.low:g} and {expected.high:g} {unit}".rstrip()
    return f"Susceptibility {expected.direction}{span}. {expected.why}"


def judgement_sentence(found: Judgement, unit: str, companions: Sequence[str] = ()) -> str:
    """Return what the map does over the range of a factor, with its numbers, and what the land does.

    Args:
        found: the judgement.
        unit: of the factor.
        companions: titles of the factors that go together with it.
    """
    if found.verdict == UNJUDGED:
        return f"Not judged: {found.reason}."
    moved = "rises" if found.change.value > 0 else "falls"
    span = f"From {plain_number(found.low)} to {plain_number(found.high)} {unit}".rstrip()
    text = f"{span} it {moved} from {found.start:.2f} to {found.end:.2f}: a change of {interval(found.change, 2)}."
    if found.turns:
        text += " The curve turns on the way, so look at it."
    low, high = found.observed
    if math.isfinite(low) and math.isfinite(high):
        text += (f" Landslides are {percent(low, 1)} of the labelled cells in the lower third of that range, "
                 f"{percent(high, 1)} in the upper.")
        agrees = (high > low) == (found.expectation.direction == RISES)
        if found.verdict == AGAINST:
            who = " and ".join(companions) or "other factors"
            text += (f" So the land is as expected and the map is not: {who} may have taken this one's part."
                     if agrees else " So the land here, too, is not as expected.")
    return text


def relation_sentence(found: Relation, titles: Sequence[str]) -> str:
    """Return how strongly two factors go together."""
    name = "Spearman's ρ" if found.measure == "Spearman" else "Cramér's V"
    value = f"{found.value:.2f}".replace("-", "−")
    return f"{titles[found.first]} and {titles[found.second]} ({name} {value})"


FLAT_NOTE = f"A curve that moves less than {FLAT_CHANGE:g} is called flat; one whose interval includes 0, unclear."
