"""Self-contained HTML reports that print well on A4.

``round_length`` stands here because it needs no library: map sheets of QGIS use it too.
"""

from __future__ import annotations

import math


def round_length(metres: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50 … metres that is not longer than ``metres``."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(step * power for step in (1, 2, 5) if step * power <= metres * (1 + 1e-9))
