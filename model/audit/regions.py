"""The map in each region, with as much as its landslides can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..validation.settings import FEW_LANDSLIDES, MIN_BLOCKS
from .ground import Ground
from .judge import NOTHING, Judge, Measured
from .settings import FEW_IN_REGION

SHOWN, FAILS, UNKNOWN = "yes", "no", "cannot be told"  # whether the map is better than chance


@dataclass
class RegionResult:
    """One region."""

    name: str
    landslides: int
    share: float  # of the landslides in all regions and outside
    area: float  # share of the map
    auc: Measured  # NOTHING with fewer than FEW_IN_REGION landslides
    difference: Measured | None  # AUC here less that of the other landslides on other land
    zone_ratio: dict[int, float]  # landslide density of each zone over that of the region; NaN where it has no land
    outside: float = float("nan")  # share of its land beyond the area of applicability; NaN without factors

    @property
    def state(self) -> str:
        """What can be said of the map here."""
        estimate = self.auc.estimate()
        if self.landslides < FEW_IN_REGION or not np.isfinite(estimate.value) or not estimate.has_interval:
            return UNKNOWN
        if estimate.low > 0.5:
            return SHOWN if self.auc.sure else UNKNOWN
        enough = self.landslides >= FEW_LANDSLIDES and self.auc.independent >= MIN_BLOCKS
        return FAILS if enough or estimate.high < 0.5 or self._behind else UNKNOWN

    @property
    def _behind(self) -> bool:
        """Whether the map is worse here than on the rest of the land by more than chance, and no better than 0.5."""
        if self.difference is None or self.landslides < FEW_LANDSLIDES:
            return False
        return self.difference.estimate("difference").high < 0


def judge_regions(judge: Judge, ground: Ground, names: Sequence[str], zones: Sequence[int]) -> list[RegionResult]:
    """Return the AUC of landslides of each region against its other land."""
    slides, land, results = ground.landslides, ground.land, []
    scores, total = (slides.values, land.values), land.area.sum()
    for number, name in enumerate(names):
        mine, own = slides.regions[:, number], land.regions[:, number]
        count = int(mine.sum())
        auc, difference = NOTHING, None
        if count >= FEW_IN_REGION and own.any():
            auc = replace(judge.auc(scores, mine, own), sure=judge.sure_of(mine, own))
            others = judge.auc(scores, ~mine, ~own) if (~mine).any() and (~own).any() else None
            difference = None if others is None else _less(auc, others)
        areas = np.bincount(land.zones[own], land.area[own], max(zones, default=0) + 1)
        counts = np.bincount(slides.zones[mine], minlength=len(areas))
        ratio = {}
        for zone in zones:
            density = counts[zone] / areas[zone] if areas[zone] else np.nan
            ratio[zone] = float(density * areas.sum() / count) if count else float("nan")
        share = count / len(slides)
        results.append(RegionResult(name, count, share, float(land.area[own].sum() / total), auc, difference, ratio))
    return results


def _less(here: Measured, others: Measured) -> Measured:
    """Return the difference with intervals from the blocks of the region."""
    repeats = here.repeats - others.repeats
    return Measured(here.value - others.value, repeats, here.blocks, here.landslides, sure=here.sure)
