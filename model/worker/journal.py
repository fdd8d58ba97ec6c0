"""The journal: temporary files and commits of a run, recorded in its folder so that a killed run can be undone."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import Any

from ..outputs.transaction import CommittedFile, remove_temp_file, roll_back
from ..safe_json import parse_json

JOURNAL_NAME = "unfinished.jsonl"  # in the run's folder, one temporary file or commit per line
_TEMPORARY, _COMMITTED, _KEPT = "temporary", "taken", "kept"

_lock = threading.Lock()


def record_temp_file(folder: Path, temporary: Path) -> None:
    """Record a temporary file or folder that is about to be created by the run with this folder."""
    _write(folder, _TEMPORARY, str(temporary.absolute()))


def record_commit(folder: Path, committed: CommittedFile | None) -> None:
    """Record a commit that is about to be made, or with ``None`` that all so far are permanent."""
    if committed is None:
        _write(folder, _KEPT)
    else:
        backup = None if committed.backup is None else str(committed.backup.absolute())
        _write(folder, _COMMITTED, str(committed.final.absolute()), backup, committed.file_id)


def undo_unfinished_run(folder: Path) -> None:
    """Roll back what a killed process committed and remove its temporary files.

    What was finished stays, and so do the tiles that a later run resumes from.
    """
    temporaries, committed = _read(folder / JOURNAL_NAME)
    # First: the older files that are restored are among the temporary ones.
    roll_back(committed)
    for temporary in temporaries:
        remove_temp_file(temporary)


def _write(folder: Path, *line: Any) -> None:
    # A full disk of temporary files must not fail the run: the next run of the same output removes orphans, too.
    with _lock, contextlib.suppress(OSError), open(folder / JOURNAL_NAME, "a", encoding="utf-8") as stream:
        stream.write(f"{json.dumps(line)}\n")


def _read(path: Path) -> tuple[list[Path], list[CommittedFile]]:
    temporaries: list[Path] = []
    committed: list[CommittedFile] = []
    with contextlib.suppress(OSError, ValueError):
        # The last line may be cut short if the process was killed.
        for text in path.read_text(encoding="utf-8").splitlines():
            kind, *values = parse_json(text)
            if kind == _TEMPORARY:
                temporaries.append(Path(values[0]))
            elif kind == _COMMITTED:
                final, backup, file_id = values
                backup_path = None if backup is None else Path(backup)
                committed.append(CommittedFile(Path(final), backup_path, file_id and (file_id[0], file_id[1])))
            else:
                committed.clear()
    return temporaries, committed
