"""Numbers that grow by one an epoch and are drawn often, also when there are a hundred thousand of them."""

from __future__ import annotations

import math
from array import array
from typing import Sequence

BUCKET = 64
"""Values that share a lowest and a highest one."""


class Series:
    """Values of the epochs 1, 2, 3 ..., NaN where there is none."""

    def __init__(self) -> None:
        """Begin without any."""
        self.values = array("d")
        self.lowest = math.inf
        self.highest = -math.inf
        self._lows, self._highs = array("d"), array("d")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def empty(self) -> bool:
        """Whether there is no number in it."""
        return self.lowest > self.highest

    def append(self, value: float | None) -> None:
        """Add the value of the next epoch."""
        if len(self.values) % BUCKET == 0:
            self._lows.append(math.inf)
            self._highs.append(-math.inf)
        self.values.append(math.nan if value is None else value)
        if value is not None:
            self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
            self._lows[-1], self._highs[-1] = min(self._lows[-1], value), max(self._highs[-1], value)

    def at(self, epoch: int) -> float | None:
        """Return the value of an epoch, ``None`` where there is none."""
        if not 1 <= epoch <= len(self.values) or math.isnan(self.values[epoch - 1]):
            return None
        return self.values[epoch - 1]

    def lines(self, most: int) -> list[list[tuple[float, float]]]:
        """Return the values as lines of (epoch, value), broken where there is none.

        Args:
            most: points at most, about two for each dot on the screen; of more values, neighbouring ones become two
                points, their lowest and their highest.
        """
        if len(self.values) <= most:
            return _unbroken([(number, value) for number, value in enumerate(self.values, 1)])
        points: list[tuple[float, float]] = []
        together = max(1, -(-2 * len(self._lows) // most))
        for first in range(0, len(self._lows), together):
            low, high = min(self._lows[first:first + together]), max(self._highs[first:first + together])
            middle = min((first + together / 2) * BUCKET, len(self.values))
            points += [(middle, math.nan)] if low > high else [(middle, low), (middle, high)]
        return _unbroken(points)


def _unbroken(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    result: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if not math.isnan(point[1]):
            result[-1].append(point)
        elif result[-1]:
            result.append([])
    return [line for line in result if line]
