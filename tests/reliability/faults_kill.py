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

from scarp.tests.reliability import results
from scarp.tests.reliability.forking import Lost
from scarp.tests.reliability.kill_cases import OTHERWISE, Kills, Known

ALGORITHMS = (*OTHERWISE, "rerun")
IN_A_PROCESS = ("createdemodata", "buildfactorstack", "trainpcum", "predictsusceptibility", "classifyzones")
"""Algorithms that are also killed while their core runs in a process of its own, which must then end by itself."""


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=12, help="at random moments, of each algorithm")
    parser.add_argument("--changes", type=int, default=10, help="before changes of files, of each algorithm")
    parser.add_argument("--in-a-process", type=int, default=4, help="with the core in a process, of each algorithm")
    parser.add_argument("--minutes", type=float, default=0.0, help="after which no more is killed; 0 for no limit")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the algorithms")
    parser.add_argument("--part", default="", help="file for what one of them finds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="ids of algorithms, all by default")
    options = parser.parse_args()
    if not hasattr(os, "fork") or not Path("/proc/self").exists():
        print("faults_kill: skipped. It needs a Linux.")
        return 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="scarp-kill-") as folder:
        if options.jobs > 1:
            counts, failures = _shared_out(Path(folder), options)
        else:
            counts, failures = _Campaign(Path(folder), options).play()
    if options.part:
        Path(options.part).write_text(json.dumps([counts, failures]), encoding="utf-8")
        return 0
    name = "faults_kill_some" if options.only else "faults_kill"
    return results.tell(name, counts, failures, time.monotonic() - begun)


def _shared_out(folder: Path, options: argparse.Namespace) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Share the algorithms out among processes, and return what they found together."""
    names, parts = options.only or list(ALGORITHMS), []
    for number in range(options.jobs):
        part = folder / f"{number}.json"
        values = [
            f"--{name.replace('_', '-')}={getattr(options, name)}"
            for name in ("kills", "changes", "in_a_process", "minutes")
        ]
        parts.append(
            (
                part,
                subprocess.Popen(
                    [
                        sys.executable,
                        __file__,
                        *values,
                        f"--seed={options.seed + number}",
                        f"--part={part}",
                        "--only",
                        *names[number :: options.jobs],
                    ]
                ),
            )
        )
    counts: dict[str, int] = {}
    failures: list[dict[str, Any]] = []
    for part, process in parts:
        if process.wait() or not part.is_file():
            failures.append({"case": part.stem, "wrong": "the campaign itself failed"})
            continue
        some, wrong = json.loads(part.read_text(encoding="utf-8"))
        counts = {what: counts.get(what, 0) + number for what, number in some.items()}
        failures += wrong
    return counts, failures


class _Campaign:
    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.kills, self.options, self.chance = Kills(folder), options, random.Random(options.seed)
        self.failures: list[dict[str, Any]] = []
        self.begun = time.monotonic()
        self.counts = {
            "kills": 0,
            "algorithms": 0,
            "at random moments": 0,
            "before a change of a file": 0,
            "with the core in a process": 0,
            "with older results": 0,
            "came too late, not counted": 0,
            "files compared byte for byte or row by row": 0,
            "files only known to be whole": 0,
        }

    def play(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        known = {name: self._learn(name) for name in self.options.only or self.kills.steps}
        in_a_process = {
            name: self._seconds_in_a_process(name)
            for name in IN_A_PROCESS
            if name in known and self.options.in_a_process
        }
        for number in range(max(self.options.kills, self.options.changes, self.options.in_a_process)):
            for name, one in known.items():
                if self.options.minutes and time.monotonic() - self.begun > 60 * self.options.minutes:
                    return self.counts, self.failures
                if number < self.options.kills:
                    # Most files take their names at the end.
                    share = self.chance.uniform(0.0, 0.95) if number % 2 else self.chance.uniform(0.75, 0.97)
                    self._kill(name, one, "at random moments", seconds=share * one.seconds)
                if number < min(self.options.changes, one.changes):
                    self._kill(name, one, "before a change of a file", change=self.chance.randint(1, one.changes))
                if name in in_a_process and number < self.options.in_a_process:
                    os.environ["SCARP_RUN"] = "process"
                    self._kill(
                        name,
                        one,
                        "with the core in a process",
                        seconds=self.chance.uniform(0.3, 0.95) * in_a_process[name],
                    )
                    os.environ["SCARP_RUN"] = "inside"
        return self.counts, self.failures

    def _learn(self, name: str) -> Known:
        known = self.kills.learn(name)
        same = sum(bool(text) for text in known.new.values())
        self.counts["algorithms"] += 1
        self.counts["files compared byte for byte or row by row"] += same
        self.counts["files only known to be whole"] += len(known.new) - same
        print(f"{name}: {known.seconds:.1f} s, {known.changes} changes of files", flush=True)
        return known

    def _seconds_in_a_process(self, name: str) -> float:
        os.environ.update({"SCARP_RUN": "process", "SCARP_PYTHON": sys.executable})
        self.kills.begin(name, False)
        seconds, _ = self.kills.whole(name)
        os.environ["SCARP_RUN"] = "inside"
        return seconds

    def _kill(self, name: str, known: Known, how: str, **when: Any) -> None:
        older = bool(known.old) and self.chance.random() < 0.5
        case = ", ".join(
            [
                name,
                *(f"{key} {value:.4g}" for key, value in when.items()),
                how,
                *(["older results there"] if older else []),
            ]
        )
        try:
            self.kills.begin(name, older)
            if not self.kills.kill(name, **when):
                self.counts["came too late, not counted"] += 1
                return
            self.counts["kills"] += 1
            self.counts[how] += 1
            self.counts["with older results"] += older
            wrong = self.kills.judge(known, older) + self.kills.again(name, known)
        except Lost as error:
            wrong = [str(error)]
        self.failures += [{"case": case, "wrong": text} for text in wrong]
        print(f"  {case}: {'; '.join(wrong) or 'as it should be'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
