"""Numbers as people write them: each is read as the one number it can be, or refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scarp.model.errors import FieldUnusable
from scarp.model.tables import read_numbers, read_pairs
from scarp.model.written_numbers import is_missing, parse_number, read_column, read_number

WHERE = 'The field "mm" of the layer "stations"'
numbers = st.floats(-1e9, 1e9).map(lambda value: round(value, 3))


def grouped(value, group, decimal):
    """Write a number as Python does, with other marks."""
    return f"{value:,.3f}".replace(",", "G").replace(".", decimal).replace("G", group)


STYLES = [(",", "."), (".", ","), (" ", "."), (" ", ","), ("\u00a0", ","), ("\u202f", ","), ("'", "."), ("\u2019", ".")]


@pytest.mark.parametrize(("group", "decimal"), STYLES)
@given(values=st.lists(numbers, min_size=1, max_size=6))
def test_numbers_of_all_styles_are_read_back(group, decimal, values):
    # A number of a million in it makes the style plain.
    written = [grouped(value, group, decimal) for value in [*values, 1234567.891]]
    np.testing.assert_allclose(read_column(written, WHERE).values, [*values, 1234567.891])


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_what_python_writes_is_read_back(values):
    np.testing.assert_array_equal(read_column([str(value) for value in values], WHERE).values, values)
    assert not read_column([str(value) for value in values], WHERE).notes


@given(text=st.text(max_size=12))
def test_any_text_is_a_number_missing_or_refused(text):
    try:
        column = read_column([text], WHERE)
    except FieldUnusable:
        return
    assert math.isnan(column.values[0]) == (not text.strip() or is_missing(text))


@pytest.mark.parametrize(
    "text", ["3-4", "~5", "<0.1", "1_000", "0x10", "inf", "12.5.3", "1,2,3", "10 20", "1 2345", "--5"]
)
def test_what_is_no_single_number(text):
    number = parse_number(text)
    assert number is None or number.unit


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["1,234", "900,5"], [1.234, 900.5]),
        (["1,234", "12.5"], [1234, 12.5]),
        (["1.234", "900,5"], [1234, 900.5]),
        (["1.234", "2.345"], [1.234, 2.345]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["0,123", "1,234"], [0.123, 1.234]),
        ([7.5, "1.5", None, " "], [7.5, 1.5, math.nan, math.nan]),
    ],
)
def test_the_field_says_what_a_comma_is(column, expected):
    np.testing.assert_array_equal(read_column(column, WHERE).values, expected)


@pytest.mark.parametrize("column", [["1,234"], ["1,234", "2,345", "7"], ["12.5", "900,5", "1,234"]])
def test_a_field_that_leaves_it_open_is_refused(column):
    with pytest.raises(FieldUnusable, match=r'"1,234".*may be 1234 or 1\.234'):
        read_column(column, WHERE)


def test_units_must_be_those_of_the_number():
    assert read_column(["12.5 mm", "13mm/a", "9"], WHERE, "mm").values == [12.5, 13, 9]
    for text in ("12 cm", "12 mm/d", "12 %", "12 in"):
        with pytest.raises(FieldUnusable, match="should hold numbers in mm"):
            read_column(["11 mm", text], WHERE, "mm")
    with pytest.raises(FieldUnusable, match="without a unit"):
        read_column(["12 mm"], WHERE)


def test_sentinels_are_counted_and_named():
    column = read_column(["NA", "-", "NA", "3"], WHERE)
    assert column.warnings == [f'{WHERE} holds marks that are no numbers: "NA" (2), "-" (1). They count as missing.']


def test_a_refusal_says_where_and_how_many():
    with pytest.raises(FieldUnusable, match=r'feature 2 has "much", and 2 more values are no numbers'):
        read_column(["1", "much", "little", "much"], WHERE)


@pytest.mark.parametrize(("text", "expected"), [("0,5", 0.5), ("1'200", 1200), ("150 m", 150), ("−3", -3)])
def test_single_numbers(text, expected):
    assert read_number(text, "m") == expected


@pytest.mark.parametrize("text", ["1,500", "0.15 km", "", "much"])
def test_single_numbers_that_are_refused(text):
    with pytest.raises(ValueError, match="entry"):
        read_number(text, "m")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1;0,5;2;0,7", {"1": 0.5, "2": 0.7}),
        ("10,60;20,50", {"10": 60, "20": 50}),
        ("giant,600; large,500", {"giant": 600, "large": 500}),
        ("1,600,2,500", {"1": 600, "2": 500}),
        (["a", "0,5", "b", 7], {"a": 0.5, "b": 7}),
    ],
)
def test_tables_with_semicolons_and_decimal_commas(text, expected):
    assert read_pairs(text, "TABLE", 0, unit="m") == expected


def test_lists_with_semicolons_and_decimal_commas():
    assert read_numbers("12,5; 37,5; 50", "SHARES") == [12.5, 37.5, 50]
    assert read_numbers("30, 20; 50", "SHARES") == [30, 20, 50]
