"""The map sheet: a PDF from the layout engine, also while an algorithm runs in another thread."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from PIL import Image
from qgis.core import (
    QgsApplication,
    QgsLayoutExporter,
    QgsLayoutItemMap,
    QgsPrintLayout,
    QgsProcessingException,
    QgsProject,
    QgsReadWriteContext,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QCoreApplication, QRectF, QThread
from qgis.PyQt.QtXml import QDomDocument

from scarp.algorithms.base import map_pdf
from scarp.algorithms.base.main_thread import run_in_main_thread
from scarp.algorithms.base.map_pdf import TEMPLATES
from scarp.algorithms.base.sheet_layout import TITLE_SIZES, Box, arrange, fit_notes, fit_title, text_height
from scarp.algorithms.base.sheet_map import DPI, OUTSIDE, View, escape_expressions, render_map, zone_layer
from scarp.model.errors import Cancelled
from scarp.model.progress import NullProgress
from scarp.model.report.page import round_scale
from scarp.model.report.settings import A3_LANDSCAPE, A4_LANDSCAPE, SHEETS

ITEMS = ("title", "subtitle", "logo", "map", "north", "legend", "scale", "zones", "notes", "source")
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


@pytest.mark.parametrize("paper", SHEETS)
@pytest.mark.parametrize("ratio", [0.2, 0.6, 1.0, 1.7, 4.0])
def test_parts_of_a_sheet_stay_apart_and_on_the_paper(plugin, paper, ratio):
    width, height = SHEETS[paper]
    boxes = arrange(width, height, ratio, 30)
    for box in boxes.values():
        assert box.x >= 10 and box.y >= 10 and box.x + box.width <= width - 10 and box.y + box.height <= height - 5
    rectangles = {name: QRectF(box.x, box.y, box.width, box.height) for name, box in boxes.items()}
    names = sorted(rectangles)
    touching = [(a, b) for a in names for b in names if a < b and rectangles[a].intersects(rectangles[b])]
    assert not touching
    assert boxes["map"].width * boxes["map"].height > 0.15 * width * height


def test_notes_fit_and_tell_what_is_left_out(plugin):
    box, long = Box(0, 0, 80, 30), "words " * 40
    text, size = fit_notes(["Verdict."], [long] * 9, box, "{count} more.")
    shown = text.count(long.strip())
    assert 0 < shown < 9 and text.endswith(f"{9 - shown} more.") and text_height(text, box.width, size) <= box.height
    assert fit_notes(["Verdict."], ["short"], box, "{count} more.")[0] == "Verdict.\nshort"
    assert fit_notes([long] * 5, [], box, "")[1] < fit_notes(["Verdict."], [], box, "")[1]


def test_titles_get_smaller_before_they_are_cut(plugin):
    assert fit_title("Map", 180) == ("Map", TITLE_SIZES[0])
    middle = "Landslide susceptibility of the demo valleys and more"
    assert fit_title(middle, 180) == (middle, pytest.approx(15, abs=2))
    cut, size = fit_title("A very long title " * 12, 180)
    assert size == TITLE_SIZES[-1] and "…" in cut[20:-20]


@pytest.fixture
def layouts(monkeypatch):
    """What the layouts of sheets are when they are drawn: scale, grid, and texts by item."""
    seen = []

    class Watched(QgsLayoutExporter):
        def exportToPdf(self, path, settings):
            layout = self.layout()
            texts = {name: layout.itemById(name).text() for name in ("title", "subtitle", "notes", "source")}
            shown = layout.itemById("map")
            layers = [node.name() for node in layout.itemById("legend").model().rootGroup().findLayers()]
            seen.append({"scale": shown.scale(), "grid": shown.grid().intervalX(), "layers": layers, **texts})
            return super().exportToPdf(path, settings)

    monkeypatch.setattr(map_pdf, "QgsLayoutExporter", Watched)
    return seen


@pytest.mark.parametrize("paper", [A3_LANDSCAPE, A4_LANDSCAPE])
def test_a_sheet_of_an_office(step, chain, area, tmp_path, layouts, paper):
    Image.new("RGB", (300, 100), (20, 90, 110)).save(tmp_path / "logo.png")
    details = {"title": "Slopes [% 1 + 1 %]", "author": "N. N.", "logo": "logo.png", "limits": "No survey."}
    (tmp_path / "d.json").write_text(json.dumps(details), encoding="utf-8")
    more = {
        "ZONES": chain["zones"],
        "REGIONS": area / "regions.gpkg",
        "REGION_FIELD": "region",
        "DETAILS": tmp_path / "d.json",
        "SHEET": paper,
    }
    step("validatewithpoints", **POINTS, **more, OUTPUT_PDF=tmp_path / "map.pdf")
    (seen,) = layouts
    width, height = (side * 72 / 25.4 for side in SHEETS[paper])
    box = re.search(rb"/MediaBox \[([0-9. ]+)\]", (tmp_path / "map.pdf").read_bytes())[1].split()
    assert [float(number) for number in box] == pytest.approx([0, 0, width, height], abs=1)
    assert seen["scale"] == pytest.approx(round_scale(seen["scale"] * 0.999), rel=0.005)
    assert f"Scale 1 : {round_scale(seen['scale'] * 0.999):,} on {paper[:2].upper()}" in seen["source"]
    assert "UTM zone" in seen["source"] and "(EPSG:" in seen["source"] and "grid" in seen["source"]
    assert "N. N." in seen["subtitle"] and "Limits: No survey." in seen["notes"] and "[%" not in seen["title"]
    assert "Regions" in seen["layers"]


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


@pytest.fixture
def sheet(step, chain, area, tmp_path, monkeypatch):
    """What a sheet is made of, without relief."""
    seen = []
    monkeypatch.setattr(map_pdf, "write_pdf", lambda output, sheet, paper, progress: seen.append(sheet))
    step("validatewithpoints", **POINTS, ZONES=chain["zones"], OUTPUT_PDF=tmp_path / "map.pdf")
    return replace(seen[0], hillshade=None, points=[])


def test_the_picture_of_the_map_shows_its_zones_in_their_places(sheet, tmp_path):
    """Drawn in another thread, as in a run, and north-up over the whole view."""
    zones = zone_layer(sheet)
    inside, width = zones.extent(), zones.extent().width()
    around = QgsRectangle(inside.xMinimum() - width, inside.yMinimum(), inside.xMaximum(), inside.yMaximum())
    context = QgsProject.instance().transformContext()
    view = View(zones.crs(), context, around, 60, 60 * around.height() / around.width())
    progress = NullProgress()
    assert in_background(lambda: render_map(sheet, view, str(tmp_path / "m.bmp"), progress)).result()
    with Image.open(tmp_path / "m.bmp") as picture:
        found = np.asarray(picture.convert("RGB"))
    assert found.shape[1] == round(60 * DPI / 25.4)
    half = found.shape[1] // 2
    outside = tuple(int(OUTSIDE[start : start + 2], 16) for start in (1, 3, 5))
    assert (found[:, : half - 1] == outside).all(), "land beside the map"
    with rasterio.open(sheet.raster) as dataset:
        number = dataset.read(1)
    rows = (np.arange(found.shape[0]) + 0.5) / found.shape[0] * number.shape[0]
    columns = (np.arange(half, found.shape[1]) + 0.5 - half) / (found.shape[1] - half) * number.shape[1]
    sampled = number[np.ix_(rows.astype(int), columns.astype(int))]
    wanted = np.full((*sampled.shape, 3), outside, np.uint8)
    for zone, colour in sheet.colours.items():
        wanted[sampled == zone] = colour[:3]
    assert (wanted == found[:, half:]).all(axis=2).mean() > 0.9, "all but cells that lie on the edge of a pixel"
    assert not render_map(sheet, view, str(tmp_path / "no folder" / "m.bmp"), progress)
    progress.cancelled = lambda: True

    def draw_again():
        return render_map(sheet, view, str(tmp_path / "cancelled.bmp"), progress)

    for call in (lambda: in_background(draw_again).result(), draw_again):
        with pytest.raises(Cancelled):
            call()
    assert not (tmp_path / "cancelled.bmp").exists()


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
    assert "[%" not in escape_expressions("slides [% 1 + 1 %]")


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
