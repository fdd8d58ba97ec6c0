"""The square on which the demo is computed: the study area and a margin, so that its border is no cliff or divide.
Classes on a grid as polygons that cover the study area without gaps or overlaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

ORIGIN = (600_000.0, 3_300_000.0)
"""Map coordinates of the upper left corner of the study area, in metres."""

CELL = 30.0
"""Cell side in metres, as in the paper."""

BASE_SIDE = 512
"""Smooth fields are made on at most this many cells a side and interpolated from there."""


@dataclass(frozen=True)
class DemoFrame:
    """A study area of ``size`` × ``size`` cells with ``pad`` cells more on every side.

    Positions inside the frame are metres from its upper left corner, x east and y south.
    """

    size: int
    pad: int

    @classmethod
    def around(cls, size: int) -> DemoFrame:
        """Return the frame of a study area of ``size`` cells a side."""
        return cls(size, int(np.clip(size // 8, 16, 96)))

    @property
    def side(self) -> int:
        """Cells a side, margin included."""
        return self.size + 2 * self.pad

    @property
    def extent(self) -> float:
        """Side in metres, margin included."""
        return self.side * CELL

    @property
    def area_km2(self) -> float:
        """Area of the study area in square kilometres."""
        return (self.size * CELL / 1000) ** 2

    @property
    def grid(self) -> Grid:
        """Grid of the study area."""
        return Grid(CRS.from_string(CRS_CODE), Affine(CELL, 0, ORIGIN[0], 0, -CELL, ORIGIN[1]), self.size, self.size)

    @property
    def base_side(self) -> int:
        """Cells a side of the grid on which smooth fields are made."""
        return min(self.side, BASE_SIDE)

    def crop(self, field: np.ndarray) -> np.ndarray:
        """Return the study area's part of an array of the frame's full resolution."""
        return field[self.pad : self.pad + self.size, self.pad : self.pad + self.size]

    def to_map(self, xy: np.ndarray) -> np.ndarray:
        """Turn positions in the frame, shape (points, 2), into map coordinates."""
        margin = self.pad * CELL
        return np.column_stack([ORIGIN[0] + xy[:, 0] - margin, ORIGIN[1] - xy[:, 1] + margin])

    def transform(self, side: int) -> Affine:
        """Return the affine transform of the frame cut into ``side`` × ``side`` cells, in frame positions."""
        return Affine.scale(self.extent / side)

    def centres(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of cell centres as shares of the study area (0 to 1, beyond in the margin), shape (side,)."""
        along = (np.arange(side, dtype=np.float32) + 0.5) * self.side / side
        along = (along - self.pad) / self.size
        return along[None, :], along[:, None]


def box(bounds: tuple[float, float, float, float]) -> dict:
    """Return the rectangle left, bottom, right, top as a GeoJSON polygon."""
    left, bottom, right, top = bounds
    ring = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    return {"type": "Polygon", "coordinates": [ring]}


def clip_lines(lines: list[np.ndarray], bounds: tuple[float, float, float, float]) -> list[np.ndarray]:
    """Cut lines at a rectangle.

    Args:
        lines: arrays (vertices, 2).
        bounds: left, bottom, right, top.

    Returns:
        The pieces inside, each with its new ends on the rectangle's sides.
    """
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


def resample(field: np.ndarray, side: int) -> np.ndarray:
    """Interpolate a square field linearly onto ``side`` × ``side`` cells of the same square, as float32."""
    if field.shape[0] == side:
        return field.astype(np.float32)
    return ndimage.zoom(field.astype(np.float32), side / field.shape[0], order=1, mode="nearest", grid_mode=True)


def fractal(
    rng: np.random.Generator, side: int, extent: float, longest: float, shortest: float = 0.0, exponent: float = 2.0
) -> np.ndarray:
    """Make smooth random hills: noise whose amplitude falls with a power of the wave number.

    Args:
        rng: source of randomness.
        side: cells a side.
        extent: side of the square in metres.
        longest: longest wavelength in metres.
        shortest: shortest wavelength in metres; two cells by default.
        exponent: fall of the amplitude with the wave number; larger is smoother.

    Returns:
        float32 array (side, side) of mean 0 and standard deviation 1.
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


def distance_to(lines: list[np.ndarray], frame: DemoFrame, side: int) -> np.ndarray:
    """Return the distance in metres from each cell of a ``side`` × ``side`` frame to the nearest line.

    Args:
        lines: arrays (vertices, 2) of positions in the frame.
        frame: the frame.
        side: cells a side of the answer.

    Returns:
        float32 array (side, side); very large when there is no line.
    """
    shapes = [{"type": "LineString", "coordinates": line.tolist()} for line in lines if len(line) > 1]
    if not shapes:
        return np.full((side, side), 1e6, dtype=np.float32)
    marks = features.rasterize(
        shapes, out_shape=(side, side), transform=frame.transform(side), all_touched=True, dtype="uint8"
    )
    if not marks.any():
        return np.full((side, side), 1e6, dtype=np.float32)
    return ndimage.distance_transform_edt(marks == 0, sampling=frame.extent / side).astype(np.float32)


def polygons_of(
    classes: np.ndarray, frame: DemoFrame, name: str, fields: Mapping[str, Sequence[Any]], merge: bool = False
) -> Polygons:
    """Outline the classes of the study area.

    Args:
        classes: class index a cell, uint8, shape (size, size).
        frame: the frame.
        name: name of the layer.
        fields: for each field its value a class.
        merge: one feature a class; otherwise one a connected patch.

    Returns:
        Polygons in map coordinates. Patches that touch only at a corner are separate, so every outline is simple.
    """
    found: list[tuple[int, dict[str, Any]]] = [
        (int(value), shape)
        for shape, value in features.shapes(classes.astype(np.uint8), connectivity=4, transform=frame.grid.transform)
    ]
    if merge:
        found = [
            (value, _joined([shape for other, shape in found if other == value]))
            for value in sorted({value for value, _ in found})
        ]
    columns = {key: [values[index] for index, _ in found] for key, values in fields.items()}
    return Polygons(name, fields=columns, geometries=[shape for _, shape in found])


def smooth_classes(classes: np.ndarray, width: float, least: int) -> np.ndarray:
    """Smooth the borders between classes over ``width`` cells and dissolve patches of fewer than ``least`` cells.

    Args:
        classes: uint8 array.
        width: standard deviation of the smoothing in cells.
        least: cells of the smallest patch that stays.

    Returns:
        uint8 array of the same shape.
    """
    best, answer = np.full(classes.shape, -1.0, dtype=np.float32), classes.copy()
    for value in np.unique(classes):
        weight = ndimage.gaussian_filter((classes == value).astype(np.float32), width)
        better = weight > best
        best[better], answer[better] = weight[better], value
    return features.sieve(answer, size=least, connectivity=4)


def _joined(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    if len(shapes) == 1:
        return shapes[0]
    return {"type": "MultiPolygon", "coordinates": [shape["coordinates"] for shape in shapes]}
