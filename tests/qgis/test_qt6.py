"""Written for Qt 6 as well: enums by their full names, nothing that Qt 6 took away, every Qt name there in PyQt6."""

from __future__ import annotations

import ast
import enum
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("algorithms", "environment", "gui", "processing_provider", "running", "tools", "tests/qgis", "tests/gui")
FILES = [ROOT / "plugin.py", ROOT / "translation.py", *(path for one in FOLDERS for path in (ROOT / one).rglob("*.py"))]
GONE = """
exec_: exec, QRegExp: QRegularExpression, QRegExpValidator: QRegularExpressionValidator, QDesktopWidget: QScreen,
qApp: QApplication.instance(), QTextCodec: str.encode, setTextCodec: setEncoding, setMargin: setContentsMargins,
globalPos: globalPosition, MidButton: MiddleButton, TextColorRole: ForegroundRole, BackgroundColorRole: BackgroundRole,
QWebView: QTextBrowser, HighQualityAntialiasing: Antialiasing, resources_rc: files by their path,
AA_EnableHighDpiScaling: nothing, AA_UseHighDpiPixmaps: nothing
"""
GONE = dict(pair.strip().split(": ") for pair in GONE.split(","))
"""What PyQt6 does not have, and what to write for it."""

MOVED = {"QAction": "QtGui", "QActionGroup": "QtGui", "QShortcut": "QtGui"}
"""Classes that went to another module; qgis.PyQt keeps them where they were."""

PLAIN = (bool, int, float, str, bytes)

# Run with PyQt6 alone: two Qts do not fit into one process.
IN_QT6 = """
import importlib, json, sys
missing = []
for module, chain in json.load(sys.stdin):
    try:
        value = importlib.import_module(f"PyQt6.{module}")
        for name in chain:
            value = getattr(value, name)
    except (ImportError, AttributeError) as error:
        missing.append(f"{module}.{'.'.join(chain)}: {error}")
print(json.dumps(missing))
"""


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def names_from_qgis(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Return module and name by the name under which a file imports something of QGIS or Qt."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "qgis":
            found.update({alias.asname or alias.name: (node.module, alias.name) for alias in node.names})
    return found


def chains(tree: ast.Module) -> Iterator[tuple[int, list[str]]]:
    """Yield line and names of every ``a.b.c`` in a file, the inner ones too."""
    for node in ast.walk(tree):
        names, inner = [], node
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        if names and isinstance(inner, ast.Name):
            yield node.lineno, [inner.id, *names]


def resolved(module: str, names: list[str]):
    value = importlib.import_module(module)
    for name in names:
        value = getattr(value, name, None)
    return value


def without_its_enum(module: str, names: list[str]) -> bool:
    """Tell whether a chain ends in a member of an enum and goes there past the enum itself."""
    value, holder = resolved(module, names), resolved(module, names[:-1])
    is_member = isinstance(value, (int, enum.Enum)) and type(value) not in PLAIN
    return is_member and type(value) is not holder


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_members_are_named_with_their_enum(path):
    tree = tree_of(path)
    imported = names_from_qgis(tree)
    for line, (first, *rest) in chains(tree):
        if first in imported:
            module, name = imported[first]
            assert not without_its_enum(module, [name, *rest]), f"{ids(path)}:{line}: {'.'.join([first, *rest])}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_nothing_that_qt6_took_away(path):
    if path == Path(__file__):
        return
    for node in ast.walk(tree_of(path)):
        where = f"{ids(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in GONE, f"{where}: write {GONE[node.attr]}"
            # QVariant.Type is PyQt5's alone, and QGIS's own checker refuses any mention of it.
            assert not (node.attr == "Type" and isinstance(node.value, ast.Name) and node.value.id == "QVariant"), where
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            assert not {alias.name for alias in node.names} & set(GONE), where
            modules = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module or ""}
            assert not {module.split(".")[0] for module in modules} & {"PyQt5", "PyQt6", "sip"}, where
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "addAction":
            assert len(node.args) < 4, f"{where}: PyQt6 orders these arguments differently"


def test_every_qt_name_is_there_in_pyqt6():
    wanted = set()
    for path in FILES:
        tree = tree_of(path)
        names = names_from_qgis(tree)
        of_qt = {name: one for name, one in names.items() if one[0].startswith("qgis.PyQt.")}
        imported = {name: (module.split(".")[2], original) for name, (module, original) in of_qt.items()}
        wanted |= {(module, (original,)) for module, original in imported.values()}
        for _, (first, *rest) in chains(tree):
            # Only names of classes and enums: what starts small is a method, and QGIS adds some to PyQt.
            if not rest or not all(name[0].isupper() for name in rest):
                continue
            if first in imported:
                module, original = imported[first]
                wanted.add((module, (original, *rest)))
            elif names.get(first, ("", ""))[0] == "qgis.PyQt":
                wanted.add((first, tuple(rest)))
    own = ("QVariant", "NULL", "pyqtSignal", "pyqtSlot")
    wanted = {(MOVED.get(chain[0], module), chain) for module, chain in wanted if chain[0] not in own}
    assert len(wanted) > 30
    if subprocess.run([sys.executable, "-c", "import PyQt6.QtWidgets"], capture_output=True).returncode:
        pytest.skip("PyQt6 is not installed")
    options = {"input": json.dumps(sorted(wanted)), "capture_output": True, "text": True, "timeout": 60}
    result = subprocess.run([sys.executable, "-c", IN_QT6], **options)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []
