"""The verdict: each rule alone, tags there and back, and a model that has learned nothing through all steps."""

from __future__ import annotations

import dataclasses
import math

import pytest

from scarp.model.validation import verdict
from scarp.model.validation.verdict import DO_NOT_USE, USABLE, WEAK, Evidence, judge

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
    ({"auc_low": 0.49}, DO_NOT_USE, "no better than chance"),
    ({"auc": 0.5, "auc_low": None}, DO_NOT_USE, "no better than chance"),
    ({"auc": 0.62, "auc_low": 0.6, "auc_high": 0.65}, DO_NOT_USE, "slope alone is better, with 0.700"),
    ({"auc_low": 0.7}, WEAK, "not shown to be better than slope alone"),
    ({"blocks": 14}, WEAK, "Only 14 independent blocks"),
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


def test_an_ensemble_is_as_weak_as_its_weakest_model():
    chance = dataclasses.replace(GOOD, auc_low=0.45)
    assert verdict.weakest([GOOD, chance, GOOD]) is chance and verdict.weakest([]) == Evidence()
