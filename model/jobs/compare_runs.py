"""A run record and that of its repetition in; what is the same and what is not, as a table and in words, out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import ParameterInvalid
from ..outputs.atomic import RunRecord, check_writable
from ..progress import Progress, SubProgress
from ..provenance.call import read_recorded_run
from ..provenance.run_comparison import (
    COLUMNS,
    ENVIRONMENT,
    INPUT,
    NUMBER,
    OUTPUT,
    ComparisonLine,
    compare_recorded_runs,
)
from ..tables import write_table


@dataclass
class RunsSummary:
    """What a repetition gave."""

    same: bool
    """Whether all outputs that can be compared, and all numbers, came out the same."""
    changed: list[str]
    """Inputs that have changed since."""
    compared: int
    """Outputs and numbers compared."""
    different: int
    """Of those, how many differ."""


def compare_runs(
    then: str | os.PathLike,
    now: str | os.PathLike,
    paths: Mapping[str, Sequence[str]],
    output_table: str | os.PathLike | None,
    *,
    progress: Progress,
) -> RunsSummary:
    """Compare a run with its repetition.

    Args:
        then: record of the earlier run.
        now: record of the repetition.
        paths: of the output files, then and now, by name.
        output_table: path of a CSV with one row for each thing compared.
        progress: hears what differs.

    Raises:
        InputMissing, InputCorrupt: a record or an output cannot be read.
        ParameterInvalid: the records are of two algorithms.
    """
    if output_table is not None:
        check_writable(output_table)
    first, second = read_recorded_run(then), read_recorded_run(now)
    if first.algorithm != second.algorithm:
        raise ParameterInvalid(
            f"One record is of {first.algorithm}, the other of {second.algorithm}. Give two of the same algorithm."
        )
    record = RunRecord("rerun", {}, {"RECORD": first.record})
    lines = compare_recorded_runs(
        first,
        second,
        {name: (before, after) for name, (before, after) in paths.items()},
        SubProgress(progress, 0.0, 0.9),
    )
    results = [line for line in lines if line.part in (OUTPUT, NUMBER)]
    comparable = [line for line in results if line.found.same is not None]
    different = [line for line in comparable if not line.found.same]
    changed = [line.name for line in lines if line.part == INPUT and line.found.same is False]
    summary = RunsSummary(bool(comparable) and not different, changed, len(comparable), len(different))
    _log_result(summary, lines, different, progress)
    if output_table is not None:
        write_table(output_table, COLUMNS, [line.row for line in lines])
        record.write(
            {"OUTPUT_TABLE": output_table},
            same=summary.same,
            changed=changed,
            compared=summary.compared,
            different=summary.different,
        )
    progress.report(1.0)
    return summary


def _log_result(
    summary: RunsSummary, lines: Sequence[ComparisonLine], different: Sequence[ComparisonLine], progress: Progress
) -> None:
    for line in lines:
        if line.part == OUTPUT and line.found.same is not False:
            progress.report(0.95, f"{line.name}: {line.found.text}.")
    if summary.changed:
        progress.warn(f"Inputs have changed since the run: {', '.join(summary.changed)}.")
    for line in different:
        shown = f" ({line.then} then, {line.now} now)" if line.part == NUMBER else ""
        progress.warn(f"{line.name}: {line.found.text}{shown}.")
    if summary.same:
        progress.report(
            0.98,
            f"The run gives the same again: all {summary.compared} outputs and numbers that can be "
            "compared are identical.",
        )
        return
    if not summary.compared:
        progress.warn("Nothing could be compared: the outputs of the earlier run are gone, or are reports only.")
        return
    others = [
        f"{line.name} {line.then or 'none'} then, {line.now or 'none'} now"
        for line in lines
        if line.part == ENVIRONMENT and not line.found.same
    ]
    because = []
    if summary.changed:
        because.append("the inputs named above have changed")
    if others:
        because.append(f"it ran on something else ({'; '.join(others)})")
    progress.warn(
        f"The run gives something else: {summary.different} of {summary.compared} outputs and numbers "
        f"differ. "
        + (
            f"What may explain it: {' and '.join(because)}."
            if because
            else "Inputs, versions, threads and device are the same, so this should not be. "
            "A graphics card may round differently from run to run."
        )
    )
