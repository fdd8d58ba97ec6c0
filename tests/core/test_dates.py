"""Dates as people write them: the same day in all forms, and a question where day and month are open."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from scarp.model.errors import FieldUnusable
from scarp.model.inputs import dates
from scarp.model.inputs.dates import date_in_name, read_dates
from scarp.model.rainfall import settings

THIRD_OF_JULY = """
2019-07-03|2019/7/3|2019.07.03|2019-07-03T00:00:00|2019-07-03 14:30|20190703|2019年7月3日|2019年07月03日 14时
2019 年 7 月 3 日|20190703T1200
03.07.2019|3 Jul 2019|3-Jul-2019|July 3, 2019|3 July 2019 06:00|２０１９年７月３日|2019-7-3
"""


@pytest.mark.parametrize("text", [one for line in THIRD_OF_JULY.split("\n") for one in line.split("|") if one])
def test_all_forms_give_the_same_day(text):
    assert read_dates([text], "X").days[0] == np.datetime64("2019-07-03")


def test_numbers_and_nothing():
    found = read_dates([20190703, 20190703.0, None, "", "-", "NULL"], "X")
    assert (found.days[:2] == np.datetime64("2019-07-03")).all() and np.isnat(found.days[2:]).all() and found.empty == 4


@pytest.mark.parametrize("values", [[2019, 2019.0, "2019", "2019年"], ["2019-07", "2019年7月", "2019/7"]])
def test_years_and_months_are_no_days(values):
    found = read_dates(values, "X")
    assert np.isnat(found.days).all() and found.rough == len(values)


def test_every_day_of_a_leap_year_comes_back():
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(number) for number in range(366)]
    forms = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d %B %Y")
    for form in forms:
        found = read_dates([day.strftime(form) for day in days], "X")
        assert found.days.astype(object).tolist() == days, form


@pytest.mark.parametrize(("order", "month"), [("day_first", 7), ("month_first", 3)])
def test_the_order_follows_from_other_dates_or_is_chosen(order, month):
    telling = {"day_first": "25/12/2018", "month_first": "12/25/2018"}[order]
    expected = np.datetime64(f"2019-{month:02d}-{10 - month:02d}")
    by_others, chosen = read_dates(["03/07/2019", telling], "X"), read_dates(["03/07/2019"], "X", order)
    assert by_others.days[0] == chosen.days[0] == expected and by_others.order == order


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["03/07/2019", "05/05/2019"], r'"03/07/2019", in which day and month cannot be told apart. Set DATE_ORDER'),
        (["25/12/2018", "12/25/2018"], 'two orders: "25/12/2018" in feature 1'),
        (["2019-02-30"], 'X has "2019-02-30" in feature 1, which is no date'),
        (["2019-07-03", "last week", "soon"], r'"last week" in feature 2 \(2 such values\)'),
        ([43649], "day number of a spreadsheet"),
        (["3/7/19"], "no date"),
        ([True], "no date"),
        (["13/13/2019"], "two orders|no date"),
    ],
)
def test_what_is_no_clear_date_is_refused(values, said):
    with pytest.raises(FieldUnusable, match=said):
        read_dates(values, "X")


def test_dates_in_names():
    names = ("chirps-v2.0.2015.03.02.tif", "rain_20150302", "2015-03-02T00:00", "降水2015年03月02日")
    assert {date_in_name(name) for name in names} == {np.datetime64("2015-03-02")}
    for name in ("band 1", "2015", "rain_2015-03-02_2015-03-03", "123456789012", "20151399"):
        assert date_in_name(name) is None, name


def test_the_options_offer_the_same_orders():
    assert settings.DATE_ORDERS == dates.DATE_ORDERS
