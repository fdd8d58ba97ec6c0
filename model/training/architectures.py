"""What each kind of network is built of, and the labels that networks with one answer a patch learn from."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..encoding import Encoding
from ..errors import ParameterInvalid, TooFewData
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..windows.reading import WindowSet
from ..windows.split import SUBSETS
from .kinds import BPNN, NETWORK_KINDS, PATCH_KINDS, RESNET, patch_of
from .settings import TrainingSettings

THINNED = 7
"""Every such training cell serves for the quantiles; neighbours are alike."""
OUTER = (0.02, 0.98)
"""Quantiles of the outer knots; beyond them the curves are level, so rare values do not run away."""
LEAST_STEP = 1e-3
"""Between two knots, in standard deviations."""


def architecture_of(kind: str, channels: int, settings: TrainingSettings, cell: float, continuous: int = 0
                    ) -> dict[str, Any]:
    """Return the description of a network, for ``build_network``.

    Args:
        kind: ``pcum``, ``unet``, ``bpnn`` or ``resnet``.
        channels: of the encoded factors.
        settings: give width, depth and dropout.
        cell: size of a cell in metres.
        continuous: how many of the channels are continuous factors; they come first.

    Raises:
        ParameterInvalid: the kind is no network, or KNOTS is 1.
    """
    if kind not in NETWORK_KINDS:
        raise ParameterInvalid(f'KIND is "{kind}", which is no network. Choose one of: {", ".join(NETWORK_KINDS)}.')
    common = {"channels": channels, "width": settings.width, "dropout": float(settings.dropout)}
    if kind in PATCH_KINDS:
        return {"type": {BPNN: "bpnn", RESNET: "resnet"}[kind], "patch": patch_of(kind, cell), **common}
    if settings.knots == 1:
        raise ParameterInvalid("KNOTS is 1, but a curve needs at least two knots. Choose 0 for no curves.")
    if settings.knots and continuous:
        return {"type": "additive_unet", "depth": settings.depth, "continuous": continuous, "knots": settings.knots,
                **common}
    return {"type": "unet", "depth": settings.depth, **common}


def knots_of(encoding: Encoding, windows: WindowSet, count: int) -> np.ndarray:
    """Return where the curves of the continuous factors bend: at quantiles of the training cells, evenly spaced.

    Args:
        encoding: fitted on the training windows.
        windows: with physical values.
        count: knots of a curve.

    Returns:
        Rising z-scores, float32 (continuous factors, ``count``).
    """
    parts = [cells[encoding.continuous][:, ::THINNED] for cells in windows.training_cells()]
    values = np.concatenate(parts, axis=1).astype(np.float64)
    specs = [encoding.factors[index] for index in encoding.continuous]
    scores = np.stack([(row - spec.mean) / (spec.std or 1.0) for row, spec in zip(values, specs)])
    knots = np.quantile(scores, np.linspace(*OUTER, count), axis=1).T
    # Where many cells have the same value, quantiles fall together; a little apart they bend the curve all the same.
    return (knots + LEAST_STEP * np.arange(count)).astype(np.float32)


def patch_labels(windows: WindowSet, patch: int) -> WindowSet:
    """Return windows in which all labelled cells of a patch carry the patch's one label.

    A patch is landslide when one of its cells is, as in the paper. One of which less than half is labelled says
    nothing. Cells that had no label keep none, so a patch counts by how much of it is known; doing this twice changes
    nothing.

    Args:
        windows: whose padded sides are multiples of ``patch``.
        patch: cells along the side of a patch; 1 changes nothing.

    Raises:
        TooFewData: a subset is left without landslide patches or without stable ones.
    """
    if patch == 1:
        return windows
    count, padded = len(windows), windows.labels.shape[-1]
    parts = windows.labels.reshape(count, padded // patch, patch, padded // patch, patch)
    known = (parts != UNKNOWN).sum(axis=(2, 4), keepdims=True)
    slide = (parts == LANDSLIDE).any(axis=(2, 4), keepdims=True)
    one = np.where(2 * known < patch ** 2, UNKNOWN, np.where(slide, LANDSLIDE, STABLE))
    labels = np.where(parts != UNKNOWN, one, UNKNOWN).astype(np.uint8).reshape(windows.labels.shape)
    result = dataclasses.replace(windows, labels=labels)
    for number, name in enumerate(SUBSETS):
        some = labels[result.of(number)]
        for value, what in ((LANDSLIDE, "with a landslide"), (STABLE, "without one")):
            if len(some) and not (some == value).any():
                raise TooFewData(f"The {name} windows hold no patch of {patch} × {patch} cells {what}. Use a larger "
                                 "area, other label radii, a smaller BLOCK, another SEED, or another KIND.")
    return result
