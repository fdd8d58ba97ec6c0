"""What the dock says of a training, in words."""

from __future__ import annotations

import time
from pathlib import Path

from qgis.PyQt.QtCore import QDateTime, QLocale

from ..model.history.reading import Follower, History
from ..model.history.storage import CANCELLED, EPOCHS, FAILED, LOST, PATIENCE, RUNNING, STOPPED
from ..model.training.settings import TITLES
from ..translation import tr

_TEMPORARY = "OUTPUT"
"""How Processing calls a temporary file."""


def display_name(history: History) -> str:
    """Return what the user knows a training by: its output and its kind."""
    stem = Path(history.head.output).stem
    name = tr("temporary model") if stem == _TEMPORARY else stem or tr("unnamed")
    kind = TITLES.get(history.head.kind, history.head.kind)
    if history.head.part:
        return tr("{name} ({kind}, {part})").format(name=name, kind=kind, part=history.head.part)
    return tr("{name} ({kind})").format(name=name, kind=kind)


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
        LOST: tr("broken off"),
    }[follower.state()]


def start_text(history: History) -> str:
    """Return when a training began: the time today, the day otherwise."""
    moment = QDateTime.fromMSecsSinceEpoch(int(1000 * history.started))
    today = time.localtime(history.started)[:3] == time.localtime()[:3]
    locale = QLocale()
    return (
        locale.toString(moment.time(), QLocale.FormatType.ShortFormat)
        if today
        else locale.toString(moment.date(), QLocale.FormatType.ShortFormat)
    )


def duration_text(seconds: float) -> str:
    """Return a time as a person says it."""
    if seconds < 90:
        return tr("{n} s").format(n=f"{seconds:.1f}" if seconds < 3 else round(seconds))
    minutes = round(seconds / 60)
    if minutes < 90:
        return tr("{n} min").format(n=minutes)
    return tr("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)


def status_text(follower: Follower) -> list[str]:
    """Return sentences on where a training stands or how it ended, the most important first."""
    history = follower.history
    if history is None:
        return []
    state = follower.state()
    if state == RUNNING:
        return _progress_sentence(history, follower.stop_requested)
    best = tr("The model has the weights of epoch {n}.").format(n=history.best_epoch)
    first = {
        EPOCHS: tr("Finished after all {n} epochs.").format(n=history.epoch) + " " + best,
        PATIENCE: tr("Finished after epoch {n}, {patience} epochs without improvement.").format(
            n=history.epoch, patience=history.head.patience
        )
        + " "
        + best,
        STOPPED: tr("Stopped by hand after epoch {n}.").format(n=history.epoch) + " " + best,
        CANCELLED: tr("Cancelled after epoch {n}. There is no model.").format(n=history.epoch),
        FAILED: tr("Failed after epoch {n}: {reason}").format(n=history.epoch, reason=history.text),
        LOST: tr("Nothing was heard of it since epoch {n}: its program was closed, or ended by the system.").format(
            n=history.epoch
        ),
    }[state]
    return [first, *_best_metrics(history)]


def _progress_sentence(history: History, stop_requested: bool) -> list[str]:
    if stop_requested and not history.epoch:
        return [tr("It stops after its first epoch, for before there is nothing to keep.")]
    if stop_requested:
        return [tr("It stops now. The model gets the weights of epoch {n}.").format(n=history.best_epoch)]
    most = history.head.epochs
    if not history.epoch:
        text = (
            tr("In the first of at most {most} epochs: {percent} % done.")
            if history.epoch_share
            else tr("Windows are being read; then at most {most} epochs.")
        )
        return [text.format(most=most, percent=round(100 * history.epoch_share))]
    first = tr("Epoch {n} of at most {most} is done, epoch {best} is the best.").format(
        n=history.epoch, most=most, best=history.best_epoch
    )
    return [first, *_time_left(history), *_patience_sentence(history)]


def _time_left(history: History) -> list[str]:
    seconds_per_epoch = history.seconds_per_epoch()
    if seconds_per_epoch is None or history.epoch >= history.head.epochs:
        return []
    last, share = history.last_epoch, history.epoch_share
    each = duration_text(seconds_per_epoch)
    sooner = duration_text(max(0.0, last - history.epoch - share) * seconds_per_epoch)
    latest = duration_text((history.head.epochs - history.epoch - share) * seconds_per_epoch)
    if last == history.head.epochs or sooner == latest:
        return [tr("{latest} left at most, {each} an epoch.").format(latest=latest, each=each)]
    return [
        tr("{sooner} left if it gets no better, {latest} at most; {each} an epoch.").format(
            sooner=sooner, latest=latest, each=each
        )
    ]


def _patience_sentence(history: History) -> list[str]:
    without = history.epoch - history.best_epoch
    if not history.head.patience or not without:
        return []
    return [tr("{n} of {patience} epochs without improvement.").format(n=without, patience=history.head.patience)]


def _best_metrics(history: History) -> list[str]:
    metrics = history.metrics
    if "auc" not in metrics:
        return []
    parts = [tr("AUC {value}").format(value=f"{metrics['auc']:.3f}")]
    for name, text in (
        ("recall", tr("recall {n} %")),
        ("accuracy", tr("accuracy {n} %")),
        ("violation_rate", tr("violation rate {n} %")),
    ):
        if name in metrics:
            parts.append(text.format(n=round(100 * metrics[name])))
    return [tr("Test windows: {numbers}.").format(numbers=", ".join(parts))]
