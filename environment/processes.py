"""Starts programs with a fixed list of arguments, hands on their lines as they come, ends them with all children."""

from __future__ import annotations

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

TERMINATE_TIMEOUT = 3.0
"""Seconds that a program gets to end by itself before it is killed."""
POLL_INTERVAL = 0.1
"""Seconds between two looks at whether the user has cancelled."""


def capture_output(
    command: Sequence[str], seconds: float, variables: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a program that answers quickly.

    Returns:
        Its exit code and what it wrote, errors too; -1 and the reason when it did not start or took too long.
    """
    try:
        # A list of arguments without a shell; the programs are those of the callers in this package.
        done = subprocess.run(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # nosec B603
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            env=None if variables is None else dict(variables),
            encoding="utf-8",
            errors="replace",
            check=False,
            **_no_console_flags(),
        )
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
    idle: Callable[[], None] | None = None,
    folder: str | None = None,
) -> int | None:
    """Run a program, handing on each line, until it ends or the user cancels.

    Args:
        command: program and arguments.
        variables: its whole environment.
        line: gets every line of output and errors, without its end.
        cancelled: asked ten times a second.
        idle: called between lines and while there are none, at most ten times a second.
        folder: to run it in.

    Returns:
        The exit code, or None when it was cancelled.

    Raises:
        OSError: it cannot be started.
    """
    process = _start(command, variables, folder)
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    try:
        while True:
            if cancelled():
                end(process)
                return None
            try:
                text = lines.get(timeout=POLL_INTERVAL)
            except queue.Empty:
                # A grandchild may hold the pipe open after the program itself has ended.
                if process.poll() is not None and not reader.is_alive():
                    return process.returncode
                if idle is not None:
                    idle()
                continue
            if text is None:
                return process.wait()
            line(text)
    finally:
        if process.poll() is None:
            end(process)
        reader.join(TERMINATE_TIMEOUT)


def end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started."""
    if sys.platform == "win32":
        root = os.environ.get("SYSTEMROOT", r"C:\Windows")
        capture_output(
            [os.path.join(root, "System32", "taskkill.exe"), "/F", "/T", "/PID", str(process.pid)], seconds=10
        )
    else:
        _signal_group(process.pid, signal.SIGTERM)
        started = time.monotonic()
        while process.poll() is None and time.monotonic() - started < TERMINATE_TIMEOUT:
            time.sleep(0.05)
        # Children that outlive their parent, and a parent that does not listen.
        _signal_group(process.pid, signal.SIGKILL)
    try:
        process.wait(TERMINATE_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()


def _start(command: Sequence[str], variables: Mapping[str, str], folder: str | None) -> subprocess.Popen[str]:
    # A list of arguments without a shell; a group of its own, so that all of its children can be ended with it.
    return subprocess.Popen(
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # nosec B603
        stdin=subprocess.DEVNULL,
        env=dict(variables),
        cwd=folder,
        encoding="utf-8",
        errors="replace",
        bufsize=1,
        start_new_session=sys.platform != "win32",
        **_no_console_flags(),
    )


def _no_console_flags() -> dict[str, Any]:
    """Return what keeps Windows from opening a console window for each program."""
    if sys.platform != "win32":
        return {}
    return {"creationflags": subprocess.CREATE_NO_WINDOW}


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        # It is gone already; macOS answers "not permitted" for a group that has just ended.
        return


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    stream = process.stdout
    if stream is not None:
        try:
            for text in stream:
                lines.put(text.rstrip("\r\n"))
        except (OSError, ValueError):
            # The pipe was closed while the process was being ended.
            lines.put("")
    lines.put(None)
