"""Labels: discs against brute force on the ellipsoid, polygons against even-odd, sizes in many spellings."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from scarp.model.errors import Cancelled, FieldUnusable, LayerEmpty, NoOverlap, ParameterInvalid, TooFewData
from scarp.model.factors.polygons import AreaMask
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.labels import LANDSLIDE, STABLE, UNKNOWN
from scarp.model.labels.buffers import PointBuffers, PolygonBuffers, interior_point
from scarp.model.labels.scales import DEFAULT_RADII, assign_radii
from scarp.model.progress import NullProgress
from scarp.tests.core.conftest import (
    Listener,
    box,
    build_buffered_labels,
    by_blocks,
    degree_grid,
    read_band,
    utm_grid,
    write_raster,
)

UTM = utm_grid(50, 70, top=3.3e6)
OBLONG = Grid(UTM.crs, from_origin(500000.0, 3300000.0, 12.5, 40.0), 90, 40)
LATITUDES = (0.005, 30.0, 60.0, -45.0)
GRIDS = {"utm": UTM, "oblong": OBLONG}
GRIDS |= {f"latitude {latitude:g}": degree_grid(50, 60, left=95.0, top=latitude) for latitude in LATITUDES}


def random_points(grid: Grid, count: int, seed: int, margin: float = 0.1) -> np.ndarray:
    """Points over the grid and a margin around it."""
    rng = np.random.default_rng(seed)
    left, bottom, right, top = grid.bounds
    spread = rng.uniform(-margin, 1 + margin, (count, 2))
    return np.stack([left + spread[:, 0] * (right - left), bottom + spread[:, 1] * (top - bottom)], axis=1)


def on_the_ellipsoid(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Earth-centred coordinates in metres on WGS 84, for straight-line distances."""
    a, f = 6378137.0, 1 / 298.257223563
    lam, phi = np.radians(longitude), np.radians(latitude)
    n = a / np.sqrt(1 - f * (2 - f) * np.sin(phi) ** 2)
    return np.stack(
        [n * np.cos(phi) * np.cos(lam), n * np.cos(phi) * np.sin(lam), n * (1 - f) ** 2 * np.sin(phi)], axis=-1
    )


def distances(grid: Grid, xy: np.ndarray) -> np.ndarray:
    """Metres from every cell centre to every point, shape (points, rows, columns), without the code under test."""
    t = grid.transform
    x = t.c + t.a * (np.arange(grid.width) + 0.5)
    y = t.f + t.e * (np.arange(grid.height) + 0.5)
    x, y = np.meshgrid(x, y)
    if not grid.is_geographic:
        return np.hypot(x[None] - xy[:, 0, None, None], y[None] - xy[:, 1, None, None])
    cells, points = on_the_ellipsoid(x, y), on_the_ellipsoid(xy[:, 0], xy[:, 1])
    return np.sqrt(((cells[None] - points[:, None, None]) ** 2).sum(axis=-1))


def reference(folder, values: np.ndarray | None = None) -> str:
    """A raster of ones, or of the values given (NaN for nodata)."""
    values = np.ones(UTM.shape) if values is None else values
    return write_raster(folder / "r.tif", values.astype(np.float32), UTM)


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
    rng = np.random.default_rng(seed)
    radius = rng.choice([3.0, 45.0, 150.0, 333.0], len(xy))
    ring = 200.0
    inside, near = by_blocks(grid, PointBuffers(grid, xy, radius, ring).read, 17)
    distance = distances(grid, xy)
    slack = 0.01
    surely = (distance <= radius[:, None, None] - slack).any(axis=0)
    maybe = (distance <= radius[:, None, None] + slack).any(axis=0)
    row, column, within = grid.cell_indices(xy)
    own = np.zeros(grid.shape, dtype=bool)
    own[row[within], column[within]] = True
    assert not (surely & ~inside).any()
    assert not (inside & ~maybe & ~own).any()
    assert inside[own].all()
    assert not ((distance <= ring - slack).any(axis=0) & ~near).any()
    assert not (near & ~(distance <= ring + slack).any(axis=0)).any()
    assert surely.any()
    assert not inside.all()


def test_a_centre_exactly_on_the_circle_counts():
    """A 3-4-5 triangle of cells: 180 m and 240 m off is 300 m."""
    left, top = UTM.transform.c, UTM.transform.f
    for shift in (0.0, 0.1, 1 / 3):
        grid = Grid(UTM.crs, from_origin(left + shift, top - shift, 30.0, 30.0), 70, 50)
        centre = np.array([[left + shift + 30.5 * 30, top - shift - 20.5 * 30]])
        inside, _ = PointBuffers(grid, centre, np.array([300.0]), 0.0).read(Block(0, 0, 50, 70))
        offsets = np.hypot(*np.meshgrid(np.arange(70) - 30, np.arange(50) - 20))
        assert np.array_equal(inside, offsets <= 10)
        assert inside[26, 38]
        assert inside[10, 30]


def test_chunks_of_a_large_inventory_change_nothing(monkeypatch):
    xy = random_points(UTM, 300, 3)
    radius = np.full(300, 50.0)
    block = Block(0, 0, *UTM.shape)
    whole = PointBuffers(UTM, xy, radius, 90.0).read(block)
    monkeypatch.setattr("scarp.model.labels.buffers.MAX_SPANS", 20)
    parts = PointBuffers(UTM, xy, radius, 90.0).read(block)
    assert np.array_equal(whole[0], parts[0])
    assert np.array_equal(whole[1], parts[1])


def test_labels_of_points(tmp_path):
    """Radius, ring, area and nodata together, against distances by brute force."""
    values = np.ones(UTM.shape)
    values[:8, :10] = np.nan
    left, bottom, _, top = UTM.bounds
    area = polygons(box(left, bottom, left + 55 * 30, top))
    xy = random_points(UTM, 12, 5, margin=0.0)
    points = Points(name="slides", fields={"size": ["Large", "small"] * 6}, xy=np.concatenate([xy, xy[:1]])[:13])
    points.fields["size"].append("Large")
    reference(tmp_path, values)
    radii = {"large": 100.0, "small": 40.0}
    summary = build(tmp_path, points, scale_field="size", radii=radii, ring=130.0, area=area)
    distance = distances(UTM, points.xy)
    radius = np.array([100.0, 40.0] * 6 + [100.0])[:, None, None]
    expected = np.where((distance <= 130.0).any(axis=0), UNKNOWN, STABLE)
    expected[(distance <= radius).any(axis=0)] = LANDSLIDE
    row, column, _ = UTM.cell_indices(points.xy)
    expected[row, column] = LANDSLIDE
    expected[:, 55:] = UNKNOWN
    expected[:8, :10] = UNKNOWN
    found = read_band(tmp_path / "labels.tif")
    assert np.array_equal(found, expected)
    assert summary.landslide_cells == (expected == 1).sum()
    assert summary.stable_cells == (expected == 0).sum()
    assert summary.unknown_cells == (expected == 255).sum()
    assert summary.ratio == pytest.approx((expected == 0).sum() / (expected == 1).sum())
    assert summary.landslide_km2 == pytest.approx((expected == 1).sum() * 900 / 1e6)
    assert (summary.used, summary.outside, summary.duplicates) == (13, 0, 1)
    assert summary.used_by_scale == {"large": 7, "small": 6}
    unknown = np.zeros(UTM.shape, dtype=bool)
    unknown[:, 55:] = unknown[:8, :10] = True
    assert summary.on_unknown == unknown[row, column].sum()
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        assert dataset.nodata == 255
        assert dataset.dtypes == ("uint8",)
        Grid.from_dataset(dataset, "labels").require_same(UTM, "labels", "reference")
    record = json.loads((tmp_path / "labels.tif.run.json").read_text())
    assert record["summary"]["landslide_cells"] == summary.landslide_cells
    assert "sha256" in record["inputs"]["REFERENCE"]


def test_no_landslide_vanishes_however_small_the_radius(tmp_path):
    xy = random_points(UTM, 40, 8, margin=0.0)
    build(tmp_path, slides(xy), radii={"unrecorded": 0.0})
    row, column, _ = UTM.cell_indices(xy)
    found = read_band(tmp_path / "labels.tif")
    assert (found[row, column] == LANDSLIDE).all()
    assert (found == LANDSLIDE).sum() == len(set(zip(row, column)))


def test_points_outside_the_grid_are_counted_and_reach_in(tmp_path):
    left, _, _, top = UTM.bounds
    xy = np.array([[left - 40.0, top - 700.0], [left + 900.0, top - 700.0], [left - 1e6, top], [np.nan, np.nan]])
    progress = NullProgress()
    summary = build(tmp_path, slides(xy), radii={"unrecorded": 100.0}, progress=progress)
    assert (summary.landslides, summary.used, summary.outside) == (4, 1, 3)
    assert any("3 landslides" in text and "outside" in text for text in progress.warnings)
    assert read_band(tmp_path / "labels.tif")[23, 0] == LANDSLIDE


def test_none_inside_is_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(LayerEmpty, match="inside the reference"):
        build(tmp_path, slides([[0.0, 0.0]]))
    with pytest.raises(LayerEmpty, match="no feature"):
        build(tmp_path, Points(name="slides"))
    assert [path.name for path in tmp_path.iterdir()] == ["r.tif"]


def test_area_elsewhere_and_area_without_landslides(tmp_path):
    left, bottom, right, top = UTM.bounds
    points = slides([[left + 50, top - 50]])
    with pytest.raises(NoOverlap, match="AREA"):
        build(tmp_path, points, area=polygons(box(0, 0, 1, 1)))
    far = polygons(box(right - 90, bottom, right, bottom + 90))
    with pytest.raises(TooFewData, match="AREA"):
        build(tmp_path, points, area=far, radii={"unrecorded": 60})
    assert not (tmp_path / "labels.tif").exists()


def test_cancel_leaves_nothing(tmp_path):
    with pytest.raises(Cancelled):
        build(tmp_path, slides(random_points(UTM, 3, 1, 0.0)), progress=Listener(cancel_after=0))
    assert [path.name for path in tmp_path.iterdir()] == ["r.tif"]


def test_radii_too_large_for_the_inventory_are_warned_about(tmp_path):
    progress = NullProgress()
    build(tmp_path, slides(random_points(UTM, 40, 1, 0.0)), progress=progress)
    assert any("radii are large" in text or "No stable cell" in text for text in progress.warnings)


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
    assert assigned.radius[0] == DEFAULT_RADII[row]
    assert not progress.warnings


@pytest.mark.parametrize("value", [2, 2.0, "2", " 2.0 ", np.int64(2), np.float32(2)])
def test_codes_match_the_table_as_number_or_text(value):
    assigned = assign_radii([value], 1, {"1": 30, "2": 60, "unrecorded": 30}, "scale", NullProgress())
    assert assigned.radius[0] == 60
    assert assign_radii([value], 1, {"2.0": 60}, "scale", NullProgress()).radius[0] == 60


def test_codes_that_the_table_does_not_list_are_never_guessed():
    with pytest.raises(ParameterInvalid, match=r"codes 1, 3, 10,"):
        assign_radii([3, 10, "small", 1.0, 3], 5, DEFAULT_RADII, "scale_class", NullProgress())


def test_unknown_words_use_unrecorded_with_a_warning_that_counts():
    progress = NullProgress()
    assigned = assign_radii(["rockfall", "rockfall", "flow", "small"], 4, DEFAULT_RADII, "type", progress)
    assert list(assigned.radius) == [300.0] * 4
    assert assigned.counts["unrecorded"] == 3
    assert '"rockfall" (2)' in progress.warnings[0]
    assert progress.warnings[0].startswith("3 landslides")


def test_without_a_row_for_unrecorded_the_smallest_radius_is_used_and_said():
    progress = NullProgress()
    assigned = assign_radii([1, None], 2, {"1": 90, "2": 60}, "class", progress)
    assert list(assigned.radius) == [90, 60]
    assert "no row" in progress.warnings[0]


def test_user_rows_in_their_own_spelling_meet_values_in_another():
    assigned = assign_radii(["large", "中型"], 2, {"大型": 50, "Mid": 20}, "class", NullProgress())
    assert list(assigned.radius) == [50, 20]
    assert assigned.counts == {"大型": 1, "Mid": 1}


@pytest.mark.parametrize(
    "radii",
    [
        {},
        {"large": -1.0},
        {"large": float("nan")},
        {"large": 1.0, "Large ": 2.0},
        {"2": 1.0, "2.0": 3.0},
        {"unrecorded": 1.0, "unknown": 2.0},
    ],
)
def test_tables_that_cannot_be_used(radii):
    with pytest.raises(ParameterInvalid, match="RADII"):
        assign_radii(["large"], 1, radii, "scale", NullProgress())


def test_wrong_field_and_wrong_ring(tmp_path):
    points = slides(random_points(UTM, 1, 1, 0.0), size=[1])
    with pytest.raises(FieldUnusable, match="size"):
        build(tmp_path, points, scale_field="scale")
    with pytest.raises(ParameterInvalid, match="RING"):
        build(tmp_path, points, ring=-1.0)


def test_a_ring_within_the_radius_is_warned_about(tmp_path):
    progress = NullProgress()
    points = slides(random_points(UTM, 2, 1, 0.0))
    summary = build(tmp_path, points, radii={"unrecorded": 90.0}, ring=80.0, progress=progress)
    assert summary.unknown_cells == 0
    assert any("RING" in text for text in progress.warnings)


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
    rng = np.random.default_rng(seed)
    centre = random_points(grid, 1, seed, margin=-0.2)[0]
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
    core = np.any([even_odd(grid, [ring]) for ring in rings], axis=0)
    ring = 110.0 if radius else 0.0
    buffers = PolygonBuffers(grid, polygons, np.full(4, radius), ring, NullProgress())
    inside, near = by_blocks(grid, buffers.read, 16)
    assert buffers.small == 0
    t = grid.transform
    row, column = np.nonzero(core)
    centres = np.stack([t.c + t.a * (column + 0.5), t.f + t.e * (row + 0.5)], axis=1)
    nearest = distances(grid, centres).min(axis=0)
    assert (inside[nearest <= radius - 0.05]).all()
    assert not inside[nearest > radius + 0.05].any()
    assert (near[nearest <= ring - 0.05]).all() if ring else not near.any()
    assert not near[nearest > ring + 0.05].any()


def test_polygons_smaller_than_a_cell_are_not_lost(tmp_path):
    left, _, _, top = UTM.bounds
    tiny = [
        box(left + 30 * c + 2, top - 30 * r - 9, left + 30 * c + 9, top - 30 * r - 2)
        for r, c in ((3, 4), (20, 30), (49, 69))
    ]
    hidden = box(left + 30 * 9, top - 30 * 13, left + 30 * 13, top - 30 * 9)
    small = polygons(*tiny, hidden, hidden)
    summary = build(tmp_path, small, radii=DEFAULT_RADII)
    expected = np.zeros(UTM.shape)
    for row, column in ((3, 4), (20, 30), (49, 69)):
        expected[row, column] = 1
    expected[9:13, 9:13] = 1
    assert np.array_equal(read_band(tmp_path / "labels.tif"), expected)
    assert summary.small_polygons == 3
    assert summary.landslide_cells == 19


def test_a_point_inside_any_polygon():
    hole = {
        "type": "Polygon",
        "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], [[1, 1], [9, 1], [9, 9], [1, 9], [1, 1]]],
    }
    crescent = {
        "type": "Polygon",
        "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 8], [8, 8], [8, 2], [0, 2], [0, 0]]],
    }
    two = {"type": "MultiPolygon", "coordinates": [[[[20, 0], [21, 0], [21, 1], [20, 0]]], hole["coordinates"]]}
    for shape in (hole, crescent, two):
        x, y = interior_point(shape)
        one = Grid(UTM.crs, from_origin(x - 0.5, y + 0.5, 1.0, 1.0), 1, 1)
        part = shape["coordinates"][1] if shape["type"] == "MultiPolygon" else shape["coordinates"]
        assert even_odd(one, part)[0, 0]


def test_area_mask_by_blocks_and_over_the_border():
    rings = [blob(UTM, 3, 15.0), blob(UTM, 4, 10.0)]
    area = Polygons(name="area", geometries=[{"type": "Polygon", "coordinates": [ring]} for ring in rings])
    mask = AreaMask(UTM, area)
    expected = np.any([even_odd(UTM, [ring]) for ring in rings], axis=0)
    whole = mask.read(Block(-5, -5, 60, 80))
    assert np.array_equal(whole[5:55, 5:75], expected)
    assert whole.sum() == expected.sum()
    for block in UTM.blocks(16):
        part = expected[block.row : block.row + block.height, block.column : block.column + block.width]
        assert np.array_equal(mask.read(block), part)
        assert mask.may_intersect(block) or not part.any()
    assert AreaMask(UTM, None).read(Block(-5, -5, 60, 80)).sum() == UTM.width * UTM.height
    with pytest.raises(LayerEmpty, match="no polygon"):
        AreaMask(UTM, Polygons(name="area"))


def test_kaghan_with_radii_for_its_size_classes(real_data, tmp_path):
    """The real inventory: classes are codes, so RADII must list them; the duplicates that SOURCE.md names are found."""
    import sqlite3
    import struct

    folder = real_data / "kaghan_pk"
    with sqlite3.connect(f"file:{folder / 'landslides.gpkg'}?immutable=1", uri=True) as base:
        table, column = base.execute("select table_name, column_name from gpkg_geometry_columns").fetchone()
        rows = base.execute(f'select "{column}", scale_class from "{table}"').fetchall()
    xy = np.array([struct.unpack("<2d", blob_[-16:]) for blob_, _ in rows])
    points = Points(name="landslides", fields={"scale_class": [value for _, value in rows]}, xy=xy)
    paths, settings = (folder / "dem.tif", tmp_path / "l.tif"), {"scale_field": "scale_class"}
    with pytest.raises(ParameterInvalid, match="codes 1, 2, 3"):
        build_buffered_labels(points, *paths, radii=DEFAULT_RADII, **settings)
    summary = build_buffered_labels(points, *paths, radii={"1": 30, "2": 60, "3": 120}, ring=150.0, **settings)
    assert summary.landslides == 2827
    assert summary.duplicates > 0
    assert 0.01 < summary.landslide_cells / (826 * 987) < 0.2
    assert summary.landslide_cells + summary.stable_cells + summary.unknown_cells == 826 * 987
