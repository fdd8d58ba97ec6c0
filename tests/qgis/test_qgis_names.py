"""Every name of QGIS's Python API in the product is there in all supported versions of QGIS.

``qgis_names.json`` says which names which version has: taken from QGIS 3.22 and 3.40 themselves, from the type stubs
of 3.44 and of 4 (qgis-stubs 0.5.0), and for 4.2 from the Processing plugin in QGIS's repository. Where one of these
versions runs the tests, the table is compared with it. A new name goes into the table after a look at all of them.
"""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from qgis.core import Qgis

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("algorithms", "environment", "gui", "model", "processing_provider", "running")
FILES = [ROOT / "plugin.py", ROOT / "translation.py", *(path for one in FOLDERS for path in (ROOT / one).rglob("*.py"))]
TABLE = json.loads(Path(__file__).with_name("qgis_names.json").read_text(encoding="utf-8"))
VERSIONS = set(TABLE["versions"])
EVERYWHERE = {f"{module}.{name}" for module, names in TABLE["everywhere"].items() for name in names}
ONLY = {name: set(versions) for name, versions in TABLE["only"].items()}
PACKAGES = ("qgis.core", "qgis.gui", "qgis.analysis", "qgis.server", "qgis.utils", "processing")


def is_of_qgis(name: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in PACKAGES)


def imports(tree: ast.AST, guarded: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield the imports below a node, and whether an ImportError of each is caught."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, guarded
        caught = [handler.type for handler in node.handlers if handler.type] if isinstance(node, ast.Try) else []
        caught += [item.context_expr for item in node.items] if isinstance(node, ast.With) else []
        names = {name.id for part in caught for name in ast.walk(part) if isinstance(name, ast.Name)}
        yield from imports(node, guarded or bool(names & {"ImportError", "ModuleNotFoundError"}))


def used(source: str) -> dict[str, bool]:
    """Return the names of QGIS in a file, such as ``qgis.core.Qgis.version``; True for those that may be missing."""
    tree, found, local = ast.parse(source), {}, {}
    for node, guarded in imports(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names = {alias.asname or alias.name: alias.name for alias in node.names}
        else:
            continue
        names = {name: full for name, full in names.items() if is_of_qgis(full)}
        found.update(dict.fromkeys(names.values(), guarded))
        local.update({name: (full, guarded) for name, full in names.items()})
    for node in ast.walk(tree):
        names, inner = [], node
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        if names and isinstance(inner, ast.Name) and inner.id in local:
            full, guarded = local[inner.id]
            found[".".join([full, *names])] = guarded
    # Modules are not names in the table, and what an object such as iface has is not known before it is there.
    return {name: guarded for name, guarded in found.items() if name not in PACKAGES and ".iface." not in name}


def missing(source: str) -> set[str]:
    """Return the names in a file that a supported QGIS lacks, or that are not in the table."""
    return {name for name, guarded in used(source).items() if name not in EVERYWHERE and not (guarded and name in ONLY)}


def test_every_name_is_there_in_every_supported_qgis():
    found = {str(path.relative_to(ROOT)): missing(path.read_text(encoding="utf-8")) for path in FILES}
    lacking = {path: sorted(names) for path, names in found.items() if names}
    assert not lacking, (
        f"Look these up in QGIS {', '.join(sorted(VERSIONS))} and add them to qgis_names.json: {lacking}"
    )


def test_a_name_that_only_some_versions_have_is_used():
    names = {name for path in FILES for name in used(path.read_text(encoding="utf-8"))}
    assert set(ONLY) <= names and all(versions < VERSIONS for versions in ONLY.values()) and not EVERYWHERE & set(ONLY)


CASES = [
    ("from qgis.core import QgsProject", set()),
    ("from qgis import core\ncore.QgsProject.instance()", set()),
    ("from qgis.core import QgsNoSuchClass", {"qgis.core.QgsNoSuchClass"}),
    ("from qgis import core\ncore.Qgis.NoSuchEnum.One", {"qgis.core.Qgis.NoSuchEnum", "qgis.core.Qgis.NoSuchEnum.One"}),
    ("import qgis.core as c\nc.QgsNoSuchClass()", {"qgis.core.QgsNoSuchClass"}),
    ("from processing.gui.AlgorithmDialog import AlgorithmDialog", {"processing.gui.AlgorithmDialog.AlgorithmDialog"}),
    ("def f():\n    import processing.gui.Missing", {"processing.gui.Missing"}),
    ("try:\n    from processing.gui.AlgorithmDialog import AlgorithmDialog\nexcept ImportError:\n    pass", set()),
    ("try:\n    from processing.gui.Gone import A\nexcept ImportError:\n    pass", {"processing.gui.Gone.A"}),
    ("with suppress(ImportError):\n    from processing.gui.algorithm_widget import AlgorithmWidget", set()),
    ("try:\n    from qgis.gui import QgsB\nexcept ValueError:\n    pass", {"qgis.gui.QgsB"}),
]


@pytest.mark.parametrize(("source", "expected"), CASES)
def test_names_that_are_not_there_are_found(source, expected):
    assert missing(source) == expected


def resolves(name: str) -> bool:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def test_the_table_is_right_for_the_qgis_that_runs(run):
    version = ".".join(Qgis.version().split(".")[:2])
    if version not in VERSIONS:
        pytest.skip(f"QGIS {version} is not in the table")
    expected = EVERYWHERE | {name for name, versions in ONLY.items() if version in versions}
    assert {name for name in EVERYWHERE | set(ONLY) if resolves(name)} == expected
