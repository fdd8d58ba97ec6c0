"""Names, states and sentences of the training dock."""

from __future__ import annotations

import time
from pathlib import Path

from qgis.PyQt.QtCore import QDateTime, QLocale

from ..model.history.reading import Follower, History
from ..model.history.writing import CANCELLED, EPOCHS, FAILED, LOST, PATIENCE, RUNNING, STOPPED
from ..model.training.settings import TITLES
from ..translation import tr

_TEMPORARY = "OUTPUT"
"""Processing's name of a temporary file."""


def display_name(history: History) -> str:
    """Return the name of a training for the user: its output and kind."""
    stem, head = Path(history.head.output).stem, history.head
    name = tr("temporary model") if stem == _TEMPORARY else stem or tr("unnamed")
    text = tr("{name} ({kind}, {part})") if head.part else tr("{name} ({kind})")
    return text.format(name=name, kind=TITLES.get(head.kind, head.kind), part=head.part)


def state_label(follower: Follower) -> str:
    """Return the state in one or two words."""
    if follower.stop_requested:
        return tr("stopping")
    return {
        RUNNING: tr("running"),
        EPOCHS: tr("finished"),
        PATIENCE: tr("finished"),
        STOPPED: tr("stopped"),
        CANCELLED: tr("cancelled"),
        FAILED: tr("failed"),
        LOST: tr("lost"),
    }[follower.state()]


def start_text(history: History) -> str:
    """Return when a training started: the time today, else the day."""
    moment = QDateTime.fromMSecsSinceEpoch(int(1000 * history.started))
    today = time.localtime(history.started)[:3] == time.localtime()[:3]
    return QLocale().toString(moment.time() if today else moment.date(), QLocale.FormatType.ShortFormat)


def duration_text(seconds: float) -> str:
    """Return a duration in readable units."""
    if seconds < 90:
        return tr("{n} s").format(n=f"{seconds:.1f}" if seconds < 3 else round(seconds))
    minutes = round(seconds / 60)
    if minutes < 90:
        return tr("{n} min").format(n=minutes)
    return tr("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)


def status_text(follower: Follower) -> list[str]:
    """Return sentences on the progress or outcome of a training, the most important first."""
    history = follower.history
    if history is None:
        return []
    state = follower.state()
    if state == RUNNING:
        return _progress(history, follower.stop_requested)
    text = {
        EPOCHS: tr("Finished after all {n} epochs."),
        PATIENCE: tr("Finished after epoch {n}, {patience} epochs without improvement."),
        STOPPED: tr("Stopped by the user after epoch {n}."),
        CANCELLED: tr("Cancelled after epoch {n}. There is no model."),
        FAILED: tr("Failed after epoch {n}: {reason}"),
        LOST: tr("No update since epoch {n}: its program was closed or killed."),
    }[state].format(n=history.epoch, patience=history.head.patience, reason=history.text)
    if state in (EPOCHS, PATIENCE, STOPPED):
        text += " " + tr("The model has the weights of epoch {n}.").format(n=history.best_epoch)
    return [text, *_test_metrics(history)]


def _progress(history: History, stop_requested: bool) -> list[str]:
    if stop_requested and not history.epoch:
        return [tr("Stopping after the first epoch (no weights saved yet).")]
    if stop_requested:
        return [tr("Stopping now. The model gets the weights of epoch {n}.").format(n=history.best_epoch)]
    most = history.head.epochs
    if not history.epoch:
        text = tr("Reading windows; then at most {most} epochs.")
        if history.epoch_share:
            text = tr("In the first of at most {most} epochs: {percent} % done.")
        return [text.format(most=most, percent=round(100 * history.epoch_share))]
    text = tr("Epoch {n} of at most {most} is done; epoch {best} is the best.")
    sentences = [text.format(n=history.epoch, most=most, best=history.best_epoch), *_time_left(history)]
    without = history.epoch - history.best_epoch
    if history.head.patience and without:
        text = tr("{n} of {patience} epochs without improvement.")
        sentences.append(text.format(n=without, patience=history.head.patience))
    return sentences


def _time_left(history: History) -> list[str]:
    seconds_per_epoch = history.seconds_per_epoch()
    if seconds_per_epoch is None or history.epoch >= history.head.epochs:
        return []
    done, last = history.epoch + history.epoch_share, history.last_epoch
    each = duration_text(seconds_per_epoch)
    sooner = duration_text(max(0.0, last - done) * seconds_per_epoch)
    latest = duration_text((history.head.epochs - done) * seconds_per_epoch)
    text = tr("{sooner} left without further improvement, {latest} at most; {each} per epoch.")
    if last == history.head.epochs or sooner == latest:
        text = tr("{latest} left at most, {each} per epoch.")
    return [text.format(sooner=sooner, latest=latest, each=each)]


def _test_metrics(history: History) -> list[str]:
    metrics = history.metrics
    if "auc" not in metrics:
        return []
    parts = [tr("AUC {value}").format(value=f"{metrics['auc']:.3f}")]
    percentages = {"recall": tr("recall {n} %"), "accuracy": tr("accuracy {n} %")}
    percentages["violation_rate"] = tr("violation rate {n} %")
    parts += [text.format(n=round(100 * metrics[name])) for name, text in percentages.items() if name in metrics]
    return [tr("Test windows: {numbers}.").format(numbers=", ".join(parts))]
