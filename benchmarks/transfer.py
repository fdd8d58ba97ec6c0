"""Transfer to land without landslides of its own.

    SCARP_TEST_DATA=FOLDER ./run python benchmarks/transfer.py RESULTS.csv

Areas are Kaghan, Ecuador and the five regions of a demo (of a seed that no number was chosen on), with the factors that
all of them have: terrain and rivers. A model of one area, or of all the others (leave-one-area-out), maps another; the
map is judged at the landslides of that area against all its other land, with the interval of its blocks. Ways: ``none``
(labels alone), ``hinge``, ``default`` (with the terrain rule on the training land), ``stability`` (the area to map is
TARGET), and without any model ``slope`` and ``physics`` (infinite slope, usual soil). ``--labels`` adds 0 to 80
landslides of one half of the target, judged in the other half. Rows that are in RESULTS.csv are not run again;
``--table`` prints them.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from areas import features, lines_of
from scipy.stats import rankdata

from scarp.model.demo import DemoOptions
from scarp.model.errors import ScarpError
from scarp.model.factors.settings import StackInputs, StackOptions
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.jobs.build_buffered_labels import build_buffered_labels
from scarp.model.jobs.build_factor_of_safety import build_factor_of_safety
from scarp.model.jobs.build_factor_stack import build_factor_stack
from scarp.model.jobs.create_demo_data import create_demo_data
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.jobs.validate_with_points import validate_with_points
from scarp.model.labels.settings import LabelOptions
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress
from scarp.model.safety.stability_settings import StabilityInputs, StabilityOptions
from scarp.model.training.settings import PCUM, RECOMMENDED, settings_of_kind
from scarp.model.validation.settings import EvaluationLayers, ValidationOptions

DEMO = DemoOptions(size=800, seed=23)
REAL = ("kaghan", "ecuador")
COUNTS = (0, 10, 20, 40, 80)  # landslides of the target
QUIET: Any = {"progress": NullProgress()}


@dataclass
class Area:
    """Files of an area, and its landslides."""

    name: str
    stack: Path
    labels: Path
    landslides: Points
    safety: Path

    def map_of(self, values: np.ndarray, path: Path) -> Path:
        """Write the ranks of values as a map from 0 to 1."""
        with rasterio.open(self.stack) as source:
            profile = {**source.profile, "count": 1, "dtype": "float32", "nodata": np.nan}
        known = np.isfinite(values)
        ranks = np.full(values.shape, np.nan, np.float32)
        ranks[known] = rankdata(values[known]) / (known.sum() + 1)
        with rasterio.open(path, "w", **profile) as target:
            target.write(ranks, 1)
        return path


def make_area(name: str, dem: Path, landslides: Points, rivers: Lines, mask: Polygons | None, folder: Path) -> Area:
    """Build the stack of the common factors, labels and factor of safety of an area."""
    stack, labels, safety = (folder / f"{name}_{what}.tif" for what in ("stack", "labels", "safety"))
    if not stack.exists():
        build_factor_stack(StackInputs(dem, mask, rivers=rivers), stack, StackOptions(), **QUIET)
    with rasterio.open(stack) as raster:
        known = np.isfinite(raster.read(1))
        columns, rows = np.floor(~raster.transform * landslides.xy.T).astype(int)
    inside = (rows >= 0) & (rows < known.shape[0]) & (columns >= 0) & (columns < known.shape[1])
    inside[inside] = known[rows[inside], columns[inside]]
    fields = {key: [value for value, some in zip(values, inside) if some] for key, values in landslides.fields.items()}
    points = Points(name, fields=fields, xy=landslides.xy[inside])
    if not labels.exists():
        sizes = "area_m2" if "area_m2" in fields else None
        build_buffered_labels(points, stack, labels, LabelOptions(area_field=sizes), **QUIET)
    if not safety.exists():
        build_factor_of_safety(StabilityInputs(stack, dem=str(dem)), safety, StabilityOptions(), **QUIET)
    return Area(name, stack, labels, points, safety)


def areas(data: Path, folder: Path) -> Iterator[Area]:
    """Make all areas, those of the real data first."""
    for name, place in (("kaghan", "kaghan_pk"), ("ecuador", "ecuador_rbsf")):
        source = data / place
        geometries, fields = features(source / "landslides.gpkg")
        landslides = Points(name, fields=fields, xy=shapely.get_coordinates(np.array(geometries)))
        rivers = Lines("rivers", parts=lines_of(features(source / "rivers_from_dem.gpkg")[0]))
        mask = None
        if (source / "study_area.gpkg").exists():
            shapes = features(source / "study_area.gpkg")[0]
            mask = Polygons("study area", geometries=[shapely.geometry.mapping(shape) for shape in shapes])
        yield make_area(name, source / "dem.tif", landslides, rivers, mask, folder)
    demo = create_demo_data(folder / "demo", DEMO, **QUIET)
    every, rivers = demo.vectors["landslides"], demo.vectors["rivers"]
    for number, region in enumerate(demo.vectors["regions"].geometries, start=1):
        name, shape = f"demo {number}", shapely.geometry.shape(region)
        dem = folder / f"demo_{number}_dem.tif"
        crop(demo.rasters["dem"], shape.bounds, dem)
        own = Points(name, xy=every.xy[shapely.contains_xy(shape, *every.xy.T)])
        yield make_area(name, dem, own, rivers, Polygons(name, geometries=[region]), folder)


def crop(source: Path, bounds: tuple[float, ...], path: Path) -> None:
    """Write the part of a raster within bounds."""
    with rasterio.open(source) as raster:
        window = rasterio.windows.from_bounds(*bounds, transform=raster.transform).round_offsets().round_lengths()
        window = window.intersection(rasterio.windows.Window(0, 0, raster.width, raster.height))
        size = {"width": int(window.width), "height": int(window.height)}
        profile = {**raster.profile, **size, "transform": raster.window_transform(window)}
        with rasterio.open(path, "w", **profile) as target:
            target.write(raster.read(window=window))


def judge(area: Area, susceptibility: Path, part: np.ndarray | None = None) -> dict[str, Any]:
    """Return the AUC of a map with the interval of its blocks; ``part`` are the cells that count."""
    landslides = area.landslides
    if part is not None:
        with rasterio.open(susceptibility, "r+") as raster:
            values = raster.read(1)
            values[~part] = np.nan
            raster.write(values, 1)
            columns, rows = np.floor(~raster.transform * landslides.xy.T).astype(int)
        landslides = Points(area.name, xy=landslides.xy[part[rows, columns]])
    layers, options = EvaluationLayers(landslides), ValidationOptions(repeats=100)
    found = validate_with_points(susceptibility, layers, None, None, options, **QUIET)
    return {"auc": found.auc, "low": found.auc_low, "high": found.auc_high, "landslides": found.landslides}


def train_and_map(sources: list[Area], target: Area, way: str, seed: int, folder: Path, **more: Any) -> Path:
    """Train on areas in one way, and map the target."""
    first, *others = sources
    physics, given = {"none": "none", "default": "none"}.get(way, way), {}
    if way != "default" and way != "stability":
        given["prior"] = 0.0
    if way == "hinge":
        more["safety_factor"] = first.safety
    if way == "stability":
        more["target"] = target.stack
    if others:
        more.update(more_stacks=[one.stack for one in others], more_labels=[one.labels for one in others])
    settings = settings_of_kind(PCUM, RECOMMENDED, {"seed": seed, "physics": physics, **given})
    model, susceptibility = folder / "model.safetensors", folder / "map.tif"
    train_pcum(first.stack, first.labels, model, settings=settings, **more, **QUIET)
    predict_susceptibility(target.stack, [model], susceptibility, PredictionOptions(), **QUIET)
    return susceptibility


def textbook(target: Area, way: str, folder: Path) -> Path:
    """Map an area by slope or by the factor of safety alone."""
    with rasterio.open(target.stack if way == "slope" else target.safety) as raster:
        band = raster.descriptions.index("slope") + 1 if way == "slope" else 1
        values = raster.read(band) * (1 if way == "slope" else -1)
    with rasterio.open(target.stack) as raster:
        values[~np.isfinite(raster.read(1))] = np.nan
    return target.map_of(values, folder / "map.tif")


def plans(made: list[Area]) -> Iterator[tuple[list[Area], Area]]:
    """Yield training areas and target: leave-one-area-out first, then every ordered pair, real areas first."""
    for target in made:
        yield [one for one in made if one is not target], target
    pairs = [(source, target) for source in made for target in made if source is not target]
    for source, target in sorted(pairs, key=lambda pair: -sum(one.name in REAL for one in pair)):
        yield [source], target


def few_labels(source: Area, target: Area, count: int, way: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train with some landslides of one half of a target and judge in the other half; the mean of both halves."""
    with rasterio.open(target.labels) as raster:
        labels = raster.read(1)
    columns = np.broadcast_to(np.arange(labels.shape[1]), labels.shape)
    with rasterio.open(target.stack) as raster:
        known = np.isfinite(raster.read(1))
        place = np.floor(~raster.transform * target.landslides.xy.T).astype(int)
    middle = int(np.median(place[0]))
    found = []
    for half in (columns < middle, columns >= middle):
        own = np.flatnonzero(half[place[1], place[0]])
        drawn = np.random.default_rng(seed).choice(own, min(count, len(own)), replace=False)
        part = folder / "labels.tif"
        if count:
            points = Points(target.name, xy=target.landslides.xy[drawn])
            build_buffered_labels(points, target.stack, part, LabelOptions(), **QUIET)
            with rasterio.open(part, "r+") as raster:
                raster.write(np.where(half, raster.read(1), 255).astype(np.uint8), 1)
        susceptibility = folder / "map.tif"
        if way == "own" or (way == "fine-tuned" and count):
            more: dict[str, Any] = {}
            if way == "fine-tuned":
                train_and_map([source], target, "stability", seed, folder)
                more["start_from"] = (folder / "model.safetensors").rename(folder / "start.safetensors")
            settings = settings_of_kind(PCUM, RECOMMENDED, {"seed": seed, "physics": "none"})
            model = folder / "model.safetensors"
            train_pcum(target.stack, part, model, settings=settings, **more, **QUIET)
            predict_susceptibility(target.stack, [model], susceptibility, PredictionOptions(), **QUIET)
        else:
            train_and_map([source], target, "stability", seed, folder)
        found.append(judge(target, susceptibility, known & ~half))
    return {"auc": np.mean([one["auc"] for one in found]), "landslides": sum(one["landslides"] for one in found)}


@dataclass
class Job:
    """A row of the results to compute."""

    source: str
    target: Area
    way: str
    labels: str
    seed: int
    compute: Callable[[Path], dict[str, Any]]  # in a folder of its own

    @property
    def key(self) -> tuple[str, ...]:
        """The first columns of the row."""
        return self.source, self.target.name, self.way, self.labels, str(self.seed)


def jobs(made: list[Area], arguments: argparse.Namespace) -> Iterator[Job]:
    """Yield what the arguments ask for."""
    for target, way in product(made, ("slope", "physics")):
        yield Job("", target, way, "", 0, partial(rule_alone, target, way))
    for seed in map(int, arguments.seeds.split(",")):
        if arguments.labels:
            for (source, target), count in product((made[:2], made[1::-1]), COUNTS):
                for way in ("own", "fine-tuned") if count else ("fine-tuned",):
                    compute = partial(few_labels, source, target, count, way, seed)
                    yield Job(source.name, target, way, str(count), seed, compute)
            continue
        for (sources, target), way in product(plans(made), arguments.ways.split(",")):
            real = target.name in REAL and all(one.name in REAL for one in sources)
            if (arguments.real and not real) or (way == "hinge" and len(sources) > 1):
                continue
            name = sources[0].name if len(sources) == 1 else "all others"
            yield Job(name, target, way, "", seed, partial(transferred, sources, target, way, seed))


def rule_alone(target: Area, way: str, folder: Path) -> dict[str, Any]:
    """Judge a rule of a textbook."""
    return judge(target, textbook(target, way, folder))


def transferred(sources: list[Area], target: Area, way: str, seed: int, folder: Path) -> dict[str, Any]:
    """Judge a model of other areas."""
    return judge(target, train_and_map(sources, target, way, seed, folder))


def run(job: Job, path: Path) -> None:
    """Compute a row and add it to the results."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            numbers = job.compute(Path(folder))
        except ScarpError as error:
            numbers = {"error": str(error)}
    row = dict(zip(COLUMNS, job.key)) | numbers | {"seconds": round(time.perf_counter() - started, 1)}
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        if stream.tell() == 0:
            writer.writeheader()
        writer.writerow({name: f"{one:.4f}" if isinstance(one, float) else one for name, one in row.items()})


COLUMNS = ("source", "target", "way", "labels", "seed", "auc", "low", "high", "landslides", "seconds", "error")


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of the results."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def print_table(rows: list[dict[str, str]]) -> None:
    """Print the mean over seeds: a row a pair, a column a way; and how far each is ahead of slope and physics."""
    ways = list(dict.fromkeys(row["way"] for row in rows))
    values: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in rows:
        if row["auc"]:
            key = row["source"], row["target"], row["labels"]
            values.setdefault(key, {}).setdefault(row["way"], []).append(float(row["auc"]))
    print("| from | to | landslides | " + " | ".join(ways) + " |\n|" + "---|" * (len(ways) + 3))
    ahead: dict[str, list[float]] = {}
    for (source, target, labels), found in values.items():
        if not source:
            continue
        found = {**values.get(("", target, ""), {}), **found}
        means = {way: float(np.mean(found[way])) for way in found}
        best = max(means["slope"], means["physics"])
        for way, mean in means.items():
            ahead.setdefault(way, []).append(mean - best)
        cells = [f"{means[way]:.3f}" if way in means else "" for way in ways]
        print(f"| {source} | {target} | {labels} | " + " | ".join(cells) + " |")
    print("\nahead of the better of slope and physics: mean, lowest")
    for way, differences in ahead.items():
        print(f"{way}: {np.mean(differences):+.3f}, {min(differences):+.3f} ({len(differences)})")


def main() -> None:
    """Run or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--ways", default="none,default,stability")
    parser.add_argument("--labels", action="store_true", help="landslides of the target, Kaghan and Ecuador")
    parser.add_argument("--real", action="store_true", help="Kaghan and Ecuador alone")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--folder", help="keep the areas there")
    arguments = parser.parse_args()
    if arguments.table:
        print_table(read(Path(arguments.results)))
        return
    path = Path(arguments.results)
    done = {tuple(row[name] for name in COLUMNS[:5]) for row in read(path)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made = list(areas(Path(os.environ["SCARP_TEST_DATA"]), folder))
        for job in jobs(made, arguments):
            if job.key not in done:
                run(job, path)


if __name__ == "__main__":
    main()
