"""What the tests for Windows share. There is no QGIS: where the way to the worker process asks it, stand-ins answer."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scarp.environment import builds
from scarp.environment.install import Installer, Request
from scarp.environment.interpreter import probe, qgis_interpreter
from scarp.environment.private import PrivateEnvironment
from scarp.environment.sources import Source, SourceKind


class _StandIn(types.ModuleType):
    """A module of QGIS; classes that are only imported are empty ones."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


if importlib.util.find_spec("qgis") is None:
    for name in ("qgis", "qgis.core", "qgis.PyQt", "qgis.PyQt.QtCore", "qgis.PyQt.QtGui"):
        sys.modules[name] = _StandIn(name)
    english = {"translate": staticmethod(lambda context, text: text)}
    sys.modules["qgis.PyQt.QtCore"].QCoreApplication = type("QCoreApplication", (), english)


class Installed:
    """The environment that the installer made, its record and its output."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.environment, self.lines = PrivateEnvironment(folder), []
        source = Source(SourceKind.FOLDER, wheels)
        request = Request(probe(qgis_interpreter()), builds.BUILD_OF_SOURCE, source, self.environment)
        self.record = Installer(request, self.lines.append, lambda share, text: None, lambda: False).run()


@pytest.fixture(scope="session")
def installed() -> Iterator[Installed]:
    """An environment with all libraries, from the folder of wheels that SCARP_WHEELS names.

    Of NumPy it takes the version that lies there: newer ones do not run under Wine.
    """
    wheels = os.environ.get("SCARP_WHEELS")
    if not wheels:
        pytest.skip("Windows wheels are in the folder that SCARP_WHEELS names.")
    numpy = next(Path(wheels).glob("numpy-*.whl")).name.split("-")[1]
    lines = builds.LIBRARIES.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("numpy==")]
    # The folders of pytest are deeper than torch allows.
    with (
        tempfile.TemporaryDirectory(prefix="s", ignore_cleanup_errors=True) as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        (folder / "libraries.txt").write_text("\n".join([f"numpy=={numpy}", *kept]), encoding="utf-8")
        patch.setattr(builds, "LIBRARIES", folder / "libraries.txt")
        builds.requirements_hash.cache_clear()
        yield Installed(folder / "py", Path(wheels))
    builds.requirements_hash.cache_clear()
