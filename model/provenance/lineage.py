"""What a file was made from, by the record beside it, and whether that is still as it was.
Whether zones and windows belong to the susceptibility map they are used with, and what the map says of itself.
What a model says of the files that it was trained on, and whether those at hand are the same.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import rasterio

from ..grid import Grid
from ..inputs.rasters import open_raster
from ..outputs.atomic import read_record, sha256
from .map_tags import MAP_TAG, MODEL_TAG, stored_warnings

_CHANGED_BY_READING = (".gpkg", ".sqlite", ".db", ".gdb", ".shp")
"""Layers whose file says nothing of their features: databases change when they are opened, and of a shapefile the
attributes lie in another file. ``scarp:rerun`` compares what is read of them."""


class WarningSink(Protocol):
    """Who hears what may mislead."""

    def warn(self, text: str) -> None:
        """Take a warning."""


@dataclass(frozen=True)
class ChangedInput:
    """An input that is not any more what it was when something was made from it."""

    parameter: str
    """Under which the run took it."""
    path: str


def warn_stale_inputs(inputs: Mapping[str, str | os.PathLike | None], warning_sink: WarningSink) -> None:
    """Warn of inputs that are older than what they were made from.

    Args:
        inputs: path by what the file is in this run ("factor stack"), ``None`` for those not given.
        listener: told.
    """
    for role, path in inputs.items():
        for change in changes_since(path) if path is not None else ():
            warning_sink.warn(
                f"The {role} {Path(path).name} was made from {Path(change.path).name} ({change.parameter}), "
                f"which has changed since. Make the {role} again, unless it is the older state that you "
                "mean."
            )


def changes_since(output: str | os.PathLike) -> list[ChangedInput]:
    """Return the inputs of a file that have changed since it was made; none when its record does not tell.

    Files that have the size and the time of then count as unchanged; of others of that size the content is read. Which
    time is the later one says nothing: clocks are set, and files are copied with their times.

    Args:
        output: a file with a run record beside it.
    """
    try:
        record = read_record(output)
    except (OSError, ValueError):
        return []
    inputs = record.get("inputs")
    return [
        ChangedInput(name, path)
        for name, entry in _entries(inputs if isinstance(inputs, dict) else {})
        for path in [str(entry["source"]).split("|")[0]]
        if Path(path).suffix.lower() not in _CHANGED_BY_READING and _changed(path, entry)
    ]


def recorded_checksum(output: str | os.PathLike, parameter: str) -> str:
    """Return the checksum of an input that a file was made from, empty when its record does not tell."""
    with contextlib.suppress(OSError, ValueError):
        inputs = read_record(output).get("inputs")
        for name, entry in _entries(inputs if isinstance(inputs, dict) else {}):
            if name.upper() == parameter and isinstance(entry["sha256"], str):
                return entry["sha256"]
    return ""


def _entries(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in inputs.items():
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict) and {"source", "sha256", "bytes"} <= set(entry):
                yield name, entry


def _changed(path: str, entry: Mapping[str, Any]) -> bool:
    try:
        found = os.stat(path)
        if not os.path.isfile(path):
            return False
        if found.st_size != entry["bytes"]:
            return True
        return found.st_mtime_ns != entry.get("modified_ns") and sha256(path) != entry["sha256"]
    except (OSError, ValueError):
        # Gone, or a name that no file can have: whether it changed is then not known.
        return False


_MODEL = ".safetensors"


def warn_inconsistent_layers(
    dataset: rasterio.DatasetReader,
    inputs: Mapping[str, Any],
    warning_sink: WarningSink,
    zones: str | os.PathLike | None = None,
    windows: str | None = None,
) -> None:
    """Warn of what was said when the map was made, and of zones and windows that are of another one.

    Args:
        dataset: the open susceptibility map.
        inputs: of the run, as its record describes them.
        listener: told.
        zones: path of the zone raster.
        windows: path or source of the layer of training windows.
    """
    for text in stored_warnings(dataset):
        warning_sink.warn(f"When the map was made: {text}")
    of_map = str(inputs.get("SUSCEPTIBILITY", {}).get("sha256", ""))
    if zones is not None:
        of_zones = _map_of_zones(zones)
        if of_zones and of_map and of_zones != of_map:
            warning_sink.warn(
                f"The zones {Path(zones).name} were cut from another state of the map than "
                f"{Path(dataset.name).name} has now. Classify the map again."
            )
    models = [one.strip() for one in dataset.tags().get(MODEL_TAG, "").split(",") if one.strip()]
    of_windows = _model_of_windows(windows) if windows else ""
    if not models or not of_windows:
        return
    if of_windows not in models:
        warning_sink.warn(
            "The training windows are not those of the model that made the map, so a landslide in a test "
            "window may be one that the model was trained on. Give the windows of the same training."
        )
    elif len(models) > 1:
        warning_sink.warn(
            f"The map is the mean of {len(models)} models, and the training windows are those of one. A test "
            "window of one model may be a training window of another, and the numbers of the test windows "
            "then flatter the map."
        )


def _map_of_zones(zones: str | os.PathLike) -> str:
    """Return the checksum of the map that zones were cut from, empty when they do not tell."""
    with open_raster(zones, "zones") as dataset:
        return dataset.tags().get(MAP_TAG, "") or recorded_checksum(zones, "SUSCEPTIBILITY")


def _model_of_windows(source: str) -> str:
    """Return the checksum of the model that was trained on windows, empty when their layer does not tell."""
    with contextlib.suppress(OSError, ValueError):
        outputs = read_record(source.split("|")[0]).get("outputs")
        for entry in outputs.values() if isinstance(outputs, dict) else ():
            if isinstance(entry, dict) and str(entry.get("source", "")).lower().endswith(_MODEL):
                return str(entry.get("sha256", ""))
    return ""


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
    found = {
        name: entry["sha256"] for name, entry in (inputs or {}).items() if isinstance(entry, dict) and "sha256" in entry
    }
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
    recorded = training.get(INPUTS)
    if not isinstance(recorded, dict) or not sha256 or not isinstance(recorded.get(parameter), str):
        return False
    return _same_grid(recorded.get(GRID), _grid(grid)) and recorded[parameter] != sha256


def warn_changed_stack(
    training: Mapping[str, Any], name: str, sha256: str, grid: Grid, warning_sink: WarningSink
) -> None:
    """Warn when the stack is that of the training by its cells, and not by its values.

    Args:
        training: what the model file says of its training.
        name: of the model, for the message.
        sha256: checksum of the stack; empty when not known.
        grid: of the stack.
        listener: told.
    """
    if changed_since_training(training, "STACK", sha256, grid):
        warning_sink.warn(
            f"The factor stack has the cells of the one that the model {name} was trained on, but has been "
            "made again or changed since. If that is not on purpose, train the model again on this stack."
        )


def _grid(grid: Grid) -> list[float]:
    place = grid.transform
    return [float(number) for number in (grid.width, grid.height, place.c, place.f, place.a, place.e)]


def _same_grid(recorded: Any, grid: list[float]) -> bool:
    if (
        not isinstance(recorded, list)
        or len(recorded) != _NUMBERS
        or not all(isinstance(one, (int, float)) for one in recorded)
    ):
        return False
    return all(abs(one - other) <= _SAME * max(abs(one), abs(other)) for one, other in zip(recorded, grid))
