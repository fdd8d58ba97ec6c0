"""Spatial cross validation of any kind of model: every cell predicted by a model that did not see its block."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from ..cluster.connection import connect
from ..cluster.shared_storage import partial_results_folder
from ..cluster.tasks import Cluster
from ..errors import TooFewData
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.vectors import Landslides, Polygons
from ..labels.discs import read_discs
from ..options import automatic_values
from ..outputs.atomic import atomic_output, check_writable
from ..outputs.run_record import RunRecord
from ..progress import NullProgress, Progress, SubProgress, WarningLog
from ..provenance.records import MEANING, MEANING_TAG, OUT_OF_FOLD_MEANING, warn_stale_inputs
from ..report.files import ReportFiles
from ..report.settings import DocumentDetails
from ..statistics import Estimate, weighted_quantiles
from ..tables import write_table
from ..training import automatic
from ..training import settings as training_settings
from ..training.areas import MoreAreas
from ..training.devices import PRECISION_NAMES, choose_device, training_precision
from ..training.reduced import warn_of_scars
from ..training.settings import PCUM, TITLES, CrossValidationOptions, TrainingSettings, learns_from_cells, patch_cells
from ..validation import out_of_fold as oof
from ..validation.fold_scores import MEAN, FoldResult, Resampling, SplitScores, optimism, roc_of, score_split
from ..validation.held_out import assign_regions, cells_to_hide, counts_of, date_period, later_landslides, region_blocks
from ..validation.metrics import Curve
from ..validation.verdict import Evidence, judge, tell
from ..windows import collection
from ..windows import split as splits
from ..windows.folded_cells import FEW_FOLDS
from ..windows.ownership import find_ownership
from ..zones.raster import scan_cells, values_of_cells
from . import sources_of
from . import train_pcum as shared
from .cross_validate_fold import FoldStudy, cross_validate_fold
from .fold_runner import FoldJob, FoldRunner, RunJobs, processes_that_fit
from .physics import with_physics_setting

SPATIAL, TEMPORAL, RANDOM, GAP = "spatial", "temporal", "random", "gap"
SLOPE, SAFETY_FACTOR = "slope", "safety_factor"
COLUMNS = ("split", "fold", "landslides", "stable_cells", "auc", "auc_low", "auc_high", "best_epoch", "epochs")
MORE_COLUMNS = ("land_cells", "blocks", "delong_low", "delong_high", "auc_stable", "auc_stable_low", "auc_stable_high")
BASELINE_COLUMNS = ("auc", "auc_low", "auc_high", "difference", "difference_low", "difference_high")
_WINDOW_COPIES = 2  # a window on the border between training and validation is kept once for each
_LIBRARY_BYTES = 0.7e9  # of the libraries alone
_TENSORS = 2.5  # memory of a training, relative to its windows
FOLDS = FoldJob("cross_validate_fold", cross_validate_fold)


@dataclass
class FoldFeature:
    """One block, or region, for the layer of folds; bounds in map units."""

    left: float
    bottom: float
    right: float
    top: float
    fold: int  # from 1
    landslide_cells: int
    labelled_cells: int
    auc: float | None  # of the block's whole fold
    name: str  # of the fold
    members: list[int] = field(default_factory=list)  # polygons of REGIONS that it consists of, where it is a region


@dataclass
class CrossValidation:
    """Result of a cross validation; the AUC is that of landslides against all other mapped land."""

    auc: float  # mean over the folds
    lowest: float  # AUC of the worst fold
    pooled: float | None  # AUC of the whole out-of-fold map; none where areas are left out, which have a map each
    random: float | None  # mean over the folds of a random split, if requested
    gap: float | None  # optimism of the random split: ``random`` − ``auc``
    auc_slope: float | None  # mean over the folds of slope alone, if the stack has it
    folds: list[FoldResult]
    blocks: list[FoldFeature]
    verdict: dict[str, Any] = field(default_factory=dict)  # level and reasons, of ``validation.verdict``


@dataclass(frozen=True)
class _HeldOut:
    """What is held out in place of blocks: a region at a time, or later landslides."""

    landslides: Landslides
    regions: Polygons | None = None
    members: list[list[int]] = field(default_factory=list)  # polygons of each region
    earlier: np.ndarray | None = None  # landslides to train on, and to test on
    later: np.ndarray | None = None

    @property
    def given(self) -> bool:
        """Whether it is not blocks."""
        return self.regions is not None or self.earlier is not None


@dataclass(frozen=True)
class _Run:
    """How the folds of all splits are computed."""

    study: FoldStudy  # of the spatial split
    rasters: splits.TrainingRasters
    options: CrossValidationOptions
    run_jobs: RunJobs | None
    cluster: Cluster | None
    progress: Progress


@dataclass
class _SplitResult:
    """Results of the folds of one split."""

    folds: splits.Folds
    names: list[str]
    epochs: list[list[int] | None]  # of networks: best epoch and number of epochs, by fold
    map: Path


def cross_validate(
    stack: str | os.PathLike,
    labels: str | os.PathLike,
    landslides: Landslides,
    output: str | os.PathLike,
    *,
    options: CrossValidationOptions,
    settings: TrainingSettings,
    safety_factor: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
    output_html: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    regions: Polygons | None = None,
    more_stacks: Sequence[str | os.PathLike] = (),
    more_labels: Sequence[str | os.PathLike] = (),
    more_safety_factors: Sequence[str | os.PathLike] = (),
    output_more: str | os.PathLike | None = None,
    run_jobs: RunJobs | None = None,
    progress: Progress,
) -> CrossValidation:
    """Cross-validate a kind of model over spatial blocks, regions or time.

    Each fold's blocks are predicted by a model trained on the others, of which a fifth serves for early stopping. With
    a random split the same is done with patches of a few cells, to show its optimism; for models that predict a patch
    as a whole these have its size. The outputs are written when all is done.

    With ``regions`` each is a fold; land outside all of them trains every model and has no value in the map. With
    ``options.split_field`` or ``date_field`` one model is trained on the earlier landslides and tested on the later
    ones of the same land; its map is the output, and there is no random split.

    Args:
        landslides: inventory in the grid's CRS, at which the maps are evaluated; a cell counts once.
        output: the out-of-fold map, a GeoTIFF on the stack's grid.
        options: kind of model, number of folds, and whether to use a random split too, which takes as long again.
        settings: of the training; SPLIT does not apply.
        safety_factor: on the stack's grid; PCUM learns with it, and every kind is compared with it.
        output_table: CSV with one row per fold.
        output_html: the report.
        output_document: the same for Word.
        details: of the office that hands the report on.
        regions: of which one after the other is left out; the landslides have the fields that the options name.
        more_stacks: factor stacks of more areas; then one area after the other is left out, whole.
        more_labels: their labels, each on the grid of its stack, in any order; their landslides are judged.
        more_safety_factors: the same, as far as there are any.
        output_more: folder for the maps of these areas.
        run_jobs: calls a job in several processes: name of the job, arguments and title of each call, number of
            processes, and the shares of the progress at which they begin and end. ``None`` as its result means that it
            cannot. Without it this process computes all folds. The result is the same.

    Raises:
        ParameterInvalid: there is no such kind, or a setting does not fit the data.
        TooFewData: too few blocks or regions with landslides, none before or after the date, or none on the map.
        FieldUnusable: a field has other values than its purpose needs.
        GridMismatch: labels or safety factor lie on another grid.
        ScarpError: as for training, prediction and clusters.
    """
    kind = options.kind
    settings = training_settings.enforce_kind_settings(kind, settings)
    training_settings.check_parts(settings)
    more = MoreAreas(more_stacks, more_labels, more_safety_factors)
    options.require_one_way(regions is not None, bool(more))
    if more:
        from .cross_validate_areas import leave_areas_out

        beside = {
            "table": output_table,
            "html": output_html,
            "more": output_more,
            "document": output_document,
            "details": details,
        }
        first = stack, labels, safety_factor
        return leave_areas_out(first, more, landslides, output, options, settings, beside, run_jobs, progress)
    check_writable(output, output_table, output_html, output_document)
    device = choose_device(settings.device)
    precision = PRECISION_NAMES[training_precision(settings.precision, device)]
    inputs = sources_of(stack=stack, labels=labels, landslides=landslides, safety_factor=safety_factor, regions=regions)
    record = RunRecord("crossvalidate", {**options.record(), **settings.record()}, inputs)
    log = WarningLog(progress)
    report = ReportFiles.of_run(output_html, output_document, details, log)
    warn_stale_inputs({"factor stack": stack, "labels": labels, "safety factor": safety_factor}, log)
    if kind == PCUM:
        settings = with_physics_setting(settings, safety_factor, log)
    held_out = _HeldOut(landslides, regions)
    if options.temporal:
        earlier, later = later_landslides(landslides, options, log)
        held_out = dataclasses.replace(held_out, earlier=earlier, later=later)
    reads = [path for path in (stack, labels, safety_factor) if path is not None]
    with (
        partial_results_folder(output) as folder,
        splits.open_training_rasters(stack, labels, safety_factor, log) as rasters,
        connect(options.scheduler, log, reads, Path(output).absolute().parent) as cluster,
    ):
        grid = rasters.grid
        warn_of_scars([rasters], log, date_period(options.split_date)[0].year if options.date_field else None)
        asked: tuple[TrainingSettings, CrossValidationOptions] = settings, options
        folds = options.folds or FEW_FOLDS
        settings = automatic.complete(settings, kind, [rasters], SubProgress(log, 0.0, 0.02), folds)
        cells = oof.landslide_cells(grid, landslides, log, held_out.later)
        files = (stack, labels, safety_factor if kind == PCUM else None, output, folder)
        # The same on every machine of a cluster, whatever it has.
        fixed = dataclasses.replace(settings, device=str(device), precision=precision)
        with automatic.advice(asked[0], kind, [rasters], folds):
            study = _study(rasters, options, fixed, held_out, files, SubProgress(log, 0.02, 0.05))
        if not held_out.given:
            options = dataclasses.replace(options, folds=study.count)
        run = _Run(study, rasters, options, run_jobs, cluster, log)
        progress.report(0.05, f"{TITLES[kind]}: {_plan_line(study)}")
        main, compare = study.split, options.random_split and not options.temporal
        results = {main: _run_split(run, study, 0.05, 0.48 if compare else 0.9)}
        if compare:
            patches = _random_patches(study, rasters, SubProgress(log, 0.48, 0.5))
            results[RANDOM] = _run_split(run, patches, 0.5, 0.9)
        whole, ring = results[main].map, ring_of(rasters, labels)
        strangers, part = results[main].folds.strangers, SubProgress(log, 0.9, 0.91)
        about = labels, landslides, cells, ring, study.count, settings.seed
        sample = oof.draw_sample(whole, *about, part, strangers)
        baselines = baselines_at(rasters, sample, SubProgress(log, 0.91, 0.92))
        judged = _judge(results, sample, baselines, settings.seed, grid, SubProgress(log, 0.92, 0.98))
        scores, part = judged.scores, SubProgress(log, 0.97, 0.98)
        evidence = evidence_of_map(whole, grid, scores[main].mean, results[main].epochs, options.temporal, part)
        # Not before: a run that fails or is cancelled leaves no map that looks finished.
        with atomic_output(output) as temporary:
            os.replace(whole, temporary)
    gap = optimism(scores[main], scores[RANDOM]) if RANDOM in scores else None
    result = _summarise(results[main], scores[main], scores.get(RANDOM), gap, held_out, grid)
    if output_table is not None:
        write_table(output_table, table_columns(baselines), _rows(results, scores, gap, baselines))
    _report(result, scores[main], gap, log)
    verdict = judge(evidence)
    warnings = list(log.warnings)  # the report has the verdict in its first card
    tell(verdict, log, 0.98)
    result.verdict = verdict.as_dict()
    if report.wanted:
        from ..report.cross_validation import CrossValidationContent, cross_validation_page

        content = CrossValidationContent(
            title=TITLES[kind],
            way=_way(study),
            fold_word="region" if regions is not None else "fold",
            scores=scores[main],
            random=scores.get(RANDOM),
            gap=gap,
            verdict=verdict,
            blocks=judged.resampling.blocks,
            roc=judged.curves,
            prediction_rate=judged.resampling.prediction_rate(sample),
            folds=results[main].folds,
            grid=grid,
            epochs=results[main].epochs,
            ring=ring,
            settings={**options.record(), **settings.record()},
            inputs=[stack, labels, landslides.source_or_name],
            warnings=warnings,
        )
        report.write(cross_validation_page(content, log))
    numbers = {"auc": result.auc, "auc_lowest": result.lowest, "auc_pooled": result.pooled}
    metrics = {**numbers, "auc_random": result.random, "gap": result.gap, "auc_slope": result.auc_slope}
    outputs = {"OUTPUT": output, "OUTPUT_TABLE": output_table, "OUTPUT_HTML": output_html}
    outputs["OUTPUT_DOCUMENT"] = output_document
    used = {
        "settings_used": {**options.as_dict(), **settings.as_dict()},
        "automatic": {**automatic_values(asked[0], settings), **automatic_values(asked[1], options)},
    }
    record.write(outputs, seed=settings.seed, metrics=metrics, verdict=result.verdict, warnings=log.warnings, **used)
    progress.report(1.0)
    return result


def _study(
    rasters: splits.TrainingRasters,
    options: CrossValidationOptions,
    settings: TrainingSettings,
    held_out: _HeldOut,
    files: Sequence[Any],
    progress: Progress,
) -> FoldStudy:
    """Scan the labels and divide the land into folds. ``files``: stack, labels, safety factor, output, folder."""
    grid, kind, labels, seed = rasters.grid, options.kind, rasters.labels, settings.seed
    blocks, group = splits.Blocks.for_grid(grid, settings.block_side), (1, 1)
    if held_out.regions is not None:
        blocks, group = region_blocks(grid, settings.block_side)
    fine, side, count = splits.Blocks.of_cells(grid, grid.height, grid.width), 0, 0
    if not learns_from_cells(kind, settings):
        plan = shared.window_plan(kind, settings, grid.cell_size())
        side, count = collection.window_capacity(grid, len(rasters.factors), plan, _WINDOW_COPIES)
        fine = collection.fine_blocks(grid, side)
    scan = splits.scan_labels(rasters, blocks, fine, seed, progress)
    ownership, hidden = find_ownership(labels, grid, blocks, NullProgress()), None
    if held_out.regions is not None:
        field, part = options.region_field, SubProgress(progress, 1.0, 1.0)
        table, names, members = assign_regions(grid, blocks, held_out.regions, field, scan.landslide, part)
        held_out.members.extend(members)
        folds = splits.Folds(blocks, table, scan.landslide, scan.labelled, len(names), ownership, group=group)
    elif held_out.earlier is not None:
        hidden = cells_to_hide(labels, grid, held_out.landslides, held_out.earlier, SubProgress(progress, 1.0, 1.0))
        less = counts_of(hidden, blocks, scan.landslide)
        counts, names = (scan.landslide - less, scan.labelled - less), ["later landslides"]
        folds = splits.Folds(blocks, np.zeros(blocks.shape, np.uint8), *counts, 1, ownership)
    else:
        number = options.folds or automatic.number_of_folds(scan.landslide)
        if not options.folds:
            progress.report(1.0, f"FOLDS is automatic: {number}; {(scan.landslide > 0).sum()} blocks hold landslides.")
        folds = splits.make_folds(blocks, scan.landslide, scan.labelled, number, seed)
        names = [str(fold + 1) for fold in range(folds.count)]
        folds = dataclasses.replace(folds, ownership=ownership)
    for fold, name in enumerate(names if held_out.given else ()):
        rest = folds.landslide if hidden is not None else np.where(folds.subsets == fold, 0, folds.landslide)
        if (folds.grouped(rest) > 0).sum() < 2:
            raise TooFewData(
                f"Without {name} landslides lie in fewer than two blocks, but one is needed to train and one to "
                "validate on. Make BLOCK smaller, or hold back less."
            )
    stack, label_path, safety_factor, output, folder = (path and absolute_path(path) for path in files)
    return FoldStudy(
        kind=kind,
        settings=settings,
        stack=stack,
        labels=label_path,
        safety_factor=safety_factor,
        output=output,
        folder=folder,
        split=SPATIAL if hidden is None else TEMPORAL,
        **_folds_of(folds),
        fine_blocks=(fine.rows, fine.columns),
        fine_labelled=scan.fine_labelled,
        cells=scan.cells,
        side=side,
        max_windows=count,
        names=names,
        group=group,
        hidden=None if hidden is None else hidden.flat,
    )


def _plan_line(study: FoldStudy) -> str:
    holding, side = int((study.landslide > 0).sum()), f"blocks of {study.settings.block_side:g} m"
    if study.split == TEMPORAL:
        return f"trained on the earlier landslides, of which {side} serve for validation; {holding} blocks hold some."
    if study.group != (1, 1):
        return f"{study.count} regions are left out one by one, with {side} for validation inside."
    return f"{study.count} folds of {side}; {holding} blocks hold landslides."


def _way(study: FoldStudy) -> str:
    """Return what was held out, as a sentence for the report."""
    if study.split == TEMPORAL:
        return (
            "One model was trained on the earlier landslides and tested on the later ones of the same land. It has "
            "seen the land itself, so this is a test in time, not of land not seen."
        )
    what = (
        "Each region was left out once" if study.group != (1, 1) else "Blocks of land were held out, a fold at a time"
    )
    return f"{what}, and predicted by a model that was trained on the rest only."


def absolute_path(path: str | os.PathLike) -> str:
    """Return a path that another process finds; names of virtual rasters stay."""
    return os.path.abspath(path) if os.path.exists(path) else os.fspath(path)


def _folds_of(folds: splits.Folds) -> dict[str, Any]:
    blocks = folds.blocks.rows, folds.blocks.columns
    tables = {name: getattr(folds, name) for name in ("subsets", "landslide", "labelled", "count")}
    names = ("disc_cells", "owners", "patch_cells", "patches", "radius", "ring")
    ownership = folds.ownership and {name: getattr(folds.ownership, name) for name in names}
    return {"blocks": blocks, **tables, "ownership": ownership}


def _random_patches(study: FoldStudy, rasters: splits.TrainingRasters, progress: Progress) -> FoldStudy:
    """Return the study of patches assigned at random: of a few cells, or of those that a model predicts as a whole."""
    grid, seed = rasters.grid, study.settings.seed
    side = max(splits.MIN_RANDOM_PATCH_SIDE, patch_cells(study.kind, grid.cell_size()))
    blocks, whole = splits.Blocks.of_cells(grid, side, side), splits.Blocks.of_cells(grid, grid.height, grid.width)
    scan = splits.scan_labels(rasters, blocks, whole, seed, progress)
    folds = splits.make_folds(blocks, scan.landslide, scan.labelled, study.count, seed)
    names = [str(fold + 1) for fold in range(study.count)]
    return dataclasses.replace(study, split=RANDOM, names=names, group=(1, 1), **_folds_of(folds))


def ring_of(rasters: splits.TrainingRasters, labels: str | os.PathLike) -> float:
    """Return the ring of the labels in metres, 0 where they do not tell."""
    discs = read_discs(rasters.labels, rasters.grid)
    if discs is not None:
        return discs.ring
    ring = shared.label_settings(labels).get("RING", 0)
    return float(ring) if isinstance(ring, (int, float)) else 0.0


def _run_split(run: _Run, study: FoldStudy, start: float, end: float) -> _SplitResult:
    """Train and predict all folds of one split, and put their maps together."""
    grid, split, part = run.rasters.grid, study.split, SubProgress(run.progress, start, end)
    folds = study.folds(grid)
    processes = run.options.processes or _automatic_processes(run)
    runner = FoldRunner(FOLDS, processes, run.run_jobs, run.cluster, run.progress)
    epochs = runner.run(study, start, start + 0.97 * (end - start))
    meaning = f"{MEANING}; {OUT_OF_FOLD_MEANING}"
    tags = {MEANING_TAG: meaning, "KIND": study.kind, "FOLDS": str(folds.count), "SPLIT": split}
    whole, maps = Path(study.folder) / f"{split}.tif", {fold: study.map(fold) for fold in range(folds.count)}
    oof.merge_folds(maps, folds, grid, whole, tags, SubProgress(part, 0.97, 1.0))
    return _SplitResult(folds, study.names, epochs, whole)


def _automatic_processes(run: _Run) -> int:
    """Return how many folds may run at once: one a core, as far as memory allows, and one on a GPU."""
    study = run.study
    if learns_from_cells(study.kind, study.settings):
        return processes_that_fit()
    if choose_device(study.settings.device).type != "cpu":
        return 1
    plan = shared.window_plan(study.kind, study.settings, run.rasters.grid.cell_size())
    windows = study.max_windows * 4.0 * len(run.rasters.factors) * plan.padded_side(study.side) ** 2
    return processes_that_fit(_LIBRARY_BYTES + _TENSORS * windows)


def baselines_at(
    rasters: splits.TrainingRasters, sample: oof.EvaluationSample, progress: Progress
) -> dict[str, np.ndarray]:
    """Return the values of the baselines at the sample: slope, and 1 − safety factor; what is missing is left out."""
    found = {}
    names = [factor.name for factor in rasters.factors if factor.name == SLOPE and factor.kind == "continuous"]
    for name in names:
        found[SLOPE] = oof.sample_factor(rasters.stack, name, sample, progress)
    if rasters.safety is not None:
        values = values_of_cells(rasters.safety, rasters.grid, sample.rows, sample.columns, progress)
        found[SAFETY_FACTOR] = 1 - values
    return found


@dataclass
class _Judgement:
    """What all splits were judged by, and the outcome."""

    scores: dict[str, SplitScores]
    resampling: Resampling
    curves: list[tuple[str, Curve]]  # ROC curves of the whole map and of the baselines


def _judge(
    results: Mapping[str, _SplitResult],
    sample: oof.EvaluationSample,
    baselines: Mapping[str, np.ndarray],
    seed: int,
    grid: Grid,
    progress: Progress,
) -> _Judgement:
    """Judge all splits at the same cells and with the same resamples."""
    values = {split: oof.sample_raster(result.map, sample, NullProgress()) for split, result in results.items()}
    main = next(iter(values))
    resampling = Resampling(sample, grid, values[main], seed)
    scores = {}
    for number, (split, result) in enumerate(results.items()):
        part = SubProgress(progress, number / len(results), (number + 1) / len(results))
        fold_of = oof.folds_of_cells(result.folds, sample.rows, sample.columns)
        # The baselines are the same whatever the split; they are judged by the land of the main one's folds.
        beside = baselines if split == main else {}
        scores[split] = score_split(sample, values[split], fold_of, result.names, beside, resampling, part)
    curves = [(f"model, AUC {scores[main].pooled.auc.value:.3f}", roc_of(sample, values[main]))]
    for name, one in baselines.items():
        auc = scores[main].pooled.baselines[name].auc.value
        if math.isfinite(auc):
            curves.append((f"{name.replace('_', ' ')} alone, AUC {auc:.3f}", roc_of(sample, one)))
    return _Judgement(scores, resampling, curves)


def _summarise(
    result: _SplitResult,
    main: SplitScores,
    random: SplitScores | None,
    gap: Estimate | None,
    held_out: _HeldOut,
    grid: Grid,
) -> CrossValidation:
    folds, features = result.folds, []
    if held_out.regions is not None:
        bounds = held_out.regions.bounds()
        for fold, members in enumerate(held_out.members):
            mine, some = folds.subsets == fold, bounds[members]
            (left, bottom), (right, top) = some[:, :2].min(axis=0).tolist(), some[:, 2:].max(axis=0).tolist()
            counts = int(folds.landslide[mine].sum()), int(folds.labelled[mine].sum())
            features.append(
                FoldFeature(
                    left,
                    bottom,
                    right,
                    top,
                    fold + 1,
                    *counts,
                    known_value(main.single[fold].auc),
                    result.names[fold],
                    members,
                )
            )
    else:
        for row, column in np.argwhere(folds.labelled > 0).tolist():
            fold, place = int(folds.subsets[row, column]), folds.blocks.bounds(grid, row, column)
            counts = int(folds.landslide[row, column]), int(folds.labelled[row, column])
            features.append(
                FoldFeature(*place, fold + 1, *counts, known_value(main.single[fold].auc), result.names[fold])
            )
    slope = main.mean.baselines.get(SLOPE)
    return CrossValidation(
        auc=main.mean.auc.value,
        lowest=float(np.nanmin([row.auc.value for row in main.single])),
        pooled=main.pooled.auc.value,
        random=None if random is None else random.mean.auc.value,
        gap=None if gap is None else gap.value,
        auc_slope=None if slope is None else slope.auc.value,
        folds=main.rows,
        blocks=features,
    )


def evidence_of_map(
    whole: Path, grid: Grid, mean: FoldResult, epochs: Sequence[list[int] | None], same_land: bool, progress: Progress
) -> Evidence:
    """Return what the folds tell of this kind of model, and write it into the tags of the out-of-fold map. Later
    landslides on the ``same_land`` are no test on land not seen.
    """
    with open_raster(whole, "map") as dataset:
        found = weighted_quantiles(scan_cells(dataset, grid, progress), [0.05, 0.95])
    known, slope = mean.auc.has_interval, mean.baselines.get(SLOPE)
    trained = np.array([one for one in epochs if one]).reshape(-1, 2)
    best, count = np.median(trained, axis=0).astype(int).tolist() if len(trained) else (None, None)
    evidence = Evidence(
        auc=mean.auc.value if math.isfinite(mean.auc.value) and not same_land else None,
        auc_low=mean.auc.low if known else None,
        auc_high=mean.auc.high if known else None,
        blocks=mean.blocks,
        auc_slope=None if slope is None else slope.auc.value,
        best_epoch=best,
        epochs=count,
        low_value=found.values[0],
        high_value=found.values[1],
    )
    with rasterio.open(whole, "r+") as dataset:
        dataset.update_tags(**evidence.tags())
    return evidence


def known_value(estimate: Estimate) -> float | None:
    """Return a number, ``None`` where it is not known."""
    return estimate.value if math.isfinite(estimate.value) else None


def _report(result: CrossValidation, scores: SplitScores, gap: Estimate | None, progress: Progress) -> None:
    without = [row.fold for row in scores.single if not row.landslides]
    if without:
        progress.warn(
            f"No landslide of LANDSLIDES lies in these folds, so they do not count: {', '.join(without)}. Make FOLDS "
            "or BLOCK smaller."
        )
    mean = scores.mean
    number = f"{mean.auc.value:.3f}{interval_in_brackets(mean.auc)} from {mean.blocks} independent blocks"
    whole = f"worst fold {result.lowest:.3f}, whole out-of-fold map {result.pooled:.3f}"
    text = f"On land not seen: mean AUC over the folds {number}, {whole}"
    if len(scores.single) == 1:
        text = f"Later landslides on the same land: AUC {number}"
    progress.report(0.98, f"{text}. Against stable land alone it is {mean.auc_stable.value:.3f}.")
    for name, words in ((SLOPE, "Slope"), (SAFETY_FACTOR, "The safety factor")):
        if name in mean.baselines:
            beside = mean.baselines[name]
            text = (
                f"{words} alone has {beside.auc.value:.3f}; model less {words.lower()}: {beside.difference.value:.3f}"
            )
            progress.report(0.98, f"{text}{interval_in_brackets(beside.difference)}.")
    if gap is None or result.random is None:
        return
    text = "no more than over blocks: neighbouring training cells do not favour this model."
    if gap.value > 0:
        reason = "because test cells are neighbours of training cells. In new areas expect the AUC of the blocks."
        text = f"{gap.value:.3f}{interval_in_brackets(gap)} more, {reason}"
    progress.report(0.98, f"With a random split the mean AUC is {result.random:.3f}, {text}")


def interval_in_brackets(estimate: Estimate) -> str:
    """Return the ends of an interval as text to put behind the number; nothing if they are not known."""
    return f" ({estimate.low:.3f} to {estimate.high:.3f})" if estimate.has_interval else ""


def table_columns(baselines: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of the table of folds."""
    of_baselines = (f"{name}_{column}" for name in baselines for column in BASELINE_COLUMNS)
    return (*COLUMNS, *MORE_COLUMNS, *of_baselines)


def _rows(
    results: Mapping[str, _SplitResult],
    scores: Mapping[str, SplitScores],
    gap: Estimate | None,
    baselines: Mapping[str, Any],
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for split, result in results.items():
        for place, row in enumerate(scores[split].rows):
            if split == TEMPORAL and place:
                break  # there is one model, so the other rows would repeat the first
            epochs = result.epochs[place] if place < len(result.epochs) else None
            rows.append(table_row(split, row, baselines, epochs))
    if gap is not None:
        known = dict(zip(("split", "fold", "auc", "auc_low", "auc_high"), (GAP, MEAN, *_three(gap))))
        known["blocks"] = scores[SPATIAL].mean.blocks
        rows.append(tuple(known.get(column) for column in table_columns(baselines)))
    return rows


def table_row(
    split: str, row: FoldResult, baselines: Iterable[str], epochs: list[int] | None = None
) -> tuple[object, ...]:
    """Return the cells of :func:`table_columns` for one fold."""
    main = row.landslides, row.stable, *_three(row.auc), *(epochs or (None, None))
    more = row.land, row.blocks, row.delong.low, row.delong.high, *_three(row.auc_stable)
    beside: list[float | None] = []
    for name in baselines:
        found = row.baselines.get(name)
        beside += [*_three(found.auc), *_three(found.difference)] if found else [None] * len(BASELINE_COLUMNS)
    return (split, row.fold, *main, *more, *beside)


def _three(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high
