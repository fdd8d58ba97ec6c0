"""The dialog *Document details…*: title, author, organisation, logo and more, for reports and map sheets."""

from __future__ import annotations

import json
from pathlib import Path

from qgis.core import QgsProject
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QPixmap
from qgis.PyQt.QtWidgets import (
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..algorithms.base.details import store_details, stored_details
from ..model.errors import ScarpError
from ..model.report.settings import NAMES, DocumentDetails, read_details
from ..translation import of_core, tr
from .function_task import TaskDialog, filled, wrapped_label

DETAILS = "Document details (*.json)"  # here, because translations are read from literals of the same file
PICTURES = "PNG, JPEG (*.png *.jpg *.jpeg)"
LOGO_WIDTH, LOGO_HEIGHT = 240, 60  # pixels of the preview
LINES = 3  # of a box for longer texts


class DetailsDialog(TaskDialog):
    """Shows the details of the open project and of the profile, and stores them with OK."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Scarp: document details"))
        self.resize(560, 620)
        self.lines = {name: QLineEdit() for name in ("title", "author", "organisation")}
        self.boxes = {name: QPlainTextEdit(tabChangesFocus=True) for name in ("purpose", "sources", "limits")}
        self.logo, self.preview = QgsFileWidget(), QLabel()
        self.logo.setFilter(tr(PICTURES))
        self.logo.fileChanged.connect(self._show_logo)
        self._fill_placeholders()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        labels = {
            "title": tr("Title"),
            "purpose": tr("Purpose"),
            "sources": tr("Data sources"),
            "limits": tr("Limits of use"),
            "author": tr("Author"),
            "organisation": tr("Organisation"),
        }
        for name, label in labels.items():
            form.addRow(label, self.lines.get(name) or self.boxes[name])
        form.addRow(tr("Logo"), self.logo)
        form.addRow("", self.preview)
        about = tr(
            "Reports, Word documents and map sheets that are made from now on have these details. Title, purpose, "
            "data sources and limits are stored in the project; author, organisation and logo hold for all projects."
        )
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel, accepted=self.accept, rejected=self.reject)
        more = {tr("Read from file…"): self._choose_file, tr("Save as…"): self._choose_new_file}
        for text, slot in more.items():
            buttons.addButton(QPushButton(text, clicked=slot), QDialogButtonBox.ButtonRole.ActionRole)
        filled(QVBoxLayout(self), wrapped_label(about), (form, 1), buttons)

    def refresh(self) -> None:
        """Show what is stored."""
        self.fill(stored_details(QgsProject.instance()))

    def fill(self, details: DocumentDetails) -> None:
        """Show details."""
        for name, line in self.lines.items():
            line.setText(getattr(details, name))
        for name, box in self.boxes.items():
            box.setPlainText(getattr(details, name))
        self.logo.setFilePath(details.logo)
        self._show_logo(details.logo)

    def details(self) -> DocumentDetails:
        """Return what is filled in."""
        texts = {name: line.text().strip() for name, line in self.lines.items()}
        texts |= {name: box.toPlainText().strip() for name, box in self.boxes.items()}
        return DocumentDetails(**texts, logo=self.logo.filePath().strip())

    def accept(self) -> None:
        """Store the details and close."""
        store_details(self.details(), QgsProject.instance())
        super().accept()

    def save(self, path: Path) -> None:
        """Write the details as a file for the parameter DETAILS."""
        details = self.details()
        content = {name: getattr(details, name) for name in NAMES if getattr(details, name)}
        try:
            path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            text = tr("{path} cannot be written ({reason}). Choose another folder.")
            QMessageBox.warning(self, self.windowTitle(), text.format(path=path, reason=error.strerror))

    def read(self, path: Path) -> None:
        """Show the details in a file."""
        try:
            self.fill(read_details(path))
        except ScarpError as error:
            QMessageBox.warning(self, self.windowTitle(), of_core(str(error)))

    def _choose_new_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, tr("Save as…"), "details.json", tr(DETAILS))
        if name:
            self.save(Path(name))

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Read from file…"), "", tr(DETAILS))
        if name:
            self.read(Path(name))

    def _fill_placeholders(self) -> None:
        examples = {
            "title": tr("Landslide susceptibility of the district of …"),
            "author": tr("Name of who answers for the map"),
            "organisation": tr("Office or company"),
            "purpose": tr("What the map was made for, such as: first overview for the land-use plan."),
            "sources": tr("Where DEM, inventory and factors come from, with year and licence."),
            "limits": tr("What it may not be used for, such as: no substitute for a survey of a single site."),
        }
        for name, text in examples.items():
            part = self.lines.get(name) or self.boxes[name]
            part.setPlaceholderText(text)
        for box in self.boxes.values():
            box.setMinimumHeight((LINES + 1) * box.fontMetrics().lineSpacing())

    def _show_logo(self, path: str) -> None:
        picture = QPixmap(path) if path else QPixmap()
        if picture.isNull():
            self.preview.setText(tr("This file is no picture.") if path else "")
            return
        kept = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        self.preview.setPixmap(picture.scaled(LOGO_WIDTH, LOGO_HEIGHT, *kept))
