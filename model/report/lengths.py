"""Round lengths for scale bars; imports nothing heavy, since map sheets of QGIS need it too."""

from __future__ import annotations

import math


def round_length(metres: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50 … metres that is not longer than ``metres``."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(step * power for step in (1, 2, 5) if step * power <= metres * (1 + 1e-9))
