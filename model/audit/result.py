"""All that an audit found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..validation.zone_table import ZoneRow, insignificant_increases, non_monotonic_pairs, significant_decreases
from .closeness import Closeness
from .factors import Applicability, FactorAlone
from .judge import Measured
from .negatives import NegativesResult
from .regions import RegionResult
from .splits import Splits


@dataclass
class BaselineRow:
    """A map that costs nothing beside the one under audit, at the same cells."""

    key: str
    title: str
    auc: Measured
    map_auc: Measured
    difference: Measured  # of the map less the baseline


@dataclass
class ZonesResult:
    """The zones in their order."""

    rows: list[ZoneRow]
    in_order: Measured  # AUC of the zones as they are ordered
    made: str  # whose zones they are, in words

    @property
    def falls(self) -> list[tuple[str, str]]:
        """Neighbouring zones whose density of landslides falls by more than chance may make."""
        return significant_decreases(self.rows)

    @property
    def unsure(self) -> list[tuple[str, str]]:
        """Neighbouring zones whose density does not rise by more than chance may make."""
        falls = self.falls
        level = [pair for pair in non_monotonic_pairs(self.rows) if pair not in falls]
        return [*level, *insignificant_increases(self.rows)]


@dataclass
class ProbabilityCheck:
    """Values from 0 to 1 against the share of land with landslides."""

    mean_value: float
    landslide_share: float

    @property
    def factor(self) -> float:
        """How many times the mean value is the share."""
        return self.mean_value / self.landslide_share if self.landslide_share else float("inf")


@dataclass
class AuditResult:
    """Numbers of an audit; what they mean is told by ``claims``."""

    landslides: int
    training: int | None
    distance: float  # near distance, metres
    range_m: float  # of spatial autocorrelation
    block_side_m: float
    independent: int  # blocks that hold landslides
    sure: bool  # whether the blocks are as wide as landslides resemble each other
    resemblance: float  # metres over which they do
    testable: bool  # whether there are enough blocks, as wide as that
    held_out: bool  # the map states that every cell is from a model which did not see its land
    seen: bool  # the map states that all landslides trained its model
    negatives: NegativesResult
    splits: Splits
    closeness: Closeness
    zones: ZonesResult
    baselines: list[BaselineRow] = field(default_factory=list)
    regions: list[RegionResult] = field(default_factory=list)
    factors: list[FactorAlone] = field(default_factory=list)
    applicability: Applicability | None = None
    probability: ProbabilityCheck | None = None
    stated_auc: float | None = None

    @property
    def auc(self) -> Measured:
        """Against all other land."""
        return self.negatives.all_land

    def baseline(self, key: str) -> BaselineRow | None:
        """Return one baseline, None if it is not there."""
        return next((row for row in self.baselines if row.key == key), None)

    @property
    def has_skill(self) -> bool:
        """Whether the map is better than chance against all other land."""
        low = self.auc.estimate().low
        return bool(np.isfinite(low) and low > 0.5) or (not np.isfinite(low) and self.auc.value > 0.5)
