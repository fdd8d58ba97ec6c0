"""Small areas and trainings of PRESET=recommended that take about a second; import them from here."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from scarp.model.applicability import held_out
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.labels.discs import NAMESPACE, LandslideDiscs
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training import cross_fitted, pointwise_fit
from scarp.model.training.settings import preset_settings
from scarp.model.windows import folded_cells
from scarp.model.windows.split import open_training_rasters
from scarp.tests.core.conftest import utm_grid, write_raster, write_stack

SIZE, CELL = 120, 10.0
GRID = utm_grid(SIZE, SIZE, CELL)
FACTORS = [
    StackFactor("slope", "continuous", "degrees", "Slope"),
    StackFactor("relief", "continuous", "m"),
    StackFactor("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}),
]
RING = 20.0  # metres around the discs
FILES = ("checkpoint", "start_from", "safety_factor", "target", "target_safety_factor")


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    """Short training of the networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30, 60))
        yield


def write_slides(folder, odds, landslides, generator, radius=15.0, grid=GRID, east=SIZE):
    """Write labels of discs around cells drawn by their odds; return the points.

    Land east of a column has no labels.
    """
    chosen = generator.choice(SIZE**2, landslides, replace=False, p=(odds / odds.sum()).ravel())
    row, column = chosen // SIZE, chosen % SIZE
    y, x = np.mgrid[:SIZE, :SIZE]
    distance = CELL * np.hypot(y[..., None] - row, x[..., None] - column).min(axis=-1)
    labels = np.where(distance <= radius, 1, np.where(distance <= radius + RING, 255, 0)).astype(np.uint8)
    labels[:, east:] = 255
    write_raster(folder / "labels.tif", labels, grid, nodata=255)
    xy = np.stack(grid.transform * (column + 0.5, row + 0.5), axis=1)
    discs = LandslideDiscs.of_points(grid, xy, np.full(landslides, radius), radius + RING)
    with rasterio.open(folder / "labels.tif", "r+") as dataset:
        dataset.update_tags(ns=NAMESPACE, **discs.tags(grid))
    return xy


def area(folder, landslides, radius=15.0, strength=2.0, seed=3):
    """A stack, and labels of as many discs on steep schist; return the points of the landslides."""
    generator = np.random.default_rng(seed)
    rough = generator.normal(0, 1, (2, SIZE // 6, SIZE // 6)).repeat(6, 1).repeat(6, 2)
    rock = generator.integers(1, 4, (SIZE // 10, SIZE // 10)).repeat(10, 0).repeat(10, 1)
    slope = 25 + 8 * rough[0] + generator.normal(0, 1, rock.shape)
    values = np.stack([slope, 100 + 30 * rough[1], rock]).astype(np.float32)
    values[:, :3, :5] = np.nan
    write_stack(folder / "stack.tif", values, FACTORS, GRID)
    odds = np.exp(strength * (rough[0] * (rough[1] > 0) + (rock == 2)))
    return write_slides(folder, odds, landslides, generator, radius)


def collect(folder, block=200.0, buffer=None):
    """The cells of an area with their folds."""
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        return folded_cells.collect_folded_cells([rasters], block, buffer, 1, NullProgress())


def fit_to(cells, **given):
    """The model of cells, without the job around it."""
    inputs = cross_fitted.FitInputs(cells, FACTORS, preset_settings("recommended", given))
    return cross_fitted.fit_cross_fitted(inputs, NullProgress())


def train(folder, name="model.safetensors", progress=None, report=False, whole_index=False, **given):
    """Train on an area; ``given`` are settings and other files of the job.

    Most tests need neither the report, a quarter of the time, nor an applicability index from many cells.
    """
    files = {key: given.pop(key, None) for key in FILES}
    settings, rasters = preset_settings("recommended", given), (folder / "stack.tif", folder / "labels.tif")
    files.update(output_html=folder / f"{name}.html" if report else None, progress=progress or NullProgress())
    with pytest.MonkeyPatch.context() as patch:
        for kind in () if whole_index else ("LANDSLIDE", "STABLE", "OTHER"):
            patch.setattr(held_out, f"{kind}_CELLS", 400)
        return train_pcum(*rasters, folder / name, settings=settings, **files)


def random_cells(count=400, channels=5, continuous=3):
    generator = np.random.default_rng(5)
    image = generator.normal(0, 1, (count, channels)).astype(np.float32)
    image[:, continuous:] = np.eye(channels - continuous, dtype=np.float32)[generator.integers(0, 2, count)]
    odds = np.sin(2 * image[:, 0]) + image[:, 1] - image[:, 3]
    labels = (generator.random(count) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return image, labels, generator.random(count) + 0.5


class StopAt(NullProgress):
    """Cancels from a share of the progress on."""

    def __init__(self, share):
        super().__init__()
        self.share, self.reached = share, 0.0

    def report(self, share, text=""):
        self.reached = max(self.reached, share)

    def cancelled(self):
        return self.reached >= self.share
