"""Two trained models: their weights, and what their headers say."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..artifact import load_model, network_tensors
from .difference import Difference

_UNTOLD = {"versions"}
"""What is compared elsewhere."""


def compare_models(then: str | os.PathLike, now: str | os.PathLike) -> Difference:
    """Return how far the weights of two models are apart, and which parts of their headers differ.

    Raises:
        InputMissing, ModelFileInvalid: one of them cannot be read.
    """
    first, second = load_model(then), load_model(now)
    before, after = network_tensors(first.network), network_tensors(second.network)
    if first.kind != second.kind or {name: one.shape for name, one in before.items()} != \
            {name: one.shape for name, one in after.items()}:
        return Difference(False, f"another network: {first.kind} then, {second.kind} now, of other shapes")
    largest = max((float(np.abs(before[name].astype(np.float64) - after[name].astype(np.float64)).max(initial=0.0))
                   for name in before), default=0.0)
    untold = _UNTOLD | {"network", "device", "dtype"}
    told = [name for name in vars(first) if not name.startswith("_") and name not in untold]
    parts = [name for name in told if _plain(getattr(first, name)) != _plain(getattr(second, name))]
    if largest == 0 and not parts:
        return Difference(True, "the same weights and description; only versions of libraries differ")
    return Difference(largest == 0 and set(parts) <= {"training"}, "; ".join([
        f"weights differ by {largest:.3g} at most" if largest else "the same weights",
        *([f"other {', '.join(parts)}"] if parts else [])]))


def _plain(value: Any) -> Any:
    # NaN differs from itself, and stands for the same missing number.
    return repr(value)
