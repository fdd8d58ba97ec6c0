"""The whole chain with defaults on sixty areas: ``SCARP_TEST_DATA=FOLDER ./run python benchmarks/areas.py [NAME ...]``.

Crops and resamplings of the real data and of the demo: 1 to 400 km², 6 to 2,800 landslides, cells of 5 to 100 m, also
geographic, ragged, on a coast, with a factor that is the same everywhere, and with landslides in one corner, twice in a
cell or as polygons. Every step must end well, or say in one sentence what is missing; ``checkfactors`` must foresee
whether the training starts; and the map must not be flat. ``--qgis`` goes through ``qgis_process``. ``--quick`` fits to
fewer stable cells, with two penalties and 50 steps, draws less in the explanation, and leaves the random split out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import numpy as np
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform

from scarp.model.checks.findings import ERROR
from scarp.model.demo import DemoOptions
from scarp.model.errors import ScarpError
from scarp.model.explanation.settings import ExplanationInputs, ExplanationOptions
from scarp.model.factors.settings import CategoricalInput, StackInputs, StackOptions
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.jobs.build_buffered_labels import build_buffered_labels
from scarp.model.jobs.build_factor_stack import build_factor_stack
from scarp.model.jobs.check_factors import check_factors
from scarp.model.jobs.classify_zones import classify_zones
from scarp.model.jobs.create_demo_data import create_demo_data
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.jobs.explain_susceptibility import explain_susceptibility
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.jobs.validate_with_points import validate_with_points
from scarp.model.labels.settings import LabelOptions
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress
from scarp.model.training import additive_fit, fold_problem, pointwise_fit
from scarp.model.training.settings import PCUM, RECOMMENDED, REGRESSION, CrossValidationOptions, settings_of_kind
from scarp.model.validation.settings import EvaluationLayers, ValidationOptions

STEPS = ("stack", "labels", "check", "train", "predict", "zones", "validate", "explain", "crossvalidate", "regression")
FLAT = 0.05  # of a map whose 5th and 95th percentile are nearer: it says nothing
DEMO = DemoOptions(size=700, regions=3, seed=7)  # seeds and regions that no number was chosen on


@dataclass(frozen=True)
class Area:
    """A crop of a source, ``east`` and ``south`` of its upper left corner by these shares of the room that there is."""

    source: str
    wide: float  # km
    high: float
    cell: float  # m
    landslides: int
    kinds: str = ""
    east: float = 0.5
    south: float = 0.5

    @property
    def name(self) -> str:
        """For the table, and to choose by."""
        size = f"{self.wide:g}x{self.high:g}km-{self.cell:g}m-{self.landslides}"
        return "-".join([self.source, size, *self.kinds.split()])


AREAS = (
    # Small areas, few landslides.
    Area("ecuador", 1, 1, 10, 12),
    Area("ecuador", 1, 1, 5, 18, east=0.4, south=0.6),
    Area("ecuador", 1.4, 1.4, 10, 20, south=0.4),
    Area("ecuador", 2, 2, 10, 12),
    Area("ecuador", 2, 2, 10, 30, "corner"),
    Area("ecuador", 2, 2, 20, 40),
    Area("ecuador", 2, 2, 5, 40),
    Area("ecuador", 3, 1, 10, 30),
    Area("ecuador", 1, 3.5, 10, 25),
    Area("ecuador", 2.5, 2.5, 10, 60, "ragged"),
    Area("ecuador", 3, 3, 10, 100),
    Area("ecuador", 3, 3, 30, 60),
    Area("ecuador", 3.8, 4.1, 10, 175),
    Area("ecuador", 3.8, 4.1, 20, 175, "ragged"),
    Area("ecuador", 3.8, 4.1, 30, 175),
    Area("ecuador", 3.8, 4.1, 50, 120),
    Area("ecuador", 3.8, 4.1, 100, 100),
    Area("ecuador", 3.8, 4.1, 10, 150, "coast"),
    Area("ecuador", 3.8, 4.1, 10, 18),
    Area("ecuador", 3.8, 4.1, 10, 120, "geographic"),
    Area("ecuador", 3.8, 4.1, 10, 80, "constant"),
    Area("ecuador", 3.8, 4.1, 10, 100, "pairs"),
    Area("ecuador", 3.8, 4.1, 10, 60, "corner"),
    Area("ecuador", 2, 2, 10, 25, "geographic ragged"),
    Area("arenosa", 0.74, 0.83, 10, 60),
    Area("arenosa", 0.74, 0.83, 10, 300),
    # The north half of Kaghan.
    Area("kaghan", 1.5, 1.5, 30, 12, "sizes"),
    Area("kaghan", 2, 2, 30, 20, "sizes"),
    Area("kaghan", 2, 2, 10, 30, "polygons"),
    Area("kaghan", 3, 3, 30, 40, "sizes constant"),
    Area("kaghan", 4, 4, 30, 15),
    Area("kaghan", 4, 4, 100, 60, "sizes"),
    Area("kaghan", 5, 5, 30, 80, "polygons"),
    Area("kaghan", 5, 5, 50, 50, "coast"),
    Area("kaghan", 6, 6, 30, 100, "corner"),
    Area("kaghan", 6, 6, 30, 18, "ragged"),
    Area("kaghan", 6, 6, 30, 12, "corner"),
    Area("kaghan", 8, 4, 30, 120, "sizes", east=0.2),
    Area("kaghan", 8, 8, 30, 200, "geographic sizes"),
    Area("kaghan", 8, 8, 100, 100, "geographic"),
    Area("kaghan", 8, 8, 30, 200, "polygons coast"),
    Area("kaghan", 8, 8, 50, 300, "pairs"),
    Area("kaghan", 10, 10, 50, 300, "ragged"),
    Area("kaghan", 10, 10, 100, 40),
    Area("kaghan", 10, 10, 50, 25, "polygons"),
    Area("kaghan", 14, 14, 100, 400, "sizes"),
    Area("kaghan", 20, 14, 100, 700, "ragged"),
    Area("kaghan", 20, 14, 100, 18),
    Area("kaghan", 20, 14, 50, 600, "polygons"),
    Area("kaghan", 20, 14, 100, 300, "corner"),
    # The demo, with an inventory drawn from its true probability.
    Area("demo", 3, 3, 30, 40),
    Area("demo", 3, 3, 100, 20),
    Area("demo", 4, 4, 15, 60, "coast"),
    Area("demo", 6, 6, 30, 400, "geographic"),
    Area("demo", 9, 9, 30, 1000, "pairs"),
    Area("demo", 9, 9, 30, 60, "constant ragged"),
    Area("demo", 12, 12, 50, 30, "corner"),
    Area("demo", 20, 20, 100, 12),
    Area("demo", 20, 20, 100, 2800),
    Area("demo", 20, 20, 50, 2800, "geographic"),
)


@dataclass
class Source:
    """A mountain: elevations, inventory and further layers in one projected CRS."""

    elevation: np.ndarray
    transform: Affine
    crs: CRS
    points: np.ndarray  # (landslides, 2); empty where they are drawn from ``chance``
    fields: dict[str, list[Any]] = field(default_factory=dict)
    outlines: list[Any] = field(default_factory=list)
    rivers: list[np.ndarray] = field(default_factory=list)
    rain: Path | None = None
    rock: Path | None = None
    chance: np.ndarray | None = None


def features(path: Path) -> tuple[list[Any], dict[str, list[Any]]]:
    """Return geometries and fields of a GeoPackage."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (table, column), *_ = database.execute("select table_name, column_name from gpkg_geometry_columns")
    cursor = database.execute(f'select * from "{table}"')
    names, rows = [item[0] for item in cursor.description], cursor.fetchall()
    columns = dict(zip(names, zip(*rows)))
    # Behind the header, which has an envelope of this many numbers.
    envelopes = (0, 4, 6, 6, 8)
    geometries = [shapely.from_wkb(blob[8 + 8 * envelopes[blob[3] >> 1 & 7] :]) for blob in columns.pop(column)]
    return geometries, {name: list(values) for name, values in columns.items()}


def lines_of(geometries: list[Any]) -> list[np.ndarray]:
    """Return the parts of lines as arrays."""
    return [shapely.get_coordinates(part) for geometry in geometries for part in getattr(geometry, "geoms", [geometry])]


def read_source(name: str, data: Path, folder: Path) -> Source:
    """Read a mountain of the data, or make the demo in a folder."""
    if name == "demo":
        place = folder / "demo"
        demo = create_demo_data(place, DEMO, progress=NullProgress())
        with rasterio.open(demo.rasters["dem"]) as dem, rasterio.open(demo.rasters["true_probability"]) as truth:
            source = Source(dem.read(1), dem.transform, dem.crs, np.empty((0, 2)), chance=truth.read(1))
        source.rivers, source.rain = demo.vectors["rivers"].parts, demo.rasters["precipitation"]
        return source
    place = data / {"ecuador": "ecuador_rbsf", "kaghan": "kaghan_pk", "arenosa": "arenosa_co"}[name]
    with rasterio.open(place / "dem.tif") as dem:
        elevation = dem.read(1, masked=True).filled(np.nan).astype(np.float32)
        source = Source(elevation, dem.transform, dem.crs, np.empty((0, 2)))
    if name == "arenosa":
        with rasterio.open(place / "landslide_sources.tif") as raster:
            row, column = np.nonzero(raster.read(1) == 1)
        source.points = np.stack(source.transform * (column + 0.5, row + 0.5), axis=1)
        return source
    geometries, source.fields = features(place / "landslides.gpkg")
    source.points = shapely.get_coordinates(np.array(geometries))
    source.rivers = lines_of(features(place / "rivers_from_dem.gpkg")[0])
    source.rain = place / "rainfall_annual_mm_worldclim10m.tif"
    if name == "kaghan":
        # The south half is kept for judging.
        source.elevation = source.elevation[: source.elevation.shape[0] // 2]
        source.outlines, source.rock = features(place / "landslides_polygons.gpkg")[0], place / "lithology.tif"
    return source


@dataclass
class Inputs:
    """Files and layers of an area."""

    dem: Path
    grid: Grid
    landslides: Any
    rivers: Lines | None
    rain: Path | None
    rock: Path | None
    constant: Path | None
    scale: str | None


def make_inputs(area: Area, source: Source, folder: Path) -> Inputs:
    """Cut an area out of its source."""
    kinds, rng = area.kinds.split(), np.random.default_rng([7, AREAS.index(area)])
    t, (rows, columns) = source.transform, source.elevation.shape
    wide, high = min(1000 * area.wide, columns * t.a), min(1000 * area.high, -rows * t.e)
    left = t.c + area.east * (columns * t.a - wide)
    top = t.f - area.south * (-rows * t.e - high)
    place = Affine(area.cell, 0, left, 0, -area.cell, top)
    grid = Grid(source.crs, place, int(wide / area.cell), int(high / area.cell))
    bounds = left, top - high, left + wide, top
    if "geographic" in kinds:
        x, y = np.meshgrid([bounds[0], bounds[2]], [bounds[1], bounds[3]])
        x, y = transform(source.crs, "EPSG:4326", x.ravel(), y.ravel())
        west, south, east, north = min(x), min(y), max(x), max(y)
        step = area.cell / 111_000
        grid = Grid(CRS.from_epsg(4326), Affine(step, 0, west, 0, -step, north), int((east - west) / step), 0)
        grid = dataclasses.replace(grid, height=int((north - south) / step))
    elevation = np.full(grid.shape, np.nan, dtype=np.float32)
    way = Resampling.average if area.cell > 1.5 * t.a else Resampling.cubic
    reproject(
        source.elevation,
        elevation,
        src_transform=t,
        src_crs=source.crs,
        src_nodata=np.nan,
        dst_transform=grid.transform,
        dst_crs=grid.crs,
        dst_nodata=np.nan,
        resampling=way,
    )
    y, x = np.mgrid[: grid.height, : grid.width]
    if "coast" in kinds:
        elevation[elevation < np.nanquantile(elevation, 0.35)] = np.nan
    if "ragged" in kinds:
        angle = np.arctan2(y - grid.height / 2, x - grid.width / 2)
        far = np.hypot((y - grid.height / 2) / grid.height, (x - grid.width / 2) / grid.width)
        elevation[far > 0.38 + 0.1 * np.sin(3 * angle) + 0.06 * np.sin(7 * angle)] = np.nan
    dem = write(folder / "dem.tif", elevation, grid)
    landslides = make_inventory(area, source, grid, elevation, rng)
    rivers = [reprojected(part, source.crs, grid.crs) for part in source.rivers]
    constant = write(folder / "constant.tif", np.full_like(elevation, 3.0), grid) if "constant" in kinds else None
    lines = Lines("rivers", parts=[part for part in rivers if touches(part, grid)])
    scale = "size" if "sizes" in kinds else None
    return Inputs(dem, grid, landslides, lines if len(lines) else None, source.rain, source.rock, constant, scale)


def make_inventory(area: Area, source: Source, grid: Grid, elevation: np.ndarray, rng: np.random.Generator) -> Any:
    """Draw the landslides of an area from those of its source."""
    kinds = area.kinds.split()
    if source.chance is not None:
        chance = np.zeros(grid.shape, dtype=np.float32)
        given = {"src_transform": source.transform, "src_crs": source.crs}
        reproject(source.chance, chance, **given, dst_transform=grid.transform, dst_crs=grid.crs)
        chance = np.where(np.isfinite(elevation), np.maximum(chance, 0), 0).ravel().astype(float) ** 1.5
        drawn = rng.choice(chance.size, 3 * area.landslides, p=chance / chance.sum(), replace=True)
        row, column = drawn // grid.width + rng.random(len(drawn)), drawn % grid.width + rng.random(len(drawn))
        points = np.stack(grid.transform * (column, row), axis=1)
    else:
        points = reprojected(source.points, source.crs, grid.crs)
    row, column, inside = grid.cell_indices(points)
    known = inside.copy()
    known[inside] = np.isfinite(elevation[row[inside], column[inside]])
    chosen = np.flatnonzero(known)
    if "corner" in kinds:
        corner = (row[chosen] < 0.45 * grid.height) & (column[chosen] < 0.45 * grid.width)
        for share in (0.45, 0.55, 0.65, 0.75):
            corner = (row[chosen] < share * grid.height) & (column[chosen] < share * grid.width)
            if corner.sum() >= area.landslides:
                break
        chosen = chosen[corner]
    chosen = np.sort(rng.permutation(chosen)[: area.landslides])
    if "pairs" in kinds:
        chosen = np.sort(np.concatenate([chosen[::2], chosen[::2]]))
    xy = points[chosen]
    if "polygons" in kinds:
        outlines = [source.outlines[index] for index in chosen]
        shapes = shapely.transform(np.array(outlines), lambda xy: reprojected(xy, source.crs, grid.crs))
        return Polygons("landslides", geometries=[shapely.geometry.mapping(shape) for shape in shapes])
    fields = {}
    if "sizes" in kinds:
        words = {1: "small", 2: "medium", 3: "large"}
        fields["size"] = [words.get(source.fields["scale_class"][index]) for index in chosen]
    return Points("landslides", fields=fields, xy=xy)


def reprojected(xy: np.ndarray, source: CRS, target: CRS) -> np.ndarray:
    """Return coordinates in another CRS."""
    if source == target or not len(xy):
        return xy
    return np.stack(transform(source, target, *xy.T), axis=1)


def touches(part: np.ndarray, grid: Grid) -> bool:
    """Whether a line comes near a grid."""
    left, bottom, right, top = grid.bounds
    low, high = part.min(axis=0), part.max(axis=0)
    return bool(low[0] < right and high[0] > left and low[1] < top and high[1] > bottom)


def write(path: Path, values: np.ndarray, grid: Grid) -> Path:
    """Write a raster."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "nodata": np.nan, "crs": grid.crs}
    with rasterio.open(path, "w", **profile, width=grid.width, height=grid.height, transform=grid.transform) as raster:
        raster.write(values, 1)
    return path


def write_geojson(path: Path, layer: Any, crs: CRS) -> Path:
    """Write a layer in degrees."""

    def degrees(xy: np.ndarray) -> np.ndarray:
        return reprojected(xy, crs, CRS.from_epsg(4326))

    if isinstance(layer, Points):
        shapes = [shapely.Point(x, y) for x, y in layer.xy]
    elif isinstance(layer, Lines):
        shapes = [shapely.LineString(part) for part in layer.parts]
    else:
        shapes = [shapely.geometry.shape(geometry) for geometry in layer.geometries]
    rows = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(shapely.transform(shape, degrees)),
            "properties": {name: values[number] for name, values in layer.fields.items()},
        }
        for number, shape in enumerate(shapes)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    return path


@dataclass
class Outcome:
    """What became of the steps of an area."""

    area: Area
    cells: int = 0
    landslides: int = 0
    texts: dict[str, str] = field(default_factory=dict)  # by step that did not end well
    crashed: list[str] = field(default_factory=list)  # steps that failed without saying why
    done: list[str] = field(default_factory=list)
    ready: bool | None = None  # as ``checkfactors`` says
    auc: float | None = None
    span: float | None = None  # of the map, 5th to 95th percentile
    seconds: float = 0.0

    @property
    def defects(self) -> list[str]:
        """What should not be."""
        found = [f"{step} crashed" for step in self.crashed]
        if self.ready is not None and self.ready != ("train" in self.done) and "stack" in self.done:
            found.append("checkfactors says ready" if self.ready else "checkfactors says not ready")
        if self.ready is not False:
            found += [f"{step} refused" for step in self.texts if step not in self.crashed]
        if self.span is not None and self.span < FLAT:
            found.append("flat map")
        return found

    @property
    def row(self) -> str:
        """A row of the table."""
        area = self.area
        steps = " | ".join("ok" if step in self.done else "no" if step in self.texts else "" for step in STEPS)
        auc, span = ("" if value is None else f"{value:.3f}" for value in (self.auc, self.span))
        size = f"{area.wide:g} × {area.high:g}"
        return (
            f"| {area.source} {area.kinds} | {size} | {area.cell:g} | {self.cells:,} | {self.landslides} | {steps} "
            f"| {auc} | {span} | {self.seconds:.0f} |"
        )


def run_jobs(inputs: Inputs, folder: Path, quick: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the steps of the chain, to be called one after the other."""
    quiet: Any = {"progress": NullProgress()}
    stack, labels, model, susceptibility = (folder / f"{name}.tif" for name in ("stack", "labels", "model", "map"))
    model, zones = model.with_suffix(".safetensors"), folder / "zones.tif"
    rock = None if inputs.rock is None else CategoricalInput(raster=str(inputs.rock), name="lithology")
    extra = [] if inputs.constant is None else [(inputs.constant, "constant")]
    layers = StackInputs(
        inputs.dem, rivers=inputs.rivers, precipitation=inputs.rain, lithology=rock, extra_continuous=extra
    )
    yield "stack", lambda: build_factor_stack(layers, stack, StackOptions(), **quiet)
    options = LabelOptions(scale_field=inputs.scale)
    yield "labels", lambda: build_buffered_labels(inputs.landslides, stack, labels, options, **quiet)
    page, table = folder / "page.html", folder / "table.csv"
    yield "check", lambda: check_factors(stack, page, table, labels=labels, **quiet)
    settings = settings_of_kind(PCUM, RECOMMENDED, {})
    yield "train", lambda: train_pcum(stack, labels, model, settings=settings, output_html=page, **quiet)
    yield "predict", lambda: predict_susceptibility(stack, [model], susceptibility, PredictionOptions(), **quiet)
    yield "zones", lambda: classify_zones(susceptibility, zones, output_table=table, **quiet)
    vectors = EvaluationLayers(inputs.landslides)
    more = {"zones": zones, **quiet}
    yield "validate", lambda: validate_with_points(susceptibility, vectors, page, table, ValidationOptions(), **more)
    explained = ExplanationInputs(stack, model, labels)
    outputs = {"output_html": page, "output_table": table, **quiet}
    few = {"blocks": 30, "repeats": 2, "references": 2} if quick else {}
    yield "explain", lambda: explain_susceptibility(explained, ExplanationOptions(**few), **outputs)
    for step, kind in (("crossvalidate", PCUM), ("regression", REGRESSION)):
        yield (
            step,
            lambda kind=kind: cross_validate(
                stack,
                labels,
                inputs.landslides,
                folder / "folds.tif",
                options=CrossValidationOptions(kind, random_split=not quick),
                settings=settings_of_kind(kind, RECOMMENDED, {}),
                **outputs,
            ),
        )


def run_qgis(inputs: Inputs, folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the same steps through ``qgis_process``."""
    crs = inputs.grid.crs
    files = {"LANDSLIDES": write_geojson(folder / "landslides.geojson", inputs.landslides, crs)}
    layers: dict[str, Any] = {"DEM": inputs.dem, "PRECIPITATION": inputs.rain, "LITHOLOGY": inputs.rock}
    if inputs.rivers is not None:
        layers["RIVERS"] = write_geojson(folder / "rivers.geojson", inputs.rivers, crs)
    layers["EXTRA_CONTINUOUS"] = inputs.constant
    stack, labels, model = folder / "stack.tif", folder / "labels.tif", folder / "model.safetensors"
    susceptibility, zones, page, table = (folder / name for name in ("map.tif", "zones.tif", "page.html", "table.csv"))
    windows, tables = folder / "windows.gpkg", {"OUTPUT_HTML": page, "OUTPUT_TABLE": table}

    def call(name: str, **given: Any) -> Callable[[], Any]:
        return lambda: run_algorithm(name, {key: str(value) for key, value in given.items() if value is not None})

    rasters = {"STACK": stack, "LABELS": labels}
    yield "stack", call("buildfactorstack", **layers, OUTPUT=stack)
    yield "labels", call("buildbufferedlabels", **files, REFERENCE=stack, SCALE_FIELD=inputs.scale, OUTPUT=labels)
    yield "check", call("checkfactors", **rasters, **tables)
    outputs = {"OUTPUT": model, "OUTPUT_WINDOWS": windows, "OUTPUT_HTML": page}
    yield "train", call("trainpcum", **rasters, **outputs)
    yield "predict", call("predictsusceptibility", STACK=stack, MODEL=model, OUTPUT=susceptibility)
    yield "zones", call("classifyzones", SUSCEPTIBILITY=susceptibility, OUTPUT=zones, OUTPUT_TABLE=table)
    inputs_of_map = {"SUSCEPTIBILITY": susceptibility, "ZONES": zones, "WINDOWS": windows}
    yield "validate", call("validatewithpoints", **inputs_of_map, **files, **tables)
    yield "explain", call("explainsusceptibility", **rasters, MODEL=model, **tables)
    for step, kind in (("crossvalidate", PCUM), ("regression", REGRESSION)):
        yield (step, call("crossvalidate", KIND=kind, **rasters, **files, OUTPUT=folder / "folds.tif", **tables))


class AlgorithmRefused(ScarpError):
    """An algorithm ended with a message."""


def run_algorithm(name: str, given: dict[str, str]) -> Any:
    """Run an algorithm in ``qgis_process``; its results come with its log under ``log``."""
    program = os.environ.get("SCARP_QGIS_PROCESS", "qgis_process")
    command = [program, "--json", "run", f"scarp:{name}", "--", *(f"{key}={value}" for key, value in given.items())]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        found = json.loads(ended.stdout)
        return {**found["results"], "log": json.dumps(found.get("log", {}))}
    # The message is the last line that is none of Python's or QGIS's own.
    lines = [line for line in re.split(r"[\r\n]+", ended.stderr) if line.strip()]
    if any("Traceback" in line for line in lines):
        raise RuntimeError("\n".join(lines))
    raise AlgorithmRefused(lines[-1] if lines else f"code {ended.returncode}")


def study(area: Area, source: Source, folder: Path, given: argparse.Namespace) -> Outcome:
    """Run the chain on an area."""
    outcome, started = Outcome(area), time.monotonic()
    inputs = make_inputs(area, source, folder)
    outcome.cells, outcome.landslides = inputs.grid.width * inputs.grid.height, len(inputs.landslides)
    steps = run_qgis(inputs, folder) if given.qgis else run_jobs(inputs, folder, given.quick)
    for step, call in steps:
        if given.steps and step not in given.steps:
            continue
        try:
            result = call()
        except ScarpError as error:
            outcome.texts[step] = str(error)
        except Exception:  # what a crash is, is the question here
            outcome.texts[step] = traceback.format_exc()
            outcome.crashed.append(step)
        else:
            outcome.done.append(step)
            if step == "check":
                outcome.ready, outcome.texts["check"] = readiness(result)
            if step == "crossvalidate":
                outcome.auc = result["AUC"] if given.qgis else result.auc
        if step == "check" and outcome.ready:
            outcome.texts.pop("check", None)
        if step in outcome.texts and step in ("stack", "labels", "train", "predict"):
            break
    if "predict" in outcome.done:
        with rasterio.open(folder / "map.tif") as dataset:
            values = dataset.read(1)
        low, high = np.nanquantile(values, [0.05, 0.95])
        outcome.span = float(high - low)
    outcome.seconds = time.monotonic() - started
    return outcome


def readiness(result: Any) -> tuple[bool, str]:
    """Return whether ``checkfactors`` found no error, and the errors."""
    if isinstance(result, dict):
        return not result["ERRORS"], result["log"]
    return not result.errors, "; ".join(
        f"{one.factor} {one.message} {one.remedy}" for one in result.findings if one.severity == ERROR
    )


def main() -> None:
    """Run the chain on the chosen areas and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of names of areas; all without")
    parser.add_argument("--qgis", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", type=Path, help="where files stay; without it they are deleted")
    parser.add_argument("--steps", nargs="*", choices=STEPS, help="only these, on files of an earlier run")
    given = parser.parse_args()
    if given.quick:
        pointwise_fit.CHECKPOINTS, additive_fit.PENALTIES = (50,), additive_fit.PENALTIES[1:3]
        fold_problem.MIN_STABLE = fold_problem.MAX_STABLE = 1_000
    data = Path(os.environ["SCARP_TEST_DATA"])
    chosen = dict.fromkeys(area for part in given.names or [""] for area in AREAS if part in area.name)
    sources: dict[str, Source] = {}
    outcomes = []
    print(f"| area | km | cell, m | cells | landslides | {' | '.join(STEPS)} | AUC | span | s |")
    print("|---" * (len(STEPS) + 8) + "|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        for area in chosen:
            folder = (given.folder or Path(temporary)) / area.name
            folder.mkdir(parents=True, exist_ok=True)
            if area.source not in sources:
                sources[area.source] = read_source(area.source, data, Path(temporary))
            outcomes.append(study(area, sources[area.source], folder, given))
            print(outcomes[-1].row, flush=True)
            for step, text in outcomes[-1].texts.items():
                print(f"    {step}: {text}", file=sys.stderr, flush=True)
            for defect in outcomes[-1].defects:
                print(f"    DEFECT {outcomes[-1].area.name}: {defect}", file=sys.stderr, flush=True)
    trained = sum("train" in one.done for one in outcomes)
    bad = [one for one in outcomes if one.defects]
    print(
        f"\n{len(outcomes)} areas: {trained} trained, {len(outcomes) - trained} refused before; {len(bad)} with a "
        f"defect{': ' if bad else ''}{', '.join(one.area.name for one in bad)}."
    )


if __name__ == "__main__":
    main()
