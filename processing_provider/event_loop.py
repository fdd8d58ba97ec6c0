"""Long work in the main thread in small parts, between which the window draws and takes clicks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

from qgis.PyQt.QtCore import QObject, QTimer


def run_in_parts(owner: QObject, parts: Iterator[object], done: Callable[[], None] | None = None) -> None:
    """Take the first part now and one more in each turn of the event loop; call a function after the end or an error.

    Nothing more happens once Qt has deleted the owner.
    """
    timer = QTimer(owner, singleShot=True, interval=0)

    def take() -> None:
        ended = True
        try:
            next(parts)
            ended = False
        except StopIteration:
            pass
        finally:
            if ended:
                timer.deleteLater()
                if done is not None:
                    done()
        if not ended:
            timer.start()

    timer.timeout.connect(take)
    take()
