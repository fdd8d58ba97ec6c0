"""The trained model: one ``.safetensors`` file that says all about itself, read without trusting it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import nn

from .artifact_header import FORMAT, HEADER_KEY, factor_to_dict, read_header, write_header
from .encoding import Encoding, FactorSpec
from .errors import InputMissing, ModelFileInvalid, ParameterInvalid
from .networks import build_network, check_architecture
from .networks.dropout import set_sample
from .outputs.atomic import atomic_output, checksum
from .training.devices import choose_device, choose_precision, lower_precision

MAX_FILE_BYTES = 2 * 1024**3
_CHECKSUM = "checksum"
"""Of the tensors, in what the file says of the training: files from before it was kept have none."""
_COUNTERS = "num_batches_tracked"
"""Batch norm's own counter; nothing reads it in a trained network."""


@dataclass
class TrainedModel:
    """A network with all that is needed to apply it to another area."""

    kind: str
    architecture: dict[str, Any]
    encoding: str
    factors: list[FactorSpec]
    pixel_size: float
    """Metres; of the grid it was trained on."""
    settings: dict[str, Any]
    seed: int
    history: list[dict[str, Any]]
    metrics: dict[str, Any]
    training: dict[str, Any]
    """What it was trained on: windows, cells, labels."""
    versions: dict[str, str]
    network: nn.Module = field(repr=False)

    def __post_init__(self) -> None:
        self._encoding = Encoding(self.factors, self.encoding)
        self.to("cpu", "fp32")

    @property
    def halo(self) -> int:
        """Cells of context that a tile needs on every side."""
        return int(self.network.halo)

    @property
    def align(self) -> int:
        """Tile origins, halo included, must be multiples of this in the raster's cells."""
        return int(self.network.align)

    @property
    def patch(self) -> int:
        """Cells along the side of a square that shares one answer; 1 where every cell has its own."""
        return int(getattr(self.network, "patch", 1))

    @property
    def factor_names(self) -> list[str]:
        """In the order of the raw arrays."""
        return [spec.name for spec in self.factors]

    @property
    def encoder(self) -> Encoding:
        """How raw values become channels."""
        return self._encoding

    def to(self, device: str, precision: str = "fp32") -> None:
        """Move the network and choose its arithmetic.

        Args:
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.

        Raises:
            DeviceUnavailable: the device or its arithmetic is not there.
        """
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.network.eval().to(self.device)

    def probability(self, raw: np.ndarray, sample: int | None = None) -> np.ndarray:
        """Return the probability of landslide, float32 (height, width), NaN where any factor has no data.

        Cells nearer than ``halo`` to the array's border are right only if what lies beyond has no data at all.

        Args:
            raw: physical values and class codes in the model's factor order, float32 (factors, height, width), NaN
                where there is no data.
            sample: seed of one sample with dropout; ``None`` for the network without.
        """
        image, valid = self._encoding.encode(raw)
        height, width = valid.shape
        padding = [(0, 0), (0, -height % self.align), (0, -width % self.align)]
        image = np.pad(image, padding)
        set_sample(self.network, sample)
        try:
            with torch.inference_mode(), lower_precision(self.device, self.dtype):
                logits = self.network(torch.from_numpy(image)[None].to(self.device))[0].float()
        finally:
            set_sample(self.network, None)
        # Softmax over two logits is the logistic function of their difference.
        result = torch.sigmoid(logits[1] - logits[0])[:height, :width].cpu().numpy()
        return np.where(valid, result, np.float32(np.nan))


def save_model(model: TrainedModel, path: str | os.PathLike) -> None:
    """Write a model whole or not at all; the same training gives the same bytes.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    tensors = network_tensors(model.network)
    header = write_header(
        {
            "format": FORMAT,
            "program": "scarp",
            "kind": model.kind,
            "architecture": model.architecture,
            "encoding": model.encoding,
            "factors": [factor_to_dict(spec) for spec in model.factors],
            "pixel_size": model.pixel_size,
            "settings": model.settings,
            "seed": model.seed,
            "history": model.history,
            "metrics": model.metrics,
            "training": {**model.training, _CHECKSUM: checksum(tensors)},
            "versions": model.versions,
        }
    )
    # Never write what would be refused on reading.
    read_header(header, Path(path).name)
    content = save(tensors, metadata={HEADER_KEY: header})
    with atomic_output(path) as temporary:
        temporary.write_bytes(content)


def load_model(path: str | os.PathLike) -> TrainedModel:
    """Read and check a model.

    The file may come from anywhere: nothing in it is run, and what it asks for is bounded before memory is taken.

    Raises:
        InputMissing: there is no such file.
        ModelFileInvalid: it is no model of Scarp's, damaged, or from a newer version.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise InputMissing(f"The model {path} does not exist. Check the path, or train one first.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise _invalid(path, "it is far larger than any model")
    try:
        with safe_open(str(path), framework="np") as stream:
            header = read_header((stream.metadata() or {}).get(HEADER_KEY, "{}"), str(path))
            network = _build(header, path)
            tensors = _read_tensors(stream, network, path)
    except (SafetensorError, OSError) as error:
        raise _invalid(path, f"it cannot be read ({error})") from error
    # A disk or a copy that changes a bit in a weight would change the map, and nothing else would show.
    if header["training"].pop(_CHECKSUM, checksum(tensors)) != checksum(tensors):
        raise _invalid(path, "it is damaged: its weights are not those that were written")
    network = network.to_empty(device="cpu")
    load_tensors(network, tensors)
    if hasattr(network, "check"):
        try:
            network.check()
        except ParameterInvalid as error:
            raise _invalid(path, f"its network is wrong: {error}") from error
    return TrainedModel(
        kind=header["kind"],
        architecture=header["architecture"],
        encoding=header["encoding"],
        factors=header["factors"],
        pixel_size=float(header["pixel_size"]),
        settings=header["settings"],
        seed=header["seed"],
        history=header["history"],
        metrics=header["metrics"],
        training=header["training"],
        versions=header["versions"],
        network=network,
    )


def network_tensors(network: nn.Module) -> dict[str, np.ndarray]:
    """Return a network's weights and batch-norm statistics as arrays by name: float32, or int32 where it has them."""
    return {
        name: value.detach().to("cpu", _stored(value)[0]).contiguous().numpy()
        for name, value in sorted(_state(network).items())
    }


def load_tensors(network: nn.Module, tensors: Mapping[str, np.ndarray]) -> None:
    """Put arrays from :func:`network_tensors` into a network of the same architecture."""
    state = network.state_dict()
    with torch.no_grad():
        for name, value in state.items():
            value.copy_(torch.from_numpy(tensors[name])) if name in tensors else value.zero_()


def _build(header: Mapping[str, Any], path: Path) -> nn.Module:
    """Build the network without memory for its weights."""
    try:
        check_architecture(header["architecture"])
        channels = Encoding(header["factors"], header["encoding"]).channels
        if header["architecture"]["channels"] != channels:
            raise _invalid(
                path,
                f"its network reads {header['architecture']['channels']} channels, but its factors give {channels}",
            )
        with torch.device("meta"):
            return build_network(header["architecture"])
    except ParameterInvalid as error:
        raise _invalid(path, f"its network is wrong: {error}") from error


def _state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNTERS)}


def _stored(value: torch.Tensor) -> tuple[torch.dtype, str]:
    """Return the type in which a tensor is stored, as torch and as the file call it."""
    return (torch.float32, "F32") if value.dtype.is_floating_point else (torch.int32, "I32")


def _read_tensors(stream: Any, network: nn.Module, path: Path) -> dict[str, np.ndarray]:
    expected = _state(network)
    if set(stream.keys()) != set(expected):
        raise _invalid(path, "its tensors are not those of its network")
    tensors = {}
    for name, value in expected.items():
        part = stream.get_slice(name)
        if part.get_dtype() != _stored(value)[1] or tuple(part.get_shape()) != tuple(value.shape):
            raise _invalid(path, f"its tensor {name} has the wrong form")
        tensors[name] = stream.get_tensor(name)
        if not np.isfinite(tensors[name]).all() or (name.endswith("running_var") and (tensors[name] < 0).any()):
            raise _invalid(path, f"its tensor {name} holds impossible values")
    return tensors


def _invalid(path: Path, what: str) -> ModelFileInvalid:
    return ModelFileInvalid(
        f"The model {path} cannot be used: {what}. Choose a model file written by Scarp, or train it again."
    )
