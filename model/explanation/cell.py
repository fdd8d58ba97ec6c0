"""What one cell of a map is like: contributions of the factors, where its values lie in the land, landslides like it.

Contributions are those of :mod:`.dominant_factor`. A model that sees single cells is asked for all baselines and orders
at once, as pixels of one image, which takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import rasterio
import torch

from ..applicability.index import ApplicabilityIndex
from ..applicability.space import FactorSpace, coordinate_count
from ..encoding import Encoding
from ..errors import TooFewData
from ..grid import Block, Grid
from ..inputs.rasters import read_block
from ..labels import LANDSLIDE, UNKNOWN
from ..labels.discs import read_discs
from ..progress import NullProgress
from ..windows.split import read_labels
from .dominant_factor import BaselineInputs, shapley_contributions
from .explained_model import ExplainedModel
from .sample import Cells

SAMPLED_CELLS = 1_500_000  # of a grid that is read whole; of a larger one blocks in even steps
BLOCK_SIDE = 128  # cells of such a block
CELLS = 100_000  # kept of them
BASELINES = 64  # of a model that sees single cells
_MOST_WORK = 3e6  # cells that go through another network for the contributions of one
MAX_LANDSLIDES = 3000  # whose factors are compared with those of a cell
_LANDSLIDE_BLOCKS, _LANDSLIDE_SIDE = 64, 512
_SEED = 1


def sample_land(explained: ExplainedModel, grid: Grid, labels: rasterio.DatasetReader | None) -> Cells:
    """Return cells of the stack that have all factors; with labels on its grid those of mapped land, if there are any.

    Raises ``TooFewData`` if no cell has all factors.
    """
    generator, values, marks = np.random.default_rng([_SEED, 71]), [], []
    for block in _even_blocks(grid):
        raw = explained.read(block)
        wanted = np.isfinite(raw).all(axis=0)
        mark = np.full(wanted.shape, UNKNOWN, dtype=np.uint8) if labels is None else read_labels(labels, block)
        values.append(raw[:, wanted])
        marks.append(mark[wanted])
    found, mark = np.concatenate(values, axis=1), np.concatenate(marks)
    known = np.flatnonzero(mark != UNKNOWN)
    rows = known if len(known) else np.arange(len(mark))
    if not len(rows):
        raise TooFewData("No cell of the factor stack has data in all factors of the model.")
    if len(rows) > CELLS:
        rows = generator.choice(rows, CELLS, replace=False)
    return Cells(found[:, rows], mark[rows], np.ones(len(rows)), np.zeros(len(rows), dtype=np.int32))


def sample_map(dataset: rasterio.DatasetReader, grid: Grid) -> np.ndarray:
    """Return values of a map in increasing order, float32, of all cells or of blocks in even steps."""
    parts = [read_block(dataset, block) for block in _even_blocks(grid)]
    return np.sort(np.concatenate([part[np.isfinite(part)] for part in parts]))


def _even_blocks(grid: Grid) -> Iterator[Block]:
    if grid.width * grid.height <= SAMPLED_CELLS:
        yield from grid.blocks()
        return
    count = SAMPLED_CELLS / BLOCK_SIDE**2
    across = max(1, round((count * grid.width / grid.height) ** 0.5))
    down = max(1, round(count / across))
    for row in np.linspace(0, max(grid.height - BLOCK_SIDE, 0), down).astype(int):
        for column in np.linspace(0, max(grid.width - BLOCK_SIDE, 0), across).astype(int):
            height, width = min(BLOCK_SIDE, grid.height), min(BLOCK_SIDE, grid.width)
            yield Block(int(row), int(column), height, width)


def contributions_of_cell(
    explained: ExplainedModel, row: int, column: int, baselines: BaselineInputs
) -> tuple[np.ndarray, float]:
    """Return what each factor adds to the logit of a cell against typical land, float64 (factors,), and their sum.

    ``baselines`` as :func:`baselines_for` gives them. NaN if a factor has no data there.
    """
    if explained.is_cellwise:
        return _of_single_cell(explained, explained.read(Block(row, column, 1, 1)), baselines)
    align, halo = explained.model.align, explained.halo
    first, left = row // align * align, column // align * align
    raw = explained.read(Block(first, left, align, align).padded(halo))
    found, total = shapley_contributions(explained, raw, baselines, NullProgress())
    place = row - first + halo, column - left + halo
    return found[:, place[0], place[1]].astype(np.float64), float(total[place])


def baselines_for(explained: ExplainedModel, land: Cells) -> BaselineInputs:
    """Return as many baselines as the time of a click allows."""
    count = BASELINES
    if not explained.is_cellwise:
        tile = (explained.model.align + 2 * explained.halo) ** 2
        count = int(np.clip(_MOST_WORK / (2 * len(explained.factors) * tile), 1, 16))
    return BaselineInputs(explained, land, count, _SEED)


def _of_single_cell(explained: ExplainedModel, raw: np.ndarray, baselines: BaselineInputs) -> tuple[np.ndarray, float]:
    image, valid = explained.model.encoder.encode(raw)
    factors = len(explained.factors)
    if not valid.all():
        return np.full(factors, np.nan), float("nan")
    cell = image[:, 0, 0]
    orders = np.stack([baselines.orders, baselines.orders[:, ::-1]], axis=1)  # both directions
    # Rank of each factor in its order: from that step on it has the value of the cell.
    rank = np.argsort(orders, axis=2)
    steps = np.arange(factors + 1)[:, None]
    replaced = rank[:, :, None, :] < steps  # (baselines, directions, steps, factors)
    channels = replaced[..., explained.factor_of_channel]
    paths = np.where(channels, cell, baselines.images[:, None, None, :])
    columns = np.ascontiguousarray(paths.reshape(-1, len(cell)).T, dtype=np.float32)
    logits = explained.landslide_logit(torch.from_numpy(columns)[None, :, :, None].to(explained.model.device))
    found = logits.cpu().numpy().astype(np.float64).reshape(replaced.shape[:3])
    gains = np.diff(found, axis=2)  # of the factor that each order adds at a step
    of_factor = np.take_along_axis(gains, rank, axis=2)
    return of_factor.mean(axis=(0, 1)), float(found[0, 0, -1] - found[:, :, 0].mean())


def percentile(values: np.ndarray, value: float) -> float:
    """Return the share of values below one, ties counted half, 0 to 1."""
    below = float(np.count_nonzero(values < value))
    return (below + np.count_nonzero(values == value) / 2) / max(len(values), 1)


@dataclass(frozen=True)
class CellLikeness:
    """How a cell compares with the land that a model was trained on; distances in mean ones of training cells."""

    dissimilarity: float  # to the nearest prototype
    threshold: float  # of the area of applicability
    bound: float  # the largest error of the dissimilarity
    training_cells: int  # as much like the cell as land in the area of applicability is
    expected_auc: float  # of land like it; NaN where nothing is known
    importances: np.ndarray  # of the factors, float64


def likeness(index: ApplicabilityIndex, encoding: Encoding, values: np.ndarray) -> CellLikeness:
    """Return the likeness of a cell with training land; ``values`` are its factors in a model's order and codes."""
    coordinates = factor_coordinates(index, encoding, values[None])[0]
    centred = coordinates - index.centre.astype(np.float64)
    inside = centred @ index.axes.astype(np.float64)
    beside = max(float(centred @ centred - inside @ inside), 0.0)
    # A class that training did not see is as far from all classes as they are from each other.
    beside += sum(_unseen_length(index, encoding, number, values) for number in range(len(encoding.categorical)))
    squares = ((index.prototypes.astype(np.float64) - inside) ** 2).sum(axis=1) + beside
    distances = np.sqrt(squares) / index.mean_distance
    nearest = float(distances.min())
    profile = index.profile
    expected = float("nan") if profile is None else float(profile.expected(np.array([nearest]))[0])
    near = int(index.cells[distances <= index.threshold].sum())
    weights = index.importances.astype(np.float64)
    return CellLikeness(nearest, index.threshold, index.bound, near, expected, weights)


def factor_coordinates(index: ApplicabilityIndex, encoding: Encoding, values: np.ndarray) -> np.ndarray:
    """Return the coordinates of cells (cells, factors) in the space of an index, float64 (cells, coordinates)."""
    space = FactorSpace(encoding, index.importances.astype(np.float64), index.scales.astype(np.float64))
    return space.coordinates(values.astype(np.float32)).astype(np.float64)


def _unseen_length(index: ApplicabilityIndex, encoding: Encoding, number: int, values: np.ndarray) -> float:
    spec = encoding.factors[encoding.categorical[number]]
    if values[encoding.categorical[number]] in spec.seen:
        return 0.0
    space = FactorSpace(encoding, index.importances, index.scales)
    part = space.class_slices[number]
    return float(index.scales[part].astype(np.float64).max(initial=0.0)) ** 2


@dataclass(frozen=True)
class TrainingLandslides:
    """Landslides that a model was trained on: points of the labels, or landslide cells of labels without points."""

    row: np.ndarray  # int64 (landslides,), on the grid of the labels
    column: np.ndarray
    are_points: bool
    complete: bool  # whether these are all of them
    compared: np.ndarray  # indices of those whose factors are known, int64
    coordinates: np.ndarray  # of these in the space of the index, float64 (compared, coordinates); empty without one


def training_landslides(labels: rasterio.DatasetReader, grid: Grid, explained: ExplainedModel) -> TrainingLandslides:
    """Return the landslides of labels with their factors; the model is explained over a stack on the same grid."""
    generator, discs = np.random.default_rng([_SEED, 72]), read_discs(labels, grid)
    if discs is not None and len(discs):
        row, column = np.floor(discs.row).astype(np.int64), np.floor(discs.column).astype(np.int64)
        inside = (row >= 0) & (row < grid.height) & (column >= 0) & (column < grid.width)
        row, column, complete = row[inside], column[inside], True
    else:
        row, column, complete = _landslide_cells(labels, grid, generator)
    index, encoding = explained.model.applicability, explained.model.encoder
    columns = 0 if index is None else coordinate_count(encoding)
    if index is None or not len(row):
        nothing = np.zeros((0, columns))
        return TrainingLandslides(row, column, discs is not None, complete, np.zeros(0, dtype=np.int64), nothing)
    chosen = np.arange(len(row))
    if len(chosen) > MAX_LANDSLIDES:
        chosen = np.sort(generator.choice(chosen, MAX_LANDSLIDES, replace=False))
    blocks = list(grid.blocks(_LANDSLIDE_SIDE))
    held = [block for block in blocks if len(block.locate(row[chosen], column[chosen])[0])]
    if len(held) > _LANDSLIDE_BLOCKS:
        held = [held[one] for one in sorted(generator.choice(len(held), _LANDSLIDE_BLOCKS, replace=False))]
    of_cells, values = [], []
    for block in held:
        here, cell = block.locate(row[chosen], column[chosen])
        found = explained.read(block)[:, cell[0], cell[1]].T
        whole = np.isfinite(found).all(axis=1)
        of_cells.append(chosen[here[whole]])
        values.append(found[whole])
    compared = np.concatenate(of_cells)
    coordinates = (
        factor_coordinates(index, encoding, np.concatenate(values)) if len(compared) else np.zeros((0, columns))
    )
    return TrainingLandslides(row, column, discs is not None, complete, compared, coordinates)


def _landslide_cells(
    labels: rasterio.DatasetReader, grid: Grid, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return landslide cells of labels, some of each block if there are too many, and whether these are all."""
    rows, columns, complete = [], [], True
    blocks = list(grid.blocks(_LANDSLIDE_SIDE))
    most = max(50, 10 * MAX_LANDSLIDES // len(blocks))
    for block in blocks:
        row, column = np.nonzero(read_labels(labels, block) == LANDSLIDE)
        if len(row) > most:
            some, complete = generator.choice(len(row), most, replace=False), False
            row, column = row[some], column[some]
        rows.append(row + block.row)
        columns.append(column + block.column)
    return np.concatenate(rows), np.concatenate(columns), complete
