"""Runs whose process falls ill in the middle, and what must hold afterwards."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scarp.running import process
from scarp.tests.qgis.study import Runner
from scarp.tests.qgis.tiny import Listener
from scarp.tests.reliability.steps import Step
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
    """A fault at a moment."""

    algorithm: str
    fault: str
    share: float  # of the job that is done by then
    older: bool  # whether older results lie under the names

    def __str__(self) -> str:
        return f"{self.algorithm}, {self.fault} at {self.share:.0%}{', older results there' if self.older else ''}"


@contextmanager
def sick(fault: str, share: float, struck: Path) -> Iterator[None]:
    """Have processes start with a fault in them."""
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


def begin_processes() -> None:
    """Have runs compute in a process of their own from now on, with this Python."""
    os.environ.update({"SCARP_RUN": "process", "SCARP_PYTHON": sys.executable})


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
    wrong += [
        f"left {name}: {what_is_wrong(out / name) or 'whole, of a run that failed'}"
        for name in sorted(set(contents(out)) - set(before))
        if not name.startswith(("state.", "."))
    ]
    return wrong


def contents(folder: Path) -> dict[str, bytes]:
    """Return what the files of a folder hold, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
