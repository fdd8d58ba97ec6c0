"""The outputs of a run stay all together, or none does and what lay there before is back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scarp.model.errors import Cancelled
from scarp.model.files import complete_or_absent_folder, write_text
from scarp.model.together import all_or_none, keep_so_far
from scarp.model.worker.leftovers import remove


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("failure", [None, Cancelled(), OSError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize("earlier", [(), ("map",), ("map", "table"), ("record",)])
def test_all_or_none(tmp_path, failure, earlier):
    for name in earlier:
        (tmp_path / name).write_text(f"old {name}")
    before = contents(tmp_path)
    try:
        with all_or_none():
            for name in ("map", "table", "record", "map"):
                write_text(tmp_path / name, f"new {name}")
            if failure is not None:
                raise failure
    except (Cancelled, OSError, KeyboardInterrupt) as error:
        assert error is failure
    after = {name: f"new {name}" for name in ("map", "record", "table")}
    assert contents(tmp_path) == (after if failure is None else before)


@pytest.mark.parametrize("made_before", [True, False])
def test_folder_of_a_run_that_fails(tmp_path, made_before):
    folder = tmp_path / "demo"
    if made_before:
        folder.mkdir()
        (folder / "mine").write_text("mine")
        (folder / "dem").write_text("old")
    before = contents(tmp_path)
    with pytest.raises(ValueError), all_or_none():
        with complete_or_absent_folder(folder) as temporary:
            (temporary / "dem").write_text("new")
            (temporary / "rivers").write_text("new")
        assert contents(folder)["dem"] == "new"
        raise ValueError
    assert contents(tmp_path) == before and folder.exists() == made_before


def test_what_took_long_can_be_kept(tmp_path):
    (tmp_path / "model").write_text("old")
    with pytest.raises(ValueError), all_or_none():
        write_text(tmp_path / "model", "trained")
        keep_so_far()
        write_text(tmp_path / "report", "half")
        raise ValueError
    assert contents(tmp_path) == {"model": "trained"}


def test_what_another_run_wrote_since_is_left_alone(tmp_path):
    (tmp_path / "map").write_text("old")
    with pytest.raises(ValueError), all_or_none():
        write_text(tmp_path / "map", "mine")
        (tmp_path / "other").write_text("of another run")
        os.replace(tmp_path / "other", tmp_path / "map")
        raise ValueError
    assert contents(tmp_path) == {"map": "of another run"}


def test_disk_without_second_names_keeps_what_is_new(tmp_path, monkeypatch):
    """There the older file cannot be brought back, so the new one, which is whole, stays."""
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "map").write_text("old")
    with pytest.raises(ValueError), all_or_none():
        write_text(tmp_path / "map", "new")
        raise ValueError
    assert contents(tmp_path) == {"map": "new"}


def test_without_a_run_files_just_get_their_names(tmp_path):
    write_text(tmp_path / "map", "new")
    keep_so_far()
    assert contents(tmp_path) == {"map": "new"}


ENDED = """
import os, sys
from pathlib import Path
from scarp.model import together
from scarp.model.temporaries import temporary_beside, watch_temporaries
from scarp.model.together import all_or_none, keep_so_far, take_name, watch_names
from scarp.model.worker import leftovers

run, out, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
watch_temporaries(lambda path: leftovers.note(run, path))
watch_names(lambda taken: leftovers.note_name(run, taken))

def make(name):
    temporary = temporary_beside(out / name, ".part")
    temporary.write_text("new " + name)
    take_name(temporary, out / name)

with all_or_none():
    make("map.tif")
    make("table.csv")
    if moment == "kept":
        keep_so_far()
    make("other.tif")
    make("map.tif")
    temporary_beside(out / "late.tif", ".part").write_text("begun")
    if moment != "done":
        os._exit(9)
os._exit(9)
"""


@pytest.mark.parametrize("moment", ["before", "kept", "done"])
def test_names_that_an_ended_process_took_are_given_back(tmp_path, moment):
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    out.mkdir()
    older = {"map.tif": "old map", "map.tif.run.json": "old record", "table.csv": "old table", "table.json": "old twin"}
    for name, text in older.items():
        (out / name).write_text(text)
    subprocess.run([sys.executable, "-c", ENDED, str(run), str(out), moment], check=False, timeout=60)
    remove(run)
    found = {path.name: path.read_text() for path in out.iterdir()}
    new = {"map.tif": "new map.tif", "table.csv": "new table.csv"}
    assert found == {"before": older, "kept": new, "done": {**new, "other.tif": "new other.tif"}}[moment]
    remove(run)
    assert {path.name for path in out.iterdir()} == set(found), "what was given back is no longer the run's"
