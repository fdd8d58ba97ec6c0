"""Run the whole workflow on the built-in demo data through qgis_process and leave one folder with the results.

Called by ``./run demo [FOLDER]``, which sets up the environment.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rasterio
from scipy.stats import spearmanr

SIZE = 600
SEED = 1
ZONES = ("very low", "low", "medium", "high", "very high")


class Chain:
    """Runs algorithms as child processes of qgis_process and keeps their results and times."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}
        self.program = os.environ["SCARP_QGIS_PROCESS"]

    def run(self, algorithm: str, **parameters: object) -> dict:
        """Run one algorithm; its log goes to ``logs/ALGORITHM.log``; end the demo when it fails."""
        print(f"  {algorithm} ...", flush=True)
        command = [self.program, "--json", "run", f"scarp:{algorithm}", "--"]
        command += [f"{name}={value}" for name, value in parameters.items()]
        started = time.perf_counter()
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        self.seconds[algorithm] = time.perf_counter() - started
        log = self.folder / "logs" / f"{algorithm}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(process.stdout + process.stderr, encoding="utf-8")
        if process.returncode:
            print(process.stderr or process.stdout, file=sys.stderr)
            sys.exit(f"scarp:{algorithm} failed; its log is {log}.")
        return json.loads(process.stdout[process.stdout.index("{") :])["results"]


def truth_correlation(susceptibility: Path, truth: Path) -> float:
    """Return Spearman's rank correlation of two rasters over the cells valid in both."""
    with rasterio.open(susceptibility) as first, rasterio.open(truth) as second:
        a, b = first.read(1), second.read(1)
    valid = np.isfinite(a) & np.isfinite(b)
    return float(spearmanr(a[valid], b[valid]).statistic)


def zone_ratios(table: Path) -> list[float]:
    """Return the frequency ratio of each zone, over the whole map, from a validation table."""
    with table.open(encoding="utf-8", newline="") as stream:
        values = {row["measure"]: row["value"] for row in csv.DictReader(stream) if row["scope"] == "all"}
    return [float(values[f"zone_{zone}_frequency_ratio"]) for zone in range(1, len(ZONES) + 1)]


def main(folder: Path) -> None:
    """Create data, map, report, project and picture in a folder, then print a short table."""
    folder.mkdir(parents=True, exist_ok=True)
    chain = Chain(folder)
    data = folder / "data"
    print(f"Scarp demo in {folder}", flush=True)
    chain.run("createdemodata", SIZE=SIZE, SEED=SEED, OUTPUT=data)
    stack, labels = folder / "factors.tif", folder / "labels.tif"
    safety, model = folder / "safety_factor.tif", folder / "model.safetensors"
    susceptibility, zones = folder / "susceptibility.tif", folder / "zones.tif"
    chain.run(
        "buildfactorstack",
        DEM=data / "dem.tif",
        AREA=data / "study_area.gpkg",
        LANDFORM=data / "landform.gpkg",
        LANDFORM_FIELD="landform",
        RIVERS=data / "rivers.gpkg",
        RIVER_RADIUS=1000,
        PRECIPITATION=data / "precipitation.tif",
        TEMPERATURE=data / "temperature.tif",
        FAULTS=data / "faults.gpkg",
        FAULT_RADIUS=3000,
        LITHOLOGY=data / "lithology.gpkg",
        LITHOLOGY_FIELD="lithology",
        SEISMIC=data / "seismic.gpkg",
        SEISMIC_FIELD="intensity",
        OUTPUT=stack,
    )
    chain.run(
        "buildbufferedlabels", LANDSLIDES=data / "landslides.gpkg", SCALE_FIELD="scale", REFERENCE=stack, OUTPUT=labels
    )
    chain.run(
        "checkfactors",
        STACK=stack,
        LABELS=labels,
        OUTPUT_HTML=folder / "factors.html",
        OUTPUT_TABLE=folder / "factors.csv",
    )
    chain.run(
        "buildsafetyfactor",
        REFERENCE=stack,
        PRECIPITATION=data / "precipitation.tif",
        CLIMATE=data / "climate.gpkg",
        ALPHA_FIELD="alpha",
        BETA_FIELD="beta",
        RAINY_DAYS_FIELD="rainy_days",
        TOPOGRAPHY=data / "landform.gpkg",
        TOPOGRAPHY_FIELD="landform",
        OUTPUT=safety,
        OUTPUT_TABLE=folder / "safety_factor.csv",
    )
    chain.run(
        "trainpcum",
        STACK=stack,
        LABELS=labels,
        SAFETY_FACTOR=safety,
        SEED=SEED,
        OUTPUT=model,
        OUTPUT_WINDOWS=folder / "windows.gpkg",
        OUTPUT_HTML=folder / "training.html",
        OUTPUT_OUT_OF_FOLD=folder / "out_of_fold.tif",
    )
    chain.run(
        "predictsusceptibility",
        STACK=stack,
        MODEL=model,
        OUTPUT=susceptibility,
        OUTPUT_APPLICABILITY=folder / "applicability.tif",
    )
    chain.run("classifyzones", SUSCEPTIBILITY=susceptibility, OUTPUT=zones, OUTPUT_TABLE=folder / "zones.csv")
    validation = chain.run(
        "validatewithpoints",
        SUSCEPTIBILITY=susceptibility,
        LANDSLIDES=data / "landslides.gpkg",
        ZONES=zones,
        REGIONS=data / "regions.gpkg",
        REGION_FIELD="name",
        OUT_OF_FOLD=folder / "out_of_fold.tif",
        SEED=SEED,
        OUTPUT_HTML=folder / "report.html",
        OUTPUT_TABLE=folder / "validation.csv",
        OUTPUT_POINTS=folder / "points.gpkg",
        OUTPUT_PDF=folder / "map.pdf",
    )
    started = time.perf_counter()
    # Its output is noise unless it fails: QGIS tries to write a georeference into the PNG, which GDAL refuses.
    command = [sys.executable, str(Path(__file__).with_name("demo_project.py")), str(folder)]
    project = subprocess.run(command, capture_output=True, text=True, check=False)
    if project.returncode:
        sys.exit(f"The project and the picture could not be made:\n{project.stderr}")
    chain.seconds["project and picture"] = time.perf_counter() - started
    print_table(folder, chain, validation)


def print_table(folder: Path, chain: Chain, validation: dict) -> None:
    """Print the results and the paths of the files."""
    print()
    print(
        f"  AUC {validation['AUC']:.3f} on land not seen, {validation['AUC_FIT']:.3f} of the map itself (a fit)   "
        f"recall {validation['RECALL']:.3f}   kappa {validation['KAPPA']:.3f}"
    )
    correlation = truth_correlation(folder / "susceptibility.tif", folder / "data" / "true_probability.tif")
    print(f"  Rank correlation of susceptibility with the true probability: {correlation:.3f}")
    print(
        "  Frequency ratio per zone: "
        + ", ".join(f"{name} {ratio:.2f}" for name, ratio in zip(ZONES, zone_ratios(folder / "validation.csv")))
    )
    print("  Seconds per step:")
    for step, seconds in chain.seconds.items():
        print(f"    {step:<24}{seconds:8.1f}")
    print(f"    {'total':<24}{sum(chain.seconds.values()):8.1f}")
    print()
    for name, what in (
        ("report.html", "validation report"),
        ("training.html", "training report"),
        ("factors.html", "check of the factors"),
        ("map.pdf", "map sheet to print"),
        ("map.png", "map with legend"),
        ("scarp-demo.qgz", "QGIS project with styled layers"),
    ):
        print(f"  {folder / name}  {what}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
