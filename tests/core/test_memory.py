"""Freed memory is kept while a network runs and given back afterwards."""

from __future__ import annotations

import ctypes
import platform
import threading
from pathlib import Path

import pytest

from scarp.model import memory
from scarp.model.memory import retain_freed_memory

resource = pytest.importorskip("resource", reason="glibc only")
BLOCK = 8 << 20
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc only")


def allocator() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    return library


def faults_of_repeated_use(times: int = 50) -> int:
    """Return how many page faults it takes to fill and free a large block again and again."""
    library = allocator()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        block = library.malloc(BLOCK)
        ctypes.memset(block, 1, BLOCK)
        library.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_blocks_are_faulted_in_once_and_returned():
    with retain_freed_memory():
        faults = faults_of_repeated_use()
        # Once is 2048 pages of 4 kB; fifty times would be a hundred thousand.
        assert faults < 10000
    before = resident_bytes()
    library = allocator()
    with retain_freed_memory():
        blocks = [library.malloc(BLOCK) for _ in range(20)]
        for block in blocks:
            ctypes.memset(block, 1, BLOCK)
        assert resident_bytes() > before + 15 * BLOCK
        for block in blocks:
            library.free(block)
    assert resident_bytes() < before + 5 * BLOCK


def test_the_last_one_out_restores_the_defaults(monkeypatch):
    calls = []
    monkeypatch.setattr(memory, "_set", lambda library, values: calls.append(values))
    inside, leave = threading.Event(), threading.Event()

    def other():
        with retain_freed_memory():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with retain_freed_memory():
        thread.start()
        assert inside.wait(60)
    assert calls == [memory._RETAINED]
    leave.set()
    thread.join()
    assert calls == [memory._RETAINED, memory._DEFAULTS]


def test_a_failure_inside_restores_the_defaults_too(monkeypatch):
    calls = []
    monkeypatch.setattr(memory, "_set", lambda library, values: calls.append(values))
    with pytest.raises(ValueError), retain_freed_memory():
        raise ValueError
    assert calls[-1] == memory._DEFAULTS
