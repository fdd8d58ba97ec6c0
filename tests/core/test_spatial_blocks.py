"""Blocks of land: variogram, range, resamples and intervals against independent computations and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from scarp.benchmarks import interval_coverage
from scarp.model.grid import ellipsoid, metres_per_degree
from scarp.model.validation.metrics import normal_interval, placements
from scarp.model.validation.spatial_blocks import (
    INTERVAL,
    LAGS,
    MIN_BLOCKS,
    AucOfWeights,
    BlockResamples,
    SpatialBlocks,
    fit_variogram,
    metric_positions,
)
from scarp.tests.core.conftest import degree_grid, utm_grid


def correlated(seed: int, number: int, range_m: float, extent: float = 20_000.0, nugget: float = 0.0):
    """Points anywhere, with normal values whose correlation falls as the spherical model has it."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, extent, (2, number))
    near = np.minimum(np.hypot(x[:, None] - x, y[:, None] - y) / range_m, 1)
    covariance = (1 - nugget) * (1 - 1.5 * near + 0.5 * near**3) + nugget * np.eye(number)
    return x, y, np.linalg.cholesky(covariance + 1e-9 * np.eye(number)) @ rng.standard_normal(number)


def resamples_of(landslides, land=(), repeats=400, seed=0) -> BlockResamples:
    return BlockResamples(np.asarray(landslides), [np.asarray(land)], repeats, np.random.default_rng(seed))


def test_variogram_against_a_loop_over_all_pairs():
    x, y, values = correlated(1, 120, 4000.0)
    found = fit_variogram(x, y, values, 0)
    farthest = math.hypot(np.ptp(x), np.ptp(y)) / 2
    by_class: dict[int, list[tuple[float, float]]] = {}
    for i in range(len(x)):
        for j in range(i):
            distance = math.hypot(x[i] - x[j], y[i] - y[j])
            if distance <= farthest:
                number = min(int(math.sqrt(distance / farthest) * LAGS), LAGS - 1)
                by_class.setdefault(number, []).append((distance, (values[i] - values[j]) ** 2 / 2))
    pairs = [one for number in sorted(by_class) for one in by_class[number]]
    # Classes are joined, never split: the sums up to the end of each are the same.
    for end, (distance, semivariance) in zip(
        np.cumsum(found.pairs).astype(int),
        zip(np.cumsum(found.pairs * found.distance), np.cumsum(found.pairs * found.semivariance)),
    ):
        assert distance == pytest.approx(sum(one[0] for one in pairs[:end]))
        assert semivariance == pytest.approx(sum(one[1] for one in pairs[:end]))
    assert found.pairs.sum() == len(pairs)


def test_model_fits_as_well_as_scipys_least_squares():
    for seed in range(4):
        found = fit_variogram(*correlated(seed, 300, 5000.0, nugget=0.3), 0)
        sill, weights = found.nugget + found.partial_sill, found.pairs / found.distance**2

        def model(distance, partial_sill, range_m, sill=sill):
            near = np.minimum(distance / range_m, 1)
            return sill - partial_sill * (1 - 1.5 * near + 0.5 * near**3)

        start = found.partial_sill, found.range_m
        theirs = curve_fit(model, found.distance, found.semivariance, start, weights**-0.5)[0]
        misfit = [
            weights @ (found.semivariance - fitted) ** 2
            for fitted in (found.model(found.distance), model(found.distance, *theirs))
        ]
        assert misfit[0] <= misfit[1] * 1.02 and found.range_m == pytest.approx(theirs[1], rel=0.1)


@pytest.mark.parametrize("range_m", [1500.0, 4000.0])
def test_range_of_simulated_fields_is_found(range_m):
    found = [fit_variogram(*correlated(seed, 500, range_m), 0).range_m for seed in range(15)]
    assert range_m / 1.6 < np.median(found) < range_m * 1.6


def test_without_structure_blocks_are_small_and_change_little():
    rng = np.random.default_rng(3)
    counts, errors = [], []
    for _ in range(30):
        (x, y), values = rng.uniform(0, 1e4, (2, 200)), rng.random(200)
        blocks = SpatialBlocks.estimate(x, y, values, 1)
        _, block = np.unique(blocks.index(x, y), return_inverse=True)
        counts.append(block.max() + 1)
        means = np.bincount(block, values - values.mean())
        errors.append(math.sqrt(means @ means / (values.var() * 200)))
    assert np.median(counts) > 3 * MIN_BLOCKS and 1 <= np.median(errors) < 1.2


def test_weak_resemblance_over_long_distances_widens_the_blocks():
    """A field of a tenth of the variance hardly shows in a variogram, but counts where there are many landslides."""
    sides = []
    for field in (0.0, 0.1):
        found = []
        for seed in range(10):
            x, y, smooth = correlated(seed, 800, 5000.0)
            noise = np.random.default_rng(seed).standard_normal(800)
            values = math.sqrt(field) * smooth + math.sqrt(1 - field) * noise
            blocks = SpatialBlocks.estimate(x, y, values, 1)
            assert blocks.range_m <= blocks.side_m and blocks.count(x, y) > 1
            found.append(blocks.side_m)
        sides.append(np.median(found))
    assert sides[1] > 2000 and sides[1] > 2 * sides[0]


def test_maps_that_differ_over_long_distances_have_wide_blocks():
    """What two maps share hides a difference with a structure, and what they share cancels out of it."""
    x, y, smooth = correlated(1, 600, 5000.0)
    shared = np.random.default_rng(1).standard_normal(600)
    maps = [shared + 0.1 * smooth, shared - 0.1 * smooth]
    alone = [SpatialBlocks.estimate(x, y, one, 1).side_m for one in maps]
    both = SpatialBlocks.estimate_for_maps(x, y, maps, 1)
    assert both.side_m >= max(alone) and 2000 < both.range_m < 10_000
    assert both == SpatialBlocks.estimate_for_maps(x, y, [*maps, maps[0]], 1), "equal maps add nothing"


def test_a_trend_has_a_range_as_long_as_the_extent_allows():
    x, y = np.random.default_rng(1).uniform(0, 1e4, (2, 300))
    blocks = SpatialBlocks.estimate(x, y, x / 1e4, 1)
    assert 3000 < blocks.range_m <= math.hypot(np.ptp(x), np.ptp(y)) / 2
    assert blocks.count(x, y) < MIN_BLOCKS


@pytest.mark.parametrize("number", [0, 1, 2, 3, 10])
def test_few_equal_or_repeated_landslides(number):
    rng = np.random.default_rng(number)
    x, y, values = rng.uniform(0, 1e3, (3, number))
    for case in (
        (x, y, values),
        (x, y, values * 0),
        (x * 0, y * 0, values),
        (np.tile(x, 2), np.tile(y, 2), [0, 1] * number),
    ):
        blocks = SpatialBlocks.estimate(*(np.asarray(one, float) for one in case), 1)
        assert blocks.side_m > 0 and np.isfinite(blocks.side_m)
        assert blocks.count(*case[:2]) <= number


def test_many_landslides_are_drawn_by_seed():
    x, y, values = (np.tile(one, 9) for one in correlated(2, 400, 3000.0))
    x = x + np.random.default_rng(0).normal(0, 50, len(x))
    first, again = (fit_variogram(x, y, values, 7) for _ in range(2))
    assert first.range_m == again.range_m and 1000 < first.range_m < 8000


def test_blocks_are_squares_of_the_side():
    blocks = SpatialBlocks(100.0, 100.0, 50.0, 0.0)
    x, y = np.array([50.0, 149.9, 150.1, 49.9, 50.0]), np.array([0.0, 99.0, 0.0, 0.0, -0.1])
    assert blocks.index(x, y)[0] == blocks.index(x, y)[1]
    assert blocks.count(x, y) == 4


def test_positions_are_metres_on_both_kinds_of_grid():
    rows, columns = np.array([3, 3, 4]), np.array([5, 6, 5])
    x, y = metric_positions(utm_grid(), rows, columns)
    assert (x[1] - x[0], y[0] - y[2]) == (30.0, 30.0)
    grid = degree_grid(height=3000, top=60.0)
    x, y = metric_positions(grid, np.array([2999, 2999, 0]), np.array([0, 1, 0]))
    latitude = np.radians(60.0 - (2999.5) / 3600)
    east = metres_per_degree(np.array([latitude]), grid.crs)[0][0] / 3600
    assert x[1] - x[0] == pytest.approx(east) and ellipsoid(grid.crs)[0] == 6378137.0
    # Length of the meridian from 59.1667 to 60 degrees, less one cell (Snyder 1987, equation 3-21).
    assert y[2] - y[0] == pytest.approx(111_412 * 2999 / 3600, rel=2e-4)


def test_weighted_auc_against_scikit_learn():
    rng = np.random.default_rng(5)
    landslide, land = rng.integers(2, 9, 60) / 10, rng.integers(0, 8, 300) / 10
    weights = rng.integers(0, 3, 60).astype(float), rng.integers(0, 3, 300).astype(float)
    truth = np.repeat([1, 0], [60, 300])
    expected = roc_auc_score(truth, np.concatenate([landslide, land]), sample_weight=np.concatenate(weights))
    ranked = AucOfWeights(landslide, land)
    assert ranked.auc(*weights) == pytest.approx(expected)
    np.testing.assert_allclose(ranked.placements(np.ones(300)), placements(landslide, land).landslide)
    assert math.isnan(ranked.auc(weights[0] * 0, weights[1])) and math.isnan(ranked.auc(weights[0], weights[1] * 0))


def test_resamples_keep_blocks_whole():
    resamples = resamples_of([4, 4, 9], [9, 9, 2, 5])
    assert resamples.independent == 2 and resamples.weights.shape == (400, 4)
    assert (resamples.weights.sum(axis=1) == 4).all()
    assert resamples.weights.mean() == pytest.approx(1) and resamples.weights.std() == pytest.approx(0.87, abs=0.03)
    np.testing.assert_array_equal(resamples.places(np.array([2, 4, 9])), [0, 1, 3])


def test_intervals_on_their_scales():
    resamples = resamples_of(np.repeat(np.arange(20), 5))
    repeats = np.random.default_rng(1).normal(0.8, 0.02, 5000)
    half = t.ppf(0.975, 19) * repeats.std(ddof=1) * math.sqrt(20 / 19)
    share = resamples.estimate(0.8, repeats, "share")
    logit = [math.log(end / (1 - end)) - math.log(4) for end in (share.low, share.high)]
    assert logit == pytest.approx([-half / 0.16, half / 0.16]) and share.interval == INTERVAL
    ratio = resamples.estimate(0.8, repeats, "ratio")
    assert (ratio.low * ratio.high, ratio.high) == pytest.approx((0.64, 0.8 * math.exp(half / 0.8)))
    difference = resamples.estimate(-0.1, repeats, "difference")
    assert (difference.low, difference.high) == pytest.approx((-0.1 - half, -0.1 + half))
    none, all_of_them = (resamples.estimate(value, repeats * 0, "share") for value in (0.0, 1.0))
    assert none.low == 0 and (1 - none.high) ** 20 == pytest.approx(0.025) and all_of_them.low == 1 - none.high
    assert not resamples.estimate(0.8, repeats[:5], "share").has_interval
    assert not resamples_of([1, 1, 1]).estimate(0.8, repeats, "share").has_interval


def test_p_is_a_t_test_over_blocks_and_needs_enough_of_them():
    repeats = np.random.default_rng(1).normal(0.01, 0.01, 1000)
    resamples = resamples_of(np.arange(MIN_BLOCKS))
    error = repeats.std(ddof=1) * math.sqrt(MIN_BLOCKS / (MIN_BLOCKS - 1))
    assert resamples.p(0.02, repeats) == pytest.approx(2 * t.sf(0.02 / error, MIN_BLOCKS - 1))
    assert resamples.p(0.0, repeats * 0) == 1 and resamples.p(0.1, repeats * 0) == 0
    few = resamples_of(np.arange(MIN_BLOCKS - 1))
    assert math.isnan(few.p(0.02, repeats)) and not few.testable and resamples.testable


def test_uneven_blocks_count_as_fewer():
    even, uneven = resamples_of(np.repeat(np.arange(20), 5)), resamples_of(np.repeat(np.arange(20), [81] + [1] * 19))
    repeats = np.random.default_rng(1).normal(0.8, 0.02, 1000)
    widths = [one.estimate(0.8, repeats, "share") for one in (even, uneven)]
    assert widths[1].high - widths[1].low > 2 * (widths[0].high - widths[0].low)


def test_single_landslides_give_the_interval_of_delong():
    rng = np.random.default_rng(8)
    landslide, land = rng.normal(1, 1, 400), rng.normal(0, 1, 4000)
    resamples = resamples_of(np.arange(400), np.arange(400, 4400))
    ranked = AucOfWeights(landslide, land)
    aucs = np.array([ranked.auc(one[:400], one[400:]) for one in resamples.weights])
    single = placements(landslide, land)
    ours, theirs = resamples.estimate(single.auc, aucs, "share"), normal_interval(single.auc, single.variance)
    assert ours.high - ours.low == pytest.approx(theirs[1] - theirs[0], rel=0.15)


@pytest.mark.parametrize("scene", [(28, 10, 0.6, 0.0), (280, 1, 0.0, 0.0)])
def test_intervals_cover_the_truth_where_landslides_cluster(scene):
    """One hundred areas; the whole table is that of the script."""
    found = [interval_coverage.simulate(*scene, seed) for seed in range(100)]
    blocks, single = (np.mean([getattr(one, kind) for one in found], axis=0) for kind in ("blocks", "single"))
    assert (blocks >= 0.88).all()
    if scene[1] > 1:
        assert (single < 0.8).all()
