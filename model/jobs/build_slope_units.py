"""DEM in; raster and polygons of slope units out."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from ..factors.source_rasters import scan_source
from ..grid import Block, Grid
from ..inputs.bands import choose_band
from ..inputs.rasters import create_raster
from ..inputs.units import ELEVATION
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..slope_units.build import SlopeUnits, build_units
from ..slope_units.polygons import write_polygons
from ..slope_units.settings import SlopeUnitOptions
from . import sources_of


@dataclass
class SlopeUnitSummary:
    """The slope units of a DEM."""

    units: int
    flat_units: int  # that are flat land
    min_area: float  # m², given or chosen
    aspect_variance: float
    mean_area: float  # m², of units that are not flat
    internal_variance: float | None  # circular variance of the aspect in a unit, mean by area
    moran: float | None  # Moran's I of the mean aspect of neighbours
    tried: list[dict[str, Any]]  # settings that were compared


def build_slope_units(
    dem: str | os.PathLike,
    output_raster: str | os.PathLike | None,
    options: SlopeUnitOptions,
    progress: Progress,
    *,
    polygons: str | os.PathLike | None = None,
) -> SlopeUnitSummary:
    """Divide the land of a DEM into slope units: parts of half-basins whose cells face one way.

    Args:
        dem: elevations; nodata belongs to no unit.
        output_raster: path of the int32 GeoTIFF with the number of the unit, 0 nodata.
        polygons: path of an SQLite file with the polygons and their attributes, see ``slope_units.polygons``.

    Raises:
        GridUnsupported: the DEM has too many cells for the memory, or a single row or column.
        TooFewData: it has no data.
    """
    check_writable(output_raster, polygons)
    progress = warning_log = WarningLog(progress)
    record = RunRecord("buildslopeunits", options.record(), sources_of(dem=dem))
    name = choose_band(dem, "DEM", progress, ELEVATION)
    grid = Grid.from_file(name, "DEM")
    source = scan_source(name, grid, "DEM", progress, ELEVATION, options.dem_unit, "DEM_UNIT")
    units = build_units(source, grid, options, SubProgress(progress, 0.0, 0.85))
    summary = _summary(units)
    _report(summary, options, progress)
    if output_raster is not None:
        tags = {"MEANING": "number of the slope unit"}
        with create_raster(output_raster, grid, "int32", 0, ["slope unit"], tags=tags, overviews=None) as target:
            for block in grid.blocks():
                target.write(_inside(units, block), 1, window=block.window)
    if polygons is not None:
        write_polygons(polygons, units, grid.transform, SubProgress(progress, 0.88, 1.0))
    outputs = {"OUTPUT_RASTER": output_raster}
    record.write(outputs, summary=asdict(summary), warnings=warning_log.warnings)
    progress.report(1.0)
    return summary


def _inside(units: SlopeUnits, block: Block) -> Any:
    # The raster has a border of one cell.
    rows, columns = block.row + 1, block.column + 1
    return units.raster[rows : rows + block.height, columns : columns + block.width]


def _summary(units: SlopeUnits) -> SlopeUnitSummary:
    slopes = units.table["area"][~units.flat]
    internal, external = (None if one != one else one for one in (units.internal, units.external))
    return SlopeUnitSummary(
        len(units.table),
        int(units.flat.sum()),
        units.chosen.min_area,
        units.chosen.aspect_variance,
        float(slopes.mean()) if len(slopes) else 0.0,
        internal,
        external,
        [{name: None if value != value else value for name, value in asdict(one).items()} for one in units.tried],
    )


def _report(summary: SlopeUnitSummary, options: SlopeUnitOptions, progress: Progress) -> None:
    chosen = []
    if options.min_area is None:
        chosen.append(f"MIN_AREA {summary.min_area:,.0f} m²")
    if options.aspect_variance is None:
        chosen.append(f"ASPECT_VARIANCE {summary.aspect_variance:g}")
    if chosen:
        progress.report(0.86, f"Chosen among {len(summary.tried)} settings: {', '.join(chosen)}.")
    progress.report(
        0.86,
        f"{summary.units:,} units, {summary.flat_units:,} of them flat; the others have {summary.mean_area:,.0f} m² on "
        "average.",
    )
    if summary.internal_variance is not None:
        moran = "" if summary.moran is None else f" Moran's I of neighbouring units is {summary.moran:.3f}."
        progress.report(0.86, f"Circular variance of the aspect in units: {summary.internal_variance:.3f}.{moran}")
