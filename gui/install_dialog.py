"""The dialog *Install what Scarp needs…*: makes, mends and removes the private environment, with live output."""

from __future__ import annotations

from html import escape
from typing import Any

from qgis.core import QgsSettings
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtCore import Qt, QUrl
from qgis.PyQt.QtGui import QDesktopServices, QFontDatabase, QIcon
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..environment import builds
from ..environment.failures import InstallCancelled, InstallFailed
from ..environment.inspection import InterpreterStartError, probe
from ..environment.install import Installer
from ..environment.interpreter import Interpreter, other_interpreters, qgis_interpreter
from ..environment.plan import Request
from ..environment.private import PrivateEnvironment, State, default_folder
from ..processing_provider.dependencies import installing
from ..processing_provider.provider import ICON
from ..translation import tr
from .function_task import FunctionTask
from .install_form import InstallForm
from .network import proxy_of_qgis

FOLDER = "scarp/environment/folder"


class InstallDialog(QDialog):
    """Stays open beside QGIS; closing it does not stop an installation, and opening it again shows it."""

    _open: InstallDialog | None = None

    @classmethod
    def open_for(cls, parent: QWidget | None) -> InstallDialog:
        """Show the dialog, the one that is there when there is one."""
        if cls._open is None:
            cls._open = cls(parent)
        dialog = cls._open
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        if dialog.work is None:
            dialog.look()
        return dialog

    @classmethod
    def forget(cls) -> None:
        """Stop what is going on and take the dialog away; for when the plugin is unloaded."""
        if cls._open is not None:
            cls._open.cancel()
            cls._open.deleteLater()
            cls._open = None

    def __init__(self, parent: QWidget | None = None) -> None:
        """Build the widgets; nothing is started before :meth:`look`."""
        super().__init__(parent)
        self.setWindowTitle(tr("Install what Scarp needs"))
        self.setWindowIcon(QIcon(str(ICON)))
        self.resize(720, 640)
        self.work: FunctionTask | None = None
        self._cards: list[builds.Card] = []
        self._stopping = False
        folder = default_folder()
        self.bar = QgsMessageBar()
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setTextFormat(Qt.TextFormat.RichText)
        self.form = InstallForm(folder, proxy_of_qgis(), self)
        self.form.python_chosen.connect(self.look_at)
        self.form.folder.fileChanged.connect(self._show_state)
        self.step = QLabel()
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.output = QPlainTextEdit()
        self.output.setReadOnly(True)
        self.output.setMaximumBlockCount(5000)
        self.output.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.output.setPlaceholderText(tr("What pip says appears here."))
        self._lay_out()
        self._show_state()
        self._update_buttons(None)

    def look(self) -> None:
        """Ask QGIS's Python and the graphics cards what they are, in the background."""
        own = qgis_interpreter()
        found = ([own] if own else []) + other_interpreters()
        self.form.show_interpreters(found)
        self._show_state()
        if found:
            self.look_at(found[0])
        else:
            self.form.show_facts(
                None, [], tr("No Python was found. Install one from python.org and choose it with Other…")
            )

    def look_at(self, interpreter: Interpreter) -> None:
        """Ask a Python what it is, in the background."""

        def ask(work: FunctionTask) -> Any:
            cards = builds.cards()
            try:
                return probe(interpreter), cards, ""
            except InterpreterStartError as error:
                return None, cards, str(error)

        self._start(FunctionTask(tr("Scarp: look at Python"), ask), self._interpreter_probed)

    def install(self) -> None:
        """Install, or go on with an installation that stopped."""
        request = self.form.request()
        if request is None or self.work is not None:
            return
        self.bar.clearWidgets()
        self.output.clear()

        def work_on(work: FunctionTask) -> Any:
            return Installer(request, work.line.emit, work.progressed.emit, work.isCanceled).run()

        self.state.setText(tr("<b>Installing.</b> You can go on working in QGIS, and close this window."))
        work = FunctionTask(installing(), work_on)
        work.line.connect(self._show_line)
        work.progressed.connect(self._show_progress)
        self._remember_folder(request)
        self._start(work, self._installed)

    def cancel(self) -> None:
        """Stop what is going on."""
        if self.work is not None:
            self._stopping = True
            self.step.setText(tr("Stopping…"))
            self.work.cancel()

    def remove(self) -> None:
        """Delete the environment, after asking."""
        environment = PrivateEnvironment(self.form.environment_folder())
        answer = QMessageBox.question(
            self,
            self.windowTitle(),
            tr(
                "Delete Scarp's environment in {folder}? Scarp cannot compute in it afterwards. Nothing else is deleted."
            ).format(folder=environment.folder),
        )
        if answer == QMessageBox.StandardButton.Yes:
            self._start(FunctionTask(tr("Scarp: remove libraries"), lambda work: environment.remove()), self._removed)

    def _start(self, work: FunctionTask, ended: Any) -> None:
        self.work = work
        self._stopping = False
        work.ended.connect(ended)
        self._update_buttons(work)
        work.start()

    def _interpreter_probed(self, found: Any, error: Exception | None) -> None:
        self._update_buttons(None)
        facts, cards, problem = found or (None, [], str(error or tr("Cancelled.")))
        self.form.show_facts(facts, cards, problem)
        self.install_button.setEnabled(facts is not None)
        self.install_button.setFocus()

    def _installed(self, record: Any, error: Exception | None) -> None:
        self._update_buttons(None)
        self._show_state()
        if error is None and record is not None:
            self.progress.setValue(1000)
            self.step.setText(tr("Done"))
            self.bar.pushSuccess("", tr("Scarp is ready. Its algorithms work at once; QGIS need not be started again."))
        elif isinstance(error, InstallCancelled) or error is None:
            self.step.setText(tr("Cancelled"))
            self.bar.pushInfo("", tr("Cancelled. Try again goes on from there; Remove deletes what is there."))
        else:
            self.step.setText(tr("Failed"))
            text = str(error) if isinstance(error, InstallFailed) else f"{type(error).__name__}: {error}"
            self.bar.pushCritical("", text)
            self.output.appendPlainText("\n" + text)

    def _removed(self, result: Any, error: Exception | None) -> None:
        self._update_buttons(None)
        self._show_state()
        if error is None:
            self.step.setText(tr("Removed"))
            self.output.clear()
        else:
            self.bar.pushCritical(
                "",
                tr("Not everything could be deleted: {reason}. Close other QGIS windows and try again.").format(
                    reason=error
                ),
            )

    def _show_line(self, text: str) -> None:
        # The last line of the proof is for programs.
        if not text.startswith("{"):
            self.output.appendPlainText(text)

    def _show_progress(self, share: float, text: str) -> None:
        if self.work is not None:
            self.progress.setValue(round(1000 * share))
            self.work.setProgress(100 * share)
            if not self._stopping:
                self.step.setText(text)

    def _show_state(self, *_: Any) -> None:
        """Say what there is in the chosen folder."""
        environment = PrivateEnvironment(self.form.environment_folder())
        status, mark = environment.status(), environment.mark()
        if status.state is State.READY:
            versions = mark.get("proof", {}).get("versions", {})
            text = tr("<b>Installed.</b> torch {torch} on Python {python}, {size} GB, made {made}.").format(
                torch=escape(str(versions.get("torch", "?"))),
                python=escape(str(mark.get("python"))),
                size=mark.get("gigabytes"),
                made=escape(str(mark.get("made"))),
            )
        elif status.state is State.OUTDATED:
            text = tr("<b>Must be installed again.</b> {reason} What is still right is kept.").format(
                reason=escape(status.reason)
            )
        elif status.state is State.INCOMPLETE:
            text = tr("<b>Not complete.</b> An installation stopped here; Try again goes on with it.")
        else:
            text = tr("<b>Not installed yet.</b>")
        about = tr(
            "Scarp computes with torch, rasterio, scikit-learn and others. They go into a folder of their own; "
            "the Python packages of QGIS are not changed."
        )
        self.state.setText(f"{text} {about}")
        names = {State.READY: tr("Install again"), State.OUTDATED: tr("Install"), State.INCOMPLETE: tr("Try again")}
        self.install_button.setText(names.get(status.state, tr("Install")))
        self.remove_button.setVisible(environment.is_scarp_environment())
        self.log_button.setVisible(environment.log.is_file())

    def _update_buttons(self, work: FunctionTask | None) -> None:
        """Let the buttons follow whether something is going on."""
        busy = work is not None
        self.work = work
        self.form.setEnabled(not busy)
        self.install_button.setEnabled(not busy and self.form.facts is not None)
        self.remove_button.setEnabled(not busy)
        self.cancel_button.setEnabled(busy)
        if busy:
            self.progress.setValue(0)
            self.step.setText(work.description().partition(": ")[2].capitalize() + "…")
        else:
            self.step.setText("")
            self.progress.setValue(0)

    def _remember_folder(self, request: Request) -> None:
        """Keep a folder that is not the usual one, so that the algorithms find it."""
        settings = QgsSettings()
        settings.remove(FOLDER)
        if request.environment.folder != default_folder():
            settings.setValue(FOLDER, str(request.environment.folder))

    def _open_log(self) -> None:
        log = PrivateEnvironment(self.form.environment_folder()).log
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log)))

    def _lay_out(self) -> None:
        self.install_button, self.cancel_button = QPushButton(tr("Install")), QPushButton(tr("Cancel"))
        self.remove_button, self.log_button = QPushButton(tr("Remove…")), QPushButton(tr("Open log"))
        self.install_button.setDefault(True)
        for button, slot in (
            (self.install_button, self.install),
            (self.cancel_button, self.cancel),
            (self.remove_button, self.remove),
            (self.log_button, self._open_log),
        ):
            button.clicked.connect(slot)
            button.setAutoDefault(button is self.install_button)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        for button in (self.install_button, self.cancel_button):
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        for button in (self.remove_button, self.log_button):
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ResetRole)
        running = QHBoxLayout()
        running.addWidget(self.progress, 2)
        running.addWidget(self.step, 3)
        layout = QVBoxLayout(self)
        layout.addWidget(self.bar)
        layout.addWidget(self.state)
        layout.addWidget(self.form)
        layout.addLayout(running)
        layout.addWidget(self.output, 1)
        layout.addWidget(buttons)
