"""The training log: writes the history of a training, and checks whether it was asked to stop."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, TextIO

from ..errors import Cancelled, ScarpError
from . import storage
from .storage import CANCELLED, END, FAILED, FORMAT, HEAD, HEARTBEAT, IN_EPOCH, SHARE

_STOP_CHECK_INTERVAL = 0.25  # seconds between two checks for a stop request
_PROGRESS_INTERVAL = 5.0  # seconds between two progress lines within an epoch


@dataclass(frozen=True)
class RunInfo:
    """The head of a history."""

    kind: str
    output: str  # file that the training makes
    epochs: int  # maximum
    patience: int
    """Of early stopping; 0 for never."""
    report: str = ""  # HTML file, if any
    part: str = ""  # which of several trainings this is, such as ``fold 2 of 5``
    stoppable: bool = True


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
                self._stopping = storage.stop_file(self.path).exists()
        return self._stopping

    def finish(self, ended: str, metrics: Mapping[str, Any]) -> None:
        """Note that the training succeeded: how it ended, and its test metrics; written on exit."""
        self._end = {END: ended, "metrics": dict(metrics)}

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
                storage.stop_file(self.path).unlink()

    def _close_stream(self) -> None:
        self._ended.set()
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._stream = None


def begin_history(head: RunInfo, warn: Callable[[str], None]) -> TrainingLog:
    """Start a history in the user's folder; if that is not possible, warn and return one that writes nothing."""
    try:
        return TrainingLog(storage.new_history(), head, warn)
    except (OSError, RuntimeError) as error:
        # RuntimeError: there is no home folder.
        warn(_not_kept_message(error))
        return TrainingLog()


def _not_kept_message(error: Exception) -> str:
    return (
        f"The dock Training cannot follow this training, because its history cannot be written ({error}). The training "
        "itself goes on, and the model will hold its curves."
    )
