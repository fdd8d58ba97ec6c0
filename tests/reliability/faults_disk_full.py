"""Fills the disk in every file that a run writes: ``./run python tests/reliability/faults_disk_full.py [--sizes 12]``.

Needs an administrator's right to mount a small disk; the disk is only seen by this program.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scarp.tests.reliability import results
from scarp.tests.reliability.disk_cases import Case, Disk, cases_of, judge, play
from scarp.tests.reliability.forking import Lost, in_a_fork

SECONDS = 180.0
"""Longest time of a run; a hang is what takes longer. Many, since the machine may have much else to do."""
ALONE = "SCARP_OWN_MOUNTS"


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, default=12, help="sizes of the disk between nothing and enough")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="ids of algorithms, all by default")
    options = parser.parse_args()
    if not hasattr(os, "geteuid") or os.geteuid() or shutil.which("unshare") is None:
        print("faults_disk_full: skipped. Only an administrator of a Linux may mount a small disk.")
        return 0
    if os.environ.get(ALONE) != "1":
        # Whatever happens, nothing stays mounted.
        return subprocess.run(
            ["unshare", "--mount", sys.executable, *sys.argv], env={**os.environ, ALONE: "1"}, check=False
        ).returncode
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="scarp-disk-") as folder:
        counts, failures = _campaign(Path(folder), options.sizes, random.Random(options.seed), options.only)
    name = "faults_disk_full" if not options.only else "faults_disk_full_some"
    return results.tell(name, counts, failures, time.monotonic() - begun)


def _campaign(
    folder: Path, sizes: int, chance: random.Random, only: list[str]
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    disk = Disk(folder / "disk")
    try:
        return _all(disk, folder, cases_of(folder, disk, sizes, chance, only, SECONDS))
    finally:
        disk.remove()


def _all(disk: Disk, folder: Path, cases: list[Case]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    counts = {
        "runs": 0,
        "algorithms": len({case.algorithm for case in cases}),
        "disk filled, run refused": 0,
        "room enough, run went well": 0,
        "with older results": 0,
        "folder for temporary files full": 0,
        "history could not be written": 0,
        "in a process of its own": 0,
    }
    failures = []
    for number, case in enumerate(cases, 1):
        counts["runs"] += 1
        counts["with older results"] += case.older
        counts["folder for temporary files full"] += case.where == "temporary"
        counts["history could not be written"] += case.where == "state"
        counts["in a process of its own"] += case.process
        try:
            outcome = play(case, disk, folder, SECONDS)
            # Read by a process of its own: threads that reading starts must not be there when the next one forks.
            wrong = in_a_fork(lambda: judge(case, outcome, disk), SECONDS)
            told = outcome["error"] or "went well"
            counts["room enough, run went well" if outcome["error"] is None else "disk filled, run refused"] += 1
        except Lost as error:
            wrong = [str(error)]
            told = ""
        failures += [{"case": str(case), "wrong": text} for text in wrong]
        print(f"{number}/{len(cases)} {case}: {'; '.join(wrong) or 'as it should be'} ({told})", flush=True)
    return counts, failures


if __name__ == "__main__":
    sys.exit(main())
