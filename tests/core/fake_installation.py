"""Installations with tiny wheels in place of torch and the other libraries, so that pip takes a moment."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from scarp.environment import builds, install, lock, sources
from scarp.environment.failures import InstallFailed
from scarp.environment.install import Installer, Request
from scarp.environment.interpreter import PythonInfo, clean_environment, probe, qgis_interpreter
from scarp.environment.private import PrivateEnvironment
from scarp.environment.sources import Source

LIST = "# fake\nfakeraster==1.0\nfakelearn==2.0; python_version >= '3.9'\n"
SELF_TEST = """
import json, sys, torch, fakeraster, fakelearn
print(json.dumps({"python": sys.version.split()[0], "versions": {"torch": torch.__version__},
                  "cuda_build": None, "devices": [], "device_problem": "", "gdal": "0"}))
"""


def write_wheel(folder: Path, name: str, version: str, needs: tuple[str, ...] = (), code: str = "") -> Path:
    """Write a wheel of a package with one module."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}/__init__.py": code or f"__version__ = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{info}/RECORD"
    files[record] = "".join(f"{place},,\n" for place in [*files, record])
    with zipfile.ZipFile(path, "w") as archive:
        for place, content in files.items():
            archive.writestr(place, content)
    return path


def write_all(folder: Path, torch: str, **torch_options: str) -> Path:
    """Write wheels of everything that the fake list asks for."""
    write_wheel(folder, "torch", torch, **torch_options)
    write_wheel(folder, "fakeraster", "1.0")
    write_wheel(folder, "fakelearn", "2.0", needs=("fakeraster",))
    return folder


def write_index(folder: Path, wheels: Path) -> str:
    """Write the pages of a package index for a folder of wheels, with their hashes; return its address."""
    for name in {wheel.name.partition("-")[0] for wheel in wheels.glob("*.whl")}:
        page = folder / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        files = sorted(wheels.glob(f"{name}-*.whl"))
        links = [f'<a href="{wheel.as_uri()}#sha256={digest(wheel)}">{wheel.name}</a>' for wheel in files]
        page.write_text(f"<html><body>{''.join(links)}</body></html>")
    return folder.as_uri()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_lock(file: Path, wheels: Path) -> None:
    """Write the lock of a folder of wheels, without torch."""
    lines = ["# fake"]
    for wheel in sorted(wheels.glob("fake*.whl")):
        name, version = wheel.name.split("-")[:2]
        lines.append(f"{name}=={version} ; python_version >= '3.9' \\\n    --hash=sha256:{digest(wheel)}")
    file.write_text("\n".join(lines) + "\n")
    forget_hashes()


def tamper(wheel: Path) -> None:
    """Change a wheel where unpacking does not notice: in the comment of the archive."""
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.comment = b"a"


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def plain_info() -> PythonInfo:
    """Return the Python here, without the settings of its pip."""
    return replace(probe(qgis_interpreter()), configuration={})


def torch_version() -> str:
    return builds.torch_version(plain_info().target)


def with_pip(folder: Path, info: PythonInfo) -> Path:
    """Create an environment with pip and nothing else."""
    subprocess.run([str(info.interpreter.executable), "-m", "venv", str(folder)], check=True, env=clean_environment())
    return folder


def use_fakes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let installations use a list of fake libraries, a self-test that imports them, and an empty lock."""
    (folder / "libraries.txt").write_text(LIST)
    (folder / "self_test.py").write_text(SELF_TEST)
    monkeypatch.setattr(builds, "LIBRARIES", folder / "libraries.txt")
    monkeypatch.setattr(install, "SELF_TEST_SCRIPT", folder / "self_test.py")
    monkeypatch.setattr(lock, "LOCK", folder / "libraries.lock")
    write_lock(lock.LOCK, folder / "none")


def use_indexes(folder: Path, torch: Path, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let installations use folders of wheels in place of PyTorch's index and the public one."""
    address = write_index(folder / "index of torch", torch)
    monkeypatch.setattr(builds, "index_of_torch", lambda build: address)
    always = {**sources.ALWAYS, "PIP_INDEX_URL": write_index(folder / "index", public)}
    monkeypatch.setattr(sources, "ALWAYS", always)


def forget_hashes() -> None:
    """Clear the cached hashes of the lists."""
    builds.requirements_hash.cache_clear()
    lock.lock_hash.cache_clear()


class Attempt:
    """One attempt at an installation, with its output; it cancels itself after a line that ``cancel`` accepts."""

    def __init__(self, info: PythonInfo, folder: Path, source: Source, build: str, cancel=lambda line: False) -> None:
        self.environment = PrivateEnvironment(folder)
        self.request = Request(info, build, source, self.environment)
        self.lines: list[str] = []
        self.reports: list[tuple[float, str]] = []
        self.stop = False
        self.cancel = cancel

    def line(self, text: str) -> None:
        self.lines.append(text)
        self.stop = self.stop or self.cancel(text)

    def run(self) -> dict:
        return Installer(self.request, self.line, lambda *report: self.reports.append(report), lambda: self.stop).run()

    def start_with(self, base: Path) -> Attempt:
        """Let it find an environment that already has pip."""
        shutil.copytree(base, self.environment.folder, symlinks=True)
        done = {"key": self.request.key, "made_with": self.request.base_key, "done": ["make", "pip"]}
        self.environment.write_progress_record(done)
        return self

    def fail(self, message: str, *missing: str) -> None:
        """Run; it must fail with the message and leave an incomplete environment without some libraries."""
        with pytest.raises(InstallFailed, match=message):
            self.run()
        assert self.environment.python is None
        assert self.missing(*missing) == list(missing)

    def missing(self, *modules: str) -> list[str]:
        return self.environment.missing(modules)

    @property
    def wheels(self) -> list[str]:
        return sorted(path.name for path in self.request.wheels.glob("*"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
