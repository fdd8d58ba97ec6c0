"""A U-Net on top of a model of cross-fitting: as deep, as long and as much of it as the folds show to hold."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ..encoding import Encoding
from ..history.writing import STOPPED, TrainingLog
from ..labels import LANDSLIDE, STABLE
from ..networks import build_network
from ..networks.unet import set_generator
from ..progress import NullProgress, Progress, SubProgress, stop_if_cancelled
from ..threads import limited_to
from ..windows.cell_windows import CellWindows
from ..windows.folded_cells import FoldedCells
from .cross_fitted import CrossFitted, signed
from .devices import choose_device, deterministic_torch, device_errors_explained
from .fold_problem import FoldProblem
from .loop import TrainingData, WeightEma
from .pointwise_fit import DECAY, MAX_AVERAGING, SHRINKAGE
from .settings import TrainingSettings

WIDTH = 16
LEARNING_RATE = 1e-3
BATCH = 32  # windows of each class in a step
CHECKPOINTS = (50, 100, 200, 400)  # steps after which the networks are judged
PATIENCE = 2  # checkpoints without a lower loss after which training ends
MAX_SIDE = 64  # of a window in cells; deeper networks see less in training than in prediction
_JUDGED_WINDOWS = 256  # computed at once


def window_side(depth: int) -> int:
    """Return the side in cells of a window in whose middle a U-Net of a depth sees all that it can."""
    align = 2**depth
    reach = -(-((4 + min(depth, 2)) * align - 2) // align) * align
    return min(2 * reach + align, max(MAX_SIDE, 2 * align))


def add_unet(
    result: CrossFitted,
    cells: FoldedCells,
    around: Sequence[CellWindows],
    settings: TrainingSettings,
    progress: Progress,
    log: TrainingLog,
) -> CrossFitted:
    """Return a fitted model with a U-Net of single windows on top, if one lowers the loss out of fold.

    ``around`` has for the depths 1, 2 … windows around some cells. With a U-Net, only those cells have a logit out of
    fold, and they stand for all. When ``log`` requests a stop, the best so far is taken.
    """
    device = choose_device(settings.device)
    best: Any = None
    with limited_to(1), device_errors_explained(device), deterministic_torch():
        for place, windows in enumerate(around):
            part = SubProgress(progress, place / len(around), (place + 1) / len(around))
            found = _UNets(result, windows, place + 1, settings, device)
            found.choose(part, log)
            if best is None or found.gain > best.gain:
                best = found
            if log.stop_requested():
                result.fitted.ended = STOPPED
                progress.warn("Training was stopped by hand, so fewer U-Nets and steps of them were tried.")
                break
        result.choice.unets = [[float(best.depth), *row] for row in best.tried]
        if best.gain <= 0:
            result.choice.unet = "A U-Net makes it no better out of fold and is left out."
            progress.report(1.0, result.choice.unet)
            return result
        return best.fitted(cells, progress)


class _UNets:
    """U-Nets of one depth, one for each fold and the last for all land."""

    def __init__(
        self, result: CrossFitted, around: CellWindows, depth: int, settings: TrainingSettings, device: torch.device
    ) -> None:
        self._result, self._rows, self.depth, self._device = result, around.rows, depth, device
        rows = self._rows
        self._problem = _restricted(result.problem, rows)
        encoding = Encoding(result.fitted.factors, settings.encoding)
        self._data = TrainingData(around.windows, encoding, device, NullProgress())
        self._places = around.places
        image = torch.from_numpy(np.ascontiguousarray(result.problem.image[rows].T))[None, :, :, None]
        self._networks = [*result.of_folds, result.fitted.network]
        with torch.inference_mode():
            logits = [network(image)[0, :, :, 0] for network in self._networks]
        self._base = torch.stack([one[1] - one[0] for one in logits]).to(device)
        architecture = {"type": "unet", "channels": encoding.channels, "width": WIDTH, "depth": depth}
        architecture["dropout"] = float(result.fitted.architecture["dropout"])
        first = build_network(architecture, settings.seed)
        head: Any = first.head
        with torch.no_grad():
            head.weight.zero_()
            head.bias.zero_()
        self._dropout = torch.Generator(device).manual_seed(settings.seed)
        self._generator = np.random.default_rng([settings.seed, 24, depth])
        self._unets = [copy.deepcopy(first).to(device) for _ in self._networks]
        for unet in self._unets:
            set_generator(unet, self._dropout)
        self._averages = [WeightEma(unet, MAX_AVERAGING) for unet in self._unets]
        self._kept: list[dict[str, torch.Tensor]] = []
        self.gain, self._steps, self._shrink = 0.0, 0, 0.0
        self.tried: list[list[float]] = []  # steps, shrinkage, losses

    def choose(self, progress: Progress, log: TrainingLog) -> None:
        """Train as long as it pays, and keep what is best out of fold."""
        before = self._spread(self._result.out_of_fold)
        self.tried = [[0.0, 0.0, *self._problem.losses(before)]]
        optimisers = [
            torch.optim.AdamW(unet.parameters(), lr=LEARNING_RATE, weight_decay=DECAY) for unet in self._unets
        ]
        step, best_place = 0, 0
        for place, checkpoint in enumerate(CHECKPOINTS, 1):
            while step < checkpoint:
                if log.stop_requested():
                    return
                step += 1
                for model, optimiser in enumerate(optimisers):
                    stop_if_cancelled(progress)
                    self._step(model, optimiser, step)
                progress.report(step / CHECKPOINTS[-1])
            added, kept = self._added(progress), [average.weights() for average in self._averages]
            for shrink in SHRINKAGE:
                losses = self._problem.losses(before + shrink * added)
                gain = self.tried[0][-1] - losses[-1]
                self.tried.append([float(step), shrink, *losses])
                if gain > self.gain:
                    self.gain, self._steps, self._shrink, best_place = gain, step, shrink, place
                    self._kept = kept
            if place - best_place >= PATIENCE:
                break

    def fitted(self, cells: FoldedCells, progress: Progress) -> CrossFitted:
        """Return the model with the chosen U-Net."""
        for unet, weights in zip(self._unets, self._kept):
            unet.load_state_dict(weights)
            with torch.no_grad():
                head: Any = unet.head
                head.weight.mul_(self._shrink)
                head.bias.mul_(self._shrink)
        result, choice = self._result, self._result.choice
        after = self._spread(result.out_of_fold) + self._added(progress, trained=True)
        on_training = self._spread(result.on_training)
        on_training[self._rows] += self._logit(len(self._unets) - 1, np.arange(len(self._rows)), True, progress)
        gain = self._problem.auc(after) - self._problem.auc(result.out_of_fold)
        how = f"{self._steps} steps, {100 * self._shrink:.0f} % of it"
        choice.unet = f"A U-Net of depth {self.depth} adds {signed(gain)} AUC out of fold ({how})."
        choice.depth = self.depth
        if self._problem.constraint is not None:
            choice.violation = self._problem.constraint.violation_rate(after)
        progress.report(1.0, choice.unet)
        made = [_with_unet(own, unet, result.fitted.architecture) for own, unet in zip(self._networks, self._unets)]
        fitted = dataclasses.replace(result.fitted, network=made[-1][0], architecture=made[-1][1])
        return dataclasses.replace(
            result,
            fitted=fitted,
            out_of_fold=after,
            on_training=on_training,
            problem=self._problem,
            of_folds=[network for network, _ in made[:-1]],
            counts=_standing_for_all(cells, self._rows),
        )

    def _step(self, model: int, optimiser: torch.optim.Optimizer, step: int) -> None:
        weights, slide = self._problem.training_weights(model)[self._rows], self._problem.slide[self._rows]
        drawn = []
        for some in (slide, ~slide):
            mine = np.where(some, weights, 0)
            drawn.append(self._generator.choice(len(mine), BATCH, p=mine / mine.sum()))
        indices = np.concatenate(drawn)
        unet = self._unets[model].train()
        image = self._data.batch(indices)[0]
        logit = self._at_cells(unet(image), indices) + self._base[model, torch.from_numpy(indices).to(self._device)]
        sign = torch.ones(2 * BATCH, device=self._device)
        sign[:BATCH] = -1
        optimiser.zero_grad()
        functional.softplus(sign * logit).mean().backward()
        optimiser.step()
        self._averages[model].update(step)

    def _added(self, progress: Progress, trained: bool = False) -> np.ndarray:
        """Return what the U-Net of the fold that holds it out adds to each cell with a window, NaN elsewhere."""
        result = np.full(len(self._problem.slide), np.nan)
        for model, mine in enumerate(self._problem.held_out):
            some = np.flatnonzero(mine[self._rows])
            if len(some):
                result[self._rows[some]] = self._logit(model, some, trained, progress)
        return result

    def _logit(self, model: int, indices: np.ndarray, trained: bool, progress: Progress) -> np.ndarray:
        network = (self._unets[model] if trained else self._averages[model].network).eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(indices), _JUDGED_WINDOWS):
                stop_if_cancelled(progress)
                some = indices[start : start + _JUDGED_WINDOWS]
                parts.append(self._at_cells(network(self._data.batch(some)[0]), some).cpu().double().numpy())
        return np.concatenate(parts)

    def _at_cells(self, logits: torch.Tensor, indices: np.ndarray) -> torch.Tensor:
        """Return the logit of landslide over stable of the cells of some windows."""
        row, column = torch.from_numpy(self._places[indices].T).to(self._device)
        found = logits[torch.arange(len(indices), device=self._device), :, row, column]
        return found[:, 1] - found[:, 0]

    def _spread(self, logit: np.ndarray) -> np.ndarray:
        """Return the logits of the cells with a window, NaN elsewhere."""
        result = np.full(len(logit), np.nan)
        result[self._rows] = logit[self._rows]
        return result


def _restricted(problem: FoldProblem, rows: np.ndarray) -> FoldProblem:
    """Return the problem with the cells of some rows alone."""
    some = np.zeros(len(problem.slide), dtype=bool)
    some[rows] = True
    return problem.restricted(some)


def _standing_for_all(cells: FoldedCells, rows: np.ndarray) -> np.ndarray:
    """Return the cells of the area that each cell stands for when only some rows are used, 0 for the others."""
    result = np.zeros(len(cells.counts))
    for label in (LANDSLIDE, STABLE, None):
        mine = cells.labels == label if label is not None else ~np.isin(cells.labels, (LANDSLIDE, STABLE))
        some = rows[mine[rows]]
        if len(some):
            result[some] = cells.counts[some] * cells.counts[mine].sum() / cells.counts[some].sum()
    return result


def _with_unet(pointwise: Any, unet: Any, architecture: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a network with a U-Net beside it, and its description."""
    own = {name: value for name, value in architecture.items() if name != "type"}
    parts = {"unet_width": WIDTH, "unet_depth": unet.depth, "trees": 0, "nodes": 0, "tree_depth": 0}
    described = {"type": "pcum_parts", **own, **parts}
    network: Any = build_network(described)
    set_generator(unet, None)
    network.pointwise, network.unet = pointwise, unet.cpu()
    return network.eval(), described
