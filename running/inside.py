"""The core inside QGIS: a call is a call."""

from __future__ import annotations

from typing import Any

from ..model.worker.calls import job


class InsideCore:
    """Calls jobs in the thread of the run."""

    def call(self, name: str, *values: Any, **named: Any) -> Any:
        """Run a job of the core and return its result; errors as the job."""
        return job(name)(*values, **named)

    def close(self) -> None:
        """There is nothing to end."""
