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


def test_channels_follow_from_the_values():
    """Also of rain, with a spread of millionths of its mean; for any values see test_properties_prediction.py."""
    raw = raw_values()
    codes, one_hot = (fitted(raw, mode).encode(raw)[0] for mode in ("codes", "one_hot"))
    valid = np.isfinite(raw).all(axis=0)
    assert (codes.dtype, codes.shape, one_hot.shape) == (np.float32, (4, 40, 40), (2 + 3 + 9, 40, 40))
    for channel, band in enumerate((0, 2, 1, 3)):
        cells = raw[band][valid].astype(np.float64)
        assert np.allclose(codes[channel][valid], (cells - cells.mean()) / cells.std(), atol=1e-4)
    assert np.array_equal(one_hot[:2], codes[:2])
    for channel, (band, code) in enumerate([(1, 1), (1, 3), (1, 7), *((3, code) for code in range(1, 10))], 2):
        assert np.array_equal(one_hot[channel], valid & (raw[band] == code))


@pytest.mark.parametrize("pieces", [1, 3, 11])
def test_statistics_do_not_depend_on_batches(pieces):
    raw = raw_values(nodata=0).reshape(4, -1)
    specs = fit_factors(FACTORS, np.array_split(raw, pieces, axis=1))
    for spec, values in zip(specs, raw.astype(np.float64)):
        assert spec.mean == pytest.approx(values.mean(), rel=1e-12)
        assert spec.std == pytest.approx(values.std(), rel=1e-6)
        assert (spec.minimum, spec.maximum) == (values.min(), values.max())
    assert [spec.seen for spec in specs[:2]] == [(), (1, 3, 7)]


@pytest.mark.parametrize("mode", ["codes", "one_hot"])
def test_an_unseen_class_and_a_constant_factor_are_zero(mode):
    raw = raw_values(nodata=0)
    raw[2] = 850.1
    encoding = fitted(raw, mode)
    raw[2] = 2000
    raw[1, 5, 5:8] = 9
    image, valid = encoding.encode(raw)
    assert encoding.factors[2].std == 0
    assert (image[1] == 0).all() and (image[2 : 3 if mode == "codes" else 5, 5, 5:8] == 0).all() and valid.all()


def test_codes_must_be_whole_and_few():
    cells = np.ones((4, 300), dtype=np.float32)
    for codes, words in ((np.arange(300), "rock.*classes"), (1.5, "1.5")):
        cells[1] = codes
        with pytest.raises(ParameterInvalid, match=words):
            fit_factors(FACTORS, [cells])


def test_classes_match_by_label():
    spec = FactorSpec("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}, seen=(1, 2, 3))
    factor = StackFactor("rock", "categorical", classes={4: "Schist ", 1: "till", 2: "basalt", 3: "granite"})
    matcher = ClassMatcher([spec], [factor])
    raw = np.array([[[4, 1, 2], [3, np.nan, 8]]], dtype=np.float32)
    matched = matcher.apply(raw.copy())
    assert np.array_equal(matched, np.array([[[2, 3, -1], [1, np.nan, -1]]], dtype=np.float32), equal_nan=True)
    assert (matcher.unknown, matcher.translated) == ({"rock": ["basalt"]}, ["rock"])
    same = ClassMatcher([spec], [StackFactor("rock", "categorical", classes=spec.classes)])
    assert np.array_equal(same.apply(raw.copy()), raw, equal_nan=True)
    assert not (same.translated or same.unknown)

    assert matcher.unknown == {"rock": ["basalt"]}
    assert matcher.translated == ["rock"]


def test_equal_class_tables_change_nothing():
    spec = FactorSpec("rock", "categorical", classes={1: "granite", 2: "schist"}, seen=(1, 2))
    matcher = ClassMatcher([spec], [StackFactor("rock", "categorical", classes={1: "granite", 2: "schist"})])
    raw = np.array([[[1, 2, 5]]], dtype=np.float32)
    assert np.array_equal(matcher.apply(raw.copy()), raw)
    assert not matcher.translated
    assert not matcher.unknown


def test_labels_that_differ_only_in_case_keep_their_own_codes():
    classes = {1: "GRANITE", 2: "Granite", 3: "granite"}
    spec = FactorSpec("rock", "categorical", classes=classes, seen=(1, 2, 3))
    matcher = ClassMatcher(
        [spec], [StackFactor("rock", "categorical", classes={7: "granite", 8: "GRANITE", 9: "Granite"})]
    )
    raw = np.array([[[7, 8, 9]]], dtype=np.float32)
    assert matcher.apply(raw).tolist() == [[[3, 1, 2]]]
    assert not matcher.unknown
