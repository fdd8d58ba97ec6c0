"""Embeddings in models: reduced by training land alone, carried in the model file, and explained as one factor."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from scarp.model.artifact import load_model, save_model
from scarp.model.artifact_header import FORMAT, factor_to_dict, read_header, write_header
from scarp.model.components import Component, Reduction, component_factors, fit_components, project
from scarp.model.encoding import FactorSpec, fit_factors
from scarp.model.errors import FactorMissing, ModelFileInvalid, ParameterInvalid
from scarp.model.explanation.dominant_factor import BaselineInputs, shapley_contributions
from scarp.model.explanation.explained_model import ExplainedModel
from scarp.model.explanation.sample import Cells
from scarp.model.grid import Block
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.model.training.reduced import reduce_cells
from scarp.model.training.settings import settings_of_kind
from scarp.model.windows.cells import CellSet
from scarp.model.windows.split import TEST, TRAIN
from scarp.tests.core import cross_fitting, prediction_models
from scarp.tests.core.conftest import read_band, write_stack
from scarp.tests.core.cross_fitting import GRID, SIZE, train, write_slides

BANDS = 12
FACTORS = [
    StackFactor("slope", "continuous", "degrees", "Slope"),
    StackFactor("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}),
    *(StackFactor(f"embeddings_{number:02d}", "continuous", group="embeddings") for number in range(1, BANDS + 1)),
]
few_steps = cross_fitting.few_steps


def land(seed):
    """Slope and rock, which cause nothing, and an embedding in which a hidden cause is one direction of many."""
    generator = np.random.default_rng(seed)

    def rough():
        return generator.normal(0, 1, (SIZE // 6, SIZE // 6)).repeat(6, 0).repeat(6, 1)

    hidden, others = rough(), np.stack([rough() for _ in range(3)])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(BANDS, BANDS)))[0][:, :4]
    latent = np.stack([0.7 * hidden, 1.2 * others[0], others[1], 0.9 * others[2]])
    embedding = np.tensordot(turn, latent, 1) + 0.1 * generator.normal(size=(BANDS, SIZE, SIZE)) + 0.3
    rock = generator.integers(1, 4, (SIZE // 10, SIZE // 10)).repeat(10, 0).repeat(10, 1)
    values = np.concatenate([(25 + 8 * rough())[None], rock[None], embedding]).astype(np.float32)
    values[:, :3, :5] = np.nan
    return values, hidden, generator


def make_area(folder, seed=3, name="stack.tif"):
    values, hidden, generator = land(seed)
    write_stack(folder / name, values, FACTORS, GRID)
    write_stack(folder / f"plain_{name}", values[:2], FACTORS[:2], GRID)
    write_slides(folder, np.exp(2 * hidden), 60, generator)
    return values


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedding")
    values = make_area(folder)
    result = train(folder, "model.safetensors", physics="none")
    return folder, values, result


def test_components_are_those_of_scikit_learn():
    generator = np.random.default_rng(1)
    values = (generator.normal(size=(900, 8)) @ generator.normal(size=(8, 8)) + 5).astype(np.float32)
    found = fit_components(values, list("abcdefgh"), count=3)
    known = PCA(3).fit(values.astype(np.float64))
    for one, axis, share in zip(found, known.components_, known.explained_variance_ratio_):
        assert abs(np.dot(one.weights, axis)) == pytest.approx(1, abs=1e-9)
        assert one.share == pytest.approx(share)
        assert max(one.weights, key=abs) > 0
    signs = np.sign([np.dot(one.weights, axis) for one, axis in zip(found, known.components_)])
    scores = project(found, values.T)
    np.testing.assert_allclose(scores, known.transform(values).T * signs[:, None], atol=1e-4)
    twice = fit_components(values, list("abcdefgh"), np.r_[np.full(450, 2.0), np.zeros(450)], 3)
    half = PCA(3).fit(values[:450].astype(np.float64))
    for one, axis in zip(twice, half.components_):
        assert abs(np.dot(one.weights, axis)) == pytest.approx(1, abs=1e-9)


def test_the_number_of_components_follows_from_the_variance():
    generator = np.random.default_rng(2)
    values = generator.normal(size=(2000, 30)) * np.r_[[12, 11, 10], np.full(27, 0.1)]
    assert len(fit_components(values, [str(one) for one in range(30)])) == 3
    even = generator.normal(size=(2000, 30))
    assert len(fit_components(even, [str(one) for one in range(30)])) == 16
    assert len(fit_components(np.ones((5, 4)), list("abcd"))) == 1
    with pytest.raises(ParameterInvalid, match="EMBEDDING_COMPONENTS is 5"):
        fit_components(even[:, :4], list("abcd"), count=5)


def test_projection_does_not_depend_on_the_shape():
    generator = np.random.default_rng(3)
    bands = generator.normal(size=(20, 70, 190)).astype(np.float32)
    bands[:, 5, 7] = np.nan
    components = fit_components(generator.normal(size=(100, 20)), [str(one) for one in range(20)], count=5)
    whole = project(components, bands)
    assert np.isnan(whole[:, 5, 7]).all()
    assert np.isfinite(whole).sum() == 5 * (70 * 190 - 1)
    np.testing.assert_array_equal(whole[:, 11:30, 40:95], project(components, bands[:, 11:30, 40:95]))


def components_of(factors):
    return [getattr(factor, "component", None) for factor in factors]


def test_land_for_test_has_no_part_in_the_components():
    generator = np.random.default_rng(4)
    values = np.c_[generator.normal(size=(300, 2)), generator.normal(size=(300, BANDS))].astype(np.float32)
    subsets = np.where(np.arange(300) < 200, TRAIN, TEST).astype(np.uint8)
    zeros = np.zeros(300, dtype=np.int32)
    cells = CellSet(values, (np.arange(300) % 2).astype(np.uint8), subsets, zeros, np.full((3, 2), 50), zeros)
    settings = settings_of_kind("random_forest", "recommended", {})
    _, one = reduce_cells(cells, FACTORS, settings, NullProgress())
    other = values.copy()
    other[200:, 2:] *= 40
    reduced, two = reduce_cells(dataclasses.replace(cells, values=other), FACTORS, settings, NullProgress())
    assert components_of(one) == components_of(two)
    other[:200, 2:] *= np.r_[40, np.ones(BANDS - 1)]
    _, three = reduce_cells(dataclasses.replace(cells, values=other), FACTORS, settings, NullProgress())
    assert components_of(one) != components_of(three)
    assert [factor.name for factor in two][:3] == ["slope", "rock", "embeddings_1"]
    assert reduced.values.shape == (300, len(two))


def test_a_planted_cause_is_found(trained):
    folder, _, result = trained
    make = folder / "plain"
    make.mkdir()
    for name, source in (("stack.tif", "plain_stack.tif"), ("labels.tif", "labels.tif")):
        (make / name).write_bytes((folder / source).read_bytes())
    without = train(make, physics="none").metrics["auc"]
    assert without < 0.65
    assert result.metrics["auc"] > without + 0.15
    model = load_model(folder / "model.safetensors")
    assert 3 <= sum(spec.component is not None for spec in model.factors) <= 6


def test_the_model_maps_another_stack_and_tiles_do_not_matter(trained, tmp_path):
    folder, _, _ = trained
    other, hidden, _ = land(8)
    write_stack(tmp_path / "other.tif", other, FACTORS, GRID)
    maps = []
    for tile in (256, 32):
        output = tmp_path / f"map_{tile}.tif"
        given = tmp_path / "other.tif", [folder / "model.safetensors"], output
        predict_susceptibility(*given, options=PredictionOptions(tile=tile), progress=NullProgress())
        maps.append(read_band(output))
    np.testing.assert_array_equal(*maps)
    known = np.isfinite(maps[0])
    high = hidden[known] > np.median(hidden[known])
    assert maps[0][known][high].mean() > 1.5 * maps[0][known][~high].mean()


def test_stacks_without_the_bands_are_refused(trained, tmp_path):
    folder, values, _ = trained
    given = [folder / "model.safetensors"], tmp_path / "map.tif"
    more = {"options": PredictionOptions(), "progress": NullProgress()}
    with pytest.raises(FactorMissing, match=r"embeddings of 12 bands, but the factor stack has none.*EMBEDDINGS"):
        predict_susceptibility(folder / "plain_stack.tif", *given, **more)
    write_stack(tmp_path / "fewer.tif", values[:-2], FACTORS[:-2], GRID)
    with pytest.raises(FactorMissing, match="but the factor stack has embeddings of 10 bands"):
        predict_susceptibility(tmp_path / "fewer.tif", *given, **more)


def test_models_with_other_components_are_averaged(trained, tmp_path):
    folder, _, _ = trained
    train(folder, "other.safetensors", physics="none", embedding_components=2)
    paths = [folder / "model.safetensors", folder / "other.safetensors"]
    maps = []
    for number, models in enumerate((paths[:1], paths[1:], paths)):
        output = tmp_path / f"{number}.tif"
        more = {"options": PredictionOptions(), "progress": NullProgress()}
        predict_susceptibility(folder / "stack.tif", models, output, **more)
        maps.append(read_band(output))
    np.testing.assert_allclose(maps[2], (maps[0] + maps[1]) / 2, atol=1e-6)
    assert np.nanmax(np.abs(maps[0] - maps[1])) > 0.01


@pytest.mark.parametrize("kind", ["random_forest", "logistic_regression", "frequency_ratio", "gam", "unet"])
def test_other_kinds_read_components(trained, tmp_path, kind):
    folder, _, _ = trained
    given = {"epochs": 2, "window": 160.0, "block": 300.0} if kind == "unet" else {"block": 300.0}
    rasters = folder / "stack.tif", folder / "labels.tif", tmp_path / "model.safetensors"
    settings = settings_of_kind(kind, "recommended", given)
    result = train_comparison_model(kind, *rasters, settings=settings, progress=NullProgress())
    model = load_model(rasters[2])
    assert [spec.name for spec in model.factors][:3] == ["slope", "rock", "embeddings_1"]
    assert kind == "unet" or result.metrics["auc"] > 0.65
    output = tmp_path / "map.tif"
    more = {"options": PredictionOptions(), "progress": NullProgress()}
    predict_susceptibility(folder / "stack.tif", [rasters[2]], output, **more)
    assert np.isfinite(read_band(output)).mean() > 0.9


def test_a_model_is_fine_tuned_with_its_own_components(trained, tmp_path):
    folder, _, _ = trained
    make_area(tmp_path, seed=11)
    start = folder / "model.safetensors"
    train(tmp_path, "tuned.safetensors", physics="none", start_from=start)
    before, after = (load_model(path).factors for path in (start, tmp_path / "tuned.safetensors"))
    assert [spec.component for spec in before] == [spec.component for spec in after]
    (tmp_path / "stack.tif").write_bytes((tmp_path / "plain_stack.tif").read_bytes())
    with pytest.raises(FactorMissing, match="embeddings of 12 bands"):
        train(tmp_path, "again.safetensors", physics="none", start_from=start)


def test_the_file_keeps_components(trained, tmp_path):
    folder, _, _ = trained
    model = load_model(folder / "model.safetensors")
    save_model(model, tmp_path / "again.safetensors")
    assert load_model(tmp_path / "again.safetensors").factors == model.factors


def small_model():
    """A model of slope and two components, with weights for the second component alone."""
    components = [Component(("e1", "e2"), (0.6, 0.8), 0.5, 0.9), Component(("e1", "e2"), (0.8, -0.6), 0.1, 0.1)]
    factors = component_factors(components)
    specs = [FactorSpec("slope", "continuous", "degrees", mean=20, std=10, minimum=0, maximum=60)]
    specs += fit_factors(factors, [np.array([[-1.0, 1.0], [-2.0, 2.0]])])
    model = prediction_models.model("linear", factors=specs)
    with torch.no_grad():
        model.network.layer.weight.copy_(torch.tensor([0.5, 0.0, 2.0]).reshape(1, 3, 1, 1))
    return model


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [0.6]},
        {"weights": [0.6, "x"]},
        {"share": 2},
        {"bands": ["e1", "e1"]},
        {"bands": []},
        {"offset": None},
        {"more": 1},
    ],
)
def test_wrong_components_are_refused(tmp_path, change):
    model = small_model()
    save_model(model, tmp_path / "m.safetensors")
    one = factor_to_dict(model.factors[1])
    one["component"] = {**one["component"], **change}
    header = read_written(tmp_path / "m.safetensors")
    assert header["format"] == FORMAT
    header["factors"][1] = one
    with pytest.raises(ModelFileInvalid):
        read_header(write_header(header), "m")


def read_written(path):
    import json

    text = path.read_bytes()
    length = int.from_bytes(text[:8], "little")
    return json.loads(json.loads(text[8 : 8 + length])["__metadata__"]["scarp"])


def test_older_formats_have_no_components(tmp_path):
    save_model(small_model(), tmp_path / "m.safetensors")
    header = read_written(tmp_path / "m.safetensors")
    with pytest.raises(ModelFileInvalid, match="lacks fields"):
        read_header(write_header({**header, "format": FORMAT - 1}), "m")


def test_an_embedding_is_explained_as_one_factor(tmp_path):
    generator = np.random.default_rng(6)
    values = generator.normal(size=(3, 40, 50)).astype(np.float32)
    values[0] = 20 + 10 * values[0]
    names = [("slope", ""), ("e1", "embeddings"), ("e2", "embeddings")]
    factors = [StackFactor(name, "continuous", group=group) for name, group in names]
    write_stack(tmp_path / "stack.tif", values, factors)
    with open_stack(tmp_path / "stack.tif") as stack:
        explained = ExplainedModel(stack, small_model(), "m", NullProgress())
        assert explained.names == ["slope", "embeddings"]
        assert explained.titles[1] == "Satellite embeddings"
        raw = explained.read(Block(0, 0, 40, 50))
    np.testing.assert_allclose(raw[2], 0.8 * values[1] - 0.6 * values[2] - 0.1, atol=1e-5)
    flat = raw.reshape(3, -1)
    cells = Cells(flat, np.zeros(2000, np.uint8), np.ones(2000), np.zeros(2000, np.int32))
    baselines = BaselineInputs(explained, cells, 4, 1)
    parts, total = shapley_contributions(explained, raw, baselines, NullProgress())
    assert parts.shape == (2, 40, 50)
    np.testing.assert_allclose(parts.sum(axis=0), total, atol=1e-4)
    # The logit is additive here, so the part of the group is that of its components.
    spec = explained.model.factors[2]
    expected = 2.0 * (raw[2] - spec.mean) / spec.std
    np.testing.assert_allclose(parts[1] - parts[1].mean(), expected - expected.mean(), atol=1e-3)


def test_a_reduction_keeps_the_other_factors():
    values = np.arange(28, dtype=np.float32).reshape(14, 2)
    components = fit_components(values[2:].T, [factor.name for factor in FACTORS[2:]], count=1)
    reduction = Reduction(FACTORS, components)
    np.testing.assert_array_equal(reduction.apply(values)[:2], values[:2])
    np.testing.assert_array_equal(reduction.apply(values.T, 1), reduction.apply(values).T)
