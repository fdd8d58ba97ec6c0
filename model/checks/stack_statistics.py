"""Counting: two passes over all cells of a stack by windows, in memory that does not grow with the raster.

The first pass finds ranges, moments and class codes; the second, which knows them, makes histograms, exact quantiles,
covariances and contingency tables, with the landslide cells beside all cells when there are labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from typing import Union

import numpy as np
from rasterio import DatasetReader

from ..factors.definitions import CATEGORICAL
from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import read_window
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..stack import StackFactor
from .band_statistics import CategoricalBand, CoMoments, ContinuousBand

Band = Union[ContinuousBand, CategoricalBand]
CELLS_AT_ONCE = 3 * BLOCK * BLOCK  # band cells read at a time: 13 MB of float32, twice that with the next block


@dataclass
class LabelCounts:
    """Cells of the label raster by label, and how many of them have data in all factors."""

    landslide: int = 0
    stable: int = 0
    unknown: int = 0
    other: int = 0  # with a value that is not a label, and the lowest and highest of these values
    lowest: float = np.inf
    highest: float = -np.inf
    nodata: float | None = None  # declared
    landslide_lost: int = 0  # without data in some factor
    landslide_used: int = 0
    stable_used: int = 0

    @property
    def cells(self) -> int:
        """All cells of the label raster."""
        return self.landslide + self.stable + self.unknown + self.other


@dataclass
class StackScan:
    """Everything that was counted."""

    cells: int  # of the grid
    bands: list[Band]
    labels: LabelCounts | None = None
    valid: int = 0  # cells with data in every band that has any data at all
    complete: int = 0  # cells with data in every band
    continuous: list[str] = field(default_factory=list)
    """Names of the varying continuous factors, in the order of ``comoments``."""
    comoments: CoMoments = field(default_factory=lambda: CoMoments(0))  # of the valid cells without impossible values
    tables: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    """Contingency table, int64, by the names of two categorical factors; of the same cells."""

    @property
    def continuous_bands(self) -> list[ContinuousBand]:
        """The continuous bands."""
        return [band for band in self.bands if isinstance(band, ContinuousBand)]

    @property
    def categorical_bands(self) -> list[CategoricalBand]:
        """The categorical bands."""
        return [band for band in self.bands if isinstance(band, CategoricalBand)]


def scan(
    dataset: DatasetReader, factors: Sequence[StackFactor], labels: DatasetReader | None, progress: Progress
) -> StackScan:
    """Count everything that the checks and the report need.

    There is one factor per band of the open stack, whose grid may lack a CRS; the open label raster is on that grid.
    Bands of an embedding are left out: they have no meaning one by one, so neither have their values and correlations.
    """
    grid = Grid(dataset.crs, dataset.transform, dataset.width, dataset.height)
    numbers = [number for number, factor in enumerate(factors, 1) if not factor.group] or list(dataset.indexes)
    used = [factors[number - 1] for number in numbers]
    bands = [CategoricalBand(factor) if factor.kind == CATEGORICAL else ContinuousBand(factor) for factor in used]
    result = StackScan(
        grid.width * grid.height, bands, None if labels is None else LabelCounts(nodata=labels.nodatavals[0])
    )
    _first_pass(result, dataset, grid, numbers, SubProgress(progress, 0.0, 0.45))
    for band in bands:
        band.finish_first_pass()
    _second_pass(result, dataset, grid, numbers, labels, SubProgress(progress, 0.45, 1.0))
    return result


def _first_pass(
    result: StackScan, dataset: DatasetReader, grid: Grid, numbers: Sequence[int], progress: Progress
) -> None:
    for _, raw in _iterate_blocks(dataset, grid, numbers, progress):
        missing = np.zeros(raw.shape[1], dtype=np.int32)
        lacking = []
        for band, values in zip(result.bands, raw):
            empty = ~band.first_pass(values)
            lacking.append(empty if empty.any() else None)
            if empty.any():
                missing += empty
        result.complete += int(np.count_nonzero(missing == 0))
        for band, lacks in zip(result.bands, lacking):
            if lacks is not None:
                band.lost_alone += int(np.count_nonzero(lacks & (missing == 1)))


def _second_pass(
    result: StackScan,
    dataset: DatasetReader,
    grid: Grid,
    numbers: Sequence[int],
    labels: DatasetReader | None,
    progress: Progress,
) -> None:
    usable = [(number, band) for number, band in enumerate(result.bands) if band.finite]
    varying = [number for number, band in usable if isinstance(band, ContinuousBand) and band.varies]
    classed = [band for _, band in usable if isinstance(band, CategoricalBand) and band.countable]
    result.continuous = [result.bands[number].name for number in varying]
    result.comoments = CoMoments(len(varying))
    for one, other in combinations(classed, 2):
        result.tables[one.name, other.name] = np.zeros((len(one.codes), len(other.codes)), dtype=np.int64)
    for block, raw in _iterate_blocks(dataset, grid, numbers, progress):
        landslide, known = _read_labels(labels, block, result.labels)
        valid, plausible = (np.ones(raw.shape[1], dtype=bool) for _ in range(2))
        codes: dict[str, np.ndarray] = {}
        for number, band in usable:
            finite, possible, index = band.second_pass(raw[number], landslide, known)
            valid &= finite
            if possible is not finite:
                plausible &= possible
            if index is not None:
                codes[band.name] = index
        plausible &= valid
        result.valid += int(np.count_nonzero(valid))
        if landslide is not None and known is not None and result.labels is not None:
            result.labels.landslide_used += int(np.count_nonzero(landslide & valid))
            result.labels.landslide_lost += int(np.count_nonzero(landslide & ~valid))
            result.labels.stable_used += int(np.count_nonzero(known & ~landslide & valid))
        if varying and plausible.any():
            result.comoments.add(raw[varying][:, plausible])
        for (first, second), table in result.tables.items():
            both = plausible & (codes[first] >= 0) & (codes[second] >= 0)
            joint = codes[first][both] * table.shape[1] + codes[second][both]
            table += np.bincount(joint, minlength=table.size).reshape(table.shape)


def _iterate_blocks(
    dataset: DatasetReader, grid: Grid, bands: Sequence[int], progress: Progress
) -> Iterator[tuple[Block, np.ndarray]]:
    """Give blocks and their cells, float32 of shape (bands, cells); the next one is read while the caller works."""
    blocks = _blocks(dataset, grid, len(bands))
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(_read, dataset, blocks[0], bands)
        for number, block in enumerate(blocks, 1):
            raw = coming.result()
            if number < len(blocks):
                coming = reader.submit(_read, dataset, blocks[number], bands)
            stop_if_cancelled(progress)
            yield block, raw
            progress.report(number / len(blocks))


def _blocks(dataset: DatasetReader, grid: Grid, bands: int) -> list[Block]:
    cells = max(CELLS_AT_ONCE // bands, 128 * 128)
    height, width = dataset.block_shapes[0]
    if width >= grid.width and height < grid.height:
        # Rows stored whole: square blocks would read each row many times over.
        rows = max(1, cells // grid.width)
        return [Block(row, 0, min(rows, grid.height - row), grid.width) for row in range(0, grid.height, rows)]
    side = BLOCK
    while side * side > cells:
        side //= 2
    return list(grid.blocks(side))


def _read(dataset: DatasetReader, block: Block, bands: Sequence[int]) -> np.ndarray:
    where = block.row, block.column, block.height, block.width
    raw = read_window(dataset, *where, bands=bands, mask_implausible=False)
    return raw.reshape(raw.shape[0], -1)


def _read_labels(
    labels: DatasetReader | None, block: Block, counts: LabelCounts | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if labels is None or counts is None:
        return None, None
    values = read_window(labels, block.row, block.column, block.height, block.width, [1]).reshape(-1)
    landslide, stable = values == 1, values == 0
    unknown = (values == 255) | np.isnan(values)
    found = [int(np.count_nonzero(where)) for where in (landslide, stable, unknown)]
    counts.landslide += found[0]
    counts.stable += found[1]
    counts.unknown += found[2]
    other = values[~(landslide | stable | unknown)]
    if other.size:
        counts.other += other.size
        counts.lowest, counts.highest = min(counts.lowest, other.min()), max(counts.highest, other.max())
    return landslide, landslide | stable
