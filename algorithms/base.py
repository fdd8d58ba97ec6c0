"""What all of Scarp's algorithms share: help, checks, progress, and failures in words."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Sequence

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtGui import QIcon

from ..model.errors import ScarpError
from ..model.sole_writer import sole_writer
from ..processing_provider.dependencies import broken, how_to_install
from ..processing_provider.settings import has_window
from ..running.choice import choose
from ..running.core import Core
from ..translation import tr
from .arguments import Arguments
from .feedback import FeedbackProgress
from .help_pages import help_page
from .help_texts import default_in_words
from .layer_groups import group_layers
from .recording import record_call
from .values import problem_of

ICONS = Path(__file__).resolve().parent.parent / "resources" / "icons"

PREPARE = ("prepare", "1 Prepare data")
TRAIN = ("train", "2 Train")
MAP = ("map", "3 Map")
VALIDATE = ("validate", "4 Validate")

CORE = ("rasterio",)
"""Modules that every step needs."""


class ScarpAlgorithm(QgsProcessingAlgorithm):
    """One step of the work. A subclass states the fields below, declares parameters and calls the core."""

    ID = ""
    """Frozen; also the name of the module and of the icon."""
    TITLE = ""
    GROUP = PREPARE
    SUMMARY = ""
    """What the step does and when to use it, for an analyst who has not read the paper. Lines become paragraphs."""
    TAGS: tuple[str, ...] = ()
    NEEDS: tuple[str, ...] = CORE
    """Modules that must be importable."""

    def define(self) -> None:
        """Declare the parameters and outputs, in the order of the dialog."""
        raise NotImplementedError

    def check(self, arguments: Arguments) -> None:
        """Look for what is wrong before the run starts, cheaply; raise a ``ScarpError``."""

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        """Call the core and return the outputs by name."""
        raise NotImplementedError

    def declare(self, definition: QgsProcessingParameterDefinition, help_text: str, advanced: bool = False,
                ending: str = "") -> None:
        """Add a parameter with its help.

        Args:
            definition: from ``algorithms.parameters``.
            help_text: what it is, with unit and what the default means; the default itself is added.
            advanced: folded away in the dialog.
            ending: more help, already in the language of QGIS.
        """
        definition.setDescription(tr(definition.description()))
        definition.setHelp(tr(help_text) + ending + default_in_words(definition))
        if advanced:
            definition.setFlags(definition.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(definition)

    def declare_number(self, name: str, label: str) -> None:
        """Add a number that the algorithm returns."""
        self.addOutput(QgsProcessingOutputNumber(name, tr(label)))

    def declare_text(self, name: str, label: str) -> None:
        """Add a text that the algorithm returns."""
        self.addOutput(QgsProcessingOutputString(name, tr(label)))

    _made: Sequence[str] = ()
    """Outputs of the run that has just succeeded."""

    # What QGIS calls, with its names.

    def name(self) -> str:
        """Return the id without the provider."""
        return self.ID

    def displayName(self) -> str:  # noqa: N802
        """Return the title in the Toolbox."""
        return tr(self.TITLE)

    def groupId(self) -> str:  # noqa: N802
        """Return the group's id."""
        return self.GROUP[0]

    def group(self) -> str:
        """Return the group's title; the number keeps the groups in the order of the work."""
        return tr(self.GROUP[1])

    def tags(self) -> list[str]:
        """Return words to find the algorithm by."""
        return ["landslide", "susceptibility", "pcum", *self.TAGS]

    def icon(self) -> QIcon:
        """Return the icon."""
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:  # noqa: N802
        """Return the icon's file."""
        return str(ICONS / f"{self.ID}.svg")

    def createInstance(self) -> "ScarpAlgorithm":  # noqa: N802
        """Return a fresh object for one run."""
        return type(self)()

    def shortDescription(self) -> str:  # noqa: N802
        """Return the first sentence of the summary, the tooltip in the Toolbox."""
        return tr(self.SUMMARY).split("\n")[0]

    def shortHelpString(self) -> str:  # noqa: N802
        """Return summary, parameters and outputs, each with its help, as plain paragraphs."""
        paragraphs = [line for line in tr(self.SUMMARY).split("\n") if line.strip()]
        inputs = [item for item in self.parameterDefinitions() if not item.isDestination()]
        outputs = [item for item in self.parameterDefinitions() if item.isDestination()]
        for heading, items in ((tr("PARAMETERS"), inputs), (tr("OUTPUTS"), outputs)):
            paragraphs.append(heading)
            paragraphs += [f"{item.description()} [{item.name()}]: {item.help()}" for item in items]
        declared = {item.name() for item in outputs}
        numbers = [item for item in self.outputDefinitions() if item.name() not in declared]
        if numbers:
            paragraphs.append(tr("Numbers: ") + "; ".join(f"{item.name()} {item.description()}" for item in numbers))
        return "\n".join(paragraphs)

    def helpUrl(self) -> str:  # noqa: N802
        """Return the page that the dialog's Help button opens."""
        return help_page(self.ID)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802
        """Declare the parameters."""
        self.define()

    def createCustomParametersWidget(self, parent: Any = None) -> Any:  # noqa: N802
        """Return QGIS's dialog with Scarp's additions; only called in a window."""
        from ..gui.algorithm_dialog import ScarpDialog

        return ScarpDialog(self, parent)

    def canExecute(self) -> tuple[bool, str]:  # noqa: N802
        """Say whether the libraries are there, and if not, which are missing and how to install them."""
        lacking = choose(self.NEEDS).lacking
        return (False, how_to_install(lacking, link=has_window())) if lacking else (True, "")

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext  # noqa: N802
                             ) -> tuple[bool, str]:
        """Say what is wrong with the values, in words and naming the parameter, before the run starts."""
        choice = choose(self.NEEDS)
        if choice.lacking:
            return False, how_to_install(choice.lacking)
        for definition in self.parameterDefinitions():
            problem = problem_of(definition, parameters, context)
            if problem:
                return False, problem
        accepted, message = super().checkParameterValues(parameters, context)
        if not accepted:
            return False, message
        progress = FeedbackProgress(QgsProcessingFeedback(False))
        try:
            self.check(Arguments(self, parameters, context, progress, Core(self.NEEDS, progress, choice)))
        except ScarpError as error:
            return False, str(error)
        except ImportError as error:
            return False, broken(error)
        return True, ""

    def processAlgorithm(self, parameters: dict[str, Any], context: QgsProcessingContext,  # noqa: N802
                         feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Run the step; every failure becomes a ``QgsProcessingException`` with a message in words."""
        progress = FeedbackProgress(feedback)
        try:
            with contextlib.ExitStack() as alone:
                with Core(self.NEEDS, progress) as core:
                    arguments = Arguments(self, parameters, context, progress, core)
                    arguments.check_outputs()
                    core.require()
                    # Until the record is complete: it must be that of these outputs.
                    alone.enter_context(sole_writer(arguments.places_written()))
                    results = self.compute(arguments)
                record_call(arguments, results)
            group_layers(context, self.displayName(), results)
            self._made = [str(results[definition.name()]) for definition in self.destinationParameterDefinitions()
                          if results.get(definition.name())]
            # Numbers that there are not are left out. Files and layers that were not asked for are named with None: a
            # model exported to Python looks all of them up.
            named = {definition.name() for definition in self.destinationParameterDefinitions()}
            return {name: value for name, value in results.items() if value is not None or name in named}
        except QgsProcessingException:
            raise
        except Exception as error:
            from .failures import failure

            raise failure(error, self.displayName(), feedback) from error

    def postProcessAlgorithm(self, context: QgsProcessingContext,  # noqa: N802
                             feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Have layers of the project show the files that the run has written over theirs."""
        from .refreshing import refresh_layers

        refresh_layers(context.project(), self._made)
        return {}
