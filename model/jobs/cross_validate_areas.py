"""Leave-one-area-out validation: every area predicted by a model that was trained on the other areas."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from ..cluster.connection import connect
from ..cluster.shared_storage import partial_results_folder
from ..errors import ParameterInvalid
from ..grid import Grid
from ..inputs.vectors import Landslides
from ..options import automatic_values
from ..outputs.atomic import atomic_output, check_writable
from ..outputs.run_record import RunRecord, read_record
from ..progress import NullProgress, Progress, SubProgress, WarningLog
from ..provenance.records import MEANING, MEANING_TAG, OUT_OF_FOLD_MEANING, warn_stale_inputs
from ..report.files import ReportFiles
from ..tables import write_table
from ..training import automatic
from ..training import settings as training_settings
from ..training.areas import AreaFiles, MoreAreas, match_areas, open_areas
from ..training.devices import PRECISION_NAMES, choose_device, training_precision
from ..training.settings import PCUM, TITLES, CrossValidationOptions, TrainingSettings
from ..validation import out_of_fold as oof
from ..validation.fold_scores import FoldResult, Resampling, SplitScores, mean_of_areas, roc_of, score_split
from ..validation.labelled_landslides import landslides_of_labels
from ..validation.metrics import Curve
from ..validation.verdict import Evidence, judge, tell
from ..windows.folded_cells import FEW_FOLDS
from ..windows.split import Blocks, DividedLand, TrainingRasters, scan_land
from . import sources_of
from .cross_validate import (
    SLOPE,
    CrossValidation,
    FoldFeature,
    absolute_path,
    baselines_at,
    evidence_of_map,
    interval_in_brackets,
    known_value,
    ring_of,
    table_columns,
    table_row,
)
from .cross_validate_area import AreaStudy, cross_validate_area
from .fold_runner import FoldJob, FoldRunner, RunJobs, processes_that_fit
from .physics import with_physics_setting

AREA = "area"  # the split, in the table
AREAS = FoldJob("cross_validate_area", cross_validate_area)


@dataclass
class JudgedArea:
    """An area, judged by the model that did not see it."""

    name: str
    grid: Grid
    landslide_cells: int  # that the labels have
    labelled_cells: int
    scores: SplitScores  # of one fold
    roc: Curve
    evidence: Evidence

    @property
    def row(self) -> FoldResult:
        """The numbers of the area."""
        return self.scores.rows[0]


def leave_areas_out(
    first: tuple[Any, Any, Any],
    more: MoreAreas,
    landslides: Landslides,
    output: str | os.PathLike,
    options: CrossValidationOptions,
    settings: TrainingSettings,
    files: Mapping[str, Any],
    run_jobs: RunJobs | None,
    progress: Progress,
) -> CrossValidation:
    """Validate a kind of model that learns from cells on areas that it has not seen; see
    :func:`.cross_validate.cross_validate`.

    Landslides of the first area are those given; of the others the points of their labels. The maps are put in place
    when all is done: that of the first area is the output, the others go to a folder, if it is given.

    Args:
        first: stack, labels and safety factor of the first area.
        more: the others.
        landslides: inventory of the first area.
        output: map of the first area.
        options: FOLDS and RANDOM_SPLIT have no effect.
        settings: of the trainings.
        files: paths of ``table``, ``html`` and ``document``, and the folder ``more``, ``None`` for what is not wanted;
            and ``details`` of the office for the report.
        run_jobs: as in ``cross_validate``.
        progress: of all.
    """
    kind = options.kind
    settings = training_settings.enforce_kind_settings(kind, settings)
    training_settings.require_cells(kind, settings, True)
    areas = match_areas(*first, more)
    maps = [os.fspath(output), *_more_maps(files["more"], areas[1:])]
    check_writable(*maps, files["table"], files["html"], files["document"])
    device = choose_device(settings.device)
    precision = PRECISION_NAMES[training_precision(settings.precision, device)]
    inputs = sources_of(stack=first[0], labels=first[1], landslides=landslides, safety_factor=first[2])
    record = RunRecord("crossvalidate", {**options.record(), **settings.record()}, {**inputs, **more.record()})
    log = WarningLog(progress)
    report = ReportFiles.of_run(files["html"], files["document"], files["details"], log)
    for area in areas:
        roles = dict(zip(("factor stack", "labels", "safety factor"), area.files))
        warn_stale_inputs(roles, log)
    if kind == PCUM:
        known = next((area.safety_factor for area in areas if area.safety_factor is not None), None)
        settings = with_physics_setting(settings, known, log)
    reads = [path for area in areas for path in area.files if path is not None]
    with (
        partial_results_folder(output) as folder,
        open_areas(areas, log) as opened,
        connect(options.scheduler, log, reads, Path(output).absolute().parent) as cluster,
    ):
        asked = settings
        settings = automatic.complete(settings, kind, opened, SubProgress(log, 0.0, 0.04), FEW_FOLDS)
        # The same on every machine of a cluster, whatever it has.
        fixed = dataclasses.replace(settings, device=str(device), precision=precision)
        names = [factor.name for factor in opened[0].factors]
        place = os.path.abspath(output), os.fspath(folder)
        study = AreaStudy(kind, fixed, *place, AREA, len(areas), [_fields(area, kind) for area in areas], names)
        progress.report(0.05, f"{TITLES[kind]}: {study.count} areas are left out one by one.")
        processes = options.processes or processes_that_fit()
        FoldRunner(AREAS, processes, run_jobs, cluster, log).run(study, 0.05, 0.85)
        judged = []
        for number, (area, rasters) in enumerate(zip(areas, opened)):
            part = SubProgress(log, *(0.85 + 0.12 * step / len(areas) for step in (number, number + 1)))
            own = landslides if number == 0 else landslides_of_labels(rasters.labels, rasters.grid, NullProgress())
            judged.append(_judge(study, number, rasters, own, area, part))
        # Not before: a run that fails or is cancelled leaves no map that looks finished.
        for number, target in enumerate(maps):
            with atomic_output(target) as temporary:
                os.replace(_whole_map(study, number), temporary)
    mean = mean_of_areas([one.scores for one in judged])
    result = _summarise(judged, mean)
    _tell(judged, mean, log)
    if files["table"] is not None:
        baselines = sorted({name for one in judged for name in one.row.baselines})
        rows = [table_row(AREA, row, baselines) for row in (*result.folds, mean)]
        write_table(files["table"], table_columns(baselines), rows)
    evidence = _evidence_of_mean(judged[0].evidence, mean)
    verdict, warnings = judge(evidence), list(log.warnings)
    tell(verdict, log, 0.98)
    result.verdict = verdict.as_dict()
    if report.wanted:
        from ..report.area_validation import area_validation_page

        shown = {**options.record(), **settings.record()}
        names = [Path(path).name for path in (*(area.stack for area in areas), *(area.labels for area in areas))]
        report.write(area_validation_page(TITLES[kind], judged, mean, verdict, shown, names, warnings, log))
    metrics = {"auc": result.auc, "auc_lowest": result.lowest, "auc_slope": result.auc_slope}
    outputs = {"OUTPUT": output, "OUTPUT_TABLE": files["table"], "OUTPUT_HTML": files["html"]}
    outputs["OUTPUT_DOCUMENT"] = files["document"]
    outputs |= {f"OUTPUT_MORE {area.name}": path for area, path in zip(areas[1:], maps[1:])}
    used = {
        "settings_used": {**options.as_dict(), **settings.as_dict()},
        "automatic": automatic_values(asked, settings),
    }
    record.write(outputs, seed=settings.seed, metrics=metrics, verdict=result.verdict, warnings=log.warnings, **used)
    progress.report(1.0)
    return result


def _more_maps(folder: str | os.PathLike | None, areas: Sequence[AreaFiles]) -> list[str]:
    """Return the paths of the maps of areas in a folder, none without one. Raises ``ParameterInvalid`` if a file that
    Scarp did not write has such a name.
    """
    if folder is None:
        return []
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, f"{area.name.replace('/', '_')}.tif") for area in areas]
    for path in paths:
        if os.path.isfile(path) and os.path.getsize(path) and not _is_own(path):
            raise ParameterInvalid(
                f"OUTPUT_MORE would replace {path}, which Scarp did not write: there is no run record beside it. "
                "Choose another folder."
            )
    return paths


def _is_own(path: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return str(read_record(path).get("algorithm")).startswith("scarp:")
    return False


def _fields(area: AreaFiles, kind: str) -> list[str | None]:
    safety = area.safety_factor if kind == PCUM else None
    return [area.name, *(path and absolute_path(path) for path in (area.stack, area.labels, safety))]


def _whole_map(study: AreaStudy, number: int) -> Path:
    return Path(study.folder) / f"map{number + 1}.tif"


def _judge(
    study: AreaStudy, number: int, rasters: TrainingRasters, landslides: Landslides, area: AreaFiles, progress: Progress
) -> JudgedArea:
    """Judge the map of an area: its landslides against all its other mapped land."""
    grid, whole, seed = rasters.grid, _whole_map(study, number), study.settings.seed
    blocks = Blocks.of_cells(grid, *grid.shape)
    land = DividedLand(blocks, np.zeros(blocks.shape, dtype=np.uint8))
    meaning = f"{MEANING}; {OUT_OF_FOLD_MEANING}"
    tags = {MEANING_TAG: meaning, "KIND": study.kind, "FOLDS": str(study.count), "SPLIT": "spatial", "LEFT_OUT": AREA}
    oof.merge_folds({0: study.map(number)}, land, grid, whole, tags, SubProgress(progress, 0.0, 0.2))
    cells, ring = oof.landslide_cells(grid, landslides, progress), ring_of(rasters, area.labels)
    about = area.labels, landslides, cells, ring, 1, seed
    sample = oof.draw_sample(whole, *about, SubProgress(progress, 0.2, 0.4))
    baselines = baselines_at(rasters, sample, SubProgress(progress, 0.4, 0.5))
    values = oof.sample_raster(whole, sample, NullProgress())
    resampling, fold_of = Resampling(sample, grid, values, seed), np.zeros(len(values), dtype=np.uint8)
    part = SubProgress(progress, 0.5, 0.9)
    scores = score_split(sample, values, fold_of, [area.name], baselines, resampling, part)
    evidence = evidence_of_map(whole, grid, scores.rows[0], [], False, SubProgress(progress, 0.9, 1.0))
    known = scan_land(rasters, seed, NullProgress())
    return JudgedArea(area.name, grid, known.landslide, known.labelled, scores, roc_of(sample, values), evidence)


def _summarise(judged: Sequence[JudgedArea], mean: FoldResult) -> CrossValidation:
    slope = mean.baselines.get(SLOPE)
    return CrossValidation(
        auc=mean.auc.value,
        lowest=float(np.nanmin([one.row.auc.value for one in judged])),
        pooled=None,
        random=None,
        gap=None,
        auc_slope=None if slope is None else slope.auc.value,
        folds=[one.row for one in judged],
        blocks=_features(judged),
    )


def _features(judged: Sequence[JudgedArea]) -> list[FoldFeature]:
    """Return the rectangles of the areas in the CRS of the first; those beyond its reach are left out."""
    result, crs = [], judged[0].grid.crs
    for number, one in enumerate(judged, 1):
        bounds: tuple[float, ...] = one.grid.bounds
        with contextlib.suppress(RasterioError):
            bounds = transform_bounds(one.grid.crs, crs, *bounds) if one.grid.crs != crs else bounds
            counts = one.landslide_cells, one.labelled_cells
            if all(map(math.isfinite, bounds)):
                left, bottom, right, top = bounds
                auc = known_value(one.row.auc)
                result.append(FoldFeature(left, bottom, right, top, number, *counts, auc, one.name))
    return result


def _evidence_of_mean(evidence: Evidence, mean: FoldResult) -> Evidence:
    known, slope = mean.auc.has_interval, mean.baselines.get(SLOPE)
    return dataclasses.replace(
        evidence,
        auc=known_value(mean.auc),
        auc_low=mean.auc.low if known else None,
        auc_high=mean.auc.high if known else None,
        blocks=mean.blocks,
        auc_slope=None if slope is None else slope.auc.value,
    )


def _tell(judged: Sequence[JudgedArea], mean: FoldResult, progress: Progress) -> None:
    for one in judged:
        auc, slope = one.row.auc, one.row.baselines.get(SLOPE)
        beside = "" if slope is None else f", slope alone {slope.auc.value:.3f}"
        progress.report(0.98, f"{one.name}, left out: AUC {auc.value:.3f}{interval_in_brackets(auc)}{beside}.")
    auc, slope = mean.auc, mean.baselines.get(SLOPE)
    text = f"On areas not seen: mean AUC {auc.value:.3f}{interval_in_brackets(auc)}"
    if slope is not None:
        gain = f"model less slope: {slope.difference.value:.3f}{interval_in_brackets(slope.difference)}"
        text += f"; slope alone {slope.auc.value:.3f}, {gain}"
    progress.report(0.98, f"{text}.")
