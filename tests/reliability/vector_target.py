"""Generated vector layers of any geometry, encoding, field and CRS, read as the inputs of all algorithms are.

Each layer is sound for GDAL and strange for an analyst: mixed, empty, curved or nested geometries, heights, measures,
coordinates that are not finite, texts in unstated encodings, dates and lists as classes, fields with strange names.
"""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any, Callable

import numpy as np
from osgeo import gdal, ogr, osr
from qgis import core

from scarp.algorithms.base.layers import VectorReader
from scarp.model.errors import LayerEmpty
from scarp.model.factors.categorical import PolygonClasses
from scarp.model.factors.climate import StationSurface
from scarp.model.factors.density import LineDensity
from scarp.model.factors.polygons import AreaMask
from scarp.model.factors.settings import StationPoints
from scarp.model.inputs.vectors import Polygons
from scarp.model.labels.buffers import landslide_buffers
from scarp.model.labels.radii import DEFAULT_RADII, assign_radii
from scarp.model.progress import NullProgress
from scarp.model.safety.settings import SafetyOptions
from scarp.model.safety.thresholds import RainySeason
from scarp.model.validation.map_layers import RegionMap, SubsetMap
from scarp.tests.reliability.layer_target import begin_qgis
from scarp.tests.reliability.mutations import TEXTS
from scarp.tests.reliability.raster_target import GRID

gdal.PushErrorHandler("CPLQuietErrorHandler")
_NOT_WRITTEN = (RuntimeError, AttributeError, TypeError, ValueError, OverflowError)
"""What GDAL raises, or Python for the nothing that it returns, for what it does not write."""
_CRS = ("EPSG:32646",) * 12 + (
    "EPSG:4326",
    "EPSG:4326",
    "EPSG:3857",
    "EPSG:32647",
    "EPSG:3413",
    "EPSG:2056",
    "EPSG:4979",
    "",
)
_DRIVERS = (("GPKG", "gpkg"),) * 4 + (("ESRI Shapefile", "shp"), ("GeoJSON", "geojson"), ("FlatGeobuf", "fgb"))
_NAMES = (
    "value",
    "VALUE",
    "class name",
    "岩性",
    "a" * 40,
    "select",
    "1st",
    "x'y",
    'x"y',
    "größe",
    "a|b",
    "%s",
    "subset",
)
_TYPES = (
    *(ogr.OFTString,) * 5,
    *(
        ogr.OFTReal,
        ogr.OFTReal,
        ogr.OFTInteger,
        ogr.OFTInteger64,
        ogr.OFTDate,
        ogr.OFTDateTime,
        ogr.OFTTime,
        ogr.OFTBinary,
    ),
    *(ogr.OFTStringList, ogr.OFTIntegerList),
)
_WORDS = (
    *(
        "granite",
        "Granite",
        "GRANITE",
        "Granite  gneiss",
        "花岗岩",
        "大型",
        "large",
        "small",
        "1",
        "2",
        "NULL",
        "N/A",
        "-",
        "",
    ),
    *(
        "1,234.5",
        "1.234,5",
        "12.5 mm",
        "900,5",
        "-9999",
        "2008-05-12",
        "train",
        "test",
        "Schwa\u0308bisch",
        "\uff27\u00a0",
    ),
    *("Ã¼", "\ufffd\ufffd", "0.8", "60", "NA", "?"),
)
_ENCODINGS = ("gbk", "shift_jis", "cp1251", "latin-1", "utf-16-le")


class VectorTarget:
    """Strange layers, read as points, lines, polygons and landslides, and then used as each input is."""

    name = "vector layers"

    def __init__(self, folder: Path) -> None:
        begin_qgis()
        self._folder = folder
        self._crs = core.QgsCoordinateReferenceSystem("EPSG:32646")
        self._context = core.QgsProcessingContext()
        self._path, self._field, self._use = "", "", 0

    def make(self, seed: int, number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        for leftover in self._folder.iterdir():
            leftover.unlink()
        driver, suffix = chance.choice(_DRIVERS)
        path = self._folder / f"layer.{suffix}"
        self._field, self._use = chance.choice(_NAMES), chance.randrange(len(_USES))
        # A layer that GDAL does not write is no input; what is there of it is read nevertheless.
        with contextlib.suppress(*_NOT_WRITTEN):
            _write(path, driver, self._field, _USES[self._use], chance)
        if suffix == "shp" and chance.random() < 0.6:
            _unstate_encoding(path, chance)
        self._path = str(path)

    def read(self) -> None:
        """Read it as one kind of input, and use it as the core does."""
        layer = core.QgsVectorLayer(self._path, "strange", "ogr")
        if not layer.isValid():
            # Processing refuses such a file before Scarp sees it.
            raise LayerEmpty("QGIS does not open the file.")
        source = core.QgsProcessingFeatureSource(layer, self._context)
        reader = VectorReader(source, "INPUT", self._path, self._crs, self._context, NullProgress(), bounds=GRID.bounds)
        names = layer.fields().names()
        field = self._field if self._field in names else names[-1] if names else "value"
        _USES[self._use](reader, field)


def _write(path: Path, driver: str, field: str, use: Any, chance: random.Random) -> None:
    """Write a layer; most of its features are of a kind that its use takes, so that much of it is read."""
    source = ogr.GetDriverByName(driver).CreateDataSource(str(path))
    text = chance.choice(_CRS)
    reference = osr.SpatialReference() if text else None
    if reference is not None:
        reference.SetFromUserInput(text)
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    kinds = (ogr.wkbUnknown,) * 20 + (
        ogr.wkbPoint,
        ogr.wkbPolygon,
        ogr.wkbMultiPolygon,
        ogr.wkbGeometryCollection,
        ogr.wkbNone,
    )
    table = source.CreateLayer("layer", reference, chance.choice(kinds))
    kind = chance.choice(_TYPES)
    table.CreateField(ogr.FieldDefn(field, kind))
    in_degrees = text in ("EPSG:4326", "EPSG:4979")
    words = [chance.choice((*_WORDS, *TEXTS)) if chance.random() < 0.4 else chance.choice(_WORDS) for _ in range(3)]
    fitting = {_points: _OF_POINTS, _lines: _OF_LINES}.get(use, _OF_POLYGONS)
    shapes = [*fitting, *(chance.choice(_SHAPES) for _ in range(chance.choice((0, 1, 3))))]
    for _ in range(chance.choice((0, 1, 3, 6, 12, 12, 12))):
        feature = ogr.Feature(table.GetLayerDefn())
        with contextlib.suppress(*_NOT_WRITTEN):
            wkt = chance.choice(shapes)(chance, in_degrees)
            if wkt:
                feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
        with contextlib.suppress(*_NOT_WRITTEN):
            _set(feature, kind, chance.choice(words), chance)
        with contextlib.suppress(*_NOT_WRITTEN):
            table.CreateFeature(feature)


def _set(feature: Any, kind: int, word: str, chance: random.Random) -> None:
    if chance.random() < 0.15:
        return
    if kind == ogr.OFTReal:
        feature.SetField(
            0, chance.choice((0.0, 0.5, 1.0, 812.25, -9999.0, 1e300, float("nan"), float("inf"), chance.random()))
        )
    elif kind in (ogr.OFTInteger, ogr.OFTInteger64):
        feature.SetField(0, chance.choice((0, 1, 2, -9999, 2**31 - 1)))
    elif kind == ogr.OFTBinary:
        feature.SetField(0, bytes(range(9)))
    elif kind in (ogr.OFTDate, ogr.OFTDateTime, ogr.OFTTime):
        feature.SetField(0, 2000 + chance.randrange(20), 5, 12, 14, 28, 4.0, 100)
    elif kind == ogr.OFTStringList:
        feature.SetFieldStringList(0, [word, "b"])
    elif kind == ogr.OFTIntegerList:
        feature.SetFieldIntegerList(0, [1, 2])
    else:
        feature.SetField(0, word)


def _unstate_encoding(path: Path, chance: random.Random) -> None:
    """Put text of an encoding that nothing states into the rows of a Shapefile's table."""
    table = path.with_suffix(".dbf")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if table.exists():
        content = bytearray(table.read_bytes())
        content[29] = 0
        text = chance.choice(("花岗岩", "ж", "ü", "石")).encode(chance.choice(_ENCODINGS), "replace")
        place = content.find(b"granite")
        if place > 0:
            content[place : place + len(text)] = text
        table.write_bytes(bytes(content))


def _place(chance: random.Random, in_degrees: bool) -> tuple[float, float]:
    wild = chance.random()
    if wild < 0.03:
        return chance.choice(((float("nan"), 0.0), (float("inf"), 1.0), (1e308, -1e308), (0.0, 0.0), (180.0, 90.0)))
    if in_degrees:
        return 93.0 + 0.008 * chance.random(), 29.82 + 0.008 * chance.random()
    return 500000 + 720 * chance.random(), 3300000 - 600 * chance.random()


def _pairs(chance: random.Random, in_degrees: bool, count: int, closed: bool = False, dimensions: int = 0) -> str:
    places = [_place(chance, in_degrees) for _ in range(count)]
    more = "".join(f" {number}" for number in range(dimensions))
    return ", ".join(f"{x:.17g} {y:.17g}{more}" for x, y in [*places, *places[:1] * closed])


def _of(form: str, count: int, closed: bool = False, dimensions: int = 0) -> Callable[[random.Random, bool], str]:
    return lambda chance, in_degrees: form.format(_pairs(chance, in_degrees, count, closed, dimensions))


def _together(form: str, *shapes: Callable[[random.Random, bool], str]) -> Callable[[random.Random, bool], str]:
    return lambda chance, in_degrees: form.format(", ".join(shape(chance, in_degrees) for shape in shapes))


def _fixed(text: str) -> Callable[[random.Random, bool], str]:
    return lambda chance, in_degrees: text


_POINT, _LINE, _POLYGON = _of("POINT ({})", 1), _of("LINESTRING ({})", 4), _of("POLYGON (({}))", 4, True)
_CIRCLE = _of("CIRCULARSTRING ({})", 3)
_CURVE_POLYGON = _together("CURVEPOLYGON ({})", _of("CIRCULARSTRING ({})", 4, True))
_SHAPES: tuple[Callable[[random.Random, bool], str], ...] = (
    *(_POINT, _LINE, _POLYGON, _POINT, _POLYGON),
    _of("MULTIPOINT ({})", 3),
    _of("POINT Z ({})", 1, False, 1),
    _of("POINT M ({})", 1, False, 1),
    _of("LINESTRING ZM ({})", 3, False, 2),
    _of("POLYGON Z (({}))", 5, True, 1),
    _of("MULTIPOLYGON ((({})))", 6, True),
    _of("MULTILINESTRING (({}))", 2),
    _of("LINESTRING ({})", 1),
    _of("POLYGON (({}))", 2, True),
    _CIRCLE,
    _CURVE_POLYGON,
    _together("COMPOUNDCURVE ({})", _CIRCLE),
    _together("MULTICURVE ({})", _CIRCLE),
    _together("MULTISURFACE ({})", _CURVE_POLYGON),
    _together("GEOMETRYCOLLECTION ({})", _POINT, _LINE, _POLYGON),
    _together("GEOMETRYCOLLECTION ({})", _together("GEOMETRYCOLLECTION ({})", _POLYGON), _CURVE_POLYGON),
    _together("GEOMETRYCOLLECTION ({})", _POINT, _fixed("POLYGON EMPTY")),
    _together(
        "MULTIPOLYGON ({})", lambda chance, degrees: "EMPTY", lambda chance, degrees: _POLYGON(chance, degrees)[8:]
    ),
    _of("TIN Z ((({})))", 3, True, 1),
    _of("POLYHEDRALSURFACE Z ((({})))", 4, True, 1),
    _of("TRIANGLE (({}))", 3, True),
    *map(
        _fixed, ("", "POINT EMPTY", "POLYGON EMPTY", "LINESTRING EMPTY", "GEOMETRYCOLLECTION EMPTY", "MULTIPOINT EMPTY")
    ),
    _fixed("POLYGON ((-180 -90, 180 -90, 180 90, -180 90, -180 -90))"),
    _fixed("POLYGON ((-2e7 -2e7, 2e7 -2e7, 2e7 2e7, -2e7 2e7, -2e7 -2e7))"),
    _fixed("LINESTRING (-180 29.8, 180 29.8)"),
)


_OF_POINTS = (_POINT, _POINT, _of("MULTIPOINT ({})", 3), _of("POINT Z ({})", 1, False, 1))
_OF_LINES = (_LINE, _LINE, _of("MULTILINESTRING (({}))", 3), _CIRCLE)
_OF_POLYGONS = (
    _POLYGON,
    _POLYGON,
    _of("POLYGON (({}))", 3, True),
    _of("MULTIPOLYGON ((({})))", 3, True),
    _CURVE_POLYGON,
)


def _blocks(read: Callable[[Any], Any]) -> None:
    for block in GRID.blocks():
        read(block)


def _points(reader: VectorReader, field: str) -> None:
    points = reader.points([field])
    assert points.xy.shape == (len(points), 2)
    assert np.isfinite(points.xy).all()
    assert len(points.fields[field]) == len(points)
    surface = StationSurface(StationPoints(points, field), GRID, "precipitation", NullProgress())
    _blocks(lambda block: _assert_finite(surface.read(block)))


def _lines(reader: VectorReader, field: str) -> None:
    lines = reader.lines()
    assert all(part.ndim == 2 and part.shape[1] == 2 for part in lines.parts)
    density = LineDensity(lines, GRID, 500.0, "rivers", NullProgress())
    _blocks(lambda block: _assert_finite(density.read(block)))


def _shapes(reader: VectorReader, fields: list[str]) -> Polygons:
    polygons = reader.polygons(fields)
    assert np.isfinite(polygons.bounds()).all()
    assert all(len(values) == len(polygons) for values in polygons.fields.values())
    return polygons


def _classes(reader: VectorReader, field: str) -> None:
    reader.require_class_field(field)
    classes = PolygonClasses(_shapes(reader, [field]), field, GRID, "lithology", None, NullProgress())
    _blocks(classes.read)
    assert all(label.strip() for label in classes.classes.values())


def _landslides(reader: VectorReader, field: str) -> None:
    landslides = reader.landslides([field])
    assert len(landslides.fields[field]) == len(landslides)
    if not len(landslides):
        return
    radii = assign_radii(landslides.column(field), len(landslides), DEFAULT_RADII, field, NullProgress())
    buffers, points, _ = landslide_buffers(GRID, landslides, np.array(radii.radius), 700.0, NullProgress())
    assert points.shape == (len(landslides), 2)
    _blocks(buffers.read)


def _climate(reader: VectorReader, field: str) -> None:
    season = RainySeason(SafetyOptions(alpha_field=field), _shapes(reader, [field]), GRID, NullProgress())
    _blocks(season.read)


def _map(kind: Callable[..., Any]) -> Callable[[VectorReader, str], None]:
    def use(reader: VectorReader, field: str) -> None:
        shapes = _shapes(reader, [field])
        if kind is SubsetMap:
            shapes.fields = {"subset": shapes.fields[field]}
            made = SubsetMap(GRID, shapes)
        else:
            made = kind(GRID, shapes, field)
        for block in GRID.blocks():
            if isinstance(made, RegionMap):
                for region in made.regions_in_block(block):
                    made.read(block, region)
            else:
                made.read(block)

    return use


def _area(reader: VectorReader, field: str) -> None:
    area = AreaMask(GRID, _shapes(reader, []))
    _blocks(area.read)


def _assert_finite(values: np.ndarray) -> None:
    assert np.isfinite(values).all()


_USES: tuple[Callable[[VectorReader, str], None], ...] = (
    *(_points, _lines, _classes, _landslides, _climate, _area),
    _map(SubsetMap),
    _map(RegionMap),
)
