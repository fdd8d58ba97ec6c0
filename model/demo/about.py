"""The text that lies beside the demo data and says what they are."""

from __future__ import annotations

from typing import Any, Mapping

from .landslides import PER_KM2, SEEN_LEAST, SEEN_WITHIN, TWICE, UNSIZED
from .regions import REGIONS
from .truth import BODY, RAIN_WEIGHT, SHAKING_WEIGHT, SHARPNESS, SIDE_WEIGHT


def about(summary: Mapping[str, Any]) -> str:
    """Return the text for a demo with this summary."""
    regions = "\n".join(
        f"  {region.number}  {region.name}: {region.title}; weight {region.weight:g}, mean probability "
        f"{region.unstable:g}, climate zone {region.climate}" for region in REGIONS[:summary["regions"]])
    return f"""\
These data are synthetic. They show no real place, although they carry a real map projection.
Made by Scarp, "Create demo data": {summary["size"]} x {summary["size"]} cells of 30 m, seed {summary["seed"]}.

Layer              fields or unit
dem                m
precipitation      mm a year, cells of 1 km
temperature        annual mean, degrees C, cells of 1 km
true_probability   the truth: chance of a landslide, 0 to 1
landslides         scale: giant, large, medium, small or empty
rivers             upstream_km2, strahler
faults, roads      -
settlements        number
lithology          lithology
landform           landform, the five classes of table 3 of the paper
seismic            intensity
climate            zone, alpha, beta, rainy_days
regions            region, name, cause
study_area         name

The truth
The factor of safety of an infinite slope, F = c/(g z sin a cos a) + (1 - m gw/g) tan(phi)/tan(a), is divided by
1 + the sum of weight x index over the causes, and becomes a probability 1/(1 + exp((ln F - t)/{SHARPNESS:g})) that is
averaged over {BODY:g} m. A cause has its full weight in the region where it dominates and {SIDE_WEIGHT:g} elsewhere;
rain above the warning threshold weighs {RAIN_WEIGHT:g} and shaking {SHAKING_WEIGHT:g} everywhere. t is set a region
such that the mean probability is the one listed.
{regions}

The inventory
About {PER_KM2:g} landslides a square kilometre are drawn with chance proportional to the true probability times the
chance of being recorded. That chance falls from 1 at roads and large valleys to {SEEN_LEAST:g} far from them, over
{SEEN_WITHIN:g} m. {UNSIZED:.0%} of the points have no size, {TWICE:.1%} are entered twice. The true probability
knows nothing of these flaws.
"""
