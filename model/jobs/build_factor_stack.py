"""DEM and layers in, factor stack out."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..cluster.connection import connect
from ..cluster.tasks import Cluster
from ..factors.block_pipeline import StackStatistics, iterate_blocks_on_cluster, walk
from ..factors.definitions import (
    CATEGORICAL,
    CONTINUOUS,
    FACTORS,
    FAULT_RADIUS,
    HORN,
    RIVER_RADIUS,
    FactorDefinition,
    factor_name,
)
from ..factors.factor_makers import FactorSource, categorical_source, continuous_source, density_source, terrain_source
from ..factors.polygons import AreaMask
from ..factors.sources import CategoricalInput, StationPoints
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.vectors import Lines, Polygons
from ..outputs.atomic import RunRecord, check_writable
from ..progress import Progress, SubProgress
from ..stack import StackFactor, create_stack, open_stack, write_nodata_counts

MAX_SCALE_ERROR = 0.02
"""Error of distances that the CRS of the DEM may bring without a warning."""

PREPARED, COMPUTED = 0.05, 0.9
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


def build_factor_stack(
    dem: str | os.PathLike,
    output: str | os.PathLike,
    *,
    area: Polygons | None = None,
    slope_method: str = HORN,
    landform: CategoricalInput | None = None,
    rivers: Lines | None = None,
    river_radius: float = RIVER_RADIUS,
    precipitation: str | os.PathLike | StationPoints | None = None,
    temperature: str | os.PathLike | StationPoints | None = None,
    faults: Lines | None = None,
    fault_radius: float = FAULT_RADIUS,
    lithology: CategoricalInput | None = None,
    seismic: CategoricalInput | None = None,
    extra_continuous: Sequence[Any] = (),
    extra_categorical: Sequence[CategoricalInput] = (),
    class_table: str | os.PathLike | None = None,
    scheduler: str = "",
    progress: Progress,
) -> StackSummary:
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
        scheduler: address of a Dask scheduler whose workers compute; empty for this computer. The output then lies
            on storage that all machines share at the same path, and so do all rasters.
        progress: hears what each factor costs.

    Returns:
        What was written.

    Raises:
        NoOverlap: an input lies elsewhere; the message names it.
        TooFewData: no cell has data in all factors.
        LibraryMissing, ClusterUnreachable, ClusterUnsuitable, WorkerFailed: about the cluster, see ``connect``.
        ScarpError: any other of an input's failures, see the makers of the factors.
    """
    check_writable(output)
    log = WarningLog(progress)
    named = [item if isinstance(item, tuple) else (item, Path(str(item)).stem) for item in extra_continuous]
    # First of all: whoever mistyped an address should not have to wait to hear of it.
    with connect(
        scheduler,
        log,
        _rasters_of(
            dem,
            landform,
            precipitation,
            temperature,
            lithology,
            seismic,
            *(path for path, _ in named),
            *extra_categorical,
        ),
        Path(output).parent,
    ) as cluster:
        record = RunRecord(
            "buildfactorstack",
            {
                "slope_method": slope_method,
                "river_radius": river_radius,
                "fault_radius": fault_radius,
                "fields": {
                    name: source.field
                    for name, source in (
                        ("landform", landform),
                        ("lithology", lithology),
                        ("seismic", seismic),
                        ("precipitation", precipitation),
                        ("temperature", temperature),
                    )
                    if getattr(source, "field", None)
                },
                **({"scheduler": scheduler} if cluster else {}),
            },
            {
                "dem": dem,
                "area": _source(area),
                "landform": _source(landform),
                "rivers": _source(rivers),
                "precipitation": _source(precipitation),
                "temperature": _source(temperature),
                "faults": _source(faults),
                "lithology": _source(lithology),
                "seismic": _source(seismic),
                "extra_continuous": [path for path, _ in named] or None,
                "extra_categorical": [source.source for source in extra_categorical] or None,
                "class_table": class_table,
            },
        )
        grid = _study_grid(dem, log)
        mask = AreaMask(grid, area)
        known = read_class_tables(class_table)
        factor_sources = [terrain_source(dem, grid, slope_method)]

        def classes(name: str, source: CategoricalInput | None) -> None:
            if source is not None:
                factor_sources.append(categorical_source(FACTORS[name], source, grid, known.get(name), log))

        def amounts(name: str, source: Any) -> None:
            if source is not None:
                factor_sources.append(continuous_source(FACTORS[name], source, grid, log))

        classes("landform", landform)
        if rivers is not None:
            factor_sources.append(density_source("river_density", rivers, grid, river_radius, "rivers", log))
        amounts("precipitation", precipitation)
        amounts("temperature", temperature)
        if faults is not None:
            factor_sources.append(density_source("fault_density", faults, grid, fault_radius, "faults", log))
        classes("lithology", lithology)
        classes("seismic_intensity", seismic)
        taken = list(FACTORS)
        for path, layer in named:
            taken.append(_extra_name(layer, taken, log))
            factor_sources.append(
                continuous_source(FactorDefinition(taken[-1], CONTINUOUS, "", layer), path, grid, log)
            )
        for source in extra_categorical:
            layer = source.name or Path(source.source).stem
            taken.append(_extra_name(layer, taken, log))
            factor_sources.append(
                categorical_source(
                    FactorDefinition(taken[-1], CATEGORICAL, "", layer), source, grid, known.get(taken[-1]), log
                )
            )
        return _write(output, grid, factor_sources, mask, cluster, record, log)


def _extra_name(layer: str, taken: Sequence[str], progress: Progress) -> str:
    """Return the name of an extra factor, and say so when it is not that of its layer."""
    wanted, name = factor_name(layer), factor_name(layer, taken)
    if name != wanted:
        progress.warn(
            f'The extra factor "{layer}" is called {name} in the stack, because {wanted} is the name of '
            "another factor. Rename the layer if it is another quantity; leave it out if it is the same."
        )
    return name


def _rasters_of(*sources: Any) -> list[Any]:
    """Return the paths among the inputs that may be layers, station points or paths of rasters."""
    paths = [source.raster if isinstance(source, CategoricalInput) else source for source in sources]
    return [path for path in paths if isinstance(path, (str, os.PathLike))]


def _study_grid(dem: str | os.PathLike, log: WarningLog) -> Grid:
    """Return the grid of the DEM, and tell what would make slopes and distances wrong."""
    with open_raster(dem, "DEM") as dataset:
        grid = Grid.of(dataset, "DEM")
        unit = (dataset.units[0] or "").strip().lower()
    if "foot" in unit or "feet" in unit or unit == "ft":
        log.warn(
            f'The DEM says that its elevations are in "{unit}". They are taken as metres, so slopes come out '
            "too steep. Multiply the DEM by 0.3048 (Raster calculator) first."
        )
    scale_factor = grid.scale_factor()
    if abs(scale_factor - 1) > MAX_SCALE_ERROR:
        log.warn(
            f"In the CRS of the DEM one metre on the ground measures {scale_factor:.3g} m here, and slopes, "
            "densities and all distances are off by as much. Warp the DEM to the UTM zone of the area first."
        )
    return grid


def _write(
    output: str | os.PathLike,
    grid: Grid,
    factor_sources: Sequence[FactorSource],
    mask: AreaMask,
    cluster: Cluster | None,
    record: RunRecord,
    log: WarningLog,
) -> StackSummary:
    """Compute all blocks, write them, and tell what came out."""
    factors = [
        StackFactor.of(definition) for factor_source in factor_sources for definition in factor_source.definitions
    ]
    names = [factor.name for factor in factors]
    log.report(PREPARED, f"Computing {len(factors)} factors on {grid.width:,} × {grid.height:,} cells.")
    totals = StackStatistics(
        [
            "elevation" if factor_source is factor_sources[0] else factor_source.definitions[0].name
            for factor_source in factor_sources
        ]
    )
    part = SubProgress(log, PREPARED, COMPUTED)
    block_results = (
        walk(grid, factor_sources, mask, part)
        if cluster is None
        else iterate_blocks_on_cluster(cluster, output, grid, factor_sources, mask, part)
    )
    with create_stack(output, grid, factors) as dataset, contextlib.closing(block_results) as blocks:
        for block, values, statistics in blocks:
            dataset.write(values, window=block.window)
            totals.add(statistics)
        totals.check(output)
        write_nodata_counts(dataset, totals.study, totals.without_data())
    totals.log_summary(SubProgress(log, 0, COMPUTED))
    if totals.lowest < math.inf:
        log.warn(
            f"The DEM holds elevations down to {totals.lowest:g} m, which stand for nodata that was not "
            "declared: the cells there and beside them have wrong slopes. Set the nodata value of the DEM "
            '(Raster > Conversion > Translate, "Assign a specified NoData value"), and build the stack again.'
        )
    for question in totals.questions(grid.cell_size()):
        log.warn(question)
    for name, cells in totals.overlapping().items():
        log.warn(f"{name}: {cells:,} cells lie in more than one polygon; the later one in the layer was taken.")
    summary = StackSummary(
        names,
        grid.width * grid.height,
        totals.study,
        totals.valid,
        totals.without_data(),
        totals.lost_alone(),
        totals.overlapping(),
        {one.name: one.classes for one in factors if one.kind == CATEGORICAL},
        log.warnings,
    )
    record.write(
        {"OUTPUT": output},
        factors=names,
        study_cells=summary.study_cells,
        valid_cells=summary.valid_cells,
        without_data=summary.without_data,
        classes=summary.classes,
        warnings=summary.warnings,
    )
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


class WarningLog:
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
