"""Finished tiles, kept on disk until the map is complete, so that a run that was stopped can be resumed.

Each tile is a file of its own, renamed into place when complete. The folder's name is a hash of all that the tiles
depend on; the content of large inputs is checked by a hash that is computed beside the tiles.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import OutputNotWritable
from ..inputs.vectors import Polygons
from ..outputs.run_record import RunRecord, checksum, scarp_version
from ..outputs.transaction import replace
from ..progress import Progress
from ..safe_json import parse_json, read_json

FACTS, CHECKSUM = "facts", "checksum"
HASHES = "inputs.json"
FOLDER_PATTERN = ".scarp-*.unfinished"  # names of all such folders


class TileCache:
    """The folder of a run's tiles."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Choose a path in the output's folder by ``settings``: all that tiles depend on but the stack's content."""
        text = json.dumps({"scarp": scarp_version(), **settings}, sort_keys=True, default=str)
        self.path = folder / f".scarp-{hashlib.sha256(text.encode()).hexdigest()[:20]}.unfinished"

    def hashes(self) -> dict[str, str]:
        """Return the hashes of the inputs from which the cached tiles were computed; empty if not known."""
        try:
            content = read_json(self.path / HASHES)
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in content.items()} if isinstance(content, dict) else {}

    def begin(self) -> None:
        """Create the folder; raises :class:`OutputNotWritable`."""
        with _explain_os_errors(self.path):
            self.path.mkdir(exist_ok=True)

    def set_hashes(self, hashes: Mapping[str, str]) -> None:
        """Store the hashes of the inputs."""
        self._write(self.path / HASHES, json.dumps(dict(hashes)).encode())

    def save(self, number: int, arrays: Mapping[str, np.ndarray | None], facts: Mapping[str, Any]) -> None:
        """Write a tile atomically, without arrays that are ``None``; facts are JSON-able. Raises OutputNotWritable."""
        present = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
        file_metadata = {FACTS: json.dumps(dict(facts)), CHECKSUM: str(checksum(present))}
        self._write(self._file(number), save(present, metadata=file_metadata))

    def load(self, number: int, shapes: Mapping[str, tuple[int, int]]) -> tuple[dict[str, np.ndarray], dict] | None:
        """Return a tile's arrays and facts; ``None`` if it is missing, damaged or of other shapes."""
        try:
            with safe_open(str(self._file(number)), framework="np") as stream:
                file_metadata = stream.metadata() or {}
                facts = parse_json(file_metadata.get(FACTS, "null"))
                names = stream.keys()
                arrays = {name: stream.get_tensor(name) for name in names}
        except (SafetensorError, OSError, ValueError):
            return None
        if not isinstance(facts, dict) or {name: array.shape for name, array in arrays.items()} != dict(shapes):
            return None
        # After a power failure a file may have its size and not its content.
        return (arrays, facts) if file_metadata.get(CHECKSUM) == str(checksum(arrays)) else None

    def known(self) -> set[int]:
        """Return the numbers of the cached tiles."""
        return {int(item.stem) for item in self.path.glob("*.tile") if item.stem.isdecimal()}

    def remove(self) -> None:
        """Remove the folder with its content."""
        # Renamed first, so that half a cache is never taken for a whole one.
        gone = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(OSError):
            self.path.rename(gone)
        for leftover in (gone, self.path):
            shutil.rmtree(leftover, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.path / f"{number}.tile"

    def _write(self, final: Path, content: bytes) -> None:
        temporary = final.with_name(f"{final.name}.{uuid.uuid4().hex[:8]}")
        with _explain_os_errors(final):
            try:
                temporary.write_bytes(content)
                replace(temporary, final)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()


@contextlib.contextmanager
def _explain_os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritable(
            f"{path} could not be written: {error.strerror or error}. Tiles that are done are kept "
            "there until the map is complete. Check that the disk has room."
        ) from error


def tile_cache_for(
    output: str | os.PathLike, stack: str | os.PathLike, area: Polygons | None, settings: Mapping[str, Any]
) -> TileCache | None:
    """Return the tile cache of a run beside its output, by inputs and settings; ``None`` if the stack is no file."""
    # The stack is known by path, size and time here, and by its hash in resuming.
    if not os.path.isfile(stack):
        return None
    found = os.stat(stack)
    identity = [str(Path(stack).absolute()), found.st_size, found.st_mtime_ns]
    return TileCache(Path(output).absolute().parent, {"stack": identity, "area": _digest(area), **settings})


@contextlib.contextmanager
def resuming(cache: TileCache, record: RunRecord, progress: Progress) -> Iterator[None]:
    """Keep the tiles of a run that is stopped, and remove them when the map is complete; reports what is kept."""
    # What runs that were killed while removing their tiles have left in the folder.
    for gone in cache.path.parent.glob(f"{FOLDER_PATTERN}.????????"):
        shutil.rmtree(gone, ignore_errors=True)
    if cache.path.is_dir():
        progress.report(0.02, "An earlier run of this prediction was stopped; checking that its inputs were the same.")
        if cache.hashes() != _hashes(record.inputs() or {}):
            cache.remove()
    for other in sorted(cache.path.parent.glob(FOLDER_PATTERN)):
        if other != cache.path:
            text = f"{other} holds tiles of another prediction that was stopped."
            progress.report(0.02, f"{text} Delete it if you do not want to resume that one.")
    cache.begin()
    record.on_inputs_known(lambda inputs: cache.set_hashes(_hashes(inputs)))
    try:
        yield
    except BaseException:
        if kept := len(cache.known()):
            how = "Start again with the same inputs and an output in the same folder to resume, or delete the folder."
            progress.report(0.99, f"{kept:,} tiles are kept in {cache.path}. {how}")
        else:
            cache.remove()
        raise
    cache.remove()


def _hashes(inputs: dict[str, Any]) -> dict[str, str]:
    """Return the hash of the stack, by far the largest input; the others are part of the folder's name."""
    return {"STACK": str(inputs.get("STACK", {}).get("sha256"))}


def _digest(area: Polygons | None) -> str:
    if area is None:
        return ""
    text = json.dumps(area.geometries, sort_keys=True, default=lambda array: array.tolist())
    return hashlib.sha256(text.encode()).hexdigest()
