"""The error of one cross-fitted model: its map as ever, and how much the networks of its folds differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..artifact import TrainedModel
from ..errors import ParameterInvalid
from ..networks.pointwise import AdditivePointwise
from ..progress import Progress
from ..stack import Stack
from ..uncertainty import jackknife_factor
from .engines import CompactTile, Engine, FoldsEngine, make_engine
from .ensemble import Ensemble, RunningSpread
from .unet_inference import Span, Step


class FoldEnsemble(Ensemble):
    """A model whose map is its own, and whose spread is the jackknife error over the networks of its folds."""

    @property
    def members(self) -> int:
        """Number of maps that are computed."""
        return 1 + len(self.models[0].folds)

    @property
    def averaged(self) -> int:
        """Number of maps that are averaged: that of the model alone."""
        return 1

    def engines(self, device: torch.device, dtypes: Sequence[torch.dtype]) -> list[Engine]:
        """Prepare the network of all land, and those of the folds."""
        model, tables = self.models[0], self._tables[0]
        networks = [model.network, *(fold.network for fold in model.folds)]
        if all(isinstance(one, AdditivePointwise) for one in networks) and _same_knots(networks):
            return [FoldsEngine(networks, tables, model.encoder, device)]
        own = [make_engine(model.with_network(fold.network), tables, device, dtypes[0]) for fold in model.folds]
        return [*super().engines(device, dtypes), *own]

    def predict(
        self, engines: Sequence[Engine], tiles: Sequence[CompactTile], core: Span, step: Step
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the susceptibility of the model and its error, as :meth:`Ensemble.predict` does."""
        model, (tile,) = self.models[0], tiles
        own, *of_folds = engines
        if isinstance(own, FoldsEngine):
            return _together(own, model, tile, core, step)
        total = RunningSpread()

        def susceptibility(engine: Engine) -> np.ndarray:
            logit = engine.logit(tile, core, None, lambda share: step(share / self.members))
            return torch.sigmoid_(model.calibrated(torch.from_numpy(logit))).numpy()

        for engine in of_folds:
            total.add(susceptibility(engine))
        error = jackknife_factor(len(of_folds)) * total.deviation()
        return susceptibility(own), error.astype(np.float32)


def _together(
    engine: FoldsEngine, model: TrainedModel, tile: CompactTile, core: Span, step: Step
) -> tuple[np.ndarray, np.ndarray]:
    mean = np.empty((core.height, core.width), dtype=np.float32)
    error, factor = np.empty_like(mean), jackknife_factor(len(model.folds))
    for first, last, logits in engine.strips(tile, core, step):
        own, *of_folds = torch.sigmoid(model.calibrated(logits)).cpu().numpy()
        total = RunningSpread()
        for one in of_folds:
            total.add(one)
        mean[first:last], error[first:last] = own, factor * total.deviation()
    return mean, error


def _same_knots(networks: Sequence[AdditivePointwise]) -> bool:
    knots = networks[0].curves.knots
    return all(torch.equal(one.curves.knots, knots) for one in networks[1:])


def make_ensemble(
    stack: Stack, models: Sequence[TrainedModel], names: Sequence[str], samples: int, progress: Progress, spread: bool
) -> Ensemble:
    """Return the ensemble of some models; with ``spread`` one that has more than one member, or its folds.

    Raises ``ParameterInvalid`` if there is a single model without samples that has no folds, and as
    :class:`Ensemble`.
    """
    if not spread or len(models) * max(samples, 1) > 1:
        return Ensemble(stack, models, names, samples, progress)
    if len(models[0].folds) < 2:
        raise ParameterInvalid(
            "OUTPUT_UNCERTAINTY is the standard deviation over several maps. Set SAMPLES to 2 or "
            "more, or give several models."
        )
    return FoldEnsemble(stack, models, names, samples, progress)
