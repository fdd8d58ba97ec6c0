"""Categorical factors from polygons or class rasters, with codes from 1 and a label for each code."""

from __future__ import annotations

import contextlib
import html
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from ..errors import FieldUnusable, LayerEmpty, NoOverlap, ParameterInvalid
from ..grid import Block, Grid
from ..inputs.bands import choose_band
from ..inputs.rasters import GDAL_ERRORS, open_raster, read_window
from ..inputs.undeclared_nodata import take_out_undeclared_nodata
from ..inputs.vectors import Polygons
from ..progress import Progress, stop_if_cancelled
from ..safe_json import parse_json
from ..texts import (
    REPLACEMENT,
    alike_labels,
    clean_label,
    describe_alike,
    is_date,
    is_no_value,
    join_names,
    misread_warning,
)
from ..virtual_rasters import raster_file, vrt_text
from .definitions import MAX_CLASS_CODE, MAX_CLASSES, FactorReader
from .polygons import PolygonBurner
from .source_rasters import SourceRaster, check_overlap, open_source, warped_view

ClassTable = Mapping[int, str]  # label by code
MIN_MEASURES, MEASURE_DIGITS = 20, 4
"""A field with so many different fractions, half of them with so many significant digits, holds a measure; peak ground
accelerations, which are classes of some maps, have fewer digits."""


def label_text(value: Any) -> str:
    """Return the label of an attribute value, whole numbers without decimals; empty for no value."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def assign_codes(labels: Iterable[str], known: ClassTable | None, factor: str, progress: Progress) -> dict[int, str]:
    """Return the class table of a factor: label by code.

    Args:
        labels: those of this area.
        known: class table of an earlier stack or model, whose codes are kept; ``None`` or empty for none.
        factor: its name, for messages.

    Returns:
        Codes from 1 in the order of the labels (numbers by size, other text by alphabet); with a known table its
        codes, and further labels after its last.
    """
    table = dict(known or {})
    new = sorted(set(labels) - set(table.values()), key=_label_sort_key)
    if known and new:
        progress.warn(
            f"{factor}: the classes {join_names(new)} are not in the earlier class table and get new codes. "
            "A model trained with that table has never seen them."
        )
    first = max(table, default=0) + 1
    table.update(enumerate(new, first))
    return table


def unify_labels(labels: Sequence[str], known: ClassTable | None, where: str, progress: Progress) -> list[str]:
    """Return labels as classes: one spelling for those that differ only in blanks or Unicode form, empty for no value.

    Labels that differ in case, or in whether there is a blank, remain classes of their own, with a warning; so do
    labels that look like text in a wrong encoding.

    Args:
        labels: one per feature or value; empty for none.
        known: class table of an earlier stack or model, whose spellings are kept.
        where: layer and role, at the beginning of a sentence.
    """
    earlier = set((known or {}).values())
    spelling = {clean_label(label): label for label in earlier}
    spellings: dict[str, set[str]] = {}
    marks: Counter[str] = Counter()
    result = []
    for label in labels:
        clean = clean_label(label)
        if is_no_value(clean):
            marks[label] += 1
            clean = ""
        if clean and label not in earlier:
            spellings.setdefault(clean, set()).add(label)
            clean = spelling.get(clean, clean)
        result.append(label if label in earlier and clean else clean)
    if marks:
        listed = join_names([f'"{label}" ({number})' for label, number in marks.items()])
        progress.warn(f"{where} has labels that stand for no value: {listed}. There is no data there.")
    merged = [sorted(group) for group in spellings.values() if len(group) > 1]
    if merged:
        progress.warn(
            f"{where} has labels that differ only in blanks or in the form of their letters: {describe_alike(merged)}. "
            "They are one class each."
        )
    present = set(result) - {""}
    alike = alike_labels(present)
    if alike:
        progress.warn(
            f"{where} has labels that differ only in case or blanks: {describe_alike(alike)}. They are classes of "
            "their own. If they mean the same, give them one spelling in the layer."
        )
    misread = misread_warning(where, present)
    if misread:
        progress.warn(misread)
    return result


def looks_measured(labels: Iterable[str]) -> bool:
    """Whether labels are so many different fractions that they are measured values rather than classes."""
    digits = [len(re.sub(r"^[-0.]*|\.", "", label)) for label in set(labels) if re.fullmatch(r"-?\d+[.,]\d+", label)]
    return len(digits) >= MIN_MEASURES and sum(number >= MEASURE_DIGITS for number in digits) * 2 >= len(digits)


def _label_sort_key(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


def _require_classes(labels: set[str], where: str) -> None:
    """Raise :class:`FieldUnusable` for more classes than a factor takes, for measured values and for dates."""
    remedy = "Choose the field that names the class."
    ordered = sorted(labels, key=_label_sort_key)
    examples = join_names(ordered)
    if looks_measured(labels):
        raise FieldUnusable(f"{where} looks like a measure, with {len(labels)} different values: {examples}. {remedy}")
    if len(labels) > 1 and all(map(is_date, labels)):
        raise FieldUnusable(f"{where} looks like a date, with {len(labels)} different values: {examples}. {remedy}")
    if len(labels) > MAX_CLASSES:
        raise FieldUnusable(
            f"{where} has {len(labels)} different values, such as {examples}; a factor takes up to {MAX_CLASSES} "
            f"classes. {remedy}"
        )


class PolygonClasses(FactorReader):
    """Classes from polygons with a field that names the class; where they overlap, the last one counts."""

    def __init__(
        self, polygons: Polygons, field: str, grid: Grid, factor: str, known: ClassTable | None, progress: Progress
    ) -> None:
        """Assign codes to the classes of polygons in the grid's CRS, as :func:`assign_codes` does.

        Raises:
            LayerEmpty: there is no polygon.
            FieldUnusable: the field is missing, empty throughout, or has as many values as a measured amount.
            NoOverlap: no polygon intersects the grid.
        """
        layer = f'layer "{polygons.name}" ({factor})'
        if not len(polygons):
            raise LayerEmpty(f"The {layer} has no polygon. Choose another layer, or leave the factor out.")
        self._burner = PolygonBurner(polygons, grid)
        values, field_name = polygons.column(field), f'The field "{field}" of the {layer}'
        inside = self._burner.intersecting(grid.whole)
        if not len(inside):
            outside = f"No polygon of the {layer} overlaps the study grid"
            raise NoOverlap(f"{outside}. Check its CRS, or choose the layer of this area.")
        written = [label_text(values[feature]) for feature in inside]
        labels = dict(zip(inside.tolist(), unify_labels(written, known, field_name, progress)))
        empty = written.count("")
        if not any(labels.values()):
            unlabelled = f'The field "{field}" of the {layer} is empty in every polygon on the study grid'
            raise FieldUnusable(f"{unlabelled}. Choose the field that names the class.")
        if empty:
            progress.warn(f'{empty} polygons of the {layer} have no value in the field "{field}": nodata there.')
        present = set(labels.values()) - {""}
        _require_classes(present, field_name)
        self.classes = assign_codes(present, known, factor, progress)
        codes = {label: code for code, label in self.classes.items()}
        self._codes = np.zeros(len(polygons), dtype=np.int64)
        self._codes[inside] = [codes.get(labels[feature], 0) for feature in inside.tolist()]

    def read(self, block: Block) -> np.ndarray:
        """Return the class codes of a block, float32 of shape (height, width), NaN where no polygon is."""
        features = [feature for feature in self._burner.intersecting(block) if self._codes[feature]]
        codes, covers = self._burner.burn(block, features, [int(self._codes[feature]) for feature in features])
        self.overlapping = int(np.count_nonzero(covers > 1))
        result = codes.astype(np.float32)
        result[codes == 0] = np.nan
        return result


@dataclass
class ValueTable:
    """A class raster that was scanned, and its classes."""

    source: SourceRaster
    values: np.ndarray  # values that occur on the grid, float32, ascending
    codes: np.ndarray  # the class code of each value, float32
    classes: dict[int, str]  # label by code


class RasterClasses(FactorReader):
    """Classes from a raster of whole numbers, with the class names that it states."""

    def __init__(self, view: WarpedVRT, table: ValueTable) -> None:
        self._view, self._table = view, table

    @staticmethod
    def scan(path: str, grid: Grid, factor: str, known: ClassTable | None, progress: Progress) -> ValueTable:
        """Read the first band of a class raster in any CRS and assign codes as :func:`assign_codes` does.

        Raises:
            InputMissing, InputCorrupt, CrsMissing, NoOverlap: it cannot be used.
            ParameterInvalid: its values are not whole numbers, or too many.
        """
        path = choose_band(path, factor, progress)
        with open_raster(path, factor) as dataset:
            check_overlap(dataset, grid, factor)
            undeclared = take_out_undeclared_nodata(dataset, grid, factor, progress)
            with warped_view(dataset, grid, factor, Resampling.nearest) as view:
                values = _distinct_values(view, grid, raster_file(path), factor, progress)
            names = class_names(dataset)
        if any(REPLACEMENT in name for name in names.values()):
            progress.warn(
                f"The class names of the {factor} raster {raster_file(path)} are not in the encoding UTF-8 and "
                "cannot be read. The numbers of the classes are used instead."
            )
            names = {}
        where = f"The {factor} raster {raster_file(path)}"
        named = [names.get(int(value)) or str(int(value)) for value in values]
        labels = unify_labels(named, known, where, progress)
        if not any(labels):
            raise NoOverlap(f"{where} has no data on the study grid, only labels such as {join_names(named)}.")
        classes = assign_codes(set(labels) - {""}, known, factor, progress)
        codes: dict[str, float] = {"": math.nan, **{label: code for code, label in classes.items()}}
        source = SourceRaster(path, factor, undeclared)
        return ValueTable(source, values, np.array([codes[label] for label in labels], dtype=np.float32), classes)

    @classmethod
    @contextlib.contextmanager
    def open(cls, table: ValueTable, grid: Grid) -> Iterator[RasterClasses]:
        """Open a raster that was scanned; each cell takes the class at its centre."""
        role = table.source.role
        with open_source(table.source) as dataset, warped_view(dataset, grid, role, Resampling.nearest) as view:
            yield cls(view, table)

    def read(self, block: Block) -> np.ndarray:
        """Return the class codes of a block, float32 of shape (height, width), NaN where the raster has none."""
        values = read_window(self._view, block.row, block.column, block.height, block.width, [1])[0]
        missing = np.isnan(values)
        values[missing] = self._table.values[0]
        values = np.take(self._table.codes, np.searchsorted(self._table.values, values))
        values[missing] = np.nan
        return values


def _distinct_values(view: WarpedVRT, grid: Grid, path: str, factor: str, progress: Progress) -> np.ndarray:
    name = f"The {factor} raster {path}"
    found: set[float] = set()
    for block in grid.blocks():
        stop_if_cancelled(progress)
        values = read_window(view, block.row, block.column, block.height, block.width, [1])[0]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        too_large, fractional = np.abs(values) >= MAX_CLASS_CODE, values != np.floor(values)
        if too_large.any():
            raise ParameterInvalid(
                f"{name} holds the class number {values[too_large][0]:.10g}. Class numbers must be below "
                f"{MAX_CLASS_CODE:,}. Reclassify the raster, or declare the number as nodata if it stands for no data."
            )
        if fractional.any():
            raise ParameterInvalid(
                f"{name} holds {values[fractional][0]:g}, but classes are whole numbers. Give it as an extra "
                "continuous factor, or reclassify it."
            )
        low, high = values.min(), values.max()
        if high - low < 1 << 20:
            counts = np.bincount((values - low).astype(np.int64))
            found.update((np.flatnonzero(counts) + int(low)).tolist())
        else:
            found.update(np.unique(values).tolist())
        if len(found) > MAX_CLASSES:
            raise ParameterInvalid(
                f"{name} has more than {MAX_CLASSES} different values. Are they measured values? Give it as an extra "
                "continuous factor, or reclassify it."
            )
    if not found:
        raise NoOverlap(f"{name} has no data on the study grid. Check its CRS, or choose the raster of this area.")
    return np.array(sorted(found), dtype=np.float32)


def class_names(dataset: rasterio.DatasetReader) -> dict[int, str]:
    """Return the class names of a raster by value, from its class table, category names or attribute table.

    rasterio reads neither category names nor attribute tables, but GDAL writes both into a VRT copy, whatever the
    format.
    """
    with contextlib.suppress(ValueError, AttributeError):
        table = parse_json(dataset.tags(1).get("classes", ""))
        return {int(code): str(label) for code, label in table.items()}
    try:
        text = vrt_text(dataset)
    except (*GDAL_ERRORS, ValueError):
        return {}
    return _category_names(text) or _attribute_names(text)


def _category_names(text: str) -> dict[int, str]:
    found = re.search(r"<CategoryNames>(.*?)</CategoryNames>", text, re.DOTALL)
    names = re.findall(r"<Category>(.*?)</Category>|<Category\s*/>", found.group(1), re.DOTALL) if found else []
    return {value: html.unescape(name).strip() for value, name in enumerate(names) if name.strip()}


def _attribute_names(text: str) -> dict[int, str]:
    """Return value and name of each row of a raster attribute table; usage 2 is a name, 5 a value."""
    found = re.search(r"<GDALRasterAttributeTable[^>]*>(.*?)</GDALRasterAttributeTable>", text, re.DOTALL)
    if not found:
        return {}
    usage_pattern = r"<FieldDefn[^>]*>.*?<Usage[^>]*>(\d+)</Usage>.*?</FieldDefn>"
    usages = [int(usage) for usage in re.findall(usage_pattern, found.group(1), re.DOTALL)]
    if 2 not in usages:
        return {}
    names = {}
    for number, row in enumerate(re.findall(r"<Row[^>]*>(.*?)</Row>", found.group(1), re.DOTALL)):
        cells = [html.unescape(cell) for cell in re.findall(r"<F>(.*?)</F>|<F\s*/>", row, re.DOTALL)]
        if len(cells) != len(usages):
            continue
        value = cells[usages.index(5)] if 5 in usages else str(number)
        with contextlib.suppress(ValueError, OverflowError):
            names[int(float(value))] = cells[usages.index(2)].strip()
    return {value: name for value, name in names.items() if name}
