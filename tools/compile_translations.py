"""Compile translations: ``resources/translations/*.ts`` to what is read at run time.

The texts of the interface become the ``.qm`` that Qt loads, by Qt's ``lrelease``; the messages of the core become the
``.messages`` beside it, JSON for ``model/languages.py``.

``./run`` calls this for what is missing or older than its source; the package always compiles them again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "resources" / "translations"
CORE = "Scarp core"
"""Context of the messages of the core."""
NAMES = ("lrelease", "lrelease-qt5", "lrelease-qt6", "lrelease6")
FOLDERS = ("/usr/lib/qt5/bin", "/usr/lib/qt6/bin")
"""Where Debian puts Qt's tools when ``qtchooser`` does not show them on the path."""


def compiler() -> str:
    """Return a working ``lrelease``.

    Raises:
        SystemExit: None of the places has one that starts.
    """
    candidates = [shutil.which(name) for name in NAMES] + [f"{folder}/lrelease" for folder in FOLDERS]
    for candidate in candidates:
        # qtchooser's lrelease is there even when the tool behind it is not.
        if (
            candidate
            and os.path.exists(candidate)
            and subprocess.run([candidate, "-version"], capture_output=True, check=False).returncode == 0
        ):
            return candidate
    raise SystemExit(
        "The translations cannot be compiled: Qt's lrelease is missing. On Debian and Ubuntu it is in the "
        "package qttools5-dev-tools, elsewhere in Qt's Linguist tools."
    )


def compile_one(source: Path, target: Path) -> None:
    """Compile one translation to a ``.qm`` and the ``.messages`` beside it; each atomically.

    Raises:
        SystemExit: ``lrelease`` refuses the file; its words are in the message.
    """
    tree = ElementTree.parse(source)
    found = messages_of(tree)
    for context in _core(tree):
        tree.getroot().remove(context)
    messages = target.with_suffix(".messages")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    interface = target.with_name(f".{os.getpid()}.{source.name}")
    try:
        tree.write(interface, encoding="utf-8", xml_declaration=True)
        outcome = subprocess.run(
            [compiler(), str(interface), "-qm", str(unfinished)], capture_output=True, text=True, check=False
        )
        if outcome.returncode != 0:
            raise SystemExit(f"{source} cannot be compiled: {outcome.stderr or outcome.stdout}")
        interface.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        os.replace(interface, messages)
        os.replace(unfinished, target)
    finally:
        for path in (unfinished, interface):
            path.unlink(missing_ok=True)


def messages_of(tree: ElementTree.ElementTree) -> list[tuple[str, str]]:
    """Return source and translation of the messages of the core that are finished."""
    found = []
    for message in (message for context in _core(tree) for message in context.iter("message")):
        translation = message.find("translation")
        if translation is not None and translation.text and not translation.get("type"):
            found.append((message.findtext("source", ""), translation.text))
    return found


def _core(tree: ElementTree.ElementTree) -> list[ElementTree.Element]:
    return [context for context in tree.getroot().iter("context") if context.findtext("name") == CORE]


def main(arguments: list[str]) -> None:
    """Compile the named sources, or all."""
    for source in [Path(name) for name in arguments] or sorted(SOURCES.glob("*.ts")):
        compile_one(source, source.with_suffix(".qm"))


if __name__ == "__main__":
    main(sys.argv[1:])
