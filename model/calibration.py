"""Calibration of a trained model: from its susceptibility to the share of landslide cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = ("slope", "offset", "share")
LIMIT = 1000.0  # magnitude of slope and offset that a model file may have


@dataclass(frozen=True)
class Calibration:
    """A straight line for the logit (Platt 1999), which rises, so that the order of the cells stays.

    A calibrated susceptibility is the share of cells like this one that are landslide cells in the inventory.
    """

    slope: float  # above 0
    offset: float
    share: float  # of landslide cells in the mapped land for training and validation, 0 to 1

    def __call__(self, logit: Any) -> Any:
        """Return the calibrated logit of landslide, an array or tensor like the given one."""
        return logit * self.slope + self.offset

    def as_dict(self) -> dict[str, float]:
        """Return it for the header of a model file."""
        return {name: float(getattr(self, name)) for name in FIELDS}

    @classmethod
    def read(cls, content: Any) -> Calibration | None:
        """Return what an untrusted header holds; ``None`` if it is no calibration."""
        if not isinstance(content, Mapping) or set(content) != set(FIELDS):
            return None
        values = [content[name] for name in FIELDS]
        if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
            return None
        slope, offset, share = values
        # Comparisons with NaN are false.
        sound = 0 < slope <= LIMIT and abs(offset) <= LIMIT and 0 < share < 1
        return cls(*map(float, values)) if sound else None
