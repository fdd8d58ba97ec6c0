"""Device, precision, and reproducible torch without side effects on others in the process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any, Callable

import torch
import torch.utils.deterministic

from ..errors import DeviceUnavailable
from ..memory import is_out_of_memory

_MEMORY: Any = torch.utils.deterministic  # the module's property is not in torch's annotations
PRECISION_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def choose_device(name: str) -> torch.device:
    """Return the device of a name: ``auto`` (CUDA if available, else the CPU), ``cpu``, ``cuda``, ``cuda:N``, ``mps``.

    Raises:
        DeviceUnavailable: this computer or this build of torch has no such device.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceUnavailable("DEVICE is mps, but torch finds no Apple GPU here. Choose auto or cpu.")
        return torch.device("mps")
    if not torch.cuda.is_available():
        raise DeviceUnavailable(
            f"DEVICE is {name}, but torch finds no CUDA GPU here: there is none, its driver is missing, or this torch "
            "was built without CUDA. Choose auto or cpu."
        )
    device = torch.device(name) if ":" in name else _cuda()
    count = torch.cuda.device_count()
    if device.index >= count:
        raise DeviceUnavailable(
            f"DEVICE is {name}, but there are {count} CUDA GPUs here, numbered from 0. Choose cuda:{count - 1} or "
            "less, or auto."
        )
    return device


def _cuda() -> torch.device:
    try:
        return torch.device("cuda", torch.cuda.current_device())
    except RuntimeError as error:
        raise DeviceUnavailable(
            f"The GPU cannot be used: {_first_line(error)}. Restart the computer or reinstall the card's driver, or "
            "choose DEVICE=cpu."
        ) from error


def is_device_failure(error: BaseException) -> bool:
    """Whether an error means that a GPU failed or vanished: torch's own class, or a message of its drivers."""
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "AcceleratorError" or any(words in str(error).lower() for words in _FAILURE_MESSAGES)
    )


@contextlib.contextmanager
def device_errors_explained(device: torch.device, checkpoint: str | os.PathLike | None = None) -> Iterator[None]:
    """Explain errors of a GPU in a training, which does not fall back to the CPU: there it could take days.

    Raises:
        DeviceUnavailable: the GPU has too little memory, or failed.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.cuda.OutOfMemoryError) or (device.type != "cpu" and is_out_of_memory(error)):
            raise DeviceUnavailable(
                "The GPU has too little memory for this batch. Make BATCH, WIDTH or WINDOW smaller, close other "
                "programs that use it, or use DEVICE=cpu."
            ) from error
        if not is_device_failure(error):
            raise
        again = "Start the training again"
        if checkpoint and os.path.isfile(checkpoint):
            again = f"The training resumes from {checkpoint} when it is started again with the same settings"
        raise DeviceUnavailable(
            f"The GPU failed during the training: {_first_line(error)}. Its driver was restarted, the computer slept, "
            f"or the card is faulty. {again}, after a restart of QGIS, or with DEVICE=cpu."
        ) from error


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the precision of a name on a device; weights and losses are always float32.

    Names are ``auto`` (bf16 on CUDA GPUs that support it, else fp32), ``fp32``, ``bf16`` and ``fp16``.

    Raises:
        DeviceUnavailable: the device lacks this precision.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" and _has_bf16(device) else torch.float32
    if name == "fp16" and device.type == "cpu":
        raise DeviceUnavailable("PRECISION is fp16, which is for CUDA GPUs only. Choose auto, fp32 or bf16.")
    if name in ("bf16", "fp16") and device.type == "mps":
        raise DeviceUnavailable(f"PRECISION is {name}, which is not reliable on Apple GPUs. Choose auto or fp32.")
    return next(dtype for dtype, known in PRECISION_NAMES.items() if known == name)


def training_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the precision of a name for training; :func:`choose_precision` is for prediction.

    ``auto`` is bf16 on CUDA GPUs that support it, fp16 on older ones with tensor cores, bf16 on CPUs that multiply
    matrices in it (a step takes half to four fifths of the time, and the model is as good: see docs/benchmarks.md),
    else fp32.

    Raises:
        DeviceUnavailable: the device lacks this precision.
    """
    if name != "auto":
        return choose_precision(name, device)
    if device.type == "cuda":
        if _has_bf16(device):
            return torch.bfloat16
        # GPUs older than Volta support fp16 but are no faster with it.
        return torch.float16 if torch.cuda.get_device_capability(device)[0] >= 7 else torch.float32
    return torch.bfloat16 if device.type == "cpu" and cpu_has_bf16() else torch.float32


def cpu_has_bf16() -> bool:
    """Return whether this CPU multiplies matrices in bf16 (AVX512-BF16 or AMX), as far as torch can tell."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        with contextlib.suppress(RuntimeError, AttributeError):
            if getattr(torch.cpu, name)():
                return True
    return False


def lower_precision(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager:
    """Return the context in which a network computes in ``dtype``; no effect for float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


@contextlib.contextmanager
def deterministic_torch() -> Iterator[None]:
    """Use deterministic algorithms of torch, and restore its settings afterwards.

    QGIS shares its process with other plugins and may run two trainings in two threads. So the last one to leave
    restores the process-wide switches; and no training draws from the global generators, which others may use.
    """
    global _users, _restore
    with _lock:
        _users += 1
        if _users == 1:
            _restore = _make_deterministic()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _restore()


def _make_deterministic() -> Callable[[], None]:
    """Set the switches, and return a function that sets them back."""
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only, fill = torch.is_deterministic_algorithms_warn_only_enabled(), _MEMORY.fill_uninitialized_memory
    cudnn, workspace = torch.backends.cudnn, os.environ.get(_WORKSPACE)
    deterministic, benchmark = cudnn.deterministic, cudnn.benchmark
    os.environ.setdefault(_WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling fresh memory helps to find errors and costs time.
    _MEMORY.fill_uninitialized_memory = False
    cudnn.deterministic, cudnn.benchmark = True, False

    def restore() -> None:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        _MEMORY.fill_uninitialized_memory = fill
        cudnn.deterministic, cudnn.benchmark = deterministic, benchmark
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)

    return restore


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]


_FAILURE_MESSAGES = (
    *("cuda error", "cuda unknown error", "no cuda gpus are available", "device-side assert", "driver shutting down"),
    *("cudnn error", "cudnn_status", "cublas_status", "cusolver_status", "nvml", "hip error", "mps backend"),
)
"""Parts of torch's messages for a failing GPU, in lower case."""
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_lock = threading.Lock()
_users = 0
_restore: Callable[[], None] = lambda: None  # noqa: E731  # replaced by the first user


def _has_bf16(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device)[0] >= 8
