"""A running average of a network's weights, which errs less from step to step than the weights themselves.
The loop over epochs.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import torch
from torch import nn

from ..errors import TooFewData
from ..history.storage import EPOCHS, PATIENCE, STOPPED
from ..history.writing import TrainingLog
from ..loss import LossTerms, PcumLoss
from ..networks.dropout import set_generator
from ..progress import Progress, duration, stop_if_cancelled
from . import checkpoint as checkpoints
from .checkpoint import TrainingState
from .data import ORIENTATIONS, TrainingData
from .devices import lower_precision
from .settings import TrainingSettings

_WARM_UP_STEPS = 10
"""In the first steps the average forgets faster, or the random first weights would stay in it for long."""


class WeightEma:
    """Exponential moving average of weights and batch-norm statistics (Polyak and Juditsky 1992).

    The validation loss of single steps over a few blocks of land jumps about; that of the average is smoother, so that
    the best epoch is less a matter of luck.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Start from a network's present weights.

        Args:
            network: in its final memory format and on its device, before it is wrapped in anything.
            decay: share that a step leaves of the average, 0 to 1; with 0 the network itself is its average.
        """
        self.decay = decay
        self.network = copy.deepcopy(network) if decay else network
        self._source, self._target = network, self.network

    def update(self, step: int) -> None:
        """Move towards the weights after a step, counted from 1 over the whole training."""
        if not self.decay:
            return
        share = 1 - min(self.decay, step / (_WARM_UP_STEPS + step))
        source, target = self._source.state_dict(), self._target.state_dict()
        floats = [name for name, value in target.items() if value.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([target[name] for name in floats], [source[name] for name in floats], share)
            for name in target.keys() - set(floats):
                target[name].copy_(source[name])

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the average."""
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Go on from weights of a checkpoint."""
        if self.decay:
            self.network.load_state_dict(weights)


WEIGHT_DECAY = 1e-2
"""Of AdamW (Loshchilov and Hutter 2019), its usual value."""
LOG_EVERY = 10
"""Epochs between two log lines, when they are quick."""
FORECAST_AFTER = 20.0
"""Seconds into the first epoch at which it is said how long it will take, when it is not over before."""
MAX_LOG_INTERVAL = 60.0
"""Seconds after which the next epoch is told in any case."""


@dataclass
class FitResult:
    """The result of the loop; the network holds the weights of the best epoch."""

    history: list[dict[str, Any]]
    """One a epoch: ``epoch``, and the ``SERIES`` of :mod:`..history.forms`; ``None`` where there is nothing to divide
    by."""
    best_epoch: int
    """From 1."""
    ended: str
    """``epochs``, ``patience`` or ``stopped``."""


def train_network(
    network: nn.Module,
    data: TrainingData,
    train: np.ndarray,
    validation: np.ndarray,
    loss: PcumLoss,
    settings: TrainingSettings,
    dtype: torch.dtype,
    progress: Progress,
    checkpoint: str | os.PathLike | None = None,
    key: str = "",
    log: TrainingLog | None = None,
) -> FitResult:
    """Train until the validation loss stops falling, and keep the weights of its lowest epoch.

    When the log is asked to stop, the epoch under way is dropped and training ends as if patience had run out; in the
    first epoch there is nothing to keep yet, so that one is finished.

    Each epoch draws its order, its augmentation and its dropout from the seed and its own number, so that it does not
    matter whether the epochs before it ran in this process.

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
        log: writes the history.

    Raises:
        ParameterInvalid: the checkpoint belongs to another run.
        TooFewData: the loss is not finite, which only broken data cause.
    """
    log = log or TrainingLog()
    trainer = _Trainer(network, data, loss, settings, dtype, progress, log)
    state = trainer.restore_or_start(checkpoint, key)
    log.start_clock()
    clock = written = last_logged = time.monotonic()
    first = state.epoch
    stopped = failed = False
    # Where a run goes on, its checkpoint has been written before.
    has_previous = first > 0
    while state.epoch < settings.epochs and not _patience_exhausted(state, settings):
        trained = trainer.epoch(train, state.epoch + 1)
        if trained is None:
            stopped = True
            break
        validated = evaluate(trainer.ema.network, data, validation, loss, settings.batch, dtype, progress)
        _append_epoch(state, trained, validated, trainer.ema)
        log.epoch(state.history[-1])
        last = state.epoch == settings.epochs or _patience_exhausted(state, settings)
        if checkpoint and (last or time.monotonic() - written >= checkpoints.WRITE_INTERVAL):
            state.scale = float(trainer.scaler.get_scale()) if trainer.scaler.is_enabled() else 0.0
            state.ema = trainer.ema.weights()
            failed = checkpoints.try_save_state(
                checkpoint, key, state, network, trainer.optimiser, has_previous, failed, progress
            )
            written, has_previous = time.monotonic(), True
        now, text = time.monotonic(), ""
        if last or state.epoch == first + 1 or state.epoch % LOG_EVERY == 0 or now - last_logged >= MAX_LOG_INTERVAL:
            text, last_logged = _epoch_summary(state, settings, (now - clock) / (state.epoch - first)), now
        progress.report(state.epoch / settings.epochs, text)
    set_generator(network, None)
    network.load_state_dict(state.best)
    if stopped:
        progress.warn(
            f"Training was stopped by hand after {state.epoch} of at most {settings.epochs} epochs. The "
            f"model has the weights of epoch {state.best_epoch}, the best until then."
        )
    ended = STOPPED if stopped else PATIENCE if _patience_exhausted(state, settings) else EPOCHS
    return FitResult(state.history, state.best_epoch, ended)


class _Trainer:
    """What the steps of training share."""

    def __init__(
        self,
        network: nn.Module,
        data: TrainingData,
        loss: PcumLoss,
        settings: TrainingSettings,
        dtype: torch.dtype,
        progress: Progress,
        log: TrainingLog,
    ) -> None:
        self.network, self.data, self.loss, self.settings = network, data, loss, settings
        self.dtype, self.progress, self.log = dtype, progress, log
        network.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
        self.scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
        self.ema = WeightEma(network, settings.averaging)
        self.dropout = torch.Generator(data.device)
        set_generator(network, self.dropout)
        self.forecast_given = False

    def restore_or_start(self, checkpoint: str | os.PathLike | None, key: str) -> TrainingState:
        """Return where the run stands: at its start, or where its checkpoint says."""
        state = checkpoints.load_state(checkpoint, key, self.network, self.optimiser) if checkpoint else None
        if state is None:
            return TrainingState(0, [], 0, self.ema.weights())
        self.ema.restore(state.ema)
        for numbers in state.history:
            self.log.epoch(numbers, timed=False)
        self.progress.report(
            state.epoch / self.settings.epochs, f"Going on after epoch {state.epoch} from the checkpoint {checkpoint}."
        )
        if state.scale and self.scaler.is_enabled():
            self.scaler.load_state_dict({**self.scaler.state_dict(), "scale": state.scale})
        return state

    def epoch(self, train: np.ndarray, number: int) -> dict[str, float | None] | None:
        """Pass once over the training windows.

        Returns:
            The numbers on the way; ``None`` when it was dropped, because training was asked to stop.
        """
        settings, data = self.settings, self.data
        generator = np.random.default_rng([settings.seed, 5, number])
        self.dropout.manual_seed(int(generator.integers(2**31)))
        order = generator.permutation(train)
        orientations = generator.integers(0, ORIENTATIONS, size=len(order))
        self.network.train()
        started = time.monotonic()
        sums = torch.zeros(len(LossTerms.__dataclass_fields__), dtype=torch.float64)
        batches = _batches(np.arange(len(order)), settings.batch)
        for step, part in enumerate(batches, (number - 1) * len(batches) + 1):
            stop_if_cancelled(self.progress)
            if number > 1 and self.log.stop_requested():
                return None
            windows = data.batch(order[part], orientations[part] if settings.augment else None)
            with lower_precision(data.device, self.dtype):
                logits = self.network(windows.image)
            terms = self.loss(logits, windows.labels, windows.safety)
            self.optimiser.zero_grad(set_to_none=True)
            self.scaler.scale(terms.loss).backward()
            self.scaler.step(self.optimiser)
            self.scaler.update()
            self.ema.update(step)
            # Not brought to the CPU here, which would make a GPU wait for every step.
            sums = sums.to(data.device) + terms.sums() if data.device.type == "cuda" else sums + terms.sums().cpu()
            share = float(part[-1] + 1) / len(order)
            self.log.report_epoch_share(number, share)
            self.progress.report(
                (number - 1 + 0.9 * share) / settings.epochs, self._forecast(share, time.monotonic() - started)
            )
        self.forecast_given = True
        return _numbers(sums)

    def _forecast(self, share: float, seconds: float) -> str:
        """Return, once in a slow first epoch, how long it will all take; nothing otherwise.

        Args:
            share: of the epoch that is done.
            seconds: since it began.
        """
        if self.forecast_given or seconds < FORECAST_AFTER:
            return ""
        self.forecast_given = True
        return (
            f"An epoch takes about {duration(seconds / share)}, so the {self.settings.epochs} epochs at most take "
            f"{duration(seconds / share * self.settings.epochs)}."
        )


def evaluate(
    network: nn.Module,
    data: TrainingData,
    numbers: np.ndarray,
    loss: PcumLoss,
    batch: int,
    dtype: torch.dtype,
    progress: Progress,
    collect: Callable[[torch.Tensor, torch.Tensor], None] | None = None,
) -> dict[str, float | None]:
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
    sums = torch.zeros(len(LossTerms.__dataclass_fields__), dtype=torch.float64)
    with torch.inference_mode():
        for part in _batches(numbers, batch):
            stop_if_cancelled(progress)
            windows = data.batch(part)
            with lower_precision(data.device, dtype):
                logits = network(windows.image)
            sums += loss(logits, windows.labels, windows.safety).sums().cpu()
            if collect:
                collect(torch.sigmoid((logits[:, 1] - logits[:, 0]).float()), windows.labels)
    stop_if_cancelled(progress)
    return _numbers(sums)


def _append_epoch(
    state: TrainingState, trained: dict[str, float | None], validated: dict[str, float | None], ema: WeightEma
) -> None:
    """Add an epoch to the state, and its weights when they are the best yet."""
    state.epoch += 1
    numbers = {
        "epoch": state.epoch,
        **{f"train_{name}": value for name, value in trained.items()},
        **{f"validation_{name}": value for name, value in validated.items()},
    }
    if not math.isfinite(numbers["train_loss"]) or not math.isfinite(numbers["validation_loss"]):
        raise TooFewData(
            f"The loss became infinite in epoch {state.epoch}: a factor holds impossible values, or "
            "LEARNING_RATE is too high. Run Check factors, or lower LEARNING_RATE."
        )
    state.history.append(numbers)
    if not state.best_epoch or numbers["validation_loss"] < state.history[state.best_epoch - 1]["validation_loss"]:
        state.best_epoch, state.best = state.epoch, ema.weights()


def _batches(numbers: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut into batches of nearly equal size; a last batch of one window would upset batch norm."""
    return np.array_split(numbers, max(1, math.ceil(len(numbers) / size)))


def _numbers(sums: torch.Tensor) -> dict[str, float | None]:
    entropy, labelled, physics, known, constrained, violations, correct, landslides, hits = sums.tolist()
    return {
        "loss": entropy / max(labelled, 1) + physics / max(known, 1),
        "accuracy": correct / labelled if labelled else None,
        "recall": hits / landslides if landslides else None,
        "violation_rate": violations / constrained if constrained else None,
    }


def _patience_exhausted(state: TrainingState, settings: TrainingSettings) -> bool:
    return 0 < settings.patience <= state.epoch - state.best_epoch


def _epoch_summary(state: TrainingState, settings: TrainingSettings, seconds: float) -> str:
    now, best = state.history[-1], state.history[state.best_epoch - 1]
    lowest = f"lowest validation loss {best['validation_loss']:.4f} in epoch {state.best_epoch}"
    if _patience_exhausted(state, settings):
        return f"Stopped after epoch {state.epoch}, {settings.patience} epochs without improvement; {lowest}."
    left = (
        f"{duration((settings.epochs - state.epoch) * seconds)} left at most"
        if state.epoch < settings.epochs
        else "none left"
    )
    return (
        f"Epoch {state.epoch} of at most {settings.epochs}: loss {now['train_loss']:.4f}, validation "
        f"{now['validation_loss']:.4f}, recall {100 * (now['validation_recall'] or 0):.0f} %; {lowest}; "
        f"{seconds:.1f} s an epoch, {left}."
    )
