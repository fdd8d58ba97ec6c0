"""Every module of the plugin is imported on PyQt6, with stand-ins for QGIS that have the names of QGIS 4.2 and no more.

So what runs at the import, such as bodies of classes, signals and constants, fits Qt 6; what runs later does not show.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = json.loads(Path(__file__).with_name("qgis_names.json").read_text(encoding="utf-8"))
FOLDERS = ("algorithms", "environment", "gui", "processing_provider", "running")
DIALOGS = {
    "4.0": ("processing.gui.AlgorithmDialog", "AlgorithmDialog"),
    "4.2": ("processing.gui.algorithm_widget", "AlgorithmWidget"),
    "later": ("processing.gui.something_else", "Something"),
}
"""Module and class of the dialog of an algorithm by version of QGIS."""

IN_QT6 = """
import importlib, json, sys, types

names, modules, (dialog_module, dialog) = json.load(sys.stdin)


class Named(type):
    # A class of QGIS: its members exist, and it can be called and made a base.
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Named(name, (), {})

    def __or__(cls, other):
        return cls


class Package(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__") or f"{self.__name__}.{name}" not in names:
            raise AttributeError(f"{self.__name__} has no {name}")
        made = None if name == "iface" else Named(name, (), {})
        setattr(self, name, made)
        return made


def add(name, module=None):
    module = module or Package(name)
    module.__path__ = []
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)


for name in "qgis qgis.core qgis.gui qgis.analysis qgis.utils qgis.PyQt processing processing.gui".split():
    add(name)
for name in ("QtCore", "QtGui", "QtWidgets", "QtXml", "QtNetwork", "sip"):
    add(f"qgis.PyQt.{name}", importlib.import_module(f"PyQt6.{name}"))
# What qgis.PyQt keeps where Qt 5 had it.
import PyQt6.QtGui
for name in ("QAction", "QActionGroup", "QShortcut"):
    setattr(sys.modules["qgis.PyQt.QtWidgets"], name, getattr(PyQt6.QtGui, name))
add(dialog_module)
setattr(sys.modules[dialog_module], dialog, sys.modules["qgis.PyQt.QtWidgets"].QWidget)

failed = {}
for name in modules:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {error}"
form = sys.modules.get("scarp.gui.algorithm_dialog")
print(json.dumps([failed, getattr(getattr(form, "_Dialog", None), "__name__", None), "PyQt5" in sys.modules]))
"""


@pytest.mark.parametrize("version", DIALOGS)
def test_every_module_is_imported(version):
    if subprocess.run([sys.executable, "-c", "import PyQt6.QtWidgets"], capture_output=True).returncode:
        pytest.skip("PyQt6 is not installed")
    names = {f"{module}.{name}" for module, known in TABLE["everywhere"].items() for name in known}
    names |= {name for name, versions in TABLE["only"].items() if "4.2" in versions}
    found = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    # These two are programs.
    found = [path for path in found if path.name not in ("__main__.py", "inspect_python.py")]
    found += [Path("plugin.py"), Path("translation.py")]
    modules = [".".join(["scarp", *path.with_suffix("").parts]).removesuffix(".__init__") for path in found]
    given = json.dumps([sorted(names), modules, DIALOGS[version]])
    options = {"input": given, "capture_output": True, "text": True, "timeout": 240}
    result = subprocess.run([sys.executable, "-c", IN_QT6], **options)
    assert result.returncode == 0, result.stderr
    failed, dialog, has_qt5 = json.loads(result.stdout)
    assert not failed and not has_qt5 and len(modules) > 60
    assert dialog == {"4.0": "QWidget", "4.2": "QWidget", "later": None}[version]
