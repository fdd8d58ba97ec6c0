"""Time and memory of ``compare_models`` on large maps: ``./run python benchmarks/comparison.py [SIDE] [FOLDER]``.

Two maps of SIDE × SIDE cells and one of 20 times their cell size, 2,000 landslides, 200 draws, five regions.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from scipy.ndimage import zoom

from scarp.model.comparison.settings import ComparisonOptions
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.compare_models import compare_models
from scarp.model.progress import NullProgress
from scarp.model.validation.settings import EvaluationLayers

LEFT, TOP, CELL, COARSE = 300000.0, 3300000.0, 30.0, 20
LANDSLIDES, STRIP, STEP = 2000, 512, 64


def write(path: Path, side: int, cell: float, seed: int) -> Path:
    """Write a map of smooth noise, strip by strip."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((side // STEP + 2, side // STEP + 2)).astype("float32")
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=1,
        dtype="float32",
        nodata=np.nan,
        crs="EPSG:32646",
        transform=from_origin(LEFT, TOP, cell, cell),
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="zstd",
        zstd_level=1,
        predictor=2,
        bigtiff="if_safer",
    ) as target:
        for row in range(0, side, STRIP):
            rows = min(STRIP, side - row)
            part = coarse[row // STEP : row // STEP + STRIP // STEP + 1]
            smooth = zoom(part, STEP, order=1)[:rows, :side]
            cells = 1 / (1 + np.exp(-2 * smooth - 0.3 * rng.standard_normal(smooth.shape, dtype="float32")))
            target.write(cells.astype("float32"), 1, window=rasterio.windows.Window(0, row, side, rows))
    return path


def main() -> None:
    """Make the maps, compare them, print a line."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 8192
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
        folder = Path(name)
        maps = [
            write(folder / "a.tif", side, CELL, 1),
            write(folder / "b.tif", side, CELL, 2),
            write(folder / "coarse.tif", max(side // COARSE, STEP), CELL * COARSE, 3),
        ]
        size = CELL * (side // COARSE * COARSE)
        rng = np.random.default_rng(4)
        xy = np.stack([LEFT + rng.uniform(0, size, LANDSLIDES), TOP - rng.uniform(0, size, LANDSLIDES)], axis=1)
        edges = np.linspace(LEFT, LEFT + size, 6)
        regions = Polygons(
            name="regions",
            geometries=[
                {"type": "Polygon", "coordinates": [[(a, TOP), (b, TOP), (b, TOP - size), (a, TOP - size), (a, TOP)]]}
                for a, b in zip(edges, edges[1:])
            ],
        )
        started = time.perf_counter()
        compare_models(
            maps,
            EvaluationLayers(Points(name="landslides", xy=xy), regions=regions),
            folder / "c.html",
            folder / "c.csv",
            ComparisonOptions(),
            output_difference=folder / "d.tif",
            progress=NullProgress(),
        )
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{side * side / 1e6:.0f} million cells, 3 maps, 5 regions: {seconds:.0f} s, peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
