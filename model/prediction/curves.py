"""The curves of an additive network, made for looking up: one number a cell instead of a channel for each knot."""

from __future__ import annotations

import numpy as np
import torch

from ..encoding import Encoding
from ..networks.additive import Curves
from .compact import ClassTables, CompactTile

CELLS = 8192
"""Computed at once, so that all pieces of all curves stay in the fast memory of a processor."""


class FastCurves:
    """What curves and class weights add to the logit of landslide over stable.

    A curve is what it is at its first knot, and for each piece its slope times how far a value reaches into the piece.
    """

    def __init__(self, curves: Curves, tables: ClassTables, encoding: Encoding, device: torch.device) -> None:
        """Take the weights of trained curves.

        Args:
            curves: on any device.
            tables: of the model's classes.
            encoding: of the model.
            device: to compute on.
        """
        weight = _difference(curves.linear.weight.detach()[:, :, 0, 0])
        bias = float(_difference(curves.linear.bias.detach()[:, None])[0])
        knots = curves.knots.detach().double().cpu().numpy()
        heights = _difference(curves.heights.detach().transpose(0, 1))
        # The linear term is level beyond the outer knots like the curves, so it is part of them.
        heights = heights + weight[:curves.continuous, None] * knots
        slopes = np.diff(heights) / np.diff(knots)

        def on_device(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

        self._start = on_device(knots[:, :-1, None])
        self._length = on_device(np.diff(knots)[:, :, None])
        self._slopes = on_device(slopes.reshape(-1))
        self._base = bias + float(heights[:, 0].sum())
        self._device = device
        columns, channel = [], curves.continuous
        for table in encoding.tables:
            columns.append(table.astype(np.float64) @ weight[channel:channel + table.shape[1], None])
            channel += table.shape[1]
        self._classes = [table.sum(dim=1).to(device) for table in tables.combined(columns)]

    def logit(self, tile: CompactTile, first: int, last: int, left: int, right: int) -> torch.Tensor:
        """Return the logit of rows first … last and columns left … right (ends not included), float32."""
        shape = last - first, right - left
        scores = tile.scores[:, first:last, left:right].reshape(len(tile.scores), -1)
        total = torch.full((scores.shape[1],), self._base, device=self._device)
        for classes, key in zip(self._classes, tile.keys):
            total += classes.index_select(0, key[first:last, left:right].reshape(-1))
        if not len(scores):
            return total.reshape(shape)
        size = CELLS if self._device.type == "cpu" else scores.shape[1]
        pieces = torch.empty(*self._start.shape[:2], min(size, scores.shape[1]), device=self._device)
        zero = torch.zeros((), device=self._device)
        for start in range(0, scores.shape[1], size):
            part = scores[:, None, start:start + size]
            reach = pieces[:, :, :part.shape[2]]
            torch.sub(part, self._start, out=reach)
            # Three times as fast as one clamp between tensors.
            torch.maximum(reach, zero, out=reach)
            torch.minimum(reach, self._length, out=reach)
            total[start:start + size] += torch.mv(reach.reshape(len(self._slopes), -1).t(), self._slopes)
        return total.reshape(shape)


def _difference(two: torch.Tensor) -> np.ndarray:
    """Return the second less the first of what stands for landslide and stable, float64."""
    array = two.double().cpu().numpy()
    return array[1] - array[0]
