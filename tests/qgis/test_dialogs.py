"""The dialogs that QGIS makes of the parameters open and hand the defaults on."""

from __future__ import annotations

import pytest
from qgis.core import QgsProcessingContext, QgsProcessingParameterDefinition

NAMES = ("createdemodata", "buildfactorstack", "checkfactors", "buildbufferedlabels", "buildsafetyfactor", "trainpcum",
         "traincomparisonmodel", "predictsusceptibility", "classifyzones", "rainfallwarning", "validatewithpoints",
         "comparemodels", "explainsusceptibility", "factorstozones")


@pytest.fixture
def dialog(run, qgis_iface, monkeypatch):
    """Return a function that opens the dialog of an algorithm."""
    import processing
    from qgis.gui import QgsBrowserGuiModel

    opened = []
    browser = QgsBrowserGuiModel()
    monkeypatch.setattr(qgis_iface, "browserModel", lambda: browser, raising=False)

    def open_dialog(name):
        opened.append(processing.createAlgorithmDialog(f"scarp:{name}", {}))
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


def test_tables_show_and_hand_on_their_defaults(dialog):
    panel = dialog("buildbufferedlabels").mainWidget()
    wrapper = panel.wrappers["RADII"]
    value = wrapper.parameterValue() if hasattr(wrapper, "parameterValue") else wrapper.value()
    from scarp.algorithms.values import rows_of
    from scarp.model.inputs.tables import read_pairs
    from scarp.model.labels.scales import DEFAULT_RADII

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
    from scarp.algorithms.training_parameters import SETTINGS
    from scarp.model.training.presets import governed
    from scarp.model.training.settings import default, parameter_name

    window = dialog("trainpcum")
    wrappers = window.mainWidget().wrappers
    empty = [name for name in SETTINGS if governed(name) and name != "augment"]
    for name in empty:
        assert wrappers[parameter_name(name)].parameterValue() is None, name
    assert wrappers["AUGMENT"].parameterValue() is default("augment")
    for name, value in (("EPOCHS", 7), ("SPLIT", "random"), ("WEIGHT_LANDSLIDE", 2.5)):
        wrappers[name].setParameterValue(value, QgsProcessingContext())
        assert wrappers[name].parameterValue() == value
        wrappers[name].setParameterValue(None, QgsProcessingContext())
        assert wrappers[name].parameterValue() is None, name
