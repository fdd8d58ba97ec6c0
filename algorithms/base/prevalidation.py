"""What is wrong with values that the user is still filling in."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingFeedback

from ...model.errors import ParameterMissing, ScarpError
from .arguments import Arguments, FeedbackProgress
from .values import is_given, is_required, parameter_problem


def live_validation_message(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> str:
    """Return what is wrong with the values given so far, in a sentence with the labels of the dialog; empty if nothing.

    What is merely still empty is no fault yet, and libraries are none of the user's values.

    Args:
        algorithm: one of Scarp's, or a graphical model.
        parameters: values by name.
        context: in which layers are found; files that are opened stay open in it.
    """
    return _with_labels(_problem(algorithm, parameters, context), algorithm)


def _problem(algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
    unfinished = False
    for definition in algorithm.parameterDefinitions():
        if not is_given(parameters.get(definition.name())):
            unfinished = unfinished or is_required(definition)
            continue
        problem = parameter_problem(definition, parameters, context)
        if problem:
            return problem
    check = getattr(algorithm, "check", None)
    if check is None:
        return ""
    try:
        check(Arguments(algorithm, parameters, context, FeedbackProgress(QgsProcessingFeedback(False)), None))
    except ParameterMissing as error:
        return "" if unfinished else str(error)
    except ScarpError as error:
        return str(error)
    except ImportError:
        # A check that needs the core's libraries is made when the step runs, where they are.
        return ""
    return ""


def _with_labels(text: str, algorithm: QgsProcessingAlgorithm) -> str:
    """Return a message in which parameters are called as in the dialog, not as in commands."""
    labels = {item.name(): item.description() for item in algorithm.parameterDefinitions()}
    for name, label in labels.items():
        text = text.replace(f"{name} ({label})", f"“{label}”")
    # Chinese sets no blanks around a name, so that a word boundary would not do.
    names = "|".join(sorted(map(re.escape, labels), key=len, reverse=True))
    return re.sub(rf"(?<![A-Za-z0-9_“])({names})(?![A-Za-z0-9_”])", lambda match: f"“{labels[match[1]]}”", text)
