"""The core as an algorithm calls it: inside QGIS, where a call is a call, or in a worker process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..model.errors import LibraryMissing
from ..model.jobs import job
from ..model.progress import Progress
from ..processing_provider.dependencies import install_hint, load_error_message
from .interpreter import Runtime, RuntimeChoice, choose_runtime


class InProcessCore:
    """Calls jobs in the thread of the run."""

    def call(self, name: str, *values: Any, **named: Any) -> Any:
        """Run a job; see :meth:`Core.call`."""
        return job(name)(*values, **named)

    def close(self) -> None:
        """Do nothing: no process was started."""


class Core:
    """Calls jobs of ``model/jobs``, wherever they run; use it as a context, so that a worker process ends."""

    def __init__(self, needs: Sequence[str], progress: Progress, choice: RuntimeChoice | None = None) -> None:
        """Keep what a run needs; nothing is started yet.

        Args:
            needs: modules that its jobs import.
            progress: asked whether to stop.
            choice: where to run; chosen at the first call by default.
        """
        self._needs, self._progress, self._choice = needs, progress, choice
        self._backend: Any = None

    def __enter__(self) -> Core:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._backend is not None:
            self._backend.close()

    def missing(self, modules: Iterable[str]) -> list[str]:
        """Return the packages to install for modules that are missing where the run takes place."""
        return self._runtime_choice().runtime.missing(modules)

    def require(self) -> None:
        """Raise :class:`LibraryMissing` before any work if a library is missing."""
        if self._runtime_choice().missing_packages:
            raise LibraryMissing(install_hint(self._runtime_choice().missing_packages))

    def call(self, job: str, *values: Any, **named: Any) -> Any:
        """Run a job of the core.

        Args:
            job: name of a function in ``model/jobs``.
            *values: its arguments: plain values, paths, arrays and the classes in ``model.worker.protocol.INPUTS``.
            **named: further ones; ``progress`` receives progress and warnings, and functions are called in this thread.

        Returns:
            Its result. From a worker process, dataclasses come as records with the same fields and no methods.

        Raises:
            LibraryMissing: a library is missing.
            ImportError: one is installed and cannot be loaded.
            CoreProcessError: the process crashed, ran out of memory or cannot be started.
            UnexpectedCoreError: the job failed in the worker process with an error that Scarp did not expect.
            Exception: whatever the job raises.
        """
        if self._backend is None:
            self.require()
            self._open_backend(self._runtime_choice().runtime)
        try:
            return self._backend.call(job, *values, **named)
        except ImportError as error:
            fallback = self._runtime_choice().fallback
            if fallback is None or not isinstance(self._backend, InProcessCore):
                raise
            self._progress.warn(load_error_message(error))
            self._open_backend(fallback)
            return self._backend.call(job, *values, **named)

    def _runtime_choice(self) -> RuntimeChoice:
        if self._choice is None:
            self._choice = choose_runtime(self._needs)
        return self._choice

    def _open_backend(self, runtime: Runtime) -> None:
        if runtime.inside:
            self._backend = InProcessCore()
            return
        from .process import SubprocessCore

        self._backend = SubprocessCore(runtime, self._progress)
