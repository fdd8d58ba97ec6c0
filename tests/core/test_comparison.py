"""Comparing maps: ranks and agreement against SciPy and scikit-learn; other cells, extents and CRSs; maps in pieces."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import calculate_default_transform, reproject
from rasterio.warp import transform as warp_points
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from scarp.model import errors
from scarp.model.comparison import mosaic
from scarp.model.comparison.paired_tests import holm_correction
from scarp.model.comparison.settings import TABLE_COLUMNS, map_names
from scarp.model.comparison.summary import MEAN, TESTED, WHOLE, WORST
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.outputs.run_record import sha256
from scarp.model.statistics import AreaRanks
from scarp.model.zones.raster import assign_zones
from scarp.tests.core import conftest
from scarp.tests.core.conftest import at_cells, cell_box, compare_models, read_csv, write_raster

LEFT, TOP, CELL, HEIGHT, WIDTH = 300000.0, 3850000.0, 30.0, 200, 240
UTM = CRS.from_epsg(32643)
GRID = Grid(UTM, from_origin(LEFT, TOP, CELL, CELL), WIDTH, HEIGHT)
CUTS = {"north west": (0, 100, 0, 90), "north east": (0, 100, 90, WIDTH), "south": (100, HEIGHT, 0, WIDTH)}
"""First and last row and column of the regions."""


def write(path, values, cell=CELL, crs=UTM, left=LEFT, top=TOP, nodata=np.nan, dtype="float32"):
    transform = from_origin(left, top, cell, cell)
    return Path(write_raster(path, values.astype(dtype), nodata=nodata, transform=transform, crs=crs or ""))


def write_piece(path, values, row=0, column=0, region=None, **place):
    write(path, values, **{"left": LEFT + CELL * column, "top": TOP - CELL * row, **place})
    if region:
        with rasterio.open(path, "r+") as target:
            target.update_tags(REGION=region)
    return path


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
        self.paths = {
            "good": write(folder / "good.tif", self.good),
            "again": write(folder / "again.tif", self.good),
            "cubed": write(folder / "cubed.tif", 100 * self.good.astype(float) ** 3 - 7),
            "poor": write(folder / "poor.tif", self.poor),
            "classes": write(folder / "classes.tif", self.classes, nodata=0, dtype="uint8"),
            "coarse": write(folder / "coarse.tif", self.poor[::20, ::20], cell=20 * CELL),
        }
        # The two again as three rasters each, and the regions of these as a layer.
        self.pieces = [
            write_piece(folder / f"{name}_{region}.tif", values[first:last, left:right], first, left, region)
            for name, values in (("good", self.good), ("poor", self.poor))
            for region, (first, last, left, right) in CUTS.items()
        ]
        boxes = [(first, left, last - first, right - left) for first, last, left, right in CUTS.values()]
        self.regions = {"regions": areas("name", list(CUTS), *boxes), "region_field": "name"}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("comparison"))


def run(case, folder, *maps, html=False, **options):
    settings = {"repeats": 25, "distance": 90.0, **options}
    landslides, paths = settings.pop("landslides", case.slides), [case.paths.get(name, name) for name in maps]
    report = folder / "report.html" if html else None
    return compare_models(paths, landslides, report, folder / "table.csv", **settings)


def run_pieces(case, folder, paths, names, **options):
    return run(case, folder, *paths, html=True, names=names, **{"output_summary": folder / "summary.csv", **options})


def pair_test(summary, first, second):
    pair = summary.names.index(first), summary.names.index(second)
    return next(test for test in summary.tests["all"] if (test.first, test.second) == pair)


def rows_of(folder):
    rows = read_csv(folder / "table.csv")
    assert tuple(rows[0]) == TABLE_COLUMNS
    found = {tuple(row[key] for key in TABLE_COLUMNS[:4]): row for row in rows}
    assert len(found) == len(rows)
    return found


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
    breaks = values[order][np.searchsorted(np.cumsum(areas[order]) / areas.sum(), (0.3, 0.5, 0.7, 0.9))]
    assert np.mean(zones[ranks.index(values)] != assign_zones(values, breaks)) < 1e-4
    ties = ranks_of(np.repeat(np.float32([1, 2, 3, 4]), [10, 50, 25, 15]))
    assert ties.shares(ties.zones([0.3, 0.5, 0.7, 0.9]), 5) == pytest.approx([0.6, 0, 0.25, 0.15, 0])


def test_a_map_of_as_many_classes_as_zones_keeps_its_own():
    classes = np.repeat(np.float32([10, 20, 30, 40, 255]), [10, 50, 20, 15, 5])
    ranks = ranks_of(classes)
    zones = ranks.zones([0.3, 0.5, 0.7, 0.9])
    np.testing.assert_array_equal(zones[ranks.index(classes)], np.repeat([1, 2, 3, 4, 5], [10, 50, 20, 15, 5]))
    assert ranks.shares(zones, 5) == pytest.approx([0.1, 0.5, 0.2, 0.15, 0.05])


def test_holm_against_hand():
    assert holm_correction([0.01, 0.04, 0.03, math.nan, 0.005])[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(holm_correction([0.01, math.nan])[1])
    assert holm_correction([0.9, 0.8]) == [1.0, 1.0]


def test_identical_maps_do_not_differ(case, tmp_path):
    summary = run(case, tmp_path, "good", "again", output_difference=tmp_path / "d.tif")
    test = pair_test(summary, "good", "again")
    assert (test.delong.value, test.difference.low, test.difference.high, test.p_corrected) == (0, 0, 0, 1)
    found = summary.agreements[0]
    assert found.kappa == found.weighted_kappa == found.same_zone_share == pytest.approx(found.spearman) == 1
    with rasterio.open(tmp_path / "d.tif") as difference:
        cells = difference.read(1)
        assert difference.dtypes == ("float32",) and math.isnan(difference.nodata)
    assert np.array_equal(np.isfinite(cells), np.isfinite(case.good))
    assert np.nanmax(np.abs(cells)) == 0


def test_a_map_of_other_values_in_the_same_order_is_the_same_map(case, tmp_path):
    summary = run(case, tmp_path, "good", "cubed", "poor")
    first, second, _ = summary.results["all"]
    assert first.auc == second.auc and np.array_equal(first.roc.y, second.roc.y)
    assert pair_test(summary, "good", "cubed").p_corrected == 1
    found = {(one.first, one.second): one for one in summary.agreements}
    assert (found[0, 1].spearman, found[0, 1].kappa) == (pytest.approx(1), pytest.approx(1, abs=1e-4))
    assert found[0, 2].spearman == pytest.approx(found[1, 2].spearman, abs=1e-6)
    assert math.isnan(found[0, 1].mean_difference) and math.isfinite(found[0, 2].mean_difference)
    assert {key[1] for key in rows_of(tmp_path) if key[3] == "recall"} == {"good", "poor"}
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
    for result, one, grid in zip(summary.results["all"], both, (case.good, case.poor)):
        landslides = grid[case.rows, case.columns]
        land = grid.copy()
        land[case.rows, case.columns] = np.nan
        land = land[stable & np.isfinite(land)]
        truth = np.repeat([1, 0], [len(landslides), len(land)])
        assert result.auc.value == pytest.approx(roc_auc_score(truth, np.concatenate([landslides, land])))
        auc = np.mean([(one < value).mean() for value in landslides])
        assert result.auc_stable.value == pytest.approx(auc, abs=0.05)
        assert result.success_rate_auc.value == pytest.approx(auc, abs=1e-3)
    test = pair_test(summary, "good", "poor")
    assert summary.best == "good" and test.p_delong < 1e-3 and test.p_delong < test.p < 0.05
    assert test.independent_blocks == summary.results["all"][0].independent_blocks > 15
    # Maps and landslides are smooth over some 10 cells, so landslides are not independent of each other.
    width = test.delong.high - test.delong.low
    assert width < test.difference.high - test.difference.low < 4 * width
    lead = np.subtract(*[result.auc.value for result in summary.results["all"]])
    assert test.delong.value == test.difference.value == lead == summary.lead
    assert float(rows_of(tmp_path)["all", "good", "poor", "spearman"]["value"]) == pytest.approx(found.spearman)
    assert {path.name for path in tmp_path.iterdir()} == {"table.csv", "table.json", "table.csv.run.json"}


def test_few_independent_blocks_make_no_test(case, tmp_path):
    """Landslides within 12 blocks at most: DeLong's test is sure of itself, but there is no p."""
    few = Points(name="few", xy=case.slides.xy[:12])
    summary = run(case, tmp_path, "good", "poor", landslides=few, repeats=40, html=True)
    test = pair_test(summary, "good", "poor")
    assert test.independent_blocks <= 12 and math.isfinite(test.p_delong) and test.difference.has_interval
    assert math.isnan(test.p) and math.isnan(test.p_corrected) and math.isnan(summary.p)
    words = f"No test is possible with {test.independent_blocks} independent block"
    assert words in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert any(words in text for text in summary.warnings)


def test_another_cell_size_is_read_at_the_nearest_cell(case, tmp_path):
    fine = write(tmp_path / "blown up.tif", np.repeat(np.repeat(case.poor[::20, ::20], 20, 0), 20, 1))
    summary = run(case, tmp_path, "good", "coarse", fine)
    coarse, blown = summary.results["all"][1:]
    assert coarse.auc == blown.auc
    assert pair_test(summary, "coarse", "blown up").p_corrected == 1
    turned = run(case, tmp_path, "coarse", "good", output_difference=tmp_path / "d.tif")
    assert turned.results["all"][0].auc == coarse.auc
    with rasterio.open(tmp_path / "d.tif") as difference:
        assert (difference.shape, difference.transform.a) == ((10, 12), 600)
        expected = case.poor[::20, ::20] - case.good[10::20, 10::20]
        np.testing.assert_allclose(difference.read(1), expected, atol=1e-6)
    assert mosaic.finest_raster([case.paths["coarse"], case.paths["good"]], ["a", "b"]) == 1


def test_another_crs_and_extent(case, tmp_path):
    """A map in degrees of the eastern half: the points in the west are lost to all maps, and said to be."""
    step = 1.3 / 3600
    (left,), (top,) = warp_points(UTM, "EPSG:4326", [LEFT + 120 * CELL], [TOP])
    places = at_cells(Grid(UTM, from_origin(left, top, step, step), 125, 180), *np.indices((180, 125)).reshape(2, -1))
    row, column, inside = GRID.cell_indices(np.stack(warp_points("EPSG:4326", UTM, *places.T), axis=1))
    degrees = np.where(inside, case.good[row, column], np.nan).reshape(180, 125)
    path = write(tmp_path / "degrees.tif", degrees, cell=step, crs=CRS.from_epsg(4326), left=left, top=top)
    with contextlib.ExitStack() as stack:
        source = mosaic.Source(stack.enter_context(rasterio.open(path)), "degrees")
        seen = mosaic.ResampledSource(source, GRID, stack).read(Block(20, 130, 150, 100))
    assert np.nanmean(np.abs(seen - case.good[20:170, 130:230])) < 0.03
    summary = run(case, tmp_path, "good", path)
    east = int((case.columns >= 122).sum())
    assert summary.results["all"][0].landslides == pytest.approx(east, abs=4)
    assert summary.agreements[0].spearman > 0.98
    for words in ("no data; no map is evaluated", "Only ground that all maps have is compared"):
        assert any("degrees" in text and words in text for text in summary.warnings)


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
    assert summary.results["all"][1].auc_stable.value == pytest.approx(exact, abs=0.06)
    land = np.delete(classes.ravel(), case.rows[used] * WIDTH + case.columns[used])[8 * WIDTH - (case.rows < 8).sum() :]
    truth = np.repeat([1, 0], [len(landslide), (land > 0).sum()])
    expected = roc_auc_score(truth, np.concatenate([landslide, land[land > 0]]))
    assert summary.results["all"][1].auc.value == pytest.approx(expected)
    assert summary.results["all"][1].success_rate_auc.value == pytest.approx(exact, abs=1e-6)
    with rasterio.open(tmp_path / "d.tif") as difference:
        cells = difference.read(1)
        assert difference.descriptions == ("difference of ranks",)
    assert np.isnan(cells[150:]).all() and np.nanmax(np.abs(cells)) < 1
    for words in ("-9999", "has 5 values"):
        assert any("official" in text and words in text for text in summary.warnings)


def test_regions_windows_and_subsets(case, tmp_path):
    regions = areas("name", ["west", "east"], (0, 0, 200, 120), (0, 120, 200, 120))
    windows = areas("subset", ["train", "test"], (0, 0, 100, 240), (100, 0, 100, 240))
    parts = {"regions": regions, "region_field": "name", "windows": windows, "subset": "test"}
    summary = run(case, tmp_path, "good", "poor", "classes", html=True, names=["A", "B", "C"], **parts)
    assert list(summary.results) == ["all", "train", "test", "region: east", "region: west"]
    found = summary.results["test"][0]
    assert (summary.auc, found.landslides) == (found.auc, (case.rows >= 100).sum())
    table = {key: row["value"] for key, row in rows_of(tmp_path).items()}
    values = [float(table[name, "A", "", "auc"]) for name in list(summary.results)[3:]]
    found = [float(table["regions", "A", "", name]) for name in ("auc_mean", "auc_worst")]
    assert found == pytest.approx([np.mean(values), min(values)])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    headings = "Significant, or chance?|corrected after Holm|Worst region|Weighted kappa|Where they differ"
    assert all(words in page for words in (*headings.split("|"), "Read this first"))
    record = json.loads((tmp_path / "report.html.run.json").read_text(encoding="utf-8"))
    hashes = {sha256(case.paths[name]) for name in ("good", "poor", "classes")}
    assert {one["sha256"] for one in record["inputs"]["SUSCEPTIBILITY"]} == hashes
    assert any("training windows count for all maps" in text for text in record["warnings"])


def test_given_stable_points_and_polygons(case, tmp_path):
    rng = np.random.default_rng(7)
    stable = Points(name="stable", xy=at_cells(GRID, rng.integers(10, HEIGHT, 90), rng.integers(0, WIDTH, 90)))
    outlines = [cell_box(GRID, row, column, 3, 3) for row, column in zip(case.rows, case.columns)]
    given = {"stable": stable, "landslides": Polygons(name="outlines", geometries=outlines)}
    modes = "representative", "cells"
    one, every = (run(case, tmp_path, "good", "poor", polygon_mode=mode, **given) for mode in modes)
    results = [summary.results["all"][0] for summary in (one, every)]
    assert results[1].landslides > 3 * results[0].landslides
    # The other land is the same, without any cell of the polygons, and so is the number of blocks, or nearly.
    assert results[0].landslide_share == results[1].landslide_share > 8 * len(case.rows) / (192 * WIDTH) * 0.8
    assert results[1].independent_blocks <= 1.2 * len(case.rows)
    again = run(case, tmp_path, "good", "again", polygon_mode="cells", **given)
    assert again.tests["all"][0].p_corrected == 1


# Maps in pieces: the regions of one model are the same map as one raster of all

TWO = ["good", "poor"]
ONE = ["PCUM"] * 3
BOTH = [*ONE, *["RF"] * 3]


def summary_of(folder):
    rows = read_csv(folder / "summary.csv")
    assert len({row["region"] for row in rows}) == len(rows)
    return {row["region"]: row for row in rows}


def test_pieces_are_the_same_map_as_one_raster(case, tmp_path):
    """Regions of a layer, so that both runs have the same ones; every number and cell of the outputs is the same."""
    found = []
    for how, paths, names in (("whole", TWO, ["PCUM", "RF"]), ("pieces", case.pieces, BOTH)):
        (folder := tmp_path / how).mkdir()
        run_pieces(case, folder, paths, names, output_difference=folder / "d.tif", **case.regions)
        with rasterio.open(folder / "d.tif") as difference:
            cells = difference.read(1).tobytes(), difference.transform, difference.shape
        found.append(((folder / "table.csv").read_bytes(), (folder / "summary.csv").read_bytes(), *cells))
    assert found[0] == found[1]


def test_without_a_layer_the_pieces_are_the_regions(case, tmp_path):
    (tmp_path / "layer").mkdir()
    by_layer = run_pieces(case, tmp_path / "layer", case.pieces, BOTH, **case.regions)
    by_piece = run_pieces(case, tmp_path, case.pieces, BOTH)
    assert list(by_piece.results) == list(by_layer.results) == ["all", *sorted(f"region: {name}" for name in CUTS)]
    assert (tmp_path / "summary.csv").read_bytes() == (tmp_path / "layer" / "summary.csv").read_bytes()
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(words in page for words in ("Significant, or chance?", "At the threshold, by region", *CUTS))


def test_pieces_without_a_name_of_their_own_are_called_by_their_files(case, tmp_path):
    paths = [
        write_piece(tmp_path / f"{region} 2020.tif", case.good[first:last, left:right], first, left)
        for region, (first, last, left, right) in CUTS.items()
    ]
    summary = run_pieces(case, tmp_path, paths, ONE)
    assert [name for name in summary.results if name != "all"] == sorted(f"region: {name} 2020" for name in CUTS)


def test_the_summary_has_a_row_a_region(case, tmp_path):
    summary = run_pieces(case, tmp_path, case.pieces, BOTH)
    rows = summary_of(tmp_path)
    assert list(rows) == [*sorted(CUTS), WHOLE, MEAN, WORST]
    for region in CUTS:
        first, last, left, right = CUTS[region]
        inside = ((case.rows >= first) & (case.rows < last) & (case.columns >= left) & (case.columns < right)).sum()
        assert int(rows[region]["landslides"]) == inside
        own = summary.results[f"region: {region}"]
        assert float(rows[region]["PCUM auc"]) == pytest.approx(own[0].auc.value)
        assert float(rows[region]["RF kappa"]) == pytest.approx(own[1].measures["kappa"].value)
        assert rows[region]["best"] == ("PCUM" if own[0].auc.value > own[1].auc.value else "RF")
    values = [float(rows[region]["RF auc"]) for region in CUTS]
    assert float(rows[MEAN]["RF auc"]) == pytest.approx(np.mean(values))
    assert float(rows[WORST]["RF auc"]) == min(values)
    assert rows[MEAN]["RF auc_low"] == rows[WORST]["best"] == ""
    assert sum(int(rows[region]["landslides"]) for region in CUTS) == int(rows[WHOLE]["landslides"])
    assert len(json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))) == len(rows)


def test_the_summary_tells_the_test_windows_from_all(case, tmp_path):
    windows = areas("subset", ["train", "test"], (0, 0, HEIGHT, 100), (0, 100, HEIGHT, WIDTH - 100))
    summary = run_pieces(case, tmp_path, case.pieces[:3], ONE, windows=windows)
    rows = summary_of(tmp_path)
    assert list(rows) == [*sorted(CUTS), WHOLE, TESTED, MEAN, WORST]
    assert [rows[name]["judged_on"] for name in (TESTED, WHOLE, "south")] == ["test", "all", "all"]
    assert float(rows[TESTED]["PCUM auc"]) == pytest.approx(summary.results["test"][0].auc.value)
    regions = [float(rows[region]["PCUM auc"]) for region in CUTS]
    assert float(rows[MEAN]["PCUM auc"]) == pytest.approx(np.mean(regions))
    run_pieces(case, tmp_path, case.pieces[:3], ONE, windows=windows, subset="test")
    rows = summary_of(tmp_path)
    assert TESTED not in rows
    assert {row["judged_on"] for row in rows.values()} == {"test"}


def test_one_model_alone(case, tmp_path):
    summary = run_pieces(case, tmp_path, case.pieces[:3], ONE)
    assert (summary.names, summary.lead, summary.p) == (["PCUM"], None, None)
    assert not summary.agreements and not any(summary.tests.values())
    rows = summary_of(tmp_path)
    assert "best" not in rows[WHOLE] and set(CUTS) < set(rows)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Relative landslide susceptibility by region" in page and "Significant, or chance?" not in page
    assert {row["other"] for row in read_csv(tmp_path / "table.csv")} == {""}
    with pytest.raises(errors.ParameterInvalid, match="OUTPUT_DIFFERENCE"):
        run_pieces(case, tmp_path, case.pieces[:3], ONE, output_difference=tmp_path / "d.tif")


def test_the_numbers_are_those_of_validation(case, tmp_path):
    given = {"repeats": 25, "distance": 90.0, **case.regions}
    alone = conftest.validate_with_points(case.paths["good"], case.slides, None, None, **given)
    for paths, names in ((case.pieces[:3], ONE), (case.pieces, BOTH)):
        for scope, (joined, *_) in run_pieces(case, tmp_path, paths, names).results.items():
            expected = alone.of(scope)
            if names is ONE:
                assert (joined.auc, joined.measures) == (expected.auc, expected.measures), scope
            # Beside another map the blocks are those of the longer range, so that only the intervals differ.
            for ours, theirs in (
                (joined.auc, expected.auc),
                *zip(joined.measures.values(), expected.measures.values()),
            ):
                assert ours.value == theirs.value, scope


def test_where_pieces_overlap_the_first_one_counts(case, tmp_path):
    """The rim of two regions that were mapped a little beyond their border."""
    east = write_piece(tmp_path / "east.tif", np.full((HEIGHT, WIDTH - 90), 0.25), 0, 90)
    west = write_piece(tmp_path / "west.tif", np.full((HEIGHT, 100), 0.75))
    with contextlib.ExitStack() as stack:
        (one,) = mosaic.group_into_mosaics(stack.enter_context(mosaic.open_sources([west, east], ["m", "m"])))
        seen = mosaic.ResampledMosaic(one, one.grid, stack).read(Block(0, 80, 3, 30))
    assert (seen == np.repeat([0.75, 0.25], [20, 10])).all()
    warned = run_pieces(case, tmp_path, [west, east, "poor"], ["m", "m", "RF"]).warnings
    assert any("overlap on 1.80 km²" in text for text in warned)


def test_pieces_of_other_cell_sizes_and_crs(case, tmp_path):
    """A region in another UTM zone and a coarse one: the map has the cells of the finest piece."""
    truth, crs = case.good, CRS.from_epsg(32642)
    bounds = LEFT, TOP - CELL * HEIGHT, LEFT + CELL * WIDTH, TOP - CELL * 100
    place, width, height = calculate_default_transform(UTM, crs, WIDTH, HEIGHT - 100, *bounds, resolution=CELL)
    turned = np.full((height, width), np.nan, dtype=np.float32)
    origin = {"src_transform": from_origin(LEFT, bounds[3], CELL, CELL), "src_crs": UTM, "src_nodata": np.nan}
    target = {"dst_transform": place, "dst_crs": crs, "dst_nodata": np.nan, "resampling": Resampling.nearest}
    reproject(truth[100:], turned, **origin, **target)
    south = write_piece(tmp_path / "south.tif", turned, region="south", crs=crs, left=place.c, top=place.f)
    coarse = write_piece(tmp_path / "north east.tif", truth[1:100:2, 91::2], 0, 90, cell=2 * CELL)
    paths = [coarse, case.pieces[0], south]
    with contextlib.ExitStack() as stack:
        (one,) = mosaic.group_into_mosaics(stack.enter_context(mosaic.open_sources(paths, ONE)))
        t = one.grid.transform
        assert (one.grid.crs, t.a, one.cell_size) == (UTM, CELL, pytest.approx(CELL, rel=1e-3))
        assert mosaic.finest_raster(paths, ONE) == 1
        corner = Block(round((TOP - t.f) / CELL), round((LEFT - t.c) / CELL), HEIGHT, WIDTH)
        seen = mosaic.ResampledMosaic(one, one.grid, stack).read(corner)
    assert np.array_equal(seen[:100, :90], truth[:100, :90], equal_nan=True)
    # The nearest of the nearest cell is at most one cell off.
    assert np.nanmean(np.abs(seen[105:-5, 5:-5] - truth[105:-5, 5:-5])) < 0.02
    summary = run_pieces(case, tmp_path, [*paths, "poor"], [*ONE, "RF"])
    whole = run_pieces(case, tmp_path, TWO, ["PCUM", "RF"])
    assert summary.auc.value == pytest.approx(whole.auc.value, abs=0.03)


def test_regions_far_apart_cost_little(case, tmp_path, monkeypatch):
    """600 km between two pieces: nearly all of the common grid's 400 million cells lie in blocks of neither."""
    far = write_piece(tmp_path / "far.tif", case.good, 20000, 20000, region="far")
    near = write_piece(tmp_path / "near.tif", case.good, region="near")
    slides = Points(name="slides", xy=np.concatenate([case.slides.xy, np.add(case.slides.xy, [600000.0, -600000.0])]))
    cells, read = [], mosaic.ResampledSource.read

    def counted(self, block):
        cells.append(math.prod(block.shape))
        return read(self, block)

    monkeypatch.setattr(mosaic.ResampledSource, "read", counted)
    summary = run_pieces(case, tmp_path, [near, far], ONE[:2], landslides=slides, repeats=20)
    assert [result[0].landslides for result in summary.results.values()] == [240, 120, 120]
    assert sum(cells) < 2e7


def test_names_that_come_again_are_pieces():
    for names in (["a", "a", "b"], ["a", "a"]):
        assert map_names(names, ["x", "y", "z"][: len(names)]) == names
    assert map_names([], ["a", "a", ""]) == ["a", "a (2)", "map 3"]
    assert map_names([" x", "y "], ["a", "b"]) == ["x", "y"]


def test_too_many_maps_and_one_without_crs_are_refused(case, tmp_path):
    """For other bad input see tests/qgis/bad_input."""
    (tmp_path / "out").mkdir()
    no_crs = write(tmp_path / "no crs.tif", case.poor, crs=None)
    for maps, error, words in (
        (["good"] * 13, errors.ParameterInvalid, "13 maps"),
        (["good", no_crs], errors.CrsMissing, "no crs.*coordinate reference system"),
    ):
        with pytest.raises(error, match=words):
            run(case, tmp_path / "out", *maps, html=True)
    assert not list((tmp_path / "out").iterdir())
