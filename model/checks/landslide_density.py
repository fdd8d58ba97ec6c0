"""Landslide cells by factor, and what the label raster itself gives cause to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .band_statistics import CategoricalBand
from .findings import ERROR, FEW_LANDSLIDE_CELLS, NOTE, WARNING, Finding, join_names, number
from .stack_statistics import LabelCounts, StackScan

OUTSIDE_SHARE = 0.01
"""Share of the cells outside the labelled range of a factor from which a note is made."""


@dataclass(frozen=True)
class ClassShare:
    """One class of a categorical factor against the landslides."""

    code: int
    label: str
    cells: int
    """Cells of the class whose label is known."""
    landslides: int
    """Landslide cells of the class."""
    area_share: float
    landslide_share: float
    frequency_ratio: float
    """Share of landslide cells ÷ share of cells: over 1 where landslides are more common than on average."""


def frequency_ratios(band: CategoricalBand) -> list[ClassShare]:
    """Return the frequency ratio of each class (Lee and Pradhan 2007) over the cells whose label is known.

    Classes without such cells have NaN as ratio; all have it when there is no landslide cell.
    """
    area, slides = int(band.known.sum()), int(band.landslides.sum())
    result = []
    for code, cells, landslides in zip(band.codes, band.known.tolist(), band.landslides.tolist()):
        area_share = cells / area if area else float("nan")
        landslide_share = landslides / slides if slides else float("nan")
        ratio = landslide_share / area_share if cells else float("nan")
        result.append(ClassShare(code, band.label(code), cells, landslides, area_share, landslide_share, ratio))
    return result


def check_labels(scan: StackScan) -> list[Finding]:
    """Report what is doubtful in the labels, alone and against the factors; nothing without labels."""
    counts = scan.labels
    if counts is None:
        return []
    findings = _check_counts(counts)
    if counts.landslide_used == 0:
        return findings
    for band in scan.categorical_bands:
        findings += _check_classes(band)
    for band in scan.continuous_bands:
        outside = band.cells_outside_labelled()
        if band.finite and outside > OUTSIDE_SHARE * band.finite:
            findings.append(
                Finding(
                    NOTE,
                    "extrapolation",
                    band.name,
                    f"Cells lie outside {number(band.labelled_minimum)} to "
                    f"{number(band.labelled_maximum)}, the range of the cells with a label: the model has to guess there.",
                    "Label a more varied area, or read the map there with care.",
                    outside,
                    band.finite,
                )
            )
    return findings


def _check_counts(counts: LabelCounts) -> list[Finding]:
    findings = []
    if counts.other:
        findings.append(
            Finding(
                ERROR,
                "label value",
                "labels",
                "Cells hold a value that is no label: 1 is landslide, 0 stable, 255 unknown.",
                "Make the labels with scarp:buildbufferedlabels.",
                counts.other,
                counts.cells,
            )
        )
    if counts.landslide == 0:
        return [
            *findings,
            Finding(
                ERROR,
                "no landslides",
                "labels",
                "No cell is labelled landslide (1).",
                "Check that the landslide layer lies inside the stack.",
                0,
                counts.cells,
            ),
        ]
    if counts.stable_used == 0:
        findings.append(
            Finding(
                ERROR,
                "no stable cells",
                "labels",
                "No cell with data is labelled stable (0).",
                "Use smaller RADII or RING, or a larger mapped area.",
                0,
                counts.cells,
            )
        )
    if counts.landslide_lost:
        share = counts.landslide_lost / counts.landslide
        findings.append(
            Finding(
                ERROR if share == 1 else WARNING if share > 0.05 else NOTE,
                "landslides lost",
                "labels",
                "Landslide cells lie where some factor has no data; they are lost to training.",
                "Fill the gaps of the factors there; the table of factors tells which have some.",
                counts.landslide_lost,
                counts.landslide,
            )
        )
    used = counts.landslide_used
    if 0 < used < FEW_LANDSLIDE_CELLS:
        findings.append(
            Finding(
                WARNING,
                "few landslides",
                "labels",
                "A network learns little from so few landslide cells, and its numbers will vary from run to run.",
                "Add landslides, use larger RADII, or train KIND=logistic_regression with scarp:traincomparisonmodel.",
                used,
                used + counts.stable_used,
            )
        )
    if used and counts.stable_used and used > counts.stable_used:
        findings.append(
            Finding(
                WARNING,
                "landslides everywhere",
                "labels",
                "More than half of the labelled cells are landslide; the buffers are probably too wide.",
                "Use smaller RADII, in keeping with the true size of the landslides.",
                used,
                used + counts.stable_used,
            )
        )
    return findings


def _check_classes(band: CategoricalBand) -> list[Finding]:
    """Report classes that a model cannot learn from these labels."""
    findings = []
    named = [place for place, code in enumerate(band.codes) if not band.factor.classes or code in band.factor.classes]
    unseen = [place for place in named if band.known[place] == 0]
    if unseen and len(unseen) < len(band.codes):
        findings.append(
            Finding(
                WARNING,
                "unlabelled class",
                band.name,
                f"Classes without any labelled cell: {_names(band, unseen)}. A "
                "model does not see them in training, and the map there is a guess.",
                "Map landslides in these classes too, or mask them with AREA.",
                int(band.counts[unseen].sum()),
                band.finite,
            )
        )
    without_landslides = [place for place in named if band.known[place] > 0 and band.landslides[place] == 0]
    if without_landslides:
        cells = int(band.known[without_landslides].sum())
        findings.append(
            Finding(
                NOTE,
                "no landslides in class",
                band.name,
                f"Classes without a landslide cell: {_names(band, without_landslides)}.",
                "Nothing, if that is true of the ground and not a gap in the inventory.",
                cells,
                int(band.known.sum()),
            )
        )
    return findings


def _names(band: CategoricalBand, places: Sequence[int]) -> str:
    return join_names([band.label(band.codes[place]) for place in places])
