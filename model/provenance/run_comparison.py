"""What comparing two things gave: a verdict, and a sentence for people.
Two tables row by row.
Two trained models: their weights, and what their headers say.
Two rasters cell by cell.
A run and its repetition, side by side: what went in, what came out, and on what they ran.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from ..artifact import load_model, network_tensors
from ..errors import InputCorrupt
from ..grid import Grid
from ..inputs.rasters import open_raster, read_window
from ..outputs.atomic import sha256
from ..progress import Progress, SubProgress, stop_if_cancelled
from .call import RecordedFile, RecordedRun


@dataclass(frozen=True)
class Difference:
    """Of two files, numbers or texts."""

    same: bool | None
    """``None`` when they were not compared."""
    text: str
    """What differs, or why nothing was compared."""


SAME_BYTES = Difference(True, "identical to the byte")


_SHOWN = 3
"""Rows that are named."""


def compare_tables(then: str | os.PathLike, now: str | os.PathLike) -> Difference:
    """Return which rows of two CSV tables differ.

    Raises:
        InputCorrupt: one of them cannot be read.
    """
    before, after = _rows(then), _rows(now)
    differing = [
        (number, first, second) for number, (first, second) in enumerate(zip_longest(before, after)) if first != second
    ]
    if not differing:
        return Difference(True, "the same in every row")
    if len(before) != len(after):
        lines = f"{max(len(before) - 1, 0):,} rows then, {max(len(after) - 1, 0):,} now; "
    else:
        lines = ""
    header = before[0] if before else []
    shown = "; ".join(
        _describe_row(number, first or [], second or [], header) for number, first, second in differing[:_SHOWN]
    )
    more = f"; and {len(differing) - _SHOWN:,} more" if len(differing) > _SHOWN else ""
    return Difference(False, f"{lines}{len(differing):,} rows differ: {shown}{more}")


def _rows(path: str | os.PathLike) -> list[list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            return list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputCorrupt(f"The table {path} cannot be read: {error}. Make it again.") from error


def _describe_row(number: int, before: list[str], after: list[str], header: list[str]) -> str:
    if number == 0:
        return "other columns"
    if not before or not after:
        return f"row {number} is {'new' if after else 'gone'}"
    cells = [
        f"{header[place] if place < len(header) else place + 1}: {first} then, {second} now"
        for place, (first, second) in enumerate(zip_longest(before, after, fillvalue=""))
        if first != second
    ]
    return f"row {number} ({', '.join(cells[:2])}{', …' if len(cells) > 2 else ''})"


_COMPARED_ELSEWHERE = {"versions"}
"""What is compared elsewhere."""


def compare_model_files(then: str | os.PathLike, now: str | os.PathLike) -> Difference:
    """Return how far the weights of two models are apart, and which parts of their headers differ.

    Raises:
        InputMissing, ModelFileInvalid: one of them cannot be read.
    """
    first, second = load_model(then), load_model(now)
    before, after = network_tensors(first.network), network_tensors(second.network)
    if first.kind != second.kind or {name: one.shape for name, one in before.items()} != {
        name: one.shape for name, one in after.items()
    }:
        return Difference(False, f"another network: {first.kind} then, {second.kind} now, of other shapes")
    largest = max(
        (
            float(np.abs(before[name].astype(np.float64) - after[name].astype(np.float64)).max(initial=0.0))
            for name in before
        ),
        default=0.0,
    )
    excluded = _COMPARED_ELSEWHERE | {"network", "device", "dtype"}
    compared = [name for name in vars(first) if not name.startswith("_") and name not in excluded]
    parts = [name for name in compared if _plain(getattr(first, name)) != _plain(getattr(second, name))]
    if largest == 0 and not parts:
        return Difference(True, "the same weights and description; only versions of libraries differ")
    return Difference(
        largest == 0 and set(parts) <= {"training"},
        "; ".join(
            [
                f"weights differ by {largest:.3g} at most" if largest else "the same weights",
                *([f"other {', '.join(parts)}"] if parts else []),
            ]
        ),
    )


def _plain(value: Any) -> Any:
    # NaN differs from itself, and stands for the same missing number.
    return repr(value)


@dataclass
class _Band:
    cells: int = 0
    """Cells that differ in value."""
    largest: float = 0.0
    """Largest difference of two values."""
    nodata_mismatch: int = 0
    """Cells with data in one of the two only."""

    @property
    def same(self) -> bool:
        return not self.cells and not self.nodata_mismatch


def compare_rasters(then: str | os.PathLike, now: str | os.PathLike, progress: Progress) -> Difference:
    """Return where two rasters differ, by windows, whatever their storage.

    Args:
        then: the earlier one.
        now: the later one.
        progress: asked whether to stop.

    Raises:
        InputMissing, InputCorrupt: one of them cannot be read.
    """
    with open_raster(then, "earlier") as first, open_raster(now, "repeated") as second:
        if first.count != second.count:
            return Difference(False, f"{first.count} bands then, {second.count} now")
        grid, other = Grid.of(first, "earlier"), Grid.of(second, "repeated")
        if (
            first.shape != second.shape
            or not first.transform.almost_equals(second.transform)
            or first.crs != second.crs
        ):
            return Difference(False, f"another grid: {_shape(grid)} then, {_shape(other)} now")
        bands = [_Band() for _ in first.indexes]
        total = grid.block_count()
        for done, block in enumerate(grid.blocks(), 1):
            stop_if_cancelled(progress)
            place = block.row, block.column, block.height, block.width
            for band, before, after in zip(bands, read_window(first, *place), read_window(second, *place)):
                _add(band, before, after)
            progress.report(done / total)
        if all(band.same for band in bands):
            return Difference(True, "the same in every cell" + _described(first, second))
        return Difference(
            False,
            "; ".join(_describe_band(number, band, first) for number, band in enumerate(bands, 1) if not band.same),
        )


def _add(band: _Band, before: np.ndarray, after: np.ndarray) -> None:
    data, again = ~np.isnan(before), ~np.isnan(after)
    band.nodata_mismatch += int(np.count_nonzero(data != again))
    both = data & again
    first, second = before[both].astype(np.float64), after[both].astype(np.float64)
    # Equal infinities differ by nothing, though their difference is no number.
    differ = first != second
    band.cells += int(np.count_nonzero(differ))
    if differ.any():
        band.largest = max(band.largest, float(np.abs(first[differ] - second[differ]).max()))


def _describe_band(number: int, band: _Band, dataset: rasterio.DatasetReader) -> str:
    name = dataset.descriptions[number - 1] or f"band {number}"
    parts = []
    if band.cells:
        parts.append(f"{band.cells:,} cells differ, by {band.largest:.3g} at most")
    if band.nodata_mismatch:
        parts.append(f"{band.nodata_mismatch:,} cells have data in one of the two only")
    return f"{name}: {', '.join(parts)}"


def _described(first: rasterio.DatasetReader, second: rasterio.DatasetReader) -> str:
    before, after = first.tags(), second.tags()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return f"; other metadata: {', '.join(changed)}" if changed else "; stored in another way"


def _shape(grid: Grid) -> str:
    left, _, _, top = grid.bounds
    return f"{grid.width:,} × {grid.height:,} cells from {left:.10g}, {top:.10g}"


INPUT, OUTPUT, NUMBER, ENVIRONMENT = "input", "output", "number", "ran on"
COLUMNS = ("part", "name", "same", "what", "then", "now")

_RASTERS, _MODEL, _TABLE = (".tif", ".tiff"), ".safetensors", ".csv"
_REPORTS = (".html", ".pdf")


@dataclass(frozen=True)
class ComparisonLine:
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


def compare_recorded_runs(
    then: RecordedRun, now: RecordedRun, paths: Mapping[str, tuple[str, str]], progress: Progress
) -> list[ComparisonLine]:
    """Compare two runs of the same algorithm.

    Args:
        then: the earlier one.
        now: the later one.
        paths: of the output files, then and now, by name; files of a folder are named ``OUTPUT/file``.
        progress: 0 to 1.
    """
    lines = _inputs(then, now)
    for number, (name, (before, after)) in enumerate(paths.items()):
        part = SubProgress(progress, number / len(paths), (number + 1) / len(paths))
        made = then.made.get(name) or next((one for one in then.made.values() if one.source == before), None)
        lines.append(ComparisonLine(OUTPUT, name, _files(then, now, name, made, before, after, part), before, after))
    lines += [
        ComparisonLine(OUTPUT, name, _contents(then.written[name], now.written.get(name)), then.outputs.get(name, ""))
        for name in then.written
        if name not in paths
    ]
    for name, value in then.numbers.items():
        lines.append(
            ComparisonLine(
                NUMBER, name, _values(value, now.numbers.get(name)), _shown(value), _shown(now.numbers.get(name))
            )
        )
    for name in dict.fromkeys([*then.environment, *now.environment]):
        before, after = then.environment.get(name, ""), now.environment.get(name, "")
        lines.append(
            ComparisonLine(
                ENVIRONMENT,
                name,
                Difference(before == after, "the same" if before == after else "another"),
                before,
                after,
            )
        )
    return lines


def _inputs(then: RecordedRun, now: RecordedRun) -> list[ComparisonLine]:
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
        lines.append(ComparisonLine(INPUT, name, found, _sources(before), _sources(after)))
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


def _files(
    then: RecordedRun,
    now: RecordedRun,
    name: str,
    made: RecordedFile | None,
    before: str,
    after: str,
    progress: Progress,
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
        return Difference(
            False if made is not None and made.sha256 else None,
            "differs; the earlier file is gone, so it is not known in what"
            if made is not None and made.sha256
            else "the earlier file is gone",
        )
    # Of two files that differ in storage only, the content counts.
    changed = made is not None and made.sha256 and sha256(before) != made.sha256
    found = _content(before, after, progress)
    if changed:
        return Difference(
            found.same, f"the earlier file has been changed since it was made; as it is now: {found.text}"
        )
    return found


def _content(before: str, after: str, progress: Progress) -> Difference:
    suffix = Path(after).suffix.lower()
    if suffix in _RASTERS:
        return compare_rasters(before, after, progress)
    if suffix == _TABLE:
        return compare_tables(before, after)
    if suffix == _MODEL:
        # Only here: most runs make no model, and the library of networks takes seconds to load.

        return compare_model_files(before, after)
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


def _sources(files: list[RecordedFile]) -> str:
    return "; ".join(one.source for one in files)
