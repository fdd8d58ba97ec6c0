"""DEPTH of a training by cross-fitting: a U-Net on top, if the folds show that it pays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from scarp.model.artifact import load_model
from scarp.model.classical import boosted_pcum
from scarp.model.errors import ParameterInvalid
from scarp.model.training import pointwise_fit, unet_fit
from scarp.model.windows import cell_windows
from scarp.model.windows.split import open_training_rasters
from scarp.tests.core.conftest import Listener, read_band, write_raster, write_stack
from scarp.tests.core.prediction_models import predict
from scarp.tests.core.test_cross_fitted import FACTORS, GRID, SIZE, NullProgress, area, collect, train


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
        patch.setattr(unet_fit, "LEARNING_RATE", 3e-3)
        patch.setattr(cell_windows, "MAX_WINDOWS", 500)
        yield result


def test_a_window_has_all_that_the_unet_sees_in_its_middle():
    for depth, halo in ((1, 8), (2, 22)):
        side = unet_fit.window_side(depth)
        assert side % 2**depth == 0 and side // 2 > halo and (side // 2) % 2**depth == 0
    assert unet_fit.window_side(6) >= 128


def test_windows_lie_around_their_cells(folder):
    cells = collect(folder)
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        rows, windows = cell_windows.collect_cell_windows(rasters, cells, 20, 1, NullProgress())
    assert len(np.unique(rows)) == len(rows) > 500 and set(cells.labels[rows]) >= {0, 1}
    assert np.array_equal(windows.factors[:, :, 10, 10], cells.values[rows])


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
