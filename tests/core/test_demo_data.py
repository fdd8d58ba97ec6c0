"""The demo: the same from the same seed, and what it claims about rivers, causes, flaws and truth holds."""

from __future__ import annotations

import heapq
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import features
from scipy import ndimage
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from scarp.model.demo import RAIN_FILES, DemoOptions
from scarp.model.demo.drainage import route
from scarp.model.demo.frame import clip_lines
from scarp.model.demo.generate import World, make_world, vector_layers
from scarp.model.demo.rain import make_rain
from scarp.model.demo.surface import LANDFORMS
from scarp.model.demo.truth import detection_probability
from scarp.model.errors import Cancelled, OutputNotWritable
from scarp.model.jobs.create_demo_data import DemoData, create_demo_data
from scarp.model.outputs.run_record import sha256
from scarp.model.progress import NullProgress
from scarp.model.rainfall.events import find_events, running_severity, wet_days_before
from scarp.model.safety.thresholds import PAPER_K, match_paper_class
from scarp.tests.core.conftest import Listener

SIZE = 360
RASTERS = ("dem", "precipitation", "temperature", "true_probability")
POLYGONS = ("lithology", "landform", "seismic", "climate", "regions", "study_area")
TINY = DemoOptions(64, 5, 1)
CAUSES = list(enumerate(("river", "incision", "till_and_faults", "frost", "human"), 1))


def make(size: int, regions: int = 5, seed: int = 1) -> World:
    return make_world(DemoOptions(size, regions, seed), NullProgress())


@pytest.fixture(scope="module")
def world() -> World:
    return make(SIZE)


@pytest.fixture(scope="module")
def vectors(world: World) -> dict:
    return vector_layers(world)


@pytest.fixture(scope="module")
def region(world: World, vectors: dict) -> np.ndarray:
    """Region number of each cell, from the polygons."""
    layer = vectors["regions"]
    return burn(world, layer.geometries, layer.fields["region"])


def burn(world: World, geometries: list[dict], values: list[int], **options: bool) -> np.ndarray:
    grid = world.frame.grid
    shapes = zip(geometries, values)
    return features.rasterize(shapes, out_shape=grid.shape, transform=grid.transform, dtype="int32", **options)


def distance_to_lines(world: World, parts: list[np.ndarray]) -> np.ndarray:
    shapes = [{"type": "LineString", "coordinates": part.tolist()} for part in parts]
    return ndimage.distance_transform_edt(burn(world, shapes, [1] * len(shapes), all_touched=True) == 0, sampling=30.0)


def auc_against_random_cells(field: np.ndarray, cells: tuple, where: np.ndarray | None = None) -> float:
    """AUC of a field at points against 4000 random cells, both within ``where``."""
    where = np.ones(field.shape, dtype=bool) if where is None else where
    random_cells = np.random.default_rng(5).choice(np.flatnonzero(where), 4000)
    at_points = field[cells][where[cells]]
    assert len(at_points) >= 8
    scores = np.concatenate([at_points, field.ravel()[random_cells]])
    return roc_auc_score(np.arange(scores.size) < at_points.size, scores)


def point_cells(world: World) -> tuple[np.ndarray, np.ndarray]:
    rows, columns, inside = world.frame.grid.cell_indices(world.landslides.xy)
    assert inside.all()
    return rows, columns


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    options = {"a": DemoOptions(128, 3, 4), "b": DemoOptions(128, 3, 4), "c": DemoOptions(128, 3, 5)}
    demos = [create_demo_data(tmp_path / name, one, progress=NullProgress()) for name, one in options.items()]
    for name in RASTERS:
        first, second, other = (sha256(demo.rasters[name]) for demo in demos)
        assert first == second != other
    for name, layer in demos[0].vectors.items():
        mine, yours = vars(layer), vars(demos[1].vectors[name])
        assert mine.keys() == yours.keys()
        for part in mine:
            np.testing.assert_equal(mine[part], yours[part])
    assert demos[0].summary == demos[1].summary


def test_rasters_and_records_are_complete(tmp_path: Path) -> None:
    written: list[DemoData] = []

    def write_vectors(folder: Path, demo: DemoData) -> None:
        assert not (tmp_path / "demo").exists(), "the callback writes before the folder has its name"
        (folder / "landslides.gpkg").write_bytes(b"x")
        written.append(demo)

    progress = Listener()
    options = DemoOptions(128, 5, 2)
    demo = create_demo_data(tmp_path / "demo", options, write_vectors=write_vectors, progress=progress)
    assert written == [demo]
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    rasters = {f"{name}.tif" for name in RASTERS}
    assert rasters | {f"{name}.run.json" for name in rasters} | {"landslides.gpkg", "about.txt"} <= names
    assert "synthetic" in (tmp_path / "demo" / "about.txt").read_text(encoding="utf-8")
    assert progress.fractions == sorted(progress.fractions) and progress.fractions[-1] == 1.0
    area = demo.vectors["study_area"].bounds()[0]
    for name in RASTERS:
        with rasterio.open(demo.rasters[name]) as raster:
            values = raster.read(1)
            assert raster.crs.to_epsg() == 32646 and np.isfinite(values).all()
            if name in ("precipitation", "temperature"):
                beyond = (area - raster.bounds) * [1, 1, -1, -1]
                assert raster.res == (1000.0, 1000.0) and beyond.min() >= 500
            else:
                assert (raster.shape, raster.res) == ((128, 128), (30.0, 30.0))
            if name == "true_probability":
                assert 0 <= values.min() < values.max() <= 1
    assert not list(tmp_path.glob(".*"))


def test_cancelling_and_a_failing_writer_leave_no_folder(tmp_path: Path) -> None:
    whole = Listener()
    create_demo_data(tmp_path / "whole", TINY, progress=whole)
    assert whole.questions > 100
    (tmp_path / "cancelled").mkdir()
    for share in (0.0, 0.5, 0.9, 1.0):
        progress = Listener(cancel_after=int(share * (whole.questions - 1)))
        with pytest.raises(Cancelled):
            create_demo_data(tmp_path / "cancelled" / "demo", TINY, progress=progress)
        assert not list((tmp_path / "cancelled").iterdir())
    with pytest.raises(ZeroDivisionError):
        create_demo_data(tmp_path / "cancelled" / "demo", TINY, write_vectors=lambda *_: 1 / 0, progress=Listener())
    assert not list((tmp_path / "cancelled").iterdir())


def test_an_unwritable_folder_is_reported_before_the_work(tmp_path: Path) -> None:
    progress = Listener()
    with pytest.raises(OutputNotWritable):
        create_demo_data(tmp_path / "missing" / "demo", DemoOptions(4096), progress=progress)
    assert not progress.fractions


@pytest.mark.parametrize("regions", [1, 2, 3, 4])
def test_fewer_regions(regions: int) -> None:
    small = make(96, regions, 3)
    layers = vector_layers(small)
    assert layers["regions"].fields["region"] == list(range(1, regions + 1))
    assert len(small.landslides) >= 60
    assert set(layers["climate"].fields["zone"]) == {home.climate for home in small.land.layout.regions}


def test_works_in_a_thread_without_touching_the_global_random_state() -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(make, 64).result()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_terrain_is_mountainous_with_flat_floors(world: World) -> None:
    height, slope = world.frame.crop(world.land.terrain.height), world.land.cover.slope
    assert 2400 < height.min() < height.max() < 6500 and np.ptp(height) > 1200
    assert 0.01 < np.mean(slope < 6) < 0.25 and slope.max() < 70
    assert np.mean((slope > 10) & (slope < 42)) > 0.75


def test_every_path_of_water_descends_to_the_border(world: World) -> None:
    flow, height = world.land.terrain.flow, world.land.terrain.height.ravel()
    moving = np.flatnonzero(flow.receiver != np.arange(flow.receiver.size))
    assert (height[moving] > height[flow.receiver[moving]]).all()
    assert world.frame.border().ravel()[flow.order[: flow.starts[1]]].all()


def test_rivers_descend_and_end_at_another_river_or_the_border(world: World, vectors: dict) -> None:
    grid, rivers = world.frame.grid, vectors["rivers"]
    height = world.frame.crop(world.land.terrain.height)
    left, bottom, right, top = grid.bounds
    starts = {tuple(np.round(part[0], 3)) for part in rivers.parts}
    assert len(rivers) > 20 and min(rivers.fields["upstream_km2"]) >= 1.0
    for part in rivers.parts:
        end = part[-1]
        at_border = min(end[0] - left, right - end[0], end[1] - bottom, top - end[1]) < 1e-6
        assert at_border or tuple(np.round(end, 3)) in starts
        rows, columns, inside = grid.cell_indices(part[:-1] if at_border else part)
        along = height[rows, columns]
        assert inside.all() and (np.diff(along) <= 0).all()
        assert len(along) < 3 or along[-1] < along[0]
    # They lie in valleys: lower than the land 300 m around.
    around = ndimage.uniform_filter(height.astype(float), 21)
    rows, columns, inside = grid.cell_indices(np.concatenate(rivers.parts))
    assert (height[rows[inside], columns[inside]] < around[rows[inside], columns[inside]]).mean() > 0.9


def test_strahler_orders_follow_the_rule(vectors: dict) -> None:
    rivers = vectors["rivers"]
    lines = list(zip(rivers.parts, rivers.fields["strahler"]))
    into: dict[tuple, list[int]] = {}
    for part, order in lines:
        into.setdefault(tuple(part[-1]), []).append(order)
    joined = [(order, sorted(into.get(tuple(part[0]), []))) for part, order in lines]
    joined = [(order, donors) for order, donors in joined if len(donors) > 1]
    assert all(order == donors[-1] + (donors[-1] == donors[-2]) for order, donors in joined)
    assert len(joined) > 5 and max(rivers.fields["strahler"]) >= 3


def test_routing_matches_a_flood_from_the_border() -> None:
    """On rough ground every cell's path climbs no higher than the lowest way out, found by a priority flood."""
    height = ndimage.gaussian_filter(np.random.default_rng(8).normal(size=(40, 50)), 1.0)
    border = np.pad(np.zeros((38, 48), dtype=bool), 1, constant_values=True)
    flow = route(height, border)
    highest = np.full(height.size, np.nan)
    for cell in flow.order:
        receiver = flow.receiver[cell]
        highest[cell] = height.flat[cell] if receiver == cell else max(height.flat[cell], highest[receiver])
    level = np.where(border, height, np.inf)
    queue = [(height[r, c], r, c) for r, c in zip(*np.nonzero(border))]
    heapq.heapify(queue)
    while queue:
        value, r, c = heapq.heappop(queue)
        for a, b in ((r + down, c + right) for down in (-1, 0, 1) for right in (-1, 0, 1)):
            if 0 <= a < 40 and 0 <= b < 50 and np.isinf(level[a, b]):
                level[a, b] = max(value, height[a, b])
                heapq.heappush(queue, (level[a, b], a, b))
    np.testing.assert_allclose(highest.reshape(height.shape), level)
    total = flow.accumulate(np.ones(height.shape))
    assert (total.ravel()[flow.order[: flow.starts[1]]].sum(), total.min()) == (height.size, 1)


def test_lines_are_cut_at_the_border(world: World, vectors: dict) -> None:
    left, bottom, right, top = world.frame.grid.bounds
    for name in ("faults", "roads", "rivers"):
        assert len(vectors[name])
        for part in vectors[name].parts:
            assert len(part) >= 2
            assert (part >= np.subtract((left, bottom), 1e-6)).all() and (part <= np.add((right, top), 1e-6)).all()
    zigzag = np.array([[-1.0, 0.5], [0.5, 0.5], [0.5, 2.0], [0.7, 2.0], [0.7, 0.2]])
    pieces = clip_lines([zigzag], (0.0, 0.0, 1.0, 1.0))
    np.testing.assert_allclose(pieces[0], [[0, 0.5], [0.5, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(pieces[1], [[0.7, 1.0], [0.7, 0.2]])
    frame = world.frame
    corners = frame.to_map(np.repeat([[frame.pad * 30.0], [frame.extent - frame.pad * 30.0]], 2, axis=1))
    np.testing.assert_allclose(corners, [[left, top], [right, bottom]])


@pytest.mark.parametrize("name", POLYGONS)
def test_polygons_cover_without_gaps_or_overlaps(world: World, vectors: dict, name: str) -> None:
    layer = vectors[name]
    assert all(len(values) == len(layer) for values in layer.fields.values())
    count = sum(burn(world, [geometry], [1]) for geometry in layer.geometries)
    assert (count == 1).all()
    area = 0.0
    for geometry in layer.geometries:
        for rings in [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]:
            area += ring_area(rings[0]) - sum(map(ring_area, rings[1:]))
    assert area == pytest.approx((SIZE * 30.0) ** 2)


def ring_area(ring: list[tuple[float, float]]) -> float:
    x, y = np.array(ring).T
    return abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2


@pytest.mark.parametrize("name", POLYGONS)
def test_polygons_are_valid(vectors: dict, name: str) -> None:
    ogr = pytest.importorskip("osgeo.ogr", reason="GDAL's Python bindings check validity")
    for geometry in vectors[name].geometries:
        assert ogr.CreateGeometryFromJson(json.dumps(geometry)).IsValid()


def test_classes_are_those_promised(vectors: dict) -> None:
    for label, k in LANDFORMS.items():
        assert PAPER_K[match_paper_class(label)] == k, "the safety factor knows the landforms"
    plains = "plains or terraces of {} deposits"
    deposits = plains.format("sedimentary or glacial"), plains.format("alluvial, fluvial or lacustrine")
    assert list(LANDFORMS) == ["lakes", "glaciers", *deposits, "mountains"], "those of the paper"
    forms = set(vectors["landform"].fields["landform"])
    assert forms <= set(LANDFORMS) and len(forms) >= 3
    assert 6 <= len(set(vectors["lithology"].fields["lithology"])) <= 8
    assert set(vectors["seismic"].fields["intensity"]) == {"VII", "VIII", "IX"}
    assert vectors["regions"].fields["region"] == [1, 2, 3, 4, 5]
    climate = vectors["climate"].fields
    zones = dict(zip(climate["zone"], zip(climate["alpha"], climate["beta"])))
    assert zones == {"Nyingchi": (0.8, 2.5), "Nedong": (0.8, 2.2), "Lhasa": (0.9, 2.0), "Qamdo": (0.75, 2.3)}
    assert all(40 <= days <= 153 for days in climate["rainy_days"])


def test_temperature_falls_with_height_and_the_safety_factor_warns_on_a_minority(world: World, vectors: dict) -> None:
    """Fs from the layers as a user has them, computed anew: polygons burnt in, rain read bilinearly."""
    climate = world.land.climate
    zones, forms = vectors["climate"], vectors["landform"]
    amounts = zip(*(zones.fields[name] for name in ("alpha", "beta", "rainy_days")))
    per_mm = np.array([a * b * 7 / n for a, b, n in amounts])[burn(world, zones.geometries, list(range(len(zones))))]
    numbers = [list(LANDFORMS).index(label) for label in forms.fields["landform"]]
    k = np.array(list(LANDFORMS.values()))[burn(world, forms.geometries, numbers)]
    left, _, _, top = world.frame.grid.bounds
    column = (left + 30 * (np.arange(SIZE) + 0.5) - climate.grid.transform.c) / 1000 - 0.5
    row = (climate.grid.transform.f - top + 30 * (np.arange(SIZE) + 0.5)) / 1000 - 0.5
    rain = ndimage.map_coordinates(climate.rain, np.meshgrid(row, column, indexing="ij"), order=1)
    safety = 1 / (1 + k * per_mm * rain)
    np.testing.assert_allclose(safety, 1 / (1 + climate.threshold_ratio), rtol=1e-4)
    warned, truth = safety < 0.5, world.truth.probability
    assert 0.03 < warned.mean() < 0.2 and 100 < rain.min() < rain.max() < 1500
    assert truth[warned].mean() > truth[~warned].mean()
    height, temperature = world.frame.crop(world.land.terrain.height), climate.fine_temperature
    assert spearmanr(ndimage.gaussian_filter(height, 13).ravel()[::97], temperature.ravel()[::97])[0] < -0.9
    assert -15 < temperature.min() < temperature.max() < 20


def test_points_follow_the_truth(world: World) -> None:
    truth, cells = world.truth.probability, point_cells(world)
    assert auc_against_random_cells(truth, cells) > 0.82
    edges = np.quantile(truth, np.linspace(0, 1, 11))
    tenth = np.clip(np.searchsorted(edges, truth[cells], side="right") - 1, 0, 9)
    counts = np.bincount(tenth, minlength=10)
    assert spearmanr(np.arange(10), counts)[0] > 0.85 and counts[-2:].sum() > 0.6 * counts.sum()
    assert 0.04 < truth.mean() < 0.1 and truth.max() > 0.7
    slope = ndimage.gaussian_filter(world.land.cover.slope, 2)
    assert truth[slope < 5].mean() < 0.02, "flat land is safe"
    assert np.average(slope, weights=truth) > slope.mean()


def test_regions_have_about_equal_areas_and_all_have_points(world: World, region: np.ndarray) -> None:
    shares = np.bincount(region.ravel(), minlength=6)[1:] / region.size
    counts = np.bincount(region[point_cells(world)], minlength=6)[1:]
    assert 0.13 < shares.min() < shares.max() < 0.27 and counts.min() >= 0.04 * counts.sum()


@pytest.mark.parametrize(("number", "cause"), CAUSES)
def test_a_cause_dominates_in_its_region(world: World, region: np.ndarray, number: int, cause: str) -> None:
    """A regression of the truth on slope and all causes finds the region's own cause the strongest of the causes."""
    slope, causes = world.land.cover.slope, world.truth.causes
    here = (region == number) & (slope > 10)
    truth = np.clip(world.truth.probability[here].astype(np.float64), 1e-6, 1 - 1e-6)
    columns = np.column_stack([slope[here]] + [index[here] for index in causes.values()])
    spread = columns.std(axis=0)
    design = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    effect = np.linalg.lstsq(np.column_stack([design, np.ones(len(design))]), np.log(truth / (1 - truth)), rcond=None)
    strength = dict(zip(causes, effect[0][1:]))
    assert max(strength, key=strength.get) == cause and strength[cause] > 0.5


def test_points_are_near_the_lines_that_dominate(world: World, vectors: dict, region: np.ndarray) -> None:
    cells, steep = point_cells(world), world.land.cover.slope > 12
    river, road, fault = (distance_to_lines(world, vectors[name].parts) for name in ("rivers", "roads", "faults"))
    assert auc_against_random_cells(-river, cells, (region == 1) & steep) > 0.6
    assert auc_against_random_cells(-road, cells, (region == 5) & steep) > 0.6
    lithology = vectors["lithology"]
    till = burn(world, lithology.geometries, [int(unit == "glacial till") for unit in lithology.fields["lithology"]])
    here = region == 3
    assert till[here].mean() > max(0.1, till[np.isin(region, (1, 2, 5))].mean())
    assert auc_against_random_cells(np.exp(-fault / 400) + 0.75 * till, cells, here) > 0.58


def test_the_inventory_has_realistic_flaws(world: World) -> None:
    points = world.landslides
    scale = points.fields["scale"]
    assert (len(scale), set(scale)) == (len(points), {"giant", "large", "medium", "small", None})
    assert 0.04 < sum(value is None for value in scale) / len(scale) < 0.13
    assert scale.count("giant") < scale.count("large") < scale.count("medium") < scale.count("small")
    twice = len(points) - len(np.unique(points.xy, axis=0))
    assert 2 <= twice <= 0.03 * len(points) + 2
    # Their number grows with the area.
    assert 0.85 * world.frame.area_km2 <= len(points) <= 1.05 * 0.85 * world.frame.area_km2 + 3
    assert all(60 <= len(make(size, seed=2).landslides) <= 65 for size in (64, 128))


def test_fewer_points_are_recorded_in_remote_parts() -> None:
    """Points against the truth: near roads and large valleys more are recorded than far from them."""
    near, far = [], []
    for seed in (1, 2):
        world = make(256, seed=seed)
        cells = point_cells(world)
        chance = detection_probability(world.frame, world.land.terrain, world.land.infrastructure)
        remote = chance < np.median(chance)
        truth = world.truth.probability.astype(float)
        far.append(remote[cells].sum() / truth[remote].sum())
        near.append((~remote[cells]).sum() / truth[~remote].sum())
    assert np.mean(far) < 0.75 * np.mean(near)


def test_daily_rain_is_an_extra_that_leaves_the_rest_alone(tmp_path):
    """Landslides keep their places; each falls on a wet day of its gauge, most of them in heavy rain."""
    options = DemoOptions(size=128, daily_rain=True)
    demo = create_demo_data(tmp_path / "wet", options, progress=NullProgress())
    plain = create_demo_data(tmp_path / "dry", DemoOptions(size=128), progress=NullProgress())
    names = [{path.name for path in (tmp_path / folder).iterdir()} for folder in ("wet", "dry")]
    written = {name for name in names[0] - names[1] if not name.endswith(".run.json")}
    assert written == {name for name in RAIN_FILES if not name.endswith(".gpkg")}
    assert set(demo.vectors) - set(plain.vectors) == {"gauges", "dated_landslides"}
    assert np.array_equal(demo.vectors["dated_landslides"].xy, plain.vectors["landslides"].xy)
    made = make_rain(make_world(DemoOptions(size=128), NullProgress()), options.seed)
    assert (tmp_path / "wet" / "daily_rain.csv").read_text(encoding="utf-8") == made.table()
    assert made.landslides.fields == demo.vectors["dated_landslides"].fields
    dates = made.landslides.fields["date"]
    day = np.array([np.flatnonzero(made.days == np.datetime64(date))[0] for date in dates if date])
    known = np.array([date is not None for date in dates])
    nearest = np.argmin(((made.landslides.xy[:, None] - made.gauges.xy) ** 2).sum(axis=2), axis=1)[known]
    events = find_events(made.rain, 1.0, 2)
    wet = wet_days_before(events, made.rain, nearest, day, 2)
    assert (wet >= 0).all() and (made.rain[nearest, day] >= 1).all() and 0.8 < known.mean() < 1
    severity = running_severity(events, 0.4)
    assert np.median(severity[wet]) > np.quantile(severity[events.last], 0.8)
