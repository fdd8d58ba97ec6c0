"""Rules for imports that neither ruff nor the import contracts in pyproject.toml can state."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from scarp.model import jobs

ROOT = Path(__file__).resolve().parents[2]
SHELL = ("algorithms", "gui", "processing_provider", "running")
SHIPPED = (*SHELL, "environment", "model")
RUN_AS_CODE = set("ExecuteSQL setSubsetString setFilterExpression QgsExpression executescript executeSql".split())
"""Ways to run a text as SQL or as an expression; a name or value from the user must never become one."""
DECLARED = set("torch numpy scipy rasterio affine sklearn safetensors matplotlib jinja2 PIL distributed".split())
DECLARED |= {"threadpoolctl", "pyflwdir"}  # a part of scikit-learn; optional, for flow routing
HEAVY = DECLARED - {"numpy"}


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports_of(path: Path) -> set[str]:
    """Return what a file imports anywhere in it, relative imports resolved from the repository's root."""
    package, found = list(path.relative_to(ROOT).parts[:-1]), set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            found |= {".".join([*module, alias.name]) for alias in node.names}
    return found


def loaded_by(modules: list[str], of: set[str]) -> str:
    """Return which libraries are loaded when a fresh Python imports some modules."""
    code = f"import {', '.join(f'scarp.{module}' for module in modules)}, sys; print(*set(sys.modules) & {of!r})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".build" / "plugins")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return result.stdout.strip()


def test_core_uses_declared_libraries_only():
    tops = {module.split(".")[0] for path in files("model") for module in imports_of(path)}
    assert tops - {"model", "__future__"} - DECLARED <= set(sys.stdlib_module_names)


def test_no_text_is_run_as_code():
    for path in files(*SHIPPED):
        for node in nodes(path):
            assert getattr(node, "attr", None) not in RUN_AS_CODE, f"{path}:{node.lineno}"


def test_the_shell_needs_no_library_but_numpy():
    """QGIS brings NumPy; all else may live in the private environment alone, where the core then runs."""
    modules = set()
    for path in files(*SHELL):
        for name in imports_of(path):
            while name.startswith("model."):
                place = ROOT.joinpath(*name.split("."))
                if place.with_suffix(".py").is_file() or (place / "__init__.py").is_file():
                    modules.add(name)
                    break
                name = name.rpartition(".")[0]
    assert len(modules) > 10
    assert loaded_by(sorted(modules), HEAVY) == ""


def test_the_tests_of_the_core_need_no_qgis():
    """As they run on a Windows Python; here QGIS may be there, so that an import of it would not show."""
    modules = {name for path in files("tests/core", "tests/golden") for name in imports_of(path)}
    shell = sorted(name for name in modules if name.startswith(tuple(f"scarp.{folder}." for folder in SHELL)))
    code = """
import importlib, sys

sys.modules["qgis"] = None
for name in sys.argv[1:]:
    module, _, member = name.rpartition(".")
    getattr(importlib.import_module(module), member)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".build" / "plugins")}
    command = [sys.executable, "-c", code, *shell]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    assert shell and not any(name.split(".")[0] == "qgis" for name in modules)


def test_the_shell_calls_jobs_by_name():
    """Through ``core.call("job", …)`` alone, so that a job runs in another process as well as here."""
    calls = [node for path in files("algorithms", "gui") for node in nodes(path) if isinstance(node, ast.Call)]
    # ScarpAlgorithm.call passes a name on.
    named = [call.args[0] for call in calls if ast.unparse(call.func).endswith("core.call")]
    named += [call.args[1] for call in calls if ast.unparse(call.func) == "self.call"]
    names = {name.value for name in named if isinstance(name, ast.Constant)}
    assert len(names) > 10
    assert all(callable(jobs.job(name)) for name in names)
