"""Which of the libraries that Scarp needs are installed, found without importing them, and how to install them."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication

from ..translation import tr
from .settings import has_window

# scarp.environment is imported in functions: QGIS loads this module at its start, which must cost little.

LINK = "scarp:install"  # address of the dialog that installs the libraries
OPTIONAL = {"distributed", "pyflwdir"}
"""Packages that only a Dask cluster and flow routing need, and that the private environment does not contain."""
PACKAGES = {"sklearn": "scikit-learn"}  # package to install, where its name differs from that of the module


def missing(modules: Iterable[str]) -> list[str]:
    """Return the packages to install for the modules that Python does not find."""
    return [PACKAGES.get(module, module) for module in modules if not _is_importable(module)]


def _is_importable(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


@functools.cache
def has_other_gdal() -> bool:
    """Whether rasterio would run inside QGIS on another GDAL than the one that it was built for and brings.

    On Linux the GDAL of QGIS's program answers for one of the same name in a package. Where that is an older one,
    rasterio misreads what it does not know, such as int8 before GDAL 3.7, without an error.
    """
    spec = None
    if sys.platform.startswith("linux") and _is_importable("rasterio"):
        spec = importlib.util.find_spec("rasterio")
    brought = list(Path(spec.origin).parent.parent.glob("rasterio.libs/libgdal*")) if spec and spec.origin else []
    version = _gdal_of_the_program() if brought else None
    return version is not None and not any(library.name.endswith(f".{version}") for library in brought)


def _gdal_of_the_program() -> str | None:
    """Return the version of the GDAL that all libraries of this process see, None if there is none."""
    version_info = getattr(ctypes.CDLL(None), "GDALVersionInfo", None)
    if version_info is None:
        return None
    version_info.argtypes, version_info.restype = [ctypes.c_char_p], ctypes.c_char_p
    return str(version_info(b"RELEASE_NAME").decode())


def install_hint(packages: Iterable[str], link: bool = False) -> str:
    """Return the message for missing packages, named as by :func:`missing`; with ``link`` as HTML with a link."""
    from ..environment.interpreter import qgis_python
    from ..environment.private import EnvironmentState, PrivateEnvironment, default_folder

    names = list(packages)
    listed = names[0]
    if len(names) > 1:
        listed = tr("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])
    environment = PrivateEnvironment(default_folder())
    if set(names) <= OPTIONAL:
        python = environment.python or qgis_python() or "python3"
        text = tr("This needs {names}, which Scarp does not install by itself. Add it with: {command}")
        return text.format(names=listed, command=f'"{python}" -m pip install {" ".join(names)}')
    need = tr("Scarp needs {names} for this step.").format(names=listed)
    manager: Any = QgsApplication.taskManager() if has_window() else None
    if manager and any(task.description() == installation_title() for task in manager.activeTasks()):
        wait = tr(
            "It is being installed; the bar at the bottom of QGIS's window shows the progress. Open the step "
            "again when that is done."
        )
        return f"{need} {wait}"
    entry = tr("Plugins > Scarp > Install what Scarp needs…")
    how = tr("Choose {entry}: it installs what is missing beside QGIS, whose own packages it does not change.")
    status = environment.status()
    parts = [need, *([status.reason] if status.state is EnvironmentState.OUTDATED else [])]
    parts.append(how.format(entry=f'<a href="{LINK}">{entry}</a>' if link else entry))
    if not has_window():
        parts.append(tr("Without a window: {command}").format(command=command_line(environment)))
    return " ".join(parts)


def installation_title() -> str:
    """Return the name of the installation among QGIS's tasks."""
    return tr("Scarp: install libraries")


def command_line(environment: Any) -> str:
    """Return the command that creates a private environment without a window."""
    from ..environment.interpreter import qgis_python

    # Not resolved: Python must find a link named scarp, whatever the folder behind it is called.
    plugins = Path(__file__).absolute().parent.parent.parent
    change = "cd /d" if sys.platform == "win32" else "cd"
    python = qgis_python() or "python3"
    return f'{change} "{plugins}" && "{python}" -m scarp.environment install --folder "{environment.folder}"'


def load_error_message(error: Exception) -> str:
    """Return the message for a library that is installed but cannot be loaded."""
    name = getattr(error, "name", None) or tr("A library that Scarp needs")
    if name.split(".")[0] == __name__.split(".")[0]:
        return tr("Scarp's own files are not complete ({error}). Install the plugin again.").format(error=error)
    text = tr(
        "{name} is installed but cannot be loaded: {error}. Its version may not fit the NumPy or the Python of "
        "QGIS. Let Scarp compute in an environment of its own: Plugins > Scarp > Install what Scarp needs…"
    )
    return text.format(name=name, error=error)
