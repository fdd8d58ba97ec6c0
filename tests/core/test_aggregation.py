"""``scarp:aggregatesusceptibility``: numbers of units against brute force, AUC against scikit-learn, overlaps, gaps."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import rasterio
from sklearn.metrics import roc_auc_score

from scarp.model import grid as grids
from scarp.model.aggregation import scan, unit_sums
from scarp.model.aggregation.settings import UNIT_FIELDS, AggregationOptions
from scarp.model.errors import GridMismatch, LayerEmpty, NoOverlap, ScarpError
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.aggregate_susceptibility import aggregate_susceptibility
from scarp.model.jobs.classify_zones import classify_zones
from scarp.model.zones.schemes import BREAKS, ZoneOptions
from scarp.tests.core.conftest import Listener, degree_grid, utm_grid, write_raster

ROWS, COLUMNS = 60, 80


def box(grid, top, left, bottom, right):
    """Return a rectangle of cells as a polygon."""
    a, b = grid.transform * (left, top), grid.transform * (right, bottom)
    return {"type": "Polygon", "coordinates": [[a, (b[0], a[1]), b, (a[0], b[1]), a]]}


def points_in(grid, cells):
    return Points("slides", xy=np.array([grid.transform * (column + 0.4, row + 0.6) for row, column in cells]))


def tiles(grid, side=10):
    """Return squares of ``side`` cells, with their names."""
    corners = [(row, column) for row in range(0, ROWS, side) for column in range(0, COLUMNS, side)]
    shapes = [box(grid, row, column, row + side, column + side) for row, column in corners]
    return corners, Polygons("tiles", "tiles.gpkg", {"name": [f"t{n}" for n in range(len(shapes))]}, shapes)


@pytest.fixture(params=[utm_grid, degree_grid], ids=["metres", "degrees"])
def grid(request):
    return request.param(ROWS, COLUMNS)


@pytest.fixture
def values():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    result = (0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 7) + 0.1 * rng.standard_normal((ROWS, COLUMNS))).clip(0.01, 0.99)
    result[5:9, 5:9] = np.nan
    return result.astype(np.float32)


@pytest.fixture
def landslides(grid, values):
    """Return cells, most of them where the map is high."""
    rng = np.random.default_rng(4)
    chance = np.nan_to_num(values).ravel() ** 4
    chosen = rng.choice(values.size, 120, replace=False, p=chance / chance.sum())
    return list(zip(*np.unravel_index(chosen, values.shape)))


def run(tmp_path, grid, values, units, **more):
    path = write_raster(tmp_path / "map.tif", values, grid, nodata=np.nan)
    log, options = Listener(), more.pop("options", AggregationOptions())
    files = tmp_path / "units.csv", tmp_path / "units.html"
    return aggregate_susceptibility(path, units, *files, options, progress=log, **more), log


@pytest.mark.parametrize("block", [1024, 16], ids=["one_block", "blocks"])
def test_units_have_the_numbers_of_their_cells(tmp_path, grid, values, landslides, block, monkeypatch):
    monkeypatch.setattr(grids.Grid.blocks, "__defaults__", (block,))
    monkeypatch.setattr(grids.Grid.block_count, "__defaults__", (block,))
    corners, units = tiles(grid)
    doubt = np.where(values > 0.3, values / 5, np.nan).astype(np.float32)
    more = {"uncertainty": write_raster(tmp_path / "doubt.tif", doubt, grid, nodata=np.nan)}
    more |= {"landslides": points_in(grid, landslides), "unit_field": "name"}
    found, _ = run(tmp_path, grid, values, units, options=AggregationOptions(threshold=0.6), **more)
    area = np.broadcast_to(grid.cell_area()[:, None], values.shape)
    columns = found.columns
    for number, (row, column) in enumerate(corners):
        here = slice(row, row + 10), slice(column, column + 10)
        cells, weights = values[here].astype(float), area[here]
        known = np.isfinite(cells)
        assert columns["unit"][number] == f"t{number}" and columns["cells"][number] == known.sum()
        assert columns["susc_mean"][number] == pytest.approx(np.average(cells[known], weights=weights[known]), rel=1e-6)
        assert columns["susc_max"][number] == pytest.approx(np.nanmax(cells))
        above = np.average(cells[known] > 0.6, weights=weights[known])
        assert columns["susc_share"][number] == pytest.approx(above)
        slides = [(r, c) for r, c in landslides if row <= r < row + 10 and column <= c < column + 10]
        assert columns["landslides"][number] == sum(bool(np.isfinite(values[cell])) for cell in slides)
        sure = np.isfinite(doubt[here])
        expected = np.average(doubt[here][sure], weights=weights[sure])
        assert columns["susc_unc"][number] == pytest.approx(expected, rel=1e-6)
        zone = 1 + sum(columns["susc_mean"][number] > limit for limit in found.breaks)
        assert columns["zone"][number] == zone
    with open(tmp_path / "units.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [name for name, _ in UNIT_FIELDS] and len(rows) == len(corners)
    assert [int(row["landslides"]) for row in rows] == columns["landslides"]


def test_auc_by_unit_and_by_cell_are_those_of_scikit_learn(tmp_path, values, landslides):
    grid = utm_grid(ROWS, COLUMNS)
    corners, units = tiles(grid)
    found, log = run(tmp_path, grid, values, units, landslides=points_in(grid, landslides))
    has = np.array(found.columns["landslides"]) > 0
    assert found.auc == pytest.approx(roc_auc_score(has, found.columns["susc_mean"]))
    slide = np.zeros(values.shape, dtype=bool)
    slide[tuple(zip(*landslides))] = True
    known = np.isfinite(values)
    assert found.auc_cells == pytest.approx(roc_auc_score(slide[known], values[known]), abs=1e-9)
    assert found.auc_low < found.auc < found.auc_high
    record = json.loads((tmp_path / "units.html.run.json").read_text(encoding="utf-8"))
    sizes = record["validation"]["by_square"]
    # The squares of the mean area are the tiles themselves, which nodata makes a little smaller.
    same = next(one for one in sizes if one["name"].startswith("squares of 1 "))
    assert same["units"] == len(corners) and same["auc"]["value"] == pytest.approx(found.auc)
    fine = next(one for one in sizes if one["name"].startswith("squares of 0.25 "))
    assert fine["units"] == 4 * len(corners) and fine["mean_area"] == pytest.approx(same["mean_area"] / 4)
    aucs = [one["auc"]["value"] for one in sizes if one["auc"]["value"] == one["auc"]["value"]]
    assert found.auc_spread == pytest.approx(max(aucs) - min(aucs))
    # Too few of the largest squares are without landslides.
    large = next(one for one in sizes if one["name"].startswith("squares of 16 "))
    assert large["units"] - large["with_landslides"] < 5 and large["auc"]["value"] != large["auc"]["value"]
    said = "\n".join(log.texts)
    assert re.search(r"AUC by unit 0\.\d+ \(.*AUC by cell 0\.\d+", said) and "modifiable areal unit" in said
    page = (tmp_path / "units.html").read_text(encoding="utf-8")
    assert "How the result depends on the unit" in page and "cannot be compared" in page and "AUC by unit" in page


def test_intervals_of_a_map_without_skill_hold_one_half(tmp_path, values):
    grid = utm_grid(ROWS, COLUMNS)
    _, units = tiles(grid, 5)
    inside = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        cells = list(zip(rng.integers(0, ROWS, 60), rng.integers(0, COLUMNS, 60)))
        noise = rng.random((ROWS, COLUMNS)).astype(np.float32)
        found, _ = run(tmp_path, grid, noise, units, landslides=points_in(grid, cells))
        inside += found.auc_low < 0.5 < found.auc_high
    assert inside >= 6


def test_units_may_overlap_lie_outside_or_be_smaller_than_a_cell(tmp_path, grid, values, monkeypatch):
    monkeypatch.setattr(grids.Grid.blocks, "__defaults__", (32,))
    small = [grid.transform * (20.1, 30.1), grid.transform * (20.3, 30.1), grid.transform * (20.2, 30.3)]
    shapes = [
        box(grid, 0, 0, 40, 40),
        box(grid, 10, 10, 50, 60),
        box(grid, 20, 20, 30, 30),
        box(grid, 200, 200, 210, 210),
        {"type": "Polygon", "coordinates": [[*small, small[0]]]},
        box(grid, 5, 5, 9, 9),
    ]
    slides = points_in(grid, [(25, 25), (25, 25), (2, 2), (55, 75)])
    found, log = run(tmp_path, grid, values, Polygons("catchments", "", {}, shapes), landslides=slides)
    area = np.broadcast_to(grid.cell_area()[:, None], values.shape)
    for number, (top, left, bottom, right) in enumerate([(0, 0, 40, 40), (10, 10, 50, 60), (20, 20, 30, 30)]):
        here = slice(top, bottom), slice(left, right)
        known = np.isfinite(values[here])
        expected = np.average(values[here][known], weights=area[here][known])
        assert found.columns["susc_mean"][number] == pytest.approx(expected, rel=1e-6)
    assert found.columns["landslides"] == [3, 2, 2, 0, 0, 0]
    assert found.columns["susc_mean"][4] == pytest.approx(values[30, 20]) and found.columns["cells"][4] == 1
    assert found.empty_units == 2 and found.columns["susc_mean"][3] is found.columns["zone"][5] is None
    assert any("2 of 6 units" in text and "stay empty" in text for text in log.warnings)
    assert any("1 of 4 landslides" in text for text in log.warnings)


def test_very_many_units_in_a_block_are_burned_in_parts(tmp_path, grid, values, monkeypatch):
    _, units = tiles(grid, 5)
    whole, _ = run(tmp_path, grid, values, units)
    monkeypatch.setattr(unit_sums, "MOST_BURNED", 7)
    parts, _ = run(tmp_path, grid, values, units)
    assert parts.columns == whole.columns


def test_breaks_are_those_of_a_zone_raster_and_no_landslides_are_needed(tmp_path, grid, values):
    path = write_raster(tmp_path / "map.tif", values, grid, nodata=np.nan)
    zones = tmp_path / "zones.tif"
    classify_zones(path, zones, ZoneOptions(BREAKS, (), (0.3, 0.6)), progress=Listener())
    found, _ = run(tmp_path, grid, values, tiles(grid)[1], breaks_from=zones)
    assert found.breaks == pytest.approx([0.3, 0.6]) and found.threshold == pytest.approx(0.6)
    assert set(found.columns["zone"]) <= {1, 2, 3} and found.auc is None
    assert found.columns["landslides"][0] is None
    assert (tmp_path / "units.html").stat().st_size > 1000


def test_squares_and_sample_count_all_land_once(tmp_path, values):
    grid = utm_grid(ROWS, COLUMNS)
    path = write_raster(tmp_path / "map.tif", values, grid, nodata=np.nan)
    with rasterio.open(path) as dataset:
        reader = scan.MapScan(dataset, None, grid, tiles(grid)[1])
        _, cells, counted = reader.locate(points_in(grid, [(1, 1), (1, 1), (6, 6), (30, 30)]).xy, Listener())
        assert counted == 3 and list(zip(cells.rows, cells.columns)) == [(1, 1), (30, 30)]
        squares = [scan.Squares.of_area(grid, area) for area in (9000.0, 40_000.0)]
        assert scan.Squares.of_area(grid, 100.0) is None
        placements, sample = reader.judge_cells(cells, squares, values.size, 1, Listener())
    known = np.isfinite(values)
    assert placements.area == pytest.approx((known.sum() - 2) * 900)
    for one in squares:
        assert one.sums.cells.sum() == known.sum() and one.landslides.sum() == 2
        assert one.sums.total.sum() == pytest.approx(float(np.nansum(values.astype(float))) * 900)
    # There are fewer cells than would be drawn, so all are.
    assert sum(map(len, sample.values)) == known.sum() - 2


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (LayerEmpty, "UNITS has no polygon", {"units": Polygons("none")}),
        (NoOverlap, "No unit .* has a cell with susceptibility", {"away": True}),
        (LayerEmpty, "No landslide .* lies in a unit", {"slides": [(500, 500)]}),
        (GridMismatch, "uncertainty raster are not on the same grid", {"doubt": True}),
    ],
)
def test_what_cannot_be_is_named(tmp_path, values, error, message, change):
    grid = utm_grid(ROWS, COLUMNS)
    units = change.get("units", tiles(grid)[1])
    if "away" in change:
        units = Polygons("far", "", {}, [box(grid, 500, 500, 510, 510)])
    more = {}
    if "slides" in change:
        more["landslides"] = points_in(grid, change["slides"])
    if "doubt" in change:
        more["uncertainty"] = write_raster(tmp_path / "doubt.tif", values[:-1], utm_grid(ROWS - 1, COLUMNS))
    with pytest.raises(error, match=message) as caught:
        run(tmp_path, grid, values, units, **more)
    assert isinstance(caught.value, ScarpError) and not (tmp_path / "units.csv").exists()


def test_units_that_all_have_landslides_give_no_auc_but_words(tmp_path, values):
    grid = utm_grid(ROWS, COLUMNS)
    halves = Polygons("halves", "", {}, [box(grid, 0, 0, 60, 40), box(grid, 0, 40, 60, 80)])
    found, log = run(tmp_path, grid, values, halves, landslides=points_in(grid, [(20, 20), (20, 60)]))
    assert found.auc is None and found.auc_cells is not None
    few = Polygons("five", "", {}, [*halves.geometries, *(box(grid, row, 0, row + 5, 5) for row in (0, 5, 40))])
    found, log = run(tmp_path, grid, values, few, landslides=points_in(grid, [(20, 20), (20, 60)]))
    assert found.auc is not None and any("Only 2 of the units are with landslides" in text for text in log.texts)
    found, log = run(tmp_path, grid, values, halves, landslides=points_in(grid, [(20, 20), (20, 60)]))
    assert any("There is none by unit: 2 of 2 units" in text for text in log.texts)
