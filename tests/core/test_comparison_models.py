"""Comparison models from stack and labels to maps: sampling, the split, patches, the job, and maps of patches."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import rasterio
from sklearn.metrics import roc_auc_score

from scarp.model.artifact import load_model
from scarp.model.classical import sklearn_models
from scarp.model.errors import Cancelled, GridMismatch, ParameterInvalid, TooFewData
from scarp.model.grid import Grid
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.model.training.fit import label_patches, network_architecture
from scarp.model.training.settings import (
    CELL_KINDS,
    COMPARISON_KINDS,
    PATCH_KINDS,
    TrainingSettings,
    enforce_kind_settings,
    patch_cells,
    settings_of_kind,
)
from scarp.model.windows.cells import sample_cells
from scarp.model.windows.collection import (
    MAX_WINDOWS,
    WindowPlan,
    WindowSet,
    collect_cells,
    collect_windows,
    window_capacity,
)
from scarp.model.windows.split import NO_SUBSET, open_training_rasters
from scarp.tests.core.conftest import Listener, utm_grid, write_raster, write_stack
from scarp.tests.core.prediction_models import predict

SIZE, CELL = 140, 60.0
GRID = utm_grid(SIZE, SIZE, CELL)
PATCH = 10
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
    results = {
        kind: train(area, kind, folder / f"{kind}.safetensors", html=folder / f"{kind}.html")
        for kind in COMPARISON_KINDS
    }
    return folder, results


def settings(kind, **changes):
    return settings_of_kind(kind, "recommended", {**SMALL, **({"window": 960.0} if kind == "unet" else {}), **changes})


def train(area, kind, output, progress=None, html=None, labels=None, **changes):
    files = area / "stack.tif", labels or area / "labels.tif", output
    more = {"output_html": html, "settings": settings(kind, **changes), "progress": progress or NullProgress()}
    return train_comparison_model(kind, *files, **more)


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


# Settings and architectures


def test_settings_of_each_kind():
    unet = settings_of_kind("unet", "recommended", {})
    assert (unet.weight_landslide, unet.weight_stable, unet.physics) == (4.0, 1.0, "none")
    assert settings_of_kind("unet", "recommended", {"weight_landslide": 7.0}).weight_landslide == 7.0
    for kind, rate in (("bpnn", 2e-5), ("resnet", 5e-5)):
        assert settings_of_kind(kind, "paper", {}).learning_rate == rate
        assert settings_of_kind(kind, "paper", {"learning_rate": 0.1}).learning_rate == 0.1
        assert settings_of_kind(kind, "recommended", {}).window == 600.0
    assert settings_of_kind("frequency_ratio", "paper", {}).encoding == "one_hot"
    assert settings_of_kind("random_forest", "paper", {}).encoding == "codes"
    assert settings_of_kind("pcum", "recommended", {}) == TrainingSettings()
    with pytest.raises(ParameterInvalid, match="KIND"):
        enforce_kind_settings("svm", TrainingSettings())
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


def windows_of(labels):
    count, side = labels.shape[:2]
    factors = np.zeros((count, 1, side, side), np.float32)
    return WindowSet(
        np.zeros((count, 2), dtype=np.int64), side, 0, factors, labels, None, np.zeros(count, dtype=np.uint8)
    )


@pytest.mark.parametrize(("cell", "side"), [(30.0, 20), (200.0, 3), (250.0, 2)])
def test_a_window_holds_a_patch(cell, side):
    """Of a smaller window no patch would be known by half."""
    plan = WindowPlan(600.0, 600.0, align=patch_cells("bpnn", cell), min_multiple=1)
    assert window_capacity(utm_grid(100, 100, cell), 1, plan) == (side, MAX_WINDOWS)
    with pytest.raises(ParameterInvalid, match="at least"):
        smaller = dataclasses.replace(plan, window=400.0 if cell < 250 else 200.0)
        window_capacity(utm_grid(100, 100, cell), 1, smaller)


def test_patch_labels():
    labels = np.zeros((4, 4, 4), dtype=np.uint8)
    labels[0, 0, 1] = 1  # a landslide cell
    labels[1, 2:] = 255  # half of it unknown
    labels[2, 1:] = 255  # more than half unknown
    labels[3, 3, 3], labels[3, 0] = 1, 255
    found = label_patches(windows_of(labels), 4).labels
    assert (found[0] == 1).all()
    assert (found[1, :2] == 0).all()
    assert (found[1, 2:] == 255).all()
    assert (found[2] == 255).all()
    assert (found[3, 0] == 255).all()
    assert (found[3, 1:] == 1).all()
    small = label_patches(windows_of(labels), 2).labels
    assert (small[0, :2, :2] == 1).all()
    assert (small[0, 2:] == 0).all()
    again = label_patches(windows_of(found), 4).labels
    assert np.array_equal(again, found)
    assert label_patches(windows_of(labels), 1).labels is labels
    with pytest.raises(TooFewData, match="train windows hold no patch"):
        label_patches(windows_of(np.zeros((2, 4, 4), dtype=np.uint8)), 4)


# Cells


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
    assert np.array_equal(cells.labels, marks[usable])
    assert np.array_equal(cells.subsets, subset[usable])
    assert (cells.weights() == 1).all()
    assert len(np.unique(cells.groups)) == (found.split.subsets != NO_SUBSET).sum()
    features = found.features(GRID, 1)
    assert len(features) == (found.split.subsets != NO_SUBSET).sum()
    assert min(item.left for item in features) == GRID.bounds[0]
    assert max(item.right for item in features) == GRID.bounds[2]
    assert {item.subset for item in features} == {"train", "validation", "test"}
    area_of = sum((item.right - item.left) * (item.top - item.bottom) for item in features)
    assert area_of == pytest.approx((subset != NO_SUBSET).sum() * CELL**2)


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


# The job


@pytest.mark.parametrize("kind", COMPARISON_KINDS)
def test_every_kind_learns_and_reports(models, kind):
    folder, results = models
    result = results[kind]
    assert load_model(result.model).kind == kind
    if kind not in PATCH_KINDS:
        assert result.metrics["auc"] > (0.8 if kind in CELL_KINDS else 0.6)
    assert {item.subset for item in result.windows} == {"train", "validation", "test"}
    assert bool(result.history) == (kind not in CELL_KINDS)
    record = json.loads((folder / f"{kind}.safetensors.run.json").read_text(encoding="utf-8"))
    assert record["parameters"]["KIND"] == kind
    assert record["metrics"]["auc"] == result.metrics["auc"]
    page = (folder / f"{kind}.html").read_text(encoding="utf-8")
    assert "slope" in page
    assert "data:image/svg+xml" in page
    for word, kinds in (
        ("Coefficients", ["logistic_regression"]),
        ("Contrast", ["weights_of_evidence"]),
        ("Frequency ratio", ["frequency_ratio"]),
        ("Drop in AUC", CELL_KINDS),
        ("Each epoch", ["unet", *PATCH_KINDS]),
    ):
        assert (word in page) == (kind in kinds), word


@pytest.mark.parametrize("kind", COMPARISON_KINDS)
def test_same_seed_same_bytes(area, models, tmp_path, kind):
    results = models[1]
    result = train(area, kind, tmp_path / f"{kind}.safetensors")
    assert result.sha256 == results[kind].sha256


def test_numbers_of_the_test_are_those_of_the_map(area, models, tmp_path):
    """The AUC of a model of single cells is that of its map over the test blocks."""
    results = models[1]
    with open_training_rasters(area / "stack.tif", area / "labels.tif") as rasters:
        split, marks = collect_cells(rasters, PLAN, NullProgress()).split, rasters.labels.read(1)
    for kind in ("logistic_regression", "frequency_ratio"):
        predict(area / "stack.tif", [results[kind].model], tmp_path / "p.tif", progress=NullProgress())
        found = read(tmp_path / "p.tif")
        test = (split.cell_groups(0, 0, SIZE, SIZE) == 2) & (marks != 255) & np.isfinite(found)
        assert results[kind].metrics["auc"] == pytest.approx(roc_auc_score(marks[test], found[test]), abs=1e-6)


def test_random_split_warns(area, tmp_path):
    result = train(area, "logistic_regression", tmp_path / "m.safetensors", split="random")
    assert any("SPLIT" in text for text in result.warnings)
    assert result.windows == []


def test_wrong_inputs(area, tmp_path):
    with pytest.raises(ParameterInvalid, match="KIND"):
        train(area, "svm", tmp_path / "m.safetensors")
    other = write_raster(tmp_path / "l.tif", np.zeros((SIZE, SIZE - 1), np.uint8), nodata=255, transform=GRID.transform)
    with pytest.raises(GridMismatch, match="label"):
        train(area, "random_forest", tmp_path / "m.safetensors", labels=other)
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize("kind", ["random_forest", "logistic_regression", "bpnn"])
def test_cancelling_leaves_nothing(area, tmp_path, kind):
    with pytest.raises(Cancelled):
        train(area, kind, tmp_path / "m.safetensors", progress=Listener(cancel_at=0.3))
    assert not list(tmp_path.iterdir())


# Maps


@pytest.mark.parametrize("kind", COMPARISON_KINDS)
def test_maps_do_not_depend_on_the_tiles(area, models, tmp_path, kind):
    path, maps = models[1][kind].model, []
    for tile in (0, 48, 64, 512):
        summary = predict(
            area / "stack.tif",
            [path],
            tmp_path / "p.tif",
            tile=tile,
            device="cpu",
            precision="fp32",
            output_applicability=tmp_path / "a.tif",
            progress=NullProgress(),
        )
        maps.append(read(tmp_path / "p.tif"))
        assert summary.cells == np.isfinite(maps[-1]).sum()
    with open_stack(area / "stack.tif") as stack:
        raw = stack.dataset.read()
    # Beyond the border there is no data, which the U-Net sees.
    around = np.pad(raw, [(0, 0), (60, 60), (60, 60)], constant_values=np.nan)
    whole = load_model(path).probability(around)[60:-60, 60:-60]
    if kind in PATCH_KINDS:
        whole = one_a_patch(whole)
    assert np.nanstd(whole) > 1e-4
    for found in maps:
        assert np.array_equal(np.isnan(found), np.isnan(whole))
        assert np.nanmax(np.abs(found - whole)) < 1e-5
    assert read(tmp_path / "a.tif").shape == GRID.shape


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
    paths = [models[1][kind].model for kind in PATCH_KINDS]
    summary = predict(
        tmp_path / "stack.tif",
        paths,
        tmp_path / "p.tif",
        tile=64,
        output_uncertainty=tmp_path / "u.tif",
        progress=NullProgress(),
    )
    assert summary.patch == PATCH
    each = np.stack([one_a_patch(load_model(path).probability(raw)) for path in paths])
    assert np.nanmax(np.abs(read(tmp_path / "p.tif") - each.mean(axis=0))) < 1e-5
    assert np.nanmax(np.abs(read(tmp_path / "u.tif") - each.std(axis=0, ddof=1))) < 1e-5
    for name in ("p.tif", "u.tif"):
        with rasterio.open(tmp_path / name) as dataset:
            assert dataset.shape == (14, 12)
            assert dataset.res == (600.0, 600.0)
            assert (dataset.transform.c, dataset.transform.f) == (500000, 3000000)
            found = dataset.read(1)
        assert np.array_equal(np.isnan(found), np.isnan(each[0]))
        # Of the last row there are six of ten rows of cells, of the last column only three of ten.
        assert np.isfinite(found[13, :11]).all()
        assert np.isnan(found[:, 11]).all()


def test_patches_and_cells_together_keep_the_cells_of_the_stack(area, models, tmp_path):
    paths = [models[1][kind].model for kind in ("bpnn", "random_forest")]
    summary = predict(area / "stack.tif", paths, tmp_path / "p.tif", tile=64, progress=NullProgress())
    with open_stack(area / "stack.tif") as stack:
        each = [load_model(path).probability(stack.dataset.read()) for path in paths]
    found = read(tmp_path / "p.tif")
    assert summary.patch == 1
    assert found.shape == GRID.shape
    assert np.nanmax(np.abs(found - np.mean(each, axis=0))) < 1e-5


def test_all_kinds_are_tested_on_the_same_blocks_as_pcum(area, models, tmp_path):
    given = TrainingSettings(**{**SMALL, "window": 960.0, "physics": "none"})
    files = area / "stack.tif", area / "labels.tif", tmp_path / "m.safetensors"
    result = train_pcum(*files, settings=given, progress=NullProgress())
    blocks = {
        (item.left, item.bottom, item.right, item.top): item.subset for item in models[1]["random_forest"].windows
    }
    inside = 0
    for window in result.windows:
        for (left, bottom, right, top), subset in blocks.items():
            if left <= window.left and window.right <= right and bottom <= window.bottom and window.top <= top:
                assert window.subset == subset
                inside += 1
    assert inside > 10
