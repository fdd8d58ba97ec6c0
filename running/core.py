"""The core inside QGIS: a call is a call.
The way of one run to the core, opened at its first call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..model.errors import LibraryMissing
from ..model.progress import Progress
from ..model.worker.registry import job
from ..processing_provider.dependencies import how_to_install, load_error_message
from .interpreter import RuntimeChoice, choose_runtime


class InProcessCore:
    """Calls jobs in the thread of the run."""

    def call(self, name: str, *values: Any, **named: Any) -> Any:
        """Run a job of the core and return its result; errors as the job."""
        return job(name)(*values, **named)

    def close(self) -> None:
        """There is nothing to end."""


class Core:
    """Calls jobs of ``model/jobs``, wherever they run; use it as a context, so that a process of its own ends."""

    def __init__(self, needs: Sequence[str], progress: Progress, choice: RuntimeChoice | None = None) -> None:
        """Keep what a run needs; nothing is started yet.

        Args:
            needs: modules that its jobs import.
            progress: asked whether to stop.
            choice: where to run; chosen at the first call unless given.
        """
        self._needs, self._progress, self._choice = needs, progress, choice
        self._backend: Any = None

    def __enter__(self) -> Core:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._backend is not None:
            self._backend.close()

    def missing(self, modules: Iterable[str]) -> list[str]:
        """Return the packages to install for the modules that are not there where the run takes place."""
        return self._runtime_choice().runtime.missing(modules)

    def require(self) -> None:
        """Raise :class:`LibraryMissing` before any work when a library is not there."""
        if self._runtime_choice().missing_packages:
            raise LibraryMissing(how_to_install(self._runtime_choice().missing_packages))

    def call(self, job: str, *values: Any, **named: Any) -> Any:
        """Run a job of the core.

        Args:
            job: name of the module and function in ``model/jobs``.
            *values: its arguments: plain values, paths, arrays, the layers of ``model.inputs`` and settings.
            **named: further ones; ``progress`` hears how far it is, and functions are called in this thread.

        Returns:
            Its result. From another process, dataclasses come as records with the same fields and no methods.

        Raises:
            LibraryMissing: a library is missing.
            ImportError: one is there and cannot be loaded.
            ProcessEnded: the process crashed, ran out of memory or cannot be started.
            Unforeseen: the job failed in the other process with an error that Scarp did not expect.
            Exception: whatever the job raises.
        """
        if self._backend is None:
            self.require()
            self._backend = _open_backend(self._runtime_choice().runtime, self._progress)
        try:
            return self._backend.call(job, *values, **named)
        except ImportError as error:
            fallback = self._runtime_choice().fallback
            if fallback is None or not isinstance(self._backend, InProcessCore):
                raise
            self._progress.warn(load_error_message(error))
            self._backend = _open_backend(fallback, self._progress)
            return self._backend.call(job, *values, **named)

    def _runtime_choice(self) -> RuntimeChoice:
        if self._choice is None:
            self._choice = choose_runtime(self._needs)
        return self._choice


def _open_backend(runtime: Any, progress: Progress) -> Any:
    if runtime.inside:
        return InProcessCore()
    from .process import SubprocessCore

    return SubprocessCore(runtime, progress)
