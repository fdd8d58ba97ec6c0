"""Factor stack, trained model and labels in; what drives the map out."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..artifact import TrainedModel, load_model
from ..errors import ParameterInvalid
from ..explanation.dominant_factor import (
    BaselineInputs,
    DominanceStatistics,
    dominant_factors_of_tiles,
    write_dominant_factor,
    write_factor_names,
)
from ..explanation.explained_model import ExplainedModel
from ..explanation.importance import (
    PermutationImportance,
    block_permutation_importance,
    correlated_groups,
    relations,
    score_tiles,
)
from ..explanation.response import AGAINST, CLASSES, VALUES, assess_curve, expectation_of, response_curve
from ..explanation.sample import (
    CELL_BLOCKS,
    BlockSample,
    Tiles,
    block_side_cells,
    count_labels,
    max_tiles,
    read_cells,
    read_tiles,
    sample_blocks,
)
from ..explanation.settings import BLOCK, BLOCKS, LIMITS, REFERENCES, REPEATS
from ..factors.polygons import AreaMask
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..inputs.vectors import Polygons
from ..labels import LANDSLIDE, STABLE
from ..outputs.atomic import RunRecord, atomic_output, check_writable
from ..prediction.ensemble import full_precision_fp32
from ..progress import Progress, SubProgress, duration, stop_if_cancelled
from ..provenance.lineage import changed_since_training, warn_changed_stack, warn_stale_inputs
from ..report.explanation import COLUMNS, Explanation, explanation_page, explanation_rows, format_estimate
from ..report.maps import read_map
from ..stack import Stack, open_stack
from ..tables import write_table

FEW_BLOCKS = 30
"""Fewer blocks than this give rough intervals."""

OPTIMISM_WARNING = (
    "The labels are judged as they are given. Where the model was trained on them the map looks better, and its "
    "factors more important, than on land it has not seen; give labels of other land, or an AREA that training left "
    "out, for an honest measure."
)


@dataclass
class ExplanationSummary:
    """The main numbers of an explanation."""

    auc: float
    blocks: int
    landslide_cells: int
    stable_cells: int
    ranking: list[tuple[str, float]]
    """Factor name and fall of AUC, the most important first."""
    verdicts: dict[str, str]
    """Factor name and plausibility."""
    leading: dict[str, float]
    """Factor name and share of the area that it leads in."""
    warnings: list[str]


class WarningLog:
    """A progress that keeps the warnings for the report."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self.warnings = progress, []

    def report(self, fraction: float, text: str = "") -> None:
        self._progress.report(fraction, text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._progress.warn(text)

    def cancelled(self) -> bool:
        return self._progress.cancelled()


def explain_susceptibility(
    stack: str | os.PathLike,
    model: str | os.PathLike,
    labels: str | os.PathLike,
    output_html: str | os.PathLike | None,
    output_table: str | os.PathLike | None,
    *,
    output_leading: str | os.PathLike | None = None,
    area: Polygons | None = None,
    block: float = BLOCK,
    blocks: int = BLOCKS,
    repeats: int = REPEATS,
    references: int = REFERENCES,
    seed: int = 1,
    device: str = "auto",
    progress: Progress,
) -> ExplanationSummary:
    """Find what drives a model's map: importance, responses, plausibility, leading factor.

    Only blocks of land go through the network, a stated number, so the time does not grow with the area; but for
    ``output_leading``, which takes 2 × factors × references predictions of the area.

    Args:
        stack: factor stack; factors are found by name, classes by label.
        model: path of a trained model of any kind.
        labels: label raster on the stack's grid.
        output_html: path of the report.
        output_table: path of the CSV with all numbers; the same as JSON goes beside it.
        output_leading: path of the uint8 GeoTIFF of leading factors.
        area: polygons to explain; ``None`` for the whole stack.
        block: side in metres of the blocks that are swapped.
        blocks: most blocks.
        repeats: permutations of each factor.
        references: typical lands to compare with.
        seed: of all draws; the same seed gives the same bytes on the same machine.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        progress: hears what may mislead.

    Raises:
        ParameterInvalid: a number is out of its range, or a factor is of another kind in the stack.
        FactorMissing: the stack lacks factors of the model.
        GridMismatch: the labels are on another grid.
        TooFewData: too few blocks with labels, or labels of one class only.
    """
    for name, value in (("block", block), ("blocks", blocks), ("repeats", repeats), ("references", references)):
        low, high = LIMITS[name]
        if not (math.isfinite(value) and low <= value <= high):
            raise ParameterInvalid(f"{name.upper()} is {value:g}, but it lies between {low:g} and {high:g}.")
    if seed < 0:
        raise ParameterInvalid(f"SEED is {seed}, but it is 0 or more.")
    for path in (output_html, output_table, output_leading):
        if path is not None:
            check_writable(path)
    warning_log = WarningLog(progress)
    parameters = {
        "BLOCK": block,
        "BLOCKS": blocks,
        "REPEATS": repeats,
        "REFERENCES": references,
        "SEED": seed,
        "DEVICE": device,
    }
    inputs = {
        "STACK": stack,
        "MODEL": model,
        "LABELS": labels,
        "AREA": (area.source or area.name) if area is not None else None,
    }
    record = RunRecord("explainsusceptibility", parameters, inputs)
    warn_stale_inputs({"factor stack": stack, "labels": labels}, warning_log)
    trained = load_model(model)
    trained.to(device, "fp32")
    # No output gets its name before all are made, the raster, which takes longest, last.
    with contextlib.ExitStack() as made:
        raster = None if output_leading is None else made.enter_context(atomic_output(output_leading))
        with open_stack(stack) as opened, open_raster(labels, "label") as marks, full_precision_fp32(trained.device):
            opened.grid.require_same(Grid.of(marks, "label"), "factor stack", "label raster")
            _compare_with_training(
                trained, os.path.basename(str(model)), record.inputs() or {}, opened.grid, warning_log
            )
            found = _explain(
                opened, trained, os.path.basename(str(model)), marks, area, parameters, raster, warning_log
            )
        stop_if_cancelled(progress)
        if output_html is not None:
            shown = {name: str(value) for name, value in inputs.items() if value is not None}
            explanation_page(
                found,
                os.path.basename(str(stack)),
                {**parameters, **shown, "Model kind": trained.kind, "Computed on": str(trained.device)},
                progress,
            ).write(output_html)
        if output_table is not None:
            write_table(output_table, COLUMNS, explanation_rows(found))
    if output_leading is not None:
        write_factor_names(output_leading, found.subject.titles, found.leading)
    summary = _summary(found)
    record.write(
        {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table, "OUTPUT_LEADING": output_leading},
        metrics={
            "auc": summary.auc,
            "auc_fall": dict(summary.ranking),
            "plausibility": summary.verdicts,
            "leading": summary.leading,
        },
        sample=found.sample,
        device=str(trained.device),
        warnings=found.warnings,
    )
    progress.report(1.0, _result_text(found))
    return summary


def _compare_with_training(
    model: TrainedModel, name: str, inputs: Mapping[str, Any], grid: Grid, warning_log: WarningLog
) -> None:
    """Tell how stack and labels stand to those that the model was trained on."""
    warn_changed_stack(model.training, name, inputs["STACK"].get("sha256", ""), grid, warning_log)
    if changed_since_training(model.training, "LABELS", inputs["LABELS"].get("sha256", ""), grid):
        warning_log.warn(
            f"The labels are not those that the model {name} was trained on. If they are of other landslides, "
            "the AUC shows a test; if they were only made again, a fit."
        )


def _explain(
    stack: Stack,
    model: TrainedModel,
    name: str,
    labels: Any,
    area: Polygons | None,
    parameters: dict[str, Any],
    output_leading: str | os.PathLike | None,
    progress: WarningLog,
) -> Explanation:
    seed, repeats = parameters["SEED"], parameters["REPEATS"]
    subject, mask, grid = ExplainedModel(stack, model, name, progress), AreaMask(stack.grid, area), stack.grid
    side = block_side_cells(grid, parameters["BLOCK"], model.align)
    label_blocks = count_labels(labels, grid, mask, side, SubProgress(progress, 0.0, 0.03))
    chosen = sample_blocks(label_blocks, max_tiles(subject, side, parameters["BLOCKS"]), seed)
    tiles = read_tiles(subject, labels, mask, chosen, seed, SubProgress(progress, 0.03, 0.06))
    cells = read_cells(
        subject,
        labels,
        mask,
        sample_blocks(label_blocks, max(CELL_BLOCKS, len(chosen.places)), seed),
        seed,
        SubProgress(progress, 0.06, 0.09),
    )
    _warn_of_sample(tiles, progress)
    associations = relations(subject, cells)
    single = [(number,) for number in range(len(subject.factors))]
    sets = single + correlated_groups(associations, len(single))
    few = tiles.first(max(2, math.ceil(len(tiles) / 2)), seed)
    base = _score_and_estimate_time(
        subject, tiles, few, len(sets) * repeats, parameters["REFERENCES"], chosen, progress
    )
    skill, importance = block_permutation_importance(
        subject, tiles, base, sets, repeats, seed, SubProgress(progress, 0.12, 0.5)
    )
    curves = []
    for number in range(len(single)):
        start = 0.5 + 0.25 * number / len(single)
        curves.append(
            response_curve(subject, few, cells, number, seed, SubProgress(progress, start, start + 0.25 / len(single)))
        )
    assessments = []
    for curve in curves:
        expected = expectation_of(subject.specs[curve.factor].name)
        if expected is not None:
            assessments.append(assess_curve(curve, expected, few.weights, seed))
            if assessments[-1].verdict == AGAINST:
                progress.warn(
                    f"The map answers to {subject.titles[curve.factor].lower()} against what is expected; "
                    'see under "Does it make sense?".'
                )
    baselines, image = BaselineInputs(subject, cells, parameters["REFERENCES"], seed), None
    whole = SubProgress(progress, 0.75, 0.97)
    if output_leading is None:
        dominant: DominanceStatistics = dominant_factors_of_tiles(subject, few, baselines, whole)
    else:
        dominant = write_dominant_factor(subject, grid, mask, baselines, output_leading, whole)
        with open_raster(output_leading, "leading factor") as dataset:
            image = read_map(dataset, Grid.of(dataset, "leading factor"), categorical=True)
    sample = {
        "blocks": len(tiles),
        "of": chosen.of,
        "side": side * grid.cell_size(),
        "landslide": int((tiles.labels == LANDSLIDE).sum()),
        "stable": int((tiles.labels == STABLE).sum()),
        "response_blocks": len(few),
        "references": parameters["REFERENCES"],
        "repeats": repeats,
    }
    return Explanation(
        subject,
        skill,
        importance,
        curves,
        associations,
        assessments,
        dominant,
        sample,
        [*progress.warnings, OPTIMISM_WARNING],
        image,
    )


def _warn_of_sample(tiles: Tiles, progress: Progress) -> None:
    with_slides = int((tiles.labels == LANDSLIDE).any(axis=(1, 2)).sum())
    if len(tiles) < FEW_BLOCKS or with_slides < FEW_BLOCKS // 2:
        progress.warn(
            f"Only {len(tiles)} blocks have labels, {with_slides} of them landslides, so the intervals are "
            "rough. A smaller BLOCK gives more."
        )


def _score_and_estimate_time(
    subject: ExplainedModel,
    tiles: Tiles,
    few: Tiles,
    swaps: int,
    references: int,
    chosen: BlockSample,
    progress: Progress,
) -> Any:
    """Score the tiles as they are, and tell how long the rest will take."""
    started = time.perf_counter()
    base = score_tiles(subject, tiles, tiles.raw, progress)
    once = time.perf_counter() - started
    tries = sum(CLASSES if spec.is_categorical else VALUES for spec in subject.specs)
    half = len(few) / len(tiles)
    seconds = once * (swaps + half * tries + half * 2 * references * len(subject.factors))
    progress.report(
        0.12,
        f"{len(tiles):,} of {chosen.of:,} blocks are looked at, {tiles.side**2:,} cells each: "
        f"{swaps:,} swaps, {tries:,} values; about {duration(seconds)} before a map of the leading "
        "factor.",
    )
    return base


def _summary(found: Explanation) -> ExplanationSummary:
    names = found.subject.model.factor_names
    return ExplanationSummary(
        found.skill.auc.value,
        found.sample["blocks"],
        found.sample["landslide"],
        found.sample["stable"],
        [(names[one.factors[0]], one.auc_drop.value) for one in found.ranking],
        {names[one.factor]: one.verdict for one in found.assessments},
        {name: float(share) for name, share in zip(names, found.leading.share)},
        found.warnings,
    )


def _result_text(found: Explanation) -> str:
    best: list[PermutationImportance] = found.ranking[:3]
    listed = ", ".join(f"{found.name_of(one)} {format_estimate(one.auc_drop)}" for one in best)
    return f"AUC {format_estimate(found.skill.auc)}. Fall of the AUC without a factor's order, the largest: {listed}."
