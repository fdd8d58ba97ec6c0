"""Create the demo: a synthetic study area with all inputs that Scarp takes, and its true landslide probability."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Union

import numpy as np
from rasterio.enums import Resampling

from ..demo.generate import World, about, check_parameters, layers, make_world
from ..grid import Grid
from ..inputs.rasters import create_raster
from ..inputs.vectors import Lines, Points, Polygons
from ..outputs.atomic import RunRecord, atomic_output_folder, check_writable, write_text
from ..progress import Progress, SubProgress, stop_if_cancelled

Layer = Union[Points, Lines, Polygons]


@dataclass
class DemoData:
    """What the demo consists of."""

    rasters: dict[str, Path]
    """Final path by name: dem, precipitation, temperature, true_probability."""
    vectors: dict[str, Layer]
    """Layer by name, in map coordinates, for the caller to write: landslides, rivers, faults, roads, settlements,
    lithology, landform, seismic, climate, regions, study_area."""
    crs_wkt: str
    """CRS of all of them."""
    summary: dict[str, Any] = field(default_factory=dict)
    """Plain numbers: area, landslides, share under warning and the like."""


WriteVectors = Callable[[Path, DemoData], None]


def create_demo_data(
    folder: str | os.PathLike,
    *,
    size: int = 600,
    regions: int = 5,
    seed: int = 1,
    write_vectors: WriteVectors | None = None,
    progress: Progress,
) -> DemoData:
    """Make a synthetic study area from a seed and write it into a folder, whole or not at all.

    Args:
        folder: where to write; made when it is not there. Files of other names in it stay.
        size: cells of 30 m on a side, 64 to 4096.
        regions: how many of the five regions, 1 to 5.
        seed: any whole number from 0; the same one gives the same data.
        write_vectors: writes ``DemoData.vectors`` into the folder that it is given, before that folder gets its
            final name. Without it the vector layers are returned and not written.
        progress: where to report and to ask whether to stop.

    Returns:
        The demo.

    Raises:
        ParameterInvalid: size, regions or seed is out of its range.
        OutputNotWritable: the folder cannot be written.
        Cancelled: the user stopped; nothing is left.
    """
    final = Path(folder)
    check_parameters(size, regions, seed)
    check_writable(final)
    record = RunRecord("createdemodata", {"SIZE": int(size), "REGIONS": int(regions), "SEED": int(seed)}, {})
    with atomic_output_folder(final) as temporary:
        world = make_world(int(size), int(regions), int(seed), SubProgress(progress, 0.0, 0.85))
        rasters = _write_rasters(world, temporary, SubProgress(progress, 0.85, 0.92))
        stop_if_cancelled(progress)
        demo = DemoData(
            {name: final / path.name for name, path in rasters.items()},
            layers(world),
            world.frame.grid.crs.to_wkt(),
            _summary(world, int(seed)),
        )
        write_text(temporary / "about.txt", about(demo.summary))
        progress.report(0.95, "Writing the vector layers.")
        stop_if_cancelled(progress)
        if write_vectors is not None:
            write_vectors(temporary, demo)
        stop_if_cancelled(progress)
    record.write(dict(demo.rasters), summary=demo.summary)
    progress.report(1.0)
    return demo


def _write_rasters(world: World, folder: Path, progress: Progress) -> dict[str, Path]:
    frame = world.frame
    contents: tuple[tuple[str, str, Grid, np.ndarray, Mapping[str, str]], ...] = (
        ("dem", "elevation", frame.grid, frame.crop(world.terrain.height), {"unit": "m"}),
        ("precipitation", "annual precipitation", world.climate_fields.grid, world.climate_fields.rain, {"unit": "mm"}),
        (
            "temperature",
            "annual mean temperature",
            world.climate_fields.grid,
            world.climate_fields.temperature,
            {"unit": "°C"},
        ),
        ("true_probability", "true landslide probability", frame.grid, world.truth.probability, {"unit": "1"}),
    )
    written = {}
    for number, (name, title, grid, values, tags) in enumerate(contents):
        stop_if_cancelled(progress)
        path = folder / f"{name}.tif"
        with create_raster(
            path,
            grid,
            "float32",
            float("nan"),
            [title],
            [tags],
            {"SCARP_DEMO": "synthetic data"},
            overviews=Resampling.average,
        ) as raster:
            for block in grid.blocks():
                stop_if_cancelled(progress)
                rows = slice(block.row, block.row + block.height)
                raster.write(values[rows, block.column : block.column + block.width], 1, window=block.window)
        written[name] = path
        progress.report((number + 1) / len(contents))
    return written


def _summary(world: World, seed: int) -> dict[str, Any]:
    frame, landslides = world.frame, world.landslides
    height = frame.crop(world.terrain.height)
    return {
        "size": frame.size,
        "regions": len(world.layout.regions),
        "seed": seed,
        "area_km2": round(frame.area_km2, 2),
        "elevation_min_m": round(float(height.min()), 1),
        "elevation_max_m": round(float(height.max()), 1),
        "slope_median_deg": round(float(np.median(world.cover.slope)), 2),
        "landslides": len(landslides),
        "landslides_without_size": sum(scale is None for scale in landslides.fields["scale"]),
        "landslides_entered_twice": len(landslides) - len(np.unique(landslides.xy, axis=0)),
        "mean_true_probability": round(float(world.truth.probability.mean()), 4),
        "safety_factor_below_0.5_share": round(float((world.climate_fields.threshold_ratio > 1).mean()), 4),
        "causes": {str(home.number): home.title for home in world.layout.regions},
    }
