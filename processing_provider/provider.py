"""The Processing provider: algorithms and graphical models under one name in the Toolbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import Qgis, QgsApplication, QgsMessageLog, QgsProcessingProvider
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtGui import QIcon

from ..algorithms.buildbufferedlabels import BuildBufferedLabels
from ..algorithms.buildfactorstack import BuildFactorStack
from ..algorithms.buildsafetyfactor import BuildSafetyFactor
from ..algorithms.checkfactors import CheckFactors
from ..algorithms.classifyzones import ClassifyZones
from ..algorithms.comparemodels import CompareModels
from ..algorithms.createdemodata import CreateDemoData
from ..algorithms.crossvalidate import CrossValidate
from ..algorithms.explainsusceptibility import ExplainSusceptibility
from ..algorithms.predictsusceptibility import PredictSusceptibility
from ..algorithms.rainfallwarning import RainfallWarning
from ..algorithms.rerun import Rerun
from ..algorithms.traincomparisonmodel import TrainComparisonModel
from ..algorithms.trainpcum import TrainPcum
from ..algorithms.validatewithpoints import ValidateWithPoints
from ..translation import tr
from . import settings
from .models import ScarpModel

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
ICON = RESOURCES / "icons" / "scarp.svg"
MODELS = RESOURCES / "models"

ALGORITHMS = (
    CreateDemoData,
    BuildFactorStack,
    CheckFactors,
    BuildBufferedLabels,
    BuildSafetyFactor,
    TrainPcum,
    TrainComparisonModel,
    PredictSusceptibility,
    ClassifyZones,
    RainfallWarning,
    ValidateWithPoints,
    CompareModels,
    CrossValidate,
    ExplainSusceptibility,
    Rerun,
)


class ScarpProvider(QgsProcessingProvider):
    """All of Scarp in the Toolbox."""

    def id(self) -> str:
        """Return the prefix of all ids; frozen."""
        return "scarp"

    def name(self) -> str:
        """Return the name in the Toolbox."""
        return "Scarp"

    def longName(self) -> str:
        """Return the name with what it is for."""
        return tr("Scarp (landslide susceptibility)")

    def icon(self) -> QIcon:
        """Return the icon in the Toolbox."""
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:
        """Return the icon's file."""
        return str(ICON)

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """Return the suffixes of GeoTIFF, the only format written."""
        return ["tif", "tiff"]

    def defaultRasterFileExtension(self) -> str:
        """Return GeoTIFF's, whatever the user's own default is."""
        return "tif"

    def supportsNonFileBasedOutput(self) -> bool:
        """Return that memory layers and databases work: vector outputs go through Processing's own sinks."""
        return True

    def unload(self) -> None:
        """Remove the settings."""
        settings.unregister()
        super().unload()

    def loadAlgorithms(self) -> None:
        """Add the algorithms; once the provider is registered, show the settings and add the graphical models too.

        A graphical model can only be read when the algorithms in it are registered.
        """
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
        registry: Any = QgsApplication.processingRegistry()
        if registry.providerById(self.id()) is None:
            return
        settings.register(self.name(), self.icon())
        for path in sorted(MODELS.glob("*.model3")):
            self._add_model(path)

    def load_models_lazily(self) -> None:
        """Show the settings and add the graphical models one at a time, so that the window stays responsive."""
        settings.register(self.name(), self.icon())
        self._pending_models = sorted(MODELS.glob("*.model3"))
        self._add_next_model()

    def _add_next_model(self) -> None:
        if not self._pending_models:
            self.algorithmsLoaded.emit()
            return
        path = self._pending_models.pop(0)
        # All algorithms may have been refreshed in the meantime.
        if self.algorithm(path.stem) is None:
            self._add_model(path)
        QTimer.singleShot(0, self._add_next_model)

    def _add_model(self, path: Path) -> None:
        model = ScarpModel.read(path)
        if model is not None:
            self.addAlgorithm(model)
            return
        message = tr("The graphical model {path} cannot be read.").format(path=path)
        QgsMessageLog.logMessage(message, "Scarp", Qgis.MessageLevel.Warning)
