"""The AUC by definition of the negatives, and the part of it that is owed to land that is easily told from landslides.

The AUC against all other land is the mean, by area, of the AUCs against the parts that the land is divided into. So
the part of each in its skill, AUC − 0.5, is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .beside import HEIGHT, SLOPE
from .ground import Ground, round_metres
from .judge import Judge, Measured

FLAT_QUANTILE = 0.05  # share of the landslides on land that is called flat, at most
MATCHED_CLASSES = 20  # of slope, each with as many landslides
MIN_RING = 0.01  # share of the land that a ring must have
RING_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # ends of the rings in near distances


@dataclass
class Negatives:
    """One definition."""

    key: str
    title: str
    auc: Measured


@dataclass
class LandPart:
    """A part of other land, and what it adds to the skill."""

    title: str
    share: float  # of other land
    auc: Measured
    of_skill: float  # NaN for a map without skill


@dataclass
class NegativesResult:
    """All definitions, the most usual first, and the parts of the land."""

    all_land: Measured
    definitions: list[Negatives]
    rings: list[Negatives]
    parts: list[LandPart]
    flat_limit: float = float("nan")  # slope up to which land is called flat; NaN without slope
    slope_unit: str = "°"
    easy_share: float = float("nan")  # of the skill that is from flat land, or without slope from far land
    hard: Measured | None = None  # against land of the same slope; None without slope
    near: Measured | None = None
    drop: Measured | None = None  # all land less hard
    notes: list[str] = field(default_factory=list)

    @property
    def hardest(self) -> Measured:
        """The AUC against the land that is hardest to tell from landslides."""
        return self.hard or self.near or self.all_land


def judge_negatives(judge: Judge, ground: Ground, slope_unit: str) -> NegativesResult:
    """Return the AUC of the map against land of each kind; ``slope_unit`` stands behind slopes."""
    slides, land = ground.landslides, ground.land
    scores = slides.values, land.values
    near = land.distance <= ground.distance
    metres = f"{ground.distance:,.0f} m"
    whole = judge.exact(judge.auc(scores))
    result = NegativesResult(whole, [Negatives("all", "All other land", whole)], [], [], slope_unit=slope_unit)
    beyond = judge.auc(scores, land=~near)
    result.near = judge.auc(scores, land=near)
    result.definitions += [
        Negatives("beyond", f"Land beyond {metres} from every landslide", beyond),
        Negatives("near", f"Land within {metres} of a landslide", result.near),
    ]
    steep = None
    if SLOPE in slides.terrain:
        steep = _add_slope(judge, ground, scores, near, result)
    if HEIGHT in slides.terrain:
        strata = _classes(slides.terrain[HEIGHT], land.terrain[HEIGHT])
        matched = judge.matched_auc(scores, strata)
        result.definitions.append(Negatives("same_elevation", "Land at the same elevation", matched))
    result.rings = _rings(judge, ground, scores)
    result.parts = _parts(judge, ground, scores, near, steep)
    result.easy_share = result.parts[0].of_skill
    result.definitions = [one for one in result.definitions if one.auc.landslides and np.isfinite(one.auc.value)]
    return result


def _add_slope(
    judge: Judge, ground: Ground, scores: tuple[np.ndarray, np.ndarray], near: np.ndarray, result: NegativesResult
) -> np.ndarray:
    """Add the definitions by slope, and return which land is steep."""
    slides, land = ground.landslides, ground.land
    of_slides, of_land = slides.terrain[SLOPE], land.terrain[SLOPE]
    limit = float(np.nanquantile(of_slides, FLAT_QUANTILE))
    flat, steep = of_land <= limit, of_land > limit
    result.flat_limit, unit = limit, result.slope_unit
    result.hard = judge.matched_auc(scores, _classes(of_slides, of_land))
    result.drop = result.all_land.less(result.hard)
    titles = {
        "steep": (f"Land steeper than {limit:.1f}{unit}", steep),
        "steep_near": (f"Land steeper than {limit:.1f}{unit}, within {ground.distance:,.0f} m", steep & near),
        "flat": (f"Land of up to {limit:.1f}{unit}", flat),
        "flat_beyond": (f"Land of up to {limit:.1f}{unit}, beyond {ground.distance:,.0f} m", flat & ~near),
    }
    result.definitions.append(Negatives("same_slope", "Land of the same slope", result.hard))
    for key, (title, chosen) in titles.items():
        result.definitions.append(Negatives(key, title, judge.auc(scores, land=chosen)))
    return steep


def _classes(of_slides: np.ndarray, of_land: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of landslides and land in a factor, each with as many landslides; -1 where it is unknown."""
    known = of_slides[np.isfinite(of_slides)]
    inner = np.unique(np.quantile(known, np.arange(1, MATCHED_CLASSES) / MATCHED_CLASSES))
    found = [np.where(np.isfinite(one), np.searchsorted(inner, one), -1) for one in (of_slides, of_land)]
    return found[0], found[1]


def _rings(judge: Judge, ground: Ground, scores: tuple[np.ndarray, np.ndarray]) -> list[Negatives]:
    land, found, start = ground.land, [], 0.0
    if not ground.distance:
        return []
    total = land.area.sum()
    ends = [round_metres(step * ground.distance * (1 + 1e-6)) for step in RING_STEPS]
    for end in [*ends, np.inf]:
        if end <= start:
            continue
        inside = (land.distance > start) & (land.distance <= end)
        beyond = land.area[land.distance > end].sum() / total
        if land.area[inside].sum() < MIN_RING * total and beyond:
            continue
        if beyond < MIN_RING:
            inside, end = land.distance > start, np.inf
        title = f"{start:,.0f} to {end:,.0f} m" if np.isfinite(end) else f"beyond {start:,.0f} m"
        if inside.any():
            found.append(Negatives(f"ring_{start:g}", title, judge.auc(scores, land=inside)))
        start = end
        if not np.isfinite(end):
            break
    return found


def _parts(
    judge: Judge, ground: Ground, scores: tuple[np.ndarray, np.ndarray], near: np.ndarray, steep: np.ndarray | None
) -> list[LandPart]:
    """Divide the land and return what each part adds, the easiest first."""
    metres = f"{ground.distance:,.0f} m"
    if steep is None:
        divided = [(f"Beyond {metres}", ~near), (f"Within {metres}", near)]
    else:
        flat = ~steep & np.isfinite(ground.land.terrain[SLOPE])
        divided = [
            ("Flat", flat),
            (f"Steep, beyond {metres}", steep & ~near),
            (f"Steep, within {metres}", steep & near),
        ]
    measured = [(title, judge.auc(scores, land=chosen)) for title, chosen in divided]
    measured = [(title, auc) for title, auc in measured if auc.landslides]
    total = sum(auc.share for _, auc in measured)
    skill = sum(auc.share / total * (auc.value - 0.5) for _, auc in measured)
    return [
        LandPart(title, auc.share / total, auc, auc.share / total * (auc.value - 0.5) / skill if skill > 0 else np.nan)
        for title, auc in measured
    ]
