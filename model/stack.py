"""The factor stack: one GeoTIFF with a float32 band per factor, NaN where there is no data."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling

from .errors import FactorMissing, InputCorrupt
from .factors.definitions import CATEGORICAL, CONTINUOUS, FACTORS, FactorDefinition
from .grid import Block, Grid
from .inputs.rasters import create_raster, open_raster, raster_path, read_window, refuse_values
from .inputs.undeclared_nodata import SentinelCounter, described_sentinels, sentinels_far_from
from .safe_json import parse_json

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
        self.factors = [_read_factor(dataset, band) for band in dataset.indexes]
        self._bands = {factor.name: factor.band for factor in self.factors}

    @property
    def names(self) -> list[str]:
        """Factor names in the order of the bands."""
        return [factor.name for factor in self.factors]

    def factor(self, name: str) -> StackFactor:
        """Return one factor by name; raises :class:`FactorMissing`."""
        (band,) = self.band_indexes([name])
        return self.factors[band - 1]

    def band_indexes(self, names: Sequence[str]) -> list[int]:
        """Return the 1-based band of each factor; raises :class:`FactorMissing` with all names that are not there."""
        missing = [name for name in names if name not in self._bands]
        if missing:
            raise FactorMissing(
                f"The factor stack {self.dataset.name} has no {', '.join(missing)}. It has: "
                f"{', '.join(self._bands)}. Build the stack with the inputs for the missing factors, "
                "or train a model on the factors there are."
            )
        return [self._bands[name] for name in names]

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
    """Looks for undeclared nodata values among the cells that a model is trained on."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        kinds = [factor.kind for factor in stack.factors]
        self._counters = {index: SentinelCounter() for index, kind in enumerate(kinds) if kind == CONTINUOUS}

    def add(self, values: np.ndarray) -> None:
        """Add values of all factors in band order, shape (factors, …)."""
        dataset = self._stack.dataset
        for index, counter in self._counters.items():
            scale, offset = dataset.scales[index], dataset.offsets[index]
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
        if factor.kind == CATEGORICAL:
            classes = {str(code): label for code, label in factor.classes.items()}
            band_tags[-1]["classes"] = json.dumps(classes, ensure_ascii=False)
    tags = {FORMAT_TAG: FORMAT_VERSION, **(tags or {})}
    # Averaged overviews would turn classes into fractions, so the whole stack takes the nearest cell.
    nearest = Resampling.nearest
    with create_raster(path, grid, "float32", np.nan, names, band_tags, tags, nearest, options=options) as dataset:
        yield dataset


def write_nodata_counts(dataset: rasterio.io.DatasetWriter, study: int, without_data: Mapping[str, int]) -> None:
    """Write the nodata counts of the factors into a new stack: cells of the study area, and those without data."""
    dataset.update_tags(**{STUDY_TAG: study})
    for band, name in enumerate(dataset.descriptions, 1):
        if name in without_data:
            dataset.update_tags(band, **{NODATA_TAG: without_data[name]})


def _read_factor(dataset: rasterio.DatasetReader, band: int) -> StackFactor:
    tags = dataset.tags(band)
    name = dataset.descriptions[band - 1]
    if not name:
        raise InputCorrupt(
            f"Band {band} of the factor stack {dataset.name} has no name, so no factor can be found in "
            "it. Build the stack with scarp:buildfactorstack."
        )
    known = FACTORS.get(name, FactorDefinition(name, CONTINUOUS, "", name))
    kind = tags.get("kind", known.kind)
    if kind not in (CONTINUOUS, CATEGORICAL):
        raise InputCorrupt(
            f'Band {band} ({name}) of the factor stack {dataset.name} has the unknown kind "{kind}"; '
            f"it should be {CONTINUOUS} or {CATEGORICAL}."
        )
    classes = read_classes(tags["classes"], dataset.name, name) if "classes" in tags else dict(known.classes)
    classes = classes if kind == CATEGORICAL else {}
    return StackFactor(name, kind, tags.get("unit", known.unit), tags.get("title", known.title), classes, band)


def read_classes(text: str, source: str, name: str) -> dict[int, str]:
    """Read a class table from its JSON text; raises :class:`InputCorrupt` if it is not valid."""
    try:
        return {int(code): str(label) for code, label in parse_json(text).items()}
    except (ValueError, AttributeError) as error:
        raise InputCorrupt(
            f"The class table of {name} in {source} cannot be read: {error}. "
            "Build the stack again with scarp:buildfactorstack."
        ) from error
