"""Create the demo: a synthetic study area with all inputs that Scarp takes, and its true landslide probability."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import numpy as np

from ..demo import DemoOptions
from ..demo.generate import Layer, World, describe_demo, make_world, vector_layers
from ..demo.rain import DemoRain, make_rain
from ..grid import Grid
from ..inputs.rasters import create_raster
from ..outputs.atomic import atomic_output_folder, check_writable, write_text
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, stop_if_cancelled


@dataclass
class DemoData:
    """What the demo consists of."""

    rasters: dict[str, Path]  # final path by name: dem, precipitation, temperature, true_probability
    vectors: dict[str, Layer]
    """Layer by name, in map coordinates, for the caller to write: landslides, rivers, faults, roads, settlements,
    lithology, landform, seismic, climate, regions, study_area; with DAILY_RAIN gauges and dated_landslides."""
    crs_wkt: str  # CRS of all of them
    summary: dict[str, Any] = field(default_factory=dict)
    """Plain numbers: area, landslides, share under warning and the like."""


WriteVectors = Callable[[Path, DemoData], None]


def create_demo_data(
    output: str | os.PathLike, options: DemoOptions, *, write_vectors: WriteVectors | None = None, progress: Progress
) -> DemoData:
    """Make a synthetic study area from a seed and write it into a folder, completely or not at all.

    The folder is created if missing, and files of other names in it stay. The same options give the same data.
    ``write_vectors`` writes ``DemoData.vectors`` into the folder that it is given, before that folder gets its final
    name; without it the vector layers are returned and not written.
    """
    final = Path(output)
    check_writable(final)
    record = RunRecord("createdemodata", options.record(), {})
    with atomic_output_folder(final) as temporary:
        world = make_world(options, SubProgress(progress, 0.0, 0.85))
        rasters = _write_rasters(world, temporary, SubProgress(progress, 0.85, 0.92))
        stop_if_cancelled(progress)
        paths = {name: final / path.name for name, path in rasters.items()}
        demo = DemoData(paths, vector_layers(world), world.frame.grid.crs.to_wkt(), _summary(world, options.seed))
        write_text(temporary / "about.txt", describe_demo(demo.summary))
        if options.daily_rain:
            rain = make_rain(world, options.seed)
            write_text(temporary / "daily_rain.csv", rain.table())
            _write_storm(rain, world.land.climate.grid, temporary / "storm.tif")
            demo.vectors.update(gauges=rain.gauges, dated_landslides=rain.landslides)
        progress.report(0.95, "Writing the vector layers.")
        stop_if_cancelled(progress)
        if write_vectors is not None:
            write_vectors(temporary, demo)
        stop_if_cancelled(progress)
    record.write(dict(demo.rasters), summary=demo.summary)
    progress.report(1.0)
    return demo


def _write_rasters(world: World, folder: Path, progress: Progress) -> dict[str, Path]:
    frame, climate = world.frame, world.land.climate
    contents = (
        ("dem", "elevation", "m", frame.grid, frame.crop(world.land.terrain.height)),
        ("precipitation", "annual precipitation", "mm", climate.grid, climate.rain),
        ("temperature", "annual mean temperature", "°C", climate.grid, climate.temperature),
        ("true_probability", "true landslide probability", "1", frame.grid, world.truth.probability),
    )
    about = {"SCARP_DEMO": "synthetic data"}
    written = {}
    for number, (name, title, unit, grid, values) in enumerate(contents, 1):
        stop_if_cancelled(progress)
        written[name] = folder / f"{name}.tif"
        with create_raster(written[name], grid, "float32", float("nan"), [title], [{"unit": unit}], about) as raster:
            for block in grid.blocks():
                stop_if_cancelled(progress)
                rows = slice(block.row, block.row + block.height)
                raster.write(values[rows, block.column : block.column + block.width], 1, window=block.window)
        progress.report(number / len(contents))
    return written


def _write_storm(rain: DemoRain, grid: Grid, path: Path) -> None:
    days, values = rain.storm(grid)
    bands = [{"unit": "mm"}] * len(days)
    with create_raster(path, grid, "float32", float("nan"), days, bands, {"SCARP_DEMO": "synthetic data"}) as raster:
        raster.write(values.astype(np.float32))


def _summary(world: World, seed: int) -> dict[str, Any]:
    frame, land, landslides = world.frame, world.land, world.landslides
    height = frame.crop(land.terrain.height)
    return {
        "size": frame.size,
        "regions": len(land.layout.regions),
        "seed": seed,
        "area_km2": round(frame.area_km2, 2),
        "elevation_min_m": round(float(height.min()), 1),
        "elevation_max_m": round(float(height.max()), 1),
        "slope_median_deg": round(float(np.median(land.cover.slope)), 2),
        "landslides": len(landslides),
        "landslides_without_size": sum(scale is None for scale in landslides.fields["scale"]),
        "landslides_entered_twice": len(landslides) - len(np.unique(landslides.xy, axis=0)),
        "mean_true_probability": round(float(world.truth.probability.mean()), 4),
        "safety_factor_below_0.5_share": round(float((land.climate.threshold_ratio > 1).mean()), 4),
        "causes": {str(home.number): home.title for home in land.layout.regions},
    }
