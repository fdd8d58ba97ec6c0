"""The map sheet: a PDF from the layout engine, also while an algorithm runs in another thread."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zlib
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from qgis.core import (
    QgsApplication,
    QgsLayoutExporter,
    QgsLayoutItemMap,
    QgsPrintLayout,
    QgsProcessingException,
    QgsProject,
    QgsReadWriteContext,
)
from qgis.PyQt.QtCore import QCoreApplication, QThread
from qgis.PyQt.QtXml import QDomDocument

from scarp.algorithms.base import map_pdf
from scarp.algorithms.base.map_pdf import TEMPLATES, run_in_main_thread
from scarp.model.errors import Cancelled
from scarp.model.progress import NullProgress

ITEMS = ("title", "subtitle", "map", "north", "legend", "scale", "zones", "notes", "source")
POINTS = {"DISTANCE": 150, "REPEATS": 3, "SEED": 5}


def pages(path) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", path.read_bytes()))


def drawn(path) -> int:
    """Bytes of drawing in a PDF, uncompressed."""
    found = 0
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", path.read_bytes(), re.DOTALL):
        try:
            found += len(zlib.decompress(stream))
        except zlib.error:
            found += len(stream)
    return found


def test_template_has_all_items(plugin):
    document = QDomDocument()
    assert document.setContent((TEMPLATES / "map.qpt").read_text(encoding="utf-8"))[0]
    project = QgsProject()
    layout = QgsPrintLayout(project)
    layout.loadFromTemplate(document, QgsReadWriteContext())
    assert all(layout.itemById(name) is not None for name in ITEMS)
    assert isinstance(layout.itemById("map"), QgsLayoutItemMap) and layout.pageCollection().pageCount() == 1


@pytest.mark.parametrize("with_zones", [True, False])
def test_validation_draws_a_sheet(step, chain, area, tmp_path, with_zones):
    before = set(QgsProject.instance().mapLayers())
    zones = {"ZONES": chain["zones"], "DEM": area / "dem.tif"} if with_zones else {}
    result = step("validatewithpoints", **POINTS, **zones, OUTPUT_PDF=tmp_path / "map.pdf")
    assert result["OUTPUT_PDF"] == str(tmp_path / "map.pdf") and pages(tmp_path / "map.pdf") == 1
    assert drawn(tmp_path / "map.pdf") > 100_000
    assert set(QgsProject.instance().mapLayers()) == before
    reports = ["output_html.html", "output_table.csv"]
    files = ["map.pdf", "output_table.json", *reports, *(f"{name}.run.json" for name in ("map.pdf", *reports))]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_a_truncated_sheet_is_an_error(step, tmp_path, monkeypatch):
    """As on a full disk, which Qt does not report."""

    class Cut(QgsLayoutExporter):
        def exportToPdf(self, path, settings):
            outcome = super().exportToPdf(path, settings)
            os.truncate(path, os.path.getsize(path) // 2)
            return outcome

    monkeypatch.setattr(map_pdf, "QgsLayoutExporter", Cut)
    with pytest.raises(QgsProcessingException, match="map.pdf could not be written; the other files"):
        step("validatewithpoints", **POINTS, OUTPUT_PDF=tmp_path / "map.pdf")
    assert not (tmp_path / "map.pdf").exists()


def test_no_sheet_unless_asked_for(step, tmp_path):
    assert not step("validatewithpoints", **POINTS).get("OUTPUT_PDF") and not list(tmp_path.glob("*.pdf"))


def in_background(function) -> Future:
    """Call a function in another thread while this one, the main one, keeps its events going."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(function)
        while not call.done():
            QgsApplication.processEvents()
            time.sleep(0.01)
    return call


def test_sheet_of_an_algorithm_in_another_thread(step, chain, tmp_path):
    outputs = {"ZONES": chain["zones"], "OUTPUT_PDF": tmp_path / "map.pdf"}
    in_background(lambda: step("validatewithpoints", **POINTS, **outputs)).result()
    assert pages(tmp_path / "map.pdf") == 1


def test_queued_calls_run_in_the_main_thread(plugin):
    seen = []

    def look() -> None:
        seen.append(QThread.currentThread() == QCoreApplication.instance().thread())

    def fail() -> None:
        raise ValueError("from there")

    run_in_main_thread(look, NullProgress())
    in_background(lambda: run_in_main_thread(look, NullProgress())).result()
    assert seen == [True, True]
    with pytest.raises(ValueError, match="from there"):
        in_background(lambda: run_in_main_thread(fail, NullProgress())).result()


def test_cancel_does_not_wait_for_a_busy_main_thread(plugin):
    progress = NullProgress()
    progress.cancelled = lambda: True
    seen = []
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(run_in_main_thread, lambda: seen.append(1), progress)
        assert isinstance(call.exception(60), Cancelled)
    QgsApplication.processEvents()
    assert not seen, "what was given up is not done later"


def test_names_are_no_expressions(plugin):
    assert "[%" not in map_pdf._escape_expressions("slides [% 1 + 1 %]")


def test_without_fonts_the_sheet_is_left_out_with_a_warning(step, tmp_path, monkeypatch):
    monkeypatch.setattr(map_pdf, "has_fonts", lambda: False)
    result = step("validatewithpoints", **POINTS, OUTPUT_PDF=tmp_path / "map.pdf")
    assert result["OUTPUT_PDF"] is None and not list(tmp_path.glob("*.pdf*"))
    assert (tmp_path / "output_html.html").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="fontconfig")
@pytest.mark.parametrize("installed", [True, False])
def test_missing_fonts_are_noticed(tmp_path, installed):
    folder = "/usr/share/fonts" if installed else tmp_path / "none"
    config = f"<fontconfig><dir>{folder}</dir><cachedir>{tmp_path / 'cache'}</cachedir></fontconfig>"
    (tmp_path / "fonts.conf").write_text(f"<?xml version='1.0'?>{config}", encoding="utf-8")
    code = "from qgis.core import QgsApplication as A; a = A([], True); from scarp.algorithms.base import map_pdf as m"
    command = [sys.executable, "-c", f"{code}; print('fonts', m.has_fonts())"]
    environment = {**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "QT_QPA_PLATFORM": "offscreen"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"fonts {installed}" in said
