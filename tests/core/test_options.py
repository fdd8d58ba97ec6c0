"""One declaration gives default, limits, choices, check and record."""

from __future__ import annotations

import dataclasses
import math

import pytest

from scarp.model.errors import ParameterInvalid
from scarp.model.options import Options, choice, flag, number, text


@dataclasses.dataclass(frozen=True)
class Example(Options):
    lambda_: float = number(0.1, 0.0, 1.0, "Weight", "Weight of the term.", decimals=4)
    threshold: float = number(0.5, 0.0, 1.0, open_limits=True)
    repeats: int = number(200, 1, 10000, advanced=True)
    mode: str = choice("fast", ("fast", "exact"))
    augment: bool = flag(True)
    region: str = text("")
    ring: float = number(0, 0, 9)
    trees: int | None = number(None, 1, 9)


def test_defaults_pass_their_own_check():
    assert Example().as_dict() == {
        "lambda_": 0.1,
        "threshold": 0.5,
        "repeats": 200,
        "mode": "fast",
        "augment": True,
        "region": "",
        "ring": 0,
        "trees": None,
    }


def test_record_uses_parameter_names():
    assert Example(lambda_=1.0).record()["LAMBDA"] == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lambda_": 1.5}, "LAMBDA is 1.5, but must lie between 0 and 1."),
        ({"lambda_": math.nan}, "must lie between"),
        ({"lambda_": math.inf}, "must lie between"),
        ({"threshold": 0}, "both excluded"),
        ({"threshold": 1.0}, "both excluded"),
        ({"repeats": 2.5}, "must be a whole number"),
        ({"repeats": True}, "must be a whole number"),
        ({"lambda_": "1"}, "must be a number"),
        ({"mode": "slow"}, "Choose one of: fast, exact"),
        ({"augment": 1}, "must be true or false"),
        ({"trees": 1.5}, "must be a whole number"),
    ],
)
def test_invalid_values_name_parameter_and_remedy(values, message):
    with pytest.raises(ParameterInvalid, match=message.replace(".", r"\.")):
        Example(**values)


def test_option_describes_its_field():
    option = Example.option("lambda_")
    assert (option.parameter, option.label, option.limits, option.decimals) == ("LAMBDA", "Weight", (0.0, 1.0), 4)
    assert Example.option("repeats").advanced


def test_the_annotation_tells_whole_numbers():
    assert [option.name for option in Example.options() if option.is_integer] == ["repeats", "trees"]
    assert Example(ring=0.5).ring == 0.5
