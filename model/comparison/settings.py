"""Choices and defaults of a comparison; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

from typing import Sequence

from ..errors import ParameterInvalid

LEAST_MAPS, MOST_MAPS = 2, 12
SIGNIFICANT = 0.05
"""A difference with a smaller corrected p is called more than chance."""
TABLE_COLUMNS = ("scope", "map", "other", "measure", "value", "low", "high", "interval")


def map_names(given: Sequence[str], layers: Sequence[str]) -> list[str]:
    """Return one distinct name a map.

    Args:
        given: names that the user typed; empty for those of the layers.
        layers: names of the layers, one a map.

    Raises:
        ParameterInvalid: too few or too many maps, not as many names as maps, or a name twice.
    """
    if not LEAST_MAPS <= len(layers) <= MOST_MAPS:
        raise ParameterInvalid(f"SUSCEPTIBILITY has {len(layers)} map{'' if len(layers) == 1 else 's'}, but a "
                               f"comparison takes {LEAST_MAPS} to {MOST_MAPS}.")
    names = [name.strip() for name in given]
    if any(names):
        if len(names) != len(layers):
            raise ParameterInvalid(f"NAMES has {len(names)} names for {len(layers)} maps. Give one name a map, in "
                                   "their order, or leave NAMES empty.")
        if not all(names):
            raise ParameterInvalid(f"NAMES leaves map {names.index('') + 1} without a name. Give one name a map, or "
                                   "leave NAMES empty.")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ParameterInvalid(f'NAMES lists "{twice}" twice. Give each map a name of its own.')
        return names
    names = []
    for number, layer in enumerate(layers, 1):
        name = layer.strip() or f"map {number}"
        names.append(name if name not in names else f"{name} ({number})")
    return names
