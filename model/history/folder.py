"""All histories of a folder, followed together, and files that were opened by hand."""

from __future__ import annotations

import os
import time
from pathlib import Path

from . import storage
from .reading import Follower


class HistoryFolder:
    """The histories of a folder: those that are there, and those that come."""

    def __init__(self, folder: str | os.PathLike) -> None:
        """Begin with an empty list.

        Args:
            folder: of the histories; it need not be there yet.
        """
        self.folder = Path(folder)
        self.followers: dict[str, Follower] = {}
        """By path."""
        self._opened: set[str] = set()

    def poll(self, seconds: float = 0.005) -> bool:
        """Look for new histories, and read on in those under way.

        Args:
            seconds: after which no further file is looked at; the next look begins with those left.

        Returns:
            Whether there was more to read than time.
        """
        until = time.monotonic() + seconds
        self._list()
        waiting = [item for item in self.followers.values() if not item.done]
        # Those looked at longest ago first, so that many files do not keep the last ones waiting.
        waiting.sort(key=lambda item: item.last_polled)
        for left, follower in zip(range(len(waiting) - 1, -1, -1), waiting):
            more = follower.poll()
            while more and time.monotonic() < until:
                more = follower.poll()
            if time.monotonic() >= until:
                return more or left > 0
        return False

    def add(self, follower: Follower) -> str:
        """Add a file that was opened by hand and return its key."""
        key = str(follower.path)
        self._opened.add(key)
        self.followers.setdefault(key, follower)
        return key

    def forget(self, key: str) -> None:
        """Take a training out of the list; its history is thrown away when it lies in the folder."""
        path = self.followers.pop(key).path
        self._opened.discard(key)
        if path.parent == self.folder:
            storage.remove(path)

    def _list(self) -> None:
        try:
            with os.scandir(self.folder) as items:
                found = {str(self.folder / item.name) for item in items if item.name.endswith(storage.SUFFIX)}
        except OSError:
            # Before the first training there is no folder.
            found = set()
        for key in set(self.followers) - found - self._opened:
            del self.followers[key]
        for key in found - set(self.followers):
            self.followers[key] = Follower(key)
