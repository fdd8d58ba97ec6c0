"""The applicability index: prototypes, error profile, model file, and the maps that a prediction makes of it."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import rasterio
from safetensors.numpy import load_file, save_file
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics import roc_auc_score

from scarp.model.applicability import profile_fit as profile_module
from scarp.model.applicability.held_out import REGION, SIDE, HeldOut
from scarp.model.applicability.profile import expected_auc
from scarp.model.applicability.profile_fit import fit_profile
from scarp.model.applicability.prototypes import fit_prototypes, upper_whisker
from scarp.model.applicability.space import FactorSpace, importances
from scarp.model.artifact import load_model, network_tensors, save_model
from scarp.model.artifact_header import HEADER_KEY
from scarp.model.encoding import Encoding
from scarp.model.errors import Cancelled, ModelFileInvalid, ParameterInvalid
from scarp.model.jobs import predict_susceptibility as job
from scarp.model.prediction import dissimilarity
from scarp.model.training import pointwise_fit
from scarp.model.validation.verdict import USABLE, WEAK, Evidence, judge
from scarp.tests.core.conftest import Listener, write_stack
from scarp.tests.core.cross_fitting import FACTORS, GRID, SIZE, area, collect, train
from scarp.tests.core.prediction_models import predict, saved
from scarp.tests.core.prediction_models import stack as noise_stack
from scarp.tests.core.prediction_models import values as noise


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An area with 80 landslides and a model of it."""
    result = tmp_path_factory.mktemp("area")
    area(result, 80)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))
        train(result, block=200.0, whole_index=True)
        yield result


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder / "model.safetensors")


def cells_of(count, coordinates=6, seed=2):
    generator = np.random.default_rng(seed)
    mixed = generator.normal(0, 1, (count, coordinates)) * np.linspace(2, 0.2, coordinates)
    return mixed.astype(np.float32), generator.integers(0, 4, count)


@pytest.mark.parametrize("coordinates", [3, 6, 40])
def test_no_cell_is_farther_from_its_prototype_than_the_bound_and_the_index_is_no_farther_off(coordinates):
    cells, folds = cells_of(3000, coordinates)
    found = fit_prototypes(cells, folds, 1, number=100)
    squared = found.squared_distances(cells)
    own = np.sqrt(squared[np.arange(len(cells)), found.of_cells])
    assert own.max() == pytest.approx(found.bound) and found.cells.sum() == len(cells) and found.cells.min() > 0
    assert found.folds[found.of_cells].tolist() == folds.tolist()
    assert found.mean_distance == pytest.approx(pdist(cells[:1500]).mean(), rel=0.1)
    other = cells_of(500, coordinates, seed=5)[0] + 1
    index = found.dissimilarity(other, np.ones(len(found.points), dtype=bool))
    brute = cdist(other, cells).min(axis=1) / found.mean_distance
    assert (np.abs(index - brute) <= found.bound + 1e-9).all()


def test_a_cell_like_a_training_cell_has_index_0_and_one_beside_all_directions_is_far():
    generator = np.random.default_rng(1)
    different = generator.normal(0, 1, (30, 4)).astype(np.float32)
    cells = np.concatenate([different[generator.integers(0, 30, 500)], different])
    flat = np.pad(cells, [(0, 0), (0, 2)])
    found = fit_prototypes(flat, np.zeros(len(cells), dtype=int), 1)
    allowed = np.ones(len(found.points), dtype=bool)
    assert found.bound < 1e-6 and found.dissimilarity(flat, allowed).max() < 1e-6
    # No training cell varies in the last coordinate, so no direction shows it.
    beside = flat[:1] + np.array([0, 0, 0, 0, 0, 7.0])
    assert found.dissimilarity(beside, allowed)[0] == pytest.approx(7 / found.mean_distance, rel=1e-6)


def test_training_cells_are_compared_with_other_folds():
    cells, folds = cells_of(400)
    folds[:5] = -1
    found = fit_prototypes(cells, folds, 1, number=400)
    index, distances = found.dissimilarity_by_folds(cells, folds), np.sqrt(found.squared_distances(cells))
    for row in range(0, 400, 37):
        mine = (found.folds != folds[row]) & (found.folds >= 0)
        assert folds[row] < 0 or index[row] == pytest.approx(distances[row, mine].min())
    assert np.isnan(index[folds < 0]).all() and np.isfinite(index[folds >= 0]).all()
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 100])
    assert upper_whisker(values) == 7


def test_importance_is_the_deviation_of_what_a_factor_adds(folder, model):
    cells = collect(folder)
    share = cells.counts / cells.counts.sum()
    for layer in (plain := load_model(folder / "model.safetensors").network).layers[-1].parameters():
        layer.data.zero_()
    found = importances(plain, model.encoder, cells.values, share, 1, cells=20_000)
    image = model.encoder.encode(np.ascontiguousarray(cells.values.T)[:, :, None])[0][:, :, 0]
    heights = np.asarray(plain.curves.heights.detach())
    for factor in (0, 1):
        curve = np.interp(image[factor], plain.curves.knots[factor], heights[factor, 1] - heights[factor, 0])
        knots = np.asarray(plain.curves.knots[factor])
        weight = (
            plain.curves.linear.weight.detach()[1, factor, 0, 0] - plain.curves.linear.weight.detach()[0, factor, 0, 0]
        )
        added = curve + float(weight) * np.clip(image[factor], knots[0], knots[-1])
        deviation = math.sqrt(np.average((added - np.average(added, weights=share)) ** 2, weights=share))
        assert found[factor] == pytest.approx(deviation, rel=0.05, abs=0.01)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 2.0])
def test_the_expected_auc_is_that_of_landslides_with_the_slope(slope):
    generator = np.random.default_rng(1)
    logit = np.round(generator.normal(-3, 1.2, 4000), 2)
    area = generator.uniform(0.5, 2, 4000)
    density = area * np.exp(slope * logit)
    truth = roc_auc_score(np.repeat([0, 1], 4000), np.tile(logit, 2), sample_weight=np.concatenate([area, density]))
    assert expected_auc(logit, area, slope) == pytest.approx(truth, abs=1e-9)


def held_out(slope, dissimilarity, seed, way=SIDE, cells=4000):
    generator = np.random.default_rng(seed)
    logit = generator.normal(0, 1.5, cells)
    slide = generator.random(cells) < 1 / (1 + np.exp(-(slope * logit - 2)))
    return HeldOut(way, logit, slide, np.ones(cells), generator.normal(dissimilarity, 0.02, cells))


def test_the_profile_finds_the_slopes_of_held_out_land_and_never_rises(monkeypatch):
    monkeypatch.setattr(profile_module, "RANGES", 40)
    sets = [held_out(1.0, 0.3, 1, REGION), held_out(0.7, 0.6, 2), held_out(0.2, 0.9, 3), held_out(0.4, 1.2, 4)]
    land = np.random.default_rng(9).normal(0, 1.5, 3000)
    profile = fit_profile(sets, land, np.ones(3000))
    assert (np.diff(profile.slope) <= 0).all() and (np.diff(profile.auc) <= 0).all()
    # The last two are pooled, because the profile does not rise.
    assert profile.slopes(np.array([0.3, 0.6, 0.9, 1.2])) == pytest.approx([1.0, 0.7, 0.3, 0.3], abs=0.12)
    assert 1.2 < profile.limit < 1.3 and profile.error < 0.03
    found = profile.expected(np.array([0.0, 0.3, 1.2, 1.4]))
    assert found[0] == profile.auc[0] and math.isnan(found[3])
    assert found[2] == pytest.approx(expected_auc(land, np.ones(3000), profile.slope[-1]))
    assert fit_profile(sets[:1], land, np.ones(3000)) is None


def test_the_index_is_in_the_model_file_and_changes_nothing_else(folder, model, tmp_path):
    index, path = model.applicability, tmp_path / "copy.safetensors"
    assert index.training_cells == index.cells.sum() and index.threshold > 0 and index.profile is not None
    save_model(model, path)
    again = load_model(path)
    for name, array in index.tensors().items():
        assert np.array_equal(again.applicability.tensors()[name], array), name
    assert again.applicability.as_dict() == index.as_dict()
    save_model(dataclasses.replace(model, applicability=None), path)
    plain = load_model(path)
    assert plain.applicability is None
    for name, array in network_tensors(model.network).items():
        assert np.array_equal(network_tensors(plain.network)[name], array), name
    maps = [tmp_path / f"{number}.tif" for number in range(2)]
    for map_path, one in zip(maps, (folder / "model.safetensors", path)):
        predict(folder / "stack.tif", [one], map_path)
    with rasterio.open(maps[0]) as first, rasterio.open(maps[1]) as second:
        assert np.array_equal(first.read(1), second.read(1), equal_nan=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.pop("applicability.axes"),
        lambda tensors: tensors.update({"applicability.scales": tensors["applicability.scales"][:-1]}),
        lambda tensors: tensors.update({"applicability.cells": tensors["applicability.cells"].astype(np.float32)}),
        lambda tensors: tensors["applicability.prototypes"].__setitem__((0, 0), np.nan),
        lambda tensors: tensors["applicability.profile"].__setitem__((-1, 1), 9.0),
    ],
)
def test_a_broken_index_is_refused(folder, tmp_path, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))["__metadata__"]
    content = json.loads(header[HEADER_KEY])
    content["training"].pop("checksum")
    save_file(tensors, tmp_path / "bad.safetensors", {HEADER_KEY: json.dumps(content)})
    with pytest.raises(ModelFileInvalid):
        load_model(tmp_path / "bad.safetensors")


def outputs(path):
    path.mkdir(exist_ok=True)
    return {"output_applicability": path / "a.tif", "output_dissimilarity": path / "d.tif"}


def bands(path):
    result = []
    for name in "ad":
        with rasterio.open(path / f"{name}.tif") as dataset:
            result += list(dataset.read())
    return result


def test_a_map_has_the_index_by_definition(folder, model, tmp_path):
    """Compared with distances to all prototypes, with a class that the training did not see among the cells."""
    with rasterio.open(folder / "stack.tif") as dataset:
        raw = dataset.read()
    raw[0, :20] += 40
    raw[2, 30:50, 30:50] = 9
    classes = dataclasses.replace(FACTORS[2], classes={**FACTORS[2].classes, 9: "marble"})
    write_stack(tmp_path / "stack.tif", raw, [*FACTORS[:2], classes], GRID)
    summary = predict(tmp_path / "stack.tif", [folder / "model.safetensors"], tmp_path / "p.tif", **outputs(tmp_path))
    outside, inside, density, found, expected = bands(tmp_path)
    index = model.applicability
    flat = raw.reshape(3, -1).T
    known = np.isfinite(flat).all(axis=1)
    space = FactorSpace(Encoding(model.factors, model.encoding), index.importances, index.scales.astype(float))
    coordinates = space.coordinates(flat[known])
    centred = coordinates - index.centre.astype(float)
    along = centred @ index.axes.astype(float)
    squared = cdist(along, index.prototypes, "sqeuclidean") + ((centred**2).sum(1) - (along**2).sum(1))[:, None]
    squared[flat[known, 2] == 9] += float(index.scales[2:].max()) ** 2
    distance = np.sqrt(np.maximum(squared, 0)) / index.mean_distance
    known = known.reshape(SIZE, SIZE)
    assert found[known] == pytest.approx(distance.min(axis=1), abs=5e-3)
    assert np.isnan(found[~known]).all() and (inside[~known] == 255).all() and (density[~known] == 255).all()
    clear = np.abs(distance - index.threshold).min(axis=1) > 1e-4
    counted = np.minimum((distance <= index.threshold) @ index.cells, dissimilarity.MAX_DENSITY)
    assert (density[known] == counted)[clear].all() and (inside[known] == (counted > 0))[clear].all()
    assert (outside[:20][known[:20]] > 0).mean() > 0.5
    profile = index.profile.expected(found[known].astype(float))
    assert expected[known] == pytest.approx(profile, abs=1e-5, nan_ok=True)
    assert summary.share_applicable == pytest.approx((inside[known] == 1).mean())
    assert summary.share_beyond == pytest.approx((found[known] > index.profile.limit).mean(), abs=0.002)
    with rasterio.open(tmp_path / "p.tif") as dataset:
        tags, logit = dataset.tags(), dataset.read(1)[known].astype(float)
    logit = np.log(logit / (1 - logit))
    some = found[known] <= index.profile.limit
    truth = expected_auc(logit[some], np.ones(some.sum()), index.profile.slopes(found[known][some].astype(float)))
    assert summary.expected_auc == pytest.approx(truth, abs=0.005)
    assert Evidence.from_tags(tags).expected_auc == summary.expected_auc


def test_the_index_does_not_depend_on_tiles_or_on_what_else_is_wanted(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(dissimilarity, "CHUNK", 256)
    monkeypatch.setattr(dissimilarity, "SAMPLED_FROM", 4000)
    models, stack = [folder / "model.safetensors"], folder / "stack.tif"
    whole = predict(stack, models, tmp_path / "p.tif", **outputs(tmp_path / "whole"))
    for tile in (16, 50, 77):
        path = tmp_path / str(tile)
        summary = predict(stack, models, tmp_path / "p.tif", tile=tile, **outputs(path))
        for one, other in zip(bands(tmp_path / "whole"), bands(path)):
            assert np.array_equal(one, other, equal_nan=True)
        assert summary.expected_auc == whole.expected_auc and summary.share_applicable == whole.share_applicable
    alone = predict(stack, models, tmp_path / "p.tif", tile=50)
    assert (alone.expected_auc, alone.share_beyond) == (whole.expected_auc, whole.share_beyond)


def test_a_prediction_that_was_cancelled_resumes_with_the_index(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "RESUME_MIN_WORK", 0)
    models, stack = [folder / "model.safetensors"], folder / "stack.tif"
    whole = predict(stack, models, tmp_path / "p.tif", tile=24, **outputs(tmp_path / "whole"))
    with pytest.raises(Cancelled):
        predict(
            stack, models, tmp_path / "q.tif", tile=24, progress=Listener(cancel_at=0.5), **outputs(tmp_path / "rest")
        )
    again = predict(stack, models, tmp_path / "q.tif", tile=24, **outputs(tmp_path / "rest"))
    assert again.tiles_taken > 0 and again.expected_auc == whole.expected_auc
    for one, other in zip(bands(tmp_path / "whole"), bands(tmp_path / "rest")):
        assert np.array_equal(one, other, equal_nan=True)


def test_of_several_models_the_worst_counts(folder, model, tmp_path):
    strict = dataclasses.replace(model, applicability=dataclasses.replace(model.applicability, threshold=0.05))
    save_model(strict, tmp_path / "strict.safetensors")
    paths = [folder / "model.safetensors", tmp_path / "strict.safetensors"]
    singles = []
    for number, path in enumerate(paths):
        place = tmp_path / str(number)
        predict(folder / "stack.tif", [path], tmp_path / "p.tif", **outputs(place))
        singles.append(bands(place))
    predict(folder / "stack.tif", paths, tmp_path / "p.tif", **outputs(tmp_path / "both"))
    _, inside, density, found, expected = bands(tmp_path / "both")
    for band, worst, place in ((inside, np.minimum, 1), (density, np.minimum, 2), (found, np.maximum, 3)):
        assert np.array_equal(band, worst(singles[0][place], singles[1][place]), equal_nan=True)
    assert np.array_equal(expected, np.minimum(singles[0][4], singles[1][4]), equal_nan=True)


def test_a_model_without_an_index_says_so(tmp_path):
    noise_stack(tmp_path / "stack.tif", noise(40, 40))
    path, progress = saved(tmp_path / "old.safetensors", "pointwise"), Listener()
    summary = predict(
        tmp_path / "stack.tif", [path], tmp_path / "p.tif", progress=progress, output_applicability=tmp_path / "a.tif"
    )
    assert "No applicability index is available in old.safetensors" in " ".join(progress.texts)
    assert summary.share_applicable is None and summary.expected_auc is None
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.count == 1
    with pytest.raises(ParameterInvalid, match="OUTPUT_DISSIMILARITY needs the applicability index"):
        predict(tmp_path / "stack.tif", [path], tmp_path / "p.tif", output_dissimilarity=tmp_path / "d.tif")


GOOD = Evidence(auc=0.85, auc_low=0.8, auc_high=0.9, blocks=40, auc_slope=0.7, auc_train=0.9)


@pytest.mark.parametrize(
    "changes, level, words",
    [
        ({"inside": 0.9, "beyond": 0.0, "expected_auc": 0.8}, USABLE, ""),
        ({"inside": 0.3, "beyond": 0.1, "expected_auc": 0.8}, WEAK, "Only 30 % of the map"),
        ({"inside": 0.6, "beyond": 0.55, "expected_auc": 0.8}, WEAK, "On 55 % of the map no AUC"),
        ({"inside": 0.9, "beyond": 0.0, "expected_auc": 0.55}, WEAK, "expect on the land of this map is 0.55"),
    ],
)
def test_land_unlike_that_of_the_training_makes_a_map_weak(changes, level, words):
    evidence = dataclasses.replace(GOOD, **changes)
    verdict = judge(evidence)
    assert verdict.level == level and words in verdict.text
    assert Evidence.from_tags(evidence.tags()) == evidence
    none = changes["beyond"] >= 0.5 or changes["inside"] < 0.5
    assert ("No AUC can be expected" in evidence.expectation_text) == none == (evidence.expected_range is None)
    ((_, value, text),) = evidence.expectation_cards
    assert (value == "none") == ("No AUC can be expected" in text)


def test_the_range_of_an_expected_auc_is_twice_its_error():
    known = dataclasses.replace(GOOD, inside=0.9, beyond=0.0, expected_auc=0.85)
    few, more = (dataclasses.replace(known, expected_error=error) for error in (0.01, 0.1))
    assert known.expected_range == few.expected_range == pytest.approx((0.75, 0.95))
    assert more.expected_range == pytest.approx((0.65, 1.0))
    assert "Expected AUC on this land: 0.85 (0.65 to 1.00)." in more.expectation_text
