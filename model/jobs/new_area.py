"""A map beside the rules of a textbook, as a prediction makes it: log, report and raster of differences."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ..artifact import TrainedModel
from ..comparison.rank_sample import MAP, RankComparison, RankSample
from ..comparison.textbook_baselines import PHYSICS, SLOPE, Baselines
from ..errors import NoOverlap
from ..factors.polygons import AreaMask
from ..grid import Block
from ..inputs.rasters import create_raster, open_raster, read_block
from ..prediction.tile_inference import MEAN, TileResult
from ..prediction.tiling import Tile
from ..progress import Progress
from ..provenance.training_area import NEW, TrainingArea, nearest, training_area
from ..stack import Stack
from ..texts import join_names

LOG_CELLS, REPORT_CELLS = 20_000, 250_000  # of the sample; the second are a picture of 500 × 500 as well
TRIALS = (
    "In trials (docs/benchmarks.md, Transfer) maps of models had a lower AUC than slope alone in 12 of 22 transfers to "
    "other mountains, and in 2 of 22 with PHYSICS=stability and the new land as TARGET. It was higher on all of 6 "
    "halves of an area whose other half had trained the model."
)


@dataclass
class TextbookComparison:
    """Compares a map with slope alone and a factor of safety while it is made."""

    stack: Stack
    models: Sequence[TrainedModel]
    names: Sequence[str]  # of the models' files
    safety: rasterio.DatasetReader | None
    sample: RankSample
    wanted: bool  # for a report or a raster, whatever the land
    baselines: Baselines = field(default_factory=Baselines)
    areas: list[TrainingArea] = field(default_factory=list)  # one a model
    comparison: RankComparison | None = None

    @classmethod
    def begin(
        cls,
        stack: Stack,
        models: Sequence[TrainedModel],
        names: Sequence[str],
        safety: rasterio.DatasetReader | None,
        mask: AreaMask,
        wanted: bool,
    ) -> TextbookComparison:
        """Choose the cells that are compared."""
        sample = RankSample(stack.grid, mask.extent(), REPORT_CELLS if wanted else LOG_CELLS)
        return cls(stack, models, names, safety, sample, wanted)

    def watch(self, tiles: Iterable[tuple[Tile, TileResult]], patch: int) -> Iterator[tuple[Tile, TileResult]]:
        """Yield the tiles of the map and keep the values of the sampled cells."""
        for tile, done in tiles:
            self.sample.add(tile.core, done.arrays[MEAN], patch)
            yield tile, done

    @property
    def area(self) -> TrainingArea:
        """The relation of the land to that of the nearest training."""
        return nearest(self.areas)

    def compare(self, stack_hash: str, progress: Progress) -> None:
        """Compare the orders and report them, for land that is new to a model or if more is wanted.

        Raises ``NoOverlap`` if a safety factor was given and has no data on the map.
        """
        self.areas = [training_area(model.training, self.stack.grid, stack_hash) for model in self.models]
        if not (self.wanted or self.area.is_new):
            return
        self.baselines = Baselines.of(self.stack, self.safety)
        scores = self.sample.scores(self.baselines.found, progress)
        self._require_data(scores)
        if self.area.is_new:
            progress.report(1.0, self.area.text)
        if scores:
            self.comparison = RankComparison.of(self.sample, scores)
        if self.comparison is None:
            for text in self.baselines.missing if self.area.is_new else ():
                progress.report(1.0, text)
            return
        parts = [f"{one.title.lower()} {self.comparison.with_map(one.key):.2f}" for one in self.baselines.found]
        cells = f"{len(self.comparison.cells):,} cells"
        progress.report(1.0, f"Rank correlation of the map with rules of a textbook, in {cells}: {', '.join(parts)}.")
        if not self.area.is_new:
            return
        against = "The map ranks the land against its slope. " if self.is_against_slope else ""
        if self.area.relation == NEW:
            progress.warn(f"No landslide tells how good the map is on this new land. {against}{TRIALS}")
        else:
            progress.report(1.0, f"{against}{TRIALS}")

    @property
    def is_against_slope(self) -> bool:
        """Whether steeper land is rather less susceptible on the map."""
        found = self.comparison
        return found is not None and SLOPE in found.values and found.with_map(SLOPE) < 0

    def _require_data(self, scores: Mapping[str, np.ndarray]) -> None:
        if self.safety is not None and not np.isfinite(scores[PHYSICS]).any():
            raise NoOverlap("SAFETY_FACTOR has no data where the map has. Give the factor of safety of this area.")

    def summary(self) -> dict[str, Any]:
        """Return what the run record and the summary tell."""
        if not self.areas:
            return {}
        found: dict[str, Any] = {"land": self.area.relation}
        if self.comparison is not None:
            found["cells"] = len(self.comparison.cells)
            found["rank_correlation"] = {one.key: self.comparison.with_map(one.key) for one in self.baselines.found}
        return found

    def origin(self) -> list[str]:
        """Return where each model comes from, in complete sentences."""
        if len(self.areas) == 1:
            return [self.areas[0].text]
        return [f"{name}: {area.text}" for name, area in zip(self.names, self.areas)]

    def advice(self) -> list[str]:
        """Return what follows for the use of the map, in complete sentences."""
        if not self.area.is_new:
            return []
        if not self.is_against_slope:
            return [TRIALS]
        return [
            "The map ranks the land against its slope. Only landslides of this land tell whether it is right.",
            TRIALS,
        ]

    def write_disagreement(
        self, susceptibility: str | os.PathLike, output: str | os.PathLike, patch: int, progress: Progress
    ) -> None:
        """Write by how much the area rank of each cell on the map exceeds that by each of the rules, one band a rule.

        Float32, −1 to 1, NaN nodata, on the grid of the stack. Raises ``NoOverlap`` if there is nothing to compare.
        """
        found, grid = self.comparison, self.stack.grid
        if found is None:
            reasons = " ".join(self.baselines.missing) or "Too few cells have data on the map and in the rules."
            raise NoOverlap(f"OUTPUT_DISAGREEMENT cannot be made. {reasons} Leave it empty.")
        rules = self.baselines.found
        bands = [f"area rank on the map less that by {one.title.lower()}" for one in rules]
        tags = {"MEANING": join_names(bands)}
        with (
            open_raster(susceptibility, "susceptibility") as dataset,
            create_raster(output, grid, "float32", np.nan, bands, tags=tags, overviews=Resampling.average) as target,
        ):
            for block in grid.blocks_with_progress(progress):
                of_map = found.ranks[MAP].rank(_fine(dataset, block, patch))
                for band, one in enumerate(rules, 1):
                    score = one.scores(block, grid)
                    target.write(
                        (of_map - found.ranks[one.key].rank(score)).astype(np.float32), band, window=block.window
                    )


def _fine(dataset: rasterio.DatasetReader, block: Block, patch: int) -> np.ndarray:
    """Return the cells of a block of the stack from a map with one value a patch."""
    row, column = block.row // patch, block.column // patch
    last_row, last_column = -(-(block.row + block.height) // patch), -(-(block.column + block.width) // patch)
    coarse = read_block(dataset, Block(row, column, last_row - row, last_column - column))
    if patch == 1:
        return coarse
    fine = coarse.repeat(patch, axis=0).repeat(patch, axis=1)
    top, left = block.row - row * patch, block.column - column * patch
    return fine[top : top + block.height, left : left + block.width]
