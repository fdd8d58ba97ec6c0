"""Words of the dock: titles, states, the key number of each step and what to do next."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from qgis.PyQt.QtCore import QLocale

from ...model.validation.verdict import DO_NOT_USE, USABLE, WEAK
from ...translation import join, of_core, tr
from .chain import CHECK, DATA, MAP, REPORT, TRAIN, VALIDATE
from .states import DONE, FAILED, OUTDATED, TO_DO, StepState

RUNNING, WAITING = "running", "waiting"


def titles() -> dict[str, str]:
    """Return the title of each step."""
    return {
        DATA: tr("Data"),
        CHECK: tr("Check"),
        TRAIN: tr("Train"),
        MAP: tr("Map"),
        VALIDATE: tr("Validate"),
        REPORT: tr("Report"),
    }


def purpose(step: str) -> str:
    """Return in a sentence what a step does."""
    return {
        DATA: tr("Puts all layers on one grid, and marks the landslides on it."),
        CHECK: tr("Looks for wrong units, gaps and factors that say the same, before time goes into a training."),
        TRAIN: tr("Learns from the landslides which land is susceptible, and tests it on land that it did not see."),
        MAP: tr("Maps the susceptibility, and cuts it into five zones."),
        VALIDATE: tr("Compares the map with the landslides, each place judged by a model that did not see it."),
        REPORT: tr("Draws the map sheet. All reports of the region are listed here."),
    }[step]


def run_label(step: str, done: bool) -> str:
    """Return the text of the button that runs a step."""
    if done:
        return tr("Run again")
    return {
        DATA: tr("Prepare the data"),
        CHECK: tr("Check the data"),
        TRAIN: tr("Train the model"),
        MAP: tr("Make the map"),
        VALIDATE: tr("Validate the map"),
        REPORT: tr("Make the map sheet"),
    }[step]


def state_word(state: str) -> str:
    """Return a state in a word or two."""
    return {
        TO_DO: tr("to do"),
        DONE: tr("done"),
        OUTDATED: tr("outdated"),
        FAILED: tr("failed"),
        RUNNING: tr("running"),
        WAITING: tr("waiting"),
    }[state]


def verdict_word(level: str) -> str:
    """Return the level of a verdict."""
    return {USABLE: tr("usable"), WEAK: tr("weak"), DO_NOT_USE: tr("do not use")}.get(level, level)


def key_number(step: str, state: StepState) -> str:
    """Return what is worth knowing of a step's result in a few words; empty without one."""
    if not state.started:
        return ""
    numbers = state.numbers
    found = {
        DATA: lambda: tr("{factors} factors, {landslides} landslides").format(
            factors=_count(numbers["FACTORS"]), landslides=_count(numbers["LANDSLIDES_USED"])
        ),
        CHECK: lambda: _findings(numbers),
        TRAIN: lambda: _auc(numbers),
        MAP: lambda: tr("{n} cells").format(n=_count(numbers["CELLS"])),
        VALIDATE: lambda: _auc(numbers),
        REPORT: lambda: tr("map sheet"),
    }
    try:
        text = str(found[step]())
        return f"{text}, {verdict_word(state.verdict)}" if state.verdict else text
    except (KeyError, TypeError, ValueError):
        # The record is of an older version, or damaged.
        return ""


def sentences(step: str, state: StepState, labels: Mapping[str, str]) -> list[str]:
    """Return what is to be said of a step's state; ``labels`` are those of parameters."""
    names = titles()
    if state.state == FAILED:
        return [state.failure]
    if state.state == OUTDATED:
        found = []
        if state.changed:
            changed = join(labels.get(name, name) for name in state.changed)
            found.append(tr("Changed since: {inputs}.").format(inputs=changed))
        if state.waits_for:
            steps = join(names[name] for name in state.waits_for)
            found.append(tr("Run these steps first: {steps}.").format(steps=steps))
        return found
    return _automatic(state, labels) if state.state == DONE else [purpose(step)]


def verdict_text(step: str, state: StepState) -> str:
    """Return the verdict on a step's result with its reasons; empty for steps without one."""
    if step == CHECK and state.started:
        errors = state.numbers.get("ERRORS")
        return tr("Fix what the report lists before you train.") if errors else ""
    if not state.verdict or not state.started:
        return ""
    text = tr("Verdict: {level}.").format(level=verdict_word(state.verdict))
    interval = _interval(state.numbers) if step in (TRAIN, VALIDATE) else ""
    return " ".join(filter(None, [text, interval, *map(of_core, state.reasons)]))


def kind_title(kind: str) -> str:
    """Return a kind of model in words."""
    titles = {
        "pcum": tr("PCUM"),
        "logistic_regression": tr("logistic regression"),
        "gam": tr("additive model (GAM)"),
        "random_forest": tr("random forest"),
        "gradient_boosting": tr("gradient boosting"),
    }
    return titles.get(kind, kind)


def missing_text(labels: Sequence[str]) -> str:
    """Return what to choose before the first step can run."""
    return tr("Choose these first: {inputs}.").format(inputs=join(labels))


def _automatic(state: StepState, labels: Mapping[str, str]) -> list[str]:
    """Return the values of settings that were left empty as a sentence."""
    text = tr("{label}: {value}")
    known = {labels[name]: value for name, value in state.automatic.items() if name in labels}
    values = [text.format(label=label, value=_value(value)) for label, value in known.items()]
    return [tr("Automatic: {values}.").format(values=join(values))] if values else []


def _value(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4g}"
    # Of a sentence, what stands before its first comma or bracket.
    return re.split(r"[,;(，；（]", of_core(value))[0].strip() if isinstance(value, str) else _count(value)


def _findings(numbers: Mapping[str, Any]) -> str:
    errors, warnings = int(numbers["ERRORS"]), int(numbers["WARNINGS"])
    if not errors and not warnings:
        return tr("nothing to fix")
    return tr("{errors} to fix, {warnings} to read").format(errors=errors, warnings=warnings)


def _auc(numbers: Mapping[str, Any]) -> str:
    return f"AUC {float(numbers['AUC']):.2f}"


def _interval(numbers: Mapping[str, Any]) -> str:
    """Return the AUC with its interval as a sentence; empty without one."""
    try:
        value, low, high = (float(numbers[name]) for name in ("AUC", "AUC_LOW", "AUC_HIGH"))
    except (KeyError, TypeError, ValueError):
        return ""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    text = tr("AUC {value}, 95 % interval {low} to {high}.")
    return text.format(value=f"{value:.2f}", low=f"{low:.2f}", high=f"{high:.2f}")


def _count(number: Any) -> str:
    """Return a whole number with separators of thousands, which QGIS leaves out unless its user wants them."""
    locale = QLocale()
    locale.setNumberOptions(locale.numberOptions() & ~QLocale.NumberOption.OmitGroupSeparator)
    return locale.toString(int(number))
