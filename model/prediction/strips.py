"""Rectangles of a tile and the strips in which they are computed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Iterator

import torch

STRIP_BYTES = 8e6
"""Of one feature map of a strip; it then mostly stays in the processor's memory until the next layer reads it."""

GPU_STRIP_BYTES = 64e6
"""The same on a GPU, which wants large pieces of work."""

LEAST_ROWS = 96
"""Of a strip: two rows on each side are computed twice."""


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


def strips(first: int, last: int, bytes_per_row: float, device: torch.device, step: int = 2
           ) -> Iterator[tuple[int, int]]:
    """Cut rows into strips of about equal height, all but the last multiples of ``step`` counted from ``first``.

    Args:
        first: row.
        last: row, not included.
        bytes_per_row: of one feature map.
        device: that computes.
        step: what heights are multiples of.
    """
    size = STRIP_BYTES if device.type == "cpu" else GPU_STRIP_BYTES
    rows = max(LEAST_ROWS, size / max(bytes_per_row, 1))
    count = max(1, round((last - first) / rows))
    height = step * math.ceil((last - first) / count / step)
    for row in range(first, last, height):
        yield row, min(row + height, last)


def _even_below(number: int) -> int:
    return number - number % 2


def _even_above(number: int) -> int:
    return number + number % 2
