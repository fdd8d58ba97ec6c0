"""The dialogs of the menu: installation, with tiny wheels in place of the libraries, and the report on versions."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from pathlib import Path

import pytest
from qgis.core import Qgis, QgsApplication, QgsNetworkAccessManager, QgsSettings
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtGui import QDesktopServices, QGuiApplication
from qgis.PyQt.QtNetwork import QNetworkProxy
from qgis.PyQt.QtWidgets import QMessageBox

from scarp.environment import builds, diagnostics
from scarp.environment.builds import BUILD_OF_SOURCE, Target
from scarp.environment.interpreter import qgis_interpreter
from scarp.environment.private import EnvironmentState, PrivateEnvironment, default_folder
from scarp.environment.sources import Proxy, SourceKind
from scarp.gui import install_dialog
from scarp.gui.diagnostics_dialog import DiagnosticsDialog
from scarp.gui.install_dialog import InstallForm, proxy_of_qgis
from scarp.gui.menu import LinkHandler
from scarp.running import core
from scarp.tests.core import fake_installation as fake


@pytest.fixture
def wheels(tmp_path, monkeypatch) -> Path:
    """A folder of fake wheels, and lists that ask for them."""
    fake.use_fakes(tmp_path, monkeypatch)
    target = Target(sys.version_info[:2], sys.platform, platform.machine())
    yield fake.write_all(tmp_path / "wheels", builds.torch_version(target))
    fake.forget_hashes()


@pytest.fixture
def dialog(plugin, tmp_path, monkeypatch):
    """The dialog with an inspected Python and a folder of the test."""
    settings = QgsSettings()
    settings.remove(install_dialog.FOLDER)
    monkeypatch.setattr(install_dialog, "all_interpreters", lambda: [qgis_interpreter()])
    shown = install_dialog.InstallDialog()
    shown.refresh()
    wait(shown)
    shown.form.folder.setFilePath(str(tmp_path / "py"))
    yield shown
    shown.cancel()
    wait(shown)
    settings.remove(install_dialog.FOLDER)
    shown.deleteLater()


def has_ended(dialog) -> bool:
    return dialog.task is None


def wait(dialog, done=has_ended) -> None:
    """Let the window work until something is done."""
    deadline = time.monotonic() + 240
    while not done(dialog):
        assert time.monotonic() < deadline, (dialog.output if hasattr(dialog, "output") else dialog.text).toPlainText()
        QgsApplication.processEvents()
        time.sleep(0.01)
    QgsApplication.processEvents()


def choose_wheels(dialog, wheels: Path) -> None:
    dialog.form.source.setCurrentIndex(dialog.form.source.findData(SourceKind.FOLDER))
    dialog.form.wheels.setFilePath(str(wheels))


def message(dialog) -> str:
    item = dialog.bar.currentItem()
    return item.text() if item is not None else ""


def test_it_shows_the_python_of_qgis_and_what_fits_this_computer(dialog):
    assert str(qgis_interpreter().executable) in dialog.form.python.currentText()
    kinds = [dialog.form.source.itemData(number) for number in range(dialog.form.source.count())]
    assert kinds[0] is SourceKind.INTERNET and kinds[-1] is SourceKind.FOLDER
    assert dialog.form.build.findData("cpu") >= 0
    assert "GB" in dialog.form.space_label.text()
    assert dialog.install_button.isEnabled() and not dialog.cancel_button.isEnabled()
    assert not dialog.remove_button.isVisibleTo(dialog)


def test_the_build_follows_the_source(dialog):
    form = dialog.form
    form.source.setCurrentIndex(form.source.findData(SourceKind.INTERNET))
    assert form.build.findData(BUILD_OF_SOURCE) < 0 and "recommended" in form.build.currentText()
    assert (form.proxy.isVisibleTo(form), form.wheels.isVisibleTo(form)) == (True, False)
    form.source.setCurrentIndex(form.source.findData(SourceKind.FOLDER))
    assert form.build.currentData() == BUILD_OF_SOURCE
    assert (form.proxy.isVisibleTo(form), form.wheels.isVisibleTo(form)) == (False, True)


def test_installing_keeps_the_window_free_and_algorithms_find_the_environment(dialog, wheels, tmp_path, monkeypatch):
    threads = set()
    original = install_dialog.Installer.run

    def run(installer):
        threads.add(threading.current_thread() is threading.main_thread())
        return original(installer)

    monkeypatch.setattr(install_dialog.Installer, "run", run)
    choose_wheels(dialog, wheels)
    dialog.install()
    assert dialog.task is not None and dialog.cancel_button.isEnabled() and not dialog.form.isEnabled()
    wait(dialog)
    assert threads == {False}, "pip ran in the thread of the window"
    assert "ready" in message(dialog) and "Installed" in dialog.state.text()
    assert "fakeraster" in dialog.output.toPlainText() and dialog.progress.value() == 1000
    environment = PrivateEnvironment(tmp_path / "py")
    assert environment.python
    assert default_folder() == environment.folder, "the algorithms do not find the folder that was chosen"


def test_cancel_then_continue_then_remove(dialog, wheels, tmp_path, monkeypatch):
    environment = PrivateEnvironment(tmp_path / "py")
    choose_wheels(dialog, wheels)
    dialog.install()
    wait(dialog, lambda dialog: "-m ensurepip" in dialog.output.toPlainText())
    dialog.cancel()
    wait(dialog)
    assert "Cancelled" in message(dialog) and dialog.install_button.text() == "Try again"
    assert environment.status().state is EnvironmentState.INCOMPLETE
    dialog.install()
    wait(dialog)
    assert environment.python, dialog.output.toPlainText()
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *args: answers.pop(0))
    dialog.remove()
    assert dialog.task is None and environment.python
    dialog.remove()
    wait(dialog)
    assert not environment.folder.exists() and "Not installed" in dialog.state.text()


def test_a_failure_is_shown_and_its_log_offered(dialog, wheels, tmp_path):
    next(wheels.glob("fakelearn-*")).unlink()
    choose_wheels(dialog, wheels)
    dialog.install()
    wait(dialog)
    assert "no fakelearn==2.0" in message(dialog)
    assert dialog.log_button.isVisibleTo(dialog)
    assert "fakelearn" in PrivateEnvironment(tmp_path / "py").log.read_text()
    assert dialog.install_button.text() == "Try again" and dialog.install_button.isEnabled()


@pytest.mark.parametrize("before", ("usual", "chosen"))
@pytest.mark.parametrize("fault", ("no wheels", "wheel missing", "broken wheel", "cancelled", "folder is a file"))
def test_a_failed_installation_leaves_the_environment_in_use(dialog, wheels, tmp_path, fault, before):
    if before == "chosen":
        QgsSettings().setValue(install_dialog.FOLDER, str(tmp_path / "in use"))
    in_use, others = default_folder(), tmp_path / "other"
    choose_wheels(dialog, wheels)
    dialog.form.folder.setFilePath(str(others))
    if fault == "no wheels":
        (tmp_path / "empty").mkdir()
        choose_wheels(dialog, tmp_path / "empty")
    elif fault == "wheel missing":
        next(wheels.glob("fakelearn-*")).unlink()
    elif fault == "broken wheel":
        next(wheels.glob("fakelearn-*")).write_bytes(b"PK, and then noise")
    elif fault == "folder is a file":
        others.write_text("a file")
    dialog.install()
    assert default_folder() == in_use, "it is not there yet"
    if fault == "cancelled":
        wait(dialog, lambda dialog: "-m ensurepip" in dialog.output.toPlainText())
        dialog.cancel()
    wait(dialog)
    assert message(dialog) and "ready" not in message(dialog)
    assert default_folder() == in_use


def test_after_removing_a_chosen_folder_the_usual_one_is_used(dialog, wheels, tmp_path, monkeypatch):
    usual = default_folder()
    choose_wheels(dialog, wheels)
    dialog.install()
    wait(dialog)
    assert default_folder() == tmp_path / "py"
    monkeypatch.setattr(QMessageBox, "question", lambda *args: QMessageBox.StandardButton.Yes)
    dialog.remove()
    wait(dialog)
    assert default_folder() == usual


def test_a_python_that_does_not_start_is_named(dialog):
    dialog.form.add_python(Path("/bin/false"))
    wait(dialog)
    assert "/bin/false" in dialog.form.card.text() and not dialog.install_button.isEnabled()


def test_the_proxy_of_qgis_is_used(plugin):
    manager = QgsNetworkAccessManager.instance()
    before = manager.fallbackProxy()
    kinds = QNetworkProxy.ProxyType
    try:
        manager.setFallbackProxyAndExcludes(QNetworkProxy(kinds.HttpProxy, "proxy.example", 3128, "me", "pw"), [], [])
        assert proxy_of_qgis() == Proxy("proxy.example", 3128, "me", "pw")
        form = InstallForm(Path("/nowhere"), proxy_of_qgis())
        assert form.typed_proxy() == proxy_of_qgis()
        form.host.setText("other.example")
        assert form.typed_proxy().host == "other.example"
        manager.setFallbackProxyAndExcludes(QNetworkProxy(kinds.Socks5Proxy, "socks.example", 1080), [], [])
        assert proxy_of_qgis().problem()
        manager.setFallbackProxyAndExcludes(QNetworkProxy(kinds.NoProxy), [], [])
        assert proxy_of_qgis() == Proxy()
    finally:
        manager.setFallbackProxyAndExcludes(before, [], [])


def test_a_link_in_a_message_opens_its_window(plugin):
    opened, pages = [], []
    links = LinkHandler({"install": lambda: opened.append(True)}, lambda *page: pages.append(page))
    try:
        assert QDesktopServices.openUrl(QUrl("scarp:docs/method.md#zones"))
        assert all(QDesktopServices.openUrl(QUrl(f"scarp:{name}")) for name in ("nothing", "install"))
        for _ in range(5):
            QgsApplication.processEvents()
        assert opened == [True] and pages == [("method.md", "zones")]
    finally:
        links.remove()


def test_the_folder_is_in_the_profile_unless_another_was_chosen(plugin, monkeypatch):
    settings = QgsSettings()
    settings.remove(install_dialog.FOLDER)
    assert str(default_folder()).startswith(QgsApplication.qgisSettingsDirPath().rstrip("/"))
    settings.setValue(install_dialog.FOLDER, "/srv/scarp")
    assert default_folder() == Path("/srv/scarp")
    settings.remove(install_dialog.FOLDER)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert default_folder() == Path("/local/scarp") / default_folder().name


@pytest.fixture
def report(plugin):
    """The dialog with the report on versions and paths."""
    shown = DiagnosticsDialog.open_for(None)
    wait(shown)
    yield shown
    DiagnosticsDialog.forget()


def test_the_report_names_versions_and_no_home(report):
    text = report.text.toPlainText()
    words = "Qt|PyQt|GDAL|numpy|torch|graphics cards|Private environment|computes in|sys.executable"
    assert not [word for word in (Qgis.version(), *words.split("|")) if word not in text]
    assert str(Path.home()) + os.sep not in text
    assert "not known" not in text, "an item could not be queried"


def test_the_report_is_copied_and_saved(report, tmp_path, monkeypatch):
    report.copy()
    report.save(tmp_path / "report.txt")
    copied, saved = QGuiApplication.clipboard().text(), (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert copied == saved == report.text.toPlainText()
    warned = []
    monkeypatch.setattr(QMessageBox, "warning", lambda *args: warned.append(args[-1]))
    report.save(tmp_path / "no folder" / "report.txt")
    assert "cannot be written" in warned[0]


def test_the_report_is_made_when_scarp_does_not_work(report, monkeypatch):
    def broken(*args, **named):
        raise RuntimeError("broken")

    monkeypatch.setattr(core, "choose_runtime", broken)
    monkeypatch.setattr(diagnostics.builds, "cards", broken)
    monkeypatch.setattr(diagnostics, "_scarp_version", broken)
    report.refresh()
    wait(report)
    text = report.text.toPlainText()
    assert text.count("RuntimeError: broken") >= 3 and Qgis.version() in text
