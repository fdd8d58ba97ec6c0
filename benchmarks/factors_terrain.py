"""Slope, curvature and aspect together beside gdaldem's slope and aspect, file to file, in the same run.

Run with ``./run python benchmarks/factors_terrain.py [SIDE]`` (8192 cells by default). Both read an uncompressed DEM
and write uncompressed GeoTIFFs; gdaldem runs as it comes, twice, once a factor; Scarp uses all cores, and one in the
second row. The last rows are the largest differences from gdaldem.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from factors_scene import make_grid, write_dem

from scarp.model.factors.sources import terrain_sources
from scarp.model.inputs.units import AUTO
from scarp.model.memory import retain_freed_memory
from scarp.model.progress import NullProgress

REPEATS = 3


def gdaldem(factor: str, dem: Path, output: Path) -> float:
    """Return the seconds that gdaldem takes."""
    started = time.perf_counter()
    subprocess.run(["gdaldem", factor, str(dem), str(output), "-compute_edges", "-q"], check=True)
    return time.perf_counter() - started


def scarp(dem: Path, output: Path, side: int, workers: int) -> float:
    """Return the seconds that all three factors take in Scarp, written to one file with a band each."""
    started = time.perf_counter()
    grid = make_grid(side)
    (maker,) = terrain_sources(dem, grid, "horn", AUTO, NullProgress())
    profile = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": 3,
        "dtype": "float32",
        "crs": grid.crs,
        "transform": grid.transform,
        "interleave": "band",
        "bigtiff": "if_safer",
    }
    with retain_freed_memory(), ExitStack() as opened:
        readers: queue.SimpleQueue = queue.SimpleQueue()
        for _ in range(workers):
            readers.put(opened.enter_context(maker.open()))
        target = opened.enter_context(rasterio.open(output, "w", **profile))

        def compute(block):
            reader = readers.get()
            try:
                return block, reader.read(block)
            finally:
                readers.put(reader)

        blocks, pending = grid.blocks(), deque()
        with ThreadPoolExecutor(workers) as pool:
            for _ in range(grid.block_count()):
                while len(pending) <= workers and (block := next(blocks, None)) is not None:
                    pending.append(pool.submit(compute, block))
                block, values = pending.popleft().result()
                target.write(values, window=block.window)
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 8192
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="scarp-bench-") as name:
        folder = Path(name)
        dem = folder / "dem.tif"
        write_dem(dem, make_grid(side))
        times: dict[str, list[float]] = {"slope": [], "aspect": [], "all": [], "one": []}
        for _ in range(REPEATS):
            for factor in ("slope", "aspect"):
                times[factor].append(gdaldem(factor, dem, folder / f"{factor}.tif"))
            times["one"].append(scarp(dem, folder / "scarp.tif", side, 1))
            times["all"].append(scarp(dem, folder / "scarp.tif", side, cores))
        best = {name: min(seconds) for name, seconds in times.items()}
        both = best["slope"] + best["aspect"]
        cells = side * side / 1e6
        print(f"{'what':44} {'seconds':>8} {'Mcells/s':>9} {'times':>6}")
        for title, seconds in (
            ("gdaldem slope", best["slope"]),
            ("gdaldem aspect", best["aspect"]),
            ("gdaldem slope and aspect", both),
            (f"scarp slope, aspect, curvature, {cores} threads", best["all"]),
            ("scarp slope, aspect, curvature, 1 thread", best["one"]),
        ):
            print(f"{title:44} {seconds:8.2f} {cells / seconds:9.1f} {both / seconds:6.2f}")
        off = wrong = 0.0
        with (
            rasterio.open(folder / "slope.tif") as slope,
            rasterio.open(folder / "aspect.tif") as aspect,
            rasterio.open(folder / "scarp.tif") as ours,
        ):
            for block in make_grid(side).blocks():
                values = ours.read(window=block.window)
                off = max(off, float(np.abs(values[0] - slope.read(1, window=block.window)).max()))
                direction = aspect.read(1, window=block.window)
                code = np.where(direction == -9999, 1, 2 + np.floor((direction + 22.5) / 45) % 8)
                wrong += np.count_nonzero(code != values[2])
        print(f"largest difference of slope {off:.5f} degrees; {wrong / side**2:.5%} of the aspect classes differ")


if __name__ == "__main__":
    main()
