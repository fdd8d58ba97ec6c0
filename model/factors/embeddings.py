"""Satellite embeddings on the study grid: many bands that describe each cell, made by a model of satellite images.

AlphaEarth Foundations (Brown et al. 2025) has 64 bands A00 to A63, unit vectors of a year on cells of 10 m. Its open
files hold them as signed bytes, of which (v / 127.5)² with the sign of v is the value, and −128 is no data. Tessera
(Feng et al. 2025) has 128 bands, whose GeoTIFFs hold floating-point numbers. Others state a scale and an offset.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.warp import transform
from scipy import sparse

from ..errors import InputCorrupt
from ..grid import Block, Grid
from ..inputs.bands import data_bands
from ..inputs.rasters import declare_nodata, north_up_transform, open_raster, raster_path, read_window
from ..inputs.undeclared_nodata import TAKEN_OUT, described_sentinels, find_undeclared_nodata
from ..progress import Progress
from ..virtual_rasters import raster_file
from .definitions import CONTINUOUS, EMBEDDINGS, FactorDefinition, FactorReader
from .settings import ALPHAEARTH, AUTO_KIND, LINEAR, STORED
from .source_rasters import check_overlap

ROLE = "embeddings"
MAX_BANDS = 256
_AXES = [f"A{number:02d}" for number in range(64)]  # names of the bands of AlphaEarth
_MASKED = -128.0  # stored by AlphaEarth where there is no data
_DIVISOR = 127.5
_YEARS = range(1972, 2101)  # from the first Landsat on
_SIDE = 640  # cells of the raster along a side that are read at once, about
_KEPT_BITS, _HALF = np.uint32(0xFFFF0000), np.uint32(0x8000)


@dataclass(frozen=True)
class EmbeddingSource:
    """A raster of embeddings that was looked at; it can be sent to another process."""

    name: str  # as ``open_raster`` takes it
    kind: str  # ``alphaearth``, ``linear`` or ``none``: how stored numbers become values
    bands: tuple[int, ...]
    titles: tuple[str, ...]  # of the bands
    integers: bool  # whether whole numbers are stored
    year: int | None = None  # of the images
    undeclared: tuple[float, ...] = ()  # stored values that stand for no data without being declared

    @property
    def definitions(self) -> tuple[FactorDefinition, ...]:
        """The bands in the stack, called by their number, such as ``embeddings_01``."""
        digits = max(2, len(str(len(self.bands))))
        return tuple(
            FactorDefinition(
                f"{EMBEDDINGS}_{number:0{digits}d}", CONTINUOUS, "", f"Satellite embeddings {title}", group=EMBEDDINGS
            )
            for number, title in enumerate(self.titles, 1)
        )


def scan_embeddings(name: str, grid: Grid, kind: str, year: int | None, progress: Progress) -> EmbeddingSource:
    """Look at a raster of embeddings: its bands, how it stores them, and of what year it is; say so.

    ``kind`` and ``year`` are what the user chose.

    Raises:
        InputMissing, InputCorrupt, CrsMissing, GridUnsupported, NoOverlap: it cannot be used.
    """
    with open_raster(name, ROLE) as dataset:
        what = f"The {ROLE} raster {raster_path(dataset)}"
        bands = data_bands(dataset)
        _require_embedding(dataset, bands, what)
        check_overlap(dataset, grid, ROLE)
        Grid.from_dataset(dataset, ROLE)
        integers = all("int" in dataset.dtypes[band - 1] for band in bands)
        used = _kind_of(dataset, bands, integers, kind, what, progress)
        undeclared: tuple[float, ...] = (_MASKED,) if used == ALPHAEARTH and integers else ()
        if not undeclared:
            found = find_undeclared_nodata(dataset, grid, progress, bands[0])
            undeclared = tuple(found)
            if found:
                progress.warn(f"{what} holds {described_sentinels(found)}. {TAKEN_OUT}")
        names = [(dataset.descriptions[band - 1] or "").strip() or f"band {band}" for band in bands]
        if year is None:
            year = find_year(raster_file(name), dataset.tags())
            if year is None:
                progress.warn(
                    f"{what} does not tell its year, neither in its name nor in its metadata. Give EMBEDDINGS_YEAR, so "
                    "that it can be compared with that of the landslides."
                )
            else:
                progress.report(0.0, f"{what} is taken to be of {year}. If it is not, give EMBEDDINGS_YEAR.")
    return EmbeddingSource(name, used, tuple(bands), tuple(names), integers, year, undeclared)


def question_of_year(year: int | None, landslides: int | None) -> str:
    """Return the question whether the images show the landslides already; empty if they do not."""
    shown = "The scars are then in the picture: the model learns to find old scars, its AUC is too good"
    remedy = "and it does not tell where new landslides will be. Take embeddings of a year before the landslides."
    if landslides is not None and year is not None:
        if year < landslides:
            return ""
        return f"The embeddings are of {year}, the landslides of {landslides} or later. {shown}, {remedy}"
    of = "of a year that is not known" if year is None else f"of {year}"
    question = "Did landslides of the inventory happen in that year or before?"
    return f"The embeddings are {of}. {question} {shown}, {remedy}"


def find_year(path: str, tags: dict[str, str]) -> int | None:
    """Return the year in the name of a file, else in its metadata, else in the names of the folders it lies in.

    A name with several years tells none.
    """
    parts = Path(path).parts
    texts = [Path(path).stem, *(tags.get(key, "") for key in ("year", "YEAR", "system:time_start", "TIFFTAG_DATETIME"))]
    texts += parts[-2:-5:-1]
    for text in texts:
        if re.fullmatch(r"\d{12,13}", text):
            text = str(datetime.fromtimestamp(int(text) / 1000, timezone.utc).year)
        found = {int(one) for one in re.findall(r"(?<!\d)(\d{4})(?!\d)", text) if int(one) in _YEARS}
        if len(found) == 1:
            return found.pop()
    return None


def _require_embedding(dataset: rasterio.DatasetReader, bands: Sequence[int], what: str) -> None:
    dtypes = {dataset.dtypes[band - 1] for band in bands}
    if any("complex" in dtype for dtype in dtypes):
        raise InputCorrupt(f"{what} holds complex numbers. Give a raster of real numbers.")
    picture = {ColorInterp.red, ColorInterp.green, ColorInterp.blue} <= set(dataset.colorinterp)
    if dtypes == {"uint8"} and (len(bands) in (3, 4) or picture):
        raise InputCorrupt(
            f"{what} has {len(bands)} bands of bytes without sign: it looks like a picture (red, green, blue), not "
            "like embeddings. Give the raster with all bands of the embedding, 64 and more of most models."
        )
    if len(bands) < 2:
        raise InputCorrupt(
            f"{what} has one band, but embeddings have many, 64 and more of most models. Give the raster with all of "
            "them; a single measured value belongs to EXTRA_CONTINUOUS."
        )
    if len(bands) > MAX_BANDS:
        raise InputCorrupt(
            f"{what} has {len(bands)} bands; Scarp takes embeddings of up to {MAX_BANDS}. Reduce them first, to their "
            "principal components for example."
        )


def _kind_of(
    dataset: rasterio.DatasetReader, bands: Sequence[int], integers: bool, given: str, what: str, progress: Progress
) -> str:
    """Return how stored numbers become values, and say it."""
    names = [(dataset.descriptions[band - 1] or "").strip().upper() for band in bands]
    scaled = any((dataset.scales[band - 1], dataset.offsets[band - 1]) != (1, 0) for band in bands)
    axes = names == _AXES
    bytes_of_64 = integers and len(bands) == len(_AXES) and not scaled and dataset.nodatavals[bands[0] - 1] == _MASKED
    kind = given
    if given == AUTO_KIND:
        kind = ALPHAEARTH if (axes and not scaled) or bytes_of_64 else LINEAR if scaled else STORED
    if kind == ALPHAEARTH and len(bands) != len(_AXES):
        progress.warn(
            f"EMBEDDINGS_KIND is {ALPHAEARTH}, but {what[0].lower()}{what[1:]} has {len(bands)} bands and not 64. If "
            "it is of another model, choose another kind; a model needs all bands."
        )
    if kind == STORED and integers:
        progress.warn(
            f"{what} holds whole numbers without a scale, which are taken as they are. If the scales are in a file of "
            "their own, as those of Tessera are, give a GeoTIFF of the values instead; for AlphaEarth choose "
            f"EMBEDDINGS_KIND={ALPHAEARTH}."
        )
    how = {
        ALPHAEARTH: "the signed bytes of AlphaEarth, whose squares are the values" if integers else "AlphaEarth",
        LINEAR: "numbers with the scale and offset of the bands",
        STORED: "the values as they are stored",
    }
    progress.report(0.0, f"{what} has {len(bands)} bands, read as {how[kind]}.")
    return kind


class EmbeddingBands(FactorReader):
    """The bands of an embedding on the study grid.

    Stored numbers become values first and are interpolated then: bilinear between the cells of a coarser raster, with a
    kernel as wide as a cell of the grid to each side on a finer one, as in GDAL's warper. All bands share the weights.
    Vectors of AlphaEarth get unit length again, as those of its own overviews do. A cell without data in any band has
    none in all of them.
    """

    def __init__(self, source: EmbeddingSource, dataset: rasterio.DatasetReader, grid: Grid) -> None:
        self._source, self._dataset, self._grid = source, dataset, grid
        own = north_up_transform(dataset)
        if own is None:
            raise InputCorrupt(f"The {ROLE} raster {raster_path(dataset)} is rotated. Warp it first.")
        self._to_cells = ~own
        self._reach = self._kernel()
        # So many cells of the grid along a side that about _SIDE of the raster are read for them.
        self._side = max(1, int((_SIDE - 2 * max(self._reach)) / max(self._reach)))

    @classmethod
    @contextlib.contextmanager
    def open(cls, source: EmbeddingSource, grid: Grid) -> Iterator[EmbeddingBands]:
        """Open a raster that was scanned; raises ``InputMissing`` or ``InputCorrupt``."""
        with open_raster(source.name, ROLE) as dataset:
            for band in source.bands:
                declare_nodata(dataset, band, source.undeclared)
            yield cls(source, dataset, grid)

    def read(self, block: Block) -> np.ndarray:
        """Return the values of a block, float32 of shape (bands, height, width), rounded to what is stored."""
        result = np.empty((len(self._source.bands), *block.shape), dtype=np.float32)
        for top in range(0, block.height, self._side):
            for left in range(0, block.width, self._side):
                height, width = min(self._side, block.height - top), min(self._side, block.width - left)
                part = Block(block.row + top, block.column + left, height, width)
                result[:, top : top + height, left : left + width] = self._read_part(part)
        return rounded(result)

    def _read_part(self, part: Block) -> np.ndarray:
        rows, columns = np.mgrid[part.row : part.row + part.height, part.column : part.column + part.width]
        across, down = self._places(rows.ravel() + 0.5, columns.ravel() + 0.5)
        count = len(self._source.bands)
        known = np.isfinite(across) & np.isfinite(down)
        empty = np.full((count, part.height, part.width), np.nan, dtype=np.float32)
        if not known.any():
            return empty
        wide, high = self._reach
        left, right = (math.floor(end) for end in (across[known].min() - wide, across[known].max() + wide + 1))
        top, bottom = (math.floor(end) for end in (down[known].min() - high, down[known].max() + high + 1))
        if left >= self._dataset.width or top >= self._dataset.height or right <= 0 or bottom <= 0:
            return empty
        shape = bottom - top, right - left
        values = self._values(Block(top, left, *shape)).reshape(count, -1)
        weights = _weights(across - left, down - top, shape, (wide, high), known)
        has_data = np.isfinite(values.sum(axis=0))
        if not has_data.all():
            values[:, ~has_data] = 0
            weights.data *= has_data[weights.indices]
        # Band by band: transposed for one product they would take longer.
        found = np.stack([weights @ plane for plane in values])
        with np.errstate(invalid="ignore", divide="ignore"):
            # In AlphaEarth the length makes up for weights whose sum is below 1 as well.
            found /= np.sqrt((found**2).sum(axis=0)) if self._source.kind == ALPHAEARTH else weights.sum(axis=1).A1
        found[:, ~np.isfinite(found.sum(axis=0))] = np.nan
        return found.reshape(count, part.height, part.width)

    def _values(self, block: Block) -> np.ndarray:
        scaled = self._source.kind == LINEAR
        where = block.row, block.column, block.height, block.width
        values = read_window(self._dataset, *where, bands=list(self._source.bands), scaled=scaled)
        if self._source.kind == ALPHAEARTH and self._source.integers:
            values /= np.float32(_DIVISOR)
            values *= np.abs(values)
        return values

    def _places(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return column and row in the raster, in cells from its top left corner, of places of the grid."""
        xs, ys = self._grid.transform * (columns, rows)  # type: ignore[operator]  # not in its annotations
        if self._grid.crs != self._dataset.crs:
            xs, ys = (np.array(one) for one in transform(self._grid.crs, self._dataset.crs, xs, ys))
        return self._to_cells * (xs, ys)

    def _kernel(self) -> tuple[float, float]:
        """Return the reach of the kernel to each side, in cells of the raster: one cell of the coarser of both grids.

        It is that in the middle of the grid, so that it does not depend on the block.
        """
        row, column = self._grid.height / 2, self._grid.width / 2
        places = np.stack(self._places(np.array([row, row, row + 1]), np.array([column, column + 1, column])))
        steps = np.abs(places[:, 1:] - places[:, :1]).max(axis=1)
        wide, high = steps.tolist() if np.isfinite(steps).all() else (1.0, 1.0)
        return max(wide, 1.0), max(high, 1.0)


def rounded(values: np.ndarray) -> np.ndarray:
    """Return float32 values rounded to eight significant bits, in place.

    That is 0.2 % of a value at most, far below the steps of signed bytes, and compresses to half the size.
    """
    bits = values.view(np.uint32)
    bits += _HALF
    bits &= _KEPT_BITS
    return values


def _weights(
    across: np.ndarray, down: np.ndarray, shape: tuple[int, int], reach: tuple[float, float], known: np.ndarray
) -> sparse.csr_matrix:
    """Return the weight of each cell of a window, (places, cells), for places in cells from its top left corner."""
    columns, of_columns = _taps(np.where(known, across, 0), shape[1], reach[0])
    rows, of_rows = _taps(np.where(known, down, 0), shape[0], reach[1])
    index = rows[:, :, None] * shape[1] + columns[:, None, :]
    weight = of_rows[:, :, None] * of_columns[:, None, :] * known[:, None, None]
    places, taps = len(across), index[0].size
    indptr = np.arange(0, places * taps + 1, taps)
    parts = weight.reshape(-1).astype(np.float32), index.reshape(-1), indptr
    return sparse.csr_matrix(parts, shape=(places, shape[0] * shape[1]))


def _taps(places: np.ndarray, cells: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells around places along one side, int64 (places, taps), and their weights; 0 outside the window."""
    first = np.floor(places - reach + 0.5).astype(np.int64)
    index = first[:, None] + np.arange(math.ceil(2 * reach))
    weight = np.maximum(1 - np.abs(index + 0.5 - places[:, None]) / reach, 0)
    weight[(index < 0) | (index >= cells)] = 0
    return np.clip(index, 0, cells - 1), weight
