"""System clocks may be set while Scarp runs: only times shown to people depend on them."""

from __future__ import annotations

import ast
import json
import os
import time
from pathlib import Path

import pytest

from scarp.model.history import writing
from scarp.model.history.reading import Follower, read_history
from scarp.model.history.writing import LOST, LOST_AFTER, RUNNING, RunInfo, TrainingLog
from scarp.model.outputs.run_record import RunRecord
from scarp.model.provenance.records import changes_since

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("algorithms", "environment", "gui", "model", "processing_provider", "running")
HOUR, DAY = 3600.0, 86400.0
JUMPS = [-DAY, -HOUR, HOUR, DAY]
HEAD_OF_TEST = RunInfo("pcum", "/out/m.safetensors", 20, 5)

WALL_CLOCK = {"model/outputs/run_record.py": 1, "model/history/writing.py": 2, "model/history/reading.py": 1}
"""Where the time of day is asked for: when a run and a training began, which histories may be thrown away, and how old
a history is when it is first seen. A new place needs a reason, for the time of day may go backwards."""


@pytest.fixture
def jump(monkeypatch):
    """Return a function that sets the clock forwards or back."""
    real, by = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + by[0])
    return lambda seconds: by.__setitem__(0, by[0] + seconds)


FILE_TIMES = "outputs/run_record outputs/transaction provenance/records prediction/tile_cache history/writing".split()
FILE_TIMES = {
    "gui/recent_models.py": 2,
    "gui/suggestions.py": 1,
    "gui/training_page.py": 1,
    **{f"model/{name}.py": 1 for name in FILE_TIMES},
    "model/provenance/freshness.py": 4,
    "model/history/reading.py": 2,
    "model/jobs/explain_cell.py": 2,
}
"""Where the time of a file is asked for: to see that an input, a stack or a file of this run's is another one, to tell
a living history, to show when it was made, to suggest the newest layer or model, and to find the zones that were made
last of a map. Orphans, tiles and older outputs are known
without it."""


def asks_for_the_time_of_day(tree: ast.AST) -> int:
    """Return how often a module asks for the time of day as a number."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            count += ast.unparse(node.func) in ("time.time", "time.time_ns")
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            count += sum(alias.name in ("time", "time_ns") for alias in node.names)
    return count


def asks_for_the_time_of_a_file(tree: ast.AST) -> int:
    names = [getattr(node, "attr", "") for node in ast.walk(tree)]
    return sum(name.startswith(("st_mtime", "st_ctime", "getmtime", "getctime")) for name in names)


@pytest.mark.parametrize(
    ("asks", "places"), [(asks_for_the_time_of_day, WALL_CLOCK), (asks_for_the_time_of_a_file, FILE_TIMES)]
)
def test_the_time_of_day_and_of_files_decides_nothing_else(asks, places):
    paths = [ROOT / "plugin.py", *(path for name in SHIPPED for path in (ROOT / name).rglob("*.py"))]
    trees = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    assert {name: count for name, tree in trees.items() if (count := asks(tree))} == places


@pytest.mark.parametrize("seconds", JUMPS)
def test_the_duration_of_a_run_ignores_the_clock(tmp_path, jump, seconds):
    (tmp_path / "map.tif").write_bytes(b"map")
    record = RunRecord("classifyzones", {}, {})
    jump(seconds)
    record.write({"OUTPUT": tmp_path / "map.tif"})
    assert 0 <= json.loads((tmp_path / "map.tif.run.json").read_text())["seconds"] < HOUR


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_training_stays_alive_when_the_clock_is_set(tmp_path, jump, monkeypatch, seconds):
    """Between its touches and after; and one that has ended is given up, whatever the clock says."""
    monkeypatch.setattr(writing, "HEARTBEAT", 1e6)
    log = TrainingLog(tmp_path / f"a{writing.SUFFIX}", HEAD_OF_TEST)
    follower = Follower(log.path)
    # The last time it is touched by a machine with the new time.
    for change in (lambda: None, lambda: jump(seconds), lambda: os.utime(log.path, (time.time(), time.time()))):
        change()
        follower.poll()
        assert follower.state() == RUNNING
    assert follower.state(follower.last_polled + LOST_AFTER - 1) == RUNNING
    follower.poll()
    assert follower.state(follower.last_polled + LOST_AFTER + 1) == LOST
    log._close_stream()


@pytest.mark.parametrize("ahead", [HOUR, DAY, 400 * DAY])
def test_a_history_from_the_future_is_given_up_too(tmp_path, ahead):
    log = TrainingLog(tmp_path / f"a{writing.SUFFIX}", HEAD_OF_TEST)
    log._close_stream()
    os.utime(log.path, (time.time() + ahead, time.time() + ahead))
    follower = read_history(log.path)
    assert follower.state() == RUNNING, "nobody knows yet"
    assert follower.state(follower.last_polled + LOST_AFTER + 1) == LOST


def test_a_drive_whose_clock_is_behind_counts_as_running_at_the_first_touch(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "HEARTBEAT", 1e6)
    log = TrainingLog(tmp_path / f"a{writing.SUFFIX}", HEAD_OF_TEST)
    os.utime(log.path, (time.time() - HOUR, time.time() - HOUR))
    follower = read_history(log.path)
    assert follower.state() == LOST
    os.utime(log.path, (time.time() - HOUR + 3, time.time() - HOUR + 3))
    follower.poll()
    assert follower.state() == RUNNING
    log._close_stream()


@pytest.mark.parametrize("seconds", JUMPS)
def test_epoch_durations_and_stop_requests_ignore_the_clock(tmp_path, jump, monkeypatch, seconds):
    monkeypatch.setattr(writing, "_STOP_CHECK_INTERVAL", 0.0)
    with TrainingLog(tmp_path / f"a{writing.SUFFIX}", HEAD_OF_TEST) as log:
        log.start_clock()
        jump(seconds)
        log.epoch({"epoch": 1, **dict.fromkeys(writing.SERIES, 0.5)})
        follower = read_history(log.path)
        assert 0 <= follower.history.seconds_each() < 60
        writing.request_stop(log.path)
        os.utime(writing.stop_file(log.path), (0, 0))
        assert log.stop_requested()


def test_a_replaced_input_is_noticed_whatever_its_time(tmp_path):
    source, output = tmp_path / "dem.tif", tmp_path / "stack.tif"
    source.write_bytes(b"dem 1")
    before = source.stat().st_mtime
    output.write_bytes(b"stack")
    RunRecord("buildfactorstack", {}, {"DEM": source}).write({"OUTPUT": output})
    assert changes_since(output) == []
    source.write_bytes(b"dem 2")
    for moment in (before - 400 * DAY, before - 1, before + DAY):
        os.utime(source, (moment, moment))
        assert [change.parameter for change in changes_since(output)] == ["DEM"], "copied with its time, or the clock"
    source.write_bytes(b"dem 1")
    assert changes_since(output) == [], "touched, and the same"
