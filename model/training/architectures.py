"""What each kind of network is built of, and the labels that networks with one answer a patch learn from."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import ParameterInvalid, TooFewData
from ..labels import LANDSLIDE, STABLE, UNKNOWN
from ..windows.reading import WindowSet
from ..windows.split import SUBSETS
from .kinds import BPNN, NETWORK_KINDS, PATCH_KINDS, RESNET, patch_of
from .settings import TrainingSettings


def architecture_of(kind: str, channels: int, settings: TrainingSettings, cell: float) -> dict[str, Any]:
    """Return the description of a network, for ``build_network``.

    Args:
        kind: ``pcum``, ``unet``, ``bpnn`` or ``resnet``.
        channels: of the encoded factors.
        settings: give width, depth and dropout.
        cell: size of a cell in metres.

    Raises:
        ParameterInvalid: the kind is no network.
    """
    if kind not in NETWORK_KINDS:
        raise ParameterInvalid(f'KIND is "{kind}", which is no network. Choose one of: {", ".join(NETWORK_KINDS)}.')
    common = {"channels": channels, "width": settings.width, "dropout": float(settings.dropout)}
    if kind in PATCH_KINDS:
        return {"type": {BPNN: "bpnn", RESNET: "resnet"}[kind], "patch": patch_of(kind, cell), **common}
    return {"type": "unet", "depth": settings.depth, **common}


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
