"""Which of the libraries that Scarp computes with are there, found without importing them."""

from __future__ import annotations

import importlib.util
import sys
from typing import Iterable

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
    return [PACKAGES.get(module, module) for module in modules if not _is_there(module)]


def how_to_install(packages: Iterable[str]) -> str:
    """Return what to tell the user when packages are missing.

    Args:
        packages: names as :func:`missing` returns them; at least one.
    """
    names = list(packages)
    them = "it" if len(names) == 1 else "them"
    command = f"-m pip install --user {' '.join(names)}"
    if sys.platform == "win32":
        how = f"Open the OSGeo4W Shell from the start menu and run: python {command}"
    elif sys.platform == "darwin":
        how = f"Open a terminal and run: /Applications/QGIS.app/Contents/MacOS/bin/python3 {command}"
    else:
        how = (f"Install {them} with your system's package manager, or in a virtual environment made with "
               f"--system-site-packages whose site-packages folder is in PYTHONPATH when QGIS starts: python3 "
               f"{command.replace(' --user', '')}")
    return (f"Scarp needs {_listed(names)} for this step, and the Python of QGIS does not have {them}. {how}. "
            "Then start QGIS again. Scarp's README, section \"Install into your own QGIS\", says more.")


def broken(error: Exception) -> str:
    """Return what to tell the user when a library is there but cannot be loaded."""
    name = getattr(error, "name", None) or "A library that Scarp needs"
    if name.split(".")[0] == __name__.split(".")[0]:
        return f"Scarp's own files are not complete ({error}). Install the plugin again."
    return (f"{name} is installed but cannot be loaded: {error}. Its version may not fit the NumPy or the Python of "
            "QGIS. Install it again, without letting it replace the NumPy that QGIS brings; Scarp's README says how.")


def _is_there(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
