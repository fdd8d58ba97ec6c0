"""Layers of users, converted to what the core takes."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)

from scarp.algorithms.base import layers
from scarp.algorithms.base.arguments import Arguments, grid_crs
from scarp.model.errors import CrsMissing, FieldUnusable, InputCorrupt, ParameterInvalid
from scarp.model.progress import NullProgress
from scarp.running.core import Core
from scarp.tests.qgis.tiny import CRS, LEFT, TOP, memory_layer, write_layer, write_raster

GRID = QgsCoordinateReferenceSystem(CRS)
PLACES = [(LEFT + 100.25, TOP - 200.5), (LEFT + 900.0, TOP - 40.125), (LEFT + 33.0, TOP - 77.0)]


FIELDS = "size:string,year:integer"


class Listener(NullProgress):
    """Keeps log lines too."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def report(self, fraction, text=""):
        self.lines += [text] if text else []


@pytest.fixture
def read(plugin):
    """Return a function that gives the arguments of one algorithm for some values."""

    def arguments(algorithm, **values):
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        definition = plugin.provider.algorithm(algorithm).create()
        return Arguments(definition, values, context, Listener(), Core(definition.REQUIRED_MODULES, Listener()))

    return arguments


def point_rows(values=("a", "b", "c")):
    return [(f"Point ({x} {y})", [value, number]) for number, ((x, y), value) in enumerate(zip(PLACES, values))]


def point_layer(rows=None, **more):
    return memory_layer("Point", FIELDS, point_rows() if rows is None else rows, **more)


def slides(read, layer, fields=()):
    arguments = read("buildbufferedlabels", LANDSLIDES=layer)
    return arguments.points_or_polygons("LANDSLIDES", GRID, list(fields)), arguments


def test_points_from_memory_path_and_project_are_the_same(read, tmp_path):
    memory = point_layer(name="slides")
    path = write_layer(tmp_path / "slides.gpkg", "Point", FIELDS, point_rows())
    project = QgsVectorLayer(f"{path}|layername=slides", "in the project")
    QgsProject.instance().addMapLayer(project)
    for given in (memory, str(path), f"{path}|layername=slides", project.id(), "in the project"):
        points, _ = slides(read, given, ["size", "year"])
        np.testing.assert_array_equal(points.xy, PLACES)
        assert points.fields == {"size": ["a", "b", "c"], "year": [0, 1, 2]}
    assert str(path) in points.source
    QgsProject.instance().removeMapLayer(project.id())


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32644"])
def test_points_are_transformed_to_the_crs_of_the_grid(read, crs):
    there = QgsCoordinateTransform(GRID, QgsCoordinateReferenceSystem(crs), QgsProject.instance())
    rows = []
    for shape, values in point_rows():
        geometry = QgsGeometry.fromWkt(shape)
        geometry.transform(there)
        rows.append((geometry.asWkt(12), values))
    points, _ = slides(read, point_layer(rows, crs=crs))
    np.testing.assert_allclose(points.xy, PLACES, atol=0.01)


def test_selection_and_subset_filter_are_kept(read, tmp_path):
    path = write_layer(tmp_path / "slides.gpkg", "Point", FIELDS, point_rows())
    layer = QgsVectorLayer(str(path), "filtered")
    layer.setSubsetString("year > 0")
    points, _ = slides(read, layer, ["year"])
    assert points.fields["year"] == [1, 2]
    layer.setSubsetString("")
    layer.selectByExpression("year = 1")
    QgsProject.instance().addMapLayer(layer)
    points, _ = slides(read, QgsProcessingFeatureSourceDefinition(layer.id(), True), ["year"])
    assert points.fields["year"] == [1]
    QgsProject.instance().removeMapLayer(layer.id())


def test_z_m_and_parts(read):
    rows = [
        (f"MultiPointZM (({LEFT} {TOP} 7 8),({LEFT + 1} {TOP} 7 8))", ["x", 1]),
        (f"MultiPointZM (({LEFT + 2} {TOP} 7 8))", ["y", 2]),
    ]
    points, _ = slides(read, memory_layer("MultiPointZM", FIELDS, rows), ["size"])
    np.testing.assert_array_equal(points.xy, [[LEFT, TOP], [LEFT + 1, TOP], [LEFT + 2, TOP]])
    assert points.fields["size"] == ["x", "x", "y"]


def test_features_without_geometry_are_skipped_and_counted(read):
    rows = [*point_rows(), ("", ["d", 9])]
    points, arguments = slides(read, point_layer(rows), ["size"])
    assert points.fields["size"] == ["a", "b", "c"]
    assert ["1 features" in text and "without geometry" in text for text in arguments.progress.warnings] == [True]


def test_empty_attributes_are_none(read):
    points, _ = slides(read, point_layer(point_rows(("a", None, ""))), ["size"])
    assert points.fields["size"] == ["a", None, ""]


def test_invalid_polygons_are_repaired_and_counted(read):
    right, bottom = LEFT + 100, TOP - 100
    bow_tie = f"Polygon (({LEFT} {TOP}, {right} {bottom}, {right} {TOP}, {LEFT} {bottom}, {LEFT} {TOP}))"
    polygons, arguments = slides(read, memory_layer("Polygon", "", [(bow_tie, [])]))
    shape = polygons.geometries[0]
    assert shape["type"] == "MultiPolygon"
    assert len(shape["coordinates"]) == 2
    assert any("1 invalid polygons" in text and "repaired" in text for text in arguments.progress.lines)
    assert not arguments.progress.warnings


def test_polygons_keep_holes_and_fields(read):
    ring = f"({LEFT} {TOP}, {LEFT + 90} {TOP}, {LEFT + 90} {TOP - 90}, {LEFT} {TOP - 90}, {LEFT} {TOP})"
    hole = f"({LEFT + 30} {TOP - 30}, {LEFT + 60} {TOP - 30}, {LEFT + 60} {TOP - 60}, {LEFT + 30} {TOP - 30})"
    polygons, _ = slides(read, memory_layer("Polygon", "name:string", [(f"Polygon ({ring},{hole})", ["p"])]), ["name"])
    assert polygons.fields == {"name": ["p"]}
    assert len(polygons.geometries[0]["coordinates"]) == 2
    np.testing.assert_allclose(polygons.bounds(), [[LEFT, TOP - 90, LEFT + 90, TOP]])


def test_curves_become_straight_lines(read):
    circle = (
        f"CurvePolygonZ (CircularStringZ ({LEFT} {TOP} 1, {LEFT + 50} {TOP + 50} 1, {LEFT + 100} {TOP} 1, "
        f"{LEFT + 50} {TOP - 50} 1, {LEFT} {TOP} 1))"
    )
    polygons, _ = slides(read, memory_layer("CurvePolygonZ", "", [(circle, [])]))
    corners = np.array(polygons.geometries[0]["coordinates"][0])
    assert corners.shape[1] == 2
    assert len(corners) > 50
    np.testing.assert_allclose(np.hypot(corners[:, 0] - LEFT - 50, corners[:, 1] - TOP), 50, atol=1e-6)


def test_multi_lines_are_split_into_parts(read):
    second = f"({LEFT} {TOP} 1, {LEFT} {TOP - 5} 2, {LEFT + 1} {TOP - 5} 2)"
    wkt = f"MultiLineStringZ (({LEFT} {TOP} 1, {LEFT + 5} {TOP} 1),{second})"
    lines = read("buildfactorstack", RIVERS=memory_layer("MultiLineStringZ", "", [(wkt, [])])).lines("RIVERS", GRID)
    assert [len(part) for part in lines.parts] == [2, 3]
    np.testing.assert_array_equal(lines.parts[1], [[LEFT, TOP], [LEFT, TOP - 5], [LEFT + 1, TOP - 5]])


def test_single_lines_equal_their_vertices(read):
    wkt = f"LineString ({LEFT} {TOP}, {LEFT + 0.125} {TOP - 2}, {LEFT + 9} {TOP})"
    lines = read("buildfactorstack", RIVERS=memory_layer("LineString", "", [(wkt, [])])).lines("RIVERS", GRID)
    np.testing.assert_array_equal(lines.parts[0], [[LEFT, TOP], [LEFT + 0.125, TOP - 2], [LEFT + 9, TOP]])


NEAR = (LEFT, TOP - 1000, LEFT + 1000, TOP)


def _scattered(crs):
    """Return lines far from, within and across ``NEAR``, in another CRS."""
    random = np.random.default_rng(0)
    there = QgsCoordinateTransform(GRID, QgsCoordinateReferenceSystem(crs), QgsProject.instance())
    rows = []
    places = [*random.uniform(-60_000, 60_000, (200, 2)), *random.uniform((-800, -1800), (1800, 800), (60, 2))]
    for x, y in places:
        dx, dy = random.normal(0, 300, 2)
        line = QgsGeometry.fromWkt(f"LineString ({LEFT + x} {TOP + y}, {LEFT + x + dx} {TOP + y + dy})")
        line.transform(there)
        rows.append((line.asWkt(12), []))
    # Far from the area at both ends, and through its middle.
    line = QgsGeometry.fromWkt(f"LineString ({LEFT - 90_000} {TOP - 500}, {LEFT + 90_000} {TOP - 500})")
    line.transform(there)
    return [*rows, (line.asWkt(12), [])]


def _reaching(parts):
    """Return the bounding boxes that reach into ``NEAR``, sorted."""
    boxes = [(*part.min(axis=0), *part.max(axis=0)) for part in parts]
    left, bottom, right, top = NEAR
    return sorted(box for box in boxes if box[0] <= right and box[2] >= left and box[1] <= top and box[3] >= bottom)


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:3857", "EPSG:32644"])
def test_of_a_large_layer_only_features_near_the_grid_are_read(read, monkeypatch, crs):
    arguments = read("buildfactorstack", RIVERS=memory_layer("LineString", "", _scattered(crs), crs=crs))
    whole = arguments.lines("RIVERS", GRID, NEAR).parts
    assert len(whole) == 261
    monkeypatch.setattr(layers, "LARGE_LAYER", 100)
    part = arguments.lines("RIVERS", GRID, NEAR).parts
    assert len(part) < 100
    assert len(_reaching(whole)) > 10
    np.testing.assert_array_equal(_reaching(part), _reaching(whole))


def test_a_large_layer_far_from_the_grid_is_read_whole(read, monkeypatch):
    monkeypatch.setattr(layers, "LARGE_LAYER", 100)
    rows = [
        (f"LineString ({LEFT + side} {TOP + 9 * number}, {LEFT + side + 5} {TOP})", [])
        for side in (-90_000, 90_000)
        for number in range(100)
    ]
    arguments = read("buildfactorstack", RIVERS=memory_layer("LineString", "", rows))
    assert len(arguments.lines("RIVERS", GRID, NEAR).parts) == 200


def test_of_a_large_polygon_layer_only_features_near_the_grid_are_read(read, monkeypatch):
    monkeypatch.setattr(layers, "LARGE_LAYER", 100)
    rows = [
        (f"Polygon (({x} {y}, {x + 900} {y}, {x} {y - 900}, {x} {y}))", [str(number)])
        for number, (x, y) in enumerate(
            (LEFT + 1000 * column, TOP + 1000 * row) for column in range(-20, 20) for row in range(-20, 20)
        )
    ]
    arguments = read("buildfactorstack", LITHOLOGY=memory_layer("Polygon", "rock:string", rows), LITHOLOGY_FIELD="rock")
    few = arguments.classes("LITHOLOGY", GRID, NEAR).polygons
    assert 4 <= len(few) < 40
    monkeypatch.setattr(layers, "LARGE_LAYER", 10_000)
    whole = arguments.classes("LITHOLOGY", GRID, NEAR).polygons
    assert len(whole) == 1600
    left, bottom, right, top = whole.bounds().T
    reach = (left <= NEAR[2]) & (right >= NEAR[0]) & (bottom <= NEAR[3]) & (top >= NEAR[1])
    assert {whole.fields["rock"][number] for number in np.flatnonzero(reach)} <= set(few.fields["rock"])


def test_a_layer_without_crs_is_refused(read):
    with pytest.raises(CrsMissing, match="LANDSLIDES.*no coordinate reference system"):
        slides(read, point_layer(crs=""))


def test_a_layer_in_a_local_crs_is_refused(read):
    layer = point_layer()
    layer.setCrs(QgsCoordinateReferenceSystem.fromWkt('LOCAL_CS["site",UNIT["metre",1]]'))
    with pytest.raises(CrsMissing, match="LANDSLIDES.*cannot be transformed"):
        slides(read, layer)


def test_a_missing_field_is_an_error_that_lists_the_fields(read):
    with pytest.raises(FieldUnusable, match='no field "grade".*size, year'):
        slides(read, point_layer(), ["grade"])


def test_the_wrong_geometry_is_refused(read):
    layer = point_layer()
    with pytest.raises(ParameterInvalid, match="RIVERS takes lines.*points"):
        read("buildfactorstack", RIVERS=layer).lines("RIVERS", GRID)


def test_classes_from_polygons_and_from_a_raster(read, tmp_path):
    square = f"Polygon (({LEFT} {TOP}, {LEFT + 90} {TOP}, {LEFT + 90} {TOP - 90}, {LEFT} {TOP}))"
    layer = memory_layer("Polygon", "rock:string", [(square, ["schist"])], name="geology")
    found = read("buildfactorstack", LITHOLOGY=layer, LITHOLOGY_FIELD="rock").classes("LITHOLOGY", GRID)
    assert found.polygons.fields == {"rock": ["schist"]}
    assert found.field == "rock"
    assert found.raster is None
    path = write_raster(tmp_path / "geology.tif", np.ones((4, 4)))
    found = read("buildfactorstack", LITHOLOGY=str(path)).classes("LITHOLOGY", GRID)
    assert found.raster == str(path)
    assert found.polygons is None
    assert found.name == "geology"


def test_rasters_must_be_files(read, tmp_path):
    path = write_raster(tmp_path / "dem.tif", np.ones((4, 4)))
    assert read("buildfactorstack", DEM=str(path)).raster("DEM") == str(path)
    other = QgsRasterLayer("type=xyz&url=file:///nowhere/%7Bz%7D.png", "tiles", "wms")
    assert other.isValid()
    with pytest.raises(InputCorrupt, match="no raster file"):
        read("buildfactorstack", DEM=other).raster("DEM")


def test_a_crs_given_only_in_the_project_gives_a_warning(read, tmp_path):
    layer = QgsRasterLayer(str(write_raster(tmp_path / "dem.tif", np.ones((4, 4)))), "dem")
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    arguments = read("buildfactorstack", DEM=layer)
    arguments.raster("DEM")
    assert any("EPSG:4326" in text and CRS in text for text in arguments.progress.warnings)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("1,600,2,500", "1,600,2,500"),
        (["1", "600"], ["1", "600"]),
        ([1.0, 600.0], [1, 600]),
        ([["a", 1.5]], ["a", 1.5]),
        (None, ["giant", 600, "large", 500, "medium", 400, "small", 300, "unrecorded", 300]),
    ],
)
def test_tables_are_text_or_lists(read, given, wanted):
    assert read("buildbufferedlabels", RADII=given).table("RADII") == wanted


def test_the_crs_of_the_grid_outlives_the_thread_of_an_earlier_run(qgis_app):
    # A WKT that nothing else has asked for: QGIS caches the objects by their WKT.
    wkt = QgsCoordinateReferenceSystem("EPSG:32719").toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED) + " "
    made, first_may_end, second_made, second_may_look = {}, threading.Event(), threading.Event(), threading.Event()

    def first():
        made["first"] = grid_crs(wkt, "a.tif", "DEM")
        first_may_end.wait(30)

    def second():
        made["second"] = grid_crs(wkt, "a.tif", "DEM")
        second_made.set()
        second_may_look.wait(30)
        made["content"] = made["second"].toWkt()

    one, other = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    while "first" not in made:
        pass
    other.start()
    second_made.wait(30)
    first_may_end.set()
    one.join()
    second_may_look.set()
    other.join()
    assert made["second"].isValid()
    assert "32719" in made["content"]
    later = grid_crs(wkt, "a.tif", "DEM")
    assert later.toWkt()
    assert later.authid() == "EPSG:32719"
