"""Going on with a prediction that was stopped: when its tiles may be used, and when they are removed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Iterator, Mapping

from ..files import RunRecord
from ..inputs.vectors import Polygons
from ..progress import Progress
from .parts import FOLDERS, Parts


def parts_of(output: str | os.PathLike, stack: str | os.PathLike, area: Polygons | None, settings: Mapping[str, Any]
             ) -> Parts | None:
    """Return where the tiles of a run lie, beside its output; ``None`` when the stack is no file of which to know.

    Args:
        output: of the run.
        stack: known by path, size and time here, and by its hash in :func:`resuming`.
        area: to map.
        settings: all else that the tiles depend on, JSON-able.
    """
    if not os.path.isfile(stack):
        return None
    found = os.stat(stack)
    return Parts(Path(output).absolute().parent, {
        "stack": [str(Path(stack).absolute()), found.st_size, found.st_mtime_ns], "area": _digest(area), **settings})


@contextlib.contextmanager
def resuming(parts: Parts | None, record: RunRecord, progress: Progress) -> Iterator[None]:
    """Keep the tiles of a run that is stopped, and remove them when the map is complete.

    Args:
        parts: of this run; ``None`` to keep none.
        record: takes the hashes of the inputs in the background.
        progress: told what is kept and what lies about.
    """
    if parts is None:
        yield
        return
    parts.tidy()
    if parts.begun:
        progress.report(0.02, "An earlier run of this prediction was stopped; checking that its inputs were the same.")
        if parts.hashes() != _hashes(record.inputs() or {}):
            parts.remove()
    for other in sorted(parts.path.parent.glob(FOLDERS)):
        if other != parts.path:
            progress.report(0.02, f"{other} holds tiles of another prediction that was stopped. Delete it if you do "
                                  "not mean to go on with that.")
    parts.begin()
    record.when_known(lambda inputs: parts.state(_hashes(inputs)))
    try:
        yield
    except BaseException:
        kept = len(parts.known())
        if kept:
            progress.report(0.99, f"{kept:,} tiles are kept in {parts.path}. Start again with the same inputs and an "
                                  "output in the same folder to go on, or delete the folder.")
        else:
            parts.remove()
        raise
    parts.remove()


def _hashes(inputs: dict[str, Any]) -> dict[str, str]:
    """Return the hash of the stack, by far the largest input; the others are in the folder's name."""
    return {"STACK": str(inputs.get("STACK", {}).get("sha256"))}


def _digest(area: Polygons | None) -> str:
    """Return a hash of what is to be mapped."""
    if area is None:
        return ""
    text = json.dumps(area.geometries, sort_keys=True, default=lambda array: array.tolist())
    return hashlib.sha256(text.encode()).hexdigest()
