"""The report of a prediction: the map beside the rules of a textbook, and the factors that make the difference."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from ..comparison.rank_sample import MAP, Dispute, RankComparison
from ..explanation.dominant_factor import BaselineInputs, shapley_contributions
from ..explanation.explained_model import ExplainedModel
from ..explanation.sample import Cells
from ..prediction.tile_inference import Applicability
from ..progress import NullProgress, Progress, SubProgress, stop_if_cancelled
from ..provenance.training_area import NEW, OVERLAPS, SAME_LAND, SAME_STACK, UNKNOWN
from ..report.maps import relief_of_stack
from ..report.new_area import NewAreaReport, new_area_page
from ..report.page import Page
from ..validation.map_layers import cells_by_block
from ..validation.verdict import Verdict
from .new_area import TextbookComparison

LAND = {
    SAME_STACK: "of the training",
    SAME_LAND: "of the training",
    OVERLAPS: "partly new",
    NEW: "new",
    UNKNOWN: "taken for new",
}
"""The relation of the land to the training, for a card."""
_TYPICAL, _DISPUTED = 2000, 300  # cells that stand for the map, and for each dispute
_BLOCKS = 24  # of the stack from which they are taken, since all factors are read
_REFERENCES, _LISTED = 3, 3  # references of the Shapley values; factors listed for a dispute
_SEED = 37
_Contributions = dict[tuple[str, str], list[tuple[str, float]]]


def page_of_map(
    textbook: TextbookComparison,
    output: str | os.PathLike,
    verdict: Verdict,
    applicability: Applicability,
    settings: Mapping[str, object],
    warnings: Sequence[str],
    progress: Progress,
    expected: Sequence[tuple[str, str, str]] = (),
) -> Page:
    """Return the report of a map that was compared.

    Args:
        applicability: of all tiles.
        settings: of the run, by name.
        expected: cards on how well the map may do on this land: label, value and text.
    """
    found, missing = _contributions(textbook, SubProgress(progress, 0.0, 0.7))
    content = NewAreaReport(
        map_name=os.path.basename(str(output)),
        model_names=textbook.names,
        verdict=verdict,
        is_new=textbook.area.is_new,
        land=LAND[textbook.area.relation],
        origin=textbook.origin(),
        baselines=textbook.baselines,
        sample=textbook.sample,
        comparison=textbook.comparison,
        relief=relief_of_stack(textbook.stack.dataset.name),
        cells=applicability.cells,
        outside=applicability.outside,
        share_outside=applicability.share_outside,
        advice=textbook.advice(),
        contributions=found,
        contributions_missing=missing,
        expected=expected,
        settings=settings,
        warnings=warnings,
    )
    return new_area_page(content, SubProgress(progress, 0.7, 1.0))


def _contributions(textbook: TextbookComparison, progress: Progress) -> tuple[_Contributions, str]:
    """Return the factors that make the difference, by disputed land (high, low), or why there are none.

    They are those with the largest mean contribution to the log odds of the model: raising them where the map is high,
    lowering them where it is low.
    """
    comparison = textbook.comparison
    if comparison is None:
        return {}, ""
    if len(textbook.models) > 1:
        return {}, "Factors that make the difference are told for a single model only."
    explained = ExplainedModel(textbook.stack, textbook.models[0], textbook.names[0], NullProgress())
    if not explained.is_cellwise:
        return {}, "Factors that make the difference are told for models of single cells only."
    disputes = list(comparison.disputes())
    raw, numbers, typical = _read_factors(textbook, comparison, explained, disputes, progress)
    none = np.zeros(int(typical.sum()), dtype=np.int32)
    cells = Cells(raw[:, typical], none.astype(np.uint8), np.ones(len(none)), none)
    references = BaselineInputs(explained, cells, _REFERENCES, _SEED)
    result: _Contributions = {}
    for one in disputes:
        here = np.flatnonzero(np.isin(numbers, one.cells))[:_DISPUTED]
        if len(here):
            parts, _ = shapley_contributions(explained, raw[:, None, here], references, progress)
            means = np.nanmean(parts[:, 0], axis=1)
            order = np.argsort(-means if one.high == MAP else means)[:_LISTED]
            result[one.high, one.low] = [(explained.factors[index].name, float(means[index])) for index in order]
    return result, ""


def _read_factors(
    textbook: TextbookComparison,
    comparison: RankComparison,
    explained: ExplainedModel,
    disputes: Sequence[Dispute],
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all factors of cells in some blocks, float32 (factors, cells), the numbers of the cells among the compared
    ones, and which of them were drawn from all of these, bool (cells,).
    """
    rng, grid = np.random.default_rng(_SEED), textbook.stack.grid
    rows, columns = textbook.sample.rows[comparison.cells], textbook.sample.columns[comparison.cells]
    blocks = list(cells_by_block(grid, rows, columns, NullProgress()))
    chosen = [blocks[number] for number in sorted(rng.permutation(len(blocks))[:_BLOCKS])]
    values, numbers, typical = [], [], []
    for done, (block, cells) in enumerate(chosen, 1):
        stop_if_cancelled(progress)
        drawn = rng.permutation(cells)[: -(-_TYPICAL // len(chosen))]
        disputed = [rng.permutation(np.intersect1d(cells, one.cells)) for one in disputes]
        here = np.unique(np.concatenate([drawn, *(one[: -(-_DISPUTED // len(chosen))] for one in disputed)]))
        values.append(explained.read(block)[:, rows[here] - block.row, columns[here] - block.column])
        numbers.append(here)
        typical.append(np.isin(here, drawn))
        progress.report(done / len(chosen))
    return np.concatenate(values, axis=1), np.concatenate(numbers), np.concatenate(typical)
