"""Reading histories: files as they grow, the header of a model file, and the user's folder.

The files are untrusted: they may be damaged, from another program, or from a stranger.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import HistoryInvalid
from . import writing
from .writing import RunInfo

_RECENT_EPOCHS = 10  # epochs whose mean time predicts that of the next ones


class History:
    """The epochs of a training, or its entries by steps, and its state; ``started`` is in seconds since 1970."""

    def __init__(self, head: RunInfo, started: float) -> None:
        self.head, self.started = head, started
        self.series = {name: writing.Series() for name in writing.SERIES}
        self.seconds = writing.Series()
        self.best_epoch = 0  # with the lowest validation loss; 0 before the first
        self.epoch_share = 0.0  # done of the current epoch
        self.ended = ""  # one of ``ENDS``; empty while it runs
        self.text = ""  # why it failed, or the verdict on it
        self.metrics: dict[str, float] = {}  # of the test windows

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return len(self.seconds)

    @property
    def last_epoch(self) -> int:
        """The last one if the loss does not fall any more."""
        patience = self.head.patience
        return min(self.head.epochs, max(self.best_epoch, 1) + patience) if patience else self.head.epochs

    def position(self, epoch: float) -> float:
        """Return how far the training is after so many epochs: in steps if it has them, else in epochs."""
        steps = self.head.steps
        if not steps:
            return epoch
        before = min(max(math.ceil(epoch), 1), len(steps)) - 1
        share = min(max(epoch - before, 0.0), 1.0)
        return steps[max(before - 1, 0)] + share * (steps[before] - steps[max(before - 1, 0)])

    def shown(self, epoch: int) -> int:
        """Return the number that stands for an epoch or entry: the epoch itself, or the steps after which it comes."""
        return round(self.position(epoch))

    def add(self, numbers: Mapping[str, Any]) -> bool:
        """Add the next epoch; return whether the numbers were valid."""
        values = {name: _number(numbers.get(name)) for name in writing.SERIES}
        is_next = numbers.get(writing.EPOCH) == self.epoch + 1 and self.epoch < writing.MAX_EPOCHS
        if steps := self.head.steps:
            is_next = is_next and self.epoch < len(steps) and numbers.get(writing.STEPS) == steps[self.epoch]
        if not is_next or None in (values["train_loss"], values["validation_loss"]):
            return False
        for name, value in values.items():
            self.series[name].append(value)
        seconds = _number(numbers.get("seconds"))
        self.seconds.append(None if seconds is None else max(seconds, 0.0))
        self.epoch_share = 0.0
        best = self.series["validation_loss"].value_at(self.best_epoch)
        if best is None or self.series["validation_loss"].values[-1] < best:
            self.best_epoch = self.epoch
        return True

    def seconds_each(self) -> float | None:
        """Return the mean time of the last epochs, or of a step in the last entries, in seconds, if known."""
        first = max(self.epoch - _RECENT_EPOCHS, 0)
        recent = [(number, value) for number, value in enumerate(self.seconds.values[first:], first + 1)]
        parts = [(value, self.position(number) - self.position(number - 1)) for number, value in recent]
        # The entry before the first step is no measure of steps.
        known = [(value, length) for value, length in parts if length and not math.isnan(value)]
        return sum(value for value, _ in known) / sum(length for _, length in known) if known else None

    def seconds_to(self, epoch: int) -> float | None:
        """Return the time until an epoch or entry is over, in seconds, if it can be told."""
        each, done = self.seconds_each(), self.epoch + self.epoch_share
        return None if each is None else max(0.0, self.position(epoch) - self.position(done)) * each


class Follower:
    """Follows a history file that another process writes: reads only what is new, a bounded piece at a time."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.history: History | None = None
        self.not_a_history = self.deleted = self.stop_requested = False
        self.last_polled = 0.0  # by the monotonic clock
        self._touched: tuple[int, int] | None = None
        self._idle_seconds, self._idle_since = 0.0, 0.0
        """Seconds without a heartbeat up to a moment, and that moment by the monotonic clock."""
        self._offset = 0
        self._partial_line = b""

    def state(self, now: float | None = None) -> str:
        """Return ``running``, ``lost`` or the outcome; ``now`` is a time of the monotonic clock.

        Clocks may be adjusted, and a network drive has its own. So the file's age counts only at the first poll; from
        then on, the time since its last change.
        """
        if self.history is not None and self.history.ended:
            return self.history.ended
        silent = self._idle_seconds + (time.monotonic() if now is None else now) - self._idle_since > writing.LOST_AFTER
        return writing.LOST if silent or self.deleted else writing.RUNNING

    @property
    def done(self) -> bool:
        """Whether there can be no more lines."""
        return self.not_a_history or self.deleted or (self.history is not None and bool(self.history.ended))

    def poll(self, max_bytes: int = 32 * 1024) -> bool:
        """Read on, and return whether there is more to read."""
        self.last_polled = time.monotonic()
        try:
            status = self.path.stat()
            self.deleted = False
            self._update_idle_time(status)
            if status.st_size < self._offset:
                self.history, self.not_a_history, self._offset, self._partial_line = None, False, 0, b""
            if status.st_size > self._offset:
                with open(self.path, "rb") as stream:
                    stream.seek(self._offset)
                    found = stream.read(max_bytes)
                self._offset += len(found)
                self._feed(found)
        except FileNotFoundError:
            self.deleted = True
            return False
        except OSError:
            # Locked for a moment, say: try again at the next poll.
            return False
        runs = self.history is not None and not self.history.ended
        self.stop_requested = runs and writing.stop_file(self.path).exists()
        return status.st_size > self._offset and not self.done

    def _update_idle_time(self, status: os.stat_result) -> None:
        touched = status.st_mtime_ns, status.st_size
        if touched != self._touched:
            first, self._touched = self._touched is None, touched
            # A time in the future counts as now.
            self._idle_seconds = max(time.time() - status.st_mtime, 0.0) if first else 0.0
            self._idle_since = self.last_polled

    def _feed(self, found: bytes) -> None:
        *lines, self._partial_line = (self._partial_line + found).split(b"\n")
        for line in lines:
            if self.not_a_history:
                break
            self._parse_line(line)
        if len(self._partial_line) > writing.MAX_LINE_BYTES:
            self.not_a_history = self.not_a_history or self.history is None
            self._partial_line = self._partial_line[: writing.MAX_LINE_BYTES]

    def _parse_line(self, line: bytes) -> None:
        content = _table(line)
        if self.history is None:
            self.history = None if content is None else _parse_head(content)
            self.not_a_history = self.history is None
        elif content is None or self.history.ended:
            return
        elif content.get(writing.END) in writing.ENDS:
            self.history.ended = content[writing.END]
            self.history.text = _text(content.get("text"))
            self.history.metrics = _numbers(content.get("metrics"))
        elif content.get(writing.IN_EPOCH) == self.history.epoch + 1:
            self.history.epoch_share = min(max(_number(content.get(writing.SHARE)) or 0.0, 0.0), 1.0)
        elif writing.EPOCH in content:
            self.history.add(content)


def read_history(path: str | os.PathLike) -> Follower:
    """Follow a file that the user chose; raises ``HistoryInvalid`` if it cannot be read, or is no history."""
    follower = Follower(path)
    follower.poll()
    if follower.deleted:
        raise HistoryInvalid(f"The file {path} does not exist.")
    if follower.history is None:
        raise HistoryInvalid(
            f"The file {path} is no history of a training. Choose a .jsonl file written by Scarp, or a model file."
        )
    return follower


def history_of_model(header: Mapping[str, Any], path: str | os.PathLike, changed: float) -> History:
    """Return the history in the checked header of a model file, ``changed`` in seconds since 1970.

    Raises:
        HistoryInvalid: its kind of model has no epochs.
    """
    if not header["history"]:
        raise HistoryInvalid(f"The model {Path(path).name} was not trained in epochs, so it has no curves.")
    settings, ended = header["settings"], header["training"].get("ended")
    epochs, patience = (int(_number(settings.get(name)) or 0) for name in ("epochs", "patience"))
    steps = _steps([numbers.get(writing.STEPS) for numbers in header["history"]])
    if steps:
        epochs, patience = len(steps), 0
    head = RunInfo(str(header["kind"]), str(path), epochs, patience, _report_path(path), stoppable=False, steps=steps)
    history = History(head, changed)
    for numbers in header["history"]:
        if not history.add(numbers):
            raise HistoryInvalid(f"The history in the model {Path(path).name} is damaged.")
    natural = writing.EPOCHS if history.epoch >= epochs else writing.PATIENCE
    history.ended = ended if ended in (writing.EPOCHS, writing.PATIENCE, writing.STOPPED) else natural
    history.metrics = _numbers(header["metrics"])
    if isinstance(verdict := header["training"].get("verdict"), dict):
        reasons = verdict.get("reasons")
        texts = [verdict.get("level"), *(reasons if isinstance(reasons, list) else [])]
        history.text = " ".join([f"Verdict: {_text(texts[0])}.", *map(_text, texts[1:])])
    return history


def _parse_head(content: Mapping[str, Any]) -> History | None:
    """Return the history with this head; ``None`` unless it is a head of this format."""
    epochs, patience = content.get("epochs"), content.get("patience")
    if content.get(writing.HEAD) != writing.FORMAT or type(epochs) is not int or type(patience) is not int:
        return None
    if not (0 <= epochs <= writing.MAX_EPOCHS and 0 <= patience <= writing.MAX_EPOCHS):
        return None
    texts = {name: _text(content.get(name)) for name in ("kind", "output", "report", "part")}
    given = content.get(writing.STEPS)
    steps = _steps(given)
    if given and len(steps) != epochs:
        return None
    head = RunInfo(epochs=epochs, patience=patience, stoppable=content.get("stoppable") is True, steps=steps, **texts)
    return History(head, _number(content.get("started")) or 0.0)


def _steps(value: Any) -> tuple[int, ...]:
    """Return steps that begin at 0 and increase; empty if they are none."""
    found = value if isinstance(value, list) else []
    whole = 0 < len(found) <= writing.MAX_EPOCHS and all(type(item) is int and 0 <= item < 1e12 for item in found)
    rises = whole and found[0] == 0 and all(one < other for one, other in zip(found, found[1:]))
    return tuple(found) if rises else ()


def _report_path(model: str | os.PathLike) -> str:
    """Return the report of a model, from the run record beside it; empty without one."""
    record = Path(f"{model}.run.json")
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        if record.stat().st_size < 1 << 20:
            return _text(json.loads(record.read_bytes())["outputs"]["OUTPUT_HTML"]["source"])
    return ""


def _table(line: bytes) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(line) if len(line) <= writing.MAX_LINE_BYTES else None
        return content if isinstance(content, dict) else None
    return None


def _number(value: Any) -> float | None:
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if whole else None


def _numbers(value: Any) -> dict[str, float]:
    items = list(value.items())[:60] if isinstance(value, Mapping) else []
    found = {_text(name)[:60]: _number(item) for name, item in items}
    return {name: item for name, item in found.items() if item is not None}


def _text(value: Any) -> str:
    """Return a text that can be written to any file: lone surrogates become question marks."""
    return value[:4096].encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


class HistoryFolder:
    """All histories of a folder, which may not exist yet, and files that were opened by hand."""

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)
        self.followers: dict[str, Follower] = {}  # by path
        self._opened: set[str] = set()

    def poll(self, seconds: float = 0.005) -> bool:
        """Look for new histories, and read on in running ones, for a limited time; return whether there is more."""
        until = time.monotonic() + seconds
        self._list()
        waiting = [item for item in self.followers.values() if not item.done]
        # Those polled longest ago first, so that none of many files starves.
        waiting.sort(key=lambda item: item.last_polled)
        for left, follower in zip(range(len(waiting) - 1, -1, -1), waiting):
            more = follower.poll()
            while more and time.monotonic() < until:
                more = follower.poll()
            if time.monotonic() >= until:
                return more or left > 0
        return False

    def add(self, follower: Follower) -> str:
        """Add a file that was opened by hand and return its key."""
        key = str(follower.path)
        self._opened.add(key)
        self.followers.setdefault(key, follower)
        return key

    def forget(self, key: str) -> None:
        """Remove a training from the list, and delete its history if it lies in the folder."""
        path = self.followers.pop(key).path
        self._opened.discard(key)
        if path.parent == self.folder:
            writing.remove(path)

    def _list(self) -> None:
        try:
            with os.scandir(self.folder) as items:
                found = {str(self.folder / item.name) for item in items if item.name.endswith(writing.SUFFIX)}
        except OSError:
            # Before the first training there is no folder.
            found = set()
        for key in set(self.followers) - found - self._opened:
            del self.followers[key]
        for key in found - set(self.followers):
            self.followers[key] = Follower(key)
