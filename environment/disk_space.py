"""Room on the disk and in the length of paths."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from .builds import Build
from .i18n import tr
from .sources import SourceKind

GIGABYTE = 1e9
LONGEST_RELATIVE_PATH = 192
"""Characters of the longest path within an environment: 189 in torch 2.13, among its licences."""
WINDOWS_LIMIT = 259
RESERVED_GIGABYTES = 0.3
"""Gigabytes that stay free on the disk."""


def needed(build: Build, kind: SourceKind) -> float:
    """Return the gigabytes that installing takes at its height: what is loaded lies beside what is unpacked."""
    return build.installed + RESERVED_GIGABYTES + (0 if kind is SourceKind.FOLDER else build.download)


def free(folder: Path) -> float:
    """Return the gigabytes that are free where a folder is or will be."""
    return shutil.disk_usage(existing(folder)).free / GIGABYTE


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    for path in (folder, *folder.parents):
        if path.is_dir():
            return path
    return Path(os.sep)


def problem(folder: Path, gigabytes: float) -> str | None:
    """Say that there is too little room on the disk, or return None."""
    left = free(folder)
    if left >= gigabytes:
        return None
    return tr(
        "{needed:.1f} GB are needed and {left:.1f} GB are free on the disk of {folder}. Make room, or choose a "
        "folder on another disk."
    ).format(needed=gigabytes, left=left, folder=folder)


def path_problem(folder: Path, platform: str = sys.platform, long_paths: bool | None = None) -> str | None:
    """Say that paths in the environment get too long for Windows, or return None.

    Args:
        folder: of the environment.
        platform: as ``sys.platform``.
        long_paths: whether Windows allows long paths; looked up unless given.
    """
    length = len(str(folder)) + 1 + LONGEST_RELATIVE_PATH
    if platform != "win32" or length <= WINDOWS_LIMIT:
        return None
    if _long_paths_allowed() if long_paths is None else long_paths:
        return None
    return tr(
        "The folder's path is {length} characters long. Windows allows {allowed} here, because files of torch "
        "lie deep. Choose a shorter one, such as C:\\scarp."
    ).format(length=len(str(folder)), allowed=WINDOWS_LIMIT - 1 - LONGEST_RELATIVE_PATH)


def size(*folders: Path) -> int:
    """Return the bytes of all files below folders, without following links."""
    total = 0
    pending = [str(folder) for folder in folders]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            # A folder or file that pip has just taken away.
            continue
    return total


class SizeMeter:
    """Measures folders that grow, seldom enough not to cost anything."""

    SHARE = 0.05
    """Of the time that may be spent on measuring."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self.bytes = 0
        self._next = 0.0

    def look(self) -> bool:
        """Measure when it is time to; return whether it was."""
        now = time.monotonic()
        if now < self._next:
            return False
        self.bytes = size(*self.folders)
        ended = time.monotonic()
        self._next = ended + max(1.0, (ended - now) / self.SHARE)
        return True


def _long_paths_allowed() -> bool:
    """Return whether Windows allows paths of more than 259 characters to programs that ask, as Python does."""
    try:
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except (ImportError, OSError):
        return False
