"""Line density beside QGIS's native:linedensity, on the same lines, cells and radius, in the same run.

Run with ``./run python benchmarks/factors_density.py``; it needs PyQGIS, and native:linedensity takes some minutes in
all. The last two columns give the largest difference from exact lengths within the circle (in closed form, at random
cells) as a share of the largest density.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsField,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingFeedback,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QVariant

from scarp.model.factors.density import LineDensity
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Lines
from scarp.model.memory import retain_freed_memory
from scarp.model.progress import NullProgress

CRS = "EPSG:32645"
SCENES = [
    # title, lines, vertices a line, metres between vertices, side of the area in m, cell in m, radius in m
    ("200 lines of 3 km, 100 m cells", 200, 60, 50.0, 20_000.0, 100.0, 1000.0),
    ("the same, 30 m cells", 200, 60, 50.0, 20_000.0, 30.0, 1000.0),
    ("200 lines of 1 km, 10 m cells", 200, 20, 50.0, 7_000.0, 10.0, 1000.0),
    ("200 lines of 10 km, vertices 10 m apart", 200, 1000, 10.0, 40_000.0, 150.0, 2000.0),
    ("50 faults of 15 km, radius 5 km", 50, 60, 250.0, 40_000.0, 100.0, 5000.0),
    ("200 lines of 15 km, 50 m cells", 200, 300, 50.0, 20_000.0, 50.0, 1000.0),
]


def wander(lines: int, vertices: int, step: float, side: float, seed: int) -> list[np.ndarray]:
    """Return lines that meander from random places, cut to none but the area's own extent."""
    random = np.random.default_rng(seed)
    turn = 0.3 * np.sqrt(step / 50)
    parts = []
    for _ in range(lines):
        heading = random.random() * 2 * np.pi + np.cumsum(random.normal(0, turn, vertices))
        steps = np.stack([np.cos(heading), np.sin(heading)], axis=1) * step
        parts.append(np.clip(random.random(2) * side + np.cumsum(steps, axis=0), 0, side))
    return parts


def exact(parts: list[np.ndarray], xy: np.ndarray, radius: float) -> np.ndarray:
    """Return metres of line within the radius of points, every segment against every circle in closed form."""
    start = np.concatenate([part[:-1] for part in parts])
    step = np.concatenate([np.diff(part, axis=0) for part in parts])
    size = np.hypot(*step.T)
    start, step, size = start[size > 0], step[size > 0], size[size > 0]
    totals = []
    for point in xy:
        from_point = start - point
        middle = -(from_point * step).sum(1) / size**2
        away = (from_point[:, 0] * step[:, 1] - from_point[:, 1] * step[:, 0]) / size
        half = np.sqrt(np.maximum(radius**2 - away**2, 0)) / size
        share = np.minimum(middle + half, 1) - np.maximum(middle - half, 0)
        totals.append((np.maximum(share, 0) * size).sum())
    return np.array(totals)


def layer_of(parts: list[np.ndarray]) -> QgsVectorLayer:
    """Return a memory layer with one feature a line and a weight of 1."""
    layer = QgsVectorLayer(f"LineString?crs={CRS}", "lines", "memory")
    layer.dataProvider().addAttributes([QgsField("weight", QVariant.Double)])
    layer.updateFields()
    features = []
    for part in parts:
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromPolylineXY([QgsPointXY(*xy) for xy in part]))
        feature.setAttributes([1.0])
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    return layer


def ours(parts: list[np.ndarray], grid: Grid, radius: float) -> tuple[np.ndarray, float]:
    """Return the density and the seconds it took, the lines' preparation included; the median of five runs."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        result = np.empty(grid.shape, dtype=np.float32)
        density = LineDensity(Lines(name="lines", parts=parts), grid, radius, "lines", NullProgress())

        def fill(block: Block, result: np.ndarray = result, density: LineDensity = density) -> None:
            result[block.slices] = density.read(block)

        with retain_freed_memory(), ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, grid.blocks()))
        times.append(time.perf_counter() - started)
    return result, float(np.median(times))


def main() -> None:
    """Print the table."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QgsApplication([], False)
    application.initQgis()
    sys.path.append("/usr/share/qgis/python/plugins")
    import processing
    from processing.core.Processing import Processing

    Processing.initialize()

    print(
        f"{'scene':42} {'cells':>8} {'native/s':>9} {'scarp/s':>11} {'times':>7} {'native off':>10} {'scarp off':>10}"
    )
    for seed, (title, lines, vertices, step, side, cell, radius) in enumerate(SCENES):
        parts = wander(lines, vertices, step, side, seed)
        with tempfile.TemporaryDirectory() as folder:
            path, layer = str(Path(folder) / "native.tif"), layer_of(parts)
            started = time.perf_counter()
            processing.run(
                "native:linedensity",
                {"INPUT": layer, "WEIGHT": "weight", "RADIUS": radius, "PIXEL_SIZE": cell, "OUTPUT": path},
                feedback=QgsProcessingFeedback(),
            )
            native_seconds = time.perf_counter() - started
            with rasterio.open(path) as dataset:
                grid = Grid.from_dataset(dataset, "native")
                native = dataset.read(1)
        scarp, seconds = ours(parts, grid, radius)
        cells = grid.width * grid.height
        # native:linedensity divides by the area of its polygon of 36 corners; its lengths are compared as densities.
        random = np.random.default_rng(seed)
        rows, columns = random.integers(0, grid.height, 500), random.integers(0, grid.width, 500)
        left, _, _, top = grid.bounds
        xy = np.stack([left + (columns + 0.5) * cell, top - (rows + 0.5) * cell], axis=1)
        truth = exact(parts, xy, radius) / (np.pi * radius**2)
        scale = truth.max()
        off_native = np.abs(native[rows, columns] - truth).max() / scale
        off_scarp = np.abs(scarp[rows, columns] / 1000 - truth).max() / scale
        print(
            f"{title:42} {cells:8} {cells / native_seconds:9,.0f} {cells / seconds:11,.0f} "
            f"{native_seconds / seconds:7,.0f} {off_native:10.2%} {off_scarp:10.3%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
