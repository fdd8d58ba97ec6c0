"""The state of each step, found from the run records beside its results. Knows nothing of QGIS.

A step is *to do* while a result is missing, *outdated* when an input is no longer what its record says or a step before
it is not done, and *failed* when its last run failed and left no newer result.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import math
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...model.outputs.run_record import read_record
from ...model.provenance.freshness import Freshness
from ...model.validation.verdict import LEVELS
from .chain import STEPS

TO_DO, DONE, OUTDATED, FAILED = "to do", "done", "outdated", "failed"
_MAX_FINDINGS = 1000
_MAX_REASONS, _MAX_LENGTH, _MAX_CELL = 10, 1000, 10_000  # of texts in records, which are untrusted
_MAX_CHOICE, _MAX_KINDS, _MAX_WORD = 2000, 20, 200


@dataclass(frozen=True)
class PlannedCall:
    """A call as it would be made now."""

    algorithm: str
    record_of: str  # path of the output whose record is read
    inputs: Mapping[str, Any]  # source or path by parameter, as records have it; None for an input that is left out
    outputs: Mapping[str, str]  # path by file key


@dataclass(frozen=True)
class Failure:
    """The last run of a step, which failed."""

    text: str
    at: str  # UTC, such as 2026-01-31T23:59:59Z


@dataclass(frozen=True)
class PlannedStep:
    """A step as it would be run now."""

    name: str
    needs: tuple[str, ...]
    calls: tuple[PlannedCall, ...]
    failure: Failure | None = None


@dataclass(frozen=True)
class KindRow:
    """One of several kinds of model that were tried; a number is ``None`` where it is not known."""

    kind: str
    chosen: bool
    auc: float | None  # out of fold
    low: float | None  # its 95 % interval
    high: float | None
    behind: float | None  # AUC of the best kind less its own


@dataclass(frozen=True)
class StepState:
    """What is known of a step."""

    state: str = TO_DO
    changed: tuple[str, ...] = ()  # parameters whose input is another one now
    waits_for: tuple[str, ...] = ()  # steps before it that are not done
    failure: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)  # of all calls, by name
    verdict: str = ""  # one of the verdict's levels; empty for steps without one
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kinds: tuple[KindRow, ...] = ()  # of model that were tried
    chosen: str = ""  # which of them was kept and why, as sentences
    automatic: Mapping[str, Any] = field(default_factory=dict)  # values of settings that were left empty, by parameter
    started: str = ""  # of the newest result
    files: Mapping[str, str] = field(default_factory=dict)  # results that exist, by file key
    parameters: tuple[Mapping[str, Any], ...] = ()  # of each call as its record has them; empty without a record

    @property
    def has_results(self) -> bool:
        """Whether all results are there, up to date or not."""
        return self.state in (DONE, OUTDATED) or (self.state == FAILED and bool(self.started))


def find_states(plan: Sequence[PlannedStep], freshness: Freshness) -> dict[str, StepState]:
    """Return the state of each step by its name; the plan has them in their order. Reads files, and may hash them."""
    found: dict[str, StepState] = {}
    for step in plan:
        found[step.name] = _state_of(step, found, freshness)
    return found


def next_step(states: Mapping[str, StepState]) -> str:
    """Return the first step that is not done; empty if all are."""
    return next((step.name for step in STEPS if states.get(step.name, StepState()).state != DONE), "")


def _state_of(step: PlannedStep, before: Mapping[str, StepState], freshness: Freshness) -> StepState:
    records = [_record_of(call) for call in step.calls]
    files = {key: path for call in step.calls for key, path in call.outputs.items() if os.path.isfile(path)}
    parameters = tuple(_table(_table(record, "call"), "parameters") for record in records)
    known = [record for record in records if record]
    started = max((str(record.get("started", ""))[:40] for record in known), default="")
    numbers = {name: value for record in known for name, value in _table(_table(record, "call"), "numbers").items()}
    verdict, reasons = _verdict(known)
    choice = next((record for record in known if isinstance(record.get("kinds"), list)), {})
    about: dict[str, Any] = {
        "kinds": _kinds(choice.get("kinds", [])),
        "automatic": _automatic(known),
        "chosen": str(choice.get("chosen", ""))[:_MAX_CHOICE],
        "numbers": numbers,
        "verdict": verdict,
        "reasons": reasons,
        "warnings": tuple(text for record in known for text in _texts(record.get("warnings")))
        or _findings(files.get("check_table", "")),
        "started": started,
        "files": files,
        "parameters": parameters,
    }
    complete = len(known) == len(records)
    failure = step.failure
    if failure is not None and not (complete and started > failure.at):
        return StepState(FAILED, failure=failure.text, **{**about, "started": started if complete else ""})
    if not complete:
        return StepState(TO_DO, **{**about, "started": ""})
    changed = tuple(
        dict.fromkeys(
            name
            for call, record in zip(step.calls, records)
            for name, source in call.inputs.items()
            if not _is_same(name, source, record, freshness)
        )
    )
    waits_for = tuple(name for name in step.needs if name in before and before[name].state != DONE)
    return StepState(OUTDATED if changed or waits_for else DONE, changed, waits_for, **about)


def _record_of(call: PlannedCall) -> dict[str, Any]:
    """Return the record of a result that is there, empty if there is none of this algorithm."""
    if not os.path.isfile(call.record_of):
        return {}
    try:
        record = read_record(call.record_of)
    except (OSError, ValueError):
        return {}
    return record if record.get("algorithm") == f"scarp:{call.algorithm}" else {}


def _is_same(name: str, source: Any, record: Mapping[str, Any], freshness: Freshness) -> bool:
    call = _table(record, "call")
    recorded = _table(call, "parameters").get(name)
    entries = _entries(_table(call, "files").get(name))
    times = {entry["source"]: entry for value in _table(record, "inputs").values() for entry in _entries(value)}
    # The call has no times of files that the core has hashed.
    entries = [{**times.get(entry["source"], {}), **entry} for entry in entries]
    return freshness.is_same(source, recorded, entries, str(record.get("started", "")))


def _entries(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("source"), str)]


def _verdict(records: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the worst verdict in some records, and its reasons; the core writes it beside or in its summary."""
    found = [
        verdict
        for record in records
        for verdict in (_table(record, "verdict"), _table(_table(record, "summary"), "verdict"))
        if verdict.get("level") in LEVELS
    ]
    if not found:
        return "", ()
    worst = max(found, key=lambda verdict: LEVELS.index(verdict["level"]))
    return worst["level"], _texts(worst.get("reasons"))


def _automatic(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the numbers and short words that automatic settings had."""
    found = {str(name): value for record in records for name, value in _table(record, "automatic").items()}
    plain = {name: value for name, value in found.items() if isinstance(value, (int, float, str))}
    return {name: value[:_MAX_WORD] if isinstance(value, str) else value for name, value in plain.items()}


def _kinds(rows: list[Any]) -> tuple[KindRow, ...]:
    """Return the kinds of model of a record."""

    def number(value: Any) -> float | None:
        known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if known else None

    return tuple(
        KindRow(
            str(row.get("kind"))[:_MAX_LENGTH],
            row.get("chosen") is True,
            *(number(row.get(name)) for name in ("auc", "auc_low", "auc_high", "behind")),
        )
        for row in rows[:_MAX_KINDS]
        if isinstance(row, dict)
    )


def _findings(path: str) -> tuple[str, ...]:
    """Return what the table of the check lists to fix, then what to read; nothing for a table that is none."""
    found: dict[str, list[str]] = {"error": [], "warning": []}
    if not path:
        return ()
    with contextlib.suppress(OSError, ValueError, csv.Error), open(path, encoding="utf-8", newline="") as stream:
        for row in itertools.islice(csv.DictReader(stream), _MAX_FINDINGS):
            if row.get("severity") in found:
                about = f"{row['factor']}: " if row.get("factor") else ""
                found[str(row["severity"])].append(f"{about}{row.get('what') or ''} {row.get('mend') or ''}")
    return _texts(found["error"] + found["warning"])


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    return tuple(_shorten(str(item)[:_MAX_CELL]) for item in items[:_MAX_REASONS])


def _shorten(text: str) -> str:
    """Return a text in one line, cut at a word where it is too long."""
    words = " ".join(text.split())
    cut = textwrap.shorten(words, _MAX_LENGTH, placeholder=" …")
    # One word may be longer than that.
    return cut if len(cut) > _MAX_LENGTH / 2 or cut == words else f"{words[: _MAX_LENGTH - 1]}…"


def _table(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}
