"""Rasters that do not lie where they should: turned, mirrored, elsewhere, in other cells, at the ends of the Earth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from scarp.tests.qgis.bad_input.case import Outcome, Workplace, read_cases
from scarp.tests.qgis.bad_input.making import changed, heights, moved, points, raster
from scarp.tests.qgis.tiny import CELL, LEFT, SIZE, TOP

_TURNED = rasterio.Affine(CELL, 2, LEFT, 2, -CELL, TOP)
_SOUTH_UP = rasterio.Affine(CELL, 0, LEFT, 0, CELL, TOP - SIZE * CELL)
_MIRRORED = rasterio.Affine(-CELL, 0, LEFT + SIZE * CELL, 0, -CELL, TOP)


def _dem(transform, crs: str | None = "EPSG:32643", rows: int = 40):
    return lambda at: {"DEM": raster(at.folder / "dem.tif", heights(rows), crs=crs, transform=transform)}


def _placed(parameter: str, source: str, **change):
    """Return a maker of parameters with one good raster moved."""
    return lambda at: {parameter: moved(at.chain[source], at.folder / f"{source}.tif", **change)}


def _cut(parameter: str, source: str):
    return lambda at: {
        parameter: changed(at.chain[source], at.folder / f"{source}.tif", lambda values: values[:, :-1, :-1])
    }


def _away(parameter: str):
    return lambda at: {parameter: raster(at.folder / "far.tif", np.ones((40, 40)), left=LEFT + 1e6, top=TOP + 1e6)}


def _slope_has_values(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        slope = dataset.read(1)
    assert np.isfinite(slope).sum() > slope.size / 2
    assert np.nanmin(slope) >= 0
    assert np.nanmax(slope) < 90


def _safety_moved(at: Workplace):
    return {"SAFETY_FACTOR": moved(at.chain["safety"], at.folder / "safety.tif", columns=0.5)}


def _across_date_line(at: Workplace, longitudes: tuple[float, ...]):
    reference = raster(
        at.folder / "grid.tif", heights(), crs="EPSG:4326", transform=from_origin(179.99, 52.0, 0.0005, 0.0005)
    )
    return {
        "REFERENCE": reference,
        "SCALE_FIELD": None,
        "RADII": "unrecorded,100",
        "LANDSLIDES": points([(longitude, 51.99) for longitude in longitudes], crs="EPSG:4326"),
    }


def _used(outcome: Outcome, number: int) -> None:
    assert outcome.results["LANDSLIDES_USED"] == number, outcome.said
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        labels = dataset.read(1) == 1
    assert labels[:, :20].any() == labels[:, 20:].any()


def _in_square_metres(outcome: Outcome) -> None:
    # Cells of 0.0003 degrees are 33 m by 23 m.
    assert 60_000 <= outcome.results["MEAN_AREA"] < 2e6


def _listed(outcome: Outcome, words: str) -> None:
    assert outcome.results["ERRORS"] >= 1
    assert words in Path(outcome.results["OUTPUT_TABLE"]).read_text(encoding="utf-8")


def _utm_60(at: Workplace) -> dict:
    # 51.99 degrees north at the antimeridian in UTM zone 60, whose middle is 177 degrees east.
    reference = raster(
        at.folder / "grid.tif", heights(), crs="EPSG:32660", transform=from_origin(706000 - 600, 5764400 + 600, 30, 30)
    )
    return {
        "REFERENCE": reference,
        "SCALE_FIELD": None,
        "RADII": "unrecorded,100",
        "LANDSLIDES": points([(179.998, 51.99), (-179.998, 51.99)], crs="EPSG:4326"),
    }


def _mercator(at: Workplace):
    from rasterio.warp import transform_bounds

    box = transform_bounds("EPSG:32643", "EPSG:3857", LEFT, TOP - SIZE * CELL, LEFT + SIZE * CELL, TOP)
    return raster(
        at.folder / "rain.tif",
        np.full((12, 12), 800.0),
        crs="EPSG:3857",
        transform=from_origin(box[0] - 3000, box[3] + 3000, 1000, 1000),
    )


def _all_there(outcome: Outcome, name: str) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        values = dataset.read(dataset.descriptions.index(name) + 1)
    assert np.nanmin(values) > 0
    assert np.isfinite(values).mean() > 0.9


_MAKERS = {
    "dem-rotated": _dem(_TURNED),
    "dem-south-up": _dem(_SOUTH_UP),
    "dem-mirrored": _dem(_MIRRORED),
    "stack-rotated": _placed("STACK", "stack", transform=_TURNED),
    "labels-south-up": _placed("LABELS", "labels", transform=_SOUTH_UP),
    "units-dem-rotated": _dem(_TURNED),
    "units-dem-without-crs": _dem(from_origin(LEFT, TOP, CELL, CELL), None),
    "units-dem-in-degrees": _dem(from_origin(10, 46, 0.0003, 0.0003), "EPSG:4326"),
    "units-map-rotated": _placed("SUSCEPTIBILITY", "susceptibility", transform=_TURNED),
    "units-doubt-half-a-cell": _placed("UNCERTAINTY", "susceptibility", columns=0.5),
    "units-of-elsewhere": lambda at: {
        "SUSCEPTIBILITY": moved(at.chain["susceptibility"], at.folder / "far.tif", columns=1e5)
    },
    "audit-map-rotated": _placed("SUSCEPTIBILITY", "susceptibility", transform=_TURNED),
    "audit-zones-half-a-cell": _placed("ZONES", "zones", columns=0.5),
    "audit-map-of-elsewhere": lambda at: {
        "SUSCEPTIBILITY": moved(at.chain["susceptibility"], at.folder / "far.tif", columns=1e5)
    },
    "audit-dem-of-elsewhere": lambda at: {"DEM": raster(at.folder / "far.tif", heights(), left=LEFT + 1e6)},
    "audit-one-value": lambda at: {
        "SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "one.tif", lambda values: 0 * values + 0.5)
    },
    "audit-zones-as-map": lambda at: {"SUSCEPTIBILITY": at.chain["zones"]},
    "exposed-zones-rotated": _placed("ZONES", "zones", transform=_TURNED),
    "exposed-zones-of-elsewhere": lambda at: {"ZONES": moved(at.chain["zones"], at.folder / "far.tif", columns=1e5)},
    "exposed-nothing": lambda at: {"BUILDINGS": None},
    "best-labels-half-a-cell": _placed("LABELS", "labels", columns=0.5),
    "best-stack-rotated": _placed("STACK", "stack", transform=_TURNED),
    "map-rotated": _placed("SUSCEPTIBILITY", "susceptibility", transform=_TURNED),
    "dem-without-crs": _dem(from_origin(LEFT, TOP, CELL, CELL), None),
    "dem-local-crs": _dem(from_origin(0, 1200, CELL, CELL), 'LOCAL_CS["pit",UNIT["metre",1]]'),
    "dem-metres-as-degrees": _dem(from_origin(LEFT, TOP, CELL, CELL), "EPSG:4326"),
    "dem-beyond-pole": _dem(from_origin(10, 91, 0.05, 0.05), "EPSG:4326"),
    "dem-at-pole": _dem(from_origin(-600, 600, 30, 30), "EPSG:3413"),
    "dem-up-to-pole": _dem(from_origin(10, 90, 0.001, 0.001), "EPSG:4326"),
    "dem-across-date-line": _dem(from_origin(179.99, 52.0, 0.0005, 0.0005), "EPSG:4326"),
    "points-across-date-line": lambda at: _across_date_line(at, (179.995, -179.995)),
    "points-across-date-line-metres": _utm_60,
    "dem-not-square": _dem(from_origin(LEFT, TOP, 30, 60)),
    "dem-tiny-cells": _dem(from_origin(LEFT, TOP, 1e-8, 1e-8)),
    "rain-elsewhere": _away("PRECIPITATION"),
    "rain-without-crs": lambda at: {"PRECIPITATION": raster(at.folder / "rain.tif", np.ones((40, 40)), crs=None)},
    "rain-other-crs": lambda at: {"PRECIPITATION": _mercator(at)},
    "safety-rain-elsewhere": _away("PRECIPITATION"),
    "warning-rain-elsewhere": _away("RAIN"),
    "labels-half-a-cell": _placed("LABELS", "labels", columns=0.5),
    "labels-other-cells": _placed("LABELS", "labels", factor=2.0),
    "labels-other-crs": _placed("LABELS", "labels", crs="EPSG:32644"),
    "labels-smaller": _cut("LABELS", "labels"),
    "comparison-labels-half-a-cell": _placed("LABELS", "labels", columns=0.5),
    "folds-labels-half-a-cell": _placed("LABELS", "labels", columns=0.5),
    "explain-labels-half-a-cell": _placed("LABELS", "labels", columns=0.5),
    "check-labels-half-a-cell": _placed("LABELS", "labels", columns=0.5),
    "safety-half-a-cell": _safety_moved,
    "zones-half-a-cell": _placed("ZONES", "zones", columns=0.5),
    "warning-zones-half-a-cell": _placed("ZONES", "zones", columns=0.5),
    "map-of-elsewhere": lambda at: {
        "SUSCEPTIBILITY": [
            at.chain["susceptibility"],
            moved(at.chain["susceptibility"], at.folder / "far.tif", columns=1e5),
        ]
    },
    "map-half-a-cell": lambda at: {
        "SUSCEPTIBILITY": [
            at.chain["susceptibility"],
            moved(at.chain["susceptibility"], at.folder / "near.tif", columns=0.5),
        ]
    },
    "stack-other-cells": _placed("STACK", "stack", factor=3.0),
}
_HOLDS = {
    "stack-rotated": lambda outcome: _listed(outcome, "rotated"),
    "dem-at-pole": _slope_has_values,
    "dem-up-to-pole": _slope_has_values,
    "dem-across-date-line": _slope_has_values,
    "points-across-date-line": lambda outcome: _used(outcome, 2),
    "points-across-date-line-metres": lambda outcome: _used(outcome, 2),
    "dem-not-square": _slope_has_values,
    "units-dem-in-degrees": _in_square_metres,
    "rain-other-crs": lambda outcome: _all_there(outcome, "precipitation"),
    "check-labels-half-a-cell": lambda outcome: _listed(outcome, "not on the same grid"),
}
CASES = read_cases(
    r"""
[buildfactorstack]
dem-rotated :: A rotated DEM :: DEM .*rotated or sheared.*Warp
dem-south-up :: A south-up DEM :: works: It is read as it lies north-up, and so is the stack.
dem-mirrored :: A DEM stored from east to west :: works: It is read as it lies north-up, and so is the stack.
[buildslopeunits]
units-dem-rotated :: A rotated DEM :: DEM .*rotated or sheared.*Warp
units-dem-without-crs :: A DEM without CRS :: DEM .*no coordinate reference system
units-dem-in-degrees :: A DEM in degrees :: works: Units have areas in square metres.
[aggregatesusceptibility]
units-map-rotated :: A rotated map :: susceptibility .*rotated
units-doubt-half-a-cell :: An uncertainty half a cell farther east :: uncertainty .*not on the same grid
units-of-elsewhere :: A map of another country than the units :: No unit of .* has a cell with susceptibility
[auditmap]
audit-map-rotated :: A rotated map :: susceptibility .*rotated
audit-zones-half-a-cell :: Zones half a cell farther east :: not on the same grid
audit-map-of-elsewhere :: A map of another country than the landslides :: None of the .* landslides .* lies on the map
audit-dem-of-elsewhere :: A DEM of another country :: DEM .*no data at any landslide
audit-one-value :: A map of one value :: holds 0.5 in all of its cells
audit-zones-as-map :: A zone raster as the map :: works: Its classes are audited in their order.
[exposurebyzone]
exposed-zones-rotated :: Rotated zones :: zones .*rotated
exposed-zones-of-elsewhere :: Zones of another country than the buildings :: Nothing of .*lies on the map
exposed-nothing :: No layer to count :: nothing to count
[trainbestmodel]
best-labels-half-a-cell :: Labels half a cell farther east :: not on the same grid
best-stack-rotated :: A rotated factor stack :: factor stack .*rotated
[checkfactors]
stack-rotated :: A rotated factor stack :: works: The report is made, and lists it as an error to mend.
[trainpcum]
labels-south-up :: South-up labels :: works: They are read as they lie north-up.
[validatewithpoints]
map-rotated :: A rotated map :: susceptibility .*rotated
[buildfactorstack]
dem-without-crs :: A DEM without CRS :: DEM .*no coordinate reference system
dem-local-crs :: A DEM in a local CRS :: DEM .*(local|no) coordinate reference system
dem-metres-as-degrees :: A DEM in metres that calls itself WGS 84 :: DEM .*(degree|latitude|longitude)
dem-beyond-pole :: A DEM in degrees that reaches to 91° north :: DEM .*(pole|latitude|90)
dem-at-pole :: A DEM in polar stereographic projection, the pole in its middle :: works: Slopes are computed at the
    pole.
dem-up-to-pole :: A DEM in degrees up to 90° north :: works: Slopes are computed.
dem-across-date-line :: A DEM in degrees from 179.99° to 180.01° east :: works: Slopes are computed.
[buildbufferedlabels]
points-across-date-line :: Landslides at 179.995° and -179.995° on a grid from 179.99° to 180.01° :: works: Both lie on
    the grid and make landslide cells.
points-across-date-line-metres :: Landslides in degrees at both sides of the antimeridian on a UTM grid across it ::
    works: Both lie on the grid and make landslide cells.
[buildfactorstack]
dem-not-square :: A DEM with cells of 30 m by 60 m :: works: Slopes are computed with both sizes.
dem-tiny-cells :: A DEM with cells of a hundredth of a micrometre :: DEM .*cells .*damaged
rain-elsewhere :: Annual rain of another country :: precipitation .*overlap
rain-without-crs :: Annual rain without CRS :: precipitation .*no coordinate reference system
rain-other-crs :: Annual rain in web Mercator with cells of 1 km :: works: It is brought onto the DEM's grid.
[buildsafetyfactor]
safety-rain-elsewhere :: Annual rain of another country :: precipitation .*overlap
[rainfallwarning]
warning-rain-elsewhere :: A week's rain of another country :: rain .*overlap
[trainpcum]
labels-half-a-cell :: Labels half a cell farther east :: not on the same grid: upper left corner
labels-other-cells :: Labels with cells of 60 m :: not on the same grid: .*cell size
labels-other-crs :: Labels of the neighbouring UTM zone :: not on the same grid: CRS
labels-smaller :: Labels one row and one column short :: not on the same grid: .*cells against
[traincomparisonmodel]
comparison-labels-half-a-cell :: Labels half a cell farther east :: not on the same grid
[crossvalidate]
folds-labels-half-a-cell :: Labels half a cell farther east :: not on the same grid
[explainsusceptibility]
explain-labels-half-a-cell :: Labels half a cell farther east :: not on the same grid
[checkfactors]
check-labels-half-a-cell :: Labels half a cell farther east :: works: The report is made, and lists it as an error to
    mend.
[trainpcum]
safety-half-a-cell :: A safety factor half a cell farther east :: safety factor .*not on the same grid
[validatewithpoints]
zones-half-a-cell :: Zones half a cell farther east :: zone.* not on the same grid
[rainfallwarning]
warning-zones-half-a-cell :: Zones half a cell farther east :: zone.* not on the same grid
[comparemodels]
map-of-elsewhere :: Two maps of different countries :: SUSCEPTIBILITY has no common ground with the others
map-half-a-cell :: A second map half a cell farther east :: works: It is brought onto the cells of the first.
[predictsusceptibility]
stack-other-cells :: A stack with cells of 90 m for a model of 30 m :: works: The map is made, and the log warns of the
    other cell size. :: 90 m.*30 m|30 m.*90 m
""",
    _MAKERS,
    _HOLDS,
)
