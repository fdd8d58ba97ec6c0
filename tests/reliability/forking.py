"""Something done in a process of its own that has QGIS and the libraries already, and that may hang or die."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from select import select
from typing import Any, Callable


class Lost(Exception):
    """The process hung, or ended without an answer."""


def in_a_fork(work: Callable[[], Any], seconds: float) -> Any:
    """Return what a function returns in a child process; it must be JSON-able, or a path, which comes as text."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(work, writing)
    os.close(writing)
    try:
        return _wait(child, reading, time.monotonic() + seconds)
    finally:
        os.close(reading)


def _answer(work: Callable[[], Any], writing: int) -> None:
    try:
        text = json.dumps({"answer": work()}, default=os.fspath)
    except BaseException:
        text = json.dumps({"trace": traceback.format_exc()})
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        stream.write(text)
    # Without the ends of QGIS and torch, which belong to the parent.
    os._exit(0)


def _wait(child: int, reading: int, until: float) -> Any:
    parts = []
    while True:
        ready, _, _ = select([reading], [], [], max(until - time.monotonic(), 0))
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise Lost("it hung")
        part = os.read(reading, 1 << 16)
        if not part:
            break
        parts.append(part)
    _, status = os.waitpid(child, 0)
    if not parts:
        raise Lost(f"it ended with {os.waitstatus_to_exitcode(status)}")
    told = json.loads(b"".join(parts))
    if "trace" in told:
        raise Lost(told["trace"])
    return told["answer"]
