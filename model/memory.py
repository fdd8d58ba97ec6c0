"""Keep freed memory in the process while a network runs, recognise out-of-memory errors, and ask for free memory.

glibc returns a large block to the system as soon as it is freed, and the next one is faulted in again page by page. A
network frees and allocates the same large blocks at every layer: on a CPU most of the time of a small U-Net goes into
page faults. Measured with the default network: training takes a third to a tenth of the processor time if freed blocks
are kept. Other systems keep them anyway. Environment variables of glibc could set the same limits, but only for a
process of its own, and would never give the memory back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from typing import Any

# Of malloc.h. The threshold for mmap cannot be higher than half a heap of glibc's.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_RETAINED = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 1 << 30, _TOP_PAD: 64 << 20}
_DEFAULTS = {_MMAP_THRESHOLD: 128 << 10, _TRIM_THRESHOLD: 128 << 10, _TOP_PAD: 128 << 10}
# Parts of torch's messages in lower case, on CPUs under Linux, macOS and Windows, and on GPUs.
_OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory", "out of memory")

_lock = threading.Lock()
_users = 0


@contextlib.contextmanager
def retain_freed_memory() -> Iterator[None]:
    """Keep freed memory for the next allocation until the last thread leaves; no effect without glibc."""
    global _users
    library = _glibc()
    if library is None:
        yield
        return
    with _lock:
        _users += 1
        if _users == 1:
            _set(library, _RETAINED)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _set(library, _DEFAULTS)
                library.malloc_trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: Python's own, or one of torch's, which are plain RuntimeErrors."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)


def available_memory() -> float | None:
    """Return the bytes that programs may take without swapping, as the system estimates; None where it does not say."""
    with contextlib.suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as stream:
        sizes = dict(line.split(":", 1) for line in stream)
        return 1024.0 * int(sizes["MemAvailable"].split()[0])
    status = _windows_status()
    if status is not None:
        return float(status.available)
    total = total_memory()
    # Half of what there is: macOS does not say how much of it is taken.
    return None if total is None else 0.5 * total


def total_memory() -> float | None:
    """Return the bytes of memory of this computer; None where the system does not say."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    status = _windows_status()
    return None if status is None else float(status.total)


def _windows_status() -> _MemoryStatus | None:
    windows: Any = getattr(ctypes, "windll", None)
    status = _MemoryStatus(ctypes.sizeof(_MemoryStatus))
    found = windows is not None and windows.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return status if found else None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("load", ctypes.c_ulong),
        ("total", ctypes.c_ulonglong),
        ("available", ctypes.c_ulonglong),
        ("others", ctypes.c_ulonglong * 5),
    )


def _glibc() -> ctypes.CDLL | None:
    if platform.libc_ver()[0] != "glibc":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def _set(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for option, value in values.items():
        library.mallopt(option, value)
