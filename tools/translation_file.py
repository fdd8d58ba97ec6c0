"""Qt Linguist files (.ts): read and written in Linguist's own form, so that a file saved there differs little."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

CONTEXT, CORE = "Scarp", "Scarp core"
"""Texts of the interface, which Qt looks up; and templates of the core's messages, see ``model/languages.py``."""
UNFINISHED, VANISHED = "unfinished", "vanished"
_QUOTES = {'"': "&quot;", "'": "&apos;"}


@dataclass(frozen=True)
class Message:
    """One text."""

    source: str
    """In English, as it stands in the code."""
    translation: str = ""
    state: str = UNFINISHED
    """Empty when finished; UNFINISHED, or VANISHED when the code no longer has the text."""
    places: str = ""
    """Where the text is shown, for the translator."""


def read(path: Path, context: str = CONTEXT) -> dict[str, Message]:
    """Return the messages of a context of a file by source; none when there is no such file.

    Raises:
        xml.etree.ElementTree.ParseError: the file is no XML.
    """
    if not path.is_file():
        return {}
    found = {}
    contexts = ElementTree.parse(path).getroot().iter("context")
    for element in (message for one in contexts if one.findtext("name") == context for message in one.iter("message")):
        translation = element.find("translation")
        state = "" if translation is None else translation.get("type", "")
        text = "" if translation is None else translation.text or ""
        message = Message(
            element.findtext("source", ""),
            text,
            VANISHED if state == "obsolete" else state or ("" if text else UNFINISHED),
            element.findtext("extracomment", ""),
        )
        found[message.source] = message
    return found


def merged(texts: Mapping[str, str], known: Mapping[str, Message], prune: bool = False) -> list[Message]:
    """Return the messages for the texts of today, with the translations that there are.

    Args:
        texts: places by text.
        known: messages of the file so far, by source.
        prune: drop those that vanished, instead of marking them.
    """
    messages = []
    for source, places in texts.items():
        old = known.get(source, Message(source))
        state = old.state if old.state != VANISHED else "" if old.translation else UNFINISHED
        messages.append(Message(source, old.translation, state, places))
    if not prune:
        messages += [
            Message(old.source, old.translation, VANISHED)
            for old in known.values()
            if old.source not in texts and old.translation
        ]
    return sorted(messages, key=lambda message: message.source)


def as_xml(contexts: Mapping[str, Iterable[Message]], language: str) -> str:
    """Return the whole file as text, from the messages of each context."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<!DOCTYPE TS>",
        f'<TS version="2.1" language="{language}" sourcelanguage="en">',
    ]
    for name, messages in contexts.items():
        lines += ["<context>", f"    <name>{name}</name>"]
        for message in messages:
            state = f' type="{message.state}"' if message.state else ""
            lines += ["    <message>", f"        <source>{_escaped(message.source)}</source>"]
            if message.places:
                lines.append(f"        <extracomment>{_escaped(message.places)}</extracomment>")
            lines += [f"        <translation{state}>{_escaped(message.translation)}</translation>", "    </message>"]
        lines.append("</context>")
    return "\n".join([*lines, "</TS>", ""])


def _escaped(text: str) -> str:
    return escape(text, _QUOTES)
