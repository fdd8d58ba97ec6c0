"""The shell's part of the run record: the call as it was made, so that ``scarp:rerun`` can make it again.

The core knows what it was handed: paths, arrays, settings. What QGIS was asked for, under the names that the user
knows, is added to the records that the core wrote; vector layers, which QGIS writes, get a record as well.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qgis.core import Qgis

from ..model.errors import OutputNotWritable
from ..model.files import RECORD_SUFFIX, describe_input, read_record, write_record
from ..translation import tr
from .arguments import Arguments
from .recorded_values import paths_in, recorded


def record_call(arguments: Arguments, results: dict[str, Any]) -> None:
    """Add the call to the records of a run that has succeeded.

    Args:
        arguments: of the run.
        results: outputs by name, as the algorithm returns them.
    """
    outputs = _files(arguments, results)
    if not outputs:
        return
    try:
        _write(arguments, results, outputs)
    except (OutputNotWritable, OSError, ValueError) as error:
        arguments.progress.warn(tr("The run record could not be completed, so \"Repeat a run\" cannot repeat this run: "
                                   "{error}").format(error=error))


def _files(arguments: Arguments, results: dict[str, Any]) -> dict[str, str]:
    """Return the outputs that are files or folders, by name."""
    paths = {definition.name(): str(results.get(definition.name()) or "").split("|")[0]
             for definition in arguments.algorithm.destinationParameterDefinitions()}
    return {name: os.path.abspath(path) for name, path in paths.items() if path and os.path.exists(path)}


def _write(arguments: Arguments, results: dict[str, Any], outputs: dict[str, str]) -> None:
    algorithm = f"scarp:{arguments.algorithm.name()}"
    by_core = [path for name, path in outputs.items() if name not in arguments.written]
    by_core = [one for path in by_core for one in _recorded_in(path, algorithm)]
    common = read_record(by_core[0]) if by_core else {"algorithm": algorithm}
    by_qgis = {name: describe_input(path) for name, path in outputs.items() if name in arguments.written}
    call = _call(arguments, results, common.get("inputs") or {})
    for path in [*by_core, *(outputs[name] for name in by_qgis)]:
        content = read_record(path) if path in by_core else common
        write_record(path, {**content, "outputs": {**content.get("outputs", {}), **by_qgis}, "call": call})


def _recorded_in(path: str, algorithm: str) -> list[str]:
    """Return the files, an output or those in an output folder, beside which the core has written a record."""
    if os.path.isfile(path):
        return [path] if os.path.isfile(f"{path}{RECORD_SUFFIX}") else []
    beside = [str(record)[:-len(RECORD_SUFFIX)] for record in sorted(Path(path).glob(f"*{RECORD_SUFFIX}"))]
    return [one for one in beside if os.path.isfile(one) and read_record(one).get("algorithm") == algorithm]


def _call(arguments: Arguments, results: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the call: parameters as Processing takes them, what was read, what came out."""
    known = {str(one["source"]).split("|")[0]: one for value in inputs.values()
             for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict) and "sha256" in one}
    parameters, files = {}, {}
    for definition in arguments.algorithm.parameterDefinitions():
        name = definition.name()
        if definition.isDestination():
            continue
        parameters[name] = recorded(arguments, definition)
        paths = paths_in(definition, parameters[name])
        if paths:
            # The core has read through the large ones already.
            files[name] = [{"source": path, **{key: known[path][key] for key in ("bytes", "sha256")}}
                           if path in known else describe_input(path) for path in paths]
    outputs = {definition.name(): results.get(definition.name())
               for definition in arguments.algorithm.destinationParameterDefinitions()}
    numbers = {name: value for name, value in results.items() if name not in outputs and value is not None}
    return {"parameters": parameters, "files": files, "layers": arguments.read, "outputs": outputs,
            "written": arguments.written, "numbers": numbers, "qgis": Qgis.QGIS_VERSION}
