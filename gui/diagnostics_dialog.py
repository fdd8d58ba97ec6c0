"""The dialog *Diagnostics…*: a report on versions and paths, to copy into a question or a bug report."""

from __future__ import annotations

from pathlib import Path

from qgis.core import Qgis, QgsApplication
from qgis.PyQt import QtWidgets
from qgis.PyQt.QtCore import PYQT_VERSION_STR, QSysInfo, qVersion
from qgis.PyQt.QtGui import QGuiApplication

from ..environment.diagnostics import DiagnosticItems, constants, report
from ..environment.private import PrivateEnvironment, default_folder
from ..translation import language, tr
from .function_task import FunctionTask, TaskDialog, filled, program_output, wrapped_label
from .install_dialog import proxy_of_qgis


class DiagnosticsDialog(TaskDialog):
    """Shows the report, which is collected in the background because it starts programs."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Scarp: diagnostics"))
        self.resize(760, 640)
        about = tr(
            "Add this report to a question or a bug report. Your name, home folder and passwords are removed; read it "
            "before you publish it."
        )
        self.text = program_output()
        self.text.setLineWrapMode(QtWidgets.QPlainTextEdit.LineWrapMode.NoWrap)
        slots = {tr("Copy"): self.copy, tr("Save…"): self._choose_file}
        self.report_buttons = [QtWidgets.QPushButton(text, clicked=slot) for text, slot in slots.items()]
        buttons = QtWidgets.QDialogButtonBox(QtWidgets.QDialogButtonBox.StandardButton.Close, rejected=self.reject)
        for button in self.report_buttons:
            buttons.addButton(button, QtWidgets.QDialogButtonBox.ButtonRole.ActionRole)
        filled(QtWidgets.QVBoxLayout(self), wrapped_label(about), (self.text, 1), buttons)

    def refresh(self) -> None:
        """Collect the report in the background."""
        self.text.setPlainText(tr("Collecting. This starts a private environment and takes some seconds…"))
        self._enable_buttons(False)
        # These may only be queried in the thread of the window.
        environment, qgis, proxy = PrivateEnvironment(default_folder()), qgis_items(), proxy_of_qgis()
        runtime = _where_scarp_computes()
        self.task = FunctionTask(self.windowTitle(), lambda task: report(environment, qgis, runtime, proxy))
        self.task.finished_with.connect(self._collected)
        self.task.start()

    def copy(self) -> None:
        """Copy the report to the clipboard."""
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def save(self, path: Path) -> None:
        """Write the report to a file, or show why that failed."""
        try:
            path.write_text(self.text.toPlainText(), encoding="utf-8")
        except OSError as error:
            text = tr("{path} cannot be written: {reason}").format(path=path, reason=error.strerror)
            QtWidgets.QMessageBox.warning(self, self.windowTitle(), text)

    def _choose_file(self) -> None:
        dialog = QtWidgets.QFileDialog
        path, _ = dialog.getSaveFileName(self, tr("Save the report"), "scarp-diagnostics.txt", "*.txt")
        if path:
            self.save(Path(path))

    def _collected(self, text: str | None, error: Exception | None) -> None:
        self.task = None
        self.text.setPlainText(text or f"{type(error).__name__}: {error}")
        self._enable_buttons(True)

    def _enable_buttons(self, enabled: bool) -> None:
        for button in self.report_buttons:
            button.setEnabled(enabled)


def qgis_items() -> DiagnosticItems:
    """Return items that only QGIS knows, already queried."""
    try:
        from osgeo import gdal
    except ImportError as error:
        version = f"cannot be loaded: {error}"
    else:
        version = gdal.__version__
    values = {
        "version": f"{Qgis.version()} ({Qgis.devVersion()})",
        "Qt": qVersion(),
        "PyQt": PYQT_VERSION_STR,
        "GDAL": version,
        "operating system": QSysInfo.prettyProductName(),
        "language": language(),
        "profile": QgsApplication.qgisSettingsDirPath(),
        "program": QgsApplication.applicationFilePath(),
    }
    return constants(values)


def _where_scarp_computes() -> str:
    try:
        from ..running.core import choose_runtime

        choice = choose_runtime(("torch", "rasterio", "sklearn", "safetensors"))
    except Exception as error:  # the report is for when things are broken, Scarp's own parts included
        return f"not known ({type(error).__name__}: {error})"
    runtime = "QGIS itself" if choice.runtime.inside else f"a process of {choice.runtime.command[0]}"
    return runtime + (f"; lacking {', '.join(choice.missing_packages)}" if choice.missing_packages else "")
