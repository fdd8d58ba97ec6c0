"""What is counted of one band: of a continuous factor its distribution, of a categorical one its class codes."""

from __future__ import annotations

import math

import numpy as np

from ..stack import StackFactor
from ..statistics.moments import CoMoments
from ..statistics.streaming_quantiles import StreamingQuantiles
from .findings import MOST_CLASSES, OUTLIER_FENCE, SENTINELS, plausible_range

HISTOGRAM_BINS = 48
MAX_DISTINCT = 64
"""Different values of a continuous band that are kept; one with no more than these looks like classes."""

CODE_LIMIT = 1 << 16
"""Class codes are whole numbers below this."""

MAX_IMPOSSIBLE_SHARE = 0.05
"""Up to this share of impossible cells, they are single errors; with more, the factor has another unit."""

NODATA_BELOW = -9000.0

PROBABILITIES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class _Band:
    def __init__(self, factor: StackFactor) -> None:
        self.factor = factor
        self.cells = 0
        self.empty = 0
        """Cells without data (NaN or the declared nodata value)."""
        self.infinite = 0
        self.lost_alone = 0
        """Cells that lack data in this band only."""

    @property
    def name(self) -> str:
        """Name of the factor."""
        return self.factor.name

    @property
    def finite(self) -> int:
        """Cells with data."""
        return self.cells - self.empty - self.infinite

    def _count(self, values: np.ndarray) -> np.ndarray:
        """Count cells with and without data; returns where there is some."""
        finite = np.isfinite(values)
        missing = values.size - int(np.count_nonzero(finite))
        self.cells += values.size
        if missing:
            empty = int(np.count_nonzero(np.isnan(values)))
            self.empty += empty
            self.infinite += missing - empty
        return finite


class ContinuousBand(_Band):
    """The distribution of a continuous factor."""

    def __init__(self, factor: StackFactor) -> None:
        """Begin with no cells."""
        super().__init__(factor)
        self.minimum, self.maximum = math.inf, -math.inf
        self.moments = CoMoments(1)
        self.quantiles = StreamingQuantiles()
        self.below = self.above = 0
        """Cells below and above what is possible."""
        self.integer_cells = 0
        """Cells that hold a whole number."""
        self.distinct: set[float] | None = set()
        """The different values, or ``None`` when there are more than ``MAX_DISTINCT``."""
        self.low_fence = self.high_fence = math.nan
        self.low_outliers = self.high_outliers = 0
        self.at_minimum = self.at_maximum = 0
        """Cells that hold just the smallest and the largest value."""
        self.plausible_low, self.plausible_high = -math.inf, math.inf
        """A few cells outside are impossible; they are left out of histogram and covariances."""
        self.edges = np.empty(0)
        """Edges of the histogram's bins, shape (bins + 1,)."""
        self.histogram = np.zeros(HISTOGRAM_BINS, dtype=np.int64)
        self.histogram_labelled = np.zeros(HISTOGRAM_BINS, dtype=np.int64)
        """Cells whose label is known."""
        self.histogram_landslide = np.zeros(HISTOGRAM_BINS, dtype=np.int64)
        self.labelled_minimum, self.labelled_maximum = math.inf, -math.inf
        """Range over the cells whose label is known: what a model can learn from."""

    @property
    def varies(self) -> bool:
        """Whether there are at least two different values."""
        return self.minimum < self.maximum

    @property
    def mean(self) -> float:
        """Mean of all cells with data, NaN without any."""
        return float(self.moments.mean[0]) if self.moments.count else math.nan

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of all cells with data."""
        return float(np.sqrt(self.moments.covariance()[0, 0]))

    def quantile(self, probability: float) -> float:
        """Return an exact quantile, one of ``PROBABILITIES``."""
        return self.quantiles.exact(probability)

    def first(self, values: np.ndarray) -> np.ndarray:
        """Take in cells of the first walk.

        Args:
            values: float32, shape (cells,), NaN at nodata.

        Returns:
            Where there is data, bool, shape (cells,).
        """
        finite = self._count(values)
        cells = values[finite]
        if not cells.size:
            return finite
        self.minimum = min(self.minimum, float(cells.min()))
        self.maximum = max(self.maximum, float(cells.max()))
        self.moments.add(cells[None])
        self.quantiles.add(cells)
        limits = plausible_range(self.name)
        if self.minimum < limits.low:
            self.below += int(np.count_nonzero(cells < limits.low))
        if self.maximum > limits.high:
            self.above += int(np.count_nonzero(cells > limits.high))
        self.integer_cells += int(np.count_nonzero(cells == np.floor(cells)))
        if self.distinct is not None:
            different = np.unique(cells)
            self.distinct = self.distinct.union(different.tolist()) if different.size <= MAX_DISTINCT else None
            if self.distinct is not None and len(self.distinct) > MAX_DISTINCT:
                self.distinct = None
        return finite

    def finish_first_pass(self) -> None:
        """Settle fences and bins after the first walk."""
        if not self.finite:
            return
        self.quantiles.prepare_exact(PROBABILITIES)
        low, high = self.quantiles.approximate(0.05), self.quantiles.approximate(0.95)
        self.low_fence, self.high_fence = low - OUTLIER_FENCE * (high - low), high + OUTLIER_FENCE * (high - low)
        limits = plausible_range(self.name)
        if self.below + self.above <= MAX_IMPOSSIBLE_SHARE * self.finite:
            self.plausible_low, self.plausible_high = limits.low, limits.high
        for value in self.sentinels():
            if value == self.minimum:
                self.plausible_low = max(self.plausible_low, float(np.nextafter(np.float32(value), np.float32(np.inf))))
            else:
                self.plausible_high = min(
                    self.plausible_high, float(np.nextafter(np.float32(value), np.float32(-np.inf)))
                )
        self.edges = np.linspace(*self._plot_range(), HISTOGRAM_BINS + 1)

    def second(
        self, values: np.ndarray, landslide: np.ndarray | None, known: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, None]:
        """Take in the same cells of the second walk.

        Args:
            values: float32, shape (cells,), NaN at nodata.
            landslide: where the label is landslide, or ``None`` without labels.
            known: where the label is landslide or stable.

        Returns:
            Where there is data, and where it is also possible; both bool, shape (cells,).
        """
        finite = np.isfinite(values)
        cells = values[finite]
        if not cells.size:
            return finite, finite, None
        self.quantiles.refine(cells)
        if self.minimum < self.low_fence:
            self.low_outliers += int(np.count_nonzero(cells < self.low_fence))
        if self.maximum > self.high_fence:
            self.high_outliers += int(np.count_nonzero(cells > self.high_fence))
        self.at_minimum += int(np.count_nonzero(cells == self.minimum))
        self.at_maximum += int(np.count_nonzero(cells == self.maximum))
        self.histogram += self._histogram(cells)
        plausible = finite
        if self.minimum < self.plausible_low or self.maximum > self.plausible_high:
            with np.errstate(invalid="ignore"):
                plausible = (values >= self.plausible_low) & (values <= self.plausible_high)
        if landslide is not None and known is not None:
            labelled = values[plausible & known]
            if labelled.size:
                self.labelled_minimum = min(self.labelled_minimum, float(labelled.min()))
                self.labelled_maximum = max(self.labelled_maximum, float(labelled.max()))
                self.histogram_labelled += self._histogram(labelled)
                self.histogram_landslide += self._histogram(values[plausible & landslide])
        return finite, plausible, None

    def sentinels(self) -> list[float]:
        """Return the smallest or largest value where it looks like a nodata value that was not declared."""
        found = []
        # Where they are many, the fence lies beyond them; so far below zero no factor has cells in plenty.
        for value, far in (
            (self.minimum, self.minimum <= NODATA_BELOW or self.minimum < self.low_fence),
            (self.maximum, self.maximum > self.high_fence),
        ):
            if far and any(math.isclose(value, sentinel, rel_tol=1e-6) for sentinel in SENTINELS):
                found.append(value)
        return found

    def cells_outside_labelled(self) -> int:
        """Return about how many cells lie outside the range of the cells with a label (never too many)."""
        if self.labelled_minimum > self.labelled_maximum:
            return 0
        return self.quantiles.count_outside(self.labelled_minimum, self.labelled_maximum)

    def _histogram(self, cells: np.ndarray) -> np.ndarray:
        return np.histogram(cells, HISTOGRAM_BINS, (self.edges[0], self.edges[-1]))[0]

    def _plot_range(self) -> tuple[float, float]:
        """Return the range worth drawing: all of it, or without the thin tails when they are long."""
        low, high = self.quantiles.approximate(0.001), self.quantiles.approximate(0.999)
        slack = (high - low) / 4
        low = self.minimum if self.minimum >= low - slack else low
        high = self.maximum if self.maximum <= high + slack else high
        low, high = max(low, self.plausible_low), min(high, self.plausible_high)
        if low < high and self.varies:
            return low, high
        middle = self.quantiles.approximate(0.5) if self.varies else self.minimum
        room = max(abs(middle) * 1e-2, 1e-6)
        return middle - room, middle + room


class CategoricalBand(_Band):
    """The class codes of a categorical factor."""

    def __init__(self, factor: StackFactor) -> None:
        """Begin with no cells."""
        super().__init__(factor)
        self._counts = np.zeros(CODE_LIMIT, dtype=np.int64)
        self.invalid_codes: dict[float, int] = {}
        """Cells by value, of values that are no class code: fractions, negative or huge ones. A thousand at most."""
        self.invalid_code_cells = 0
        self.codes: list[int] = []
        """Codes that occur, ascending."""
        self.counts = np.empty(0, dtype=np.int64)
        """Cells of each of ``codes``."""
        self.known = np.empty(0, dtype=np.int64)
        """Cells of each of ``codes`` whose label is known."""
        self.landslides = np.empty(0, dtype=np.int64)
        """Landslide cells of each of ``codes``."""
        self._index = np.empty(0, dtype=np.int64)

    @property
    def countable(self) -> bool:
        """Whether there are few enough classes to cross them with other factors."""
        return 0 < len(self.codes) <= MOST_CLASSES

    def label(self, code: int) -> str:
        """Return the label of a code, or the code as text when the class table lacks it."""
        label = self.factor.classes.get(code) or f"code {code}"
        return f"class {label}" if label.isdigit() else label

    def first(self, values: np.ndarray) -> np.ndarray:
        """Take in cells of the first walk; returns where there is data (see :meth:`ContinuousBand.first`)."""
        finite = self._count(values)
        cells = values[finite]
        coded = _is_code(cells)
        if coded.all():
            self._counts += np.bincount(cells.astype(np.int64), minlength=CODE_LIMIT)
            return finite
        self._counts += np.bincount(cells[coded].astype(np.int64), minlength=CODE_LIMIT)
        self.invalid_code_cells += cells.size - int(np.count_nonzero(coded))
        for value, cells_of_value in zip(*np.unique(cells[~coded], return_counts=True)):
            if float(value) in self.invalid_codes or len(self.invalid_codes) < 1000:
                self.invalid_codes[float(value)] = self.invalid_codes.get(float(value), 0) + int(cells_of_value)
        return finite

    def finish_first_pass(self) -> None:
        """Settle the codes after the first walk."""
        self.codes = np.flatnonzero(self._counts).tolist()
        self.counts = self._counts[self.codes]
        self.known = np.zeros(len(self.codes), dtype=np.int64)
        self.landslides = np.zeros(len(self.codes), dtype=np.int64)
        self._index = np.full(CODE_LIMIT, -1, dtype=np.int64)
        self._index[self.codes] = np.arange(len(self.codes))

    def second(
        self, values: np.ndarray, landslide: np.ndarray | None, known: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take in the same cells of the second walk.

        Args:
            values: float32, shape (cells,), NaN at nodata.
            landslide: where the label is landslide, or ``None`` without labels.
            known: where the label is landslide or stable.

        Returns:
            Where there is data, where it is sound (a class code, if most cells hold one), and the code's place in
            ``codes``, −1 where it is none.
        """
        finite = np.isfinite(values)
        coded = _is_code(values)
        index = self._index[np.where(coded, values, 0).astype(np.int64)]
        index[~coded] = -1
        if landslide is not None and known is not None:
            self.known += np.bincount(index[known & coded], minlength=len(self.codes))
            self.landslides += np.bincount(index[landslide & coded], minlength=len(self.codes))
        # With many odd values, leaving them out of every pair of factors would leave nothing to compare.
        return finite, coded if self.invalid_code_cells <= MAX_IMPOSSIBLE_SHARE * self.finite else finite, index


def _is_code(values: np.ndarray) -> np.ndarray:
    """Return where values are whole numbers that a class code can be; NaN and infinities are none."""
    with np.errstate(invalid="ignore"):
        return (values >= 0) & (values < CODE_LIMIT) & (values == np.floor(values))
