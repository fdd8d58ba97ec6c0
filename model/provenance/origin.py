"""What a model says of the files that it was trained on, and whether those at hand are the same."""

from __future__ import annotations

from typing import Any, Mapping

from ..grid import Grid
from .lineage import Listener

INPUTS = "inputs"
"""In what a model file says of its training: checksums by parameter, and the grid."""
GRID = "grid"
_NUMBERS = 6
_SAME = 1e-6
"""Relative difference of numbers of two grids that are one."""


def training_inputs(inputs: Mapping[str, Any] | None, grid: Grid) -> dict[str, Any]:
    """Return what a model file keeps of its inputs: no paths, which are nobody's business elsewhere.

    Args:
        inputs: as the run record describes them.
        grid: of the stack.
    """
    found = {name: entry["sha256"] for name, entry in (inputs or {}).items()
             if isinstance(entry, dict) and "sha256" in entry}
    return {INPUTS: {**found, GRID: _grid(grid)}}


def changed_since_training(training: Mapping[str, Any], parameter: str, sha256: str, grid: Grid) -> bool:
    """Return whether a raster lies on the very cells that a model was trained on, and yet is another file.

    Of another area, or of models that do not tell, nothing can be said.

    Args:
        training: what the model file says of its training.
        parameter: ``STACK`` or ``LABELS``.
        sha256: checksum of the raster at hand; empty when not known.
        grid: of the raster at hand.
    """
    told = training.get(INPUTS)
    if not isinstance(told, dict) or not sha256 or not isinstance(told.get(parameter), str):
        return False
    return _is_same(told.get(GRID), _grid(grid)) and told[parameter] != sha256


def warn_of_stack(training: Mapping[str, Any], name: str, sha256: str, grid: Grid, listener: Listener) -> None:
    """Warn when the stack is that of the training by its cells, and not by its values.

    Args:
        training: what the model file says of its training.
        name: of the model, for the message.
        sha256: checksum of the stack; empty when not known.
        grid: of the stack.
        listener: told.
    """
    if changed_since_training(training, "STACK", sha256, grid):
        listener.warn(f"The factor stack has the cells of the one that the model {name} was trained on, but has been "
                      "made again or changed since. If that is not on purpose, train the model again on this stack.")


def _grid(grid: Grid) -> list[float]:
    place = grid.transform
    return [float(number) for number in (grid.width, grid.height, place.c, place.f, place.a, place.e)]


def _is_same(told: Any, grid: list[float]) -> bool:
    if not isinstance(told, list) or len(told) != _NUMBERS or not all(isinstance(one, (int, float)) for one in told):
        return False
    return all(abs(one - other) <= _SAME * max(abs(one), abs(other)) for one, other in zip(told, grid))
