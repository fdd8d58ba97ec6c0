"""The core in a process of its own: starting it, calling jobs, stopping it, and telling why it ended."""

from __future__ import annotations

import collections
import contextlib
import json
import math
import queue
import shutil

# The program started is a Python that the user installed or QGIS runs on, with a fixed list of arguments.
import subprocess  # nosec B404
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Callable

from ..model.errors import Cancelled, MessageInvalid
from ..model.outputs.atomic import DISK_ERRORS
from ..model.outputs.lock import held_lock_descriptors
from ..model.progress import Progress
from ..model.worker import journal
from ..model.worker.protocol import (
    ANSWER,
    CALL,
    CANCEL,
    ERROR,
    FUNCTION,
    HEARTBEAT,
    PROGRESS,
    RESULT,
    SEARCH_PATH,
    WARNING,
    Channel,
    read_message,
)
from ..translation import tr
from .failures import (
    CoreProcessError,
    cannot_start,
    connection_closed,
    process_exited,
    rebuild_error,
    temp_folder_error,
)
from .interpreter import Runtime

WORKER_SCRIPT = Path(__file__).resolve().parent.parent / "model" / "worker" / "start.py"
POLL_INTERVAL = 0.05  # seconds between two looks at whether the user cancelled
CANCEL_TIMEOUT = 1.5  # seconds that the process may take to stop after Cancel; then it is ended
EXIT_TIMEOUT = 1.0  # seconds that it may take to end when it has nothing to do
HEARTBEAT_TIMEOUT = 20.0
"""Seconds without a word, not even a beat, after which the user is told; longer than a busy computer makes it wait."""
LOG_LINES = 200  # lines of what it prints that are kept for the log


class SubprocessCore:
    """One process, for the calls of one run."""

    def __init__(self, runtime: Runtime, progress: Progress) -> None:
        """Start the process.

        Args:
            place: the Python to start.
            progress: asked whether to stop, also in calls that do not report to it.

        Raises:
            ProcessEnded: it cannot be started.
        """
        self._progress = progress
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stderr_tail: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self._folder = _make_run_folder(runtime.search_path)
        try:
            self._process = _start(
                [*runtime.command, str(WORKER_SCRIPT), str(self._folder)],
                _process_environment(dict(runtime.variables), self._folder),
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise cannot_start(runtime.command[0], error) from error
        self._channel = Channel(self._process.stdin, self._folder, "qgis", records=False)
        self._threads = [
            threading.Thread(target=target, args=(stream,), daemon=True)
            for target, stream in ((self._read_stdout, self._process.stdout), (self._read_stderr, self._process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def number(self) -> int:
        """Number of the process in the system."""
        return self._process.pid

    def call(self, job: str, *values: Any, **named: Any) -> Any:
        """Run a job; see ``Core.call``."""
        progress = named.pop("progress", None)
        try:
            functions = self._channel.send(
                CALL, {"job": job, "values": list(values), "named": named, "progress": progress is not None}
            )
        except OSError as error:
            if error.errno in DISK_ERRORS:
                raise temp_folder_error(error) from error
            raise self._ended() from error
        return self._await_result(functions, progress or self._progress)

    def close(self) -> None:
        """End the process and remove its folder; ends it hard when it does not go by itself."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._kill()
        for thread in self._threads:
            thread.join(EXIT_TIMEOUT)
        for stream in (self._process.stdout, self._process.stderr):
            stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await_result(self, functions: Sequence[Callable[..., Any]], progress: Progress) -> Any:
        """Pass on what the job says until it has a result."""
        stopped: float | None = None
        callback_error: Exception | None = None
        last_message = time.monotonic()
        while True:
            if stopped is None and self._progress.cancelled():
                stopped = self._stop()
            if stopped is not None and time.monotonic() > stopped + CANCEL_TIMEOUT:
                self._kill()
                raise callback_error or Cancelled()
            try:
                line = self._lines.get(timeout=POLL_INTERVAL)
            except queue.Empty:
                if time.monotonic() > last_message + HEARTBEAT_TIMEOUT:
                    last_message = math.inf
                    progress.warn(
                        tr(
                            "The process that computes has not answered for {seconds} seconds. The computer "
                            "may be busy or short of memory. Wait, or press Cancel, which ends it."
                        ).format(seconds=round(HEARTBEAT_TIMEOUT))
                    )
                continue
            last_message = time.monotonic()
            if line is None:
                raise callback_error or (Cancelled() if stopped is not None else self._ended())
            kind, content = read_message(line, self._folder)
            if kind == HEARTBEAT:
                continue
            if kind == RESULT:
                return content
            if kind == ERROR:
                raise callback_error or rebuild_error(content)
            if kind == FUNCTION:
                try:
                    self._channel.send(ANSWER, functions[content["number"]](*content["values"]))
                except Exception as error:
                    callback_error, stopped = error, stopped or self._stop()
            elif kind == PROGRESS:
                progress.report(*content)
            elif kind == WARNING:
                progress.warn(content)
            else:
                raise MessageInvalid(f'The process that computes sent a message of the unknown kind "{kind}".')

    def _stop(self) -> float:
        """Ask the process to stop and return when that was."""
        with contextlib.suppress(OSError):
            self._channel.send(CANCEL)
        return time.monotonic()

    def _kill(self) -> None:
        """End the process at once and take away what it had begun."""
        self._process.kill()
        self._process.wait()
        journal.undo_unfinished_run(self._folder)

    def _ended(self) -> CoreProcessError:
        """Return the error for a process that ended by itself."""
        try:
            self._process.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._kill()
            return connection_closed("\n".join(self._stderr_tail))
        journal.undo_unfinished_run(self._folder)
        self._threads[1].join(EXIT_TIMEOUT)
        return process_exited(self._process.returncode, "\n".join(self._stderr_tail))

    def _read_stdout(self, stream: BinaryIO) -> None:
        for line in iter(stream.readline, b""):
            self._lines.put(line)
        self._lines.put(None)

    def _read_stderr(self, stream: BinaryIO) -> None:
        for line in iter(stream.readline, b""):
            self._stderr_tail.append(line.decode("utf-8", "replace").rstrip())


def _make_run_folder(search_path: Sequence[str]) -> Path:
    """Make the folder of a run, and put into it where the process looks for libraries, if that is to be told.

    Raises:
        ProcessEnded: the folder for temporary files is full or cannot be written.
    """
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="scarp-"))
        if search_path:
            (folder / SEARCH_PATH).write_text(json.dumps(search_path), encoding="utf-8")
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise temp_folder_error(error) from error
    return folder


def _process_environment(variables: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment variables of the process."""
    # With one arena glibc gives freed memory back: a third less for a U-Net, and ten percent faster (measured).
    variables.setdefault("MALLOC_ARENA_MAX", "1")
    # Threads that wait for each other take no processor meanwhile. Beside other work (QGIS draws, a browser) the
    # default makes two threads slower than one; steps of a training took a third to a half as long (measured).
    variables.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # What libraries leave in the folder for temporary files goes when the run ends, however it ends.
    variables.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)))
    return variables


def _start(command: Sequence[str], variables: dict[str, str]) -> subprocess.Popen[bytes]:
    # On Windows a program of the console would open one, and its priority is set from here. A session of its own is for
    # Ctrl+C in a terminal: it ends QGIS, and with QGIS the line, which tells this process to stop and clean up.
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
    # A list of arguments and no shell.
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # nosec B603
        stderr=subprocess.PIPE,
        env=variables,
        start_new_session=True,
        creationflags=flags,
        pass_fds=held_lock_descriptors(),
    )
