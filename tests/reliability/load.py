"""Many runs in one QGIS: ``./run python tests/reliability/load.py [--runs 32] [--side 1000] [--queued 10]``."""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from qgis.core import QgsApplication, QgsProcessingAlgRunnerTask, QgsProcessingContext, QgsProject
from qgis.PyQt.QtCore import QCoreApplication

from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster, open_raster
from scarp.tests.qgis.study import Runner, begin, make_chain
from scarp.tests.qgis.tiny import Listener, make_area
from scarp.tests.reliability.results import Report, read_options
from scarp.tests.reliability.wholeness import temporaries


@dataclass(frozen=True)
class Held:
    """What the process of QGIS holds."""

    memory: int
    """Bytes, also of those on the disk meanwhile. With what it shares with others: its share alone (PSS) would depend
    on how many other processes run just then."""
    handles: int
    threads: int


def held() -> Held:
    gc.collect()
    rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in rollup.splitlines()[1:]}
    handles = len(os.listdir("/proc/self/fd"))
    return Held(sizes["Rss"] + sizes["Swap"], handles, len(os.listdir("/proc/self/task")))


def enlarge(stack: Path, target: Path, side: int) -> Path:
    """Write a factor stack of ``side`` × ``side`` cells that repeats a smaller one."""
    with open_raster(stack, "stack") as dataset:
        grid, cells = Grid.from_dataset(dataset, "stack"), dataset.read()
        names, tags = dataset.descriptions, [dataset.tags(number) for number in dataset.indexes]
        about = dataset.tags()
    whole = Grid(grid.crs, grid.transform, side, side)
    rows, columns = (np.arange(side) % size for size in cells.shape[1:])
    with create_raster(target, whole, "float32", np.nan, names, tags, about) as dataset:
        dataset.write(cells[:, rows][:, :, columns])
    return target


def queue(calls: Sequence[tuple[str, dict[str, Any]]], seconds: float) -> list[bool]:
    """Put runs into the queue of QGIS's tasks all at once, wait for them, and return which of them succeeded."""
    manager, project = QgsApplication.taskManager(), QgsProject.instance()
    tasks, kept, ended = [], [], {}
    for number, (algorithm, parameters) in enumerate(calls):
        context, feedback = QgsProcessingContext(), Listener()
        context.setProject(project)
        made = QgsApplication.processingRegistry().createAlgorithmById(f"scarp:{algorithm}")
        values = {name: str(value) if isinstance(value, Path) else value for name, value in parameters.items()}
        task = QgsProcessingAlgRunnerTask(made, values, context, feedback)
        task.executed.connect(lambda ok, results, number=number: ended.setdefault(number, bool(ok)))
        kept += [made, context, feedback]
        tasks.append(task)
    for task in tasks:
        manager.addTask(task)
    until = time.monotonic() + seconds
    while len(ended) < len(calls):
        QCoreApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > until:
            waiting = [number for number in range(len(calls)) if number not in ended]
            raise TimeoutError(f"runs {waiting} did not end; threads: {[one.name for one in threading.enumerate()]}")
    # Until their threads are done with them as well. Not for ever: QGIS itself may keep a task waiting.
    while manager.countActiveTasks() and time.monotonic() < until:
        QCoreApplication.processEvents()
        time.sleep(0.01)
    return [ended[number] for number in range(len(calls))]


WARM = 4  # runs before any counts: libraries are loaded, caches and pools of memory are filled
MORE = 1.05  # memory in the end, for that after the first runs that count
ORIENTATIONS = {"inside": "core inside QGIS", "process": "core in a process of its own"}


def main() -> int:
    options = read_options(
        __doc__,
        runs=(32, "predictions in a row, each way"),
        side=(1000, "cells along a side of the map"),
        queued=(10, "algorithms queued at once, each way"),
    )
    report = Report("load")
    with tempfile.TemporaryDirectory(prefix="scarp-load-") as name:
        folder = Path(name)
        os.environ.update({"SCARP_STATE": str(folder / "state"), "SCARP_PYTHON": sys.executable})
        run = begin()
        for place in ("area", "chain"):
            (folder / place).mkdir()
        make_area(folder / "area")
        chain = make_chain(folder / "chain", folder / "area", run)
        stack = enlarge(chain["stack"], folder / "large.tif", options.side)
        for way, title in ORIENTATIONS.items():
            os.environ["SCARP_RUN"] = way
            found, wrong = _row(run, stack, chain["model"], folder / way, options.runs)
            report.counts[f"predictions in a row, {title}"] = options.runs
            report.counts |= {f"{key}, {title}": value for key, value in found.items()}
            report.note(f"a row, {title}", wrong)
            report.counts[f"algorithms queued at once, {title}"] = options.queued
            report.note(f"a queue, {title}", _queue(run, chain, folder / f"queue-{way}", options.queued))
    return report.finish()


def _row(run: Runner, stack: Path, model: Path, folder: Path, runs: int) -> tuple[dict[str, Any], list[str]]:
    folder.mkdir()
    seen: list[Held] = []
    for number in range(runs):
        run("predictsusceptibility", STACK=stack, MODEL=model, OUTPUT=folder / "map.tif", DEVICE="cpu")
        seen.append(held())
        print(f"{folder.name} {number + 1}/{runs}: {seen[-1]}", flush=True)
    counted = seen[WARM:] or seen
    first, last = counted[0], counted[-1]
    # The middle of the last ones: a single look may meet what is about to be given back.
    end = statistics.median(one.memory for one in counted[-3:])
    found = {
        "MB after the 5th": round(first.memory / 1e6),
        "MB after the last": round(end / 1e6),
        "most MB between": round(max(one.memory for one in counted) / 1e6),
        "file handles": f"{first.handles} to {last.handles}",
        "threads": f"{first.threads} to {last.threads}",
    }
    wrong = [f"left {name}" for name in temporaries(folder)]
    if end > MORE * first.memory:
        wrong.append(f"memory grew from {first.memory / 1e6:.0f} to {end / 1e6:.0f} MB")
    for what, before, after in (
        ("file handles", first.handles, last.handles),
        ("threads", first.threads, last.threads),
    ):
        wrong += [f"{what} grew from {before} to {after}"] if after > before else []
    return found, wrong


def _cells(path: Path) -> bytes:
    with rasterio.open(path) as dataset:
        return dataset.read().tobytes()


def _queue(run: Runner, chain: dict[str, Path], folder: Path, number: int) -> list[str]:
    def calls(place: Path) -> list[tuple[str, dict[str, Any]]]:
        place.mkdir(parents=True)
        predict = {"STACK": chain["stack"], "MODEL": chain["model"], "DEVICE": "cpu"}
        kinds = [("predictsusceptibility", predict), ("classifyzones", {"SUSCEPTIBILITY": chain["susceptibility"]})]
        these = enumerate((kinds * number)[:number])
        return [(kind, {**inputs, "OUTPUT": place / f"{index}.tif"}) for index, (kind, inputs) in these]

    for algorithm, parameters in calls(folder / "alone"):
        run(algorithm, **parameters)
    try:
        ended = queue(calls(folder / "together"), 600.0)
    except TimeoutError as error:
        return [str(error)]
    wrong = [f"run {index} failed" for index, ok in enumerate(ended) if not ok]
    for index in range(number):
        one, other = (_cells(folder / place / f"{index}.tif") for place in ("alone", "together"))
        wrong += [f"the result of run {index} differs"] if one != other else []
    return wrong + [f"left {name}" for name in temporaries(folder)]


if __name__ == "__main__":
    sys.exit(main())
