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


def run_python(code: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run code in a Python of its own and return what it prints."""
    command = [sys.executable, "-c", code, *arguments]
    env = environment or child_environment()
    result = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=120, env=env, check=False
    )
    assert result.returncode == 0, result.stderr + result.stdout
    assert "Traceback" not in result.stderr, result.stderr
    return result.stdout
