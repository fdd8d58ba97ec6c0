"""The outputs of a run are whole; they are all committed, or rolled back to what was there before."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from scarp.model.errors import Cancelled, OutputNotWritable
from scarp.model.inputs.rasters import create_raster, is_complete, read_window
from scarp.model.outputs.atomic import atomic_output_folder, write_text
from scarp.model.outputs.transaction import commit_partial, output_transaction, undo_unfinished_run
from scarp.tests.core.conftest import utm_grid


def write(path, side, values):
    with create_raster(path, utm_grid(side, side), "float32", np.nan, ["a", "b"]) as target:
        for band in (1, 2):
            target.write(values, band)
    return path


@contextlib.contextmanager
def quota(limit):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit to the size of files.")
@pytest.mark.parametrize("side", [40, 600])
def test_raster_cut_off_anywhere(tmp_path, side):
    values = np.random.default_rng(0).random((side, side), dtype=np.float32)
    size = write(tmp_path / "whole.tif", side, values).stat().st_size
    # What is compressed in several threads is not always as long.
    for limit in np.linspace(64, 0.98 * size, 12).astype(int):
        with quota(int(limit)), pytest.raises(OutputNotWritable, match="room"):
            write(tmp_path / "cut.tif", side, values)
        assert [path.name for path in tmp_path.iterdir()] == ["whole.tif"]


@pytest.mark.parametrize(("side", "constant"), [(1, True), (256, True), (257, False), (1100, False), (1100, True)])
def test_complete_rasters_are_complete(tmp_path, side, constant):
    noise = np.random.default_rng(0).random((side, side), dtype=np.float32)
    values = np.full_like(noise, np.nan) if constant else noise
    assert is_complete(write(tmp_path / "a.tif", side, values))


def test_block_that_was_never_written(tmp_path):
    profile = {"driver": "GTiff", "width": 600, "height": 600, "count": 1, "dtype": "float32", "sparse_ok": True}
    with rasterio.open(tmp_path / "a.tif", "w", tiled=True, blockxsize=256, blockysize=256, **profile) as target:
        target.write(np.ones((256, 256), dtype=np.float32), 1, window=rasterio.windows.Window(0, 0, 256, 256))
    assert not is_complete(tmp_path / "a.tif")


@pytest.mark.parametrize("value", [np.inf, -np.inf, 3.4e38, -3.4e38, 1e31])
def test_numbers_larger_than_any_quantity_are_no_data(tmp_path, value):
    values = np.random.default_rng(0).random((40, 40), dtype=np.float32)
    values[3, 4] = value
    with rasterio.open(write(tmp_path / "a.tif", 40, values)) as dataset:
        cells = read_window(dataset, 0, 0, 40, 40)
        plain = read_window(dataset, 0, 0, 40, 40, mask_implausible=False)
    assert np.isnan(cells[:, 3, 4]).all() and np.isnan(cells).sum() == 2
    np.testing.assert_array_equal(plain[0], values)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("failure", [None, Cancelled(), OSError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize("earlier", [(), ("map",), ("map", "table"), ("record",)])
def test_outputs_are_committed_or_rolled_back(tmp_path, failure, earlier):
    for name in earlier:
        (tmp_path / name).write_text(f"old {name}")
    before = contents(tmp_path)
    expected = contextlib.nullcontext() if failure is None else pytest.raises(type(failure))
    with expected, output_transaction():
        for name in ("map", "table", "record", "map"):
            write_text(tmp_path / name, f"new {name}")
        if failure is not None:
            raise failure
    after = {name: f"new {name}" for name in ("map", "record", "table")}
    assert contents(tmp_path) == (after if failure is None else before)


@pytest.mark.parametrize("made_before", [True, False])
def test_the_folder_of_a_failed_run_is_rolled_back(tmp_path, made_before):
    folder = tmp_path / "demo"
    if made_before:
        folder.mkdir()
        (folder / "mine").write_text("mine")
        (folder / "dem").write_text("old")
    before = contents(tmp_path)
    with pytest.raises(ValueError), output_transaction():
        with atomic_output_folder(folder) as temporary:
            (temporary / "dem").write_text("new")
            (temporary / "rivers").write_text("new")
        assert contents(folder)["dem"] == "new"
        raise ValueError
    assert contents(tmp_path) == before
    assert folder.exists() == made_before


def test_partial_commit_survives_a_later_failure(tmp_path):
    (tmp_path / "model").write_text("old")
    with pytest.raises(ValueError), output_transaction():
        write_text(tmp_path / "model", "trained")
        commit_partial()
        write_text(tmp_path / "report", "half")
        raise ValueError
    assert contents(tmp_path) == {"model": "trained"}


def test_roll_back_leaves_files_of_another_run(tmp_path):
    (tmp_path / "map").write_text("old")
    with pytest.raises(ValueError), output_transaction():
        write_text(tmp_path / "map", "mine")
        (tmp_path / "other").write_text("of another run")
        os.replace(tmp_path / "other", tmp_path / "map")
        raise ValueError
    assert contents(tmp_path) == {"map": "of another run"}


def test_a_disk_without_hard_links_keeps_the_new_file(tmp_path, monkeypatch):
    """There the older file cannot be brought back, so the new one, which is whole, stays."""

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "map").write_text("old")
    with pytest.raises(ValueError), output_transaction():
        write_text(tmp_path / "map", "new")
        raise ValueError
    assert contents(tmp_path) == {"map": "new"}


def test_without_a_transaction_files_are_just_renamed(tmp_path):
    write_text(tmp_path / "map", "new")
    commit_partial()
    assert contents(tmp_path) == {"map": "new"}


ENDED = """
import os, sys
from pathlib import Path
from scarp.model.outputs import transaction
from scarp.model.outputs.transaction import commit, commit_partial, output_transaction, start_journal, temp_path_beside

run, out, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
start_journal(run)

def make(name):
    temporary = temp_path_beside(out / name, ".part")
    temporary.write_text("new " + name)
    commit(temporary, out / name)

with output_transaction():
    make("map.tif")
    make("table.csv")
    if moment == "kept":
        commit_partial()
    make("other.tif")
    make("map.tif")
    temp_path_beside(out / "late.tif", ".part").write_text("begun")
    if moment != "done":
        os._exit(9)
os._exit(9)
"""


@pytest.mark.parametrize("moment", ["before", "kept", "done"])
def test_commits_of_a_killed_process_are_rolled_back(tmp_path, moment):
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    out.mkdir()
    older = {"map.tif": "old map", "map.tif.run.json": "old record", "table.csv": "old table", "table.json": "old twin"}
    for name, text in older.items():
        (out / name).write_text(text)
    subprocess.run([sys.executable, "-c", ENDED, str(run), str(out), moment], check=False, timeout=60)
    undo_unfinished_run(run)
    found = {path.name: path.read_text() for path in out.iterdir()}
    new = {"map.tif": "new map.tif", "table.csv": "new table.csv"}
    assert found == {"before": older, "kept": new, "done": {**new, "other.tif": "new other.tif"}}[moment]
    undo_unfinished_run(run)
    assert {path.name for path in out.iterdir()} == set(found), "what was given back is no longer the run's"
