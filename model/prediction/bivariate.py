"""Nine classes of susceptibility and uncertainty, for a map that shows both (Schlögl et al. 2025, NHESS 25, 1425).

The breaks are fixed, so that a class means the same in every map and no tile depends on another. Those of the
susceptibility are half and twice the mean landslide density of the land that the model was trained on: 1/3 and 2/3 on a
scale on which that mean is 0.5, as it is for models with balanced classes. The error is one of the susceptibility on
that scale: where there are next to no landslides, or many for certain, a factor in their density changes little.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit

from ..statistics import log_odds_spread

NODATA = 0
DENSITY = 2.0  # times the mean density, and its reciprocal: breaks of the susceptibility
ERRORS = (0.05, 0.1)  # breaks of the standard error of the susceptibility
LEVELS = ("low", "medium", "high")
UNCERTAIN = ("certain", "uncertain", "very uncertain")
NAMES = {
    3 * level + error + 1: f"{susceptibility} susceptibility, {uncertainty}"
    for level, susceptibility in enumerate(LEVELS)
    for error, uncertainty in enumerate(UNCERTAIN)
}
"""Name of each class, from 1."""
COLOURS = {
    1: (253, 240, 213, 255),
    2: (231, 215, 205, 255),
    3: (172, 198, 228, 255),
    4: (224, 123, 62, 255),
    5: (198, 153, 134, 255),
    6: (115, 183, 237, 255),
    7: (141, 30, 31, 255),
    8: (135, 78, 88, 255),
    9: (20, 122, 187, 255),
}
"""From light to dark with the susceptibility, from orange to blue with the uncertainty: apart for any kind of colour
vision, and each with a grey of its own."""


class BivariateClasses:
    """Makes the classes of blocks of a map, and adds up their cells and areas."""

    def __init__(self, share: float | None = None) -> None:
        """``share`` is that of landslide cells in the mapped land if the map is calibrated to it, else ``None``."""
        self._mean = 0.0 if share is None else math.log(share / (1 - share))
        self.cells = np.zeros(len(NAMES), dtype=np.int64)
        self._area = np.zeros(len(NAMES))  # square metres

    @property
    def km2(self) -> list[float]:
        """Area of each class."""
        return (self._area / 1e6).tolist()

    def classify(self, susceptibility: np.ndarray, error: np.ndarray) -> np.ndarray:
        """Return the class of each cell, uint8, 0 where susceptibility (0 to 1) or its standard error is NaN."""
        known = np.isfinite(susceptibility) & np.isfinite(error)
        value = np.clip(susceptibility[known].astype(np.float64), 1e-6, 1 - 1e-6)
        log_odds = np.log(value / (1 - value)) - self._mean
        level = np.digitize(log_odds, (-math.log(DENSITY), math.log(DENSITY)))
        balanced = expit(log_odds)
        doubt = np.digitize(log_odds_spread(value, error[known]) * balanced * (1 - balanced), ERRORS)
        result = np.full(susceptibility.shape, NODATA, dtype=np.uint8)
        result[known] = 3 * level + doubt + 1
        return result

    def add(self, classes: np.ndarray, row_area: np.ndarray) -> None:
        """Count the classes of a block; ``row_area`` is the area of a cell in each row, in square metres."""
        for number in NAMES:
            of_row = np.count_nonzero(classes == number, axis=1)
            self.cells[number - 1] += of_row.sum()
            self._area[number - 1] += float(of_row @ row_area)
