"""``scarp:buildslopeunits``: flow routing, nested half-basins, pieces and the units that come of them."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.transform import from_origin
from scipy import ndimage
from shapely import wkb

from scarp.model.errors import Cancelled, GridUnsupported, ParameterInvalid, TooFewData
from scarp.model.grid import Grid
from scarp.model.jobs.build_slope_units import build_slope_units
from scarp.model.progress import NullProgress
from scarp.model.slope_units import build, flow_routing, half_basins, pieces
from scarp.model.slope_units.delineation import measure
from scarp.model.slope_units.settings import UNIT_FIELDS, SlopeUnitOptions
from scarp.tests.core.conftest import Listener

PROJECTED, DEGREES = ("EPSG:32633", 30.0, 5_000_000.0), ("EPSG:4326", 1 / 3600, 46.0)


def hills(rows=160, columns=200, seed=1, rough=2.0):
    """Return a mountain range of noise with many pits, in metres."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(columns), np.fft.fftfreq(rows)))
    frequency[0, 0] = 1
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((rows, columns))) / frequency**1.7).real
    return (1000 + 300 * noise / noise.std() + rng.normal(0, rough, (rows, columns))).astype(np.float32)


def write_dem(path, elevation, place=PROJECTED, nodata=-9999.0):
    crs, cell, north = place
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": crs, "nodata": nodata}
    profile.update(height=elevation.shape[0], width=elevation.shape[1], transform=from_origin(10, north, cell, cell))
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.where(np.isnan(elevation), nodata, elevation).astype(np.float32), 1)
    return path


def bordered(elevation):
    return np.pad(elevation.astype(np.float32), 1, constant_values=np.nan)


def grid_of(elevation, place=PROJECTED):
    crs, cell, north = place
    return Grid(rasterio.crs.CRS.from_string(crs), from_origin(10, north, cell, cell), *elevation.shape[::-1])


def route(elevation, place=PROJECTED):
    return flow_routing.route_flow(bordered(elevation), grid_of(elevation, place), NullProgress())


@pytest.fixture
def land():
    """Hills with a lake, a flat with a rim, a hole without data and a corner without data."""
    elevation = hills()
    elevation[40:60, 50:80] = elevation[40:60, 50:80].min()
    elevation[100:112, 100:120] = 900
    elevation[80:90, 150:160] = np.nan
    elevation[:30, :20] = np.nan
    return elevation


@pytest.fixture(params=[1 << 20, 1 << 11], ids=["one_strip", "strips"])
def strips(request, monkeypatch):
    for module in (flow_routing, build):
        monkeypatch.setattr(module, "STRIP_CELLS", request.param)


@pytest.mark.parametrize("place", [PROJECTED, DEGREES], ids=["metres", "degrees"])
def test_all_water_leaves_the_land_and_is_counted_once(land, place, strips):
    flow = route(land, place)
    to, area, offsets = flow.direction.ravel(), flow.area.ravel(), flow.offsets
    known = np.flatnonzero(np.isfinite(bordered(land)).ravel())
    assert sorted(flow.order) == list(known) and (to[known] <= flow_routing.OUTLET).all()
    place_in_order = np.empty(to.size, dtype=int)
    place_in_order[flow.order] = np.arange(len(flow.order))
    flowing = flow.order[to[flow.order] < flow_routing.OUTLET]
    below = flowing + offsets[to[flowing]]
    assert (place_in_order[below] > place_in_order[flowing]).all() and np.isin(below, known).all()
    # Summed up one cell after the other, in double precision.
    cell_area = np.repeat(grid_of(land, place).cell_area(), land.shape[1] + 2)
    expected = np.zeros(to.size)
    expected[known] = np.concatenate([np.zeros(land.shape[1] + 2), cell_area])[known]
    for cell in flow.order:
        if to[cell] < flow_routing.OUTLET:
            expected[cell + offsets[to[cell]]] += expected[cell]
    np.testing.assert_allclose(area[known], expected[known], rtol=1e-5)
    # Water leaves only at the border of the data.
    outlets = np.unravel_index(np.flatnonzero(to == flow_routing.OUTLET), flow.direction.shape)
    inner = ndimage.binary_erosion(np.isfinite(bordered(land)), np.ones((3, 3)))
    assert not inner[outlets].any()


def test_water_takes_the_steepest_descent_where_there_is_one(land):
    flow, z = route(land), bordered(land)
    carved, steepest = 0, 0
    for row, column in zip(*np.nonzero(ndimage.binary_erosion(np.isfinite(z), np.ones((3, 3))))):
        drops = [
            (z[row, column] - z[row + r, column + c]) / np.float32(30 * np.hypot(r, c)) for r, c in flow_routing.STEPS
        ]
        if max(drops) > 0:
            same = drops[flow.direction[row, column]] >= max(drops) - 1e-6
            steepest, carved = steepest + same, carved + (not same)
    # Only the paths out of depressions are turned round.
    assert steepest > 20 * carved > 0


def test_depressions_spill_over_their_lowest_pass():
    elevation = np.full((9, 15), 10.0)
    elevation[1:-1, 1:-1] = 5
    elevation[3:6, 3:6] = 1
    elevation[4, 8:14] = [4, 4, 4, 4, 4, 7]
    elevation[4, 14] = 6.5
    flow = route(elevation)
    assert flow.direction[5, 15] == flow_routing.OUTLET
    assert flow.area[5, 15] == 900 * 9 * 15


@pytest.mark.parametrize("place", [PROJECTED, DEGREES], ids=["metres", "degrees"])
def test_streams_agree_with_pyflwdir(place):
    pyflwdir = pytest.importorskip("pyflwdir", reason="pyflwdir is not installed.")
    # On a slope, because pyflwdir fills depressions where Scarp carves them.
    elevation = hills(seed=4, rough=0.5) + 30 * np.arange(160, dtype=np.float32)[:, None]
    _, directions = pyflwdir.dem.fill_depressions(elevation, nodata=np.nan)
    other = pyflwdir.from_array(directions, ftype="d8", check_ftype=False)
    cell_area = np.broadcast_to(grid_of(elevation, place).cell_area()[:, None], elevation.shape).copy()
    theirs, mine = other.accuflux(cell_area) > 2e5, route(elevation, place).area[1:-1, 1:-1] > 2e5
    near = np.ones((5, 5))
    assert (mine & ndimage.binary_dilation(theirs, near)).sum() > 0.9 * mine.sum() > 0
    assert (theirs & ndimage.binary_dilation(mine, near)).sum() > 0.9 * theirs.sum()


def test_half_basins_of_a_coarser_network_are_unions_of_finer_ones(land, strips):
    flow = route(land)
    fine, links = half_basins.find_half_basins(flow, 30_000.0, NullProgress())
    fine, thresholds = fine.copy(), np.array([30_000.0, 120_000.0, 1e6])
    coarser = half_basins.coarser_halves(links, thresholds)
    np.testing.assert_array_equal(coarser[0], np.arange(2 * len(links)))
    known = fine != half_basins.NO_HALF
    assert (known[1:-1, 1:-1] == np.isfinite(land)).all()
    for threshold, halves in zip(thresholds[1:], coarser[1:]):
        direct, _ = half_basins.find_half_basins(flow, float(threshold), NullProgress())
        joined = halves[fine[known]]
        pairs = np.unique(np.stack([joined, direct[known]]), axis=1)
        # The same partition: each number of one goes with one number of the other.
        assert pairs.shape[1] == len(np.unique(joined)) == len(np.unique(direct[known]))


def test_left_and_right_are_seen_downstream():
    rows, columns = np.mgrid[0:40, 0:41]
    # A valley that falls to the south, its stream in the middle column.
    elevation = 100 + np.abs(columns - 20) * 2.0 - rows * 0.5
    flow = route(elevation)
    half, _links = half_basins.find_half_basins(flow, 900.0 * 200, NullProgress())
    inner = half[1:-1, 1:-1]
    main = inner[20, 20] // 2
    assert set(inner[5:30, 21:38].ravel()) == {2 * main + half_basins.LEFT}
    assert set(inner[5:30, 3:20].ravel()) == {2 * main + half_basins.RIGHT}


def test_pieces_are_the_connected_parts_with_their_sums_and_borders(strips):
    rng = np.random.default_rng(5)
    values = ndimage.zoom(rng.integers(0, 4, (16, 20)), 6, order=0)[:90, :110]
    values[rng.random(values.shape) < 0.05] = 0
    raster = np.pad(values.astype(np.int32), 1)
    former = pieces.number_pieces(raster, 0, NullProgress())
    piece = raster[1:-1, 1:-1]
    count = sum(ndimage.label(values == value)[1] for value in (1, 2, 3))
    assert piece.max() == len(former) == count and ((piece > 0) == (values > 0)).all()
    assert (former[piece[piece > 0] - 1] == values[piece > 0]).all()
    assert all(ndimage.label(piece == number)[1] == 1 for number in range(1, count + 1))
    grid = grid_of(values, DEGREES)
    width, height = grid.spacing()
    terrain = rng.random((4, *values.shape)).astype(np.float32)
    terrain[1:3, 40:50] = 0
    counter = pieces.PieceCounter(count, grid)
    for first in range(0, 90, 7):
        counter.add(first, piece[first : first + 7], terrain[:, first : first + 7])
    table = counter.finish()
    numbers = np.arange(1, count + 1)
    area = np.broadcast_to((width * height)[:, None], values.shape)
    np.testing.assert_allclose(table["area"], ndimage.sum(area, piece, numbers), rtol=1e-9)
    np.testing.assert_allclose(table["slope"], ndimage.sum(terrain[0], piece, numbers), rtol=1e-5)
    np.testing.assert_array_equal(table["facing"], ndimage.sum(terrain[1] > 0, piece, numbers))
    expected: dict[tuple[int, int], float] = {}
    for row in range(90):
        for column in range(110):
            for other, length in (((row, column + 1), height[row]), ((row + 1, column), width[min(row + 1, 89)])):
                if other[0] < 90 and other[1] < 110:
                    a, b = sorted((piece[row, column], piece[other]))
                    if a and a != b:
                        expected[a - 1, b - 1] = expected.get((a - 1, b - 1), 0) + length
    found = dict(zip(map(tuple, table.pairs.T.tolist()), table.border.tolist()))
    assert found.keys() == expected.keys()
    assert all(found[pair] == pytest.approx(length) for pair, length in expected.items())


def run(tmp_path, elevation, place=PROJECTED, **options):
    """Return summary, raster, table of the polygons as dictionaries, and polygons."""
    dem = write_dem(tmp_path / "dem.tif", elevation, place)
    polygons = tmp_path / "units.sqlite"
    polygons.unlink(missing_ok=True)
    settings = SlopeUnitOptions(**options)
    summary = build_slope_units(dem, tmp_path / "units.tif", settings, NullProgress(), polygons=polygons)
    with rasterio.open(tmp_path / "units.tif") as dataset:
        raster = dataset.read(1)
        assert dataset.nodata == 0 and dataset.crs.to_string() == place[0]
    database = sqlite3.connect(polygons)
    rows = [dict(zip(UNIT_FIELDS, row)) for row in database.execute("SELECT * FROM units ORDER BY id")]
    shapes = dict(database.execute("SELECT id, shape FROM shapes"))
    database.close()
    return summary, raster, rows, {number: wkb.loads(shape) for number, shape in shapes.items()}


@pytest.mark.parametrize("place", [PROJECTED, DEGREES], ids=["metres", "degrees"])
def test_units_cover_all_data_once_and_have_the_attributes_of_their_cells(tmp_path, land, place):
    summary, raster, rows, shapes = run(tmp_path, land, place)
    assert ((raster > 0) == np.isfinite(land)).all()
    numbers = np.arange(1, summary.units + 1)
    assert set(np.unique(raster)) == {0, *numbers} and [row["id"] for row in rows] == list(numbers) == sorted(shapes)
    assert all(ndimage.label(raster == number)[1] == 1 for number in numbers)
    # Polygons, drawn one by one, give the raster again: no gaps, no overlaps.
    _, cell, north = place
    transform = from_origin(10, north, cell, cell)
    drawn = rasterize([(shape, number) for number, shape in shapes.items()], land.shape, transform=transform)
    np.testing.assert_array_equal(drawn, raster)
    assert all(shape.is_valid and shape.geom_type == "Polygon" for shape in shapes.values())
    assert sum(shape.area for shape in shapes.values()) == pytest.approx(np.isfinite(land).sum() * cell * cell)
    area = np.broadcast_to(grid_of(land, place).cell_area()[:, None], land.shape)
    np.testing.assert_allclose([row["area_m2"] for row in rows], ndimage.sum(area, raster, numbers), rtol=1e-6)
    np.testing.assert_allclose([row["elevation"] for row in rows], ndimage.mean(land, raster, numbers), rtol=1e-5)
    # No unit is too small, but for land that touches no other.
    assert min(row["area_m2"] for row in rows) >= summary.min_area
    slopes = [row for row in rows if row["kind"] == "slope"]
    internal = np.average([row["variance"] for row in slopes], weights=[row["area_m2"] for row in slopes])
    assert internal == pytest.approx(summary.internal_variance)
    assert all(0 <= row["aspect"] < 360 and 0 < row["slope"] < 90 and 0 <= row["variance"] <= 1 for row in slopes)


def test_aspect_and_variance_are_those_of_gdal(tmp_path, land):
    _, raster, rows, _ = run(tmp_path, land)
    # Horn's gradient, written once more.
    z = np.pad(land.astype(float), 1, mode="edge")
    east = (z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:] - z[:-2, :-2] - 2 * z[1:-1, :-2] - z[2:, :-2]) / 240
    south = (z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:] - z[:-2, :-2] - 2 * z[:-2, 1:-1] - z[:-2, 2:]) / 240
    inner = ndimage.binary_erosion(np.isfinite(land), np.ones((3, 3)))
    checked = 0
    for row in rows:
        cells = raster == row["id"]
        if row["kind"] == "flat" or not (inner | ~cells).all():
            continue
        steep = np.hypot(east[cells], south[cells])
        steep[steep == 0] = np.nan
        cosine, sine = np.nanmean(south[cells] / steep), np.nanmean(-east[cells] / steep)
        assert row["variance"] == pytest.approx(1 - np.hypot(cosine, sine), abs=1e-4)
        assert row["aspect"] == pytest.approx(np.degrees(np.arctan2(sine, cosine)) % 360, abs=0.05)
        checked += 1
    assert checked > 5


def test_a_lake_is_one_flat_unit_and_flat_slope_0_makes_none(tmp_path):
    elevation = hills(rough=0.0, seed=4) * 2
    elevation[40:100, 60:130] = elevation[40:100, 60:130].min()
    summary, raster, rows, _ = run(tmp_path, elevation, min_area=100_000.0, aspect_variance=0.2)
    flat = [row["id"] for row in rows if row["kind"] == "flat"]
    assert summary.flat_units == len(flat) >= 1
    assert len(np.unique(raster[44:96, 64:126])) == 1 and raster[70, 90] in flat
    lake = rows[raster[70, 90] - 1]
    assert lake["area_m2"] == pytest.approx(60 * 70 * 900, rel=0.1)
    none, *_ = run(tmp_path, elevation, min_area=100_000.0, aspect_variance=0.2, flat_slope=0.0)
    assert none.flat_units == 0


def test_hillsides_of_parallel_valleys_are_units_between_ridge_and_stream(tmp_path):
    rows, columns = np.mgrid[0:120, 0:160]
    folds = np.abs((columns + 20) % 40 - 20)  # ridges and streams in turn, each 20 cells apart
    elevation = 200 + 8.0 * folds - 0.5 * rows
    summary, raster, _table, _ = run(tmp_path, elevation, aspect_variance=0.1, min_area=50_000.0, flat_slope=0.0)
    side = (columns // 20) % 8
    for number in range(1, 7):
        inside = np.bincount(raster[(side == number) & (columns % 20 > 1) & (columns % 20 < 18)])
        assert inside.max() > 0.95 * inside.sum(), "a hillside is one unit"
    assert summary.internal_variance < 0.06 and summary.moran < 0


def test_min_area_max_area_and_variance_do_what_they_say(tmp_path):
    elevation = hills(seed=7)
    coarse, *_ = run(tmp_path, elevation, min_area=200_000.0, aspect_variance=0.5)
    fine, *_ = run(tmp_path, elevation, min_area=200_000.0, aspect_variance=0.1)
    small, _, rows, _ = run(tmp_path, elevation, min_area=60_000.0, aspect_variance=0.1)
    assert coarse.units < fine.units < small.units
    assert coarse.internal_variance > fine.internal_variance > small.internal_variance
    assert min(row["area_m2"] for row in rows) >= 60_000
    limited, _, table, _ = run(tmp_path, elevation, min_area=60_000.0, aspect_variance=0.9, max_area=1e6)
    free, _, larger, _ = run(tmp_path, elevation, min_area=60_000.0, aspect_variance=0.9)
    assert max(row["area_m2"] for row in table) < max(row["area_m2"] for row in larger)
    assert limited.units > free.units
    with pytest.raises(ParameterInvalid, match="MAX_AREA is 100,000 m², less than twice MIN_AREA"):
        SlopeUnitOptions(min_area=90_000.0, max_area=100_000.0)


def test_settings_are_chosen_by_the_best_score_and_runs_repeat(tmp_path, land, monkeypatch):
    summary, raster, _, shapes = run(tmp_path, land)
    scores = [one["score"] for one in summary.tried]
    best = summary.tried[int(np.argmax(scores))]
    assert (best["min_area"], best["aspect_variance"]) == (summary.min_area, summary.aspect_variance)
    assert len(summary.tried) > 5 and max(scores) <= 2
    given, *_ = run(tmp_path, land, min_area=summary.min_area)
    assert {one["min_area"] for one in given.tried} == {summary.min_area}
    for module in (flow_routing, build):
        monkeypatch.setattr(module, "STRIP_CELLS", 3000)
    again, other, _, other_shapes = run(tmp_path, land)
    np.testing.assert_array_equal(raster, other)
    assert again.moran == pytest.approx(summary.moran) and shapes == other_shapes


def test_neighbours_that_face_each_other_have_a_negative_moran():
    sums = np.zeros((len(pieces.SUMS), 4))
    sums[pieces.SUMS.index("area")] = sums[pieces.SUMS.index("facing")] = 10
    sums[pieces.SUMS.index("cosine")] = [10, -10, 10, -10]
    chain = np.array([[0, 1, 2], [1, 2, 3]])
    table = pieces.Pieces(sums, chain, np.ones(3))
    assert measure(table, np.zeros(4, dtype=bool)) == (0.0, -1.0)
    sums[pieces.SUMS.index("cosine")] = [10, 10, -10, -10]
    assert measure(table, np.zeros(4, dtype=bool)) == (0.0, pytest.approx(1 / 3))


def test_small_strange_and_empty_dems(tmp_path):
    plane = np.add.outer(np.arange(12.0), np.zeros(12))
    summary, raster, *_ = run(tmp_path, plane, flat_slope=0.0)
    assert summary.units >= 1 and (raster > 0).all()
    level, raster, rows, _ = run(tmp_path, np.full((30, 30), 5.0))
    assert (level.units, level.flat_units, level.internal_variance) == (1, 1, None)
    assert rows[0]["aspect"] is None and rows[0]["variance"] is None
    islands = np.full((40, 40), np.nan)
    islands[3:6, 3:6], islands[20:38, 20:38] = hills(3, 3), hills(18, 18)
    _found, raster, *_ = run(tmp_path, islands)
    assert raster[4, 4] != raster[30, 30] and ((raster > 0) == np.isfinite(islands)).all()
    with pytest.raises(TooFewData, match="no cell with data"):
        run(tmp_path, np.full((10, 10), np.nan))
    with pytest.raises(GridUnsupported, match="two rows"):
        run(tmp_path, np.ones((1, 10)))


def test_too_little_memory_is_told_before_the_work(tmp_path, land, monkeypatch):
    monkeypatch.setattr(build, "available_memory", lambda: 1e5)
    with pytest.raises(GridUnsupported, match=r"200 × 160 cells.*0\.0 GB are free.*coarser DEM"):
        run(tmp_path, land)


def test_a_cancelled_run_leaves_nothing(tmp_path, land):
    dem, settings = write_dem(tmp_path / "dem.tif", land), SlopeUnitOptions(min_area=60_000.0, aspect_variance=0.2)
    for after in (0, 2, 5):
        with pytest.raises(Cancelled):
            build_slope_units(dem, tmp_path / "units.tif", settings, Listener(cancel_after=after))
        assert [path.name for path in tmp_path.iterdir()] == ["dem.tif"]
