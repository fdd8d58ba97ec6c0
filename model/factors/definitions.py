"""Names, kinds, units and titles of the factors; light enough for the shell to import (no torch, NumPy or rasterio)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ..grid import Block

CONTINUOUS = "continuous"
CATEGORICAL = "categorical"
MAX_CLASSES = 250  # largest number of classes of a factor; a byte holds their numbers, and more are a measured value
EMBEDDINGS = "embeddings"  # group of the bands of a satellite embedding, which count as one factor
EMBEDDINGS_TAG = "EMBEDDINGS"  # metadata item of a stack that tells of its embedding, JSON
MAX_CLASS_CODE = 2**24  # class numbers from here on are not all distinct in float32, in which stacks are stored
ASPECT_CLASSES = {1: "flat", 2: "N", 3: "NE", 4: "E", 5: "SE", 6: "S", 7: "SW", 8: "W", 9: "NW"}
"""Compass direction that a slope faces; north is 337.5 to 22.5 degrees, and so on in eighths of a circle."""


@dataclass(frozen=True)
class FactorDefinition:
    """What one factor is."""

    name: str  # band description in the stack; models find their bands by it
    kind: str  # ``continuous`` or ``categorical``
    unit: str = ""  # unit of the values, empty for classes
    title: str = ""  # name for reports
    classes: dict[int, str] = field(default_factory=dict)
    """Label by code, of categorical factors whose classes are known beforehand."""
    group: str = ""  # :data:`EMBEDDINGS` of a band that is no factor by itself


FACTORS = {
    definition.name: definition
    for definition in (
        FactorDefinition("slope", CONTINUOUS, "degrees", "Slope gradient"),
        FactorDefinition("profile_curvature", CONTINUOUS, "1/m", "Profile curvature"),
        FactorDefinition("aspect", CATEGORICAL, "", "Slope aspect", ASPECT_CLASSES),
        FactorDefinition("landform", CATEGORICAL, "", "Landform"),
        FactorDefinition("river_density", CONTINUOUS, "km/km²", "River density"),
        FactorDefinition("precipitation", CONTINUOUS, "mm", "Annual precipitation"),
        FactorDefinition("temperature", CONTINUOUS, "°C", "Annual mean temperature"),
        FactorDefinition("fault_density", CONTINUOUS, "km/km²", "Fault density"),
        FactorDefinition("lithology", CATEGORICAL, "", "Lithology"),
        FactorDefinition("seismic_intensity", CATEGORICAL, "", "Seismic intensity"),
    )
}
"""The ten factors of Zhang & Deng (2026), by name, in the order of the stack's bands."""
TERRAIN_FACTORS = ("slope", "profile_curvature", "aspect")

ELEVATION, DIRECTION, CURVATURE, POSITION, RELIEF = "elevation", "direction", "curvature", "position", "relief"
MEAN_SLOPE, ROUGHNESS, MEAN_CURVATURE, FLOW = "mean_slope", "roughness", "mean_curvature", "flow"
CELL_TERRAIN = {
    ELEVATION: (FactorDefinition("elevation", CONTINUOUS, "m", "Elevation"),),
    DIRECTION: (
        FactorDefinition("northness", CONTINUOUS, "", "Northness"),
        FactorDefinition("eastness", CONTINUOUS, "", "Eastness"),
    ),
    CURVATURE: (
        FactorDefinition("tangential_curvature", CONTINUOUS, "1/m", "Tangential curvature"),
        FactorDefinition("curvature", CONTINUOUS, "1/m", "Curvature"),
    ),
}
"""Further factors of a cell and its neighbours by group, each group one choice of TERRAIN."""
WINDOW_TERRAIN = {
    POSITION: ("tpi", "m", "Topographic position"),
    RELIEF: ("relief", "m", "Local relief"),
    MEAN_SLOPE: ("mean_slope", "degrees", "Mean slope"),
    ROUGHNESS: ("roughness", "degrees", "Roughness"),
    MEAN_CURVATURE: ("mean_curvature", "1/m", "Mean curvature"),
}
"""Name, unit and title of the factors that are computed in windows, by group."""
FLOW_TERRAIN = {
    FLOW: (
        FactorDefinition("contributing_area", CONTINUOUS, "log10 m²", "Contributing area"),
        FactorDefinition("wetness_index", CONTINUOUS, "", "Topographic wetness index"),
        FactorDefinition("height_above_drainage", CONTINUOUS, "m", "Height above drainage"),
    )
}


def window_definition(group: str, metres: int) -> FactorDefinition:
    """Return the factor of a group in windows that reach so many metres from the cell: ``tpi_200m``."""
    name, unit, title = WINDOW_TERRAIN[group]
    return FactorDefinition(f"{name}_{metres}m", CONTINUOUS, unit, f"{title}, {metres} m")


_WINDOW_NAME = re.compile(rf"({'|'.join(name for name, _, _ in WINDOW_TERRAIN.values())})_\d+m")
_CELL_NAMES = frozenset(one.name for groups in (CELL_TERRAIN, FLOW_TERRAIN) for part in groups.values() for one in part)


def is_terrain_factor(name: str) -> bool:
    """Return whether a factor is one that Scarp computes from the DEM; its unit needs no questions."""
    return name in TERRAIN_FACTORS or name in _CELL_NAMES or _WINDOW_NAME.fullmatch(name) is not None


class FactorReader:
    """An open input. What it notes holds for the block that was read last."""

    overlapping = 0  # cells that lie in more than one polygon
    elevation_range = math.inf, -math.inf  # lowest and highest elevation in the block and its border
    undeclared_nodata = math.inf  # lowest elevation there, if it is below all land and so stands for nodata

    def read(self, block: Block) -> np.ndarray:
        """Return float32 values of a block, NaN without data: (height, width), or (factors, height, width)."""
        raise NotImplementedError


def factor_name(layer: str, taken: Iterable[str] = ()) -> str:
    """Return the factor name of a layer that the user added: lower snake case, other than those taken."""
    name = re.sub(r"\W+", "_", layer.strip().lower()).strip("_") or "factor"
    unique, number, used = name, 2, set(taken)
    while unique in used:
        unique, number = f"{name}_{number}", number + 1
    return unique
