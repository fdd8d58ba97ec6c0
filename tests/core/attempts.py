"""Tries at making the environment with tiny wheels, for the tests of the installation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scarp.environment import builds, lock, plan
from scarp.environment.inspection import PythonInfo, probe
from scarp.environment.install import Installer
from scarp.environment.interpreter import clean_environment, qgis_interpreter
from scarp.environment.plan import Request
from scarp.environment.private import PrivateEnvironment
from scarp.environment.sources import Source
from scarp.tests.core.wheels import write_lists, write_lock


def plain_facts() -> PythonInfo:
    """Return the Python here; without the settings that pip has on this computer."""
    found = probe(qgis_interpreter())
    return type(found)(**{**found.__dict__, "configuration": {}})


def with_pip(folder: Path, facts: PythonInfo) -> Path:
    """Make an environment with pip and nothing else."""
    subprocess.run([str(facts.interpreter.executable), "-m", "venv", str(folder)], check=True, env=clean_environment())
    return folder


def use_fakes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the installation ask for fake libraries, prove that it can import them, and have an empty lock."""
    libraries, proof = write_lists(folder)
    write_lock(folder / "libraries.lock", folder / "none")
    monkeypatch.setattr(builds, "LIBRARIES", libraries)
    monkeypatch.setattr(plan, "SELF_TEST_SCRIPT", proof)
    monkeypatch.setattr(lock, "LOCK", folder / "libraries.lock")
    forget()


def forget() -> None:
    """Forget the hashes of the lists, for they were changed."""
    builds.requirements_hash.cache_clear()
    lock.lock_hash.cache_clear()


class Attempt:
    """One try, with what it said."""

    def __init__(
        self, facts, folder: Path, source: Source, build: str = builds.BUILD_OF_SOURCE, cancel=lambda line: False
    ):
        self.environment = PrivateEnvironment(folder)
        self.lines: list[str] = []
        self.reports: list[tuple[float, str]] = []
        self.stop = False
        self.cancel = cancel
        self.request = Request(facts, build, source, self.environment)

    def line(self, text: str) -> None:
        self.lines.append(text)
        self.stop = self.stop or self.cancel(text)

    def run(self):
        return Installer(
            self.request, self.line, lambda share, text: self.reports.append((share, text)), lambda: self.stop
        ).run()

    def start_with(self, base: Path) -> Attempt:
        """Let it find an environment in which pip is already."""
        shutil.copytree(base, self.environment.folder, symlinks=True)
        self.environment.write_progress_record(
            {"key": self.request.key, "made_with": self.request.base_key, "done": ["make", "pip"]}
        )
        return self

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
