"""Progress, warnings and cancellation of a long computation."""

from __future__ import annotations

from typing import Protocol

from .errors import Cancelled


class Progress(Protocol):
    """What the core needs from its caller; the Processing shell passes one that talks to QGIS."""

    def report(self, fraction: float, text: str = "") -> None:
        """Report the share of the work done (0 to 1); a non-empty text becomes a line of the log."""

    def warn(self, text: str) -> None:
        """Warn the user of something that may mislead, without stopping."""

    def cancelled(self) -> bool:
        """Whether the user asked to stop."""


class NullProgress:
    """Reports nothing and never cancels; keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def report(self, fraction: float, text: str = "") -> None:
        """Ignore the report."""

    def warn(self, text: str) -> None:
        """Keep the warning."""
        self.warnings.append(text)

    def cancelled(self) -> bool:
        """Never."""
        return False


class SubProgress:
    """A part of a larger progress: 0 to 1 here is ``start`` to ``end`` there."""

    def __init__(self, parent: Progress, start: float, end: float) -> None:
        self._parent, self._start, self._end = parent, start, end

    def report(self, fraction: float, text: str = "") -> None:
        """Report to the parent, scaled into this part."""
        self._parent.report(self._start + (self._end - self._start) * min(max(fraction, 0.0), 1.0), text)

    def warn(self, text: str) -> None:
        """Pass the warning on."""
        self._parent.warn(text)

    def cancelled(self) -> bool:
        """Whether the parent was cancelled."""
        return self._parent.cancelled()

    def moved(self, final: str, beside: str) -> None:
        """Pass on where an output is."""
        tell_moved(self._parent, final, beside)


class WarningLog(SubProgress):
    """Passes everything on and keeps each warning once, for report and record."""

    def __init__(self, parent: Progress) -> None:
        super().__init__(parent, 0.0, 1.0)
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Keep the warning and pass it on, unless it was given before."""
        if text not in self.warnings:
            self.warnings.append(text)
            super().warn(text)


def stop_if_cancelled(progress: Progress) -> None:
    """Raise :class:`Cancelled` if the user asked to stop; call it at least once a second of work."""
    if progress.cancelled():
        raise Cancelled()


def tell_moved(progress: Progress, final: str, beside: str) -> None:
    """Tell that an output is beside its name, where a file is that another program has open.

    A progress with a method ``moved`` gets both paths, any other a warning.
    """
    moved = getattr(progress, "moved", None)
    if moved is not None:
        moved(final, beside)
    else:
        progress.warn(moved_text(final, beside))


def moved_text(final: str, beside: str) -> str:
    """Return the warning for an output that could not replace an open file."""
    return (
        f"{final} could not be replaced, because it is open in this or another program, and stays as it was. The new "
        f"result is complete: {beside}."
    )


FEW_SECONDS = 7.5  # seconds below which a duration is "a few seconds"


def duration(seconds: float) -> str:
    """Return a duration in words: ``10 seconds``, ``12 minutes``, ``2 hours 20 minutes``."""
    if seconds < 90:
        return "a few seconds" if seconds < FEW_SECONDS else f"{max(10, 5 * round(seconds / 5))} seconds"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} minutes"
    if minutes < 36 * 60:
        hours, tens = divmod(10 * round(minutes / 10), 60)
        return f"{hours} hour{'s' if hours > 1 else ''}" + (f" {tens} minutes" if tens else "")
    return f"{round(minutes / 1440)} days"
