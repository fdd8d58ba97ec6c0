"""The Processing provider: algorithms and graphical models under one name in the Toolbox."""

from __future__ import annotations

from pathlib import Path

from qgis.core import Qgis, QgsApplication, QgsMessageLog, QgsProcessingProvider
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
from ..algorithms.traincomparisonmodel import TrainComparisonModel
from ..algorithms.trainpcum import TrainPcum
from ..algorithms.validatewithpoints import ValidateWithPoints
from .models import ScarpModel

PACKAGE = Path(__file__).resolve().parent.parent
ICON = PACKAGE / "resources" / "icons" / "scarp.svg"
MODELS = PACKAGE / "resources" / "models"

ALGORITHMS = (CreateDemoData, BuildFactorStack, CheckFactors, BuildBufferedLabels, BuildSafetyFactor, TrainPcum,
              TrainComparisonModel, PredictSusceptibility, ClassifyZones, RainfallWarning, ValidateWithPoints,
              CompareModels, CrossValidate, ExplainSusceptibility)


class ScarpProvider(QgsProcessingProvider):
    """All of Scarp in the Toolbox."""

    def id(self) -> str:
        """Return the prefix of all ids; frozen."""
        return "scarp"

    def name(self) -> str:
        """Return the name in the Toolbox."""
        return "Scarp"

    def longName(self) -> str:  # noqa: N802 - QGIS's name
        """Return the name with what it is for."""
        return "Scarp (landslide susceptibility)"

    def icon(self) -> QIcon:
        """Return the icon in the Toolbox."""
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:  # noqa: N802 - QGIS's name
        """Return the icon's file."""
        return str(ICON)

    def supportedOutputRasterLayerExtensions(self) -> list[str]:  # noqa: N802 - QGIS's name
        """Scarp writes GeoTIFF and nothing else."""
        return ["tif", "tiff"]

    def defaultRasterFileExtension(self) -> str:  # noqa: N802 - QGIS's name
        """Scarp writes GeoTIFF, whatever the user's own default is."""
        return "tif"

    def supportsNonFileBasedOutput(self) -> bool:  # noqa: N802 - QGIS's name
        """Vector outputs go through Processing's own sinks, so memory layers and databases work."""
        return True

    def loadAlgorithms(self) -> None:  # noqa: N802 - QGIS's name
        """Add the algorithms, and the graphical models once the algorithms in them are registered."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
        if QgsApplication.processingRegistry().providerById(self.id()) is None:
            return
        for path in sorted(MODELS.glob("*.model3")):
            model = ScarpModel.read(path)
            if model is None:
                QgsMessageLog.logMessage(f"The graphical model {path} cannot be read.", "Scarp",
                                         Qgis.MessageLevel.Warning)
            else:
                self.addAlgorithm(model)
