"""Satellite embeddings: read from rasters as they are stored, refused where they are none, and asked about."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from scarp.model.errors import InputCorrupt, NoOverlap, TooFewData
from scarp.model.factors.embeddings import EmbeddingBands, find_year, question_of_year, scan_embeddings
from scarp.model.factors.settings import ALPHAEARTH, AUTO_KIND, LINEAR, STORED
from scarp.model.progress import NullProgress
from scarp.model.stack import embedding_facts, open_stack
from scarp.tests.core.conftest import DEGREES, build_factor_stack, by_blocks, degree_grid, utm_grid, write_raster

GRID = utm_grid(24, 32, 30.0)
AXES = [f"A{number:02d}" for number in range(64)]


def vectors(height, width, bands=64, seed=1):
    """Smooth unit vectors, float64 (bands, height, width)."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([np.sin(rows / 5), np.cos(columns / 7), np.sin((rows + columns) / 9), np.ones(rows.shape)])
    values = np.tensordot(generator.normal(0, 1, (bands, 4)), waves, 1)
    return values / np.linalg.norm(values, axis=0)


def signed_bytes(values):
    return np.rint(np.sign(values) * np.sqrt(np.abs(values)) * 127.5).clip(-127, 127).astype(np.int8)


def describe(path, names):
    with rasterio.open(path, "r+") as dataset:
        for band, name in enumerate(names, 1):
            dataset.set_band_description(band, name)
    return path


def read(path, grid=GRID, kind=AUTO_KIND, progress=None, side=1024):
    source = scan_embeddings(str(path), grid, kind, None, progress or NullProgress())
    with EmbeddingBands.open(source, grid) as bands:
        return source, by_blocks(grid, bands.read, side)


def test_signed_bytes_of_alphaearth_become_unit_vectors(tmp_path):
    stored = signed_bytes(vectors(24, 32))
    stored[:, 3, 4] = -128
    path = describe(write_raster(tmp_path / "e.tif", stored, GRID, nodata=-128), AXES)
    source, values = read(path)
    assert source.kind == ALPHAEARTH
    assert np.isnan(values[:, 3, 4]).all()
    kept = np.isfinite(values[0])
    assert kept.sum() == kept.size - 1
    own = stored.astype(np.float64)
    expected = np.sign(own) * (own / 127.5) ** 2
    expected /= np.linalg.norm(expected, axis=0)
    np.testing.assert_allclose(values[:, kept], expected[:, kept], rtol=1 / 256, atol=1e-9)
    assert source.definitions[0].name == "embeddings_01"
    assert source.definitions[0].title == "Satellite embeddings A00"


@pytest.mark.parametrize("names", [AXES, [""] * 64])
def test_bytes_and_floats_of_alphaearth_are_the_same_within_a_step(tmp_path, names):
    exact = vectors(24, 32)
    _, one = read(describe(write_raster(tmp_path / "int.tif", signed_bytes(exact), GRID, nodata=-128), names))
    _, other = read(describe(write_raster(tmp_path / "float.tif", exact.astype(np.float32), GRID), AXES))
    steps = 2 * np.sqrt(np.abs(other)) / 127.5 + 1 / 127.5**2
    assert (np.abs(one - other) < steps).all()


def test_scale_and_offset_of_the_bands_count(tmp_path):
    stored = np.random.default_rng(2).integers(-120, 120, (8, 24, 32)).astype(np.int16)
    path = write_raster(tmp_path / "e.tif", stored, GRID)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [0.02] * 8, [0.5] * 8
    source, values = read(path)
    assert source.kind == LINEAR
    np.testing.assert_allclose(values, stored * 0.02 + 0.5, rtol=1 / 256, atol=1e-6)
    progress = NullProgress()
    source, values = read(path, kind=STORED, progress=progress)
    np.testing.assert_allclose(values, stored, rtol=1 / 256)
    assert "whole numbers without a scale" in progress.warnings[0]


@pytest.mark.parametrize("cell", [10.0, 30.0, 70.0])
def test_interpolation_is_that_of_gdal(tmp_path, cell):
    side = int(24 * 30 / cell) + 6
    smooth = vectors(side, int(32 * 30 / cell) + 6, 3, 4).astype(np.float32)
    transform = Affine(cell, 0, 5e5 - cell * 1.3, 0, -cell, 3e6 + cell * 2.1)
    path = write_raster(tmp_path / "e.tif", smooth, transform=transform)
    _, values = read(path, side=256)
    with rasterio.open(path) as dataset:
        # Left to itself, GDAL takes the ratio of the cells from the window that it happens to read.
        scale = {"XSCALE": min(cell / 30, 1), "YSCALE": min(cell / 30, 1)}
        shape = {"crs": GRID.crs, "transform": GRID.transform, "width": GRID.width, "height": GRID.height}
        with WarpedVRT(
            dataset, resampling=Resampling.bilinear, nodata=np.nan, tolerance=1e-4, **shape, **scale
        ) as view:
            expected = view.read()
    inside = np.s_[:, 2:-2, 2:-2]
    np.testing.assert_allclose(values[inside], expected[inside], rtol=1 / 128, atol=2e-3)


def test_blocks_do_not_matter(tmp_path):
    grid = degree_grid(30, 40, 1 / 3600)
    path = write_raster(
        tmp_path / "e.tif",
        np.random.default_rng(3).normal(0, 1, (5, 110, 140)).astype(np.float32),
        transform=Affine(10, 0, 401500, 0, -10, 3097500),
        crs=rasterio.crs.CRS.from_epsg(32645),
    )
    whole, parts = read(path, grid)[1], read(path, grid, side=7)[1]
    assert np.isfinite(whole).mean() > 0.5
    np.testing.assert_array_equal(whole, parts)
    assert grid.crs == DEGREES


def test_files_stored_bottom_up_lie_the_right_way(tmp_path):
    stored = signed_bytes(vectors(24, 32))
    _, usual = read(describe(write_raster(tmp_path / "a.tif", stored, GRID, nodata=-128), AXES))
    t = GRID.transform
    turned = Affine(t.a, 0, t.c, 0, -t.e, t.f + t.e * GRID.height)
    path = write_raster(tmp_path / "b.tif", stored[:, ::-1], transform=turned, nodata=-128)
    np.testing.assert_array_equal(read(describe(path, AXES))[1], usual)


@pytest.mark.parametrize(
    ("bands", "kind", "message"),
    [
        (3, np.uint8, "looks like a picture"),
        (4, np.uint8, "looks like a picture"),
        (1, np.float32, "has one band"),
        (300, np.float32, "up to 256"),
        (2, np.complex64, "complex numbers"),
    ],
)
def test_what_is_no_embedding_is_refused(tmp_path, bands, kind, message):
    path = write_raster(tmp_path / "e.tif", np.ones((bands, 24, 32), dtype=kind), GRID)
    with pytest.raises(InputCorrupt, match=message):
        read(path)


def test_an_embedding_elsewhere_is_refused(tmp_path):
    path = write_raster(tmp_path / "e.tif", np.ones((4, 24, 32), dtype=np.float32), utm_grid(24, 32, 30.0, left=7e5))
    with pytest.raises(NoOverlap, match="does not overlap"):
        read(path)


def dem(tmp_path):
    rows, columns = np.mgrid[:24, :32]
    return write_raster(tmp_path / "dem.tif", (500 + 9 * rows + 4 * columns).astype(np.float32), GRID)


def test_an_embedding_without_data_is_named(tmp_path):
    path = write_raster(tmp_path / "e.tif", np.full((4, 24, 32), np.nan, dtype=np.float32), GRID, nodata=np.nan)
    with pytest.raises(TooFewData, match=r"embeddings \d"):
        build_factor_stack(dem(tmp_path), tmp_path / "stack.tif", embeddings=path)


def test_the_stack_keeps_bands_year_and_kind(tmp_path):
    stored = signed_bytes(vectors(24, 32))
    stored[:, :5, :6] = -128
    path = describe(write_raster(tmp_path / "aef_2016.tif", stored, GRID, nodata=-128), AXES)
    progress = NullProgress()
    summary = build_factor_stack(dem(tmp_path), tmp_path / "stack.tif", embeddings=path, progress=progress)
    assert any("2016" in text and "before the landslides" in text for text in progress.warnings)
    assert any(text.startswith("embeddings has no data in") for text in progress.warnings)
    assert summary.count == 4
    assert summary.factors[:4] == ["slope", "profile_curvature", "aspect", "embeddings_01"]
    with open_stack(tmp_path / "stack.tif") as stack:
        assert embedding_facts(stack.dataset) == {
            "kind": ALPHAEARTH,
            "year": 2016,
            "bands": 64,
            "source": "aef_2016.tif",
        }
        assert [factor.group for factor in stack.factors] == ["", "", "", *["embeddings"] * 64]
        values = stack.read(GRID.whole)
        assert np.isnan(values[:, :5, :6]).all()
        np.testing.assert_allclose(np.linalg.norm(values[3:, 8:, 8:], axis=0)[:-1, :-1], 1, rtol=1 / 256)
    quiet = NullProgress()
    given = {"embeddings": path, "landslide_year": 2018, "progress": quiet}
    build_factor_stack(dem(tmp_path), tmp_path / "known.tif", **given)
    assert not any("landslides" in text for text in quiet.warnings)


@pytest.mark.parametrize(
    ("path", "tags", "year"),
    [
        ("/data/annual/2019/10N/tile.tif", {}, 2019),
        ("/data/2019/embedding_2021.tif", {}, 2021),
        ("/data/embedding_2019_2021.tif", {}, None),
        ("/data/x_0000008192-0000000000.tif", {"system:time_start": "1546300800000"}, 2019),
        ("/data/grid_0.15_52.05_2024.tiff", {}, 2024),
        ("/data/e.tif", {"year": "2018"}, 2018),
        ("/data/e.tif", {}, None),
        ("/data/dem9999.tif", {}, None),
    ],
)
def test_the_year_is_found(path, tags, year):
    assert find_year(path, tags) == year


def test_the_year_is_asked_about():
    assert question_of_year(2017, 2018) == ""
    assert "the landslides of 2017 or later" in question_of_year(2017, 2017)
    assert "the landslides of 2015 or later" in question_of_year(2017, 2015)
    assert "Did landslides of the inventory happen" in question_of_year(2017, None)
    assert "not known" in question_of_year(None, 2017)


def test_facts_of_a_stack_are_not_trusted(tmp_path):
    path = write_raster(tmp_path / "stack.tif", np.ones((1, 24, 32), dtype=np.float32), GRID)
    for text in ("[1]", "{", json.dumps({"year": "2019", "kind": 3, "other": 1})):
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(EMBEDDINGS=text)
        with rasterio.open(path) as dataset:
            assert embedding_facts(dataset) == {}
