"""The lock file: the allowed wheels by their hashes; and verification of wheels on disk."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .builds import RESOURCES

LOCK = RESOURCES / "libraries.lock"  # made by tools/make_lock.py; pip reads it as a list of requirements


@dataclass(frozen=True)
class WheelVerification:
    """Wheels in a folder, compared with the lock."""

    verified: list[Path]  # their hashes are in the lock
    other: list[Path]  # the lock has other files of that library
    unknown: list[Path]  # the lock does not have that library: torch, and what only its CUDA builds need

    def unmatched_files(self) -> list[Path]:
        """Return the other files of libraries without a verified file."""
        verified = {wheel_library(path) for path in self.verified}
        return [path for path in self.other if wheel_library(path) not in verified]


def read() -> dict[str, frozenset[str]]:
    """Return the allowed hashes by library."""
    allowed: dict[str, frozenset[str]] = defaultdict(frozenset)
    for line in LOCK.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        name, pinned, _ = line.partition("==")
        if pinned and not line.startswith("#"):
            allowed[_normalize_name(name)] |= set(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line))
    return dict(allowed)


def lines_of(file: Path, library: str) -> list[str]:
    """Return what a list of requirements says of one library, with the hashes if it is the lock."""
    lines = file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [line for line in lines if _normalize_name(line.partition("==")[0]) == library]


def compare(folder: Path) -> WheelVerification:
    """Compare all wheels in a folder with the lock. Those of torch are large, not in it, and not read."""
    allowed = read()
    found = WheelVerification([], [], [])
    for path in sorted(folder.glob("*.whl")):
        hashes = allowed.get(wheel_library(path))
        if hashes is None:
            found.unknown.append(path)
        elif _digest(path) in hashes:
            found.verified.append(path)
        else:
            found.other.append(path)
    return found


@lru_cache(maxsize=1)
def lock_hash() -> str:
    """Return a hash of the lock without its comments."""
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def wheel_library(wheel: Path) -> str:
    """Return the library of a wheel, normalised as indexes do."""
    return _normalize_name(wheel.name.partition("-")[0])


def _normalize_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _digest(path: Path) -> str:
    """Hash a file in blocks: wheels can be larger than the memory that is left."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
