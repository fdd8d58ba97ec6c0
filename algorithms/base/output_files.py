"""Output names: no run replaces an input, another output, or a file that is not a result of the same kind."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext

from ...model.errors import ParameterInvalid, ScarpError
from ...model.outputs.atomic import lock_file
from ...model.outputs.run_record import read_record
from ...model.outputs.transaction import RECORD_SUFFIX
from ...translation import tr
from .gdal_files import VECTOR, open_quietly
from .parameters import (
    LAYER_TYPES,
    MODEL_SUFFIX,
    VECTOR_FIELDS,
    Definition,
    absolute_path,
    file_of,
    is_given,
    output_path,
    plain,
    source_text,
)

RASTER_SUFFIXES = (".tif", ".tiff")
_SQLITE = b"SQLite format 3\0"
_STYLES_TABLE = "layer_styles"  # in which QGIS keeps styles that were saved with a layer
_SHAPEFILE_NAME = 10  # letters of a field's name that a shapefile keeps
_MAX_NAMES = 8


def require_output_files(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> None:
    """Check the names of all outputs that are files or folders; the algorithm may be a graphical model.

    Raises ``ParameterInvalid`` if an output overwrites an input, another output or a file that is not a result of the
    same kind, is a path of another system, or has an ending that belongs to another format. The message names it.
    """
    used = _input_files(algorithm, parameters, context)
    destinations: list[Any] = algorithm.destinationParameterDefinitions()
    for definition in destinations:
        name, path = definition.name(), output_path(parameters.get(definition.name()))
        if path is None:
            continue
        if "\\" in path and os.sep != "\\":
            text = tr(
                "{name} is {path}, a path with backslashes as on Windows. On this computer folders are separated by /, "
                "so it would become the name of a file. Choose a folder of this computer, such as the one where the "
                "network drive is mounted."
            )
            raise ParameterInvalid(text.format(name=name, path=path))
        if definition.type() != "folderDestination" and os.path.isdir(path):
            text = tr("{name} is {path}, which is a folder. Give the name of a file.")
            raise ParameterInvalid(text.format(name=name, path=path))
        other = used.get(absolute_path(path))
        if other is not None:
            text = tr("{name} would overwrite {other}: both are {path}. Choose another place for {name}.")
            raise ParameterInvalid(text.format(name=name, other=other, path=path))
        used[absolute_path(path)] = name
        _require_ending(definition, path)
        if definition.type() == "folderDestination":
            _require_folder(algorithm, name, Path(path))
        elif definition.type() == "sink":
            _require_layer(definition, path)
        else:
            _require_result(name, path)


def _input_files(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, str]:
    """Return the parameter name by the absolute path of each input file."""
    found = {}
    for definition in algorithm.parameterDefinitions():
        name, value = definition.name(), plain(parameters.get(definition.name()))
        takes_files = definition.type() in (*LAYER_TYPES, "file") and not definition.isDestination()
        # A checkpoint is both read and written.
        if not takes_files or not is_given(value) or name == "CHECKPOINT":
            continue
        for item in value if isinstance(value, (list, tuple)) else [value]:
            path = file_of(source_text(item, context))
            if os.path.isfile(path):
                found[absolute_path(path)] = name
    return found


def _require_ending(definition: Definition, path: str) -> None:
    name, kind = definition.name(), definition.type()
    if kind == "rasterDestination" and not path.lower().endswith(RASTER_SUFFIXES):
        text = tr("{name} is {path}, but rasters are written as GeoTIFF: the name must end in {ending}. Change it.")
        raise ParameterInvalid(text.format(name=name, path=path, ending=tr(" or ").join(RASTER_SUFFIXES)))
    is_model = kind == "fileDestination" and definition.defaultFileExtension() == MODEL_SUFFIX
    if is_model and not path.lower().endswith(f".{MODEL_SUFFIX}"):
        text = tr("{name} is {path}, but the file of a model must end in {ending}. Change it.")
        raise ParameterInvalid(text.format(name=name, path=path, ending=f".{MODEL_SUFFIX}"))


def _require_result(name: str, path: str) -> None:
    """Check a file that the core writes, and the JSON file that it writes beside a table: Scarp has recorded these."""
    taken = [path] if _has_content(path) else []
    if path.lower().endswith(".csv") and _has_content(f"{path[:-4]}.json"):
        taken.append(f"{path[:-4]}.json")
    if taken and not _is_recorded(path) and not _is_model(path):
        raise _foreign(name, taken[0])


def _require_folder(algorithm: Any, name: str, folder: Path) -> None:
    """Check a folder: of the files that will be written, none may be there unless an earlier run has written it."""
    names = getattr(algorithm, "FOLDER_FILES", {}).get(name, ())
    taken = [item for item in names if _has_content(str(folder / item))]
    if taken and not any(_is_recorded(str(folder / item)) for item in names):
        text = tr(
            "{name} is {path}, a folder that already holds {files}, which Scarp did not write and does not replace. "
            "Choose another folder."
        )
        raise ParameterInvalid(text.format(name=name, path=folder, files=_listed(taken)))
    for item in taken:
        layers = _tables(str(folder / item)) or {}
        if len(layers) > 1:
            raise _other_layers(name, str(folder / item), layers)


def _require_layer(definition: Definition, path: str) -> None:
    """Check a vector file: one layer that Scarp has recorded, or that has the fields of this output."""
    name = definition.name()
    if not _has_content(path):
        beside = f"{path[:-4]}.dbf"
        if path.lower().endswith(".shp") and _has_content(beside):
            raise _foreign(name, beside)
        return
    tables = _tables(path)
    if tables is None:
        raise _foreign(name, path)
    if len(tables) > 1:
        raise _other_layers(name, path, tables)
    if _is_recorded(path):
        return
    wanted = {field.lower()[:_SHAPEFILE_NAME] for field in definition.metadata().get(VECTOR_FIELDS, ())}
    found = {field.lower()[:_SHAPEFILE_NAME] for fields in tables.values() for field in fields}
    if not wanted or not wanted <= found:
        raise _other_layers(name, path, tables)


def _tables(path: str) -> dict[str, list[str]] | None:
    """Return the fields by layer of a vector file, tables and projects in a database among them; None if it is none."""
    with contextlib.suppress(OSError, sqlite3.Error):
        with open(path, "rb") as stream:
            is_database = stream.read(len(_SQLITE)) == _SQLITE
        if is_database:
            return _database_tables(path)
    source = open_quietly(path, VECTOR)
    if source is None:
        return None
    layers = [source.GetLayer(index) for index in range(source.GetLayerCount())]
    definitions = {layer.GetName(): layer.GetLayerDefn() for layer in layers}
    return {
        name: [found.GetFieldDefn(index).GetName() for index in range(found.GetFieldCount())]
        for name, found in definitions.items()
    }


def _database_tables(path: str) -> dict[str, list[str]]:
    """Return the columns of the tables of a GeoPackage that users know, or of all tables of another database."""
    with contextlib.closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if "gpkg_contents" in names:
            users = sorted(row[0] for row in database.execute("SELECT table_name FROM gpkg_contents"))
            names = [*users, *(name for name in names if name == "qgis_projects")]
        names = [name for name in names if name != _STYLES_TABLE and not name.startswith("sqlite_")]
        quoted = {name: '"{}"'.format(name.replace('"', '""')) for name in names}
        return {
            name: [row[1] for row in database.execute(f"PRAGMA table_info({text})")] for name, text in quoted.items()
        }


def _has_content(path: str) -> bool:
    """Whether there is a file that is not empty; one that a script has made to reserve its name holds nothing."""
    return os.path.isfile(path) and os.path.getsize(path) > 0


def _is_recorded(path: str) -> bool:
    """Whether a run record of Scarp lies beside a file, or the lock of a run that writes it or was killed."""
    if lock_file(Path(path)).is_file():
        return True
    try:
        return str(read_record(path).get("algorithm")).startswith("scarp:")
    except (OSError, ValueError):
        return False


def _is_model(path: str) -> bool:
    """Whether a file is a model of Scarp; one whose report could not be written is kept without a record."""
    if not path.lower().endswith(f".{MODEL_SUFFIX}"):
        return False
    # Not at the top: it needs NumPy, which QGIS would then load at its start.
    from ...model.artifact_header import read_header_of_file

    try:
        return bool(read_header_of_file(path))
    except ScarpError:
        return False


def _foreign(name: str, path: str) -> ParameterInvalid:
    text = tr(
        "{name} would replace {path}, which Scarp did not write: there is no run record {record} beside it. Choose "
        "another name, or move that file away."
    )
    return ParameterInvalid(text.format(name=name, path=path, record=f"{Path(path).name}{RECORD_SUFFIX}"))


def _other_layers(name: str, path: str, tables: dict[str, list[str]]) -> ParameterInvalid:
    text = tr(
        "{name} would replace {path}, which holds {layers}. Only an earlier result of the same kind, alone in its "
        "file, is replaced. Choose another name."
    )
    return ParameterInvalid(text.format(name=name, path=path, layers=_listed([f'"{table}"' for table in tables])))


def _listed(names: list[str]) -> str:
    more = len(names) - _MAX_NAMES
    shown = ", ".join(names[:_MAX_NAMES])
    return tr("{shown} and {more} more").format(shown=shown, more=more) if more > 0 else shown or tr("no layer")
