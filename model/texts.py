"""Texts as people write them in layers: class labels, marks for no value, wrong encodings; and lists of them."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

MAX_LISTED = 8  # values that a message lists
MAX_LENGTH = 60  # characters of a value in a message
REPLACEMENT = "\ufffd"
"""What stands for bytes that are no text in the encoding in which they were read: proof of a wrong encoding."""

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
_WIDTHS = ("<wide>", "<narrow>", "<noBreak>")
_NO_VALUE = frozenset(
    "null|<null>|(null)|n/a|#n/a|n.a.|nan|none|nodata|no data|no_data|no-data|-|--|---|\u2013|\u2014|"
    "-9999|-999|-99999|-32768|无数据|缺失|缺测".split("|")
)
_DATE = re.compile(
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?:[T ].*)?|\d{1,2}([-/.])\d{1,2}\2\d{4}|\d{4}年\d{1,2}月(?:\d{1,2}日)?"
)


def shorten(value: object, most: int = MAX_LENGTH) -> str:
    """Return a value as text of at most so many characters, without line breaks."""
    text = " ".join(str(value)[: 10 * most].split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def join_names(names: Sequence[object], most: int = MAX_LISTED) -> str:
    """Return names as a list in a sentence; of a long list only the head, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(shorten, names[:most])) + more


def clean_label(text: str) -> str:
    """Return a label with single blanks, in Unicode form NFC, with full-width letters as usual ones.

    What remains different is a different label: superscripts stay, for they tell geological units apart.
    """
    if not text.isascii():
        wide = (unicodedata.decomposition(letter).startswith(_WIDTHS) for letter in text)
        text = "".join(unicodedata.normalize("NFKC", one) if is_wide else one for one, is_wide in zip(text, wide))
        text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    return " ".join(text.split())


def is_no_value(text: str) -> bool:
    """Whether a label stands for no value, such as NULL, N/A or a dash; "Na" is a label."""
    return text in ("NA", "na") or text.casefold() in _NO_VALUE


def alike_labels(labels: Iterable[str]) -> list[list[str]]:
    """Return the groups of labels that differ only in case, blanks or Unicode form, each in alphabetical order."""
    groups = defaultdict(set)
    for label in labels:
        groups[clean_label(label).casefold().replace(" ", "")].add(label)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def describe_alike(groups: Sequence[Sequence[str]]) -> str:
    """Return groups of :func:`alike_labels` as a list in a sentence."""
    return join_names([" / ".join(f'"{shorten(label, 40)}"' for label in group[:4]) for group in groups], 6)


def is_date(text: str) -> bool:
    """Whether a text is a date in one of the common forms."""
    return _DATE.fullmatch(text) is not None


def looks_misread(text: str) -> bool:
    """Whether a text looks like one that was read in another encoding than it was written in.

    UTF-8 that was read as Latin-1 or Windows-1252 ("Ã¼" for "ü") is still valid UTF-8 when turned back, which a real
    text in that alphabet hardly ever is. Chinese or Cyrillic that was read so has letters beyond ASCII only.
    """
    if text.isascii() or REPLACEMENT in text:
        return False
    try:
        content = b"".join(_single_byte(letter) for letter in text)
    except UnicodeEncodeError:
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        letters = [letter for letter in text if ord(letter) >= 0xA1]
        return len(letters) >= 4 and not any(letter.isascii() and letter.isalpha() for letter in text)
    return True


def _single_byte(letter: str) -> bytes:
    return letter.encode("latin-1" if ord(letter) < 0x100 else "cp1252")


def misread_warning(where: str, texts: Iterable[str]) -> str:
    """Return a warning about texts that look misread, empty if none does; ``where`` begins the sentence."""
    found = sorted({text for text in texts if looks_misread(text)})
    if not found:
        return ""
    return (
        f"{where} looks as if it were read in a wrong encoding: {join_names(found)}. If so, set the encoding under "
        "Layer Properties > Source > Data source encoding, or put a .cpg file beside the layer's file."
    )
