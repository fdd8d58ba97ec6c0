"""The outputs of a run stay all together, or none does and what lay there before is back."""

from __future__ import annotations

import os

import pytest

from scarp.model.errors import Cancelled
from scarp.model.files import complete_or_absent_folder, write_text
from scarp.model.together import all_or_none, keep_so_far


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
