"""The three ways to start: the demo project, the tutorial, one's own data; offered once in QGIS's message bar."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Callable

from qgis.core import Qgis, QgsSettings
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QPushButton

from ..translation import tr

OFFERED = "scarp/start/offered"  # setting of the profile


class StartMessage:
    """A message with a button for each door, by its text. Keep it as long as the message may be there: Qt does not keep
    what its buttons call.
    """

    def __init__(self, iface: Any, doors: Mapping[str, Callable[[], None]]) -> None:
        self._bar = iface.messageBar()
        text = tr("How do you want to start?")
        self._message = self._bar.createMessage(tr("Scarp"), text)
        self._opening = [partial(self._open, door) for door in doors.values()]
        self._clicked = [partial(self._later, one) for one in self._opening]
        for title, clicked in zip(doors, self._clicked):
            button = QPushButton(title, self._message)
            button.clicked.connect(clicked)
            self._message.layout().addWidget(button)
        self._bar.pushWidget(self._message, Qgis.MessageLevel.Info)

    def _later(self, opening: Callable[[], None], *_: Any) -> None:
        # The button goes with the message, but not while it is pressed.
        QTimer.singleShot(0, opening)

    def _open(self, door: Callable[[], None]) -> None:
        self.close()
        door()

    def close(self) -> None:
        """Remove the message, if it is still there."""
        if self._message in self._bar.items():
            self._bar.popWidget(self._message)


def offer(iface: Any, doors: Mapping[str, Callable[[], None]]) -> StartMessage | None:
    """Show the message, unless this profile has seen it."""
    settings = QgsSettings()
    if settings.value(OFFERED, False, type=bool):
        return None
    settings.setValue(OFFERED, True)
    return StartMessage(iface, doors)
