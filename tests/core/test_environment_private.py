"""When an environment is complete, and what its removal deletes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from scarp.environment import builds, private
from scarp.environment.private import COMPLETE_FILE, PROGRESS_FILE, EnvironmentState, PrivateEnvironment

HERE = tuple(sys.version_info[:2])
INCOMPLETE, OUTDATED, ABSENT = EnvironmentState.INCOMPLETE, EnvironmentState.OUTDATED, EnvironmentState.ABSENT
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake is laid out as on POSIX")


@pytest.fixture
def environment(tmp_path) -> PrivateEnvironment:
    """A fake of a complete environment: a link to a Python, packages and the completion record."""
    base = tmp_path / "system" / "python3.x"
    base.parent.mkdir()
    base.write_text("")
    made = PrivateEnvironment(tmp_path / "scarp" / "py3", HERE)
    packages = made.folder / "lib" / "python3.x" / "site-packages"
    for name in ("torch", "attr"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("")
    (packages / "single.py").write_text("")
    (packages / "compiled.cpython-3x.so").write_text("")
    (packages / "leftover").mkdir()
    (made.folder / "bin").mkdir()
    made.executable.symlink_to(base)
    made.write_progress_record({"done": ["make"]})
    record = {"base": os.path.realpath(base), "qgis_python": list(HERE), "variables": {"PYTHONHOME": "/x"}}
    made.write_completion_record(record)
    return made


def change(environment: PrivateEnvironment, **values) -> None:
    mark = environment.folder / COMPLETE_FILE
    mark.write_text(json.dumps({**json.loads(mark.read_text()), **values}))


def test_a_complete_environment_has_a_python(environment):
    assert environment.status().state is EnvironmentState.READY
    assert environment.python == environment.executable
    assert environment.variables()["PYTHONHOME"] == "/x"


def test_its_modules_are_found_without_starting_it(environment):
    assert environment.missing(["torch", "attr", "single", "compiled", "torch.nn"]) == []
    assert environment.missing(["rasterio", "torch", "leftover"]) == ["rasterio", "leftover"]
    assert PrivateEnvironment(environment.folder / "no").missing(["torch"]) == ["torch"]


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lambda e: (e.folder / COMPLETE_FILE).unlink(), INCOMPLETE),
        (lambda e: (e.folder / COMPLETE_FILE).write_text("{"), INCOMPLETE),
        (lambda e: (e.folder / COMPLETE_FILE).write_text("[]"), INCOMPLETE),
        (lambda e: [(e.folder / name).unlink() for name in (COMPLETE_FILE, PROGRESS_FILE)], ABSENT),
        (lambda e: change(e, list="another"), OUTDATED),
        (lambda e: change(e, format=0), OUTDATED),
        (lambda e: change(e, base="/usr/bin/python0"), OUTDATED),
        (lambda e: change(e, qgis_python=[3, 0]), OUTDATED),
        (lambda e: Path(os.path.realpath(e.executable)).unlink(), OUTDATED),
        (lambda e: e.executable.unlink(), OUTDATED),
        (lambda e: e.write_progress_record({}), INCOMPLETE),
    ],
)
def test_an_incomplete_environment_has_no_python(environment, spoil, state):
    spoil(environment)
    assert environment.status().state is state
    assert (environment.status().reason != "") == (state is OUTDATED)
    assert environment.python is None


def test_an_environment_made_with_another_python_does_not_depend_on_qgis(environment):
    change(environment, qgis_python=None)
    assert PrivateEnvironment(environment.folder, (3, 99)).status().state is EnvironmentState.READY


def test_a_changed_list_makes_it_outdated(environment, monkeypatch, tmp_path):
    other = tmp_path / "list.txt"
    other.write_text("numpy==9\n")
    monkeypatch.setattr(builds, "LIBRARIES", other)
    builds.requirements_hash.cache_clear()
    try:
        assert environment.status().state is OUTDATED
    finally:
        monkeypatch.undo()
        builds.requirements_hash.cache_clear()
    assert environment.status().state is EnvironmentState.READY


def test_removal_deletes_the_environment_and_nothing_else(environment, tmp_path):
    beside = environment.folder.parent / "other"
    beside.write_text("stays")
    outside = tmp_path / "system" / "python3.x"
    environment.remove()
    assert not environment.folder.exists()
    assert beside.read_text() == "stays"
    assert outside.exists()
    environment.remove()


def test_a_foreign_folder_is_not_removed(tmp_path):
    other = PrivateEnvironment(tmp_path / "thesis")
    other.folder.mkdir()
    (other.folder / "chapter.txt").write_text("years of work")
    assert other.is_foreign()
    assert not other.is_scarp_environment()
    with pytest.raises(OSError, match="not created by Scarp"):
        other.remove()
    assert (other.folder / "chapter.txt").exists()


def test_a_removal_that_fails_midway_can_be_repeated(environment, monkeypatch):
    def refuse(path, *args):
        raise PermissionError(13, "in use", str(path))

    monkeypatch.setattr(private.shutil, "rmtree", refuse)
    with pytest.raises(PermissionError):
        environment.remove()
    assert environment.status().state is INCOMPLETE
    assert environment.python is None
    monkeypatch.undo()
    environment.remove()
    assert not environment.folder.exists()
