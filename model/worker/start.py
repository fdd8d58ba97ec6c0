"""Start the worker process: ``python -I -X utf8 start.py FOLDER``, with the channel on stdin and stdout."""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = "scarp"
NICENESS = 5  # of the worker process
ROOT = Path(__file__).resolve().parent.parent.parent


def main(folder: Path, needs: Sequence[str] = ()) -> None:
    """Reserve stdin and stdout for messages, import the package, and serve; the folder is private to this run.

    ``needs`` are modules that the run needs.
    """
    # What libraries print goes to stderr, and none of them can read the messages.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # The window has priority. On Windows QGIS sets it when it starts the process.
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # A crash prints its traceback to stderr.
    faulthandler.enable()
    search_path = folder / "search_path.json"
    if search_path.is_file():
        sys.path[:] = json.loads(search_path.read_text(encoding="utf-8"))
    # By its path, not through the folder above it, which contains other plugins.
    spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{ROOT} is no package", name=PACKAGE)
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{PACKAGE}.model.worker.first_libraries").load_first(needs)
    importlib.import_module(f"{PACKAGE}.model.worker.server").serve(incoming, outgoing, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
