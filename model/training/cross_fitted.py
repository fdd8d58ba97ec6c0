"""Training by cross-fitting: PCUM is no more than spatial folds show to hold on land not seen.

1. Curves and class weights are fitted as a convex problem with several penalties. Their mean is taken, in which
   penalties with a low loss out of fold count more.
2. A small network of single cells is trained on top, from zero. Its steps, and the share of it that is added, are
   chosen by the same loss; none is among the choices, so that it is never worse there than the curves alone.
3. Both are fitted again on all land with what was chosen.

The networks of all folds, and that of all land, are trained side by side in one loop of batched products.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..encoding import Encoding, FactorSpec, fit_factors
from ..history.writing import STEPS, STOPPED, TrainingLog
from ..networks import build_network
from ..progress import Progress, SubProgress, stop_if_cancelled
from ..threads import limited_to
from ..uncertainty import FoldNetwork
from ..windows.folded_cells import FoldedCells
from ..windows.land_regions import LeftOut
from ..windows.unlabelled_cells import UnlabelledCells
from . import additive_fit, pointwise_fit
from .additive_fit import Additive
from .checkpoint import CheckpointFile, SavedParts, fingerprint_of
from .devices import choose_device, deterministic_torch, device_errors_explained
from .fine_tuning import StartModel, fine_tune_network
from .fit import FittedNetwork
from .fold_problem import FoldProblem, soft_rows
from .land_physics import LandPhysics
from .monotone import monotone_curves, require_kept
from .pointwise_fit import PointwiseFit
from .settings import STABILITY, TrainingSettings
from .step_history import StepHistory
from .terrain_rule import TerrainPrior

STATISTIC_CELLS = 20_000  # drawn from all land for means, deviations and knots
_PART = "additive"  # of a checkpoint
_OF_CELLS = "values", "labels", "places", "counts", "shares", "roles", "areas"  # what a run depends on
CHOSEN_NOTE = "The model was chosen on the same folds that test it, so these numbers are a little too good."


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
    penalties: list[list[float]] = field(default_factory=list)  # of curves, of linear terms, weight in the mean, loss
    residuals: list[list[float]] = field(default_factory=list)
    """Steps, shrinkage, log loss and, with a constraint to learn, last the sum with its term, which decides."""
    violation: float | None = None  # share of the land under warning with a low susceptibility, out of fold
    violation_additive: float | None = None  # the same without the network
    start: str = ""  # name of the model of START_FROM
    auc_start: float | None = None  # of that model, unchanged
    depth: int = 0  # of the U-Net, 0 for none
    unet: str = ""  # what a U-Net adds, as a sentence
    unets: list[list[float]] = field(default_factory=list)  # depth, steps, shrinkage and losses, of the best depth
    boosting: str = ""  # what boosted trees add, as a sentence
    prior: dict[str, Any] = field(default_factory=dict)  # weight and terms of the rule of the terrain
    physics: str = ""  # how land without labels is used, as sentences
    land: dict[str, Any] = field(default_factory=dict)  # fields of ``PhysicsChoice``

    @property
    def text(self) -> str:
        """What the parts are worth, in sentences."""
        return " ".join(filter(None, (self._worth_with_violations, self.unet, self.boosting, self.physics)))

    @property
    def _worth_with_violations(self) -> str:
        if self.violation is None or self.violation_additive is None:
            return self._worth
        alone = f", {100 * self.violation_additive:.1f} % without the network" if self.steps else ""
        land = "unstable land with labels" if self.land else "land under warning"
        return f"{self._worth} Of the {land} {100 * self.violation:.1f} % is called safe{alone}."

    @property
    def _worth(self) -> str:
        if self.auc_start is not None:
            start = f"Out of fold, the model {self.start} has an AUC of {self.auc_start:.3f} against stable land"
            return f"{start}; {self._tuned}"
        start = f"Out of fold, {self.additive_text} against stable land"
        if self.land.get("is_target"):
            return f"{start}; with TARGET there is no network, which does not carry over."
        if not self.steps:
            return f"{start}; the network adds nothing and is left out."
        how, gain = f"{self.steps} steps, {100 * self.shrink:.0f} % of it", self.auc - self.auc_additive
        if gain < 0.0005:
            return f"{start}; the network lowers the log loss but not the AUC ({signed(gain)}; {how})."
        return f"{start}; the network adds {signed(gain)} AUC ({how})."

    @property
    def additive_text(self) -> str:
        """What the part without the network is worth."""
        kind = "curves of the factors alone have"
        if all(curves >= additive_fit.LINEAR_ONLY for curves, _, weight, _ in self.penalties if weight):
            kind = "a penalised logistic regression alone has"
        return f"{kind} an AUC of {self.auc_additive:.3f}"

    @property
    def _tuned(self) -> str:
        if self.curves >= additive_fit.UNCHANGED and not self.steps:
            return "no change makes it better here, so it stays as it is."
        parts = []
        if self.curves < additive_fit.UNCHANGED:
            parts.append(f"fitting its curves to this area adds {signed(self.auc_additive - (self.auc_start or 0))}")
        if self.steps:
            how = f"{self.steps} steps, {100 * self.shrink:.0f} % of the change"
            parts.append(f"training its network further adds {signed(self.auc - self.auc_additive)} ({how})")
        return f"{', and '.join(parts)}."


def signed(difference: float) -> str:
    """Return a difference of AUCs as text."""
    return f"{difference:.3f}".replace("-", "−")


@dataclass
class CrossFitted:
    """A fitted model with its predictions out of fold."""

    fitted: FittedNetwork
    choice: Choice
    out_of_fold: np.ndarray  # logit of each cell by a model that did not see its fold, float64; NaN where there is none
    on_training: np.ndarray  # logit of each cell by the model itself
    problem: FoldProblem
    of_folds: list[Any] = field(default_factory=list)  # for each fold the network that did not see it
    fold_architectures: list[dict[str, Any]] = field(default_factory=list)
    """Descriptions of ``of_folds``; empty where they are that of the fitted network."""
    counts: np.ndarray | None = None
    """Cells of the area that each sampled cell stands for, if only some of them have logits."""

    @property
    def fold_networks(self) -> list[FoldNetwork]:
        """The networks of the folds with their descriptions."""
        described = self.fold_architectures or [self.fitted.architecture] * len(self.of_folds)
        return [FoldNetwork(*pair) for pair in zip(described, self.of_folds)]


@dataclass(frozen=True)
class FitInputs:
    """What a training by cross-fitting starts from."""

    cells: FoldedCells
    factors: Sequence[Any]  # of the stack, in the order of the values; see ``start``
    settings: TrainingSettings  # only those of the physics, seed, encoding of the classes and device matter
    checkpoint: str | os.PathLike | None = None  # file for the state of the run
    start: StartModel | None = None  # to fine-tune; cells and factors are then from :func:`~.fine_tuning.adapt_cells`
    log: TrainingLog = field(default_factory=TrainingLog)
    unlabelled: UnlabelledCells | None = None  # with PHYSICS=stability; the factors as those of the cells
    left_out: Sequence[LeftOut] = ()  # parts of the land, or areas, that choose how much they count


def fit_cross_fitted(inputs: FitInputs, progress: Progress) -> CrossFitted:
    """Choose, fit and predict, always in fp32; metrics of the result are what was chosen.

    When the log requests a stop, no more penalties or steps are tried, and the best of those so far are taken.

    Raises:
        DeviceUnavailable: there is no such device, or it fails.
        ParameterInvalid: the checkpoint belongs to another run.
    """
    cells, settings, start, checkpoint = inputs.cells, inputs.settings, inputs.start, inputs.checkpoint
    device, file = choose_device(settings.device), None
    if checkpoint is not None:
        file = CheckpointFile(checkpoint, _fingerprint(inputs), progress)
    saved = SavedParts(file)
    with limited_to(1), device_errors_explained(device, checkpoint), deterministic_torch():
        origin: Any = None
        if start is None:
            specs, knots = _statistics(cells, inputs.factors, settings)
        else:
            specs = list(inputs.factors)
            origin, architecture = fine_tune_network(start, specs, settings.seed)
            knots = additive_fit.read_curves(origin.curves)[1]
        for spec in specs:
            if spec.std == 0:
                progress.warn(f'The factor "{spec.name}" is constant in all cells, so the model cannot use it.')
        encoding = Encoding(specs, settings.encoding)
        if start is None:
            architecture = _architecture(encoding, knots)
        image, _ = encoding.encode(np.ascontiguousarray(cells.values.T)[:, :, None])
        image = np.ascontiguousarray(image[:, :, 0].T)
        curves = monotone_curves(settings, specs)
        if start is not None:
            require_kept(curves, origin, start.name)
        problem = FoldProblem(cells, image, knots, settings, origin, curves)
        history = StepHistory(problem, inputs.log)
        progress.report(0.1)
        physics = _learn_physics(inputs, problem, encoding, origin, SubProgress(progress, 0.1, 0.12))
        penalties, additive, losses = _choose_penalties(problem, SubProgress(progress, 0.12, 0.5), saved, history)
        text = f"{penalties[0]:g} of the curves and {penalties[1]:g} of linear terms and classes"
        text = f"Curves of the factors fitted with {len(losses)} pairs of penalties; best out of fold: {text}."
        if sum(row[2] > 0 for row in losses) > 1:
            text += " Their mean is taken, in which those with a low loss out of fold count more."
        networks = PointwiseFit(problem, additive, settings.seed, device, origin)
        left_out = physics is not None and physics.choice.is_target
        progress.report(0.5, text if left_out else f"{text} Next: the network.")
        part = SubProgress(progress, 0.5, 0.98)
        steps, shrink, tried = networks.leave_out(history) if left_out else networks.choose(part, saved, history)
        parts = networks.logits(steps, shrink)
        after, before = problem.out_of_fold(parts), problem.out_of_fold(networks.logits(0, 0.0))
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
        if problem.constraint is not None:
            choice.violation = problem.constraint.violation_rate(after)
            choice.violation_additive = problem.constraint.violation_rate(before)
        _tell_physics(choice, problem, physics, networks.soft_logit(steps, shrink))
        if start is not None:
            unchanged = problem.logits([additive_fit.read_curves(origin.curves)[0]] * problem.folds)
            choice.start, choice.auc_start = start.name, problem.auc(problem.out_of_fold(unchanged))

        def network_of(model: int) -> Any:
            network: Any = build_network(architecture)
            additive_fit.write_curves(additive[model], knots, network.curves)
            networks.write(network, steps, shrink, model)
            network.check()
            return network.eval()

        *of_folds, network = [network_of(model) for model in range(len(additive))]
    if history.ended == STOPPED:
        progress.warn(
            "Training was stopped by hand, so fewer penalties of the curves or steps of the network were tried. The "
            f"model has what was best out of fold up to step {history.entries[-1][STEPS]} of the network."
        )
    progress.report(1.0, choice.text)
    names = ["curves", "linear", "steps", "shrink", "folds", "auc_additive"]
    if start is not None:
        names.append("auc_start")
    metrics: dict[str, Any] = {f"chosen_{name}": getattr(choice, name) for name in names}
    metrics.update(_physics_metrics(choice))
    found = network, architecture, specs, history.entries, 0, metrics
    fitted = FittedNetwork(*found, str(device), "fp32", history.ended)
    return CrossFitted(fitted, choice, after, parts[-1], problem, of_folds)


def _architecture(encoding: Encoding, knots: np.ndarray) -> dict[str, Any]:
    return {
        "type": "additive_pointwise",
        "channels": encoding.channels,
        "width": pointwise_fit.WIDTH,
        "dropout": pointwise_fit.DROPOUT,
        "channel_dropout": pointwise_fit.CHANNEL_DROPOUT,
        "continuous": len(knots),
        "knots": knots.shape[1],
    }


def _learn_physics(
    inputs: FitInputs, problem: FoldProblem, encoding: Encoding, origin: Any, progress: Progress
) -> LandPhysics | None:
    """Give the problem the rule of the terrain, and cells without labels with their soft labels and weight; return what
    chose these, ``None`` without such cells. A model to fine-tune is a prior already.
    """
    unlabelled, names = inputs.unlabelled, [spec.name for spec in encoding.factors]
    if origin is None:
        problem.prior = _terrain_prior(inputs, names)
    if problem.prior is not None:
        progress.report(0.0, problem.prior.text)
    if unlabelled is None:
        return None
    image, _ = encoding.encode(np.ascontiguousarray(unlabelled.values.T)[:, :, None])
    problem.soft = soft_rows(np.ascontiguousarray(image[:, :, 0].T), problem.knots, origin)
    result = LandPhysics(problem, inputs.cells, unlabelled, names, problem.soft, inputs.settings)
    result.choose(inputs.left_out, progress)
    progress.report(1.0, result.choice.text)
    return result


def _terrain_prior(inputs: FitInputs, names: Sequence[str]) -> TerrainPrior | None:
    cells, settings = inputs.cells, inputs.settings
    safety = cells.safety if settings.physics == STABILITY else None
    return TerrainPrior.of(settings.prior, cells.values, names, safety, cells.counts, cells.areas)


def _tell_physics(choice: Choice, problem: FoldProblem, physics: LandPhysics | None, logit: np.ndarray | None) -> None:
    """Take over what the rule counts, and how land without labels is used; ``logit`` is that of its cells."""
    if problem.prior is not None:
        choice.prior = {"weight": problem.prior.weight, "rule": problem.prior.weights, "text": problem.prior.text}
    if physics is None:
        return
    if logit is not None:
        physics.tell_violations(logit)
    choice.physics, choice.land = physics.choice.text, physics.choice.as_dict()


def _physics_metrics(choice: Choice) -> dict[str, Any]:
    names = {"physics_weight": "weight", "violation_rate_unlabelled": "violation_rate"}
    return {name: choice.land[key] for name, key in names.items()} if choice.land else {}


def _fingerprint(inputs: FitInputs) -> str:
    """Return a hash of everything that determines a run."""
    cells, start, unlabelled = inputs.cells, inputs.start, inputs.unlabelled
    constants = [
        {
            name: value
            for name, value in vars(module).items()
            if name.isupper() and isinstance(value, (int, float, tuple))
        }
        for module in (additive_fit, pointwise_fit)
    ]
    arrays = [*(getattr(cells, name) for name in _OF_CELLS), cells.safety]
    if unlabelled is not None:
        arrays += [unlabelled.values, unlabelled.safety, unlabelled.counts, unlabelled.areas, unlabelled.roles]
        arrays += [mask for masks in inputs.left_out for mask in masks]
    plain = {"settings": inputs.settings.as_dict(), "constants": constants, "start": start.sha256 if start else ""}
    return fingerprint_of(plain, arrays)


def _statistics(
    cells: FoldedCells, factors: Sequence[Any], settings: TrainingSettings
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


def _choose_penalties(
    problem: FoldProblem, progress: Progress, saved: SavedParts, history: StepHistory
) -> tuple[tuple[float, float], list[Additive], list[list[float]]]:
    """Return the penalties with the lowest loss, the fits of each fold and of all land, and all weights and losses.

    A fit is the mean of those with all penalties, by their loss: the lowest one may be so by chance. That of a model to
    fine-tune is the one with the lowest loss, which may leave the model as it is.
    """
    channels, (continuous, knots) = problem.image.shape[1], problem.knots.shape
    tried = additive_fit.PENALTIES if problem.centre is None else additive_fit.START_PENALTIES
    total, done = len(tried) * (problem.folds + 1), 0

    def fit(model: int, chosen: tuple[float, float], start: Additive | None) -> Additive:
        nonlocal done
        if problem.centre is not None and chosen[0] >= additive_fit.UNCHANGED:
            found = Additive(problem.centre)
        else:
            columns, labels, weights, offset = problem.training_data(model)
            data = columns, labels, weights, additive_fit.penalty(channels, continuous, *chosen, knots)
            rest = start, problem.centre, offset, problem.bounds
            found = additive_fit.fit(*data, lambda: stop_if_cancelled(progress), *rest)
        done += 1
        progress.report(done / total)
        history.report_share(done / total)
        return found

    fits: list[list[Additive]] = []
    losses: list[list[float]] = []
    found = saved.get(_PART)
    if found:
        with saved.restoring():
            losses = [list(row) for row in found[0]]
            fits = [[Additive(one) for one in found[1][str(number)].numpy()] for number in range(len(losses))]
        done = len(fits) * problem.folds
    for number, chosen in enumerate(tried[len(fits) :], len(fits)):
        if fits and history.stop_requested():
            break
        fits.append([fit(fold, chosen, fits[-1][fold] if number else None) for fold in range(problem.folds)])
        loss = problem.loss(problem.out_of_fold(problem.logits(fits[-1])))
        losses.append([*chosen, loss])
        saved.put(_PART, [*losses], lambda: {str(place): _stacked(own) for place, own in enumerate(fits)})
    found_losses = np.array([row[-1] for row in losses])
    best = int(np.argmin(found_losses))
    weights = np.exp((found_losses[best] - found_losses) / additive_fit.LOSS_SCALE)
    if problem.centre is not None:
        weights[:] = np.arange(len(weights)) == best
    weights[weights < additive_fit.MIN_WEIGHT] = 0
    weights /= weights.sum()
    means: list[np.ndarray] = [np.zeros(1)] * (problem.folds + 1)
    for own, chosen, weight in zip(fits, tried, weights):
        if weight:
            own = [*own, fit(problem.folds, chosen, own[0])]
            means = [mean + weight * one.coefficients for mean, one in zip(means, own)]
    rows = [[*row[:2], weight, row[-1]] for row, weight in zip(losses, weights.tolist())]
    return tried[best], [Additive(one) for one in means], rows


def _stacked(fits: list[Additive]) -> torch.Tensor:
    return torch.from_numpy(np.stack([one.coefficients for one in fits]))
