"""DEM and layers in, factor stack out."""

from __future__ import annotations

import contextlib
import os
import queue
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np
import rasterio

from ..errors import LayerEmpty, TooFewData
from ..factors.definitions import (CATEGORICAL, CONTINUOUS, FACTORS, FAULT_RADIUS, HORN, RIVER_RADIUS,
                                   FactorDefinition, factor_name)
from ..factors.plan import (FactorMaker, Reader, categorical_maker, continuous_maker, density_maker, terrain_maker)
from ..factors.sources import CategoricalInput, StationPoints
from ..files import RunRecord, check_writable
from ..grid import BLOCK, Block, Grid
from ..inputs.rasters import TILE
from ..inputs.vectors import Lines, Polygons
from ..labels.area import AreaMask
from ..progress import Part, Progress, stop_if_cancelled
from ..stack import StackFactor, create_stack, open_stack

MOST_WORKERS = 6
"""Each holds a block of all factors and the work on it, some 80 MB."""

PREPARED, WALKED = 0.05, 0.9
"""Shares of the progress after preparing the inputs and after the walk; the rest is for overviews."""


@dataclass
class StackSummary:
    """What a factor stack holds."""

    factors: list[str]
    """In the order of the bands."""

    cells: int
    """Cells of the grid."""

    study_cells: int
    """Cells with elevation within the study area."""

    valid_cells: int
    """Cells with data in all factors."""

    without_data: dict[str, int]
    """Cells of the study area by factor that has no data there."""

    lost_alone: dict[str, int]
    """Those of them where all other factors have data."""

    overlapping: dict[str, int]
    """Cells by categorical factor that lie in more than one polygon."""

    classes: dict[str, dict[int, str]]
    """Label by code, by categorical factor."""

    warnings: list[str] = field(default_factory=list)


def build_factor_stack(dem: str | os.PathLike, output: str | os.PathLike, *, area: Polygons | None = None,
                       slope_method: str = HORN, landform: CategoricalInput | None = None,
                       rivers: Lines | None = None, river_radius: float = RIVER_RADIUS,
                       precipitation: str | os.PathLike | StationPoints | None = None,
                       temperature: str | os.PathLike | StationPoints | None = None, faults: Lines | None = None, fault_radius: float = FAULT_RADIUS,
                       lithology: CategoricalInput | None = None, seismic: CategoricalInput | None = None,
                       extra_continuous: Sequence[Any] = (), extra_categorical: Sequence[CategoricalInput] = (),
                       class_table: str | os.PathLike | None = None, progress: Progress) -> StackSummary:
    """Bring all factors onto the grid of the DEM and write them as one raster with a band a factor.

    A cell without data in any factor has no data in all of them. Inputs that are not given are not in the stack.

    Args:
        dem: elevations in metres; its grid becomes the study grid.
        output: path of the GeoTIFF.
        area: polygons in the grid's CRS, outside of which cells get no data.
        slope_method: ``horn`` or ``zevenbergen_thorne``, for slope and aspect.
        landform: classes.
        rivers: lines in the grid's CRS.
        river_radius: of the river density, metres.
        precipitation: annual rain in mm, a raster in any CRS or stations.
        temperature: annual mean in °C, a raster in any CRS or stations.
        faults: lines in the grid's CRS.
        fault_radius: of the fault density, metres.
        lithology: classes.
        seismic: classes of seismic intensity.
        extra_continuous: paths of further rasters of amounts, or pairs of a path and the layer's name.
        extra_categorical: further classes.
        class_table: an earlier stack or a trained model whose class codes are used again for equal labels.
        progress: hears what each factor costs.

    Returns:
        What was written.

    Raises:
        NoOverlap: an input lies elsewhere; the message names it.
        TooFewData: no cell has data in all factors.
        ScarpError: any other of an input's failures, see the makers of the factors.
    """
    check_writable(output)
    heard = _Hearing(progress)
    named = [item if isinstance(item, tuple) else (item, Path(str(item)).stem) for item in extra_continuous]
    record = RunRecord("buildfactorstack", {
        "slope_method": slope_method, "river_radius": river_radius, "fault_radius": fault_radius,
        "fields": {name: source.field for name, source in (("landform", landform), ("lithology", lithology),
                   ("seismic", seismic), ("precipitation", precipitation), ("temperature", temperature))
                   if getattr(source, "field", None)},
    }, {
        "dem": dem, "area": _source(area), "landform": _source(landform), "rivers": _source(rivers),
        "precipitation": _source(precipitation), "temperature": _source(temperature), "faults": _source(faults),
        "lithology": _source(lithology), "seismic": _source(seismic),
        "extra_continuous": [path for path, _ in named] or None,
        "extra_categorical": [source.source for source in extra_categorical] or None, "class_table": class_table,
    })
    grid = Grid.of_file(dem, "DEM")
    mask = AreaMask(grid, area)
    known = read_class_tables(class_table)
    makers = [terrain_maker(dem, grid, slope_method)]

    def classes(name: str, source: CategoricalInput | None) -> None:
        if source is not None:
            makers.append(categorical_maker(FACTORS[name], source, grid, known.get(name), heard))

    def amounts(name: str, source: Any) -> None:
        if source is not None:
            makers.append(continuous_maker(FACTORS[name], source, grid, heard))

    classes("landform", landform)
    if rivers is not None:
        makers.append(density_maker("river_density", rivers, grid, river_radius, "rivers", heard))
    amounts("precipitation", precipitation)
    amounts("temperature", temperature)
    if faults is not None:
        makers.append(density_maker("fault_density", faults, grid, fault_radius, "faults", heard))
    classes("lithology", lithology)
    classes("seismic_intensity", seismic)
    taken = list(FACTORS)
    for path, layer in named:
        taken.append(factor_name(layer, taken))
        makers.append(continuous_maker(FactorDefinition(taken[-1], CONTINUOUS, "", layer), path, grid, heard))
    for source in extra_categorical:
        layer = source.name or Path(source.source).stem
        taken.append(factor_name(layer, taken))
        makers.append(categorical_maker(FactorDefinition(taken[-1], CATEGORICAL, "", layer), source, grid,
                                        known.get(taken[-1]), heard))

    factors = [StackFactor.of(definition) for maker in makers for definition in maker.definitions]
    names = [factor.name for factor in factors]
    heard.report(PREPARED, f"Computing {len(factors)} factors on {grid.width:,} × {grid.height:,} cells.")
    tally = _Tally(["elevation" if maker is makers[0] else maker.definitions[0].name for maker in makers])
    with create_stack(output, grid, factors) as dataset:
        for block, values, counts in _walk(grid, makers, mask, Part(heard, PREPARED, WALKED)):
            dataset.write(values, window=block.window)
            tally.add(counts)
        tally.check(output)
    overlapping = {maker.definitions[0].name: maker.shared.overlapping for maker in makers
                   if getattr(maker.shared, "overlapping", 0)}
    tally.tell(heard)
    for name, cells in overlapping.items():
        heard.warn(f"{name}: {cells:,} cells lie in more than one polygon; the later one in the layer was taken.")
    summary = StackSummary(names, grid.width * grid.height, tally.study, tally.valid, tally.lost(), tally.alone(),
                           overlapping, {one.name: one.classes for one in factors if one.kind == CATEGORICAL},
                           heard.warnings)
    record.write({"OUTPUT": output}, factors=names, study_cells=summary.study_cells, valid_cells=summary.valid_cells,
                 without_data=summary.without_data, classes=summary.classes, warnings=summary.warnings)
    return summary


def read_class_tables(source: str | os.PathLike | None) -> dict[str, dict[int, str]]:
    """Return the class tables of an earlier stack or of a trained model, by factor; empty for no source."""
    if source is None or not str(source):
        return {}
    if str(source).lower().endswith(".safetensors"):
        # Only here: the stack itself needs no torch.
        from ..artifact import load_model

        return {spec.name: dict(spec.classes) for spec in load_model(source).factors if spec.classes}
    with open_stack(source) as stack:
        return {factor.name: factor.classes for factor in stack.factors if factor.kind == CATEGORICAL}


def _walk(grid: Grid, makers: Sequence[FactorMaker], mask: AreaMask, progress: Progress
          ) -> Iterator[tuple[Block, np.ndarray, np.ndarray]]:
    """Compute blocks in several threads and give them in order: block, values, and counts for :class:`_Tally`."""
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    side = BLOCK
    while side > TILE and grid.block_count(side) < 2 * workers:
        side //= 2
    total = grid.block_count(side)
    workers = min(workers, total)
    bands = sum(len(maker.definitions) for maker in makers)
    with contextlib.ExitStack() as opened:
        idle: queue.SimpleQueue[list[Reader]] = queue.SimpleQueue()
        for _ in range(workers):
            idle.put([opened.enter_context(maker.open()) for maker in makers])

        def compute(block: Block) -> tuple[Block, np.ndarray, np.ndarray]:
            readers = idle.get()
            try:
                with rasterio.Env():
                    return block, *_compute(block, readers, makers, mask, bands)
            finally:
                idle.put(readers)

        blocks = grid.blocks(side)
        pending: deque[Future] = deque()
        with ThreadPoolExecutor(workers) as pool:
            try:
                for done in range(total):
                    # One block more than there are workers waits, so that writing never lets a worker stand still.
                    while len(pending) <= workers and (block := next(blocks, None)) is not None:
                        pending.append(pool.submit(compute, block))
                    stop_if_cancelled(progress)
                    yield pending.popleft().result()
                    progress.report((done + 1) / total)
            finally:
                for future in pending:
                    future.cancel()


def _compute(block: Block, readers: Sequence[Reader], makers: Sequence[FactorMaker], mask: AreaMask, bands: int
             ) -> tuple[np.ndarray, np.ndarray]:
    """Return all factors of a block, NaN where any has no data, and what :class:`_Tally` adds up."""
    values = np.empty((bands, block.height, block.width), dtype=np.float32)
    counts = np.zeros((len(makers) + 1, 2), dtype=np.int64)
    if not mask.touches(block):
        values[:] = np.nan
        return values, counts
    study = mask.read(block)
    inside = np.count_nonzero(study)
    lacks = []
    first = 0
    for reader, maker in zip(readers, makers):
        last = first + len(maker.definitions)
        values[first:last] = reader.read(block)
        lacks.append(~np.isfinite(values[first]))
        if first == 0:
            counts[0] = inside, np.count_nonzero(study & lacks[0])
            study &= ~lacks[0]
            if not study.any():
                values[:] = np.nan
                return values, counts
        first = last
    lacking = np.zeros(study.shape, dtype=np.uint8)
    for lack in lacks[1:]:
        lacking += lack
    single = study & (lacking == 1)
    for place, lack in enumerate(lacks[1:], 1):
        counts[place] = np.count_nonzero(lack & study), np.count_nonzero(lack & single)
    valid = study & (lacking == 0)
    counts[-1] = np.count_nonzero(study), np.count_nonzero(valid)
    if not valid.all():
        values[:, ~valid] = np.nan
    return values, counts


class _Tally:
    """How many cells each factor costs."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._counts = np.zeros((len(names) + 1, 2), dtype=np.int64)

    def add(self, counts: np.ndarray) -> None:
        """Add the counts of a block: cells of the area and those without elevation; for each further factor cells
        without data and those it costs alone; cells with elevation and cells with data in all factors."""
        self._counts += counts

    @property
    def study(self) -> int:
        """Cells of the area with elevation."""
        return int(self._counts[-1, 0])

    @property
    def valid(self) -> int:
        """Cells with data in all factors."""
        return int(self._counts[-1, 1])

    def lost(self) -> dict[str, int]:
        """Return cells without data by factor."""
        return {"elevation": int(self._counts[0, 1]),
                **{name: int(self._counts[place, 0]) for place, name in enumerate(self._names) if place}}

    def alone(self) -> dict[str, int]:
        """Return cells by the only factor without data."""
        return {name: int(self._counts[place, 1]) for place, name in enumerate(self._names) if place}

    def check(self, output: str | os.PathLike) -> None:
        """Raise an error when nothing is left."""
        if not self._counts[0, 0]:
            raise LayerEmpty("No cell centre lies in the polygons given as AREA. Check the area, or use smaller cells.")
        if not self.study:
            raise TooFewData("The DEM has no data in the study area. Check the DEM and the area.")
        if not self.valid:
            costs = ", ".join(f"{name} {cells:,}" for name, cells in self.lost().items() if cells)
            raise TooFewData(f"No cell has data in all factors, so {output} would be empty. Of {self.study:,} cells "
                             f"with elevation these have none: {costs}. Check the extent of these layers, or leave "
                             "one out.")

    def tell(self, progress: Progress) -> None:
        """Log what each factor costs."""
        area, bare = (int(count) for count in self._counts[0])
        progress.report(WALKED, f"{self.valid:,} of {area:,} cells ({self.valid / area:.1%}) have data in all factors; "
                                f"{bare:,} have no elevation.")
        alone = self.alone()
        for name, cells in self.lost().items():
            if name != "elevation" and cells:
                progress.warn(f"{name} costs cells: it has no data in {cells:,} cells ({cells / self.study:.2%} of those "
                              f"with elevation), in {alone[name]:,} of them it alone.")


class _Hearing:
    """Passes everything on and keeps the warnings for the run record."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.warnings: list[str] = []

    def report(self, fraction: float, text: str = "") -> None:
        self._progress.report(fraction, text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._progress.warn(text)

    def cancelled(self) -> bool:
        return self._progress.cancelled()


def _source(layer: Any) -> Any:
    """Return the path or URI of an input for the run record."""
    if isinstance(layer, StationPoints):
        layer = layer.points
    return getattr(layer, "source", layer)
