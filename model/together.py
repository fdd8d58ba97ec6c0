"""The outputs of one run belong together: when it fails, none of them is left, and what lay there before is back."""

from __future__ import annotations

import contextlib
import os
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Sequence

from .temporaries import temporary_beside

RECORD_SUFFIX = ".run.json"
_ABOUT = (RECORD_SUFFIX, ".aux.xml", ".ovr", ".msk")
"""Endings of what lies beside a file and says something of its content: true of the older one, not of the new one."""


@dataclass(frozen=True)
class Taken:
    """A name that a run took."""

    final: Path
    earlier: Path | None
    """Where the older file of that name is kept."""
    own: tuple[int, int] | None
    """What tells the run's own file from one that another run gave the name to since; None when the run has none."""


_taken: ContextVar[list[Taken] | None] = ContextVar("names taken", default=None)
_watchers: list[Callable[[Taken | None], None]] = []


def watch_names(tell: Callable[[Taken | None], None]) -> None:
    """Have a function told of every name before it is taken, and of ``None`` when all so far stay.

    So that another process can :func:`give_back` what a process took that was ended.
    """
    _watchers.append(tell)


@contextlib.contextmanager
def all_or_none() -> Iterator[None]:
    """Run a block whose outputs stay only if it succeeds; see :func:`take_name`.

    A disk may be full after the map, but before its record is written: a map without its record, or without the table
    that was asked for with it, would look like the result of a run that went well.
    """
    taken: list[Taken] = []
    token = _taken.set(taken)
    try:
        yield
    except BaseException:
        give_back(taken)
        raise
    finally:
        _taken.reset(token)
        _keep(taken)


def keep_so_far() -> None:
    """Keep what the run has written so far even if it fails later: a model that took hours to train, say."""
    taken = _taken.get()
    if taken is not None:
        _keep(taken)
        taken.clear()


def take_name(temporary: Path, final: Path) -> None:
    """Give a complete file its name; inside :func:`all_or_none` in a way that can be undone.

    Args:
        temporary: the file, in the folder of the output.
        final: its name from now on.

    Raises:
        OSError: the file cannot be renamed.
    """
    taken = _taken.get()
    if taken is None:
        os.replace(temporary, final)
        return
    before = next((one for one in taken if one.final == final), None)
    earlier, can_be_undone = (before.earlier if before else None), True
    if before is None and final.is_file():
        earlier = temporary_beside(final, ".earlier")
        try:
            os.link(final, earlier)
        except OSError:
            # A disk that knows no second name for a file. The older one goes now, so the new one must stay.
            can_be_undone = False
    if before is None:
        _take_away_what_tells_of(final, taken)
    if can_be_undone:
        # A file keeps its mark when it is renamed.
        _tell(Taken(final, earlier, _mark(temporary)))
    try:
        os.replace(temporary, final)
    except OSError:
        if before is None:
            _forget(earlier)
        raise
    if before is not None:
        taken.remove(before)
    if can_be_undone:
        taken.append(Taken(final, earlier, _mark(final)))


def _take_away_what_tells_of(final: Path, taken: list[Taken]) -> None:
    """Take away what tells of an older file, before the new one has its name.

    A run that is killed before it has written its own record must not leave the record of another file beside its
    output, nor numbers or overviews of other cells.
    """
    own = {one.final for one in taken}
    tells = [Path(f"{final}{ending}") for ending in _ABOUT]
    if final.suffix.lower() == ".csv":
        # The same table, which is written after it.
        tells.append(final.with_suffix(".json"))
    for beside in tells:
        if beside not in own and beside.is_file():
            one = Taken(beside, temporary_beside(beside, ".earlier"), None)
            _tell(one)
            try:
                os.replace(beside, one.earlier)
            except OSError:
                # Open elsewhere; the new record will take its place, or that will be told.
                continue
            taken.append(one)


def made_folder(folder: Path) -> None:
    """Note that the run made a folder."""
    taken = _taken.get()
    if taken is not None:
        taken.append(Taken(folder, None, _mark(folder)))
        _tell(taken[-1])


def give_back(taken: Sequence[Taken]) -> None:
    """Take away what a run wrote under names that it took, and put back what lay there before.

    Args:
        taken: in the order in which they were taken.
    """
    for one in reversed(taken):
        with contextlib.suppress(OSError):
            _give_back(one)


def _keep(taken: Sequence[Taken]) -> None:
    _tell(None)
    for one in taken:
        _forget(one.earlier)


def _tell(one: Taken | None) -> None:
    for tell in _watchers:
        tell(one)


def _mark(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, 0 if path.is_dir() else status.st_mtime_ns


def _give_back(one: Taken) -> None:
    if one.own is None:
        if one.earlier is not None and not one.final.exists():
            os.replace(one.earlier, one.final)
        return
    if _mark(one.final) != one.own:
        return
    if one.earlier is not None:
        os.replace(one.earlier, one.final)
    elif one.final.is_dir():
        one.final.rmdir()
    else:
        one.final.unlink()


def _forget(earlier: Path | None) -> None:
    if earlier is not None:
        with contextlib.suppress(OSError):
            earlier.unlink()
