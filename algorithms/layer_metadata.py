"""What a map says of itself, put where QGIS shows it: the abstract in the layer's properties and on its tooltip."""

from __future__ import annotations

from osgeo import gdal
from qgis.core import QgsMapLayer, QgsRasterLayer

from ..model.provenance.trust import MEANING_TAG, read_warnings
from ..translation import tr


def describe(layer: QgsMapLayer) -> None:
    """Fill the abstract of a raster layer with what its values are and what may mislead in them.

    Does nothing for layers that do not say so.

    Args:
        layer: as QGIS loaded it; called in the main thread.
    """
    if not isinstance(layer, QgsRasterLayer) or layer.providerType() != "gdal":
        return
    dataset = gdal.OpenEx(layer.source().split("|")[0], gdal.OF_RASTER | gdal.OF_READONLY)
    tags = {} if dataset is None else dataset.GetMetadata() or {}
    warnings = read_warnings(tags)
    lines = [tr("Values: {meaning}.").format(meaning=tags[MEANING_TAG])] if tags.get(MEANING_TAG) else []
    if warnings:
        lines += [tr("Warnings when it was made:"), *(f"- {text}" for text in warnings)]
    if lines:
        metadata = layer.metadata()
        metadata.setAbstract("\n".join(lines))
        layer.setMetadata(metadata)
