"""Every algorithm that writes files, with small inputs and all its outputs, for campaigns that break runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scarp.tests.qgis.study import Runner, begin, make_chain
from scarp.tests.qgis.tiny import RADII, TRAINING, daily_rain, make_area, stack_inputs
from scarp.tests.reliability.forking import in_a_fork

REPEATS = 20  # of whatever is drawn at random: enough to run through

OUTPUTS = {
    "createdemodata": "OUTPUT demo",
    "buildfactorstack": "OUTPUT stack.tif",
    "checkfactors": "OUTPUT_HTML check.html OUTPUT_TABLE check.csv",
    "buildbufferedlabels": "OUTPUT labels.tif",
    "buildsafetyfactor": "OUTPUT fs.tif OUTPUT_RAINFALL r7.tif OUTPUT_TABLE k.csv",
    "trainpcum": "OUTPUT m.safetensors OUTPUT_WINDOWS w.gpkg OUTPUT_HTML t.html CHECKPOINT state.ckpt",
    "traincomparisonmodel": "OUTPUT m.safetensors OUTPUT_WINDOWS w.gpkg OUTPUT_HTML t.html",
    "crossvalidate": "OUTPUT cv.tif OUTPUT_TABLE cv.csv OUTPUT_FOLDS folds.gpkg",
    "predictsusceptibility": "OUTPUT s.tif OUTPUT_UNCERTAINTY u.tif OUTPUT_APPLICABILITY a.tif OUTPUT_HTML n.html "
    "OUTPUT_DISAGREEMENT d.tif",
    "classifyzones": "OUTPUT z.tif OUTPUT_TABLE z.csv",
    "buildslopeunits": "OUTPUT su.gpkg OUTPUT_RASTER su.tif",
    "aggregatesusceptibility": "OUTPUT by.gpkg OUTPUT_TABLE by.csv OUTPUT_HTML by.html",
    "rainfallthresholds": "OUTPUT_THRESHOLDS rt.csv OUTPUT_EVENTS re.csv OUTPUT_TABLE rv.csv OUTPUT_HTML rt.html",
    "rainfallwarning": "OUTPUT r.tif OUTPUT_TABLE r.csv OUTPUT_SAFETY_FACTOR rf.tif",
    "exposurebyzone": "OUTPUT x.gpkg OUTPUT_TABLE x.csv",
    "validatewithpoints": "OUTPUT_HTML v.html OUTPUT_TABLE v.csv OUTPUT_POINTS p.gpkg OUTPUT_PDF v.pdf",
    "auditmap": "OUTPUT_HTML a.html OUTPUT_TABLE a.csv",
    "comparemodels": "OUTPUT_HTML c.html OUTPUT_TABLE c.csv OUTPUT_DIFFERENCE c.tif",
    "explainsusceptibility": "OUTPUT_HTML e.html OUTPUT_TABLE e.csv OUTPUT_LEADING e.tif",
    "rerun": "FOLDER again OUTPUT_TABLE again.csv",
}
"""Parameters and files of the outputs by algorithm."""


@dataclass
class Step:
    """One algorithm, its inputs, and the names of its outputs in whatever folder."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, str]

    def parameters(self, folder: Path) -> dict[str, Any]:
        return {**self.inputs, **{name: folder / file for name, file in self.outputs.items()}}


def steps(area: Path, chain: Mapping[str, Path], run: Runner, folder: Path) -> dict[str, Step]:
    slides, stack, labels, safety = area / "landslides.gpkg", chain["stack"], chain["labels"], chain["safety"]
    susceptibility = chain["susceptibility"]
    recorded = folder / "recorded.tif"
    run("classifyzones", SUSCEPTIBILITY=susceptibility, OUTPUT=recorded, OUTPUT_TABLE=folder / "recorded.csv")
    fold = {**TRAINING, "FOLDS": 2}
    learned = {"STACK": stack, "LABELS": labels}
    explained = {"STACK": stack, "MODEL": chain["model"]}
    mapped, rain = {"SUSCEPTIBILITY": susceptibility}, {"PRECIPITATION": area / "precipitation.tif"}
    landforms = {"TOPOGRAPHY": area / "landform.gpkg", "TOPOGRAPHY_FIELD": "landform"}
    points = {"LANDSLIDES": slides, "DISTANCE": 100, "REPEATS": REPEATS}
    inputs = {
        "createdemodata": {"SIZE": 64, "SEED": 1},
        "buildfactorstack": stack_inputs(area),
        "checkfactors": learned,
        "buildbufferedlabels": {"LANDSLIDES": slides, "SCALE_FIELD": "scale", "RADII": RADII, "REFERENCE": stack},
        "buildsafetyfactor": {"REFERENCE": stack, **rain, **landforms, "LANDSLIDES": slides},
        "trainpcum": {**learned, "SAFETY_FACTOR": safety, **TRAINING},
        "traincomparisonmodel": {**learned, "BLOCK": 900, "KIND": "random_forest", "SEED": 1},
        "crossvalidate": {**learned, "KIND": "logistic_regression", "LANDSLIDES": slides, **fold},
        "predictsusceptibility": {**explained, "SAMPLES": 2, "TILE": 64},
        "classifyzones": mapped,
        "buildslopeunits": {"DEM": area / "dem.tif", "MIN_AREA": 60_000, "ASPECT_VARIANCE": 0.2},
        "aggregatesusceptibility": {
            **mapped,
            "LANDSLIDES": slides,
            "UNITS": area / "lithology.gpkg",
            "REPEATS": REPEATS,
        },
        "rainfallthresholds": {**daily_rain(area), "ZONES": chain["zones"], "REPEATS": REPEATS},
        "rainfallwarning": {**mapped, "RAIN": area / "precipitation.tif", "K": 0.01},
        "exposurebyzone": {"ZONES": chain["zones"], "BUILDINGS": slides, "ROADS": area / "rivers.gpkg"},
        "validatewithpoints": {**mapped, **points, "ZONES": chain["zones"]},
        "auditmap": {**mapped, "LANDSLIDES": slides, "DEM": area / "dem.tif", "STACK": stack, "REPEATS": REPEATS},
        "comparemodels": {**points, "SUSCEPTIBILITY": [str(susceptibility), str(area / "dem.tif")]},
        "explainsusceptibility": {**explained, "LABELS": labels, "BLOCK": 600, "REPEATS": 3},
        "rerun": {"RECORD": Path(f"{recorded}.run.json")},
    }
    return {name: Step(given, named_files(OUTPUTS[name])) for name, given in inputs.items()}


def named_files(text: str) -> dict[str, str]:
    """Return output names and files that alternate in a text."""
    words = text.split()
    return dict(zip(words[::2], words[1::2]))


def make_steps(folder: Path, run: Runner) -> dict[str, Step]:
    """Make the study area and the chain in a folder, and return the steps."""
    area, chain, more = folder / "area", folder / "chain", folder / "more"
    for place in (area, chain, more):
        place.mkdir()
    make_area(area)
    return steps(area, make_chain(chain, area, run), run, more)


def make_steps_in_a_fork(folder: Path, seconds: float) -> dict[str, Step]:
    """Begin QGIS and load all libraries here, but make the steps in a child, so that this process can go on forking."""
    run = begin()
    load_libraries()
    found = in_a_fork(lambda: {name: vars(step) for name, step in make_steps(folder, run).items()}, seconds)
    return {name: Step(**one) for name, one in found.items()}


def load_libraries() -> None:
    from scarp.model.jobs import JOBS, job

    for path in sorted(JOBS.glob("*.py")):
        try:
            job(path.stem)
        except Exception:
            continue
