"""A chain of runs in a Chinese QGIS: log, warnings, errors and reports are Chinese, and what programs read is not."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from qgis.core import QgsProcessingException, QgsSettings

from scarp import translation
from scarp.model import languages
from scarp.tests.qgis.child import ROOT
from scarp.tests.qgis.results import record_of
from scarp.tests.qgis.tiny import Listener
from scarp.tools import compile_translations

CHINESE = re.compile("[\u4e00-\u9fff]")
KEPT = re.compile(
    r'[0-9a-f]{16}…|"[^"\n]*"|“[^”]*”|\S*[/\\]\S*|\S+\.(?:tif|gpkg|html|csv|safetensors|json)\b|\bscarp:\w+|\b\w*_\w+'
    r"|\b[A-Z][A-Z0-9_]+(?:=\w+)?|\b(?:km|mm|ha|kPa|GiB|MB)\b|\bMoran's I|Student|Hosmer|Pearson|Cramér's V|Spearman"
)
"""Names, paths, parameters, units and people, which are the same in every language."""
TYPED = {"auto", "none", "windows", "representative", "cpu", "scarp", "python", "torch", "numpy", "rasterio", "gdal"}
"""Choices as scripts have them, in tables of settings, and libraries."""


@pytest.fixture
def chinese(tmp_path, monkeypatch, plugin):
    """Have QGIS speak Chinese, with the translation of the sources."""
    source = ROOT / "resources" / "translations" / "scarp_zh.ts"
    compile_translations.compile_one(source, tmp_path / "scarp_zh.qm")
    monkeypatch.setattr(translation, "TRANSLATIONS", tmp_path)
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    before = QgsSettings().value("locale/userLocale", "")
    QgsSettings().setValue("locale/userLocale", "zh_CN")
    languages.catalogue.cache_clear()
    translator = translation.install()
    yield
    translation.remove(translator)
    QgsSettings().setValue("locale/userLocale", before)
    languages.catalogue.cache_clear()


def english(text: str) -> list[str]:
    """Return the English words that stand in a text beside what is kept; two in a row, or a text of nothing else."""
    rest = KEPT.sub(" ", text)
    words = [word for word in re.findall(r"[A-Za-z]{3,}", rest) if word.lower() not in TYPED]
    in_a_row = re.findall(r"[A-Za-z]{2,} +[A-Za-z]{2,}", rest)
    return words if in_a_row or not CHINESE.search(text) else []


def blocks(page: Path) -> list[str]:
    """Return the texts of a report."""
    html = re.sub(r"<style.*?</style>", "", page.read_text(encoding="utf-8"), flags=re.S)
    return [text for text in (unescape(part).strip() for part in re.split("<[^>]*>", html)) if text]


def test_everything_that_a_chain_says_is_chinese(run, tmp_path, chinese):
    demo, told = tmp_path / "demo", []

    def step(algorithm: str, **values) -> None:
        listener = Listener()
        run(algorithm, listener, **values)
        # The last line of a run is of QGIS.
        told.extend(line for line in listener.lines + listener.warnings if not line.startswith("Results:"))

    names = "stack.tif labels.tif model.safetensors windows.gpkg map.tif zones.tif training.html validation.html"
    stack, labels, model, windows, susceptibility, zones, training, validation = (
        tmp_path / name for name in names.split()
    )
    step("createdemodata", SIZE=120, OUTPUT=demo)
    step("buildfactorstack", DEM=demo / "dem.tif", RIVERS=demo / "rivers.gpkg", OUTPUT=stack)
    step("buildbufferedlabels", LANDSLIDES=demo / "landslides.gpkg", REFERENCE=stack, OUTPUT=labels)
    outputs = {"OUTPUT": model, "OUTPUT_WINDOWS": windows, "OUTPUT_HTML": training}
    step("traincomparisonmodel", STACK=stack, LABELS=labels, KIND="logistic_regression", BLOCK=800, **outputs)
    step("predictsusceptibility", STACK=stack, MODEL=model, OUTPUT=susceptibility)
    step("classifyzones", SUSCEPTIBILITY=susceptibility, OUTPUT=zones)
    maps = {"SUSCEPTIBILITY": susceptibility, "ZONES": zones, "WINDOWS": windows}
    files = {"OUTPUT_HTML": validation, "OUTPUT_TABLE": tmp_path / "v.csv", "OUTPUT_POINTS": tmp_path / "p.gpkg"}
    step("validatewithpoints", LANDSLIDES=demo / "landslides.gpkg", REPEATS=30, **maps, **files)
    assert len(told) > 25
    assert not [line for line in told if english(line)]
    for page in (training, validation):
        texts = blocks(page)
        # Names of factors of the stack stand there as they are.
        factors = {"slope", "aspect", "elevation", "curvature", "northness", "eastness"}
        assert not [text for text in texts if english(text) and text not in factors], page.name
        assert 'lang="zh"' in page.read_text(encoding="utf-8") and len(texts) > 80
    record = record_of(validation)
    assert record["language"] == "zh" and not [text for text in record["warnings"] if CHINESE.search(text)]
    assert record["verdict"]["level"] in ("usable", "weak", "do not use")


def test_an_error_is_chinese(run, tmp_path, chinese):
    with pytest.raises(QgsProcessingException) as error:
        run("predictsusceptibility", STACK=tmp_path / "none.tif", MODEL=tmp_path / "none.safetensors", OUTPUT="x.tif")
    assert CHINESE.search(str(error.value)) and not english(str(error.value).split("\n")[-1])
