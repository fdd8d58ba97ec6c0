"""Calls from the thread of a run into the main thread, which alone may touch layers of the project and layouts."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Callable

from qgis.PyQt.QtCore import QCoreApplication, QObject, Qt, QThread, pyqtSignal, pyqtSlot

from ...model.progress import Progress, stop_if_cancelled


class _MainThreadCall(QObject):
    _requested = pyqtSignal()

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__()
        self._function = function
        self.future: Future[None] = Future()
        self.moveToThread(QCoreApplication.instance().thread())
        self._requested.connect(self._call, Qt.ConnectionType.QueuedConnection)
        _pending_calls.add(self)
        self._requested.emit()

    @pyqtSlot()
    def _call(self) -> None:
        if self.future.set_running_or_notify_cancel():
            try:
                self.future.set_result(self._function())
            except Exception as error:
                self.future.set_exception(error)
        _pending_calls.discard(self)


_pending_calls: set[_MainThreadCall] = set()
"""Keeps a reference until the main thread has run the call, even if nobody waits for it any more."""


def in_main_thread() -> bool:
    """Whether this is the main thread, in which alone layers of the project and layouts may be touched."""
    return bool(QThread.currentThread() == QCoreApplication.instance().thread())


def run_in_main_thread(function: Callable[[], None], progress: Progress) -> None:
    """Call a function in the main thread and wait for it; ``Cancelled`` is raised even while the window is busy."""
    if in_main_thread():
        function()
        return
    future = _MainThreadCall(function).future
    try:
        while not wait([future], 0.1).done:
            stop_if_cancelled(progress)
    finally:
        future.cancel()
    future.result()


def run_in_main_thread_within(function: Callable[[], None], seconds: float) -> bool:
    """Call a function in the main thread if that answers in time; return whether it did.

    A main thread that waits for this one would never answer.
    """
    if in_main_thread():
        function()
        return True
    future = _MainThreadCall(function).future
    if not wait([future], seconds).done and future.cancel():
        return False
    future.result()
    return True


def run_in_main_thread_soon(function: Callable[[], None]) -> None:
    """Have a function called in the main thread, now if this is it, and wait for nothing."""
    if in_main_thread():
        function()
    else:
        _MainThreadCall(function)
