"""Damaged GeoPackages and QML styles, read by QGIS as Scarp has it read them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Callable

import numpy as np
from qgis import core
from qgis.PyQt.QtCore import QVariant

from scarp.algorithms.base.layers import LINE, POINT, VectorReader
from scarp.model.errors import LayerEmpty
from scarp.model.inputs.rasters import create_raster
from scarp.model.progress import NullProgress
from scarp.tests.reliability.mutations import BYTES, LONG, TEXTS, Mutator
from scarp.tests.reliability.raster_target import GRID

STYLES = Path(__file__).resolve().parents[2] / "resources" / "styles"
KINDS = {
    "points": core.QgsWkbTypes.Type.Point,
    "lines": core.QgsWkbTypes.Type.LineString,
    "areas": core.QgsWkbTypes.Type.Polygon,
}
_application: list[core.QgsApplication] = []


def begin_qgis() -> None:
    """Start QGIS without a window, once a process."""
    if core.QgsApplication.instance() is None:
        _application.append(core.QgsApplication([], False))
        _application[0].initQgis()


class LayerTarget:
    """GeoPackages with broken bytes, broken geometries or hostile tables."""

    name = "GeoPackages"

    def __init__(self, folder: Path) -> None:
        begin_qgis()
        self._folder, self._path = folder, folder / "layer.gpkg"
        self._crs = core.QgsCoordinateReferenceSystem("EPSG:32646")
        self._context = core.QgsProcessingContext()
        self._seeds = []
        for kind in KINDS:
            self._save(kind)
            self._seeds.append(self._path.read_bytes())

    def make(self, seed: int, number: int) -> None:
        change = Mutator(seed, number)
        for leftover in self._folder.iterdir():
            leftover.unlink()
        content = change.one_of(self._seeds)
        if change.random.random() < 0.5:
            self._path.write_bytes(change.broken_bytes(content, self._seeds))
            return
        self._path.write_bytes(content)
        self._break_table(change)

    def read(self) -> None:
        layer = core.QgsVectorLayer(str(self._path), "landslides", "ogr")
        if not layer.isValid():
            # Processing refuses such a file before Scarp sees it.
            raise LayerEmpty("QGIS does not open the file.")
        source = core.QgsProcessingFeatureSource(layer, self._context)
        reader = VectorReader(source, "LANDSLIDES", str(self._path), self._crs, self._context, NullProgress())
        fields = [name for name in ("name", "size") if reader.has_field(name)]
        kind = reader.geometry_type
        if kind == POINT:
            points = reader.points(fields)
            assert points.xy.shape == (len(points), 2) and np.isfinite(points.xy).all()
            assert all(len(points.fields[name]) == len(points) for name in fields)
        elif kind == LINE:
            assert all(part.ndim == 2 and part.shape[1] == 2 for part in reader.lines().parts)
        else:
            polygons = reader.polygons(fields)
            assert np.isfinite(polygons.bounds()).all() if len(polygons) else True

    def _save(self, kind: str) -> None:
        fields = core.QgsFields()
        for field in (core.QgsField("name", QVariant.String), core.QgsField("size", QVariant.Double)):
            fields.append(field)
        options = core.QgsVectorFileWriter.SaveVectorOptions()
        options.driverName, options.layerName = "GPKG", kind
        place = str(self._path), fields, KINDS[kind], self._crs, self._context.transformContext()
        writer = core.QgsVectorFileWriter.create(*place, options)
        for number in range(6):
            feature = core.QgsFeature(fields)
            x, y = 500100.0 + 40 * number, 3299800.0
            ring = f"{x} {y}, {x + 30} {y}, {x} {y + 30}, {x} {y}"
            texts = {"points": f"Point ({x} {y})", "lines": f"LineString ({ring})", "areas": f"Polygon (({ring}))"}
            feature.setGeometry(core.QgsGeometry.fromWkt(texts[kind]))
            feature.setAttributes([f"滑坡 {number}", float(number)])
            writer.addFeature(feature)
        del writer

    def _break_table(self, change: Mutator) -> None:
        """Change geometries or attributes, or what the file says of its tables."""
        base = sqlite3.connect(self._path)
        base.enable_load_extension(False)
        # The file's own triggers ask for functions that only GDAL has.
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{trigger}"')
        table = base.execute("SELECT table_name FROM gpkg_contents").fetchone()[0]
        action = change.random.randrange(5)
        number = change.random.randrange(1, 7)
        if action <= 1:
            shape = base.execute(f"SELECT geom FROM {table} WHERE fid = ?", (number,)).fetchone()[0]
            if action:
                # Numbers of the coordinates, which broken bytes seldom meet.
                place = len(shape) - 8 * change.random.randrange(1, 5)
                number8 = np.array(change.one_of((np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 5e-324)))
                shape = shape[:place] + number8.tobytes() + shape[place + 8 :]
            else:
                shape = change.broken_bytes(shape)
            base.execute(f"UPDATE {table} SET geom = ? WHERE fid = ?", (shape, number))
        elif action == 2:
            base.execute(f"UPDATE {table} SET name = ?, size = ?", (change.one_of(TEXTS), change.one_of(TEXTS)))
        elif action == 3:
            column = change.one_of(("srs_id", "geometry_type_name", "column_name", "z", "m"))
            base.execute(f"UPDATE gpkg_geometry_columns SET {column} = ?", (change.one_of((*TEXTS, 0, -1, 2**40)),))
        else:
            column = change.one_of(("definition", "organization_coordsys_id", "srs_name"))
            base.execute(f"UPDATE gpkg_spatial_ref_sys SET {column} = ?", (change.one_of((*TEXTS, LONG, 0, -1)),))
        base.commit()
        base.close()


class StyleTarget:
    """QML with broken bytes or XML that grows, loaded onto a layer as QGIS does with one that lies beside a file."""

    name = "QML styles"

    def __init__(self, folder: Path) -> None:
        begin_qgis()
        self._folder = folder
        self._seeds = [path.read_bytes() for path in sorted(STYLES.glob("*.qml"))]
        with create_raster(folder / "map.tif", GRID, "float32", np.nan, overviews=None) as dataset:
            dataset.write(np.zeros((1, GRID.height, GRID.width), dtype=np.float32))
        self._style = folder / "map.qml"
        self._layers: list[Callable[[], object]] = [
            lambda: core.QgsRasterLayer(str(folder / "map.tif"), "map"),
            lambda: core.QgsVectorLayer("Point?crs=EPSG:32646&field=size:double", "points", "memory"),
        ]
        self._layer = self._layers[0]

    def make(self, seed: int, number: int) -> None:
        change = Mutator(seed, number)
        content = change.one_of(self._seeds)
        if change.random.random() < 0.1:
            content = _growing(content, change)
        else:
            content = change.broken_bytes(content, self._seeds)
            if change.random.random() < 0.5:
                place = content.find(b'="', change.random.randrange(len(content) + 1)) + 2
                value = change.one_of((*TEXTS, *map(str, BYTES))).encode("utf-8", "replace")
                content = content[:place] + value + content[place:]
        self._style.write_bytes(content)
        self._layer = change.one_of(self._layers)

    def read(self) -> None:
        message, sound = self._layer().loadNamedStyle(str(self._style))
        if not sound:
            raise LayerEmpty(message)


def _growing(content: bytes, change: Mutator) -> bytes:
    """Return XML whose entities name each other ten times over, or a file."""
    if change.random.random() < 0.5:
        entities = '<!ENTITY a SYSTEM "file:///etc/passwd">'
    else:
        levels = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 12))
        entities = f'<!ENTITY a0 "scarp">{levels}<!ENTITY a "&a11;">'
    text = content.decode("utf-8")
    return f"<!DOCTYPE qgis [{entities}]>{text[text.index('<qgis') :].replace('>', '>&a;', 3)}".encode()
