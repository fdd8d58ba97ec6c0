"""The three ways to start: the message, the demo project and the manual without the Internet."""

from __future__ import annotations

import gc
import re
import time

import pytest
from qgis.core import QgsApplication, QgsProject, QgsSettings
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtCore import QStandardPaths, QUrl
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QPushButton

from scarp.gui import manual, start
from scarp.gui.demo_project import DemoProject, fill
from scarp.gui.steps.chain import INPUTS
from scarp.gui.steps.regions import Regions
from scarp.tests.qgis.child import ROOT


class Interface:
    """The part of QGIS's interface that the message and the demo need."""

    def __init__(self) -> None:
        self.bar, self.opened, self.saves = QgsMessageBar(), [], True

    def messageBar(self):
        return self.bar

    def newProject(self, ask):
        self.opened.append("new")
        return self.saves

    def addProject(self, path):
        self.opened.append(path)

    def mapCanvas(self):
        return self

    def setExtent(self, extent):
        self.extent = extent


def test_the_message_has_three_doors_and_comes_once(qgis_app):
    QgsSettings().remove(start.OFFERED)
    interface, went = Interface(), []
    doors = {name: lambda name=name: went.append(name) for name in ("demo", "tutorial", "data")}
    try:
        message = start.offer(interface, doors)
        # What nothing keeps goes here, though its buttons stay.
        gc.collect()
        buttons = interface.bar.findChildren(QPushButton)
        assert [one.text() for one in buttons if one.text() in doors] == list(doors)
        next(one for one in buttons if one.text() == "tutorial").click()
        assert not went, "the message goes with its buttons, so it stays until they are done"
        for _ in range(5):
            QgsApplication.processEvents()
        assert went == ["tutorial"] and interface.bar.currentItem() is None
        message.close()  # a second time, as by the menu
        assert start.offer(interface, doors) is None, "this profile has seen it"
    finally:
        QgsSettings().remove(start.OFFERED)


@pytest.fixture
def demo(run, tmp_path):
    """A folder of demo data of the smallest size."""
    run("createdemodata", SIZE=64, OUTPUT=tmp_path / "data")
    return tmp_path / "data"


def test_the_demo_project_fills_in_all_inputs_of_the_dock(demo):
    project = QgsProject()
    assert "Landslides" in list(fill(project, demo))
    layers = Regions(project).layers(Regions(project).current)
    assert {name for name, layer in layers.items() if layer is not None} == set(INPUTS) - {
        "SAFETY_FACTOR",
        "STABLE",
        "BUILDINGS",
    }
    tree = project.layerTreeRoot().findLayers()
    assert [node.name() for node in tree if node.isVisible()] == [
        "Landslides",
        "Rivers",
        "Faults",
        "Lithology",
        "Elevation",
    ]
    lithology = next(node.layer() for node in tree if node.name() == "Lithology")
    assert len(lithology.renderer().categories()) > 1 and project.crs().isValid()
    assert tree[-1].layer().renderer().type() == "hillshade"


def test_the_demo_project_is_made_once_and_opened_again(demo, monkeypatch, tmp_path):
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda *_: str(tmp_path / "documents"))
    interface, shown = Interface(), []
    loader = DemoProject(interface)
    loader.opened.connect(lambda: shown.append(True))
    loader.folder.mkdir(parents=True)
    demo.rename(loader.folder / "data")
    project = QgsProject.instance()
    try:
        interface.saves = False
        loader._open()
        assert not shown and not loader.file.exists(), "the user keeps the project that is open"
        interface.saves = True
        loader._open()
        loader.load()  # a second click while the layers are added
        for _ in range(40):
            QgsApplication.processEvents()
        assert len(shown) == 1 and loader.file.is_file() and interface.extent.width() > 0
        assert loader.folder == tmp_path / "documents" / "Scarp" / "demo"
        loader.load()
        QgsApplication.processEvents()
        assert interface.opened[-1] == str(loader.file) and len(shown) == 2
    finally:
        project.clear()


def test_the_first_time_the_demo_is_made_in_the_background(plugin, monkeypatch, tmp_path):
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda *_: str(tmp_path / "documents"))
    monkeypatch.setattr("scarp.gui.demo_project.SIZE", 64)
    interface, shown = Interface(), []
    loader = DemoProject(interface)
    loader.opened.connect(lambda: shown.append(True))
    try:
        loader.load()
        assert "is being made" in interface.bar.currentItem().text() and not shown
        deadline = time.monotonic() + 120
        while not shown and time.monotonic() < deadline:
            QgsApplication.processEvents()
        assert [item.text() for item in interface.bar.items()] == [interface.bar.currentItem().text()]
        assert shown and loader.file.is_file() and QgsProject.instance().mapLayersByName("Landslides")
    finally:
        QgsProject.instance().clear()


def test_where_the_demo_cannot_be_made_the_reason_is_said(plugin, monkeypatch, tmp_path):
    (tmp_path / "Scarp").write_text("a file, no folder")
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda *_: str(tmp_path))
    interface = Interface()
    loader = DemoProject(interface)
    loader.load()
    said = interface.bar.currentItem().text()
    assert "could not be made" in said and str(loader.folder) in said and not interface.opened


def test_the_manual_shows_pages_and_headings(qgis_app, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    window = manual.Manual()
    pages = window.browser
    pages.show_page("tutorial.md")
    assert "fifteen minutes" in pages.toPlainText() and not window.back.isEnabled()
    pages.anchorClicked.emit(QUrl("dock.md#states"))
    assert "six\nsteps" in pages.toPlainText().replace(" steps", "\nsteps") and window.back.isEnabled()
    pages.show_page("method.md", "choosing-the-kind-of-model")
    assert pages.textCursor().block().text() == "Choosing the kind of model"
    pages.anchorClicked.emit(QUrl("https://example.org/x"))
    pages.anchorClicked.emit(QUrl("validation-that-is-not-there.md"))
    assert opened[0] == "https://example.org/x" and opened[1].endswith("/docs/validation-that-is-not-there.md")
    window.deleteLater()


def test_every_page_that_ships_is_there_and_links_to_headings_that_are(qgis_app):
    from scarp.gui.manual import _anchor

    tool = (ROOT / "tools" / "package.py").read_text(encoding="utf-8")
    names = re.findall(r'"([a-z-]+)"', re.search(r"PAGES = \((.+?)\)", tool)[1])
    for name in names:
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for page, heading in re.findall(r"\]\(([a-z-]+)\.md#([a-z0-9-]+)\)", text):
            other = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
            assert heading in {_anchor(line) for line in re.findall(r"^#+ (.+)$", other, flags=re.M)}, (name, heading)
