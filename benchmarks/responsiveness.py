"""How long QGIS's window stands still while Scarp works, how soon Cancel works, and what starting the process costs.

    ./run python benchmarks/responsiveness.py FOLDER [--epochs 8] [--keep LOG]

FOLDER is what ``./run demo FOLDER`` leaves. A real QGIS window is opened under Xvfb with a fresh profile, once with
the core in a process of its own and once inside QGIS. Training, prediction and validation are started from their
dialogs, as from the Toolbox. A timer of 10 ms in the main thread says how long the window stood still: the longest
time between two of its ticks, beyond the 10 ms. The first row is a window that does nothing, so that what the machine
itself costs can be told. The seconds of a step that is cancelled are those from Cancel to the end. "Look at it" is what
a dialog does after each change: it looks for mistakes in what is filled in, which is to take less than 100 ms. At last
the demo project is loaded and all steps are run in the dock, which stays open.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

WINDOW = Path(__file__).resolve().with_name("responsiveness_window.py")
ORDERS = "SCARP_RESPONSIVENESS"
"""Environment variable with what the script in the window is to do."""
MODES = ("process", "inside")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what ./run demo left")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--only", default="", help="only steps with this in their name; some read what others write")
    parser.add_argument("--keep", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    rows = []
    for mode in options.modes:
        with tempfile.TemporaryDirectory() as scratch:
            found = in_a_window(options.folder.resolve(), Path(scratch), mode, options)
            rows += [{"mode": mode, **row} for row in found]
    if options.keep:
        options.keep.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"{'core':8} {'step':34} {'seconds':>8} {'longest pause (ms)':>19} {'at (s)':>7} {'over 100 ms':>12}")
    for row in rows:
        print(
            f"{row['mode']:8} {row['step']:34} {row['seconds']:8.2f} {row['longest']:19.0f} {row['at']:7.1f} "
            f"{row['over']:12d}"
        )


def in_a_window(folder: Path, scratch: Path, mode: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Open a window, have it do the steps, and return its rows."""
    orders = {
        "folder": str(folder),
        "scratch": str(scratch),
        "epochs": options.epochs,
        "only": options.only,
        "answer": str(scratch / "rows.json"),
    }
    variables = {
        **os.environ,
        "QGIS_CUSTOM_CONFIG_PATH": str(scratch / "profile"),
        "SCARP_RUN": mode,
        "SCARP_STATE": str(scratch / "state"),
        "HOME": str(scratch),  # the demo project goes into its documents
        ORDERS: json.dumps(orders),
    }
    variables.pop("QT_QPA_PLATFORM", None)
    # As for users: modules are compiled once. Run it twice after a change of the code.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    program = shutil.which("qgis.bin") or "qgis"
    subprocess.run(
        [
            "xvfb-run",
            "-a",
            "-s",
            "-screen 0 1500x950x24",
            program,
            "--nologo",
            "--noversioncheck",
            "--code",
            str(WINDOW),
        ],
        env=variables,
        check=False,
        timeout=900,
    )
    return json.loads((scratch / "rows.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
