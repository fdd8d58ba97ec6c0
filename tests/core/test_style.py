"""The checks that the plugin repository runs on what ships: flake8 at 120 columns, and bandit without ``-ll``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = [
    "__init__.py",
    "plugin.py",
    "translation.py",
    "algorithms",
    "environment",
    "gui",
    "model",
    "processing_provider",
    "running",
]


def check(module: str, *arguments: str) -> None:
    pytest.importorskip(module)
    outcome = subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_flake8_has_nothing_to_say():
    check("flake8", "--max-line-length", "120", *OURS, "tests", "tools", "benchmarks")


def test_bandit_has_nothing_to_say():
    check("bandit", "-q", "-r", *OURS)
