"""The details of an office: the dialog, where they are kept, and that documents have them."""

from __future__ import annotations

import json

import pytest
from qgis.core import QgsProcessingException, QgsProject, QgsSettings
from qgis.PyQt.QtWidgets import QMessageBox

from scarp.algorithms.base.details import OF_PROFILE, SETTINGS, store_details, stored_details
from scarp.gui.details_dialog import DetailsDialog
from scarp.model.report.settings import NAMES, DocumentDetails

TEXTS = DocumentDetails("Slopes of Röst", "N. N.", "Office", "", "To plan.\nFirst.", "DEM 2014", "No survey.")


@pytest.fixture
def clean(plugin):
    """No details before and after a test."""
    store_details(DocumentDetails(), QgsProject.instance())
    yield
    store_details(DocumentDetails(), QgsProject.instance())


@pytest.fixture
def dialog(clean):
    shown = DetailsDialog.open_for(None)
    yield shown
    DetailsDialog.forget()


def test_what_is_filled_in_is_stored_and_shown_again(dialog):
    dialog.fill(TEXTS)
    assert stored_details(QgsProject.instance()) == DocumentDetails(), "not before OK"
    dialog.accept()
    assert stored_details(QgsProject.instance()) == TEXTS
    assert DetailsDialog.open_for(None).details() == TEXTS


def test_a_project_keeps_its_own_and_the_profile_the_rest(clean, tmp_path):
    store_details(TEXTS, QgsProject.instance())
    project = QgsProject()
    assert stored_details(project) == DocumentDetails(author="N. N.", organisation="Office")
    QgsProject.instance().write(str(tmp_path / "p.qgz"))
    project.read(str(tmp_path / "p.qgz"))
    assert stored_details(project) == TEXTS
    assert {name: QgsSettings().value(SETTINGS + name) for name in OF_PROFILE}["author"] == "N. N."
    assert stored_details(None) == DocumentDetails(author="N. N.", organisation="Office")


def test_a_file_takes_them_to_a_batch(dialog, tmp_path, monkeypatch):
    dialog.fill(TEXTS)
    dialog.save(tmp_path / "d.json")
    dialog.fill(DocumentDetails())
    dialog.read(tmp_path / "d.json")
    assert dialog.details() == TEXTS
    warned = []
    monkeypatch.setattr(QMessageBox, "warning", lambda *args: warned.append(args[-1]))
    dialog.read(tmp_path / "none.json")
    dialog.save(tmp_path / "no folder" / "d.json")
    assert "does not exist" in warned[0] and "cannot be written" in warned[1]


def test_a_file_that_is_no_picture_is_told(dialog, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    dialog.logo.setFilePath(str(tmp_path / "a.png"))
    assert "no picture" in dialog.preview.text()


def test_reports_have_the_details_of_project_and_file(step, clean, tmp_path):
    store_details(TEXTS, QgsProject.instance())
    (tmp_path / "d.json").write_text(json.dumps({"author": "Somebody else"}), encoding="utf-8")
    more = {"DETAILS": tmp_path / "d.json", "OUTPUT_DOCUMENT": tmp_path / "r.docx"}
    result = step("checkfactors", **more)
    html = (tmp_path / "output_html.html").read_text(encoding="utf-8")
    for name in NAMES:
        first = getattr(TEXTS, name).split("\n")[0]
        assert (first in html) == (name != "author")
    assert "Somebody else" in html
    assert result["OUTPUT_DOCUMENT"] == str(tmp_path / "r.docx") and (tmp_path / "r.docx").is_file()
    record = json.loads((tmp_path / "r.docx.run.json").read_text(encoding="utf-8"))
    assert record["call"]["parameters"]["DETAILS"] == str(tmp_path / "d.json")


def test_a_broken_file_of_details_stops_the_run(step, tmp_path):
    (tmp_path / "d.json").write_text('{"titel": "a"}', encoding="utf-8")
    with pytest.raises(QgsProcessingException, match="titel"):
        step("checkfactors", DETAILS=tmp_path / "d.json")
