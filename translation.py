"""The language of menus, dialogs, parameters, help and messages: English, or what ``resources/translations`` has."""

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


def _candidates() -> list[str]:
    """Return the names of the files for the language, the best first."""
    # A region or script without a translation of its own takes that of the language: zh_TW and zh_Hant take zh.
    name = language()
    return list(dict.fromkeys((name, name.split("_")[0])))


def core_language() -> str:
    """Return the language that the core's messages are shown in; empty for English."""
    # Imported when the first message is shown: QGIS starts without any.
    from .model import languages

    return next((name for name in _candidates() if languages.catalogue(name) is not None), "")


def of_core(text: str) -> str:
    """Translate a message of the core; :mod:`.model.languages` says how."""
    from .model import languages

    messages = languages.catalogue(core_language())
    return text if messages is None else messages.translate(text)


def install() -> QTranslator | None:
    """Load the translation for QGIS's language and return it for :func:`remove`; None for English or without one."""
    for candidate in _candidates():
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
