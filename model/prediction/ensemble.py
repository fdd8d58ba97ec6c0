"""One or several trained models, with or without dropout samples, as one function of a stack's values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ..applicability.profile import ErrorProfile
from ..artifact import TrainedModel
from ..components import ModelReader
from ..encoding import ClassMatcher, FactorSpec
from ..errors import ParameterInvalid
from ..grid import Block
from ..progress import Progress
from ..stack import Stack, StackFactor, check_same_factor
from ..texts import join_names, shorten
from .dissimilarity import IndexEngine
from .engines import ClassTables, CompactTile, ComputeSetup, Engine, gains_from_16_bits, make_engine
from .unet_inference import Span, Step

PIXEL_TOLERANCE = 0.01  # relative difference between the cell sizes of stack and model from which a warning is given
BYTES_RESULT = 30  # memory for a cell while maps are averaged in double precision; a little above the need
_SEED_STEP = 1_000_003


class Ensemble:
    """Several models over one stack; each gets its own factors, with classes matched by label."""

    def __init__(
        self, stack: Stack, models: Sequence[TrainedModel], names: Sequence[str], samples: int, progress: Progress
    ) -> None:
        """Compare the models, ``names`` in messages, with the stack, and warn of differences.

        With ``samples`` each model is computed so often with dropout; with 0 once without. Raises FactorMissing if the
        stack lacks factors, ParameterInvalid if a factor is of another kind there than in a model.
        """
        self.models, self.samples, self._names = list(models), samples, list(names)
        of_models = [model.factors for model in models]
        self._reader = ModelReader.of(of_models)
        self.factors: list[StackFactor] = self._reader.factors(stack, of_models, names)
        stack.report_names(progress)
        self.factor_names, self._factor_indices = self._reader.names, self._reader.places
        self._matchers, self._tables = [], [ClassTables(model.encoder) for model in models]
        for model, name, places in zip(models, names, self._factor_indices):
            factors = [self.factors[index] for index in places]
            for spec, factor in zip(model.factors, factors):
                check_same_factor(spec, factor, f"the model {name}", "the factor stack", progress)
            self._matchers.append(_match_classes(model, name, factors, progress))
            _check_pixel(model, name, stack, progress)
        self.specs: list[list[FactorSpec]] = [[] for _ in self.factor_names]
        for model, places in zip(models, self._factor_indices):
            for spec, index in zip(model.factors, places):
                self.specs[index].append(spec)
        for name, specs in zip(self.factor_names, self.specs):
            if not specs[0].is_categorical and specs[0].component is None:
                lowest, highest = min(spec.minimum for spec in specs), max(spec.maximum for spec in specs)
                stack.refuse_undeclared_nodata(name, lowest, highest)
        if samples and not any(float(model.architecture.get("dropout", 0)) > 0 for model in models):
            progress.warn(
                "SAMPLES asks for dropout samples, but no model was trained with DROPOUT above 0, so all "
                "samples of a model are the same."
            )

    def read(self, stack: Stack, block: Block) -> np.ndarray:
        """Read a block of the stack, float32 (factors, height, width) in the order of ``factor_names``; see
        :meth:`Stack.read`.
        """
        return self._reader.read(stack, block)

    @property
    def without_index(self) -> list[str]:
        """Names of the models that have no applicability index."""
        return [name for model, name in zip(self.models, self._names) if model.applicability is None]

    def index_engines(self, device: torch.device) -> list[IndexEngine]:
        """Prepare the applicability indexes of all models on a device."""
        return [
            IndexEngine(model.applicability, tables, model.encoder, device)
            for model, tables in zip(self.models, self._tables)
            if model.applicability is not None
        ]

    def profiles(self) -> list[ErrorProfile | None]:
        """Return the error profiles of the models that have an index."""
        return [model.applicability.profile for model in self.models if model.applicability is not None]

    @property
    def members(self) -> int:
        """Number of maps that are averaged."""
        return len(self.models) * max(self.samples, 1)

    @property
    def averaged(self) -> int:
        """Number of maps that are averaged to the susceptibility."""
        return self.members

    @property
    def halo(self) -> int:
        """Largest halo of the models, in cells."""
        return max(model.halo for model in self.models)

    @property
    def align(self) -> int:
        """Least number of which tile origins must be multiples for all models."""
        return int(np.lcm.reduce([model.align for model in self.models]))

    @property
    def patch(self) -> int:
        """Side in cells of the patches with one value each, if it is the same for all models; else 1."""
        sides = {model.patch for model in self.models}
        return sides.pop() if len(sides) == 1 else 1

    def engines(self, device: torch.device, dtypes: Sequence[torch.dtype]) -> list[Engine]:
        """Prepare all models on a device, each in its dtype."""
        parts = zip(self.models, self._tables, dtypes)
        return [make_engine(model, tables, device, dtype) for model, tables, dtype in parts]

    def setup(self, device: torch.device, dtype: torch.dtype) -> ComputeSetup:
        """Prepare all models on a device; those that gain from it in a dtype, the others in float32."""
        reduced = [gains_from_16_bits(model.architecture) for model in self.models]
        dtypes = [dtype if gains else torch.float32 for gains in reduced]
        return ComputeSetup(device, dtypes, self.engines(device, dtypes))

    @property
    def bytes_per_cell(self) -> float:
        """Memory for a cell of a tile as the models see it, and for its result."""
        models = zip(self.models, self._tables)
        packed = sum(4 * (len(model.encoder.continuous) + len(tables.groups)) for model, tables in models)
        return packed + (BYTES_RESULT if self.members > 1 else 8)

    def packed(self, height: int, width: int) -> list[CompactTile]:
        """Allocate a tile of a size for each model."""
        tiles = []
        for model, tables in zip(self.models, self._tables):
            keys = [torch.empty(height, width, dtype=torch.int32) for _ in tables.groups]
            tiles.append(CompactTile(torch.empty(len(model.encoder.continuous), height, width), keys))
        return tiles

    def pack(self, raw: np.ndarray, into: Sequence[CompactTile], first: int) -> list[list[np.ndarray]]:
        """Convert rows of a tile to the form that the models read.

        Values of the stack, shape (factors, rows, width) in the order of ``factor_names``, go from row ``first`` on
        into tiles of :meth:`packed`. Returns for each factor its class numbers for each model that uses it, uint8
        (rows, width); none if continuous.
        """
        found: list[list[np.ndarray]] = [[] for _ in self.factors]
        last = first + raw.shape[1]
        models = zip(self.models, self._factor_indices, self._matchers, self._tables, into)
        for model, places, matcher, tables, target in models:
            own = matcher.apply(raw[places]) if matcher.translated or places != list(range(len(raw))) else raw
            tile, numbers, _ = tables.pack(own)
            target.scores[:, first:last] = tile.scores
            for key, part in zip(target.keys, tile.keys):
                key[first:last] = part
            for plane, index in zip(numbers, model.encoder.categorical):
                found[places[index]].append(plane)
        return found

    def predict(
        self, engines: Sequence[Engine], tiles: Sequence[CompactTile], core: Span, step: Step
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return mean and standard deviation (None for a single member) of all models and samples over a tile's core.

        Both are float32, any number where a factor has no data. Sample ``s`` drops the same channels in every tile, so
        samples do not depend on the tiles either. Engines are those of :meth:`engines`, tiles those of :meth:`packed`,
        filled; ``step`` as for :class:`.engines.Engine`.
        """
        total = RunningSpread()
        for number, (model, engine, tile) in enumerate(zip(self.models, engines, tiles)):
            for sample in range(self.samples) if self.samples else [None]:
                seed = None if sample is None else number * _SEED_STEP + sample + 1
                logit = engine.logit(tile, core, seed, lambda share: step(share / self.members))
                probability = torch.sigmoid_(model.calibrated(torch.from_numpy(logit))).numpy()
                if self.members == 1:
                    return probability, None
                total.add(probability)
        if not total.count:
            raise ParameterInvalid("MODEL is empty. Give at least one trained model.")
        return total.mean.astype(np.float32), total.deviation().astype(np.float32)


class RunningSpread:
    """Mean and standard deviation of maps that are added one by one, without loss of digits when they hardly differ
    (Welford 1962).
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self._squares = np.zeros(0)

    def add(self, values: np.ndarray) -> None:
        """Add a map; all have the same shape."""
        self.count += 1
        if self.count == 1:
            self.mean = values.astype(np.float64)
            self._squares = np.zeros_like(self.mean)
            return
        deviation = values - self.mean
        self.mean += deviation / self.count
        self._squares += deviation * (values - self.mean)

    def deviation(self) -> np.ndarray:
        """Return the standard deviation, float64; of two maps at least."""
        return np.sqrt(self._squares / (self.count - 1))


@contextlib.contextmanager
def full_precision_fp32(device: torch.device) -> Iterator[None]:
    """Keep CUDA from computing fp32 convolutions in TF32, its default, which would show tile seams."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def _match_classes(model: TrainedModel, name: str, factors: Sequence[StackFactor], progress: Progress) -> ClassMatcher:
    for spec, factor in zip(model.factors, factors):
        if spec.is_categorical and not (spec.classes and factor.classes):
            where = "stack" if spec.classes else f"model {name}"
            progress.warn(
                f'The {where} has no class names for "{spec.name}", so its class codes are assumed to '
                "mean the same in both."
            )
    matcher = ClassMatcher(model.factors, factors)
    if matcher.translated:
        text = f"Class codes of {join_names(matcher.translated)} differ between the stack and the model {name}"
        progress.report(0.0, f"{text}; they are matched by name.")
    for title, labels in matcher.unknown.items():
        listed = join_names([f'"{shorten(label)}"' for label in labels])
        progress.report(0.0, f"Classes of {title} in the stack that the model {name} does not know: {listed}.")
    return matcher


def _check_pixel(model: TrainedModel, name: str, stack: Stack, progress: Progress) -> None:
    size = stack.grid.cell_size()
    if abs(size / model.pixel_size - 1) > PIXEL_TOLERANCE:
        progress.warn(
            f"The cells of the stack are {size:.4g} m, but the model {name} was trained on cells of "
            f"{model.pixel_size:.4g} m. The network counts in cells, so the map may be wrong. "
            "Build the stack at the model's cell size, or train a model on this one."
        )
