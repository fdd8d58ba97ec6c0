r"""The Python executable that QGIS runs on, others on this computer, and the environment variables they get.

``sys.executable`` is no answer: inside QGIS it is ``qgis-bin.exe`` on Windows and the application itself on macOS (QGIS
issue 66672), and starting that opens a second QGIS. The rules below follow the contents of QGIS's packages:

* Windows (OSGeo4W and the standalone installer): ``<root>\apps\Python312\python.exe``, which is ``sys.prefix``. The
  copy in ``<root>\bin`` does not serve: its standard library is elsewhere, so an environment made with it cannot start
  (QGIS issue 49228). Conda has ``python.exe`` in ``sys.prefix`` as well.
* macOS: ``QGIS.app/Contents/MacOS/bin/python3`` or, in newer packages, ``QGIS.app/Contents/MacOS/python3.12``. The
  newer ones are relocated after the build and find their standard library only through ``PYTHONHOME``.
* Linux, Flatpak, Snap, Conda: ``bin/python3.x`` below ``sys.base_prefix``, else ``sys.executable``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Callable

from .builds import NEWEST, OLDEST, Target, dotted
from .i18n import tr
from .processes import capture_output
from .sources import parse_configuration, read_configuration

Variables = Mapping[str, str]
SCRIPT = Path(__file__).resolve().parent / "inspect_python.py"
MIN_PIP_WITH_PYTHON_OPTION = (22, 3)  # from here on pip can install into another Python's environment (--python)
PYTHON_VARIABLES = frozenset(
    "PYTHONHOME PYTHONPATH PYTHONEXECUTABLE PYTHONSTARTUP PYTHONPLATLIBDIR PYTHONUSERBASE PYTHONINSPECT PYTHONDEBUG "
    "PYTHONWARNINGS __PYVENV_LAUNCHER__ VIRTUAL_ENV CONDA_PREFIX QGIS_PREFIX_PATH QT_PLUGIN_PATH GDAL_DATA "
    "GDAL_DRIVER_PATH PROJ_LIB PROJ_DATA GEOTIFF_CSV".split()
)
"""Set by QGIS's launchers for QGIS. In another Python they lead to the wrong standard library or packages, or to data
files of another GDAL and PROJ than those of rasterio."""


@dataclass(frozen=True)
class Layout:
    """What a Python knows of itself; tests define layouts of other systems."""

    platform: str = sys.platform
    version: tuple[int, int] = sys.version_info[:2]
    executable: str = sys.executable or ""
    base_executable: str = getattr(sys, "_base_executable", "") or ""
    prefix: str = sys.prefix
    base_prefix: str = sys.base_prefix
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    is_file: Callable[[str], bool] = os.path.isfile

    def path(self, *parts: str) -> PurePath:
        """Join parts as the layout's system does."""
        return PureWindowsPath(*parts) if self.platform == "win32" else PurePosixPath(*parts)

    @property
    def dotted(self) -> str:
        """The version as in ``python3.12``."""
        return dotted(self.version)

    @property
    def prefixes(self) -> list[str]:
        """Both prefixes, without repetition."""
        return list(dict.fromkeys(filter(None, (self.base_prefix, self.prefix))))


@dataclass(frozen=True)
class Interpreter:
    """A Python to create an environment with."""

    executable: Path
    home: Path | None = None  # the PYTHONHOME that it needs to find its standard library; None for most
    is_qgis_python: bool = True  # whether QGIS runs on it

    def variables(self) -> dict[str, str]:
        """Return the variables it needs in addition to :func:`clean_environment`."""
        return {"PYTHONHOME": str(self.home)} if self.home else {}


def qgis_python() -> Path | None:
    """Return the executable of :func:`qgis_interpreter`, None when it is not found."""
    return getattr(qgis_interpreter(), "executable", None)


def qgis_interpreter(layout: Layout | None = None) -> Interpreter | None:
    """Return the Python that QGIS runs on, by default in the layout of the running one."""
    here = layout or Layout()
    found = next((candidate for candidate in _own_candidates(here) if here.is_file(str(candidate))), None)
    return None if found is None else Interpreter(Path(str(found)), _home(here, found))


def other_interpreters(layout: Layout | None = None) -> list[Interpreter]:
    """Return other Pythons in the usual places: any supported one serves, as the worker is a separate process."""
    here = layout or Layout()
    own = qgis_interpreter(here)
    found = [Path(str(path)) for path in _other_candidates(here) if here.is_file(str(path))]
    return [Interpreter(path, is_qgis_python=False) for path in found if own is None or path != own.executable]


def all_interpreters(layout: Layout | None = None) -> list[Interpreter]:
    """Return QGIS's Python and the others, the one to recommend first.

    On macOS that is not the one in QGIS's application: it refuses libraries that QGIS's makers have not signed.
    """
    here = layout or Layout()
    own, others = qgis_interpreter(here), other_interpreters(here)
    mine = [own] if own else []
    bundled = (
        own is not None and here.platform == "darwin" and any(part.endswith(".app") for part in own.executable.parts)
    )
    return [*others, *mine] if bundled else [*mine, *others]


def clean_environment(extra: Variables | None = None, variables: Variables | None = None) -> dict[str, str]:
    """Return the variables, by default ``os.environ``, without QGIS's and with ``extra``, for another Python."""
    inherited = os.environ if variables is None else variables
    # PATH stays as it is: on Windows the C runtime that Python itself is linked to is found through it.
    # Windows ignores the case of names, and os.environ there has them in capitals.
    kept = {name: value for name, value in inherited.items() if name.upper() not in PYTHON_VARIABLES}
    # Packages in the user's own folder must not shadow those of the environment.
    kept.update({"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"})
    return {**kept, **(extra or {})}


def dll_folder(
    python: Interpreter, is_dir: Callable[[str], bool] = os.path.isdir, names: Callable[[str], list[str]] = os.listdir
) -> Path | None:
    """Return the folder with the DLLs that OSGeo4W's Python shares with QGIS, None for any other Python."""
    # Its _ssl and _sqlite3 need DLLs from <root>\bin. QGIS's own Python adds that folder in a sitecustomize.py that an
    # environment does not see, and since Python 3.8 PATH is not searched for DLLs.
    prefix = PureWindowsPath(str(python.executable)).parent
    shared, own = prefix.parent.parent / "bin", str(prefix / "DLLs")
    if prefix.parent.name.lower() != "apps" or not is_dir(str(shared)):
        return None
    has_own = is_dir(own) and any(name.lower().startswith("libssl") for name in names(own))
    return None if has_own else Path(str(shared))


def _own_candidates(layout: Layout) -> list[PurePath]:
    """Return where QGIS's Python may be, the best place first."""
    name, path = f"python{layout.dotted}", layout.path
    if layout.platform == "win32":
        places = [path(prefix, "python.exe") for prefix in layout.prefixes]
        if root := layout.variables.get("OSGEO4W_ROOT"):
            places.append(path(root, "apps", f"Python{layout.dotted.replace('.', '')}", "python.exe"))
        return places
    running = [path(text) for text in (layout.base_executable, layout.executable) if text]
    running = [place for place in running if place.name.lower().startswith("python")]
    versioned = [path(prefix, "bin", name) for prefix in layout.prefixes]
    if layout.platform == "darwin":
        # Inside a bundle, its wrapper scripts and binaries come before what sys reports.
        bundled = [
            path(contents, folder, program)
            for contents in _app_bundle_contents(layout)
            for folder in ("MacOS/bin", "MacOS", "Frameworks/bin", "Resources/python/bin")
            for program in (name, "python3", "python")
        ]
        return bundled + running + versioned
    # An embedded Python takes the first python3 in PATH for its own executable. With pyenv or an active virtual
    # environment that is another Python; the one below the prefix is right.
    return versioned + running + [path(prefix, "bin", "python3") for prefix in layout.prefixes]


def _app_bundle_contents(layout: Layout) -> list[str]:
    found = []
    for path in (layout.executable, layout.prefix, layout.base_prefix):
        parts = layout.path(path).parts if path else ()
        for number, part in enumerate(parts):
            if part.endswith(".app") and parts[number + 1 : number + 2] == ("Contents",):
                found.append(str(layout.path(*parts[: number + 2])))
                break
    return list(dict.fromkeys(found))


def _home(layout: Layout, executable: PurePath) -> Path | None:
    """Return the ``PYTHONHOME`` of a Python in a macOS application bundle."""
    if layout.platform != "darwin" or not any(part.endswith(".app") for part in executable.parts):
        return None
    libraries = {prefix: layout.path(prefix, "lib", f"python{layout.dotted}", "os.py") for prefix in layout.prefixes}
    return next((Path(prefix) for prefix, file in libraries.items() if layout.is_file(str(file))), None)


def _other_candidates(layout: Layout) -> list[PurePath]:
    versions = [f"3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    # QGIS's own version first: its builds are the best tested.
    versions.sort(key=lambda version: version != layout.dotted)
    if layout.platform == "win32":
        parents = {"LOCALAPPDATA": ("Programs", "Python"), "PROGRAMFILES": ()}
        roots = [(layout.variables[name], *inner) for name, inner in parents.items() if layout.variables.get(name)]
        folders = [f"Python{version.replace('.', '')}" for version in versions]
        return [layout.path(*root, folder, "python.exe") for folder in folders for root in roots]
    folders = ["/usr/bin", "/usr/local/bin"]
    if layout.platform == "darwin":
        framework = "/Library/Frameworks/Python.framework/Versions/{}/bin"
        folders = [framework, "/opt/homebrew/bin", "/usr/local/bin"]
    return [layout.path(folder.format(version), f"python{version}") for version in versions for folder in folders]


@dataclass(frozen=True)
class PythonInfo:
    """What a Python is and has."""

    interpreter: Interpreter
    version: tuple[int, ...]
    target: Target
    base_python: str  # executable that environments are linked to
    venv: bool
    ensurepip: bool
    pip: str  # version; empty without pip
    configuration: dict[str, str] = field(default_factory=dict)  # settings of pip on this computer

    @property
    def pip_can_target_others(self) -> bool:
        """Whether its pip can install into an environment that has none."""
        numbers = [int(part) for part in self.pip.split(".")[:2] if part.isdigit()]
        return tuple(numbers) >= MIN_PIP_WITH_PYTHON_OPTION


class StartError(Exception):
    """A Python that does not start, or a program that is no Python."""


def probe(interpreter: Interpreter) -> PythonInfo:
    """Start a Python and inspect it; raises StartError when it does not start or cannot be used."""
    variables = clean_environment(interpreter.variables())
    executable = str(interpreter.executable)
    # -I ignores PYTHONHOME as well, through which some Pythons find their standard library.
    code, text = capture_output([executable, "-s" if interpreter.home else "-I", str(SCRIPT)], 60, variables)
    try:
        info = json.loads(text[text.index("{") :]) if code == 0 else {}
    except ValueError:
        info = {}
    if not info:
        message = tr("{python} does not start as a Python: {reason}")
        raise StartError(message.format(python=executable, reason=text.strip()[-300:] or code))
    if info["bits"] != 64:
        message = tr("{python} is a 32-bit Python, for which there is no torch.")
        raise StartError(message.format(python=executable))
    version = tuple(info["version"])
    configuration: dict[str, str] = {}
    if info["pip"]:
        code, text = capture_output([executable, "-m", "pip", "config", "list"], 60, variables)
        named = read_configuration(variables["PIP_CONFIG_FILE"]) if variables.get("PIP_CONFIG_FILE") else {}
        configuration = {**named, **(parse_configuration(text) if code == 0 else {})}
    target = Target(version[:2], info["platform"], info["machine"])
    found = (info["base"], info["venv"], info["ensurepip"], info["pip"])
    return PythonInfo(interpreter, version, target, *found, configuration)
