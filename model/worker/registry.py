"""The jobs of the core by name: the only entry point, inside QGIS and in the worker process."""

from __future__ import annotations

import functools
import importlib
import warnings
from pathlib import Path
from typing import Any, Callable

from ..errors import MessageInvalid
from ..outputs.transaction import output_transaction

JOBS = Path(__file__).resolve().parent.parent / "jobs"
_MODULES = {"finest_map": "map_queries", "raster_extent": "map_queries"}  # modules not named after their job


def job(name: str) -> Callable[..., Any]:
    """Return a job of ``model/jobs``, such as ``train_pcum``; if it fails, all its outputs are rolled back.

    Raises:
        MessageInvalid: there is no such job.
        ImportError: a library that it needs is missing or cannot be loaded.
    """
    function, file = None, _MODULES.get(name, name)
    if name.isidentifier() and not name.startswith("_") and (JOBS / f"{file}.py").is_file():
        # rasterio still multiplies transforms in a way that affine 3 warns of, at every window it reads.
        warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)
        module = importlib.import_module(f"..jobs.{file}", __package__)
        function = getattr(module, name, None)
    if function is None:
        raise MessageInvalid(f'The core has no job "{name}". Install Scarp again: its files do not match.')

    @functools.wraps(function)
    def in_transaction(*values: Any, **named: Any) -> Any:
        with output_transaction():
            return function(*values, **named)

    return in_transaction
