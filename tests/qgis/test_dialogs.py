"""The dialogs open, pass on the defaults, suggest layers and fields, and validate values while typing."""

from __future__ import annotations

import time

import pytest
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterField,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QIcon, QImage
from qgis.PyQt.QtWidgets import QTextBrowser

from scarp.gui import live_validation

NAMES = (
    "createdemodata buildfactorstack checkfactors buildbufferedlabels buildsafetyfactor trainpcum traincomparisonmodel "
    "predictsusceptibility classifyzones rainfallwarning validatewithpoints comparemodels crossvalidate "
    "explainsusceptibility factorstozones newarea chainwithcomparisons"
).split()


@pytest.fixture
def dialog(run, qgis_iface, monkeypatch):
    """Return a function that opens the dialog of an algorithm."""
    import processing
    from qgis.gui import QgsBrowserGuiModel

    opened = []
    browser = QgsBrowserGuiModel()
    monkeypatch.setattr(qgis_iface, "browserModel", lambda: browser, raising=False)
    # On a busy machine every check is slow.
    monkeypatch.setattr(live_validation, "MAX_CHECK_SECONDS", float("inf"))

    def open_dialog(name, parameters=None):
        opened.append(processing.createAlgorithmDialog(f"scarp:{name}", parameters or {}))
        return opened[-1]

    yield open_dialog
    for window in opened:
        window.close()
        window.deleteLater()


@pytest.mark.parametrize("name", NAMES)
def test_dialog_opens_with_a_widget_for_every_parameter(dialog, name):
    window = dialog(name)
    algorithm = window.algorithm()
    panel = window.mainWidget()
    hidden = QgsProcessingParameterDefinition.Flag.FlagHidden
    for item in algorithm.parameterDefinitions():
        if not item.flags() & hidden and not item.isDestination():
            assert item.name() in panel.wrappers, item.name()


def test_tables_show_and_pass_on_their_defaults(dialog):
    panel = dialog("buildbufferedlabels").mainWidget()
    wrapper = panel.wrappers["RADII"]
    value = wrapper.parameterValue() if hasattr(wrapper, "parameterValue") else wrapper.value()
    from scarp.algorithms.base.parameters import rows_of
    from scarp.model.labels.scales import DEFAULT_RADII
    from scarp.model.tables import read_pairs

    assert read_pairs(rows_of(value), "RADII") == DEFAULT_RADII
    empty = dialog("classifyzones").mainWidget().wrappers["BREAKS"]
    value = empty.parameterValue() if hasattr(empty, "parameterValue") else empty.value()
    assert not [cell for cell in rows_of(value) or [] if str(cell).strip()]


def test_small_numbers_keep_their_digits(dialog, plugin):
    window = dialog("trainpcum")
    wrapper = window.mainWidget().wrappers["LEARNING_RATE"]
    wrapper.setParameterValue(0.00025, QgsProcessingContext())
    assert wrapper.parameterValue() == pytest.approx(0.00025)


def test_settings_of_a_preset_are_empty_until_given(dialog):
    from scarp.algorithms.base.training_parameters import SETTINGS
    from scarp.model.options import parameter_name
    from scarp.model.training.settings import default, in_preset

    window = dialog("trainpcum")
    wrappers = window.mainWidget().wrappers
    empty = [name for name in SETTINGS if in_preset(name) and name != "augment"]
    for name in empty:
        assert wrappers[parameter_name(name)].parameterValue() is None, name
    assert wrappers["AUGMENT"].parameterValue() is default("augment")
    for name, value in (("EPOCHS", 7), ("SPLIT", "random"), ("WEIGHT_LANDSLIDE", 2.5)):
        wrappers[name].setParameterValue(value, QgsProcessingContext())
        assert wrappers[name].parameterValue() == value
        wrappers[name].setParameterValue(None, QgsProcessingContext())
        assert wrappers[name].parameterValue() is None, name


@pytest.fixture
def layers(chain, area):
    """The layers of the chain in the project, by the name of their file; the project is emptied afterwards."""
    project = QgsProject.instance()
    project.clear()
    added = {}
    for name in ("dem", "precipitation", "temperature"):
        added[name] = project.addMapLayer(QgsRasterLayer(str(area / f"{name}.tif"), name))
    for name in ("stack", "labels", "safety", "susceptibility", "zones"):
        added[name] = project.addMapLayer(QgsRasterLayer(str(chain[name]), f"result {name[:2]}"))
    for name in ("landslides", "lithology", "landform", "regions", "climate", "rivers", "faults"):
        added[name] = project.addMapLayer(QgsVectorLayer(str(area / f"{name}.gpkg"), name))
    yield added
    project.clear()


def value_of(window, name):
    wrapper = window.mainWidget().wrappers[name]
    value = wrapper.parameterValue()
    return None if value == "" else value


def set_value(window, name, value):
    window.mainWidget().wrappers[name].setParameterValue(value, window.mainWidget().processing_context)


def message(window, wait: float = 60.0):
    """Wait for the validation after a change, and return its message."""
    checks = window._live_validator
    end = time.monotonic() + wait
    while checks._timer.isActive() and time.monotonic() < end:
        QgsApplication.processEvents()
    assert not checks._timer.isActive()
    assert checks.line.isHidden() == (not checks.line.label.text())
    return checks.line.label.text()


EXPECTED = """
buildfactorstack: DEM dem, PRECIPITATION precipitation, TEMPERATURE temperature, RIVERS rivers, FAULTS faults
buildfactorstack: LITHOLOGY lithology, LANDFORM landform, AREA -
trainpcum: STACK stack, LABELS labels, SAFETY_FACTOR safety
classifyzones: SUSCEPTIBILITY susceptibility, LANDSLIDES -
validatewithpoints: SUSCEPTIBILITY susceptibility, LANDSLIDES landslides, ZONES zones, REGIONS regions, STABLE -, DEM -
buildsafetyfactor: REFERENCE stack, PRECIPITATION precipitation, CLIMATE climate, TOPOGRAPHY landform
factorstozones: DEM dem, LANDSLIDES landslides, PRECIPITATION precipitation
buildfactorstack fields: LITHOLOGY_FIELD rock, LANDFORM_FIELD landform, PRECIPITATION_FIELD -
validatewithpoints fields: REGION_FIELD region
buildbufferedlabels fields: SCALE_FIELD scale
buildsafetyfactor fields: ALPHA_FIELD alpha, BETA_FIELD beta, RAINY_DAYS_FIELD days, TOPOGRAPHY_FIELD landform
""".strip().split("\n")


@pytest.mark.parametrize("row", EXPECTED)
def test_a_new_dialog_suggests_suitable_layers_and_fields(dialog, layers, row):
    title, values = row.split(": ")
    name, _, fields = title.partition(" ")
    window = dialog(name)
    window.show()
    for parameter, expected in (item.split() for item in values.split(", ")):
        expected = None if expected == "-" else expected if fields else layers[expected].id()
        assert value_of(window, parameter) == expected, parameter
    assert message(window) == ""


def test_a_product_of_scarp_is_not_used_for_another_input(dialog, layers):
    for name in ("precipitation", "dem", "temperature", "stack", "safety", "susceptibility", "zones"):
        QgsProject.instance().removeMapLayer(layers[name].id())
    window = dialog("buildsafetyfactor")
    window.show()
    assert value_of(window, "PRECIPITATION") is None
    # Any raster can lend its grid.
    assert value_of(window, "REFERENCE") == layers["labels"].id()


def test_given_values_are_not_mixed_with_suggestions(dialog, layers):
    window = dialog("buildsafetyfactor", {"TOPOGRAPHY": layers["lithology"].id(), "REFERENCE": layers["dem"].id()})
    window.show()
    assert value_of(window, "TOPOGRAPHY") == layers["lithology"].id()
    assert value_of(window, "REFERENCE") == layers["dem"].id()
    assert value_of(window, "TOPOGRAPHY_FIELD") is None
    assert value_of(window, "CLIMATE") is None


def test_a_field_that_the_user_chose_stays_and_a_suggested_one_follows_the_layer(dialog, layers):
    window = dialog("buildfactorstack")
    window.show()
    set_value(window, "LITHOLOGY", layers["landform"].id())
    assert value_of(window, "LITHOLOGY_FIELD") is None
    set_value(window, "LITHOLOGY", layers["lithology"].id())
    assert value_of(window, "LITHOLOGY_FIELD") == "rock"
    set_value(window, "LITHOLOGY_FIELD", "fid")
    set_value(window, "LITHOLOGY", layers["landform"].id())
    assert value_of(window, "LITHOLOGY_FIELD") == "fid"


def test_no_field_parameter_depends_on_an_input_that_may_be_a_raster(plugin):
    """QGIS crashes when a raster is chosen for one, in dialogs and in batch."""
    for algorithm in plugin.provider.algorithms():
        for item in algorithm.parameterDefinitions():
            if isinstance(item, QgsProcessingParameterField):
                assert algorithm.parameterDefinition(item.parentLayerParameterName()).type() == "source", item.name()


def test_rasters_can_be_chosen_where_a_field_may_follow(dialog, layers):
    window = dialog("buildfactorstack")
    for layer in ("precipitation", "climate", "precipitation"):
        set_value(window, "LANDFORM", layers[layer].id())
        assert value_of(window, "LANDFORM") == layers[layer].id()


def test_validation_message_appears_while_typing_and_clears_once_fixed(dialog, layers):
    window = dialog("classifyzones")
    window.show()
    assert message(window) == ""
    set_value(window, "SHARES", [50, 30, 30])
    assert "110" in message(window)
    assert "“Shares (%)”" in message(window)
    assert "SHARES" not in message(window)
    set_value(window, "SHARES", [50, 30, 20])
    assert message(window) == ""
    window = dialog("buildfactorstack")
    window.show()
    set_value(window, "LITHOLOGY_FIELD", "granite")
    assert '"granite"' in message(window)
    assert "rock" in message(window)
    set_value(window, "LITHOLOGY_FIELD", "rock")
    assert message(window) == ""


def test_empty_inputs_are_no_error(dialog, run):
    QgsProject.instance().clear()
    for name in NAMES:
        window = dialog(name)
        window.show()
        assert message(window) == "", name
        for parameter, value in {"SEED": 2, "DISTANCE": 5, "P_LOW": 0.2}.items():
            if parameter in window.mainWidget().wrappers:
                set_value(window, parameter, value)
        assert message(window) == "", name


def test_after_a_slow_check_there_is_no_other(dialog, layers, monkeypatch):
    # It validates too, a moment after the dialog is shown.
    monkeypatch.setattr(live_validation.LiveValidator, "open_files", lambda check: None)
    monkeypatch.setattr(live_validation, "MAX_CHECK_SECONDS", 0.1)
    window = dialog("classifyzones")
    window.show()
    looks = []

    def slow(*_):
        looks.append(time.sleep(2 * live_validation.MAX_CHECK_SECONDS))
        return "The shares are wrong."

    monkeypatch.setattr(live_validation, "live_validation_message", slow)
    set_value(window, "SHARES", [50, 40])
    assert message(window) == "The shares are wrong."
    # Without another check the message may be outdated.
    set_value(window, "SHARES", [40, 60])
    assert message(window) == ""
    assert len(looks) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_help_has_a_picture_and_every_parameter(dialog, name):
    from scarp.gui.algorithm_dialog import PICTURES

    panel = dialog(name).findChild(QTextBrowser, "textShortHelp")
    text = panel.toPlainText()
    for item in dialog(name).algorithm().parameterDefinitions():
        assert item.description() in text, item.name()
    assert f"{name}.png" in panel.toHtml()
    picture = QImage(str(PICTURES / f"{name}.png"))
    assert 200 <= picture.width() <= 320
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 250_000


def test_help_on_the_command_line_stays_plain(plugin):
    for algorithm in plugin.provider.algorithms():
        assert "<img" not in algorithm.shortHelpString()


@pytest.mark.parametrize("background", [245, 50])
def test_icons_stand_out_from_light_and_dark(plugin, background):
    for algorithm in plugin.provider.algorithms():
        image = QIcon(algorithm.svgIconPath()).pixmap(QSize(16, 16)).toImage()
        distinct = 0
        for x in range(16):
            for y in range(16):
                colour = image.pixelColor(x, y)
                grey = (colour.red() + colour.green() + colour.blue()) / 3
                distinct += colour.alpha() > 127 and abs(grey - background) > 40
        assert distinct > 25, algorithm.name()


def test_changed_internals_of_qgis_cost_the_additions_but_not_the_dialog(dialog, monkeypatch):
    from scarp.gui import algorithm_dialog

    def fail(window):
        raise AttributeError("there is no help panel")

    monkeypatch.setattr(algorithm_dialog, "show_help", fail)
    window = dialog("classifyzones", {"METHOD": "natural_breaks"})
    window.show()
    assert value_of(window, "METHOD") == "natural_breaks"
