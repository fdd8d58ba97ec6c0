"""How the plugin starts in a window: little at once, the rest when the window is shown; it unloads without a trace."""

from __future__ import annotations

import json

import pytest

from scarp.tests.qgis.child import ROOT, run_python

WINDOW = """
import json, os, sys
from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtWidgets import QMainWindow
application = QgsApplication([], True)
application.initQgis()

class Interface(QObject):
    initializationCompleted = pyqtSignal()
    def __init__(self):
        super().__init__()
        self.window, self.actions, self.docks = QMainWindow(), [], []
    def mainWindow(self):
        return self.window
    def addPluginToMenu(self, name, action):
        self.actions.append(action)
    def removePluginMenu(self, name, action):
        self.actions.remove(action)
    def __getattr__(self, name):
        return lambda *arguments: None

def there():
    provider = QgsApplication.processingRegistry().providerById("scarp")
    return sorted(item.id() for item in provider.algorithms()) if provider else None

def wait():
    for _ in range(20):
        application.processEvents()

interface = Interface()
before = set(sys.modules)
from scarp import classFactory
plugin = classFactory(interface)
"""


def window(code: str):
    """Run code in a process with such a window; return what it prints, read as JSON."""
    return json.loads(run_python(f"{WINDOW}{code}\nsys.stdout.flush()\nos._exit(0)"))


@pytest.fixture(scope="module")
def everything(plugin) -> list[str]:
    """What a session without a window has."""
    return sorted(item.id() for item in plugin.provider.algorithms())


@pytest.fixture(scope="module")
def models(everything) -> set[str]:
    return {f"scarp:{path.stem}" for path in (ROOT / "resources" / "models").glob("*.model3")} & set(everything)


def test_the_models_come_when_the_window_is_complete(everything, models):
    at_once, waited, complete = window("""
plugin.initGui()
at_once = there()
wait()
waited = there()
interface.initializationCompleted.emit()
wait()
print(json.dumps([at_once, waited, there()]))
""")
    assert models
    assert set(at_once) == set(waited) == set(everything) - models
    assert complete == everything


def test_the_models_come_soon_when_the_plugin_is_enabled_later(everything):
    code = "interface.window.show(); plugin.initGui(); wait(); print(json.dumps(there()))"
    assert window(code) == everything


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "interface.initializationCompleted.emit()",
        "interface.initializationCompleted.emit(); application.processEvents()",
    ],
)
def test_it_can_be_unloaded_at_any_moment(moment):
    left = window(f"""
plugin.initGui()
{moment}
plugin.unload()
interface.initializationCompleted.emit()
wait()
print(json.dumps([there(), len(interface.actions)]))
""")
    assert left == [None, 0]


def test_refreshed_algorithms_are_not_doubled(everything):
    code = """
plugin.initGui()
interface.initializationCompleted.emit()
plugin.provider.refreshAlgorithms()
wait()
plugin.provider.refreshAlgorithms()
print(json.dumps(there()))
"""
    assert window(code) == everything


def test_the_start_imports_no_dialog_and_no_environment():
    loaded = window("""
plugin.initGui()
print(json.dumps(sorted(name for name in set(sys.modules) - before if name.startswith("scarp"))))
""")
    assert "scarp.gui.menu" in loaded
    assert not [name for name in loaded if name.startswith("scarp.environment")]
    assert not [name for name in loaded if name.endswith(("_dialog", "_dock"))]
