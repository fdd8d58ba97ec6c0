"""Tiny inputs for the tests of the QGIS shell, and a feedback that keeps what it receives and cancels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

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


def stack_inputs(area: Path) -> dict[str, Any]:
    """Return the inputs of a stack with all ten factors."""
    rasters = {name: area / f"{name.lower()}.tif" for name in ("DEM", "PRECIPITATION", "TEMPERATURE")}
    vectors = ("RIVERS", "FAULTS", "LANDFORM", "LITHOLOGY", "SEISMIC")
    fields = {"LANDFORM_FIELD": "landform", "LITHOLOGY_FIELD": "rock", "SEISMIC_FIELD": "zone"}
    return {**rasters, **{name: area / f"{name.lower()}.gpkg" for name in vectors}, **fields, "FAULT_RADIUS": 1500}


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


def write_layer(path: Path, geometry: str, fields: str, rows: list[tuple[str, list[Any]]], crs: str = CRS) -> Path:
    """Write a GeoPackage from WKT and attributes."""
    layer = memory_layer(geometry, fields, rows, crs, path.stem)
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.layerName = path.stem
    transforms = QgsProject.instance().transformContext()
    error = QgsVectorFileWriter.writeAsVectorFormatV3(layer, str(path), transforms, options)
    assert error[0] == QgsVectorFileWriter.WriterError.NoError, error
    return path
