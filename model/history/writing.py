"""Training histories: the folder they lie in, their format, and writing one while training runs.

A history is a text file of JSON lines. The first, the head, describes the training; then there is a line for each epoch
and for the progress within a slow epoch, and finally one for the outcome. A file without that last line belongs to a
training that runs, or that was killed: a running training touches its file every few seconds.

A training by cross-fitting has no epochs. Its entries are evaluations out of fold after some steps of the network, the
first after none; they are numbered as epochs are, and the head says after how many steps each comes.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import time
import uuid
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, TextIO

from ..errors import Cancelled, ScarpError

NUMBERS = ("loss", "accuracy", "recall", "violation_rate")  # measured in each epoch
AUC = "auc"  # of steps only
SUBSETS = ("train", "validation")  # an epoch has ``train_loss`` and so on, ``None`` where there is nothing to divide by
SERIES = tuple(f"{subset}_{name}" for subset in SUBSETS for name in (*NUMBERS, AUC))
STEPS = "steps"  # key of an entry and of the head

EPOCHS, PATIENCE, STOPPED, CANCELLED, FAILED = "epochs", "patience", "stopped", "cancelled", "failed"
ENDS = (EPOCHS, PATIENCE, STOPPED, CANCELLED, FAILED)
"""Outcomes: after all epochs, by early stopping, by hand with the best weights kept, by hand without a model, or by an
error."""
RUNNING, LOST = "running", "lost"  # states without an outcome: running, or no heartbeat

HEAD, EPOCH, IN_EPOCH, SHARE, END = "scarp_training", "epoch", "in_epoch", "share", "ended"
"""The key that identifies a line; ``SHARE`` goes with ``IN_EPOCH``."""
FORMAT = 1  # in the head; increased when older versions can no longer read new files correctly

HEARTBEAT = 3.0  # seconds between two touches of the file
LOST_AFTER = 30.0  # seconds without a heartbeat after which a training counts as lost
MAX_EPOCHS = 100000
MAX_LINE_BYTES = 64 * 1024
BUCKET = 64  # values per minimum and maximum, so that a hundred thousand epochs are drawn quickly


class Series:
    """Values of the epochs 1, 2, 3 ..., NaN where there is none."""

    def __init__(self) -> None:
        self.values, self._lows, self._highs = array("d"), array("d"), array("d")
        self.lowest, self.highest = math.inf, -math.inf

    def __len__(self) -> int:
        return len(self.values)

    @property
    def empty(self) -> bool:
        """Whether no value is known."""
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

    def value_at(self, epoch: int) -> float | None:
        """Return the value of an epoch, if there is one."""
        if not 1 <= epoch <= len(self.values) or math.isnan(self.values[epoch - 1]):
            return None
        return self.values[epoch - 1]

    def polylines(self, max_points: int) -> list[list[tuple[float, float]]]:
        """Return the values as lines of (epoch, value), broken at gaps.

        Of more values than ``max_points`` (about two per pixel), neighbours become two points: minimum and maximum.
        """
        if len(self.values) <= max_points:
            return _split_at_gaps(list(enumerate(self.values, 1)))
        points: list[tuple[float, float]] = []
        together = max(1, -(-2 * len(self._lows) // max_points))
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
MAX_HISTORIES = 100  # with more, a new training deletes the oldest
_MIN_AGE = 24 * 3600.0  # seconds since the last heartbeat before a file may be deleted


def state_folder() -> Path:
    """Return the folder of a user's state files: ``SCARP_STATE``, or the system's usual place.

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
    """Return the folder of the histories, which may not exist yet."""
    return state_folder() / "trainings"


def new_history() -> Path:
    """Return the path for the history of a new training, and delete old histories.

    Names sort by time and are unique, so a request to one training never reaches another.

    Raises:
        OSError: the folder cannot be created.
        RuntimeError: the user has no home folder.
    """
    folder = histories_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = time.time()
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True)[MAX_HISTORIES - 1 :]:
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > _MIN_AGE:
                remove(path)
    return folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}{SUFFIX}"


def stop_file(history: str | os.PathLike) -> Path:
    """Return the empty file beside a history that asks its training to stop."""
    return Path(history).with_suffix(STOP_SUFFIX)


def request_stop(history: str | os.PathLike) -> None:
    """Ask the training of a history to stop and keep its best weights; raises ``OSError`` if that is not possible."""
    stop_file(history).touch()


def remove(history: str | os.PathLike) -> None:
    """Delete a history, unless it is gone already, or open elsewhere."""
    for path in (Path(history), stop_file(history)):
        with contextlib.suppress(OSError):
            path.unlink()


_STOP_CHECK_INTERVAL = 0.25  # seconds between two checks for a stop request
_PROGRESS_INTERVAL = 5.0  # seconds between two progress lines within an epoch


@dataclass(frozen=True)
class RunInfo:
    """The head of a history."""

    kind: str
    output: str  # file that the training makes
    epochs: int  # maximum
    patience: int  # of early stopping; 0 for never
    report: str = ""  # HTML file, if any
    part: str = ""  # which of several trainings this is, such as ``fold 2 of 5``
    stoppable: bool = True
    steps: tuple[int, ...] = ()
    """Steps after which the entries come, from 0 up; empty for epochs. ``epochs`` and ``patience`` count entries."""


class TrainingLog:
    """The history of one training; without a file, as ``TrainingLog()``, it writes nothing and never stops.

    A context manager: on exit the file is closed with the outcome of the training. Results do not depend on a history,
    so if it cannot be written there is a warning, and the training goes on.
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        head: RunInfo | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Create the file ``path`` and write its head; ``warn`` is called when it can no longer be written.

        Raises:
            OSError: the file cannot be created.
        """
        self.path = None if path is None else Path(path)
        self._stream: TextIO | None = None
        self._warn = warn
        self._ended = threading.Event()
        self._end: dict[str, Any] = {}
        self._stoppable = head is not None and head.stoppable
        self._last_progress = self._last_stop_check = self._clock = time.monotonic()
        self._stopping = False
        if self.path is None or head is None:
            return
        self._stream = open(self.path, "x", encoding="utf-8", newline="\n")  # noqa: SIM115  # open while training runs
        self._write({HEAD: FORMAT, **asdict(head), "started": round(time.time(), 3), "process": os.getpid()})
        threading.Thread(target=self._heartbeat, args=(self.path,), name="scarp history", daemon=True).start()

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self._close(self._end)
        elif issubclass(kind, (Cancelled, KeyboardInterrupt)):
            self._close({END: CANCELLED})
        else:
            text = str(error) if issubclass(kind, ScarpError) else f"{kind.__name__}: {error}"
            self._close({END: FAILED, "text": text[:1000]})

    def start_clock(self) -> None:
        """Start the time of the first epoch."""
        self._last_progress = self._clock = time.monotonic()

    def epoch(self, numbers: Mapping[str, Any], timed: bool = True) -> None:
        """Write the numbers of a finished epoch; ``timed`` unless it was trained before a checkpoint."""
        now = time.monotonic()
        self._write({**numbers, "seconds": round(now - self._clock, 3) if timed else None})
        self._last_progress = self._clock = now

    def report_epoch_share(self, epoch: int, share: float) -> None:
        """Write how much of an epoch is done (0 to 1), from time to time if it is slow."""
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_INTERVAL:
            self._last_progress = now
            self._write({IN_EPOCH: epoch, SHARE: round(share, 4)})

    def stop_requested(self) -> bool:
        """Whether this training was asked to stop; cheap enough for every step."""
        if self._stoppable and not self._stopping and self._stream is not None and self.path is not None:
            now = time.monotonic()
            if now - self._last_stop_check >= _STOP_CHECK_INTERVAL:
                self._last_stop_check = now
                self._stopping = stop_file(self.path).exists()
        return self._stopping

    def finish(self, ended: str, metrics: Mapping[str, Any], verdict: str = "") -> None:
        """Note that the training succeeded: how it ended, its test metrics, and the verdict on it; written on exit."""
        self._end = {END: ended, "metrics": dict(metrics), "text": verdict}

    def _heartbeat(self, path: Path) -> None:
        while not self._ended.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                os.utime(path)

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._stream.flush()
        except OSError as error:
            # On a full disk, say: the training is worth more than its curves.
            self._close_stream()
            self._warn(_not_kept_message(error))

    def _close(self, end: Mapping[str, Any]) -> None:
        self._write(end or {END: FAILED, "text": "The training ended without a result."})
        self._close_stream()
        if self.path is not None:
            with contextlib.suppress(OSError):
                stop_file(self.path).unlink()

    def _close_stream(self) -> None:
        self._ended.set()
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._stream = None


def begin_history(head: RunInfo, warn: Callable[[str], None]) -> TrainingLog:
    """Start a history in the user's folder; if that is not possible, warn and return one that writes nothing."""
    try:
        return TrainingLog(new_history(), head, warn)
    except (OSError, RuntimeError) as error:
        # RuntimeError: there is no home folder.
        warn(_not_kept_message(error))
        return TrainingLog()


def _not_kept_message(error: Exception) -> str:
    return (
        f"The dock Training cannot follow this training, because its history cannot be written ({error}). The training "
        "itself goes on, and the model will hold its curves."
    )
