"""The AUC that a map is expected to have on its land, beside the one measured there.

    SCARP_TEST_DATA=FOLDER ./run python benchmarks/expected_auc.py RESULTS.csv

Land is held out of the training whole: thirds and quarters of Kaghan, halves of Ecuador, the regions of a demo (of a
seed that no number was chosen on), and Kaghan or Ecuador for a model of the other. The model of the rest maps it with
OUTPUT_APPLICABILITY, whose expected AUC, share in the area of applicability and verdict are compared with the AUC of
the landslides there against all other land there. Rows that are in RESULTS.csv are not run again; ``--table`` prints
them.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from transfer import QUIET, Area, areas, judge

from scarp.model.errors import ScarpError
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.labels import UNKNOWN
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.training.settings import PCUM, RECOMMENDED, settings_of_kind
from scarp.model.validation.verdict import Evidence
from scarp.model.validation.verdict import judge as verdict_on

CLOSE = 0.05  # of an expected AUC to the measured one
COLUMNS = (
    *("land", "seed", "landslides", "measured", "low", "high", "expected", "error", "inside", "beyond"),
    *("verdict", "seconds", "failure"),
)


@dataclass(frozen=True)
class Case:
    """Areas to train on, and the land to map."""

    name: str
    sources: list[Area]
    target: Area
    held_out: np.ndarray  # cells of the target's grid


def parts(area: Area) -> Iterator[tuple[str, np.ndarray]]:
    """Yield parts of an area by the shares of its landslides that lie north and west."""
    with rasterio.open(area.stack) as raster:
        shape = raster.shape
        columns, rows = np.floor(~raster.transform * area.landslides.xy.T)
    row, column = np.indices(shape)
    south, east = np.median(rows), np.median(columns)
    if area.name == "ecuador":
        yield from (("north", row < south), ("south", row >= south), ("west", column < east), ("east", column >= east))
        return
    first, second = np.quantile(rows, [1 / 3, 2 / 3])
    yield from (("north third", row < first), ("middle third", (row >= first) & (row < second)))
    yield "south third", row >= second
    for north, name in ((row < south, "north"), (row >= south, "south")):
        yield from (
            (f"{name}-west quarter", north & (column < east)),
            (f"{name}-east quarter", north & (column >= east)),
        )


def cases(made: list[Area]) -> Iterator[Case]:
    """Yield all land to hold out."""
    kaghan, ecuador, *demo = made
    for area in (ecuador, kaghan):
        for name, part in parts(area):
            yield Case(f"{area.name}, {name}", [area], area, part)
    for source, target in ((kaghan, ecuador), (ecuador, kaghan)):
        yield Case(f"{source.name} to {target.name}", [source], target, everything(target))
    for target in demo:
        yield Case(target.name, [one for one in demo if one is not target], target, everything(target))


def everything(area: Area) -> np.ndarray:
    """Return all cells of an area."""
    with rasterio.open(area.stack) as raster:
        return np.ones(raster.shape, dtype=bool)


def masked(source: Path, path: Path, outside: np.ndarray, value: float) -> Path:
    """Write a raster without some cells."""
    with rasterio.open(source) as raster, rasterio.open(path, "w", **raster.profile) as target:
        target.descriptions = raster.descriptions
        target.update_tags(**raster.tags())
        for band in raster.indexes:
            values = raster.read(band)
            values[outside] = value
            target.write(values, band)
            target.update_tags(band, **raster.tags(band))
    return path


def run(case: Case, seed: int, folder: Path) -> dict[str, Any]:
    """Train without the land, map it, and return the numbers of the row."""
    first, *others = case.sources
    labels, stack = first.labels, case.target.stack
    if first is case.target:
        labels = masked(labels, folder / "labels.tif", case.held_out, UNKNOWN)
        stack = masked(stack, folder / "land.tif", ~case.held_out, np.nan)
    more: dict[str, Any] = {}
    if others:
        more.update(more_stacks=[one.stack for one in others], more_labels=[one.labels for one in others])
    settings = settings_of_kind(PCUM, RECOMMENDED, {"seed": seed, "physics": "none"})
    model, susceptibility, applicability = (
        folder / "model.safetensors",
        folder / "map.tif",
        folder / "applicability.tif",
    )
    train_pcum(first.stack, labels, model, settings=settings, **more, **QUIET)
    options = PredictionOptions()
    predict_susceptibility(stack, [model], susceptibility, options, output_applicability=applicability, **QUIET)
    with rasterio.open(susceptibility) as raster:
        evidence = Evidence.from_tags(raster.tags())
    measured = judge(case.target, susceptibility, case.held_out)
    return {
        **{name: measured[name] for name in ("landslides", "low", "high")},
        "measured": measured["auc"],
        "expected": evidence.expected_auc,
        "error": evidence.expected_error,
        "inside": evidence.inside,
        "beyond": evidence.beyond,
        "verdict": verdict_on(evidence).level,
    }


def print_table(rows: list[dict[str, str]]) -> None:
    """Print the rows, and how many expected AUCs are close to the measured ones or have them in their range."""
    titles = ("held out", "landslides", "measured", "expected", "difference", "in the area of applicability")
    print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    differences, within = [], 0
    for row in rows:
        names = {"inside": "inside", "beyond": "beyond", "expected": "expected_auc", "error": "expected_error"}
        evidence = Evidence(**{field: float(row[name]) for name, field in names.items() if row[name]})
        measured, expected, difference = float(row["measured"]), "none", ""
        if evidence.expected_range is not None:
            low, high = evidence.expected_range
            expected = f"{evidence.expected_auc:.3f} ({low:.2f} to {high:.2f})"
            differences.append(float(row["expected"]) - measured)
            difference = f"{differences[-1]:+.3f}"
            within += low <= measured <= high
        interval = f" ({row['low'][:5]} to {row['high'][:5]})" if row["low"] != "nan" else ""
        cells = (row["land"], row["landslides"], f"{measured:.3f}{interval}", expected, difference, row["inside"][:4])
        print("| " + " | ".join(cells) + " |")
    near, told = int((np.abs(differences) <= CLOSE).sum()), len(differences)
    print(f"\nwithin {CLOSE:g}: {near} of {told}; in the range: {within}; none expected: {len(rows) - told}")


def main() -> None:
    """Run what is not there yet, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--folder", help="keep the areas there")
    given = parser.parse_args()
    rows: list[dict[str, str]] = []
    if given.results.exists():
        with given.results.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    if given.table:
        return print_table(rows)
    done = {(row["land"], row["seed"]) for row in rows}
    with tempfile.TemporaryDirectory() as temporary:
        made = list(areas(Path(os.environ["SCARP_TEST_DATA"]), Path(given.folder or temporary)))
        for seed in given.seeds.split(","):
            for case in cases(made):
                if (case.name, seed) not in done:
                    write(case, int(seed), given.results)
    return None


def write(case: Case, seed: int, path: Path) -> None:
    """Compute a row and add it to the results."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            numbers = run(case, seed, Path(folder))
        except ScarpError as error:
            numbers = {"failure": str(error)}
    row = {"land": case.name, "seed": seed, **numbers, "seconds": round(time.perf_counter() - started, 1)}
    row = {name: f"{one:.4f}" if isinstance(one, float) else one for name, one in row.items()}
    print(row, flush=True)
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        if stream.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
