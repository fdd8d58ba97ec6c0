"""The trained model: one self-describing ``.safetensors`` file, read without trusting it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import nn

from .applicability import index as applicability_index
from .applicability.index import ApplicabilityIndex
from .artifact_header import (
    FORMAT,
    FORMAT_WITH_CALIBRATION,
    FORMAT_WITH_FOLDS,
    FORMAT_WITHOUT_CALIBRATION,
    HEADER_KEY,
    factor_to_dict,
    invalid_model,
    read_header,
    write_header,
)
from .calibration import Calibration
from .encoding import Encoding, FactorSpec
from .errors import InputMissing, ParameterInvalid
from .networks import build_network, check_architecture
from .networks.unet import set_sample
from .outputs.atomic import atomic_output
from .outputs.run_record import checksum
from .training.devices import choose_device, choose_precision, lower_precision
from .uncertainty import DensityInterval, FoldNetwork

MAX_FILE_BYTES = 2 * 1024**3
_CHECKSUM = "checksum"  # of the tensors, a key of ``training``; older files have none
_COUNTERS = "num_batches_tracked"  # batch norm's counter, which a trained network does not read


@dataclass
class TrainedModel:
    """A network with everything needed to apply it to another area; all but the network is in the file's header."""

    kind: str
    architecture: dict[str, Any]
    encoding: str
    factors: list[FactorSpec]
    pixel_size: float  # in metres
    settings: dict[str, Any]
    seed: int
    history: list[dict[str, Any]]
    metrics: dict[str, Any]
    training: dict[str, Any]  # windows or cells, labels and inputs
    versions: dict[str, str]
    network: Any = field(repr=False)  # a ``torch.nn.Module`` with ``halo`` and ``align``; see :mod:`.networks`
    calibration: Calibration | None = None  # of the logit, if the susceptibility is a probability
    interval: DensityInterval | None = None  # of the logit before its calibration; of cross-fitted models
    applicability: ApplicabilityIndex | None = None  # where it may be trusted; of cross-fitted models
    folds: list[FoldNetwork] = field(default_factory=list, repr=False)  # of cross-fitted models

    def __post_init__(self) -> None:
        self.encoder = Encoding(self.factors, self.encoding)
        self.factor_names = [spec.name for spec in self.factors]  # in the order of the raw arrays
        self.halo = int(self.network.halo)  # cells of context around a tile, on every side
        self.align = int(self.network.align)  # cells of which tile origins, halo included, must be multiples
        self.patch = int(getattr(self.network, "patch", 1))  # side in cells of a square with a single prediction, or 1
        self.to("cpu", "fp32")

    def to(self, device: str, precision: str = "fp32") -> None:
        """Move the network to a device and choose its precision; see :mod:`.training.devices` for the names.

        Raises:
            DeviceUnavailable: there is no such device, or it lacks the precision.
        """
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.network.eval().to(self.device)

    def with_network(self, network: Any) -> TrainedModel:
        """Return this model with another network that reads the same channels."""
        return replace(self, network=network, folds=[])

    def calibrated(self, logit: Any) -> Any:
        """Return the logit of landslide, an array or tensor, from that of the network."""
        return logit if self.calibration is None else self.calibration(logit)

    def probability(self, raw: np.ndarray, sample: int | None = None) -> np.ndarray:
        """Return the probability of landslide, float32 (height, width), NaN where any factor has no data.

        ``raw`` holds physical values and class codes in the model's factor order, float32 (factors, height, width), NaN
        without data; ``sample`` is the seed of a sample with dropout. Cells nearer than ``halo`` to the array's border
        are correct only if there is no data beyond it.
        """
        image, valid = self.encoder.encode(raw)
        height, width = valid.shape
        image = np.pad(image, [(0, 0), (0, -height % self.align), (0, -width % self.align)])
        set_sample(self.network, sample)
        try:
            with torch.inference_mode(), lower_precision(self.device, self.dtype):
                logits = self.network(torch.from_numpy(image)[None].to(self.device))[0].float()
        finally:
            set_sample(self.network, None)
        # Softmax over two logits is the logistic function of their difference.
        result = torch.sigmoid(self.calibrated(logits[1] - logits[0]))[:height, :width].cpu().numpy()
        return np.where(valid, result, np.float32(np.nan))


_MEMBERS = tuple(member.name for member in fields(TrainedModel) if member.name not in ("network", "folds"))
_OPTIONAL = ("calibration", "interval", "applicability")  # members that a file has only if they are there


def save_model(model: TrainedModel, path: str | os.PathLike) -> None:
    """Write a model atomically; the same training gives the same bytes.

    Raises:
        OutputNotWritable: the file cannot be written.
    """
    tensors = network_tensors(model.network)
    for number, fold in enumerate(model.folds):
        tensors |= {_of_fold(number, name): value for name, value in network_tensors(fold.network).items()}
    if model.applicability is not None:
        tensors |= model.applicability.tensors()
    content = {
        **{name: getattr(model, name) for name in _MEMBERS},
        "format": FORMAT_WITHOUT_CALIBRATION,
        "program": "scarp",
        "factors": [factor_to_dict(spec) for spec in model.factors],
        "training": {**model.training, _CHECKSUM: checksum(tensors)},
    }
    for name in _OPTIONAL:
        part = content.pop(name)
        if part is not None:
            content[name] = part.as_dict()
    if model.folds:
        content["folds"] = [fold.architecture for fold in model.folds]
    if any(spec.component is not None for spec in model.factors):
        content["format"] = FORMAT
    elif model.folds or model.interval is not None or model.applicability is not None:
        content["format"] = FORMAT_WITH_FOLDS
    elif model.calibration is not None:
        content["format"] = FORMAT_WITH_CALIBRATION
    header = write_header(content)
    # Never write a file that would be refused on reading.
    read_header(header, Path(path).name)
    with atomic_output(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={HEADER_KEY: header}))


def load_model(path: str | os.PathLike) -> TrainedModel:
    """Read and check a model.

    The file is untrusted: nothing in it is executed, and sizes are checked before memory is allocated.

    Raises:
        InputMissing: there is no such file.
        ModelFileInvalid: it is no Scarp model, damaged, or from a newer version.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise InputMissing(f"The model {path} does not exist. Check the path, or train one first.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise invalid_model(path, "it is far larger than any model")
    try:
        with safe_open(str(path), framework="np") as stream:
            header = read_header((stream.metadata() or {}).get(HEADER_KEY, "{}"), str(path))
            networks = [_build(header, path, own) for own in (header["architecture"], *header["folds"])]
            tensors = _read_tensors(stream, networks, path)
            of_index = _read_index_tensors(stream, header, path)
    except (SafetensorError, OSError) as error:
        raise invalid_model(path, f"it cannot be read ({error})") from error
    # A changed bit in a weight would change the map without any other symptom.
    whole = checksum({**tensors, **of_index})
    if header["training"].pop(_CHECKSUM, whole) != whole:
        raise invalid_model(path, "it is damaged: its weights are not those that were written")
    network, *of_folds = [_filled(one, number - 1, tensors, path) for number, one in enumerate(networks)]
    folds = [FoldNetwork(*pair) for pair in zip(header["folds"], of_folds)]
    header["pixel_size"] = float(header["pixel_size"])
    if header["applicability"] is not None:
        header["applicability"] = applicability_index.read_index(header["applicability"], of_index)
        if header["applicability"] is None:
            raise invalid_model(path, "its applicability index holds impossible values")
    return TrainedModel(**{name: header[name] for name in _MEMBERS}, network=network, folds=folds)


def network_tensors(network: nn.Module) -> dict[str, np.ndarray]:
    """Return a network's weights and batch-norm statistics as arrays by name: float32, or int32 where it has them."""
    return {
        name: value.detach().to("cpu", _stored(value)[0]).contiguous().numpy()
        for name, value in sorted(_state(network).items())
    }


def _of_fold(number: int, name: str) -> str:
    """Return the name in the file of a tensor of the network of a fold, or with -1 of the network of all land."""
    return name if number < 0 else f"fold {number + 1}/{name}"


def _build(header: Mapping[str, Any], path: Path, architecture: dict[str, Any]) -> nn.Module:
    """Build a network without allocating its weights."""
    try:
        check_architecture(architecture)
        channels = Encoding(header["factors"], header["encoding"]).channels
        found = architecture["channels"]
        if found != channels:
            raise invalid_model(path, f"its network reads {found} channels, but its factors give {channels}")
        curves = len(Encoding(header["factors"], header["encoding"]).continuous)
        if architecture.get("continuous", curves) != curves:
            raise invalid_model(path, f"its network has curves of other factors than the {curves} continuous ones")
        with torch.device("meta"):
            return build_network(architecture)
    except ParameterInvalid as error:
        raise invalid_model(path, f"its network is wrong: {error}") from error


def _filled(network: nn.Module, fold: int, tensors: Mapping[str, np.ndarray], path: Path) -> nn.Module:
    """Return a network with its weights from the tensors of a file; ``fold`` as for :func:`_of_fold`."""
    network = network.to_empty(device="cpu")
    names = {name: _of_fold(fold, name) for name in network.state_dict()}
    network.load_state_dict(
        {
            name: torch.from_numpy(tensors[names[name]]) if names[name] in tensors else torch.zeros_like(old)
            for name, old in network.state_dict().items()
        }
    )
    if hasattr(network, "check"):
        try:
            network.check()  # type: ignore[operator]  # torch types every member as a tensor or module
        except ParameterInvalid as error:
            raise invalid_model(path, f"its network is wrong: {error}") from error
    return network.eval()


def _state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNTERS)}


def _stored(value: torch.Tensor) -> tuple[torch.dtype, str]:
    """Return the stored type of a tensor, as torch and as the file call it."""
    return (torch.float32, "F32") if value.dtype.is_floating_point else (torch.int32, "I32")


def _read_tensors(stream: Any, networks: Sequence[nn.Module], path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of the network of all land and of those of the folds, by their names in the file."""
    expected = {
        _of_fold(number - 1, name): value
        for number, network in enumerate(networks)
        for name, value in _state(network).items()
    }
    if {name for name in stream.keys() if not name.startswith(applicability_index.PREFIX)} != set(expected):  # noqa: SIM118
        raise invalid_model(path, "its tensors are not those of its network")
    tensors = {}
    for name, value in expected.items():
        part = stream.get_slice(name)
        if part.get_dtype() != _stored(value)[1] or tuple(part.get_shape()) != tuple(value.shape):
            raise invalid_model(path, f"its tensor {name} has the wrong type or shape")
        tensors[name] = stream.get_tensor(name)
        if not np.isfinite(tensors[name]).all() or (name.endswith("running_var") and (tensors[name] < 0).any()):
            raise invalid_model(path, f"its tensor {name} holds impossible values")
    return tensors


def _read_index_tensors(stream: Any, header: Mapping[str, Any], path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the applicability index; none without one."""
    names = [name for name in stream.keys() if name.startswith(applicability_index.PREFIX)]  # noqa: SIM118
    if header["applicability"] is None:
        if names:
            raise invalid_model(path, "its tensors are not those of its network")
        return {}
    parts = {name: stream.get_slice(name) for name in names}
    found = {name: tuple(part.get_shape()) for name, part in parts.items()}
    if found != applicability_index.shapes(Encoding(header["factors"], header["encoding"]), found):
        raise invalid_model(path, "the tensors of its applicability index are missing or of the wrong shape")
    for name, part in parts.items():
        if part.get_dtype() != ("I32" if name.endswith("cells") else "F32"):
            raise invalid_model(path, f"its tensor {name} has the wrong type")
    return {name: stream.get_tensor(name) for name in names}
