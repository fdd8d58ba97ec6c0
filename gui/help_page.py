"""The help beside a dialog: a picture of what comes out, and the texts of the algorithm with headings."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Iterable

from qgis.core import QgsProcessingAlgorithm
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtWidgets import QDialog, QTextBrowser

from ..translation import tr

PICTURES = Path(__file__).resolve().parent.parent / "resources" / "help"
PICTURE_WIDTH = 226
"""Pixels; what the panel shows of a page without being drawn wider."""


def show_help(dialog: QDialog) -> None:
    """Put the help page into the panel of a dialog of QGIS.

    Raises:
        AttributeError: the dialog has no such panel.
    """
    panel = dialog.findChild(QTextBrowser, "textShortHelp")
    if panel is None:
        raise AttributeError("there is no help panel")
    panel.setHtml(help_page(dialog.algorithm()))


def help_page(algorithm: QgsProcessingAlgorithm) -> str:
    """Return the help of an algorithm or graphical model as HTML."""
    parts = [f"<h3>{escape(algorithm.displayName())}</h3>"]
    picture = PICTURES / f"{algorithm.name()}.png"
    if picture.is_file():
        parts.append(f'<p><img src="{QUrl.fromLocalFile(str(picture)).toString()}" width="{PICTURE_WIDTH}"></p>')
    parts += [f"<p>{escape(line)}</p>" for line in _summary(algorithm)]
    inputs = [item for item in algorithm.parameterDefinitions() if not item.isDestination()]
    outputs = [item for item in algorithm.parameterDefinitions() if item.isDestination()]
    parts += _section(tr("Parameters"), inputs) + _section(tr("Outputs"), outputs)
    return "".join(parts)


def _summary(algorithm: QgsProcessingAlgorithm) -> list[str]:
    summary = getattr(algorithm, "SUMMARY", None)
    text = tr(summary) if summary else str(algorithm.helpContent().get("ALG_DESC", ""))
    return [line for line in text.split("\n") if line.strip()]


def _section(title: str, definitions: Iterable[Any]) -> list[str]:
    items = [f"<p><b>{escape(item.description())}</b><br>{escape(item.help())}</p>" for item in definitions
             if item.help()]
    return [f"<h4>{escape(title)}</h4>", *items] if items else []
