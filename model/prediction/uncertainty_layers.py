"""What is written of an error of the susceptibility: bounds of an interval, and classes with the susceptibility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..artifact import TrainedModel
from .bivariate import BivariateClasses
from .pipeline import MadeLayer
from .tile_inference import BIVARIATE, MEAN, SPREAD


class UncertaintyLayers:
    """The layers of one map that follow from its susceptibility and error."""

    def __init__(self, models: Sequence[TrainedModel], of_folds: bool, share: float | None) -> None:
        """``of_folds`` if the error is that of the folds of one model; ``share`` as in :class:`BivariateClasses`."""
        interval, calibration = models[0].interval, models[0].calibration
        self.interval = interval if of_folds else None
        self._of_folds = of_folds
        self._half_width = 0.0
        if self.interval is not None:
            self._half_width = self.interval.half_width * (1.0 if calibration is None else calibration.slope)
        self.classes = BivariateClasses(share)

    @property
    def made(self) -> dict[str, MadeLayer]:
        """What is made of the arrays of a tile, by the name of the output."""
        found: dict[str, MadeLayer] = {BIVARIATE: self._classify}
        if self.interval is not None:
            found[SPREAD] = self._with_bounds
        return found

    def bands(self, title: str) -> list[str]:
        """Return what the bands of OUTPUT_UNCERTAINTY are called; ``title`` is what the map shows."""
        error = "standard error" if self._of_folds else "standard deviation"
        bands = [f"{error} of the {title}"]
        if self.interval is not None:
            ends = f"bound of the {100 * self.interval.coverage:g} % interval of the {title}"
            bands += [f"lower {ends}", f"upper {ends}"]
        return bands

    def tags(self) -> dict[str, str]:
        """Return what the map says of its interval."""
        if self.interval is None:
            return {}
        return {"INTERVAL_COVERAGE": repr(self.interval.coverage), "INTERVAL_AREAS": str(self.interval.areas)}

    def _with_bounds(self, arrays: Mapping[str, np.ndarray], row_area: np.ndarray) -> np.ndarray:
        """Return error, lower and upper bound, float32 (3, height, width)."""
        return np.stack([arrays[SPREAD], *bounds(arrays[MEAN], self._half_width)])

    def _classify(self, arrays: Mapping[str, np.ndarray], row_area: np.ndarray) -> np.ndarray:
        classes = self.classes.classify(arrays[MEAN], arrays[SPREAD])
        self.classes.add(classes, row_area)
        return classes


def bounds(susceptibility: np.ndarray, half_width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the susceptibility (0 to 1) with log odds lower and higher by a half width, float32 as it is."""
    other = 1 - susceptibility
    low, high = np.float32(np.exp(half_width)), np.float32(np.exp(-half_width))
    return susceptibility / (susceptibility + low * other), susceptibility / (susceptibility + high * other)
