"""Time and memory of slope units on DEMs of 1,024² cells and more, and how they agree with streams and ridges.

``./run python benchmarks/slope_units.py DEM [SIDE ...]``: for each side the DEM is mirrored until it is that large, and
units are built in a process of its own. With pyflwdir installed, the streams of the DEM itself are compared.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

from scarp.model.grid import Grid
from scarp.model.jobs.build_slope_units import build_slope_units
from scarp.model.progress import NullProgress
from scarp.model.slope_units.settings import SlopeUnitOptions

SIDES = (1024, 2048, 4096)
STREAM_AREAS = (1e5, 1e6, 1e7)  # m²


class Steps(NullProgress):
    """Prints the log with the seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()

    def report(self, fraction: float, text: str = "") -> None:
        """Print a line."""
        if text:
            print(f"  {time.monotonic() - self._start:7.1f} s  {text}", flush=True)


def mirrored(dem: Path, side: int, path: Path) -> None:
    """Write a DEM of ``side`` × ``side`` cells."""
    with rasterio.open(dem) as source:
        elevation = source.read(1, masked=True).astype(np.float32).filled(np.nan)
        profile = {**source.profile, "dtype": "float32", "nodata": -9999.0, "width": side, "height": side}
    places = []
    for length in elevation.shape:
        turn = np.arange(side) % (2 * length)
        places.append(np.where(turn < length, turn, 2 * length - 1 - turn))
    profile.update(tiled=True, blockxsize=256, blockysize=256, compress="zstd", driver="GTiff")
    with rasterio.open(path, "w", **profile) as target:
        for row in range(0, side, 256):
            part = elevation[np.ix_(places[0][row : row + 256], places[1])]
            window = rasterio.windows.Window(0, row, side, len(part))
            target.write(np.nan_to_num(part, nan=-9999.0), 1, window=window)


def measure(dem: Path, folder: Path) -> None:
    """Build the units of one DEM and print seconds and memory."""
    start = time.monotonic()
    polygons = folder / "units.sqlite"
    summary = build_slope_units(dem, folder / "units.tif", SlopeUnitOptions(), Steps(), polygons=polygons)
    seconds, peak = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with rasterio.open(dem) as dataset:
        cells = dataset.width * dataset.height
        side = dataset.width
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    size = polygons.stat().st_size / 2**20
    print(
        f"{side:,}: {summary.units:,} units, {seconds:.1f} s, {used:.1f} s of the processor, {peak:,.0f} MiB, "
        f"{peak * 2**20 / cells:.0f} bytes per cell, polygons {size:.0f} MiB",
        flush=True,
    )


def agreement(dem: Path, folder: Path) -> None:
    """Print how many cells of streams and of edges of units lie within a cell of pyflwdir's streams and divides."""
    import pyflwdir
    from scipy.ndimage import binary_dilation

    with rasterio.open(dem) as dataset:
        grid = Grid.from_dataset(dataset, "DEM")
        elevation = dataset.read(1, masked=True).astype(np.float32).filled(np.nan)
    build_slope_units(dem, folder / "units.tif", SlopeUnitOptions(), NullProgress())
    with rasterio.open(folder / "units.tif") as dataset:
        units = dataset.read(1)
    edge = np.zeros(units.shape, dtype=bool)
    edge[:, 1:] |= (units[:, 1:] != units[:, :-1]) & (units[:, 1:] > 0) & (units[:, :-1] > 0)
    edge[1:] |= (units[1:] != units[:-1]) & (units[1:] > 0) & (units[:-1] > 0)
    _, directions = pyflwdir.dem.fill_depressions(elevation, nodata=np.nan)
    flow = pyflwdir.from_array(directions, ftype="d8", check_ftype=False)
    area = flow.accuflux(np.broadcast_to(grid.cell_area()[:, None], grid.shape).copy())
    near = np.ones((3, 3), dtype=bool)
    land = np.isfinite(elevation)
    for least in STREAM_AREAS:
        streams = (area >= least) & land
        share = (streams & binary_dilation(edge, near)).sum() / streams.sum()
        print(f"streams of {least:,.0f} m² or more within a cell of an edge of units: {share:.3f}")
    print(f"all land within a cell of an edge of units: {(land & binary_dilation(edge, near)).sum() / land.sum():.3f}")
    ridges = (area <= 2 * grid.cell_area()[:, None]) & land
    streams = area >= STREAM_AREAS[0]
    known = binary_dilation(ridges | streams, near)
    print(f"edges of units within a cell of a divide or stream: {(edge & known).sum() / edge.sum():.3f}")
    print(f"all land within a cell of a divide or stream: {(land & known).sum() / land.sum():.3f}")


def main() -> None:
    """Measure the sides in the command line."""
    dem, sides = Path(sys.argv[1]), [int(side) for side in sys.argv[2:]] or SIDES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in sides:
            if side == 0:
                measure(dem, folder)
                continue
            large = folder / f"dem{side}.tif"
            mirrored(dem, side, large)
            subprocess.run([sys.executable, __file__, str(large), "0"], check=True)
            large.unlink()
        if sides != [0]:
            try:
                agreement(dem, folder)
            except ImportError:
                print("pyflwdir is not installed, so streams are not compared.")


if __name__ == "__main__":
    main()
