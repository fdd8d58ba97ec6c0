"""Messages of the core in another language.

The core speaks English, in logs, records, tags and between its parts, so that these are the same everywhere. Whoever
shows a message to people translates it then, from a catalogue of templates: ``The {1} raster {2} does not exist.`` has
holes for texts, ``{n1} cells`` for numbers (docs/translating.md). What no template fits stays English.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "translations"
HOLE = re.compile(r"\{(n?)(\d+)\}")
MOST_CLAUSES = 16
"""Clauses or sentences, one after the other, that are compared with one template."""
MOST_LEVELS = 4
"""Messages in the hole of a message, and so on."""
MOST_PARTS = 400
"""Parts of a text that are looked at; the longest messages have some fifty."""
FEW_LETTERS = 8
"""A template with fewer, such as ``{1} of {2}``, fits names as well: see :meth:`Catalogue._fitted`."""
LONG_NAME = 80
"""Characters that a hole of such a template holds at most."""
LONGEST = 6000
"""Characters of a text that is translated; a longer one is no message."""
_NUMBER = re.compile(r"[-+−]?(?:\d+(?:[.,]\d+)*(?:e[+-]?\d+)?|nan|inf)%?")
_NUMBER_AT_END = re.compile(rf"(?<![\w.,]){_NUMBER.pattern}\Z")
_VALUE_AT_END = re.compile(rf" {_NUMBER.pattern}(?: %)?\Z")
_PLAIN_NUMBER = re.compile(r"(?<![\w.,/\\+−-])\d+(?:[.,]\d+)*(?![\w/\\]|[.,]\d)")
_STANDIN, _STOOD_IN = "{:04d}73519462".format, re.compile("([0-9]{4})73519462")
_WORD = re.compile(r"(?<![A-Za-z\0])[A-Za-z]+(?![A-Za-z\0])")
_BETWEEN_CLAUSES = re.compile(r"(\n\s*|(?<=[.!?:;,…])\s+|\s(?=\()|\s[+–]\s|\sand\s)")
_SENTENCE_END = re.compile(r"[.!?:;]\s|\n")
_NO_WORDS = re.compile(rf'"[^"]*"|\S*[/\\]\S*|\S+\.[a-z]\w+|{_NUMBER.pattern}|[^\w\s]')
_MARKS = {".": "。", ",": "，", ";": "；", ":": "："}
_ALL_MARKS = {*_MARKS, *_MARKS.values()}
_WIDE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
_WIDE_MARK = re.compile("[\u3000-\u303f\uff00-\uffef…”]")


class _Template:
    """One message and its translation, both without the mark at the end."""

    def __init__(self, source: str, translation: str) -> None:
        self.source, self.translation = _key(source), translation
        parts = HOLE.split(self.source)
        self.literals, kinds, self.names = parts[::3], parts[1::3], [a + b for a, b in zip(parts[1::3], parts[2::3])]
        self.letters, self.size = _letters("".join(self.literals)), _size("".join(self.literals))
        self.words = frozenset(_words(HOLE.sub("\0", source)))
        # Holes that touch share a part of the text.
        self._groups: list[tuple[list[str], str]] = []
        for kind, literal in zip(kinds, self.literals[1:]):
            if self._groups and not self._groups[-1][1]:
                self._groups[-1] = ([*self._groups[-1][0], kind], literal)
            else:
                self._groups.append(([kind], literal))

    def values(self, text: str) -> list[str] | None:
        """Return what the holes hold in a text, None if it is no such message; in time proportional to the text."""
        if not (_key(text) if self.literals[0] else text).startswith(self.literals[0]):
            return None
        values: list[str] = []
        position = len(self.literals[0])
        for kinds, literal in self._groups[:-1]:
            end = _end(text, position, kinds, literal)
            held = _split(text[position:end], kinds) if end >= 0 else None
            if held is None:
                return None
            values += held
            position = end + len(literal)
        kinds, literal = self._groups[-1]
        end = len(text) - len(literal)
        held = _split(text[position:end], kinds) if position <= end and text.endswith(literal) else None
        return None if held is None else values + held

    def holds_name(self, number: int) -> bool:
        """Whether a hole stands in straight quotes, as names do."""
        return self.literals[number].endswith('"') and self.literals[number + 1].startswith('"')


def _end(text: str, start: int, kinds: Sequence[str], literal: str) -> int:
    """Return where some holes end and the literal after them begins; -1 for nowhere."""
    if kinds == ["n"]:
        found = _NUMBER.match(text, start)
        end = found.end() - (literal[0] == "%" and found[0][-1] == "%") if found else -1
        return end if end >= 0 and text.startswith(literal, end) else -1
    end = text.find(literal, start)
    # The point in a path or a number ends no sentence.
    while end >= 0 and literal[-1] == "." and not text[end + len(literal) :][:1].isspace():
        end = text.find(literal, end + 1)
    return end


def _split(text: str, kinds: Sequence[str]) -> list[str] | None:
    """Return what each of some holes that touch holds; None if a number is none."""
    empty = [""] * (len(kinds) - 2)
    if len(kinds) == 1:
        return [text] if kinds[0] != "n" or _NUMBER.fullmatch(text) else None
    if kinds[0] == "n" and (found := _NUMBER.match(text)):
        return [found[0], text[found.end() :], *empty]
    if kinds[-1] == "n" and (found := _NUMBER_AT_END.search(text)):
        return [text[: found.start()], *empty, found[0]]
    return None if "n" in kinds else [text, "", *empty]


@dataclass(frozen=True)
class _Found:
    """A translation of a part of a text."""

    text: str
    replaced: int = 0  # characters of the English text that templates state
    messages: int = 0  # templates used

    @property
    def worth(self) -> tuple[int, int]:
        """What is compared: much replaced by few templates."""
        return self.replaced, -self.messages

    def within(self, template: str, replaced: int, messages: int) -> _Found:
        """Return this with more around it."""
        return _Found(template, self.replaced + replaced, self.messages + messages)


_Memo = dict[str, _Found]


class Catalogue:
    """The messages of one language."""

    def __init__(self, messages: Iterable[tuple[str, str]]) -> None:
        """Read pairs of an English template and its translation."""
        self._constants: dict[str, str] = {}
        self._by_word: dict[str, list[_Template]] = defaultdict(list)
        pairs = [(source.strip(), translation.strip()) for source, translation in messages]
        # Marks at the end are added to what is found: full-width ones in a language that uses them.
        wide = any(translation.endswith("。") for _, translation in pairs)
        self._marks = _MARKS if wide else {mark: mark for mark in _MARKS}
        self._brackets = "（）" if wide else "()"
        self._and = next((text for source, text in pairs if source == "and"), " and ")
        pairs = [(_without_mark(source)[0], _without_mark(translation)[0]) for source, translation in pairs]
        self._constants = {source: translation for source, translation in pairs if not HOLE.search(source)}
        self._constants = {**{_key(source): text for source, text in self._constants.items()}, **self._constants}
        templates = [_Template(*pair) for pair in pairs if HOLE.search(pair[0])]
        count = Counter(word for template in templates for word in template.words)
        for template in templates:
            # A text is compared with the templates whose rarest word it has.
            self._by_word[min(template.words, key=lambda word: (count[word], word), default="")].append(template)
        self._stated = {number for source, _ in pairs for number in _PLAIN_NUMBER.findall(HOLE.sub("", source))}
        self._of_shape = lru_cache(4096)(self._translated)

    def translate(self, text: str) -> str:
        """Return a text with all messages in it translated, the rest as it is."""
        if len(text) > LONGEST:
            return text
        # Lines of a log that differ in their numbers alone are translated once, with others in their place.
        numbers = [found[0] for found in _PLAIN_NUMBER.finditer(text) if found[0] not in self._stated]
        if len(numbers) > 9999 or _STOOD_IN.search(text):
            return self._translated(text)
        waiting = iter(range(len(numbers)))
        shape = _PLAIN_NUMBER.sub(lambda found: found[0] if found[0] in self._stated else _STANDIN(next(waiting)), text)
        return _STOOD_IN.sub(lambda found: numbers[int(found[1])], self._of_shape(shape))

    def _translated(self, text: str) -> str:
        return self._text(text, MOST_LEVELS, {}).text

    def _text(self, text: str, levels: int, memo: _Memo) -> _Found:
        """Return the translation of a text: cut into messages in the way that leaves the least of it in English."""
        core = text.strip()
        if not core or not levels or len(memo) > MOST_PARTS:
            return _Found(text)
        if text not in memo:
            lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
            whole = self._message(core, levels, memo)
            if whole is None or whole.replaced < _size(core):
                whole = max(filter(None, (whole, self._clauses(core, levels, memo))), key=lambda found: found.worth)
            if whole.messages and _WIDE_MARK.match(whole.text) and not lead.strip(" "):
                lead = ""
            memo[text] = whole.within(lead + whole.text + tail, 0, 0)
        return memo[text]

    def _clauses(self, text: str, levels: int, memo: _Memo) -> _Found:
        """Return the translation of clauses that follow each other; several may be one message."""
        parts = _BETWEEN_CLAUSES.split(text)
        clauses, gaps = parts[::2], ["", *parts[1::2]]
        best = [_Found("")]
        for end in range(1, len(clauses) + 1):
            ways, joined = [], ""
            for start in range(end - 1, max(0, end - MOST_CLAUSES) - 1, -1):
                joined = clauses[start] + (gaps[start + 1] + joined if joined else "")
                found = self._message(joined, levels, memo)
                if found is None and start == end - 1:
                    found = _Found(joined)
                if found is not None:
                    before = best[start]
                    both = before.messages and found.messages
                    shown = _joined(
                        before.text, self._and if both and gaps[start] == " and " else gaps[start], found.text
                    )
                    ways.append(before.within(shown, found.replaced, found.messages))
            best.append(max(ways, key=lambda found: found.worth))
        return best[-1]

    def _message(self, text: str, levels: int, memo: _Memo) -> _Found | None:
        """Return the translation of what one template fits as a whole; None where none does."""
        body, end = _without_mark(text)
        mark = self._marks.get(end, end)
        constant = self._constants.get(body) or self._constants.get(_key(body))
        if constant is not None:
            return _Found(constant + mark, _size(text), 1)
        if body.startswith("(") and body.endswith(")"):
            inside = self._text(body[1:-1], levels - 1, memo)
            return inside.within(inside.text.join(self._brackets) + mark, 2 + len(end), 0) if inside.messages else None
        if ending := _VALUE_AT_END.search(body):
            before = self._constants.get(body[: ending.start()]) or self._constants.get(_key(body[: ending.start()]))
            if before is not None:
                return _Found(before + ending[0] + mark, _size(text[: ending.start()]), 1)
        words = {*_words(body), ""}
        candidates = [one for word in words for one in self._by_word.get(word, ()) if one.words <= words]
        fitted = (self._fitted(one, body, levels, memo) for one in candidates)
        found = max(filter(None, fitted), key=lambda one: one.worth, default=None)
        if found is not None:
            return found.within(found.text + mark, len(end), 0)
        # The mark may belong to a template that ends with a hole, which is empty here.
        closed = (self._fitted(one, text, levels, memo) for one in candidates if end and not one.literals[-1])
        return max(filter(None, closed), key=lambda one: one.worth, default=None)

    def _fitted(self, template: _Template, text: str, levels: int, memo: _Memo) -> _Found | None:
        """Return the translation by one template; None if it does not fit."""
        values = template.values(text)
        few = template.letters < FEW_LETTERS
        if values is None or (few and any(len(value) > LONG_NAME or _SENTENCE_END.search(value) for value in values)):
            return None
        found, shown = _Found("", template.size, 1), {}
        for number, (name, value) in enumerate(zip(template.names, values)):
            is_name = template.holds_name(number) or name.startswith("n")
            held = _Found(value) if is_name else self._text(value, levels - 1, memo)
            # "{1} of {2}" must not turn "Bay of Bengal" round.
            if few and not is_name and held.replaced < _size(_NO_WORDS.sub("", value)):
                return None
            shown[name] = held.text
            found = found.within("", held.replaced, held.messages)
        return found.within(_filled(template.translation, shown), 0, 0)


def _key(text: str) -> str:
    """Return a text of several words with a small letter at its beginning, in which messages may differ."""
    begins_sentence = text[:1].isascii() and text[1:2] in " abcdefghijklmnopqrstuvwxyz" and " " in text
    return text[:1].lower() + text[1:] if begins_sentence else text


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _size(text: str) -> int:
    return len("".join(text.split()))


def _without_mark(text: str) -> tuple[str, str]:
    """Return a text without the mark at its end, and that mark."""
    return (text[:-1], text[-1]) if text[-1:] in _ALL_MARKS and text[-2:] != ".." else (text, "")


def _joined(before: str, gap: str, after: str) -> str:
    """Return two parts of a text with what stood between them; full-width marks need no blank."""
    is_wide = _WIDE_MARK.match(before[-1:]) or _WIDE_MARK.match(after[:1])
    return before + ("" if is_wide and "\n" not in gap else gap) + after


def _filled(translation: str, values: dict[str, str]) -> str:
    """Return a translation with its holes filled, without blanks between two full-width characters."""
    result = ""
    parts = HOLE.split(translation)
    for literal, kind, number in zip(parts[::3], [*parts[1::3], None], [*parts[2::3], None]):
        if result and literal.startswith(" ") and _WIDE.match(literal[1:]) and _WIDE.match(result[-1]):
            literal = literal[1:]
        result += literal
        if number is not None:
            value = values[f"{kind}{number}"]
            if result.endswith(" ") and _WIDE.match(value) and _WIDE.match(result[-2:-1]):
                result = result[:-1]
            if _WIDE_MARK.match(result[-1:]):
                value = value.lstrip(" ")
            result += value
    return result


@lru_cache
def catalogue(language: str) -> Catalogue | None:
    """Return the messages in a language, such as ``zh``; None for English or a language without a file."""
    path = FOLDER / f"scarp_{language}.messages"
    if not language.isidentifier() or not path.is_file():
        return None
    return Catalogue(map(tuple, json.loads(path.read_text(encoding="utf-8"))))


_language: ContextVar[str] = ContextVar("language", default="")


@contextmanager
def language_of_run(language: str) -> Iterator[None]:
    """Have reports that are written meanwhile use a language; empty for English."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def current_language() -> str:
    """Return the language of the run's reports; empty for English."""
    return _language.get() if catalogue(_language.get()) is not None else ""


def translated(text: str) -> str:
    """Return a text of a report in the language of the run."""
    messages = catalogue(_language.get())
    return text if messages is None else messages.translate(text)
