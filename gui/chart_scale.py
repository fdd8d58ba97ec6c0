"""Where the marks of an axis stand, and how its numbers are written."""

from __future__ import annotations

import math


def ticks(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """Return round numbers from ``low`` to ``high``, as many as fit.

    Args:
        low: end of the axis.
        high: other end, above ``low``.
        most: numbers at most, at least 2.
        whole: whether only whole numbers are wanted.
    """
    least = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = [max(least, 1.0) * factor if whole else least * factor for factor in (1, 2, 5, 10, 20, 50)]
    step = next(step for step in steps if _count(low, high, step) <= most)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, first + _count(low, high, step))]


def value_range(low: float, high: float, share: bool) -> tuple[float, float]:
    """Return the ends of an axis for values from ``low`` to ``high``, with some room around them.

    Args:
        low: lowest value.
        high: highest value.
        share: whether the values are shares, which lie between 0 and 1.
    """
    room = 0.06 * (high - low) or max(0.05, 0.1 * abs(high))
    if not share:
        return low - room, high + room
    # Of a damaged file a share may be anything.
    return max(low - room, min(low, -0.02)), min(high + room, max(high, 1.02))


def value_text(value: float | None, share: bool) -> str:
    """Return a value for the reader; a dash for none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if share else f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}"


def tick_texts(values: list[float], share: bool) -> list[str]:
    """Return the texts of marks, all with the same number of digits."""
    if share:
        values = [100 * value for value in values]
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    # Without the minus of a rounded nothing.
    return [f"{value + 0.0:.{digits}f}{' %' if share else ''}".replace("-0 ", "0 ") for value in values]


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
