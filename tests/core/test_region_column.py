"""REGION: the name of the region goes with the map, and the tables made from it have it as a column."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import rasterio

from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.tables import prepend_region
from scarp.model.validation.settings import TABLE_COLUMNS
from scarp.model.zones.raster import read_breaks
from scarp.tests.core.conftest import box, classify_zones, read_csv, utm_grid, validate_with_points, write_raster

LEFT, TOP, CELL, SIDE = 500000.0, 3300000.0, 30.0, 80
GRID = utm_grid(SIDE, SIDE, CELL, LEFT, TOP)
ZONE_COLUMNS = ["zone", "name", "lower", "upper", "cells", "km2", "share"]
NAME = 'Gorges, "east"'


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """The same map without and with the name of its region in it."""
    folder = tmp_path_factory.mktemp("maps")
    values = np.random.default_rng(1).random((SIDE, SIDE)).astype(np.float32)
    for name, tags in (("plain", {}), ("named", {"REGION": NAME})):
        write_raster(folder / f"{name}.tif", values, GRID, nodata=math.nan)
        with rasterio.open(folder / f"{name}.tif", "r+") as target:
            target.update_tags(**tags)
    return {name: folder / f"{name}.tif" for name in ("plain", "named")}


CASES = [("plain", "", ""), ("plain", " West ", "West"), ("named", "", NAME), ("named", "West", "West")]


@pytest.mark.parametrize(("source", "given", "expected"), CASES)
def test_zone_table_and_raster(maps, tmp_path, source, given, expected):
    table, output = tmp_path / "zones.csv", tmp_path / "zones.tif"
    made = classify_zones(maps[source], output, region=given, output_table=table)
    rows = read_csv(table)
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
    left_half = box(LEFT, TOP - SIDE * CELL, half, TOP)
    west = Polygons(name="parts", fields={"part": ["left half"]}, geometries=[left_half])
    found = {}
    for regions in (None, west):
        options = {"region": given, "regions": regions, "region_field": "part", "repeats": 5, "distance": 30.0}
        summary = validate_with_points(maps[source], slides, None, tmp_path / "v.csv", **options)
        found[regions is not None] = summary.points
        rows = read_csv(tmp_path / "v.csv")
        assert list(rows[0]) == (["region", *TABLE_COLUMNS] if expected else list(TABLE_COLUMNS))
        assert {row.get("region", "") for row in rows} == {expected}
    assert {point.region for point in found[False]} == {expected}
    # The regions of a layer are the finer ones: only points in none of them are of the map's.
    assert {(point.x < half, point.region) for point in found[True]} == {(True, "left half"), (False, expected)}


def test_with_region_changes_nothing_without_one():
    assert prepend_region(("a", "b"), [(1, 2)], "") == (["a", "b"], [[1, 2]])
    assert prepend_region(("a", "b"), [(1, 2)], "x") == (["region", "a", "b"], [["x", 1, 2]])
