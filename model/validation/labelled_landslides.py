"""The landslides of a label raster as points, where there is no inventory at hand."""

from __future__ import annotations

import os

import numpy as np
import rasterio

from ..grid import Grid
from ..inputs.rasters import raster_path
from ..inputs.vectors import Points
from ..labels.discs import read_discs
from ..progress import Progress
from ..windows.ownership import cells_of_no_disc, touching_patches


def landslides_of_labels(labels: rasterio.DatasetReader, grid: Grid, progress: Progress) -> Points:
    """Return one point for each landslide of a label raster: that of each disc that its metadata name, and of each
    patch of other touching landslide cells the cell nearest to their centre.
    """
    discs = read_discs(labels, grid)
    rows, columns = np.empty(0), np.empty(0)
    if discs is not None and len(discs):
        rows, columns = discs.row, discs.column
    cells = cells_of_no_disc(labels, grid, discs, progress)
    if len(cells):
        count, patch = touching_patches(cells, grid)
        row, column = cells // grid.width + 0.5, cells % grid.width + 0.5
        number = np.bincount(patch, minlength=count)
        off = sum((part - (np.bincount(patch, part) / number)[patch]) ** 2 for part in (row, column))
        # The first cell of each patch in the order of patch and distance.
        order = np.lexsort((off, patch))
        nearest = order[np.unique(patch[order], return_index=True)[1]]
        rows, columns = np.concatenate([rows, row[nearest]]), np.concatenate([columns, column[nearest]])
    t = grid.transform
    xy = np.stack([t.c + t.a * columns, t.f + t.e * rows], axis=1)
    return Points(os.path.basename(raster_path(labels)), xy=xy)
