"""Which Python runs the core, and which packages it lacks.

In a window the core gets a worker process whenever there is a Python for it: the private environment, or the Python
that QGIS runs on if it has the libraries. A crash then ends only that process, and its memory goes back to the system.
Without a window (``qgis_process``, scripts) the core runs inside QGIS if the libraries are there, which saves starting
another Python.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ..processing_provider import dependencies
from ..processing_provider.settings import AUTOMATIC, INSIDE, PROCESS, has_window, where_to_run

RUN, PYTHON = "SCARP_RUN", "SCARP_PYTHON"
"""Environment variables for tests and scripts: ``auto``, ``process`` or ``inside``, and the worker's Python."""
_MODES = {"auto": AUTOMATIC, "process": PROCESS, "inside": INSIDE}


@dataclass(frozen=True)
class Runtime:
    """A Python that the core can run in."""

    missing: Callable[[Iterable[str]], list[str]]  # returns the packages to install for modules that it lacks
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
    found = [(runtime, runtime.missing(modules)) for runtime in candidate_runtimes(_configured_mode(), has_window())]
    if not found:
        return RuntimeChoice(_in_process(), tuple(_packages(modules)))
    ready = [runtime for runtime, missing_packages in found if not missing_packages]
    if not ready:
        runtime, missing_packages = min(found, key=lambda pair: len(pair[1]))
        return RuntimeChoice(runtime, tuple(missing_packages))
    fallback = next((runtime for runtime in ready[1:] if not runtime.inside), None) if ready[0].inside else None
    return RuntimeChoice(ready[0], (), fallback)


def candidate_runtimes(mode: str, window: bool) -> list[Runtime]:
    """Return where the core may run in a mode (``automatic``, ``process``, ``inside``), the best runtime first."""
    if mode == INSIDE:
        return [_in_process()]
    named = os.environ.get(PYTHON)
    found = (_from_variable(named),) if named else (_private_environment(), _qgis_python())
    processes = [runtime for runtime in found if runtime is not None]
    if mode == PROCESS:
        return processes
    return [*processes, _in_process()] if window else [_in_process(), *processes]


def _configured_mode() -> str:
    return _MODES.get(os.environ.get(RUN, "").strip().lower()) or where_to_run()


def _in_process() -> Runtime:
    return Runtime(dependencies.missing)


def _from_variable(python: str) -> Runtime:
    """Return the Python that the environment variable names; what it lacks is known only when it runs."""
    from ..environment.interpreter import clean_environment

    return _subprocess(python, clean_environment(), lambda modules: [])


def _private_environment() -> Runtime | None:
    # Imported here: QGIS loads this module at start, which must stay fast.
    from ..environment.private import PrivateEnvironment, default_folder

    environment = PrivateEnvironment(default_folder())
    if environment.python is None:
        return None

    def missing(modules: Iterable[str]) -> list[str]:
        return _packages(environment.missing(list(modules)))

    return _subprocess(str(environment.python), environment.variables(), missing)


def _qgis_python() -> Runtime | None:
    """Return the Python that QGIS runs on, with QGIS's search path for libraries."""
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


def _subprocess(
    python: str,
    variables: dict[str, str],
    missing: Callable[[Iterable[str]], list[str]],
    search_path: tuple[str, ...] = (),
) -> Runtime:
    # A Python that finds its standard library by a variable must read its variables.
    flags = ("-s",) if "PYTHONHOME" in variables else ("-I",)
    return Runtime(missing, (python, *flags, "-X", "utf8"), tuple(variables.items()), search_path)


def _packages(modules: Iterable[str]) -> list[str]:
    return [dependencies.PACKAGES.get(module, module) for module in modules]
