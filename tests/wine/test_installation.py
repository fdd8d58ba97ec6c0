"""The installer with the real libraries: a folder of wheels becomes an environment that passes its self-test."""

from __future__ import annotations

import subprocess

from scarp.environment.__main__ import main
from scarp.environment.private import EnvironmentState


def test_a_folder_of_wheels_becomes_an_environment_that_is_ready(installed):
    environment = installed.environment
    assert environment.status().state is EnvironmentState.READY, environment.status().reason
    proof = installed.record["proof"]
    assert {"numpy", "torch", "rasterio", "sklearn", "scipy", "matplotlib"} <= set(proof["versions"])
    assert not proof["device_problem"] and proof["gdal"]
    assert not any((environment.folder / name).exists() for name in ("wheels", "tmp"))


def test_its_python_finds_the_libraries_of_the_environment_alone(installed):
    code = "import sys, torch, rasterio; print(torch.__file__, rasterio.__file__, sep='\\n'); print(sys.prefix)"
    command = [str(installed.environment.executable), "-I", "-X", "utf8", "-c", code]
    variables = installed.environment.variables()
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=variables, check=True)
    folder = str(installed.environment.folder).lower()
    assert all(line.lower().startswith(folder) for line in done.stdout.split("\n")[:3]), done.stdout


def test_the_command_line_tells_that_it_is_ready(installed, capsys):
    assert main(["status", "--folder", str(installed.environment.folder)]) == 0
    assert str(installed.environment.python) in capsys.readouterr().out
