"""Trained models made ready for whole tiles: each kind in the form that is fastest without changing the map."""

from __future__ import annotations

import copy
from typing import Protocol

import numpy as np
import torch

from ..artifact import TrainedModel
from ..networks.additive import AdditiveUNet
from ..networks.dropout import set_sample
from ..networks.unet import UNet
from ..training.devices import lower_precision
from .unet_inference import FastUNet, Span, Step, rows_of_strip
from .unet_weights import ClassTables, CompactTile, FastCurves, StripEncoder

REDUCED_PRECISION_NETWORKS = ("unet", "additive_unet", "bpnn", "resnet")
"""Network types that gain from 16-bit arithmetic; the others look up or add, which 16 bits would only blur."""

BYTES_MODULE = 24
"""Memory for a cell and channel of a strip, for networks that are run as they were trained."""


class Engine(Protocol):
    """A model on one device in one arithmetic. May be used by several threads at once."""

    bytes_per_column: float
    """Memory for a column of a tile while it is computed in rows, beside the tile itself."""

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit of landslide over stable.

        Args:
            tile: its sides are multiples of the model's ``align``, and it reaches the model's halo beyond the core.
            core: cells wanted.
            sample: seed of a dropout sample; ``None`` for the network without dropout.
            step: hears the share of the work done since its last call, 1 in all; may raise to stop.

        Returns:
            float32, shape (core.height, core.width).
        """


def effective_dtype(model: TrainedModel, dtype: torch.dtype) -> torch.dtype:
    """Return the arithmetic for a model when a lower one was chosen for all that gain from it."""
    return dtype if model.architecture["type"] in REDUCED_PRECISION_NETWORKS else torch.float32


def make_engine(model: TrainedModel, tables: ClassTables, device: torch.device, dtype: torch.dtype) -> Engine:
    """Return a model on a device and in an arithmetic; the model itself stays as it is."""
    kind = UNetEngine if isinstance(model.network, (UNet, AdditiveUNet)) else ModuleEngine
    return kind(model, tables, device, dtype)


class UNetEngine:
    """PCUM and the plain U-Net."""

    def __init__(self, model: TrainedModel, tables: ClassTables, device: torch.device, dtype: torch.dtype) -> None:
        """Fold the network; samples are folded when they are asked for."""
        network = model.network
        additive = isinstance(network, AdditiveUNet)
        self._unet: UNet = network.unet if additive else network
        self._device, self._dtype = device, dtype
        self._plain = FastUNet(self._unet, device, dtype)
        self._encoder = StripEncoder(tables, model.encoder, device, dtype)
        # Curves stay in full precision: 16 bits would blur them and gain nothing.
        self._curves = FastCurves(network.curves, tables, model.encoder, device) if additive else None
        self.bytes_per_column = self._plain.bytes_per_column

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit; see :class:`Engine`."""
        unet, height, width = self._of(sample), *tile.shape
        tile = tile.to(self._device)
        result = torch.empty((core.height, core.width), device=self._device)
        with torch.inference_mode():
            image = _Image(self._encoder, tile)
            for first, last, logit in unet.logit(image, height, width, core, step):
                if self._curves is not None:
                    logit += self._curves.logit(tile, first, last, core.left, core.right)
                result[first - core.top : last - core.top] = logit
        return result.cpu().numpy()

    def _of(self, sample: int | None) -> FastUNet:
        if sample is None:
            return self._plain
        unet = copy.deepcopy(self._unet)
        set_sample(unet, sample)
        return FastUNet(unet, self._device, self._dtype)


class _Image:
    """Rows of an encoded tile."""

    def __init__(self, encoder: StripEncoder, tile: CompactTile) -> None:
        self._encoder, self._tile = encoder, tile

    def __call__(self, first: int, last: int) -> torch.Tensor:
        return self._encoder.image(self._tile, first, last)


class ModuleEngine:
    """Every other kind: the network as it was trained, in strips. None of them looks beyond its patch."""

    def __init__(self, model: TrainedModel, tables: ClassTables, device: torch.device, dtype: torch.dtype) -> None:
        """Copy the network; a sample is run in a copy of its own, because masks are set in its layers."""
        self._network = copy.deepcopy(model.network).eval().to(device)
        self._device, self._dtype, self._align = device, dtype, model.align
        self._channels = model.encoder.channels
        self._encoder = StripEncoder(tables, model.encoder, device, torch.float32)
        self.bytes_per_column = max(rows_of_strip(0, device), model.align) * self._channels * BYTES_MODULE

    def logit(self, tile: CompactTile, core: Span, sample: int | None, step: Step) -> np.ndarray:
        """Return the logit; see :class:`Engine`."""
        network = self._network
        if sample is not None:
            network = copy.deepcopy(network)
            set_sample(network, sample)
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
