"""Checks of the stack as a whole: what its bands state, its grid and labels, and where it has data.

A fault in what a band states becomes a finding, and the reading goes on.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import rasterio

from ..errors import CrsMissing, GridMismatch, GridUnsupported, InputCorrupt
from ..factors.definitions import CATEGORICAL, CONTINUOUS, EMBEDDINGS, FACTORS, FactorDefinition
from ..factors.embeddings import question_of_year
from ..grid import Grid
from ..outputs.run_record import read_record
from ..stack import FORMAT_TAG, NODATA_TAG, STUDY_TAG, StackFactor, embedding_facts, read_classes, standard_names
from ..texts import REPLACEMENT, alike_labels, describe_alike, is_no_value, join_names, looks_misread
from .findings import ERROR, NOTE, WARNING, Finding
from .stack_statistics import StackScan

COARSE_CELL = 90.0  # metres; a slope is some hundred metres long
REBUILD_HINT = "Rebuild the stack with scarp:buildfactorstack."
NODATA_WARNING_SHARE = 0.05  # share of cells lost to one factor from which that is a warning
MIN_CELLS = 2500  # with fewer, blocks of land that do not resemble each other hold a few cells only


def read_grid(dataset: rasterio.DatasetReader, role: str) -> tuple[Grid, list[Finding]]:
    """Return the grid of a raster, also of one that Scarp cannot compute on, and what is wrong with it."""
    try:
        return Grid.from_dataset(dataset, role), []
    except (CrsMissing, GridUnsupported) as error:
        message, _, remedy = str(error).partition(". ")
        check = "crs" if isinstance(error, CrsMissing) else "grid"
        unchecked_grid = Grid(dataset.crs, dataset.transform, dataset.width, dataset.height)
        return unchecked_grid, [Finding(ERROR, check, "", message.rstrip(".") + ".", remedy or REBUILD_HINT)]


def check_size(grid: Grid) -> Iterator[Finding]:
    """Report a grid too coarse for the shape of slopes; needs a grid with a CRS."""
    size = grid.cell_size()
    if size > COARSE_CELL:
        message = f"Cells are {size:.0f} m wide, too coarse to show the shape of a slope."
        yield Finding(WARNING, "cell size", "", message, "Build the stack from a finer DEM, for example of 30 m.")


def check_label_grid(labels: rasterio.DatasetReader, grid: Grid) -> Iterator[Finding]:
    """Report a label raster that does not lie on the stack's grid; nothing when it does."""
    try:
        grid.require_same(Grid.from_dataset(labels, "label"), "factor stack", "label raster")
    except (CrsMissing, GridUnsupported, GridMismatch) as error:
        message = str(error).partition(". ")[0].rstrip(".") + ". No landslide cells are counted here."
        remedy = "Make the labels with scarp:buildbufferedlabels and this stack as REFERENCE."
        yield Finding(ERROR, "alignment", "labels", message, remedy)


def read_factors(dataset: rasterio.DatasetReader) -> tuple[list[StackFactor], list[Finding]]:
    """Return one factor per band, with names made up where there are none, and what is wrong with the description."""
    factors: list[StackFactor] = []
    findings: list[Finding] = []
    if FORMAT_TAG not in dataset.tags():
        message = (
            "The raster was not written by scarp:buildfactorstack. Factors are identified by the band names, and units "
            "cannot be checked."
        )
        remedy = "Nothing, if the band names, units and class codes are right."
        findings.append(Finding(NOTE, "format", "", message, remedy))
    for band in dataset.indexes:
        factor, found = _read_factor(dataset, band)
        if factor.name in {other.name for other in factors}:
            message = f'Band {band} has the same name "{factor.name}" as an earlier band; a model would use only one.'
            remedy = "Rename one of the layers and rebuild the stack."
            findings.append(Finding(ERROR, "name", factor.name, message, remedy))
            factor = dataclasses.replace(factor, name=f"{factor.name} (band {band})")
        factors.append(factor)
        findings.extend(found)
    absent = [name for name in FACTORS if name not in {factor.name for factor in factors}]
    if absent:
        there = f"{len(FACTORS) - len(absent)} of the ten standard factors are present"
        remedy = "Add their inputs when you build the stack, if you have them; training works without."
        findings.append(Finding(NOTE, "absent", "", f"{there}. Missing: {join_names(absent, 10)}.", remedy))
    return factors, findings


def check_embeddings(dataset: rasterio.DatasetReader, factors: list[StackFactor]) -> Iterator[Finding]:
    """Ask whether the embeddings of a stack show the landslides already."""
    bands = [factor for factor in factors if factor.group == EMBEDDINGS]
    facts = embedding_facts(dataset)
    question = question_of_year(facts.get("year"), facts.get("landslides")) if bands else ""
    if question:
        message, _, remedy = question.rpartition(" Take ")
        severity = NOTE if facts.get("landslides") is None else WARNING
        yield Finding(severity, "embeddings", EMBEDDINGS, message, f"Take {remedy}")


def _read_factor(dataset: rasterio.DatasetReader, band: int) -> tuple[StackFactor, list[Finding]]:
    tags = dataset.tags(band)
    given = (dataset.descriptions[band - 1] or "").strip()
    name = standard_names([description or "" for description in dataset.descriptions]).get(given, given)
    findings = []
    if name != given:
        findings.append(
            Finding(NOTE, "name", name, f'The band is called "{given}"; it is read as {name}.', REBUILD_HINT)
        )
    if not name:
        name = f"band {band}"
        message = f"Band {band} has no name, so no model can find it."
        findings.append(Finding(ERROR, "name", name, message, REBUILD_HINT))
    known = FACTORS.get(name, FactorDefinition(name, CONTINUOUS, "", name))
    kind = tags.get("kind", known.kind)
    if kind not in (CONTINUOUS, CATEGORICAL):
        message = f'The band states the kind "{kind}"; it is read as {known.kind} here.'
        remedy = f"It should be {CONTINUOUS} or {CATEGORICAL}. {REBUILD_HINT}"
        findings.append(Finding(ERROR, "kind", name, message, remedy))
        kind = known.kind
    elif name in FACTORS and kind != known.kind:
        message = f"The band is stored as {kind}, but {name} is {known.kind}."
        findings.append(Finding(ERROR, "kind", name, message, REBUILD_HINT))
    unit = tags.get("unit", known.unit)
    if name in FACTORS and unit != known.unit:
        message = f'The band states the unit "{unit}"; {name} should be in {known.unit or "no unit"}.'
        remedy = f"Convert the layer and rebuild the stack: models expect {known.unit or 'class codes'}."
        findings.append(Finding(WARNING, "unit", name, message, remedy))
    classes, found = _read_class_table(dataset, name, tags, known) if kind == CATEGORICAL else ({}, [])
    group = EMBEDDINGS if tags.get("group") == EMBEDDINGS else ""
    return StackFactor(name, kind, unit, tags.get("title", known.title), classes, group, band), findings + found


def _read_class_table(
    dataset: rasterio.DatasetReader, name: str, tags: dict[str, str], known: FactorDefinition
) -> tuple[dict[int, str], list[Finding]]:
    if "classes" not in tags and known.classes:
        return dict(known.classes), []
    try:
        classes = read_classes(tags.get("classes", "{}"), dataset.name, name)
    except (InputCorrupt, json.JSONDecodeError):
        finding = Finding(ERROR, "class table", name, "The class table cannot be read.", REBUILD_HINT)
        return dict(known.classes), [finding]
    if not classes:
        message = (
            "The band has no class table, so codes have no meaning outside this stack and a second area cannot be "
            "matched by label."
        )
        remedy = "Build the factor from a layer with a class field, or from a raster with class names."
        return {}, [Finding(WARNING, "class table", name, message, remedy)]
    return classes, list(_check_labels(name, list(classes.values())))


def _check_labels(name: str, labels: list[str]) -> Iterator[Finding]:
    """Report labels of a class table that are one class in several spellings, no class at all, or garbled."""
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        message = f"Several codes share a label: {join_names(repeated)}. Another area could not be matched by label."
        remedy = "Give each class its own label in the source layer, and rebuild the stack."
        yield Finding(WARNING, "class table", name, message, remedy)
    alike = alike_labels(labels)
    if alike:
        message = f"Labels that differ only in case, blanks or Unicode form: {describe_alike(alike)}."
        remedy = "If they mean the same, give them one spelling in the source layer, and rebuild the stack."
        yield Finding(WARNING, "class label", name, message, remedy)
    empty = sorted({label for label in labels if is_no_value(label)})
    if empty:
        message = f"Labels that stand for no value: {join_names(empty)}. A model would learn them as a class."
        remedy = "Set them to nodata in the source layer, and rebuild the stack."
        yield Finding(WARNING, "class label", name, message, remedy)
    garbled = sorted({label for label in labels if REPLACEMENT in label})
    if garbled:
        message = f"Labels with characters that could not be read: {join_names(garbled)}. Classes may be mixed up."
        remedy = "Set the encoding of the source layer (Layer Properties > Source), and rebuild the stack."
        yield Finding(ERROR, "class label", name, message, remedy)
    misread = sorted({label for label in labels if looks_misread(label)})
    if misread:
        message = f"Labels that look as if they were read in a wrong encoding: {join_names(misread)}."
        remedy = "If so, set the encoding of the source layer (Layer Properties > Source), and rebuild the stack."
        yield Finding(WARNING, "class label", name, message, remedy)


@dataclass(frozen=True)
class NodataCounts:
    """Cells lost to each factor when a stack was built, as the stack or its run record states; else empty."""

    study: int = 0  # cells with elevation in the study area
    cells: dict[str, int] = field(default_factory=dict)  # those without data, by factor


def read_nodata_counts(dataset: rasterio.DatasetReader, stack: str | os.PathLike) -> NodataCounts:
    """Read how many cells each factor lost from the tags of an open stack, or else from the run record beside it.

    Impossible tags (of a larger stack that this one was cut from, say) and a record of another file give no counts.
    """
    tags = dataset.tags()
    try:
        if STUDY_TAG in tags:
            bands = {name: dataset.tags(band) for band, name in enumerate(dataset.descriptions, 1) if name}
            cells = {name: int(tags[NODATA_TAG]) for name, tags in bands.items() if NODATA_TAG in tags}
            counts = NodataCounts(int(tags[STUDY_TAG]), cells)
            if counts.study > dataset.width * dataset.height:
                return NodataCounts()
        else:
            # Older stacks have no tags for it.
            record = read_record(stack)
            if record["outputs"]["OUTPUT"]["bytes"] != os.path.getsize(stack):
                return NodataCounts()
            cells = {name: int(cells) for name, cells in record["without_data"].items() if name != "elevation"}
            counts = NodataCounts(int(record["study_cells"]), cells)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return NodataCounts()
    # No factor can lack more than there are.
    possible = counts.study > 0 and all(0 <= cells <= counts.study for cells in counts.cells.values())
    return counts if possible else NodataCounts()


def check_nodata_counts(counts: NodataCounts) -> Iterator[Finding]:
    """Report factors that lost cells of the study area."""
    message = "The factor had no data in cells of the study area; they are lost to all factors, training and the map."
    remedy = "Use a source that covers the area, or leave the factor out if the cells matter more."
    for name, cells in counts.cells.items():
        if cells:
            severity = WARNING if cells > NODATA_WARNING_SHARE * counts.study else NOTE
            yield Finding(severity, "nodata", name, message, remedy, cells, counts.study)


def check_coverage(scan: StackScan) -> Iterator[Finding]:
    """Report what is wrong with the nodata of a stack."""
    for band in scan.bands:
        if band.infinite:
            message = "Cells hold an infinite number, as a division by zero gives; they are left out here."
            remedy = "Fix the source raster (Raster calculator), and rebuild the stack."
            yield Finding(ERROR, "infinite", band.name, message, remedy, band.infinite, band.cells)
    empty = [band for band in scan.bands if not band.finite]
    if len(empty) == len(scan.bands):
        remedy = "Check that DEM, AREA and the other inputs overlap, and rebuild the stack."
        yield Finding(ERROR, "empty", "", "The stack holds no data at all.", remedy, scan.cells, scan.cells)
        return
    for band in empty:
        message = "The band holds no data at all, so no cell of the stack can be used with it."
        remedy = "Check that its input overlaps the DEM, or leave the factor out."
        yield Finding(ERROR, "empty", band.name, message, remedy, band.cells, band.cells)
    if scan.valid == 0:
        message = "No cell has data in all factors: where one has data, another has none."
        remedy = "Check that the inputs overlap each other."
        yield Finding(ERROR, "empty", "", message, remedy, scan.cells, scan.cells)
        return
    if scan.valid < MIN_CELLS:
        message = f"Only {scan.valid:,} cells have data in all factors, so few that a model and its test are rough."
        yield Finding(WARNING, "extent", "", message, "Use a larger area.", scan.valid, scan.cells)
    yield from _check_union(scan)


def _check_union(scan: StackScan) -> Iterator[Finding]:
    """Report bands whose nodata differ: the stack's builder leaves the union of all in every band."""
    bands = [band for band in scan.bands if band.finite]
    if not any(band.finite > scan.valid for band in bands):
        return
    alone = [band for band in bands if band.lost_alone > band.infinite] if len(bands) == len(scan.bands) else []
    for band in alone:
        share = band.lost_alone / (scan.valid + band.lost_alone)
        severity = WARNING if share > NODATA_WARNING_SHARE else NOTE
        message = "Cells lack data in this factor only; they are lost to training and to the map."
        remedy = "Fill the gaps of its source, or leave the factor out if the cells matter more."
        yield Finding(severity, "nodata", band.name, message, remedy, band.lost_alone, band.cells)
    if not alone and not any(band.infinite for band in bands):
        most = max(band.finite for band in bands)
        sparse = [band for band in bands if band.finite < most] or bands
        message = "The factors differ in where they have data; cells that lack one are lost."
        remedy = f"Fill the gaps of {join_names([band.name for band in sparse])}."
        yield Finding(NOTE, "nodata", "", message, remedy, scan.cells - scan.valid, scan.cells)
