"""Landslide cells by factor, and checks of the label raster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .band_statistics import CategoricalBand
from .findings import ERROR, FEW_LANDSLIDE_CELLS, NOTE, WARNING, Finding, join_names, number_text
from .stack_statistics import LabelCounts, StackScan

OUTSIDE_SHARE = 0.01  # share of the cells outside the labelled range of a factor from which a note is made


@dataclass(frozen=True)
class ClassShare:
    """One class of a categorical factor against the landslides, over the cells whose label is known."""

    code: int
    label: str
    cells: int
    landslides: int
    area_share: float
    landslide_share: float
    frequency_ratio: float
    """Share of landslide cells ÷ share of cells: over 1 where landslides are more common than on average."""


def frequency_ratios(band: CategoricalBand) -> list[ClassShare]:
    """Return the frequency ratio of each class (Lee and Pradhan 2007); NaN without labelled or landslide cells."""
    area, slides = int(band.known.sum()), int(band.landslides.sum())
    result = []
    for code, cells, landslides in zip(band.codes, band.known.tolist(), band.landslides.tolist()):
        area_share = cells / area if area else float("nan")
        landslide_share = landslides / slides if slides else float("nan")
        ratio = landslide_share / area_share if cells else float("nan")
        result.append(ClassShare(code, band.label(code), cells, landslides, area_share, landslide_share, ratio))
    return result


def check_labels(scan: StackScan) -> Iterator[Finding]:
    """Report what is doubtful in the labels, alone and against the factors; nothing without labels."""
    if scan.labels is None:
        return
    yield from _check_counts(scan.labels)
    if scan.labels.landslide_used == 0:
        return
    for band in scan.categorical_bands:
        yield from _check_classes(band)
    for continuous in scan.continuous_bands:
        outside = continuous.cells_outside_labelled()
        if continuous.finite and outside > OUTSIDE_SHARE * continuous.finite:
            low, high = number_text(continuous.labelled_minimum), number_text(continuous.labelled_maximum)
            message = (
                f"Cells lie outside {low} to {high}, the range of the labelled cells: the model extrapolates there."
            )
            remedy = "Label a more varied area, or use the map there with care."
            yield continuous.finding(NOTE, "extrapolation", message, remedy, outside)


def _check_counts(counts: LabelCounts) -> Iterator[Finding]:
    used, lost = counts.landslide_used, counts.landslide_lost
    labelled = used + counts.stable_used
    if counts.other:
        message = "Cells hold a value that is not a label: 1 is landslide, 0 stable, 255 unknown."
        remedy = "Make the labels with scarp:buildbufferedlabels."
        yield Finding(ERROR, "label value", "labels", message, remedy, counts.other, counts.cells)
    if counts.landslide == 0:
        message, remedy = "No cell is labelled landslide (1).", "Check that the landslide layer overlaps the stack."
        yield Finding(ERROR, "no landslides", "labels", message, remedy, 0, counts.cells)
        return
    if counts.stable_used == 0:
        message = "No cell with data is labelled stable (0)."
        remedy = "Use smaller RADII or RING, or a larger mapped area."
        yield Finding(ERROR, "no stable cells", "labels", message, remedy, 0, counts.cells)
    if lost:
        severity = ERROR if lost == counts.landslide else WARNING if lost > 0.05 * counts.landslide else NOTE
        message = "Landslide cells lie where some factor has no data; they are lost to training."
        remedy = "Fill the gaps of the factors there; the table of factors tells which have some."
        yield Finding(severity, "landslides lost", "labels", message, remedy, lost, counts.landslide)
    if 0 < used < FEW_LANDSLIDE_CELLS:
        message = "A network learns little from so few landslide cells, and its results will vary from run to run."
        remedy = "Add landslides, use larger RADII, or train KIND=logistic_regression with scarp:traincomparisonmodel."
        yield Finding(WARNING, "few landslides", "labels", message, remedy, used, labelled)
    if used > counts.stable_used > 0:
        message = "More than half of the labelled cells are landslide; the buffers are probably too wide."
        remedy = "Use smaller RADII, in keeping with the true size of the landslides."
        yield Finding(WARNING, "landslides everywhere", "labels", message, remedy, used, labelled)


def _check_classes(band: CategoricalBand) -> Iterator[Finding]:
    """Report classes that a model cannot learn from these labels."""
    named = [index for index, code in enumerate(band.codes) if not band.factor.classes or code in band.factor.classes]
    unseen = [index for index in named if band.known[index] == 0]
    if unseen and len(unseen) < len(band.codes):
        message = (
            f"Classes without any labelled cell: {_names(band, unseen)}. A model does not see them in training, and "
            "the map there is a guess."
        )
        remedy = "Map landslides in these classes too, or mask them with AREA."
        yield band.finding(WARNING, "unlabelled class", message, remedy, int(band.counts[unseen].sum()))
    stable = [index for index in named if band.known[index] > 0 and band.landslides[index] == 0]
    if stable:
        message = f"Classes without a landslide cell: {_names(band, stable)}."
        remedy = "Nothing, if that is true of the ground and not a gap in the inventory."
        cells, known = int(band.known[stable].sum()), int(band.known.sum())
        yield Finding(NOTE, "no landslides in class", band.name, message, remedy, cells, known)


def _names(band: CategoricalBand, indices: Sequence[int]) -> str:
    return join_names([band.label(band.codes[index]) for index in indices])
