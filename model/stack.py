"""The factor stack: one GeoTIFF with a float32 band per factor, NaN where there is no data."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling

from .errors import FactorMissing, InputCorrupt, ParameterInvalid
from .factors.definitions import CATEGORICAL, CONTINUOUS, EMBEDDINGS, EMBEDDINGS_TAG, FACTORS, FactorDefinition
from .grid import Block, Grid
from .inputs.rasters import create_raster, open_raster, raster_path, read_window, refuse_values
from .inputs.undeclared_nodata import SentinelCounter, described_sentinels, sentinels_far_from
from .progress import Progress
from .safe_json import parse_json
from .texts import join_names

FORMAT_TAG = "SCARP_STACK"
FORMAT_VERSION = "1"
STUDY_TAG, NODATA_TAG = "study_cells", "nodata_cells"
"""Tag of the file with the cells with elevation in the study area, and tag of a band with how many of them its factor
lacks. In the bands themselves every factor lacks the cells that any factor lacks."""


@dataclass(frozen=True)
class StackFactor(FactorDefinition):
    """One factor of a stack, with its classes as far as there are any."""

    band: int = 0  # 1-based band number


class Stack:
    """An open factor stack."""

    def __init__(self, dataset: rasterio.DatasetReader, role: str = "factor stack") -> None:
        self.dataset = dataset
        self.grid = Grid.from_dataset(dataset, role)
        names = _band_names(dataset)
        self._reported = False
        self._other_names = standard_names(names)  # the name that is meant, by that of the band
        names = [self._other_names.get(name, name) for name in names]
        self.factors = [_read_factor(dataset, band, name) for band, name in enumerate(names, 1)]
        self._bands = {factor.name: factor.band for factor in self.factors}

    @property
    def names(self) -> list[str]:
        """Factor names in the order of the bands."""
        return [factor.name for factor in self.factors]

    def factor(self, name: str) -> StackFactor:
        """Return one factor by name; raises :class:`FactorMissing`."""
        (band,) = self.band_indexes([name])
        return dataclasses.replace(next(factor for factor in self.factors if factor.band == band), name=name)

    def band_indexes(self, names: Sequence[str]) -> list[int]:
        """Return the 1-based band of each factor; raises :class:`FactorMissing` with all names that are not there.

        Names are matched by :func:`match_names`.
        """
        if all(name in self._bands for name in names):
            return [self._bands[name] for name in names]
        matched = match_names(names, list(self._bands))
        missing = [name for name in names if name not in matched]
        if missing:
            raise FactorMissing(
                f"The factor stack {raster_path(self.dataset)} has no {join_names(missing)}. "
                f"It has: {join_names(list(self._bands))}. {_alike_bands(missing, list(self._bands))}"
                f"Build the stack with the inputs for the missing factors, {SET_NAMES}, or train a model on the "
                "factors there are."
            )
        self._other_names.update({band: name for name, band in matched.items() if name != band})
        return [self._bands[matched[name]] for name in names]

    def report_names(self, progress: Progress) -> None:
        """Say, once, which bands are taken for a factor although their name is spelled otherwise."""
        if self._other_names and not self._reported:
            pairs = join_names([f'"{band}" as {name}' for band, name in self._other_names.items()])
            progress.report(
                0.0, f"Bands of the factor stack with another spelling of a factor's name are read: {pairs}."
            )
            self._reported = True

    def refuse_undeclared_nodata(self, name: str, lowest: float, highest: float) -> None:
        """Let :meth:`read` refuse common nodata values in a continuous factor that lie far from a range of values.

        The range is what a model was trained on; it is no matter of the part of the stack that is read.
        """
        (band,) = self.band_indexes([name])
        # As stored: there -9999 is a common nodata value, whatever the scale.
        scale, offset = self.dataset.scales[band - 1], self.dataset.offsets[band - 1]
        low, high = sorted((value - offset) / scale for value in (lowest, highest))
        sentinels = sentinels_far_from(low, high)
        trained = f"{name} was trained on {lowest:.4g} to {highest:.4g}, and this is a common nodata value."
        refuse_values(self.dataset, band, sentinels, f"{trained} {DECLARE_NODATA}")

    def read(self, block: Block, names: Sequence[str] | None = None) -> np.ndarray:
        """Read physical values and class codes, float32 (factors, height, width), NaN at nodata and outside the grid.

        Factors are in the order of the names; all of them in band order by default. The block may be outside the grid.
        Raises :class:`InputCorrupt` for values that :meth:`refuse_undeclared_nodata` refuses.
        """
        bands = self.band_indexes(self.names if names is None else names)
        return read_window(self.dataset, block.row, block.column, block.height, block.width, bands)


class UndeclaredNodataCheck:
    """Looks for undeclared nodata values among the cells that a model is trained on.

    Values and factors are in the order in which the stack reads them.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        # Components are computed, so no value of theirs stands for anything else; their bands were checked when built.
        measured = [factor.kind == CONTINUOUS and not factor.group for factor in stack.factors]
        self._counters = {index: SentinelCounter() for index, counts in enumerate(measured) if counts}

    def add(self, values: np.ndarray) -> None:
        """Add values of all factors, shape (factors, …)."""
        dataset = self._stack.dataset
        for index, counter in self._counters.items():
            band = self._stack.factors[index].band - 1
            scale, offset = dataset.scales[band], dataset.offsets[band]
            stored = values[index] if (scale, offset) == (1, 0) else (values[index].astype(np.float64) - offset) / scale
            counter.add(stored if scale == 1 else np.rint(stored))

    def require_none(self) -> None:
        """Raise :class:`InputCorrupt` if a factor holds a common nodata value far from its other values."""
        for index, counter in self._counters.items():
            found = counter.isolated()
            if found:
                name = self._stack.names[index]
                raise InputCorrupt(
                    f"In the factor stack {raster_path(self._stack.dataset)} the factor {name} holds "
                    f"{described_sentinels(found)}. {DECLARE_NODATA}"
                )


DECLARE_NODATA = (
    "A model must not learn from it or be applied to it. Declare it with Raster > Conversion > Translate (assign a "
    "specified nodata value), or build the stack again with scarp:buildfactorstack."
)


SET_NAMES = (
    "or set the descriptions of its bands, in the Python console of QGIS for example with gdal.Open(path, "
    "gdal.GA_Update).GetRasterBand(1).SetDescription('slope')"
)


@contextlib.contextmanager
def open_stack(path: str | os.PathLike) -> Iterator[Stack]:
    """Open a factor stack for reading.

    Any multi-band GeoTIFF with band descriptions is accepted; bands without a ``kind`` are looked up among the ten
    known factors by name, and are continuous otherwise.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: it is not a raster, bands have no or equal names, or a class table cannot be read.
        CrsMissing, GridUnsupported: its grid cannot be used.
    """
    with open_raster(path, "factor stack") as dataset:
        stack = Stack(dataset)
        repeated = sorted({name for name in stack.names if stack.names.count(name) > 1})
        if repeated:
            raise InputCorrupt(
                f"The factor stack {path} has more than one band named {', '.join(repeated)}. "
                "Build it again with scarp:buildfactorstack."
            )
        yield stack


@contextlib.contextmanager
def create_stack(
    path: str | os.PathLike,
    grid: Grid,
    factors: Sequence[FactorDefinition],
    tags: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[rasterio.io.DatasetWriter]:
    """Create a factor stack that gets its name only when it is complete; write windows with NaN at nodata to it.

    Args:
        path: final path.
        grid: the study grid.
        factors: one per band, in order.
        tags: further metadata of the file.
        options: creation options that override those of ``create_raster``.
    """
    names, band_tags = [factor.name for factor in factors], []
    for factor in factors:
        band_tags.append({"kind": factor.kind, "unit": factor.unit, "title": factor.title})
        if factor.group:
            band_tags[-1]["group"] = factor.group
        if factor.kind == CATEGORICAL:
            classes = {str(code): label for code, label in factor.classes.items()}
            band_tags[-1]["classes"] = json.dumps(classes, ensure_ascii=False)
    tags = {FORMAT_TAG: FORMAT_VERSION, **(tags or {})}
    # Averaged overviews would turn classes into fractions, so the whole stack takes the nearest cell.
    nearest = Resampling.nearest
    with create_raster(path, grid, "float32", np.nan, names, band_tags, tags, nearest, options=options) as dataset:
        yield dataset


def embedding_facts(dataset: rasterio.DatasetReader) -> dict[str, Any]:
    """Return what a stack tells of its embedding: ``kind``, ``year``, ``bands``, ``source``, and ``landslides``, the
    year of the first ones, as far as it does.
    """
    try:
        found = parse_json(dataset.tags().get(EMBEDDINGS_TAG, "{}"))
    except ValueError:
        return {}
    found = found if isinstance(found, dict) else {}
    kinds = {"kind": str, "year": int, "bands": int, "source": str, "landslides": int}
    return {name: found[name] for name, kind in kinds.items() if type(found.get(name)) is kind}


def write_nodata_counts(dataset: rasterio.io.DatasetWriter, study: int, without_data: Mapping[str, int]) -> None:
    """Write the nodata counts of the factors into a new stack: cells of the study area, and those without data."""
    dataset.update_tags(**{STUDY_TAG: study})
    for band, name in enumerate(dataset.descriptions, 1):
        if name in without_data:
            dataset.update_tags(band, **{NODATA_TAG: without_data[name]})


def check_same_factor(own: Any, other: Any, where: str, elsewhere: str, progress: Progress) -> None:
    """Compare kind and unit of two descriptions of a factor; warn if units differ.

    ``where`` and ``elsewhere`` they stand is said in messages, such as ``the factor stack``. Descriptions are of a
    stack or of a model, with ``name``, ``kind`` and ``unit``.

    Raises:
        ParameterInvalid: one is continuous and the other categorical.
    """
    if own.kind != other.kind:
        raise ParameterInvalid(
            f'The factor "{own.name}" is {own.kind} in {where} but {other.kind} in {elsewhere}. Build all stacks of a '
            "model with the same inputs."
        )
    if own.unit and other.unit and own.unit != other.unit:
        progress.warn(
            f'The factor "{own.name}" is in {own.unit} in {where} but in {other.unit} in {elsewhere}. Build all stacks '
            "of a model in the same units."
        )


def match_names(wanted: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return which of the known names each wanted one is, as far as there is one.

    Names that differ only in case, blanks, ``_`` and ``-`` are the same, unless several could be meant.
    """
    found = {name: name for name in wanted if name in known}
    free = [name for name in known if name not in found]
    rest = [name for name in wanted if name not in found]
    for name in rest:
        alike = [other for other in free if _plain(other) == _plain(name)]
        if len(alike) == 1 and sum(_plain(other) == _plain(name) for other in rest) == 1:
            found[name] = alike[0]
    return found


def standard_names(names: Sequence[str]) -> dict[str, str]:
    """Return the name of the standard factor that is meant, by the name of a band that spells it otherwise."""
    return {found: name for name, found in match_names(list(FACTORS), names).items() if found != name}


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def _alike_bands(missing: Sequence[str], bands: Sequence[str]) -> str:
    pairs = {name: [band for band in bands if _plain(band) == _plain(name)] for name in missing}
    several = [f"{name} ({join_names(found)})" for name, found in pairs.items() if found]
    return f"Several bands or factors differ only in case, blanks, _ or -: {join_names(several)}. " if several else ""


def _band_names(dataset: rasterio.DatasetReader) -> list[str]:
    """Return the names of the bands; raises :class:`InputCorrupt` if one has none."""
    names = [name or "" for name in dataset.descriptions]
    unnamed = [str(band) for band, name in enumerate(names, 1) if not name.strip()]
    if unnamed:
        bands = f"Band {unnamed[0]}" if len(unnamed) == 1 else f"Bands {join_names(unnamed)}"
        have, them = ("has", "it") if len(unnamed) == 1 else ("have", "them")
        named = join_names([name for name in names if name.strip()]) or "none"
        raise InputCorrupt(
            f"{bands} of the factor stack {raster_path(dataset)} {have} no name, so no factor can be found in {them}. "
            f"Bands with a name: {named}. Some tools, gdalbuildvrt among them, lose the names. Build the stack with "
            f"scarp:buildfactorstack, {SET_NAMES}."
        )
    return names


def _read_factor(dataset: rasterio.DatasetReader, band: int, name: str) -> StackFactor:
    tags = dataset.tags(band)
    known = FACTORS.get(name, FactorDefinition(name, CONTINUOUS, "", name))
    kind = tags.get("kind", known.kind)
    if kind not in (CONTINUOUS, CATEGORICAL):
        raise InputCorrupt(
            f'Band {band} ({name}) of the factor stack {dataset.name} has the unknown kind "{kind}"; '
            f"it should be {CONTINUOUS} or {CATEGORICAL}."
        )
    classes = read_classes(tags["classes"], dataset.name, name) if "classes" in tags else dict(known.classes)
    classes = classes if kind == CATEGORICAL else {}
    group = EMBEDDINGS if tags.get("group") == EMBEDDINGS and kind == CONTINUOUS else ""
    return StackFactor(name, kind, tags.get("unit", known.unit), tags.get("title", known.title), classes, group, band)


def read_classes(text: str, source: str, name: str) -> dict[int, str]:
    """Read a class table from its JSON text; raises :class:`InputCorrupt` if it is not valid."""
    try:
        return {int(code): str(label) for code, label in parse_json(text).items()}
    except (ValueError, AttributeError) as error:
        raise InputCorrupt(
            f"The class table of {name} in {source} cannot be read: {error}. "
            "Build the stack again with scarp:buildfactorstack."
        ) from error
