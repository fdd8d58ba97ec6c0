"""Run records, map tags and the header of a model, read as untrusted input, and what they tell of a file's origin:
inputs that have changed since, zones and windows of another map, stacks of another model.

Light enough for the shell to import.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputCorrupt, InputMissing, ParameterInvalid
from ..outputs.run_record import read_record, sha256
from ..outputs.transaction import RECORD_SUFFIX
from ..progress import Progress
from ..safe_json import read_json
from ..training.settings import CROSS_FITTED

if TYPE_CHECKING:
    import rasterio

    from ..grid import Grid

MEANING_TAG = "MEANING"
WARNINGS_TAG = "WARNINGS"  # one warning per line
STACK_TAG, MODEL_TAG, MAP_TAG = "STACK_SHA256", "MODEL_SHA256", "SUSCEPTIBILITY_SHA256"
"""Checksums of what a map was made from."""
MEANING = "relative susceptibility, not a calibrated probability"
PROBABILITY_TAG = "LANDSLIDE_SHARE"
"""Tag of maps of calibrated models: share of landslide cells in the land that they were calibrated on."""
PROBABILITY_MEANING = "share of cells like this that are landslide cells in the inventory; no probability per year"
OUT_OF_FOLD_MEANING = "of each cell by a model that did not see its block"  # added to the meaning of a map
OUT_OF_FOLD_TAG = "OUT_OF_FOLD_OF"  # checksum of the model of all land, in the tags of its out-of-fold map
OUT_OF_FOLD_SUSCEPTIBILITY = "out-of-fold susceptibility of a model"
OUT_OF_FOLD_PROBABILITY = "out-of-fold landslide probability of a model"
"""Descriptions of the band of such a map."""
METHOD_TAG = "TRAINING_METHOD"  # how each model of a map was trained, a value of METHOD
CHOICE_TAG = "CHOICE"  # among which kinds each model of a map was chosen and why, one text a line
ZONE_MEANING = "zones of relative susceptibility; not a probability, and not comparable between maps with other breaks"
MAX_WARNINGS = 20
MAX_LENGTH = 1000  # characters of a warning that are kept; QGIS shows tags as they are


def warning_tags(warnings: Sequence[str]) -> dict[str, str]:
    """Return the metadata item for warnings; nothing without any."""
    lines = [" ".join(text.split())[:MAX_LENGTH] for text in dict.fromkeys(warnings) if text.strip()]
    if len(lines) > MAX_WARNINGS:
        lines[MAX_WARNINGS - 1 :] = [f"{len(lines) - MAX_WARNINGS + 1} more warnings are in the run record."]
    return {WARNINGS_TAG: "\n".join(lines)} if lines else {}


def choice_tags(models: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the metadata item for the training headers of models that were chosen among several kinds."""
    texts = [" ".join(str(one.get("chosen") or "").split())[:MAX_LENGTH] for one in models]
    lines = [text for text in dict.fromkeys(texts) if text]
    return {CHOICE_TAG: "\n".join(lines[:MAX_WARNINGS])} if lines else {}


def read_choice(tags: Mapping[str, str]) -> str:
    """Return among which kinds the model of a map was chosen and why, an untrusted text; empty if among none."""
    return " ".join(tags.get(CHOICE_TAG, "").split())[:MAX_LENGTH]


def read_warnings(tags: Mapping[str, str]) -> list[str]:
    """Return the warnings among a map's metadata items, as untrusted texts of bounded number and length."""
    lines = [line.strip() for line in tags.get(WARNINGS_TAG, "").splitlines() if line.strip()]
    return [line[:MAX_LENGTH] for line in lines[:MAX_WARNINGS]]


_CHANGED_BY_READING = (".gpkg", ".sqlite", ".db", ".gdb", ".shp")
"""Layers whose file does not stand for their features: databases change when they are opened, and the attributes of a
shapefile lie in another file. ``scarp:rerun`` compares what is read of them."""
_MODEL = ".safetensors"


@dataclass(frozen=True)
class ChangedInput:
    """An input that is no longer what it was when something was made from it."""

    parameter: str  # of the run that read it
    path: str


def warn_stale_inputs(inputs: Mapping[str, str | os.PathLike | None], progress: Progress) -> None:
    """Warn of inputs, by their role in this run ("factor stack"), that are older than what they were made from."""
    for role, path in inputs.items():
        for change in changes_since(path) if path is not None else ():
            progress.warn(
                f"The {role} {Path(path or '').name} was made from {Path(change.path).name} ({change.parameter}), "
                f"which has changed since. Make the {role} again, unless you want the older state."
            )


def changes_since(output: str | os.PathLike) -> list[ChangedInput]:
    """Return the inputs of a file that have changed since it was made; none if the record beside it does not tell.

    Files with the size and modification time of then count as unchanged; the content of others of that size is read.
    Which time is later means nothing: clocks are set, and files are copied with their times.
    """
    return [
        ChangedInput(name, path)
        for name, entry in _recorded_inputs(output)
        for path in [str(entry["source"]).split("|")[0]]
        if Path(path).suffix.lower() not in _CHANGED_BY_READING and _changed(path, entry)
    ]


def is_out_of_fold(tags: Mapping[str, str]) -> bool:
    """Return whether every cell of a map is from a model that did not see its land, by the tags of the map."""
    return OUT_OF_FOLD_TAG in tags or ("FOLDS" in tags and tags.get("SPLIT") == "spatial")


def trained_on_all_land(tags: Mapping[str, str]) -> bool:
    """Return whether a map is one of a model that all landslides trained, by its tags."""
    return CROSS_FITTED in tags.get(METHOD_TAG, "").split(", ") and not is_out_of_fold(tags)


def require_out_of_fold_of(name: str, tags: Mapping[str, str], map_name: str, map_tags: Mapping[str, str]) -> None:
    """Raise :class:`ParameterInvalid` unless a raster, given as OUT_OF_FOLD, is that of the model that made a map."""
    models = [one.strip() for one in map_tags.get(MODEL_TAG, "").split(",") if one.strip()]
    made = '"Train PCUM" writes it with the model, as OUTPUT_OUT_OF_FOLD'
    if not is_out_of_fold(tags):
        raise ParameterInvalid(f"{name}, given as OUT_OF_FOLD, is no out-of-fold map. {made}.")
    if OUT_OF_FOLD_TAG not in tags:
        raise ParameterInvalid(
            f"{name}, given as OUT_OF_FOLD, is of a cross-validation, whose models are not the one of the map. "
            f"Validate it by itself, as SUSCEPTIBILITY, or give the out-of-fold map of the model: {made}."
        )
    if len(models) != 1:
        what = f"is the mean of {len(models)} models" if models else "does not say which model made it"
        raise ParameterInvalid(
            f"OUT_OF_FOLD is given, but the map {map_name} {what}. Give a map that the model of {name} alone made."
        )
    if models[0] != tags[OUT_OF_FOLD_TAG]:
        raise ParameterInvalid(
            f"{name}, given as OUT_OF_FOLD, is not of the model that made the map {map_name}. Choose the one of the "
            f"same training; {made}."
        )


def recorded_checksum(output: str | os.PathLike, parameter: str) -> str:
    """Return the checksum of an input that a file was made from, empty if the record beside it does not tell."""
    for name, entry in _recorded_inputs(output):
        if name.upper() == parameter and isinstance(entry["sha256"], str):
            return entry["sha256"]
    return ""


def _recorded_inputs(output: str | os.PathLike) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        inputs = read_record(output).get("inputs")
    except (OSError, ValueError):
        return
    for name, value in inputs.items() if isinstance(inputs, dict) else ():
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict) and {"source", "sha256", "bytes"} <= set(entry):
                yield name, entry


def _changed(path: str, entry: Mapping[str, Any]) -> bool:
    try:
        status = os.stat(path)
        if not os.path.isfile(path):
            return False
        if status.st_size != entry["bytes"]:
            return True
        return status.st_mtime_ns != entry.get("modified_ns") and sha256(path) != entry["sha256"]
    except (OSError, ValueError):
        # Gone, or a name that no file can have: whether it changed is then not known.
        return False


def warn_inconsistent_layers(
    dataset: rasterio.DatasetReader,
    inputs: Mapping[str, Any],
    progress: Progress,
    zones: str | os.PathLike | None = None,
    windows: str | None = None,
) -> None:
    """Repeat the warnings stored in a map, and warn of zones and windows that belong to another one.

    ``zones`` is the path of the zone raster, ``windows`` path or source of the layer of training windows.
    """
    for text in read_warnings(dataset.tags()):
        progress.warn(f"When the map was made: {text}")
    if PROBABILITY_TAG in dataset.tags():
        progress.warn(
            f"The map {Path(dataset.name).name} holds calibrated shares of landslide cells, which are small. Limits "
            "for a relative susceptibility, such as THRESHOLD=0.5, P_LOW and P_HIGH, do not suit it: choose them by "
            "the share of landslide cells, which the report of the training has."
        )
    of_map = str(inputs.get("SUSCEPTIBILITY", {}).get("sha256", ""))
    of_zones = ""
    if zones is not None:
        from ..inputs.rasters import open_raster

        with open_raster(zones, "zones") as opened:
            of_zones = opened.tags().get(MAP_TAG, "") or recorded_checksum(zones, "SUSCEPTIBILITY")
    if of_zones and of_map and of_zones != of_map:
        progress.warn(
            f"The zones {Path(zones or '').name} were cut from another version of the map {Path(dataset.name).name}. "
            "Classify the map again."
        )
    models = [one.strip() for one in dataset.tags().get(MODEL_TAG, "").split(",") if one.strip()]
    of_windows = _model_of_windows(windows) if windows else ""
    if not models or not of_windows:
        return
    if of_windows not in models:
        progress.warn(
            "The training windows are not those of the model that made the map, so a landslide in a test window may be "
            "one that the model was trained on. Choose the windows of the same training."
        )
    elif len(models) > 1:
        progress.warn(
            f"The map is the mean of {len(models)} models, and the training windows are those of one. A test window of "
            "one model may be a training window of another, and the numbers of the test windows are then optimistic."
        )


def _model_of_windows(source: str) -> str:
    """Return the checksum of the model that was trained on windows, empty if unknown."""
    with contextlib.suppress(OSError, ValueError):
        outputs = read_record(source.split("|")[0]).get("outputs")
        for entry in outputs.values() if isinstance(outputs, dict) else ():
            if isinstance(entry, dict) and str(entry.get("source", "")).lower().endswith(_MODEL):
                return str(entry.get("sha256", ""))
    return ""


INPUTS, GRID, CRS, MORE_LAND = "inputs", "grid", "crs", "more_land"
"""Keys in the training of a model file: checksums by parameter, with the grid and, in newer files, its CRS, and both of
more areas."""
_SAME = 1e-6  # relative difference of numbers of two grids that are one


def training_inputs(inputs: Mapping[str, Any] | None, grid: Grid, more: Iterable[Grid] = ()) -> dict[str, Any]:
    """Return what a model file keeps of the inputs in a run record: no paths, which are private.

    ``more``: grids of the areas beside the first one.
    """
    found: dict[str, Any] = {}
    for name, entry in (inputs or {}).items():
        entries = [one for one in (entry if isinstance(entry, list) else [entry]) if "sha256" in one]
        if entries:
            checksums = [one["sha256"] for one in entries]
            found[name] = checksums if isinstance(entry, list) else checksums[0]
    land, *others = ({GRID: _grid_numbers(one), CRS: one.crs.to_wkt()} for one in (grid, *more))
    return {INPUTS: {**found, **land, **({MORE_LAND: others} if others else {})}}


def changed_since_training(training: Mapping[str, Any], parameter: str, sha256: str, grid: Grid) -> bool:
    """Return whether a raster has exactly the grid that a model was trained on, but is another file.

    Of another area, or of models without this information, nothing can be said. ``parameter`` is ``STACK`` or
    ``LABELS``; the checksum of the raster is empty when not known.
    """
    recorded = training.get(INPUTS)
    if not isinstance(recorded, dict) or not sha256 or not isinstance(recorded.get(parameter), str):
        return False
    then, now = recorded.get(GRID), _grid_numbers(grid)
    if not isinstance(then, list) or len(then) != len(now) or not all(isinstance(one, (int, float)) for one in then):
        return False
    same_grid = all(abs(one - other) <= _SAME * max(abs(one), abs(other)) for one, other in zip(then, now))
    return same_grid and recorded[parameter] != sha256


def warn_changed_stack(training: Mapping[str, Any], name: str, sha256: str, grid: Grid, progress: Progress) -> None:
    """Warn when a stack has the grid of the one that the model ``name`` was trained on, but not its values."""
    if changed_since_training(training, "STACK", sha256, grid):
        progress.warn(
            f"The factor stack has the grid of the one that the model {name} was trained on, but has been made again "
            "or changed since. If that is not on purpose, train the model again on this stack."
        )


def _grid_numbers(grid: Grid) -> list[float]:
    place = grid.transform
    return [float(number) for number in (grid.width, grid.height, place.c, place.f, place.a, place.e)]


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
    """Read a run record (``.run.json``), or the one beside an output.

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
