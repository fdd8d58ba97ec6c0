"""Settings that follow from the data: one that is ``None`` gets its value here, once, before the work.

On the same inputs and with the same seed the values are the same, so a repeated run computes them again. What was
chosen stands in the log, in the run record, in the model file and in the report.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ParameterInvalid, TooFewData
from ..grid import Grid
from ..labels.discs import read_discs
from ..options import NONE, parameter_name
from ..progress import NullProgress, Progress, SubProgress, stop_if_cancelled
from ..safety.kinds import CRITICAL, FACTOR_OF_SAFETY
from ..windows.collection import MIN_SIDE
from ..windows.folded_cells import FEW_FOLDS, FEW_LANDSLIDES, FOLDS
from ..windows.ownership import cells_of_no_disc, touching_patches
from ..windows.split import SUBSETS, Blocks, TrainingRasters, scan_land
from .settings import CROSS_FITTED, PATCH_KINDS, PCUM, STABILITY, TrainingSettings, format_value, learns_from_cells

BLOCKS_PER_FOLD = 8
BLOCK_CELLS = 10  # cells along the least side of a block, where landslides do not ask for a smaller one
MAX_BLOCK = 5000.0  # metres along the side of a block; where cells are coarse, three windows
LEAST_BLOCK_CELLS = 3
WINDOW_CELLS = 26  # 750 m on cells of 28.6 m
WINDOWS_PER_BLOCK = 3
_SHRINK = 0.8  # from one side of a block that is tried to the next


@dataclass(frozen=True)
class Layout:
    """Where the labelled land and the landslides of a training lie, as far as settings follow from it."""

    grid: Grid
    rows: np.ndarray  # of one cell of each landslide: that of its point, or the first of its patch; int64
    columns: np.ndarray
    labelled: int  # labelled cells with data in every factor
    radius: float  # largest label radius in metres, 0 where the labels tell none
    ring: float  # metres from the landslide, as ``radius``
    others: tuple[Layout, ...] = ()  # of more areas of the training; the fields above are those of the first

    @classmethod
    def of_areas(cls, areas: Sequence[TrainingRasters], seed: int, progress: Progress) -> Layout:
        """Scan one or more areas. Radius and ring are those of the area that has the largest."""
        parts = [
            cls.scan(rasters, seed, SubProgress(progress, number / len(areas), (number + 1) / len(areas)))
            for number, rasters in enumerate(areas)
        ]
        largest = {name: max(getattr(part, name) for part in parts) for name in ("radius", "ring")}
        return dataclasses.replace(parts[0], others=tuple(parts[1:]), **largest)

    @classmethod
    def scan(cls, rasters: TrainingRasters, seed: int, progress: Progress) -> Layout:
        """Read labels and stack; raises as :func:`~..windows.split.scan_labels`, which needs no other scan then."""
        grid, labels = rasters.grid, rasters.labels
        found = scan_land(rasters, seed, SubProgress(progress, 0.0, 0.8))
        cells = np.sort(found.cells[:, 0] * np.int64(grid.width) + found.cells[:, 1])
        discs = read_discs(labels, grid)
        loose, places = cells, np.empty(0, dtype=np.int64)
        if discs is not None and len(discs):
            inside = (discs.row >= 0) & (discs.row < grid.height) & (discs.column >= 0) & (discs.column < grid.width)
            row, column = (np.floor(index[inside]).astype(np.int64) for index in (discs.row, discs.column))
            places = row * grid.width + column
            places = places[np.isin(places, cells)]
            loose = np.intersect1d(cells_of_no_disc(labels, grid, discs, SubProgress(progress, 0.8, 1.0)), cells)
        if len(loose):
            first = np.unique(touching_patches(loose, grid)[1], return_index=True)[1]
            places = np.concatenate([places, loose[first]])
        if not len(places):
            # The points of all landslides lie where a factor has no data.
            places = cells[:1]
        radius, ring = (0.0, 0.0) if discs is None else (discs.largest, discs.ring)
        return cls(grid, places // grid.width, places % grid.width, found.labelled, radius, ring)

    def __len__(self) -> int:
        return len(self.rows) + sum(map(len, self.others))

    @property
    def cell_size(self) -> float:
        """Side of a cell in metres, of several areas the longest."""
        return max(part.grid.cell_size() for part in (self, *self.others))

    def holding(self, side: float, margin: float = 0.0) -> int:
        """Return how many blocks with a side of so many metres hold a landslide, ``margin`` metres inside them."""
        return self._holding(side, margin) + sum(other.holding(side, margin) for other in self.others)

    def _holding(self, side: float, margin: float) -> int:
        blocks, size = Blocks.for_grid(self.grid, side), self.grid.cell_size()
        down, across = self.rows // blocks.rows, self.columns // blocks.columns
        far = min(math.floor(margin / size), (min(blocks.rows, blocks.columns) - 1) // 2)
        inside = np.ones(len(self.rows), dtype=bool)
        for place, length in ((self.rows, blocks.rows), (self.columns, blocks.columns)):
            inside &= (place % length >= far) & (place % length < length - far)
        return len(np.unique((down * np.int64(blocks.shape[1]) + across)[inside]))

    def block(self, needed: int, least: float, progress: Progress) -> float:
        """Return the side of a block in metres.

        It gives each fold about eight blocks of labelled land; it is between ten cells, or twice the label radius,
        and 5 km; and smaller where fewer than two blocks a fold would hold landslides.

        Args:
            needed: blocks with landslides without which the work cannot start; of more than three, such as folds that
                the user wants, twice as many where there are.
            least: metres, such as that of a window.

        Raises ``TooFewData`` if no block is small enough for as many as are needed to hold landslides.
        """
        size, folds = self.cell_size, max(self.folds, needed if needed > FEW_FOLDS else 0)
        needed = min(needed, FEW_FOLDS)
        floor = max(BLOCK_CELLS * size, 2 * self.radius, least)
        most = max(MAX_BLOCK, WINDOWS_PER_BLOCK * WINDOW_CELLS * size)
        land = sum(part.labelled * part.grid.cell_size() ** 2 for part in (self, *self.others))
        side = max(min(math.sqrt(land / (BLOCKS_PER_FOLD * folds)), most), floor)
        lowest = max(LEAST_BLOCK_CELLS * size, self.radius, least)
        while self.holding(_rounded(side)) < (2 * folds if side > floor else needed):
            stop_if_cancelled(progress)
            if side <= lowest:
                holding = self.holding(side)
                blocks = f"{'one block' if holding == 1 else f'{holding} blocks'} of {side:.3g} m"
                hold = "holds" if holding == 1 else "hold"
                raise TooFewData(
                    f"The {len(self):,} landslides with data lie so close together that only {blocks} {hold} any, but "
                    f"{needed} are needed to learn from some "
                    "and to test on others. Use an inventory with more landslides, or of a larger area."
                )
            side = max(_SHRINK * side, floor if side > floor else lowest)
        return _rounded(side)

    @property
    def folds(self) -> int:
        """Folds that as many landslides allow."""
        return FOLDS if len(self) >= FEW_LANDSLIDES else FEW_FOLDS

    def buffer(self, side: float) -> float:
        """Return the buffer around land for test, in metres, between blocks with a side of so many.

        It is the label radius, else the ring, and at most a quarter of a block; and smaller where blocks would lose all
        their landslides to it.
        """
        buffer = min(self.radius or self.ring, side / 4)
        wanted = min(2 * self.folds, self.holding(side))
        while buffer >= self.cell_size / 2 and self.holding(side, buffer) < wanted:
            buffer /= 2
        return float(f"{buffer:.3g}") if buffer >= self.cell_size / 2 else 0.0

    def window(self, block: float | None, depth: int) -> float:
        """Return the side of a training window in metres, on blocks with a side of so many metres."""
        cells, size = min(WINDOW_CELLS, min(self.grid.shape) // 2), self.grid.cell_size()
        if block is not None:
            cells = min(cells, int(block / size) // WINDOWS_PER_BLOCK)
        cells = max(cells, MIN_SIDE, 2**depth)
        most = max(self.grid.shape) if block is None else int(block / size)
        return float(f"{max(min(cells, most), MIN_SIDE) * size:.4g}")


def complete(
    settings: TrainingSettings, kind: str, areas: Sequence[TrainingRasters], progress: Progress, held_out: int = 0
) -> TrainingSettings:
    """Return settings in which BLOCK, BUFFER, WINDOW and FS_CRITICAL have a value where they are used, and tell it.

    Several areas are for training on single cells. WEIGHT_LANDSLIDE follows from the windows, see
    :func:`with_class_weight`. ``held_out`` is the number of folds of a cross validation, at least three; its blocks are
    divided whatever SPLIT says. Raises ``TooFewData`` if the landslides lie in one place, or as
    :func:`~..windows.split.scan_labels`.
    """
    settings = _with_critical(settings, kind, areas, progress)
    spatial, on_cells = bool(held_out) or settings.split != "random", learns_from_cells(kind, settings)
    wanted = {"block": spatial, "buffer": spatial, "window": not on_cells}
    missing = [name for name, used in wanted.items() if used and getattr(settings, name) is None]
    if not missing:
        return settings
    layout, found = Layout.of_areas(areas, settings.seed, progress), dict(vars(settings))
    if "block" in missing:
        needed = held_out or (2 if settings.method == CROSS_FITTED else len(SUBSETS))
        least = 0.0 if on_cells else MIN_SIDE * layout.grid.cell_size()
        if not on_cells and settings.window is not None:
            least = settings.window if kind in PATCH_KINDS else 2 * settings.window
        found["block"] = layout.block(needed, least, progress)
        holding = layout.holding(found["block"])
        text = f"{found['block']:g} m; {holding:,} blocks hold the {len(layout):,} landslides"
        progress.report(1.0, f"BLOCK is automatic: {text}.")
    if "window" in missing:
        found["window"] = layout.window(found["block"] if spatial else None, settings.depth)
        cells = round(found["window"] / layout.grid.cell_size())
        progress.report(1.0, f"WINDOW is automatic: {found['window']:g} m, which is {cells} cells.")
    if "buffer" in missing:
        found["buffer"] = layout.buffer(found["block"])
        progress.report(1.0, f"BUFFER is automatic: {found['buffer']:g} m.")
    return dataclasses.replace(settings, **{name: found[name] for name in missing})


def _with_critical(
    settings: TrainingSettings, kind: str, areas: Sequence[TrainingRasters], progress: Progress
) -> TrainingSettings:
    safety = [rasters.safety for rasters in areas if rasters.safety is not None]
    stability = settings.physics == STABILITY
    unused = kind != PCUM or settings.physics == NONE or not (safety or stability)
    if settings.fs_critical is not None or unused:
        return settings
    found, why = settings.critical, "as for a rain index"
    if stability:
        found, why = CRITICAL[FACTOR_OF_SAFETY], "as for a factor of safety"
    elif safety[0].descriptions[0] == FACTOR_OF_SAFETY:
        found, why = CRITICAL[FACTOR_OF_SAFETY], "because SAFETY_FACTOR is a factor of safety"
    progress.report(0.0, f"FS_CRITICAL is automatic: {found:g}, {why}.")
    return dataclasses.replace(settings, fs_critical=found)


def with_class_weight(
    settings: TrainingSettings, stable: float, landslide: float, progress: Progress
) -> TrainingSettings:
    """Replace an automatic weight of landslide cells by one that balances so many stable and landslide cells."""
    if settings.weight_landslide:
        return settings
    _, highest = TrainingSettings.option("weight_landslide").limits or (0.0, math.inf)
    weight = min(float(f"{settings.weight_stable * stable / landslide:.3g}"), highest)
    progress.report(1.0, f"WEIGHT_LANDSLIDE is automatic: {weight:g}, which balances landslide and stable cells.")
    return dataclasses.replace(settings, weight_landslide=weight)


def number_of_folds(landslide: np.ndarray) -> int:
    """Return the folds of a cross validation, from the landslide cells of each block: five, or as many as hold some.

    Each must leave a block with landslides to train on and one to validate on, which three folds do.
    """
    return max(min(FOLDS, int((landslide > 0).sum())), FEW_FOLDS)


@contextlib.contextmanager
def advice(
    settings: TrainingSettings, kind: str, areas: Sequence[TrainingRasters], held_out: int = 0
) -> Iterator[None]:
    """Add to an error about BLOCK, WINDOW or BUFFER that the user gave which value would do."""
    try:
        yield
    except (TooFewData, ParameterInvalid) as error:
        names = [name for name in ("block", "window", "buffer") if getattr(settings, name) is not None]
        named = [name for name in names if parameter_name(name) in str(error)]
        nothing: dict[str, Any] = dict.fromkeys(names)
        try:
            free = dataclasses.replace(settings, **nothing) if named else settings
            found = complete(free, kind, areas, NullProgress(), held_out)
        except TooFewData:
            raise error from None
        better: Mapping[str, Any] = {
            parameter_name(name): getattr(found, name)
            for name in named
            if getattr(found, name) not in (None, getattr(settings, name))
        }
        if not better:
            raise
        values = " and ".join(f"{name}={format_value(value)}" for name, value in better.items())
        raise type(error)(f"{error} Here {values} would do; left empty, it is chosen so.") from error


def _rounded(side: float) -> float:
    """Return the next larger number with three digits."""
    step = 10.0 ** (math.floor(math.log10(side)) - 2)
    return float(f"{math.ceil(side / step - 1e-6) * step:.6g}")
