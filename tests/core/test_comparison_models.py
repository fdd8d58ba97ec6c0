"""Comparison models from stack and labels to maps: sampling, the split, patches, the job, and maps of patches."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from sklearn.metrics import roc_auc_score

from scarp.model.artifact import load_model
from scarp.model.classical import boosting, sklearn_models
from scarp.model.errors import ParameterInvalid, TooFewData
from scarp.model.grid import Grid
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.model.training import settings
from scarp.model.training.fit import label_patches, network_architecture
from scarp.model.training.settings import COMPARISON_KINDS, TrainingSettings, patch_cells, settings_of_kind
from scarp.model.windows import collection
from scarp.model.windows.cells import sample_cells
from scarp.model.windows.collection import WindowPlan, WindowSet, collect_cells, collect_windows
from scarp.model.windows.split import NO_SUBSET, DividedLand, open_training_rasters
from scarp.tests.core.conftest import read_band, utm_grid, write_raster, write_stack
from scarp.tests.core.prediction_models import predict

SIZE, CELL, PATCH = 140, 60.0, 10
GRID = utm_grid(SIZE, SIZE, CELL)
FACTORS = [
    StackFactor("slope", "continuous", "degrees", "Slope"),
    StackFactor("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}),
]
PLAN = WindowPlan(600.0, 1800.0, align=2)
SMALL = {"block": 1800.0, "epochs": 2, "width": 4, "depth": 1, "device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module", autouse=True)
def fewer_trees():
    """Forests of a size for tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn_models, "TREES", 30)
        patch.setattr(sklearn_models, "LEAF_SIZES", (20, 80))
        patch.setattr(boosting, "LEAF_SIZES", (20,))
        patch.setattr(boosting, "MAX_ROUNDS", 100)
        yield


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """A stack with gaps and labels that follow slope and rock, some of them unknown."""
    folder = tmp_path_factory.mktemp("comparison")
    generator = np.random.default_rng(3)
    coarse = generator.normal(0, 1, (SIZE // 5, SIZE // 5)).repeat(5, 0).repeat(5, 1)
    rock = generator.integers(1, 4, (SIZE // 10, SIZE // 10)).repeat(10, 0).repeat(10, 1)
    values = np.stack([20 + 8 * coarse + generator.normal(0, 1, coarse.shape), rock]).astype(np.float32)
    values[:, :6, :9] = np.nan
    values[0, 100:130, 40:47] = np.nan
    odds = (values[0] - 32) / 3 + 2 * (rock == 2)
    labels = (generator.random((SIZE, SIZE)) < 1 / (1 + np.exp(-odds))).astype(np.uint8)
    labels[60:70, :30] = 255
    write_stack(folder / "stack.tif", values, FACTORS, GRID)
    write_raster(folder / "labels.tif", labels, GRID, nodata=255)
    return folder


@pytest.fixture(scope="module")
def models(area, tmp_path_factory):
    """One model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    paths = {kind: folder / kind for kind in COMPARISON_KINDS}
    return {kind: train(area, kind, f"{path}.safetensors", html=f"{path}.html") for kind, path in paths.items()}


def train(area, kind, output, progress=None, html=None, labels=None, **changes):
    given = {**SMALL, **({"window": 960.0} if kind == "unet" else {}), **changes}
    more = {"settings": settings_of_kind(kind, "recommended", given), "output_html": html}
    files = area / "stack.tif", labels or area / "labels.tif", output
    return train_comparison_model(kind, *files, **more, progress=progress or NullProgress())


def test_settings_of_each_kind():
    unet = settings_of_kind("unet", "recommended", {})
    assert (unet.weight_landslide, unet.weight_stable, unet.physics) == (4.0, 1.0, "none")
    assert settings_of_kind("unet", "recommended", {"weight_landslide": 7.0}).weight_landslide == 7.0
    for kind, rate in (("bpnn", 2e-5), ("resnet", 5e-5)):
        rates = [settings_of_kind(kind, "paper", given).learning_rate for given in ({}, {"learning_rate": 0.1})]
        assert (rates, settings_of_kind(kind, "recommended", {}).window) == ([rate, 0.1], 600.0)
    encodings = [settings_of_kind(kind, "paper", {}).encoding for kind in ("frequency_ratio", "random_forest")]
    assert encodings == ["one_hot", "codes"]
    assert settings_of_kind("pcum", "windows", {}) == TrainingSettings()
    with pytest.raises(ParameterInvalid, match="KIND"):
        settings.enforce_kind_settings("svm", TrainingSettings())
    with pytest.raises(ParameterInvalid, match="KIND"):
        network_architecture("random_forest", 3, TrainingSettings(), 30.0)


@pytest.mark.parametrize(("cell", "patch"), [(30.0, 20), (12.5, 48), (28.4, 21), (250.0, 2), (900.0, 2)])
def test_a_patch_is_600_metres(cell, patch):
    assert patch_cells("bpnn", cell) == patch
    assert patch_cells("unet", cell) == patch_cells("random_forest", cell) == 1
    assert network_architecture("resnet", 3, TrainingSettings(), cell)["patch"] == patch
    plan = WindowPlan(600.0, 600.0, align=patch, min_multiple=1)
    assert (plan.padded_side(patch), plan.padded_side(patch + 1)) == (patch, 2 * patch)
    assert WindowPlan(600.0, 600.0, align=4).padded_side(4) == 8


@pytest.mark.parametrize(("cell", "side"), [(30.0, 20), (200.0, 3), (250.0, 2)])
def test_a_window_holds_a_patch(cell, side):
    """Of a smaller window no patch would be known by half."""
    plan, grid = WindowPlan(600.0, 600.0, align=patch_cells("bpnn", cell), min_multiple=1), utm_grid(100, 100, cell)
    assert collection.window_capacity(grid, 1, plan) == (side, collection.MAX_WINDOWS)
    with pytest.raises(ParameterInvalid, match="at least"):
        collection.window_capacity(grid, 1, dataclasses.replace(plan, window=400.0 if cell < 250 else 200.0))


def windows_of(labels):
    count, side = labels.shape[:2]
    factors, subsets = np.zeros((count, 1, side, side), np.float32), np.zeros(count, np.uint8)
    return WindowSet(np.zeros((count, 2), np.int64), side, 0, factors, labels, None, subsets)


def test_patch_labels():
    labels = np.zeros((4, 4, 4), dtype=np.uint8)
    labels[0, 0, 1] = 1  # a landslide cell
    labels[1, 2:] = 255  # half of it unknown
    labels[2, 1:] = 255  # more than half unknown
    labels[3, 3, 3], labels[3, 0] = 1, 255
    found = label_patches(windows_of(labels), 4).labels
    rows = [[1, 1, 1, 1], [0, 0, 255, 255], [255, 255, 255, 255], [255, 1, 1, 1]]
    assert (found == np.array(rows)[:, :, None]).all()
    small = label_patches(windows_of(labels), 2).labels
    assert (small[0, :2, :2] == 1).all() and (small[0, 2:] == 0).all()
    assert np.array_equal(label_patches(windows_of(found), 4).labels, found)
    assert label_patches(windows_of(labels), 1).labels is labels
    with pytest.raises(TooFewData, match="train windows hold no patch"):
        label_patches(windows_of(np.zeros((2, 4, 4), dtype=np.uint8)), 4)


def test_cells_of_a_subset_lie_in_its_blocks_and_are_all_there(area):
    with open_training_rasters(area / "stack.tif", area / "labels.tif") as rasters:
        found, windows = collect_cells(rasters, PLAN, NullProgress()), collect_windows(rasters, PLAN, NullProgress())
        raw, marks = rasters.stack.dataset.read(), rasters.labels.read(1)
    assert np.array_equal(found.split.subsets, windows.split.subsets)
    subset = found.split.cell_groups(0, 0, SIZE, SIZE)
    usable = np.isfinite(raw).all(axis=0) & (marks != 255) & (subset != NO_SUBSET)
    cells = found.cells
    assert len(cells) == usable.sum() == cells.totals.sum()
    assert np.array_equal(cells.values, raw[:, usable].T)
    assert np.array_equal([cells.labels, cells.subsets], [marks[usable], subset[usable]])
    assert (cells.weights() == 1).all()
    features = found.features(GRID, 1)
    assert len(features) == len(np.unique(cells.groups)) == (found.split.subsets != NO_SUBSET).sum()
    assert (min(one.left for one in features), max(one.right for one in features)) == (GRID.bounds[0], GRID.bounds[2])
    assert {item.subset for item in features} == {"train", "validation", "test"}
    area_of = sum((item.right - item.left) * (item.top - item.bottom) for item in features)
    land = DividedLand(found.split.blocks, found.split.subsets).cell_groups(0, 0, SIZE, SIZE)
    assert area_of == pytest.approx((land != NO_SUBSET).sum() * CELL**2)


@pytest.mark.parametrize("spatial", [True, False])
def test_a_sample_is_bounded_even_and_the_same_each_time(area, spatial):
    with open_training_rasters(area / "stack.tif", area / "labels.tif") as rasters:
        whole = collect_cells(rasters, dataclasses.replace(PLAN, spatial=spatial), NullProgress())
        one, two, other = (sample_cells(rasters, whole.split, 300, seed, NullProgress()) for seed in (1, 1, 2))
    assert np.array_equal(one.values, two.values)
    assert not np.array_equal(one.values, other.values)
    for subset in range(3):
        for label in (0, 1):
            assert ((one.subsets == subset) & (one.labels == label)).sum() == min(300, one.totals[subset, label])
    assert np.array_equal(one.totals, whole.cells.totals) or not spatial
    assert one.weights().sum() == pytest.approx(one.totals.sum())
    mean, spread = (function(whole.cells.values[whole.cells.labels == 0, 0]) for function in (np.mean, np.std))
    assert abs(one.values[one.labels == 0, 0].mean() - mean) < 5 * spread / np.sqrt(900)


@pytest.mark.parametrize("kind", COMPARISON_KINDS)
def test_every_kind_learns_and_reports(models, kind):
    result = models[kind]
    assert load_model(result.model).kind == kind
    if kind not in settings.PATCH_KINDS:
        assert result.metrics["auc"] > (0.8 if kind in settings.CELL_KINDS else 0.6)
    assert {item.subset for item in result.windows} == {"train", "validation", "test"}
    assert bool(result.history) == (kind not in settings.CELL_KINDS)
    record = json.loads(Path(f"{result.model}.run.json").read_text(encoding="utf-8"))
    assert (record["parameters"]["KIND"], record["metrics"]["auc"]) == (kind, result.metrics["auc"])
    page = Path(result.model).with_suffix(".html").read_text(encoding="utf-8")
    assert "slope" in page and "data:image/svg+xml" in page
    for word, kinds in (
        ("Coefficients", ["logistic_regression"]),
        ("Contrast", ["weights_of_evidence"]),
        ("Frequency ratio", ["frequency_ratio"]),
        ("Curves", ["gam"]),
        ("Drop in AUC", settings.CELL_KINDS),
        ("Each epoch", ["unet", *settings.PATCH_KINDS]),
    ):
        assert (word in page) == (kind in kinds), word


@pytest.mark.parametrize("kind", COMPARISON_KINDS)
def test_same_seed_same_bytes(area, models, tmp_path, kind):
    assert train(area, kind, tmp_path / "m.safetensors").sha256 == models[kind].sha256


def test_numbers_of_the_test_are_those_of_the_map(area, models, tmp_path):
    """The AUC of a model of single cells is that of its map over the test blocks."""
    with open_training_rasters(area / "stack.tif", area / "labels.tif") as rasters:
        split, marks = collect_cells(rasters, PLAN, NullProgress()).split, rasters.labels.read(1)
    for kind in ("logistic_regression", "frequency_ratio"):
        predict(area / "stack.tif", [models[kind].model], tmp_path / "p.tif")
        found = read_band(tmp_path / "p.tif")
        test = (split.cell_groups(0, 0, SIZE, SIZE) == 2) & (marks != 255) & np.isfinite(found)
        assert models[kind].metrics["auc"] == pytest.approx(roc_auc_score(marks[test], found[test]), abs=1e-6)


def test_a_random_split_is_warned_of(area, tmp_path):
    result = train(area, "logistic_regression", tmp_path / "r.safetensors", split="random")
    assert any("SPLIT=spatial_blocks" in text for text in result.warnings) and result.windows == []


def one_a_patch(fine):
    """By loops, what a map of patches holds."""
    rows, columns = -(-fine.shape[0] // PATCH), -(-fine.shape[1] // PATCH)
    result = np.full((rows, columns), np.nan, dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            part = fine[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
            if np.isfinite(part).sum() * 2 >= PATCH**2:
                assert np.nanmax(part) - np.nanmin(part) < 1e-6
                result[row, column] = np.nanmax(part)
    return result


def test_maps_of_patches_have_cells_of_600_metres(area, models, tmp_path):
    """Also where the last patches reach over the border, and with an uncertainty beside the map."""
    with open_stack(area / "stack.tif") as stack:
        raw = stack.dataset.read()[:, :136, :113]
    write_stack(tmp_path / "stack.tif", raw, FACTORS, Grid(GRID.crs, GRID.transform, 113, 136))
    paths = [models[kind].model for kind in settings.PATCH_KINDS]
    given = {"tile": 64, "output_uncertainty": tmp_path / "u.tif"}
    assert predict(tmp_path / "stack.tif", paths, tmp_path / "p.tif", **given).patch == PATCH
    each = np.stack([one_a_patch(load_model(path).probability(raw)) for path in paths])
    for name, expected in (("p.tif", each.mean(axis=0)), ("u.tif", each.std(axis=0, ddof=1))):
        with rasterio.open(tmp_path / name) as dataset:
            assert (dataset.shape, dataset.res) == ((14, 12), (600.0, 600.0))
            assert (dataset.transform.c, dataset.transform.f) == (500000, 3000000)
            found = dataset.read(1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5, equal_nan=True)
        # Of the last row there are six of ten rows of cells, of the last column only three of ten.
        assert np.isfinite(found[13, :11]).all() and np.isnan(found[:, 11]).all()


def test_patches_and_cells_together_keep_the_cells_of_the_stack(area, models, tmp_path):
    paths = [models[kind].model for kind in ("bpnn", "random_forest")]
    summary = predict(area / "stack.tif", paths, tmp_path / "p.tif", tile=64)
    with open_stack(area / "stack.tif") as stack:
        each = [load_model(path).probability(stack.dataset.read()) for path in paths]
    found = read_band(tmp_path / "p.tif")
    assert (summary.patch, found.shape) == (1, GRID.shape)
    assert np.nanmax(np.abs(found - np.mean(each, axis=0))) < 1e-5
