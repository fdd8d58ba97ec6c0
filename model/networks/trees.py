"""Forests and boosted trees as networks: the nodes of all trees in flat arrays."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ..errors import ParameterInvalid

CELLS = 32768  # per batch, which bounds the memory; times channels it must stay within int32
COMPACT_EVERY = 3  # steps after which cells that reached a leaf are removed; the check costs about as much as a step
MIN_SHARE = 1e-6  # shares are kept this far from 0 and 1, because 0 of so many trees is no infinite logit


class Trees(nn.Module):
    """Trees of decisions on single cells.

    The nodes of all trees are stored one tree after the other. At a node a cell goes ``left`` if its channel
    ``feature`` is at most ``threshold``, else ``right``. A leaf is its own child.
    """

    patch = align = 1
    halo = 0
    roots: torch.Tensor
    feature: torch.Tensor
    threshold: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor

    def __init__(self, channels: int, trees: int, nodes: int, depth: int) -> None:
        super().__init__()
        if trees > nodes:
            raise ParameterInvalid(f"The network has {trees} trees, but only {nodes} nodes.")
        self.channels, self.depth = channels, depth
        self.register_buffer("roots", torch.zeros(trees, dtype=torch.int32))
        self.register_buffer("feature", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(nodes))
        self.register_buffer("left", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("right", torch.zeros(nodes, dtype=torch.int32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        cells = image.float().permute(1, 0, 2, 3).reshape(self.channels, -1)
        logit = torch.cat([self.logit(part) for part in cells.split(CELLS, dim=1)]).float()
        logit = logit.reshape(image.shape[0], *image.shape[2:])
        return torch.stack([torch.zeros_like(logit), logit], dim=1)

    def logit(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the logit of landslide of cells (channels, cells)."""
        raise NotImplementedError

    def leaf_sum(self, numbers: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Return the sum over the trees of the number of the leaf that each of the cells (channels, cells) reaches.

        There is one of the ``numbers`` per node; the sum is float64 (float32 on Apple GPUs).
        """
        kind = torch.float32 if cells.device.type == "mps" else torch.float64
        total = torch.zeros(cells.shape[1], dtype=kind, device=cells.device)
        for leaves in self.leaves(cells):
            total += numbers.index_select(0, leaves)
        return total

    def leaves(self, cells: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield for each tree the leaf that each of the cells (channels, cells) reaches, int32 (cells,)."""
        flat, count = cells.reshape(-1), cells.shape[1]
        ends = [*self.roots[1:].tolist(), len(self.feature)]
        for first, end in zip(self.roots.tolist(), ends):
            yield first + self._descend(flat, count, slice(first, end))

    def _descend(self, flat: torch.Tensor, count: int, own: slice) -> torch.Tensor:
        """Pass cells through one tree, whose nodes fit into the processor's cache."""
        offset, threshold = self.feature[own] * count, self.threshold[own]
        child = torch.stack([self.right[own], self.left[own]], dim=1).reshape(-1) - own.start
        inner = child[::2] != torch.arange(len(offset), dtype=torch.int32, device=flat.device)
        cell = torch.arange(count, dtype=torch.int32, device=flat.device)
        node, result = torch.zeros_like(cell), torch.zeros_like(cell)
        for step in range(self.depth):
            value = flat.index_select(0, offset.index_select(0, node) + cell)
            node = child.index_select(0, 2 * node + (value <= threshold.index_select(0, node)))
            if step % COMPACT_EVERY == COMPACT_EVERY - 1:
                result[cell.long()] = node
                walking = inner.index_select(0, node).nonzero().squeeze(1)
                node, cell = node[walking], cell[walking]
                if not len(cell):
                    return result
        result[cell.long()] = node
        return result

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` unless every path stays inside its tree and among the channels, and ends."""
        nodes, numbers = len(self.feature), torch.arange(len(self.feature))
        roots, left, right = self.roots.long(), self.left.long(), self.right.long()
        if roots[0] != 0 or (roots[1:] <= roots[:-1]).any() or roots[-1] >= nodes:
            raise ParameterInvalid("the roots of its trees are not in order")
        ends = torch.cat([roots[1:], torch.tensor([nodes])])
        end = ends.repeat_interleave(ends - roots)
        leaf = (left == numbers) & (right == numbers)
        inner = (left > numbers) & (right > numbers) & (left < end) & (right < end)
        if not (leaf | inner).all():
            raise ParameterInvalid("a branch of its trees leads nowhere or in a circle")
        if (self.feature < 0).any() or (self.feature >= self.channels).any():
            raise ParameterInvalid("a tree reads a channel that does not exist")


class Forest(Trees):
    """Random forest: the mean over all trees of the landslide share in the leaf that a cell reaches."""

    share: torch.Tensor  # weighted share of landslide cells among the training cells of a node

    def __init__(self, channels: int, trees: int, nodes: int, depth: int) -> None:
        super().__init__(channels, trees, nodes, depth)
        self.register_buffer("share", torch.zeros(nodes))

    def logit(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the logit of landslide of cells (channels, cells)."""
        return torch.logit(self.shares(cells).clamp(MIN_SHARE, 1 - MIN_SHARE))

    def shares(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the landslide share of cells (channels, cells), float64 (float32 on Apple GPUs)."""
        return self.leaf_sum(self.share, cells) / len(self.roots)

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` as :meth:`Trees.check` does, and for shares that are none."""
        super().check()
        if (self.share < 0).any() or (self.share > 1).any():
            raise ParameterInvalid("a leaf's share is not between 0 and 1")


class BoostedTrees(Trees):
    """Gradient boosting: a constant, plus the sum over all trees of the value of the leaf that a cell reaches."""

    value: torch.Tensor  # of a leaf; learning rate included
    constant: torch.Tensor

    def __init__(self, channels: int, trees: int, nodes: int, depth: int) -> None:
        super().__init__(channels, trees, nodes, depth)
        self.register_buffer("value", torch.zeros(nodes))
        self.register_buffer("constant", torch.zeros(1))

    def logit(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the logit of landslide of cells (channels, cells)."""
        return self.leaf_sum(self.value, cells) + self.constant
