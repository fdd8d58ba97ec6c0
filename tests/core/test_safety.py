"""Rain index: equations, the paper's tables, thresholds per class, climate zones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform, transform_bounds

from scarp.model.errors import FieldUnusable, LayerEmpty, NoOverlap, ParameterInvalid, TooFewData
from scarp.model.factors.settings import CategoricalInput
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.progress import NullProgress
from scarp.model.safety.thresholds import PAPER_K, match_paper_class, safety_factor, seven_day_rainfall
from scarp.tests.core import conftest
from scarp.tests.core.conftest import (
    DEGREES,
    Listener,
    at_cells,
    box,
    degree_grid,
    read_band,
    read_csv,
    utm_grid,
    write_raster,
)

GRID = utm_grid(60, 80, top=3.3e6)
LEFT, BOTTOM, RIGHT, TOP = GRID.bounds
SEASON = {"alpha": 0.8, "beta": 2.5, "rainy_days": 90.0}
FACTOR = 0.8 * 2.5 * 7 / 90
RIVER_PLAINS = "plains or terraces formed by alluvial, fluvial, or lacustrine deposits"
GLACIAL_PLAINS = "plains or terraces formed by sedimentary or glacial deposits"


def raster(path, values: np.ndarray, grid: Grid = GRID) -> str:
    return write_raster(path, np.asarray(values, dtype=np.float32), grid)


def landforms(*labels: str) -> CategoricalInput:
    """Stripes from west to east, one a label."""
    edges = np.linspace(LEFT, RIGHT, len(labels) + 1)
    shapes = [box(a, BOTTOM, b, TOP) for a, b in zip(edges, edges[1:])]
    return CategoricalInput(Polygons(name="landform", geometries=shapes, fields={"name": list(labels)}), "name")


def landslides(count: int, seed: int = 1, columns: tuple[int, int] = (0, 80)) -> Points:
    rng = np.random.default_rng(seed)
    return Points(name="slides", xy=at_cells(GRID, rng.integers(0, 60, count), rng.integers(*columns, count)))


def rain(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(300, 1500, GRID.shape)


def build(tmp_path, precipitation, output="fs.tif", **settings):
    reference = tmp_path / "reference.tif"
    if not reference.exists():
        raster(reference, np.ones(GRID.shape))
    path = precipitation if isinstance(precipitation, str) else raster(tmp_path / "rain.tif", precipitation)
    return conftest.build_safety_factor(reference, path, tmp_path / output, **{**SEASON, **settings})


def test_equations_by_hand():
    """Lhasa of table 2 with 80 rainy days and 440 mm: R7 = 0.9 · 2.0 · 7/80 · 440 = 69.3 mm."""
    assert seven_day_rainfall(np.array(440.0), 0.9, 2.0, 80.0) == pytest.approx(69.3)
    # Under 0.5 exactly where the rain exceeds 1/k.
    critical = 1 / 0.0129
    found = safety_factor(np.array([69.3, critical, critical + 0.01, critical - 0.01, 0.0]), 0.0129)
    assert found[[0, 1]] == pytest.approx([1 / (1 + 0.89397), 0.5])
    assert found[2] < 0.5 < found[3] and found[4] == 1.0


WORDINGS = {
    "lakes": ["Lakes", "Lake", "湖泊"],
    "glaciers": ["GLACIER", "冰川"],
    "mountainous": ["mountains", "High mountain", "山地"],
    GLACIAL_PLAINS: ["glacial terrace", "Moraine deposits", "冰碛台地", GLACIAL_PLAINS.replace("formed by", "of")],
    RIVER_PLAINS: [
        *("Alluvial plain", "lacustrine plain", "fluvial_terrace", "冲积平原", RIVER_PLAINS.replace("formed by", "of"))
    ],
    None: ["hills", "3", "desert"],
}
LABELS = [*((row, row) for row in PAPER_K), *((one, row) for row, labels in WORDINGS.items() for one in labels)]


@pytest.mark.parametrize(("label", "row"), LABELS)
def test_labels_of_the_paper_in_many_wordings(label, row):
    assert match_paper_class(label) == row


def test_single_coefficient_from_all_landslides(tmp_path):
    values, points = rain(), landslides(200)
    outputs = {"output_rainfall": tmp_path / "r7.tif", "output_table": tmp_path / "table.csv"}
    summary = build(tmp_path, values, landslides=points, **outputs)
    r7 = values.astype(np.float32) * FACTOR
    row, column, _ = GRID.cell_indices(np.unique(points.xy, axis=0))
    critical = np.percentile(r7[row, column], 5)
    assert read_band(tmp_path / "r7.tif") == pytest.approx(r7, rel=1e-5)
    assert read_band(tmp_path / "fs.tif") == pytest.approx(1 / (1 + r7 / critical), rel=1e-5)
    (line,) = read_csv(tmp_path / "table.csv")
    assert float(line["critical_rainfall_mm"]) == pytest.approx(critical, rel=1e-5)
    assert (float(line["k"]), int(line["landslides"])) == (pytest.approx(1 / critical, rel=1e-5), len(row))
    assert float(line["share_below_critical"]) == pytest.approx((r7 > critical).mean(), abs=1e-6)
    assert (summary.cells, summary.share_warned) == (r7.size, pytest.approx((r7 > critical).mean(), abs=1e-6))


def test_percentile_of_each_class_and_fallback_to_all(tmp_path):
    values = rain(2)
    many, few = landslides(80, 2, (0, 40)), landslides(6, 3, (40, 80))
    points = Points(name="slides", xy=np.unique(np.concatenate([many.xy, few.xy]), axis=0))
    progress = NullProgress()
    summary = build(tmp_path, values, landslides=points, topography=landforms("west", "east"), progress=progress)
    r7 = values.astype(np.float32) * FACTOR
    row, column, _ = GRID.cell_indices(points.xy)
    at, west = r7[row, column], column < 40
    found = {one.label: one for one in summary.classes}
    assert found["west"].critical_rainfall == pytest.approx(np.percentile(at[west], 5), rel=1e-5)
    assert found["east"].critical_rainfall == pytest.approx(np.percentile(at, 5), rel=1e-5)
    assert (found["west"].landslides, found["east"].landslides) == (west.sum(), (~west).sum())
    assert "all landslides" in found["east"].source and any("east (6)" in text for text in progress.warnings)
    k = np.where(np.arange(80) < 40, found["west"].k, found["east"].k)
    assert read_band(tmp_path / "fs.tif") == pytest.approx(1 / (1 + k * r7), rel=1e-5)
    assert found["west"].cells == 60 * 40
    assert found["west"].warned_m2 == pytest.approx(900 * (r7[:, :40] * found["west"].k > 1).sum())


def test_coefficients_of_the_paper_by_label_and_said(tmp_path):
    progress = NullProgress()
    summary = build(tmp_path, rain(), topography=landforms("lakes", "Mountains", "alluvial plains"), progress=progress)
    wanted = {"lakes": 0.0119, "Mountains": 0.0129, "alluvial plains": 0.0225}
    assert {one.label: one.k for one in summary.classes} == wanted
    assert any("southeastern Tibet" in text for text in progress.warnings)


def test_k_table_wins_over_everything(tmp_path):
    terrain, table = landforms("lakes", "karst", "hills"), {"Karst ": 0.02, "lakes": 0.03}
    summary = build(tmp_path, rain(), topography=terrain, landslides=landslides(200), k_table=table)
    assert {one.label: one.k for one in summary.classes if one.source == "K_TABLE"} == {"lakes": 0.03, "karst": 0.02}
    assert "percentile" in {one.label: one.source for one in summary.classes}["hills"]
    assert build(tmp_path, rain(), k_table={"all": 0.0129}).classes[0].k == 0.0129
    only_all = build(tmp_path, rain(), topography=landforms("karst", "dunes"), k_table={"all": 0.017, "dunes": 0.01})
    assert {one.label: one.k for one in only_all.classes} == {"karst": 0.017, "dunes": 0.01}


def test_landslides_off_the_map_and_doubled_do_not_count(tmp_path):
    base = landslides(50)
    values = rain()
    values[:, 70:] = np.nan
    xy = np.concatenate([base.xy, base.xy[:20], [[0.0, 0.0]]])
    progress = NullProgress()
    summary = build(tmp_path, values, landslides=Points(name="slides", xy=xy), progress=progress)
    row, column, _ = GRID.cell_indices(np.unique(base.xy, axis=0))
    used = column < 70
    assert summary.landslides_used == used.sum()
    critical = np.percentile(values[row, column][used] * FACTOR, 5)
    assert summary.classes[0].critical_rainfall == pytest.approx(critical, rel=1e-4)
    assert any("20 landslides" in text or "20 of" in text for text in progress.warnings)


def test_cells_outside_all_classes_are_nodata_unless_there_is_a_k_for_them(tmp_path):
    lakes = Polygons(name="l", geometries=[box(LEFT, BOTTOM, LEFT + 1200, TOP)], fields={"name": ["lakes"]})
    half = CategoricalInput(lakes, "name")
    progress = NullProgress()
    build(tmp_path, rain(), topography=half, progress=progress)
    assert (np.isfinite(read_band(tmp_path / "fs.tif")) == (np.arange(80) < 40)).all()
    assert any("no landform class" in text for text in progress.warnings)
    summary = build(tmp_path, rain(), topography=half, k_table={"all": 0.02})
    assert np.isfinite(read_band(tmp_path / "fs.tif")).all()
    assert {one.label: one.cells for one in summary.classes} == {"lakes": 2400, "no class": 2400}


def test_topography_as_a_raster_of_codes(tmp_path):
    codes = np.ones(GRID.shape)
    codes[:, 30:] = 4
    source = CategoricalInput(raster=raster(tmp_path / "landform.tif", codes))
    summary = build(tmp_path, np.full(GRID.shape, 900.0), topography=source, k_table={"1": 0.01, "4": 0.03})
    k = np.where(np.arange(80) < 30, 0.01, 0.03)
    assert read_band(tmp_path / "fs.tif")[0] == pytest.approx(1 / (1 + k * 900 * FACTOR), rel=1e-5)
    assert [one.cells for one in summary.classes] == [60 * 30, 60 * 50]


def test_climate_zones_override_the_single_values(tmp_path):
    middle, quarter = LEFT + 1200, LEFT + 600
    # A field may exceed the limit of the parameter, as that of BETA does here.
    zones = climate(LEFT, quarter, a=[0.75, "0,9"], b=[1000.0, None], n=[100, 80])
    zones.geometries.append(box(quarter, BOTTOM, middle, TOP))
    values = rain(4)
    progress = NullProgress()
    settings = {"alpha_field": "a", "beta_field": "b", "rainy_days_field": "n", "k_table": {"all": 0.0129}}
    settings |= {"output_rainfall": tmp_path / "r7.tif", "progress": progress}
    summary = build(tmp_path, values, climate=zones, **settings)
    expected = values * FACTOR
    expected[:, :20] = values[:, :20] * 0.75 * 1000 * 7 / 100
    expected[:, 20:40] = values[:, 20:40] * 0.9 * 2.5 * 7 / 80
    assert read_band(tmp_path / "r7.tif") == pytest.approx(expected, rel=1e-5)
    assert any("empty in 1" in text for text in progress.warnings)
    assert any("50.0%" in text and "CLIMATE" in text for text in progress.warnings)
    assert summary.share_outside_climate == pytest.approx(0.5)


def climate(left, right, **fields) -> Polygons:
    return Polygons(name="climate", geometries=[box(left, BOTTOM, right, TOP)], fields=fields)


ZONES = climate(LEFT, RIGHT, a=[1.4])
REFUSED = [
    ({"topography": landforms("karst", "dunes"), "k_table": {"moon": 0.01}}, ParameterInvalid, "moon"),
    ({"climate": ZONES, "alpha_field": "none"}, FieldUnusable, "none"),
    ({"climate": ZONES}, ParameterInvalid, "ALPHA_FIELD"),
    ({"climate": climate(0, 1, a=[0.8]), "alpha_field": "a"}, NoOverlap, "CLIMATE"),
    ({"k_table": {}, "landslides": Points(name="slides", xy=np.zeros((1, 2)))}, LayerEmpty, "slides"),
]
"""For other bad input see tests/qgis/bad_input."""


@pytest.mark.parametrize(("settings", "error", "match"), REFUSED)
def test_what_cannot_be_used_is_refused(tmp_path, settings, error, match):
    with pytest.raises(error, match=match):
        build(tmp_path, rain(), **{"k_table": {"all": 0.01}, **settings})
    assert not (tmp_path / "fs.tif").exists()


def test_coarse_rain_in_degrees_comes_without_stair_steps(tmp_path):
    """A plane of rain in degrees, 50 times coarser than the grid, comes back as a plane."""
    west, south, _, north = transform_bounds(GRID.crs, "EPSG:4326", *GRID.bounds)
    cell = 0.012
    coarse = Grid(DEGREES, from_origin(west - 4 * cell, north + 4 * cell, cell, cell), 12, 12)
    x, y = coarse.transform * (np.arange(12) + 0.5, np.arange(12) + 0.5)
    plane = 500 + 9000 * (x[None] - west) + 6000 * (y[:, None] - south)
    path = raster(tmp_path / "coarse.tif", plane, coarse)
    build(tmp_path, path, k_table={"all": 0.0129}, output_rainfall=tmp_path / "r7.tif")
    found = read_band(tmp_path / "r7.tif") / FACTOR
    places = at_cells(GRID, *(one.ravel() for one in np.indices(GRID.shape))).T.tolist()
    lon, lat = transform(GRID.crs, "EPSG:4326", *places)
    expected = 500 + 9000 * (np.array(lon) - west) + 6000 * (np.array(lat) - south)
    assert np.abs(found.ravel() - expected).max() < 1.0 and (np.diff(found, axis=1) > 0).all()


def test_negative_rain_is_a_gap(tmp_path):
    values, progress = rain(), NullProgress()
    values[5:7, 5:9] = -9999.0
    summary = build(tmp_path, values, k_table={"all": 0.0129}, output_rainfall=tmp_path / "r7.tif", progress=progress)
    assert np.array_equal(np.isnan(read_band(tmp_path / "fs.tif")), values < 0)
    assert summary.cells == (values > 0).sum() and any("negative" in text for text in progress.warnings)


def test_blocks_change_nothing(tmp_path, monkeypatch):
    zones = climate(LEFT, LEFT + 600, n=[60.0])
    settings = {"landslides": landslides(60), "topography": landforms("lakes", "mountains", "hills")}
    settings |= {"climate": zones, "rainy_days_field": "n"}
    build(tmp_path, rain(), **settings)
    monkeypatch.setattr("scarp.model.grid.Grid.blocks.__defaults__", (32,))
    assert len(list(GRID.blocks())) == 6
    build(tmp_path, rain(), output="again.tif", **settings)
    assert np.array_equal(read_band(tmp_path / "again.tif"), read_band(tmp_path / "fs.tif"))
    record = json.loads((tmp_path / "fs.tif.run.json").read_text())
    assert record["summary"]["classes"][0]["label"] == "hills"


def tags_of(path) -> dict[str, str]:
    with rasterio.open(path) as dataset:
        return dataset.tags()


@pytest.mark.parametrize(("settings", "percentile"), [({}, 5), ({"preset": "paper"}, 95), ({"percentile": 40.0}, 40)])
def test_hit_rate_and_warned_share_of_percentiles(tmp_path, settings, percentile):
    """Counted again at the landslides and on the whole grid, for the chosen percentile and the compared ones."""
    values, points, progress = rain(5), landslides(300, 5), Listener()
    summary = build(tmp_path, values, landslides=points, progress=progress, **settings)
    r7 = values.astype(np.float32) * FACTOR
    row, column, _ = GRID.cell_indices(np.unique(points.xy, axis=0))
    at = r7[row, column]
    assert summary.percentile == percentile and summary.weeks == "climatological"
    assert summary.hit_rate == pytest.approx((at > np.percentile(at, percentile)).mean(), abs=0.005)
    assert summary.hit_rate == pytest.approx(1 - percentile / 100, abs=0.01)
    assert [one.percentile for one in summary.percentiles] == [5, 10, 25, 50, 75, 90, 95]
    for one in summary.percentiles:
        critical = np.percentile(at, one.percentile)
        assert one.hit_rate == pytest.approx((at > critical).mean(), abs=0.005)
        assert one.share_warned == pytest.approx((r7 > critical).mean(), abs=1e-3)
    tags = tags_of(tmp_path / "fs.tif")
    assert float(tags["HIT_RATE"]) == pytest.approx(summary.hit_rate, abs=1e-5) and tags["PERCENTILE"] == str(
        percentile
    )
    assert "not a real week" in tags["RAIN"] and "no factor of safety" in tags["MEANING"]
    assert any("by construction" in text for text in progress.warnings) == (percentile == 95)
    assert json.loads((tmp_path / "fs.tif.run.json").read_text())["summary"]["hit_rate"] == summary.hit_rate


def test_shares_are_of_the_area_on_degrees(tmp_path):
    """Rain only in the north, where cells are narrower, at 60 degrees half as wide as on the equator."""
    grid = degree_grid(120, 4, 0.5, 95.0, 60.0)
    reference = raster(tmp_path / "reference.tif", np.ones(grid.shape), grid)
    values = np.full(grid.shape, 100.0)
    values[:60] = 900.0
    path = raster(tmp_path / "rain.tif", values, grid)
    build_here = conftest.build_safety_factor
    summary = build_here(reference, path, tmp_path / "fs.tif", k_table={"all": 1 / (500 * FACTOR)}, **SEASON)
    area = grid.cell_area()
    assert summary.share_warned == pytest.approx(area[:60].sum() / area.sum(), abs=0.02) and summary.share_warned < 0.47


def test_hit_rate_of_given_and_of_the_papers_k(tmp_path):
    """It is measured at the landslides whatever k comes from, and unknown without landslides."""
    values, points, progress = rain(6), landslides(100, 6), Listener()
    r7 = values.astype(np.float32) * FACTOR
    row, column, _ = GRID.cell_indices(np.unique(points.xy, axis=0))
    summary = build(tmp_path, values, landslides=points, k_table={"all": 1 / 120})
    assert summary.hit_rate == pytest.approx((r7[row, column] > 120).mean())
    assert (summary.percentile, summary.percentiles, summary.weeks) == (None, [], "unknown")
    summary = build(tmp_path, values, topography=landforms("lakes", "mountains"), progress=progress)
    assert summary.hit_rate is None and summary.weeks == "climatological"
    assert tags_of(tmp_path / "fs.tif")["HIT_RATE"] == "unknown"
    assert any("hit rate of the threshold is unknown" in text for text in progress.warnings)


def test_thresholds_from_the_weeks_before_the_landslides(tmp_path):
    points, rng, progress = landslides(60, 7), np.random.default_rng(7), Listener()
    event = rng.uniform(30, 200, 60).round(1)
    given = [None if index < 12 else f"{value} mm" for index, value in enumerate(event)]
    dated = Points(name="slides", xy=points.xy, fields={"rain7": given})
    summary = build(tmp_path, rain(), landslides=dated, event_rain_field="rain7", progress=progress)
    critical = np.percentile(event[12:], 5)
    assert summary.classes[0].critical_rainfall == pytest.approx(critical)
    assert (summary.landslides_used, summary.landslides_without_rain, summary.weeks) == (48, 12, "real")
    assert summary.hit_rate == pytest.approx((event[12:] > critical).mean())
    assert tags_of(tmp_path / "fs.tif")["THRESHOLD_WEEKS"] == "real"
    assert any('12 of 60 landslides of "slides" have no value' in text for text in progress.warnings)
    for wrong, error in ((["-1"] * 60, FieldUnusable), ([None] * 60, LayerEmpty)):
        bad = Points(name="slides", xy=points.xy, fields={"rain7": wrong})
        with pytest.raises(error, match="rain7"):
            build(tmp_path, rain(), output="bad.tif", landslides=bad, event_rain_field="rain7")


def test_a_percentile_without_rain_is_no_threshold(tmp_path):
    dry = Points(name="slides", xy=landslides(40).xy, fields={"rain7": [0.0] * 25 + [100.0] * 15})
    settings = {"landslides": dry, "event_rain_field": "rain7"}
    with pytest.raises(TooFewData, match="no source for the coefficient"):
        build(tmp_path, rain(), **settings)
    summary = build(tmp_path, rain(), percentile=90.0, **settings)
    assert [one.percentile for one in summary.percentiles] == [75, 90, 95]
