"""Measures of a validation: the paper's tables from their counts, scikit-learn, definitions, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from scarp.model import statistics
from scarp.model.errors import TooFewData
from scarp.model.report.charts import zone_chart
from scarp.model.statistics import bin_index, percentile_interval
from scarp.model.validation import metrics as ours
from scarp.model.validation.spatial_blocks import BlockResamples
from scarp.model.validation.zone_table import insignificant_increases, non_monotonic_pairs, zone_table

NAMES = dict(enumerate(("very low", "low", "medium", "high", "very high"), 1))
AREA = {1: 30.0, 2: 20.0, 3: 20.0, 4: 20.0, 5: 10.0}

# Table 4 of Zhang & Deng (2026): share of the landslides in per cent and frequency ratio as printed.
TABLE_4 = {
    "U-Net": [(1.43, "0.0477"), (2.20, "0.110"), (7.98, "0.399"), (32.02, "1.60"), (56.37, "5.64")],
    "PCUM": [(0.97, "0.0323"), (2.45, "0.123"), (7.52, "0.376"), (31.10, "1.56"), (57.96, "5.80")],
}
# Table 5: TP, FN, FP, TN, recall and kappa as printed.
TABLE_5 = [((1728, 227, 560, 1395), "0.884", "0.597"), ((1741, 214, 559, 1396), "0.891", "0.605")]

# Three tests for the use of an operation on the 43 complete cases of DeLong et al. (1988): albumin, total protein,
# Krebs-Goplerud score, outcome.
OVARIAN = np.array(
    """
    3.0 5.8 10 0, 3.2 6.3 5 1, 3.9 6.8 3 1, 2.8 4.8 6 0, 3.2 5.8 3 1, 0.9 4.0 5 0, 2.5 5.7 8 0, 1.6 5.6 5 1,
    3.8 5.7 5 1, 3.7 6.7 6 1, 3.2 5.4 4 1, 3.8 6.6 6 1, 4.1 6.6 5 1, 3.6 5.7 5 1, 4.3 7.0 4 1, 3.6 6.7 4 0,
    2.3 4.4 6 1, 4.2 7.6 4 0, 4.0 6.6 6 0, 3.5 5.8 6 1, 3.8 6.8 7 1, 3.0 4.7 8 0, 4.5 7.4 5 1, 3.7 7.4 5 1,
    3.1 6.6 6 1, 4.1 8.2 6 1, 4.3 7.0 5 1, 4.3 6.5 4 1, 3.2 5.1 5 1, 2.6 4.7 6 1, 3.3 6.8 6 0, 1.7 4.0 7 0,
    3.7 6.1 5 1, 3.3 6.3 7 1, 4.2 7.7 6 1, 3.5 6.2 5 1, 2.9 5.7 9 0, 2.1 4.8 7 1, 2.8 6.2 8 0, 4.0 7.0 7 1,
    3.3 5.7 6 1, 3.7 6.9 5 1, 3.6 6.6 5 1
    """.replace(",", " ").split(),
    float,
).reshape(-1, 4)
POSITIVE = OVARIAN[:, 3] == 1
ALBUMIN, PROTEIN, SCORE = OVARIAN[:, 0], OVARIAN[:, 1], -OVARIAN[:, 2]


def scores(seed: int, landslides: int = 80, stable: int = 120, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    both = rng.beta(3, 2, landslides).astype(np.float32), rng.beta(2, 3, stable).astype(np.float32)
    return tuple(np.round(one, 1) for one in both) if ties else both


def joined(landslide, stable) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([1, 0], [len(landslide), len(stable)]), np.concatenate([landslide, stable])


def three_digits(value: float) -> str:
    value += 1e-12  # 31.10 / 20 is exactly between two prints, and the paper rounds it up
    return f"{float(f'{value:.3g}'):.{max(0, 2 - int(np.floor(np.log10(value))))}f}"


def table_of(counts, area=AREA, size=1, repeats=400):
    """Table 4 of landslides in blocks of some size, in each of which all are in one zone."""
    zones = np.repeat(list(counts), list(counts.values()))
    places = np.concatenate([np.arange(count) // size + 10**6 * zone for zone, count in counts.items()])
    resamples = BlockResamples(places, [], repeats, np.random.default_rng(0))
    return zone_table(zones, resamples.places(places), resamples, area, NAMES)


@pytest.mark.parametrize("model", TABLE_4)
def test_table_4_of_the_paper(model):
    """The paper divides shares rounded to 0.01 %; per 10,000 landslides they are whole numbers."""
    counts = {zone: round(100 * share) for zone, (share, _) in enumerate(TABLE_4[model], 1)}
    assert sum(counts.values()) == 10000
    rows = table_of(counts, size=20)
    for row, (share, ratio) in zip(rows, TABLE_4[model]):
        assert f"{100 * row.landslide_share.value:.2f}" == f"{share:.2f}"
        assert three_digits(row.frequency_ratio.value) == ratio
        assert row.frequency_ratio.low < row.frequency_ratio.value < row.frequency_ratio.high
    assert non_monotonic_pairs(rows) == []
    # With the paper's 1,955 landslides the zones increase significantly.
    fewer = {zone: round(0.1955 * count) for zone, count in counts.items()}
    assert insignificant_increases(table_of(fewer)) == []
    # In clusters of 50 they would not.
    assert ("very low", "low") in insignificant_increases(table_of(fewer, size=50))


@pytest.mark.parametrize(("counts", "recall", "kappa"), TABLE_5)
def test_table_5_of_the_paper(counts, recall, kappa):
    found = ours.Confusion(*counts)
    assert f"{found.recall:.3f}" == recall
    assert f"{found.kappa:.3f}" == kappa


def test_non_monotonic_ratios_are_named():
    rows = table_of({1: 5, 2: 30, 3: 10, 5: 40}, {**AREA, 4: 0.0})
    assert non_monotonic_pairs(rows) == [("low", "medium")] and np.isnan(rows[3].frequency_ratio.value)


def test_insignificant_increases_are_found():
    counts = {1: 2, 2: 2, 3: 3, 4: 4, 5: 9}
    few, many = (table_of({zone: times * count for zone, count in counts.items()}) for times in (1, 100))
    assert non_monotonic_pairs(few) == non_monotonic_pairs(many) == insignificant_increases(many) == []
    assert insignificant_increases(few) == [("very low", "low"), ("low", "medium"), ("medium", "high")]
    # Without clusters the test is nearly the binomial one.
    some = table_of({zone: 10 * count for zone, count in {1: 2, 2: 2, 3: 3, 4: 5, 5: 4}.items()})
    exact = binomtest(40, 90, 10 / 30, alternative="greater").pvalue
    assert some[4].p_rise == pytest.approx(exact, rel=0.5) and np.isnan(some[0].p_rise)


def test_too_few_blocks_for_a_test_of_the_increase():
    rows = table_of({1: 20, 2: 30, 3: 40, 4: 60, 5: 90}, size=30)
    assert insignificant_increases(rows) == non_monotonic_pairs(rows) == []
    assert all(np.isnan(row.p_rise) and row.frequency_ratio.interval == "blocks" for row in rows)


def test_zone_without_landslides_has_an_interval():
    ratio = table_of({5: 50})[0].frequency_ratio
    assert ratio.value == ratio.low == 0 and ratio.high > 0.1


def test_a_chart_of_zones_without_intervals_has_its_labels():
    rows = table_of({1: 5, 2: 5, 5: 90}, {**AREA, 4: 0.0}, repeats=3)
    assert not any(row.frequency_ratio.has_interval for row in rows)
    axes = zone_chart(rows, ["grey"] * 5).axes[0]
    places = [text.get_position()[1] for text in axes.texts]
    assert len(places) == 5 and np.isfinite(places).all() and max(places) < axes.get_ylim()[1]
    drawn = [segment for bars in axes.containers[1:] for part in bars[2] for segment in part.get_segments()]
    assert not [segment for segment in drawn if len(segment) and np.isfinite(segment).all()]


def test_intervals_of_single_landslides_are_those_of_wilson():
    """With blocks of one landslide each; where landslides cluster, they are wider."""
    alone, clustered = (table_of({1: 20, 2: 40, 3: 60, 4: 120, 5: 160}, size=size) for size in (1, 10))
    for one, many in zip(alone, clustered):
        low, high = binomtest(one.landslides, 400).proportion_ci(method="wilson")
        share = one.landslide_share
        assert (share.low, share.high) == pytest.approx((low, high), abs=0.012)
        assert many.landslide_share.high - many.landslide_share.low > 2 * (high - low)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("stable", [40, 120])
def test_confusion_against_scikit_learn(ties, threshold, stable):
    landslide, other = scores(1, 80, stable, ties)
    truth, value = joined(landslide, other)
    called = (value >= threshold).astype(int)
    found = ours.confusion_at(landslide, other, threshold)
    scores_ = (metrics.recall_score, metrics.precision_score, metrics.f1_score, metrics.accuracy_score)
    expected = [score(truth, called) for score in (*scores_, metrics.cohen_kappa_score)]
    assert [found.recall, found.precision, found.f1, found.accuracy, found.kappa] == pytest.approx(expected)
    assert found.specificity == pytest.approx(metrics.recall_score(1 - truth, 1 - called))


def test_weights_stand_for_repetition():
    landslide, stable = scores(2)
    weights = np.random.default_rng(0).multinomial(80, np.full(80, 1 / 80))
    repeated = np.repeat(landslide, weights)
    assert ours.confusion_at(landslide, stable, 0.5, weights) == ours.confusion_at(repeated, stable, 0.5)
    weighted, plain = (
        ours.ThresholdCurve(landslide, stable, weights.astype(float)),
        ours.ThresholdCurve(repeated, stable),
    )
    np.testing.assert_allclose(weighted.roc(), plain.roc())
    assert weighted.average_precision() == pytest.approx(plain.average_precision())
    assert ours.calibration(landslide, stable, 1.0, weights).brier == pytest.approx(
        ours.calibration(repeated, stable).brier
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("landslides", "stable"), [(1, 1), (2, 50), (80, 120), (300, 40)])
def test_auc_against_scikit_learn(ties, landslides, stable):
    landslide, other = scores(3, landslides, stable, ties)
    found = ours.placements(landslide, other)
    assert found.auc == pytest.approx(metrics.roc_auc_score(*joined(landslide, other)), abs=1e-12)
    assert found.stable.mean() == pytest.approx(found.auc)


def test_auc_needs_both_kinds():
    with pytest.raises(TooFewData):
        ours.placements(np.empty(0), np.ones(3))


def by_definition(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """AUC of both tests and the variance of the difference by DeLong's equations 2 and 4 to 6, pair by pair."""
    wins = [
        (test[POSITIVE][:, None] > test[~POSITIVE]) + 0.5 * (test[POSITIVE][:, None] == test[~POSITIVE])
        for test in (first, second)
    ]
    over_positive, over_negative = (np.cov([win.mean(axis=axis) for win in wins]) for axis in (1, 0))
    covariance = over_positive / POSITIVE.sum() + over_negative / (~POSITIVE).sum()
    contrast = np.array([1, -1])
    return wins[0].mean(), covariance[0, 0], float(contrast @ covariance @ contrast)


SAS = [
    (ALBUMIN, 0.7366, 0.0927, 0.5549, 0.9182),
    (SCORE, 0.7258, 0.1028, 0.5243, 0.9273),
    (PROTEIN, 0.6478, 0.1000, 0.4518, 0.8439),
]


@pytest.mark.parametrize(("test", "area", "error", "low", "high"), SAS)
def test_delong_by_definition_and_as_printed_elsewhere(test, area, error, low, high):
    """The figures that SAS prints for these data (SAS/STAT user's guide, comparing ROC curves)."""
    found = ours.placements(test[POSITIVE], test[~POSITIVE])
    assert (found.auc, found.variance) == pytest.approx(by_definition(test, SCORE)[:2], rel=1e-12)
    interval = ours.normal_interval(found.auc, found.variance)
    assert interval[1] - interval[0] == pytest.approx(2 * 1.959964 * found.variance**0.5, rel=1e-6)
    assert [round(value, 4) for value in (found.auc, found.variance**0.5, *interval)] == [area, error, low, high]


@pytest.mark.parametrize("test", [ALBUMIN, PROTEIN])
def test_paired_test_on_its_own_data(test):
    _, _, variance = by_definition(test, SCORE)
    found = ours.difference_variance(test[POSITIVE], test[~POSITIVE], SCORE[POSITIVE], SCORE[~POSITIVE])
    assert found == pytest.approx(variance)
    assert ours.difference_variance(test[POSITIVE], test[~POSITIVE], test[POSITIVE], test[~POSITIVE]) == 0


def test_delong_agrees_with_a_bootstrap():
    landslide, stable = scores(5, 150, 150)
    rng = np.random.default_rng(0)
    again = [ours.placements(rng.choice(landslide, 150), rng.choice(stable, 150)).auc for _ in range(600)]
    assert ours.placements(landslide, stable).variance ** 0.5 == pytest.approx(np.std(again), rel=0.12)


def test_delong_interval_covers_the_truth():
    rng = np.random.default_rng(6)
    truth = 0.7602499389  # of two unit normals one apart
    covered = 0
    for _ in range(400):
        found = ours.placements(rng.normal(1, 1, 60), rng.normal(0, 1, 60))
        low, high = ours.normal_interval(found.auc, found.variance)
        covered += low <= truth <= high
    assert 0.91 <= covered / 400 <= 0.985


@pytest.mark.parametrize("ties", [False, True])
def test_curves_against_scikit_learn(ties):
    landslide, stable = scores(7, ties=ties)
    truth, value = joined(landslide, stable)
    cuts = ours.ThresholdCurve(landslide, stable)
    assert cuts.average_precision() == pytest.approx(metrics.average_precision_score(truth, value))
    assert metrics.auc(ours.AXIS, cuts.roc()) == pytest.approx(metrics.roc_auc_score(truth, value), abs=0.01)
    roc = cuts.roc()
    assert (roc[0], roc[-1]) == (0, 1) and np.all(np.diff(roc) >= 0)
    precision, recall, _ = metrics.precision_recall_curve(truth, value)
    best = [precision[:-1][recall[:-1] >= reached - 1e-9].max() for reached in ours.AXIS]
    np.testing.assert_allclose(cuts.precision(), best)


def test_best_threshold_is_best():
    landslide, stable = scores(8)
    sums = {
        cut: ours.confusion_at(landslide, stable, cut).recall + ours.confusion_at(landslide, stable, cut).specificity
        for cut in np.concatenate([landslide, stable])
    }
    assert sums[np.float32(ours.ThresholdCurve(landslide, stable).best_threshold())] == pytest.approx(
        max(sums.values())
    )


def test_curve_of_all_draws_is_the_mean_of_their_curves():
    landslide, _ = scores(9)
    draws = [scores(seed)[1] for seed in range(20, 25)]
    pooled = ours.ThresholdCurve(landslide, np.concatenate(draws), None, 1 / len(draws))
    aucs = [ours.placements(landslide, draw).auc for draw in draws]
    assert metrics.auc(ours.AXIS, pooled.roc()) == pytest.approx(np.mean(aucs), abs=0.01)
    assert ours.placements(landslide, np.concatenate(draws)).auc == pytest.approx(np.mean(aucs))


@pytest.mark.parametrize("ties", [False, True])
def test_calibration_against_scikit_learn(ties):
    landslide, stable = scores(10, ties=ties)
    truth, value = joined(landslide, stable)
    found = ours.calibration(landslide, stable)
    assert found.brier == pytest.approx(metrics.brier_score_loss(truth, value.astype(float)))
    bins = np.minimum((value.astype(float) * 10).astype(int), 9)
    gaps = [np.sum(bins == b) * abs(truth[bins == b].mean() - value[bins == b].mean()) for b in np.unique(bins)]
    assert (found.ece, found.points.sum()) == (pytest.approx(sum(gaps) / len(truth)), len(truth))


def test_susceptibilities_that_are_shares_are_calibrated():
    rng = np.random.default_rng(11)
    value = rng.random(40000)
    slides = rng.random(40000) < value
    assert ours.calibration(value[slides], value[~slides]).ece < 0.01


def test_few_repeats_give_no_interval():
    assert np.isnan(percentile_interval(np.arange(19.0))).all()
    assert percentile_interval(np.append(np.arange(1001.0), np.nan)) == pytest.approx((25, 975))
    assert not statistics.from_repeats(0.5, np.array([0.5]), "draws").has_interval
    assert np.isnan(ours.curve_with_band(np.zeros(201), [np.zeros(201)] * 3).low).all()


def test_bins_rank_as_values_do():
    rng = np.random.default_rng(12)
    ends = 10.0 ** -rng.uniform(0, 30, 5000), 1 - 10.0 ** -rng.uniform(0, 7, 5000), [0.0, -0.0, 0.5, 1.0]
    values = np.concatenate([rng.random(20000), *ends]).astype(np.float32)
    order = np.argsort(values, kind="stable")
    bins = bin_index(values)[order]
    assert np.all(np.diff(bins) >= 0) and (bins[0], bins[-1]) == (0, statistics.HISTOGRAM_BINS - 1)
    ahead = np.diff(values[order].astype(np.float64)) > 1.1e-3 * np.minimum(values[order][1:], 1 - values[order][:-1])
    assert np.all(np.diff(bins)[ahead] > 0)


def test_share_above_is_the_area_above():
    rng = np.random.default_rng(13)
    values, areas = rng.random(30000).astype(np.float32), rng.uniform(1, 3, 30000)
    ranking = statistics.SusceptibilityHistogram()
    for part in np.array_split(np.arange(30000), 7):
        ranking.add(bin_index(values[part]), areas[part])
    assert ranking.area.sum() == pytest.approx(areas.sum())
    points = values[:200]
    exact = [(areas[values > point].sum() + areas[values == point].sum() / 2) / areas.sum() for point in points]
    np.testing.assert_allclose(ranking.share_above(points), exact, atol=1e-3)


def test_success_rate_curve_counts_landslides_in_the_best_area():
    positions = np.array([0.0, 0.1, 0.1, 0.4, 1.0])
    curve = ours.success_rate_curve(positions)
    assert curve[[0, 20]] == pytest.approx([0.2, 0.6]) and curve[-1] == 1
    weights = np.array([0, 2, 0, 2, 1])
    repeated = ours.success_rate_curve(np.repeat(positions, weights))
    np.testing.assert_allclose(ours.success_rate_curve(positions, weights.astype(float)), repeated)
