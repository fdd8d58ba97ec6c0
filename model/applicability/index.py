"""What a model file keeps to tell where the model may be trusted, and how it is read without trusting it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..encoding import Encoding
from .header import NUMBERS
from .profile import ErrorProfile
from .space import coordinate_count

MAX_PROTOTYPES, MAX_DIRECTIONS, MAX_KNOTS = 4096, 256, 256
MAX_VALUE = 1e6  # magnitude of any number in a model file
_TENSORS = ("importances", "scales", "centre", "axes", "prototypes", "cells", "profile")
PREFIX = "applicability."  # of the names of its tensors


@dataclass(frozen=True)
class ApplicabilityIndex:
    """Prototypes of the training cells in the space of :class:`.FactorSpace`, and what distance from them means.

    The dissimilarity index of a cell is its distance to the nearest prototype, divided by the mean distance between
    training cells. A cell is in the area of applicability if that is at most ``threshold``.
    """

    importances: np.ndarray  # of the factors, float32 (factors,)
    scales: np.ndarray  # of the coordinates, float32 (coordinates,)
    centre: np.ndarray  # mean of the training cells, float32 (coordinates,)
    axes: np.ndarray  # orthonormal directions, float32 (coordinates, directions)
    prototypes: np.ndarray  # in these directions, float32 (prototypes, directions)
    cells: np.ndarray  # training cells of each prototype, int32 (prototypes,)
    mean_distance: float  # between training cells
    threshold: float  # upper whisker of the index of training cells to prototypes of other folds
    bound: float  # largest distance of a training cell to its prototype, in mean distances: error of any index
    density: float  # mean number of training cells of other folds within the threshold of a training cell
    training_cells: int
    profile: ErrorProfile | None  # ``None`` if too little land could be held out

    def tensors(self) -> dict[str, np.ndarray]:
        """Return its arrays by the names that they have in a model file."""
        profile = self.profile
        knots = (
            np.zeros((0, 3))
            if profile is None
            else np.stack([profile.dissimilarity, profile.slope, profile.auc], axis=1)
        )
        arrays = {name: getattr(self, name) for name in _TENSORS if name != "profile"}
        arrays["profile"] = knots.astype(np.float32)
        return {PREFIX + name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return its numbers for the header of a model file."""
        limit = None if self.profile is None else self.profile.limit
        error = None if self.profile is None else self.profile.error
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return {**numbers, "limit": limit, "error": error, "training_cells": self.training_cells}


def shapes(encoding: Encoding, found: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]] | None:
    """Return the shapes that the tensors must have in a file with tensors of the shapes ``found``, by name; ``None`` if
    there are too many prototypes, directions or knots, or tensors are missing.
    """
    names = {PREFIX + name for name in _TENSORS}
    if set(found) != names or any(len(found[PREFIX + name]) != 2 for name in ("axes", "prototypes", "profile")):
        return None
    coordinates = coordinate_count(encoding)
    count, directions = found[PREFIX + "prototypes"]
    knots = found[PREFIX + "profile"][0]
    if not 1 <= count <= MAX_PROTOTYPES or not 1 <= directions <= MAX_DIRECTIONS or knots > MAX_KNOTS:
        return None
    sizes = {
        "importances": (len(encoding.factors),),
        "scales": (coordinates,),
        "centre": (coordinates,),
        "axes": (coordinates, directions),
        "prototypes": (count, directions),
        "cells": (count,),
        "profile": (knots, 3),
    }
    return {PREFIX + name: size for name, size in sizes.items()}


def read_index(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> ApplicabilityIndex | None:
    """Return the index from a checked header and tensors of the right shapes; ``None`` if its numbers are wrong."""
    arrays = {name: tensors[PREFIX + name] for name in _TENSORS}
    if any(not np.isfinite(array).all() or np.abs(array).max(initial=0) > MAX_VALUE for array in arrays.values()):
        return None
    knots, profile = arrays.pop("profile").astype(np.float64), None
    if (arrays["cells"] < 0).any() or (arrays["scales"] < 0).any() or (arrays["importances"] < 0).any():
        return None
    if len(knots):
        rising = (np.diff(knots[:, 0]) > 0).all() and (np.diff(knots[:, 1:], axis=0) <= 1e-6).all()
        if header["limit"] is None or not rising or (knots < 0).any() or (knots[:, 2] > 1).any():
            return None
        columns = (knots[:, 0], knots[:, 1], knots[:, 2])
        profile = ErrorProfile(*columns, header["limit"], header["error"])
    content: dict[str, Any] = {**arrays, **{name: float(header[name]) for name in NUMBERS}}
    return ApplicabilityIndex(**content, training_cells=header["training_cells"], profile=profile)


def describe_index(index: ApplicabilityIndex | None) -> str:
    """Return what a model knows of where it may be trusted, as sentences."""
    if index is None:
        return "No applicability index: no factor matters to the model, or no fold holds training cells out."
    text = (
        f"Applicability: {len(index.prototypes)} prototypes stand for {index.training_cells:,} training cells, none "
        f"farther than {index.bound:.2f} of their mean distance from its own. Land with a dissimilarity index of up to "
        f"{index.threshold:.2f} lies in the area of applicability"
    )
    profile = index.profile
    if profile is None:
        return f"{text}. Too little land could be held out to tell an AUC to expect."
    return (
        f"{text}. On land of the same variety, expect an AUC of {profile.auc[0]:.2f} where it is most similar and of "
        f"{profile.auc[-1]:.2f} at an index of {profile.dissimilarity[-1]:.2f}; nothing is known beyond "
        f"{profile.limit:.2f}."
    )
