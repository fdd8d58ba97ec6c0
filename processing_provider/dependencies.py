"""Which of the libraries that Scarp computes with are there, found without importing them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication

from ..translation import tr
from .settings import has_window

# The environment is imported where it is asked about: QGIS loads this module when it starts, which should cost little.

LINK = "scarp:install"
"""Address of the dialog that installs the libraries."""

OPTIONAL = {"distributed"}
"""Packages that only a Dask cluster needs, and that the private environment does not hold by itself."""

PACKAGES = {
    "torch": "torch",
    "rasterio": "rasterio",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "safetensors": "safetensors",
    "matplotlib": "matplotlib",
    "jinja2": "jinja2",
    "distributed": "distributed",
}
"""Package to install by the module that is imported."""


def missing(modules: Iterable[str]) -> list[str]:
    """Return the packages to install for the modules that Python does not find."""
    return [PACKAGES.get(module, module) for module in modules if not _is_importable(module)]


def how_to_install(packages: Iterable[str], link: bool = False) -> str:
    """Return what to tell the user when packages are missing.

    Args:
        packages: names as :func:`missing` returns them; at least one.
        link: make the menu entry a link, for windows that show HTML; ``gui/menu.py`` opens it.
    """
    from ..environment.private import PrivateEnvironment, State, default_folder

    names = list(packages)
    if set(names) <= OPTIONAL:
        return _pip_hint(names)
    entry = tr("Plugins > Scarp > Install what Scarp needs…")
    if link:
        entry = f'<a href="{LINK}">{entry}</a>'
    need = tr("Scarp needs {names} for this step.").format(names=_listed(names))
    if has_window() and _is_installing():
        wait = tr(
            "It is being installed; the bar at the bottom of QGIS's window shows how far it is. Open the step "
            "again when that is done."
        )
        return f"{need} {wait}"
    how = tr("Choose {entry}: it installs what is missing beside QGIS, whose own packages it does not change.").format(
        entry=entry
    )
    environment = PrivateEnvironment(default_folder())
    status = environment.status()
    parts = [need, status.reason, how] if status.state is State.OUTDATED else [need, how]
    if not has_window():
        parts.append(tr("Without a window: {command}").format(command=command_line(environment)))
    return " ".join(parts)


def installing() -> str:
    """Return what QGIS calls the installation among its tasks."""
    return tr("Scarp: install libraries")


def _is_installing() -> bool:
    return any(task.description() == installing() for task in QgsApplication.taskManager().activeTasks())


def command_line(environment: Any) -> str:
    """Return the command that makes a private environment without a window."""
    from ..environment.interpreter import qgis_python

    # Not resolved: a link named scarp is what Python must find, whatever the folder behind it is called.
    plugins = Path(__file__).absolute().parent.parent.parent
    change = "cd /d" if sys.platform == "win32" else "cd"
    return (
        f'{change} "{plugins}" && "{qgis_python() or "python3"}" -m scarp.environment install --folder '
        f'"{environment.folder}"'
    )


def load_error_message(error: Exception) -> str:
    """Return what to tell the user when a library is there but cannot be loaded."""
    name = getattr(error, "name", None) or tr("A library that Scarp needs")
    if name.split(".")[0] == __name__.split(".")[0]:
        return tr("Scarp's own files are not complete ({error}). Install the plugin again.").format(error=error)
    return tr(
        "{name} is installed but cannot be loaded: {error}. Its version may not fit the NumPy or the Python of "
        "QGIS. Let Scarp compute in an environment of its own: Plugins > Scarp > Install what Scarp needs…"
    ).format(name=name, error=error)


def _pip_hint(names: list[str]) -> str:
    """Return how to add what the environment does not hold by itself."""
    from ..environment.interpreter import qgis_python
    from ..environment.private import PrivateEnvironment, default_folder

    python = PrivateEnvironment(default_folder()).python or qgis_python() or "python3"
    return tr("This needs {names}, which Scarp does not install by itself. Add it with: {command}").format(
        names=_listed(names), command=f'"{python}" -m pip install {" ".join(names)}'
    )


def _is_importable(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return tr("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])
