"""What each factor adds to the susceptibility of a cell, against typical land of the area.

Shapley values (1953) with the factors as players, sampled as Štrumbelj and Kononenko (2014) do: from land that has the
same typical values everywhere, to the real land, factor after factor in some order. What the logit of a cell gains when
a factor comes, counts for that factor, wherever its values lie that the network looks at; so a cell's contributions
explain the cell's own susceptibility. Averaged over several typical lands and orders, each order also backwards. In
every single order the gains sum to the logit − the logit of the typical land, so the contributions do so to rounding,
with any number of orders.

Why not integrated gradients (Sundararajan, Taly and Yan 2017), of which these are the form without derivatives? Trees
and tables have no gradient. A network's gradients are of one number a pass: of the sum over all cells they tell what
a cell's values do to its neighbours, and of each cell for itself they took sixty times a prediction on a processor. And
from the one land that is average in everything, a factor with a best value in the middle seems to lower the
susceptibility wherever it is: on the demo, rain then raised it in hardly a cell that it led. Captum would bring the
gradients and no more.
The factor that leads in each cell: the one that adds or takes most.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
import torch
from rasterio.enums import Resampling

from ..errors import TooFewData
from ..factors.polygons import AreaMask
from ..grid import Grid
from ..inputs.rasters import create_raster
from ..memory import retain_freed_memory
from ..prediction.tiling import Tile, Tiling
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..zones.raster import ClassRow, write_class_attributes
from .explained_model import ExplainedModel
from .response import weighted_quantile
from .sample import Cells, Tiles


class BaselineInputs:
    """Lands without texture, whose values are spread evenly over the area's, and the orders in which factors come."""

    def __init__(self, subject: ExplainedModel, cells: Cells, count: int, seed: int) -> None:
        """Draw them.

        Each factor takes the middles of ``count`` equal parts of its distribution, shuffled (Latin hypercube; McKay,
        Beckman and Conover 1979), so that a few stand for the whole range of each.

        Args:
            subject: the model.
            cells: of the area.
            count: of lands.
            seed: of all draws.
        """
        generator = np.random.default_rng([seed, 25])
        levels = [(number + 0.5) / count for number in range(count)]
        values = np.stack(
            [generator.permutation(weighted_quantile(plane, cells.weights, levels)) for plane in cells.values]
        ).astype(np.float32)
        self.images = subject.model.encoder.encode(values[:, None])[0][:, 0].T.copy()
        """Encoded, float32 (lands, channels)."""
        self.orders = np.stack([generator.permutation(len(values)) for _ in range(count)])
        """Order of the factors for each land, int64 (lands, factors)."""

    def __len__(self) -> int:
        return len(self.images)


def contributions(
    subject: ExplainedModel, raw: np.ndarray, baselines: BaselineInputs, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each factor adds to the logit of each cell.

    Args:
        subject: the model.
        raw: factors of a tile, its halo included, (factors, height, width), NaN without data; sizes are multiples of
            ``align``.
        lands: to compare with.
        progress: 0 to 1 over the lands.

    Returns:
        float32 (factors, height, width), NaN without data, and what they sum to: logit − mean logit of the typical
        lands, (height, width). A typical land lacks data where the real one does.
    """
    image, valid = subject.model.encoder.encode(raw)
    device = subject.model.device
    encoded, has_data = torch.from_numpy(image).to(device), torch.from_numpy(valid).to(device)
    channels = [
        torch.from_numpy(np.flatnonzero(subject.factor_of_channel == factor)).to(device)
        for factor in range(len(subject.factors))
    ]
    result = torch.zeros((len(channels), *valid.shape), dtype=torch.float32, device=device)
    end, started = (
        subject.landslide_logit(encoded[None])[0],
        torch.zeros(valid.shape, dtype=torch.float32, device=device),
    )
    for number, (typical, order) in enumerate(zip(baselines.images, baselines.orders.tolist())):
        start = torch.from_numpy(typical).to(device)[:, None, None] * has_data
        first = subject.landslide_logit(start[None])[0]
        started += first
        paths, last = torch.stack([start, start]), torch.stack([first, first])
        for place, pair in enumerate(zip(order, order[::-1])):
            stop_if_cancelled(progress)
            for one, factor in enumerate(pair):
                paths[one, channels[factor]] = encoded[channels[factor]]
            now = subject.landslide_logit(paths) if place + 1 < len(order) else torch.stack([end, end])
            for one, factor in enumerate(pair):
                result[factor] += now[one] - last[one]
            last = now
        progress.report((number + 1) / len(baselines))
    result /= 2 * len(baselines)
    contribution_sum = end - started / len(baselines)
    result[:, ~has_data], contribution_sum[~has_data] = torch.nan, torch.nan
    return result.cpu().numpy(), contribution_sum.cpu().numpy()


NODATA = 0
TILE_SIDE = 256
"""Side of a tile in cells: large beside the default network's halo, and a step of the progress each second or so."""

_COLOURS = (
    "#e69f00",
    "#332288",
    "#ddcc77",
    "#117733",
    "#0072b2",
    "#88ccee",
    "#cc6677",
    "#882255",
    "#999933",
    "#aa4499",
    "#44aa99",
    "#777777",
    "#661100",
    "#6699cc",
    "#000000",
    "#bbbbbb",
)
"""Tol's muted scheme (2021) with two of Okabe and Ito's (2008), for any kind of colour vision, and more for many."""


@dataclass
class DominanceStatistics:
    """Who leads, in figures."""

    share: np.ndarray
    """Share of the area in which each factor leads, (factors,)."""
    raising_share: np.ndarray
    """The part of that in which it raises the susceptibility, (factors,)."""
    size: np.ndarray
    """Mean absolute contribution of each factor in logits, (factors,)."""
    cells: int
    """Cells that were looked at."""
    dominant_cells: np.ndarray
    """Of these, those in which each factor leads, int64 (factors,)."""
    km2: np.ndarray
    """Their area; of blocks alone, their number weighted."""
    whole: bool
    """Whether that was the whole area and not the blocks alone."""


class _DominanceSums:
    """Adds up contributions cell by cell."""

    def __init__(self, factors: int) -> None:
        self.dominant_area, self.raised, self.size = np.zeros(factors), np.zeros(factors), np.zeros(factors)
        self.cells, self.count = np.zeros(factors, dtype=np.int64), 0
        self.area = 0.0

    def add(self, found: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Count the cells wanted, weighted by (height, width); return the leading factors from 1, 0 elsewhere."""
        wanted = wanted & np.isfinite(found).all(axis=0)
        dominant = np.where(wanted, np.abs(np.nan_to_num(found)).argmax(axis=0) + 1, NODATA).astype(np.uint8)
        weight, index, parts = weights[wanted], dominant[wanted] - 1, found[:, wanted]
        if len(index):
            ahead = parts[index, np.arange(len(index))] > 0
            factors = len(self.dominant_area)
            self.dominant_area += np.bincount(index, weight, minlength=factors)
            self.raised += np.bincount(index, weight * ahead, minlength=factors)
            self.cells += np.bincount(index, minlength=factors)
            self.size += np.abs(parts, dtype=np.float64) @ weight
            self.area += float(weight.sum())
            self.count += len(index)
        return dominant

    def result(self, whole: bool) -> DominanceStatistics:
        """Return shares and means."""
        if not self.count:
            raise TooFewData("No cell of the area has data in all of the model's factors.")
        with np.errstate(invalid="ignore"):
            raising_share = self.raised / self.dominant_area
        return DominanceStatistics(
            self.dominant_area / self.area,
            raising_share,
            self.size / self.area,
            self.count,
            self.cells,
            self.dominant_area / 1e6,
            whole,
        )


def dominant_factors_of_tiles(
    subject: ExplainedModel, tiles: Tiles, baselines: BaselineInputs, progress: Progress
) -> DominanceStatistics:
    """Find who leads in the blocks that are in memory."""
    sums = _DominanceSums(len(subject.factors))
    with retain_freed_memory():
        for some in tiles.batches():
            raw = np.concatenate([tiles.raw(tile) for tile in some], axis=1)
            found, _ = contributions(
                subject, raw, baselines, SubProgress(progress, some[0] / len(tiles), some.stop / len(tiles))
            )
            for tile, one in zip(some, np.split(found, len(some), axis=1)):
                sums.add(tiles.core(one), tiles.inside[tile], np.full(tiles.inside[tile].shape, tiles.weights[tile]))
    return sums.result(False)


def write_dominant_factor(
    subject: ExplainedModel,
    grid: Grid,
    mask: AreaMask,
    baselines: BaselineInputs,
    output: str | os.PathLike,
    progress: Progress,
    side: int = TILE_SIDE,
) -> DominanceStatistics:
    """Write the leading factor of every cell of the area.

    Tiles are aligned and carry the network's halo, so the raster does not depend on them.

    Args:
        subject: the model.
        grid: of its stack.
        mask: cells outside it become nodata.
        lands: typical lands to compare with.
        output: path of the uint8 GeoTIFF: number of the factor in the model's order from 1, 0 nodata.
        progress: 0 to 1 over the tiles.
        side: of a tile in cells.

    Raises:
        TooFewData: no cell has all factors.
    """
    sums, tiling = _DominanceSums(len(subject.factors)), Tiling.of(grid, side, subject.model.halo, subject.model.align)
    colours = {
        NODATA: (0, 0, 0, 0),
        **{number: factor_colour(number - 1) for number in range(1, len(sums.dominant_area) + 1)},
    }
    band = {
        "kind": "categorical",
        "classes": json.dumps({str(n): title for n, title in enumerate(subject.titles, 1)}, ensure_ascii=False),
    }
    tags = {
        "MEANING": "factor that adds or takes most, against typical land",
        "REFERENCES": str(len(baselines)),
        "FACTORS": ", ".join(subject.model.factor_names),
    }
    with (
        retain_freed_memory(),
        create_raster(
            output, grid, "uint8", NODATA, ["leading factor"], [band], tags, overviews=Resampling.mode, colours=colours
        ) as target,
    ):
        for number, tile in enumerate(tiling):
            stop_if_cancelled(progress)
            part = SubProgress(progress, number / len(tiling), (number + 1) / len(tiling))
            _write_tile(target, subject, grid, mask, tile, baselines, sums, part)
            part.report(1.0)
        return sums.result(True)


def write_factor_names(output: str | os.PathLike, titles: Sequence[str], found: DominanceStatistics) -> None:
    """Write names, cells and area of the factors beside the raster of leading factors."""
    write_class_attributes(
        output,
        [
            ClassRow(number, title, factor_colour(number - 1), int(cells), float(km2))
            for number, (title, cells, km2) in enumerate(zip(titles, found.dominant_cells, found.km2), 1)
        ],
    )


def factor_colour(factor: int) -> tuple[int, int, int, int]:
    """Return red, green, blue, alpha of a factor by its number in the model's order."""
    text = _COLOURS[factor % len(_COLOURS)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16), 255


def _write_tile(
    target: rasterio.io.DatasetWriter,
    subject: ExplainedModel,
    grid: Grid,
    mask: AreaMask,
    tile: Tile,
    baselines: BaselineInputs,
    sums: _DominanceSums,
    progress: Progress,
) -> None:
    core, (row, column) = tile.core, tile.offset
    dominant = np.full((core.height, core.width), NODATA, dtype=np.uint8)
    if mask.touches(core):
        wanted = mask.read(core)
        raw = subject.read(tile.read) if wanted.any() else None
        if raw is not None:
            wanted &= np.isfinite(raw[:, row : row + core.height, column : column + core.width]).all(axis=0)
            if wanted.any():
                found, _ = contributions(subject, raw, baselines, progress)
                rows, columns = slice(row, row + core.height), slice(column, column + core.width)
                area = np.broadcast_to(grid.cell_area(core.row, core.height)[:, None], wanted.shape)
                dominant = sums.add(found[:, rows, columns], wanted, area)
    target.write(dominant, 1, window=core.window)
