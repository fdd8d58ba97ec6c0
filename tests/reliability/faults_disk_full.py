"""Fills the disk in every file that a run writes: ``./run python tests/reliability/faults_disk_full.py [--sizes 12]``.

Needs an administrator's right to mount a small disk; the disk is only seen by this program.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scarp.model.outputs.run_record import RECORD_SUFFIX
from scarp.tests.qgis.study import runner
from scarp.tests.qgis.tiny import Listener
from scarp.tests.reliability.forking import Lost, in_a_fork
from scarp.tests.reliability.results import Report, read_options
from scarp.tests.reliability.steps import Step, make_steps_in_a_fork
from scarp.tests.reliability.wholeness import temporaries, what_is_wrong

SECONDS = 180.0  # longest time of a run; a hang is what takes longer. Many, since the machine may have much else to do
ALONE = "SCARP_OWN_MOUNTS"
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
LARGE = 256 << 20
OLD = 1_000_000_000.0  # time of older results, by which they are told from new ones
STAYS = re.compile("stay|is complete", re.IGNORECASE)
"""What a message says when a part of the results is there all the same."""


class Disk:
    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.place = place
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(place)], check=True)

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)

    def clear(self) -> None:
        self.resize(LARGE)
        for item in self.place.iterdir():
            shutil.rmtree(item) if item.is_dir() else item.unlink()

    def used(self) -> int:
        found = os.statvfs(self.place)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def leave(self, free: int) -> None:
        self.resize(self.used() + max(free, 0))

    def resize(self, size: int) -> None:
        """Set the size; nothing at all would mean no limit."""
        subprocess.run(["mount", "-o", f"remount,size={max(size, PAGE)}", str(self.place)], check=True)


@dataclass(frozen=True)
class Case:
    """One run with too little room."""

    algorithm: str
    step: Step
    free: int  # bytes left on the disk
    older: bool  # whether older results lie under the names
    where: str = "output"  # what lies on the small disk: ``output``, ``temporary`` or ``state``
    process: bool = False  # whether the core runs in a process of its own

    def __str__(self) -> str:
        more = (", older results there" if self.older else "") + (", in a process" if self.process else "")
        return f"{self.algorithm}, {self.where} with {self.free:,} bytes free{more}"


class Campaign:
    def __init__(self, folder: Path, options: Any) -> None:
        self.folder, self.options, self.chance = folder, options, random.Random(options.seed)
        self.disk = Disk(folder / "disk")

    def older(self, name: str) -> Path:
        return self.folder / "older" / name

    def out(self, case: Case) -> Path:
        return (self.disk.place if case.where == "output" else self.folder) / "out"

    def cases(self) -> list[Case]:
        """Run every step once with room enough, and return the cases that its files suggest."""
        found = make_steps_in_a_fork(self.folder, 10 * SECONDS)
        cases: list[Case] = []
        for name in self.options.only or found:
            step = found[name]
            self.disk.clear()
            outcome = self.play(Case(name, step, LARGE, False))
            if outcome["error"] is not None:
                raise RuntimeError(f"{name} fails with room enough: {outcome['error']}")
            self.older(name).parent.mkdir(exist_ok=True)
            shutil.copytree(self.disk.place / "out", self.older(name))
            cases += [Case(name, step, free, self.chance.random() < 0.5) for free in self.rooms()]
            cases += [Case(name, step, free, False, "temporary") for free in (0, 8 * PAGE)]
            cases.append(Case(name, step, self.disk.used() // 2, True, "output", True))
            cases += [Case(name, step, free, False, "temporary", True) for free in (0, 2 * PAGE)]
            if "EPOCHS" in step.inputs:
                cases += [Case(name, step, free, False, "state") for free in (0, PAGE, 2 * PAGE)]
        return cases

    def rooms(self) -> list[int]:
        """Return sizes between nothing and enough, and those at which the disk fills in the end of each file."""
        need, sizes = self.disk.used(), self.options.sizes
        rooms, total = {need * number // sizes for number in range(sizes)}, 0
        files = [path for path in self.disk.place.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):
            total += -(-path.stat().st_size // PAGE) * PAGE
            rooms.add(total - PAGE)
        return sorted(room // PAGE * PAGE for room in rooms)

    def play(self, case: Case) -> dict[str, Any]:
        """Run a case in a process of its own; return its error, ``None`` without one, and what it warned of."""
        self.disk.clear()
        out = self.out(case)
        shutil.rmtree(out, ignore_errors=True)
        if case.older:
            shutil.copytree(self.older(case.algorithm), out)
            for path in out.rglob("*"):
                os.utime(path, (OLD, OLD))
        else:
            out.mkdir()
        places = {"temporary": self.folder / "tmp", "state": self.folder / "state"}
        for name, place in places.items():
            shutil.rmtree(place, ignore_errors=True)
            if case.where == name:
                places[name] = self.disk.place
            else:
                place.mkdir()
        self.disk.leave(case.free)
        return in_a_fork(lambda: _run(case, out, **places), SECONDS)

    def judge(self, case: Case, outcome: dict[str, Any]) -> list[str]:
        out, error, older = self.out(case), outcome["error"], self.older(case.algorithm)
        wrong = [f"left {name}" for name in temporaries(out)]
        new, old = [], []
        for path in sorted(path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")):
            (old if path.stat().st_mtime == OLD else new).append(path)
            reason = what_is_wrong(path)
            wrong += [f"{path.name} is not whole: {reason}"] if reason else []
        names = {path.relative_to(out) for path in [*new, *old]}
        missing = {str(path.relative_to(older)) for path in older.rglob("*") if path.is_file()} - set(map(str, names))
        if error is None:
            # A record may lack, of which the run warns: without it a run cannot be repeated.
            warned = any("run record could not be completed" in text for text in outcome["warnings"])
            lost = sorted(name for name in missing if not (warned and name.endswith(RECORD_SUFFIX)))
            wrong += [f"went well without {', '.join(lost)}"] if lost else []
            # A checkpoint from which there was nothing left to do is not written again.
            kept = sorted(str(path.relative_to(out)) for path in old if path.suffix != ".ckpt")
            wrong += [f"went well and left the older {', '.join(kept)}"] if kept else []
            return wrong
        if case.where == "state":
            wrong.append(f"the training died of its history: {error}")
        # The record of an older result would mislead beside a new one.
        lost = sorted(missing - {f"{path.relative_to(out)}{RECORD_SUFFIX}" for path in new})
        wrong += [f"lost the older {', '.join(lost)}"] if case.older and lost else []
        # A checkpoint is there to be found after a failure.
        mixed = [path.name for path in new if path.suffix != ".ckpt"]
        if mixed and not STAYS.search(error):
            wrong.append(f"left {', '.join(mixed)} without a word: {error}")
        return wrong + _about_the_message(case, error)


def _about_the_message(case: Case, error: str) -> list[str]:
    if not re.search("disk|room|space", error, re.IGNORECASE):
        return [f"does not speak of the disk: {error}"]
    if re.search("did not foresee|unexpected|Traceback", error, re.IGNORECASE):
        return [f"was not foreseen: {error}"]
    named = re.search(r"/|\w\.(gpkg|tif|csv|html)\b", error) or any(name in error for name in case.step.outputs)
    return [] if named else [f"names no file: {error}"]


def _run(case: Case, out: Path, temporary: Path, state: Path) -> dict[str, Any]:
    way = "process" if case.process else "inside"
    os.environ.update(TMPDIR=str(temporary), SCARP_STATE=str(state), SCARP_RUN=way, SCARP_PYTHON=sys.executable)
    tempfile.tempdir = str(temporary)
    listener, error = Listener(), None
    try:
        runner()(case.algorithm, listener, **case.step.parameters(out))
    except Exception as raised:
        error = f"{raised}"
    return {"error": error, "warnings": listener.warnings}


def main() -> int:
    options = read_options(__doc__, only=True, sizes=(12, "sizes of the disk between nothing and enough"))
    if not hasattr(os, "geteuid") or os.geteuid() or shutil.which("unshare") is None:
        print("faults_disk_full: skipped. Only an administrator of a Linux may mount a small disk.")
        return 0
    if os.environ.get(ALONE) != "1":
        # Whatever happens, nothing stays mounted.
        command = ["unshare", "--mount", sys.executable, *sys.argv]
        return subprocess.run(command, env={**os.environ, ALONE: "1"}, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="scarp-disk-") as folder:
        campaign = Campaign(Path(folder), options)
        try:
            return play_all(campaign)
        finally:
            campaign.disk.remove()


def play_all(campaign: Campaign) -> int:
    report = Report("faults_disk_full_some" if campaign.options.only else "faults_disk_full")
    cases = campaign.cases()
    report.counts = {
        "runs": len(cases),
        "algorithms": len({case.algorithm for case in cases}),
        "disk filled, run refused": 0,
        "room enough, run went well": 0,
        "with older results": sum(case.older for case in cases),
        "folder for temporary files full": sum(case.where == "temporary" for case in cases),
        "history could not be written": sum(case.where == "state" for case in cases),
        "in a process of its own": sum(case.process for case in cases),
    }
    for number, case in enumerate(cases, 1):
        told = ""
        try:
            outcome = campaign.play(case)
            # Read by a process of its own: threads that reading starts must not be there when the next one forks.
            wrong = in_a_fork(lambda case=case, outcome=outcome: campaign.judge(case, outcome), SECONDS)
            told = outcome["error"] or "went well"
            kind = "room enough, run went well" if outcome["error"] is None else "disk filled, run refused"
            report.counts[kind] += 1
        except Lost as error:
            wrong = [str(error)]
        report.note(f"{number}/{len(cases)} {case}", wrong, told)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
