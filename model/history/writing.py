"""A training writes down how it goes, and hears whether it should stop."""

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

_STOP_CHECK_INTERVAL = 0.25
"""Seconds between two looks at whether to stop."""
_PROGRESS_INTERVAL = 5.0
"""Seconds of an epoch between two lines that say how far it is."""


@dataclass(frozen=True)
class RunInfo:
    """What a history says of its training before the first epoch."""

    kind: str
    """``pcum``, ``unet``, ``bpnn`` or ``resnet``."""
    output: str
    """The file that the training makes."""
    epochs: int
    """At most."""
    patience: int
    """Epochs without a better validation loss after which it ends; 0 for never."""
    report: str = ""
    """The HTML file that it makes, if any."""
    part: str = ""
    """Which of several trainings this is, such as ``fold 2 of 5``; empty for a single one."""
    stoppable: bool = True
    """Whether it can be asked to stop."""


class TrainingLog:
    """The history of one training; one without a file, such as ``TrainingLog()``, writes nothing and never stops.

    A context: when it is left, the file is closed with how the training ended. Results do not depend on a history, so
    one that cannot be written ends with a warning, and the training goes on.
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        head: RunInfo | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Begin.

        Args:
            path: of a new file; nothing is written without it.
            head: its first line.
            warn: takes a text when the history cannot be written any longer.

        Raises:
            OSError: the file cannot be made.
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
        self._stream = open(self.path, "x", encoding="utf-8", newline="\n")
        self._write({HEAD: FORMAT, **asdict(head), "started": round(time.time(), 3), "process": os.getpid()})
        threading.Thread(target=self._heartbeat, name="scarp history", daemon=True).start()

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
        """Say that the first epoch begins now, whose time counts from here."""
        self._last_progress = self._clock = time.monotonic()

    def epoch(self, numbers: Mapping[str, Any], timed: bool = True) -> None:
        """Write the numbers of a finished epoch.

        Args:
            numbers: as they stand in the history of the model file.
            timed: whether it was trained just now, and not before the checkpoint that the run goes on from.
        """
        now = time.monotonic()
        self._write({**numbers, "seconds": round(now - self._clock, 3) if timed else None})
        self._last_progress = self._clock = now

    def report_epoch_share(self, epoch: int, share: float) -> None:
        """Say how far an epoch is, now and then when it is slow.

        Args:
            epoch: its number, from 1.
            share: of it that is done, 0 to 1.
        """
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_INTERVAL:
            self._last_progress = now
            self._write({IN_EPOCH: epoch, SHARE: round(share, 4)})

    def stop_requested(self) -> bool:
        """Whether this training was asked to stop; cheap enough for every step."""
        if self._stoppable and not self._stopping and self._stream is not None:
            now = time.monotonic()
            if now - self._last_stop_check >= _STOP_CHECK_INTERVAL:
                self._last_stop_check = now
                self._stopping = storage.stop_file(self.path).exists()
        return self._stopping

    def finish(self, ended: str, metrics: Mapping[str, Any]) -> None:
        """Say that the training succeeded, to be written when the context is left.

        Args:
            ended: ``epochs``, ``patience`` or ``stopped``.
            metrics: of the test windows.
        """
        self._end = {END: ended, "metrics": dict(metrics)}

    def _heartbeat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._stream.flush()
        except OSError as error:
            # A full disk, say: the training is worth more than its curves.
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
    """Begin the history of a training among those of the user; one that writes nothing where that cannot be done.

    Args:
        head: of the history.
        warn: takes a text when the history cannot be written.
    """
    try:
        return TrainingLog(storage.new_history(), head, warn)
    except (OSError, RuntimeError) as error:
        # RuntimeError: there is no home folder.
        warn(_not_kept_message(error))
        return TrainingLog()


def _not_kept_message(error: Exception) -> str:
    return (
        f"The dock Training cannot follow this training, because its history cannot be written ({error}). The "
        "training itself goes on, and the model will hold its curves."
    )
