"""Every kind of model gives the same map whatever the tiles are, and it is the trained network's own output."""

from __future__ import annotations

import numpy as np
import pytest

from scarp.model.prediction import tiling as module
from scarp.model.prediction.tiling import Tiling, coarsen
from scarp.tests.core.conftest import utm_grid
from scarp.tests.core.prediction_models import KINDS, in_one_piece, model, predict, saved, stack, values
from scarp.tests.core.properties import read

FP32 = {"device": "cpu", "precision": "fp32"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(200, 230), (256, 512), (257, 513), (1025, 300)])
def test_the_map_does_not_depend_on_the_tiles(tmp_path, kind, height, width):
    """Rasters smaller than a tile, exactly one and two, one cell more, and with ragged nodata."""
    raw, output = values(height, width, seed=height), tmp_path / "p.tif"
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors", kind)
    expected = in_one_piece(model(kind), raw)
    assert np.array_equal(np.isnan(expected), np.isnan(raw).any(axis=0))
    assert np.nanstd(expected) > 0.01
    expected = coarsen(expected, KINDS[kind].get("patch", 1))
    for tile in (64, 0) if height < 256 else (256, 512, 0):
        summary = predict(path, [trained], output, tile=tile, **FP32)
        assert np.allclose(read(output), expected, rtol=0, atol=2e-5, equal_nan=True)
        assert summary.cells == np.isfinite(expected).sum()
        assert summary.tile >= tile
        assert summary.mean == pytest.approx(np.nanmean(expected), abs=1e-5)


@pytest.mark.parametrize("kind", ["pcum", "unet4", "bpnn"])
def test_dropout_samples_do_not_depend_on_the_tiles(tmp_path, kind):
    raw, output, spread = values(150, 170), tmp_path / "p.tif", tmp_path / "u.tif"
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors", kind)
    each = [coarsen(in_one_piece(model(kind), raw, seed), KINDS[kind].get("patch", 1)) for seed in (1, 2, 3)]
    for tile in (64, 256):
        predict(path, [trained], output, tile=tile, samples=3, output_uncertainty=spread, **FP32)
        assert np.allclose(read(output), np.mean(each, axis=0), rtol=0, atol=1e-5, equal_nan=True)
        assert np.allclose(read(spread), np.std(each, axis=0, ddof=1), rtol=0, atol=1e-5, equal_nan=True)
    assert np.nanmax(read(spread)) > 0.01


def test_tiles_are_ordered_by_bands(monkeypatch):
    monkeypatch.setattr(module, "BAND", 128)
    places = [(tile.core.row, tile.core.column) for tile in Tiling.of(utm_grid(130, 300), 64, 3, 4)]
    bands = ([0, 64], [128, 192], [256])
    assert places == [(row, column) for band in bands for row in (0, 64, 128) for column in band]


@pytest.mark.parametrize(("width", "height", "align"), [(1000, 700, 16), (513, 64, 4), (300, 1200, 20)])
def test_quarters_cover_a_tile_and_lie_within_what_was_read_for_it(width, height, align):
    tiling = Tiling.of(utm_grid(height, width), 512, 40, align)
    for tile in tiling:
        covered = np.zeros((height, width), dtype=int)
        waiting, least = [tile], []
        while waiting:
            piece = waiting.pop()
            smaller = tiling.quarters(piece)
            if len(smaller) == 1:
                least.append(piece)
            else:
                waiting += smaller
        for piece in least:
            core, read_block = piece.core, piece.read
            covered[core.row : core.row + core.height, core.column : core.column + core.width] += 1
            for first, size, outer_first, outer_size in (
                (read_block.row, read_block.height, tile.read.row, tile.read.height),
                (read_block.column, read_block.width, tile.read.column, tile.read.width),
            ):
                assert outer_first <= first
                assert first + size <= outer_first + outer_size
                assert first % align == 0
            assert max(core.height, core.width) <= 160
        core = tile.core
        assert (covered[core.row : core.row + core.height, core.column : core.column + core.width] == 1).all()
        assert covered.sum() == core.height * core.width
