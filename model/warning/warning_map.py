"""Warning class of each cell from susceptibility, rain and coefficient; its areas by region and zone; what to check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from ..errors import ParameterInvalid
from ..factors.categorical import PolygonClasses, RasterClasses
from ..factors.climate import ContinuousRaster
from ..grid import Block, Grid
from ..inputs.rasters import read_block
from ..inputs.survey import ROUNDING, susceptibility_problem
from ..progress import NullProgress, Progress
from ..safety.thresholds import ClassCoefficient, safety_factor
from ..texts import join_names
from ..validation.map_layers import RegionMap
from .classes import KEYS, NO_WARNING, NODATA, NOT_ASSESSED, SEVERE, WARNING, WATCH, WarningOptions


def classify(factor: np.ndarray, susceptibility: np.ndarray, options: WarningOptions) -> np.ndarray:
    """Return the warning class of each cell, uint8, NaN for no data; the rule is the table in :mod:`.classes`."""
    low, high = np.float32(options.p_low), np.float32(options.p_high)
    with np.errstate(invalid="ignore"):
        above_threshold = factor < options.fs_critical
        near_threshold = factor < (options.fs_critical if options.fs_watch is None else options.fs_watch)
        susceptible, highly_susceptible = susceptibility >= low, susceptibility >= high
    result = np.full(factor.shape, NO_WARNING, dtype=np.uint8)
    result[above_threshold | (near_threshold & susceptible)] = WATCH
    result[above_threshold & susceptible] = WARNING
    result[above_threshold & highly_susceptible] = SEVERE
    result[np.isnan(factor)] = NOT_ASSESSED
    result[np.isnan(susceptibility)] = NODATA
    return result


@dataclass
class WarningBlock:
    """The cells of one block of the grid."""

    susceptibility: np.ndarray  # float32, NaN without data
    rain: np.ndarray  # of seven days in mm, float64, NaN without data, coefficient or susceptibility
    factor: np.ndarray  # rain index, float64, NaN in the same cells
    without_k: np.ndarray  # whether a cell has susceptibility and rain but no coefficient
    negative_cells: int  # cells of the map with negative rain, which counts as no data


class WarningLayers:
    """All inputs of the warning on the grid of the susceptibility map."""

    def __init__(
        self,
        dataset: rasterio.DatasetReader,
        grid: Grid,
        rain: Sequence[ContinuousRaster],
        landform: PolygonClasses | RasterClasses | None,
        coefficients: Mapping[int, ClassCoefficient],
    ) -> None:
        """Join open inputs: rasters whose sum is the rain of seven days in mm, and the codes of landforms.

        Coefficients are by landform code; code 0 is for cells without landform, which are otherwise not assessed, and
        for all cells if ``landform`` is ``None``.
        """
        self.grid = grid
        self._dataset, self._rain, self._landform = dataset, rain, landform
        self._k = np.full(max(coefficients, default=0) + 1, np.nan)
        for code, one in coefficients.items():
            self._k[code] = one.k

    def read(self, block: Block) -> WarningBlock:
        """Return the cells of a block; raises ``ParameterInvalid`` if a susceptibility lies outside 0 to 1."""
        values = read_block(self._dataset, block)
        values[np.isinf(values)] = np.nan
        on_map = ~np.isnan(values)
        low, high = float(np.min(values, where=on_map, initial=1)), float(np.max(values, where=on_map, initial=0))
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise ParameterInvalid(susceptibility_problem(self._dataset, NullProgress()))
        rain = sum((one.read(block).astype(np.float64) for one in self._rain), np.zeros(values.shape))
        with np.errstate(invalid="ignore"):
            negative = rain < 0
        rain[negative | ~np.isfinite(rain)] = np.nan
        k: np.ndarray | float = self._k[0]
        if self._landform is not None:
            k = self._k[np.nan_to_num(self._landform.read(block), nan=0.0).astype(np.int64)]
        factor = safety_factor(rain, k)
        factor[~on_map] = np.nan
        assessed = ~np.isnan(factor)
        without_k = on_map & ~assessed & ~np.isnan(rain)
        rain[~assessed] = np.nan
        return WarningBlock(values, rain, factor, without_k, int((negative & on_map).sum()))


ALL = "all"
_BY_CLASS = (*(f"{key}_km2" for key in KEYS.values()), *(f"{key}_share" for key in KEYS.values()))
COLUMNS = ("region", "zone", "zone_name", "cells", "km2", *_BY_CLASS, "mean_rain_mm", "highest_rain_mm")
"""Columns of the table; shares are of the row's own area, 0 to 1. Rain is that of the assessed cells; the highest is
given in the rows of all zones together."""


class WarningStatistics:
    """Cells, area and rain of the whole map (scope 0) and of each region, and what is wrong with the inputs."""

    def __init__(self, scopes: Sequence[str], zones: Mapping[int, str]) -> None:
        """Start at zero; the scopes are the whole map, then the regions, the zones names by number from 1."""
        self.scopes, self.zones = list(scopes), dict(zones)
        # Cells on the map but in no zone (a ZONES raster that is smaller) count as zone 0.
        shape = (len(self.scopes), max(self.zones) + 1, max(KEYS) + 1)
        self.cells, self.area, self._rain = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
        self._highest = np.full(len(self.scopes), np.nan)
        self.negative_cells = 0  # of the map with negative rain
        self.without_k_m2 = 0.0  # area with rain but without a coefficient
        self.overlap_m2 = 0.0  # area in more than one region

    def add(
        self,
        scope: int,
        mask: np.ndarray | None,
        classes: np.ndarray,
        zones: np.ndarray,
        rain: np.ndarray,
        row_area: np.ndarray,
    ) -> None:
        """Count the cells of a window that ``mask`` has, or all.

        The scope is 0 for the whole map, or the number of a region from 1. Classes are 0 off the map, zones 0 for none,
        rain is in mm, NaN where nothing was assessed. ``row_area`` is that of a cell of each row in square metres.
        """
        if mask is not None:
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            if not len(rows):
                return
            window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            inside = mask[window]
            # Class 0 is not counted.
            classes, zones, rain = np.where(inside, classes[window], np.uint8(0)), zones[window], rain[window]
            rain, row_area = np.where(inside, rain, np.nan), row_area[window[0]]
        # Area is the same along a row, so cells are counted by row, zone and class: much faster than adding areas.
        shape = (len(row_area), *self.cells.shape[1:])
        key = zones.astype(np.int64) * shape[2] + classes
        key += (np.arange(shape[0]) * (shape[1] * shape[2]))[:, None]
        size = shape[0] * shape[1] * shape[2]
        counts = np.bincount(key.ravel(), minlength=size).reshape(shape)
        rain_sums = np.bincount(key.ravel(), np.nan_to_num(rain, nan=0.0).ravel(), minlength=size).reshape(shape)
        counts[..., 0] = 0
        rain_sums[..., [0, NOT_ASSESSED]] = 0
        self.cells[scope] += counts.sum(axis=0)
        self.area[scope] += np.tensordot(row_area, counts, axes=1)
        self._rain[scope] += np.tensordot(row_area, rain_sums, axes=1)
        self._highest[scope] = np.fmax(self._highest[scope], np.fmax.reduce(rain, axis=None))

    def add_block(
        self,
        grid: Grid,
        block: Block,
        classes: np.ndarray,
        zones: np.ndarray,
        rain: np.ndarray,
        regions: RegionMap | None,
    ) -> None:
        """Count the cells of a block, for the whole map and for each region; see :meth:`add`."""
        row_area = grid.cell_area(block.row, block.height)
        counted = classes, zones, rain, row_area
        self.add(0, None, *counted)
        if regions is None:
            return
        cover = np.zeros(classes.shape, dtype=np.uint16)
        for number in regions.regions_in_block(block):
            inside = regions.read(block, number)
            self.add(number + 1, inside, *counted)
            cover += inside
        self.overlap_m2 += float(((cover > 1) & (classes != NODATA)).sum(axis=1) @ row_area)

    def km2(self) -> dict[int, float]:
        """Return the area of each class on the whole map."""
        return {number: float(self.area[0, :, number].sum()) / 1e6 for number in KEYS}

    def counts(self) -> list[int]:
        """Return the cells of each class on the whole map."""
        return self.cells[0].sum(axis=0)[list(KEYS)].tolist()

    def highest_rain(self) -> float:
        """Return the highest rain on the map in mm, NaN where there is none."""
        return float(self._highest[0])

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows of the table: for each scope all zones together, then each zone."""
        for scope, name in enumerate(self.scopes):
            yield [name, "", ALL, *self._numbers(scope, slice(None)), self._highest[scope]]
            for zone, label in self.zones.items():
                yield [name, zone, label, *self._numbers(scope, slice(zone, zone + 1)), None]

    def _numbers(self, scope: int, zones: slice) -> list[Any]:
        area = self.area[scope, zones].sum(axis=0)[list(KEYS)] / 1e6
        total, assessed = area.sum(), area.sum() - area[list(KEYS).index(NOT_ASSESSED)]
        shares = area / total if total else [None] * len(KEYS)
        mean = self._rain[scope, zones].sum() / 1e6 / assessed if assessed else None
        return [int(self.cells[scope, zones].sum()), total, *area, *shares, mean]


MAX_PLAUSIBLE_RAIN = 600.0
"""mm in seven days above which the user is asked whether RAIN is something else; an annual sum is easily given."""
MIN_PLAUSIBLE_RAIN = 1.0  # mm below which the user is asked whether RAIN is in metres


def log_result(
    statistics: WarningStatistics,
    options: WarningOptions,
    coefficients: Sequence[ClassCoefficient],
    names: Mapping[int, str],
    progress: Progress,
) -> None:
    """Report the areas by the names of the classes, and warn of what may mislead."""
    thresholds = [(1 / options.fs_critical - 1) * one.critical_rainfall for one in coefficients]
    for one, rain in zip(coefficients, thresholds):
        progress.report(0.96, f"{one.label}: warning above {rain:.1f} mm in seven days (k {one.k:g}, {one.source}).")
    highest = statistics.highest_rain()
    _check_rain_unit(highest, statistics.negative_cells, progress)
    lowest = f"no more than {highest:.1f} mm fall, and the lowest threshold is {min(thresholds):.1f} mm"
    log_areas(statistics, names, ("landform", "; set K to have a coefficient there"), lowest, progress)


def log_areas(
    statistics: WarningStatistics, names: Mapping[int, str], without: tuple[str, str], below: str, progress: Progress
) -> None:
    """Report the areas by the names of the classes, and warn of land that is not assessed and of maps of one class.

    Args:
        without: what cells lack that have rain but no threshold, and how to mend it.
        below: why all land is below the threshold, if it is.
    """
    areas, highest = statistics.km2(), statistics.highest_rain()
    total = sum(areas.values())
    for number, name in names.items():
        progress.report(0.97, f"{name}: {areas[number]:,.2f} km², {areas[number] / total:.1%}")
    without_threshold = statistics.without_k_m2 / 1e6
    for area, what, remedy in (
        (areas[NOT_ASSESSED] - without_threshold, "rain data", ""),
        (without_threshold, *without),
    ):
        if area > 1e-9 * total:
            progress.warn(
                f"{area:,.2f} km² of the map ({area / total:.1%}) have no {what} and are not assessed. This does not "
                f"mean that they are safe{remedy}."
            )
    assessed = [number for number in names if number != NOT_ASSESSED and areas[number]]
    if len(assessed) == 1:
        because = below if assessed[0] < WATCH else f"up to {highest:.1f} mm fall"
        progress.warn(f'All assessed cells are in one class, "{names[assessed[0]]}": {because}.')
    empty = [name for scope, name in enumerate(statistics.scopes) if not statistics.cells[scope].any()]
    if empty:
        progress.warn(f"These regions have no cell of the map: {join_names(empty)}.")
    if statistics.overlap_m2:
        progress.warn(
            f"{statistics.overlap_m2 / 1e6:,.2f} km² lie in more than one region and count in each of them, so the "
            "regions do not add up to the whole."
        )


def _check_rain_unit(highest: float, negative_cells: int, progress: Progress) -> None:
    if highest > MAX_PLAUSIBLE_RAIN:
        progress.warn(
            f"RAIN is up to {highest:,.0f} mm, which is rare in seven days. Is it the rain of a month or a year, or in "
            "tenths of a millimetre?"
        )
    elif 0 < highest < MIN_PLAUSIBLE_RAIN:
        progress.warn(f"RAIN is nowhere above {highest:.3g} mm. Is it in metres? Then multiply it by 1,000 first.")
    if negative_cells:
        progress.warn(
            f"{negative_cells:,} cells have negative rain and are not assessed. Set the nodata value of the raster if "
            "these are cells without data."
        )
