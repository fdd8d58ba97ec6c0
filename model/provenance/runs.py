"""A run and its repetition, side by side: what went in, what came out, and on what they ran."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from ..files import sha256
from ..progress import Part, Progress
from .call import Call, File
from .difference import SAME_BYTES, Difference
from .rasters import compare_rasters
from .tables import compare_tables

INPUT, OUTPUT, NUMBER, ON = "input", "output", "number", "ran on"
COLUMNS = ("part", "name", "same", "what", "then", "now")

_RASTERS, _MODEL, _TABLE = (".tif", ".tiff"), ".safetensors", ".csv"
_REPORTS = (".html", ".pdf")


@dataclass(frozen=True)
class Line:
    """One thing that was compared."""

    part: str
    """``input``, ``output``, ``number`` or ``ran on``."""
    name: str
    found: Difference
    then: str = ""
    now: str = ""

    @property
    def row(self) -> tuple[Any, ...]:
        """The line for a table."""
        same = {True: "yes", False: "no", None: "not compared"}[self.found.same]
        return self.part, self.name, same, self.found.text, self.then, self.now


def compare_calls(then: Call, now: Call, paths: Mapping[str, tuple[str, str]], progress: Progress) -> list[Line]:
    """Compare two runs of the same algorithm.

    Args:
        then: the earlier one.
        now: the later one.
        paths: of the output files, then and now, by name; files of a folder are named ``OUTPUT/file``.
        progress: 0 to 1.
    """
    lines = _inputs(then, now)
    for number, (name, (before, after)) in enumerate(paths.items()):
        part = Part(progress, number / len(paths), (number + 1) / len(paths))
        made = then.made.get(name) or next((one for one in then.made.values() if one.source == before), None)
        lines.append(Line(OUTPUT, name, _files(then, now, name, made, before, after, part), before, after))
    lines += [Line(OUTPUT, name, _contents(then.written[name], now.written.get(name)), then.outputs.get(name, ""))
              for name in then.written if name not in paths]
    for name, value in then.numbers.items():
        lines.append(Line(NUMBER, name, _values(value, now.numbers.get(name)), _shown(value),
                          _shown(now.numbers.get(name))))
    for name in dict.fromkeys([*then.surroundings, *now.surroundings]):
        before, after = then.surroundings.get(name, ""), now.surroundings.get(name, "")
        lines.append(Line(ON, name, Difference(before == after, "the same" if before == after else "another"), before,
                          after))
    return lines


def _inputs(then: Call, now: Call) -> list[Line]:
    lines = []
    for name in dict.fromkeys([*then.files, *then.layers]):
        before, after = then.files.get(name, []), now.files.get(name, [])
        if name in then.layers:
            found = _contents(then.layers[name], now.layers.get(name))
        elif not before or not all(one.sha256 for one in before):
            found = Difference(None, "its checksum was not recorded")
        elif [one.sha256 for one in before] == [one.sha256 for one in after]:
            found = SAME_BYTES
        else:
            found = Difference(False, "changed since the run")
        lines.append(Line(INPUT, name, found, _sources(before), _sources(after)))
    return lines


def _contents(then: Mapping[str, Any], now: Mapping[str, Any] | None) -> Difference:
    """Compare what was read of, or written to, two vector layers."""
    if now is None:
        return Difference(None, "not there now")
    if then.get("content_sha256") == now.get("content_sha256"):
        return Difference(True, f"the same {then.get('features')} features")
    if then.get("features") != now.get("features"):
        return Difference(False, f"{then.get('features')} features then, {now.get('features')} now")
    return Difference(False, f"{then.get('features')} features, of which some lie elsewhere or have other values")


def _files(then: Call, now: Call, name: str, made: File | None, before: str, after: str, progress: Progress
           ) -> Difference:
    if Path(after).suffix.lower() in _REPORTS:
        return Difference(None, "made again; a report states times and paths, so it is not compared")
    if name in then.written:
        return _contents(then.written[name], now.written.get(name))
    if not os.path.isfile(after):
        return Difference(False, "was not made now")
    fresh = sha256(after)
    if made is not None and made.sha256 == fresh:
        return SAME_BYTES
    if not os.path.isfile(before):
        return Difference(False if made is not None and made.sha256 else None,
                          "differs; the earlier file is gone, so it is not known in what"
                          if made is not None and made.sha256 else "the earlier file is gone")
    # Of two files that differ in storage only, the content counts.
    changed = made is not None and made.sha256 and sha256(before) != made.sha256
    found = _content(before, after, progress)
    if changed:
        return Difference(found.same,
                          f"the earlier file has been changed since it was made; as it is now: {found.text}")
    return found


def _content(before: str, after: str, progress: Progress) -> Difference:
    suffix = Path(after).suffix.lower()
    if suffix in _RASTERS:
        return compare_rasters(before, after, progress)
    if suffix == _TABLE:
        return compare_tables(before, after)
    if suffix == _MODEL:
        # Only here: most runs make no model, and the library of networks takes seconds to load.
        from .models import compare_models

        return compare_models(before, after)
    if sha256(before) == sha256(after):
        return SAME_BYTES
    return Difference(None, "differs in bytes; files of this kind are not compared further")


def _values(then: Any, now: Any) -> Difference:
    if then == now or (_is_nan(then) and _is_nan(now)):
        return Difference(True, "the same")
    if isinstance(then, (int, float)) and isinstance(now, (int, float)):
        return Difference(False, f"differs by {abs(now - then):.3g}")
    return Difference(False, "another")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def _sources(files: list[File]) -> str:
    return "; ".join(one.source for one in files)
