"""What all of Scarp's algorithms share: help, checks, progress, and failures in words."""

from __future__ import annotations

import traceback
import warnings
from pathlib import Path
from typing import Any

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

from ..model.errors import Cancelled, ScarpError
from ..processing_provider.dependencies import broken, how_to_install, missing
from ..translation import tr
from .arguments import Arguments, FeedbackProgress
from .values import default_in_words, problem_of

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

    def declare(self, definition: QgsProcessingParameterDefinition, help_text: str, advanced: bool = False) -> None:
        """Add a parameter with its help.

        Args:
            definition: from ``algorithms.parameters``.
            help_text: what it is, with unit and what the default means; the default itself is added.
            advanced: folded away in the dialog.
        """
        definition.setDescription(tr(definition.description()))
        definition.setHelp(tr(help_text) + default_in_words(definition))
        if advanced:
            definition.setFlags(definition.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(definition)

    def declare_number(self, name: str, label: str) -> None:
        """Add a number that the algorithm returns."""
        self.addOutput(QgsProcessingOutputNumber(name, tr(label)))

    def declare_text(self, name: str, label: str) -> None:
        """Add a text that the algorithm returns."""
        self.addOutput(QgsProcessingOutputString(name, tr(label)))

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

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802
        """Declare the parameters."""
        self.define()

    def canExecute(self) -> tuple[bool, str]:  # noqa: N802
        """Say whether the libraries are there, and if not, which are missing and how to install them."""
        lacking = missing(self.NEEDS)
        return (False, how_to_install(lacking)) if lacking else (True, "")

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext  # noqa: N802
                             ) -> tuple[bool, str]:
        """Say what is wrong with the values, in words and naming the parameter, before the run starts."""
        lacking = missing(self.NEEDS)
        if lacking:
            return False, how_to_install(lacking)
        for definition in self.parameterDefinitions():
            problem = problem_of(definition, parameters, context)
            if problem:
                return False, problem
        accepted, message = super().checkParameterValues(parameters, context)
        if not accepted:
            return False, message
        try:
            self.check(Arguments(self, parameters, context, FeedbackProgress(QgsProcessingFeedback(False))))
        except ScarpError as error:
            return False, str(error)
        except ImportError as error:
            return False, broken(error)
        return True, ""

    def processAlgorithm(self, parameters: dict[str, Any], context: QgsProcessingContext,  # noqa: N802
                         feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Run the step; every failure becomes a ``QgsProcessingException`` with a message in words."""
        lacking = missing(self.NEEDS)
        if lacking:
            raise QgsProcessingException(how_to_install(lacking))
        arguments = Arguments(self, parameters, context, FeedbackProgress(feedback))
        # rasterio still multiplies transforms in the way that affine 3 complains of, at every window it reads.
        warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)
        try:
            arguments.check_outputs()
            results = self.compute(arguments)
            # Outputs that were not asked for, and numbers that there are not, are left out.
            return {name: value for name, value in results.items() if value is not None}
        except Cancelled as error:
            raise QgsProcessingException(str(error)) from error
        except ScarpError as error:
            raise QgsProcessingException(str(error)) from error
        except QgsProcessingException:
            raise
        except ImportError as error:
            feedback.pushDebugInfo(traceback.format_exc())
            raise QgsProcessingException(broken(error)) from error
        except MemoryError as error:
            raise QgsProcessingException(tr("The computer ran out of memory. Close other programs, or choose a "
                                            "smaller area, tile or batch.")) from error
        except Exception as error:
            # A fault of Scarp's own: the trace goes to the log, for the report, and the user still gets a sentence.
            feedback.pushDebugInfo(traceback.format_exc())
            raise QgsProcessingException(
                f"{self.TITLE} failed in a way that Scarp did not foresee: {type(error).__name__}: {error}. Nothing "
                "was left under the outputs' names. Please report it with the log.") from error
