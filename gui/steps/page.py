"""The page of one step: its state, the verdict, what it took and made, and its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QAction, QHBoxLayout, QMenu, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

from ...translation import tr
from ..function_task import filled, wrapped_label
from .icons import is_dark, link_colour, verdict_colour


class StepPage(QScrollArea):
    """What the dock shows of the step that is selected; ``extra`` are parts of its own, such as the curves."""

    run_wanted = pyqtSignal()
    dialog_wanted = pyqtSignal(int)  # number of the call
    link_clicked = pyqtSignal(str)
    log_wanted = pyqtSignal()

    def __init__(
        self,
        titles: Sequence[str],
        extra: Sequence[QWidget] = (),
        one_a_line: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, widgetResizable=True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._one_a_line = one_a_line  # whether each result has a line of its own
        self.headline, self.verdict, self.warnings = wrapped_label(), wrapped_label(), wrapped_label()
        self.taken, self.made = wrapped_label(), wrapped_label()
        for label in (self.headline, self.verdict, self.warnings):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self.taken, self.made):
            label.setTextFormat(Qt.TextFormat.RichText)
            label.linkActivated.connect(self.link_clicked)
        self.run_button = QPushButton(clicked=self.run_wanted)
        self.log_button = QPushButton(tr("Log"), clicked=self.log_wanted)
        self.log_button.setToolTip(tr("What this step said when it last ran in this session"))
        self.dialog_button = self._dialog_button(titles)
        row = filled(QHBoxLayout(), (self.run_button, 1), self.dialog_button, self.log_button)
        whole = QWidget()
        body = filled(
            QVBoxLayout(whole, spacing=5), self.headline, self.verdict, self.warnings, self.taken, self.made, row
        )
        body.setContentsMargins(6, 4, 6, 4)
        for number, part in enumerate(extra, start=1):
            body.addWidget(part, 1 if number == len(extra) else 0)
        if not extra:
            body.addStretch(1)
        self.setWidget(whole)

    def show_texts(self, headline: str, verdict: str, level: str, warnings: Sequence[str]) -> None:
        """Show what is to be said of the step; ``level`` is that of its verdict."""
        for label, text in ((self.headline, headline), (self.verdict, verdict)):
            label.setText(text)
            label.setVisible(bool(text))
        colour = verdict_colour(level, self.headline.palette())
        self.verdict.setStyleSheet(f"color: {colour.name()}; font-weight: bold" if level else "font-weight: bold")
        shown = "\n".join(f"• {text}" for text in warnings[:2])
        if len(warnings) > 2:
            shown += "\n" + tr("{n} more warnings are in the report.").format(n=len(warnings) - 2)
        self.warnings.setText(shown)
        self.warnings.setToolTip("\n".join(warnings))
        self.warnings.setVisible(bool(shown))

    def show_links(self, taken: Sequence[Any], made: Sequence[Any]) -> None:
        """Show the layers and files that the step took and made, as pairs of address and text."""
        for label, title, links in ((self.taken, tr("Takes:"), taken), (self.made, tr("Made:"), made)):
            between = "<br>" if self._one_a_line and label is self.made else " · "
            label.setText(f"{escape(title)}{' ' if between != '<br>' else between}{self._html(links, between)}")
            label.setVisible(bool(links))

    def show_buttons(self, run: str, can_run: bool, why_not: str, has_log: bool) -> None:
        """Name and enable the buttons; ``why_not`` says why the step cannot run."""
        self.run_button.setText(run)
        self.run_button.setEnabled(can_run)
        self.run_button.setToolTip(why_not)
        self.log_button.setVisible(has_log)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the content, so that nothing is cut, and a height that scrolls."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.widget().minimumSizeHint().width() + bar, 8 * self.fontMetrics().height())

    def _html(self, links: Sequence[Any], between: str) -> str:
        colour = link_colour(is_dark(self.headline.palette())).name()
        return between.join(
            f'<a style="color: {colour}" href="{escape(address)}">{escape(text)}</a>' if address else escape(text)
            for address, text in links
        )

    def _dialog_button(self, titles: Sequence[str]) -> QToolButton:
        button = QToolButton(text=tr("All settings…"))
        button.setToolTip(tr("Open the dialog of this step with all its settings, filled in"))
        button.setSizePolicy(self.run_button.sizePolicy())
        if len(titles) == 1:
            button.clicked.connect(lambda *_: self.dialog_wanted.emit(0))
            return button
        menu = QMenu(button)
        for number, title in enumerate(titles):
            action = QAction(title, menu)
            action.triggered.connect(lambda *_, number=number: self.dialog_wanted.emit(number))
            menu.addAction(action)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button
