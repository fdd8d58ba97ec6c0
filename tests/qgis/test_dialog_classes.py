"""QGIS 4.2 has another class for the dialog of an algorithm; Scarp's dialog works with either, and without both.

The stand-in for 4.2 has the constructor, layout and behaviour of its ``AlgorithmWidget``: it lies in a window or dock
that its constructor makes and shows. The panel with the parameters is that of the QGIS that runs the tests.
"""

from __future__ import annotations

import importlib
import sys
import types

import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback, QgsProject, QgsRasterLayer
from qgis.gui import QgsBrowserGuiModel, QgsMessageBar
from qgis.PyQt.QtCore import QEvent, QObject, Qt
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from scarp.algorithms.base import feedback as feedback_module
from scarp.algorithms.base.feedback import FeedbackProgress
from scarp.gui import algorithm_dialog

OLD, NEW = "processing.gui.AlgorithmDialog", "processing.gui.algorithm_widget"


class NoShowEvents(QObject):
    """A C++ constructor that shows its widget reaches no ``showEvent`` in Python."""

    def eventFilter(self, watched, event):
        return event.type() == QEvent.Type.Show


class QgsProcessingAlgorithmWidgetBase(QWidget):
    """The part of 4.2 that is written in C++."""

    docked = False

    def __init__(self, parentWindow, mode=None, flags=None, initialState=None):
        assert isinstance(parentWindow, QMainWindow)
        super().__init__()
        self._algorithm = self._main = None
        layout, parts = QVBoxLayout(self), QHBoxLayout()
        self._help, self._cancel = QTextBrowser(objectName="textShortHelp"), QPushButton(enabled=False)
        parts.addWidget(self._help)
        self._place = QVBoxLayout()
        parts.addLayout(self._place)
        self._bar = QgsMessageBar()
        layout.addWidget(self._bar)
        layout.addLayout(parts)
        layout.addWidget(self._cancel)
        quiet = NoShowEvents()
        self.installEventFilter(quiet)
        if self.docked:
            self.window_ = QDockWidget(parentWindow)
            self.window_.setWidget(self)
            parentWindow.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.window_)
        else:
            self.window_ = QDialog(None, Qt.WindowType.Window)
            QVBoxLayout(self.window_).addWidget(self)
        self.window_.show()
        self.removeEventFilter(quiet)

    def setAlgorithm(self, algorithm):
        self._algorithm = algorithm

    def algorithm(self):
        return self._algorithm

    def setMainWidget(self, widget):
        self._main = widget
        self._place.addWidget(widget)

    def mainWidget(self):
        return self._main

    def messageBar(self):
        return self._bar

    def cancelButton(self):
        return self._cancel


class AlgorithmWidget(QgsProcessingAlgorithmWidgetBase):
    """The part of 4.2 that is written in Python."""

    def __init__(self, alg, in_place=False, parent=None, flags=None, initialState=None):
        super().__init__(parent, flags=flags, initialState=initialState)
        self.setAlgorithm(alg)
        self.setMainWidget(self.getParametersPanel(alg, self))

    def getParametersPanel(self, alg, parent):
        from processing.gui.ParametersPanel import ParametersPanel

        # The panel of an older QGIS wants a dialog as its parent.
        self._host = QDialog()
        self._host.messageBar = parent.messageBar
        return ParametersPanel(self._host, alg, False, None)

    def processingContext(self):
        return None

    def createProcessingParameters(self, flags=None):
        return {}

    def setParameters(self, parameters):
        self.mainWidget().setParameters(parameters)


@pytest.fixture
def main_window(run, qgis_iface, monkeypatch):
    window, browser = QMainWindow(), QgsBrowserGuiModel()
    monkeypatch.setattr(qgis_iface, "browserModel", lambda: browser, raising=False)
    monkeypatch.setattr(qgis_iface, "mainWindow", lambda: window)
    window.show()
    yield window
    window.close()
    window.deleteLater()


@pytest.fixture
def only(main_window, monkeypatch):
    """Return a function that leaves some of the two classes to import and gives the dialog's module, loaded anew."""

    def leave(*modules):
        for name in {OLD, NEW} - set(modules):
            monkeypatch.setitem(sys.modules, name, None)
        if NEW in modules:
            stand_in = types.ModuleType(NEW)
            stand_in.AlgorithmWidget = AlgorithmWidget
            monkeypatch.setitem(sys.modules, NEW, stand_in)
        return importlib.reload(algorithm_dialog)

    yield leave
    monkeypatch.undo()
    importlib.reload(algorithm_dialog)


@pytest.fixture
def opened(plugin, monkeypatch):
    """Return a function that opens the dialog of an algorithm or model, as QGIS does it."""
    windows = []

    def open_dialog(name, parameters=None):
        windows.append(plugin.provider.algorithm(name).create().createCustomParametersWidget(None))
        if windows[-1] is not None:
            windows[-1].setParameters(parameters or {})
        return windows[-1]

    yield open_dialog
    for window in filter(None, windows):
        getattr(window, "window_", window).close()
        window.deleteLater()


@pytest.fixture
def layers(chain):
    """Put two rasters into the project: labels, which QGIS would take for the map, and a map."""
    made = [QgsRasterLayer(str(chain[name]), name) for name in ("labels", "susceptibility")]
    QgsProject.instance().addMapLayers(made)
    yield {layer.name(): layer.id() for layer in made}
    QgsProject.instance().removeMapLayers([layer.id() for layer in made])


def additions(window):
    return window._suggestions is not None and window._live_validator is not None


@pytest.mark.parametrize("name", ["classifyzones", "factorstozones"])
@pytest.mark.parametrize("modules", [(OLD,), (NEW,), (OLD, NEW)])
def test_either_class_gets_the_additions(only, opened, name, modules):
    base = only(*modules).ScarpDialog.__mro__[1]
    assert (base is AlgorithmWidget) == (NEW in modules)
    window = opened(name)
    assert isinstance(window, base) and additions(window)
    assert window.findChild(QTextBrowser, "textShortHelp").toPlainText().startswith(window.algorithm().displayName())
    line = window._live_validator.line
    assert line.parent() is window and window.layout().indexOf(line) == window.layout().count() - 2


@pytest.mark.parametrize("name", ["classifyzones", "factorstozones"])
def test_without_both_qgis_shows_its_own_dialog(only, opened, name, qgis_iface):
    messages = []
    QgsApplication.messageLog().messageReceived.connect(lambda text, *_: messages.append(text))
    only()
    assert opened(name) is None
    assert any("without Scarp's additions" in text and NEW in text for text in messages)


@pytest.mark.parametrize("docked", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_a_widget_that_its_constructor_shows_suggests_layers_once_unless_values_are_given(
    only, opened, layers, monkeypatch, docked, given
):
    monkeypatch.setattr(AlgorithmWidget, "docked", docked)
    only(NEW)
    window = opened("classifyzones", {"SUSCEPTIBILITY": layers["labels"]} if given else None)
    wrapper = window.mainWidget().wrappers["SUSCEPTIBILITY"]
    assert window.isVisible()
    QgsApplication.processEvents()
    expected = layers["labels" if given else "susceptibility"]
    assert wrapper.parameterValue() == expected
    # A dock is shown again whenever its tab comes to the front.
    other = layers["susceptibility" if given else "labels"]
    wrapper.setParameterValue(other, window.mainWidget().processing_context)
    for one in (window.hide, window.show, QgsApplication.processEvents):
        one()
    assert wrapper.parameterValue() == other


class QgsProcessingAlgorithmDialogBase(QDialog):
    """As QGIS up to 4.0 has it, a window of its own."""

    def __init__(self, parent):
        super().__init__()
        self._cancel = QPushButton(self, enabled=False)
        self.show()

    def cancelButton(self):
        return self._cancel


@pytest.mark.parametrize("kind", ["old", "window", "dock", "floating dock"])
def test_cancel_is_seen_in_a_run_in_the_main_thread(main_window, monkeypatch, kind):
    monkeypatch.setattr(QgsProcessingAlgorithmWidgetBase, "docked", "dock" in kind)
    dialog = (QgsProcessingAlgorithmDialogBase if kind == "old" else QgsProcessingAlgorithmWidgetBase)(main_window)
    if kind == "floating dock":
        dialog.window_.setFloating(True)
    monkeypatch.setattr(feedback_module, "EVENTS_INTERVAL", 0.0)
    feedback = QgsProcessingFeedback(False)
    progress, cancel = FeedbackProgress(feedback), dialog.cancelButton()
    cancel.clicked.connect(feedback.cancel)

    def press():
        QgsApplication.postEvent(cancel, QEvent(QEvent.Type.User))

    class Presser(QObject):
        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.User:
                cancel.click()
            return False

    presser = Presser()
    cancel.installEventFilter(presser)
    try:
        press()
        assert not progress.cancelled(), "Cancel is off: no run of this dialog, and its events can wait"
        cancel.setEnabled(True)
        press()
        assert progress.cancelled()
    finally:
        window = getattr(dialog, "window_", dialog)
        window.close()
        window.deleteLater()
