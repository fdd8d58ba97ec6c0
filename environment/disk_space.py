"""Free disk space, and Windows' limit on the length of paths."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from .builds import Build
from .i18n import tr
from .sources import SourceKind

GIGABYTE = 1e9
LONGEST_RELATIVE_PATH = 192  # characters of the longest path in an environment: 189 in torch 2.13, among its licences
WINDOWS_LIMIT = 259
RESERVED_GIGABYTES = 0.3  # disk space that stays free


def required_gigabytes(build: Build, kind: SourceKind) -> float:
    """Return the peak disk space of an installation: downloaded files lie beside the unpacked ones."""
    return build.installed + RESERVED_GIGABYTES + (0 if kind is SourceKind.FOLDER else build.download)


def free(folder: Path) -> float:
    """Return the free gigabytes where a folder is or will be."""
    return shutil.disk_usage(existing(folder)).free / GIGABYTE


def existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next((path for path in (folder, *folder.parents) if path.is_dir()), Path(os.sep))


def problem(folder: Path, gigabytes: float) -> str | None:
    """Return an error text when the disk of a folder has less free space."""
    left = free(folder)
    if left >= gigabytes:
        return None
    text = tr(
        "{needed:.1f} GB are needed and {left:.1f} GB are free on the disk of {folder}. Make room, or choose a folder "
        "on another disk."
    )
    return text.format(needed=gigabytes, left=left, folder=folder)


def path_problem(folder: Path, platform: str = sys.platform, long_paths: bool | None = None) -> str | None:
    """Return an error text for paths too long for Windows; ``long_paths``: whether it allows them, by default asked."""
    length = len(str(folder)) + 1 + LONGEST_RELATIVE_PATH
    if platform != "win32" or length <= WINDOWS_LIMIT or (_long_paths_allowed() if long_paths is None else long_paths):
        return None
    text = tr(
        "The folder's path is {length} characters long. Windows allows {allowed} here, because torch has deeply nested "
        "files. Choose a shorter one, such as C:\\scarp."
    )
    return text.format(length=len(str(folder)), allowed=WINDOWS_LIMIT - 1 - LONGEST_RELATIVE_PATH)


def size(*folders: Path) -> int:
    """Return the bytes of all files below folders, without following links."""
    total, pending = 0, list(map(str, folders))
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # pip has just removed it
    return total


def _long_paths_allowed() -> bool:
    """Return whether Windows allows long paths to programs that opt in, as Python does."""
    try:
        import winreg

        registry: Any = winreg
        with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(registry.QueryValueEx(key, "LongPathsEnabled")[0])
    except (ImportError, OSError):
        return False
