"""Collects all texts of the interface: literals in the code, and texts that only a run shows.

A dialog's texts are literals in ``tr("…")``. Titles, summaries, labels and help of algorithms and graphical models
reach ``tr`` as values, so all of them are created once while a translator records what it is asked for.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from qgis.PyQt.QtCore import QCoreApplication, QTranslator

PACKAGE = Path(__file__).resolve().parent.parent
NOT_SHIPPED = {"tests", "tools", "benchmarks", "docs"}
PASSES_VALUES = {
    "algorithms/base/algorithm.py",
    "algorithms/base/legends.py",
    "algorithms/base/parameters.py",
    "gui/algorithm_dialog.py",
    "processing_provider/graphical_models.py",
}
"""Where ``tr`` takes values instead of literals: texts that algorithms state, and that models and styles hold."""


class Recorder(QTranslator):
    """Translates nothing and records the texts asked for, with their algorithms."""

    def __init__(self, context: str) -> None:
        super().__init__()
        self.place = ""
        self.places: dict[str, list[str]] = defaultdict(list)
        self._context = context

    def isEmpty(self) -> bool:  # noqa: N802  # Qt's name
        """Return False, or Qt would not ask."""
        return False

    def translate(self, context: str, text: str, disambiguation: str | None = None, number: int = -1) -> None:
        """Note the text; None lets Qt take the source."""
        if context == self._context and self.place not in self.places[text]:
            self.places[text].append(self.place)


def texts(plugin: Any) -> tuple[dict[str, str], list[str]]:
    """Return the places of each text of the interface, and the errors in the code.

    Args:
        plugin: Scarp, loaded, with its own translator taken out.
    """
    literal, faults = in_code()
    shown, composed = in_algorithms(plugin.provider)
    places: dict[str, list[str]] = defaultdict(list)
    for source in (literal, shown, in_styles()):
        for text, names in source.items():
            places[text] += names
    return {text: _listed(names) for text, names in sorted(places.items()) if _has_words(text)}, faults + composed


def in_code() -> tuple[dict[str, list[str]], list[str]]:
    """Return the files of each literal that the code gives to ``tr``, and calls that take something else."""
    found: dict[str, list[str]] = defaultdict(list)
    faults = []
    for path in sources():
        name = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = _constants(tree)
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not _is_tr(call.func):
                continue
            literals = list(_literals(call.args[0], constants)) if len(call.args) == 1 else []
            if isinstance(call.func, ast.Attribute):
                faults.append(
                    f"{name}:{call.lineno}: import tr from translation.py and call it by its name; the tr() "
                    "of Qt's objects looks elsewhere."
                )
            elif not literals and name not in PASSES_VALUES:
                faults.append(
                    f"{name}:{call.lineno}: tr() takes one literal text here, with values put in afterwards: "
                    'tr("{n} files").format(n=3)'
                )
            for text in literals:
                if name not in found[text]:
                    found[text].append(name)
    return found, faults


def in_algorithms(provider: Any) -> tuple[dict[str, list[str]], list[str]]:
    """Return the ids of each text that algorithms and models show, and texts that were put together before ``tr``."""
    recorder = Recorder("Scarp")
    QCoreApplication.installTranslator(recorder)
    try:
        recorder.place = "scarp"
        provider.longName()
        for algorithm in provider.algorithms():
            recorder.place = algorithm.id()
            fresh = algorithm.create()
            if hasattr(fresh, "translate_texts"):
                # A graphical model, which otherwise does this only where there is a translation.
                fresh.translate_texts()
            for text in (fresh.displayName, fresh.group, fresh.shortDescription, fresh.shortHelpString):
                text()
    finally:
        QCoreApplication.removeTranslator(recorder)
    whole = _strings_of_models() | {text for path in sources() for text in _strings(path)}
    composed = [
        f"{', '.join(places)}: a text is put together before tr() sees it: {text!r}"
        for text, places in recorder.places.items()
        if text not in whole
    ]
    return recorder.places, composed


def in_styles() -> dict[str, list[str]]:
    """Return the files of each label in the styles."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((PACKAGE / "resources" / "styles").glob("*.qml")):
        for node in ElementTree.parse(path).iter():
            label = node.get("label")
            name = path.relative_to(PACKAGE).as_posix()
            # A number with its unit is the same everywhere.
            if label and sum(map(str.isalpha, label)) > len("mm") and name not in found[label]:
                found[label].append(name)
    return found


def sources() -> list[Path]:
    """Return the Python files that ship."""
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if not any(part in NOT_SHIPPED or part.startswith(".") for part in path.relative_to(PACKAGE).parts)
    ]


def _is_tr(function: ast.expr) -> bool:
    """Return whether a call is one of ``tr``; ``self.tr`` of a Qt object would be, in a context of its own."""
    return "tr" in (getattr(function, "id", ""), getattr(function, "attr", ""))


def _literals(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """Yield the texts that an argument of ``tr`` can be; none when that cannot be said from the code alone."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]
    elif isinstance(node, ast.IfExp):
        both = [list(_literals(side, constants)) for side in (node.body, node.orelse)]
        if all(both):
            yield from both[0] + both[1]


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module names at its top, such as ``CSV = "CSV (*.csv)"``."""
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.isupper()
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _strings(path: Path) -> Iterator[str]:
    """Yield all strings of a file that are written out whole."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _strings_of_models() -> set[str]:
    """Return what the graphical models hold, with and without the default that closes a help text."""
    from scarp.algorithms.base.algorithm import split_help

    found = set()
    for path in sorted((PACKAGE / "resources" / "models").glob("*.model3")):
        for element in ElementTree.parse(path).getroot().iter("Option"):
            text = element.get("value", "")
            found |= {text, split_help(text)[0]}
    return found


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _listed(names: list[str]) -> str:
    """Return the first places of a text."""
    unique = sorted(dict.fromkeys(names))
    return ", ".join(unique[:3]) + (" …" if len(unique) > 3 else "")
