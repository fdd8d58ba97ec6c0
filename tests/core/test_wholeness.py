"""A raster that did not reach the disk as a whole never gets its name."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import pytest
import rasterio

from scarp.model.errors import OutputNotWritable
from scarp.model.inputs.rasters import create_raster, is_complete, read_window
from scarp.tests.core.conftest import utm_grid


def write(path, side, values):
    with create_raster(path, utm_grid(side, side), "float32", np.nan, ["a", "b"]) as target:
        for band in (1, 2):
            target.write(values, band)
    return path


@contextlib.contextmanager
def quota(limit):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit to the size of files.")
@pytest.mark.parametrize("side", [40, 600])
def test_raster_cut_off_anywhere(tmp_path, side):
    values = np.random.default_rng(0).random((side, side), dtype=np.float32)
    size = write(tmp_path / "whole.tif", side, values).stat().st_size
    # What is compressed in several threads is not always as long.
    for limit in np.linspace(64, 0.98 * size, 12).astype(int):
        with quota(int(limit)), pytest.raises(OutputNotWritable, match="room"):
            write(tmp_path / "cut.tif", side, values)
        assert [path.name for path in tmp_path.iterdir()] == ["whole.tif"]


@pytest.mark.parametrize(("side", "constant"), [(1, True), (256, True), (257, False), (1100, False), (1100, True)])
def test_complete_rasters_are_complete(tmp_path, side, constant):
    noise = np.random.default_rng(0).random((side, side), dtype=np.float32)
    values = np.full_like(noise, np.nan) if constant else noise
    assert is_complete(write(tmp_path / "a.tif", side, values))


def test_block_that_was_never_written(tmp_path):
    profile = {"driver": "GTiff", "width": 600, "height": 600, "count": 1, "dtype": "float32", "sparse_ok": True}
    with rasterio.open(tmp_path / "a.tif", "w", tiled=True, blockxsize=256, blockysize=256, **profile) as target:
        target.write(np.ones((256, 256), dtype=np.float32), 1, window=rasterio.windows.Window(0, 0, 256, 256))
    assert not is_complete(tmp_path / "a.tif")


@pytest.mark.parametrize("value", [np.inf, -np.inf, 3.4e38, -3.4e38, 1e31])
def test_numbers_larger_than_any_quantity_are_no_data(tmp_path, value):
    values = np.random.default_rng(0).random((40, 40), dtype=np.float32)
    values[3, 4] = value
    with rasterio.open(write(tmp_path / "a.tif", 40, values)) as dataset:
        cells = read_window(dataset, 0, 0, 40, 40)
        plain = read_window(dataset, 0, 0, 40, 40, mask_implausible=False)
    assert np.isnan(cells[:, 3, 4]).all()
    assert np.isnan(cells).sum() == 2
    np.testing.assert_array_equal(plain[0], values)
