"""What each kind of network is built of, and the labels that networks with one answer a patch learn from.
From windows to a fitted network with its numbers: what every way of training a network shares.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from ..encoding import UNSEEN_CODE, Encoding, FactorSpec, fit_factors
from ..errors import ParameterInvalid, TooFewData
from ..history.storage import NUMBERS
from ..history.writing import TrainingLog
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..loss import PcumLoss
from ..memory import retain_freed_memory
from ..networks import build_network
from ..networks.additive import AdditiveUNet
from ..progress import Progress, SubProgress
from ..windows.reading import TEST, TRAIN, VALIDATION, WindowFeature, WindowSet
from ..windows.split import SUBSETS
from .checkpoint import fingerprint
from .data import TrainingData
from .devices import choose_device, deterministic_torch, device_errors_explained, training_precision
from .fine_tuning import StartModel, adapt_windows, fine_tune_network
from .loop import evaluate, train_network
from .settings import BPNN, NETWORK_KINDS, PATCH_KINDS, RESNET, TrainingSettings, patch_cells

SUBSAMPLING_STEP = 7
"""Every such training cell serves for the quantiles; neighbours are alike."""
OUTER_QUANTILES = (0.02, 0.98)
"""Quantiles of the outer knots; beyond them the curves are level, so rare values do not run away."""
MIN_KNOT_STEP = 1e-3
"""Between two knots, in standard deviations."""


def network_architecture(
    kind: str, channels: int, settings: TrainingSettings, cell: float, continuous: int = 0
) -> dict[str, Any]:
    """Return the description of a network, for ``build_network``.

    Args:
        kind: ``pcum``, ``unet``, ``bpnn`` or ``resnet``.
        channels: of the encoded factors.
        settings: give width, depth and dropout.
        cell: size of a cell in metres.
        continuous: how many of the channels are continuous factors; they come first.

    Raises:
        ParameterInvalid: the kind is no network, or KNOTS is 1.
    """
    if kind not in NETWORK_KINDS:
        raise ParameterInvalid(f'KIND is "{kind}", which is no network. Choose one of: {", ".join(NETWORK_KINDS)}.')
    common = {"channels": channels, "width": settings.width, "dropout": float(settings.dropout)}
    if kind in PATCH_KINDS:
        return {"type": {BPNN: "bpnn", RESNET: "resnet"}[kind], "patch": patch_cells(kind, cell), **common}
    if settings.knots == 1:
        raise ParameterInvalid("KNOTS is 1, but a curve needs at least two knots. Choose 0 for no curves.")
    if settings.knots and continuous:
        return {
            "type": "additive_unet",
            "depth": settings.depth,
            "continuous": continuous,
            "knots": settings.knots,
            **common,
        }
    return {"type": "unet", "depth": settings.depth, **common}


def quantile_knots(encoding: Encoding, windows: WindowSet, count: int) -> np.ndarray:
    """Return where the curves of the continuous factors bend: at quantiles of the training cells, evenly spaced.

    Args:
        encoding: fitted on the training windows.
        windows: with physical values.
        count: knots of a curve.

    Returns:
        Rising z-scores, float32 (continuous factors, ``count``).
    """
    parts = [cells[encoding.continuous][:, ::SUBSAMPLING_STEP] for cells in windows.training_cells()]
    values = np.concatenate(parts, axis=1).astype(np.float64)
    specs = [encoding.factors[index] for index in encoding.continuous]
    scores = np.stack([(row - spec.mean) / (spec.std or 1.0) for row, spec in zip(values, specs)])
    knots = np.quantile(scores, np.linspace(*OUTER_QUANTILES, count), axis=1).T
    # Where many cells have the same value, quantiles fall together; a little apart they bend the curve all the same.
    return (knots + MIN_KNOT_STEP * np.arange(count)).astype(np.float32)


def label_patches(windows: WindowSet, patch: int) -> WindowSet:
    """Return windows in which all labelled cells of a patch carry the patch's one label.

    A patch is landslide when one of its cells is, as in the paper. One of which less than half is labelled says
    nothing. Cells that had no label keep none, so a patch counts by how much of it is known; doing this twice changes
    nothing.

    Args:
        windows: whose padded sides are multiples of ``patch``.
        patch: cells along the side of a patch; 1 changes nothing.

    Raises:
        TooFewData: a subset is left without landslide patches or without stable ones.
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
    for number, name in enumerate(SUBSETS):
        some = labels[result.of(number)]
        for value, what in ((LANDSLIDE, "with a landslide"), (STABLE, "without one")):
            if len(some) and not (some == value).any():
                raise TooFewData(
                    f"The {name} windows hold no patch of {patch} × {patch} cells {what}. Use a larger "
                    "area, other label radii, a smaller BLOCK, another SEED, or another KIND."
                )
    return result


@dataclass
class FittedNetwork:
    """A trained network and what a model file says of it."""

    network: nn.Module
    """On the CPU."""
    architecture: dict[str, Any]
    factors: list[FactorSpec]
    history: list[dict[str, Any]]
    best_epoch: int
    metrics: dict[str, float | None]
    """Of the test windows: ``loss``, ``accuracy``, ``recall``, ``violation_rate``, ``auc``; and ``best_epoch``,
    ``epochs``."""
    device: str
    precision: str
    ended: str = ""
    """How a training in epochs ended: ``epochs``, ``patience`` or ``stopped``."""


@dataclass
class TrainingResult:
    """What the caller shows and writes."""

    model: str
    """Path of the model file."""
    sha256: str
    """Of the model file."""
    metrics: dict[str, float | None]
    """Of the test windows: ``loss``, ``accuracy``, ``recall``, ``violation_rate`` (``None`` without a safety factor),
    ``auc``; and ``best_epoch`` and ``epochs``."""
    history: list[dict[str, Any]]
    """Numbers of each epoch, training and validation."""
    windows: list[WindowFeature]
    subsets: list[dict[str, Any]]
    """For each subset ``name``, ``windows``, ``landslide_windows``, ``landslide_cells``, ``stable_cells`` and
    ``landslide_share``; a cell counts once for every window that holds it."""
    settings: TrainingSettings
    """As used: ``physics`` is ``none`` when there was no safety factor, and an automatic weight is a number."""
    warnings: list[str]
    device: str
    precision: str
    ended: str = ""
    """How a training in epochs ended: ``epochs``, ``patience``, or ``stopped`` by hand."""


def fit_network(
    windows: WindowSet,
    factors: Sequence[Any],
    settings: TrainingSettings,
    progress: Progress,
    checkpoint: str | os.PathLike | None = None,
    kind: str = "pcum",
    start: StartModel | None = None,
    cell: float | None = None,
    log: TrainingLog | None = None,
) -> FittedNetwork:
    """Fit statistics and network on the training windows and measure on the test windows, where there are any.

    Args:
        windows: with physical values.
        factors: the stack's factors, in the order of the values.
        settings: of the run; ``physics`` other than ``none`` needs windows with a safety factor.
        progress: 0 to 1 over the whole.
        checkpoint: file for the state of the run.
        kind: of network; see :mod:`.architectures`.
        start: a trained network to go on from, with settings of :func:`~.finetune.fine_tune_settings`.
        cell: size of a cell in metres; from the settings' window by default.
        log: writes the history while it trains.

    Raises:
        DeviceUnavailable: the device or its arithmetic is not there, or it has too little memory or fails.
        FactorMissing: the stack lacks a factor of the start.
        ParameterInvalid: the network would be too large, the checkpoint belongs to another run, or a factor does not
            fit the start.
        TooFewData: training failed on the data.
    """
    device = choose_device(settings.device)
    dtype = training_precision(settings.precision, device)
    if start is None:
        specs = fit_factors(factors, windows.training_cells())
        encoding = Encoding(specs, settings.encoding)
        architecture = network_architecture(
            kind, encoding.channels, settings, cell or settings.window / windows.side, len(encoding.continuous)
        )
        windows = label_patches(windows, architecture.get("patch", 1))
        network = build_network(architecture, settings.seed)
        if isinstance(network, AdditiveUNet):
            network.curves.knots.copy_(torch.from_numpy(quantile_knots(encoding, windows, settings.knots)))
    else:
        windows, specs = adapt_windows(start, windows, factors, progress)
        network, architecture = fine_tune_network(start, specs, settings.seed)
    _require_batches(architecture, len(windows.of(TRAIN)), settings.batch)
    encoding = Encoding(specs, settings.encoding)
    _report_statistics(specs, windows, progress)
    key = ""
    if checkpoint:
        key = fingerprint(windows, settings, architecture, str(dtype), start.sha256 if start else "")
    loss = PcumLoss(
        settings.physics,
        settings.lambda_,
        settings.p_low,
        settings.fs_critical,
        settings.weight_landslide,
        settings.weight_stable,
    )
    with device_errors_explained(device, checkpoint), deterministic_torch(), retain_freed_memory():
        network.to(device)
        data = TrainingData(windows, encoding, device, SubProgress(progress, 0.0, 0.03))
        fit = train_network(
            network,
            data,
            windows.of(TRAIN),
            windows.of(VALIDATION),
            loss,
            settings,
            dtype,
            SubProgress(progress, 0.03, 0.97),
            checkpoint,
            key,
            log,
        )
        metrics = evaluate_test_windows(network, data, windows.of(TEST), loss, settings.batch, dtype, progress)
    metrics.update({"best_epoch": fit.best_epoch, "epochs": len(fit.history)})
    return FittedNetwork(
        network.cpu(),
        architecture,
        specs,
        fit.history,
        fit.best_epoch,
        metrics,
        str(device),
        {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype],
        fit.ended,
    )


def _require_batches(architecture: dict[str, Any], count: int, batch: int) -> None:
    """Refuse batches of one window for a network whose batch norm may be left with a single value a channel."""
    if architecture["type"] == "resnet" and count // max(1, -(-count // batch)) < 2:
        raise ParameterInvalid(
            f"BATCH is {batch}, which leaves a batch of one window, too few for a ResNet. Make "
            "BATCH 3 or more, or use more windows."
        )


def evaluate_test_windows(
    network: nn.Module,
    data: TrainingData,
    numbers: np.ndarray,
    loss: PcumLoss,
    batch: int,
    dtype: torch.dtype,
    progress: Progress,
) -> dict[str, float | None]:
    """Return the numbers of :func:`evaluate` and the area under the ROC curve over all labelled cells.

    All are ``None`` without windows; the area also when one of the classes is missing.
    """
    if not len(numbers):
        return dict.fromkeys((*NUMBERS, "auc"))
    scores, truths = [], []

    def collect(probability: torch.Tensor, labels: torch.Tensor) -> None:
        known = labels != UNKNOWN
        scores.append(probability[known].cpu().numpy())
        truths.append((labels[known] == LANDSLIDE).cpu().numpy())

    metrics = evaluate(network, data, numbers, loss, batch, dtype, progress, collect)
    truth = np.concatenate(truths)
    metrics["auc"] = float(roc_auc_score(truth, np.concatenate(scores))) if 0 < truth.sum() < len(truth) else None
    return metrics


def _report_statistics(specs: Sequence[FactorSpec], windows: WindowSet, progress: Progress) -> None:
    for index, spec in enumerate(specs):
        if spec.std == 0:
            progress.warn(
                f'The factor "{spec.name}" has the same value in all training windows, so the model cannot use it.'
            )
        if not spec.is_categorical:
            continue
        new: set[int] = set()
        for subset in (VALIDATION, TEST):
            for cells in windows.training_cells(subset):
                new |= set(np.unique(cells[index]).astype(int).tolist()) - {*spec.seen, int(UNSEEN_CODE)}
        if new:
            labels = ", ".join(spec.classes.get(code, f"code {code}") for code in sorted(new))
            progress.warn(
                f'Of the factor "{spec.name}", these classes occur in validation or test windows but not in '
                f"training windows, so the model treats them as no class at all: {labels}."
            )
