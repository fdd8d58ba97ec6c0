"""Whether the outputs of a run have places of their own, and names under which they are found again."""

from __future__ import annotations

import os
from typing import Any

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingParameterDefinition

from ...model.errors import ParameterInvalid
from ...translation import tr
from .values import LAYER_TYPES, is_given, output_path, plain, source_text

MODEL = "safetensors"


def require_distinct_outputs(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> None:
    """Check that no output takes the place of an input, or of another output.

    Outputs get their names when they are complete, so the run would go well, and the input would be gone.

    Raises:
        ParameterInvalid: one does; the message names both.
    """
    taken = _inputs(algorithm, parameters, context)
    for definition in algorithm.destinationParameterDefinitions():
        path = output_path(parameters.get(definition.name()))
        if path is None:
            continue
        if definition.type() != "folderDestination" and os.path.isdir(path):
            raise ParameterInvalid(
                tr("{name} is {path}, which is a folder. Give the name of a file.").format(
                    name=definition.name(), path=path
                )
            )
        other = taken.get(_normalized_path(path))
        if other is not None:
            raise ParameterInvalid(
                tr("{name} would overwrite {other}: both are {path}. Choose another place for {name}.").format(
                    name=definition.name(), other=other, path=path
                )
            )
        taken[_normalized_path(path)] = definition.name()


def require_suffix(definition: QgsProcessingParameterDefinition, path: str) -> None:
    """Check that a model is not given a name under which no later step would take it.

    Raises:
        ParameterInvalid: it has another ending than models have.
    """
    if (
        definition.type() == "fileDestination"
        and definition.defaultFileExtension() == MODEL
        and not path.lower().endswith(f".{MODEL}")
    ):
        raise ParameterInvalid(
            tr("{name} is {path}, but the file of a model must end in {ending}. Give it such a name.").format(
                name=definition.name(), path=path, ending=f".{MODEL}"
            )
        )


def _inputs(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, str]:
    """Return the parameter of each file that goes in, by its place."""
    found = {}
    for definition in algorithm.parameterDefinitions():
        value = plain(parameters.get(definition.name()))
        if definition.isDestination() or definition.type() not in (*LAYER_TYPES, "file") or not is_given(value):
            continue
        # A checkpoint is read and written on, as it should be.
        if definition.name() == "CHECKPOINT":
            continue
        for item in value if isinstance(value, (list, tuple)) else [value]:
            path = source_text(item, context).split("|")[0]
            if os.path.isfile(path):
                found[_normalized_path(path)] = definition.name()
    return found


def _normalized_path(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))
