"""The lock: which files the libraries may be, by their hashes; and wheels on disk held against it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .builds import RESOURCES
from .i18n import tr

LOCK = RESOURCES / "libraries.lock"
"""Made by ``tools/make_lock.py``; pip reads it as a list of requirements."""

MAX_NAMED_FILES = 12
"""Files that a message names; an ellipsis stands for more."""


@dataclass(frozen=True)
class WheelVerification:
    """Wheels in a folder, held against the lock."""

    verified: list[Path]
    """Their hashes are in the lock."""
    other: list[Path]
    """The lock has files of that name, and these are none of them."""
    unknown: list[Path]
    """The lock has nothing of that name: torch, and what only its CUDA builds need."""

    def unmatched_files(self) -> list[Path]:
        """Return those of the other files for which no verified one of the same name is there."""
        there = {wheel_library(path) for path in self.verified}
        return [path for path in self.other if wheel_library(path) not in there]


def read() -> dict[str, frozenset[str]]:
    """Return the hashes that the lock allows, by name of the library."""
    text = LOCK.read_text(encoding="utf-8").replace("\\\n", " ")
    allowed: dict[str, frozenset[str]] = {}
    for line in text.splitlines():
        name, pinned, _ = line.partition("==")
        if pinned and not line.startswith("#"):
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
            allowed[_normalize_name(name)] = allowed.get(_normalize_name(name), frozenset()).union(hashes)
    return allowed


def compare(folder: Path) -> WheelVerification:
    """Hold all wheels in a folder against the lock. Those of torch are large, not in it, and not read.

    Raises:
        OSError: a file cannot be read.
    """
    allowed = read()
    found = WheelVerification([], [], [])
    for path in sorted(folder.glob("*.whl")):
        if wheel_library(path) not in allowed:
            found.unknown.append(path)
        elif _file_sha256(path) in allowed[wheel_library(path)]:
            found.verified.append(path)
        else:
            found.other.append(path)
    return found


def verified_message(found: WheelVerification) -> str:
    """Say how many wheels were verified, for the log."""
    return tr("{count} of {all} wheels are files that Scarp's list of hashes knows.").format(
        count=len(found.verified), all=len(found.verified) + len(found.other) + len(found.unknown)
    )


def unverified_message(found: WheelVerification) -> str:
    """Name the wheels that were not verified, for the log of an installation from a source that the user chose."""
    others = [path.name for path in (*found.other, *found.unknown)]
    more = ["…"] if len(others) > MAX_NAMED_FILES else []
    return tr("Not known to it, and taken as they are, because you chose the source: {files}").format(
        files=", ".join([*others[:MAX_NAMED_FILES], *more])
    )


@lru_cache(maxsize=1)
def lock_hash() -> str:
    """Return a hash of what the lock allows."""
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def wheel_library(wheel: Path) -> str:
    """Return the library that a wheel is of, as indexes write it."""
    return _normalize_name(wheel.name.partition("-")[0])


def _normalize_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _file_sha256(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()
