"""Write the batches of the five regions for a folder: ``python3 make_batches.py FOLDER [--into ELSEWHERE]``.

Every ``factors_REGION.tif`` in FOLDER becomes a row of three batches, which QGIS's batch dialog opens: predict,
classify, validate. Each is written twice: ``.json`` for QGIS 3.22 to 3.38 and ``.batch`` for 3.40 and newer. FOLDER
also holds the model, the zone table of the area it was trained on and the landslides, under the names below.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path, PurePath

MODEL, BREAKS, LANDSLIDES = "model.safetensors", "training_zones.csv", "landslides.gpkg"
DISTANCE = 300
"""Metres between a stable point and the next landslide."""

Row = tuple[dict[str, object], dict[str, str]]
"""Parameters and outputs of one row."""


def predict(folder: str, region: str) -> Row:
    """Return the row that maps a region."""
    return (
        {"STACK": f"{folder}/factors_{region}.tif", "MODEL": f"{folder}/{MODEL}", "REGION": region},
        {"OUTPUT": f"{folder}/susceptibility_{region}.tif"},
    )


def classify(folder: str, region: str) -> Row:
    """Return the row that cuts a region's map at the values of the area that the model was trained on."""
    return (
        {"SUSCEPTIBILITY": f"{folder}/susceptibility_{region}.tif", "BREAKS_FROM": f"{folder}/{BREAKS}"},
        {"OUTPUT": f"{folder}/zones_{region}.tif", "OUTPUT_TABLE": f"{folder}/zones_{region}.csv"},
    )


def validate(folder: str, region: str) -> Row:
    """Return the row that validates a region's map."""
    return (
        {
            "SUSCEPTIBILITY": f"{folder}/susceptibility_{region}.tif",
            "LANDSLIDES": f"{folder}/{LANDSLIDES}",
            "ZONES": f"{folder}/zones_{region}.tif",
            "DISTANCE": DISTANCE,
        },
        {
            "OUTPUT_HTML": f"{folder}/report_{region}.html",
            "OUTPUT_TABLE": f"{folder}/numbers_{region}.csv",
            "OUTPUT_POINTS": f"{folder}/points_{region}.gpkg",
        },
    )


STEPS = {"1_predict": predict, "2_classify": classify, "3_validate": validate}


def as_json(rows: list[Row]) -> str:
    """Return a batch as QGIS 3.22 to 3.38 saves it: values are written as Python writes them."""
    return (
        json.dumps(
            [
                {"PARAMETERS": {name: repr(value) for name, value in parameters.items()}, "OUTPUTS": outputs}
                for parameters, outputs in rows
            ],
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def as_batch(rows: list[Row]) -> str:
    """Return a batch as QGIS 3.40 and newer saves it."""
    content = [{"PARAMETERS": parameters, "OUTPUTS": outputs} for parameters, outputs in rows]
    return json.dumps({"format": "batch_3.40", "rows": content}, indent=1, ensure_ascii=False) + "\n"


def write(folder: PurePath, regions: list[str], into: Path) -> list[Path]:
    """Write all batches.

    Args:
        folder: that the rows name, with forward slashes on every system.
        regions: names of the regions.
        into: where to write.
    """
    written = []
    for name, row in STEPS.items():
        rows = [row(folder.as_posix(), region) for region in regions]
        for ending, text in (("json", as_json(rows)), ("batch", as_batch(rows))):
            path = into / f"{name}.{ending}"
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def regions_in(folder: Path) -> list[str]:
    """Return the names of the regions that have a factor stack in a folder."""
    return sorted(path.stem[len("factors_") :] for path in folder.glob("factors_*.tif"))


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with factors_REGION.tif, model, zone table, landslides")
    parser.add_argument("--into", type=Path, help="folder for the batches; by default the same")
    given = parser.parse_args()
    folder = given.folder.resolve()
    regions = regions_in(folder)
    if not regions:
        raise SystemExit(f"{folder} holds no factors_REGION.tif. Build the stacks of the regions first.")
    for path in write(folder, regions, given.into or folder):
        print(path)


if __name__ == "__main__":
    main()
