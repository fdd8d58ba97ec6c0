"""What each input makes of itself: the factors it gives and how to open it, once a worker."""

from __future__ import annotations

import contextlib
import copy
import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, ContextManager, Mapping, Protocol

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
from .terrain import Terrain


class Reader(Protocol):
    """An open input. One may also have ``lowest`` or ``overlapping``, which hold for the block that was read last."""

    def read(self, block: Block) -> np.ndarray:
        """Return float32 values of a block, NaN without data: (height, width), or (factors, height, width)."""


@dataclass
class FactorMaker:
    """One input and the factors it gives."""

    definitions: tuple[FactorDefinition, ...]
    open: Callable[[], ContextManager[Reader]]
    """Opens the input; a worker opens its own, for a raster must not be read from two threads at once. It can be sent
    to another process: nothing is open in it, and paths are absolute."""


def terrain_maker(dem: str | os.PathLike, grid: Grid, method: str) -> FactorMaker:
    """Return the maker of slope, profile curvature and aspect; errors as in :class:`Terrain`."""
    return _opened(tuple(FACTORS[name] for name in TERRAIN_FACTORS),
                   partial(Terrain.open, _anywhere(dem), grid, method))


def density_maker(name: str, lines: Lines, grid: Grid, radius: float, role: str, progress: Progress) -> FactorMaker:
    """Return the maker of a line density; errors as in :class:`LineDensity`."""
    return _shared(FACTORS[name], LineDensity(lines, grid, radius, role, progress))


def continuous_maker(definition: FactorDefinition, source: str | os.PathLike | StationPoints, grid: Grid,
                     progress: Progress) -> FactorMaker:
    """Return the maker of an amount; errors as in :class:`ContinuousRaster` and :class:`StationSurface`."""
    role = definition.name
    if isinstance(source, StationPoints):
        surface = StationSurface(source, grid, role, progress)
        progress.report(0, f"{definition.title}: interpolated between {surface.count} stations.")
        return _shared(definition, surface)
    return _opened((definition,), partial(ContinuousRaster.open, _anywhere(source), grid, role))


def categorical_maker(definition: FactorDefinition, source: CategoricalInput, grid: Grid,
                      known: Mapping[int, str] | None, progress: Progress) -> FactorMaker:
    """Return the maker of classes; errors as in :class:`PolygonClasses` and :class:`RasterClasses`."""
    if source.polygons is not None:
        if not source.field:
            raise ParameterInvalid(f"{definition.name} needs the field that names the class of each polygon.")
        polygons = PolygonClasses(source.polygons, source.field, grid, definition.name, known, progress)
        return _shared(replace(definition, classes=polygons.classes), polygons)
    path = _anywhere(source.raster)
    table = RasterClasses.survey(path, grid, definition.name, known, progress)
    return FactorMaker((replace(definition, classes=table.classes),),
                       partial(RasterClasses.open, path, grid, definition.name, table))


def _opened(definitions: tuple[FactorDefinition, ...], opener: Callable[[], ContextManager[Reader]]) -> FactorMaker:
    """Return the maker of an input that was opened once, so that its errors come before the work."""
    with opener():
        pass
    return FactorMaker(definitions, opener)


def _shared(definition: FactorDefinition, reader: Reader) -> FactorMaker:
    return FactorMaker((definition,), partial(_own, reader))


def _own(reader: Reader) -> ContextManager[Reader]:
    """Give a reader that shares all arrays with another, but not what it notes of the block read last."""
    return contextlib.nullcontext(copy.copy(reader))


def _anywhere(source: str | os.PathLike) -> str:
    """Return a path as it is understood in any folder; other sources that GDAL knows stay as they are."""
    return os.path.abspath(source) if os.path.exists(source) else str(source)
