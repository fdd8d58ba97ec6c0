"""Models of single cells as networks: logistic regression, tables of class weights, and random forest."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ..errors import ParameterInvalid


class Linear(nn.Module):
    """Logistic regression: one weight per channel and a constant; the logit of stable is 0."""

    patch = align = 1
    halo = 0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.layer = nn.Conv2d(channels, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        # 16 bits would save no time here.
        with torch.autocast(image.device.type, enabled=False):
            logit = self.layer(image.float())
        return torch.cat([torch.zeros_like(logit), logit], dim=1)


class Tables(nn.Module):
    """Frequency ratio and weights of evidence: the sum of one weight per factor; the logit is ``scale · sum + offset``.

    Continuous factors are looked up by the bin of their z-score. Classes are one channel each; a class without a
    channel adds nothing, so it is neutral.
    """

    patch = align = 1
    halo = 0
    edges: torch.Tensor
    """Lower ends of all bins but the first, increasing; the last is repeated if a factor has fewer bins."""
    bins: torch.Tensor  # weight of each bin
    classes: torch.Tensor  # weight of each class
    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, channels: int, continuous: int, bins: int) -> None:
        super().__init__()
        if continuous > channels:
            raise ParameterInvalid(f"The network has {channels} channels, so {continuous} of them cannot have bins.")
        self.channels, self.continuous = channels, continuous
        self.register_buffer("edges", torch.zeros(continuous, bins - 1))
        self.register_buffer("bins", torch.zeros(continuous, bins))
        self.register_buffer("classes", torch.zeros(channels - continuous))
        for name in ("scale", "offset"):
            self.register_buffer(name, torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        logit = self.scale * self.index(image) + self.offset
        return torch.stack([torch.zeros_like(logit), logit], dim=1)

    def index(self, image: torch.Tensor) -> torch.Tensor:
        """Return the sum of weights, float32 (batch, height, width)."""
        image = image.float()
        total = torch.zeros_like(image[:, 0])
        for factor in range(self.continuous):
            place = torch.bucketize(image[:, factor].contiguous(), self.edges[factor], right=True)
            total += self.bins[factor][place]
        for channel in range(self.channels - self.continuous):
            total += image[:, self.continuous + channel] * self.classes[channel]
        return total

    def check(self) -> None:
        """Raise :class:`ParameterInvalid` unless the edges of all bins increase."""
        if (self.edges[:, 1:] < self.edges[:, :-1]).any():
            raise ParameterInvalid("the edges of its bins do not increase")


CELLS = 32768  # per batch, which bounds the memory; times channels it must stay within int32
COMPACT_EVERY = 3  # steps after which cells that reached a leaf are removed; the check costs about as much as a step
MIN_SHARE = 1e-6  # shares are kept this far from 0 and 1, because 0 of so many trees is no infinite logit


class Forest(nn.Module):
    """Random forest: the mean over all trees of the landslide share in the leaf that a cell reaches.

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
    share: torch.Tensor  # weighted share of landslide cells among the training cells of a node

    def __init__(self, channels: int, trees: int, nodes: int, depth: int) -> None:
        super().__init__()
        if trees > nodes:
            raise ParameterInvalid(f"The forest has {trees} trees, but only {nodes} nodes.")
        self.channels, self.depth = channels, depth
        self.register_buffer("roots", torch.zeros(trees, dtype=torch.int32))
        self.register_buffer("feature", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(nodes))
        self.register_buffer("left", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("right", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("share", torch.zeros(nodes))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 2, height, width), of encoded factors (batch, channels, height, width)."""
        cells = image.float().permute(1, 0, 2, 3).reshape(self.channels, -1)
        share = torch.cat([self.shares(part) for part in cells.split(CELLS, dim=1)])
        logit = torch.logit(share.clamp(MIN_SHARE, 1 - MIN_SHARE)).float()
        logit = logit.reshape(image.shape[0], *image.shape[2:])
        return torch.stack([torch.zeros_like(logit), logit], dim=1)

    def shares(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the landslide share of cells (channels, cells), float64 (float32 on Apple GPUs)."""
        kind = torch.float32 if cells.device.type == "mps" else torch.float64
        total = torch.zeros(cells.shape[1], dtype=kind, device=cells.device)
        for leaves in self.leaves(cells):
            total += self.share.index_select(0, leaves)
        return total / len(self.roots)

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
        if (self.share < 0).any() or (self.share > 1).any():
            raise ParameterInvalid("a leaf's share is not between 0 and 1")
