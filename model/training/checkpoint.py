"""The state of a training run on disk, so that a run that was killed goes on and ends with the same weights."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import nn

from ..errors import ModelFileInvalid, OutputNotWritable, ParameterInvalid
from ..outputs.atomic import atomic_output, checksum
from ..progress import Progress
from ..safe_json import parse_json
from ..windows.reading import WindowSet
from .settings import TrainingSettings

WRITE_INTERVAL = 5.0
"""Least time between two writes; a small network finishes an epoch faster than is worth a file."""
_KEY = "scarp_checkpoint"
_FORMAT = 3


@dataclass
class TrainingState:
    """Everything that the next epoch depends on; random numbers do not belong, each epoch draws its own anew."""

    epoch: int
    """Epochs done."""
    history: list[dict[str, Any]]
    best_epoch: int
    best: dict[str, torch.Tensor]
    """Weights of the best epoch."""
    ema: dict[str, torch.Tensor] = field(default_factory=dict)
    """Running average of the weights; the weights themselves where none is kept."""
    scale: float = 0.0
    """Of the gradients in fp16; 0 when not used."""


def fingerprint(
    windows: WindowSet, settings: TrainingSettings, architecture: dict[str, Any], precision: str, start: str = ""
) -> str:
    """Return a hash over all that shapes a training run: windows, settings, network, arithmetic, what it starts from.

    The arithmetic is the one in use: an automatic choice may differ on another computer.
    """
    digest = hashlib.sha256()
    plain = {
        "settings": settings.as_dict(),
        "architecture": architecture,
        "torch": torch.__version__,
        "precision": precision,
        "start": start,
    }
    digest.update(json.dumps(plain, sort_keys=True).encode())
    for array in (windows.factors, windows.labels, windows.safety, windows.subsets):
        if array is not None:
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def save_state(
    path: str | os.PathLike, key: str, state: TrainingState, network: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        path: of the checkpoint.
        key: from :func:`fingerprint`.
        state: after a finished epoch.
        network: with its present weights.
        optimiser: with its present moments.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    for part, weights in (("best", state.best), ("average", state.ema)):
        tensors.update({f"{part}/{name}": value for name, value in weights.items()})
    for number, moments in optimiser.state_dict()["state"].items():
        tensors.update({f"optimiser/{number}/{name}": torch.as_tensor(value) for name, value in moments.items()})
    arrays = {name: value.detach().cpu().contiguous().numpy() for name, value in tensors.items()}
    header = {
        "format": _FORMAT,
        "key": key,
        "epoch": state.epoch,
        "best_epoch": state.best_epoch,
        "scale": state.scale,
        "history": state.history,
    }
    content = save(arrays, metadata={_KEY: json.dumps({**header, "checksum": _checksum(header, arrays)})})
    with atomic_output(path, permanent=True) as temporary:
        temporary.write_bytes(content)


def try_save_state(
    path: str | os.PathLike,
    key: str,
    state: TrainingState,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    has_previous: bool,
    failed: bool,
    progress: Progress,
) -> bool:
    """Write a checkpoint as :func:`save_state` does; return whether that failed.

    The first time a failure ends the training: the path is wrong. Later, when a disk has filled up, the training is
    worth more than a state to go on from; the last one stays as it is.

    Args:
        path: of the checkpoint.
        key: from :func:`fingerprint`.
        state: after a finished epoch.
        network: with its present weights.
        optimiser: with its present moments.
        kept: whether there is an earlier state of this training.
        failed: whether the last attempt did, so that it is told once.
        progress: warned.

    Raises:
        OutputNotWritable: the first one cannot be written.
    """
    try:
        save_state(path, key, state, network, optimiser)
    except OutputNotWritable as error:
        if not has_previous:
            raise
        if not failed:
            progress.warn(
                f"{error} The training goes on; if it is ended now, it can only go on from the last "
                "checkpoint that was written."
            )
        return True
    return False


def load_state(
    path: str | os.PathLike, key: str, network: nn.Module, optimiser: torch.optim.Optimizer
) -> TrainingState | None:
    """Read a checkpoint into network and optimiser.

    Returns:
        Where the run stood, or ``None`` when there is no file yet.

    Raises:
        ModelFileInvalid: the file is no checkpoint, or damaged.
        ParameterInvalid: it belongs to a run with other data or settings.
    """
    if not os.path.isfile(path):
        return None
    try:
        with safe_open(str(path), framework="np") as stream:
            header = parse_json((stream.metadata() or {}).get(_KEY, "{}"))
            if not isinstance(header, dict) or header.get("format") != _FORMAT:
                raise _invalid(path, "it is no checkpoint of this version of Scarp")
            if header.get("key") != key:
                raise ParameterInvalid(
                    f"The checkpoint {path} belongs to a run with other data or settings, so this run cannot go on "
                    "from it. Choose another CHECKPOINT file, delete this one, or give the same data and settings."
                )
            arrays = {name: stream.get_tensor(name) for name in stream}
            # After a power failure, or on a worn disk, a file may be readable and not what was written.
            if header.pop("checksum", None) != _checksum(header, arrays):
                raise _invalid(path, "it is damaged")
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            return _restore(header, tensors, network, optimiser, path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise _invalid(path, f"it cannot be read ({error})") from error


def _restore(
    header: dict[str, Any],
    tensors: dict[str, torch.Tensor],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    path: str | os.PathLike,
) -> TrainingState:
    own = network.state_dict()
    parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "best": {}, "average": {}}
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        if part == "optimiser":
            number, _, moment = rest.partition("/")
            moments.setdefault(int(number), {})[moment] = value
        else:
            parts[part][rest] = value
    for part in parts.values():
        if {name: value.shape for name, value in part.items()} != {name: value.shape for name, value in own.items()}:
            raise _invalid(path, "its tensors are not those of the network")
    network.load_state_dict(parts["network"])
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
    device = next(network.parameters()).device
    best, ema = ({name: value.to(device) for name, value in parts[part].items()} for part in ("best", "average"))
    return TrainingState(
        int(header["epoch"]), list(header["history"]), int(header["best_epoch"]), best, ema, float(header["scale"])
    )


def _checksum(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> int:
    return checksum({**arrays, _KEY: np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)})


def _invalid(path: str | os.PathLike, what: str) -> ModelFileInvalid:
    return ModelFileInvalid(
        f"The checkpoint {path} cannot be used: {what}. Choose another file as CHECKPOINT; one "
        "that is not there yet is made."
    )
