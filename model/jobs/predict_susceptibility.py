"""Factor stack and trained models in, susceptibility map out."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import asdict, dataclass, field
from typing import Sequence

import numpy as np
import torch
from rasterio.enums import Resampling

from ..artifact import TrainedModel, load_model
from ..errors import DeviceUnavailable, ParameterInvalid, TooFewData
from ..files import RunRecord, check_writable, sha256
from ..grid import Grid
from ..inputs.rasters import create_raster
from ..inputs.vectors import Polygons
from ..labels.area import AreaMask
from ..prediction.applicability import NODATA as NOT_APPLICABLE
from ..prediction.applicability import Applicability
from ..prediction.ensemble import Ensemble, exact_arithmetic
from ..prediction.run import AHEAD, Outputs, Tally, predict_tiles
from ..prediction.tiles import SIDES, Tiling, choose_side, coarse_grid
from ..progress import Part, Progress
from ..stack import Stack, open_stack

MEMORY = 1.0e9
"""Bytes that the computation of a tile may take on a CPU; with libraries and caches the whole stays under 2 GB."""

LARGEST_ON_CPU = 1024
"""Side of a tile; a larger one would keep a CPU busy for longer than a user who cancels wants to wait."""

GPU_SHARE = 0.5
"""Share of a GPU's free memory that a tile may take."""

MEANING = "relative susceptibility, not a calibrated probability"


@dataclass
class PredictionSummary:
    """A susceptibility map in figures."""

    cells: int
    """Cells of the map with a susceptibility."""

    patch: int
    """Cells of the stack along the side of a cell of the map; 1 for models that judge every cell."""

    mean: float
    minimum: float
    maximum: float

    members: int
    """Maps of which the mean was taken: models times dropout samples."""

    tile: int
    """Side of a tile in cells."""

    halo: int
    """Cells read around each tile."""

    tiles: int
    tiles_skipped: int
    """Tiles without any cell to predict."""

    device: str
    precision: str

    share_outside: float
    """Share of the cells that lie outside the training data in at least one factor."""

    cells_outside_by_factor: dict[str, int] = field(default_factory=dict)
    unseen_classes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Cells by factor and label of classes that training never saw."""


def predict_susceptibility(stack: str | os.PathLike, models: Sequence[str | os.PathLike], output: str | os.PathLike,
                           *, area: Polygons | None = None, tile: int = 0, device: str = "auto",
                           precision: str = "auto", samples: int = 0,
                           output_uncertainty: str | os.PathLike | None = None,
                           output_applicability: str | os.PathLike | None = None, progress: Progress
                           ) -> PredictionSummary:
    """Predict the susceptibility of every cell that has all factors.

    Models that judge a patch of land as a whole give a map with one cell a patch, from the stack's corner on; such a
    cell has data when at least half of it has. Together with models of another kind they give the stack's cells.

    The map does not depend on the tile size: tiles are aligned and carry the halo that the network needs. With
    several models the map is their mean; with ``samples`` each model is asked that often with other channels dropped
    (Monte-Carlo dropout, Gal & Ghahramani 2016), the same ones in every tile.

    Args:
        stack: factor stack; factors are found by name, classes by label.
        models: paths of trained models.
        output: path of the float32 GeoTIFF, 0 to 1, NaN nodata.
        area: polygons to predict; ``None`` for the whole stack.
        tile: side of a tile in cells; 0 for one that fits the memory.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        samples: dropout samples of each model; 0 for none.
        output_uncertainty: path of a float32 GeoTIFF with the standard deviation over models and samples.
        output_applicability: path of a uint8 GeoTIFF with the number of factors outside the trained range or classes,
            255 nodata.
        progress: hears what the models meet in the stack.

    Raises:
        FactorMissing: the stack lacks factors of a model.
        ModelFileInvalid: a model cannot be used.
        ParameterInvalid: no model, or SAMPLES, TILE or OUTPUT_UNCERTAINTY do not fit.
        DeviceUnavailable: the device is not there, or its memory is too small.
        TooFewData: no cell has all factors.
    """
    for path in (output, output_uncertainty, output_applicability):
        if path is not None:
            check_writable(path)
    if not models:
        raise ParameterInvalid("MODEL is empty. Give at least one trained model.")
    if output_uncertainty is not None and len(models) * max(samples, 1) < 2:
        raise ParameterInvalid("OUTPUT_UNCERTAINTY is the standard deviation over several maps. Set SAMPLES to 2 or "
                               "more, or give several models.")
    record = RunRecord("predictsusceptibility",
                       {"TILE": tile, "DEVICE": device, "PRECISION": precision, "SAMPLES": samples},
                       {"STACK": stack, "MODEL": list(models),
                        "AREA": (area.source or area.name) if area is not None else None})
    loaded = [load_model(path) for path in models]
    for model in loaded:
        model.to(device, precision)
    with open_stack(stack) as opened, exact_arithmetic(loaded):
        names = [os.path.basename(str(path)) for path in models]
        ensemble = Ensemble(opened, loaded, names, samples, progress)
        mask = AreaMask(opened.grid, area)
        tiling = _tiling(opened.grid, ensemble, tile, progress)
        applicability = Applicability(ensemble.factors, ensemble.specs)
        tags = _tags(loaded, models, ensemble, area)
        tally = _run(opened, ensemble, tiling, mask, applicability, (output, output_uncertainty, output_applicability),
                     tags, Part(progress, 0.01, 0.97))
    summary = PredictionSummary(
        cells=tally.cells, patch=ensemble.patch, mean=tally.total / tally.cells, minimum=tally.minimum,
        maximum=tally.maximum, members=ensemble.members,
        tile=tiling.side, halo=tiling.halo, tiles=tally.tiles, tiles_skipped=tally.skipped,
        device=str(loaded[0].device), precision=str(loaded[0].dtype).replace("torch.", ""),
        share_outside=applicability.share_outside,
        cells_outside_by_factor={found.name: found.cells for found in applicability.outside if found.cells},
        unseen_classes={found.name: dict(found.unseen) for found in applicability.outside if found.unseen})
    progress.report(0.98, f"{summary.cells:,} cells predicted; susceptibility {summary.minimum:.4f} to "
                          f"{summary.maximum:.4f}, mean {summary.mean:.4f}.")
    if tally.lost:
        progress.warn(f"{tally.lost:,} cells have all factors, but the network gave no number for them in "
                      f"{summary.precision}; they are nodata. Set PRECISION to fp32.")
    applicability.report(Part(progress, 0.98, 0.99))
    record.write({"OUTPUT": output, "OUTPUT_UNCERTAINTY": output_uncertainty,
                  "OUTPUT_APPLICABILITY": output_applicability}, summary=asdict(summary))
    progress.report(1.0)
    return summary


def _tiling(grid: Grid, ensemble: Ensemble, tile: int, progress: Progress) -> Tiling:
    device = ensemble.models[0].device
    budget, largest = MEMORY, LARGEST_ON_CPU if device.type == "cpu" else max(SIDES)
    if device.type == "cuda":
        budget = GPU_SHARE * torch.cuda.mem_get_info(device)[0]
    side = choose_side(grid, tile, ensemble.halo, ensemble.align, ensemble.bytes_per_cell, budget, largest)
    tiling = Tiling.of(grid, side, ensemble.halo, ensemble.align)
    # Tiles that wait to be computed hold their raw factors.
    waiting = AHEAD * tiling.cells_read * 4 * len(ensemble.factors)
    expected = tiling.cells_read * ensemble.bytes_per_cell + waiting
    work = f"{len(tiling):,} tiles of {tiling.side} cells with a halo of {tiling.halo}"
    if ensemble.members > 1:
        work += f", each {ensemble.members} times"
    progress.report(0.01, f"Predicting {grid.width:,} × {grid.height:,} cells on {device} in {work}; about "
                          f"{math.ceil(expected / 1e6):,} MB of memory for them.")
    if ensemble.patch > 1:
        progress.report(0.01, f"The model judges {ensemble.patch} × {ensemble.patch} cells as a whole, so the map has "
                              f"cells of {ensemble.patch * grid.cell_size():.4g} m.")
    return tiling


def _tags(models: Sequence[TrainedModel], paths: Sequence[str | os.PathLike], ensemble: Ensemble,
          area: Polygons | None) -> dict[str, str]:
    return {
        "MEANING": MEANING, "MODEL_KIND": ", ".join(model.kind for model in models),
        "MODEL_SHA256": ", ".join(sha256(path) for path in paths), "SAMPLES": str(ensemble.samples),
        "FACTORS": ", ".join(ensemble.factor_names), **({"AREA": area.name} if area is not None else {}),
    }


def _run(stack: Stack, ensemble: Ensemble, tiling: Tiling, mask: AreaMask, applicability: Applicability,
         paths: Sequence[str | os.PathLike | None], tags: dict[str, str], progress: Progress) -> Tally:
    """Open the outputs, predict, and close them; none gets its name unless all were written."""
    grid, coarse = stack.grid, coarse_grid(stack.grid, ensemble.patch)
    with contextlib.ExitStack() as opened:
        def raster(path, grid: Grid, dtype: str, nodata: float, name: str, overviews: Resampling):
            if path is None:
                return None
            return opened.enter_context(create_raster(path, grid, dtype, nodata, [name], tags=tags,
                                                      overviews=overviews))

        outputs = Outputs(
            raster(paths[0], coarse, "float32", np.nan, "landslide susceptibility", Resampling.average),
            raster(paths[1], coarse, "float32", np.nan, "standard deviation of the susceptibility",
                   Resampling.average),
            raster(paths[2], grid, "uint8", NOT_APPLICABLE, "factors outside the training data", Resampling.nearest))
        try:
            tally = predict_tiles(stack, ensemble, tiling, mask, applicability, outputs, progress)
        except torch.cuda.OutOfMemoryError as error:
            raise DeviceUnavailable(f"The GPU's memory is too small for tiles of {tiling.side} cells. Set TILE to "
                                    f"{max(tiling.side // 2, 64)} or less, or DEVICE to cpu.") from error
        if not tally.cells:
            raise TooFewData(f"No cell {'of AREA ' if 'AREA' in tags else ''}has data in all of the model's factors: "
                             f"{', '.join(ensemble.factor_names)}. Look at the stack in QGIS for the one without data.")
    return tally
