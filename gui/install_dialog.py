"""The dialog *Install what Scarp needs…*: installs, repairs and removes the private environment, with live output."""

from __future__ import annotations

from html import escape
from typing import Any, Callable

from qgis.core import QgsSettings
from qgis.gui import QgsMessageBar
from qgis.PyQt import QtWidgets
from qgis.PyQt.QtCore import Qt, QUrl
from qgis.PyQt.QtGui import QDesktopServices

from ..environment import builds
from ..environment.failures import InstallCancelled, InstallFailed
from ..environment.inspection import InterpreterStartError, probe
from ..environment.install import Installer
from ..environment.interpreter import Interpreter, other_interpreters, qgis_interpreter
from ..environment.private import EnvironmentState, PrivateEnvironment, default_folder
from ..processing_provider.dependencies import installation_title
from ..translation import tr
from .function_task import FunctionTask, TaskDialog, program_output, wrapped_label
from .install_form import InstallForm
from .network import proxy_of_qgis

FOLDER = "scarp/environment/folder"


class InstallDialog(TaskDialog):
    """Stays open beside QGIS; an installation continues when it is closed, and opening it again shows it."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Install what Scarp needs"))
        self.resize(720, 640)
        self._stopping = False
        self.bar, self.state = QgsMessageBar(), wrapped_label()
        self.state.setTextFormat(Qt.TextFormat.RichText)
        self.form = InstallForm(default_folder(), proxy_of_qgis(), self)
        self.form.python_chosen.connect(self.probe_python)
        self.form.folder.fileChanged.connect(self._show_state)
        self.step, self.progress, self.output = QtWidgets.QLabel(), QtWidgets.QProgressBar(), program_output()
        self.progress.setRange(0, 1000)
        self.output.setMaximumBlockCount(5000)
        self.output.setPlaceholderText(tr("The output of pip appears here."))
        roles = QtWidgets.QDialogButtonBox.ButtonRole
        self.buttons = QtWidgets.QDialogButtonBox(QtWidgets.QDialogButtonBox.StandardButton.Close)
        self.buttons.rejected.connect(self.reject)
        self.install_button = self._button(tr("Install"), roles.ActionRole, self.install)
        self.cancel_button = self._button(tr("Cancel"), roles.ActionRole, self.cancel)
        self.remove_button = self._button(tr("Remove…"), roles.ResetRole, self.remove)
        self.log_button = self._button(tr("Open log"), roles.ResetRole, self._open_log)
        self.install_button.setDefault(True)
        self.install_button.setAutoDefault(True)
        running = QtWidgets.QHBoxLayout()
        running.addWidget(self.progress, 2)
        running.addWidget(self.step, 3)
        layout = QtWidgets.QVBoxLayout(self)
        for widget in (self.bar, self.state, self.form):
            layout.addWidget(widget)
        layout.addLayout(running)
        layout.addWidget(self.output, 1)
        layout.addWidget(self.buttons)
        self._show_state()
        self._set_task(None)

    def refresh(self) -> None:
        """List the Pythons, and inspect QGIS's own and the graphics cards in the background."""
        own = qgis_interpreter()
        found = ([own] if own else []) + other_interpreters()
        self.form.show_interpreters(found)
        self._show_state()
        if found:
            self.probe_python(found[0])
        else:
            problem = tr("No Python was found. Install one from python.org and choose it with Other…")
            self.form.show_python(None, [], problem)

    def probe_python(self, interpreter: Interpreter) -> None:
        """Inspect a Python in the background."""

        def inspect(task: FunctionTask) -> Any:
            cards = builds.cards()
            try:
                return probe(interpreter), cards, ""
            except InterpreterStartError as error:
                return None, cards, str(error)

        self._start(FunctionTask(tr("Scarp: inspect Python"), inspect), self._interpreter_probed)

    def install(self) -> None:
        """Install, or continue an installation that stopped."""
        request = self.form.request()
        if request is None or self.task is not None:
            return
        self.bar.clearWidgets()
        self.output.clear()
        self.state.setText(tr("<b>Installing.</b> You can continue to work in QGIS, and close this window."))
        # A folder that is not the default one is kept, so that the algorithms find it.
        settings, folder = QgsSettings(), request.environment.folder
        settings.remove(FOLDER)
        if folder != default_folder():
            settings.setValue(FOLDER, str(folder))

        def run_installer(task: FunctionTask) -> Any:
            return Installer(request, task.line_received.emit, task.progressed.emit, task.isCanceled).run()

        task = FunctionTask(installation_title(), run_installer)
        task.line_received.connect(self._show_line)
        task.progressed.connect(self._show_progress)
        self._start(task, self._installed)

    def cancel(self) -> None:
        """Cancel the task."""
        if self.task is not None:
            self._stopping = True
            self.step.setText(tr("Stopping…"))
        super().cancel()

    def remove(self) -> None:
        """Delete the environment, after a question."""
        environment = PrivateEnvironment(self.form.environment_folder())
        text = tr("Delete Scarp's environment in {folder}? Scarp cannot use it afterwards. Nothing else is deleted.")
        answer = QtWidgets.QMessageBox.question(self, self.windowTitle(), text.format(folder=environment.folder))
        if answer == QtWidgets.QMessageBox.StandardButton.Yes:
            self._start(FunctionTask(tr("Scarp: remove libraries"), lambda task: environment.remove()), self._removed)

    def _start(self, task: FunctionTask, finished: Callable[[Any, Exception | None], None]) -> None:
        self._stopping = False
        task.finished_with.connect(finished)
        self._set_task(task)
        task.start()

    def _interpreter_probed(self, found: Any, error: Exception | None) -> None:
        self._set_task(None)
        python, cards, problem = found or (None, [], str(error or tr("Cancelled.")))
        self.form.show_python(python, cards, problem)
        self.install_button.setEnabled(python is not None)
        self.install_button.setFocus()

    def _installed(self, record: Any, error: Exception | None) -> None:
        self._set_task(None)
        self._show_state()
        if error is None and record is not None:
            self.progress.setValue(1000)
            self.step.setText(tr("Done"))
            self.bar.pushSuccess("", tr("Scarp is ready. Its algorithms work at once, without a restart of QGIS."))
        elif isinstance(error, InstallCancelled) or error is None:
            self.step.setText(tr("Cancelled"))
            self.bar.pushInfo("", tr("Cancelled. Try again continues from here; Remove deletes what is there."))
        else:
            self.step.setText(tr("Failed"))
            text = str(error) if isinstance(error, InstallFailed) else f"{type(error).__name__}: {error}"
            self.bar.pushCritical("", text)
            self.output.appendPlainText("\n" + text)

    def _removed(self, result: Any, error: Exception | None) -> None:
        self._set_task(None)
        self._show_state()
        if error is None:
            self.step.setText(tr("Removed"))
            self.output.clear()
        else:
            text = tr("Not everything could be deleted: {reason}. Close other QGIS windows and try again.")
            self.bar.pushCritical("", text.format(reason=error))

    def _show_line(self, text: str) -> None:
        # The last line of the self-test is for programs.
        if not text.startswith("{"):
            self.output.appendPlainText(text)

    def _show_progress(self, share: float, text: str) -> None:
        if self.task is not None:
            self.progress.setValue(round(1000 * share))
            self.task.setProgress(100 * share)
            if not self._stopping:
                self.step.setText(text)

    def _show_state(self, *_: Any) -> None:
        """Show the state of the chosen folder."""
        environment = PrivateEnvironment(self.form.environment_folder())
        status, record, button = environment.status(), environment.completion_record(), tr("Install")
        if status.state is EnvironmentState.READY:
            button = tr("Install again")
            torch = escape(str(record.get("proof", {}).get("versions", {}).get("torch", "?")))
            python, made = escape(str(record.get("python"))), escape(str(record.get("made")))
            text = tr("<b>Installed.</b> torch {torch} on Python {python}, {size} GB, made {made}.")
            text = text.format(torch=torch, python=python, size=record.get("gigabytes"), made=made)
        elif status.state is EnvironmentState.OUTDATED:
            text = tr("<b>Must be installed again.</b> {reason} Valid parts are kept.")
            text = text.format(reason=escape(status.reason))
        elif status.state is EnvironmentState.INCOMPLETE:
            button = tr("Try again")
            text = tr("<b>Not complete.</b> An installation stopped here; Try again continues it.")
        else:
            text = tr("<b>Not installed yet.</b>")
        about = tr(
            "Scarp computes with torch, rasterio, scikit-learn and others. They go into a folder of their own; the "
            "Python packages of QGIS are not changed."
        )
        self.state.setText(f"{text} {about}")
        self.install_button.setText(button)
        self.remove_button.setVisible(environment.is_scarp_environment())
        self.log_button.setVisible(environment.log.is_file())

    def _set_task(self, task: FunctionTask | None) -> None:
        """Keep the running task, and enable the buttons accordingly."""
        self.task = task
        self.form.setEnabled(task is None)
        self.install_button.setEnabled(task is None and self.form.python_info is not None)
        self.remove_button.setEnabled(task is None)
        self.cancel_button.setEnabled(task is not None)
        self.progress.setValue(0)
        self.step.setText("" if task is None else task.description().partition(": ")[2].capitalize() + "…")

    def _open_log(self) -> None:
        log = PrivateEnvironment(self.form.environment_folder()).log
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log)))

    def _button(self, text: str, role: Any, slot: Callable[[], None]) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(text)
        button.clicked.connect(slot)
        button.setAutoDefault(False)
        self.buttons.addButton(button, role)
        return button
