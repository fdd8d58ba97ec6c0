"""Outputs are complete or absent, committed together or rolled back, and written by one run at a time."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from scarp.model.errors import Cancelled, OutputNotWritable, ScarpError
from scarp.model.inputs.rasters import MANY_BANDS, create_raster, is_complete, read_window
from scarp.model.outputs import atomic as module
from scarp.model.outputs import transaction
from scarp.model.outputs.atomic import (
    atomic_output,
    atomic_output_folder,
    check_writable,
    held_lock_descriptors,
    lock_file,
    output_lock,
    write_text,
)
from scarp.model.outputs.run_record import RunRecord, read_record, scarp_version
from scarp.model.outputs.transaction import (
    RECORD_SUFFIX,
    commit_partial,
    output_transaction,
    remove_orphans,
    temp_path_beside,
    undo_unfinished_run,
)
from scarp.model.progress import SubProgress, stop_if_cancelled
from scarp.tests.core.conftest import Listener, utm_grid

# Single files and their records


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("failure", [Cancelled(), ValueError("x"), KeyboardInterrupt()])
def test_a_file_is_replaced_when_the_block_succeeds_and_kept_otherwise(tmp_path, failure):
    output = tmp_path / "map.tif"
    output.write_bytes(b"old")
    with pytest.raises(type(failure)), atomic_output(output) as temporary:
        temporary.write_bytes(b"half")
        temporary.with_name(temporary.name + ".aux.xml").write_text("side")
        raise failure
    assert (output.read_bytes(), names(tmp_path)) == (b"old", ["map.tif"])
    with atomic_output(output) as temporary:
        temporary.write_bytes(b"whole")
        assert (temporary.parent, temporary.suffix, output.read_bytes()) == (tmp_path, ".tif", b"old")
    assert (output.read_bytes(), names(tmp_path)) == (b"whole", ["map.tif"])


def test_a_folder_is_moved_into_place_and_keeps_other_files(tmp_path):
    output = tmp_path / "demo"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    with atomic_output_folder(output) as temporary:
        (temporary / "dem.tif").write_text("dem")
        assert names(output) == ["mine.txt"]
    assert names(output) == ["dem.tif", "mine.txt"]
    with pytest.raises(Cancelled), atomic_output_folder(tmp_path / "other") as temporary:
        (temporary / "dem.tif").write_text("dem")
        raise Cancelled()
    assert names(tmp_path) == ["demo"]


def test_full_disk_is_an_output_failure_but_a_missing_input_is_not(tmp_path):
    with pytest.raises(OutputNotWritable, match="could not be written"), atomic_output(tmp_path / "map.tif"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), atomic_output(tmp_path / "map.tif"):
        (tmp_path / "input.csv").read_text()


def test_record_names_inputs_with_hash_and_outputs(tmp_path):
    source, output = tmp_path / "dem.tif", tmp_path / "out.tif"
    source.write_bytes(b"dem")
    output.write_bytes(b"out")
    layer, uri = "memory layer", f"{source}|layername=a"
    inputs = {"DEM": source, "AREA": None, "MODEL": [source], "POINTS": layer, "LINES": uri}
    record = RunRecord("trainpcum", {"SEED": 1, "RADII": {"small": 300.0}}, inputs)
    record.write({"OUTPUT": output, "OUTPUT_HTML": None}, auc=np.float32(0.5), shares=np.arange(3))
    content = json.loads((tmp_path / ("out.tif" + RECORD_SUFFIX)).read_text(encoding="utf-8"))
    digest, modified = hashlib.sha256(b"dem").hexdigest(), source.stat().st_mtime_ns
    known = {"source": str(source), "bytes": 3, "modified_ns": modified, "sha256": digest}
    lines = {**known, "source": uri}
    assert content["inputs"] == {"DEM": known, "MODEL": [known], "POINTS": {"source": layer}, "LINES": lines}
    assert content["outputs"]["OUTPUT"]["sha256"] == hashlib.sha256(b"out").hexdigest()
    assert (content["algorithm"], content["shares"], content["auc"]) == ("scarp:trainpcum", [0, 1, 2], 0.5)
    assert content["versions"]["scarp"] == scarp_version() != "unknown"
    assert content["parameters"] == {"SEED": 1, "RADII": {"small": 300.0}}


def test_subprogress_scales_and_forwards():
    whole = Listener()
    part = SubProgress(SubProgress(whole, 0.5, 1.0), 0.0, 0.5)
    for fraction, text in ((0.0, "start"), (1.0, ""), (7.0, "")):
        part.report(fraction, text)
    part.warn("careful")
    assert (whole.fractions, whole.texts, whole.warnings) == ([0.5, 0.75, 0.75], ["start"], ["careful"])
    stop_if_cancelled(part)
    whole.cancel_after = 0
    assert issubclass(Cancelled, ScarpError)
    with pytest.raises(Cancelled):
        stop_if_cancelled(part)


# A name has at most 255 bytes, on Windows 255 letters.
LONG_NAMES = ["x" * 250 + ".tif", *(["滑" * 84 + ".tif"] if sys.platform != "win32" else []), "x" * 3000]


@pytest.mark.parametrize("name", [*LONG_NAMES, "a\0b.tif"])
def test_an_impossible_name_or_folder_is_reported_before_the_work(tmp_path, name):
    """The first one has its own name, but its run record would not."""
    with pytest.raises(OutputNotWritable):
        check_writable(tmp_path / name)
    for write in (check_writable, lambda path: write_text(path, "x")):
        with pytest.raises(OutputNotWritable, match="does not exist"):
            write(tmp_path / "nowhere" / "map.tif")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits the whole path")
def test_a_name_of_maximum_length_leaves_room_for_the_record(tmp_path):
    output = tmp_path / ("x" * (255 - len(".tif.run.json")) + ".tif")
    write_text(output, "x")
    RunRecord("classifyzones", {}, {}).write({"OUTPUT": output})
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("source", ["Point?crs=EPSG:4326&field=" + "x" * 400, "dbname='a' host=" + "c" * 5000, "a\0b"])
def test_a_layer_source_that_is_no_file_is_kept(source):
    """Sources of databases are longer than any file's name may be."""
    assert RunRecord("classifyzones", {}, {"LAYER": source}).inputs() == {"LAYER": {"source": source}}


@pytest.mark.parametrize("text", ["[]", "1", "{", '{"a": 1, "a": 2}', "[" * 1000, ""])
def test_an_invalid_record_raises(tmp_path, text):
    (tmp_path / "a.tif.run.json").write_text(text)
    with pytest.raises(ValueError):
        read_record(tmp_path / "a.tif")
    with pytest.raises(OSError):
        read_record(tmp_path / "none.tif")


def test_nested_temp_file_is_removed_with_its_output(tmp_path):
    final = tmp_path / "map.tif"
    outer = temp_path_beside(final, ".part.tif")
    inner = temp_path_beside(outer, ".part.tif")
    for path in (outer, inner):
        path.write_text("begun by a run that was killed")
    remove_orphans(tmp_path / "other.tif")
    assert outer.exists() and inner.exists()
    remove_orphans(final)
    assert not list(tmp_path.iterdir())


# All outputs of a run


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


# One run at a time, and what killed runs left

HOLD = """
import sys
from scarp.model.outputs.atomic import output_lock
with output_lock(sys.argv[1:]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path):
    """Return a function that has another process write an output."""
    begun = []

    def hold(*outputs) -> subprocess.Popen:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", HOLD, *map(str, outputs)], **pipes)
        begun.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in begun:
        process.kill()
        process.communicate()


def busy(*outputs) -> str:
    """Return the message if outputs are being written, else an empty text."""
    try:
        with output_lock(outputs):
            return ""
    except OutputNotWritable as error:
        return str(error)


def test_lock_conflict_names_the_owner(tmp_path, other):
    process = other(tmp_path / "map.tif")
    said = busy(tmp_path / "table.csv", tmp_path / "map.tif")
    assert f"{tmp_path / 'map.tif'} is being written by another run (process {process.pid} on " in said
    assert "Wait until that is done, or choose another name." in said
    assert not busy(tmp_path / "table.csv"), "what it held when it met the other is free again"
    process.communicate("\n")
    assert not busy(tmp_path / "map.tif") and not list(tmp_path.iterdir())


def test_a_killed_run_releases_its_lock(tmp_path, other):
    process = other(tmp_path / "map.tif")
    for suffix in (".tif", ".qml", ".json", ".tif.run.json", ".tif.aux.xml", ".tif.json", ".tif.ovr"):
        temp_path_beside(tmp_path / f"map{suffix}", ".part").write_text("half")
    process.kill()
    process.wait()
    assert lock_file(tmp_path / "map.tif").exists()
    assert not busy(tmp_path / "map.tif") and not list(tmp_path.iterdir())


@pytest.mark.skipif(module.fcntl is None, reason="Windows hands no open file on")
def test_child_process_inherits_locks(tmp_path):
    """QGIS may be killed before the process that computes has ended."""
    reading, writing = os.pipe()
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with output_lock([tmp_path / "map.tif"]):
        worker = subprocess.Popen(command, stdin=reading, pass_fds=held_lock_descriptors())
        os.close(reading)
        held = held_lock_descriptors()[0]
        # As the death of the run would, and unlike its end, which removes the file.
        os.close(held)
        os.dup2(os.open(os.devnull, os.O_RDONLY), held)
        assert "being written" in busy_elsewhere(tmp_path / "map.tif")
        os.close(writing)
        worker.wait()
        assert not busy_elsewhere(tmp_path / "map.tif")


def busy_elsewhere(*outputs) -> str:
    """Return the same as another thread of this process sees it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(busy, *outputs).result()


def test_two_runs_in_one_qgis_exclude_each_other_but_nested_runs_do_not(tmp_path):
    with output_lock([tmp_path / "map.tif", tmp_path / "demo"]):
        assert all("being written" in busy_elsewhere(tmp_path / name) for name in ("map.tif", "demo"))
        assert not busy(tmp_path / "map.tif")
        assert "being written" in busy_elsewhere(tmp_path / "map.tif"), "the inner run did not let go"
    assert not busy_elsewhere(tmp_path / "map.tif")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make symbolic links.")
def test_the_same_file_by_another_path_is_locked(tmp_path, other):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    other(tmp_path / "real" / "map.tif")
    assert "being written" in busy(tmp_path / "link" / "map.tif")
    assert not busy(tmp_path / "link" / "map.csv")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_drive_without_lock_support_can_be_written(tmp_path, monkeypatch, number):
    def refuse(_):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(module, "_acquire", refuse)
    mine = temp_path_beside(tmp_path / "map.tif", ".part.tif")
    mine.write_text("of a run that may live")
    with output_lock([tmp_path / "map.tif"]):
        assert held_lock_descriptors() == []
    assert mine.exists(), "without a lock nobody knows whether it is left over"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make symbolic links.")
def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    lock_file(tmp_path / "map.tif").symlink_to(tmp_path / "mine.txt")
    with output_lock([tmp_path / "map.tif"]):
        pass
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "[", '{"process": "x"}', '{"process": {}, "computer": 3}', "\0" * 50])
def test_a_damaged_lock_file_is_tolerated(tmp_path, other, text):
    other(tmp_path / "map.tif")
    lock_file(tmp_path / "map.tif").write_text(text)
    assert "is being written by another run. Wait" in busy(tmp_path / "map.tif")


def test_orphans_in_an_output_folder_are_removed_and_those_of_others_stay(tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "dem.tif").write_text("dem")
    others, hidden = temp_path_beside(folder / "mine.tif", ".part.tif"), folder / ".mine.12345678.part.tif"
    for path in (temp_path_beside(folder / "dem.tif.run.json", ".part.json"), others, hidden):
        path.write_text("half")
    temp_path_beside(folder, ".part").mkdir()
    with output_lock([folder]):
        pass
    assert sorted(folder.iterdir()) == sorted([folder / "dem.tif", others, hidden])
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("ends_well", [True, False])
def test_stale_sidecars_are_removed(tmp_path, ends_well):
    """A kill between two names must not leave the older record beside the new map."""
    beside = ["map.tif.run.json", "map.tif.aux.xml", "map.tif.ovr", "map.qml"]
    for name in ("map.tif", *beside):
        (tmp_path / name).write_text(f"older {name}")
    with contextlib.suppress(KeyboardInterrupt), output_transaction():
        write_text(tmp_path / "map.tif", "new")
        visible = sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".")
        assert visible == ["map.qml", "map.tif"], "a style of the user's stays"
        if not ends_well:
            raise KeyboardInterrupt
    after = {path.name: path.read_text() for path in tmp_path.iterdir()}
    older = {name: f"older {name}" for name in ("map.tif", *beside)}
    assert after == ({"map.tif": "new", "map.qml": "older map.qml"} if ends_well else older)


def test_a_new_table_never_lies_beside_the_json_of_an_older_one(tmp_path):
    for name in ("table.csv", "table.json"):
        (tmp_path / name).write_text("older")
    with output_transaction():
        write_text(tmp_path / "table.csv", "new")
        assert not (tmp_path / "table.json").exists()
        write_text(tmp_path / "table.json", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"table.csv": "new", "table.json": "new"}


@pytest.mark.parametrize(("failures", "seconds", "works"), [(0, 0.0, True), (2, 60.0, True), (1, 0.0, False)])
def test_a_file_that_a_virus_scanner_holds_is_renamed_a_little_later(tmp_path, monkeypatch, failures, seconds, works):
    """Windows refuses it as long as another program has the file open; other systems never do."""
    rename, tries = os.replace, []

    def held(source, final):
        tries.append(final)
        if len(tries) <= failures:
            raise PermissionError(13, "Access denied", str(source))
        rename(source, final)

    monkeypatch.setattr(os, "replace", held)
    monkeypatch.setattr(transaction, "RETRY_SECONDS", seconds)
    monkeypatch.setattr(transaction.time, "sleep", lambda _: None)
    final = tmp_path / "notes.txt"
    with contextlib.nullcontext() if works else pytest.raises(OutputNotWritable, match="could not be written"):
        write_text(final, "one\ntwo\n")
    assert len(tries) == failures + works and [path.name for path in tmp_path.iterdir()] == ["notes.txt"] * works


def test_texts_are_the_same_bytes_on_every_system(tmp_path):
    write_text(tmp_path / "notes.txt", "滑坡\n\udcff\n")
    assert (tmp_path / "notes.txt").read_bytes() == "滑坡\n?\n".encode()


@pytest.mark.parametrize("name", ["aux", "nul.tif", "COM1.csv", "Lpt9", "con .tif", "trail.", "trail "])
def test_a_name_that_windows_keeps_for_itself_is_refused_before_the_work(tmp_path, monkeypatch, name):
    if sys.platform != "win32":
        check_writable(tmp_path / name)
    monkeypatch.setattr(module, "WINDOWS", True)
    with pytest.raises(OutputNotWritable, match="cannot have this name"):
        check_writable(tmp_path / name)
    for other in ("auxiliary.tif", "com.tif", "com10.csv", "my nul.tif", "a.aux"):
        check_writable(tmp_path / other)


def test_a_file_that_windows_holds_open_is_refused_before_the_work(tmp_path, monkeypatch):
    final = tmp_path / "map.tif"
    final.write_bytes(b"older")
    monkeypatch.setattr(module, "WINDOWS", True)
    check_writable(final)
    assert final.read_bytes() == b"older"

    def refuse(source, target):
        raise PermissionError(13, "The process cannot access the file", str(source))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(OutputNotWritable, match="Remove the layer"):
        check_writable(final)
    check_writable(tmp_path / "new.tif")


@pytest.mark.parametrize("name", ["a.tif", f"{'a' * 150}.safetensors"])
def test_a_path_that_windows_does_not_allow_is_refused_before_the_work(tmp_path, monkeypatch, name):
    """The temporary file of the run record is longer than the output, up to forty letters of the name."""
    monkeypatch.setattr(module, "WINDOWS", True)
    final = tmp_path / name
    monkeypatch.setattr(module, "WINDOWS_PATH", module._longest_path(final))
    check_writable(final)
    monkeypatch.setattr(module, "WINDOWS_PATH", module._longest_path(final) - 1)
    with pytest.raises(OutputNotWritable, match="Choose a shorter name"):
        check_writable(final)
    monkeypatch.setattr(module, "_allows_long_paths", lambda: True)
    check_writable(final)
    written: list[str] = []
    rename = os.replace
    monkeypatch.setattr(os, "replace", lambda one, two: written.extend((str(one), str(two))) or rename(one, two))
    with atomic_output(final) as temporary:
        temporary.touch()
    RunRecord("x", {}, {}).write({"OUTPUT": final})
    assert max(map(len, written)) <= module._longest_path(final)


@pytest.fixture
def held(monkeypatch):
    """Files that another program has opened since the work began: they can be neither replaced nor removed."""
    monkeypatch.setattr(module, "WINDOWS", False)  # no look at them before the work
    found: set[str] = set()

    def guarded(original):
        def refuse(*paths, **more):
            if found.intersection(map(str, paths)):
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(paths[0]))
            return original(*paths, **more)

        return refuse

    for name in ("replace", "rename", "unlink"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    return found


def test_a_result_that_cannot_replace_an_open_file_is_kept_beside_it_with_its_record(tmp_path, held):
    table, older = tmp_path / "t.csv", {"t.csv": "old", "t.json": "old", "t.csv.run.json": "old", "t_2.json": "other"}
    for name, text in older.items():
        (tmp_path / name).write_text(text)
    held.add(str(table))
    with output_transaction() as moved:
        write_text(table, "new")
        write_text(tmp_path / "t.json", "new")
        write_text(tmp_path / "map.html", "new")
        RunRecord("x", {}, {}).write({"OUTPUT_TABLE": table, "OUTPUT_HTML": tmp_path / "map.html"})
    assert moved == {table: tmp_path / "t_3.csv"}
    assert {name: (tmp_path / name).read_text() for name in older} == older
    assert (tmp_path / "t_3.csv").read_text() == (tmp_path / "t_3.json").read_text() == "new"
    outputs = read_record(tmp_path / "t_3.csv")["outputs"]
    assert outputs["OUTPUT_TABLE"]["source"] == str(tmp_path / "t_3.csv")
    assert outputs == read_record(tmp_path / "map.html")["outputs"]
    own = {"t_3.csv", "t_3.json", "t_3.csv.run.json", "map.html", "map.html.run.json"}
    assert set(names(tmp_path)) == own | set(older)


def test_what_is_beside_an_open_file_is_rolled_back_with_the_rest(tmp_path, held):
    (tmp_path / "a.tif").write_text("old")
    held.add(str(tmp_path / "a.tif"))
    with pytest.raises(Cancelled), output_transaction():
        write_text(tmp_path / "a.tif", "new")
        assert (tmp_path / "a_2.tif").read_text() == "new"
        raise Cancelled()
    assert names(tmp_path) == ["a.tif"]


def test_files_of_a_folder_stay_together_if_one_is_open(tmp_path, held):
    folder = tmp_path / "demo"
    folder.mkdir()
    for name in ("a.tif", "b.tif"):
        (folder / name).write_text("old")
    held.add(str(folder / "b.tif"))
    with output_transaction() as moved, atomic_output_folder(folder) as temporary:
        for name in ("a.tif", "b.tif", "c.tif"):
            (temporary / name).write_text("new")
    assert moved == {folder: tmp_path / "demo_2"} and names(folder) == ["a.tif", "b.tif"]
    assert {path.read_text() for path in folder.iterdir()} == {"old"}
    assert {path.name: path.read_text() for path in (tmp_path / "demo_2").iterdir()} == dict.fromkeys(
        ("a.tif", "b.tif", "c.tif"), "new"
    )


@pytest.mark.parametrize(("platform", "same"), [("darwin", True), ("linux", False)])
def test_names_that_differ_in_case_are_one_where_the_system_thinks_so(monkeypatch, platform, same):
    same = same or sys.platform == "win32"
    monkeypatch.setattr(transaction.sys, "platform", platform)
    assert (transaction.name_hash("Map.tif") == transaction.name_hash("map.TIF")) == same


@pytest.mark.parametrize(("height", "width"), [(1100, 1301), (1026, 1027), (300, 200)])
def test_overviews_of_many_bands_are_cells_of_the_raster(tmp_path, height, width):
    grid = utm_grid(height, width)
    values = np.random.default_rng(0).random((MANY_BANDS + 1, height, width), dtype=np.float32)
    values[:, :50, :70] = np.nan
    names = [str(band) for band in range(len(values))]
    with create_raster(tmp_path / "a.tif", grid, "float32", np.nan, names, overviews=Resampling.nearest) as dataset:
        for block in grid.blocks(320):
            dataset.write(values[(slice(None), *block.slices)], window=block.window)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        factors = dataset.overviews(1)
        np.testing.assert_array_equal(dataset.read(), values)
    assert factors == ([4] if height > 1000 else [])
    for level, factor in enumerate(factors):
        with rasterio.open(tmp_path / "a.tif", overview_level=level) as overview:
            found = overview.read()
        rows, columns = (
            np.minimum(np.arange(-(-length // factor)) * factor + factor // 2, length - 1) for length in (height, width)
        )
        np.testing.assert_array_equal(found, values[:, rows][:, :, columns])
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
