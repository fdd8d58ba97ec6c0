"""The coordinate reference system of the study grid, as QGIS knows it."""

from __future__ import annotations

import math

from qgis.core import QgsCoordinateReferenceSystem

from ..model.errors import CrsMissing
from ..translation import tr


def grid_crs(wkt: str, path: str, role: str) -> QgsCoordinateReferenceSystem:
    """Return the CRS of the study grid, as the core read it from the raster.

    Args:
        wkt: the CRS in the words of the core.
        path: of the raster, for the message.
        role: what the raster is in this run.

    Raises:
        CrsMissing: QGIS does not know it.
    """
    crs = _own_crs(wkt)
    if not crs.isValid():
        raise CrsMissing(tr("QGIS does not know the coordinate reference system of the raster {path} ({role}). "
                            "Reproject it with Raster > Projections > Warp (reproject).").format(path=path, role=role))
    return crs


def _own_crs(wkt: str) -> QgsCoordinateReferenceSystem:
    """Return a CRS that no other thread can take away.

    QGIS hands the same object to all who ask for the same text. It belongs to the thread that asked first, and when
    that thread ends the object goes on calling itself valid, but has no content any more: layers are then written
    without a CRS (seen on QGIS 3.22 in a window, where the threads of earlier runs end after 30 s).
    """
    crs = QgsCoordinateReferenceSystem.fromWkt(wkt)
    if crs.isValid() and not crs.toWkt():
        QgsCoordinateReferenceSystem.invalidateCache()
        crs = QgsCoordinateReferenceSystem.fromWkt(wkt)
    # Setting the epoch, here to none as it was, makes a copy that belongs to this thread.
    crs.setCoordinateEpoch(math.nan)
    return crs
