"""What the cells of a raster hold, in words for messages: its values or its range, and the shares of the cells."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import rasterio

from ..progress import Progress, stop_if_cancelled
from .rasters import raster_path, read_window

MAX_VALUES = 12  # so many different values are listed; of more the range is given
ROUNDING = 1e-4  # how far a susceptibility may lie outside 0 to 1 by rounding
_ROWS = 512  # read at once


@dataclass
class ValueSurvey:
    """The values of one band."""

    cells: int = 0  # of the raster
    known: int = 0  # cells with a finite value
    low: float = math.inf
    high: float = -math.inf
    outside: int = 0  # cells outside 0 to 1
    whole: bool = True  # whether all values are whole numbers
    counts: dict[float, int] | None = field(default_factory=dict)
    """Cells by value; ``None`` if there are more than :data:`MAX_VALUES` values."""
    nodata: float | None = None  # declared

    @classmethod
    def of(cls, dataset: rasterio.DatasetReader, progress: Progress) -> ValueSurvey:
        """Read the first band of an open raster."""
        result = cls(nodata=dataset.nodatavals[0])
        for row in range(0, dataset.height, _ROWS):
            stop_if_cancelled(progress)
            result.add(read_window(dataset, row, 0, min(_ROWS, dataset.height - row), dataset.width, [1]))
        return result

    def add(self, cells: np.ndarray) -> None:
        """Count cells of any shape; NaN and infinite ones have no data."""
        self.cells += cells.size
        values = cells[np.isfinite(cells)]
        if not values.size:
            return
        self.known += values.size
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.outside += int(np.count_nonzero((values < -ROUNDING) | (values > 1 + ROUNDING)))
        self.whole = self.whole and bool((values == np.floor(values)).all())
        if self.counts is not None:
            found, counts = np.unique(values, return_counts=True)
            for value, count in zip(found[: MAX_VALUES + 1].tolist(), counts.tolist()):
                self.counts[value] = self.counts.get(value, 0) + count
            if len(self.counts) > MAX_VALUES:
                self.counts = None

    @property
    def values(self) -> list[float]:
        """Different values in ascending order; none if there are too many."""
        return sorted(self.counts or ())

    def text(self) -> str:
        """Return the values with their shares, or the range: "the values 0 (90 %) and 1 (10 % of the cells)"."""
        if not self.known:
            return "no value in any cell"
        if self.counts is None:
            return f"values from {self.low:.6g} to {self.high:.6g}"
        listed = [f"{value:.6g} ({percent(count, self.known)})" for value, count in sorted(self.counts.items())]
        if len(listed) == 1:
            return f"the value {self.low:.6g} in every cell with data"
        listed[-1] = listed[-1][:-1] + " of the cells with data)"
        return f"the values {', '.join(listed[:-1])} and {listed[-1]}"

    def without_data(self) -> str:
        """Return how many cells have no data and why, as far as a declared value is the reason; empty for none."""
        lost = self.cells - self.known
        if not lost or self.nodata is None or math.isnan(self.nodata):
            return ""
        share = percent(lost, self.cells)
        return f"{lost:,} of {self.cells:,} cells ({share}) have no data because {self.nodata:g} is declared as nodata"


def percent(part: float, whole: float) -> str:
    """Return a share as "12 %", with "less than 1 %" and "more than 99 %" where rounding would hide the rest."""
    share = part / whole if whole else 0.0
    if 0 < share < 0.01:
        return "less than 1 %"
    return "more than 99 %" if 0.99 < share < 1 else f"{share:.0%}".replace("%", " %")


_SCALES = (
    (100.0, "It looks like percent. Divide it by 100"),
    (255.0, "It looks like bytes from 0 to 255. Divide it by 255"),
    (1000.0, "It looks like thousandths. Divide it by 1,000"),
    (10000.0, "It looks like ten-thousandths. Divide it by 10,000"),
    (65535.0, "It looks like numbers from 0 to 65,535. Divide it by 65,535"),
)
_CALCULATOR = "with the raster calculator"
_MAX_LOGIT = 40.0  # beyond it the probability is 0 or 1 in any precision
_MAX_ZONES = 20


def susceptibility_problem(dataset: rasterio.DatasetReader, progress: Progress) -> str:
    """Return what a map whose values are not within 0 to 1 holds, and what to do, in sentences."""
    found = ValueSurvey.of(dataset, progress)
    outside = f"in {found.outside:,} cells ({percent(found.outside, found.known)}) it is not between 0 and 1"
    return f"The susceptibility raster {raster_path(dataset)} holds {found.text()}; {outside}. {scale_advice(found)}"


def scale_advice(found: ValueSurvey) -> str:
    """Return what a map probably holds in place of values from 0 to 1, and how it becomes such a map."""
    otherwise = 'Or choose the map that "Predict susceptibility" wrote.'
    if found.counts is not None and found.whole and found.low >= 0 and found.high <= _MAX_ZONES:
        return f"It looks like zones or classes. Choose the susceptibility map that they were made from. {otherwise}"
    if found.low < -ROUNDING:
        if found.high <= _MAX_LOGIT and found.low >= -_MAX_LOGIT and not found.whole:
            advice = f"It may hold log-odds (logits). Turn them into 1 / (1 + exp(-x)) {_CALCULATOR}."
        else:
            advice = f"Values below 0 are no susceptibility. Declare them as nodata, or rescale the map {_CALCULATOR}."
        return f"{advice} {otherwise}"
    for most, advice in _SCALES:
        if 2 < found.high <= most * (1 + ROUNDING):
            return f"{advice} {_CALCULATOR}. {otherwise}"
    return f"Rescale it to 0 to 1 {_CALCULATOR}. {otherwise}"


def listed(values: Collection[float]) -> str:
    """Return numbers in words: "1, 2 and 3"."""
    texts = [f"{value:.6g}" for value in values]
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)
