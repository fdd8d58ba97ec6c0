"""Compile translations: ``resources/translations/*.ts`` to the ``.qm`` that Qt loads, with Qt's ``lrelease``.

``./run`` calls this for what is missing or older than its source; the package always compiles them again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "resources" / "translations"
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
    """Compile one translation; atomically.

    Raises:
        SystemExit: ``lrelease`` refuses the file; its words are in the message.
    """
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    outcome = subprocess.run(
        [compiler(), str(source), "-qm", str(unfinished)], capture_output=True, text=True, check=False
    )
    if outcome.returncode != 0:
        unfinished.unlink(missing_ok=True)
        raise SystemExit(f"{source} cannot be compiled: {outcome.stderr or outcome.stdout}")
    os.replace(unfinished, target)


def main(arguments: list[str]) -> None:
    """Compile the named sources, or all."""
    for source in [Path(name) for name in arguments] or sorted(SOURCES.glob("*.ts")):
        compile_one(source, source.with_suffix(".qm"))


if __name__ == "__main__":
    main(sys.argv[1:])
