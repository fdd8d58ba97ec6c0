"""Two runs write the same output at once: ``./run python tests/reliability/faults_same_output.py [--rounds 4]``.

Two processes run an algorithm with different inputs and the same outputs, one some moments after the other. Afterwards
all files must be those of one of the two, whole, each with its own record, and whoever was refused must have been told.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from scarp.tests.reliability.faults_kill import OTHERWISE, SECONDS, Kills, Known
from scarp.tests.reliability.forking import Lost, in_a_fork
from scarp.tests.reliability.results import Report, read_options
from scarp.tests.reliability.wholeness import temporaries

SLOW = ("trainpcum", "traincomparisonmodel", "crossvalidate", "explainsusceptibility")
"""Left out unless they are asked for: their writing is that of the others."""
REFUSED = "is being written by another run"
ONE_REFUSED, ONE_AFTER_THE_OTHER = "one run refused, with a message", "one run after the other"


def main() -> int:
    options = read_options(__doc__, only=True, rounds=(4, "of each algorithm"))
    if not hasattr(os, "fork") or not Path("/proc/self").exists():
        print("faults_same_output: skipped. It needs a Linux.")
        return 0
    report = Report("faults_same_output_some" if options.only else "faults_same_output", rounds=0, algorithms=0)
    report.counts |= dict.fromkeys((ONE_REFUSED, ONE_AFTER_THE_OTHER), 0)
    with tempfile.TemporaryDirectory(prefix="scarp-same-") as folder:
        kills, chance = Kills(Path(folder)), random.Random(options.seed)
        for name in options.only or [name for name in OTHERWISE if name not in SLOW]:
            known = kills.learn(name)
            report.counts["algorithms"] += 1
            for _ in range(options.rounds):
                apart = chance.uniform(-1, 1) ** 3 * known.seconds
                report.counts["rounds"] += 1
                try:
                    kind, wrong = _round(kills, name, known, apart)
                    report.counts[kind] += 1
                except Lost as error:
                    kind, wrong = "lost", [str(error)]
                report.note(f"{name}, {apart:.3f} s apart", wrong, kind)
    return report.finish()


def _round(kills: Kills, name: str, known: Known, apart: float) -> tuple[str, list[str]]:
    """Run a step twice at once; return how it went and what is wrong."""
    kills.begin(name, False)
    told = in_a_fork(lambda: _both(kills, name, apart), 2 * SECONDS)
    wrong = [f"failed with: {text}" for text in told if text and REFUSED not in text]
    if all(told):
        wrong.append("both runs failed")
    kind = ONE_REFUSED if any(told) else ONE_AFTER_THE_OTHER
    contents = kills.contents()
    wrong += [f"left {left}" for left in temporaries(kills.out)]
    # Some pages and sheets hold the time, so that no two are the same.
    same = [path for path, text in known.new.items() if text]
    own = [
        all(contents.get(path) == reference[path] for path in same if path in reference)
        for reference in (known.new, known.old)
    ]
    if not any(own):
        wrong.append("the files are not those of one run")
    if any(told) and not wrong and not own[0 if not told[0] else 1]:
        wrong.append("the files are those of the run that was refused")
    return kind, wrong + in_a_fork(kills.unsound, SECONDS)


def _both(kills: Kills, name: str, apart: float) -> list[str]:
    """Run a step in two processes, the usual way and another; return what each failed with."""
    pipes = []
    for number, other in enumerate(({}, OTHERWISE[name])):
        reading, writing = os.pipe()
        if os.fork() == 0:
            time.sleep(max(apart if number else -apart, 0.0))
            text = ""
            try:
                kills.run_here(name, other)
            except BaseException as error:
                text = f"{type(error).__name__}: {error}"
            os.write(writing, text.encode()[:60000])
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    told = []
    for reading in pipes:
        with os.fdopen(reading, "rb") as stream:
            told.append(stream.read().decode())
    return told


if __name__ == "__main__":
    sys.exit(main())
