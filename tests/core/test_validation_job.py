"""The validation as a whole: numbers against brute force, fit and test, bad input, cancelling, hostile names."""

from __future__ import annotations

import copy
import csv
import json
import re
import shutil

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter
from sklearn.metrics import average_precision_score, roc_auc_score

from scarp.model import errors
from scarp.model.errors import LayerEmpty, ParameterInvalid
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.report.charts import shorten
from scarp.model.stack import StackFactor
from scarp.model.validation.settings import OUTCOMES, POINT_FIELDS, TABLE_COLUMNS
from scarp.tests.core.conftest import (
    Listener,
    at_cells,
    cell_box,
    degree_grid,
    validate_with_points,
    write_raster,
    write_stack,
)

GRID = degree_grid(200, 240, left=95.0, top=30.0)
HOSTILE = '<script>alert("x")</script> & "Medog" $1 $2'


def xy_of(rows, columns) -> np.ndarray:
    return at_cells(GRID, rows, columns, 0.45)


def areas(*boxes, **fields) -> Polygons:
    """Rectangles of cells, each by row, column, height and width."""
    return Polygons(name="areas", fields=fields, geometries=[cell_box(GRID, *box) for box in boxes])


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
        self.path = write_raster(folder / "susceptibility.tif", self.values, GRID, nodata=np.nan)
        boxes = (0, 0, 100, 120), (100, 0, 100, 100), (100, 100, 100, 40), (0, 110, 100, 130)
        self.windows = areas(*boxes, subset=["train", "train", "validation", "test"])
        halves = (0, 0, 200, 120), (0, 120, 200, 120), (900, 900, 5, 5)
        self.regions = areas(*halves, name=["west", HOSTILE, "far away"])


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
    text = (folder / "table.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    found = {(row[0], row[1]): row[2:] for row in rows}
    assert tuple(header) == TABLE_COLUMNS and len(found) == len(rows)
    return found


def auc_against_other_land(case: Case, rows, columns) -> float:
    """By scikit-learn, landslides at their cells against all cells but those, by true area."""
    other = np.isfinite(case.values)
    other[rows, columns] = False
    areas = np.broadcast_to(GRID.cell_area()[:, None], GRID.shape)[other]
    values = np.concatenate([case.values[rows, columns], case.values[other]])
    truth = np.repeat([1, 0], [len(rows), other.sum()])
    return roc_auc_score(truth, values, sample_weight=np.concatenate([np.ones(len(rows)), areas]))


def test_numbers_are_those_of_the_points(case, tmp_path):
    summary = run(case, tmp_path)
    landslide = case.values[case.rows, case.columns]
    points = summary.points
    assert [point.susceptibility for point in points[:150]] == pytest.approx(landslide.tolist())
    stable = np.array([point.susceptibility for point in points if point.kind == "stable"])
    assert (len(points), len(stable)) == (300, 150)
    outcomes = {name: sum(point.outcome == name for point in points) for name in OUTCOMES}
    hits, alarms = (landslide >= 0.5).sum(), (stable >= 0.5).sum()
    assert outcomes == {"hit": hits, "miss": 150 - hits, "false_alarm": alarms, "correct_rejection": 150 - alarms}
    main = summary.of("all")
    assert (main.first_draw.hits, main.first_draw.false_alarms) == (hits, alarms)
    assert summary.recall == pytest.approx((landslide >= 0.5).mean())
    first = roc_auc_score(np.repeat([1, 0], 150), np.concatenate([landslide, stable]))
    assert main.auc_draws.low - 0.03 < first < main.auc_draws.high + 0.03
    everywhere = case.values[np.isfinite(case.values)]
    exact = np.mean([(everywhere < one).mean() for one in landslide])
    assert main.success_rate_auc.value == pytest.approx(exact, abs=2e-3)
    assert summary.auc == pytest.approx(auc_against_other_land(case, case.rows, case.columns), abs=1e-9)
    assert abs(main.auc_stable.value - exact) < 0.05 and summary.auc_low < summary.auc < summary.auc_high
    other = np.isfinite(case.values)
    other[case.rows, case.columns] = False
    truth, cells = other[np.isfinite(case.values)] < 1, case.values[np.isfinite(case.values)]
    area = np.broadcast_to(GRID.cell_area()[:, None], GRID.shape)[np.isfinite(case.values)]
    assert main.landslide_share == pytest.approx(area[truth].sum() / area.sum())
    # Every landslide and a sample of other land, against all cells at the true share of landslide cells.
    assert main.map_calibration.brier == pytest.approx(np.average((cells - truth) ** 2, weights=area), abs=0.003)
    assert main.map_precision == pytest.approx(average_precision_score(truth, cells, sample_weight=area), rel=0.1)
    t = table_of(tmp_path)
    assert [float(t["all", name][0]) for name in ("auc", "kappa")] == pytest.approx([summary.auc, summary.kappa])
    assert (t["all", "auc"][3], float(t["input", "landslide_features"][0])) == ("blocks", 150)
    blocks = [float(t["all", name][0]) for name in ("range_m", "block_side_m", "independent_blocks")]
    assert blocks == pytest.approx([main.range_m, main.block_side_m, main.independent_blocks])
    assert 15 <= blocks[2] < 150
    rows = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    values = {(row["scope"], row["measure"]): row["value"] for row in rows}
    assert values == {key: float(row[0]) if row[0] else None for key, row in t.items()}
    record = json.loads((tmp_path / "table.csv.run.json").read_text(encoding="utf-8"))
    assert record["metrics"]["all"]["auc"]["value"] == pytest.approx(summary.auc)
    assert all(hasattr(points[0], name) for name, _ in POINT_FIELDS)


def test_the_interval_of_draws_is_inside_the_one_of_another_inventory(case, tmp_path):
    main = run(case, tmp_path, repeats=100).of("all")
    widths = [one.high - one.low for one in (main.auc_draws, main.auc_stable, main.auc, main.auc_delong)]
    # The field is smooth over 6 cells and the landslides follow it: blocks of land tell less than single landslides.
    assert widths[0] < widths[1] and widths[3] < widths[2] < 3 * widths[3]


def test_other_parts_do_not_change_the_numbers_of_the_map(case, tmp_path):
    alone = run(case, tmp_path).of("all")
    among = run(case, tmp_path, windows=case.windows, regions=case.regions, region_field="name").of("all")
    assert (alone.auc, alone.measures) == (among.auc, among.measures)


def test_zone_table_against_brute_force(case, tmp_path):
    zones = np.digitize(case.values, [0.2, 0.4, 0.6, 0.8]).astype(np.uint8) + 1
    zones[~np.isfinite(case.values)] = 0
    write_raster(tmp_path / "zones.tif", zones, GRID, nodata=0)
    whole = run(case, tmp_path, zones=tmp_path / "zones.tif").of("all")
    rows = whole.zones
    area = np.broadcast_to(GRID.cell_area()[:, None], GRID.shape)
    assert whole.area_km2 == pytest.approx(area[np.isfinite(case.values)].sum() / 1e6)
    for row in rows:
        inside, count = area[zones == row.zone].sum(), int((zones[case.rows, case.columns] == row.zone).sum())
        assert (row.landslides, row.area_km2) == (count, pytest.approx(inside / 1e6))
        assert row.frequency_ratio.value == pytest.approx(count / 150 / (inside / area[zones > 0].sum()))
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


def test_regions_have_numbers_of_their_own(case, tmp_path):
    hostile = Points(name=HOSTILE, source=HOSTILE, xy=np.concatenate([case.landslides.xy, [[0.0, 0.0]]]))
    summary = run(case, tmp_path, landslides=hostile, regions=case.regions, region_field="name", html=True)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html and "&lt;script&gt;" in html
    assert any("fit, not a test" in text for text in summary.warnings), "without windows it cannot know"
    west, east = summary.of("region: west"), summary.of(f"region: {HOSTILE}")
    assert (west.landslides, west.landslides + east.landslides) == ((case.columns < 120).sum(), 150)
    assert west.area_km2 + east.area_km2 == pytest.approx(summary.of("all").area_km2)
    assert any("far away" in text for text in summary.warnings)
    assert {point.region for point in summary.points} == {"west", HOSTILE}
    names = {scope for scope, _ in table_of(tmp_path)}
    assert names == {"input", "all", "region: west", f"region: {HOSTILE}"}
    plain = html[html.index("The map in plain words") : html.index("In short")]
    cells = re.findall("<td[^>]*>(.*?)</td>", plain)
    rows = [cells[first : first + 7] for first in range(0, len(cells), 7)]
    assert [row[0] for row in rows[1:]] == ["west", "All of the map"] and len(rows) == 3 and "break" in plain
    for column in (1, 4, 5):
        numbers = [float(row[column].replace(",", "")) for row in rows]
        assert numbers[-1] == pytest.approx(sum(numbers[:-1]), abs=0.2), "the regions are the whole map"
    assert float(rows[1][1]) == pytest.approx(west.area_km2, abs=0.06) and int(rows[1][4]) == west.landslides
    assert float(rows[1][2].split()[0]) == pytest.approx(west.zones[-1].area_km2, abs=0.06)


def test_the_map_in_plain_words_without_regions(case, tmp_path):
    summary = run(case, tmp_path, html=True)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    plain = html[html.index("The map in plain words") : html.index("In short")]
    share = sum(row.landslide_share.value for row in summary.of("all").zones[-2:])
    assert f"Of 100 known landslides, {100 * share:.0f} lie in these two zones" in plain
    assert f"How far to trust it: {summary.verdict['level']}." in plain and 'class="break"' not in html


def test_exposure_stands_in_plain_words_and_by_zone(case, tmp_path):
    rows, columns = np.arange(2.0, 200, 4), np.arange(3.0, 240, 5)[: len(np.arange(2.0, 200, 4))]
    houses = Points(name="houses <b>", xy=xy_of(rows[: len(columns)], columns))
    roads = Lines(name="roads", parts=[xy_of(np.array([10.0, 10.0]), np.array([0.0, 239.0]))])
    given = {"regions": case.regions, "region_field": "name", "exposed": [houses, roads]}
    summary = run(case, tmp_path, html=True, **given)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    plain = html[html.index("The map in plain words") : html.index("In short")]
    assert f"of {len(houses):,} of houses &lt;b&gt; and" in plain and "km of roads." in plain
    by_zone = html[html.index("Exposure by zone") :]
    cells = re.findall("<td[^>]*>(.*?)</td>", by_zone[: by_zone.index("</table>")])
    counts = [int(cell.split()[0].replace(",", "")) for cell in cells[1:7]]  # five zones and no zone
    assert sum(counts) == len(houses) and cells[0].startswith("houses") and cells[8] == "roads, km"
    regions = re.findall(r"<td[^>]*>(\d+) of (\d+)</td>", plain)
    total, parts = regions[-1], regions[:-1]
    assert [sum(int(part[place]) for part in parts) for place in (0, 1)] == list(map(int, total))
    assert "houses" not in [one.scope.name for one in summary.results]


def test_given_stable_points_are_used(case, tmp_path):
    rng = np.random.default_rng(3)
    rows, columns = rng.integers(10, 200, 90), rng.integers(0, 240, 90)
    xy = np.concatenate([xy_of(rows, columns), case.landslides.xy[:5], xy_of([2], [2])])
    summary = run(case, tmp_path, stable=Points(name="stable", xy=xy))
    cells = set(zip(rows.tolist(), columns.tolist())) - set(zip(case.rows.tolist(), case.columns.tolist()))
    stable = np.array([case.values[cell] for cell in sorted(cells)])
    landslide = case.values[case.rows, case.columns]
    expected = roc_auc_score(np.repeat([1, 0], [150, len(stable)]), np.concatenate([landslide, stable]))
    main = summary.of("all")
    assert (summary.stable, main.auc_stable.value) == (len(stable), pytest.approx(expected))
    assert not main.auc_draws.has_interval and main.auc_stable.low < expected < main.auc_stable.high
    assert summary.auc == pytest.approx(auc_against_other_land(case, case.rows, case.columns))
    assert any("lie in the cell of a landslide" in text for text in summary.warnings)


def test_rules_of_a_textbook_are_judged_at_the_same_cells(case, tmp_path):
    """Slope from the stack and a factor of safety, against scikit-learn; the map's own numbers stay."""
    rng = np.random.default_rng(8)
    slope = (30 * case.values + 10 * rng.random(GRID.shape)).astype(np.float32)
    safety = rng.uniform(0.5, 2.5, GRID.shape).astype(np.float32)
    factors = [StackFactor("slope", "continuous", "degrees")]
    stack = write_stack(tmp_path / "stack.tif", slope[None], factors, GRID)
    given = write_raster(tmp_path / "fs.tif", safety, GRID, nodata=np.nan)
    plain = run(case, tmp_path, windows=case.windows)
    summary = run(case, tmp_path, windows=case.windows, stack=stack, safety_factor=given, html=True)
    main, rules = summary.of("all"), summary.of("all").rules
    assert (summary.auc, main.measures["recall"].value) == (plain.auc, plain.of("all").measures["recall"].value)
    for key, values in (("slope", slope), ("safety_factor", -safety)):
        other = copy.copy(case)
        other.values = np.where(np.isfinite(case.values), values, np.nan)
        expected = auc_against_other_land(other, case.rows, case.columns)
        assert rules[key].auc.value == pytest.approx(expected, abs=1e-9)
        assert rules[key].difference.value == pytest.approx(summary.auc - expected, abs=1e-9)
        assert rules[key].difference.low < rules[key].difference.value < rules[key].difference.high
        row = table_of(tmp_path)["all", f"{key}_auc"]
        assert float(row[0]) == pytest.approx(expected, abs=1e-6) and ("test", f"{key}_difference") in table_of(
            tmp_path
        )
    # An interval of the difference of maps that resemble each other is narrower than that of either.
    width = rules["slope"].difference.high - rules["slope"].difference.low
    assert width < rules["slope"].auc.high - rules["slope"].auc.low
    assert "Beside rules of a textbook" in (tmp_path / "report.html").read_text(encoding="utf-8")
    alone = run(case, tmp_path, stack=stack)
    assert list(alone.of("all").rules) == ["slope", "safety_factor"]
    # Half saturated soil everywhere is the less stable the steeper.
    assert alone.of("all").rules["safety_factor"].auc.value == pytest.approx(rules["slope"].auc.value, abs=1e-4)
    small = write_raster(tmp_path / "small.tif", safety[:50], degree_grid(50, 240), nodata=np.nan)
    with pytest.raises(errors.GridMismatch, match="safety factor raster"):
        run(case, tmp_path, safety_factor=small)


@pytest.mark.parametrize(("hit", "auc", "kappa"), [(0.9, 1.0, 1.0), (-0.9, 0.0, -1.0), (0.1, 0.5, 0.0)])
def test_a_perfect_map_a_turned_one_and_one_without_contrast(tmp_path, case, hit, auc, kappa):
    values = np.where(np.isfinite(case.values), 0.1, np.nan).astype(np.float32)
    values[case.rows, case.columns] = abs(hit)
    other = copy.copy(case)
    other.path = write_raster(tmp_path / "map.tif", values if hit > 0 else 1 - values, GRID, nodata=np.nan)
    summary = run(other, tmp_path, html=True)
    assert (summary.auc, summary.kappa) == (auc, pytest.approx(kappa))
    assert any("below 0.5" in text for text in summary.warnings) == (auc < 0.5)
    if auc == 0.5:
        assert summary.of("all").success_rate_auc.value == pytest.approx(0.5)


@pytest.mark.parametrize("mode", ["representative", "cells"])
def test_landslides_may_be_polygons(case, tmp_path, mode):
    polygons = areas(*((row, column, 3, 2) for row, column in zip(range(20, 180, 4), range(10, 210, 5))))
    summary = run(case, tmp_path, landslides=polygons, polygon_mode=mode)
    assert summary.landslides == (40 if mode == "representative" else 240)
    assert any("Every cell of a landslide polygon" in text for text in summary.warnings) == (mode == "cells")
    features = {point.feature for point in summary.points if point.kind == "landslide"}
    assert features == set(range(1, 41))
    main = summary.of("all")
    assert main.measures["recall"].interval == "blocks"
    # No cell of a polygon is other land, whichever of its cells count as landslides.
    first = np.array([range(20, 180, 4), range(10, 210, 5)])
    rows, columns = (first[:, :, None] + np.mgrid[:3, :2].reshape(2, 1, -1)).reshape(2, -1)
    area = np.broadcast_to(GRID.cell_area()[:, None], GRID.shape)
    assert main.landslide_share == pytest.approx(area[rows, columns].sum() / area[np.isfinite(case.values)].sum())
    if mode == "cells":
        assert summary.auc == pytest.approx(auc_against_other_land(case, rows, columns))


def test_resampling_whole_landslides_widens_the_interval(case, tmp_path):
    """Cells of one landslide are alike, so many cells of few landslides say less than they seem to."""
    polygons = areas(*((row, column, 8, 8) for row in range(20, 190, 40) for column in range(10, 230, 40)))
    main = run(case, tmp_path, landslides=polygons, polygon_mode="cells", distance=0.0, repeats=60).of("all")
    assert main.auc.high - main.auc.low > 1.5 * (main.auc_delong.high - main.auc_delong.low)
    assert main.independent_blocks <= 30


def test_landslides_without_data_and_an_unknown_mode_are_refused(case, tmp_path):
    """For other bad input see tests/qgis/bad_input."""
    void = Points(name="void", xy=xy_of([2, 3], [2, 3]))
    for options, error, words in (
        ({"polygon_mode": "all"}, ParameterInvalid, "POLYGON_MODE"),
        ({"landslides": void}, LayerEmpty, "2 on cells without data"),
    ):
        with pytest.raises(error, match=words):
            run(case, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_cancelling_leaves_nothing(case, tmp_path):
    listener = Listener()
    (tmp_path / "whole").mkdir()
    run(case, tmp_path / "whole", progress=listener, html=True)
    asked = listener.questions
    assert asked > 30
    for patience in [0, 1, 2, 5, *np.linspace(6, asked - 1, 6).astype(int).tolist()]:
        folder = tmp_path / str(patience)
        folder.mkdir()
        with pytest.raises(errors.Cancelled):
            run(case, folder, progress=Listener(cancel_after=patience), html=True)
        assert not [path.name for path in folder.iterdir() if path.name == "table.csv" or path.name.startswith(".")]


def test_progress_moves_on_over_several_windows(case, tmp_path):
    grid = Grid(GRID.crs, GRID.transform, 1100, 40)
    case = copy.copy(case)
    values = np.random.default_rng(0).random(grid.shape, dtype=np.float32)
    case.path = write_raster(tmp_path / "wide.tif", values, grid, nodata=np.nan)
    listener = Listener()
    run(case, tmp_path, progress=listener, landslides=Points(name="slides", xy=xy_of(range(5, 35), range(0, 900, 30))))
    assert all(low <= high + 1e-9 for low, high in zip(listener.fractions, listener.fractions[1:]))
    assert listener.fractions[-1] == 1 and len(set(listener.fractions)) > 20


def test_few_landslides_and_few_repeats_are_warned_of(case, tmp_path):
    few = Points(name="few", xy=case.landslides.xy[:12])
    summary = run(case, tmp_path, landslides=few, repeats=3, html=True)
    assert any("Only 12 landslides" in text for text in summary.warnings)
    assert not summary.of("all").auc.has_interval and summary.of("all").auc_delong.has_interval
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "fewer than 20 repeats" in page
    blocks = summary.of("all").independent_blocks
    assert blocks <= 12 and f"No test is possible with {blocks} independent block" in page
    assert any("No test is possible" in text for text in summary.warnings)
    assert all(np.isnan(row.p_rise) for row in summary.of("all").zones)


@pytest.mark.parametrize("given", [True, False])
def test_relief_lies_under_the_maps(case, tmp_path, given):
    """From a DEM that is given, or that the run records of map and stack lead to."""
    case = copy.copy(case)
    case.path = shutil.copy(case.path, tmp_path / "map.tif")
    rows, columns = np.mgrid[: GRID.height, : GRID.width]
    elevation = (500 + 200 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.float32)
    write_raster(tmp_path / "dem.tif", elevation, GRID, nodata=np.nan)
    if not given:
        (tmp_path / "stack.tif").touch()
        for output, name, source in (("map.tif", "STACK", "stack.tif"), ("stack.tif", "dem", "dem.tif")):
            (tmp_path / f"{output}.run.json").write_text(json.dumps({"inputs": {name: {"source": f"/gone/{source}"}}}))
    dem = tmp_path / "dem.tif" if given else None
    regions = {"regions": case.regions, "region_field": "name"}
    summary = run(case, tmp_path, html=True, dem=dem, sheet_relief=tmp_path / "relief.tif", **regions)
    assert "Relief from dem.tif" in (tmp_path / "report.html").read_text(encoding="utf-8")
    sheet = summary.sheet
    assert (sheet.hillshade, len(sheet.breaks)) == (str(tmp_path / "relief.tif"), 4)
    with rasterio.open(sheet.hillshade) as relief:
        grey = relief.read(1)
        assert relief.bounds == pytest.approx(GRID.bounds)
        assert grey.min() > 50 and np.ptp(grey) > 80
    assert [row[0] for row in sheet.table[1:]] == ["very high", "high", "medium", "low", "very low"]
    assert sum(len(places) for _, _, places in sheet.points) == summary.landslides
    assert f"AUC {summary.auc:.3f}" in " ".join(sheet.notes)
    borders = dict(sheet.regions)
    assert set(borders) == {"west", shorten(HOSTILE)}
    (ring,) = borders["west"]
    assert np.ptp(np.array(ring), axis=0) == pytest.approx((120 / 3600, 200 / 3600), rel=0.05)


def test_a_map_without_relief_is_drawn_flat(case, tmp_path):
    summary = run(case, tmp_path, html=True, sheet_relief=tmp_path / "relief.tif")
    assert "Relief from" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert summary.sheet.hillshade is None and not (tmp_path / "relief.tif").exists()
