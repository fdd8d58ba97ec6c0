"""Layers that Scarp itself writes, recognised by their fields, so that none is taken for an inventory."""

from __future__ import annotations

from collections.abc import Iterable

from ...translation import tr

POINTS, WINDOWS, FOLDS = "points", "windows", "folds"
_FIELDS = {
    POINTS: ("kind", "outcome", "susceptibility"),
    WINDOWS: ("subset", "kind", "landslide_share"),
    FOLDS: ("fold", "landslide_cells", "labelled_cells"),
}
_SHAPEFILE_LENGTH = 10  # letters of a field's name that a Shapefile keeps


def own_kind(fields: Iterable[str]) -> str:
    """Return which layer of Scarp has such fields: ``points``, ``windows`` or ``folds``; empty for none."""
    names = {name.lower()[:_SHAPEFILE_LENGTH] for name in fields}
    for kind, own in _FIELDS.items():
        if names.issuperset(name[:_SHAPEFILE_LENGTH] for name in own):
            return kind
    return ""


def describe_own(kind: str) -> str:
    """Return what a kind of layer is, in the language of QGIS, for a sentence."""
    return {
        POINTS: tr("landslides and stable points with their outcome, written by a validation"),
        WINDOWS: tr("training windows, written by a training"),
        FOLDS: tr("blocks of a cross validation"),
    }[kind]
