"""How long a layer with a million vertices takes over the line to the process that computes, and to be read there.

./run python benchmarks/worker_line.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from scarp.model.inputs.vectors import Polygons
from scarp.model.worker.protocol import CALL, Channel, read_message

POLYGONS, VERTICES = 4000, 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    circle = np.stack([np.cos(np.linspace(0, 7, VERTICES)), np.sin(np.linspace(0, 7, VERTICES))], axis=1)
    layer = Polygons(
        "big",
        "",
        {"name": [f"unit {number}" for number in range(POLYGONS)]},
        [{"type": "Polygon", "coordinates": [circle + number]} for number in range(POLYGONS)],
    )
    times = [over_the_line(layer) for _ in range(options.repeats)]
    for what, seconds in zip(("sent", "read"), zip(*times)):
        print(f"{what}: {1000 * statistics.median(seconds):.0f} ms, median of {options.repeats}")


def over_the_line(layer: Polygons) -> tuple[float, float]:
    """Return the seconds that sending and reading take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open(folder / "line", "w+b") as stream:
            began = time.perf_counter()
            Channel(stream, folder, "benchmark", False).send(CALL, layer)
            sent = time.perf_counter()
            stream.seek(0)
            read_message(stream.readline(), folder)
            return sent - began, time.perf_counter() - sent


if __name__ == "__main__":
    main()
