"""A map beside the rules of a textbook: rank correlations, disputed land, whether the land is new, and the report."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import rasterio
from scipy.stats import rankdata, spearmanr

from scarp.model import errors
from scarp.model.artifact import save_model
from scarp.model.comparison.rank_sample import MAP, RankComparison, RankSample
from scarp.model.comparison.textbook_baselines import PHYSICS, SLOPE, Baselines, slope_factor
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Polygons
from scarp.model.jobs.build_factor_of_safety import build_factor_of_safety
from scarp.model.outputs.run_record import sha256
from scarp.model.progress import NullProgress
from scarp.model.provenance.records import training_inputs
from scarp.model.provenance.training_area import NEW, OVERLAPS, SAME_LAND, SAME_STACK, UNKNOWN, training_area
from scarp.model.safety.infinite_slope import draw, stability
from scarp.model.safety.stability_settings import ALL, QUANTITIES, StabilityInputs, StabilityOptions
from scarp.model.safety.usual_soil import UsualSoil
from scarp.model.stack import StackFactor, open_stack
from scarp.tests.core.conftest import Listener, cell_box, degree_grid, utm_grid, write_raster, write_stack
from scarp.tests.core.prediction_models import FACTORS, SPECS, model, predict, saved, stack, values
from scarp.tests.core.properties import read

SLOPE_FACTOR = StackFactor("slope", "continuous", "degrees")
LAND = 90, 70


@pytest.fixture
def made(tmp_path):
    """A stack, a model of single cells and the slope."""
    raw = values(*LAND)
    return stack(tmp_path / "s.tif", raw), saved(tmp_path / "m.safetensors", "pointwise"), raw


@pytest.mark.parametrize("has_water", [True, False])
def test_the_table_of_the_usual_soil_is_the_infinite_slope(has_water):
    soil, rng = UsualSoil(has_water), np.random.default_rng(3)
    slope, supply = rng.uniform(0, 85, 400), 10 ** rng.uniform(0, 5, 400)
    ranges = {name: table[ALL] for name, table in soil.options.values().items()}
    for name in () if has_water else ("recharge", "transmissivity"):
        del ranges[name]
    varying = [name for name in QUANTITIES if name in ranges and ranges[name][0] < ranges[name][1]]
    width = np.full(400, 10.0)
    places = dict(zip(varying, draw(len(varying)).T))
    expected, _ = stability(slope, ranges, 10 * supply if has_water else None, width, places)
    assert np.abs(soil.log_factor(slope, supply if has_water else None) - expected).max() < 0.005


def _write_water(path, slope, area, grid, **bands):
    factors = [SLOPE_FACTOR, *(StackFactor(name, "continuous") for name in bands)]
    return write_stack(path, np.stack([slope, *bands.values()]).astype(np.float32), factors, grid)


@pytest.mark.parametrize("grid", [utm_grid(40, 30), degree_grid(40, 30)])
def test_the_physics_is_what_build_safety_factor_computes(tmp_path, grid):
    """With the contributing area; the wetness index of the same water gives the same."""
    rng = np.random.default_rng(5)
    slope, area = rng.uniform(1, 60, grid.shape), 10 ** rng.uniform(3, 6, grid.shape)
    slope[3, 4] = np.nan
    width = np.sqrt(grid.cell_area())[:, None]
    index = np.log(area / width / np.tan(np.radians(slope)))
    by_area = _write_water(tmp_path / "a.tif", slope, area, grid, contributing_area=np.log10(area))
    by_index = _write_water(tmp_path / "i.tif", slope, area, grid, wetness_index=index)
    expected = tmp_path / "fs.tif"
    build_factor_of_safety(StabilityInputs(by_area), expected, StabilityOptions(), NullProgress())
    for path in (by_area, by_index):
        with open_stack(path) as opened:
            rule = Baselines.of(opened).found[1]
            inputs = rule.read(grid.whole).reshape(2, -1)
            score = rule.score(inputs, np.repeat(width[:, 0], grid.width)).reshape(grid.shape)
        assert np.allclose(-score, np.log(read(expected)), rtol=0, atol=0.006, equal_nan=True)


def test_rank_correlations_are_those_of_scipy_over_the_whole_raster(tmp_path, made):
    path, trained, raw = made
    output = tmp_path / "p.tif"
    summary = predict(path, [trained], output, output_html=tmp_path / "r.html")
    found = summary.textbook["rank_correlation"]
    susceptibility, slope = read(output), raw[0]
    known = np.isfinite(susceptibility)
    assert summary.textbook["cells"] == known.sum() and summary.textbook["land"] == UNKNOWN
    expected = spearmanr(susceptibility[known], slope[known])[0]
    # Half saturated soil everywhere is as stable as it is flat, on slopes up to 55 degrees.
    assert found == {SLOPE: pytest.approx(expected, abs=1e-9), PHYSICS: pytest.approx(expected, abs=1e-5)}


def test_tiles_change_neither_numbers_nor_report(tmp_path, made):
    path, trained, _ = made
    found = []
    for tile in (0, 32):
        outputs = {"output_html": tmp_path / "r.html", "output_disagreement": tmp_path / "d.tif"}
        summary = predict(path, [trained], tmp_path / "p.tif", tile=tile, **outputs)
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        found.append((summary.textbook, read(tmp_path / "d.tif"), re.sub(r"<dl>.*</dl>", "", page, flags=re.DOTALL)))
    assert found[0][0] == found[1][0] and found[0][2] == found[1][2]
    assert np.array_equal(found[0][1], found[1][1], equal_nan=True)


@pytest.mark.parametrize("tile", [7, 33])
def test_a_sample_has_one_cell_in_each_square_whatever_the_tiles(tile):
    grid, part = utm_grid(100, 83), Block(11, 5, 80, 70)
    whole = np.random.default_rng(0).random(grid.shape).astype(np.float32)
    sample = RankSample(grid, part, 400)
    for block in grid.blocks(tile):
        sample.add(block, whole[block.slices])
    assert sample.step == 4 and sample.shape == (20, 18) and len(sample.rows) == 360
    assert np.array_equal(sample.values, whole[sample.rows, sample.columns])
    squares = (sample.rows - part.row) // 4 * 18 + (sample.columns - part.column) // 4
    assert np.array_equal(squares, np.arange(360))
    assert sample.rows.max() < 91 and sample.columns.max() < 75
    assert np.array_equal(RankSample(grid, part, 400).rows, sample.rows)
    assert not np.array_equal(RankSample(grid, part, 400, seed=1).rows, sample.rows)


def test_a_sample_tells_what_all_cells_do(tmp_path):
    """On a grid in degrees, and with an order that is partly that of slope."""
    grid = degree_grid(240, 200)
    noise = np.random.default_rng(1).random((2, *grid.shape))
    slope = (40 * noise[0]).astype(np.float32)
    susceptibility = (noise[0] + noise[1]).astype(np.float32)
    path = write_stack(tmp_path / "s.tif", slope[None], [SLOPE_FACTOR], grid)
    sample = RankSample(grid, grid.whole, 9000)
    sample.add(grid.whole, susceptibility)
    with open_stack(path) as opened:
        found = RankComparison.of(sample, sample.scores(Baselines.of(opened).found, NullProgress()))
    assert len(found.cells) == 80 * 67
    assert found.with_map(SLOPE) == pytest.approx(spearmanr(susceptibility.ravel(), slope.ravel())[0], abs=0.02)
    ranks = {key: rankdata(one.ravel()) / slope.size for key, one in ((MAP, susceptibility), (SLOPE, slope))}
    for one in found.disputes():
        if PHYSICS not in (one.high, one.low):
            expected = np.mean((ranks[one.high] >= 0.8) & (ranks[one.low] <= 0.4))
            assert one.share == pytest.approx(expected, abs=0.006)


def test_a_small_area_is_sampled_as_finely_as_a_whole_raster(tmp_path, made):
    path, trained, _ = made
    grid = Grid.from_file(path, "stack")
    area = Polygons(name="valley", geometries=[cell_box(grid, 40, 20, 25, 30)])
    summary = predict(path, [trained], tmp_path / "p.tif", area=area, output_html=tmp_path / "r.html")
    assert summary.textbook["cells"] == summary.cells == np.isfinite(read(tmp_path / "p.tif")).sum()


def test_the_raster_holds_differences_of_ranks(tmp_path, made):
    path, trained, raw = made
    grid = Grid.from_file(path, "stack")
    safety = np.random.default_rng(4).uniform(0.5, 3, LAND).astype(np.float32)
    given = write_raster(tmp_path / "fs.tif", safety, grid, nodata=np.nan)
    outputs = {"output_disagreement": tmp_path / "d.tif", "output_html": tmp_path / "r.html"}
    predict(path, [trained], tmp_path / "p.tif", safety_factor=given, **outputs)
    susceptibility = read(tmp_path / "p.tif")
    known = np.isfinite(susceptibility)
    with rasterio.open(tmp_path / "d.tif") as dataset:
        found = dataset.read()
        assert dataset.descriptions == (
            "area rank on the map less that by slope alone",
            "area rank on the map less that by factor of safety",
        )
    for band, rule in zip(found, (raw[0], -safety)):
        assert np.isfinite(band).sum() == known.sum()
        expected = (rankdata(susceptibility[known]) - rankdata(rule[known])) / known.sum()
        assert np.allclose(band[known], expected, rtol=0, atol=1e-6)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "raster given as SAFETY_FACTOR" in page and page.count("data:image/svg+xml") == 3


def test_the_report_says_what_it_must(tmp_path, made):
    path, trained, _ = made
    predict(path, [trained], tmp_path / "p.tif", output_html=tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    # The factor of safety orders as slope does here: it is shown beside it, and not a second time.
    assert page.count("data:image/svg+xml") == 2
    for words in (
        "Susceptibility map of a new area",
        "nothing on this page is a test of the map",
        "Rank correlation with slope alone",
        "Slope alone high, map of the model low",
        "Factors that make the difference",
        "Outside the training data",
        "neither contributing_area nor wetness_index",
        "Settings of this run",
    ):
        assert words in page
    assert json.loads((tmp_path / "p.tif.run.json").read_text())["outputs"]["OUTPUT_HTML"]["source"].endswith("r.html")


def test_factors_that_make_the_difference_are_those_of_the_model(tmp_path):
    """A linear model of precipitation alone: nothing else can make the difference."""
    trained = model("linear")
    for parameter in trained.network.parameters():
        parameter.data.zero_()
    trained.network.layer.weight.data[0, 0] = 2.0
    save_model(trained, tmp_path / "m.safetensors")
    path = stack(tmp_path / "s.tif", values(*LAND))
    predict(path, [tmp_path / "m.safetensors"], tmp_path / "p.tif", output_html=tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    first = re.findall(r"<td[^>]*>\s*(precipitation [+−]\d\.\d\d)", page)
    assert len(first) == 2 and "+" in first[0] and "−" in first[1]


def test_models_with_context_and_ensembles_have_a_report_without_contributions(tmp_path, made):
    path, trained, _ = made
    net = saved(tmp_path / "u.safetensors", "unet1")
    for models, words in (([net], "models of single cells only"), ([trained, net], "a single model only")):
        predict(path, models, tmp_path / "p.tif", output_html=tmp_path / "r.html")
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert words in page and "Factors that make the difference</th>" not in page


def test_a_map_of_patches_is_compared_on_the_cells_of_the_stack(tmp_path):
    raw = values(*LAND)
    path, trained = stack(tmp_path / "s.tif", raw), saved(tmp_path / "m.safetensors", "bpnn")
    outputs = {"output_disagreement": tmp_path / "d.tif", "output_html": tmp_path / "r.html"}
    summary = predict(path, [trained], tmp_path / "p.tif", **outputs)
    fine = read(tmp_path / "p.tif").repeat(20, axis=0).repeat(20, axis=1)[: LAND[0], : LAND[1]]
    known = np.isfinite(fine) & np.isfinite(raw[0])
    expected = spearmanr(fine[known], raw[0][known])[0]
    assert summary.textbook["rank_correlation"][SLOPE] == pytest.approx(expected, abs=1e-9)
    assert np.array_equal(np.isfinite(read(tmp_path / "d.tif")), known)


def test_without_slope_there_is_a_report_that_says_so(tmp_path):
    specs = [SPECS[0], SPECS[1]]
    trained = saved(tmp_path / "m.safetensors", "linear", factors=specs)
    path = stack(tmp_path / "s.tif", values(*LAND)[1:3], FACTORS[1:3])
    listener = Listener()
    summary = predict(path, [trained], tmp_path / "p.tif", output_html=tmp_path / "r.html", progress=listener)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    for text in ("The stack has no band slope", "A factor of safety cannot be computed without slope"):
        assert text in page and any(text in line for line in listener.texts)
    assert "nothing to compare the map with" in page and "rank_correlation" not in summary.textbook
    with pytest.raises(errors.NoOverlap, match="OUTPUT_DISAGREEMENT.*no band slope"):
        predict(path, [trained], tmp_path / "q.tif", output_disagreement=tmp_path / "d.tif")
    safety = np.random.default_rng(4).uniform(0.5, 3, LAND).astype(np.float32)
    given = write_raster(tmp_path / "fs.tif", safety, Grid.from_file(path, "stack"), nodata=np.nan)
    summary = predict(path, [trained], tmp_path / "p.tif", safety_factor=given, output_html=tmp_path / "r.html")
    susceptibility = read(tmp_path / "p.tif")
    known = np.isfinite(susceptibility)
    expected = pytest.approx(spearmanr(susceptibility[known], -safety[known])[0], abs=1e-9)
    assert summary.textbook["rank_correlation"] == {PHYSICS: expected}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["mean_slope_50m", "slope"], "slope"),
        (["mean_slope_100m", "mean_slope_50m"], "mean_slope_50m"),
        (["Slope (deg)", "mean_slope_50m"], "Slope (deg)"),
        (["slope_length", "aspect", "slope_position"], None),
    ],
)
def test_slope_is_found_under_other_names(names, expected):
    found = slope_factor([StackFactor(name, "continuous") for name in names])
    assert (found and found.name) == expected


def test_a_safety_factor_on_another_grid_is_refused(tmp_path, made):
    path, trained, _ = made
    other = write_raster(tmp_path / "fs.tif", np.ones((20, 30), dtype=np.float32))
    with pytest.raises(errors.GridMismatch, match="safety factor raster"):
        predict(path, [trained], tmp_path / "p.tif", safety_factor=other)
    empty = np.full(LAND, np.nan, dtype=np.float32)
    none = write_raster(tmp_path / "none.tif", empty, Grid.from_file(path, "stack"), nodata=np.nan)
    with pytest.raises(errors.NoOverlap, match="SAFETY_FACTOR has no data"):
        predict(path, [trained], tmp_path / "p.tif", safety_factor=none)
    assert not (tmp_path / "p.tif").exists()


def _trained_on(path, tmp_path, grid, checksum: str) -> str:
    trained = model("pointwise")
    trained.training = training_inputs({"STACK": {"sha256": checksum}}, grid)
    save_model(trained, tmp_path / "m.safetensors")
    return str(tmp_path / "m.safetensors")


def test_only_new_land_has_a_line_in_the_log(tmp_path):
    path = stack(tmp_path / "s.tif", values(*LAND))
    grid = Grid.from_file(path, "stack")
    far = Grid(grid.crs, type(grid.transform).translation(0, 300_000) * grid.transform, grid.width, grid.height)
    for place, checksum, lines, warnings in ((grid, sha256(path), 0, 0), (grid, "0" * 64, 0, 0), (far, "0" * 64, 1, 1)):
        listener = Listener()
        trained = _trained_on(path, tmp_path, place, checksum)
        summary = predict(path, [trained], tmp_path / "p.tif", progress=listener)
        assert sum("Rank correlation" in text for text in listener.texts) == lines
        assert sum("on this new land" in text for text in listener.warnings) == warnings
        assert ("rank_correlation" in summary.textbook) == bool(lines)
    assert any("km from the one that the model was trained on: the land is new" in text for text in listener.texts)


def test_where_a_stack_lies_beside_the_training():
    grid = utm_grid(100, 100, 30.0)
    training = training_inputs({"STACK": {"sha256": "a" * 64}}, grid)

    def relation(other: Grid, checksum: str = "b" * 64):
        return training_area(training, other, checksum)

    assert relation(grid, "a" * 64).relation == SAME_STACK and relation(grid).relation == SAME_LAND
    half = relation(utm_grid(100, 100, 30.0, left=5e5 + 1500))
    assert half.relation == OVERLAPS and half.share == pytest.approx(0.5, abs=0.01)
    degrees = relation(degree_grid(200, 200, left=86.98, top=27.13))
    assert degrees.relation == OVERLAPS and 0 < degrees.share < 1
    north_grid, east_grid = utm_grid(100, 100, top=3e6 + 103_000), utm_grid(100, 100, left=5e5 + 53_000)
    north = relation(north_grid)
    assert north.relation == NEW and north.km == pytest.approx(100, rel=0.01)
    east = relation(east_grid)
    assert east.relation == NEW and east.km == pytest.approx(50, rel=0.01)
    # The other way round the Earth is not the shorter one.
    at_date_line = training_inputs({}, degree_grid(3600, 3600, left=179.5, top=1.0))
    beyond = training_area(at_date_line, degree_grid(3600, 3600, left=-178.5, top=1.0), "")
    assert beyond.km == pytest.approx(math.pi / 180 * 6371, rel=0.01)
    several = training_inputs({"STACK": {"sha256": "a" * 64}, "MORE_STACKS": [{"sha256": "c" * 64}]}, grid, [east_grid])
    assert training_area(several, east_grid, "c" * 64).relation == SAME_STACK
    assert training_area(several, east_grid, "d" * 64).relation == OVERLAPS
    assert training_area(several, north_grid, "").km == pytest.approx(100, rel=0.01)
    for_target = training_inputs({"TARGET": {"sha256": "e" * 64}}, grid)
    target = training_area(for_target, north_grid, "e" * 64)
    assert target.relation == NEW and target.is_target and "without landslides" in target.text
    other = training_area(for_target, east_grid, "f" * 64)
    assert other.relation == NEW and not other.is_target and "made for the land of another TARGET" in other.text
    assert not training_area(for_target, east_grid, "").is_for_other_target
    assert training_area({}, grid, "").relation == UNKNOWN
    assert training_area({"inputs": {"grid": ["x"] * 6, "crs": 3}}, grid, "").relation == UNKNOWN
