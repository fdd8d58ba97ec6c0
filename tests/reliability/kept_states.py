"""Damaged states that Scarp keeps for itself: checkpoints, tiles of a stopped prediction, messages of a process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from scarp.model.prediction.tile_cache import TileCache
from scarp.model.training.checkpoint import TrainingState, load_state, save_state
from scarp.model.worker.protocol import MessageEncoder, read_message
from scarp.tests.reliability.mutations import Mutator


class Checkpoint:
    """A training's kept state."""

    KEY = "key"

    def __init__(self, path: Path) -> None:
        self.path = path
        network, optimiser = self._fresh()
        network(torch.ones(1, 2)).sum().backward()
        optimiser.step()
        weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
        save_state(
            path,
            self.KEY,
            TrainingState(1, [{"epoch": 1, "train_loss": 0.5}], 1, weights, weights, 0.0),
            network,
            optimiser,
        )
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
        state = load_state(self.path, self.KEY, network, optimiser)
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
        """Break its bytes."""
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
        content = writer.encode(
            {
                "job": "predict",
                "values": np.arange(6.0),
                "pair": (1, None),
                "path": Path("a"),
                "long": list(range(1500)),
                "codes": {1: "granite"},
            }
        )
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
        """Read it."""
        read_message(self._line, self._folder)
