"""A text box that offers the fields of a layer, for inputs that may be a raster or a vector layer."""

from __future__ import annotations

from typing import Sequence

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QStringListModel, Qt
from qgis.PyQt.QtWidgets import QCompleter, QLineEdit, QWidget

from ..translation import tr


class FieldChoice:
    """Adds a list of fields to the text box of a parameter; anything can still be typed."""

    def __init__(self, widget: QWidget) -> None:
        """Add the list.

        Args:
            widget: of a text parameter, as QGIS makes it.

        Raises:
            AttributeError: there is no text box in it.
        """
        box = widget if isinstance(widget, QLineEdit) else widget.findChild(QLineEdit)
        if box is None:
            raise AttributeError("there is no text box")
        self._names = QStringListModel(box)
        self._completer = QCompleter(self._names, box)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        box.setCompleter(self._completer)
        self._action = box.addAction(QgsApplication.getThemeIcon("/mActionArrowDown.svg"),
                                     QLineEdit.ActionPosition.TrailingPosition)
        self._action.setToolTip(tr("Fields of the layer"))
        self._action.triggered.connect(self._show_all)
        self.offer([])

    def offer(self, names: Sequence[str]) -> None:
        """List these fields; none for a raster or an empty box."""
        self._names.setStringList(list(names))
        self._action.setVisible(bool(names))

    def _show_all(self) -> None:
        self._completer.setCompletionPrefix("")
        self._completer.complete()
