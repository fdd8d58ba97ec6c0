"""Prediction on a real Dask cluster of two worker processes: the map of one process, whatever happens to a worker."""

from __future__ import annotations

import os
import signal

import pytest

from scarp.model.errors import Cancelled, ClusterUnreachable
from scarp.model.inputs.vectors import Polygons
from scarp.model.outputs.run_record import sha256
from scarp.model.prediction.tile_cache import FOLDER_PATTERN
from scarp.tests.core import prediction_models
from scarp.tests.core.conftest import Listener
from scarp.tests.core.local_cluster import AtShare, processes
from scarp.tests.core.prediction_models import saved, stack, values

pytest.importorskip("distributed")
RING = [[500000, 3300000], [506000, 3300000], [506000, 3295000], [500000, 3292000], [500000, 3300000]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Stack, two models and an area that leaves tiles without a cell; and the maps of one process."""
    folder = tmp_path_factory.mktemp("prediction")
    stack(folder / "stack.tif", values(400, 420))
    for kind in ("pcum", "bpnn"):
        saved(folder / f"{kind}.safetensors", kind)
    (folder / "local").mkdir()
    predict(folder, folder / "local")
    return folder


def predict(inputs, folder, progress=None, scheduler="", models=("pcum", "bpnn")):
    area = Polygons(name="area", geometries=[{"type": "Polygon", "coordinates": [RING]}])
    options = {"tile": 40, "samples": 2, "scheduler": scheduler, "device": "cpu", "precision": "fp32"}
    outputs = {"output_uncertainty": folder / "u.tif", "output_applicability": folder / "a.tif"}
    paths = [inputs / f"{kind}.safetensors" for kind in models]
    return prediction_models.predict(
        inputs / "stack.tif", paths, folder / "p.tif", area=area, progress=progress, **outputs, **options
    )


def is_same(inputs, folder) -> bool:
    return all(sha256(folder / f"{kind}.tif") == sha256(inputs / "local" / f"{kind}.tif") for kind in "pua")


def test_the_map_is_that_of_one_process_when_a_worker_is_killed_in_the_middle(whole, inputs, tmp_path):
    victim = processes(whole)[0]
    progress = AtShare(0.15, lambda: os.kill(victim, signal.SIGKILL))
    summary = predict(inputs, tmp_path, progress, whole)
    assert victim not in processes(whole)
    assert summary.tiles == 110
    assert summary.tiles_skipped > 5
    assert is_same(inputs, tmp_path)
    assert not list(tmp_path.glob(FOLDER_PATTERN))
    assert any("2 workers" in text for text in progress.texts)


def test_a_cancelled_run_resumes_on_the_cluster(whole, inputs, tmp_path):
    with pytest.raises(Cancelled):
        predict(inputs, tmp_path, Listener(cancel_at=0.4), whole)
    assert not (tmp_path / "p.tif").exists()
    assert list(tmp_path.glob(FOLDER_PATTERN))
    summary = predict(inputs, tmp_path, scheduler=whole)
    assert 0 < summary.tiles_taken < summary.tiles
    assert is_same(inputs, tmp_path)


def test_an_unreachable_scheduler_is_named_and_nothing_is_left(inputs, tmp_path):
    with pytest.raises(ClusterUnreachable, match="SCHEDULER"):
        predict(inputs, tmp_path, scheduler="tcp://127.0.0.1:9")
    assert list(tmp_path.iterdir()) == []
