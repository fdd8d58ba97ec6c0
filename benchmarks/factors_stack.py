"""The ten-factor stack, and that with terrain in context: cells a second, peak memory and size on disk.

Run with ``./run python benchmarks/factors_stack.py [SIDE ...]``; 4096, 8192 and 16384 cells a side by default, with
20,000 river lines of 10 km and 2,000 fault lines of 30 km on the largest. Each stack runs in a process of its own, so
that its peak memory is its own; the share before the first block (libraries and the vector layers) is given too.
16,384 needs about 50 GB of disk.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIDES = (4096, 8192, 16384)
TERRAIN = ("none", "default")


class Clock:
    """A progress that notes when the walk over the blocks starts and ends."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.walk = self.walked = self.memory = 0.0

    def report(self, fraction: float, text: str = "") -> None:
        now = time.perf_counter() - self.started
        if fraction > 0.05 and not self.walk:
            self.walk = now
        if fraction <= 0.9:
            self.walked = now
        if not self.walk:
            self.memory = peak_mb()

    def warn(self, text: str) -> None:
        print(text, file=sys.stderr)

    def cancelled(self) -> bool:
        return False


def peak_mb() -> float:
    """Return the largest resident memory of this process so far in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, side: int, terrain: str) -> dict[str, float]:
    """Build one stack and return its figures."""
    from factors_scene import ten_factors

    from scarp.model.factors.settings import StackOptions
    from scarp.model.jobs.build_factor_stack import build_factor_stack

    inputs = ten_factors(folder, side)
    lines = sum(len(part) for layer in (inputs.rivers, inputs.faults) for part in layer.parts)
    options = StackOptions(terrain=("none",)) if terrain == "none" else StackOptions()
    clock = Clock()
    used = time.process_time()
    summary = build_factor_stack(inputs, folder / "stack.tif", options, clock)
    seconds = time.perf_counter() - clock.started
    return {
        "side": side,
        "cells": summary.cells,
        "vertices": lines,
        "seconds": seconds,
        "prepared": clock.walk,
        "walked": clock.walked - clock.walk,
        "processor": time.process_time() - used,
        "peak": peak_mb(),
        "before": clock.memory,
        "bytes": (folder / "stack.tif").stat().st_size,
        "factors": len(summary.factors),
    }


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 2 and sys.argv[1] == "child":
        print(json.dumps(measure(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
        return
    sides = [int(argument) for argument in sys.argv[1:]] or SIDES
    print(
        f"{'side':>6} {'factors':>7} {'cells':>12} {'vertices':>9} {'seconds':>8} {'prepare':>8} {'blocks':>8} "
        f"{'rest':>6} {'Mcells/s':>9} {'CPU s':>7} {'peak MB':>8} {'before':>7} {'GB':>6}"
    )
    for side, terrain in ((side, terrain) for side in sides for terrain in TERRAIN):
        with tempfile.TemporaryDirectory(prefix="scarp-bench-") as folder:
            command = [sys.executable, __file__, "child", folder, str(side), terrain]
            result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        got = json.loads(result.stdout.splitlines()[-1])
        rest = got["seconds"] - got["prepared"] - got["walked"]
        print(
            f"{side:6} {got['factors']:7} {got['cells']:12,} {got['vertices']:9,} {got['seconds']:8.1f} "
            f"{got['prepared']:8.1f} {got['walked']:8.1f} {rest:6.1f} {got['cells'] / got['seconds'] / 1e6:9.2f} "
            f"{got['processor']:7.1f} {got['peak']:8.0f} {got['before']:7.0f} {got['bytes'] / 1e9:6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
