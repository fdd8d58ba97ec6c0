"""Offers the models that were trained last, with date, AUC and verdict, where a dialog asks for a trained model."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QDateTime, QLocale, QObject
from qgis.PyQt.QtWidgets import QAction, QLineEdit, QMenu, QWidget

from ..algorithms.base.parameters import MODEL_SUFFIX, absolute_path, file_of
from ..model.history.writing import SUFFIX, histories_folder
from ..model.outputs.run_record import read_record
from ..model.training.settings import PCUM, TITLES
from ..model.validation.verdict import DO_NOT_USE
from ..translation import tr
from .steps.texts import verdict_word

FILLED_IN = "MODEL"  # parameter that starts with the newest model of the project
_TRAIN_PCUM = "scarp:trainpcum"
_MAX_MODELS = 12  # that are offered
_MAX_FILES, _MAX_FOLDERS = 60, 40  # that are looked at
_MAX_SECONDS = 0.1  # after which no further folder is looked at: files may lie on a slow drive
_MAX_HEAD = 32 * 1024  # bytes of the first line of a history


@dataclass(frozen=True)
class RecentModel:
    """A model file and what its run record tells of it."""

    path: str
    written: float  # seconds since 1970
    kind: str = ""
    auc: float | None = None  # on land not seen
    verdict: str = ""
    in_project: bool = False  # whether it lies where the project's files do

    @property
    def title(self) -> str:
        """One line for a menu."""
        place = Path(self.path)
        moment = QDateTime.fromMSecsSinceEpoch(int(1000 * self.written))
        when = QLocale().toString(moment, QLocale.FormatType.ShortFormat)
        auc = "" if self.auc is None else f"AUC {self.auc:.2f}"
        about = (when, TITLES.get(self.kind, self.kind), auc, verdict_word(self.verdict) if self.verdict else "")
        return f"{place.parent.name}/{place.name}: {', '.join(filter(None, about))}"


def recent_models(project: Any) -> list[RecentModel]:
    """Return the models of the project's folders and of the last trainings, the newest first."""
    end = time.monotonic() + _MAX_SECONDS
    written: dict[str, tuple[float, bool]] = {}
    for folder in _folders(project):
        with contextlib.suppress(OSError), os.scandir(folder) as items:
            for item in items:
                if item.name.endswith(f".{MODEL_SUFFIX}"):
                    written[item.path] = item.stat().st_mtime, True
        if time.monotonic() > end:
            break
    for path in _last_trainings():
        if time.monotonic() > end:
            break
        with contextlib.suppress(OSError):
            written.setdefault(path, (os.path.getmtime(path), False))
    newest = sorted(written, key=lambda path: -written[path][0])[:_MAX_MODELS]
    return [_described(path, *written[path]) for path in newest]


def _folders(project: Any) -> Iterator[str]:
    """Yield the folders in which models of a project lie: those of its layers, of its regions, and its own."""
    folders: dict[str, None] = {}
    for layer in project.mapLayers().values():
        path = file_of(layer.source())
        if os.path.isabs(path):
            folders[os.path.dirname(absolute_path(path))] = None
    home = project.homePath()
    if home:
        folders[home] = None
        regions = Path(home) / f"{project.baseName() or 'project'}_scarp"
        with contextlib.suppress(OSError):
            folders.update(dict.fromkeys(str(path) for path in regions.iterdir() if path.is_dir()))
    yield from list(folders)[:_MAX_FOLDERS]


def _last_trainings() -> Iterator[str]:
    """Yield the models of the trainings that this user started last; the histories are untrusted."""
    try:
        histories = sorted(histories_folder().glob(f"*{SUFFIX}"), reverse=True)[:_MAX_FILES]
    except (OSError, RuntimeError):
        return
    for history in histories:
        with contextlib.suppress(OSError, ValueError, RecursionError), history.open("rb") as stream:
            head = json.loads(stream.readline(_MAX_HEAD))
            path = head.get("output") if isinstance(head, dict) else None
            if isinstance(path, str) and path.endswith(f".{MODEL_SUFFIX}") and os.path.isabs(path):
                yield os.path.normpath(path)


def _described(path: str, written: float, in_project: bool) -> RecentModel:
    kind, auc, verdict = "", None, ""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        record = read_record(path)
        call, told = record.get("call"), record.get("verdict")
        numbers = call.get("numbers") if isinstance(call, dict) else None
        parameters = record.get("parameters")
        level = told.get("level") if isinstance(told, dict) else None
        verdict = level if isinstance(level, str) else ""
        value = numbers.get("AUC") if isinstance(numbers, dict) else None
        auc = float(value) if isinstance(value, (int, float)) else None
        named = parameters.get("KIND") if isinstance(parameters, dict) else None
        default = PCUM if record.get("algorithm") == _TRAIN_PCUM else ""
        kind = named if isinstance(named, str) else default
    return RecentModel(path, written, kind, auc, verdict, in_project)


class RecentModels(QObject):
    """Adds a list of models to each box of a dialog that takes one; ``wrappers`` of the widgets are by name."""

    def __init__(self, algorithm: Any, wrappers: dict[str, Any], context: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self._wrappers, self._context = wrappers, context
        self._names = [
            item.name()
            for item in algorithm.parameterDefinitions()
            if item.type() == "file" and MODEL_SUFFIX in item.fileFilter() and item.name() in wrappers
        ]
        for name in self._names:
            box = wrappers[name].wrappedWidget().findChild(QLineEdit)
            if box is not None:
                action = QAction(QgsApplication.getThemeIcon("/mActionArrowDown.svg"), tr("Models trained last"), box)
                action.triggered.connect(lambda *_, name=name, box=box: self._show_menu(name, box))
                box.addAction(action, QLineEdit.ActionPosition.TrailingPosition)

    def suggest(self) -> None:
        """Fill an empty box with the newest model of the project, unless its verdict is not to use it."""
        if FILLED_IN not in self._names or self._wrappers[FILLED_IN].parameterValue() not in (None, ""):
            return
        project: Any = QgsProject.instance()
        found = [one for one in recent_models(project) if one.in_project and one.verdict != DO_NOT_USE]
        if found:
            self._wrappers[FILLED_IN].setParameterValue(found[0].path, self._context)

    def menu(self, name: str, parent: QWidget) -> QMenu:
        """Return the list for a box."""
        menu = QMenu(parent)
        menu.setToolTipsVisible(True)
        project: Any = QgsProject.instance()
        for model in recent_models(project):
            action = menu.addAction(model.title)
            action.setToolTip(model.path)
            action.triggered.connect(lambda *_, path=model.path: self._choose(name, path))
        if menu.isEmpty():
            menu.addAction(tr("No model was trained yet")).setEnabled(False)
        return menu

    def _choose(self, name: str, path: str) -> None:
        self._wrappers[name].setParameterValue(path, self._context)

    def _show_menu(self, name: str, box: QLineEdit) -> None:
        menu = self.menu(name, box)
        menu.exec(box.mapToGlobal(box.rect().bottomLeft()))
        menu.deleteLater()
