"""Whether zones and windows belong to the susceptibility map they are used with, and what the map says of itself."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Mapping

import rasterio

from ..files import read_record
from ..inputs.rasters import open_raster
from .lineage import Listener, made_from
from .trust import MAP_TAG, MODEL_TAG, warnings_of

_MODEL = ".safetensors"


def warn_of_map(dataset: rasterio.DatasetReader, inputs: Mapping[str, Any], listener: Listener,
                zones: str | os.PathLike | None = None, windows: str | None = None) -> None:
    """Warn of what was said when the map was made, and of zones and windows that are of another one.

    Args:
        dataset: the open susceptibility map.
        inputs: of the run, as its record describes them.
        listener: told.
        zones: path of the zone raster.
        windows: path or source of the layer of training windows.
    """
    for text in warnings_of(dataset):
        listener.warn(f"When the map was made: {text}")
    of_map = str(inputs.get("SUSCEPTIBILITY", {}).get("sha256", ""))
    if zones is not None:
        of_zones = _map_of_zones(zones)
        if of_zones and of_map and of_zones != of_map:
            listener.warn(f"The zones {Path(zones).name} were cut from another state of the map than "
                          f"{Path(dataset.name).name} has now. Classify the map again.")
    models = [one.strip() for one in dataset.tags().get(MODEL_TAG, "").split(",") if one.strip()]
    of_windows = _model_of_windows(windows) if windows else ""
    if not models or not of_windows:
        return
    if of_windows not in models:
        listener.warn("The training windows are not those of the model that made the map, so a landslide in a test "
                      "window may be one that the model was trained on. Give the windows of the same training.")
    elif len(models) > 1:
        listener.warn(f"The map is the mean of {len(models)} models, and the training windows are those of one. A test "
                      "window of one model may be a training window of another, and the numbers of the test windows "
                      "then flatter the map.")


def _map_of_zones(zones: str | os.PathLike) -> str:
    """Return the checksum of the map that zones were cut from, empty when they do not tell."""
    with open_raster(zones, "zones") as dataset:
        return dataset.tags().get(MAP_TAG, "") or made_from(zones, "SUSCEPTIBILITY")


def _model_of_windows(source: str) -> str:
    """Return the checksum of the model that was trained on windows, empty when their layer does not tell."""
    with contextlib.suppress(OSError, ValueError):
        outputs = read_record(source.split("|")[0]).get("outputs")
        for entry in outputs.values() if isinstance(outputs, dict) else ():
            if isinstance(entry, dict) and str(entry.get("source", "")).lower().endswith(_MODEL):
                return str(entry.get("sha256", ""))
    return ""
