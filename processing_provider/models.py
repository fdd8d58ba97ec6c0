"""Graphical models that come with Scarp, as algorithms of its provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingModelAlgorithm
from qgis.PyQt.QtGui import QIcon

ICON = Path(__file__).resolve().parent.parent / "resources" / "icons" / "model.svg"


class ScarpModel(QgsProcessingModelAlgorithm):
    """A graphical model whose id is its file's name, so that its title can be a sentence and may change."""

    def __init__(self, path: Path) -> None:
        """Make an empty model; :meth:`read` gives one with content."""
        super().__init__()
        self._path = path

    @classmethod
    def read(cls, path: Path) -> "ScarpModel | None":
        """Return the model of a ``.model3`` file, or None when it cannot be read."""
        model = cls(path)
        if not model.fromFile(str(path)):
            return None
        model.setSourceFilePath(str(path))
        # The file keeps the help of parameters beside them, where dialogs and qgis_process do not look.
        texts = model.helpContent()
        for definition in model.parameterDefinitions():
            definition.setHelp(texts.get(definition.name(), ""))
        return model

    def name(self) -> str:
        """Return the id; frozen."""
        return self._path.stem

    def icon(self) -> QIcon:
        """Return the icon in the Toolbox."""
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:  # noqa: N802 - QGIS's name
        """Return the icon's file."""
        return str(ICON)

    def createInstance(self) -> Any:  # noqa: N802 - QGIS's name
        """Return a fresh model for one run."""
        model = ScarpModel.read(self._path)
        model.setProvider(self.provider())
        return model
