"""TARGET: land whose map is wanted and that has no labels; its factors matched by name, its classes by label."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..components import ComponentFactor, ComponentStack
from ..encoding import ClassMatcher, FactorSpec
from ..grid import Block, Grid
from ..inputs.bands import open_band
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..progress import Progress, SubProgress
from ..stack import UndeclaredNodataCheck, check_same_factor, open_stack
from ..texts import join_names
from ..windows.folded_cells import FoldedCells, values_at
from ..windows.unlabelled_cells import UnlabelledCells, cell_widths, draw_cells, require_some
from .fine_tuning import PIXEL_TOLERANCE


def collect_target(
    path: str | os.PathLike,
    safety_factor: str | os.PathLike | None,
    factors: Sequence[Any],
    size: float,
    cells: FoldedCells,
    seed: int,
    progress: Progress,
) -> UnlabelledCells:
    """Sample the cells of a factor stack with the factors of the training, and their factor of safety if it is given.

    Args:
        factors: of the training's stack, whose order and class codes the values get.
        size: of the training's cells in metres.
        cells: of the training; each fold may learn from all cells of the target.

    Raises:
        FactorMissing: the stack lacks a factor.
        ParameterInvalid: a factor is of another kind.
        GridMismatch: the safety factor is not on the stack's grid.
        TooFewData: no cell has data in every factor.
    """
    name = Path(path).name
    with contextlib.ExitStack() as opened:
        stack = opened.enter_context(open_stack(path))
        names = [factor.name for factor in factors]
        components = [factor.component for factor in factors if isinstance(factor, ComponentFactor)]
        if components:
            stack = ComponentStack(stack, [one for one in components if one is not None])
        there = [stack.factor(name) for name in names]
        for factor, other in zip(factors, there):
            check_same_factor(factor, other, "STACK", f"TARGET ({name})", progress)
        specs = [FactorSpec(one.name, one.kind, one.unit, one.title, one.classes) for one in factors]
        matcher = ClassMatcher(specs, there)
        for factor, labels in matcher.unknown.items():
            text = f'Classes of the factor "{factor}" in TARGET that STACK does not have'
            progress.report(0.0, f"{text}: {join_names(labels)}. They count as no class.")
        if abs(stack.grid.cell_size() / size - 1) > PIXEL_TOLERANCE:
            progress.warn(
                f"The cells of TARGET are {stack.grid.cell_size():.4g} m, those of STACK {size:.4g} m. Slope and "
                "curvature depend on that. Build both stacks with the same cell size."
            )
        part = SubProgress(progress, 0.0, 0.8)
        values, places, total = draw_cells(stack, _everywhere, seed, part, lambda block: stack.read(block, names))
        require_some(places, f"TARGET ({name})")
        every = np.full((len(stack.factors), len(places)), np.nan, dtype=np.float32)
        own = [factor.name for factor in stack.factors]
        every[[own.index(factor.name) for factor in there]] = values.T
        marks = UndeclaredNodataCheck(stack)
        marks.add(every)
        marks.require_none()
        values = matcher.apply(np.ascontiguousarray(values.T)[:, :, None])[:, :, 0].T
        safety = np.full(len(places), np.nan, dtype=np.float32)
        if safety_factor is not None:
            role = "safety factor of TARGET"
            raster = opened.enter_context(open_band(safety_factor, role, progress, "safety factor"))
            stack.grid.require_same(Grid.from_dataset(raster, role), "TARGET", f"{role} raster")
            take_out_undeclared_nodata(raster, stack.grid, role, progress, limits=(0.0, np.inf))
            safety = values_at(raster, stack.grid, places, SubProgress(progress, 0.8, 1.0))
    counts = np.full(len(places), total / len(places))
    roles, areas = np.ones((len(cells.roles), len(places)), dtype=bool), np.full(len(places), len(cells.lands))
    values, width = np.ascontiguousarray(values), cell_widths(stack.grid, places)
    return UnlabelledCells(values, safety, counts, width, areas, roles, is_target=True)


def _everywhere(block: Block) -> np.ndarray:
    return np.ones(block.shape, dtype=bool)
