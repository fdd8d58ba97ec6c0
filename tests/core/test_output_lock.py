"""One run at a time writes an output, and what killed runs left is removed."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from scarp.model.errors import OutputNotWritable
from scarp.model.outputs import atomic as module
from scarp.model.outputs.atomic import held_lock_descriptors, lock_file, output_lock, write_text
from scarp.model.outputs.transaction import output_transaction, temp_path_beside

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
    os.kill(process.pid, signal.SIGKILL)
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
