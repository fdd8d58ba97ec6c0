"""Temporary files beside outputs, written down as they are made, so that a process that is ended leaves none."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path

NAME = "unfinished.txt"
"""In the folder of a run: temporary files and folders that its process made, one a line."""

_lock = threading.Lock()


def note(folder: Path, temporary: Path) -> None:
    """Write down a temporary file or folder.

    Args:
        folder: of the run.
        temporary: what is about to be made.
    """
    # A run is not to fail because the disk of temporary files is full: the next run of the same output tidies up, too.
    with _lock, contextlib.suppress(OSError), open(folder / NAME, "a", encoding="utf-8") as stream:
        stream.write(f"{temporary.absolute()}\n")


def remove(folder: Path) -> None:
    """Remove what an ended process left: what was written down, and what GDAL put beside it under longer names.

    What was finished has another name by then and stays. So do the parts that a later run goes on from.

    Args:
        folder: of the run.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in (folder / NAME).read_text(encoding="utf-8").splitlines():
            temporary = Path(line)
            for leftover in temporary.parent.glob(f"{_literally(temporary.name)}*"):
                shutil.rmtree(leftover, ignore_errors=True)
                with contextlib.suppress(OSError):
                    leftover.unlink()


def _literally(name: str) -> str:
    """Return a pattern that matches a name as it stands."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
