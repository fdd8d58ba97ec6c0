"""Counting by windows: every number equals what NumPy, SciPy or scikit-learn gives for the whole arrays."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import rasterio
from scipy.stats.contingency import association
from sklearn.linear_model import LinearRegression

from scarp.model.checks import stack_statistics
from scarp.model.checks.association import associations, cramers_v, variance_inflation
from scarp.model.checks.band_statistics import CHUNK, PROBABILITIES, CoMoments
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack
from scarp.model.statistics import StreamingQuantiles
from scarp.tests.core.conftest import utm_grid, write_raster


@pytest.mark.parametrize("cells", [2, 3, 1000, CHUNK, CHUNK + 1, 3 * CHUNK + 17])
@pytest.mark.parametrize("offset", [0.0, 3.0e4])
def test_comoments_equal_numpy(cells, offset):
    rng = np.random.default_rng(cells)
    values = (rng.normal(size=(4, cells)) * [[1e-4], [1], [20], [0.1]] + offset).astype(np.float32)
    moments = CoMoments(4)
    for part in np.array_split(values, 3, axis=1):
        moments.add(part)
    exact = values.astype(np.float64)
    assert moments.count == cells
    np.testing.assert_allclose(moments.mean, exact.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance(), np.cov(exact), rtol=1e-9, atol=1e-15)


def test_comoments_keep_a_small_variance_beside_a_large_mean():
    moments = CoMoments(1)
    moments.add(np.tile(np.array([[1e8, 1e8 + 8]], dtype=np.float32), 100_000))
    assert moments.covariance()[0, 0] == pytest.approx(16 * 200_000 / 199_999, rel=1e-12)


def test_correlation_is_nan_for_a_variable_that_does_not_vary():
    values = np.random.default_rng(1).normal(size=(3, 500))
    values[1] = 7
    moments = CoMoments(3)
    moments.add(values)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(moments.correlation(), np.corrcoef(values), atol=1e-14)


RNG = np.random.default_rng(5)
AWKWARD = {
    "normal": RNG.normal(size=20_001),
    "wide": RNG.normal(size=5_000) * 10.0 ** RNG.integers(-40, 38, 5_000),
    "zeros": np.concatenate([np.zeros(4_000), -np.zeros(500), RNG.exponential(size=700)]),
    "crowded": np.concatenate([np.full(900, 2.5), np.linspace(2.4, 2.6, 500)]),
    "few": np.array([3.0, -1.0, 2.0]),
    "one": np.array([4.0]),
    "negative": -RNG.gamma(2.0, size=9_999),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_quantiles_and_the_most_common_value_equal_numpy(name):
    values = AWKWARD[name].astype(np.float32)
    quantiles = StreamingQuantiles()
    parts = np.array_split(values, 3)
    for part in parts:
        quantiles.add(part)
    quantiles.prepare_exact(PROBABILITIES)
    for part in parts:
        quantiles.refine(part)
    for probability in PROBABILITIES:
        exact = np.quantile(values, probability, method="inverted_cdf")
        assert quantiles.exact(probability) == exact
        assert quantiles.approximate(probability) == pytest.approx(exact, rel=0.008, abs=1e-38)
    if name in ("zeros", "crowded"):
        assert quantiles.most_common() == max(zip(*np.unique(values, return_counts=True)), key=lambda pair: pair[1])


@pytest.mark.parametrize("seed", range(4))
def test_variance_inflation_equals_regression(seed):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))
    found = variance_inflation(np.corrcoef(mixed.T))
    for column, values in enumerate(mixed.T):
        others = np.delete(mixed, column, axis=1)
        r2 = LinearRegression().fit(others, values).score(others, values)
        assert found[column] == pytest.approx(1 / (1 - r2), rel=1e-6)


def test_variance_inflation_of_factors_that_give_each_other():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(4, 300))
    found = variance_inflation(np.corrcoef([*values, values[0] + 2 * values[1]]))
    assert np.isinf(found[[0, 1, 4]]).all() and (found[[2, 3]] < 1.2).all()


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (9, 4)])
def test_cramers_v_equals_scipy(shape):
    table = np.random.default_rng(shape[1]).integers(1, 200, shape)
    assert cramers_v(table) == pytest.approx(association(table, method="cramer"), rel=1e-12)
    padded = np.pad(table, ((0, 1), (2, 0)))
    assert cramers_v(padded) == pytest.approx(cramers_v(table), rel=1e-12)
    assert cramers_v(np.diag([5, 9, 2])) == 1.0 and np.isnan(cramers_v(table[:1]))


SHAPE = ROWS, COLUMNS = 300, 290


def scene(rows=ROWS, columns=COLUMNS):
    """Return a grid, bands with gaps, and labels, as whole arrays."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=(rows, columns))
    arrays = {
        "slope": np.abs(base) * 12,
        "precipitation": 1500 + 40 * base + 30 * rng.normal(size=base.shape),
        "lithology": rng.integers(1, 6, base.shape).astype(float),
        "landform": np.where(base > 0, 2.0, rng.integers(1, 4, base.shape)),
    }
    for array in arrays.values():
        array[rng.random(base.shape) < 0.03] = np.nan
    labels = np.where(base > 1, 1, 0).astype(np.uint8)
    labels[:, :31] = 255
    return utm_grid(rows, columns), {name: array.astype(np.float32) for name, array in arrays.items()}, labels


def write(folder, grid, arrays, labels, options=None):
    classes = {code: f"class {code}" for code in range(1, 6)}
    factors = [StackFactor(name, "continuous") for name in list(arrays)[:2]]
    factors += [StackFactor(name, "categorical", classes=classes) for name in list(arrays)[2:]]
    with create_stack(folder / "stack.tif", grid, factors, options=options) as target:
        target.write(np.stack(list(arrays.values())))
    write_raster(folder / "labels.tif", labels, grid, nodata=255)
    return factors


def scan(folder, factors):
    with rasterio.open(folder / "stack.tif") as stack, rasterio.open(folder / "labels.tif") as labels:
        return stack_statistics.scan(stack, factors, labels, NullProgress())


@pytest.fixture(scope="module", params=["tiles", "strips", "at once"])
def scanned(tmp_path_factory, request):
    """A scan in many small windows or at once, and the whole arrays."""
    folder, strips = tmp_path_factory.mktemp("scan"), request.param == "strips"
    grid, arrays, labels = scene()
    factors = write(folder, grid, arrays, labels, {"tiled": False, "blockysize": 7} if strips else None)
    with pytest.MonkeyPatch.context() as patch, rasterio.open(folder / "stack.tif") as stack:
        assert (stack.block_shapes[0] == (7, COLUMNS)) is strips
        if request.param != "at once":
            patch.setattr(stack_statistics, "CELLS_AT_ONCE", 1)
        blocks = {"tiles": 9, "strips": 6, "at once": 1}[request.param]
        assert len(stack_statistics._blocks(stack, grid, stack.count)) == blocks
        return scan(folder, factors), arrays, labels


def test_scan_of_continuous_bands_equals_numpy(scanned):
    found, arrays, labels = scanned
    for band in found.continuous_bands:
        array = arrays[band.name]
        values = array[np.isfinite(array)]
        exact = values.astype(np.float64)
        assert (band.finite, band.empty) == (values.size, labels.size - values.size)
        assert (band.minimum, band.maximum) == (values.min(), values.max())
        assert band.mean == pytest.approx(exact.mean(), rel=1e-13)
        assert band.standard_deviation == pytest.approx(exact.std(ddof=1), rel=1e-12)
        for probability in PROBABILITIES:
            assert band.quantile(probability) == np.quantile(values, probability, method="inverted_cdf")
        drawn = len(band.histogram), (band.edges[0], band.edges[-1])
        for end, where in (("", labels >= 0), ("_labelled", labels != 255), ("_landslide", labels == 1)):
            expected = np.histogram(array[where & np.isfinite(array)], *drawn)[0]
            np.testing.assert_array_equal(getattr(band, f"histogram{end}"), expected)


def test_scan_of_classes_equals_numpy(scanned):
    found, arrays, labels = scanned
    for band in found.categorical_bands:
        for code, *counts in zip(band.codes, band.counts, band.known, band.landslides):
            here = arrays[band.name] == code
            assert counts == [(here & some).sum() for some in (True, labels != 255, labels == 1)]


def test_scan_of_pairs_equals_numpy(scanned):
    found, arrays, labels = scanned
    valid = np.logical_and.reduce([np.isfinite(array) for array in arrays.values()])
    assert found.valid == found.complete == valid.sum()
    linked = associations(found)
    exact = np.corrcoef(*(arrays[name][valid].astype(np.float64) for name in ("slope", "precipitation")))
    np.testing.assert_allclose(linked.pearson, exact, atol=1e-12)
    table = np.zeros((5, 3), int)
    np.add.at(table, tuple(arrays[name][valid].astype(int) - 1 for name in ("lithology", "landform")), 1)
    np.testing.assert_array_equal(found.tables["lithology", "landform"], table)
    assert linked.cramer[0, 1] == pytest.approx(association(table, method="cramer"), rel=1e-10)
    counts = {"landslide": labels == 1, "unknown": labels == 255}
    counts.update(landslide_used=(labels == 1) & valid, landslide_lost=(labels == 1) & ~valid)
    assert {name: getattr(found.labels, name) for name in counts} == {name: one.sum() for name, one in counts.items()}
    for band in found.bands:
        others = [np.isfinite(arrays[name]) for name in arrays if name != band.name]
        assert band.lost_alone == (~np.isfinite(arrays[band.name]) & np.logical_and.reduce(others)).sum()


def test_memory_does_not_grow_with_the_raster(tmp_path, monkeypatch):
    monkeypatch.setattr(stack_statistics, "CELLS_AT_ONCE", 1)
    peaks = []
    for side in (256, 1024):
        folder = tmp_path / str(side)
        folder.mkdir()
        factors = write(folder, *scene(side, side))
        tracemalloc.start()
        scan(folder, factors)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 16 times the cells; the tables of quantiles and codes are the same for both.
    assert peaks[1] < 1.25 * peaks[0]
