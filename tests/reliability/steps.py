"""Every algorithm that writes files, with small inputs and all its outputs, for campaigns that break runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scarp.tests.qgis.study import Runner, make_area, make_chain
from scarp.tests.qgis.tiny import RADII, TRAINING, stack_inputs

REPEATS = 20  # of whatever is drawn at random: enough to run through


class Step:
    """One algorithm, its inputs, and the names of its outputs in whatever folder."""

    def __init__(self, inputs: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
        self.inputs, self.outputs = dict(inputs), dict(outputs)

    def parameters(self, folder: Path) -> dict[str, Any]:
        """Return all parameters, with the outputs in a folder."""
        return {**self.inputs, **{name: folder / file for name, file in self.outputs.items()}}


def steps(area: Path, chain: Mapping[str, Path], run: Runner, folder: Path) -> dict[str, Step]:
    """Return the steps by the id of their algorithm."""
    slides, stack, labels, safety = area / "landslides.gpkg", chain["stack"], chain["labels"], chain["safety"]
    susceptibility = chain["susceptibility"]
    recorded = folder / "recorded.tif"
    run("classifyzones", SUSCEPTIBILITY=susceptibility, OUTPUT=recorded, OUTPUT_TABLE=folder / "recorded.csv")
    fold = {name: value for name, value in TRAINING.items() if name != "BLOCK"}
    learned = {"STACK": stack, "LABELS": labels}
    explained = {"STACK": stack, "MODEL": chain["model"]}
    mapped, rain = {"SUSCEPTIBILITY": susceptibility}, {"PRECIPITATION": area / "precipitation.tif"}
    scales = {"SCALE_FIELD": "scale", "RADII": RADII}
    landforms = {"TOPOGRAPHY": area / "landform.gpkg", "TOPOGRAPHY_FIELD": "landform"}
    maps = {"SUSCEPTIBILITY": [str(susceptibility), str(area / "dem.tif")]}
    points = {"LANDSLIDES": slides, "DISTANCE": 100, "REPEATS": REPEATS}
    rows = {
        "createdemodata": ({"SIZE": 64, "SEED": 1}, "OUTPUT demo"),
        "buildfactorstack": (stack_inputs(area), "OUTPUT stack.tif"),
        "checkfactors": (learned, "OUTPUT_HTML check.html OUTPUT_TABLE check.csv"),
        "buildbufferedlabels": ({"LANDSLIDES": slides, **scales, "REFERENCE": stack}, "OUTPUT labels.tif"),
        "buildsafetyfactor": (
            {"REFERENCE": stack, **rain, **landforms, "LANDSLIDES": slides},
            "OUTPUT fs.tif OUTPUT_RAINFALL r7.tif OUTPUT_TABLE k.csv",
        ),
        "trainpcum": (
            {**learned, "SAFETY_FACTOR": safety, **TRAINING},
            "OUTPUT m.safetensors OUTPUT_WINDOWS w.gpkg OUTPUT_HTML t.html CHECKPOINT state.ckpt",
        ),
        "traincomparisonmodel": (
            {**learned, "BLOCK": 900, "KIND": "random_forest", "SEED": 1},
            "OUTPUT m.safetensors OUTPUT_WINDOWS w.gpkg OUTPUT_HTML t.html",
        ),
        "crossvalidate": (
            {"KIND": "logistic_regression", **learned, "LANDSLIDES": slides, "FOLDS": 2, "BLOCK": 900, **fold},
            "OUTPUT cv.tif OUTPUT_TABLE cv.csv OUTPUT_FOLDS folds.gpkg",
        ),
        "predictsusceptibility": (
            {**explained, "SAMPLES": 2, "TILE": 64},
            "OUTPUT s.tif OUTPUT_UNCERTAINTY u.tif OUTPUT_APPLICABILITY a.tif",
        ),
        "classifyzones": (mapped, "OUTPUT z.tif OUTPUT_TABLE z.csv"),
        "rainfallwarning": (
            {**mapped, "RAIN": area / "precipitation.tif", "K": 0.01},
            "OUTPUT r.tif OUTPUT_TABLE r.csv OUTPUT_SAFETY_FACTOR rf.tif",
        ),
        "validatewithpoints": (
            {**mapped, **points, "ZONES": chain["zones"]},
            "OUTPUT_HTML v.html OUTPUT_TABLE v.csv OUTPUT_POINTS p.gpkg OUTPUT_PDF v.pdf",
        ),
        "comparemodels": ({**maps, **points}, "OUTPUT_HTML c.html OUTPUT_TABLE c.csv OUTPUT_DIFFERENCE c.tif"),
        "explainsusceptibility": (
            {**explained, "LABELS": labels, "BLOCK": 600, "REPEATS": 3},
            "OUTPUT_HTML e.html OUTPUT_TABLE e.csv OUTPUT_LEADING e.tif",
        ),
        "rerun": ({"RECORD": Path(f"{recorded}.run.json")}, "FOLDER again OUTPUT_TABLE again.csv"),
    }
    return {name: Step(inputs, named_files(outputs)) for name, (inputs, outputs) in rows.items()}


def named_files(text: str) -> dict[str, str]:
    """Return output names and files that alternate in a text."""
    words = text.split()
    return dict(zip(words[::2], words[1::2]))


def prepare_steps(folder: Path, run: Runner) -> dict[str, list[dict[str, Any]]]:
    """Make the study area and the chain in a folder; return inputs and outputs of each step, fit to be sent as JSON."""
    area, chain, more = folder / "area", folder / "chain", folder / "more"
    for place in (area, chain, more):
        place.mkdir()
    make_area(area)
    made = steps(area, make_chain(chain, area, run), run, more)
    plain = {
        name: {key: str(value) if isinstance(value, Path) else value for key, value in step.inputs.items()}
        for name, step in made.items()
    }
    return {name: [plain[name], step.outputs] for name, step in made.items()}


def load_libraries() -> None:
    """Import what runs need, so that a child has it."""
    from scarp.model.jobs import JOBS, job

    for path in sorted(JOBS.glob("*.py")):
        try:
            job(path.stem)
        except Exception:
            continue
