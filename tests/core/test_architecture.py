"""The walls of the house: who may import whom, and what must not stand in shipped code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scarp.model.worker import registry

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ("algorithms", "environment", "gui", "model", "processing_provider", "running")
"""The folders that go into the plugin zip, ``resources`` aside: it holds no code."""

ROOT_MODULES = ("__init__.py", "plugin.py", "translation.py")
STARTS_PROCESSES = ("environment", "running")
"""The only folders that may start another program: each does so with a list of arguments, never through a shell."""

TURNS_TEXT_INTO_CODE = {
    "ExecuteSQL",
    "setSubsetString",
    "setFilterExpression",
    "QgsExpression",
    "executescript",
    "executeSql",
}
"""Ways to have a text run as SQL or as an expression; a name or value that a user gave must never become one."""

STAGES = (
    "errors",
    "options",
    "memory",
    "progress",
    "safe_json",
    "outputs",
    "history",
    "cluster",
    "tables",
    "inputs",
    "grid",
    "statistics",
    "factors",
    "stack",
    "labels",
    "safety",
    "windows",
    "encoding",
    "networks",
    "loss",
    "training",
    "classical",
    "artifact_header",
    "artifact",
    "prediction",
    "zones",
    "validation",
    "warning",
    "comparison",
    "checks",
    "explanation",
    "report",
    "provenance",
    "jobs",
    "worker",
    "training_cli",
)
"""The way through the core: a stage imports only those before it, and itself."""

ASIDE = {"demo": {"errors", "progress", "outputs", "inputs", "grid", "safety"}}
"""Parts beside the way, and the stages they may use."""

NEVER_IN_CORE = {
    "qgis",
    "osgeo",
    "PyQt5",
    "PyQt6",
    "processing",
    "algorithms",
    "processing_provider",
    "plugin",
    "gui",
    "running",
    "environment",
    "translation",
}
LIBRARIES = {
    "torch",
    "numpy",
    "scipy",
    "rasterio",
    "affine",
    "sklearn",
    "safetensors",
    "matplotlib",
    "jinja2",
    "PIL",
    "distributed",
}
HEAVY = {"torch", "rasterio", "sklearn", "scipy", "matplotlib", "safetensors", "distributed"}


def shipped() -> list[Path]:
    files = [ROOT / name for name in ROOT_MODULES]
    return files + sorted(path for folder in SHIPPED for path in (ROOT / folder).rglob("*.py"))


def core() -> list[Path]:
    return sorted((ROOT / "model").rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Return what a file imports anywhere in it, relative imports resolved from the repository's root."""
    package = list(path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            found |= {".".join([*module, alias.name]) for alias in node.names}
    return found


def stage_of(module: str) -> str | None:
    """Return the stage of a module of the core, None for other modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "model" and len(parts) > 1 else None


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", core(), ids=ids)
def test_core_is_free_of_qgis_and_of_the_shell(path):
    tops = {module.split(".")[0] for module in imports_of(path)}
    assert not tops & NEVER_IN_CORE
    unknown = {top for top in tops - {"model", "__future__"} - LIBRARIES if top not in sys.stdlib_module_names}
    assert not unknown, "a library that the plugin does not say it needs"


@pytest.mark.parametrize("path", core(), ids=ids)
def test_a_stage_imports_only_earlier_ones(path):
    parts = path.relative_to(ROOT / "model").with_suffix("").parts
    own = parts[0]
    if own == "__init__":
        assert not imports_of(path) - {"__future__.annotations"}
        return
    used = {stage_of(module) for module in imports_of(path)} - {None, own}
    if own in ASIDE:
        assert used <= ASIDE[own]
        return
    assert own in STAGES, f"{own} has no place in the order of the stages"
    allowed = set(STAGES[: STAGES.index(own)])
    if own == "jobs":
        allowed |= set(ASIDE)
    assert used <= allowed


@pytest.mark.parametrize("path", shipped(), ids=ids)
def test_nothing_dangerous_ships(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        where = f"{ids(path)}:{getattr(node, 'lineno', 0)}"
        assert not isinstance(node, ast.Assert), f"{where}: assert is dropped by python -O"
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), f"{where}: bare except"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, where
        if isinstance(node, ast.Call):
            assert not [
                word
                for word in node.keywords
                if word.arg in ("shell", "allow_pickle") and ast.unparse(word.value) != "False"
            ], where
        if isinstance(node, ast.Attribute):
            assert node.attr not in TURNS_TEXT_INTO_CODE, f"{where}: {node.attr}"
            assert ast.unparse(node) not in {"torch.load", "os.system", "os.popen"}, where
    tops = {module.split(".")[0] for module in imports_of(path)}
    assert not tops & {"pickle", "marshal", "shelve", "joblib", "dill"}
    if path.relative_to(ROOT).parts[0] not in STARTS_PROCESSES:
        assert "subprocess" not in tops


@pytest.mark.parametrize("path", shipped(), ids=ids)
def test_qt_comes_through_qgis(path):
    assert not {module.split(".")[0] for module in imports_of(path)} & {"PyQt5", "PyQt6", "PySide2", "PySide6"}


@pytest.mark.parametrize("path", sorted((ROOT / "algorithms").glob("*.py")), ids=ids)
def test_the_shell_imports_the_heavy_core_only_when_it_runs(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_start = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    for node in at_start:
        module = getattr(node, "module", "") or ""
        assert not module.startswith("model.jobs"), f"{ids(path)}:{node.lineno}"
        names = {alias.name.split(".")[0] for alias in node.names} | {module.split(".")[0]}
        assert not names & HEAVY, f"{ids(path)}:{node.lineno}"


def test_light_modules_import_nothing_heavy():
    """What the shell reads choices and defaults from when QGIS starts."""
    light = (
        "errors",
        "options",
        "progress",
        "history.folder",
        "tables",
        "factors.definitions",
        "zones.schemes",
        "training.settings",
        "validation.settings",
        "warning.classes",
        "comparison.settings",
        "explanation.settings",
        "provenance.call",
        "provenance.map_tags",
    )
    code = "\n".join(
        [
            *(f"import scarp.model.{module}" for module in light),
            "import sys",
            f"print(*sorted(set(sys.modules) & {HEAVY | {'numpy'}!r}))",
        ]
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / ".build" / "plugins"), "PATH": "/usr/bin:/bin"},
    )
    assert result.stdout.strip() == ""


def core_modules_of_the_shell() -> list[str]:
    """Return what the shell imports from the core, anywhere in it."""
    found = set()
    for folder in ("algorithms", "gui", "processing_provider", "running"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for module in imports_of(path):
                parts = module.split(".")
                while parts[0] == "model" and len(parts) > 1:
                    place = ROOT.joinpath(*parts)
                    if place.with_suffix(".py").is_file() or (place / "__init__.py").is_file():
                        found.add(".".join(parts))
                        break
                    parts.pop()
    return sorted(found)


def test_the_shell_needs_no_library_but_numpy():
    """QGIS brings NumPy; all else may live in the private environment alone, where the core then runs."""
    modules = core_modules_of_the_shell()
    assert len(modules) > 10
    code = "\n".join(
        [
            *(f"import scarp.{module}" for module in modules),
            "import sys",
            f"print(*sorted(set(sys.modules) & {HEAVY | {'jinja2', 'PIL', 'affine'}!r}))",
        ]
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / ".build" / "plugins"), "PATH": "/usr/bin:/bin"},
    )
    assert result.stdout.strip() == ""


def test_the_shell_calls_jobs_by_their_names():
    """Through one door, so that a job runs in another process as well as here."""
    called = set()
    for folder in ("algorithms", "gui"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == "call"
                    and isinstance(node.func.value, ast.Attribute)
                    and node.func.value.attr == "core"
                ):
                    called.add(node.args[0].value)
    assert len(called) > 10
    for name in called:
        assert callable(registry.job(name))
