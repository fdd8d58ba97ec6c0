"""Exposure by zone against Shapely (GEOS): intersection with the rectangles of cells, and with polygons of zones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import shapes
from shapely import geometry

from scarp.model.errors import LayerEmpty, NoOverlap, ParameterInvalid
from scarp.model.exposure.count import count_exposure
from scarp.model.exposure.overlay import Edges, Rings
from scarp.model.exposure.settings import FIELDS, HIGHEST_ZONE, LARGEST_PART, ExposureLayers, ExposureOptions
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.jobs.exposure_by_zone import exposure_by_zone
from scarp.model.progress import NullProgress
from scarp.tests.core.conftest import Listener, at_cells, box, cell_box, degree_grid, read_csv, utm_grid, write_raster

NAMES = {1: "low", 2: "medium", 3: "high"}


@pytest.fixture(autouse=True)
def flat_scale(request, monkeypatch):
    """Map metres are metres on the ground, as Shapely measures, except in tests of just that."""
    if "ground" not in request.node.name:
        monkeypatch.setattr(Grid, "scale_factor", lambda self, block=None: 1.0)


def cells_of(grid: Grid) -> np.ndarray:
    """The rectangle of each cell, an array of Shapely geometries of the grid's shape."""
    rows, columns = np.indices(grid.shape)
    low, high = (
        at_cells(grid, rows.ravel() + 1, columns.ravel(), 0),
        at_cells(grid, rows.ravel(), columns.ravel() + 1, 0),
    )
    return shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]).reshape(grid.shape)


def random_polygons(grid: Grid, count: int, seed: int, reach: float = 400) -> list:
    """Stars of all sizes, some with a hole or two parts, some beyond the grid."""
    rng, (left, bottom, right, top) = np.random.default_rng(seed), grid.bounds
    found = []
    while len(found) < count:
        middle = rng.uniform([left - 100, bottom - 100], [right + 100, top + 100])
        turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
        radius = rng.uniform(3, reach, len(turns)) * rng.uniform(0.02, 1)
        shape = shapely.make_valid(geometry.Polygon(np.c_[np.cos(turns), np.sin(turns)] * radius[:, None] + middle))
        if len(found) % 3 == 0:
            shape = shape.difference(shape.centroid.buffer(20))
        if len(found) % 5 == 0:
            shape = shape.union(geometry.box(*middle + 450, *middle + 480))
        if shape.geom_type in ("Polygon", "MultiPolygon") and not shape.is_empty:
            found.append(shape)
    return found


def as_layer(polygons: list, name: str = "buildings", **fields) -> Polygons:
    return Polygons(name, fields=fields, geometries=[geometry.mapping(one) for one in polygons])


def by_cell(pieces, features: int, grid: Grid, side: int) -> np.ndarray:
    """Sizes by feature and cell."""
    found = np.zeros((features, *grid.shape))
    for block in grid.blocks(side):
        for piece in pieces(block):
            np.add.at(found, (piece.feature, piece.row + block.row, piece.column + block.column), piece.size)
    return found


@pytest.mark.parametrize("side", [7, 1024])
def test_area_of_polygons_in_each_cell(side):
    grid = utm_grid(30, 40)
    polygons = random_polygons(grid, 40, 1)
    found = by_cell(Rings(as_layer(polygons), grid).areas, len(polygons), grid, side)
    wanted = np.array([shapely.intersection(one, cells_of(grid)) for one in polygons])
    np.testing.assert_allclose(found, shapely.area(wanted), atol=1e-6)


@pytest.mark.parametrize("side", [7, 1024])
def test_length_of_lines_in_each_cell(side):
    grid, rng = utm_grid(30, 40), np.random.default_rng(2)
    left, bottom, right, top = grid.bounds
    lines = [rng.uniform([left - 200, bottom - 200], [right + 200, top + 200], (n, 2)) for n in rng.integers(2, 9, 30)]
    # Not along borders of cells, where it is a matter of taste to which cell it belongs.
    found = by_cell(Edges(lines, np.arange(30), grid).lengths, 30, grid, side)
    wanted = np.array([shapely.intersection(geometry.LineString(one), cells_of(grid)) for one in lines])
    np.testing.assert_allclose(found, shapely.length(wanted), atol=1e-6)


def test_a_line_along_a_border_of_cells_counts_once():
    grid = utm_grid(4, 5)
    line = at_cells(grid, [2, 2], [1, 4], 0)
    found = by_cell(Edges([line], np.zeros(1, dtype=int), grid).lengths, 1, grid, 2)
    assert found.sum() == pytest.approx(90)
    assert (found > 0).sum() == 3


@pytest.mark.parametrize("swapped", [False, True])
def test_direction_of_rings_does_not_matter(swapped):
    grid = utm_grid(10, 10)
    outer, hole = (np.array(cell_box(grid, *one)["coordinates"][0]) for one in ((1, 1, 6, 6), (2, 2, 2, 3)))
    rings = [outer[::-1], hole] if swapped else [outer, hole[::-1]]
    layer = Polygons("b", geometries=[{"type": "Polygon", "coordinates": rings}])
    found = by_cell(Rings(layer, grid).areas, 1, grid, 4)
    assert found.sum() == pytest.approx((36 - 6) * 900)
    assert found.min() > -1e-6


def test_areas_and_lengths_by_zone_against_polygons_of_the_zones():
    grid, rng = utm_grid(40, 50), np.random.default_rng(3)
    zones = rng.integers(0, 4, (8, 10), dtype=np.uint8).repeat(5, axis=0).repeat(5, axis=1)
    polygons = random_polygons(grid, 50, 4)
    lines = [np.array(one.exterior.coords) for one in polygons if one.geom_type == "Polygon"]
    found = count_exposure(
        grid,
        lambda block: zones[block.slices],
        NAMES,
        ExposureLayers([as_layer(polygons), Lines("roads", parts=lines)]),
        LARGEST_PART,
        NullProgress(),
    )
    merged = {zone: [] for zone in range(4)}
    for shape, zone in shapes(zones, transform=grid.transform):
        merged[int(zone)].append(geometry.shape(shape))
    buildings, roads = found.layers
    zone_shapes = [shapely.union_all(merged[zone]) for zone in range(4)]
    by_zone = np.array([[one.intersection(zone).area for zone in zone_shapes] for one in polygons])
    np.testing.assert_allclose(buildings.size[0, 0], by_zone.sum(axis=0), rtol=1e-9)
    on_map = by_zone.sum(axis=1) > 0
    counted = np.bincount(by_zone.argmax(axis=1)[on_map], minlength=4)
    assert buildings.number[0, 0].tolist() == counted.tolist()
    assert buildings.off_map == np.count_nonzero(~on_map)
    length = [sum(geometry.LineString(one).intersection(zone).length for one in lines) for zone in zone_shapes]
    # Where an edge of a building is cut by rounding along a border, GEOS counts it in both zones.
    np.testing.assert_allclose(roads.size[0, 0], length, rtol=1e-6)


def test_a_building_counts_in_its_largest_part_or_in_the_highest_zone_that_it_reaches():
    grid = utm_grid(4, 4)
    zones = np.array([[1, 1, 3, 3]] * 4, dtype=np.uint8)
    layer = Polygons("b", geometries=[cell_box(grid, 1, 0.5, 1, 1.7), cell_box(grid, 2, 0.2, 1, 1)])

    def counted(how: str) -> list[int]:
        layers = ExposureLayers([layer])
        found = count_exposure(grid, lambda block: zones[block.slices], NAMES, layers, how, NullProgress())
        assert found.layers[0].size[0, 0] / 900 == pytest.approx([0, 2.5, 0, 0.2])
        return found.layers[0].number[0, 0].tolist()

    assert counted(LARGEST_PART) == [0, 2, 0, 0]
    assert counted(HIGHEST_ZONE) == [0, 1, 0, 1]


@pytest.fixture
def city(tmp_path):
    """Zones, and layers of buildings, roads and schools in three districts that overlap in part."""
    grid = utm_grid(60, 80)
    rng = np.random.default_rng(5)
    zones = rng.integers(1, 4, grid.shape).astype(np.uint8)
    zones[:, :8] = 0
    polygons = random_polygons(grid, 80, 6, 60)
    use = [["home", "shop", None][number % 3] for number in range(80)]
    schools = Points("schools", xy=at_cells(grid, rng.uniform(-5, 60, 90), rng.uniform(0, 80, 90), 0))
    roads = Lines("roads", parts=[at_cells(grid, rng.uniform(0, 60, 5), rng.uniform(0, 80, 5), 0) for _ in range(9)])
    regions = Polygons(
        "districts",
        fields={"name": ["east", "west", "west"]},
        geometries=[cell_box(grid, 0, 40, 60, 40), cell_box(grid, 0, 0, 30, 40), cell_box(grid, 30, 0, 30, 20)],
    )
    path = write_raster(tmp_path / "zones.tif", zones, grid, nodata=0)
    return grid, zones, path, ExposureLayers([as_layer(polygons, use=use), roads, schools], regions, "name")


def sums(rows: list[dict], **chosen: str) -> tuple[float, float, float]:
    kept = [row for row in rows if all(row[name] == value for name, value in chosen.items())]
    return tuple(sum(float(row[name] or 0) for row in kept) for name in ("number", "length_m", "area_m2"))


def test_table_of_layers_kinds_regions_and_zones(city, tmp_path):
    grid, zones, path, layers = city
    summary = exposure_by_zone(path, layers, output_table=tmp_path / "e.csv", progress=NullProgress())
    rows = read_csv(tmp_path / "e.csv")
    assert list(rows[0]) == [name for name, _ in FIELDS]
    assert len(rows) == len(summary.rows) == len(json.loads((tmp_path / "e.json").read_text()))
    assert {row["kind"] for row in rows if row["layer"] == "buildings"} == {"home", "shop", "(no kind)"}
    # Points: by the cell that holds each.
    row, column, inside = grid.cell_indices(layers.exposed[2].xy)
    at = np.bincount(zones[row[inside], column[inside]], minlength=4)
    for zone in range(4):
        assert sums(rows, layer="schools", region="all", zone=str(zone))[0] == at[zone]
    assert any("schools" in text and f"{np.count_nonzero(~inside)} of 90" in text for text in summary.warnings)
    # Regions: cells by their centre, here borders of cells, so the polygons themselves.
    for name, shape in (("east", layers.regions.geometries[:1]), ("west", layers.regions.geometries[1:])):
        region = shapely.union_all([geometry.shape(one) for one in shape])
        area = sum(geometry.shape(one).intersection(region).area for one in layers.exposed[0].geometries)
        assert sums(rows, layer="buildings", region=name)[2] == pytest.approx(area)
        length = sum(geometry.LineString(one).intersection(region).length for one in layers.exposed[1].parts)
        assert sums(rows, layer="roads", region=name)[1] == pytest.approx(length)
        points = shapely.points(layers.exposed[2].xy)
        assert sums(rows, layer="schools", region=name)[0] == np.count_nonzero(region.contains(points))
    parts = [sums(rows, layer="buildings", region=name)[0] for name in ("all", "east", "west")]
    assert parts[0] >= parts[1] + parts[2] > 0
    for kind in ("home", "shop"):
        shares = [float(one["share"]) for one in rows if one["kind"] == kind and one["region"] == "all"]
        assert sum(shares) == pytest.approx(1)


def test_the_same_result_for_any_blocks_and_order_of_features(city, tmp_path, monkeypatch):
    grid, zones, _, layers = city

    def result(layers: ExposureLayers) -> list:
        read = lambda block: zones[block.slices]  # noqa: E731
        return list(count_exposure(grid, read, NAMES, layers, LARGEST_PART, NullProgress()).rows())

    whole = result(layers)
    assert whole == result(layers)
    monkeypatch.setattr("scarp.model.exposure.overlay.MAX_CELLS", 50)
    monkeypatch.setattr("scarp.model.exposure.overlay.MAX_EDGES", 10)
    blocks = Grid.blocks
    monkeypatch.setattr(Grid, "blocks", lambda self, side=13: blocks(self, 13))
    monkeypatch.setattr(Grid, "block_count", lambda self, side=13: len(list(blocks(self, 13))))
    for one, other in zip(whole, result(layers)):
        assert one[:7] == other[:7]
        assert one[7:] == pytest.approx(other[7:], nan_ok=True)


def test_metres_on_the_ground_in_degrees_and_in_web_mercator():
    """A square of a kilometre at 60 degrees north, measured on the ellipsoid, and 20 km that cross its cells."""
    degrees = degree_grid(1200, 2400, 1 / 3600, 10.0, 60.2)
    m, n = 111412.24, 55800.0  # metres per degree of latitude and longitude at 60 degrees on WGS 84
    side = box(10.2, 60.0, 10.2 + 1000 / n, 60.0 + 1000 / m)
    line = np.array([[10.1, 60.0], [10.1 + 20000 / n, 60.0]])
    layers = ExposureLayers([Polygons("b", geometries=[side]), Lines("r", parts=[line])])

    def sizes(grid: Grid, layers: ExposureLayers) -> list[float]:
        read = lambda block: np.ones(block.shape, dtype=np.uint8)  # noqa: E731
        found = count_exposure(grid, read, NAMES, layers, LARGEST_PART, NullProgress())
        return [one.size.sum() for one in found.layers]

    assert sizes(degrees, layers) == pytest.approx([1e6, 20000], rel=1e-3)
    radius = 6378137.0

    def mercator(xy) -> np.ndarray:
        x, y = np.radians(np.asarray(xy, dtype=float)).T
        return np.stack([radius * x, radius * np.log(np.tan(np.pi / 4 + y / 2))], axis=1)

    left, top = mercator([[10.0, 60.2]])[0]
    grid = Grid(CRS.from_epsg(3857), Affine(60, 0, left, 0, -60, top), 1400, 1400)
    projected = ExposureLayers(
        [
            Polygons("b", geometries=[{"type": "Polygon", "coordinates": [mercator(side["coordinates"][0])]}]),
            Lines("r", parts=[mercator(line)]),
        ]
    )
    assert sizes(grid, projected) == pytest.approx([1e6, 20000], rel=1e-3)


def test_only_blocks_with_something_in_them_are_read():
    grid = utm_grid(5000, 5000, 10)
    layer = Polygons("b", geometries=[cell_box(grid, 3000.2, 100.5, 4, 3)])
    read = []

    def zones(block):
        read.append((block.row, block.column))
        return np.full(block.shape, 2, dtype=np.uint8)

    found = count_exposure(grid, zones, NAMES, ExposureLayers([layer]), LARGEST_PART, NullProgress())
    assert read == [(2048, 0)]
    assert found.layers[0].size[0, 0, 2] == pytest.approx(1200)


def test_what_is_wrong_is_said(city, tmp_path):
    _, _, path, layers = city

    def run(exposed, regions=None):
        layers = ExposureLayers(exposed, regions)
        exposure_by_zone(path, layers, output_table=tmp_path / "e.csv", progress=NullProgress())

    with pytest.raises(LayerEmpty, match='"empty" has nothing to count'):
        run([Points("empty")])
    with pytest.raises(NoOverlap, match='Nothing of "far" lies on the map. Check the CRS'):
        run([Points("far", xy=np.array([[0.0, 0.0]]))])
    with pytest.raises(NoOverlap, match="given as REGIONS overlaps"):
        run(layers.exposed, Polygons("away", geometries=[box(0, 0, 1, 1)]))
    many = Points("many", fields={"id": list(range(101))}, xy=np.repeat(layers.exposed[2].xy[:1], 101, axis=0))
    with pytest.raises(ParameterInvalid, match='"id" of the layer "many" has 101 different values'):
        run([many])
    assert not list(tmp_path.glob("e.*"))


def test_options_and_record(city, tmp_path):
    _, _, path, layers = city
    listener = Listener()
    options = ExposureOptions(HIGHEST_ZONE)
    exposure_by_zone(path, layers, options=options, output_table=tmp_path / "e.csv", progress=listener)
    record = json.loads((tmp_path / "e.csv.run.json").read_text())
    assert record["parameters"] == {"COUNT_IN": HIGHEST_ZONE, "REGION_FIELD": "name"}
    assert [one["source"] for one in record["inputs"]["EXPOSURE"]] == ["buildings", "roads", "schools"]
    assert record["summary"]["regions"] == ["east", "west"]
    assert any("roads, zone 2" in text and "km" in text for text in listener.texts)
