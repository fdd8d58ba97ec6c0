"""The regions of a project: which layers their steps take, where their results lie; kept in the project file.

Layers are kept by their id in the project, and folders as the project keeps its own layers: relative to the project
file unless the user chose absolute paths or another drive makes that impossible.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from qgis.core import QgsMapLayer, QgsProject
from qgis.PyQt.QtCore import QDateTime, QObject, QStandardPaths, Qt, pyqtSignal

from ...algorithms.base.record import SOURCE, source_of
from ...model.safe_json import parse_json
from ...translation import tr
from ..suggestions import LayerInfo, describe_layer, guess_field, guess_layer
from .chain import FILES, INPUTS, NEED_FIELD, REQUIRED, STEPS, TEMPORARY, Call, calls_of, details_of
from .states import Failure, PlannedCall, PlannedStep

SCOPE, ENTRY = "Scarp", "/steps"
_MAX_REGIONS, _MAX_LENGTH = 500, 2000  # of a project file, which is untrusted
_FOLDERS = re.compile(r"(?:[A-Za-z]:)?[\\/](?:[^\\/:\"'<>|\n]+[\\/])+")


@dataclass
class Region:
    """One region: its layers, its folder of results and the runs that failed."""

    name: str
    folder: str = ""  # absolute; empty as long as nothing was run and the user chose none
    layers: dict[str, str] = field(default_factory=dict)  # layer id by input; empty for none; absent for a suggestion
    fields: dict[str, str] = field(default_factory=dict)  # and units chosen by the user, by parameter
    files: dict[str, str] = field(default_factory=dict)  # absolute path by file key, of results that lie elsewhere
    failures: dict[str, Failure] = field(default_factory=dict)  # by step
    choosing: bool = False  # whether the kind of model is chosen from the data

    def calls(self, step: str) -> tuple[Call, ...]:
        """Return the calls of a step."""
        return calls_of(step, self.choosing)


class Regions(QObject):
    """The regions of the project that is open, and the one that the dock shows."""

    changed = pyqtSignal()  # another project was opened, or the list or its current region changed

    def __init__(self, project: QgsProject, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project: Any = project
        self.regions: list[Region] = []
        self._current = 0
        self._unsaved_folders: dict[str, str] = {}  # by the name of a region
        self._described: list[LayerInfo] | None = None  # the layers of the project
        self._guesses: dict[tuple[str, frozenset[str]], str | None] = {}  # by input and layers of other regions
        self._read()
        self._connections = [
            (project.readProject, lambda *_: self._read()),
            (project.cleared, self._read),
            (project.writeProject, lambda *_: self._write_entry()),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)

    def disconnect_project(self) -> None:
        """Stop following the project, before the dock goes."""
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections = []

    @property
    def current(self) -> Region:
        """The region that the dock shows."""
        return self.regions[self._current]

    def choose(self, index: int) -> None:
        """Show another region."""
        if 0 <= index < len(self.regions) and index != self._current:
            self._current = index
            self.save()
            self.changed.emit()

    def add(self, name: str) -> None:
        """Add a region and show it; a name that is taken gets a number."""
        self.regions.append(Region(self._free_name(name)))
        self._current = len(self.regions) - 1
        self.save()
        self.changed.emit()

    def rename(self, name: str) -> None:
        """Give the current region another name; its folder stays where it is once there are results."""
        region = self.current
        folder = self.folder(region)
        region.folder = region.folder or (folder if os.path.isdir(folder) else "")
        region.name = ""
        region.name = self._free_name(name)
        self.save()
        self.changed.emit()

    def move(self, folder: str) -> None:
        """Take another folder for the results of the current region; those in the old one stay there."""
        self.current.folder, self.current.files = os.path.normpath(folder), {}
        self.save()
        self.changed.emit()

    def remove(self) -> None:
        """Forget the current region; its files and layers stay."""
        del self.regions[self._current]
        self.regions = self.regions or [Region(self._free_name(""))]
        self._current = min(self._current, len(self.regions) - 1)
        self.save()
        self.changed.emit()

    def save(self) -> None:
        """Keep the state in the project, and have QGIS ask to save it."""
        self._write_entry()
        self.project.setDirty(True)

    def folder(self, region: Region) -> str:
        """Return the folder of a region's results; until one is used it follows the place of the project file."""
        if region.folder:
            return region.folder
        name = re.sub(r"[^\w\- ]+", "_", region.name).strip(" _") or "region"
        home = self.project.homePath()
        if home:
            return str(Path(home) / f"{self.project.baseName() or 'project'}_scarp" / name)
        if region.name not in self._unsaved_folders:
            documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
            base = Path(documents or Path.home()) / "Scarp"
            candidates = (base / (name if number == 1 else f"{name} {number}") for number in count(1))
            # Without a project file, results that are there already belong to something else.
            self._unsaved_folders[region.name] = str(next(path for path in candidates if not path.exists()))
        return self._unsaved_folders[region.name]

    def file(self, region: Region, key: str) -> str:
        """Return the path of a result."""
        return region.files.get(key) or str(Path(self.folder(region)) / FILES[key])

    def settle(self, region: Region, recorded: Collection[str] = ()) -> None:
        """Fix folder and suggested layers before a run: what was used must not change by a layer that is added.

        ``recorded`` are inputs that earlier runs had from elsewhere; they stay as they are.
        """
        region.folder = self.folder(region)
        there, layers = self.project.mapLayers(), self.layers(region)
        for name in INPUTS:
            layer = layers.get(name)
            if region.layers.get(name) not in ("", *there) and (layer is not None or name not in recorded):
                region.layers[name] = "" if layer is None else layer.id()
        self.save()

    def layers(self, region: Region) -> dict[str, QgsMapLayer | None]:
        """Return the layer of each input that is chosen or can be suggested; None where the user wants none.

        Inputs of which nothing is known are left out.
        """
        there = self.project.mapLayers()
        found: dict[str, QgsMapLayer | None] = {}
        wanted = [name for name in INPUTS if region.layers.get(name) is None or region.layers[name] not in ("", *there)]
        suggested = self._suggest(region, wanted) if wanted else {}
        for name in INPUTS:
            key = region.layers.get(name)
            if key == "":
                found[name] = None
            elif key in there:
                found[name] = there[key]
            elif suggested.get(name) in there:
                found[name] = there[suggested[name]]
        return found

    def forget_layers(self) -> None:
        """Look at the layers of the project again when a suggestion is next wanted."""
        self._described = None

    def adopt(self, region: Region, call: Call, recorded: Mapping[str, Any]) -> None:
        """Take over the layers of a run with other parameters, where the project has them."""
        by_source = {str(source_of(layer)): key for key, layer in self.project.mapLayers().items()}
        for name in call.layers if recorded else ():
            source = recorded.get(name)
            source = source.get(SOURCE) if isinstance(source, dict) and SOURCE in source else source
            if source is None:
                region.layers[name] = ""
            elif str(source) in by_source:
                region.layers[name] = by_source[str(source)]
            else:
                region.layers.pop(name, None)
            for parameter in details_of(name):
                region.fields.pop(parameter, None)
        self.save()

    def _suggest(self, region: Region, names: list[str]) -> dict[str, str]:
        if self._described is None:
            there = self.project.mapLayers().values()
            self._described = [describe_layer(layer) for layer in there if layer.isValid()]
            self._guesses = {}
        others = frozenset(key for other in self.regions if other is not region for key in other.layers.values())
        found = {}
        for name in names:
            if (name, others) not in self._guesses:
                self._guesses[name, others] = self._guess(name, self._described, others)
            key = self._guesses[name, others]
            if key is not None:
                found[name] = key
        return found

    def _guess(self, name: str, layers: list[LayerInfo], others: Collection[str]) -> str | None:
        """Return the layer that an input probably means; ``others`` are those of other regions."""
        key = guess_layer(name, layers)
        if name in REQUIRED or key is None:
            # What another region uses is that region's, but rain or faults may be of both.
            key = guess_layer(name, [layer for layer in layers if layer.key not in others])
        fields = {layer.key: layer.fields for layer in layers}.get(key or "", ())
        # A vector layer of classes whose field is not clear is left to the user.
        unclear = name in NEED_FIELD and fields and guess_field(f"{name}_FIELD", fields) is None
        return None if unclear else key

    def plan(self, region: Region) -> list[PlannedStep]:
        """Return the steps as they would be run now, for :func:`states.find_states`; reads no files."""
        layers = self.layers(region)
        steps = []
        for step in STEPS:
            calls = tuple(self._planned(region, call, layers) for call in region.calls(step.name))
            steps.append(PlannedStep(step.name, step.needs, calls, region.failures.get(step.name)))
        return steps

    def _planned(self, region: Region, call: Call, layers: Mapping[str, QgsMapLayer | None]) -> PlannedCall:
        inputs: dict[str, Any] = {}
        for name in call.layers:
            if name in layers and name not in call.cosmetic:
                layer = layers[name]
                inputs[name] = None if layer is None else source_of(layer)
            chosen = {one: region.fields[one] for one in details_of(name) if one in region.fields}
            inputs.update(chosen if layers.get(name) is not None else {})
        inputs.update({name: self.file(region, key) for name, key in call.files.items()})
        outputs = {key: self.file(region, key) for key in call.outputs.values() if key != TEMPORARY}
        return PlannedCall(call.algorithm, outputs[call.main_file], inputs, outputs)

    def fail(self, region: Region, step: str, text: str) -> None:
        """Keep that a step failed. Folders in the message go: a project must not tell where it was made."""
        at = QDateTime.currentDateTimeUtc().toString(Qt.DateFormat.ISODate)
        region.failures[step] = Failure(_FOLDERS.sub("", text)[:_MAX_LENGTH], at)
        self.save()

    def succeed(self, region: Region, step: str) -> None:
        """Forget that a step failed."""
        if region.failures.pop(step, None) is not None:
            self.save()

    def _free_name(self, name: str) -> str:
        name = " ".join(name.split())[:100] or tr("Region")
        taken = {region.name for region in self.regions}
        candidates = (name if number == 1 else f"{name} {number}" for number in count(1))
        return next(candidate for candidate in candidates if candidate not in taken)

    def _write_entry(self) -> None:
        write = self.project.pathResolver().writePath
        regions = [
            {
                "name": region.name,
                "folder": write(region.folder) if region.folder else "",
                "layers": region.layers,
                "fields": region.fields,
                "files": {key: write(path) for key, path in region.files.items()},
                "failures": {step: {"text": one.text, "at": one.at} for step, one in region.failures.items()},
                "choosing": region.choosing,
            }
            for region in self.regions
        ]
        if regions == [{**_EMPTY, "name": self.regions[0].name}] and not self._has_entry():
            # Opening the dock changes no project.
            return
        content = {"regions": regions, "current": self._current}
        self.project.writeEntry(SCOPE, ENTRY, json.dumps(content, ensure_ascii=False))

    def _has_entry(self) -> bool:
        return bool(self.project.readEntry(SCOPE, ENTRY, "")[1] and self.project.readEntry(SCOPE, ENTRY, "")[0])

    def _read(self) -> None:
        """Read the regions of the project; what is damaged is left out."""
        text = self.project.readEntry(SCOPE, ENTRY, "")[0]
        try:
            content = parse_json(text) if text else {}
        except ValueError:
            content = {}
        content = content if isinstance(content, dict) else {}
        listed = content.get("regions")
        items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        self._unsaved_folders, self._described = {}, None
        self.regions = []
        for item in items[:_MAX_REGIONS]:
            self.regions.append(self._region(item))
        self.regions = self.regions or [Region(self._free_name(""))]
        current = content.get("current")
        self._current = current if isinstance(current, int) and 0 <= current < len(self.regions) else 0
        self.changed.emit()

    def _region(self, item: Mapping[str, Any]) -> Region:
        read = self.project.pathResolver().readPath
        folder = str(item.get("folder") or "")
        failures = item.get("failures")
        return Region(
            self._free_name(str(item.get("name") or "")),
            _absolute(read(folder), self.project) if folder else "",
            {name: value for name, value in _texts(item, "layers").items() if name in INPUTS},
            _texts(item, "fields"),
            {key: _absolute(read(path), self.project) for key, path in _texts(item, "files").items() if key in FILES},
            {
                step: Failure(one["text"][:_MAX_LENGTH], one["at"][:40])
                for step, one in (failures if isinstance(failures, dict) else {}).items()
                if isinstance(one, dict) and all(isinstance(one.get(part), str) for part in ("text", "at"))
            },
            item.get("choosing") is True,
        )


_EMPTY: dict[str, Any] = {"folder": "", "layers": {}, "fields": {}, "files": {}, "failures": {}, "choosing": False}


def _absolute(path: str, project: Any) -> str:
    """Return a path as it is on this computer; QGIS leaves one that does not exist relative."""
    return os.path.normpath(os.path.join(project.homePath() or os.getcwd(), path))


def _texts(item: Mapping[str, Any], name: str) -> dict[str, str]:
    value = item.get(name)
    return {key: text for key, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}
