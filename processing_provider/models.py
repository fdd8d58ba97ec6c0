"""Graphical models that come with Scarp, as algorithms of its provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingContext, QgsProcessingModelAlgorithm
from qgis.PyQt.QtGui import QIcon

from ..algorithms.base.algorithm import help_page, translate_help
from ..translation import tr

ICONS = Path(__file__).resolve().parent.parent / "resources" / "icons"


class ScarpModel(QgsProcessingModelAlgorithm):
    """A graphical model whose id is its file name, so that its title can be a sentence and may change."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @classmethod
    def read(cls, path: Path) -> ScarpModel | None:
        """Return the model of a ``.model3`` file, or None when it cannot be read."""
        model = cls(path)
        if not model.fromFile(str(path)):
            return None
        model.setSourceFilePath(str(path))
        if not model._is_english():
            model.translate_texts()
        # The file keeps the help of parameters where dialogs and qgis_process do not look.
        texts = model.helpContent()
        for definition in model.parameterDefinitions():
            definition.setHelp(texts.get(definition.name(), ""))
        return model

    def _is_english(self) -> bool:
        """Whether QGIS runs in English, as the file is: replacing every step takes time."""
        labels = [self.displayName(), self.group(), *(item.description() for item in self.parameterDefinitions())]
        return [tr(label) for label in labels] == labels

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
        """Return the icon in the Toolbox."""
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        """Return the icon's file: the model's own or the common one."""
        own = ICONS / f"{self.name()}.svg"
        return str(own if own.is_file() else ICONS / "model.svg")

    def shortDescription(self) -> str:
        """Return the first paragraph of the help, the tooltip in the Toolbox; QGIS's own is empty for a model."""
        return str(self.helpContent().get("ALG_DESC", "")).split("\n")[0]

    def helpUrl(self) -> str:
        """Return the page that the dialog's Help button opens."""
        return help_page(self.name())

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: Any) -> dict[str, Any]:
        """Name the layers by the titles of the outputs; QGIS uses the short names that scripts need."""
        outputs = self.destinationParameterDefinitions()
        titles: Any = {output.name().split(":")[-1]: output.description() for output in outputs}
        for key in context.layersToLoadOnCompletion():
            details = context.layerToLoadOnCompletionDetails(key)
            details.name = titles.get(details.name, details.name)
        return super().postProcessAlgorithm(context, feedback)

    def createCustomParametersWidget(self, parent: Any = None) -> Any:
        """Return QGIS's dialog with Scarp's additions; only called in a window."""
        from ..gui.algorithm_dialog import ScarpDialog

        return ScarpDialog(self, parent)

    def createInstance(self) -> Any:
        """Return a fresh model for one run."""
        model = ScarpModel.read(self._path)
        if model is not None:
            model.setProvider(self.provider())
        return model
