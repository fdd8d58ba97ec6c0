"""Labels of the cells: landslide, stable or unknown."""

from __future__ import annotations

LANDSLIDE = 1  # cells within the buffer of a landslide
STABLE = 0  # mapped cells away from every landslide
UNKNOWN = 255  # cells that are not mapped, without data, or in the ring around a landslide
