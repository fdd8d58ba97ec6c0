"""The loop over epochs."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import torch
from torch import nn

from ..errors import DeviceUnavailable, TooFewData
from ..loss import PcumLoss
from ..progress import Progress, stop_if_cancelled
from . import checkpoint as checkpoints
from .checkpoint import State
from .data import TrainingData
from .devices import lower_precision, repeatable, seed_generators
from .settings import TrainingSettings

WEIGHT_DECAY = 1e-2
"""Of AdamW (Loshchilov and Hutter 2019), its usual value."""
LOG_EVERY = 10
"""Epochs between two log lines."""
NUMBERS = ("loss", "accuracy", "recall", "violation_rate")


@dataclass
class Fit:
    """The result of the loop; the network holds the weights of the best epoch."""

    history: list[dict[str, Any]]
    """One a epoch: ``epoch``, and ``NUMBERS`` with the prefixes ``train_`` and ``validation_``; ``None`` where
    there is nothing to divide by."""
    best_epoch: int
    """From 1."""


def train_network(network: nn.Module, data: TrainingData, train: np.ndarray, validation: np.ndarray, loss: PcumLoss,
                  settings: TrainingSettings, dtype: torch.dtype, progress: Progress,
                  checkpoint: str | os.PathLike | None = None, key: str = "") -> Fit:
    """Train until the validation loss stops falling, and keep the weights of its lowest epoch.

    Each epoch draws its order, its turns and its dropout from the seed and its own number, so that it does not matter
    whether the epochs before it ran in this process.

    Args:
        network: on the device, freshly initialised.
        data: windows.
        train: numbers of the training windows.
        validation: numbers of the validation windows.
        loss: what to minimise.
        settings: epochs, patience, learning rate, batch, augmentation and seed.
        dtype: arithmetic of the network.
        progress: 0 to 1 over all epochs.
        checkpoint: file for the state, read when it exists; none is written by default.
        key: what the checkpoint must belong to.

    Raises:
        TooFewData: the loss is not finite, which only broken data cause.
        DeviceUnavailable: the device has too little memory for a batch.
    """
    device = data.device
    network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
    scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
    state = checkpoints.load_state(checkpoint, key, network, optimiser) if checkpoint else None
    if state is None:
        state = State(0, [], 0, _copy(network))
    else:
        progress.report(state.epoch / settings.epochs, f"Going on after epoch {state.epoch} of {checkpoint}.")
        if state.scale and scaler.is_enabled():
            scaler.load_state_dict({**scaler.state_dict(), "scale": state.scale})
    clock, written, first = time.monotonic(), time.monotonic(), state.epoch
    with repeatable(settings.seed, device):
        while state.epoch < settings.epochs and not _out_of_patience(state, settings):
            epoch = state.epoch + 1

            def report(share: float) -> None:
                progress.report((epoch - 1 + share) / settings.epochs)

            try:
                trained = _train_epoch(network, data, train, loss, optimiser, scaler, settings, epoch, dtype,
                                       progress, report)
                checked = evaluate(network, data, validation, loss, settings.batch, dtype, progress)
            except torch.cuda.OutOfMemoryError as error:
                raise DeviceUnavailable("The GPU has too little memory for this batch. Make BATCH, WIDTH or WINDOW "
                                        "smaller, or use DEVICE=cpu.") from error
            numbers = {"epoch": epoch, **{f"train_{name}": value for name, value in trained.items()},
                       **{f"validation_{name}": value for name, value in checked.items()}}
            if not math.isfinite(numbers["train_loss"]) or not math.isfinite(numbers["validation_loss"]):
                raise TooFewData(f"The loss became infinite in epoch {epoch}: a factor holds impossible values, or "
                                 "LEARNING_RATE is too high. Run Check factors, or lower LEARNING_RATE.")
            state.history.append(numbers)
            state.epoch = epoch
            if not state.best_epoch or numbers["validation_loss"] < \
                    state.history[state.best_epoch - 1]["validation_loss"]:
                state.best_epoch, state.best = epoch, _copy(network)
            last = epoch == settings.epochs or _out_of_patience(state, settings)
            if checkpoint and (last or time.monotonic() - written >= checkpoints.SECONDS):
                state.scale = float(scaler.get_scale()) if scaler.is_enabled() else 0.0
                checkpoints.save_state(checkpoint, key, state, network, optimiser)
                written = time.monotonic()
            text = _line(state, settings, (time.monotonic() - clock) / (epoch - first)) \
                if last or epoch == first + 1 or epoch % LOG_EVERY == 0 else ""
            progress.report(epoch / settings.epochs, text)
    network.load_state_dict(state.best)
    return Fit(state.history, state.best_epoch)


def evaluate(network: nn.Module, data: TrainingData, numbers: np.ndarray, loss: PcumLoss, batch: int,
             dtype: torch.dtype, progress: Progress,
             collect: Callable[[torch.Tensor, torch.Tensor], None] | None = None) -> dict[str, float | None]:
    """Return loss, accuracy, recall and violation rate of some windows, without dropout.

    Args:
        network: on the device of ``data``.
        data: windows.
        numbers: which of them.
        loss: which also counts.
        batch: windows at once.
        dtype: arithmetic of the network.
        progress: only asked whether to stop.
        collect: called with landslide probability and labels of each batch, both (windows, height, width).
    """
    network.eval()
    sums = torch.zeros(9, dtype=torch.float64)
    with torch.inference_mode():
        for part in _batches(numbers, batch):
            stop_if_cancelled(progress)
            windows = data.batch(part)
            with lower_precision(data.device, dtype):
                logits = network(windows.image)
            sums += loss(logits, windows.labels, windows.safety).sums().cpu()
            if collect:
                collect(torch.sigmoid((logits[:, 1] - logits[:, 0]).float()), windows.labels)
    return _numbers(sums)


def _train_epoch(network: nn.Module, data: TrainingData, train: np.ndarray, loss: PcumLoss,
                 optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler, settings: TrainingSettings,
                 epoch: int, dtype: torch.dtype, progress: Progress, report: Callable[[float], None]
                 ) -> dict[str, float | None]:
    generator = np.random.default_rng([settings.seed, 5, epoch])
    seed_generators(int(generator.integers(2 ** 31)), data.device)
    order = generator.permutation(train)
    ways = generator.integers(0, 8, size=len(order))
    network.train()
    sums = torch.zeros(9, dtype=torch.float64, device=data.device)
    for part in _batches(np.arange(len(order)), settings.batch):
        stop_if_cancelled(progress)
        windows = data.batch(order[part], ways[part] if settings.augment else None)
        with lower_precision(data.device, dtype):
            logits = network(windows.image)
        terms = loss(logits, windows.labels, windows.safety)
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(terms.loss).backward()
        scaler.step(optimiser)
        scaler.update()
        sums += terms.sums()
        report(0.9 * (part[-1] + 1) / len(order))
    return _numbers(sums.cpu())


def _batches(numbers: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut into batches of nearly equal size; a last batch of one window would upset batch norm."""
    return np.array_split(numbers, max(1, math.ceil(len(numbers) / size)))


def _numbers(sums: torch.Tensor) -> dict[str, float | None]:
    entropy, labelled, physics, known, warned, violated, correct, slides, hits = sums.tolist()
    return {
        "loss": entropy / max(labelled, 1) + physics / max(known, 1),
        "accuracy": correct / labelled if labelled else None,
        "recall": hits / slides if slides else None,
        "violation_rate": violated / warned if warned else None,
    }


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _out_of_patience(state: State, settings: TrainingSettings) -> bool:
    return 0 < settings.patience <= state.epoch - state.best_epoch


def _line(state: State, settings: TrainingSettings, seconds: float) -> str:
    now, best = state.history[-1], state.history[state.best_epoch - 1]
    lowest = f"lowest validation loss {best['validation_loss']:.4f} in epoch {state.best_epoch}"
    if _out_of_patience(state, settings):
        return f"Stopped after epoch {state.epoch}, {settings.patience} epochs without improvement; {lowest}."
    left = _duration((settings.epochs - state.epoch) * seconds)
    return (f"Epoch {state.epoch} of at most {settings.epochs}: loss {now['train_loss']:.4f}, validation "
            f"{now['validation_loss']:.4f}, recall {100 * (now['validation_recall'] or 0):.0f} %; {lowest}; "
            f"{seconds:.1f} s an epoch, at most {left} left.")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 \
        else f"{seconds / 3600:.1f} h"
