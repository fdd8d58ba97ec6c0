"""A text box that offers the fields of a layer, for inputs that may be a raster or a vector layer.
Which field of a layer a parameter probably means, by its name in English or Chinese.
Which layer of a project an input probably means: by what its bands and fields are called, or by its own name.
Fills a dialog with the layers and fields that a step probably means; what the user chose stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from qgis.core import (
    QgsApplication,
    QgsMapLayer,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterField,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QObject, QStringListModel, Qt
from qgis.PyQt.QtWidgets import QComboBox, QCompleter, QLineEdit, QWidget

from ..algorithms.base.parameters import RASTER_OR_VECTOR_FIELD
from ..algorithms.base.values import plain
from ..model.factors.definitions import FACTORS
from ..translation import tr


class FieldCompleter:
    """Adds a list of fields to the text box of a parameter; anything can still be typed."""

    def __init__(self, widget: QWidget) -> None:
        """Add the list.

        Args:
            widget: of a text parameter, as QGIS makes it.

        Raises:
            AttributeError: there is no text box in it.
        """
        box = widget if isinstance(widget, QLineEdit) else widget.findChild(QLineEdit)
        if box is None:
            raise AttributeError("there is no text box")
        self._names = QStringListModel(box)
        self._completer = QCompleter(self._names, box)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        box.setCompleter(self._completer)
        self._action = box.addAction(
            QgsApplication.getThemeIcon("/mActionArrowDown.svg"), QLineEdit.ActionPosition.TrailingPosition
        )
        self._action.setToolTip(tr("Fields of the layer"))
        self._action.triggered.connect(self._show_all)
        self.set_fields([])

    def set_fields(self, names: Sequence[str]) -> None:
        """List these fields; none for a raster or an empty box."""
        self._names.setStringList(list(names))
        self._action.setVisible(bool(names))

    def _show_all(self) -> None:
        self._completer.setCompletionPrefix("")
        self._completer.complete()


TERRAIN_KEYWORDS = ("landform", "terrain", "topography", "geomorphology", "地貌", "地形")

KEYWORDS: dict[str, tuple[str, ...]] = {
    "SCALE_FIELD": ("scale", "size", "magnitude", "规模", "滑坡规模", "灾害规模", "等级", "级别"),
    "LITHOLOGY_FIELD": ("lithology", "rock", "rock type", "litho", "lith", "formation", "岩性", "岩石", "岩组", "地层"),
    "LANDFORM_FIELD": TERRAIN_KEYWORDS,
    "TOPOGRAPHY_FIELD": TERRAIN_KEYWORDS,
    "SEISMIC_FIELD": ("intensity", "seismic", "pga", "earthquake", "烈度", "地震", "峰值加速度"),
    "REGION_FIELD": (
        "region name",
        "name",
        "region",
        "district",
        "county",
        "province",
        "名称",
        "区域",
        "地区",
        "分区",
        "区",
        "县",
        "市",
    ),
    "ALPHA_FIELD": ("alpha", "α"),
    "BETA_FIELD": ("beta", "β"),
    "RAINY_DAYS_FIELD": ("rainy days", "rain days", "wet days", "days", "雨日", "降雨日数", "降水日数", "雨天"),
    "PRECIPITATION_FIELD": ("precipitation", "rainfall", "precip", "rain", "prec", "mm", "降水", "降雨", "雨量"),
    "TEMPERATURE_FIELD": ("temperature", "temp", "tmean", "气温", "温度"),
}
"""By parameter, the words that its field is likely to be called by; the likeliest first."""

_MIN_PREFIX_LENGTH = 5
"""Letters from which a field counts as a cut-off word: Shapefiles keep ten."""


def guess_field(parameter: str, fields: Sequence[str]) -> str | None:
    """Return the field that a parameter probably means; None when none fits or several fit alike.

    A field that is called like a keyword goes before one that only has it as one of its words, and that before one in
    which the keyword is a part or cut off.

    Args:
        parameter: name of the field parameter, such as ``SCALE_FIELD``.
        fields: names of the fields of the layer.
    """
    words = {field: _words(field) for field in fields}
    for fits in (_matches_whole_name, _has_word, _has_part):
        for keyword in KEYWORDS.get(parameter, ()):
            found = [field for field in fields if fits(words[field], _words(keyword))]
            if found:
                return found[0] if len(found) == 1 else None
    return None


def matches_keyword(keywords: Sequence[str], name: str) -> bool:
    """Whether one of some keywords is among the words of a name; Chinese ones may be any part of it."""
    words = _words(name)
    return any(
        _has_word(words, _words(keyword)) or (not keyword.isascii() and _has_part(words, _words(keyword)))
        for keyword in keywords
    )


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case: ``RockType``, ``rock_type`` and ``ROCK TYPE`` are the same two."""
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return re.findall(r"[^\W\d_]+|\d+", text)


def _matches_whole_name(words: list[str], keyword: list[str]) -> bool:
    return "".join(words) == "".join(keyword)


def _has_word(words: list[str], keyword: list[str]) -> bool:
    return any(words[start : start + len(keyword)] == keyword for start in range(len(words)))


def _has_part(words: list[str], keyword: list[str]) -> bool:
    name, text = "".join(words), "".join(keyword)
    if not text.isascii():
        # Chinese has no blanks between words; a single sign is too little to go by.
        return len(text) > 1 and text in name
    begun = any(word.startswith(text) for word in words) and len(text) >= _MIN_PREFIX_LENGTH
    cut_off = len(name) >= _MIN_PREFIX_LENGTH and text.startswith(name)
    return begun or cut_off


POINT, LINE, POLYGON = "point", "line", "polygon"


@dataclass(frozen=True)
class LayerInfo:
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


def guess_layer(parameter: str, layers: Sequence[LayerInfo]) -> str | None:
    """Return the key of the layer that an input probably means; None when none or more than one fits.

    Args:
        parameter: name of the input, such as ``STACK``.
        layers: those that the input could take.
    """
    fits = _LAYER_MATCHERS.get(parameter)
    found = [layer.key for layer in layers if fits(layer)] if fits is not None else []
    return found[0] if len(found) == 1 else None


def is_other_product(parameter: str, layer: LayerInfo) -> bool:
    """Whether Scarp itself made a layer for another input than this one."""
    fits = _LAYER_MATCHERS.get(parameter)
    return fits is not None and not fits(layer) and any(_LAYER_MATCHERS[kind](layer) for kind in _SCARP_PRODUCTS)


def _band(*descriptions: str) -> Callable[[LayerInfo], bool]:
    """Return a look for a raster that Scarp wrote with one of these descriptions of its first band."""
    return lambda layer: layer.bands[:1] in [(description,) for description in descriptions]


def _named(*words: str, geometries: tuple[str, ...] = (), raster: bool = False) -> Callable[[LayerInfo], bool]:
    """Return a look for a layer of a kind with one of some words in its name."""

    def fits(layer: LayerInfo) -> bool:
        kind = layer.geometry in geometries if layer.geometry else raster and len(layer.bands) == 1
        return kind and matches_keyword(words, layer.name)

    return fits


def _is_stack(layer: LayerInfo) -> bool:
    return len(set(layer.bands) & _FACTOR_NAMES) > 1


def _is_windows(layer: LayerInfo) -> bool:
    return layer.geometry == POLYGON and {"subset", "kind", "landslide_share"} <= set(layer.fields)


def _is_climate(layer: LayerInfo) -> bool:
    return layer.geometry == POLYGON and {"alpha", "beta"} <= {field.lower() for field in layer.fields}


_FACTOR_NAMES = set(FACTORS)
_LANDFORM = ("landform", "geomorphology", "地貌")
_LAYER_MATCHERS: dict[str, Callable[[LayerInfo], bool]] = {
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
_SCARP_PRODUCTS = ("STACK", "LABELS", "SAFETY_FACTOR", "SUSCEPTIBILITY", "ZONES", "WINDOWS")
SUGGESTED_WHEN_OPTIONAL = frozenset(_LAYER_MATCHERS) - {"DEM", "LANDSLIDES"}
"""Inputs that may be left empty and are still filled: those that make a result better, not those that change what it
is about."""


_GEOMETRIES = {
    QgsWkbTypes.GeometryType.PointGeometry: POINT,
    QgsWkbTypes.GeometryType.LineGeometry: LINE,
    QgsWkbTypes.GeometryType.PolygonGeometry: POLYGON,
}
_ONE_LAYER = ("raster", "source", "layer", "vector")
_MAX_BANDS = 100
"""Bands from which a raster is no factor stack but a cube, whose names take long to read."""


def describe_layer(layer: QgsMapLayer) -> LayerInfo:
    """Return what can be known of a layer without reading its data."""
    if isinstance(layer, QgsRasterLayer):
        count = layer.bandCount() if layer.bandCount() <= _MAX_BANDS else 0
        names = (layer.bandName(number) for number in range(1, count + 1))
        # QGIS writes "Band 1: slope" or "Band 1: slope (Gray)"; without a description only "Band 1".
        bands = tuple(re.sub(r" \(\w+\)$", "", name.partition(": ")[2]) for name in names)
        return LayerInfo(layer.id(), layer.name(), bands=bands)
    if isinstance(layer, QgsVectorLayer):
        return LayerInfo(
            layer.id(),
            layer.name(),
            _GEOMETRIES.get(layer.geometryType(), "other"),
            fields=tuple(field.name() for field in layer.fields()),
        )
    return LayerInfo(layer.id(), layer.name(), "other")


class Suggestions(QObject):
    """Looks after the layer and field boxes of one dialog."""

    def __init__(self, algorithm: Any, wrappers: dict[str, Any], context: Any, parent: QObject) -> None:
        """Listen to the layer boxes.

        Args:
            algorithm: that the dialog is for.
            wrappers: of its parameters' widgets by name, as QGIS's ``ParametersPanel`` has them.
            context: a ``QgsProcessingContext`` to set values with.
            parent: the dialog.
        """
        super().__init__(parent)
        self.paused = False
        """While true, changes of layers fill in no fields: the dialog is being filled by somebody else."""
        self._wrappers = wrappers
        self._context = context
        self._layers: list[QgsProcessingParameterDefinition] = []
        self._fields: dict[str, list[str]] = {}
        """Names of the field parameters by that of the layer they are of."""
        self._choices: dict[str, FieldCompleter] = {}
        self._suggested: dict[str, str] = {}
        """Fields that were filled in here, which may be replaced when the layer changes."""
        for definition in algorithm.parameterDefinitions():
            if definition.name() not in wrappers:
                continue
            if definition.type() in _ONE_LAYER:
                self._layers.append(definition)
            elif isinstance(definition, QgsProcessingParameterField):
                self._fields.setdefault(definition.parentLayerParameterName(), []).append(definition.name())
            elif definition.type() == "string" and definition.name().endswith(RASTER_OR_VECTOR_FIELD):
                self._fields.setdefault(definition.name()[: -len(RASTER_OR_VECTOR_FIELD)], []).append(definition.name())
                self._choices[definition.name()] = FieldCompleter(wrappers[definition.name()].wrappedWidget())
        for layer in self._fields:
            if layer in wrappers:
                # QGIS connected the boxes of fields before, so they already list those of the new layer.
                wrappers[layer].widgetValueHasChanged.connect(lambda _, name=layer: self._layer_changed(name))
                self._layer_changed(layer, suggest=False)

    def suggest(self) -> None:
        """Fill in what a fresh dialog can know from the layers of the project."""
        facts = [describe_layer(layer) for layer in QgsProject.instance().mapLayers().values() if layer.isValid()]
        for definition in self._layers:
            name = definition.name()
            optional = bool(definition.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
            if optional and (name not in SUGGESTED_WHEN_OPTIONAL or self._value(name) not in (None, "")):
                continue
            found = guess_layer(name, [item for item in facts if _accepts(definition, item)])
            if found is not None and self._value(name) != found:
                self._wrappers[name].setParameterValue(found, self._context)
            elif (
                found is None
                and name != "REFERENCE"
                and any(item.key == self._value(name) and is_other_product(name, item) for item in facts)
            ):
                # QGIS takes the first layer there is: labels would be computed with as rain. Its wrapper empties no
                # box that must be filled.
                box = self._wrappers[name].wrappedWidget().findChild(QComboBox)
                if box is not None:
                    box.setCurrentIndex(-1)
        for layer in self._fields:
            if layer in self._wrappers:
                self._layer_changed(layer)

    def _layer_changed(self, layer_parameter: str, suggest: bool = True) -> None:
        layer = self._value(layer_parameter)
        if not isinstance(layer, QgsMapLayer):
            layer = QgsProcessingUtils.mapLayerFromString(str(layer or ""), self._context)
        names = [field.name() for field in layer.fields()] if isinstance(layer, QgsVectorLayer) else []
        for parameter in self._fields[layer_parameter]:
            if parameter in self._choices:
                self._choices[parameter].set_fields(names)
            if not suggest or self.paused:
                continue
            if self._value(parameter) not in (None, "", self._suggested.get(parameter)):
                continue
            found = guess_field(parameter, names)
            if found is not None or self._value(parameter) not in (None, "", *names):
                self._suggested[parameter] = found or ""
                self._wrappers[parameter].setParameterValue(found, self._context)

    def _value(self, name: str) -> Any:
        return plain(self._wrappers[name].parameterValue())


def _accepts(definition: QgsProcessingParameterDefinition, layer: LayerInfo) -> bool:
    is_raster = not layer.geometry
    return definition.type() == "layer" or is_raster == (definition.type() == "raster")
