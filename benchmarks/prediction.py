"""How fast and with how much memory a map is predicted, beside the bare network on data in memory.

    ./run python benchmarks/prediction.py [--side 2048] [--width 16] [--depth 3]

Every row runs in a process of its own, so that its peak memory is its own. The stack is synthetic: ten factors, four
of them with nine classes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.artifact import TrainedModel, load_model, save_model
from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.grid import Grid
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.networks import build_network
from scarp.model.progress import Silent
from scarp.model.stack import StackFactor, create_stack

CONTINUOUS = [f"amount_{number}" for number in range(6)]
CATEGORICAL = [f"class_{number}" for number in range(4)]
CLASSES = {code: f"class {code}" for code in range(1, 10)}
BARE_SIDE = 512
REPEATS = 3


def make_stack(path: Path, side: int) -> None:
    """Write a stack of random blobs, by windows."""
    grid = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), side, side)
    factors = [*(StackFactor(name, "continuous") for name in CONTINUOUS),
               *(StackFactor(name, "categorical", classes=CLASSES) for name in CATEGORICAL)]
    rng = np.random.default_rng(1)
    with create_stack(path, grid, factors) as dataset:
        for block in grid.blocks():
            coarse = rng.normal(size=(len(factors), block.height // 16 + 1, block.width // 16 + 1))
            values = np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2)[:, :block.height, :block.width]
            values[len(CONTINUOUS):] = np.clip(np.round(5 + 2 * values[len(CONTINUOUS):]), 1, 9)
            values[:len(CONTINUOUS)] += rng.normal(scale=0.1, size=values[:len(CONTINUOUS)].shape)
            dataset.write(values.astype(np.float32), window=block.window)


def make_model(path: Path, width: int, depth: int, encoding: str) -> None:
    """Write an untrained model; its speed is a trained one's."""
    specs = [*(FactorSpec(name, "continuous", minimum=-9, maximum=9) for name in CONTINUOUS),
             *(FactorSpec(name, "categorical", classes=CLASSES, mean=5, std=2, minimum=1, maximum=9,
                          seen=tuple(CLASSES)) for name in CATEGORICAL)]
    architecture = {"type": "unet", "channels": Encoding(specs, encoding).channels, "width": width, "depth": depth,
                    "dropout": 0.1}
    torch.manual_seed(1)
    save_model(TrainedModel("pcum", architecture, encoding, specs, 30.0, {}, 1, [], {}, {}, {},
                            build_network(architecture)), path)


def bare(folder: Path, precision: str) -> tuple[float, float, float]:
    """Cells a second of the network alone, without halo, encoding or files."""
    model = load_model(folder / "model.safetensors")
    model.to("cpu", precision)
    image = torch.randn(1, model.encoder.channels, BARE_SIDE, BARE_SIDE)
    seconds = []
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        for _ in range(REPEATS + 1):
            start = time.perf_counter()
            model.network(image)
            seconds.append(time.perf_counter() - start)
    best = min(seconds[1:])
    return BARE_SIDE ** 2 / best / 1e6, best, peak()


def whole(folder: Path, precision: str, tile: int) -> tuple[float, float, float]:
    """Cells a second from file to file."""
    start = time.perf_counter()
    summary = predict_susceptibility(folder / "stack.tif", [folder / "model.safetensors"], folder / "map.tif",
                                     tile=tile, device="cpu", precision=precision, progress=Silent())
    seconds = time.perf_counter() - start
    return summary.cells / seconds / 1e6, seconds, peak()


def peak() -> float:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--encoding", default="one_hot")
    parser.add_argument("--precisions", default="fp32,bf16")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_stack(folder / "stack.tif", chosen.side)
        make_model(folder / "model.safetensors", chosen.width, chosen.depth, chosen.encoding)
        print(f"{chosen.side}² cells, ten factors ({chosen.encoding}), width {chosen.width}, depth {chosen.depth}, "
              f"torch {torch.__version__}, {os.cpu_count()} cores")
        print(f"{'row':34}{'Mcells/s':>10}{'seconds':>10}{'peak MB':>10}{'of bare':>10}")
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            for precision in chosen.precisions.split(","):
                rate, seconds, memory = pool.apply(bare, (folder, precision))
                reference = rate
                print(f"{'bare network ' + precision:34}{rate:10.2f}{seconds:10.2f}{memory:10.0f}{'':>10}")
                for tile in (0, 256, 512, 1024):
                    rate, seconds, memory = pool.apply(whole, (folder, precision, tile))
                    label = f"file to file {precision}, tile {tile or 'automatic'}"
                    print(f"{label:34}{rate:10.2f}{seconds:10.2f}{memory:10.0f}{rate / reference:10.0%}")


if __name__ == "__main__":
    main()
