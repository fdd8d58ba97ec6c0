"""Factor sources: which factors each input gives, and how a worker opens it."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable

from ..grid import Grid
from ..inputs.bands import split_bands
from ..inputs.units import AUTO, ELEVATION, PLAUSIBLE
from ..inputs.vectors import Lines
from ..progress import Progress
from ..virtual_rasters import RasterName, raster_file
from .categorical import ClassTable, PolygonClasses, RasterClasses
from .climate import ContinuousRaster, StationSurface
from .definitions import (
    CATEGORICAL,
    CONTINUOUS,
    EMBEDDINGS_TAG,
    FACTORS,
    FLOW,
    FLOW_TERRAIN,
    TERRAIN_FACTORS,
    WINDOW_TERRAIN,
    FactorDefinition,
    FactorReader,
    factor_name,
)
from .density import LineDensity
from .embeddings import EmbeddingBands, question_of_year, scan_embeddings
from .flow import FlowFactors, require_flow
from .settings import CategoricalInput, RasterPath, StackInputs, StackOptions, StationPoints
from .source_rasters import scan_source
from .terrain import TerrainFactors, terrain_definitions
from .terrain_windows import windows_of


@dataclass
class FactorSource:
    """One input and the factors that are computed from it."""

    definitions: tuple[FactorDefinition, ...]
    open: Callable[[], AbstractContextManager[FactorReader]]
    """Opens the input; each worker opens its own, for two threads must not read one dataset. It can be sent to another
    process: nothing is open in it, and paths are absolute."""
    halo: int = 0  # cells around a block that the factors need
    tags: Mapping[str, str] = field(default_factory=dict)  # metadata of the stack that tell of the input


def stack_sources(
    inputs: StackInputs, options: StackOptions, grid: Grid, known: Mapping[str, ClassTable], progress: Progress
) -> list[FactorSource]:
    """Return the sources of all factors of a stack, in the order of its bands; ``known`` class tables keep their codes.
    Raises ``ScarpError`` if an input cannot be used; see the readers of the factors.
    """

    def source(definition: FactorDefinition, layer: Any) -> FactorSource:
        if isinstance(layer, CategoricalInput):
            return categorical_source(definition, layer, grid, known.get(definition.name), progress)
        if isinstance(layer, Lines):
            rivers = definition.name == "river_density"
            radius, role = (options.river_radius, "rivers") if rivers else (options.fault_radius, "faults")
            return _shared_source(definition, LineDensity(layer, grid, radius, role, progress))
        unit = {"precipitation": options.precipitation_unit, "temperature": options.temperature_unit}
        return continuous_source(definition, layer, grid, progress, unit.get(definition.name, AUTO))

    climate = inputs.precipitation, inputs.temperature
    layers = inputs.landform, inputs.rivers, *climate, inputs.faults, inputs.lithology, inputs.seismic
    sources = terrain_sources(inputs.dem, grid, options.slope_method, options.dem_unit, progress, options.terrain)
    definitions = [definition for name, definition in FACTORS.items() if name not in TERRAIN_FACTORS]
    sources += [source(one, layer) for one, layer in zip(definitions, layers) if layer is not None]
    extras: list[tuple[str, str, Any]] = [
        (CONTINUOUS, title, band)
        for path, name in inputs.extra_continuous
        for band, title in split_bands(str(path), name, name)
    ]
    for layer in inputs.extra_categorical:
        name = layer.name or Path(raster_file(layer.source)).stem
        bands = split_bands(layer.source, name, name) if layer.raster is not None else []
        classes = [(CATEGORICAL, title, CategoricalInput(raster=band, name=title)) for band, title in bands]
        extras += classes or [(CATEGORICAL, name, layer)]
    taken = list(dict.fromkeys([*FACTORS, *(one.name for source in sources for one in source.definitions)]))
    for kind, title, layer in extras:
        taken.append(_extra_name(title, taken, progress))
        sources.append(source(FactorDefinition(taken[-1], kind, "", title), layer))
    if inputs.embeddings is not None:
        sources.append(embedding_source(inputs.embeddings, options, grid, progress))
    return sources


def embedding_source(path: RasterPath, options: StackOptions, grid: Grid, progress: Progress) -> FactorSource:
    """Return the source of the bands of an embedding; errors as in :func:`~.embeddings.scan_embeddings`."""
    given = options.embeddings_kind, options.embeddings_year
    found = scan_embeddings(_absolute_path(path), grid, *given, progress)
    question = question_of_year(found.year, options.landslide_year)
    if question:
        progress.warn(question)
    about: dict[str, Any] = {"kind": found.kind, "bands": len(found.bands), "source": Path(found.name).name}
    about.update(year=found.year, landslides=options.landslide_year)
    made = _checked_source(found.definitions, partial(EmbeddingBands.open, found, grid))
    return replace(made, tags={EMBEDDINGS_TAG: json.dumps(about, ensure_ascii=False)})


def _extra_name(layer: str, taken: list[str], progress: Progress) -> str:
    wanted, name = factor_name(layer), factor_name(layer, taken)
    if name != wanted:
        progress.warn(
            f'The extra factor "{layer}" is called {name} in the stack, because {wanted} is the name of '
            "another factor. Rename the layer if it is another quantity; leave it out if it is the same."
        )
    return name


def terrain_sources(
    dem: RasterPath, grid: Grid, method: str, unit: str, progress: Progress, groups: Sequence[str] = ()
) -> list[FactorSource]:
    """Return the sources of all factors of the DEM, with further ``groups``; errors as in :class:`TerrainFactors`."""
    if FLOW in groups:
        require_flow(grid)
    source = scan_source(_absolute_path(dem), grid, "DEM", progress, ELEVATION, unit, "DEM_UNIT")
    windows = windows_of(grid, progress) if set(groups) & set(WINDOW_TERRAIN) else []
    definitions = tuple(terrain_definitions(groups, windows))
    made = _checked_source(definitions, partial(TerrainFactors.open, source, grid, method, groups, windows))
    made = replace(made, halo=max((window.reach for window in windows), default=0))
    if FLOW not in groups:
        return [made]
    flow = FlowFactors.compute(source, grid, method, progress)
    return [made, FactorSource(FLOW_TERRAIN[FLOW], partial(_reader_copy, flow))]


def continuous_source(
    definition: FactorDefinition, source: RasterPath | StationPoints, grid: Grid, progress: Progress, unit: str = AUTO
) -> FactorSource:
    """Return the source of values measured in a unit; errors as in ``scan_source`` and :class:`StationSurface`."""
    role, quantity = definition.name, definition.name if definition.name in PLAUSIBLE else ""
    if isinstance(source, StationPoints):
        surface = StationSurface(source, grid, role, progress, unit)
        progress.report(0, f"{definition.title}: interpolated between {surface.count} stations.")
        return _shared_source(definition, surface)
    scanned = scan_source(_absolute_path(source), grid, role, progress, quantity, unit, f"{role.upper()}_UNIT")
    return _checked_source((definition,), partial(ContinuousRaster.open, scanned, grid))


def categorical_source(
    definition: FactorDefinition, source: CategoricalInput, grid: Grid, known: ClassTable | None, progress: Progress
) -> FactorSource:
    """Return the source of classes; errors as in :class:`PolygonClasses` and :class:`RasterClasses`."""
    role = definition.name
    if source.polygons is not None:
        polygons = PolygonClasses(source.polygons, source.field or "", grid, role, known, progress)
        return _shared_source(replace(definition, classes=polygons.classes), polygons)
    table = RasterClasses.scan(_absolute_path(source.source), grid, role, known, progress)
    return FactorSource((replace(definition, classes=table.classes),), partial(RasterClasses.open, table, grid))


def _checked_source(
    definitions: tuple[FactorDefinition, ...], opener: Callable[[], AbstractContextManager[FactorReader]]
) -> FactorSource:
    """Return the source of an input that is opened once now, so that its errors come before the work."""
    with opener():
        return FactorSource(definitions, opener)


def _shared_source(definition: FactorDefinition, reader: FactorReader) -> FactorSource:
    return FactorSource((definition,), partial(_reader_copy, reader))


def _reader_copy(reader: FactorReader) -> AbstractContextManager[FactorReader]:
    # All share the arrays, but not what each notes of the block read last.
    return contextlib.nullcontext(copy.copy(reader))


def _absolute_path(source: RasterPath) -> str:
    """Return the absolute path of a file; other sources that GDAL knows stay as they are."""
    name = RasterName.parse(source)
    return str(replace(name, file=os.path.abspath(name.file))) if os.path.exists(name.file) else str(source)
