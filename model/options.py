"""Options of a run: one declaration gives an option's type, default, limits, choices, label, help, check and record.

Imports nothing heavy: the Processing shell declares its parameters from these classes when QGIS starts.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from .errors import ParameterInvalid

Value = TypeVar("Value")
NONE = "none"  # the word of an enumeration that means nothing at all


def number(
    default: Value,
    lowest: float,
    highest: float,
    label: str = "",
    help_text: str = "",
    *,
    open_limits: bool = False,
    decimals: int | None = None,
    advanced: bool = False,
    automatic: bool = False,
    added: bool = False,
) -> Value:
    """Declare a number; it is whole if its field is annotated ``int`` or ``int | None``.

    Args:
        default: value when the user gives none; ``None`` for an optional number.
        lowest: smallest value.
        highest: largest value.
        label: of the parameter in the dialog.
        help_text: what it means, with its unit.
        open_limits: the value must differ from both limits.
        decimals: shown in the dialog; QGIS's default without.
        advanced: folded away in the dialog.
        automatic: ``None`` stands for a value that follows from the data, see ``training.automatic``.
        added: it came after version 0.1; see :attr:`Option.added`.
    """
    more = {"limits": (lowest, highest), "open_limits": open_limits, "decimals": decimals, "automatic": automatic}
    return _option(default, label, help_text, advanced, added=added, **more)


def choice(
    default: str,
    choices: tuple[str, ...],
    label: str = "",
    help_text: str = "",
    *,
    advanced: bool = False,
    added: bool = False,
) -> str:
    """Declare an enumeration with static strings; ``advanced`` and ``added`` as for a number."""
    return _option(default, label, help_text, advanced, choices=choices, added=added)


def several(
    default: tuple[str, ...], choices: tuple[str, ...], label: str = "", help_text: str = "", *, advanced: bool = False
) -> tuple[str, ...]:
    """Declare an enumeration of which several words may be chosen; :data:`NONE` stands alone."""
    return _option(default, label, help_text, advanced, choices=choices)


def flag(default: bool, label: str = "", help_text: str = "", *, advanced: bool = False, added: bool = False) -> bool:
    """Declare a check box; ``advanced`` and ``added`` as for a number."""
    return _option(default, label, help_text, advanced, added=added)


def text(default: str, label: str = "", help_text: str = "", *, advanced: bool = False) -> str:
    """Declare free text; checks beyond the type are the class's own, in ``__post_init__``."""
    return _option(default, label, help_text, advanced)


DEVICES = ("auto", "cpu", "cuda", *(f"cuda:{index}" for index in range(16)), "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def device() -> str:
    """Declare DEVICE."""
    help_text = (
        "Compute device. auto: an NVIDIA GPU if there is one, else the CPU. cuda:1 is the second GPU; mps is the GPU "
        "of an Apple computer."
    )
    return choice("auto", DEVICES, "Device", help_text, advanced=True)


def precision() -> str:
    """Declare PRECISION."""
    help_text = (
        "Floating-point type of the network. auto: the fastest that is accurate enough on this device. fp32 is the "
        "most accurate; bf16 and fp16 are faster where the device supports them. Training by cross-fitting, and models "
        "of single cells, always compute in fp32."
    )
    return choice("auto", PRECISIONS, "Numerical precision", help_text, advanced=True)


def scheduler() -> str:
    """Declare SCHEDULER; read it with ``Arguments.scheduler``, which checks that the library is there."""
    help_text = (
        "Address of a Dask scheduler, such as tcp://10.0.0.1:8786, whose workers then compute. All rasters and the "
        "output must lie on storage that all machines see at the same path. Leave it empty to compute on this "
        "computer; docs/cluster.md shows how to start a cluster."
    )
    return text("", "Dask scheduler", help_text, advanced=True)


def _option(default: Any, label: str, help_text: str, advanced: bool, **more: Any) -> Any:
    return dataclasses.field(
        default=default, metadata={"label": label, "help": help_text, "advanced": advanced, **more}
    )


@dataclass(frozen=True)
class Option:
    """One option as it was declared."""

    name: str
    default: Any
    label: str = ""
    help: str = ""
    advanced: bool = False
    limits: tuple[float, float] | None = None
    open_limits: bool = False
    decimals: int | None = None
    choices: tuple[str, ...] | None = None
    is_integer: bool = False  # whether the value is a whole number
    is_optional: bool = False  # whether it may be ``None``
    automatic: bool = False  # whether ``None`` stands for a value that follows from the data
    added: bool = False
    """Whether it came after version 0.1. Its parameter may then be left out, in spite of its default, so that graphical
    models of that version stay valid."""

    @property
    def several(self) -> bool:
        """Whether several of the choices may be chosen."""
        return self.choices is not None and isinstance(self.default, tuple)

    @property
    def parameter(self) -> str:
        """Name of the Processing parameter: ``lambda_`` is LAMBDA."""
        return parameter_name(self.name)

    def check(self, value: Any) -> None:
        """Raise :class:`ParameterInvalid` if a value is of another type, out of its limits or not among its choices."""
        if value is None and (self.default is None or self.is_optional):
            return
        if self.choices is not None and self.several:
            self._check_several(value, self.choices)
        elif self.choices is not None:
            if value not in self.choices:
                raise ParameterInvalid(f'{self.parameter} is "{value}". Choose one of: {", ".join(self.choices)}.')
        elif self.limits is not None:
            self._check_number(value)
        elif isinstance(self.default, bool) and not isinstance(value, bool):
            raise ParameterInvalid(f"{self.parameter} is {value!r}, but must be true or false.")

    def _check_several(self, value: Any, choices: tuple[str, ...]) -> None:
        words = [value] if isinstance(value, str) else list(value)
        wrong = [word for word in words if word not in choices]
        if wrong or not words:
            given = ", ".join(map(str, wrong)) or "empty"
            raise ParameterInvalid(f'{self.parameter} is "{given}". Choose some of: {", ".join(choices)}.')
        if NONE in words and len(words) > 1:
            raise ParameterInvalid(f"{self.parameter} has {NONE} beside others. Choose {NONE} alone, or leave it out.")

    def _check_number(self, value: Any) -> None:
        lowest, highest = self.limits or (-math.inf, math.inf)
        if isinstance(value, bool) or not isinstance(value, int if self.is_integer else (int, float)):
            kind = "whole number" if self.is_integer else "number"
            raise ParameterInvalid(f"{self.parameter} is {value!r}, but must be a {kind}.")
        inside = lowest < value < highest if self.open_limits else lowest <= value <= highest
        if not math.isfinite(value) or not inside:
            limits = f"{lowest:.12g} and {highest:.12g}{', both excluded' if self.open_limits else ''}"
            raise ParameterInvalid(f"{self.parameter} is {value:g}, but must lie between {limits}.")


@dataclass(frozen=True)
class Options:
    """Base of all option classes: a frozen dataclass whose fields are declared with the functions above.

    Raises:
        ParameterInvalid: a value is out of its range or not among its choices.
    """

    def __post_init__(self) -> None:
        for option in self.options():
            option.check(getattr(self, option.name))

    @classmethod
    @cache
    def options(cls) -> tuple[Option, ...]:
        """Return all options in the order of their declaration."""
        # Annotations are texts, because every module imports them so from ``__future__``.
        return tuple(
            Option(
                item.name,
                item.default,
                **item.metadata,
                is_integer=item.type in ("int", "int | None"),
                is_optional=str(item.type).endswith("| None"),
            )
            for item in dataclasses.fields(cls)
        )

    @classmethod
    def option(cls, name: str) -> Option:
        """Return one option, such as ``threshold``."""
        return next(option for option in cls.options() if option.name == name)

    def as_dict(self) -> dict[str, Any]:
        """Return the values by field name, for model headers."""
        return dataclasses.asdict(self)

    def record(self) -> dict[str, Any]:
        """Return the values by parameter name, for run records."""
        return {parameter_name(name): value for name, value in self.as_dict().items()}


def parameter_name(name: str) -> str:
    """Return an option's name as the user sees it: ``lambda_`` is LAMBDA."""
    return name.rstrip("_").upper()


def automatic_values(asked: Options, used: Options) -> dict[str, Any]:
    """Return the values that automatic options got, by parameter name, for the record of a run."""
    values = ((option, getattr(asked, option.name), getattr(used, option.name)) for option in type(asked).options())
    return {
        option.parameter: after
        for option, before, after in values
        if option.automatic and not before and after not in (None, before)
    }
