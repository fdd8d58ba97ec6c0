"""The test metrics of training: all mapped land of the test subset counts, whatever the kind of model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from scarp.model.artifact import load_model
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training.settings import settings_of_kind
from scarp.model.validation import unseen_land
from scarp.model.windows.collection import WindowPlan, collect_cells, collect_windows
from scarp.model.windows.mapped import RingCells
from scarp.model.windows.split import TEST, TRAIN, open_training_rasters
from scarp.tests.core.conftest import (
    Listener,
    at_cells,
    box,
    build_buffered_labels,
    by_blocks,
    degree_grid,
    read_band,
    utm_grid,
    write_raster,
    write_stack,
)
from scarp.tests.core.prediction_models import predict
from scarp.tests.core.test_labels import distances

RADIUS, RING = 75.0, 190.0
GRIDS = {"utm": utm_grid(150, 150), "degrees": degree_grid(150, 150, top=55.0)}


@pytest.fixture(scope="module", params=GRIDS)
def area(request, tmp_path_factory):
    """Landslides on steep slopes; the lower right is outside the study area."""
    folder, grid, rng = tmp_path_factory.mktemp("unseen_land"), GRIDS[request.param], np.random.default_rng(2)
    rows, columns = np.indices(grid.shape)
    slope = 25 + 15 * np.sin(rows / 11) * np.cos(columns / 14) + rng.normal(0, 3, grid.shape)
    values = np.stack([rng.normal(size=grid.shape), slope]).astype(np.float32)
    factors = [StackFactor("noise", "continuous"), StackFactor("slope", "continuous", "degrees")]
    write_stack(folder / "stack.tif", values, factors, grid)
    steep = np.argwhere(slope > 33)
    places = steep[rng.choice(len(steep), 60, replace=False)]
    left, _, right, top = grid.bounds
    mapped = box(left, grid.bounds[1] + 30 * -grid.transform.e, right, top)
    build_buffered_labels(
        Points("p", xy=at_cells(grid, *places.T)),
        folder / "stack.tif",
        folder / "labels.tif",
        radii={"unrecorded": RADIUS},
        ring=RING,
        area=Polygons("area", geometries=[mapped]),
    )
    return folder, grid, at_cells(grid, *places.T)


def train(area, kind, path, progress=None, labels="labels.tif", **settings):
    given = settings_of_kind(kind, "recommended", {"block": 700.0, "window": 300.0, "seed": 3, **settings})
    files = area[0] / "stack.tif", area[0] / labels, path
    return train_comparison_model(kind, *files, settings=given, progress=progress or NullProgress())


def collected(area, collect, seed=3):
    with open_training_rasters(area[0] / "stack.tif", area[0] / "labels.tif") as rasters:
        return collect(rasters, WindowPlan(300.0, 700.0, align=2, seed=seed), NullProgress())


def test_the_ring_is_mapped_and_land_outside_the_study_area_is_not(area):
    """Unknown cells count within RING of a landslide, on both grids; nothing else that is unknown does."""
    folder, grid, xy = area
    labels = read_band(folder / "labels.tif")
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        rings = RingCells(rasters.labels, grid)
        found = by_blocks(grid, rings.read, 37)
    away = distances(grid, xy)
    row, column, _ = grid.cell_indices(xy)
    far, mapped = away.min(axis=0), away[labels[row, column] == 1].min(axis=0)
    margin = (np.abs(away - RING) < 0.3).any(axis=0) | (np.abs(away - RADIUS) < 0.3).any(axis=0)
    outside = (labels == 255) & (far > RADIUS)
    expected = outside & (mapped <= RING)
    assert rings.is_known and expected.sum() > 500 and (labels == 255).sum() > expected.sum()
    # The ring of a landslide whose own cell was not mapped counts only as near to a landslide cell.
    close = distances(grid, at_cells(grid, *np.nonzero(labels == 1))).min(axis=0) <= RING + 22
    assert not (expected & ~found & ~margin).any()
    assert not (found & ~(outside & (far <= RING) & close) & ~margin).any()
    foreign = write_raster(folder / "foreign.tif", labels, grid, nodata=255)
    with open_training_rasters(folder / "stack.tif", foreign) as rasters:
        rings = RingCells(rasters.labels, grid)
        assert not rings.is_known and not rings.read(grid.whole).any()


@pytest.mark.parametrize("kind", ["logistic_regression", "frequency_ratio", "unet"])
def test_every_kind_is_tested_on_all_mapped_land(area, tmp_path, kind):
    """Against the map of the model over the blocks, or the windows, for test."""
    folder, grid, _ = area
    settings = {"epochs": 3, "width": 4} if kind == "unet" else {}
    progress = Listener()
    result = train(area, kind, tmp_path / "m.safetensors", progress, **settings)
    predict(folder / "stack.tif", [tmp_path / "m.safetensors"], tmp_path / "map.tif")
    found, labels = read_band(tmp_path / "map.tif"), read_band(folder / "labels.tif")
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        ring, slope = RingCells(rasters.labels, grid).read(grid.whole), rasters.stack.read(grid.whole)[1]
    weights = np.repeat(grid.cell_area()[:, None], grid.width, axis=1)
    split = collected(area, collect_cells).split
    groups = split.cell_groups(0, 0, *grid.shape)
    covered = np.ones(grid.shape, dtype=bool)
    if kind == "unet":
        covered[:] = False
        windows = collected(area, collect_windows).windows
        for row, column in windows.origins[windows.subsets == TEST]:
            covered[row : row + windows.side, column : column + windows.side] = True

    def auc(values, which):
        return roc_auc_score(labels[which] == 1, values[which], sample_weight=weights[which])

    test, metrics, near = covered & (groups == TEST), result.metrics, 0.03 if kind == "unet" else 1e-5
    mapped, stable = test & ((labels != 255) | ring), test & (labels != 255)
    assert metrics["auc"] == pytest.approx(auc(found, mapped), abs=near)
    assert metrics["auc_stable"] == pytest.approx(auc(found, stable), abs=near)
    assert metrics["auc_slope"] == pytest.approx(auc(slope, mapped), abs=1e-5)
    assert metrics["auc"] < metrics["auc_stable"] and metrics["auc_low"] < metrics["auc"] < metrics["auc_high"]
    assert 2 <= metrics["blocks"] <= 30
    if kind != "unet":
        train_land = (groups == TRAIN) & ((labels != 255) | ring)
        assert metrics["auc_train"] == pytest.approx(auc(found, train_land), abs=1e-5)
    assert load_model(result.model).metrics == metrics
    assert any("against all other mapped land" in text and "blocks of land" in text for text in progress.texts)


def test_labels_without_metadata_say_what_is_left_out(area, tmp_path):
    labels = read_band(area[0] / "labels.tif")
    write_raster(area[0] / "foreign.tif", labels, area[1], nodata=255)
    progress = Listener()
    result = train(area, "frequency_ratio", tmp_path / "m.safetensors", progress, "foreign.tif")
    assert any("how wide its ring is" in text for text in progress.texts)
    assert result.metrics["auc"] == result.metrics["auc_stable"]


def test_a_sample_stands_for_all_cells(monkeypatch):
    """Large test lands are thinned; the numbers stay, and so does the area."""
    grid, rng = GRIDS["degrees"], np.random.default_rng(1)
    places = rng.permutation(150 * 150)[:9000]
    labels = rng.choice(np.array([0, 1, 255], np.uint8), 9000, p=[0.6, 0.3, 0.1])
    scores = rng.normal(size=9000) + (labels == 1) - 0.5 * (labels == 0)
    cells = unseen_land.ScoredCells(scores, labels, places, np.full(9000, 2.0), None)
    whole = unseen_land.evaluate(cells, cells, [unseen_land.AreaGrid(grid, 100.0)], 1)
    monkeypatch.setattr(unseen_land, "MAX_CELLS", 1500)
    part = unseen_land.evaluate(cells, cells, [unseen_land.AreaGrid(grid, 100.0)], 1)
    assert part["auc"] == pytest.approx(whole["auc"], abs=0.03) and part["auc_slope"] is None
    assert part["auc_stable"] == pytest.approx(whole["auc_stable"], abs=0.03)
    none = dataclasses.replace(cells, labels=np.where(labels == 1, np.uint8(0), labels))
    assert set(unseen_land.evaluate(none, none, [unseen_land.AreaGrid(grid, 100.0)], 1).values()) == {None}
