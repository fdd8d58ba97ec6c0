"""How a campaign tells what it found: a short table, and a JSON file that the page on reliability is made from."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / ".build" / "reliability"


def tell(
    name: str, counts: Mapping[str, Any], failures: Sequence[Mapping[str, Any]], seconds: float, **more: Any
) -> int:
    """Print what a campaign found and write it.

    Args:
        name: of the campaign.
        counts: what was done, in the order to show.
        failures: what went wrong, each with words of its own.
        seconds: that it took.
        **more: further entries of the file.

    Returns:
        The exit status: 0 only without failures.
    """
    width = max(map(len, counts), default=0)
    for what, number in counts.items():
        print(f"{what:<{width}}  {number:>12,}" if isinstance(number, int) else f"{what:<{width}}  {number:>12}")
    for failure in failures:
        print("FAILED ", ", ".join(f"{key} {value}" for key, value in failure.items()))
    print(f"{name}: {len(failures)} failures in {seconds:,.0f} s")
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {
            "name": name,
            "when": time.strftime("%Y-%m-%d"),
            "machine": machine(),
            "counts": dict(counts),
            "failures": list(failures),
            "seconds": round(seconds, 1),
            **more,
        },
        indent=1,
        ensure_ascii=False,
    )
    (FOLDER / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    return 1 if failures else 0


def machine() -> dict[str, Any]:
    """Return what it ran on; QGIS only where it was used."""
    found = {"system": _system(), "python": platform.python_version(), "cores": os.cpu_count()}
    if "qgis.core" in sys.modules:
        found["qgis"] = sys.modules["qgis.core"].Qgis.QGIS_VERSION
    return found


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError, AttributeError):
        # AttributeError: before Python 3.10.
        name = platform.system()
    return f"{name}, {platform.machine()}"
