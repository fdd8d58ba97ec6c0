"""How a help text ends: what a parameter is when it is not given; and the help that a graphical model's file keeps."""

from __future__ import annotations

import re

from qgis.core import NULL, QgsProcessingParameterDefinition

from ..model.training.presets import PAPER, RECOMMENDED, in_words, preset_value
from ..translation import tr

_DEFAULT = re.compile(r" Default: (?P<value>\S.*)\.$")
_PRESET = re.compile(r" When not given: (?P<usual>\S+?)(?:, or (?P<paper>\S+) with PRESET=paper)?\.$")
"""The endings as English models have them. That they agree with the texts below is tested."""


def default_in_words(definition: QgsProcessingParameterDefinition) -> str:
    """Return `` Default: VALUE.`` for the help, as one would type it; empty when there is none."""
    value = definition.defaultValue()
    if definition.isDestination() or value is None or value == NULL:
        return ""
    if isinstance(value, bool):
        return _default("yes" if value else "no")
    if isinstance(value, (list, tuple)):
        return _default(",".join(str(cell) for cell in value))
    return _default(f"{value:g}" if isinstance(value, float) else str(value))


def preset_in_words(name: str) -> str:
    """Return what a training setting is when it is not given, under each preset, as a closing sentence.

    Args:
        name: of a setting that the presets govern.
    """
    usual, paper = (in_words(preset_value(preset, name)) for preset in (RECOMMENDED, PAPER))
    return _preset(usual, None if usual == paper else paper)


def in_language(text: str) -> str:
    """Return an English help text of a graphical model in the language of QGIS.

    It was copied from an algorithm's parameter with its ending, which is not part of the text that is translated.
    """
    body, value, usual, paper = split(text)
    return tr(body) + (_preset(usual, paper) if usual else "") + (_default(value) if value else "")


def split(text: str) -> tuple[str, str | None, str | None, str | None]:
    """Return an English help text without its ending, then default value, usual value and the paper's, or None."""
    default = _DEFAULT.search(text)
    text = text[:default.start()] if default else text
    preset = _PRESET.search(text)
    text = text[:preset.start()] if preset else text
    return (text, default["value"] if default else None, preset["usual"] if preset else None,
            preset["paper"] if preset else None)


def _default(value: str) -> str:
    words = {"yes": tr("yes"), "no": tr("no")}
    return tr(" Default: {value}.").format(value=words.get(value, value))


def _preset(usual: str, paper: str | None) -> str:
    if paper is None:
        return tr(" When not given: {usual}.").format(usual=usual)
    return tr(" When not given: {usual}, or {paper} with PRESET=paper.").format(usual=usual, paper=paper)
