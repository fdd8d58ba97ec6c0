"""The verdict: each rule alone, tags there and back, and a model that has learned nothing through all steps."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
import rasterio

from scarp.model.artifact import save_model
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.statistics import SusceptibilityHistogram, bin_index, log_odds_spread
from scarp.model.validation import verdict
from scarp.model.validation.verdict import DO_NOT_USE, USABLE, WEAK, Evidence, judge
from scarp.tests.core import conftest, prediction_models
from scarp.tests.core.conftest import Listener, read_band

GOOD = Evidence(
    auc=0.8,
    auc_low=0.75,
    auc_high=0.85,
    blocks=40,
    auc_slope=0.7,
    auc_train=0.88,
    best_epoch=20,
    epochs=30,
    low_value=0.05,
    high_value=0.9,
    noise=0.2,
    breaks=(0.1, 0.3, 0.6, 0.8),
)
RULES = [  # what differs from good evidence, the verdict, and words of its reason
    ({}, USABLE, ""),
    ({"auc_low": 0.49}, DO_NOT_USE, "not shown to be better than chance"),
    ({"auc": 0.5, "auc_low": None}, DO_NOT_USE, "not shown to be better than chance"),
    ({"auc": 0.62, "auc_low": 0.6, "auc_high": 0.65}, DO_NOT_USE, "slope alone is better, with 0.700"),
    ({"auc_low": 0.7}, WEAK, "not shown to be better than slope alone"),
    ({"blocks": 14}, WEAK, "Only 14 independent blocks"),
    ({"blocks": 6, "auc_low": 0.43}, WEAK, "not shown to be better than chance"),
    ({"blocks": 15, "auc_low": 0.43}, DO_NOT_USE, "not shown to be better than chance"),
    ({"blocks": 6, "auc": 0.59, "auc_slope": None}, DO_NOT_USE, "not shown to be better than chance"),
    ({"blocks": 4, "auc": 0.59, "auc_low": None, "auc_slope": None}, DO_NOT_USE, "better than chance"),
    ({"blocks": None}, WEAK, "blocks of land behind the AUC is unknown"),
    ({"auc": None}, WEAK, "No AUC on land not seen"),
    ({"auc_high": None}, WEAK, "interval is unknown"),
    ({"best_epoch": 2}, WEAK, "The best epoch was 2 of 30"),
    ({"auc_train": 0.96}, WEAK, "falls from 0.960 on training land to 0.800"),
    ({"low_value": 0.496, "high_value": 0.504}, DO_NOT_USE, "between 0.496 and 0.504"),
    (
        {"breaks": (0.1, 0.101, 0.6)},
        DO_NOT_USE,
        "0.1 and 0.101 are closer together than the difference of its ensemble",
    ),
    ({"breaks": (0.499, 0.5, 0.9), "noise": None}, DO_NOT_USE, "than the rounding of a map"),
    # A probability of one in a thousand is a matter of odds, not of differences; equal breaks leave a zone empty.
    ({"low_value": 0.0002, "high_value": 0.02, "breaks": (0.0005, 0.001, 0.002, 0.002)}, USABLE, ""),
    (dict.fromkeys(["auc_slope", "auc_train", "best_epoch", "low_value", "noise"]), USABLE, ""),
]


@pytest.mark.parametrize(("change", "level", "words"), RULES)
def test_each_rule_alone(change, level, words):
    found = judge(dataclasses.replace(GOOD, **change))
    assert found.level == level and words in found.text
    assert found.text.startswith(f"Verdict: {level}.") and all(one.endswith(".") for one in found.reasons)
    assert bool(found.reasons) == (level != USABLE) and bool(found.suffix) == (level == DO_NOT_USE)


def test_nothing_known_is_not_usable():
    assert judge(Evidence()).level == WEAK


def test_the_span_goes_with_the_auc_that_the_rule_states():
    """Normal log odds, means apart by d = variance: an odds ratio of MIN_SPAN from the 5th to the 95th percentile."""
    from scipy.stats import norm

    distance = math.log(verdict.MIN_SPAN) / (norm.ppf(0.95) - norm.ppf(0.05))
    assert norm.cdf(distance / math.sqrt(2)) == pytest.approx(0.535, abs=0.001)


def test_tags_there_and_back_and_strange_ones():
    for evidence in (GOOD, Evidence(), dataclasses.replace(GOOD, auc_low=0.4)):
        tags = evidence.tags()
        assert Evidence.from_tags(tags) == evidence and verdict.verdict_of_tags(tags) == judge(evidence)
    for text in ("", "[]", "{", '{"auc": "high", "blocks": 1e300, "breaks": 3, "noise": NaN}', '{"breaks": [[1]]}'):
        assert Evidence.from_tags({"VERDICT_EVIDENCE": text}) == Evidence()
    assert verdict.verdict_of_tags({}) is None and verdict.verdict_of_tags({"VERDICT": "<b>fine</b>"}) is None


def test_evidence_of_a_training():
    metrics = {**{name: getattr(GOOD, name) for name in ("auc", "auc_low", "auc_high", "blocks")}, "auc_train": 1.0}
    assert judge(Evidence.of_training("random_forest", metrics, {"split": "spatial_blocks"})).level == USABLE
    assert judge(Evidence.of_training("unet", metrics, {"split": "spatial_blocks"})).level == WEAK
    assert Evidence.of_training("unet", metrics, {"split": "random"}).auc is None
    assert Evidence.of_training("unet", {"auc": None}, {}) == Evidence()


def test_values_of_the_histogram_at_shares_of_the_area():
    rng = np.random.default_rng(2)
    for values in (rng.beta(0.2, 3, 20000), rng.uniform(0.496, 0.504, 20000), np.full(100, 0.5), np.ones(10)):
        histogram = SusceptibilityHistogram()
        histogram.add(bin_index(values), np.ones(len(values)))
        wanted = np.quantile(values, [0.05, 0.95], method="inverted_cdf")
        assert histogram.values_at([0.05, 0.95]) == pytest.approx(wanted, rel=1e-3, abs=1e-12)


def test_spread_of_log_odds():
    """The first order is near the truth where members agree about."""
    logits = np.random.default_rng(3).normal(-2, 0.1, (400, 50))
    members = 1 / (1 + np.exp(-logits))
    found = log_odds_spread(members.mean(axis=0), members.std(axis=0))
    assert found == pytest.approx(logits.std(axis=0), rel=0.02)


def test_an_ensemble_is_as_weak_as_its_weakest_model():
    chance = dataclasses.replace(GOOD, auc_low=0.45)
    assert verdict.weakest([GOOD, chance, GOOD]) is chance and verdict.weakest([]) == Evidence()


def test_a_model_that_has_learned_nothing(tmp_path):
    """Values of 0.496 to 0.504: map, zones and what is made from them say that they are of no use."""
    trained = prediction_models.model("linear")
    for parameter in trained.network.parameters():
        parameter.data.mul_(0.002)
    trained.metrics.update(auc=0.51, auc_low=0.44, auc_high=0.58, blocks=30, auc_slope=0.66, auc_train=0.53)
    save_model(trained, tmp_path / "model.safetensors")
    raw = prediction_models.values(60, 70)
    stack, susceptibility = prediction_models.stack(tmp_path / "stack.tif", raw), tmp_path / "map.tif"
    progress = Listener()
    summary = prediction_models.predict(stack, [tmp_path / "model.safetensors"], susceptibility, progress=progress)
    values = read_band(susceptibility)
    assert 0.48 < np.nanmin(values) < np.nanmax(values) < 0.52
    reasons = " ".join(summary.verdict["reasons"])
    assert (
        summary.verdict["level"] == DO_NOT_USE
        and "not shown to be better than chance" in reasons
        and "is flat" in reasons
    )
    assert any(text.startswith("Verdict: do not use.") for text in progress.warnings)
    low, high = np.nanquantile(values, [0.05, 0.95])
    evidence = tags_of(susceptibility)
    assert (evidence.low_value, evidence.high_value) == (pytest.approx(low, rel=2e-3), pytest.approx(high, rel=2e-3))
    zones = tmp_path / "zones.tif"
    found = conftest.classify_zones(susceptibility, zones)
    assert found.verdict["level"] == DO_NOT_USE and "closer together" in " ".join(found.verdict["reasons"])
    assert tags_of(zones).breaks == pytest.approx(found.breaks) and tags_of(zones).auc_low == 0.44
    assert 'label="very low (do not use)"' in (tmp_path / "zones.qml").read_text(encoding="utf-8")
    more = {"k": 0.001, "progress": progress}
    conftest.rainfall_warning(susceptibility, [susceptibility], tmp_path / "w.tif", tmp_path / "w.csv", **more)
    assert "hit rate unknown (do not use)" in (tmp_path / "w.qml").read_text(encoding="utf-8")
    assert tags_of(tmp_path / "w.tif") == evidence
    rows, columns = np.nonzero(np.isfinite(values))
    chosen = np.random.default_rng(4).choice(len(rows), 120, replace=False)
    with rasterio.open(susceptibility) as dataset:
        grid = Grid.from_dataset(dataset, "map")
    points = Points("slides", xy=conftest.at_cells(grid, rows[chosen], columns[chosen]))
    report, table = tmp_path / "report.html", tmp_path / "table.csv"
    more = {
        "zones": zones,
        "sheet_relief": tmp_path / "relief.tif",
        "distance": 0.0,
        "repeats": 20,
        "progress": progress,
    }
    validated = conftest.validate_with_points(susceptibility, points, report, table, **more)
    assert validated.verdict == found.verdict and validated.sheet.notes[0].startswith("Verdict: do not use.")
    assert validated.sheet.title.endswith(validated.sheet.suffix) and validated.sheet.suffix == " (do not use)"
    assert re.search("class=.numbers.*?Verdict.*?do not use.*?AUC", report.read_text(encoding="utf-8"), re.DOTALL)
    (row,) = (row for row in conftest.read_csv(table) if row["measure"] == "verdict")
    assert (float(row["value"]), row["interval"]) == (2, "do not use")
    conftest.compare_models([susceptibility, zones], points, tmp_path / "c.html", None, distance=0.0, repeats=20)
    assert "The map is flat" in (tmp_path / "c.html").read_text(encoding="utf-8")


def test_numbers_of_test_windows_come_first(tmp_path):
    """The whole map is perfect on the training half and chance on the other."""
    rng, grid = np.random.default_rng(5), conftest.utm_grid(60, 80)
    values = rng.random(grid.shape).astype(np.float32)
    path = conftest.write_raster(tmp_path / "p.tif", values, grid)
    train, test = np.argwhere(values[:, :40] > 0.9)[:90], rng.integers((0, 40), (60, 80), (90, 2))
    places = np.concatenate([train, test])
    points = Points("slides", xy=conftest.at_cells(grid, places[:, 0], places[:, 1]))
    halves = [conftest.cell_box(grid, 0, left, 60, 40) for left in (0, 40)]
    windows = Polygons("windows", geometries=halves, fields={"subset": ["train", "test"]})
    more = {"windows": windows, "distance": 0.0, "repeats": 20, "sheet_relief": tmp_path / "relief.tif"}
    report = tmp_path / "report.html"
    found = conftest.validate_with_points(path, points, report, None, **more)
    auc, fit = f"{found.of('test').auc.value:.3f}", f"{found.of('all').auc.value:.3f}"
    text = report.read_text(encoding="utf-8").partition('class="numbers')[2]
    assert -1 < text.index("Verdict") < text.index(auc) < text.index(fit)
    assert f"AUC on land not seen {auc}" in found.sheet.subtitle
    compared = tmp_path / "compared.html"
    del more["sheet_relief"]
    conftest.compare_models([path, path], points, compared, None, names=["a", "b"], **more)
    text = compared.read_text(encoding="utf-8").partition('class="numbers')[2]
    assert -1 < text.index("AUC on land not seen") < text.index("Highest AUC")
    notes = " ".join([*found.sheet.notes, *found.sheet.more_notes])
    assert notes.index("Land not seen in training (test windows): AUC " + auc) < notes.index("training land included")
    assert found.verdict["level"] == DO_NOT_USE and "better than chance" in found.verdict["reasons"][0]
    assert any("on training land to" in reason for reason in found.verdict["reasons"])


def test_the_noise_of_an_ensemble_is_that_of_its_mean(tmp_path):
    raw = prediction_models.values(50, 50, ragged=False)
    stack, output, spread = (
        prediction_models.stack(tmp_path / "stack.tif", raw),
        tmp_path / "map.tif",
        tmp_path / "s.tif",
    )
    models = [prediction_models.saved(tmp_path / f"{seed}.safetensors", "linear", seed=seed) for seed in (1, 2, 3)]
    prediction_models.predict(stack, models, output, output_uncertainty=spread)
    expected = log_odds_spread(read_band(output), read_band(spread)).mean() / np.sqrt(3)
    assert tags_of(output).noise == pytest.approx(expected, rel=1e-5)


def test_a_map_of_another_program_was_not_tested(tmp_path):
    values = np.random.default_rng(1).random((40, 50)).astype(np.float32)
    path = conftest.write_raster(tmp_path / "p.tif", values, conftest.utm_grid(40, 50))
    found = conftest.classify_zones(path, tmp_path / "zones.tif")
    assert found.verdict == {"level": WEAK, "reasons": ["No AUC on land not seen in training is known."]}
    assert tags_of(tmp_path / "zones.tif").low_value == pytest.approx(np.quantile(values, 0.05), rel=0.01)


def tags_of(path) -> Evidence:
    with rasterio.open(path) as dataset:
        return Evidence.from_tags(dataset.tags())
