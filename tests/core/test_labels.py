"""Labels: discs against brute force on the ellipsoid, polygons against even-odd, sizes in many spellings."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from scipy.ndimage import distance_transform_edt

from scarp.model.errors import Cancelled, FieldUnusable, LayerEmpty, NoOverlap, ParameterInvalid, TooFewData
from scarp.model.factors.polygons import AreaMask
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Points, PointsAndPolygons, Polygons
from scarp.model.labels import LANDSLIDE, STABLE, UNKNOWN
from scarp.model.labels.buffers import PointBuffers, PolygonBuffers, interior_point, landslide_buffers, landslide_points
from scarp.model.labels.discs import read_discs
from scarp.model.labels.radii import DEFAULT_RADII, assign_radii
from scarp.model.progress import NullProgress
from scarp.model.windows.mapped import RingCells
from scarp.tests.core.conftest import (
    Listener,
    at_cells,
    box,
    build_buffered_labels,
    by_blocks,
    cell_box,
    degree_grid,
    read_band,
    utm_grid,
    warnings_of,
    write_raster,
)

UTM = utm_grid(50, 70, top=3.3e6)
LEFT, BOTTOM, RIGHT, TOP = UTM.bounds
OBLONG = Grid(UTM.crs, from_origin(500000.0, 3300000.0, 12.5, 40.0), 90, 40)
LATITUDES = (0.005, 30.0, 60.0, -45.0)
GRIDS = {"utm": UTM, "oblong": OBLONG}
GRIDS |= {f"latitude {latitude:g}": degree_grid(50, 60, left=95.0, top=latitude) for latitude in LATITUDES}


def random_points(grid: Grid, count: int, seed: int, margin: float = 0.1) -> np.ndarray:
    """Points over the grid and a margin around it."""
    left, bottom, right, top = grid.bounds
    spread = np.random.default_rng(seed).uniform(-margin, 1 + margin, (count, 2))
    return np.stack([left + spread[:, 0] * (right - left), bottom + spread[:, 1] * (top - bottom)], axis=1)


def on_the_ellipsoid(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Earth-centred coordinates in metres on WGS 84, for straight-line distances."""
    a, f = 6378137.0, 1 / 298.257223563
    lam, phi = np.radians(longitude), np.radians(latitude)
    n = a / np.sqrt(1 - f * (2 - f) * np.sin(phi) ** 2)
    across, up = n * np.cos(phi), n * (1 - f) ** 2 * np.sin(phi)
    return np.stack([across * np.cos(lam), across * np.sin(lam), up], axis=-1)


def distances(grid: Grid, xy: np.ndarray) -> np.ndarray:
    """Metres from every cell centre to every point, shape (points, rows, columns), without the code under test."""
    t = grid.transform
    x, y = np.meshgrid(t.c + t.a * (np.arange(grid.width) + 0.5), t.f + t.e * (np.arange(grid.height) + 0.5))
    if not grid.is_geographic:
        return np.hypot(x[None] - xy[:, 0, None, None], y[None] - xy[:, 1, None, None])
    cells, points = on_the_ellipsoid(x, y), on_the_ellipsoid(xy[:, 0], xy[:, 1])
    return np.sqrt(((cells[None] - points[:, None, None]) ** 2).sum(axis=-1))


def reference(folder, values=1.0) -> str:
    """A raster of one value, or of the values given (NaN for nodata)."""
    return write_raster(folder / "r.tif", np.full(UTM.shape, values, dtype=np.float32), UTM)


def build(folder, landslides, **settings):
    """Build the labels on the grid of the tests."""
    if not (folder / "r.tif").exists():
        reference(folder)
    return build_buffered_labels(landslides, folder / "r.tif", folder / "labels.tif", **settings)


def slides(xy, **fields) -> Points:
    return Points(name="slides", xy=np.asarray(xy), fields=fields)


def polygons(*shapes) -> Polygons:
    return Polygons(name="polygons", geometries=list(shapes))


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_discs_equal_distances_on_the_ground(name, seed):
    grid = GRIDS[name]
    xy = random_points(grid, 25, seed)
    radius, ring = np.random.default_rng(seed).choice([3.0, 45.0, 150.0, 333.0], len(xy)), 200.0
    inside, near = by_blocks(grid, PointBuffers(grid, xy, radius, ring).read, 17)
    distance, slack = distances(grid, xy), 0.01
    surely = (distance <= radius[:, None, None] - slack).any(axis=0)
    maybe = (distance <= radius[:, None, None] + slack).any(axis=0)
    row, column, within = grid.cell_indices(xy)
    own = np.zeros(grid.shape, dtype=bool)
    own[row[within], column[within]] = True
    assert surely.any() and not inside.all()
    assert not ((surely | own) & ~inside).any() and not (inside & ~maybe & ~own).any()
    assert not ((distance <= ring - slack).any(axis=0) & ~near).any()
    assert not (near & ~(distance <= ring + slack).any(axis=0)).any()


def test_a_centre_exactly_on_the_circle_counts():
    """A 3-4-5 triangle of cells: 180 m and 240 m off is 300 m."""
    for shift in (0.0, 0.1, 1 / 3):
        grid = Grid(UTM.crs, from_origin(LEFT + shift, TOP - shift, 30.0, 30.0), 70, 50)
        inside, _ = PointBuffers(grid, at_cells(grid, [20], [30]), np.array([300.0]), 0.0).read(Block(0, 0, 50, 70))
        offsets = np.hypot(*np.meshgrid(np.arange(70) - 30, np.arange(50) - 20))
        assert np.array_equal(inside, offsets <= 10) and inside[26, 38] and inside[10, 30]


def test_chunks_of_a_large_inventory_change_nothing(monkeypatch):
    block, buffers = Block(0, 0, *UTM.shape), PointBuffers(UTM, random_points(UTM, 300, 3), np.full(300, 50.0), 90.0)
    whole = buffers.read(block)
    monkeypatch.setattr("scarp.model.labels.buffers.MAX_SPANS", 20)
    assert np.array_equal(whole, buffers.read(block))


def test_labels_of_points_are_counted_and_recorded(tmp_path):
    """Which cells are labels is compared with brute force in test_properties_rasters.py."""
    values = np.ones(UTM.shape)
    values[:8, :10] = np.nan
    xy = random_points(UTM, 12, 5, margin=0.0)
    points = slides(np.concatenate([xy, xy[:1]]), size=[*["Large", "small"] * 6, "Large"])
    reference(tmp_path, values)
    radii = {"large": 100.0, "small": 40.0}
    summary = build(tmp_path, points, scale_field="size", radii=radii, ring=130.0)
    found = read_band(tmp_path / "labels.tif")
    landslide, stable = ((found == value).sum() for value in (LANDSLIDE, STABLE))
    assert (summary.ratio, summary.landslide_km2) == pytest.approx((stable / landslide, landslide * 900 / 1e6))
    assert (summary.used, summary.outside, summary.duplicates) == (13, 0, 1)
    assert summary.used_by_scale == {"large": 7, "small": 6}
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        assert (dataset.nodata, dataset.dtypes) == (UNKNOWN, ("uint8",))
        Grid.from_dataset(dataset, "labels").require_same(UTM, "labels", "reference")
    record = json.loads((tmp_path / "labels.tif.run.json").read_text())
    assert record["summary"]["landslide_cells"] == landslide and "sha256" in record["inputs"]["REFERENCE"]


def test_points_outside_the_grid_are_counted_and_reach_in(tmp_path):
    xy = [[LEFT - 40.0, TOP - 700.0], [LEFT + 900.0, TOP - 700.0], [LEFT - 1e6, TOP], [np.nan, np.nan]]
    progress = NullProgress()
    summary = build(tmp_path, slides(xy), radii={"unrecorded": 100.0}, progress=progress)
    assert (summary.landslides, summary.used, summary.outside) == (4, 1, 3)
    assert any("3 landslides" in text and "outside" in text for text in progress.warnings)
    assert read_band(tmp_path / "labels.tif")[23, 0] == LANDSLIDE


INSIDE, FAR = slides([[LEFT + 50, TOP - 50]], size=[1]), polygons(box(RIGHT - 90, BOTTOM, RIGHT, BOTTOM + 90))


@pytest.mark.parametrize(
    ("landslides", "settings", "error", "text"),
    [
        (slides([[0.0, 0.0]]), {}, LayerEmpty, "inside the reference"),
        (Points(name="slides"), {}, LayerEmpty, "no feature"),
        (INSIDE, {"area": polygons(box(0, 0, 1, 1))}, NoOverlap, "AREA"),
        (INSIDE, {"area": FAR, "radii": {"unrecorded": 60}}, TooFewData, "AREA"),
        (INSIDE, {"stable": polygons(box(0, 0, 1, 1))}, LayerEmpty, "STABLE"),
        (INSIDE, {"stable": INSIDE}, TooFewData, "STABLE"),
        (INSIDE, {"scale_field": "scale"}, FieldUnusable, "size"),
        (INSIDE, {"ring": -1.0}, ParameterInvalid, "RING"),
        (INSIDE, {"progress": Listener(cancel_after=0)}, Cancelled, None),
    ],
)
def test_failures_say_why_and_leave_no_file(tmp_path, landslides, settings, error, text):
    with pytest.raises(error, match=text):
        build(tmp_path, landslides, **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["r.tif"]


def test_with_land_known_to_be_stable_all_other_land_is_unknown(tmp_path):
    landslides, reach = (
        Points("slides", xy=at_cells(UTM, [10, 30], [10, 40])),
        {"radii": {"unrecorded": 60}, "ring": 120},
    )
    known = PointsAndPolygons(
        "visited",
        points=Points("visited", xy=at_cells(UTM, [5, 10, 10, 44], [5, 13, 10, 3])),
        polygons=polygons(cell_box(UTM, 20, 20, 3, 4)),
    )
    log = Listener()
    area = polygons(cell_box(UTM, 0, 0, 40, UTM.width))
    summary = build(tmp_path, landslides, stable=known, area=area, progress=log, **reach)
    found = read_band(tmp_path / "labels.tif")
    everywhere = build(tmp_path, landslides, area=area, **reach)
    expected = read_band(tmp_path / "labels.tif")
    stable = np.zeros(UTM.shape, dtype=bool)
    stable[5, 5] = stable[10, 13] = True, True
    stable[20:23, 20:24] = True
    assert expected[10, 13] == UNKNOWN, "in the ring"
    assert np.array_equal(found == LANDSLIDE, expected == LANDSLIDE) and np.array_equal(found == STABLE, stable)
    assert summary.stable_cells == 14 < everywhere.stable_cells and summary.used == everywhere.used == 2
    assert any("Only the 14 cells" in text for text in log.warnings)
    record = json.loads((tmp_path / "labels.tif.run.json").read_text())
    assert "STABLE" not in record["inputs"]


def test_radii_too_large_and_a_ring_within_the_radius_are_warned_about(tmp_path):
    said = warnings_of(build, tmp_path, slides(random_points(UTM, 40, 1, 0.0)), preset="paper")
    assert any("radii are large" in text or "No stable cell" in text for text in said)
    points, progress = slides(random_points(UTM, 2, 1, 0.0)), NullProgress()
    summary = build(tmp_path, points, radii={"unrecorded": 90.0}, ring=80.0, progress=progress)
    assert summary.unknown_cells == 0 and any("RING" in text for text in progress.warnings)


SPELLINGS = {
    "giant": ["giant", "Very large", "特大型", "超大型"],
    "large": ["LARGE", "大型", "Large-scale landslide", "big"],
    "medium": ["Medium", "中型滑坡", " moderate "],
    "small": ["small", "小型", "小"],
    "unrecorded": [None, "", "NULL", float("nan"), "unknown", "未知"],
}


@pytest.mark.parametrize(("spelling", "row"), [(one, row) for row, spellings in SPELLINGS.items() for one in spellings])
def test_sizes_in_many_spellings(spelling, row):
    progress = NullProgress()
    assigned = assign_radii([spelling], 1, DEFAULT_RADII, "scale", progress)
    assert [name for name, number in assigned.counts.items() if number] == [row]
    assert assigned.radius[0] == DEFAULT_RADII[row] and not progress.warnings


@pytest.mark.parametrize("value", [2, 2.0, "2", " 2.0 ", np.int64(2), np.float32(2)])
def test_codes_match_the_table_as_number_or_text(value):
    for radii in ({"1": 30, "2": 60, "unrecorded": 30}, {"2.0": 60}):
        assert assign_radii([value], 1, radii, "scale", NullProgress()).radius[0] == 60


def test_codes_that_the_table_does_not_list_are_never_guessed():
    with pytest.raises(ParameterInvalid, match=r"codes 1, 3, 10,"):
        assign_radii([3, 10, "small", 1.0, 3], 5, DEFAULT_RADII, "scale_class", NullProgress())


FLOWS = r'^3 landslides.*"rockfall" \(2\)'


@pytest.mark.parametrize(
    ("values", "radii", "expected", "counts", "said"),
    [
        (["rockfall", "rockfall", "flow", "small"], DEFAULT_RADII, [300] * 4, {"unrecorded": 3}, FLOWS),
        ([1, None], {"1": 90, "2": 60}, [90, 60], {}, "no row"),
        (["large", "中型"], {"大型": 50, "Mid": 20}, [50, 20], {"大型": 1, "Mid": 1}, ""),
    ],
)
def test_values_without_a_row_are_told_of_and_rows_in_another_spelling_meet(values, radii, expected, counts, said):
    progress = NullProgress()
    assigned = assign_radii(values, len(values), radii, "type", progress)
    assert list(assigned.radius) == expected and assigned.counts.items() >= counts.items()
    assert re.search(said, " ".join(progress.warnings))


USELESS = [{}, {"large": -1.0}, {"large": float("nan")}, {"large": 1.0, "Large ": 2.0}, {"2": 1.0, "2.0": 3.0}]


@pytest.mark.parametrize("radii", [*USELESS, {"unrecorded": 1.0, "unknown": 2.0}])
def test_tables_that_cannot_be_used(radii):
    with pytest.raises(ParameterInvalid, match="RADII"):
        assign_radii(["large"], 1, radii, "scale", NullProgress())


def areas_of(radius):
    """Areas of circles in m², as text for some: inventories store numbers as text."""
    return [None if metres is None else f"{np.pi * metres**2:.6f} m²" for metres in radius]


@pytest.mark.parametrize("name", GRIDS)
def test_automatic_labels_follow_size_and_cells(tmp_path, name):
    """Each landslide by brute force: its radius up to the limit or its own cell, and two cells of ring around it."""
    grid, cell = GRIDS[name], GRIDS[name].cell_size()
    xy = random_points(grid, 24, 7, margin=-0.1)
    sizes = [None, 0.0, 0.3 * cell, cell, 1.4 * cell, 40 * cell] * 4
    points = slides(xy, area=areas_of(sizes), scale=["large", *[None] * 23])
    write_raster(tmp_path / "r.tif", np.ones(grid.shape, np.float32), grid)
    summary = build(tmp_path, points, area_field="area", scale_field="scale")
    limit = max(15.0, 1.5 * cell)
    radius = np.array([limit, *[min(metres or 0.0, limit) for metres in sizes[1:]]])[:, None, None]
    away, found, slack = distances(grid, xy), read_band(tmp_path / "labels.tif"), 0.01
    own = np.zeros(grid.shape, dtype=bool)
    row, column, _ = grid.cell_indices(xy)
    own[row, column] = True
    edges = [radius, radius + 2 * cell]
    clear = own | ~np.any([(np.abs(away - edge) < slack).any(axis=0) for edge in edges], axis=0)
    core, near = (own | (away <= radius).any(axis=0)), (away <= radius + 2 * cell).any(axis=0)
    expected = np.where(core, LANDSLIDE, np.where(near, UNKNOWN, STABLE))
    assert np.array_equal(found[clear], expected[clear]) and clear.mean() > 0.9
    assert summary.used_by_scale["area"] == 16 and sum(summary.used_by_scale.values()) == 24
    record = json.loads((tmp_path / "labels.tif.run.json").read_text())
    chosen, used = record["automatic"], record["parameters"]
    assert used["RING"] == pytest.approx(limit + 2 * cell) and chosen.keys() == {"RADII", "RING"}
    assert "17 landslides" in chosen["RADII"] and f"{2 * cell:.3g} m" in chosen["RING"]
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        discs, rings = read_discs(dataset, grid), RingCells(dataset, grid)
        again, ring = by_blocks(grid, discs.buffers(grid, rings=True).read, 17)
        assert np.array_equal(np.where(again, LANDSLIDE, np.where(ring, UNKNOWN, STABLE)), found)
        assert np.array_equal(by_blocks(grid, rings.read, 13), found == UNKNOWN), "the whole ring is mapped land"


def test_presets_and_given_values(tmp_path):
    """A given table or ring wins; the paper's preset is its table without a ring."""
    points = slides(random_points(UTM, 4, 2, 0.0), scale=["large", "small", "giant", None])

    def labels(**settings):
        build(tmp_path, points, **{"scale_field": "scale", **settings})
        return read_band(tmp_path / "labels.tif"), json.loads((tmp_path / "labels.tif.run.json").read_text())

    given, record = labels(radii=DEFAULT_RADII, ring=0.0)
    paper, of_paper = labels(preset="paper")
    assert np.array_equal(given, paper) and not {**record["automatic"], **of_paper["automatic"]}
    assert record["parameters"] == {**of_paper["parameters"], "PRESET": "recommended"}
    ringed, record = labels(radii=DEFAULT_RADII)
    assert np.array_equal(ringed == LANDSLIDE, paper == LANDSLIDE) and (ringed == UNKNOWN).any()
    assert record["parameters"]["RING"] == 660.0 and list(record["automatic"]) == ["RING"]
    automatic, _ = labels()
    bare, record = labels(ring=0.0)
    assert not (bare == UNKNOWN).any() and np.array_equal(bare == LANDSLIDE, automatic == LANDSLIDE)
    assert list(record["automatic"]) == ["RADII"]


def test_codes_and_unknown_words_have_their_own_cell(tmp_path):
    xy = at_cells(UTM, [5, 15, 25, 35], [5, 15, 25, 35])
    progress = NullProgress()
    summary = build(tmp_path, slides(xy, scale=[1, "3", "rockfall", "small"]), scale_field="scale", progress=progress)
    assert summary.landslide_cells == 3 + 9 and summary.used_by_scale["unrecorded"] == 3
    assert any("codes 1, 3" in text for text in progress.warnings)
    assert any('"rockfall" (1). They count as' in text for text in progress.warnings)


@pytest.mark.parametrize(
    ("name", "areas", "text"),
    [
        ("size", [500.0, -9999.0, 800.0], "negative areas, -9999 in 1 landslides"),
        ("size", [0.02, 0.5, 90.0], "Half of the landslides have less than 0.5 .* in hectares"),
        ("area_ha", [500.0, 900.0, None], "in ha, as its name says"),
        ("Area_KM2", [500.0, 900.0, None], "in km2, as its name says"),
        ("size", ["500 ha", None, None], "numbers in m²"),
        ("none", [1, 2, 3], "no field"),
    ],
)
def test_areas_in_another_unit_are_refused(tmp_path, name, areas, text):
    points = slides(random_points(UTM, 3, 2, 0.0), **({} if name == "none" else {name: areas}))
    with pytest.raises((ParameterInvalid, FieldUnusable), match=text):
        build(tmp_path, points, area_field=name)


def test_polygons_have_a_ring_of_two_cells_and_no_buffer(tmp_path):
    progress, shape = Listener(), cell_box(UTM, 20, 30, 6, 5)
    landslides = Polygons("p", fields={"area": [900.0]}, geometries=[shape])
    build(tmp_path, landslides, area_field="area", progress=progress)
    core = np.zeros(UTM.shape, dtype=bool)
    core[20:26, 30:35] = True
    far = distance_transform_edt(~core)
    expected = np.where(core, LANDSLIDE, np.where(far <= 2, UNKNOWN, STABLE))
    assert np.array_equal(read_band(tmp_path / "labels.tif"), expected)
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        assert np.array_equal(by_blocks(UTM, RingCells(dataset, UTM).read, 13), expected == UNKNOWN)
    assert "AREA_FIELD is not used: polygons show their own size." in progress.texts


def even_odd(grid: Grid, rings: list) -> np.ndarray:
    """Cells whose centre is in a polygon, by counting crossings of a ray."""
    t = grid.transform
    x, y = np.meshgrid(t.c + t.a * (np.arange(grid.width) + 0.5), t.f + t.e * (np.arange(grid.height) + 0.5))
    inside = np.zeros(grid.shape, dtype=bool)
    for ring in rings:
        ring = np.asarray(ring)
        for (x1, y1), (x2, y2) in zip(ring[:-1], ring[1:]):
            crossed = (y1 > y) != (y2 > y)
            with np.errstate(divide="ignore", invalid="ignore"):
                inside ^= crossed & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
    return inside


def blob(grid: Grid, seed: int, size: float) -> list:
    """A star-shaped ring of random radius somewhere in the grid."""
    rng, centre = np.random.default_rng(seed), random_points(grid, 1, seed, margin=-0.2)[0]
    angle = np.sort(rng.uniform(0, 2 * np.pi, 15))
    reach = size * rng.uniform(0.4, 1.0, 15) * np.array([grid.transform.a, -grid.transform.e])[:, None]
    ring = (centre[:, None] + reach * np.stack([np.cos(angle), np.sin(angle)])).T.tolist()
    return [*ring, ring[0]]


@pytest.mark.parametrize("name", ["utm", "oblong", "latitude 60"])
@pytest.mark.parametrize("radius", [0.0, 70.0])
def test_polygons_and_their_buffers(name, radius, monkeypatch):
    """Cells with the centre inside; buffers are distances to those cells, the same whatever the blocks."""
    grid = GRIDS[name]
    rings = [blob(grid, seed, 8.0) for seed in range(4)]
    polygons = Polygons(name="slides", geometries=[{"type": "Polygon", "coordinates": [ring]} for ring in rings])
    core, ring = np.any([even_odd(grid, [one]) for one in rings], axis=0), 110.0 if radius else 0.0
    buffers = PolygonBuffers(grid, polygons, np.full(4, radius), ring, NullProgress())
    inside, near = by_blocks(grid, buffers.read, 16)
    assert buffers.small == 0
    nearest = distances(grid, at_cells(grid, *np.nonzero(core))).min(axis=0)
    assert (inside[nearest <= radius - 0.05]).all() and not inside[nearest > radius + 0.05].any()
    assert (near[nearest <= ring - 0.05]).all() if ring else not near.any()
    assert not near[nearest > ring + 0.05].any()


def test_polygons_smaller_than_a_cell_are_not_lost(tmp_path):
    cells = ((3, 4), (20, 30), (49, 69))
    tiny = [cell_box(UTM, row + 0.1, column + 0.1, 0.2, 0.2) for row, column in cells]
    hidden = cell_box(UTM, 9, 9, 4, 4)
    summary = build(tmp_path, polygons(*tiny, hidden, hidden), radii=DEFAULT_RADII, ring=0.0)
    expected = np.zeros(UTM.shape)
    expected[tuple(zip(*cells))] = expected[9:13, 9:13] = 1
    assert np.array_equal(read_band(tmp_path / "labels.tif"), expected)
    assert (summary.small_polygons, summary.landslide_cells) == (3, 19)


def test_a_point_inside_any_polygon():
    hole = {"type": "Polygon", "coordinates": [box(0, 0, 10, 10)["coordinates"][0], box(1, 1, 9, 9)["coordinates"][0]]}
    outline = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 8], [8, 8], [8, 2], [0, 2], [0, 0]]
    crescent = {"type": "Polygon", "coordinates": [outline]}
    two = {"type": "MultiPolygon", "coordinates": [[[[20, 0], [21, 0], [21, 1], [20, 0]]], hole["coordinates"]]}
    for shape in (hole, crescent, two):
        x, y = interior_point(shape)
        one = Grid(UTM.crs, from_origin(x - 0.5, y + 0.5, 1.0, 1.0), 1, 1)
        part = shape["coordinates"][1] if shape["type"] == "MultiPolygon" else shape["coordinates"]
        assert even_odd(one, part)[0, 0]


@pytest.mark.parametrize("name", GRIDS)
def test_points_and_polygons_together_are_labelled_as_each_alone(name):
    grid = GRIDS[name]
    points, shape = Points("both", xy=random_points(grid, 6, 3)), blob(grid, 5, 9)
    outline = Polygons("both", geometries=[{"type": "Polygon", "coordinates": [shape]}])
    both = PointsAndPolygons("both", points=points, polygons=outline)
    radii = np.array([*np.linspace(30, 150, 6), 0.0])
    together, places, small = landslide_buffers(grid, both, radii, 200.0, NullProgress())
    of_points = PointBuffers(grid, points.xy, radii[:6], 200.0)
    of_polygon = PolygonBuffers(grid, outline, radii[6:], 200.0, NullProgress())
    for mine, first, second in zip(*(by_blocks(grid, one.read, 17) for one in (together, of_points, of_polygon))):
        np.testing.assert_array_equal(mine, first | second)
    np.testing.assert_array_equal(places, np.concatenate([points.xy, of_polygon.points]))
    np.testing.assert_array_equal(landslide_points(both), places)
    assert small == of_polygon.small


def test_radii_are_for_the_points_of_an_inventory_with_both(tmp_path):
    points = slides(random_points(UTM, 5, 3, margin=-0.1), scale=["large", "small", "large", "small", "small"])
    outline = Polygons("both", geometries=[{"type": "Polygon", "coordinates": [blob(UTM, 5, 9)]}])
    scale = {"scale": [*points.fields["scale"], None]}
    both = PointsAndPolygons("both", fields=scale, points=points, polygons=outline)
    found = []
    for number, landslides in enumerate((both, points, outline)):
        folder = tmp_path / str(number)
        folder.mkdir()
        sizes = {} if landslides is outline else {"scale_field": "scale", "radii": {"large": 150.0, "small": 60.0}}
        assert build(folder, landslides, **sizes).used == len(landslides)
        with rasterio.open(folder / "labels.tif") as dataset:
            found.append(dataset.read(1) == LANDSLIDE)
    np.testing.assert_array_equal(found[0], found[1] | found[2])


def test_area_mask_by_blocks_and_over_the_border():
    rings = [blob(UTM, 3, 15.0), blob(UTM, 4, 10.0)]
    area = Polygons(name="area", geometries=[{"type": "Polygon", "coordinates": [ring]} for ring in rings])
    mask = AreaMask(UTM, area)
    expected = np.any([even_odd(UTM, [ring]) for ring in rings], axis=0)
    whole = mask.read(Block(-5, -5, 60, 80))
    assert np.array_equal(whole[5:55, 5:75], expected) and whole.sum() == expected.sum()
    for block in UTM.blocks(16):
        part = expected[block.slices]
        assert np.array_equal(mask.read(block), part) and (mask.may_intersect(block) or not part.any())
    assert AreaMask(UTM, None).read(Block(-5, -5, 60, 80)).sum() == UTM.width * UTM.height
    with pytest.raises(LayerEmpty, match="no polygon"):
        AreaMask(UTM, Polygons(name="area"))
