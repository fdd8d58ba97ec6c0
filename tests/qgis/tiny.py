"""Tiny inputs for the tests of the QGIS shell, and a feedback that listens and cancels."""

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

TRAINING = {
    "WINDOW": 600,
    "BLOCK": 900,
    "EPOCHS": 3,
    "PATIENCE": 0,
    "WIDTH": 4,
    "DEPTH": 1,
    "BATCH": 8,
    "SEED": 1,
    "PRECISION": "fp32",
}
"""A training that is over in seconds, in arithmetic that every processor has."""
RADII = "large,150,small,90,unrecorded,90"


class Listener(QgsProcessingFeedback):
    """Keeps what an algorithm says; cancels itself after a number of reports when told to."""

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
    return {
        "DEM": area / "dem.tif",
        "RIVERS": area / "rivers.gpkg",
        "PRECIPITATION": area / "precipitation.tif",
        "TEMPERATURE": area / "temperature.tif",
        "FAULTS": area / "faults.gpkg",
        "FAULT_RADIUS": 1500,
        "LANDFORM": area / "landform.gpkg",
        "LANDFORM_FIELD": "landform",
        "LITHOLOGY": area / "lithology.gpkg",
        "LITHOLOGY_FIELD": "rock",
        "SEISMIC": area / "seismic.gpkg",
        "SEISMIC_FIELD": "zone",
    }


def write_raster(
    path: Path, values: np.ndarray, cell: float = CELL, crs: str | None = CRS, left: float = LEFT, top: float = TOP
) -> Path:
    """Write a single-band GeoTIFF."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=values.shape[1],
        height=values.shape[0],
        count=1,
        dtype="float32",
        crs=crs,
        nodata=-9999,
        transform=rasterio.transform.from_origin(left, top, cell, cell),
    ) as target:
        target.write(values.astype("float32"), 1)
    return path


def memory_layer(
    geometry: str, fields: str, rows: list[tuple[str, list[Any]]], crs: str = CRS, name: str = "layer"
) -> QgsVectorLayer:
    """Return a memory layer from WKT and attributes."""
    definition = "".join(f"&field={field}" for field in fields.split(",") if field)
    layer = QgsVectorLayer(
        f"{geometry}?crs={crs}{definition}" if crs else f"{geometry}?{definition[1:]}", name, "memory"
    )
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
    error = QgsVectorFileWriter.writeAsVectorFormatV3(
        layer, str(path), QgsProject.instance().transformContext(), options
    )
    assert error[0] == QgsVectorFileWriter.WriterError.NoError, error
    return path
