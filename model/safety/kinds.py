"""What a raster given as SAFETY_FACTOR is: a rain index, below 0.5 under warning, or a factor of safety, below 1."""

from __future__ import annotations

from ..errors import ParameterInvalid

RAIN_INDEX, FACTOR_OF_SAFETY = "rain index", "factor of safety"
"""Descriptions of the band, which tell the two apart."""
CRITICAL = {RAIN_INDEX: 0.5, FACTOR_OF_SAFETY: 1.0}  # value below which a cell is under warning
FACTOR_OF_SAFETY_MEANING = (
    "factor of safety of an infinite slope, strength over stress, below 1 where it fails; no rain index"
)
PROBABILITY_MEANING = "share of the draws from the ranges given in which the factor of safety is below 1"


def require_factor_of_safety(parameter: str, description: str | None, highest: float) -> None:
    """Raise ``ParameterInvalid`` if a raster, by the description of its band and its highest value, is a rain index."""
    if description == FACTOR_OF_SAFETY or (description != RAIN_INDEX and highest > 1):
        return
    why = f"its values end at {highest:.3g}, but stable slopes have more than 1"
    raise ParameterInvalid(
        f"PHYSICS=stability needs a factor of safety, but {parameter} is "
        f"{'a rain index' if description == RAIN_INDEX else f'none ({why})'}. Build one with METHOD=infinite_slope of "
        f'"Build safety factor", or leave {parameter} empty: then it is computed from the slope.'
    )
