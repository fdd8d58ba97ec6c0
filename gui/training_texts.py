"""Sentences on the progress and the outcome of a training, in epochs or in steps."""

from __future__ import annotations

from ..model.history.reading import Follower, History
from ..model.history.writing import CANCELLED, EPOCHS, FAILED, LOST, PATIENCE, RUNNING, STOPPED
from ..translation import of_core, tr


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
        return (_steps_done if history.head.steps else _epochs_done)(history, follower.stop_requested)
    text, weights = (_outcome_of_steps if history.head.steps else _outcome_of_epochs)(history, state)
    if state in (EPOCHS, PATIENCE, STOPPED):
        return [f"{text} {weights}", *_test_metrics(history), *filter(None, [of_core(history.text)])]
    return [text, *_test_metrics(history)]


def _outcome_of_epochs(history: History, state: str) -> tuple[str, str]:
    text = {
        EPOCHS: tr("Finished after all {n} epochs."),
        PATIENCE: tr("Finished after epoch {n}, {patience} epochs without improvement."),
        STOPPED: tr("Stopped by the user after epoch {n}."),
        CANCELLED: tr("Cancelled after epoch {n}. There is no model."),
        FAILED: tr("Failed after epoch {n}: {reason}"),
        LOST: tr("No update since epoch {n}: its program was closed or killed."),
    }[state].format(n=history.epoch, patience=history.head.patience, reason=of_core(history.text))
    return text, tr("The model has the weights of epoch {n}.").format(n=history.best_epoch)


def _outcome_of_steps(history: History, state: str) -> tuple[str, str]:
    text = {
        EPOCHS: tr("Finished after all {n} steps."),
        PATIENCE: tr("Finished after step {n}: the loss out of fold fell no more."),
        STOPPED: tr("Stopped by the user after step {n}."),
        CANCELLED: tr("Cancelled after step {n}. There is no model."),
        FAILED: tr("Failed after step {n}: {reason}"),
        LOST: tr("No update since step {n}: its program was closed or killed."),
    }[state].format(n=history.shown(history.epoch), reason=of_core(history.text))
    if history.best_epoch > 1:
        return text, tr("The model has the network of step {n}.").format(n=history.shown(history.best_epoch))
    if history.epoch > 1:
        return text, tr("The network adds nothing and is left out.")
    return text, tr("The network was not trained; the model has the curves of the factors alone.")


def _epochs_done(history: History, stop_requested: bool) -> list[str]:
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


def _steps_done(history: History, stop_requested: bool) -> list[str]:
    best, most = history.shown(history.best_epoch), history.shown(history.head.epochs)
    if stop_requested and not history.epoch:
        return [tr("Stopping as soon as the curves of the factors are fitted; the model gets no network.")]
    if stop_requested and not best:
        return [tr("Stopping now. The network adds nothing so far, so the model gets none.")]
    if stop_requested:
        return [tr("Stopping now. The model gets the network of step {n}.").format(n=best)]
    if not history.epoch:
        text = tr("Sampling cells; then the curves of the factors are fitted and a network of at most {most} steps.")
        if history.epoch_share:
            text = tr("Fitting the curves of the factors: {percent} % done; then at most {most} steps of the network.")
        return [text.format(most=most, percent=round(100 * history.epoch_share))]
    if history.epoch == 1:
        text = tr("The curves of the factors are fitted. Next, at most {most} steps of the network.")
    elif best:
        text = tr("Step {n} of at most {most} is done; the network of step {best} is the best out of fold.")
    else:
        text = tr("Step {n} of at most {most} is done; so far the network adds nothing out of fold.")
    text = text.format(n=history.shown(history.epoch), most=most, best=best)
    if history.epoch >= history.last_epoch:
        return [text, tr("The steps are done. Test, report and what else was asked for follow.")]
    sentences = [text, *_time_left(history)]
    if history.head.patience and history.epoch > history.best_epoch:
        text = tr("Without improvement, training ends after step {n}.")
        sentences.append(text.format(n=history.shown(history.last_epoch)))
    return sentences


def _time_left(history: History) -> list[str]:
    each, latest = history.seconds_each(), history.seconds_to(history.head.epochs)
    if each is None or latest is None or history.epoch >= history.head.epochs:
        return []
    sooner = history.seconds_to(history.last_epoch)
    texts = {"sooner": duration_text(sooner or 0.0), "latest": duration_text(latest), "each": duration_text(each)}
    alike = texts["sooner"] == texts["latest"] or history.last_epoch == history.head.epochs
    if history.head.steps:
        text = (
            tr("{latest} left at most.")
            if alike
            else tr("{sooner} left without further improvement, {latest} at most.")
        )
    elif alike:
        text = tr("{latest} left at most, {each} per epoch.")
    else:
        text = tr("{sooner} left without further improvement, {latest} at most; {each} per epoch.")
    return [text.format(**texts)]


def _test_metrics(history: History) -> list[str]:
    metrics = history.metrics
    if "auc" not in metrics:
        return []
    parts = [tr("AUC {value}").format(value=f"{metrics['auc']:.3f}")]
    percentages = {"recall": tr("recall {n} %"), "accuracy": tr("accuracy {n} %")}
    percentages["violation_rate"] = tr("violation rate {n} %")
    parts += [text.format(n=round(100 * metrics[name])) for name, text in percentages.items() if name in metrics]
    text = tr("Out of fold: {numbers}.") if history.head.steps else tr("Test windows: {numbers}.")
    return [text.format(numbers=", ".join(parts))]
