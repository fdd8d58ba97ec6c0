"""Cross validation: the out-of-fold map, merged from one raster a fold, and the cells at which it is judged."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from rasterio.enums import Resampling

from ..artifact import TrainedModel
from ..errors import TooFewData
from ..factors.polygons import PolygonBurner
from ..grid import Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import create_raster, open_raster, read_block
from ..inputs.vectors import Landslides, Polygons
from ..labels import STABLE, UNKNOWN
from ..labels.buffers import landslide_points
from ..prediction.engines import CompactTile, ComputeSetup, make_engine
from ..prediction.ensemble import Ensemble, full_precision_fp32
from ..prediction.pipeline import compute_tiles, make_plan, write_tiles
from ..prediction.tile_inference import MEAN, TileWork
from ..prediction.tiling import Tile
from ..prediction.unet_inference import Step
from ..progress import NullProgress, Progress
from ..stack import Stack
from ..statistics import SusceptibilityHistogram, bin_index
from ..windows.mapped import RingCells
from ..windows.split import NO_SUBSET, DividedLand, Folds, read_labels
from ..windows.unused_cells import SparseCells
from ..zones.raster import values_of_cells
from .settings import FEW_LANDSLIDES, MIN_LANDSLIDES
from .verdict import Evidence

TILE_SIDE = 512  # of a tile in cells; small ones, because tiles without a cell of the fold are skipped


class FoldMask:
    """The cells of one fold, or of any, in the way of :class:`~..labels.area.AreaMask`."""

    def __init__(self, land: DividedLand, fold: int | None = None) -> None:
        self._land, self._fold = land, fold

    def may_intersect(self, block: Block) -> bool:
        """Whether a cell of the block is in the fold."""
        return bool(self.read(block).any())

    def read(self, block: Block) -> np.ndarray:
        """Return whether each cell is in the fold, bool, shape (block.height, block.width)."""
        groups = self._land.cell_groups(block.row, block.column, block.height, block.width)
        return groups != NO_SUBSET if self._fold is None else groups == self._fold


class _CellwiseEnsemble(Ensemble):
    """Writes every cell, also for models with one value a patch: the borders of the folds cut through patches."""

    patch = 1


def predict_fold(
    stack: Stack, model: TrainedModel, folds: DividedLand, fold: int, output: str | os.PathLike, progress: Progress
) -> None:
    """Predict the cells of one fold, every other cell being nodata. ``model``: trained without the fold."""
    # The model was trained on this very stack, so there are no differences to warn of.
    ensemble = _CellwiseEnsemble(stack, [model], [f"fold {fold + 1}"], 0, NullProgress())
    setup = ComputeSetup(model.device, [model.dtype], ensemble.engines(model.device, [model.dtype]))
    plan = make_plan(stack.grid, ensemble, setup, TILE_SIDE)
    work = TileWork(ensemble, setup, plan.tiling, FoldMask(folds, fold), [MEAN], progress)
    with (
        full_precision_fp32(model.device),
        create_raster(output, stack.grid, "float32", np.nan, ["landslide susceptibility"], overviews=None) as raster,
        contextlib.closing(compute_tiles(stack, work, plan, progress)) as tiles,
    ):
        write_tiles(tiles, {MEAN: raster}, work, stack.grid)


class _OneModelForEach(_CellwiseEnsemble):
    """A model of all land as several networks of the same shape, each for cells that it did not see."""

    def __init__(self, stack: Stack, model: TrainedModel, networks: Sequence[Any]) -> None:
        # Of land that trained the model nobody asks how much it is like the training land.
        model = dataclasses.replace(model, applicability=None)
        super().__init__(stack, [model], ["of all land"], 0, NullProgress())
        self._of_folds = [dataclasses.replace(model, network=network) for network in networks]

    def setup(self, device: torch.device, dtype: torch.dtype) -> ComputeSetup:
        """Prepare the network of each fold."""
        engines = [make_engine(one, self._tables[0], device, dtype) for one in self._of_folds]
        return ComputeSetup(device, [dtype], engines)


class _WorkByFold(TileWork):
    """Computes the part of a tile in each fold with the engine of that fold: each cell once, whatever their number."""

    def __init__(self, land: DividedLand, *given: Any) -> None:
        super().__init__(*given)
        self._land = land

    def _predict_piece(
        self, setup: ComputeSetup, tile: Tile, piece: Tile, tiles: list[CompactTile], step: Step
    ) -> tuple[np.ndarray, np.ndarray | None]:
        core, align = piece.core, self.tiling.align
        mean = np.full((core.height, core.width), np.nan, dtype=np.float32)
        for fold, part in self._land.rectangles(core):
            top, left = part.row // align * align, part.column // align * align
            aligned = Block(top, left, part.row + part.height - top, part.column + part.width - left)
            of_fold = dataclasses.replace(setup, engines=[setup.engines[fold]])
            values, _ = super()._predict_piece(of_fold, tile, self.tiling.around(aligned), tiles, step)
            row, column = part.row - core.row, part.column - core.column
            inner = values[part.row - top :, part.column - left :]
            mean[row : row + part.height, column : column + part.width] = inner
        return mean, None


def predict_every_fold(
    stack: Stack,
    model: TrainedModel,
    networks: Sequence[Any],
    land: DividedLand,
    output: str | os.PathLike,
    band: str,
    tags: Mapping[str, str],
    evidence: Evidence,
    progress: Progress,
) -> None:
    """Write the out-of-fold map of a model: each cell by the network of the fold that holds it out.

    Cells that no fold holds out are nodata. It takes as long as one map.

    Args:
        model: of all land, on the device to use; factors, encoding and calibration of the networks are its own.
        networks: of each fold.
        land: the fold of each cell.
        band: description of the band.
        tags: metadata of the map, to which the evidence is added, with the range of the map's values.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    ensemble = _OneModelForEach(stack, model, networks)
    setup = ensemble.setup(model.device, model.dtype)
    plan = make_plan(stack.grid, ensemble, setup)
    work = _WorkByFold(land, ensemble, setup, plan.tiling, FoldMask(land), [MEAN], progress)
    with (
        full_precision_fp32(model.device),
        create_raster(output, stack.grid, "float32", np.nan, [band], tags=tags) as raster,
        contextlib.closing(compute_tiles(stack, work, plan, progress)) as tiles,
    ):
        totals = write_tiles(tiles, {MEAN: raster}, work, stack.grid)
        low, high = totals.histogram.values_at([0.05, 0.95])
        raster.update_tags(**dataclasses.replace(evidence, low_value=low, high_value=high).tags())


def merge_folds(
    maps: Mapping[int, Path], folds: DividedLand, grid: Grid, output: Path, tags: dict[str, str], progress: Progress
) -> None:
    """Put the maps of all folds together: each cell from the model that did not see its block."""
    with contextlib.ExitStack() as opened:
        sources = {fold: opened.enter_context(open_raster(path, "fold")) for fold, path in maps.items()}
        band = ["out-of-fold relative landslide susceptibility"]
        options = {"tags": tags, "overviews": Resampling.average}
        target = opened.enter_context(create_raster(output, grid, "float32", np.nan, band, **options))
        for block in grid.blocks_with_progress(progress):
            result = np.full(block.shape, np.nan, dtype=np.float32)
            fold_of = folds.cell_groups(block.row, block.column, block.height, block.width)
            for fold in np.unique(fold_of[fold_of != NO_SUBSET]):
                mine = fold_of == fold
                result[mine] = read_block(sources[int(fold)], block)[mine]
            target.write(result, 1, window=block.window)


LAND_CELLS, MOST_LAND_CELLS = 20_000, 400_000
"""Cells of other land drawn evenly over the map, for each fold and in all; at least five times the first. With so many
the luck of the draw is below 0.002 in each fold of up to twenty."""
STABLE_CELLS = 20_000  # the same of the cells that the labels call stable
IS_LAND, IS_LANDSLIDE, IS_STABLE = range(3)


def folds_of_cells(folds: Folds, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the fold of each of some cells of the grid, uint8 (cells,)."""
    return folds.subsets[rows // folds.blocks.rows, columns // folds.blocks.columns]


@dataclass(frozen=True)
class EvaluationSample:
    """Cells at which maps are judged; the same for every map of an area."""

    rows: np.ndarray
    columns: np.ndarray
    kind: np.ndarray  # ``IS_LAND``, ``IS_LANDSLIDE`` or ``IS_STABLE``, uint8
    shares_above: np.ndarray  # share of the mapped area that is more susceptible than each landslide

    def indices(self, kind: int) -> np.ndarray:
        """Return the indices of the cells of a kind."""
        return np.flatnonzero(self.kind == kind)


def landslide_cells(
    grid: Grid, landslides: Landslides, progress: Progress, chosen: np.ndarray | None = None
) -> np.ndarray:
    """Return the landslides' cells, each once: row × width + column, increasing; of a polygon one cell.

    ``chosen``: which landslides count, bool; a cell that holds another one does not. Raises ``TooFewData`` if no
    landslide or only one lies on the grid.
    """
    rows, columns, inside = grid.cell_indices(landslide_points(landslides))
    every = rows * grid.width + columns
    counted = inside if chosen is None else inside & chosen
    cells = np.setdiff1d(every[counted], every[inside & ~counted])
    what = f'landslides of the layer "{landslides.name}"' if chosen is None else "landslides for the test"
    if not len(cells) and chosen is not None:
        raise TooFewData(f"None of the {what} lies on the factor stack in a cell where no earlier one lies.")
    if not len(cells):
        raise TooFewData(
            f'No landslide of the layer "{landslides.name}" lies on the factor stack. Check the CRS of '
            "both, or choose the inventory of this area."
        )
    if len(cells) < MIN_LANDSLIDES:
        raise TooFewData(
            f"The {what} lie in one cell of the factor stack, so nothing can be evaluated with them. Give a larger "
            "inventory as LANDSLIDES."
        )
    if len(cells) < FEW_LANDSLIDES:
        progress.warn(
            f"The {what} lie in {len(cells)} cells only; below {FEW_LANDSLIDES} the AUC is rough, and that of single "
            "folds says little."
        )
    return cells


class MappedLand:
    """Where landslides were looked for: labelled land and the ring around landslides, but not land outside AREA."""

    def __init__(self, labels: rasterio.DatasetReader, grid: Grid, landslides: Landslides, ring: float) -> None:
        """``ring``: of the labels, see :class:`RingCells`."""
        self._labels, self._ring = labels, RingCells(labels, grid, ring)
        row, column, inside = grid.cell_indices(landslide_points(landslides))
        self._points = row[inside], column[inside]
        polygons = getattr(landslides, "polygons", landslides)
        self._polygons = PolygonBurner(polygons, grid) if isinstance(polygons, Polygons) else None

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return whether each cell is mapped, whether it holds a landslide (both bool), and its label."""
        labels = read_labels(self._labels, block)
        mapped, slide = (labels != UNKNOWN) | self._ring.read(block), np.zeros(block.shape, dtype=bool)
        if self._polygons is not None and len(near := self._polygons.intersecting(block)):
            slide |= self._polygons.covers(block, near)
        slide[block.locate(*self._points)[1]] = True
        return mapped, slide, labels


def draw_sample(
    susceptibility: Path,
    labels: str | os.PathLike,
    landslides: Landslides,
    cells: np.ndarray,
    ring: float,
    folds: int,
    seed: int,
    progress: Progress,
    strangers: SparseCells | None = None,
) -> EvaluationSample:
    """Return the cells at which a map is judged: those of landslides, of other mapped land, and of stable land, each
    with a value in the map. Land is drawn with a chance proportional to the true area of a cell.

    Args:
        susceptibility: the map; that of another split of the same area has values in the same cells.
        labels: label raster.
        landslides: the inventory; no cell that holds one is other land.
        cells: of the landslides that count, from :func:`landslide_cells`.
        ring: metres around landslide cells, for labels that do not tell their ring.
        folds: number of them, for the number of cells.
        seed: of the draw.
        progress: of one pass over the map.
        strangers: cells that are not judged, landslides or not, because a model that knows a landslide there predicted
            them; see :attr:`~..windows.split.Folds.strangers`.

    Raises ``TooFewData`` if there is no landslide, or no other land, where the map has a value.
    """
    # A random number for each cell, of which the smallest are kept: one walk, bounded memory. Exponential clocks with
    # rates proportional to area ring in the order of a draw with such chances.
    generator = np.random.default_rng([seed, 7])
    if strangers is not None:
        every, cells = len(cells), np.setdiff1d(cells, strangers.flat)
        if len(cells) < every:
            where = "their cell belongs to a landslide in another fold as well"
            progress.report(0.0, f"{every - len(cells):,} landslides are not judged: {where}.")
    land, stable = _Draw(min(LAND_CELLS * max(folds, 5), MOST_LAND_CELLS)), _Draw(STABLE_CELLS)
    ranking, found = SusceptibilityHistogram(), np.full(len(cells), np.nan, dtype=np.float32)
    with open_raster(susceptibility, "susceptibility") as raster, open_band(labels, "label", NullProgress()) as given:
        grid = Grid.from_dataset(raster, "susceptibility")
        mapped_land = MappedLand(given, grid, landslides, ring)
        for block in grid.blocks_with_progress(progress):
            values = read_block(raster, block)
            mapped, slide, label = mapped_land.read(block)
            if strangers is not None:
                mapped &= ~strangers.mask(block)
            here, place = block.locate(cells // grid.width, cells % grid.width)
            found[here] = values[place]
            area = np.broadcast_to(grid.cell_area(block.row, block.height)[:, None], values.shape)
            valid = np.isfinite(values)
            mapped &= valid
            ranking.add(bin_index(values[mapped]), area[mapped])
            for draw, some in ((land, mapped & ~slide), (stable, valid & ~slide & (label == STABLE))):
                row, column = np.nonzero(some)
                clocks = generator.exponential(size=len(row)) / area[row, column]
                draw.add((row + block.row) * np.int64(grid.width) + column + block.column, clocks)
    known = np.isfinite(found)
    if not known.any() or not len(land.cells):
        raise TooFewData("No landslide, or no other land, lies where the map has a value, so it cannot be evaluated.")
    parts = {IS_LANDSLIDE: cells[known], IS_LAND: land.cells, IS_STABLE: stable.cells}
    every = np.concatenate(list(parts.values()))
    kind = np.repeat(np.array(list(parts), dtype=np.uint8), [len(part) for part in parts.values()])
    return EvaluationSample(every // grid.width, every % grid.width, kind, ranking.share_above(found[known]))


class _Draw:
    """The cells with the smallest clocks."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.cells, self._clocks = np.empty(0, dtype=np.int64), np.empty(0)

    def add(self, cells: np.ndarray, clocks: np.ndarray) -> None:
        self.cells, self._clocks = np.concatenate([self.cells, cells]), np.concatenate([self._clocks, clocks])
        if len(self.cells) > self._number:
            first = np.argpartition(self._clocks, self._number)[: self._number]
            self.cells, self._clocks = self.cells[first], self._clocks[first]


def sample_raster(path: str | os.PathLike, sample: EvaluationSample, progress: Progress) -> np.ndarray:
    """Return the value of a raster at each cell of a sample, float32, NaN where it has none."""
    with open_raster(path, "susceptibility") as dataset:
        grid = Grid.from_dataset(dataset, "susceptibility")
        return values_of_cells(dataset, grid, sample.rows, sample.columns, progress)


def sample_factor(stack: Stack, name: str, sample: EvaluationSample, progress: Progress) -> np.ndarray:
    """Return a factor of a stack at each cell of a sample, float32, NaN without data."""
    result = np.full(len(sample.rows), np.nan, dtype=np.float32)
    for block in stack.grid.blocks_with_progress(progress):
        here, cell = block.locate(sample.rows, sample.columns)
        if len(here):
            result[here] = stack.read(block, [name])[0][cell]
    return result
