"""What a validation report is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

import numpy as np

from ..validation.measures import ScopeResult
from ..validation.points import PointFeature
from ..validation.samples import Counts
from .maps import MapImage


@dataclass
class RegionView:
    """A region's share of the report."""

    name: str
    """Name of the region alone."""
    zones: MapImage
    rings: list[np.ndarray]


@dataclass
class ReportInput:
    """What a validation report is made of."""

    map_name: str
    landslide_name: str
    landslides: Counts
    stable: Counts | None
    """Counts of the given stable points, ``None`` when they were drawn."""
    zones: MapImage
    zone_names: Mapping[int, str]
    breaks: Sequence[float]
    """Breaks of zones by area shares; empty when a zone raster was given."""
    results: Sequence[ScopeResult]
    main: ScopeResult
    points: Sequence[PointFeature]
    threshold: float
    distance: float
    warnings: Sequence[str]
    settings: Mapping[str, object]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Inputs as the run record describes them, by parameter."""
    relief: str = ""
    """Name of what the relief under the maps comes from; empty without relief."""
    regions: Mapping[str, RegionView] = field(default_factory=dict)
    """Regions to draw, by the name of their scope."""
    subset_counts: Mapping[str, int] = field(default_factory=dict)
    """Landslides by subset; empty without windows."""

    @property
    def unit(self) -> str:
        """What one landslide point of the numbers is."""
        return "landslide cells" if self.landslides.places > self.landslides.features else "landslides"
