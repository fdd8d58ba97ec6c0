"""Comparing maps: ranks, agreement and paired tests against SciPy and scikit-learn; other cell sizes, extents, CRSs."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform as warp_points
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from scarp.model.comparison.agreement import kappa
from scarp.model.comparison.mosaic import ResampledSource, Source, finest_raster
from scarp.model.comparison.paired_tests import holm_correction
from scarp.model.comparison.settings import TABLE_COLUMNS, map_names
from scarp.model.errors import (
    Cancelled,
    CrsMissing,
    InputMissing,
    LayerEmpty,
    NoOverlap,
    OutputNotWritable,
    ParameterInvalid,
    TooFewData,
)
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.statistics import AreaRanks
from scarp.model.validation.metrics import compare_auc
from scarp.model.zones.raster import assign_zones
from scarp.tests.core.conftest import (
    Listener,
    at_cells,
    cell_box,
    compare_models,
    read_csv,
    validate_with_points,
    write_raster,
)

LEFT, TOP, CELL, HEIGHT, WIDTH = 300000.0, 3850000.0, 30.0, 200, 240
UTM = CRS.from_epsg(32643)
GRID = Grid(UTM, from_origin(LEFT, TOP, CELL, CELL), WIDTH, HEIGHT)
HOSTILE = '<script>alert("x")</script> & $1 $2'


def write(path, values, cell=CELL, crs=UTM, left=LEFT, top=TOP, nodata=np.nan, dtype="float32"):
    transform = from_origin(left, top, cell, cell)
    return Path(write_raster(path, values.astype(dtype), nodata=nodata, transform=transform, crs=crs or ""))


def areas(field, values, *boxes):
    geometries = [cell_box(GRID, *place) for place in boxes]
    return Polygons(name=f"{field} layer", fields={field: values}, geometries=geometries)


class Case:
    """Two maps that know something about the landslides, one more than the other, and variants of them."""

    def __init__(self, folder, landslides=120):
        rng = np.random.default_rng(5)
        field = gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), 5)
        field /= field.std()
        noise = gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), 5)
        self.good = (1 / (1 + np.exp(-1.5 * field))).astype(np.float32)
        self.good[:8] = np.nan
        self.poor = (1 / (1 + np.exp(-0.7 * field - noise / noise.std()))).astype(np.float32)
        self.classes = 1 + np.digitize(self.poor, [0.2, 0.4, 0.6, 0.8])
        chance = np.where(np.isfinite(self.good), np.exp(1.5 * field), 0).ravel()
        cells = rng.choice(chance.size, landslides, replace=False, p=chance / chance.sum())
        self.rows, self.columns = np.divmod(cells, WIDTH)
        self.slides = Points(name="slides", source="slides.gpkg", xy=at_cells(GRID, self.rows, self.columns))
        self.folder = folder
        self.paths = {
            "good": write(folder / "good.tif", self.good),
            "again": write(folder / "again.tif", self.good),
            "cubed": write(folder / "cubed.tif", 100 * self.good.astype(float) ** 3 - 7),
            "poor": write(folder / "poor.tif", self.poor),
            "classes": write(folder / "classes.tif", self.classes, nodata=0, dtype="uint8"),
            "coarse": write(folder / "coarse.tif", self.poor[::20, ::20], cell=20 * CELL),
        }


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("comparison"))


def run(case, folder, *maps, html=False, **options):
    settings = {"repeats": 25, "distance": 90.0, **options}
    return compare_models(
        [case.paths.get(name, name) for name in maps],
        settings.pop("landslides", case.slides),
        folder / "report.html" if html else None,
        folder / "table.csv",
        **settings,
    )


def rows_of(folder):
    rows = read_csv(folder / "table.csv")
    assert tuple(rows[0]) == TABLE_COLUMNS
    found = {tuple(row[key] for key in TABLE_COLUMNS[:4]): row for row in rows}
    assert len(found) == len(rows)
    return found


def pair_test(summary, first, second):
    pair = summary.names.index(first), summary.names.index(second)
    return next(test for test in summary.tests["all"] if (test.first, test.second) == pair)


# Ranks and agreement


def ranks_of(values, weights=1.0, parts=7):
    """Count values in portions, as windows are."""
    ranks = AreaRanks()
    for number in range(2):
        for part in np.array_split(np.arange(len(values)), parts):
            ranks.count(values[part], weights if isinstance(weights, float) else weights[part])
        if not number:
            ranks.refine()
    ranks.finish()
    return ranks


@pytest.mark.parametrize("kind", ["uniform", "crowded", "narrow", "classes", "signed", "one outlier"])
def test_rank_correlation_is_scipys(kind):
    rng = np.random.default_rng(1)
    base = rng.standard_normal(60_000)
    a = {
        "uniform": rng.random(60_000) * 0.5 + 0.5 * (base > 0),
        "crowded": 1 / (1 + np.exp(-12 * base)),
        "narrow": 0.5 + 1e-3 * base,
        "classes": np.digitize(base, [-1, 0, 1]),
        "signed": -(base**3),
        "one outlier": np.where(np.arange(60_000) == 5, 1e30, base),
    }[kind].astype(np.float32)
    b = (base + rng.standard_normal(60_000)).astype(np.float32)
    first, second = ranks_of(a), ranks_of(b)
    product = np.mean((first.rank(a) - 0.5) * (second.rank(b) - 0.5))
    found = product / math.sqrt(first.variance * second.variance)
    assert found == pytest.approx(spearmanr(a, b).statistic, abs=1e-5)


def test_zones_have_their_shares_and_those_of_classifyzones():
    rng = np.random.default_rng(2)
    values, areas = rng.random(50_000).astype(np.float32) ** 6, rng.uniform(1, 2, 50_000)
    ranks = ranks_of(values, areas)
    zones = ranks.zones([0.3, 0.5, 0.7, 0.9])
    assert ranks.shares(zones, 5) == pytest.approx([0.3, 0.2, 0.2, 0.2, 0.1], abs=1e-4)
    order = np.argsort(values)
    reached = np.cumsum(areas[order]) / areas.sum()
    breaks = [values[order][np.searchsorted(reached, share)] for share in (0.3, 0.5, 0.7, 0.9)]
    assert np.mean(zones[ranks.index(values)] != assign_zones(values, breaks)) < 1e-4
    ties = ranks_of(np.repeat(np.float32([1, 2, 3, 4]), [10, 50, 25, 15]))
    assert ties.shares(ties.zones([0.3, 0.5, 0.7, 0.9]), 5) == pytest.approx([0.6, 0, 0.25, 0.15, 0])


def test_a_map_of_as_many_classes_as_zones_keeps_its_own():
    classes = np.repeat(np.float32([10, 20, 30, 40, 255]), [10, 50, 20, 15, 5])
    ranks = ranks_of(classes)
    zones = ranks.zones([0.3, 0.5, 0.7, 0.9])
    np.testing.assert_array_equal(zones[ranks.index(classes)], np.repeat([1, 2, 3, 4, 5], [10, 50, 20, 15, 5]))
    assert ranks.shares(zones, 5) == pytest.approx([0.1, 0.5, 0.2, 0.15, 0.05])


@pytest.mark.parametrize("weights", [None, "quadratic"])
def test_kappa_is_scikit_learns(weights):
    rng = np.random.default_rng(3)
    a = rng.integers(0, 5, 4000)
    b = np.clip(a + rng.integers(-2, 3, 4000), 0, 4)
    matrix = np.zeros((5, 5))
    np.add.at(matrix, (a, b), 1)
    steps = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    found = kappa(matrix, steps**2 if weights else steps > 0)
    assert found == pytest.approx(cohen_kappa_score(a, b, weights=weights))


def test_holm_against_hand():
    assert holm_correction([0.01, 0.04, 0.03, math.nan, 0.005])[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(holm_correction([0.01, math.nan])[1])
    assert holm_correction([0.9, 0.8]) == [1.0, 1.0]


def test_paired_test_keeps_its_level_and_agrees_with_a_bootstrap():
    """No worked example is at hand: an independent bootstrap gives the standard error, and equal maps the level."""
    rng = np.random.default_rng(4)

    def sample(slides, stable, gap=0.0):
        shared = np.concatenate([rng.normal(1, 1, slides), rng.normal(0, 1, stable)])
        a = shared + rng.normal(0, 0.7, slides + stable) + np.repeat([gap, 0], [slides, stable])
        b = shared + rng.normal(0, 0.7, slides + stable)
        return a[:slides], a[slides:], b[:slides], b[slides:]

    a1, a0, b1, b0 = sample(150, 200, 0.5)
    found = compare_auc(a1, a0, b1, b0)
    truth = np.repeat([1, 0], [150, 200])
    assert found.difference == pytest.approx(roc_auc_score(truth, np.r_[a1, a0]) - roc_auc_score(truth, np.r_[b1, b0]))
    above = (a1[:, None] > a0).astype(float) - (b1[:, None] > b0)
    again = [above[rng.integers(0, 150, 150)][:, rng.integers(0, 200, 200)].mean() for _ in range(1500)]
    assert found.standard_error == pytest.approx(np.std(again), rel=0.1)
    p = np.array([compare_auc(*sample(60, 80)).p for _ in range(400)])
    assert 0.02 < np.mean(p < 0.05) < 0.09


# The comparison as a whole


def test_identical_maps_do_not_differ(case, tmp_path):
    summary = run(case, tmp_path, "good", "again", output_difference=tmp_path / "d.tif")
    test = pair_test(summary, "good", "again")
    assert (test.delong.value, test.bootstrap.low, test.bootstrap.high, test.p_corrected) == (0, 0, 0, 1)
    found = summary.agreements[0]
    assert found.kappa == found.weighted_kappa == found.same_zone_share == 1
    assert found.spearman == pytest.approx(1)
    with rasterio.open(tmp_path / "d.tif") as difference:
        cells = difference.read(1)
        assert difference.dtypes == ("float32",)
        assert math.isnan(difference.nodata)
    assert np.array_equal(np.isfinite(cells), np.isfinite(case.good))
    assert np.nanmax(np.abs(cells)) == 0


def test_a_map_of_other_values_in_the_same_order_is_the_same_map(case, tmp_path):
    summary = run(case, tmp_path, "good", "cubed", "poor")
    first, second, _ = summary.results["all"]
    assert first.auc == second.auc
    assert np.array_equal(first.roc.y, second.roc.y)
    assert pair_test(summary, "good", "cubed").p_corrected == 1
    found = {(one.first, one.second): one for one in summary.agreements}
    assert found[0, 1].spearman == pytest.approx(1)
    assert found[0, 1].kappa == pytest.approx(1, abs=1e-4)
    assert found[0, 2].spearman == pytest.approx(found[1, 2].spearman, abs=1e-6)
    assert math.isnan(found[0, 1].mean_difference)
    assert math.isfinite(found[0, 2].mean_difference)
    table = rows_of(tmp_path)
    assert ("all", "good", "", "recall") in table
    assert ("all", "cubed", "", "recall") not in table
    assert any("cubed" in text and "not within 0 to 1" in text for text in summary.warnings)


def test_numbers_against_brute_force(case, tmp_path):
    summary = run(case, tmp_path, "good", "poor", repeats=60)
    stable = np.isfinite(case.good)
    both = case.good[stable], case.poor[stable]
    found = summary.agreements[0]
    assert found.spearman == pytest.approx(spearmanr(*both).statistic, abs=1e-6)
    zones = [np.digitize(one, np.quantile(one, [0.3, 0.5, 0.7, 0.9])) for one in both]
    assert found.kappa == pytest.approx(cohen_kappa_score(*zones), abs=2e-4)
    assert found.weighted_kappa == pytest.approx(cohen_kappa_score(*zones, weights="quadratic"), abs=2e-4)
    assert found.matrix_km2.sum() == pytest.approx(stable.sum() * 900 / 1e6)
    assert found.mean_difference == pytest.approx(np.mean(both[0].astype(float) - both[1]))
    exact = [
        np.mean([(one < value).mean() for value in grid[case.rows, case.columns]])
        for one, grid in zip(both, (case.good, case.poor))
    ]
    for result, auc in zip(summary.results["all"], exact):
        assert result.auc.value == pytest.approx(auc, abs=0.05)
        assert result.success_rate_auc.value == pytest.approx(auc, abs=1e-3)
    test = pair_test(summary, "good", "poor")
    assert summary.best == "good"
    assert test.p_delong < 1e-3
    assert test.p_bootstrap < 1e-3
    width = test.delong.high - test.delong.low
    assert test.bootstrap.high - test.bootstrap.low == pytest.approx(width, rel=0.35)
    assert test.delong.low < test.bootstrap.value < test.delong.high
    table = rows_of(tmp_path)
    assert float(table["all", "good", "poor", "spearman"]["value"]) == pytest.approx(found.spearman)
    assert (tmp_path / "table.json").exists()
    assert (tmp_path / "table.csv.run.json").exists()


def test_the_points_are_those_of_validate_with_points(case, tmp_path):
    alone = validate_with_points(case.paths["good"], case.slides, None, tmp_path / "v.csv", repeats=25, distance=90.0)
    among = run(case, tmp_path, "good", "again").results["all"][0]
    assert alone.of("all").auc == among.auc
    assert alone.of("all").measures == among.measures


def test_another_cell_size_is_read_at_the_nearest_cell(case, tmp_path):
    fine = write(tmp_path / "blown up.tif", np.repeat(np.repeat(case.poor[::20, ::20], 20, 0), 20, 1))
    summary = run(case, tmp_path, "good", "coarse", fine)
    coarse, blown = summary.results["all"][1:]
    assert coarse.auc == blown.auc
    assert pair_test(summary, "coarse", "blown up").p_corrected == 1
    turned = run(case, tmp_path, "coarse", "good", output_difference=tmp_path / "d.tif")
    assert turned.results["all"][0].auc == coarse.auc
    with rasterio.open(tmp_path / "d.tif") as difference:
        assert difference.shape == (10, 12)
        assert difference.transform.a == 600
        expected = case.poor[::20, ::20] - case.good[10::20, 10::20]
        np.testing.assert_allclose(difference.read(1), expected, atol=1e-6)
    assert finest_raster([case.paths["coarse"], case.paths["good"]], ["a", "b"]) == 1


def test_another_crs_and_extent(case, tmp_path):
    """A map in degrees of the eastern half: the points in the west are lost to all maps, and said to be."""
    step = 1.3 / 3600
    (left,), (top,) = warp_points(UTM, "EPSG:4326", [LEFT + 120 * CELL], [TOP])
    rows, columns = np.mgrid[:180, :125]
    x, y = warp_points(
        "EPSG:4326", UTM, (left + (columns.ravel() + 0.5) * step).tolist(), (top - (rows.ravel() + 0.5) * step).tolist()
    )
    row = np.floor((TOP - np.array(y)) / CELL).astype(int).reshape(rows.shape)
    column = np.floor((np.array(x) - LEFT) / CELL).astype(int).reshape(rows.shape)
    inside = (row >= 0) & (row < HEIGHT) & (column >= 0) & (column < WIDTH)
    degrees = np.full(rows.shape, np.nan)
    degrees[inside] = case.good[row[inside], column[inside]]
    path = write(tmp_path / "degrees.tif", degrees, cell=step, crs=CRS.from_epsg(4326), left=left, top=top)
    with contextlib.ExitStack() as stack:
        source = Source(stack.enter_context(rasterio.open(path)), "degrees")
        seen = ResampledSource(source, Grid(UTM, from_origin(LEFT, TOP, CELL, CELL), WIDTH, HEIGHT), stack).read(
            Block(20, 130, 150, 100)
        )
    assert np.nanmean(np.abs(seen - case.good[20:170, 130:230])) < 0.03
    summary = run(case, tmp_path, "good", path)
    east = int((case.columns >= 122).sum())
    assert summary.results["all"][0].landslides == pytest.approx(east, abs=4)
    assert summary.agreements[0].spearman > 0.98
    assert any("degrees" in text and "no data; no map is evaluated" in text for text in summary.warnings)
    assert any("degrees" in text and "Only ground that all maps have is compared" in text for text in summary.warnings)


def test_an_official_map_of_classes_with_a_mark_it_does_not_declare(case, tmp_path):
    """Whole numbers 1 to 5, and -9999 where there is nothing."""
    classes = case.classes.copy()
    classes[150:] = -9999
    path = write(tmp_path / "official.tif", classes, nodata=None, dtype="int16")
    summary = run(case, tmp_path, "good", path, output_difference=tmp_path / "d.tif")
    used = case.rows < 150
    assert summary.results["all"][0].landslides == used.sum()
    landslide = classes[case.rows, case.columns][used]
    everywhere = classes[8:150].ravel()
    exact = np.mean([(everywhere < one).mean() + (everywhere == one).mean() / 2 for one in landslide])
    assert summary.results["all"][1].auc.value == pytest.approx(exact, abs=0.06)
    assert summary.results["all"][1].success_rate_auc.value == pytest.approx(exact, abs=1e-6)
    with rasterio.open(tmp_path / "d.tif") as difference:
        cells = difference.read(1)
        assert difference.descriptions == ("difference of ranks",)
    assert np.isnan(cells[150:]).all()
    assert np.nanmax(np.abs(cells)) < 1
    assert any("official" in text and "-9999" in text for text in summary.warnings)
    assert any("official" in text and "has 5 values" in text for text in summary.warnings)


def test_regions_windows_and_subsets(case, tmp_path):
    regions = areas("name", ["west", HOSTILE], (0, 0, 200, 120), (0, 120, 200, 120))
    windows = areas("subset", ["train", "test"], (0, 0, 100, 240), (100, 0, 100, 240))
    parts = {"regions": regions, "region_field": "name", "windows": windows, "subset": "test"}
    names = ["A & <b>", "B $x$", HOSTILE]
    summary = run(case, tmp_path, "good", "poor", "classes", html=True, names=names, **parts)
    assert list(summary.results) == ["all", "train", "test", f"region: {HOSTILE}", "region: west"]
    assert summary.auc == summary.results["test"][0].auc
    assert summary.results["test"][0].landslides == (case.rows >= 100).sum()
    table = rows_of(tmp_path)
    values = [float(table[name, "A & <b>", "", "auc"]["value"]) for name in list(summary.results)[3:]]
    assert float(table["regions", "A & <b>", "", "auc_mean"]["value"]) == pytest.approx(np.mean(values))
    assert float(table["regions", "A & <b>", "", "auc_worst"]["value"]) == pytest.approx(min(values))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "A &amp; &lt;b&gt;" in page
    assert 'src="http' not in page
    headings = (
        "Significant, or chance?|corrected after Holm|Worst region|Weighted kappa|Where they differ|Read this first"
    )
    assert all(words in page for words in headings.split("|"))
    record = json.loads((tmp_path / "report.html.run.json").read_text(encoding="utf-8"))
    assert len(record["inputs"]["SUSCEPTIBILITY"]) == 3
    assert record["inputs"]["SUSCEPTIBILITY"][0]["sha256"]
    assert any("training windows count for all maps" in text for text in record["warnings"])


def test_given_stable_points_and_polygons(case, tmp_path):
    rng = np.random.default_rng(7)
    stable = Points(name="stable", xy=at_cells(GRID, rng.integers(10, HEIGHT, 90), rng.integers(0, WIDTH, 90)))
    polygons = Polygons(
        name="outlines", geometries=[cell_box(GRID, row, column, 3, 3) for row, column in zip(case.rows, case.columns)]
    )
    one = run(case, tmp_path, "good", "poor", stable=stable, landslides=polygons)
    every = run(case, tmp_path, "good", "poor", stable=stable, landslides=polygons, polygon_mode="cells")
    assert not one.tests["all"][0].clustered
    assert every.tests["all"][0].clustered
    assert every.results["all"][0].landslides > 3 * one.results["all"][0].landslides
    again = run(case, tmp_path, "good", "again", stable=stable, landslides=polygons, polygon_mode="cells")
    assert again.tests["all"][0].p_corrected == 1


def test_same_seed_same_table(case, tmp_path):
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        run(case, tmp_path / name, "good", "classes", seed=seed)
        contents.append((tmp_path / name / "table.csv").read_bytes())
    assert contents[0] == contents[1] != contents[2]


# Bad input


def far_away(case, tmp_path):
    return write(tmp_path / "far.tif", case.poor, left=LEFT + 1e6)


@pytest.mark.parametrize(
    ("maps", "options", "error", "words"),
    [
        (["good"], {}, ParameterInvalid, ["SUSCEPTIBILITY", "1 map"]),
        (["good"] * 13, {}, ParameterInvalid, ["13 maps"]),
        (["good", "poor"], {"names": ["one"]}, ParameterInvalid, ["NAMES", "1 name for 2"]),
        (["good", "poor"], {"names": ["one", "one"]}, ParameterInvalid, ["NAMES", "twice"]),
        (["good", "poor"], {"subset": "test"}, ParameterInvalid, ["WINDOWS"]),
        (["good", "poor"], {"shares": [30, 20]}, ParameterInvalid, ["SHARES", "100"]),
        (["good", "poor"], {"repeats": 0}, ParameterInvalid, ["REPEATS"]),
        (["good", "nowhere.tif"], {}, InputMissing, ["nowhere", "does not exist"]),
        (["good", "far"], {}, NoOverlap, ["far", "no common ground"]),
        (["good", "no crs"], {}, CrsMissing, ["no crs", "coordinate reference system"]),
        (["good", "empty"], {}, TooFewData, ["empty", "no cell with data"]),
        (["good", "poor"], {"landslides": Points(name="none")}, LayerEmpty, ["none", "no feature"]),
        (["good", "poor"], {"output_difference": "/nowhere at all/d.tif"}, OutputNotWritable, ["does not exist"]),
    ],
)
def test_bad_input(case, tmp_path, maps, options, error, words):
    paths = {
        "far": lambda: far_away(case, tmp_path),
        "no crs": lambda: write(tmp_path / "no crs.tif", case.poor, crs=None),
        "empty": lambda: write(tmp_path / "empty.tif", np.full_like(case.poor, np.nan)),
    }
    with pytest.raises(error) as caught:
        run(case, tmp_path, *[paths[name]() if name in paths else name for name in maps], html=True, **options)
    assert all(word in str(caught.value) for word in words), caught.value
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "table.csv").exists()


@pytest.mark.parametrize("after", [1, 40, 120])
def test_cancel_leaves_nothing(case, tmp_path, after):
    outputs = {"output_difference": tmp_path / "d.tif", "progress": Listener(cancel_after=after)}
    with pytest.raises(Cancelled):
        run(case, tmp_path, "good", "poor", html=True, repeats=200, **outputs)
    assert not list(tmp_path.iterdir())


def test_names():
    assert map_names([], ["a", "a", ""]) == ["a", "a (2)", "map 3"]
    assert map_names([" x", "y "], ["a", "b"]) == ["x", "y"]
