"""Rasters that do not lie where they should: turned, mirrored, elsewhere, in other cells, at the ends of the Earth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
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


CASES = (
    Case("dem-rotated", "buildfactorstack", "A rotated DEM", _dem(_TURNED), r"DEM .*rotated or sheared.*Warp"),
    Case("dem-south-up", "buildfactorstack", "A south-up DEM", _dem(_SOUTH_UP), r"DEM .*south-up.*Warp"),
    Case(
        "dem-mirrored", "buildfactorstack", "A DEM stored from east to west", _dem(_MIRRORED), r"DEM .*mirrored.*Warp"
    ),
    Case(
        "stack-rotated",
        "checkfactors",
        "A rotated factor stack",
        _placed("STACK", "stack", transform=_TURNED),
        works="The report is made, and lists it as an error to mend.",
        holds=lambda outcome: _listed(outcome, "rotated"),
    ),
    Case(
        "labels-south-up",
        "trainpcum",
        "South-up labels",
        _placed("LABELS", "labels", transform=_SOUTH_UP),
        r"label.* south-up",
    ),
    Case(
        "map-rotated",
        "validatewithpoints",
        "A rotated map",
        _placed("SUSCEPTIBILITY", "susceptibility", transform=_TURNED),
        r"susceptibility .*rotated",
    ),
    Case(
        "dem-without-crs",
        "buildfactorstack",
        "A DEM without CRS",
        _dem(from_origin(LEFT, TOP, CELL, CELL), None),
        r"DEM .*no coordinate reference system",
    ),
    Case(
        "dem-local-crs",
        "buildfactorstack",
        "A DEM in a local CRS",
        _dem(from_origin(0, 1200, CELL, CELL), 'LOCAL_CS["pit",UNIT["metre",1]]'),
        r"DEM .*(local|no) coordinate reference system",
    ),
    Case(
        "dem-metres-as-degrees",
        "buildfactorstack",
        "A DEM in metres that calls itself WGS 84",
        _dem(from_origin(LEFT, TOP, CELL, CELL), "EPSG:4326"),
        r"DEM .*(degree|latitude|longitude)",
    ),
    Case(
        "dem-beyond-pole",
        "buildfactorstack",
        "A DEM in degrees that reaches to 91° north",
        _dem(from_origin(10, 91, 0.05, 0.05), "EPSG:4326"),
        r"DEM .*(pole|latitude|90)",
    ),
    Case(
        "dem-at-pole",
        "buildfactorstack",
        "A DEM in polar stereographic projection, the pole in its middle",
        _dem(from_origin(-600, 600, 30, 30), "EPSG:3413"),
        works="Slopes are computed at the pole.",
        holds=_slope_has_values,
    ),
    Case(
        "dem-up-to-pole",
        "buildfactorstack",
        "A DEM in degrees up to 90° north",
        _dem(from_origin(10, 90, 0.001, 0.001), "EPSG:4326"),
        works="Slopes are computed.",
        holds=_slope_has_values,
    ),
    Case(
        "dem-across-date-line",
        "buildfactorstack",
        "A DEM in degrees from 179.99° to 180.01° east",
        _dem(from_origin(179.99, 52.0, 0.0005, 0.0005), "EPSG:4326"),
        works="Slopes are computed.",
        holds=_slope_has_values,
    ),
    Case(
        "points-across-date-line",
        "buildbufferedlabels",
        "Landslides at 179.995° and -179.995° on a grid from 179.99° to 180.01°",
        lambda at: _across_date_line(at, (179.995, -179.995)),
        works="Both lie on the grid and make landslide cells.",
        holds=lambda outcome: _used(outcome, 2),
    ),
    Case(
        "points-across-date-line-metres",
        "buildbufferedlabels",
        "Landslides in degrees at both sides of the antimeridian on a UTM grid across it",
        lambda at: _utm_60(at),
        works="Both lie on the grid and make landslide cells.",
        holds=lambda outcome: _used(outcome, 2),
    ),
    Case(
        "dem-not-square",
        "buildfactorstack",
        "A DEM with cells of 30 m by 60 m",
        _dem(from_origin(LEFT, TOP, 30, 60)),
        works="Slopes are computed with both sizes.",
        holds=_slope_has_values,
    ),
    Case(
        "dem-tiny-cells",
        "buildfactorstack",
        "A DEM with cells of a hundredth of a micrometre",
        _dem(from_origin(LEFT, TOP, 1e-8, 1e-8)),
        r"DEM .*cells .*damaged",
    ),
    Case(
        "rain-elsewhere",
        "buildfactorstack",
        "Annual rain of another country",
        _away("PRECIPITATION"),
        r"precipitation .*overlap",
    ),
    Case(
        "rain-without-crs",
        "buildfactorstack",
        "Annual rain without CRS",
        lambda at: {"PRECIPITATION": raster(at.folder / "rain.tif", np.ones((40, 40)), crs=None)},
        r"precipitation .*no coordinate reference system",
    ),
    Case(
        "rain-other-crs",
        "buildfactorstack",
        "Annual rain in web Mercator with cells of 1 km",
        lambda at: {"PRECIPITATION": _mercator(at)},
        works="It is brought onto the DEM's grid.",
        holds=lambda outcome: _all_there(outcome, "precipitation"),
    ),
    Case(
        "safety-rain-elsewhere",
        "buildsafetyfactor",
        "Annual rain of another country",
        _away("PRECIPITATION"),
        r"precipitation .*overlap",
    ),
    Case(
        "warning-rain-elsewhere",
        "rainfallwarning",
        "A week's rain of another country",
        _away("RAIN"),
        r"rain .*overlap",
    ),
    Case(
        "labels-half-a-cell",
        "trainpcum",
        "Labels half a cell farther east",
        _placed("LABELS", "labels", columns=0.5),
        r"not on the same grid: upper left corner",
    ),
    Case(
        "labels-other-cells",
        "trainpcum",
        "Labels with cells of 60 m",
        _placed("LABELS", "labels", factor=2.0),
        r"not on the same grid: .*cell size",
    ),
    Case(
        "labels-other-crs",
        "trainpcum",
        "Labels of the neighbouring UTM zone",
        _placed("LABELS", "labels", crs="EPSG:32644"),
        r"not on the same grid: CRS",
    ),
    Case(
        "labels-smaller",
        "trainpcum",
        "Labels one row and one column short",
        _cut("LABELS", "labels"),
        r"not on the same grid: .*cells against",
    ),
    Case(
        "comparison-labels-half-a-cell",
        "traincomparisonmodel",
        "Labels half a cell farther east",
        _placed("LABELS", "labels", columns=0.5),
        r"not on the same grid",
    ),
    Case(
        "folds-labels-half-a-cell",
        "crossvalidate",
        "Labels half a cell farther east",
        _placed("LABELS", "labels", columns=0.5),
        r"not on the same grid",
    ),
    Case(
        "explain-labels-half-a-cell",
        "explainsusceptibility",
        "Labels half a cell farther east",
        _placed("LABELS", "labels", columns=0.5),
        r"not on the same grid",
    ),
    Case(
        "check-labels-half-a-cell",
        "checkfactors",
        "Labels half a cell farther east",
        _placed("LABELS", "labels", columns=0.5),
        works="The report is made, and lists it as an error to mend.",
        holds=lambda outcome: _listed(outcome, "not on the same grid"),
    ),
    Case(
        "safety-half-a-cell",
        "trainpcum",
        "A safety factor half a cell farther east",
        _safety_moved,
        r"safety factor .*not on the same grid",
    ),
    Case(
        "zones-half-a-cell",
        "validatewithpoints",
        "Zones half a cell farther east",
        _placed("ZONES", "zones", columns=0.5),
        r"zone.* not on the same grid",
    ),
    Case(
        "warning-zones-half-a-cell",
        "rainfallwarning",
        "Zones half a cell farther east",
        _placed("ZONES", "zones", columns=0.5),
        r"zone.* not on the same grid",
    ),
    Case(
        "map-of-elsewhere",
        "comparemodels",
        "Two maps of different countries",
        lambda at: {
            "SUSCEPTIBILITY": [
                at.chain["susceptibility"],
                moved(at.chain["susceptibility"], at.folder / "far.tif", columns=1e5),
            ]
        },
        r"SUSCEPTIBILITY has no common ground with the others",
    ),
    Case(
        "map-half-a-cell",
        "comparemodels",
        "A second map half a cell farther east",
        lambda at: {
            "SUSCEPTIBILITY": [
                at.chain["susceptibility"],
                moved(at.chain["susceptibility"], at.folder / "near.tif", columns=0.5),
            ]
        },
        works="It is brought onto the cells of the first.",
    ),
    Case(
        "stack-other-cells",
        "predictsusceptibility",
        "A stack with cells of 90 m for a model of 30 m",
        _placed("STACK", "stack", factor=3.0),
        works="The map is made, and the log warns of the other cell size.",
        said=r"90 m.*30 m|30 m.*90 m",
    ),
)


def _used(outcome: Outcome, number: int) -> None:
    assert outcome.results["LANDSLIDES_USED"] == number, outcome.said
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        labels = dataset.read(1) == 1
    assert labels[:, :20].any() == labels[:, 20:].any()


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
