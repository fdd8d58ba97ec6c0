"""Training settings, their presets, and the kinds of model; importable without torch, for the shell."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ParameterInvalid
from ..options import Options, choice, device, flag, number, parameter_name, precision, scheduler, text
from ..safety.kinds import CRITICAL, RAIN_INDEX
from ..texts import join_names

_number, _choice = functools.partial(number, advanced=True), functools.partial(choice, advanced=True)

_PHYSICS = (
    "hinge: below the critical safety factor, a low susceptibility is penalised the more the lower it is. indicator: "
    "the term as printed in the paper, for comparison; it has no gradient, so it changes the reported loss and not the "
    "model. Neither improves the map measurably: the rain index follows from factors that the model has. none: no "
    "constraint. stability, with PRESET=recommended: on land without labels, or on TARGET, the model learns a rule of "
    "slope stability from a factor of safety, whose weights the landslides correct; on labelled land the labels alone "
    "speak. It helps where a map of land without landslides is wanted."
)
_LAMBDA = (
    "Weight of the constraint beside the cross-entropy. With PHYSICS=stability it is that of all land without labels, "
    "as a multiple of the labelled land; left empty, parts of the land that are left out choose it, and with TARGET it "
    "is 10, or chosen by leaving out one area after the other where there are several."
)
_FS_CRITICAL = (
    "Below it a cell is under warning. Automatic: 1, below which a slope fails, where SAFETY_FACTOR says that it is a "
    "factor of safety, and with PHYSICS=stability; else 0.5, below which rain exceeds the threshold of a rain index."
)
_WEIGHT = (
    "Weight of a landslide cell in the cross-entropy. Automatic, also by 0: it balances landslide and stable cells, "
    "whatever their numbers. The paper's 5 is for five stable cells per landslide cell."
)
_WINDOW = (
    "Side of a training window in metres (paper: 1500, 50 cells of 30 m). Automatic: 26 cells, and at most a third of "
    "BLOCK or half the area."
)
_SPLIT = (
    "How windows are divided into training, validation and test. spatial_blocks: whole blocks are held out for "
    "validation and test, so the test area was never seen. random: window by window as in the paper, which gives "
    "better numbers because neighbours are alike."
)
_BLOCK = (
    "Side of a block of the spatial split in metres. Automatic: as many blocks as the labelled land and the number and "
    "places of the landslides allow, at least ten cells or twice the label radius wide and at most 5 km."
)
_BUFFER = (
    "Cells nearer than this to the blocks held out for test are used neither for training nor for validation, so that "
    "the test does not ask about land that the model saw next door. Automatic: the largest radius of the landslide "
    "labels, RING if they have no radius, no buffer if the labels tell neither; at most a quarter of BLOCK. Not used "
    "with SPLIT=random."
)
_PATIENCE = (
    "Early stopping: training ends after this many epochs without a lower validation loss. 0 never stops early. The "
    "weights of the best epoch are kept in any case."
)
_AVERAGING = (
    "Decay per step of the exponential moving average (EMA) of the weights. The average varies less from epoch to "
    "epoch; it is evaluated and saved. 0 turns it off."
)
_AUGMENT = (
    "Also trains on flipped and rotated windows; slope aspects are transformed with them. Helps with few landslides. "
    "A check box always has a value, so it overrides the preset; scripts can leave it out."
)
_ENCODING = (
    "How classes of rock, landform and so on reach the network. one_hot: one channel per class. codes: the code as a "
    "number, as in the paper, although class 4 is not twice class 2."
)
_KNOTS = (
    "Beside the U-Net, each continuous factor has a piecewise-linear curve with this many knots, and each class a "
    "weight. This helps most with few landslides. 0 is a U-Net alone."
)

_PROBABILITY = (
    "The map then says what share of cells like this one are landslide cells in the inventory, so its values are "
    "small. It is no probability per year. For this, the blocks for training and validation are divided into five "
    "folds, and five more models are trained, each without one of them: training takes about six times as long. The "
    "order of the cells, and so the AUC, stays. Needs SPLIT=spatial_blocks."
)


_METHOD = (
    "windows: in epochs over windows of the training land. cross_fitted: curves and a small network of single cells, "
    "as far as spatial folds show that they hold. In QGIS it follows from PRESET and from the settings given."
)
_DEPTH = (
    "How often the U-Net halves the resolution for a wider view. With PRESET=recommended it is the largest depth of a "
    "U-Net that is tried on top of the network of single cells, and kept if it is better out of fold; 0 tries none."
)
_ENSEMBLE = (
    "gradient_boosting: boosted trees are fitted to the same cells and folds, and the model is the mean of both "
    "logits, if that is better out of fold; the log says what it adds. The map then takes several times as long. "
    "Without effect on a training on windows."
)
_PRIOR = (
    "With PRESET=recommended the curves start from a rule of textbooks: slopes fail where they are steep, in hollows, "
    "low on a slope and near rivers, as far as the stack has such factors. It counts as much as so many landslides, so "
    "it matters where landslides are few. 0: no rule."
)
_MONOTONE = (
    "With PRESET=recommended, how the model may not answer to a factor while the others are held fixed. slope: the "
    "susceptibility does not fall as the slope rises up to MONOTONE_ANGLE. factor_of_safety: it does not rise with the "
    "factor of safety, if that is a factor of the stack. both: both. This holds exactly: the curve of the factor is "
    "bound so, and the network of single cells does not see the factor. Other factors that follow from the slope, such "
    "as its mean in windows, are not bound. It needs DEPTH 0 and no ENSEMBLE."
)
_MONOTONE_ANGLE = (
    "Angle in degrees up to which MONOTONE binds the curve of the slope. On steeper ground it is free: there is often "
    "bare rock and little soil left to slide."
)
_COMPONENTS = (
    "Number of principal components to which the embeddings of the stack are reduced, by the land that trains the "
    "model. Left empty: as many as hold 95 % of their variance, at most 16. Without effect on a stack without "
    "embeddings."
)
WINDOWS, CROSS_FITTED = "windows", "cross_fitted"
STABILITY = "stability"  # of PHYSICS
SLOPE, FACTOR_OF_SAFETY, BOTH = "slope", "factor_of_safety", "both"


@dataclass(frozen=True)
class TrainingSettings(Options):
    """Settings of a training run; their names are keys of model headers and checkpoints.

    The defaults are the preset ``windows``. A depth of 1 and curves were best on blocks never seen in training, on the
    demo and on real data: a network with a wider view memorises the place, and where landslides are few the curves
    tell what tables of classes would.
    """

    physics: str = choice("hinge", ("hinge", "indicator", "none", STABILITY), "Physics constraint", _PHYSICS)
    lambda_: float | None = _number(0.1, 0.0, 1000.0, "Physics weight λ (lambda)", _LAMBDA, decimals=4)
    p_low: float = _number(
        0.15, 0.001, 1.0, "Low susceptibility", "Below it a cell under warning violates the constraint.", decimals=4
    )
    fs_critical: float | None = _number(
        None, 0.0, 10.0, "Critical safety factor", _FS_CRITICAL, decimals=4, automatic=True
    )
    weight_landslide: float | None = _number(
        None, 0.0, 10000.0, "Weight of landslide cells", _WEIGHT, decimals=3, automatic=True
    )
    weight_stable: float = _number(
        1.0, 0.01, 10000.0, "Weight of stable cells", "Weight of a stable cell in the cross-entropy.", decimals=3
    )
    window: float | None = _number(None, 1.0, 1000000.0, "Window (m)", _WINDOW, automatic=True)
    split: str = _choice("spatial_blocks", ("spatial_blocks", "random"), "Split", _SPLIT)
    block: float | None = _number(None, 1.0, 10000000.0, "Block (m)", _BLOCK, automatic=True)
    buffer: float | None = _number(
        None, 0.0, 1e6, "Buffer around the test area (m)", _BUFFER, decimals=1, automatic=True
    )
    epochs: int = _number(
        100, 1, 100000, "Maximum epochs", "Passes over the training windows, unless early stopping ends training first."
    )
    patience: int = _number(10, 0, 100000, "Patience (epochs)", _PATIENCE)
    learning_rate: float = _number(
        3e-4, 1e-8, 1.0, "Learning rate", "Step size of the optimiser. Larger ones suit few epochs.", decimals=8
    )
    averaging: float = _number(0.99, 0.0, 0.9999, "EMA decay of weights", _AVERAGING, decimals=4)
    batch: int = _number(32, 1, 65536, "Batch (windows)", "Windows per step. Use fewer if memory runs out.")
    augment: bool = flag(True, "Data augmentation (flips/rotations)", _AUGMENT, advanced=True)
    encoding: str = _choice("one_hot", ("codes", "one_hot"), "Categorical encoding", _ENCODING)
    width: int = _number(
        16, 1, 256, "Width of the network", "Channels of the first level. More of them need more landslides and time."
    )
    depth: int = _number(1, 0, 6, "Depth of the network", _DEPTH)
    knots: int = _number(8, 0, 64, "Knots of the curves", _KNOTS)
    dropout: float = _number(
        0.2, 0.0, 0.95, "Dropout", "Share of channels dropped in training, to reduce overfitting.", decimals=3
    )
    method: str = choice(WINDOWS, (WINDOWS, CROSS_FITTED), "Training method", _METHOD)
    ensemble: str = _choice("none", ("none", "gradient_boosting"), "Ensemble", _ENSEMBLE, added=True)
    prior: float = _number(
        30.0, 0.0, 100000.0, "Weight of the terrain rule (landslides)", _PRIOR, decimals=1, added=True
    )
    monotone: str = _choice("none", ("none", SLOPE, FACTOR_OF_SAFETY, BOTH), "Monotone curves", _MONOTONE, added=True)
    monotone_angle: float = _number(
        45.0, 1.0, 90.0, "Angle of the monotone slope (degrees)", _MONOTONE_ANGLE, decimals=1, added=True
    )
    embedding_components: int | None = _number(None, 1, 64, "Components of the embeddings", _COMPONENTS, added=True)
    probability: bool = flag(False, "Calibrate to a probability", _PROBABILITY, advanced=True, added=True)
    seed: int = number(1, 0, 2**31 - 1, "Seed", "Random seed. Another seed gives a slightly different model.")
    device: str = device()
    precision: str = precision()

    @property
    def critical(self) -> float:
        """FS_CRITICAL, that of a rain index while it has no value."""
        return CRITICAL[RAIN_INDEX] if self.fs_critical is None else self.fs_critical

    @property
    def constraint_weight(self) -> float:
        """LAMBDA of a constraint under warnings, that of the paper while it has no value."""
        return default("lambda_") if self.lambda_ is None else self.lambda_

    @property
    def block_side(self) -> float:
        """BLOCK once it has a value, see :mod:`.automatic`; raises ``ValueError`` before."""
        if self.block is None:
            raise ValueError("BLOCK has no value yet")
        return self.block


def default(name: str) -> Any:
    """Return the default of one setting, such as ``window``."""
    return TrainingSettings.option(name).default


def format_value(value: Any) -> str:
    """Return a value as one types it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "automatic"
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_line(settings: TrainingSettings) -> str:
    """Return all settings as one line for the log."""
    return ", ".join(f"{name} {format_value(value)}" for name, value in settings.record().items())


RECOMMENDED, PAPER = "recommended", "paper"
PRESETS = (RECOMMENDED, WINDOWS, PAPER)
"""``recommended`` is trained by cross-fitting, ``windows`` is what version 0.1 recommended."""
_OF_WINDOWS = (
    *("weight_landslide", "weight_stable", "window", "epochs", "patience", "learning_rate", "averaging", "batch"),
    *("width", "knots", "dropout"),
)
"""Settings that only a training on windows has. AUGMENT is one too, but a check box always has a value."""

_PAPER_PHYSICS: dict[str, Any] = {"physics": "indicator", "lambda_": 0.1, "p_low": 0.15, "fs_critical": 0.5}
_PAPER_DATA: dict[str, Any] = {"window": 1500.0, "split": "random", "augment": False, "encoding": "codes"}
_PAPER_WEIGHTS = {"weight_landslide": 5.0, "weight_stable": 1.0}
_PAPER_TRAINING = {"epochs": 1000, "patience": 0, "learning_rate": 1e-4, "averaging": 0.0, "knots": 0}
_NOT_PRINTED = {"width": 32, "depth": 4, "batch": 32, "dropout": 0.2}
PAPER_VALUES = {**_PAPER_PHYSICS, **_PAPER_DATA, **_PAPER_WEIGHTS, **_PAPER_TRAINING, **_NOT_PRINTED}
"""The preset ``paper``: Zhang and Deng (2026), sections 3.2.3 and 3.3, equations 1 and 5. Settings that are not here
have their defaults."""


_VALUES: dict[str, dict[str, Any]] = {
    RECOMMENDED: {"method": CROSS_FITTED, "depth": 0},
    WINDOWS: {},
    PAPER: PAPER_VALUES,
}


def in_preset(name: str) -> bool:
    """Return whether the presets set a value, such as ``window``."""
    return any(name in values for values in _VALUES.values())


def preset_value(preset: str, name: str) -> Any:
    """Return the value of one setting under a preset; raises ``ParameterInvalid`` if there is no such preset."""
    if preset not in PRESETS:
        raise ParameterInvalid(f'PRESET is "{preset}". Choose one of: {", ".join(PRESETS)}.')
    return _VALUES[preset].get(name, default(name))


def preset_settings(preset: str, given: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings of a preset, overridden by those that the user gave; raises ``ParameterInvalid``.

    With settings of a training on windows, the others are those of the preset ``windows`` too.
    """
    names = [option.name for option in TrainingSettings.options()]
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ParameterInvalid(f"There is no training setting {', '.join(unknown)}. There are: {', '.join(names)}.")
    preset = _preset_in_use(preset, given)
    values = {**{name: preset_value(preset, name) for name in names}, **given}
    if values["physics"] == STABILITY:
        values["lambda_"] = given.get("lambda_")
    return TrainingSettings(**values)


def of_windows(given: Mapping[str, Any]) -> list[str]:
    """Return the given settings, by parameter name, that only a training on windows has."""
    found = [parameter_name(name) for name in _OF_WINDOWS if given.get(name) is not None]
    return [*found, "SPLIT"] if given.get("split") == "random" else found


def _preset_in_use(preset: str, given: Mapping[str, Any]) -> str:
    chosen = preset == RECOMMENDED and given.get("method") != CROSS_FITTED and of_windows(given)
    return WINDOWS if chosen else preset


def preset_note(preset: str, kind: str, given: Mapping[str, Any]) -> str:
    """Return a log line if given settings choose another training than the preset; else nothing."""
    if kind != PCUM or _preset_in_use(preset, given) == preset:
        return ""
    found = of_windows(given)
    were = "was" if len(found) == 1 else "were"
    return f"{join_names(found)} {were} given, so PCUM is trained on windows, as with PRESET={WINDOWS}."


def preset_overrides(usual: TrainingSettings, given: Mapping[str, Any]) -> list[str]:
    """Return a log line for each given value that differs from the preset's settings."""
    return [
        f"{parameter_name(name)}={format_value(value)} was given and overrides the preset's "
        f"{format_value(getattr(usual, name))}."
        for name, value in given.items()
        if in_preset(name) and value != getattr(usual, name)
    ]


def preset_help(name: str) -> str:
    """Return the value of a setting that is not given, under each preset, as a sentence."""
    usual, printed = (format_value(preset_value(preset, name)) for preset in (RECOMMENDED, PAPER))
    return f"When not given: {usual}" + ("." if usual == printed else f", or {printed} with PRESET={PAPER}.")


PCUM, UNET, BPNN, RESNET = "pcum", "unet", "bpnn", "resnet"
REGRESSION, FOREST = "logistic_regression", "random_forest"
FREQUENCY_RATIO, WEIGHTS_OF_EVIDENCE = "frequency_ratio", "weights_of_evidence"
BOOSTING, GAM = "gradient_boosting", "gam"

NETWORK_KINDS = (PCUM, UNET, BPNN, RESNET)  # train on windows
PATCH_KINDS = (BPNN, RESNET)  # predict one value per patch
TABLE_KINDS = (FREQUENCY_RATIO, WEIGHTS_OF_EVIDENCE)  # give each class of each factor a weight
CELL_KINDS = (REGRESSION, FOREST, *TABLE_KINDS, BOOSTING, GAM)  # train on single cells
COMPARISON_KINDS = (UNET, BPNN, RESNET, *CELL_KINDS)
KINDS = (PCUM, *COMPARISON_KINDS)

PATCH = 600.0  # side in metres of the patches of BPNN and ResNet, as in the paper

TITLES = {
    PCUM: "PCUM",
    UNET: "U-Net",
    BPNN: "BP neural network",
    RESNET: "ResNet",
    REGRESSION: "logistic regression",
    FOREST: "random forest",
    FREQUENCY_RATIO: "frequency ratio",
    WEIGHTS_OF_EVIDENCE: "weights of evidence",
    BOOSTING: "gradient boosting",
    GAM: "additive model (GAM)",
}

_OVERRIDES: dict[tuple[str, str], dict[str, Any]] = {
    (WINDOWS, UNET): {"weight_landslide": 4.0, "weight_stable": 1.0},
    (WINDOWS, BPNN): {"window": PATCH, "width": 64},
    (WINDOWS, RESNET): {"window": PATCH},
    (PAPER, UNET): {"weight_landslide": 4.0},
    (PAPER, BPNN): {"window": PATCH, "width": 64, "learning_rate": 2e-5},
    (PAPER, RESNET): {"window": PATCH, "width": 16, "learning_rate": 5e-5},
}
"""Where a kind's settings differ from PCUM's: one patch per window, and 4 : 1 for the U-Net (Zhang and Deng 2026,
sections 5.1 and 5.2; widths are not printed)."""

_KIND = 'PCUM, or one of the models to compare it with; see "Train PCUM" and "Train comparison model".'
_PROCESSES = (
    "Folds that are computed side by side, each in a process of its own. 0: as many as there are cores and memory for. "
    "The result is the same whatever their number. Without effect with SCHEDULER."
)
_FOLDS = (
    "Number of groups into which the blocks are divided. Automatic: 5, or as many as there are blocks with landslides, "
    "at least 3."
)
_SPLIT_DATE = (
    "A year or a date such as 2005-06-30, with DATE_FIELD: the model is trained on the landslides before it and tested "
    "on those from it on, on the same land."
)
_ONE_WAY = (
    "Choose one way to hold landslides back: REGIONS, MORE_STACKS, SPLIT_FIELD, or DATE_FIELD with SPLIT_DATE. Leave "
    "the others empty."
)
_RANDOM_SPLIT = "Repeats everything with small patches that are assigned to folds at random."


@dataclass(frozen=True)
class ComparisonModelOptions(Options):
    """Which model PCUM is compared with."""

    kind: str = choice(
        REGRESSION,
        COMPARISON_KINDS,
        "Kind of model",
        "unet: PCUM's network without the physics constraint; left empty, WEIGHT_LANDSLIDE is 4 and WEIGHT_STABLE "
        "1, as in the paper. bpnn: three hidden layers with sigmoid activation over all cells of a patch of 600 "
        "m; left empty, WINDOW is 600 and WIDTH, the neurons of a layer, 64. The paper's learning rate, 0.00002, "
        "comes with PRESET=paper. resnet: three residual blocks over a patch of 600 m; WINDOW is 600, the paper's "
        "learning rate 0.00005. logistic_regression: its penalty is chosen by cross-validation over blocks. "
        "random_forest: 300 trees, the leaf size chosen on the validation blocks. frequency_ratio: sum over the "
        "factors of share of landslides ÷ share of area, with continuous factors in ten bins of equal area; a "
        "logistic curve maps the sum to 0 to 1 without changing the order. weights_of_evidence: the same with the "
        "contrast W+ − W−. gradient_boosting: trees that each correct those before; number and size of the trees are "
        "chosen on the validation blocks. gam: an additive model with a smooth curve per continuous factor and a "
        "weight per class; the penalty on them is chosen by cross-validation over blocks.",
    )


@dataclass(frozen=True)
class CrossValidationOptions(Options):
    """What cross validation has beside the training settings."""

    kind: str = choice(PCUM, KINDS, "Kind of model", _KIND)
    folds: int | None = number(None, 2, 50, "Folds", _FOLDS, automatic=True)
    random_split: bool = flag(True, "Compare with a random split", _RANDOM_SPLIT, advanced=True)
    processes: int = number(0, 0, 1000, "Processes", _PROCESSES, advanced=True, added=True)
    scheduler: str = scheduler()
    region_field: str | None = None  # field of REGIONS with the name of each region; they are numbered without it
    split_field: str | None = None  # field of LANDSLIDES with train or test
    date_field: str | None = None  # field of LANDSLIDES with a year or date
    split_date: str = text("", "Date that divides training from test", _SPLIT_DATE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.date_field) != bool(self.split_date):
            given, missing = ("DATE_FIELD", "SPLIT_DATE") if self.date_field else ("SPLIT_DATE", "DATE_FIELD")
            raise ParameterInvalid(
                f"{given} was given without {missing}. To train on the landslides before a date and test on those "
                "after it, give both."
            )
        if self.date_field and self.split_field:
            raise ParameterInvalid(_ONE_WAY)

    @property
    def temporal(self) -> bool:
        """Whether later landslides are held out, in place of land."""
        return bool(self.split_field or self.date_field)

    def require_one_way(self, regions: bool, areas: bool = False) -> None:
        """Raise :class:`ParameterInvalid` if more than one of ``regions``, ``areas`` and landslides are held out."""
        if regions + areas + self.temporal > 1:
            raise ParameterInvalid(_ONE_WAY)


def settings_of_kind(kind: str, preset: str, given: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings of a run: the preset's, adapted to the kind of model, overridden by given ones.

    The other kinds of model have no cross-fitting: for them ``recommended`` means ``windows``. Raises
    ``ParameterInvalid`` if there is no such kind, preset or setting, or a value is out of its range.
    """
    if kind != PCUM and preset == RECOMMENDED:
        preset = WINDOWS
    return enforce_kind_settings(kind, preset_settings(preset, {**_OVERRIDES.get((preset, kind), {}), **given}))


def learns_from_cells(kind: str, settings: TrainingSettings) -> bool:
    """Return whether a model is trained on single cells, and not on windows."""
    return kind in CELL_KINDS or settings.method == CROSS_FITTED


def training_method(settings: Mapping[str, Any]) -> str:
    """Return the METHOD of a trained model from the settings in its file, which are untrusted."""
    return CROSS_FITTED if settings.get("method") == CROSS_FITTED else WINDOWS


def on_windows(settings: TrainingSettings, given: Collection[str]) -> TrainingSettings:
    """Return settings of a training on windows: those of the preset ``windows``, but for the ``given`` ones."""
    if settings.method == WINDOWS:
        return settings
    own = {name: preset_value(WINDOWS, name) for name in _VALUES[RECOMMENDED] if name not in given}
    return dataclasses.replace(settings, **{**own, "method": WINDOWS})


def check_probability(settings: TrainingSettings, start_from: Any) -> None:
    """Raise ``ParameterInvalid`` if PROBABILITY is on and cannot be used with the other settings."""
    if not settings.probability:
        return
    if settings.split == "random":
        raise ParameterInvalid(
            "PROBABILITY needs blocks of land that no model saw, but SPLIT is random (as in PRESET=paper). Choose "
            "SPLIT=spatial_blocks, or turn PROBABILITY off."
        )
    if start_from is not None:
        raise ParameterInvalid(
            "PROBABILITY cannot be combined with START_FROM: the given model may have seen the land that would be held "
            "out. Train without START_FROM, or turn PROBABILITY off."
        )


def check_parts(settings: TrainingSettings, target: bool = False) -> None:
    """Raise ``ParameterInvalid`` if MONOTONE, PHYSICS=stability or a ``target`` does not fit the other settings."""
    if target and settings.physics != STABILITY:
        raise ParameterInvalid(
            "TARGET is land whose map is wanted, and PHYSICS=stability learns from it, but PHYSICS is "
            f"{settings.physics}. Choose PHYSICS=stability, or leave TARGET empty."
        )
    wanted = {"MONOTONE": settings.monotone != "none", "PHYSICS=stability": settings.physics == STABILITY}
    for name in (name for name, used in wanted.items() if used):
        if settings.method != CROSS_FITTED:
            raise ParameterInvalid(
                f"{name} needs PRESET=recommended, but PCUM would be trained on windows. Leave PRESET, and settings of "
                f"a training on windows such as WINDOW and EPOCHS, empty, or leave out {name}."
            )
        for part, used in (("DEPTH", settings.depth > 0), ("ENSEMBLE", settings.ensemble != "none")):
            if used:
                own = "a U-Net" if part == "DEPTH" else "boosted trees"
                raise ParameterInvalid(
                    f"{name} cannot be used with {part}: it is not kept by {own}. Leave {part} empty, or leave out "
                    f"{name}."
                )


def require_cells(kind: str, settings: TrainingSettings, several: bool) -> None:
    """Raise ``ParameterInvalid`` if there are ``several`` areas and a kind of model learns from windows."""
    if several and kind == PCUM:
        require_cross_fitting(settings, several)
    elif several and not learns_from_cells(kind, settings):
        raise ParameterInvalid(
            f"KIND={kind} learns from windows of a single area, so MORE_STACKS cannot be used with it. Choose one of: "
            f"{', '.join((PCUM, *CELL_KINDS))}."
        )


def require_cross_fitting(settings: TrainingSettings, several: bool) -> None:
    """Raise ``ParameterInvalid`` if there are ``several`` areas and the training is on windows."""
    if several and settings.method != CROSS_FITTED:
        raise ParameterInvalid(
            "MORE_STACKS needs a training by cross-fitting: one on windows learns from a single area. Choose "
            "PRESET=recommended and leave WINDOW, EPOCHS and the other settings of windows empty, or give STACK alone."
        )


def enforce_kind_settings(kind: str, settings: TrainingSettings) -> TrainingSettings:
    """Return settings with those that a kind fixes: only PCUM has physics, and tables and GAM need one-hot classes."""
    if kind not in KINDS:
        raise ParameterInvalid(f'KIND is "{kind}". Choose one of: {", ".join(KINDS)}.')
    fixed: dict[str, Any] = {}
    if kind != PCUM:
        # Cross-fitting is one of PCUM.
        fixed = {"physics": "none", "method": WINDOWS, "ensemble": "none", "monotone": "none"}
    if kind in (*TABLE_KINDS, GAM):
        fixed["encoding"] = "one_hot"
    return dataclasses.replace(settings, **fixed)


def patch_cells(kind: str, cell: float) -> int:
    """Return the side of a patch in cells of ``cell`` metres; 1 for kinds that predict single cells."""
    return max(2, round(PATCH / cell)) if kind in PATCH_KINDS else 1


def window_alignment(kind: str, settings: TrainingSettings, cell: float) -> int:
    """Return the number of cells of which the sides of padded training windows must be a multiple."""
    return patch_cells(kind, cell) if kind in PATCH_KINDS else 2**settings.depth
