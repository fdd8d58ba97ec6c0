"""Factor stack and trained models in, susceptibility map out."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch

from ..artifact import TrainedModel, load_model
from ..cluster.connection import connect
from ..comparison.textbook_baselines import open_safety
from ..errors import ClusterUnsuitable, ParameterInvalid, TooFewData
from ..factors.polygons import AreaMask
from ..inputs.rasters import REGION_TAG
from ..inputs.vectors import Polygons
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord, sha256
from ..prediction.bivariate import COLOURS, NAMES
from ..prediction.distributed import RemotePrediction, compute_remotely
from ..prediction.engines import ComputeSetup
from ..prediction.ensemble import Ensemble, full_precision_fp32
from ..prediction.fold_spread import FoldEnsemble, make_ensemble
from ..prediction.map_outputs import map_outputs, open_outputs
from ..prediction.pipeline import Plan, PredictionTotals, choose_compute_setup, compute_tiles, make_plan, write_tiles
from ..prediction.settings import PredictionOptions
from ..prediction.tile_cache import TileCache, resuming, tile_cache_for
from ..prediction.tile_inference import TileWork
from ..prediction.tiling import coarse_grid
from ..prediction.uncertainty_layers import UncertaintyLayers
from ..progress import Progress, SubProgress, WarningLog
from ..provenance import records
from ..report.files import ReportFiles
from ..report.settings import DocumentDetails
from ..stack import open_stack
from ..texts import join_names
from ..training.settings import training_method
from ..validation.verdict import Evidence, judge, tell, weakest
from ..zones.raster import write_class_attributes
from . import sources_of
from .new_area import TextbookComparison

AnyPath = Union[str, os.PathLike]
RESUME_MIN_WORK = 4e6  # cells, times models and samples, from which tiles are kept on disk until the map is complete


@dataclass
class PredictionSummary:
    """A susceptibility map in figures."""

    cells: int  # cells of the map with a susceptibility
    patch: int  # cells of the stack along the side of a cell of the map; 1 unless the models predict patches
    mean: float
    minimum: float
    maximum: float
    members: int  # maps that were averaged: models times dropout samples
    tile: int  # width of a tile in cells
    tile_height: int
    halo: int  # cells read around each tile
    tiles: int
    tiles_skipped: int  # tiles without any cell to predict
    tiles_taken: int  # tiles of an earlier run with the same inputs that was stopped
    device: str
    precision: str  # the lowest one used
    share_outside: float  # share of the cells outside the training data in at least one factor
    warnings: list[str] = field(default_factory=list)
    cells_outside_by_factor: dict[str, int] = field(default_factory=dict)
    unseen_classes: dict[str, dict[str, int]] = field(default_factory=dict)  # cells by factor and class label
    verdict: dict[str, Any] = field(default_factory=dict)  # level and reasons, of ``validation.verdict``
    share_applicable: float | None = None  # share of the map in the area of applicability; ``None`` without an index
    share_beyond: float | None = None  # share on which no AUC can be expected
    expected_auc: float | None = None  # on the rest of the map
    expected_range: tuple[float, float] | None = None  # lowest and highest value that is to be expected
    textbook: dict[str, Any] = field(default_factory=dict)
    """Whether the land is new to the models, and rank correlations of the map with rules of a textbook by name."""


def predict_susceptibility(
    stack: AnyPath,
    models: Sequence[AnyPath],
    output: AnyPath,
    options: PredictionOptions,
    *,
    area: Polygons | None = None,
    output_uncertainty: AnyPath | None = None,
    output_applicability: AnyPath | None = None,
    safety_factor: AnyPath | None = None,
    output_html: AnyPath | None = None,
    output_disagreement: AnyPath | None = None,
    output_bivariate: AnyPath | None = None,
    output_dissimilarity: AnyPath | None = None,
    output_document: AnyPath | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> PredictionSummary:
    """Predict the susceptibility of every cell that has all factors.

    Models that predict patches of land give a map with one cell per patch, starting at the stack's corner; such a cell
    has data if at least half of it has. Together with models of another kind they give the stack's cells.

    The map does not depend on the tile size: tiles are aligned and carry the halo that the network needs. With several
    models the map is their mean; with ``samples`` each model is evaluated that often with other channels dropped
    (Monte Carlo dropout, Gal & Ghahramani 2016), the same ones in every tile.

    Tiles of a large map are kept beside the output until it is complete. A run that was cancelled or killed resumes
    with them when it is started again with the same inputs, and gives the same map.

    Args:
        stack: factor stack; factors are found by name, classes by label.
        output: path of the float32 GeoTIFF, 0 to 1, NaN nodata.
        options: with a ``scheduler`` the inputs and the output's folder must lie on storage that all workers share.
        area: polygons to predict; ``None`` for the whole stack.
        output_uncertainty: path of a float32 GeoTIFF with the standard deviation over models and samples; for a single
            cross-fitted model without samples the standard error by the models of its folds, and lower and upper bound
            of its interval.
        output_applicability: path of a uint8 GeoTIFF with the number of factors outside the trained range or classes,
            255 nodata; if all models have an applicability index also whether a cell lies in the area of applicability
            of all of them, and the least number of training cells like it, at most ``MAX_DENSITY``.
        output_dissimilarity: path of a float32 GeoTIFF with the largest dissimilarity index of the models and the
            least AUC to expect, NaN where none can be.
        safety_factor: factor of safety or rain index on the stack's grid, a rule that the map is compared with; without
            it that of an infinite slope with the usual soil, as far as the stack has slope.
        output_html: path of the report that compares the map with slope alone and the factor of safety.
        output_disagreement: path of a float32 GeoTIFF with the differences of their ranks, one band a rule.
        output_document: the report for Word.
        details: of the office that hands the report on.
        output_bivariate: path of a uint8 GeoTIFF with the classes of ``prediction.bivariate``, 0 nodata.

    Raises:
        GridMismatch: the safety factor is on another grid.
        NoOverlap: it has no data on the map; or nothing can be compared for OUTPUT_DISAGREEMENT.
        FactorMissing: the stack lacks factors of a model.
        ModelFileInvalid: a model cannot be used.
        ParameterInvalid: no model, an output of uncertainty with a single model without samples and folds, or
            OUTPUT_DISSIMILARITY with a model without an applicability index.
        DeviceUnavailable: the device does not exist, or its memory is too small.
        TooFewData: no cell has all factors.
        ScarpError: the cluster cannot be reached or failed; see ``cluster``.
    """
    progress = warning_log = WarningLog(progress)
    paths: dict[str, AnyPath | None] = {
        "OUTPUT": output,
        "OUTPUT_UNCERTAINTY": output_uncertainty,
        "OUTPUT_APPLICABILITY": output_applicability,
        "OUTPUT_DISAGREEMENT": output_disagreement,
        "OUTPUT_HTML": output_html,
        "OUTPUT_DOCUMENT": output_document,
        "OUTPUT_BIVARIATE": output_bivariate,
        "OUTPUT_DISSIMILARITY": output_dissimilarity,
    }
    check_writable(*paths.values())
    report = ReportFiles.of_run(output_html, output_document, details, warning_log)
    if report.wanted:
        # Not for maps without a report, which need no matplotlib; now, before anything is computed.
        from .new_area_page import page_of_map
    loaded = _load_models(models)
    inputs = sources_of(stack=stack, model=list(models), area=area)
    if safety_factor is not None:
        inputs["SAFETY_FACTOR"] = safety_factor
    parameters = {name: value for name, value in options.record().items() if value != ""}
    record = RunRecord("predictsusceptibility", parameters, inputs, background=True)
    with contextlib.ExitStack() as closing:
        opened = closing.enter_context(open_stack(stack))
        records.warn_stale_inputs({"factor stack": stack}, progress)
        cluster = None
        if options.scheduler.strip():
            if not os.path.isfile(stack):
                raise ClusterUnsuitable(
                    f"The factor stack {stack} is not a file, so workers of a cluster cannot open it. Save "
                    "it as a GeoTIFF on storage that all machines share, or leave SCHEDULER empty."
                )
            reads, folder = [stack, *models], Path(output).parent
            cluster = closing.enter_context(connect(options.scheduler, progress, reads, folder))
        has_index = _has_index(loaded, models, output_dissimilarity is not None, progress)
        names = [os.path.basename(str(path)) for path in models]
        has_spread = output_uncertainty is not None or output_bivariate is not None
        ensemble = make_ensemble(opened, loaded, names, options.samples, progress, spread=has_spread)
        share = _calibrated_share(loaded)
        layers = UncertaintyLayers(loaded, isinstance(ensemble, FoldEnsemble), share)
        title = "relative landslide susceptibility" if share is None else "landslide probability"
        outputs = [one for one in map_outputs(layers, title, has_index) if paths[one.parameter] is not None]
        arrays = list(dict.fromkeys(array for one in outputs for array in one.arrays))
        mask = AreaMask(opened.grid, area)
        safety = closing.enter_context(open_safety(safety_factor, opened.grid, "factor stack", progress))
        wanted = report.wanted or output_disagreement is not None
        textbook = TextbookComparison.begin(opened, loaded, names, safety, mask, wanted)
        setup = choose_compute_setup(opened, ensemble, mask, options, progress)
        plan = make_plan(opened.grid, ensemble, setup, options.tile)
        work = TileWork(ensemble, setup, plan.tiling, mask, arrays, progress)
        hashes = [sha256(path) for path in models]
        run = _Run(options, area, loaded, hashes, ensemble, setup, plan, work, share)
        _log_plan(run, cluster is not None, progress)
        cells = opened.grid.width * opened.grid.height * run.ensemble.members
        cache = _tile_cache(run, output, stack) if cluster is not None or cells >= RESUME_MIN_WORK else None
        closing.enter_context(full_precision_fp32(run.setup.device))
        if cache is not None:
            closing.enter_context(resuming(cache, record, progress))
        part = SubProgress(progress, 0.02, 0.95)
        if cluster is not None and cache is not None:
            stack_path, *model_paths = (str(Path(path).absolute()) for path in (stack, *models))
            tile = run.plan.tiling.side, run.plan.tiling.height
            remote = RemotePrediction(stack_path, tuple(model_paths), area, options, tile, run.work.names, cache)
            tiles = compute_remotely(cluster, remote, run.work, part)
        else:
            tiles = compute_tiles(opened, run.work, run.plan, part, cache)
        grid = coarse_grid(opened.grid, run.ensemble.patch)
        places = outputs, paths, opened.grid, grid
        # However the block ends, the threads that compute are told to stop.
        with contextlib.closing(tiles), open_outputs(*places, _map_tags(run)) as rasters:
            watched = textbook.watch(tiles, run.ensemble.patch)
            made = {one.name: one.make for one in outputs if one.make is not None}
            totals = write_tiles(watched, rasters, run.work, grid, made)
            _check_totals(totals, run, progress)
            stack_hash = ""
            # A file that vanished meanwhile is reported when the record is written.
            with contextlib.suppress(OSError):
                stack_hash = str((record.inputs() or {})["STACK"].get("sha256", ""))
            for model, name in zip(loaded, names):
                records.warn_changed_stack(model.training, name, stack_hash, opened.grid, warning_log)
            work.applicability.report(SubProgress(warning_log, 0.95, 0.96))
            textbook.compare(stack_hash, SubProgress(warning_log, 0.96, 0.97))
            tags = {records.STACK_TAG: stack_hash} if stack_hash else {}
            tags |= records.warning_tags(warning_log.warnings)
            for raster in rasters.values():
                raster.update_tags(**tags)
            evidence = _evidence(totals, run)
            for raster in (rasters[one.name] for one in outputs if one.has_verdict):
                raster.update_tags(**evidence.tags())
            verdict = judge(evidence)
            tell(verdict, progress, 0.97)
            _tell_expectation(evidence, progress)
        if output_disagreement is not None:
            part = SubProgress(progress, 0.97, 0.98)
            textbook.write_disagreement(output, output_disagreement, run.ensemble.patch, part)
        if report.wanted:
            used = {**parameters, **inputs}
            part = SubProgress(progress, 0.97, 0.98)
            parts = textbook, output, verdict, work.applicability, used, warning_log.warnings, part
            page = page_of_map(*parts, evidence.expectation_cards)
            report.write(page)
    summary = _summary(totals, run, warning_log.warnings)
    summary.textbook = textbook.summary()
    summary.verdict = verdict.as_dict()
    summary.share_applicable, summary.share_beyond = evidence.inside, evidence.beyond
    if evidence.expected_range is not None:
        summary.expected_auc, summary.expected_range = evidence.expected_auc, evidence.expected_range
    figures = f"susceptibility {summary.minimum:.4f} to {summary.maximum:.4f}, mean {summary.mean:.4f}"
    progress.report(0.98, f"{summary.cells:,} cells predicted; {figures}.")
    if totals.reused:
        reused = f"{totals.reused:,} of {totals.tiles:,} tiles"
        progress.report(0.98, f"{reused} were taken from an earlier run with the same inputs that was stopped.")
    if output_bivariate is not None:
        classes = layers.classes
        cells = classes.cells.tolist()
        write_class_attributes(output_bivariate, NAMES, COLOURS, cells, classes.km2, verdict.suffix)
    record.write(paths, summary=asdict(summary), warnings=warning_log.warnings)
    progress.report(1.0)
    return summary


@dataclass
class _Run:
    """A prediction that is ready to compute."""

    options: PredictionOptions
    area: Polygons | None
    models: list[TrainedModel]
    hashes: list[str]
    ensemble: Ensemble
    setup: ComputeSetup
    plan: Plan
    work: TileWork
    share: float | None  # of landslide cells, to which all models are calibrated; ``None`` if they are not


def _load_models(models: Sequence[AnyPath]) -> list[TrainedModel]:
    if not models:
        raise ParameterInvalid("MODEL is empty. Give at least one trained model.")
    loaded = [load_model(path) for path in models]
    if len({model.calibration is None for model in loaded}) > 1:
        plain = join_names([Path(path).name for path, model in zip(models, loaded) if model.calibration is None])
        raise ParameterInvalid(
            f"Some of the models are calibrated and some are not: {plain}. Their mean would be neither a probability "
            "nor a relative susceptibility. Use models that were all trained with PROBABILITY, or all without."
        )
    return loaded


def _calibrated_share(models: Sequence[TrainedModel]) -> float | None:
    """Return the share of landslide cells to which models are calibrated, in the mean."""
    shares = [model.calibration.share for model in models if model.calibration is not None]
    return float(np.mean(shares)) if shares else None


def _tile_cache(run: _Run, output: AnyPath, stack: AnyPath) -> TileCache | None:
    tiling = run.plan.tiling
    settings = {
        "models": run.hashes,
        "samples": run.options.samples,
        "arrays": list(run.work.names),
        "torch": torch.__version__,
        "tiling": [tiling.side, tiling.height, tiling.halo, tiling.align],
        "device": run.setup.device.type,
        "arithmetic": [str(dtype) for dtype in run.setup.dtypes],
    }
    return tile_cache_for(output, stack, run.area, settings)


def _log_plan(run: _Run, remote: bool, progress: Progress) -> None:
    """Report the number of tiles, where they are computed, and the memory it takes."""
    plan, tiling, grid, patch = run.plan, run.plan.tiling, run.plan.tiling.grid, run.ensemble.patch
    tiles = "1 tile" if len(tiling) == 1 else f"{len(tiling):,} tiles"
    work = f"{tiles} of {tiling.side} × {tiling.height} cells with a halo of {tiling.halo}"
    if run.ensemble.members > 1:
        work += f", each {run.ensemble.members} times"
    memory = f"{math.ceil(plan.bytes_expected / 1e6):,} MB of memory"
    where = "on the cluster" if remote else f"on {run.setup.device}, {plan.workers} at a time; about {memory}"
    progress.report(0.02, f"Predicting {grid.width:,} × {grid.height:,} cells in {work}, {where}.")
    if patch > 1:
        size = f"{patch * grid.cell_size():.4g} m"
        text = f"The model predicts one value per {patch} × {patch} cells, so the map has cells of {size}."
        progress.report(0.02, text)


def _map_tags(run: _Run) -> dict[str, str]:
    """Return the tags of all rasters."""
    calibrated = run.share is not None
    return {
        records.MEANING_TAG: records.PROBABILITY_MEANING if calibrated else records.MEANING,
        **({records.PROBABILITY_TAG: repr(run.share)} if calibrated else {}),
        "MODEL_KIND": ", ".join(model.kind for model in run.models),
        records.METHOD_TAG: ", ".join(training_method(model.settings) for model in run.models),
        records.MODEL_TAG: ", ".join(run.hashes),
        **records.choice_tags(model.training for model in run.models),
        "SAMPLES": str(run.options.samples),
        "FACTORS": ", ".join(run.ensemble.factor_names),
        **({"AREA": run.area.name} if run.area is not None else {}),
        **({REGION_TAG: run.options.region} if run.options.region else {}),
    }


def _check_totals(totals: PredictionTotals, run: _Run, progress: Progress) -> None:
    if not totals.cells:
        raise TooFewData(
            f"No cell {'of AREA ' if run.area is not None else ''}has data in all of the model's factors: "
            f"{join_names(run.ensemble.factor_names)}. Look at the stack in QGIS for the one without data."
        )
    if totals.lost:
        progress.warn(
            f"{totals.lost:,} cells have all factors, but the network returned no number for them in "
            f"{run.setup.name}; they are nodata. Set PRECISION to fp32."
        )


def _evidence(totals: PredictionTotals, run: _Run) -> Evidence:
    """Return what is known of the weakest model, with the values of the map and the noise of the ensemble's mean."""
    known = weakest(Evidence.of_training(model.kind, model.metrics, model.settings) for model in run.models)
    low, high = totals.histogram.values_at([0.05, 0.95])
    averaged = run.ensemble.averaged
    # Folds are not averaged, and their error says nothing about the noise of the map.
    noise = totals.spread / totals.cells / math.sqrt(averaged) if totals.spread and averaged > 1 else None
    known = replace(known, low_value=low, high_value=high, noise=noise)
    found = None if run.work.indexes is None else run.work.indexes.expectation()
    if found is None:
        return known
    return replace(known, inside=found.inside, beyond=found.beyond, expected_auc=found.auc, expected_error=found.error)


def _has_index(models: Sequence[TrainedModel], paths: Sequence[AnyPath], wanted: bool, progress: Progress) -> bool:
    """Return whether all models have an applicability index; tell which have none."""
    lacking = [Path(path).name for path, model in zip(paths, models) if model.applicability is None]
    if not lacking:
        return True
    names = join_names(lacking)
    if wanted:
        raise ParameterInvalid(
            f"OUTPUT_DISSIMILARITY needs the applicability index of the model, and {names} has none: it was trained by "
            "an earlier version, on windows or as another kind of model. Train it with PRESET=recommended, or leave "
            "OUTPUT_DISSIMILARITY empty."
        )
    text = f"No applicability index is available in {names}, so nothing is said of how much this land is like that of"
    progress.report(0.0, f"{text} the training.")
    return False


def _tell_expectation(evidence: Evidence, progress: Progress) -> None:
    """Log what the land of the map lets expect; that nothing can be expected is a warning."""
    if evidence.can_expect:
        progress.report(0.97, evidence.expectation_text)
    elif evidence.can_expect is not None:
        progress.warn(evidence.expectation_text)


def _summary(totals: PredictionTotals, run: _Run, warnings: list[str]) -> PredictionSummary:
    tiling, applicability = run.plan.tiling, run.work.applicability
    outside = [found for found in applicability.outside if found.cells]
    return PredictionSummary(
        cells=totals.cells,
        patch=run.ensemble.patch,
        mean=totals.total / totals.cells,
        minimum=totals.minimum,
        maximum=totals.maximum,
        members=run.ensemble.averaged,
        tile=tiling.side,
        tile_height=tiling.height,
        halo=tiling.halo,
        tiles=totals.tiles,
        tiles_skipped=totals.skipped,
        tiles_taken=totals.reused,
        device=str(run.setup.device),
        precision=run.setup.name,
        share_outside=applicability.share_outside,
        warnings=warnings,
        cells_outside_by_factor={found.name: found.cells for found in outside},
        unseen_classes={found.name: dict(found.unseen) for found in outside if found.unseen},
    )
