"""The time left of a run, from the rate of its progress. Nothing of QGIS is in here, so that it is tested without."""

from __future__ import annotations

from bisect import bisect_left

MIN_ELAPSED, MIN_FRACTION = 10.0, 0.02  # seconds and share of the work before which nothing is estimated
STEADY = 1.4  # ratio of the rates in the last two thirds of the time up to which the rest is foreseen
MIN_INTERVAL, MIN_CHANGE = 5.0, 0.2
"""Seconds between two estimates, and the relative change that makes a new one worth showing."""


class ProgressEstimator:
    """Estimates the time left from the rate of the last two thirds of the time, while that rate is steady.

    The first third may have a rate of its own: libraries are loaded and caches filled. Where the rate changes there is
    no estimate, rather than a wrong one.
    """

    def __init__(self, now: float) -> None:
        self._times, self._fractions = [now], [0.0]
        self._shown: tuple[float, float] | None = None  # when, and seconds left

    def seconds(self, fraction: float, now: float) -> float | None:
        """Return the seconds left to show now, None for none; ``fraction`` of the work, 0 to 1, is done."""
        if fraction <= self._fractions[-1] or now <= self._times[-1]:
            return self._left()
        self._times.append(now)
        self._fractions.append(fraction)
        left = self._estimate(fraction, now)
        if left is None:
            self._shown = None
        elif self._shown is None:
            self._shown = now, left
        else:
            when, shown = self._shown
            expected = max(shown - (now - when), 1.0)
            changed = left < shown * (1 - MIN_CHANGE) or left > expected * (1 + MIN_CHANGE)
            if changed and now - when >= MIN_INTERVAL:
                self._shown = now, left
        return self._left()

    def _left(self) -> float | None:
        return None if self._shown is None else self._shown[1]

    def _estimate(self, fraction: float, now: float) -> float | None:
        start = self._times[0]
        third = (now - start) / 3
        if now - start < MIN_ELAPSED or not MIN_FRACTION <= fraction < 1:
            return None
        middle, late = self._fraction_at(now - 2 * third), self._fraction_at(now - third)
        before, after = (late - middle) / third, (fraction - late) / third
        if min(before, after) <= 0 or max(before, after) > STEADY * min(before, after):
            return None
        return (1 - fraction) * 2 * third / (fraction - middle)

    def _fraction_at(self, time: float) -> float:
        """Return the share that was done at a time, between two reports by interpolation."""
        after = bisect_left(self._times, time)
        if self._times[after] == time:
            return self._fractions[after]
        (first, second), (low, high) = self._times[after - 1 : after + 1], self._fractions[after - 1 : after + 1]
        return low + (high - low) * (time - first) / (second - first)
