"""Many runs in one QGIS: ``./run python tests/reliability/load.py [--runs 32] [--side 1000] [--queued 10]``."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from scarp.tests.qgis.study import Runner, begin, make_area, make_chain
from scarp.tests.reliability.loading import Held, enlarge, held, queue
from scarp.tests.reliability.results import Report, read_options
from scarp.tests.reliability.wholeness import temporaries

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
    if last.handles > first.handles:
        wrong.append(f"file handles grew from {first.handles} to {last.handles}")
    if last.threads > first.threads:
        wrong.append(f"threads grew from {first.threads} to {last.threads}")
    return found, wrong


def _queue(run: Runner, chain: dict[str, Path], folder: Path, number: int) -> list[str]:
    import rasterio

    def calls(place: Path) -> list[tuple[str, dict[str, Any]]]:
        place.mkdir(parents=True)
        kinds = [
            ("predictsusceptibility", {"STACK": chain["stack"], "MODEL": chain["model"], "DEVICE": "cpu"}),
            ("classifyzones", {"SUSCEPTIBILITY": chain["susceptibility"]}),
        ]
        return [
            (kind, {**inputs, "OUTPUT": place / f"{index}.tif"})
            for index, (kind, inputs) in enumerate((kinds * number)[:number])
        ]

    for algorithm, parameters in calls(folder / "alone"):
        run(algorithm, **parameters)
    try:
        ended = queue(calls(folder / "together"), 600.0)
    except TimeoutError as error:
        return [str(error)]
    wrong = [f"run {index} failed" for index, ok in enumerate(ended) if not ok]
    for index in range(number):
        with (
            rasterio.open(folder / "alone" / f"{index}.tif") as one,
            rasterio.open(folder / "together" / f"{index}.tif") as other,
        ):
            if one.read().tobytes() != other.read().tobytes():
                wrong.append(f"the result of run {index} differs")
    return wrong + [f"left {name}" for name in temporaries(folder)]


if __name__ == "__main__":
    sys.exit(main())
