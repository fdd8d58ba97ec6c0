"""Installs the private environment: the steps as data, running them, what is done, the log, and why it failed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from . import builds, disk_space, lock, sources
from .disk_space import GIGABYTE
from .failures import InstallCancelled, InstallFailed, explain
from .i18n import tr
from .interpreter import PythonInfo, clean_environment, dll_folder
from .private import PrivateEnvironment
from .processes import capture_output, run
from .redaction import Redactor
from .sources import Source, SourceKind

Report = Callable[[float, str], None]
MAX_NAMED_FILES = 12  # in a message
SELF_TEST_SCRIPT = Path(__file__).resolve().parent / "self_test.py"
SAMPLE = "numpy"  # a small library with compiled parts
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
    def tries_sample(self) -> bool:
        """Whether a small library is installed and loaded first."""
        return self.python.target.platform == "darwin" and self.source.kind is not SourceKind.FOLDER

    @property
    def sample(self) -> Path:
        """The list with that library alone."""
        return self.environment.folder / "sample.txt"

    @property
    def base_key(self) -> str:
        """Identifies the base Python, by path and version: when it differs, the environment must be fitted to it."""
        return f"{self.python.base_python} {'.'.join(map(str, self.python.version))}"

    @property
    def key(self) -> str:
        """A hash of everything the steps depend on: completed steps are skipped as long as it stays the same."""
        kind, folder = self.source.kind, str(self.source.folder)
        locked = lock.lock_hash() if kind is SourceKind.INTERNET else ""
        content = (self.python.version[:2], builds.requirements_hash(), self.build, kind.value, folder, locked)
        return hashlib.sha256(repr(content).encode()).hexdigest()[:16]

    def sizes(self) -> builds.Build:
        """Return the build with its sizes; those of the CPU build where the source decides."""
        found = {build.name: build for build in builds.available(self.python.target)}
        return found.get(self.build) or found[builds.CPU]


def steps(request: Request) -> list[InstallStep]:
    """Return the steps of an installation; raises InstallFailed when this Python has neither pip nor a way to it."""
    info, environment, source = request.python, request.environment, request.source
    inherited = clean_environment(info.interpreter.variables())
    plain = {name: value for name, value in inherited.items() if not name.upper().startswith("PIP_")}
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
    if request.tries_sample:
        # macOS forbids some Pythons to load foreign libraries: better known before the large download.
        options = ("--require-hashes",) if source.kind is SourceKind.INTERNET else ()
        command = (*pip, "install", "--no-deps", *options, "-r", str(request.sample))
        made.append(InstallStep("sample", tr("Try a small library"), command, loading, 0.02))
        command = (python, "-c", f"import {SAMPLE}")
        made.append(InstallStep("load", tr("Check that this Python loads it"), command, plain, 0.01))
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
    """Return the command of pip: the environment's own, the base Python's, or a wheel; raises InstallFailed."""
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


class Installer:
    """One installation. Run another one after a failure or cancellation: completed steps are not repeated.

    ``line`` receives each line of output, without passwords; ``report`` the done fraction of the whole, 0 to 1, and the
    current step; ``cancelled`` is called ten times a second.
    """

    def __init__(
        self, request: Request, line: Callable[[str], None], report: Report, cancelled: Callable[[], bool]
    ) -> None:
        self.request, self.environment = request, request.environment
        self._line, self._report, self._cancelled = line, report, cancelled
        self._redact = Redactor(secrets=request.source.proxy.secrets())
        self._output: list[str] = []
        self._log: Any = None

    def check(self) -> None:
        """Check the request before anything is changed; raises InstallFailed."""
        request, folder = self.request, self.environment.folder
        problems = [builds.problem(request.python.target), request.source.problem(), disk_space.path_problem(folder)]
        if not request.python.venv:
            problems.append(explain(["No module named venv"]))
        if self.environment.is_foreign():
            text = tr("{folder} holds other files. Choose an empty folder, or one that does not exist yet.")
            problems.append(text.format(folder=folder))
        else:
            # Files that are there already need no space again.
            present = disk_space.size(folder) / GIGABYTE if folder.is_dir() else 0.0
            required = disk_space.required_gigabytes(request.sizes(), request.source.kind) - present
            problems.append(disk_space.problem(folder, max(disk_space.RESERVED_GIGABYTES, required)))
        if found := next(filter(None, problems), None):
            raise InstallFailed(found)

    def run(self) -> dict[str, Any]:
        """Do all steps not done yet and return the completion record; raises InstallFailed or InstallCancelled."""
        self.check()
        try:
            with self._exclusive_lock(), open(self.environment.log, "w", encoding="utf-8") as self._log:
                self._log_line(f"Scarp's environment in {self.environment.folder}, {time.strftime('%Y-%m-%d %H:%M')}")
                try:
                    return self._run()
                except InstallFailed as failure:
                    self._write(str(failure))
                    raise
        except OSError as error:
            raise InstallFailed(explain([str(error)])) from error

    def _run(self) -> dict[str, Any]:
        started, plan, done = time.monotonic(), steps(self.request), self._completed_steps()
        whole, share = sum(step.weight for step in plan), 0.0
        output: list[str] = []
        for step in plan:
            if step.name in done:
                self._log_line(tr("{title}: already done").format(title=step.title))
            else:
                if step.name == "install":
                    self._discard_partial_packages()
                    self._verify(done)
                output = self._run_step(step, share, step.weight / whole)
                if step.name == "make":
                    self._configure_environment()
                if step.name != "prove":
                    done.append(step.name)
                    self._save_progress(done)
            share += step.weight / whole
        # The self-test, which is never skipped, is the last step.
        try:
            self_test_result = json.loads(output[-1])
        except (IndexError, ValueError) as error:
            raise InstallFailed(explain(output)) from error
        return self._write_completion(self_test_result, time.monotonic() - started)

    def _completed_steps(self) -> list[str]:
        """Return the steps completed by an earlier attempt, after removing what cannot be reused."""
        environment, request = self.environment, self.request
        record = environment.progress_record()
        done = list(record.get("done", [])) if environment.executable.is_file() else []
        if environment.is_scarp_environment() and record.get("made_with") != request.base_key:
            if _minor_version(record.get("made_with")) == request.python.version[:2]:
                # As after an update of QGIS on Windows, which installs each version into a new folder.
                self._log_line(tr("The environment is fitted to the new Python. Its libraries stay."))
                environment.remove_executables()
                done = [name for name in record.get("done", []) if name != "make"]
            else:
                self._log_line(tr("The existing environment was created with another Python and is removed."))
                environment.remove()
                record, done = {}, []
        if record.get("key") != request.key:
            done = [name for name in done if name in ("make", "pip")]
            shutil.rmtree(environment.folder / "wheels", ignore_errors=True)
        self._save_progress(done)
        shutil.rmtree(request.temporary, ignore_errors=True)
        for folder in (request.temporary, request.wheels):
            folder.mkdir(parents=True, exist_ok=True)
        if request.tries_sample:
            listed = lock.LOCK if request.source.kind is SourceKind.INTERNET else builds.LIBRARIES
            request.sample.write_text("\n".join(lock.lines_of(listed, SAMPLE)) + "\n", encoding="utf-8")
        return done

    def _save_progress(self, done: list[str]) -> None:
        request, variables = self.request, self.request.python.interpreter.variables()
        record = {"key": request.key, "made_with": request.base_key, "done": done, "variables": variables}
        self.environment.write_progress_record(record)

    def _discard_partial_packages(self) -> None:
        """Remove the metadata of interrupted packages, or pip takes them for installed; ``RECORD`` is written last."""
        packages = self.environment.site_packages
        for folder in packages.glob("*.dist-info") if packages else ():
            if not (folder / "RECORD").is_file():
                shutil.rmtree(folder)

    def _verify(self, done: list[str]) -> None:
        """Compare the wheels with the lock, right before they are unpacked."""
        # From the Internet all must be in it; duplicates from torch's own index of what the lock names are deleted. A
        # source chosen by the user may offer others, such as builds of an organisation; the log lists them.
        found = lock.compare(self.request.wheels)
        count = len(found.verified) + len(found.other) + len(found.unknown)
        text = tr("{count} of {all} wheels are in Scarp's list of hashes.")
        self._log_line(text.format(count=len(found.verified), all=count))
        if self.request.source.kind is not SourceKind.INTERNET:
            names = [path.name for path in (*found.other, *found.unknown)]
            if names:
                shown = names[:MAX_NAMED_FILES] + (["…"] if len(names) > MAX_NAMED_FILES else [])
                text = tr("Not in the list, but used because you chose the source: {files}")
                self._log_line(text.format(files=", ".join(shown)))
            return
        changed = found.unmatched_files()
        for path in found.other:
            path.unlink()
        if changed:
            done.remove("download")
            self._save_progress(done)
            text = tr(
                "{files}: changed on this disk after the download. It was deleted, and nothing of it was installed. "
                "Try again: it is downloaded anew. If it happens again, have the disk and the virus scanner checked."
            )
            raise InstallFailed(text.format(files=", ".join(path.name for path in changed)))

    def _run_step(self, step: InstallStep, share: float, weight: float) -> list[str]:
        """Run a step and return its output; ``share`` of the whole is done before it, and it adds ``weight``."""
        next_look, self._output = 0.0, []

        def idle() -> None:
            nonlocal next_look
            started = time.monotonic()
            if step.growing_folders and started >= next_look:
                size = disk_space.size(*step.growing_folders) / GIGABYTE
                # At most a twentieth of the time goes into this.
                next_look = time.monotonic() + max(1.0, 20 * (time.monotonic() - started))
                text = tr("{title}: {size:.1f} of about {all:.1f} GB")
                part = min(0.98, size / max(step.gigabytes, 0.01))
                self._report(share + weight * part, text.format(title=step.title, size=size, all=step.gigabytes))

        self._report(share, step.title)
        self._log_line(f"\n{step.title}")
        self._log_line("> " + " ".join(step.command))
        folder = str(disk_space.existing(self.environment.folder))
        # A failed start is an OSError, explained where all of them are.
        code = run(step.command, step.variables, self._log_line, self._cancelled, idle, folder)
        if code is None:
            self._log_line(tr("Cancelled."))
            raise InstallCancelled(tr("Cancelled. Try again to continue."))
        if code != 0:
            raise InstallFailed(tr("{title}: {reason}").format(title=step.title, reason=explain(self._output, code)))
        return self._output

    def _configure_environment(self) -> None:
        if file := site_file(self.request):
            file[0].write_text(file[1], encoding="utf-8")
        command = [str(self.environment.executable), "-c", "import encodings, zlib, ctypes"]
        code, text = capture_output(command, seconds=60, variables=self.environment.variables())
        if code != 0:
            raise InstallFailed(explain(text.splitlines(), code))

    def _write_completion(self, self_test_result: dict[str, Any], seconds: float) -> dict[str, Any]:
        environment, python = self.environment, self.request.python
        for folder in (environment.folder / "wheels", self.request.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        record = {
            "base": os.path.realpath(environment.executable) if sys.platform != "win32" else python.base_python,
            "python": self_test_result.get("python", ""),
            "build": self.request.build,
            # Only a Python that QGIS itself runs on has to follow QGIS.
            "qgis_python": list(environment.qgis_version) if python.interpreter.is_qgis_python else None,
            "variables": python.interpreter.variables(),
            "proof": self_test_result,
            "seconds": round(seconds),
            "gigabytes": round(disk_space.size(environment.folder) / GIGABYTE, 2),
            "made": time.strftime("%Y-%m-%d %H:%M"),
        }
        environment.write_completion_record(record)
        self._report(1.0, tr("Done"))
        text = tr("\nDone in {minutes:.1f} minutes. The environment takes {size:.1f} GB.")
        self._log_line(text.format(minutes=seconds / 60, size=record["gigabytes"]))
        if problem := self_test_result.get("device_problem"):
            text = tr("The graphics card cannot be used: {problem}. Scarp will compute on the processor.")
            self._log_line(text.format(problem=problem))
        return record

    def _log_line(self, text: str) -> None:
        # Paths stay as they are: the user reads this on his own screen.
        text = self._redact.redact_passwords(text)
        self._output.append(text)
        self._write(text)
        self._line(text)

    def _write(self, text: str) -> None:
        self._log.write(text + "\n")
        self._log.flush()

    @contextlib.contextmanager
    def _exclusive_lock(self) -> Iterator[None]:
        """Keep a second QGIS from installing into the same folder; the system frees the lock when a program ends."""
        path = Path(str(self.environment.folder) + ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+", encoding="utf-8") as file:
            try:
                _lock(file.fileno())
            except OSError as error:
                text = tr("Another QGIS is installing into {folder}. Wait until it has finished.")
                raise InstallFailed(text.format(folder=self.environment.folder)) from error
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    path.unlink()


def _minor_version(made_with: Any) -> tuple[int, ...]:
    """Return the first two numbers of the version in a :attr:`Request.base_key`; none if it is not one."""
    numbers = str(made_with or "").rpartition(" ")[2].split(".")[:2]
    return tuple(map(int, numbers)) if all(map(str.isdigit, numbers)) else ()


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
