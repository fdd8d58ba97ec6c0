"""The start of every scenario: a fresh profile, the zip installed the way the plugin manager does it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import qgis.utils
from play import Player, Scenario, Until, later, top_window
from qgis.core import QgsApplication, QgsSettings
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QAction, QListWidget, QMenu, QMessageBox, QPushButton
from qgis.utils import iface

FOLDER = Path(os.environ["SCARP_GUI_FOLDER"])
DATA = Path(os.environ["SCARP_GUI_DATA"])
PACKAGE = os.environ["SCARP_GUI_PACKAGE"]
FULL = bool(os.environ.get("SCARP_GUI_FULL"))
"""The size of the tutorial, for its pictures; otherwise a small area that is quick."""

_players: list[Player] = []
"""Qt keeps no reference to the object whose method a timer calls."""


def start(scenario: Callable[[Player], Scenario]) -> None:
    """Play a scenario once QGIS's window is complete."""
    player = Player(FOLDER)
    _players.append(player)

    def begin() -> None:
        iface.mainWindow().setGeometry(0, 0, 1500, 950)
        player.play(scenario(player))

    QTimer.singleShot(1500, begin)


def install(player: Player) -> Iterator[Until]:
    """Install the zip by clicks: *Plugins > Manage and Install Plugins > Install from ZIP*."""
    _without_internet()
    later(iface.actionManagePlugins().trigger)
    manager = yield player.wait(lambda: top_window("QgsPluginManager"), "the plugin manager", 60)
    pages = manager.findChild(QListWidget, "mOptionsListWidget")
    for row in range(pages.count()):
        if "ZIP" in pages.item(row).text():
            pages.setCurrentRow(row)
    manager.findChild(QgsFileWidget).setFilePath(PACKAGE)
    yield player.pause()
    player.picture("install-from-zip", manager)
    later(manager.findChild(QPushButton, "buttonInstallFromZip").click)
    # "Installing a plugin from an untrusted source can harm your computer."
    question = yield player.wait(lambda: top_window("QMessageBox"), "the question whether to continue", 20)
    later(question.button(QMessageBox.StandardButton.Yes).click)
    yield player.wait(lambda: "scarp" in qgis.utils.plugins, "the plugin to start", 60)
    yield player.wait(lambda: QgsApplication.processingRegistry().providerById("scarp"), "the provider", 30)
    later(manager.close)
    yield player.wait(lambda: not manager.isVisible(), "the plugin manager to close", 10)


def _without_internet() -> None:
    """Keep the new profile from waiting for news and plugins from the Internet, which is not there."""
    from pyplugin_installer import installer_data

    settings = QgsSettings()
    settings.setValue("core/NewsFeed/httpsfeedqgisorg/disabled", True)
    settings.setValue(f"{installer_data.reposGroup}/{installer_data.officialRepo[0]}/enabled", False)
    installer_data.repositories.load()


def menu() -> QMenu:
    """Return the submenu *Plugins > Scarp*."""
    for action in iface.pluginMenu().actions():
        if action.menu() is not None and action.text().replace("&", "") == "Scarp":
            return action.menu()
    raise LookupError("There is no menu Plugins > Scarp.")


def entry(words: str) -> QAction:
    """Return the entry of the menu with these words in it."""
    for action in menu().actions():
        if words in action.text():
            return action
    raise LookupError(f"Plugins > Scarp has no entry with {words!r}.")
