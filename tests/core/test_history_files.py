"""Reading histories: as they grow, damaged, foreign and huge ones, whole folders of them, and those in model files."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from scarp.model.artifact import load_model
from scarp.model.artifact_header import MAX_HEADER_LENGTH, read_header_of_file
from scarp.model.errors import HistoryInvalid, InputMissing, ModelFileInvalid
from scarp.model.history import writing
from scarp.model.history.reading import Follower, HistoryFolder, history_of_model, read_history
from scarp.model.history.writing import RunInfo
from scarp.tests.core import prediction_models, test_artifact


def head(**changes):
    info = asdict(RunInfo("pcum", "/maps/model.safetensors", 100, 10))
    return {writing.HEAD: 1, **info, "started": 1.7e9, "process": 1, **changes}


def epoch(number, loss=1.0, **changes):
    losses = {"train_loss": loss, "validation_loss": loss}
    return {"epoch": number, **dict.fromkeys(writing.SERIES, 0.5), **losses, "seconds": 2.0, **changes}


def bytes_of(*lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def read(path):
    follower = Follower(path)
    while follower.poll():
        pass
    return follower


def content(history):
    values = {name: series.values.tolist() for name, series in history.series.items()}
    return history.head, history.best_epoch, history.ended, history.metrics, values


def append(path, *lines):
    with open(path, "ab") as stream:
        stream.write(bytes_of(*lines))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.jsonl"


# As it grows


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_lines_may_arrive_in_any_pieces(path, size):
    end = {writing.END: writing.PATIENCE, "metrics": {"auc": 0.8, "loss": None}}
    whole = bytes_of(head(), *(epoch(number, 1 / number) for number in range(1, 8)), end)
    path.write_bytes(b"")
    follower = Follower(path)
    for start in range(0, len(whole), size):
        with open(path, "ab") as stream:
            stream.write(whole[start : start + size])
        follower.poll()
    assert follower.history.epoch == follower.history.best_epoch == 7
    assert follower.done and follower.state() == writing.PATIENCE and follower.history.metrics == {"auc": 0.8}
    assert content(follower.history) == content(read(path).history)


def test_a_poll_reads_at_most_the_given_bytes(path):
    path.write_bytes(bytes_of(head(), *(epoch(number) for number in range(1, 200))))
    follower, looks, last = Follower(path), 1, 0
    while follower.poll(4096):
        looks += 1
        assert 0 <= follower.history.epoch - last <= 4096 / 100
        last = follower.history.epoch
    assert follower.history.epoch == 199 and looks >= path.stat().st_size // 4096


def test_the_best_epoch_is_the_first_of_the_lowest(path):
    losses = [3.0, 2.0, 2.5, 2.0, 1.5, 1.6]
    path.write_bytes(bytes_of(head()))
    follower = Follower(path)
    for number, loss in enumerate(losses, 1):
        append(path, epoch(number, loss))
        follower.poll()
        assert follower.history.best_epoch == 1 + int(np.argmin(losses[:number]))
        assert follower.history.last_epoch == follower.history.best_epoch + 10


@pytest.mark.parametrize(("patience", "epochs", "last"), [(10, 100, 11), (0, 100, 100), (10, 4, 4)])
def test_the_last_epoch_follows_patience_and_epochs(path, patience, epochs, last):
    path.write_bytes(bytes_of(head(patience=patience, epochs=epochs), epoch(1), epoch(2, 2.0)))
    assert read(path).history.last_epoch == last


def test_a_slow_epoch_has_progress(path):
    path.write_bytes(bytes_of(head(), epoch(1), {"in_epoch": 2, "share": 0.4}, {"in_epoch": 9, "share": 0.9}))
    follower = read(path)
    assert follower.history.epoch_share == 0.4
    append(path, epoch(2))
    follower.poll()
    assert (follower.history.epoch_share, follower.history.seconds_each()) == (0, 2.0)


def test_a_file_that_vanishes_or_is_made_anew(path):
    follower = Follower(path)
    assert not follower.poll() and follower.deleted
    with pytest.raises(HistoryInvalid, match="does not exist"):
        read_history(path)
    path.write_bytes(bytes_of(head(), epoch(1), epoch(2)))
    follower.poll()
    assert not follower.deleted and follower.history.epoch == 2
    path.write_bytes(bytes_of(head(kind="unet"), epoch(1)))
    follower.poll()
    assert (follower.history.epoch, follower.history.head.kind) == (1, "unet")
    path.unlink()
    follower.poll()
    assert follower.deleted and follower.done and follower.history.epoch == 1


# Foreign and damaged files


FOREIGN = [b"{}", b"[1, 2]", b"null", b"", b"\x00\xff\xfe", b"[" * 60000, b"x" * (writing.MAX_LINE_BYTES + 10)]
FOREIGN += [b'{"scarp_training": 2, "epochs": 1, "patience": 1}', b'{"scarp_training": 1}', b'{"epoch": 1, "loss": 1}']


@pytest.mark.parametrize("line", FOREIGN)
def test_other_files_are_not_histories(path, line):
    path.write_bytes(line + b"\n" + bytes_of(head(), epoch(1)))
    follower = read(path)
    assert follower.not_a_history and follower.done and follower.history is None
    with pytest.raises(HistoryInvalid, match=path.name):
        read_history(path)


def test_a_foreign_file_is_not_read_to_its_end(path):
    path.write_bytes(b"x" * (8 << 20))
    follower, read_on = Follower(path), 0
    while follower.poll():
        read_on += 1
    assert read_on < 3


EPOCH_LINE = b'{"epoch": %s, "train_loss": %s, "validation_loss": 1}'
DAMAGED = [b"{half", b"[]", b'"epoch"', b'{"epoch": 2}', b'{"epoch": "2"}', b'{"ended": "well"}', b'{"ended": []}']
DAMAGED += [b'{"in_epoch": 2, "share": "x"}', b"\xff" * 100, b"y" * (3 * writing.MAX_LINE_BYTES)]
DAMAGED += [EPOCH_LINE % one for one in ((b"7", b"1"), (b"2", b"NaN"), (b"2", b'"1"'), (b"2", b"1e999"))]


@pytest.mark.parametrize("line", DAMAGED)
def test_damaged_lines_are_skipped(path, line):
    path.write_bytes(bytes_of(head(), epoch(1)) + line + b"\n")
    append(path, epoch(2), epoch(3), {writing.END: writing.EPOCHS})
    history = read(path).history
    assert (history.epoch, history.ended) == (3, writing.EPOCHS)


def test_lines_after_the_end_are_ignored(path):
    ends = [{writing.END: how} for how in (writing.STOPPED, writing.EPOCHS)]
    path.write_bytes(bytes_of(head(), epoch(1), ends[0], epoch(2), ends[1]))
    assert (read(path).history.epoch, read(path).state()) == (1, writing.STOPPED)


def test_untrusted_texts_and_times_are_bounded_and_lone_surrogates_replaced(path):
    first = head(kind=["x"], output="\udfff" + "a" * 9999, report=3, started="now")
    metrics = {"auc": "high", "recall": 0.5, "\udc00": 0.5}
    last = {writing.END: "failed", "text": "\ud800 滑" + "b" * 9999, "metrics": metrics}
    path.write_bytes(bytes_of(first, epoch(1, seconds=-5), last))
    history = read(path).history
    assert history.head.kind == history.head.report == ""
    assert history.head.output.startswith("?a") and history.text.startswith("? 滑b")
    assert len(history.head.output) <= 4096 and len(history.text) <= 4096
    assert (history.started, history.seconds.value_at(1), history.metrics) == (0, 0, {"recall": 0.5, "?": 0.5})


# By steps


def step(number, steps, **changes):
    return epoch(number, steps=steps, **changes)


def test_entries_by_steps_have_a_place_and_a_time(path):
    entries = [step(1, 0, seconds=90.0), step(2, 50, seconds=5.0), step(3, 150, seconds=10.0)]
    path.write_bytes(bytes_of(head(steps=[0, 50, 150, 350], epochs=4, patience=3), *entries))
    history = read(path).history
    assert [history.shown(number) for number in range(5)] == [0, 0, 50, 150, 350]
    assert history.position(3.25) == 200
    # The entry before the first step does not tell how long a step takes.
    assert history.seconds_each() == pytest.approx(0.1) and history.seconds_to(4) == pytest.approx(20.0)
    append(path, {"in_epoch": 4, "share": 0.5})
    follower = read(path)
    assert follower.history.seconds_to(4) == pytest.approx(10.0) and follower.history.seconds_to(2) == 0


WRONG_STEPS = [[50, 100], [0, 50, 50], [0, 1.5], [0, "50"], [0, True], "0", {"0": 1}, [0, 50], 3, [0, 10**15, 10**16]]


@pytest.mark.parametrize("steps", WRONG_STEPS)
def test_a_head_with_other_steps_is_no_head(path, steps):
    path.write_bytes(bytes_of(head(steps=steps, epochs=3), step(1, 0)))
    assert read(path).not_a_history


@pytest.mark.parametrize("steps", [None, [], ()])
def test_a_head_without_steps_is_of_epochs(path, steps):
    path.write_bytes(bytes_of(head(steps=steps), epoch(1), epoch(2)))
    history = read(path).history
    assert (history.epoch, history.shown(2), history.head.steps) == (2, 2, ())


@pytest.mark.parametrize("wrong", [100, None, "50", 50.5])
def test_an_entry_after_other_steps_is_skipped(path, wrong):
    path.write_bytes(bytes_of(head(steps=[0, 50], epochs=2), step(1, 0), step(2, wrong), step(2, 50), step(3, 90)))
    assert read(path).history.epoch == 2


# Long histories


@pytest.mark.parametrize("count", [0, 1, writing.BUCKET - 1, writing.BUCKET, writing.BUCKET + 1, 5000])
@pytest.mark.parametrize("gaps", [False, True])
def test_many_values_are_drawn_as_few_points_with_the_same_extent(count, gaps):
    generator = np.random.default_rng(count)
    numbers = enumerate(generator.normal(0, 1, count))
    values = [None if gaps and number % 500 > 400 else float(value) for number, value in numbers]
    series = writing.Series()
    for value in values:
        series.append(value)
    known = [(number, value) for number, value in enumerate(values, 1) if value is not None]
    whole = [point for line in series.polylines(10**6) for point in line]
    few = [point for line in series.polylines(100) for point in line]
    assert whole == known and len(few) <= 100 and series.empty == (not known)
    if known:
        for points in (whole, few):
            assert (min(y for _, y in points), max(y for _, y in points)) == (series.lowest, series.highest)
        assert all(1 <= x <= count for x, _ in few)


def test_a_line_is_broken_where_there_is_no_value():
    series = writing.Series()
    for value in (None, 1.0, 2.0, None, None, 3.0, None):
        series.append(value)
    assert series.polylines(100) == [[(2, 1.0), (3, 2.0)], [(6, 3.0)]]
    assert [series.value_at(number) for number in (0, 1, 3, 99)] == [None, None, 2.0, None]


# A folder


def test_a_folder_is_followed(tmp_path):
    folder = tmp_path / "later"
    trainings = HistoryFolder(folder)
    assert not trainings.poll() and not trainings.followers
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jsonl").write_bytes(bytes_of(head(), epoch(1)))
    (folder / "notes.txt").write_text("mine")
    while trainings.poll(10):
        pass
    assert [follower.history.epoch for follower in trainings.followers.values()] == [1, 1, 1]
    (folder / "1.jsonl").unlink()
    trainings.poll(10)
    assert len(trainings.followers) == 2


def test_files_opened_by_hand_stay_and_are_not_thrown_away(tmp_path, path):
    path.write_bytes(bytes_of(head(), epoch(1), {writing.END: writing.EPOCHS}))
    (tmp_path / "mine").mkdir()
    inside = tmp_path / "mine" / "b.jsonl"
    inside.write_bytes(path.read_bytes())
    trainings = HistoryFolder(tmp_path / "mine")
    key = trainings.add(read_history(path))
    trainings.poll(10)
    assert set(trainings.followers) == {str(path), str(inside)}
    for one in (key, str(inside)):
        trainings.forget(one)
    trainings.poll(10)
    assert not trainings.followers and path.exists() and not inside.exists()


def test_no_file_starves_if_there_is_little_time(tmp_path):
    lines = bytes_of(head(), *(epoch(number) for number in range(1, 800)))
    for number in range(12):
        (tmp_path / f"{number}.jsonl").write_bytes(lines)
    trainings = HistoryFolder(tmp_path)
    for _ in range(12 * (len(lines) // (32 * 1024) + 1)):
        trainings.poll(0.0)
    assert {item.history.epoch for item in trainings.followers.values()} == {799}
    assert not trainings.poll(0.5)


def test_old_histories_make_room_and_live_ones_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("SCARP_STATE", str(tmp_path))
    monkeypatch.setattr(writing, "MAX_HISTORIES", 3)
    first = writing.new_history()
    for number in range(5):
        old = first.with_name(f"2000010{number}T000000-aaaaaaaa.jsonl")
        old.write_text("x")
        writing.request_stop(old)
        if number:
            os.utime(old, (0, 0))
    fresh = writing.new_history()
    assert fresh.parent == first.parent and fresh != first
    for kind in ("jsonl", "stop"):
        assert sorted(item.name[:8] for item in fresh.parent.glob(f"*.{kind}")) == ["20000100", "20000103", "20000104"]


MAC_ENDING = "Application Support/scarp"


@pytest.mark.parametrize(
    ("platform", "variable", "ending"),
    [("win32", "LOCALAPPDATA", "scarp"), ("linux", "XDG_STATE_HOME", "scarp"), ("darwin", "", MAC_ENDING)],
)
def test_each_system_has_its_place(tmp_path, monkeypatch, platform, variable, ending):
    monkeypatch.delenv("SCARP_STATE", raising=False)
    monkeypatch.setattr(writing.sys, "platform", platform)
    monkeypatch.setattr(writing.Path, "home", lambda: tmp_path)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "given"))
        assert writing.state_folder() == tmp_path / "given" / "scarp"
        monkeypatch.delenv(variable)
    found = writing.state_folder()
    assert found.is_relative_to(tmp_path) and found.as_posix().endswith(ending)


# In model files


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model without history to speak of."""
    return Path(prediction_models.saved(tmp_path_factory.mktemp("models") / "m.safetensors", "unet1"))


area = test_artifact.area


def test_the_header_is_read_without_the_library(models):
    header, model = read_header_of_file(models), load_model(models)
    for name in ("kind", "settings", "history", "metrics", "factors", "pixel_size", "versions"):
        assert header[name] == getattr(model, name), name
    assert header["training"].items() >= model.training.items()


def test_the_curves_of_a_model_are_those_of_its_training(area, tmp_path):
    result = test_artifact.train(area, tmp_path / "m.safetensors", html=tmp_path / "m.html", epochs=4)
    history = history_of_model(read_header_of_file(tmp_path / "m.safetensors"), tmp_path / "m.safetensors", time.time())
    assert (history.epoch, history.best_epoch) == (4, result.metrics["best_epoch"])
    assert (history.ended, history.metrics["auc"]) == (writing.EPOCHS, result.metrics["auc"])
    for subset in ("train", "validation"):
        for name in writing.NUMBERS:
            found = [history.series[f"{subset}_{name}"].value_at(number) for number in range(1, 5)]
            assert found == [item[f"{subset}_{name}"] for item in result.history]
    assert history.head.report == str(tmp_path / "m.html") and not history.head.stoppable


def test_models_of_before_have_an_end_too_and_those_without_epochs_are_refused(models):
    """Headers of before do not say how training ended."""
    header = read_header_of_file(models)
    header["history"] = [epoch(1), epoch(2)]
    for epochs, ended in ((2, writing.EPOCHS), (9, writing.PATIENCE)):
        header["settings"]["epochs"] = epochs
        assert history_of_model(header, models, 0).ended == ended
    for numbers, message in (([epoch(1), epoch(1)], "damaged"), ([], "not trained in epochs")):
        header["history"] = numbers
        with pytest.raises(HistoryInvalid, match=message):
            history_of_model(header, models, 0)


TWO_BYTES = b"\x02" + b"\0" * 7
NO_MODELS = [b"", b"\x05\x00", b"\xff" * 40, (2 * MAX_HEADER_LENGTH + 1).to_bytes(8, "little") + b"{}"]
NO_MODELS += [TWO_BYTES + b"{}", TWO_BYTES + b"[]", b"\x06" + b"\0" * 7 + b"{half }"]


@pytest.mark.parametrize("start", [*NO_MODELS, (22).to_bytes(8, "little") + b'{"__metadata__": "no"}'])
def test_other_files_are_no_models(tmp_path, start):
    (tmp_path / "m.safetensors").write_bytes(start)
    with pytest.raises(ModelFileInvalid, match="m.safetensors"):
        read_header_of_file(tmp_path / "m.safetensors")
    with pytest.raises(InputMissing):
        read_header_of_file(tmp_path / "none.safetensors")
