"""Rectangles of a tile and the strips in which they are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import torch

STRIP_ROWS, LEAST_ROWS = 96, 8
"""Rows of a strip of the first level, halved from level to level, and the fewest. Two rows are computed twice; more
rows would fill more of the processor's fast memory, and hold up more rows of the levels above."""

GPU_STRIP_ROWS = 1024
"""The same on a GPU, which wants large pieces of work."""

Step = Callable[[float], None]
"""Hears the share of the work done since the last call, and may raise to stop."""


@dataclass(frozen=True)
class Span:
    """Rows and columns of an image, ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def slab(self, margin: int, height: int, width: int) -> "Span":
        """Return the span with a margin, out to even rows and columns, within an image of a size."""
        return Span(max(_even_below(self.top - margin), 0), max(_even_below(self.left - margin), 0),
                    min(_even_above(self.bottom + margin), height), min(_even_above(self.right + margin), width))

    def halved(self) -> "Span":
        """Return what an even span covers at half the resolution."""
        return Span(self.top // 2, self.left // 2, self.bottom // 2, self.right // 2)


def rows_of_strip(level: int, device: torch.device) -> int:
    """Return the rows of a strip of a level, an even number."""
    rows = STRIP_ROWS if device.type == "cpu" else GPU_STRIP_ROWS
    return max(rows >> level, LEAST_ROWS) // 2 * 2


def _even_below(number: int) -> int:
    return number - number % 2


def _even_above(number: int) -> int:
    return number + number % 2
