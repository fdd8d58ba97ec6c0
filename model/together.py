"""The outputs of one run belong together: when it fails, none of them is left, and what lay there before is back."""

from __future__ import annotations

import contextlib
import os
import uuid
from contextvars import ContextVar
from pathlib import Path
from typing import Iterator

from .temporaries import note_temporary

_taken: ContextVar[list[tuple[Path, Path | None]] | None] = ContextVar("names taken", default=None)
"""Each name that the run took, with where the older file of that name is kept."""


@contextlib.contextmanager
def all_or_none() -> Iterator[None]:
    """Run a block whose outputs stay only if it succeeds; see :func:`take_name`.

    A disk may be full after the map, but before its record is written: a map without its record, or without the table
    that was asked for with it, would look like the result of a run that went well.
    """
    taken: list[tuple[Path, Path | None]] = []
    token = _taken.set(taken)
    try:
        yield
    except BaseException:
        for final, earlier in reversed(taken):
            with contextlib.suppress(OSError):
                _give_back(final, earlier)
        raise
    finally:
        _taken.reset(token)
        _forget(taken)


def keep_so_far() -> None:
    """Keep what the run has written so far even if it fails later: a model that took hours to train, say."""
    taken = _taken.get()
    if taken is not None:
        _forget(taken)
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
    earlier, can_be_undone = None, taken is not None and final not in [name for name, _ in taken]
    if can_be_undone and final.is_file():
        earlier = final.with_name(f".{final.stem[:40]}.{uuid.uuid4().hex[:8]}.earlier")
        note_temporary(earlier)
        try:
            os.link(final, earlier)
        except OSError:
            # A disk that knows no second name for a file. The older one goes now, so the new one must stay.
            can_be_undone = False
    try:
        os.replace(temporary, final)
    except OSError:
        _forget([(final, earlier)])
        raise
    if taken is not None and can_be_undone:
        taken.append((final, earlier))


def made_folder(folder: Path) -> None:
    """Note that the run made a folder."""
    taken = _taken.get()
    if taken is not None:
        taken.append((folder, None))


def _give_back(final: Path, earlier: Path | None) -> None:
    if earlier is not None:
        os.replace(earlier, final)
    elif final.is_dir():
        final.rmdir()
    else:
        final.unlink()


def _forget(taken: list[tuple[Path, Path | None]]) -> None:
    for _, earlier in taken:
        if earlier is not None:
            with contextlib.suppress(OSError):
                earlier.unlink()
