"""Which layer of a project an input probably means: by what its bands and fields are called, or by its own name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence

from ..model.factors.definitions import FACTORS
from .field_names import likely_word

POINT, LINE, POLYGON = "point", "line", "polygon"


@dataclass(frozen=True)
class LayerFacts:
    """What can be known of a layer without reading its data."""

    key: str
    """Id of the layer."""
    name: str
    geometry: str = ""
    """``point``, ``line`` or ``polygon``; empty for rasters."""
    bands: tuple[str, ...] = ()
    """Descriptions of the bands of a raster."""
    fields: tuple[str, ...] = ()
    """Names of the fields of a vector layer."""


def likely_layer(parameter: str, layers: Sequence[LayerFacts]) -> str | None:
    """Return the key of the layer that an input probably means; None when none or more than one fits.

    Args:
        parameter: name of the input, such as ``STACK``.
        layers: those that the input could take.
    """
    fits = _EVIDENCE.get(parameter)
    found = [layer.key for layer in layers if fits(layer)] if fits is not None else []
    return found[0] if len(found) == 1 else None


def plainly_another(parameter: str, layer: LayerFacts) -> bool:
    """Whether Scarp itself made a layer for another input than this one."""
    fits = _EVIDENCE.get(parameter)
    return fits is not None and not fits(layer) and any(_EVIDENCE[kind](layer) for kind in _MADE)


def _band(*descriptions: str) -> Callable[[LayerFacts], bool]:
    """Return a look for a raster that Scarp wrote with one of these descriptions of its first band."""
    return lambda layer: layer.bands[:1] in [(description,) for description in descriptions]


def _named(*words: str, geometries: tuple[str, ...] = (), raster: bool = False) -> Callable[[LayerFacts], bool]:
    """Return a look for a layer of a kind with one of some words in its name."""
    def fits(layer: LayerFacts) -> bool:
        kind = layer.geometry in geometries if layer.geometry else raster and len(layer.bands) == 1
        return kind and likely_word(words, layer.name)

    return fits


def _is_stack(layer: LayerFacts) -> bool:
    return len(set(layer.bands) & _FACTOR_NAMES) > 1


def _is_windows(layer: LayerFacts) -> bool:
    return layer.geometry == POLYGON and {"subset", "kind", "landslide_share"} <= set(layer.fields)


def _is_climate(layer: LayerFacts) -> bool:
    return layer.geometry == POLYGON and {"alpha", "beta"} <= {field.lower() for field in layer.fields}


_FACTOR_NAMES = set(FACTORS)
_LANDFORM = ("landform", "geomorphology", "地貌")
_EVIDENCE: dict[str, Callable[[LayerFacts], bool]] = {
    "STACK": _is_stack,
    "REFERENCE": _is_stack,
    "LABELS": _band("landslide label"),
    "SAFETY_FACTOR": _band("safety factor"),
    "SUSCEPTIBILITY": _band("relative landslide susceptibility", "landslide susceptibility"),
    "ZONES": _band("susceptibility zone"),
    "WINDOWS": _is_windows,
    "CLIMATE": _is_climate,
    "DEM": _named("dem", "dtm", "elevation", "srtm", "高程", raster=True),
    "RAIN": _named("rain", "rainfall", "降雨", raster=True),
    "PRECIPITATION": _named("precipitation", "降水", geometries=(POINT,), raster=True),
    "TEMPERATURE": _named("temperature", "气温", "温度", geometries=(POINT,), raster=True),
    "LANDSLIDES": _named("landslides", "landslide", "滑坡", geometries=(POINT, POLYGON)),
    "RIVERS": _named("rivers", "river", "streams", "水系", "河流", geometries=(LINE,)),
    "FAULTS": _named("faults", "fault", "断层", "断裂", geometries=(LINE,)),
    "LITHOLOGY": _named("lithology", "岩性", geometries=(POLYGON,), raster=True),
    "LANDFORM": _named(*_LANDFORM, geometries=(POLYGON,), raster=True),
    "TOPOGRAPHY": _named("topography", *_LANDFORM, geometries=(POLYGON,), raster=True),
    "SEISMIC": _named("seismic", "intensity", "烈度", geometries=(POLYGON,), raster=True),
    "REGIONS": _named("regions", "region", "districts", "counties", "行政区", geometries=(POLYGON,)),
}
_MADE = ("STACK", "LABELS", "SAFETY_FACTOR", "SUSCEPTIBILITY", "ZONES", "WINDOWS")
OF_OPTIONAL = frozenset(_EVIDENCE) - {"DEM", "LANDSLIDES"}
"""Inputs that may be left empty and are still filled: those that make a result better, not those that change what it
is about."""
