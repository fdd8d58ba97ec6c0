"""The way of one run to the core, opened at its first call."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from ..model.errors import LibraryMissing
from ..model.progress import Progress
from ..processing_provider.dependencies import broken, how_to_install
from .choice import Choice, choose
from .inside import InsideCore


class Core:
    """Calls jobs of ``model/jobs``, wherever they run; use it as a context, so that a process of its own ends."""

    def __init__(self, needs: Sequence[str], progress: Progress, choice: Choice | None = None) -> None:
        """Keep what a run needs; nothing is started yet.

        Args:
            needs: modules that its jobs import.
            progress: asked whether to stop.
            choice: where to run; chosen at the first call unless given.
        """
        self._needs, self._progress, self._choice = needs, progress, choice
        self._way: Any = None

    def __enter__(self) -> "Core":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._way is not None:
            self._way.close()

    def missing(self, modules: Iterable[str]) -> list[str]:
        """Return the packages to install for the modules that are not there where the run takes place."""
        return self._chosen().place.missing(modules)

    def require(self) -> None:
        """Raise :class:`LibraryMissing` before any work when a library is not there."""
        if self._chosen().lacking:
            raise LibraryMissing(how_to_install(self._chosen().lacking))

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
        if self._way is None:
            self.require()
            self._way = _way_to(self._chosen().place, self._progress)
        try:
            return self._way.call(job, *values, **named)
        except ImportError as error:
            spare = self._chosen().spare
            if spare is None or not isinstance(self._way, InsideCore):
                raise
            self._progress.warn(broken(error))
            self._way = _way_to(spare, self._progress)
            return self._way.call(job, *values, **named)

    def _chosen(self) -> Choice:
        if self._choice is None:
            self._choice = choose(self._needs)
        return self._choice


def _way_to(place: Any, progress: Progress) -> Any:
    if place.inside:
        return InsideCore()
    from .process import ProcessCore

    return ProcessCore(place, progress)
