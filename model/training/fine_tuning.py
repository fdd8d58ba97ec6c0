"""Fine-tuning a trained network on another area: its factors, old and new classes, and weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from ..encoding import ONE_HOT, ClassMatcher, Encoding, FactorSpec, normalise_label
from ..errors import FactorMissing, ParameterInvalid
from ..factors.definitions import MAX_CLASSES
from ..networks import build_network
from ..options import parameter_name
from ..progress import Progress
from ..stack import check_same_factor, match_names
from ..texts import join_names
from ..windows.collection import WindowSet
from ..windows.split import TRAIN
from .settings import CROSS_FITTED, PCUM, UNET, TrainingSettings, on_windows

FINE_TUNABLE_KINDS = (PCUM, UNET)
CROSS_FITTED_NETWORKS = ("additive_pointwise", "pcum_parts")
FINE_TUNABLE_NETWORKS = ("unet", "additive_unet", *CROSS_FITTED_NETWORKS)
"""Checked too, because a model file may state any kind."""
LEARNING_RATE_FACTOR = 0.1  # of the learning rate, because a trained network needs small steps
PIXEL_TOLERANCE = 0.01  # relative difference between cell sizes above which there is a warning


@dataclass
class StartModel:
    """A trained model to fine-tune; what is not documented is as in ``TrainedModel``."""

    name: str  # for messages
    sha256: str  # of its file
    kind: str
    architecture: dict[str, Any]
    encoding: str
    factors: list[FactorSpec]
    network: nn.Module = field(repr=False)  # on the CPU
    pixel_size: float = 0.0  # in metres; 0 if not known
    is_reduced: bool = False  # to its curves and network of single cells

    def __post_init__(self) -> None:
        if self.kind not in FINE_TUNABLE_KINDS or self.architecture.get("type") not in FINE_TUNABLE_NETWORKS:
            raise ParameterInvalid(
                f"START_FROM is a model of kind {self.kind} ({self.name}), but only {' and '.join(FINE_TUNABLE_KINDS)} "
                "can be fine-tuned. Choose another model, or leave START_FROM empty."
            )

        if self.architecture["type"] == "pcum_parts":
            # Curves and network of single cells are a model of their own; the parts beside them are fitted anew.
            network: Any = self.network
            names = ("channels", "width", "dropout", "channel_dropout", "continuous", "knots")
            self.architecture = {name: self.architecture[name] for name in names} | {"type": "additive_pointwise"}
            self.network, self.is_reduced = network.pointwise, True

    @property
    def is_cross_fitted(self) -> bool:
        """Whether it was trained by cross-fitting, and is fine-tuned so."""
        return self.architecture["type"] in CROSS_FITTED_NETWORKS


def fine_tune_settings(start: StartModel, settings: TrainingSettings, given: Collection[str] = ()) -> TrainingSettings:
    """Return settings with the method and the network of the start model and, for windows, a smaller learning rate.

    Raises:
        ParameterInvalid: the user gave a width, depth, dropout or encoding (in ``given``) that is not the start's, or
            settings of a training on windows for a model of cross-fitting.
    """
    names = TrainingSettings.__dataclass_fields__
    own: dict[str, Any] = {"encoding": start.encoding}
    if not start.is_cross_fitted:
        # The description of a U-Net without curves has no knots.
        own["knots"] = 0
        own.update({name: value for name, value in start.architecture.items() if name in names})
        settings = on_windows(settings, given)
    elif settings.method != CROSS_FITTED:
        raise ParameterInvalid(
            f"START_FROM is a model of cross-fitting ({start.name}), which is fine-tuned by cross-fitting. Leave "
            "PRESET, and settings of a training on windows such as WINDOW and EPOCHS, empty, or choose another model."
        )
    for name, value in own.items():
        if name in given and getattr(settings, name) != value:
            raise ParameterInvalid(
                f"{parameter_name(name)} is {getattr(settings, name)}, but the model {start.name} of START_FROM has "
                f"{value}, which cannot be changed. Leave {parameter_name(name)} empty."
            )
    if not start.is_cross_fitted and "learning_rate" not in given:
        own["learning_rate"] = max(LEARNING_RATE_FACTOR * settings.learning_rate, 1e-8)
    return dataclasses.replace(settings, **own)


def check_pixel_size(start: StartModel, size: float, progress: Progress) -> None:
    """Warn if the cell size of the new area, in metres, is not that of the start model."""
    if start.pixel_size and abs(size / start.pixel_size - 1) > PIXEL_TOLERANCE:
        progress.warn(
            f"The cells of the stack are {size:.4g} m, but the model {start.name} of START_FROM was trained on cells "
            f"of {start.pixel_size:.4g} m. Its patterns are measured in cells, so it may help little. Build the stack "
            "with the model's cell size."
        )


def adapt_windows(
    start: StartModel, windows: WindowSet, factors: Sequence[Any], progress: Progress
) -> tuple[WindowSet, list[FactorSpec]]:
    """Return windows with the start's factors and class codes, and the specs of these factors.

    Mean and standard deviation stay the start's, or its weights would mean something else. Classes are matched by
    label. With ``one_hot``, new classes in the training windows are added; with ``codes`` that is not possible, because
    a new code has no place among the old ones. Ranges become the union of both. ``factors`` are the new stack's, in the
    order of the windows' values.

    Raises:
        FactorMissing: the new stack lacks a factor of the start.
        ParameterInvalid: a factor is of another kind, or has too many classes.
    """
    places, specs, matcher = _matched(start, factors, progress)
    values = np.empty((len(windows), len(places), *windows.factors.shape[2:]), dtype=np.float32)
    for index, raw in enumerate(windows.factors):
        values[index] = matcher.apply(raw[places])
    result = dataclasses.replace(windows, factors=values)
    return result, _extend_specs(start, specs, result.training_cells(TRAIN), matcher.unknown, progress)


def adapt_cells(
    start: StartModel, values: np.ndarray, factors: Sequence[Any], progress: Progress
) -> tuple[np.ndarray, list[FactorSpec]]:
    """Do the same with cells, float32 (cells, factors)."""
    places, specs, matcher = _matched(start, factors, progress)
    raw = matcher.apply(np.ascontiguousarray(values.T[places])[:, :, None])[:, :, 0]
    return np.ascontiguousarray(raw.T), _extend_specs(start, specs, [raw], matcher.unknown, progress)


def fine_tune_network(start: StartModel, specs: Sequence[FactorSpec], seed: int) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network equivalent to the start model's for the specs of :func:`adapt_windows`, and its architecture.

    Weights of the channels of new classes start at zero; those that depend on the seed are overwritten.
    """
    old, new = (
        [(factors[index].name, code) for index, code in Encoding(factors, start.encoding).channel_sources]
        for factors in (start.factors, specs)
    )
    architecture = {**start.architecture, "channels": len(new)}
    network = build_network(architecture, seed)
    places = torch.tensor([new.index(channel) for channel in old])
    before, state = start.network.state_dict(), network.state_dict()
    with torch.no_grad():
        for name, value in state.items():
            # Only weights of channels have another shape, along that axis; classes are added and none is lost.
            wider = [axis for axis, (now, then) in enumerate(zip(value.shape, before[name].shape)) if now != then]
            if wider:
                value.zero_().index_copy_(wider[0], places, before[name])
            else:
                value.copy_(before[name])
    return network, architecture


def _matched(
    start: StartModel, factors: Sequence[Any], progress: Progress
) -> tuple[list[int], list[FactorSpec], ClassMatcher]:
    """Return the places of the start's factors in the stack, their specs with new labels, and how codes translate."""
    places = _factor_indices(start, factors, progress)
    mine = [factors[place] for place in places]
    specs = start.factors
    if start.encoding == ONE_HOT:
        specs = [_add_labels(spec, factor) for spec, factor in zip(specs, mine)]
    matcher = ClassMatcher(specs, mine)
    if matcher.translated:
        names = join_names(matcher.translated)
        text = f"Class codes of {names} differ between the stack and the model {start.name}; they are matched by label."
        progress.report(0.0, text)
    return places, specs, matcher


def _factor_indices(start: StartModel, factors: Sequence[Any], progress: Progress) -> list[int]:
    wanted, there = [spec.name for spec in start.factors], [factor.name for factor in factors]
    matched = match_names(wanted, there)
    missing = [name for name in wanted if name not in matched]
    if missing:
        raise FactorMissing(
            f"The factor stack has no {join_names(missing)}, which the model {start.name} of START_FROM needs. It has: "
            f"{join_names(there)}. Build the stack with the inputs for the missing factors, or leave START_FROM empty."
        )
    place = {name: there.index(found) for name, found in matched.items()}
    ignored = [name for name in there if name not in matched.values()]
    if ignored:
        text = f"The model {start.name} does not use these factors of the stack, so they are ignored: "
        progress.report(0.0, f"{text}{join_names(ignored)}.")
    for spec in start.factors:
        factor = factors[place[spec.name]]
        check_same_factor(spec, factor, f"the model {start.name}", "the factor stack", progress)
        if spec.is_categorical and not (spec.classes and factor.classes):
            progress.warn(
                f"The {'stack' if spec.classes else 'model ' + start.name} has no class names for "
                f'"{spec.name}", so its class codes are assumed to mean the same in both.'
            )
    return [place[name] for name in wanted]


def _add_labels(spec: FactorSpec, factor: Any) -> FactorSpec:
    """Add the labels that only the new stack has, under its own codes if these are free."""
    if not spec.is_categorical or not spec.classes or not factor.classes:
        return spec
    labels = {normalise_label(label) for label in spec.classes.values()}
    classes: dict[int, str] = dict(spec.classes)
    taken = {*classes, *spec.seen}
    # Above all codes of both, so that a code without a label in the new stack is not mistaken for a new class.
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
    batches: Iterable[np.ndarray],
    unknown: Mapping[str, Sequence[str]],
    progress: Progress,
) -> list[FactorSpec]:
    """Return specs with the ranges and classes of cells, in batches of shape (factors, cells)."""
    low, high = np.full(len(specs), np.inf), np.full(len(specs), -np.inf)
    found: list[set[int]] = [set() for _ in specs]
    categorical = [index for index, spec in enumerate(specs) if spec.is_categorical]
    for cells in batches:
        if cells.shape[1]:
            low, high = np.minimum(low, cells.min(axis=1)), np.maximum(high, cells.max(axis=1))
            for index in categorical:
                found[index] |= set(np.unique(cells[index]).astype(int).tolist())
    result = []
    for index, spec in enumerate(specs):
        if not spec.is_categorical:
            lowest, highest = min(spec.minimum, float(low[index])), max(spec.maximum, float(high[index]))
            result.append(dataclasses.replace(spec, minimum=lowest, maximum=highest))
            continue
        new = sorted(found[index] - set(spec.seen))
        codes = [code for code in new if code >= 0]
        result.append(_add_classes(spec, codes, start, progress) if start.encoding == ONE_HOT else spec)
        if start.encoding != ONE_HOT and new:
            names = join_names([*unknown.get(spec.name, ()), *(f"code {code}" for code in codes)])
            progress.warn(
                f'The factor "{spec.name}" has classes that the model {start.name} never saw: {names}. It was trained '
                "with ENCODING=codes, which has no place for new classes, so they count as no class at all."
            )
    return result


def _add_classes(spec: FactorSpec, new: Sequence[int], start: StartModel, progress: Progress) -> FactorSpec:
    if not new:
        return spec
    seen = tuple(sorted({*spec.seen, *new}))
    if len(seen) > MAX_CLASSES:
        raise ParameterInvalid(
            f'The factor "{spec.name}" would have more than {MAX_CLASSES} classes with those of the model '
            f"{start.name}. Merge classes."
        )
    names = join_names([spec.classes.get(code, f"code {code}") for code in new])
    progress.report(0.0, f'New classes of the factor "{spec.name}" that the model {start.name} did not have: {names}.')
    minimum, maximum = min(spec.minimum, float(seen[0])), max(spec.maximum, float(seen[-1]))
    return dataclasses.replace(spec, seen=seen, minimum=minimum, maximum=maximum)
