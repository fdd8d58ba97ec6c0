"""Options and inputs of an explanation; importable without torch and NumPy, so that the shell can show them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..options import Options, device, number

if TYPE_CHECKING:
    from ..inputs.vectors import Polygons

DRAWS = 400  # resamples of the blocks for an interval

_BLOCK = (
    "Side of the blocks that are permuted and resampled as a whole. Neighbouring cells are similar, so permuting "
    "single cells would say little; a few times the length of a slope is sensible. Automatic: 2 km, and smaller where "
    "fewer than 60 such blocks have labels."
)
_BLOCKS = "How many blocks are sampled, half of them with landslides. More give narrower intervals and take longer."
_REFERENCES = (
    "Number of typical combinations of factor values with which each cell is compared to find its dominant factor. "
    "More are more exact and take longer."
)
_SEED = "Start of the random draws; the same seed gives the same report."


@dataclass(frozen=True)
class ExplanationOptions(Options):
    """What a user can set about an explanation.

    The defaults take a few minutes on one processor core with the default network. Landslides and most factors are
    similar over some hundred metres, so blocks of 2 km are nearly independent of each other; a small area has too few
    of them. On the demo the dominant factor with 8 baselines was that with 64 in 89 % of the cells.
    """

    block: float | None = number(None, 1.0, 1e6, "Block (m)", _BLOCK, decimals=1, advanced=True, automatic=True)
    blocks: int = number(120, 8, 10000, "Maximum number of blocks", _BLOCKS, advanced=True)
    repeats: int = number(10, 2, 1000, "Repeats", "Number of permutations of each factor.", advanced=True)
    references: int = number(8, 1, 1000, "Baselines", _REFERENCES, advanced=True)
    seed: int = number(1, 0, 2147483647, "Seed", _SEED, advanced=True)
    device: str = device()


@dataclass
class ExplanationInputs:
    """What is explained, and on which labels."""

    stack: str | os.PathLike
    model: str | os.PathLike
    labels: str | os.PathLike
    area: Polygons | None = None
