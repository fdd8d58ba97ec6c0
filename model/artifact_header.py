"""The JSON header of a model file: written canonically, and every value checked on reading."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from typing import Any

from .applicability.header import is_header
from .calibration import Calibration
from .encoding import CODES, ONE_HOT, Component, FactorSpec
from .errors import InputMissing, ModelFileInvalid
from .factors.definitions import CATEGORICAL, CONTINUOUS, MAX_CLASSES
from .safe_json import is_text, parse_json
from .training.settings import KINDS
from .uncertainty import MAX_FOLDS, DensityInterval

FORMAT = 4  # increased when older versions of Scarp can no longer read new files correctly
FORMAT_WITH_FOLDS = 3  # of files with networks of folds, an interval or an applicability index, and no components
FORMAT_WITH_CALIBRATION = 2  # of files with a calibration and no other optional field
FORMAT_WITHOUT_CALIBRATION = 1  # of files without one, which older versions read too
HEADER_KEY = "scarp"  # a single key, because the library writes several in no fixed order
MAX_HEADER_LENGTH = 16 * 1024 * 1024
MAX_FACTORS = 256
MAX_BANDS = 1024  # of an embedding
MAX_TEXT_LENGTH = 1000
_MAX_DEPTH = 8

_TABLES = ("architecture", "settings", "metrics", "training", "versions")
_FIELDS = {"format", "program", "kind", "encoding", "factors", "pixel_size", "seed", "history", *_TABLES}
_CALIBRATION = "calibration"  # field of calibrated models only
_OPTIONAL = {_CALIBRATION, "folds", "interval", "applicability"}  # fields of newer files, which may be missing
_FACTOR_FIELDS = ("name", "kind", "unit", "title", "classes", "mean", "std", "minimum", "maximum", "seen")


def write_header(content: Mapping[str, Any]) -> str:
    """Return the header as JSON; the same content gives the same text. NaN becomes null."""
    return json.dumps(_without_nan(content), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_header(text: str, source: str) -> dict[str, Any]:
    """Parse and check the header of the file ``source``; ``factors`` become :class:`FactorSpec` objects,
    ``calibration`` a :class:`Calibration` or ``None``, ``interval`` a :class:`DensityInterval` or ``None``, and
    ``folds`` is a list. ``applicability`` has the numbers of an applicability index, or is ``None``.

    Raises:
        ModelFileInvalid: anything is missing, of the wrong type or out of range, or of a newer format.
    """
    check = _Checker(source)
    if len(text) > MAX_HEADER_LENGTH:
        raise check.invalid("its header is too long")
    try:
        content = parse_json(text, nan=False)
    except ValueError as error:
        raise check.invalid(f"its header is no valid JSON ({error})") from error
    if not isinstance(content, dict) or content.get("program") != "scarp":
        raise check.invalid("it was not written by Scarp")
    if not _is_integer(content.get("format")) or content["format"] < 1:
        raise check.invalid("its format number is missing")
    if content["format"] > FORMAT:
        raise ModelFileInvalid(
            f"The model {source} was written by a newer version of Scarp (format {content['format']}, this version "
            f"reads up to {FORMAT}). Update the plugin."
        )
    allowed = {FORMAT_WITHOUT_CALIBRATION: set(), FORMAT_WITH_CALIBRATION: {_CALIBRATION}}
    optional = allowed.get(content["format"], _OPTIONAL)
    fields = _FIELDS | (optional if content["format"] == FORMAT_WITH_CALIBRATION else optional & set(content))
    if set(content) != fields:
        names = ", ".join(sorted(str(name)[:40] for name in set(content) ^ fields))
        raise check.invalid(f"fields of its header are missing or unknown: {names}")
    check.require(content["kind"] in KINDS, f"its kind {content['kind']!r:.60} is not known")
    check.require(content["encoding"] in (CODES, ONE_HOT), "its encoding is not known")
    check.require(_is_number(content["pixel_size"]) and 0 < content["pixel_size"] < 1e7, "its pixel size is wrong")
    check.require(_is_integer(content["seed"]) and 0 <= content["seed"] < 2**63, "its seed is wrong")
    for name in _TABLES:
        check.require(isinstance(content[name], dict), f"its {name} is no table")
        check.plain(content[name], name)
    if _CALIBRATION in content:
        check.require(Calibration.read(content[_CALIBRATION]) is not None, "its calibration is wrong")
    content[_CALIBRATION] = Calibration.read(content.get(_CALIBRATION))
    index = content.setdefault("applicability", None)
    check.require(index is None or is_header(index), "its applicability index is wrong")
    if "interval" in content:
        check.require(DensityInterval.read(content["interval"]) is not None, "its interval is wrong")
    content["interval"] = DensityInterval.read(content.get("interval"))
    folds = content.setdefault("folds", [])
    check.require(isinstance(folds, list) and len(folds) <= MAX_FOLDS, "its networks of folds are wrong")
    for architecture in folds:
        check.require(isinstance(architecture, dict), "its networks of folds are wrong")
        check.plain(architecture, "folds")
    history, factors = content["history"], content["factors"]
    check.require(isinstance(history, list) and len(history) <= 100000, "its history is wrong")
    for epoch in history:
        check.require(isinstance(epoch, dict) and len(epoch) <= 40, "its history is wrong")
        check.require(all(value is None or _is_number(value) for value in epoch.values()), "its history is wrong")
    fits = isinstance(factors, list) and 1 <= len(factors) <= MAX_FACTORS
    check.require(fits, f"it has no factors, or more than {MAX_FACTORS}")
    content["factors"] = [_read_factor(item, check, content["format"]) for item in factors]
    bands = {spec.component.bands for spec in content["factors"] if spec.component is not None}
    check.require(len(bands) <= 1, "its components are of several embeddings")
    unique = {spec.name for spec in content["factors"]}
    check.require(len(unique) == len(factors), "two of its factors have the same name")
    return content


def read_header_of_file(path: str | os.PathLike) -> dict[str, Any]:
    """Read and check the header of a model file, which begins with the length of a JSON text in 8 bytes, and the text.

    Raises:
        InputMissing: there is no such file.
        ModelFileInvalid: it is no Scarp model, damaged, or from a newer version.
    """
    check = _Checker(str(path))
    if not os.path.isfile(path):
        raise InputMissing(f"The model {path} does not exist. Check the path, or train one first.")
    try:
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            # In the outer text all quotes of the inner one are escaped.
            if length > 2 * MAX_HEADER_LENGTH:
                raise check.invalid("it does not begin as a model file does")
            outer = parse_json(stream.read(length))
    except (OSError, ValueError) as error:
        raise check.invalid(f"it cannot be read ({error})") from error
    inner = outer.get("__metadata__", {}) if isinstance(outer, dict) else {}
    text = inner.get(HEADER_KEY) if isinstance(inner, dict) else None
    if not isinstance(text, str):
        raise check.invalid("it was not written by Scarp")
    return read_header(text, str(path))


def factor_to_dict(spec: FactorSpec) -> dict[str, Any]:
    """Return a factor as plain values for the header."""
    classes = {str(code): label for code, label in sorted(spec.classes.items())}
    found = {**vars(spec), "classes": classes, "seen": list(spec.seen)}
    if found.pop("component") is not None:
        found["component"] = dataclasses.asdict(spec.component)  # type: ignore[arg-type]  # it is there
    return found


def is_storable(value: Any) -> bool:
    """Return whether a header may hold a value; see :meth:`_Checker.plain`."""
    try:
        _Checker("").plain(value, "")
    except ModelFileInvalid:
        return False
    return True


def _read_factor(item: Any, check: _Checker, version: int) -> FactorSpec:
    computed = isinstance(item, dict) and "component" in item and version > FORMAT_WITH_FOLDS
    fields = {*_FACTOR_FIELDS, *(("component",) if computed else ())}
    check.require(isinstance(item, dict) and set(item) == fields, "a factor lacks fields")
    for name in ("name", "kind", "unit", "title"):
        check.text(item[name], f"a factor's {name}")
    where = f'its factor "{item["name"][:60]}"'
    check.require(item["name"] != "", "a factor has no name")
    check.require(item["kind"] in (CONTINUOUS, CATEGORICAL), f"{where} is neither continuous nor categorical")
    for name in ("mean", "std", "minimum", "maximum"):
        check.require(_is_number(item[name]) and abs(item[name]) < 1e38, f"{where} has a wrong {name}")
    check.require(item["std"] >= 0 and item["minimum"] <= item["maximum"], f"{where} has a wrong range")
    classes, seen = item["classes"], item["seen"]
    trained = f"{where} has wrong trained classes"
    check.require(isinstance(classes, dict) and len(classes) <= 10000, f"{where} has a wrong class table")
    for code, label in classes.items():
        check.require(code.isascii() and code.isdigit() and len(code) <= 8, f"{where} has a wrong class code")
        check.text(label, f"a class of {where}")
    check.require(isinstance(seen, list) and len(seen) <= MAX_CLASSES, trained)
    check.require(all(_is_integer(code) and 0 <= code < 2**24 for code in seen), trained)
    check.require(all(a < b for a, b in zip(seen, seen[1:])), trained)
    check.require(bool(seen) == (item["kind"] == CATEGORICAL), trained)
    numbers = {name: float(item[name]) for name in ("mean", "std", "minimum", "maximum")}
    codes = {int(code): label for code, label in classes.items()}
    component = _read_component(item["component"], where, check) if computed else None
    check.require(component is None or item["kind"] == CONTINUOUS, f"{where} is a component of classes")
    return FactorSpec(**{**item, **numbers, "classes": codes, "seen": tuple(seen), "component": component})


def _read_component(item: Any, where: str, check: _Checker) -> Component:
    wrong = f"{where} has a wrong component"
    check.require(isinstance(item, dict) and set(item) == {"bands", "weights", "offset", "share"}, wrong)
    bands, weights = item["bands"], item["weights"]
    check.require(isinstance(bands, list) and 1 <= len(bands) <= MAX_BANDS, wrong)
    for name in bands:
        check.text(name, f"a band of {where}")
    check.require(len(set(bands)) == len(bands), wrong)
    check.require(isinstance(weights, list) and len(weights) == len(bands), wrong)
    check.require(all(_is_number(number) and abs(number) < 1e6 for number in (*weights, item["offset"])), wrong)
    check.require(_is_number(item["share"]) and 0 <= item["share"] <= 1, wrong)
    values = tuple(float(number) for number in weights)
    return Component(tuple(bands), values, float(item["offset"]), float(item["share"]))


def invalid_model(source: str | os.PathLike, what: str) -> ModelFileInvalid:
    """Return the error for a model file that cannot be used."""
    return ModelFileInvalid(
        f"The model {source} cannot be used: {what}. Choose a model file written by Scarp, or train it again."
    )


class _Checker:
    def __init__(self, source: str) -> None:
        self.source = source

    def invalid(self, what: str) -> ModelFileInvalid:
        return invalid_model(self.source, what)

    def require(self, condition: bool, what: str) -> None:
        if not condition:
            raise self.invalid(what)

    def text(self, value: Any, what: str) -> None:
        self.require(is_text(value, MAX_TEXT_LENGTH), f"{what} is no text, or too long")

    def plain(self, value: Any, what: str, level: int = 0) -> None:
        """Accept texts, finite numbers, booleans, None, and lists and tables of them, none too long or deep."""
        self.require(level <= _MAX_DEPTH, f"its {what} is nested too deeply")
        if isinstance(value, dict):
            for name, item in value.items():
                self.text(name, f"its {what}")
                self.plain(item, what, level + 1)
        elif isinstance(value, list):
            for item in value:
                self.plain(item, what, level + 1)
        elif isinstance(value, str):
            self.text(value, f"its {what}")
        else:
            self.require(value is None or isinstance(value, bool) or _is_number(value), f"its {what} is wrong")


def _is_number(value: Any) -> bool:
    # Comparisons with NaN are false.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
