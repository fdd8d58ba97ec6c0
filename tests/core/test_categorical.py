"""Classes from polygons and rasters: codes, labels, overlaps, gaps, matching by label."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize

from scarp.model.errors import LayerEmpty, ParameterInvalid
from scarp.model.factors.categorical import PolygonClasses, RasterClasses, assign_codes, label_text
from scarp.model.factors.settings import CategoricalInput
from scarp.model.inputs.vectors import Polygons
from scarp.model.progress import NullProgress
from scarp.tests.core.conftest import box, by_blocks, degree_grid, utm_grid, write_raster

GRID = utm_grid(100, 120, 10.0, 0.0, 1000.0)
WHOLE = GRID.whole


def polygons(geometries, labels):
    return Polygons(name="geology", fields={"rock": labels}, geometries=geometries)


def classes(geometries, labels, known=None, progress=None, field="rock"):
    return PolygonClasses(polygons(geometries, labels), field, GRID, "lithology", known, progress or NullProgress())


def blob(random, vertices):
    """Return a ragged polygon or multipolygon with a hole, mostly within and partly beyond the grid."""
    centre, size = random.uniform(-200, 1300, 2), random.uniform(100, 700)
    angle = np.sort(random.uniform(0, 2 * np.pi, vertices))
    ring = centre + size * np.stack([np.cos(angle), np.sin(angle)], axis=1) * random.uniform(0.5, 1, (vertices, 1))
    hole = centre + 0.2 * size * np.stack([np.cos(angle[::-5]), np.sin(angle[::-5])], axis=1)
    rings = [[*line.tolist(), line[0].tolist()] for line in (ring, hole)]
    kind = random.choice(["Polygon", "MultiPolygon"])
    return {"type": str(kind), "coordinates": rings if kind == "Polygon" else [rings]}


@pytest.mark.parametrize(
    ("values", "order"),
    [([10, 9, 2.0], "2 9 10"), (["VII", " VI ", "VIII"], "VI VII VIII"), (["b", "10", "9"], "9 10 b")],
)
def test_numbers_are_sorted_by_size_and_text_by_alphabet(values, order):
    found = assign_codes({label_text(value) for value in values}, None, "seismic", NullProgress())
    assert found == dict(enumerate(order.split(), 1))


@pytest.mark.parametrize("side", [11, 32, 100])
@pytest.mark.parametrize("vertices", [12, 3000])
def test_blockwise_burn_equals_whole_grid(side, vertices):
    """The later of two polygons wins, and cells of more than one are counted."""
    random = np.random.default_rng(0)
    geometries = [blob(random, vertices) for _ in range(12)]
    table = classes(geometries, [f"rock {number % 5}" for number in range(12)])
    codes = {label: code for code, label in table.classes.items()}
    place = {"out_shape": GRID.shape, "transform": GRID.transform}
    shapes = [(geometry, codes[f"rock {number % 5}"]) for number, geometry in enumerate(geometries)]
    expected = rasterize(shapes, **place).astype(float)
    expected[expected == 0] = np.nan
    covers = sum(rasterize([(geometry, 1)], **place) for geometry in geometries)
    overlapping = []

    def read(block):
        values = table.read(block)
        overlapping.append(table.overlapping)
        return values

    np.testing.assert_array_equal(by_blocks(GRID, read, side), expected)
    assert sum(overlapping) == np.count_nonzero(covers > 1) > 0


def test_cells_without_polygon_or_label_are_nan():
    progress = NullProgress()
    shapes = [box(0, 0, 400, 1000), box(400, 0, 800, 1000), box(0, 0, 100, 100), box(5000, 0, 6000, 1000)]
    table = classes(shapes, ["a", None, "", "beyond the grid"], progress=progress)
    assert table.classes == {1: "a"}
    codes = table.read(WHOLE)
    assert (codes[:, :40] == 1).all() and np.isnan(codes[:, 40:]).all()
    assert "2 polygons" in progress.warnings[0] and "rock" in progress.warnings[0]


def test_a_second_area_matches_by_label():
    first = classes([box(0, 0, 400, 1000), box(400, 0, 1200, 1000)], ["shale", "granite"]).classes
    progress = NullProgress()
    shapes = [box(0, 0, 400, 1000), box(400, 0, 800, 1000), box(800, 0, 1200, 1000)]
    second = classes(shapes, ["basalt", "granite", "shale"], first, progress)
    assert second.classes == {1: "granite", 2: "shale", 3: "basalt"}
    codes = second.read(WHOLE)
    assert codes[0, [0, 50, 100]].tolist() == [3, 1, 2]
    assert "basalt" in progress.warnings[0]


def test_known_classes_stay_in_the_table_without_a_warning():
    progress = NullProgress()
    table = classes([box(0, 0, 400, 1000)], ["shale"], {1: "granite", 4: "shale"}, progress)
    assert (table.classes, table.read(WHOLE)[0, 0]) == ({1: "granite", 4: "shale"}, 4)
    assert not progress.warnings


def test_no_class_at_all_is_refused():
    with pytest.raises(LayerEmpty, match="geology.*no polygon"):
        classes([], [])
    with pytest.raises(ParameterInvalid):
        CategoricalInput()


def write(folder, values, nodata=None):
    return write_raster(folder / "classes.tif", values, GRID, nodata=nodata)


def raster(path, known=None, grid=GRID):
    table = RasterClasses.scan(path, grid, "land_cover", known, NullProgress())
    with RasterClasses.open(table, grid) as opened:
        return table, opened.read(grid.whole)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", 0), ("uint8", None), ("int16", -1), ("float32", np.nan), ("int32", -9999)]
)
def test_raster_values_become_codes_in_their_order(tmp_path, dtype, nodata):
    values = np.random.default_rng(0).choice([3, 11, 20], GRID.shape).astype(dtype)
    if nodata is not None:
        values[:10] = nodata
    table, codes = raster(write(tmp_path, values, nodata=None if nodata != nodata else nodata))
    assert table.classes == {1: "3", 2: "11", 3: "20"}
    assert np.isnan(codes[:10]).all() == (nodata is not None)
    np.testing.assert_array_equal(codes[10:], np.searchsorted([3, 11, 20], values[10:]) + 1)


NAMES = """<CategoryNames><Category></Category><Category>sand &amp; silt</Category><Category></Category>
<Category></Category><Category>bare rock</Category></CategoryNames>"""
ATTRIBUTES = """<GDALRasterAttributeTable tableType="thematic">
<FieldDefn index="0"><Name>VALUE</Name><Type>0</Type><Usage>5</Usage></FieldDefn>
<FieldDefn index="1"><Name>CLASS</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
<Row index="0"><F>1</F><F>sand &amp; silt</F></Row><Row index="1"><F>4</F><F>bare rock</F></Row>
</GDALRasterAttributeTable>"""


@pytest.mark.parametrize("content", [NAMES, ATTRIBUTES], ids=["category names", "attribute table"])
def test_labels_beside_the_raster_are_used(tmp_path, content):
    values = np.random.default_rng(0).choice([1, 4], GRID.shape).astype(np.uint8)
    path = write(tmp_path, values)
    sidecar = f'<PAMDataset><PAMRasterBand band="1">{content}</PAMRasterBand></PAMDataset>'
    (tmp_path / "classes.tif.aux.xml").write_text(sidecar)
    table, codes = raster(path)
    assert table.classes == {1: "bare rock", 2: "sand & silt"}
    np.testing.assert_array_equal(codes, np.where(values == 4, 1, 2))


def test_a_raster_matches_known_classes_by_label(tmp_path):
    table, codes = raster(write(tmp_path, np.full(GRID.shape, 20, np.uint8)), {1: "3", 2: "20"})
    assert table.classes == {1: "3", 2: "20"}
    assert (codes == 2).all()


def test_a_raster_in_another_crs_keeps_its_classes(tmp_path, real_data):
    path = str(real_data / "kaghan_pk" / "lithology.tif")
    degrees = degree_grid(300, 300, 0.0005, 73.3, 34.7)
    with rasterio.open(path) as dataset:
        present = set(np.unique(dataset.read(1))) - {dataset.nodata}
        assert dataset.crs != degrees.crs
    table, codes = raster(path, grid=degrees)
    assert set(table.classes.values()) <= {str(int(value)) for value in present}
    assert set(np.unique(codes[np.isfinite(codes)])) == set(table.classes)
