"""Write the graphical models of ``resources/models``: ``QT_HASH_SEED=0 ./run python tools/make_models.py``.

Parameters are copied from the algorithms, with their labels, help and defaults, so the models say the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Mapping

from qgis.core import (
    QgsApplication,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtCore import QPointF

MODELS = Path(__file__).resolve().parent.parent / "resources" / "models"
Source = QgsProcessingModelChildParameterSource
OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional


class ModelBuilder:
    """Puts a model together from algorithms of this provider."""

    def __init__(self, title: str, group: str, help_content: Mapping[str, str]) -> None:
        self.model = QgsProcessingModelAlgorithm(title, group, "scarp")
        self.model.setHelpContent(dict(help_content))
        self._inputs: list[str] = []
        self._help: dict[str, str] = {}

    def take(self, algorithm: str, *names: str, required: tuple[str, ...] = ()) -> None:
        """Make parameters of an algorithm parameters of the model, under the same names."""
        source = QgsApplication.processingRegistry().algorithmById(f"scarp:{algorithm}")
        for name in names:
            definition = source.parameterDefinition(name).clone()
            if name in required:
                definition.setFlags(definition.flags() & ~OPTIONAL)
            self._add(definition)

    def take_as(self, algorithm: str, name: str, new_name: str, label: str, help_text: str) -> None:
        """Make a parameter of an algorithm a parameter of the model under another name."""
        source = QgsApplication.processingRegistry().algorithmById(f"scarp:{algorithm}")
        definition = source.parameterDefinition(name).clone()
        definition.setName(new_name)
        definition.setDescription(label)
        definition.setHelp(help_text)
        self._add(definition)

    def run(self, child: str, algorithm: str, place: tuple[int, int], inputs: Mapping[str, Any],
            outputs: Mapping[str, tuple[str, str]], needed: tuple[str, ...] = ()) -> None:
        """Add a step.

        Args:
            child: short name of the step.
            algorithm: id without the provider.
            place: column and row in the designer.
            inputs: by parameter: the name of a model parameter, or (child, output) of an earlier step.
            outputs: by output of the algorithm: name and label of the model's own output.
            needed: outputs of the model that a later step reads.
        """
        step = QgsProcessingModelChildAlgorithm(f"scarp:{algorithm}")
        step.setChildId(child)
        step.setDescription(step.algorithm().displayName())
        step.setPosition(QPointF(400 + 300 * place[0], 100 + 130 * place[1]))
        for name, source in inputs.items():
            value = Source.fromChildOutput(*source) if isinstance(source, tuple) else Source.fromModelParameter(source)
            step.addParameterSources(name, [value])
        # As the designer does: settings that are not shown are written down, or it calls them missing.
        for definition in step.algorithm().parameterDefinitions():
            if definition.name() not in inputs and definition.defaultValue() is not None:
                step.addParameterSources(definition.name(), [Source.fromStaticValue(definition.defaultValue())])
        made = {}
        for row, (name, (output, label)) in enumerate(outputs.items()):
            item = QgsProcessingModelOutput(output, label)
            item.setChildId(child)
            item.setChildOutputName(name)
            # An optional output that is not asked for is not made, also when a later step reads it.
            item.setMandatory(output in needed)
            item.setPosition(QPointF(400 + 300 * place[0], 160 + 130 * place[1] + 40 * row))
            made[output] = item
            self._help[f"{child}:{output}"] = step.algorithm().parameterDefinition(name).help()
        step.setModelOutputs(made)
        self.model.addChildAlgorithm(step)

    def write(self, path: Path) -> None:
        """Check the model and write it."""
        self.model.setParameterOrder(self._inputs)
        self.model.updateDestinationParameters()
        self.model.setHelpContent({**self.model.helpContent(), **self._help})
        for child in self.model.childAlgorithms():
            valid, problems = self.model.validateChildAlgorithm(child)
            if not valid:
                raise SystemExit(f"{path.stem}, step {child}: {problems}")
        if not self.model.toFile(str(path)):
            raise SystemExit(f"{path} could not be written.")
        print(path)

    def _add(self, definition: QgsProcessingParameterDefinition) -> None:
        item = QgsProcessingModelParameter(definition.name())
        item.setPosition(QPointF(100, 60 + 50 * len(self._inputs)))
        self._inputs.append(definition.name())
        self._help[definition.name()] = definition.help()
        self.model.addModelParameter(definition, item)


def same(*names: str) -> dict[str, str]:
    """Return inputs that have the name of the model parameter they come from."""
    return {name: name for name in names}


def factors_to_zones() -> ModelBuilder:
    """Return the model of the whole chain."""
    builder = ModelBuilder(
        "Landslide susceptibility, from factors to zones", "5 Whole chain",
        {"ALG_DESC": "Runs the whole chain in one go: factor stack, landslide labels, safety factor, training of PCUM, "
                     "susceptibility map, five zones, and validation with a report. Give the DEM, the landslides and "
                     "annual precipitation; each further layer adds a factor. The settings not shown here have their "
                     "defaults; for those, run the steps one by one. Read the report before you use the map: it "
                     "tells numbers of the test windows from those of all points.",
         "ALG_CREATOR": "The Scarp developers", "ALG_VERSION": "1"})
    builder.take("buildfactorstack", "DEM", "AREA")
    builder.take("buildbufferedlabels", "LANDSLIDES", "SCALE_FIELD", "RADII", "RING")
    builder.take_as("buildbufferedlabels", "AREA", "MAPPED_AREA", "Mapped area",
                    "Polygons of where landslides were looked for. Outside, nothing is learned. Without it the whole "
                    "study area counts as mapped.")
    builder.take_as("buildsafetyfactor", "PRECIPITATION", "PRECIPITATION", "Annual precipitation (mm)",
                    "Raster of millimetres a year. It is a factor, and the safety factor is computed from it.")
    stack = ("TEMPERATURE", "TEMPERATURE_FIELD", "RIVERS", "RIVER_RADIUS", "FAULTS", "FAULT_RADIUS", "LANDFORM",
             "LANDFORM_FIELD", "LITHOLOGY", "LITHOLOGY_FIELD", "SEISMIC", "SEISMIC_FIELD", "EXTRA_CONTINUOUS",
             "EXTRA_CATEGORICAL")
    builder.take("buildfactorstack", *stack)
    climate = ("ALPHA", "BETA", "RAINY_DAYS", "CLIMATE", "ALPHA_FIELD", "BETA_FIELD", "RAINY_DAYS_FIELD")
    builder.take("buildsafetyfactor", *climate, "K_TABLE")
    training = ("PHYSICS", "SPLIT", "WINDOW", "BLOCK", "EPOCHS", "WIDTH", "DEPTH", "BATCH", "DEVICE")
    builder.take("trainpcum", *training)
    builder.take("classifyzones", "SHARES")
    builder.take("validatewithpoints", "DISTANCE")
    builder.take("trainpcum", "SEED")

    builder.run("stack", "buildfactorstack", (0, 0), same("DEM", "AREA", "PRECIPITATION", *stack),
                {"OUTPUT": ("STACK", "Factor stack")})
    builder.run("labels", "buildbufferedlabels", (1, 2),
                {**same("LANDSLIDES", "SCALE_FIELD", "RADII", "RING"), "AREA": "MAPPED_AREA",
                 "REFERENCE": ("stack", "OUTPUT")}, {"OUTPUT": ("LABELS", "Landslide labels")})
    builder.run("safety", "buildsafetyfactor", (1, 4),
                {**same("PRECIPITATION", *climate, "K_TABLE"), "REFERENCE": ("stack", "OUTPUT"),
                 "LANDSLIDES": "LANDSLIDES", "TOPOGRAPHY": "LANDFORM", "TOPOGRAPHY_FIELD": "LANDFORM_FIELD"},
                {"OUTPUT": ("SAFETY_FACTOR", "Safety factor")})
    builder.run("training", "trainpcum", (2, 3),
                {**same(*training, "SEED"), "STACK": ("stack", "OUTPUT"), "LABELS": ("labels", "OUTPUT"),
                 "SAFETY_FACTOR": ("safety", "OUTPUT")},
                {"OUTPUT": ("MODEL", "Trained model"), "OUTPUT_WINDOWS": ("WINDOWS", "Windows"),
                 "OUTPUT_HTML": ("TRAINING_REPORT", "Training report")}, needed=("WINDOWS",))
    builder.run("map", "predictsusceptibility", (3, 0),
                {**same("DEVICE"), "STACK": ("stack", "OUTPUT"), "MODEL": ("training", "OUTPUT")},
                {"OUTPUT": ("SUSCEPTIBILITY", "Susceptibility")})
    builder.run("zones", "classifyzones", (4, 1),
                {**same("SHARES"), "SUSCEPTIBILITY": ("map", "OUTPUT")},
                {"OUTPUT": ("ZONES", "Susceptibility zones"), "OUTPUT_TABLE": ("ZONE_TABLE", "Zone table")})
    builder.run("validation", "validatewithpoints", (5, 3),
                {**same("LANDSLIDES", "DISTANCE", "SEED"), "SUSCEPTIBILITY": ("map", "OUTPUT"),
                 "ZONES": ("zones", "OUTPUT"), "WINDOWS": ("training", "OUTPUT_WINDOWS")},
                {"OUTPUT_HTML": ("REPORT", "Validation report"), "OUTPUT_TABLE": ("NUMBERS", "Validation numbers"),
                 "OUTPUT_POINTS": ("POINTS", "Points by outcome")})
    return builder


def main() -> None:
    """Write all models."""
    application = QgsApplication([], False)
    application.initQgis()
    from scarp import classFactory

    plugin = classFactory(None)
    plugin.initProcessing()
    MODELS.mkdir(exist_ok=True)
    factors_to_zones().write(MODELS / "factorstozones.model3")
    plugin.unload()
    application.exitQgis()


if __name__ == "__main__":
    sys.exit(main())
