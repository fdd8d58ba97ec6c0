"""Principal components of satellite embeddings: fitted on training land, kept in the model, computed from any stack.

An embedding has 64 bands and more, each without a meaning of its own. A model reads a few principal components of them
(Pearson 1901) in their place. They are factors like others; the bands are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .encoding import Component
from .errors import FactorMissing, ParameterInvalid
from .factors.definitions import CONTINUOUS, EMBEDDINGS
from .grid import Block
from .stack import Stack, StackFactor
from .texts import join_names

TITLE = "Satellite embeddings"
VARIANCE, MAX_AUTOMATIC = 0.95, 16  # share of the variance that an automatic number explains, and its largest value
_CELLS = 8192
"""Cells projected at once, always so many: a product of another shape may differ in its last digits, and a map would
depend on its tiles."""


@dataclass(frozen=True)
class ComponentFactor(StackFactor):
    """A component as a factor of a stack."""

    component: Component | None = None


def fit_components(
    values: np.ndarray, names: Sequence[str], weights: np.ndarray | None = None, count: int | None = None
) -> list[Component]:
    """Return the principal components of cells, those with the most variance first.

    The bands are centred and not scaled, for they are the axes of one space. The sign is such that the largest weight
    of a component is positive.

    Args:
        values: of the bands, float (cells, bands), without NaN.
        names: of the bands.
        weights: of the cells, float (cells,); equal ones by default.
        count: number of components; by default as many as explain :data:`VARIANCE`, at most :data:`MAX_AUTOMATIC`.

    Raises:
        ParameterInvalid: there are fewer bands than components.
    """
    bands = values.shape[1]
    if count is not None and count > bands:
        raise ParameterInvalid(
            f"EMBEDDING_COMPONENTS is {count}, but the embeddings have {bands} bands. Make it at most {bands}, or "
            "leave it empty."
        )
    share = np.ones(len(values)) if weights is None else weights.astype(np.float64)
    share = share / share.sum()
    mean = share @ values.astype(np.float64)
    covariance = np.zeros((bands, bands))
    for start in range(0, len(values), _CELLS):
        part = values[start : start + _CELLS] - mean
        covariance += (part * share[start : start + _CELLS, None]).T @ part
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1].T
    total = variances.sum()
    shares = variances / total if total > 0 else np.zeros(bands)
    if count is None:
        # A sum of all shares may be just below 1.
        count = min(int(np.searchsorted(np.cumsum(shares), VARIANCE)) + 1, MAX_AUTOMATIC, bands) if total > 0 else 1
    result = []
    for axis, own in zip(axes[:count], shares):
        axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
        result.append(Component(tuple(names), tuple(axis.tolist()), float(axis @ mean), float(own)))
    return result


def project(components: Sequence[Component], bands: np.ndarray) -> np.ndarray:
    """Return the values of components, float32 (components, …), from their bands, float (bands, …); NaN without data.

    All components have the same bands, in their order.
    """
    matrix = np.array([one.weights for one in components])
    offsets = np.array([one.offset for one in components])[:, None]
    flat = bands.reshape(len(bands), -1)
    result = np.empty((len(components), flat.shape[1]), dtype=np.float32)
    buffer = np.zeros((len(bands), _CELLS))
    for start in range(0, flat.shape[1], _CELLS):
        part = flat[:, start : start + _CELLS]
        buffer[:, : part.shape[1]] = part
        result[:, start : start + _CELLS] = (matrix @ buffer - offsets)[:, : part.shape[1]]
    return result.reshape(len(components), *bands.shape[1:])


def component_factors(components: Sequence[Component]) -> list[ComponentFactor]:
    """Return components as factors, called ``embeddings_1``, ``embeddings_2`` and so on."""
    return [
        ComponentFactor(
            f"{EMBEDDINGS}_{number}", CONTINUOUS, "", f"{TITLE}, component {number}", group=EMBEDDINGS, component=one
        )
        for number, one in enumerate(components, 1)
    ]


def embedding_bands(factors: Sequence[Any]) -> list[int]:
    """Return the places of factors that are bands of an embedding, which no model reads as they are."""
    return [
        place
        for place, factor in enumerate(factors)
        if getattr(factor, "group", "") == EMBEDDINGS and getattr(factor, "component", None) is None
    ]


class Reduction:
    """Replaces the bands of an embedding by components, in values, in lists of factors and in stacks."""

    def __init__(self, factors: Sequence[Any], components: Sequence[Component]) -> None:
        """``factors`` are those of the values, with the bands; raises :class:`FactorMissing` if the bands differ."""
        self.components = list(components)
        bands = embedding_bands(factors)
        found = [factors[place].name for place in bands]
        wanted = self.components[0].bands
        require_bands(wanted, found, "the factor stack")
        self._kept = [place for place in range(len(factors)) if place not in bands]
        self._bands = [bands[found.index(name)] for name in wanted]
        self.factors = [*(factors[place] for place in self._kept), *component_factors(self.components)]

    def apply(self, values: np.ndarray, axis: int = 0) -> np.ndarray:
        """Return values with the other factors first and then the components, float32; factors lie along ``axis``."""
        first = np.moveaxis(values, axis, 0)
        result = np.concatenate([first[self._kept], project(self.components, first[self._bands])])
        return np.ascontiguousarray(np.moveaxis(result, 0, axis), dtype=np.float32)


class ComponentStack(Stack):
    """A factor stack that reads components in place of the bands of its embedding."""

    def __init__(self, stack: Stack, components: Sequence[Component]) -> None:
        """Raises :class:`FactorMissing` if the stack lacks the bands."""
        super().__init__(stack.dataset)
        self._stack, self._reduction = stack, Reduction(stack.factors, components)
        self.factors = list(self._reduction.factors)

    def factor(self, name: str) -> StackFactor:
        """Return one factor by name; see :meth:`Stack.factor`."""
        found = next((factor for factor in self.factors if factor.name == name), None)
        return self._stack.factor(name) if found is None else found

    def read(self, block: Block, names: Sequence[str] | None = None) -> np.ndarray:
        """Read factors; see :meth:`Stack.read`."""
        raw = self._reduction.apply(self._stack.read(block))
        if names is None:
            return raw
        known = self.names
        return raw[[known.index(name) for name in names]]


@dataclass
class _Needs:
    """What one factor of a model needs of a stack."""

    name: str  # unlike that of any other
    component: Component | None


@dataclass
class ModelReader:
    """Reads the factors of one or more models from a stack: bands as they are, and components computed from bands.

    Each factor is read once. Components of the same name that differ between models are read for each.
    """

    needs: list[_Needs] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)
    """For each model the places of its factors among those that are read."""

    @classmethod
    def of(cls, models: Sequence[Sequence[Any]]) -> ModelReader:
        """Return the reader of models, each a list of factors with ``name`` and ``component``."""
        result, known = cls(), dict[tuple[str, Component | None], int]()
        for number, factors in enumerate(models, 1):
            own = []
            for factor in factors:
                key = factor.name, factor.component
                if key not in known:
                    taken = {one.name for one in result.needs}
                    name = factor.name if factor.name not in taken else f"{factor.name} of model {number}"
                    known[key] = len(result.needs)
                    result.needs.append(_Needs(name, factor.component))
                own.append(known[key])
            result.places.append(own)
        return result

    @property
    def names(self) -> list[str]:
        """Names of the factors that are read, in their order."""
        return [one.name for one in self.needs]

    def factors(self, stack: Stack, models: Sequence[Sequence[Any]], names: Sequence[str]) -> list[StackFactor]:
        """Return the factors as the stack describes them; ``names`` of the models are for messages.

        Raises:
            FactorMissing: the stack lacks factors, or the bands of an embedding.
        """
        there = [factor.name for factor in stack.factors if factor.group == EMBEDDINGS]
        for factors, name in zip(models, names):
            for factor in factors:
                if factor.component is not None:
                    require_bands(factor.component.bands, there, "the factor stack", name)
        stack.band_indexes(self._plain)
        result: list[StackFactor] = []
        for factors, own in zip(models, self.places):
            for factor, place in zip(factors, own):
                if place == len(result):
                    component, name = factor.component, self.needs[place].name
                    more = {"group": EMBEDDINGS, "component": component}
                    made = ComponentFactor(name, factor.kind, factor.unit, factor.title, **more)
                    result.append(stack.factor(name) if component is None else made)
        return result

    @property
    def _plain(self) -> list[str]:
        return [one.name for one in self.needs if one.component is None]

    def read(self, stack: Stack, block: Block) -> np.ndarray:
        """Read a block, float32 (factors, height, width) in the order of ``names``; see :meth:`Stack.read`."""
        computed = [one.component for one in self.needs if one.component is not None]
        if not computed:
            return stack.read(block, self.names)
        plain = self._plain
        bands = list(dict.fromkeys(band for component in computed for band in component.bands))
        raw = stack.read(block, [*plain, *bands])
        place = {name: index for index, name in enumerate(bands, len(plain))}
        result = np.empty((len(self.needs), *raw.shape[1:]), dtype=np.float32)
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, one in enumerate(self.needs):
            if one.component is None:
                result[index] = raw[plain.index(one.name)]
            else:
                groups.setdefault(one.component.bands, []).append(index)
        for names, members in groups.items():
            own = [component for component in (self.needs[index].component for index in members) if component]
            result[members] = project(own, raw[[place[name] for name in names]])
        return result


def require_bands(wanted: Sequence[str], there: Sequence[str], what: str, model: str = "") -> None:
    """Raise :class:`FactorMissing` unless the bands of an embedding are those that a model was trained on."""
    if list(wanted) == list(there):
        return
    who = f"The model {model}" if model else "The model"
    needs = f"{who} reads satellite embeddings of {len(wanted)} bands"
    if not there:
        raise FactorMissing(
            f"{needs}, but {what} has none. Build the stack with EMBEDDINGS, of the same embedding model, or use a "
            "model that was trained without them."
        )
    raise FactorMissing(
        f"{needs}, but {what} has embeddings of {len(there)} bands ({join_names(there, 3)}). Build the stack with "
        "the embeddings that the model was trained on, all bands of them in their order."
    )


def describe_components(components: Sequence[Component], cells: int) -> str:
    """Return how many components a training uses, and how much of the variance they hold, as a sentence."""
    share, bands = sum(one.share for one in components), len(components[0].bands)
    return (
        f"{TITLE}: {len(components)} principal components of {bands} bands hold {100 * share:.1f} % of the variance of "
        f"{cells:,} cells of training land."
    )
