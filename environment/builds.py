"""Builds of torch and versions of the libraries for each computer (lists in ``resources``), and its NVIDIA cards."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .i18n import tr
from .processes import capture_output

RESOURCES = Path(__file__).resolve().parent.parent / "resources" / "environment"
LIBRARIES = RESOURCES / "libraries.txt"

OLDEST, NEWEST = (3, 9), (3, 14)  # Python versions for which the lists have builds
CPU = "cpu"
BUILD_OF_SOURCE = "offered"  # whatever build of torch the source has; the only choice where the user chooses the source
GPU_FIELDS = "name,driver_version,memory.total"


@dataclass(frozen=True)
class Card:
    """A graphics card."""

    name: str
    driver: str
    memory: str = ""
    capability: float | None = None  # compute capability; None when the driver is too old to report it


def cards() -> list[Card]:
    """Return the NVIDIA cards; empty without a card or driver."""
    program = shutil.which("nvidia-smi")
    if program is None and sys.platform == "win32":
        # Drivers before 2019 put it in a folder that is not in PATH.
        program = os.path.join(os.environ.get("PROGRAMFILES", ""), "NVIDIA Corporation", "NVSMI", "nvidia-smi.exe")
    # Old drivers do not know the compute capability.
    for fields in (f"{GPU_FIELDS},compute_cap", GPU_FIELDS) if program else ():
        code, text = capture_output([str(program), f"--query-gpu={fields}", "--format=csv,noheader"], seconds=20)
        if code == 0:
            return parse(text)
    return []


def parse(text: str) -> list[Card]:
    """Parse the output of ``nvidia-smi --format=csv,noheader``."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) < 3 or not cells[1][:1].isdigit():
            continue
        capability = None
        with contextlib.suppress(ValueError, IndexError):
            capability = float(cells[3])
        found.append(Card(cells[0], cells[1], cells[2], capability))
    return found


@dataclass(frozen=True)
class Target:
    """The Python version and computer that an environment is for; fields as ``sys`` and ``platform`` have them."""

    version: tuple[int, ...]
    platform: str
    machine: str

    @property
    def systems(self) -> tuple[str, str]:
        """The names of the system in ``builds.json``: with any processor, and with this one."""
        machine = self.machine
        if self.platform == "darwin":
            machine = "x86_64" if machine in ("x86_64", "AMD64") else "arm64"
        return self.platform, f"{self.platform}-{machine}"


@dataclass(frozen=True)
class Build:
    """A build of torch; download size and size of the whole installed environment in gigabytes."""

    name: str
    download: float
    installed: float


def labels(target: Target | None = None) -> dict[str, str]:
    """Return the labels of the builds; on a Mac the only build also computes on Apple's graphics."""
    mac = target is not None and target.platform == "darwin"
    return {
        CPU: tr("For this Mac (processor and Apple graphics)") if mac else tr("Processor only (CPU)"),
        "cu126": tr("NVIDIA graphics card, CUDA 12.6"),
        "cu128": tr("NVIDIA graphics card, CUDA 12.8"),
        "cu130": tr("NVIDIA graphics card, CUDA 13.0"),
        BUILD_OF_SOURCE: tr("What the source offers"),
    }


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as text: ``3.12``."""
    return ".".join(map(str, version))


def torch_version(target: Target) -> str | None:
    """Return the version of torch for a computer, None when there is none."""
    return (_torch_entry(target) or {}).get("torch")


def problem(target: Target) -> str | None:
    """Return an error text when there are no libraries for a computer."""
    if not OLDEST <= target.version <= NEWEST:
        text = tr("Python {version} is not supported: Scarp's libraries exist for Python {oldest} to {newest}.")
        return text.format(version=dotted(target.version), oldest=dotted(OLDEST), newest=dotted(NEWEST))
    if _torch_entry(target):
        return None
    text = tr(
        "torch or rasterio does not exist for Python {version} on this computer ({system} {machine}). "
        "Choose another Python."
    )
    return text.format(version=dotted(target.version), system=target.platform, machine=target.machine)


def available(target: Target) -> list[Build]:
    """Return the builds of torch for a computer, whatever its graphics card."""
    entry = _torch_entry(target)
    table, with_cuda = _table()["builds"], target.platform != "darwin" and target.machine in ("x86_64", "AMD64")
    names = [name for name in entry["builds"] if with_cuda or name == CPU] if entry else []
    return [Build(name, table[name]["download"], table[name]["installed"]) for name in names]


def recommended(target: Target, cards: Sequence[Card]) -> str:
    """Return the newest CUDA build that the driver and one of the graphics cards can run, else the CPU build."""
    # A driver runs builds of its own major version of CUDA from the first release on (NVIDIA, CUDA Compatibility,
    # "minor version compatibility"); the cards that a build of torch has code for are in PyTorch's RELEASE.md.
    table = _table()["builds"]
    names = [build.name for build in available(target) if "driver" in table[build.name]]
    suitable = [name for name in names if any(_supports(table[name], card, target) for card in cards)]
    return suitable[-1] if suitable else CPU


def requirement_of_torch(target: Target, build: str) -> str:
    """Return pip's requirement for a build of torch."""
    plain = build == BUILD_OF_SOURCE or target.platform == "darwin"
    return f"torch=={torch_version(target)}" + ("" if plain else f"+{build}")


def index_of_torch(build: str) -> str:
    """Return the address of PyTorch's own index for a build."""
    return str(_table()["index"]).format(build=build)


@lru_cache(maxsize=1)
def requirements_hash() -> str:
    """Return a hash of what the lists ask for, without their comments."""
    lines = map(str.strip, LIBRARIES.read_text(encoding="utf-8").splitlines())
    wanted = [line for line in lines if line and not line.startswith("#")]
    return hashlib.sha256(json.dumps([wanted, _table()["torch"]], sort_keys=True).encode()).hexdigest()[:16]


def _supports(build: dict[str, Any], card: Card, target: Target) -> bool:
    needed = build["driver"].get(target.platform)
    if needed is None or _numbers(card.driver) < _numbers(needed):
        return False
    lowest, highest = build["capability"]
    # Old drivers do not report the capability: then the driver version alone decides.
    return card.capability is None or lowest <= card.capability <= highest


def _torch_entry(target: Target) -> dict[str, Any] | None:
    for entry in _table()["torch"]:
        oldest, newest = (_numbers(text) for text in entry["python"])
        if set(target.systems) & set(entry["systems"]) and oldest <= list(target.version) <= newest:
            return entry
    return None


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return json.loads((RESOURCES / "builds.json").read_text(encoding="utf-8"))
