"""JSON from untrusted sources, read so that no text can hang the reader or exhaust its memory."""

from __future__ import annotations

import collections
import json
import os
import re
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 64 * 1024 * 1024  # of a file; the longest run records, of stacks with thousands of inputs, have some MB
MAX_DEPTH = 60  # levels of lists and tables; Scarp itself writes at most ten. Python's own limit depends on who calls
MAX_DIGITS = 40  # of a whole number. Reading takes time by the square of it, and no number here needs more than 19
_LONG_NUMBER = re.compile(rf"[0-9]{{{MAX_DIGITS + 1}}}")
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def parse_json(text: str | bytes, nan: bool = True) -> Any:
    """Return the value of a JSON text; with ``nan`` also ``NaN`` and ``Infinity``, which JSON does not define.

    Raises ValueError if it is no JSON, has a duplicate key, is nested too deeply, or contains a lone surrogate or a
    whole number of very many digits.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    hooks: dict[str, Any] = {} if nan else {"parse_constant": _reject_constant}
    if _LONG_NUMBER.search(text):
        hooks["parse_int"] = _bounded_int
    try:
        content = json.loads(text, object_pairs_hook=_unique_keys, **hooks)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # Both walks cost more than the parsing, and hardly any text needs them.
    if text.count("[") + text.count("{") > MAX_DEPTH and _nesting_depth(content) > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if _LONE_SURROGATE.search(text) and not all(map(_is_encodable, _iter_strings(content))):
        raise ValueError("it contains a lone surrogate")
    return content


def read_json(path: str | os.PathLike, nan: bool = True) -> Any:
    """Return the value of a JSON file; raises OSError or ValueError, also for more than :data:`MAX_BYTES` bytes."""
    with open(path, "rb") as stream:
        # Limited while reading, so that an endless device is not read to its end.
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES:,} bytes")
    return parse_json(content.removeprefix(b"\xef\xbb\xbf"), nan)


def is_text(value: Any, max_length: int) -> bool:
    """Whether a value is a text of at most ``max_length`` characters that can be encoded in UTF-8."""
    return isinstance(value, str) and len(value) <= max_length and _is_encodable(value)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers might each use another of the duplicates.
    content = dict(pairs)
    if len(content) < len(pairs):
        counts = collections.Counter(name for name, _ in pairs)
        duplicate = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"it has {duplicate[:40]!r} twice")
    return content


def _nesting_depth(content: Any) -> int:
    depth, level = 0, [content]
    while level and depth <= MAX_DEPTH:
        level = [item for value in level for item in _children(value)]
        depth += 1
    return depth


def _iter_strings(content: Any) -> Iterator[str]:
    rest = [content]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            yield value
        rest.extend(_children(value))


def _children(value: Any) -> list[Any]:
    return [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of {len(digits):,} digits")
    return int(digits)


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")
