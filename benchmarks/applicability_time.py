"""Time of a prediction with and without OUTPUT_APPLICABILITY and OUTPUT_DISSIMILARITY, in turn, in one run.

    python benchmarks/applicability_time.py STACK MODEL [--cells 1000000] [--repeats 3]

The stack is cut or repeated to about so many cells, all with data as far as it has them. Ratios are of medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress


def resized(stack: str, path: Path, cells: int) -> Path:
    """Write the stack cut or repeated to a square of so many cells."""
    side = round(cells**0.5)
    with rasterio.open(stack) as source:
        profile = source.profile | {"width": side, "height": side}
        with rasterio.open(path, "w", **profile) as target:
            target.update_tags(**source.tags())
            for band in range(1, source.count + 1):
                values = source.read(band)
                repeat = -(-side // values.shape[0]), -(-side // values.shape[1])
                target.write(np.tile(values, repeat)[:side, :side], band)
                target.set_band_description(band, source.descriptions[band - 1])
                target.set_band_unit(band, source.units[band - 1] or "")
                target.update_tags(band, **source.tags(band))
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack")
    parser.add_argument("model")
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    times: dict[str, list[float]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as folder:
        stack = resized(given.stack, Path(folder, "stack.tif"), given.cells)
        outputs = {name: Path(folder, f"{name}.tif") for name in ("output_applicability", "output_dissimilarity")}
        for repeat in range(given.repeats + 1):
            for name in times:
                more = outputs if name == "with" else {}
                started, busy = time.perf_counter(), time.process_time()
                summary = predict_susceptibility(
                    stack,
                    [given.model],
                    Path(folder, "map.tif"),
                    PredictionOptions(device="cpu"),
                    progress=NullProgress(),
                    **more,
                )
                wall, busy = time.perf_counter() - started, time.process_time() - busy
                # The first round fills caches.
                if repeat:
                    times[name].append(wall)
                    print(f"{name}: {wall:.2f} s, {busy:.2f} s of processors, {summary.cells:,} cells", flush=True)
    without, both = (statistics.median(times[name]) for name in ("without", "with"))
    print(f"ratio {both / without:.2f}")


if __name__ == "__main__":
    main()
