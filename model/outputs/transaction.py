"""All outputs of a run form one transaction: if the run fails, all are rolled back to what was there before."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .temp_files import sidecar_files, temp_path_beside


@dataclass(frozen=True)
class CommittedFile:
    """A file that a run has renamed to its final name."""

    final: Path
    backup: Path | None  # where the older file of that name is kept
    file_id: tuple[int, int] | None  # tells the run's own file from a later one of another run; None for a mere backup


_committed: ContextVar[list[CommittedFile] | None] = ContextVar("committed files", default=None)
_listeners: list[Callable[[CommittedFile | None], None]] = []


def add_commit_listener(listener: Callable[[CommittedFile | None], None]) -> None:
    """Call a function before every commit, and with ``None`` when all commits so far become permanent.

    With that another process can :func:`roll_back` the commits of a killed one.
    """
    _listeners.append(listener)


@contextlib.contextmanager
def output_transaction() -> Iterator[None]:
    """Run a block whose outputs stay only if it succeeds; see :func:`commit`.

    A disk may fill up between the map and its record. A map without its record, or without the table requested with
    it, would look like the result of a successful run.
    """
    committed: list[CommittedFile] = []
    token = _committed.set(committed)
    try:
        yield
    except BaseException:
        roll_back(committed)
        raise
    finally:
        _committed.reset(token)
        _discard_backups(committed)


def commit_partial() -> None:
    """Make the commits so far permanent even if the run fails later: a model that took hours to train, say."""
    committed = _committed.get()
    if committed is not None:
        _discard_backups(committed)
        committed.clear()


def commit(temporary: Path, final: Path) -> None:
    """Rename a complete temporary file to its final name; inside :func:`output_transaction` this can be rolled back.

    Raises:
        OSError: the file cannot be renamed.
    """
    committed = _committed.get()
    if committed is None:
        os.replace(temporary, final)
        return
    previous = next((one for one in committed if one.final == final), None)
    backup, can_be_undone = (previous.backup if previous else None), True
    if previous is None and final.is_file():
        backup = temp_path_beside(final, ".earlier")
        try:
            os.link(final, backup)
        except OSError:
            # A file system without hard links. The older file is replaced now, so the new one must stay.
            can_be_undone = False
    if previous is None:
        _remove_stale_sidecars(final, committed)
    if can_be_undone:
        # A file keeps its id when it is renamed.
        _notify(CommittedFile(final, backup, _file_id(temporary)))
    try:
        os.replace(temporary, final)
    except OSError:
        if previous is None:
            _discard_backup(backup)
        raise
    if previous is not None:
        committed.remove(previous)
    if can_be_undone:
        committed.append(CommittedFile(final, backup, _file_id(final)))


def _remove_stale_sidecars(final: Path, committed: list[CommittedFile]) -> None:
    """Remove sidecar files of an older output before the new one is renamed into place.

    A run killed before it has written its own record must not leave the record, statistics or overviews of another
    file beside its output.
    """
    own = {one.final for one in committed}
    for sidecar in sidecar_files(final):
        if sidecar in own or not sidecar.is_file():
            continue
        backup = temp_path_beside(sidecar, ".earlier")
        one = CommittedFile(sidecar, backup, None)
        _notify(one)
        try:
            os.replace(sidecar, backup)
        except OSError:
            # Open elsewhere; the new record will replace it or report why not.
            continue
        committed.append(one)


def register_folder(folder: Path) -> None:
    """Note that the run created a folder."""
    committed = _committed.get()
    if committed is not None:
        committed.append(CommittedFile(folder, None, _file_id(folder)))
        _notify(committed[-1])


def roll_back(committed: Sequence[CommittedFile]) -> None:
    """Remove what a run committed and restore what was there before, last commit first."""
    for one in reversed(committed):
        with contextlib.suppress(OSError):
            _restore(one)


def _restore(one: CommittedFile) -> None:
    if one.file_id is None:
        if one.backup is not None and not one.final.exists():
            os.replace(one.backup, one.final)
        return
    if _file_id(one.final) != one.file_id:
        return
    if one.backup is not None:
        os.replace(one.backup, one.final)
    elif one.final.is_dir():
        one.final.rmdir()
    else:
        one.final.unlink()


def _discard_backups(committed: Sequence[CommittedFile]) -> None:
    _notify(None)
    for one in committed:
        _discard_backup(one.backup)


def _discard_backup(backup: Path | None) -> None:
    if backup is not None:
        with contextlib.suppress(OSError):
            backup.unlink()


def _notify(one: CommittedFile | None) -> None:
    for listener in _listeners:
        listener(one)


def _file_id(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, 0 if path.is_dir() else status.st_mtime_ns
