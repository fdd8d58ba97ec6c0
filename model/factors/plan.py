"""What each input makes of itself: the factors it gives and how to open it, once a worker."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import Any, Callable, ContextManager, Iterator, Mapping, Protocol

import numpy as np

from ..errors import ParameterInvalid
from ..grid import Block, Grid
from ..inputs.rasters import open_raster
from ..inputs.vectors import Lines
from ..progress import Progress
from .categorical import PolygonClasses, RasterClasses
from .climate import ContinuousRaster, StationSurface
from .definitions import FACTORS, TERRAIN_FACTORS, FactorDefinition
from .density import LineDensity
from .sources import CategoricalInput, StationPoints
from .terrain import Terrain


class Reader(Protocol):
    """An open input."""

    def read(self, block: Block) -> np.ndarray:
        """Return float32 values of a block, NaN without data: (height, width), or (factors, height, width)."""


@dataclass
class FactorMaker:
    """One input and the factors it gives."""

    definitions: tuple[FactorDefinition, ...]
    open: Callable[[], ContextManager[Reader]]
    """Opens the input; a worker opens its own, for a raster must not be read from two threads at once."""
    shared: Any = None
    """What is known of the input beyond its values, such as ``PolygonClasses.overlapping``."""


def terrain_maker(dem: str | os.PathLike, grid: Grid, method: str) -> FactorMaker:
    """Return the maker of slope, profile curvature and aspect; errors as in :class:`Terrain`.

    Its ``shared`` lists the readers that were opened.
    """
    opened: list[Terrain] = []

    @contextlib.contextmanager
    def open_terrain() -> Iterator[Terrain]:
        with open_raster(dem, "DEM") as dataset:
            opened.append(Terrain(dataset, grid, method))
            yield opened[-1]

    with open_terrain():
        pass
    return FactorMaker(tuple(FACTORS[name] for name in TERRAIN_FACTORS), open_terrain, opened)


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
    with ContinuousRaster.open(str(source), grid, role):
        pass
    return FactorMaker((definition,), lambda: ContinuousRaster.open(str(source), grid, role))


def categorical_maker(definition: FactorDefinition, source: CategoricalInput, grid: Grid,
                      known: Mapping[int, str] | None, progress: Progress) -> FactorMaker:
    """Return the maker of classes; errors as in :class:`PolygonClasses` and :class:`RasterClasses`."""
    if source.polygons is not None:
        if not source.field:
            raise ParameterInvalid(f"{definition.name} needs the field that names the class of each polygon.")
        polygons = PolygonClasses(source.polygons, source.field, grid, definition.name, known, progress)
        return _shared(replace(definition, classes=polygons.classes), polygons)
    path = str(source.raster)
    table = RasterClasses.survey(path, grid, definition.name, known, progress)
    return FactorMaker((replace(definition, classes=table.classes),),
                       lambda: RasterClasses.open(path, grid, definition.name, table))


def _shared(definition: FactorDefinition, reader: Reader) -> FactorMaker:
    return FactorMaker((definition,), lambda: contextlib.nullcontext(reader), reader)
