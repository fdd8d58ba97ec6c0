"""Points of a validation: stable ones by true area and away from landslides, landslides one a cell, subsets."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.features import geometry_mask
from rasterio.transform import from_origin
from scipy.stats import chisquare

from scarp.model.errors import FieldUnusable, GridMismatch, InputCorrupt, LayerEmpty, TooFewData
from scarp.model.grid import Block, Grid
from scarp.model.inputs.rasters import create_raster, open_raster
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.labels.buffers import PointBuffers
from scarp.model.progress import NullProgress
from scarp.model.validation.map_layers import MapLayers, RegionMap, Scope, SubsetMap, ZoneSource
from scarp.model.validation.sampling import SamplingFrame, collect_map_statistics, draw_stable, sample_layer
from scarp.tests.core.conftest import at_cells, cell_box

UTM = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), 130, 110)
WIDE = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), 1300, 1150)
"""Larger than one window both ways."""
NORTH = Grid(CRS.from_epsg(4326), from_origin(95.0, 70.0, 0.05, 0.05), 40, 600)
"""From 70 to 40 degrees north, where a cell's area grows to more than the double."""


@pytest.fixture
def layers_of(tmp_path):
    """Make the layers of a map from an array."""
    opened = []

    def make(grid: Grid, values: np.ndarray, **others) -> MapLayers:
        path = tmp_path / f"map{len(opened)}.tif"
        with create_raster(path, grid, "float32", np.nan, ["susceptibility"], overviews=None) as dataset:
            dataset.write(values.astype(np.float32), 1)
        context = open_raster(path, "susceptibility")
        opened.append(context)
        return MapLayers(context.__enter__(), grid, ZoneSource(["low", "high"], [0.5]), **others)

    yield make
    for context in opened:
        context.__exit__(None, None, None)


def buffers_of(grid: Grid, points: Points, distance: float) -> PointBuffers:
    return PointBuffers(grid, points.xy, np.full(len(points), distance), 0.0)


@pytest.mark.parametrize("distance", [0.0, 200.0])
def test_stable_points_are_valid_distinct_and_away_from_landslides(layers_of, distance):
    rng = np.random.default_rng(0)
    values = rng.random(WIDE.shape)
    values[:, 1000:1060] = np.nan
    layers = layers_of(WIDE, values)
    slides = Points(name="slides", xy=at_cells(WIDE, rng.integers(0, 1150, 400), rng.integers(0, 1300, 400), 0.3))
    buffers = buffers_of(WIDE, slides, distance)
    scope = Scope("all")
    census = collect_map_statistics(layers, [scope], buffers, NullProgress())["all"]
    draws = draw_stable(layers, {"all": (scope, census.frame, 300)}, buffers, 7, 5, NullProgress())["all"]
    assert census.cells == np.isfinite(values).sum()
    assert draws.values_by_map[0].shape == (7, 300)
    assert np.isfinite(draws.values_by_map).all()
    cells = draws.rows * WIDE.width + draws.columns
    assert len(np.unique(cells)) == 300
    np.testing.assert_array_equal(draws.values_by_map[0, 0], values.astype(np.float32)[draws.rows, draws.columns])
    centres = at_cells(WIDE, draws.rows, draws.columns)
    gaps = np.sqrt(((centres[:, None] - slides.xy[None]) ** 2).sum(axis=2)).min(axis=1)
    assert gaps.min() > max(distance, 15 / 2)
    assert {(row // 1024, column // 1024) for row, column in zip(draws.rows, draws.columns)} == {
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    }


def test_draws_differ_but_repeat_with_the_seed(layers_of):
    layers = layers_of(UTM, np.random.default_rng(1).random(UTM.shape))
    slides = Points(name="slides", xy=at_cells(UTM, [5, 60], [5, 60]))
    buffers = buffers_of(UTM, slides, 100.0)
    scope = Scope("all")
    frame = collect_map_statistics(layers, [scope], buffers, NullProgress())["all"].frame
    first, again, other = (
        draw_stable(layers, {"all": (scope, frame, 50)}, buffers, 4, seed, NullProgress())["all"].values_by_map[0]
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({tuple(row) for row in first.tolist()}) == 4


def test_chance_is_proportional_to_true_area(layers_of):
    """On a grid in degrees, rows near the pole are drawn less often, by the area of their cells on the ellipsoid."""
    layers = layers_of(NORTH, np.full(NORTH.shape, 0.5))
    slides = Points(name="slides", xy=at_cells(NORTH, [300], [20]))
    buffers = buffers_of(NORTH, slides, 0.0)
    scope = Scope("all")
    frame = collect_map_statistics(layers, [scope], buffers, NullProgress())["all"].frame
    rows = [
        draw_stable(layers, {"all": (scope, frame, 1000)}, buffers, 1, seed, NullProgress())["all"].rows
        for seed in range(20)
    ]
    counted = np.bincount(np.concatenate(rows) // 50, minlength=12)
    area = NORTH.cell_area().reshape(12, 50).sum(axis=1)
    assert area[-1] > 2 * area[0]
    assert chisquare(counted, counted.sum() * area / area.sum()).pvalue > 0.001
    assert chisquare(counted).pvalue < 1e-6


@pytest.mark.parametrize("number", [40, 60, 100, 150])
def test_sampling_frame_gives_each_cell_once(number):
    frame = SamplingFrame()
    frame.add(Block(0, 0, 3, 50), np.array([20, 0, 30]), np.array([1.0, 1.0, 2.0]))
    frame.add(Block(3, 0, 2, 50), np.array([0, 50]), np.array([1.0, 3.0]))
    drawn = frame.draw(np.random.default_rng(0), number)
    assert frame.cells == 100
    assert len(drawn) == len(np.unique(drawn)) == min(number, 100)
    assert drawn.min() >= 0
    assert drawn.max() < 100


def test_both_sampling_algorithms_have_the_same_probabilities():
    """Few of many cells are drawn by rejection, many of few by clocks: their first choice must be alike."""
    frame = SamplingFrame()
    frame.add(Block(0, 0, 3, 4), np.array([2, 0, 4]), np.array([3.0, 9.0, 1.0]))
    rng = np.random.default_rng(2)
    expected = np.array([3, 3, 1, 1, 1, 1]) / 10
    for number in (2, 3):
        first = np.array([frame.draw(rng, number)[0] for _ in range(4000)])
        assert chisquare(np.bincount(first, minlength=6), 4000 * expected).pvalue > 0.001


def test_empty_frame_is_refused():
    frame = SamplingFrame()
    frame.add(Block(0, 0, 2, 2), np.array([0, 0]), np.array([1.0, 1.0]))
    with pytest.raises(TooFewData):
        frame.draw(np.random.default_rng(0), 1)


def test_points_are_counted_where_they_go(layers_of):
    values = np.full(UTM.shape, 0.3)
    values[0, 0] = np.nan
    layers = layers_of(UTM, values)
    xy = np.concatenate(
        [
            at_cells(UTM, [0, 10, 10, 10, 20], [0, 10, 10, 10, 20]),
            at_cells(UTM, [10], [10], 0.9),
            [[0.0, 0.0], [np.nan, np.nan]],
        ]
    )
    sample = sample_layer(Points(name="slides", xy=xy), layers, False, 1000, np.random.default_rng(0), NullProgress())
    counts = sample.counts
    assert (counts.features, counts.off_map, counts.on_nodata, counts.duplicates) == (8, 2, 1, 3)
    assert list(zip(sample.rows, sample.columns)) == [(10, 10), (20, 20)]
    assert sample.feature.tolist() == [1, 4]
    np.testing.assert_array_equal(sample.xy, xy[[1, 4]])


def polygons_of(grid: Grid) -> Polygons:
    return Polygons(
        name="slides",
        geometries=[
            cell_box(grid, 3, 3, 10, 4),
            cell_box(grid, 8, 5, 10, 10),
            cell_box(grid, 40.6, 40.6, 0.2, 0.2),
            cell_box(grid, -50, 3, 10, 10),
            {
                "type": "Polygon",
                "coordinates": [
                    *cell_box(grid, 60, 60, 21, 21)["coordinates"],
                    cell_box(grid, 62, 62, 17, 17)["coordinates"][0][::-1],
                ],
            },
        ],
    )


def test_every_cell_of_polygons(layers_of):
    layers, polygons = layers_of(UTM, np.full(UTM.shape, 0.3)), polygons_of(UTM)
    sample = sample_layer(polygons, layers, True, 10000, np.random.default_rng(0), NullProgress())
    covered = ~geometry_mask(polygons.geometries, UTM.shape, UTM.transform)
    covered[40, 40] = True  # holds the small polygon, though not its centre
    found = np.zeros(UTM.shape, dtype=bool)
    found[sample.rows, sample.columns] = True
    np.testing.assert_array_equal(found, covered)
    assert sample.counts.off_map == 1
    assert len(sample) == covered.sum()
    assert set(sample.feature.tolist()) == {0, 1, 2, 4}


def test_one_cell_a_polygon(layers_of):
    layers, polygons = layers_of(UTM, np.full(UTM.shape, 0.3)), polygons_of(UTM)
    sample = sample_layer(polygons, layers, False, 10000, np.random.default_rng(0), NullProgress())
    assert sample.feature.tolist() == [0, 1, 2, 4]
    for row, column, feature in zip(sample.rows, sample.columns, sample.feature):
        inside = ~geometry_mask([polygons.geometries[feature]], UTM.shape, UTM.transform, all_touched=True)
        assert inside[row, column]


def test_very_many_cells_are_thinned(layers_of):
    layers = layers_of(UTM, np.full(UTM.shape, 0.3))
    sample = sample_layer(polygons_of(UTM), layers, True, 50, np.random.default_rng(0), NullProgress())
    assert len(sample) == 50
    assert sample.counts.thinned > 0
    assert sample.counts.candidate_cells - sample.counts.thinned == 50


def test_training_windows_win_where_windows_overlap():
    windows = Polygons(
        name="windows",
        fields={"subset": ["test", "Training", "validation"]},
        geometries=[cell_box(UTM, 0, 0, 30, 30), cell_box(UTM, 20, 20, 30, 30), cell_box(UTM, 25, 0, 10, 60)],
    )
    codes = SubsetMap(UTM, windows).read(Block(0, 0, *UTM.shape))
    assert (codes[10, 10], codes[25, 25], codes[28, 5], codes[45, 45], codes[90, 90]) == (3, 1, 2, 1, 0)
    shifted = SubsetMap(UTM, windows).read(Block(15, 10, 40, 40))
    np.testing.assert_array_equal(shifted, codes[15:55, 10:50])


@pytest.mark.parametrize("fields", [{"subset": ["practice"]}, {"set": ["test"]}, {"subset": [None]}])
def test_windows_must_say_their_subset(fields):
    with pytest.raises(FieldUnusable):
        SubsetMap(UTM, Polygons(name="windows", fields=fields, geometries=[cell_box(UTM, 0, 0, 5, 5)]))
    with pytest.raises(LayerEmpty):
        SubsetMap(UTM, Polygons(name="windows", fields={"subset": []}, geometries=[]))


def test_features_of_one_name_are_one_region():
    regions = Polygons(
        name="regions",
        fields={"code": [10.0, 2.0, 10.0, None]},
        geometries=[cell_box(UTM, place, place, 5, 5) for place in (0, 10, 50, 90)],
    )
    found = RegionMap(UTM, regions, "code")
    assert found.labels == ["2", "10", "(no name)"]
    cells = found.read(Block(0, 0, *UTM.shape), 1)
    assert cells.sum() == 50
    assert cells[2, 2]
    assert cells[52, 52]
    assert RegionMap(UTM, regions, None).labels == ["1", "2", "3", "4"]


def test_zones_by_breaks_hold_their_upper_bound(layers_of):
    values = np.full(UTM.shape, 0.5)
    values[0, :] = 0.50001
    values[1, :] = np.nan
    view = layers_of(UTM, values).read(Block(0, 0, *UTM.shape))
    assert (view.zones[0] == 2).all()
    assert (view.zones[1] == 0).all()
    assert (view.zones[2:] == 1).all()


@pytest.mark.parametrize("value", [1.5, -0.2, 37.0])
def test_a_map_is_no_susceptibility_outside_0_to_1(layers_of, value):
    values = np.full(UTM.shape, 0.5)
    values[7, 7] = value
    with pytest.raises(InputCorrupt, match="between 0 and 1"):
        layers_of(UTM, values).read(Block(0, 0, *UTM.shape))


def write_zones(path, grid: Grid, cells: np.ndarray, tags=()) -> None:
    with create_raster(path, grid, "uint8", 0, ["zone"], tags, overviews=None) as dataset:
        dataset.write(cells.astype(np.uint8), 1)


def test_zone_rasters_are_checked(tmp_path):
    cells = np.random.default_rng(0).integers(0, 6, UTM.shape)
    write_zones(tmp_path / "good.tif", UTM, cells, [{"classes": '{"1": "green", "5": "red"}'}])
    with open_raster(tmp_path / "good.tif", "zones") as dataset:
        source = ZoneSource.from_raster(dataset, UTM, NullProgress())
        np.testing.assert_array_equal(source.read(Block(10, 20, 30, 40), np.empty((30, 40))), cells[10:40, 20:60])
    assert source.names == {1: "green", 2: "low", 3: "medium", 4: "high", 5: "red"}
    write_zones(tmp_path / "wild.tif", UTM, cells * 40)
    with open_raster(tmp_path / "wild.tif", "zones") as dataset, pytest.raises(InputCorrupt, match="whole numbers"):
        ZoneSource.from_raster(dataset, UTM, NullProgress())
    write_zones(tmp_path / "other.tif", NORTH, np.ones(NORTH.shape))
    with open_raster(tmp_path / "other.tif", "zones") as dataset, pytest.raises(GridMismatch, match="ZONES"):
        ZoneSource.from_raster(dataset, UTM, NullProgress())
