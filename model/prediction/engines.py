"""Trained models prepared for whole tiles: each kind in the form that is fastest without changing the map.

A one-hot image has a channel for each class, most of them zero. Written out for a whole tile it takes several times the
memory of the factors and as long as a convolution. Here it is looked up, a few rows at a time, in tables with one row
for each combination of classes, in the dtype and memory order that the convolutions want.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ..artifact import TrainedModel
from ..encoding import Encoding
from ..networks.parts import PcumParts
from ..networks.pointwise import AdditivePointwise
from ..networks.unet import AdditiveUNet, Curves, UNet, set_sample
from ..training.devices import lower_precision
from .unet_inference import FastUNet, Span, Step, rows_of_strip

MAX_TABLE_ROWS = 16384  # rows of a table; what it holds then stays in the fast memory of a processor


@dataclass
class CompactTile:
    """One tile as one model sees it."""

    scores: torch.Tensor  # z-scores of the continuous factors, float32 (factors, height, width), 0 without data
    keys: list[torch.Tensor]  # for each table the row of each cell, int32 (height, width)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in cells."""
        return self.scores.shape[-2], self.scores.shape[-1]

    def part(self, row: int, column: int, height: int, width: int) -> CompactTile:
        """Return a rectangle of the tile."""
        rows, columns = slice(row, row + height), slice(column, column + width)
        return CompactTile(self.scores[:, rows, columns], [key[rows, columns] for key in self.keys])

    def to(self, device: torch.device) -> CompactTile:
        """Return the tile on a device."""
        if device.type == "cpu":
            return self
        arrays, cuda = [self.scores, *self.keys], device.type == "cuda"
        if cuda:
            # Pinned memory is copied while the GPU still computes the tile before.
            arrays = [array.contiguous().pin_memory() for array in arrays]
        scores, *keys = (array.to(device, non_blocking=cuda) for array in arrays)
        return CompactTile(scores, keys)


class ClassTables:
    """The class channels of an :class:`Encoding`, as few tables whose rows are combinations of classes."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self.groups: list[list[int]] = []  # places among the categorical factors that share a table
        rows = 1
        for place, table in enumerate(encoding.tables):
            if not self.groups or rows * len(table) > MAX_TABLE_ROWS:
                self.groups.append([])
                rows = 1
            self.groups[-1].append(place)
            rows *= len(table)

    def pack(self, raw: np.ndarray) -> tuple[CompactTile, np.ndarray, np.ndarray]:
        """Return a tile, and class numbers and validity as :meth:`Encoding.split` gives them for ``raw``."""
        scores, numbers, valid = self._encoding.split(raw)
        keys = []
        for group in self.groups:
            key = numbers[group[0]].astype(np.int32)
            for place in group[1:]:
                key *= len(self._encoding.tables[place])
                key += numbers[place]
            keys.append(torch.from_numpy(key))
        return CompactTile(torch.from_numpy(scores), keys), numbers, valid

    def combined(self, columns: list[np.ndarray]) -> list[torch.Tensor]:
        """Return for each group the table that its keys look up, float32 (combinations, values of all its factors).

        ``columns`` has for each categorical factor what its classes stand for, float (classes, values).
        """
        tables = []
        for group in self.groups:
            rows = np.indices([len(columns[place]) for place in group]).reshape(len(group), -1)
            parts = [np.asarray(columns[place], dtype=np.float32)[row] for place, row in zip(group, rows)]
            tables.append(torch.from_numpy(np.concatenate(parts, axis=1)))
        return tables


class StripEncoder:
    """Writes rows of a compact tile as the image that a network reads."""

    def __init__(self, tables: ClassTables, encoding: Encoding, device: torch.device, dtype: torch.dtype) -> None:
        self._continuous, self._channels = len(encoding.continuous), encoding.channels
        self._tables = [table.to(device, dtype) for table in tables.combined(encoding.tables)]
        self._dtype = dtype
        if len(self._tables) == 1:
            # With the places of the scores in it, one look-up gives the whole image.
            empty = torch.zeros(len(self._tables[0]), self._continuous, device=device, dtype=dtype)
            self._tables = [torch.cat([empty, self._tables[0]], dim=1)]

    def image(self, tile: CompactTile, first: int, last: int) -> torch.Tensor:
        """Return rows ``first`` … ``last`` (not included), shape (1, channels, rows, width), channels last."""
        width = tile.shape[1]
        scores = tile.scores[:, first:last].to(self._dtype)
        keys = [key[first:last].reshape(-1) for key in tile.keys]
        if len(keys) == 1:
            flat = torch.embedding(self._tables[0], keys[0])
        else:
            flat = torch.empty((last - first) * width, self._channels, dtype=self._dtype, device=scores.device)
            column = self._continuous
            for table, key in zip(self._tables, keys):
                flat[:, column : column + table.shape[1]] = torch.embedding(table, key)
                column += table.shape[1]
        for channel in range(self._continuous):
            flat[:, channel] = scores[channel].reshape(-1)
        return flat.view(1, last - first, width, self._channels).permute(0, 3, 1, 2)


# Network types that gain from 16-bit arithmetic; the others look up or add, which 16 bits would only blur.
_REDUCED_PRECISION_NETWORKS = ("unet", "additive_unet", "bpnn", "resnet")
BYTES_LOGITS = 16  # memory for a cell and network of a strip, where the logits of several are held
BYTES_MODULE = 24  # memory for a cell and channel of a strip, for networks that are run as they were trained
CURVE_CELLS = 8192  # computed at once, so that all pieces of all curves stay in the cache of a processor


class Engine(Protocol):
    """A model on one device in one precision. May be used by several threads at once."""

    bytes_per_column: float  # memory for a column of a tile while it is computed in rows, beside the tile itself

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit of landslide over stable for the core of a tile, float32 (height, width).

        The sides of the tile are multiples of the model's ``align``, and it extends the model's halo beyond the core.
        ``sample`` is the seed of a dropout sample, ``None`` without dropout; ``step`` receives the share of the work
        done since its last call, 1 in all, and may raise to stop.
        """


@dataclass(frozen=True)
class ComputeSetup:
    """What a map is computed with."""

    device: torch.device
    dtypes: list[torch.dtype]  # one per model
    engines: list[Engine]

    @property
    def name(self) -> str:
        """Name of the lowest precision in use."""
        return str(min(self.dtypes, key=lambda dtype: torch.finfo(dtype).bits)).replace("torch.", "")


def gains_from_16_bits(architecture: Mapping[str, Any]) -> bool:
    """Return whether a network of a description is computed in 16 bits where these are asked for."""
    return architecture["type"] in _REDUCED_PRECISION_NETWORKS or bool(architecture.get("unet_depth"))


def make_engine(model: TrainedModel, tables: ClassTables, device: torch.device, dtype: torch.dtype) -> Engine:
    """Return a model on a device and in a precision; the model itself stays as it is."""
    network = model.network
    if isinstance(network, AdditiveUNet):
        # Curves stay in full precision: 16 bits would blur them and gain nothing.
        curves = FastCurves(network.curves, tables, model.encoder, device)
        return UNetEngine(network.unet, curves, StripEncoder(tables, model.encoder, device, dtype), device, dtype)
    if isinstance(network, UNet):
        return UNetEngine(network, None, StripEncoder(tables, model.encoder, device, dtype), device, dtype)
    if isinstance(network, AdditivePointwise):
        return PointwiseEngine(network, tables, model.encoder, device)
    if isinstance(network, PcumParts):
        return PartsEngine(network, tables, model.encoder, device, dtype)
    return ModuleEngine(network, tables, model.encoder, device, dtype)


class UNetEngine:
    """PCUM and the plain U-Net."""

    def __init__(
        self, unet: UNet, curves: FastCurves | None, encoder: StripEncoder, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._unet, self._curves, self._encoder = unet, curves, encoder
        self._device, self._dtype = device, dtype
        self._plain = FastUNet(unet, device, dtype)
        self.bytes_per_column = self._plain.bytes_per_column

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit; see :class:`Engine`."""
        unet = self._plain
        if sample is not None:
            unet = FastUNet(_sampled(self._unet, sample), self._device, self._dtype)
        height, width = tile.shape
        tile = tile.to(self._device)
        result = torch.empty((core.height, core.width), device=self._device)
        with torch.inference_mode():
            image = functools.partial(self._encoder.image, tile)
            for first, last, logit in unet.logit(image, height, width, core, step):
                if self._curves is not None:
                    logit += self._curves.logit(tile, first, last, core.left, core.right)
                result[first - core.top : last - core.top] = logit
        return result.cpu().numpy()


class PointwiseEngine:
    """PCUM of curves and a network of single cells, in full precision, in strips."""

    def __init__(
        self, network: AdditivePointwise, tables: ClassTables, encoding: Encoding, device: torch.device
    ) -> None:
        self._curves = FastCurves(network.curves, tables, encoding, device)
        self._network = copy.deepcopy(network).eval().to(device) if network.has_residual else None
        self._encoder = StripEncoder(tables, encoding, device, torch.float32)
        self._device, self._rows = device, rows_of_strip(0, device)
        features = max(encoding.channels, network.width)
        self.bytes_per_column = float(self._rows * features * BYTES_MODULE)

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit; see :class:`Engine`."""
        network = self._network if sample is None or self._network is None else _sampled(self._network, sample)
        tile = tile.to(self._device)
        result = torch.empty((core.height, core.width), device=self._device)
        with torch.inference_mode():
            for first in range(core.top, core.bottom, self._rows):
                last = min(first + self._rows, core.bottom)
                part = self._curves.logit(tile, first, last, core.left, core.right)
                if network is not None:
                    image = self._encoder.image(tile, first, last)[:, :, :, core.left : core.right]
                    part += network.residual(image)[0, 0]
                result[first - core.top : last - core.top] = part
                step((last - first) / core.height)
        return result.cpu().numpy()


class FoldsEngine(PointwiseEngine):
    """The network of all land and those of the folds, which have the knots of their curves in common."""

    def __init__(
        self, networks: Sequence[AdditivePointwise], tables: ClassTables, encoding: Encoding, device: torch.device
    ) -> None:
        super().__init__(networks[0], tables, encoding, device)
        self._all_curves = ManyCurves([FastCurves(one.curves, tables, encoding, device) for one in networks])
        self._networks = [copy.deepcopy(one).eval().to(device) if one.has_residual else None for one in networks]
        self.bytes_per_column += float(self._rows * len(networks) * BYTES_LOGITS)

    def strips(self, tile: CompactTile, core: Span, step: Step) -> Iterator[tuple[int, int, torch.Tensor]]:
        """Yield first and last row (not included) of strips of the core, and the logits of all networks, float32
        (networks, rows, columns).
        """
        tile = tile.to(self._device)
        for first in range(core.top, core.bottom, self._rows):
            last = min(first + self._rows, core.bottom)
            with torch.inference_mode():
                part = self._all_curves.logits(tile, first, last, core.left, core.right)
                if any(network is not None for network in self._networks):
                    image = self._encoder.image(tile, first, last)[:, :, :, core.left : core.right]
                    for number, network in enumerate(self._networks):
                        if network is not None:
                            part[number] += network.residual(image)[0, 0]
            yield first - core.top, last - core.top, part
            step((last - first) / core.height)


class ModuleEngine:
    """Every other kind: the network as it was trained, in strips. None of them sees beyond its patch."""

    def __init__(
        self, network: Any, tables: ClassTables, encoding: Encoding, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._network = copy.deepcopy(network).eval().to(device)
        self._device, self._dtype, self._align = device, dtype, int(network.align)
        self._encoder = StripEncoder(tables, encoding, device, torch.float32)
        rows = max(rows_of_strip(0, device), self._align)
        self.bytes_per_column = float(rows * encoding.channels * BYTES_MODULE)

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit; see :class:`Engine`."""
        network = self._network if sample is None else _sampled(self._network, sample)
        height, width = tile.shape
        tile = tile.to(self._device)
        result = torch.empty((height, width), device=self._device)
        with torch.inference_mode(), lower_precision(self._device, self._dtype):
            rows = self._align * max(1, rows_of_strip(0, self._device) // self._align)
            for first in range(0, height, rows):
                last = min(first + rows, height)
                logits = network(self._encoder.image(tile, first, last))[0].float()
                result[first:last] = logits[1] - logits[0]
                step((last - first) / height)
        return result[core.top : core.bottom, core.left : core.right].cpu().numpy()


class PartsEngine:
    """PCUM with a U-Net or boosted trees beside the network of single cells: each part by an engine of its own."""

    def __init__(
        self, network: PcumParts, tables: ClassTables, encoding: Encoding, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._network, self._given = network, (tables, encoding, device, dtype)
        self._engines = self._parts(network)
        self.bytes_per_column = max(engine.bytes_per_column for engine in self._engines)

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit; see :class:`Engine`."""
        # Masks are drawn for the whole network, and set in the parts before their engines are made.
        engines = self._engines if sample is None else self._parts(_sampled(self._network, sample))
        share = 1 / len(engines)
        found = [engine.logit(tile, core, None, lambda done: step(share * done)) for engine in engines]
        total = found[0]
        if self._network.unet is not None:
            total = total + found[1]
        return total if self._network.trees is None else (total + found[-1]) / 2

    def _parts(self, network: PcumParts) -> list[Engine]:
        tables, encoding, device, dtype = self._given
        result: list[Engine] = [PointwiseEngine(network.pointwise, tables, encoding, device)]
        if network.unet is not None:
            encoder = StripEncoder(tables, encoding, device, dtype)
            result.append(UNetEngine(network.unet, None, encoder, device, dtype))
        if network.trees is not None:
            result.append(ModuleEngine(network.trees, tables, encoding, device, torch.float32))
        return result


class FastCurves:
    """What curves and class weights add to the logit of landslide over stable: one number per cell, looked up."""

    # A curve is its value at the first knot plus, for each piece, the slope times how far a value reaches into it.
    def __init__(self, curves: Curves, tables: ClassTables, encoding: Encoding, device: torch.device) -> None:
        linear: Any = curves.linear
        weight = _difference(linear.weight.detach()[:, :, 0, 0])
        bias = float(_difference(linear.bias.detach()[:, None])[0])
        knots = curves.knots.detach().double().cpu().numpy()
        heights = _difference(curves.heights.detach().transpose(0, 1))
        # The linear term is constant beyond the outer knots like the curves, so it is part of them.
        heights = heights + weight[: curves.continuous, None] * knots
        slopes = np.diff(heights) / np.diff(knots)

        def on_device(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

        self._start = on_device(knots[:, :-1, None])
        self._length = on_device(np.diff(knots)[:, :, None])
        self._slopes = on_device(slopes.reshape(-1))
        self._base = bias + float(heights[:, 0].sum())
        self._device = device
        columns, channel = [], curves.continuous
        for table in encoding.tables:
            columns.append(table.astype(np.float64) @ weight[channel : channel + table.shape[1], None])
            channel += table.shape[1]
        self._classes = [table.sum(dim=1).to(device) for table in tables.combined(columns)]

    def logit(self, tile: CompactTile, first: int, last: int, left: int, right: int) -> torch.Tensor:
        """Return the logit of rows first … last and columns left … right (ends not included), float32."""
        shape = last - first, right - left
        total = torch.full((shape[0] * shape[1],), self._base, device=self._device)
        for classes, key in zip(self._classes, tile.keys):
            total += classes.index_select(0, key[first:last, left:right].reshape(-1))
        for start, end, reach in self.reaches(tile, first, last, left, right):
            total[start:end] += torch.mv(reach.t(), self._slopes)
        return total.reshape(shape)

    def reaches(
        self, tile: CompactTile, first: int, last: int, left: int, right: int
    ) -> Iterator[tuple[int, int, torch.Tensor]]:
        """Yield first and last of some cells (not included), and how far they reach into each piece of the curves,
        (pieces, cells), which is overwritten for the next ones.
        """
        scores = tile.scores[:, first:last, left:right].reshape(len(tile.scores), -1)
        if not len(scores):
            return
        size = CURVE_CELLS if self._device.type == "cpu" else scores.shape[1]
        pieces = torch.empty(*self._start.shape[:2], min(size, scores.shape[1]), device=self._device)
        zero = torch.zeros((), device=self._device)
        for start in range(0, scores.shape[1], size):
            part = scores[:, None, start : start + size]
            reach = pieces[:, :, : part.shape[2]]
            torch.sub(part, self._start, out=reach)
            # Three times as fast as one clamp between tensors.
            torch.maximum(reach, zero, out=reach)
            torch.minimum(reach, self._length, out=reach)
            yield start, start + part.shape[2], reach.reshape(len(self._slopes), -1)


class ManyCurves:
    """Curves of several networks with the same knots, together: how far a value reaches into a piece is the same."""

    def __init__(self, curves: Sequence[FastCurves]) -> None:
        self._first = curves[0]
        self._base = torch.tensor([one._base for one in curves], device=self._first._device)
        self._slopes = torch.stack([one._slopes for one in curves], dim=1)
        self._classes = [torch.stack(tables, dim=1) for tables in zip(*(one._classes for one in curves))]

    def logits(self, tile: CompactTile, first: int, last: int, left: int, right: int) -> torch.Tensor:
        """Return the logits of rows first … last and columns left … right (ends not included), float32 (networks, rows,
        columns).
        """
        shape = last - first, right - left
        total = self._base.repeat(shape[0] * shape[1], 1)
        for classes, key in zip(self._classes, tile.keys):
            total += classes.index_select(0, key[first:last, left:right].reshape(-1))
        for start, end, reach in self._first.reaches(tile, first, last, left, right):
            total[start:end] += reach.t() @ self._slopes
        return total.t().reshape(-1, *shape)


def _sampled(network: Any, sample: int) -> Any:
    """Return a copy, because masks are set in its layers."""
    network = copy.deepcopy(network)
    set_sample(network, sample)
    return network


def _difference(two: torch.Tensor) -> np.ndarray:
    """Return landslide minus stable, float64."""
    array = two.double().cpu().numpy()
    return array[1] - array[0]
