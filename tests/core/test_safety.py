"""Safety factor: equations, the paper's tables, thresholds per class, climate zones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rasterio.transform import from_origin
from rasterio.warp import transform, transform_bounds

from scarp.model.errors import Cancelled, FieldUnusable, LayerEmpty, NoOverlap, ParameterInvalid, TooFewData
from scarp.model.factors.settings import CategoricalInput
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.progress import NullProgress
from scarp.model.safety.settings import SafetyOptions
from scarp.model.safety.thresholds import (
    PAPER_K,
    RainySeason,
    choose_coefficients,
    match_paper_class,
    safety_factor,
    seven_day_rainfall,
)
from scarp.tests.core.conftest import (
    DEGREES,
    Listener,
    box,
    build_safety_factor,
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
    rows, cols = rng.integers(0, 60, count), rng.integers(*columns, count)
    return Points(name="slides", xy=np.stack([LEFT + 30 * (cols + 0.5), TOP - 30 * (rows + 0.5)], axis=1))


def rain(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(300, 1500, GRID.shape)


def build(tmp_path, precipitation, output="fs.tif", **settings):
    """Run the job on the test grid."""
    reference = tmp_path / "reference.tif"
    if not reference.exists():
        raster(reference, np.ones(GRID.shape))
    path = precipitation if isinstance(precipitation, str) else raster(tmp_path / "rain.tif", precipitation)
    return build_safety_factor(reference, path, tmp_path / output, **{**SEASON, **settings})


def test_equations_by_hand():
    """Lhasa of table 2 with 80 rainy days and 440 mm: R7 = 0.9 · 2.0 · 7/80 · 440 = 69.3 mm."""
    assert seven_day_rainfall(np.array(440.0), 0.9, 2.0, 80.0) == pytest.approx(69.3)
    assert safety_factor(np.array(69.3), 0.0129) == pytest.approx(1 / (1 + 0.89397))
    # Under 0.5 exactly where the rain exceeds 1/k.
    critical = 1 / 0.0129
    assert safety_factor(np.array(critical), 0.0129) == pytest.approx(0.5)
    assert safety_factor(np.array(critical + 0.01), 0.0129) < 0.5 < safety_factor(np.array(critical - 0.01), 0.0129)
    assert safety_factor(np.array(0.0), 0.0129) == 1.0


WORDINGS = {
    "lakes": ["Lakes", "Lake", "湖泊"],
    "glaciers": ["GLACIER", "冰川"],
    "mountainous": ["mountains", "High mountain", "山地"],
    GLACIAL_PLAINS: ["glacial terrace", "Moraine deposits", "冰碛台地", GLACIAL_PLAINS.replace("formed by", "of")],
    RIVER_PLAINS: [
        "Alluvial plain",
        "lacustrine plain",
        "fluvial_terrace",
        "冲积平原",
        RIVER_PLAINS.replace("formed by", "of"),
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
    critical = np.percentile(r7[row, column], 95)
    assert read_band(tmp_path / "r7.tif") == pytest.approx(r7, rel=1e-5)
    assert read_band(tmp_path / "fs.tif") == pytest.approx(1 / (1 + r7 / critical), rel=1e-5)
    (line,) = read_csv(tmp_path / "table.csv")
    assert float(line["critical_rainfall_mm"]) == pytest.approx(critical, rel=1e-5)
    assert float(line["k"]) == pytest.approx(1 / critical, rel=1e-5)
    assert int(line["landslides"]) == len(row)
    assert float(line["share_below_critical"]) == pytest.approx((r7 > critical).mean(), abs=1e-6)
    assert summary.cells == r7.size
    assert summary.share_warned == pytest.approx((r7 > critical).mean(), abs=1e-6)


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
    assert found["west"].critical_rainfall == pytest.approx(np.percentile(at[west], 95), rel=1e-5)
    assert found["east"].critical_rainfall == pytest.approx(np.percentile(at, 95), rel=1e-5)
    assert (found["west"].landslides, found["east"].landslides) == (west.sum(), (~west).sum())
    assert "all landslides" in found["east"].source
    assert any("east (6)" in text for text in progress.warnings)
    k = np.where(np.arange(80) < 40, found["west"].k, found["east"].k)
    assert read_band(tmp_path / "fs.tif") == pytest.approx(1 / (1 + k * r7), rel=1e-5)
    assert found["west"].cells == 60 * 40
    assert found["west"].warned == (r7[:, :40] * found["west"].k > 1).sum()


def test_coefficients_of_the_paper_by_label_and_said(tmp_path):
    progress = NullProgress()
    summary = build(tmp_path, rain(), topography=landforms("lakes", "Mountains", "alluvial plains"), progress=progress)
    wanted = {"lakes": 0.0119, "Mountains": 0.0129, "alluvial plains": 0.0225}
    assert {one.label: one.k for one in summary.classes} == wanted
    assert any("southeastern Tibet" in text for text in progress.warnings)
    with pytest.raises(ParameterInvalid, match="dunes, karst"):
        build(tmp_path, rain(), topography=landforms("lakes", "karst", "dunes"))


def test_k_table_wins_over_everything(tmp_path):
    terrain, table = landforms("lakes", "karst", "hills"), {"Karst ": 0.02, "lakes": 0.03}
    summary = build(tmp_path, rain(), topography=terrain, landslides=landslides(200), k_table=table)
    assert {one.label: one.k for one in summary.classes if one.source == "K_TABLE"} == {"lakes": 0.03, "karst": 0.02}
    assert "percentile" in {one.label: one.source for one in summary.classes}["hills"]
    only_all = build(tmp_path, rain(), topography=landforms("karst", "dunes"), k_table={"all": 0.017, "dunes": 0.01})
    assert {one.label: one.k for one in only_all.classes} == {"karst": 0.017, "dunes": 0.01}


@pytest.mark.parametrize(
    ("table", "match"), [({"karst": -0.1}, "above 0"), ({"karst": float("nan")}, "above 0"), ({"moon": 0.01}, "moon")]
)
def test_k_tables_that_cannot_be_used(tmp_path, table, match):
    with pytest.raises(ParameterInvalid, match=match):
        build(tmp_path, rain(), topography=landforms("karst", "dunes"), k_table=table)


def test_without_anything_to_take_k_from(tmp_path):
    """No topography, no landslides: an error that names the ways out, never a silent constant."""
    with pytest.raises(ParameterInvalid, match="LANDSLIDES.*TOPOGRAPHY.*K_TABLE"):
        build(tmp_path, rain())
    with pytest.raises(TooFewData, match="at least 10"):
        build(tmp_path, rain(), landslides=landslides(4))
    assert not (tmp_path / "fs.tif").exists()
    summary = build(tmp_path, rain(), k_table={"all": 0.0129})
    assert summary.classes[0].k == 0.0129


def test_landslides_off_the_map_and_doubled_do_not_count(tmp_path):
    base = landslides(50)
    values = rain()
    values[:, 70:] = np.nan
    xy = np.concatenate([base.xy, base.xy[:20], [[0.0, 0.0]]])
    progress = NullProgress()
    summary = build(tmp_path, values, landslides=Points(name="slides", xy=xy), progress=progress)
    row, column, _ = GRID.cell_indices(np.unique(base.xy, axis=0))
    assert summary.landslides_used == (column < 70).sum()
    assert summary.classes[0].critical_rainfall == pytest.approx(
        np.percentile(values[row, column][column < 70] * FACTOR, 95), rel=1e-4
    )
    assert any("20 landslides" in text or "20 of" in text for text in progress.warnings)
    with pytest.raises(LayerEmpty, match="slides"):
        build(tmp_path, values, landslides=Points(name="slides", xy=np.array([[0.0, 0.0]])))


def test_cells_outside_all_classes_are_nodata_unless_there_is_a_k_for_them(tmp_path):
    half = CategoricalInput(
        Polygons(name="landform", geometries=[box(LEFT, BOTTOM, LEFT + 1200, TOP)], fields={"name": ["lakes"]}), "name"
    )
    progress = NullProgress()
    build(tmp_path, rain(), topography=half, progress=progress)
    assert np.isnan(read_band(tmp_path / "fs.tif")[:, 40:]).all()
    assert np.isfinite(read_band(tmp_path / "fs.tif")[:, :40]).all()
    assert any("no landform class" in text for text in progress.warnings)
    summary = build(tmp_path, rain(), topography=half, k_table={"all": 0.02})
    assert np.isfinite(read_band(tmp_path / "fs.tif")).all()
    assert {one.label: one.cells for one in summary.classes} == {"lakes": 2400, "no class": 2400}


def test_topography_as_a_raster_of_codes(tmp_path):
    codes = np.ones(GRID.shape)
    codes[:, 30:] = 4
    source = CategoricalInput(raster=raster(tmp_path / "landform.tif", codes))
    summary = build(tmp_path, np.full(GRID.shape, 900.0), topography=source, k_table={"1": 0.01, "4": 0.03})
    r7 = 900 * FACTOR
    assert read_band(tmp_path / "fs.tif")[0, [0, 29, 30, 79]] == pytest.approx(
        [1 / (1 + 0.01 * r7)] * 2 + [1 / (1 + 0.03 * r7)] * 2, rel=1e-5
    )
    assert [one.cells for one in summary.classes] == [60 * 30, 60 * 50]


def test_climate_zones_override_the_single_values(tmp_path):
    middle, quarter = LEFT + 1200, LEFT + 600
    zones = Polygons(
        name="climate",
        geometries=[box(LEFT, BOTTOM, quarter, TOP), box(quarter, BOTTOM, middle, TOP)],
        fields={"a": [0.75, "0,9"], "b": [2.3, None], "n": [100, 80]},
    )
    values = rain(4)
    progress = NullProgress()
    settings = {"alpha_field": "a", "beta_field": "b", "rainy_days_field": "n", "k_table": {"all": 0.0129}}
    settings |= {"output_rainfall": tmp_path / "r7.tif", "progress": progress}
    summary = build(tmp_path, values, climate=zones, **settings)
    expected = values * FACTOR
    expected[:, :20] = values[:, :20] * 0.75 * 2.3 * 7 / 100
    expected[:, 20:40] = values[:, 20:40] * 0.9 * 2.5 * 7 / 80
    assert read_band(tmp_path / "r7.tif") == pytest.approx(expected, rel=1e-5)
    assert any("empty in 1" in text for text in progress.warnings)
    assert any("50.0%" in text and "CLIMATE" in text for text in progress.warnings)
    assert summary.share_outside_climate == pytest.approx(0.5)


def test_climate_zones_that_cannot_be_used(tmp_path):
    zones = Polygons(name="climate", geometries=[box(LEFT, BOTTOM, RIGHT, TOP)], fields={"a": [1.4], "t": ["wet"]})
    for settings, error, match in (
        ({"alpha_field": "a"}, FieldUnusable, "ALPHA"),
        ({"alpha_field": "t"}, FieldUnusable, "wet"),
        ({"alpha_field": "none"}, FieldUnusable, "none"),
        ({}, ParameterInvalid, "ALPHA_FIELD"),
    ):
        with pytest.raises(error, match=match):
            build(tmp_path, rain(), climate=zones, k_table={"all": 0.01}, **settings)
    far = Polygons(name="climate", geometries=[box(0, 0, 1, 1)], fields={"a": [0.8]})
    with pytest.raises(NoOverlap, match="CLIMATE"):
        build(tmp_path, rain(), climate=far, alpha_field="a", k_table={"all": 0.01})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0.0),
        ("alpha", 1.2),
        ("beta", 0.0),
        ("rainy_days", 0.0),
        ("rainy_days", 400.0),
        ("alpha", float("nan")),
    ],
)
def test_parameters_out_of_range(tmp_path, name, value):
    with pytest.raises(ParameterInvalid, match=name.upper()):
        build(tmp_path, rain(), k_table={"all": 0.01}, **{name: value})


def test_coarse_rain_in_degrees_comes_without_stair_steps(tmp_path):
    """A plane of rain in degrees, 50 times coarser than the grid, comes back as a plane."""
    west, south, _, north = transform_bounds(GRID.crs, "EPSG:4326", *GRID.bounds)
    cell = 0.012
    coarse = Grid(DEGREES, from_origin(west - 4 * cell, north + 4 * cell, cell, cell), 12, 12)
    x = coarse.transform.c + cell * (np.arange(12) + 0.5)
    y = coarse.transform.f - cell * (np.arange(12) + 0.5)
    plane = 500 + 9000 * (x[None] - west) + 6000 * (y[:, None] - south)
    path, outputs = raster(tmp_path / "coarse.tif", plane, coarse), {"output_rainfall": tmp_path / "r7.tif"}
    build(tmp_path, path, k_table={"all": 0.0129}, **outputs)
    found = read_band(tmp_path / "r7.tif") / FACTOR
    columns, rows = np.meshgrid(np.arange(80), np.arange(60))
    places = (LEFT + 30 * (columns + 0.5)).ravel().tolist(), (TOP - 30 * (rows + 0.5)).ravel().tolist()
    lon, lat = transform(GRID.crs, "EPSG:4326", *places)
    expected = 500 + 9000 * (np.array(lon) - west) + 6000 * (np.array(lat) - south)
    assert np.abs(found.ravel() - expected).max() < 1.0
    assert (np.diff(found, axis=1) > 0).all()


def test_negative_rain_gaps_and_reference_nodata(tmp_path):
    values = rain()
    values[5:7, 5:9] = -9999.0
    values[20, 20] = np.nan
    reference = np.ones(GRID.shape)
    reference[40:, :10] = np.nan
    raster(tmp_path / "reference.tif", reference)
    progress = NullProgress()
    summary = build(tmp_path, values, k_table={"all": 0.0129}, output_rainfall=tmp_path / "r7.tif", progress=progress)
    found = read_band(tmp_path / "fs.tif")
    assert np.isnan(found[5:7, 5:9]).all()
    assert np.isnan(found[20, 20])
    assert np.isnan(found[40:, :10]).all()
    inside = found[np.isfinite(found)]
    assert ((inside > 0) & (inside <= 1)).all()
    assert summary.cells == len(inside)
    assert any("negative" in text for text in progress.warnings)


def test_rain_elsewhere_and_cancel_leave_nothing(tmp_path):
    far = Grid(GRID.crs, from_origin(900000.0, 3300000.0, 1000.0, 1000.0), 5, 5)
    path = raster(tmp_path / "far.tif", np.full((5, 5), 800.0), far)
    with pytest.raises(NoOverlap, match="recipitation"):
        build(tmp_path, path, k_table={"all": 0.01})
    with pytest.raises(Cancelled):
        build(
            tmp_path,
            rain(),
            k_table={"all": 0.01},
            output_rainfall=tmp_path / "r7.tif",
            progress=Listener(cancel_after=0),
        )
    assert sorted(item.name for item in tmp_path.iterdir()) == ["far.tif", "rain.tif", "reference.tif"]


def test_blocks_change_nothing(tmp_path, monkeypatch):
    points, form = landslides(60), landforms("lakes", "mountains", "hills")
    build(tmp_path, rain(), landslides=points, topography=form)
    whole = read_band(tmp_path / "fs.tif")
    monkeypatch.setattr("scarp.model.grid.Grid.blocks.__defaults__", (32,))
    assert len(list(GRID.blocks())) == 6
    build(tmp_path, rain(), output="again.tif", landslides=points, topography=form)
    assert np.array_equal(read_band(tmp_path / "again.tif"), whole)
    record = json.loads((tmp_path / "fs.tif.run.json").read_text())
    assert record["summary"]["classes"][0]["label"] == "hills"


def test_coefficient_of_cells_without_class_is_none_without_a_source():
    found, fallback = choose_coefficients(["lakes"], {}, None, None, NullProgress())
    assert found[0].k == 0.0119
    assert fallback is None


def test_field_of_beta_may_exceed_the_limit_of_the_parameter():
    zones = Polygons(name="climate", geometries=[box(LEFT, BOTTOM, LEFT + 600, TOP)], fields={"b": [1000.0]})
    season = RainySeason(SafetyOptions(**SEASON, beta_field="b"), zones, GRID, NullProgress())
    assert season.read(Block(0, 0, 1, 1))[1] == 1000.0


def test_season_reads_zones_by_block():
    zones = Polygons(name="climate", geometries=[box(LEFT, BOTTOM, LEFT + 600, TOP)], fields={"n": [60.0]})
    options = SafetyOptions(alpha=0.8, beta=2.0, rainy_days=90.0, rainy_days_field="n")
    season = RainySeason(options, zones, GRID, NullProgress())
    alpha, beta, days, inside = season.read(Block(10, 10, 5, 20))
    assert (alpha, beta) == (0.8, 2.0)
    assert np.array_equal(days, np.broadcast_to(np.where(np.arange(10, 30) < 20, 60.0, 90.0), (5, 20)))
    assert np.array_equal(inside, days == 60.0)


def test_kaghan_with_its_coarse_rain(real_data, tmp_path):
    """Whole-number rain of 18 km cells on a 29 m grid, and thresholds from the real inventory."""
    import sqlite3
    import struct

    folder = real_data / "kaghan_pk"
    with sqlite3.connect(f"file:{folder / 'landslides.gpkg'}?immutable=1", uri=True) as base:
        table, column = base.execute("select table_name, column_name from gpkg_geometry_columns").fetchone()
        rows = base.execute(f'select "{column}" from "{table}"').fetchall()
    points = Points(name="landslides", xy=np.array([struct.unpack("<2d", row[0][-16:]) for row in rows]))
    rain_path, season = folder / "rainfall_annual_mm_worldclim10m.tif", {"alpha": 0.55, "beta": 2.0, "rainy_days": 45}
    outputs = tmp_path / "fs.tif", {"output_rainfall": tmp_path / "r7.tif"}
    summary = build_safety_factor(folder / "dem.tif", rain_path, outputs[0], landslides=points, **season, **outputs[1])
    assert summary.cells == 826 * 987
    assert 2500 < summary.landslides_used < 2827
    assert 1 / summary.classes[0].k == pytest.approx(summary.classes[0].critical_rainfall)
    r7, fs = read_band(tmp_path / "r7.tif"), read_band(tmp_path / "fs.tif")
    assert np.array_equal(fs < 0.5, r7 > summary.classes[0].critical_rainfall)
    # Twenty-nine metres on cannot change the rain by more than a hundredth of its range.
    assert np.abs(np.diff(r7, axis=1)).max() < 0.01 * (r7.max() - r7.min())
