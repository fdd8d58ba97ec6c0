"""How fast and with how much memory a map is predicted from file to file, beside the bare network on data in memory.

    ./run python benchmarks/prediction.py [--sides 4096,16384] [--nets default,w32d4] [--precisions fp32,bf16]

The bare network is the trained one as torch runs it best by itself: evaluation mode, batch norm folded, channels last,
weights in the arithmetic, freed memory kept, no halo, no encoding, no files, the fastest of several tile sides. Every
row runs in a process of its own, so that its peak memory is its own. The stack is synthetic: ten factors, four of them
with nine classes, written by windows and kept between runs in --folder.
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
from torch import nn

from scarp.model.artifact import TrainedModel, load_model, save_model
from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.grid import Grid
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.memory import retain_freed_memory
from scarp.model.networks import build_network
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack

CONTINUOUS = [f"amount_{number}" for number in range(6)]
CATEGORICAL = [f"class_{number}" for number in range(4)]
CLASSES = {code: f"class {code}" for code in range(1, 10)}
NETS = {
    "default": {"type": "additive_unet", "width": 16, "depth": 1, "continuous": len(CONTINUOUS), "knots": 8},
    "w32d4": {"type": "unet", "width": 32, "depth": 4},
    "w16d1": {"type": "unet", "width": 16, "depth": 1},
    "w32d2": {"type": "unet", "width": 32, "depth": 2},
}
BARE_SIDES = (256, 512, 1024)
REPEATS = 3


def make_stack(path: Path, side: int) -> None:
    """Write a stack of smooth amounts with some noise, and of patches of classes, by windows.

    Amounts are rounded so that a cell takes about 20 bytes, as many a factor as in real mountains.
    """
    grid = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), side, side)
    factors = [
        *(StackFactor(name, "continuous") for name in CONTINUOUS),
        *(StackFactor(name, "categorical", classes=CLASSES) for name in CATEGORICAL),
    ]
    rng = np.random.default_rng(1)
    with create_stack(path, grid, factors) as dataset:
        for block in grid.blocks():
            coarse = rng.normal(size=(len(factors), block.height // 16 + 1, block.width // 16 + 1))
            values = np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2)[:, : block.height, : block.width]
            values = values.astype(np.float32)
            values[len(CONTINUOUS) :] = np.clip(np.round(5 + 2 * values[len(CONTINUOUS) :]), 1, 9)
            values[: len(CONTINUOUS)] += 0.1 * rng.standard_normal(values[: len(CONTINUOUS)].shape, dtype=np.float32)
            values[: len(CONTINUOUS)] = np.round(values[: len(CONTINUOUS)] * 4096) / 4096
            dataset.write(values, window=block.window)


def make_model(path: Path, net: str, encoding: str = "one_hot") -> None:
    """Write an untrained model whose map is as lively as a trained one's; so is its speed."""
    specs = [
        *(FactorSpec(name, "continuous", minimum=-9, maximum=9) for name in CONTINUOUS),
        *(
            FactorSpec(name, "categorical", classes=CLASSES, mean=5, std=2, minimum=1, maximum=9, seen=tuple(CLASSES))
            for name in CATEGORICAL
        ),
    ]
    architecture = {"channels": Encoding(specs, encoding).channels, "dropout": 0.2, **NETS[net]}
    torch.manual_seed(1)
    network = build_network(architecture)
    unet = getattr(network, "unet", network)
    with torch.no_grad():
        for layer in unet.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        unet.head.weight.normal_(std=0.1)
        image = torch.randn(2, architecture["channels"], 128, 128)
        logits = unet.train()(image)
        unet.head.weight *= 1.5 / (logits[:, 1] - logits[:, 0]).std()
        if hasattr(network, "curves"):
            network.curves.heights.normal_(std=0.5)
            network.curves.linear.weight.normal_(std=0.1)
    save_model(TrainedModel("pcum", architecture, encoding, specs, 30.0, {}, 1, [], {}, {}, {}, network), path)


def fold(network: nn.Module) -> nn.Module:
    """Fold batch norms into the convolutions before them, as torch offers it."""
    for level in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for place in range(len(level) - 1):
            if isinstance(level[place], nn.Conv2d) and isinstance(level[place + 1], nn.BatchNorm2d):
                level[place] = torch.nn.utils.fusion.fuse_conv_bn_eval(level[place], level[place + 1])
                level[place + 1] = nn.Identity()
    return network


def bare(folder: Path, net: str, precision: str) -> tuple[float, float, float]:
    """Million cells a second of the network alone, seconds a tile and peak memory."""
    network = fold(load_model(folder / f"{net}.safetensors").network.eval()).to(memory_format=torch.channels_last)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    unet = getattr(network, "unet", network).to(dtype)
    found = []
    with torch.inference_mode(), retain_freed_memory():
        for side in BARE_SIDES:
            image = torch.randn(1, 6 + 4 * 9, side, side).to(memory_format=torch.channels_last)
            low = image.to(dtype)
            for _ in range(REPEATS + 1):
                start = time.perf_counter()
                logits = unet(low)
                if hasattr(network, "curves"):
                    logits.float().add_(network.curves(image))
                found.append((time.perf_counter() - start) / side**2)
    return 1 / min(found) / 1e6, min(found) * 1024**2, peak()


def whole(folder: Path, net: str, precision: str, side: int, tile: int) -> tuple[float, float, float]:
    """Million cells a second from file to file, seconds and peak memory."""
    start = time.perf_counter()
    summary = predict_susceptibility(
        folder / f"stack{side}.tif",
        [folder / f"{net}.safetensors"],
        folder / f"map{os.getpid()}.tif",
        PredictionOptions(tile=tile, device="cpu", precision=precision),
        progress=NullProgress(),
    )
    seconds = time.perf_counter() - start
    for item in folder.glob(f"map{os.getpid()}.tif*"):
        item.unlink()
    if summary.precision != {"fp32": "float32", "bf16": "bfloat16"}[precision]:
        raise SystemExit(f"{net} was computed in {summary.precision}, not in {precision}.")
    return summary.cells / seconds / 1e6, seconds, peak()


def peak() -> float:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", default="4096")
    parser.add_argument("--nets", default="default,w32d4")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--tiles", default="0")
    parser.add_argument("--folder", help="where stacks are kept; a temporary folder by default")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(chosen.folder or name)
        folder.mkdir(exist_ok=True)
        sides = [int(side) for side in chosen.sides.split(",")]
        for side in sides:
            if not (folder / f"stack{side}.tif").exists():
                make_stack(folder / f"stack{side}.tif", side)
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; million cells a second")
        print(f"{'row':44}{'Mcells/s':>10}{'seconds':>10}{'peak MB':>10}{'of bare':>10}")
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            for net in chosen.nets.split(","):
                make_model(folder / f"{net}.safetensors", net)
                for precision in chosen.precisions.split(","):
                    reference, seconds, memory = pool.apply(bare, (folder, net, precision))
                    print(f"{f'{net} {precision}: bare network':44}{reference:10.2f}{'':>10}{memory:10.0f}", flush=True)
                    for side in sides:
                        for tile in chosen.tiles.split(","):
                            rate, seconds, memory = pool.apply(whole, (folder, net, precision, side, int(tile)))
                            label = f"{net} {precision}: {side}², tile {int(tile) or 'automatic'}"
                            print(
                                f"{label:44}{rate:10.2f}{seconds:10.1f}{memory:10.0f}{rate / reference:10.0%}",
                                flush=True,
                            )


if __name__ == "__main__":
    main()
