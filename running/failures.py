"""Messages for failures of the worker process, and its errors as exceptions of this process."""

from __future__ import annotations

import signal
import sys
import tempfile
from typing import Any

from ..model import errors
from ..translation import tr

# Exit codes of Windows, NTSTATUS values as Microsoft documents them.
_WINDOWS_MEMORY, _WINDOWS_CRASH = {0xC0000017, 0xC000012D, 0xC00000FD}, {0xC0000005, 0xC0000374, 0xC0000409}
_WINDOWS_PROCESSOR, _WINDOWS_LIBRARY = {0xC000001D}, {0xC0000135, 0xC0000139, 0xC0000142, 0xC000007B}


class _LoggedError(Exception):
    def __init__(self, text: str, log: str = "") -> None:
        super().__init__(text)
        self.log = log


class CoreProcessError(_LoggedError, errors.ScarpError):
    """The worker process could not be started, or ended before its work was done; ``log`` is its last output."""


class UnexpectedCoreError(_LoggedError):
    """An error in the worker process that Scarp did not expect; ``log`` is its traceback."""


def rebuild_error(payload: dict[str, Any]) -> Exception:
    """Return the error that ``model.worker.server`` sent, as an exception of the same class."""
    kind = getattr(errors, payload["kind"], None)
    if payload["expected"]:
        return kind(payload["text"]) if isinstance(kind, type) else errors.ScarpError(payload["text"])
    if payload["kind"] == "MemoryError":
        return MemoryError(payload["text"])
    if payload["library"]:
        return ImportError(payload["text"], name=payload["library"])
    return UnexpectedCoreError(f"{payload['kind']}: {payload['text']}", payload["trace"])


def cannot_start(python: str, error: OSError) -> CoreProcessError:
    """Return the error for a Python that cannot be started."""
    text = tr(
        "The Python of the worker process cannot be started: {python} ({reason}). Open Plugins > Scarp > Install "
        "what Scarp needs… and install again."
    )
    return CoreProcessError(text.format(python=python, reason=error.strerror or error))


def temp_folder_error(error: OSError) -> CoreProcessError:
    """Return the error for a folder for temporary files that cannot be written."""
    text = tr(
        "The folder for temporary files {folder} cannot be written ({reason}), so the worker process cannot "
        "be used. Make room on its disk, or set another folder in the variable TMPDIR."
    )
    return CoreProcessError(text.format(folder=tempfile.gettempdir(), reason=error.strerror or error))


def connection_closed(log: str) -> CoreProcessError:
    """Return the error for a process that closed its channel but did not exit."""
    text = tr(
        "The worker process stopped responding and was ended. Start again; if it happens again, install the libraries "
        "again with Plugins > Scarp > Install what Scarp needs…."
    )
    return CoreProcessError(f"{text} {_recovery_hint()}", log)


def process_exited(code: int | None, log: str) -> CoreProcessError:
    """Return the error for a process that exited with a code (the negative signal if killed) too early."""
    return CoreProcessError(f"{_exit_reason(code)} {_recovery_hint()}", log)


def _recovery_hint() -> str:
    return tr("QGIS is not affected, and nothing was left under the names of the outputs.")


def _exit_reason(code: int | None) -> str:
    number = 0 if code is None else code & 0xFFFFFFFF if sys.platform == "win32" else code
    # Shells and containers report signals as 128 plus the number.
    signals = {-number, number - 128}
    if signals & _numbers("SIGKILL") or number in _WINDOWS_MEMORY:
        return tr(
            "The worker process was ended by the system, most likely because memory ran out. Choose a "
            "smaller TILE, BATCH or area, or close other programs."
        )
    if signals & _numbers("SIGSEGV", "SIGBUS", "SIGABRT") or number in _WINDOWS_CRASH:
        return tr(
            "The worker process crashed ({code}). The log says where. If it happens again, install the "
            "libraries again with Plugins > Scarp > Install what Scarp needs…."
        ).format(code=_name(code))
    if signals & _numbers("SIGILL") or number in _WINDOWS_PROCESSOR:
        return tr(
            "The worker process crashed because a library uses instructions that this computer's processor does not "
            "have. Install an older version of torch with Plugins > Scarp > Install what Scarp needs…."
        )
    if number in _WINDOWS_LIBRARY:
        return tr(
            "The Python that Scarp computes with is incomplete ({code}). Install again with Plugins > "
            "Scarp > Install what Scarp needs…."
        ).format(code=_name(code))
    text = tr("The worker process ended without a result ({code}). The log has its last output.")
    return text.format(code=_name(code))


def _numbers(*names: str) -> set[int]:
    return {int(getattr(signal, name)) for name in names if hasattr(signal, name)}


def _name(code: int | None) -> str:
    if code is None:
        return tr("exit code unknown")
    if sys.platform == "win32":
        return tr("exit code {code}").format(code=f"0x{code & 0xFFFFFFFF:08X}")
    try:
        return signal.Signals(-code).name if code < 0 else tr("exit code {code}").format(code=code)
    except ValueError:
        return tr("exit code {code}").format(code=code)
