"""The boxes in which a region's layers are chosen; they start with what the project's layers suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.core import Qgis, QgsApplication, QgsMapLayer, QgsMapLayerProxyModel, QgsProcessing, QgsVectorLayer
from qgis.gui import QgsFieldComboBox, QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QGridLayout, QLabel, QSizePolicy, QToolButton, QWidget

from ...algorithms.base.messages import choice_in_words
from ...processing_provider.provider import PROVIDER
from ...translation import tr
from .chain import FIELDS, INPUTS, REQUIRED, UNITS, call_of

# Newer versions of QGIS have moved the kinds of layers.
_FILTER: Any = getattr(Qgis, "LayerFilter", QgsMapLayerProxyModel)
_TYPE: Any = QgsProcessing.SourceType
_FILTERS = {
    _TYPE.TypeRaster: _FILTER.RasterLayer,
    _TYPE.TypeVectorPoint: _FILTER.PointLayer,
    _TYPE.TypeVectorLine: _FILTER.LineLayer,
    _TYPE.TypeVectorPolygon: _FILTER.PolygonLayer,
}
_LETTERS = 12  # to which a box may shrink


class InputsForm(QWidget):
    """A row with label, layer and where needed fields and unit for each input; optional and empty ones are folded."""

    layer_chosen = pyqtSignal(str, str)  # input and id of the layer, empty for none; by the user only
    field_chosen = pyqtSignal(str, str)  # parameter and field, empty for none, or unit

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[str, QgsMapLayerComboBox] = {}
        self.fields: dict[str, QgsFieldComboBox] = {}
        self.units: dict[str, QComboBox] = {}
        self._rows: dict[str, list[QWidget]] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        registry: Any = QgsApplication.processingRegistry()
        provider = registry.providerById(PROVIDER)
        for name in INPUTS:
            self._add(name, provider.algorithm(call_of(name).algorithm))
        self.more = QToolButton(text=tr("More layers"), checkable=True, autoRaise=True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.toggled.connect(self._fold)
        self._grid.addWidget(self.more, self._grid.rowCount(), 0, 1, 2)
        self._fold(False)

    def show_layers(self, layers: Mapping[str, QgsMapLayer | None], fields: Mapping[str, str]) -> None:
        """Show the layers, fields and units of a region."""
        for name, box in self.boxes.items():
            layer = layers.get(name)
            if box.currentLayer() is not layer:
                box.setLayer(layer)
            vector = layer if isinstance(layer, QgsVectorLayer) else None
            for parameter in FIELDS.get(name, ()):
                field = self.fields[parameter]
                if field.layer() is not vector:
                    field.setLayer(vector)
                if field.currentField() != fields.get(parameter, ""):
                    field.setField(fields.get(parameter, ""))
        for parameter, unit in self.units.items():
            unit.setCurrentIndex(max(unit.findData(fields.get(parameter, "")), 0))
        self._fold(self.more.isChecked())

    def _add(self, name: str, algorithm: Any) -> None:
        definition = algorithm.parameterDefinition(name)
        row = self._grid.rowCount()
        label = QLabel(definition.description())
        label.setToolTip(definition.help())
        box = QgsMapLayerComboBox()
        box.setToolTip(definition.help())
        box.setAllowEmptyLayer(True)
        box.setFilters(_filters(definition))
        # The user's choice only: the list of layers changes by itself as well.
        box.activated.connect(lambda *_: self.layer_chosen.emit(name, _id(box.currentLayer())))
        self._narrow(box)
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(box, row, 1)
        self.boxes[name], self._rows[name] = box, [label, box]
        for parameter in FIELDS.get(name, ()):
            self._add_field(name, parameter, algorithm)
        if name in UNITS:
            self._add_unit(name, UNITS[name], algorithm)

    def _add_field(self, name: str, parameter: str, algorithm: Any) -> None:
        definition = algorithm.parameterDefinition(parameter)
        label = QLabel(f"    {definition.description()}")
        box = QgsFieldComboBox()
        box.setToolTip(definition.help())
        box.setAllowEmptyFieldName(True)
        box.activated.connect(lambda *_: self.field_chosen.emit(parameter, box.currentField()))
        self._narrow(box)
        row = self._grid.rowCount()
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(box, row, 1)
        self.fields[parameter] = box
        self._rows[name] += [label, box]

    def _add_unit(self, name: str, parameter: str, algorithm: Any) -> None:
        definition = algorithm.parameterDefinition(parameter)
        label, box = QLabel(f"    {definition.description()}"), QComboBox()
        for word in definition.options():
            box.addItem(choice_in_words(parameter, word), word)
        box.setToolTip(definition.help())
        box.activated.connect(lambda *_: self.field_chosen.emit(parameter, box.currentData()))
        row = self._grid.rowCount()
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(box, row, 1)
        self.units[parameter] = box
        self._rows[name] += [label, box]

    def _narrow(self, box: Any) -> None:
        # Names of layers may be long; the dock must not grow with them.
        box.setSizeAdjustPolicy(box.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(_LETTERS)
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _fold(self, opened: bool) -> None:
        self.more.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        for name, (label, box, *fields) in self._rows.items():
            layer = self.boxes[name].currentLayer()
            shown = opened or name in REQUIRED or layer is not None
            label.setVisible(shown)
            box.setVisible(shown)
            is_vector = isinstance(layer, QgsVectorLayer)
            for widget in fields:
                unit = self.units.get(UNITS.get(name, ""))
                is_unit = unit is not None and widget in fields[-2:]
                widget.setVisible(shown and (self._asks_unit(name, layer, opened) if is_unit else is_vector))

    def _asks_unit(self, name: str, layer: QgsMapLayer | None, opened: bool) -> bool:
        # The unit of elevations is seldom another: it is asked for among the further layers.
        return layer is not None and (name not in REQUIRED or opened or self.units[UNITS[name]].currentIndex() > 0)


def _filters(definition: Any) -> Any:
    """Return the layers that a parameter takes, as the box of layers wants them."""
    types = [_TYPE.TypeRaster] if definition.type() == "raster" else [_TYPE(kind) for kind in definition.dataTypes()]
    filters = _FILTERS[types[0]]
    for kind in types[1:]:
        filters = filters | _FILTERS[kind]
    return filters


def _id(layer: QgsMapLayer | None) -> str:
    return "" if layer is None else str(layer.id())
