"""What each factor adds to the susceptibility of a cell, against typical land of the area.

Shapley values (1953) with the factors as players, sampled as Štrumbelj and Kononenko (2014) do: from land that has the
same typical values everywhere, to the real land, factor after factor in some order. What the logit of a cell gains when
a factor comes, counts for that factor, wherever its values lie that the network looks at; so a cell's contributions
explain the cell's own susceptibility. Averaged over several typical lands and orders, each order also backwards. In
every single order the gains sum to the logit − the logit of the typical land, so the contributions do so to rounding,
with any number of orders.

Why not integrated gradients (Sundararajan, Taly and Yan 2017), of which these are the form without derivatives? Trees
and tables have no gradient. A network's gradients are of one number a pass: of the sum over all cells they tell what
a cell's values do to its neighbours, and of each cell for itself they took sixty times a prediction on a processor. And
from the one land that is average in everything, a factor with a best value in the middle seems to lower the
susceptibility wherever it is: on the demo, rain then raised it in hardly a cell that it led. Captum would bring the
gradients and no more.
"""

from __future__ import annotations

import numpy as np
import torch

from ..progress import Progress, stop_if_cancelled
from .response import weighted_quantile
from .sample import Cells
from .subject import Subject


class TypicalLand:
    """Lands without texture, whose values are spread evenly over the area's, and the orders in which factors come."""

    def __init__(self, subject: Subject, cells: Cells, count: int, seed: int) -> None:
        """Draw them.

        Each factor takes the middles of ``count`` equal parts of its distribution, shuffled (Latin hypercube; McKay,
        Beckman and Conover 1979), so that a few stand for the whole range of each.

        Args:
            subject: the model.
            cells: of the area.
            count: of lands.
            seed: of all draws.
        """
        generator = np.random.default_rng([seed, 25])
        levels = [(number + 0.5) / count for number in range(count)]
        values = np.stack([generator.permutation(weighted_quantile(plane, cells.weights, levels))
                           for plane in cells.values]).astype(np.float32)
        self.images = subject.model.encoder.encode(values[:, None])[0][:, 0].T.copy()
        """Encoded, float32 (lands, channels)."""
        self.orders = np.stack([generator.permutation(len(values)) for _ in range(count)])
        """Order of the factors for each land, int64 (lands, factors)."""

    def __len__(self) -> int:
        return len(self.images)


def contributions(subject: Subject, raw: np.ndarray, lands: TypicalLand, progress: Progress
                  ) -> tuple[np.ndarray, np.ndarray]:
    """Return what each factor adds to the logit of each cell.

    Args:
        subject: the model.
        raw: factors of a tile, its halo included, (factors, height, width), NaN without data; sizes are multiples of
            ``align``.
        lands: to compare with.
        progress: 0 to 1 over the lands.

    Returns:
        float32 (factors, height, width), NaN without data, and what they sum to: logit − mean logit of the typical
        lands, (height, width). A typical land lacks data where the real one does.
    """
    image, valid = subject.model.encoder.encode(raw)
    device = subject.model.device
    here, there = torch.from_numpy(image).to(device), torch.from_numpy(valid).to(device)
    channels = [torch.from_numpy(np.flatnonzero(subject.owner == factor)).to(device)
                for factor in range(len(subject.factors))]
    result = torch.zeros((len(channels), *valid.shape), dtype=torch.float32, device=device)
    end, started = subject.margin(here[None])[0], torch.zeros(valid.shape, dtype=torch.float32, device=device)
    for number, (typical, order) in enumerate(zip(lands.images, lands.orders.tolist())):
        start = torch.from_numpy(typical).to(device)[:, None, None] * there
        first = subject.margin(start[None])[0]
        started += first
        way, last = torch.stack([start, start]), torch.stack([first, first])
        for place, pair in enumerate(zip(order, order[::-1])):
            stop_if_cancelled(progress)
            for one, factor in enumerate(pair):
                way[one, channels[factor]] = here[channels[factor]]
            now = subject.margin(way) if place + 1 < len(order) else torch.stack([end, end])
            for one, factor in enumerate(pair):
                result[factor] += now[one] - last[one]
            last = now
        progress.report((number + 1) / len(lands))
    result /= 2 * len(lands)
    whole = end - started / len(lands)
    result[:, ~there], whole[~there] = torch.nan, torch.nan
    return result.cpu().numpy(), whole.cpu().numpy()
