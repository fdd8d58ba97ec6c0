"""The square on which the demo is computed: the study area and a margin, so that its border is no cliff or divide.

Also what is done with fields, lines and classes on that square.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from affine import Affine
from rasterio import features
from rasterio.crs import CRS
from scipy import fft, ndimage

from ..grid import Grid
from ..inputs.vectors import Polygons

CRS_CODE = "EPSG:32646"
"""UTM zone 46 N. The place is invented; the zone is that of south-east Tibet, where the paper's study area lies."""
ORIGIN = (600_000.0, 3_300_000.0)  # map coordinates of the upper left corner of the study area
CELL = 30.0  # metres, as in the paper
BASE_SIDE = 512  # smooth fields are made on at most this many cells a side and interpolated from there
NO_LINE = 1e6  # distance in metres where there is no line


class DemoFrame:
    """A study area of ``size`` × ``size`` cells with ``pad`` cells more on every side.

    Positions inside the frame are metres from its upper left corner, x east and y south.
    """

    def __init__(self, size: int) -> None:
        self.size, self.pad = size, int(np.clip(size // 8, 16, 96))
        self.side = size + 2 * self.pad  # cells a side, margin included
        self.extent = self.side * CELL  # the same in metres
        self.area_km2 = (size * CELL / 1000) ** 2  # of the study area
        self.base_side = min(self.side, BASE_SIDE)  # cells a side of the base grid, on which smooth fields are made
        transform = Affine(CELL, 0, ORIGIN[0], 0, -CELL, ORIGIN[1])
        self.grid = Grid(CRS.from_string(CRS_CODE), transform, size, size)  # of the study area

    def crop(self, field: np.ndarray) -> np.ndarray:
        """Return the study area's part of an array of the frame's full resolution."""
        return field[self.pad : self.pad + self.size, self.pad : self.pad + self.size]

    def border(self) -> np.ndarray:
        """Return the outermost cells of the frame at full resolution, bool."""
        border = np.zeros((self.side, self.side), dtype=bool)
        border[[0, -1], :] = border[:, [0, -1]] = True
        return border

    def classes(self, classes: np.ndarray) -> np.ndarray:
        """Take classes from the base grid to the study area, by the nearest cell."""
        return self.crop(resample_nearest(classes, self.side))

    def refine(self, field: np.ndarray) -> np.ndarray:
        """Interpolate a field from the base grid to the study area."""
        return self.crop(resample(field, self.side))

    def noise(
        self, rng: np.random.Generator, longest: float, shortest: float = 0.0, exponent: float = 2.0, side: int = 0
    ) -> np.ndarray:
        """Return random hills (see :func:`fractal`) on ``side`` × ``side`` cells, by default those of the base grid."""
        return fractal(rng, side or self.base_side, self.extent, longest, shortest, exponent)

    def to_map(self, xy: np.ndarray) -> np.ndarray:
        """Turn positions in the frame, shape (points, 2), into map coordinates."""
        margin = self.pad * CELL
        return np.column_stack([ORIGIN[0] + xy[:, 0] - margin, ORIGIN[1] - xy[:, 1] + margin])


def fractal(
    rng: np.random.Generator, side: int, extent: float, longest: float, shortest: float = 0.0, exponent: float = 2.0
) -> np.ndarray:
    """Return smooth random hills: noise whose amplitude falls with a power of the wave number (larger is smoother).

    The square has ``side`` cells and ``extent`` metres a side; the shortest wavelength is two cells by default.
    The result is float32, of mean 0 and standard deviation 1.
    """
    spectrum = fft.rfft2(rng.standard_normal((side, side), dtype=np.float32))
    down, across = fft.fftfreq(side, extent / side), fft.rfftfreq(side, extent / side)
    wave = np.hypot(down[:, None], across[None, :]).astype(np.float32)
    wave[0, 0] = np.inf
    lowest = 1.0 / min(longest, extent)
    gain = np.maximum(wave, lowest) ** -exponent * (wave >= 0.7 * lowest)
    if shortest:
        gain *= np.exp(-((wave * shortest) ** 2))
    field = fft.irfft2(spectrum * gain.astype(np.float32), s=(side, side)).astype(np.float32)
    return (field - field.mean()) / max(float(field.std()), 1e-12)


def resample(field: np.ndarray, side: int) -> np.ndarray:
    """Interpolate a square field linearly onto ``side`` × ``side`` cells of the same square, as float32."""
    if field.shape[0] == side:
        return field.astype(np.float32)
    return ndimage.zoom(field.astype(np.float32), side / field.shape[0], order=1, mode="nearest", grid_mode=True)


def resample_nearest(values: np.ndarray, side: int) -> np.ndarray:
    """Take a square array over to ``side`` × ``side`` cells of the same square, by the nearest cell."""
    pick = ((np.arange(side) + 0.5) * values.shape[0] / side).astype(np.int64)
    return values[pick[:, None], pick[None, :]]


def neighbours(shape: tuple[int, ...], down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the part of an array with a neighbour ``down`` and ``right`` of each cell, and the part of these."""
    rows, columns = shape
    here = slice(max(-down, 0), rows - max(down, 0)), slice(max(-right, 0), columns - max(right, 0))
    there = slice(max(down, 0), rows + min(down, 0)), slice(max(right, 0), columns + min(right, 0))
    return here, there


def smooth_borders(classes: np.ndarray, width: float, side: int = 0) -> np.ndarray:
    """Smooth the borders between classes over ``width`` cells, and take them to ``side`` × ``side`` cells if given."""
    side = side or classes.shape[0]
    best, result = np.full((side, side), -1.0, dtype=np.float32), np.zeros((side, side), dtype=np.uint8)
    for value in np.unique(classes):
        weight = resample(ndimage.gaussian_filter((classes == value).astype(np.float32), width), side)
        better = weight > best
        best[better], result[better] = weight[better], value
    return result


def smooth_classes(classes: np.ndarray, width: float, least: int) -> np.ndarray:
    """Smooth the borders between classes and dissolve patches of fewer than ``least`` cells."""
    return features.sieve(smooth_borders(classes, width), size=least, connectivity=4)


def distance_to(lines: list[np.ndarray], frame: DemoFrame, side: int) -> np.ndarray:
    """Return the distance in metres from each cell of a ``side`` × ``side`` frame to the nearest line, float32."""
    shapes = [{"type": "LineString", "coordinates": line.tolist()} for line in lines if len(line) > 1]
    if not shapes:
        return np.full((side, side), NO_LINE, dtype=np.float32)
    cell = frame.extent / side
    marks = features.rasterize(
        shapes, out_shape=(side, side), transform=Affine.scale(cell), all_touched=True, dtype="uint8"
    )
    if not marks.any():
        return np.full((side, side), NO_LINE, dtype=np.float32)
    return ndimage.distance_transform_edt(marks == 0, sampling=cell).astype(np.float32)


def clip_lines(lines: list[np.ndarray], bounds: tuple[float, float, float, float]) -> list[np.ndarray]:
    """Cut lines, arrays (vertices, 2), at left, bottom, right, top; return the pieces inside, with new ends there."""
    low, high = np.array(bounds[:2]), np.array(bounds[2:])
    pieces: list[np.ndarray] = []
    for line in lines:
        start, step = line[:-1], np.diff(line, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            one, other = (low - start) / step, (high - start) / step
        still = step == 0
        within = (start >= low) & (start <= high)
        near = np.where(still, np.where(within, -np.inf, np.inf), np.minimum(one, other)).max(axis=1)
        far = np.where(still, np.where(within, np.inf, -np.inf), np.maximum(one, other)).min(axis=1)
        first, last = np.maximum(near, 0), np.minimum(far, 1)
        kept = last > first
        for run in np.split(np.arange(len(step)), np.flatnonzero(np.diff(kept.astype(int))) + 1):
            if run.size and kept[run[0]]:
                ends = start[run] + last[run][:, None] * step[run]
                begin = start[run[0]] + first[run[0]] * step[run[0]]
                pieces.append(np.vstack([begin, ends]))
    return pieces


def class_polygons(
    classes: np.ndarray, frame: DemoFrame, name: str, fields: Mapping[str, Sequence[Any]], merge: bool = False
) -> Polygons:
    """Outline the classes of the study area as polygons in map coordinates, without gaps or overlaps.

    Patches that touch only at a corner are separate, so every outline is simple. ``fields`` gives for each field its
    value by class index; ``merge`` makes one feature per class instead of one per connected patch.
    """
    outlines = features.shapes(classes.astype(np.uint8), connectivity=4, transform=frame.grid.transform)
    found: list[tuple[int, dict[str, Any]]] = [(int(value), shape) for shape, value in outlines]
    if merge:
        values = sorted({value for value, _ in found})
        found = [(value, _multipolygon([shape for other, shape in found if other == value])) for value in values]
    columns = {key: [values[index] for index, _ in found] for key, values in fields.items()}
    return Polygons(name, fields=columns, geometries=[shape for _, shape in found])


def _multipolygon(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    if len(shapes) == 1:
        return shapes[0]
    return {"type": "MultiPolygon", "coordinates": [shape["coordinates"] for shape in shapes]}
