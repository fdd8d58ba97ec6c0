"""The parameters of training settings, shared by all algorithms that train: presets, limits and help from the core.
The layer of training windows, the same from all algorithms that train.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from qgis.core import QgsProcessingParameterDefinition, QgsProcessingParameterEnum, QgsProcessingParameterNumber

from ...model.training.settings import (
    PCUM,
    PRESETS,
    RECOMMENDED,
    TrainingSettings,
    choices,
    default,
    in_preset,
    limits,
    parameter_name,
    preset_overrides,
    settings_of_kind,
)
from . import parameters as p
from .algorithm import preset_sentence
from .arguments import Arguments
from .sinks import INTEGER, REAL, TEXT, WkbType, rectangle, write_sink
from .styles import style_output

if TYPE_CHECKING:
    from .algorithm import ScarpAlgorithm


PRESET_HELP = (
    "Where the settings that you leave empty come from. recommended: what was best on land never seen. paper: as "
    "printed by Zhang and Deng (2026), to repeat their work; it trains for long. A single setting that you give wins "
    "over the preset, and the log says so."
)
START_FROM_HELP = (
    "A model file of PCUM or U-Net to train on from, for an area with few landslides of its own. Factors are found by "
    "name and classes by their labels. The network and the scaling of the factors come from the model, so WIDTH, "
    "DEPTH, ENCODING and DROPOUT stay empty. The learning rate is a tenth of the usual unless given."
)

SETTINGS: dict[str, tuple[str, str]] = {
    "physics": (
        "Rule of physics",
        "hinge: below the critical safety factor, a low susceptibility costs the more the lower it is. indicator: the "
        "term as printed in the paper, for comparison; it has no gradient, so it changes the reported loss and not the "
        "model. none: a plain U-Net.",
    ),
    "lambda_": ("Strength of the rule (lambda)", "Weight of the rule beside the labels."),
    "p_low": ("Low susceptibility", "Below this susceptibility a cell under warning breaks the rule."),
    "fs_critical": (
        "Critical safety factor",
        "Below this safety factor a cell is under warning. At 0.5 the rain exceeds the threshold.",
    ),
    "weight_landslide": (
        "Weight of landslide cells",
        "How much a landslide cell counts. 0 lets landslide and stable cells count the same, however many there are of "
        "each. The paper's 5 goes with five stable cells to one landslide cell.",
    ),
    "weight_stable": ("Weight of stable cells", "How much a stable cell counts."),
    "window": ("Window (m)", "Side of a training window in metres; 1500 are 50 cells of 30 m, as in the paper."),
    "split": (
        "Split",
        "How windows are shared out. spatial_blocks: whole blocks of land are held back for validation and test, so "
        "that the test is on land never seen. random: window by window as in the paper, which gives better numbers "
        "because neighbours are alike.",
    ),
    "block": ("Block (m)", "Side of a block of the spatial split in metres; several windows wide."),
    "epochs": (
        "Epochs at most",
        "How often the training windows are gone through, if training does not end earlier; see PATIENCE.",
    ),
    "patience": (
        "Patience (epochs)",
        "Training ends after so many epochs in which the validation windows did not get better. 0 never ends early. "
        "The best epoch is kept in any case.",
    ),
    "learning_rate": ("Learning rate", "Step size of the training. Larger ones suit few epochs."),
    "averaging": (
        "Averaging of weights",
        "Share that each step leaves of a running average of the weights. The average is steadier from epoch to epoch; "
        "it is what is judged and kept. 0 keeps the weights of single steps.",
    ),
    "batch": ("Batch (windows)", "Windows a step. Fewer if memory runs out."),
    "augment": (
        "Turn and mirror windows",
        "Shows each window turned and mirrored as well, with its slope aspects turned along. Helps with few "
        "landslides. A check box is always given and so wins over the preset; scripts can leave it out.",
    ),
    "encoding": (
        "Classes as",
        "How kinds of rock, landform and so on reach the network. one_hot: each class as a yes or no. codes: as a "
        "plain number, as in the paper, though class 4 is not twice class 2.",
    ),
    "width": (
        "Width of the network",
        "Channels of its first level. More learns finer things, takes longer, and needs more landslides.",
    ),
    "depth": ("Depth of the network", "How often it halves the resolution to see farther."),
    "knots": (
        "Knots of the curves",
        "Beside the U-Net, each continuous factor has a curve of its own with so many bends, and each class a weight. "
        "That helps most with few landslides. 0 is a U-Net alone.",
    ),
    "dropout": (
        "Dropout",
        "Share of the network switched off at random while training, so that it does not learn the area by heart.",
    ),
    "seed": ("Seed", "Start of everything random. Another seed gives a slightly different model."),
    "device": ("Device", p.DEVICE_HELP),
    "precision": ("Arithmetic", p.PRECISION_HELP),
}
"""Label and help by the name of the setting; the presets' values are added to the help."""

BASIC_SETTINGS = ("physics", "epochs", "seed")
"""What an analyst may want to touch; all others are folded away."""
_DECIMALS = {
    "lambda_": 4,
    "p_low": 4,
    "fs_critical": 4,
    "weight_landslide": 3,
    "weight_stable": 3,
    "learning_rate": 8,
    "averaging": 4,
    "dropout": 3,
}


def declare_preset(algorithm: ScarpAlgorithm) -> None:
    """Declare the parameter PRESET."""
    algorithm.declare(
        QgsProcessingParameterEnum("PRESET", "Preset", list(PRESETS), False, RECOMMENDED, True, True), PRESET_HELP
    )


def declare_settings(algorithm: ScarpAlgorithm, *names: str) -> None:
    """Declare the parameters of some settings.

    Those that a preset governs are empty by default, so that what is given can be told from what is not.
    """
    for name in names:
        algorithm.declare(
            _definition(name),
            SETTINGS[name][1],
            advanced=name not in BASIC_SETTINGS,
            ending=preset_sentence(name) if in_preset(name) else "",
        )


def explicit_settings(arguments: Arguments) -> dict[str, Any]:
    """Return the settings among an algorithm's parameters that the user gave, or that no preset governs."""
    found: dict[str, Any] = {}
    declared = {definition.name() for definition in arguments.algorithm.parameterDefinitions()}
    for name in TrainingSettings.__dataclass_fields__:
        parameter, value = parameter_name(name), default(name)
        if parameter not in declared or (in_preset(name) and not arguments.given(parameter)):
            continue
        if isinstance(value, bool):
            found[name] = arguments.flag(parameter)
        elif isinstance(value, str):
            found[name] = arguments.choice(parameter)
        else:
            found[name] = (arguments.integer if isinstance(value, int) else arguments.number)(parameter)
    return found


def read_settings(arguments: Arguments, kind: str = PCUM) -> TrainingSettings:
    """Return the settings of a run: its preset, over it what suits the kind of model, and over that what was given.

    Raises:
        ParameterInvalid: a value is out of its range.
    """
    return settings_of_kind(kind, _preset(arguments), explicit_settings(arguments))


def log_overrides(arguments: Arguments, kind: str = PCUM) -> None:
    """Say in the log which given values differ from what the preset has for this kind of model."""
    for text in preset_overrides(settings_of_kind(kind, _preset(arguments), {}), explicit_settings(arguments)):
        arguments.progress.report(0.0, text)


def _preset(arguments: Arguments) -> str:
    return arguments.choice("PRESET") if arguments.given("PRESET") else RECOMMENDED


def _definition(name: str) -> QgsProcessingParameterDefinition:
    parameter, label, optional = parameter_name(name), SETTINGS[name][0], in_preset(name)
    value = default(name)
    if name == "device":
        return p.device()
    if isinstance(value, bool):
        return p.flag(parameter, label, value)
    shown = None if optional else value
    if isinstance(value, str):
        return QgsProcessingParameterEnum(parameter, label, list(choices(name)), False, shown, optional, True)
    kinds = QgsProcessingParameterNumber.Type
    lowest, highest = limits(name)
    definition = QgsProcessingParameterNumber(
        parameter, label, kinds.Integer if isinstance(value, int) else kinds.Double, shown, optional, lowest, highest
    )
    if name in _DECIMALS:
        definition.setMetadata({"widget_wrapper": {"decimals": _DECIMALS[name]}})
    return definition


FIELDS = (("subset", TEXT), ("kind", TEXT), ("landslide_share", REAL), ("seed", INTEGER))


def write_windows(arguments: Arguments, windows: Iterable[Any], crs: Any) -> Any:
    """Write the windows (``WindowFeature``) to OUTPUT_WINDOWS, styled, and return the output's value."""
    output = write_sink(
        arguments,
        "OUTPUT_WINDOWS",
        FIELDS,
        WkbType.Polygon,
        crs,
        (
            (
                rectangle(window.left, window.bottom, window.right, window.top),
                [window.subset, window.kind, window.landslide_share, window.seed],
            )
            for window in windows
        ),
    )
    style_output(arguments.context, output, "windows")
    return output
