"""Hillshade under maps: planes in closed form, GDAL's hillshade, and the run records that lead to a DEM."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from scarp.model.errors import InputMissing
from scarp.model.factors.definitions import FACTORS
from scarp.model.grid import Grid
from scarp.model.report.maps import FLAT, MapImage, Relief, apply_hillshade, compute_hillshade, find_relief
from scarp.model.stack import StackFactor
from scarp.tests.core.conftest import run_gdal, utm_grid, write_raster, write_stack

GRID = utm_grid(70, 90)
ROWS, COLUMNS = np.mgrid[: GRID.height, : GRID.width]
SLOPE = StackFactor("slope", "continuous", "degrees")


def write(path, values: np.ndarray, grid: Grid = GRID) -> Path:
    return Path(write_raster(path, values.astype(np.float32), grid, nodata=np.nan))


def shade(path, shape=GRID.shape, grid: Grid = GRID, is_stack: bool = False) -> np.ndarray:
    image = MapImage(np.full(shape, np.nan, dtype=np.float32), grid.bounds, 1.0, 1.0)
    return compute_hillshade(Relief(str(path), is_stack), grid.crs, image)


@pytest.mark.parametrize("facing", range(0, 360, 45))
@pytest.mark.parametrize("degrees", [40, 60])
def test_planes_in_closed_form(tmp_path, facing, degrees):
    """A plane falling towards ``facing``, steep enough that nothing is exaggerated."""
    rise, angle = math.tan(math.radians(degrees)), math.radians(facing)
    away = COLUMNS * 30 * math.sin(angle) - ROWS * 30 * math.cos(angle)
    found = shade(write(tmp_path / "dem.tif", 5000 - rise * away))
    sun, slope = math.radians(45), math.radians(degrees)
    expected = math.cos(sun) * math.cos(slope) + math.sin(sun) * math.sin(slope) * math.cos(math.radians(315) - angle)
    np.testing.assert_allclose(found, max(expected, 0), atol=2e-3)


def test_flat_ground_keeps_its_colour(tmp_path):
    found = shade(write(tmp_path / "dem.tif", np.full(GRID.shape, 700.0)))
    np.testing.assert_allclose(found, FLAT, rtol=1e-6)
    colours = np.random.default_rng(0).random((*GRID.shape, 3))
    np.testing.assert_allclose(apply_hillshade(colours, found), colours)
    np.testing.assert_array_equal(apply_hillshade(colours, np.full(GRID.shape, np.nan)), colours)
    assert (apply_hillshade(colours, np.zeros(GRID.shape)) <= colours).all()
    assert (apply_hillshade(colours, np.ones(GRID.shape)) <= 1).all()


def test_rough_ground_against_gdaldem(tmp_path):
    heights = gaussian_filter(np.random.default_rng(1).normal(0, 6000, GRID.shape), 4)
    write(tmp_path / "dem.tif", heights)
    run_gdal("gdaldem", "hillshade", "-q", tmp_path / "dem.tif", tmp_path / "hillshade.tif")
    with rasterio.open(tmp_path / "hillshade.tif") as dataset:
        theirs = (dataset.read(1)[2:-2, 2:-2] - 1) / 254
    ours = shade(tmp_path / "dem.tif")[2:-2, 2:-2]
    steep = np.hypot(*np.gradient(heights, 30))
    assert np.percentile(steep, 95) > math.tan(math.radians(35)), "so that nothing is exaggerated"
    assert np.abs(ours - theirs).mean() < 0.02
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("by_class", [True, False])
def test_slope_and_aspect_serve_without_a_dem(tmp_path, by_class):
    heights = 2000 + 400 * np.sin(ROWS / 11) * np.cos(COLUMNS / 8)
    south, east = np.gradient(heights, 30)
    facing = np.degrees(np.arctan2(-east, south)) % 360
    aspect = 2 + np.round(facing / 45) % 8 if by_class else facing
    classes = FACTORS["aspect"]
    factors = [SLOPE, classes if by_class else StackFactor("aspect", "continuous", "degrees")]
    slope = np.degrees(np.arctan(np.hypot(east, south)))
    write_stack(tmp_path / "stack.tif", np.stack([slope, aspect]), factors, GRID)
    found = shade(tmp_path / "stack.tif", is_stack=True)
    expected = shade(write(tmp_path / "dem.tif", heights))
    assert np.abs(found - expected).max() < (0.4 if by_class else 0.01)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > (0.97 if by_class else 0.9999)


def test_a_dem_of_another_grid_and_crs_is_resampled_to_the_map(tmp_path):
    """The same hill in degrees and in metres, the former with three times finer cells."""
    write(tmp_path / "dem.tif", 3000 * np.exp(-((ROWS - 35) ** 2 + (COLUMNS - 45) ** 2) / 500))
    options = ["-q", "-t_srs", "EPSG:4326", "-r", "bilinear", "-tr", "0.0001", "0.0001"]
    run_gdal("gdalwarp", *options, tmp_path / "dem.tif", tmp_path / "degrees.tif")
    ours, theirs = shade(tmp_path / "degrees.tif"), shade(tmp_path / "dem.tif")
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.mean() > 0.9
    assert np.abs(ours - theirs)[both].mean() < 0.02


def test_ground_beyond_the_dem_has_no_shade(tmp_path):
    found = shade(write(tmp_path / "dem.tif", 30.0 * COLUMNS[:, :45], utm_grid(70, 45)))
    assert np.isfinite(found[:, :40]).all() and np.isnan(found[:, 48:]).all()
    assert np.isnan(shade(tmp_path / "dem.tif", grid=utm_grid(70, 90, left=9e5))).all()


def test_smaller_images_show_the_same_relief(tmp_path):
    write(tmp_path / "dem.tif", 2000 + 900 * np.sin(ROWS / 21) * np.cos(COLUMNS / 17))
    whole, small = shade(tmp_path / "dem.tif"), shade(tmp_path / "dem.tif", (35, 45))
    assert np.corrcoef(whole.reshape(35, 2, 45, 2).mean(axis=(1, 3)).ravel(), small.ravel())[0, 1] > 0.99


def record(output, **inputs) -> None:
    content = {"inputs": {name: {"source": str(path)} for name, path in inputs.items()}}
    output.with_name(f"{output.name}.run.json").write_text(json.dumps(content), encoding="utf-8")


def test_the_records_lead_to_the_elevation(tmp_path):
    probability, stack, dem = (tmp_path / f"{name}.tif" for name in ("map", "stack", "dem"))
    assert find_relief(probability) is None
    record(probability, STACK=stack)
    assert find_relief(probability) is None, "the stack is gone"
    factors = [FACTORS[name] for name in ("slope", "aspect")]
    write_stack(stack, np.ones((2, *GRID.shape)), factors, GRID)
    assert find_relief(probability) == Relief(str(stack), True)
    record(stack, dem=dem)
    assert find_relief(probability) == Relief(str(stack), True), "the DEM is gone"
    dem.write_text("no raster")
    assert find_relief(probability) == Relief(str(stack), True), "the DEM is broken"
    write(dem, np.ones(GRID.shape))
    assert find_relief(probability) == Relief(str(dem), False)
    other = write(tmp_path / "other.tif", np.ones(GRID.shape))
    assert find_relief(probability, other) == Relief(str(other), False), "a chosen DEM takes precedence"
    with pytest.raises(InputMissing, match="DEM"):
        find_relief(probability, tmp_path / "absent.tif")


BROKEN = ["", "[]", '{"inputs": []}', '{"inputs": {"STACK": "x"}}', '{"inputs": {"STACK": {}}}']


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_record_leads_nowhere(tmp_path, text):
    (tmp_path / "map.tif.run.json").write_text(text, encoding="utf-8")
    assert find_relief(tmp_path / "map.tif") is None
