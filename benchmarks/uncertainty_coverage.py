"""How often the interval and the error of OUTPUT_UNCERTAINTY hold in regions that are left out whole.

    ./run python benchmarks/uncertainty_coverage.py NAME STACK LABELS [--truth RASTER] [--parts 4] [--seeds 1,2]

The land is divided into parts with the same number of landslides. Without one part after the other the curves, those of
its folds, and the interval are fitted as ``scarp:trainpcum`` does it (the network of single cells is left out, which
changes little and takes most of the time). In the part left out it is counted:

- classes: whether the landslide density of low, medium and high susceptibility lies within the interval, in areas as
  large as those that the interval is made from and in the part as a whole;
- retrained: the share of the land where the model that knows the part lies within the interval, and within 1.64
  standard errors;
- truth, where it is known (the demo): the same for the true density of the classes and of each cell;
- inventories, where the truth is known: the median ratio of the standard error to the standard deviation over curves
  that are fitted to other inventories, drawn from the truth; 1 is right;
- folds: whether the density of the classes lies within the interval where only blocks among seen ones were held out.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections import defaultdict
from typing import Any

import numpy as np
import rasterio

from scarp.model.jobs.cross_fitted import train_by_cross_fitting
from scarp.model.labels import STABLE, UNKNOWN
from scarp.model.progress import NullProgress
from scarp.model.training import additive_fit, automatic, pointwise_fit
from scarp.model.training.additive_fit import Additive
from scarp.model.training.fold_problem import FoldProblem
from scarp.model.training.left_out_areas import BREAKS, area_scores, divide, fit_interval
from scarp.model.training.settings import PCUM, RECOMMENDED, settings_of_kind
from scarp.model.uncertainty import jackknife_factor
from scarp.model.windows.folded_cells import FoldedCells
from scarp.model.windows.split import open_training_rasters

INVENTORIES = 12  # that are drawn from the truth
NORMAL = 1.645  # standard errors to either side that hold nine tenths of a normal distribution


def fitted(problem: FoldProblem, model: int, keep: np.ndarray, start: Additive, penalties: tuple[float, float]) -> Any:
    """Fit the curves of a fold, or last of all land, to some of the cells."""
    columns, labels, weights, offset = problem.restricted(keep).training_data(model)
    matrix = additive_fit.penalty(problem.image.shape[1], len(problem.knots), *penalties, problem.knots.shape[1])
    return additive_fit.fit(columns, labels, weights, matrix, lambda: None, start, None, offset, problem.bounds)


def without(cells: FoldedCells, some: np.ndarray) -> FoldedCells:
    """Return cells of which some are unknown land without landslides."""
    labels = np.where(some, UNKNOWN, cells.labels).astype(np.uint8)
    return dataclasses.replace(cells, labels=labels, shares=np.where(some, 0.0, cells.shares))


def true_scores(logit: np.ndarray, truth: np.ndarray, cells: FoldedCells, part: np.ndarray) -> list[float]:
    """Return how far the true density of each class lies from the expected one, in log odds."""
    stable = cells.labels == STABLE
    mean = np.average(truth[stable & ~part], weights=cells.counts[stable & ~part])
    found = []
    for number in range(len(BREAKS) + 1):
        some = part & stable & (np.digitize(logit, BREAKS) == number)
        if some.any():
            expected = np.average(np.exp(logit[some]), weights=cells.counts[some])
            found.append(abs(math.log(np.average(truth[some], weights=cells.counts[some]) / mean / expected)))
    return found


def drawn_inventories(
    problem: FoldProblem,
    cells: FoldedCells,
    truth: np.ndarray,
    start: Additive,
    penalties: tuple[float, float],
    seed: int,
) -> float:
    """Return the median ratio of the standard error to the true standard deviation, in log odds."""
    generator, stable = np.random.default_rng([seed, 5]), np.flatnonzero(cells.labels == STABLE)
    chance = truth[stable] * cells.counts[stable]
    number, errors, whole = round(cells.landslides), [], []
    matrix = additive_fit.penalty(problem.image.shape[1], len(problem.knots), *penalties, problem.knots.shape[1])
    for _ in range(INVENTORIES):
        slides = generator.choice(stable, number, p=chance / chance.sum())
        land = stable[problem.train[-1][stable]]
        logits = []
        for model in range(problem.folds + 1):
            rows = [some[problem.inside[model][some]] for some in (slides, land)]
            weights = np.concatenate([np.ones(len(rows[0])), np.full(len(rows[1]), len(rows[0]) / len(rows[1]))])
            both = np.concatenate(rows)
            labels = np.repeat([1.0, 0.0], [len(some) for some in rows])
            data = problem.columns[both], labels, weights, matrix
            logits.append(additive_fit.fit(*data, lambda: None, start).logit(problem.columns[land]))
        errors.append(jackknife_factor(problem.folds) * np.std(logits[:-1], axis=0, ddof=1))
        whole.append(logits[-1])
    return float(np.median(np.mean(errors, axis=0) / np.std(whole, axis=0, ddof=1)))


def study(given: Any, seed: int, found: dict[str, list[float]]) -> None:
    """Leave one part after the other out, and add what was found to the lists."""
    settings = settings_of_kind(PCUM, RECOMMENDED, {"seed": seed})
    quiet = NullProgress()
    with open_training_rasters(given.stack, given.labels, None, quiet) as rasters:
        settings = automatic.complete(settings, PCUM, [rasters], quiet)
        run = train_by_cross_fitting([rasters], settings, quiet)
        grid = rasters.grid
    problem, cells, choice = run.result.problem, run.cells, run.result.choice
    penalties, positions = (choice.curves, choice.linear), np.stack(np.divmod(cells.places, grid.width), axis=1)
    truth = None
    if given.truth:
        with rasterio.open(given.truth) as raster:
            places = [grid.transform * (column + 0.5, row + 0.5) for row, column in positions]
            truth = np.maximum(np.array([value[0] for value in raster.sample(places)], dtype=np.float64), 1e-9)
    start = additive_fit.read_curves(run.result.fitted.network.curves)[0]
    whole = fitted(problem, problem.folds, np.ones(len(cells.labels), dtype=bool), start, penalties)
    full, stable = problem.logits([whole])[0], cells.labels == STABLE
    parts = divide(positions, cells.shares, given.parts)
    if truth is not None:
        found["error over that of inventories"].append(drawn_inventories(problem, cells, truth, whole, penalties, seed))
    for number in range(given.parts):
        part = parts == number
        rest = without(cells, part)
        own = fitted(problem, problem.folds, ~part, whole, penalties)
        interval = fit_interval(problem.restricted(~part), rest, [grid.width], own, penalties, quiet)
        if interval is None:
            print(f"{given.name}: no interval without part {number + 1}")
            continue
        half, logit = interval.half_width, problem.logits([own])[0]
        of_folds = np.stack(problem.logits([fitted(problem, k, ~part, own, penalties) for k in range(problem.folds)]))
        error = jackknife_factor(len(of_folds)) * of_folds.std(axis=0, ddof=1)
        found["half width"].append(half)
        found["classes of the part"] += (area_scores(logit, cells, part) <= half).tolist()
        count = max(1, round(cells.shares[part].sum() / interval.landslides))
        areas = np.full(len(part), -1)
        areas[part] = divide(positions[part], cells.shares[part], count)
        for area in range(count):
            # Against the density of the land that the model knows.
            known = without(cells, part & (areas != area))
            found["classes of areas"] += (area_scores(logit, known, areas == area) <= half).tolist()
        land, weights = part & stable, cells.counts[part & stable]
        change = np.abs(full - logit)[land]
        found["retrained, interval"].append(float(np.average(change <= half, weights=weights)))
        found["retrained, 1.64 errors"].append(float(np.average(change <= NORMAL * error[land], weights=weights)))
        found["error, median"].append(float(np.median(error[land])))
        # On land that both models know, nothing but the rest of the land changes.
        seen = stable & ~part
        change = np.abs(full - logit)[seen]
        within = np.average(change <= NORMAL * error[seen], weights=cells.counts[seen])
        found["retrained, 1.64 errors, seen land"].append(float(within))
        if truth is not None:
            found["true density of classes"] += [score <= half for score in true_scores(logit, truth, cells, part)]
            relative = np.log(truth / np.average(truth[seen], weights=cells.counts[seen]))
            off = np.abs(relative - logit)[land]
            found["true density of cells"].append(float(np.average(off <= half, weights=weights)))
    folds = np.argmax(problem.held_out, axis=0)
    if run.interval is not None:
        for fold in range(problem.folds):
            mine = problem.held_out[fold] & (folds == fold)
            scores = area_scores(np.nan_to_num(run.result.out_of_fold), cells, mine)
            found["classes of folds"] += (scores <= run.interval.half_width).tolist()
    print(
        f"{given.name}, seed {seed}: {cells.landslides:.0f} landslides, interval of the whole: {run.interval}",
        flush=True,
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("stack")
    parser.add_argument("labels")
    parser.add_argument("--truth")
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--seeds", default="1,2")
    given = parser.parse_args()
    pointwise_fit.CHECKPOINTS = (10,)
    found: dict[str, list[float]] = defaultdict(list)
    began = time.process_time()
    for seed in map(int, given.seeds.split(",")):
        study(given, seed, found)
    for what, values in found.items():
        listed = " ".join(f"{value:.2f}" for value in values) if "classes" not in what else f"{len(values)} cases"
        print(f"| {given.name} | {what} | {np.mean(values):.2f} | {listed} |", flush=True)
    print(f"{time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
