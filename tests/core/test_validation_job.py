"""The validation as a whole: numbers against brute force, fit and test, bad input, cancelling, hostile names."""

from __future__ import annotations

import copy
import csv
import json
import shutil

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from scarp.model.errors import (
    Cancelled,
    FieldUnusable,
    GridMismatch,
    InputMissing,
    LayerEmpty,
    OutputNotWritable,
    ParameterInvalid,
    TooFewData,
)
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.validation.settings import OUTCOMES, POINT_FIELDS, TABLE_COLUMNS
from scarp.tests.core.conftest import Listener, at_cells, cell_box, validate_with_points

GRID = Grid(CRS.from_epsg(4326), from_origin(95.0, 30.0, 1 / 3600, 1 / 3600), 240, 200)
HOSTILE = '<script>alert("x")</script> & "Medog" $1 $2'


def xy_of(rows, columns) -> np.ndarray:
    return at_cells(GRID, rows, columns, 0.45)


def box(row: float, column: float, height: float, width: float) -> dict:
    return cell_box(GRID, row, column, height, width)


TRAINING_ONLY = Polygons(name="w", fields={"subset": ["train"]}, geometries=[box(0, 0, 200, 240)])


class Case:
    """A map that knows something about its landslides."""

    def __init__(self, folder, seed: int = 0, landslides: int = 150) -> None:
        rng = np.random.default_rng(seed)
        field = gaussian_filter(rng.standard_normal(GRID.shape), 6)
        field /= field.std()
        self.values = (1 / (1 + np.exp(-1.5 * field - 0.3 * rng.standard_normal(GRID.shape)))).astype(np.float32)
        self.values[:10] = np.nan
        chance = np.where(np.isfinite(self.values), np.exp(1.5 * field), 0).ravel()
        cells = rng.choice(chance.size, landslides, replace=False, p=chance / chance.sum())
        self.rows, self.columns = np.divmod(cells, GRID.width)
        self.landslides = Points(name="slides", source="slides.gpkg", xy=xy_of(self.rows, self.columns))
        self.path = folder / "susceptibility.tif"
        with create_raster(self.path, GRID, "float32", np.nan, ["landslide susceptibility"]) as dataset:
            dataset.write(self.values, 1)
        self.windows = Polygons(
            name="windows",
            fields={"subset": ["train", "train", "validation", "test"]},
            geometries=[box(0, 0, 100, 120), box(100, 0, 100, 100), box(100, 100, 100, 40), box(0, 110, 100, 130)],
        )
        self.regions = Polygons(
            name="regions",
            fields={"name": ["west", HOSTILE, "far away"]},
            geometries=[box(0, 0, 200, 120), box(0, 120, 200, 120), box(900, 900, 5, 5)],
        )


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    return Case(tmp_path_factory.mktemp("validation"))


def run(case: Case, folder, **options):
    """Validate with few repeats; ``html`` asks for the report, whose figures take most of the time."""
    settings = {"repeats": 25, "distance": 90.0, **options}
    report = folder / "report.html" if settings.pop("html", False) else None
    landslides = settings.pop("landslides", case.landslides)
    return validate_with_points(case.path, landslides, report, folder / "table.csv", **settings)


def table_of(folder) -> dict[tuple[str, str], list[str]]:
    with open(folder / "table.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert tuple(rows[0]) == TABLE_COLUMNS
    assert len({tuple(row[:2]) for row in rows}) == len(rows)
    return {(row[0], row[1]): row[2:] for row in rows[1:]}


def test_numbers_are_those_of_the_points(case, tmp_path):
    summary = run(case, tmp_path)
    landslide = case.values[case.rows, case.columns]
    points = summary.points
    assert [point.susceptibility for point in points[:150]] == pytest.approx(landslide.tolist())
    stable = np.array([point.susceptibility for point in points if point.kind == "stable"])
    assert len(points) == 300
    assert len(stable) == 150
    outcomes = {name: sum(point.outcome == name for point in points) for name in OUTCOMES}
    assert outcomes == {
        "hit": (landslide >= 0.5).sum(),
        "miss": (landslide < 0.5).sum(),
        "false_alarm": (stable >= 0.5).sum(),
        "correct_rejection": (stable < 0.5).sum(),
    }
    main = summary.of("all")
    assert (main.first_draw.hits, main.first_draw.false_alarms) == (outcomes["hit"], outcomes["false_alarm"])
    assert summary.recall == pytest.approx((landslide >= 0.5).mean())
    first = roc_auc_score(np.repeat([1, 0], 150), np.concatenate([landslide, stable]))
    assert main.auc_draws.low - 0.03 < first < main.auc_draws.high + 0.03
    everywhere = case.values[np.isfinite(case.values)]
    exact = np.mean([(everywhere < one).mean() for one in landslide])
    assert main.success_rate_auc.value == pytest.approx(exact, abs=2e-3)
    assert abs(summary.auc - exact) < 0.05
    assert summary.auc_low < summary.auc < summary.auc_high
    t = table_of(tmp_path)
    assert float(t["all", "auc"][0]) == pytest.approx(summary.auc)
    assert t["all", "auc"][3] == "bootstrap"
    assert float(t["all", "kappa"][0]) == pytest.approx(summary.kappa)
    assert float(t["input", "landslide_features"][0]) == 150
    record = json.loads((tmp_path / "table.csv.run.json").read_text(encoding="utf-8"))
    assert record["metrics"]["all"]["auc"]["value"] == pytest.approx(summary.auc)
    assert all(hasattr(points[0], name) for name, _ in POINT_FIELDS)


def test_the_interval_of_draws_is_inside_the_one_of_another_inventory(case, tmp_path):
    main = run(case, tmp_path, repeats=100).of("all")
    widths = [one.high - one.low for one in (main.auc_draws, main.auc, main.auc_delong)]
    assert widths[0] < widths[1]
    assert widths[1] == pytest.approx(widths[2], rel=0.35)


def test_same_seed_same_table(case, tmp_path):
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        run(case, tmp_path / name, seed=seed, windows=case.windows, regions=case.regions, region_field="name")
        contents.append((tmp_path / name / "table.csv").read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_other_parts_do_not_change_the_numbers_of_the_map(case, tmp_path):
    alone = run(case, tmp_path).of("all")
    among = run(case, tmp_path, windows=case.windows, regions=case.regions, region_field="name").of("all")
    assert (alone.auc, alone.measures) == (among.auc, among.measures)


def test_zone_table_against_brute_force(case, tmp_path):
    zones = np.digitize(case.values, [0.2, 0.4, 0.6, 0.8]).astype(np.uint8) + 1
    zones[~np.isfinite(case.values)] = 0
    with create_raster(tmp_path / "zones.tif", GRID, "uint8", 0, ["zone"], overviews=None) as dataset:
        dataset.write(zones, 1)
    whole = run(case, tmp_path, zones=tmp_path / "zones.tif").of("all")
    rows = whole.zones
    area = np.broadcast_to(GRID.cell_area()[:, None], GRID.shape)
    assert whole.area_km2 == pytest.approx(area[np.isfinite(case.values)].sum() / 1e6)
    for row in rows:
        inside = zones == row.zone
        count = int((zones[case.rows, case.columns] == row.zone).sum())
        assert row.landslides == count
        assert row.area_km2 == pytest.approx(area[inside].sum() / 1e6)
        assert row.frequency_ratio.value == pytest.approx(count / 150 / (area[inside].sum() / area[zones > 0].sum()))
    assert [row.name for row in rows] == ["very low", "low", "medium", "high", "very high"]


def test_without_zones_they_have_the_area_shares_of_the_paper(case, tmp_path):
    rows = run(case, tmp_path, html=True).of("all").zones
    assert [row.area_share for row in rows] == pytest.approx([0.3, 0.2, 0.2, 0.2, 0.1], abs=1e-3)
    assert sum(row.landslides for row in rows) == 150
    assert "Zones were cut here by area" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_fit_and_test_are_told_apart(case, tmp_path):
    summary = run(case, tmp_path, windows=case.windows, html=True)
    inside_train = ((case.rows < 100) & (case.columns < 120)) | ((case.rows >= 100) & (case.columns < 100))
    inside_test = (case.rows < 100) & (case.columns >= 120)
    subsets = np.array([point.subset for point in summary.points[:150]])
    np.testing.assert_array_equal(subsets == "train", inside_train)
    np.testing.assert_array_equal(subsets == "test", inside_test)
    assert [result.scope.name for result in summary.results] == ["all", "train", "validation", "test"]
    assert summary.of("train").landslides == inside_train.sum()
    warning = f"{inside_train.sum()} of 150 landslides lie in training windows"
    assert any(warning in text for text in summary.warnings)
    assert warning in (tmp_path / "report.html").read_text(encoding="utf-8")
    only = run(case, tmp_path, windows=case.windows, subset="test")
    assert only.landslides == inside_test.sum() == only.stable
    assert {point.subset for point in only.points} == {"test"}
    assert only.auc == summary.of("test").auc.value == only.of("test").auc.value
    assert not any("lie in training windows" in text for text in only.warnings)


def test_without_windows_the_report_says_what_it_cannot_know(case, tmp_path):
    assert any("fit, not a test" in text for text in run(case, tmp_path).warnings)


def test_regions_have_numbers_of_their_own(case, tmp_path):
    summary = run(case, tmp_path, regions=case.regions, region_field="name")
    west, east = summary.of("region: west"), summary.of(f"region: {HOSTILE}")
    assert west.landslides == (case.columns < 120).sum()
    assert west.landslides + east.landslides == 150
    assert west.area_km2 + east.area_km2 == pytest.approx(summary.of("all").area_km2)
    assert any("far away" in text for text in summary.warnings)
    assert {point.region for point in summary.points} == {"west", HOSTILE}
    names = {scope for scope, _ in table_of(tmp_path)}
    assert names == {"input", "all", "region: west", f"region: {HOSTILE}"}


def test_hostile_names_stay_text(case, tmp_path):
    hostile = Points(name=HOSTILE, source=HOSTILE, xy=np.concatenate([case.landslides.xy, [[0.0, 0.0]]]))
    run(case, tmp_path, landslides=hostile, regions=case.regions, region_field="name", html=True)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_given_stable_points_are_used(case, tmp_path):
    rng = np.random.default_rng(3)
    rows, columns = rng.integers(10, 200, 90), rng.integers(0, 240, 90)
    xy = np.concatenate([xy_of(rows, columns), case.landslides.xy[:5], xy_of([2], [2])])
    summary = run(case, tmp_path, stable=Points(name="stable", xy=xy))
    cells = set(zip(rows.tolist(), columns.tolist())) - set(zip(case.rows.tolist(), case.columns.tolist()))
    stable = np.array([case.values[cell] for cell in sorted(cells)])
    landslide = case.values[case.rows, case.columns]
    expected = roc_auc_score(np.repeat([1, 0], [150, len(stable)]), np.concatenate([landslide, stable]))
    assert summary.stable == len(stable)
    assert summary.auc == pytest.approx(expected)
    assert not summary.of("all").auc_draws.has_interval
    assert summary.auc_low < expected < summary.auc_high
    assert any("lie in the cell of a landslide" in text for text in summary.warnings)


def test_a_perfect_map_and_a_turned_one(tmp_path, case):
    values = np.where(np.isfinite(case.values), np.float32(0.1), np.nan)
    values[case.rows, case.columns] = 0.9
    other = Case(tmp_path)
    for factor, auc in ((1, 1.0), (-1, 0.0)):
        with rasterio.open(other.path, "r+") as dataset:
            dataset.write((values if factor > 0 else 1 - values).astype(np.float32), 1)
        other.landslides = case.landslides
        summary = run(other, tmp_path, html=True)
        assert summary.auc == auc
        assert any("below 0.5" in text for text in summary.warnings) == (auc < 0.5)
    assert summary.kappa == pytest.approx(-1.0)


def test_a_map_without_contrast_has_an_auc_of_one_half(tmp_path):
    flat = Case(tmp_path)
    with rasterio.open(flat.path, "r+") as dataset:
        dataset.write(np.full(GRID.shape, 0.4, dtype=np.float32), 1)
    summary = run(flat, tmp_path)
    assert summary.auc == 0.5
    assert summary.kappa == 0
    assert summary.of("all").success_rate_auc.value == pytest.approx(0.5)


@pytest.mark.parametrize("mode", ["representative", "cells"])
def test_landslides_may_be_polygons(case, tmp_path, mode):
    polygons = Polygons(
        name="slides", geometries=[box(row, column, 3, 2) for row, column in zip(range(20, 180, 4), range(10, 210, 5))]
    )
    summary = run(case, tmp_path, landslides=polygons, polygon_mode=mode)
    assert summary.landslides == (40 if mode == "representative" else 240)
    assert any("Every cell of a landslide polygon" in text for text in summary.warnings) == (mode == "cells")
    features = {point.feature for point in summary.points if point.kind == "landslide"}
    assert features == set(range(1, 41))
    assert summary.of("all").measures["recall"].interval == ("Wilson" if mode == "representative" else "bootstrap")


def test_resampling_whole_landslides_widens_the_interval(case, tmp_path):
    """Cells of one landslide are alike, so many cells of few landslides say less than they seem to."""
    polygons = Polygons(
        name="slides",
        geometries=[box(row, column, 8, 8) for row in range(20, 190, 40) for column in range(10, 230, 40)],
    )
    main = run(case, tmp_path, landslides=polygons, polygon_mode="cells", distance=0.0, repeats=60).of("all")
    assert main.auc.high - main.auc.low > 1.5 * (main.auc_delong.high - main.auc_delong.low)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"subset": "test"}, ParameterInvalid, "WINDOWS is empty"),
        ({"subset": "exam"}, ParameterInvalid, "SUBSET"),
        ({"threshold": 1.5}, ParameterInvalid, "THRESHOLD"),
        ({"distance": -1.0}, ParameterInvalid, "DISTANCE"),
        ({"distance": float("nan")}, ParameterInvalid, "DISTANCE"),
        ({"repeats": 0}, ParameterInvalid, "REPEATS"),
        ({"seed": -1}, ParameterInvalid, "SEED"),
        ({"polygon_mode": "all"}, ParameterInvalid, "POLYGON_MODE"),
        ({"distance": 90000.0}, TooFewData, "Make DISTANCE smaller"),
        ({"landslides": Points(name="none")}, LayerEmpty, "no feature"),
        ({"landslides": Points(name="far", xy=np.array([[0.0, 0.0]]))}, LayerEmpty, "outside the raster"),
        ({"landslides": Points(name="void", xy=xy_of([2, 3], [2, 3]))}, LayerEmpty, "2 on cells without data"),
        ({"landslides": Points(name="one", xy=xy_of([50], [50]))}, TooFewData, "at least 2"),
        ({"stable": Points(name="none")}, LayerEmpty, "STABLE"),
        ({"stable": Points(name="far", xy=np.array([[0.0, 0.0]]))}, LayerEmpty, "STABLE"),
        ({"regions": Polygons(name="none")}, LayerEmpty, "REGIONS"),
        ({"regions": Polygons(name="r", geometries=[box(0, 0, 9, 9)]), "region_field": "x"}, FieldUnusable, '"x"'),
        ({"windows": TRAINING_ONLY, "subset": "test"}, LayerEmpty, "0 landslides lie in test windows"),
        ({"zones": "/nowhere/zones.tif"}, InputMissing, "zones"),
    ],
)
def test_bad_input_is_refused_in_plain_words(case, tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        run(case, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_zones_of_another_grid_are_refused(case, tmp_path):
    grid = Grid(GRID.crs, from_origin(95.0, 30.0, 1 / 1200, 1 / 1200), 80, 66)
    with create_raster(tmp_path / "zones.tif", grid, "uint8", 0, ["zone"], overviews=None) as dataset:
        dataset.write(np.ones(grid.shape, dtype=np.uint8), 1)
    with pytest.raises(GridMismatch, match="not on the same grid"):
        run(case, tmp_path, zones=tmp_path / "zones.tif")


def test_a_folder_that_is_not_there_is_refused_before_the_work(case, tmp_path):
    with pytest.raises(OutputNotWritable):
        run(case, tmp_path / "missing")


def test_cancelling_leaves_nothing(case, tmp_path):
    listener = Listener()
    run(case, tmp_path, progress=listener, html=True)
    for path in tmp_path.iterdir():
        path.unlink()
    asked = listener.questions
    assert asked > 30
    for patience in [0, 1, 2, 5, *np.linspace(6, asked - 1, 6).astype(int).tolist()]:
        with pytest.raises(Cancelled):
            run(case, tmp_path, progress=Listener(cancel_after=patience), html=True)
        names = {path.name for path in tmp_path.iterdir()}
        assert "table.csv" not in names
        assert not [name for name in names if name.startswith(".")]
        for path in tmp_path.iterdir():
            path.unlink()


def test_progress_moves_on_over_several_windows(case, tmp_path):
    grid = Grid(GRID.crs, GRID.transform, 1100, 40)
    case = copy.copy(case)
    case.path = tmp_path / "wide.tif"
    with create_raster(case.path, grid, "float32", np.nan, ["susceptibility"], overviews=None) as dataset:
        dataset.write(np.random.default_rng(0).random(grid.shape, dtype=np.float32), 1)

    listener = Listener()
    run(case, tmp_path, progress=listener, landslides=Points(name="slides", xy=xy_of(range(5, 35), range(0, 900, 30))))
    assert all(low <= high + 1e-9 for low, high in zip(listener.fractions, listener.fractions[1:]))
    assert listener.fractions[-1] == 1
    assert len(set(listener.fractions)) > 20


def test_few_landslides_and_few_repeats_are_warned_of(case, tmp_path):
    few = Points(name="few", xy=case.landslides.xy[:12])
    summary = run(case, tmp_path, landslides=few, repeats=3, html=True)
    assert any("Only 12 landslides" in text for text in summary.warnings)
    assert not summary.of("all").auc.has_interval
    assert summary.of("all").auc_delong.has_interval
    assert "fewer than 20 repeats" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_table_is_there_as_json_too(case, tmp_path):
    run(case, tmp_path)
    rows = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    table = table_of(tmp_path)
    assert len(rows) == len(table)
    for row in rows:
        value = table[row["scope"], row["measure"]][0]
        assert row["value"] == (float(value) if value else None)


@pytest.mark.parametrize("given", [True, False])
def test_relief_lies_under_the_maps(case, tmp_path, given):
    """From a DEM that is given, or that the run records of map and stack lead to."""
    case = copy.copy(case)
    case.path = tmp_path / "map.tif"
    shutil.copy(Case(tmp_path).path, case.path)
    rows, columns = np.mgrid[: GRID.height, : GRID.width]
    with create_raster(tmp_path / "dem.tif", GRID, "float32", np.nan, ["elevation"], overviews=None) as dataset:
        dataset.write((500 + 200 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.float32), 1)
    if not given:
        (tmp_path / "stack.tif").touch()
        for output, name, source in (("map.tif", "STACK", "stack.tif"), ("stack.tif", "dem", "dem.tif")):
            (tmp_path / f"{output}.run.json").write_text(json.dumps({"inputs": {name: {"source": f"/gone/{source}"}}}))
    dem = tmp_path / "dem.tif" if given else None
    regions = {"regions": case.regions, "region_field": "name"}
    summary = run(case, tmp_path, html=True, dem=dem, sheet_relief=tmp_path / "relief.tif", **regions)
    assert "Relief from dem.tif" in (tmp_path / "report.html").read_text(encoding="utf-8")
    sheet = summary.sheet
    assert sheet.hillshade == str(tmp_path / "relief.tif")
    assert len(sheet.breaks) == 4
    with rasterio.open(sheet.hillshade) as relief:
        grey = relief.read(1)
        assert relief.bounds == pytest.approx(GRID.bounds)
        assert grey.min() > 50
        assert np.ptp(grey) > 80
    assert [row[0] for row in sheet.table[1:]] == ["very high", "high", "medium", "low", "very low"]
    assert sum(len(places) for _, _, places in sheet.points) == summary.landslides
    assert f"AUC {summary.auc:.3f}" in sheet.notes


def test_a_map_without_relief_is_drawn_flat(case, tmp_path):
    summary = run(case, tmp_path, html=True, sheet_relief=tmp_path / "relief.tif")
    assert "Relief from" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert summary.sheet.hillshade is None
    assert not (tmp_path / "relief.tif").exists()
