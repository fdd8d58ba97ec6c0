"""REGION: the name of the region goes with the map, and the tables made from it have it as a column."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.progress import NullProgress
from scarp.model.tables import prepend_region
from scarp.model.validation.settings import TABLE_COLUMNS
from scarp.model.zones.raster import read_breaks
from scarp.tests.core.conftest import classify_zones, validate_with_points

LEFT, TOP, CELL, SIDE = 500000.0, 3300000.0, 30.0, 80
ZONE_COLUMNS = ["zone", "name", "lower", "upper", "cells", "km2", "share"]
NAME = 'Gorges, "east"'


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """The same map without and with the name of its region in it."""
    folder = tmp_path_factory.mktemp("maps")
    values = np.random.default_rng(1).random((SIDE, SIDE)).astype(np.float32)
    for name, tags in (("plain", {}), ("named", {"REGION": NAME})):
        with rasterio.open(
            folder / f"{name}.tif",
            "w",
            driver="GTiff",
            width=SIDE,
            height=SIDE,
            count=1,
            dtype="float32",
            crs=CRS.from_epsg(32646),
            nodata=math.nan,
            transform=from_origin(LEFT, TOP, CELL, CELL),
        ) as target:
            target.write(values, 1)
            target.update_tags(**tags)
    return {name: folder / f"{name}.tif" for name in ("plain", "named")}


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


CASES = [("plain", "", ""), ("plain", " West ", "West"), ("named", "", NAME), ("named", "West", "West")]


@pytest.mark.parametrize(("source", "given", "expected"), CASES)
def test_zone_table_and_raster(maps, tmp_path, source, given, expected):
    table, output = tmp_path / "zones.csv", tmp_path / "zones.tif"
    made = classify_zones(maps[source], output, region=given, output_table=table, progress=NullProgress())
    rows = rows_of(table)
    assert list(rows[0]) == (["region", *ZONE_COLUMNS] if expected else ZONE_COLUMNS)
    assert {row.get("region", "") for row in rows} == {expected}
    assert len(rows) == 5
    with rasterio.open(output) as zones:
        assert zones.tags().get("REGION", "") == expected
    for source_of_breaks in (table, table.with_suffix(".json"), output):
        assert read_breaks(source_of_breaks) == pytest.approx(made.breaks)
    record = json.loads((tmp_path / "zones.tif.run.json").read_text(encoding="utf-8"))
    assert record["parameters"].get("REGION", "") == given


@pytest.mark.parametrize(("source", "given", "expected"), CASES)
def test_validation_table_and_points(maps, tmp_path, source, given, expected):
    rng = np.random.default_rng(2)
    slides = Points(
        name="slides",
        xy=np.stack([LEFT + rng.uniform(0, SIDE * CELL, 40), TOP - rng.uniform(0, SIDE * CELL, 40)], axis=1),
    )
    half = LEFT + CELL * SIDE / 2
    west = Polygons(
        name="parts",
        fields={"part": ["left half"]},
        geometries=[
            {
                "type": "Polygon",
                "coordinates": [
                    [(LEFT, TOP), (half, TOP), (half, TOP - SIDE * CELL), (LEFT, TOP - SIDE * CELL), (LEFT, TOP)]
                ],
            }
        ],
    )
    found = {}
    for regions in (None, west):
        summary = validate_with_points(
            maps[source],
            slides,
            None,
            tmp_path / "v.csv",
            repeats=5,
            distance=30.0,
            region=given,
            regions=regions,
            region_field="part",
            progress=NullProgress(),
        )
        found[regions is not None] = summary.points
        rows = rows_of(tmp_path / "v.csv")
        assert list(rows[0]) == (["region", *TABLE_COLUMNS] if expected else list(TABLE_COLUMNS))
        assert {row.get("region", "") for row in rows} == {expected}
    assert {point.region for point in found[False]} == {expected}
    # The regions of a layer are the finer ones: only points in none of them are of the map's.
    assert {(point.x < half, point.region) for point in found[True]} == {(True, "left half"), (False, expected)}


def test_with_region_changes_nothing_without_one():
    assert prepend_region(("a", "b"), [(1, 2)], "") == (["a", "b"], [[1, 2]])
    assert prepend_region(("a", "b"), [(1, 2)], "x") == (["region", "a", "b"], [["x", 1, 2]])
