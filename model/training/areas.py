"""Several areas of one training: rasters matched by their grid, factors by name, classes by label.

Cells of all areas are joined by :meth:`~..windows.folded_cells.FoldedCells.joined`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np
from rasterio.warp import transform

from ..encoding import UNSEEN_CODE, ClassMatcher, FactorSpec, normalise_label
from ..errors import FactorMissing, GridMismatch, InputCorrupt, ParameterInvalid
from ..factors.definitions import CATEGORICAL
from ..grid import Block, Grid
from ..labels import UNKNOWN
from ..progress import Progress
from ..stack import Stack, StackFactor, check_same_factor
from ..texts import join_names
from ..virtual_rasters import raster_file
from ..windows.folded_cells import FoldedCells
from ..windows.split import NO_SUBSET, TrainingRasters, open_training_rasters, read_labels

CELL_DIFFERENCE = 0.1  # of the cell sizes of two areas, above which there is a warning
_PATHS = "MORE_STACKS", "MORE_LABELS", "MORE_SAFETY_FACTORS"
File = Union[str, os.PathLike]


@dataclass(frozen=True)
class AreaFiles:
    """The files of one area."""

    name: str
    stack: str
    labels: str
    safety_factor: str | None = None

    @property
    def files(self) -> tuple[str, str, str | None]:
        """In the order of ``open_training_rasters``."""
        return self.stack, self.labels, self.safety_factor


@dataclass(frozen=True)
class MoreAreas:
    """Rasters of areas beside the first one, each list in any order."""

    stacks: Sequence[File] = ()
    labels: Sequence[File] = ()
    safety_factors: Sequence[File] = ()

    def __bool__(self) -> bool:
        return bool(self.stacks or self.labels or self.safety_factors)

    def record(self) -> dict[str, list[str]]:
        """Return the paths by parameter name, for run records."""
        lists = self.stacks, self.labels, self.safety_factors
        return {name: [os.fspath(path) for path in paths] for name, paths in zip(_PATHS, lists) if paths}


def match_areas(stack: File, labels: File, safety_factor: File | None, more: MoreAreas) -> list[AreaFiles]:
    """Return the files of each area, that of ``stack`` first; rasters belong to the stack with their grid.

    Raises:
        GridMismatch: a stack has no labels, a raster lies on the grid of no stack, or two on the same one.
        ScarpError: a raster cannot be used; see ``Grid.from_file``.
    """
    stacks = [os.fspath(path) for path in (stack, *more.stacks)]
    first = os.fspath(labels), None if safety_factor is None else os.fspath(safety_factor)
    names = area_names(stacks)
    if not more:
        return [AreaFiles(names[0], stacks[0], *first)]
    grids = [Grid.from_file(path, "factor stack") for path in stacks]
    for number, grid in enumerate(grids):
        for other in range(number):
            if _same(grid, grids[other]):
                raise GridMismatch(
                    f"The factor stacks {stacks[other]} and {stacks[number]} have the same grid, so labels cannot be "
                    "matched to them, and the land would count twice. Give each area once."
                )
    of_labels = _matched(more.labels, "label raster", "MORE_LABELS", stacks, grids)
    of_safety = _matched(more.safety_factors, "safety factor", "MORE_SAFETY_FACTORS", stacks, grids)
    missing = [name for name, path in zip(names[1:], stacks[1:]) if path not in of_labels]
    if missing:
        raise GridMismatch(
            f"No raster of MORE_LABELS lies on the grid of the stack {join_names(missing)}. Build its labels with the "
            "stack as REFERENCE, or leave the stack out of MORE_STACKS."
        )
    areas = [AreaFiles(names[0], stacks[0], *first)]
    for name, path in zip(names[1:], stacks[1:]):
        areas.append(AreaFiles(name, path, of_labels[path], of_safety.get(path)))
    return areas


def _matched(
    paths: Sequence[File], what: str, parameter: str, stacks: Sequence[str], grids: Sequence[Grid]
) -> dict[str, str]:
    """Return the raster of each stack of MORE_STACKS, as far as it has one, by the path of the stack."""
    found: dict[str, str] = {}
    for path in [os.fspath(one) for one in paths]:
        grid = Grid.from_file(path, what)
        same = [stack for stack, other in zip(stacks, grids) if _same(grid, other)]
        if same == [stacks[0]]:
            own = "LABELS" if parameter == "MORE_LABELS" else "SAFETY_FACTOR"
            raise GridMismatch(
                f"The {what} {path} of {parameter} lies on the grid of STACK. Give it as {own}, and in {parameter} "
                "only those of the areas in MORE_STACKS."
            )
        if not same:
            raise GridMismatch(
                f"The {what} {path} of {parameter} lies on the grid of no stack in MORE_STACKS. Build it with the "
                "stack of its area as reference, or add that stack to MORE_STACKS."
            )
        if same[0] in found:
            raise GridMismatch(
                f"The {what}s {found[same[0]]} and {path} lie on the same grid, that of {same[0]}. Give one for each "
                "area."
            )
        found[same[0]] = path
    return found


def _same(grid: Grid, other: Grid) -> bool:
    try:
        grid.require_same(other, "", "")
    except GridMismatch:
        return False
    return True


def area_names(paths: Sequence[str]) -> list[str]:
    """Return short names of areas that differ: of their files, with as many folders as that takes."""
    parts = [Path(os.path.abspath(raster_file(path))).with_suffix("").parts[1:] for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"area {number}" for number in range(1, len(paths) + 1)]


@contextlib.contextmanager
def open_areas(
    areas: Sequence[AreaFiles], progress: Progress, factors: Sequence[str] | None = None
) -> Iterator[list[TrainingRasters]]:
    """Open the rasters of areas as ``open_training_rasters``; each reads the same factors in the same order, by name,
    those of the first area if none are given.

    Class codes of all stacks are those of the first one; classes that only another area has get further codes. Warns if
    cells differ in size by more than a tenth, and of factors that only another area has, which are not used.

    Raises:
        FactorMissing: an area lacks a factor of the first.
        ParameterInvalid: a factor is continuous in one area and categorical in another, or areas have safety factors of
            different kinds.
        ScarpError: as ``open_training_rasters``.
    """
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(open_training_rasters(*area.files, progress)) for area in areas]
        if len(found) == 1 and factors is None:
            yield found
            return
        names = [area.name for area in areas]
        _tell_cell_sizes([rasters.grid for rasters in found], names, progress)
        _check_safety(found, names, progress)
        joint = _joint_factors([rasters.stack for rasters in found], names, factors, progress)
        yield [dataclasses.replace(rasters, stack=MatchedStack(rasters.stack, joint), scanned={}) for rasters in found]


class MatchedStack(Stack):
    """A factor stack that reads the given factors in their order, with their class codes."""

    def __init__(self, stack: Stack, factors: Sequence[StackFactor]) -> None:
        """Match factors by name and classes by label; raises :class:`FactorMissing`."""
        super().__init__(stack.dataset)
        names = [factor.name for factor in factors]
        bands = self.band_indexes(names)
        own = [self.factors[band - 1] for band in bands]
        self.factors = [dataclasses.replace(factor, band=band) for factor, band in zip(factors, bands)]
        self._bands = dict(zip(names, bands))
        specs = [FactorSpec(factor.name, factor.kind, classes=factor.classes) for factor in factors]
        self._matcher = ClassMatcher(specs, own)
        self._nameless: dict[int, list[float]] = {}  # codes that no class of this stack has, by place of the factor
        for place, (factor, mine) in enumerate(zip(factors, own)):
            if mine.classes and factor.classes:
                translated = factor.name in self._matcher.translated
                self._nameless[place] = [UNSEEN_CODE] if translated else [*set(factor.classes) - set(mine.classes)]

    def read(self, block: Block, names: Sequence[str] | None = None) -> np.ndarray:
        """Read factors; see :meth:`Stack.read`. Raises :class:`InputCorrupt` for a class without a label."""
        raw = self._matcher.apply(super().read(block))
        for place, codes in self._nameless.items():
            if codes and np.isin(raw[place], codes).any():
                raise InputCorrupt(
                    f"The factor {self.factors[place].name} of the factor stack {self.dataset.name} holds class codes "
                    "that its own class table does not name, so they cannot be matched to those of the other areas by "
                    "label. Build the stack again with scarp:buildfactorstack."
                )
        if names is None:
            return raw
        known = self.names
        return raw[[known.index(name) for name in names]]


def _joint_factors(
    stacks: Sequence[Stack], names: Sequence[str], wanted: Sequence[str] | None, progress: Progress
) -> list[StackFactor]:
    """Return the wanted factors, all of the first stack by default, with the classes of all."""
    result, first = [], stacks[0]
    for factor in first.factors if wanted is None else [_factor_of(first, names[0], name) for name in wanted]:
        classes = dict(factor.classes)
        tables = []
        for stack, name in zip(stacks[1:], names[1:]):
            found = _factor_of(stack, name, factor.name)
            check_same_factor(factor, found, f"the area {names[0]}", f"the area {name}", progress)
            tables.append(found.classes)
        highest = max([0, *classes, *(code for table in tables for code in table)])
        for table, name in zip(tables, names[1:]) if factor.kind == CATEGORICAL else ():
            if bool(table) != bool(factor.classes):
                without = names[0] if table else name
                progress.warn(
                    f"The factor {factor.name} of {without} has no class table, so its codes are taken for the same "
                    "classes in all areas. Check that they are."
                )
                continue
            for _, label in sorted(table.items()):
                known = set(classes.values())
                if label not in known and normalise_label(label) not in map(normalise_label, known):
                    highest += 1
                    classes[highest] = label
        result.append(dataclasses.replace(factor, classes=classes))
    used = [factor.name for factor in result]
    for stack, name in zip(stacks[1:], names[1:]) if wanted is None else ():
        taken = [stack.names[band - 1] for band in stack.band_indexes(used)]
        left = [other for other in stack.names if other not in taken]
        if left:
            progress.warn(f"Factors of {name} that {names[0]} lacks are not used: {join_names(left)}.")
    return result


def _factor_of(stack: Stack, area: str, name: str) -> StackFactor:
    try:
        return stack.factor(name)
    except FactorMissing as error:
        raise FactorMissing(
            f"The area {area} lacks the factor {name}. A model of several areas needs the same factors in all "
            f"of them. {error}"
        ) from error


def _tell_cell_sizes(grids: Sequence[Grid], names: Sequence[str], progress: Progress) -> None:
    sizes = [grid.cell_size() for grid in grids]
    if max(sizes) > (1 + CELL_DIFFERENCE) * min(sizes):
        listed = join_names([f"{name} {size:.4g} m" for name, size in zip(names, sizes)])
        progress.warn(
            f"The areas have cells of different sizes: {listed}. Slope, curvature and roughness depend on it, so the "
            "same value means other land. Build all stacks from DEMs of one cell size."
        )


def _check_safety(areas: Sequence[TrainingRasters], names: Sequence[str], progress: Progress) -> None:
    kinds = {rasters.safety.descriptions[0] for rasters in areas if rasters.safety is not None}
    if len(kinds) > 1:
        listed = join_names(sorted(str(kind) for kind in kinds))
        raise ParameterInvalid(
            f"The safety factors of the areas are of different kinds: {listed}. Build all of them in the same way."
        )
    without = [name for name, rasters in zip(names, areas) if rasters.safety is None]
    if kinds and without:
        progress.warn(f"There is no safety factor for {join_names(without)}: there the physics constraint is silent.")


def warn_of_overlap(
    cells: FoldedCells, areas: Sequence[TrainingRasters], names: Sequence[str], progress: Progress
) -> None:
    """Warn if sampled cells of one area lie on labelled land of another: it counts twice, and folds may share it."""
    for number, rasters in enumerate(areas):
        places = cells.places[cells.areas == number]
        for other in range(number):
            share = _labelled(areas[other], *_places_in(rasters.grid, places, areas[other].grid)) / max(len(places), 1)
            if share > 0:
                progress.warn(
                    f"The areas {names[other]} and {names[number]} overlap: {100 * share:.2g} % of the cells of "
                    f"{names[number]} are labelled in both. This land counts twice, and a fold may be tested on land "
                    "that it learned from, so its AUC may be too good. Cut one of the areas."
                )


def _places_in(grid: Grid, places: np.ndarray, other: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column on another grid of the centres of cells, as far as they lie in it."""
    t = grid.transform
    x, y = t.c + t.a * (places % grid.width + 0.5), t.f + t.e * (places // grid.width + 0.5)
    if grid.crs != other.crs:
        x, y = (np.array(values) for values in transform(grid.crs, other.crs, x, y))
    row, column, inside = other.cell_indices(np.stack([x, y], axis=1))
    return row[inside], column[inside]


def _labelled(rasters: TrainingRasters, rows: np.ndarray, columns: np.ndarray) -> int:
    found = 0
    for block in rasters.grid.blocks() if len(rows) else ():
        here, place = block.locate(rows, columns)
        if len(here):
            found += int((read_labels(rasters.labels, block)[place] != UNKNOWN).sum())
    return found


def numbers_of_areas(cells: FoldedCells, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return name, landslides, landslide cells and stable cells of each area."""
    result = []
    for number, (name, land) in enumerate(zip(names, cells.lands)):
        mine = land.held_out.subsets != NO_SUBSET
        landslide, labelled = int(land.landslide[mine].sum()), int(land.labelled[mine].sum())
        landslides = round(float(cells.shares[cells.areas == number].sum()))
        cells_of = {"landslide_cells": landslide, "stable_cells": labelled - landslide}
        result.append({"name": name, "landslides": landslides, **cells_of})
    return result
