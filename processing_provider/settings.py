"""Scarp's settings in Options > Processing > Providers. Only a window shows them; what is chosen holds everywhere."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from qgis.core import QgsSettings
from qgis.PyQt.QtGui import QIcon

from ..translation import tr

AUTOMATIC, PROCESS, INSIDE = "automatic", "process", "inside"
_ORDER = (AUTOMATIC, PROCESS, INSIDE)  # frozen: QGIS stores the number of the choice
_RUN = "SCARP_WHERE_TO_RUN"
_GROUPS = "SCARP_GROUP_LAYERS"
_STORE = "Processing/Configuration/"


def has_window() -> bool:
    """Whether QGIS runs with its window, and not as ``qgis_process`` or in a script."""
    return getattr(sys.modules.get("qgis.utils"), "iface", None) is not None


def where_to_run() -> str:
    """Return where the core is to run: ``automatic``, ``process`` or ``inside``."""
    value = QgsSettings().value(_STORE + _RUN)
    with contextlib.suppress(TypeError, ValueError, IndexError):
        return _ORDER[int(value)]
    return AUTOMATIC


def group_layers() -> bool:
    """Return whether the layers of a run go into a group of their own."""
    return bool(QgsSettings().value(_STORE + _GROUPS, True, type=bool))


def results_group() -> str:
    """Return QGIS's own setting of a group for all results of Processing; empty for none."""
    return str(QgsSettings().value(_STORE + "RESULTS_GROUP_NAME") or "")


def register(provider: str, icon: QIcon) -> None:
    """Put the settings into the dialog, below name and icon of the provider; does nothing without a window."""
    if (config := _config()) is None:
        return
    ways = [tr("Automatic"), tr("In a process of its own"), tr("Inside QGIS")]
    config.ProcessingConfig.setGroupIcon(provider, icon)
    kinds = {"valuetype": config.Setting.SELECTION, "options": ways}
    for setting in (
        config.Setting(provider, _RUN, tr("Where Scarp computes"), ways[0], **kinds),
        config.Setting(provider, _GROUPS, tr("Put the layers of a run into a group"), True),
    ):
        config.ProcessingConfig.addSetting(setting)
        # Only these: readSettings would read all of Processing's again, longer than the rest of Scarp's start.
        setting.read()


def unregister() -> None:
    """Take the settings out of the dialog."""
    if (config := _config()) is not None:
        for name in (_RUN, _GROUPS):
            config.ProcessingConfig.settings.pop(name, None)


def _config() -> Any:
    """Return QGIS's module of Processing settings, None where there is no window or Processing is switched off."""
    with contextlib.suppress(ImportError):
        if has_window():
            from processing.core import ProcessingConfig

            return ProcessingConfig
    return None
