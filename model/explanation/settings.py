"""Defaults and limits of an explanation; importable without torch, so that the shell can show them."""

from __future__ import annotations

BLOCK = 2000.0
"""Side in metres of the blocks that are swapped and resampled as a whole: landslides, and most factors, are alike over
some hundred metres, so blocks of this size are nearly independent of each other."""

BLOCKS = 120
"""Blocks that go through the network; with the default network a few minutes on one processor core."""

REPEATS = 10
"""Permutations of each factor."""

REFERENCES = 8
"""Typical lands that the real one is compared with, for the leading factor. On the demo the same factor led in 89 % of
the cells as with 64."""

LIMITS = {"block": (1.0, 1e6), "blocks": (8, 10000), "repeats": (2, 1000), "references": (1, 1000)}

LEVEL = 0.95
"""Of all intervals."""

DRAWS = 400
"""Resamples of the blocks for an interval."""
