"""One end of the line between QGIS and the process that computes: a message is a line of JSON, and at times a file."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path
from typing import Any, BinaryIO, Callable

from ..errors import MessageInvalid
from .codec import Reader, Writer

CALL, CANCEL, ANSWER = "call", "cancel", "answer"
"""What QGIS sends: to run a job, to stop it, and what a function that the job called returned."""
PROGRESS, WARNING, FUNCTION, RESULT, ERROR = "progress", "warning", "function", "result", "error"
"""What the process sends: how far it is, a call of a function of QGIS's, and how the job ended."""
BEAT = "beat"
"""What the process sends now and then while a job says nothing: that it is there."""
SEARCH_PATH = "search_path.json"
"""File in the folder of a run with the places where the process is to look for libraries."""


class Channel:
    """Sends messages; may be used by several threads."""

    def __init__(self, stream: BinaryIO, folder: Path, name: str, records: bool) -> None:
        """Keep where messages go.

        Args:
            stream: where the lines are written.
            folder: private to the two ends, for the files beside messages.
            name: of this end, for the names of its files.
            records: whether results may be sent, see ``Writer``.
        """
        self._stream, self._folder, self._name, self._records = stream, folder, name, records
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def send(self, kind: str, content: Any = None) -> list[Callable[..., Any]]:
        """Send a message.

        Args:
            kind: one of the kinds above.
            content: anything that ``Writer`` knows.

        Returns:
            The functions in it, by their number in the message.

        Raises:
            MessageInvalid: the content holds what is not sent.
            OSError: the other end is gone, or the disk is full.
        """
        writer = Writer(self._records)
        message = {"kind": kind, "content": writer.encode(content, kind)}
        if writer.chunks:
            name = f"{self._name}{next(self._numbers)}.bin"
            writer.write(self._folder / name)
            message["file"] = name
        line = json.dumps(message).encode("ascii") + b"\n"
        with self._lock:
            self._stream.write(line)
            self._stream.flush()
        return writer.functions


def read_message(line: bytes, folder: Path, function: Callable[[int], Callable[..., Any]] | None = None
                 ) -> tuple[str, Any]:
    """Return kind and content of a message; the file beside it is deleted.

    Args:
        line: of JSON.
        folder: as in :class:`Channel`.
        function: see ``Reader``.

    Raises:
        MessageInvalid: it is no message.
    """
    try:
        message = json.loads(line)
        kind, name = str(message["kind"]), message.get("file")
        content = _take(folder, name) if name else b""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise MessageInvalid(f"A line between QGIS and the process that computes is no message ({error}).") from error
    return kind, Reader(content, function).decode(message.get("content"))


def _take(folder: Path, name: str) -> bytearray:
    """Return the content of a file of the folder, and delete it."""
    path = folder / name
    if path.parent != folder:
        raise ValueError(f"{name} is not in its folder")
    with open(path, "rb") as stream:
        content = bytearray(path.stat().st_size)
        stream.readinto(content)
    path.unlink()
    return content
