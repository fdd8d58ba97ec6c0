"""What a run has begun beside its outputs, written down as it is done, so that an ended process leaves nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from pathlib import Path
from typing import Any

from ..outputs.transaction import CommittedFile, roll_back
from ..safe_json import parse_json

JOURNAL_NAME = "unfinished.jsonl"
"""In the folder of a run: temporary files and folders that its process made, and names that it took, one a line."""
_TEMPORARY, _COMMITTED, _KEPT = "temporary", "taken", "kept"

_lock = threading.Lock()


def record_temp_file(folder: Path, temporary: Path) -> None:
    """Write down a temporary file or folder.

    Args:
        folder: of the run.
        temporary: what is about to be made.
    """
    _write(folder, _TEMPORARY, str(temporary.absolute()))


def record_commit(folder: Path, taken: CommittedFile | None) -> None:
    """Write down a name that is about to be taken, or with ``None`` that all so far stay.

    Args:
        folder: of the run.
        taken: as :func:`~scarp.model.outputs.transaction.add_commit_listener` tells it.
    """
    if taken is None:
        _write(folder, _KEPT)
    else:
        _write(
            folder,
            _COMMITTED,
            str(taken.final.absolute()),
            None if taken.backup is None else str(taken.backup.absolute()),
            taken.file_id,
        )


def remove(folder: Path) -> None:
    """Undo what an ended process left: names that it took are given back, and temporary files removed.

    With them goes what GDAL put beside them under longer names. What was finished stays, and so do the parts that a
    later run goes on from.

    Args:
        folder: of the run.
    """
    temporaries, taken = _read(folder / JOURNAL_NAME)
    # First: older files that come back are among the temporary ones.
    roll_back(taken)
    for temporary in temporaries:
        for orphan in temporary.parent.glob(f"{_glob_escape(temporary.name)}*"):
            shutil.rmtree(orphan, ignore_errors=True)
            with contextlib.suppress(OSError):
                orphan.unlink()


def _write(folder: Path, *line: Any) -> None:
    # A run is not to fail because the disk of temporary files is full: the next run of the same output tidies up, too.
    with _lock, contextlib.suppress(OSError), open(folder / JOURNAL_NAME, "a", encoding="utf-8") as stream:
        stream.write(f"{json.dumps(line)}\n")


def _read(path: Path) -> tuple[list[Path], list[CommittedFile]]:
    temporaries: list[Path] = []
    taken: list[CommittedFile] = []
    with contextlib.suppress(OSError, ValueError):
        # The last line may have been cut short, when the process was ended.
        for text in path.read_text(encoding="utf-8").splitlines():
            kind, *values = parse_json(text)
            if kind == _TEMPORARY:
                temporaries.append(Path(values[0]))
            elif kind == _COMMITTED:
                final, backup, file_id = values
                taken.append(
                    CommittedFile(
                        Path(final),
                        None if backup is None else Path(backup),
                        None if file_id is None else (file_id[0], file_id[1]),
                    )
                )
            else:
                taken.clear()
    return temporaries, taken


def _glob_escape(name: str) -> str:
    """Return a pattern that matches a name as it stands."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
