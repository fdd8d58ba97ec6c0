"""The graphical models that come with Scarp, as algorithms of its provider."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from qgis import core
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtXml import QDomDocument

from ..algorithms.base.algorithm import help_page, translate_help
from ..algorithms.base.output_files import require_output_files
from ..algorithms.base.parameters import parameter_problem, with_option_words
from ..model.errors import ScarpError
from ..translation import of_core, tr
from .provider import ICONS


class ScarpModel(core.QgsProcessingModelAlgorithm):
    """A graphical model whose id is its file name, so that its title can be a sentence and may change."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @classmethod
    def read(cls, path: Path) -> ScarpModel | None:
        """Return the model of a ``.model3`` file, or None when it cannot be read."""
        parts = cls.read_in_parts(path)
        while True:
            try:
                next(parts)
            except StopIteration as end:
                return end.value

    @classmethod
    def read_in_parts(cls, path: Path) -> Generator[None, None, ScarpModel | None]:
        """Do the same with pauses, in which a window can draw; QGIS's own reading is one long call."""
        document, model = QDomDocument(), cls(path)
        try:
            document.setContent(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return None
        if document.firstChildElement().isNull():
            return None
        yield
        content = core.QgsXmlUtils.readVariant(document.firstChildElement())
        yield
        if not model.loadVariant(content):
            return None
        yield
        model.setSourceFilePath(str(path))
        # QGIS in English, as the file is, needs nothing: replacing every step takes time.
        labels = [model.displayName(), model.group(), *(item.description() for item in model.parameterDefinitions())]
        if [tr(label) for label in labels] != labels:
            model.translate_texts()
        # The file keeps the help of parameters where dialogs and qgis_process do not look.
        texts = model.helpContent()
        for definition in model.parameterDefinitions():
            definition.setHelp(texts.get(definition.name(), ""))
        return model

    def translate_texts(self) -> None:
        """Translate what the file holds in English: title, group, help, steps, parameters and outputs."""
        self.setName(tr(self.displayName()))
        self.setGroup(tr(self.group()))
        self.setHelpContent({name: translate_help(str(text)) for name, text in self.helpContent().items()})
        for definition in self.parameterDefinitions():
            definition.setDescription(tr(definition.description()))
        steps: Any = self.childAlgorithms()
        for step in steps.values():
            step.setDescription(tr(step.description()))
            outputs = step.modelOutputs()
            for output in outputs.values():
                output.setDescription(tr(output.description()))
            step.setModelOutputs(outputs)
        # This creates the definitions of the outputs again, with their translated labels.
        self.setChildAlgorithms(steps)

    def name(self) -> str:
        """Return the id; frozen."""
        return self._path.stem

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        own = ICONS / f"{self.name()}.svg"
        return str(own if own.is_file() else ICONS / "model.svg")

    def shortDescription(self) -> str:
        """Return the first paragraph of the help, the tooltip in the Toolbox; QGIS's own is empty for a model."""
        return str(self.helpContent().get("ALG_DESC", "")).split("\n")[0]

    def helpUrl(self) -> str:
        return help_page(self.name())

    def checkParameterValues(self, parameters: dict[str, Any], context: core.QgsProcessingContext) -> tuple[bool, str]:
        """Return whether a run can start, and if not, what is wrong. Steps run after hours would find it too late."""
        parameters = with_option_words(self, parameters)
        problems = (parameter_problem(item, parameters, context) for item in self.parameterDefinitions())
        problem = next(filter(None, problems), "")
        if problem:
            return False, problem
        accepted, message = super().checkParameterValues(parameters, context)
        if not accepted:
            return False, message or ""
        try:
            self.check_values(parameters, context)
        except ScarpError as error:
            return False, of_core(str(error))
        return True, ""

    def check_values(self, parameters: dict[str, Any], context: core.QgsProcessingContext) -> None:
        """Raise a ``ScarpError`` if an output has a name that a step would refuse."""
        require_output_files(self, parameters, context)

    def postProcessAlgorithm(self, context: core.QgsProcessingContext, feedback: Any) -> dict[str, Any]:
        """Name the layers by the titles of the outputs; QGIS uses the short names that scripts need."""
        outputs = self.destinationParameterDefinitions()
        titles: Any = {output.name().split(":")[-1]: output.description() for output in outputs}
        for key in context.layersToLoadOnCompletion():
            details = context.layerToLoadOnCompletionDetails(key)
            details.name = titles.get(details.name, details.name)
        return super().postProcessAlgorithm(context, feedback)

    def createCustomParametersWidget(self, parent: Any = None) -> Any:
        """Return QGIS's dialog with Scarp's additions; only called in a window."""
        from ..gui.algorithm_dialog import create_dialog

        return create_dialog(self, parent)

    def createInstance(self) -> Any:
        model = ScarpModel.read(self._path)
        if model is not None:
            model.setProvider(self.provider())
        return model
