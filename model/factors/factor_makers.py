"""What each input makes of itself: the factors it gives and how to open it, once a worker."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, ContextManager, Protocol

import numpy as np

from ..errors import ParameterInvalid
from ..grid import Block, Grid
from ..inputs.vectors import Lines
from ..progress import Progress
from .categorical import PolygonClasses, RasterClasses
from .climate import ContinuousRaster, StationSurface
from .definitions import FACTORS, TERRAIN_FACTORS, FactorDefinition
from .density import LineDensity
from .sources import CategoricalInput, StationPoints
from .terrain import TerrainFactors


class Reader(Protocol):
    """An open input. One may also have ``lowest`` or ``overlapping``, which hold for the block that was read last."""

    def read(self, block: Block) -> np.ndarray:
        """Return float32 values of a block, NaN without data: (height, width), or (factors, height, width)."""


@dataclass
class FactorSource:
    """One input and the factors it gives."""

    definitions: tuple[FactorDefinition, ...]
    open: Callable[[], ContextManager[Reader]]
    """Opens the input; a worker opens its own, for a raster must not be read from two threads at once. It can be sent
    to another process: nothing is open in it, and paths are absolute."""


def terrain_source(dem: str | os.PathLike, grid: Grid, method: str) -> FactorSource:
    """Return the maker of slope, profile curvature and aspect; errors as in :class:`TerrainFactors`."""
    return _checked_source(
        tuple(FACTORS[name] for name in TERRAIN_FACTORS),
        partial(TerrainFactors.open, _absolute_path(dem), grid, method),
    )


def density_source(name: str, lines: Lines, grid: Grid, radius: float, role: str, progress: Progress) -> FactorSource:
    """Return the maker of a line density; errors as in :class:`LineDensity`."""
    return _shared_source(FACTORS[name], LineDensity(lines, grid, radius, role, progress))


def continuous_source(
    definition: FactorDefinition, source: str | os.PathLike | StationPoints, grid: Grid, progress: Progress
) -> FactorSource:
    """Return the maker of an amount; errors as in :class:`ContinuousRaster` and :class:`StationSurface`."""
    role = definition.name
    if isinstance(source, StationPoints):
        surface = StationSurface(source, grid, role, progress)
        progress.report(0, f"{definition.title}: interpolated between {surface.count} stations.")
        return _shared_source(definition, surface)
    return _checked_source((definition,), partial(ContinuousRaster.open, _absolute_path(source), grid, role))


def categorical_source(
    definition: FactorDefinition,
    source: CategoricalInput,
    grid: Grid,
    known: Mapping[int, str] | None,
    progress: Progress,
) -> FactorSource:
    """Return the maker of classes; errors as in :class:`PolygonClasses` and :class:`RasterClasses`."""
    if source.polygons is not None:
        if not source.field:
            raise ParameterInvalid(f"{definition.name} needs the field that names the class of each polygon.")
        polygons = PolygonClasses(source.polygons, source.field, grid, definition.name, known, progress)
        return _shared_source(replace(definition, classes=polygons.classes), polygons)
    path = _absolute_path(source.raster)
    table = RasterClasses.scan(path, grid, definition.name, known, progress)
    return FactorSource(
        (replace(definition, classes=table.classes),), partial(RasterClasses.open, path, grid, definition.name, table)
    )


def _checked_source(
    definitions: tuple[FactorDefinition, ...], opener: Callable[[], ContextManager[Reader]]
) -> FactorSource:
    """Return the maker of an input that was opened once, so that its errors come before the work."""
    with opener():
        pass
    return FactorSource(definitions, opener)


def _shared_source(definition: FactorDefinition, reader: Reader) -> FactorSource:
    return FactorSource((definition,), partial(_reader_copy, reader))


def _reader_copy(reader: Reader) -> ContextManager[Reader]:
    """Give a reader that shares all arrays with another, but not what it notes of the block read last."""
    return contextlib.nullcontext(copy.copy(reader))


def _absolute_path(source: str | os.PathLike) -> str:
    """Return a path as it is understood in any folder; other sources that GDAL knows stay as they are."""
    return os.path.abspath(source) if os.path.exists(source) else str(source)
