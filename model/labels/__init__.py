"""Labels: which cells are landslide, which are stable and which nobody knows."""

from __future__ import annotations

LANDSLIDE = 1
"""Label of cells within the buffer of a landslide."""

STABLE = 0
"""Label of mapped cells away from every landslide."""

UNKNOWN = 255
"""Label of cells that say nothing: not mapped, without data, or in the ring around a landslide."""
