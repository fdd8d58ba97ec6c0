"""The jobs of the core by name: the only door for whoever calls it, inside QGIS or from another process."""

from __future__ import annotations

import functools
import importlib
import warnings
from pathlib import Path
from typing import Any, Callable

from ..errors import MessageInvalid
from ..together import all_or_none

JOBS = Path(__file__).resolve().parent.parent / "jobs"


def job(name: str) -> Callable[..., Any]:
    """Return the function of ``model/jobs`` that has the name of its module; if it fails, it leaves no output.

    Args:
        name: such as ``train_pcum``.

    Raises:
        MessageInvalid: there is no such job.
        ImportError: a library that it needs is missing or cannot be loaded.
    """
    function = None
    if name.isidentifier() and not name.startswith("_") and (JOBS / f"{name}.py").is_file():
        # rasterio still multiplies transforms in the way that affine 3 complains of, at every window it reads.
        warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)
        module = importlib.import_module(f"..jobs.{name}", __package__)
        function = getattr(module, name, None)
    if function is None:
        raise MessageInvalid(f'The core has no job "{name}". Install Scarp again: its files do not fit together.')

    @functools.wraps(function)
    def leaving_all_or_none(*values: Any, **named: Any) -> Any:
        with all_or_none():
            return function(*values, **named)

    return leaving_all_or_none
