"""What ``responsiveness.py`` has QGIS do in its window; QGIS runs it with ``--code``."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable

import qgis.utils
from qgis.PyQt.QtCore import QTimer

TICK = 10
"""Milliseconds of the timer."""
LIMIT = 300
"""Seconds after which a step counts as hung."""
ORDERS = "SCARP_RESPONSIVENESS"


class Watch:
    """The ticks of a timer in the main thread."""

    def __init__(self) -> None:
        from qgis.PyQt.QtCore import Qt

        self.pauses: list[tuple[float, float]] = []
        """Length in milliseconds, and when it began in seconds."""
        self._began = self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self.pauses, self._began = [], time.perf_counter()
        self._last = self._began
        self._timer.start(TICK)

    def stop(self) -> list[tuple[float, float]]:
        self._tick()
        self._timer.stop()
        return self.pauses

    def _tick(self) -> None:
        now = time.perf_counter()
        self.pauses.append((1000 * (now - self._last) - TICK, self._last - self._began))
        self._last = now


def steps(orders: dict[str, Any]) -> list[tuple[str, str, dict[str, Any], float | None]]:
    """Return name, algorithm, parameters, and after how many seconds to cancel."""
    folder, scratch = Path(orders["folder"]), Path(orders["scratch"])
    stack, labels = str(folder / "factors.tif"), str(folder / "labels.tif")
    training = {
        "STACK": stack,
        "LABELS": labels,
        "SAFETY_FACTOR": str(folder / "safety_factor.tif"),
        "SEED": 1,
        "EPOCHS": orders["epochs"],
        "OUTPUT": str(scratch / "model.safetensors"),
        "OUTPUT_WINDOWS": str(scratch / "windows.gpkg"),
        "OUTPUT_HTML": str(scratch / "training.html"),
    }
    prediction = {
        "STACK": stack,
        # Of the first step: samples need dropout, which PRESET=recommended has not.
        "MODEL": str(scratch / "model.safetensors"),
        "SAMPLES": 8,
        "OUTPUT": str(scratch / "map.tif"),
        "OUTPUT_UNCERTAINTY": str(scratch / "spread.tif"),
    }
    validation = {
        "SUSCEPTIBILITY": str(scratch / "map.tif"),
        "REPEATS": 200,
        "LANDSLIDES": str(folder / "data" / "landslides.gpkg"),
        "OUTPUT_HTML": str(scratch / "report.html"),
        "OUTPUT_TABLE": str(scratch / "report.csv"),
        "OUTPUT_POINTS": str(scratch / "points.gpkg"),
    }
    forest = {"KIND": "random_forest", "STACK": stack, "LABELS": labels, "OUTPUT": str(scratch / "forest.safetensors")}
    return [
        ("train", "trainpcum", training, None),
        ("predict, 8 samples", "predictsusceptibility", prediction, None),
        ("validate", "validatewithpoints", validation, None),
        ("cancel training after 1 s", "trainpcum", {**training, "EPOCHS": 500}, 1.0),
        ("cancel training after 8 s", "trainpcum", {**training, "EPOCHS": 500}, 8.0),
        ("cancel prediction after 4 s", "predictsusceptibility", {**prediction, "SAMPLES": 64}, 4.0),
        ("cancel forest after 5 s", "traincomparisonmodel", forest, 5.0),
        ("cancel validation after 5 s", "validatewithpoints", {**validation, "REPEATS": 5000}, 5.0),
    ]


class Session:
    """Runs the steps one after the other in the window."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.orders, self.rows, self.watch = orders, [], Watch()
        self.todo = [step for step in steps(orders) if orders["only"] in step[0]]
        self.dialog: Any = None

    def begin(self) -> None:
        qgis.utils.loadPlugin("scarp")
        qgis.utils.startPlugin("scarp")
        self.watch.start()
        QTimer.singleShot(8000, self.after_rest)

    def after_rest(self) -> None:
        self.note("the window at rest", 8.0, self.watch.stop())
        self.following()

    def note(self, step: str, seconds: float, pauses: list[tuple[float, float]]) -> None:
        worst = sorted(pauses, reverse=True)[:5]
        self.rows.append(
            {
                "step": step,
                "seconds": seconds,
                "longest": worst[0][0],
                "at": worst[0][1],
                "worst": worst,
                "over": sum(length > 100 for length, _ in pauses),
            }
        )

    def following(self) -> None:
        import processing
        from qgis.core import QgsApplication

        if not self.todo:
            self.in_the_dock()
            return
        name, algorithm, parameters, cancel_after = self.todo.pop(0)
        # As the Toolbox does it: ask whether the algorithm can run, then open its dialog.
        QgsApplication.processingRegistry().createAlgorithmById(f"scarp:{algorithm}").canExecute()
        dialog = self.dialog = processing.createAlgorithmDialog(f"scarp:{algorithm}", parameters)
        dialog.show()
        # The first look at what was filled in opens the layers; the others are to be short.
        dialog._live_validator.validate_now()
        began = time.perf_counter()
        dialog._live_validator.validate_now()
        took = time.perf_counter() - began
        self.note(f"look at it: {name}", took, [(1000 * took, 0.0)])
        finish: Callable[..., None] = dialog.finish
        started, done = [time.perf_counter()], []

        def finished(successful: bool, *rest: Any, **named: Any) -> None:
            seconds = time.perf_counter() - started[0]
            done.append(name)
            # Loading the results and drawing them is QGIS's, with the styles that Scarp gives: watched as well.
            finish(successful, *rest, **named)
            remark = ""
            if successful == (cancel_after is not None):
                remark = " (FAILED)" if cancel_after is None else " (was done before)"
            QTimer.singleShot(1000, lambda: self.close(name + remark, seconds))

        def cancel() -> None:
            if not done:
                started[0] = time.perf_counter()
                dialog.cancelButton().click()

        dialog.finish = finished
        QTimer.singleShot(1500, lambda: self.run(started, cancel_after, cancel))

    def in_the_dock(self) -> None:
        """Load the demo project, which opens the dock, and press *Run all* there."""
        if self.orders["only"] not in "run all in the dock":
            self.end()
        menu = qgis.utils.plugins["scarp"].menu
        began = time.perf_counter()
        self.watch.start()

        def opened() -> None:
            self.note("load the demo project", time.perf_counter() - began, self.watch.stop())
            QTimer.singleShot(2000, lambda: self.run_all(menu.dock))

        menu.load_demo()
        menu._demo.opened.connect(lambda: QTimer.singleShot(1000, opened))

    def run_all(self, dock: Any) -> None:
        """Run all six steps, until no more is running and the results are drawn."""
        began = time.perf_counter()
        self.watch.start()
        dock.run_all()

        def look() -> None:
            if dock.control.run is not None:
                QTimer.singleShot(100, look)
                return
            seconds = time.perf_counter() - began
            QTimer.singleShot(2000, lambda: self.ran(dock, seconds))

        look()

    def ran(self, dock: Any, seconds: float) -> None:
        states = {state.state for state in dock.control.states.values()}
        remark = "" if states == {"done"} else f" (FAILED: {', '.join(sorted(states))})"
        self.note(f"run all in the dock{remark}", seconds, self.watch.stop())
        self.end()

    def end(self) -> None:
        """Write the rows and leave."""
        Path(self.orders["answer"]).write_text(json.dumps(self.rows), encoding="utf-8")
        os._exit(0)

    def run(self, started: list[float], cancel_after: float | None, cancel: Callable[[], None]) -> None:
        started[0] = time.perf_counter()
        self.watch.start()
        dialog = self.dialog
        # A dialog that refuses its values never ends.
        QTimer.singleShot(1000 * LIMIT, lambda: self.give_up_on(dialog))
        dialog.runAlgorithm()
        if cancel_after is not None:
            QTimer.singleShot(int(1000 * cancel_after), cancel)

    def give_up_on(self, dialog: Any) -> None:
        if self.dialog is dialog:
            raise TimeoutError(f"{dialog.windowTitle()} did not end within {LIMIT} s")

    def close(self, step: str, seconds: float) -> None:
        self.note(step, seconds, self.watch.stop())
        self.dialog.close()
        self.dialog = None
        QTimer.singleShot(1000, self.following)


def give_up(kind: Any, error: BaseException, trace: Any) -> None:
    """End QGIS instead of showing the error in a window that nobody sees."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)


sys.excepthook = give_up
qgis.utils.showException = lambda kind, error, trace, *_, **__: give_up(kind, error, trace)
# Kept where it lives as long as QGIS does.
qgis.utils.scarp_session = Session(json.loads(os.environ[ORDERS]))
QTimer.singleShot(4000, qgis.utils.scarp_session.begin)
