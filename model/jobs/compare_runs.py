"""A run record and that of its repetition in; what is the same and what is not, as a table and in words, out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import ParameterInvalid
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress
from ..provenance import run_comparison
from ..provenance.records import read_recorded_run
from ..provenance.run_comparison import ENVIRONMENT, INPUT, NUMBER, OUTPUT, ComparisonLine
from ..tables import write_table


@dataclass
class RunsSummary:
    """Whether a repetition gave the same."""

    same: bool  # all outputs and numbers that can be compared
    changed: list[str]  # inputs that have changed since
    compared: int  # outputs and numbers
    different: int  # of those


def compare_runs(
    then: str | os.PathLike,
    now: str | os.PathLike,
    paths: Mapping[str, Sequence[str]],
    output_table: str | os.PathLike | None,
    *,
    progress: Progress,
) -> RunsSummary:
    """Compare a run with its repetition; ``paths`` are of the output files, then and now, by name.

    Raises ``ParameterInvalid`` if the records are of two algorithms.
    """
    check_writable(output_table)
    earlier, repeated = read_recorded_run(then), read_recorded_run(now)
    if earlier.algorithm != repeated.algorithm:
        raise ParameterInvalid(
            f"One record is of {earlier.algorithm}, the other of {repeated.algorithm}. Choose two of the same "
            "algorithm."
        )
    record = RunRecord("rerun", {}, {"RECORD": earlier.record})
    pairs = {name: (before, after) for name, (before, after) in paths.items()}
    lines = run_comparison.compare_recorded_runs(earlier, repeated, pairs, SubProgress(progress, 0.0, 0.9))
    results = [line for line in lines if line.part in (OUTPUT, NUMBER) and line.difference.same is not None]
    different = [line for line in results if not line.difference.same]
    changed = [line.name for line in lines if line.part == INPUT and line.difference.same is False]
    summary = RunsSummary(bool(results) and not different, changed, len(results), len(different))
    _log_result(summary, lines, different, progress)
    if output_table is not None:
        write_table(output_table, run_comparison.COLUMNS, [line.row for line in lines])
        record.write({"OUTPUT_TABLE": output_table}, **vars(summary))
    progress.report(1.0)
    return summary


def _log_result(
    summary: RunsSummary, lines: Sequence[ComparisonLine], different: Sequence[ComparisonLine], progress: Progress
) -> None:
    for line in lines:
        if line.part == OUTPUT and line.difference.same is not False:
            progress.report(0.95, f"{line.name}: {line.difference.text}.")
    if summary.changed:
        progress.warn(f"Inputs have changed since the run: {', '.join(summary.changed)}.")
    for line in different:
        values = f" ({line.then} then, {line.now} now)" if line.part == NUMBER else ""
        progress.warn(f"{line.name}: {line.difference.text}{values}.")
    if summary.same:
        progress.report(
            0.98,
            f"The run was reproduced: all {summary.compared} outputs and numbers that can be compared are identical.",
        )
    elif not summary.compared:
        progress.warn("Nothing could be compared: the outputs of the earlier run are gone, or are reports only.")
    else:
        others = [
            f"{line.name} {line.then or 'none'} then, {line.now or 'none'} now"
            for line in lines
            if line.part == ENVIRONMENT and not line.difference.same
        ]
        causes = ["the inputs named above have changed"] if summary.changed else []
        causes += [f"it ran on something else ({'; '.join(others)})"] if others else []
        cause = f"Possible causes: {' and '.join(causes)}."
        if not causes:
            cause = (
                "Inputs, versions, threads and device are the same, so this should not happen. A GPU may round "
                "differently from run to run."
            )
        differ = f"{summary.different} of {summary.compared} outputs and numbers differ"
        progress.warn(f"The run gives something else: {differ}. {cause}")
