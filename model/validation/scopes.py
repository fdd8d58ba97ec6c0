"""Parts of the map that get numbers of their own: all of it, the training, validation and test windows, regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import FieldUnusable, LayerEmpty
from ..factors.polygons import burn, extents_intersect, polygon_extents
from ..grid import Block, Grid
from ..inputs.vectors import Polygons
from .settings import SUBSET_CODES, SUBSET_SPELLINGS

ALL = "all"
REGION_PREFIX = "region: "


@dataclass(frozen=True)
class Scope:
    """A part of the map."""

    name: str
    """As it stands in the table: ``all``, ``train``, ``validation``, ``test`` or ``region: LABEL``."""
    subset: int = 0
    """Code of the subset whose windows it is limited to; 0 for no limit."""
    region: int | None = None
    """Number of the region it is limited to."""
    seed_offset: int = 0
    """Number of its own stream of random numbers, so that one part's draw does not change another's."""


class SubsetMap:
    """Which subset each cell's window belongs to."""

    def __init__(self, grid: Grid, windows: Polygons, field: str = "subset") -> None:
        """Read the windows' subsets.

        Args:
            grid: the map's grid.
            windows: polygons in its CRS.
            field: attribute with ``train``, ``validation`` or ``test``.

        Raises:
            LayerEmpty: the layer has no window.
            FieldUnusable: the field is missing, or a value is none of the three.
        """
        if not len(windows):
            raise LayerEmpty(
                f'The layer "{windows.name}" given as WINDOWS has no window. Give the windows that '
                "scarp:trainpcum wrote, or leave WINDOWS empty."
            )
        self._grid, self._windows = grid, windows
        codes = []
        for index, value in enumerate(windows.column(field)):
            name = SUBSET_SPELLINGS.get(str(value).strip().lower())
            if name is None:
                raise FieldUnusable(
                    f'The field "{field}" of the layer "{windows.name}" given as WINDOWS has "{value}" '
                    f"in feature {index + 1}. It must be train, validation or test."
                )
            codes.append(SUBSET_CODES[name])
        self._codes = np.array(codes)
        self._extent = polygon_extents(grid, windows)

    @property
    def codes(self) -> set[int]:
        """Codes of the subsets that have windows on the map."""
        grid = self._grid
        return set(self._codes[extents_intersect(self._extent, Block(0, 0, grid.height, grid.width))].tolist())

    def read(self, block: Block) -> np.ndarray:
        """Return the code of each cell, uint8, shape of the block; 0 where there is no window.

        Where windows overlap, a training window wins over a validation window and that over a test window: what the
        model has seen is no test.
        """
        result = np.zeros((block.height, block.width), dtype=np.uint8)
        near = extents_intersect(self._extent, block)
        for code in sorted(SUBSET_CODES.values(), reverse=True):
            chosen = np.flatnonzero(near & (self._codes == code))
            if len(chosen):
                result[burn(self._grid, block, [self._windows.geometries[index] for index in chosen])] = code
        return result


class RegionMap:
    """Regions of the map; features with the same name are one region."""

    def __init__(self, grid: Grid, regions: Polygons, field: str | None) -> None:
        """Read the regions' names.

        Args:
            grid: the map's grid.
            regions: polygons in its CRS.
            field: attribute with the name; features are numbered without it.

        Raises:
            LayerEmpty: the layer has no polygon.
            FieldUnusable: there is no such field.
        """
        if not len(regions):
            raise LayerEmpty(
                f'The layer "{regions.name}" given as REGIONS has no polygon. Draw the regions, or leave REGIONS empty.'
            )
        self._grid, self._regions = grid, regions
        values: Sequence[object] = regions.column(field) if field else list(range(1, len(regions) + 1))
        labels = ["(no name)" if value is None or not str(value).strip() else _label(value) for value in values]
        self.labels = sorted(set(labels), key=natural_sort_key)
        """Names in the order of the report."""
        self._number = np.array([self.labels.index(label) for label in labels])
        self._extent = polygon_extents(grid, regions)

    def regions_in_block(self, block: Block) -> list[int]:
        """Return the numbers of the regions that may have cells in a block."""
        return sorted(set(self._number[extents_intersect(self._extent, block)].tolist()))

    def read(self, block: Block, region: int) -> np.ndarray:
        """Return whether each cell's centre lies in a region, bool, shape of the block."""
        chosen = np.flatnonzero(extents_intersect(self._extent, block) & (self._number == region))
        if not len(chosen):
            return np.zeros((block.height, block.width), dtype=bool)
        return burn(self._grid, block, [self._regions.geometries[index] for index in chosen])

    def geometries(self, region: int) -> list[dict]:
        """Return the GeoJSON geometries of a region."""
        return [self._regions.geometries[index] for index in np.flatnonzero(self._number == region)]


def _label(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def natural_sort_key(label: str) -> tuple[int, float, str]:
    """Sort numbers by amount and before names."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
