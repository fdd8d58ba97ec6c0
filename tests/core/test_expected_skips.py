"""A skip that nobody expects fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


@pytest.mark.parametrize(("reason", "status"), [("glibc only", 0), ("not today", 1)])
def test_only_expected_skips_pass(tmp_path, reason, status):
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "expected_skips.txt"):
        (tmp_path / "tests" / name).write_text(CONFTEST.with_name(name).read_text(encoding="utf-8"), encoding="utf-8")
    test = f"import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n"
    (tmp_path / "tests" / "test_it.py").write_text(test, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "SCARP_ALLOW_SKIPS"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:pytest_qgis", "-p", "no:cacheprovider", "tests"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == status, result.stdout + result.stderr
    assert ("Unexpected skips" in result.stdout and reason in result.stdout) == bool(status)
