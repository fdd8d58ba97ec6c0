"""The lines of a history file, and the words in them.

A history is a text file of JSON lines. The first, the head, says what is trained; then there is a line for each epoch,
for how far a slow epoch has come, and at last one for how it ended. A file without that last line belongs to a training
that runs, or that was killed: while a training lives, it touches its file every few seconds.
Numbers that grow by one an epoch and are drawn often, also when there are a hundred thousand of them.
Where the histories of a user's trainings lie: one folder, whatever started the training.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
import uuid
from array import array
from collections.abc import Sequence
from pathlib import Path

NUMBERS = ("loss", "accuracy", "recall", "violation_rate")
"""What is measured in each epoch."""
SUBSETS = ("train", "validation")
"""On what; an epoch has ``train_loss`` and so on, ``None`` where there is nothing to divide by."""
SERIES = tuple(f"{subset}_{name}" for subset in SUBSETS for name in NUMBERS)

EPOCHS, PATIENCE, STOPPED, CANCELLED, FAILED = "epochs", "patience", "stopped", "cancelled", "failed"
ENDS = (EPOCHS, PATIENCE, STOPPED, CANCELLED, FAILED)
"""How a training ended: after all epochs, when it no longer got better, by hand with its best weights kept, by hand
without a model, or by an error."""
RUNNING, LOST = "running", "lost"
"""What a training without an end is: at work, or not heard of any more."""

HEAD, EPOCH, IN_EPOCH, SHARE, END = "scarp_training", "epoch", "in_epoch", "share", "ended"
"""The member by which a line is known; ``SHARE`` goes with ``IN_EPOCH``."""
FORMAT = 1
"""In the head; raised when older versions could no longer read a new file rightly."""

HEARTBEAT = 3.0
"""Seconds between two touches of the file."""
LOST_AFTER = 30.0
"""Seconds without a touch after which a training counts as lost."""
MAX_EPOCHS = 100000
MAX_LINE_BYTES = 64 * 1024


BUCKET = 64
"""Values that share a lowest and a highest one."""


class Series:
    """Values of the epochs 1, 2, 3 ..., NaN where there is none."""

    def __init__(self) -> None:
        """Begin without any."""
        self.values = array("d")
        self.lowest = math.inf
        self.highest = -math.inf
        self._lows, self._highs = array("d"), array("d")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def empty(self) -> bool:
        """Whether there is no number in it."""
        return self.lowest > self.highest

    def append(self, value: float | None) -> None:
        """Add the value of the next epoch."""
        if len(self.values) % BUCKET == 0:
            self._lows.append(math.inf)
            self._highs.append(-math.inf)
        self.values.append(math.nan if value is None else value)
        if value is not None:
            self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
            self._lows[-1], self._highs[-1] = min(self._lows[-1], value), max(self._highs[-1], value)

    def at(self, epoch: int) -> float | None:
        """Return the value of an epoch, ``None`` where there is none."""
        if not 1 <= epoch <= len(self.values) or math.isnan(self.values[epoch - 1]):
            return None
        return self.values[epoch - 1]

    def lines(self, most: int) -> list[list[tuple[float, float]]]:
        """Return the values as lines of (epoch, value), broken where there is none.

        Args:
            most: points at most, about two for each dot on the screen; of more values, neighbouring ones become two
                points, their lowest and their highest.
        """
        if len(self.values) <= most:
            return _split_at_gaps([(number, value) for number, value in enumerate(self.values, 1)])
        points: list[tuple[float, float]] = []
        together = max(1, -(-2 * len(self._lows) // most))
        for first in range(0, len(self._lows), together):
            low, high = min(self._lows[first : first + together]), max(self._highs[first : first + together])
            middle = min((first + together / 2) * BUCKET, len(self.values))
            points += [(middle, math.nan)] if low > high else [(middle, low), (middle, high)]
        return _split_at_gaps(points)


def _split_at_gaps(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    result: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if not math.isnan(point[1]):
            result[-1].append(point)
        elif result[-1]:
            result.append([])
    return [line for line in result if line]


SUFFIX, STOP_SUFFIX = ".jsonl", ".stop"
MAX_HISTORIES = 100
"""Histories; with more, a new training throws the oldest away."""
_MIN_AGE = 24 * 3600.0
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
    _prune(folder)
    return folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}{SUFFIX}"


def stop_file(history: str | os.PathLike) -> Path:
    """Return the file by which a training is asked to stop; it lies beside the history and is empty."""
    return Path(history).with_suffix(STOP_SUFFIX)


def request_stop(history: str | os.PathLike) -> None:
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


def _prune(folder: Path) -> None:
    now = time.time()
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True)[MAX_HISTORIES - 1 :]:
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > _MIN_AGE:
                remove(path)
