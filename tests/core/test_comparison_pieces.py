"""Maps in pieces: the regions of one model are the same map as one raster of all; the summary has a row a region."""

from __future__ import annotations

import contextlib
import json
import math

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import calculate_default_transform, reproject
from scipy.ndimage import gaussian_filter

from scarp.model.comparison.mosaic import (
    Mosaic,
    ResampledMosaic,
    ResampledSource,
    finest_raster,
    group_into_mosaics,
    open_sources,
)
from scarp.model.comparison.settings import MAX_MAPS, map_names
from scarp.model.comparison.summary import MEAN, TESTED, WHOLE, WORST
from scarp.model.errors import NoOverlap, ParameterInvalid
from scarp.model.grid import Block, Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.tests.core.conftest import at_cells, cell_box, compare_models, read_csv, validate_with_points, write_raster

UTM = CRS.from_epsg(32646)
LEFT, TOP, CELL, SIDE = 500000.0, 3300000.0, 30.0, 200
GRID = Grid(UTM, from_origin(LEFT, TOP, CELL, CELL), SIDE, SIDE)
CUTS = {"north west": (0, 100, 0, 90), "north east": (0, 100, 90, 200), "south": (100, 200, 0, 200)}
"""First and last row and column of the regions."""


def write(path, values, row=0, column=0, crs=UTM, transform=None, region=None, cell=CELL):
    transform = transform or from_origin(LEFT + CELL * column, TOP - CELL * row, cell, cell)
    write_raster(path, values.astype("float32"), nodata=math.nan, transform=transform, crs=crs)
    if region:
        with rasterio.open(path, "r+") as target:
            target.update_tags(REGION=region)
    return path


class Case:
    """Two models on one area, each as one raster and as three of regions."""

    def __init__(self, folder):
        rng = np.random.default_rng(8)
        field = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 5)
        field /= field.std()
        noise = gaussian_filter(rng.standard_normal(field.shape), 3) * 4
        self.maps = {"pcum": 1 / (1 + np.exp(-1.4 * field)), "forest": 1 / (1 + np.exp(-0.8 * field - noise))}
        self.maps["pcum"][:5] = np.nan
        chance = np.where(np.isfinite(self.maps["pcum"]), np.exp(1.4 * field), 0).ravel()
        self.rows, self.columns = np.divmod(rng.choice(chance.size, 150, replace=False, p=chance / chance.sum()), SIDE)
        self.slides = Points(name="slides", xy=at_cells(GRID, self.rows, self.columns))
        self.regions = Polygons(
            name="regions", fields={"name": list(CUTS)}, geometries=[cut_box(*cut) for cut in CUTS.values()]
        )
        self.whole, self.pieces = {}, {}
        for name, values in self.maps.items():
            self.whole[name] = write(folder / f"{name}.tif", values)
            self.pieces[name] = [
                write(folder / f"{name}_{region}.tif", values[first:last, left:right], first, left, region=region)
                for region, (first, last, left, right) in CUTS.items()
            ]


def cut_box(first, last, left, right):
    return cell_box(GRID, first, left, last - first, right - left)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("pieces"))


def run(case, folder, paths, names, **options):
    settings = {"repeats": 25, "distance": 60.0, "output_summary": folder / "summary.csv", **options}
    landslides = settings.pop("landslides", case.slides)
    return compare_models(paths, landslides, folder / "report.html", folder / "table.csv", names=names, **settings)


def summary_of(folder):
    rows = read_csv(folder / "summary.csv")
    assert len({row["region"] for row in rows}) == len(rows)
    return {row["region"]: row for row in rows}


def test_pieces_are_the_same_map_as_one_raster(case, tmp_path):
    """Regions of a layer, so that both runs have the same ones; every number and cell of the outputs is the same."""
    found = {}
    for how, paths, names in (
        ("whole", list(case.whole.values()), ["PCUM", "RF"]),
        ("pieces", [*case.pieces["pcum"], *case.pieces["forest"]], ["PCUM"] * 3 + ["RF"] * 3),
    ):
        folder = tmp_path / how
        folder.mkdir()
        regions = {"regions": case.regions, "region_field": "name"}
        run(case, folder, paths, names, output_difference=folder / "difference.tif", **regions)
        with rasterio.open(folder / "difference.tif") as difference:
            found[how] = (
                (folder / "table.csv").read_bytes(),
                (folder / "summary.csv").read_bytes(),
                difference.read(1).tobytes(),
                difference.transform,
                difference.shape,
            )
    assert found["whole"] == found["pieces"]


def test_without_a_layer_the_pieces_are_the_regions(case, tmp_path):
    paths, names = [*case.pieces["pcum"], *case.pieces["forest"]], ["PCUM"] * 3 + ["RF"] * 3
    (tmp_path / "layer").mkdir()
    by_layer = run(case, tmp_path / "layer", paths, names, regions=case.regions, region_field="name")
    by_piece = run(case, tmp_path, paths, names)
    assert list(by_piece.results) == list(by_layer.results) == ["all", *sorted(f"region: {name}" for name in CUTS)]
    assert (tmp_path / "summary.csv").read_bytes() == (tmp_path / "layer" / "summary.csv").read_bytes()
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(words in page for words in ("Significant, or chance?", "At the threshold, by region", *CUTS))


def test_pieces_without_a_name_of_their_own_are_called_by_their_files(case, tmp_path):
    paths = []
    for region, (first, last, left, right) in CUTS.items():
        paths.append(write(tmp_path / f"{region} 2020.tif", case.maps["pcum"][first:last, left:right], first, left))
    summary = run(case, tmp_path, paths, ["PCUM"] * 3)
    assert [name for name in summary.results if name != "all"] == sorted(f"region: {name} 2020" for name in CUTS)


def test_the_summary_has_a_row_a_region(case, tmp_path):
    summary = run(case, tmp_path, [*case.pieces["pcum"], *case.pieces["forest"]], ["PCUM"] * 3 + ["RF"] * 3)
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
    windows = Polygons(
        name="windows",
        fields={"subset": ["train", "test"]},
        geometries=[cut_box(0, SIDE, 0, 100), cut_box(0, SIDE, 100, SIDE)],
    )
    summary = run(case, tmp_path, case.pieces["pcum"], ["PCUM"] * 3, windows=windows)
    rows = summary_of(tmp_path)
    assert list(rows) == [*sorted(CUTS), WHOLE, TESTED, MEAN, WORST]
    assert rows[TESTED]["judged_on"] == "test"
    assert rows[WHOLE]["judged_on"] == rows["south"]["judged_on"] == "all"
    assert float(rows[TESTED]["PCUM auc"]) == pytest.approx(summary.results["test"][0].auc.value)
    regions = [float(rows[region]["PCUM auc"]) for region in CUTS]
    assert float(rows[MEAN]["PCUM auc"]) == pytest.approx(np.mean(regions))
    run(case, tmp_path, case.pieces["pcum"], ["PCUM"] * 3, windows=windows, subset="test")
    rows = summary_of(tmp_path)
    assert TESTED not in rows
    assert {row["judged_on"] for row in rows.values()} == {"test"}


def test_one_model_alone(case, tmp_path):
    summary = run(case, tmp_path, case.pieces["pcum"], ["PCUM"] * 3)
    assert summary.names == ["PCUM"]
    assert summary.lead is None
    assert summary.p is None
    assert not summary.agreements
    assert not any(summary.tests.values())
    rows = summary_of(tmp_path)
    assert "best" not in rows[WHOLE]
    assert set(CUTS) < set(rows)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Relative landslide susceptibility by region" in page
    assert "Significant, or chance?" not in page
    assert {row["other"] for row in read_csv(tmp_path / "table.csv")} == {""}
    with pytest.raises(ParameterInvalid, match="OUTPUT_DIFFERENCE"):
        run(case, tmp_path, case.pieces["pcum"], ["PCUM"] * 3, output_difference=tmp_path / "d.tif")


def test_the_numbers_are_those_of_validation(case, tmp_path):
    parts = {"regions": case.regions, "region_field": "name"}
    alone = validate_with_points(case.whole["pcum"], case.slides, None, None, repeats=25, distance=60.0, **parts)
    joined = run(case, tmp_path, case.pieces["pcum"], ["PCUM"] * 3)
    for scope in joined.results:
        assert alone.of(scope).auc == joined.results[scope][0].auc, scope


def test_where_pieces_overlap_the_first_one_counts(case, tmp_path):
    """The rim of two regions that were mapped a little beyond their border."""
    east = write(tmp_path / "east.tif", np.full((SIDE, 110), 0.25), 0, 90)
    west = write(tmp_path / "west.tif", np.full((SIDE, 100), 0.75), 0, 0)
    with contextlib.ExitStack() as stack:
        (one,) = group_into_mosaics(stack.enter_context(open_sources([west, east], ["m", "m"])))
        seen = ResampledMosaic(one, one.grid, stack).read(Block(0, 80, 3, 30))
    assert (seen[:, :20] == 0.75).all()
    assert (seen[:, 20:] == 0.25).all()
    warned = run(case, tmp_path, [west, east, case.whole["forest"]], ["m", "m", "RF"]).warnings
    assert any("overlap on 1.80 km²" in text for text in warned)


def test_the_same_ground_twice_under_one_name_is_refused(case, tmp_path):
    with pytest.raises(ParameterInvalid) as caught:
        run(case, tmp_path, list(case.whole.values()), ["PCUM", "PCUM"])
    assert all(word in str(caught.value) for word in ("NAMES", "PCUM", "forest", "name of its own"))
    assert not list(tmp_path.iterdir())


def test_pieces_of_other_cell_sizes_and_crs(case, tmp_path):
    """A region in the next UTM zone and a coarse one: the map has the cells of the finest piece."""
    first, last, left, right = CUTS["south"]
    bounds = (LEFT + CELL * left, TOP - CELL * last, LEFT + CELL * right, TOP - CELL * first)
    crs = CRS.from_epsg(32647)
    transform, width, height = calculate_default_transform(
        UTM, crs, right - left, last - first, *bounds, resolution=CELL
    )
    turned = np.full((height, width), np.nan, dtype=np.float32)
    origin = {"src_transform": from_origin(bounds[0], bounds[3], CELL, CELL), "src_crs": UTM, "src_nodata": np.nan}
    target = {"dst_transform": transform, "dst_crs": crs, "dst_nodata": np.nan, "resampling": Resampling.nearest}
    reproject(case.maps["pcum"][first:last, left:right].astype(np.float32), turned, **origin, **target)
    south = write(tmp_path / "south.tif", turned, crs=crs, transform=transform, region="south")
    coarse = write(tmp_path / "north east.tif", case.maps["pcum"][1:100:2, 91:200:2], 0, 90, cell=2 * CELL)
    paths = [coarse, case.pieces["pcum"][0], south]
    with contextlib.ExitStack() as stack:
        (one,) = group_into_mosaics(stack.enter_context(open_sources(paths, ["m"] * 3)))
        assert one.grid.crs == UTM
        assert one.grid.transform.a == CELL
        assert one.cell_size == pytest.approx(CELL, rel=1e-3)
        assert finest_raster(paths, ["m"] * 3) == 1
        sampled = ResampledMosaic(one, one.grid, stack)
        offset = round((TOP - one.grid.transform.f) / CELL), round((LEFT - one.grid.transform.c) / CELL)
        seen = sampled.read(Block(offset[0], offset[1], SIDE, SIDE))
    truth = case.maps["pcum"]
    assert np.array_equal(seen[:100, :90], truth[:100, :90].astype(np.float32), equal_nan=True)
    # The nearest of the nearest cell is at most one cell off.
    assert np.nanmean(np.abs(seen[105:195, 5:195] - truth[105:195, 5:195])) < 0.02
    summary = run(case, tmp_path, [*paths, case.whole["forest"]], ["PCUM"] * 3 + ["RF"])
    whole = run(case, tmp_path, list(case.whole.values()), ["PCUM", "RF"])
    assert summary.auc.value == pytest.approx(whole.auc.value, abs=0.03)


def test_regions_far_apart_cost_little(case, tmp_path):
    """600 km between two pieces: nearly all of the common grid's 400 million cells lie in blocks of neither."""
    far = write(tmp_path / "far.tif", case.maps["pcum"], 20000, 20000, region="far")
    near = write(tmp_path / "near.tif", case.maps["pcum"], region="near")
    slides = Points(name="slides", xy=np.concatenate([case.slides.xy, np.add(case.slides.xy, [600000.0, -600000.0])]))
    reads = []
    with pytest.MonkeyPatch.context() as patch:
        read = ResampledSource.read

        def count(self, block):
            reads.append(math.prod(block.shape))
            return read(self, block)

        patch.setattr(
            ResampledSource, "read", lambda self, block: reads.append(math.prod(block.shape)) or read(self, block)
        )
        summary = run(case, tmp_path, [near, far], ["PCUM"] * 2, landslides=slides, repeats=20)
    assert [result[0].landslides for result in summary.results.values()] == [300, 150, 150]
    assert sum(reads) < 2e7


def test_names_that_come_again_are_pieces():
    assert map_names(["a", "a", "b"], ["x", "y", "z"]) == ["a", "a", "b"]
    assert map_names(["a", "a"], ["x", "y"]) == ["a", "a"]
    many = [f"map {number}" for number in range(MAX_MAPS + 1)]
    with pytest.raises(ParameterInvalid, match="13 maps"):
        map_names(many, many)
    with pytest.raises(ParameterInvalid, match="validatewithpoints"):
        map_names(["a"], ["x"])


def test_a_map_elsewhere_has_no_common_ground(case, tmp_path):
    far = write(tmp_path / "far.tif", case.maps["forest"], 0, 5000)
    with pytest.raises(NoOverlap, match="RF"):
        run(case, tmp_path, [*case.pieces["pcum"], far], ["PCUM"] * 3 + ["RF"])


def test_a_mosaic_of_one_raster_has_its_grid(case):
    with contextlib.ExitStack() as stack:
        (source,) = stack.enter_context(open_sources([case.whole["pcum"]], ["m"]))
        assert Mosaic("m", [source]).grid == source.grid
