"""The core as an algorithm calls it: inside QGIS, where a call is a call, or in a worker process.

In a window it gets a process if the private environment or QGIS's Python has the libraries: a crash then ends only that
process, and its memory goes back to the system. Without a window (``qgis_process``, scripts) the core runs inside QGIS
if the libraries are there, which saves starting another Python; but not if rasterio would use another GDAL there than
it was built for.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..model import errors, jobs
from ..model.errors import LibraryMissing
from ..model.languages import language_of_run
from ..model.parameter_names import labels_of_run
from ..model.progress import Progress
from ..model.threads import wait_passively
from ..processing_provider import dependencies
from ..processing_provider.dependencies import install_hint, load_error_message
from ..processing_provider.settings import AUTOMATIC, INSIDE, PROCESS, has_window, where_to_run
from ..translation import tr

RUN, PYTHON = "SCARP_RUN", "SCARP_PYTHON"  # environment variables for tests and scripts: mode, and the worker's Python
_MODES = {"auto": AUTOMATIC, "process": PROCESS, "inside": INSIDE}
# Exit codes of Windows, NTSTATUS values as Microsoft documents them.
_WINDOWS_MEMORY, _WINDOWS_CRASH = {0xC0000017, 0xC000012D, 0xC00000FD}, {0xC0000005, 0xC0000374, 0xC0000409}
_WINDOWS_ABORT = 3  # exit code with which C's abort ends a program
_WINDOWS_FORBIDDEN = (1260, 4551)  # errors of group policy and of application control
_WINDOWS_PROCESSOR, _WINDOWS_LIBRARY = {0xC000001D}, {0xC0000135, 0xC0000139, 0xC0000142, 0xC000007B}
FindMissing = Callable[[Iterable[str]], list[str]]


@dataclass(frozen=True)
class Runtime:
    """A Python that the core can run in."""

    missing: FindMissing  # returns the packages to install for modules that it lacks
    command: tuple[str, ...] = ()  # starts it; empty for the Python inside QGIS
    variables: tuple[tuple[str, str], ...] = ()  # its environment variables, all of them
    search_path: tuple[str, ...] = ()  # of its libraries, unless it knows that itself

    @property
    def inside(self) -> bool:
        """Whether it is the Python inside QGIS."""
        return not self.command


@dataclass(frozen=True)
class RuntimeChoice:
    """Where a run takes place."""

    runtime: Runtime
    missing_packages: tuple[str, ...]  # packages to install before it can
    fallback: Runtime | None = None  # where to run instead when a library inside QGIS turns out not to fit


def choose_runtime(needs: Iterable[str]) -> RuntimeChoice:
    """Return where to run jobs that import some modules, such as ``torch``; fast enough to call before every run."""
    modules = list(needs)
    found = [(runtime, runtime.missing(modules)) for runtime in _candidates(_configured_mode())]
    if not found:
        return RuntimeChoice(_in_process(), tuple(_packages(modules)))
    ready = [runtime for runtime, missing_packages in found if not missing_packages]
    if not ready:
        runtime, missing_packages = min(found, key=lambda pair: len(pair[1]))
        return RuntimeChoice(runtime, tuple(missing_packages))
    fallback = next((runtime for runtime in ready[1:] if not runtime.inside), None) if ready[0].inside else None
    return RuntimeChoice(ready[0], (), fallback)


def _candidates(mode: str) -> list[Runtime]:
    if mode == INSIDE:
        return [_in_process()]
    named = os.environ.get(PYTHON)
    found = (_from_variable(named),) if named else (_private_environment(), _qgis_python())
    processes = [runtime for runtime in found if runtime is not None]
    if mode == PROCESS:
        return processes
    beside_first = has_window() or dependencies.has_other_gdal()
    return [*processes, _in_process()] if beside_first else [_in_process(), *processes]


def _configured_mode() -> str:
    return _MODES.get(os.environ.get(RUN, "").strip().lower()) or where_to_run()


def _in_process() -> Runtime:
    return Runtime(dependencies.missing)


def _from_variable(python: str) -> Runtime:
    from ..environment.interpreter import clean_environment

    # What it lacks is known only when it runs.
    return _subprocess(python, clean_environment(), lambda modules: [])


def _private_environment() -> Runtime | None:
    # Imported here: QGIS loads this module at start, which must stay fast.
    from ..environment.private import PrivateEnvironment, default_folder

    environment = PrivateEnvironment(default_folder())
    if environment.python is None:
        return None
    python, variables = str(environment.python), environment.variables()
    return _subprocess(python, variables, lambda modules: _packages(environment.missing(modules)))


def _qgis_python() -> Runtime | None:
    from ..environment.interpreter import qgis_interpreter

    interpreter = qgis_interpreter()
    if interpreter is None:
        return None
    # The libraries must find the same data files as inside QGIS, so QGIS's own variables stay.
    variables = {**os.environ, **interpreter.variables()}
    if interpreter.home is None:
        variables.pop("PYTHONHOME", None)
    variables.pop("PYTHONPATH", None)
    folders = tuple(str(Path(folder).absolute()) for folder in sys.path if folder and Path(folder).name != "plugins")
    return _subprocess(str(interpreter.executable), variables, dependencies.missing, folders)


def _subprocess(python: str, variables: dict[str, str], missing: FindMissing, folders: tuple[str, ...] = ()) -> Runtime:
    # A Python that finds its standard library by a variable must read its variables.
    flags = ("-s",) if "PYTHONHOME" in variables else ("-I",)
    return Runtime(missing, (python, *flags, "-X", "utf8"), tuple(variables.items()), folders)


def _packages(modules: Iterable[str]) -> list[str]:
    return [dependencies.PACKAGES.get(module, module) for module in modules]


class Core:
    """Calls jobs of ``model/jobs``, wherever they run; use it as a context, so that a worker process ends."""

    def __init__(
        self,
        needs: Sequence[str],
        progress: Progress,
        choice: RuntimeChoice | None = None,
        labels: Mapping[str, str] | None = None,
        language: str = "",
    ) -> None:
        """Keep what a run needs; nothing is started yet, and by default where to run is chosen at the first call.

        ``labels`` of parameters, by name, are what reports call them, and ``language`` is theirs, empty for English.
        """
        self._needs, self._progress, self._given_choice = needs, progress, choice
        self._labels, self._language = labels or {}, language
        self._process: Any = None

    def __enter__(self) -> Core:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process is not None:
            self._process.close()

    @functools.cached_property
    def _choice(self) -> RuntimeChoice:
        return self._given_choice or choose_runtime(self._needs)

    def missing(self, modules: Iterable[str]) -> list[str]:
        """Return the packages to install for modules that are missing where the run takes place."""
        return self._choice.runtime.missing(modules)

    def require(self) -> None:
        """Raise :class:`LibraryMissing` before any work if a library is missing."""
        if packages := self._choice.missing_packages:
            raise LibraryMissing(install_hint(packages))

    def call(self, job: str, *values: Any, **named: Any) -> Any:
        """Run a function of ``model/jobs`` and return its result; a worker's dataclasses come without their methods.

        Its arguments are plain values, paths, arrays and the classes in ``model.worker.protocol.INPUTS``; ``progress``
        receives progress and warnings, and functions are called in this thread.

        Raises:
            Exception: whatever the job raises.
            LibraryMissing: a library is missing.
            ImportError: one is installed and cannot be loaded.
            CoreProcessError: the process crashed, ran out of memory or cannot be started.
            UnexpectedCoreError: the job failed in the worker process with an error that Scarp did not expect.
        """
        if self._process is None:
            self.require()
            if self._choice.runtime.inside:
                wait_passively(os.environ)
                try:
                    with labels_of_run(self._labels), language_of_run(self._language):
                        return jobs.job(job)(*values, **named)
                except ImportError as error:
                    if self._choice.fallback is None:
                        raise
                    self._progress.warn(load_error_message(error))
            from .process import SubprocessCore

            runtime = self._choice.fallback or self._choice.runtime
            self._process = SubprocessCore(runtime, self._progress, self._labels, self._needs, self._language)
        return self._process.call(job, *values, **named)

    def side_by_side(
        self, job: str, calls: Sequence[Mapping[str, Any]], titles: Sequence[str], processes: int, progress: Progress
    ) -> list[Any] | None:
        """Call a job with each of some arguments in several worker processes; see ``run_side_by_side``.

        They run on the Python of this run, so that results are the same. Return ``None``, after a warning, if that of
        QGIS cannot be started as a program.
        """
        from .side_by_side import run_side_by_side

        runtime: Runtime | None = self._choice.fallback if self._process is not None else None
        runtime = runtime or self._choice.runtime
        if runtime.inside:
            named = os.environ.get(PYTHON)
            runtime = _from_variable(named) if named else _qgis_python()
        if runtime is None:
            text = tr("The Python of QGIS cannot be started as a program of its own, so one process computes all.")
            progress.warn(text)
            return None
        return run_side_by_side(runtime, job, calls, titles, processes, progress, self._needs)


class _LoggedError(Exception):
    def __init__(self, text: str, log: str = "") -> None:
        super().__init__(text)
        self.log = log


class CoreProcessError(_LoggedError, errors.ScarpError):
    """The worker process could not be started, or ended before its work was done; ``log`` is its last output."""


class UnexpectedCoreError(_LoggedError):
    """An error in the worker process that Scarp did not expect; ``log`` is its traceback."""


def rebuild_error(payload: dict[str, Any]) -> Exception:
    """Return the error that ``model.worker.server`` sent, as an exception of the same class."""
    kind = getattr(errors, payload["kind"], None)
    if payload["expected"]:
        return kind(payload["text"]) if isinstance(kind, type) else errors.ScarpError(payload["text"])
    if payload["kind"] == "MemoryError":
        return MemoryError(payload["text"])
    if payload["library"]:
        return ImportError(payload["text"], name=payload["library"])
    return UnexpectedCoreError(f"{payload['kind']}: {payload['text']}", payload["trace"])


def cannot_start(python: str, error: OSError) -> CoreProcessError:
    """Return the error for a Python that cannot be started."""
    if getattr(error, "winerror", None) in _WINDOWS_FORBIDDEN:
        text = tr(
            "The rules of this computer do not allow to start {python} ({reason}). Ask your administrator to allow it, "
            "or to name a Python that is allowed in the variable SCARP_PYTHON."
        )
        return CoreProcessError(text.format(python=python, reason=error.strerror or error))
    text = tr(
        "The Python of the worker process cannot be started: {python} ({reason}). Open Plugins > Scarp > Install "
        "what Scarp needs… and install again."
    )
    return CoreProcessError(text.format(python=python, reason=error.strerror or error))


def temp_folder_error(error: OSError) -> CoreProcessError:
    """Return the error for a folder for temporary files that cannot be written."""
    text = tr(
        "The folder for temporary files {folder} cannot be written ({reason}), so the worker process cannot "
        "be used. Make room on its disk, or set another folder in the variable TMPDIR."
    )
    return CoreProcessError(text.format(folder=tempfile.gettempdir(), reason=error.strerror or error))


def process_ended(code: int | None, log: str, killed: bool = False) -> CoreProcessError:
    """Return the error for a process that exited with a code (the negative signal) too early, or had to be killed."""
    text = tr(
        "The worker process stopped responding and was ended. Start again; if it happens again, install the libraries "
        "again with Plugins > Scarp > Install what Scarp needs…."
    )
    hint = tr("QGIS is not affected, and nothing was left under the names of the outputs.")
    return CoreProcessError(f"{text if killed else _exit_reason(code)} {hint}", log)


def _exit_reason(code: int | None) -> str:
    number = 0 if code is None else code & 0xFFFFFFFF if sys.platform == "win32" else code
    # Shells and containers report signals as 128 plus the number.
    signals = {-number, number - 128}
    if signals & _numbers("SIGKILL") or number in _WINDOWS_MEMORY:
        return tr(
            "The worker process was ended by the system, most likely because memory ran out. Choose a "
            "smaller TILE, BATCH or area, or close other programs."
        )
    aborted = sys.platform == "win32" and number == _WINDOWS_ABORT
    if signals & _numbers("SIGSEGV", "SIGBUS", "SIGABRT") or number in _WINDOWS_CRASH or aborted:
        return tr(
            "The worker process crashed ({code}). The log says where. If it happens again, install the "
            "libraries again with Plugins > Scarp > Install what Scarp needs…."
        ).format(code=_name(code))
    if signals & _numbers("SIGILL") or number in _WINDOWS_PROCESSOR:
        return tr(
            "The worker process crashed because a library uses instructions that this computer's processor does not "
            "have. Install an older version of torch with Plugins > Scarp > Install what Scarp needs…."
        )
    if number in _WINDOWS_LIBRARY:
        return tr(
            "The Python that Scarp computes with is incomplete ({code}). Install again with Plugins > "
            "Scarp > Install what Scarp needs…."
        ).format(code=_name(code))
    text = tr("The worker process ended without a result ({code}). The log has its last output.")
    return text.format(code=_name(code))


def _numbers(*names: str) -> set[int]:
    return {int(getattr(signal, name)) for name in names if hasattr(signal, name)}


def _name(code: int | None) -> str:
    if code is None:
        return tr("exit code unknown")
    if sys.platform == "win32":
        return tr("exit code {code}").format(code=f"0x{code & 0xFFFFFFFF:08X}")
    try:
        return signal.Signals(-code).name if code < 0 else tr("exit code {code}").format(code=code)
    except ValueError:
        return tr("exit code {code}").format(code=code)
