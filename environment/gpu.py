"""NVIDIA graphics cards of this computer, as their driver's own program tells."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass

from .processes import output_of

FIELDS = "name,driver_version,memory.total,compute_cap"
OLD_FIELDS = "name,driver_version,memory.total"


@dataclass(frozen=True)
class Card:
    """A graphics card."""

    name: str
    driver: str
    memory: str = ""
    capability: float | None = None
    """Compute capability, None when the driver is too old to tell."""


def cards() -> list[Card]:
    """Return the NVIDIA cards; empty when there is none or no driver."""
    program = _program()
    if program is None:
        return []
    for fields in (FIELDS, OLD_FIELDS):
        code, text = output_of([program, f"--query-gpu={fields}", "--format=csv,noheader"], seconds=20)
        if code == 0:
            return parse(text)
    return []


def parse(text: str) -> list[Card]:
    """Read the lines of ``nvidia-smi --format=csv,noheader``."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) < 3 or not cells[1][:1].isdigit():
            continue
        try:
            capability = float(cells[3]) if len(cells) > 3 else None
        except ValueError:
            capability = None
        found.append(Card(cells[0], cells[1], cells[2], capability))
    return found


def _program() -> str | None:
    found = shutil.which("nvidia-smi")
    if found or sys.platform != "win32":
        return found
    # Where drivers before 2019 put it, which is not in PATH.
    older = os.path.join(os.environ.get("PROGRAMFILES", ""), "NVIDIA Corporation", "NVSMI", "nvidia-smi.exe")
    return older if os.path.isfile(older) else None
