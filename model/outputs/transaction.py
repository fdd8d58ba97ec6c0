"""Temporary files of a run and the transaction of its outputs: commit together, or roll back."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

RECORD_SUFFIX = ".run.json"
SIDECAR_SUFFIXES = (RECORD_SUFFIX, ".aux.xml", ".ovr", ".msk")  # added to the name of the file that they describe
SIBLING_SUFFIXES = (".json", ".qml")  # a table as JSON and a style; also in the place of the output's own suffix
_TEMP_NAME = re.compile(r"\..{0,40}\.([0-9a-f]{8})[0-9a-f]{8}\.(part|parts|earlier)\b.*", re.DOTALL)
_PROBE_NAME = re.compile(r"\.scarp-[0-9a-f]{8}\.probe")
_temp_file_listeners: list[Callable[[Path], None]] = []


def sidecar_files(final: Path) -> list[Path]:
    """Return the paths of all files that describe the content of an output."""
    sidecars = [Path(f"{final}{suffix}") for suffix in SIDECAR_SUFFIXES]
    # A table as JSON, written after the CSV.
    return [*sidecars, final.with_suffix(".json")] if final.suffix.lower() == ".csv" else sidecars


def is_sidecar(final: Path) -> bool:
    """Whether a file lies beside an output and so has no run record of its own."""
    return final.name.endswith((*SIDECAR_SUFFIXES, *SIBLING_SUFFIXES))


def add_temp_file_listener(listener: Callable[[Path], None]) -> None:
    """Call a function with every temporary file and folder from now on, before it is created."""
    _temp_file_listeners.append(listener)


def temp_path_beside(final: Path, ending: str) -> Path:
    """Return a hidden name for a temporary file or folder in the output's folder, and notify the listeners.

    The name contains a hash of the output's name, so that :func:`remove_orphans` removes only this output's files.
    The ending is ``.part``, ``.parts`` or ``.earlier``, and a suffix.
    """
    # A temporary file of a temporary file belongs to the same output.
    outer = _TEMP_NAME.fullmatch(final.name)
    owner = outer[1] if outer else name_hash(final.name)
    path = final.with_name(f".{final.stem[:40]}.{owner}{uuid.uuid4().hex[:8]}{ending}")
    for listener in _temp_file_listeners:
        listener(path)
    return path


def name_hash(name: str) -> str:
    """Return eight hexadecimal digits that identify the output in the names of its temporary files."""
    return hashlib.sha256(os.path.normcase(name).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def remove_temp_file(temporary: Path) -> None:
    """Remove a temporary file or folder and what GDAL put beside it under longer names."""
    for leftover in temporary.parent.glob(f"{glob.escape(temporary.name)}*"):
        _remove(leftover)


def remove_orphans(final: Path) -> None:
    """Remove the temporary files that killed runs left of an output (a file or folder) and its sidecar files.

    Call it only while holding the output's lock (:mod:`.lock`).
    """
    _remove_orphans_of(final.parent, [final])
    if final.is_dir():
        with contextlib.suppress(OSError):
            _remove_orphans_of(final, list(final.iterdir()))


def _remove_orphans_of(folder: Path, outputs: list[Path]) -> None:
    hashes = {name_hash(name) for output in outputs for name in _names_beside(output)}
    with contextlib.suppress(OSError):
        for item in folder.glob(".*"):
            found = _TEMP_NAME.fullmatch(item.name)
            if (found and found[1] in hashes) or _PROBE_NAME.fullmatch(item.name):
                _remove(item)


def _names_beside(final: Path) -> list[str]:
    suffixes = ("", *SIDECAR_SUFFIXES, ".json")
    return [f"{final.name}{suffix}" for suffix in suffixes] + [f"{final.stem}{suffix}" for suffix in SIBLING_SUFFIXES]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


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
