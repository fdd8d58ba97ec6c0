"""The checks that the plugin repository runs on what ships: flake8 at 120 columns, and bandit without ``-ll``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ["algorithms", "environment", "gui", "model", "processing_provider", "running"]
# E203 contradicts ruff's format of slices; ruff checks the length of lines, without comments for tools.
COMMANDS = {"flake8": ["--extend-ignore", "E203,E501"], "bandit": ["-q", "-r"]}


@pytest.mark.parametrize("program", COMMANDS)
def test_checks_of_the_plugin_repository_pass(program):
    files = ["__init__.py", "plugin.py", "translation.py", *FOLDERS]
    command = [sys.executable, "-m", program, *COMMANDS[program], *files]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
