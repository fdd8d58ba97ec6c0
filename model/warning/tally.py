"""Area of each warning class, by region and susceptibility zone."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from .classes import KEYS, UNJUDGED

ALL = "all"
COLUMNS = ("region", "zone", "zone_name", "cells", "km2", *(f"{key}_km2" for key in KEYS.values()),
           *(f"{key}_share" for key in KEYS.values()), "mean_rain_mm", "highest_rain_mm")
"""Columns of the table; shares are of the row's own area, 0 to 1. Rain is that of the cells that were judged; the
highest stands in the rows of all zones together."""


class Tally:
    """Counts cells, area and rain; part 0 is the whole map, the others are the regions."""

    def __init__(self, parts: Sequence[str], zones: Mapping[int, str]) -> None:
        """Start at nothing.

        Args:
            parts: names, the whole map first.
            zones: name by number, from 1.
        """
        self.parts, self.zones = list(parts), dict(zones)
        # Cells on the map but in no zone (a ZONES raster that is smaller) count as zone 0.
        shape = (len(self.parts), max(self.zones) + 1, max(KEYS) + 1)
        self.cells, self.area, self._rain = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
        self._highest = np.full(len(self.parts), np.nan)

    def add(self, part: int, mask: np.ndarray | None, classes: np.ndarray, zones: np.ndarray, rain: np.ndarray,
            row_area: np.ndarray) -> None:
        """Count the cells of a window.

        Args:
            part: 0 for the whole map, or the number of a region from 1.
            mask: which cells belong to the part; ``None`` for all.
            classes: warning class, 0 off the map.
            zones: susceptibility zone, 0 for none.
            rain: in mm, NaN where nothing was judged.
            row_area: area of a cell of each row in square metres.
        """
        if mask is not None:
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            if not len(rows):
                return
            part_of = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
            inside = mask[part_of]
            # Class 0 is not counted.
            classes, zones, rain = np.where(inside, classes[part_of], np.uint8(0)), zones[part_of], rain[part_of]
            rain, row_area = np.where(inside, rain, np.nan), row_area[part_of[0]]
        # Area is the same along a row, so cells are counted by row, zone and class: much faster than adding areas.
        shape = (len(row_area), *self.cells.shape[1:])
        key = zones.astype(np.int64) * shape[2] + classes
        key += (np.arange(shape[0]) * (shape[1] * shape[2]))[:, None]
        size = shape[0] * shape[1] * shape[2]
        counts = np.bincount(key.ravel(), minlength=size).reshape(shape)
        fallen = np.bincount(key.ravel(), np.nan_to_num(rain, nan=0.0).ravel(), minlength=size).reshape(shape)
        counts[..., 0] = 0
        fallen[..., [0, UNJUDGED]] = 0
        self.cells[part] += counts.sum(axis=0)
        self.area[part] += np.tensordot(row_area, counts, axes=1)
        self._rain[part] += np.tensordot(row_area, fallen, axes=1)
        self._highest[part] = np.fmax(self._highest[part], np.fmax.reduce(rain, axis=None))

    def km2(self, part: int = 0) -> dict[int, float]:
        """Return the area of each class in a part, by class."""
        return {number: float(self.area[part, :, number].sum()) / 1e6 for number in KEYS}

    def counts(self) -> dict[int, int]:
        """Return the cells of each class on the whole map."""
        return {number: int(self.cells[0, :, number].sum()) for number in KEYS}

    def highest_rain(self) -> float:
        """Return the highest rain on the map in mm, NaN where there is none."""
        return float(self._highest[0])

    def rows(self) -> Iterator[list[Any]]:
        """Give the rows of the table: for each part all zones together, then each zone."""
        for part, name in enumerate(self.parts):
            yield self._row(part, name, slice(None), "", ALL, self._highest[part])
            for zone, label in self.zones.items():
                yield self._row(part, name, slice(zone, zone + 1), zone, label, None)

    def _row(self, part: int, name: str, zones: slice, number: int | str, label: str, highest: float | None
             ) -> list[Any]:
        area = self.area[part, zones].sum(axis=0)[list(KEYS)] / 1e6
        total, judged = area.sum(), area.sum() - area[list(KEYS).index(UNJUDGED)]
        shares = area / total if total else [None] * len(KEYS)
        mean = self._rain[part, zones].sum() / 1e6 / judged if judged else None
        return [name, number, label, int(self.cells[part, zones].sum()), total, *area, *shares, mean, highest]
