"""The steps of an installation, as data: what is run, in which order, and how long it takes beside the others."""

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
SYSTEM_WHEELS = Path("/usr/share/python-wheels")
"""Where Debian and its kin keep a wheel of pip."""

SITECUSTOMIZE = '''"""Written by Scarp: Python from OSGeo4W finds its DLLs only with this."""
import os

try:
    os.add_dll_directory({folder!r})
except OSError:
    pass  # QGIS was moved or removed; what needs these DLLs says so itself
'''


@dataclass(frozen=True)
class InstallStep:
    """One program to run."""

    name: str
    title: str
    command: tuple[str, ...]
    variables: dict[str, str] = field(repr=False)
    weight: float
    """Share of the whole time."""
    growing_folders: tuple[Path, ...] = ()
    """Folders whose size tells how far it is."""
    gigabytes: float = 0
    """What they grow to."""


@dataclass(frozen=True)
class Request:
    """What to install, and where."""

    facts: PythonInfo
    build: str
    source: Source
    environment: PrivateEnvironment

    @property
    def wheels(self) -> Path:
        """Return the folder that the wheels are taken from."""
        if self.source.kind is SourceKind.FOLDER and self.source.folder is not None:
            return self.source.folder
        return self.environment.folder / "wheels"

    @property
    def temporary(self) -> Path:
        """Return the folder for temporary files: that of the system is too small on many computers."""
        return self.environment.folder / "tmp"

    @property
    def base_key(self) -> str:
        """Return what the environment itself depends on: when it differs, it is made again from nothing."""
        return f"{self.facts.base} {'.'.join(map(str, self.facts.version))}"

    @property
    def key(self) -> str:
        """Return a hash of what makes the steps what they are: done steps are skipped as long as it stays."""
        content = (
            self.base_key,
            builds.requirements_hash(),
            self.build,
            self.source.kind.value,
            str(self.source.folder),
            lock.lock_hash() if self.source.kind is SourceKind.INTERNET else "",
        )
        return hashlib.sha256(repr(content).encode()).hexdigest()[:16]

    def sizes(self) -> builds.Build:
        """Return the build with its sizes; those of the CPU build where the source decides."""
        found = {build.name: build for build in builds.available(self.facts.target)}
        return found.get(self.build) or found[builds.CPU]


def steps(request: Request) -> list[InstallStep]:
    """Return the steps of an installation.

    Raises:
        InstallFailed: this Python has neither pip nor a way to get it.
    """
    facts, environment, source = request.facts, request.environment, request.source
    plain = sources.without_pip(clean_environment(facts.interpreter.variables()))
    temporary = {name: str(request.temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    loading = {**plain, **source.variables(facts.configuration), **temporary}
    isolated = {**plain, **sources.isolated_pip_settings(), **temporary}
    python, wheels, pip = str(environment.executable), str(request.wheels), pip_command(request)
    download = (*pip, "download", "--dest", wheels)
    torch = builds.requirement_of_torch(facts.target, request.build)
    size, growing = request.sizes(), (request.wheels, request.temporary)

    venv = (str(facts.interpreter.executable), "-m", "venv", "--without-pip", str(environment.folder))
    made = [InstallStep("make", tr("Make the environment"), venv, plain, 0.02)]
    if facts.ensurepip:
        ensurepip = (python, "-m", "ensurepip", "--default-pip")
        made.append(InstallStep("pip", tr("Put pip into it"), ensurepip, isolated, 0.04))
    if source.kind is SourceKind.INTERNET:
        # What torch needs is in the lock, apart from NVIDIA's libraries, which CUDA builds bring from the same index.
        options = ("--no-deps",) if request.build == builds.CPU else ()
        command = (*download, *options, "--index-url", builds.index_of_torch(request.build), torch)
        made.append(InstallStep("torch", tr("Load torch"), command, loading, 0.35, growing, size.download))
        # A file that is not in the lock is refused before it gets into the folder, and pip chooses nothing by itself.
        locked = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(lock.LOCK))
    elif source.kind is SourceKind.CONFIGURED:
        locked = ("-r", str(builds.LIBRARIES), torch)
    if source.kind is not SourceKind.FOLDER:
        title = tr("Load the other libraries")
        made.append(InstallStep("download", title, (*download, *locked), loading, 0.15, growing, size.download))
    local = ("--no-index", "--find-links", wheels, "--no-warn-script-location")
    install = (*pip, "install", *local, "-r", str(builds.LIBRARIES), torch)
    packages = (environment.folder / "lib", environment.folder / "Lib")
    made.append(InstallStep("install", tr("Unpack and install"), install, isolated, 0.35, packages, size.installed))
    self_test = (python, str(SELF_TEST_SCRIPT))
    made.append(InstallStep("prove", tr("Prove that every library works"), self_test, plain, 0.09))
    return made


def pip_command(request: Request) -> tuple[str, ...]:
    """Return how pip is run for the environment.

    The environment's own pip where Python brings one. Else the pip of the Python it is made with, which then works on
    the environment only. Else a wheel of pip, which can be run as it is.

    Raises:
        InstallFailed: there is none of these.
    """
    python = str(request.environment.executable)
    if request.facts.ensurepip:
        return (python, "-m", "pip")
    if request.facts.pip_can_target_others:
        return (str(request.facts.interpreter.executable), "-m", "pip", "--python", python)
    folders = [SYSTEM_WHEELS] + ([request.source.folder] if request.source.folder else [])
    wheels = sorted(path for folder in folders if folder.is_dir() for path in folder.glob("pip-*.whl"))
    if wheels:
        return (python, str(wheels[-1] / "pip"))
    raise InstallFailed(
        tr(
            "{python} has no pip and cannot make one. On Debian and Ubuntu: sudo apt install python3-venv. In a Flatpak, "
            "or without administrator's rights, put a wheel of pip (pip-….whl) into a folder of wheels and install "
            "from that, or choose another Python."
        ).format(python=request.facts.interpreter.executable)
    )


def site_file(request: Request) -> tuple[Path, str] | None:
    """Return the file that lets OSGeo4W's Python find its DLLs, with its content; None where it needs none."""
    folder = dll_folder(request.facts.interpreter)
    packages = request.environment.site_packages
    if folder is None or packages is None:
        return None
    return packages / "sitecustomize.py", SITECUSTOMIZE.format(folder=str(folder))
