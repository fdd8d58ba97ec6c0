"""Curves that do not fall, or do not rise: susceptibility against slope up to an angle, and against a factor of safety.

The additive part is piecewise linear in a factor, so it does not fall exactly if the slopes between its knots are not
negative. They are its variables here, and the convex problem has bounds. The network does not see these factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..encoding import FactorSpec
from ..errors import ParameterInvalid
from ..factors.definitions import CONTINUOUS
from ..networks.unet import NONE
from ..stack import match_names
from ..texts import join_names
from .additive_fit import Bounded
from .settings import BOTH, FACTOR_OF_SAFETY, SLOPE, TrainingSettings

FACTORS = {SLOPE: ("slope",), FACTOR_OF_SAFETY: ("factor_of_safety", "safety_factor")}
"""Names of the factor that a word of MONOTONE means."""
TOLERANCE = 1e-5  # of a slope of a stored curve, which is rounded to single precision


@dataclass(frozen=True)
class MonotoneCurve:
    """A continuous channel in which the logit does not fall (``sign`` 1) or does not rise (−1), up to a value."""

    channel: int
    sign: int
    up_to: float = np.inf  # z-score

    def segments(self, knots: np.ndarray) -> np.ndarray:
        """Return between which knots of the factor, increasing, the curve is bound, bool (knots − 1,)."""
        return knots[:-1] < self.up_to

    def is_kept(self, knots: np.ndarray, heights: np.ndarray) -> bool:
        """Return whether a curve, by its heights at the knots, is as it must be."""
        slopes = self.sign * np.diff(heights) / np.diff(knots)
        return bool((slopes[self.segments(knots)] >= -TOLERANCE).all())


def monotone_curves(settings: TrainingSettings, specs: Sequence[FactorSpec]) -> list[MonotoneCurve]:
    """Return the curves that MONOTONE binds; ``specs`` are those of the encoding, whose continuous factors come first.

    Raises ``ParameterInvalid`` if a factor is not there, is categorical, or the slope is not in degrees.
    """
    if settings.monotone == NONE:
        return []
    words = (SLOPE, FACTOR_OF_SAFETY) if settings.monotone == BOTH else (settings.monotone,)
    names, found = [spec.name for spec in specs], []
    continuous = [spec.name for spec in specs if spec.kind == CONTINUOUS]
    for word in words:
        matched = [name for wanted in FACTORS[word] for name in match_names([wanted], names).values()]
        if not matched:
            title = word.replace("_", " ")
            raise ParameterInvalid(
                f"MONOTONE is {settings.monotone}, but the factor stack has no factor {FACTORS[word][0]}. It has: "
                f"{join_names(names)}. Build the stack with the {title}, or choose another MONOTONE."
            )
        spec = specs[names.index(matched[0])]
        if spec.kind != CONTINUOUS:
            raise ParameterInvalid(f'MONOTONE needs numbers, but the factor "{spec.name}" of the stack has classes.')
        channel = continuous.index(spec.name)
        if word == FACTOR_OF_SAFETY:
            found.append(MonotoneCurve(channel, -1))
            continue
        if spec.unit not in ("", "degrees", "degree", "deg", "°"):
            raise ParameterInvalid(
                f'MONOTONE_ANGLE is in degrees, but the factor "{spec.name}" of the stack is in {spec.unit}. Build '
                "the stack with the slope in degrees."
            )
        found.append(MonotoneCurve(channel, 1, (settings.monotone_angle - spec.mean) / (spec.std or 1.0)))
    return found


def bounds(curves: Sequence[MonotoneCurve], channels: int, knots: np.ndarray) -> Bounded | None:
    """Return the variables of the additive part in which the curves have bounds; ``None`` without curves.

    In place of the heights of a curve stand the height at its first knot and the slopes between its knots, the linear
    term included, in the direction of the bound.
    """
    if not curves:
        return None
    continuous, count = knots.shape[0], knots.shape[1] - 2
    size = 1 + channels + continuous * count
    matrix, bounded = np.eye(size), np.zeros(size, dtype=bool)
    for curve in curves:
        own, linear = knots[curve.channel].astype(np.float64), 1 + curve.channel
        hats = 1 + channels + curve.channel * count + np.arange(count)
        steps, segments = np.diff(own[1:-1]), curve.segments(own)
        matrix[linear, linear] = curve.sign
        # Each height is the one before plus the step times the slope, of which the linear term is a part.
        matrix[hats, hats[0]] = 1
        matrix[np.ix_(hats, hats[1:])] = curve.sign * np.tri(count, count - 1, -1) * steps
        matrix[hats, linear] = -curve.sign * np.concatenate([[0.0], np.cumsum(steps)])
        # Before the first knot of a curve and after its last one there is the linear term alone.
        bounded[linear] = segments[0] or segments[-1]
        bounded[hats[1:]] = segments[1:-1]
    return Bounded(matrix, bounded)


def require_kept(curves: Sequence[MonotoneCurve], network: Any, name: str) -> None:
    """Raise ``ParameterInvalid`` if a model to fine-tune does not keep what MONOTONE asks for."""
    for curve in curves:
        if not is_kept(curve, network):
            raise ParameterInvalid(
                f"MONOTONE binds how the model answers to a factor, but the model {name} of START_FROM was trained "
                "without it. Choose MONOTONE=none, or a model that was trained with the same MONOTONE."
            )


def is_kept(curve: MonotoneCurve, network: Any) -> bool:
    """Return whether a network of curves and single cells is as a curve must be, in both parts."""
    own = network.curves
    knots = own.knots[curve.channel].double().numpy()
    linear = (own.linear.weight[1] - own.linear.weight[0]).detach()[curve.channel, 0, 0].double().numpy()
    heights = (own.heights[:, 1] - own.heights[:, 0]).detach()[curve.channel].double().numpy()
    seen = bool(network.layers[0].weight[:, curve.channel].any()) and network.has_residual
    return not seen and curve.is_kept(knots, linear * knots + heights)
