"""The Python executable that QGIS runs on, other ones on this computer, and the environment variables they get.

``sys.executable`` does not answer this: inside QGIS it is ``qgis-bin.exe`` on Windows and the application itself on
macOS (QGIS issue 66672), and starting that opens a second QGIS. The rules below follow what QGIS's packages contain:

* Windows (OSGeo4W and the standalone installer): ``<root>\\apps\\Python312\\python.exe``, which is ``sys.prefix``. The
  copy in ``<root>\\bin`` is no good: its standard library is not beside it, so an environment made with it cannot
  start (QGIS issue 49228). Conda has ``python.exe`` in ``sys.prefix`` as well.
* macOS: ``QGIS.app/Contents/MacOS/bin/python3`` or, in newer packages, ``QGIS.app/Contents/MacOS/python3.12``. The
  newer ones are moved after they were built and find their standard library only through ``PYTHONHOME``.
* Linux, Flatpak, Snap, Conda: ``bin/python3.x`` below ``sys.base_prefix``, else ``sys.executable``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Callable

from .i18n import tr

OLDEST = (3, 9)
NEWEST = (3, 14)
"""Versions of Python for which Scarp's list of libraries has builds."""

PYTHON_VARIABLES = frozenset(
    "PYTHONHOME PYTHONPATH PYTHONEXECUTABLE PYTHONSTARTUP PYTHONPLATLIBDIR PYTHONUSERBASE PYTHONINSPECT PYTHONDEBUG "
    "PYTHONWARNINGS __PYVENV_LAUNCHER__ VIRTUAL_ENV CONDA_PREFIX QGIS_PREFIX_PATH QT_PLUGIN_PATH GDAL_DATA "
    "GDAL_DRIVER_PATH PROJ_LIB PROJ_DATA GEOTIFF_CSV".split()
)
"""Variables that QGIS's launchers set for QGIS. In another Python they lead to the wrong standard library, the wrong
packages, or to data files of another GDAL and PROJ than the one that rasterio brings."""


@dataclass(frozen=True)
class Layout:
    """What a Python knows of itself; tests make layouts of systems that are not there."""

    platform: str = sys.platform
    version: tuple[int, int] = sys.version_info[:2]
    executable: str = sys.executable or ""
    base_executable: str = getattr(sys, "_base_executable", "") or ""
    prefix: str = sys.prefix
    base_prefix: str = sys.base_prefix
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    is_file: Callable[[str], bool] = os.path.isfile

    def path(self, *parts: str) -> PurePath:
        """Join parts in the manner of the layout's system."""
        return PureWindowsPath(*parts) if self.platform == "win32" else PurePosixPath(*parts)


@dataclass(frozen=True)
class Interpreter:
    """A Python to make an environment with."""

    executable: Path
    home: Path | None = None
    """What ``PYTHONHOME`` must be for it to find its standard library; None for a Python that finds it by itself."""
    own: bool = True
    """Whether QGIS runs on it."""

    def variables(self) -> dict[str, str]:
        """Return the variables it needs beside those of :func:`clean_environment`."""
        return {"PYTHONHOME": str(self.home)} if self.home else {}


def qgis_python() -> Path | None:
    """Return the Python executable that QGIS runs on, or None when none is found."""
    found = qgis_interpreter()
    return found.executable if found else None


def qgis_interpreter(layout: Layout | None = None) -> Interpreter | None:
    """Return the Python that QGIS runs on, with what it needs to start.

    Args:
        layout: of the running Python unless given.
    """
    here = layout or Layout()
    for candidate in _own_candidates(here):
        if here.is_file(str(candidate)):
            return Interpreter(Path(str(candidate)), _home(here, candidate))
    return None


def other_interpreters(layout: Layout | None = None) -> list[Interpreter]:
    """Return Pythons beside QGIS's own, for the case that QGIS's own cannot make an environment.

    The worker is a process of its own, so that any supported Python serves. Only places in which Python's own
    installers, Homebrew and Linux distributions put one are looked at.
    """
    here = layout or Layout()
    own = qgis_interpreter(here)
    found = []
    for candidate in _other_candidates(here):
        if here.is_file(str(candidate)) and (own is None or Path(str(candidate)) != own.executable):
            found.append(Interpreter(Path(str(candidate)), own=False))
    return found


def clean_environment(
    extra: Mapping[str, str] | None = None, variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return environment variables for a Python that is not QGIS's embedded one.

    ``PATH`` stays as it is: on Windows the C runtime that Python itself is linked to is found through it.

    Args:
        extra: set afterwards, such as :meth:`Interpreter.variables`.
        variables: ``os.environ`` unless given.
    """
    # Windows ignores the case of names, and os.environ there has them in capitals.
    kept = {
        name: value
        for name, value in (os.environ if variables is None else variables).items()
        if name.upper() not in PYTHON_VARIABLES
    }
    # Packages in the user's own folder must not get in front of those of the environment.
    kept.update({"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"})
    kept.update(extra or {})
    return kept


def dll_folder(
    interpreter: Interpreter,
    is_dir: Callable[[str], bool] = os.path.isdir,
    names: Callable[[str], list[str]] = os.listdir,
) -> Path | None:
    """Return the folder with the DLLs that OSGeo4W's Python shares with QGIS, None for any other Python.

    Its ``_ssl`` and ``_sqlite3`` need DLLs from ``<root>\\bin``. QGIS's own Python adds that folder in a
    ``sitecustomize.py`` which an environment does not see, and since Python 3.8 ``PATH`` is not searched for them.
    """
    prefix = PureWindowsPath(str(interpreter.executable)).parent
    shared = prefix.parent.parent / "bin"
    if prefix.parent.name.lower() != "apps" or not is_dir(str(shared)):
        return None
    own = str(prefix / "DLLs")
    if is_dir(own) and any(name.lower().startswith("libssl") for name in names(own)):
        return None
    return Path(str(shared))


def version_problem(version: tuple[int, ...]) -> str | None:
    """Say that a version of Python is not supported, or return None."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    return tr(
        "Python {version} is not supported: Scarp's libraries are chosen for Python {oldest} to {newest}."
    ).format(version=_dotted(version[:2]), oldest=_dotted(OLDEST), newest=_dotted(NEWEST))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _own_candidates(layout: Layout) -> list[PurePath]:
    """Return where QGIS's Python may be, the best place first."""
    version = f"{layout.version[0]}.{layout.version[1]}"
    prefixes = list(dict.fromkeys(filter(None, (layout.base_prefix, layout.prefix))))
    if layout.platform == "win32":
        places = [layout.path(prefix, "python.exe") for prefix in prefixes]
        root = layout.variables.get("OSGEO4W_ROOT")
        if root:
            places.append(layout.path(root, "apps", f"Python{version.replace('.', '')}", "python.exe"))
        return places
    named = [
        layout.path(path)
        for path in (layout.base_executable, layout.executable)
        if path and layout.path(path).name.lower().startswith("python")
    ]
    if layout.platform == "darwin":
        places = []
        for contents in _app_bundle_contents(layout):
            places += [
                layout.path(contents, folder, name)
                for folder in ("MacOS/bin", "MacOS", "Frameworks/bin", "Resources/python/bin")
                for name in (f"python{version}", "python3", "python")
            ]
        # Inside the bundle the wrapper scripts and binaries of the bundle come before whatever sys says.
        return places + named + [layout.path(prefix, "bin", f"python{version}") for prefix in prefixes]
    # Python inside a program takes the first python3 in PATH for its own executable. With pyenv or a virtual
    # environment active that is another Python; what lies below the prefix is the right one.
    return (
        [layout.path(prefix, "bin", f"python{version}") for prefix in prefixes]
        + named
        + [layout.path(prefix, "bin", "python3") for prefix in prefixes]
    )


def _app_bundle_contents(layout: Layout) -> list[str]:
    """Return the ``Contents`` folders of the application that the running Python belongs to."""
    found = []
    for path in (layout.executable, layout.prefix, layout.base_prefix):
        parts = layout.path(path).parts if path else ()
        for number, part in enumerate(parts):
            if part.endswith(".app") and parts[number + 1 : number + 2] == ("Contents",):
                found.append(str(layout.path(*parts[: number + 2])))
                break
    return list(dict.fromkeys(found))


def _home(layout: Layout, executable: PurePath) -> Path | None:
    """Return the ``PYTHONHOME`` of a Python in an application bundle of macOS."""
    if layout.platform != "darwin" or not any(part.endswith(".app") for part in executable.parts):
        return None
    version = f"python{layout.version[0]}.{layout.version[1]}"
    for prefix in dict.fromkeys(filter(None, (layout.base_prefix, layout.prefix))):
        if layout.is_file(str(layout.path(prefix, "lib", version, "os.py"))):
            return Path(prefix)
    return None


def _other_candidates(layout: Layout) -> list[PurePath]:
    versions = [f"3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    # The version of QGIS's own Python first: its builds are those that were looked at most closely.
    own = f"{layout.version[0]}.{layout.version[1]}"
    versions.sort(key=lambda version: version != own)
    if layout.platform == "win32":
        places = []
        for version in versions:
            folder = f"Python{version.replace('.', '')}"
            for variable, inner in (("LOCALAPPDATA", ("Programs", "Python", folder)), ("PROGRAMFILES", (folder,))):
                if layout.variables.get(variable):
                    places.append(layout.path(layout.variables[variable], *inner, "python.exe"))
        return places
    if layout.platform == "darwin":
        return [
            layout.path(place.format(version=version))
            for version in versions
            for place in (
                "/Library/Frameworks/Python.framework/Versions/{version}/bin/python{version}",
                "/opt/homebrew/bin/python{version}",
                "/usr/local/bin/python{version}",
            )
        ]
    return [
        layout.path(folder, f"python{version}") for version in versions for folder in ("/usr/bin", "/usr/local/bin")
    ]
