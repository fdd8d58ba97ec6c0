"""The provider loads without the libraries, and says which are missing."""

from __future__ import annotations

import subprocess
import threading

import pytest
from qgis.core import QgsApplication, QgsTask

from scarp.processing_provider import dependencies
from scarp.processing_provider.dependencies import LINK, install_hint, load_error_message
from scarp.tests.qgis.child import ROOT, child_environment, run_python

START = """
import sys
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsProcessingException
application = QgsApplication([], False)
application.initQgis()
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
BLOCKED = set(sys.argv[1].split(",")) if len(sys.argv) > 1 else set()
sys.meta_path.insert(0, Blocker())
# QGIS itself imports NumPy from 3.40 on.
before = set(sys.modules)
from scarp import classFactory
plugin = classFactory(None)
plugin.initProcessing()
provider = QgsApplication.processingRegistry().providerById("scarp")
"""


HEAVY = {"torch", "rasterio", "sklearn", "scipy", "safetensors", "matplotlib", "jinja2"}
ALGORITHMS = {path.stem for path in (ROOT / "algorithms").glob("*.py")}
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


@pytest.mark.parametrize(
    ("blocked", "algorithm", "packages"),
    [
        ("torch", "trainpcum", ["torch"]),
        ("torch", "predictsusceptibility", ["torch"]),
        ("rasterio", "buildfactorstack", ["rasterio"]),
        ("sklearn", "validatewithpoints", ["scikit-learn"]),
        ("torch,rasterio,sklearn,safetensors", "trainpcum", ["torch", "rasterio", "scikit-learn", "safetensors"]),
    ],
)
def test_missing_libraries_are_named(blocked, algorithm, packages):
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
    assert can.startswith("(False")
    assert checked.startswith("(False")
    for line in (can, checked, raised):
        for package in packages:
            assert package in line
        assert "install" in line.lower()
        assert "Traceback" not in line


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
    assert message.startswith("torch is installed but cannot be loaded")
    assert "NumPy" in message


def test_headless_install_command_is_shown_and_works():
    code = "from scarp.processing_provider.dependencies import install_hint; print(install_hint(['torch']))"
    said = child(code, "torch")
    assert "Plugins > Scarp > Install what Scarp needs" in said
    assert "<a" not in said
    command = said.partition("Without a window: ")[2].strip()
    status, environment = command.replace(" install ", " status "), child_environment(PYTHONPATH="")
    shown = subprocess.run(["sh", "-c", status], capture_output=True, text=True, env=environment, check=False)
    assert shown.stdout.strip().splitlines()[:1] in (["absent"], ["ready"], ["half made"]), shown.stderr


def test_in_a_window_the_message_has_a_link():
    assert f'<a href="{LINK}">' in install_hint(["torch", "rasterio"], link=True)


def test_optional_packages_are_installed_with_pip():
    said = install_hint(["distributed"])
    assert "-m pip install distributed" in said
    assert "Install what Scarp needs" not in said


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
