"""``scarp:checkfactors``: everything that an analyst should know of a factor stack before training, in one report."""

from __future__ import annotations

import contextlib
import os

from ..checks.band_statistics import ContinuousBand
from ..checks.correlation import associations, check_associations
from ..checks.factor_checks import check_categorical, check_continuous
from ..checks.findings import ERROR, CheckSummary, Finding, sort_by_severity, write_table
from ..checks.landslide_density import check_labels
from ..checks.stack_checks import (
    check_coverage,
    check_label_grid,
    check_nodata_counts,
    check_size,
    read_factors,
    read_grid,
    read_nodata_counts,
)
from ..checks.stack_statistics import StackScan, scan
from ..inputs.rasters import open_raster
from ..outputs.atomic import RunRecord, check_writable
from ..progress import Progress, SubProgress
from ..report.factor_checks import build_page


def check_factors(
    stack: str | os.PathLike,
    output_html: str | os.PathLike,
    output_table: str | os.PathLike,
    *,
    labels: str | os.PathLike | None = None,
    progress: Progress,
) -> CheckSummary:
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
        grid_is_valid = not findings
        if grid_is_valid:
            findings += check_size(grid)
        factors, found = read_factors(dataset)
        findings += found
        if label_dataset is not None:
            found = check_label_grid(label_dataset, grid)
            findings += found
            label_dataset = None if found else label_dataset
        progress.report(0.0, f"Counting {grid.width:,} × {grid.height:,} cells of {len(factors)} factors.")
        stack_scan = scan(dataset, factors, label_dataset, SubProgress(progress, 0.0, 0.9))
        association_result = associations(stack_scan)
        nodata_counts = read_nodata_counts(dataset, stack)
        findings = sort_by_severity(
            [
                *findings,
                *check_coverage(stack_scan),
                *check_nodata_counts(nodata_counts),
                *check_values(stack_scan),
                *check_associations(association_result),
                *check_labels(stack_scan),
            ]
        )
        summary = CheckSummary(
            findings,
            [factor.name for factor in factors],
            stack_scan.cells,
            stack_scan.complete,
            None if stack_scan.labels is None else stack_scan.labels.landslide_used,
            dict(zip(association_result.continuous, (float(value) for value in association_result.inflation))),
        )
        progress.report(0.92, "Writing the report.")
        page = build_page(
            dataset, grid if grid_is_valid else None, labels, summary, stack_scan, association_result, nodata_counts
        )
    page.write(output_html)
    write_table(output_table, findings)
    record.write(
        {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table},
        errors=summary.errors,
        warnings=summary.warnings,
        notes=summary.notes,
        cells=summary.cells,
        valid_cells=summary.valid_cells,
    )
    for finding in findings:
        if finding.severity == ERROR:
            progress.warn(f"{finding.factor + ': ' if finding.factor else ''}{finding.message}")
    progress.report(1.0, summary.verdict)
    return summary


def check_values(stack_scan: StackScan) -> list[Finding]:
    """Report what is doubtful in the values of each band, band by band."""
    findings = []
    for band in stack_scan.bands:
        findings += check_continuous(band) if isinstance(band, ContinuousBand) else check_categorical(band)
    return findings
