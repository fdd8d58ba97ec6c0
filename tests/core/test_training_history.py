"""Training from the command line, its history while it runs, and stopping it by hand."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scarp.model import training_cli
from scarp.model.artifact import load_model
from scarp.model.errors import Cancelled, TooFewData
from scarp.model.history import writing
from scarp.model.history.reading import Follower
from scarp.model.history.writing import RunInfo, TrainingLog
from scarp.model.progress import NullProgress
from scarp.model.training import checkpoint as checkpoints
from scarp.model.training import loop
from scarp.model.training.fit import fit_network
from scarp.model.training.settings import TrainingSettings
from scarp.tests.core import test_artifact, test_comparison_models, test_crossvalidation
from scarp.tests.core.test_training import FACTORS, SMALL, CancelAfter, weights, windows_of

PLUGINS = Path(__file__).resolve().parent.parent.parent / ".build" / "plugins"
OPTIONS = "--window 480 --block 960 --width 4 --epochs 4 --patience 0 --batch 9 --device cpu --precision fp32".split()


def environment():
    path = f"{PLUGINS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    # Pipes have the code page of the user on Windows.
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}


def program(*words):
    command = [sys.executable, "-m", "scarp.model.training_cli", *words]
    return subprocess.run(command, env=environment(), capture_output=True, encoding="utf-8", timeout=120)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as end:
        training_cli.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    for word in ("--lambda NUMBER", "--no-augment", "{spatial_blocks,random}", "From 1 to 65536", "--start-from FILE"):
        assert word in text


@pytest.mark.parametrize(("more", "word"), [([], "does not exist"), (["--epochs", "0"], "EPOCHS")])
def test_a_failure_is_one_message(out, capsys, more, word):
    command = [str(out / "none.tif"), "labels.tif", str(out / "m.safetensors"), "--physics", "none", *more]
    assert training_cli.main(command) == 1
    text = capsys.readouterr().err
    assert word in text and "Traceback" not in text and len(text.splitlines()) == 1
    assert not list(out.iterdir())


def test_interrupted_training_resumes_from_its_checkpoint(area, tmp_path, out, monkeypatch):
    rasters = [str(area / name) for name in ("stack.tif", "labels.tif")]
    assert training_cli.main([*rasters, str(tmp_path / "whole.safetensors"), *OPTIONS]) == 0
    uninterrupted = load_model(tmp_path / "whole.safetensors")
    files = [str(out / name) for name in ("m.safetensors", "state", "m.html")]
    command = [*rasters, files[0], *OPTIONS, "--checkpoint", files[1], "--html", files[2]]
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    original = loop._append_epoch

    def append(state, *others):
        original(state, *others)
        if state.epoch == 2:
            signal.raise_signal(signal.SIGINT)  # os.kill would end the process on Windows

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_append_epoch", append)
        assert training_cli.main(command) == training_cli.CANCELLED
    assert [item.name for item in out.iterdir()] == ["state"]
    result = program(*command)
    assert result.returncode == 0, result.stderr
    assert (result.stderr.count("Resuming after epoch 2"), result.stdout.split()) == (1, [command[2]])
    written = {"m.safetensors", "m.safetensors.run.json", "m.html", "m.html.run.json", "state"}
    assert {item.name for item in out.iterdir()} == written
    model = load_model(out / "m.safetensors")
    for first, second in zip(uninterrupted.history, model.history):
        assert second["train_loss"] == pytest.approx(first["train_loss"], rel=1e-4)
    assert list(model.network.state_dict()) == list(uninterrupted.network.state_dict())


HEAD_OF_TEST = RunInfo("pcum", "model.safetensors", 50, 0)
area = test_artifact.area
few_trees_area = test_comparison_models.area
folds_area = test_crossvalidation.area


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """The folder of the histories, one of its own for each test."""
    monkeypatch.setenv("SCARP_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(writing, "_STOP_CHECK_INTERVAL", 0.0)
    return writing.histories_folder()


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def only(folder):
    (found,) = folder.iterdir()
    assert found.suffix == ".jsonl"
    return found


def followed(path):
    follower = Follower(path)
    while follower.poll():
        pass
    return follower


def epochs_of(path):
    epochs = [line for line in lines_of(path) if writing.EPOCH in line]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in epochs]


def train(log=None, progress=None, checkpoint=None, **changes):
    settings = TrainingSettings(**{**SMALL, "epochs": 50, **changes})
    return fit_network(windows_of(), FACTORS, settings, progress or NullProgress(), checkpoint, log=log)


class StopsAfter(TrainingLog):
    """Asked to stop, by its file, once so many epochs are done; before the first with 0."""

    def __init__(self, epochs):
        super().__init__(writing.new_history(), HEAD_OF_TEST)
        self.left = epochs
        self._ask()

    def epoch(self, numbers, timed=True):
        super().epoch(numbers, timed)
        self.left -= 1
        self._ask()

    def _ask(self):
        if self.left == 0:
            writing.request_stop(self.path)


@pytest.mark.parametrize("kind", ["pcum", "unet", "bpnn", "resnet"])
def test_the_history_is_that_of_the_model_file(area, few_trees_area, tmp_path, state, kind):
    output, html = tmp_path / "m.safetensors", tmp_path / "m.html"
    if kind == "pcum":
        result = test_artifact.train(area, output, html=html)
    else:
        result = test_comparison_models.train(few_trees_area, kind, output, html=html)
    lines, follower = lines_of(only(state)), followed(only(state))
    head = {writing.HEAD: 1, "kind": kind, "output": str(output), "report": str(html)}
    assert lines[0].items() >= head.items()
    assert epochs_of(only(state)) == load_model(output).history == result.history
    assert lines[-1][writing.END] == result.ended == load_model(output).training["ended"] == writing.EPOCHS
    assert json.loads(Path(f"{output}.run.json").read_text())["ended"] == writing.EPOCHS
    history = follower.history
    assert (follower.state(), history.epoch) == (writing.EPOCHS, len(result.history))
    assert history.best_epoch == result.metrics["best_epoch"]
    assert history.metrics == {name: value for name, value in result.metrics.items() if value is not None}


def test_models_without_epochs_have_no_history(few_trees_area, tmp_path, state):
    result = test_comparison_models.train(few_trees_area, "logistic_regression", tmp_path / "m.safetensors")
    assert not state.exists() and result.ended == ""
    assert "ended" not in load_model(tmp_path / "m.safetensors").training


def test_early_stopping_is_recorded(area, tmp_path, state):
    result = test_artifact.train(area, tmp_path / "m.safetensors", epochs=60, patience=1, learning_rate=0.05)
    history = followed(only(state)).history
    assert result.ended == history.ended == writing.PATIENCE
    assert history.epoch == history.best_epoch + 1 == history.last_epoch


def test_a_history_grows_epoch_by_epoch(state):
    """Each epoch can be read as soon as it is over, by a reader that was there before."""
    seen = []

    class Watched(TrainingLog):
        def epoch(self, numbers, timed=True):
            super().epoch(numbers, timed)
            follower.poll()
            seen.append((follower.history.epoch, follower.state()))

    with Watched(writing.new_history(), HEAD_OF_TEST) as log:
        follower = Follower(log.path)
        train(log, epochs=5)
    assert seen == [(number, writing.RUNNING) for number in range(1, 6)]


def test_every_fold_has_a_history_that_cannot_be_stopped(folds_area, tmp_path, state):
    test_crossvalidation.run(folds_area, tmp_path / "map.tif", "unet", folds=2, epochs=2, width=4, device="cpu")
    found = [followed(path).history for path in sorted(state.iterdir())]
    parts = {f"fold {fold} of 2, {split} split" for fold in (1, 2) for split in ("spatial", "random")}
    assert {history.head.part for history in found} == parts
    assert {(one.ended, one.epoch, one.head.stoppable) for one in found} == {(writing.EPOCHS, 2, False)}


@pytest.mark.parametrize("epochs", [0, 1, 4, 9])
@pytest.mark.parametrize("rate", [5e-3, 0.3])
def test_a_stopped_training_is_one_that_had_so_many_epochs(epochs, rate):
    """With the high rate the best of four epochs is not the last one; without a best one, the first is finished."""
    with StopsAfter(epochs) as log:
        stopped = train(log, learning_rate=rate)
    whole = train(epochs=max(epochs, 1), learning_rate=rate)
    assert (stopped.ended, whole.ended) == (writing.STOPPED, writing.EPOCHS)
    assert weights(stopped) == weights(whole)
    assert (stopped.history, stopped.metrics) == (whole.history, whole.metrics)
    if rate > 0.1 and epochs == 4:
        assert stopped.best_epoch < 4


def test_a_stop_does_not_wait_for_the_epoch_to_end():
    """Asked within an epoch of very many steps, the training ends at the next of them."""
    steps = []

    class Asked(TrainingLog):
        def report_epoch_share(self, epoch, share):
            super().report_epoch_share(epoch, share)
            steps.append((epoch, share))
            if epoch == 2 and share > 0.3 and not writing.stop_file(self.path).exists():
                writing.request_stop(self.path)
                steps.append("asked")

    with Asked(writing.new_history(), HEAD_OF_TEST) as log:
        stopped = train(log, batch=2)
    assert steps[-1] == "asked" and len(stopped.history) == 1


def test_a_stopped_training_says_so_everywhere(area, tmp_path, state, monkeypatch):
    monkeypatch.setattr(writing, "TrainingLog", lambda *_: StopsAfter(2))
    output, html = tmp_path / "m.safetensors", tmp_path / "m.html"
    result = test_artifact.train(area, output, html=html, epochs=30)
    record = json.loads(Path(f"{output}.run.json").read_text())
    assert result.ended == record["ended"] == load_model(output).training["ended"] == writing.STOPPED
    assert "stopped by hand after 2 of at most 30 epochs" in " ".join(record["warnings"])
    assert "stopped by hand" in html.read_text(encoding="utf-8")
    assert followed(only(state)).state() == writing.STOPPED, "the request is gone, the history says how it ended"


def test_a_stop_request_to_another_training_has_no_effect():
    killed = writing.new_history()
    writing.request_stop(killed)
    with TrainingLog(writing.new_history(), HEAD_OF_TEST) as log:
        assert train(log, epochs=3).ended == writing.EPOCHS
    assert writing.stop_file(killed).exists()


def test_a_checkpoint_takes_a_stopped_training_on(tmp_path, monkeypatch):
    """Stopped, then started again with the same checkpoint, a run ends as if it had never been stopped."""
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    path = tmp_path / "state.safetensors"
    with StopsAfter(3) as log:
        train(log, checkpoint=path, epochs=8)
    assert weights(train(checkpoint=path, epochs=8)) == weights(train(epochs=8))


def test_a_run_that_goes_on_has_all_epochs(tmp_path, state, monkeypatch):
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    path = tmp_path / "state.safetensors"
    with pytest.raises(Cancelled), TrainingLog(writing.new_history(), HEAD_OF_TEST) as log:
        train(log, CancelAfter(3, of=8), path, epochs=8)
    assert followed(only(state)).state() == writing.CANCELLED
    with TrainingLog(writing.new_history(), HEAD_OF_TEST) as log:
        fitted = train(log, checkpoint=path, epochs=8)
    assert epochs_of(log.path) == fitted.history
    seconds = [line["seconds"] for line in lines_of(log.path) if writing.EPOCH in line]
    known = [value is not None for value in seconds]
    assert known == sorted(known) and not known[0] and known[-1], "times of this process only"


ENDS = [
    *[(Cancelled(), writing.CANCELLED, ""), (KeyboardInterrupt(), writing.CANCELLED, "")],
    (TooFewData("Too few."), writing.FAILED, "Too few."),
    (ZeroDivisionError("x"), writing.FAILED, "ZeroDivisionError: x"),
    (None, writing.FAILED, "The training ended without a result."),
]


@pytest.mark.parametrize(("error", "ended", "text"), ENDS)
def test_how_it_ended_is_written_whatever_happens(error, ended, text):
    log = TrainingLog(writing.new_history(), HEAD_OF_TEST)
    with pytest.raises(type(error)) if error is not None else contextlib.nullcontext(), log:
        if error is not None:
            raise error
    follower = followed(log.path)
    assert (follower.state(), follower.history.text) == (ended, text)


def test_a_running_training_is_not_lost(monkeypatch):
    """Also when no epoch ends for long; and when it has ended, its file is left alone."""
    monkeypatch.setattr(writing, "HEARTBEAT", 0.02)
    with TrainingLog(writing.new_history(), HEAD_OF_TEST) as log:
        os.utime(log.path, (0, 0))
        assert soon(lambda: followed(log.path).state() == writing.RUNNING)
    beating = [thread for thread in threading.enumerate() if thread.name == "scarp history"]
    assert soon(lambda: not any(thread.is_alive() for thread in beating)), "nothing touches it any more"


CHILD = """
import sys, time
from scarp.model.history import writing
from scarp.model.history.writing import RunInfo, begin_history
with begin_history(RunInfo("pcum", "m.safetensors", 9, 0), print) as log:
    log.epoch({"epoch": 1, "train_loss": 1.0, "validation_loss": 2.0})
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_killed_training_is_lost(state):
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, env=environment())
    with process:
        process.stdout.readline()
        process.kill()
    follower = followed(only(state))
    now = time.monotonic()
    states = [follower.state(now + seconds + 1) for seconds in (0, writing.LOST_AFTER)]
    assert states == [writing.RUNNING, writing.LOST]
    assert follower.history.epoch == 1 and not follower.done, "it might only sleep"


@pytest.mark.parametrize("where", ["file", "file/no place for folders"])
def test_a_history_that_cannot_be_written_costs_nothing(area, tmp_path, monkeypatch, where):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("SCARP_STATE", str(tmp_path / where))
    test_artifact.train(area, tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").training["ended"] == writing.EPOCHS
    told = []
    with writing.begin_history(HEAD_OF_TEST, told.append) as log:
        log.epoch({"epoch": 1})
    assert log.path is None and len(told) == 1 and "cannot be written" in told[0]


def test_a_disk_that_fills_up_ends_the_history_with_a_warning_and_not_the_training():
    told = []
    with TrainingLog(writing.new_history(), HEAD_OF_TEST, told.append) as log:

        class Full:
            def write(self, _):
                raise OSError(28, "No space left on device")

            close = functools.partialmethod(write, "")

        log._stream.close()
        log._stream = Full()
        assert len(train(log, epochs=2).history) == 2
    assert [next(iter(line)) for line in lines_of(log.path)] == [writing.HEAD]
    assert len(told) == 1 and "cannot be written" in told[0] and "goes on" in told[0]


def soon(done, seconds=60):
    """Whether something is so within some seconds."""
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.02)
    return done()


def command(area, output):
    options = "--window 480 --block 960 --width 4 --device cpu --epochs 5000 --patience 0".split()
    files = area / "stack.tif", area / "labels.tif", output, "--safety-factor", area / "safety.tif"
    return [sys.executable, "-m", "scarp.model.training_cli", *map(str, files), *options]


def test_a_training_in_a_console_is_followed_and_stopped(area, tmp_path, state):
    output = tmp_path / "m.safetensors"
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    process = subprocess.Popen(command(area, output), env=environment(), **pipes)
    try:
        assert soon(lambda: any(getattr(followed(path).history, "epoch", 0) > 1 for path in state.glob("*.jsonl")))
        follower = followed(only(state))
        assert (follower.state(), follower.stop_requested) == (writing.RUNNING, False)
        assert follower.history.head.epochs == 5000
        writing.request_stop(follower.path)
        follower.poll()
        assert follower.stop_requested
        _, text = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and "stopped by hand" in text
    while follower.poll():
        pass
    model = load_model(output)
    assert follower.state() == model.training["ended"] == writing.STOPPED
    assert follower.history.epoch == len(model.history) < 5000
    assert epochs_of(only(state)) == model.history
