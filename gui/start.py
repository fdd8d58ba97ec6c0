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


def offer(iface: Any, doors: Mapping[str, Callable[[], None]]) -> None:
    """Show the message with a button for each door, by its text, unless this profile has seen it."""
    settings = QgsSettings()
    if settings.value(OFFERED, False, type=bool):
        return
    settings.setValue(OFFERED, True)
    bar = iface.messageBar()
    text = tr("How do you want to start? The menu Plugins > Scarp has all of this, too.")
    message = bar.createMessage(tr("Scarp"), text)
    for title, slot in doors.items():
        button = QPushButton(title, message)
        opening = partial(_open, bar, message, slot)
        button.clicked.connect(lambda *_, opening=opening: QTimer.singleShot(0, opening))
        message.layout().addWidget(button)
    bar.pushWidget(message, Qgis.MessageLevel.Info)


def _open(bar: Any, message: Any, slot: Callable[[], None]) -> None:
    # Not while the button is pressed: it goes with the message.
    bar.popWidget(message)
    slot()
