"""The pages of the manual that come with the plugin, read without the Internet."""

from __future__ import annotations

import re
from pathlib import Path

from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtGui import QDesktopServices, QTextCursor
from qgis.PyQt.QtWidgets import QHBoxLayout, QPushButton, QTextBrowser, QVBoxLayout, QWidget

from ..algorithms.base.algorithm import page_address
from ..translation import tr
from .function_task import TaskDialog, filled

PAGES = Path(__file__).resolve().parent.parent / "docs"
FIRST = "tutorial.md"


class Manual(TaskDialog):
    """A window with a page of the manual, which opens links to other pages itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Scarp: manual"))
        self.resize(820, 760)
        self.browser = _Pages()
        self.back = QPushButton(tr("Back"), enabled=False, clicked=self.browser.backward)
        self.browser.backwardAvailable.connect(self.back.setEnabled)
        home = QPushButton(tr("Tutorial"), clicked=lambda *_: self.browser.show_page(FIRST))
        close = QPushButton(tr("Close"), clicked=self.close)
        row = QHBoxLayout()
        filled(row, self.back, home)
        row.addStretch(1)
        row.addWidget(close)
        filled(QVBoxLayout(self), (self.browser, 1), row)


class _Pages(QTextBrowser):
    """Shows Markdown pages; addresses of what did not come with the plugin open in the browser."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._follow)

    def show_page(self, name: str, heading: str = "") -> None:
        """Show a page at one of its headings, named as in addresses: ``choosing-the-kind-of-model``."""
        self.setSource(QUrl.fromLocalFile(str(PAGES / name)))
        for number in range(self.document().blockCount() if heading else 0):
            block = self.document().findBlockByNumber(number)
            if block.blockFormat().headingLevel() and _anchor(block.text()) == heading:
                cursor = QTextCursor(block)
                self.moveCursor(QTextCursor.MoveOperation.End)
                self.setTextCursor(cursor)
                return

    def _follow(self, address: QUrl) -> None:
        target = self.source().resolved(address)
        name = Path(target.toLocalFile()).name
        if target.isLocalFile() and (PAGES / name).is_file():
            self.show_page(name, target.fragment())
        else:
            text = address.toString()
            QDesktopServices.openUrl(address if address.scheme() else QUrl(page_address(f"docs/{text}")))


def _anchor(heading: str) -> str:
    """Return how addresses name a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
