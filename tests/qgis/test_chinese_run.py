"""A chain of runs in a Chinese QGIS: log, warnings, errors and reports are Chinese, and what programs read is not."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from qgis.core import (
    QgsLayerTreeLayer,
    QgsProcessingContext,
    QgsProcessingException,
    QgsRasterLayer,
    QgsSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import Qt

from scarp import translation
from scarp.algorithms.base.algorithm import SIDECAR_STYLE
from scarp.algorithms.base.legends import translated_label
from scarp.algorithms.base.styles import STYLES, Styler
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


def layer_texts(path: Path, style: str) -> list[str]:
    """Return the legend and the abstract of a result as the canvas has it."""
    layer = (QgsRasterLayer if path.suffix == ".tif" else QgsVectorLayer)(str(path), translation.tr("Zones"))
    Styler(style).postProcessLayer(layer, QgsProcessingContext(), Listener())
    legend = layer.legend().createLayerTreeModelLegendNodes(QgsLayerTreeLayer(layer))
    labels = [str(node.data(int(Qt.ItemDataRole.DisplayRole)) or "") for node in legend]
    # QGIS's own: the band with the name that the file has.
    labels = [label for label in labels if not label.startswith("Band ")]
    return [text for text in [layer.name(), *labels, *layer.metadata().abstract().split("\n")] if text]


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.qml")), ids=lambda path: path.stem)
def test_every_label_of_a_style_is_chinese(chinese, path):
    labels = {node.get("label") or "" for node in ElementTree.parse(path).iter()}
    assert not [label for label in map(translated_label, labels) if english(label)]


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
    shown = {susceptibility: "susceptibility", zones: SIDECAR_STYLE, stack: "stack", labels: "labels"}
    shown |= {windows: "windows", tmp_path / "p.gpkg": "points"}
    for path, style in shown.items():
        texts = layer_texts(path, style)
        assert texts and not [text for text in texts if english(text)], (path.name, texts)
    record = record_of(validation)
    assert record["language"] == "zh" and not [text for text in record["warnings"] if CHINESE.search(text)]
    assert record["verdict"]["level"] in ("usable", "weak", "do not use")


def test_an_error_is_chinese(run, tmp_path, chinese):
    with pytest.raises(QgsProcessingException) as error:
        run("predictsusceptibility", STACK=tmp_path / "none.tif", MODEL=tmp_path / "none.safetensors", OUTPUT="x.tif")
    assert CHINESE.search(str(error.value)) and not english(str(error.value).split("\n")[-1])
