"""Points of a validation: stable ones by true area and away from landslides, landslides one a cell, subsets."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.features import geometry_mask
from scipy.stats import chisquare
from sklearn.metrics import roc_auc_score

from scarp.model.errors import FieldUnusable, GridMismatch, InputCorrupt, LayerEmpty, TooFewData
from scarp.model.grid import Block, Grid
from scarp.model.inputs.rasters import create_raster, open_raster
from scarp.model.inputs.vectors import Points, PointsAndPolygons, Polygons
from scarp.model.labels.buffers import PointBuffers, landslide_buffers
from scarp.model.progress import NullProgress
from scarp.model.validation.map_layers import MapLayers, RegionMap, Scope, SubsetMap, ZoneSource
from scarp.model.validation.sampling import (
    Frame,
    LandslideBuffers,
    SamplingFrame,
    collect_map_statistics,
    draw_cells,
    sample_layer,
)
from scarp.tests.core.conftest import at_cells, cell_box, degree_grid, utm_grid, write_raster

UTM, WIDE = utm_grid(110, 130), utm_grid(1150, 1300)
"""The second is larger than one window both ways."""
NORTH = degree_grid(600, 40, 0.05, 95.0, 70.0)
"""From 70 to 40 degrees north, where a cell's area grows to more than the double."""
WHOLE = Scope("all")


@pytest.fixture
def layers_of(tmp_path):
    opened = []

    def make(grid: Grid, values: np.ndarray, **others) -> MapLayers:
        path = write_raster(tmp_path / f"map{len(opened)}.tif", values.astype(np.float32), grid, nodata=np.nan)
        context = open_raster(path, "susceptibility")
        opened.append(context)
        return MapLayers(context.__enter__(), grid, ZoneSource(["low", "high"], [0.5]), **others)

    yield make
    for context in opened:
        context.__exit__(None, None, None)


def buffers_of(grid: Grid, points: Points, distance: float) -> PointBuffers:
    return PointBuffers(grid, points.xy, np.full(len(points), distance), 0.0)


def census_of(layers: MapLayers, buffers: PointBuffers):
    """Statistics of a map with a landslide in its corner, or nearest to it."""
    row, column = np.argwhere(np.isfinite(layers.read(Block(0, 0, 50, 40)).values))[0]
    slides = Points("slides", xy=at_cells(layers.grid, [row], [column]))
    both = LandslideBuffers(buffers_of(layers.grid, slides, 0.0), buffers)
    landslides = sample(slides, layers, False)
    return collect_map_statistics(layers, [WHOLE], landslides, both, NullProgress())["all"]


def draw(layers: MapLayers, buffers: PointBuffers, number: int, draws: int, seed: int):
    frame = Frame(WHOLE, census_of(layers, buffers).frame, buffers, number, draws, 1)
    return draw_cells(layers, {"all": frame}, seed, NullProgress())["all"]


def sample(polygons, layers: MapLayers, every_cell: bool, most: int = 10000):
    return sample_layer(polygons, layers, every_cell, most, np.random.default_rng(0), NullProgress())


@pytest.mark.parametrize("distance", [0.0, 200.0])
def test_stable_points_are_valid_distinct_and_away_from_landslides(layers_of, distance):
    rng = np.random.default_rng(0)
    values = rng.random(WIDE.shape)
    values[:, 1000:1060] = np.nan
    layers = layers_of(WIDE, values)
    slides = Points(name="slides", xy=at_cells(WIDE, rng.integers(0, 1150, 400), rng.integers(0, 1300, 400), 0.3))
    buffers = buffers_of(WIDE, slides, distance)
    draws = draw(layers, buffers, 300, 7, 5)
    assert census_of(layers, buffers).cells == np.isfinite(values).sum()
    assert draws.values_by_map[0].shape == (7, 300) and np.isfinite(draws.values_by_map).all()
    cells = draws.rows * WIDE.width + draws.columns
    assert [len(np.unique(one)) for one in cells] == [300] * 7
    np.testing.assert_array_equal(draws.values_by_map[0], values.astype(np.float32)[draws.rows, draws.columns])
    centres = at_cells(WIDE, draws.rows.ravel(), draws.columns.ravel())
    gaps = np.sqrt(((centres[:, None] - slides.xy[None]) ** 2).sum(axis=2)).min(axis=1)
    assert gaps.min() > max(distance, 15 / 2)
    windows = {(row // 1024, column // 1024) for row, column in zip(draws.rows[0], draws.columns[0])}
    assert windows == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_draws_differ_but_repeat_with_the_seed(layers_of):
    layers = layers_of(UTM, np.random.default_rng(1).random(UTM.shape))
    buffers = buffers_of(UTM, Points(name="slides", xy=at_cells(UTM, [5, 60], [5, 60])), 100.0)
    first, again, other = (draw(layers, buffers, 50, 4, seed).values_by_map[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other) and len({tuple(row) for row in first.tolist()}) == 4


def test_chance_is_proportional_to_true_area(layers_of):
    """On a grid in degrees, rows near the pole are drawn less often, by the area of their cells on the ellipsoid."""
    layers = layers_of(NORTH, np.full(NORTH.shape, 0.5))
    buffers = buffers_of(NORTH, Points(name="slides", xy=at_cells(NORTH, [300], [20])), 0.0)
    rows = [draw(layers, buffers, 1000, 1, seed).rows for seed in range(20)]
    counted = np.bincount(np.concatenate(rows).ravel() // 50, minlength=12)
    area = NORTH.cell_area().reshape(12, 50).sum(axis=1)
    assert area[-1] > 2 * area[0]
    assert chisquare(counted, counted.sum() * area / area.sum()).pvalue > 0.001
    assert chisquare(counted).pvalue < 1e-6


@pytest.mark.parametrize("scene", ["landslides", "every cell", "ties"])
def test_placements_by_area_against_scikit_learn(layers_of, scene):
    rng = np.random.default_rng(4)
    values = rng.random(NORTH.shape).astype(np.float32)
    if scene == "ties":
        values = np.round(values, 1)
    values[:3] = np.nan
    layers, polygons = layers_of(NORTH, values), Polygons("slides", geometries=[cell_box(NORTH, 50, 5, 20, 20)])
    slides = polygons if scene == "every cell" else Points("slides", xy=at_cells(NORTH, range(1, 301, 5), [7] * 60))
    held = landslide_buffers(NORTH, slides, np.zeros(len(slides)), 0.0, NullProgress())[0]
    found = sample(slides, layers, scene == "every cell")
    statistics = collect_map_statistics(layers, [WHOLE], found, LandslideBuffers(held, None), NullProgress())["all"]
    other = np.isfinite(values)
    other[found.rows, found.columns] = False
    area = np.broadcast_to(NORTH.cell_area()[:, None], NORTH.shape)
    truth = np.repeat([1, 0], [len(found), other.sum()])
    weights = np.concatenate([np.ones(len(found)), area[other]])
    expected = roc_auc_score(truth, np.concatenate([found.cell_values.values, values[other]]), sample_weight=weights)
    assert statistics.placements[0].result().mean() == pytest.approx(expected)
    assert statistics.land.cells == other.sum() and not statistics.frame.cells
    assert statistics.landslide_share == pytest.approx(1 - area[other].sum() / area[np.isfinite(values)].sum())


@pytest.mark.parametrize("number", [40, 60, 100, 150])
def test_sampling_frame_gives_each_cell_once(number):
    frame = SamplingFrame()
    frame.add(Block(0, 0, 3, 50), np.array([20, 0, 30]), np.array([1.0, 1.0, 2.0]))
    frame.add(Block(3, 0, 2, 50), np.array([0, 50]), np.array([1.0, 3.0]))
    drawn = frame.draw(np.random.default_rng(0), number)
    assert frame.cells == 100
    assert len(drawn) == len(np.unique(drawn)) == min(number, 100)
    assert drawn.min() >= 0 and drawn.max() < 100


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
    cells = [0, 10, 10, 10, 20]
    off = [[0.0, 0.0], [np.nan, np.nan]]
    xy = np.concatenate([at_cells(UTM, cells, cells), at_cells(UTM, [10], [10], 0.9), off])
    found = sample(Points(name="slides", xy=xy), layers, False, 1000)
    counts = found.counts
    assert (counts.features, counts.off_map, counts.on_nodata, counts.duplicates) == (8, 2, 1, 3)
    assert list(zip(found.rows, found.columns, found.feature)) == [(10, 10, 1), (20, 20, 4)]
    np.testing.assert_array_equal(found.xy, xy[[1, 4]])


def polygons_of(grid: Grid) -> Polygons:
    """Two that overlap, one smaller than a cell, one off the map, and one with a hole."""
    boxes = (3, 3, 10, 4), (8, 5, 10, 10), (40.6, 40.6, 0.2, 0.2), (-50, 3, 10, 10), (60, 60, 21, 21)
    shapes = [cell_box(grid, *box) for box in boxes]
    shapes[-1]["coordinates"].append(cell_box(grid, 62, 62, 17, 17)["coordinates"][0][::-1])
    return Polygons(name="slides", geometries=shapes)


def test_every_cell_of_polygons(layers_of):
    layers, polygons = layers_of(UTM, np.full(UTM.shape, 0.3)), polygons_of(UTM)
    found = sample(polygons, layers, True)
    covered = ~geometry_mask(polygons.geometries, UTM.shape, UTM.transform)
    covered[40, 40] = True  # holds the small polygon, though not its centre
    marked = np.zeros(UTM.shape, dtype=bool)
    marked[found.rows, found.columns] = True
    np.testing.assert_array_equal(marked, covered)
    assert (found.counts.off_map, len(found)) == (1, covered.sum())
    assert set(found.feature.tolist()) == {0, 1, 2, 4}


@pytest.mark.parametrize("every_cell", [True, False])
def test_points_and_polygons_together_have_the_cells_of_each(layers_of, every_cell):
    layers, polygons = layers_of(UTM, np.full(UTM.shape, 0.3)), polygons_of(UTM)
    t = UTM.transform
    points = Points("slides", xy=np.array([[t.c + 100.5 * t.a, t.f + 90.5 * t.e], [t.c - 9 * t.a, t.f]]))
    both = sample(PointsAndPolygons("slides", points=points, polygons=polygons), layers, every_cell)
    alone = [sample(one, layers, every_cell) for one in (points, polygons)]
    for name in ("rows", "columns", "xy"):
        parts = [getattr(one, name) for one in alone]
        np.testing.assert_array_equal(getattr(both, name), np.concatenate(parts))
    np.testing.assert_array_equal(both.feature, [*alone[0].feature, *(alone[1].feature + 2)])
    assert both.counts.off_map == alone[0].counts.off_map + alone[1].counts.off_map == 2


def test_one_cell_a_polygon(layers_of):
    layers, polygons = layers_of(UTM, np.full(UTM.shape, 0.3)), polygons_of(UTM)
    found = sample(polygons, layers, False)
    assert found.feature.tolist() == [0, 1, 2, 4]
    for row, column, feature in zip(found.rows, found.columns, found.feature):
        inside = ~geometry_mask([polygons.geometries[feature]], UTM.shape, UTM.transform, all_touched=True)
        assert inside[row, column]


def test_very_many_cells_are_thinned(layers_of):
    found = sample(polygons_of(UTM), layers_of(UTM, np.full(UTM.shape, 0.3)), True, 50)
    assert len(found) == found.counts.candidate_cells - found.counts.thinned == 50 and found.counts.thinned > 0


def test_training_windows_win_where_windows_overlap():
    boxes = (0, 0, 30, 30), (20, 20, 30, 30), (25, 0, 10, 60)
    shapes = [cell_box(UTM, *box) for box in boxes]
    windows = Polygons(name="windows", fields={"subset": ["test", "Training", "validation"]}, geometries=shapes)
    codes = SubsetMap(UTM, windows).read(UTM.whole)
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
    shapes = [cell_box(UTM, place, place, 5, 5) for place in (0, 10, 50, 90)]
    regions = Polygons(name="regions", fields={"code": [10.0, 2.0, 10.0, None]}, geometries=shapes)
    found = RegionMap(UTM, regions, "code")
    assert found.labels == ["2", "10", "(no name)"]
    cells = found.read(UTM.whole, 1)
    assert cells.sum() == 50 and cells[2, 2] and cells[52, 52]
    assert RegionMap(UTM, regions, None).labels == ["1", "2", "3", "4"]


def test_zones_by_breaks_hold_their_upper_bound(layers_of):
    values = np.full(UTM.shape, 0.5)
    values[0], values[1] = 0.50001, np.nan
    zones = layers_of(UTM, values).read(UTM.whole).zones
    assert np.array_equal(zones, np.broadcast_to(np.r_[2, 0, np.ones(108)][:, None], UTM.shape))


@pytest.mark.parametrize("value", [1.5, -0.2, 37.0])
def test_a_map_is_no_susceptibility_outside_0_to_1(layers_of, value):
    values = np.full(UTM.shape, 0.5)
    values[7, 7] = value
    with pytest.raises(InputCorrupt, match="between 0 and 1"):
        layers_of(UTM, values).read(UTM.whole)


def test_zone_rasters_are_checked(tmp_path):
    cells = np.random.default_rng(0).integers(0, 6, UTM.shape).astype(np.uint8)

    def check(grid, values, tags=()):
        with create_raster(tmp_path / "z.tif", grid, "uint8", 0, ["zone"], tags, overviews=None) as dataset:
            dataset.write(values, 1)
        with open_raster(tmp_path / "z.tif", "zones") as dataset:
            source = ZoneSource.from_raster(dataset, UTM, NullProgress())
            return source.names, source.read(Block(10, 20, 30, 40), np.empty((30, 40)))

    names, read = check(UTM, cells, [{"classes": '{"1": "green", "5": "red"}'}])
    np.testing.assert_array_equal(read, cells[10:40, 20:60])
    assert names == {1: "green", 2: "low", 3: "medium", 4: "high", 5: "red"}
    with pytest.raises(InputCorrupt, match="whole numbers"):
        check(UTM, cells * 40)
    with pytest.raises(GridMismatch, match="ZONES"):
        check(NORTH, np.ones(NORTH.shape, np.uint8))
