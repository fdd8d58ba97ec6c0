"""The part of the page Train that chooses the kind of model, and shows the kinds that were tried side by side."""

from __future__ import annotations

from html import escape

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ...translation import tr
from ..function_task import filled, wrapped_label
from .states import KindRow, StepState
from .texts import kind_title


class KindBox(QWidget):
    """A choice of PCUM or of the best of several kinds, and the table of the last choice."""

    chosen = pyqtSignal(bool)  # whether the kind is to be chosen from the data

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice, self.table = QComboBox(), wrapped_label()
        self.choice.addItem(tr("PCUM"), False)
        self.choice.addItem(tr("Choose for me"), True)
        self.choice.setToolTip(
            tr(
                "Choose for me: PCUM, logistic regression, GAM, random forest and gradient boosting are trained on the "
                "same blocks, and the simplest of those that cannot be told apart from the best is kept. It takes "
                "several times as long."
            )
        )
        self.choice.activated.connect(lambda *_: self.chosen.emit(bool(self.choice.currentData())))
        self.table.setTextFormat(Qt.TextFormat.RichText)
        self.table.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = filled(QHBoxLayout(), QLabel(tr("Model:")), (self.choice, 1))
        filled(QVBoxLayout(self), row, self.table).setContentsMargins(0, 0, 0, 0)

    def show_choice(self, choosing: bool, state: StepState) -> None:
        """Show whether the kind is chosen from the data, and the kinds of the last training."""
        self.choice.setCurrentIndex(int(choosing))
        shown = choosing and bool(state.kinds) and bool(state.started)
        self.table.setText(kinds_table(state) if shown else "")
        self.table.setVisible(shown)


def kinds_table(state: StepState) -> str:
    """Return the kinds that were tried as an HTML table, and which was kept and why."""
    heads = [tr("Model"), tr("AUC"), tr("95 % interval"), tr("behind")]
    head = "".join(f'<th align="left">{escape(text)}&nbsp;&nbsp;</th>' for text in heads)
    rows = "".join(_row(one) for one in state.kinds)
    return f'<table cellspacing="0" cellpadding="2"><tr>{head}</tr>{rows}</table>{escape(state.chosen)}'


def _row(one: KindRow) -> str:
    name = escape(kind_title(one.kind))
    interval = "" if one.low is None or one.high is None else f"{one.low:.3f} – {one.high:.3f}"
    numbers = ["" if value is None else f"{value:.3f}" for value in (one.auc, one.behind)]
    cells = [f"✓ {name}" if one.chosen else name, numbers[0], interval, numbers[1]]
    if one.chosen:
        cells = [f"<b>{cell}</b>" for cell in cells]
    return f"<tr>{''.join(f'<td>{cell}&nbsp;&nbsp;</td>' for cell in cells)}</tr>"
