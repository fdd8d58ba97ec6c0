"""Class labels in several spellings, marks for no value, text in a wrong encoding, and lists in messages."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from scarp.model.errors import FieldUnusable
from scarp.model.factors.categorical import PolygonClasses, looks_measured, unify_labels
from scarp.model.inputs.vectors import Polygons
from scarp.model.progress import NullProgress
from scarp.model.texts import alike_labels, clean_label, is_date, is_no_value, join_names, looks_misread, shorten
from scarp.tests.core.conftest import utm_grid

GRID = utm_grid(100, 120, 10.0, 0.0, 1000.0)

WORDS = ("花岗岩", "玄武岩", "гранит", "базальт", "Löß", "Schwäbischer Kalk", "Ångström", "砂岩と泥岩", "für Straßen")


@pytest.mark.parametrize("word", WORDS)
def test_all_unicode_forms_of_a_label_are_one(word):
    forms = [unicodedata.normalize(form, word) for form in ("NFC", "NFD")]
    spaced = [form.replace(" ", blank) for form in forms for blank in ("  ", "\u00a0", "\u3000", "\t")]
    assert {clean_label(f" {form}\u200b ") for form in [*forms, *spaced]} == {unicodedata.normalize("NFC", word)}


@pytest.mark.parametrize("word", ["granite", "Q\u00b2", "H\u2082O", "T\u2083", "½", "ﬁ"])
def test_what_tells_units_apart_stays(word):
    assert clean_label(word) == word


def test_full_width_letters_are_usual_ones():
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "Abc1-9")
    assert clean_label(wide) == "Abc1-9"
    assert clean_label("\uff76\uff9e") == "\u30ac"


@pytest.mark.parametrize("mark", ["NULL", "null", "<Null>", "N/A", "NA", "-", "none", "NoData", "no data", "-9999"])
def test_marks_for_no_value(mark):
    assert is_no_value(mark)


@pytest.mark.parametrize("label", ["Na", "granite", "0", "-1", "nonesuch", "Nullarbor", "N"])
def test_labels_that_are_no_marks(label):
    assert not is_no_value(label)


@pytest.mark.parametrize("word", [word for word in WORDS if not word.isascii()])
def test_utf8_that_was_read_in_one_byte_looks_misread_and_the_word_itself_does_not(word):
    assert not looks_misread(word)
    assert looks_misread(word.encode().decode("latin-1"))


@pytest.mark.parametrize(("word", "encoding"), [("花岗岩", "gbk"), ("гранит", "cp1251"), ("花崗岩", "big5")])
def test_other_alphabets_read_as_latin_1_look_misread(word, encoding):
    assert looks_misread(word.encode(encoding).decode("latin-1"))


@pytest.mark.parametrize("date", ["2008-05-12", "2008-05-12T14:28:04", "12.05.2008", "5/12/2008", "2008年5月12日"])
def test_dates(date):
    assert is_date(date)


@pytest.mark.parametrize("text", ["2008", "1.2.3", "12-05", "T2-3", "2008.5"])
def test_what_is_no_date(text):
    assert not is_date(text)


def test_lists_in_messages_are_short():
    names = [f"{'name ' * 400}{number}" for number in range(500)]
    assert len(join_names(names)) < 700
    assert join_names(names).endswith("and 492 more")
    assert join_names(["a", "b"]) == "a, b"
    assert len(shorten("x" * 10**6)) == 60


def test_alike_labels_are_found_whatever_their_order():
    labels = ["b", "Granite", "a", "granite", "Gran ite", "B"]
    assert alike_labels(labels) == alike_labels(labels[::-1]) == [["B", "b"], ["Gran ite", "Granite", "granite"]]
    assert alike_labels(["a", "b", "a"]) == []


def unified(labels, known=None):
    progress = NullProgress()
    return unify_labels(labels, known, "The field", progress), progress.warnings


def test_spellings_of_an_earlier_class_table_are_kept():
    found, warnings = unified(["Granite gneiss", "Granite\u00a0gneiss"], {7: "Granite  gneiss"})
    assert found == ["Granite  gneiss"] * 2
    assert len(warnings) == 1
    assert "one class each" in warnings[0]


def test_two_spellings_of_an_earlier_class_table_stay_two():
    labels = ["Granite gneiss", "Granite  gneiss"]
    assert unified(labels, {1: labels[0], 2: labels[1]})[0] == labels


def test_full_width_marks_are_no_values():
    assert unified(["\uff0d", "\uff2e\uff35\uff2c\uff2c", "schist"])[0] == ["", "", "schist"]


def test_plain_labels_are_kept_without_a_word():
    labels = ["granite", "schist", "granite", ""]
    assert unified(labels) == (labels, [])


def test_measures_are_no_classes_and_accelerations_are():
    rng = np.random.default_rng(3)
    assert looks_measured(map(str, rng.uniform(100, 9000, 40).round(2)))
    assert not looks_measured(f"{0.01 * number:.2f}" for number in range(1, 41))
    assert not looks_measured(map(str, range(1000, 1200)))
    assert not looks_measured(f"{number}.5" for number in range(19))


def squares(values):
    left, bottom, right, top = GRID.bounds
    width = (right - left) / len(values)
    rings = [
        [(left + i * width, bottom), (left + i * width + width, bottom), (left + i * width + width, top)]
        for i in range(len(values))
    ]
    shapes = [{"type": "Polygon", "coordinates": [[*ring, ring[0]]]} for ring in rings]
    return Polygons("rocks", fields={"unit": list(values)}, geometries=shapes)


def test_a_refusal_of_a_measure_lists_few_values():
    values = list(np.random.default_rng(1).uniform(100, 9000, 200).round(3))
    with pytest.raises(FieldUnusable, match="looks like a measure, with 200 different values") as refused:
        PolygonClasses(squares(values), "unit", GRID, "lithology", None, NullProgress())
    assert len(str(refused.value)) < 300


def test_polygons_with_a_mark_for_no_value_are_no_data():
    progress = NullProgress()
    classes = PolygonClasses(squares(["NULL", "schist"]), "unit", GRID, "lithology", None, progress)
    assert dict(classes.classes) == {1: "schist"}
    assert any('"NULL" (1)' in warning for warning in progress.warnings)
