"""Puts graphical models together from algorithms of this provider, laid out so that people can read them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelGroupBox,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtCore import QPointF, QSizeF
from qgis.PyQt.QtGui import QColor

Source = QgsProcessingModelChildParameterSource
OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional
ADVANCED = QgsProcessingParameterDefinition.Flag.FlagAdvanced
COLUMN, INPUT_ROW, OUTPUT_ROW = 215, 46, 40
"""Distances in the designer, whose boxes are 200 wide and 30 high; the room of a step has its links above and below."""
RIM, HEADING = 22, 46


class Literal:
    """A value that a step gets as it is."""

    def __init__(self, value: Any) -> None:
        self.value = value


@dataclass
class Group:
    """A framed part of the designer's page: the inputs of some steps on the left, the steps on the right."""

    title: str
    left: float
    top: float
    inputs: Sequence[str]
    columns: int
    colour: str
    reached: float = 0.0
    """How far down the steps go, from the top of the frame."""

    @property
    def rows(self) -> int:
        """Rows of inputs."""
        return -(-len(self.inputs) // self.columns) if self.columns else 0

    @property
    def width(self) -> float:
        """Width of the frame."""
        return 2 * RIM + COLUMN * (self.columns + 1) + (40 if self.columns else 0)

    @property
    def height(self) -> float:
        """Height of the frame, once all steps are in."""
        return max(HEADING + self.rows * INPUT_ROW, self.reached) + RIM

    def place_of_input(self, number: int) -> QPointF:
        """Return the centre of an input's box; inputs go down, then to the right."""
        column, row = divmod(number, self.rows)
        return QPointF(self.left + RIM + COLUMN * (column + 0.5), self.top + HEADING + INPUT_ROW * (row + 0.5))

    def place_of_step(self, outputs: int) -> QPointF:
        """Return the centre of the next step's box and leave room for its outputs below."""
        place = QPointF(self.left + self.width - RIM - COLUMN / 2, self.top + max(HEADING, self.reached) + 50)
        self.reached = place.y() - self.top + 45 + OUTPUT_ROW * max(outputs, 1)
        return place


class ModelBuilder:
    """Puts a model together."""

    def __init__(self, title: str, group: str, help_content: Mapping[str, str]) -> None:
        self.model = QgsProcessingModelAlgorithm(title, group, "scarp")
        self.model.setHelpContent({"ALG_CREATOR": "The Scarp developers", "ALG_VERSION": "1", **help_content})
        self._inputs: list[str] = []
        self._help: dict[str, str] = {}
        self._groups: list[Group] = []

    def take(self, algorithm: str, *names: str, advanced: bool | None = None) -> None:
        """Make parameters of an algorithm parameters of the model, under the same names.

        Args:
            algorithm: id without the provider.
            names: of the parameters.
            advanced: whether the dialog folds them away; ``None`` as in the algorithm.
        """
        for name in names:
            definition = _parameter(algorithm, name)
            if advanced is not None:
                definition.setFlags(definition.flags() | ADVANCED if advanced else definition.flags() & ~ADVANCED)
            self._add(definition)

    def take_as(self, algorithm: str, name: str, new_name: str, label: str, help_text: str) -> None:
        """Make a parameter of an algorithm a parameter of the model under another name, label or help."""
        definition = _parameter(algorithm, name)
        definition.setName(new_name)
        definition.setDescription(label)
        definition.setHelp(help_text)
        self._add(definition)

    def group(self, title: str, place: tuple[float, float], inputs: Sequence[str], columns: int, colour: str) -> Group:
        """Frame inputs and the steps that are run with the result.

        Args:
            title: of the frame.
            place: left and top in the designer.
            inputs: parameters of the model shown in the frame.
            columns: that the inputs stand in.
            colour: of the frame.
        """
        made = Group(title, *place, inputs, columns, colour)
        self._groups.append(made)
        for number, name in enumerate(inputs):
            component = self.model.parameterComponent(name)
            component.setPosition(made.place_of_input(number))
            self.model.setParameterComponent(component)
        return made

    def run(
        self,
        child: str,
        algorithm: str,
        group: Group,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, tuple[str, str]],
        needed: tuple[str, ...] = (),
        title: str = "",
    ) -> None:
        """Add a step.

        Args:
            child: short name of the step.
            algorithm: id without the provider.
            group: the frame that it stands in, below the steps before it.
            inputs: by parameter: the name of a model parameter, (child, output) of an earlier step, several of those
                in a list, or a :class:`Literal`.
            outputs: by output of the algorithm: name and label of the model's own output.
            needed: outputs of the model that a later step reads.
            title: of the box; by default the algorithm's.
        """
        step = QgsProcessingModelChildAlgorithm(f"scarp:{algorithm}")
        step.setChildId(child)
        step.setDescription(title or step.algorithm().title())
        place = group.place_of_step(len(outputs))
        step.setPosition(place)
        for name, source in inputs.items():
            step.addParameterSources(name, [_source(one) for one in (source if isinstance(source, list) else [source])])
        # As the designer does: settings that are not shown are written down, or it calls them missing.
        for definition in step.algorithm().parameterDefinitions():
            if definition.name() not in inputs and definition.defaultValue() is not None:
                step.addParameterSources(definition.name(), [Source.fromStaticValue(_static(definition))])
        made = {}
        for row, (name, (output, label)) in enumerate(outputs.items()):
            item = QgsProcessingModelOutput(output, label)
            item.setChildId(child)
            item.setChildOutputName(name)
            # An optional output that is not asked for is not made, also when a later step reads it.
            item.setMandatory(output in needed)
            item.setPosition(QPointF(place.x(), place.y() + 60 + OUTPUT_ROW * row))
            made[output] = item
            self._help[f"{child}:{output}"] = step.algorithm().parameterDefinition(name).help()
        step.setModelOutputs(made)
        self.model.addChildAlgorithm(step)

    def write(self, path: Path) -> None:
        """Check the model and write it.

        Raises:
            SystemExit: a step is not valid, an input stands in no frame, or the file cannot be written.
        """
        loose = set(self._inputs) - {name for group in self._groups for name in group.inputs}
        if loose:
            raise SystemExit(f"{path.stem}: these inputs stand in no group: {', '.join(sorted(loose))}")
        for group in self._groups:
            self._frame(group, path.stem)
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
        self._inputs.append(definition.name())
        self._help[definition.name()] = definition.help()
        self.model.addModelParameter(definition, QgsProcessingModelParameter(definition.name()))

    def _frame(self, group: Group, model: str) -> None:
        box = QgsProcessingModelGroupBox(group.title)
        box.setColor(QColor(group.colour))
        box.setSize(QSizeF(group.width, group.height))
        box.setPosition(QPointF(group.left + group.width / 2, group.top + group.height / 2))
        # QGIS gives frames random identifiers and writes them in their order; fixed ones keep the file as it is.
        box.loadVariant({**box.toVariant(), "uuid": f"{{{uuid.uuid5(uuid.NAMESPACE_URL, f'{model}/{group.title}')}}}"})
        self.model.addGroupBox(box)


def _parameter(algorithm: str, name: str) -> QgsProcessingParameterDefinition:
    source = QgsApplication.processingRegistry().algorithmById(f"scarp:{algorithm}")
    return source.parameterDefinition(name).clone()


def _source(source: Any) -> QgsProcessingModelChildParameterSource:
    if isinstance(source, Literal):
        return Source.fromStaticValue(source.value)
    return Source.fromChildOutput(*source) if isinstance(source, tuple) else Source.fromModelParameter(source)


def _static(definition: QgsProcessingParameterDefinition) -> Any:
    """Return a default as a step of a model holds it.

    Several choices become one text with commas: for a list QGIS 3.22 writes '' when it exports the model as a script.
    """
    default = definition.defaultValue()
    return ",".join(default) if definition.type() == "enum" and definition.allowMultiple() else default
