"""The chain with defaults on difficult areas: ``checkfactors`` foresees whether a training starts."""

from __future__ import annotations

import numpy as np
import pytest

from scarp.model.errors import TooFewData
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.build_buffered_labels import build_buffered_labels
from scarp.model.jobs.check_factors import check_factors
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.labels.settings import LabelOptions
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training import pointwise_fit
from scarp.model.training.settings import preset_settings
from scarp.tests.core.conftest import utm_grid, write_stack

QUIET = {"progress": NullProgress()}
SIDE, CELL = 60, 20.0
GRID = utm_grid(SIDE, SIDE, CELL)
FACTORS = [StackFactor("slope", "continuous"), StackFactor("rain", "continuous")]
TWICE = [(10, 12), (10, 12), (30, 41), (31, 41), (50, 7), (8, 52), (45, 50), (22, 20)]


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    """Short training of the networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10,))
        yield


def build(folder, cells, land=slice(None)):
    """Write a stack with a constant factor and its labels; return the landslides."""
    slope = np.full((SIDE, SIDE), np.nan, dtype=np.float32)
    slope[:, land] = np.random.default_rng(5).uniform(5, 40, (SIDE, SIDE))[:, land]
    slope[tuple(np.transpose(cells))] += 15
    write_stack(folder / "stack.tif", np.stack([slope, slope * 0 + 900]), FACTORS, GRID)
    row, column = np.transpose(cells)
    points = Points("landslides", xy=np.stack(GRID.transform * (column + 0.5, row + 0.5), axis=1))
    options = LabelOptions(radii={"unrecorded": 0.0}, ring=2 * CELL)
    build_buffered_labels(points, folder / "stack.tif", folder / "labels.tif", options, **QUIET)
    return points


def check(folder):
    files = folder / "stack.tif", folder / "check.html", folder / "check.csv"
    return check_factors(*files, labels=folder / "labels.tif", **QUIET)


def train(folder):
    files = folder / "stack.tif", folder / "labels.tif", folder / "model.safetensors"
    return train_pcum(*files, settings=preset_settings("recommended", {}), **QUIET)


@pytest.mark.parametrize(
    ("cells", "land"),
    [(TWICE, slice(None)), (TWICE, slice(0, 53)), ([(2, 3), (5, 8)], slice(None)), ([(2, 3), (17, 8)], slice(0, 12))],
    ids=["twice in a cell", "a landslide without data", "one block", "a strip"],
)
def test_a_training_starts_if_the_check_says_so(tmp_path, cells, land):
    build(tmp_path, cells, land)
    errors = [finding for finding in check(tmp_path).findings if finding.severity == "error"]
    if not errors:
        train(tmp_path)
        return
    (obstacle,) = errors
    with pytest.raises(TooFewData) as raised:
        train(tmp_path)
    assert str(raised.value) == f"{obstacle.message.replace('Training cannot start. ', '')} {obstacle.remedy}"
