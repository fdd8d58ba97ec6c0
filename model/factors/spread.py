"""Computing the blocks of a factor stack on the workers of a cluster."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Iterator, Sequence

import numpy as np
import rasterio

from ..cluster.parts import load_part, parts_folder, save_part
from ..cluster.running import Cluster
from ..cluster.sharing import Shared, open_shared, share
from ..cluster.worker import kept
from ..grid import Block, Grid
from ..inputs.rasters import GDAL_CACHE_BYTES
from ..memory import kept_memory
from ..progress import Progress
from .plan import FactorMaker
from .walk import Mask, Notes, band_count, block_side, compute_block


@dataclass
class Inputs:
    """What each worker needs; lines and polygons are in it, rasters only by their paths."""

    makers: Sequence[FactorMaker]
    mask: Mask


def walk_on(cluster: Cluster, output: str | os.PathLike, grid: Grid, makers: Sequence[FactorMaker], mask: Mask,
            progress: Progress) -> Iterator[tuple[Block, np.ndarray, Notes]]:
    """Do what ``walk`` does, to the same values, on a cluster; blocks come through files beside the output."""
    blocks = list(grid.blocks(block_side(grid)))
    with parts_folder(output) as folder, kept_memory():
        inputs = share(Inputs(makers, mask), folder / "inputs")
        parts = [folder / f"{number}.npy" for number in range(len(blocks))]
        jobs = [(inputs, block, str(part)) for block, part in zip(blocks, parts)]
        with contextlib.closing(cluster.run(build_block, jobs, progress, ordered=True)) as results:
            for number, (notes, has_data) in results:
                block = blocks[number]
                if has_data:
                    values = load_part(parts[number], remove=True)
                else:
                    values = np.full((band_count(makers), block.height, block.width), np.nan, dtype=np.float32)
                yield block, values, notes


def build_block(shared: Shared, block: Block, part: str) -> tuple[Notes, bool]:
    """Compute a block on a worker.

    Args:
        shared: the ``Inputs``.
        block: cells to compute.
        part: path to write the values to, float32 of shape (factors, height, width).

    Returns:
        Notes for the tally, and whether there are data; where not, no part is written.
    """
    inputs = kept(open_shared, shared)
    # Rasters are opened for each block: a tenth of a second in the worst case, and no file stays open on a worker.
    with contextlib.ExitStack() as opened:
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES))
        opened.enter_context(kept_memory())
        readers = [opened.enter_context(maker.open()) for maker in inputs.makers]
        values, notes = compute_block(block, readers, inputs.makers, inputs.mask)
        has_data = bool(notes.counts[-1, 1])
        if has_data:
            save_part(part, values)
    return notes, has_data
