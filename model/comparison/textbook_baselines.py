"""Rules of a textbook that need no landslides: slope alone, and the factor of safety of an infinite slope.

A map of an area without landslides of its own is held against them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import rasterio

from ..factors.definitions import CONTINUOUS
from ..grid import Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import read_block
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..progress import Progress
from ..safety.kinds import FACTOR_OF_SAFETY, RAIN_INDEX
from ..safety.usual_soil import HALF_SATURATED, UsualSoil
from ..stack import Stack, StackFactor, open_stack

SLOPE, PHYSICS = "slope", "safety_factor"  # keys of run records and tables, as in a cross-validation
AREA, WETNESS = "contributing_area", "wetness_index"
_SLOPE_NAME = re.compile(r"(mean)?slope(deg|degrees?|percent|pct|gradient|angle)?\d*m?")
_DEGREES = ("degrees", "degree", "deg", "°")
_MIN_SLOPE = 0.1  # degrees, as in the wetness index of ``factors.flow``
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """A rule that gives every cell a score; a higher one means more susceptible."""

    key: str  # ``slope`` or ``safety_factor``
    title: str
    source: str  # what it is made from and what was assumed, a complete sentence
    read: Callable[[Block], np.ndarray]  # what the score follows from, float32 (bands, height, width), NaN nodata
    score: Score
    """Score of cells, float32 (cells,), from what was read, (bands, cells), and the width of each in metres."""

    def scores(self, block: Block, grid: Grid) -> np.ndarray:
        """Return the scores of a block, float32 (height, width), NaN where there is none."""
        width = np.repeat(np.sqrt(grid.cell_area(block.row, block.height)), block.width)
        inputs = self.read(block)
        return self.score(inputs.reshape(len(inputs), -1), width).reshape(block.shape)


@dataclass
class Baselines:
    """The rules that can be applied to a stack, and why others cannot."""

    found: list[Baseline] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # complete sentences
    slope: StackFactor | None = None

    @classmethod
    def of(cls, stack: Stack, safety: rasterio.DatasetReader | None = None) -> Baselines:
        """Return the rules for an open stack; ``safety`` is a factor of safety or a rain index on its grid."""
        rules = cls(slope=slope_factor(stack.factors))
        if rules.slope is None:
            rules.missing.append("The stack has no band slope, so there is no comparison with slope alone.")
        else:
            rules.found.append(_slope_alone(stack, rules.slope))
        if safety is not None:
            rules.found.append(_given(safety))
        elif rules.slope is not None and in_degrees(rules.slope):
            rules.found.append(_infinite_slope(stack, rules.slope))
        else:
            why = "without slope" if rules.slope is None else f"because the unit of {rules.slope.name} is not stated"
            rules.missing.append(
                f"A factor of safety cannot be computed {why}. Build the stack from a DEM, or give SAFETY_FACTOR."
            )
        return rules


@contextlib.contextmanager
def open_safety(
    path: str | os.PathLike | None, grid: Grid, role: str, progress: Progress
) -> Iterator[rasterio.DatasetReader | None]:
    """Open the raster of SAFETY_FACTOR, ``None`` without one. Raises ``GridMismatch`` if it is not on the grid of what
    ``role`` names.
    """
    if path is None:
        yield None
        return
    with open_band(path, "safety factor", progress, "safety factor") as dataset:
        grid.require_same(Grid.from_dataset(dataset, "safety factor"), role, "safety factor raster")
        take_out_undeclared_nodata(dataset, grid, "safety factor", progress, limits=(0.0, np.inf))
        yield dataset


@contextlib.contextmanager
def open_baselines(
    stack: str | os.PathLike | None, safety: str | os.PathLike | None, grid: Grid, role: str, progress: Progress
) -> Iterator[Baselines]:
    """Open a stack and a safety factor, as far as they are given, and yield the rules that they have.

    Raises ``GridMismatch`` if one is not on the grid of what ``role`` names, ``ScarpError`` if one cannot be read.
    """
    with open_safety(safety, grid, role, progress) as opened:
        if stack is None:
            yield Baselines([_given(opened)] if opened is not None else [])
            return
        with open_stack(stack) as factors:
            grid.require_same(factors.grid, role, "factor stack")
            yield Baselines.of(factors, opened)


def slope_factor(factors: Sequence[StackFactor]) -> StackFactor | None:
    """Return the slope of a stack, or the one of the bands with a name such as ``Slope (deg)`` or ``mean_slope_50m``
    that is most like it; ``None`` without any.
    """
    alike = [
        factor
        for factor in factors
        if factor.kind == CONTINUOUS and _SLOPE_NAME.fullmatch(re.sub(r"[\W_]+", "", factor.name).casefold())
    ]
    # The shortest: slope itself, then the mean of the smallest window.
    return min(alike, key=lambda factor: (factor.name != SLOPE, len(factor.name), factor.name), default=None)


def in_degrees(factor: StackFactor) -> bool:
    """Return whether a slope is in degrees, as far as name and unit tell."""
    return factor.name == SLOPE or factor.unit.casefold() in _DEGREES


def _slope_alone(stack: Stack, factor: StackFactor) -> Baseline:
    source = f"Slope is the band {factor.name} of the stack: the steeper, the more susceptible."
    if factor.name != SLOPE:
        source += " The stack has no band slope; this one comes nearest."
    return Baseline(SLOPE, "Slope alone", source, _bands(stack, [factor.name]), lambda values, width: values[0])


def _infinite_slope(stack: Stack, slope: StackFactor) -> Baseline:
    names = [slope.name, *[name for name in (AREA, WETNESS) if name in stack.names][:1]]
    soil, water = UsualSoil(has_water=len(names) > 1), names[1] if len(names) > 1 else ""
    options = soil.options
    usual = (
        f"{options.soil_depth} m deep, with a cohesion of {options.cohesion} kPa, a friction angle of "
        f"{options.friction} degrees and {options.unit_weight} kN/m³"
    )
    if water:
        wet = (
            f"the water is that of a recharge of {options.recharge} mm/day, a transmissivity of "
            f"{options.transmissivity} m²/day and the band {water}"
        )
        note = "None of this was measured here."
    else:
        wet = f"half of its depth ({HALF_SATURATED}) is saturated everywhere"
        note = (
            "None of this was measured here. The stack has neither contributing_area nor wetness_index, so nothing "
            "tells where water gathers, and the rule orders the cells as slope does, up to about 60 degrees. Build "
            "the stack with flow in TERRAIN, or give SAFETY_FACTOR, for a second rule."
        )
    source = f"The factor of safety is that of an infinite slope with the usual soil everywhere: {usual}; {wet}. {note}"

    def score(values: np.ndarray, width: np.ndarray) -> np.ndarray:
        supply = None
        if water == AREA:
            supply = 10.0 ** values[1].astype(np.float64) / width
        elif water == WETNESS:
            steep = np.radians(np.maximum(values[0].astype(np.float64), _MIN_SLOPE))
            supply = np.exp(values[1].astype(np.float64)) * np.tan(steep)
        return (-soil.log_factor(values[0], supply)).astype(np.float32)

    return Baseline(PHYSICS, "Factor of safety", source, _bands(stack, names), score)


def _given(safety: rasterio.DatasetReader) -> Baseline:
    kind = safety.descriptions[0] if safety.descriptions[0] in (FACTOR_OF_SAFETY, RAIN_INDEX) else FACTOR_OF_SAFETY
    source = f"The {kind} is the raster given as SAFETY_FACTOR: the lower, the more susceptible."
    return Baseline(
        PHYSICS,
        kind.capitalize(),
        source,
        lambda block: read_block(safety, block)[None],
        lambda values, width: -values[0],
    )


def _bands(stack: Stack, names: list[str]) -> Callable[[Block], np.ndarray]:
    return lambda block: stack.read(block, names)
