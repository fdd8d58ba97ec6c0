"""Judging class codes: whole, in the class table, and with enough cells."""

from __future__ import annotations

from ..factors.definitions import FACTORS
from .bands import CategoricalBand
from .expectations import FEW_CELLS, MOST_CLASSES, SAME_VALUE_SHARE
from .findings import ERROR, NOTE, WARNING, Finding, listed, number, percent


def check_categorical(band: CategoricalBand) -> list[Finding]:
    """Report everything doubtful in the class codes of one categorical factor, from what was counted of it."""
    if not band.finite:
        return []
    return [*_check_odd(band), *_check_unknown(band), *_check_variety(band), *_check_small(band)]


def _check_odd(band: CategoricalBand) -> list[Finding]:
    """Report values that no class code can be."""
    if not band.odd_cells:
        return []
    examples = sorted(band.odd, key=lambda value: -band.odd[value])
    fractions = any(value != int(value) for value in examples if abs(value) < 1e15)
    why = "they come of classes that were interpolated" if fractions else "codes are whole numbers from 1"
    degrees = " Aspect in degrees has to be classed into 1 to 9." if band.name == "aspect" else ""
    return [Finding(
        ERROR, "class code", band.name,
        f"Values that are no class code: {listed([number(value) for value in examples], 5)}; {why}.{degrees}",
        "Build the stack again with scarp:buildfactorstack, which takes the nearest class.",
        band.odd_cells, band.finite)]


def _check_unknown(band: CategoricalBand) -> list[Finding]:
    """Report codes that the class table lacks."""
    if not band.factor.classes:
        return []
    unknown = [place for place, code in enumerate(band.codes) if code not in band.factor.classes]
    if not unknown:
        return []
    unknown.sort(key=lambda place: -band.counts[place])
    cells = int(band.counts[unknown].sum())
    codes = listed([f"{band.codes[place]} ({band.counts[place]:,} cells)" for place in unknown], 6)
    if band.name == "aspect":
        mend = "Aspect codes are 1 to 9 (flat, N, NE, … NW), not degrees. Let scarp:buildfactorstack compute them."
    else:
        mend = "Give these codes a label in the source, or set them to nodata, and build the stack again."
    return [Finding(ERROR, "class code", band.name, f"Codes that are not in the class table: {codes}.", mend, cells,
                    band.finite)]


def _check_variety(band: CategoricalBand) -> list[Finding]:
    """Report a band of one class, or nearly, or of far too many."""
    if len(band.codes) > MOST_CLASSES:
        return [Finding(
            ERROR, "class code", band.name,
            f"{len(band.codes):,} different codes: this looks like amounts or identifiers, not classes.",
            "Add the layer under EXTRA_CONTINUOUS, or class it first.")]
    if len(band.codes) == 1 and not band.odd_cells:
        return [Finding(
            ERROR, "constant", band.name, f'Every cell is of the class "{band.label(band.codes[0])}": nothing can be '
            "learned from it, and a model trained with it knows no other class.",
            "Leave the factor out, or check its source.", band.finite, band.finite)]
    if not band.codes:
        return []
    most = int(band.counts.argmax())
    share = band.counts[most] / band.finite
    if share >= SAME_VALUE_SHARE:
        return [Finding(
            WARNING, "nearly constant", band.name,
            f'{percent(share)} of the cells are of the class "{band.label(band.codes[most])}".',
            "Leave the factor out, or join a neighbouring area that has more classes.",
            int(band.counts[most]), band.finite)]
    return []


def _check_small(band: CategoricalBand) -> list[Finding]:
    """Report classes with hardly any cells, or none."""
    findings = []
    few = [place for place, cells in enumerate(band.counts) if cells < FEW_CELLS]
    if few and len(band.codes) > 1:
        names = listed([f"{band.label(band.codes[place])} ({band.counts[place]:,})" for place in few])
        findings.append(Finding(
            WARNING, "small class", band.name,
            f"Classes with fewer than {FEW_CELLS} cells: {names}. What a model learns of them is chance.",
            "Join them with a similar class, or set them to nodata.",
            int(band.counts[few].sum()), band.finite))
    # The table of aspect is always the same; no flat ground is nothing to speak of.
    fixed = band.name in FACTORS and FACTORS[band.name].classes
    table = {} if fixed else band.factor.classes
    absent = [label for code, label in sorted(table.items()) if code not in band.codes]
    if absent:
        findings.append(Finding(
            NOTE, "absent class", band.name,
            f"Classes of the table that no cell has: {listed(absent)}. A model trained here will not know them.",
            "Nothing, if the table is shared with other areas on purpose."))
    return findings
