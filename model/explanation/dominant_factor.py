"""What each factor adds to the susceptibility of a cell compared with typical land, and which one dominates.

Shapley values (1953) with the factors as players, sampled as in Štrumbelj and Kononenko (2014): from baselines that
have the same typical values everywhere to the real land, factor by factor in some order. What the logit of a cell gains
when a factor is added counts for that factor, wherever in the network's field of view its values lie; so the
contributions of a cell explain its own susceptibility. They are averaged over several baselines and orders, each order
also reversed. In every single order the gains sum to the logit − the logit of the baseline, so the contributions do so
to rounding, with any number of orders.

Why not integrated gradients (Sundararajan, Taly and Yan 2017), the form with derivatives? Trees and tables have no
gradient. A network's gradients are of one number per pass: of the sum over all cells they tell what the values of a
cell do to its neighbours, and for each cell by itself they took sixty times a prediction on a processor. And from the
one baseline that is average in everything, a factor with a best value in the middle seems to lower the susceptibility
everywhere: on the demo, rain then raised it in hardly any cell that it dominated. Captum would give the gradients only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rasterio.enums import Resampling

from ..errors import TooFewData
from ..inputs.rasters import create_raster
from ..prediction.tiling import Tile, Tiling
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..zones.raster import write_class_attributes
from .explained_model import ExplainedModel
from .response import weighted_quantile
from .sample import Cells, LabelledArea, Tiles

NODATA = 0
TILE_SIDE = 256
"""Cells per side: large compared with the default network's halo, and a step of the progress about every second."""
_COLOURS = (
    *("e69f00", "332288", "ddcc77", "117733", "0072b2", "88ccee", "cc6677", "882255"),
    *("999933", "aa4499", "44aa99", "777777", "661100", "6699cc", "000000", "bbbbbb"),
)
"""Tol's muted scheme (2021) with two of Okabe and Ito's (2008), for any kind of colour vision, and more for many."""


class BaselineInputs:
    """Spatially constant inputs that spread evenly over the values of the area, and orders in which factors are added.

    Each factor takes the middles of ``count`` equal parts of its distribution, shuffled (Latin hypercube; McKay,
    Beckman and Conover 1979), so that a few baselines stand for its whole range.
    """

    def __init__(self, explained: ExplainedModel, cells: Cells, count: int, seed: int) -> None:
        generator = np.random.default_rng([seed, 25])
        levels = [(number + 0.5) / count for number in range(count)]
        values = np.stack(
            [generator.permutation(weighted_quantile(plane, cells.weights, levels)) for plane in cells.values]
        ).astype(np.float32)
        for rows in explained.members:
            if len(rows) > 1:
                # The components of an embedding belong together: those of real land.
                own = generator.choice(cells.values.shape[1], count, p=cells.weights / cells.weights.sum())
                values[list(rows)] = cells.values[list(rows)][:, own]
        self.images = explained.model.encoder.encode(values[:, None])[0][:, 0].T.copy()
        """Encoded, float32 (baselines, channels)."""
        self.orders = np.stack([generator.permutation(len(explained.members)) for _ in range(count)])
        """Order of the factors for each baseline, int64 (baselines, factors)."""

    def __len__(self) -> int:
        return len(self.images)


def shapley_contributions(
    explained: ExplainedModel, raw: np.ndarray, baselines: BaselineInputs, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each factor adds to the logit of each cell, and the sum: logit − mean logit of the baselines.

    ``raw`` holds the factors of a tile with its halo, (factors, height, width), NaN without data; height and width are
    multiples of ``align``. The results are float32 (factors, height, width) and (height, width), NaN without data. A
    baseline lacks data where the real land does.
    """
    image, valid = explained.model.encoder.encode(raw)
    device = explained.model.device
    encoded, has_data = torch.from_numpy(image).to(device), torch.from_numpy(valid).to(device)
    channels = [
        torch.from_numpy(np.flatnonzero(explained.factor_of_channel == factor)).to(device)
        for factor in range(len(explained.factors))
    ]
    result = torch.zeros((len(channels), *valid.shape), dtype=torch.float32, device=device)
    end = explained.landslide_logit(encoded[None])[0]
    baseline_sum = torch.zeros(valid.shape, dtype=torch.float32, device=device)
    for number, (typical, order) in enumerate(zip(baselines.images, baselines.orders.tolist()), 1):
        start = torch.from_numpy(typical).to(device)[:, None, None] * has_data
        first = explained.landslide_logit(start[None])[0]
        baseline_sum += first
        # Both directions of the order at once.
        paths, last = torch.stack([start, start]), torch.stack([first, first])
        for step, pair in enumerate(zip(order, order[::-1]), 1):
            stop_if_cancelled(progress)
            for path, factor in enumerate(pair):
                paths[path, channels[factor]] = encoded[channels[factor]]
            logit = explained.landslide_logit(paths) if step < len(order) else torch.stack([end, end])
            for path, factor in enumerate(pair):
                result[factor] += logit[path] - last[path]
            last = logit
        progress.report(number / len(baselines))
    result /= 2 * len(baselines)
    total = end - baseline_sum / len(baselines)
    result[:, ~has_data], total[~has_data] = torch.nan, torch.nan
    return result.cpu().numpy(), total.cpu().numpy()


@dataclass
class DominanceStatistics:
    """Where factors dominate; arrays have one entry per factor."""

    share: np.ndarray  # share of the area that the factor dominates
    raising_share: np.ndarray  # the part of that in which it raises the susceptibility
    mean_absolute: np.ndarray  # mean absolute contribution in logits
    cells: np.ndarray  # cells that it dominates, int64
    km2: np.ndarray  # their area; of sampled blocks, their weighted number


class _DominanceSums:
    """Adds up contributions cell by cell."""

    def __init__(self, factors: int) -> None:
        self._dominant_area, self._raising_area, self._absolute = (np.zeros(factors) for _ in range(3))
        self._cells, self._area = np.zeros(factors, dtype=np.int64), 0.0

    def add(self, contributions: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Count the wanted cells by their weights (height, width); return dominant factors from 1, 0 elsewhere."""
        wanted = wanted & np.isfinite(contributions).all(axis=0)
        dominant = np.where(wanted, np.abs(np.nan_to_num(contributions)).argmax(axis=0) + 1, NODATA).astype(np.uint8)
        weight, index, parts = weights[wanted], dominant[wanted] - 1, contributions[:, wanted]
        if len(index):
            raising, factors = parts[index, np.arange(len(index))] > 0, len(self._cells)
            self._dominant_area += np.bincount(index, weight, minlength=factors)
            self._raising_area += np.bincount(index, weight * raising, minlength=factors)
            self._cells += np.bincount(index, minlength=factors)
            self._absolute += np.abs(parts, dtype=np.float64) @ weight
            self._area += float(weight.sum())
        return dominant

    def result(self) -> DominanceStatistics:
        if not self._cells.any():
            raise TooFewData("No cell of the area has data in all factors of the model.")
        with np.errstate(invalid="ignore"):
            raising_share = self._raising_area / self._dominant_area
        share, absolute, km2 = self._dominant_area / self._area, self._absolute / self._area, self._dominant_area / 1e6
        return DominanceStatistics(share, raising_share, absolute, self._cells, km2)


def dominance_in_tiles(
    explained: ExplainedModel, tiles: Tiles, baselines: BaselineInputs, progress: Progress
) -> DominanceStatistics:
    """Return the statistics of the sampled blocks."""
    sums = _DominanceSums(len(explained.factors))
    for batch in tiles.batches():
        raw = np.concatenate([tiles.raw(tile) for tile in batch], axis=1)
        part = SubProgress(progress, batch[0] / len(tiles), batch.stop / len(tiles))
        found, _ = shapley_contributions(explained, raw, baselines, part)
        for tile, contributions in zip(batch, np.split(found, len(batch), axis=1)):
            inside = tiles.inside[tile]
            sums.add(tiles.core(contributions), inside, np.full(inside.shape, tiles.weights[tile]))
    return sums.result()


def write_dominant_factor(
    area: LabelledArea, baselines: BaselineInputs, output: str | os.PathLike, progress: Progress, side: int = TILE_SIDE
) -> DominanceStatistics:
    """Write the dominant factor of every cell of the area as uint8 GeoTIFF: its number from 1, 0 nodata.

    Tiles are aligned and carry the network's halo, so the raster does not depend on their ``side`` in cells. Raises
    ``TooFewData`` if no cell has all factors.
    """
    explained, grid, sums = area.explained, area.grid, _DominanceSums(len(area.explained.factors))
    tiling = Tiling.of(grid, side, explained.model.halo, explained.model.align)
    titles = dict(enumerate(explained.titles, 1))
    classes = json.dumps({str(number): title for number, title in titles.items()}, ensure_ascii=False)
    band = {"kind": "categorical", "classes": classes}
    tags = {
        "MEANING": "factor that adds or takes most, against typical land",
        "REFERENCES": str(len(baselines)),
        "FACTORS": ", ".join(explained.names),
    }
    colours = {NODATA: (0, 0, 0, 0), **{number: factor_colour(number - 1) for number in titles}}
    names = ["leading factor"]
    with create_raster(output, grid, "uint8", NODATA, names, [band], tags, Resampling.mode, colours) as target:
        for number, tile in enumerate(tiling):
            stop_if_cancelled(progress)
            part = SubProgress(progress, number / len(tiling), (number + 1) / len(tiling))
            dominant = _dominant_in_tile(area, tile, baselines, sums, part)
            target.write(dominant, 1, window=tile.core.window)
            part.report(1.0)
        return sums.result()


def _dominant_in_tile(
    area: LabelledArea, tile: Tile, baselines: BaselineInputs, sums: _DominanceSums, progress: Progress
) -> np.ndarray:
    core, (row, column) = tile.core, tile.offset
    nothing = np.full((core.height, core.width), NODATA, dtype=np.uint8)
    if not area.mask.may_intersect(core) or not (wanted := area.mask.read(core)).any():
        return nothing
    raw = area.explained.read(tile.read)
    inner = np.s_[:, row : row + core.height, column : column + core.width]
    wanted &= np.isfinite(raw[inner]).all(axis=0)
    if not wanted.any():
        return nothing
    found, _ = shapley_contributions(area.explained, raw, baselines, progress)
    cell_area = np.broadcast_to(area.grid.cell_area(core.row, core.height)[:, None], wanted.shape)
    return sums.add(found[inner], wanted, cell_area)


def write_factor_names(output: str | os.PathLike, titles: Sequence[str], found: DominanceStatistics) -> None:
    """Write names, cells and area of the factors beside the raster of dominant factors."""
    names = dict(enumerate(titles, 1))
    colours = {number: factor_colour(number - 1) for number in names}
    write_class_attributes(output, names, colours, found.cells.tolist(), found.km2.tolist())


def factor_colour(factor: int) -> tuple[int, int, int, int]:
    """Return red, green, blue, alpha of a factor by its number in the model's order.

    Each further round through the colours is halfway to a grey of its own, so that no two of many factors are equal.
    """
    turn, place = divmod(factor, len(_COLOURS))
    channels = bytes.fromhex(_COLOURS[place])
    for number in range(turn):
        grey = 225 - 60 * (number % 4)
        channels = bytes((channel + grey) // 2 for channel in channels)
    red, green, blue = channels
    return red, green, blue, 255
