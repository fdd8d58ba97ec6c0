"""Damaged records for all readers of JSON, tables and kept states: what lies beside outputs, or in their metadata."""

from __future__ import annotations

import functools
import json
import math
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import numpy as np
import torch
from torch import nn

from scarp.model.checks.stack_checks import read_nodata_counts
from scarp.model.history.reading import read_history
from scarp.model.jobs.train_pcum import label_settings
from scarp.model.prediction.tile_cache import TileCache
from scarp.model.progress import NullProgress
from scarp.model.provenance.records import RecordedRun, read_recorded_run
from scarp.model.provenance.run_comparison import compare_tables
from scarp.model.report.maps import find_relief
from scarp.model.stack import read_classes
from scarp.model.training.checkpoint import Checkpoint as CheckpointFile
from scarp.model.training.checkpoint import TrainingState
from scarp.model.validation.map_layers import declared_zone_names
from scarp.model.worker.protocol import MessageEncoder, read_message
from scarp.model.zones.raster import read_breaks
from scarp.tests.reliability.mutations import LONG, TEXTS, Mutator, packed, parts_of

METHOD = {"method": "area_shares", "names": ["very low", "low", "medium"], "breaks": [0.25, 0.5]}
ZONES = {
    "algorithm": "scarp:classifyzones",
    "parameters": {"METHOD": "area_shares", "BREAKS": []},
    "summary": {**METHOD, "cells": [3, 2, 1], "km2": [0.3, 0.2, 0.1]},
    "inputs": {"SUSCEPTIBILITY": {"source": "map.tif", "bytes": 9, "sha256": "00"}},
    "seconds": 1.5,
}
CSV = "zone,name,lower,upper,cells\n1,low,0,0.25,3\n2,medium,0.25,0.5,2\n3,high,0.5,1,1\n"
TABLE = [
    {"zone": zone, "name": name, "lower": lower, "upper": upper, "cells": 4 - zone}
    for zone, name, lower, upper in ((1, "low", 0.0, 0.25), (2, "medium", 0.25, 0.5), (3, "high", 0.5, 1.0))
]
PARAMETERS = {"SCALE_FIELD": None, "RADII": {"small": 300.0}, "RING": 0.0}
LABELS = {"algorithm": "scarp:buildbufferedlabels", "parameters": PARAMETERS}
LOST = {"study_cells": 100, "without_data": {"slope": 3, "elevation": 0}}
SOURCES = {"STACK": {"source": "stack.tif"}, "dem": {"source": "dem.tif"}}
STACK = {"outputs": {"OUTPUT": {"bytes": 5}}, **LOST, "inputs": SOURCES}
RUN = {"kind": "pcum", "output": "m.safetensors", "epochs": 9, "patience": 3, "report": "", "part": ""}
EPOCH = {"epoch": 1, "train_loss": 0.7, "validation_loss": 0.6, "train_recall": None, "seconds": 0.1}
HISTORY = [
    {"scarp_training": 1, **RUN, "stoppable": True, "started": 1.5e9, "process": 1},
    EPOCH,
    {"in_epoch": 2, "share": 0.5},
    {**EPOCH, "epoch": 2, "train_recall": 0.5},
    {"ended": "epochs", "text": "", "metrics": {"auc": 0.8}},
]
FILES = {"files": {"DEM": [{"source": "dem.tif", "sha256": "0" * 64}]}, "qgis": "3.22"}
LAYERS = {"layers": {"AREA": {"features": 1, "content_sha256": "00"}}}
MADE = {"outputs": {"OUTPUT": "s.tif"}, "written": {}, "numbers": {"AUC": 0.5}}
MADE_WITH = {"versions": {"scarp": "0.1"}, "device": "cpu", "started": "now"}
GIVEN = {"parameters": {"DEM": "dem.tif", "SEED": 1}, **FILES, **LAYERS, **MADE}
CALL = {**STACK, "algorithm": "scarp:buildfactorstack", **MADE_WITH, "call": GIVEN}
CLASSES = {"1": "granite", "2": "schist", "30": "滑坡"}


class Checkpoint:
    """A training's kept state."""

    KEY = "key"

    def __init__(self, path: Path) -> None:
        self.path = path
        network, optimiser = self._fresh()
        network(torch.ones(1, 2)).sum().backward()
        optimiser.step()
        weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
        state = TrainingState(1, [{"epoch": 1, "train_loss": 0.5}], 1, weights, weights, 0.0)
        CheckpointFile(path, self.KEY, NullProgress()).save(state, network, optimiser)
        self._content = path.read_bytes()

    @staticmethod
    def _fresh() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(1)
        network = nn.Linear(2, 2)
        return network, torch.optim.AdamW(network.parameters())

    def make(self, change: Mutator) -> None:
        content = self._content
        if change.random.random() < 0.4:
            content = change.broken_bytes(content)
        else:
            outer, data = parts_of(content)
            text = change.broken_json(outer)
            if change.random.random() < 0.7:
                key = next(iter(outer["__metadata__"]))
                outer["__metadata__"][key] = change.broken_json(json.loads(outer["__metadata__"][key]))
                text = json.dumps(outer)
            content = packed(text, data)
        self.path.write_bytes(content)

    def read(self) -> None:
        network, optimiser = self._fresh()
        state = CheckpointFile(self.path, self.KEY, NullProgress()).load(network, optimiser)
        assert state is not None and state.epoch == len(state.history) >= 1
        assert 0 <= state.best_epoch <= state.epoch
        assert all(isinstance(line, dict) for line in state.history)
        json.dumps(state.history).encode("utf-8")
        network(torch.ones(1, 2)).sum().backward()
        optimiser.step()
        assert all(torch.isfinite(value).all() for value in network.state_dict().values()), "weights are no numbers"


class Tiles:
    """What a stopped prediction keeps."""

    SHAPES = {"mean": (2, 3)}

    def __init__(self, folder: Path) -> None:
        self.parts = TileCache(folder, {})
        self.parts.begin()
        self.array = np.arange(6, dtype=np.float32).reshape(2, 3)
        self.parts.save(0, {"mean": self.array}, {"lost": 0})
        self._path = self.parts.path / "0.tile"
        self._content = self._path.read_bytes()

    def make(self, change: Mutator) -> None:
        self._path.write_bytes(change.broken_bytes(self._content))

    def read(self) -> None:
        found = self.parts.load(0, self.SHAPES)
        if found is not None:
            assert np.array_equal(found[0]["mean"], self.array), "a damaged tile was taken"


class Message:
    """A line between QGIS and the process that computes, with the file beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        writer = MessageEncoder(records=True)
        plain = {"job": "predict", "pair": (1, None), "path": Path("a"), "codes": {1: "granite"}}
        content = writer.encode({**plain, "values": np.arange(6.0), "long": list(range(1500))})
        writer.write(folder / "sent.bin")
        self._file = (folder / "sent.bin").read_bytes()
        self._message = {"kind": "call", "content": content, "file": "sent.bin"}
        self._line = b""

    def make(self, change: Mutator) -> None:
        self._line = change.broken_json(self._message).encode("utf-8", "replace")
        content = self._file if change.random.random() < 0.7 else change.broken_bytes(self._file)
        (self._folder / "sent.bin").write_bytes(content)

    def read(self) -> None:
        read_message(self._line, self._folder)


class RecordTarget:
    """Run records, zone tables, class tables, histories, checkpoints, kept tiles and messages."""

    name = "records"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("map.tif", "labels.tif", "stack.tif", "dem.tif"):
            (folder / name).write_bytes(b"no tif")
        self._tiles = Tiles(folder)
        parts = Checkpoint(folder / "state.safetensors"), self._tiles, Message(folder)
        breaks = {"zones.tif.run.json": ZONES, "zones.json": TABLE}
        records: dict[str, tuple[Any, Callable[[Path], None]]] = {
            **{name: (content, lambda path: _check_breaks(read_breaks(path))) for name, content in breaks.items()},
            "labels.tif.run.json": (LABELS, lambda _: _check_plain(label_settings(folder / "labels.tif"))),
            "stack.tif.run.json": ({**STACK, "outputs": {"OUTPUT": {"bytes": 6}}}, lambda _: self._read_counts()),
            "s.tif.run.json": (CALL, lambda path: _check_call(read_recorded_run(path))),
        }
        self._ways: list[Callable[[Mutator], None]] = [
            *(functools.partial(self._record, name, *record) for name, record in records.items()),
            *(functools.partial(self._kept, part) for part in parts),
            *(self._zone_csv, self._relief, self._class_table, self._zone_names, self._history, self._hashes),
            self._tables,
        ]
        self._read: Callable[[], None] = lambda: None

    def make(self, seed: int, number: int) -> None:
        change = Mutator(seed, number)
        change.one_of(self._ways)(change)

    def read(self) -> None:
        self._read()

    def _text(self, content: Any, change: Mutator) -> str:
        if change.random.random() < 0.15:
            return change.broken_bytes(json.dumps(content).encode()).decode("latin-1")
        return change.broken_json(content)

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_bytes(text.encode("utf-8", "replace"))
        return path

    def _record(self, name: str, content: Any, read: Callable[[Path], None], change: Mutator) -> None:
        path = self._write(name, self._text(content, change))
        self._read = lambda: read(path)

    def _zone_csv(self, change: Mutator) -> None:
        text = CSV
        if change.random.random() < 0.5:
            cells = [line.split(",") for line in CSV.splitlines()]
            for _ in range(change.one_of((1, 2))):
                line = change.one_of(cells)
                cell = change.one_of((*TEXTS, '"', '"' + LONG * 40, "1e400", "9" * 5000))
                line[change.random.randrange(len(line))] = cell
            text = "\n".join(map(",".join, cells))
        path = self._folder / "zones.csv"
        content = text.encode("utf-8", "replace")
        path.write_bytes(change.broken_bytes(content) if change.random.random() < 0.6 else content)
        self._read = lambda: _check_breaks(read_breaks(path))

    def _read_counts(self) -> None:
        dataset: Any = SimpleNamespace(tags=lambda *band: {}, descriptions=("slope",), width=10, height=10)
        _check_plain(vars(read_nodata_counts(dataset, self._folder / "stack.tif")))

    def _relief(self, change: Mutator) -> None:
        for name in ("map.tif.run.json", "stack.tif.run.json"):
            self._write(name, self._text(STACK, change))
        self._read = lambda: _check_plain(str(find_relief(self._folder / "map.tif")))

    def _class_table(self, change: Mutator) -> None:
        text = self._text(CLASSES, change)
        self._read = lambda: _check_plain(read_classes(text, "stack.tif", "lithology"))

    def _zone_names(self, change: Mutator) -> None:
        text = self._text(CLASSES, change)
        dataset: Any = SimpleNamespace(tags=lambda *band: {"classes": text})
        self._read = lambda: _check_plain(declared_zone_names(dataset, 5))

    def _history(self, change: Mutator) -> None:
        lines = [self._text(line, change) if change.random.random() < 0.4 else json.dumps(line) for line in HISTORY]
        if change.random.random() < 0.3:
            lines = [change.one_of(lines) for _ in range(change.random.randrange(8))]
        path = self._write("training.jsonl", "\n".join(lines) + change.one_of(("\n", "", "\x00" * 100000)))
        self._read = lambda: _read_history(path)

    def _hashes(self, change: Mutator) -> None:
        text = self._text({"STACK": "00", "MODEL": "11"}, change)
        (self._tiles.parts.path / "inputs.json").write_text(text, "utf-8", "replace")
        self._read = lambda: _check_plain(self._tiles.parts.hashes())

    def _kept(self, part: Checkpoint | Tiles | Message, change: Mutator) -> None:
        part.make(change)
        self._read = part.read

    def _tables(self, change: Mutator) -> None:
        self._zone_csv(change)
        (self._folder / "then.csv").write_text(CSV, encoding="utf-8")
        self._read = lambda: _check_plain(vars(compare_tables(self._folder / "then.csv", self._folder / "zones.csv")))


def _read_history(path: Path) -> None:
    follower = read_history(path)
    for _ in range(20):
        if not follower.poll():
            break
    history = follower.history
    assert history is not None and follower.state(0.0)
    assert 0 <= history.best_epoch <= history.epoch and history.last_epoch >= 0
    assert (history.seconds_each() or 0) >= 0
    _check_plain([history.head.output, history.text, history.metrics])
    assert all(len(series) == history.epoch for series in history.series.values())


def _check_call(call: RecordedRun) -> None:
    _check_plain(vars(call) | {"files": str(call.files), "output_files": str(call.output_files)})
    assert re.fullmatch("scarp:[a-z0-9]+", call.algorithm)
    assert all(isinstance(value, str) for value in call.outputs.values())


def _check_breaks(breaks: list[float]) -> None:
    assert 1 <= len(breaks) < 20 and all(map(math.isfinite, breaks)), "breaks that are no numbers"
    assert all(low <= high for low, high in zip(breaks, breaks[1:])), "breaks that fall"


def _check_plain(value: Any) -> None:
    """What was read can be written into a report, a record and a table."""
    json.dumps(value, ensure_ascii=False, default=os.fspath).encode("utf-8")
