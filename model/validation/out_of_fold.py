"""Cross validation: the out-of-fold map, merged from one raster a fold, and the AUC of each fold and of the whole."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.enums import Resampling

from ..artifact import TrainedModel
from ..errors import TooFewData
from ..grid import Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import create_raster, open_raster, read_block
from ..inputs.vectors import Landslides
from ..labels import STABLE
from ..labels.buffers import landslide_points
from ..prediction.engines import ComputeSetup
from ..prediction.ensemble import Ensemble, full_precision_fp32
from ..prediction.pipeline import compute_tiles, make_plan, write_tiles
from ..prediction.tile_inference import MEAN, TileWork
from ..progress import NullProgress, Progress
from ..stack import Stack
from ..windows.split import Folds, read_labels
from ..zones.raster import values_of_cells
from .metrics import normal_interval, placements
from .settings import ALL, FEW_LANDSLIDES, MIN_LANDSLIDES

TILE_SIDE = 512  # of a tile in cells; small ones, because tiles without a cell of the fold are skipped


class FoldMask:
    """The cells of one fold, in the way of :class:`~..labels.area.AreaMask`."""

    def __init__(self, folds: Folds, fold: int) -> None:
        self._folds, self._fold = folds, fold

    def may_intersect(self, block: Block) -> bool:
        """Whether a cell of the block is in the fold."""
        return bool(self.read(block).any())

    def read(self, block: Block) -> np.ndarray:
        """Return whether each cell is in the fold, bool, shape (block.height, block.width)."""
        return self._folds.cell_groups(block.row, block.column, block.height, block.width) == self._fold


class _CellwiseEnsemble(Ensemble):
    """Writes every cell, also for models with one value a patch: the borders of the folds cut through patches."""

    patch = 1


def predict_fold(
    stack: Stack, model: TrainedModel, folds: Folds, fold: int, output: str | os.PathLike, progress: Progress
) -> None:
    """Predict the cells of one fold, every other cell being nodata. ``model``: trained without the fold."""
    # The model was trained on this very stack, so there are no differences to warn of.
    ensemble = _CellwiseEnsemble(stack, [model], [f"fold {fold + 1}"], 0, NullProgress())
    setup = ComputeSetup(model.device, [model.dtype], ensemble.engines(model.device, [model.dtype]))
    plan = make_plan(stack.grid, ensemble, setup, TILE_SIDE)
    work = TileWork(ensemble, setup, plan.tiling, FoldMask(folds, fold), [MEAN], progress)
    with (
        full_precision_fp32(model.device),
        create_raster(output, stack.grid, "float32", np.nan, ["landslide susceptibility"], overviews=None) as raster,
        contextlib.closing(compute_tiles(stack, work, plan, progress)) as tiles,
    ):
        write_tiles(tiles, {MEAN: raster}, work, stack.grid)


def merge_folds(
    maps: Mapping[int, Path], folds: Folds, grid: Grid, output: Path, tags: dict[str, str], progress: Progress
) -> None:
    """Put the maps of all folds together: each cell from the model that did not see its block."""
    with contextlib.ExitStack() as opened:
        sources = {fold: opened.enter_context(open_raster(path, "fold")) for fold, path in maps.items()}
        band = ["out-of-fold relative landslide susceptibility"]
        options = {"tags": tags, "overviews": Resampling.average}
        target = opened.enter_context(create_raster(output, grid, "float32", np.nan, band, **options))
        for block in grid.blocks_with_progress(progress):
            result = np.full(block.shape, np.nan, dtype=np.float32)
            fold_of = folds.cell_groups(block.row, block.column, block.height, block.width)
            for fold in np.unique(fold_of):
                mine = fold_of == fold
                result[mine] = read_block(sources[int(fold)], block)[mine]
            target.write(result, 1, window=block.window)


STABLE_CELLS = 20_000
"""Stable cells drawn evenly over the labelled area; so many that the luck of the draw does not show."""


@dataclass(frozen=True)
class FoldResult:
    """One row of the table."""

    fold: str  # number from 1, or all for the whole map: there values of different models are ranked together
    landslides: int  # cells with a landslide and a value
    stable: int  # stable cells
    auc: float
    low: float
    high: float  # ends of the 95 % interval (DeLong et al. 1988); NaN where there are too few landslides


@dataclass(frozen=True)
class EvaluationSample:
    """Cells at which maps are evaluated; the same for every map of an area."""

    rows: np.ndarray
    columns: np.ndarray
    landslide: np.ndarray  # bool: a landslide, or a stable cell


def draw_evaluation_sample(
    grid: Grid, labels: str | os.PathLike, landslides: Landslides, seed: int, progress: Progress
) -> EvaluationSample:
    """Return the landslides' cells, each once, and stable cells drawn evenly where the labels are 0. ``labels``: label
    raster; its buffers and ring keep stable cells away from landslides. ``landslides``: points, or polygons of which
    one cell each counts. Raises ``TooFewData`` if no landslide or only one lies on the grid, or no cell is stable.
    """
    rows, columns, inside = grid.cell_indices(landslide_points(landslides))
    cells = np.unique(rows[inside] * grid.width + columns[inside])
    if not len(cells):
        raise TooFewData(
            f'No landslide of the layer "{landslides.name}" lies on the factor stack. Check the CRS of '
            "both, or choose the inventory of this area."
        )
    if len(cells) < MIN_LANDSLIDES:
        raise TooFewData(
            f'The landslides of the layer "{landslides.name}" lie in one cell of the factor stack, so '
            "nothing can be evaluated with them. Give a larger inventory as LANDSLIDES."
        )
    if len(cells) < FEW_LANDSLIDES:
        progress.warn(
            f'The landslides of the layer "{landslides.name}" lie in {len(cells)} cells only; below '
            f"{FEW_LANDSLIDES} the AUC is rough, and that of single folds says little."
        )
    # A random number for each stable cell, of which the smallest are kept: one walk, bounded memory, even chances.
    rng = np.random.default_rng([seed, 7])
    kept, random_keys = np.empty(0, dtype=np.int64), np.empty(0)
    with open_band(labels, "label", NullProgress()) as dataset:
        for block in grid.blocks_with_progress(progress):
            row, column = np.nonzero(read_labels(dataset, block) == STABLE)
            kept = np.concatenate([kept, (row + block.row) * grid.width + column + block.column])
            random_keys = np.concatenate([random_keys, rng.random(len(row))])
            if len(kept) > STABLE_CELLS:
                first = np.argpartition(random_keys, STABLE_CELLS)[:STABLE_CELLS]
                kept, random_keys = kept[first], random_keys[first]
    if not len(kept):
        raise TooFewData(f"The label raster {labels} has no stable cell. Use smaller label radii, or a larger area.")
    kept = np.setdiff1d(kept, cells)
    both = np.concatenate([cells, kept])
    return EvaluationSample(both // grid.width, both % grid.width, np.repeat([True, False], [len(cells), len(kept)]))


def sample_raster(path: str | os.PathLike, sample: EvaluationSample, progress: Progress) -> np.ndarray:
    """Return the value of a raster at each cell of a sample, float32, NaN where it has none."""
    with open_raster(path, "susceptibility") as dataset:
        grid = Grid.from_dataset(dataset, "susceptibility")
        return values_of_cells(dataset, grid, sample.rows, sample.columns, progress)


def score_folds(values: np.ndarray, sample: EvaluationSample, folds: Folds) -> list[FoldResult]:
    """Return AUC by fold and over all. ``values``: out-of-fold susceptibility at the sample's cells. Raises
    ``TooFewData`` if no landslide or no stable cell has a value.
    """
    fold_of = folds.subsets[sample.rows // folds.blocks.rows, sample.columns // folds.blocks.columns]
    valid = np.isfinite(values)
    results = [_row(str(fold + 1), values, valid & (fold_of == fold), sample.landslide) for fold in range(folds.count)]
    whole = _row(ALL, values, valid, sample.landslide)
    if not math.isfinite(whole.auc):
        raise TooFewData("No landslide, or no stable cell, lies where the map has a value, so it cannot be evaluated.")
    return [*results, whole]


def mean_auc(results: list[FoldResult]) -> float:
    """Return the mean over the folds that have landslides."""
    return float(np.nanmean([row.auc for row in results if row.fold != ALL]))


def _row(name: str, values: np.ndarray, chosen: np.ndarray, landslide: np.ndarray) -> FoldResult:
    slides, stable = values[chosen & landslide], values[chosen & ~landslide]
    if not len(slides) or not len(stable):
        return FoldResult(name, len(slides), len(stable), math.nan, math.nan, math.nan)
    found = placements(slides, stable)
    return FoldResult(name, len(slides), len(stable), found.auc, *normal_interval(found.auc, found.variance))
