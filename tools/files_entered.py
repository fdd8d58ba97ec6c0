"""Count the files of the repository that one run of an algorithm enters: how many a reader opens to follow it.

Run it with ``./run python tools/files_entered.py validatewithpoints trainpcum predictsusceptibility``; ``--list`` names
the files. The core runs inside QGIS, on the tiny study area of the tests. A file counts when one of its functions is
entered; what happens once on import does not.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

os.environ["SCARP_RUN"] = "inside"

from scarp.tests.qgis.study import begin, completed, make_chain
from scarp.tests.qgis.tiny import TRAINING, make_area

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {".build", ".venv", "tests", "tools"}
"""Folders whose files do not count."""


class Trace:
    """Counts calls by file, in all threads, while the block runs."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def __enter__(self) -> Trace:
        threading.setprofile(self._count)
        sys.setprofile(self._count)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _count(self, frame: FrameType, event: str, argument: Any) -> None:
        # Bodies of modules and classes, which run on import, are not optimized code.
        if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            name = frame.f_code.co_filename
            self.calls[name] = self.calls.get(name, 0) + 1

    def files(self) -> dict[str, int]:
        """Return the calls by path within the repository."""
        found: dict[str, int] = {}
        for name, calls in self.calls.items():
            path = Path(name).resolve()
            if name.endswith(".py") and ROOT in path.parents and path.relative_to(ROOT).parts[0] not in OUTSIDE:
                place = path.relative_to(ROOT).as_posix()
                found[place] = found.get(place, 0) + calls
        return dict(sorted(found.items()))


def parameters(algorithm: str, area: Path, chain: dict[str, Path], folder: Path) -> dict[str, Any]:
    """Return a usual call: what is required, and the report where there is one."""
    from qgis.core import QgsApplication

    definition = QgsApplication.processingRegistry().createAlgorithmById(f"scarp:{algorithm}")
    names = {item.name() for item in definition.parameterDefinitions()}
    extra = {"REPEATS": 20, "OUTPUT_HTML": folder / "report.html", "OUTPUT_POINTS": folder / "points.gpkg"}
    if algorithm == "trainpcum":
        extra.update(TRAINING, SAFETY_FACTOR=chain["safety"])
    values = {name: value for name, value in extra.items() if name in names}
    return completed(definition, values, area, chain, folder)


def main() -> None:
    """Print a row for each algorithm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("algorithms", nargs="+", help="such as validatewithpoints")
    parser.add_argument("--list", action="store_true", help="name the files, with their calls")
    options = parser.parse_args()
    run = begin()
    with tempfile.TemporaryDirectory(prefix="scarp-files-") as name:
        area = Path(name) / "area"
        area.mkdir()
        make_area(area)
        chain = make_chain(Path(name), area, run)
        print("| algorithm | files entered | lines in them | calls |\n|---|---|---|---|")
        for algorithm in options.algorithms:
            values = parameters(algorithm, area, chain, Path(name))
            run(algorithm, **values)
            with Trace() as trace:
                run(algorithm, **values)
            files = trace.files()
            lines = sum(len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in files)
            print(f"| {algorithm} | {len(files)} | {lines:,} | {sum(files.values()):,} |")
            if options.list:
                print("\n".join(f"    {calls:>8,}  {file}" for file, calls in files.items()))


if __name__ == "__main__":
    main()
