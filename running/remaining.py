"""How long a run will still take, as far as its progress so far tells."""

from __future__ import annotations

import bisect

FIRST = 8.0
"""Seconds of a run in which nothing is said: its first steps tell little."""
LEAST = 0.02
"""Share of the work before which nothing is said."""
CHANGE = 0.2
"""What is said changes when the time left has changed by this share."""
PAUSE = 5.0
"""Seconds between two changes, at least."""
AGREEMENT = 1.4
"""By how much the pace of the last half and that of the last quarter of a run may differ to be believed."""
SILENCE = 45.0
"""Seconds after which the pace of the last half is believed in any case."""


class Remaining:
    """Listens to the share of the work done, and says now and then how long the rest will take.

    The pace is that of the later half of the run: early steps have another pace than the long ones, and a pace of the
    last seconds would jump about. While that half still holds two stages of different pace nothing is said. What is
    said goes into a log, so it is said anew only when it has changed much: about fifteen times an hour of work.
    """

    def __init__(self, now: float) -> None:
        """Start.

        Args:
            now: seconds of a clock that never goes back.
        """
        self._began, self._last = now, 0.0
        self._times, self._shares = [now], [0.0]
        self._said: tuple[float, float] | None = None

    def seconds(self, fraction: float, now: float) -> float | None:
        """Return the seconds left when there is something new to say, else None.

        Args:
            fraction: share of the work done, 0 to 1.
            now: as in the constructor.
        """
        if fraction <= self._last:
            return None
        self._last = fraction
        self._mark(fraction, now)
        if now - self._began < FIRST or not LEAST <= fraction < 1:
            return None
        half, quarter = self._pace(0.5, fraction, now), self._pace(0.25, fraction, now)
        silent = now - (self._said[0] if self._said else self._began)
        if half is None:
            return None
        if silent < SILENCE and (quarter is None or max(half, quarter) > AGREEMENT * min(half, quarter)):
            return None
        left = (1 - fraction) / half
        if self._said is not None:
            when, seconds = self._said
            less, more = left < seconds * (1 - CHANGE), left > max(seconds - (now - when), 1.0) * (1 + CHANGE)
            if silent < PAUSE or not (less or more):
                return None
        self._said = now, left
        return left

    def _pace(self, part: float, fraction: float, now: float) -> float | None:
        """Return the share done in a second over the last part of the run, None when nothing was."""
        first = max(bisect.bisect_right(self._times, now - part * (now - self._began)) - 1, 0)
        done, seconds = fraction - self._shares[first], now - self._times[first]
        return done / seconds if done > 0 and seconds > 0 else None

    def _mark(self, fraction: float, now: float) -> None:
        """Keep where the run stood, some two hundred times in its last half."""
        if now - self._times[-1] >= (now - self._began) / 400:
            self._times.append(now)
            self._shares.append(fraction)
            if len(self._times) > 2000:
                gone = bisect.bisect_right(self._times, self._began + (now - self._began) / 3) - 1
                del self._times[:max(gone, 0)], self._shares[:max(gone, 0)]
