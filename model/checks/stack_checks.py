"""What the bands of a stack say they are, read so that a fault becomes a finding and the reading goes on.
Where there is data and where not: empty bands, bands that cost others their cells, infinities.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

import rasterio

from ..errors import CrsMissing, GridMismatch, GridUnsupported, InputCorrupt
from ..factors.definitions import CATEGORICAL, CONTINUOUS, FACTORS, FactorDefinition
from ..grid import Grid
from ..outputs.atomic import read_record
from ..stack import FORMAT_TAG, NODATA_TAG, STUDY_TAG, StackFactor, read_classes
from .band_statistics import CategoricalBand, ContinuousBand
from .findings import ERROR, MIN_WINDOW_CELLS, NOTE, TRAINING_WINDOW, WARNING, Finding, join_names
from .stack_statistics import StackScan

REBUILD_HINT = "Build the stack again with scarp:buildfactorstack."


def read_grid(dataset: rasterio.DatasetReader, role: str) -> tuple[Grid, list[Finding]]:
    """Return the grid of a raster, also of one that Scarp cannot compute on, and what is wrong with it.

    Args:
        dataset: an open raster.
        role: what it is in this run, for messages.
    """
    unchecked_grid = Grid(dataset.crs, dataset.transform, dataset.width, dataset.height)
    try:
        grid = Grid.of(dataset, role)
    except CrsMissing as error:
        return unchecked_grid, [Finding(ERROR, "crs", "", _first_sentence(error), _other_sentences(error))]
    except GridUnsupported as error:
        return unchecked_grid, [Finding(ERROR, "grid", "", _first_sentence(error), _other_sentences(error))]
    return grid, []


def check_size(grid: Grid) -> list[Finding]:
    """Report a grid too coarse or too small for training windows; needs a grid with a CRS."""
    findings = []
    size = grid.cell_size()
    if TRAINING_WINDOW / size < MIN_WINDOW_CELLS:
        findings.append(
            Finding(
                WARNING,
                "cell size",
                "",
                f"Cells are {size:.0f} m wide: a training window of {TRAINING_WINDOW:.0f} m has "
                f"only {max(1, round(TRAINING_WINDOW / size))} of them a side, too few to show a slope's shape.",
                f"Build the stack from a finer DEM (30 m, say), or train with WINDOW of at least "
                f"{MIN_WINDOW_CELLS * size:.0f} m.",
            )
        )
    if min(grid.width, grid.height) * size < TRAINING_WINDOW:
        findings.append(
            Finding(
                ERROR,
                "extent",
                "",
                f"The stack is {grid.width * size / 1000:.2f} × {grid.height * size / 1000:.2f} km, "
                f"smaller than one training window of {TRAINING_WINDOW:.0f} m.",
                "Build the stack from a DEM of a larger area, or train with a smaller WINDOW.",
            )
        )
    return findings


def read_factors(dataset: rasterio.DatasetReader) -> tuple[list[StackFactor], list[Finding]]:
    """Return one factor a band, with names made up where there are none, and what is wrong with the description."""
    factors: list[StackFactor] = []
    findings: list[Finding] = []
    if FORMAT_TAG not in dataset.tags():
        findings.append(
            Finding(
                NOTE,
                "format",
                "",
                "The raster was not written by scarp:buildfactorstack. Factors are known by the band "
                "names, and units cannot be checked.",
                "Nothing, if the band names, units and class codes are right.",
            )
        )
    for band in dataset.indexes:
        factor, found = _read_factor(dataset, band)
        if factor.name in {other.name for other in factors}:
            findings.append(
                Finding(
                    ERROR,
                    "name",
                    factor.name,
                    f'Band {band} has the name "{factor.name}" of an earlier band; a model '
                    "would find only one of them.",
                    "Rename one of the layers and build the stack again.",
                )
            )
            factor = StackFactor(
                f"{factor.name} (band {band})", factor.kind, factor.unit, factor.title, factor.classes, band
            )
        factors.append(factor)
        findings.extend(found)
    absent = [name for name in FACTORS if name not in {factor.name for factor in factors}]
    if absent:
        findings.append(
            Finding(
                NOTE,
                "absent",
                "",
                f"{len(FACTORS) - len(absent)} of the ten standard factors are there. Missing: "
                f"{join_names(absent, 10)}.",
                "Add their inputs when you build the stack, if you have them; training works without.",
            )
        )
    return factors, findings


def check_label_grid(labels: rasterio.DatasetReader, grid: Grid) -> list[Finding]:
    """Report a label raster that does not lie on the stack's grid; nothing when it does."""
    remedy = "Make the labels with scarp:buildbufferedlabels and this stack as REFERENCE."
    try:
        other = Grid.of(labels, "label")
        grid.require_same(other, "factor stack", "label raster")
    except (CrsMissing, GridUnsupported, GridMismatch) as error:
        return [
            Finding(
                ERROR, "alignment", "labels", f"{_first_sentence(error)} No landslide cells are counted here.", remedy
            )
        ]
    return []


def _read_factor(dataset: rasterio.DatasetReader, band: int) -> tuple[StackFactor, list[Finding]]:
    tags = dataset.tags(band)
    name = (dataset.descriptions[band - 1] or "").strip()
    findings = []
    if not name:
        name = f"band {band}"
        findings.append(
            Finding(ERROR, "name", name, f"Band {band} has no name, so no model can find it.", REBUILD_HINT)
        )
    known = FACTORS.get(name, FactorDefinition(name, CONTINUOUS, "", name))
    kind = tags.get("kind", known.kind)
    if kind not in (CONTINUOUS, CATEGORICAL):
        findings.append(
            Finding(
                ERROR,
                "kind",
                name,
                f'The band states the kind "{kind}"; it is read as {known.kind} here.',
                f"It should be {CONTINUOUS} or {CATEGORICAL}. {REBUILD_HINT}",
            )
        )
        kind = known.kind
    elif name in FACTORS and kind != known.kind:
        findings.append(
            Finding(ERROR, "kind", name, f"The band is stored as {kind}, but {name} is {known.kind}.", REBUILD_HINT)
        )
    unit = tags.get("unit", known.unit)
    if name in FACTORS and unit != known.unit:
        findings.append(
            Finding(
                WARNING,
                "unit",
                name,
                f'The band states the unit "{unit}"; {name} should be in {known.unit or "no unit"}.',
                f"Convert the layer and build the stack again: models expect {known.unit or 'class codes'}.",
            )
        )
    classes, found = _read_class_table(dataset, name, tags, known) if kind == CATEGORICAL else ({}, [])
    return StackFactor(name, kind, unit, tags.get("title", known.title), classes, band), findings + found


def _read_class_table(
    dataset: rasterio.DatasetReader, name: str, tags: dict[str, str], known: FactorDefinition
) -> tuple[dict[int, str], list[Finding]]:
    if "classes" not in tags:
        if known.classes:
            return dict(known.classes), []
        return {}, [_no_table(name)]
    try:
        classes = read_classes(tags["classes"], dataset.name, name)
    except (InputCorrupt, json.JSONDecodeError):
        return dict(known.classes), [
            Finding(ERROR, "class table", name, "The class table cannot be read.", REBUILD_HINT)
        ]
    if not classes:
        return {}, [_no_table(name)]
    labels = list(classes.values())
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        return classes, [
            Finding(
                WARNING,
                "class table",
                name,
                f"Several codes have the same label: {join_names(repeated)}. Another area could "
                "not be matched by label.",
                "Give each class its own label in the source layer, and build again.",
            )
        ]
    return classes, []


def _no_table(name: str) -> Finding:
    return Finding(
        WARNING,
        "class table",
        name,
        "The band has no class table, so codes mean nothing outside this "
        "stack and a second area cannot be matched by label.",
        "Build the factor from a layer with a class field, or from a raster with class names.",
    )


def _first_sentence(error: Exception) -> str:
    return str(error).partition(". ")[0].rstrip(".") + "."


def _other_sentences(error: Exception) -> str:
    return str(error).partition(". ")[2] or REBUILD_HINT


NODATA_WARNING_SHARE = 0.05
"""Share of cells lost to one factor from which that is a warning."""

MIN_CELLS = 2500
"""Cells of one training window of 50 × 50; with fewer in all there is nothing to train on."""


@dataclass(frozen=True)
class NodataCounts:
    """What each factor cost when a stack was built, as the stack or its run record says; empty where neither does."""

    study: int = 0
    """Cells with elevation in the study area."""
    cells: dict[str, int] = field(default_factory=dict)
    """Those without data, by factor."""


def read_nodata_counts(dataset: rasterio.DatasetReader, stack: str | os.PathLike) -> NodataCounts:
    """Read what each factor cost from the tags of an open stack, or else from the run record beside it.

    Tags that cannot be (those of a larger stack that this one was cut from, say) and a record that is not there, not
    readable or not of this file say nothing.
    """
    tags = dataset.tags()
    if STUDY_TAG not in tags:
        return _nodata_counts_from_record(stack)
    try:
        study = int(tags[STUDY_TAG])
        nodata_counts = {
            name: int(dataset.tags(band)[NODATA_TAG])
            for band, name in enumerate(dataset.descriptions, 1)
            if name and NODATA_TAG in dataset.tags(band)
        }
    except ValueError:
        return NodataCounts()
    consistent = 0 < study <= dataset.width * dataset.height and all(
        0 <= cells <= study for cells in nodata_counts.values()
    )
    return NodataCounts(study, nodata_counts) if consistent else NodataCounts()


def _nodata_counts_from_record(stack: str | os.PathLike) -> NodataCounts:
    """Return what the run record beside a stack says; older stacks have no tags for it."""
    try:
        record = read_record(stack)
        if record["outputs"]["OUTPUT"]["bytes"] != os.path.getsize(stack):
            return NodataCounts()
        study = int(record["study_cells"])
        nodata_counts = {name: int(cells) for name, cells in record["without_data"].items() if name != "elevation"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return NodataCounts()
    return (
        NodataCounts(study, nodata_counts)
        if study > 0 and all(0 <= cells <= study for cells in nodata_counts.values())
        else NodataCounts()
    )


def check_nodata_counts(nodata_counts: NodataCounts) -> list[Finding]:
    """Report factors that cost the study area cells."""
    return [
        Finding(
            WARNING if cells > NODATA_WARNING_SHARE * nodata_counts.study else NOTE,
            "nodata",
            name,
            "The factor had no data in cells of the study area; they are lost to all factors, to training and to the map.",
            "Use a source that covers the area, or leave the factor out if the cells matter more.",
            cells,
            nodata_counts.study,
        )
        for name, cells in nodata_counts.cells.items()
        if cells
    ]


def check_coverage(scan: StackScan) -> list[Finding]:
    """Report what is wrong with the nodata of a stack."""
    findings = []
    bands = scan.bands
    empty = [band for band in bands if not band.finite]
    for band in bands:
        if band.infinite:
            findings.append(
                Finding(
                    ERROR,
                    "infinite",
                    band.name,
                    "Cells hold an infinite number, as a division by zero leaves it; they are left out here.",
                    "Mend the source raster (Raster calculator), and build the stack again.",
                    band.infinite,
                    band.cells,
                )
            )
    if len(empty) == len(bands):
        return [
            *findings,
            Finding(
                ERROR,
                "empty",
                "",
                "The stack holds no data at all.",
                "Check that DEM, AREA and the other inputs overlap, and build the stack again.",
                scan.cells,
                scan.cells,
            ),
        ]
    for band in empty:
        findings.append(
            Finding(
                ERROR,
                "empty",
                band.name,
                "The band holds no data at all, so no cell of the stack can be used with it.",
                "Check that its input overlaps the DEM, or leave the factor out.",
                band.cells,
                band.cells,
            )
        )
    if scan.valid == 0:
        findings.append(
            Finding(
                ERROR,
                "empty",
                "",
                "No cell has data in all factors: where one has data, another has none.",
                "Check that the inputs overlap each other.",
                scan.cells,
                scan.cells,
            )
        )
    elif scan.valid < MIN_CELLS:
        findings.append(
            Finding(
                ERROR,
                "extent",
                "",
                f"Only {scan.valid:,} cells have data in all factors, less than one training window "
                f"({MIN_CELLS:,} cells).",
                "Use a larger area or finer cells.",
                scan.valid,
                scan.cells,
            )
        )
    findings.extend(_check_union(scan, [band for band in bands if band.finite]))
    return findings


def _check_union(scan: StackScan, bands: list[ContinuousBand | CategoricalBand]) -> list[Finding]:
    """Report bands whose nodata differ: the stack's builder leaves the union of all in every band."""
    uneven = [band for band in bands if band.finite > scan.valid]
    if not uneven or scan.valid == 0:
        return []
    findings = []
    alone = [band for band in bands if band.lost_alone > band.infinite] if len(bands) == len(scan.bands) else []
    for band in alone:
        share = band.lost_alone / (scan.valid + band.lost_alone)
        findings.append(
            Finding(
                WARNING if share > NODATA_WARNING_SHARE else NOTE,
                "nodata",
                band.name,
                "Cells lack data in this factor only; they are lost to training and to the map.",
                "Fill the gaps of its source, or leave the factor out if the cells matter more.",
                band.lost_alone,
                band.cells,
            )
        )
    if not alone and not any(band.infinite for band in bands):
        most = max(band.finite for band in bands)
        sparse = [band for band in bands if band.finite < most] or bands
        findings.append(
            Finding(
                NOTE,
                "nodata",
                "",
                "The factors differ in where they have data; cells that lack one are lost.",
                f"Fill the gaps of {join_names([band.name for band in sparse])}.",
                scan.cells - scan.valid,
                scan.cells,
            )
        )
    return findings
