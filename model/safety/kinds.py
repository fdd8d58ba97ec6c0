"""What a raster given as SAFETY_FACTOR is: a rain index, below 0.5 under warning, or a factor of safety, below 1."""

from __future__ import annotations

RAIN_INDEX, FACTOR_OF_SAFETY = "rain index", "factor of safety"
"""Descriptions of the band, which tell the two apart."""
CRITICAL = {RAIN_INDEX: 0.5, FACTOR_OF_SAFETY: 1.0}  # value below which a cell is under warning
FACTOR_OF_SAFETY_MEANING = (
    "factor of safety of an infinite slope, strength over stress, below 1 where it fails; no rain index"
)
PROBABILITY_MEANING = "share of the draws from the ranges given in which the factor of safety is below 1"
