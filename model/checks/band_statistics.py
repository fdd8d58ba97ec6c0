"""Statistics of one band in two passes over the stack, with streaming moments.

Each chunk is centred on its own mean and merged (Chan, Golub and LeVeque 1979), so that a precipitation of 2000 ± 1 mm
keeps its variance, which the plain sums of x and x² would lose.
"""

from __future__ import annotations

import math

import numpy as np

from ..inputs.undeclared_nodata import SENTINELS
from ..stack import StackFactor
from ..statistics import StreamingQuantiles
from .findings import MAX_CLASSES, Finding, plausible_range

CHUNK = 1 << 16  # cells centred at a time: small enough for the processor's cache


class CoMoments:
    """Count, means and the matrix of summed products of deviations of several variables."""

    def __init__(self, variables: int) -> None:
        self.count = 0
        self.mean = np.zeros(variables)  # means, float64, shape (variables,)
        self.products = np.zeros((variables, variables))
        """Sums of (x − mean x)(y − mean y) over all cells, float64, shape (variables, variables)."""

    def add(self, values: np.ndarray) -> None:
        """Take in cells, finite numbers of any float type, shape (variables, cells)."""
        for start in range(0, values.shape[1], CHUNK):
            chunk = values[:, start : start + CHUNK].astype(np.float64)
            mean = chunk.mean(axis=1)
            chunk -= mean[:, None]
            # The mean of a chunk is itself rounded; what it misses is put back to the products and to the mean.
            rest = chunk.mean(axis=1)
            count = chunk.shape[1]
            products = chunk @ chunk.T - count * np.outer(rest, rest)
            total, step = self.count + count, mean + rest - self.mean
            self.products += products + np.outer(step, step) * (self.count * count / total)
            self.mean += step * (count / total)
            self.count = total

    def covariance(self) -> np.ndarray:
        """Return the covariance matrix of the cells as a sample (divided by n − 1), NaN with fewer than two cells."""
        return self.products / (self.count - 1) if self.count > 1 else np.full_like(self.products, np.nan)

    def correlation(self) -> np.ndarray:
        """Return Pearson's correlation matrix, shape (variables, variables); NaN where a variable does not vary."""
        spread = np.sqrt(np.diag(self.products))
        with np.errstate(invalid="ignore", divide="ignore"):
            matrix = self.products / np.outer(spread, spread)
        matrix = np.clip(matrix, -1.0, 1.0)
        varying = spread > 0
        matrix[np.diag_indices_from(matrix)] = np.where(varying, 1.0, np.nan)
        return matrix


OUTLIER_FENCE = 3.0
"""Outliers lie farther beyond the 5th or 95th percentile than this many times the distance between the two.

That is 11.5 standard deviations of a normal distribution; of a Laplace distribution, which curvature resembles, one
cell in ten million lies there. A common fence such as 1.5 interquartile ranges would flag every curvature raster.
"""
HISTOGRAM_BINS = 48
MAX_DISTINCT = 64  # different values of a continuous band that are kept; one with no more than these looks like classes
CODE_LIMIT = 1 << 16  # class codes are whole numbers below this
MAX_INVALID_VALUES = 1000  # values that are not class codes, of which the cells are counted
MAX_IMPOSSIBLE_SHARE = 0.05
"""Up to this share of impossible cells, they are single errors; with more, the factor has another unit."""
NODATA_BELOW = -9000.0
PROBABILITIES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class _Band:
    def __init__(self, factor: StackFactor) -> None:
        self.factor, self.name = factor, factor.name
        self.cells = 0
        self.empty = 0  # cells without data (NaN or the declared nodata value)
        self.infinite = 0
        self.lost_alone = 0  # cells that lack data in this band only

    @property
    def finite(self) -> int:
        """Cells with data."""
        return self.cells - self.empty - self.infinite

    def finding(self, severity: str, check: str, message: str, remedy: str, cells: int | None = None) -> Finding:
        """Return a finding on this band; ``cells`` are some of the cells with data."""
        return Finding(severity, check, self.name, message, remedy, cells, None if cells is None else self.finite)

    def _count(self, values: np.ndarray) -> np.ndarray:
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
        super().__init__(factor)
        self.minimum, self.maximum = math.inf, -math.inf
        self.moments = CoMoments(1)
        self.quantiles = StreamingQuantiles()
        self.below = self.above = 0  # cells below and above what is possible
        self.integer_cells = 0  # cells that hold a whole number
        self.distinct: set[float] | None = set()
        """The different values, or ``None`` when there are more than ``MAX_DISTINCT``."""
        self.low_fence = self.high_fence = math.nan
        self.low_outliers = self.high_outliers = 0
        self.at_minimum = self.at_maximum = 0  # cells that hold exactly the smallest and the largest value
        self.plausible_low, self.plausible_high = -math.inf, math.inf
        """A few cells outside are impossible; they are left out of histogram and covariances."""
        self.edges = np.empty(0)  # of the histogram's bins, shape (bins + 1,)
        self.histogram = np.zeros(HISTOGRAM_BINS, dtype=np.int64)
        self.histogram_labelled = np.zeros(HISTOGRAM_BINS, dtype=np.int64)  # cells whose label is known
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

    def first_pass(self, values: np.ndarray) -> np.ndarray:
        """Count cells, float32 of shape (cells,) with NaN at nodata, in the first pass; return where there is data."""
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
            self.distinct.update(np.unique(cells)[: MAX_DISTINCT + 1].tolist())
            if len(self.distinct) > MAX_DISTINCT:
                self.distinct = None
        return finite

    def finish_first_pass(self) -> None:
        """Set fences and bins after the first pass."""
        if not self.finite:
            return
        self.quantiles.prepare_exact(PROBABILITIES)
        low, high = self.quantiles.approximate(0.05), self.quantiles.approximate(0.95)
        self.low_fence, self.high_fence = low - OUTLIER_FENCE * (high - low), high + OUTLIER_FENCE * (high - low)
        limits = plausible_range(self.name)
        if self.below + self.above <= MAX_IMPOSSIBLE_SHARE * self.finite:
            self.plausible_low, self.plausible_high = limits.low, limits.high
        for value in map(np.float32, self.sentinels()):
            if value == self.minimum:
                self.plausible_low = max(self.plausible_low, float(np.nextafter(value, np.float32(np.inf))))
            else:
                self.plausible_high = min(self.plausible_high, float(np.nextafter(value, np.float32(-np.inf))))
        self.edges = np.linspace(*self._plot_range(), HISTOGRAM_BINS + 1)

    def second_pass(
        self, values: np.ndarray, landslide: np.ndarray | None, known: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, None]:
        """Count the same cells in the second pass; return where there is data, and where it is also plausible.

        ``landslide`` is where the label is landslide, ``known`` where it is landslide or stable, both ``None`` without
        labels.
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
        """Return the smallest or largest value where it looks like an undeclared nodata value."""
        # Where they are many, the fence lies beyond them; so far below zero no factor has cells in plenty.
        low_is_far = self.minimum <= NODATA_BELOW or self.minimum < self.low_fence
        extremes = ((self.minimum, low_is_far), (self.maximum, self.maximum > self.high_fence))
        far = [value for value, is_far in extremes if is_far]
        return [value for value in far if any(math.isclose(value, one, rel_tol=1e-6) for one in SENTINELS)]

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
        super().__init__(factor)
        self._counts = np.zeros(CODE_LIMIT, dtype=np.int64)
        self.invalid_codes: dict[float, int] = {}
        """Cells by value, of values that are not class codes: fractions, negative or huge ones."""
        self.invalid_code_cells = 0
        self.codes: list[int] = []
        """Codes that occur, ascending; the arrays hold the cells of each, in all, labelled and of landslides."""
        self.counts = self.known = self.landslides = np.empty(0, dtype=np.int64)
        self._index = np.empty(0, dtype=np.int64)

    @property
    def countable(self) -> bool:
        """Whether there are few enough classes to cross them with other factors."""
        return 0 < len(self.codes) <= MAX_CLASSES

    def label(self, code: int) -> str:
        """Return the label of a code, or the code as text when the class table lacks it."""
        label = self.factor.classes.get(code) or f"code {code}"
        return f"class {label}" if label.isdigit() else label

    def first_pass(self, values: np.ndarray) -> np.ndarray:
        """Count cells in the first pass; returns where there is data (see :meth:`ContinuousBand.first_pass`)."""
        finite = self._count(values)
        cells = values[finite]
        coded = _is_code(cells)
        all_coded = bool(coded.all())
        codes = cells if all_coded else cells[coded]
        self._counts += np.bincount(codes.astype(np.int64), minlength=CODE_LIMIT)
        if all_coded:
            return finite
        self.invalid_code_cells += cells.size - codes.size
        for value, count in zip(*np.unique(cells[~coded], return_counts=True)):
            if float(value) in self.invalid_codes or len(self.invalid_codes) < MAX_INVALID_VALUES:
                self.invalid_codes[float(value)] = self.invalid_codes.get(float(value), 0) + int(count)
        return finite

    def finish_first_pass(self) -> None:
        """Set the codes after the first pass."""
        self.codes = np.flatnonzero(self._counts).tolist()
        self.counts = self._counts[self.codes]
        self.known, self.landslides = (np.zeros(len(self.codes), dtype=np.int64) for _ in range(2))
        self._index = np.full(CODE_LIMIT, -1, dtype=np.int64)
        self._index[self.codes] = np.arange(len(self.codes))

    def second_pass(
        self, values: np.ndarray, landslide: np.ndarray | None, known: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count the same cells in the second pass (see :meth:`ContinuousBand.second_pass`).

        Plausible are class codes, if most cells hold one. The last array has the index in ``codes``, −1 for no code.
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
