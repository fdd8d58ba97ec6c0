"""Training by cross-fitting: PCUM is no more than spatial folds show to hold on land not seen.

1. Curves and class weights are fitted as a convex problem; the penalty with the lowest loss out of fold is taken.
2. A small network of single cells is trained on top, from zero. Its steps, and the share of it that is added, are
   chosen by the same loss; none is among the choices, so that it is never worse there than the curves alone.
3. Both are fitted again on all land with what was chosen.

The networks of all folds, and that of all land, are trained side by side in one loop of batched products.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits
from torch.nn import functional

from ..encoding import Encoding, FactorSpec, fit_factors
from ..labels import LANDSLIDE, STABLE
from ..networks import build_network
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..windows.folded_cells import FoldedCells
from ..windows.split import TEST, TRAIN
from . import additive_fit
from .additive_fit import Additive
from .fit import FittedNetwork
from .settings import TrainingSettings

STABLE_CELLS, MIN_STABLE, MAX_STABLE = 8, 5_000, 12_000  # to train on: for each landslide, at least, at most
MAX_LANDSLIDE_CELLS = 12_000  # to train on
STATISTIC_CELLS = 20_000  # drawn from all land for means, deviations and knots
WIDTH, DROPOUT, CHANNEL_DROPOUT = 64, 0.3, 0.2
LEARNING_RATE, DECAY = 3e-3, 0.1
BATCH = 192  # cells of each class in a step
MAX_AVERAGING, AVERAGING_STEPS = 0.97, 10  # decay of the average after t steps: min(0.97, t / (10 + t))
CHECKPOINTS = (50, 100, 200, 400, 800, 1600, 3200)  # steps after which the networks are judged
SHRINKAGE = (0.25, 0.5, 0.75, 1.0)  # shares of the network that may be added, beside none
PATIENCE = 3  # checkpoints without a lower loss after which training ends; the first ones say little
_DRAWN_STEPS = 50  # whose cells are drawn at once
CHOSEN_NOTE = (
    "Penalties, steps and shrinkage were chosen on the same folds that the test uses, so the test is a little too good."
)


@dataclass
class Choice:
    """What the folds chose, and from what: mean log loss out of fold."""

    curves: float  # penalty of the curves
    linear: float  # penalty of linear terms and classes
    steps: int  # of the network, 0 for none
    shrink: float  # share of the network that is added, 0 for none
    folds: int
    landslides: int
    auc_additive: float  # out of fold, landslides against stable land, each landslide once
    auc: float  # the same with the network
    penalties: list[list[float]] = field(default_factory=list)  # penalty of curves, of linear terms, loss
    residuals: list[list[float]] = field(default_factory=list)  # steps, shrinkage, loss

    @property
    def text(self) -> str:
        """What the parts are worth, as a sentence."""
        kind = "a penalised logistic regression" if self.curves >= additive_fit.LINEAR_ONLY else "curves of the factors"
        start = f"Out of fold, {kind} alone has an AUC of {self.auc_additive:.3f} against stable land"
        if not self.steps:
            return f"{start}; the network adds nothing and is left out."
        gain = f"the network adds {self.auc - self.auc_additive:+.3f}".replace("+", "").replace("-", "−")
        return f"{start}; {gain} AUC ({self.steps} steps, {100 * self.shrink:.0f} % of it)."


@dataclass
class CrossFitted:
    """A fitted model with its predictions out of fold."""

    fitted: FittedNetwork
    choice: Choice
    out_of_fold: np.ndarray  # logit of each cell by a model that did not see its fold, float64; NaN where there is none
    on_training: np.ndarray  # logit of each cell by the model itself
    of_folds: list[Any] = field(default_factory=list)  # for each fold the network that did not see it


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums then do not depend on the number of threads, and none waits for another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def fit_cross_fitted(
    cells: FoldedCells, factors: list[Any], settings: TrainingSettings, progress: Progress
) -> CrossFitted:
    """Choose, fit and predict; ``factors`` are the stack's, in the order of the values.

    Metrics of the result are what was chosen. Only the seed, and the classes' encoding, of the settings matter. The
    device is the CPU: the data are few.
    """
    with one_thread():
        specs, knots = _statistics(cells, factors, settings)
        for spec in specs:
            if spec.std == 0:
                progress.warn(f'The factor "{spec.name}" is constant in all cells, so the model cannot use it.')
        encoding = Encoding(specs, settings.encoding)
        image, _ = encoding.encode(np.ascontiguousarray(cells.values.T)[:, :, None])
        image = np.ascontiguousarray(image[:, :, 0].T)
        problem = _Problem(cells, image, knots, settings.seed)
        penalties, additive, losses = _choose_penalties(problem, SubProgress(progress, 0.0, 0.4))
        networks = _Networks(problem, additive, settings.seed)
        steps, shrink, tried = networks.choose(SubProgress(progress, 0.4, 0.98))
        before = problem.out_of_fold([one.logit(problem.columns) for one in additive])
        parts = networks.logits(steps, shrink)
        after = problem.out_of_fold(parts)
        choice = Choice(
            *penalties,
            steps,
            shrink,
            len(cells.roles),
            round(cells.landslides),
            problem.auc(before),
            problem.auc(after),
            losses,
            tried,
        )
        architecture = {
            "type": "additive_pointwise",
            "channels": encoding.channels,
            "width": WIDTH,
            "dropout": DROPOUT,
            "channel_dropout": CHANNEL_DROPOUT,
            "continuous": len(knots),
            "knots": additive_fit.KNOTS,
        }

        def network_of(model: int) -> Any:
            network: Any = build_network(architecture)
            additive_fit.write_curves(additive[model], knots, network.curves)
            networks.write(network, steps, shrink, model)
            network.check()
            return network.eval()

        *of_folds, network = [network_of(model) for model in range(len(additive))]
    progress.report(1.0, choice.text)
    names = ("curves", "linear", "steps", "shrink", "folds", "auc_additive")
    metrics: dict[str, Any] = {f"chosen_{name}": getattr(choice, name) for name in names}
    fitted = FittedNetwork(network, architecture, specs, [], 0, metrics, "cpu", "fp32")
    return CrossFitted(fitted, choice, after, parts[-1], of_folds)


def _statistics(
    cells: FoldedCells, factors: list[Any], settings: TrainingSettings
) -> tuple[list[FactorSpec], np.ndarray]:
    """Return the factors with means and deviations of all land within the outer knots, and the knots of the curves."""
    specs = fit_factors(factors, [cells.values.T])
    generator = np.random.default_rng([settings.seed, 20])
    drawn = generator.choice(len(cells.values), STATISTIC_CELLS, p=cells.counts / cells.counts.sum())
    values = cells.values[np.sort(drawn)].astype(np.float64)
    low, high = np.quantile(values, (additive_fit.SHARES[0], additive_fit.SHARES[-1]), axis=0)
    clipped = np.clip(values, low, high)
    means, deviations, scores = clipped.mean(axis=0), clipped.std(axis=0), []
    for index, spec in enumerate(specs):
        if spec.is_categorical:
            continue
        if spec.std and deviations[index] > 1e-6 * spec.std:
            # Of a rare value, which the quantiles cut off, only the whole range tells.
            specs[index] = dataclasses.replace(spec, mean=float(means[index]), std=float(deviations[index]))
        spec = specs[index]
        scores.append((values[:, index] - spec.mean) / (spec.std or 1.0))
    return specs, additive_fit.knots_of(np.stack(scores, axis=1) if scores else np.empty((len(values), 0)))


class _Problem:
    """Cells, their weights in training and in judging, for each fold and for all land."""

    def __init__(self, cells: FoldedCells, image: np.ndarray, knots: np.ndarray, seed: int) -> None:
        self.image, self.knots = image, knots
        self.columns = additive_fit.basis(image, knots)
        self.slide, self.folds = cells.labels == LANDSLIDE, len(cells.roles)
        self.held_out = cells.roles == TEST  # bool (folds, cells)
        stable = cells.labels == STABLE
        generator, number = np.random.default_rng([seed, 21]), cells.landslides
        most = int(min(max(STABLE_CELLS * number, MIN_STABLE), MAX_STABLE))
        chosen = np.zeros(len(cells.labels), dtype=bool)
        for some, count in ((self.slide, MAX_LANDSLIDE_CELLS), (stable, most)):
            rows = np.flatnonzero(some)
            chosen[rows if len(rows) <= count else generator.choice(rows, count, replace=False)] = True
        self.train = np.concatenate([cells.roles == TRAIN, np.ones((1, len(chosen)), dtype=bool)]) & chosen
        """Cells that the model of each fold, and last that of all land, is trained on, bool (folds + 1, cells)."""
        self._shares = cells.shares
        known = self.held_out.any(axis=0)
        self.weights = self._balanced(known & (self.slide | stable))  # of cells in the loss out of fold
        self._shares = cells.shares * (number / max(cells.shares[chosen].sum(), 1e-9))

    def _balanced(self, some: np.ndarray) -> np.ndarray:
        """Return weights of cells: each landslide one, and stable cells as much in all."""
        weights = np.where(some & self.slide, self._shares, 0.0)
        stable = some & ~self.slide
        weights[stable] = weights.sum() / max(stable.sum(), 1)
        return weights

    def training_weights(self, model: int) -> np.ndarray:
        """Return the weights of the cells of the model of a fold, or of all land, 0 for the others."""
        return self._balanced(self.train[model])

    def out_of_fold(self, logits: list[np.ndarray]) -> np.ndarray:
        """Return for each cell the logit of the model of the fold that holds it out; NaN where no fold does."""
        result = np.full(len(self.slide), np.nan)
        for mine, logit in zip(self.held_out, logits):
            result[mine] = logit[mine]
        return result

    def loss(self, logit: np.ndarray) -> float:
        """Return the mean log loss of logits out of fold."""
        some = self.weights > 0
        signed = np.where(self.slide, -logit, logit)[some]
        return float(np.average(np.logaddexp(0, signed), weights=self.weights[some]))

    def auc(self, logit: np.ndarray) -> float:
        """Return the AUC of logits out of fold, each landslide once."""
        some = self.weights > 0
        return float(roc_auc_score(self.slide[some], logit[some], sample_weight=self.weights[some]))


def _choose_penalties(
    problem: _Problem, progress: Progress
) -> tuple[tuple[float, float], list[Additive], list[list[float]]]:
    """Return the penalties with the lowest loss, the fits of each fold and of all land, and all losses."""
    channels, continuous = problem.image.shape[1], len(problem.knots)
    total, done = len(additive_fit.PENALTIES) * problem.folds + 1, 0

    def fit(model: int, chosen: tuple[float, float], start: Additive | None) -> Additive:
        nonlocal done
        weights = problem.training_weights(model)
        rows = np.flatnonzero(weights)
        matrix = additive_fit.penalty(channels, continuous, *chosen)
        data = problem.columns[rows], problem.slide[rows].astype(np.float64), weights[rows], matrix
        found = additive_fit.fit(*data, lambda: stop_if_cancelled(progress), start)
        done += 1
        progress.report(done / total)
        return found

    fits: list[list[Additive]] = []
    losses: list[list[float]] = []
    for number, chosen in enumerate(additive_fit.PENALTIES):
        fits.append([fit(fold, chosen, fits[-1][fold] if number else None) for fold in range(problem.folds)])
        loss = problem.loss(problem.out_of_fold([one.logit(problem.columns) for one in fits[-1]]))
        losses.append([*chosen, loss])
    best = int(np.argmin([row[-1] for row in losses]))
    chosen = additive_fit.PENALTIES[best]
    return chosen, [*fits[best], fit(problem.folds, chosen, fits[best][0])], losses


class _Networks:
    """Networks of single cells, one for each fold and the last for all land, whose logit is added to a fixed one."""

    def __init__(self, problem: _Problem, additive: list[Additive], seed: int) -> None:
        self._problem, self._count = problem, len(additive)
        self._additive = [one.logit(problem.columns) for one in additive]
        self._base = torch.from_numpy(np.stack(self._additive).astype(np.float32))
        image, continuous = problem.image.copy(), len(problem.knots)
        image[:, :continuous] = np.clip(image[:, :continuous], problem.knots[:, 0], problem.knots[:, -1])
        self._image = torch.from_numpy(image)
        self._generator = torch.Generator().manual_seed(seed)
        self._parameters: list[torch.Tensor] = []
        for inputs, outputs in ((image.shape[1], WIDTH), (WIDTH, WIDTH), (WIDTH, 1)):
            # As torch starts convolutions; the last layer is zero, so that the network adds nothing at first.
            bound = 0.0 if outputs == 1 else inputs**-0.5
            for shape in ((inputs, outputs), (1, outputs)):
                one = (2 * torch.rand(shape, generator=self._generator) - 1) * bound
                self._parameters.append(one.repeat(self._count, 1, 1).requires_grad_())
        self._average = [one.detach().clone() for one in self._parameters]
        self._kept: dict[int, list[torch.Tensor]] = {}  # averages by steps
        draws = [problem.training_weights(model) for model in range(self._count)]
        self._draws = [
            (rows, torch.from_numpy(np.stack([weights[rows] for weights in draws])))
            for rows in (np.flatnonzero(problem.train[-1] & some) for some in (problem.slide, ~problem.slide))
        ]

    def choose(self, progress: Progress) -> tuple[int, float, list[list[float]]]:
        """Train as long as it pays; return steps and shrinkage with the lowest loss, and all losses."""
        problem, tried = self._problem, [[0.0, 0.0, self._loss(0, 0.0)]]
        optimiser = torch.optim.AdamW(self._parameters, lr=LEARNING_RATE, weight_decay=DECAY)
        step, best_place = 0, 0
        for place, checkpoint in enumerate(CHECKPOINTS, 1):
            lowest = min(row[-1] for row in tried)
            while step < checkpoint:
                for rows in self._draw(min(_DRAWN_STEPS, checkpoint - step)):
                    stop_if_cancelled(progress)
                    step += 1
                    self._step(rows, optimiser, step)
                progress.report(step / CHECKPOINTS[-1])
            self._kept[checkpoint] = [one.clone() for one in self._average]
            added = self.logits(checkpoint, 1.0)
            for shrink in SHRINKAGE:
                parts = [old + shrink * (new - old) for old, new in zip(self._additive, added)]
                tried.append([float(checkpoint), shrink, problem.loss(problem.out_of_fold(parts))])
            if min(row[-1] for row in tried[-len(SHRINKAGE) :]) < lowest:
                best_place = place
            if place - best_place >= PATIENCE:
                break
        steps, shrink, _ = min(tried, key=lambda row: row[-1])
        return int(steps), shrink, tried

    def logits(self, steps: int, shrink: float) -> list[np.ndarray]:
        """Return the logits of all cells by each model, the last that of all land."""
        if not steps or not shrink:
            return self._additive
        with torch.inference_mode():
            parts = []
            for model, additive in enumerate(self._additive):
                weights = [one[model : model + 1] for one in self._kept[steps]]
                parts.append(additive + shrink * _forward(self._image[None], weights)[0].double().numpy())
        return parts

    def write(self, network: Any, steps: int, shrink: float, model: int) -> None:
        """Write the network of a fold or of all land, shrunk, into the layers of a module."""
        with torch.no_grad():
            for number, layer in enumerate(network.layers):
                share = shrink if number == len(network.layers) - 1 else 1.0
                for place, target in enumerate((layer.weight, layer.bias)):
                    target.zero_()
                    if steps:
                        value = self._kept[steps][2 * number + place][model]
                        target.copy_(share * (value.t()[:, :, None, None] if place == 0 else value[0]))

    def _loss(self, steps: int, shrink: float) -> float:
        return self._problem.loss(self._problem.out_of_fold(self.logits(steps, shrink)))

    def _draw(self, steps: int) -> torch.Tensor:
        """Return rows of cells, (steps, models, 2 × BATCH): landslides by their weight, then stable cells evenly."""
        parts = []
        for rows, weights in self._draws:
            drawn = torch.multinomial(weights, steps * BATCH, replacement=True, generator=self._generator)
            parts.append(torch.from_numpy(rows)[drawn].reshape(self._count, steps, BATCH))
        return torch.cat(parts, dim=2).transpose(0, 1)

    def _step(self, rows: torch.Tensor, optimiser: torch.optim.Optimizer, step: int) -> None:
        logit = _forward(self._image[rows], self._parameters, self._generator)
        logit = logit + torch.gather(self._base, 1, rows)
        sign = torch.ones(2 * BATCH)
        sign[:BATCH] = -1
        # The models share nothing, so that the gradient of the sum is that of each.
        loss = functional.softplus(sign * logit).mean(dim=1).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay = min(MAX_AVERAGING, step / (AVERAGING_STEPS + step))
        with torch.no_grad():
            for average, one in zip(self._average, self._parameters):
                average.lerp_(one, 1 - decay)


def _forward(image: torch.Tensor, parameters: list[torch.Tensor], dropout: torch.Generator | None = None) -> Any:
    """Return the logits of cells, (models, cells), of images (models, cells, channels)."""
    rates = (CHANNEL_DROPOUT, DROPOUT, DROPOUT)
    for number, rate in enumerate(rates):
        if dropout is not None:
            image = image * ((torch.rand(image.shape, generator=dropout) >= rate).float() / (1 - rate))
        weight, bias = parameters[2 * number : 2 * number + 2]
        image = torch.baddbmm(bias, image, weight)
        if number < len(rates) - 1:
            image = functional.silu(image)
    return image[:, :, 0]
