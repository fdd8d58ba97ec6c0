"""What the header of a model file says of its applicability index; importable without torch, for the shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUMBERS = ("mean_distance", "threshold", "bound", "density")
FIELDS = {*NUMBERS, "limit", "error", "training_cells"}


def is_header(content: Any) -> bool:
    """Return whether an untrusted header has the numbers of an index."""
    if not isinstance(content, Mapping) or set(content) != FIELDS:
        return False
    optional = [content[name] for name in ("limit", "error") if content[name] is not None]
    numbers = [*(content[name] for name in NUMBERS), *optional, content["training_cells"]]
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in numbers):
        return False
    whole = isinstance(content["training_cells"], int) and content["mean_distance"] > 0
    # Comparisons with NaN are false.
    return whole and all(0 <= value <= 1e12 for value in numbers)
