"""Rasters as other tools write them: orientation, longitudes, scale, bands, archives, CRS; against GDAL's own tools."""

from __future__ import annotations

import contextlib
import gzip
import zipfile

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from scarp.model.errors import CrsMissing, InputCorrupt, InputMissing, NoOverlap, ParameterInvalid
from scarp.model.factors.categorical import RasterClasses
from scarp.model.factors.climate import ContinuousRaster
from scarp.model.factors.definitions import CONTINUOUS
from scarp.model.factors.source_rasters import scan_source
from scarp.model.grid import Grid
from scarp.model.inputs.bands import split_bands
from scarp.model.inputs.rasters import open_raster, read_window
from scarp.model.inputs.undeclared_nodata import isolated_sentinels
from scarp.model.inputs.units import find_conversion
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.model.virtual_rasters import RasterName, raster_file
from scarp.model.windows.cells import sample_cells
from scarp.model.windows.collection import WindowPlan, read_windows
from scarp.model.windows.split import open_training_rasters
from scarp.tests.core.conftest import degree_grid, run_gdal, utm_grid, write_raster, write_stack

GRID = utm_grid(40, 50)
RAIN = np.random.default_rng(0).uniform(900, 1100, (12, 15)).astype(np.float32)
LEFT, BOTTOM, RIGHT, TOP = GRID.bounds
COARSE = Affine(150, 0, LEFT - 300, 0, -150, TOP + 300)


def gdalwarp(source, grid, folder, *options):
    """Return what gdalwarp makes of a raster on a grid, NaN without data."""
    template, result = folder / "template.tif", folder / "warped.tif"
    write_raster(template, np.zeros(grid.shape, np.float32), grid)
    bounds, size = [str(one) for one in grid.bounds], [str(grid.width), str(grid.height)]
    where = ["-t_srs", grid.crs.to_wkt(), "-te", *bounds, "-ts", *size, "-et", "0"]
    command = [
        "gdalwarp",
        "-q",
        "-overwrite",
        *where,
        "-r",
        "bilinear",
        "-ot",
        "Float32",
        "-dstnodata",
        "nan",
        *options,
    ]
    run_gdal(*command, source, result)
    with rasterio.open(result) as dataset:
        return dataset.read(1)


def on_grid(path, grid=GRID, **scan):
    progress = NullProgress()
    source = scan_source(str(path), grid, "rain", progress, **scan)
    with ContinuousRaster.open(source, grid) as raster:
        return raster.read(grid.whole), progress.warnings


def read_whole(path, role="map"):
    with open_raster(path, role) as dataset:
        return read_window(dataset, 0, 0, dataset.height, dataset.width), Grid.from_dataset(dataset, role)


@pytest.mark.parametrize(
    ("stored", "transform"),
    [
        (RAIN[::-1], Affine(150, 0, LEFT, 0, 150, TOP - 12 * 150)),
        (RAIN[:, ::-1], Affine(-150, 0, LEFT + 15 * 150, 0, -150, TOP)),
        (RAIN[::-1, ::-1], Affine(-150, 0, LEFT + 15 * 150, 0, 150, TOP - 12 * 150)),
    ],
)
def test_south_up_and_mirrored_rasters_equal_the_north_up_one(tmp_path, stored, transform):
    north_up = write_raster(tmp_path / "north.tif", RAIN, GRID, transform=Affine(150, 0, LEFT, 0, -150, TOP))
    turned = write_raster(tmp_path / "turned.tif", stored.copy(), GRID, transform=transform)
    (values, grid), (expected, expected_grid) = read_whole(turned), read_whole(north_up)
    np.testing.assert_array_equal(values, expected)
    assert grid == expected_grid
    with open_raster(turned, "map") as dataset:
        np.testing.assert_array_equal(read_window(dataset, 3, -2, 5, 9), read_padded(RAIN, 3, -2, 5, 9))
    np.testing.assert_allclose(on_grid(turned)[0], on_grid(north_up)[0], rtol=1e-6)


def read_padded(values, row, column, height, width):
    padded = np.pad(values, 20, constant_values=np.nan)
    return padded[None, row + 20 : row + 20 + height, column + 20 : column + 20 + width]


def test_a_rotated_raster_of_measurements_equals_gdalwarp(tmp_path):
    rotated = Affine.translation(LEFT - 500, TOP - 300) * Affine.rotation(20) * Affine.scale(150, -150)
    path = write_raster(tmp_path / "rotated.tif", RAIN, GRID, transform=rotated)
    expected = gdalwarp(path, GRID, tmp_path)
    found, _ = on_grid(path)
    assert np.isfinite(expected).any()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def globe(folder, first, step=0.5, dtype="float32"):
    """Return a raster of the Earth that begins at a longitude, with values that are smooth around it."""
    longitude, latitude = first + step * (np.arange(360 / step) + 0.5), 90 - step * (np.arange(180 / step) + 0.5)
    values = 1000 + 100 * np.sin(np.radians(longitude))[None] + latitude[:, None]
    path = folder / f"globe_{first}.tif"
    return write_raster(path, values.astype(dtype), degree_grid(), transform=Affine(step, 0, first, 0, -step, 90))


@pytest.mark.parametrize("first", [0, -180, -20])
@pytest.mark.parametrize(
    ("left", "crs"),
    [
        (-79.0, None),
        (-1.0, None),
        (179.0, None),
        (281.0, None),
        (6e5, 32617),
        (1.7e5, 32631),
        (1.7e5, 32601),
        (8.2e5, 32660),
    ],
)
def test_longitudes_are_found_however_they_count(tmp_path, first, left, crs):
    """Smooth values around the Earth: each cell must have the value of its own place."""
    size, top = (0.05, 10.0) if crs is None else (5000.0, 1.1e6)
    grid = Grid(CRS.from_epsg(crs or 4326), Affine(size, 0, left, 0, -size, top), 40, 30)
    found, warnings = on_grid(globe(tmp_path, first), grid)
    columns, rows = np.meshgrid(np.arange(40) + 0.5, np.arange(30) + 0.5)
    x, y = grid.transform * (columns.ravel(), rows.ravel())
    longitude, latitude = rasterio.warp.transform(grid.crs, "EPSG:4326", x, y)
    expected = 1000 + 100 * np.sin(np.radians(longitude)) + np.array(latitude)
    np.testing.assert_allclose(found.ravel(), expected, atol=0.01)
    assert not warnings


def test_a_region_counted_from_0_to_360_is_found_and_another_one_refused(tmp_path):
    grid = degree_grid()
    left, _, _, top = grid.bounds
    for shift, hits in ((360, True), (-360, True), (180, False)):
        place = Affine(0.01, 0, left - 0.02 + shift, 0, -0.01, top + 0.02)
        path = write_raster(tmp_path / f"{shift}.tif", RAIN, grid, transform=place)
        if hits:
            here = write_raster(
                tmp_path / "here.tif", RAIN, grid, transform=place * Affine.translation(-shift / 0.01, 0)
            )
            np.testing.assert_allclose(on_grid(path, grid)[0], on_grid(here, grid)[0], rtol=1e-6)
        else:
            with pytest.raises(NoOverlap, match="does not overlap"):
                on_grid(path, grid)


@pytest.mark.parametrize(
    ("dtype", "scale", "offset"), [("int16", 0.1, 0), ("uint16", 0.01, -273.15), ("float32", 2, 5)]
)
def test_declared_scale_and_offset_count_everywhere(tmp_path, dtype, scale, offset):
    stored = np.arange(180).reshape(12, 15).astype(dtype)
    path = write_raster(tmp_path / "scaled.tif", stored, GRID, transform=COARSE, nodata=7)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (scale,), (offset,)
    expected = np.where(stored == 7, np.nan, stored.astype(np.float64) * scale + offset)
    np.testing.assert_allclose(read_whole(path)[0][0], expected, rtol=1e-5)
    np.testing.assert_allclose(
        on_grid(path)[0], gdalwarp(path, GRID, tmp_path, "-srcnodata", "7") * scale + offset, rtol=1e-4
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_signed_bytes_that_an_older_gdal_hands_out_are_read_right(tmp_path, monkeypatch, dtype):
    """rasterio calls them int8 where it knows the GDAL to be older than 3.7, and yet reads them as floats of uint8."""

    def answers(name, value):
        # rasterio fills a list of its own when it is asked.
        own = getattr(rasterio.DatasetReader, name)
        monkeypatch.setattr(rasterio.DatasetReader, name, property(lambda one: own.__get__(one) and (value,)))

    path = write_raster(tmp_path / "bytes.tif", np.array([[1, 255], [128, 127]], np.uint8), GRID, nodata=None)
    monkeypatch.setattr(rasterio.DatasetReader, "tags", lambda *_, **_2: {"PIXELTYPE": "SIGNEDBYTE"})
    answers("dtypes", dtype)
    np.testing.assert_array_equal(read_whole(path)[0][0], [[1, -1], [-128, 127]])
    with pytest.raises(InputCorrupt, match="Int16"):
        on_grid(path)
    answers("nodatavals", -128.0)
    np.testing.assert_array_equal(read_whole(path)[0][0], [[1, -1], [np.nan, 127]])


def stacked(folder, count, dtype="float32", names=()):
    values = np.stack([RAIN + number for number in range(count)]).astype(dtype)
    path = write_raster(folder / "bands.tif", values, GRID, transform=COARSE)
    with rasterio.open(path, "r+") as dataset:
        for band, name in enumerate(names, 1):
            dataset.set_band_description(band, name)
    return path


def test_one_band_of_several_is_taken_and_named(tmp_path):
    found, warnings = on_grid(stacked(tmp_path, 3, names=["annual", "june"]))
    single = write_raster(tmp_path / "single.tif", RAIN, GRID, transform=COARSE)
    np.testing.assert_array_equal(found, on_grid(single)[0])
    (warning,) = warnings
    assert "has 3 bands; band 1 (annual) is used" in warning
    with pytest.raises(InputCorrupt, match="months.*sum"):
        on_grid(stacked(tmp_path, 12), quantity="precipitation")
    with pytest.raises(InputCorrupt, match="months.*mean"):
        on_grid(stacked(tmp_path, 12), quantity="temperature")


def test_bands_become_rasters_of_their_own(tmp_path):
    path = stacked(tmp_path, 3, names=["ndvi", "", "ndwi"])
    bands = split_bands(str(path), "index", "index")
    assert [title for _, title in bands] == ["index ndvi", "index band 2", "index ndwi"]
    for number, (name, _) in enumerate(bands):
        assert raster_file(name) == str(path)
        np.testing.assert_allclose(read_whole(name)[0], RAIN[None] + number, rtol=1e-6)
    with pytest.raises(InputCorrupt, match="no band 4"), open_raster(f"vrt://{path}?bands=4", "map"):
        pass


@pytest.mark.parametrize("quantity", ["elevation", "precipitation", ""])
def test_colour_pictures_are_refused(tmp_path, quantity):
    values = np.random.default_rng(0).integers(0, 255, (3, 12, 15)).astype(np.uint8)
    path = write_raster(tmp_path / "picture.tif", values, GRID, transform=COARSE)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    with pytest.raises(InputCorrupt, match="colour picture"):
        on_grid(path, quantity=quantity)
    with pytest.raises(InputCorrupt, match="colour picture"):
        RasterClasses.scan(str(path), GRID, "lithology", None, NullProgress())


def test_an_alpha_band_is_no_band_of_values(tmp_path):
    values = np.stack([RAIN, np.where(np.arange(15) < 8, 255, 0)[None].repeat(12, 0)]).astype(np.uint16)
    path = write_raster(tmp_path / "alpha.tif", values, GRID, transform=COARSE)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    found, warnings = on_grid(path)
    assert not warnings
    np.testing.assert_array_equal(np.isnan(found), np.isnan(gdalwarp(path, GRID, tmp_path, "-srcalpha", "-dstalpha")))


@pytest.mark.parametrize("mark", [-9999, -32768, 32767, 9999, -999, 99999])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_undeclared_nodata_is_taken_out_before_interpolation(tmp_path, mark, dtype):
    holed = RAIN.astype(dtype)
    holed[4:7, 5:9] = mark
    open_ = write_raster(tmp_path / "undeclared.tif", holed, GRID, transform=COARSE)
    declared = write_raster(tmp_path / "declared.tif", holed, GRID, transform=COARSE, nodata=mark)
    found, warnings = on_grid(open_)
    np.testing.assert_array_equal(found, on_grid(declared)[0])
    (warning,) = warnings
    assert f"holds {mark} in 12 cells, far from all other values" in warning


def test_two_values_of_no_data_are_refused_where_they_would_be_interpolated(tmp_path):
    holed = RAIN.copy()
    holed[4, 5], holed[0, 0] = -9999, 32767
    with pytest.raises(InputCorrupt, match="-9999 and 32767"):
        on_grid(write_raster(tmp_path / "rain.tif", holed, GRID, transform=COARSE))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, -9999, -9999, -999], {-9999: 2, -999: 1}),
        ([0, 8848, 9999], {}),  # no farther from the others than they are from each other
        ([0, 8848, 32767], {32767: 1}),
        ([-9000, -9999, -5000], {}),
        ([0, 50000, -9999], {-9999: 1}),
        ([-9999, -9999], {}),
        ([np.nan, np.inf, 5, 99999], {99999: 1}),
        ([-12345, 1, 2], {}),  # far, but no usual mark
        ([], {}),
    ],
)
def test_sentinels_are_values_far_from_all_others(values, expected):
    assert isolated_sentinels(values) == expected


def test_archives_are_opened_by_either_name(tmp_path):
    path = write_raster(tmp_path / "rain.tif", RAIN, GRID, transform=COARSE)
    with zipfile.ZipFile(tmp_path / "rain.zip", "w") as archive:
        archive.write(path, "rain.tif")
    (tmp_path / "rain.tif.gz").write_bytes(gzip.compress((tmp_path / "rain.tif").read_bytes()))
    tile = tmp_path / "N28E085.SRTMGL1.hgt.zip"
    heights = np.arange(3601 * 3601, dtype=np.int64).reshape(3601, 3601) % 3000
    with zipfile.ZipFile(tile, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("N28E085.hgt", heights.astype(">i2").tobytes())
    names = ["rain.zip", "rain.tif.gz"]
    for name in [*names, *(f"/vsizip/{tmp_path}/rain.zip", f"/vsizip/{tmp_path}/rain.zip/rain.tif")]:
        source = name if name.startswith("/vsi") else tmp_path / name
        np.testing.assert_array_equal(read_whole(source)[0][0], RAIN)
    for source in (tile, f"/vsizip/{tile}", f"/vsizip/{tile}/N28E085.hgt"):
        with open_raster(source, "DEM") as dataset:
            np.testing.assert_array_equal(read_window(dataset, 7, 9, 3, 3)[0], heights[7:10, 9:12])


@pytest.mark.parametrize("crs", ["EPSG:32633", CRS.from_epsg(32633).to_wkt()])
def test_a_crs_that_the_layer_has_and_the_file_lacks_is_used(tmp_path, crs):
    lines = "\n".join(" ".join(f"{value:.3f}" for value in row) for row in RAIN)
    head = f"ncols 15\nnrows 12\nxllcorner {COARSE.c}\nyllcorner {COARSE.f - 12 * 150}\ncellsize 150\n"
    (tmp_path / "rain.asc").write_text(head + lines, encoding="utf-8")
    with pytest.raises(CrsMissing, match="Set CRS of Layer"):
        on_grid(tmp_path / "rain.asc")
    name = str(RasterName(str(tmp_path / "rain.asc"), crs))
    grid = Grid(CRS.from_epsg(32633), GRID.transform, GRID.width, GRID.height)
    expected = gdalwarp(tmp_path / "rain.asc", grid, tmp_path, "-s_srs", "EPSG:32633")
    np.testing.assert_allclose(on_grid(name, grid)[0], expected, rtol=1e-5)
    assert RasterName.parse(name) == RasterName(str(tmp_path / "rain.asc"), crs)
    with (
        pytest.raises(InputMissing, match="gone.asc does not exist"),
        open_raster(f"{name}".replace("rain", "gone"), "map"),
    ):
        pass


def test_ground_control_points_are_named(tmp_path):
    path = write_raster(tmp_path / "rain.tif", RAIN, GRID, crs=CRS())
    corners = [
        "-gcp",
        "0",
        "0",
        "500000",
        "3000000",
        "-gcp",
        "15",
        "0",
        "501000",
        "3000000",
        "-gcp",
        "0",
        "12",
        "500000",
        "2999000",
    ]
    placed = tmp_path / "gcp.tif"
    run_gdal("gdal_translate", "-q", "-a_srs", "EPSG:32633", *corners, path, placed)
    with pytest.raises(CrsMissing, match="ground control points.*Warp"):
        on_grid(placed)


@pytest.mark.parametrize(
    ("quantity", "chosen", "stated", "value", "result"),
    [
        ("elevation", "ft", "", 100, 30.48),
        ("elevation", "auto", "Metre", 100, 100),
        ("elevation", "auto", "US survey foot", 3937, 1200),
        ("precipitation", "tenth_mm", "", 8000, 800),
        ("precipitation", "auto", "kg m-2 yr-1", 800, 800),
        ("precipitation", "auto", "Inch", 10, 254),
        ("temperature", "auto", "K", 283.15, 10),
        ("temperature", "auto", "degC*10", 105, 10.5),
        ("temperature", "fahrenheit", "", 50, 10),
        ("temperature", "auto", "", 10, 10),
    ],
)
def test_units_are_converted(quantity, chosen, stated, value, result):
    conversion, note, warning = find_conversion(quantity, chosen, stated, "The raster")
    assert conversion.apply(np.array([float(value)]))[0] == pytest.approx(result)
    assert conversion.invert(result) == pytest.approx(value)
    assert bool(note) == (value != result)
    assert not warning


def test_doubtful_units_are_asked_about():
    def warning(*arguments, **more):
        return find_conversion(*arguments, "The DEM x.tif", "DEM_UNIT", **more)[2]

    for unit in (0.3048, 1200 / 3937, 0.2012):
        with pytest.raises(ParameterInvalid, match="three times too steep. Choose the unit with DEM_UNIT"):
            warning("elevation", "auto", "", crs_unit=unit)
    assert "was chosen and counts" in warning("elevation", "m", "ft")
    assert 'states the unit "furlong"' in warning("elevation", "auto", "furlong")
    assert not warning("elevation", "ft", "", crs_unit=0.3048)


NAMED = [StackFactor(name, CONTINUOUS, "", name) for name in ("slope", "ndvi")]


def stack_with_sentinels(folder, mark, share=0.1):
    """Return a stack of two factors, one with a mark in part of its cells, and labels."""
    random = np.random.default_rng(0)
    values = random.uniform(10, 40, (2, 60, 60)).astype(np.float32)
    labels = (random.random((60, 60)) < 0.3).astype(np.uint8)
    values[0] += 30 * labels
    clean = write_stack(folder / "clean.tif", values.copy(), NAMED)
    values[1][random.random((60, 60)) < share] = mark
    marked = write_stack(folder / "marked.tif", values, NAMED)
    return clean, marked, write_raster(folder / "labels.tif", labels, Grid.from_file(clean, "stack"), nodata=255)


@pytest.mark.parametrize("mark", [-9999, 32767, -99999])
def test_a_stack_with_undeclared_nodata_is_neither_learned_from_nor_mapped(tmp_path, mark):
    clean, marked, labels = stack_with_sentinels(tmp_path, mark)
    message = rf"holds {mark} in ndvi.*Declare it"
    with open_training_rasters(marked, labels) as rasters, pytest.raises(InputCorrupt, match=rf"ndvi holds {mark} in"):
        sample_cells(rasters, None, 1000, 0, NullProgress())
    plan = WindowPlan(600, 900)
    with open_training_rasters(marked, labels) as rasters, pytest.raises(InputCorrupt, match=rf"ndvi holds {mark} in"):
        read_windows(rasters, np.array([[0, 0], [20, 20]]), 20, plan, None, NullProgress())
    with open_training_rasters(clean, labels) as rasters:
        cells = sample_cells(rasters, None, 1000, 0, NullProgress())
    for path, refused in ((clean, False), (marked, True)):
        with open_stack(path) as stack:
            low, high = float(cells.values[:, 1].min()), float(cells.values[:, 1].max())
            stack.refuse_undeclared_nodata("ndvi", low, high)
            with pytest.raises(InputCorrupt, match=message) if refused else contextlib.nullcontext():
                stack.read(stack.grid.whole)
