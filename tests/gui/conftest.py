"""Starts a real QGIS with a new profile on a virtual screen and plays a scenario in it.

Pictures and results stay in ``.build/gui/SCENARIO``; ``SCARP_GUI_ARTEFACTS`` names another folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
ARTEFACTS = Path(os.environ.get("SCARP_GUI_ARTEFACTS") or ROOT / ".build" / "gui")
LIMIT = 900
"""Seconds a scenario may take before it counts as hung; on a quiet machine each takes one or two minutes."""


@pytest.fixture(scope="session")
def package(tmp_path_factory) -> Path:
    """The plugin as users get it: the zip."""
    path = tmp_path_factory.mktemp("package") / "scarp.zip"
    command = [sys.executable, str(ROOT / "tools" / "package.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def qgis_program() -> str:
    """The real program: Debian 12 wraps it."""
    program = shutil.which("qgis.bin") or shutil.which("qgis")
    if program is None or shutil.which("xvfb-run") is None:
        pytest.skip("QGIS's window or xvfb-run is not installed")
    return program


@pytest.fixture
def play(package, qgis_program, tmp_path):
    """Return a function that plays a scenario in a QGIS of its own and returns what it found."""

    def run(scenario: str, **environment: str) -> dict[str, Any]:
        folder = ARTEFACTS / scenario
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        away = ("QT_QPA_PLATFORM", "QGIS_PLUGINPATH", "SCARP_RUN")
        variables = {name: value for name, value in os.environ.items() if name not in away}
        variables.update(QGIS_CUSTOM_CONFIG_PATH=str(tmp_path / "profile"), SCARP_GUI_SCENARIO=scenario)
        variables.update(SCARP_GUI_PACKAGE=str(package), SCARP_GUI_FOLDER=str(folder))
        variables.update(SCARP_GUI_DATA=str(tmp_path / "data"), SCARP_STATE=str(tmp_path / "state"))
        # QGIS names layers of temporary files in another way.
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        variables.update(TMPDIR=str(temporary))
        # The libraries, and nothing of the checkout: the plugin comes from the zip.
        paths = [str(HERE / "window"), str(HERE / "scenarios"), sysconfig.get_path("purelib")]
        variables.update({"PYTHONPATH": os.pathsep.join(paths), **environment})
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1500x950x24"]
        command = [*screen, qgis_program, "--nologo", "--noversioncheck", "--code", str(HERE / "window" / "begin.py")]
        log = folder / "qgis.log"
        with log.open("w", encoding="utf-8") as stream:
            output = {"stdout": stream, "stderr": subprocess.STDOUT}
            try:
                subprocess.run(command, env=variables, timeout=LIMIT, cwd=tmp_path, **output)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{scenario} did not end within {LIMIT} s; see {folder}")
        result = folder / "result.json"
        assert result.is_file(), f"QGIS ended without a result:\n{log.read_text(encoding='utf-8')[-3000:]}"
        read = json.loads(result.read_text(encoding="utf-8"))
        assert not read["error"], f"{read['error']}\nPictures and log: {folder}"
        for picture in read["pictures"]:
            assert (folder / picture).stat().st_size > 2000, f"{picture} shows nothing"
        return read["found"]

    return run
