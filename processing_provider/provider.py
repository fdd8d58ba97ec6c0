"""The Processing provider: algorithms and graphical models under one name in the Toolbox."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qgis import core
from qgis.PyQt.QtGui import QIcon

from ..translation import tr
from . import settings
from .event_loop import run_in_parts

PACKAGE = Path(__file__).resolve().parent.parent
ICONS, MODELS = PACKAGE / "resources" / "icons", PACKAGE / "resources" / "models"
ICON = ICONS / "scarp.svg"
ALGORITHMS = PACKAGE / "algorithms"
PROVIDER = "scarp"
SHARED = ("model.options", "model.languages", "algorithms.base.parameters", "running.core", "algorithms.base.algorithm")
"""What all algorithms import."""


def algorithm_names() -> list[str]:
    """Return the ids of the algorithms, which are the names of the modules in ``algorithms/``."""
    return sorted(path.stem for path in ALGORITHMS.glob("[!_]*.py"))


def model_files() -> list[Path]:
    """Return the files of the graphical models."""
    return sorted(MODELS.glob("*.model3"))


def algorithm_class(name: str) -> type[core.QgsProcessingAlgorithm]:
    """Return the class of an algorithm, from its module."""
    # Imported when the first algorithm is added and not before: this takes most of the time that Scarp needs to start.
    module = importlib.import_module(f"..algorithms.{name}", __package__)
    classes = (item for item in vars(module).values() if isinstance(item, type))
    return next(item for item in classes if getattr(item, "ID", "") == name)


class ScarpProvider(core.QgsProcessingProvider):
    """All of Scarp in the Toolbox."""

    def __init__(self, waiting: bool = False) -> None:
        """Create it; one that is ``waiting`` has no algorithms until :meth:`load_gradually`."""
        super().__init__()
        self._waiting = waiting
        self._remaining: Iterator[None] = iter(())

    def id(self) -> str:
        """Return the prefix of all ids; frozen."""
        return PROVIDER

    def name(self) -> str:
        return "Scarp"

    def longName(self) -> str:
        return tr("Scarp (landslide susceptibility)")

    def icon(self) -> QIcon:
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:
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
        settings.unregister()
        super().unload()

    def loadAlgorithms(self) -> None:
        """Add the algorithms, and the graphical models once the provider is registered: they can only be read then."""
        if self._waiting:
            return
        for name in algorithm_names():
            self._add_algorithm(name)
        registry: Any = core.QgsApplication.processingRegistry()
        if registry.providerById(self.id()) is None:
            return
        settings.register(self.name(), self.icon())
        for path in model_files():
            for _ in self._add_model(path):
                pass

    def load_gradually(self) -> None:
        """Show the settings and add what is missing, one at a time, so that the window stays responsive."""
        self._waiting = False
        settings.register(self.name(), self.icon())
        self._remaining = self._adding()
        run_in_parts(self, self._remaining, self.algorithmsLoaded.emit)

    def load_now(self) -> None:
        """Add at once what :meth:`load_gradually` has not added yet."""
        if self._waiting:
            self._waiting = False
            settings.register(self.name(), self.icon())
            self._remaining = self._adding()
        for _ in self._remaining:
            pass

    def _adding(self) -> Iterator[None]:
        """Add what is missing, and pause where the window can draw."""
        for name in SHARED:
            importlib.import_module(f"..{name}", __package__)
            yield
        for name in algorithm_names():
            # All algorithms may have been refreshed in the meantime.
            if self.algorithm(name) is None:
                self._add_algorithm(name)
            yield
        for path in model_files():
            if self.algorithm(path.stem) is None:
                yield from self._add_model(path)
            yield

    def _add_algorithm(self, name: str) -> None:
        self.addAlgorithm(algorithm_class(name)())

    def _add_model(self, path: Path) -> Iterator[None]:
        from .graphical_models import ScarpModel

        model = yield from ScarpModel.read_in_parts(path)
        if model is None:
            message = tr("The graphical model {path} cannot be read.").format(path=path)
            core.QgsMessageLog.logMessage(message, "Scarp", core.Qgis.MessageLevel.Warning)
        elif self.algorithm(path.stem) is None:
            self.addAlgorithm(model)
