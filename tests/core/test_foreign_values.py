"""Labels, zones, maps and safety factors as other tools write them: the right value, or a message with the remedy."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from scarp.model.errors import InputCorrupt, TooFewData
from scarp.model.explanation.sample import LabelledArea, count_labels
from scarp.model.factors.definitions import CONTINUOUS
from scarp.model.factors.polygons import AreaMask
from scarp.model.grid import Grid
from scarp.model.inputs.bands import open_band
from scarp.model.inputs.rasters import open_raster, read_window
from scarp.model.inputs.survey import ValueSurvey, percent
from scarp.model.inputs.undeclared_nodata import find_undeclared_nodata
from scarp.model.jobs.check_factors import check_factors
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.model.validation.map_layers import MapLayers, ZoneSource
from scarp.model.windows.cells import sample_cells
from scarp.model.windows.split import Blocks, open_training_rasters, read_labels, scan_labels
from scarp.tests.core.conftest import read_csv, run_gdal, utm_grid, write_raster, write_stack

GRID = utm_grid(40, 50)
RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.random(GRID.shape) < 0.2).astype(np.uint8)
SHARE = np.linspace(0, 1, LABELS.size, dtype=np.float32).reshape(GRID.shape)
ZONES = (1 + np.minimum(4, np.floor(5 * SHARE))).astype(np.uint8)
SLIDES = int(LABELS.sum())


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    values = RANDOM.uniform(1, 2, (1, *GRID.shape)).astype(np.float32)
    return write_stack(tmp_path_factory.mktemp("stack") / "s.tif", values, [StackFactor("slope", CONTINUOUS)])


def scanned(stack, labels):
    progress = NullProgress()
    with open_training_rasters(stack, labels, progress=progress) as rasters:
        blocks = Blocks.of_cells(rasters.grid, 10, 10)
        found = scan_labels(rasters, blocks, blocks, 0, progress)
    return int(found.landslide.sum()), int(found.labelled.sum()), progress.warnings


@pytest.mark.parametrize(
    ("values", "nodata", "message"),
    [
        (LABELS, 0, rf"{LABELS.size - SLIDES:,} of 2,000 cells \(\d+ %\) have no data because 0 is declared.*255"),
        (LABELS, 1, r"no landslide cell.*because 1 is declared as nodata.*Translate"),
        (LABELS + 1, None, r"the values 1 \(\d+ %\) and 2 \(\d+ % of the cells with data\).*landslides to 1"),
        (LABELS * 255, None, r"cells \(\d+ %\) are 255, which means unknown.*Reclassify it to 1"),
        (LABELS * 100, None, r"the values 0 .* and 100 .*100 to 1 if it marks landslides"),
        (2 * LABELS.astype(np.int16) - 1, None, r"the values -1 .* and 1 .*stable land to 0"),
        (-LABELS.astype(np.int16), None, r"the values -1 .* and 0 .*-1 to 1"),
        (100 * SHARE, None, r"values from 0 to 100.*Shares or probabilities are no labels"),
        (
            np.where(LABELS == 1, 1.0, np.nan).astype(np.float32),
            None,
            r"no stable cell.*cells have no data.*Fill NoData",
        ),
        (np.zeros_like(LABELS), None, r"no landslide cell.*it has none"),
        (LABELS * 3 + 4 * (SHARE > 0.9), None, r"the values 0 .*, 3 .*, 4 .* and 7 .*to these three"),
    ],
)
def test_labels_of_other_tools_are_refused_with_what_they_hold(tmp_path, stack, values, nodata, message):
    path = write_raster(tmp_path / "labels.tif", np.asarray(values), GRID, nodata=nodata)
    with pytest.raises((InputCorrupt, TooFewData), match=message):
        scanned(stack, path)


@pytest.mark.parametrize("kind", ["bytes", "nan", "scaled", "255 undeclared", "two bands", "minus 9999 declared"])
def test_labels_of_other_tools_that_can_be_read_are(tmp_path, stack, kind):
    values, nodata, expected = LABELS.astype(np.float32), None, LABELS.size
    hole = np.s_[3:6, 7:9]
    if kind == "bytes":
        values = LABELS
    elif kind == "two bands":
        values = np.stack([LABELS, 7 * LABELS])
    elif kind == "scaled":
        values = LABELS.astype(np.int16) * 10
    else:
        values[hole], nodata, expected = {
            "nan": (np.nan, None, LABELS.size - 6),
            "255 undeclared": (255, None, LABELS.size - 6),
            "minus 9999 declared": (-9999, -9999, LABELS.size - 6),
        }[kind]
    path = write_raster(tmp_path / "labels.tif", values, GRID, nodata=nodata)
    if kind == "scaled":
        with rasterio.open(path, "r+") as dataset:
            dataset.scales = (0.1,)
    slides, labelled, warnings = scanned(stack, path)
    assert labelled == expected
    assert slides == SLIDES - (0 if expected == LABELS.size else int(LABELS[hole].sum()))
    assert [("has 2 bands; band 1 is used" in text) for text in warnings] == ([True] if kind == "two bands" else [])


def test_all_readers_of_labels_name_the_declared_value(tmp_path, stack):
    path = write_raster(tmp_path / "labels.tif", LABELS, GRID, nodata=0)
    with open_raster(path, "label") as labels, pytest.raises(TooFewData, match="0 is declared as nodata"):
        count_labels(LabelledArea(None, GRID, labels, AreaMask(GRID, None)), 10, NullProgress())
    for nodata, values, words in (
        (0, LABELS, "0 is declared as nodata"),
        (None, LABELS * 7, "the value 7, which is no"),
    ):
        path = write_raster(tmp_path / "labels.tif", values, GRID, nodata=nodata)
        check_factors(stack, tmp_path / "c.html", tmp_path / "c.csv", labels=path, progress=NullProgress())
        assert any(words in text for row in read_csv(tmp_path / "c.csv") for text in row.values())


def zones_of(folder, values, nodata=0, mapped=SHARE, names=None):
    progress = NullProgress()
    path = write_raster(folder / "zones.tif", values, GRID, nodata=nodata)
    if names is not None:
        table = "".join(
            f'<Row index="{index}"><F>{value}</F><F>{name}</F></Row>' for index, (value, name) in enumerate(names)
        )
        fields = "".join(
            f'<FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>'
            for index, (name, kind, usage) in enumerate((("Value", 0, 5), ("Class", 2, 2)))
        )
        (folder / "zones.tif.aux.xml").write_text(
            f'<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable>{fields}{table}</GDALRasterAttributeTable>'
            "</PAMRasterBand></PAMDataset>",
            encoding="utf-8",
        )
    other = write_raster(folder / "map.tif", mapped, GRID, nodata=np.nan)
    with open_raster(path, "zone") as dataset, open_raster(other, "susceptibility") as opened:
        source = ZoneSource.from_raster(dataset, GRID, progress, opened)
        return source.names, source.read(GRID.whole, mapped), progress.warnings


@pytest.mark.parametrize(
    ("values", "nodata", "message"),
    [
        (ZONES - 1, None, r"holds 0 in 400 cells \(20 %\) of the map, not declared.*add 1 to all"),
        (6 - ZONES, 0, r"counts down: .*from 0\.1 in zone 5|counts down.*in zone 1 .*in zone 5.*6 less the number"),
        (10 * ZONES.astype(np.int16), 0, r"the values 10 \(20 %\).*Number the zones from 1"),
        (ZONES.astype(np.int16) - 3, None, r"the values -2 .*Reclassify"),
        (ZONES + np.float32(0.5), None, r"the values 1\.5 .*map of values"),
        ((255 * SHARE).astype(np.uint8), None, r"values from 0 to 255.*map of values"),
        (np.zeros_like(ZONES), 0, "no zone at all"),
    ],
)
def test_zones_of_other_tools_are_refused_with_what_they_hold(tmp_path, values, nodata, message):
    with pytest.raises(InputCorrupt, match=message):
        zones_of(tmp_path, values, nodata)


def test_zones_without_cells_and_cells_without_zone_are_named(tmp_path):
    values = np.where(ZONES == 3, 2, ZONES).astype(np.uint8)
    values[:2] = 0
    names, read, warnings = zones_of(tmp_path, values)
    np.testing.assert_array_equal(read, values)
    assert len(names) == 5
    assert [part for text in warnings for part in ("100 cells of the map (5 %)", "no cell of zone 3") if part in text]
    assert len(warnings) == 2
    # Cells without susceptibility need no zone.
    assert not zones_of(
        tmp_path, np.where(ZONES == 5, 0, ZONES).astype(np.uint8), mapped=np.where(ZONES == 5, np.nan, SHARE)
    )[2]


@pytest.mark.parametrize("count", [2, 5, 7, 12, 20])
def test_more_or_fewer_zones_are_read_with_the_names_of_their_attribute_table(tmp_path, count):
    values = (1 + np.minimum(count - 1, np.floor(count * SHARE))).astype(np.uint8)
    table = [(zone, f"class {zone}") for zone in range(1, count + 1)]
    names, read, warnings = zones_of(tmp_path, values, names=table)
    assert names == dict(table)
    assert not warnings
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (100 * SHARE, "percent. Divide it by 100 "),
        (255 * SHARE, "Divide it by 255"),
        (1000 * SHARE, "Divide it by 1,000"),
        (10000 * SHARE, "Divide it by 10,000"),
        (12 * SHARE - 6, r"1 / \(1 \+ exp\(-x\)\)"),
        (ZONES.astype(np.float32), "zones or classes"),
        (SHARE - 0.2, "exp|below 0"),
        (1e6 * SHARE, "Rescale it to 0 to 1"),
    ],
)
def test_maps_on_other_scales_are_refused_with_range_share_and_remedy(tmp_path, values, advice):
    path = write_raster(tmp_path / "map.tif", values.astype(np.float32), GRID)
    outside = int(((values < 0) | (values > 1.0001)).sum())
    with open_raster(path, "susceptibility") as dataset:
        found = ValueSurvey.of(dataset, NullProgress())
        assert (found.low, found.high) == (np.float32(values.min()), np.float32(values.max()))
        assert found.outside == pytest.approx(outside, abs=1)
        with pytest.raises(
            InputCorrupt, match=rf"map\.tif holds .*cells \(.* %\) it is not between 0 and 1\. .*{advice}"
        ):
            MapLayers(dataset, GRID, ZoneSource(["a", "b"], [0.5])).read(GRID.whole)


def test_rounding_and_declared_scale_leave_a_map_as_it_is(tmp_path):
    rounded = SHARE * np.float32(1.00001)
    stored = np.round(SHARE * 10000).astype(np.uint16)
    scaled = write_raster(tmp_path / "scaled.tif", stored, GRID)
    with rasterio.open(scaled, "r+") as dataset:
        dataset.scales = (1e-4,)
    run_gdal("gdal_translate", "-q", "-unscale", "-ot", "Float32", scaled, tmp_path / "gdal.tif")
    with rasterio.open(tmp_path / "gdal.tif") as dataset:
        expected = dataset.read(1)
    for path, values in ((write_raster(tmp_path / "map.tif", rounded, GRID), rounded), (scaled, expected)):
        with open_raster(path, "susceptibility") as dataset:
            # 9999 is 0.9999 here, no sentinel.
            assert not find_undeclared_nodata(dataset, GRID, NullProgress(), limits=(0.0, 1.0))
            read = MapLayers(dataset, GRID, ZoneSource(["a", "b"], [0.5])).read(GRID.whole).values
        np.testing.assert_allclose(read, values, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "mark", "factor"),
    [("uint16", 65535, 1e4), ("int16", -9999, 1e4), ("int16", -32768, 1e2), ("uint8", 255, 100)],
)
def test_undeclared_nodata_of_scaled_maps_is_found(tmp_path, dtype, mark, factor):
    stored = np.round(SHARE * factor).astype(dtype)
    stored[4:7, 5:9] = mark
    path = write_raster(tmp_path / "map.tif", stored, GRID)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (1 / factor,)
    with open_raster(path, "susceptibility") as dataset:
        assert find_undeclared_nodata(dataset, GRID, NullProgress(), limits=(0.0, 1.0)) == {mark: 12}


@pytest.mark.parametrize("mark", [-9999, -32768, 32767, None])
@pytest.mark.parametrize("scale", [0.01, 1e-3])
def test_undeclared_nodata_of_a_scaled_stack_is_looked_for_as_stored(tmp_path, mark, scale):
    """-999 is a value like others here, although it is a common nodata value; the type's own and -9999 are not."""
    cells = np.rint(np.linspace(-1200, 1200, LABELS.size)).reshape(GRID.shape).astype(np.int16)
    cells[0, 0] = -999
    plain, labels = cells.astype(np.float64) * scale, write_raster(tmp_path / "labels.tif", LABELS, GRID)
    if mark is not None:
        cells[3:6, 7:9] = mark
    path = write_raster(tmp_path / "stack.tif", cells, GRID)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (scale,)
        dataset.set_band_description(1, "slope")
    refused = contextlib.nullcontext() if mark is None else pytest.raises(InputCorrupt, match=f"holds {mark} in")
    with open_training_rasters(path, labels) as rasters, refused:
        sample_cells(rasters, None, 2000, 0, NullProgress())
    with open_stack(path) as opened:
        opened.refuse_undeclared_nodata("slope", float(plain.min()), float(plain.max()))
        with contextlib.nullcontext() if mark is None else pytest.raises(InputCorrupt, match=f"holds {mark} in slope"):
            np.testing.assert_allclose(opened.read(GRID.whole)[0], plain, rtol=1e-5)


@pytest.mark.parametrize("value", [-9999, 9999, -3.4028234663852886e38])
def test_undeclared_nodata_of_a_safety_factor_is_named(tmp_path, stack, value):
    safety = np.full(GRID.shape, 0.6, np.float32)
    safety[:2] = value
    labels = write_raster(tmp_path / "labels.tif", LABELS, GRID)
    progress = NullProgress()
    path = write_raster(tmp_path / "fs.tif", safety, GRID)
    with open_training_rasters(stack, labels, path, progress) as rasters:
        read = read_window(rasters.safety, 0, 0, *GRID.shape)[0]
    np.testing.assert_array_equal(np.isnan(read), safety == np.float32(value))
    if abs(value) < 1e30:
        (warning,) = progress.warnings
        assert "in 100 cells" in warning


def test_one_band_is_taken_in_the_same_words_everywhere(tmp_path):
    bands = np.stack([SHARE, 1 - SHARE, 0 * SHARE])
    path = write_raster(tmp_path / "bands.tif", bands, GRID)
    with rasterio.open(path, "r+") as dataset:
        dataset.set_band_description(1, "mean")
    for role in ("susceptibility", "label", "zone", "safety factor", "DEM"):
        progress = NullProgress()
        with open_band(path, role, progress) as dataset:
            assert dataset.count == 1
            np.testing.assert_array_equal(read_window(dataset, 0, 0, *GRID.shape)[0], SHARE)
            assert Grid.from_dataset(dataset, role) == GRID
        assert progress.warnings == [f"The {role} raster {path} has 3 bands; band 1 (mean) is used."]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("quantity", ["", "susceptibility"])
def test_colour_pictures_are_refused_as_map_labels_and_zones(tmp_path, alpha, quantity):
    bands = RANDOM.integers(0, 255, (4 if alpha else 3, *GRID.shape)).astype(np.uint8)
    path = write_raster(tmp_path / "picture.tif", bands, GRID)
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha][: len(bands)]
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = colours
    virtual = tmp_path / "picture.vrt"
    run_gdal("gdal_translate", "-q", "-of", "VRT", path, virtual)
    for source in (path, virtual):
        with pytest.raises(InputCorrupt, match="colour picture"), open_band(source, "zone", NullProgress(), quantity):
            pass


def test_a_leading_alpha_band_is_no_band_of_values(tmp_path):
    bands = np.stack([np.full(GRID.shape, 255), LABELS]).astype(np.uint8)
    path = write_raster(tmp_path / "alpha.tif", bands, GRID)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.alpha, ColorInterp.gray]
    progress = NullProgress()
    with open_band(path, "label", progress) as dataset:
        np.testing.assert_array_equal(read_labels(dataset, GRID.whole), LABELS)
    assert not progress.warnings


def test_shares_are_never_rounded_to_nothing_or_to_all():
    assert [percent(*pair) for pair in ((0, 5), (1, 1000), (1, 2), (999, 1000), (5, 5), (0, 0))] == [
        "0 %",
        "less than 1 %",
        "50 %",
        "more than 99 %",
        "100 %",
        "0 %",
    ]


def test_a_survey_without_data_says_so():
    found = ValueSurvey(nodata=0)
    found.add(np.full((3, 3), np.nan))
    assert found.text() == "no value in any cell"
    assert "9 of 9 cells (100 %)" in found.without_data()
