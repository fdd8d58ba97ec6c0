"""Write the graphical models of ``resources/models``: ``QT_HASH_SEED=0 ./run python tools/make_models.py``.

Parameters are copied from the algorithms, with their labels, help and defaults. Run it on QGIS 3.22, the oldest version
that must read the files, and again whenever a label, help or default changes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from model_builder import Group, Literal, ModelBuilder
from qgis.core import QgsApplication

MODELS = Path(__file__).resolve().parent.parent / "resources" / "models"
GROUP = "5 Whole chain"

CLIMATE = ("TEMPERATURE", "TEMPERATURE_FIELD")
DENSITIES = ("RIVERS", "RIVER_RADIUS", "FAULTS", "FAULT_RADIUS")
CLASSES = ("LANDFORM", "LANDFORM_FIELD", "LITHOLOGY", "LITHOLOGY_FIELD", "SEISMIC", "SEISMIC_FIELD")
LAYERS = (*DENSITIES, *CLASSES, "EXTRA_CONTINUOUS", "EXTRA_CATEGORICAL")
LABELS = ("LANDSLIDES", "SCALE_FIELD", "AREA_FIELD", "RADII", "RING", "STABLE")
RAIN = ("ALPHA", "BETA", "RAINY_DAYS", "CLIMATE", "ALPHA_FIELD", "BETA_FIELD", "RAINY_DAYS_FIELD")
TRAINING = ("PHYSICS", "BLOCK", "DEVICE")  # none of a training on windows, which has no out-of-fold map

FACTORS_COLOUR, LABELS_COLOUR, TRAIN_COLOUR = "#e8f1e4", "#f6ecd9", "#e3ecf7"
MAP_COLOUR, CHECK_COLOUR = "#f7e4e1", "#ece6f4"


def same(*names: str) -> dict[str, str]:
    """Return inputs that have the name of the model parameter they come from."""
    return {name: name for name in names}


def take_chain_inputs(builder: ModelBuilder) -> None:
    """Take the inputs of a chain that trains: layers, landslides, climate and the settings of the training."""
    builder.take("buildfactorstack", "DEM", "AREA")
    builder.take("buildbufferedlabels", *LABELS)
    builder.take_as(
        "buildbufferedlabels",
        "AREA",
        "MAPPED_AREA",
        "Mapped area",
        "Polygons of the area where landslides were mapped. Cells outside are not used for training. Without it the "
        "whole study area counts as mapped.",
    )
    builder.take_as(
        "buildsafetyfactor",
        "PRECIPITATION",
        "PRECIPITATION",
        "Annual precipitation (mm)",
        "Raster of millimetres per year. It is a factor, and the rain index is computed from it.",
    )
    builder.take("buildfactorstack", *CLIMATE, *LAYERS)
    builder.take("buildsafetyfactor", *RAIN, "K_TABLE")
    builder.take("trainpcum", *TRAINING)
    builder.take("classifyzones", "SHARES")
    builder.take("validatewithpoints", "DISTANCE")
    builder.take("trainpcum", "SEED")


def run_up_to_training(builder: ModelBuilder) -> None:
    """Add the steps from the layers to the trained model, in the frames on the left half of the page."""
    factors = builder.group("1 Factors", (0, 0), ("DEM", "AREA", "PRECIPITATION", *CLIMATE, *LAYERS), 3, FACTORS_COLOUR)
    labels = builder.group("2 Landslide labels", (0, 400), (*LABELS, "MAPPED_AREA"), 1, LABELS_COLOUR)
    safety = builder.group("3 Rain index", (540, 400), (*RAIN, "K_TABLE"), 2, LABELS_COLOUR)
    training = builder.group("4 Training of PCUM", (1320, 0), (*TRAINING, "SEED"), 2, TRAIN_COLOUR)
    builder.run(
        "stack",
        "buildfactorstack",
        factors,
        same("DEM", "AREA", "PRECIPITATION", *CLIMATE, *LAYERS),
        {"OUTPUT": ("STACK", "Factor stack")},
    )
    builder.run(
        "labels",
        "buildbufferedlabels",
        labels,
        {**same(*LABELS), "AREA": "MAPPED_AREA", "REFERENCE": ("stack", "OUTPUT")},
        {"OUTPUT": ("LABELS", "Landslide labels")},
    )
    builder.run(
        "safety",
        "buildsafetyfactor",
        safety,
        {
            **same("PRECIPITATION", *RAIN, "K_TABLE"),
            "REFERENCE": ("stack", "OUTPUT"),
            "LANDSLIDES": "LANDSLIDES",
            "TOPOGRAPHY": "LANDFORM",
            "TOPOGRAPHY_FIELD": "LANDFORM_FIELD",
        },
        {"OUTPUT": ("SAFETY_FACTOR", "Rain index")},
    )
    builder.run(
        "training",
        "trainpcum",
        training,
        {
            **same(*TRAINING, "SEED"),
            "STACK": ("stack", "OUTPUT"),
            "LABELS": ("labels", "OUTPUT"),
            "SAFETY_FACTOR": ("safety", "OUTPUT"),
        },
        {
            "OUTPUT": ("MODEL", "Trained model"),
            "OUTPUT_WINDOWS": ("WINDOWS", "Windows"),
            "OUTPUT_HTML": ("TRAINING_REPORT", "Training report"),
            "OUTPUT_OUT_OF_FOLD": ("OUT_OF_FOLD", "Out-of-fold map"),
        },
        needed=("OUT_OF_FOLD",),
    )


def predict(
    builder: ModelBuilder, group: Group, child: str, model: str, output: tuple[str, str], title: str = ""
) -> None:
    """Add a step that maps the stack with a model trained in the step ``model``."""
    builder.run(
        child,
        "predictsusceptibility",
        group,
        {**same("DEVICE"), "STACK": ("stack", "OUTPUT"), "MODEL": (model, "OUTPUT")},
        {"OUTPUT": output},
        title=title,
    )


def cut_and_validate(builder: ModelBuilder, zones: Group, validation: Group, regions: bool = False) -> None:
    """Add the zones of PCUM's map and its validation.

    Args:
        builder: of the model.
        zones: frame of the zones.
        validation: frame of the validation.
        regions: whether the model has REGIONS and REGION_FIELD.
    """
    builder.run(
        "zones",
        "classifyzones",
        zones,
        {**same("SHARES"), "SUSCEPTIBILITY": ("map", "OUTPUT")},
        {"OUTPUT": ("ZONES", "Susceptibility zones"), "OUTPUT_TABLE": ("ZONE_TABLE", "Zone table")},
    )
    builder.run(
        "validation",
        "validatewithpoints",
        validation,
        {
            **same("LANDSLIDES", "DISTANCE", "SEED", *(("REGIONS", "REGION_FIELD") if regions else ())),
            "SUSCEPTIBILITY": ("map", "OUTPUT"),
            "ZONES": ("zones", "OUTPUT"),
            "OUT_OF_FOLD": ("training", "OUTPUT_OUT_OF_FOLD"),
        },
        {
            "OUTPUT_HTML": ("REPORT", "Validation report"),
            "OUTPUT_TABLE": ("NUMBERS", "Validation numbers"),
            "OUTPUT_POINTS": ("POINTS", "Validation points"),
        },
    )


def factors_to_zones() -> ModelBuilder:
    """Return the model of the whole chain."""
    summary = (
        "Runs the whole workflow in one go: factor stack, landslide labels, rain index, training of PCUM, "
        "susceptibility map, five zones, and validation with a report. Give the DEM, the landslides and annual "
        "precipitation; each further layer adds a factor. Settings that are not shown here have their defaults; to "
        "change them, run the steps one by one. Read the report before you use the map: in it every place is judged by "
        "a model that has not seen it."
    )
    builder = ModelBuilder("5.1 From factors to zones", GROUP, {"ALG_DESC": summary})
    take_chain_inputs(builder)
    run_up_to_training(builder)
    maps = builder.group("5 Map and zones", (1320, 400), ("SHARES",), 1, MAP_COLOUR)
    validation = builder.group("6 Validation", (2120, 0), ("DISTANCE",), 1, CHECK_COLOUR)
    predict(builder, maps, "map", "training", ("SUSCEPTIBILITY", "Susceptibility"))
    cut_and_validate(builder, maps, validation)
    return builder


COMPARED = (
    ("forest", "random_forest", "random forest"),
    ("regression", "logistic_regression", "logistic regression"),
    ("ratio", "frequency_ratio", "frequency ratio"),
)
"""Steps of the comparison models: id, KIND, and the name in reports."""
JUDGE = COMPARED[0][0]  # step whose test windows are those of all comparison models


def chain_with_comparisons() -> ModelBuilder:
    """Return the model of the workflow with three other kinds of model, all evaluated on the same points."""
    summary = (
        "Runs the whole workflow and compares PCUM with well-known models: a random forest, logistic regression and "
        "the frequency ratio, trained on the same labels. PCUM is compared by its out-of-fold map, and all on the land "
        "for test of the others, so that no map has seen it. The comparison states which map is better, whether the "
        "difference is significant, and where the maps differ; zones and validation are those of PCUM. Give the DEM, "
        "the landslides and annual precipitation; each further layer adds a factor. With regions, all metrics are "
        "given by region, and the summary has a row for each. Look at the test windows: elsewhere the maps of the "
        "other models fit the landslides that they were trained on."
    )
    builder = ModelBuilder("5.2 From factors to a comparison of models", GROUP, {"ALG_DESC": summary})
    take_chain_inputs(builder)
    builder.take("comparemodels", "REGIONS", "REGION_FIELD")
    run_up_to_training(builder)
    others = builder.group("5 Comparison models", (1320, 400), (), 0, TRAIN_COLOUR)
    maps = builder.group("6 Maps", (1790, 400), (), 0, MAP_COLOUR)
    zones = builder.group("7 Zones of PCUM", (2120, 400), ("SHARES",), 1, MAP_COLOUR)
    checks = builder.group(
        "8 Comparison and validation", (2720, 0), ("REGIONS", "REGION_FIELD", "DISTANCE"), 1, CHECK_COLOUR
    )
    predict(builder, maps, "map", "training", ("SUSCEPTIBILITY", "Susceptibility"), "Predict with PCUM")
    windows = {"OUTPUT_WINDOWS": ("WINDOWS_COMPARED", "Windows of the comparison models")}
    for child, kind, name in COMPARED:
        title = name.capitalize()
        builder.run(
            child,
            "traincomparisonmodel",
            others,
            {
                **same("BLOCK", "SEED"),
                "KIND": Literal(kind),
                "STACK": ("stack", "OUTPUT"),
                "LABELS": ("labels", "OUTPUT"),
            },
            {"OUTPUT": (f"MODEL_{child.upper()}", f"Trained model, {name}"), **(windows if child == JUDGE else {})},
            needed=("WINDOWS_COMPARED",),
            title=title,
        )
        predict(
            builder,
            maps,
            f"map_{child}",
            child,
            (f"SUSCEPTIBILITY_{child.upper()}", f"Susceptibility, {name}"),
            f"Predict with {name}",
        )
    builder.run(
        "comparison",
        "comparemodels",
        checks,
        {
            **same("LANDSLIDES", "REGIONS", "REGION_FIELD", "DISTANCE", "SEED"),
            "SUSCEPTIBILITY": [
                ("training", "OUTPUT_OUT_OF_FOLD"),
                *((f"map_{child}", "OUTPUT") for child, _, _ in COMPARED),
            ],
            "NAMES": Literal(["PCUM", *(name for _, _, name in COMPARED)]),
            "WINDOWS": (JUDGE, "OUTPUT_WINDOWS"),
        },
        {
            "OUTPUT_HTML": ("COMPARISON", "Comparison report"),
            "OUTPUT_TABLE": ("COMPARISON_NUMBERS", "Comparison numbers"),
            "OUTPUT_SUMMARY": ("SUMMARY", "Summary by region"),
        },
    )
    cut_and_validate(builder, zones, checks, regions=True)
    return builder


def new_area() -> ModelBuilder:
    """Return the model that maps another area with a model trained before."""
    summary = (
        "Maps an area without mapped landslides with a model that was trained elsewhere: factor stack, a check of the "
        "factors, susceptibility, zones, and a map of applicability. Give the DEM, the model file, and a layer for "
        "every factor that the model was trained with; if one is missing, the log names it. Classes are matched by "
        "name. To classify at the breaks of the earlier area, give its zones or zone table as well. Do not trust the "
        "map where the applicability shows factors outside the training range, and validate it as soon as landslides "
        "are mapped."
    )
    builder = ModelBuilder("5.3 Map of a new area with a trained model", GROUP, {"ALG_DESC": summary})
    builder.take_as(
        "predictsusceptibility",
        "MODEL",
        "MODEL",
        "Trained model",
        'The .safetensors file that "Train PCUM" or "Train comparison model" wrote for another area.',
    )
    builder.take("buildfactorstack", "DEM", "AREA", "PRECIPITATION", "PRECIPITATION_FIELD", *CLIMATE, *LAYERS)
    builder.take_as(
        "buildfactorstack",
        "SLOPE_METHOD",
        "SLOPE_METHOD",
        "Slope formula",
        "That of the stack that the model was trained on; horn unless you changed it. The radii for rivers and "
        "faults must also be those of that stack.",
    )
    builder.take("predictsusceptibility", "REGION", "DEVICE")
    builder.take_as(
        "classifyzones",
        "BREAKS_FROM",
        "BREAKS_FROM",
        "Zones of the earlier area",
        "Zone raster, run record or zone table of the area that the model was trained on: this map is classified at "
        "the same breaks, so that zones mean the same. Without it the zones have fixed shares of this area.",
    )
    builder.take("classifyzones", "SHARES", advanced=True)
    layers = ("PRECIPITATION", "PRECIPITATION_FIELD", *CLIMATE, *LAYERS, "SLOPE_METHOD")
    factors = builder.group("1 Factors of the new area", (0, 0), ("DEM", "AREA", *layers), 3, FACTORS_COLOUR)
    maps = builder.group("2 Susceptibility", (1000, 0), ("MODEL", "REGION", "DEVICE"), 1, MAP_COLOUR)
    zones = builder.group("3 Zones", (1560, 0), ("BREAKS_FROM", "SHARES"), 1, MAP_COLOUR)
    builder.run(
        "stack",
        "buildfactorstack",
        factors,
        {**same("DEM", "AREA", *layers), "CLASSES_FROM": "MODEL"},
        {"OUTPUT": ("STACK", "Factor stack")},
    )
    builder.run(
        "check",
        "checkfactors",
        factors,
        {"STACK": ("stack", "OUTPUT")},
        {
            "OUTPUT_HTML": ("FACTOR_REPORT", "Report on the factors"),
            "OUTPUT_TABLE": ("FACTOR_FINDINGS", "Findings on the factors"),
        },
    )
    builder.run(
        "map",
        "predictsusceptibility",
        maps,
        {**same("MODEL", "REGION", "DEVICE"), "STACK": ("stack", "OUTPUT")},
        {"OUTPUT": ("SUSCEPTIBILITY", "Susceptibility"), "OUTPUT_APPLICABILITY": ("APPLICABILITY", "Applicability")},
    )
    builder.run(
        "zones",
        "classifyzones",
        zones,
        {**same("BREAKS_FROM", "SHARES"), "SUSCEPTIBILITY": ("map", "OUTPUT")},
        {"OUTPUT": ("ZONES", "Susceptibility zones"), "OUTPUT_TABLE": ("ZONE_TABLE", "Zone table")},
    )
    return builder


def main() -> None:
    """Write all models."""
    application = QgsApplication([], False)
    application.initQgis()
    # The provider alone, not the plugin: that would use the language of the profile, and the files are in English.
    from scarp.processing_provider.provider import ScarpProvider

    provider = ScarpProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    MODELS.mkdir(exist_ok=True)
    factors_to_zones().write(MODELS / "factorstozones.model3")
    chain_with_comparisons().write(MODELS / "chainwithcomparisons.model3")
    new_area().write(MODELS / "newarea.model3")
    QgsApplication.processingRegistry().removeProvider(provider)
    application.exitQgis()


if __name__ == "__main__":
    sys.exit(main())
