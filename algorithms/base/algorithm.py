"""What all of Scarp's algorithms share: declaration, help, checks, and the course of a run."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from qgis.core import (  # type: ignore[attr-defined]  # the stubs lack the exceptions
    NULL,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtGui import QIcon

from ...model.errors import OutputNotWritable, ScarpError
from ...model.options import Options
from ...model.outputs.atomic import output_lock
from ...model.report.settings import DocumentDetails
from ...model.training.settings import PAPER, RECOMMENDED, format_value, preset_value
from ...processing_provider.dependencies import install_hint, load_error_message
from ...processing_provider.settings import has_window
from ...running.core import Core, choose_runtime
from ...translation import core_language, join, tr
from . import parameters
from .arguments import Arguments
from .details import stored_details
from .feedback import FeedbackProgress, failure
from .messages import shown
from .open_layers import layers_of, moved_results, released_layers
from .output_files import require_output_files
from .parameters import Definition, parameter_problem, with_option_words

PACKAGE = Path(__file__).resolve().parent.parent.parent
PREPARE = ("prepare", "1 Prepare data")
TRAIN = ("train", "2 Train")
MAP = ("map", "3 Map")
VALIDATE = ("validate", "4 Validate")
CORE = ("rasterio",)  # modules that every algorithm needs
SIDECAR_STYLE = "beside"  # in STYLES, stands for the QML file that the core wrote beside a raster of classes
_ADVANCED = QgsProcessingParameterDefinition.Flag.FlagAdvanced  # type: ignore[attr-defined]  # stubs of QGIS 4


class ScarpAlgorithm(QgsProcessingAlgorithm):
    """One step of the workflow. A subclass states the fields below, declares parameters and calls the core."""

    ID = ""  # frozen; also the name of the module and of the icon
    TITLE = ""
    GROUP = PREPARE
    PLACE = 9  # in the group, in the order of the work
    SUMMARY = ""  # what it does and when to use it, for an analyst; lines become paragraphs
    HELP: Mapping[str, str] = {}  # of parameters: what each is, with its unit and the meaning of its default
    TAGS: tuple[str, ...] = ()
    REQUIRED_MODULES: tuple[str, ...] = CORE  # modules that must be importable
    NUMBERS: Mapping[str, str] = {}  # that are returned, with their labels
    STYLES: Mapping[str, str] = {}  # style of layers that are written, by output; see ``styles.Styler``
    ONLY_WITH: Mapping[str, Sequence[str]] = {}  # inputs that only one word of METHOD uses; the dialog hides the others
    FOLDER_FILES: Mapping[str, Sequence[str]] = {}  # names of the files that are written into an output folder
    TELLS_TIME = False  # whether progress moves evenly, block by block, so that the time left can be told
    WRITTEN_BY_QGIS: tuple[str, ...] = ()  # files that the core does not write
    _written_outputs: Sequence[str] = ()
    stored_details = DocumentDetails()  # of project and profile, when a run is prepared

    def define(self) -> None:
        """Declare the parameters, in the order of the dialog."""
        raise NotImplementedError

    def check(self, arguments: Arguments) -> None:
        """Raise a ``ScarpError`` for what is wrong before the run starts, as far as it is quickly found."""

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        """Call the core and return numbers, texts and vector layers by output; :meth:`files` are added to them."""
        raise NotImplementedError

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        """Return the arguments of the job ``automatic_values``, for the dialog; None while inputs are missing."""
        return None

    def files(self, arguments: Arguments) -> dict[str, str | None]:
        """Return the path of each raster, file or folder that is written by output; None for those not wanted."""
        definitions = self.destinationParameterDefinitions()
        return {item.name(): arguments.output(item.name()) for item in definitions if item.type() != "sink"}

    def tell_unused(self, arguments: Arguments, method: str) -> None:
        """Log the inputs that were given but only another word of METHOD uses."""
        others = [name for word, names in self.ONLY_WITH.items() if word != method for name in names]
        given = [name for name in others if arguments.given(name) and not arguments.is_default(name)]
        if given:
            text = tr("Not used with METHOD={method}: {names}.")
            arguments.progress.report(0.0, text.format(method=method, names=join(given)))

    def call(self, arguments: Arguments, job: str, *values: Any, **named: Any) -> Any:
        """Call a job of the core, with :meth:`files` (OUTPUT_HTML is ``output_html``), progress, and details if it has
        any, added.
        """
        if self.parameterDefinition("DETAILS") is not None:
            named["details"] = arguments.details()
        files = {name.lower(): path for name, path in self.files(arguments).items() if name not in self.WRITTEN_BY_QGIS}
        return arguments.core.call(job, *values, **files, **named, progress=arguments.progress)

    def declare(self, definition: Definition, help_text: str = "", advanced: bool = False, ending: str = "") -> None:
        """Add a parameter with its help, that of HELP if none is given, to which its default is added.

        Advanced ones are folded away in the dialog; the ending is more help, already in the language of QGIS.
        """
        help_text = help_text or self.HELP[definition.name()]
        definition.setDescription(tr(definition.description()))
        self._labels[definition.name()] = definition.description()
        definition.setHelp(tr(help_text) + ending + default_sentence(definition))
        if advanced:
            definition.setFlags(definition.flags() | _ADVANCED)
        self.addParameter(definition)

    def declare_options(
        self, options: type[Options], *names: str, ending: str = "", without_default: bool = False
    ) -> None:
        """Add the parameters of options, such as ``threshold``, with their label and help; see :meth:`declare`."""
        for option in map(options.option, names):
            more = _preset(format_value(None), None) if option.automatic and not ending else ending
            self.declare(parameters.option(option, without_default), option.help, option.advanced, more)

    def declare_regions(self) -> None:
        """Add REGIONS, polygons that get numbers of their own, and REGION_FIELD."""
        self.declare(parameters.vector("REGIONS", "Regions", parameters.POLYGON, optional=True))
        field = parameters.field("REGION_FIELD", "Region field", "REGIONS")
        self.declare(field, "Field with the name of each region. Without it they are numbered.")

    def declare_exposure(self, kinds: bool) -> None:
        """Add BUILDINGS, ROADS and EXPOSURE, which are counted by zone; with ``kinds`` the fields of their kinds."""
        points, lines, polygons = parameters.POINT, parameters.LINE, parameters.POLYGON
        buildings = parameters.vector("BUILDINGS", "Buildings", points, polygons, optional=True)
        self.declare(buildings, "Points, which are counted, or polygons, whose area is measured as well.")
        text = "Field with the kind of each, such as its use, for rows of their own in the table."
        if kinds:
            self.declare(parameters.field("BUILDINGS_FIELD", "Kind of buildings", "BUILDINGS"), text)
        self.declare(
            parameters.vector("ROADS", "Roads", lines, optional=True), "Lines, whose length in each zone is measured."
        )
        if kinds:
            self.declare(parameters.field("ROADS_FIELD", "Kind of roads", "ROADS"), text)
        exposure = parameters.rasters("EXPOSURE", "More that is exposed", kind=parameters.ANY_VECTOR)
        help_text = (
            "Further layers, such as schools, power lines or fields: points are counted, of lines the length, of "
            "polygons number and area are measured."
        )
        self.declare(exposure, help_text)

    def declare_document(self) -> None:
        """Add OUTPUT_DOCUMENT, the report for Word, and DETAILS, which an office adds to report and map sheet."""
        help_text = (
            "File with title, author, organisation, logo, purpose, data sources and limits for the documents, for "
            "batches and scripts. What it leaves out, or all without a file, is that of the project and of Plugins > "
            "Scarp > Document details…, which also writes such files."
        )
        self.declare(parameters.input_file("DETAILS", "Document details", parameters.DETAILS), help_text, advanced=True)
        output = parameters.file_output("OUTPUT_DOCUMENT", "Report for Word", parameters.DOCX, True, False)
        self.declare(output, "The report as a Word document, to edit: headings, texts, tables and figures.")

    def title(self) -> str:
        """Return the title, as texts have it."""
        return tr(self.TITLE)

    # QGIS calls the following methods.

    def name(self) -> str:
        return self.ID

    def displayName(self) -> str:
        """Return the title with the number of the group and the place in it: the Toolbox sorts by name."""
        return f"{self.GROUP[1].split()[0]}.{self.PLACE} {self.title()}"

    def groupId(self) -> str:
        return self.GROUP[0]

    def group(self) -> str:
        """Return the group's title; its number keeps the groups in the order of the workflow."""
        return tr(self.GROUP[1])

    def tags(self) -> list[str]:
        return ["landslide", "susceptibility", "pcum", *self.TAGS]

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return str(PACKAGE / "resources" / "icons" / f"{self.ID}.svg")

    def createInstance(self) -> ScarpAlgorithm:
        return type(self)()

    def shortDescription(self) -> str:
        """Return the first paragraph of the summary, the tooltip in the Toolbox."""
        return tr(self.SUMMARY).split("\n")[0]

    def shortHelpString(self) -> str:
        """Return summary, parameters and outputs, each with its help, as plain paragraphs."""
        paragraphs = [line for line in tr(self.SUMMARY).split("\n") if line.strip()]
        definitions = self.parameterDefinitions()
        for heading, outputs in ((tr("PARAMETERS"), False), (tr("OUTPUTS"), True)):
            items = [item for item in definitions if item.isDestination() == outputs]
            paragraphs += [heading, *(f"{item.description()} [{item.name()}]: {item.help()}" for item in items)]
        # EPOCHS is both a parameter and a number.
        declared = {item.name() for item in definitions if item.isDestination()}
        numbers = [item for item in self.outputDefinitions() if item.name() not in declared]
        if numbers:
            paragraphs.append(tr("Numbers: ") + "; ".join(f"{item.name()} {item.description()}" for item in numbers))
        return "\n".join(paragraphs)

    def helpUrl(self) -> str:
        """Return the page that the dialog's Help button opens."""
        return help_page(self.ID)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        self._labels: dict[str, str] = {}  # of parameters, for reports
        self.define()
        for name, label in self.NUMBERS.items():
            self.addOutput(QgsProcessingOutputNumber(name, tr(label)))

    def createCustomParametersWidget(self, parent: Any = None) -> Any:
        """Return QGIS's dialog with Scarp's additions; only called in a window."""
        from ...gui.algorithm_dialog import create_dialog

        return create_dialog(self, parent)

    def canExecute(self) -> tuple[bool, str]:
        """Return whether the libraries are there, and if not, how to install them."""
        missing_packages = choose_runtime(self.REQUIRED_MODULES).missing_packages
        return (False, install_hint(missing_packages, link=has_window())) if missing_packages else (True, "")

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        """Return whether a run can start, and if not, what is wrong with which parameter."""
        accepted, message = self._check_parameters(parameters, context)
        return accepted, shown(self, message)

    def _check_parameters(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        choice = choose_runtime(self.REQUIRED_MODULES)
        if choice.missing_packages:
            return False, install_hint(choice.missing_packages)
        parameters = with_option_words(self, parameters)
        for definition in self.parameterDefinitions():
            problem = parameter_problem(definition, parameters, context)
            if problem:
                return False, problem
        accepted, message = super().checkParameterValues(parameters, context)
        if not accepted:
            return False, message or ""
        try:
            self.check_values(parameters, context, Core(self.REQUIRED_MODULES, _silent_progress(), choice))
        except ScarpError as error:
            return False, str(error)
        except ImportError as error:
            return False, load_error_message(error)
        return True, ""

    def check_values(self, parameters: dict[str, Any], context: QgsProcessingContext, core: Core | None = None) -> None:
        """Run :meth:`check` on parameter values; without a core, as much of it as needs none."""
        arguments = Arguments(self, parameters, context, _silent_progress(), core)
        if self.parameterDefinition("DETAILS") is not None:
            arguments.details()
        self.check(arguments)
        require_output_files(self, parameters, context)

    def prepareAlgorithm(self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: Any) -> bool:
        """Read the details in the project, which belongs to this thread: that of the run may be another."""
        self.stored_details = stored_details(context.project())
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: Any
    ) -> dict[str, Any]:
        """Run the algorithm; every failure becomes a ``QgsProcessingException`` with a message for the user."""
        # Only a run needs them: the start of QGIS does not wait for their imports.
        from .record import record_call
        from .styles import group_layers, open_layers, style_output

        progress = FeedbackProgress(feedback, self, context.project())
        try:
            # Layers and locks are held until the record is complete: it must be that of these outputs.
            with contextlib.ExitStack() as held:
                with Core(self.REQUIRED_MODULES, progress, labels=self._labels, language=core_language()) as core:
                    arguments = Arguments(self, parameters, context, progress, core)
                    arguments.check_outputs()
                    released = held.enter_context(released_layers(context.project(), arguments.written_paths()))
                    arguments.check_writable()
                    core.require()
                    held.enter_context(output_lock(arguments.written_paths()))
                    results = {**self.files(arguments), **self.compute(arguments)}
                results = moved_results(context, results, progress.outputs_moved)
                record_call(arguments, results)
            for name, style in self.STYLES.items():
                style_output(context, results.get(name), style)
            group_layers(context, self.title(), results)
            if not released:
                # Released layers are given their files again in the main thread at this moment.
                open_layers(context, results.values())
            names = [definition.name() for definition in self.destinationParameterDefinitions()]
            self._written_outputs = [str(results[name]) for name in names if results.get(name)]
            # Numbers without a value are left out. Outputs that were not asked for are named with None: a model
            # exported to Python looks all of them up.
            return {name: value for name, value in results.items() if value is not None or name in names}
        except QgsProcessingException:
            raise
        except ScarpError as error:
            text = shown(self, str(error))
            if isinstance(error, OutputNotWritable):
                text += layers_of(context.project(), str(error))
            raise failure(error, self.title(), feedback, text) from error
        except Exception as error:
            raise failure(error, self.title(), feedback) from error

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: Any) -> dict[str, Any]:
        """Have layers of the project show the files that the run has overwritten."""
        from .styles import refresh_layers

        refresh_layers(context.project(), self._written_outputs)
        return {}


def _silent_progress() -> FeedbackProgress:
    return FeedbackProgress(QgsProcessingFeedback(False))


_DEFAULT = re.compile(r" Default: (?P<value>\S.*)\.$")
_PRESET = re.compile(r" When not given: (?P<usual>\S+?)(?:, or (?P<paper>\S+) with PRESET=paper)?\.$")
"""The endings of help texts as English models have them. A test compares them with the texts below."""


def default_sentence(definition: QgsProcessingParameterDefinition) -> str:
    """Return `` Default: VALUE.`` for the help, as one would type it; empty if there is none."""
    value = definition.defaultValue()
    if definition.isDestination() or value is None or value == NULL:
        return ""
    if isinstance(value, bool):
        return _default("yes" if value else "no")
    if isinstance(value, (list, tuple)):
        return _default(",".join(str(cell) for cell in value))
    return _default(f"{value:g}" if isinstance(value, float) else str(value))


def preset_sentence(name: str) -> str:
    """Return the values of a training setting under each preset, as the last sentence of its help."""
    usual, paper = (format_value(preset_value(preset, name)) for preset in (RECOMMENDED, PAPER))
    return _preset(usual, None if usual == paper else paper)


def translate_help(text: str) -> str:
    """Translate an English help text of a graphical model.

    It was copied from an algorithm's parameter with its ending, which is not part of the text that is translated.
    """
    body, value, usual, paper = split_help(text)
    return tr(body) + (_preset(usual, paper) if usual else "") + (_default(value) if value else "")


def split_help(text: str) -> tuple[str, str | None, str | None, str | None]:
    """Return an English help text without its ending, then default value, usual value and the paper's, or None."""
    default = _DEFAULT.search(text)
    text = text[: default.start()] if default else text
    preset = _PRESET.search(text)
    text = text[: preset.start()] if preset else text
    value = default["value"] if default else None
    return (text, value, preset["usual"], preset["paper"]) if preset else (text, value, None, None)


def _default(value: str) -> str:
    words = {"yes": tr("yes"), "no": tr("no")}
    return tr(" Default: {value}.").format(value=words.get(value, value))


def _preset(usual: str, paper: str | None) -> str:
    usual = tr("automatic") if usual == format_value(None) else usual
    if paper is None:
        return tr(" When not given: {usual}.").format(usual=usual)
    return tr(" When not given: {usual}, or {paper} with PRESET=paper.").format(usual=usual, paper=paper)


PAGES = {
    "createdemodata": "README.md#try-it",
    "buildfactorstack": "docs/method.md#factors",
    "checkfactors": "docs/real-data.md#kaghan-and-siran-valleys-pakistan",
    "buildbufferedlabels": "docs/method.md#labels",
    "buildsafetyfactor": "docs/method.md#rain-index",
    "buildslopeunits": "docs/slope-units.md",
    "trainpcum": "docs/method.md#presets-and-training-on",
    "trainbestmodel": "docs/method.md#choosing-the-kind-of-model",
    "traincomparisonmodel": "docs/method.md#models-to-compare-with",
    "predictsusceptibility": "docs/method.md#prediction",
    "classifyzones": "docs/method.md#zones",
    "exposurebyzone": "docs/method.md#exposure",
    "aggregatesusceptibility": "docs/slope-units.md#a-map-by-unit",
    "rainfallthresholds": "docs/rainfall-thresholds.md",
    "rainfallwarning": "docs/method.md#rainfall-warning",
    "validatewithpoints": "docs/method.md#validation",
    "comparemodels": "docs/method.md#comparing-maps",
    "auditmap": "docs/audit.md",
    "crossvalidate": "docs/method.md#validation",
    "explainsusceptibility": "docs/method.md#explaining-a-map",
    "rerun": "README.md#the-steps",
    "factorstozones": "docs/tutorial.md",
    "chainwithcomparisons": "docs/method.md#models-to-compare-with",
    "newarea": "README.md#the-steps",
}
"""Page of the repository by the name of the algorithm or graphical model."""


def help_page(name: str) -> str:
    """Return the address of the page on an algorithm or graphical model; without one QGIS would open its own manual."""
    page = PAGES[name]
    if has_window() and page.startswith("docs/") and (PACKAGE / page.partition("#")[0]).is_file():
        # Scarp's menu opens such addresses; without the Internet they are all there is.
        return f"scarp:{page}"
    return page_address(page)


def page_address(page: str) -> str:
    """Return the address of a page of the repository, such as ``docs/method.md#zones``."""
    return f"{_repository()}/blob/main/{page}"


@cache
def _repository() -> str:
    metadata = PACKAGE / "metadata.txt"
    for line in metadata.read_text(encoding="utf-8").splitlines():
        if line.startswith("repository="):
            return line.partition("=")[2].strip().rstrip("/")
    raise ValueError(f"{metadata} states no repository. Install the plugin again.")
