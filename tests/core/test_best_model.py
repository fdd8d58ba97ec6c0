"""The best of several kinds of model: same folds, paired differences, and the simplest that cannot be told apart."""

from __future__ import annotations

import csv
import dataclasses
import html

import numpy as np
import pytest
import rasterio

from scarp.model.artifact import load_model
from scarp.model.classical import boosting, sklearn_models
from scarp.model.comparison import kinds
from scarp.model.comparison.kinds import KINDS_TRIED, choose_kind
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.train_best_model import train_best_model
from scarp.model.outputs.run_record import read_record
from scarp.model.provenance.records import choice_tags, read_choice, trained_on_all_land
from scarp.model.training import pointwise_fit
from scarp.model.training.settings import PCUM, REGRESSION, settings_of_kind
from scarp.model.validation.unseen_land import AreaGrid, ScoredCells, differences, evaluate
from scarp.tests.core.conftest import Listener, read_band, utm_grid, validate_with_points
from scarp.tests.core.prediction_models import predict
from scarp.tests.core.test_cross_fitted import area

GRID = utm_grid(100, 100, 10.0)
PLACES = np.arange(100 * 100)
FOLD_OF = (PLACES // 100 // 20) % 5
AREAS = [AreaGrid(GRID, 0.0)]


def scored(noise: float, seed: int = 1) -> ScoredCells:
    """Landslides all over an area, scored by what made them and as much noise."""
    generator = np.random.default_rng(7)
    signal = generator.normal(size=len(PLACES))
    labels = (generator.random(len(PLACES)) < 0.08 / (1 + np.exp(-2 * signal))).astype(np.uint8)
    scores = signal + noise * np.random.default_rng(seed).normal(size=len(PLACES))
    return ScoredCells(scores, labels, PLACES, np.ones(len(PLACES)), None)


def choice(**noise: float) -> kinds.KindChoice:
    tests = {kind: scored(value, number) for number, (kind, value) in enumerate(noise.items())}
    metrics = {kind: evaluate(one, one, AREAS, 1) for kind, one in tests.items()}
    return choose_kind(tests, metrics, dict.fromkeys(tests, 1.0), FOLD_OF, AREAS, 1)


def test_the_simplest_of_those_that_cannot_be_told_apart_is_kept():
    found = choice(random_forest=0.0, pcum=0.05, gam=0.05, logistic_regression=3.0)
    assert [one.kind for one in found.results] == ["logistic_regression", "gam", "pcum", "random_forest"]
    assert found.best in ("random_forest", "pcum", "gam") and found.chosen == "gam"
    regression = found.results[0]
    assert regression.told_apart and regression.behind.low > 0.05 and not found.results[1].told_apart
    assert ("cannot be told apart" in found.text) and "additive model (GAM)" in found.text
    assert [row["kind"] for row in found.rows() if row["chosen"]] == ["gam"]


def test_a_kind_that_is_better_beyond_chance_is_kept():
    found = choice(logistic_regression=3.0, gam=3.0, gradient_boosting=0.0)
    assert found.best == found.chosen == "gradient_boosting"
    assert "better than the others beyond chance" in found.text
    assert found.optimism == 0.0, "every fold chooses the same"


def test_of_equals_the_simplest_is_kept_and_the_optimism_is_told():
    found = choice(logistic_regression=1.0, gam=1.0, pcum=1.0, random_forest=1.0, gradient_boosting=1.0)
    assert found.chosen == REGRESSION
    assert found.optimism is not None and 0 <= found.optimism < 0.05
    assert "lower by 0.012." in dataclasses.replace(found, optimism=0.012).note
    assert "the same mean AUC." in dataclasses.replace(found, optimism=0.0).note


def test_differences_are_paired():
    """The same noise in both scores cancels: the interval is far narrower than those of the AUCs."""
    one = scored(1.0)
    other = dataclasses.replace(one, scores=one.scores + 0.05 * np.random.default_rng(3).normal(size=len(PLACES)))
    gains, blocks = differences([one, other], 0, AREAS, 1)
    whole = evaluate(one, one, AREAS, 1)
    assert gains[0].value == gains[0].low == gains[0].high == 0 and blocks >= 15
    width = gains[1].high - gains[1].low
    assert 0 < width < 0.3 * (whole["auc_high"] - whole["auc_low"])
    # Cells without landslides give no difference.
    none = dataclasses.replace(one, labels=np.zeros_like(one.labels))
    assert differences([none, none], 0, AREAS, 1) == ([], 0)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An area, all kinds trained on it, and what the log said."""
    folder, listener = tmp_path_factory.mktemp("study"), Listener()
    area(folder, 80)
    with pytest.MonkeyPatch.context() as patch:
        # Short trainings.
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))
        patch.setattr(sklearn_models, "TREES", 20)
        patch.setattr(sklearn_models, "LEAF_SIZES", (20, 80))
        patch.setattr(boosting, "LEAVES", (4,))
        patch.setattr(boosting, "LEAF_SIZES", (20,))
        files = {"output_html": folder / "first.html", "output_table": folder / "first.csv"}
        result = train_best_model(
            folder / "stack.tif",
            folder / "labels.tif",
            folder / "first.safetensors",
            settings=settings_of_kind(PCUM, "recommended", {"block": 200.0}),
            output_out_of_fold=folder / "first.tif",
            **files,
            progress=listener,
        )
    return folder, result, listener


def test_all_kinds_are_tried_and_one_is_an_ordinary_model(study):
    folder, result, listener = study
    model, record = load_model(result.model), read_record(result.model)
    rows = record["kinds"]
    assert [row["kind"] for row in rows] == list(KINDS_TRIED) and record["algorithm"] == "scarp:trainbestmodel"
    (kept,) = [row for row in rows if row["chosen"]]
    assert kept["kind"] == model.kind == result.kind and model.training["kinds"] == rows
    assert result.metrics["auc"] == pytest.approx(kept["auc"]) and kept["auc_low"] < kept["auc"] < kept["auc_high"]
    assert kept["auc"] > 0.7 and record["chosen"].startswith("Chosen among logistic regression")
    assert any(text.startswith("Chosen among") for text in listener.texts)
    with (folder / "first.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["kind"] for row in table] == list(KINDS_TRIED)
    page = (folder / "first.html").read_text(encoding="utf-8")
    assert "Kinds side by side" in page and "(chosen)" in page and "slightly too good" in page


def test_its_map_and_out_of_fold_map_are_made_by_different_models(study):
    folder, result, _ = study
    predict(folder / "stack.tif", [result.model], folder / "map.tif")
    made, held_out = read_band(folder / "map.tif"), read_band(folder / "first.tif")
    with rasterio.open(folder / "map.tif") as dataset:
        assert trained_on_all_land(dataset.tags()), "the map is a fit, as its validation must say"
    both = np.isfinite(made) & np.isfinite(held_out)
    assert both.sum() > 10_000 and np.corrcoef(made[both], held_out[both])[0, 1] > 0.5
    assert (made[both] != held_out[both]).mean() > 0.5


def test_validation_of_its_map_says_among_which_kinds_it_was_chosen(study, tmp_path):
    folder, result, _ = study
    predict(folder / "stack.tif", [result.model], tmp_path / "map.tif")
    chosen = read_record(result.model)["chosen"]
    cells = np.argwhere(read_band(folder / "labels.tif") == 1)[::7]
    with rasterio.open(tmp_path / "map.tif") as dataset:
        xy = np.array([dataset.xy(row, column) for row, column in cells])
        assert read_choice(dataset.tags()) == chosen
    listener, files = Listener(), (tmp_path / "v.html", tmp_path / "v.csv")
    relief = tmp_path / "relief.tif"
    found = validate_with_points(
        tmp_path / "map.tif", Points("slides", xy=xy), *files, progress=listener, sheet_relief=relief, repeats=10
    )
    assert chosen in listener.texts and chosen in found.sheet.notes
    assert html.escape(chosen, quote=False) in files[0].read_text(encoding="utf-8")


def test_a_map_of_one_kind_names_no_choice(tmp_path):
    assert choice_tags([{}, {"chosen": ""}]) == {} and read_choice({}) == ""
    two = choice_tags([{"chosen": "Chosen among\nA and B."}, {"chosen": "Chosen among A and B."}, {"chosen": "Other."}])
    assert read_choice(two) == "Chosen among A and B. Other."
