"""Jobs for ``test_cluster.py``; in a file of their own because workers import it."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from scarp.model.cluster.tasks import cached


def square(number: int) -> int:
    return number * number


def leave_a_mark(folder: str, number: int, seconds: float) -> int:
    """Take a while, and leave a file for each time it is begun."""
    Path(folder, f"{number}-{uuid.uuid4().hex}").touch()
    time.sleep(seconds)
    return os.getpid()


def wait_for_the_word(folder: str, number: int) -> None:
    """Leave a file when it is begun, and end once there is one called ``go``; after a minute in any case."""
    Path(folder, f"begun-{number}").touch()
    until = time.monotonic() + 60
    while not Path(folder, "go").exists() and time.monotonic() < until:
        time.sleep(0.02)


def late(number: int) -> int:
    """The first is done last."""
    time.sleep(0.6 if number == 0 else 0.01)
    return number


def load(number: int) -> tuple[int, str]:
    return os.getpid(), uuid.uuid4().hex


def load_once(number: int) -> tuple[int, str]:
    return cached(load, number)


def fail(error: Exception) -> None:
    raise error


def fail_at_first(folder: str) -> str:
    """Fail unless it was begun before."""
    if not list(Path(folder).iterdir()):
        Path(folder, "begun").touch()
        raise OSError(116, "Stale file handle")
    return "done"


def end_the_worker() -> None:
    os._exit(1)
