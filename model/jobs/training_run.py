"""What all training jobs share: their result, their inputs on one grid, and what is told of windows and labels."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import rasterio

from ..artifact import TrainedModel
from ..artifact_header import is_storable
from ..errors import OutputNotWritable, ParameterInvalid
from ..grid import Grid
from ..history.writing import RunInfo, TrainingLog, begin_history
from ..inputs.rasters import open_raster
from ..labels import LANDSLIDE, STABLE
from ..outputs.atomic import read_record, versions
from ..outputs.transaction import commit_partial
from ..progress import Progress
from ..stack import Stack
from ..training.fit import FittedNetwork
from ..training.settings import CELL_KINDS, TrainingSettings, limits
from ..windows.reading import TRAIN, WindowSet
from ..windows.split import SUBSETS


def start_training_log(
    kind: str,
    output: str | os.PathLike,
    settings: TrainingSettings,
    progress: Progress,
    report: str | os.PathLike | None = None,
    part: str = "",
    stoppable: bool = True,
) -> TrainingLog:
    """Begin the history of a training.

    Args:
        kind: of model; those that do not learn in epochs have no history.
        output: what the job makes.
        settings: of the training.
        progress: is told when the history cannot be written.
        report: that the job makes, if any.
        part: which of several trainings of the job this is.
        stoppable: whether it may be asked to stop.
    """
    if kind in CELL_KINDS:
        return TrainingLog()
    return begin_history(
        RunInfo(
            kind,
            os.path.abspath(output),
            settings.epochs,
            settings.patience,
            "" if report is None else os.path.abspath(report),
            part,
            stoppable,
        ),
        progress.warn,
    )


def with_class_weight(settings: TrainingSettings, train: dict[str, Any], progress: Progress) -> TrainingSettings:
    """Put a number in the place of an automatic weight: both classes count the same over the training windows."""
    if settings.weight_landslide > 0:
        return settings
    weight = settings.weight_stable * train["stable_cells"] / train["landslide_cells"]
    weight = min(float(f"{weight:.3g}"), limits("weight_landslide")[1])
    progress.report(
        0.08, f"WEIGHT_LANDSLIDE is automatic: {weight:g}, so that landslide and stable cells count the same."
    )
    return dataclasses.replace(settings, weight_landslide=weight)


@contextlib.contextmanager
def open_on_grid(path: str | os.PathLike | None, role: str, stack: Stack) -> Iterator[rasterio.DatasetReader | None]:
    """Open a raster that must lie on the stack's grid; nothing for no path."""
    if path is None:
        yield None
        return
    with open_raster(path, role) as dataset:
        stack.grid.require_same(Grid.of(dataset, role), "factor stack", f"{role} raster")
        yield dataset


def describe_windows(windows: WindowSet) -> list[dict[str, Any]]:
    """Return for each subset what :attr:`TrainingResult.subsets` says."""
    shares, result = windows.landslide_shares(), []
    for number, name in enumerate(SUBSETS):
        some = windows.of(number)
        counts = np.bincount(windows.labels[some].ravel(), minlength=256)
        slides, stable = int(counts[LANDSLIDE]), int(counts[STABLE])
        result.append(
            {
                "name": name,
                "windows": len(some),
                "landslide_windows": int((shares[some] > 0).sum()),
                "landslide_cells": slides,
                "stable_cells": stable,
                "landslide_share": slides / max(slides + stable, 1),
            }
        )
    return result


@contextlib.contextmanager
def keep_model_if_report_fails(model: str | os.PathLike) -> Iterator[None]:
    """Keep a model that took hours to train when the report beside it cannot be written."""
    try:
        yield
    except OutputNotWritable as error:
        commit_partial()
        raise OutputNotWritable(f"{error} The model is complete and stays: {model}.") from error


def safety_factor_mask(windows: WindowSet) -> np.ndarray:
    """Return where the training windows know the safety factor, bool (windows, height, width).

    Args:
        windows: with a safety factor.

    Raises:
        ParameterInvalid: nowhere.
    """
    known = np.isfinite(windows.safety[windows.of(TRAIN)])
    if not known.any():
        raise ParameterInvalid(
            "The safety factor has no data in any training window. Check that it covers the area of the labels."
        )
    return known


def label_settings(labels: str | os.PathLike) -> dict[str, Any]:
    """Return the parameters that a label raster was made with, from the run record beside it; empty without one."""
    try:
        found = {str(name): value for name, value in read_record(labels)["parameters"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    # A model file stands on its own, so only what it may hold goes in.
    return found if len(json.dumps(found)) < 10000 and is_storable(found) else {}


def trained_model(
    kind: str, fitted: FittedNetwork, settings: TrainingSettings, grid: Grid, training: dict[str, Any]
) -> TrainedModel:
    """Return what a model file holds.

    Args:
        kind: of the model.
        fitted: network, factors and numbers.
        settings: as used.
        grid: of the stack.
        training: what is to be said of windows or cells, and of labels.
    """
    return TrainedModel(
        kind=kind,
        architecture=fitted.architecture,
        encoding=settings.encoding,
        factors=fitted.factors,
        pixel_size=grid.cell_size(),
        settings=settings.as_dict(),
        seed=settings.seed,
        history=fitted.history,
        metrics=fitted.metrics,
        training={**training, **_training_environment(fitted)},
        versions=versions(),
        network=fitted.network,
    )


def _training_environment(fitted: FittedNetwork) -> dict[str, str]:
    how = {"device": fitted.device, "precision": fitted.precision}
    return {**how, "ended": fitted.ended} if fitted.ended else how
