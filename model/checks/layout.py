"""What the bands of a stack say they are, read so that a fault becomes a finding and the reading goes on."""

from __future__ import annotations

import json

import rasterio

from ..errors import CrsMissing, GridMismatch, GridUnsupported, InputCorrupt
from ..factors.definitions import CATEGORICAL, CONTINUOUS, FACTORS, FactorDefinition
from ..grid import Grid
from ..stack import FORMAT_TAG, StackFactor, read_classes
from .expectations import SMALLEST_WINDOW, TRAINING_WINDOW
from .findings import ERROR, NOTE, WARNING, Finding, listed

REBUILD = "Build the stack again with scarp:buildfactorstack."


def read_grid(dataset: rasterio.DatasetReader, role: str) -> tuple[Grid, list[Finding]]:
    """Return the grid of a raster, also of one that Scarp cannot compute on, and what is wrong with it.

    Args:
        dataset: an open raster.
        role: what it is in this run, for messages.
    """
    bare = Grid(dataset.crs, dataset.transform, dataset.width, dataset.height)
    try:
        grid = Grid.of(dataset, role)
    except CrsMissing as error:
        return bare, [Finding(ERROR, "crs", "", _first_sentence(error), _other_sentences(error))]
    except GridUnsupported as error:
        return bare, [Finding(ERROR, "grid", "", _first_sentence(error), _other_sentences(error))]
    return grid, []


def check_size(grid: Grid) -> list[Finding]:
    """Report a grid too coarse or too small for training windows; needs a grid with a CRS."""
    findings = []
    size = grid.cell_size()
    if TRAINING_WINDOW / size < SMALLEST_WINDOW:
        findings.append(Finding(
            WARNING, "cell size", "", f"Cells are {size:.0f} m wide: a training window of {TRAINING_WINDOW:.0f} m has "
            f"only {max(1, round(TRAINING_WINDOW / size))} of them a side, too few to show a slope's shape.",
            f"Build the stack from a finer DEM (30 m, say), or train with WINDOW of at least "
            f"{SMALLEST_WINDOW * size:.0f} m."))
    if min(grid.width, grid.height) * size < TRAINING_WINDOW:
        findings.append(Finding(
            ERROR, "extent", "", f"The stack is {grid.width * size / 1000:.2f} × {grid.height * size / 1000:.2f} km, "
            f"smaller than one training window of {TRAINING_WINDOW:.0f} m.",
            "Build the stack from a DEM of a larger area, or train with a smaller WINDOW."))
    return findings


def read_factors(dataset: rasterio.DatasetReader) -> tuple[list[StackFactor], list[Finding]]:
    """Return one factor a band, with names made up where there are none, and what is wrong with the description."""
    factors: list[StackFactor] = []
    findings: list[Finding] = []
    if FORMAT_TAG not in dataset.tags():
        findings.append(Finding(
            NOTE, "format", "", "The raster was not written by scarp:buildfactorstack. Factors are known by the band "
            "names, and units cannot be checked.", "Nothing, if the band names, units and class codes are right."))
    for band in dataset.indexes:
        factor, found = _read_factor(dataset, band)
        if factor.name in {other.name for other in factors}:
            findings.append(Finding(
                ERROR, "name", factor.name, f'Band {band} has the name "{factor.name}" of an earlier band; a model '
                "would find only one of them.", "Rename one of the layers and build the stack again."))
            factor = StackFactor(f"{factor.name} (band {band})", factor.kind, factor.unit, factor.title,
                                 factor.classes, band)
        factors.append(factor)
        findings.extend(found)
    absent = [name for name in FACTORS if name not in {factor.name for factor in factors}]
    if absent:
        findings.append(Finding(
            NOTE, "absent", "", f"{len(FACTORS) - len(absent)} of the ten standard factors are there. Missing: "
            f"{listed(absent, 10)}.", "Add their inputs when you build the stack, if you have them; training works "
            "without."))
    return factors, findings


def check_aligned(labels: rasterio.DatasetReader, grid: Grid) -> list[Finding]:
    """Report a label raster that does not lie on the stack's grid; nothing when it does."""
    mend = "Make the labels with scarp:buildbufferedlabels and this stack as REFERENCE."
    try:
        other = Grid.of(labels, "label")
        grid.require_same(other, "factor stack", "label raster")
    except (CrsMissing, GridUnsupported, GridMismatch) as error:
        return [Finding(ERROR, "alignment", "labels", f"{_first_sentence(error)} No landslide cells are counted here.",
                        mend)]
    return []


def _read_factor(dataset: rasterio.DatasetReader, band: int) -> tuple[StackFactor, list[Finding]]:
    tags = dataset.tags(band)
    name = (dataset.descriptions[band - 1] or "").strip()
    findings = []
    if not name:
        name = f"band {band}"
        findings.append(Finding(ERROR, "name", name, f"Band {band} has no name, so no model can find it.", REBUILD))
    known = FACTORS.get(name, FactorDefinition(name, CONTINUOUS, "", name))
    kind = tags.get("kind", known.kind)
    if kind not in (CONTINUOUS, CATEGORICAL):
        findings.append(Finding(
            ERROR, "kind", name, f'The band states the kind "{kind}"; it is read as {known.kind} here.',
            f"It should be {CONTINUOUS} or {CATEGORICAL}. {REBUILD}"))
        kind = known.kind
    elif name in FACTORS and kind != known.kind:
        findings.append(Finding(
            ERROR, "kind", name, f"The band is stored as {kind}, but {name} is {known.kind}.", REBUILD))
    unit = tags.get("unit", known.unit)
    if name in FACTORS and unit != known.unit:
        findings.append(Finding(
            WARNING, "unit", name, f'The band states the unit "{unit}"; {name} should be in {known.unit or "no unit"}.',
            f"Convert the layer and build the stack again: models expect {known.unit or 'class codes'}."))
    classes, found = _read_class_table(dataset, name, tags, known) if kind == CATEGORICAL else ({}, [])
    return StackFactor(name, kind, unit, tags.get("title", known.title), classes, band), findings + found


def _read_class_table(dataset: rasterio.DatasetReader, name: str, tags: dict[str, str], known: FactorDefinition
                      ) -> tuple[dict[int, str], list[Finding]]:
    if "classes" not in tags:
        if known.classes:
            return dict(known.classes), []
        return {}, [_no_table(name)]
    try:
        classes = read_classes(tags["classes"], dataset.name, name)
    except (InputCorrupt, json.JSONDecodeError):
        return dict(known.classes), [Finding(ERROR, "class table", name, "The class table cannot be read.", REBUILD)]
    if not classes:
        return {}, [_no_table(name)]
    labels = list(classes.values())
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        return classes, [Finding(
            WARNING, "class table", name, f"Several codes have the same label: {listed(repeated)}. Another area could "
            "not be matched by label.", "Give each class its own label in the source layer, and build again.")]
    return classes, []


def _no_table(name: str) -> Finding:
    return Finding(WARNING, "class table", name, "The band has no class table, so codes mean nothing outside this "
                   "stack and a second area cannot be matched by label.",
                   "Build the factor from a layer with a class field, or from a raster with class names.")


def _first_sentence(error: Exception) -> str:
    return str(error).partition(". ")[0].rstrip(".") + "."


def _other_sentences(error: Exception) -> str:
    return str(error).partition(". ")[2] or REBUILD
