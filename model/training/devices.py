"""Choosing device and arithmetic, and making torch repeat itself without changing it for others in the process."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

import torch

from ..errors import DeviceUnavailable


def choose_device(name: str) -> torch.device:
    """Return the device of a name.

    Args:
        name: ``auto`` (CUDA when there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        DeviceUnavailable: this computer or this build of torch has no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceUnavailable("DEVICE is mps, but torch finds no Apple GPU here. Choose auto or cpu.")
        return torch.device("mps")
    if not torch.cuda.is_available():
        raise DeviceUnavailable(f"DEVICE is {name}, but torch finds no CUDA GPU here: there is none, its driver is "
                                "missing, or this torch was built without CUDA. Choose auto or cpu.")
    device = torch.device(name if ":" in name else "cuda:0")
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


def lower_precision(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager:
    """Return the context in which a network computes in ``dtype``; no effect for float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


@contextlib.contextmanager
def repeatable(seed: int, device: torch.device) -> Iterator[None]:
    """Make what happens inside depend on ``seed`` alone, and leave torch's global state as it was.

    QGIS shares its process with other plugins, so neither their random numbers nor their settings may change.
    """
    switches = (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled(),
                torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            if device.type == "cuda":
                os.environ["CUBLAS_WORKSPACE_CONFIG"] = workspace or ":4096:8"
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
            seed_generators(seed, device)
            yield
        finally:
            torch.use_deterministic_algorithms(switches[0], warn_only=switches[1])
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = switches[2], switches[3]
            if workspace is None:
                os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed torch's generators of the CPU and of one device, and of no other."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _has_bf16(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device)[0] >= 8
