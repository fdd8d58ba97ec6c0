"""The steps of an installation as data: commands, their order, and their share of the time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from . import builds, lock, sources
from .failures import InstallFailed
from .i18n import tr
from .inspection import PythonInfo
from .interpreter import clean_environment, dll_folder
from .private import PrivateEnvironment
from .sources import Source, SourceKind

SELF_TEST_SCRIPT = Path(__file__).resolve().parent / "self_test.py"
SYSTEM_WHEELS = Path("/usr/share/python-wheels")  # where Debian and its derivatives keep a wheel of pip

SITECUSTOMIZE = '''"""Written by Scarp: Python from OSGeo4W finds its DLLs only with this."""
import os

try:
    os.add_dll_directory({folder!r})
except OSError:
    pass  # QGIS was moved or removed; libraries that need these DLLs will report it
'''


@dataclass(frozen=True)
class InstallStep:
    """One program to run, with its share of the whole time."""

    name: str
    title: str
    command: tuple[str, ...]
    variables: dict[str, str] = field(repr=False)
    weight: float
    growing_folders: tuple[Path, ...] = ()  # their size shows the progress; gigabytes is their final size
    gigabytes: float = 0


@dataclass(frozen=True)
class Request:
    """What to install, and where."""

    python: PythonInfo
    build: str
    source: Source
    environment: PrivateEnvironment

    @property
    def wheels(self) -> Path:
        """The folder of the wheels."""
        if self.source.kind is SourceKind.FOLDER and self.source.folder is not None:
            return self.source.folder
        return self.environment.folder / "wheels"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files: that of the system is too small on many computers."""
        return self.environment.folder / "tmp"

    @property
    def base_key(self) -> str:
        """Identifies the base Python: when it differs, the environment is created anew."""
        return f"{self.python.base_python} {'.'.join(map(str, self.python.version))}"

    @property
    def key(self) -> str:
        """A hash of everything the steps depend on: completed steps are skipped as long as it stays the same."""
        kind, folder = self.source.kind, str(self.source.folder)
        locked = lock.lock_hash() if kind is SourceKind.INTERNET else ""
        content = (self.base_key, builds.requirements_hash(), self.build, kind.value, folder, locked)
        return hashlib.sha256(repr(content).encode()).hexdigest()[:16]

    def sizes(self) -> builds.Build:
        """Return the build with its sizes; those of the CPU build where the source decides."""
        found = {build.name: build for build in builds.available(self.python.target)}
        return found.get(self.build) or found[builds.CPU]


def steps(request: Request) -> list[InstallStep]:
    """Return the steps of an installation; raises InstallFailed when this Python has neither pip nor a way to it."""
    info, environment, source = request.python, request.environment, request.source
    plain = sources.without_pip(clean_environment(info.interpreter.variables()))
    temporary = {name: str(request.temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    loading = {**plain, **source.variables(info.configuration), **temporary}
    isolated = {**plain, **sources.isolated_pip_settings(), **temporary}
    python, wheels, pip = str(environment.executable), str(request.wheels), pip_command(request)
    download = (*pip, "download", "--dest", wheels)
    torch = builds.requirement_of_torch(info.target, request.build)
    size, growing = request.sizes(), (request.wheels, request.temporary)

    venv = (str(info.interpreter.executable), "-m", "venv", "--without-pip", str(environment.folder))
    made = [InstallStep("make", tr("Create the environment"), venv, plain, 0.02)]
    if info.ensurepip:
        ensurepip = (python, "-m", "ensurepip", "--default-pip")
        made.append(InstallStep("pip", tr("Add pip"), ensurepip, isolated, 0.04))
    if source.kind is SourceKind.INTERNET:
        # Torch's dependencies are in the lock, apart from NVIDIA's libraries, which come from the index of CUDA builds.
        options = ("--no-deps",) if request.build == builds.CPU else ()
        command = (*download, *options, "--index-url", builds.index_of_torch(request.build), torch)
        made.append(InstallStep("torch", tr("Download torch"), command, loading, 0.35, growing, size.download))
        # A file that is not in the lock is rejected before it gets into the folder, and pip chooses nothing by itself.
        requirements = (*"--require-hashes --no-deps --only-binary :all: -r".split(), str(lock.LOCK))
    elif source.kind is SourceKind.CONFIGURED:
        requirements = ("-r", str(builds.LIBRARIES), torch)
    if source.kind is not SourceKind.FOLDER:
        title = tr("Download the other libraries")
        made.append(InstallStep("download", title, (*download, *requirements), loading, 0.15, growing, size.download))
    local = ("--no-index", "--find-links", wheels, "--no-warn-script-location")
    install = (*pip, "install", *local, "-r", str(builds.LIBRARIES), torch)
    packages = (environment.folder / "lib", environment.folder / "Lib")
    made.append(InstallStep("install", tr("Unpack and install"), install, isolated, 0.35, packages, size.installed))
    self_test = (python, str(SELF_TEST_SCRIPT))
    made.append(InstallStep("prove", tr("Check that every library works"), self_test, plain, 0.09))
    return made


def pip_command(request: Request) -> tuple[str, ...]:
    """Return the command of pip for the environment.

    The environment's own pip where Python brings one; else the pip of the base Python, working on the environment only;
    else a wheel of pip, which can be run as it is. Raises InstallFailed when there is none of these.
    """
    python, base = str(request.environment.executable), str(request.python.interpreter.executable)
    if request.python.ensurepip:
        return (python, "-m", "pip")
    if request.python.pip_can_target_others:
        return (base, "-m", "pip", "--python", python)
    folders = [SYSTEM_WHEELS] + ([request.source.folder] if request.source.folder else [])
    wheels = sorted(path for folder in folders if folder.is_dir() for path in folder.glob("pip-*.whl"))
    if wheels:
        return (python, str(wheels[-1] / "pip"))
    text = tr(
        "{python} has no pip and cannot create one. On Debian and Ubuntu: sudo apt install python3-venv. In a Flatpak, "
        "or without administrator rights, put a wheel of pip (pip-….whl) into a folder of wheels and install from "
        "that, or choose another Python."
    )
    raise InstallFailed(text.format(python=base))


def site_file(request: Request) -> tuple[Path, str] | None:
    """Return path and content of the file with which OSGeo4W's Python finds its DLLs; None for other Pythons."""
    folder, packages = dll_folder(request.python.interpreter), request.environment.site_packages
    if folder is None or packages is None:
        return None
    return packages / "sitecustomize.py", SITECUSTOMIZE.format(folder=str(folder))
