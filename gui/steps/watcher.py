"""Finds the states of the steps in a thread of its own: records are read and files compared away from the window."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from qgis.PyQt.QtCore import QObject, pyqtSignal

from ...model.provenance.freshness import Freshness
from .states import PlannedStep, find_states


class Watcher(QObject):
    """Works on one plan at a time; of plans that come meanwhile only the last counts."""

    found = pyqtSignal(object, object)  # the key of a plan, and the state of each step by its name
    _ready = pyqtSignal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._freshness = Freshness()
        self._waiting: tuple[object, Sequence[PlannedStep]] | None = None
        self._busy = False
        # The signal crosses from the thread to the window's.
        self._ready.connect(self._deliver)

    def request(self, key: object, plan: Sequence[PlannedStep]) -> None:
        """Find the states of a plan; :attr:`found` brings them with its key."""
        self._waiting = key, plan
        if not self._busy:
            self._start()

    def _start(self) -> None:
        if self._waiting is None:
            return
        (key, plan), self._waiting, self._busy = self._waiting, None, True
        threading.Thread(target=self._work, args=(key, plan), name="scarp-steps", daemon=True).start()

    def _work(self, key: object, plan: Sequence[PlannedStep]) -> None:
        states = None
        try:
            states = find_states(plan, self._freshness)
        finally:
            try:
                self._ready.emit(key, states)
            except RuntimeError:
                # The dock was closed for good meanwhile.
                return

    def _deliver(self, key: object, states: object) -> None:
        self._busy = False
        if states is not None and self._waiting is None:
            self.found.emit(key, states)
        self._start()
