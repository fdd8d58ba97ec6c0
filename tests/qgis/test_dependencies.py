"""The provider loads without the libraries, and says which are missing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
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


def child(code: str, *arguments: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT / ".build" / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
        "QT_QPA_PLATFORM": "offscreen",
    }
    result = subprocess.run(
        [sys.executable, "-c", START + code, *arguments], capture_output=True, text=True, env=environment, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_start_imports_no_library():
    """They are what would make the start slow; how long it takes is measured by ``benchmarks/startup.py``."""
    code = "print(*{'torch', 'rasterio', 'sklearn', 'scipy', 'numpy', 'matplotlib'} & set(sys.modules) - before)"
    assert child(code).split() == []


def test_where_to_run_is_chosen_without_importing_a_library_or_starting_a_program():
    """So it costs little and can be asked before every run."""
    code = """
from scarp.running.interpreter import choose_runtime
def started(event, _):
    if event in ("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system"):
        print(event)
sys.addaudithook(started)
needs = ["torch", "rasterio", "sklearn", "scipy", "safetensors", "matplotlib", "jinja2"]
choose_runtime(needs)
print(*{*needs, "numpy"} & set(sys.modules) - before)
"""
    assert child(code).split() == []


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


@pytest.mark.parametrize(
    ("algorithm", "job"),
    [
        ("createdemodata", "create_demo_data"),
        ("buildfactorstack", "build_factor_stack"),
        ("checkfactors", "check_factors"),
        ("buildbufferedlabels", "build_buffered_labels"),
        ("buildsafetyfactor", "build_safety_factor"),
        ("trainpcum", "train_pcum"),
        ("traincomparisonmodel", "train_comparison_model"),
        ("predictsusceptibility", "predict_susceptibility"),
        ("classifyzones", "classify_zones"),
        ("rainfallwarning", "rainfall_warning"),
        ("validatewithpoints", "validate_with_points"),
        ("comparemodels", "compare_models"),
        ("explainsusceptibility", "explain_susceptibility"),
    ],
)
def test_each_algorithm_says_what_its_job_imports(plugin, algorithm, job):
    needs = set(plugin.provider.algorithm(algorithm).REQUIRED_MODULES)
    heavy = {"torch", "rasterio", "sklearn", "scipy", "safetensors", "matplotlib", "jinja2"}
    code = f"import sys, scarp.model.jobs.{job}; print(*{heavy!r} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".build" / "plugins")},
    )
    imported = set(result.stdout.split())
    # scipy comes with scikit-learn and is also imported through it.
    assert imported - needs <= ({"scipy"} if "sklearn" in needs else set())


def test_what_does_not_need_torch_runs_without_it():
    assert child("print(provider.algorithm('classifyzones').canExecute()[0])", "torch,sklearn").strip() == "True"


def test_a_library_that_cannot_be_loaded_is_named():
    from scarp.processing_provider.dependencies import load_error_message

    message = load_error_message(ImportError("numpy.core.multiarray failed to import", name="torch"))
    assert message.startswith("torch is installed but cannot be loaded")
    assert "NumPy" in message


def test_headless_install_command_is_shown_and_works(tmp_path):
    code = """
from scarp.processing_provider.dependencies import how_to_install
print(how_to_install(["torch"], link=False))
"""
    said = child(code, "torch")
    assert "Plugins > Scarp > Install what Scarp needs" in said
    assert "<a" not in said
    command = said.partition("Without a window: ")[2].strip()
    shown = subprocess.run(
        ["sh", "-c", command.replace(" install ", " status ")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert shown.stdout.strip().splitlines()[:1] in (["absent"], ["ready"], ["half made"]), shown.stderr


def test_in_a_window_the_message_has_a_link():
    from scarp.processing_provider.dependencies import LINK, how_to_install

    assert f'<a href="{LINK}">' in how_to_install(["torch", "rasterio"], link=True)


def test_what_the_environment_does_not_hold_is_added_by_name():
    from scarp.processing_provider.dependencies import how_to_install

    said = how_to_install(["distributed"])
    assert "-m pip install distributed" in said
    assert "Install what Scarp needs" not in said


def test_while_the_libraries_are_being_installed_the_message_says_to_wait(run, monkeypatch):
    from qgis.core import QgsApplication, QgsTask

    from scarp.processing_provider import dependencies

    monkeypatch.setattr(dependencies, "has_window", lambda: True)
    ended = threading.Event()
    task = QgsTask.fromFunction(dependencies.installing(), lambda task: ended.wait(60))
    QgsApplication.taskManager().addTask(task)
    try:
        assert "being installed" in dependencies.how_to_install(["torch"])
    finally:
        ended.set()
        task.waitForFinished(10_000)
    assert "Install what Scarp needs" in dependencies.how_to_install(["torch"])
