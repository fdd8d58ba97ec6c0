"""Classes on a grid as polygons that cover the study area without gaps or overlaps."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np
from rasterio import features
from scipy import ndimage

from ..inputs.vectors import Polygons
from .frame import Frame


def polygons_of(classes: np.ndarray, frame: Frame, name: str, fields: Mapping[str, Sequence[Any]],
                merge: bool = False) -> Polygons:
    """Outline the classes of the study area.

    Args:
        classes: class index a cell, uint8, shape (size, size).
        frame: the frame.
        name: name of the layer.
        fields: for each field its value a class.
        merge: one feature a class; otherwise one a connected patch.

    Returns:
        Polygons in map coordinates. Patches that touch only at a corner are separate, so every outline is simple.
    """
    found: list[tuple[int, dict[str, Any]]] = [
        (int(value), shape)
        for shape, value in features.shapes(classes.astype(np.uint8), connectivity=4, transform=frame.grid.transform)]
    if merge:
        found = [(value, _joined([shape for other, shape in found if other == value]))
                 for value in sorted({value for value, _ in found})]
    columns = {key: [values[index] for index, _ in found] for key, values in fields.items()}
    return Polygons(name, fields=columns, geometries=[shape for _, shape in found])


def tidy(classes: np.ndarray, width: float, least: int) -> np.ndarray:
    """Smooth the borders between classes over ``width`` cells and dissolve patches of fewer than ``least`` cells.

    Args:
        classes: uint8 array.
        width: standard deviation of the smoothing in cells.
        least: cells of the smallest patch that stays.

    Returns:
        uint8 array of the same shape.
    """
    best, answer = np.full(classes.shape, -1.0, dtype=np.float32), classes.copy()
    for value in np.unique(classes):
        weight = ndimage.gaussian_filter((classes == value).astype(np.float32), width)
        better = weight > best
        best[better], answer[better] = weight[better], value
    return features.sieve(answer, size=least, connectivity=4)


def _joined(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    if len(shapes) == 1:
        return shapes[0]
    return {"type": "MultiPolygon", "coordinates": [shape["coordinates"] for shape in shapes]}
