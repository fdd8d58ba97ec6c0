"""Run records and map tags, read as untrusted input; light enough for the shell to import."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputCorrupt, InputMissing
from ..outputs.transaction import RECORD_SUFFIX
from ..safe_json import read_json

if TYPE_CHECKING:
    import rasterio


MEANING_TAG = "MEANING"
WARNINGS_TAG = "WARNINGS"  # one warning per line
STACK_TAG, MODEL_TAG, MAP_TAG = "STACK_SHA256", "MODEL_SHA256", "SUSCEPTIBILITY_SHA256"
"""Checksums of what a map was made from."""
MEANING = "relative susceptibility, not a calibrated probability"
ZONE_MEANING = "zones of relative susceptibility; not a probability, and not comparable between maps with other breaks"
MAX_WARNINGS = 20
MAX_LENGTH = 1000  # characters of a warning that are kept; QGIS shows tags as they are


def warning_tags(warnings: Sequence[str]) -> dict[str, str]:
    """Return the metadata item for warnings; nothing without any."""
    lines = [" ".join(text.split())[:MAX_LENGTH] for text in dict.fromkeys(warnings) if text.strip()]
    if len(lines) > MAX_WARNINGS:
        lines[MAX_WARNINGS - 1 :] = [f"{len(lines) - MAX_WARNINGS + 1} more warnings are in the run record."]
    return {WARNINGS_TAG: "\n".join(lines)} if lines else {}


def stored_warnings(dataset: rasterio.DatasetReader) -> list[str]:
    """Return the warnings stored in an open map."""
    return read_warnings(dataset.tags())


def read_warnings(tags: Mapping[str, str]) -> list[str]:
    """Return the warnings among a map's metadata items, as untrusted texts of bounded number and length."""
    lines = [line.strip() for line in tags.get(WARNINGS_TAG, "").splitlines() if line.strip()]
    return [line[:MAX_LENGTH] for line in lines[:MAX_WARNINGS]]


_ALGORITHM = re.compile(r"scarp:[a-z0-9]{1,60}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RecordedFile:
    """A file as it was at the time of a run."""

    source: str
    sha256: str  # empty when it is not known


@dataclass(frozen=True)
class RecordedRun:
    """Parameters, inputs and results of a run."""

    record: str  # path of the record
    algorithm: str  # with the provider, such as scarp:trainpcum
    parameters: dict[str, Any]  # values by name, as Processing takes them
    files: dict[str, list[RecordedFile]]  # input files by parameter
    layers: dict[str, dict[str, Any]]  # features and content_sha256 of vector inputs, by parameter
    outputs: dict[str, str]  # path, or name of a layer in memory, by output that was made
    output_files: dict[str, RecordedFile]
    written_layers: dict[str, dict[str, Any]]  # of vector outputs, like layers
    numbers: dict[str, Any]  # results that are numbers or texts
    environment: dict[str, str]  # versions, device and precision
    started: str


def read_recorded_run(path: str | os.PathLike) -> RecordedRun:
    """Read a run record, or the one beside an output.

    Args:
        path: a ``.run.json``, or an output that has one beside it.

    Raises:
        InputMissing: there is no such record.
        InputCorrupt: it is no run record, damaged, or lacks what repeating a run needs.
    """
    record = str(path) if str(path).lower().endswith(".json") else f"{path}{RECORD_SUFFIX}"
    if not os.path.isfile(record):
        raise InputMissing(
            f"There is no run record {record}. Choose the {RECORD_SUFFIX} file beside an output of Scarp."
        )
    try:
        content = read_json(record)
    except (OSError, ValueError) as error:
        raise InputCorrupt(f"The run record {record} cannot be read: {error}. Choose it as Scarp wrote it.") from error
    if not isinstance(content, dict) or not _ALGORITHM.fullmatch(str(content.get("algorithm"))):
        raise InputCorrupt(f"{record} is no run record of Scarp. Choose the {RECORD_SUFFIX} file beside an output.")
    call = content.get("call")
    if not isinstance(call, dict) or not isinstance(call.get("parameters"), dict):
        raise InputCorrupt(
            f"The run record {record} does not say with which parameters {content['algorithm']} was called: it is of "
            "an older version of Scarp, or of a run outside QGIS. Run the algorithm again to get a full record."
        )
    files = {name: value for name, value in _table(call, "files").items() if isinstance(value, list)}
    return RecordedRun(
        record=record,
        algorithm=content["algorithm"],
        parameters=call["parameters"],
        files={name: [_file(one) for one in value if isinstance(one, dict)] for name, value in files.items()},
        layers=_tables(call, "layers"),
        written_layers=_tables(call, "written"),
        outputs={name: value for name, value in _table(call, "outputs").items() if isinstance(value, str)},
        output_files={name: _file(value) for name, value in _tables(content, "outputs").items()},
        numbers=_table(call, "numbers"),
        environment=_environment(content, call),
        started=str(content.get("started", ""))[:40],
    )


def _environment(content: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, str]:
    values = {"qgis": call.get("qgis"), **_table(content, "versions")}
    for part in (content, _table(content, "summary")):
        values.update({name: part[name] for name in ("device", "precision", "threads") if name in part})
    return {name: str(value) for name, value in values.items() if value is not None}


def _file(value: Mapping[str, Any]) -> RecordedFile:
    sha256 = str(value.get("sha256", ""))
    return RecordedFile(str(value.get("source", "")), sha256 if _HASH.fullmatch(sha256) else "")


def _table(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _tables(content: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {key: value for key, value in _table(content, name).items() if isinstance(value, dict)}
