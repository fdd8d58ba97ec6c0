"""Where the histories of a user's trainings lie: one folder, whatever started the training."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from pathlib import Path

SUFFIX, STOP_SUFFIX = ".jsonl", ".stop"
KEPT = 100
"""Histories; with more, a new training throws the oldest away."""
_UNTOUCHED = 24 * 3600.0
"""Seconds since a file was last touched before it may go: no training that runs leaves its own alone so long."""


def state_folder() -> Path:
    """Return the folder of what Scarp remembers for a user: ``SCARP_STATE``, or where the system keeps such files.

    Raises:
        RuntimeError: the user has no home folder.
    """
    given = os.environ.get("SCARP_STATE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "scarp"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "scarp"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "scarp"


def histories_folder() -> Path:
    """Return the folder of the histories; it need not be there yet."""
    return state_folder() / "trainings"


def new_history() -> Path:
    """Return the path for the history of a training that begins now, and throw old ones away.

    Names sort by time, and no two trainings share one, so what is said to one is never heard by another.

    Raises:
        OSError: the folder cannot be made.
        RuntimeError: the user has no home folder.
    """
    folder = histories_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy(folder)
    return folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}{SUFFIX}"


def stop_file(history: str | os.PathLike) -> Path:
    """Return the file by which a training is asked to stop; it lies beside the history and is empty."""
    return Path(history).with_suffix(STOP_SUFFIX)


def ask_to_stop(history: str | os.PathLike) -> None:
    """Ask the training of a history to stop and to keep its best weights.

    Raises:
        OSError: the folder cannot be written.
    """
    stop_file(history).touch()


def remove(history: str | os.PathLike) -> None:
    """Throw a history away; nothing happens when it is gone already, or open elsewhere."""
    for path in (Path(history), stop_file(history)):
        with contextlib.suppress(OSError):
            path.unlink()


def _tidy(folder: Path) -> None:
    now = time.time()
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True)[KEPT - 1:]:
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > _UNTOUCHED:
                remove(path)
