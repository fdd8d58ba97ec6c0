"""Spatial cross validation of many models and settings on one area, one row a run, several seeds.

    ./run python benchmarks/training_folds.py AREA.json RESULTS.csv --plan ablation --seeds 1,2,3
    ./run python benchmarks/training_folds.py AREA.json RESULTS.csv --table

AREA.json names the files: ``{"stack": …, "labels": …, "landslides": …, "safety": …, "regions": …, "region_field": …,
"ring": 150.0, "settings": {"block": 4000.0}}``; safety, regions and the ring of the labels in metres may be left out.
Every run is a cross validation as ``scarp:crossvalidate`` does it: landslides against all other mapped land. Rows that
are in RESULTS.csv already are not run again. With ``--draw 40`` models are trained on the labels of 40 landslides,
drawn anew for each seed, and judged at all of them.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from osgeo import ogr
from rasterio.features import rasterize
from sklearn.metrics import roc_auc_score

from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.build_buffered_labels import build_buffered_labels
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.labels import LANDSLIDE
from scarp.model.labels.settings import LabelOptions
from scarp.model.progress import NullProgress
from scarp.model.training.settings import TITLES, CrossValidationOptions, settings_of_kind
from scarp.model.validation.out_of_fold import IS_LAND, IS_LANDSLIDE, draw_sample, landslide_cells, sample_raster

SHARES = (0.3, 0.5, 0.7, 0.9)
P_LOW, FS_CRITICAL = 0.15, 0.5

PLANS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "ablation": {
        f"1:{weight:g} {physics}": ("pcum", {"weight_landslide": weight, "physics": physics, "patience": 5})
        for weight in (4.0, 5.0)
        for physics in ("none", "indicator", "hinge")
    },
    "kinds": {
        TITLES[kind]: (kind, {})
        for kind in (
            "pcum",
            "unet",
            "bpnn",
            "resnet",
            "logistic_regression",
            "random_forest",
            "frequency_ratio",
            "weights_of_evidence",
            "gradient_boosting",
            "gam",
        )
    },
    "pcum": {TITLES["pcum"]: ("pcum", {})},
    "real": {
        TITLES[kind]: (kind, {})
        for kind in (
            *("pcum", "logistic_regression", "random_forest", "frequency_ratio", "weights_of_evidence"),
            *("gradient_boosting", "gam"),
        )
    },
    "recommended": {
        TITLES[kind]: (kind, {})
        for kind in ("pcum", "logistic_regression", "gam", "random_forest", "gradient_boosting")
    },
    "windows": {"PCUM on windows": ("pcum", {"preset": "windows"})},
    "ensemble": {"PCUM with boosting": ("pcum", {"ensemble": "gradient_boosting"})},
    "encoding": {f"{encoding}": ("pcum", {"encoding": encoding}) for encoding in ("codes", "one_hot")},
}


def points_of(path: str) -> Points:
    """Return the points of a layer."""
    source = ogr.Open(path)
    xy = [(feature.GetGeometryRef().GetX(), feature.GetGeometryRef().GetY()) for feature in source.GetLayer(0)]
    return Points(Path(path).stem, xy=np.array(xy, dtype=np.float64))


def regions_of(area: dict[str, Any], grid: Grid) -> tuple[list[str], np.ndarray]:
    """Return the names of the regions and a raster of their numbers from 1; nothing without regions."""
    if "regions" not in area:
        return [], np.zeros((grid.height, grid.width), dtype=np.uint8)
    source = ogr.Open(area["regions"])
    names, shapes = [], []
    for number, feature in enumerate(source.GetLayer(0), start=1):
        names.append(str(feature.GetField(area["region_field"])) if "region_field" in area else str(number))
        shapes.append((json.loads(feature.GetGeometryRef().ExportToJson()), number))
    return names, rasterize(shapes, out_shape=(grid.height, grid.width), transform=grid.transform, dtype=np.uint8)


def draw_labels(area: dict[str, Any], landslides: Points, count: int, seed: int, path: Path) -> Path:
    """Write the labels of some landslides, drawn from those in the mapped land, and return their path."""
    with rasterio.open(area["labels"]) as dataset:
        labels, inverse = dataset.read(1), ~dataset.transform
    columns, rows = np.floor(inverse * landslides.xy.T).astype(int)
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    inside[inside] = labels[rows[inside], columns[inside]] == LANDSLIDE
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(inside), count, replace=False)
    drawn = Points(landslides.name, xy=landslides.xy[chosen])
    build_buffered_labels(drawn, area["stack"], path, LabelOptions(), NullProgress())
    return path


def run(
    area: dict[str, Any], kind: str, given: dict[str, Any], seed: int, random_split: bool, draw: int = 0
) -> dict[str, Any]:
    """Cross-validate once and return the row's numbers."""
    preset, given = given.get("preset", "recommended"), {key: value for key, value in given.items() if key != "preset"}
    settings = settings_of_kind(kind, preset, {**area.get("settings", {}), **given, "seed": seed})
    landslides, started = points_of(area["landslides"]), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path, labels = Path(folder, "map.tif"), area["labels"]
        if draw:
            labels = draw_labels(area, landslides, draw, seed, Path(folder, "labels.tif"))
        result = cross_validate(
            area["stack"],
            labels,
            landslides,
            path,
            options=CrossValidationOptions(kind, folds=5, random_split=random_split, processes=1),
            settings=settings,
            safety_factor=area.get("safety") if kind == "pcum" else None,
            progress=NullProgress(),
        )
        with rasterio.open(path) as dataset:
            grid, values = Grid.from_dataset(dataset, "map"), dataset.read(1)
        # Other land does not depend on the seed, so that all rows are judged on the same.
        cells = landslide_cells(grid, landslides, NullProgress())
        ring = float(area.get("ring", 0.0))
        sample = draw_sample(path, area["labels"], landslides, cells, ring, 5, 1, NullProgress())
        at = sample_raster(path, sample, NullProgress())
    mean, slope = result.folds[-1], result.folds[-1].baselines.get("slope")
    row: dict[str, Any] = {"auc": mean.auc.value, "low": mean.auc.low, "high": mean.auc.high, "blocks": mean.blocks}
    row |= {"worst_fold": result.lowest, "pooled": result.pooled, "auc_stable": mean.auc_stable.value}
    if slope is not None:
        ahead = slope.difference
        row |= {"slope": slope.auc.value, "ahead": ahead.value, "ahead_low": ahead.low, "ahead_high": ahead.high}
    if result.random is not None:
        row["random"] = result.random
    names, region = regions_of(area, grid)
    number, slide, land = (region[sample.rows, sample.columns], sample.kind == IS_LANDSLIDE, sample.kind == IS_LAND)
    for index, name in enumerate(names, start=1):
        some = (slide | land) & np.isfinite(at) & (number == index)
        row[f"region {name}"] = roc_auc_score(slide[some], at[some])
    slides = at[slide]
    edges = np.quantile(values[np.isfinite(values)], SHARES)
    shares = np.bincount(np.searchsorted(edges, slides, side="left"), minlength=5) / len(slides)
    row |= {
        f"ratio {zone + 1}": share / part for zone, (share, part) in enumerate(zip(shares, np.diff([0, *SHARES, 1])))
    }
    if "safety" in area:
        with rasterio.open(area["safety"]) as dataset:
            warned = (dataset.read(1) < FS_CRITICAL) & np.isfinite(values)
        row["violation"] = (values[warned] < P_LOW).mean()
    return {**row, "seconds": time.perf_counter() - started}


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of earlier runs."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write all rows; columns in the order in which they turned up."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows(rows)


def print_table(rows: list[dict[str, str]]) -> None:
    """Print mean and standard deviation over the seeds by model."""
    numbers = [name for name in rows[0] if name not in ("area", "plan", "model", "seed")]
    regions = [name for name in numbers if name.startswith("region ")]
    last = ["mean region", "worst region"] if regions else []
    print("| area | plan | model | seeds | " + " | ".join([*numbers, *last]))
    for key in dict.fromkeys((row["area"], row["plan"], row["model"]) for row in rows):
        some = [row for row in rows if (row["area"], row["plan"], row["model"]) == key]
        cells = []
        for name in numbers:
            values = [float(row[name]) for row in some if row.get(name)]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else "")
        if regions:
            table = np.array([[float(row[name]) for name in regions] for row in some])
            cells += [f"{table.mean():.3f}", f"{table.min(axis=1).mean():.3f}"]
        print("| " + " | ".join([*key, str(len(some)), *cells]), flush=True)


def main() -> None:
    """Run what a plan asks for and is not there yet, or print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("area")
    arguments.add_argument("results", type=Path)
    arguments.add_argument("--plan", default="kinds", help=f"one or several of {', '.join(PLANS)}, joined by commas")
    arguments.add_argument("--seeds", default="1,2,3")
    arguments.add_argument("--random", action="store_true", help="also with a random split")
    arguments.add_argument("--draw", type=int, default=0, help="landslides to train on; all by default")
    arguments.add_argument("--table", action="store_true", help="only print what is there")
    given = arguments.parse_args()
    name = Path(given.area).stem
    area = json.loads(Path(given.area).read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = list(read_rows(given.results))
    if given.table:
        return print_table(rows)
    for seed in given.seeds.split(","):
        for plan in given.plan.split(","):
            for model, (kind, settings) in PLANS[plan].items():
                key = {
                    "area": f"{name}, {given.draw}" if given.draw else name,
                    "plan": plan,
                    "model": model,
                    "seed": seed,
                }
                if any(all(row.get(column) == value for column, value in key.items()) for row in rows):
                    continue
                numbers = run(area, kind, settings, int(seed), given.random, given.draw)
                rows.append({**key, **{column: f"{value:.5g}" for column, value in numbers.items()}})
                write_rows(given.results, rows)
                print(rows[-1], flush=True)
    print_table(rows)
    return None


if __name__ == "__main__":
    main()
