"""Speed of training steps against the arithmetic in them and against this machine's matrix products, in one run.

    ./run python benchmarks/training_speed.py [--device cpu] [--windows 256] [--repeats 5]

Each row is a network with batches of 32 windows of 50 × 50 cells and 40 channels. "share" is the arithmetic of the
step (forward and backward, counted by torch) per second, divided by the rate of a large matrix product in the same
arithmetic, measured around it. With ``--epochs 1000`` on a GPU it trains for that many epochs on 3,991 windows of
50 × 50 cells and ten factors and prints the time.
"""

from __future__ import annotations

import argparse
import time
from typing import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from scarp.model.encoding import Encoding, fit_factors
from scarp.model.memory import retain_freed_memory
from scarp.model.networks import build_network
from scarp.model.networks.unet import PcumLoss
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training.devices import choose_device, lower_precision
from scarp.model.training.loop import Trainer, TrainingData
from scarp.model.training.settings import TrainingSettings
from scarp.model.windows.collection import WindowSet

CHANNELS, SIDE, BATCH = 40, 50, 32
NETWORKS = ((16, 1), (16, 2), (32, 2), (32, 4))
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def seconds_of(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Return the median time of a piece of work, after one run that does not count."""
    times = []
    for turn in range(repeats + 1):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if turn:
            times.append(time.perf_counter() - started)
    return float(np.median(times))


def matrix_rate(dtype: torch.dtype, device: torch.device, repeats: int) -> float:
    """Return floating-point operations a second of a large matrix product."""
    size = 2048 if device.type == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / seconds_of(lambda: a @ b, device, repeats)


def step_of(width: int, depth: int, dtype: torch.dtype, device: torch.device) -> tuple[Callable[[], None], int]:
    """Return one training step and its arithmetic."""
    network = build_network({"type": "unet", "channels": CHANNELS, "width": width, "depth": depth, "dropout": 0.2}, 1)
    network = network.to(device).to(memory_format=torch.channels_last)
    side = -(-SIDE // network.align) * network.align
    image = torch.randn(BATCH, CHANNELS, side, side, device=device).to(memory_format=torch.channels_last)
    labels = (torch.rand(BATCH, side, side, device=device) < 0.2).to(torch.uint8)
    safety = torch.rand(BATCH, side, side, device=device)
    loss = PcumLoss("hinge", 0.1, 0.15, 0.5, 5.0, 1.0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def step() -> None:
        with lower_precision(device, dtype):
            logits = network(image)
        optimiser.zero_grad(set_to_none=True)
        loss(logits, labels, safety).loss.backward()
        optimiser.step()

    with FlopCounterMode(display=False) as counter:
        step()
    return step, counter.get_total_flops()


def whole_training(device: torch.device, epochs: int, precision: str) -> float:
    """Return the seconds that the paper's number of windows takes for some epochs, loading onto the device included."""
    random = np.random.default_rng(1)
    count, factors = 3991, [StackFactor(f"factor{number}", "continuous") for number in range(10)]
    windows = WindowSet(
        np.zeros((count, 2), dtype=np.int64),
        SIDE,
        0,
        random.normal(size=(count, 10, SIDE, SIDE)).astype(np.float32),
        (random.random((count, SIDE, SIDE)) < 0.17).astype(np.uint8),
        random.random((count, SIDE, SIDE)).astype(np.float32),
        np.zeros(count, dtype=np.uint8),
    )
    settings = TrainingSettings(epochs=epochs, patience=0, precision=precision)
    encoding = Encoding(fit_factors(factors, windows.training_cells()), "one_hot")
    network = build_network(
        {"type": "unet", "channels": 10, "width": settings.width, "depth": settings.depth, "dropout": 0.2}, 1
    ).to(device)
    started = time.perf_counter()
    data = TrainingData(windows, encoding, device, NullProgress())
    loss = PcumLoss("hinge", 0.1, 0.15, 0.5, 5.0, 1.0)
    trainer = Trainer(network, data, loss, settings, TYPES[precision], NullProgress())
    trainer.fit(np.arange(count), np.arange(0, count, 10))
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument("--epochs", type=int, default=0)
    given = arguments.parse_args()
    device = choose_device(given.device)
    print(f"{device}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(
        f"{'width':>5} {'depth':>5} {'type':>5} {'ms a step':>10} {'windows/s':>10} {'GFLOP/s':>9} {'matrix':>9} "
        f"{'share':>6}"
    )
    with retain_freed_memory():
        for width, depth in NETWORKS:
            for name, dtype in TYPES.items():
                step, work = step_of(width, depth, dtype, device)
                before = matrix_rate(dtype, device, given.repeats)
                seconds = seconds_of(step, device, given.repeats)
                rate = (before + matrix_rate(dtype, device, given.repeats)) / 2
                print(
                    f"{width:5} {depth:5} {name:>5} {1000 * seconds:10.1f} {BATCH / seconds:10.0f} "
                    f"{work / seconds / 1e9:9.0f} {rate / 1e9:9.0f} {work / seconds / rate:6.0%}",
                    flush=True,
                )
        if given.epochs:
            for precision in TYPES:
                seconds = whole_training(device, given.epochs, precision)
                print(f"{given.epochs} epochs of 3,991 windows in {precision}: {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
