"""Temporary files of a run, the transaction of its outputs (commit together, or roll back), and its journal."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import itertools
import json
import os
import re
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..safe_json import parse_json

RECORD_SUFFIX = ".run.json"
SIDECAR_SUFFIXES = (RECORD_SUFFIX, ".aux.xml", ".ovr", ".msk")  # added to the name of the file that they describe
SIBLING_SUFFIXES = (".json", ".qml")  # a table as JSON and a style; also in the place of the output's own suffix
_TEMP_NAME = re.compile(r"\..{0,40}\.([0-9a-f]{8})[0-9a-f]{8}\.(part|parts|earlier)\b.*", re.DOTALL)
_PROBE_NAME = re.compile(r"\.scarp-[0-9a-f]{8}\.probe")
JOURNAL_NAME = "unfinished.jsonl"  # in the run's folder, one temporary file or commit per line
RETRY_SECONDS = 3.0 if os.name == "nt" else 0.0  # for which a file that cannot be renamed is tried again
_TEMPORARY, _COMMITTED, _KEPT = "temporary", "taken", "kept"
_journal: Path | None = None
_journal_lock = threading.Lock()


def is_sidecar(final: Path) -> bool:
    """Whether a file lies beside an output and so has no run record of its own."""
    return final.name.endswith((*SIDECAR_SUFFIXES, *SIBLING_SUFFIXES))


def start_journal(folder: Path) -> None:
    """Record this process's temporary files and commits in its run's folder, before each is made."""
    global _journal
    _journal = folder / JOURNAL_NAME


def undo_unfinished_run(folder: Path) -> None:
    """Roll back what a killed process committed and remove its temporary files, but not tiles to resume from."""
    temporaries: list[Path] = []
    committed: list[CommittedFile] = []
    with contextlib.suppress(OSError, ValueError):
        # The last line may be cut short if the process was killed.
        for text in (folder / JOURNAL_NAME).read_text(encoding="utf-8").splitlines():
            kind, *values = parse_json(text)
            if kind == _TEMPORARY:
                temporaries.append(Path(values[0]))
            elif kind == _COMMITTED:
                final, backup, file_id = values
                committed.append(CommittedFile(Path(final), backup and Path(backup), file_id and tuple(file_id)))
            else:
                committed.clear()
    # First: the older files that are restored are among the temporary ones.
    roll_back(committed)
    for temporary in temporaries:
        remove_temp_file(temporary)


def _record(kind: str, *values: Any) -> None:
    if _journal is not None:
        # A full disk of temporary files must not fail the run: the next run of the same output removes orphans, too.
        with _journal_lock, contextlib.suppress(OSError), open(_journal, "a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps([kind, *values])}\n")


def temp_path_beside(final: Path, ending: str) -> Path:
    """Return a hidden name beside an output, and record it; it ends in .part, .parts or .earlier, and a suffix."""
    # With a hash of the output's name, so that remove_orphans removes only its files. A temporary file of a temporary
    # file belongs to the same output.
    outer = _TEMP_NAME.fullmatch(final.name)
    owner = outer[1] if outer else name_hash(final.name)
    path = final.with_name(f".{final.stem[:40]}.{owner}{uuid.uuid4().hex[:8]}{ending}")
    _record(_TEMPORARY, str(path.absolute()))
    return path


def name_hash(name: str) -> str:
    """Return eight hexadecimal digits that identify the output in the names of its temporary files."""
    return hashlib.sha256(fold_case(name).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def fold_case(path: str) -> str:
    """Return a path or name in one case where the system's usual disks ignore case: on Windows and macOS."""
    return path.casefold() if sys.platform == "darwin" else os.path.normcase(path)


def remove_temp_file(temporary: Path) -> None:
    """Remove a temporary file or folder and what GDAL put beside it under longer names."""
    for leftover in temporary.parent.glob(f"{glob.escape(temporary.name)}*"):
        _remove(leftover)


def remove_orphans(final: Path) -> None:
    """Remove the temporary files that killed runs left of a (locked) output and its sidecar files."""
    _remove_orphans_of(final.parent, [final])
    if final.is_dir():
        with contextlib.suppress(OSError):
            _remove_orphans_of(final, list(final.iterdir()))


def _remove_orphans_of(folder: Path, outputs: list[Path]) -> None:
    names = [f"{output.name}{suffix}" for output in outputs for suffix in ("", *SIDECAR_SUFFIXES, ".json")]
    names += [f"{output.stem}{suffix}" for output in outputs for suffix in SIBLING_SUFFIXES]
    hashes = set(map(name_hash, names))
    with contextlib.suppress(OSError):
        for item in folder.glob(".*"):
            found = _TEMP_NAME.fullmatch(item.name)
            if (found and found[1] in hashes) or _PROBE_NAME.fullmatch(item.name):
                _remove(item)


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
_moved: ContextVar[dict[Path, Path] | None] = ContextVar("outputs beside a file that is open", default=None)


@contextlib.contextmanager
def output_transaction() -> Iterator[dict[Path, Path]]:
    """Run a block whose outputs stay only if it succeeds; see :func:`commit`.

    Yields where outputs are, by the name asked for, that could not replace a file because another program has it open.
    """
    # The disk may fill up after the map: without its record or table it would look like that of a successful run.
    committed: list[CommittedFile] = []
    moved: dict[Path, Path] = {}
    tokens = _committed.set(committed), _moved.set(moved)
    try:
        yield moved
    except BaseException:
        roll_back(committed)
        raise
    finally:
        _committed.reset(tokens[0])
        _moved.reset(tokens[1])
        _discard_backups(committed)


def where_written(output: str | os.PathLike) -> Path:
    """Return where an output of this transaction is: under its name, or beside a file that could not be replaced.

    What lies beside an output, such as its run record, goes with it.
    """
    path = Path(output)
    for final, beside in (_moved.get() or {}).items():
        if path == final or final in path.parents:
            return beside / path.relative_to(final)
        for suffix in SIDECAR_SUFFIXES:
            if path == Path(f"{final}{suffix}"):
                return Path(f"{beside}{suffix}")
        sibling = _sibling_suffix(final)
        if sibling and path == final.with_suffix(sibling):
            return beside.with_suffix(sibling)
    return path


def place_of(output: Path, files: Iterable[Path]) -> Path:
    """Return where an output of several files goes that belong together: its name, or a free one if a file is open."""
    moved = _moved.get()
    if moved is None or not any(map(is_open, files)):
        return output
    moved[output] = free_name_beside(output)
    return moved[output]


def free_name_beside(final: Path) -> Path:
    """Return a name that no file has, for an output that cannot replace a file: ``map_2.tif`` for ``map.tif``."""
    names = (final.with_name(f"{final.stem}_{number}{final.suffix}") for number in itertools.count(2))
    return next(name for name in names if not _is_taken(name))


def _is_taken(name: Path) -> bool:
    sibling = _sibling_suffix(name)
    beside = [Path(f"{name}{suffix}") for suffix in SIDECAR_SUFFIXES]
    return any(map(os.path.lexists, [name, *beside, *([name.with_suffix(sibling)] if sibling else [])]))


def _sibling_suffix(final: Path) -> str:
    """Return the suffix of the file that is written beside an output in the place of its own suffix; empty for none."""
    return {".csv": ".json", ".tif": ".qml", ".tiff": ".qml"}.get(final.suffix.lower(), "")


def replace(source: str | os.PathLike, final: str | os.PathLike) -> None:
    """Rename a file as ``os.replace`` does; on Windows, where a virus scanner may hold it, try for some seconds."""
    _try_for_seconds(lambda: os.replace(source, final))


def is_open(path: Path) -> bool:
    """Whether a file cannot be replaced because it is open, in this or another program; only Windows forbids that."""
    if not path.is_file():
        return False
    try:
        # Changes nothing, but needs what replacing the file will need.
        _try_for_seconds(lambda: os.rename(path, path))
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _try_for_seconds(rename: Callable[[], None]) -> None:
    end = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            rename()
            return
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(RETRY_SECONDS / 30)


def commit_partial() -> None:
    """Make the commits so far permanent even if the run fails later: a model that took hours to train, say."""
    committed = _committed.get()
    if committed is not None:
        _discard_backups(committed)
        committed.clear()


def commit(temporary: Path, final: Path) -> None:
    """Rename a complete temporary file to its final name; inside :func:`output_transaction` this can be rolled back.

    A file there that cannot be replaced because another program has it open, as Windows forbids, stays; the new one
    gets a free name beside it, see :func:`where_written`. Outside of a transaction it raises PermissionError.
    """
    committed, moved = _committed.get(), _moved.get()
    if committed is None or moved is None:
        replace(temporary, final)
        return
    place = where_written(final)
    try:
        _commit(temporary, place, committed)
    except PermissionError:
        if not place.is_file():
            raise
        beside = free_name_beside(place)
        _commit(temporary, beside, committed)
        moved[final] = beside


def _commit(temporary: Path, final: Path, committed: list[CommittedFile]) -> None:
    done = len(committed)
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
        _record_commit(CommittedFile(final, backup, _file_id(temporary)))
    try:
        replace(temporary, final)
    except OSError:
        if previous is None and backup is not None:
            _remove(backup)
        # The older file stays, and so must what lies beside it.
        roll_back(committed[done:])
        del committed[done:]
        raise
    if previous is not None:
        committed.remove(previous)
    if can_be_undone:
        committed.append(CommittedFile(final, backup, _file_id(final)))


def _remove_stale_sidecars(final: Path, committed: list[CommittedFile]) -> None:
    """Remove sidecar files of an older output first: a run killed before it wrote its own must not leave them."""
    own = {one.final for one in committed}
    sidecars = [Path(f"{final}{suffix}") for suffix in SIDECAR_SUFFIXES]
    # A table as JSON, written after the CSV.
    for sidecar in [*sidecars, *([final.with_suffix(".json")] if final.suffix.lower() == ".csv" else [])]:
        if sidecar in own or not sidecar.is_file():
            continue
        backup = temp_path_beside(sidecar, ".earlier")
        one = CommittedFile(sidecar, backup, None)
        _record_commit(one)
        try:
            replace(sidecar, backup)
        except OSError:
            # Open elsewhere; the new record will replace it or report why not.
            continue
        committed.append(one)


def register_folder(folder: Path) -> None:
    """Note that the run created a folder."""
    committed = _committed.get()
    if committed is not None:
        committed.append(CommittedFile(folder, None, _file_id(folder)))
        _record_commit(committed[-1])


def roll_back(committed: Sequence[CommittedFile]) -> None:
    """Remove what a run committed and restore what was there before, last commit first."""
    for one in reversed(committed):
        with contextlib.suppress(OSError):
            _restore(one)


def _restore(one: CommittedFile) -> None:
    if one.file_id is None:
        if one.backup is not None and not one.final.exists():
            replace(one.backup, one.final)
        return
    if _file_id(one.final) != one.file_id:
        return
    if one.backup is not None:
        replace(one.backup, one.final)
    elif one.final.is_dir():
        one.final.rmdir()
    else:
        one.final.unlink()


def _discard_backups(committed: Sequence[CommittedFile]) -> None:
    _record(_KEPT)
    for backup in (one.backup for one in committed if one.backup is not None):
        _remove(backup)


def _record_commit(one: CommittedFile) -> None:
    backup = None if one.backup is None else str(one.backup.absolute())
    _record(_COMMITTED, str(one.final.absolute()), backup, one.file_id)


def _file_id(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, 0 if path.is_dir() else status.st_mtime_ns
