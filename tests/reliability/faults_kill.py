"""Kills runs with SIGKILL: ``./run python tests/reliability/faults_kill.py [--kills 12] [--changes 10] [--seed 1]``.

Every algorithm is killed at random moments, more of them near its end, where files take their names, and before
changes of files among its outputs; half of the times, older results lie under the names. After each kill what lies
there is looked at, and the next run must give what an uninterrupted one gives.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scarp.tests.qgis.study import runner
from scarp.tests.reliability.forking import Lost, in_a_fork
from scarp.tests.reliability.results import Report, read_options
from scarp.tests.reliability.steps import Step, make_steps_in_a_fork
from scarp.tests.reliability.wholeness import fingerprint, temporaries, what_is_wrong

SECONDS = 240.0  # longest time of a run that is not killed
OLD = 1_000_000_000  # time of older results, in seconds since 1970, by which they are told from new ones
OTHERWISE: dict[str, dict[str, Any]] = {
    **{name: {"SEED": 2} for name in "createdemodata trainpcum traincomparisonmodel crossvalidate".split()},
    **{name: {"SEED": 2} for name in "validatewithpoints comparemodels explainsusceptibility auditmap".split()},
    "buildfactorstack": {"FAULT_RADIUS": 900},
    "checkfactors": {"LABELS": None},
    "buildbufferedlabels": {"RADII": "large,240,small,90,unrecorded,60"},
    "buildsafetyfactor": {"ALPHA": 0.6},
    "predictsusceptibility": {"SAMPLES": 3},
    "classifyzones": {"METHOD": "natural_breaks"},
    "buildslopeunits": {"MIN_AREA": 90_000},
    "aggregatesusceptibility": {"THRESHOLD": 0.3},
    "rainfallthresholds": {"DRY_DAYS": 3},
    "rainfallwarning": {"K": 0.02},
}
"""What makes other results of the same names, as an earlier run may have left them. A repetition never overwrites."""
_CHANGES = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir")


@dataclass
class Known:
    """A step and what it gives when nobody kills it."""

    step: Step
    seconds: float
    changes: int  # times that it makes, renames or removes a file or folder among its outputs
    new: dict[str, str]  # fingerprints by name, of files that are the same in every run; empty text for the others
    old: dict[str, str]


class Kills:
    """A folder with inputs, references and the outputs of the run at hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        os.environ["SCARP_STATE"] = str(folder / "state")
        self.steps = make_steps_in_a_fork(folder, 2 * SECONDS)

    def learn(self, name: str) -> Known:
        """Run a step three times, once in another way, and keep what it gave."""
        step = self.steps[name]
        self._clear()
        seconds, changes = self.whole(name)
        first = self.contents()
        self._clear()
        self.whole(name)
        second = self.contents()
        new = {path: text if text == second.get(path) else "" for path, text in first.items()}
        old: dict[str, str] = {}
        if name in OTHERWISE:
            self._clear()
            self.whole(name, OTHERWISE[name])
            # Where a training of other settings stood is refused, and rightly.
            (self.out / "state.ckpt").unlink(missing_ok=True)
            for path in self.out.rglob("*"):
                os.utime(path, (OLD, OLD))
            old = self.contents()
            shutil.rmtree(self.older(name), ignore_errors=True)
            shutil.copytree(self.out, self.older(name))
        return Known(step, seconds, changes, new, old)

    def older(self, name: str) -> Path:
        return self.folder / "older" / name

    def begin(self, name: str, older: bool) -> None:
        self._clear()
        if older:
            shutil.copytree(self.older(name), self.out, dirs_exist_ok=True)

    def whole(self, name: str, other: dict[str, Any] | None = None) -> tuple[float, int]:
        """Run a step to its end; return the seconds it took and how often it changed files among its outputs."""

        def work() -> tuple[float, int]:
            changes = self._watch(None)
            begun = time.monotonic()
            self.run_here(name, other or {})
            return time.monotonic() - begun, changes[0]

        return tuple(in_a_fork(work, SECONDS))

    def kill(self, name: str, seconds: float | None = None, change: int | None = None) -> bool:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, 1)
                os.dup2(nothing, 2)
                self._watch(change)
                self.run_here(name, {})
            finally:
                os._exit(0)
        others: list[int] = []
        if seconds is not None:
            time.sleep(seconds)
            others = _children(child)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        _wait_for(others)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def judge(self, known: Known, older: bool) -> list[str]:
        return in_a_fork(lambda: self._judge(known, older), SECONDS)

    def again(self, name: str, known: Known) -> list[str]:
        """Run a step that was killed once more, and return what is not as if it had not been."""
        try:
            self._whole_when_free(name)
        except Lost as error:
            if "holds files that the repetition would write over" not in str(error):
                return [f"the next run failed: {error}"]
            # It says so, and what lies there is whole; in a new folder it can be made again.
            shutil.rmtree(self.out / "again")
            self.whole(name)
        return in_a_fork(lambda: self._like_new(known), SECONDS)

    def _whole_when_free(self, name: str) -> None:
        """Run a step; as long as a process that worked for the killed run still ends, the message says to wait."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                self.whole(name)
                return
            except Lost as error:
                if "is being written by another run" not in str(error):
                    raise
            time.sleep(0.5)
        raise Lost("another run goes on writing")

    def _judge(self, known: Known, older: bool) -> list[str]:
        wrong, names = [], set(known.new) | set(known.old)
        for path in self._files():
            name = str(path.relative_to(self.out))
            if name not in names:
                wrong.append(f"{name} could be taken for a result")
                continue
            reason = what_is_wrong(path)
            if reason:
                wrong.append(f"{name} is not whole: {reason}")
                continue
            is_old = int(path.stat().st_mtime) == OLD
            expected = (known.old if is_old else known.new).get(name)
            if expected is None or (expected and fingerprint(path) != expected and not name.endswith(".ckpt")):
                wrong.append(f"{name} is neither the older nor the new one")
            wrong += _wrong_record(path)
        # A sidecar file may be away for the moment in which its file is exchanged.
        gone = [name for name in known.old if older and not (self.out / name).exists() and not self._is_sidecar(name)]
        return wrong + [f"lost the older {name}" for name in gone]

    def _is_sidecar(self, name: str) -> bool:
        """Whether a file belongs to another one, as a record does, or is the JSON of a table."""
        table = (self.out / name).with_suffix(".csv")
        return name.endswith((".run.json", ".aux.xml")) or (name.endswith(".json") and table.exists())

    def _like_new(self, known: Known) -> list[str]:
        wrong = [f"left {name}" for name in temporaries(self.out)]
        found = self.contents()
        for name, expected in known.new.items():
            if name not in found:
                wrong.append(f"{name} is missing after the next run")
            elif expected and found[name] != expected:
                wrong.append(f"{name} differs from that of an uninterrupted run")
        return wrong + self.unsound()

    def unsound(self) -> list[str]:
        """Return which results are not whole, or have the record of another file."""
        broken = {path: what_is_wrong(path) for path in self._files()}
        wrong = [f"{path.name} is not whole: {reason}" for path, reason in broken.items() if reason]
        return wrong + [text for path in broken for text in _wrong_record(path)]

    def run_here(self, name: str, other: dict[str, Any]) -> None:
        """Run a step in this process, with some of its inputs replaced."""
        # Tiny runs keep where they stand as large ones do.
        for place in ("training.checkpoint.WRITE_INTERVAL", "jobs.predict_susceptibility.RESUME_MIN_WORK"):
            module, constant = place.rsplit(".", 1)
            found = importlib.import_module(f"scarp.model.{module}")
            assert hasattr(found, constant), place
            setattr(found, constant, 0.0)
        values = {**self.steps[name].parameters(self.out), **other}
        runner()(name, **{key: value for key, value in values.items() if value is not None})

    def _watch(self, change: int | None) -> list[int]:
        """Count changes of files among the outputs from now on; kill the process before the one of a number."""
        count, place = [0], str(self.out)

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if (writes or event in _CHANGES) and any(str(one).startswith(place) for one in arguments[:2]):
                count[0] += 1
                if count[0] == change:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)
        return count

    def _clear(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    def _files(self) -> list[Path]:
        """Return what could be taken for a result."""
        files = sorted(path for path in self.out.rglob("*") if path.is_file())
        return [path for path in files if not re.search(r"(^|/)\.", str(path.relative_to(self.out)))]

    def contents(self) -> dict[str, str]:
        return in_a_fork(
            lambda: {str(path.relative_to(self.out)): fingerprint(path) for path in self._files()}, SECONDS
        )


def _wrong_record(path: Path) -> list[str]:
    """Return whether the record beside a file tells of another file."""
    record = Path(f"{path}.run.json")
    if not record.is_file():
        return []
    outputs = json.loads(record.read_text(encoding="utf-8"))["outputs"]
    own = [entry for entry in outputs.values() if os.path.basename(str(entry["source"])) == path.name]
    hashes = {entry["sha256"] for entry in own if "sha256" in entry}
    wrong = bool(hashes) and hashlib.sha256(path.read_bytes()).hexdigest() not in hashes
    return [f"the record beside {path.name} is that of another file"] if wrong else []


def _children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        return [int(text) for text in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []


def _wait_for(processes: list[int]) -> None:
    """Wait until processes have ended by themselves."""
    until = time.monotonic() + 20
    while any(_lives(process) for process in processes):
        if time.monotonic() > until:
            raise Lost("the process that computes lived on")
        time.sleep(0.05)


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


IN_A_PROCESS = ("createdemodata", "buildfactorstack", "trainpcum", "predictsusceptibility", "classifyzones")
"""Algorithms that are also killed while their core runs in a process of its own, which must then end by itself."""
AT_RANDOM, BEFORE_A_CHANGE = "at random moments", "before a change of a file"
WITH_PROCESS = "with the core in a process"
COUNTS = (
    *("kills", "algorithms", AT_RANDOM, BEFORE_A_CHANGE, WITH_PROCESS, "with older results"),
    *("came too late, not counted", "files compared byte for byte or row by row", "files only known to be whole"),
)


def main() -> int:
    options = read_options(
        __doc__,
        only=True,
        kills=(12, "at random moments, of each algorithm"),
        changes=(10, "before changes of files, of each algorithm"),
        in_a_process=(4, "with the core in a process, of each algorithm"),
        minutes=(0.0, "after which no more is killed; 0 for no limit"),
    )
    if not hasattr(os, "fork") or not Path("/proc/self").exists():
        print("faults_kill: skipped. It needs a Linux.")
        return 0
    report = Report("faults_kill_some" if options.only else "faults_kill", **dict.fromkeys(COUNTS, 0))
    with tempfile.TemporaryDirectory(prefix="scarp-kill-") as folder:
        Campaign(Path(folder), options, report).play()
    return report.finish()


class Campaign:
    def __init__(self, folder: Path, options: Any, report: Report) -> None:
        self.kills, self.options, self.report = Kills(folder), options, report
        self.chance, self.begun = random.Random(options.seed), time.monotonic()

    def play(self) -> None:
        options = self.options
        known = {name: self.learn(name) for name in options.only or self.kills.steps}
        beside = [name for name in IN_A_PROCESS if name in known and options.in_a_process]
        seconds_beside = {name: self.seconds_in_a_process(name) for name in beside}
        for number in range(max(options.kills, options.changes, options.in_a_process)):
            for name, one in known.items():
                if options.minutes and time.monotonic() - self.begun > 60 * options.minutes:
                    return
                if number < options.kills:
                    # Most files take their names at the end.
                    share = self.chance.uniform(0.0, 0.95) if number % 2 else self.chance.uniform(0.75, 0.97)
                    self.kill(name, one, AT_RANDOM, seconds=share * one.seconds)
                if number < min(options.changes, one.changes):
                    self.kill(name, one, BEFORE_A_CHANGE, change=self.chance.randint(1, one.changes))
                if name in seconds_beside and number < options.in_a_process:
                    os.environ["SCARP_RUN"] = "process"
                    self.kill(name, one, WITH_PROCESS, seconds=self.chance.uniform(0.3, 0.95) * seconds_beside[name])
                    os.environ["SCARP_RUN"] = "inside"

    def learn(self, name: str) -> Known:
        known = self.kills.learn(name)
        same = sum(bool(text) for text in known.new.values())
        for what, number in zip(("algorithms", *COUNTS[-2:]), (1, same, len(known.new) - same)):
            self.report.counts[what] += number
        print(f"{name}: {known.seconds:.1f} s, {known.changes} changes of files", flush=True)
        return known

    def seconds_in_a_process(self, name: str) -> float:
        os.environ.update({"SCARP_RUN": "process", "SCARP_PYTHON": sys.executable})
        self.kills.begin(name, False)
        seconds, _ = self.kills.whole(name)
        os.environ["SCARP_RUN"] = "inside"
        return seconds

    def kill(self, name: str, known: Known, how: str, **when: Any) -> None:
        older = bool(known.old) and self.chance.random() < 0.5
        moment = "".join(f", {key} {value:.4g}" for key, value in when.items())
        case = f"{name}{moment}, {how}{', older results there' if older else ''}"
        counts = self.report.counts
        try:
            self.kills.begin(name, older)
            if not self.kills.kill(name, **when):
                counts["came too late, not counted"] += 1
                return
            for what, number in (("kills", 1), (how, 1), ("with older results", older)):
                counts[what] += number
            wrong = self.kills.judge(known, older) + self.kills.again(name, known)
        except Lost as error:
            wrong = [str(error)]
        self.report.note(f"  {case}", wrong)


if __name__ == "__main__":
    sys.exit(main())
