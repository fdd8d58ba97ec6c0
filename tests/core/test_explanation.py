"""Explanation: a model whose truth is known is explained as it is, whatever the tiles, and the same every time."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import torch
from scipy.stats import spearmanr
from sklearn.metrics import log_loss, roc_auc_score

from scarp.model.artifact import TrainedModel, save_model
from scarp.model.calibration import Calibration
from scarp.model.encoding import FactorSpec
from scarp.model.errors import Cancelled
from scarp.model.explanation import importance, response, sample
from scarp.model.explanation.dominant_factor import (
    BaselineInputs,
    factor_colour,
    shapley_contributions,
    write_dominant_factor,
)
from scarp.model.explanation.explained_model import ExplainedModel, ScoreHistogram
from scarp.model.explanation.response import Expectation, assess_curve, expectation_of, response_curve
from scarp.model.explanation.sample import LabelledArea, count_labels, sample_blocks
from scarp.model.explanation.settings import ExplanationInputs, ExplanationOptions
from scarp.model.factors.polygons import AreaMask
from scarp.model.inputs.vectors import Polygons
from scarp.model.jobs.explain_susceptibility import explain_susceptibility
from scarp.model.networks import build_network
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.tests.core import prediction_models
from scarp.tests.core.conftest import Listener, cell_box, read_band, read_csv, utm_grid, write_raster, write_stack

ROCKS = {1: "granite", 2: "schist", 3: "till"}
FACTORS = [
    StackFactor("slope", "continuous", "degrees", "Slope gradient"),
    StackFactor("lithology", "categorical", "", "Lithology", ROCKS),
    StackFactor("temperature", "continuous", "°C", "Temperature"),
]
SPECS = [
    FactorSpec("slope", "continuous", "degrees", mean=25, std=10, minimum=0, maximum=55),
    FactorSpec("lithology", "categorical", classes=ROCKS, mean=2, std=0.8, minimum=1, maximum=3, seen=(1, 2, 3)),
    FactorSpec("temperature", "continuous", "°C", mean=5, std=3, minimum=-5, maximum=15),
]
WEIGHTS, BIAS = [1.6, 0.0, 0.3, 0.0, -0.4], -1.0
"""Of slope, temperature (which is not used) and the three rocks."""
CELL, TILE_SIDE = 30.0, 20


def logistic(weights=WEIGHTS) -> TrainedModel:
    model = prediction_models.model("linear", factors=SPECS)
    with torch.no_grad():
        model.network.layer.weight.copy_(torch.tensor(weights).reshape(1, 5, 1, 1))
        model.network.layer.bias.fill_(BIAS)
    return model


def unet() -> TrainedModel:
    # With this seed no probability is rounded to 0 or 1, which have no logit.
    return prediction_models.model("pcum", factors=SPECS, seed=4)


def stump() -> TrainedModel:
    """One tree that asks for the slope alone: it has no gradient anywhere."""
    architecture = {"type": "forest", "channels": 5, "trees": 1, "nodes": 3, "depth": 1}
    network = build_network(architecture)
    with torch.no_grad():
        network.left.copy_(torch.tensor([1, 1, 2]))
        network.right.copy_(torch.tensor([2, 1, 2]))
        network.share.copy_(torch.tensor([0.5, 0.1, 0.8]))
    return replace(logistic(), architecture=architecture, network=network)


def boosted() -> TrainedModel:
    """The same as a tree that adds to the logit."""
    tree = stump()
    architecture = {**tree.architecture, "type": "boosted_trees"}
    network = build_network(architecture)
    state = {**tree.network.state_dict(), "value": torch.tensor([0.0, -2.0, 1.5]), "constant": torch.zeros(1)}
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return replace(tree, architecture=architecture, network=network)


def curve() -> TrainedModel:
    """A spline of the slope alone, calibrated to small probabilities."""
    architecture = {"type": "splines", "channels": 5, "continuous": 2, "knots": 3}
    network = build_network(architecture)
    with torch.no_grad():
        network.knots.copy_(torch.tensor([[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
        network.pieces[0].copy_(torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.0, 1.0], [-1.0, -0.5]]))
    calibration = Calibration(0.8, -3.0, 0.05)
    return replace(logistic(), architecture=architecture, network=network, calibration=calibration)


def patches() -> TrainedModel:
    return prediction_models.model("bpnn", factors=SPECS, patch=10)


def of_parts() -> TrainedModel:
    """PCUM of curves, a network of single cells, a U-Net and trees."""
    return prediction_models.model("parts", factors=SPECS, seed=4)


def land(height: int = 120, width: int = 160, seed: int = 1, ragged: bool = False) -> np.ndarray:
    """Smooth slopes, rocks in patches, and a temperature that has nothing to do with either."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((3, height // 8 + 2, width // 8 + 2))
    fine = np.kron(coarse, np.ones((1, 8, 8)))[:, :height, :width]
    raw = np.stack([50 * fine[0] + 5 * rng.random((height, width)), 1 + np.floor(2.999 * fine[1]), 20 * fine[2] - 5])
    if ragged:
        raw[:, rng.random((height, width)) < 0.01] = np.nan
        raw[:, :30, :25] = np.nan
    return raw.astype(np.float32)


def write_labels(path, labels: np.ndarray, left: float = 5e5) -> str:
    return write_raster(path, labels, utm_grid(*labels.shape, left=left), nodata=255)


def true_labels(raw: np.ndarray, model: TrainedModel, seed: int = 2) -> np.ndarray:
    probability = model.probability(raw)
    drawn = np.random.default_rng(seed).random(probability.shape) < probability
    return np.where(np.isfinite(probability), drawn, 255).astype(np.uint8)


@pytest.fixture
def case(tmp_path):
    """Paths of a stack, a model and labels that the model itself drew."""
    raw, model = land(), logistic()
    save_model(model, tmp_path / "m.safetensors")
    labels = write_labels(tmp_path / "l.tif", true_labels(raw, model))
    stack = write_stack(tmp_path / "s.tif", raw, FACTORS)
    return {"stack": stack, "model": str(tmp_path / "m.safetensors"), "labels": labels}


def explain(case: dict, folder, leading: bool = True, progress=None, **options):
    folder.mkdir(exist_ok=True)
    options = {"block": TILE_SIDE * CELL, "blocks": 60, "repeats": 4, "references": 4, "device": "cpu", **options}
    outputs = {"output_html": folder / "r.html", "output_table": folder / "t.csv"}
    if leading:
        outputs["output_leading"] = folder / "lead.tif"
    inputs = ExplanationInputs(**case)
    return explain_susceptibility(inputs, ExplanationOptions(**options), **outputs, progress=progress or NullProgress())


def rows_of(folder, part: str) -> list[dict]:
    return [row for row in read_csv(folder / "t.csv") if row["part"] == part]


@pytest.fixture
def sampled(tmp_path):
    """A function that returns explained model, tiles and cells of a small area; the stack stays open for the test."""
    with contextlib.ExitStack() as closing:

        def read(model: TrainedModel, raw: np.ndarray | None = None):
            raw = land() if raw is None else raw
            stack = closing.enter_context(open_stack(write_stack(tmp_path / "sampled.tif", raw, FACTORS)))
            explained = ExplainedModel(stack, model, "m", NullProgress())
            with rasterio.open(write_labels(tmp_path / "labels.tif", true_labels(raw, logistic()))) as labels:
                side = sample.block_side_cells(stack.grid, TILE_SIDE * CELL, model.align)
                area = LabelledArea(explained, stack.grid, labels, AreaMask(stack.grid, None))
                chosen = sample_blocks(count_labels(area, side, NullProgress()), 60, 1)
                tiles = sample.read_tiles(area, chosen, 1, NullProgress())
                return explained, tiles, sample.read_cells(area, chosen, 1, NullProgress())

        yield read


def test_the_strong_factor_is_first_and_the_unused_one_is_worth_nothing(case, tmp_path):
    summary = explain(case, tmp_path)
    assert [name for name, _ in summary.ranking] == ["slope", "lithology", "temperature"]
    found = {(row["factor"], row["measure"]): row for row in rows_of(tmp_path, "importance")}
    for measure in ("auc_fall", "log_loss_rise"):
        unused = {name: float(found["temperature", measure][name]) for name in ("low", "value", "high")}
        assert unused["low"] <= 0 <= unused["high"] and abs(unused["value"]) < 1e-9
    slope = found["slope", "auc_fall"]
    assert 0.1 < float(slope["low"]) < float(slope["value"]) < float(slope["high"])
    assert summary.verdicts == {"slope": "as expected"}
    assert summary.dominant_shares["slope"] > 0.8 and summary.dominant_shares["temperature"] == 0
    assert 0.7 < summary.auc < 0.95 and summary.blocks == 48


@pytest.mark.parametrize("make", [unet, stump, boosted, curve, patches, of_parts])
def test_any_kind_of_model_can_be_explained(case, tmp_path, make):
    save_model(make(), tmp_path / "k.safetensors")
    summary = explain({**case, "model": str(tmp_path / "k.safetensors")}, tmp_path, blocks=20)
    assert sum(summary.dominant_shares.values()) == pytest.approx(1)
    if make in (stump, boosted, curve):
        assert summary.dominant_shares["slope"] == pytest.approx(1)
        assert dict(summary.ranking)["lithology"] == 0


def test_skill_is_that_of_scikit_learn():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 900).astype(np.uint8)
    labels[::50] = 255
    scores = np.round(rng.random(900) * 0.6 + 0.3 * (labels == 1), 2)
    block, weights = rng.integers(0, 6, 900), np.array([1.0, 2, 3, 0, 1, 5])
    counted = ScoreHistogram(6)
    for number in range(6):
        counted.add(number, scores[block == number], labels[block == number])
    known = labels != 255
    arguments, weight = (labels[known], scores[known]), weights[block][known]
    assert counted.auc(weights[None])[0] == pytest.approx(roc_auc_score(*arguments, sample_weight=weight), abs=1e-5)
    assert counted.mean_loss(weights[None])[0] == pytest.approx(log_loss(*arguments, sample_weight=weight), rel=1e-6)
    assert np.isnan(counted.auc(np.zeros((1, 6)))[0])


def test_the_response_is_the_logistic_function(sampled):
    """A model of one factor responds to it by a closed form, whatever the others are."""

    def logistic_function(slope):
        return 1 / (1 + np.exp(-(1.6 * (slope - 25) / 10 + BIAS)))

    explained, tiles, cells = sampled(logistic([1.6, 0, 0, 0, 0]))
    curve = response_curve(explained, tiles, cells, 0, 1, NullProgress())
    np.testing.assert_allclose(curve.mean, logistic_function(curve.values), atol=1e-5)
    np.testing.assert_allclose(curve.low, curve.high, atol=1e-6)
    assert (np.abs(curve.spread - curve.mean) < 2e-3).all()
    assert (np.diff(curve.mean) > 0).all()
    assert np.ptp(response_curve(explained, tiles, cells, 2, 1, NullProgress()).mean) < 1e-6
    assessment = assess_curve(curve, expectation_of("slope"), tiles.weights, 1)
    assert assessment.verdict == "as expected"
    assert assessment.change.value == pytest.approx(logistic_function(35) - logistic_function(5), abs=0.02)


def test_observed_shares_are_counted(sampled):
    explained, tiles, cells = sampled(logistic())
    curve = response_curve(explained, tiles, cells, 1, 1, NullProgress())
    assert curve.labels == ["granite", "schist", "till"]
    observed = curve.observed
    for index, code in enumerate(curve.values):
        mine = cells.values[1] == code
        assert observed.share[index] == pytest.approx((cells.labels[mine] == 1).mean())
        assert observed.area[index] == pytest.approx(mine.mean())
    assert ((observed.low <= observed.share) & (observed.share <= observed.high)).all()


@pytest.mark.parametrize("make", [logistic, unet, stump])
def test_contributions_sum_to_the_logit(sampled, make):
    """Complete in every cell, for a line, a network with a field of view and a tree, with any number of baselines."""
    model = make()
    explained, tiles, cells = sampled(model)
    for count in (1, 3):
        baselines, raw = BaselineInputs(explained, cells, count, 1), tiles.raw(5)
        found, total = shapley_contributions(explained, raw, baselines, NullProgress())
        np.testing.assert_allclose(found.sum(axis=0), total, atol=2e-4)
        probability = model.probability(raw)
        logit = np.log(probability / (1 - probability))
        even = [torch.from_numpy(one[:, None, None] * np.isfinite(logit)) for one in baselines.images]
        base = [model.network(one[None])[0].detach().numpy() for one in even]
        np.testing.assert_allclose(total, logit - np.mean([one[1] - one[0] for one in base], axis=0), atol=2e-3)


def test_contributions_of_a_line_are_its_terms(sampled):
    explained, tiles, cells = sampled(logistic())
    baselines, raw = BaselineInputs(explained, cells, 6, 1), tiles.raw(3)
    found, _ = shapley_contributions(explained, raw, baselines, NullProgress())
    slopes = response.weighted_quantile(cells.values[0], cells.weights, [(n + 0.5) / 6 for n in range(6)])
    np.testing.assert_allclose(found[0], 1.6 * (raw[0] - slopes.mean()) / 10, atol=1e-4)
    assert np.abs(found[2]).max() < 1e-5, "a factor that is not used adds nothing"


def test_the_dominant_factor_does_not_depend_on_the_tiles(tmp_path, sampled):
    raw = land(150, 170, seed=5, ragged=True)
    explained, _, cells = sampled(unet(), raw)
    grid, baselines, found = utm_grid(150, 170), BaselineInputs(explained, cells, 2, 1), []
    area = LabelledArea(explained, grid, None, AreaMask(grid, None))
    titles = {str(number): factor.title for number, factor in enumerate(FACTORS, 1)}
    for side in (32, 64, 256):
        output = tmp_path / f"{side}.tif"
        write_dominant_factor(area, baselines, output, NullProgress(), side)
        found.append(read_band(output))
        with rasterio.open(output) as dataset:
            assert (dataset.nodata, dataset.colormap(1)[1][3]) == (0, 255)
            assert json.loads(dataset.tags(1)["classes"]) == titles
    assert ((found[0] > 0) == np.isfinite(raw).all(axis=0)).all()
    assert len(np.unique(found[0])) == 4
    for other in found[1:]:
        assert (other != found[0]).mean() < 2e-4, "but for rounding where two factors tie"


def test_permuting_blocks_keeps_values_and_texture():
    values = np.random.default_rng(1).random((9, 3, 12, 12)).astype(np.float32)
    cells = np.zeros((9, 8, 8), np.uint8)
    tiles = sample.Tiles(8, 2, values, np.ones((9, 12, 12), bool), cells, cells == 0, np.ones(9), [])
    for order in (np.random.default_rng(seed).permutation(9) for seed in range(5)):
        permuted = np.stack([tiles.permuted((1,), order)(tile) for tile in range(9)])
        np.testing.assert_array_equal(permuted[:, [0, 2]], values[:, [0, 2]])
        np.testing.assert_array_equal(permuted[:, 1], values[order, 1])


def test_gaps_of_another_place_are_filled_and_own_gaps_stay(sampled):
    raw = land(ragged=True)
    _, tiles, _ = sampled(unet(), raw)
    assert np.isfinite(tiles.values).all() and not tiles.valid.all()
    permuted = tiles.permuted((0,), np.roll(np.arange(len(tiles)), -1))
    for tile in range(len(tiles)):
        found = permuted(tile)
        assert (np.isfinite(found).all(axis=0) == tiles.valid[tile]).all()
        assert np.isin(found[0, tiles.valid[tile]], raw[0]).all()


def test_a_sample_of_blocks_stands_for_all():
    rng = np.random.default_rng(2)
    slides = rng.integers(0, 5, (40, 50)) * (rng.random((40, 50)) < 0.05)
    counts = sample.LabelBlocks(10, slides, np.full((40, 50), 100))
    many, few = sample_blocks(counts, 200, 1), sample_blocks(counts, 60, 1)
    assert (len(many.blocks), len(few.blocks), few.total_blocks) == (200, 60, 2000)
    assert set(few.blocks) <= set(many.blocks), "a smaller sample is part of a larger one"
    for chosen in (many, few):
        with_slides = np.array([slides[block.row // 10, block.column // 10] > 0 for block in chosen.blocks])
        assert chosen.weights[with_slides].sum() == pytest.approx((slides > 0).sum())
        assert chosen.weights.sum() == pytest.approx(2000)
    everything = sample_blocks(counts, 5000, 1)
    assert len(everything.blocks) == 2000 and (everything.weights == 1).all()


@pytest.mark.parametrize("make", [logistic, unet])
def test_tiles_are_predicted_as_the_whole_map(sampled, make, monkeypatch):
    """Several tiles at once, and single cells of a block, are predicted as in one piece of land."""
    raw, model = land(ragged=True), make()
    monkeypatch.setattr("scarp.model.explanation.sample.MAX_CELLWISE_SIDE", 9)
    explained, tiles, _ = sampled(model, raw)
    margin = 64
    around = np.pad(raw, [(0, 0), (margin, margin), (margin, margin)], constant_values=np.nan)
    whole = model.probability(around)[margin:-margin, margin:-margin]
    assert tiles.side == (9 if model.halo == 0 else 20)
    assert len(list(tiles.batches())) < len(tiles)
    for tile, found in tiles.iterate_predictions(explained, tiles.raw, NullProgress()):
        block = tiles.blocks[tile]
        here = whole[block.row : block.row + 20, block.column : block.column + 20]
        known = np.isfinite(found)
        assert (known == tiles.inside[tile]).all()
        if model.halo:
            np.testing.assert_allclose(found, here, atol=1e-5)
        else:
            assert (np.abs(found[known][:, None] - here[np.isfinite(here)][None]).min(axis=1) < 1e-5).all()


def test_the_same_seed_gives_the_same_bytes(case, tmp_path):
    for name in ("a", "b", "c"):
        explain(case, tmp_path / name, seed=7 if name == "c" else 1, blocks=30)
    for file in ("r.html", "t.csv", "t.json", "lead.tif", "lead.tif.aux.xml"):
        first, second, other = ((tmp_path / name / file).read_bytes() for name in ("a", "b", "c"))
        assert first == second
        assert file.startswith("lead") or first != other
    record = json.loads((tmp_path / "a" / "r.html.run.json").read_text(encoding="utf-8"))
    assert record["parameters"]["SEED"] == 1 and record["metrics"]["leading"]["slope"] > 0.5
    page = (tmp_path / "a" / "r.html").read_text(encoding="utf-8")
    assert not [text for text in ("Read this first", "as expected", "Slope gradient") if text not in page]


def test_classes_are_matched_by_label(case, tmp_path):
    """The same land with other codes for its rocks is explained alike."""
    raw = land()
    codes = {1: "till", 2: "granite", 3: "schist"}
    raw[1] = np.array([0, 2, 3, 1], dtype=np.float32)[raw[1].astype(int)]
    factors = [FACTORS[0], StackFactor("lithology", "categorical", "", "Lithology", codes), FACTORS[2]]
    other = {**case, "stack": write_stack(tmp_path / "other.tif", raw, factors)}
    first, second = explain(case, tmp_path, False), explain(other, tmp_path / "other", False)
    assert first.ranking == second.ranking
    assert rows_of(tmp_path, "response") == rows_of(tmp_path / "other", "response")


def test_only_the_area_is_explained(case, tmp_path):
    area = Polygons("half", "", {}, [cell_box(utm_grid(120, 160), 0, 0, 120, 80)])
    assert explain({**case, "area": area}, tmp_path).blocks == 24
    found = read_band(tmp_path / "lead.tif")
    assert (found[:, :80] > 0).all() and not found[:, 80:].any()


def test_factor_associations_and_their_groups():
    rng = np.random.default_rng(3)
    first = rng.normal(size=4000)
    second, third = first**3 + 0.1 * rng.normal(size=4000), rng.normal(size=4000)
    rock = np.digitize(third, [-0.5, 0.5]) + 1.0
    specs = [*(FactorSpec(name, "continuous") for name in "abc"), FactorSpec("d", "categorical")]
    cells = sample.Cells(np.stack([first, second, third, rock]), np.zeros(4000), np.ones(4000), np.zeros(4000, int))
    explained = SimpleNamespace(model=SimpleNamespace(factors=specs), of_row=np.arange(len(specs)))
    found = importance.factor_associations(explained, cells)
    assert {(one.first, one.second) for one in found} == {(0, 1), (2, 3)}
    spearman = next(one for one in found if one.measure == "Spearman")
    assert spearman.value == pytest.approx(spearmanr(first, second).statistic)
    assert importance.correlated_groups(found, 4) == [(0, 1), (2, 3)]
    linked = [importance.FactorAssociation(*pair, 0.9, "") for pair in ((0, 1), (1, 3))]
    assert importance.correlated_groups(linked, 4) == [(0, 1, 3)]
    assert importance.correlated_groups(linked[:1], 2) == [], "all factors at once would say nothing new"


ORDINALS = {"VII": 7, "zone VIII": 8, "0.15 g": 0.15, "0,2 g": 0.2, "intensity 9": 9, "IX": 9, "granite": np.nan}


def test_classes_with_numbers_have_an_order():
    assert {label: response.ordinal(label) for label in ORDINALS} == pytest.approx(ORDINALS, nan_ok=True)


@pytest.mark.parametrize(
    ("means", "verdict", "non_monotonic"),
    [
        ([0.2, 0.3, 0.4, 0.6], "as expected", False),
        ([0.6, 0.5, 0.3, 0.2], "against expectation", False),
        ([0.300, 0.301, 0.299, 0.305], "flat", False),
        ([0.2, 0.9, 0.1, 0.3], "as expected", True),
    ],
)
def test_curve_assessment(means, verdict, non_monotonic):
    mean, none = np.array(means), np.full(3, np.nan)
    blocks = 100 * np.clip(mean + np.random.default_rng(0).normal(0, 0.01, (40, 1)), 0, 1)
    nothing = response.ObservedShares(np.linspace(0, 30, 4), none, none, none, np.ones(3), np.zeros(3, int))
    values, none_drawn = np.array([0.0, 10, 20, 30]), np.zeros((2, 4))
    curve = response.ResponseCurve(0, values, [], mean, mean, mean, none_drawn, blocks, np.full(40, 100.0), nothing)

    def assess(*expectation):
        return assess_curve(curve, Expectation(*expectation), np.ones(40), 1)

    found = assess("rises", "")
    assert (found.verdict, found.non_monotonic) == (verdict, non_monotonic)
    assert found.change.value == pytest.approx(means[-1] - means[0], abs=1e-6)
    opposite = {"as expected": "against expectation", "against expectation": "as expected"}
    assert assess("falls", "").verdict == opposite.get(verdict, verdict)
    assert assess("rises", "", 25, 95).verdict == "not judged"


def test_known_names():
    assert expectation_of("slope").low == 5 and expectation_of("landcover") is None
    assert {expectation_of(name).direction for name in ("river_distance", "distance_to_roads")} == {"falls"}


def test_cancel_leaves_nothing(case, tmp_path):
    """Wherever it comes, also after the raster is complete and before the report is."""
    listener = Listener()
    explain(case, tmp_path / "whole", progress=listener)
    for after in (0, listener.questions // 3, 2 * listener.questions // 3, listener.questions - 1):
        with pytest.raises(Cancelled):
            explain(case, tmp_path / "out", progress=Listener(cancel_after=after))
        assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("wanted", "cells"), [(9, 53), (60, 17), (10_000, 5)])
def test_an_automatic_block_is_as_large_as_enough_blocks_allow(case, tmp_path, monkeypatch, wanted, cells):
    monkeypatch.setattr(sample, "WANTED_BLOCKS", wanted)
    progress = Listener()
    summary = explain(case, tmp_path, leading=False, progress=progress, block=None, repeats=2, references=1)
    assert progress.fractions == sorted(progress.fractions)
    (text,) = [text for text in progress.texts if "BLOCK is automatic" in text]
    blocks = -(-120 // cells) * -(-160 // cells)
    assert f" {30 * cells} m; {blocks} blocks have labels" in text and 8 <= summary.blocks <= min(blocks, 60)


def test_each_of_many_factors_has_a_colour_of_its_own():
    colours = [factor_colour(factor) for factor in range(40)]
    assert len(set(colours)) == len(colours)
