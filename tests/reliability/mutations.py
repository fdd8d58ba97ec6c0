"""Ways to damage a file: bytes without regard to what they mean, and JSON with malice.

Every input is drawn from a generator of its own, seeded by the campaign's seed and the input's number, so that one that
did harm can be made again by its number.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any, Callable

BYTES = (0x00, 0x01, 0x22, 0x2C, 0x2F, 0x5B, 0x5C, 0x7B, 0x7D, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)
NUMBERS = (
    *(0, 1, 2, 7, 8, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32),
    *(2**53, 2**63 - 1, 2**63, 2**64 - 1),
)
LONG = "A" * 5000
TEXTS = (
    *("", " ", "\x00", "\n", LONG, "../../../../etc/passwd", "/dev/zero", "/proc/self/mem", "C:\\CON"),
    *("\\\\host\\share", "file:///etc/passwd", "|layername=x", "'; DROP TABLE x; --", "<script>alert(1)</script>"),
    *("]]>", "{{7*7}}", "${7*7}", "%s%s%n", "__class__", "__reduce__", "os.system", "\u202e\u2066", "\u0000\uffff"),
    *("e\u0301", "滑坡", "😀", "１２", "٣", "NaN", "inf", "-0", "0x10", "1e999", "1_000", "=1+1"),
    *("unet", "forest", "tables", "linear", "categorical", "continuous", "scarp", "scarp:classifyzones"),
    *("true", "null"),
)
WHOLE = (
    *(0, 1, -1, 2, 3, 5, 64, 127, 255, 256, 1000, 4096, 65535, 65536, 2**31, -(2**31), 2**32),
    *(2**53 + 1, 2**63, 2**64, 10**30, 10**400),
)
REAL = (0.0, -0.0, 0.5, -1.5, 1e-320, 1e-30, 1e30, 3.5e38, -3.5e38, 1e300, 1.7e308)


class Raw:
    """A piece of JSON text that no value stands for."""

    def __init__(self, text: str) -> None:
        self.text = text


class Twice(dict):
    """A table of which one name comes twice, the second time with another value."""

    def __init__(self, content: dict, name: Any, other: Any) -> None:
        super().__init__(content)
        self.name, self.other = name, other


RAW = tuple(
    Raw(text)
    for text in (
        *("NaN", "-Infinity", "1e999", "9" * 6000, '"\\ud800"', '"\\udfff\\ud800"', "[" * 2000 + "]" * 2000),
        *('{"a":' * 1500 + "1" + "}" * 1500, "[" * 100 + "1" + "]" * 100, "[" * 950 + "1" + "]" * 950, "[" * 50000),
        *("0" * 50, "-", "tru", '"\\u12"', '"\t"'),
    )
)


def dumps(value: Any) -> str:
    """Return the JSON of a tree that may hold :class:`Raw` and :class:`Twice`."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        parts = [f"{json.dumps(str(name))}:{dumps(item)}" for name, item in value.items()]
        if isinstance(value, Twice):
            parts.append(f"{json.dumps(str(value.name))}:{dumps(value.other)}")
        return "{" + ",".join(parts) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def parts_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the tensors of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def packed(header: str, data: bytes) -> bytes:
    text = header.encode("utf-8", "replace")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


class Mutator:
    def __init__(self, seed: int, number: int) -> None:
        self.random = random.Random(f"{seed}/{number}")

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self.random.choice(choices)

    def broken_bytes(self, content: bytes, others: Sequence[bytes] = ()) -> bytes:
        """Return bytes after one to six damages."""
        damages: list[Callable[[bytearray], None]] = [
            *(self._flip, self._set, self._cut, self._insert, self._delete, self._copy, self._length, self._number)
        ]
        result = bytearray(content)
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            if others and self.random.random() < 0.1:
                self._splice(result, self.one_of(others))
            else:
                self.one_of(damages)(result)
        return bytes(result)

    def broken_json(self, tree: Any, texts: bool = True) -> str:
        """Return the JSON of a tree after one to four changes of its structure, some also broken as a text."""
        tree = [copy.deepcopy(tree)]
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            self._change(tree)
        text = dumps(tree[0])
        if texts and self.random.random() < 0.1:
            text = self.broken_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
        return text

    def value(self, level: int = 0) -> Any:
        """Return any value, hostile ones more often than not."""
        kind = self.one_of((TEXTS, WHOLE, REAL, (None,), (True, False), RAW, list, dict, *((list, dict) * (level < 3))))
        if not isinstance(kind, type):
            return self.one_of(kind)
        inner = [self.value(level + 1) for _ in range(self.random.randrange(4))] if level < 3 else []
        return inner if kind is list else {self.one_of(TEXTS): value for value in inner}

    def _change(self, tree: list) -> None:
        places = list(_places(tree))
        holder, key = self.one_of(places)
        action = self.random.randrange(9)
        value = holder[key]
        if action == 0 and isinstance(value, (dict, list)) and value:
            del value[self.one_of(list(value) if isinstance(value, dict) else range(len(value)))]
        elif action == 1 and isinstance(value, dict):
            value[self.one_of(TEXTS)] = self.value()
        elif action == 2 and isinstance(value, dict) and value:
            name = self.one_of(list(value))
            holder[key] = Twice(value, name, self.one_of((value[name], self.value())))
        elif action == 3 and isinstance(value, list):
            value[:] = self.one_of((value * 2, value[::-1], [*value, self.value()], value * 50))
        elif action == 4 and isinstance(value, (int, float)):
            numbers = value + 1, value - 1, -value, value * 2, value // 2
            holder[key] = self.one_of((*numbers, Raw(f"{value}.0"), Raw("-0.0")))
        elif action == 5:
            other, name = self.one_of(places)
            # A tree that holds itself has no text.
            if not _holds(value, other) and not _holds(other[name], holder):
                holder[key], other[name] = other[name], value
        elif action == 6 and isinstance(value, str):
            holder[key] = self.one_of((value + self.one_of(TEXTS), value.upper(), value[:-1], value * 3, [value]))
        elif action == 7:
            holder[key] = [value] if self.random.random() < 0.5 else {"a": value}
        else:
            holder[key] = self.value()

    def _place(self, content: bytearray, size: int = 1) -> int:
        # Heads decide most, and are a small part of most files.
        reach = min(len(content), self.one_of((16, 400, len(content), len(content))))
        return self.random.randrange(max(reach - size + 1, 1))

    def _flip(self, content: bytearray) -> None:
        if content:
            content[self._place(content)] ^= 1 << self.random.randrange(8)

    def _set(self, content: bytearray) -> None:
        if content:
            content[self._place(content)] = self.one_of(BYTES)

    def _cut(self, content: bytearray) -> None:
        del content[self.random.randrange(len(content) + 1) :]

    def _insert(self, content: bytearray) -> None:
        place = self._place(content)
        content[place:place] = bytes(self.one_of(BYTES) for _ in range(self.one_of((1, 2, 8, 64))))

    def _delete(self, content: bytearray) -> None:
        place = self._place(content)
        del content[place : place + self.one_of((1, 2, 8, 64))]

    def _copy(self, content: bytearray) -> None:
        place, target = self._place(content), self._place(content)
        content[target:target] = content[place : place + self.one_of((4, 32, 256))]

    def _length(self, content: bytearray) -> None:
        content[:8] = self.one_of(NUMBERS).to_bytes(8, "little")

    def _number(self, content: bytearray) -> None:
        size = self.one_of((2, 4, 8))
        place = self._place(content, size)
        number = self.one_of(NUMBERS) % 256**size
        content[place : place + size] = number.to_bytes(size, self.one_of(("little", "big")))

    def _splice(self, content: bytearray, other: bytes) -> None:
        first, second = self.random.randrange(len(content) + 1), self.random.randrange(len(other) + 1)
        content[first:] = other[second:]


def _places(tree: Any):
    """Give all places of a tree, as who holds it and under which key."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def _holds(tree: Any, wanted: Any) -> bool:
    if tree is wanted:
        return True
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return any(_holds(item, wanted) for item in items)
