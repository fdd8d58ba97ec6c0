"""Factor stack, trained model and labels in; what drives the map out."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from dataclasses import dataclass

from ..artifact import load_model
from ..explanation import dominant_factor, importance, response
from ..explanation import sample as sampling
from ..explanation.explained_model import ExplainedModel
from ..explanation.sample import LabelledArea
from ..explanation.settings import ExplanationInputs, ExplanationOptions
from ..factors.polygons import AreaMask
from ..grid import Grid
from ..inputs.bands import open_band
from ..inputs.rasters import open_raster
from ..labels import LANDSLIDE, STABLE
from ..memory import retain_freed_memory
from ..options import automatic_values
from ..outputs.atomic import atomic_output, check_writable
from ..outputs.run_record import RunRecord
from ..prediction.ensemble import full_precision_fp32
from ..progress import Progress, SubProgress, WarningLog, duration, stop_if_cancelled
from ..provenance.records import changed_since_training, warn_changed_stack, warn_stale_inputs
from ..report.explanation import COLUMNS, Explanation, explanation_page, explanation_rows, format_estimate
from ..report.files import ReportFiles
from ..report.maps import read_map
from ..report.settings import DocumentDetails
from ..stack import open_stack
from ..tables import write_table
from . import sources_of

FEW_BLOCKS = 30  # fewer blocks than this give rough intervals
OPTIMISM_WARNING = (
    "The labels are used as they are given. Where the model was trained on them, the map looks better and its factors "
    "more important than in areas it has not seen; for an unbiased evaluation choose labels of another area, or an "
    "AREA that was not used for training."
)


@dataclass
class ExplanationSummary:
    """The main numbers of an explanation, by factor name."""

    auc: float
    blocks: int
    landslide_cells: int
    stable_cells: int
    ranking: list[tuple[str, float]]  # drop in AUC, the most important factor first
    verdicts: dict[str, str]  # plausibility
    dominant_shares: dict[str, float]  # share of the area that each factor dominates
    warnings: list[str]


def explain_susceptibility(
    inputs: ExplanationInputs,
    options: ExplanationOptions,
    *,
    output_html: str | os.PathLike | None = None,
    output_table: str | os.PathLike | None = None,
    output_leading: str | os.PathLike | None = None,
    output_document: str | os.PathLike | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> ExplanationSummary:
    """Find what drives a model's map: importance, responses, plausibility, dominant factor.

    Only a sample of blocks goes through the network, so the time does not grow with the area; except for
    ``output_leading``, which takes 2 × factors × references predictions of the area.

    Args:
        inputs: factor stack (factors are found by name, classes by label), trained model of any kind, labels on the
            stack's grid, and polygons to explain.
        output_table: path of the CSV with all numbers; as JSON beside it.
        output_leading: path of the uint8 GeoTIFF of dominant factors.
        output_document: the report for Word.
        details: of the office that hands the report on.

    Raises:
        ParameterInvalid: a factor is of another kind in the stack than in the model.
        FactorMissing: the stack lacks factors of the model.
        GridMismatch: the labels are on another grid.
        TooFewData: too few blocks with labels, or labels of one class only.
    """
    outputs = {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table, "OUTPUT_LEADING": output_leading}
    outputs["OUTPUT_DOCUMENT"] = output_document
    check_writable(*outputs.values())
    warning_log, area, sources = WarningLog(progress), inputs.area, sources_of(**vars(inputs))
    report = ReportFiles.of_run(output_html, output_document, details, warning_log)
    record = RunRecord("explainsusceptibility", options.record(), sources)
    warn_stale_inputs({"factor stack": inputs.stack, "labels": inputs.labels}, warning_log)
    trained, name = load_model(inputs.model), os.path.basename(str(inputs.model))
    trained.to(options.device, "fp32")
    # No output gets its name before all are made; the raster, which takes longest, comes last.
    with contextlib.ExitStack() as opened:
        raster = None if output_leading is None else opened.enter_context(atomic_output(output_leading))
        with (
            open_stack(inputs.stack) as stack,
            open_band(inputs.labels, "label", warning_log) as labels,
            full_precision_fp32(trained.device),
            retain_freed_memory(),
        ):
            stack.grid.require_same(Grid.from_dataset(labels, "label"), "factor stack", "label raster")
            checksums = {key: (record.inputs() or {})[key].get("sha256", "") for key in ("STACK", "LABELS")}
            warn_changed_stack(trained.training, name, checksums["STACK"], stack.grid, warning_log)
            if changed_since_training(trained.training, "LABELS", checksums["LABELS"], stack.grid):
                warning_log.warn(
                    f"The labels are not those that the model {name} was trained on. If they are of other landslides, "
                    "the AUC is a test; if they were only made again, it shows the fit."
                )
            explained = ExplainedModel(stack, trained, name, warning_log)
            labelled = LabelledArea(explained, stack.grid, labels, AreaMask(stack.grid, area))
            explanation = _explain(labelled, options, raster, warning_log)
        explanation.warnings = [*warning_log.warnings, OPTIMISM_WARNING]
        used = options if options.block else dataclasses.replace(options, block=round(explanation.sample["side"], 1))
        stop_if_cancelled(progress)
        if report.wanted:
            settings = {**used.record(), **{key: str(value) for key, value in sources.items() if value is not None}}
            settings |= {"Model kind": trained.kind, "Computed on": str(trained.device)}
            stack_name = os.path.basename(str(inputs.stack))
            report.write(explanation_page(explanation, stack_name, settings, progress))
        if output_table is not None:
            write_table(output_table, COLUMNS, explanation_rows(explanation))
    if output_leading is not None:
        dominant_factor.write_factor_names(output_leading, explained.titles, explanation.dominance)
    summary = _summary(explanation)
    metrics = {
        "auc": summary.auc,
        "auc_fall": dict(summary.ranking),
        "plausibility": summary.verdicts,
        "leading": summary.dominant_shares,
    }
    results = {
        "sample": explanation.sample,
        "automatic": automatic_values(options, used),
        "device": str(trained.device),
        "warnings": explanation.warnings,
    }
    record.write(outputs, metrics=metrics, **results)
    best = ", ".join(f"{explanation.title(one)} {format_estimate(one.auc_drop)}" for one in explanation.ranking[:3])
    progress.report(1.0, f"AUC {format_estimate(explanation.skill.auc)}. Largest drops in AUC: {best}.")
    return summary


def _explain(
    area: LabelledArea, options: ExplanationOptions, output: str | os.PathLike | None, progress: Progress
) -> Explanation:
    explained, grid, seed = area.explained, area.grid, options.seed
    align, part = explained.model.align, SubProgress(progress, 0.0, 0.03)
    if options.block is None:
        counts = sampling.automatic_blocks(area, align, part)
    else:
        counts = sampling.count_labels(area, sampling.block_side_cells(grid, options.block, align), part)
    side = counts.side
    sample = sampling.sample_blocks(counts, sampling.max_tiles(explained, side, options.blocks), seed)
    tiles = sampling.read_tiles(area, sample, seed, SubProgress(progress, 0.03, 0.06))
    more_blocks = sampling.sample_blocks(counts, max(sampling.CELL_BLOCKS, len(sample.blocks)), seed)
    cells = sampling.read_cells(area, more_blocks, seed, SubProgress(progress, 0.06, 0.09))
    with_slides = int((tiles.labels == LANDSLIDE).any(axis=(1, 2)).sum())
    if len(tiles) < FEW_BLOCKS or with_slides < FEW_BLOCKS // 2:
        progress.warn(
            f"Only {len(tiles)} blocks have labels, {with_slides} of them landslides, so the intervals are rough. A "
            "smaller BLOCK gives more."
        )
    associations = importance.factor_associations(explained, cells)
    factors = range(len(explained.factors))
    groups = [(number,) for number in factors] + importance.correlated_groups(associations, len(factors))
    some = tiles.subsample(max(2, math.ceil(len(tiles) / 2)), seed)
    started = time.perf_counter()
    base = importance.score_tiles(explained, tiles, tiles.raw, progress)
    once, half, swaps = time.perf_counter() - started, len(some) / len(tiles), len(groups) * options.repeats
    shown = [number for number in factors if not explained.is_embedding(number)]
    specs = [explained.specs[number] for number in shown]
    values = sum(response.CLASSES if spec.is_categorical else response.VALUES for spec in specs)
    seconds = once * (swaps + half * values + half * 2 * options.references * len(factors))
    text = f"{len(tiles):,} of {sample.total_blocks:,} blocks sampled, {tiles.side**2:,} cells each"
    work = f"{swaps:,} permutations, {values:,} values; about {duration(seconds)}"
    progress.report(0.12, f"{text}: {work} without the map of the dominant factor.")
    skill, importances = importance.block_permutation_importance(
        explained, tiles, base, groups, options.repeats, seed, SubProgress(progress, 0.12, 0.5)
    )
    curves = []
    for place, number in enumerate(shown):
        part = SubProgress(progress, *(0.5 + 0.25 * (place + step) / len(shown) for step in (0, 1)))
        curves.append(response.response_curve(explained, some, cells, number, seed, part))
    assessments = []
    for curve in curves:
        expected = response.expectation_of(explained.specs[curve.factor].name)
        if expected is not None:
            assessments.append(response.assess_curve(curve, expected, some.weights, seed))
            if assessments[-1].verdict == response.AGAINST:
                title = explained.titles[curve.factor].lower()
                progress.warn(f'The response of the map to {title} is against expectation; see "Plausibility".')
    baselines, image = dominant_factor.BaselineInputs(explained, cells, options.references, seed), None
    part = SubProgress(progress, 0.75, 0.97)
    if output is None:
        dominance = dominant_factor.dominance_in_tiles(explained, some, baselines, part)
    else:
        dominance = dominant_factor.write_dominant_factor(area, baselines, output, part)
        with open_raster(output, "dominant factor") as dataset:
            image = read_map(dataset, Grid.from_dataset(dataset, "dominant factor"), categorical=True)
    slides, stable = int((tiles.labels == LANDSLIDE).sum()), int((tiles.labels == STABLE).sum())
    facts = {"blocks": len(tiles), "of": sample.total_blocks, "side": side * grid.cell_size()}
    facts |= {"landslide": slides, "stable": stable, "response_blocks": len(some)}
    facts |= {"references": options.references, "repeats": options.repeats}
    results = (skill, importances, curves, associations, assessments, dominance)
    return Explanation(explained, *results, facts, image=image)


def _summary(explanation: Explanation) -> ExplanationSummary:
    names, sample = explanation.explained.names, explanation.sample
    auc, counts = explanation.skill.auc.value, (sample["blocks"], sample["landslide"], sample["stable"])
    ranking = [(names[one.factors[0]], one.auc_drop.value) for one in explanation.ranking]
    verdicts = {names[one.factor]: one.verdict for one in explanation.assessments}
    shares = {name: float(share) for name, share in zip(names, explanation.dominance.share)}
    return ExplanationSummary(auc, *counts, ranking, verdicts, shares, explanation.warnings)
