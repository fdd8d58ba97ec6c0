"""Which field of a layer a parameter probably means, by its name in English or Chinese."""

from __future__ import annotations

import re
import unicodedata
from typing import Sequence

KINDS_OF_TERRAIN = ("landform", "terrain", "topography", "geomorphology", "地貌", "地形")

KEYWORDS: dict[str, tuple[str, ...]] = {
    "SCALE_FIELD": ("scale", "size", "magnitude", "规模", "滑坡规模", "灾害规模", "等级", "级别"),
    "LITHOLOGY_FIELD": ("lithology", "rock", "rock type", "litho", "lith", "formation", "岩性", "岩石", "岩组", "地层"),
    "LANDFORM_FIELD": KINDS_OF_TERRAIN,
    "TOPOGRAPHY_FIELD": KINDS_OF_TERRAIN,
    "SEISMIC_FIELD": ("intensity", "seismic", "pga", "earthquake", "烈度", "地震", "峰值加速度"),
    "REGION_FIELD": ("region name", "name", "region", "district", "county", "province", "名称", "区域", "地区", "分区",
                     "区", "县", "市"),
    "ALPHA_FIELD": ("alpha", "α"),
    "BETA_FIELD": ("beta", "β"),
    "RAINY_DAYS_FIELD": ("rainy days", "rain days", "wet days", "days", "雨日", "降雨日数", "降水日数", "雨天"),
    "PRECIPITATION_FIELD": ("precipitation", "rainfall", "precip", "rain", "prec", "mm", "降水", "降雨", "雨量"),
    "TEMPERATURE_FIELD": ("temperature", "temp", "tmean", "气温", "温度"),
}
"""By parameter, the words that its field is likely to be called by; the likeliest first."""

_SHORTEST_BEGINNING = 5
"""Letters from which a field counts as a cut-off word: Shapefiles keep ten."""


def likely_field(parameter: str, fields: Sequence[str]) -> str | None:
    """Return the field that a parameter probably means; None when none fits or several fit alike.

    A field that is called like a keyword goes before one that only has it as one of its words, and that before one in
    which the keyword is a part or cut off.

    Args:
        parameter: name of the field parameter, such as ``SCALE_FIELD``.
        fields: names of the fields of the layer.
    """
    words = {field: _words(field) for field in fields}
    for fits in (_is_called, _has_word, _has_part):
        for keyword in KEYWORDS.get(parameter, ()):
            found = [field for field in fields if fits(words[field], _words(keyword))]
            if found:
                return found[0] if len(found) == 1 else None
    return None


def likely_word(keywords: Sequence[str], name: str) -> bool:
    """Whether one of some keywords is among the words of a name; Chinese ones may be any part of it."""
    words = _words(name)
    return any(_has_word(words, _words(keyword)) or not keyword.isascii() and _has_part(words, _words(keyword))
               for keyword in keywords)


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case: ``RockType``, ``rock_type`` and ``ROCK TYPE`` are the same two."""
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return re.findall(r"[^\W\d_]+|\d+", text)


def _is_called(words: list[str], keyword: list[str]) -> bool:
    return "".join(words) == "".join(keyword)


def _has_word(words: list[str], keyword: list[str]) -> bool:
    return any(words[start:start + len(keyword)] == keyword for start in range(len(words)))


def _has_part(words: list[str], keyword: list[str]) -> bool:
    name, text = "".join(words), "".join(keyword)
    if not text.isascii():
        # Chinese has no blanks between words; a single sign is too little to go by.
        return len(text) > 1 and text in name
    begun = any(word.startswith(text) for word in words) and len(text) >= _SHORTEST_BEGINNING
    cut_off = len(name) >= _SHORTEST_BEGINNING and text.startswith(name)
    return begun or cut_off
