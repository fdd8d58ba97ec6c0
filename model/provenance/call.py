"""A run as its record tells it, read without believing any of it; light enough for the shell to import."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputCorrupt, InputMissing
from ..outputs.atomic import RECORD_SUFFIX
from ..safe_json import read_json

_ALGORITHM = re.compile(r"scarp:[a-z0-9]{1,60}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RecordedFile:
    """A file as a run met it."""

    source: str
    sha256: str
    """Empty when it is not known."""


@dataclass(frozen=True)
class RecordedRun:
    """A run: what was asked for, what it read, what came out."""

    record: str
    """Path of the record."""
    algorithm: str
    """With the provider, such as ``scarp:trainpcum``."""
    parameters: dict[str, Any]
    """Values by name, as Processing takes them."""
    files: dict[str, list[RecordedFile]]
    """Input files by parameter."""
    layers: dict[str, dict[str, Any]]
    """What was read of vector inputs: ``features`` and ``content_sha256``, by parameter."""
    outputs: dict[str, str]
    """Path, or name of a layer in memory, by output that was made."""
    made: dict[str, RecordedFile]
    """Output files by name, as they were when they were made."""
    written: dict[str, dict[str, Any]]
    """What was written to vector outputs, like ``layers``."""
    numbers: dict[str, Any]
    """Results that are numbers or texts."""
    environment: dict[str, str]
    """Versions, device and arithmetic."""
    started: str


def read_recorded_run(path: str | os.PathLike) -> RecordedRun:
    """Read a run record, or that beside an output.

    Args:
        path: a ``.run.json``, or an output that has one beside it.

    Raises:
        InputMissing: there is no such record.
        InputCorrupt: it is no run record, damaged, or lacks what repeating a run needs.
    """
    record = str(path) if str(path).lower().endswith(".json") else f"{path}{RECORD_SUFFIX}"
    if not os.path.isfile(record):
        raise InputMissing(f"There is no run record {record}. Give the {RECORD_SUFFIX} file beside an output of Scarp.")
    try:
        content = read_json(record)
    except (OSError, ValueError) as error:
        raise InputCorrupt(f"The run record {record} cannot be read: {error}. Give it as Scarp wrote it.") from error
    if not isinstance(content, dict) or not _ALGORITHM.fullmatch(str(content.get("algorithm"))):
        raise InputCorrupt(f"{record} is no run record of Scarp. Give the {RECORD_SUFFIX} file beside an output.")
    call = content.get("call")
    if not isinstance(call, dict) or not isinstance(call.get("parameters"), dict):
        raise InputCorrupt(
            f"The run record {record} does not say with which parameters {content['algorithm']} was "
            "called: it is of an older version of Scarp, or of a run outside QGIS. Run the algorithm "
            "again to get a full record."
        )
    return RecordedRun(
        record=record,
        algorithm=content["algorithm"],
        parameters=call["parameters"],
        files={
            name: [_file(one) for one in value if isinstance(one, dict)]
            for name, value in _table(call, "files").items()
            if isinstance(value, list)
        },
        layers=_tables(call, "layers"),
        written=_tables(call, "written"),
        outputs={name: value for name, value in _table(call, "outputs").items() if isinstance(value, str)},
        made={name: _file(value) for name, value in _table(content, "outputs").items() if isinstance(value, dict)},
        numbers=_table(call, "numbers"),
        environment=_environment(content, call),
        started=str(content.get("started", ""))[:40],
    )


def _environment(content: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, str]:
    found = {"qgis": call.get("qgis"), **_table(content, "versions")}
    for place in (content, _table(content, "summary")):
        found.update({name: place[name] for name in ("device", "precision", "threads") if name in place})
    return {name: str(value) for name, value in found.items() if value is not None}


def _file(value: Mapping[str, Any]) -> RecordedFile:
    sha256 = str(value.get("sha256", ""))
    return RecordedFile(str(value.get("source", "")), sha256 if _HASH.fullmatch(sha256) else "")


def _table(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _tables(content: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {key: value for key, value in _table(content, name).items() if isinstance(value, dict)}
