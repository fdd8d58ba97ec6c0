"""Suggests layers and fields for the inputs of a dialog; choices of the user stay."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Callable

from qgis import core
from qgis.PyQt.QtCore import QObject, QStringListModel, Qt
from qgis.PyQt.QtWidgets import QComboBox, QCompleter, QLineEdit, QWidget

from ..algorithms.base.parameters import RASTER_OR_VECTOR_FIELD, plain
from ..algorithms.base.sinks import WINDOWS, own_kind
from ..algorithms.base.styles import DERIVED
from ..model.factors.definitions import FACTORS
from ..model.inputs.units import AUTO
from ..translation import tr

_TERRAIN_KEYWORDS = "landform, terrain, topography, geomorphology, 地貌, 地形"
_KEYWORDS = {
    "SCALE_FIELD": "scale, size, size class, magnitude, 规模, 滑坡规模, 灾害规模, 规模等级, 等级, 级别",
    "AREA_FIELD": "area m2, area sqm, 面积 m2, 面积平方米",  # only with the unit: an area may be in any
    "LITHOLOGY_FIELD": "lithology, rock, rock type, litho, lith, formation, geology, 岩性, 岩石, 岩组, 地层",
    "LANDFORM_FIELD": _TERRAIN_KEYWORDS,
    "TOPOGRAPHY_FIELD": _TERRAIN_KEYWORDS,
    "SEISMIC_FIELD": "intensity, seismic, pga, earthquake, 烈度, 地震, 峰值加速度",
    "REGION_FIELD": "region name, name, region, district, county, province, 名称, 区域, 地区, 分区, 区, 县, 市",
    "ALPHA_FIELD": "alpha, α",
    "BETA_FIELD": "beta, β",
    "RAINY_DAYS_FIELD": "rainy days, rain days, wet days, days, 雨日, 降雨日数, 降水日数, 雨天",
    "PRECIPITATION_FIELD": "precipitation, rainfall, precip, rain, prec, ppt, mm, 降水, 降水量, 降雨, 降雨量, 雨量",
    "TEMPERATURE_FIELD": "temperature, temp, tmean, tavg, mean temperature, 气温, 年均温, 温度",
}
KEYWORDS = {parameter: tuple(text.split(", ")) for parameter, text in _KEYWORDS.items()}
"""Likely names of the field of a parameter; the likeliest first."""
_MIN_PREFIX_LENGTH = 5  # letters from which a field may be a truncated word: Shapefiles keep ten


def guess_field(parameter: str, fields: Sequence[str]) -> str | None:
    """Return the field that a parameter such as ``SCALE_FIELD`` probably means; None without a unique match."""
    words = {field: _words(field) for field in fields}
    # A name equal to a keyword comes before one with it as a word, and that before one with it as a part or truncated.
    for matches in (_matches_whole_name, _has_word, _has_part):
        for keyword in KEYWORDS.get(parameter, ()):
            found = [field for field in fields if matches(words[field], _words(keyword))]
            if found:
                return found[0] if len(found) == 1 else None
    return None


def matches_keyword(keywords: Sequence[str], name: str) -> bool:
    """Return whether a keyword is among the words of a name; Chinese ones may be any part of it."""
    words = _words(name)
    return any(
        _has_word(words, _words(keyword)) or (not keyword.isascii() and _has_part(words, _words(keyword)))
        for keyword in keywords
    )


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case; ``RockType``, ``rock_type`` and ``ROCK TYPE`` have the same two."""
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return tuple(re.findall(r"[^\W\d_]+|\d+", text))


def _matches_whole_name(words: Sequence[str], keyword: Sequence[str]) -> bool:
    return "".join(words) == "".join(keyword)


def _has_word(words: Sequence[str], keyword: Sequence[str]) -> bool:
    return any(words[start : start + len(keyword)] == keyword for start in range(len(words)))


def _has_part(words: Sequence[str], keyword: Sequence[str]) -> bool:
    name, text = "".join(words), "".join(keyword)
    if not text.isascii():
        # Chinese has no blanks between words; a single character is too little evidence.
        return len(text) > 1 and text in name
    is_prefix = any(word.startswith(text) for word in words) and len(text) >= _MIN_PREFIX_LENGTH
    is_truncated = len(name) >= _MIN_PREFIX_LENGTH and text.startswith(name)
    return is_prefix or is_truncated


POINT, LINE, POLYGON, MIXED = "point", "line", "polygon", "mixed"


@dataclass(frozen=True)
class LayerInfo:
    """What is known of a layer without reading its data; ``geometry`` is empty for rasters."""

    key: str
    name: str
    geometry: str = ""
    bands: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    written: float = 0.0  # when its file was, of rasters of one band; 0 if there is none


def guess_layer(parameter: str, layers: Sequence[LayerInfo]) -> str | None:
    """Return the key of the layer that an input such as ``STACK`` probably means; None without a unique match.

    A layer whose name is a keyword comes before those that contain one, and those before layers whose name has only a
    word that is less certain, such as "temp". Layers that Scarp made for something else and layers of ground without
    landslides are never an inventory.
    """
    matches = _LAYER_MATCHERS.get(parameter, lambda layer: False)
    found = [layer for layer in layers if matches(layer) and not is_other_product(parameter, layer)]
    if parameter == "LANDSLIDES":
        found = [layer for layer in found if not _is_stable(layer.name)]
    if len(found) > 1 and parameter == "OUT_OF_FOLD":
        # Each training leaves one; its name tells nothing.
        found = [max(found, key=lambda layer: layer.written)]
    words = _LAYER_KEYWORDS.get(parameter, ())
    certain = [layer for layer in found if matches_keyword(words, layer.name)] if words else found
    found = certain or found
    if len(found) > 1:
        found = [layer for layer in found if any(_matches_whole_name(_words(layer.name), _words(one)) for one in words)]
    return found[0].key if len(found) == 1 else None


_UNIT_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "PRECIPITATION_UNIT": {"tenth_mm": ("x 10", "10 x", "tenth", "tenths"), "inch": ("inch", "inches")},
    "TEMPERATURE_UNIT": {
        "tenth_celsius": ("x 10", "10 x", "tenth", "tenths"),
        "kelvin": ("kelvin",),
        "fahrenheit": ("fahrenheit",),
    },
    "DEM_UNIT": {"ft": ("feet",)},
}


def guess_unit(parameter: str, name: str) -> str:
    """Return the unit that a layer's name states, such as ``temperature_x10``, for ``TEMPERATURE_UNIT``; else auto."""
    words = _words(re.sub(r"(?<![^\W_])[xX](?=10(?!\d))", " x ", name.replace("×", " x ")))
    for unit, texts in _UNIT_WORDS.get(parameter, {}).items():
        if any(_has_word(words, _words(text)) for text in texts):
            return unit
    return AUTO


def is_product(parameter: str, layer: LayerInfo) -> bool:
    """Return whether a layer is what Scarp writes for an input such as ``SUSCEPTIBILITY``."""
    return parameter in _SCARP_PRODUCTS and _LAYER_MATCHERS[parameter](layer)


def is_other_product(parameter: str, layer: LayerInfo) -> bool:
    """Return whether Scarp itself made a layer for another input than this one."""
    matches = _LAYER_MATCHERS.get(parameter)
    if matches is None:
        return False
    if own_kind(layer.fields):
        return parameter != "WINDOWS" or not matches(layer)
    return not matches(layer) and any(_LAYER_MATCHERS[kind](layer) for kind in _SCARP_PRODUCTS)


def _band(*descriptions: str) -> Callable[[LayerInfo], bool]:
    return lambda layer: layer.bands[:1] in [(description,) for description in descriptions]


def _named(parameter: str, *, geometries: tuple[str, ...] = (), raster: bool = False) -> Callable[[LayerInfo], bool]:
    def matches(layer: LayerInfo) -> bool:
        kind = layer.geometry in geometries if layer.geometry else raster and len(layer.bands) == 1
        words = (*_LAYER_KEYWORDS[parameter], *_LESS_CERTAIN.get(parameter, ()))
        is_derived = parameter == "DEM" and matches_keyword(_DERIVED, layer.name)
        return kind and not is_derived and matches_keyword(words, layer.name)

    return matches


def _is_stack(layer: LayerInfo) -> bool:
    return len(set(layer.bands) & set(FACTORS)) > 1


def _is_windows(layer: LayerInfo) -> bool:
    return layer.geometry == POLYGON and own_kind(layer.fields) == WINDOWS


_STABLE_WORDS = ("non", "no", "not", "stable", "absence", "absent", "negative", "negatives", "未滑", "非滑坡", "稳定")


def _is_stable(name: str) -> bool:
    """Return whether the name of a layer says that it shows ground without landslides."""
    return matches_keyword(_STABLE_WORDS, name)


_LANDFORM = ("landform", "geomorphology", "地貌")
_LAYER_KEYWORDS: dict[str, tuple[str, ...]] = {
    "DEM": ("dem", "dtm", "elevation", "srtm", "nasadem", "fabdem", "gdem", "高程", "数字高程模型"),
    "AREA": ("study area", "mapped area", "area of interest", "aoi", "研究区", "研究区域"),
    "RAIN": ("rain", "rainfall", "precipitation", "precip", "降雨", "降水", "雨量"),
    "PRECIPITATION": ("precipitation", "rainfall", "rain", "precip", "prec", "ppt", "降水", "降雨", "雨量"),
    "TEMPERATURE": ("temperature", "tmean", "tavg", "气温", "温度", "年均温"),
    "LANDSLIDES": ("landslides", "landslide", "slides", "lsl", "landslips", "滑坡"),
    "RIVERS": ("rivers", "river", "streams", "stream", "drainage", "hydrography", "水系", "河流", "河网"),
    "FAULTS": ("faults", "fault", "faultlines", "断层", "断裂"),
    "LITHOLOGY": ("lithology", "litho", "rock types", "岩性", "岩组"),
    "LANDFORM": _LANDFORM,
    "TOPOGRAPHY": ("topography", *_LANDFORM),
    "SEISMIC": ("seismic", "intensity", "pga", "earthquake", "烈度", "地震"),
    "REGIONS": ("regions", "region", "districts", "counties", "municipalities", "communes", "行政区", "区县", "乡镇"),
    "BUILDINGS": ("buildings", "building", "houses", "footprints", "建筑", "房屋"),
    "ROADS": ("roads", "road", "streets", "highways", "道路", "公路"),
}
_LESS_CERTAIN: dict[str, tuple[str, ...]] = {
    "DEM": ("elev", "altitude", "dsm"),
    "RAIN": ("mm",),
    "PRECIPITATION": ("mm",),
    "TEMPERATURE": ("temp",),
    "LANDSLIDES": ("inventory", "scars", "灾害点", "地质灾害"),
    "LITHOLOGY": ("geology", "rock", "rocks", "地层", "地质"),
}
"""Words that say so only where no other layer does."""
_DERIVED = ("slope", "aspect", "hillshade", "relief", "curvature", "坡度", "坡向", "晕渲")  # made from a DEM
_LAYER_MATCHERS: dict[str, Callable[[LayerInfo], bool]] = {
    "STACK": _is_stack,
    "REFERENCE": _is_stack,
    "LABELS": _band("landslide label"),
    "SAFETY_FACTOR": _band("rain index", "safety factor"),
    "SUSCEPTIBILITY": _band("relative landslide susceptibility", "landslide susceptibility", "landslide probability"),
    "ZONES": _band("susceptibility zone"),
    "OUT_OF_FOLD": _band("out-of-fold susceptibility of a model", "out-of-fold landslide probability of a model"),
    "WINDOWS": _is_windows,
    "CLIMATE": lambda layer: layer.geometry == POLYGON and {"alpha", "beta"} <= set(map(str.lower, layer.fields)),
    "DEM": _named("DEM", raster=True),
    "AREA": _named("AREA", geometries=(POLYGON,)),
    "RAIN": _named("RAIN", raster=True),
    "PRECIPITATION": _named("PRECIPITATION", geometries=(POINT,), raster=True),
    "TEMPERATURE": _named("TEMPERATURE", geometries=(POINT,), raster=True),
    "LANDSLIDES": _named("LANDSLIDES", geometries=(POINT, POLYGON, MIXED)),
    "RIVERS": _named("RIVERS", geometries=(LINE, MIXED)),
    "FAULTS": _named("FAULTS", geometries=(LINE, MIXED)),
    "LITHOLOGY": _named("LITHOLOGY", geometries=(POLYGON,), raster=True),
    "LANDFORM": _named("LANDFORM", geometries=(POLYGON,), raster=True),
    "TOPOGRAPHY": _named("TOPOGRAPHY", geometries=(POLYGON,), raster=True),
    "SEISMIC": _named("SEISMIC", geometries=(POLYGON,), raster=True),
    "REGIONS": _named("REGIONS", geometries=(POLYGON,)),
    "BUILDINGS": _named("BUILDINGS", geometries=(POINT, POLYGON)),
    "ROADS": _named("ROADS", geometries=(LINE,)),
}
_SCARP_PRODUCTS = ("STACK", "LABELS", "SAFETY_FACTOR", "SUSCEPTIBILITY", "ZONES", "OUT_OF_FOLD", "WINDOWS")
SUGGESTED_WHEN_OPTIONAL = frozenset(_LAYER_MATCHERS) - {"DEM", "LANDSLIDES", "AREA"}
"""Optional inputs that are filled in: those that improve a result, not those that change its subject."""

_KINDS: Any = core.QgsWkbTypes.GeometryType
_GEOMETRIES = {
    _KINDS.PointGeometry: POINT,
    _KINDS.LineGeometry: LINE,
    _KINDS.PolygonGeometry: POLYGON,
    _KINDS.UnknownGeometry: MIXED,
}
_FLAG: Any = core.QgsProcessingParameterDefinition.Flag
_UNIT = "_UNIT"  # suffix of the parameter of a unit, after that of its layer
_ONE_LAYER = ("raster", "source", "layer", "vector")
_MAX_BANDS = 100  # a raster with more is no factor stack but a cube, whose names take long to read


def describe_layer(layer: core.QgsMapLayer) -> LayerInfo:
    """Return what is known of a layer without reading its data."""
    if layer.customProperty(DERIVED):
        # A relief or one factor of a stack: the layer of the data itself is the one to choose.
        return LayerInfo(layer.id(), layer.name(), "other")
    if isinstance(layer, core.QgsRasterLayer):
        count = layer.bandCount() if layer.bandCount() <= _MAX_BANDS else 0
        names = (layer.bandName(number) for number in range(1, count + 1))
        # QGIS writes "Band 1: slope" or "Band 1: slope (Gray)"; without a description only "Band 1".
        bands = tuple(re.sub(r" \(\w+\)$", "", name.partition(": ")[2]) for name in names)
        written = 0.0
        with contextlib.suppress(OSError):
            written = os.path.getmtime(layer.source()) if count == 1 else 0.0
        return LayerInfo(layer.id(), layer.name(), bands=bands, written=written)
    geometry = "other"
    if isinstance(layer, core.QgsVectorLayer):
        geometry = _GEOMETRIES.get(layer.geometryType(), geometry)
        return LayerInfo(layer.id(), layer.name(), geometry, fields=tuple(layer.fields().names()))
    return LayerInfo(layer.id(), layer.name(), geometry)


class FieldCompleter:
    """Adds a list of fields to the text box of a parameter that takes a raster or a vector layer's field."""

    def __init__(self, widget: QWidget) -> None:
        box = widget if isinstance(widget, QLineEdit) else widget.findChild(QLineEdit)
        if box is None:
            raise AttributeError("there is no text box")
        self._names = QStringListModel(box)
        self._completer = QCompleter(self._names, box)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        box.setCompleter(self._completer)
        icon = core.QgsApplication.getThemeIcon("/mActionArrowDown.svg")
        self._action = box.addAction(icon, QLineEdit.ActionPosition.TrailingPosition)
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


class Suggestions(QObject):
    """Fills the layer and field boxes of one dialog; ``wrappers`` are as QGIS's ``ParametersPanel`` has them."""

    def __init__(self, algorithm: Any, wrappers: dict[str, Any], context: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.paused = False  # while true, changes of layers fill in no fields: a program is filling the dialog
        self._wrappers, self._context = wrappers, context
        self._layers: list[core.QgsProcessingParameterDefinition] = []
        self._fields: dict[str, list[str]] = defaultdict(list)  # field parameters by their layer parameter
        self._completers: dict[str, FieldCompleter] = {}
        self._suggested: dict[str, str] = {}  # fields, which may be replaced when the layer changes
        for definition in algorithm.parameterDefinitions():
            name = definition.name()
            if name not in wrappers:
                continue
            if definition.type() in _ONE_LAYER:
                self._layers.append(definition)
            elif isinstance(definition, core.QgsProcessingParameterField):
                self._fields[definition.parentLayerParameterName()].append(name)
            elif definition.type() == "string" and name.endswith(RASTER_OR_VECTOR_FIELD):
                self._fields[name[: -len(RASTER_OR_VECTOR_FIELD)]].append(name)
                self._completers[name] = FieldCompleter(wrappers[name].wrappedWidget())
        self._fields = {layer: fields for layer, fields in self._fields.items() if layer in wrappers}
        for layer in self._fields:
            # QGIS connected the boxes of fields before, so they already list those of the new layer.
            wrappers[layer].widgetValueHasChanged.connect(lambda _, name=layer: self._layer_changed(name))
            self._layer_changed(layer, suggest=False)

    def suggest(self) -> None:
        """Fill a new dialog from the layers of the project."""
        project: Any = core.QgsProject.instance()
        layers = [describe_layer(layer) for layer in project.mapLayers().values() if layer.isValid()]
        for definition in self._layers:
            self._suggest_layer(definition, layers)
        for layer in self._fields:
            self._layer_changed(layer)
        for definition in self._layers:
            self._suggest_unit(definition.name())

    def _suggest_unit(self, name: str) -> None:
        unit = f"{name}{_UNIT}"
        if unit not in self._wrappers or self._value(unit) != AUTO:
            return
        layer = core.QgsProcessingUtils.mapLayerFromString(str(self._value(name) or ""), self._context)
        found = guess_unit(unit, layer.name()) if layer is not None else AUTO
        if found != AUTO:
            self._wrappers[unit].setParameterValue(found, self._context)

    def _suggest_layer(self, definition: core.QgsProcessingParameterDefinition, layers: list[LayerInfo]) -> None:
        name, value = definition.name(), self._value(definition.name())
        if definition.flags() & _FLAG.FlagOptional and (name not in SUGGESTED_WHEN_OPTIONAL or value not in (None, "")):
            return
        kind = definition.type()
        fitting = [layer for layer in layers if kind == "layer" or (not layer.geometry) == (kind == "raster")]
        found = guess_layer(name, fitting)
        if found is not None and value != found:
            self._wrappers[name].setParameterValue(found, self._context)
        elif found is None and name != "REFERENCE":
            # QGIS takes the first layer there is: labels would serve as rain. Its wrapper empties no required box.
            box = self._wrappers[name].wrappedWidget().findChild(QComboBox)
            if box is not None and any(layer.key == value and is_other_product(name, layer) for layer in layers):
                box.setCurrentIndex(-1)

    def _layer_changed(self, layer_parameter: str, suggest: bool = True) -> None:
        layer = self._value(layer_parameter)
        if not isinstance(layer, core.QgsMapLayer):
            layer = core.QgsProcessingUtils.mapLayerFromString(str(layer or ""), self._context)
        names = layer.fields().names() if isinstance(layer, core.QgsVectorLayer) else []
        for parameter in self._fields[layer_parameter]:
            if parameter in self._completers:
                self._completers[parameter].set_fields(names)
            value = self._value(parameter)
            if not suggest or self.paused or value not in (None, "", self._suggested.get(parameter)):
                continue
            found = guess_field(parameter, names)
            if found is not None or value not in (None, "", *names):
                self._suggested[parameter] = found or ""
                self._wrappers[parameter].setParameterValue(found, self._context)

    def _value(self, name: str) -> Any:
        return plain(self._wrappers[name].parameterValue())
