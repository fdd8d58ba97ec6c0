"""Scarp's private environment: its folder, state, modules and removal.

An environment is complete only with its completion record, which is written last. Everything here reads files and
starts no process, so it can be called before every run.
"""

from __future__ import annotations

import enum
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import builds
from .i18n import tr
from .interpreter import clean_environment

NAME = f"py{sys.version_info[0]}{sys.version_info[1]}"  # one environment for each Python: several QGIS share a folder
COMPLETE_FILE = "scarp-environment.json"  # completion record, written last
# Progress record, written first: marks the folder as Scarp's and lists the completed steps.
PROGRESS_FILE = "scarp-environment.begun"
LOG = "scarp-install.log"
FORMAT = 1
RETRY_SECONDS = 3.0 if os.name == "nt" else 0.0  # for a record that a virus scanner holds


class EnvironmentState(enum.Enum):
    """State of the environment in a folder; incomplete while an installation is under way or after it stopped."""

    ABSENT = "absent"
    INCOMPLETE = "half made"
    OUTDATED = "stale"
    READY = "ready"


@dataclass(frozen=True)
class Status:
    """State of an environment, with a reason when it is outdated."""

    state: EnvironmentState
    reason: str = ""


def default_folder() -> Path:
    """Return the folder of the environment: the one chosen in the dialog, or one in the user's QGIS profile."""
    # On Windows, paths in the profile get too long, and roaming profiles are copied from computer to computer.
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    try:
        from qgis.core import QgsApplication, QgsSettings
    except ImportError:
        return Path(local or Path.home() / ".local" / "share") / "scarp" / NAME
    chosen = QgsSettings().value("scarp/environment/folder", "")
    if chosen:
        return Path(str(chosen))
    return Path(local or QgsApplication.qgisSettingsDirPath()) / "scarp" / NAME


class PrivateEnvironment:
    """The environment in a folder, which need not exist; ``qgis_version`` is that of QGIS's Python."""

    def __init__(self, folder: Path, qgis_version: tuple[int, ...] = sys.version_info[:2]) -> None:
        self.folder = Path(folder)
        self.qgis_version = tuple(qgis_version[:2])

    @property
    def executable(self) -> Path:
        """Where its Python executable is or will be."""
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def python(self) -> Path | None:
        """Its Python executable when the environment is ready, else None."""
        return self.executable if self.status().state is EnvironmentState.READY else None

    @property
    def site_packages(self) -> Path | None:
        """The folder of its packages, None when there is none."""
        pattern = "Lib/site-packages" if sys.platform == "win32" else "lib/python3*/site-packages"
        return next((path for path in sorted(self.folder.glob(pattern)) if path.is_dir()), None)

    @property
    def log(self) -> Path:
        """The log of the installation, beside the folder so that it survives removal."""
        return self.folder.parent / LOG

    def completion_record(self) -> dict[str, Any]:
        """Return the completion record; empty when there is no readable one."""
        return _read(self.folder / COMPLETE_FILE)

    def progress_record(self) -> dict[str, Any]:
        """Return the progress record; empty when there is no readable one."""
        return _read(self.folder / PROGRESS_FILE)

    def variables(self) -> dict[str, str]:
        """Return all environment variables for starting its Python."""
        return clean_environment(self.completion_record().get("variables") or self.progress_record().get("variables"))

    def missing(self, modules: Iterable[str]) -> list[str]:
        """Return those of the modules that are not in it, without starting its Python."""
        packages = self.site_packages
        return [module for module in modules if packages is None or not _has(packages, module)]

    def status(self) -> Status:
        """Return the state of the environment."""
        record = self.completion_record()
        if not record:
            begun = (self.folder / PROGRESS_FILE).is_file()
            return Status(EnvironmentState.INCOMPLETE if begun else EnvironmentState.ABSENT)
        reason = self._outdated_reason(record)
        return Status(EnvironmentState.OUTDATED if reason else EnvironmentState.READY, reason)

    def _outdated_reason(self, record: dict[str, Any]) -> str:
        if not self.executable.is_file():
            return tr("Its Python cannot be found: QGIS was upgraded or removed, or the folder was moved.")
        if record.get("format") != FORMAT or record.get("list") != builds.requirements_hash():
            return tr("The environment was made for another version of Scarp.")
        base = record.get("base", "")
        # Windows copies a launcher into the environment; elsewhere its Python is a link to the base Python.
        same = os.path.isfile(base) if sys.platform == "win32" else os.path.realpath(self.executable) == base
        if not same:
            return tr("The Python it was created with is gone or was replaced.")
        made_for = record.get("qgis_python")
        if made_for and tuple(made_for) != self.qgis_version:
            old, new = (".".join(map(str, version)) for version in (made_for, self.qgis_version))
            return tr("It was made with Python {old}; QGIS now runs on Python {new}.").format(old=old, new=new)
        return ""

    def is_scarp_environment(self) -> bool:
        """Return whether Scarp created the folder, so that it may be changed or removed."""
        return (self.folder / COMPLETE_FILE).is_file() or (self.folder / PROGRESS_FILE).is_file()

    def is_foreign(self) -> bool:
        """Return whether the folder holds something else."""
        return not self.is_scarp_environment() and self.folder.is_dir() and any(self.folder.iterdir())

    def write_progress_record(self, record: dict[str, Any]) -> None:
        """Write the completed steps of an installation; the environment is no longer complete."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.folder / PROGRESS_FILE, record)
        (self.folder / COMPLETE_FILE).unlink(missing_ok=True)

    def write_completion_record(self, record: dict[str, Any]) -> None:
        """Mark the environment as complete."""
        _write(self.folder / COMPLETE_FILE, {"format": FORMAT, "list": builds.requirements_hash(), **record})

    def remove_executables(self) -> None:
        """Remove its Pythons, which lead to the base Python, so that ``venv`` makes them anew; the libraries stay."""
        for path in self.executable.parent.glob("python*"):
            path.unlink()

    def remove(self) -> None:
        """Delete the environment, if there is one; raises OSError for a file in use or a folder that is not Scarp's."""
        if not self.folder.exists():
            return
        if not self.is_scarp_environment():
            raise OSError(tr("{folder} was not created by Scarp and stays as it is.").format(folder=self.folder))
        # The completion record goes first, so that a removal that fails midway leaves nothing that looks complete, and
        # the progress record last, so that the removal can be repeated.
        record = self.folder / PROGRESS_FILE
        if not record.is_file():
            _write(record, {})
        (self.folder / COMPLETE_FILE).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != record:
                path.unlink()
        record.unlink()
        self.folder.rmdir()


def _has(packages: Path, module: str) -> bool:
    name = module.split(".")[0]
    if (packages / name / "__init__.py").is_file() or (packages / f"{name}.py").is_file():
        return True
    return any(packages.glob(f"{name}.*.so")) or any(packages.glob(f"{name}.*.pyd"))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    end = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.1)
