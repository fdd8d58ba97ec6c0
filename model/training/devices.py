"""Choosing device and arithmetic, and making torch repeat itself without changing it for others in the process."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any, Iterator

import torch
import torch.utils.deterministic

from ..errors import DeviceUnavailable


def choose_device(name: str) -> torch.device:
    """Return the device of a name.

    Args:
        name: ``auto`` (CUDA when there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        DeviceUnavailable: this computer or this build of torch has no such device.
    """
    if name == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() \
            else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceUnavailable("DEVICE is mps, but torch finds no Apple GPU here. Choose auto or cpu.")
        return torch.device("mps")
    if not torch.cuda.is_available():
        raise DeviceUnavailable(f"DEVICE is {name}, but torch finds no CUDA GPU here: there is none, its driver is "
                                "missing, or this torch was built without CUDA. Choose auto or cpu.")
    device = torch.device(name) if ":" in name else torch.device("cuda", torch.cuda.current_device())
    count = torch.cuda.device_count()
    if device.index >= count:
        raise DeviceUnavailable(f"DEVICE is {name}, but there are {count} CUDA GPUs here, numbered from 0. "
                                f"Choose cuda:{count - 1} or less, or auto.")
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the arithmetic of a name on a device; weights and losses stay in float32 always.

    Args:
        name: ``auto`` (bf16 on CUDA GPUs that have it, else fp32), ``fp32``, ``bf16`` or ``fp16``.
        device: from :func:`choose_device`.

    Raises:
        DeviceUnavailable: the device has no such arithmetic.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" and _has_bf16(device) else torch.float32
    if name == "fp16" and device.type == "cpu":
        raise DeviceUnavailable("PRECISION is fp16, which is for CUDA GPUs only. Choose auto, fp32 or bf16.")
    if name in ("bf16", "fp16") and device.type == "mps":
        raise DeviceUnavailable(f"PRECISION is {name}, which is not reliable on Apple GPUs. Choose auto or fp32.")
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def training_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the arithmetic of a name for training; :func:`choose_precision` is for prediction.

    Args:
        name: ``auto``, or a name of :func:`choose_precision`. ``auto`` is bf16 on CUDA GPUs that have it, fp16 on
            older ones with matrix units, bf16 on processors that multiply matrices in it (a step takes half to four
            fifths of the time, and the model is as good: see docs/benchmarks.md), else fp32.
        device: from :func:`choose_device`.

    Raises:
        DeviceUnavailable: the device has no such arithmetic.
    """
    if name != "auto":
        return choose_precision(name, device)
    if device.type == "cuda":
        return torch.bfloat16 if _has_bf16(device) else torch.float16 if _has_fp16(device) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and cpu_has_bf16() else torch.float32


def cpu_has_bf16() -> bool:
    """Return whether this processor multiplies matrices in bf16 (AVX512-BF16 or AMX), as far as torch can tell."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        ask = getattr(torch.cpu, name, None)
        try:
            if ask is not None and ask():
                return True
        except (RuntimeError, AttributeError):
            continue
    return False


def lower_precision(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager:
    """Return the context in which a network computes in ``dtype``; no effect for float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


@contextlib.contextmanager
def repeatable() -> Iterator[None]:
    """Make torch choose algorithms that give the same result every time, and put everything back afterwards.

    QGIS shares its process with other plugins and may run two trainings at once in two threads. So the switches, which
    hold for the whole process, are put back by the last one out; and no training draws from the global generators,
    which others may draw from in between.
    """
    _SWITCHES.enter()
    try:
        yield
    finally:
        _SWITCHES.leave()


class _Switches:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: dict[str, Any] = {}

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            self._before = {
                "deterministic": torch.are_deterministic_algorithms_enabled(),
                "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
                "fill": torch.utils.deterministic.fill_uninitialized_memory,
                "cudnn": torch.backends.cudnn.deterministic, "benchmark": torch.backends.cudnn.benchmark,
                "workspace": os.environ.get(_WORKSPACE),
            }
            os.environ.setdefault(_WORKSPACE, ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
            # Filling fresh memory is meant for finding errors and costs time.
            torch.utils.deterministic.fill_uninitialized_memory = False
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            before = self._before
            torch.use_deterministic_algorithms(before["deterministic"], warn_only=before["warn_only"])
            torch.utils.deterministic.fill_uninitialized_memory = before["fill"]
            torch.backends.cudnn.deterministic = before["cudnn"]
            torch.backends.cudnn.benchmark = before["benchmark"]
            if before["workspace"] is None:
                os.environ.pop(_WORKSPACE, None)


_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_SWITCHES = _Switches()


def _has_bf16(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device)[0] >= 8


def _has_fp16(device: torch.device) -> bool:
    """Older GPUs know fp16 but compute no faster in it."""
    return torch.cuda.get_device_capability(device)[0] >= 7
