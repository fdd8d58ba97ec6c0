"""What is wrong with a map, and which claims its numbers support: words for the results of an audit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..statistics import Estimate
from ..texts import join_names
from ..validation.settings import FEW_LANDSLIDES, MIN_BLOCKS
from ..validation.verdict import UNTESTED_AUC
from .beside import SLOPE
from .judge import Measured
from .regions import FAILS, SHOWN
from .result import AuditResult

FLAW, CAUTION = "flaw", "caution"
SUPPORTED, WEAKLY = "supported", "weakly supported"
NOT_SUPPORTED, UNKNOWN = "not supported", "cannot be told"
LOST_SKILL = 0.5  # share of the skill that a map must keep among land of the same slope
NEIGHBOURS_AUC = 0.65  # of nearness to the training alone, from which test landslides are its neighbours
ALL_SEEN = 0.95  # share of the landslides in cells of the training from which none was held out
OUTSIDE_SHARE = 0.5  # of a region outside the area of applicability
ORDER_GAIN = 0.02  # AUC that zones must gain by another order to be called in disorder
ABOVE_REFERENCE = 0.05  # AUC of a map above that of a flexible model with neighbours of the test landslides
CALIBRATED = 2.0  # factor between mean value and share of landslide land within which values may be probabilities


@dataclass(frozen=True)
class Finding:
    """Something that a reader of the map must know."""

    key: str  # frozen: it stands in tables and run records
    level: str  # flaw: a claim fails by it; caution: it limits what the numbers say
    title: str
    text: str


@dataclass(frozen=True)
class Claim:
    """A use of the map, and whether the numbers support it."""

    key: str
    use: str
    verdict: str
    why: str


def findings(result: AuditResult) -> list[Finding]:
    """Return flaws, then cautions, each kind in the order of the report."""
    skill = list(_of_skill(result))
    if any(one.key == "direction" for one in skill):
        # The others would only say again that the order is wrong.
        return [*skill, *_of_held_out(result), *_of_sample(result)]
    found = [
        *skill,
        *_of_baselines(result),
        *_of_zones(result),
        *_of_memory(result),
        *_of_held_out(result),
        *_of_regions(result),
        *_of_factors(result),
        *_of_statement(result),
        *_of_sample(result),
    ]
    return sorted(found, key=lambda one: one.level != FLAW)


def _of_skill(result: AuditResult) -> Iterator[Finding]:
    auc, negatives = result.auc.estimate(), result.negatives
    if auc.has_interval and auc.high < 0.5:
        yield Finding(
            "direction",
            FLAW,
            "The map rises the wrong way",
            f"The AUC is {with_interval(auc)}: landslides lie on land that the map calls safer than most. If its "
            "highest values or classes are the safest, set INVERTED.",
        )
        return
    if not _above(auc, 0.5) or not auc.has_interval:
        weak = result.auc.enough or auc.value < UNTESTED_AUC
        yield Finding(
            "chance",
            FLAW if weak else CAUTION,
            "Not shown to be better than chance",
            f"The AUC against all other land is {with_interval(auc)}.",
        )
        if weak:
            return
    if negatives.hard is None or negatives.drop is None:
        near = negatives.near
        if near is not None and near.estimate().has_interval and near.estimate().low <= 0.5:
            yield Finding(
                "easy_negatives",
                CAUTION,
                "The skill is from land far from landslides",
                f"Within {result.distance:,.0f} m of landslides the AUC is {with_interval(near.estimate())}. Give DEM "
                "to tell whether the rest is more than slope.",
            )
        return
    hard, drop = negatives.hard.estimate(), negatives.drop.estimate("difference")
    kept = (hard.value - 0.5) / (auc.value - 0.5)
    lost = drop.low > 0 if drop.has_interval else drop.value > 0
    if not _above(hard, 0.5) or (kept < LOST_SKILL and lost):
        yield Finding(
            "easy_negatives",
            FLAW,
            "Most of the skill is from easy negatives",
            f"Against all other land the AUC is {auc.value:.3f}, against land of the same slope {with_interval(hard)}: "
            f"{_share(max(kept, 0.0))} of the skill (AUC less 0.5) is left. Land of up to "
            f"{negatives.flat_limit:.1f}{negatives.slope_unit}, where 5 % of the landslides lie, gives "
            f"{_share(negatives.easy_share)} of it.",
        )


def _of_baselines(result: AuditResult) -> Iterator[Finding]:
    row = result.baseline(SLOPE)
    if row is None:
        return
    ahead, slope = row.difference.estimate("difference"), row.auc.estimate()
    if ahead.has_interval and ahead.low > 0:
        return
    how = "Slope alone is better" if ahead.has_interval and ahead.high < 0 else "Not shown to be better than slope"
    # Without a test the burden of proof is still on the map.
    level = FLAW if row.difference.enough or ahead.value <= 0 else CAUTION
    yield Finding(
        "slope",
        level,
        how,
        f"Slope alone has an AUC of {with_interval(slope)}; the map has {signed(ahead)} more on the same cells.",
    )


def _of_zones(result: AuditResult) -> Iterator[Finding]:
    zones = result.zones
    order = zones.in_order.estimate()
    fitted = result.splits.of("zones")
    gain = None if fitted is None else fitted.blocks.less(zones.in_order).estimate("difference")
    disorder = gain is not None and gain.has_interval and gain.low > 0 and gain.value > ORDER_GAIN
    falls = join_names([f"{low} to {high}" for low, high in zones.falls])
    if result.has_skill and not _above(order, 0.5):
        yield Finding(
            "zones",
            FLAW,
            "The zones do not rise by more than chance",
            f"The zones in their order have an AUC of {with_interval(order)}.",
        )
    elif disorder and gain is not None:
        yield Finding(
            "zones",
            FLAW,
            "The zones are in disorder",
            f"Ordered by the landslides of other blocks of land, the zones gain {signed(gain)} in AUC."
            + (f" The density of landslides falls from {falls}." if falls else ""),
        )
    elif falls:
        yield Finding("zones", FLAW, "Zones fall", f"The density of landslides falls from {falls} by more than chance.")
    elif zones.unsure and result.has_skill:
        pairs = join_names([f"{low} and {high}" for low, high in zones.unsure])
        yield Finding(
            "zones_alike",
            CAUTION,
            "Zones that cannot be told apart",
            f"The density of landslides does not rise by more than chance between {pairs}.",
        )


def _of_memory(result: AuditResult) -> Iterator[Finding]:
    close, texts = result.closeness, []
    peaks, halo = close.peaks.estimate("difference"), close.halo.estimate()
    if close.on_peaks:
        texts.append(
            f"Landslides lie on local peaks of the map: {_share(close.peak_landslides)} of the land within "
            f"{close.radius:,.0f} m is less susceptible, against {_share(close.peak_alike)} around other land of the "
            f"same value ({signed(peaks)})."
        )
    if close.in_halo:
        texts.append(
            f"Other land is as susceptible as landslides are only beside them: it lies {close.median_alike:,.0f} m "
            f"from a landslide (median), landslides {close.median_own:,.0f} m from each other. In "
            f"{_share(halo.value)} of the comparisons it is the nearer one {_shares(halo)}; without memory that is at "
            "most half."
        )
    if texts:
        yield Finding("memorised", FLAW, "The map has learned its landslides by heart", " ".join(texts))
    if close.in_gap and close.gap is not None and close.fit is not None and close.test is not None:
        yield Finding(
            "overfit",
            FLAW,
            "The map is better at the landslides that made it",
            f"The AUC is {close.fit.value:.3f} at landslides of the training and {close.test.value:.3f} at the others: "
            f"{signed(close.gap.estimate('difference'))}.",
        )
    reference = result.splits.of("reference")
    if reference is not None:
        above = result.auc.less(reference.random).estimate("difference")
        if above.low > 0 and above.value > ABOVE_REFERENCE:
            yield Finding(
                "above_reference",
                CAUTION,
                "Better than the factors allow",
                f"The map has an AUC of {result.auc.value:.3f}. Gradient boosting on the factors of STACK reaches "
                f"{reference.random.value:.3f} with neighbours of each landslide among its examples. The map knows "
                "more than these factors, or it has seen the landslides.",
            )


def _of_held_out(result: AuditResult) -> Iterator[Finding]:
    close = result.closeness
    if close.nearness is not None:
        nearness = close.nearness.estimate()
        if close.same_cell >= ALL_SEEN:
            yield Finding(
                "none_held_out",
                FLAW,
                "No landslide was held out",
                f"{_share(close.same_cell)} of LANDSLIDES lie in the cell of a landslide that the map was made from, "
                "or next to it. All numbers show a fit, not a test.",
            )
        elif nearness.value >= NEIGHBOURS_AUC and not nearness.low <= 0.5:
            yield Finding(
                "random_split",
                FLAW,
                "The test landslides are neighbours of those of the training",
                f"Half of them lie within {close.median_to_training:,.0f} m of one, {_share(close.within)} within "
                f"{result.distance:,.0f} m. A map that only knew where the landslides of the training are would have "
                f"an AUC of {with_interval(nearness)}. So it is with a random split.",
            )
    elif result.seen and not result.held_out:
        yield Finding(
            "none_held_out",
            FLAW,
            "No landslide was held out",
            "The map states that all landslides trained its model, so all numbers show a fit, not a test. Give its "
            "out-of-fold map as SUSCEPTIBILITY for a test.",
        )
    elif not result.held_out:
        yield Finding(
            "unknown_training",
            CAUTION,
            "Nothing says which landslides made the map",
            "If it was made from those that it is judged by here, all numbers show a fit, not a test. Give the ones "
            "that it was made from as LANDSLIDES_TRAINING, and others as LANDSLIDES.",
        )


def _of_regions(result: AuditResult) -> Iterator[Finding]:
    bad = [one for one in result.regions if one.state == FAILS]
    if bad and result.has_skill:
        each = join_names([f"{one.name} {with_interval(one.auc.estimate())}" for one in bad])
        yield Finding("region", FLAW, "The map fails in a region", f"AUC by region, not better than chance: {each}.")
    silent = [one.name for one in result.regions if one.state not in (FAILS, SHOWN)]
    if silent:
        yield Finding(
            "regions_unknown",
            CAUTION,
            "Regions with too few landslides",
            f"Nothing can be told of {join_names(silent)}.",
        )


def _of_factors(result: AuditResult) -> Iterator[Finding]:
    leaks = [one for one in result.factors if one.leaks]
    if leaks:
        each = join_names(
            [f"{one.name} (AUC {one.auc.value:.3f}, rank correlation {one.correlation:+.2f})" for one in leaks]
        )
        yield Finding(
            "leak",
            FLAW,
            "A factor gives the landslides away",
            f"It tells landslides from other land alone, or follows the distance to the nearest landslide: {each}.",
        )
    far = [one for one in result.regions if one.outside >= OUTSIDE_SHARE]
    if far:
        each = join_names([f"{one.name} ({_share(one.outside)})" for one in far])
        yield Finding(
            "outside",
            FLAW,
            "Land that is unlike that of the landslides",
            f"Most of these regions lies outside the area of applicability: {each}. No number of this audit holds "
            "there.",
        )


def _of_statement(result: AuditResult) -> Iterator[Finding]:
    stated, auc = result.stated_auc, result.auc.estimate()
    if stated is None or not auc.has_interval or auc.low <= stated <= auc.high:
        return
    alike = [one.title.lower() for one in result.negatives.definitions if _holds(one.auc.estimate(), stated)]
    random = [row.title.lower() for row in result.splits.rows if _holds(row.random.estimate(), stated)]
    text = f"The stated AUC of {stated:.3f} is outside the interval of this audit, {with_interval(auc)}."
    if alike:
        text += f" It can be had against: {join_names(alike)}."
    elif random:
        text += f" A random split reaches it by: {join_names(random)}."
    level = FLAW if stated > auc.high else CAUTION
    yield Finding("stated_auc", level, "The stated AUC is not reproduced", text)


def _holds(estimate: Estimate, value: float) -> bool:
    return estimate.has_interval and estimate.low <= value <= estimate.high


def _of_sample(result: AuditResult) -> Iterator[Finding]:
    if not result.sure:
        yield Finding(
            "wide",
            CAUTION,
            "Landslides resemble each other over long distances",
            f"They do over {result.resemblance:,.0f} m: the map is better in some parts of the land than in others, "
            f"or poor everywhere. Too few blocks of that width hold landslides, so intervals resample blocks of "
            f"{result.block_side_m:,.0f} m. They are too narrow, and nothing is called supported.",
        )
    if result.landslides < FEW_LANDSLIDES or result.independent < MIN_BLOCKS:
        yield Finding(
            "few",
            CAUTION,
            "Few independent landslides",
            f"{result.landslides:,} landslides in {result.independent:,} independent blocks of land; tests take "
            f"{MIN_BLOCKS} blocks. All intervals are rough.",
        )


def claims(result: AuditResult) -> list[Claim]:
    """Return the uses of a map with what the numbers say about each."""
    keys = {one.key for one in findings(result) if one.level == FLAW}
    return [
        *_ranking(result, keys),
        *_slopes(result, keys),
        *_zone_claims(result, keys),
        *_region_claims(result),
        *_value_claims(result),
    ]


def _ranking(result: AuditResult, keys: set[str]) -> Iterator[Claim]:
    auc, close = result.auc.estimate(), result.closeness
    known = f"AUC {with_interval(auc)} against all other land."
    verdict = _verdict(result.auc)
    if "memorised" in keys:
        verdict, known = NOT_SUPPORTED, "The map follows the places of its own landslides, so its AUC is a memory."
    elif "none_held_out" in keys:
        known += " It is a fit."
    yield Claim("describe", "Ranking the land of this inventory", verdict, known)
    use = "Telling where further landslides will be"
    if "memorised" in keys or verdict == NOT_SUPPORTED:
        yield Claim("predict", use, NOT_SUPPORTED, known)
    elif close.classes:
        far = [one for one in close.classes[1:] if one.auc.landslides]
        last = far[-1] if far else None
        if last is None:
            yield Claim("predict", use, UNKNOWN, "All landslides lie near those of the training.")
        else:
            estimate = last.auc.estimate()
            why = f"AUC {with_interval(estimate)} of {last.auc.landslides:,} landslides {last.title} from the training."
            yield Claim("predict", use, _verdict(last.auc), why)
    elif result.held_out:
        yield Claim("predict", use, verdict, f"{known} Each cell is from a model that did not see its land.")
    else:
        yield Claim("predict", use, UNKNOWN, "No landslide is known to be held out; see LANDSLIDES_TRAINING.")
    if result.stated_auc is not None:
        good = "stated_auc" not in keys and _holds(auc, result.stated_auc)
        verdict = SUPPORTED if good else NOT_SUPPORTED if auc.has_interval else UNKNOWN
        yield Claim(
            "stated_auc", f"An AUC of {result.stated_auc:.3f}", verdict, f"This audit has {with_interval(auc)}."
        )


def _slopes(result: AuditResult, keys: set[str]) -> Iterator[Claim]:
    memory = "memorised" in keys
    negatives, note = result.negatives, " The map has memory, so this is no test." if memory else ""
    near = negatives.near
    if negatives.hard is not None:
        hard = negatives.hard.estimate()
        why = f"AUC {with_interval(hard)} against land of the same slope.{note}"
        verdict = _verdict(negatives.hard)
        yield Claim("same_slope", "Choosing among slopes of the same steepness", _untold(verdict, memory), why)
    else:
        yield Claim(
            "same_slope", "Choosing among slopes of the same steepness", UNKNOWN, "Neither DEM nor STACK given."
        )
    if near is not None and near.landslides:
        estimate = near.estimate()
        why = f"AUC {with_interval(estimate)} against land within {result.distance:,.0f} m of a landslide.{note}"
        verdict = _untold(_verdict(near), memory)
        yield Claim("near", "Telling landslides from the land beside them", verdict, why)
    row = result.baseline(SLOPE)
    if row is None:
        yield Claim("slope", "Doing better than a slope map", UNKNOWN, "Neither DEM nor STACK given.")
        return
    ahead = row.difference.estimate("difference")
    verdict = UNKNOWN
    if ahead.has_interval and row.difference.enough:
        verdict = NOT_SUPPORTED if ahead.low <= 0 else SUPPORTED if row.difference.sure else UNKNOWN
    text = f"AUC {row.map_auc.value:.3f} against {row.auc.value:.3f} of slope alone: {signed(ahead)}.{note}"
    yield Claim("slope", "Doing better than a slope map", _untold(verdict, memory), text)


def _untold(verdict: str, memory: bool) -> str:
    return UNKNOWN if memory and verdict in (SUPPORTED, WEAKLY) else verdict


def _zone_claims(result: AuditResult, keys: set[str]) -> Iterator[Claim]:
    zones = result.zones
    if "zones" in keys:
        verdict, why = NOT_SUPPORTED, "The order of the zones is not that of their landslides."
    elif not result.testable:
        verdict, why = UNKNOWN, "Too few independent blocks for a test."
    elif zones.unsure:
        verdict = UNKNOWN
        pairs = join_names([f"{low} to {high}" for low, high in zones.unsure])
        why = f"The density does not rise by more than chance from {pairs}."
    else:
        verdict, why = SUPPORTED, "The density of landslides rises from each zone to the next by more than chance."
    yield Claim("zones", "Zones as steps of rising susceptibility", _untold(verdict, "memorised" in keys), why)
    # Ties may leave the highest of zones by share without land.
    top = next((row for row in reversed(zones.rows) if row.area_share > 0), zones.rows[-1])
    ratio = top.frequency_ratio
    if np.isfinite(ratio.value):
        above = ratio.has_interval and ratio.low > 1
        verdict = NOT_SUPPORTED if ratio.has_interval and not above else SUPPORTED if result.testable else UNKNOWN
        why = (
            f"{_share(top.landslide_share.value)} of the landslides on {_share(top.area_share)} of the land: "
            f"{ratio.value:.1f} times the mean density{_interval(ratio, 1)}."
        )
        verdict = _untold(verdict, "memorised" in keys)
        yield Claim("top_zone", f'Zone "{top.name}" as the land to look at first', verdict, why)


def _region_claims(result: AuditResult) -> Iterator[Claim]:
    for one in result.regions:
        names = {SHOWN: SUPPORTED if one.auc.value >= UNTESTED_AUC else WEAKLY, FAILS: NOT_SUPPORTED}
        why = f"{one.landslides:,} landslides"
        if np.isfinite(one.auc.value):
            why += f", AUC {with_interval(one.auc.estimate())}"
        verdict = names.get(one.state, UNKNOWN)
        if np.isfinite(one.outside):
            why += f"; {_share(one.outside)} of its land is unlike that of the landslides"
            if one.outside >= OUTSIDE_SHARE and verdict == UNKNOWN:
                verdict = NOT_SUPPORTED
        yield Claim(f"region: {one.name}", f"Ranking the land of {one.name}", verdict, f"{why}.")


def _value_claims(result: AuditResult) -> Iterator[Claim]:
    check = result.probability
    if check is None:
        return
    why = (
        f"The mean value is {check.mean_value:.3g}, and {check.landslide_share:.3g} of the land are cells with a "
        "landslide of LANDSLIDES."
    )
    good = 1 / CALIBRATED <= check.factor <= CALIBRATED
    verdict = UNKNOWN if good else NOT_SUPPORTED
    if good:
        why += " Which period it is for, no inventory of one time tells."
    yield Claim("probability", "Values as probabilities of a landslide", verdict, why)


def _verdict(measured: Measured) -> str:
    """Return what an AUC says: one that is above chance and below :data:`UNTESTED_AUC` is of little use."""
    estimate = measured.estimate()
    if not estimate.has_interval or not measured.enough:
        return UNKNOWN
    if estimate.low <= 0.5:
        return NOT_SUPPORTED
    if not measured.sure:
        return UNKNOWN
    return SUPPORTED if estimate.value >= UNTESTED_AUC else WEAKLY


def _above(estimate: Estimate, limit: float) -> bool:
    """Whether a number is above a limit, by its interval if it has one."""
    return (estimate.low if estimate.has_interval else estimate.value) > limit


def with_interval(estimate: Estimate, digits: int = 3) -> str:
    """Return a number with its interval as text."""
    return f"{estimate.value:.{digits}f}{_interval(estimate, digits)}"


def signed(estimate: Estimate) -> str:
    """Return a difference with its interval as text."""
    interval = f" ({estimate.low:+.3f} to {estimate.high:+.3f})" if estimate.has_interval else ""
    return f"{estimate.value:+.3f}{interval}"


def _interval(estimate: Estimate, digits: int) -> str:
    return f" ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})" if estimate.has_interval else ""


def _shares(estimate: Estimate) -> str:
    return f"({_share(estimate.low)} to {_share(estimate.high)})" if estimate.has_interval else "(no interval)"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if np.isfinite(share) else "an unknown share"
