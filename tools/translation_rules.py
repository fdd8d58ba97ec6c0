"""What a translation must share with its English text: all that users type, click or compare."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

EXACT = tuple(
    (what, re.compile(pattern, re.ASCII))
    for what, pattern in (
        ("placeholders", r"\{\w*(?::[^{}]*)?\}"),
        ("values in straight quotes", r'"\{n?\d+\}"'),
        ("tags", r"</?\w+[^<>]*>|&\w+;"),
        ("links", r"\w+://[^\s\"<>]+[\w/]"),
        ("file filters", r"\(\*[^()]*\)$"),
        ("file endings", r"(?<![\w/])\*?\.[a-z]\w*(?:\.[a-z]\w*)*"),
        ("file names", r"[\w/]+\.(?:md|csv|json|txt|html|py|tif)\b"),
        ("numbers", r"(?<![\w.])\d+(?:[.,]\d+)*"),
        ("words with underscores", r"\b[A-Za-z]+(?:_[A-Za-z0-9]+)+\b"),
    )
)
"""Kinds of parts that must be the same, and equally often; Chinese characters are no part of a word here."""
_CHOICE = re.compile(r"(?:^|(?<=[.:;] ))([a-z][a-z0-9_]+)(?=: )")
"""A choice that is explained: ``hinge: below the …``."""
_NAME = re.compile(r"\b[A-Z][A-Z0-9_]+\b", re.ASCII)
_QUOTED = re.compile('"([^"]+)"')
_MENU = re.compile(r"> Scarp > ([^.…]+…?)")
"""An entry of Scarp's menu that a text sends the user to."""


@dataclass(frozen=True)
class House:
    """What the interface itself calls things."""

    parameters: frozenset[str]
    """Names of all parameters and outputs, such as LAMBDA."""
    choices: frozenset[str]
    """Words of all enumerations, such as hinge."""
    titles: frozenset[str]
    """Titles of all algorithms and models, in English."""

    def of_core(self) -> House:
        """Return that for messages of the core, where AUC and DEM are words, and no choice is explained."""
        return replace(self, parameters=self.parameters - {"AUC", "DEM"}, choices=frozenset())


def faults(source: str, translation: str, house: House, translations: Mapping[str, str]) -> list[str]:
    """Return in words what is wrong with one translation.

    Args:
        source: the English text.
        translation: of it, finished.
        house: names of the interface.
        translations: all finished translations by source, to find the titles in.
    """
    found = []
    for what, pattern in EXACT:
        found += _differences(what, pattern.findall(source), pattern.findall(translation))
    found += _differences(
        "parameter names",
        *([name for name in _NAME.findall(text) if name in house.parameters] for text in (source, translation)),
    )
    found += [
        f"the choice {word} must stay as it is"
        for word in sorted(set(_CHOICE.findall(source)) & house.choices)
        if not re.search(rf"\b{word}\b", translation, re.ASCII)
    ]
    titles = set(_QUOTED.findall(source)) & house.titles | set(_MENU.findall(source)) & set(translations)
    for title in sorted(titles):
        if translations.get(title, title) not in translation:
            found.append(f'"{title}" is called "{translations.get(title, title)}" elsewhere')
    if source.count("\n") != translation.count("\n"):
        found.append("the number of paragraphs differs")
    # Texts that are put one after the other: languages that write without spaces end in a mark of their own.
    if source[0].isspace() and translation[0].isascii() and not translation[0].isspace():
        found.append("the English text begins with a space")
    if source[-1].isspace() and translation[-1].isascii() and not translation[-1].isspace():
        found.append("the English text ends with a space")
    if ". " not in source and source.endswith("…") != translation.endswith("…"):
        found.append("an ellipsis at the end, which means that a dialog opens, must be in both or in none")
    return found


def _differences(what: str, wanted: Iterable[str], given: Iterable[str]) -> list[str]:
    lacking, surplus = Counter(wanted) - Counter(given), Counter(given) - Counter(wanted)
    found = []
    if lacking:
        found.append(f"{what} lacking: {', '.join(sorted(lacking.elements()))}")
    if surplus:
        found.append(f"{what} not in the English text: {', '.join(sorted(surplus.elements()))}")
    return found
