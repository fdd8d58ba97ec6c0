"""One or several trained models, with or without dropout samples, as one function of a stack's values."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Iterator, Sequence

import numpy as np
import torch

from ..artifact import TrainedModel
from ..encoding import ClassMatcher, FactorSpec
from ..errors import ParameterInvalid
from ..progress import Progress, stop_if_cancelled
from ..stack import Stack, StackFactor

PIXEL_TOLERANCE = 0.01
"""Relative difference between the cell sizes of stack and model from which it is said."""

BYTES_RAW = 8
"""Memory for a cell and factor of a tile: the values as read and as translated."""

BYTES_ENCODING = 36
"""Further memory for a cell and factor while it is normalised, in double precision; before the network runs."""

BYTES_CHANNEL = 8
"""Memory for a cell and network channel: encoded, and as the network's input."""

BYTES_FEATURE = 30
"""Memory for a cell and channel of the first level while the network runs, 4 bytes times the feature maps alive there
and below; measured at widths 8 to 64 and depths 2 to 4, a little above the highest."""

BYTES_CURVE = 12
"""Memory for a cell and knot of one curve, and for a cell and continuous factor, while the curves are added up."""

_SEED_STEP = 1_000_003


@dataclass
class Result:
    """What the models say of one tile, float32, NaN where a factor has no data."""

    mean: np.ndarray
    spread: np.ndarray | None
    """Standard deviation over models and samples; ``None`` with one of each."""


class Ensemble:
    """Several models over one stack; each gets its own factors, with classes matched by label."""

    def __init__(self, stack: Stack, models: Sequence[TrainedModel], names: Sequence[str], samples: int,
                 progress: Progress) -> None:
        """Compare the models with the stack.

        Args:
            stack: the open factor stack.
            models: trained models, already on their device.
            names: what to call each in messages.
            samples: dropout samples of each model; 0 for the network without dropout.
            progress: hears what may mislead.

        Raises:
            FactorMissing: the stack lacks factors.
            ParameterInvalid: a factor is of another kind in the stack than in a model, or SAMPLES is out of range.
        """
        if not 0 <= samples <= 1000:
            raise ParameterInvalid(f"SAMPLES is {samples}, but it is a number from 0 to 1000.")
        self.models, self.samples, self._progress = list(models), samples, progress
        self.factor_names = list(dict.fromkeys(name for model in models for name in model.factor_names))
        stack.band_numbers(self.factor_names)
        self.factors: list[StackFactor] = [stack.factor(name) for name in self.factor_names]
        place = {name: index for index, name in enumerate(self.factor_names)}
        self._places = [[place[name] for name in model.factor_names] for model in models]
        self._matchers = []
        for model, name, places in zip(models, names, self._places):
            factors = [self.factors[index] for index in places]
            _check_factors(model, name, factors, progress)
            self._matchers.append(_match_classes(model, name, factors, progress))
            _check_pixel(model, name, stack, progress)
        self.specs: list[list[FactorSpec]] = [
            [spec for model in models for spec in model.factors if spec.name == name] for name in self.factor_names]
        if samples and not any(float(model.architecture.get("dropout", 0)) > 0 for model in models):
            progress.warn("SAMPLES asks for dropout samples, but no model was trained with DROPOUT above 0, so all "
                          "samples of a model are the same.")

    @property
    def members(self) -> int:
        """Maps that the mean is taken of."""
        return len(self.models) * max(self.samples, 1)

    @property
    def halo(self) -> int:
        """Cells of context that the widest-seeing model needs."""
        return max(model.halo for model in self.models)

    @property
    def align(self) -> int:
        """Multiple of which tile origins must be for all models."""
        return int(np.lcm.reduce([model.align for model in self.models]))

    @property
    def patch(self) -> int:
        """Side in cells of the squares that share one answer, when it is the same for all models; else 1."""
        sides = {model.patch for model in self.models}
        return sides.pop() if len(sides) == 1 else 1

    @property
    def bytes_per_cell(self) -> float:
        """Estimate of the memory that one cell of a tile takes at the worst moment."""
        factors = len(self.factors)
        return BYTES_RAW * factors + max(
            BYTES_CHANNEL * model.encoder.channels + max(BYTES_ENCODING * factors, _features(model))
            for model in self.models)

    def translate(self, raw: np.ndarray) -> list[np.ndarray]:
        """Return for each model its factors in its order and with its class codes.

        Args:
            raw: values of the stack, shape (factors, height, width), in the order of ``factor_names``.
        """
        return [matcher.apply(raw[places]) for matcher, places in zip(self._matchers, self._places)]

    def by_factor(self, translated: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """Return for each factor its values as each of the models that use it names them, in the order of ``specs``."""
        return [[values[places.index(index)] for values, places in zip(translated, self._places) if index in places]
                for index in range(len(self.factors))]

    def predict(self, translated: Sequence[np.ndarray]) -> Result:
        """Return mean and standard deviation of all models and samples.

        Sample ``s`` drops the same channels in every tile, so samples, too, do not depend on the tiles.

        Args:
            translated: from :meth:`translate`.
        """
        mean: np.ndarray | None = None
        squares = np.zeros(0, dtype=np.float64)
        count = 0
        for number, (model, values) in enumerate(zip(self.models, translated)):
            for sample in range(self.samples) if self.samples else [None]:
                stop_if_cancelled(self._progress)
                seed = None if sample is None else number * _SEED_STEP + sample + 1
                probability = model.probability(values, seed).astype(np.float64)
                count += 1
                if mean is None:
                    mean, squares = probability, np.zeros_like(probability)
                    continue
                # Welford 1962: no loss of digits when the members hardly differ.
                step = probability - mean
                mean += step / count
                squares += step * (probability - mean)
        if mean is None:
            raise ParameterInvalid("MODEL is empty. Give at least one trained model.")
        spread = np.sqrt(squares / (count - 1)).astype(np.float32) if count > 1 else None
        return Result(mean.astype(np.float32), spread)


@contextlib.contextmanager
def exact_arithmetic(models: Sequence[TrainedModel]) -> Iterator[None]:
    """Keep CUDA from computing fp32 convolutions with 10-bit factors, its default, which would show tile seams."""
    if all(model.device.type != "cuda" for model in models):
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def _features(model: TrainedModel) -> float:
    """Return the memory that a cell takes while the network runs."""
    given = model.architecture
    curves = BYTES_CURVE * (int(given.get("knots", 0)) + int(given.get("continuous", 0)))
    return BYTES_FEATURE * int(given.get("width", 32)) + curves


def _check_factors(model: TrainedModel, name: str, factors: Sequence[StackFactor], progress: Progress) -> None:
    for spec, factor in zip(model.factors, factors):
        if spec.kind != factor.kind:
            raise ParameterInvalid(f'The factor "{spec.name}" is {spec.kind} in the model {name} but {factor.kind} in '
                                   "the factor stack. Build the stack as the one the model was trained on.")
        if spec.unit and factor.unit and spec.unit != factor.unit:
            progress.warn(f'The factor "{spec.name}" is in {factor.unit} in the stack, but the model {name} was '
                          f"trained on {spec.unit}. Build the stack in the model's units.")


def _match_classes(model: TrainedModel, name: str, factors: Sequence[StackFactor], progress: Progress
                   ) -> ClassMatcher:
    for spec, factor in zip(model.factors, factors):
        if spec.is_categorical and not (spec.classes and factor.classes):
            where = "stack" if spec.classes else f"model {name}"
            progress.warn(f'The {where} has no class names for "{spec.name}", so its class codes are taken to mean '
                          "the same in both.")
    matcher = ClassMatcher(model.factors, factors)
    if matcher.translated:
        progress.report(0.0, f"Class codes of {', '.join(matcher.translated)} differ between the stack and the model "
                             f"{name}; they are matched by their names.")
    for factor, labels in matcher.unknown.items():
        listed = ", ".join(f'"{label}"' for label in labels)
        progress.report(0.0, f"Classes of {factor} in the stack that the model {name} does not know: {listed}.")
    return matcher


def _check_pixel(model: TrainedModel, name: str, stack: Stack, progress: Progress) -> None:
    size = stack.grid.cell_size()
    if abs(size / model.pixel_size - 1) > PIXEL_TOLERANCE:
        progress.warn(f"The cells of the stack are {size:.4g} m, but the model {name} was trained on cells of "
                      f"{model.pixel_size:.4g} m. Its patterns are sizes in cells, so the map may be wrong. Build the "
                      "stack on the model's cell size, or train on this one.")
