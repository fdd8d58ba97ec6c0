"""``scarp:checkfactors``: everything that an analyst should know of a factor stack before training, in one report."""

from __future__ import annotations

import contextlib

from ..checks import association, factor_checks, stack_checks
from ..checks.findings import COLUMNS, ERROR, CheckSummary, Finding, cap_findings
from ..checks.stack_statistics import scan
from ..errors import Cancelled, ScarpError
from ..factors.settings import RasterPath
from ..inputs.bands import open_band
from ..inputs.rasters import open_raster
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import NullProgress, Progress, SubProgress, stop_if_cancelled
from ..report.factor_checks import build_page
from ..report.files import ReportFiles
from ..report.settings import DocumentDetails
from ..tables import write_table
from ..training import automatic
from ..training.settings import PCUM, RECOMMENDED, settings_of_kind
from ..windows.folded_cells import collect_folded_cells
from ..windows.split import open_training_rasters


def check_factors(
    stack: RasterPath,
    output_html: RasterPath,
    output_table: RasterPath,
    *,
    labels: RasterPath | None = None,
    output_document: RasterPath | None = None,
    details: DocumentDetails | None = None,
    progress: Progress,
) -> CheckSummary:
    """Check a factor stack (any multi-band raster), and a label raster on its grid, and report everything doubtful.

    Nothing that is wrong with the content stops the run: it becomes a finding. All cells are counted, by windows; with
    labels the cells to train on are sampled and divided into folds as a training with defaults does. The report is
    HTML, and ``output_document`` the same for Word, both with the details of an office; the table is a CSV with one
    finding per row.
    """
    outputs = {"OUTPUT_HTML": output_html, "OUTPUT_TABLE": output_table, "OUTPUT_DOCUMENT": output_document}
    check_writable(*outputs.values())
    report = ReportFiles.of_run(output_html, output_document, details, progress)
    record = RunRecord("checkfactors", {}, {"STACK": stack, "LABELS": labels})
    with contextlib.ExitStack() as opened:
        dataset = opened.enter_context(open_raster(stack, "factor stack"))
        label_dataset = opened.enter_context(open_band(labels, "label", progress)) if labels is not None else None
        grid, findings = stack_checks.read_grid(dataset, "factor stack")
        valid_grid = None if findings else grid
        if valid_grid is not None:
            findings += stack_checks.check_size(valid_grid)
        factors, found = stack_checks.read_factors(dataset)
        findings += [*found, *stack_checks.check_embeddings(dataset, factors)]
        if label_dataset is not None:
            found = list(stack_checks.check_label_grid(label_dataset, grid))
            findings += found
            label_dataset = None if found else label_dataset
        progress.report(0.0, f"Counting {grid.width:,} × {grid.height:,} cells of {len(factors)} factors.")
        counted = scan(dataset, factors, label_dataset, SubProgress(progress, 0.0, 0.7))
        linked = association.associations(counted)
        nodata_counts = stack_checks.read_nodata_counts(dataset, stack)
        findings += [*stack_checks.check_coverage(counted), *stack_checks.check_nodata_counts(nodata_counts)]
        for band in counted.bands:
            findings += factor_checks.check_band(band)
        findings += [*association.check_associations(linked), *association.check_labels(counted)]
        wrong = any(finding.severity == ERROR and finding.factor == "labels" for finding in findings)
        if labels is not None and valid_grid is not None and not wrong:
            findings += _try_training(stack, labels, SubProgress(progress, 0.7, 0.92))
        summary = CheckSummary(cap_findings(findings), counted.cells, counted.complete, labels is not None)
        progress.report(0.92, "Writing the report.")
        page = build_page(dataset, valid_grid, labels, summary, counted, linked, nodata_counts)
    report.write(page)
    write_table(output_table, COLUMNS, [finding.row for finding in summary.findings])
    record.write(
        outputs, **{name: getattr(summary, name) for name in ("errors", "warnings", "notes", "cells", "valid_cells")}
    )
    groups = [group for group in association.correlated_groups(linked.continuous, linked.pearson) if group.is_large]
    for group in groups:
        kept = ", ".join(group.kept)
        progress.report(0.95, f"Correlated factors: {', '.join(group.names)}. To have few of them, keep {kept}.")
    for finding in summary.findings:
        if finding.severity == ERROR:
            progress.warn(f"{finding.factor + ': ' if finding.factor else ''}{finding.message}")
    progress.report(1.0, summary.verdict)
    return summary


def _try_training(stack: RasterPath, labels: RasterPath, progress: Progress) -> list[Finding]:
    """Do what a training with defaults does before it fits a model, and report why it would not start."""
    usual = settings_of_kind(PCUM, RECOMMENDED, {})
    try:
        with open_training_rasters(stack, labels, None, NullProgress()) as rasters:
            settings = automatic.complete(usual, PCUM, [rasters], SubProgress(progress, 0.0, 0.3))
            part = SubProgress(progress, 0.3, 1.0)
            cells = collect_folded_cells([rasters], settings.block_side, settings.buffer, settings.seed, part)
    except Cancelled:
        raise
    except ScarpError as error:
        stop_if_cancelled(progress)
        message, _, remedy = str(error).partition(". ")
        return [Finding(ERROR, "training", "labels", f"Training cannot start. {message.rstrip('.')}.", remedy)]
    return list(association.check_landslides(round(cells.landslides)))
