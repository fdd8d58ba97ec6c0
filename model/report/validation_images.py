"""The maps of a validation report: zones of all of the map, and of each region alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

import numpy as np
import rasterio

from ..validation.layers import MapLayers
from ..validation.measures import ScopeResult
from ..validation.scopes import REGION_PREFIX
from ..zones.raster import zones_of
from .hillshade import Relief, shade_of
from .maps import LONGEST, MapImage, only_inside, read_map, rings_of
from .validation_input import RegionView

MOST_REGIONS = 12
REGION_LONGEST = 520
"""Cells along the longer side of a region's map, half a page wide."""


def zone_image(dataset: rasterio.DatasetReader, zones: rasterio.DatasetReader | None, layers: MapLayers,
               bounds: tuple[float, float, float, float] | None = None, relief: Relief | None = None,
               longest: int = LONGEST) -> MapImage:
    """Return zone numbers at the size of a page, with the relief if it is known.

    Args:
        dataset: the open susceptibility map.
        zones: the open zone raster, or ``None`` for zones by breaks.
        layers: the map.
        bounds: left, bottom, right, top of the part to draw; all of it by default.
        relief: where the shape of the ground is known from.
        longest: cells along the longer side.
    """
    if zones is not None:
        image = read_map(zones, layers.grid, True, bounds, longest)
    else:
        image = read_map(dataset, layers.grid, False, bounds, longest)
        image = replace(image, cells=zones_of(image.cells, layers.zones.breaks).astype(np.float32))
    if relief is None:
        return image
    return replace(image, shade=shade_of(relief, layers.grid.crs, image.bounds, image.cells.shape, image.metres_east,
                                         image.metres_north))


def region_views(results: Sequence[ScopeResult], dataset: rasterio.DatasetReader,
                 zones: rasterio.DatasetReader | None, layers: MapLayers, relief: Relief | None = None
                 ) -> dict[str, RegionView]:
    """Return what is drawn of the regions, by the name of their scope: the first ones, if there are very many."""
    views = {}
    for result in results:
        scope = result.scope
        if scope.region is not None and layers.regions is not None and len(views) < MOST_REGIONS:
            geometries = layers.regions.geometries(scope.region)
            rings = rings_of(geometries)
            corners = np.concatenate(rings)
            left, bottom, right, top = (*corners.min(axis=0), *corners.max(axis=0))
            image = zone_image(dataset, zones, layers, (left, bottom, right, top), relief, REGION_LONGEST)
            views[scope.name] = RegionView(scope.name[len(REGION_PREFIX):], only_inside(image, geometries), rings)
    return views
