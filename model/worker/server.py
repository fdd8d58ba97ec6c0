"""The worker process: runs one job at a time, can be cancelled meanwhile, and ends when QGIS is gone."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO, Callable

from ..errors import Cancelled, MessageInvalid, OutputNotWritable, ScarpError
from ..jobs import job
from ..languages import language_of_run
from ..memory import is_out_of_memory
from ..outputs.atomic import DISK_ERRORS
from ..outputs.transaction import start_journal, undo_unfinished_run
from ..parameter_names import labels_of_run
from .protocol import (
    ANSWER,
    CALL,
    CANCEL,
    ERROR,
    FUNCTION,
    HEARTBEAT,
    MOVED,
    PROGRESS,
    RESULT,
    WARNING,
    Channel,
    read_message,
)

SHUTDOWN_TIMEOUT = 5.0  # seconds that a job may take to stop once QGIS is gone; then the process ends in any case
HEARTBEAT_INTERVAL = 5.0  # seconds between two heartbeats while a job runs
MIN_PROGRESS_STEP = 0.001  # smallest change of progress that is sent: a progress bar shows no less


def serve(incoming: BinaryIO, outgoing: BinaryIO, folder: Path) -> None:
    """Run calls until QGIS closes the channel; never returns, so as not to wait for the end of torch's threads."""
    worker = _Worker(outgoing, folder)
    start_journal(folder)
    threading.Thread(target=worker.listen, args=(incoming,), daemon=True).start()
    threading.Thread(target=worker.send_heartbeats, daemon=True).start()
    worker.run_calls()
    shutil.rmtree(folder, ignore_errors=True)
    sys.stderr.flush()
    os._exit(0)


class _Worker:
    def __init__(self, outgoing: BinaryIO, folder: Path) -> None:
        self.channel = Channel(outgoing, folder, "core", records=True)
        self.cancelled = threading.Event()
        self._folder = folder
        self._working = False
        self._calls: queue.Queue[Any] = queue.Queue()
        self._callback_results: queue.Queue[Any] = queue.Queue()

    def listen(self, incoming: BinaryIO) -> None:
        for line in iter(incoming.readline, b""):
            try:
                kind, content = read_message(line, self._folder, self._callback_proxy)
            except ScarpError as error:
                kind, content = CALL, error
            if kind == CALL:
                self._calls.put(content)
            elif kind == ANSWER:
                self._callback_results.put(content)
            elif kind == CANCEL:
                self.cancelled.set()
            else:
                self._calls.put(MessageInvalid(f'The worker process got a message of unknown kind: "{kind}".'))
        self.cancelled.set()
        self._calls.put(None)
        # A job that does not check for Cancel must not outlive QGIS.
        time.sleep(SHUTDOWN_TIMEOUT)
        undo_unfinished_run(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(1)

    def send_heartbeats(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                time.sleep(HEARTBEAT_INTERVAL)
                if self._working:
                    self.channel.send(HEARTBEAT)

    def run_calls(self) -> None:
        while True:
            call = self._calls.get()
            if call is None:
                return
            try:
                self._working = True
                self._send_result(self._run(call))
            except BrokenPipeError:
                return
            except Exception as error:
                if not self._send_error(error):
                    return
            finally:
                self._working = False

    def _send_result(self, result: Any) -> None:
        try:
            self.channel.send(RESULT, result)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            raise OutputNotWritable(
                f"The result could not be passed to QGIS through {self._folder}: {error.strerror}. Make room on the "
                "disk of temporary files. The files that the run has written are complete and stay."
            ) from error

    def _run(self, call: Any) -> Any:
        if isinstance(call, ScarpError):
            raise call
        if self.cancelled.is_set():
            raise Cancelled()
        values = dict(call["named"])
        if call["progress"]:
            values["progress"] = _ChannelProgress(self)
        with labels_of_run(call.get("labels", {})), language_of_run(call.get("language", "")):
            return job(call["job"])(*call["values"], **values)

    def _send_error(self, error: Exception) -> bool:
        """Send an error; return whether QGIS is still there."""
        content = {
            "kind": "MemoryError" if is_out_of_memory(error) else type(error).__name__,
            "text": str(error),
            "expected": isinstance(error, ScarpError),
            "library": getattr(error, "name", None) if isinstance(error, ImportError) else None,
            "trace": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
        }
        try:
            self.channel.send(ERROR, content)
        except BrokenPipeError:
            return False
        return True

    def _callback_proxy(self, number: int) -> Callable[..., Any]:
        """Return a function that calls back a function of QGIS that came with the call."""

        def ask(*values: Any) -> Any:
            self.channel.send(FUNCTION, {"number": number, "values": list(values)})
            while True:
                try:
                    return self._callback_results.get(timeout=0.1)
                except queue.Empty:
                    if self.cancelled.is_set():
                        raise Cancelled() from None

        return ask


class _ChannelProgress:
    def __init__(self, worker: _Worker) -> None:
        self._worker, self._fraction = worker, -1.0

    def report(self, fraction: float, text: str = "") -> None:
        """Send the progress, unless it has no text and moves no progress bar."""
        if text or fraction >= self._fraction + MIN_PROGRESS_STEP:
            self._fraction = max(fraction, self._fraction)
            self._worker.channel.send(PROGRESS, [fraction, text])

    def warn(self, text: str) -> None:
        self._worker.channel.send(WARNING, text)

    def moved(self, final: str, beside: str) -> None:
        """Tell QGIS that an output is beside its name."""
        self._worker.channel.send(MOVED, [final, beside])

    def cancelled(self) -> bool:
        return self._worker.cancelled.is_set()
