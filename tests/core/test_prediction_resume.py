"""A prediction that was killed or cancelled, here or on a cluster, resumes and gives the map of an undisturbed one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scarp.model.errors import Cancelled, OutputNotWritable
from scarp.model.inputs.vectors import Polygons
from scarp.model.jobs import predict_susceptibility as job
from scarp.model.outputs.run_record import sha256
from scarp.model.prediction.tile_cache import FOLDER_PATTERN, TileCache, tile_cache_for
from scarp.tests.core import prediction_models
from scarp.tests.core.conftest import Listener
from scarp.tests.core.local_cluster import AtShare, kill, processes
from scarp.tests.core.prediction_models import saved, stack, values

SIDE = 300
TILES = 25

SLOW = """
import itertools, sys, time
from scarp.model.jobs import predict_susceptibility as job
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.prediction.tile_inference import TileWork
from scarp.model.progress import NullProgress
job.RESUME_MIN_WORK = 0
compute, numbers = TileWork.compute, itertools.count()
def slow(*arguments):
    time.sleep(0.1 if next(numbers) < 7 else 600)
    return compute(*arguments)
TileWork.compute = slow
job.predict_susceptibility(sys.argv[1], [sys.argv[2]], sys.argv[3], PredictionOptions(tile=64, samples=2),
                           output_uncertainty=sys.argv[4], output_applicability=sys.argv[5], progress=NullProgress())
"""
"""Computes some tiles and then waits to be killed."""


@pytest.fixture
def area(tmp_path, monkeypatch):
    """A stack and a model; the tiles of every run are kept."""
    monkeypatch.setattr(job, "RESUME_MIN_WORK", 0)
    stack(tmp_path / "stack.tif", values(SIDE, SIDE))
    saved(tmp_path / "model.safetensors", "pcum")
    return tmp_path


def predict(inputs: Path, name: str, progress=None, models=("model",), **settings):
    (inputs / name).mkdir(exist_ok=True)
    outputs = {"output_uncertainty": inputs / name / "u.tif", "output_applicability": inputs / name / "a.tif"}
    options = {"tile": 64, "samples": 2, **outputs, **settings}
    paths, output = [inputs / f"{model}.safetensors" for model in models], inputs / name / "p.tif"
    return prediction_models.predict(inputs / "stack.tif", paths, output, progress=progress, **options)


def checksums(area: Path, name: str) -> list[str]:
    return [sha256(area / name / f"{kind}.tif") for kind in "pua"]


def unfinished(area: Path, name: str) -> list[Path]:
    return sorted((area / name).glob(FOLDER_PATTERN))


def cancel(inputs: Path, name: str, share: float = 0.5, **settings) -> tuple[Path, list[str]]:
    """Cancel a prediction in the middle; return the folder of its tiles and what was said."""
    progress = Listener(cancel_at=share)
    with pytest.raises(Cancelled):
        predict(inputs, name, progress, **settings)
    (folder,) = unfinished(inputs, name)
    return folder, progress.texts


def test_a_killed_run_resumes(area):
    """Killed three times; what was kept is not computed again, and the files are those of one run, byte by byte."""
    predict(area, "whole")
    (area / "killed").mkdir()
    outputs, kept = [str(area / "killed" / f"{kind}.tif") for kind in "pua"], 0
    for _ in range(3):
        paths = [str(area / name) for name in ("stack.tif", "model.safetensors")]
        process = subprocess.Popen([sys.executable, "-c", SLOW, *paths, *outputs], env={**os.environ})
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and process.poll() is None:
            folders = unfinished(area, "killed")
            if folders and len(list(folders[0].glob("*.tile"))) >= kept + 4 and (folders[0] / "inputs.json").exists():
                break
            time.sleep(0.01)
        process.kill()
        assert process.wait() != 0
        assert not any(Path(output).exists() for output in outputs)
        now = len(list(unfinished(area, "killed")[0].glob("*.tile")))
        assert now > kept
        kept = now
    progress = Listener()
    summary = predict(area, "killed", progress)
    assert (summary.tiles_taken, summary.tiles) == (kept, TILES)
    assert checksums(area, "killed") == checksums(area, "whole") and not unfinished(area, "killed")
    assert any("earlier run" in text for text in progress.texts)
    assert {item.suffix for item in (area / "killed").iterdir()} <= {".tif", ".json", ".xml"}


def test_a_cancelled_run_reports_its_tiles_and_resumes(area):
    whole = predict(area, "whole")
    folder, texts = cancel(area, "again", 0.4)
    assert any(str(folder) in text for text in texts)
    assert list((area / "again").iterdir()) == [folder]
    summary = predict(area, "again")
    assert 0 < summary.tiles_taken < TILES
    assert checksums(area, "again") == checksums(area, "whole")
    for name in ("mean", "share_outside", "unseen_classes"):
        assert getattr(summary, name) == getattr(whole, name)


def test_damaged_tiles_are_computed_again(area):
    predict(area, "whole")
    folder, _ = cancel(area, "damaged")
    tiles = sorted(folder.glob("*.tile"))
    tiles[0].write_bytes(b"")
    tiles[1].write_bytes(tiles[1].read_bytes()[:-100])
    content = bytearray(tiles[2].read_bytes())
    content[-50] ^= 1
    tiles[2].write_bytes(content)
    tiles[3].write_bytes(b"\xff" * 3000)
    summary = predict(area, "damaged")
    assert summary.tiles_taken <= len(tiles) - 4
    assert checksums(area, "damaged") == checksums(area, "whole")


def test_other_inputs_start_from_scratch(area):
    """Another stack of the same size and time, found by its hash; another model, another area by their own names."""
    cancel(area, "p")
    before = os.stat(area / "stack.tif")
    content = (area / "stack.tif").read_bytes()
    # A byte of a description changes no cell, but the file.
    changed = content.replace(b"degrees", b"Degrees", 1)
    assert len(changed) == len(content) and changed != content
    (area / "stack.tif").write_bytes(changed)
    os.utime(area / "stack.tif", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert predict(area, "p").tiles_taken == 0 and not unfinished(area, "p")
    folder, _ = cancel(area, "p")
    saved(area / "model.safetensors", "pcum", seed=2)
    progress = Listener()
    assert predict(area, "p", progress).tiles_taken == 0 and unfinished(area, "p") == [folder]
    assert any(str(folder) in text for text in progress.texts)


def test_small_maps_leave_nothing_behind(area, monkeypatch):
    monkeypatch.setattr(job, "RESUME_MIN_WORK", 1e9)
    with pytest.raises(Cancelled):
        predict(area, "small", Listener(cancel_at=0.5))
    assert list((area / "small").iterdir()) == []


def test_a_full_disk_is_one_clear_message(area, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputNotWritable, match="No space left.*room"):
        predict(area, "full")
    monkeypatch.undo()
    assert list((area / "full").iterdir()) == []


def test_cached_tiles_are_complete_or_absent(tmp_path):
    cache = TileCache(tmp_path, {"a": 1})
    assert cache.path != TileCache(tmp_path, {"a": 2}).path
    assert not cache.path.exists() and cache.hashes() == {}
    cache.begin()
    arrays = {"mean": np.random.default_rng(0).random((5, 7)).astype(np.float32), "spread": None}
    cache.save(3, arrays, {"cells": 4})
    found, facts = cache.load(3, {"mean": (5, 7)})
    assert np.array_equal(found["mean"], arrays["mean"])
    assert (facts, cache.known()) == ({"cells": 4}, {3})
    for number, shapes in ((3, {"mean": (7, 5)}), (3, {"mean": (5, 7), "spread": (5, 7)}), (4, {"mean": (5, 7)})):
        assert cache.load(number, shapes) is None
    cache.remove()
    assert not list(tmp_path.iterdir())


def test_another_area_has_its_own_cache(tmp_path):
    """Also one of thousands of vertices, kept as arrays, that differs in one of them."""
    angle = np.linspace(0, 6.28, 5000)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    other = ring.copy()
    other[2500, 0] += 1e-6
    (tmp_path / "stack.tif").write_bytes(b"x")
    rings = ring, other, ring.copy()
    areas = [Polygons(name="a", geometries=[{"type": "Polygon", "coordinates": [one]}]) for one in rings]
    path = tmp_path / "stack.tif"
    folders = [tile_cache_for(tmp_path / "p.tif", path, area, {}).path for area in (None, *areas)]
    assert len(set(folders[:3])) == 3 and folders[1] == folders[3]
    assert tile_cache_for(tmp_path / "p.tif", "/vsimem/stack.tif", None, {}) is None


# On a real Dask cluster of two worker processes


RING = [[500000, 3300000], [506000, 3300000], [506000, 3295000], [500000, 3292000], [500000, 3300000]]
"""Leaves tiles without a cell."""
AREA = Polygons(name="area", geometries=[{"type": "Polygon", "coordinates": [RING]}])
ON_CLUSTER = {"models": ("pcum", "bpnn"), "area": AREA, "tile": 40, "device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Stack and two models; and the maps of one process."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("prediction")
    stack(folder / "stack.tif", values(400, 420))
    for kind in ON_CLUSTER["models"]:
        saved(folder / f"{kind}.safetensors", kind)
    predict(folder, "local", **ON_CLUSTER)
    return folder


def test_the_map_is_that_of_one_process_when_a_worker_is_killed_in_the_middle(inputs, whole):
    victim = processes(whole)[0]
    progress = AtShare(0.15, lambda: kill(victim))
    summary = predict(inputs, "killed", progress, scheduler=whole, **ON_CLUSTER)
    assert victim not in processes(whole)
    assert summary.tiles == 110 and summary.tiles_skipped > 5
    assert checksums(inputs, "killed") == checksums(inputs, "local") and not unfinished(inputs, "killed")
    assert any("2 workers" in text for text in progress.texts)


def test_a_cancelled_run_resumes_on_the_cluster(inputs, whole):
    folder, _ = cancel(inputs, "cancelled", 0.4, scheduler=whole, **ON_CLUSTER)
    assert list((inputs / "cancelled").iterdir()) == [folder]
    summary = predict(inputs, "cancelled", scheduler=whole, **ON_CLUSTER)
    assert 0 < summary.tiles_taken < summary.tiles and checksums(inputs, "cancelled") == checksums(inputs, "local")
