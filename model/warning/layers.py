"""Susceptibility, rain, coefficient and zone of each cell, window by window, and the class that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
import rasterio

from ..errors import ParameterInvalid
from ..factors.categorical import PolygonClasses, RasterClasses
from ..factors.climate import ContinuousRaster
from ..grid import Block, Grid
from ..inputs.rasters import read_window
from ..safety.coefficients import ClassCoefficient
from ..safety.rainfall import safety_factor
from .classes import NODATA, NONE, SEVERE, UNJUDGED, WARNING, WATCH, Thresholds


def classify(factor: np.ndarray, susceptibility: np.ndarray, limits: Thresholds) -> np.ndarray:
    """Return the warning class of each cell, uint8; the rule is the table in :mod:`.classes`.

    Args:
        factor: safety factor, NaN where there is none.
        susceptibility: 0 to 1, NaN where there is none; the same shape.
        limits: the thresholds.
    """
    low, high = np.float32(limits.p_low), np.float32(limits.p_high)
    with np.errstate(invalid="ignore"):
        stands = factor < limits.fs_critical
        near = factor < (limits.fs_critical if limits.fs_watch is None else limits.fs_watch)
        susceptible, likely = susceptibility >= low, susceptibility >= high
    result = np.full(factor.shape, NONE, dtype=np.uint8)
    result[stands | (near & susceptible)] = WATCH
    result[stands & susceptible] = WARNING
    result[stands & likely] = SEVERE
    result[np.isnan(factor)] = UNJUDGED
    result[np.isnan(susceptibility)] = NODATA
    return result


@dataclass
class Window:
    """What one block of the grid holds."""

    susceptibility: np.ndarray
    """float32, NaN without data."""

    rain: np.ndarray
    """Rain of seven days in mm, float64, NaN without data, coefficient or susceptibility."""

    factor: np.ndarray
    """Safety factor, float64, NaN in the same cells."""

    without_k: np.ndarray
    """Whether a cell has susceptibility and rain but no coefficient."""

    negative: int
    """Cells of the map with negative rain, which count as without."""


class WarningLayers:
    """All inputs of the warning on the grid of the susceptibility map."""

    def __init__(self, dataset: rasterio.DatasetReader, grid: Grid, rain: Sequence[ContinuousRaster],
                 landform: PolygonClasses | RasterClasses | None, codes: Sequence[int],
                 coefficients: Sequence[ClassCoefficient], rest: ClassCoefficient | None) -> None:
        """Join open inputs.

        Args:
            dataset: the susceptibility map.
            grid: its grid.
            rain: rasters whose sum is the rain of seven days, in mm.
            landform: landform codes; ``None`` for one coefficient everywhere.
            codes: code of each coefficient's class; empty without landform.
            coefficients: one a code, or one in all.
            rest: coefficient of cells without a landform; ``None`` leaves them without a judgement.
        """
        self.grid = grid
        self._dataset, self._rain, self._landform = dataset, rain, landform
        outside = coefficients[0] if landform is None else rest
        # Entry 0 is what cells without a code find.
        self._k = np.full(max(codes, default=0) + 1, np.nan)
        self._k[0] = np.nan if outside is None else outside.k
        for code, one in zip(codes, coefficients):
            self._k[code] = one.k

    def read(self, block: Block) -> Window:
        """Return the cells of a block.

        Raises:
            ParameterInvalid: a susceptibility lies outside 0 to 1.
        """
        values = read_window(self._dataset, block.row, block.column, block.height, block.width, [1])[0]
        values[np.isinf(values)] = np.nan
        on_map = ~np.isnan(values)
        if on_map.any():
            low, high = float(np.min(values, where=on_map, initial=1)), float(np.max(values, where=on_map, initial=0))
            if low < 0 or high > 1:
                raise ParameterInvalid(f"The susceptibility raster {self._dataset.name} holds "
                                       f"{low if low < 0 else high:g}, but the thresholds are for values from 0 to 1. "
                                       "Give the map of \"Predict susceptibility\", or scale yours to 0 to 1.")
        rain = sum((one.read(block).astype(np.float64) for one in self._rain), np.zeros(values.shape))
        with np.errstate(invalid="ignore"):
            negative = rain < 0
        rain[negative | ~np.isfinite(rain)] = np.nan
        k: np.ndarray | float = self._k[0]
        if self._landform is not None:
            k = self._k[np.nan_to_num(self._landform.read(block), nan=0.0).astype(np.int64)]
        factor = safety_factor(rain, k)
        factor[~on_map] = np.nan
        judged = ~np.isnan(factor)
        without_k = on_map & ~judged & ~np.isnan(rain)
        rain[~judged] = np.nan
        return Window(values, rain, factor, without_k, int((negative & on_map).sum()))
