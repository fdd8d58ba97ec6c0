"""What a report of a comparison is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from ..comparison.agreement import Agreement
from ..comparison.paired import PairTest
from ..validation.measures import ScopeResult
from ..validation.samples import Counts
from .comparison_images import ComparisonImages


@dataclass(frozen=True)
class MapFacts:
    """One of the maps."""

    name: str
    pieces: int
    """Rasters it is made of."""
    cell_size: float
    """Metres."""
    range: tuple[float, float]
    """Lowest and highest value on the compared ground."""
    probability: bool
    """Whether the values are from 0 to 1."""
    area_km2: float
    without: int
    """Landslides where it has no data."""


@dataclass(frozen=True)
class ComparisonInput:
    """What a report is made of."""

    maps: Sequence[MapFacts]
    landslide_name: str
    landslides: Counts
    given_stable: bool
    results: Mapping[str, Sequence[ScopeResult]]
    """By part of the ground, one of each map."""
    tests: Mapping[str, Sequence[PairTest]]
    agreements: Sequence[Agreement]
    main: str
    """Name of the part that the main numbers are for."""
    zone_names: dict[int, str]
    images: ComparisonImages
    by_rank: bool
    """Whether differences are of ranks."""
    threshold: float
    distance: float
    common_cells: str
    """The common grid in words."""
    area_km2: float
    """Area that all maps have."""
    warnings: Sequence[str]
    settings: Mapping[str, object]

    @property
    def names(self) -> list[str]:
        """Names of the maps."""
        return [one.name for one in self.maps]
