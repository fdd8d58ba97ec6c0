"""What a validation looks at, and what it says about the points that it cannot use."""

from __future__ import annotations

from ..errors import LayerEmpty, TooFewData
from ..progress import Progress
from .layers import MapLayers
from .samples import Sample
from .scopes import ALL, REGION_PREFIX, Scope
from .settings import FEW_LANDSLIDES, LEAST_LANDSLIDES, SUBSET_CODES

FIRST_REGION_STREAM = 10


class Notes:
    """Warnings, said at once and kept for the report."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        """Say a warning, once."""
        if text not in self.texts:
            self.texts.append(text)
            self._progress.warn(text)


def main_scope(subset: str) -> Scope:
    """Return the part of the map that the main numbers are for."""
    return Scope(ALL) if subset == ALL else Scope(subset, SUBSET_CODES[subset], stream=SUBSET_CODES[subset])


def choose_scopes(layers: MapLayers, landslides: Sample, main: Scope, notes: Notes) -> list[Scope]:
    """Return the whole map, the subsets with landslides, and the regions with landslides, the latter in the subset.

    Raises:
        LayerEmpty: the main subset has too few landslides.
        TooFewData: the map has.
    """
    if len(landslides) < LEAST_LANDSLIDES:
        raise TooFewData(f"The landslides lie in {len(landslides)} cell of the map only; a validation needs them in at "
                         f"least {LEAST_LANDSLIDES}, and is rough below {FEW_LANDSLIDES}. Give a larger inventory as "
                         "LANDSLIDES.")
    scopes = [Scope(ALL)]
    if layers.subsets is not None:
        for name, code in SUBSET_CODES.items():
            scope = main_scope(name)
            number = int(landslides.at.within(scope).sum())
            if number >= LEAST_LANDSLIDES:
                scopes.append(scope)
            elif name == main.name:
                raise LayerEmpty(f"{number} landslides lie in {name} windows, too few for a validation. Set SUBSET to "
                                 "all, or train with larger windows or another SEED.")
            elif code in layers.subsets.codes:
                notes.warn(f"{number} landslides lie in {name} windows, so there are no numbers for them.")
    if layers.regions is not None:
        empty = []
        for number, label in enumerate(layers.regions.labels):
            scope = Scope(f"{REGION_PREFIX}{label}", main.subset, number, FIRST_REGION_STREAM + number)
            if int(landslides.at.within(scope).sum()) >= LEAST_LANDSLIDES:
                scopes.append(scope)
            else:
                empty.append(label)
        if empty:
            notes.warn(f"Fewer than {LEAST_LANDSLIDES} landslides lie in these regions, so there are no numbers for "
                       f"them: {', '.join(empty)}.")
    return scopes


def say_left_out(sample: Sample, what: str, name: str, notes: Notes) -> None:
    """Warn of the features of a layer that do not count.

    Args:
        sample: the layer on the map.
        what: ``landslides`` or ``stable points``.
        name: of the layer.
        notes: told.
    """
    counts = sample.counts
    left_out = [f"{number:,} {where}" for number, where in (
        (counts.off_map, "outside the map"), (counts.on_nodata, "on cells without susceptibility"),
        (counts.doubled, "in a cell that another one already stands for"),
        (counts.thinned, "at random, to keep the number within bounds")) if number]
    if left_out:
        one_each = counts.places + counts.off_map == counts.features
        used = (f'Of the {counts.features:,} {what} of "{name}", {len(sample):,} count.' if one_each else
                f'The {counts.features:,} {what} of "{name}" have {len(sample):,} cells that count.')
        notes.warn(f"{used} Left out: {', '.join(left_out)}.")


def title_of(scope: Scope) -> str:
    """Return what a part of the map is called within a sentence."""
    if scope.name.startswith(REGION_PREFIX):
        return f"the region {scope.name[len(REGION_PREFIX):]}"
    return "the map" if scope.name == ALL else f"the {scope.name} windows"
