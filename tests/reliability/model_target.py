"""Damaged model files for the model-file reader."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from scarp.model.artifact import TrainedModel, load_model, save_model
from scarp.model.artifact_header import HEADER_KEY, read_header_of_file
from scarp.model.calibration import Calibration
from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.errors import ScarpError
from scarp.model.networks import build_network
from scarp.model.networks.per_cell import Splines, Tables
from scarp.model.networks.trees import Trees
from scarp.model.outputs.atomic import write_text
from scarp.tests.reliability.mutations import NUMBERS, Mutator, Raw, dumps, packed, parts_of

FACTORS = [
    FactorSpec("slope", "continuous", "degrees", "Slope", {}, 20.0, 8.0, 0.0, 60.0),
    FactorSpec("lithology", "categorical", "", "岩性", {1: "granite", 2: "schist"}, 1.5, 0.5, 1.0, 2.0, (1, 2)),
]
NETWORKS = {
    "unet": {"type": "unet", "width": 1, "depth": 1, "dropout": 0.2},
    "additive": {"type": "additive_unet", "width": 1, "depth": 1, "dropout": 0.0, "continuous": 1, "knots": 3},
    "bpnn": {"type": "bpnn", "patch": 2, "width": 2, "dropout": 0.1},
    "resnet": {"type": "resnet", "patch": 2, "width": 1, "dropout": 0.1},
    "linear": {"type": "linear"},
    "tables": {"type": "tables", "continuous": 1, "bins": 3},
    "forest": {"type": "forest", "trees": 2, "nodes": 6, "depth": 1},
    "boosted": {"type": "boosted_trees", "trees": 2, "nodes": 6, "depth": 1},
    "splines": {"type": "splines", "continuous": 1, "knots": 3},
}
HISTORY = [
    {"epoch": 1, "train_loss": 0.7, "validation_loss": 0.6, "seconds": 0.1, "train_recall": None},
    {"epoch": 2, "train_loss": 0.5, "validation_loss": 0.5, "seconds": 0.1, "train_recall": 0.5},
]
TYPES = tuple("F64 F32 F16 BF16 F8_E4M3 I64 I32 I16 I8 U8 U64 BOOL C64 F4 X".split())
RAW = np.stack([np.linspace(0, 60, 36).reshape(6, 6), np.ones((6, 6))]).astype(np.float32)


class ModelTarget:
    """Model files: broken bytes, hostile headers, tables of tensors that lie, tensors that are not the network's."""

    name = "model files"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "model.safetensors"
        self.seeds = []
        for kind in NETWORKS:
            save_model(_model(kind), self.path)
            load_model(self.path)
            self.seeds.append(self.path.read_bytes())
        save_model(dataclasses.replace(_model("linear"), calibration=Calibration(0.8, -3.0, 0.02)), self.path)
        self.seeds.append(self.path.read_bytes())
        self._copy = folder / "copy.safetensors"
        self._ways = [self._bytes] * 2 + [self._header] * 3 + [self._table] * 2 + [self._tensors] * 2

    def make(self, seed: int, number: int) -> None:
        change = Mutator(seed, number)
        self.path.write_bytes(change.one_of(self._ways)(change))

    def read(self) -> None:
        """Read it in all ways in which Scarp does, and use what is accepted."""
        try:
            header = read_header_of_file(self.path)
        except ScarpError:
            header = None
        model = load_model(self.path)
        assert header is not None, "the header alone was refused"
        assert (header["factors"], header["history"]) == (model.factors, model.history)
        found = model.probability(np.repeat(RAW[:1], len(model.factors), axis=0))
        assert found.shape == RAW.shape[1:] and ((found >= 0) & (found <= 1) | np.isnan(found)).all(), "no probability"
        # What came in can go out again.
        save_model(model, self._copy)
        write_text(self._copy.with_suffix(".txt"), " ".join(spec.name for spec in model.factors) + str(model.settings))

    def _bytes(self, change: Mutator) -> bytes:
        return change.broken_bytes(change.one_of(self.seeds), self.seeds)

    def _header(self, change: Mutator) -> bytes:
        """Change what the file says of the model."""
        outer, data = parts_of(change.one_of(self.seeds))
        text = change.broken_json(json.loads(outer["__metadata__"][HEADER_KEY]))
        if change.random.random() < 0.02:
            text = text[:-1] + " " * 100000 + "}"
        outer["__metadata__"][HEADER_KEY] = text
        return packed(dumps(outer), data)

    def _table(self, change: Mutator) -> bytes:
        """Change what the file says of its tensors."""
        outer, data = parts_of(change.one_of(self.seeds))
        sound = {name: dict(entry) for name, entry in outer.items() if name != "__metadata__"}
        names = list(sound)
        for _ in range(change.one_of((1, 1, 2, 4))):
            name = change.one_of(names)
            entry, shape = outer[name], sound[name]["shape"]
            action = change.random.randrange(8)
            if action == 0:
                entry["dtype"] = change.one_of(TYPES)
            elif action == 1:
                entry["shape"] = [change.one_of(NUMBERS) for _ in range(change.random.randrange(5))]
            elif action == 2:
                odd = [], [0], [-1], [1.5], [2**62, 4], [2**32, 2**32], [1] * 10000
                entry["shape"] = change.one_of((*odd, [1, *shape], shape[::-1]))
            elif action == 3:
                entry["data_offsets"] = [change.one_of(NUMBERS), change.one_of(NUMBERS)]
            elif action == 4:
                # The same bytes for two tensors.
                entry["data_offsets"] = list(sound[change.one_of(list(sound))]["data_offsets"])
            elif action == 5:
                outer[change.one_of(("x", "", "a" * 3000, "../x", "head.bias", "__metadata__x"))] = dict(entry)
            elif action == 6:
                del outer[name]
                names.remove(name)
                if not names:
                    break
            else:
                entry[change.one_of(list(sound[name]))] = change.value()
        if change.random.random() < 0.1:
            others = None, [], {}, {"format": "pt"}, {HEADER_KEY: 1}, Raw('{"a":1,"a":2}')
            outer["__metadata__"] = change.one_of((*others, {**outer["__metadata__"], "a": "b"}))
        return packed(dumps(outer), data)

    def _tensors(self, change: Mutator) -> bytes:
        """Take a sound header, and other numbers or another model's tensors."""
        outer, data = parts_of(change.one_of(self.seeds))
        if change.random.random() < 0.7:
            # As a file from before there were checksums, which would keep out all that follows.
            inner = json.loads(outer["__metadata__"][HEADER_KEY])
            del inner["training"]["checksum"]
            outer["__metadata__"][HEADER_KEY] = json.dumps(inner)
        action = change.random.randrange(4)
        if action == 0:
            other, data = parts_of(change.one_of(self.seeds))
            other["__metadata__"] = outer["__metadata__"]
            return packed(dumps(other), data)
        values = np.frombuffer(data, "<u4").copy()
        if action == 1:
            places = [change.random.randrange(len(values)) for _ in range(change.one_of((1, 3, len(values))))]
            values[places] = [change.one_of(_WORDS) for _ in places]
        elif action == 2:
            values = np.array([change.random.getrandbits(32) for _ in values], dtype="<u4")
        else:
            values = values[::-1].copy()
        return packed(dumps(outer), values.tobytes())


_REALS = np.array([np.nan, np.inf, -np.inf, 0, -1, 1, 3e38, -3e38, 1e-45], "<f4")
_WORDS = [*_REALS.view("<u4").tolist(), 0, 1, 2, 3, 5, 6, 7, 2**31 - 1, 2**31, 2**32 - 1]


def _model(kind: str) -> TrainedModel:
    encoding = "one_hot" if kind in ("unet", "tables", "splines") else "codes"
    architecture = {**NETWORKS[kind], "channels": Encoding(FACTORS, encoding).channels}
    network = build_network(architecture, 1)
    if isinstance(network, (Tables, Splines, Trees)):
        # Networks that are not drawn from chance begin with whatever lay in memory.
        for value in network.buffers():
            value.zero_()
    if isinstance(network, Tables):
        network.edges.copy_(torch.tensor([[-1.0, 1.0]]))
    if isinstance(network, Splines):
        network.knots.copy_(torch.tensor([[-1.0, 0.0, 1.0]]))
    if isinstance(network, Trees):
        network.roots.copy_(torch.tensor([0, 3]))
        network.left.copy_(torch.tensor([1, 1, 2, 4, 4, 5]))
        network.right.copy_(torch.tensor([2, 1, 2, 5, 4, 5]))
        (network.share if kind == "forest" else network.value).copy_(torch.tensor([0.5, 0.1, 0.9, 0.5, 0.2, 0.8]))
    kinds = {
        "linear": "logistic_regression",
        "tables": "frequency_ratio",
        "forest": "random_forest",
        "boosted": "gradient_boosting",
        "splines": "gam",
        "additive": "pcum",
    }
    about = {"epochs": 2, "patience": 1}, 1, HISTORY, {"auc": 0.8}, {"subsets": []}, {"torch": "2"}
    return TrainedModel(kinds.get(kind, kind), architecture, encoding, FACTORS, 30.0, *about, network)
