"""The out-of-fold map: one raster a fold while the folds run, put together at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..artifact import TrainedModel
from ..grid import Block, Grid
from ..inputs.rasters import create_raster, open_raster, read_window
from ..outputs.temp_files import temp_path_beside
from ..prediction.applicability import Applicability
from ..prediction.ensemble import Ensemble, full_precision_fp32
from ..prediction.pipeline import OutputRasters, compute_tiles, make_plan, write_tiles
from ..prediction.tile_inference import MEAN, TileWork
from ..progress import NullProgress, Progress, stop_if_cancelled
from ..stack import Stack
from ..windows.folds import Folds

TILE_SIDE = 512
"""Of a tile in cells; small ones, because tiles without a cell of the fold are skipped."""


class FoldMask:
    """The cells of one fold, in the way of :class:`~..labels.area.AreaMask`."""

    def __init__(self, folds: Folds, fold: int) -> None:
        self._folds, self._fold = folds, fold

    def touches(self, block: Block) -> bool:
        """Whether a cell of the block is in the fold."""
        return bool(self.read(block).any())

    def read(self, block: Block) -> np.ndarray:
        """Return whether each cell is in the fold, bool, shape (block.height, block.width)."""
        return self._folds.cell_groups(block.row, block.column, block.height, block.width) == self._fold


class _CellwiseEnsemble(Ensemble):
    """Writes every cell, also for models with one answer a patch: the borders of the folds cut through patches."""

    patch = 1


def predict_fold(
    stack: Stack, model: TrainedModel, folds: Folds, fold: int, output: str | os.PathLike, progress: Progress
) -> None:
    """Predict the cells of one fold, every other cell being nodata.

    Args:
        stack: the open factor stack.
        model: trained without the fold.
        folds: of the stack's grid.
        fold: its number.
        output: GeoTIFF to write.
        progress: 0 to 1.
    """
    # The model was trained on this very stack, so there is nothing to be said of their differences.
    ensemble = _CellwiseEnsemble(stack, [model], [f"fold {fold + 1}"], 0, NullProgress())
    engines = ensemble.engines(model.device, [model.dtype])
    plan = make_plan(stack.grid, ensemble, engines, model.device, TILE_SIDE)
    applicability = Applicability(ensemble.factors, ensemble.specs)
    work = TileWork(
        ensemble, engines, plan.tiling, FoldMask(folds, fold), applicability, [MEAN], model.device, progress
    )
    with (
        full_precision_fp32(model.device),
        create_raster(output, stack.grid, "float32", np.nan, ["landslide susceptibility"], overviews=None) as raster,
        contextlib.closing(compute_tiles(stack, work, plan, progress)) as tiles,
    ):
        write_tiles(tiles, OutputRasters(raster), ensemble.patch, applicability)


def merge_folds(
    maps: Mapping[int, Path],
    folds: Folds,
    grid: Grid,
    output: str | os.PathLike,
    tags: Mapping[str, str],
    progress: Progress,
) -> None:
    """Put the maps of all folds together: each cell from the model that did not see its block.

    Args:
        maps: GeoTIFF of each fold.
        folds: of the grid.
        grid: of the maps.
        output: GeoTIFF to write, whole or not at all.
        tags: of the file.
        progress: 0 to 1.
    """
    with contextlib.ExitStack() as opened:
        sources = {fold: opened.enter_context(open_raster(path, "fold")) for fold, path in maps.items()}
        target = opened.enter_context(
            create_raster(
                output,
                grid,
                "float32",
                np.nan,
                ["out-of-fold relative landslide susceptibility"],
                tags=dict(tags),
                overviews=Resampling.average,
            )
        )
        total = grid.block_count()
        for done, block in enumerate(grid.blocks()):
            stop_if_cancelled(progress)
            target.write(_merge_block(sources, folds, block), 1, window=block.window)
            progress.report((done + 1) / total)


def _merge_block(sources: Mapping[int, rasterio.DatasetReader], folds: Folds, block: Block) -> np.ndarray:
    result = np.full((block.height, block.width), np.nan, dtype=np.float32)
    fold_of = folds.cell_groups(block.row, block.column, block.height, block.width)
    for fold in np.unique(fold_of):
        mine = fold_of == fold
        result[mine] = read_window(sources[int(fold)], block.row, block.column, block.height, block.width, bands=[1])[
            0
        ][mine]
    return result


@contextlib.contextmanager
def temporary_folder_beside(output: str | os.PathLike) -> Iterator[Path]:
    """Give a folder for the maps of the folds on the disk of the output; it is gone afterwards."""
    folder = temp_path_beside(Path(output), ".parts")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
