"""What runs on the workers: nothing here needs Dask, so that jobs can be called anywhere."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence, TypeVar

from ..errors import ScarpError
from ..files import scarp_version, versions

Kept = TypeVar("Kept")

VERSION = scarp_version()
"""Of the code that this process runs; a later installation changes the files, not the process."""

LIBRARIES = ("torch", "rasterio", "numpy")
"""Those whose version may change numbers."""

MOST_RUNS = 3
"""Runs for which something is kept at the same time. Whoever was killed never says that the run is over."""

_runs: dict[str, dict[Any, Any]] = {}
_lock = threading.RLock()
_current = threading.local()


@dataclass
class Description:
    """One worker process."""

    version: str
    """Of Scarp."""
    libraries: dict[str, str]
    """Version by library, and Python's."""
    machine: str
    memory: int | None
    """Bytes that Dask lets it use; ``None`` for no limit."""


@dataclass
class Sight:
    """What one worker sees of the shared storage."""

    unlike: list[str] = field(default_factory=list)
    """Files that are missing there or have another size, and how."""
    unwritable: str = ""
    """Why it cannot write to the folder of the output; empty when it can."""


@dataclass
class Failure:
    """A failure in words; returned, as exceptions lose their class where Dask cannot rebuild them."""

    error: ScarpError


def describe(dask_worker: Any = None) -> Description:
    """Return what a worker is; Dask hands its own object in."""
    found = versions()
    limit = getattr(getattr(dask_worker, "memory_manager", None), "memory_limit", None)
    return Description(VERSION, {name: found[name] for name in ("python", *LIBRARIES) if name in found},
                       platform.node(), limit or None)


def look(sizes: Sequence[tuple[str, int]], token: str | None) -> Sight:
    """Return whether this worker sees the same files and can write where they are wanted.

    Args:
        sizes: path and size in bytes of each input.
        token: a file in the folder of the output, beside which one more is made; ``None`` to leave that out.
    """
    sight = Sight()
    for path, size in sizes:
        try:
            here = os.path.getsize(path)
        except OSError as error:
            sight.unlike.append(f"{path} ({error.strerror or error})")
            continue
        if here != size:
            sight.unlike.append(f"{path} ({here:,} bytes instead of {size:,})")
    if token is not None:
        probe = Path(f"{token}.{uuid.uuid4().hex[:8]}")
        try:
            Path(token).stat()
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            sight.unwritable = error.strerror or str(error)
    return sight


def attempt(run: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Do one job of a run; a :class:`Failure` instead of a result when it raises a ``ScarpError``."""
    with _within(run):
        try:
            return function(*arguments)
        except ScarpError as error:
            return Failure(error)


def kept(load: Callable[..., Kept], *arguments: Any) -> Kept:
    """Return ``load(*arguments)``, which is called once a process and run; outside a run it is called every time.

    Several threads may use what is kept at the same time.

    Args:
        load: a function of a module.
        arguments: must be hashable.
    """
    run = getattr(_current, "run", None)
    if run is None:
        return load(*arguments)
    # Loading under the lock, so that two threads do not load the same.
    with _lock:
        of_run = _runs.setdefault(run, {})
        key = (load, arguments)
        if key not in of_run:
            of_run[key] = load(*arguments)
            for oldest in [name for name in _runs if name != run][:max(0, len(_runs) - MOST_RUNS)]:
                forget(oldest)
        return of_run[key]


def forget(run: str) -> None:
    """Let go of what was kept for a run."""
    with _lock:
        _runs.pop(run, None)


@contextlib.contextmanager
def _within(run: str) -> Iterator[None]:
    before = getattr(_current, "run", None)
    _current.run = run
    try:
        yield
    finally:
        _current.run = before
