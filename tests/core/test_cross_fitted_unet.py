"""DEPTH of a training by cross-fitting: a U-Net on top, if the folds show that it pays."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio
from scipy.ndimage import uniform_filter

from scarp.model.artifact import load_model
from scarp.model.classical import boosted_pcum
from scarp.model.errors import ParameterInvalid
from scarp.model.jobs.cross_fitted import train_by_cross_fitting
from scarp.model.jobs.train_pcum import trained_model
from scarp.model.progress import NullProgress
from scarp.model.training import pointwise_fit, unet_fit
from scarp.model.training.settings import preset_settings
from scarp.model.windows import cell_windows
from scarp.model.windows.split import TEST, open_training_rasters
from scarp.tests.core.conftest import Listener, read_band, write_raster, write_stack
from scarp.tests.core.cross_fitting import FACTORS, GRID, SIZE, area, collect, train
from scarp.tests.core.prediction_models import predict


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An area whose landslides lie where the slope is high around a cell, and not in it."""
    result, generator = tmp_path_factory.mktemp("area"), np.random.default_rng(3)
    slope = generator.normal(25, 8, (SIZE, SIZE))
    around = uniform_filter(slope, 5)
    values = np.stack([slope, generator.normal(100, 30, slope.shape), np.ones(slope.shape)]).astype(np.float32)
    write_stack(result / "stack.tif", values, FACTORS, GRID)
    odds = np.exp(3.5 * (around - around.mean()) / around.std()).ravel()
    labels = np.zeros(SIZE**2, dtype=np.uint8)
    labels[generator.choice(SIZE**2, 250, replace=False, p=odds / odds.sum())] = 1
    write_raster(result / "labels.tif", labels.reshape(SIZE, SIZE), GRID, nodata=255)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10,))
        patch.setattr(unet_fit, "CHECKPOINTS", (100,))
        patch.setattr(unet_fit, "BATCH", 16)
        patch.setattr(unet_fit, "WIDTH", 8)
        patch.setattr(unet_fit, "LEARNING_RATE", 3e-3)
        patch.setattr(cell_windows, "MAX_WINDOWS", 500)
        yield result


@pytest.mark.parametrize(("depth", "halo"), [(1, 8), (2, 22)])
def test_a_window_has_all_that_a_unet_sees(folder, depth, halo):
    cells, side, align = collect(folder), unet_fit.window_side(depth), 2**depth
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        found = cell_windows.collect_cell_windows([rasters], cells, side, align, 1, NullProgress())
    rows, places, values = found.rows, found.places, found.windows.factors
    assert len(np.unique(rows)) == len(rows) > 500 and set(cells.labels[rows]) >= {0, 1}
    each = np.arange(len(rows)), slice(None), places[:, 0], places[:, 1]
    assert np.array_equal(values[each], cells.values[rows])
    assert places.min() >= halo and places.max() < side - halo and (found.windows.origins % align == 0).all()


def test_a_unet_is_added_where_the_surroundings_matter(folder, tmp_path):
    log, model = Listener(), folder / "model.safetensors"
    result = train(folder, progress=log, block=200.0, depth=1, probability=True)
    plain = train(folder, "plain.safetensors", block=200.0)
    assert any("A U-Net of depth 1 adds" in text for text in log.texts)
    assert result.metrics["auc"] > plain.metrics["auc"] + 0.03
    made = load_model(model)
    assert made.architecture["type"] == "pcum_parts" and made.halo == 8 and made.calibration is not None
    choice = made.training["choice"]
    losses = [row[-1] for row in choice["unets"]]
    assert choice["depth"] == 1 and min(losses) < losses[0]
    # The map of cells that were held out, made in tiles, is as good as the training says.
    predict(folder / "stack.tif", [model], tmp_path / "whole.tif")
    predict(folder / "stack.tif", [model], tmp_path / "tiles.tif", tile=64)
    assert np.allclose(read_band(tmp_path / "whole.tif"), read_band(tmp_path / "tiles.tif"), atol=2e-5)


def test_what_the_folds_say_is_what_their_networks_predict(folder, monkeypatch):
    """Windows end where a U-Net sees no farther, so that the map of a fold has the values by which it was judged."""
    monkeypatch.setattr(unet_fit, "CHECKPOINTS", (100,))
    settings = preset_settings("recommended", {"block": 200.0, "buffer": 0.0, "depth": 1})
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        run = train_by_cross_fitting([rasters], settings, NullProgress())
    result, inner = run.result, np.zeros((SIZE, SIZE), dtype=bool)
    inner[12:-12, 12:-12] = True
    assert result.choice.depth == 1
    model = trained_model("pcum", result.fitted, settings, GRID, {})
    with rasterio.open(folder / "stack.tif") as dataset:
        raw = dataset.read()
    for fold, network in enumerate(result.of_folds):
        found = dataclasses.replace(model, network=network).probability(raw).ravel()
        some = np.flatnonzero((run.cells.roles[fold] == TEST) & np.isfinite(result.out_of_fold))
        some = some[inner.ravel()[run.cells.places[some]]]
        expected = 1 / (1 + np.exp(-result.out_of_fold[some]))
        assert len(some) > 20 and np.allclose(found[run.cells.places[some]], expected, atol=1e-4)


def test_all_parts_together(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(boosted_pcum, "MAX_ROUNDS", 50)
    result = train(folder, "all.safetensors", block=200.0, depth=1, ensemble="gradient_boosting")
    made = load_model(folder / "all.safetensors")
    assert made.architecture["unet_depth"] == 1 and 0.5 < result.metrics["auc"] <= 1
    predict(folder / "stack.tif", [folder / "all.safetensors"], tmp_path / "map.tif", precision="bf16")
    assert np.isfinite(read_band(tmp_path / "map.tif")).all()


def test_where_surroundings_tell_nothing_it_is_left_out(tmp_path, monkeypatch):
    area(tmp_path, 40, strength=0.0)
    monkeypatch.setattr(unet_fit, "CHECKPOINTS", (5,))
    same = [train(tmp_path, name, block=200.0, depth=1).sha256 for name in ("model.safetensors", "again.safetensors")]
    assert same[0] == same[1]
    choice = load_model(tmp_path / "model.safetensors").training["choice"]
    losses = [row[-1] for row in choice["unets"]]
    assert bool(choice["depth"]) == (min(losses) < losses[0]) and choice["unet"]


def test_a_unet_on_windows_has_a_depth(folder):
    with pytest.raises(ParameterInvalid, match="DEPTH is 0"):
        train(folder, "refused.safetensors", method="windows", depth=0, window=100.0, block=300.0, buffer=0.0)
