"""Starts the process that computes: ``python -I -X utf8 start.py FOLDER``, with the line on stdin and stdout.

Run as a file by a Python that knows nothing of Scarp. The package is made known by its place, not through the folder
above it, in which other plugins lie.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path

PACKAGE = "scarp"
NICENESS = 5
"""By how much the process steps back; what else is idle it has all the same."""
ROOT = Path(__file__).resolve().parent.parent.parent


def main(folder: Path) -> None:
    """Take the line for messages alone, find the package, and serve.

    Args:
        folder: private to this run.
    """
    # Whatever a library prints goes to stderr, and none of them can read the calls.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # The window goes first where both want the processor. On Windows QGIS sets it when it starts the process.
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # A crash leaves on stderr where it happened.
    faulthandler.enable()
    search_path = folder / "search_path.json"
    if search_path.is_file():
        sys.path[:] = json.loads(search_path.read_text(encoding="utf-8"))
    spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{PACKAGE}.model.worker.server").serve(incoming, outgoing, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
