"""Damaged GeoTIFFs for all that reads rasters: stacks, maps, zones and class names."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Callable

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.factors.categorical import class_names
from scarp.model.grid import BLOCK, Block, Grid
from scarp.model.inputs.rasters import create_raster, open_raster, read_window
from scarp.model.jobs.classify_zones import classify_zones
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack, open_stack
from scarp.model.zones.raster import read_breaks
from scarp.tests.reliability.mutations import BYTES, NUMBERS, Mutator

GRID = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), 24, 20)
DEGREES = Grid(CRS.from_epsg(4326), from_origin(93.0, 30.0, 0.01, 0.01), 24, 20)
_TEXT, _DOUBLE = 2, 12  # types of TIFF
_DOUBLES = (0.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e-300, 1e300, 1e-9, 1e9, -30.0, 5e8, 200.0)
FEW = 1_000_000
"""Cells of a raster up to which a whole job is run on it; more take longer in proportion, as they should."""


class RasterTarget:
    """GeoTIFFs whose bytes were broken, most often in their head."""

    name = "GeoTIFFs"

    def __init__(self, folder: Path) -> None:
        self._folder, self.path = folder, folder / "raster.tif"
        rng = np.random.default_rng(1)
        values = rng.random((20, 24), dtype=np.float32)
        values[:3, :5] = np.nan
        # What changes the size of a compressed or tiled file is soon found out; plain ones let more through.
        plain = {"tiled": False, "compress": "none", "predictor": 1}
        kinds = (GRID, {}), (DEGREES, {"compress": "lzw"}), (GRID, plain)
        self._stacks, self._maps, self._zones = [], [], []
        for number, (grid, options) in enumerate(kinds):
            path = folder / f"seed{number}.tif"
            rocks = {1: "granite", 2: "滑坡"}
            factors = [
                StackFactor("slope", "continuous", "degrees"),
                StackFactor("lithology", "categorical", classes=rocks),
            ]
            with create_stack(path, grid, factors, options=options) as dataset:
                dataset.write(np.stack([values * 60, np.round(values) + 1]))
            self._stacks.append(path.read_bytes())
            with create_raster(path, grid, "float32", np.nan, options=options) as dataset:
                dataset.write(values, 1)
            self._maps.append(path.read_bytes())
            classify_zones(path, folder / "zones.tif", progress=NullProgress())
            self._zones.append((folder / "zones.tif").read_bytes())
        for leftover in folder.iterdir():
            leftover.unlink()
        self._reads: dict[str, tuple[list[bytes], Callable[[], None]]] = {
            "stack": (self._stacks, self._read_stack),
            "map": (self._maps, self._read_map),
            "job": (self._maps, self._classify),
            "zones": (self._zones, self._read_zones),
        }
        self._read: Callable[[], None] = lambda: None

    def make(self, seed: int, number: int) -> None:
        change = Mutator(seed, number)
        seeds, self._read = self._reads[change.one_of(tuple(self._reads))]
        for leftover in self._folder.iterdir():
            leftover.unlink()
        content = change.one_of(seeds)
        broken = change.broken_bytes(content, seeds) if change.random.random() < 0.4 else _broken_tags(content, change)
        self.path.write_bytes(broken)

    def read(self) -> None:
        self._read()

    def _read_stack(self) -> None:
        with open_stack(self.path) as stack:
            for block in (Block(0, 0, 30, 30), Block(stack.grid.height - 5, stack.grid.width - 5, 8, 8)):
                values = stack.read(block)
                shape = len(stack.names), block.height, block.width
                assert (values.shape, values.dtype) == (shape, np.float32)
            _check_grid(stack.grid)
            for factor in stack.factors:
                assert f"{factor.classes}{factor.title}{factor.unit}".encode() is not None

    def _read_map(self) -> None:
        with open_raster(self.path, "susceptibility") as dataset:
            grid = Grid.from_dataset(dataset, "susceptibility")
            _check_grid(grid)
            size = min(grid.height, BLOCK), min(grid.width, BLOCK)
            assert read_window(dataset, 0, 0, *size, bands=[1]).shape == (1, *size)

    def _classify(self) -> None:
        with open_raster(self.path, "susceptibility") as dataset:
            if dataset.width * dataset.height > FEW:
                return
        before = set(os.listdir(self._folder))
        try:
            summary = classify_zones(self.path, self._folder / "out.tif", progress=NullProgress())
        except BaseException:
            # Whatever happened, nothing is left.
            left = set(os.listdir(self._folder)) - before
            assert not left, f"{sorted(left)} was left"
            raise
        assert abs(sum(summary.shares) - 1) < 1e-6
        assert all(np.isfinite(summary.km2))

    def _read_zones(self) -> None:
        with open_raster(self.path, "zones") as dataset:
            for code, label in class_names(dataset).items():
                assert isinstance(code, int)
                assert label.encode("utf-8")
        read_breaks(self.path)


def _broken_tags(content: bytes, change: Mutator) -> bytes:
    """Return a GeoTIFF with one or more entries of its directory changed, or the numbers that they point to."""
    result = bytearray(content)
    directory = int.from_bytes(content[4:8], "little")
    entries = int.from_bytes(content[directory : directory + 2], "little")
    for _ in range(change.one_of((1, 1, 2, 3))):
        place = directory + 2 + 12 * change.random.randrange(entries)
        _, kind, count, where = struct.unpack_from("<HHII", content, place)
        action = change.random.randrange(5)
        if action == 0 and kind == _DOUBLE:
            number = where + 8 * change.random.randrange(count)
            result[number : number + 8] = struct.pack("<d", change.one_of(_DOUBLES))
        elif action == 1 and kind == _TEXT and count > 4:
            result[where + change.random.randrange(count)] = change.one_of(BYTES)
        elif action == 2:
            result[place + 4 : place + 8] = (change.one_of(NUMBERS) % 2**32).to_bytes(4, "little")
        elif action == 3:
            result[place + 2 : place + 4] = change.random.randrange(20).to_bytes(2, "little")
        else:
            value = change.one_of((*NUMBERS, where + 1, max(where - 1, 0), 2 * where))
            result[place + 8 : place + 12] = (value % 2**32).to_bytes(4, "little")
    return bytes(result)


def _check_grid(grid: Grid) -> None:
    width, height = grid.spacing(0, min(grid.height, 100))
    for values in (width, height, grid.bounds, grid.cell_size(), grid.scale_factor()):
        assert np.isfinite(values).all()
    assert (height > 0).all() and (width > 0).all()
