"""Whether all of a GeoTIFF reached the disk."""

from __future__ import annotations

import os

import rasterio


def is_whole(path: str | os.PathLike) -> bool:
    """Return whether every block of a tiled GeoTIFF, overviews among them, was written and lies inside the file.

    What GDAL keeps back until a file is closed is written when nobody listens any more: on a full disk the TIFF
    library then only prints a line to the console, and the file is closed as if all were well. Looking up where the
    blocks lie takes some microseconds each; nothing is read.

    Args:
        path: a GeoTIFF in which no block is left out on purpose.

    Raises:
        RasterioError: not even its head is whole.
    """
    size = os.path.getsize(path)
    with rasterio.open(path) as dataset:
        for band in dataset.indexes:
            tall, wide = dataset.block_shapes[band - 1]
            levels = [(None, 1), *enumerate(dataset.overviews(band))]
            for level, factor in levels:
                rows, columns = -(-dataset.height // factor), -(-dataset.width // factor)
                for y in range(-(-rows // tall)):
                    for x in range(-(-columns // wide)):
                        if not _block_is_there(dataset, band, level, f"{x}_{y}", size):
                            return False
    return True


def _block_is_there(dataset: rasterio.DatasetReader, band: int, level: int | None, block: str, size: int) -> bool:
    """Whether a block begins and ends inside the file; GDAL knows no place of a block that was never written."""
    first = dataset.get_tag_item(f"BLOCK_OFFSET_{block}", "TIFF", bidx=band, ovr=level)
    length = dataset.get_tag_item(f"BLOCK_SIZE_{block}", "TIFF", bidx=band, ovr=level)
    return bool(first and length) and 0 < int(length) and int(first) + int(length) <= size
