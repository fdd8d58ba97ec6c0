"""The loss of PCUM, and the training loop with an exponential moving average (EMA) of weights and early stopping."""

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
from torch.nn import functional

from ..errors import TooFewData
from ..history.writing import EPOCHS, PATIENCE, STOPPED, TrainingLog
from ..labels import LANDSLIDE, UNKNOWN
from ..networks.unet import set_generator
from ..progress import Progress, duration, stop_if_cancelled
from .checkpoint import Checkpoint, TrainingState
from .data import ORIENTATIONS, TrainingData
from .devices import lower_precision
from .settings import TrainingSettings

HINGE, INDICATOR, NONE = "hinge", "indicator", "none"


@dataclass
class LossTerms:
    """Sums and counts over cells, which can be added up over batches before dividing."""

    cross_entropy: torch.Tensor  # weighted, over labelled cells
    labelled: torch.Tensor
    physics: torch.Tensor  # over cells with a safety factor, λ included
    safety_known: torch.Tensor
    constrained: torch.Tensor  # cells with a safety factor below the critical one
    violations: torch.Tensor  # constrained cells with a low probability
    correct: torch.Tensor  # labelled cells on the right side of p = 0.5
    landslides: torch.Tensor
    hits: torch.Tensor  # landslide cells with p at least 0.5

    @property
    def loss(self) -> torch.Tensor:
        """Equation 1 of the paper: mean over labelled cells plus mean over cells with a safety factor."""
        return self.cross_entropy / self.labelled.clamp(min=1) + self.physics / self.safety_known.clamp(min=1)

    def sums(self) -> torch.Tensor:
        """Return all nine numbers without gradient, float64, in the order of the fields."""
        values = torch.stack([value.detach().float() for value in vars(self).values()])
        # Apple GPUs have no float64.
        return values.cpu().double() if values.device.type == "mps" else values.double()


@dataclass
class PcumLoss:
    """Weighted cross-entropy over labelled cells plus physics over cells with a safety factor.

    The weights multiply each cell's cross-entropy, and the sum is divided by the number of labelled cells (not by the
    sum of weights), so the effect of a weight does not depend on the rest of the batch.

    Physics terms, at cells where Fs is below ``fs_critical``:

    * ``indicator``: λ · 1[p < p_low] · sigmoid(1 − Fs), equation 5 as printed. It is a step in p, so it has no
      gradient and adds to the reported loss only.
    * ``hinge``: λ · sigmoid(1 − Fs) · max(0, p_low − p) / p_low. Same cells, same bound, same strength at p = 0, and
      a gradient that raises p.
    """

    physics: str
    physics_weight: float
    p_low: float
    fs_critical: float
    weight_landslide: float
    weight_stable: float

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, safety: torch.Tensor | None) -> LossTerms:
        """Return the terms of a batch.

        Args:
            logits: (batch, 2, height, width), stable and landslide.
            labels: uint8 (batch, height, width): 1, 0, and 255 for cells to ignore.
            safety: float (batch, height, width), NaN for cells to ignore, or none.
        """
        # With two classes, softmax of the logits is the logistic function of their difference.
        difference = (logits[:, 1] - logits[:, 0]).float()
        probability = torch.sigmoid(difference)
        slide, known_label = labels == LANDSLIDE, labels != UNKNOWN
        weight = torch.where(slide, self.weight_landslide, self.weight_stable) * known_label
        entropy = functional.softplus(torch.where(slide, -difference, difference))
        zero = difference.new_zeros(())
        correct = ((difference >= 0) == slide) & known_label
        hits = slide & (difference >= 0)
        sums = (weight * entropy).sum(), known_label.sum(), zero, zero, zero, zero, correct.sum(), slide.sum()
        terms = LossTerms(*sums, hits.sum())
        if safety is None:
            return terms
        known = torch.isfinite(safety)
        fs = torch.where(known, safety.float(), torch.full_like(difference, torch.inf))
        constrained = fs < self.fs_critical
        low = constrained & (probability < self.p_low)
        terms.safety_known, terms.constrained, terms.violations = known.sum(), constrained.sum(), low.sum()
        if self.physics == INDICATOR:
            terms.physics = self.physics_weight * (low * torch.sigmoid(1 - fs)).sum()
        elif self.physics == HINGE:
            shortfall = torch.relu(self.p_low - probability) / self.p_low
            terms.physics = self.physics_weight * (constrained * torch.sigmoid(1 - fs) * shortfall).sum()
        return terms


_WARM_UP_STEPS = 10  # in the first ones the decay is smaller, so that the initial weights do not stay for long
WEIGHT_DECAY = 1e-2  # of AdamW (Loshchilov and Hutter 2019), its usual value
LOG_EVERY = 10  # epochs between two log lines, if they are quick
FORECAST_AFTER = 20.0  # seconds into the first epoch after which its duration is forecast
MAX_LOG_INTERVAL = 60.0  # seconds after which the next epoch is logged in any case


class WeightEma:
    """Exponential moving average of weights and batch-norm statistics (Polyak and Juditsky 1992).

    The validation loss of single steps over a few blocks fluctuates; that of the average is smoother, so that the best
    epoch depends less on chance. With a decay of 0 the network itself is its average.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
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
        """Continue from the average in a checkpoint."""
        if self.decay:
            self.network.load_state_dict(weights)


@dataclass
class FitResult:
    """The result of the loop; the network holds the weights of the best epoch."""

    history: list[dict[str, Any]]  # per epoch ``epoch`` and the ``SERIES`` of :mod:`..history.writing`
    best_epoch: int  # from 1
    ended: str  # ``epochs``, ``patience`` or ``stopped``


class Trainer:
    """Trains a network until the validation loss stops falling.

    The network is on the device, and computes in the precision ``dtype``. Each epoch draws its order, its augmentation
    and its dropout from the seed and its own number, so it does not matter whether earlier epochs ran in this process.
    """

    def __init__(
        self,
        network: nn.Module,
        data: TrainingData,
        loss: PcumLoss,
        settings: TrainingSettings,
        dtype: torch.dtype,
        progress: Progress,
        log: TrainingLog | None = None,
    ) -> None:
        self.network, self.data, self.loss, self.settings = network, data, loss, settings
        self.dtype, self.progress, self.log = dtype, progress, log or TrainingLog()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's annotations
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
        self.scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
        self.ema = WeightEma(network, settings.averaging)
        self.dropout = torch.Generator(data.device)
        set_generator(network, self.dropout)
        self.forecast_given = False

    def fit(
        self, train: np.ndarray, validation: np.ndarray, checkpoint: str | os.PathLike | None = None, key: str = ""
    ) -> FitResult:
        """Train on windows given by index, and keep the weights of the epoch with the lowest validation loss.

        When the log requests a stop, the current epoch is dropped and training ends as in early stopping; the first
        epoch is finished, because there are no weights before. The state is read from the file ``checkpoint`` if it
        exists, and must belong to the run with this ``key``.

        Raises:
            ParameterInvalid: the checkpoint belongs to another run.
            TooFewData: the loss is not finite, which only broken data cause.
        """
        settings, progress = self.settings, self.progress
        file = Checkpoint(checkpoint, key, progress) if checkpoint else None
        state = self._restore_or_start(file)
        self.log.start_clock()
        clock = last_logged = time.monotonic()
        first, stopped = state.epoch, False
        while state.epoch < settings.epochs and not self._patience_exhausted(state):
            trained = self._epoch(train, state.epoch + 1)
            if trained is None:
                stopped = True
                break
            _append_epoch(state, trained, self.evaluate(validation, ema=True), self.ema)
            self.log.epoch(state.history[-1])
            last = state.epoch == settings.epochs or self._patience_exhausted(state)
            if file and (last or file.is_due()):
                state.scale = float(self.scaler.get_scale()) if self.scaler.is_enabled() else 0.0
                state.ema = self.ema.weights()
                file.save(state, self.network, self.optimiser)
            now, text, done = time.monotonic(), "", state.epoch
            if last or done == first + 1 or done % LOG_EVERY == 0 or now - last_logged >= MAX_LOG_INTERVAL:
                text, last_logged = self._epoch_summary(state, (now - clock) / (done - first)), now
            progress.report(done / settings.epochs, text)
        set_generator(self.network, None)
        self.network.load_state_dict(state.best)
        if stopped:
            progress.warn(
                f"Training was stopped by hand after {state.epoch} of at most {settings.epochs} epochs. The model has "
                f"the weights of epoch {state.best_epoch}, the best so far."
            )
        ended = STOPPED if stopped else PATIENCE if self._patience_exhausted(state) else EPOCHS
        return FitResult(state.history, state.best_epoch, ended)

    def evaluate(
        self,
        indices: np.ndarray,
        collect: Callable[[torch.Tensor, torch.Tensor], None] | None = None,
        ema: bool = False,
    ) -> dict[str, float | None]:
        """Return loss, accuracy, recall and violation rate of some windows, without dropout.

        ``collect`` is called with landslide probability and labels of each batch, both (windows, height, width). With
        ``ema`` the average of the weights is evaluated.
        """
        network = self.ema.network if ema else self.network
        network.eval()
        sums = torch.zeros(len(LossTerms.__dataclass_fields__), dtype=torch.float64)
        with torch.inference_mode():
            for part in _batches(indices, self.settings.batch):
                stop_if_cancelled(self.progress)
                windows = self.data.batch(part)
                with lower_precision(self.data.device, self.dtype):
                    logits = network(windows.image)
                sums += self.loss(logits, windows.labels, windows.safety).sums().cpu()
                if collect:
                    collect(torch.sigmoid((logits[:, 1] - logits[:, 0]).float()), windows.labels)
        stop_if_cancelled(self.progress)
        return _numbers(sums)

    def _restore_or_start(self, file: Checkpoint | None) -> TrainingState:
        state = file.load(self.network, self.optimiser) if file else None
        if file is None or state is None:
            return TrainingState(0, [], 0, self.ema.weights())
        self.ema.restore(state.ema)
        for numbers in state.history:
            self.log.epoch(numbers, timed=False)
        text = f"Resuming after epoch {state.epoch} from the checkpoint {file.path}."
        self.progress.report(state.epoch / self.settings.epochs, text)
        if state.scale and self.scaler.is_enabled():
            self.scaler.load_state_dict({**self.scaler.state_dict(), "scale": state.scale})
        return state

    def _epoch(self, train: np.ndarray, number: int) -> dict[str, float | None] | None:
        """Train for one epoch and return its numbers; ``None`` if it was dropped, because a stop was requested."""
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
            # Copying to the CPU here would make a GPU wait at every step.
            sums = sums.to(data.device) + terms.sums() if data.device.type == "cuda" else sums + terms.sums().cpu()
            share = float(part[-1] + 1) / len(order)
            self.log.report_epoch_share(number, share)
            text = self._forecast(share, time.monotonic() - started)
            self.progress.report((number - 1 + 0.9 * share) / settings.epochs, text)
        self.forecast_given = True
        return _numbers(sums)

    def _forecast(self, share: float, seconds: float) -> str:
        """Return, once in a slow first epoch, how long training will take, from the share done in some seconds."""
        if self.forecast_given or seconds < FORECAST_AFTER:
            return ""
        self.forecast_given = True
        return (
            f"An epoch takes about {duration(seconds / share)}, so {self.settings.epochs} epochs take up to "
            f"{duration(seconds / share * self.settings.epochs)}."
        )

    def _patience_exhausted(self, state: TrainingState) -> bool:
        return 0 < self.settings.patience <= state.epoch - state.best_epoch

    def _epoch_summary(self, state: TrainingState, seconds: float) -> str:
        settings, now, best = self.settings, state.history[-1], state.history[state.best_epoch - 1]
        lowest = f"lowest validation loss {best['validation_loss']:.4f} in epoch {state.best_epoch}"
        if self._patience_exhausted(state):
            return f"Stopped after epoch {state.epoch}, {settings.patience} epochs without improvement; {lowest}."
        remaining = settings.epochs - state.epoch
        left = f"{duration(remaining * seconds)} left at most" if remaining else "none left"
        return (
            f"Epoch {state.epoch} of at most {settings.epochs}: loss {now['train_loss']:.4f}, validation "
            f"{now['validation_loss']:.4f}, recall {100 * (now['validation_recall'] or 0):.0f} %; {lowest}; "
            f"{seconds:.1f} s per epoch, {left}."
        )


def _append_epoch(
    state: TrainingState, trained: dict[str, float | None], validated: dict[str, float | None], ema: WeightEma
) -> None:
    """Add an epoch to the state, and its weights if they are the best so far."""
    state.epoch += 1
    numbers: dict[str, Any] = {"epoch": state.epoch}
    for subset, values in (("train", trained), ("validation", validated)):
        numbers.update({f"{subset}_{name}": value for name, value in values.items()})
    if not math.isfinite(numbers["train_loss"]) or not math.isfinite(numbers["validation_loss"]):
        raise TooFewData(
            f"The loss became infinite in epoch {state.epoch}: a factor holds impossible values, or LEARNING_RATE is "
            "too high. Run Check factors, or lower LEARNING_RATE."
        )
    state.history.append(numbers)
    if not state.best_epoch or numbers["validation_loss"] < state.history[state.best_epoch - 1]["validation_loss"]:
        state.best_epoch, state.best = state.epoch, ema.weights()


def _batches(indices: np.ndarray, size: int) -> list[np.ndarray]:
    """Split into batches of nearly equal size; a last batch of one window would break batch norm."""
    return np.array_split(indices, max(1, math.ceil(len(indices) / size)))


def _numbers(sums: torch.Tensor) -> dict[str, float | None]:
    entropy, labelled, physics, known, constrained, violations, correct, landslides, hits = sums.tolist()
    return {
        "loss": entropy / max(labelled, 1) + physics / max(known, 1),
        "accuracy": correct / labelled if labelled else None,
        "recall": hits / landslides if landslides else None,
        "violation_rate": violations / constrained if constrained else None,
    }
