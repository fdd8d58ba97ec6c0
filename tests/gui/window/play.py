"""Plays a scenario in a running QGIS: steps that wait without blocking the window, pictures, and a result file.

A scenario is a generator. It yields :class:`Until` to wait for something; the window stays responsive meanwhile. Runs
inside QGIS, without the checkout: only the installed plugin is there.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QWidget

TICK = 30
"""Milliseconds between two checks of a wait."""


@dataclass
class Until:
    """A wait: the scenario continues when ``condition`` is true, and fails after ``seconds``."""

    condition: Callable[[], Any]
    what: str
    seconds: float = 300.0


Scenario = Generator[Until, Any, None]


class Player:
    """Plays one scenario and keeps what it finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, Any] = {}
        self.pictures: list[str] = []
        self._started = time.perf_counter()

    def note(self, name: str, value: Any) -> None:
        """Keep a value for the test that reads the result."""
        self.found[name] = value

    def picture(self, name: str, widget: QWidget | None = None) -> None:
        """Save a picture of a window, or of the whole screen."""
        QApplication.processEvents()
        path = self.folder / f"{name}.png"
        grabbed = widget.grab() if widget is not None else QApplication.primaryScreen().grabWindow(0)
        grabbed.save(str(path))
        self.pictures.append(path.name)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 300.0) -> Until:
        """Return a wait to yield."""
        return Until(condition, what, seconds)

    def pause(self, seconds: float = 0.4) -> Until:
        """Return a wait for the window to have drawn itself."""
        end = time.perf_counter() + seconds
        return Until(lambda: time.perf_counter() >= end, "a moment", seconds + 30)

    def play(self, scenario: Scenario) -> None:
        """Start the scenario; QGIS ends when it is over."""
        self._scenario = scenario
        self._waiting: Until | None = None
        self._since = time.perf_counter()
        self._again()

    def _again(self) -> None:
        # Single shots, started first: the event loop of a dialog does not delay them.
        QTimer.singleShot(TICK, self._tick)

    def _tick(self) -> None:
        if self._scenario.gi_running:
            self._again()
            return
        try:
            if self._waiting is not None:
                value = self._waiting.condition()
                if not value:
                    if time.perf_counter() - self._since > self._waiting.seconds:
                        raise TimeoutError(f"waited {self._waiting.seconds:.0f} s for {self._waiting.what}")
                    self._again()
                    return
                self._waiting = self._scenario.send(value)
            else:
                self._waiting = next(self._scenario)
            self._since = time.perf_counter()
            self._again()
        except StopIteration:
            self._finish("")
        except BaseException:
            self._finish(traceback.format_exc())

    def _finish(self, error: str) -> None:
        if error:
            self.picture("failure")
        seconds = round(time.perf_counter() - self._started, 1)
        result = {"error": error, "found": self.found, "pictures": self.pictures, "seconds": seconds}
        (self.folder / "result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
        # QGIS would ask whether to save the project.
        sys.stdout.flush()
        os._exit(1 if error else 0)


def top_window(class_name: str = "", title: str = "") -> QWidget | None:
    """Return the open window of a class, or with words in its title; the newest first."""
    for widget in reversed(QApplication.topLevelWidgets()):
        if not widget.isVisible():
            continue
        names = {kind.__name__ for kind in type(widget).__mro__} | {widget.metaObject().className()}
        if (not class_name or class_name in names) and title in widget.windowTitle():
            return widget
    return None


def later(action: Callable[[], Any]) -> None:
    """Call something that may open a modal window, so that the scenario continues meanwhile."""
    QTimer.singleShot(0, action)
