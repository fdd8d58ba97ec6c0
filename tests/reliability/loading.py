"""Many runs in one QGIS: what the process holds after each, and runs in the queue of its tasks."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qgis.core import QgsApplication, QgsProcessingAlgRunnerTask, QgsProcessingContext, QgsProject
from qgis.PyQt.QtCore import QCoreApplication

from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster, open_raster
from scarp.tests.qgis.tiny import Listener


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
