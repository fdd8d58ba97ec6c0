"""The dialogs open, pass on the defaults, suggest layers and fields, and validate values while typing."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import time

import numpy as np
import pytest
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QIcon, QImage
from qgis.PyQt.QtWidgets import QAbstractSpinBox, QComboBox, QTextBrowser

from scarp.algorithms.base import messages
from scarp.algorithms.base.parameters import rows_of
from scarp.algorithms.base.training_parameters import SETTINGS
from scarp.gui import algorithm_dialog, automatic_values, suggestions
from scarp.gui.algorithm_dialog import PICTURES
from scarp.gui.suggestions import LINE, POINT, POLYGON, LayerInfo, guess_field, guess_layer, guess_unit, matches_keyword
from scarp.model.options import parameter_name
from scarp.model.outputs.run_record import write_record
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training.automatic import complete
from scarp.model.training.settings import default, in_preset, settings_of_kind
from scarp.model.windows.split import open_training_rasters
from scarp.tests.core.conftest import utm_grid, write_raster, write_stack
from scarp.tests.qgis.child import ALGORITHMS

NAMES = [*ALGORITHMS, "factorstozones", "newarea", "chainwithcomparisons"]


@pytest.fixture
def dialog(run, qgis_iface, monkeypatch):
    """Return a function that opens the dialog of an algorithm."""
    import processing
    from qgis.gui import QgsBrowserGuiModel

    opened = []
    browser = QgsBrowserGuiModel()
    monkeypatch.setattr(qgis_iface, "browserModel", lambda: browser, raising=False)
    # On a busy machine every check is slow.
    monkeypatch.setattr(algorithm_dialog, "MAX_CHECK_SECONDS", float("inf"))
    monkeypatch.setattr(automatic_values, "MAX_SECONDS", float("inf"))

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
    for item in window.algorithm().parameterDefinitions():
        if not item.flags() & item.Flag.FlagHidden and not item.isDestination():
            assert item.name() in window.mainWidget().wrappers, item.name()


def test_tables_show_and_pass_on_their_defaults(dialog):
    def shown(algorithm, parameter):
        wrapper = dialog(algorithm).mainWidget().wrappers[parameter]
        return rows_of(wrapper.parameterValue() if hasattr(wrapper, "parameterValue") else wrapper.value())

    for table in (("buildbufferedlabels", "RADII"), ("classifyzones", "BREAKS")):
        assert not [cell for cell in shown(*table) or [] if str(cell).strip()]


def test_settings_of_a_preset_are_empty_until_given_and_small_numbers_keep_their_digits(dialog):
    window = dialog("trainpcum")
    for name in SETTINGS:
        if in_preset(name) and name != "augment":
            assert value_of(window, parameter_name(name)) is None, name
    assert value_of(window, "AUGMENT") is default("augment")
    for name, value in (("EPOCHS", 7), ("SPLIT", "random"), ("WEIGHT_LANDSLIDE", 2.5), ("LEARNING_RATE", 0.00025)):
        set_value(window, name, value)
        assert value_of(window, name) == (pytest.approx(value) if isinstance(value, float) else value)
        set_value(window, name, None)
        assert value_of(window, name) is None, name


def text_of(window, name):
    """What an empty box shows."""
    box = window.mainWidget().wrappers[name].wrappedWidget()
    return box.text() if isinstance(box, QAbstractSpinBox) else box.findChild(QAbstractSpinBox).text()


AUTOMATIC = {"trainpcum": "BLOCK BUFFER WINDOW WEIGHT_LANDSLIDE", "crossvalidate": "FOLDS", "comparemodels": "DISTANCE"}


def test_empty_boxes_of_automatic_settings_say_so(dialog):
    for name, boxes in AUTOMATIC.items():
        window = dialog(name)
        assert {text_of(window, box) for box in boxes.split()} == {"automatic"}
        assert {value_of(window, box) for box in boxes.split()} == {None}
    assert text_of(dialog("trainpcum"), "EPOCHS") not in ("", "automatic")


def test_automatic_values_are_shown_once_the_rasters_are_chosen(dialog, started, monkeypatch, tmp_path):
    grid, values = utm_grid(90, 90, 20.0), np.random.default_rng(2).normal(0, 1, (2, 90, 90)).astype(np.float32)
    stack = write_stack(tmp_path / "stack.tif", values, [StackFactor(name, "continuous") for name in ("a", "b")], grid)
    labels = write_raster(tmp_path / "labels.tif", (values[0] > 2.2).astype(np.uint8), grid, nodata=255)
    monkeypatch.setenv("SCARP_RUN", "process")
    window = dialog("crossvalidate")
    window.show()
    for name, value in (("STACK", stack), ("LABELS", labels), ("KIND", "unet")):
        set_value(window, name, value)
    pauses, end = [0.0], time.monotonic() + 240
    while not text_of(window, "BLOCK").startswith("automatic: ") and time.monotonic() < end:
        before = time.process_time()
        QgsApplication.processEvents()
        pauses.append(time.process_time() - before)
        time.sleep(0.02)
    with open_training_rasters(stack, labels) as rasters:
        used = complete(settings_of_kind("unet", "recommended", {}), "unet", [rasters], NullProgress(), 3)
    shown = [text_of(window, name) for name in ("BLOCK", "WINDOW", "BUFFER", "FOLDS", "WEIGHT_LANDSLIDE")]
    assert shown[:3] == [f"automatic: {value:g} m" for value in (used.block, used.window, used.buffer)]
    assert shown[3:] == ["automatic: 5", "automatic"] or used.weight_landslide
    assert value_of(window, "BLOCK") is None and max(pauses) < 1
    set_value(window, "BLOCK", 300.0)
    assert text_of(window, "BLOCK").startswith("300")
    window.close()
    assert window._automatic._task is None


@pytest.fixture
def layers(chain, area):
    """The layers of the chain in the project, by the name of their file; the project is emptied afterwards."""
    project = QgsProject.instance()
    project.clear()
    rasters, vectors = "dem precipitation temperature", "landslides lithology landform regions climate rivers faults"
    added = {name: QgsRasterLayer(str(area / f"{name}.tif"), name) for name in rasters.split()}
    added |= {name: QgsVectorLayer(str(area / f"{name}.gpkg"), name) for name in vectors.split()}
    for name in ("stack", "labels", "safety", "susceptibility", "zones"):
        added[name] = QgsRasterLayer(str(chain[name]), f"result {name[:2]}")
    project.addMapLayers(list(added.values()))
    yield added
    project.clear()


def value_of(window, name):
    value = window.mainWidget().wrappers[name].parameterValue()
    return None if value == "" else value


def set_value(window, name, value):
    window.mainWidget().wrappers[name].setParameterValue(value, window.mainWidget().processing_context)


def message(window, wait: float = 60.0):
    """Wait for the validation after a change, and return its message."""
    checks = window._live_validator
    end = time.monotonic() + wait
    while checks._timer.isActive() and time.monotonic() < end:
        QgsApplication.processEvents()
    assert not checks._timer.isActive() and checks.line.isHidden() == (not checks.label.text())
    return checks.label.text()


def test_a_dialog_shows_the_inputs_of_the_chosen_method(dialog):
    window = dialog("buildsafetyfactor")
    window.show()
    wrappers = window.mainWidget().wrappers

    def hidden(*names):
        return [wrappers[name].wrappedWidget().isHidden() for name in names]

    assert hidden("PRECIPITATION", "ALPHA", "COHESION", "SLOPE", "TOPOGRAPHY") == [False, False, True, True, False]
    for method, expected in (("infinite_slope", [True, True, False]), ("rain_threshold", [False, False, True])):
        set_value(window, "METHOD", method)
        assert hidden("PRECIPITATION", "K_TABLE", "COHESION") == expected
        assert wrappers["COHESION"].wrappedLabel().isHidden() == expected[2] and value_of(window, "COHESION") == "0-5"


SUGGESTED = """
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


@pytest.mark.parametrize("row", SUGGESTED)
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
    given = {"TOPOGRAPHY": layers["lithology"].id(), "REFERENCE": layers["dem"].id()}
    window = dialog("buildsafetyfactor", given)
    window.show()
    for name in ("TOPOGRAPHY", "REFERENCE", "TOPOGRAPHY_FIELD", "CLIMATE"):
        assert value_of(window, name) == given.get(name)


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
            if item.type() == "field":
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
    said = message(window)
    assert "110" in said and "“Shares (%)”" in said and "SHARES" not in said
    set_value(window, "SHARES", [50, 30, 20])
    assert message(window) == ""
    window = dialog("buildfactorstack")
    window.show()
    set_value(window, "LITHOLOGY_FIELD", "granite")
    assert '"granite"' in message(window) and "rock" in message(window)
    set_value(window, "LITHOLOGY_FIELD", "rock")
    assert message(window) == ""


def test_choices_are_shown_in_words_and_keep_their_values(dialog):
    window = dialog("classifyzones")
    box = window.mainWidget().wrappers["METHOD"].wrappedWidget()
    box = box if isinstance(box, QComboBox) else box.findChild(QComboBox)
    assert box.currentText() == "fixed shares of the area" and value_of(window, "METHOD") == "area_shares"
    set_value(window, "METHOD", "natural_breaks")
    assert box.currentText() == "natural breaks" and value_of(window, "METHOD") == "natural_breaks"
    panel = window.findChild(QTextBrowser, "textShortHelp").toPlainText()
    assert "“equal intervals”: equal steps" in panel and "area_shares" not in panel and "METHOD" not in panel


def test_a_window_shows_labels_and_a_script_names(plugin, step, monkeypatch):
    algorithm = plugin.provider.algorithm("classifyzones").create()
    values = {"SUSCEPTIBILITY": "missing.tif", "OUTPUT": "zones.tif"}
    assert algorithm.checkParameterValues(values, QgsProcessingContext())[1].startswith("SUSCEPTIBILITY (")
    with pytest.raises(QgsProcessingException, match="METHOD is natural_breaks"):
        step("classifyzones", METHOD="natural_breaks", BREAKS=[0.2, 0.5])
    monkeypatch.setattr(messages, "has_window", lambda: True)
    assert algorithm.checkParameterValues(values, QgsProcessingContext())[1].startswith("“Susceptibility”: ")
    with pytest.raises(QgsProcessingException, match="“Method” is natural_breaks"):
        step("classifyzones", METHOD="natural_breaks", BREAKS=[0.2, 0.5])


@pytest.fixture
def models(tmp_path, area, monkeypatch):
    """Three model files beside a layer of the project, the last one not to be used."""
    monkeypatch.setenv("SCARP_STATE", str(tmp_path / "state"))
    folder = tmp_path / "maps"
    folder.mkdir()
    shutil.copy(area / "dem.tif", folder / "dem.tif")
    levels = {"old": ("usable", 0.81), "new": ("weak", 0.66), "bad": ("do not use", 0.51)}
    for age, (name, (level, auc)) in enumerate(levels.items()):
        path = folder / f"{name}.safetensors"
        path.write_bytes(b"")
        os.utime(path, (1.7e9 + age * 1000,) * 2)
        content = {"algorithm": "scarp:trainpcum", "verdict": {"level": level}, "call": {"numbers": {"AUC": auc}}}
        write_record(path, content)
    project = QgsProject.instance()
    project.clear()
    project.addMapLayer(QgsRasterLayer(str(folder / "dem.tif"), "dem"))
    yield folder
    project.clear()


def test_the_last_models_are_offered_with_date_and_verdict(dialog, models, tmp_path):
    elsewhere = tmp_path / "elsewhere.safetensors"
    elsewhere.write_bytes(b"")
    trainings = tmp_path / "state" / "trainings"
    trainings.mkdir(parents=True)
    for name, line in (("1", json.dumps({"output": str(elsewhere)})), ("2", "[]"), ("3", "{"), ("4", '{"output": 5}')):
        (trainings / f"{name}.jsonl").write_text(f"{line}\n", encoding="utf-8")
    window = dialog("predictsusceptibility")
    window.show()
    assert value_of(window, "MODEL") == str(models / "new.safetensors"), "the newest of the project that may be used"
    menu = window._models.menu("MODEL", window)
    said = [action.text() for action in menu.actions()]
    assert [text.partition(":")[0].partition("/")[2] for text in said] == [
        "elsewhere.safetensors",
        "bad.safetensors",
        "new.safetensors",
        "old.safetensors",
    ]
    assert (
        said[1].endswith("PCUM, AUC 0.51, do not use")
        and "23" in said[3]
        and "elsewhere" in menu.actions()[0].toolTip()
    )
    menu.actions()[3].trigger()
    assert value_of(window, "MODEL") == str(models / "old.safetensors")
    given = dialog("predictsusceptibility", {"MODEL": str(elsewhere)})
    given.show()
    assert value_of(given, "MODEL") == str(elsewhere)


def test_units_in_names_of_layers_are_filled_in(dialog, area):
    project = QgsProject.instance()
    project.clear()
    layer = QgsRasterLayer(str(area / "temperature.tif"), "temperature_mean_c_x10_worldclim10m")
    project.addMapLayer(layer)
    window = dialog("buildfactorstack")
    window.show()
    assert value_of(window, "TEMPERATURE") == layer.id() and value_of(window, "TEMPERATURE_UNIT") == "tenth_celsius"
    project.clear()


UNITS = """
temperature_mean_c_x10_worldclim10m tenth_celsius, temp×10 tenth_celsius, temperature_kelvin kelvin, temp_x100 auto,
tas_tenths tenth_celsius, temperature_10m auto, 气温_x10 tenth_celsius
"""


@pytest.mark.parametrize(("name", "unit"), [pair.split() for pair in UNITS.split(",")])
def test_the_unit_is_found_in_the_name(name, unit):
    assert guess_unit("TEMPERATURE_UNIT", name) == unit


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
    monkeypatch.setattr(algorithm_dialog.LiveValidator, "open_files", lambda check: None)
    monkeypatch.setattr(algorithm_dialog, "MAX_CHECK_SECONDS", 0.1)
    window = dialog("classifyzones")
    window.show()
    looks = []

    def slow(*_):
        looks.append(time.sleep(2 * algorithm_dialog.MAX_CHECK_SECONDS))
        return "The shares are wrong."

    monkeypatch.setattr(algorithm_dialog, "live_validation_message", slow)
    set_value(window, "SHARES", [50, 40])
    assert message(window) == "The shares are wrong."
    # Without another check the message may be outdated.
    set_value(window, "SHARES", [40, 60])
    assert message(window) == ""
    assert len(looks) == 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rerun"])
def test_the_help_has_a_picture_and_every_parameter(dialog, name):
    panel = dialog(name).findChild(QTextBrowser, "textShortHelp")
    for item in dialog(name).algorithm().parameterDefinitions():
        assert item.description() in panel.toPlainText(), item.name()
    assert f"{name}.png" in panel.toHtml() and 200 <= QImage(str(PICTURES / f"{name}.png")).width() <= 320
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 250_000


@pytest.mark.parametrize("background", [245, 50])
def test_icons_stand_out_from_light_and_dark(plugin, background):
    for algorithm in plugin.provider.algorithms():
        image = QIcon(algorithm.svgIconPath()).pixmap(QSize(16, 16)).toImage()
        pixels = [image.pixelColor(x, y).getRgb() for x in range(16) for y in range(16)]
        distinct = [alpha > 127 and abs(sum(colour) / 3 - background) > 40 for *colour, alpha in pixels]
        assert sum(distinct) > 25, algorithm.name()


def test_changed_internals_of_qgis_cost_the_additions_but_not_the_dialog(dialog, monkeypatch):
    def fail(window):
        raise AttributeError("there is no help panel")

    monkeypatch.setattr(algorithm_dialog, "show_help", fail)
    window = dialog("classifyzones", {"METHOD": "natural_breaks"})
    window.show()
    assert value_of(window, "METHOD") == "natural_breaks"


FIELDS = """
SCALE_FIELD: fid, scale, note = scale
SCALE_FIELD: 编号, 规模, 日期 = 规模
SCALE_FIELD: 编号, 滑坡规模等级 = 滑坡规模等级
SCALE_FIELD: SlideSize, year = SlideSize
LITHOLOGY_FIELD: OBJECTID, ROCK_TYPE = ROCK_TYPE
LITHOLOGY_FIELD: id, 岩性描述 = 岩性描述
LANDFORM_FIELD: fid, 地貌类型 = 地貌类型
TOPOGRAPHY_FIELD: fid, landform = landform
SEISMIC_FIELD: zone, 烈度 = 烈度
SEISMIC_FIELD: Intensity_MMI, name = Intensity_MMI
REGION_FIELD: fid, region, name, cause = name
REGION_FIELD: fid, 县 = 县
ALPHA_FIELD: zone, alpha, beta, rainy_days = alpha
BETA_FIELD: zone, alpha, beta, rainy_days = beta
RAINY_DAYS_FIELD: zone, alpha, beta, rainy_days = rainy_days
RAINY_DAYS_FIELD: 年雨日数 = 年雨日数
PRECIPITATION_FIELD: station, PRECIPITAT = PRECIPITAT
PRECIPITATION_FIELD: 站点, 年降水量 = 年降水量
TEMPERATURE_FIELD: station, temp_c = temp_c
""".strip().split("\n")


@pytest.mark.parametrize("row", FIELDS)
def test_the_field_is_found_by_name(row):
    parameter, names, expected = re.split("[:=]", row)
    fields = [name.strip() for name in names.split(",")]
    assert guess_field(parameter, fields) == guess_field(parameter, fields[::-1]) == expected.strip()


@pytest.mark.parametrize("parameter", sorted(suggestions.KEYWORDS))
def test_every_keyword_finds_itself_in_any_case_and_nothing_else_is_chosen(parameter):
    for keyword in suggestions.KEYWORDS[parameter]:
        for name in (keyword, keyword.upper(), keyword.replace(" ", "_"), keyword.title().replace(" ", "")):
            assert guess_field(parameter, ["fid", name, "geom_x"]) == name
    assert guess_field(parameter, ["fid", "geom_x", "remark", "备注"]) is guess_field(parameter, []) is None


def test_fields_that_fit_alike_leave_the_choice_to_the_user():
    assert guess_field("REGION_FIELD", ["NAME_1", "NAME_2"]) is None
    assert guess_field("REGION_FIELD", ["NAME_1", "NAME_2", "name"]) == "name"
    assert guess_field("AREA_FIELD", ["Shape_Area", "area_ha"]) is None, "in which unit?"


def test_a_short_word_does_not_find_a_longer_one_by_chance():
    fields = {"REGION_FIELD": "小区划代码", "PRECIPITATION_FIELD": "comment", "UNKNOWN_FIELD": "name"}
    assert not any(guess_field(parameter, [field]) for parameter, field in fields.items())
    found = [matches_keyword(["dem"], "demography"), matches_keyword(["dem"], "DEM 30 m")]
    assert [*found, matches_keyword(["高程"], "西藏高程数据")] == [False, True, True]


def raster(key, *bands, name=""):
    return LayerInfo(key, name or key, bands=bands)


PROJECT = [
    raster("hills", "", name="hillshade"),
    raster("stack", "slope", "aspect", "lithology", "roads"),
    raster("labels", "landslide label"),
    raster("safety", "safety factor"),
    raster("map", "relative landslide susceptibility", name="anything"),
    raster("zones", "susceptibility zone"),
    raster("held_out", "out-of-fold susceptibility of a model"),
    raster("ground", "", name="dem_30m"),
    LayerInfo("slides", "Landslides 2020", POINT, fields=("fid", "scale")),
    LayerInfo("rivers", "rivers", LINE),
    LayerInfo("houses", "gis_osm_buildings", POLYGON, fields=("fclass",)),
    LayerInfo("streets", "gis_osm_roads", LINE, fields=("fclass",)),
    LayerInfo("rocks", "岩性图", POLYGON),
    LayerInfo("windows", "training", POLYGON, fields=("subset", "kind", "landslide_share", "seed")),
    LayerInfo("climate", "zones of rain", POLYGON, fields=("Alpha", "Beta")),
]


EXPECTED = """
STACK stack, REFERENCE stack, LABELS labels, SAFETY_FACTOR safety, SUSCEPTIBILITY map, ZONES zones, DEM ground,
OUT_OF_FOLD held_out, LANDSLIDES slides, RIVERS rivers, LITHOLOGY rocks, WINDOWS windows, CLIMATE climate,
BUILDINGS houses, ROADS streets
"""
EXPECTED = dict(pair.split() for pair in EXPECTED.split(","))
EXPECTED |= dict.fromkeys(["FAULTS", "REGIONS", "AREA", "STABLE", "UNKNOWN"])


@pytest.mark.parametrize("parameter", EXPECTED)
def test_layers_are_found_by_their_contents(parameter):
    assert guess_layer(parameter, PROJECT) == guess_layer(parameter, PROJECT[::-1]) == EXPECTED[parameter]


def test_products_of_scarp_are_recognised_as_other_inputs():
    another = {item.key for item in PROJECT if suggestions.is_other_product("PRECIPITATION", item)}
    assert another == {"stack", "labels", "safety", "map", "zones", "held_out", "windows"}
    assert not any(suggestions.is_other_product("UNKNOWN", item) for item in PROJECT)


def test_of_several_out_of_fold_maps_the_last_is_meant():
    maps = [LayerInfo(str(day), "map", bands=("out-of-fold susceptibility of a model",), written=day) for day in (2, 3)]
    assert guess_layer("OUT_OF_FOLD", maps) == guess_layer("OUT_OF_FOLD", maps[::-1]) == "3"


OUTCOMES = LayerInfo("outcomes", "Points by outcome", POINT, fields=("kind", "outcome", "susceptibility", "zone"))


@pytest.mark.parametrize("name", ["landslides", "Landslides", "LANDSLIDE", "滑坡"])
def test_an_exact_name_comes_first(name):
    others = ("non_landslides", "landslides_stable", "landslides of 2008", "old landslides")
    layers = [LayerInfo(other, other, POINT) for other in others] + [LayerInfo("slides", name, POINT)]
    assert guess_layer("LANDSLIDES", layers) == guess_layer("LANDSLIDES", layers[::-1]) == "slides"
    assert guess_layer("LANDSLIDES", layers[:-1]) is None


@pytest.mark.parametrize("name", ["non_landslides", "no landslides", "stable (no landslide)", "landslide absence"])
def test_stable_ground_is_never_suggested_as_landslides(name):
    assert guess_layer("LANDSLIDES", [LayerInfo("quiet", name, POINT)]) is None


@pytest.mark.parametrize("name", ["landslides", "Points by outcome", "landslides validated"])
@pytest.mark.parametrize("parameter", ["LANDSLIDES", "PRECIPITATION", "TEMPERATURE"])
def test_points_by_outcome_are_never_suggested(parameter, name):
    layer = dataclasses.replace(OUTCOMES, name=name)
    assert guess_layer(parameter, [layer]) is None
    assert suggestions.is_other_product(parameter, layer)
    shapefile = dataclasses.replace(layer, fields=("kind", "outcome", "susceptibi"))
    assert guess_layer(parameter, [shapefile]) is None


NAMES_OF_LAYERS = """
PRECIPITATION: rainfall_annual_mm_worldclim10m; Rain; annual precip; 年降水量; 多年平均降雨; prec_1991_2020; annual_mm
TEMPERATURE: temp_mean; Temperature; tavg; 年平均气温; temperature_mean_c_x10
DEM: SRTM 30 m; 高程; Elevation; elev_30; NASADEM_n03; altitude
LANDSLIDES: landslides_2019; 滑坡点; slides; LSL; inventory_2020; 地质灾害点
RIVERS: drainage network; 水系; streams_from_dem
"""


@pytest.mark.parametrize("row", NAMES_OF_LAYERS.strip().split("\n"))
def test_layers_are_found_by_many_names(row):
    parameter, names = row.split(": ")
    geometry = {"LANDSLIDES": POINT, "RIVERS": LINE}.get(parameter, "")
    others = [raster("hills", "", name="dem_hillshade"), raster("other", "", name="landcover")]
    for name in names.split("; "):
        layer = LayerInfo("wanted", name, geometry) if geometry else raster("wanted", "", name=name)
        assert guess_layer(parameter, [layer, *others]) == "wanted", name
        assert guess_layer(parameter, others) is None


def test_an_exact_or_certain_name_comes_before_a_less_certain_one():
    rasters = [raster("a", "", name="temp"), raster("b", "", name="temperature_2020")]
    assert guess_layer("TEMPERATURE", rasters) == "b"
    rain = [raster("a", "", name="rain days"), raster("b", "", name="rain")]
    assert guess_layer("PRECIPITATION", rain) == guess_layer("PRECIPITATION", rain[::-1]) == "b"
    assert guess_layer("DEM", [raster("a", "", name="dem"), raster("b", "", name="dem_slope")]) == "a"


def test_no_layer_is_chosen_from_two_candidates_or_where_it_changes_what_a_run_is_about():
    assert guess_layer("LABELS", [*PROJECT, raster("more", "landslide label")]) is None
    assert not suggestions.SUGGESTED_WHEN_OPTIONAL & {"AREA", "MAPPED_AREA", "STABLE", "LANDSLIDES", "DEM"}
