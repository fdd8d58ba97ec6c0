"""Rasters that become factors: checked once, then opened by each worker and resampled to the study grid."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform, transform_bounds

from ..errors import InputCorrupt, NoOverlap
from ..grid import Grid, metres_per_unit, require_crs
from ..inputs.bands import choose_band
from ..inputs.rasters import (
    GDAL_ERRORS,
    declare_nodata,
    has_signed_bytes,
    north_up_transform,
    open_raster,
    raster_path,
    undeclared_nodata,
)
from ..inputs.undeclared_nodata import NO_LIMITS, only_nodata, take_out_undeclared_nodata
from ..inputs.units import AUTO, ELEVATION, NO_CONVERSION, PLAUSIBLE, Conversion, find_conversion
from ..progress import Progress
from ..virtual_rasters import FULL_CIRCLE, turns_to, vrt_around_the_earth

_LATTICE = 21  # places along a side of the grid whose longitudes are looked at


@dataclass(frozen=True)
class SourceRaster:
    """A raster that was scanned: what a worker needs to open it; it can be sent to another process."""

    name: str  # as ``open_raster`` takes it, of one band
    role: str  # what it is in this run, for messages
    undeclared: tuple[float, ...] = ()  # stored values that stand for no data without being declared
    conversion: Conversion = NO_CONVERSION  # to Scarp's own unit


def scan_source(
    name: str,
    grid: Grid,
    role: str,
    progress: Progress,
    quantity: str = "",
    unit: str = AUTO,
    parameter: str = "",
    band_hint: str = "",
) -> SourceRaster:
    """Check a raster of measured values, choose its band, find its unit and its undeclared nodata values, and say so.

    Args:
        name: as ``open_raster`` takes it.
        grid: the study grid.
        role: what it is in this run, for messages.
        quantity: one of ``model.inputs.units``; others have no unit.
        unit: that the user chose.
        parameter: of Processing that chooses the unit, for messages.
        band_hint: what to do with several bands; without it twelve of them are refused, as they are months.

    Raises:
        InputMissing, InputCorrupt, CrsMissing, NoOverlap: it cannot be used.
    """
    name = choose_band(name, role, progress, quantity, band_hint)
    with open_raster(name, role) as dataset:
        what = f"The {role} raster {raster_path(dataset)}"
        if quantity == ELEVATION:
            require_crs(dataset, role)
        else:
            check_overlap(dataset, grid, role)
        crs_unit = metres_per_unit(dataset.crs) if dataset.crs.is_projected else 1.0
        stated = dataset.units[0] or ""
        conversion, note, warning = find_conversion(quantity, unit, stated, what, parameter, crs_unit)
        if note:
            progress.report(0, note)
        if warning:
            progress.warn(warning)
        limits = NO_LIMITS
        if quantity in PLAUSIBLE:
            low, high = PLAUSIBLE[quantity]
            limits = conversion.invert(low), conversion.invert(high)
        undeclared = take_out_undeclared_nodata(dataset, grid, role, progress, limits=limits)
    return SourceRaster(name, role, undeclared, conversion)


@contextlib.contextmanager
def open_source(source: SourceRaster) -> Iterator[rasterio.DatasetReader]:
    """Open a raster that was scanned.

    Raises:
        InputMissing, InputCorrupt: it cannot be opened.
    """
    with open_raster(source.name, source.role) as dataset:
        declare_nodata(dataset, 1, source.undeclared)
        yield dataset


def check_overlap(dataset: rasterio.DatasetReader, grid: Grid, role: str) -> None:
    """Check that a raster overlaps the grid.

    Raises:
        CrsMissing: the raster has no CRS, or a local one.
        NoOverlap: it lies elsewhere.
    """
    require_crs(dataset, role)
    if dataset.crs.is_geographic:
        overlaps = bool(_turns(dataset, grid)[0])
    else:
        try:
            left, bottom, right, top = transform_bounds(dataset.crs, grid.crs, *_own_bounds(dataset))
        except GDAL_ERRORS:
            return
        if not all(math.isfinite(bound) for bound in (left, bottom, right, top)):
            return
        west, south, east, north = grid.bounds
        overlaps = left < east and right > west and bottom < north and top > south
    if not overlaps:
        outside = f"The {role} raster {raster_path(dataset)} does not overlap the study grid"
        raise NoOverlap(f"{outside}. Check its CRS, or choose the raster of this area.")


def _own_bounds(dataset: rasterio.DatasetReader) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of a raster that may be rotated, south-up or mirrored."""
    corners = [(column, row) for column in (0, dataset.width) for row in (0, dataset.height)]
    xs, ys = zip(*(dataset.transform * corner for corner in corners))
    return min(xs), min(ys), max(xs), max(ys)


@contextlib.contextmanager
def warped_view(
    dataset: rasterio.DatasetReader, grid: Grid, role: str, resampling: Resampling, tolerance: float | None = None
) -> Iterator[WarpedVRT]:
    """Open a raster resampled to a grid, float32 with NaN for nodata.

    float32 whatever the input holds: GDAL would round interpolated integers, which makes steps. A raster in degrees is
    found whether its longitudes count from -180 to 180 or from 0 to 360.

    Raises:
        InputCorrupt: GDAL's warper cannot read it.
    """
    if has_signed_bytes(dataset):
        raise InputCorrupt(
            f"The {role} raster {raster_path(dataset)} holds signed bytes (Int8), which the GDAL of this QGIS reads "
            "wrongly. Save it as Int16 first: Raster > Conversion > Translate, output data type Int16."
        )
    nodata = only_nodata(dataset, undeclared_nodata(dataset), role)
    if nodata is None and dataset.dtypes[0].startswith("float"):
        nodata = math.nan
    options = {"crs": grid.crs, "transform": grid.transform, "width": grid.width, "height": grid.height}
    if tolerance is not None:
        options["tolerance"] = tolerance
    with contextlib.ExitStack() as opened:
        source = dataset
        turns = _turns(dataset, grid)[1] if dataset.crs.is_geographic else Counter[int]()
        if set(turns) - {0}:
            around = vrt_around_the_earth(dataset) if len(turns) > 1 else None
            if around is not None:
                source = opened.enter_context(rasterio.open(around))
            else:
                turn = turns.most_common(1)[0][0]
                options["src_transform"] = rasterio.Affine.translation(-turn * FULL_CIRCLE, 0) * dataset.transform
        options.update(resampling=resampling, src_nodata=nodata, nodata=math.nan, dtype="float32")
        yield opened.enter_context(WarpedVRT(source, **options))


def _turns(dataset: rasterio.DatasetReader, grid: Grid) -> tuple[bool, Counter[int]]:
    """Return whether a raster in degrees overlaps a grid, and how many places of the grid lie how many circles off."""
    columns, rows = np.meshgrid(np.linspace(0, grid.width, _LATTICE), np.linspace(0, grid.height, _LATTICE))
    t = grid.transform
    xs, ys = t.c + t.a * columns.ravel(), t.f + t.e * rows.ravel()
    try:
        longitude, latitude = (np.array(one) for one in transform(grid.crs, dataset.crs, xs, ys))
    except GDAL_ERRORS:
        return True, Counter()
    known = np.isfinite(longitude) & np.isfinite(latitude)
    longitude, latitude = longitude[known], latitude[known]
    own = north_up_transform(dataset)
    if own is None or not longitude.size:
        return True, Counter()
    left, right = own.c, own.c + own.a * dataset.width
    bottom, top = own.f + own.e * dataset.height, own.f
    if right - left > FULL_CIRCLE - own.a and np.ptp(longitude) > FULL_CIRCLE / 2:
        # The grid crosses the seam of a raster of the Earth: cells on both sides of it are neighbours.
        longitude = np.concatenate([longitude, longitude + FULL_CIRCLE])
    found = (turns_to(float(one), left, right) for one in longitude)
    turns = Counter(turn for turn in found if turn is not None)
    if not turns:
        # A raster smaller than the steps between these places may lie between them.
        low, high = longitude.min(), longitude.max()
        turns = Counter(turn for turn in (-1, 0, 1) if low <= (left + right) / 2 - turn * FULL_CIRCLE <= high)
    overlaps = bool(turns) and latitude.min() < top and latitude.max() > bottom
    return overlaps, turns
