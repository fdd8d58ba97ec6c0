"""Untrained models with strong weights and busy batch statistics, so that any wrong context shows; stacks; the job."""

from __future__ import annotations

import numpy as np
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.artifact import TrainedModel, save_model
from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.grid import Grid
from scarp.model.jobs.predict_susceptibility import PredictionSummary, predict_susceptibility
from scarp.model.networks import build_network
from scarp.model.networks.trees import Forest, Trees
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.prediction.tiling import round_up
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.tests.core.conftest import write_stack

ROCKS = {1: "granite", 2: "schist", 3: "till"}
SOILS = {code: f"soil {code}" for code in range(1, 7)}
FACTORS = [
    StackFactor("slope", "continuous", "degrees"),
    StackFactor("lithology", "categorical", classes=ROCKS),
    StackFactor("precipitation", "continuous", "mm"),
    StackFactor("soil", "categorical", classes=SOILS),
]
SPECS = [
    FactorSpec("precipitation", "continuous", "mm", mean=900, std=200, minimum=300, maximum=1500),
    FactorSpec("lithology", "categorical", classes=ROCKS, mean=2, std=0.8, minimum=1, maximum=3, seen=(1, 3)),
    FactorSpec("slope", "continuous", "degrees", mean=25, std=12, minimum=0, maximum=60),
    FactorSpec("soil", "categorical", classes=SOILS, mean=3, std=1.7, minimum=1, maximum=6, seen=(1, 2, 4, 5, 6)),
]
POINTWISE = {"width": 6, "dropout": 0.3, "channel_dropout": 0.2, "continuous": 2, "knots": 5}
TREES = {"trees": 2, "nodes": 10, "tree_depth": 2}
KINDS = {
    "unet1": {"type": "unet", "width": 5, "depth": 1, "dropout": 0.3},
    "unet4": {"type": "unet", "width": 3, "depth": 4, "dropout": 0.3},
    "pcum": {"type": "additive_unet", "width": 5, "depth": 2, "dropout": 0.3, "continuous": 2, "knots": 5},
    "pointwise": {**POINTWISE, "type": "additive_pointwise"},
    "parts": {**POINTWISE, "type": "pcum_parts", "unet_width": 4, "unet_depth": 1, **TREES},
    "parts_trees": {**POINTWISE, "type": "pcum_parts", "unet_width": 4, "unet_depth": 0, **TREES},
    "bpnn": {"type": "bpnn", "patch": 20, "width": 8, "dropout": 0.3},
    "resnet": {"type": "resnet", "patch": 20, "width": 4, "dropout": 0.3},
    "linear": {"type": "linear"},
    "tables": {"type": "tables", "continuous": 2, "bins": 4},
    "forest": {"type": "forest", "trees": 2, "nodes": 10, "depth": 2},
    "boosted": {"type": "boosted_trees", "trees": 2, "nodes": 10, "depth": 2},
    "splines": {"type": "splines", "continuous": 2, "knots": 4},
}

RANDOM = (
    "head",
    "heights",
    "linear",
    "bins",
    "classes",
    "scale",
    "offset",
    "pieces",
    "constant",
)  # parts of names of tensors


def model(kind: str, encoding: str = "one_hot", seed: int = 1, factors=SPECS, **changes) -> TrainedModel:
    """Return a model of a kind, in evaluation mode."""
    architecture = {"channels": Encoding(factors, encoding).channels, **KINDS[kind], **changes}
    network = build_network(architecture, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.copy_(torch.rand(value.shape, generator=generator) * 0.25 + 0.05)
            elif name.endswith(("running_mean", "bias")):
                value.copy_(torch.rand(value.shape, generator=generator) - 0.5)
            elif any(
                part in name
                for part in ("head", "heights", "linear", "bins", "classes", "scale", "offset", "pieces", "constant")
            ):
                value.copy_(torch.randn(value.shape, generator=generator))
            elif architecture["type"] == "bpnn" and name.endswith("weight"):
                # A patch averages over hundreds of cells of noise.
                value.mul_(6)
        if architecture["type"] == "tables":
            network.edges.copy_(torch.tensor([[-1.0, 0.0, 1.0], [-0.5, 0.2, 0.9]]))
        if architecture["type"] == "splines":
            network.knots.copy_(torch.tensor([[-1.5, -0.5, 0.5, 1.5], [-1.0, 0.0, 1.0, 1.0]]))
    for part in network.modules():
        if isinstance(part, Trees):
            _grow(part)
    return TrainedModel("pcum", architecture, encoding, factors, 30.0, {}, seed, [], {}, {}, {}, network)


def saved(path, kind: str, **settings) -> str:
    """Write a model file and return its path."""
    save_model(model(kind, **settings), path)
    return str(path)


def _grow(forest: Trees) -> None:
    """Two trees of two levels."""
    for tree, first in enumerate((0, 5)):
        forest.roots[tree], nodes = first, slice(first, first + 5)
        forest.left[nodes] = first + torch.tensor([1, 1, 3, 3, 4])
        forest.right[nodes] = first + torch.tensor([2, 1, 4, 3, 4])
        forest.feature[nodes] = torch.tensor([tree, 0, 3, 0, 0])
        forest.threshold[nodes] = torch.tensor([0.1, 0.0, 0.5, 0.0, 0.0])
        numbers = forest.share if isinstance(forest, Forest) else forest.value
        numbers[nodes] = torch.tensor([0.5, 0.2, 0.6, 0.9, 0.4 + tree / 10])


def values(height: int, width: int, seed: int = 1, ragged: bool = True) -> np.ndarray:
    """Return a stack of noise with ragged nodata, or without any."""
    rng = np.random.default_rng(seed)
    shape = height, width
    slope, rock = rng.uniform(0, 55, shape), rng.integers(1, 4, shape)
    raw = np.stack([slope, rock, rng.uniform(400, 1400, shape), rng.integers(1, 7, shape)]).astype(np.float32)
    if ragged:
        raw[0][rng.random(shape) < 0.02] = np.nan
        raw[2, : height // 5, : width // 3] = np.nan
        raw[:, np.add.outer(np.arange(height), np.arange(width)) > 0.85 * (height + width)] = np.nan
    return raw


def stack(path, raw: np.ndarray, factors=FACTORS, cell: float = 30.0) -> str:
    """Write a stack and return its path."""
    grid = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, cell, cell), raw.shape[2], raw.shape[1])
    return write_stack(path, raw, factors, grid)


OUTPUTS = ("uncertainty", "applicability", "html", "disagreement", "bivariate", "dissimilarity")


def predict(stack, models, output, *, progress=None, **settings) -> PredictionSummary:
    """Run the job with layers and options by name."""
    names = ("area", "safety_factor")
    names += tuple(f"output_{name}" for name in OUTPUTS)
    layers = {name: settings.pop(name, None) for name in names}
    options = PredictionOptions(**settings)
    return predict_susceptibility(stack, models, output, options, progress=progress or NullProgress(), **layers)


def in_one_piece(trained: TrainedModel, raw: np.ndarray, sample: int | None = None) -> np.ndarray:
    """Return the network's own output for the whole raster, with as much nodata around it as it sees."""
    order = [[factor.name for factor in FACTORS].index(spec.name) for spec in trained.factors]
    margin = round_up(trained.halo, trained.align)
    around = np.pad(raw[order], [(0, 0), (margin, margin), (margin, margin)], constant_values=np.nan)
    return trained.probability(around, sample)[margin : margin + raw.shape[1], margin : margin + raw.shape[2]]
