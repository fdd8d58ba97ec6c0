"""Tiles that are done, kept on disk until the map is: a run that was stopped goes on where it was.

Each tile is a file of its own, written under another name and then renamed, so what is there is whole. The folder's
name is made of all that the tiles depend on; the content of large inputs is checked by a hash that is computed while
the tiles are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Iterator, Mapping

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import OutputNotWritable
from ..files import checksum, scarp_version
from ..json_text import parse_json, read_json

FACTS, CHECKSUM = "facts", "checksum"
HASHES = "inputs.json"
FOLDERS = ".scarp-*.unfinished"
"""Names of all such folders."""


class Parts:
    """The folder of a run's tiles."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Name the folder; nothing is written yet.

        Args:
            folder: in which it lies, that of the output.
            settings: all that the tiles depend on, but for the content of large files; JSON-able.
        """
        text = json.dumps({"scarp": scarp_version(), **settings}, sort_keys=True, default=str)
        self.path = folder / f".scarp-{hashlib.sha256(text.encode()).hexdigest()[:20]}.unfinished"

    @property
    def begun(self) -> bool:
        """Whether an earlier run left something."""
        return self.path.is_dir()

    def hashes(self) -> dict[str, str]:
        """Return the hashes of the inputs from which the tiles there were computed; empty when nobody knows."""
        try:
            content = read_json(self.path / HASHES)
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in content.items()} if isinstance(content, dict) else {}

    def begin(self) -> None:
        """Make the folder.

        Raises:
            OutputNotWritable: it cannot be made.
        """
        with _about(self.path):
            self.path.mkdir(exist_ok=True)

    def state(self, hashes: Mapping[str, str]) -> None:
        """Write down the hashes of the inputs."""
        self._write(self.path / HASHES, json.dumps(dict(hashes)).encode())

    def save(self, number: int, arrays: Mapping[str, np.ndarray | None], facts: Mapping[str, Any]) -> None:
        """Keep a tile, whole or not at all.

        Args:
            number: of the tile.
            arrays: by name; those that are ``None`` are left out.
            facts: plain numbers by name, JSON-able.

        Raises:
            OutputNotWritable: it cannot be written.
        """
        present = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
        told = {FACTS: json.dumps(dict(facts)), CHECKSUM: str(checksum(present))}
        self._write(self._file(number), save(present, metadata=told))

    def load(self, number: int, shapes: Mapping[str, tuple[int, int]]) -> tuple[dict[str, np.ndarray], dict] | None:
        """Return a tile's arrays and facts; ``None`` when it is not there or is not what it should be.

        Args:
            number: of the tile.
            shapes: of the arrays by name.
        """
        try:
            with safe_open(str(self._file(number)), framework="np") as stream:
                told = stream.metadata() or {}
                facts = parse_json(told.get(FACTS, "null"))
                arrays = {name: stream.get_tensor(name) for name in stream.keys()}
        except (SafetensorError, OSError, ValueError):
            return None
        if not isinstance(facts, dict) or {name: array.shape for name, array in arrays.items()} != dict(shapes):
            return None
        # After a power failure a file may have its size and not its content.
        return (arrays, facts) if told.get(CHECKSUM) == str(checksum(arrays)) else None

    def known(self) -> set[int]:
        """Return the numbers of the tiles there."""
        found = set()
        for item in self.path.glob("*.tile"):
            with contextlib.suppress(ValueError):
                found.add(int(item.stem))
        return found

    def remove(self) -> None:
        """Remove the folder with all in it."""
        # Under another name first, so that half of it is never taken for a whole.
        gone = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(OSError):
            self.path.rename(gone)
        for leftover in (gone, self.path):
            shutil.rmtree(leftover, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what runs that were killed while they removed their tiles have left in the folder."""
        for gone in self.path.parent.glob(f"{FOLDERS}.????????"):
            shutil.rmtree(gone, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.path / f"{number}.tile"

    def _write(self, final: Path, content: bytes) -> None:
        temporary = final.with_name(f"{final.name}.{uuid.uuid4().hex[:8]}")
        with _about(final):
            try:
                temporary.write_bytes(content)
                os.replace(temporary, final)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritable(f"{path} could not be written: {error.strerror or error}. Tiles that are done are kept "
                                "there until the map is complete. Check that the disk has room.") from error
