"""The tiny study area of the tests, layers of few features, and a feedback that keeps what it receives and cancels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

from scarp.tests.core.rain_study import RainStudy, make_study

CRS = "EPSG:32643"
SIZE = 120
CELL = 30.0
LEFT, TOP = 300000.0, 3850000.0

NETWORK = {"WINDOW": 600, "BLOCK": 900, "WIDTH": 4, "DEPTH": 1, "SEED": 1, "PRECISION": "fp32"}
TRAINING = {**NETWORK, "EPOCHS": 3, "PATIENCE": 0, "BATCH": 8}
"""A training that takes seconds, with a precision that every processor has."""
RADII = "large,150,small,90,unrecorded,90"


class Listener(QgsProcessingFeedback):
    """Keeps log lines and warnings; cancels after a number of reports."""

    def __init__(self, cancel_after: int | None = None) -> None:
        super().__init__(False)
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self._cancel_after = cancel_after
        self._reports = 0
        self.progressChanged.connect(self._count)

    def pushInfo(self, info: str) -> None:
        self.lines.append(info)
        self._count()

    def pushWarning(self, warning: str) -> None:
        self.warnings.append(warning)

    def _count(self, *_: Any) -> None:
        self._reports += 1
        if self._cancel_after is not None and self._reports >= self._cancel_after:
            self.cancel()


def new_context() -> QgsProcessingContext:
    """Return a context of the project that is open."""
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    return context


def stack_inputs(area: Path) -> dict[str, Any]:
    """Return the inputs of a stack with all ten factors."""
    rasters = {name: area / f"{name.lower()}.tif" for name in ("DEM", "PRECIPITATION", "TEMPERATURE")}
    vectors = ("RIVERS", "FAULTS", "LANDFORM", "LITHOLOGY", "SEISMIC")
    fields = {"LANDFORM_FIELD": "landform", "LITHOLOGY_FIELD": "rock", "SEISMIC_FIELD": "zone"}
    return {**rasters, **{name: area / f"{name.lower()}.gpkg" for name in vectors}, **fields, "FAULT_RADIUS": 1500}


def daily_rain(area: Path) -> dict[str, Any]:
    """Return dated landslides, daily rain and its gauges."""
    layers = {"LANDSLIDES": area / "dated.gpkg", "RAIN_TABLE": area / "rain.csv", "RAIN_STATIONS": area / "gauges.gpkg"}
    return {**layers, "DATE_FIELD": "day", "STATION_FIELD": "name"}


def write_raster(
    path: Path, values: np.ndarray, cell: float = CELL, crs: str | None = CRS, left: float = LEFT, top: float = TOP
) -> Path:
    """Write a single-band GeoTIFF."""
    height, width = values.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": crs, "nodata": -9999}
    transform = rasterio.transform.from_origin(left, top, cell, cell)
    with rasterio.open(path, "w", width=width, height=height, transform=transform, **profile) as target:
        target.write(values.astype("float32"), 1)
    return path


def cell_point(row: int, column: int) -> str:
    """Return the middle of a cell of the area as WKT."""
    return f"Point ({LEFT + CELL * (column + 0.5)} {TOP - CELL * (row + 0.5)})"


def box(left: float, top: float, right: float, bottom: float) -> str:
    """Return a rectangle as WKT."""
    return f"Polygon (({left} {top}, {right} {top}, {right} {bottom}, {left} {bottom}, {left} {top}))"


def memory_layer(
    geometry: str, fields: str, rows: list[tuple[str, list[Any]]], crs: str = CRS, name: str = "layer"
) -> QgsVectorLayer:
    """Return a memory layer from WKT and attributes."""
    parts = [*([f"crs={crs}"] if crs else []), *(f"field={field}" for field in fields.split(",") if field)]
    layer = QgsVectorLayer(f"{geometry}?{'&'.join(parts)}", name, "memory")
    if not crs:
        layer.setCrs(QgsCoordinateReferenceSystem())
    features = []
    for shape, values in rows:
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromWkt(shape) if shape else QgsGeometry())
        feature.setAttributes(values)
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    return layer


@contextlib.contextmanager
def in_project(layer: Any) -> Iterator[Any]:
    """Keep a layer in the project for a while."""
    assert layer.isValid()
    QgsProject.instance().addMapLayer(layer, False)
    yield layer
    QgsProject.instance().removeMapLayer(layer)


def in_crs(wkt: str, crs: str) -> str:
    """Return a geometry of the area's CRS in another one."""
    geometry, both = QgsGeometry.fromWkt(wkt), map(QgsCoordinateReferenceSystem, (CRS, crs))
    geometry.transform(QgsCoordinateTransform(*both, QgsProject.instance()))
    return geometry.asWkt(12)


def write_layer(path: Path, geometry: str, fields: str, rows: list[tuple[str, list[Any]]], crs: str = CRS) -> Path:
    """Write a GeoPackage from WKT and attributes."""
    layer = memory_layer(geometry, fields, rows, crs, path.stem)
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.layerName = path.stem
    transforms = QgsProject.instance().transformContext()
    error = QgsVectorFileWriter.writeAsVectorFormatV3(layer, str(path), transforms, options)
    assert error[0] == QgsVectorFileWriter.WriterError.NoError, error
    return path


def make_area(folder: Path) -> None:
    """Write the inputs of a tiny study area: valleys, and landslides on the steeper slopes."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    waves = 250 * np.sin(columns / 9) * np.cos(rows / 14) + 120 * np.sin(rows / 5 + columns / 23)
    heights = (800 + waves + 2 * rows).astype("float32")
    write_raster(folder / "dem.tif", heights)
    write_raster(folder / "precipitation.tif", 600 + 300 * rows[:12, :12] / 12 + 100 * columns[:12, :12] / 12, cell=300)
    write_raster(folder / "temperature.tif", 12 - rows[:12, :12] / 3.0, cell=300)
    write_raster(folder / "landcover.tif", (1 + (columns // 30) % 3).astype("float32"))
    slope = np.hypot(*np.gradient(heights, CELL))
    steep = np.argwhere(slope > np.quantile(slope, 0.8))
    steep = steep[np.random.default_rng(3).permutation(len(steep))[:90]]
    sizes = ["large", "small", None]
    slides = [(cell_point(*cell), [sizes[at % 3], "text", 2000 + at]) for at, cell in enumerate(steep)]
    write_layer(folder / "landslides.gpkg", "Point", "scale:string,note:string,year:integer", slides)
    right, bottom = LEFT + SIZE * CELL, TOP - SIZE * CELL
    middle = (LEFT + right) / 2
    halves = [box(LEFT, TOP, middle, bottom), box(middle, TOP, right, bottom)]
    for name, fields, values in (
        ("lithology", "rock:string", (["granite"], ["schist"])),
        ("regions", "region:string", (["west"], ["east"])),
        ("landform", "landform:string", (["mountain"], ["valley"])),
        ("seismic", "zone:string", (["VII"], ["VIII"])),
        ("climate", "alpha:string,beta:double,days:integer", (["0.8", 2.5, 100], ["0.9", 2.0, 80])),
    ):
        write_layer(folder / f"{name}.gpkg", "Polygon", fields, list(zip(halves, values)))
    rivers = [
        (f"LineString ({LEFT + 500 * number} {TOP}, {LEFT + 400 * number + 300} {bottom})", [f"r{number}"])
        for number in range(1, 6)
    ]
    write_layer(folder / "rivers.gpkg", "LineString", "name:string", rivers)
    fault = f"LineString ({LEFT} {TOP - 1000}, {right} {TOP - 2500})"
    write_layer(folder / "faults.gpkg", "LineString", "", [(fault, [])])
    write_daily_rain(folder)


def write_daily_rain(folder: Path, study: RainStudy | None = None) -> None:
    """Write daily rain of two gauges as ``rain.csv``, the gauges, and dated landslides near each of them."""
    study = study or make_study(years=6, gauges=2, seed=5)
    names = [f"G{gauge}" for gauge in range(len(study.rain))]
    lines = [",".join(["date", *names])]
    lines += [f"{day},{','.join(f'{value:.2f}' for value in rain)}" for day, rain in zip(study.days, study.rain.T)]
    (folder / "rain.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    places = [cell_point(SIZE // 2, column) for column in (SIZE // 4, 3 * SIZE // 4)]
    write_layer(folder / "gauges.gpkg", "Point", "name:string", list(zip(places, [[name] for name in names])))
    rng = np.random.default_rng(6)
    rows, halves = rng.integers(0, SIZE, len(study.day)), rng.integers(2, SIZE // 2 - 2, len(study.day))
    columns = study.gauge * (SIZE // 2) + halves
    days = study.days[study.day]
    slides = [(cell_point(row, column), [str(day)]) for row, column, day in zip(rows, columns, days)]
    write_layer(folder / "dated.gpkg", "Point", "day:string", slides)
