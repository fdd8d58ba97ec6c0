"""The language of menus, dialogs, parameters and help: English, or what ``resources/translations`` has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QLocale, QTranslator

TRANSLATIONS = Path(__file__).resolve().parent / "resources" / "translations"
CONTEXT = "Scarp"


def tr(text: str) -> str:
    """Translate a text of the interface; put values in afterwards: ``tr("{n} files").format(n=3)``."""
    return QCoreApplication.translate(CONTEXT, text)


def join(items: Iterable[str]) -> str:
    """Return names as a list in the language of QGIS."""
    return tr(", ").join(items)


def language() -> str:
    """Return the language that QGIS speaks, such as ``zh_CN``, ``zh_Hans`` or ``de``."""
    # QGIS writes it here when it starts, also when the system chose it; names from its own list have a hyphen.
    chosen = QgsSettings().value("locale/userLocale", "")
    return (str(chosen) if chosen else QLocale.system().name()).replace("-", "_")


def install() -> QTranslator | None:
    """Load the translation for QGIS's language and return it for :func:`remove`; None for English or without one."""
    # A region or script without a translation of its own takes that of the language: zh_TW and zh_Hant take zh.
    name = language()
    for candidate in dict.fromkeys((name, name.split("_")[0])):
        path = TRANSLATIONS / f"scarp_{candidate}.qm"
        translator = QTranslator()
        if path.is_file() and translator.load(str(path)):
            QCoreApplication.installTranslator(translator)
            return translator
    return None


def remove(translator: QTranslator | None) -> None:
    """Take a translation out again."""
    if translator is not None:
        QCoreApplication.removeTranslator(translator)
