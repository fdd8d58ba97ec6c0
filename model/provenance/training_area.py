"""Whether a stack lies where a model was trained: on the same land, overlapping it, or elsewhere and how far away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform_bounds

from ..grid import Grid
from ..inputs.rasters import GDAL_ERRORS
from . import records

SAME_STACK, SAME_LAND, OVERLAPS, NEW, UNKNOWN = "same stack", "same land", "overlaps", "new", "unknown"
_EARTH = 6371.0  # mean radius in km
_LON_LAT = CRS.from_epsg(4326)
_Box = tuple[float, float, float, float]  # west, south, east and north in degrees


@dataclass(frozen=True)
class TrainingArea:
    """How the land of a stack relates to that on which a model was trained."""

    relation: str  # one of the words above
    share: float = 0.0  # of the stack's extent that lies within the extent of the training
    km: float = math.nan  # between the two extents, 0 where they touch
    is_target: bool = False  # whether the stack was the TARGET of the training, whose land has no labels
    is_for_other_target: bool = False  # whether the TARGET was other land

    @property
    def is_new(self) -> bool:
        """Whether any of the land may be new to the model."""
        return self.relation not in (SAME_STACK, SAME_LAND)

    @property
    def text(self) -> str:
        """The relation as a complete sentence."""
        if self.relation == SAME_STACK:
            return "The stack is the one that the model was trained on."
        if self.relation == SAME_LAND:
            return "The stack has the grid of the one that the model was trained on, with other values."
        if self.relation == OVERLAPS:
            return (
                f"{self.share:.0%} of the stack's extent lies within that of the stack that the model was trained on."
            )
        if self.relation == NEW:
            away = f"{self.km:,.0f} km" if self.km >= 10 else f"{self.km:.1f} km"
            text = f"The stack lies {away} from the one that the model was trained on: the land is new to the model."
            if self.is_target:
                return f"{text} As TARGET of the training it was seen without landslides."
            if self.is_for_other_target:
                return f"{text} The model was made for the land of another TARGET. Train one with this stack as TARGET."
            return text
        return "The model file does not say where the model was trained, so the land is taken for new."


def training_area(training: Mapping[str, Any], grid: Grid, sha256: str) -> TrainingArea:
    """Return how a stack relates to the nearest area of the training of a model, by the model's header, which is not
    trusted.

    ``sha256`` is the checksum of the stack, empty when not known. Extents are compared as boxes in longitude and
    latitude; the land that is mapped in them may be less.
    """
    recorded = training.get(records.INPUTS)
    recorded = recorded if isinstance(recorded, dict) else {}
    more, land = recorded.get("MORE_STACKS"), recorded.get(records.MORE_LAND)
    stacks = [recorded.get("STACK"), *(more if isinstance(more, list) else [])]
    if sha256 and sha256 in stacks:
        return TrainingArea(SAME_STACK, 1.0, 0.0)
    if records.changed_since_training(training, "STACK", sha256, grid):
        return TrainingArea(SAME_LAND, 1.0, 0.0)
    lands = [recorded, *(one for one in (land if isinstance(land, list) else []) if isinstance(one, dict))]
    found = nearest(_beside(one, grid) for one in lands)
    target = recorded.get("TARGET")
    is_known = bool(sha256) and isinstance(target, str) and bool(target)
    return replace(found, is_target=is_known and target == sha256, is_for_other_target=is_known and target != sha256)


def _beside(land: Mapping[str, Any], grid: Grid) -> TrainingArea:
    then = _recorded_box(land.get(records.GRID), land.get(records.CRS))
    now = _box(grid.crs, grid.bounds)
    if then is None or now is None:
        return TrainingArea(UNKNOWN)
    share = _shared(now, then)
    if share > 0:
        return TrainingArea(OVERLAPS, share, 0.0)
    return TrainingArea(NEW, 0.0, _distance(now, then))


def nearest(areas: Iterable[TrainingArea]) -> TrainingArea:
    """Return the relation to the nearest of several trainings, of the models of an ensemble."""
    order = (SAME_STACK, SAME_LAND, OVERLAPS, NEW, UNKNOWN)
    return min(areas, key=lambda one: (order.index(one.relation), -one.share, one.km))


def _recorded_box(numbers: Any, wkt: Any) -> _Box | None:
    if not isinstance(numbers, list) or len(numbers) != 6 or not isinstance(wkt, str):
        return None
    if not all(isinstance(one, (int, float)) and math.isfinite(one) for one in numbers):
        return None
    width, height, left, top, across, down = numbers
    try:
        crs = CRS.from_wkt(wkt)
    except CRSError:
        return None
    place = Affine(across, 0, left, 0, down, top)
    (x0, y0), (x1, y1) = place * (0, 0), place * (width, height)
    return _box(crs, (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def _box(crs: CRS, bounds: tuple[float, float, float, float]) -> _Box | None:
    try:
        box = transform_bounds(crs, _LON_LAT, *bounds)
    except GDAL_ERRORS:
        return None
    west, south, east, north = box
    if not all(map(math.isfinite, box)):
        return None
    # Across the date line the eastern end comes back as the smaller one.
    return (west, south, east if east >= west else east + 360, north)


def _shared(box: _Box, other: _Box) -> float:
    """Return the share of a box within another, whatever turn of the Earth its longitudes count."""
    across = max(_overlap(box[0::2], (other[0] + turn, other[2] + turn)) for turn in (-360, 0, 360))
    return across * _overlap(box[1::2], other[1::2])


def _overlap(ends: tuple[float, ...], other: tuple[float, ...]) -> float:
    return max(0.0, min(ends[1], other[1]) - max(ends[0], other[0])) / max(ends[1] - ends[0], 1e-12)


def _distance(box: _Box, other: _Box) -> float:
    """Return the distance of two boxes in km on a sphere, at the latitudes where they are nearest."""
    gap = min(max(other[0] + turn - box[2], box[0] - other[2] - turn, 0.0) for turn in (-360, 0, 360))
    south, north = sorted((box, other), key=lambda one: one[1])
    if north[1] >= south[3]:
        first, second = np.radians(north[1]), np.radians(south[3])
    else:
        # Beside each other: nearest at the common latitude that is farthest from the equator.
        common = max(box[1], other[1]), min(box[3], other[3])
        first = second = np.radians(max(common, key=abs))
    half = np.sin((first - second) / 2) ** 2 + np.cos(first) * np.cos(second) * np.sin(np.radians(gap) / 2) ** 2
    return float(2 * _EARTH * np.arcsin(np.sqrt(min(half, 1.0))))
