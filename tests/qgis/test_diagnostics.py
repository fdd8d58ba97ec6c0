"""The report on versions and paths, in its dialog."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from qgis.core import Qgis, QgsApplication
from qgis.PyQt.QtGui import QGuiApplication
from qgis.PyQt.QtWidgets import QMessageBox


@pytest.fixture
def dialog(plugin):
    """The dialog with its report."""
    from scarp.gui.diagnostics_dialog import DiagnosticsDialog

    shown = DiagnosticsDialog.open_for(None)
    wait(shown)
    yield shown
    DiagnosticsDialog.forget()


def wait(dialog) -> None:
    deadline = time.monotonic() + 240
    while dialog.task is not None:
        assert time.monotonic() < deadline
        QgsApplication.processEvents()
        time.sleep(0.02)


def test_the_report_names_versions_and_no_home(dialog):
    text = dialog.text.toPlainText()
    words = "Qt|PyQt|GDAL|numpy|torch|graphics cards|Private environment|computes in|sys.executable"
    for word in (Qgis.version(), *words.split("|")):
        assert word in text
    assert str(Path.home()) + os.sep not in text
    assert "not known" not in text, "an item could not be queried"


def test_it_is_copied_and_saved(dialog, tmp_path, monkeypatch):
    dialog.copy()
    assert QGuiApplication.clipboard().text() == dialog.text.toPlainText()
    dialog.save(tmp_path / "report.txt")
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == dialog.text.toPlainText()
    warned = []
    monkeypatch.setattr(QMessageBox, "warning", lambda *args: warned.append(args[-1]))
    dialog.save(tmp_path / "no folder" / "report.txt")
    assert "cannot be written" in warned[0]


def test_it_works_when_scarp_does_not(dialog, monkeypatch):
    from scarp.environment import diagnostics
    from scarp.running import core

    def broken(*args, **named):
        raise RuntimeError("broken")

    monkeypatch.setattr(core, "choose_runtime", broken)
    monkeypatch.setattr(diagnostics.builds, "cards", broken)
    monkeypatch.setattr(diagnostics, "_scarp_version", broken)
    dialog.refresh()
    wait(dialog)
    text = dialog.text.toPlainText()
    assert text.count("RuntimeError: broken") >= 3
    assert Qgis.version() in text
