"""Tiles computed by the workers of a cluster, and kept as files on the shared storage."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import rasterio
import torch

from ..artifact import load_model
from ..cluster.shared_storage import SharedObject, await_visible, open_shared, share_object
from ..cluster.tasks import Cluster, cached
from ..errors import WorkerFailed
from ..factors.polygons import AreaMask
from ..inputs.vectors import Polygons
from ..memory import retain_freed_memory
from ..progress import NullProgress, Progress
from ..stack import Stack
from .ensemble import full_precision_fp32
from .fold_spread import make_ensemble
from .pipeline import choose_compute_setup
from .settings import PredictionOptions
from .tile_cache import TileCache
from .tile_inference import SPREAD, TileResult, TileWork
from .tiling import Tile, Tiling


@dataclass(frozen=True)
class RemotePrediction:
    """What a worker needs to know of a prediction."""

    stack: str
    models: tuple[str, ...]
    area: Polygons | None
    options: PredictionOptions
    tile: tuple[int, int]  # width and height
    names: tuple[str, ...]
    cache: TileCache


class _OpenPrediction:
    def __init__(self, shared: SharedObject) -> None:
        remote: RemotePrediction = open_shared(shared)
        # One thread per worker: a machine has as many workers as cores.
        torch.set_num_threads(1)
        # Not in a context, which would end in some other thread when this is dropped from the cache.
        self.stack = Stack(rasterio.open(remote.stack))
        models, quiet = [load_model(path) for path in remote.models], NullProgress()
        names = [os.path.basename(path) for path in remote.models]
        given = self.stack, models, names, remote.options.samples, quiet
        ensemble = make_ensemble(*given, spread=SPREAD in remote.names)
        mask = AreaMask(self.stack.grid, remote.area)
        setup = choose_compute_setup(self.stack, ensemble, mask, remote.options, quiet)
        tiling = Tiling.of(self.stack.grid, remote.tile[0], ensemble.halo, ensemble.align, remote.tile[1])
        self.work = TileWork(ensemble, setup, tiling, mask, remote.names, quiet)
        self.device, self.cache = setup.device, remote.cache
        self.tiles = list(tiling)
        self.reading = threading.Lock()


def predict_tile(shared: SharedObject, number: int) -> dict[str, Any]:
    """Compute one tile on a worker and write it to the cache; return its facts."""
    opened = cached(_OpenPrediction, shared)
    tile = opened.tiles[number]
    with retain_freed_memory(), full_precision_fp32(opened.device):
        with opened.reading:
            read = opened.work.read(opened.stack, tile)
        done = opened.work.compute(tile, read, lambda share: None)
    if not done.facts["skipped"]:
        opened.cache.save(number, done.arrays, done.facts)
    return done.facts


def compute_remotely(
    cluster: Cluster, remote: RemotePrediction, work: TileWork, progress: Progress
) -> Generator[tuple[Tile, TileResult], None, None]:
    """Let a cluster compute all tiles that are not cached yet, and yield all of them in the order of the tiling.

    The cache of ``remote`` has begun; ``work``, of this computer, gives the tiles and the shapes of their arrays.
    Raises WorkerFailed if a tile was reported as written and is not there, and as :meth:`.Cluster.run` does.
    """
    tiles, cache = list(work.tiling), remote.cache
    cached_numbers = cache.known() & set(range(len(tiles)))
    known = {number for number in cached_numbers if cache.load(number, work.shapes(tiles[number])) is not None}
    shared = share_object(remote, cache.path / "job")
    jobs = [(shared, number) for number in range(len(tiles)) if number not in known]
    with contextlib.closing(cluster.run(predict_tile, jobs, progress, ordered=True)) as results:
        for number, tile in enumerate(tiles):
            if number not in known and next(results)[1]["skipped"]:
                yield tile, work.empty(tile)
                continue
            done = _load(cache, number, tile, work)
            if number in known:
                done.facts["taken"] = 1
            yield tile, done


def _load(cache: TileCache, number: int, tile: Tile, work: TileWork) -> TileResult:
    found = await_visible(cache.path, lambda: cache.load(number, work.shapes(tile)))
    if found is None:
        raise WorkerFailed(
            f"A worker wrote tile {number} to {cache.path}, but it cannot be read from here. Is the folder of the "
            "output on storage that all machines share?"
        )
    return TileResult(*found)
