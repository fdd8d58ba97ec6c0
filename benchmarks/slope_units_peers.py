"""Slope units of Scarp beside those of r.slopeunits (GRASS) on the same DEM, with the same smallest area and variance.

    ./run python benchmarks/slope_units_peers.py DEM OTHER.tif MIN_AREA ASPECT_VARIANCE [MAP LANDSLIDES]

OTHER.tif are the units of ``r.slopeunits.create`` and ``r.slopeunits.clean`` on the grid of the DEM, exported with
``r.out.gdal``. Both divisions are measured by the same code, from slope and aspect of ``numpy.gradient``. With a map
and landslides the AUC by unit is computed for both.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from osgeo import ogr
from scipy.ndimage import binary_dilation
from sklearn.metrics import adjusted_rand_score, roc_auc_score

from scarp.model.grid import Grid
from scarp.model.jobs.build_slope_units import build_slope_units
from scarp.model.progress import NullProgress
from scarp.model.slope_units.delineation import measure
from scarp.model.slope_units.pieces import PieceCounter, Pieces, number_pieces
from scarp.model.slope_units.settings import SlopeUnitOptions

SHIFTS = ((40, 0), (0, 40), (-40, 0), (0, -40))
"""Cells by which a division is moved to see how many borders meet by chance."""


def terrain_of(elevation: np.ndarray, grid: Grid) -> np.ndarray:
    """Return slope in degrees, northness, eastness and elevation, float32, shape (4, rows, columns)."""
    size = grid.cell_size()
    south, east = np.gradient(elevation.astype(np.float64), size)
    steepness = np.hypot(south, east)
    with np.errstate(invalid="ignore", divide="ignore"):
        facing = np.nan_to_num(np.stack([south, -east]) / steepness)
    return np.stack([np.degrees(np.arctan(steepness)), *facing, elevation]).astype(np.float32)


def pieces_of(units: np.ndarray, terrain: np.ndarray, grid: Grid) -> Pieces:
    """Return the table of the connected parts of a division; ``units`` is 0 where there is none."""
    padded = np.pad(units.astype(np.int32), 1)
    number_pieces(padded, 0, NullProgress())
    parts = padded[1:-1, 1:-1]
    counter = PieceCounter(int(parts.max()), grid)
    counter.add(0, parts, terrain)
    return counter.finish()


def edges(units: np.ndarray) -> np.ndarray:
    """Return the cells whose neighbour to the west or north is of another unit."""
    found = np.zeros(units.shape, dtype=bool)
    found[:, 1:] |= units[:, 1:] != units[:, :-1]
    found[1:] |= units[1:] != units[:-1]
    return found


def shared(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the share of the edges of one within two cells of those of the other, and the same by chance."""
    near = np.ones((5, 5), dtype=bool)
    edge, around = edges(one), binary_dilation(edges(other), near)
    chance = [(edge & np.roll(around, shift, (0, 1))).sum() / edge.sum() for shift in SHIFTS]
    return float((edge & around).sum() / edge.sum()), float(np.mean(chance))


def auc_by_unit(units: np.ndarray, values: np.ndarray, cells: np.ndarray) -> float:
    """Return the AUC of the mean value of units for whether they hold a landslide."""
    known = np.isfinite(values) & (units > 0)
    count = int(units.max()) + 1
    total, number = (np.bincount(units[known], weight, count) for weight in (values[known], None))
    slides = np.zeros(count, dtype=bool)
    slides[units[tuple(cells)]] = True
    there = number > 0
    return float(roc_auc_score(slides[there], (total / np.maximum(number, 1))[there]))


def landslide_cells(path: str, dataset: rasterio.DatasetReader) -> np.ndarray:
    """Return rows and columns of the landslide points on a map, shape (2, points)."""
    layer = ogr.Open(path)
    xy = [feature.GetGeometryRef().GetPoint_2D() for feature in layer.GetLayer()]
    places = np.array([dataset.index(*point) for point in xy]).T
    inside = (places[0] >= 0) & (places[1] >= 0) & (places[0] < dataset.height) & (places[1] < dataset.width)
    return places[:, inside]


def main() -> None:
    """Compare the two divisions of the command line."""
    dem, other, min_area, variance = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    with rasterio.open(dem) as dataset:
        grid = Grid.from_dataset(dataset, "DEM")
        elevation = dataset.read(1, masked=True).astype(np.float32).filled(np.nan)
    terrain = terrain_of(elevation, grid)
    with tempfile.TemporaryDirectory() as name:
        units = Path(name) / "units.tif"
        start = time.process_time()
        options = SlopeUnitOptions(min_area=min_area, aspect_variance=variance)
        build_slope_units(dem, units, options, NullProgress())
        seconds = time.process_time() - start
        divisions = {"Scarp": rasterio.open(units).read(1), "r.slopeunits": rasterio.open(other).read(1)}
    print(f"Scarp took {seconds:.1f} s of the processor.")
    land = np.isfinite(elevation) & np.logical_and.reduce([one > 0 for one in divisions.values()])
    for name, one in divisions.items():
        table = pieces_of(np.where(land, one, 0), terrain, grid)
        area = table["area"]
        internal, moran = measure(table, np.zeros(len(table), dtype=bool))
        small = (area < min_area / 2).mean()
        print(
            f"{name}: {len(table):,} parts, median {np.median(area) / 1e6:.3f} km², {small:.1%} smaller than half of "
            f"MIN_AREA; internal variance {internal:.3f}, Moran's I {moran:.3f}"
        )
    one, theirs = divisions.values()
    for name, pair in {"Scarp's at those of r.slopeunits": (one, theirs), "the other way": (theirs, one)}.items():
        found, chance = shared(*pair)
        print(f"edges, {name}: {found:.3f} within two cells; moved by 40 cells {chance:.3f}")
    print(f"adjusted Rand index of cells: {adjusted_rand_score(one[land], theirs[land]):.3f}")
    if len(sys.argv) > 6:
        with rasterio.open(sys.argv[5]) as dataset:
            values = dataset.read(1, masked=True).astype(np.float64).filled(np.nan)
            cells = landslide_cells(sys.argv[6], dataset)
        for name, division in divisions.items():
            print(f"{name}: AUC by unit {auc_by_unit(division, values, cells):.3f}")


if __name__ == "__main__":
    main()
