"""Feature maps that are made row by row and forgotten when the rows below no longer look back at them."""

from __future__ import annotations

from collections import deque

import torch


class Rows:
    """The rows of an image that are still needed, in the pieces in which they came."""

    def __init__(self, first: int) -> None:
        """Begin with the number of the first row that will come."""
        self.end = first
        """Number of the row after the last that is there."""
        self._pieces: deque[tuple[int, torch.Tensor]] = deque()

    def add(self, rows: torch.Tensor) -> None:
        """Append rows, shape (1, channels, rows, width); they are kept and not copied."""
        self._pieces.append((self.end, rows))
        self.end += rows.shape[2]

    def get(self, first: int, last: int) -> torch.Tensor:
        """Return rows first … last (not included), channels last; they must be there."""
        parts = []
        for start, piece in self._pieces:
            top, bottom = max(first - start, 0), min(last - start, piece.shape[2])
            if top < bottom:
                parts.append(piece[:, :, top:bottom])
        if len(parts) == 1:
            return parts[0]
        size = (1, parts[0].shape[1], last - first, parts[0].shape[3])
        joined = torch.empty(size, dtype=parts[0].dtype, device=parts[0].device, memory_format=torch.channels_last)
        row = 0
        for part in parts:
            joined[:, :, row:row + part.shape[2]] = part
            row += part.shape[2]
        return joined

    def forget(self, first: int) -> None:
        """Say that rows before this one are no longer needed."""
        while self._pieces and self._pieces[0][0] + self._pieces[0][1].shape[2] <= first:
            self._pieces.popleft()
