"""What a model file keeps to tell how uncertain its susceptibility is: the networks of the folds, and an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

MAX_FOLDS = 64  # that a model file may have
MAX_HALF_WIDTH = 50.0  # of an interval, in log odds


@dataclass(frozen=True)
class FoldNetwork:
    """The network of one fold of cross-fitting, which did not see the land of that fold."""

    architecture: dict[str, Any]
    network: Any  # ``torch.nn.Module``


@dataclass(frozen=True)
class DensityInterval:
    """Bounds of a susceptibility, from the landslide densities of areas that were left out whole.

    The bounds are the log odds of the model minus and plus ``half_width``.
    """

    coverage: float  # share of areas and classes of susceptibility whose density it is made to hold, 0 to 1
    half_width: float  # in log odds
    areas: int  # left out one after the other
    landslides: float  # of an area, in the mean

    def as_dict(self) -> dict[str, float]:
        """Return it for the header of a model file."""
        return asdict(self)

    @classmethod
    def read(cls, content: Any) -> DensityInterval | None:
        """Return what an untrusted header holds; ``None`` if it is no interval."""
        names = [field.name for field in fields(cls)]
        if not isinstance(content, Mapping) or set(content) != set(names):
            return None
        values = [content[name] for name in names]
        if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
            return None
        coverage, half_width, areas, landslides = values
        # Comparisons with NaN are false.
        sound = 0 < coverage < 1 and 0 <= half_width <= MAX_HALF_WIDTH and 2 <= areas < 1e6 and 0 < landslides < 1e9
        return cls(float(coverage), float(half_width), int(areas), float(landslides)) if sound else None


def jackknife_factor(groups: int) -> float:
    """Return the standard error over the standard deviation of models that miss one of so many parts of the land each.

    That of the delete-a-group jackknife (Shao and Tu 1995, chapter 2): models that miss a fifth of the land have the
    rest in common, so that they differ less than models of other land would.
    """
    return (groups - 1) / math.sqrt(groups)
