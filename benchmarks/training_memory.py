"""Peak memory of a whole training on about as many windows as in the paper (3,991 of 50 × 50 cells, ten factors).

    ./run python benchmarks/training_memory.py [--side 4096] [--epochs 2] [--presets recommended paper]
        [--precision auto]

Stack, labels and safety factor are synthetic files that ``train_pcum`` reads as any others, so the peak is that of a
user's training, from reading to the model file. Every row runs in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.options import PRECISIONS
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack
from scarp.model.training.settings import PRESETS, preset_settings

CONTINUOUS = [f"amount_{number}" for number in range(6)]
CATEGORICAL = [f"class_{number}" for number in range(4)]
CLASSES = {code: f"class {code}" for code in range(1, 10)}
BLOB = 16


def make_scene(folder: Path, side: int) -> None:
    """Write stack, labels and safety factor, by windows; one cell in seven is landslide, where the first factor is
    high."""
    grid = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), side, side)
    factors = [
        *(StackFactor(name, "continuous") for name in CONTINUOUS),
        *(StackFactor(name, "categorical", classes=CLASSES) for name in CATEGORICAL),
    ]
    rng = np.random.default_rng(1)
    with (
        create_stack(folder / "stack.tif", grid, factors) as stack,
        create_raster(folder / "labels.tif", grid, "uint8", 255, overviews=None) as labels,
        create_raster(folder / "safety.tif", grid, "float32", np.nan, overviews=None) as safety,
    ):
        for block in grid.blocks():
            coarse = rng.normal(size=(len(factors), -(-block.height // BLOB), -(-block.width // BLOB)))
            values = coarse.repeat(BLOB, axis=1).repeat(BLOB, axis=2)[:, : block.height, : block.width]
            values[len(CONTINUOUS) :] = np.clip(np.round(5 + 2 * values[len(CONTINUOUS) :]), 1, 9)
            stack.write(values.astype(np.float32), window=block.window)
            labels.write((values[0] > 1.07).astype(np.uint8), 1, window=block.window)
            safety.write((0.5 - 0.1 * values[1]).astype(np.float32), 1, window=block.window)


def measure(folder: Path, preset: str, given: dict[str, Any], results: multiprocessing.Queue) -> None:
    """Train once and report windows, seconds and the peak of this process."""
    before = peak()
    started = time.monotonic()
    result = train_pcum(
        folder / "stack.tif",
        folder / "labels.tif",
        folder / "model.safetensors",
        safety_factor=folder / "safety.tif",
        settings=preset_settings(preset, given),
        output_html=folder / "report.html",
        progress=NullProgress(),
    )
    results.put((len(result.windows), result.precision, time.monotonic() - started, before, peak()))


def peak() -> float:
    """Return the largest resident memory of this process so far in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096, help="cells of the scene")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    options = parser.parse_args()
    given = {"epochs": options.epochs, "precision": options.precision}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="scarp-") as name:
        folder = Path(name)
        make_scene(folder, options.side)
        print(f"{options.side}² cells, ten factors, {options.epochs} epochs, {os.cpu_count()} cores")
        print("| preset | windows | arithmetic | time | memory before | peak |\n|---|---|---|---|---|---|")
        for preset in options.presets:
            results = context.Queue()
            process = context.Process(target=measure, args=(folder, preset, given, results))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"The run with the preset {preset} failed.")
            windows, precision, seconds, before, highest = results.get()
            print(
                f"| {preset} | {windows:,} | {precision} | {seconds:.0f} s | {before:,.0f} MB | {highest:,.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
