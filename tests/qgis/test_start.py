"""How the plugin starts: without the libraries, naming what is missing; in a window little at once, without a trace."""

from __future__ import annotations

import json
import subprocess
import threading

import pytest
from qgis.core import QgsApplication, QgsTask
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject

from scarp.processing_provider import dependencies
from scarp.processing_provider.dependencies import LINK, install_hint, load_error_message
from scarp.processing_provider.event_loop import run_in_parts
from scarp.tests.qgis.child import ALGORITHMS, BLOCKER, ROOT, child_environment, run_python

START = f"""
import sys
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsProcessingException
application = QgsApplication([], False)
application.initQgis()
BLOCKED = set(sys.argv[1].split(",")) if len(sys.argv) > 1 else set()
{BLOCKER}
# QGIS itself imports NumPy from 3.40 on.
before = set(sys.modules)
from scarp import classFactory
plugin = classFactory(None)
plugin.initProcessing()
provider = QgsApplication.processingRegistry().providerById("scarp")
"""
HEAVY = {"torch", "rasterio", "sklearn", "scipy", "safetensors", "matplotlib", "jinja2"}
JOBS = [path.stem for path in (ROOT / "model" / "jobs").glob("*.py") if path.stem.replace("_", "") in ALGORITHMS]


def child(code: str, *arguments: str) -> str:
    return run_python(START + code, *arguments)


def test_start_imports_no_library():
    """They would make the start slow; how long it takes is measured by ``benchmarks/startup.py``."""
    assert child(f"print(*{HEAVY | {'numpy'}!r} & set(sys.modules) - before)").split() == []


def test_where_to_run_is_chosen_without_importing_a_library_or_starting_a_program():
    """So it costs little and can be asked before every run."""
    code = """
from scarp.running.core import choose_runtime
def started(event, _):
    if event in ("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system"):
        print(event)
sys.addaudithook(started)
needs = sys.argv[2].split()
choose_runtime(needs)
print(*{*needs, "numpy"} & set(sys.modules) - before)
"""
    assert child(code, "none", " ".join(HEAVY)).split() == []


def test_it_loads_without_a_window_and_unloads():
    assert child("plugin.unload(); print(QgsApplication.processingRegistry().providerById('scarp'))").strip() == "None"


NEEDS = {"trainpcum": "torch", "predictsusceptibility": "torch", "buildfactorstack": "rasterio"}
NEEDS |= {"validatewithpoints": "sklearn", "traincomparisonmodel": "torch,rasterio,sklearn,safetensors"}


@pytest.mark.parametrize(("algorithm", "blocked"), NEEDS.items())
def test_missing_libraries_are_named(algorithm, blocked):
    code = f"""
algorithm = provider.algorithm({algorithm!r})
print(len(provider.algorithms()))
print(algorithm.canExecute())
print(algorithm.create().checkParameterValues({{}}, QgsProcessingContext()))
try:
    algorithm.create().processAlgorithm({{}}, QgsProcessingContext(), QgsProcessingFeedback())
except QgsProcessingException as error:
    print(error)
"""
    number, can, checked, raised = child(code, blocked).strip().splitlines()
    assert int(number) >= 9
    assert can.startswith("(False") and checked.startswith("(False")
    for line in (can, checked, raised):
        assert all(package in line for package in blocked.replace("sklearn", "scikit-learn").split(","))
        assert "install" in line.lower() and "Traceback" not in line


@pytest.mark.parametrize("job", sorted(JOBS))
def test_each_algorithm_names_what_its_job_imports(plugin, job):
    needs = set(plugin.provider.algorithm(job.replace("_", "")).REQUIRED_MODULES)
    code = f"import sys, scarp.model.jobs.{job}; print(*{HEAVY!r} & set(sys.modules))"
    # scipy comes with scikit-learn and is also imported through it.
    assert set(run_python(code).split()) - needs <= ({"scipy"} if "sklearn" in needs else set())


def test_what_does_not_need_torch_runs_without_it():
    assert child("print(provider.algorithm('classifyzones').canExecute()[0])", "torch,sklearn").strip() == "True"


def test_a_library_that_cannot_be_loaded_is_named():
    message = load_error_message(ImportError("numpy.core.multiarray failed to import", name="torch"))
    assert message.startswith("torch is installed but cannot be loaded") and "NumPy" in message


def test_headless_install_command_is_shown_and_works():
    code = "from scarp.processing_provider.dependencies import install_hint; print(install_hint(['torch']))"
    said = child(code, "torch")
    assert "Plugins > Scarp > Install what Scarp needs" in said and "<a" not in said
    command = said.partition("Without a window: ")[2].strip()
    status, environment = command.replace(" install ", " status "), child_environment(PYTHONPATH="")
    shown = subprocess.run(["sh", "-c", status], capture_output=True, text=True, env=environment, check=False)
    assert shown.stdout.strip().splitlines()[:1] in (["absent"], ["ready"], ["half made"]), shown.stderr


def test_the_message_has_a_link_in_a_window_and_names_pip_for_optional_packages():
    assert f'<a href="{LINK}">' in install_hint(["torch", "rasterio"], link=True)
    said = install_hint(["distributed"])
    assert "-m pip install distributed" in said and "Install what Scarp needs" not in said


def test_while_the_libraries_are_being_installed_the_message_says_to_wait(run, monkeypatch):
    monkeypatch.setattr(dependencies, "has_window", lambda: True)
    ended = threading.Event()
    task = QgsTask.fromFunction(dependencies.installation_title(), lambda task: ended.wait(60))
    QgsApplication.taskManager().addTask(task)
    try:
        assert "being installed" in dependencies.install_hint(["torch"])
    finally:
        ended.set()
        task.waitForFinished(10_000)
    assert "Install what Scarp needs" in dependencies.install_hint(["torch"])


WINDOW = """
import json, os, sys
from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtWidgets import QMainWindow
application = QgsApplication([], True)
application.initQgis()

class Interface(QObject):
    initializationCompleted = pyqtSignal()
    def __init__(self):
        super().__init__()
        self.window, self.actions, self.docks = QMainWindow(), [], []
        self.bar = QgsMessageBar()
    def mainWindow(self):
        return self.window
    def messageBar(self):
        return self.bar
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
    for _ in range(60):
        application.processEvents()

interface = Interface()
before = set(sys.modules)
from scarp import classFactory
plugin = classFactory(interface)
"""


ARGUMENTS = """
from scarp import plugin as module
arguments = ["qgis"]
module.QCoreApplication = type("", (), {"arguments": staticmethod(lambda: arguments)})
"""


SHOWN = "interface.initializationCompleted.emit()"


def window(code: str):
    """Run code in a process with such a window; return what it prints, read as JSON."""
    return json.loads(run_python(f"{WINDOW}{code}\nsys.stdout.flush()\nos._exit(0)"))


@pytest.fixture(scope="module")
def everything(plugin) -> list[str]:
    """What a session without a window has."""
    return sorted(item.id() for item in plugin.provider.algorithms())


def test_algorithms_and_models_come_when_the_window_is_complete(everything):
    at_once, waited, complete = window(f"""
plugin.initGui()
at_once = there()
wait()
waited = there()
{SHOWN}
wait()
print(json.dumps([at_once, waited, there()]))
""")
    assert at_once == waited == []
    assert complete == everything


@pytest.mark.parametrize(
    "begin",
    [
        'arguments.append("place.qgz")',
        'arguments += ["--code", "script.py"]',
        'module.QgsSettings = lambda: type("", (), {"value": lambda *_, **__: 1})()',
    ],
)
def test_algorithms_are_there_at_once_when_a_project_or_script_may_call_them(everything, begin):
    models = {f"scarp:{path.stem}" for path in (ROOT / "resources" / "models").glob("*.model3")}
    at_once, complete = window(f"""
{ARGUMENTS}
{begin}
plugin.initGui()
at_once = there()
{SHOWN}
wait()
print(json.dumps([at_once, there()]))
""")
    assert models < set(everything)
    assert set(at_once) == set(everything) - models and complete == everything


def test_options_that_open_nothing_do_not_make_the_start_longer():
    code = f"""
{ARGUMENTS}
arguments += ["--nologo", "--profile", "office", "--lang", "de"]
plugin.initGui()
print(json.dumps(there()))
"""
    assert window(code) == []


def test_all_come_soon_when_the_plugin_is_enabled_later(everything):
    code = "interface.window.show(); plugin.initGui(); wait(); print(json.dumps(there()))"
    assert window(code) == everything


@pytest.mark.parametrize("moment", ["", SHOWN, f"{SHOWN}; application.processEvents()"])
def test_it_can_be_unloaded_at_any_moment(moment):
    left = window(f"""
plugin.initGui()
{moment}
plugin.unload()
{SHOWN}
wait()
print(json.dumps([there(), len(interface.actions)]))
""")
    assert left == [None, 0]


@pytest.mark.parametrize("moment", ["", SHOWN, f"{SHOWN}; application.processEvents()"])
def test_the_dock_can_have_all_at_once_at_any_moment(everything, moment):
    """It shows labels of the algorithms."""
    at_once, later = window(f"""
plugin.initGui()
{moment}
plugin.provider.load_now()
at_once = there()
wait()
print(json.dumps([at_once, there()]))
""")
    assert at_once == later == everything


def test_parts_are_done_one_a_turn_and_end_also_by_an_error_but_not_without_their_owner(qgis_app):
    seen, owner = [], QObject()

    def parts(last):
        yield seen.append(1)
        yield seen.append(2)
        last()

    run_in_parts(owner, parts(lambda: None), lambda: seen.append("end"))
    assert seen == [1]
    for _ in range(5):
        QgsApplication.processEvents()
    assert seen == [1, 2, "end"]

    seen.clear()
    with pytest.raises(ZeroDivisionError):
        run_in_parts(owner, (1 // 0 for _ in range(2)), lambda: seen.append("end"))
    assert seen == ["end"]

    seen.clear()
    run_in_parts(owner, parts(lambda: None), lambda: seen.append("end"))
    sip.delete(owner)
    for _ in range(5):
        QgsApplication.processEvents()
    assert seen == [1]


def test_refreshed_algorithms_are_not_doubled(everything):
    again = "plugin.provider.refreshAlgorithms()"
    code = f"plugin.initGui(); {SHOWN}; {again}; wait(); {again}; print(json.dumps(there()))"
    assert window(code) == everything


def test_the_start_imports_no_dialog_and_no_environment():
    names = '[name for name in set(sys.modules) - before if name.startswith("scarp")]'
    loaded = window(f"plugin.initGui(); print(json.dumps({names}))")
    assert "scarp.gui.menu" in loaded
    late = ("_dialog", "_page", "gui.steps")
    assert not [name for name in loaded if "scarp.environment" in name or name.endswith(late) or ".steps." in name]
    assert not [name for name in loaded if name.startswith(("scarp.algorithms", "scarp.model", "scarp.running"))]


def test_what_is_chosen_in_the_menu_ends_the_offer_to_start():
    counts = window(f"""
from qgis.core import QgsSettings
from scarp.gui.start import OFFERED
QgsSettings().remove(OFFERED)
plugin.initGui()
{SHOWN}
wait()
counts = [len(interface.bar.items())]
plugin.menu.show_tutorial()
counts.append(len(interface.bar.items()))
plugin.menu.show_tutorial()
print(json.dumps(counts))
""")
    assert counts == [1, 0]
