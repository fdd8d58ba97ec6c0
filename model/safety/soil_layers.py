"""Slope, soil and contributing area of an infinite slope on the study grid, block by block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import rasterio

from ..errors import ParameterInvalid, ParameterMissing
from ..factors.climate import ContinuousRaster
from ..factors.definitions import CATEGORICAL
from ..factors.flow import FlowFactors
from ..factors.settings import HORN
from ..factors.source_rasters import SourceRaster, scan_source
from ..factors.terrain import TerrainFactors
from ..grid import Block, Grid
from ..inputs.rasters import open_raster, read_window
from ..inputs.units import ELEVATION
from ..progress import Progress, SubProgress
from ..stack import FORMAT_TAG, Stack
from ..texts import join_names
from ..virtual_rasters import RasterName, raster_file
from .infinite_slope import Values
from .rasters import open_landform
from .stability_settings import ALL, QUANTITIES, Quantity, Range, StabilityInputs, StabilityOptions
from .thresholds import plain_label

SLOPE, AREA, WETNESS = "slope", "contributing_area", ("recharge", "transmissivity")
_SLOPE_LIMITS = Quantity("slope", "degrees", 90, "percent", small=2, below="radians, or a tangent")
Read = Callable[[Block], np.ndarray]
ReadRange = Callable[[Block], tuple[Values, Values]]


@dataclass
class SlopeBlock:
    """What the stability of a block's cells follows from."""

    slope: np.ndarray  # degrees, NaN where the reference or the slope has no data
    soil: dict[str, tuple[Values, Values]]  # lowest and highest value by option
    area: np.ndarray | None  # contributing area in m²; None if the saturation is given
    width: np.ndarray  # of a cell in m: the square root of its area


@dataclass
class SlopeLayers:
    """All inputs of an infinite slope on one grid."""

    grid: Grid
    reference: Read
    slope: Read
    soil: dict[str, ReadRange] = field(default_factory=dict)
    area: Read | None = None
    varying: list[str] = field(default_factory=list)  # options with a range, in the order of ``QUANTITIES``
    sources: dict[str, str] = field(default_factory=dict)  # where slope, wetness and each quantity come from

    def read(self, block: Block) -> SlopeBlock:
        """Return the inputs of a block."""
        slope = self.slope(block).astype(np.float64)
        slope[~np.isfinite(self.reference(block))] = np.nan
        soil = {name: read(block) for name, read in self.soil.items()}
        area = None if self.area is None else self.area(block).astype(np.float64)
        width = np.sqrt(self.grid.cell_area(block.row, block.height))
        return SlopeBlock(slope, soil, area, np.broadcast_to(width[:, None], block.shape))


@contextlib.contextmanager
def open_slope_layers(inputs: StabilityInputs, options: StabilityOptions, progress: Progress) -> Iterator[SlopeLayers]:
    """Open and check all inputs.

    Raises ``ParameterMissing`` if there is no slope, or neither saturation nor contributing area; ``ParameterInvalid``
    if a table has no row for a class or names an unknown one, or values look like another unit; ``NoOverlap`` if an
    input lies elsewhere; ``GridMismatch`` if DEM or contributing area are on another grid; ``LibraryMissing`` if the
    contributing area needs pyflwdir; ``GridUnsupported`` if the DEM is too large for it.
    """
    with contextlib.ExitStack() as opened:
        dataset = opened.enter_context(open_raster(inputs.reference, "reference"))
        grid = Grid.from_dataset(dataset, "reference")
        stack = Stack(dataset) if all(dataset.descriptions) else None
        sources = _Sources(inputs, grid, stack, opened, progress)
        layers = SlopeLayers(grid, _cells_with_data(dataset), sources.open_slope(), sources=sources.found)
        values = options.values()
        wet = "saturation" in values or "saturation" in inputs.rasters
        unused = WETNESS if wet else ("saturation",)
        for name in QUANTITIES:
            if name in unused:
                continue
            if name in inputs.rasters:
                read = sources.open_values(inputs.rasters[name], name, QUANTITIES[name])
                layers.soil[name] = _single(read)
                layers.sources[name] = f"raster {raster_file(inputs.rasters[name])}"
            else:
                layers.soil[name], layers.sources[name] = sources.read_table(name, values[name])
                if any(low < high for low, high in values[name].values()):
                    layers.varying.append(name)
        if not wet:
            layers.area = sources.open_area()
        sources.check_units(SubProgress(progress, 0.5, 1.0))
        yield layers


def _cells_with_data(dataset: rasterio.DatasetReader) -> Read:
    """Return a reader of the sum of all bands; in a stack of Scarp every band lacks the same cells."""
    bands = [1] if FORMAT_TAG in dataset.tags() else None
    return lambda block: read_window(dataset, block.row, block.column, *block.shape, bands).sum(axis=0)


def _single(read: Read) -> ReadRange:
    def read_range(block: Block) -> tuple[Values, Values]:
        values = read(block).astype(np.float64)
        return values, values

    return read_range


@dataclass
class _Sources:
    """Opens the inputs one by one, and knows which of them are rasters of the user whose values must be checked."""

    inputs: StabilityInputs
    grid: Grid
    stack: Stack | None
    opened: contextlib.ExitStack
    progress: Progress
    found: dict[str, str] = field(default_factory=dict)  # where slope, wetness and each quantity come from
    _checked: list[tuple[Read, str, str, Quantity]] = field(default_factory=list)
    _classes: dict[str, tuple[Read, Mapping[int, str]]] | None = None

    def open_values(self, path: str, name: str, quantity: Quantity) -> Read:
        """Open a raster of measured values, whose values :meth:`check_units` looks at."""
        source = scan_source(path, self.grid, quantity.title, self.progress, quantity.title)
        read = self.opened.enter_context(ContinuousRaster.open(source, self.grid)).read
        self._checked.append((read, name.upper(), f"the raster {raster_file(path)}", quantity))
        return read

    def check_units(self, progress: Progress) -> None:
        """Raise ``ParameterInvalid`` if the values of a raster look like another unit."""
        limits = np.array([[np.inf, -np.inf]] * len(self._checked))
        for block in self.grid.blocks_with_progress(progress) if self._checked else ():
            for one, (read, *_) in zip(limits, self._checked):
                values = read(block)
                one[0] = np.fmin.reduce(values, axis=None, initial=one[0])
                one[1] = np.fmax.reduce(values, axis=None, initial=one[1])
        for (low, high), (_, name, where, quantity) in zip(limits, self._checked):
            question = quantity.question((low, high), name, where) if low <= high else ""
            if question:
                raise ParameterInvalid(question)

    def open_slope(self) -> Read:
        """Open the slope in degrees: the raster given, else the band of the stack, else from the DEM."""
        if self.inputs.slope is not None:
            self.found[SLOPE] = f"raster {raster_file(self.inputs.slope)}"
            return self.open_values(str(self.inputs.slope), SLOPE, _SLOPE_LIMITS)
        band = self._band(SLOPE)
        if band is not None:
            self.found[SLOPE] = f"band {SLOPE} of the stack"
            return band
        if self.inputs.dem is not None:
            self.found[SLOPE] = f"DEM {raster_file(self.inputs.dem)}"
            terrain = self.opened.enter_context(TerrainFactors.open(self._dem(), self.grid, HORN))
            return lambda block: terrain.read(block)[0]
        raise ParameterMissing(
            "METHOD=infinite_slope needs the slope. Give a factor stack with a band slope as REFERENCE, or the slope "
            "in degrees as SLOPE, or the elevations as DEM."
        )

    def open_area(self) -> Read:
        """Open the contributing area in m²: the raster given, else the band of the stack, else from elevations."""
        given = self.inputs.contributing_area
        if given is not None:
            self.found[AREA] = f"raster {raster_file(given)}"
            return self._given_area(str(given))
        band = self._band(AREA)
        if band is not None:
            self.found[AREA] = f"band {AREA} of the stack"
            return lambda block: 10.0 ** band(block)
        instead = (
            "give CONTRIBUTING_AREA in m², made for example with the flow accumulation of SAGA or GRASS, or SATURATION"
        )
        if self.inputs.dem is not None:
            source, self.found[AREA] = self._dem(), f"water routed over the DEM {raster_file(self.inputs.dem)}"
        elif self.stack is not None and "elevation" in self.stack.names:
            name = RasterName.parse(self.inputs.reference)
            band_name = str(RasterName(name.file, name.crs, self.stack.factor("elevation").band))
            source, self.found[AREA] = SourceRaster(band_name, ELEVATION), "water routed over the band elevation"
        else:
            raise ParameterMissing(
                "The wetness of METHOD=infinite_slope needs a contributing area. Give a factor stack with flow in "
                f"TERRAIN as REFERENCE, or the elevations as DEM, or {instead}."
            )
        why = "The contributing area is not given and follows from elevations"
        flow = FlowFactors.compute(source, self.grid, HORN, SubProgress(self.progress, 0.0, 0.5), why, instead)
        return lambda block: 10.0 ** flow.read(block)[0]

    def _given_area(self, path: str) -> Read:
        with open_raster(path, "contributing area") as raster:
            names = list(raster.descriptions)
            self.grid.require_same(Grid.from_dataset(raster, "contributing area"), "reference", "contributing area")
        name, in_stack = RasterName.parse(path), AREA in names
        if in_stack:
            path = str(RasterName(name.file, name.crs, names.index(AREA) + 1))
        source = scan_source(path, self.grid, "contributing area", self.progress, "contributing area")
        read = self.opened.enter_context(ContinuousRaster.open(source, self.grid)).read
        if in_stack:
            return lambda block: 10.0 ** read(block)
        # Every cell gathers at least its own water.
        least = float(self.grid.cell_area().min()) / 2
        limits = Quantity("contributing area", "m²", np.inf, "", least, under="cells, as a logarithm, or m²/m")
        self._checked.append((read, AREA.upper(), f"the raster {raster_file(path)}", limits))
        return read

    def read_table(self, name: str, table: Mapping[str, Range]) -> tuple[ReadRange, str]:
        """Return the reader of a table by class, and where its values come from."""
        if list(table) == [ALL]:
            (limits,) = table.values()
            return lambda block: limits, "-".join(f"{limit:g}" for limit in sorted(set(limits)))
        layer, read, classes = self._layer_of(name, table)
        rows = {plain_label(label): limits for label, limits in table.items()}
        others = rows.get(ALL, (np.nan, np.nan))
        missing = [label for label in classes.values() if plain_label(label) not in rows]
        if missing and ALL not in rows:
            raise ParameterInvalid(
                f"{name.upper()} has no row for these classes of {layer}: {join_names(missing)}. Add a row for each, "
                f'or one row "{ALL}" for all of them.'
            )
        # The last entry is for cells without a class.
        limits_by_code = np.full((2, max(classes) + 2), np.reshape(others, (2, 1)))
        for code, label in classes.items():
            limits_by_code[:, code] = rows.get(plain_label(label), others)
        none = limits_by_code.shape[1] - 1

        def read_range(block: Block) -> tuple[Values, Values]:
            codes = read(block)
            index = np.where(codes < none, codes, none).astype(np.int64)
            return limits_by_code[0][index], limits_by_code[1][index]

        return read_range, f"table by {layer}"

    def _layer_of(self, name: str, table: Mapping[str, Range]) -> tuple[str, Read, Mapping[int, str]]:
        """Return name, reader and labels of the first layer of classes that has those of a table."""
        wanted = {plain_label(label): label for label in table if label != ALL}
        layers = self._class_layers()
        for layer, (read, classes) in layers.items():
            if wanted.keys() <= set(map(plain_label, classes.values())):
                return layer, read, classes
        known = "; ".join(f"{layer}: {join_names(list(one[1].values()))}" for layer, one in layers.items())
        remedy = "Give TOPOGRAPHY, or a factor stack with classes as REFERENCE."
        if known:
            remedy = f"Name classes as they are written there: {known}."
        raise ParameterInvalid(
            f"{name.upper()} has rows for {join_names(list(wanted.values()))}, but no layer has these classes "
            f"together. {remedy}"
        )

    def _class_layers(self) -> dict[str, tuple[Read, Mapping[int, str]]]:
        if self._classes is None:
            self._classes = {}
            reader, classes = self.opened.enter_context(open_landform(self.inputs.topography, self.grid, self.progress))
            if reader is not None:
                self._classes["TOPOGRAPHY"] = reader.read, classes
            for factor in self.stack.factors if self.stack is not None else ():
                read = self._band(factor.name)
                if factor.kind == CATEGORICAL and factor.classes and read is not None:
                    self._classes[factor.name] = read, factor.classes
        return self._classes

    def _band(self, name: str) -> Read | None:
        stack = self.stack
        if stack is None or name not in stack.names:
            return None
        return lambda block: stack.read(block, [name])[0]

    def _dem(self) -> SourceRaster:
        source = scan_source(str(self.inputs.dem), self.grid, ELEVATION, self.progress, ELEVATION)
        with open_raster(source.name, ELEVATION) as raster:
            self.grid.require_same(Grid.from_dataset(raster, "DEM"), "reference", "DEM")
        return source
