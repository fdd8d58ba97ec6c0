"""Names of parameters in messages.

Messages name parameters as scripts do, such as BLOCK or PRESET=paper. Whoever shows a message to people who work with
dialogs puts the labels there in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from .languages import translated

_labels: ContextVar[Mapping[str, str]] = ContextVar("labels")
_USUAL_WORDS = frozenset({"DEM"})  # names that are words of the texts as well


@contextmanager
def labels_of_run(labels: Mapping[str, str]) -> Iterator[None]:
    """Have reports that are written meanwhile use the labels of parameters, by name."""
    token = _labels.set(labels)
    try:
        yield
    finally:
        _labels.reset(token)


def for_report(text: str) -> str:
    """Return a text of a report in the language of the run, with the labels of its parameters."""
    return with_labels(translated(text), _labels.get({}))


def title_for_report(name: str) -> str:
    """Return a parameter's label and name; the name alone where no label is known."""
    label = _labels.get({}).get(name, "")
    return f"{label} [{name}]" if label else name


def with_labels(text: str, labels: Mapping[str, str], words: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return a message with labels in the place of names: “Block (m)” for BLOCK, “Preset” = paper for PRESET=paper.

    What stands in straight quotes, such as the name of a layer, and paths stay as they are. ``words`` has what dialogs
    show for the choices of a parameter.
    """
    if not labels or not any(name in text for name in labels):
        return text

    def replaced(found: re.Match[str]) -> str:
        name = found["name"]
        label = labels.get(name) if name else None
        if label is None or (name in _USUAL_WORDS and not found["own"]):
            return found[0]
        value = found["value"]
        return f"“{label}”" + (f" = {(words or {}).get(name, {}).get(value, value)}" if value else "")

    return _pattern(tuple(labels.items())).sub(replaced, text)


@lru_cache(64)
def _pattern(labels: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    # Chinese sets no spaces around a name, so \b would not do.
    before, after = r"(?<![A-Za-z0-9_“/\\.:-])", r"(?![A-Za-z0-9_”/\\]|\.[A-Za-z0-9]|-[a-z])"
    names = "|".join(re.escape(name) for name, _ in sorted(labels, key=lambda item: -len(item[0])))
    own = "|".join({re.escape(label) for _, label in labels})
    rest = rf"(?P<own> \((?:{own})\))?(?:=(?P<value>\w+))?"
    return re.compile(rf'"[^"\n]*"|{before}(?P<name>{names}){after}{rest}')
