"""Encoding: z-scores, class channels, nodata, unseen classes, and matching of classes by label."""

from __future__ import annotations

import numpy as np
import pytest

from scarp.model.encoding import ClassMatcher, Encoding, FactorSpec, fit_factors
from scarp.model.errors import ParameterInvalid
from scarp.model.stack import StackFactor

FACTORS = [
    StackFactor("slope", "continuous", "degrees"),
    StackFactor("rock", "categorical", classes={1: "granite", 3: "schist", 7: "till", 9: "lake"}),
    StackFactor("rain", "continuous", "mm"),
    StackFactor("aspect", "categorical"),
]


def raw_values(size=40, seed=0, nodata=0.1):
    generator = np.random.default_rng(seed)
    slope, rock = generator.gamma(3, 8, (size, size)), generator.choice([1, 3, 7], (size, size))
    rain, aspect = 1e6 + generator.normal(0, 3, (size, size)), generator.integers(1, 10, (size, size))
    raw = np.stack([slope, rock, rain, aspect])
    for band in raw:
        band[generator.random((size, size)) < nodata] = np.nan
    return raw.astype(np.float32)


def fitted(raw, mode):
    valid = np.isfinite(raw).all(axis=0)
    return Encoding(fit_factors(FACTORS, [raw[:, valid]]), mode)


@pytest.mark.parametrize("mode", ["codes", "one_hot"])
def test_channels_follow_from_the_values(mode):
    raw = raw_values()
    encoding = fitted(raw, mode)
    image, valid = encoding.encode(raw)
    assert image.dtype == np.float32
    assert image.shape == (encoding.channels, 40, 40)
    assert np.array_equal(valid, np.isfinite(raw).all(axis=0))
    assert 0 < valid.sum() < valid.size
    assert (image[:, ~valid] == 0).all()
    for channel, band in ((0, 0), (1, 2)):
        cells = raw[band][valid].astype(np.float64)
        assert np.allclose(image[channel][valid], (cells - cells.mean()) / cells.std(), atol=1e-4)
    if mode == "codes":
        assert encoding.channels == 4
        cells = raw[1][valid].astype(np.float64)
        assert np.allclose(image[2][valid], (cells - cells.mean()) / cells.std(), atol=1e-5)
    else:
        assert encoding.channels == 2 + 3 + 9
        assert (image[2:5, valid].sum(axis=0) == 1).all()
        assert (image[5:, valid].sum(axis=0) == 1).all()
        assert np.array_equal(image[3] == 1, valid & (raw[1] == 3))


@pytest.mark.parametrize("pieces", [1, 3, 11])
def test_statistics_do_not_depend_on_batches(pieces):
    raw = raw_values(nodata=0).reshape(4, -1)
    specs = fit_factors(FACTORS, np.array_split(raw, pieces, axis=1))
    for spec, values in zip(specs, raw.astype(np.float64)):
        assert spec.mean == pytest.approx(values.mean(), rel=1e-12)
        assert spec.std == pytest.approx(values.std(), rel=1e-6)
        assert (spec.minimum, spec.maximum) == (values.min(), values.max())
    assert specs[1].seen == (1, 3, 7)
    assert specs[0].seen == ()


@pytest.mark.parametrize("mode", ["codes", "one_hot"])
def test_an_unseen_class_is_no_class(mode):
    raw = raw_values()
    encoding = fitted(raw, mode)
    other = raw.copy()
    other[1, 5, 5:8] = 9
    image, valid = encoding.encode(other)
    rock = image[2:3] if mode == "codes" else image[2:5]
    assert (rock[:, 5, 5:8] == 0).all()
    assert np.array_equal(valid, encoding.encode(raw)[1])


@pytest.mark.parametrize("mode", ["codes", "one_hot"])
def test_constant_factor_is_zero_anywhere(mode):
    raw = raw_values(nodata=0)
    raw[2] = 850.1
    encoding = fitted(raw, mode)
    assert encoding.factors[2].std == 0
    raw[2] = 2000
    assert (encoding.encode(raw)[0][1] == 0).all()


def test_codes_must_be_whole_and_few():
    cells = np.ones((4, 300), dtype=np.float32)
    cells[1] = np.arange(300)
    with pytest.raises(ParameterInvalid, match="rock.*classes"):
        fit_factors(FACTORS, [cells])
    cells[1] = 1.5
    with pytest.raises(ParameterInvalid, match="1.5"):
        fit_factors(FACTORS, [cells])


def test_classes_match_by_label():
    spec = FactorSpec("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}, seen=(1, 2, 3))
    factor = StackFactor("rock", "categorical", classes={4: "Schist ", 1: "till", 2: "basalt", 3: "granite"})
    matcher = ClassMatcher([spec], [factor])
    raw = np.array([[[4, 1, 2], [3, np.nan, 8]]], dtype=np.float32)
    matched = matcher.apply(raw)
    assert np.array_equal(matched, np.array([[[2, 3, -1], [1, np.nan, -1]]], dtype=np.float32), equal_nan=True)
    assert matcher.unknown == {"rock": ["basalt"]}
    assert matcher.translated == ["rock"]


def test_equal_class_tables_change_nothing():
    spec = FactorSpec("rock", "categorical", classes={1: "granite", 2: "schist"}, seen=(1, 2))
    matcher = ClassMatcher([spec], [StackFactor("rock", "categorical", classes={1: "granite", 2: "schist"})])
    raw = np.array([[[1, 2, 5]]], dtype=np.float32)
    assert np.array_equal(matcher.apply(raw.copy()), raw)
    assert not matcher.translated
    assert not matcher.unknown
