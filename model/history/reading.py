"""What a history says, read from its lines as they come or from the header of a model file.

Nothing is believed: the file may be damaged, be another program's, or be written by a stranger.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import HistoryInvalid
from . import storage
from .storage import (
    END,
    ENDS,
    EPOCH,
    EPOCHS,
    FORMAT,
    HEAD,
    IN_EPOCH,
    LOST,
    LOST_AFTER,
    MAX_EPOCHS,
    MAX_LINE_BYTES,
    PATIENCE,
    RUNNING,
    SERIES,
    SHARE,
    STOPPED,
    Series,
)
from .writing import RunInfo

_RECENT_EPOCHS = 10
"""Epochs whose mean time tells how long the next ones take."""


class History:
    """The epochs of a training and how it stands."""

    def __init__(self, head: RunInfo, started: float) -> None:
        """Begin without an epoch.

        Args:
            head: what is trained.
            started: seconds since 1970.
        """
        self.head, self.started = head, started
        self.series = {name: Series() for name in SERIES}
        self.seconds = Series()
        self.best_epoch = 0
        """With the lowest validation loss; 0 before the first."""
        self.share = 0.0
        """Of the epoch under way."""
        self.ended = ""
        """One of ``ENDS``; empty while it runs."""
        self.text = ""
        """Why it failed."""
        self.metrics: dict[str, float] = {}
        """Of the test windows."""

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.seconds)

    @property
    def last_epoch(self) -> int:
        """With which it ends if no better one comes."""
        patience = self.head.patience
        return min(self.head.epochs, max(self.best_epoch, 1) + patience) if patience else self.head.epochs

    def add(self, numbers: Mapping[str, Any]) -> bool:
        """Add the next epoch; return whether the numbers were those of one."""
        values = [_number(numbers.get(name)) for name in SERIES]
        if numbers.get(EPOCH) != self.epoch + 1 or self.epoch >= MAX_EPOCHS or None in (values[0], values[4]):
            return False
        for name, value in zip(SERIES, values):
            self.series[name].append(value)
        seconds = _number(numbers.get("seconds"))
        self.seconds.append(None if seconds is None else max(seconds, 0.0))
        self.share = 0.0
        best = self.series["validation_loss"].at(self.best_epoch)
        if best is None or self.series["validation_loss"].values[-1] < best:
            self.best_epoch = self.epoch
        return True

    def seconds_per_epoch(self) -> float | None:
        """Return the mean time of the last epochs in seconds, ``None`` while it is not known."""
        known = [value for value in self.seconds.values[-_RECENT_EPOCHS:] if not math.isnan(value)]
        return sum(known) / len(known) if known else None


class Follower:
    """Reads a history file that another process writes: only what is new, and never more at once than it is told."""

    def __init__(self, path: str | os.PathLike) -> None:
        """Begin at the start of a file, which need not be there yet."""
        self.path = Path(path)
        self.history: History | None = None
        self.not_a_history = False
        """Whether it is no history."""
        self.deleted = False
        """Whether the file was deleted."""
        self.stop_requested = False
        """Whether the training was asked to stop."""
        self.last_polled = 0.0
        """When it was last looked at, by the monotonic clock."""
        self._touched: tuple[int, int] | None = None
        self._idle_seconds, self._idle_since = 0.0, 0.0
        """Seconds of silence up to a moment, and that moment by the monotonic clock."""
        self._offset = 0
        self._partial_line = b""

    def state(self, now: float | None = None) -> str:
        """Return ``running``, ``lost`` or how it ended.

        Clocks are set now and then, and that of a network drive may be another one. So only at the first look the
        file's age by the clock counts; from then on, how long nobody has touched it.

        Args:
            now: by the monotonic clock, which is asked by default.
        """
        if self.history is not None and self.history.ended:
            return self.history.ended
        silent = self._idle_seconds + (time.monotonic() if now is None else now) - self._idle_since > LOST_AFTER
        return LOST if silent or self.deleted else RUNNING

    @property
    def done(self) -> bool:
        """Whether nothing more can come."""
        return self.not_a_history or self.deleted or (self.history is not None and bool(self.history.ended))

    def poll(self, most: int = 32 * 1024) -> bool:
        """Read on.

        Args:
            most: bytes to read at once.

        Returns:
            Whether more is there already.
        """
        self.last_polled = time.monotonic()
        try:
            status = self.path.stat()
            self.deleted = False
            self._update_idle_time(status)
            if status.st_size < self._offset:
                self._restart()
            if status.st_size > self._offset:
                with open(self.path, "rb") as stream:
                    stream.seek(self._offset)
                    found = stream.read(most)
                self._offset += len(found)
                self._feed(found)
        except FileNotFoundError:
            self.deleted = True
            return False
        except OSError:
            # Locked for a moment, say: the next look will tell.
            return False
        self.stop_requested = (
            self.history is not None and not self.history.ended and storage.stop_file(self.path).exists()
        )
        return status.st_size > self._offset and not self.done

    def _update_idle_time(self, status: os.stat_result) -> None:
        """Note whether the file was touched since the last look."""
        touched = status.st_mtime_ns, status.st_size
        if touched != self._touched:
            first, self._touched = self._touched is None, touched
            # A time in the future says nothing of when it was.
            self._idle_seconds, self._idle_since = (
                max(time.time() - status.st_mtime, 0.0) if first else 0.0,
                self.last_polled,
            )

    def _restart(self) -> None:
        self.history, self.not_a_history, self._offset, self._partial_line = None, False, 0, b""

    def _feed(self, found: bytes) -> None:
        *lines, self._partial_line = (self._partial_line + found).split(b"\n")
        for line in lines:
            if self.not_a_history:
                break
            self._parse_line(line)
        if len(self._partial_line) > MAX_LINE_BYTES:
            self.not_a_history = self.not_a_history or self.history is None
            self._partial_line = self._partial_line[:MAX_LINE_BYTES]

    def _parse_line(self, line: bytes) -> None:
        content = _table(line)
        if self.history is None:
            self.history = None if content is None else _parse_head(content)
            self.not_a_history = self.history is None
        elif content is None or self.history.ended:
            return
        elif content.get(END) in ENDS:
            self.history.ended = content[END]
            self.history.text = _text(content.get("text"))
            self.history.metrics = _numbers(content.get("metrics"))
        elif content.get(IN_EPOCH) == self.history.epoch + 1:
            self.history.share = min(max(_number(content.get(SHARE)) or 0.0, 0.0), 1.0)
        elif EPOCH in content:
            self.history.add(content)


def read_history(path: str | os.PathLike) -> Follower:
    """Begin to follow a file that the user chose.

    Raises:
        HistoryInvalid: it cannot be read, or is no history.
    """
    follower = Follower(path)
    follower.poll()
    if follower.deleted:
        raise HistoryInvalid(f"The file {path} does not exist.")
    if follower.history is None:
        raise HistoryInvalid(
            f"The file {path} is no history of a training. Choose a .jsonl file that a training of "
            "Scarp wrote, or a model file."
        )
    return follower


def history_of_model(header: Mapping[str, Any], path: str | os.PathLike, changed: float) -> History:
    """Return the history that a model file keeps.

    Args:
        header: checked; see :mod:`..artifact_header`.
        path: of the model file.
        changed: when it was written, seconds since 1970.

    Raises:
        HistoryInvalid: its kind of model has no epochs.
    """
    if not header["history"]:
        raise HistoryInvalid(f"The model {Path(path).name} was not trained in epochs, so it has no curves.")
    settings, ended = header["settings"], header["training"].get("ended")
    epochs, patience = (int(_number(settings.get(name)) or 0) for name in ("epochs", "patience"))
    head = RunInfo(str(header["kind"]), str(path), epochs, patience, _report_path(path), stoppable=False)
    history = History(head, changed)
    for numbers in header["history"]:
        if not history.add(numbers):
            raise HistoryInvalid(f"The history in the model {Path(path).name} is damaged.")
    natural = EPOCHS if history.epoch >= epochs else PATIENCE
    history.ended = ended if ended in (EPOCHS, PATIENCE, STOPPED) else natural
    history.metrics = _numbers(header["metrics"])
    return history


def _parse_head(content: Mapping[str, Any]) -> History | None:
    """Return the history that a head begins; ``None`` when it is no head that this version knows."""
    epochs, patience = content.get("epochs"), content.get("patience")
    if content.get(HEAD) != FORMAT or not all(
        type(value) is int and 0 <= value <= MAX_EPOCHS for value in (epochs, patience)
    ):
        return None
    head = RunInfo(
        _text(content.get("kind")),
        _text(content.get("output")),
        epochs,
        patience,
        _text(content.get("report")),
        _text(content.get("part")),
        content.get("stoppable") is True,
    )
    return History(head, _number(content.get("started")) or 0.0)


def _report_path(model: str | os.PathLike) -> str:
    """Return the report that was made with a model, from the run record beside it; empty without one."""
    record = Path(f"{model}.run.json")
    try:
        if record.stat().st_size < 1 << 20:
            return _text(json.loads(record.read_bytes())["outputs"]["OUTPUT_HTML"]["source"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return ""


def _table(line: bytes) -> dict[str, Any] | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _number(value: Any) -> float | None:
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if whole else None


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    found = {_text(name)[:60]: _number(item) for name, item in list(value.items())[:60]}
    return {name: item for name, item in found.items() if item is not None}


def _text(value: Any) -> str:
    """Return a text that can be written into any file: half of a letter, a lone surrogate, becomes a question mark."""
    return value[:4096].encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
