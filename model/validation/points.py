"""The points of a validation as plain features, for the layer that shows where the map was right and where wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from ..grid import Grid
from .layers import Attributes
from .samples import Sample
from .settings import OUTCOMES, SUBSET_CODES


@dataclass(frozen=True)
class PointFeature:
    """A landslide or a stable point; the attributes are ``settings.POINT_FIELDS``."""

    x: float
    y: float
    kind: str
    """``landslide`` or ``stable``."""
    outcome: str
    """One of ``settings.OUTCOMES``."""
    susceptibility: float
    zone: int
    """0 where there is none."""
    subset: str
    """``train``, ``validation``, ``test``, or empty outside all windows."""
    region: str
    feature: int | None
    """Number of the feature in its layer, from 1; ``None`` for a drawn point."""


def landslide_features(sample: Sample, threshold: float, regions: Sequence[str]) -> list[PointFeature]:
    """Return the landslides of a sample as hits and misses."""
    return _features(sample.xy, sample.at, sample.feature + 1, threshold, regions, "landslide", OUTCOMES[:2])


def stable_features(sample: Sample, threshold: float, regions: Sequence[str]) -> list[PointFeature]:
    """Return given stable points as false alarms and correct rejections."""
    return _features(sample.xy, sample.at, sample.feature + 1, threshold, regions, "stable", OUTCOMES[2:])


def drawn_features(grid: Grid, rows: np.ndarray, columns: np.ndarray, at: Attributes, threshold: float,
                   regions: Sequence[str]) -> list[PointFeature]:
    """Return drawn stable points, at the centres of their cells, as false alarms and correct rejections."""
    t = grid.transform
    xy = np.stack([t.c + t.a * (columns + 0.5), t.f + t.e * (rows + 0.5)], axis=1)
    return _features(xy, at, None, threshold, regions, "stable", OUTCOMES[2:])


def _features(xy: np.ndarray, at: Attributes, feature: np.ndarray | None, threshold: float, regions: Sequence[str],
              kind: str, outcomes: Sequence[str]) -> list[PointFeature]:
    subsets = {code: name for name, code in SUBSET_CODES.items()}
    called = at.values >= threshold
    return [PointFeature(
        float(xy[index, 0]), float(xy[index, 1]), kind, outcomes[0] if called[index] else outcomes[1],
        float(at.values[index]), int(at.zones[index]), subsets.get(int(at.subset[index]), ""),
        "; ".join(regions[region] for region in np.flatnonzero(at.regions[index])),
        int(feature[index]) if feature is not None else None) for index in range(len(xy))]
