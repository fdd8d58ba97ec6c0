"""Build a factor stack from a DEM and further layers."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from ..cluster.connection import connect
from ..cluster.tasks import Cluster
from ..factors.block_pipeline import StackSources, StackStatistics, iterate_blocks, iterate_blocks_on_cluster
from ..factors.definitions import CATEGORICAL
from ..factors.polygons import AreaMask
from ..factors.settings import RasterPath, StackInputs, StackOptions
from ..factors.sources import stack_sources
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..stack import create_stack, open_stack, write_nodata_counts

MAX_SCALE_ERROR = 0.02  # error of distances due to the projection of the DEM that is tolerated without a warning
PREPARED, COMPUTED = 0.05, 0.9
"""Shares of the progress after preparing the inputs and after computing the blocks; the rest is for overviews."""


@dataclass
class StackSummary:
    """What a factor stack holds."""

    factors: list[str]  # in the order of the bands
    count: int  # of factors; the bands of an embedding are one
    cells: int  # cells of the grid
    study_cells: int  # cells with elevation within the study area
    valid_cells: int  # cells with data in all factors
    without_data: dict[str, int]  # cells of the study area by factor that has no data there
    lost_alone: dict[str, int]  # those of them where all other factors have data
    overlapping: dict[str, int]  # cells by categorical factor that lie in more than one polygon
    classes: dict[str, dict[int, str]]  # label by code, by categorical factor
    warnings: list[str] = field(default_factory=list)


def build_factor_stack(
    inputs: StackInputs, output: str | os.PathLike, options: StackOptions, progress: Progress
) -> StackSummary:
    """Resample all factors to the grid of the DEM and write them as one raster with a band per factor.

    A cell without data in any factor has no data in all of them. Inputs that are not given are not in the stack.

    Raises:
        NoOverlap: an input lies elsewhere; the message names it.
        TooFewData: no cell has data in all factors.
        LibraryMissing, ClusterUnreachable, ClusterUnsuitable, WorkerFailed: about the cluster, see ``connect``.
    """
    check_writable(output)
    log = WarningLog(progress)
    # Connect first, so that a mistyped address is reported at once.
    with connect(options.scheduler, log, inputs.rasters(), Path(output).parent) as cluster:
        settings = options.as_dict()
        scheduler = settings.pop("scheduler")
        parameters = {**settings, "fields": inputs.fields(), **({"scheduler": scheduler} if cluster else {})}
        record = RunRecord("buildfactorstack", parameters, inputs.sources())
        with open_raster(inputs.dem, "DEM") as dataset:
            grid = Grid.from_dataset(dataset, "DEM")
        scale_factor = grid.scale_factor()
        if abs(scale_factor - 1) > MAX_SCALE_ERROR:
            log.warn(
                f"In the CRS of the DEM one metre on the ground measures {scale_factor:.3g} m here, and slopes, "
                "densities and all distances are off by as much. Warp the DEM to the UTM zone of the area first."
            )
        mask = AreaMask(grid, inputs.area)
        sources = stack_sources(inputs, options, grid, read_class_tables(inputs.class_table), log)
        summary = _write(output, grid, StackSources(sources, mask), cluster, log)
        recorded = ("factors", "study_cells", "valid_cells", "without_data", "classes", "warnings")
        record.write({"OUTPUT": output}, **{name: getattr(summary, name) for name in recorded})
    return summary


def _write(
    output: str | os.PathLike, grid: Grid, inputs: StackSources, cluster: Cluster | None, log: WarningLog
) -> StackSummary:
    sources = inputs.sources
    factors = [definition for source in sources for definition in source.definitions]
    count = len({factor.group or factor.name for factor in factors})
    log.report(PREPARED, f"Computing {count} factors on {grid.width:,} × {grid.height:,} cells.")
    totals = StackStatistics(sources)
    part = SubProgress(log, PREPARED, COMPUTED)
    if cluster is None:
        results = iterate_blocks(grid, inputs, part)
    else:
        results = iterate_blocks_on_cluster(cluster, output, grid, inputs, part)
    tags = {name: text for source in sources for name, text in source.tags.items()}
    with create_stack(output, grid, factors, tags) as dataset, contextlib.closing(results) as blocks:
        for block, values, statistics in blocks:
            dataset.write(values, window=block.window)
            totals.add(statistics)
        totals.require_data(output)
        write_nodata_counts(dataset, totals.study, totals.without_data())
    totals.log_summary(SubProgress(log, 0, COMPUTED))
    totals.log_suspicions(grid.cell_size(), log)
    names, cells = [factor.name for factor in factors], (grid.width * grid.height, totals.study, totals.valid)
    classes = {factor.name: factor.classes for factor in factors if factor.kind == CATEGORICAL}
    lacking = totals.without_data(), totals.lost_alone(), totals.overlapping()
    return StackSummary(names, count, *cells, *lacking, classes, log.warnings)


def read_class_tables(source: RasterPath | None) -> dict[str, dict[int, str]]:
    """Return the class tables of an earlier stack or of a trained model, by factor; empty for no source."""
    if source is None or not str(source):
        return {}
    if str(source).lower().endswith(".safetensors"):
        # Imported here, because the stack itself needs no torch.
        from ..artifact import load_model

        return {spec.name: dict(spec.classes) for spec in load_model(source).factors if spec.classes}
    with open_stack(source) as stack:
        return {factor.name: factor.classes for factor in stack.factors if factor.kind == CATEGORICAL}
