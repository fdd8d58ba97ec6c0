"""Cross-validated AUC on landscapes in which nothing can be learned; it must be 0.5 within noise for every kind.

Landslides are scattered evenly at random, and the factors know nothing of them but where single ones lie: a value of
its own for each disc (``discs``), for each patch of about a disc's size (``patches``) or for each of many discs in
random order, landslides among them (``leaves``), noise (``noise``), or the place (``place``). What is above 0.5 is
learned from the landslides that the model is tested on.

    ./run python benchmarks/unlearnable.py [--kinds random_forest pcum] [--seeds 1 10] [--random]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from scarp.model.classical import sklearn_models
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.build_buffered_labels import build_buffered_labels
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.labels.settings import LabelOptions
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack
from scarp.model.training.settings import NETWORK_KINDS, CrossValidationOptions, settings_of_kind
from scarp.model.validation import fold_scores

CELL = 30.0
LANDSCAPES = ("discs", "patches", "leaves", "noise", "place")
NETWORK = {"width": 4, "epochs": 15, "window": 300.0}  # small, but large enough to learn a landslide by heart


def discs_of(rows, columns, cells, shape):
    """Yield the cells of each disc of a radius in cells as flat indices."""
    grid = np.indices(shape)
    for row, column in zip(rows, columns):
        yield np.flatnonzero((grid[0] + 0.5 - row) ** 2 + (grid[1] + 0.5 - column) ** 2 <= cells**2)


def factors_of(landscape, places, radius, side, rng):
    """Return two factors, float32 (2, side, side), that say nothing of landslides that a model has not seen."""
    cells, shape = radius / CELL, (side, side)
    noise = rng.normal(size=(2, *shape))
    if landscape == "place":
        return np.indices(shape).astype(np.float32)
    if landscape == "patches":
        size = max(1, round(2 * cells))
        count = side // size + 2
        offset = rng.integers(0, size, 2)
        down, across = (np.arange(side)[None] + offset[:, None]) // size
        return rng.normal(size=(2, count, count))[:, down[:, None], across[None]].astype(np.float32)
    if landscape in ("discs", "leaves"):
        rows, columns = places
        if landscape == "leaves":
            more = int(3 * side**2 / (np.pi * cells**2))
            rows, columns = (np.concatenate([one, rng.uniform(0, side, more)]) for one in (rows, columns))
            order = rng.permutation(len(rows))
            rows, columns = rows[order], columns[order]
        for disc in discs_of(rows, columns, cells, shape):
            noise.reshape(2, -1)[:, disc] = rng.normal(size=(2, 1))
    return noise.astype(np.float32)


def auc(landscape, kind, radius, block, seed, *, side=160, ring=0.0, random_split=False, **settings):
    """Return mean AUCs over five folds: against other land, against stable land, and of the random split if any."""
    landslides = round(60 * (side / 160) ** 2)
    rng = np.random.default_rng([seed, LANDSCAPES.index(landscape)])
    rows, columns = rng.uniform(0, side, (2, landslides))
    values = factors_of(landscape, (rows, columns), radius, side, rng)
    grid = Grid(CRS.from_epsg(32645), Affine(CELL, 0, 5e5, 0, -CELL, 3e6), side, side)
    points = Points("landslides", xy=np.stack(grid.transform * (columns, rows), axis=1))
    if kind in NETWORK_KINDS:
        settings = {**NETWORK, **settings}
    with tempfile.TemporaryDirectory() as folder:
        stack, labels = Path(folder) / "stack.tif", Path(folder) / "labels.tif"
        with create_stack(stack, grid, [StackFactor(name, "continuous") for name in ("one", "two")]) as dataset:
            dataset.write(values)
        build_buffered_labels(
            points, stack, labels, LabelOptions(radii={"unrecorded": radius}, ring=ring), NullProgress()
        )
        given = settings_of_kind(kind, "recommended", {"block": block, "seed": seed, **settings})
        options = CrossValidationOptions(kind, 5, random_split)
        path = Path(folder) / "map.tif"
        found = cross_validate(stack, labels, points, path, options=options, settings=given, progress=NullProgress())
    stable = next(row.auc_stable.value for row in found.folds if row.fold == fold_scores.MEAN)
    return found.auc, stable, found.random


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    kinds = ["frequency_ratio", "logistic_regression", "random_forest"]
    parser.add_argument("--kinds", nargs="*", default=kinds)
    parser.add_argument("--landscapes", nargs="*", default=LANDSCAPES, choices=LANDSCAPES)
    parser.add_argument("--radii", nargs="*", type=float, default=[90.0, 300.0])
    parser.add_argument("--blocks", nargs="*", type=float, default=[900.0, 1800.0])
    parser.add_argument("--seeds", nargs=2, type=int, default=[1, 8], help="first and last")
    parser.add_argument("--side", type=int, default=160, help="of the area, in cells of 30 m")
    parser.add_argument("--ring", type=float, default=0.0)
    parser.add_argument("--random", action="store_true", help="the random split too, which shares landslides")
    given = parser.parse_args()
    # A small forest with small leaves, to be quick: it learns as much by heart as a large one.
    sklearn_models.TREES, sklearn_models._TUNING_TREES, sklearn_models.LEAF_SIZES = 20, 1, (5,)
    seeds = range(given.seeds[0], given.seeds[1] + 1)
    fold_scores.REPEATS = 20  # the intervals are not looked at
    print("| kind | landscape | radius, m | BLOCK, m | AUC | standard error | stable land | random split |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for kind, landscape in itertools.product(given.kinds, given.landscapes):
        for radius, block in itertools.product(given.radii, given.blocks):
            more = {"side": given.side, "ring": given.ring, "random_split": given.random}
            found = [auc(landscape, kind, radius, block, seed, **more) for seed in seeds]
            mean = np.array(found, dtype=float).mean(axis=0)
            error = np.std([item[0] for item in found], ddof=1) / np.sqrt(len(found))
            shown = f"{mean[2]:.3f}" if given.random else ""
            numbers = f"{mean[0]:.3f} | {error:.3f} | {mean[1]:.3f} | {shown}"
            print(f"| {kind} | {landscape} | {radius:g} | {block:g} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
