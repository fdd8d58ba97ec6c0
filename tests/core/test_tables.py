"""Tables: CSV beside JSON, and the name of the region, which goes with the map and is a column of the tables of it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import rasterio

from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.tables import write_table
from scarp.model.validation.settings import TABLE_COLUMNS
from scarp.model.zones.raster import read_breaks
from scarp.tests.core.conftest import box, classify_zones, read_csv, utm_grid, validate_with_points, write_raster

LEFT, TOP, CELL, SIDE = 500000.0, 3300000.0, 30.0, 80
GRID = utm_grid(SIDE, SIDE, CELL, LEFT, TOP)
ZONE_COLUMNS = ["zone", "name", "lower", "upper", "cells", "km2", "share"]
NAME = 'Gorges, "east"'


BESIDE = {"t.csv": "t.json", "t.CSV": "t.json", "run 1.2": "run 1.2.json", "t.json": "t.json.json", "t": "t.json"}


@pytest.mark.parametrize(("name", "beside"), [*BESIDE.items(), ("t.txt", "t.txt.json")])
def test_the_second_form_never_takes_the_place_of_the_first_or_of_another_table(tmp_path, name, beside):
    write_table(tmp_path / name, ["a"], [[1.7976931348623157e308], [0.1 + 0.2], [math.nan], [math.inf]])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, beside])
    assert (tmp_path / name).read_text(encoding="utf-8").splitlines()[0] == "a"
    largest, *others = (row["a"] for row in json.loads((tmp_path / beside).read_text(encoding="utf-8")))
    assert largest == pytest.approx(1.7976931348623157e308), "the largest number stays a number"
    assert others == [0.3, None, None]


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """The same map without and with the name of its region in it."""
    folder = tmp_path_factory.mktemp("maps")
    values = np.random.default_rng(1).random((SIDE, SIDE)).astype(np.float32)
    paths = {name: write_raster(folder / f"{name}.tif", values, GRID, nodata=math.nan) for name in ("plain", "named")}
    with rasterio.open(paths["named"], "r+") as target:
        target.update_tags(REGION=NAME)
    return paths


CASES = [("plain", "", ""), ("plain", " West ", "West"), ("named", "", NAME), ("named", "West", "West")]


@pytest.mark.parametrize(("source", "given", "expected"), CASES)
def test_region_of_zone_table_and_raster(maps, tmp_path, source, given, expected):
    table, output = tmp_path / "zones.csv", tmp_path / "zones.tif"
    made = classify_zones(maps[source], output, region=given, output_table=table)
    rows = read_csv(table)
    assert list(rows[0]) == (["region", *ZONE_COLUMNS] if expected else ZONE_COLUMNS)
    assert [row.get("region", "") for row in rows] == [expected] * 5
    with rasterio.open(output) as zones:
        assert zones.tags().get("REGION", "") == expected
    for source_of_breaks in (table, table.with_suffix(".json"), output):
        assert read_breaks(source_of_breaks) == pytest.approx(made.breaks)
    record = json.loads((tmp_path / "zones.tif.run.json").read_text(encoding="utf-8"))
    assert record["parameters"].get("REGION", "") == given


@pytest.mark.parametrize(("source", "given", "expected"), CASES)
def test_region_of_validation_table_and_points(maps, tmp_path, source, given, expected):
    places = np.random.default_rng(2).uniform(0, SIDE * CELL, (2, 40))
    slides = Points(name="slides", xy=np.stack([LEFT + places[0], TOP - places[1]], axis=1))
    half = LEFT + CELL * SIDE / 2
    west = Polygons(name="parts", fields={"part": ["left half"]}, geometries=[box(LEFT, TOP - SIDE * CELL, half, TOP)])
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
