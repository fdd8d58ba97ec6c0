"""The inputs of a recorded run, found again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Container

from ..model.errors import InputMissing, ParameterInvalid
from ..model.progress import Progress
from ..model.provenance.call import Call
from ..translation import tr
from .recorded_values import SELECTED, SOURCE, TEMPORARY, given_back


def replacements(text: str, call: Call, without: Container[str]) -> dict[str, str]:
    """Read the lines ``NAME=value`` of REPLACE.

    Args:
        text: lines, or parts with semicolons between them.
        call: the recorded run.
        without: names that cannot be set.

    Raises:
        ParameterInvalid: a line is no such pair, or names no parameter of the run.
    """
    found = {}
    for line in text.replace(";", "\n").splitlines():
        if not line.strip():
            continue
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or name not in call.parameters or name in without:
            names = ", ".join(name for name in call.parameters if name not in without)
            raise ParameterInvalid(tr('REPLACE has the line "{line}", which should be NAME=path with one of these '
                                      "names: {names}.").format(line=line.strip(), names=names))
        found[name] = value
    return found


def inputs_of(call: Call, replaced: dict[str, str], progress: Progress) -> dict[str, Any]:
    """Return the recorded parameters as Processing takes them, with files found where they lie now.

    Args:
        call: the recorded run.
        replaced: what the user names instead, by parameter.
        progress: hears of files that were found elsewhere.

    Raises:
        InputMissing: an input cannot be had again; all of them are named.
    """
    found, gone = {}, []
    for name, value in call.parameters.items():
        if name in replaced:
            found[name] = replaced[name]
            continue
        problem = _problem(name, value)
        if problem:
            gone.append(problem)
        elif isinstance(value, list) and call.files.get(name):
            found[name] = [_found(name, one, call, progress, gone) for one in value]
        elif value is not None:
            found[name] = given_back(_found(name, value, call, progress, gone))
    if gone:
        raise InputMissing(tr("The run cannot be repeated as it was. {problems} Save or find these, and name them in "
                              "REPLACE.").format(problems=" ".join(gone)))
    return found


def _problem(name: str, value: Any) -> str:
    """Return why a recorded value cannot be had again, empty when it can."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and TEMPORARY in one:
            return tr('{name} was the temporary layer "{layer}", which no file holds.').format(
                name=name, layer=one[TEMPORARY])
        if isinstance(one, dict) and one.get(SELECTED):
            return tr("{name} was the selected features of {layer} alone, and which ones is not recorded.").format(
                name=name, layer=one.get(SOURCE))
    return ""


def _found(name: str, value: Any, call: Call, progress: Progress, gone: list[str]) -> Any:
    """Return a value with the path in it as it is now; a file that is gone may lie beside the record."""
    source = value.get(SOURCE) if isinstance(value, dict) else value
    known = {one.source for one in call.files.get(name, [])}
    if not isinstance(source, str) or not known:
        return value
    for path in sorted(known, key=len, reverse=True):
        if os.path.exists(path) or path not in source:
            continue
        beside = Path(call.record).parent / Path(path.replace("\\", "/")).name
        if not beside.is_file():
            gone.append(tr("{name}: {path} does not exist any more.").format(name=name, path=path))
            continue
        progress.report(0.0, tr("{name}: {path} is gone; {beside} is taken in its place.").format(
            name=name, path=path, beside=beside))
        source = source.replace(path, str(beside))
    return {**value, SOURCE: source} if isinstance(value, dict) else source
