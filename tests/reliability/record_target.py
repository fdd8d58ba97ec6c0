"""Damaged records for all readers of JSON, tables and kept states: what lies beside outputs, or in their metadata."""

from __future__ import annotations

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
from scarp.tests.reliability.mutations import LONG, TEXTS, Mutator

METHOD = {"method": "area_shares", "names": ["very low", "low", "medium"], "breaks": [0.25, 0.5]}
ZONES = {
    "algorithm": "scarp:classifyzones",
    "parameters": {"METHOD": "area_shares", "BREAKS": []},
    "summary": {**METHOD, "cells": [3, 2, 1], "km2": [0.3, 0.2, 0.1]},
    "inputs": {"SUSCEPTIBILITY": {"source": "map.tif", "bytes": 9, "sha256": "00"}},
    "seconds": 1.5,
}
TABLE = [
    {"zone": 1, "name": "low", "lower": 0.0, "upper": 0.25, "cells": 3},
    {"zone": 2, "name": "medium", "lower": 0.25, "upper": 0.5, "cells": 2},
    {"zone": 3, "name": "high", "lower": 0.5, "upper": 1.0, "cells": 1},
]
CSV = "zone,name,lower,upper,cells\n1,low,0,0.25,3\n2,medium,0.25,0.5,2\n3,high,0.5,1,1\n"
LABELS = {
    "algorithm": "scarp:buildbufferedlabels",
    "parameters": {"SCALE_FIELD": None, "RADII": {"small": 300.0}, "RING": 0.0},
}
STACK = {
    "outputs": {"OUTPUT": {"bytes": 5}},
    "study_cells": 100,
    "without_data": {"slope": 3, "elevation": 0},
    "inputs": {"STACK": {"source": "stack.tif"}, "dem": {"source": "dem.tif"}},
}
RUN = {"kind": "pcum", "output": "m.safetensors", "epochs": 9, "patience": 3, "report": "", "part": ""}
HISTORY = [
    {"scarp_training": 1, **RUN, "stoppable": True, "started": 1.5e9, "process": 1},
    {"epoch": 1, "train_loss": 0.7, "validation_loss": 0.6, "train_recall": None, "seconds": 0.1},
    {"in_epoch": 2, "share": 0.5},
    {"epoch": 2, "train_loss": 0.6, "validation_loss": 0.5, "train_recall": 0.5, "seconds": 0.1},
    {"ended": "epochs", "text": "", "metrics": {"auc": 0.8}},
]
GIVEN = {
    "parameters": {"DEM": "dem.tif", "SEED": 1},
    "qgis": "3.22",
    "files": {"DEM": [{"source": "dem.tif", "sha256": "0" * 64}]},
    "layers": {"AREA": {"features": 1, "content_sha256": "00"}},
}
MADE = {"outputs": {"OUTPUT": "s.tif"}, "written": {}, "numbers": {"AUC": 0.5}}
MADE_WITH = {"versions": {"scarp": "0.1"}, "device": "cpu", "started": "now"}
CALL = {**STACK, "algorithm": "scarp:buildfactorstack", **MADE_WITH, "call": {**GIVEN, **MADE}}
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
        """Break bytes, or what the file says of itself."""
        content = self._content
        if change.random.random() < 0.4:
            content = change.broken_bytes(content)
        else:
            length = int.from_bytes(content[:8], "little")
            outer = json.loads(content[8 : 8 + length])
            if change.random.random() < 0.7:
                key = next(iter(outer["__metadata__"]))
                outer["__metadata__"][key] = change.broken_json(json.loads(outer["__metadata__"][key]))
                text = json.dumps(outer, ensure_ascii=True)
            else:
                text = change.broken_json(outer)
            head = text.encode("utf-8", "replace")
            content = len(head).to_bytes(8, "little") + head + content[8 + length :]
        self.path.write_bytes(content)

    def read(self) -> None:
        """Go on from it as a training does."""
        network, optimiser = self._fresh()
        state = CheckpointFile(self.path, self.KEY, NullProgress()).load(network, optimiser)
        assert state is not None
        assert state.epoch >= 1
        assert 0 <= state.best_epoch <= state.epoch
        assert len(state.history) == state.epoch
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
        """Take it only if it is the one that was kept."""
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
        """Break the line, and at times the file."""
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
        self._texts: dict[str, str] = {}
        for name in ("map.tif", "labels.tif", "stack.tif", "dem.tif"):
            (folder / name).write_bytes(b"no tif")
        self._checkpoint = Checkpoint(folder / "state.safetensors")
        self._tiles = Tiles(folder)
        self._message = Message(folder)
        self._ways: list[Callable[[Mutator], None]] = [
            *(self._zone_record, self._zone_table, self._zone_csv, self._label_record, self._stack_record),
            *(self._relief, self._class_table, self._zone_names, self._history, self._hashes, self._tile),
            *(self._checkpointed, self._sent, self._run, self._tables),
        ]
        self._read: Callable[[], None] = lambda: None

    def make(self, seed: int, number: int) -> None:
        """Write the input of a number, for one of the readers."""
        change = Mutator(seed, number)
        change.one_of(self._ways)(change)

    def read(self) -> None:
        self._read()

    def _json(self, name: str, content: Any, change: Mutator) -> Path:
        return self._write(name, self._text(content, change))

    def _text(self, content: Any, change: Mutator) -> str:
        if change.random.random() < 0.15:
            return change.broken_bytes(json.dumps(content).encode()).decode("latin-1")
        return change.broken_json(content)

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_bytes(text.encode("utf-8", "replace"))
        return path

    def _zone_record(self, change: Mutator) -> None:
        path = self._json("zones.tif.run.json", ZONES, change)
        self._read = lambda: _check_breaks(read_breaks(path))

    def _zone_table(self, change: Mutator) -> None:
        path = self._json("zones.json", TABLE, change)
        self._read = lambda: _check_breaks(read_breaks(path))

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

    def _label_record(self, change: Mutator) -> None:
        self._json("labels.tif.run.json", LABELS, change)
        self._read = lambda: _check_plain(label_settings(self._folder / "labels.tif"))

    def _stack_record(self, change: Mutator) -> None:
        content = {**STACK, "outputs": {"OUTPUT": {"bytes": 6}}}
        self._json("stack.tif.run.json", content, change)
        dataset: Any = SimpleNamespace(tags=lambda *band: {}, descriptions=("slope",), width=10, height=10)
        self._read = lambda: _check_plain(vars(read_nodata_counts(dataset, self._folder / "stack.tif")))

    def _relief(self, change: Mutator) -> None:
        self._json("map.tif.run.json", STACK, change)
        self._json("stack.tif.run.json", STACK, change)
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
        (self._tiles.parts.path / "inputs.json").write_text(
            self._text({"STACK": "00", "MODEL": "11"}, change), "utf-8", "replace"
        )
        self._read = lambda: _check_plain(self._tiles.parts.hashes())

    def _tile(self, change: Mutator) -> None:
        self._tiles.make(change)
        self._read = self._tiles.read

    def _run(self, change: Mutator) -> None:
        path = self._json("s.tif.run.json", CALL, change)
        self._read = lambda: _check_call(read_recorded_run(path))

    def _tables(self, change: Mutator) -> None:
        self._zone_csv(change)
        (self._folder / "then.csv").write_text(CSV, encoding="utf-8")
        self._read = lambda: _check_plain(vars(compare_tables(self._folder / "then.csv", self._folder / "zones.csv")))

    def _checkpointed(self, change: Mutator) -> None:
        self._checkpoint.make(change)
        self._read = self._checkpoint.read

    def _sent(self, change: Mutator) -> None:
        self._message.make(change)
        self._read = self._message.read


def _read_history(path: Path) -> None:
    follower = read_history(path)
    for _ in range(20):
        if not follower.poll():
            break
    history = follower.history
    assert history is not None
    assert 0 <= history.best_epoch <= history.epoch
    assert follower.state(0.0)
    assert history.last_epoch >= 0
    assert (history.seconds_per_epoch() or 0) >= 0
    _check_plain([history.head.output, history.text, history.metrics])
    for series in history.series.values():
        assert len(series) == history.epoch


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
