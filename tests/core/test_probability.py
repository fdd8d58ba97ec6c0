"""Calibration: fit and scores against scikit-learn, training with PROBABILITY, maps, and files not to be trusted."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import rasterio
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss

from scarp.model.artifact import HEADER_KEY, load_model, network_tensors, save_model
from scarp.model.calibration import Calibration
from scarp.model.errors import ModelFileInvalid, ParameterInvalid, TooFewData
from scarp.model.explanation.explained_model import ExplainedModel
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.jobs.validate_with_points import validate_with_points
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.model.training.settings import check_probability, settings_of_kind
from scarp.model.validation.probability import ProbabilityCounts, count_mapped
from scarp.model.validation.settings import EvaluationLayers, ValidationOptions
from scarp.tests.core.conftest import Listener, read_band, utm_grid, write_raster, write_stack
from scarp.tests.core.prediction_models import model, predict, stack, values

SIZE, CELL = 200, 60.0
GRID = utm_grid(SIZE, SIZE, CELL)
FACTORS = [StackFactor("slope", "continuous", "degrees", "Slope"), StackFactor("rain", "continuous", "mm", "Rain")]
SMALL = {
    "block": 1800.0,
    "window": 960.0,
    "epochs": 4,
    "width": 2,
    "learning_rate": 0.01,
    "device": "cpu",
    "precision": "fp32",
}
KNOWN = Calibration(0.7, -2.0, 0.1)


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """One landslide cell in twelve, the more the steeper."""
    folder, generator = tmp_path_factory.mktemp("probability"), np.random.default_rng(2)
    raw = generator.normal(0, 1, (2, SIZE // 4, SIZE // 4)).repeat(4, 1).repeat(4, 2).astype(np.float32)
    labels = (generator.random((SIZE, SIZE)) < 1 / (1 + np.exp(3 - 1.5 * raw[0]))).astype(np.uint8)
    labels[50:60] = 255
    write_stack(folder / "stack.tif", raw, FACTORS, GRID)
    write_raster(folder / "labels.tif", labels, GRID, nodata=255)
    return folder


def train(area, output, kind="logistic_regression", progress=None, html=None, **changes):
    settings = settings_of_kind(kind, "recommended", {**SMALL, **changes})
    more = {"settings": settings, "output_html": html, "progress": progress or NullProgress()}
    files = area / "stack.tif", area / "labels.tif", output
    return train_pcum(*files, **more) if kind == "pcum" else train_comparison_model(kind, *files, **more)


def drawn(count=20_000, seed=0):
    """Susceptibilities of a model that is far too sure of landslides, and the truth."""
    generator = np.random.default_rng(seed)
    logit = generator.normal(0, 1.5, count)
    truth = generator.random(count) < 1 / (1 + np.exp(3 - 0.8 * logit))
    return (1 / (1 + np.exp(-logit))).astype(np.float32), truth


def counted(*data):
    counts = ProbabilityCounts()
    counts.add(*data)
    return counts


def test_fit_and_scores_are_those_of_scikit_learn():
    susceptibility, truth = drawn()
    logit = np.log(susceptibility / (1 - susceptibility.astype(np.float64)))
    found = counted(susceptibility, truth).fit()
    line = LogisticRegression(C=1e6, tol=1e-8).fit(logit[:, None], truth)
    assert (found.slope, found.offset) == pytest.approx((line.coef_[0, 0], line.intercept_[0]), abs=2e-3)
    assert found.share == truth.mean()
    calibrated = 1 / (1 + np.exp(-found(logit)))
    assert calibrated.mean() == pytest.approx(truth.mean(), rel=1e-3)
    for given, scores in (
        (susceptibility, counted(susceptibility, truth).scores()),
        (calibrated, counted(susceptibility, truth).scores(found)),
        (calibrated, counted(calibrated, truth).scores()),
    ):
        assert scores.brier == pytest.approx(brier_score_loss(truth, given), rel=2e-3)
        assert scores.log_loss == pytest.approx(log_loss(truth, given.astype(np.float64)), rel=2e-3)
        assert scores.average_precision == pytest.approx(average_precision_score(truth, given), rel=5e-3)
        assert (scores.cells, scores.landslide_cells) == (len(truth), truth.sum())
    assert counted(susceptibility, truth).scores().skill < 0 < scores.skill


def test_reliability_is_the_diagonal_for_true_probabilities():
    generator = np.random.default_rng(4)
    probability = generator.beta(1, 20, 400_000)
    rows = counted(probability, generator.random(len(probability)) < probability).reliability()
    assert len(rows) == 10 and sum(row[2] for row in rows) == len(probability)
    for mean, share, cells, _ in rows:
        assert share == pytest.approx(mean, abs=4 * np.sqrt(mean / cells))
    assert np.diff([row[0] for row in rows]).min() > 0


def test_a_model_that_ranks_the_wrong_way_round_gives_the_share_everywhere():
    susceptibility, truth = drawn()
    found = counted(1 - susceptibility, truth).fit()
    logit = np.linspace(-5, 5, 11)
    assert (np.diff(found(logit)) > 0).all()
    assert 1 / (1 + np.exp(-found(logit))) == pytest.approx(np.full(11, truth.mean()), rel=0.01)
    with pytest.raises(TooFewData, match="no landslide cell"):
        counted(susceptibility, truth & False).require_both("here")


@pytest.mark.parametrize("kind", ["logistic_regression", "pcum"])
def test_training_gives_probabilities_and_keeps_the_rest(area, tmp_path, kind):
    """Means are right on land for test; order, network and metrics are those without PROBABILITY."""
    paths = [tmp_path / "plain.safetensors", tmp_path / "calibrated.safetensors"]
    progress = Listener()
    results = [
        train(area, paths[0], kind),
        train(area, paths[1], kind, progress, html=tmp_path / "r.html", probability=True),
    ]
    plain, calibrated = map(load_model, paths)
    assert plain.calibration is None and calibrated.calibration.slope > 0
    networks = [network_tensors(one.network) for one in (plain, calibrated)]
    assert all(np.array_equal(networks[0][name], networks[1][name]) for name in networks[0])
    assert results[0].metrics.items() <= results[1].metrics.items()
    assert any("Calibrated" in text for text in progress.texts)
    assert list(tmp_path.glob(".*")) == []
    maps = []
    for path in paths:
        predict(area / "stack.tif", [path], tmp_path / "p.tif", tile=64)
        maps.append(read_band(tmp_path / "p.tif"))
    order = np.argsort(maps[0], axis=None, kind="stable")
    assert (np.diff(maps[1].ravel()[order]) >= -1e-6).all()
    labels = read_band(area / "labels.tif")
    test = np.zeros(GRID.shape, dtype=bool)
    for item in results[1].windows:
        if item.subset == "test" and kind != "pcum":
            left, top = ((item.left - GRID.bounds[0]) / CELL, (GRID.bounds[3] - item.top) / CELL)
            side = (item.right - item.left) / CELL, (item.top - item.bottom) / CELL
            test[round(top) : round(top + side[1]), round(left) : round(left + side[0])] = True
    for some in (labels != 255, test & (labels != 255)):
        if some.any():
            share = (labels[some] == 1).mean()
            assert maps[1][some].mean() == pytest.approx(share, rel=0.15)
            assert maps[0][some].mean() > 3 * share
    if kind != "pcum":
        found = counted(maps[1][test & (labels != 255)], labels[test & (labels != 255)] == 1).scores()
        assert results[1].metrics["brier"] == pytest.approx(found.brier, rel=0.03)
        assert found.skill > 0.05
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Reliability" in page and "Brier" in page and "no probability per year" in page


def test_what_cannot_be_calibrated_is_refused(area, tmp_path):
    with pytest.raises(ParameterInvalid, match="SPLIT"):
        train(area, tmp_path / "m.safetensors", probability=True, split="random")
    settings = settings_of_kind("pcum", "recommended", {"probability": True})
    with pytest.raises(ParameterInvalid, match="START_FROM"):
        check_probability(settings, tmp_path / "start.safetensors")
    with pytest.raises(ParameterInvalid, match="SPLIT"):
        check_probability(settings_of_kind("pcum", "paper", {"probability": True}), None)


def test_the_ring_is_mapped_land_and_land_outside_the_area_is_not(area, tmp_path):
    """Labels that tell their landslides: unknown cells count inside the ring only."""
    from scarp.model.labels.discs import NAMESPACE, LandslideDiscs

    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[:, 150:] = 255
    row, column = np.indices(GRID.shape)
    distance = CELL * np.hypot(row - 100, column - 100)
    labels[distance <= 600] = 255
    labels[distance <= 120] = 1
    write_raster(tmp_path / "labels.tif", labels, GRID, nodata=255)
    write_raster(tmp_path / "map.tif", np.full(GRID.shape, 0.3, dtype=np.float32), GRID)
    x, y = GRID.transform * (100.5, 100.5)
    discs = LandslideDiscs.of_points(GRID, np.array([[x, y]]), np.array([120.0]), 600.0)
    for told, expected in ((False, (labels != 255).sum()), (True, 150 * SIZE)):
        if told:
            with rasterio.open(tmp_path / "labels.tif", "r+") as dataset:
                dataset.update_tags(ns=NAMESPACE, **discs.tags(GRID))
        files = tmp_path / "labels.tif", tmp_path / "map.tif"
        counts = count_mapped(*files, None, ProbabilityCounts(), NullProgress())
        assert (counts.counts.sum(), counts.counts[1].sum()) == (expected, (labels == 1).sum())


@pytest.mark.parametrize("kind", ["pcum", "bpnn", "forest", "splines"])
def test_every_engine_applies_the_calibration(tmp_path, kind):
    """In tiles, in one piece, in an ensemble after each member, and when the model is explained."""
    raw = values(70, 90)
    path, paths = stack(tmp_path / "stack.tif", raw), []
    for seed in (1, 2):
        one = dataclasses.replace(model(kind, seed=seed), calibration=dataclasses.replace(KNOWN, slope=seed))
        paths.append(tmp_path / f"{seed}.safetensors")
        save_model(one, paths[-1])
    with open_stack(path) as opened:
        given = [opened.read(block) for block in opened.grid.blocks()]
        assert len(given) == 1
        explained = ExplainedModel(opened, load_model(paths[0]), "m", NullProgress())
        block = next(iter(opened.grid.blocks()))
        own = explained.read(block)
    each = []
    for member, file in enumerate(paths, 1):
        predict(path, [file], tmp_path / "p.tif", tile=64)
        each.append(read_band(tmp_path / "p.tif"))
        plain = tmp_path / "plain.safetensors"
        save_model(dataclasses.replace(load_model(file), calibration=None), plain)
        predict(path, [plain], tmp_path / "q.tif", tile=64)
        before = read_band(tmp_path / "q.tif").astype(np.float64)
        expected = 1 / (1 + np.exp(-(member * np.log(before / (1 - before)) + KNOWN.offset)))
        np.testing.assert_allclose(each[-1], expected, atol=2e-6 if kind != "forest" else 1e-5, equal_nan=True)
        with rasterio.open(tmp_path / "p.tif") as found, rasterio.open(tmp_path / "q.tif") as other:
            assert (
                "no probability per year" in found.tags()["MEANING"] and float(found.tags()["LANDSLIDE_SHARE"]) == 0.1
            )
            assert found.descriptions == ("landslide probability",)
            assert "LANDSLIDE_SHARE" not in other.tags() and "not a calibrated" in other.tags()["MEANING"]
    if kind in ("forest", "splines"):
        image = load_model(paths[0]).encoder.encode(own)[0]
        logit = explained.landslide_logit(torch.from_numpy(image)[None])[0].numpy()
        seen = np.isfinite(each[0])
        np.testing.assert_allclose(1 / (1 + np.exp(-logit[seen])), each[0][seen], atol=2e-6)
    predict(path, paths, tmp_path / "p.tif", tile=64)
    np.testing.assert_allclose(read_band(tmp_path / "p.tif"), np.mean(each, axis=0), atol=2e-6, equal_nan=True)
    with pytest.raises(ParameterInvalid, match=r"plain\.safetensors"):
        predict(path, [paths[0], plain], tmp_path / "p.tif")


def test_a_calibrated_map_is_validated_as_one(tmp_path):
    """With a warning that limits such as 0.5 do not suit it."""
    raw = np.random.default_rng(1).uniform(0, 0.1, GRID.shape).astype(np.float32)
    landslides = Points("slides", xy=np.stack(GRID.transform * np.mgrid[5:195:40, 5:195:40].reshape(2, -1), axis=1))
    for name, tags, title in (("a", {}, "relative landslide"), ("b", {"LANDSLIDE_SHARE": "0.02"}, "probability")):
        write_raster(tmp_path / f"{name}.tif", raw, GRID)
        with rasterio.open(tmp_path / f"{name}.tif", "r+") as dataset:
            dataset.update_tags(**tags)
        page, options = tmp_path / f"{name}.html", ValidationOptions(distance=200, repeats=10)
        files = tmp_path / f"{name}.tif", EvaluationLayers(landslides), page, None, options
        result = validate_with_points(*files, progress=NullProgress())
        assert f"Validation of a map of {'landslide ' if tags else ''}{title}" in page.read_text(encoding="utf-8")
        assert any("THRESHOLD=0.5" in text for text in result.warnings) == bool(tags)


WRONG = [
    *[None, 3, [], {}, {"slope": 1.0, "offset": 0.0}, {**KNOWN.as_dict(), "more": 1}],
    *[{**KNOWN.as_dict(), **change} for change in ({"slope": 0}, {"slope": -1.0}, {"slope": 1e9}, {"slope": "1"})],
    *[{**KNOWN.as_dict(), **change} for change in ({"offset": 1e6}, {"offset": None}, {"share": 0.0}, {"share": True})],
]


@pytest.mark.parametrize("content", WRONG)
def test_calibrations_that_cannot_be_are_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    save_model(dataclasses.replace(model("linear"), calibration=KNOWN), path)
    assert load_model(path).calibration == KNOWN
    with safe_open(str(path), framework="np") as stream:
        header = json.loads(stream.metadata()[HEADER_KEY])
    assert header["format"] == 2
    header["calibration"] = content
    save_file(load_file(path), path, metadata={HEADER_KEY: json.dumps(header)})
    with pytest.raises(ModelFileInvalid, match="calibration"):
        load_model(path)


def test_models_without_calibration_are_files_of_the_first_format(tmp_path):
    """Which older versions read."""
    path = tmp_path / "m.safetensors"
    save_model(model("linear"), path)
    with safe_open(str(path), framework="np") as stream:
        header = json.loads(stream.metadata()[HEADER_KEY])
    assert header["format"] == 1 and "calibration" not in header
    header["calibration"] = KNOWN.as_dict()
    save_file(load_file(path), path, metadata={HEADER_KEY: json.dumps(header)})
    with pytest.raises(ModelFileInvalid, match="unknown"):
        load_model(path)
