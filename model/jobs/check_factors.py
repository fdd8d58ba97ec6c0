"""``scarp:checkfactors``: everything that an analyst should know of a factor stack before training, in one report."""

from __future__ import annotations

import contextlib
import os

from ..checks.association import associations, check_associations
from ..checks.bands import ContinuousBand
from ..checks.categorical import check_categorical
from ..checks.continuous import check_continuous
from ..checks.coverage import check_costs, check_coverage, read_costs
from ..checks.findings import ERROR, CheckSummary, Finding, ordered, write_table
from ..checks.landslides import check_labels
from ..checks.layout import check_aligned, check_size, read_factors, read_grid
from ..checks.presentation import compose
from ..checks.statistics import Survey, survey
from ..files import RunRecord, check_writable
from ..inputs.rasters import open_raster
from ..progress import Part, Progress


def check_factors(stack: str | os.PathLike, output_html: str | os.PathLike, output_table: str | os.PathLike, *,
                  labels: str | os.PathLike | None = None, progress: Progress) -> CheckSummary:
    """Look through a factor stack, and a label raster if given, and report everything doubtful.

    Nothing that is wrong with the content stops the run: it becomes a finding. All cells are counted, by windows.

    Args:
        stack: factor stack, or any multi-band raster.
        output_html: report.
        output_table: CSV, one finding a row.
        labels: label raster on the stack's grid.
        progress: told about every window.

    Returns:
        The findings and their numbers.

    Raises:
        InputMissing: a raster does not exist.
        InputCorrupt: a raster cannot be opened or read.
        OutputNotWritable: an output cannot be written.
        Cancelled: the user asked to stop.
    """
    for output in (output_html, output_table):
        check_writable(output)
    record = RunRecord("checkfactors", {}, {"STACK": stack, "LABELS": labels})
    with contextlib.ExitStack() as opened:
        dataset = opened.enter_context(open_raster(stack, "factor stack"))
        label_dataset = opened.enter_context(open_raster(labels, "label")) if labels is not None else None
        grid, findings = read_grid(dataset, "factor stack")
        sound = not findings
        if sound:
            findings += check_size(grid)
        factors, found = read_factors(dataset)
        findings += found
        if label_dataset is not None:
            found = check_aligned(label_dataset, grid)
            findings += found
            label_dataset = None if found else label_dataset
        progress.report(0.0, f"Counting {grid.width:,} × {grid.height:,} cells of {len(factors)} factors.")
        counted = survey(dataset, factors, label_dataset, Part(progress, 0.0, 0.9))
        linked = associations(counted)
        costs = read_costs(dataset, stack)
        findings = ordered([*findings, *check_coverage(counted), *check_costs(costs), *check_values(counted),
                            *check_associations(linked), *check_labels(counted)])
        summary = CheckSummary(
            findings, [factor.name for factor in factors], counted.cells, counted.complete,
            None if counted.labels is None else counted.labels.landslide_used,
            dict(zip(linked.continuous, (float(value) for value in linked.inflation))))
        progress.report(0.92, "Writing the report.")
        page = compose(dataset, grid if sound else None, labels, summary, counted, linked, costs)
    page.write(output_html)
    write_table(output_table, findings)
    record.write({"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table}, errors=summary.errors,
                 warnings=summary.warnings, notes=summary.notes, cells=summary.cells, valid_cells=summary.valid_cells)
    for finding in findings:
        if finding.severity == ERROR:
            progress.warn(f"{finding.factor + ': ' if finding.factor else ''}{finding.what}")
    progress.report(1.0, summary.verdict)
    return summary


def check_values(counted: Survey) -> list[Finding]:
    """Report what is doubtful in the values of each band, band by band."""
    findings = []
    for band in counted.bands:
        findings += check_continuous(band) if isinstance(band, ContinuousBand) else check_categorical(band)
    return findings
