"""What a raster given as SAFETY_FACTOR is: a rain index, below 0.5 under warning, or a factor of safety, below 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rasterio

RAIN_INDEX, FACTOR_OF_SAFETY = "rain index", "factor of safety"
"""Descriptions of the band, which tell the two apart."""
FACTOR_OF_SAFETY_MEANING = (
    "factor of safety of an infinite slope, strength over stress, below 1 where it fails; no rain index"
)
PROBABILITY_MEANING = "share of the draws from the ranges given in which the factor of safety is below 1"
CRITICAL = {RAIN_INDEX: 0.5, FACTOR_OF_SAFETY: 1.0}  # value below which there is a warning


def kind_of(dataset: rasterio.DatasetReader) -> str:
    """Return what the first band of a raster is, a key of :data:`CRITICAL`; empty if it does not say."""
    name = (dataset.descriptions[0] or "").strip().casefold()
    return name if name in CRITICAL else RAIN_INDEX if "THRESHOLDS" in dataset.tags() else ""
