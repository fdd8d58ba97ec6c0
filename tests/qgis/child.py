"""QGIS in processes of its own: a Python that loads Scarp, and ``qgis_process``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ALGORITHMS = sorted(path.stem for path in (ROOT / "algorithms").glob("[a-z]*.py"))
"""Ids of all algorithms but the graphical models."""
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
"""
"""Makes the libraries in BLOCKED missing."""
# Debian 12 wraps qgis_process with an option that the program refuses; the program itself is fine.
PROGRAM = os.environ.get("SCARP_QGIS_PROCESS") or shutil.which("qgis_process.bin") or shutil.which("qgis_process")
needs_qgis_process = pytest.mark.skipif(not PROGRAM, reason="qgis_process is not installed")


def child_environment(profile: Path | None = None, **more: str) -> dict[str, str]:
    """Return the environment of a child process without a window.

    Args:
        profile: folder of a QGIS profile of its own.
        more: further variables.
    """
    plugins = str(ROOT / ".build" / "plugins")
    paths = [plugins, sysconfig.get_path("purelib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"QGIS_CUSTOM_CONFIG_PATH": str(profile), "HOME": str(profile)} if profile else {}
    fixed = {"QT_QPA_PLATFORM": "offscreen", "QGIS_PLUGINPATH": plugins, "PYTHONPATH": os.pathsep.join(paths)}
    return {**os.environ, **fixed, **own, **more}


def run_python(code: str, *arguments: str, environment: dict[str, str] | None = None, seconds: float = 120) -> str:
    """Run code in a Python of its own and return what it prints; after some seconds it counts as hung."""
    command = [sys.executable, "-c", code, *arguments]
    options = {"env": environment or child_environment(), "timeout": seconds, "encoding": "utf-8"}
    result = subprocess.run(command, capture_output=True, check=False, **options)
    assert result.returncode == 0, result.stderr + result.stdout
    assert "Traceback" not in result.stderr, result.stderr
    return result.stdout
