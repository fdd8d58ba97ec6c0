"""Batches with data augmentation, and the training loop: moving average (EMA) of the weights, early stopping."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Mapping
from typing import Any, Callable

import numpy as np
import torch
from torch import nn

from ..encoding import Encoding, FactorSpec
from ..errors import TooFewData
from ..factors.definitions import ASPECT_CLASSES
from ..history.writing import EPOCHS, PATIENCE, STOPPED, TrainingLog
from ..networks.unet import LossTerms, PcumLoss, set_generator
from ..progress import Progress, duration, stop_if_cancelled
from ..windows.collection import WindowSet
from .checkpoint import Checkpoint, TrainingState
from .devices import lower_precision
from .settings import TrainingSettings

ORIENTATIONS = 8  # 0 changes nothing; 4 and up flip left and right first; each step rotates by 90°
ASPECT = "aspect"
_FIRST_DIRECTION = 2  # code of north; the eight directions follow clockwise, and flat (1) has none
_SHARE_OF_GPU = 0.4  # of the free memory of a GPU for the windows; the network needs the rest


def flip_rotate(image: torch.Tensor, orientation: int) -> torch.Tensor:
    """Return square images (…, height, width) in one of the eight orientations."""
    if orientation >= 4:
        image = image.flip(-1)
    return torch.rot90(image, orientation % 4, dims=(-2, -1))


def transform_aspect(code: int, orientation: int) -> int:
    """Return the aspect code of a slope after its window was transformed; unknown codes stay."""
    if code not in ASPECT_CLASSES or code < _FIRST_DIRECTION:
        return code
    # A flip swaps east and west; a rotation is counter-clockwise, so north becomes west.
    direction = (code - _FIRST_DIRECTION) * (-1 if orientation >= 4 else 1)
    return (direction - 2 * (orientation % 4)) % 8 + _FIRST_DIRECTION


def aspect_lookup(spec: FactorSpec) -> np.ndarray:
    """Return the transformed class number of the aspect, int64 (8 orientations, seen classes + 2).

    Class numbers are those of ``Encoding.split``: 0 no data, then the classes seen, then unseen.
    """
    numbers = {code: place + 1 for place, code in enumerate(spec.seen)}
    unseen = len(spec.seen) + 1
    table = np.empty((ORIENTATIONS, unseen + 1), dtype=np.int64)
    for orientation in range(ORIENTATIONS):
        turned = [numbers.get(transform_aspect(code, orientation), unseen) for code in spec.seen]
        table[orientation] = [0, *turned, unseen]
    return table


class TrainingData:
    """All windows in memory: z-scores as float32, classes as bytes; classes become channels batch by batch."""

    def __init__(self, windows: WindowSet, encoding: Encoding, device: torch.device, progress: Progress) -> None:
        count, padded = len(windows), windows.labels.shape[-1]
        scores = np.empty((count, len(encoding.continuous), padded, padded), dtype=np.float32)
        numbers = np.empty((count, len(encoding.categorical), padded, padded), dtype=np.uint8)
        for index in range(count):
            scores[index], numbers[index], _ = encoding.split(windows.factors[index])
            if index % 64 == 0:
                stop_if_cancelled(progress)
                progress.report(index / count)
        tensors = [torch.from_numpy(scores), torch.from_numpy(numbers), torch.from_numpy(windows.labels)]
        if windows.safety is not None:
            tensors.append(torch.from_numpy(windows.safety))
        home, size = torch.device("cpu"), sum(tensor.nbytes for tensor in tensors)
        if device.type == "cuda" and size < _SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]:
            home = device
        tensors = [tensor.to(home) for tensor in tensors]
        self.device, self._home = device, home
        self._scores, self._numbers, self._labels = tensors[:3]
        self._safety = tensors[3] if len(tensors) > 3 else None
        self._tables = [torch.from_numpy(table).to(device) for table in encoding.tables]
        cells = torch.arange(padded * padded).view(padded, padded)
        sources = [flip_rotate(cells, orientation).flatten() for orientation in range(ORIENTATIONS)]
        self._sources = torch.stack(sources).to(home)
        self._aspect_lookups = {
            row: torch.from_numpy(aspect_lookup(encoding.factors[index]).astype(np.uint8)).to(home)
            for row, index in enumerate(encoding.categorical)
            if encoding.factors[index].name == ASPECT
        }

    def batch(
        self, indices: np.ndarray, orientations: np.ndarray | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return image, labels and safety factor of some windows, each in its orientation (0 to 7) if given.

        They are float32 (windows, channels, height, width), uint8 (windows, height, width), and float32 of that shape,
        NaN where unknown, or ``None``.
        """
        index = torch.from_numpy(np.asarray(indices, dtype=np.int64)).to(self._home)
        parts = [self._scores[index], self._numbers[index], self._labels[index]]
        if self._safety is not None:
            parts.append(self._safety[index])
        if orientations is not None:
            parts = self._augment(parts, orientations)
        parts = [part.to(self.device, non_blocking=True) for part in parts]
        return self._image(parts[0], parts[1]), parts[2], parts[3] if len(parts) > 3 else None

    def _augment(self, parts: list[torch.Tensor], orientations: np.ndarray) -> list[torch.Tensor]:
        # All orientations at once by looking up the source of each cell, so that a GPU does not wait for the CPU.
        orientation = torch.from_numpy(np.asarray(orientations, dtype=np.int64)).to(self._home)
        sources = self._sources[orientation]
        results = []
        for part in parts:
            flat = part.flatten(-2)
            places = sources if flat.dim() == 2 else sources[:, None].expand(-1, flat.shape[1], -1)
            results.append(flat.gather(-1, places).view(part.shape))
        for row, table in self._aspect_lookups.items():
            results[1][:, row] = table[orientation[:, None, None], results[1][:, row].long()]
        return results

    def _image(self, scores: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        planes = [scores.permute(0, 2, 3, 1)]
        planes += [table[numbers[:, row].long()] for row, table in enumerate(self._tables)]
        # Channels last is the fastest layout for convolutions.
        return torch.cat(planes, dim=-1).permute(0, 3, 1, 2)


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
        self._source = network

    def update(self, step: int) -> None:
        """Move towards the weights after a step, counted from 1 over the whole training."""
        if not self.decay:
            return
        share = 1 - min(self.decay, step / (_WARM_UP_STEPS + step))
        source, target = self._source.state_dict(), self.network.state_dict()
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
    ) -> tuple[TrainingState, str]:
        """Train on windows given by index, and keep the weights of the epoch with the lowest validation loss.

        Returns the last state, and how the training ended: ``epochs``, ``patience`` or ``stopped``.

        When the log requests a stop, the current epoch is dropped and training ends as in early stopping; the first
        epoch is finished, because there are no weights before. The state is read from the file ``checkpoint`` if it
        exists; raises ``ParameterInvalid`` if it does not belong to the run with this ``key``, and ``TooFewData`` if
        the loss is not finite, which only broken data cause.
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
        return state, ended

    def evaluate(
        self, indices: np.ndarray, collect: Callable[[Any, Any], None] | None = None, ema: bool = False
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
                image, labels, safety = self.data.batch(part)
                with lower_precision(self.data.device, self.dtype):
                    logits = network(image)
                sums += self.loss(logits, labels, safety).sums().cpu()
                if collect:
                    collect(torch.sigmoid((logits[:, 1] - logits[:, 0]).float()), labels)
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
            image, labels, safety = data.batch(order[part], orientations[part] if settings.augment else None)
            with lower_precision(data.device, self.dtype):
                logits = self.network(image)
            terms = self.loss(logits, labels, safety)
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
