"""Makes the process that computes fall ill: ``./run python tests/reliability/faults_worker.py [--rounds 2]``."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from scarp.tests.qgis.study import begin, make_area, make_chain
from scarp.tests.reliability.results import Report, read_options
from scarp.tests.reliability.steps import steps
from scarp.tests.reliability.wholeness import what_is_wrong
from scarp.tests.reliability.worker_cases import FAULTS, Illness, begin_processes, suffer

LONG = (
    *("trainpcum", "traincomparisonmodel", "predictsusceptibility", "validatewithpoints", "crossvalidate"),
    "explainsusceptibility",
)
"""What takes long with real data, and so is most likely to be under way when something happens."""


def main() -> int:
    options = read_options(__doc__, rounds=(2, "times that each fault strikes each job"))
    chance = random.Random(options.seed)
    report = Report("faults_worker", faults=0, jobs=len(LONG))
    report.counts |= dict.fromkeys((*FAULTS, "too late to count", "next run went well"), 0)
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
                late = wrong == ["too late"]
                for what in ("too late to count",) if late else ("faults", fault):
                    report.counts[what] += 1
                report.note(str(case), [] if late else wrong, "too late" if late else "")
                shutil.rmtree(place)
            out = folder / "next"
            out.mkdir()
            run(algorithm, **known[algorithm].parameters(out))
            broken = [path.name for path in out.iterdir() if what_is_wrong(path)]
            report.counts["next run went well"] += not broken
            report.note(f"{algorithm}, the next run", [f"{path} is not whole" for path in broken])
            shutil.rmtree(out)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
