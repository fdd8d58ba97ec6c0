"""The dialog *Diagnostics…*: a report on versions and paths, to copy into a question or a bug report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import Qgis, QgsApplication
from qgis.PyQt.QtCore import PYQT_VERSION_STR, QSysInfo, qVersion
from qgis.PyQt.QtGui import QFontDatabase, QGuiApplication, QIcon
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..environment.diagnostics import DiagnosticItems, report
from ..environment.private import PrivateEnvironment, default_folder
from ..processing_provider.provider import ICON
from ..translation import language, tr
from .function_task import FunctionTask
from .network import proxy_of_qgis


class DiagnosticsDialog(QDialog):
    """Shows the report; it is collected in the background, for it starts programs."""

    _open: DiagnosticsDialog | None = None

    @classmethod
    def open_for(cls, parent: QWidget | None) -> DiagnosticsDialog:
        """Show the dialog with a fresh report."""
        if cls._open is None:
            cls._open = cls(parent)
        dialog = cls._open
        dialog.show()
        dialog.raise_()
        dialog.collect()
        return dialog

    @classmethod
    def forget(cls) -> None:
        """Take the dialog away; for when the plugin is unloaded."""
        if cls._open is not None:
            cls._open.deleteLater()
            cls._open = None

    def __init__(self, parent: QWidget | None = None) -> None:
        """Build the widgets."""
        super().__init__(parent)
        self.setWindowTitle(tr("Scarp: diagnostics"))
        self.setWindowIcon(QIcon(str(ICON)))
        self.resize(760, 640)
        self.work: FunctionTask | None = None
        about = QLabel(
            tr(
                "Add this report to a question or a bug report. Your name, your home folder and passwords "
                "are taken out; read it before you publish it."
            )
        )
        about.setWordWrap(True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.copy_button, self.save_button = QPushButton(tr("Copy")), QPushButton(tr("Save…"))
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(self._choose_file)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        for button in (self.copy_button, self.save_button):
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.addWidget(about)
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)

    def collect(self) -> None:
        """Make the report in the background."""
        if self.work is not None:
            return
        self.text.setPlainText(tr("Collecting. A private environment is started for this, which takes some seconds…"))
        for button in (self.copy_button, self.save_button):
            button.setEnabled(False)
        # What only the thread of the window may ask is asked here.
        environment, qgis, proxy = PrivateEnvironment(default_folder()), qgis_items(), proxy_of_qgis()
        runtime = _where_scarp_computes()
        self.work = FunctionTask(
            tr("Scarp: diagnostics"), lambda work: report(environment, qgis, lambda: runtime, proxy)
        )
        self.work.ended.connect(self._collected)
        self.work.start()

    def copy(self) -> None:
        """Put the report into the clipboard."""
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def save(self, path: Path) -> None:
        """Write the report into a file, or say why that cannot be."""
        try:
            path.write_text(self.text.toPlainText(), encoding="utf-8")
        except OSError as error:
            QMessageBox.warning(
                self,
                self.windowTitle(),
                tr("{path} cannot be written: {reason}").format(path=path, reason=error.strerror),
            )

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, tr("Save the report"), "scarp-diagnostics.txt", "*.txt")
        if path:
            self.save(Path(path))

    def _collected(self, text: str | None, error: Exception | None) -> None:
        self.work = None
        self.text.setPlainText(text or f"{type(error).__name__}: {error}")
        for button in (self.copy_button, self.save_button):
            button.setEnabled(True)


def qgis_items() -> DiagnosticItems:
    """Return facts that only QGIS knows, already asked."""
    asked = {
        "version": f"{Qgis.version()} ({Qgis.devVersion()})",
        "Qt": qVersion(),
        "PyQt": PYQT_VERSION_STR,
        "GDAL": _gdal(),
        "operating system": QSysInfo.prettyProductName(),
        "language": language(),
        "profile": QgsApplication.qgisSettingsDirPath(),
        "program": QgsApplication.applicationFilePath(),
    }
    return {name: (lambda value=value: value) for name, value in asked.items()}


def _gdal() -> str:
    try:
        from osgeo import gdal
    except ImportError as error:
        return f"cannot be loaded: {error}"
    return str(gdal.__version__)


def _where_scarp_computes() -> Any:
    """Return where the next run would take place."""
    try:
        from ..running.interpreter import choose_runtime

        choice = choose_runtime(("torch", "rasterio", "sklearn", "safetensors"))
    except Exception as error:  # the report is for when things are broken, Scarp's own parts included
        return f"not known ({type(error).__name__}: {error})"
    runtime = "QGIS itself" if choice.runtime.inside else f"a process of {choice.runtime.command[0]}"
    return runtime + (f"; lacking {', '.join(choice.missing_packages)}" if choice.missing_packages else "")
