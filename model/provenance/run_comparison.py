"""A run compared with its repetition: inputs, outputs cell by cell and row by row, numbers, and the environment."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from ..artifact import load_model, network_tensors
from ..errors import InputCorrupt
from ..grid import Grid
from ..inputs.rasters import open_raster, read_window
from ..outputs.run_record import sha256
from ..progress import Progress, SubProgress
from .records import RecordedFile, RecordedRun


@dataclass(frozen=True)
class Difference:
    """The result of a comparison."""

    same: bool | None  # None when nothing was compared
    text: str  # what differs, or why nothing was compared


SAME_BYTES = Difference(True, "identical to the byte")
_MAX_ROWS = 3  # rows that are listed


def compare_tables(earlier: str | os.PathLike, repeated: str | os.PathLike) -> Difference:
    """Return which rows of two CSV tables differ; raises ``InputCorrupt`` if one of them cannot be read."""
    before, after = _read_csv(earlier), _read_csv(repeated)
    missing: list[str] = []
    pairs = enumerate(zip_longest(before, after, fillvalue=missing))
    differing = [(number, first, second) for number, (first, second) in pairs if first != second]
    if not differing:
        return Difference(True, "the same in every row")
    text = ""
    if len(before) != len(after):
        text = f"{max(len(before) - 1, 0):,} rows then, {max(len(after) - 1, 0):,} now; "
    header = before[0] if before else []
    shown = "; ".join(_describe_row(*row, header) for row in differing[:_MAX_ROWS])
    more = f"; and {len(differing) - _MAX_ROWS:,} more" if len(differing) > _MAX_ROWS else ""
    return Difference(False, f"{text}{len(differing):,} rows differ: {shown}{more}")


def _read_csv(path: str | os.PathLike) -> list[list[str]]:
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
        f"{header[index] if index < len(header) else index + 1}: {first} then, {second} now"
        for index, (first, second) in enumerate(zip_longest(before, after, fillvalue=""))
        if first != second
    ]
    return f"row {number} ({', '.join(cells[:2])}{', …' if len(cells) > 2 else ''})"


def compare_model_files(earlier: str | os.PathLike, repeated: str | os.PathLike) -> Difference:
    """Return how far the weights of two models are apart, and which parts of their headers differ.

    Raises:
        InputMissing, ModelFileInvalid: one of them cannot be read.
    """
    first, second = load_model(earlier), load_model(repeated)
    before, after = network_tensors(first.network), network_tensors(second.network)
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in (before, after)]
    if first.kind != second.kind or shapes[0] != shapes[1]:
        return Difference(False, f"another network: {first.kind} then, {second.kind} now, of other shapes")
    changes = [np.abs(before[name].astype(np.float64) - after[name].astype(np.float64)) for name in before]
    largest = max((float(change.max(initial=0.0)) for change in changes), default=0.0)
    # Versions are compared with the environment. NaN differs from itself, but its text does not.
    compared = [item.name for item in dataclasses.fields(first) if item.name not in ("versions", "network")]
    parts = [name for name in compared if repr(getattr(first, name)) != repr(getattr(second, name))]
    if largest == 0 and not parts:
        return Difference(True, "the same weights and description; only versions of libraries differ")
    text = f"weights differ by {largest:.3g} at most" if largest else "the same weights"
    if parts:
        text += f"; other {', '.join(parts)}"
    return Difference(largest == 0 and set(parts) <= {"training"}, text)


@dataclass
class _BandDifference:
    cells: int = 0  # that differ in value
    largest: float = 0.0  # difference of two values
    nodata_mismatch: int = 0  # cells with data in only one of the two

    def add(self, before: np.ndarray, after: np.ndarray) -> None:
        """Compare the cells of a block."""
        has_data, still = ~np.isnan(before), ~np.isnan(after)
        self.nodata_mismatch += int(np.count_nonzero(has_data != still))
        both = has_data & still
        first, second = before[both].astype(np.float64), after[both].astype(np.float64)
        # Equal infinities do not differ, though their difference is NaN.
        differ = first != second
        self.cells += int(np.count_nonzero(differ))
        if differ.any():
            self.largest = max(self.largest, float(np.abs(first[differ] - second[differ]).max()))

    def describe(self, name: str) -> str:
        parts = []
        if self.cells:
            parts.append(f"{self.cells:,} cells differ, by {self.largest:.3g} at most")
        if self.nodata_mismatch:
            parts.append(f"{self.nodata_mismatch:,} cells have data in one of the two only")
        return f"{name}: {', '.join(parts)}" if parts else ""


def compare_rasters(earlier: str | os.PathLike, repeated: str | os.PathLike, progress: Progress) -> Difference:
    """Return where two rasters differ, window by window, whatever their storage.

    Raises:
        InputMissing, InputCorrupt: one of them cannot be read.
    """
    with open_raster(earlier, "earlier") as first, open_raster(repeated, "repeated") as second:
        if first.count != second.count:
            return Difference(False, f"{first.count} bands then, {second.count} now")
        grid, other = Grid.from_dataset(first, "earlier"), Grid.from_dataset(second, "repeated")
        same_place = first.transform.almost_equals(second.transform) and first.crs == second.crs
        if first.shape != second.shape or not same_place:
            return Difference(False, f"another grid: {_describe_grid(grid)} then, {_describe_grid(other)} now")
        bands = [_BandDifference() for _ in first.indexes]
        for block in grid.blocks_with_progress(progress):
            window = block.row, block.column, block.height, block.width
            for band, before, after in zip(bands, read_window(first, *window), read_window(second, *window)):
                band.add(before, after)
        names = [name or f"band {number}" for number, name in enumerate(first.descriptions, 1)]
        before, after = first.tags(), second.tags()
    differing = [text for name, band in zip(names, bands) if (text := band.describe(name))]
    if differing:
        return Difference(False, "; ".join(differing))
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    how = f"other metadata: {', '.join(changed)}" if changed else "stored in another way"
    return Difference(True, f"the same in every cell; {how}")


def _describe_grid(grid: Grid) -> str:
    left, _, _, top = grid.bounds
    return f"{grid.width:,} × {grid.height:,} cells from {left:.10g}, {top:.10g}"


INPUT, OUTPUT, NUMBER, ENVIRONMENT = "input", "output", "number", "ran on"
COLUMNS = ("part", "name", "same", "what", "then", "now")


@dataclass(frozen=True)
class ComparisonLine:
    """One compared thing."""

    part: str  # INPUT, OUTPUT, NUMBER or ENVIRONMENT
    name: str
    difference: Difference
    then: str = ""
    now: str = ""

    @property
    def row(self) -> tuple[Any, ...]:
        """The line for a table."""
        same = {True: "yes", False: "no", None: "not compared"}[self.difference.same]
        return self.part, self.name, same, self.difference.text, self.then, self.now


def compare_recorded_runs(
    earlier: RecordedRun, repeated: RecordedRun, paths: Mapping[str, tuple[str, str]], progress: Progress
) -> list[ComparisonLine]:
    """Compare two runs of the same algorithm.

    Args:
        paths: of the output files, earlier and repeated, by name; files of a folder are named ``OUTPUT/file``.
    """
    lines = _compare_inputs(earlier, repeated)
    for number, (name, (before, after)) in enumerate(paths.items()):
        part = SubProgress(progress, number / len(paths), (number + 1) / len(paths))
        if name in earlier.written_layers and not _is_report(after):
            difference = _compare_layers(earlier.written_layers[name], repeated.written_layers.get(name))
        else:
            by_source = (one for one in earlier.output_files.values() if one.source == before)
            recorded = earlier.output_files.get(name) or next(by_source, None)
            difference = _compare_files(recorded.sha256 if recorded else "", before, after, part)
        lines.append(ComparisonLine(OUTPUT, name, difference, before, after))
    for name, layer in earlier.written_layers.items():
        if name not in paths:
            difference = _compare_layers(layer, repeated.written_layers.get(name))
            lines.append(ComparisonLine(OUTPUT, name, difference, earlier.outputs.get(name, "")))
    for name, value in earlier.numbers.items():
        other = repeated.numbers.get(name)
        difference = _compare_numbers(value, other)
        lines.append(ComparisonLine(NUMBER, name, difference, _format(value), _format(other)))
    for name in dict.fromkeys([*earlier.environment, *repeated.environment]):
        before, after = earlier.environment.get(name, ""), repeated.environment.get(name, "")
        difference = Difference(before == after, "the same" if before == after else "another")
        lines.append(ComparisonLine(ENVIRONMENT, name, difference, before, after))
    return lines


def _compare_inputs(earlier: RecordedRun, repeated: RecordedRun) -> list[ComparisonLine]:
    lines = []
    for name in dict.fromkeys([*earlier.files, *earlier.layers]):
        before, after = earlier.files.get(name, []), repeated.files.get(name, [])
        if name in earlier.layers:
            difference = _compare_layers(earlier.layers[name], repeated.layers.get(name))
        elif not before or not all(one.sha256 for one in before):
            difference = Difference(None, "its checksum was not recorded")
        elif [one.sha256 for one in before] == [one.sha256 for one in after]:
            difference = SAME_BYTES
        else:
            difference = Difference(False, "changed since the run")
        lines.append(ComparisonLine(INPUT, name, difference, _sources(before), _sources(after)))
    return lines


def _compare_layers(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Difference:
    if after is None:
        return Difference(None, "not there now")
    count = before.get("features")
    if before.get("content_sha256") == after.get("content_sha256"):
        return Difference(True, f"the same {count} features")
    if count != after.get("features"):
        return Difference(False, f"{count} features then, {after.get('features')} now")
    return Difference(False, f"{count} features, of which some lie elsewhere or have other values")


def _is_report(path: str) -> bool:
    return Path(path).suffix.lower() in (".html", ".pdf")


def _compare_files(recorded_sha256: str, before: str, after: str, progress: Progress) -> Difference:
    if _is_report(after):
        return Difference(None, "made again; a report states times and paths, so it is not compared")
    if not os.path.isfile(after):
        return Difference(False, "was not made now")
    if recorded_sha256 == sha256(after):
        return SAME_BYTES
    if not os.path.isfile(before):
        if recorded_sha256:
            return Difference(False, "differs; the earlier file is gone, so it is not known in what")
        return Difference(None, "the earlier file is gone")
    # Of two files that differ in storage only, the content counts.
    difference = _compare_contents(before, after, progress)
    if recorded_sha256 and sha256(before) != recorded_sha256:
        text = f"the earlier file has been changed since it was made; as it is now: {difference.text}"
        return Difference(difference.same, text)
    return difference


def _compare_contents(before: str, after: str, progress: Progress) -> Difference:
    suffix = Path(after).suffix.lower()
    if suffix in (".tif", ".tiff"):
        return compare_rasters(before, after, progress)
    if suffix == ".csv":
        return compare_tables(before, after)
    if suffix == ".safetensors":
        return compare_model_files(before, after)
    if sha256(before) == sha256(after):
        return SAME_BYTES
    return Difference(None, "differs in bytes; files of this kind are not compared further")


def _compare_numbers(before: Any, after: Any) -> Difference:
    # NaN differs from itself, but its text does not.
    if before == after or repr(before) == repr(after):
        return Difference(True, "the same")
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        return Difference(False, f"differs by {abs(after - before):.3g}")
    return Difference(False, "another")


def _format(value: Any) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def _sources(files: list[RecordedFile]) -> str:
    return "; ".join(one.source for one in files)
