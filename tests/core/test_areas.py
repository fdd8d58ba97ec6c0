"""The chain with defaults on difficult areas: each step ends well, and ``checkfactors`` foresees whether a training
starts.
"""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from scarp.model.errors import TooFewData
from scarp.model.explanation.settings import ExplanationInputs, ExplanationOptions
from scarp.model.inputs.vectors import Points
from scarp.model.jobs import check_factors as check
from scarp.model.jobs.build_buffered_labels import build_buffered_labels
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.jobs.explain_susceptibility import explain_susceptibility
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.labels.settings import LabelOptions
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress
from scarp.model.report.page import Page
from scarp.model.training import additive_fit, fold_problem, pointwise_fit
from scarp.model.training.settings import CrossValidationOptions, preset_settings, settings_of_kind
from scarp.tests.core.conftest import (
    build_factor_stack,
    classify_zones,
    degree_grid,
    utm_grid,
    validate_with_points,
    write_raster,
)

QUIET = {"progress": NullProgress()}
TWICE = [(10, 12), (10, 12), (30, 41), (31, 41), (50, 7), (8, 52), (45, 50), (22, 20), (54, 30), (38, 9)]
CORNER = [(2, 3), (2, 9), (14, 4), (9, 16), (5, 12), (18, 17), (17, 1), (11, 10)]
AREAS = {
    "twice in a cell": (utm_grid(60, 60, 20), TWICE, slice(None)),
    "without data": (utm_grid(60, 60, 5), TWICE, slice(0, 51)),
    "coarse corner": (utm_grid(60, 60, 100), CORNER, slice(None)),
    "degrees": (degree_grid(60, 60), TWICE, slice(None)),
    "one place": (utm_grid(60, 60, 20), [(2, 3), (3, 3)], slice(None)),
    "one landslide": (utm_grid(60, 60, 20), [(2, 3)], slice(None)),
}
"""Grid, cells of the landslides, and the columns with data."""


@pytest.fixture(scope="module", autouse=True)
def small_models():
    """Short training on few cells, and no figures in the report of the check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "build_page", lambda *report: Page("Check"))
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10,))
        patch.setattr(additive_fit, "PENALTIES", additive_fit.PENALTIES[2:3])
        patch.setattr(fold_problem, "MIN_STABLE", 500)
        yield


def build(folder, name):
    """Write the stack of an area, with a factor that is the same everywhere, and its labels; return the landslides."""
    grid, cells, land = AREAS[name]
    height = np.full(grid.shape, np.nan, dtype=np.float32)
    rough = np.random.default_rng(5).normal(0, 40 * grid.cell_size(), grid.shape)
    height[:, land] = gaussian_filter(rough, 4)[:, land]
    dem = write_raster(folder / "dem.tif", height, grid, nodata=np.nan)
    same = write_raster(folder / "same.tif", height * 0 + 900, grid, nodata=np.nan)
    build_factor_stack(
        dem, folder / "stack.tif", terrain=("elevation", "mean_slope"), extra_continuous=[(same, "rain")]
    )
    row, column = np.transpose(cells)
    points = Points("landslides", xy=np.stack(grid.transform * (column + 0.5, row + 0.5), axis=1))
    build_buffered_labels(points, folder / "stack.tif", folder / "labels.tif", LabelOptions(), **QUIET)
    return points


def train(folder):
    files = folder / "stack.tif", folder / "labels.tif", folder / "model.safetensors"
    return train_pcum(*files, settings=preset_settings("recommended", {}), **QUIET)


@pytest.mark.parametrize("name", AREAS)
def test_a_training_starts_if_the_check_says_so_and_every_step_follows(tmp_path, name):
    points = build(tmp_path, name)
    files = tmp_path / "stack.tif", tmp_path / "check.html", tmp_path / "check.csv"
    found = check.check_factors(*files, labels=tmp_path / "labels.tif", **QUIET).findings
    errors = [finding for finding in found if finding.severity == "error"]
    assert bool(errors) == name.startswith("one")
    if errors:
        (obstacle,) = errors
        with pytest.raises(TooFewData) as raised:
            train(tmp_path)
        assert str(raised.value) == f"{obstacle.message.replace('Training cannot start. ', '')} {obstacle.remedy}"
        return
    train(tmp_path)
    stack, labels, model, susceptibility = (
        tmp_path / file for file in ("stack.tif", "labels.tif", "model.safetensors", "map.tif")
    )
    predict_susceptibility(stack, [model], susceptibility, PredictionOptions(), **QUIET)
    with rasterio.open(susceptibility) as dataset:
        values = dataset.read(1)
    assert np.nanmax(values) - np.nanmin(values) > 0.05
    classify_zones(susceptibility, tmp_path / "zones.tif")
    validate_with_points(susceptibility, points, None, tmp_path / "t.csv", zones=tmp_path / "zones.tif", repeats=10)
    options = ExplanationOptions(blocks=20, repeats=2, references=1)
    explain_susceptibility(ExplanationInputs(stack, model, labels), options, output_table=tmp_path / "t.csv", **QUIET)
    for kind in ("pcum", "logistic_regression"):
        options = CrossValidationOptions(kind, random_split=False)
        given = {"options": options, "settings": settings_of_kind(kind, "recommended", {})}
        found = cross_validate(stack, labels, points, tmp_path / "folds.tif", **given, **QUIET)
        assert 0 <= found.lowest <= found.auc <= 1
