"""Clicks on a map answered in a panel, and a styled layer for each factor of a stack."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsPalettedRasterRenderer,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtWidgets import QAction, QMainWindow

from scarp.algorithms.base.factor_styles import (
    StackBand,
    complete,
    plain_layer,
    read_bands,
    sampled_values,
    shown_band,
    style_band,
)
from scarp.algorithms.base.gdal_files import VECTOR, open_quietly
from scarp.algorithms.base.styles import DERIVED
from scarp.gui import factor_layers, place_answers
from scarp.gui.place_answers import PlaceAnswers, Question
from scarp.gui.place_text import ALL_FACTORS, direction, distance, explanation_html, number
from scarp.gui.place_tool import PlaceExplainer
from scarp.gui.suggestions import describe_layer, guess_layer
from scarp.model.errors import InputMissing
from scarp.model.jobs.explain_cell import CellExplanation, FactorAtCell, TrainingNeighbour
from scarp.tests.core.conftest import utm_grid, write_raster, write_stack


def wait(done, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        QgsApplication.processEvents()
        time.sleep(0.01)


@pytest.fixture
def project(qgis_app):
    QgsProject.instance().clear()
    yield QgsProject.instance()
    QgsProject.instance().clear()


@pytest.fixture
def explainer(project):
    """The tool over a canvas, with what QGIS's window offers of it."""
    window = QMainWindow()
    canvas, said = QgsMapCanvas(window), []
    iface = SimpleNamespace(
        mainWindow=lambda: window,
        mapCanvas=lambda: canvas,
        activeLayer=lambda: None,
        addTabifiedDockWidget=lambda *_: None,
        removeDockWidget=lambda *_: None,
        messageBar=lambda: SimpleNamespace(pushMessage=lambda *texts: said.append(texts[1])),
        said=said,
    )
    found = PlaceExplainer(iface, QAction("x", window, checkable=True))
    yield found
    found.shut_down()
    QgsApplication.processEvents()
    window.deleteLater()


def add(project, path, name="layer"):
    layer = QgsRasterLayer(str(path), name)
    assert layer.isValid()
    return project.addMapLayer(layer)


def middle(layer) -> QgsPointXY:
    centre = layer.extent().center()
    return QgsPointXY(centre.x() + 1, centre.y() + 1)


def text(explainer) -> str:
    return explainer.panel.text.toPlainText()


def answered(explainer) -> bool:
    return explainer._found is not None


def test_a_click_is_answered_with_value_zone_factors_and_landslides(explainer, chain, project):
    zones = add(project, chain["zones"], "zones")
    canvas = explainer.canvas
    canvas.setDestinationCrs(zones.crs())
    explainer.start()
    assert canvas.mapTool() is explainer.tool and "Click on the map" in text(explainer)
    explainer.click(middle(zones))
    assert "Asking the model" in text(explainer)
    wait(lambda: answered(explainer))
    found = explainer._found
    assert found.state == "found" and found.zone in text(explainer)
    assert f"{found.susceptibility:.2f} susceptibility" in text(explainer)
    for factor in found.factors[:3]:
        assert factor.title in text(explainer)
    assert explainer._marks
    # The same place in another CRS of the canvas.
    value = found.susceptibility
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    explainer._found = None
    place = canvas.mapSettings().layerToMapCoordinates(zones, middle(zones))
    explainer.click(place)
    wait(lambda: answered(explainer))
    assert explainer._found.susceptibility == pytest.approx(value)
    explainer._found = None
    explainer.click(QgsPointXY(0, 0))
    wait(lambda: answered(explainer))
    assert text(explainer) == "The place lies outside the map." and not explainer._marks


def test_the_slots_of_a_click_take_little_time_of_the_window(explainer, chain, project):
    """The core works elsewhere; measured as time of this thread, whatever else the computer does."""
    zones = add(project, chain["zones"], "zones")
    explainer.canvas.setDestinationCrs(zones.crs())
    explainer.click(middle(zones))
    wait(lambda: answered(explainer))
    found = explainer._found
    started = time.thread_time()
    explainer.click(middle(zones))
    asked = time.thread_time() - started
    explainer.show_answer(explainer._asked[0], found)
    assert asked < 0.1 and time.thread_time() - started < 0.2


def test_without_a_map_or_its_record_it_says_what_to_do(explainer, chain, project, tmp_path):
    explainer.start()
    assert "no susceptibility map in the project" in text(explainer)
    explainer.click(QgsPointXY(0, 0))
    assert "no susceptibility map in the project" in text(explainer)
    shutil.copyfile(chain["susceptibility"], tmp_path / "alone.tif")
    alone = add(project, tmp_path / "alone.tif")
    explainer.canvas.setDestinationCrs(alone.crs())
    explainer.click(middle(alone))
    wait(lambda: "Asking" not in text(explainer))
    assert "no run record alone.tif.run.json" in text(explainer)


def test_the_map_is_the_selected_one_else_the_topmost_that_covers_the_place(explainer, chain, project):
    first, second = add(project, chain["susceptibility"], "map"), add(project, chain["zones"], "zones")
    add(project, chain["stack"], "stack")
    explainer.canvas.setDestinationCrs(first.crs())
    explainer.canvas.setLayers([second, first])
    assert explainer.map_at(middle(first)) is second
    explainer.iface.activeLayer = lambda: first
    assert explainer.map_at(middle(first)) is first and explainer.map_at(None) is first
    explainer.iface.activeLayer = lambda: project.mapLayersByName("stack")[0]
    assert explainer.map_at(middle(first)) is second


def test_of_questions_that_come_meanwhile_only_the_last_is_answered(qgis_app, monkeypatch):
    asked, seen = [], []

    class Slow:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            asked.append("closed")

        def call(self, job, path, x, y, zones, progress):
            asked.append((path, x))
            time.sleep(0.2)
            if x == 3:
                raise InputMissing("a < b")
            return x

    monkeypatch.setattr(place_answers, "Core", Slow)
    answers = PlaceAnswers()
    answers.answered.connect(lambda question, found: seen.append(found))
    answers.failed.connect(lambda question, why: seen.append(why))
    answers.ask(Question("a.tif", 1.0, 1.0))
    wait(lambda: asked)
    for x in (2.0, 4.0, 3.0):
        answers.ask(Question("a.tif", x, 1.0))
    wait(lambda: len(seen) == 2)
    assert seen == [1.0, "a &lt; b"] and asked == [("a.tif", 1.0), ("a.tif", 3.0)]
    answers.close()
    wait(lambda: asked[-1] == "closed")
    answers.ask(Question("b.tif", 5.0, 1.0))
    wait(lambda: seen[-1] == 5.0)
    answers.close()
    wait(lambda: asked.count("closed") == 2)


def test_missing_libraries_are_named_with_a_link(qgis_app, monkeypatch):
    choice = SimpleNamespace(missing_packages=("torch",))
    monkeypatch.setattr(place_answers, "choose_runtime", lambda needs: choice)
    answers, seen = PlaceAnswers(), []
    answers.failed.connect(lambda question, why: seen.append(why))
    answers.ask(Question("a.tif"))
    wait(lambda: seen)
    assert 'href="scarp:install"' in seen[0] and "torch" in seen[0]
    answers.close()


def explained(**more) -> CellExplanation:
    factors = [
        FactorAtCell(f"f{number}", f"Factor <{number}>", "m", 10.0 * number, "", 0.5, number == 1, 1.0 - number, 0.1)
        for number in range(20)
    ]
    likeness = {"dissimilarity": 0.6, "threshold": 0.5, "bound": 0.4, "training_cells": 12.0, "expected_auc": math.nan}
    near = [TrainingNeighbour(0, 0, 1234.0, 47.0, 0.25)]
    values = {"susceptibility": 0.42, "rank": 0.9, "low": 0.1, "high": 0.8, "coverage": 0.9, "difference": -0.5}
    found = CellExplanation("found", "m.tif", 0, 0, **values, factors=factors, likeness=likeness, nearest=near)
    return dataclasses.replace(found, percentiles_of="training", notes=["<b>gone"], **more)


def test_texts_of_files_are_escaped_and_numbers_are_short():
    html = explanation_html(explained(zone="<i>high"), dark=False)
    assert "Factor &lt;1&gt;" in html and "&lt;i&gt;high" in html and "&lt;b&gt;gone" in html and "<i>" not in html
    assert "90 % interval 0.10 to 0.80" in html and "outside the area of applicability" in html
    assert "1.2 km NE (dissimilarity 0.25)" in html and ALL_FACTORS in html and "Factor &lt;15&gt;" not in html
    every = explanation_html(explained(), dark=True, every_factor=True)
    assert "Factor &lt;15&gt;" in every and ALL_FACTORS not in every and "No zones of this map" in every
    assert [number(one) for one in (0.0, -0.1234, 12345.6, 1e-5, math.nan)] == ["0", "−0.123", "12,346", "1.0e−05", "–"]
    assert [distance(one) for one in (12.3, 1500, 250_000)] == ["12 m", "1.5 km", "250 km"]
    assert [direction(one) for one in (0, 359, 90, 225, math.nan)] == ["N", "N", "E", "SW", ""]
    share = explanation_html(explained(is_share=True), dark=False)
    assert "42 %" in share and "share of landslide cells" in share


def test_the_link_shows_all_factors(explainer):
    explainer._found = explained()
    explainer._follow(QUrl(ALL_FACTORS))
    assert "Factor <19>" in text(explainer)


def test_a_stack_is_shown_by_slope_with_its_name_and_unit(chain):
    bands = read_bands(str(chain["stack"]))
    assert [band.band for band in bands] == list(range(1, len(bands) + 1))
    shown = shown_band(bands)
    assert (shown.name, shown.text) == ("slope", "Slope gradient (degrees)")
    lithology = next(band for band in bands if band.name == "lithology")
    assert lithology.kind == "categorical" and lithology.classes
    assert shown_band([lithology]) is lithology
    assert read_bands(str(chain["susceptibility"])) == [] == read_bands("nowhere.tif")


@pytest.fixture(params=[gdal.UseExceptions, gdal.DontUseExceptions], ids=["exceptions", "none"])
def gdal_mode(request):
    """GDAL's exceptions are one switch for all plugins of a QGIS, and newer versions turn it on."""
    before = gdal.GetUseExceptions()
    request.param()
    yield
    (gdal.UseExceptions if before else gdal.DontUseExceptions)()


def test_what_is_no_raster_has_no_bands_whether_gdal_raises_or_not(gdal_mode, chain, tmp_path):
    whole, cut = chain["stack"].read_bytes(), tmp_path / "cut.tif"
    cut.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tif").write_text("no raster")
    for path in map(str, (tmp_path / "none.tif", tmp_path / "text.tif")):
        assert open_quietly(path) is open_quietly(path, VECTOR) is None
        assert read_bands(path) == sampled_values(path, 1) == []
    stack = str(chain["stack"])
    assert sampled_values(stack, 99) == [] != sampled_values(stack, 1)
    assert isinstance(sampled_values(str(cut), 1), list)


def test_every_factor_gets_a_layer_in_its_colours(project, chain, explainer):
    stack = add(project, chain["stack"], "stack")
    add(project, chain["zones"], "zones")
    task = factor_layers.show_factors_of_selection(explainer.iface)
    wait(lambda: project.layerTreeRoot().findGroup("Factors, stack") is not None)
    assert task is not None
    root = project.layerTreeRoot()
    group = root.findGroup("Factors, stack")
    assert root.children()[0] == group
    bands = read_bands(str(chain["stack"]))
    nodes = group.findLayers()
    assert [node.name() for node in nodes] == [band.text for band in bands]
    assert [node.itemVisibilityChecked() for node in nodes] == [True] + [False] * (len(bands) - 1)
    for node, band in zip(nodes, bands):
        renderer = node.layer().renderer()
        if band.kind == "categorical":
            assert isinstance(renderer, QgsPalettedRasterRenderer) and renderer.band() == band.band
            labels = [one.label for one in renderer.classes()]
            assert labels == [label for _, label in sorted(band.classes.items())]
        else:
            assert isinstance(renderer, QgsSingleBandPseudoColorRenderer) and renderer.band() == band.band
            assert renderer.classificationMin() < renderer.classificationMax()
            legend = renderer.shader().rasterShaderFunction().legendSettings()
            assert legend.maximumLabel().endswith(band.unit)
    # They do not get into the way of dialogs, and a second call replaces them.
    layers = [describe_layer(layer) for layer in project.mapLayers().values()]
    assert guess_layer("STACK", layers) == stack.id()
    first = {node.layerId() for node in nodes}
    factor_layers.show_factors_of_selection(explainer.iface)
    wait(lambda: root.findGroup("Factors, stack") and not first & set(root.findGroup("Factors, stack").findLayerIds()))
    assert sum(bool(layer.customProperty(DERIVED)) for layer in project.mapLayers().values()) == len(bands)


def test_without_a_stack_it_says_what_to_select(project, chain, explainer, tmp_path):
    assert factor_layers.show_factors_of_selection(explainer.iface) is None
    map_layer = add(project, chain["susceptibility"], "map")
    explainer.iface.activeLayer = lambda: map_layer
    assert factor_layers.show_factors_of_selection(explainer.iface) is None
    assert "Select a factor stack" in explainer.iface.said[0] and "is no factor stack" in explainer.iface.said[1]
    assert factor_layers.show_factors(project, str(tmp_path / "gone.tif"), "x", explainer.iface.said.append) is None
    assert "does not exist" in explainer.iface.said[2]


def test_bands_of_a_foreign_file_are_read_with_care(project, tmp_path):
    import numpy as np
    import rasterio

    from scarp.model.stack import StackFactor

    values = np.stack([np.full((20, 30), 5.0), np.arange(600).reshape(20, 30) % 3, np.full((20, 30), np.nan)])
    factors = [
        StackFactor("even", "continuous"),
        StackFactor("ground", "categorical"),
        StackFactor("gap", "continuous"),
    ]
    path = write_stack(tmp_path / "s.tif", values.astype("float32"), factors, utm_grid(20, 30))
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(2, classes="no table")
    layer = plain_layer(str(path), "s")
    before = sorted(tmp_path.iterdir())
    bands = [complete(str(path), band) for band in read_bands(path)]
    assert sorted(tmp_path.iterdir()) == before, "nothing is written beside a file of the user"
    assert bands[0].ends == (5, 5) and bands[2].ends == (0, 1)
    assert bands[1].classes == {0: "0", 1: "1", 2: "2"}
    for band in bands:
        style_band(layer, band)
        assert layer.renderer().usesBands() == [band.band]
    curvature = StackBand(1, "curvature", "Curvature", "1/m", "continuous", ends=(-2.0, 4.0))
    style_band(layer, curvature)
    assert (layer.renderer().classificationMin(), layer.renderer().classificationMax()) == (-4, 4)
    write_raster(tmp_path / "plain.tif", values[0].astype("float32"), utm_grid(20, 30))
    assert read_bands(str(tmp_path / "plain.tif")) == []
    assert Path(path).is_file()
