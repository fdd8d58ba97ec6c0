"""The rasters that a prediction writes: what of a tile each holds, and how it is stored."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rasterio.enums import Resampling
from rasterio.io import DatasetWriter

from ..grid import Grid
from ..inputs.rasters import create_raster
from .bivariate import COLOURS, NAMES, NODATA
from .pipeline import MadeLayer
from .tile_inference import (
    BIVARIATE,
    COUNTS,
    DENSITY,
    DISSIMILARITY,
    EXPECTED,
    INSIDE,
    MEAN,
    NOT_APPLICABLE,
    OF_CELLS,
    OUTSIDE,
    SPREAD,
)
from .uncertainty_layers import UncertaintyLayers

BAND_TITLES = {
    OUTSIDE: "factors outside the training data",
    INSIDE: "area of applicability",
    DENSITY: "local point density",
    DISSIMILARITY: "dissimilarity index",
    EXPECTED: "expected AUC",
}


@dataclass(frozen=True)
class MapOutput:
    """One raster of a prediction."""

    parameter: str  # that gives its path
    name: str  # of its array, or of what is made of arrays
    arrays: tuple[str, ...]  # of a tile that it needs
    bands: tuple[str, ...]  # their titles
    make: MadeLayer | None = None  # what is made of the arrays; ``None`` for the only one as it is
    dtype: str = "float32"
    nodata: float = np.nan
    overviews: Resampling = Resampling.average
    tags: Mapping[str, str] = field(default_factory=dict)  # beside those of all
    style: Mapping[str, Any] = field(default_factory=dict)  # of ``create_raster``
    has_verdict: bool = False


def map_outputs(layers: UncertaintyLayers, title: str, has_index: bool) -> list[MapOutput]:
    """Return the rasters that a prediction can write; without an applicability index there are fewer bands.

    ``title`` is what the map shows.
    """
    counts, likeness = (COUNTS, (DISSIMILARITY, EXPECTED)) if has_index else ((OUTSIDE,), ())
    classes = json.dumps({str(number): text for number, text in NAMES.items()})
    return [
        MapOutput("OUTPUT", MEAN, (MEAN,), (title,), has_verdict=True),
        MapOutput(
            "OUTPUT_UNCERTAINTY",
            SPREAD,
            (SPREAD,),
            tuple(layers.bands(title)),
            layers.made.get(SPREAD),
            tags=layers.tags(),
        ),
        MapOutput(
            "OUTPUT_BIVARIATE",
            BIVARIATE,
            (SPREAD,),
            ("susceptibility and uncertainty",),
            layers.made[BIVARIATE],
            "uint8",
            NODATA,
            Resampling.mode,
            style={"colours": COLOURS, "band_tags": [{"kind": "categorical", "classes": classes}]},
            has_verdict=True,
        ),
        _of_cells("OUTPUT_APPLICABILITY", OUTSIDE, counts, "uint8", NOT_APPLICABLE),
        _of_cells("OUTPUT_DISSIMILARITY", DISSIMILARITY, likeness, "float32", np.nan),
    ]


def _of_cells(parameter: str, name: str, arrays: tuple[str, ...], dtype: str, nodata: float) -> MapOutput:
    """Return a raster whose bands are arrays."""

    def stacked(found: Mapping[str, np.ndarray], row_area: np.ndarray) -> np.ndarray:
        return np.stack([found[array] for array in arrays])

    titles = tuple(BAND_TITLES[array] for array in arrays)
    return MapOutput(parameter, name, arrays, titles, stacked, dtype, nodata, Resampling.nearest)


@contextlib.contextmanager
def open_outputs(
    outputs: Sequence[MapOutput],
    paths: Mapping[str, str | os.PathLike | None],
    grid: Grid,
    coarse: Grid,
    tags: Mapping[str, str],
) -> Iterator[dict[str, DatasetWriter]]:
    """Create rasters and give them by name; none is committed unless the block succeeds.

    Args:
        paths: by parameter, of all outputs.
        grid: of the stack.
        coarse: of the map; the same unless the models predict patches.
        tags: of all.
    """
    with contextlib.ExitStack() as opened:
        rasters = {}
        for one in outputs:
            path = paths[one.parameter]
            if path is None:
                continue
            where, form = grid if one.name in OF_CELLS else coarse, (one.dtype, one.nodata, list(one.bands))
            more: dict[str, Any] = {"overviews": one.overviews, "tags": {**tags, **one.tags}, **one.style}
            rasters[one.name] = opened.enter_context(create_raster(path, where, *form, **more))
        yield rasters
