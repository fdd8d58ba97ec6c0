"""From physical values to what a network reads: the normalisation and the class tables of a trained model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Sequence

import numpy as np

from .errors import ParameterInvalid
from .factors.definitions import CATEGORICAL

CODES, ONE_HOT = "codes", "one_hot"
UNSEEN_CODE = -1.0
"""Stands in raw values for a class that the model does not have."""
MOST_CLASSES = 250
"""Classes of one factor; their numbers are kept in a byte."""


@dataclass(frozen=True)
class FactorSpec:
    """What a model knows of one of its factors, all of it from training cells only."""

    name: str
    kind: str
    """``continuous`` or ``categorical``."""
    unit: str = ""
    title: str = ""
    classes: Mapping[int, str] = field(default_factory=dict)
    """Label by code, as the stack had it (categorical only)."""
    mean: float = 0.0
    std: float = 1.0
    """Of the values, or of the codes of a categorical factor; 0 where the factor never varies."""
    minimum: float = 0.0
    maximum: float = 0.0
    """Trained range."""
    seen: tuple[int, ...] = ()
    """Codes that occurred in training, rising (categorical only)."""

    @property
    def is_categorical(self) -> bool:
        """Whether values are class codes."""
        return self.kind == CATEGORICAL


class Encoding:
    """Turns raw factors into network channels.

    Continuous factors become z-scores. Categorical ones become z-scores of their code numbers (``codes``, as
    published) or one channel for each class seen in training (``one_hot``). A cell without data in any factor is 0 in
    every channel. A class never seen in training is 0 in its factor's channels: the mean code, or no class at all.
    """

    def __init__(self, factors: Sequence[FactorSpec], mode: str) -> None:
        """Build the tables.

        Args:
            factors: in the order of the raw arrays.
            mode: ``codes`` or ``one_hot``.
        """
        self.factors, self.mode = tuple(factors), mode
        self.continuous = [i for i, spec in enumerate(self.factors) if not spec.is_categorical]
        self.categorical = [i for i, spec in enumerate(self.factors) if spec.is_categorical]
        specs = [self.factors[i] for i in self.continuous]
        self._mean = np.array([spec.mean for spec in specs], dtype=np.float64)[:, None, None]
        self._scale = np.array([1 / spec.std if spec.std > 0 else 0.0 for spec in specs])[:, None, None]
        self.tables = [self._table(self.factors[i]) for i in self.categorical]
        """One a categorical factor, shape (seen classes + 2, channels): row 0 is no data, the last row unseen."""

    @property
    def channels(self) -> int:
        """Channels that the network reads: the continuous factors first, then the categorical ones."""
        return len(self.continuous) + sum(table.shape[1] for table in self.tables)

    def _table(self, spec: FactorSpec) -> np.ndarray:
        classes = len(spec.seen)
        if self.mode == ONE_HOT:
            rows = np.vstack([np.zeros((1, classes)), np.eye(classes), np.zeros((1, classes))])
        else:
            codes = (np.array(spec.seen, dtype=np.float64) - spec.mean) * (1 / spec.std if spec.std > 0 else 0.0)
            rows = np.concatenate([[0.0], codes, [0.0]])[:, None]
        return rows.astype(np.float32)

    def split(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return z-scores, class numbers and validity.

        Args:
            raw: physical values and class codes, float, shape (factors, height, width), NaN where there is no data.

        Returns:
            float32 (continuous factors, height, width), 0 without data; uint8 (categorical factors, height, width),
            0 without data, the place in ``seen`` from 1, and one more for unseen classes; bool (height, width).
        """
        valid = np.isfinite(raw).all(axis=0)
        scores = (raw[self.continuous] - self._mean) * self._scale
        scores = np.where(valid, scores, 0.0).astype(np.float32)
        numbers = np.zeros((len(self.categorical), *valid.shape), dtype=np.uint8)
        for row, index in enumerate(self.categorical):
            numbers[row] = np.where(valid, class_numbers(self.factors[index], raw[index]), 0)
        return scores, numbers, valid

    def encode(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return network channels, float32 (channels, height, width), and validity, bool (height, width).

        Args:
            raw: as for :meth:`split`.
        """
        scores, numbers, valid = self.split(raw)
        planes = [scores]
        for table, plane in zip(self.tables, numbers):
            planes.append(np.moveaxis(table[plane], -1, 0))
        return np.ascontiguousarray(np.concatenate(planes)), valid

    def unseen(self, raw: np.ndarray) -> dict[str, set[int]]:
        """Return the class codes in ``raw`` that training never saw, by factor name; empty when there are none."""
        valid = np.isfinite(raw).all(axis=0)
        found: dict[str, set[int]] = {}
        for index in self.categorical:
            spec = self.factors[index]
            codes = np.unique(raw[index][valid])
            new = {int(code) for code in codes[~np.isin(codes, np.array(spec.seen, dtype=codes.dtype))]}
            if new:
                found[spec.name] = new
        return found


def class_numbers(spec: FactorSpec, codes: np.ndarray) -> np.ndarray:
    """Return for each code its place in ``spec.seen`` from 1, or one more than there are for an unseen code."""
    seen = np.array(spec.seen, dtype=np.float64)
    place = np.searchsorted(seen, codes)
    hit = (place < len(seen)) & (seen[np.minimum(place, len(seen) - 1)] == codes) if len(seen) else \
        np.zeros(codes.shape, dtype=bool)
    return np.where(hit, place + 1, len(seen) + 1).astype(np.uint8)


def fit_factors(factors: Iterable[Any], batches: Iterable[np.ndarray]) -> list[FactorSpec]:
    """Return what training cells say about each factor.

    Args:
        factors: objects with ``name``, ``kind``, ``unit``, ``title`` and ``classes``, in the order of the values.
        batches: arrays of shape (factors, cells) of training cells, without NaN; read once.

    Raises:
        ParameterInvalid: a categorical factor has too many classes, or codes that are not whole numbers.
    """
    described = list(factors)
    total, count = np.zeros(len(described)), 0
    shift: np.ndarray | None = None
    square = np.zeros(len(described))
    low, high = np.full(len(described), np.inf), np.full(len(described), -np.inf)
    seen: list[set[float]] = [set() for _ in described]
    for cells in batches:
        if not cells.shape[1]:
            continue
        values = cells.astype(np.float64)
        if shift is None:
            # Sums of squares around a typical value keep their digits, around zero they may not (elevation, rain).
            shift = values.mean(axis=1)
        away = values - shift[:, None]
        total, square, count = total + away.sum(axis=1), square + (away ** 2).sum(axis=1), count + values.shape[1]
        low, high = np.minimum(low, values.min(axis=1)), np.maximum(high, values.max(axis=1))
        for index, factor in enumerate(described):
            if factor.kind == CATEGORICAL:
                seen[index].update(np.unique(values[index]).tolist())
                _check_codes(factor.name, seen[index])
    if shift is None:
        raise ParameterInvalid("There is no training cell with data in all factors.")
    mean = shift + total / count
    std = np.sqrt(np.maximum(square / count - (total / count) ** 2, 0))
    # What is left of rounding is no variation.
    std[std <= 1e-6 * np.maximum(np.abs(low), np.abs(high))] = 0
    std[low == high] = 0
    return [FactorSpec(factor.name, factor.kind, factor.unit, factor.title, dict(factor.classes), float(mean[i]),
                       float(std[i]), float(low[i]), float(high[i]), tuple(sorted(int(code) for code in seen[i])))
            for i, factor in enumerate(described)]


def _check_codes(name: str, codes: set[float]) -> None:
    if len(codes) > MOST_CLASSES:
        raise ParameterInvalid(f'The categorical factor "{name}" has more than {MOST_CLASSES} classes. Merge classes, '
                               "or give it as a continuous factor.")
    wrong = [code for code in codes if code != int(code) or not 0 <= code < 2 ** 24]
    if wrong:
        raise ParameterInvalid(f'The categorical factor "{name}" has the value {wrong[0]:g}, which is no class code. '
                               "Give it as a continuous factor.")


class ClassMatcher:
    """Turns the class codes of a stack into a model's, by label, because codes may differ between areas."""

    def __init__(self, specs: Sequence[FactorSpec], factors: Sequence[Any]) -> None:
        """Compare the class tables.

        Args:
            specs: the model's factors.
            factors: the stack's factors of the same names in the same order, with ``classes``.
        """
        self._translations: list[tuple[int, np.ndarray, np.ndarray]] = []
        self.unknown: dict[str, list[str]] = {}
        """Labels of the stack that the model's tables lack, by factor; their cells count as unseen classes."""
        self.translated: list[str] = []
        """Factors whose codes differ from the model's."""
        for index, (spec, factor) in enumerate(zip(specs, factors)):
            if not spec.is_categorical or not spec.classes or not factor.classes:
                continue
            codes = {_plain(label): code for code, label in spec.classes.items()}
            pairs = {int(code): codes.get(_plain(label), UNSEEN_CODE) for code, label in factor.classes.items()}
            missing = [factor.classes[code] for code, target in pairs.items() if target == UNSEEN_CODE]
            if missing:
                self.unknown[spec.name] = missing
            if any(code != target for code, target in pairs.items()):
                self.translated.append(spec.name)
                ordered = sorted(pairs)
                self._translations.append((index, np.array(ordered, dtype=np.float32),
                                           np.array([pairs[code] for code in ordered], dtype=np.float32)))

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Translate codes in place in an array of shape (factors, height, width), and return it."""
        for index, codes, targets in self._translations:
            plane = raw[index]
            place = np.minimum(np.searchsorted(codes, plane), len(codes) - 1)
            known = codes[place] == plane
            # A code that the stack's own table lacks has no label to match by.
            raw[index] = np.where(np.isnan(plane), np.nan, np.where(known, targets[place], UNSEEN_CODE))
        return raw


def _plain(label: str) -> str:
    return " ".join(str(label).split()).casefold()
