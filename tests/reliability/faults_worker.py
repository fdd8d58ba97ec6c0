"""Makes the process that computes fall ill: ``./run python tests/reliability/faults_worker.py [--rounds 2]``."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scarp.model.outputs.transaction import RECORD_SUFFIX
from scarp.running import process
from scarp.tests.qgis.study import Runner, begin
from scarp.tests.qgis.tiny import Listener
from scarp.tests.reliability.results import Report, read_options
from scarp.tests.reliability.steps import Step, make_steps
from scarp.tests.reliability.wholeness import temporaries, what_is_wrong

SICK = Path(__file__).resolve().with_name("sick_worker.py")
FAULTS = {
    "kill": "memory ran out",
    "segv": "crashed",
    "silent": "stopped responding",
    "garbage": "no message",
    "hang": "Cancelled",
    "memory": "out of memory",
}
"""What happens to the process, and what the user must read."""
SECONDS = 6.0  # longest time from the fault to the message; a second or two on a quiet machine
OLD = b"an older result"


@dataclass(frozen=True)
class Illness:
    algorithm: str
    fault: str
    share: float  # of the job that is done by then
    older: bool  # whether older results lie under the names

    def __str__(self) -> str:
        return f"{self.algorithm}, {self.fault} at {self.share:.0%}{', older results there' if self.older else ''}"


@contextmanager
def sick(fault: str, share: float, struck: Path) -> Iterator[None]:
    variables = {"SCARP_SICK": f"{fault}@{share}", "SCARP_STRUCK": str(struck)}
    before, process.WORKER_SCRIPT = process.WORKER_SCRIPT, SICK
    os.environ.update(variables)
    try:
        yield
    finally:
        process.WORKER_SCRIPT = before
        for name in variables:
            os.environ.pop(name, None)


class Waiting(Listener):
    """Cancels a run that says that its process does not answer."""

    def pushWarning(self, warning: str) -> None:
        super().pushWarning(warning)
        if "has not responded" in warning:
            self.cancel()


def suffer(
    case: Illness, step: Step, run: Runner, folder: Path, silence: float = 9.0, seconds: float = SECONDS
) -> list[str]:
    """Run a step whose process falls ill; return what is wrong, or ``too late`` when it was done before."""
    out, struck = folder / "out", folder / "struck"
    out.mkdir()
    if case.older:
        for name in step.outputs.values():
            if "." in name and not name.endswith(".ckpt"):
                (out / name).write_bytes(OLD)
                # Without a record the file would be someone else's, which no run replaces.
                record = json.dumps({"algorithm": f"scarp:{case.algorithm}"})
                (out / f"{name}{RECORD_SUFFIX}").write_text(record, encoding="utf-8")
    before = contents(out)
    patience, listener = process.HEARTBEAT_TIMEOUT, Listener()
    if case.fault == "hang":
        process.HEARTBEAT_TIMEOUT, listener = silence, Waiting()
    try:
        with sick(case.fault, case.share, struck):
            run(case.algorithm, listener, **step.parameters(out))
        return ["too late"] if not struck.exists() else ["went well in spite of the fault"]
    except Exception as error:
        took, message = time.time() - float(struck.read_text()) if struck.exists() else 0.0, str(error)
    finally:
        process.HEARTBEAT_TIMEOUT = patience
    wrong = [f"left {name}" for name in temporaries(out)]
    limit = seconds + (silence + process.CANCEL_TIMEOUT if case.fault == "hang" else 0.0)
    if took > limit:
        wrong.append(f"told after {took:.1f} s")
    if FAULTS[case.fault] not in message:
        wrong.append(f"said: {message}")
    wrong += [f"{name} is not as it was" for name, content in before.items() if contents(out).get(name) != content]
    more = [name for name in sorted(set(contents(out)) - set(before)) if not name.startswith(("state.", "."))]
    return wrong + [f"left {name}: {what_is_wrong(out / name) or 'whole, of a run that failed'}" for name in more]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


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
        known = make_steps(folder, run)
        os.environ.update({"SCARP_RUN": "process", "SCARP_PYTHON": sys.executable})
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
