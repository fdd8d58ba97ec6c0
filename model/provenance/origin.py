"""What a map was made from, found by the run records beside the files: model, factor stack, labels, elevation.

A file that is no longer where its record says is looked for beside the output, and where it would be if the whole
folder was moved. Light enough for the shell to import.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from ..errors import InputMissing, ParameterInvalid
from ..outputs.run_record import read_record
from ..outputs.transaction import RECORD_SUFFIX

PREDICTION, TRAINING, ZONES = "scarp:predictsusceptibility", "scarp:trainpcum", "scarp:classifyzones"
ELEVATION = "DEM"
_MADE_FROM = ("SUSCEPTIBILITY", "STACK", "REFERENCE", "LABELS", "ZONES", "MODEL", "OUT_OF_FOLD", "WINDOWS")
"""Inputs that are outputs of other runs, in the order in which an elevation model is looked for behind them."""
_MAX_STEPS = 8  # from a file to what it was made from


@dataclass(frozen=True)
class MapOrigin:
    """What a susceptibility map was made from; paths of files that are there, empty for those that are not."""

    map: str
    stack: str
    models: tuple[str, ...]
    labels: str = ""  # that the first model was trained on
    trained_on: str = ""  # stack that the first model was trained on
    out_of_fold: str = ""  # map of the first model's folds
    missing: tuple[str, ...] = ()  # what cannot be found, as sentences


def map_origin(path: str | os.PathLike) -> MapOrigin:
    """Return the origin of a susceptibility map, or of what was made from one: zones, a warning map.

    Raises:
        InputMissing: there is no run record beside it, or what it names as its map is gone.
        ParameterInvalid: it is another kind of file.
    """
    place = Path(path)
    for _ in range(_MAX_STEPS):
        record = _record(place)
        if record.get("algorithm") == PREDICTION:
            return _of_prediction(place)
        if record.get("algorithm") == TRAINING and place.suffix.lower() in (".tif", ".tiff"):
            return _of_out_of_fold(place, record)
        before = recorded_files(place, "SUSCEPTIBILITY")
        if not before and _names(record, "SUSCEPTIBILITY"):
            raise InputMissing(f"The map from which {place.name} was made is gone: {_names(record, 'SUSCEPTIBILITY')}.")
        if not before:
            break
        place = before[0]
    raise ParameterInvalid(
        f'{Path(path).name} is no susceptibility map of one model. Choose a map of "Predict susceptibility", or the '
        "zones of one."
    )


def recorded_files(output: str | os.PathLike, parameter: str) -> list[Path]:
    """Return the files of an input in the run record beside an output, as far as they are there."""
    try:
        record = read_record(output)
    except (OSError, ValueError):
        return []
    sources = [str(entry["source"]) for entry in _entries(record, parameter)]
    return [path for source in sources for path in [_locate(source, Path(output), record)] if path is not None]


def elevation_of(output: str | os.PathLike) -> Path | None:
    """Return the elevation model from which an output was made, directly or through others; ``None`` if unknown."""
    waiting: list[Path] = [Path(output)]
    seen: set[Path] = set()
    while waiting and len(seen) < 4 * _MAX_STEPS:
        place = waiting.pop(0)
        if place in seen:
            continue
        seen.add(place)
        found = recorded_files(place, ELEVATION)
        if found:
            return found[0]
        waiting += [path for name in _MADE_FROM for path in recorded_files(place, name)[:1]]
    return None


def is_made_from(output: str | os.PathLike, algorithm: str, parameter: str, source: str | os.PathLike) -> bool:
    """Return whether an output was written by an algorithm whose input was a file."""
    try:
        if read_record(output).get("algorithm") != algorithm:
            return False
        return any(os.path.samefile(path, source) for path in recorded_files(output, parameter))
    except (OSError, ValueError):
        return False


def _of_prediction(place: Path) -> MapOrigin:
    record, missing = _record(place), []
    models, stacks = recorded_files(place, "MODEL"), recorded_files(place, "STACK")
    if not models:
        missing.append(f"The model of the map is gone ({_names(record, 'MODEL')}), so factors cannot be weighed.")
    if not stacks:
        missing.append(f"The factor stack of the map is gone ({_names(record, 'STACK')}), so there are no factors.")
    return _with_training(place, stacks[0] if stacks else None, models, missing)


def _of_out_of_fold(place: Path, record: Mapping[str, Any]) -> MapOrigin:
    """Return the origin of an out-of-fold map, which its training wrote beside the model."""
    outputs = record.get("outputs")
    entry = outputs.get("OUTPUT") if isinstance(outputs, dict) else None
    source = str(entry.get("source", "")) if isinstance(entry, dict) else ""
    model = _locate(source, place, record) if source else None
    stacks = recorded_files(place, "STACK")
    missing = [] if model is not None else [f"The model of the map is gone ({source or 'unknown'})."]
    missing += [] if stacks else [f"The factor stack of the map is gone ({_names(record, 'STACK')})."]
    return _with_training(place, stacks[0] if stacks else None, [model] if model else [], missing)


def _with_training(place: Path, stack: Path | None, models: list[Path], missing: list[str]) -> MapOrigin:
    labels = trained_on = out_of_fold = ""
    if models:
        labels = _first(recorded_files(models[0], "LABELS"))
        trained_on = _first(recorded_files(models[0], "STACK"))
        out_of_fold = _first(_outputs(models[0], "OUTPUT_OUT_OF_FOLD"))
        if not labels:
            missing.append(
                f"The labels that {models[0].name} was trained on are not known or gone, so its landslides cannot be "
                f"shown. They are named in {models[0].name}{RECORD_SUFFIX}."
            )
    paths = tuple(str(model) for model in models)
    return MapOrigin(str(place), str(stack or ""), paths, labels, trained_on, out_of_fold, tuple(missing))


def _outputs(path: Path, name: str) -> list[Path]:
    """Return an output of the run that wrote a file, if it is there."""
    try:
        record = read_record(path)
    except (OSError, ValueError):
        return []
    outputs = record.get("outputs")
    entry = outputs.get(name) if isinstance(outputs, dict) else None
    source = entry.get("source") if isinstance(entry, dict) else None
    found = _locate(source, path, record) if isinstance(source, str) else None
    return [] if found is None else [found]


def _first(paths: list[Path]) -> str:
    return str(paths[0]) if paths else ""


def _record(place: Path) -> dict[str, Any]:
    try:
        return read_record(place)
    except FileNotFoundError as error:
        raise InputMissing(
            f"Beside {place.name} there is no run record {place.name}{RECORD_SUFFIX}, which says from which model and "
            'factors it was made. Copy it there, or make the map again with "Predict susceptibility".'
        ) from error
    except (OSError, ValueError) as error:
        raise InputMissing(
            f"The run record {place}{RECORD_SUFFIX} cannot be read: {error}. Make the map again."
        ) from error


def _entries(record: Mapping[str, Any], parameter: str) -> Iterator[Mapping[str, Any]]:
    """Yield what an untrusted record says of the files of an input."""
    call = record.get("call")
    for table in (record.get("inputs"), call.get("files") if isinstance(call, dict) else None):
        if not isinstance(table, dict):
            continue
        value = next((value for name, value in table.items() if str(name).upper() == parameter), None)
        entries = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
        entries = [one for one in entries if isinstance(one.get("source"), str)]
        if entries:
            yield from entries
            return


def _names(record: Mapping[str, Any], parameter: str) -> str:
    return ", ".join(str(entry["source"])[:300] for entry in _entries(record, parameter))


def _path(recorded: str) -> Path:
    """Return a recorded path with its parts, also in a folder that comes from Windows."""
    windows = PureWindowsPath(recorded)
    return Path(windows.as_posix() if windows.drive else recorded)


def _locate(source: str, output: Path, record: Mapping[str, Any]) -> Path | None:
    """Return a recorded file where it was, beside the output, or as far from the output as it was then."""
    old = _path(source.split("|")[0] if not os.path.isfile(source) else source)
    candidates = [old, output.parent / old.name]
    outputs = record.get("outputs")
    for entry in outputs.values() if isinstance(outputs, dict) else ():
        then = entry.get("source") if isinstance(entry, dict) else None
        if isinstance(then, str) and _path(then).name == output.name:
            try:
                candidates.insert(1, output.parent / os.path.relpath(old, _path(then).parent))
            except ValueError:
                # Another drive of Windows.
                continue
    for path in candidates:
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):
            # No file can have such a name, as that of a database layer.
            continue
    return None
