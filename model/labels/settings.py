"""Options of the landslide labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..options import Options, number

_RING = (
    "Cells farther from a landslide than its radius but nearer than this become 255 and are not used for training, "
    "because the slope beside a landslide is not a good example of a stable one. Measured from the landslide, so "
    "it must exceed the radius to have an effect. 0, as in the paper, means no ring; 150 to 300 helped in trials "
    "on small landslides."
)


@dataclass(frozen=True)
class LabelOptions(Options):
    """Settings of the labels."""

    scale_field: str | None = None  # field with the size of each landslide; without it all get the row ``unrecorded``
    radii: Mapping[str, float] = field(default_factory=dict)
    """Metres by size. Empty: the paper's for points, no buffer for polygons."""
    ring: float = number(0, 0, 1e6, "Ring left out around landslides (m)", _RING, decimals=1)
