"""The training page follows growing files, shows the state of each training, and can stop one."""

from __future__ import annotations

import collections
import functools
import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from qgis.PyQt.QtCore import QEvent, QPointF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QMouseEvent, QPalette
from qgis.PyQt.QtWidgets import QApplication

from scarp.gui import training_page
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
def page(folder, qgis_app):
    """A page that is polled by the tests, with no limit on time."""
    made = training_page.TrainingPage()
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


def rows(page):
    items = [page.list.topLevelItem(row) for row in range(page.list.topLevelItemCount())]
    return [[item.text(column) for column in range(5)] for item in items]


def polled(page):
    page.poll()
    return rows(page)


def texts(page):
    return page.status_text.text()


def picture(page, number=0):
    """Return how many pixels of a chart have each colour."""
    image = page.charts.charts[number].grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    colours, counts = np.unique(np.frombuffer(bits, np.uint32) & 0xFFFFFF, return_counts=True)
    return collections.Counter({f"#{colour:06x}": int(count) for colour, count in zip(colours, counts)})


def drawn(pixels, colour):
    """Return whether some pixel has about this colour; the edges of lines are mixed with the background."""
    parts = colour.getRgb()[:3]
    return any(sum(abs(one - two) for one, two in zip(QColor(name).getRgb(), parts)) < 60 for name in pixels)


def test_without_a_training_the_dock_explains_itself(page):
    assert not polled(page) and "console" in texts(page) and not page.stop_button.isEnabled()


def test_a_training_that_grows_is_followed(page, folder):
    training = Training(folder)
    assert polled(page)[0][:4] == ["a (PCUM)", "running", "0 / 100", "–"]
    assert page.stop_button.isEnabled() and "Reading windows" in texts(page)
    training.epochs(3.0, 2.0, 2.5)
    assert polled(page)[0][2:4] == ["3 / 100", "2"]
    assert "Epoch 3 of at most 100 is done; epoch 2 is the best" in texts(page)
    assert "1 of 10 epochs without improvement" in texts(page)
    assert "18 s left without further improvement, 3 min at most; 2.0 s per epoch" in texts(page)
    training.write({"epoch": 4, "train_loss": 1.0, "validation_loss": 1.0}, end="")
    assert polled(page)[0][2] == "3 / 100", "half a line is no epoch"
    training.write(end="\n")
    assert polled(page)[0][2:4] == ["4 / 100", "4"]


def test_a_killed_training_is_marked_lost_and_recovers_if_it_was_suspended(page, folder):
    training = Training(folder)
    training.epochs(1.0)
    os.utime(training.path, (0, 0))
    assert polled(page)[0][STATE] == "lost" and "since epoch 1" in texts(page)
    assert not page.stop_button.isEnabled()
    training.epochs(0.5)
    assert polled(page)[0][STATE] == "running" and page.stop_button.isEnabled()


STEPS = [0, 50, 100, 200, 400, 800]


def in_steps(folder, name="a", **changes):
    """A training by cross-fitting, with its first entries still to come."""
    return Training(folder, name, steps=STEPS, epochs=len(STEPS), patience=3, **changes)


def add_steps(training, *losses, **changes):
    for loss in losses:
        training.epochs(loss, steps=STEPS[training.done], **changes)


def test_a_training_in_steps_is_followed(page, folder):
    training = in_steps(folder)
    assert polled(page)[0][:4] == ["a (PCUM)", "running", "0 / 800", "–"] and "at most 800 steps" in texts(page)
    training.write({"in_epoch": 1, "share": 0.4})
    page.poll()
    assert "Fitting the curves of the factors: 40 % done" in texts(page)
    add_steps(training, 0.5, seconds=30.0)
    assert polled(page)[0][2:4] == ["0 / 800", "0"] and "The curves of the factors are fitted" in texts(page)
    add_steps(training, 0.6, 0.55)
    assert polled(page)[0][2:4] == ["100 / 800", "0"]
    assert "Step 100 of at most 800 is done; so far the network adds nothing out of fold" in texts(page)
    # Each entry took 2 s for 50 steps; the one before the first step does not count.
    assert "4.0 s left without further improvement" not in texts(page) and "4 s left without" in texts(page)
    assert "28 s at most" in texts(page) and "ends after step 200" in texts(page)
    add_steps(training, 0.45)
    assert polled(page)[0][2:4] == ["200 / 800", "200"]
    assert "the network of step 200 is the best out of fold" in texts(page)
    add_steps(in_steps(folder, "b", started=1.8e9), 0.5, 0.6, 0.7, 0.8)
    page.poll()
    page.list.choose(str(folder / "b.jsonl"))
    assert "The steps are done" in texts(page), "the patience is at its end"
    page.list.choose(str(training.path))
    training.write({"epoch": 5, **dict.fromkeys(SERIES, 0.4), "steps": 300})
    assert polled(page)[1][2] == "200 / 800", "an entry for other steps is none"


FAULT = "The disk is full."
BEST, GAIN = "The model has the weights of epoch 1.", "The model has the network of step 50."
OUTCOMES = {
    EPOCHS: ("finished", f"Finished after all 2 epochs. {BEST}", f"Finished after all 100 steps. {GAIN}"),
    PATIENCE: (
        "finished",
        f"Finished after epoch 2, 10 epochs without improvement. {BEST}",
        f"Finished after step 100: the loss out of fold fell no more. {GAIN}",
    ),
    STOPPED: ("stopped", f"Stopped by the user after epoch 2. {BEST}", f"Stopped by the user after step 100. {GAIN}"),
    CANCELLED: (
        "cancelled",
        "Cancelled after epoch 2. There is no model.",
        "Cancelled after step 100. There is no model.",
    ),
    FAILED: ("failed", f"Failed after epoch 2: {FAULT}", f"Failed after step 100: {FAULT}"),
}


@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_shown(page, folder, outcome, steps):
    word, *sentences = OUTCOMES[outcome]
    training = in_steps(folder) if steps else Training(folder)
    if steps:
        add_steps(training, 2.0, 1.0, 1.5)
    else:
        training.epochs(1.0, 2.0)
    training.end(outcome, text=FAULT)
    assert polled(page)[0][STATE] == word and not page.stop_button.isEnabled()
    assert sentences[steps] in texts(page) and "AUC 0.812, recall 70 %" in texts(page)
    if steps:
        assert "Out of fold: AUC" in texts(page) and "epoch" not in texts(page)


@pytest.mark.parametrize(("losses", "words"), [((1.0,), "was not trained"), ((1.0, 2.0), "adds nothing")])
def test_a_model_without_a_network_says_so(page, folder, losses, words):
    training = in_steps(folder)
    add_steps(training, *losses)
    training.end(STOPPED)
    page.poll()
    assert words in texts(page)


@pytest.mark.parametrize(
    ("losses", "words"),
    [((), "as soon as the curves"), ((1.0, 2.0), "adds nothing so far"), ((1.0, 0.5), "the network of step 50")],
)
def test_a_training_in_steps_says_what_a_stop_keeps(page, folder, losses, words):
    training = in_steps(folder)
    add_steps(training, *losses)
    page.poll()
    page.stop_button.click()
    assert words in texts(page) and writing.stop_file(training.path).exists()


def test_charts_of_steps_show_the_auc_and_name_the_steps(page, folder):
    one, two = in_steps(folder, "steps"), Training(folder, "epochs", started=1.8e9)
    add_steps(one, 3.0, 2.0, 2.5, train_auc=None, train_violation_rate=None, validation_violation_rate=None)
    two.epochs(3.0, 2.0)
    page.show()
    page.poll()

    def shown(training):
        page.list.choose(str(training.path))
        page.poll()
        return [chart.name for chart in page.charts.charts if chart.isVisible()]

    assert shown(one) == ["loss", "accuracy", "recall", "auc"]
    auc = page.charts.charts[4]
    colours = ChartColours(auc.palette())
    assert drawn(picture(page, 4), colours.validation) and not drawn(picture(page, 4), colours.train)
    hover(auc, 1.0)
    assert page.charts.legend._epoch == 3 and auc.history.shown(3) == 100
    assert "out of fold" in page.charts.charts[0].toolTip()
    assert shown(two) == ["loss", "accuracy", "recall", "violation_rate"]
    assert "validation windows" in page.charts.charts[0].toolTip()
    # With a safety factor there is a fifth chart.
    add_steps(one, 1.0)
    assert shown(one) == ["loss", "accuracy", "recall", "violation_rate", "auc"]


def test_the_newest_is_at_the_top_and_a_started_one_is_selected(page, folder):
    for number, name in enumerate(("old", "new")):
        training = Training(folder, name, started=1.7e9 + number)
        training.epochs(1.0)
        training.end(EPOCHS)
    assert [row[NAME] for row in polled(page)] == ["new (PCUM)", "old (PCUM)"]
    page.list.setCurrentItem(page.list.topLevelItem(1))
    page.poll()
    assert page.list.current.endswith("old.jsonl"), "what was chosen stays"
    running = Training(folder, "running", started=1.8e9)
    page.poll()
    assert page.list.current.endswith("running.jsonl")
    Training(folder, "other", started=1.9e9)
    page.poll()
    assert page.list.current == str(running.path), "a training that is being watched stays selected"
    assert len(rows(page)) == 4


def test_foreign_and_deleted_files_are_ignored(page, folder):
    (folder / "foreign.jsonl").write_text('{"some": "json"}\n[]\n')
    training = Training(folder)
    training.epochs(1.0, 0.5)
    page.poll()
    assert [(row[NAME], row[EPOCH]) for row in polled(page)] == [("a (PCUM)", "2 / 100")]
    training.path.unlink()
    assert not polled(page) and page.list.current == "" and "console" in texts(page)


def test_the_files_are_polled_only_while_the_dock_is_visible(page, folder):
    assert not page._timer.isActive()
    for change, active in ((page.show, True), (page.poll, True), (page.hide, False), (page.poll, False)):
        change()
        assert page._timer.isActive() is active


def test_stop_affects_only_the_selected_training(page, folder):
    one, two = Training(folder, "one"), Training(folder, "two", started=1.8e9)
    one.epochs(1.0)
    two.epochs(1.0)
    page.poll()
    page.list.choose(str(one.path))
    page.stop_button.click()
    assert [writing.stop_file(training.path).exists() for training in (one, two)] == [True, False]
    assert not page.stop_button.isEnabled() and "The model gets the weights of epoch 1" in texts(page)
    assert {row[NAME]: row[STATE] for row in polled(page)} == {"one (PCUM)": "stopping", "two (PCUM)": "running"}
    writing.stop_file(one.path).unlink()
    one.end(STOPPED)
    assert polled(page)[1][STATE] == "stopped"


def test_stopping_before_the_first_epoch_waits_for_its_end(page, folder):
    Training(folder)
    page.poll()
    page.stop_button.click()
    assert "after the first epoch" in texts(page)


def test_folds_cannot_be_stopped(page, folder):
    Training(folder, part="fold 2 of 5, spatial split", stoppable=False)
    assert polled(page)[0][NAME] == "a (PCUM, fold 2 of 5, spatial split)" and not page.stop_button.isEnabled()


def test_a_failed_stop_request_is_reported(page, folder, monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(training_page, "request_stop", refused)
    Training(folder)
    page.poll()
    page.stop()
    assert "Permission denied" in page.message.text() and page.stop_button.isEnabled()


def test_a_model_file_shows_its_curves(page, chain):
    page.open_file(chain["model"])
    header = read_header_of_file(chain["model"])
    name, state, epoch, best_epoch, _ = rows(page)[0]
    assert (name, state, best_epoch) == ("model (PCUM)", "finished", str(header["metrics"]["best_epoch"]))
    assert epoch.startswith(f"{len(header['history'])} /") and not page.message.text()
    history = page.charts.charts[0].history
    assert history.series["validation_loss"].values.tolist() == [item["validation_loss"] for item in header["history"]]


def test_an_unreadable_history_file_is_reported(page, folder, chain):
    for path in (chain["stack"], folder / "none.jsonl", folder / "none.safetensors"):
        page.open_file(path)
        assert path.name in page.message.text() and not rows(page)


def test_report_and_folder_open(page, folder, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(training_page.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    report = tmp_path / "report.html"
    training = Training(folder, output=str(tmp_path / "m.safetensors"), report=str(report))
    training.epochs(1.0)
    training.end(EPOCHS)
    page.poll()
    assert not page._report.isEnabled(), "there is no such file"
    report.write_text("<html>")
    other = Training(folder, "b", started=1.8e9, report=str(training.path))
    other.end(EPOCHS)
    page.poll()
    page.list.choose(str(other.path))
    assert not page._report.isEnabled(), "it is no report"
    page.list.choose(str(training.path))
    assert page._report.isEnabled()
    page._report.trigger()
    page._shown_folder.trigger()
    assert [Path(item) for item in opened] == [report, tmp_path]


def test_removal_deletes_the_history_and_keeps_the_model(page, folder, tmp_path):
    model = tmp_path / "m.safetensors"
    model.write_text("model")
    running, ended = Training(folder, "running", started=1.9e9), Training(folder, output=str(model))
    ended.end(EPOCHS)
    page.poll()
    page.list.choose(str(running.path))
    assert not page._removal.isEnabled()
    page.remove()
    assert running.path.exists()
    page.list.choose(str(ended.path))
    page._removal.trigger()
    assert model.exists() and not ended.path.exists() and len(rows(page)) == 1


def hover(chart, share):
    point = QPointF(chart.width() * share, chart.height() / 2)
    none = Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, point, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(chart, event)


def test_curves_and_best_epoch_are_drawn(page, folder):
    training = Training(folder)
    page.show()
    page.poll()
    colours = ChartColours(page.charts.charts[0].palette())
    lines = (colours.train, colours.validation)
    assert not any(drawn(picture(page), colour) for colour in lines)
    training.epochs(3.0, 2.0, 2.5, 2.2, validation_violation_rate=None, train_violation_rate=None)
    page.poll()
    for number in range(3):
        assert all(drawn(picture(page, number), colour) for colour in lines)
    assert not any(drawn(picture(page, 3), colour) for colour in lines)
    assert "safety factor" in page.charts.charts[3].placeholder_text
    with_band = picture(page)
    training.end(STOPPED)
    page.poll()
    assert with_band[colours.band.name()] > 1000 + 3 * picture(page)[colours.band.name()]


def test_the_epoch_under_the_mouse_is_marked_in_all_charts(page, folder):
    training = Training(folder, patience=0)
    training.epochs(*range(11, 0, -1))
    page.show()
    page.poll()
    chart = page.charts.charts[1]
    chart.grab()
    for place_of, epoch in ((0.0, 1), (1.0, 11)):
        hover(chart, place_of)
        assert {item._hovered_epoch for item in page.charts.charts} == {epoch}
        assert page.charts.legend._epoch == epoch
    seen = []
    chart.hovered.connect(seen.append)
    for step in range(21):
        hover(chart, step / 20)
    assert seen == sorted(seen) and set(seen) == set(range(1, 12))
    QApplication.sendEvent(chart, QEvent(QEvent.Type.Leave))
    assert {item._hovered_epoch for item in page.charts.charts} == {0}


def test_charts_have_two_columns_when_there_is_room(page):
    page.show()
    letter = page.fontMetrics().horizontalAdvance("M")
    for width, columns in ((60, 2), (24, 1), (40, 2)):
        page.resize(width * letter, 800)
        QApplication.processEvents()
        assert page.width() == width * letter, "it can be made so narrow"
        assert len({chart.x() for chart in page.charts.charts}) == columns


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
