"""The demo chain in small, and its results as numbers that can be kept and compared."""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path
from typing import Any, Callable

import numpy as np
import rasterio
import torch

from scarp.model.stack import open_stack

VALUES = Path(__file__).with_name("demo.json")
SIZE = 240
REGIONS = 5
SEED = 1
WINDOWS = {"WINDOW": 900, "BLOCK": 900, "AUGMENT": False, "SEED": SEED}
NETWORK = {"WIDTH": 8, "DEPTH": 2, "DROPOUT": 0, "DEVICE": "cpu", "PRECISION": "fp32"}
TRAINING = {**WINDOWS, **NETWORK, "EPOCHS": 6, "PATIENCE": 0, "BATCH": 64, "LEARNING_RATE": 0.001}
"""Few and small steps: rounding grows from step to step, and after many a network is another one on every processor."""
QUANTILES = (1, 5, 25, 50, 75, 95, 99)
PIECES = 6  # along a side: means of so many squares show a shift that leaves all else as it is


def measure(run: Callable[..., dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Run the chain with a function of an algorithm's name and parameters, and return its numbers by step."""
    data = folder / "data"
    made = run("createdemodata", SIZE=SIZE, REGIONS=REGIONS, SEED=SEED, OUTPUT=data)
    rasters = {name: _amounts(data / f"{name}.tif") for name in ("dem", "true_probability")}
    found: dict[str, Any] = {"demo": {"landslides": made["LANDSLIDES"], **rasters}}
    stack, labels, safety = folder / "factors.tif", folder / "labels.tif", folder / "safety.tif"
    landform = data / "landform.gpkg"
    fields = {"landform": "landform", "lithology": "lithology", "seismic": "intensity"}
    classes = {name.upper(): data / f"{name}.gpkg" for name in fields}
    classes |= {f"{name.upper()}_FIELD": field for name, field in fields.items()}
    lines = {"RIVERS": data / "rivers.gpkg", "RIVER_RADIUS": 1000, "FAULTS": data / "faults.gpkg", "FAULT_RADIUS": 3000}
    rain = {"PRECIPITATION": data / "precipitation.tif"}
    warmth = {"TEMPERATURE": data / "temperature.tif"}
    dem = {"DEM": data / "dem.tif", "AREA": data / "study_area.gpkg"}
    run("buildfactorstack", TERRAIN="none", **dem, **classes, **lines, **rain, **warmth, OUTPUT=stack)
    found["factors"] = _factors(stack)
    points = {"LANDSLIDES": data / "landslides.gpkg", "SCALE_FIELD": "scale"}
    run("buildbufferedlabels", **points, REFERENCE=stack, OUTPUT=labels)
    found["labels"] = _classes(labels)
    fields = {"ALPHA_FIELD": "alpha", "BETA_FIELD": "beta", "RAINY_DAYS_FIELD": "rainy_days"}
    k = {"TOPOGRAPHY": landform, "TOPOGRAPHY_FIELD": "landform"}
    run("buildsafetyfactor", REFERENCE=stack, **rain, CLIMATE=data / "climate.gpkg", **fields, **k, OUTPUT=safety)
    found["safety"] = _amounts(safety)
    model, windows, learned = folder / "model.safetensors", folder / "windows.gpkg", {"STACK": stack, "LABELS": labels}
    trained = run("trainpcum", **learned, SAFETY_FACTOR=safety, OUTPUT=model, OUTPUT_WINDOWS=windows, **TRAINING)
    measures = ("AUC", "RECALL", "ACCURACY", "LOSS", "VIOLATION_RATE")
    found["training"] = {name.lower(): trained[name] for name in measures}
    record = json.loads(Path(f"{model}.run.json").read_text(encoding="utf-8"))
    counts = ("windows", "landslide_windows", "landslide_cells", "stable_cells")
    found["windows"] = {one["name"]: {name: one[name] for name in counts} for one in record["windows"]}
    plain = folder / "ratio.safetensors"
    run("traincomparisonmodel", KIND="frequency_ratio", **learned, BLOCK=WINDOWS["BLOCK"], SEED=SEED, OUTPUT=plain)
    for kind, path in (("pcum", model), ("frequency_ratio", plain)):
        found[kind] = _map(run, folder / kind, stack, path, data, {"WINDOWS": windows})
    recommended, held_out = folder / "recommended.safetensors", folder / "out-of-fold.tif"
    outputs = {"OUTPUT": recommended, "OUTPUT_OUT_OF_FOLD": held_out}
    trained = run("trainpcum", **learned, SAFETY_FACTOR=safety, DEVICE="cpu", SEED=SEED, **outputs)
    found["recommended_training"] = {name.lower(): trained[name] for name in measures}
    found["recommended"] = _map(run, folder / "recommended", stack, recommended, data, {"OUT_OF_FOLD": held_out})
    return found


def surroundings() -> dict[str, str]:
    """Return what the numbers depend on besides the code."""
    from scarp.model.outputs.run_record import versions

    return {
        **{name: value for name, value in versions().items() if name != "scarp"},
        "machine": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }


def _map(
    run: Callable[..., Any], folder: Path, stack: Path, model: Path, data: Path, land: dict[str, Path]
) -> dict[str, Any]:
    """Map, zones, warning and validation of a model; ``land`` is what tells the land that it did not see."""
    folder.mkdir()
    susceptibility, zones = folder / "susceptibility.tif", folder / "zones.tif"
    run("predictsusceptibility", STACK=stack, MODEL=model, DEVICE="cpu", PRECISION="fp32", OUTPUT=susceptibility)
    run("classifyzones", SUSCEPTIBILITY=susceptibility, OUTPUT=zones)
    summary = json.loads(Path(f"{zones}.run.json").read_text(encoding="utf-8"))["summary"]
    mapped = {"SUSCEPTIBILITY": susceptibility, "ZONES": zones}
    points = {"LANDSLIDES": data / "landslides.gpkg", **land, "REPEATS": 20, "SEED": SEED}
    outputs = {"OUTPUT_HTML": folder / "report.html", "OUTPUT_TABLE": folder / "numbers.csv"}
    judged = run("validatewithpoints", **mapped, **points, **outputs)
    outputs = {"OUTPUT": folder / "warning.tif", "OUTPUT_TABLE": folder / "warning.csv"}
    warned = run("rainfallwarning", **mapped, RAIN=data / "precipitation.tif", K=0.002, **outputs)
    measures = ("AUC", "AUC_LOW", "AUC_HIGH", "AUC_TEST", "RECALL", "KAPPA")
    return {
        "susceptibility": {**_amounts(susceptibility), "quantiles": _quantiles(susceptibility)},
        "pieces": _pieces(susceptibility),
        "zones": {name: summary[name] for name in ("breaks", "cells", "shares")},
        "validation": {name.lower(): judged.get(name) for name in measures},
        "warning": _classes(folder / "warning.tif"),
        "warned_share": warned.get("WARNED_SHARE"),
    }


def _factors(stack: Path) -> dict[str, Any]:
    with open_stack(stack) as opened:
        return {
            factor.name: _classes(stack, number) if factor.kind == "categorical" else _amounts(stack, number)
            for number, factor in enumerate(opened.factors, 1)
        }


def _read(path: Path, band: int = 1) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read(band, masked=True).astype(np.float64).filled(np.nan)


def _amounts(path: Path, band: int = 1) -> dict[str, Any]:
    """Return the moments of a band, and sums over rows and columns that tell where the values lie."""
    values = _read(path, band)
    known = np.isfinite(values)
    rows, columns = np.nonzero(known)
    kept = values[known]
    return {
        "cells": int(known.sum()),
        "mean": float(kept.mean()),
        "std": float(kept.std()),
        "minimum": float(kept.min()),
        "maximum": float(kept.max()),
        "sum": math.fsum(kept),
        "by_row": math.fsum(kept * rows),
        "by_column": math.fsum(kept * columns),
    }


def _classes(path: Path, band: int = 1) -> dict[str, int]:
    with rasterio.open(path) as source:
        values, cells = np.unique(source.read(band), return_counts=True)
    return {f"{value:g}": int(count) for value, count in zip(values, cells) if not np.isnan(value)}


def _quantiles(path: Path) -> list[float]:
    values = _read(path)
    return [float(value) for value in np.percentile(values[np.isfinite(values)], QUANTILES)]


def _pieces(path: Path) -> list[list[float | None]]:
    def mean(piece: np.ndarray) -> float | None:
        return float(np.nanmean(piece)) if np.isfinite(piece).any() else None

    rows = np.array_split(_read(path), PIECES, axis=0)
    return [[mean(piece) for piece in np.array_split(row, PIECES, axis=1)] for row in rows]
