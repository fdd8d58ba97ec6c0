"""What the cells of each unit add up to, while a map is read block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..factors.polygons import PolygonBurner
from ..grid import Block

MOST_BURNED = 65_535  # features that are burned at once


class UnitSums:
    """Sums of numbered units; cells count by their area."""

    def __init__(self, units: int) -> None:
        """Start with units 0 to ``units`` - 1, all empty."""
        self.cells = np.zeros(units, dtype=np.int64)
        self.area, self.total, self.above = np.zeros((3, units))  # m², m² × value, m² above the threshold
        self.maximum = np.full(units, -np.inf)
        self.x, self.y = np.zeros((2, units))  # m² × position, metres
        self.doubt_area, self.doubt = np.zeros((2, units))  # m² with an uncertainty, m² × uncertainty

    def add(
        self,
        unit: np.ndarray,
        values: np.ndarray,
        areas: np.ndarray,
        threshold: float,
        position: tuple[np.ndarray, np.ndarray],
        doubt: np.ndarray | None = None,
    ) -> None:
        """Add cells, arrays of shape (cells,).

        Args:
            unit: number of the unit.
            values: susceptibility, finite.
            areas: in m².
            threshold: of the share above.
            position: x and y in metres.
            doubt: uncertainty, NaN where there is none.
        """
        found, place = np.unique(unit, return_inverse=True)
        count = len(found)
        values = values.astype(np.float64)
        self.cells[found] += np.bincount(place, minlength=count)
        self.area[found] += np.bincount(place, areas, count)
        self.total[found] += np.bincount(place, areas * values, count)
        # Breaks are compared with float32 cells.
        self.above[found] += np.bincount(place, areas * (values > np.float32(threshold)), count)
        highest = np.full(count, -np.inf)
        np.maximum.at(highest, place, values)
        self.maximum[found] = np.maximum(self.maximum[found], highest)
        for sums, one in zip((self.x, self.y), position):
            sums[found] += np.bincount(place, areas * one, count)
        if doubt is not None:
            known = np.isfinite(doubt)
            self.doubt_area[found] += np.bincount(place, areas * known, count)
            self.doubt[found] += np.bincount(place, np.where(known, areas * doubt, 0), count)

    def mean(self) -> np.ndarray:
        """Return the mean by area of each unit; NaN without data."""
        return _divided(self.total, self.area)

    def share_above(self) -> np.ndarray:
        """Return the share of the area above the threshold; NaN without data."""
        return _divided(self.above, self.area)

    def uncertainty(self) -> np.ndarray:
        """Return the mean uncertainty by area; NaN without data."""
        return _divided(self.doubt, self.doubt_area)

    def position(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of the middle of each unit in metres; NaN without data."""
        return _divided(self.x, self.area), _divided(self.y, self.area)


def _divided(sums: np.ndarray, by: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(by > 0, sums / by, np.nan)


def burn_units(burner: PolygonBurner, block: Block, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Give the numbers, from 1, of the units whose polygons hold the centres of the cells of a block.

    Units that overlap, such as catchments in each other, come in several arrays, each without overlaps.
    """
    if not len(chosen):
        return
    half = len(chosen) // 2
    if len(chosen) > MOST_BURNED:
        yield from burn_units(burner, block, chosen[:half])
        yield from burn_units(burner, block, chosen[half:])
        return
    number, covering = burner.burn(block, chosen, np.arange(1, len(chosen) + 1))
    if len(chosen) > 1 and covering.max(initial=0) > 1:
        yield from burn_units(burner, block, chosen[:half])
        yield from burn_units(burner, block, chosen[half:])
        return
    yield np.concatenate([[0], chosen + 1])[number]
