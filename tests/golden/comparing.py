"""Which of the golden values have moved, and how far they may.

Measured on QGIS 3.22, 3.40 and 3.44 (torch 2.6 to 2.14, NumPy 1.24 to 2.4, SciPy 1.10 to 1.17, GDAL 3.10 to 3.13), with
AVX-512 and with AVX2, and with Windows' wheels under Wine, at most:

============================  ==========================================  ==============
values                        differed by                                 may differ by
============================  ==========================================  ==============
counts                        0                                           0
demo, factors, safety factor  1e-6 of the value                           1e-5
map of frequency ratios       2e-3 of its minimum, 2e-4 elsewhere         5e-3
trained network and its map   1e-4; 7e-4 on Windows                       2e-3 (absolute)
AUC and the like              1e-4; one landslide of the few in the test  0.02 (absolute)
                              windows is more
recall of the training        0.027, ten of 373 cells at the threshold    0.04 (absolute)
                              of a network of few steps: Windows
areas and cells by class      3e-4 of all; 2e-3 without AVX               4e-3 of all
============================  ==========================================  ==============

A shift by one cell, another class for one in a thousand cells, or 0.01 % more rain goes beyond these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CELLS = 240 * 240
EXACT = ("demo/landslides", "labels/", "windows/")
CLASSIFIED = ("aspect", "landform", "lithology", "seismic_intensity")
COUNTS = ("/cells", "/warning/", *(f"factors/{name}/" for name in CLASSIFIED))
JUDGED = ("/validation/", "training/")
TRAINED = ("pcum/", "recommended/")


def differences(expected: Any, found: Any) -> list[str]:
    """Return in words what differs beyond its tolerance."""
    before, after = dict(flat(expected)), dict(flat(found))
    texts = [
        f"{name}: {before.get(name, 'nothing')} expected, {after.get(name, 'nothing')} found"
        for name in sorted(before.keys() ^ after.keys())
    ]
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        if one is None or other is None:
            if one != other:
                texts.append(f"{name}: {one} expected, {other} found")
        elif abs(one - other) > tolerance(name, one):
            apart = f"{abs(one - other):.3g} apart where {tolerance(name, one):.3g} may be"
            texts.append(f"{name}: {one!r} expected, {other!r} found, {apart}")
    return sorted(texts)


def tolerance(name: str, value: float) -> float:
    """Return how far a value may be from the golden one."""
    if name.startswith(EXACT):
        return 0.0
    if name == "training/recall":
        return 0.04
    if any(part in name for part in JUDGED):
        return 0.02
    if isinstance(value, int) and any(part in name for part in COUNTS):
        # Cells of the input are what they are; classes of a map have borders that a last digit moves.
        of_a_map = name.startswith((*TRAINED, "frequency_ratio/")) and not name.endswith("susceptibility/cells")
        return 4e-3 * CELLS if of_a_map else 2.0
    if name.startswith(TRAINED):
        # Sums are of values from 0 to 1 over all cells, or of those times a row or column.
        scale = {"sum": CELLS, "by_row": CELLS * 240, "by_column": CELLS * 240}.get(name.rpartition("/")[2], 1)
        return 2e-3 * scale
    if name.startswith("frequency_ratio/"):
        return 5e-3 * max(abs(value), 1e-3)
    return 1e-5 * abs(value) + 1e-12


def flat(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Give every number with its path."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from flat(value, f"{name}/{key}" if name else str(key))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from flat(value, f"{name}/{number}")
    else:
        yield name, values
