"""From windows to a fitted network with its metrics: architecture, training and evaluation of every kind of network."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..encoding import UNSEEN_CODE, Encoding, FactorSpec, fit_factors
from ..errors import ParameterInvalid, TooFewData
from ..history.writing import NUMBERS, TrainingLog
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..memory import retain_freed_memory
from ..networks import build_network
from ..networks.unet import AdditiveUNet, PcumLoss
from ..progress import Progress, SubProgress
from ..texts import join_names
from ..windows.collection import WindowFeature, WindowSet
from ..windows.split import SUBSETS, TEST, TRAIN, VALIDATION
from .checkpoint import fingerprint
from .devices import PRECISION_NAMES, choose_device, deterministic_torch, device_errors_explained, training_precision
from .fine_tuning import StartModel, adapt_windows, fine_tune_network
from .loop import Trainer, TrainingData
from .settings import NETWORK_KINDS, PATCH_KINDS, PCUM, TrainingSettings, patch_cells

SUBSAMPLING_STEP = 7  # one of so many training cells is used for the quantiles; neighbours are alike
OUTER_QUANTILES = (0.02, 0.98)
"""Quantiles of the outer knots; beyond them the curves are constant, so rare values are not extrapolated."""
MIN_KNOT_STEP = 1e-3  # between two knots, in standard deviations


def network_architecture(
    kind: str, channels: int, settings: TrainingSettings, cell: float, continuous: int = 0
) -> dict[str, Any]:
    """Return the description of a network of a kind, for ``build_network``.

    Of the channels, the first ``continuous`` are continuous factors; ``cell`` is the size of a cell in metres. Raises
    ``ParameterInvalid`` if the kind is no network, or KNOTS is 1.
    """
    if kind not in NETWORK_KINDS:
        raise ParameterInvalid(f'KIND is "{kind}", which is no network. Choose one of: {", ".join(NETWORK_KINDS)}.')
    common = {"channels": channels, "width": settings.width, "dropout": float(settings.dropout)}
    if kind in PATCH_KINDS:
        return {"type": kind, "patch": patch_cells(kind, cell), **common}
    if settings.depth < 1:
        raise ParameterInvalid("DEPTH is 0, but a U-Net on windows needs at least 1. Leave DEPTH empty.")
    if settings.knots == 1:
        raise ParameterInvalid("KNOTS is 1, but a curve needs at least two knots. Choose 0 for no curves.")
    unet = {"depth": settings.depth, **common}
    if settings.knots and continuous:
        return {"type": "additive_unet", **unet, "continuous": continuous, "knots": settings.knots}
    return {"type": "unet", **unet}


def quantile_knots(encoding: Encoding, windows: WindowSet, count: int) -> np.ndarray:
    """Return the knots of the curves: evenly spaced quantiles of the training cells, whose values are physical ones.

    They are increasing z-scores, float32 (continuous factors, ``count``).
    """
    parts = [cells[encoding.continuous][:, ::SUBSAMPLING_STEP] for cells in windows.training_cells()]
    values = np.concatenate(parts, axis=1).astype(np.float64)
    specs = [encoding.factors[index] for index in encoding.continuous]
    scores = np.stack([(row - spec.mean) / (spec.std or 1.0) for row, spec in zip(values, specs)])
    knots = np.quantile(scores, np.linspace(*OUTER_QUANTILES, count), axis=1).T
    # If many cells have the same value, quantiles coincide and must be moved apart.
    return (knots + MIN_KNOT_STEP * np.arange(count)).astype(np.float32)


def label_patches(windows: WindowSet, patch: int) -> WindowSet:
    """Return windows in which all labelled cells of a patch have the patch's label.

    A patch is landslide if one of its cells is, as in the paper, and unknown if less than half of it is labelled.
    Unlabelled cells stay so, so a patch counts by its labelled share. The function is idempotent. The padded sides of
    the windows are multiples of ``patch``, the side of a patch in cells; 1 changes nothing. Raises ``TooFewData`` if a
    subset is left without landslide patches or without stable ones.
    """
    if patch == 1:
        return windows
    count, padded = len(windows), windows.labels.shape[-1]
    parts = windows.labels.reshape(count, padded // patch, patch, padded // patch, patch)
    known = (parts != UNKNOWN).sum(axis=(2, 4), keepdims=True)
    slide = (parts == LANDSLIDE).any(axis=(2, 4), keepdims=True)
    one = np.where(2 * known < patch**2, UNKNOWN, np.where(slide, LANDSLIDE, STABLE))
    labels = np.where(parts != UNKNOWN, one, UNKNOWN).astype(np.uint8).reshape(windows.labels.shape)
    result = dataclasses.replace(windows, labels=labels)
    for subset, name in enumerate(SUBSETS):
        some = labels[result.indices_of(subset)]
        for value, what in ((LANDSLIDE, "with a landslide"), (STABLE, "without one")):
            if len(some) and not (some == value).any():
                raise TooFewData(
                    f"The {name} windows hold no patch of {patch} × {patch} cells {what}. Use a larger area, other "
                    "label radii, a smaller BLOCK, another SEED, or another KIND."
                )
    return result


@dataclass
class FittedNetwork:
    """A trained network with its description and metrics."""

    network: Any  # on the CPU
    architecture: dict[str, Any]
    factors: list[FactorSpec]
    history: list[dict[str, Any]]
    best_epoch: int
    metrics: dict[str, float | None]
    """Of the labelled cells of the test subset: ``loss``, ``accuracy``, ``recall``, ``violation_rate`` (``None``
    without a safety factor); and ``best_epoch``, ``epochs``. A training job adds those of
    ``validation/unseen_land.py``."""
    device: str
    precision: str
    ended: str = ""  # how a training in epochs ended: ``epochs``, ``patience`` or ``stopped``
    scores: np.ndarray | None = None
    """Susceptibility of the training and test windows, float32 (windows, padded, padded), else NaN; networks only, and
    ``None`` without test windows."""


@dataclass
class TrainingResult:
    """Result of a training job."""

    model: str  # path of the model file
    sha256: str  # of the model file
    metrics: dict[str, float | None]  # as of :class:`FittedNetwork`, and ``auc`` etc. of ``validation/unseen_land.py``
    history: list[dict[str, Any]]
    windows: list[WindowFeature]
    subsets: list[dict[str, Any]]
    """For each subset ``name``, ``windows``, ``landslide_windows``, ``landslide_cells``, ``stable_cells`` and
    ``landslide_share``; a cell counts once for every window that holds it."""
    settings: TrainingSettings  # as used: no ``physics`` without a safety factor, and an automatic weight is a number
    warnings: list[str]
    device: str
    precision: str
    ended: str = ""
    kind: str = PCUM


def fit_network(
    windows: WindowSet,
    factors: Sequence[Any],
    settings: TrainingSettings,
    progress: Progress,
    checkpoint: str | os.PathLike | None = None,
    kind: str = PCUM,
    start: StartModel | None = None,
    cell: float | None = None,
    log: TrainingLog | None = None,
) -> FittedNetwork:
    """Fit statistics and network on the training windows, and evaluate it on the test windows, if any.

    The windows have physical values, in the order of the stack's ``factors``, and a safety factor for ``physics`` other
    than ``none``. ``checkpoint`` is the file for the state of the run, ``start`` a trained network to fine-tune with
    settings of :func:`~.fine_tuning.fine_tune_settings`, ``cell`` the size of a cell in metres, from the settings'
    window by default.

    Raises:
        DeviceUnavailable: there is no such device, it lacks the precision, has too little memory, or fails.
        FactorMissing: the stack lacks a factor of the start.
        ParameterInvalid: the network would be too large, the checkpoint belongs to another run, or a factor does not
            fit the start.
        TooFewData: training failed on the data.
    """
    device = choose_device(settings.device)
    dtype = training_precision(settings.precision, device)
    network: Any
    if start is None:
        specs = fit_factors(factors, windows.training_cells())
        encoding = Encoding(specs, settings.encoding)
        cell = cell or (settings.window or windows.side) / windows.side
        architecture = network_architecture(kind, encoding.channels, settings, cell, len(encoding.continuous))
        windows = label_patches(windows, architecture.get("patch", 1))
        network = build_network(architecture, settings.seed)
        if isinstance(network, AdditiveUNet):
            network.curves.knots.copy_(torch.from_numpy(quantile_knots(encoding, windows, settings.knots)))
    else:
        windows, specs = adapt_windows(start, windows, factors, progress)
        network, architecture = fine_tune_network(start, specs, settings.seed)
    train, validation, test = (windows.indices_of(subset) for subset in (TRAIN, VALIDATION, TEST))
    if architecture["type"] == "resnet" and len(train) // max(1, -(-len(train) // settings.batch)) < 2:
        # Its batch norm may be left with a single value per channel.
        raise ParameterInvalid(
            f"BATCH is {settings.batch}, which leaves a batch of one window, too few for a ResNet. Make BATCH 3 or "
            "more, or use more windows."
        )
    _report_statistics(specs, windows, progress)
    origin = start.sha256 if start else ""
    key = fingerprint(windows, settings, architecture, str(dtype), origin) if checkpoint else ""
    weights = settings.weight_landslide or 1.0, settings.weight_stable
    loss = PcumLoss(settings.physics, settings.constraint_weight, settings.p_low, settings.critical, *weights)
    with device_errors_explained(device, checkpoint), deterministic_torch(), retain_freed_memory():
        network.to(device)
        encoding = Encoding(specs, settings.encoding)
        data = TrainingData(windows, encoding, device, SubProgress(progress, 0.0, 0.03))
        trainer = Trainer(network, data, loss, settings, dtype, SubProgress(progress, 0.03, 0.97), log)
        state, ended = trainer.fit(train, validation, checkpoint, key)
        metrics, scores = _test_metrics(trainer, test), None
        if len(test):
            scores = np.full(windows.labels.shape, np.nan, dtype=np.float32)
            for indices in (train, test):
                scores[indices] = _scores(trainer, indices)
    metrics.update({"best_epoch": state.best_epoch, "epochs": len(state.history)})
    found = network.cpu(), architecture, specs, state.history, state.best_epoch, metrics
    return FittedNetwork(*found, str(device), PRECISION_NAMES[dtype], ended, scores)


def _test_metrics(trainer: Trainer, indices: np.ndarray) -> dict[str, float | None]:
    """Return the metrics of :meth:`Trainer.evaluate`; ``None`` without windows."""
    return trainer.evaluate(indices) if len(indices) else dict.fromkeys(NUMBERS)


def _scores(trainer: Trainer, indices: np.ndarray) -> np.ndarray:
    """Return the susceptibility of some windows, float32 (windows, height, width)."""
    parts: list[np.ndarray] = []
    trainer.evaluate(indices, lambda probability, _: parts.append(probability.cpu().numpy()))
    return np.concatenate(parts)


def _report_statistics(specs: Sequence[FactorSpec], windows: WindowSet, progress: Progress) -> None:
    for index, spec in enumerate(specs):
        if spec.std == 0:
            progress.warn(f'The factor "{spec.name}" is constant in all training windows, so the model cannot use it.')
        if not spec.is_categorical:
            continue
        new: set[int] = set()
        for subset in (VALIDATION, TEST):
            for cells in windows.training_cells(subset):
                new |= set(np.unique(cells[index]).astype(int).tolist()) - {*spec.seen, int(UNSEEN_CODE)}
        if new:
            labels = join_names([spec.classes.get(code, f"code {code}") for code in sorted(new)])
            progress.warn(
                f'These classes of the factor "{spec.name}" occur in validation or test windows but not in training '
                f"windows, so the model treats them as no class at all: {labels}."
            )
