"""From windows to a fitted network with its numbers: what every way of training a network shares."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from ..encoding import UNSEEN_CODE, Encoding, FactorSpec, fit_factors
from ..errors import ParameterInvalid
from ..history.forms import NUMBERS
from ..history.writing import TrainingLog
from ..labels import LANDSLIDE, UNKNOWN
from ..loss import PcumLoss
from ..memory import kept_memory
from ..networks import build_network
from ..networks.additive import AdditiveUNet
from ..progress import Part, Progress
from ..windows.reading import TEST, TRAIN, VALIDATION, WindowSet
from .architectures import architecture_of, knots_of, patch_labels
from .checkpoint import fingerprint
from .data import TrainingData
from .devices import choose_device, repeatable, telling_of_the_device, training_precision
from .finetune import Start, adapt_windows, start_network
from .loop import evaluate, train_network
from .settings import TrainingSettings


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


def fit_network(windows: WindowSet, factors: Sequence[Any], settings: TrainingSettings, progress: Progress,
                checkpoint: str | os.PathLike | None = None, kind: str = "pcum", start: Start | None = None,
                cell: float | None = None, log: TrainingLog | None = None) -> FittedNetwork:
    """Fit statistics and network on the training windows and measure on the test windows, where there are any.

    Args:
        windows: with physical values.
        factors: the stack's factors, in the order of the values.
        settings: of the run; ``physics`` other than ``none`` needs windows with a safety factor.
        progress: 0 to 1 over the whole.
        checkpoint: file for the state of the run.
        kind: of network; see :mod:`.architectures`.
        start: a trained network to go on from, with settings of :func:`~.finetune.settings_from`.
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
        architecture = architecture_of(kind, encoding.channels, settings, cell or settings.window / windows.side,
                                       len(encoding.continuous))
        windows = patch_labels(windows, architecture.get("patch", 1))
        network = build_network(architecture, settings.seed)
        if isinstance(network, AdditiveUNet):
            network.curves.knots.copy_(torch.from_numpy(knots_of(encoding, windows, settings.knots)))
    else:
        windows, specs = adapt_windows(start, windows, factors, progress)
        network, architecture = start_network(start, specs, settings.seed)
    _require_batches(architecture, len(windows.of(TRAIN)), settings.batch)
    encoding = Encoding(specs, settings.encoding)
    _report_statistics(specs, windows, progress)
    key = ""
    if checkpoint:
        key = fingerprint(windows, settings, architecture, str(dtype), start.sha256 if start else "")
    loss = PcumLoss(settings.physics, settings.lambda_, settings.p_low, settings.fs_critical,
                    settings.weight_landslide, settings.weight_stable)
    with telling_of_the_device(device, checkpoint), repeatable(), kept_memory():
        network.to(device)
        data = TrainingData(windows, encoding, device, Part(progress, 0.0, 0.03))
        fit = train_network(network, data, windows.of(TRAIN), windows.of(VALIDATION), loss, settings, dtype,
                            Part(progress, 0.03, 0.97), checkpoint, key, log)
        metrics = test_metrics(network, data, windows.of(TEST), loss, settings.batch, dtype, progress)
    metrics.update({"best_epoch": fit.best_epoch, "epochs": len(fit.history)})
    return FittedNetwork(network.cpu(), architecture, specs, fit.history, fit.best_epoch, metrics, str(device),
                         {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype], fit.ended)


def _require_batches(architecture: dict[str, Any], count: int, batch: int) -> None:
    """Refuse batches of one window for a network whose batch norm may be left with a single value a channel."""
    if architecture["type"] == "resnet" and count // max(1, -(-count // batch)) < 2:
        raise ParameterInvalid(f"BATCH is {batch}, which leaves a batch of one window, too few for a ResNet. Make "
                               "BATCH 3 or more, or use more windows.")


def test_metrics(network: nn.Module, data: TrainingData, numbers: np.ndarray, loss: PcumLoss, batch: int,
                 dtype: torch.dtype, progress: Progress) -> dict[str, float | None]:
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
            progress.warn(f'The factor "{spec.name}" has the same value in all training windows, so the model cannot '
                          "use it.")
        if not spec.is_categorical:
            continue
        new: set[int] = set()
        for subset in (VALIDATION, TEST):
            for cells in windows.training_cells(subset):
                new |= set(np.unique(cells[index]).astype(int).tolist()) - {*spec.seen, int(UNSEEN_CODE)}
        if new:
            labels = ", ".join(spec.classes.get(code, f"code {code}") for code in sorted(new))
            progress.warn(f'Of the factor "{spec.name}", these classes occur in validation or test windows but not in '
                          f"training windows, so the model treats them as no class at all: {labels}.")
