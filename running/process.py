"""The core in a worker process: start it, call jobs, stop it, and explain why it ended."""

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Callable, cast

from ..model.errors import Cancelled, MessageInvalid
from ..model.outputs.atomic import DISK_ERRORS, held_lock_descriptors
from ..model.outputs.transaction import undo_unfinished_run
from ..model.progress import Progress, tell_moved
from ..model.threads import wait_passively
from ..model.worker import protocol as messages
from ..model.worker.protocol import SEARCH_PATH, Channel, read_message
from ..translation import tr
from . import core
from .core import CoreProcessError, Runtime, temp_folder_error

WORKER_SCRIPT = Path(__file__).resolve().parent.parent / "model" / "worker" / "start.py"
POLL_INTERVAL = 0.05  # seconds between two checks whether the user cancelled
CANCEL_TIMEOUT = 1.5  # seconds that the process may take to stop after Cancel; then it is killed
EXIT_TIMEOUT = 1.0  # seconds that it may take to exit when it is idle
HEARTBEAT_TIMEOUT = 20.0  # seconds without a message after which the user is warned; longer than on a busy computer
LOG_LINES = 200  # lines of its output that are kept for the log


class SubprocessCore:
    """One process, for the calls of one run."""

    def __init__(
        self,
        runtime: Runtime,
        progress: Progress,
        labels: Mapping[str, str] | None = None,
        needs: Sequence[str] = (),
        language: str = "",
    ) -> None:
        """Start the process, or raise CoreProcessError; ``progress`` is asked whether to stop in all calls.

        ``labels`` of parameters and ``language`` are for reports; ``needs`` are modules that the calls import, see
        ``model.worker.first_libraries``.
        """
        self._progress, self._labels, self._language = progress, dict(labels or {}), language
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stderr_tail: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self._folder = _make_run_folder(runtime.search_path)
        try:
            self._process = process = _start(runtime, self._folder, needs)
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise core.cannot_start(runtime.command[0], error) from error
        self._stdin, stdout, stderr = (cast(BinaryIO, one) for one in (process.stdin, process.stdout, process.stderr))
        self._channel = Channel(self._stdin, self._folder, "qgis", records=False)
        self._readers = ((self._read_stdout, stdout), (self._read_stderr, stderr))
        self._threads = [threading.Thread(target=read, args=(stream,), daemon=True) for read, stream in self._readers]
        for thread in self._threads:
            thread.start()

    def call(self, job: str, *values: Any, **named: Any) -> Any:
        """Run a job; see :meth:`.Core.call`."""
        progress = named.pop("progress", None)
        content = {"job": job, "values": list(values), "named": named, "progress": progress is not None}
        content.update(labels=self._labels, language=self._language)
        try:
            functions = self._channel.send(messages.CALL, content)
        except OSError as error:
            if error.errno in DISK_ERRORS:
                raise temp_folder_error(error) from error
            raise self._ended() from error
        return self._await_result(functions, progress or self._progress)

    def close(self) -> None:
        """End the process, by force if needed, and remove its folder."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._kill()
        for thread in self._threads:
            thread.join(EXIT_TIMEOUT)
        for _, stream in self._readers:
            stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await_result(self, functions: Sequence[Callable[..., Any]], progress: Progress) -> Any:
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
                    text = tr(
                        "The worker process has not responded for {seconds} seconds. The computer "
                        "may be busy or short of memory. Wait, or press Cancel, which ends it."
                    )
                    progress.warn(text.format(seconds=round(HEARTBEAT_TIMEOUT)))
                continue
            last_message = time.monotonic()
            if line is None:
                raise callback_error or (Cancelled() if stopped is not None else self._ended())
            kind, content = read_message(line, self._folder)
            if kind == messages.HEARTBEAT:
                continue
            if kind == messages.RESULT:
                return content
            if kind == messages.ERROR:
                raise callback_error or core.rebuild_error(content)
            if kind == messages.FUNCTION:
                try:
                    self._channel.send(messages.ANSWER, functions[content["number"]](*content["values"]))
                except Exception as error:
                    callback_error, stopped = error, stopped or self._stop()
            elif kind == messages.PROGRESS:
                progress.report(*content)
            elif kind == messages.WARNING:
                progress.warn(content)
            elif kind == messages.MOVED:
                tell_moved(progress, *content)
            else:
                raise MessageInvalid(f'The worker process sent a message of the unknown kind "{kind}".')

    def _stop(self) -> float:
        with contextlib.suppress(OSError):
            self._channel.send(messages.CANCEL)
        return time.monotonic()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        # On Windows that was the launcher of an environment. Its Python, which ends a moment later, has files open; the
        # end of its output is the end of it.
        self._threads[0].join(EXIT_TIMEOUT)
        undo_unfinished_run(self._folder)

    def _ended(self) -> CoreProcessError:
        killed = False
        try:
            self._process.wait(EXIT_TIMEOUT)
            undo_unfinished_run(self._folder)
            self._threads[1].join(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._kill()
            killed = True
        return core.process_ended(self._process.returncode, "\n".join(self._stderr_tail), killed)

    def _read_stdout(self, stream: BinaryIO) -> None:
        for line in iter(stream.readline, b""):
            self._lines.put(line)
        self._lines.put(None)

    def _read_stderr(self, stream: BinaryIO) -> None:
        for line in iter(stream.readline, b""):
            self._stderr_tail.append(line.decode("utf-8", "replace").rstrip())


def _make_run_folder(search_path: Sequence[str]) -> Path:
    folder = ""
    try:
        folder = tempfile.mkdtemp(prefix="scarp-")
        if search_path:
            Path(folder, SEARCH_PATH).write_text(json.dumps(search_path), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise temp_folder_error(error) from error
    return Path(folder)


def _start(runtime: Runtime, folder: Path, needs: Sequence[str]) -> subprocess.Popen[bytes]:
    variables = dict(runtime.variables)
    # With one arena glibc returns freed memory: a third less for a U-Net, and ten percent faster (measured).
    variables.setdefault("MALLOC_ARENA_MAX", "1")
    wait_passively(variables)
    # What libraries leave among the temporary files is removed when the run ends, however it ends.
    variables.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)))
    # On Windows a console program would open a console, and its priority is set here. It gets a session of its own for
    # Ctrl+C in a terminal: that ends QGIS, which closes the channel, and then this process stops and cleans up.
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    more: Any = {"start_new_session": True, "creationflags": flags, "pass_fds": held_lock_descriptors()}
    command = [*runtime.command, str(WORKER_SCRIPT), str(folder), *needs]
    return subprocess.Popen(command, env=variables, **pipes, **more)  # nosec B603
