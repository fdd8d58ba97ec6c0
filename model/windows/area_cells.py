"""Cells of several areas for models of single cells, to train and to validate on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import TooFewData
from ..labels import LANDSLIDE
from ..progress import Progress, SubProgress
from .cells import MAX_CELLS, CellSet, sample_cells
from .folded_cells import MIN_CELLS
from .ownership import find_ownership
from .split import (
    NO_SUBSET,
    TRAIN,
    VALIDATION,
    VALIDATION_SHARE,
    Blocks,
    BlockSplit,
    TrainingRasters,
    assign_blocks,
    scan_labels,
)


def sample_areas(
    areas: Sequence[TrainingRasters], block: float, buffer: float | None, seed: int, progress: Progress
) -> CellSet:
    """Sample cells of areas, a fifth of the blocks of each to validate and the others to train on.

    ``block`` is the side of a block in metres. Each cell stands for its share of the land of its area, in cells of the
    first area. Raises ``TooFewData`` if no area has landslides in two blocks; ``InputCorrupt`` as
    :func:`~.cells.sample_cells`.
    """
    parts = []
    for number, rasters in enumerate(areas):
        part = SubProgress(progress, number / len(areas), (number + 1) / len(areas))
        blocks = Blocks.for_grid(rasters.grid, block)
        scan = scan_labels(rasters, blocks, blocks, seed, SubProgress(part, 0.0, 0.4))
        subsets = np.where(scan.labelled > 0, np.uint8(TRAIN), np.uint8(NO_SUBSET))
        if (scan.landslide > 0).sum() > 1:
            subsets = assign_blocks(scan.landslide, scan.labelled, (1 - VALIDATION_SHARE, VALIDATION_SHARE), seed)
        ownership = find_ownership(rasters.labels, rasters.grid, blocks, SubProgress(part, 0.4, 0.5))
        split = BlockSplit(blocks, subsets).kept_apart(ownership, buffer)
        most = max(MAX_CELLS // len(areas), MIN_CELLS)
        parts.append(sample_cells(rasters, split, most, seed, SubProgress(part, 0.5, 1.0)))
    cells = _joined(parts, [rasters.grid.cell_size() for rasters in areas])
    if not (cells.labels[cells.rows(VALIDATION)] == LANDSLIDE).any():
        raise TooFewData(
            "In no area do landslides lie in two blocks, but one is needed to train and one to validate on. Make BLOCK "
            "smaller, or use more landslides."
        )
    return cells


def _joined(parts: Sequence[CellSet], sizes: Sequence[float]) -> CellSet:
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("values", "labels", "subsets", "places")
    }
    groups, last = [], 0
    for part in parts:
        groups.append(part.groups + np.int32(last))
        last = int(groups[-1].max()) + 1
    stands_for = [part.weights() * (size / sizes[0]) ** 2 for part, size in zip(parts, sizes)]
    totals = np.sum([part.totals for part in parts], axis=0)
    return CellSet(**columns, groups=np.concatenate(groups), totals=totals, stands_for=np.concatenate(stands_for))
