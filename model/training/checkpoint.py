"""The state of a training run on disk: a killed run resumes from it and ends with the same weights."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import nn
from torch.optim import Optimizer

from ..errors import ModelFileInvalid, OutputNotWritable, ParameterInvalid
from ..outputs.atomic import atomic_output
from ..outputs.run_record import checksum
from ..progress import Progress
from ..safe_json import parse_json
from ..windows.collection import WindowSet
from .settings import TrainingSettings

WRITE_INTERVAL = 5.0  # minimum seconds between two writes; an epoch of a small network is not worth a file
_KEY = "scarp_checkpoint"
_FORMAT = 3
_MOMENTS = "optimiser"  # first part of the names of its tensors


@dataclass
class TrainingState:
    """Everything that the next epoch depends on, but random numbers: each epoch draws its own."""

    epoch: int  # finished epochs
    history: list[dict[str, Any]]  # per epoch ``epoch`` and the ``SERIES`` of :mod:`..history.writing`
    best_epoch: int  # from 1
    best: dict[str, torch.Tensor]  # weights of the best epoch
    ema: dict[str, torch.Tensor] = field(default_factory=dict)  # of the weights; the weights themselves without EMA
    scale: float = 0.0  # of the gradients in fp16; 0 if not used


def fingerprint(
    windows: WindowSet, settings: TrainingSettings, architecture: dict[str, Any], precision: str, start: str = ""
) -> str:
    """Return a hash of everything that determines a run: windows, settings, network, precision in use, start model."""
    plain = {"settings": settings.as_dict(), "architecture": architecture, "precision": precision, "start": start}
    return fingerprint_of(plain, (windows.factors, windows.labels, windows.safety, windows.subsets))


def fingerprint_of(plain: dict[str, Any], arrays: Iterable[np.ndarray | None]) -> str:
    """Return a hash of plain values and arrays, and of the version of torch."""
    digest = hashlib.sha256(json.dumps({**plain, "torch": torch.__version__}, sort_keys=True).encode())
    for array in arrays:
        if array is not None:
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class CheckpointFile:
    """A file of numbers and arrays that belongs to one run; ``key`` is from :func:`fingerprint`.

    If the first state cannot be written, the training ends: the path is wrong. Later, on a full disk, the training is
    worth more than its checkpoint; the last one stays, and there is one warning.
    """

    def __init__(self, path: str | os.PathLike, key: str, progress: Progress) -> None:
        self.path, self.key, self.progress = path, key, progress
        self._has_previous = self._failed = False
        self._written = time.monotonic()

    def is_due(self) -> bool:
        """Return whether the last write was long enough ago."""
        return time.monotonic() - self._written >= WRITE_INTERVAL

    def write(self, header: dict[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Write a state, atomically; raises ``OutputNotWritable`` if the first fails."""
        arrays = {name: value.detach().cpu().contiguous().numpy() for name, value in tensors.items()}
        header = {"format": _FORMAT, "key": self.key, **header}
        content = save(arrays, metadata={_KEY: json.dumps({**header, "checksum": _checksum(header, arrays)})})
        try:
            with atomic_output(self.path, permanent=True) as temporary:
                temporary.write_bytes(content)
            self._failed = False
        except OutputNotWritable as error:
            if not self._has_previous:
                raise
            if not self._failed:
                self.progress.warn(
                    f"{error} The training goes on; if it is ended now, it can only resume from the last checkpoint "
                    "that was written."
                )
            self._failed = True
        self._written, self._has_previous = time.monotonic(), True

    def read(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:
        """Return what was written last; ``None`` if there is no file yet.

        Raises:
            ModelFileInvalid: the file is no checkpoint, or damaged.
            ParameterInvalid: it belongs to a run with other data or settings.
        """
        path = self.path
        if not os.path.isfile(path):
            return None
        with self.reading(), safe_open(str(path), framework="np") as stream:
            header = parse_json((stream.metadata() or {}).get(_KEY, "{}"))
            if not isinstance(header, dict) or header.get("format") != _FORMAT:
                raise _invalid(path, "it is no checkpoint of this version of Scarp")
            if header.get("key") != self.key:
                raise ParameterInvalid(
                    f"The checkpoint {path} belongs to a run with other data or settings, so this run cannot "
                    "resume from it. Choose another CHECKPOINT file, delete this one, or give the same data and "
                    "settings."
                )
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118  # no mapping
            # After a power failure, or on a worn disk, a file may be readable but differ from what was written.
            if header.pop("checksum", None) != _checksum(header, arrays):
                raise _invalid(path, "it is damaged")
        self._has_previous = True
        return header, {name: torch.from_numpy(array) for name, array in arrays.items()}

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turn errors of content that is not as expected into ``ModelFileInvalid``."""
        try:
            yield
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise _invalid(self.path, f"it cannot be read ({error})") from error


class Checkpoint(CheckpointFile):
    """The file in which a training in epochs keeps its state."""

    def save(self, state: TrainingState, network: nn.Module, optimiser: Optimizer) -> None:
        """Write the state after a finished epoch; see :meth:`write`."""
        tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
        for part, weights in (("best", state.best), ("average", state.ema)):
            tensors.update({f"{part}/{name}": value for name, value in weights.items()})
        tensors.update(moments_of(optimiser))
        self.write({name: getattr(state, name) for name in ("epoch", "best_epoch", "scale", "history")}, tensors)

    def load(self, network: nn.Module, optimiser: Optimizer) -> TrainingState | None:
        """Read the state into network and optimiser; see :meth:`read`."""
        found = self.read()
        if found is None:
            return None
        with self.reading():
            state = self._restore(*found, network, optimiser)
        self._has_previous = state.epoch > 0
        return state

    def _restore(
        self, header: dict[str, Any], tensors: dict[str, torch.Tensor], network: nn.Module, optimiser: Optimizer
    ) -> TrainingState:
        parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "best": {}, "average": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition("/")
            if part != _MOMENTS:
                parts[part][rest] = value
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        for weights in parts.values():
            if {name: value.shape for name, value in weights.items()} != shapes:
                raise _invalid(self.path, "its tensors are not those of the network")
        network.load_state_dict(parts["network"])
        restore_moments(optimiser, tensors)
        device = next(network.parameters()).device
        best, ema = ({name: value.to(device) for name, value in parts[part].items()} for part in ("best", "average"))
        epoch, history, best_epoch = int(header["epoch"]), list(header["history"]), int(header["best_epoch"])
        return TrainingState(epoch, history, best_epoch, best, ema, float(header["scale"]))


class SavedParts:
    """The state of a training that has several parts, such as fits one after the other; nothing without a file."""

    def __init__(self, file: CheckpointFile | None) -> None:
        self._file = file
        self._numbers: dict[str, Any] = {}
        self._tensors: dict[str, dict[str, torch.Tensor]] = {}
        found = file.read() if file else None
        if file and found:
            with file.reading():
                self._numbers = dict(found[0]["parts"])
                for name, value in found[1].items():
                    part, _, rest = name.partition("/")
                    self._tensors.setdefault(part, {})[rest] = value

    def get(self, part: str) -> tuple[Any, dict[str, torch.Tensor]] | None:
        """Return the state of a part; ``None`` if it has not begun."""
        return (self._numbers[part], self._tensors.get(part, {})) if part in self._numbers else None

    @contextlib.contextmanager
    def restoring(self) -> Iterator[None]:
        """Explain errors while a state is used."""
        with self._file.reading() if self._file else contextlib.nullcontext():
            yield

    def put(self, part: str, numbers: Any, tensors: Callable[[], dict[str, torch.Tensor]], last: bool = False) -> None:
        """Replace the state of a part and write all of them, if it is time, or this is the first or the last state."""
        if self._file is None or not (last or not self._numbers or self._file.is_due()):
            return
        self._numbers[part], self._tensors[part] = numbers, tensors()
        everything = {f"{name}/{key}": value for name, own in self._tensors.items() for key, value in own.items()}
        self._file.write({"parts": self._numbers}, everything)


def moments_of(optimiser: Optimizer) -> dict[str, torch.Tensor]:
    """Return what an optimiser remembers, by names for a file."""
    state = optimiser.state_dict()["state"].items()
    return {
        f"{_MOMENTS}/{number}/{name}": torch.as_tensor(value) for number, own in state for name, value in own.items()
    }


def restore_moments(optimiser: Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give an optimiser what :func:`moments_of` returned; other tensors are ignored."""
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        if part == _MOMENTS:
            number, _, moment = rest.partition("/")
            moments.setdefault(int(number), {})[moment] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})


def _checksum(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> int:
    return checksum({**arrays, _KEY: np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)})


def _invalid(path: str | os.PathLike, what: str) -> ModelFileInvalid:
    return ModelFileInvalid(
        f"The checkpoint {path} cannot be used: {what}. Choose another file as CHECKPOINT; one that does not exist yet "
        "is created."
    )
