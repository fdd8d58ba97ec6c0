"""The error of a cross-fitted model by its folds, the interval by areas left out, and the classes of both."""

from __future__ import annotations

import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from safetensors import safe_open

from scarp.model.artifact import load_model, save_model
from scarp.model.artifact_header import HEADER_KEY
from scarp.model.calibration import Calibration
from scarp.model.cluster.shared_storage import share_object
from scarp.model.errors import ModelFileInvalid, ParameterInvalid
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.labels import LANDSLIDE, STABLE
from scarp.model.prediction.bivariate import COLOURS, NAMES, BivariateClasses
from scarp.model.prediction.distributed import RemotePrediction, predict_tile
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.prediction.tile_cache import TileCache
from scarp.model.prediction.tile_inference import MEAN, SPREAD
from scarp.model.progress import NullProgress
from scarp.model.training import left_out_areas, pointwise_fit
from scarp.model.training.left_out_areas import area_scores, divide, group_quantile
from scarp.model.training.settings import preset_settings
from scarp.model.uncertainty import DensityInterval, FoldNetwork
from scarp.tests.core.cross_fitting import area
from scarp.tests.core.prediction_models import in_one_piece, model, predict, stack, values
from scarp.tests.core.properties import read

FP32 = {"device": "cpu", "precision": "fp32"}
INTERVAL = DensityInterval(0.9, 0.8, 10, 12.5)


def with_folds(kind: str, seeds: tuple[int, ...]):
    """A model whose folds are models of the same kind and other seeds."""
    folds = [model(kind, seed=seed) for seed in seeds]
    return dataclasses.replace(
        model(kind), folds=[FoldNetwork(fold.architecture, fold.network) for fold in folds], interval=INTERVAL
    )


def bands(path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return raster.read()


@pytest.mark.parametrize("kind", ["pointwise", "parts"])
@pytest.mark.parametrize("calibration", [None, Calibration(0.7, -2.0, 0.1)])
def test_error_and_bounds_of_one_model(tmp_path, kind, calibration):
    """Against each fold as a model of its own, whatever the tiles; the map is that of the model without folds."""
    raw = values(150, 170)
    path, trained = stack(tmp_path / "stack.tif", raw), tmp_path / "m.safetensors"
    save_model(dataclasses.replace(with_folds(kind, (2, 3, 4)), calibration=calibration), trained)
    alone = dataclasses.replace(model(kind), calibration=calibration)
    each = [in_one_piece(dataclasses.replace(model(kind, seed=s), calibration=calibration), raw) for s in (2, 3, 4)]
    expected, mean = np.std(each, axis=0, ddof=1) * 2 / math.sqrt(3), in_one_piece(alone, raw)
    slope, known = 1.0 if calibration is None else calibration.slope, np.isfinite(mean)
    odds = mean[known] / (1 - mean[known])
    for tile in (64, 256):
        out = {"output_uncertainty": tmp_path / "u.tif", "output_bivariate": tmp_path / "b.tif"}
        summary = predict(path, [trained], tmp_path / "p.tif", tile=tile, **out, **FP32)
        error, low, high = bands(tmp_path / "u.tif")
        assert np.allclose(read(tmp_path / "p.tif"), mean, rtol=0, atol=2e-5, equal_nan=True)
        assert np.allclose(error, expected, rtol=0, atol=2e-5, equal_nan=True) and np.nanmax(error) > 0.01
        for bound, sign in ((low, -1), (high, 1)):
            shifted = odds * np.exp(sign * slope * INTERVAL.half_width)
            assert np.allclose(bound[known], shifted / (1 + shifted), rtol=0, atol=2e-5)
            assert not np.isfinite(bound[~known]).any()
        share = None if calibration is None else calibration.share
        classes = BivariateClasses(share).classify(read(tmp_path / "p.tif"), error)
        assert np.array_equal(bands(tmp_path / "b.tif")[0], classes) and len(np.unique(classes)) > 4
        assert summary.members == 1 and summary.verdict["level"]
    with rasterio.open(tmp_path / "b.tif") as raster:
        assert raster.colormap(1)[7] == COLOURS[7]
        assert json.loads(raster.tags(1)["classes"])["8"] == "high susceptibility, uncertain"
    assert 'label="low susceptibility, certain"' in (tmp_path / "b.qml").read_text()
    with rasterio.open(tmp_path / "u.tif") as raster:
        assert [text.split(" of ")[0] for text in raster.descriptions] == [
            "standard error",
            "lower bound",
            "upper bound",
        ]


def test_equal_folds_have_no_error_and_old_models_are_refused_as_ever(tmp_path):
    path, out = stack(tmp_path / "stack.tif", values(70, 80)), tmp_path / "u.tif"
    save_model(with_folds("pointwise", (3, 3, 3)), tmp_path / "equal.safetensors")
    predict(path, [tmp_path / "equal.safetensors"], tmp_path / "p.tif", output_uncertainty=out, **FP32)
    assert np.nanmax(bands(out)[0]) == 0
    save_model(model("pointwise"), tmp_path / "old.safetensors")
    with safe_open(str(tmp_path / "old.safetensors"), framework="np") as stream:
        assert json.loads(stream.metadata()[HEADER_KEY])["format"] == 1
    for name in ("output_uncertainty", "output_bivariate"):
        with pytest.raises(ParameterInvalid, match="Set SAMPLES to 2 or more, or give several models"):
            predict(path, [tmp_path / "old.safetensors"], tmp_path / "p.tif", **{name: out}, **FP32)
    # Samples and several models have the meaning that they always had.
    both = [tmp_path / "old.safetensors", tmp_path / "equal.safetensors"]
    predict(path, both, tmp_path / "p.tif", output_uncertainty=out, **FP32)
    assert len(bands(out)) == 1


def test_a_cluster_worker_computes_the_same_tiles(tmp_path):
    pytest.importorskip("distributed")
    path, trained = stack(tmp_path / "stack.tif", values(100, 130)), str(tmp_path / "m.safetensors")
    save_model(with_folds("pointwise", (2, 3, 4)), trained)
    predict(path, [trained], tmp_path / "p.tif", output_uncertainty=tmp_path / "u.tif", **FP32)
    cache = TileCache(tmp_path, {"test": 1})
    cache.begin()
    options = PredictionOptions(**FP32)
    remote = RemotePrediction(path, (trained,), None, options, (128, 128), (MEAN, SPREAD), cache)
    predict_tile(share_object(remote, cache.path / "job"), 0)
    arrays, _ = cache.load(0, {MEAN: (100, 128), SPREAD: (100, 128)})
    assert np.allclose(arrays[SPREAD], bands(tmp_path / "u.tif")[0, :, :128], rtol=0, atol=1e-6, equal_nan=True)


def test_a_model_file_keeps_folds_and_interval(tmp_path):
    path, other = tmp_path / "m.safetensors", tmp_path / "n.safetensors"
    given = with_folds("parts_trees", (2, 3))
    save_model(given, path)
    found = load_model(path)
    assert found.interval == INTERVAL and len(found.folds) == 2
    raw = values(20, 20)
    for mine, stored in zip(given.folds, found.folds):
        one, two = (in_one_piece(given.with_network(fold.network), raw) for fold in (mine, stored))
        assert np.array_equal(one, two, equal_nan=True)
    save_model(found, path)
    save_model(load_model(path), other)
    assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": {**INTERVAL.as_dict(), "half_width": -1}}, "interval is wrong"),
        ({"interval": {**INTERVAL.as_dict(), "more": 1}}, "interval is wrong"),
        ({"folds": "none"}, "networks of folds are wrong"),
        ({"folds": [[]]}, "networks of folds are wrong"),
        ({"folds": []}, "its tensors are not those of its network"),
        ({"folds": [{"type": "linear", "channels": 7}] * 3}, "channels"),
        ({"format": 1}, "missing or unknown: folds, interval"),
    ],
)
def test_hostile_folds_are_refused(tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    save_model(with_folds("pointwise", (2, 3)), path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    outer = json.loads(content[8 : 8 + length])
    header = {**json.loads(outer["__metadata__"][HEADER_KEY]), **change}
    outer["__metadata__"][HEADER_KEY] = json.dumps(header)
    text = json.dumps(outer).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    with pytest.raises(ModelFileInvalid, match=message):
        load_model(path)


def test_classes_of_susceptibility_and_error():
    """Breaks at half and twice the mean density, and at errors of 0.05 and 0.1 where that mean is 0.5."""
    odds, error = np.array([0.4, 1.0, 2.5]).repeat(3), np.tile([0.04, 0.07, 0.12], 3)
    value = odds / (1 + odds)
    assert BivariateClasses().classify(value[None], error[None]).tolist() == [list(NAMES)]
    # Calibrated to a share of 0.02, the same densities are other probabilities.
    small = odds * 0.02 / 0.98
    error = error / (value * (1 - value))
    value = small / (1 + small)
    error = error * value * (1 - value)
    classes = BivariateClasses(0.02)
    found = classes.classify(np.append(value, np.nan)[None], np.append(error, 0.1)[None])
    assert found.tolist() == [[*NAMES, 0]]
    classes.add(found, np.array([900.0]))
    assert classes.cells.tolist() == [1] * 9 and sum(classes.km2) == pytest.approx(9 * 900e-6)


@pytest.mark.parametrize("number", [2, 7, 10])
def test_areas_have_as_many_landslides_each_and_hang_together(number):
    rng = np.random.default_rng(1)
    positions = rng.integers(0, 500, (4000, 2))
    shares = np.where(rng.random(4000) < 0.2, rng.random(4000), 0.0)
    areas = divide(positions, shares, number)
    sums = np.bincount(areas, shares, number)
    assert np.ptp(sums) < 4 and sums.sum() == pytest.approx(shares.sum())
    boxes = [np.concatenate([positions[areas == a].min(0), positions[areas == a].max(0)]) for a in range(number)]
    for one in range(number):
        for two in range(one):
            overlap = np.minimum(boxes[one][2:], boxes[two][2:]) - np.maximum(boxes[one][:2], boxes[two][:2])
            assert (overlap <= 0).any()


def test_scores_are_zero_for_the_truth_and_the_log_of_the_factor_beside_it():
    cells = 30_000
    logit = np.tile(np.array([-1.5, 0.0, 1.2]), cells // 3)
    part = np.arange(cells) < cells // 2
    # As many landslides as expected in the land that is known, three times as many in the area.
    expected = np.exp(logit) / np.exp(logit).mean()
    shares = np.concatenate([np.zeros(cells), np.where(part, 3.0, 1.0) * expected])
    given = SimpleNamespace(
        labels=np.repeat(np.array([STABLE, LANDSLIDE], dtype=np.uint8), cells),
        counts=np.concatenate([np.ones(cells), np.zeros(cells)]),
        shares=shares,
    )
    shifted = logit - math.log(np.exp(logit).mean())
    scores = area_scores(np.tile(shifted, 2), given, np.tile(part, 2))
    assert scores == pytest.approx(np.log([3.0] * 3), abs=0.002)
    known = area_scores(np.tile(shifted, 2), as_expected(given, part), np.tile(part, 2))
    assert known == pytest.approx([0.0] * 3, abs=1e-9)


def as_expected(given, part):
    """The same land with a third of the landslides in the area."""
    half = len(part)
    shares = np.concatenate([given.shares[:half], np.where(part, given.shares[half:] / 3, given.shares[half:])])
    return SimpleNamespace(labels=given.labels, counts=given.counts, shares=shares)


@pytest.mark.parametrize("areas", [10, 20])
def test_the_quantile_covers_a_new_area_of_the_same_kind(areas):
    """Areas with a part in common: the coverage of a class of a new area is at least the stated one, and not all."""
    rng = np.random.default_rng(areas)
    covered = []
    for _ in range(3000):
        scores = np.abs(rng.normal(0, 0.5, (areas + 1, 1)) + rng.normal(0, 0.4, (areas + 1, 3)))
        quantile = group_quantile(list(scores[:-1]), 0.9)
        covered.append((scores[-1] <= quantile).mean())
    assert 0.9 - 0.01 <= np.mean(covered) <= 0.975
    assert group_quantile([np.ones(3)] * 8, 0.9) == math.inf


def test_training_stores_folds_and_interval_and_few_landslides_have_none(tmp_path, monkeypatch):
    monkeypatch.setattr(pointwise_fit, "CHECKPOINTS", (10,))
    area(tmp_path, 80)
    files = tmp_path / "stack.tif", tmp_path / "labels.tif", tmp_path / "m.safetensors"
    settings = preset_settings("recommended", {"block": 200.0})
    train_pcum(*files, settings=settings, progress=NullProgress())
    found = load_model(files[2])
    assert len(found.folds) == found.metrics["chosen_folds"] and found.interval.areas == 10
    assert found.interval.coverage == 0.9 and 0.1 < found.interval.half_width < 4
    assert found.interval.landslides == pytest.approx(8, abs=0.5)
    predict(files[0], [files[2]], tmp_path / "p.tif", output_uncertainty=tmp_path / "u.tif", **FP32)
    error, low, high = bands(tmp_path / "u.tif")
    known, mean = np.isfinite(error), read(tmp_path / "p.tif")
    assert known.any() and (low[known] < mean[known]).all() and (mean[known] < high[known]).all()
    assert 0.001 < np.median(error[known]) < 0.3
    monkeypatch.setattr(left_out_areas, "FEW_LANDSLIDES", 100)
    train_pcum(*files, settings=settings, progress=NullProgress())
    assert load_model(files[2]).interval is None and len(load_model(files[2]).folds) == len(found.folds)
    predict(files[0], [files[2]], tmp_path / "p.tif", output_uncertainty=tmp_path / "u.tif", **FP32)
    assert len(bands(tmp_path / "u.tif")) == 1
