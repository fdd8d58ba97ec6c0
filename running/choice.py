"""Where the core runs, and what is lacking there.

In a window the core gets a process of its own whenever there is a Python for it: the private environment, or the
Python that QGIS runs on when it has the libraries. A crash then ends only that process, and its memory goes back to
the system. Without a window (``qgis_process``, scripts) there is nothing to keep alive, so the core runs inside QGIS
when the libraries are there, which saves starting another Python.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable

from ..processing_provider import dependencies
from ..processing_provider.settings import AUTOMATIC, INSIDE, PROCESS, has_window, where_to_run

RUN, PYTHON = "SCARP_RUN", "SCARP_PYTHON"
"""Environment variables for tests and scripts: ``auto``, ``process`` or ``inside``, and the Python of the process."""
_WORDS = {"auto": AUTOMATIC, "process": PROCESS, "inside": INSIDE}


@dataclass(frozen=True)
class Place:
    """A Python that the core can run in."""

    missing: Callable[[Iterable[str]], list[str]]
    """Returns the packages to install for the modules that it lacks, without starting it."""
    command: tuple[str, ...] = ()
    """Starts it; empty for the Python inside QGIS."""
    variables: tuple[tuple[str, str], ...] = ()
    """Its environment variables, all of them."""
    search_path: tuple[str, ...] = ()
    """Where it looks for libraries, when that is not its own business."""

    @property
    def inside(self) -> bool:
        """Whether it is the Python inside QGIS."""
        return not self.command


@dataclass(frozen=True)
class Choice:
    """Where a run takes place."""

    place: Place
    lacking: tuple[str, ...]
    """Packages to install before it can."""
    spare: Place | None = None
    """Where to run instead when a library inside QGIS turns out not to fit."""


def choose(needs: Iterable[str]) -> Choice:
    """Return where to run what needs some modules; cheap enough to ask before every run.

    Args:
        needs: names of modules, such as ``torch``.
    """
    modules = list(needs)
    found = [(place, place.missing(modules)) for place in places(_mode(), has_window())]
    if not found:
        return Choice(_inside(), tuple(_packages(modules)))
    ready = [place for place, lacking in found if not lacking]
    if not ready:
        place, lacking = min(found, key=lambda pair: len(pair[1]))
        return Choice(place, tuple(lacking))
    spare = next((place for place in ready[1:] if not place.inside), None) if ready[0].inside else None
    return Choice(ready[0], (), spare)


def places(mode: str, window: bool) -> list[Place]:
    """Return where the core may run, the best place first.

    Args:
        mode: ``automatic``, ``process`` or ``inside``.
        window: whether QGIS has one.
    """
    if mode == INSIDE:
        return [_inside()]
    named = os.environ.get(PYTHON)
    processes = [_named(named)] if named else [place for place in (_private(), _own()) if place is not None]
    if mode == PROCESS:
        return processes
    return [*processes, _inside()] if window else [_inside(), *processes]


def _mode() -> str:
    return _WORDS.get(os.environ.get(RUN, "").strip().lower()) or where_to_run()


def _inside() -> Place:
    return Place(dependencies.missing)


def _named(python: str) -> Place:
    """Return the Python that an environment variable names; what it has is known only when it runs."""
    from ..environment.interpreter import clean_environment

    return _process(python, clean_environment(), lambda modules: [])


def _private() -> Place | None:
    # Imported here and not above: QGIS loads this module when it starts, and its start should cost little.
    from ..environment.private import PrivateEnvironment, default_folder

    environment = PrivateEnvironment(default_folder())
    if environment.python is None:
        return None
    return _process(str(environment.python), environment.variables(),
                    lambda modules: _packages(environment.missing(list(modules))))


def _own() -> Place | None:
    """Return the Python that QGIS runs on, looking for libraries in the order in which QGIS does."""
    from ..environment.interpreter import qgis_interpreter

    interpreter = qgis_interpreter()
    if interpreter is None:
        return None
    # The same libraries as inside QGIS must find the same data files, so QGIS's own variables stay.
    variables = {**os.environ, **interpreter.variables()}
    if interpreter.home is None:
        variables.pop("PYTHONHOME", None)
    variables.pop("PYTHONPATH", None)
    folders = tuple(str(Path(folder).absolute()) for folder in sys.path if folder and Path(folder).name != "plugins")
    return _process(str(interpreter.executable), variables, dependencies.missing, folders)


def _process(python: str, variables: dict[str, str], missing: Callable[[Iterable[str]], list[str]],
             search_path: tuple[str, ...] = ()) -> Place:
    # A Python that is told by a variable where its standard library is must listen to its variables.
    flags = ("-s",) if "PYTHONHOME" in variables else ("-I",)
    return Place(missing, (python, *flags, "-X", "utf8"), tuple(variables.items()), search_path)


def _packages(modules: Iterable[str]) -> list[str]:
    return [dependencies.PACKAGES.get(module, module) for module in modules]
