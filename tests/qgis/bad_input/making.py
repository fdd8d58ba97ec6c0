"""Ways to make bad files, and good ones of unusual form."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import numpy as np
import rasterio
from qgis.core import QgsFeature, QgsGeometry, QgsPointXY, QgsVectorLayer
from rasterio.transform import from_origin

from scarp.tests.qgis.bad_input.case import Workplace
from scarp.tests.qgis.tiny import CELL, CRS, LEFT, SIZE, TOP, memory_layer

RIGHT, BOTTOM = LEFT + SIZE * CELL, TOP - SIZE * CELL
WHOLE = f"Polygon (({LEFT} {TOP}, {RIGHT} {TOP}, {RIGHT} {BOTTOM}, {LEFT} {BOTTOM}, {LEFT} {TOP}))"
"""The study area as WKT."""
ELSEWHERE = f"Point ({LEFT - 90000} {TOP})"


def heights(rows: int = 40, columns: int = 40) -> np.ndarray:
    """Return a small mountain."""
    y, x = np.mgrid[:rows, :columns]
    return (500 + 90 * np.sin(x / 5) * np.cos(y / 7) + 3 * y).astype("float32")


def raster(
    path: Path,
    values: np.ndarray,
    crs: str | None = CRS,
    cell: float = CELL,
    left: float = LEFT,
    top: float = TOP,
    nodata: float | None = -9999,
    dtype: str = "float32",
    names: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    transform: Any = None,
    **options: Any,
) -> Path:
    """Write a GeoTIFF of one band, or of several from values of shape (bands, rows, columns)."""
    bands = values if values.ndim == 3 else values[None]
    place = transform if transform is not None else from_origin(left, top, cell, cell)
    profile = {"driver": "GTiff", "dtype": dtype, "crs": crs, "nodata": nodata, "transform": place, **options}
    with rasterio.open(path, "w", count=len(bands), height=bands.shape[1], width=bands.shape[2], **profile) as target:
        target.write(bands.astype(dtype))
        for number, name in enumerate(names, 1):
            target.set_band_description(number, name)
        target.update_tags(**(tags or {}))
    return path


def changed(source: Path, path: Path, change: Callable[[np.ndarray], Any], **profile: Any) -> Path:
    """Copy a raster with its names and tags, its cells changed in place or by what ``change`` returns."""
    with rasterio.open(source) as dataset:
        values = dataset.read()
        result = change(values)
        values = values if result is None else result
        kept = {**dataset.profile, **profile, "height": values.shape[1], "width": values.shape[2]}
        with rasterio.open(path, "w", **kept) as target:
            target.write(values)
            target.update_tags(**dataset.tags())
            for band in dataset.indexes:
                target.set_band_description(band, dataset.descriptions[band - 1] or "")
                target.update_tags(band, **dataset.tags(band))
    return path


def moved(source: Path, path: Path, columns: float = 0.0, factor: float = 1.0, **profile: Any) -> Path:
    """Copy a raster onto a grid that lies ``columns`` cells farther east, with cells ``factor`` times as large."""
    with rasterio.open(source) as dataset:
        t = dataset.transform
    place = rasterio.Affine(t.a * factor, t.b, t.c + columns * t.a, t.d, t.e * factor, t.f)
    return changed(source, path, lambda values: None, **{"transform": place, **profile})


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path, words: str = "This is a text, whatever its name says.") -> Path:
    path.write_text(words, encoding="utf-8")
    return path


def truncated(source: Path, path: Path, share: float = 0.5) -> Path:
    """Copy the first part of a file, as a download that broke off leaves it."""
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def corrupt(source: Path, path: Path, first: float = 0.3, last: float = 0.9) -> Path:
    """Copy a file with noise over a part of it, as a bad disk leaves it."""
    content = bytearray(source.read_bytes())
    start, stop = int(len(content) * first), int(len(content) * last)
    content[start:stop] = np.random.default_rng(5).bytes(stop - start)
    path.write_bytes(bytes(content))
    return path


def copied(source: Path, path: Path) -> Path:
    shutil.copy(source, path)
    return path


def places(at: Workplace) -> list[tuple[float, float]]:
    """Return where the landslides of the study area are."""
    layer = QgsVectorLayer(str(at.area / "landslides.gpkg"), "landslides", "ogr")
    return [(feature.geometry().asPoint().x(), feature.geometry().asPoint().y()) for feature in layer.getFeatures()]


def points(
    xy: Sequence[tuple[float, float]],
    fields: str = "",
    rows: Sequence[Sequence[Any]] | None = None,
    crs: str = CRS,
    name: str = "slides",
) -> QgsVectorLayer:
    """Return a memory layer of points."""
    layer = memory_layer("Point", fields, [], crs, name)
    features = []
    for number, (x, y) in enumerate(xy):
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(x, y)))
        feature.setAttributes(list(rows[number]) if rows is not None else [])
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    return layer


@functools.lru_cache(maxsize=1)
def many_points() -> QgsVectorLayer:
    """Return 100,000 points all over the study area; made once, since that takes a while."""
    rng = np.random.default_rng(2)
    return points(rng.uniform((LEFT, BOTTOM), (RIGHT, TOP), (100_000, 2)).tolist())
