"""The outputs of one run belong together: when it fails, none of them is left, and what lay there before is back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .temp_files import temp_path_beside

RECORD_SUFFIX = ".run.json"
_SIDECAR_SUFFIXES = (RECORD_SUFFIX, ".aux.xml", ".ovr", ".msk")
"""Endings of what lies beside a file and says something of its content: true of the older one, not of the new one."""


@dataclass(frozen=True)
class CommittedFile:
    """A name that a run took."""

    final: Path
    backup: Path | None
    """Where the older file of that name is kept."""
    file_id: tuple[int, int] | None
    """What tells the run's own file from one that another run gave the name to since; None when the run has none."""


_committed: ContextVar[list[CommittedFile] | None] = ContextVar("names taken", default=None)
_listeners: list[Callable[[CommittedFile | None], None]] = []


def add_commit_listener(listener: Callable[[CommittedFile | None], None]) -> None:
    """Have a function told of every name before it is taken, and of ``None`` when all so far stay.

    So that another process can :func:`roll_back` what a process took that was ended.
    """
    _listeners.append(listener)


@contextlib.contextmanager
def output_transaction() -> Iterator[None]:
    """Run a block whose outputs stay only if it succeeds; see :func:`commit`.

    A disk may be full after the map, but before its record is written: a map without its record, or without the table
    that was asked for with it, would look like the result of a run that went well.
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
    """Keep what the run has written so far even if it fails later: a model that took hours to train, say."""
    committed = _committed.get()
    if committed is not None:
        _discard_backups(committed)
        committed.clear()


def commit(temporary: Path, final: Path) -> None:
    """Give a complete file its name; inside :func:`output_transaction` in a way that can be undone.

    Args:
        temporary: the file, in the folder of the output.
        final: its name from now on.

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
            # A disk that knows no second name for a file. The older one goes now, so the new one must stay.
            can_be_undone = False
    if previous is None:
        _remove_stale_sidecars(final, committed)
    if can_be_undone:
        # A file keeps its mark when it is renamed.
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
    """Take away what tells of an older file, before the new one has its name.

    A run that is killed before it has written its own record must not leave the record of another file beside its
    output, nor numbers or overviews of other cells.
    """
    file_id = {one.final for one in committed}
    sidecars = [Path(f"{final}{ending}") for ending in _SIDECAR_SUFFIXES]
    if final.suffix.lower() == ".csv":
        # The same table, which is written after it.
        sidecars.append(final.with_suffix(".json"))
    for sidecar in sidecars:
        if sidecar not in file_id and sidecar.is_file():
            one = CommittedFile(sidecar, temp_path_beside(sidecar, ".earlier"), None)
            _notify(one)
            try:
                os.replace(sidecar, one.backup)
            except OSError:
                # Open elsewhere; the new record will take its place, or that will be told.
                continue
            committed.append(one)


def register_folder(folder: Path) -> None:
    """Note that the run made a folder."""
    committed = _committed.get()
    if committed is not None:
        committed.append(CommittedFile(folder, None, _file_id(folder)))
        _notify(committed[-1])


def roll_back(committed: Sequence[CommittedFile]) -> None:
    """Take away what a run wrote under names that it took, and put back what lay there before.

    Args:
        taken: in the order in which they were taken.
    """
    for one in reversed(committed):
        with contextlib.suppress(OSError):
            _restore(one)


def _discard_backups(committed: Sequence[CommittedFile]) -> None:
    _notify(None)
    for one in committed:
        _discard_backup(one.backup)


def _notify(one: CommittedFile | None) -> None:
    for listener in _listeners:
        listener(one)


def _file_id(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, 0 if path.is_dir() else status.st_mtime_ns


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


def _discard_backup(backup: Path | None) -> None:
    if backup is not None:
        with contextlib.suppress(OSError):
            backup.unlink()
