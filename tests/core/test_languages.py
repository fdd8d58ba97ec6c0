"""Messages of the core in another language: what a template fits is translated, and nothing else is changed or lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scarp.model import languages
from scarp.model.languages import HOLE, Catalogue, language_of_run
from scarp.model.parameter_names import for_report, labels_of_run
from scarp.model.report.page import Page
from scarp.tools import compile_translations, translation_core, translation_file
from scarp.tools.translation_file import CORE

TRANSLATIONS = Path(translation_core.PACKAGE) / "resources" / "translations"
MESSAGES = {
    "The {1} raster {2} does not exist. Check the path.": "{1}栅格 {2} 不存在。请检查路径。",
    "susceptibility": "易发性",
    "{n1} cells have no data.": "{n1} 个像元没有数据。",
    "{1} of {2}": "{2} 中的 {1}",
    "Map: {1}.{2} Landslides: {3}. {4}.": "地图：{1}。{2}滑坡：{3}。{4}。",
    "Writing the report.": "正在写报告。",
    "and {n1} more": "等另外 {n1} 项",
    'The layer "{1}" ({2}) has {n3} features.': '图层 "{1}"（{2}）有 {n3} 个要素。',
    "Zone {1}": "第 {1} 区",
    "{1}, AUC {n2}": "{1}，AUC 为 {n2}",
    "95 % interval {n1} to {n2}": "95 % 区间 {n1} 至 {n2}",
    "{n1}{2} rows differ: {3}{4}": "{n1}{2} 行不同：{3}{4}",
    "Very low": "极低",
    "do not use": "请勿使用",
    "on land not seen": "在未见过的土地上",
    "random forest": "随机森林",
}
CATALOGUE = Catalogue(MESSAGES.items())


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "The susceptibility raster /a/b.tif does not exist. Check the path.",
            "易发性栅格 /a/b.tif 不存在。请检查路径。",
        ),
        # Sentences that follow each other, in parts unknown.
        ("1,234 cells have no data. Writing the report.", "1,234 个像元没有数据。正在写报告。"),
        ("Nobody knows this. Writing the report.", "Nobody knows this. 正在写报告。"),
        ("5 cells have no data.\nWriting the report.", "5 个像元没有数据。\n正在写报告。"),
        # A message in a message; without its mark, or with another; with a capital or without.
        ("Map: a.tif. 5 cells have no data. Landslides: b. c.", "地图：a.tif。5 个像元没有数据。滑坡：b。c。"),
        ("Random forest, AUC 0.756", "随机森林，AUC 为 0.756"),
        ("writing the report; 5 cells have no data", "正在写报告；5 个像元没有数据"),
        # Points in paths and numbers end no sentence.
        ("Map: v1.0.tif. Landslides: b.gpkg. Zone 3.", "地图：v1.0.tif。滑坡：b.gpkg。第 3 区。"),
        # Names stay, also those that look like messages.
        ("Bay of Bengal", "Bay of Bengal"),
        ("3 of 4", "4 中的 3"),
        ('The layer "Very low" (3 of 4) has 5 features.', '图层 "Very low"（4 中的 3）有 5 个要素。'),
        # What follows in brackets, and a value behind.
        ("Very low (do not use)", "极低（请勿使用）"),
        ("Very low (95 % interval 0.1 to 0.2)", "极低（95 % 区间 0.1 至 0.2）"),
        ("on land not seen 0.7", "在未见过的土地上 0.7"),
        # Holes that touch.
        ("3 more rows differ: a", "3 more 行不同：a"),
        ("", ""),
        (" Very low ", " 极低 "),
        ("已经是中文。", "已经是中文。"),
    ],
)
def test_messages_are_translated(english, chinese):
    assert CATALOGUE.translate(english) == chinese


# The first text takes long where Hypothesis cannot keep its tables of letters.
at_any_speed = settings(deadline=None, suppress_health_check=list(HealthCheck))
words = st.text("abcdefXYZ éü_'%()-", min_size=1, max_size=12).filter(lambda text: re.search("[a-z]", text, re.I))
parts = st.one_of(words, st.sampled_from([*MESSAGES, ". ", ", ", ": ", " (", ")", '"', "3", "0.5 %", "/a/b.tif", "\n"]))


@at_any_speed
@given(st.lists(parts, max_size=12).map("".join))
def test_no_number_and_no_name_is_lost(text):
    """Whatever the text: its numbers, paths and quoted names are in the translation, each as often."""
    text = HOLE.sub("7", text)
    shown = CATALOGUE.translate(text)
    for pattern in (r"\d+", r"/a/b\.tif", r"[XY_éü]"):
        assert sorted(re.findall(pattern, shown)) == sorted(re.findall(pattern, text))


@at_any_speed
@given(st.data())
def test_what_the_holes_hold_is_in_the_translation(data):
    source = data.draw(st.sampled_from([text for text in MESSAGES if HOLE.search(text) and ".{" not in text]))
    letters = st.text("XYZ'ü-", min_size=1, max_size=9).map(lambda text: f"Q{text}Q")
    numbers = st.one_of(st.integers().map("{:,}".format), st.floats(0, 1).map("{:.3f}".format))
    values = [(hole[0], data.draw(numbers if hole[1] else letters)) for hole in HOLE.finditer(source)]
    text, wanted = source, MESSAGES[source]
    for hole, value in values:
        text, wanted = text.replace(hole, value), wanted.replace(hole, value)
    shown = CATALOGUE.translate(text)
    assert all(value in shown for _, value in values)
    if sum(map(str.isalpha, HOLE.sub("", source))) >= languages.FEW_LETTERS:
        assert shown == wanted


@pytest.mark.parametrize(
    "part", ["a. ", "The ", "3 of 4, ", "x raster ", '"', "(", " " * 9 + "x", "\n", "Map: a. ", "a of b (c) of d, "]
)
def test_a_long_hostile_text_takes_time_in_proportion_to_its_length(part):
    """The number of comparisons is counted, as the clock of a busy computer tells nothing."""
    counts = []
    for length in (500, 2000):
        asked = []

        class Counted(Catalogue):
            def _message(self, *values, asked=asked):
                asked.append(1)
                return super()._message(*values)

        Counted(MESSAGES.items()).translate(part * (length // len(part)))
        counts.append(len(asked))
    assert counts[1] <= 6 * counts[0] + 200
    endless = part * (languages.LONGEST // len(part) + 1)
    assert CATALOGUE.translate(endless + part) == endless + part


def finished() -> dict[str, dict[str, str]]:
    """Return the finished messages of each language by their source."""
    paths = sorted(TRANSLATIONS.glob("*.ts"))
    read = {path.stem: translation_file.read(path, CORE) for path in paths}
    return {
        name: {one.source: one.translation for one in known.values() if not one.state} for name, known in read.items()
    }


def bare(source: str) -> str:
    """Return what tells a template from others."""
    return "".join(HOLE.sub("", source).lower().split()).strip(".,:;")


def rendered(source: str, translation: str) -> tuple[str, str]:
    """Return a message and its translation with numbers, paths and names in the holes."""
    values = {}
    for hole in HOLE.finditer(source):
        # What follows a mark or another hole begins with a blank, or is nothing.
        before, after = source[: hole.start()], source[hole.end() :]
        path = f"/q/X{hole[2]}.tif"
        text = "" if HOLE.match(after) else f" {path}" if before[-1:] in (".", "}") else path
        values[hole[0]] = f"{hole[2]}{hole[2]}7" if hole[1] else text
    return HOLE.sub(lambda hole: values[hole[0]], source), HOLE.sub(lambda hole: values[hole[0]], translation)


@pytest.mark.parametrize("name", [path.stem for path in sorted(TRANSLATIONS.glob("*.ts"))])
def test_each_template_fits_its_own_message(name):
    """With values in its holes, each source gives its translation with the same values."""
    messages = finished()[name]
    catalogue, wrong = Catalogue(messages.items()), []
    alike = Counter(map(bare, messages))
    for source, translation in messages.items():
        text, wanted = rendered(source, translation)
        shown = catalogue.translate(text)
        if shown.replace(" ", "") != wanted.replace(" ", "") and alike[bare(source)] == 1:
            wrong.append(f"{text}\n    {shown}\n    {wanted}")
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setattr(languages, "catalogue", lambda language: CATALOGUE if language == "zh" else None)
    with language_of_run("zh"):
        yield


def page() -> Page:
    made = Page("Writing the report", "3 of 4", warnings=["5 cells have no data."])
    made.key_numbers([("Very low", "do not use", "Zone BLOCK")])
    made.text("Very low", "Writing the report.")
    made.table("Very low", ["random forest", "Zone 2"], [["Very low", 3.0], ["/a/b.tif", None]], "Writing the report.")
    return made


def test_a_report_is_in_the_language_of_its_run(chinese):
    with labels_of_run({"BLOCK": "区块"}):
        html = page().html()
    assert '<html lang="zh">' in html and html.count("极低") == 3 and html.count("正在写报告") == 4
    assert "5 个像元没有数据。" in html and "请勿使用" in html and "第 2 区" in html and "/a/b.tif" in html
    assert "Zone “区块”" in html


def test_in_english_nothing_is_translated(chinese):
    with language_of_run(""):
        html = page().html()
        assert languages.current_language() == "" and for_report("Very low") == "Very low"
    assert '<html lang="en">' in html and not re.search("[\u4e00-\u9fff]", html)


def test_a_language_without_a_file_is_english(monkeypatch, tmp_path):
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    languages.catalogue.cache_clear()
    (tmp_path / "scarp_fr.messages").write_text(json.dumps([["Very low", "très faible"]]), encoding="utf-8")
    assert languages.catalogue("fr").translate("Very low.") == "très faible."
    assert languages.catalogue("de") is None and languages.catalogue("") is None and languages.catalogue("../x") is None
    languages.catalogue.cache_clear()


def test_finished_messages_are_compiled(tmp_path):
    Message = translation_file.Message
    contexts = {
        translation_file.CONTEXT: [Message("Menu", "菜单", "")],
        CORE: [Message("Very low", "极低", ""), Message("New", ""), Message("Old", "旧", translation_file.VANISHED)],
    }
    source = tmp_path / "scarp_zh.ts"
    source.write_text(translation_file.as_xml(contexts, "zh_CN"), encoding="utf-8")
    tree = compile_translations.ElementTree.parse(source)
    assert compile_translations.messages_of(tree) == [("Very low", "极低")]
    assert translation_file.read(source, CORE)["Old"].state == translation_file.VANISHED
    assert list(translation_file.read(source)) == ["Menu"]


CODE = '''
"""Not the docstring of a module."""
NAME = "the factor stack"
class A(Options):
    block: float = number(1.0, 0, 5, "Block (m)", "A help text.")
def f(x: "a type of it", n):
    """Not a docstring."""
    if x == "a word to compare":
        re.compile("not this pattern")
    page.text("Heading", f"{n:,} cell{'s' if n > 1 else ''} of {x!r} in {NAME} ({x}).")
    return {"a key of a dict": "a value of a dict"}, "identifier", "some_names of_columns"
'''


def test_texts_for_people_are_found_in_the_code():
    found = {"Heading", "the factor stack", "a value of a dict"}
    found |= {f"{{n1}} cell{end} of {{2}} in the factor stack ({{3}})." for end in ("s", "")}
    assert set(translation_core.in_code(CODE)) == found
