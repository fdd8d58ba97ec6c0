"""How a campaign reads its options and reports: a short table, and a JSON file for the page on reliability."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / ".build" / "reliability"


def read_options(about: str | None, only: bool = False, **numbers: tuple[float, str]) -> argparse.Namespace:
    """Read the command line: numbers with their default and help, and with ``only`` ids of algorithms."""
    parser = argparse.ArgumentParser(description=about)
    for name, (default, text) in {**numbers, "seed": (1, "of chance")}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=text)
    if only:
        parser.add_argument("--only", nargs="*", default=[], help="ids of algorithms, all by default")
    return parser.parse_args()


class Report:
    def __init__(self, name: str, **counts: Any) -> None:
        self.name, self.begun = name, time.monotonic()
        self.counts: dict[str, Any] = counts
        self.failures: list[dict[str, Any]] = []

    def note(self, case: str, wrong: Sequence[str], told: str = "") -> None:
        """Print a case and keep what is wrong with it."""
        self.failures += [{"case": case, "wrong": text} for text in wrong]
        print(f"{case}: {'; '.join(wrong) or 'as it should be'}{told and f' ({told})'}", flush=True)

    def finish(self, **more: Any) -> int:
        """Print and write everything; the exit status is 0 only without failures."""
        seconds, width = time.monotonic() - self.begun, max(map(len, self.counts), default=0)
        for what, number in self.counts.items():
            print(f"{what:<{width}}  {number:>12,}" if isinstance(number, int) else f"{what:<{width}}  {number:>12}")
        for failure in self.failures:
            print("FAILED ", ", ".join(f"{key} {value}" for key, value in failure.items()))
        print(f"{self.name}: {len(self.failures)} failures in {seconds:,.0f} s")
        FOLDER.mkdir(parents=True, exist_ok=True)
        when = {"when": time.strftime("%Y-%m-%d"), "machine": machine()}
        found = {"counts": self.counts, "failures": self.failures, "seconds": round(seconds, 1)}
        content = json.dumps({"name": self.name, **when, **found, **more}, indent=1, ensure_ascii=False)
        (FOLDER / f"{self.name}.json").write_text(f"{content}\n", encoding="utf-8")
        return 1 if self.failures else 0


def machine() -> dict[str, Any]:
    """Return what it ran on; QGIS only where it was used."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError, AttributeError):
        name = platform.system()  # AttributeError: before Python 3.10
    system = f"{name}, {platform.machine()}"
    found = {"system": system, "python": platform.python_version(), "cores": os.cpu_count()}
    if "qgis.core" in sys.modules:
        found["qgis"] = sys.modules["qgis.core"].Qgis.QGIS_VERSION
    return found
