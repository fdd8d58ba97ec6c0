"""Jobs of the core by name: the only entry point, inside QGIS and in the worker process.

One module per Processing algorithm: check the inputs, compute, write the outputs in one transaction, keep the run
record. Arguments are paths, plain values and the dataclasses listed in ``model/worker/protocol.py``. All jobs raise
``InputMissing``, ``InputCorrupt``, ``CrsMissing`` or ``GridUnsupported`` for an input that cannot be used,
``OutputNotWritable`` and ``Cancelled``; their docstrings name the other errors. Imports nothing heavy: QGIS loads this
module when it runs jobs itself.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..errors import MessageInvalid
from ..outputs.transaction import output_transaction
from ..progress import tell_moved

JOBS = Path(__file__).resolve().parent
Bounds = tuple[float, float, float, float]


@dataclass
class RasterExtent:
    """Where a raster lies: left, bottom, right, top in map units."""

    crs_wkt: str
    bounds: Bounds
    buffered_bounds: list[Bounds]  # the bounds grown by each distance asked for


def raster_extent(path: str | os.PathLike, role: str, *, reaches: Sequence[float] = ()) -> RasterExtent:
    """Return where a raster lies, and its bounds grown by distances in metres; ``role`` names it in messages. Raises
    ``CrsMissing``, ``GridUnsupported``, ``InputMissing``, ``InputCorrupt`` if the raster cannot be used; see
    ``Grid.from_file``.
    """
    from ..grid import Grid

    grid = Grid.from_file(path, role)
    return RasterExtent(grid.crs.to_wkt(), grid.bounds, [grid.buffered_bounds(metres) for metres in reaches])


def sources_of(**inputs: Any) -> dict[str, Any]:
    """Return where inputs come from by parameter name, for the run record: paths, and path, URI or name of layers."""
    found = {name.upper(): getattr(value, "source_or_name", value) for name, value in inputs.items()}
    return {name: getattr(value, "source", value) for name, value in found.items()}


def finest_map(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> int:
    """Return the number of the map with the smallest cells, the first one of equals; layers are read in its CRS."""
    from ..comparison.mosaic import finest_raster

    return finest_raster(paths, names)


_QUERIES: dict[str, Callable[..., Any]] = {"raster_extent": raster_extent, "finest_map": finest_map}
"""Jobs that write nothing and stand here; the others have a module of their name."""


def job(name: str) -> Callable[..., Any]:
    """Return a job, such as ``train_pcum``; if it fails, all its outputs are rolled back. Raises ``MessageInvalid`` if
    there is no such job; ``ImportError`` if a library that it needs is missing or cannot be loaded.
    """
    # rasterio still multiplies transforms in a way that affine 3 warns of, at every window it reads.
    warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)
    function = _QUERIES.get(name)
    if function is None and name.isidentifier() and not name.startswith("_") and (JOBS / f"{name}.py").is_file():
        function = getattr(importlib.import_module(f".{name}", __package__), name, None)
    if function is None:
        raise MessageInvalid(f'The core has no job "{name}". Install Scarp again: its files do not match.')

    @functools.wraps(function)
    def in_transaction(*values: Any, **named: Any) -> Any:
        with output_transaction() as moved:
            result = function(*values, **named)
        for final, beside in moved.items():
            tell_moved(named["progress"], str(final), str(beside))
        return result

    return in_transaction
