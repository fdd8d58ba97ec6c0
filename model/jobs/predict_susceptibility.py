"""Factor stack and trained models in, susceptibility map out."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from rasterio.enums import Resampling

from ..artifact import TrainedModel, load_model
from ..cluster.connection import connect
from ..cluster.tasks import Cluster
from ..errors import ClusterUnsuitable, ParameterInvalid, TooFewData
from ..factors.polygons import AreaMask
from ..grid import Grid
from ..inputs.rasters import REGION_TAG, create_raster
from ..inputs.vectors import Polygons
from ..outputs.atomic import RunRecord, check_writable, sha256
from ..prediction.applicability import NODATA as NOT_APPLICABLE
from ..prediction.applicability import Applicability
from ..prediction.distributed import Remote, compute_remotely
from ..prediction.ensemble import Ensemble, full_precision_fp32
from ..prediction.pipeline import OutputRasters, Plan, PredictionTotals, compute_tiles, make_plan, write_tiles
from ..prediction.precision import choose_compute_setup
from ..prediction.tile_cache import resuming, tile_cache_for
from ..prediction.tile_inference import MEAN, OUTSIDE, SPREAD, TileWork
from ..prediction.tiling import coarse_grid
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.lineage import warn_changed_stack, warn_stale_inputs
from ..provenance.map_tags import MEANING, MEANING_TAG, MODEL_TAG, STACK_TAG, warning_tags
from ..stack import open_stack

RESUME_MIN_WORK = 4e6
"""Cells, times models and samples, from which tiles are kept on disk until the map is complete."""


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
    """Width of a tile in cells."""

    tile_height: int

    halo: int
    """Cells read around each tile."""

    tiles: int
    tiles_skipped: int
    """Tiles without any cell to predict."""

    tiles_taken: int
    """Tiles of an earlier run with the same inputs that was stopped."""

    device: str
    precision: str
    """The lowest arithmetic used."""

    share_outside: float
    """Share of the cells that lie outside the training data in at least one factor."""

    warnings: list[str] = field(default_factory=list)
    cells_outside_by_factor: dict[str, int] = field(default_factory=dict)
    unseen_classes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Cells by factor and label of classes that training never saw."""


def predict_susceptibility(
    stack: str | os.PathLike,
    models: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    *,
    area: Polygons | None = None,
    tile: int = 0,
    device: str = "auto",
    precision: str = "auto",
    samples: int = 0,
    scheduler: str = "",
    region: str = "",
    output_uncertainty: str | os.PathLike | None = None,
    output_applicability: str | os.PathLike | None = None,
    progress: Progress,
) -> PredictionSummary:
    """Predict the susceptibility of every cell that has all factors.

    Models that judge a patch of land as a whole give a map with one cell a patch, from the stack's corner on; such a
    cell has data when at least half of it has. Together with models of another kind they give the stack's cells.

    The map does not depend on the tile size: tiles are aligned and carry the halo that the network needs. With
    several models the map is their mean; with ``samples`` each model is asked that often with other channels dropped
    (Monte-Carlo dropout, Gal & Ghahramani 2016), the same ones in every tile.

    Tiles of a large map are kept beside the output until it is complete. A run that was cancelled or killed goes on
    with them when it is started again with the same inputs, and gives the same map.

    Args:
        stack: factor stack; factors are found by name, classes by label.
        models: paths of trained models.
        output: path of the float32 GeoTIFF, 0 to 1, NaN nodata.
        area: polygons to predict; ``None`` for the whole stack.
        tile: side of a tile in cells; 0 for one that fits the memory.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``; a lower one is used only where it gives the same map.
        samples: dropout samples of each model; 0 for none.
        scheduler: address of a Dask scheduler whose workers compute; empty for this computer. The inputs and the
            folder of the output must then lie on storage that all share.
        region: name of the region that the map shows, kept in its metadata; empty for none.
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
        ScarpError: the cluster cannot be reached or failed; see ``cluster``.
    """
    progress = warning_log = WarningLog(progress)
    paths = {MEAN: output, SPREAD: output_uncertainty, OUTSIDE: output_applicability}
    for path in paths.values():
        if path is not None:
            check_writable(path)
    if not models:
        raise ParameterInvalid("MODEL is empty. Give at least one trained model.")
    if output_uncertainty is not None and len(models) * max(samples, 1) < 2:
        raise ParameterInvalid(
            "OUTPUT_UNCERTAINTY is the standard deviation over several maps. Set SAMPLES to 2 or "
            "more, or give several models."
        )
    loaded = [load_model(path) for path in models]
    record = RunRecord(
        "predictsusceptibility",
        {
            "TILE": tile,
            "DEVICE": device,
            "PRECISION": precision,
            "SAMPLES": samples,
            **({"SCHEDULER": scheduler} if scheduler else {}),
            **({"REGION": region} if region else {}),
        },
        {"STACK": stack, "MODEL": list(models), "AREA": (area.source or area.name) if area is not None else None},
        background=True,
    )
    with contextlib.ExitStack() as closing:
        opened = closing.enter_context(open_stack(stack))
        warn_stale_inputs({"factor stack": stack}, progress)
        cluster = _connect(scheduler, stack, models, output, closing, progress)
        names = [os.path.basename(str(path)) for path in models]
        ensemble = Ensemble(opened, loaded, names, samples, progress)
        mask = AreaMask(opened.grid, area)
        setup = choose_compute_setup(opened, ensemble, mask, device, precision, progress)
        plan = make_plan(opened.grid, ensemble, setup.engines, setup.device, tile)
        applicability = Applicability(ensemble.factors, ensemble.specs)
        wanted = [name for name, path in paths.items() if path is not None]
        work = TileWork(ensemble, setup.engines, plan.tiling, mask, applicability, wanted, setup.device, progress)
        _log_plan(plan, ensemble, str(setup.device), cluster is not None, progress)
        hashes = [sha256(path) for path in models]
        parts = None
        if cluster is not None or opened.grid.width * opened.grid.height * ensemble.members >= RESUME_MIN_WORK:
            parts = tile_cache_for(
                output,
                stack,
                area,
                {
                    "models": hashes,
                    "samples": samples,
                    "arrays": wanted,
                    "torch": torch.__version__,
                    "tiling": [plan.tiling.side, plan.tiling.height, plan.tiling.halo, plan.tiling.align],
                    "device": setup.device.type,
                    "arithmetic": [str(dtype) for dtype in setup.dtypes],
                },
            )
        closing.enter_context(full_precision_fp32(setup.device))
        closing.enter_context(resuming(parts, record, progress))
        part = SubProgress(progress, 0.02, 0.95)
        if cluster is not None and parts is not None:
            remote = Remote(
                str(Path(stack).absolute()),
                tuple(str(Path(path).absolute()) for path in models),
                area,
                samples,
                device,
                precision,
                (plan.tiling.side, plan.tiling.height),
                tuple(wanted),
                parts,
            )
            tiles = compute_remotely(cluster, remote, plan.tiling, work, part)
        else:
            tiles = compute_tiles(opened, work, plan, part, parts)

        def final_tags(found: PredictionTotals) -> dict[str, str]:
            known = _hash_of_stack(record)
            for model, name in zip(loaded, names):
                warn_changed_stack(model.training, name, known, opened.grid, progress)
            _warn_lost_cells(found, setup.name, progress)
            applicability.report(SubProgress(progress, 0.95, 0.97))
            return {**({STACK_TAG: known} if known else {}), **warning_tags(warning_log.warnings)}

        tags = _tags(loaded, hashes, ensemble, area, region)
        tally = _write(tiles, opened.grid, ensemble, applicability, paths, tags, final_tags)
    summary = PredictionSummary(
        cells=tally.cells,
        patch=ensemble.patch,
        mean=tally.total / tally.cells,
        minimum=tally.minimum,
        maximum=tally.maximum,
        members=ensemble.members,
        tile=plan.tiling.side,
        tile_height=plan.tiling.height,
        halo=plan.tiling.halo,
        tiles=tally.tiles,
        tiles_skipped=tally.skipped,
        tiles_taken=tally.reused,
        device=str(setup.device),
        precision=setup.name,
        share_outside=applicability.share_outside,
        warnings=warning_log.warnings,
        cells_outside_by_factor={found.name: found.cells for found in applicability.outside if found.cells},
        unseen_classes={found.name: dict(found.unseen) for found in applicability.outside if found.unseen},
    )
    progress.report(
        0.98,
        f"{summary.cells:,} cells predicted; susceptibility {summary.minimum:.4f} to "
        f"{summary.maximum:.4f}, mean {summary.mean:.4f}.",
    )
    if tally.reused:
        progress.report(
            0.98,
            f"{tally.reused:,} of {tally.tiles:,} tiles are those of an earlier run with the same "
            "inputs that was stopped.",
        )
    record.write(
        {"OUTPUT": output, "OUTPUT_UNCERTAINTY": output_uncertainty, "OUTPUT_APPLICABILITY": output_applicability},
        summary=asdict(summary),
        warnings=warning_log.warnings,
    )
    progress.report(1.0)
    return summary


def _hash_of_stack(record: RunRecord) -> str:
    """Return the checksum of the stack, empty when it is no file."""
    # A file that vanished meanwhile is told of when the record is written.
    with contextlib.suppress(OSError):
        return str((record.inputs() or {})["STACK"].get("sha256", ""))
    return ""


def _warn_lost_cells(tally: PredictionTotals, precision: str, progress: Progress) -> None:
    if tally.lost:
        progress.warn(
            f"{tally.lost:,} cells have all factors, but the network gave no number for them in "
            f"{precision}; they are nodata. Set PRECISION to fp32."
        )


def _connect(
    scheduler: str,
    stack: str | os.PathLike,
    models: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    closing: contextlib.ExitStack,
    progress: Progress,
) -> Cluster | None:
    """Return the cluster of an address; ``None`` without one."""
    if scheduler and not os.path.isfile(stack):
        raise ClusterUnsuitable(
            f"The factor stack {stack} is not a file, so workers of a cluster cannot open it. Save "
            "it as a GeoTIFF on storage that all machines share, or leave SCHEDULER empty."
        )
    return closing.enter_context(connect(scheduler, progress, [stack, *models], Path(output).parent))


def _log_plan(plan: Plan, ensemble: Ensemble, device: str, remote: bool, progress: Progress) -> None:
    """State what is to be done and what memory it takes."""
    grid, tiling = plan.tiling.grid, plan.tiling
    tiles = "1 tile" if len(tiling) == 1 else f"{len(tiling):,} tiles"
    work = f"{tiles} of {tiling.side} × {tiling.height} cells with a halo of {tiling.halo}"
    if ensemble.members > 1:
        work += f", each {ensemble.members} times"
    if remote:
        where = "on the cluster"
    else:
        where = f"on {device}, {plan.workers} at a time; about {math.ceil(plan.bytes_expected / 1e6):,} MB of memory"
    progress.report(0.02, f"Predicting {grid.width:,} × {grid.height:,} cells in {work}, {where}.")
    if ensemble.patch > 1:
        progress.report(
            0.02,
            f"The model judges {ensemble.patch} × {ensemble.patch} cells as a whole, so the map has "
            f"cells of {ensemble.patch * grid.cell_size():.4g} m.",
        )


def _tags(
    models: Sequence[TrainedModel], hashes: Sequence[str], ensemble: Ensemble, area: Polygons | None, region: str
) -> dict[str, str]:
    return {
        MEANING_TAG: MEANING,
        "MODEL_KIND": ", ".join(model.kind for model in models),
        MODEL_TAG: ", ".join(hashes),
        "SAMPLES": str(ensemble.samples),
        "FACTORS": ", ".join(ensemble.factor_names),
        **({"AREA": area.name} if area is not None else {}),
        **({REGION_TAG: region} if region else {}),
    }


def _write(
    tiles: Iterator,
    grid: Grid,
    ensemble: Ensemble,
    applicability: Applicability,
    paths: dict[str, str | os.PathLike | None],
    tags: dict[str, str],
    final_tags: Callable[[PredictionTotals], dict[str, str]],
) -> PredictionTotals:
    """Open the outputs, write the tiles, and close them; none gets its name unless all were written.

    What is only known in the end goes into the metadata of all: ``conclude`` returns it.
    """
    coarse = coarse_grid(grid, ensemble.patch)
    with contextlib.ExitStack() as opened:
        # Left in whatever way, the threads that compute are told to stop.
        opened.enter_context(contextlib.closing(tiles))

        def raster(name: str, grid: Grid, dtype: str, nodata: float, title: str, overviews: Resampling):
            if paths[name] is None:
                return None
            return opened.enter_context(
                create_raster(paths[name], grid, dtype, nodata, [title], tags=tags, overviews=overviews)
            )

        outputs = OutputRasters(
            raster(MEAN, coarse, "float32", np.nan, "relative landslide susceptibility", Resampling.average),
            raster(
                SPREAD,
                coarse,
                "float32",
                np.nan,
                "standard deviation of the relative landslide susceptibility",
                Resampling.average,
            ),
            raster(OUTSIDE, grid, "uint8", NOT_APPLICABLE, "factors outside the training data", Resampling.nearest),
        )
        tally = write_tiles(tiles, outputs, ensemble.patch, applicability)
        if not tally.cells:
            raise TooFewData(
                f"No cell {'of AREA ' if 'AREA' in tags else ''}has data in all of the model's factors: "
                f"{', '.join(ensemble.factor_names)}. Look at the stack in QGIS for the one without data."
            )
        facts = final_tags(tally)
        for dataset in (outputs.mean, outputs.spread, outputs.outside):
            if dataset is not None:
                dataset.update_tags(**facts)
    return tally
