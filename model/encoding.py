"""Encode physical values as network channels: normalisation and class tables of a trained model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import ParameterInvalid
from .factors.definitions import CATEGORICAL, EMBEDDINGS, MAX_CLASSES
from .texts import clean_label

CODES, ONE_HOT = "codes", "one_hot"
UNSEEN_CODE = -1.0  # replaces in raw values a class that the model does not have
_MAX_TABLE_CODE = 65536


@dataclass(frozen=True)
class Component:
    """One principal component: its value is the sum of weights × bands, minus the offset."""

    bands: tuple[str, ...]  # names of bands of a stack
    weights: tuple[float, ...]  # unit length
    offset: float  # the same sum of the mean of the training land
    share: float  # of the variance of the training land, 0 to 1


@dataclass(frozen=True)
class FactorSpec:
    """Statistics and classes of one factor of a model, from training cells only."""

    name: str
    kind: str  # ``continuous`` or ``categorical``
    unit: str = ""
    title: str = ""
    classes: Mapping[int, str] = field(default_factory=dict)  # label by code, from the stack (categorical only)
    mean: float = 0.0
    std: float = 1.0  # of the values or class codes; 0 for a constant factor
    minimum: float = 0.0
    maximum: float = 0.0  # trained range
    seen: tuple[int, ...] = ()  # codes that occurred in training, increasing (categorical only)
    component: Component | None = None  # how the values follow from bands of a stack, if they are computed

    @property
    def shown_name(self) -> str:
        """Name where the components of an embedding are shown as one factor."""
        return self.name if self.component is None else EMBEDDINGS

    @property
    def is_categorical(self) -> bool:
        """Whether values are class codes."""
        return self.kind == CATEGORICAL


class Encoding:
    """Turns raw factors into network channels, continuous factors first.

    Continuous factors become z-scores. Categorical ones become z-scores of their codes (``codes``, as published) or
    one channel per class seen in training (``one_hot``). A cell without data in any factor is 0 in every channel. A
    class never seen in training is 0 in its factor's channels: the mean code, or no class at all.
    """

    def __init__(self, factors: Sequence[FactorSpec], mode: str) -> None:
        self.factors, self.mode = tuple(factors), mode
        self.continuous = [i for i, spec in enumerate(self.factors) if not spec.is_categorical]
        self.categorical = [i for i, spec in enumerate(self.factors) if spec.is_categorical]
        codes = {i: self.factors[i].seen if mode == ONE_HOT else (None,) for i in self.categorical}
        self.channel_sources: list[tuple[int, int | None]] = [
            *((i, None) for i in self.continuous),
            *((i, code) for i in self.categorical for code in codes[i]),
        ]
        """Per channel the index of its factor, and the code of its class if it is one."""
        self.channels = len(self.channel_sources)  # that the network reads
        self._class_indices = [_ClassIndex(self.factors[i]) for i in self.categorical]
        self.tables = [self._table(self.factors[i]) for i in self.categorical]
        """Per categorical factor, (seen classes + 2, channels): row 0 is no data, the last row unseen."""

    def _table(self, spec: FactorSpec) -> np.ndarray:
        classes = len(spec.seen)
        if self.mode == ONE_HOT:
            rows = np.vstack([np.zeros((1, classes)), np.eye(classes), np.zeros((1, classes))])
        else:
            codes = (np.array(spec.seen, dtype=np.float64) - spec.mean) * (1 / spec.std if spec.std > 0 else 0.0)
            rows = np.concatenate([[0.0], codes, [0.0]])[:, None]
        return rows.astype(np.float32)

    def split(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return z-scores, class numbers and validity of physical values and class codes.

        ``raw`` is float (factors, height, width), NaN without data. The results are float32 (continuous factors,
        height, width), 0 without data; uint8 (categorical factors, height, width), 0 without data, the index in
        ``seen`` from 1, and one more for unseen classes; bool (height, width).
        """
        valid = complete_cells(raw)
        scores = np.empty((len(self.continuous), *valid.shape), dtype=np.float32)
        self._scores(raw, valid, scores)
        return scores, self._class_numbers(raw, valid), valid

    def encode(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return network channels, float32 (channels, height, width), and validity; ``raw`` as for :meth:`split`."""
        valid = complete_cells(raw)
        image = np.empty((self.channels, *valid.shape), dtype=np.float32)
        channel = len(self.continuous)
        self._scores(raw, valid, image[:channel])
        for table, plane in zip(self.tables, self._class_numbers(raw, valid)):
            if self.mode == ONE_HOT:
                for number in range(1, table.shape[1] + 1):
                    np.equal(plane, number, out=image[channel + number - 1])
            else:
                np.take(table[:, 0], plane, out=image[channel])
            channel += table.shape[1]
        return image, valid

    def _scores(self, raw: np.ndarray, valid: np.ndarray, result: np.ndarray) -> None:
        gaps = None if valid.all() else ~valid
        for place, index in enumerate(self.continuous):
            spec = self.factors[index]
            # The mean in two parts: rounded to one float32, a mean of thousands of metres would shift every score.
            mean = np.float32(spec.mean)
            scores = np.subtract(raw[index], mean, out=result[place], casting="same_kind")
            scores -= np.float32(spec.mean - float(mean))
            scores *= np.float32(1 / spec.std if spec.std > 0 else 0.0)
            if gaps is not None:
                scores[gaps] = 0

    def _class_numbers(self, raw: np.ndarray, valid: np.ndarray) -> np.ndarray:
        numbers = np.empty((len(self.categorical), *valid.shape), dtype=np.uint8)
        for row, index in enumerate(self.categorical):
            numbers[row] = self._class_indices[row].lookup(raw[index])
        numbers *= valid
        return numbers


class _ClassIndex:
    """The index of a code in ``seen`` from 1; one more than there are for unseen codes and NaN."""

    def __init__(self, spec: FactorSpec) -> None:
        self._unseen = len(spec.seen) + 1
        self._seen = np.array(spec.seen, dtype=np.float64)
        self._table: np.ndarray | None = None
        if spec.seen and spec.seen[-1] < _MAX_TABLE_CODE:
            # The first row is for codes below 0, the last for codes above all seen ones; code c has row c + 1.
            self._table = np.full(spec.seen[-1] + 3, self._unseen, dtype=np.uint8)
            self._table[np.array(spec.seen) + 1] = np.arange(1, self._unseen)

    def lookup(self, codes: np.ndarray) -> np.ndarray:
        if self._table is None:
            place = np.searchsorted(self._seen, codes)
            hit = self._seen[np.minimum(place, len(self._seen) - 1)] == codes
            return np.where(hit, place + 1, self._unseen).astype(np.uint8)
        # Clipped first: a value that does not fit into 32 bits would become any number.
        bounded = np.clip(codes, -1, len(self._table) - 2)
        with np.errstate(invalid="ignore"):
            whole = bounded.astype(np.int32)
        places = self._table.take(whole + 1, mode="clip")
        broken = whole != codes if codes.dtype == np.float64 else whole.astype(np.float32) != codes
        # Codes above all seen ones are unequal too, and unseen already.
        places[broken] = self._unseen
        return places


def complete_cells(raw: np.ndarray) -> np.ndarray:
    """Return which cells of (factors, height, width) have data in every factor, bool (height, width)."""
    with np.errstate(over="ignore", invalid="ignore"):
        valid = np.isfinite(raw.sum(axis=0))
    if not valid.all():
        # Sums of finite numbers may overflow.
        rest = ~valid
        valid[rest] = np.isfinite(raw[:, rest]).all(axis=0)
    return valid


def fit_factors(factors: Iterable[Any], batches: Iterable[np.ndarray]) -> list[FactorSpec]:
    """Return the statistics and classes of the training cells.

    Factors have ``name``, ``kind``, ``unit``, ``title`` and ``classes``, computed ones a ``component`` too, and are in
    the order of the values; batches are training cells (factors, cells) without NaN and are read once. Raises
    ``ParameterInvalid`` if a categorical factor has too many classes, or codes that are not whole numbers.
    """
    factor_list = list(factors)
    total, count = np.zeros(len(factor_list)), 0
    shift: np.ndarray | None = None
    square = np.zeros(len(factor_list))
    low, high = np.full(len(factor_list), np.inf), np.full(len(factor_list), -np.inf)
    seen: list[set[float]] = [set() for _ in factor_list]
    for cells in batches:
        if not cells.shape[1]:
            continue
        values = cells.astype(np.float64)
        if shift is None:
            # Sums of squares are accurate around a typical value, not around zero (elevation, rain).
            shift = values.mean(axis=1)
        deviation = values - shift[:, None]
        total, square = total + deviation.sum(axis=1), square + (deviation**2).sum(axis=1)
        count += values.shape[1]
        low, high = np.minimum(low, values.min(axis=1)), np.maximum(high, values.max(axis=1))
        for index, factor in enumerate(factor_list):
            if factor.kind == CATEGORICAL:
                seen[index].update(np.unique(values[index]).tolist())
                _check_codes(factor.name, seen[index])
    if shift is None:
        raise ParameterInvalid("There is no training cell with data in all factors.")
    mean = shift + total / count
    std = np.sqrt(np.maximum(square / count - (total / count) ** 2, 0))
    # A rounding error is no variation.
    std[std <= 1e-6 * np.maximum(np.abs(low), np.abs(high))] = 0
    std[low == high] = 0
    specs = []
    for factor, codes, numbers in zip(factor_list, seen, np.stack([mean, std, low, high], axis=1).tolist()):
        classes, found = dict(factor.classes), tuple(sorted(int(code) for code in codes))
        statistics = dict(zip(("mean", "std", "minimum", "maximum"), numbers))
        texts = factor.name, factor.kind, factor.unit, factor.title
        component = getattr(factor, "component", None)
        specs.append(FactorSpec(*texts, classes, **statistics, seen=found, component=component))
    return specs


def _check_codes(name: str, codes: set[float]) -> None:
    if len(codes) > MAX_CLASSES:
        raise ParameterInvalid(
            f'The categorical factor "{name}" has more than {MAX_CLASSES} classes. Merge classes, or give it as a '
            "continuous factor."
        )
    wrong = [code for code in codes if code != int(code) or not 0 <= code < 2**24]
    if wrong:
        raise ParameterInvalid(
            f'The categorical factor "{name}" has the value {wrong[0]:g}, which is no class code. Give it as a '
            "continuous factor."
        )


class ClassMatcher:
    """Translates the class codes of a stack into a model's by label, because codes may differ between areas."""

    def __init__(self, specs: Sequence[FactorSpec], factors: Sequence[Any]) -> None:
        """Compare the class tables of a model's factors with those of the stack, which are in the same order."""
        self._translations: list[tuple[int, np.ndarray, np.ndarray]] = []
        self.unknown: dict[str, list[str]] = {}  # labels of the stack that the model lacks, by factor
        self.translated: list[str] = []  # factors whose codes differ from the model's
        for index, (spec, factor) in enumerate(zip(specs, factors)):
            if not spec.is_categorical or not spec.classes or not factor.classes:
                continue
            exact = {label: code for code, label in spec.classes.items()}
            codes = {normalise_label(label): code for code, label in spec.classes.items()}
            # Labels that differ only in case are classes of their own, so the same spelling comes first.
            pairs = {
                int(code): exact.get(label, codes.get(normalise_label(label), UNSEEN_CODE))
                for code, label in factor.classes.items()
            }
            missing = [factor.classes[code] for code, target in pairs.items() if target == UNSEEN_CODE]
            if missing:
                self.unknown[spec.name] = missing
            if any(code != target for code, target in pairs.items()):
                self.translated.append(spec.name)
                ordered = sorted(pairs)
                codes_and_targets = np.array([ordered, [pairs[code] for code in ordered]], dtype=np.float32)
                self._translations.append((index, *codes_and_targets))

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Translate codes in place in an array of shape (factors, height, width), and return it."""
        for index, codes, targets in self._translations:
            plane = raw[index]
            place = np.minimum(np.searchsorted(codes, plane), len(codes) - 1)
            known = codes[place] == plane
            # A code without a label in the stack's own table cannot be matched.
            raw[index] = np.where(np.isnan(plane), np.nan, np.where(known, targets[place], UNSEEN_CODE))
        return raw


def normalise_label(label: str) -> str:
    """Return a class label for comparison: case, blanks and the Unicode form do not matter."""
    return clean_label(str(label)).casefold()
