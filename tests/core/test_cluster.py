"""A real Dask cluster of two worker processes on this computer: the same results, whatever happens to the workers."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from scarp.model import errors
from scarp.model.cluster import connection, shared_storage, tasks
from scarp.model.cluster.connection import connect
from scarp.model.cluster.shared_storage import SharedObject, load_partial_result, save_partial_result
from scarp.model.errors import Cancelled, ClusterUnreachable, ClusterUnsuitable, WorkerFailed
from scarp.model.factors.settings import CategoricalInput, StationPoints
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.progress import NullProgress
from scarp.tests.core import cluster_jobs as jobs
from scarp.tests.core.conftest import Listener, box, build_factor_stack, utm_grid, write_raster
from scarp.tests.core.local_cluster import AtShare, alive, kill, local_cluster, processes

distributed = pytest.importorskip("distributed")
GRID = utm_grid(900, 1100)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Every kind of input, with nodata that was not declared and polygons that overlap."""
    folder = tmp_path_factory.mktemp("cluster")
    y, x = np.mgrid[: GRID.height, : GRID.width]
    random = np.random.default_rng(0)
    left, bottom, right, top = GRID.bounds
    coarse = Affine(3000, 0, left, 0, -3000, top)

    dem = (1500 + 200 * np.sin(x / 20) * np.cos(y / 25)).astype(np.float32)
    dem[:300, :300] = -9999
    dem[500, 700] = -32000
    start = np.array([left + 15000, bottom + 12000])
    walk = np.cumsum(random.normal(0, 60, (6, 400, 2)), axis=1) + start
    places, degrees = random.uniform([left, bottom], [right, top], (12, 2)), list(random.uniform(2, 9, 12))
    middle, rain = (left + right) / 2, random.uniform(500, 900, (10, 12)).astype(np.float32)
    rocks = [box(left, bottom, middle + 3000, top), box(middle, bottom, right, top)]
    rocks = Polygons(name="rocks", geometries=rocks, fields={"rock": ["shale", "granite"]})
    cover = random.integers(1, 4, GRID.shape).astype(np.uint8)
    return {
        "dem": write_raster(folder / "dem.tif", dem, GRID, nodata=-9999),
        "rivers": Lines(name="rivers", parts=list(walk)),
        "precipitation": write_raster(folder / "rain.tif", rain, GRID, transform=coarse),
        "temperature": StationPoints(Points(name="stations", xy=places, fields={"t": degrees}), "t"),
        "lithology": CategoricalInput(rocks, "rock", name="rocks"),
        "extra_categorical": [CategoricalInput(raster=write_raster(folder / "cover.tif", cover, GRID), name="cover")],
        "area": Polygons(name="area", geometries=[box(left, bottom, right - 9000, top)]),
    }


@pytest.fixture(scope="module")
def local(inputs, tmp_path_factory):
    """Stack and summary of a run without a cluster."""
    output = tmp_path_factory.mktemp("local") / "stack.tif"
    return output, build(inputs, output)


def build(inputs, output, scheduler="", progress=None):
    return build_factor_stack(**inputs, output=output, scheduler=scheduler, progress=progress)


def require_same(local, output, summary):
    with rasterio.open(local[0]) as expected, rasterio.open(output) as got:
        assert (str(got.profile), got.descriptions) == (str(expected.profile), expected.descriptions)
        assert (got.tags(), got.overviews(1)) == (expected.tags(), expected.overviews(1))
        np.testing.assert_array_equal(got.read(), expected.read())
    assert summary == local[1] and summary.overlapping and len(summary.warnings) >= 2
    assert sorted(path.name for path in output.parent.iterdir()) == [output.name, f"{output.name}.run.json"]


# This comes first: while Dask is hidden, nothing in this process could start a worker again.
def test_without_dask_the_message_says_what_to_install(monkeypatch):
    """An empty address means this computer and needs none."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with connect(" ", NullProgress()) as cluster:
        assert cluster is None
    message = "pip install distributed.*SCHEDULER empty"
    with pytest.raises(errors.LibraryMissing, match=message), connect("tcp://127.0.0.1:8786", NullProgress()):
        pass


def test_each_job_result_is_returned_and_reported_once(whole):
    progress = Listener()
    with connect(whole, progress) as cluster:
        results = list(cluster.run(jobs.square, [(number,) for number in range(60)], progress))
        assert list(cluster.run(jobs.square, [], progress)) == []
    assert sorted(results) == [(number, number * number) for number in range(60)]
    assert "2 workers" in progress.texts[0] and "2 threads" in progress.texts[0]
    assert progress.fractions == sorted(progress.fractions) and progress.fractions[-1] == 1
    assert not progress.warnings


def test_ordered_jobs_do_not_run_far_ahead(whole, tmp_path):
    with connect(whole, NullProgress()) as cluster:
        results = cluster.run(jobs.late, [(number,) for number in range(40)], NullProgress(), True)
        assert [number for number, _ in results] == list(range(40))
        marks = [(str(tmp_path), number, 0.0) for number in range(200)]
        with contextlib.closing(cluster.run(jobs.leave_a_mark, marks, NullProgress(), ordered=True)) as results:
            next(results)
            time.sleep(0.5)
            assert len(list(tmp_path.iterdir())) <= 12


def test_cached_objects_are_loaded_once_per_process_and_dropped_after_the_run(whole):
    def loaded(cluster):
        return {result for _, result in cluster.run(jobs.load_once, [(7,)] * 20, NullProgress())}

    with connect(whole, NullProgress()) as cluster:
        first = loaded(cluster)
        assert loaded(cluster) == first
        assert len(first) == len({pid for pid, _ in first}) <= 2
    with connect(whole, NullProgress()) as cluster:
        assert not loaded(cluster) & first
    assert jobs.load_once(7) != jobs.load_once(7), "outside a run nothing is kept"


def test_a_killed_worker_costs_only_its_job(whole, tmp_path):
    victim = processes(whole)[0]
    progress = AtShare(0.2, lambda: kill(victim))
    with connect(whole, progress) as cluster:
        results = list(cluster.run(jobs.leave_a_mark, [(str(tmp_path), number, 0.1) for number in range(30)], progress))
    assert sorted(number for number, _ in results) == list(range(30)) and not alive(victim)
    # The job that ran, and at most what was done there and not yet fetched.
    assert len(list(tmp_path.iterdir())) - 30 <= 3


@pytest.mark.parametrize("killed", [False, True])
def test_a_stack_is_the_same_as_on_one_computer(whole, inputs, local, tmp_path, killed):
    victim, output = processes(whole)[1], tmp_path / "stack.tif"
    progress = AtShare(0.15, lambda: kill(victim)) if killed else NullProgress()
    require_same(local, output, build(inputs, output, whole, progress))
    assert alive(victim) != killed
    assert json.loads(Path(f"{output}.run.json").read_text())["parameters"]["scheduler"] == whole


def test_a_stack_is_the_same_from_a_worker_with_threads(inputs, local, tmp_path):
    with local_cluster(1, threads=3) as cluster:
        output = tmp_path / "stack.tif"
        require_same(local, output, build(inputs, output, cluster.scheduler_address))


def test_cancel_leaves_nothing(whole, inputs, tmp_path):
    class BothAreBusy(NullProgress):
        def cancelled(self):
            return len(list(tmp_path.glob("begun-*"))) == 2

    with pytest.raises(Cancelled), connect(whole, NullProgress()) as cluster:
        list(cluster.run(jobs.wait_for_the_word, [(str(tmp_path), number) for number in range(50)], BothAreBusy()))
    time.sleep(0.5)
    (tmp_path / "go").touch()
    with connect(whole, NullProgress()) as cluster:
        assert len(list(cluster.run(jobs.square, [(number,) for number in range(10)], NullProgress()))) == 10
    assert len(list(tmp_path.glob("begun-*"))) == 2, "what had not begun was taken back"
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(Cancelled):
        build(inputs, folder / "stack.tif", whole, Listener(cancel_at=0.1))
    assert not list(folder.iterdir())


def test_job_errors_and_ended_workers_are_reported_to_the_caller(whole, tmp_path):
    with connect(whole, NullProgress()) as cluster:
        with pytest.raises(errors.InputCorrupt, match="^Tile 3 is damaged. Make it again.$"):
            error = errors.InputCorrupt("Tile 3 is damaged. Make it again.")
            list(cluster.run(jobs.fail, [(error,)], NullProgress()))
        with pytest.raises(WorkerFailed, match="Job 1 of 1 .*OSError.*Input/output error"):
            list(cluster.run(jobs.fail, [(OSError(5, "Input/output error"),)], NullProgress()))
        # A temporary storage error is no reason to give up.
        assert list(cluster.run(jobs.fail_at_first, [(str(tmp_path),)], NullProgress())) == [(0, "done")]
        with pytest.raises(WorkerFailed, match="ended 2 workers.*memory"):
            list(cluster.run(jobs.end_the_worker, [()], NullProgress()))


@pytest.mark.parametrize("text", ["tcp://HERE", "HERE", "tls://HERE", "tcp://", "ftp://HERE", "tcp://127.0.0.1:port"])
def test_a_scheduler_that_cannot_be_reached(monkeypatch, text):
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        text = text.replace("HERE", f"127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(ClusterUnreachable, match="SCHEDULER"), connect(text, NullProgress()):
        pass


def test_a_scheduler_without_workers_and_cancel_while_waiting(monkeypatch):
    monkeypatch.setattr(connection, "WORKER_TIMEOUT", 0.5)
    with local_cluster(0) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(ClusterUnreachable, match="no workers.*dask worker tcp://127"), connect(address, Listener()):
            pass
        monkeypatch.setattr(connection, "WORKER_TIMEOUT", 120)
        with pytest.raises(Cancelled), connect(address, AtShare(seconds=0.5)):
            pass


def test_other_versions_of_libraries_are_reported_and_workers_of_another_scarp_refused(monkeypatch, whole):
    monkeypatch.setattr(tasks, "versions", lambda: {"python": "3.99", "rasterio": "0.1"})
    progress = NullProgress()
    with connect(whole, progress):
        pass
    assert len(progress.warnings) == 2 and "this computer has 0.1" in progress.warnings[1]
    monkeypatch.setattr(tasks, "VERSION", "0.0.1")
    message = "runs Scarp .*this computer runs 0.0.1"
    with pytest.raises(ClusterUnsuitable, match=message), connect(whole, progress):
        pass
    found = {"tcp://w:1": Exception("ModuleNotFoundError(\"No module named 'scarp'\")")}
    with pytest.raises(ClusterUnsuitable, match="cannot import Scarp.*PYTHONPATH"):
        connection._check_versions(found, whole, progress)


def test_storage_that_is_not_shared(whole, tmp_path, monkeypatch):
    file = tmp_path / "dem.tif"
    file.write_bytes(b"123")
    with connect(whole, NullProgress(), [file, "/vsicurl/x", tmp_path / "none"], tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["dem.tif"]
    # Here everything is shared, so the workers are asked for what only this computer could have.
    sizes, token = [(str(file), 4), (str(tmp_path / "none"), 1)], str(tmp_path / "other" / "token")
    differing, unwritable = tasks.check_storage(sizes, token)
    assert "3 bytes instead of 4" in differing[0] and "No such file" in differing[1] and unwritable
    with pytest.raises(ClusterUnsuitable, match="2 of the input files.*same path"):
        connection._require_storage("tcp://w:1", tmp_path, differing, unwritable)
    with pytest.raises(ClusterUnsuitable, match="cannot write to the folder of the output.*same path"):
        connection._require_storage("tcp://w:1", tmp_path, [], "Permission denied")


def test_partial_results_are_complete_and_removed_after_the_run(tmp_path):
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    with shared_storage.partial_results_folder(tmp_path / "map.tif") as folder:
        assert folder.parent == tmp_path and folder.name.startswith(".map.")
        save_partial_result(folder / "1.npy", values)
        save_partial_result(folder / "1.npy", values[:, ::-1])
        np.testing.assert_array_equal(load_partial_result(folder / "1.npy"), values[:, ::-1])
        assert not list(folder.iterdir())
        (folder / "2.npy").write_bytes(b"no array")
        with pytest.raises(WorkerFailed, match="2.npy"):
            load_partial_result(folder / "2.npy")
    assert not list(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        save_partial_result(folder / "1.npy", values)
    beyond = shared_storage.partial_results_folder(tmp_path / "none" / "map.tif")
    with pytest.raises(errors.OutputNotWritable), beyond:
        pass


def test_a_shared_object_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_storage, "VISIBILITY_TIMEOUT", 0.1)
    shared = shared_storage.share_object({"lines": np.arange(5)}, tmp_path / "inputs")
    np.testing.assert_array_equal(shared_storage.open_shared(shared)["lines"], np.arange(5))
    other = shared_storage.share_object({"lines": np.arange(6)}, tmp_path / "others")
    for path, words in ((other.path, "not what was written"), (str(tmp_path / "none"), "cannot read")):
        with pytest.raises(WorkerFailed, match=words):
            shared_storage.open_shared(SharedObject(path, shared.digest))
