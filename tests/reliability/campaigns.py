"""The long campaigns: ``./run reliability [NAME ...]`` runs all or those named and writes docs/reliability.md anew."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = (
    *("bad_input", "properties", "fuzz_models", "fuzz_records", "fuzz_rasters", "fuzz_layers", "fuzz_vectors"),
    *("faults_kill", "faults_same_output", "faults_disk_full", "faults_worker", "load"),
)
"""Each leaves ``.build/reliability/NAME.json``; in the order of the page."""
WINE = "wine"  # the tests of the core on a Windows Python, which are none of the page
ALL = (*NAMES, WINE)


def command(name: str) -> list[str]:
    """Return the command of a campaign: a script in this folder of its name, or ``fuzzing.py`` and the name."""
    if name == WINE:
        return [str(HERE.parent / "wine.sh")]
    script = "fuzzing.py" if name.startswith("fuzz_") else f"{name}.py"
    return [sys.executable, str(HERE / script), *([name] if name.startswith("fuzz_") else [])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(ALL)}; all by default")
    named = parser.parse_args().names
    names = named or ALL
    unknown = [name for name in names if name not in ALL]
    if unknown:
        parser.error(f"there is no campaign {', '.join(unknown)}. There are: {', '.join(ALL)}.")
    failed = []
    for name in names:
        print(f"{time.strftime('%H:%M')} {name} ...", flush=True)
        if subprocess.run(command(name), check=False).returncode:
            failed.append(name)
    page = subprocess.run([sys.executable, str(HERE.parents[1] / "tools" / "make_reliability.py")], check=False)
    if failed:
        print(f"Failures in: {', '.join(failed)}.")
    # Who asks for some of them may never have run the others; the page is then left as it is.
    return 1 if failed or (page.returncode and not named) else 0


if __name__ == "__main__":
    sys.exit(main())
