"""The eight ways to turn and mirror a window, with the aspect codes turned along."""

from __future__ import annotations

import numpy as np
import torch

from ..encoding import FactorSpec
from ..factors.definitions import ASPECT_CLASSES

WAYS = 8
"""Number 0 leaves a window as it is; 4 and up mirror left and right first; the rest is turned by 90° a step."""

ASPECT = "aspect"
_FIRST_DIRECTION = 2
"""Code of north; the eight directions follow clockwise. Flat (1) has no direction."""


def turn(image: torch.Tensor, way: int) -> torch.Tensor:
    """Return images turned in one of the eight ways.

    Args:
        image: (…, height, width), square.
        way: 0 to 7.
    """
    if way >= 4:
        image = image.flip(-1)
    return torch.rot90(image, way % 4, dims=(-2, -1))


def turned_aspect(code: int, way: int) -> int:
    """Return the aspect code that a slope has after its window was turned.

    Mirroring left and right swaps east and west; a quarter turn is counter-clockwise, so north becomes west.

    Args:
        code: 1 to 9 as in the stack; other codes stay.
        way: 0 to 7.
    """
    if code not in ASPECT_CLASSES or code < _FIRST_DIRECTION:
        return code
    direction = code - _FIRST_DIRECTION
    if way >= 4:
        direction = -direction
    return (direction - 2 * (way % 4)) % 8 + _FIRST_DIRECTION


def aspect_table(spec: FactorSpec) -> np.ndarray:
    """Return for each way and each class number of the aspect the class number after turning.

    Class numbers are those of ``Encoding.split``: 0 no data, then the classes seen, then unseen.

    Returns:
        int64 (8, seen classes + 2).
    """
    numbers = {code: place + 1 for place, code in enumerate(spec.seen)}
    unseen = len(spec.seen) + 1
    table = np.empty((WAYS, unseen + 1), dtype=np.int64)
    for way in range(WAYS):
        turned = [numbers.get(turned_aspect(code, way), unseen) for code in spec.seen]
        table[way] = [0, *turned, unseen]
    return table
