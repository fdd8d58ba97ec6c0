"""How the factor stack is best stored: size on disk, and speed of writing and of reading windows with a halo.

Run with ``./run python benchmarks/factors_storage.py [SIDE]`` (2048 cells by default). The stack is the ten-factor one
of ``factors_stack.py``. Speeds are millions of cells a second with all ten bands, all files in the system's cache; one
band is what QGIS reads to draw a factor. The first row is plain float32 deflate.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from factors_scene import ten_factors

from scarp.model.factors.settings import StackOptions
from scarp.model.grid import Block, Grid
from scarp.model.jobs.build_factor_stack import build_factor_stack
from scarp.model.progress import NullProgress
from scarp.model.stack import create_stack, open_stack

WINDOW, HALO = 512, 64
STORAGES = [
    ("deflate", {"compress": "deflate", "interleave": "pixel", "predictor": 1, "zlevel": 6}),
    ("deflate, predictor 3", {"compress": "deflate", "interleave": "pixel", "predictor": 3, "zlevel": 6}),
    ("zstd 1, pixels, predictor 1", {"interleave": "pixel", "predictor": 1}),
    ("zstd 1, pixels, predictor 2", {"interleave": "pixel", "predictor": 2}),
    ("zstd 1, pixels, predictor 3", {"interleave": "pixel", "predictor": 3}),
    ("zstd 1, bands, predictor 1", {"interleave": "band", "predictor": 1}),
    ("zstd 1, bands, predictor 2", {"interleave": "band", "predictor": 2}),
    ("zstd 1, bands, predictor 3", {"interleave": "band", "predictor": 3}),
    ("zstd 1, bands, pred. 2, tile 512", {"predictor": 2, "blockxsize": 512, "blockysize": 512}),
    ("zstd 9, bands, predictor 2", {"interleave": "band", "predictor": 2, "zstd_level": 9}),
    ("none, bands", {"interleave": "band", "compress": "none", "predictor": 1}),
]


def read_windows(path: Path, grid: Grid, bands: list[int] | None) -> float:
    """Return the seconds that reading all windows with their halo takes."""
    started = time.perf_counter()
    with rasterio.Env(GDAL_CACHEMAX=64), rasterio.open(path) as dataset:
        for block in grid.blocks(WINDOW):
            whole = block.padded(HALO)
            row, column = max(whole.row, 0), max(whole.column, 0)
            window = Block(
                row,
                column,
                min(whole.row + whole.height, grid.height) - row,
                min(whole.column + whole.width, grid.width) - column,
            ).window
            dataset.read(bands, window=window)
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
    with tempfile.TemporaryDirectory(prefix="scarp-bench-") as folder:
        path = Path(folder) / "stack.tif"
        build_factor_stack(ten_factors(Path(folder), side), path, StackOptions(), NullProgress())
        with open_stack(path) as stack:
            grid, factors = stack.grid, stack.factors
            blocks = list(grid.blocks())
            values = [stack.read(block) for block in blocks]
        cells = side * side
        plain = 0
        print(
            f"{'storage':34} {'bytes/cell':>10} {'of deflate':>10} {'write':>7} {'CPU ns':>7} {'read':>7} "
            f"{'one band':>9}"
        )
        for title, options in STORAGES:
            written, used = [], []
            for _ in range(2):
                started, before = time.perf_counter(), time.process_time()
                with create_stack(path, grid, factors, options=options) as dataset:
                    for block, cube in zip(blocks, values):
                        dataset.write(cube, window=block.window)
                written.append(time.perf_counter() - started)
                used.append(time.process_time() - before)
            read = min(read_windows(path, grid, None) for _ in range(3))
            single = min(read_windows(path, grid, [1]) for _ in range(3))
            with open_stack(path) as stack:
                if not np.array_equal(stack.read(blocks[0]), values[0], equal_nan=True):
                    raise SystemExit(f"{title}: what was read is not what was written")
            size = path.stat().st_size
            plain = plain or size
            print(
                f"{title:34} {size / cells:10.1f} {size / plain:10.0%} {cells / min(written) / 1e6:7.1f} "
                f"{min(used) / cells * 1e9:7.0f} {cells / read / 1e6:7.1f} {cells / single / 1e6:9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
