"""The space in which land is compared with training cells: scores and classes, each as long as it matters to the model.

Meyer and Pebesma (2021, doi 10.1111/2041-210X.13650) weigh standardised predictors by the importance that the model
gives them. Here the importance of a factor is the root mean square by which the logit of landslide changes when the
factor alone takes its value from another cell of the training land, divided by the square root of two. Of curves and
class weights that is the standard deviation of what the factor adds; the network on top and boosted trees add their
part in the same unit. A U-Net is left out: single cells do not tell what it sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..encoding import Encoding
from ..networks.parts import PcumParts

IMPORTANCE_CELLS = 3000  # drawn from the training land by area
_CELLS_AT_ONCE = 20_000
_LEAST_DIFFERENT = 1e-3  # least probability that two cells are of different classes


@dataclass(frozen=True)
class FactorSpace:
    """Coordinates of cells: one per continuous factor, then one per class that training saw, in a model's order."""

    encoding: Encoding
    weights: np.ndarray  # importance of each factor, float64 (factors,)
    scales: np.ndarray  # length of a coordinate's unit, float64 (coordinates,)

    @property
    def class_slices(self) -> list[slice]:
        """The coordinates of each categorical factor."""
        return class_slices(self.encoding)

    def coordinates(self, values: np.ndarray) -> np.ndarray:
        """Return the coordinates of cells, float32 (cells, coordinates); ``values`` as in a stack (cells, factors)."""
        scores, numbers, _ = self.encoding.split(np.ascontiguousarray(values.T)[:, :, None])
        result = np.zeros((len(values), len(self.scales)), dtype=np.float32)
        result[:, : len(scores)] = scores[:, :, 0].T
        for plane, part in zip(numbers[:, :, 0], self.class_slices):
            seen = np.flatnonzero((plane > 0) & (plane <= part.stop - part.start))
            result[seen, part.start + plane[seen] - 1] = 1
        return result * self.scales.astype(np.float32)


def class_slices(encoding: Encoding) -> list[slice]:
    """Return the coordinates of each categorical factor."""
    result, first = [], len(encoding.continuous)
    for index in encoding.categorical:
        last = first + len(encoding.factors[index].seen)
        result.append(slice(first, last))
        first = last
    return result


def coordinate_count(encoding: Encoding) -> int:
    """Return the number of coordinates of a cell."""
    return len(encoding.continuous) + sum(part.stop - part.start for part in class_slices(encoding))


def factor_space(network: Any, encoding: Encoding, values: np.ndarray, area: np.ndarray, seed: int) -> FactorSpace:
    """Return the space of a model; ``values`` (cells, factors) are of the training land, of which each cell stands for
    an ``area``.

    The mean square distance of two cells of the land is the same for a continuous factor and a categorical one of equal
    importance: twice its square.
    """
    share = area / area.sum()
    weights = importances(network, encoding, values, share, seed)
    scales = np.zeros(coordinate_count(encoding))
    scales[: len(encoding.continuous)] = weights[encoding.continuous]
    plain = FactorSpace(encoding, weights, np.ones(len(scales)))
    classes = share @ plain.coordinates(values)
    for index, part in zip(encoding.categorical, plain.class_slices):
        differ = max(1 - float((classes[part] ** 2).sum()), _LEAST_DIFFERENT)
        scales[part] = weights[index] / np.sqrt(differ)
    return FactorSpace(encoding, weights, scales)


def importances(
    network: Any, encoding: Encoding, values: np.ndarray, share: np.ndarray, seed: int, cells: int = IMPORTANCE_CELLS
) -> np.ndarray:
    """Return the importance of each factor, float64 (factors,); ``share`` is that of each cell in the land."""
    generator = np.random.default_rng([seed, 61])
    rows = generator.choice(len(values), cells, p=share)
    others = generator.choice(len(values), cells, p=share)
    base, result = single_cell_logits(network, encoding, values[rows]), np.zeros(len(encoding.factors))
    for factor in range(len(result)):
        changed = values[rows].copy()
        changed[:, factor] = values[others, factor]
        change = single_cell_logits(network, encoding, changed) - base
        result[factor] = np.sqrt(np.mean(change**2) / 2)
    return result


def single_cell_logits(network: Any, encoding: Encoding, values: np.ndarray) -> np.ndarray:
    """Return the logit of landslide of cells (cells, factors) by the parts of a network that see single cells."""
    parts = []
    for first in range(0, len(values), _CELLS_AT_ONCE):
        some = np.ascontiguousarray(values[first : first + _CELLS_AT_ONCE].T)
        image = torch.from_numpy(encoding.encode(some[:, :, None])[0])[None]
        with torch.inference_mode():
            logits = _per_cell(network, image)
        parts.append((logits[0, 1] - logits[0, 0])[:, 0].double().numpy())
    return np.concatenate(parts) if parts else np.zeros(0)


def _per_cell(network: Any, image: torch.Tensor) -> torch.Tensor:
    if not isinstance(network, PcumParts):
        return network(image).float()
    logits = network.pointwise(image)
    return logits if network.trees is None else (logits + network.trees(image)) / 2
