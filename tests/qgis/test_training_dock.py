"""The training dock follows growing files, shows the state of each training, and can stop one."""

from __future__ import annotations

import collections
import functools
import itertools
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from qgis.PyQt.QtCore import QEvent, QPointF, Qt
from qgis.PyQt.QtGui import QColor, QMouseEvent, QPalette
from qgis.PyQt.QtWidgets import QApplication

from scarp.gui import training_dock
from scarp.gui.training_charts import ChartColours, tick_texts, ticks, value_range
from scarp.model.artifact_header import read_header_of_file
from scarp.model.history import writing
from scarp.model.history.writing import CANCELLED, END, EPOCHS, FAILED, HEAD, PATIENCE, SERIES, STOPPED, RunInfo

NAME, STATE, EPOCH, BEST_EPOCH, STARTED = range(5)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SCARP_STATE", str(tmp_path))
    writing.histories_folder().mkdir()
    return writing.histories_folder()


@pytest.fixture
def dock(folder, qgis_app):
    """A dock that is polled by the tests, with no limit on time."""
    made = training_dock.TrainingDock()
    made.trainings.poll = functools.partial(made.trainings.poll, 60.0)
    made.resize(520, 800)
    yield made
    made.close()
    made.deleteLater()


class Training:
    """Writes a history as another process would."""

    def __init__(self, folder, name="a", started=1.7e9, **changes):
        self.path = folder / f"{name}.jsonl"
        about = RunInfo("pcum", f"/maps/{name}.safetensors", 100, 10)
        self.write({HEAD: 1, **asdict(about), "started": started, "process": 1, **changes})
        self.done = 0

    def write(self, *lines, end="\n"):
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write("\n".join(json.dumps(line) for line in lines) + end)

    def epochs(self, *losses, **changes):
        for loss in losses:
            self.done += 1
            losses = {"train_loss": loss, "validation_loss": loss}
            self.write({"epoch": self.done, **dict.fromkeys(SERIES, 0.4), **losses, "seconds": 2.0, **changes})

    def end(self, how, **more):
        self.write({END: how, "metrics": {"auc": 0.812, "recall": 0.7}, **more})


def rows(dock):
    items = [dock.list.topLevelItem(row) for row in range(dock.list.topLevelItemCount())]
    return [[item.text(column) for column in range(5)] for item in items]


def polled(dock):
    dock.poll()
    return rows(dock)


def texts(dock):
    return dock.status_text.text()


def picture(dock, number=0):
    """Return how many pixels of a chart have each colour."""
    image = dock.charts.charts[number].grab().toImage()
    places = itertools.product(range(image.width()), range(image.height()))
    return collections.Counter(image.pixelColor(*place).name() for place in places)


def drawn(pixels, colour):
    """Return whether some pixel has about this colour; the edges of lines are mixed with the background."""
    parts = colour.getRgb()[:3]
    return any(sum(abs(one - two) for one, two in zip(QColor(name).getRgb(), parts)) < 60 for name in pixels)


def test_without_a_training_the_dock_explains_itself(dock):
    assert not polled(dock) and "console" in texts(dock) and not dock.stop_button.isEnabled()


def test_a_training_that_grows_is_followed(dock, folder):
    training = Training(folder)
    assert polled(dock)[0][:4] == ["a (PCUM)", "running", "0 / 100", "–"]
    assert dock.stop_button.isEnabled() and "Reading windows" in texts(dock)
    training.epochs(3.0, 2.0, 2.5)
    assert polled(dock)[0][2:4] == ["3 / 100", "2"]
    assert "Epoch 3 of at most 100 is done; epoch 2 is the best" in texts(dock)
    assert "1 of 10 epochs without improvement" in texts(dock)
    assert "18 s left without further improvement, 3 min at most; 2.0 s per epoch" in texts(dock)
    training.write({"epoch": 4, "train_loss": 1.0, "validation_loss": 1.0}, end="")
    assert polled(dock)[0][2] == "3 / 100", "half a line is no epoch"
    training.write(end="\n")
    assert polled(dock)[0][2:4] == ["4 / 100", "4"]


BEST = "The model has the weights of epoch 1."
OUTCOMES = {
    EPOCHS: ("finished", f"Finished after all 2 epochs. {BEST}"),
    PATIENCE: ("finished", f"Finished after epoch 2, 10 epochs without improvement. {BEST}"),
    STOPPED: ("stopped", f"Stopped by the user after epoch 2. {BEST}"),
    CANCELLED: ("cancelled", "Cancelled after epoch 2. There is no model."),
    FAILED: ("failed", "Failed after epoch 2: The loss became infinite."),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_shown(dock, folder, outcome):
    word, sentence = OUTCOMES[outcome]
    training = Training(folder)
    training.epochs(1.0, 2.0)
    training.end(outcome, text="The loss became infinite.")
    assert polled(dock)[0][STATE] == word and not dock.stop_button.isEnabled()
    assert sentence in texts(dock) and "AUC 0.812, recall 70 %" in texts(dock)


def test_a_killed_training_is_marked_lost_and_recovers_if_it_was_suspended(dock, folder):
    training = Training(folder)
    training.epochs(1.0)
    os.utime(training.path, (0, 0))
    assert polled(dock)[0][STATE] == "lost" and "since epoch 1" in texts(dock)
    assert not dock.stop_button.isEnabled()
    training.epochs(0.5)
    assert polled(dock)[0][STATE] == "running" and dock.stop_button.isEnabled()


STEPS = [0, 50, 100, 200, 400, 800]


def in_steps(folder, name="a", **changes):
    """A training by cross-fitting, with its first entries still to come."""
    return Training(folder, name, steps=STEPS, epochs=len(STEPS), patience=3, **changes)


def add_steps(training, *losses, **changes):
    for loss in losses:
        training.epochs(loss, steps=STEPS[training.done], **changes)


def test_a_training_in_steps_is_followed(dock, folder):
    training = in_steps(folder)
    assert polled(dock)[0][:4] == ["a (PCUM)", "running", "0 / 800", "–"] and "at most 800 steps" in texts(dock)
    training.write({"in_epoch": 1, "share": 0.4})
    dock.poll()
    assert "Fitting the curves of the factors: 40 % done" in texts(dock)
    add_steps(training, 0.5, seconds=30.0)
    assert polled(dock)[0][2:4] == ["0 / 800", "0"] and "The curves of the factors are fitted" in texts(dock)
    add_steps(training, 0.6, 0.55)
    assert polled(dock)[0][2:4] == ["100 / 800", "0"]
    assert "Step 100 of at most 800 is done; so far the network adds nothing out of fold" in texts(dock)
    # Each entry took 2 s for 50 steps; the one before the first step does not count.
    assert "4.0 s left without further improvement" not in texts(dock) and "4 s left without" in texts(dock)
    assert "28 s at most" in texts(dock) and "ends after step 200" in texts(dock)
    add_steps(training, 0.45)
    assert polled(dock)[0][2:4] == ["200 / 800", "200"]
    assert "the network of step 200 is the best out of fold" in texts(dock)
    add_steps(in_steps(folder, "b", started=1.8e9), 0.5, 0.6, 0.7, 0.8)
    dock.poll()
    dock.list.choose(str(folder / "b.jsonl"))
    assert "The steps are done" in texts(dock), "the patience is at its end"
    dock.list.choose(str(training.path))
    training.write({"epoch": 5, **dict.fromkeys(SERIES, 0.4), "steps": 300})
    assert polled(dock)[1][2] == "200 / 800", "an entry for other steps is none"


GAIN = "The model has the network of step 50."
OUTCOMES_OF_STEPS = {
    EPOCHS: ("finished", f"Finished after all 100 steps. {GAIN}"),
    PATIENCE: ("finished", f"Finished after step 100: the loss out of fold fell no more. {GAIN}"),
    STOPPED: ("stopped", f"Stopped by the user after step 100. {GAIN}"),
    CANCELLED: ("cancelled", "Cancelled after step 100. There is no model."),
    FAILED: ("failed", "Failed after step 100: The disk is full."),
}


@pytest.mark.parametrize("outcome", OUTCOMES_OF_STEPS)
def test_every_outcome_of_steps_is_shown(dock, folder, outcome):
    word, sentence = OUTCOMES_OF_STEPS[outcome]
    training = in_steps(folder)
    add_steps(training, 2.0, 1.0, 1.5)
    training.end(outcome, text="The disk is full.")
    assert polled(dock)[0][STATE] == word and sentence in texts(dock)
    assert "Out of fold: AUC 0.812, recall 70 %" in texts(dock) and "epoch" not in texts(dock)


@pytest.mark.parametrize(("losses", "words"), [((1.0,), "was not trained"), ((1.0, 2.0), "adds nothing")])
def test_a_model_without_a_network_says_so(dock, folder, losses, words):
    training = in_steps(folder)
    add_steps(training, *losses)
    training.end(STOPPED)
    dock.poll()
    assert words in texts(dock)


@pytest.mark.parametrize(
    ("losses", "words"),
    [((), "as soon as the curves"), ((1.0, 2.0), "adds nothing so far"), ((1.0, 0.5), "the network of step 50")],
)
def test_a_training_in_steps_says_what_a_stop_keeps(dock, folder, losses, words):
    training = in_steps(folder)
    add_steps(training, *losses)
    dock.poll()
    dock.stop_button.click()
    assert words in texts(dock) and writing.stop_file(training.path).exists()


def test_charts_of_steps_show_the_auc_and_name_the_steps(dock, folder):
    one, two = in_steps(folder, "steps"), Training(folder, "epochs", started=1.8e9)
    add_steps(one, 3.0, 2.0, 2.5, train_auc=None, train_violation_rate=None, validation_violation_rate=None)
    two.epochs(3.0, 2.0)
    dock.show()
    dock.poll()

    def shown(training):
        dock.list.choose(str(training.path))
        dock.poll()
        return [chart.name for chart in dock.charts.charts if chart.isVisible()]

    assert shown(one) == ["loss", "accuracy", "recall", "auc"]
    auc = dock.charts.charts[4]
    colours = ChartColours(auc.palette())
    assert drawn(picture(dock, 4), colours.validation) and not drawn(picture(dock, 4), colours.train)
    hover(auc, 1.0)
    assert dock.charts.legend._epoch == 3 and auc.history.shown(3) == 100
    assert "out of fold" in dock.charts.charts[0].toolTip()
    assert shown(two) == ["loss", "accuracy", "recall", "violation_rate"]
    assert "validation windows" in dock.charts.charts[0].toolTip()
    # With a safety factor there is a fifth chart.
    add_steps(one, 1.0)
    assert shown(one) == ["loss", "accuracy", "recall", "violation_rate", "auc"]


def test_the_newest_is_at_the_top_and_a_started_one_is_selected(dock, folder):
    for number, name in enumerate(("old", "new")):
        training = Training(folder, name, started=1.7e9 + number)
        training.epochs(1.0)
        training.end(EPOCHS)
    assert [row[NAME] for row in polled(dock)] == ["new (PCUM)", "old (PCUM)"]
    dock.list.setCurrentItem(dock.list.topLevelItem(1))
    dock.poll()
    assert dock.list.current.endswith("old.jsonl"), "what was chosen stays"
    running = Training(folder, "running", started=1.8e9)
    dock.poll()
    assert dock.list.current.endswith("running.jsonl")
    Training(folder, "other", started=1.9e9)
    dock.poll()
    assert dock.list.current == str(running.path), "a training that is being watched stays selected"
    assert len(rows(dock)) == 4


def test_foreign_and_deleted_files_are_ignored(dock, folder):
    (folder / "foreign.jsonl").write_text('{"some": "json"}\n[]\n')
    training = Training(folder)
    training.epochs(1.0, 0.5)
    dock.poll()
    assert [(row[NAME], row[EPOCH]) for row in polled(dock)] == [("a (PCUM)", "2 / 100")]
    training.path.unlink()
    assert not polled(dock) and dock.list.current == "" and "console" in texts(dock)


def test_the_files_are_polled_only_while_the_dock_is_visible(dock, folder):
    assert not dock._timer.isActive()
    for change, active in ((dock.show, True), (dock.poll, True), (dock.hide, False), (dock.poll, False)):
        change()
        assert dock._timer.isActive() is active


def test_stop_affects_only_the_selected_training(dock, folder):
    one, two = Training(folder, "one"), Training(folder, "two", started=1.8e9)
    one.epochs(1.0)
    two.epochs(1.0)
    dock.poll()
    dock.list.choose(str(one.path))
    dock.stop_button.click()
    assert [writing.stop_file(training.path).exists() for training in (one, two)] == [True, False]
    assert not dock.stop_button.isEnabled() and "The model gets the weights of epoch 1" in texts(dock)
    assert {row[NAME]: row[STATE] for row in polled(dock)} == {"one (PCUM)": "stopping", "two (PCUM)": "running"}
    writing.stop_file(one.path).unlink()
    one.end(STOPPED)
    assert polled(dock)[1][STATE] == "stopped"


def test_stopping_before_the_first_epoch_waits_for_its_end(dock, folder):
    Training(folder)
    dock.poll()
    dock.stop_button.click()
    assert "after the first epoch" in texts(dock)


def test_folds_cannot_be_stopped(dock, folder):
    Training(folder, part="fold 2 of 5, spatial split", stoppable=False)
    assert polled(dock)[0][NAME] == "a (PCUM, fold 2 of 5, spatial split)" and not dock.stop_button.isEnabled()


def test_a_failed_stop_request_is_reported(dock, folder, monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(training_dock, "request_stop", refused)
    Training(folder)
    dock.poll()
    dock.stop()
    assert "Permission denied" in dock.message.text() and dock.stop_button.isEnabled()


def test_a_model_file_shows_its_curves(dock, chain):
    dock.open_file(chain["model"])
    header = read_header_of_file(chain["model"])
    name, state, epoch, best_epoch, _ = rows(dock)[0]
    assert (name, state, best_epoch) == ("model (PCUM)", "finished", str(header["metrics"]["best_epoch"]))
    assert epoch.startswith(f"{len(header['history'])} /") and not dock.message.text()
    history = dock.charts.charts[0].history
    assert history.series["validation_loss"].values.tolist() == [item["validation_loss"] for item in header["history"]]


def test_an_unreadable_history_file_is_reported(dock, folder, chain):
    for path in (chain["stack"], folder / "none.jsonl", folder / "none.safetensors"):
        dock.open_file(path)
        assert path.name in dock.message.text() and not rows(dock)


def test_report_and_folder_open(dock, folder, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(training_dock.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    report = tmp_path / "report.html"
    training = Training(folder, output=str(tmp_path / "m.safetensors"), report=str(report))
    training.epochs(1.0)
    training.end(EPOCHS)
    dock.poll()
    assert not dock._report.isEnabled(), "there is no such file"
    report.write_text("<html>")
    other = Training(folder, "b", started=1.8e9, report=str(training.path))
    other.end(EPOCHS)
    dock.poll()
    dock.list.choose(str(other.path))
    assert not dock._report.isEnabled(), "it is no report"
    dock.list.choose(str(training.path))
    assert dock._report.isEnabled()
    dock._report.trigger()
    dock._shown_folder.trigger()
    assert [Path(item) for item in opened] == [report, tmp_path]


def test_removal_deletes_the_history_and_keeps_the_model(dock, folder, tmp_path):
    model = tmp_path / "m.safetensors"
    model.write_text("model")
    running, ended = Training(folder, "running", started=1.9e9), Training(folder, output=str(model))
    ended.end(EPOCHS)
    dock.poll()
    dock.list.choose(str(running.path))
    assert not dock._removal.isEnabled()
    dock.remove()
    assert running.path.exists()
    dock.list.choose(str(ended.path))
    dock._removal.trigger()
    assert model.exists() and not ended.path.exists() and len(rows(dock)) == 1


def hover(chart, share):
    point = QPointF(chart.width() * share, chart.height() / 2)
    none = Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, point, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(chart, event)


def test_curves_and_best_epoch_are_drawn(dock, folder):
    training = Training(folder)
    dock.show()
    dock.poll()
    colours = ChartColours(dock.charts.charts[0].palette())
    lines = (colours.train, colours.validation)
    assert not any(drawn(picture(dock), colour) for colour in lines)
    training.epochs(3.0, 2.0, 2.5, 2.2, validation_violation_rate=None, train_violation_rate=None)
    dock.poll()
    for number in range(3):
        assert all(drawn(picture(dock, number), colour) for colour in lines)
    assert not any(drawn(picture(dock, 3), colour) for colour in lines)
    assert "safety factor" in dock.charts.charts[3].placeholder_text
    with_band = picture(dock)
    training.end(STOPPED)
    dock.poll()
    assert with_band[colours.band.name()] > 1000 + 3 * picture(dock)[colours.band.name()]


def test_the_epoch_under_the_mouse_is_marked_in_all_charts(dock, folder):
    training = Training(folder, patience=0)
    training.epochs(*range(11, 0, -1))
    dock.show()
    dock.poll()
    chart = dock.charts.charts[1]
    chart.grab()
    for place_of, epoch in ((0.0, 1), (1.0, 11)):
        hover(chart, place_of)
        assert {item._hovered_epoch for item in dock.charts.charts} == {epoch}
        assert dock.charts.legend._epoch == epoch
    seen = []
    chart.hovered.connect(seen.append)
    for step in range(21):
        hover(chart, step / 20)
    assert seen == sorted(seen) and set(seen) == set(range(1, 12))
    QApplication.sendEvent(chart, QEvent(QEvent.Type.Leave))
    assert {item._hovered_epoch for item in dock.charts.charts} == {0}


def test_charts_have_two_columns_when_there_is_room(dock):
    dock.show()
    letter = dock.fontMetrics().horizontalAdvance("M")
    for width, columns in ((60, 2), (24, 1), (40, 2)):
        dock.resize(width * letter, 800)
        QApplication.processEvents()
        assert dock.width() == width * letter, "it can be made so narrow"
        assert len({chart.x() for chart in dock.charts.charts}) == columns


@pytest.mark.parametrize("base", ["#ffffff", "#202020", "#101010"])
@pytest.mark.parametrize("text", ["#000000", "#dddddd"])
def test_everything_stands_out_from_the_background(text, base):
    """Also with a theme that changes only the text, as those of QGIS do; contrast as defined by WCAG."""
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
    palette.setColor(QPalette.ColorRole.Base, QColor(base))
    colours = ChartColours(palette)
    for colour in (colours.text, colours.train, colours.validation):
        assert contrast(colour, colours.background) > 3
    assert contrast(colours.muted, colours.background) > 2
    assert 1.05 < contrast(colours.band, colours.background) < 1.5


def contrast(*colours):
    def luminance(colour):
        channels = (colour.redF(), colour.greenF(), colour.blueF())
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


RANGES = [(0.0, 1.0), (0.9, 1.3), (1.0, 2.0), (1.0, 1e5), (-0.02, 1.02), (3e-6, 4e-6), (0.69, 0.71), (1e3, 1e9)]


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("most", [2, 3, 5, 12])
@pytest.mark.parametrize("whole", [False, True])
def test_ticks_are_round_and_few(low, high, most, whole):
    found = ticks(low, high, most, whole)
    assert len(found) <= most
    assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found)
    assert len({f"{second - first:.6g}" for first, second in zip(found, found[1:])}) <= 1
    assert len(set(tick_texts(found, False))) == len(found)
    if whole:
        assert all(value == int(value) for value in found)
    elif most > 2:
        assert len(found) >= 2


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.2, 0.9), (3.0, 3.0), (1e-9, 2e-9)])
@pytest.mark.parametrize("share", [False, True])
def test_an_axis_has_room_for_its_values(low, high, share):
    bottom, top = value_range(low, high, share)
    assert bottom < top and bottom <= low <= high <= top
    if share and high <= 1:
        assert bottom >= -0.02 and top <= 1.02
