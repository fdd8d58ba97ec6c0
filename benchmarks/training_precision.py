"""A training step in bf16 against fp32 on this computer, by width and depth of the network.

    ./run python benchmarks/training_precision.py [--networks 16x1 16x2 32x4] [--repeats 7] [--threads 1]

Both take turns in one run, so that the ratio holds on a busy computer as well. Batches of 32 windows of 50 × 50 cells
with 44 channels, forward, loss, backward and optimiser.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from scarp.model.memory import retain_freed_memory
from scarp.model.networks import build_network
from scarp.model.networks.unet import PcumLoss
from scarp.model.training.devices import choose_device, cpu_has_bf16, deterministic_torch, lower_precision
from scarp.model.windows.collection import WindowPlan

CHANNELS, BATCH, SIDE = 44, 32, 50
TYPES = (torch.float32, torch.bfloat16)


def seconds(width: int, depth: int, device: torch.device, repeats: int) -> list[float]:
    """Return the median time of a step in each arithmetic."""
    side = WindowPlan(1.0, 1.0, align=2**depth).padded_side(SIDE)
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(BATCH, CHANNELS, side, side, generator=generator).to(device, memory_format=torch.channels_last)
    labels = (torch.rand(BATCH, side, side, generator=generator) < 0.2).to(device, torch.uint8)
    safety = torch.rand(BATCH, side, side, generator=generator).to(device)
    loss = PcumLoss("hinge", 0.1, 0.15, 0.5, 5.0, 1.0)
    architecture = {"type": "unet", "channels": CHANNELS, "width": width, "depth": depth, "dropout": 0.2}
    networks = [build_network(architecture, 1).to(device, memory_format=torch.channels_last) for _ in TYPES]
    optimisers = [torch.optim.AdamW(network.parameters(), lr=1e-3) for network in networks]
    times: list[list[float]] = [[] for _ in TYPES]
    for repeat in range(repeats + 1):
        for dtype, network, optimiser, found in zip(TYPES, networks, optimisers, times):
            started = time.perf_counter()
            with lower_precision(device, dtype):
                logits = network(image)
            optimiser.zero_grad(set_to_none=True)
            loss(logits, labels, safety).loss.backward()
            optimiser.step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if repeat:
                found.append(time.perf_counter() - started)
    return [statistics.median(found) for found in times]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--networks", nargs="+", default=["8x1", "16x1", "16x2", "32x1", "64x2"], help="width x depth of each network"
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    print(f"{device}, {options.threads} threads; the processor {'has' if cpu_has_bf16() else 'lacks'} bf16")
    print("| width | depth | fp32 | bf16 | ratio |\n|---|---|---|---|---|")
    with deterministic_torch(), retain_freed_memory():
        for network in options.networks:
            width, depth = (int(number) for number in network.split("x"))
            full, low = seconds(width, depth, device, options.repeats)
            print(f"| {width} | {depth} | {1000 * full:.0f} ms | {1000 * low:.0f} ms | {full / low:.2f} |", flush=True)


if __name__ == "__main__":
    main()
