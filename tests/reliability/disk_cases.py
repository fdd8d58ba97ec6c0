"""Runs on a disk that is too small: how large it is in each, and what must hold afterwards."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scarp.model.outputs.temp_files import RECORD_SUFFIX
from scarp.tests.qgis.study import begin
from scarp.tests.qgis.tiny import Listener
from scarp.tests.reliability.forking import in_a_fork
from scarp.tests.reliability.steps import Step, load_libraries, prepare_steps
from scarp.tests.reliability.wholeness import temporaries, what_is_wrong

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
LARGE = 256 << 20
OLD = 1_000_000_000.0
"""Time of older results, by which they are told from new ones."""
STAYS = re.compile("stay|is complete", re.IGNORECASE)
"""What a message says when a part of the results is there all the same."""


class Disk:
    """A small disk in memory."""

    def __init__(self, place: Path) -> None:
        """Mount it, large."""
        place.mkdir()
        self.place = place
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(place)], check=True)

    def remove(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)

    def clear(self) -> None:
        """Make it large and empty."""
        self.resize(LARGE)
        for item in self.place.iterdir():
            shutil.rmtree(item) if item.is_dir() else item.unlink()

    def used(self) -> int:
        """Return the bytes in use."""
        found = os.statvfs(self.place)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def leave(self, free: int) -> None:
        """Leave so many bytes free."""
        self.resize(self.used() + max(free, 0))

    def resize(self, size: int) -> None:
        """Set the size; nothing at all would mean no limit."""
        subprocess.run(["mount", "-o", f"remount,size={max(size, PAGE)}", str(self.place)], check=True)


@dataclass(frozen=True)
class Case:
    """One run with too little room."""

    algorithm: str
    step: Step
    free: int
    """Bytes left on the disk."""
    older: bool
    """Whether older results lie under the names."""
    where: str = "output"
    """What lies on the small disk: ``output``, ``temporary`` or ``state``."""
    process: bool = False
    """Whether the core runs in a process of its own."""

    def __str__(self) -> str:
        more = (", older results there" if self.older else "") + (", in a process" if self.process else "")
        return f"{self.algorithm}, {self.where} with {self.free:,} bytes free{more}"


def cases_of(
    folder: Path, disk: Disk, sizes: int, chance: random.Random, only: list[str], seconds: float
) -> list[Case]:
    """Run every step once with room enough, and return the cases that its files suggest.

    Args:
        folder: for inputs and results.
        disk: small one.
        sizes: sizes between nothing and enough.
        chance: draws which cases have older results.
        only: ids of algorithms; all when empty.
        seconds: that a run may take.
    """
    run = begin()
    load_libraries()
    found = in_a_fork(lambda: prepare_steps(folder, run), 10 * seconds)
    known = {name: Step(inputs, outputs) for name, (inputs, outputs) in found.items()}
    cases: list[Case] = []
    for name, step in known.items():
        if only and name not in only:
            continue
        disk.clear()
        outcome = play(Case(name, step, LARGE, False), disk, folder, seconds)
        if outcome["error"] is not None:
            raise RuntimeError(f"{name} fails with room enough: {outcome['error']}")
        _keep_older(disk.place / "out", _older(folder, name))
        for free in _rooms(disk, sizes):
            cases.append(Case(name, step, free, chance.random() < 0.5))
        cases += [Case(name, step, free, False, "temporary") for free in (0, 8 * PAGE)]
        cases.append(Case(name, step, disk.used() // 2, True, "output", True))
        cases += [Case(name, step, free, False, "temporary", True) for free in (0, 2 * PAGE)]
        if "EPOCHS" in step.inputs:
            cases += [Case(name, step, free, False, "state") for free in (0, PAGE, 2 * PAGE)]
    return cases


def play(case: Case, disk: Disk, folder: Path, seconds: float) -> dict[str, Any]:
    """Run a case in a process of its own; return its error, ``None`` without one, and what it warned of.

    Raises:
        Lost: it hung, or the process ended.
    """
    disk.clear()
    out = (disk.place if case.where == "output" else folder) / "out"
    shutil.rmtree(out, ignore_errors=True)
    if case.older:
        shutil.copytree(_older(folder, case.algorithm), out)
        for path in out.rglob("*"):
            os.utime(path, (OLD, OLD))
    else:
        out.mkdir()
    places = {"temporary": folder / "tmp", "state": folder / "state"}
    for name, place in places.items():
        shutil.rmtree(place, ignore_errors=True)
        if case.where == name:
            places[name] = disk.place
        else:
            place.mkdir()
    disk.leave(case.free)
    return in_a_fork(lambda: _run(case, out, places["temporary"], places["state"]), seconds)


def judge(case: Case, outcome: dict[str, Any], disk: Disk) -> list[str]:
    """Return all that is not as it should be after a case."""
    out = (disk.place if case.where == "output" else disk.place.parent) / "out"
    error = outcome["error"]
    wrong = [f"left {name}" for name in temporaries(out)]
    new, old = [], []
    for path in sorted(path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")):
        (old if path.stat().st_mtime == OLD else new).append(path)
        reason = what_is_wrong(path)
        wrong += [f"{path.name} is not whole: {reason}"] if reason else []
    names = {path.relative_to(out) for path in [*new, *old]}
    expected = {
        path.relative_to(_older(disk.place.parent, case.algorithm))
        for path in _older(disk.place.parent, case.algorithm).rglob("*")
        if path.is_file()
    }
    if error is None:
        # Of which it warns, a record may lack: without it a run cannot be repeated.
        told = any("run record could not be completed" in text for text in outcome["warnings"])
        missing = sorted(str(name) for name in expected - names if not (told and str(name).endswith(RECORD_SUFFIX)))
        wrong += [f"went well without {', '.join(missing)}"] if missing else []
        # A record may be completed later than the output, or not at all, of which the run warns.
        # A checkpoint from which there was nothing left to do is not written again.
        kept = sorted(str(path.relative_to(out)) for path in old if path.suffix != ".ckpt")
        wrong += [f"went well and left the older {', '.join(kept)}"] if kept else []
        return wrong
    if case.where == "state":
        wrong.append(f"the training died of its history: {error}")
    # The record of an older result would mislead beside a new one.
    renewed = {f"{path.relative_to(out)}{RECORD_SUFFIX}" for path in new}
    lost = sorted({str(name) for name in expected - names} - renewed)
    wrong += [f"lost the older {', '.join(lost)}"] if case.older and lost else []
    # A checkpoint is there to be found after a failure.
    mixed = [path.name for path in new if path.suffix != ".ckpt"]
    if mixed and not STAYS.search(error):
        wrong.append(f"left {', '.join(mixed)} without a word: {error}")
    return wrong + _about_the_message(case, error)


def _about_the_message(case: Case, error: str) -> list[str]:
    if not re.search("disk|room|space", error, re.IGNORECASE):
        return [f"does not speak of the disk: {error}"]
    if re.search("unexpected error|Traceback", error):
        return [f"was not foreseen: {error}"]
    named = re.search(r"/|\w\.(gpkg|tif|csv|html)\b", error) or any(name in error for name in case.step.outputs)
    return [] if named else [f"names no file: {error}"]


def _rooms(disk: Disk, sizes: int) -> list[int]:
    """Return sizes between nothing and enough, and those at which the disk fills in the end of each file."""
    need = disk.used()
    rooms = {need * number // sizes for number in range(sizes)}
    total = 0
    files = [path for path in disk.place.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):
        total += -(-path.stat().st_size // PAGE) * PAGE
        rooms.add(total - PAGE)
    return sorted(room // PAGE * PAGE for room in rooms)


def _run(case: Case, out: Path, temporary: Path, state: Path) -> dict[str, Any]:
    os.environ.update(
        {
            "TMPDIR": str(temporary),
            "SCARP_STATE": str(state),
            "SCARP_RUN": "process" if case.process else "inside",
            "SCARP_PYTHON": sys.executable,
        }
    )
    tempfile.tempdir = str(temporary)
    listener, begun = Listener(), time.monotonic()
    from scarp.tests.qgis.study import runner

    error = None
    try:
        runner()(case.algorithm, listener, **case.step.parameters(out))
    except Exception as raised:
        error = f"{raised}"
    return {"error": error, "warnings": listener.warnings, "seconds": time.monotonic() - begun}


def _older(folder: Path, name: str) -> Path:
    return folder / "older" / name


def _keep_older(out: Path, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    shutil.copytree(out, place)
