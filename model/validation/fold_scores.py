"""AUC of each fold and of the whole out-of-fold map, with intervals."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np

from ..errors import TooFewData
from ..grid import Grid
from ..inputs.rasters import open_raster, read_window
from ..inputs.vectors import Points, Polygons
from ..labels import STABLE
from ..progress import Progress, stop_if_cancelled
from ..windows.folds import Folds
from ..windows.scan import read_labels
from .metrics import normal_interval, placements
from .sampling import representative_points
from .settings import FEW_LANDSLIDES, MIN_LANDSLIDES

STABLE_CELLS = 20_000
"""Stable cells drawn evenly over the labelled area; so many that the luck of the draw does not show."""

ALL = "all"
"""Name of the row over all folds at once."""


@dataclass(frozen=True)
class FoldResult:
    """One row of the table."""

    fold: str
    """Number from 1, or ``all`` for the whole map: there values of different models are ranked together."""
    landslides: int
    """Cells with a landslide and a value."""
    stable: int
    """Stable cells."""
    auc: float
    low: float
    high: float
    """Ends of the 95 % interval (DeLong et al. 1988); NaN where there are too few landslides."""


@dataclass(frozen=True)
class EvaluationSample:
    """Cells at which maps are judged; the same for every map of an area."""

    rows: np.ndarray
    columns: np.ndarray
    landslide: np.ndarray
    """bool: a landslide, or a stable cell."""


def draw_evaluation_sample(
    grid: Grid, labels: str | os.PathLike, landslides: Points | Polygons, seed: int, progress: Progress
) -> EvaluationSample:
    """Return the landslides' cells, each once, and stable cells drawn evenly where the labels are 0.

    Args:
        grid: of stack and labels.
        labels: label raster; its buffers and ring keep stable cells away from landslides.
        landslides: points, or polygons of which one cell each counts.
        seed: of the draw.
        progress: 0 to 1.

    Raises:
        TooFewData: no landslide or only one lies on the grid, or no cell is stable.
    """
    rows, columns, inside = grid.cell_indices(representative_points(landslides))
    cells = np.unique(rows[inside] * grid.width + columns[inside])
    if not len(cells):
        raise TooFewData(
            f'No landslide of the layer "{landslides.name}" lies on the factor stack. Check the CRS of '
            "both, or choose the inventory of this area."
        )
    if len(cells) < MIN_LANDSLIDES:
        raise TooFewData(
            f'The landslides of the layer "{landslides.name}" lie in one cell of the factor stack, so '
            "nothing can be judged by them. Give a larger inventory as LANDSLIDES."
        )
    if len(cells) < FEW_LANDSLIDES:
        progress.warn(
            f'The landslides of the layer "{landslides.name}" lie in {len(cells)} cells only; below '
            f"{FEW_LANDSLIDES} the AUC is rough, and that of single folds says little."
        )
    # A random number for each stable cell, of which the smallest are kept: one walk, bounded memory, even chances.
    rng = np.random.default_rng([seed, 7])
    kept, random_keys = np.empty(0, dtype=np.int64), np.empty(0)
    with open_raster(labels, "label") as dataset:
        total = grid.block_count()
        for done, block in enumerate(grid.blocks()):
            stop_if_cancelled(progress)
            row, column = np.nonzero(read_labels(dataset, block) == STABLE)
            kept = np.concatenate([kept, (row + block.row) * grid.width + column + block.column])
            random_keys = np.concatenate([random_keys, rng.random(len(row))])
            if len(kept) > STABLE_CELLS:
                first = np.argpartition(random_keys, STABLE_CELLS)[:STABLE_CELLS]
                kept, random_keys = kept[first], random_keys[first]
            progress.report((done + 1) / total)
    if not len(kept):
        raise TooFewData(f"The label raster {labels} has no stable cell. Use smaller label radii, or a larger area.")
    kept = np.setdiff1d(kept, cells)
    both = np.concatenate([cells, kept])
    return EvaluationSample(both // grid.width, both % grid.width, np.repeat([True, False], [len(cells), len(kept)]))


def sample_raster(path: str | os.PathLike, sample: EvaluationSample, progress: Progress) -> np.ndarray:
    """Return the value of a raster at each cell of a sample, float32, NaN where it has none."""
    values = np.full(len(sample.rows), np.nan, dtype=np.float32)
    with open_raster(path, "susceptibility") as dataset:
        for block in Grid.of(dataset, "susceptibility").blocks():
            stop_if_cancelled(progress)
            here = np.flatnonzero(
                (sample.rows >= block.row)
                & (sample.rows < block.row + block.height)
                & (sample.columns >= block.column)
                & (sample.columns < block.column + block.width)
            )
            if len(here):
                window = read_window(dataset, block.row, block.column, block.height, block.width, bands=[1])[0]
                values[here] = window[sample.rows[here] - block.row, sample.columns[here] - block.column]
    return values


def score_folds(values: np.ndarray, sample: EvaluationSample, folds: Folds) -> list[FoldResult]:
    """Return AUC by fold and over all.

    Args:
        values: out-of-fold susceptibility at the sample's cells.
        sample: landslides and stable cells.
        folds: of the map.

    Raises:
        TooFewData: no landslide or no stable cell has a value.
    """
    fold_of = folds.table[sample.rows // folds.blocks.rows, sample.columns // folds.blocks.columns]
    valid = np.isfinite(values)
    results = [_row(str(fold + 1), values, valid & (fold_of == fold), sample.landslide) for fold in range(folds.count)]
    whole = _row(ALL, values, valid, sample.landslide)
    if not math.isfinite(whole.auc):
        raise TooFewData("No landslide, or no stable cell, lies where the map has a value, so it cannot be judged.")
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
