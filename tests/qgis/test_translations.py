"""The interface in another language: every text is translated, says the same, and is what the user sees."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scarp.tests.qgis.child import PROGRAM, ROOT, child_environment, needs_qgis_process, run_python
from scarp.tools import compile_translations, translation_file, translation_rules, translation_texts
from scarp.tools.translation_file import UNFINISHED, VANISHED, Message

TRANSLATIONS = ROOT / "resources" / "translations"
CHINESE = re.compile("[\u4e00-\u9fff]")
ENGLISH_SENTENCE = re.compile(r"\b[a-z]+(?: [a-z]+){3,}")
SHOW = """
import json, sys
from pathlib import Path
from qgis.core import QgsApplication, QgsProcessingContext, QgsSettings
application = QgsApplication([], False)
application.initQgis()
QgsSettings().setValue("locale/userLocale", sys.argv[1])
from qgis.analysis import QgsNativeAlgorithms
QgsApplication.processingRegistry().addProvider(QgsNativeAlgorithms())
from scarp import classFactory, translation
translation.TRANSLATIONS = Path(sys.argv[2])
plugin = classFactory(None)
plugin.initProcessing()
found = {"language": translation.language(), "provider": plugin.provider.longName()}
for algorithm in plugin.provider.algorithms():
    fresh = algorithm.create()
    outputs = {item.name(): "TEMPORARY_OUTPUT" for item in fresh.destinationParameterDefinitions()}
    accepted, message = fresh.checkParameterValues(outputs, QgsProcessingContext())
    found[algorithm.id()] = {
        "title": fresh.displayName(), "group": fresh.group(), "group id": fresh.groupId(),
        "short": fresh.shortDescription(), "help": fresh.shortHelpString(), "message": message,
        "parameters": {item.name(): [item.description(), item.help()] for item in fresh.parameterDefinitions()},
        "choices": {item.name(): item.options() for item in fresh.parameterDefinitions() if item.type() == "enum"},
        "outputs": {item.name(): item.description() for item in fresh.outputDefinitions()},
        "steps": [step.description() for step in fresh.childAlgorithms().values()]
                 if hasattr(fresh, "childAlgorithms") else []}
plugin.unload()
print(json.dumps(found))
"""


def child(profile: Path, code: str, *arguments: str) -> str:
    environment = child_environment(profile, LC_ALL="C.UTF-8", PYTHONIOENCODING="utf-8")
    return run_python(code, *arguments, environment=environment)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Path:
    """Folder with the compiled translations."""
    folder = tmp_path_factory.mktemp("translations")
    for source in TRANSLATIONS.glob("*.ts"):
        compile_translations.compile_one(source, folder / f"{source.stem}.qm")
    return folder


@pytest.fixture(scope="module")
def shown(compiled, tmp_path_factory):
    """Return a function that gives what the provider shows in a language of QGIS."""
    known = {}

    def show(language: str) -> dict:
        if language not in known:
            output = child(tmp_path_factory.mktemp("language"), SHOW, language, str(compiled))
            known[language] = json.loads(output.strip().splitlines()[-1])
        return known[language]

    return show


def algorithms(shown: dict) -> dict:
    return {name: value for name, value in shown.items() if name.startswith("scarp:")}


def test_every_text_is_translated_and_says_the_same(tmp_path):
    """``tools/make_translations.py --check`` finds no new text, no fault in the code and no fault in a translation."""
    code = "import sys; from scarp.tools.make_translations import main; sys.argv = ['x']; sys.exit(main(['--check']))"
    assert "0 to do" in child(tmp_path, code)


def test_in_chinese_everything_shown_is_chinese(shown):
    chinese = shown("zh_CN")
    assert CHINESE.search(chinese["provider"])
    for name, algorithm in algorithms(chinese).items():
        for part in ("title", "group", "short", "help"):
            assert CHINESE.search(algorithm[part]), (name, part, algorithm[part])
        # What is wrong with the values of a graphical model, QGIS says itself.
        assert not algorithm["message"] or algorithm["steps"] or CHINESE.search(algorithm["message"]), algorithm
        for parameter, (label, text) in algorithm["parameters"].items():
            assert CHINESE.search(text), (name, parameter)
            # Of "k (1/mm)" there is nothing to translate but the brackets.
            assert CHINESE.search(label) or not re.search("[A-Za-z]{3}", label), (name, parameter, label)
            # QGIS's own words around a model's help are QGIS's to translate; the help itself is ours.
            assert not ENGLISH_SENTENCE.search(text), (name, parameter, text)
        for step in algorithm["steps"]:
            assert CHINESE.search(step), (name, step)
        for label in algorithm["outputs"].values():
            assert CHINESE.search(label), (name, label)


def test_what_programs_read_is_the_same_in_every_language(shown):
    english, chinese = algorithms(shown("en_US")), algorithms(shown("zh_CN"))
    assert list(english) == list(chinese)
    for name, algorithm in english.items():
        other = chinese[name]
        assert all(algorithm[part] == other[part] for part in ("group id", "choices")), name
        assert all(list(algorithm[part]) == list(other[part]) for part in ("parameters", "outputs")), name
        assert algorithm["title"] != other["title"]
        # The default that closes a help text is said in both.
        assert len(re.findall("Default: ", algorithm["help"])) == len(re.findall("默认值：", other["help"])), name


@pytest.mark.parametrize("language", ["zh_CN", "zh-Hans", "zh", "zh_TW", "zh-Hant"])
def test_every_kind_of_chinese_is_chinese(shown, language):
    """QGIS calls the language zh-Hans, systems call it zh_CN; without a file of its own zh_TW takes that of zh."""
    assert shown(language)["scarp:trainpcum"] == shown("zh")["scarp:trainpcum"]
    assert shown(language)["scarp:trainpcum"]["title"] == "2.1 训练 PCUM"


@pytest.mark.parametrize("language", ["en_US", "C", "xx", "nl"])
def test_a_language_without_a_file_is_english(shown, language):
    assert shown(language)["scarp:trainpcum"]["title"] == "2.1 Train PCUM"
    assert not CHINESE.search(json.dumps(algorithms(shown(language)), ensure_ascii=False))


@needs_qgis_process
def test_qgis_process_speaks_chinese(tmp_path):
    source, target = TRANSLATIONS / "scarp_zh.ts", TRANSLATIONS / "scarp_zh.qm"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        compile_translations.compile_one(source, target)
    settings = tmp_path / "profiles" / "default" / "QGIS" / "QGIS3.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text("[locale]\nuserLocale=zh-Hans\noverrideFlag=true\n[PythonPlugins]\nscarp=true\n")
    environment, command = child_environment(tmp_path, LC_ALL="C.UTF-8"), [PROGRAM, "help", "scarp:trainpcum"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=120, check=False)
    assert result.returncode == 0, result.stdout
    assert not [word for word in ("训练 PCUM", "因子栈", "LEARNING_RATE", "hinge") if word not in result.stdout]


def message(source: str, translation: str) -> list[str]:
    names = ({"METHOD", "K_TABLE"}, {"hinge", "none"}, {"Train PCUM"})
    house = translation_rules.House(*map(frozenset, names))
    return translation_rules.faults(source, translation, house, {"Train PCUM": "训练 PCUM", "Install…": "安装…"})


@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        ("{n} files", "{n} 个文件", "{m} 个文件"),
        ("<b>Read</b> this", "请<b>阅读</b>", "请<b>阅读<b>"),
        ("Set METHOD.", "请设置 METHOD。", "请设置方法。"),
        ("hinge: a rule. none: no rule.", "hinge：规则。none：无。", "铰链：规则。none：无。"),
        ('See "Train PCUM".', "见“训练 PCUM”。", "见“Train PCUM”。"),
        ("Use Plugins > Scarp > Install….", "请用“插件 > Scarp > 安装…”。", "请用“插件 > Scarp > 设置…”。"),
        ("Table (*.csv)", "表格 (*.csv)", "表格（*.csv）"),
        ("A .safetensors file", "一个 .safetensors 文件", "一个模型文件"),
        ("Cells of 30 m", "30 m 的像元", "像元"),
        ("One.\nTwo.", "一。\n二。", "一。二。"),
        ("Install…", "安装…", "安装"),
        ("area_shares is best", "area_shares 最好", "面积占比最好"),
        ("See https://doi.org/10.1.", "见 https://doi.org/10.1。", "见网页。"),
        (" Default: {value}.", "默认值：{value}。", "Default {value}"),
    ],
)
def test_a_translation_must_keep_what_users_type_and_click(source, right, wrong):
    assert message(source, right) == [] and message(source, wrong)


def test_a_file_keeps_its_translations_and_their_order(tmp_path):
    texts = {"Old": "a.py", 'New & <odd> "text"': "b.py", "Gone": "c.py"}
    known = {"Old": Message("Old", "旧", ""), "Gone": Message("Gone", "去", "")}
    first = translation_file.merged(texts, known)
    path = tmp_path / "scarp_zh.ts"
    path.write_text(translation_file.as_xml({translation_file.CONTEXT: first}, "zh_CN"), encoding="utf-8")
    read = translation_file.read(path)
    assert list(read) == sorted(texts) and [read[item.source] for item in first] == first
    assert read["Old"].translation == "旧" and read['New & <odd> "text"'].state == UNFINISHED
    del texts["Gone"]
    second = translation_file.merged(texts, read)
    assert {item.source: item.state for item in second}["Gone"] == VANISHED
    assert translation_file.merged(texts, {item.source: item for item in second}) == second
    assert "Gone" not in {item.source for item in translation_file.merged(texts, read, prune=True)}
    # A text that comes back has its translation back.
    back = translation_file.merged({**texts, "Gone": ""}, {item.source: item for item in second})
    assert {item.source: (item.translation, item.state) for item in back}["Gone"] == ("去", "")


def test_files_are_what_linguist_reads():
    for path in TRANSLATIONS.glob("*.ts"):
        root = ElementTree.parse(path).getroot()
        assert root.tag == "TS" and root.get("language", "").startswith(path.stem[len("scarp_") :])
        assert [name.text for name in root.iter("name")] == [translation_file.CONTEXT, translation_file.CORE]


FOUND = ["tr('A text')", "tr('A ' 'text')", "tr('A' if x else 'B')", "tr(NAMED)"]
MISSED = ["tr(text)", "tr('A' if x else text)", "tr(f'{n} files')", "tr('{n} files'.format(n=n))"]
FAULTS = {**dict.fromkeys(FOUND), **dict.fromkeys(MISSED, "literal"), "self.tr('A text')": "import tr"}


@pytest.mark.parametrize(("line", "fault"), FAULTS.items())
def test_texts_that_no_translator_would_see_are_found(monkeypatch, tmp_path, line, fault):
    (tmp_path / "gui").mkdir()
    code = f"x = n = text = 3; NAMED = 'A text'\nprint({line})\n"
    (tmp_path / "gui" / "dialog.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(translation_texts, "PACKAGE", tmp_path)
    found, faults = translation_texts.in_code()
    assert bool(faults) == bool(fault)
    assert fault is None or (fault in faults[0] and "gui/dialog.py:2" in faults[0])
    assert bool(found) or fault == "literal"


def test_a_text_put_together_before_it_is_translated_is_found(plugin):
    class Composing(type(plugin.provider.algorithm("classifyzones"))):
        SUMMARY = "Cuts into " + str(5) + " zones."

        def createInstance(self):
            return Composing()

    class Provider:
        def longName(self):
            return ""

        def algorithms(self):
            return [Composing()]

    found, composed = translation_texts.in_algorithms(Provider())
    assert "Cuts into 5 zones." in found
    assert ["Cuts into 5 zones." in text for text in composed] == [True]
