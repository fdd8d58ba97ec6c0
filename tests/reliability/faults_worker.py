"""Makes the process that computes fall ill: ``./run python tests/reliability/faults_worker.py [--rounds 2]``."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from scarp.tests.qgis.study import begin, make_area, make_chain
from scarp.tests.reliability import results
from scarp.tests.reliability.steps import steps
from scarp.tests.reliability.wholeness import what_is_wrong
from scarp.tests.reliability.worker_cases import FAULTS, Illness, begin_processes, suffer

LONG = (
    "trainpcum",
    "traincomparisonmodel",
    "predictsusceptibility",
    "validatewithpoints",
    "crossvalidate",
    "explainsusceptibility",
)
"""What takes long with real data, and so is most likely to be under way when something happens."""


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="times that each fault strikes each job")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, begun = random.Random(options.seed), time.monotonic()
    counts = {
        "faults": 0,
        "jobs": len(LONG),
        **dict.fromkeys(FAULTS, 0),
        "too late to count": 0,
        "next run went well": 0,
    }
    failures = []
    with tempfile.TemporaryDirectory(prefix="scarp-worker-") as name:
        folder = Path(name)
        os.environ["SCARP_STATE"] = str(folder / "state")
        run = begin()
        for place in ("area", "chain", "more"):
            (folder / place).mkdir()
        make_area(folder / "area")
        known = steps(folder / "area", make_chain(folder / "chain", folder / "area", run), run, folder / "more")
        begin_processes()
        for algorithm in LONG:
            for fault in [fault for fault in FAULTS for _ in range(options.rounds)]:
                case = Illness(algorithm, fault, chance.uniform(0.0, 0.9), chance.random() < 0.5)
                place = folder / "case"
                place.mkdir()
                wrong = suffer(case, known[algorithm], run, place)
                if wrong == ["too late"]:
                    counts["too late to count"] += 1
                else:
                    counts["faults"] += 1
                    counts[fault] += 1
                    failures += [{"case": str(case), "wrong": text} for text in wrong]
                print(f"{case}: {'; '.join(wrong) or 'as it should be'}", flush=True)
                shutil.rmtree(place)
            out = folder / "next"
            out.mkdir()
            run(algorithm, **known[algorithm].parameters(out))
            broken = [path.name for path in out.iterdir() if what_is_wrong(path)]
            counts["next run went well"] += not broken
            failures += [{"case": f"{algorithm}, the next run", "wrong": f"{path} is not whole"} for path in broken]
            shutil.rmtree(out)
    return results.tell("faults_worker", counts, failures, time.monotonic() - begun)


if __name__ == "__main__":
    sys.exit(main())
