"""Tiles computed by the workers of a cluster, and kept as files on the storage that all share."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
import torch

from ..artifact import load_model
from ..cluster.shared_storage import VISIBILITY_TIMEOUT, SharedObject, open_shared, share
from ..cluster.tasks import Cluster, cached
from ..errors import WorkerFailed
from ..factors.polygons import AreaMask
from ..inputs.vectors import Polygons
from ..memory import retain_freed_memory
from ..progress import NullProgress, Progress
from ..stack import Stack
from .applicability import Applicability
from .ensemble import Ensemble, full_precision_fp32
from .precision import choose_compute_setup
from .tile_cache import TileCache
from .tile_inference import TileResult, TileWork
from .tiling import Tile, Tiling

JOB = "job"
"""Name of the file with what all workers need."""


@dataclass(frozen=True)
class Remote:
    """What a worker needs to know of a prediction."""

    stack: str
    models: tuple[str, ...]
    area: Polygons | None
    samples: int
    device: str
    precision: str
    tile: tuple[int, int]
    """Width and height."""
    names: tuple[str, ...]
    parts: TileCache


class _Opened:
    """A prediction as a worker keeps it open."""

    def __init__(self, remote: Remote) -> None:
        # One thread each: a machine has as many workers as it has cores.
        torch.set_num_threads(1)
        # Not in a context that would end in some other thread when this is let go of.
        self.stack = Stack(rasterio.open(remote.stack))
        models = [load_model(path) for path in remote.models]
        ensemble = Ensemble(
            self.stack, models, [os.path.basename(path) for path in remote.models], remote.samples, NullProgress()
        )
        mask = AreaMask(self.stack.grid, remote.area)
        setup = choose_compute_setup(self.stack, ensemble, mask, remote.device, remote.precision, NullProgress())
        tiling = Tiling.of(self.stack.grid, remote.tile[0], ensemble.halo, ensemble.align, remote.tile[1])
        self.work = TileWork(
            ensemble,
            setup.engines,
            tiling,
            mask,
            Applicability(ensemble.factors, ensemble.specs),
            remote.names,
            setup.device,
            NullProgress(),
        )
        self.device, self.parts = setup.device, remote.parts
        self.tiles = list(tiling)
        self.reading = threading.Lock()


def predict_part(shared: SharedObject, number: int) -> dict[str, Any]:
    """Compute one tile on a worker and write it; return what there is to say of it."""
    opened = cached(_open, shared)
    tile = opened.tiles[number]
    with retain_freed_memory(), full_precision_fp32(opened.device):
        with opened.reading:
            read = opened.work.read(opened.stack, tile)
        done = opened.work.compute(tile, read, lambda share: None)
    if not done.facts["skipped"]:
        opened.parts.save(number, done.arrays, done.facts)
    return done.facts


def compute_remotely(
    cluster: Cluster, remote: Remote, tiling: Tiling, work: TileWork, progress: Progress
) -> Iterator[tuple[Tile, TileResult]]:
    """Let a cluster compute all tiles that are not there yet, and give all of them in the order of the tiling.

    Args:
        cluster: connected.
        remote: what is computed; its parts have begun.
        tiling: the tiles.
        work: of this computer; says what form tiles have.
        progress: 0 to 1 over the tiles.

    Raises:
        WorkerFailed: a worker said that a tile is there, and it is not.
        ScarpError: as ``Cluster.run`` raises it.
    """
    tiles = list(tiling)
    there = {
        number
        for number in remote.parts.known()
        if number < len(tiles) and remote.parts.load(number, work.shapes(tiles[number])) is not None
    }
    shared = share(remote, remote.parts.path / JOB)
    jobs = [(shared, number) for number in range(len(tiles)) if number not in there]
    with contextlib.closing(cluster.run(predict_part, jobs, progress, ordered=True)) as results:
        for number, tile in enumerate(tiles):
            if number in there:
                done = _load(remote.parts, number, tile, work)
                done.facts["taken"] = 1
                yield tile, done
                continue
            facts = next(results)[1]
            yield tile, work.empty(tile) if facts["skipped"] else _load(remote.parts, number, tile, work)


def _load(parts: TileCache, number: int, tile: Tile, work: TileWork) -> TileResult:
    """Return a tile that is said to be there; network storage may take a while to show it."""
    deadline = time.monotonic() + VISIBILITY_TIMEOUT
    while (found := parts.load(number, work.shapes(tile))) is None:
        if time.monotonic() > deadline:
            raise WorkerFailed(
                f"A worker wrote tile {number} to {Path(parts.path)}, but it is not to be read from "
                "here. Is the folder of the output on storage that all machines share?"
            )
        with contextlib.suppress(OSError):
            os.listdir(parts.path)
        time.sleep(0.1)
    return TileResult(*found)


def _open(shared: SharedObject) -> _Opened:
    return _Opened(open_shared(shared))
