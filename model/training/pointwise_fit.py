"""The network of PCUM by cross-fitting: of single cells, on top of a fixed logit, for all folds side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ..history import writing
from ..networks.pointwise import bounded
from ..progress import Progress, stop_if_cancelled
from .additive_fit import Additive
from .checkpoint import SavedParts, moments_of, restore_moments
from .fine_tuning import LEARNING_RATE_FACTOR
from .fold_problem import FoldProblem, SoftRows
from .step_history import StepHistory

WIDTH, DROPOUT, CHANNEL_DROPOUT = 64, 0.3, 0.2
LEARNING_RATE, DECAY = 3e-3, 0.1
BATCH = 192  # cells of each class in a step
MAX_AVERAGING, AVERAGING_STEPS = 0.97, 10  # decay of the average after t steps: min(0.97, t / (10 + t))
CHECKPOINTS = (50, 100, 200, 400, 800, 1600, 3200)  # steps after which the networks are judged
SHRINKAGE = (0.25, 0.5, 0.75, 1.0)  # shares of the network that may be added, beside none
PATIENCE = 3  # checkpoints without a lower loss after which training ends; the first ones say little
_DRAWN_STEPS = 50  # whose cells are drawn at once
_PART = "network"  # of a checkpoint


class PointwiseFit:
    """Networks of single cells, one for each fold and the last for all land, whose logit is added to a fixed one."""

    def __init__(
        self, problem: FoldProblem, additive: list[Additive], seed: int, device: torch.device, origin: Any = None
    ) -> None:
        """Start from zero, or from the network of ``origin``, a model to fine-tune."""
        self._problem, self._count, self._device = problem, len(additive), device
        self._tuned = origin is not None and origin.has_residual
        self._additive = [one.logit(problem.columns) for one in additive]
        self._base = torch.from_numpy(np.stack(self._additive).astype(np.float32)).to(device)
        image, continuous = problem.image.copy(), len(problem.knots)
        image[:, :continuous] = np.clip(image[:, :continuous], problem.knots[:, 0], problem.knots[:, -1])
        image[:, problem.hidden] = 0
        self._image = torch.from_numpy(image).to(device)
        self._soft = None if problem.soft is None else _Soft(problem, problem.soft, additive, device)
        # All random numbers are drawn on the CPU, so that a GPU trains the same networks up to rounding.
        self._generator = torch.Generator().manual_seed(seed)
        first = _of_module(origin) if self._tuned else _new_network(image.shape[1], self._generator)
        # Without a gradient and with decay alone they stay zero.
        first[0][:, problem.hidden] = 0
        self._share = float(origin.share) if self._tuned else 1.0  # of the networks in training
        self._rates = [drop.rate for drop in origin.drops] if self._tuned else [CHANNEL_DROPOUT, DROPOUT, DROPOUT]
        self._parameters = [one.repeat(self._count, 1, 1).to(device).requires_grad_() for one in first]
        self._average = [one.detach().clone() for one in self._parameters]
        self._kept = {0: [one.detach().clone() for one in self._parameters]}  # averages by steps
        draws = [problem.training_weights(model) for model in range(self._count)]
        self._draws = [
            (rows, torch.from_numpy(np.stack([weights[rows] for weights in draws])))
            for rows in (np.flatnonzero(problem.train[-1] & some) for some in (problem.slide, ~problem.slide))
        ]
        self._warned_share = torch.zeros(self._count, device=device)  # of the land of each model with a safety factor
        constraint = problem.constraint
        self._constraint = constraint if constraint is not None and constraint.has_gradient else None
        if self._constraint is not None and self._constraint.warned.any():
            rows, area = np.flatnonzero(self._constraint.warned), self._constraint.area
            warned, known = problem.inside[:, rows] * area[rows], problem.inside @ area
            self._warned_share = torch.from_numpy(warned.sum(axis=1) / np.maximum(known, 1e-9)).float().to(device)
            # Where no land of a model is under warning, the share is 0, and any cell will do.
            warned[warned.sum(axis=1) == 0] = 1
            self._draws.append((rows, torch.from_numpy(warned)))
            self._safety = torch.from_numpy(self._constraint.safety).to(device)
        else:
            self._constraint = None

    def leave_out(self, history: StepHistory) -> tuple[int, float, list[list[float]]]:
        """Do what :meth:`choose` does, with no network to choose."""
        tried = [[0.0, 0.0, *self._judge(self._added(0, 0.0))]]
        self._record(history, tried)
        return _best(tried)

    def choose(
        self, progress: Progress, saved: SavedParts, history: StepHistory
    ) -> tuple[int, float, list[list[float]]]:
        """Train as long as it pays; return steps and shrinkage with the lowest loss, and for all of them the losses.

        These are the log loss and, with a constraint to learn, last the sum with its term, which decides.
        """
        tried = [[0.0, 0.0, *self._judge(self._added(0, 0.0))]]
        rate = LEARNING_RATE * (LEARNING_RATE_FACTOR if self._tuned else 1.0)
        optimiser = torch.optim.AdamW(self._parameters, lr=rate, weight_decay=DECAY)
        step, best_place = 0, 0
        found = saved.get(_PART)
        if found:
            with saved.restoring():
                step, best_place, tried = self._restore(*found, optimiser)
                history.restore(found[0]["history"])
            progress.report(0.0, f"Resuming after step {step} of the network from the checkpoint.")
        else:
            self._record(history, tried)
        for place, checkpoint in enumerate(CHECKPOINTS, 1):
            before, end = (0, *CHECKPOINTS)[place - 1], CHECKPOINTS[min(best_place + PATIENCE, len(CHECKPOINTS)) - 1]
            while step < checkpoint:
                for rows in self._draw(min(_DRAWN_STEPS, checkpoint - step)):
                    stop_if_cancelled(progress)
                    if history.stop_requested():
                        # A checkpoint keeps its last state, from which the training goes on as if not stopped.
                        return _best(tried)
                    step += 1
                    self._step(rows, optimiser, step)
                progress.report(step / end)
                history.report_share((step - before) / (checkpoint - before))
                if step < checkpoint:
                    self._save(saved, step, best_place, tried, optimiser, history)
            if checkpoint not in self._kept:
                lowest = min(row[-1] for row in tried)
                self._kept[checkpoint] = [one.clone() for one in self._average]
                tried += [[float(checkpoint), *losses] for losses in self._losses(checkpoint)]
                if min(row[-1] for row in tried[-len(SHRINKAGE) :]) < lowest:
                    best_place = place
                self._record(history, tried[-len(SHRINKAGE) :])
                self._save(saved, step, best_place, tried, optimiser, history)
            if place - best_place >= PATIENCE:
                history.ended = writing.PATIENCE
                break
        self._save(saved, step, best_place, tried, optimiser, history, last=True)
        return _best(tried)

    def _record(self, history: StepHistory, tried: list[list[float]]) -> None:
        """Add the best of some shrinkages to the history."""
        steps, shrink, _ = _best(tried)
        losses = []
        for model, additive in enumerate(self._additive):
            rows = self._problem.learned(model)
            logit = additive[rows] + self._added_to(rows, steps, shrink, model)
            losses.append(self._problem.training_loss(model, logit))
        logit = self._problem.out_of_fold(self._additive) + self._added(steps, shrink)
        history.add(steps, float(np.mean(losses)), logit)

    def _save(
        self,
        saved: SavedParts,
        step: int,
        best_place: int,
        tried: list[list[float]],
        optimiser: torch.optim.Optimizer,
        history: StepHistory,
        last: bool = False,
    ) -> None:
        def tensors() -> dict[str, torch.Tensor]:
            groups = {"parameters": self._parameters, "average": self._average}
            groups.update({f"kept{steps}": average for steps, average in self._kept.items()})
            named = {f"{name}/{place}": one for name, group in groups.items() for place, one in enumerate(group)}
            return {**named, "generator": self._generator.get_state(), **moments_of(optimiser)}

        numbers = {"step": step, "best_place": best_place, "tried": [*tried], "history": [*history.entries]}
        saved.put(_PART, numbers, tensors, last)

    def _restore(
        self, numbers: dict[str, Any], tensors: dict[str, torch.Tensor], optimiser: torch.optim.Optimizer
    ) -> tuple[int, int, list[list[float]]]:
        def group(name: str) -> list[torch.Tensor]:
            return [tensors[f"{name}/{place}"].to(self._device) for place in range(len(self._parameters))]

        step = int(numbers["step"])
        with torch.no_grad():
            for target, value in zip([*self._parameters, *self._average], [*group("parameters"), *group("average")]):
                target.copy_(value)
        self._kept.update({steps: group(f"kept{steps}") for steps in CHECKPOINTS if f"kept{steps}/0" in tensors})
        self._generator.set_state(tensors["generator"])
        restore_moments(optimiser, tensors)
        return step, int(numbers["best_place"]), list(numbers["tried"])

    def logits(self, steps: int, shrink: float) -> list[np.ndarray]:
        """Return the logits of all cells by each model, the last that of all land."""
        if not self._tuned and not (steps and shrink):
            return self._additive
        with torch.inference_mode():
            parts = []
            for model, additive in enumerate(self._additive):
                weights = self._weights(steps, shrink, model)
                added = self._share_of(shrink) * _forward(self._image[None], weights, self._rates)[0]
                parts.append(additive + added.cpu().double().numpy())
        return parts

    def soft_logit(self, steps: int, shrink: float) -> np.ndarray | None:
        """Return the logits of the cells without labels by the model of all land; ``None`` without such cells."""
        if self._soft is None:
            return None
        return self._soft.logit(self._weights(steps, shrink, self._count - 1), self._rates, self._share_of(shrink))

    def write(self, network: Any, steps: int, shrink: float, model: int) -> None:
        """Write the network of a fold or of all land, shrunk, into the layers of a module."""
        weights = self._weights(steps, shrink, model)
        with torch.no_grad():
            network.share.fill_(self._share_of(shrink) if self._tuned or steps else 1.0)
            for number, layer in enumerate(network.layers):
                for place, target in enumerate((layer.weight, layer.bias)):
                    value = weights[2 * number + place][0]
                    target.copy_(value.t()[:, :, None, None] if place == 0 else value[0])
                    if not (self._tuned or steps):
                        target.zero_()

    def _weights(self, steps: int, shrink: float, model: int) -> list[torch.Tensor]:
        """Return the parameters of one model, or those between it and the network to fine-tune."""
        found = [one[model : model + 1] for one in self._kept[steps]]
        if self._tuned:
            # Between the weights before and after lie networks that are between both (Wortsman et al. 2022).
            return [old[model : model + 1].lerp(new, shrink) for old, new in zip(self._kept[0], found)]
        return found

    def _share_of(self, shrink: float) -> float:
        """Return by how much what a network adds is multiplied."""
        return self._share if self._tuned else shrink

    def _losses(self, steps: int) -> list[list[float]]:
        """Return shrinkages and their losses out of fold."""
        if self._tuned:
            return [[shrink, *self._judge(self._added(steps, shrink))] for shrink in SHRINKAGE]
        added = self._added(steps, 1.0)
        return [[shrink, *self._judge(shrink * added)] for shrink in SHRINKAGE]

    def _judge(self, added: np.ndarray) -> list[float]:
        return self._problem.losses(self._problem.out_of_fold(self._additive) + added)

    def _added(self, steps: int, shrink: float) -> np.ndarray:
        """Return what the network of the fold that holds it out adds to each cell that is judged, else 0."""
        result = np.zeros(len(self._image))
        if not self._tuned and not steps:
            return result
        for model, mine in enumerate(self._problem.held_out):
            rows = np.flatnonzero(mine & self._problem.judged)
            result[rows] = self._added_to(rows, steps, shrink, model)
        return result

    def _added_to(self, rows: np.ndarray, steps: int, shrink: float, model: int) -> np.ndarray:
        """Return what the network of a fold, or of all land, adds to the logits of some cells."""
        with torch.inference_mode():
            image = self._image[torch.from_numpy(rows).to(self._device)]
            found = _forward(image[None], self._weights(steps, shrink, model), self._rates)[0]
            return self._share_of(shrink) * found.cpu().double().numpy()

    def _draw(self, steps: int) -> torch.Tensor:
        """Return rows of cells, (steps, models, cells): BATCH landslide ones by weight, as many stable ones evenly, and
        with a constraint as many under warning by area.
        """
        parts = []
        for rows, weights in self._draws:
            drawn = torch.multinomial(weights, steps * BATCH, replacement=True, generator=self._generator)
            parts.append(torch.from_numpy(rows)[drawn].reshape(self._count, steps, BATCH))
        return torch.cat(parts, dim=2).transpose(0, 1)

    def _step(self, rows: torch.Tensor, optimiser: torch.optim.Optimizer, step: int) -> None:
        rows = rows.to(self._device)
        logit = self._share * _forward(self._image[rows], self._parameters, self._rates, self._generator)
        logit = logit + torch.gather(self._base, 1, rows)
        sign = torch.ones(2 * BATCH, device=self._device)
        sign[:BATCH] = -1
        loss = functional.softplus(sign * logit[:, : 2 * BATCH]).mean(dim=1)
        if self._constraint is not None:
            terms = self._constraint.terms(logit[:, 2 * BATCH :], self._safety[rows[:, 2 * BATCH :]])
            loss = loss + self._constraint.weight * self._warned_share * terms.mean(dim=1)
        if self._soft is not None:
            loss = loss + self._soft.loss(self._parameters, self._rates, self._share, self._generator)
        # The models share nothing, so that the gradient of the sum is that of each.
        loss = loss.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay = min(MAX_AVERAGING, step / (AVERAGING_STEPS + step))
        with torch.no_grad():
            for average, one in zip(self._average, self._parameters):
                average.lerp_(one, 1 - decay)


class _Soft:
    """Cells without labels, which the networks learn from by soft labels."""

    def __init__(self, problem: FoldProblem, rows: SoftRows, additive: list[Additive], device: torch.device) -> None:
        image, continuous = rows.image.copy(), len(problem.knots)
        image[:, :continuous] = np.clip(image[:, :continuous], problem.knots[:, 0], problem.knots[:, -1])
        image[:, problem.hidden] = 0
        self._image, self._weight = torch.from_numpy(image).to(device), rows.weight
        self._additive = [one.logit(rows.columns) for one in additive]
        self._base = torch.from_numpy(np.stack(self._additive).astype(np.float32)).to(device)
        self._labels = torch.from_numpy(rows.labels.astype(np.float32)).to(device)
        shares = torch.from_numpy(rows.shares)
        self._some = (shares.sum(dim=1) > 0).float().to(device)
        # A model without such land draws any cell, which then does not count.
        self._shares = torch.where(shares.sum(dim=1, keepdim=True) > 0, shares, torch.ones_like(shares))

    def loss(self, parameters: list[torch.Tensor], rates: list[float], share: float, generator: torch.Generator) -> Any:
        """Return the weighted term of each model for cells that are drawn, (models,)."""
        if not self._weight:
            return 0.0
        drawn = torch.multinomial(self._shares, BATCH, replacement=True, generator=generator).to(self._image.device)
        logit = share * _forward(self._image[drawn], parameters, rates, generator) + torch.gather(self._base, 1, drawn)
        labels = torch.gather(self._labels, 1, drawn)
        return self._weight * self._some * (functional.softplus(logit) - labels * logit).mean(dim=1)

    def logit(self, weights: list[torch.Tensor], rates: list[float], share: float) -> np.ndarray:
        """Return the logits of all cells by the last model, with the parameters of its network."""
        with torch.inference_mode():
            found: np.ndarray = _forward(self._image[None], weights, rates)[0].cpu().double().numpy()
        return self._additive[-1] + share * found


def _best(tried: list[list[float]]) -> tuple[int, float, list[list[float]]]:
    """Return steps and shrinkage with the lowest loss, and all that was tried."""
    steps, shrink, *_ = min(tried, key=lambda row: row[-1])
    return int(steps), shrink, tried


def _new_network(channels: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Return the parameters of a network that adds nothing yet, each (1, inputs, outputs)."""
    sizes = [(channels, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)]
    shapes = [(rows, outputs, inputs) for inputs, outputs in sizes for rows in (inputs, 1)]
    # As torch starts convolutions; the last layer is zero.
    return [
        (2 * torch.rand((1, rows, outputs), generator=generator) - 1) * (0.0 if outputs == 1 else inputs**-0.5)
        for rows, outputs, inputs in shapes
    ]


def _of_module(network: Any) -> list[torch.Tensor]:
    """Return the same of the layers of a module."""
    parts = [(layer.weight[:, :, 0, 0].t(), layer.bias[None]) for layer in network.layers]
    return [one.detach().clone()[None] for pair in parts for one in pair]


def _forward(
    image: torch.Tensor, parameters: list[torch.Tensor], rates: list[float], dropout: torch.Generator | None = None
) -> Any:
    """Return what networks add to logits, (models, cells), of images (models, cells, channels)."""
    for number, rate in enumerate(rates):
        if dropout is not None:
            keep = (torch.rand(image.shape, generator=dropout) >= rate).to(image.device)
            image = image * (keep.float() / (1 - rate))
        weight, bias = parameters[2 * number : 2 * number + 2]
        image = torch.baddbmm(bias, image, weight)
        if number < len(rates) - 1:
            image = functional.silu(image)
    return bounded(image[:, :, 0])
