"""Options of the landslide labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..options import Options, choice, number

RECOMMENDED, PAPER = "recommended", "paper"

_PRESET = (
    "What RADII and RING are when they are empty. recommended: automatic, from the size of the landslides and of the "
    "cells. paper: the radii of Zhang and Deng (2026), 300 m for small to 600 m for giant landslides, and no ring."
)
_RING = (
    "Cells farther from a landslide than its radius but nearer than this become 255 and are not used for training, "
    "because the edge of a landslide is not known exactly. Measured from the landslide, so it must exceed the radius "
    "to have an effect; 0 means no ring. Automatic: two cells beyond the radius of each landslide. Wide rings take "
    "away the stable slopes from which most can be learned."
)


@dataclass(frozen=True)
class LabelOptions(Options):
    """Settings of the labels."""

    preset: str = choice(RECOMMENDED, (RECOMMENDED, PAPER), "Preset", _PRESET, added=True)
    scale_field: str | None = None  # field with the size of each landslide; without it all get the row ``unrecorded``
    area_field: str | None = None  # field with the area of each landslide in m², for automatic radii
    radii: Mapping[str, float] = field(default_factory=dict)
    """Metres by size. Empty: the preset's for points, no buffer for polygons."""
    ring: float | None = number(None, 0, 1e6, "Ring left out around landslides (m)", _RING, decimals=1, automatic=True)
    """``None``: the preset's."""
