"""What a cross validation holds out in place of blocks: regions, or the landslides after a date."""

from __future__ import annotations

import calendar
import datetime
import re
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from scipy.spatial import cKDTree

from ..errors import FieldUnusable, ParameterInvalid, TooFewData
from ..factors.polygons import PolygonBurner
from ..grid import Grid
from ..inputs.vectors import Landslides, Points, PointsAndPolygons, Polygons
from ..labels import LANDSLIDE
from ..labels.buffers import landslide_points
from ..labels.discs import LandslideDiscs, read_discs
from ..progress import Progress
from ..texts import shorten
from ..training.settings import CrossValidationOptions
from ..windows.split import NO_SUBSET, Blocks, read_labels
from ..windows.unused_cells import SparseCells
from .map_layers import RegionMap
from .settings import SUBSET_SPELLINGS
from .spatial_blocks import metric_positions

MAX_REGION_BLOCKS = 1 << 21  # blocks of a division that follows the borders of regions
MAX_REGIONS = NO_SUBSET - 1
_SAME_PLACE = 0.01  # cells between a landslide and its point in the labels
_DATE = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?(?:[T ].*)?")


def region_blocks(grid: Grid, side: float) -> tuple[Blocks, tuple[int, int]]:
    """Return blocks as fine as cells, or nearly, and how many down and across make a block of ``side`` metres."""
    step = int(np.ceil(np.sqrt(grid.height * grid.width / MAX_REGION_BLOCKS)))
    coarse = Blocks.for_grid(grid, side)
    return Blocks.of_cells(grid, step, step), (max(1, round(coarse.rows / step)), max(1, round(coarse.columns / step)))


def assign_regions(
    grid: Grid, blocks: Blocks, regions: Polygons, field: str | None, landslide: np.ndarray, progress: Progress
) -> tuple[np.ndarray, list[str], list[list[int]]]:
    """Return the region of each block, by its centre, the regions' names, and the polygons of each.

    Regions without landslides are none: their land is trained on by all, as that outside all regions. The table is
    uint8, ``NO_SUBSET`` outside. ``landslide``: landslide cells of each block. Raises ``TooFewData`` if fewer than two
    regions have landslides; ``LayerEmpty`` or ``FieldUnusable`` if the layer has no polygon or no such field.
    """
    height, width = blocks.shape
    fine = Grid(grid.crs, grid.transform * Affine.scale(blocks.columns, blocks.rows), width, height)
    found = RegionMap(fine, regions, field)
    if len(found.labels) > MAX_REGIONS:
        raise ParameterInvalid(f"REGIONS has {len(found.labels):,} regions, but at most {MAX_REGIONS} can be folds.")
    table = np.full(blocks.shape, NO_SUBSET, dtype=np.uint8)
    for block in fine.blocks_with_progress(progress):
        part = table[block.row : block.row + block.height, block.column : block.column + block.width]
        for region in found.regions_in_block(block):
            part[found.read(block, region)] = region
    cells = np.bincount(table.ravel(), landslide.ravel(), NO_SUBSET + 1)
    kept = [region for region in range(len(found.labels)) if cells[region]]
    without = [label for region, label in enumerate(found.labels) if region not in kept]
    if len(kept) < 2:
        raise TooFewData(
            f'Landslide cells lie in {len(kept)} region of the layer "{regions.name}" given as REGIONS. To leave one '
            "region out, at least two need landslides. Give smaller regions, or leave REGIONS empty."
        )
    if without:
        progress.warn(f"These regions have no landslides, so all models learn from them: {', '.join(without[:20])}.")
    number = np.full(NO_SUBSET + 1, NO_SUBSET, dtype=np.uint8)
    number[kept] = np.arange(len(kept))
    members = [found.members(region) for region in kept]
    return number[table], [found.labels[region] for region in kept], members


def later_landslides(
    landslides: Landslides, options: CrossValidationOptions, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return which landslides are for training and which for the test, bool; those without a date are neither. Raises
    ``FieldUnusable`` if the field holds other values; ``TooFewData`` if one of the two has no landslide.
    """
    by_field = bool(options.split_field)
    name = str(options.split_field or options.date_field)
    after = None if by_field else date_period(options.split_date)[0]
    earlier, later = np.zeros((2, len(landslides)), dtype=bool)
    for index, value in enumerate(landslides.column(name)):
        if value is None or not str(value).strip():
            continue
        try:
            earlier[index], later[index] = _sides(value, after)
        except ValueError as error:
            wanted = "train or test" if by_field else "a year or a date such as 2005-06-30"
            raise FieldUnusable(
                f'The field "{name}" of the layer "{landslides.name}" has "{shorten(value)}" in feature {index + 1}. '
                f"It must be {wanted}, or empty."
            ) from error
    undecided = int((~(earlier | later)).sum())
    if undecided:
        what = "no value" if by_field else f"no date, or one too rough for {options.split_date}"
        progress.warn(f'{undecided:,} landslides have {what} in "{name}": they neither train nor test.')
    if not earlier.any() or not later.any():
        side = "after" if later.any() else "before"
        which = "for training" if not earlier.any() else "for the test"
        more = "" if by_field else f" All lie {side} SPLIT_DATE {options.split_date}; choose another date."
        raise TooFewData(f'The field "{name}" of the layer "{landslides.name}" leaves no landslide {which}.{more}')
    return earlier, later


def _sides(value: Any, after: datetime.date | None) -> tuple[bool, bool]:
    """Return whether a landslide is for training and whether for the test; ValueError if its value tells nothing."""
    if after is None:
        subset = SUBSET_SPELLINGS.get(str(value).strip().lower())
        if subset is None:
            raise ValueError(value)
        return subset != "test", subset == "test"
    first, last = _period(value)
    return last < after, first >= after


def date_period(text: str) -> tuple[datetime.date, datetime.date]:
    """Return first and last day of the year, month or day in SPLIT_DATE; raises ``ParameterInvalid``."""
    try:
        return _period(text)
    except ValueError as error:
        raise ParameterInvalid(f'SPLIT_DATE is "{text}". Give a year or a date such as 2005-06-30.') from error


def _period(value: Any) -> tuple[datetime.date, datetime.date]:
    """Return first and last day of a year, month or day, a number or ISO text; ValueError if it is none."""
    found = _DATE.fullmatch(f"{value:g}" if isinstance(value, float) else str(value).strip())
    if found is None:
        raise ValueError(value)
    year, month, day = (None if part is None else int(part) for part in found.groups())
    first = datetime.date(year or 0, month or 1, day or 1)
    if day:
        return first, first
    last = first.month if month else 12
    return first, datetime.date(first.year, last, calendar.monthrange(first.year, last)[1])


def cells_to_hide(
    labels: rasterio.DatasetReader, grid: Grid, landslides: Landslides, earlier: np.ndarray, progress: Progress
) -> SparseCells:
    """Return the landslide cells of a label raster that belong to none of the earlier landslides.

    A cell in a disc of the labels belongs to the landslides of all discs that cover it, a cell in polygons of the
    inventory to these, any other to the nearest landslide. ``earlier``: which landslides are for training, bool.
    """
    every = landslide_points(landslides)
    discs = read_discs(labels, grid)
    kept_discs = (
        None if discs is None or not len(discs) else discs.buffers(grid, _discs_of(discs, grid, every[earlier]))
    )
    all_discs = None if kept_discs is None or discs is None else discs.buffers(grid)
    polygons, own = _polygons_of(landslides, earlier)
    burner = None if polygons is None else PolygonBurner(polygons, grid)
    rows, columns, inside = grid.cell_indices(every)
    tree = cKDTree(np.stack(metric_positions(grid, rows[inside], columns[inside]), axis=1)) if inside.any() else None
    hidden = [np.empty(0, dtype=np.int64)]
    for block in grid.blocks_with_progress(progress):
        slide = read_labels(labels, block) == LANDSLIDE
        if not slide.any():
            continue
        kept, loose = np.zeros_like(slide), slide.copy()
        if kept_discs is not None and all_discs is not None:
            kept |= kept_discs.read(block)[0]
            loose &= ~all_discs.read(block)[0]
        if burner is not None:
            near = burner.intersecting(block)
            kept |= burner.covers(block, near[own[near]])
            loose &= ~burner.covers(block, near)
        row, column = np.nonzero(loose & ~kept)
        if len(row) and tree is not None:
            place = metric_positions(grid, row + block.row, column + block.column)
            kept[row, column] = earlier[inside][tree.query(np.stack(place, axis=1))[1]]
        row, column = np.nonzero(slide & ~kept)
        hidden.append((row + block.row) * np.int64(grid.width) + column + block.column)
    return SparseCells(np.sort(np.concatenate(hidden)), grid.width)


def _discs_of(discs: LandslideDiscs, grid: Grid, xy: np.ndarray) -> np.ndarray:
    """Return the indices of the discs whose point is one of some landslides, map coordinates (landslides, 2)."""
    column, row = ~grid.transform * (xy[:, 0], xy[:, 1])
    known = np.isfinite(row) & np.isfinite(column)
    if not known.any():
        return np.empty(0, dtype=np.int64)
    tree = cKDTree(np.stack([row[known], column[known]], axis=1))
    distance, _ = tree.query(np.stack([discs.row, discs.column], axis=1))
    return np.flatnonzero(distance <= _SAME_PLACE)


def _polygons_of(landslides: Landslides, chosen: np.ndarray) -> tuple[Polygons | None, np.ndarray]:
    """Return the polygons of an inventory, and which of them are chosen."""
    if isinstance(landslides, Points):
        return None, chosen[:0]
    if isinstance(landslides, PointsAndPolygons):
        return landslides.polygons, chosen[len(landslides.points) :]
    return landslides, chosen


def counts_of(cells: SparseCells, blocks: Blocks, labelled: np.ndarray) -> np.ndarray:
    """Return how many of some cells lie in each block, no more than ``labelled`` ones."""
    row, column = cells.flat // cells.width // blocks.rows, cells.flat % cells.width // blocks.columns
    result = np.zeros(blocks.shape, dtype=np.int64)
    np.add.at(result, (row, column), 1)
    return np.minimum(result, labelled)
