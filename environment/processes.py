"""Starts programs without a shell, passes on their output line by line, and terminates them with all children."""

from __future__ import annotations

import contextlib
import os
import queue
import signal

# Programs are started as lists of arguments, never through a shell, and only Python, nvidia-smi and taskkill.
import subprocess  # nosec B404
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable

TERMINATE_TIMEOUT = 3.0  # seconds that a program gets to exit before it is killed
POLL_INTERVAL = 0.1  # seconds between two checks for cancellation
_PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
# On Windows without a console window for each program.
_FLAGS = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_OPTIONS: dict[str, Any] = {**_PIPES, "encoding": "utf-8", "errors": "replace", "creationflags": _FLAGS}


def capture_output(command: list[str], seconds: float, variables: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a program that answers quickly; return exit code and output with errors, or -1 and why there is none."""
    options = {"env": variables, "timeout": seconds, **_OPTIONS}
    try:
        done = subprocess.run(command, check=False, **options)  # nosec B603
    except subprocess.TimeoutExpired:
        return -1, f"It did not answer within {seconds:g} seconds."
    except OSError as error:
        return -1, str(error)
    return done.returncode, done.stdout


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    line: Callable[[str], None],
    cancelled: Callable[[], bool],
    idle: Callable[[], None] = lambda: None,
    folder: str | None = None,
) -> int | None:
    """Run a program until it ends or the user cancels; raises OSError when it cannot be started.

    ``variables`` are its whole environment, ``folder`` its working directory. ``line`` receives each line of output and
    errors, without its newline; ``cancelled`` is called ten times a second, ``idle`` so often while there is no output.
    Returns the exit code, or None when it was cancelled.
    """
    # A process group of its own, so that all of its children can be terminated with it.
    options = {**_OPTIONS, "bufsize": 1, "start_new_session": sys.platform != "win32"}
    process: subprocess.Popen[str] = subprocess.Popen(list(command), env=variables, cwd=folder, **options)  # nosec B603
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    try:
        while True:
            if cancelled():
                terminate_tree(process)
                return None
            try:
                text = lines.get(timeout=POLL_INTERVAL)
            except queue.Empty:
                # A grandchild may hold the pipe open after the program itself has ended.
                if process.poll() is not None and not reader.is_alive():
                    return process.returncode
                idle()
                continue
            if text is None:
                return process.wait()
            line(text)
    finally:
        if process.poll() is None:
            terminate_tree(process)
        reader.join(TERMINATE_TIMEOUT)


def terminate_tree(process: subprocess.Popen[str]) -> None:
    """Terminate a process and all its children."""
    if sys.platform == "win32":
        taskkill = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
        capture_output([taskkill, "/F", "/T", "/PID", str(process.pid)], seconds=10)
    else:
        _signal_group(process.pid, signal.SIGTERM)
        started = time.monotonic()
        while process.poll() is None and time.monotonic() - started < TERMINATE_TIMEOUT:
            time.sleep(0.05)
        # Children that outlive their parent, and a parent that ignores SIGTERM.
        _signal_group(process.pid, signal.SIGKILL)
    try:
        process.wait(TERMINATE_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()


def _signal_group(pid: int, number: int) -> None:
    # It may be gone already; macOS answers "not permitted" for a group that has just ended.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    try:
        for text in process.stdout or ():
            lines.put(text.rstrip("\r\n"))
    except (OSError, ValueError):
        # The pipe was closed while the process was being terminated.
        lines.put("")
    lines.put(None)
