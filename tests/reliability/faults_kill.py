"""Kills runs with SIGKILL: ``./run python tests/reliability/faults_kill.py [--kills 12] [--changes 10] [--seed 1]``.

Every algorithm is killed at random moments, more of them near its end, where files take their names, and before
changes of files among its outputs; half of the times, older results lie under the names. After each kill what lies
there is looked at, and the next run must give what an uninterrupted one gives.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scarp.tests.reliability.forking import Lost
from scarp.tests.reliability.kill_cases import OTHERWISE, Kills, Known
from scarp.tests.reliability.results import Report, read_options

ALGORITHMS = (*OTHERWISE, "rerun")
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
        jobs=(1, "processes that share the algorithms"),
    )
    if not hasattr(os, "fork") or not Path("/proc/self").exists():
        print("faults_kill: skipped. It needs a Linux.")
        return 0
    report = Report("faults_kill_some" if options.only else "faults_kill", **dict.fromkeys(COUNTS, 0))
    with tempfile.TemporaryDirectory(prefix="scarp-kill-") as folder:
        if options.jobs > 1:
            share_out(Path(folder), options, report)
        else:
            Campaign(Path(folder), options, report).play()
    if options.part:
        Path(options.part).write_text(json.dumps([report.counts, report.failures]), encoding="utf-8")
        return 0
    return report.finish()


def share_out(folder: Path, options: argparse.Namespace, report: Report) -> None:
    """Share the algorithms out among processes, and collect what they found."""
    names, parts = options.only or list(ALGORITHMS), []
    same = [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in ("kills", "changes", "in_a_process")]
    same.append(f"--minutes={options.minutes}")
    for number in range(options.jobs):
        part = folder / f"{number}.json"
        own = [f"--seed={options.seed + number}", f"--part={part}", "--only", *names[number :: options.jobs]]
        parts.append((part, subprocess.Popen([sys.executable, __file__, *same, *own])))
    for part, process in parts:
        if process.wait() or not part.is_file():
            report.failures.append({"case": part.stem, "wrong": "the campaign itself failed"})
            continue
        counts, failures = json.loads(part.read_text(encoding="utf-8"))
        report.counts = {what: report.counts[what] + number for what, number in counts.items()}
        report.failures += failures


class Campaign:
    def __init__(self, folder: Path, options: argparse.Namespace, report: Report) -> None:
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
