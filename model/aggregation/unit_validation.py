"""How well units and cells find landslides, with intervals from the same blocks, and how that moves with their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..statistics import Estimate
from ..validation.area_placements import AreaPlacements
from ..validation.spatial_blocks import AucOfWeights, BlockResamples, SpatialBlocks
from .scan import LandSample, Squares
from .unit_sums import UnitSums

FEW = 5  # units with, or without, landslides; with fewer an AUC means little
_STREAM = 77  # of random numbers, beside those of the sample


@dataclass
class SizeResult:
    """The AUC of units of one kind."""

    name: str
    mean_area: float  # m²
    units: int  # with data
    with_landslides: int
    auc: Estimate


@dataclass
class UnitValidation:
    """Units, cells and squares on the same land."""

    by_cell: SizeResult
    by_unit: SizeResult
    by_square: list[SizeResult]
    range_m: float
    block_side_m: float
    independent_blocks: int

    @property
    def spread(self) -> float:
        """Difference between the highest and the lowest AUC of squares; NaN if there are fewer than two."""
        known = [one.auc.value for one in self.by_square if np.isfinite(one.auc.value)]
        return max(known) - min(known) if len(known) > 1 else float("nan")


def validate_units(
    sums: UnitSums,
    landslides: np.ndarray,
    cells: tuple[np.ndarray, np.ndarray, np.ndarray],
    placements: AreaPlacements,
    sample: LandSample,
    squares: Sequence[tuple[float, Squares]],
    blocks: SpatialBlocks,
    repeats: int,
    seed: int,
) -> UnitValidation:
    """Return AUC of units with and without landslides by their mean, of cells, and of squares.

    Args:
        sums: of the units.
        landslides: by unit.
        cells: x and y in metres and susceptibility of the cells of landslides.
        placements: of these cells among all other cells in units.
        sample: of the other cells.
        squares: with their area in mean areas of a unit.
        blocks: of land that are about independent.
        repeats: number of resamples.
        seed: of them.
    """
    x, y, values = cells
    land = [np.concatenate(part) for part in (sample.x, sample.y, sample.values, sample.areas)]
    of_landslides, of_land = blocks.index(x, y), blocks.index(land[0], land[1])
    resamples = BlockResamples(of_landslides, [of_land], repeats, np.random.default_rng([seed, _STREAM]))
    auc = float(placements.result().mean())
    repeated = np.full(repeats, np.nan)
    if len(of_land):
        judge, weights = AucOfWeights(values, land[2]), resamples.weights.astype(float)
        places = resamples.places(of_landslides), resamples.places(of_land)
        repeated = np.array([judge.auc(row[places[0]], row[places[1]] * land[3]) for row in weights])
    cell_area = float(sums.area.sum() / max(sums.cells.sum(), 1))
    by_cell = SizeResult(
        "cells", cell_area, int(sums.cells.sum()), len(values), resamples.estimate(auc, repeated, "share")
    )
    by_unit = _judge("units", sums, landslides, blocks, repeats, seed, 1)
    by_square = [
        _judge(f"squares of {size:g} × the mean area of a unit", one.sums, one.landslides, blocks, repeats, seed)
        for size, one in squares
    ]
    return UnitValidation(by_cell, by_unit, by_square, blocks.range_m, blocks.side_m, resamples.independent)


def _judge(
    name: str, sums: UnitSums, landslides: np.ndarray, blocks: SpatialBlocks, repeats: int, seed: int, least: int = FEW
) -> SizeResult:
    """Judge units; without an AUC if there are fewer than ``least`` with, or without, landslides."""
    known = sums.cells > 0
    mean, has = sums.mean()[known], landslides[known] > 0
    area = float(sums.area[known].mean()) if known.any() else float("nan")
    counts = int(known.sum()), int(has.sum())
    if min(counts[1], counts[0] - counts[1]) < least:
        return SizeResult(name, area, *counts, Estimate(float("nan")))
    x, y = (one[known] for one in sums.position())
    block = blocks.index(x, y)
    judge = AucOfWeights(mean[has], mean[~has])
    auc = judge.auc(np.ones(counts[1]), np.ones(counts[0] - counts[1]))
    resamples = BlockResamples(block[has], [block[~has]], repeats, np.random.default_rng([seed, _STREAM]))
    places = resamples.places(block[has]), resamples.places(block[~has])
    weights = resamples.weights.astype(float)
    repeated = np.array([judge.auc(row[places[0]], row[places[1]]) for row in weights])
    return SizeResult(name, area, *counts, resamples.estimate(auc, repeated, "share"))


def area_text(square_metres: float) -> str:
    """Return an area in m² or km²."""
    return f"{square_metres:,.0f} m²" if square_metres < 1e5 else f"{square_metres / 1e6:,.3g} km²"


def sentences(found: UnitValidation) -> list[str]:
    """Return the AUC by unit and by cell, and the effect of the unit (MAUP), in words."""
    cell, unit = found.by_cell, found.by_unit
    lines = []
    if np.isfinite(unit.auc.value):
        lines.append(
            f"AUC by unit {_auc(unit)}: {unit.with_landslides:,} of {unit.units:,} units have landslides; units have "
            f"{area_text(unit.mean_area)} on average. AUC by cell {_auc(cell)}, on the same land."
        )
        fewer, kind = min((unit.with_landslides, "with"), (unit.units - unit.with_landslides, "without"))
        if fewer < FEW:
            lines.append(f"Only {fewer:,} of the units are {kind} landslides, so the AUC by unit means little.")
    else:
        lines.append(
            f"AUC by cell {_auc(cell)}. There is none by unit: {unit.with_landslides:,} of {unit.units:,} units have "
            "landslides, and it takes units with and without."
        )
    known = [one for one in found.by_square if np.isfinite(one.auc.value)]
    if len(known) > 1:
        each = ", ".join(f"{one.auc.value:.3f} of {area_text(one.mean_area)}" for one in known)
        lines.append(
            f"The modifiable areal unit problem: by squares instead of these units the AUC is {each}. With the size "
            f"of the unit alone it moves by {found.spread:.3f}, so numbers by units of other sizes or shapes cannot be "
            "compared. State the kind and the mean area of the units with every number."
        )
    return lines


def _auc(one: SizeResult) -> str:
    interval = f" ({one.auc.low:.3f} to {one.auc.high:.3f})" if one.auc.has_interval else ""
    return f"{one.auc.value:.3f}{interval}"
