"""Training on from a trained network, on another area: its factors, its classes and new ones, its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from ..encoding import MAX_CLASSES, ONE_HOT, ClassMatcher, Encoding, FactorSpec, normalise_label
from ..errors import FactorMissing, ParameterInvalid
from ..networks import build_network
from ..progress import Progress
from ..windows.reading import TRAIN, WindowSet
from .settings import TrainingSettings, parameter_name

KINDS = ("pcum", "unet")
"""Kinds of model that training can go on from."""
NETWORKS = ("unet", "additive_unet")
"""What their networks are; a model file may say anything."""
LEARNING_RATE_FACTOR = 0.1
"""Of the learning rate: a trained network is to be bent, not to be started over."""
PIXEL_TOLERANCE = 0.01
"""Relative difference between cell sizes from which it is said."""


@dataclass
class StartModel:
    """A trained model to train on from."""

    name: str
    """For messages."""
    sha256: str
    """Of its file."""
    kind: str
    architecture: dict[str, Any]
    encoding: str
    factors: list[FactorSpec]
    network: nn.Module = field(repr=False)
    """On the CPU."""
    pixel_size: float = 0.0
    """Metres; 0 when not known."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.architecture.get("type") not in NETWORKS:
            raise ParameterInvalid(
                f"START_FROM is a model of kind {self.kind} ({self.name}), but training can go on "
                f"only from {' and '.join(KINDS)}. Choose another model, or leave START_FROM empty."
            )


def fine_tune_settings(start: StartModel, settings: TrainingSettings, given: Collection[str] = ()) -> TrainingSettings:
    """Return settings in which the network is the start's, and the steps are smaller.

    Args:
        start: what training goes on from.
        settings: of the run.
        given: names of the settings that the user set.

    Raises:
        ParameterInvalid: the user set a width, depth, dropout or encoding that is not the start's.
    """
    names = TrainingSettings.__dataclass_fields__
    # A U-Net without curves does not say so.
    own = {"encoding": start.encoding, "knots": 0}
    own |= {name: value for name, value in start.architecture.items() if name in names}
    for name, value in own.items():
        if name in given and getattr(settings, name) != value:
            raise ParameterInvalid(
                f"{parameter_name(name)} is {getattr(settings, name)}, but the model {start.name} of START_FROM has "
                f"{value}, which cannot change any more. Leave {parameter_name(name)} empty."
            )
    if "learning_rate" not in given:
        own["learning_rate"] = max(LEARNING_RATE_FACTOR * settings.learning_rate, 1e-8)
    return dataclasses.replace(settings, **own)


def check_pixel_size(start: StartModel, size: float, progress: Progress) -> None:
    """Warn when the new area's cells, in metres, are not of the start's size."""
    if start.pixel_size and abs(size / start.pixel_size - 1) > PIXEL_TOLERANCE:
        progress.warn(
            f"The cells of the stack are {size:.4g} m, but the model {start.name} of START_FROM was trained "
            f"on cells of {start.pixel_size:.4g} m. Its patterns are sizes in cells, so it may help little. "
            "Build the stack on the model's cell size."
        )


def adapt_windows(
    start: StartModel, windows: WindowSet, factors: Sequence[Any], progress: Progress
) -> tuple[WindowSet, list[FactorSpec]]:
    """Return windows in the start's factors and class codes, and what the new model knows of the factors.

    Mean and standard deviation stay the start's, or its weights would mean something else. Classes are matched by
    label. With ``one_hot``, classes that the start never saw but that occur in the training windows are added; with
    ``codes`` they cannot be, because a new code has no place among the old ones. Ranges become the union of both.

    Args:
        start: what training goes on from.
        windows: of the new area.
        factors: the new stack's factors, in the order of the windows' values.
        progress: hears of factors left aside and of new classes.

    Raises:
        FactorMissing: the new stack lacks a factor of the start.
        ParameterInvalid: a factor is of another kind, or has too many classes.
    """
    places = _factor_indices(start, factors, progress)
    mine = [factors[place] for place in places]
    specs = [
        _add_labels(spec, factor) if start.encoding == ONE_HOT else spec for spec, factor in zip(start.factors, mine)
    ]
    matcher = ClassMatcher(specs, mine)
    if matcher.translated:
        progress.report(
            0.0,
            f"Class codes of {', '.join(matcher.translated)} differ between the stack and the model "
            f"{start.name}; they are matched by their names.",
        )
    values = np.empty((len(windows), len(places), *windows.factors.shape[2:]), dtype=np.float32)
    for index in range(len(windows)):
        values[index] = matcher.apply(windows.factors[index][places])
    result = dataclasses.replace(windows, factors=values)
    return result, _extend_specs(start, specs, result, matcher.unknown, progress)


def fine_tune_network(start: StartModel, specs: Sequence[FactorSpec], seed: int) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network that computes exactly what the start does, and its architecture.

    Weights that read the channel of a new class start at zero.

    Args:
        start: what training goes on from.
        specs: from :func:`adapt_windows`.
        seed: of weights that are overwritten here.
    """
    old, new = _channels(start.factors, start.encoding), _channels(specs, start.encoding)
    architecture = {**start.architecture, "channels": len(new)}
    network = build_network(architecture, seed)
    places = torch.tensor([new.index(channel) for channel in old])
    before, state = start.network.state_dict(), network.state_dict()
    with torch.no_grad():
        for name, value in state.items():
            # Only what reads the channels has another shape, along that axis; classes are added and none is lost.
            wider = [axis for axis, (now, then) in enumerate(zip(value.shape, before[name].shape)) if now != then]
            if wider:
                value.zero_().index_copy_(wider[0], places, before[name])
            else:
                value.copy_(before[name])
    return network, architecture


def _channels(specs: Sequence[FactorSpec], mode: str) -> list[tuple[str, int]]:
    """Return factor and class of each channel of ``Encoding``; -1 for a channel that is no class."""
    encoding = Encoding(specs, mode)
    names = [(specs[index].name, -1) for index in encoding.continuous]
    for index in encoding.categorical:
        codes = specs[index].seen if mode == ONE_HOT else (-1,)
        names += [(specs[index].name, code) for code in codes]
    return names


def _factor_indices(start: StartModel, factors: Sequence[Any], progress: Progress) -> list[int]:
    place = {factor.name: index for index, factor in enumerate(factors)}
    missing = [spec.name for spec in start.factors if spec.name not in place]
    if missing:
        raise FactorMissing(
            f"The factor stack has no {', '.join(missing)}, which the model {start.name} of START_FROM "
            f"needs. It has: {', '.join(place)}. Build the stack with the inputs for the missing "
            "factors, or leave START_FROM empty."
        )
    wanted = {spec.name for spec in start.factors}
    ignored = [name for name in place if name not in wanted]
    if ignored:
        progress.report(
            0.0,
            f"The model {start.name} does not know these factors of the stack, so they are left "
            f"aside: {', '.join(ignored)}.",
        )
    for spec in start.factors:
        factor = factors[place[spec.name]]
        if factor.kind != spec.kind:
            raise ParameterInvalid(
                f'The factor "{spec.name}" is {spec.kind} in the model {start.name} but '
                f"{factor.kind} in the factor stack. Build the stack as the one the model was "
                "trained on."
            )
        if spec.unit and factor.unit and spec.unit != factor.unit:
            progress.warn(
                f'The factor "{spec.name}" is in {factor.unit} in the stack, but the model {start.name} was '
                f"trained on {spec.unit}. Build the stack in the model's units."
            )
        if spec.is_categorical and not (spec.classes and factor.classes):
            progress.warn(
                f"The {'stack' if spec.classes else 'model ' + start.name} has no class names for "
                f'"{spec.name}", so its class codes are taken to mean the same in both.'
            )
    return [place[spec.name] for spec in start.factors]


def _add_labels(spec: FactorSpec, factor: Any) -> FactorSpec:
    """Add the labels that only the new stack has, under its own codes where these are free."""
    if not spec.is_categorical or not spec.classes or not factor.classes:
        return spec
    labels = {normalise_label(label) for label in spec.classes.values()}
    classes: dict[int, str] = dict(spec.classes)
    taken = {*classes, *spec.seen}
    # Above all codes of both, so that a code without a label in the new stack cannot be taken for a new class.
    free = max([*taken, *factor.classes]) + 1
    for code, label in sorted(factor.classes.items()):
        if normalise_label(label) in labels:
            continue
        if int(code) in taken:
            code, free = free, free + 1
        classes[int(code)] = label
        taken.add(int(code))
        labels.add(normalise_label(label))
    return dataclasses.replace(spec, classes=classes)


def _extend_specs(
    start: StartModel,
    specs: Sequence[FactorSpec],
    windows: WindowSet,
    unknown: Mapping[str, Sequence[str]],
    progress: Progress,
) -> list[FactorSpec]:
    low, high = np.full(len(specs), np.inf), np.full(len(specs), -np.inf)
    found: list[set[int]] = [set() for _ in specs]
    categorical = [index for index, spec in enumerate(specs) if spec.is_categorical]
    for cells in windows.training_cells(TRAIN):
        if cells.shape[1]:
            low, high = np.minimum(low, cells.min(axis=1)), np.maximum(high, cells.max(axis=1))
            for index in categorical:
                found[index] |= set(np.unique(cells[index]).astype(int).tolist())
    result = []
    for index, spec in enumerate(specs):
        if not spec.is_categorical:
            result.append(
                dataclasses.replace(
                    spec, minimum=min(spec.minimum, float(low[index])), maximum=max(spec.maximum, float(high[index]))
                )
            )
            continue
        new = sorted(found[index] - set(spec.seen))
        result.append(
            _add_classes(spec, [code for code in new if code >= 0], start, progress)
            if start.encoding == ONE_HOT
            else spec
        )
        if start.encoding != ONE_HOT and new:
            names = [*unknown.get(spec.name, ()), *(f"code {code}" for code in new if code >= 0)]
            progress.warn(
                f'The factor "{spec.name}" has classes that the model {start.name} never saw: '
                f"{', '.join(names)}. It was trained with ENCODING=codes, which has no place for new "
                "classes, so they count as no class at all."
            )
    return result


def _add_classes(spec: FactorSpec, new: Sequence[int], start: StartModel, progress: Progress) -> FactorSpec:
    """Add classes to those the start saw."""
    if not new:
        return spec
    seen = tuple(sorted({*spec.seen, *new}))
    if len(seen) > MAX_CLASSES:
        raise ParameterInvalid(
            f'The factor "{spec.name}" would have more than {MAX_CLASSES} classes with those of '
            f"the model {start.name}. Merge classes."
        )
    names = ", ".join(spec.classes.get(code, f"code {code}") for code in new)
    progress.report(0.0, f'New classes of the factor "{spec.name}" that the model {start.name} did not have: {names}.')
    return dataclasses.replace(
        spec, seen=seen, minimum=min(spec.minimum, float(seen[0])), maximum=max(spec.maximum, float(seen[-1]))
    )
