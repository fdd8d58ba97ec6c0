"""Build the label raster: buffers of the landslides on the grid of a reference raster."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Union

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..errors import LayerEmpty, TooFewData
from ..factors.polygons import AreaMask
from ..grid import Grid
from ..inputs.rasters import create_raster, open_raster, read_window
from ..inputs.vectors import Landslides, Polygons
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..labels.buffers import Buffers, landslide_buffers
from ..labels.discs import NAMESPACE, LandslideDiscs
from ..labels.extents import find_extents
from ..labels.settings import LabelOptions
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import warn_stale_inputs
from . import sources_of

COLOURS = {STABLE: (222, 235, 218, 255), LANDSLIDE: (192, 57, 43, 255), UNKNOWN: (0, 0, 0, 0)}
AnyPath = Union[str, "os.PathLike[str]"]
Cells = tuple[np.ndarray, np.ndarray]  # rows and columns
MAX_LANDSLIDE_SHARE = 0.5  # with a larger share of landslide cells, the radii are probably too large for the inventory


@dataclass
class LabelSummary:
    """What a label raster holds and which landslides it comes from."""

    landslides: int  # landslides in the layer
    used: int  # landslides inside the grid
    outside: int  # landslides outside the grid; those within their radius of it still label cells
    on_unknown: int  # landslides inside the grid whose own cell is outside AREA or without data, so labelled unknown
    duplicates: int  # landslides that coincide with an earlier one
    same_cell: int  # landslides in the cell of an earlier one, duplicates included
    small_polygons: int  # landslide polygons without a cell centre inside, which got one cell each
    used_by_scale: dict[str, int]  # landslides by row of RADII, and by ``area``, over the whole layer
    metres_by_scale: dict[str, float]  # radius by row of RADII
    landslide_cells: int
    stable_cells: int
    unknown_cells: int
    landslide_km2: float
    mapped_km2: float  # area of landslide and stable cells
    ratio: float  # stable cells per landslide cell


def build_buffered_labels(
    landslides: Landslides,
    reference: AnyPath,
    output: AnyPath,
    options: LabelOptions,
    progress: Progress,
    *,
    area: Polygons | None = None,
    stable: Landslides | None = None,
) -> LabelSummary:
    """Write the label raster: 1 landslide, 0 stable, 255 unknown.

    Cells whose centre lies within the radius of a landslide are 1, and so is the cell that contains the landslide.
    Cells farther away but in the ring are 255, the others 0. Outside ``area`` and where a band of the reference has no
    data everything is 255 (Zhang & Deng 2026, section 3.1.2; ring, area and automatic radii are Scarp's).

    Args:
        landslides: points; or polygons, which are used as they are with the radii as a buffer around them; or both, of
            which the polygons get no buffer.
        reference: raster with the grid and the cells with data, such as the factor stack.
        area: polygons of the area that was mapped; ``None`` for everywhere.
        stable: points and polygons of land known to be stable. With it only their cells are 0, also those in a
            ring; all other cells without landslide are 255.

    Raises ``LayerEmpty`` if there is no landslide or stable feature, or none inside the grid; ``ParameterInvalid`` if
    RADII or areas cannot be used; ``TooFewData`` if no cell is left with a landslide label, or none with a stable one.
    """
    progress = warning_log = WarningLog(progress)
    check_writable(output)
    if not len(landslides):
        raise LayerEmpty(f'The landslide layer "{landslides.name}" has no feature. Choose the layer of the inventory.')
    sources = sources_of(landslides=landslides, reference=reference, area=area, stable=stable)
    with open_raster(reference, "reference") as dataset:
        grid = Grid.from_dataset(dataset, "reference")
        extents = find_extents(landslides, options, grid.cell_size(), progress)
        record = RunRecord("buildbufferedlabels", {**options.record(), **extents.settings}, sources)
        warn_stale_inputs({"reference raster": reference}, progress)
        mask = AreaMask(grid, area)
        buffers, points, small = landslide_buffers(grid, landslides, extents.radius, extents.ring, progress)
        row, column, inside = grid.cell_indices(points)
        if not inside.any():
            none = f'None of the {len(landslides)} landslides of "{landslides.name}" lies inside the reference raster'
            raise LayerEmpty(f"{none}. Check the CRS of both and that they show the same area.")
        row, column = row[inside], column[inside]
        part = SubProgress(progress, 0.05, 0.97)
        # Polygons have no discs; of a mixed layer the points come first.
        outlines = landslides if isinstance(landslides, Polygons) else getattr(landslides, "polygons", ())
        round_ones = len(landslides) - len(outlines)
        discs = LandslideDiscs.of_points(
            grid,
            points[:round_ones],
            extents.radius[:round_ones],
            ring=float(extents.ring.max()),
            largest=float(extents.radius.max()),
            beyond=extents.beyond,
        )
        known = None if stable is None else _known_stable(grid, stable, progress)
        counts, area_m2, on_unknown = _write(dataset, buffers, known, discs, mask, (row, column), output, part)
    if stable is not None:
        _report_stable(stable, counts, progress)
    cells = row * grid.width + column
    summary = LabelSummary(
        landslides=len(landslides),
        used=int(inside.sum()),
        outside=int((~inside).sum()),
        on_unknown=on_unknown,
        duplicates=len(points) - len(np.unique(points, axis=0)),
        same_cell=len(cells) - len(np.unique(cells)),
        small_polygons=small,
        used_by_scale=extents.counts,
        metres_by_scale=extents.table,
        landslide_cells=counts[LANDSLIDE],
        stable_cells=counts[STABLE],
        unknown_cells=counts[UNKNOWN],
        landslide_km2=area_m2[LANDSLIDE] / 1e6,
        mapped_km2=(area_m2[LANDSLIDE] + area_m2[STABLE]) / 1e6,
        ratio=counts[STABLE] / counts[LANDSLIDE],
    )
    _report(summary, landslides.name, progress)
    found = {"automatic": extents.automatic, "warnings": warning_log.warnings}
    record.write({"OUTPUT": output}, summary=asdict(summary), **found)
    progress.report(1.0)
    return summary


def _write(
    dataset: rasterio.DatasetReader,
    buffers: Buffers,
    known: Buffers | None,
    discs: LandslideDiscs,
    mask: AreaMask,
    cells: Cells,
    output: AnyPath,
    progress: Progress,
) -> tuple[dict[int, int], dict[int, float], int]:
    """Write the raster; return cells and square metres by label, and the landslides on unknown cells."""
    grid = mask.grid
    counts = dict.fromkeys((STABLE, LANDSLIDE, UNKNOWN), 0)
    areas = dict.fromkeys(counts, 0.0)
    on_unknown = 0
    # Labels are classes: an overview must show one of them, never a mean.
    options = {"overviews": Resampling.mode, "colours": COLOURS}
    with create_raster(output, grid, "uint8", UNKNOWN, ["landslide label"], **options) as target:
        target.update_tags(ns=NAMESPACE, **discs.tags(grid))
        for block in grid.blocks_with_progress(progress):
            mapped = mask.read(block)
            if mapped.any():
                values = read_window(dataset, block.row, block.column, block.height, block.width)
                mapped &= np.isfinite(values).all(axis=0)
            inside, near = buffers.read(block)
            is_stable = ~near if known is None else known.read(block)[0]
            labels = np.where(inside, LANDSLIDE, np.where(is_stable, STABLE, UNKNOWN)).astype(np.uint8)
            labels[~mapped] = UNKNOWN
            target.write(labels, 1, window=block.window)
            cell_area = grid.cell_area(block.row, block.height)
            for label in counts:
                by_row = np.count_nonzero(labels == label, axis=1)
                counts[label] += int(by_row.sum())
                areas[label] += float(by_row @ cell_area)
            _, own = block.locate(*cells)
            on_unknown += int(np.count_nonzero(~mapped[own]))
        if not counts[LANDSLIDE]:
            raise TooFewData(
                "No cell got a landslide label: every landslide lies outside AREA or where the reference "
                "raster has no data. Check that AREA and the reference show the mapped area."
            )
        if known is not None and not counts[STABLE]:
            raise TooFewData(
                "No cell given as STABLE can be used: all are landslide, outside AREA, or without data in the "
                "reference raster. Give other stable land, or leave STABLE empty."
            )
    return counts, areas, on_unknown


def _known_stable(grid: Grid, stable: Landslides, progress: Progress) -> Buffers:
    """Return the cells of land known to be stable; raises ``LayerEmpty`` if there are none in the grid."""
    buffers, _, _ = landslide_buffers(grid, stable, np.zeros(len(stable)), 0.0, progress)
    if not any(buffers.read(block)[0].any() for block in grid.blocks()):
        raise LayerEmpty(
            f'No feature of "{stable.name}" given as STABLE lies inside the reference raster. Check its CRS, or leave '
            "STABLE empty to have all mapped land away from landslides count as stable."
        )
    return buffers


def _report_stable(stable: Landslides, counts: dict[int, int], progress: Progress) -> None:
    progress.warn(
        f'Only the {counts[STABLE]:,} cells of "{stable.name}" are stable examples. The share of landslides among the '
        "labels is then that of the examples, not of the land: read values of a map trained on them as a ranking."
    )


def _report(summary: LabelSummary, name: str, progress: Progress) -> None:
    used = f"{summary.used:,} of {summary.landslides:,} landslides lie inside the raster"
    twice = f"{summary.duplicates:,} coincide with another one, {summary.same_cell:,} lie in the cell of another one"
    progress.report(0.98, f"{used} ({twice}).")
    landslide = f"{summary.landslide_cells:,} landslide ({summary.landslide_km2:,.2f} km²)"
    others = f"{summary.stable_cells:,} stable, {summary.unknown_cells:,} unknown"
    progress.report(0.98, f"Cells: {landslide}, {others}; {summary.ratio:.1f} stable cells per landslide cell.")
    if summary.small_polygons:
        small = f"{summary.small_polygons:,} landslide polygons are too small to contain a cell centre"
        progress.report(0.98, f"{small}; each got the cell of a point inside it.")
    if summary.outside:
        progress.warn(f'{summary.outside:,} landslides of "{name}" lie outside the reference raster.')
    if summary.on_unknown:
        outside = f"{summary.on_unknown:,} landslides lie outside AREA or where the reference has no data"
        progress.warn(f"{outside}; their own cells are unknown.")
    share = summary.landslide_cells / (summary.landslide_cells + summary.stable_cells)
    if not summary.stable_cells:
        progress.warn(
            "No stable cell is left, so no model can be trained on these labels. Leave RADII and RING "
            "empty or use smaller ones, or give a larger AREA."
        )
    elif share > MAX_LANDSLIDE_SHARE:
        large = f"{share:.0%} of the mapped cells are labelled landslide: the radii are large for this inventory"
        progress.warn(f"{large}. Leave RADII empty, or use radii near the landslides' own size.")
