"""Options of a comparison; imports nothing heavy, so that the Processing shell can show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ParameterInvalid
from ..validation.settings import EvaluationOptions

MIN_MAPS, MAX_MAPS, MAX_PIECES = 2, 12, 300
SIGNIFICANCE_LEVEL = 0.05  # a difference with a smaller corrected p is called significant
TABLE_COLUMNS = ("scope", "map", "other", "measure", "value", "low", "high", "interval")


@dataclass(frozen=True)
class ComparisonOptions(EvaluationOptions):
    """What a user can set about a comparison."""

    names: Sequence[str] = ()  # name of the map that each raster belongs to; those of the files by default
    shares: Sequence[float] = ()  # percent of the area by zone; 30, 20, 20, 20, 10 by default


def map_names(given: Sequence[str], layers: Sequence[str]) -> list[str]:
    """Return the name of the map that each raster belongs to; rasters of one name are pieces of one map. ``given``:
    names that the user typed; empty for those of the layers, made distinct. ``layers``: names of the layers, one a
    raster. Raises ``ParameterInvalid`` for too few or too many maps, or not as many names as rasters.
    """
    names = [name.strip() for name in given]
    if any(names):
        if len(names) != len(layers):
            raise ParameterInvalid(
                f"NAMES has {len(names)} name{'' if len(names) == 1 else 's'} for {len(layers)} maps. Give one name a "
                "map, in their order, or leave NAMES empty."
            )
        if not all(names):
            raise ParameterInvalid(
                f"NAMES leaves map {names.index('') + 1} without a name. Give one name a map, or leave NAMES empty."
            )
    else:
        names = []
        for number, layer in enumerate(layers, 1):
            name = layer.strip() or f"map {number}"
            names.append(name if name not in names else f"{name} ({number})")
    maps = len(set(names))
    if len(layers) < MIN_MAPS or maps > MAX_MAPS or len(layers) > MAX_PIECES:
        raise ParameterInvalid(
            f"SUSCEPTIBILITY has {maps} map{'' if maps == 1 else 's'}, but a comparison takes {MIN_MAPS} to "
            f"{MAX_MAPS}. Rasters that lie beside each other, the regions of one model say, count as one map when "
            f"NAMES gives them the same name; there may be {MAX_PIECES} of them. Give more maps; a single one "
            "is evaluated by scarp:validatewithpoints."
        )
    return names
