"""``scarp:auditmap``: every flaw that was planted in a map is found, and none in the map of the true probability."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from scarp.model import grid as grids
from scarp.model.audit import claims, ground
from scarp.model.audit.ground import round_metres
from scarp.model.audit.settings import AuditLayers, AuditOptions
from scarp.model.demo import DemoOptions
from scarp.model.errors import Cancelled, GridMismatch, InputCorrupt, LayerEmpty, NoOverlap, TooFewData
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.audit_map import audit_map
from scarp.model.jobs.create_demo_data import create_demo_data
from scarp.tests.core.conftest import Listener, degree_grid, utm_grid, write_raster

REPEATS = 60
SIZE = 400


class Land:
    """The demo, and landslides drawn from its true probability as a perfect inventory has them."""

    def __init__(self, folder):
        create_demo_data(folder, DemoOptions(size=SIZE, seed=1), progress=Listener())
        self.folder, self.dem = folder, folder / "dem.tif"
        with rasterio.open(self.dem) as dataset:
            self.grid = Grid.from_dataset(dataset, "DEM")
        with rasterio.open(folder / "true_probability.tif") as dataset:
            self.truth = dataset.read(1).astype(np.float64)
        rng = np.random.default_rng(7)
        chance = np.nan_to_num(self.truth).ravel()
        chosen = rng.choice(chance.size, 500, replace=False, p=chance / chance.sum())
        self.rows, self.columns = np.unravel_index(np.sort(chosen), self.truth.shape)
        self.slides = self.points(np.ones(500, dtype=bool))

    def points(self, chosen):
        cells = zip(self.rows[chosen], self.columns[chosen])
        xy = [self.grid.transform * (column + 0.5, row + 0.5) for row, column in cells]
        return Points("slides", "slides.gpkg", xy=np.array(xy))

    def slope(self):
        from scarp.model.factors.terrain import TerrainFactors

        with rasterio.open(self.dem) as dataset:
            return TerrainFactors(dataset, self.grid).read(self.grid.whole)[0].astype(np.float64)

    def halves(self, share=0.5):
        """Return polygons of the western and the eastern half, or of other shares."""
        left, bottom, right, top = self.grid.bounds
        middle = left + share * (right - left)
        boxes = [(left, bottom, middle, top), (middle, bottom, right, top)]
        shapes = [
            {"type": "Polygon", "coordinates": [[(a, b), (c, b), (c, d), (a, d), (a, b)]]} for a, b, c, d in boxes
        ]
        return Polygons("halves", "halves.gpkg", {"name": ["west", "east"]}, shapes)


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    return Land(tmp_path_factory.mktemp("demo"))


@pytest.fixture(autouse=True)
def few_cells(monkeypatch):
    monkeypatch.setattr(ground, "NEAR_CELLS", 3000)
    monkeypatch.setattr(ground, "FAR_CELLS", 6000)


def audit(tmp_path, land, values, slides=None, training=None, **more):
    path = write_raster(tmp_path / "map.tif", values.astype(np.float32), land.grid, nodata=np.nan)
    given = {name: more.pop(name) for name in ("inverted", "stated_auc", "seed") if name in more}
    options = AuditOptions(repeats=more.pop("repeats", REPEATS), **given)
    layers = AuditLayers(slides or land.slides, training, more.pop("regions", None), more.pop("field", None))
    log, files = Listener(), (tmp_path / "audit.html", tmp_path / "audit.csv")
    return audit_map(path, layers, *files, options, progress=log, **more)


def flaws(summary):
    return {one["key"] for one in summary.findings if one["level"] == claims.FLAW}


def verdict(summary, key):
    return next(one["verdict"] for one in summary.claims if one["key"] == key)


def test_the_truth_has_no_flaw(tmp_path, land):
    summary = audit(tmp_path, land, land.truth, dem=land.dem, regions=land.halves(), field="name")
    assert flaws(summary) == set() and summary.flaws == 0, summary.findings
    assert {one["key"] for one in summary.findings} <= {"unknown_training", "zones_alike", "regions_unknown"}
    for key in ("describe", "same_slope", "slope", "top_zone", "region: west", "region: east"):
        assert verdict(summary, key) == claims.SUPPORTED, key
    assert verdict(summary, "predict") == claims.UNKNOWN


def test_the_auc_is_exact(tmp_path, land):
    summary = audit(tmp_path, land, land.truth)
    held = np.zeros(land.truth.shape, dtype=bool)
    held[land.rows, land.columns] = True
    known = np.isfinite(land.truth)
    assert summary.auc == pytest.approx(roc_auc_score(held[known], land.truth[known].astype(np.float32)), abs=1e-6)


def test_a_map_of_its_landslides_is_caught_without_knowing_its_training(tmp_path, land):
    counts = np.zeros(land.truth.shape)
    counts[land.rows, land.columns] = 1
    for width in (4, 10):
        summary = audit(tmp_path, land, gaussian_filter(counts, width))
        assert summary.auc > 0.85 and "memorised" in flaws(summary), width
        assert verdict(summary, "describe") == claims.NOT_SUPPORTED
    spread = np.argsort(np.argsort(land.truth.ravel())).reshape(land.truth.shape) / land.truth.size
    discs = spread + 0.6 * (gaussian_filter(counts, 2) > 0.005)
    assert "memorised" in flaws(audit(tmp_path, land, discs))


def test_a_random_split_is_caught_and_a_split_of_land_is_not(tmp_path, land):
    half = np.random.default_rng(1).random(len(land.rows)) < 0.5
    counts = np.zeros(land.truth.shape)
    counts[land.rows[half], land.columns[half]] = 1
    known, test = land.points(half), land.points(~half)
    bad = audit(tmp_path, land, gaussian_filter(counts, 5), test, known, dem=land.dem, stated_auc=0.97)
    assert {"memorised", "random_split", "stated_auc"} <= flaws(bad)
    assert verdict(bad, "predict") == claims.NOT_SUPPORTED == verdict(bad, "stated_auc")
    west = land.columns < SIZE // 2
    good = audit(tmp_path, land, land.truth, land.points(~west), land.points(west), dem=land.dem)
    assert flaws(good) == set() and verdict(good, "predict") in (claims.SUPPORTED, claims.UNKNOWN), good.findings


def test_landslides_that_are_all_of_the_training_are_no_test(tmp_path, land):
    summary = audit(tmp_path, land, land.truth, training=land.slides)
    assert "none_held_out" in flaws(summary) and "random_split" not in flaws(summary)


def plain(land):
    """Return landslides that keep to steep land, and a map that knows steep land from flat land only."""
    slope, rng = land.slope(), np.random.default_rng(4)
    limit = np.nanquantile(slope, 0.6)
    steep = np.flatnonzero(slope.ravel() > limit)
    rows, columns = np.unravel_index(rng.choice(steep, 400, replace=False), slope.shape)
    xy = [land.grid.transform * (column + 0.5, row + 0.5) for row, column in zip(rows, columns)]
    flat = (slope > limit) + 0.01 * rng.standard_normal(slope.shape)
    return Points("steep", xy=np.array(xy)), flat, slope + 2 * rng.standard_normal(slope.shape)


def test_skill_from_flat_land_is_caught(tmp_path, land):
    slides, flat, slope = plain(land)
    for values in (flat, slope):
        summary = audit(tmp_path, land, values, slides, dem=land.dem)
        assert summary.auc > 0.75 and {"easy_negatives", "slope"} <= flaws(summary)
        assert summary.easy_share > 0.8 and summary.auc_same_slope < 0.6
        assert verdict(summary, "same_slope") != claims.SUPPORTED != verdict(summary, "slope")


def test_a_wrong_direction_is_caught_and_mended_by_inverted(tmp_path, land):
    wrong = audit(tmp_path, land, 1 - land.truth, dem=land.dem)
    assert flaws(wrong) == {"direction"} and verdict(wrong, "describe") == claims.NOT_SUPPORTED
    mended = audit(tmp_path, land, 1 - land.truth, inverted=True, dem=land.dem)
    right = audit(tmp_path, land, land.truth, dem=land.dem)
    assert flaws(mended) == set() and mended.auc == pytest.approx(1 - wrong.auc) == pytest.approx(right.auc)


def test_shuffled_zones_are_caught_as_map_and_beside_it(tmp_path, land):
    breaks = np.nanquantile(land.truth, [0.3, 0.5, 0.7, 0.9])
    zones = np.digitize(land.truth, breaks)
    shuffled = np.array([3, 1, 5, 2, 4])[zones].astype(np.float32)
    assert "zones" in flaws(audit(tmp_path, land, shuffled))
    path = write_raster(tmp_path / "zones.tif", shuffled, land.grid, nodata=np.nan)
    beside = audit(tmp_path, land, land.truth, zones=path)
    assert flaws(beside) == {"zones"} and verdict(beside, "zones") == claims.NOT_SUPPORTED
    in_order = audit(tmp_path, land, zones.astype(np.float32))
    assert "zones" not in flaws(in_order) and in_order.auc_zones_blocks == pytest.approx(in_order.auc, abs=0.02)


def test_a_region_where_the_map_fails_is_caught(tmp_path, land):
    values = land.truth.copy()
    east = SIZE * 2 // 3
    values[:, east:] = np.random.default_rng(2).permutation(values[:, east:].ravel()).reshape(SIZE, -1)
    summary = audit(tmp_path, land, values, regions=land.halves(2 / 3), field="name")
    assert "region" in flaws(summary) and verdict(summary, "region: east") == claims.NOT_SUPPORTED
    assert verdict(summary, "region: west") == claims.SUPPORTED


def stack(tmp_path, land, *bands, names):
    path = tmp_path / "stack.tif"
    profile = {"crs": land.grid.crs, "transform": land.grid.transform, "nodata": np.nan, "dtype": "float32"}
    with rasterio.open(path, "w", "GTiff", SIZE, SIZE, len(bands), **profile) as dataset:
        dataset.write(np.stack(bands).astype(np.float32))
        dataset.descriptions = names
    return path


def test_a_factor_that_was_made_from_the_landslides_is_caught(tmp_path, land):
    from scipy.ndimage import distance_transform_edt

    free = np.ones(land.truth.shape, dtype=bool)
    free[land.rows, land.columns] = False
    bands = land.slope(), distance_transform_edt(free), np.log(land.truth + 1e-9)
    path = stack(tmp_path, land, *bands, names=("slope", "distance", "index"))
    summary = audit(tmp_path, land, land.truth, stack=path)
    assert flaws(summary) == {"leak"}
    (found,) = [one for one in summary.findings if one["key"] == "leak"]
    assert "distance" in found["text"] and "index" not in found["text"] and "slope" not in found["text"]
    good = audit(tmp_path, land, land.truth, stack=stack(tmp_path, land, *bands[::2], names=("slope", "index")))
    assert flaws(good) == set() and good.slope_difference > 0.1


def test_a_region_of_other_land_is_outside(tmp_path, land):
    bands = [gaussian_filter(one, 3) for one in np.random.default_rng(5).standard_normal((2, SIZE, SIZE))]
    bands[0][:, 3 * SIZE // 4 :] += 20
    west = land.points(land.columns < SIZE // 2)
    path = stack(tmp_path, land, *bands, names=("a", "b"))
    summary = audit(tmp_path, land, land.truth, west, stack=path, regions=land.halves(0.75), field="name")
    assert "outside" in flaws(summary) and verdict(summary, "region: east") == claims.NOT_SUPPORTED


def test_the_parts_of_the_skill_add_up_and_files_are_complete(tmp_path, land):
    audit(tmp_path, land, land.truth, dem=land.dem, regions=land.halves(), field="name")
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text(encoding="utf-8").splitlines()))
    number = {(row["part"], row["subject"], row["measure"]): row["value"] for row in rows}
    shares = [float(value) for (part, _, measure), value in number.items() if (part, measure) == ("skill", "share")]
    assert len(shares) == 3 and sum(shares) == pytest.approx(1)
    rings = [float(value) for key, value in number.items() if key[1].startswith("ring") and key[2] == "land_share"]
    assert sum(rings) == pytest.approx(1, abs=1e-6)
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    for heading in ("Which claims the numbers support", "Memory of the landslides", "By region", "Zones"):
        assert heading in page
    record = json.loads((tmp_path / "audit.html.run.json").read_text(encoding="utf-8"))
    assert record["automatic"]["DISTANCE"] == 200 and record["summary"]["flaws"] == 0


@pytest.mark.parametrize("make", [utm_grid, degree_grid], ids=["metres", "degrees"])
def test_blocks_grids_and_repetition_change_nothing(tmp_path, make, monkeypatch):
    rng, grid = np.random.default_rng(8), make(90, 110)
    values = gaussian_filter(rng.standard_normal((90, 110)), 4).astype(np.float32)
    values[:9, :20] = np.nan
    chance = np.exp(60 * np.nan_to_num(values, nan=-1)).ravel()
    rows, columns = np.unravel_index(rng.choice(values.size, 90, replace=False, p=chance / chance.sum()), values.shape)
    xy = np.array([grid.transform * (column + 0.5, row + 0.5) for row, column in zip(rows, columns)])
    path, dem = (
        write_raster(tmp_path / f"{name}.tif", one, grid, nodata=np.nan)
        for name, one in (("map", values), ("dem", 1000 + 900 * values))
    )
    found = []
    for block in (1024, 32, 32):
        monkeypatch.setattr(grids.Grid.blocks, "__defaults__", (block,))
        monkeypatch.setattr(grids.Grid.block_count, "__defaults__", (block,))
        table = tmp_path / "numbers.csv"
        audit_map(
            path, AuditLayers(Points("p", xy=xy)), None, table, AuditOptions(repeats=20), dem=dem, progress=Listener()
        )
        found.append(table.read_text(encoding="utf-8"))
    assert found[1] == found[2]
    whole, parts = (list(csv.DictReader(text.splitlines())) for text in found[:2])
    exact = [(a["value"], b["value"]) for a, b in zip(whole, parts) if a["subject"] == "all" and a["measure"] == "auc"]
    assert exact and all(a == b for a, b in exact)


def test_a_dem_in_another_crs_gives_about_the_same(tmp_path, land):
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    own = audit(tmp_path, land, land.truth, dem=land.dem)
    path = tmp_path / "degrees.tif"
    with rasterio.open(land.dem) as source:
        t, width, height = calculate_default_transform(source.crs, "EPSG:4326", SIZE, SIZE, *source.bounds)
        profile = {**source.profile, "crs": "EPSG:4326", "transform": t, "width": width, "height": height}
        profile["nodata"] = -9999.0
        with rasterio.open(path, "w", **profile) as target:
            reproject(
                rasterio.band(source, 1), rasterio.band(target, 1), dst_nodata=-9999.0, resampling=Resampling.bilinear
            )
    other = audit(tmp_path, land, land.truth, dem=path)
    assert other.auc == own.auc and other.slope_difference == pytest.approx(own.slope_difference, abs=0.03)


def test_what_cannot_be_audited_is_refused(tmp_path, land):
    with pytest.raises(InputCorrupt, match="in all of its cells"):
        audit(tmp_path, land, np.ones_like(land.truth))
    far = Points("far", xy=land.slides.xy + 1e6)
    with pytest.raises(LayerEmpty, match="LANDSLIDES lies on the map"):
        audit(tmp_path, land, land.truth, far)
    with pytest.raises(LayerEmpty, match="LANDSLIDES_TRAINING"):
        audit(tmp_path, land, land.truth, training=far)
    with pytest.raises(TooFewData, match="1 cell"):
        audit(tmp_path, land, land.truth, Points("one", xy=land.slides.xy[:1]))
    moved = Grid(land.grid.crs, land.grid.transform * rasterio.Affine.translation(0.5, 0), *land.truth.shape[::-1])
    zones = write_raster(tmp_path / "zones.tif", np.ones_like(land.truth), moved, nodata=0)
    with pytest.raises(GridMismatch):
        audit(tmp_path, land, land.truth, zones=zones)
    away = Grid(land.grid.crs, rasterio.Affine.translation(1e6, 0) * land.grid.transform, *land.truth.shape[::-1])
    dem = write_raster(tmp_path / "dem.tif", 100 + 100 * land.truth, away, nodata=np.nan)
    with pytest.raises(NoOverlap, match="DEM .* no data at any landslide"):
        audit(tmp_path, land, land.truth, dem=dem)


def test_few_landslides_are_told_and_polygons_count_once(tmp_path, land):
    few = audit(tmp_path, land, land.truth, Points("few", xy=land.slides.xy[:12]), dem=land.dem, regions=land.halves())
    assert "few" in {one["key"] for one in few.findings} and verdict(few, "describe") == claims.UNKNOWN
    a, b = land.grid.transform.a, land.grid.transform.e
    shapes = [
        {"type": "Polygon", "coordinates": [[(x, y), (x + 2 * a, y), (x + 2 * a, y + 2 * b), (x, y + 2 * b), (x, y)]]}
        for x, y in land.slides.xy[::3]
    ]
    summary = audit(tmp_path, land, land.truth, Polygons("bodies", geometries=shapes))
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text(encoding="utf-8").splitlines()))
    (count,) = [float(row["value"]) for row in rows if row["measure"] == "landslides" and row["part"] == "input"]
    assert count <= len(shapes) and summary.auc > 0.8


def test_a_run_can_be_cancelled_and_leaves_nothing(tmp_path, land):
    path = write_raster(tmp_path / "map.tif", land.truth.astype(np.float32), land.grid, nodata=np.nan)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    (tmp_path / "out").mkdir()
    files = tmp_path / "out" / "a.html", tmp_path / "out" / "a.csv"
    for cancel_at in (0.1, 0.5, 0.9):
        with pytest.raises(Cancelled):
            audit_map(
                path,
                AuditLayers(land.slides),
                *files,
                AuditOptions(repeats=20),
                dem=land.dem,
                progress=Listener(cancel_at=cancel_at),
            )
        assert not list((tmp_path / "out").iterdir())


def test_distances_are_round():
    assert [round_metres(one) for one in (1, 3, 7.5, 300, 125, 99.99, 100)] == [1, 2, 5, 200, 100, 50, 100]
