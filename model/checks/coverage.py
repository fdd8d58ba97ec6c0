"""Where there is data and where not: empty bands, bands that cost others their cells, infinities."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import rasterio

from ..files import read_record
from ..stack import NODATA_TAG, STUDY_TAG
from .bands import CategoricalBand, ContinuousBand
from .findings import ERROR, NOTE, WARNING, Finding, listed
from .statistics import Survey

MUCH = 0.05
"""Share of cells lost to one factor from which that is a warning."""

FEWEST_CELLS = 2500
"""Cells of one training window of 50 × 50; with fewer in all there is nothing to train on."""


@dataclass(frozen=True)
class Costs:
    """What each factor cost when a stack was built, as the stack or its run record says; empty where neither does."""

    study: int = 0
    """Cells with elevation in the study area."""
    cells: dict[str, int] = field(default_factory=dict)
    """Those without data, by factor."""


def read_costs(dataset: rasterio.DatasetReader, stack: str | os.PathLike) -> Costs:
    """Read what each factor cost from the tags of an open stack, or else from the run record beside it.

    Tags that cannot be (those of a larger stack that this one was cut from, say) and a record that is not there, not
    readable or not of this file say nothing.
    """
    tags = dataset.tags()
    if STUDY_TAG not in tags:
        return _recorded_costs(stack)
    try:
        study = int(tags[STUDY_TAG])
        costs = {name: int(dataset.tags(band)[NODATA_TAG]) for band, name in enumerate(dataset.descriptions, 1)
                 if name and NODATA_TAG in dataset.tags(band)}
    except ValueError:
        return Costs()
    sound = 0 < study <= dataset.width * dataset.height and all(0 <= cells <= study for cells in costs.values())
    return Costs(study, costs) if sound else Costs()


def _recorded_costs(stack: str | os.PathLike) -> Costs:
    """Return what the run record beside a stack says; older stacks have no tags for it."""
    try:
        record = read_record(stack)
        if record["outputs"]["OUTPUT"]["bytes"] != os.path.getsize(stack):
            return Costs()
        study = int(record["study_cells"])
        costs = {name: int(cells) for name, cells in record["without_data"].items() if name != "elevation"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return Costs()
    return Costs(study, costs) if study > 0 and all(0 <= cells <= study for cells in costs.values()) else Costs()


def check_costs(costs: Costs) -> list[Finding]:
    """Report factors that cost the study area cells."""
    return [Finding(
        WARNING if cells > MUCH * costs.study else NOTE, "nodata", name,
        "The factor had no data in cells of the study area; they are lost to all factors, to training and to the map.",
        "Use a source that covers the area, or leave the factor out if the cells matter more.", cells, costs.study)
        for name, cells in costs.cells.items() if cells]


def check_coverage(survey: Survey) -> list[Finding]:
    """Report what is wrong with the nodata of a stack."""
    findings = []
    bands = survey.bands
    empty = [band for band in bands if not band.finite]
    for band in bands:
        if band.infinite:
            findings.append(Finding(
                ERROR, "infinite", band.name,
                "Cells hold an infinite number, as a division by zero leaves it; they are left out here.",
                "Mend the source raster (Raster calculator), and build the stack again.",
                band.infinite, band.cells))
    if len(empty) == len(bands):
        return findings + [Finding(
            ERROR, "empty", "", "The stack holds no data at all.",
            "Check that DEM, AREA and the other inputs overlap, and build the stack again.",
            survey.cells, survey.cells)]
    for band in empty:
        findings.append(Finding(
            ERROR, "empty", band.name, "The band holds no data at all, so no cell of the stack can be used with it.",
            "Check that its input overlaps the DEM, or leave the factor out.", band.cells, band.cells))
    if survey.valid == 0:
        findings.append(Finding(
            ERROR, "empty", "", "No cell has data in all factors: where one has data, another has none.",
            "Check that the inputs overlap each other.", survey.cells, survey.cells))
    elif survey.valid < FEWEST_CELLS:
        findings.append(Finding(
            ERROR, "extent", "", f"Only {survey.valid:,} cells have data in all factors, less than one training window "
            f"({FEWEST_CELLS:,} cells).", "Use a larger area or finer cells.", survey.valid, survey.cells))
    findings.extend(_check_union(survey, [band for band in bands if band.finite]))
    return findings


def _check_union(survey: Survey, bands: list[ContinuousBand | CategoricalBand]) -> list[Finding]:
    """Report bands whose nodata differ: the stack's builder leaves the union of all in every band."""
    uneven = [band for band in bands if band.finite > survey.valid]
    if not uneven or survey.valid == 0:
        return []
    findings = []
    alone = [band for band in bands if band.lost_alone > band.infinite] if len(bands) == len(survey.bands) else []
    for band in alone:
        share = band.lost_alone / (survey.valid + band.lost_alone)
        findings.append(Finding(
            WARNING if share > MUCH else NOTE, "nodata", band.name,
            "Cells lack data in this factor only; they are lost to training and to the map.",
            "Fill the gaps of its source, or leave the factor out if the cells matter more.",
            band.lost_alone, band.cells))
    if not alone and not any(band.infinite for band in bands):
        most = max(band.finite for band in bands)
        sparse = [band for band in bands if band.finite < most] or bands
        findings.append(Finding(
            NOTE, "nodata", "", "The factors differ in where they have data; cells that lack one are lost.",
            f"Fill the gaps of {listed([band.name for band in sparse])}.", survey.cells - survey.valid, survey.cells))
    return findings
