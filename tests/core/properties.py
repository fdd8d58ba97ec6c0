"""Shared by the property-based tests: how many examples run, and strategies for rasters.

``SCARP_EXAMPLES`` chooses: ``ci`` (the default) runs a few examples, the same every time; ``campaign`` runs 20 times as
many, drawn anew, and a number that many times. ``SCARP_EXAMPLES_COUNTS`` names a file that receives how many ran.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster, open_raster

PROFILE = os.environ.get("SCARP_EXAMPLES", "ci")
TIMES = {"ci": 1, "campaign": 20}.get(PROFILE) or int(PROFILE)
_ran: Counter[str] = Counter()
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def for_all(examples: int, **strategies: st.SearchStrategy) -> Callable[[Callable], Callable]:
    """Run a test on examples (so many in the profile ``ci``) drawn from strategies by argument name."""

    def prepare(test: Callable) -> Callable:
        @functools.wraps(test)
        def counted(*given_here: Any, **arguments: Any) -> None:
            _ran[f"{test.__module__.rpartition('.')[2]}.{test.__name__}"] += 1
            test(*given_here, **arguments)

        fixed = {"deadline": None, "database": None, "print_blob": True, "suppress_health_check": list(HealthCheck)}
        chosen = settings(max_examples=examples * TIMES, derandomize=PROFILE == "ci", **fixed)
        return chosen(given(**strategies)(counted))

    return prepare


@atexit.register
def _tell() -> None:
    path = os.environ.get("SCARP_EXAMPLES_COUNTS")
    if path and _ran:
        Path(path).write_text(json.dumps(_ran), encoding="utf-8")


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Give an empty folder for one example."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        yield Path(folder)


@contextlib.contextmanager
def windows_of(side: int) -> Iterator[None]:
    """Walk grids in windows of another size than usual, which holds the raster of a test whole."""
    walks = (Grid.blocks, Grid.block_count)
    usual = [walk.__defaults__ for walk in walks]
    try:
        for walk in walks:
            walk.__defaults__ = (side,)
        yield
    finally:
        for walk, defaults in zip(walks, usual):
            walk.__defaults__ = defaults


@st.composite
def grids(draw: st.DrawFn, largest: int = 40, least: int = 1, degrees: bool = True) -> Grid:
    """Draw a grid: metres or degrees, cells that are square or not, anywhere."""
    height, width = (draw(st.integers(least, largest)) for _ in range(2))
    if degrees and draw(st.booleans()):
        cell = draw(st.sampled_from((1 / 3600, 0.01, 0.1)))
        left = draw(st.sampled_from((-179.9, 0.0, 93.37, 175.5)))
        top = draw(st.sampled_from((0.05, 30.0, 70.0, -33.3)))
        return Grid(CRS.from_epsg(4326), from_origin(left, top, cell, cell), width, height)
    cell = draw(st.sampled_from((1.0, 12.5, 30.0, 250.0)))
    tall = cell * draw(st.sampled_from((1.0, 1.0, 1.0, 0.7)))
    left, top = draw(st.sampled_from((500000.0, 234567.8))), draw(st.sampled_from((3300000.0, 1234.5)))
    return Grid(CRS.from_epsg(32646), from_origin(left, top, cell, tall), width, height)


@st.composite
def holes(draw: st.DrawFn, shape: tuple[int, int]) -> np.ndarray:
    """Draw nodata cells, bool: none, almost all, ragged, stripes, a frame, one cell."""
    height, width = shape
    rows, columns = np.mgrid[:height, :width]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    one = (rows == draw(st.integers(0, height - 1))) & (columns == draw(st.integers(0, width - 1)))
    kinds = {
        "none": np.zeros(shape, dtype=bool),
        "ragged": rng.random(shape) < 0.2,
        "dense": rng.random(shape) < 0.85,
        "rows": rows % 3 == 1,
        "columns": columns % 4 == 2,
        "one": one,
        "all but one": ~one,
        "frame": (rows == 0) | (columns == 0) | (rows == height - 1) | (columns == width - 1),
        "corner": (rows < height / 2) & (columns < width / 2),
    }
    return kinds[draw(st.sampled_from(tuple(kinds)))]


@st.composite
def maps(draw: st.DrawFn, shape: tuple[int, int], low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Draw a map, float32, NaN nodata: noise, few values (ties), a plane, one value, both ends."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    plane = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) / max(sum(shape) - 2, 1)
    kinds = {
        "noise": rng.random(shape),
        "few": rng.integers(0, 4, shape) / 3,
        "plane": plane,
        "one": np.full(shape, draw(st.sampled_from((0.0, 0.25, 1.0)))),
        "ends": rng.integers(0, 2, shape) * 1.0,
        "skewed": rng.random(shape) ** 8,
    }
    values = (low + (high - low) * kinds[draw(st.sampled_from(tuple(kinds)))]).astype(np.float32)
    return np.where(draw(holes(shape)), np.float32(np.nan), np.clip(values, low, high)).astype(np.float32)


def write(path: Path, grid: Grid, values: np.ndarray, dtype: str = "float32", nodata: float = np.nan) -> Path:
    with create_raster(path, grid, dtype, nodata, overviews=None) as dataset:
        dataset.write(values.astype(dtype), 1)
    return path


def read(path: Path) -> np.ndarray:
    with open_raster(path, "test") as dataset:
        return dataset.read(1)


def same_place(path: Path, grid: Grid) -> None:
    """A raster lies where the grid does, to the bit."""
    found = Grid.from_file(path, "test")
    assert (found.transform, found.shape, found.crs) == (grid.transform, grid.shape, grid.crs)
