"""Every kind of model gives the same map whatever the tiles are, and it is what the trained network itself says."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.grid import Grid
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.prediction import tiling as module
from scarp.model.prediction.tiling import Tiling, coarsen
from scarp.model.progress import NullProgress
from scarp.tests.core.prediction_models import KINDS, in_one_piece, model, saved, stack, values


def predicted(path, trained, folder, tile, samples=0):
    predict_susceptibility(
        path,
        [trained],
        folder / "p.tif",
        tile=tile,
        device="cpu",
        precision="fp32",
        samples=samples,
        progress=NullProgress(),
    )
    with rasterio.open(folder / "p.tif") as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(200, 230), (256, 512), (257, 513), (1025, 300)])
def test_the_map_is_that_of_the_whole(tmp_path, kind, height, width):
    """Rasters smaller than a tile, exactly one and two, one cell more, and with ragged nodata."""
    raw = values(height, width, seed=height)
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors", kind)
    expected = in_one_piece(model(kind), raw)
    assert np.array_equal(np.isnan(expected), np.isnan(raw).any(axis=0))
    assert np.nanstd(expected) > 0.01
    expected = coarsen(expected, KINDS[kind].get("patch", 1))
    for tile in (256, 512, 1024, 0):
        found = predicted(path, trained, tmp_path, tile)
        assert np.array_equal(np.isnan(found), np.isnan(expected))
        assert np.nanmax(np.abs(found - expected)) < 2e-5


@pytest.mark.parametrize("kind", ["pcum", "unet4", "bpnn"])
def test_samples_too(tmp_path, kind):
    raw = values(150, 170)
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors", kind)
    expected = np.mean([in_one_piece(model(kind), raw, sample) for sample in (1, 2, 3)], axis=0)
    expected = coarsen(expected, KINDS[kind].get("patch", 1))
    for tile in (64, 256):
        assert np.nanmax(np.abs(predicted(path, trained, tmp_path, tile, samples=3) - expected)) < 1e-5


def grid(width: int, height: int) -> Grid:
    return Grid(CRS.from_epsg(32646), from_origin(0, 0, 30, 30), width, height)


def test_tiles_are_ordered_by_bands(monkeypatch):
    monkeypatch.setattr(module, "BAND", 128)
    places = [(tile.core.row, tile.core.column) for tile in Tiling.of(grid(300, 130), 64, 3, 4)]
    assert places == [
        (0, 0),
        (0, 64),
        (64, 0),
        (64, 64),
        (128, 0),
        (128, 64),
        (0, 128),
        (0, 192),
        (64, 128),
        (64, 192),
        (128, 128),
        (128, 192),
        (0, 256),
        (64, 256),
        (128, 256),
    ]


@pytest.mark.parametrize(("width", "height", "align"), [(1000, 700, 16), (513, 64, 4), (300, 1200, 20)])
def test_quarters_cover_a_tile_and_lie_within_what_was_read_for_it(width, height, align):
    tiling = Tiling.of(grid(width, height), 512, 40, align)
    for tile in tiling:
        covered = np.zeros((height, width), dtype=int)
        waiting, least = [tile], []
        while waiting:
            piece = waiting.pop()
            smaller = tiling.quarters(piece)
            if len(smaller) == 1:
                least.append(piece)
                continue
            waiting += smaller
        for piece in least:
            core, read = piece.core, piece.read
            covered[core.row : core.row + core.height, core.column : core.column + core.width] += 1
            assert read.row >= tile.read.row
            assert read.column >= tile.read.column
            assert read.row + read.height <= tile.read.row + tile.read.height
            assert read.column + read.width <= tile.read.column + tile.read.width
            assert read.row % align == 0
            assert read.column % align == 0
            assert max(core.height, core.width) <= 160
        core = tile.core
        assert (covered[core.row : core.row + core.height, core.column : core.column + core.width] == 1).all()
        assert covered.sum() == core.height * core.width
