"""The menu *Plugins > Scarp*, and links in messages that open its windows, such as ``scarp:install``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable

from qgis.core import QgsApplication, QgsMapLayer, QgsProject
from qgis.PyQt.QtCore import QObject, Qt, QTimer, QUrl, pyqtSlot
from qgis.PyQt.QtGui import QDesktopServices, QIcon
from qgis.PyQt.QtWidgets import QAction, QApplication, QDockWidget

from ..processing_provider.event_loop import run_in_parts
from ..processing_provider.provider import ICON, ICONS, PROVIDER
from ..translation import tr

SCHEME, NAME = "scarp", "Scarp"
PAGES = "docs/"  # the beginning of links to pages of the manual
PLACE_ICON = ICONS / "explain_place.svg"
DOCK_MODULES = (".suggestions", ".algorithm_dialog", ".training_page", ".steps.control", ".steps.dock")
"""What is imported ahead of the first click on the dock."""


class LinkHandler(QObject):
    """Follows Scarp's links; ``targets`` are functions by the path of the link, and ``open_page`` shows a page of the
    manual at a heading. Qt takes only a ``QObject``.
    """

    def __init__(self, targets: Mapping[str, Callable[[], None]], open_page: Callable[[str, str], None]) -> None:
        super().__init__()
        self._targets, self._open_page = targets, open_page
        QDesktopServices.setUrlHandler(SCHEME, self, "follow")

    @pyqtSlot(QUrl)
    def follow(self, url: QUrl) -> None:
        """Open the target of a link; the message box with the link must close, or it would block the window."""
        if url.path().startswith(PAGES):
            self._open_page(url.path()[len(PAGES) :], url.fragment())
            return
        target, box = self._targets.get(url.path()), QApplication.activeModalWidget()
        if target is None:
            return
        if box is not None:
            box.close()
        QTimer.singleShot(0, target)

    def remove(self) -> None:
        """Unregister, and end what was put off."""
        QDesktopServices.unsetUrlHandler(SCHEME)
        self.deleteLater()


class ScarpMenu:
    """Entries of the menu, and the windows they open."""

    def __init__(self, iface: Any) -> None:
        self.iface = iface
        self.dock: Any = None
        self._demo: Any = None
        self._start: Any = None  # the message at the first start
        self.place: Any = None
        self._close: set[Callable[[], None]] = set()
        self.links = LinkHandler({"install": self.show_install}, self.show_page)
        self.actions = [
            self._add(tr("Map step by step"), self.show_steps, toolbar=True),
            self._add(tr("Load the demo project"), self.load_demo),
            self._add(tr("Tutorial"), self.show_tutorial),
            (
                place := self._add(
                    tr("Explain a place"), self.explain_place, toolbar=True, icon=PLACE_ICON, checkable=True
                )
            ),
            (factors := self._add(tr("Show every factor"), self.show_factors)),
            self._add(tr("Training"), self.show_training),
            self._add(tr("Document details…"), self.show_details),
            self._add(tr("Install what Scarp needs…"), self.show_install),
            self._add(tr("Diagnostics…"), self.show_diagnostics),
        ]
        self._place_action, self._factors_action = place, factors
        project: Any = QgsProject.instance()
        kinds: Any = QgsMapLayer.LayerType
        self.iface.addCustomActionForLayerType(self._factors_action, "", kinds.RasterLayer, False)
        project.layersAdded.connect(self._offer_factors)

    def offer_start(self) -> None:
        """Offer three ways to start in QGIS's message bar, once in a profile."""
        from .start import offer

        doors = {
            tr("Load the demo project"): self.load_demo,
            tr("Open the tutorial"): self.show_tutorial,
            tr("Start with my data"): self.show_steps,
        }
        self._start = offer(self.iface, doors)

    def load_demo(self) -> None:
        """Make the demo project in the background, or open it again, with the dock."""
        self._close_offer()
        if self._demo is None:
            from .demo_project import DemoProject

            self._demo = DemoProject(self.iface)
            self._demo.opened.connect(self.show_steps)
        self._demo.load()

    def show_tutorial(self) -> None:
        """Open the tutorial, which needs no Internet."""
        self._close_offer()
        self.show_page("tutorial.md")

    def show_page(self, name: str, heading: str = "") -> None:
        """Open a page of the manual at one of its headings."""
        from .manual import Manual

        self._show(Manual).browser.show_page(name, heading)

    def prepare(self) -> None:
        """Import what the dock needs, so that it opens without a pause."""

        def parts() -> Iterator[None]:
            for name in DOCK_MODULES:
                importlib.import_module(name, __package__)
                yield

        run_in_parts(self.links, parts())

    def show_steps(self) -> None:
        """Open the dock with the six steps from data to report."""
        self._close_offer()
        if self.dock is None:
            from .steps.dock import StepsDock

            registry: Any = QgsApplication.processingRegistry()
            # It shows labels of the algorithms, which may not all be there just after the start.
            registry.providerById(PROVIDER).load_now()
            self.dock = StepsDock(self.iface, self.iface.mainWindow())
            self.dock.details_wanted.connect(self.show_details)
            # As a tab over the Toolbox: below it, most of the dock would be out of sight.
            area = Qt.DockWidgetArea.RightDockWidgetArea
            window = self.iface.mainWindow()
            self.iface.addTabifiedDockWidget(area, self.dock, ["ProcessingToolbox"], True)
            toolbox = window.findChild(QDockWidget, "ProcessingToolbox")
            # QGIS passes over docks that are hidden now; one that is shown later would push this one down.
            if toolbox is not None and not toolbox.isVisible() and window.dockWidgetArea(toolbox) == area:
                window.tabifyDockWidget(toolbox, self.dock)
        self.dock.show()
        self.dock.raise_()

    def show_training(self) -> None:
        """Open the dock at the curves of trainings."""
        self.show_steps()
        self.dock.choose("train")

    def explain_place(self) -> None:
        """Have clicks on a susceptibility map answered: value, zone, factors, training land like it."""
        if self.place is None:
            from .place_tool import PlaceExplainer

            self.place = PlaceExplainer(self.iface, self._place_action)
        self.place.start()

    def show_factors(self) -> None:
        """Add a styled layer for each factor of a stack: the selected one, or the only one of the project."""
        from .factor_layers import show_factors_of_selection

        show_factors_of_selection(self.iface)

    def show_install(self) -> None:
        """Open the dialog that installs torch and the other libraries."""
        # Windows are imported when they are first opened, so that QGIS starts fast.
        from .install_dialog import InstallDialog

        self._show(InstallDialog)

    def show_details(self) -> None:
        """Open the dialog with title, author, logo and more of reports and map sheets."""
        from .details_dialog import DetailsDialog

        self._show(DetailsDialog)

    def show_diagnostics(self) -> None:
        """Open the report on versions and paths."""
        from .diagnostics_dialog import DiagnosticsDialog

        self._show(DiagnosticsDialog)

    def remove(self) -> None:
        """Remove the entries, the link, the dialogs and the dock."""
        self.links.remove()
        project: Any = QgsProject.instance()
        project.layersAdded.disconnect(self._offer_factors)
        self.iface.removeCustomActionForLayerType(self._factors_action)
        for close in self._close:
            close()
        self._close = set()
        for action in self.actions:
            self.iface.removePluginMenu(NAME, action)
            self.iface.removeToolBarIcon(action)
            action.deleteLater()
        self.actions = []
        if self._demo is not None:
            self._demo.shut_down()
            self._demo = None
        if self.place is not None:
            self.place.shut_down()
            self.place = None
        if self.dock is not None:
            self.dock.shut_down()
            self.iface.removeDockWidget(self.dock)
            self.dock.deleteLater()
            self.dock = None

    def _close_offer(self) -> None:
        """Remove the message with the ways to start, one of which was chosen in the menu."""
        if self._start is not None:
            self._start.close()
            self._start = None

    def _offer_factors(self, layers: list[Any]) -> None:
        """Put *Show every factor* into the menu of layers that are factor stacks."""
        from .factor_layers import is_stack

        for layer in filter(is_stack, layers):
            self.iface.addCustomActionForLayer(self._factors_action, layer)

    def _show(self, dialog: Any) -> Any:
        self._close.add(dialog.forget)
        return dialog.open_for(self.iface.mainWindow())

    def _add(
        self, title: str, slot: Callable[[], None], toolbar: bool = False, icon: Path = ICON, checkable: bool = False
    ) -> QAction:
        action = QAction(QIcon(str(icon)), title, self.iface.mainWindow(), triggered=lambda *_: slot())
        action.setCheckable(checkable)
        self.iface.addPluginToMenu(NAME, action)
        if toolbar:
            self.iface.addToolBarIcon(action)
        return action
