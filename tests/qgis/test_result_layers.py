"""Layers of results as QGIS shows them: styles, what a map says of itself, and one group for each run."""

from __future__ import annotations

import gc
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from qgis.core import (
    QgsApplication,
    QgsLayerTree,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputHtml,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QThread
from qgis.PyQt.QtGui import QPainter

from scarp.algorithms.base import styles
from scarp.algorithms.base.algorithm import SIDECAR_STYLE
from scarp.algorithms.base.styles import ABOUT, DERIVED, ORDER, STYLES, LayerGroup, Styler, area_name, fill_abstract
from scarp.gui.steps import loading
from scarp.gui.steps.loading import layer_of
from scarp.gui.suggestions import describe_layer
from scarp.model.prediction import bivariate
from scarp.model.validation.settings import OUTCOMES
from scarp.model.validation.verdict import Evidence
from scarp.model.warning.classes import COLOURS, NAMES
from scarp.model.zones.schemes import DEFAULT_ZONE_NAMES, zone_colours, zone_names
from scarp.tests.core.conftest import utm_grid, write_raster
from scarp.tests.qgis.tiny import Listener, memory_layer, new_context, stack_inputs


def styled(layer, style: str):
    message, done = layer.loadNamedStyle(str(STYLES / f"{style}.qml"))
    assert done, message
    return layer


def legend(layer) -> list[tuple]:
    return [(item.value, item.label, item.color.getRgb()) for item in layer.renderer().classes()]


@pytest.mark.parametrize(
    ("style", "names", "colours"),
    [("zones", DEFAULT_ZONE_NAMES, zone_colours(5)), ("warning", NAMES.values(), COLOURS)],
)
def test_styles_of_classes_have_the_names_and_colours_of_the_core(chain, style, names, colours):
    wanted = [(number, name, colours[number]) for number, name in enumerate(names, 1)]
    assert sorted(legend(styled(QgsRasterLayer(str(chain["zones"])), style))) == wanted


def test_classes_have_a_legend_without_any_style_given(chain, step, tmp_path):
    """QGIS finds names and colours beside the raster and lists no more than the classes, whatever their number."""
    step("classifyzones", SHARES="50,30,20", OUTPUT=tmp_path / "z.tif")
    step("rainfallwarning", RAIN=chain["susceptibility"], K=0.01, OUTPUT=tmp_path / "w.tif")
    for name, names, colours in (("z", zone_names(3), zone_colours(3)), ("w", NAMES.values(), COLOURS)):
        found = legend(QgsRasterLayer(str(tmp_path / f"{name}.tif")))
        shown = [(plain(label), colour) for _, label, colour in found]
        assert shown == [(name, colours[number]) for number, name in enumerate(names, 1)]


def test_every_style_loads_and_those_of_results_have_a_place_in_the_layer_group(chain):
    kinds = {"rivers": "LineString", "faults": "LineString", "windows": "Polygon", "folds": "Polygon"}
    kinds |= {"points": "Point", "landslides": "Point"}
    names = {path.stem for path in STYLES.glob("*.qml")}
    of_further_bands = {"area_of_applicability", "local_point_density", "expected_auc"}  # chosen by hand
    assert set(ORDER) - {SIDECAR_STYLE} == names - {"hillshade", "landslides", "rivers", "faults"} - of_further_bands
    for name in names:
        raster = QgsRasterLayer(str(chain["susceptibility"]))
        styled(QgsVectorLayer(f"{kinds[name]}?field=outcome:string", "x", "memory") if name in kinds else raster, name)


def test_the_ramp_of_a_calibrated_map_ends_where_its_values_do(tmp_path):
    """Its values are small; those of other maps are shown from 0 to 1."""
    values = np.linspace(0, 0.2, 10_000, dtype=np.float32).reshape(100, 100)
    for name, tags, highest in (("a", {}, 1.0), ("b", {"LANDSLIDE_SHARE": "0.02"}, 0.2)):
        write_raster(tmp_path / f"{name}.tif", values, utm_grid(100, 100, 30.0))
        with rasterio.open(tmp_path / f"{name}.tif", "r+") as dataset:
            dataset.update_tags(**tags)
        layer = QgsRasterLayer(str(tmp_path / f"{name}.tif"))
        Styler("susceptibility").postProcessLayer(layer, None, None)
        items = layer.renderer().shader().rasterShaderFunction().colorRampItemList()
        shown = [item.value for item in items]
        assert (shown[0], len(shown)) == (0, 10) and shown == sorted(shown)
        assert shown[-1] == layer.renderer().classificationMax() == pytest.approx(highest, rel=0.02)


def test_points_and_windows_have_a_symbol_for_every_value(chain):
    points = styled(QgsVectorLayer("Point?field=outcome:string", "p", "memory"), "points")
    assert {item.value() for item in points.renderer().categories()} == set(OUTCOMES)
    windows = styled(QgsVectorLayer(str(chain["windows"])), "windows")
    values = windows.uniqueValues(windows.fields().lookupField("subset"))
    assert set() < values <= {item.value() for item in windows.renderer().categories()}


FOLDS = {(1, 2, 3): ["fold 1", "fold 2", "fold 3"], (5, 4): ["fold 4", "fold 5"]}
FOLDS |= {(1, 11, 50): ["fold 1", "further folds"]}


@pytest.mark.parametrize(("folds", "labels"), FOLDS.items())
def test_the_legend_lists_the_folds_that_there_are(qgis_app, folds, labels):
    layer = memory_layer("Polygon", "fold:integer", [("Polygon ((0 0, 1 0, 1 1, 0 0))", [number]) for number in folds])
    Styler("folds").postProcessLayer(layer, QgsProcessingContext(), Listener())
    assert [item.label() for item in layer.renderer().categories()] == labels


def test_a_style_that_cannot_be_read_is_reported_and_the_layer_stays(chain, plugin):
    feedback, layer = Listener(), QgsRasterLayer(str(chain["susceptibility"]), "map")
    Styler(SIDECAR_STYLE).postProcessLayer(layer, QgsProcessingContext(), feedback)
    assert layer.isValid() and '"map"' in "".join(feedback.warnings)


def test_every_report_is_one_that_the_result_viewer_lists(plugin):
    reports = [
        algorithm.outputDefinition(output.name())
        for algorithm in plugin.provider.algorithms()
        for output in algorithm.destinationParameterDefinitions()
        if output.type() == "fileDestination" and "html" in output.fileFilter().lower()
    ]
    assert len(reports) >= 8 and all(isinstance(one, QgsProcessingOutputHtml) for one in reports)


def abstract_of(path) -> str:
    layer = QgsRasterLayer(str(path))
    fill_abstract(layer)
    return layer.metadata().abstract()


def test_only_layers_of_scarp_say_what_they_are(chain, area):
    auc, verdict, meaning = abstract_of(chain["susceptibility"]).splitlines()[:3]
    assert auc.startswith("AUC on land not seen in training: ") and verdict.startswith("Verdict: ")
    assert meaning == "Values: relative susceptibility, not a calibrated probability."
    assert abstract_of(chain["zones"]).splitlines()[2].startswith("Values: zones of relative susceptibility")
    points = QgsVectorLayer(str(area / "landslides.gpkg"))
    fill_abstract(points)
    assert points.metadata().abstract() == abstract_of(area / "dem.tif") == ""


def test_warnings_of_a_model_at_another_cell_size_are_in_the_layer(run, chain, tmp_path):
    """The same stack, said to have cells of three times the size."""
    coarse = tmp_path / "coarse.tif"
    shutil.copyfile(chain["stack"], coarse)
    with rasterio.open(coarse, "r+") as dataset:
        dataset.transform = dataset.transform * dataset.transform.scale(3)
    run("predictsusceptibility", STACK=coarse, MODEL=chain["model"], OUTPUT=tmp_path / "map.tif")
    lines = abstract_of(tmp_path / "map.tif").splitlines()
    warnings = lines[lines.index("Warnings when it was made:") + 1 :]
    assert any("cells" in line for line in warnings)
    zoned = run("classifyzones", SUSCEPTIBILITY=tmp_path / "map.tif", OUTPUT=tmp_path / "zones.tif")
    assert warnings[0] in abstract_of(zoned["OUTPUT"])


def test_a_flat_map_and_its_zones_say_in_name_and_legend_that_they_are_of_no_use(run, chain, tmp_path):
    """The map of a model that has learned nothing: 0.496 to 0.504."""
    flat, shades = tmp_path / "flat.tif", tmp_path / "zones.tif"
    with rasterio.open(chain["susceptibility"]) as dataset:
        profile, values = dataset.profile, dataset.read(1)
    with rasterio.open(flat, "w", **profile) as dataset:
        dataset.write((0.496 + 0.008 * values).astype("float32"), 1)
        dataset.update_tags(**Evidence(low_value=0.4965, high_value=0.5035).tags())
    run("classifyzones", SUSCEPTIBILITY=flat, OUTPUT=shades)
    for path, style in ((flat, "susceptibility"), (shades, "zones"), (shades, SIDECAR_STYLE)):
        layer = QgsRasterLayer(str(path), "map")
        for _ in range(2):
            Styler(style).postProcessLayer(layer, QgsProcessingContext(), Listener())
        assert layer.name() == "map (do not use)" and "Verdict: do not use. The map is flat" in abstract_of(path)
        renderer = layer.renderer()
        if path == shades:
            assert [one.label for one in renderer.classes()][:2] == ["very low (do not use)", "low"]
        else:
            assert renderer.shader().rasterShaderFunction().legendSettings().maximumLabel() == "1 (do not use)"


TEMPORARY = "TEMPORARY_OUTPUT"
KEYS = ("SCARP_GROUP_LAYERS", "RESULTS_GROUP_NAME")


@pytest.fixture
def project(qgis_iface, run):
    """The project of the window, empty before and after, with the settings at their defaults."""
    from processing.core.ProcessingConfig import ProcessingConfig

    QgsProject.instance().clear()
    yield QgsProject.instance()
    QgsProject.instance().clear()
    for key in KEYS:
        QgsSettings().remove(f"Processing/Configuration/{key}")
    ProcessingConfig.readSettings()


@pytest.fixture
def load(project, plugin, monkeypatch):
    """Return a function that runs an algorithm as a dialog does and loads its layers."""
    from processing.gui import Postprocessing

    # There is a stand-in for the window, without a layer tree.
    monkeypatch.setattr(Postprocessing, "iface", None, raising=False)

    def run_and_load(algorithm, **parameters):
        if isinstance(algorithm, str):
            algorithm = plugin.provider.algorithm(algorithm)
        context, feedback, values = new_context(), QgsProcessingFeedback(False), {}
        for name, value in parameters.items():
            is_layer = algorithm.parameterDefinition(name).type() in ("rasterDestination", "sink")
            value = str(value) if isinstance(value, Path) else value
            values[name] = QgsProcessingOutputLayerDefinition(str(value), project) if is_layer else value
        results, done = algorithm.create().run(values, context, feedback)
        assert done, feedback.textLog()
        try:
            loaded = Postprocessing.handleAlgorithmResults(algorithm, context, feedback, parameters=results)
        finally:
            del context
            gc.collect()
        assert loaded
        return results

    return run_and_load


def plain(name: str) -> str:
    """Without area and date, and without the verdict: the model of these tests has learned nothing."""
    return re.sub(r"(, [\w ]+)?, \d{4}-\d\d-\d\d$", "", name.replace(" (do not use)", ""))


SLOPE = "Slope gradient (degrees)"


def layers_named(name: str) -> list:
    """Return the layers of the project with a name as :func:`plain` has it."""
    return [layer for layer in QgsProject.instance().mapLayers().values() if plain(layer.name()) == name]


def groups(node=None):
    """Return the names of groups and of the results in each, from top to bottom, as :func:`plain` has them."""
    node = node or QgsProject.instance().layerTreeRoot()
    return [
        (child.name(), [plain(one.name()) for one in child.findLayers() if not one.layer().customProperty(DERIVED)])
        for child in node.children()
        if QgsLayerTree.isGroup(child)
    ]


def test_the_layers_of_an_algorithm_are_in_one_group_in_order(load, chain, project):
    before = project.addMapLayer(QgsVectorLayer("Point?crs=EPSG:4326", "mine", "memory"))
    outputs = {"OUTPUT": TEMPORARY, "OUTPUT_APPLICABILITY": TEMPORARY}
    load("predictsusceptibility", STACK=chain["stack"], MODEL=chain["model"], **outputs)
    ((name, layers),) = groups()
    assert re.fullmatch(r"Scarp: chain\w*, \d{4}-\d\d-\d\d \d\d:\d\d, Predict susceptibility( \(\d\))?", name)
    assert layers == ["Susceptibility", "Applicability"]
    assert "Susceptibility" not in [child.name() for child in project.layerTreeRoot().children()]
    assert project.layerTreeRoot().findLayer(before.id()).parent() == project.layerTreeRoot()
    assert [layer.isValid() for layer in project.mapLayers().values()] == [True] * 4
    (shown,) = layers_named("Susceptibility")
    assert "relative susceptibility" in shown.metadata().abstract()


def test_susceptibility_and_uncertainty_are_nine_classes_of_one_layer(load, chain, project):
    outputs = {"OUTPUT": TEMPORARY, "OUTPUT_BIVARIATE": TEMPORARY}
    load("predictsusceptibility", STACK=chain["stack"], MODEL=chain["model"], SAMPLES=2, **outputs)
    assert [layers for _, layers in groups()] == [["Susceptibility", "Susceptibility and uncertainty"]]
    (layer,) = layers_named("Susceptibility and uncertainty")
    assert [plain(item.label) for item in layer.renderer().classes()] == list(bivariate.NAMES.values())
    assert [item.color.getRgb() for item in layer.renderer().classes()] == list(bivariate.COLOURS.values())


def test_every_run_has_its_own_group_with_the_newest_on_top(load, chain, tmp_path):
    for name in ("north", "south"):
        load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / f"{name}_zones.tif")
    for _ in range(2):
        load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=TEMPORARY)
    names = [name for name, _ in groups()]
    assert len(set(names)) == 4 and "north" in names[3] and "south" in names[2]
    assert all(len(layers) == 1 for _, layers in groups())
    for layer in layers_named("Susceptibility zones"):
        assert [plain(item.label) for item in layer.renderer().classes()] == list(DEFAULT_ZONE_NAMES)


def test_a_second_run_into_the_same_file_leaves_no_empty_group_and_shows_the_legend(load, chain, tmp_path):
    for _ in range(2):
        load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / "zones.tif")
    assert [len(layers) for _, layers in groups()] == [1]
    relief, node = QgsProject.instance().layerTreeRoot().findLayers()
    assert node.isExpanded() and relief.layer().customProperty(DERIVED) == "relief"


def test_a_model_has_one_group_named_after_it(load, area, chain, plugin):
    model = plugin.provider.algorithm("newarea").create()
    outputs = {item.name(): TEMPORARY for item in model.destinationParameterDefinitions()}
    load(model, MODEL=chain["model"], **stack_inputs(area), **outputs)
    ((name, layers),) = groups()
    assert name.startswith("Scarp: ") and name.endswith(f", {model.displayName()}")
    assert layers == ["Susceptibility zones", "Susceptibility", "Applicability", f"Factor stack: {SLOPE}"]
    ticked = [plain(node.name()) for node in QgsProject.instance().layerTreeRoot().findLayers() if node.isVisible()]
    assert ticked == ["Relief", "Susceptibility zones"]


def test_groups_can_be_switched_off(load, chain, project):
    QgsSettings().setValue("Processing/Configuration/SCARP_GROUP_LAYERS", False)
    load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=TEMPORARY)
    assert (groups(), len(project.mapLayers())) == ([], 1)


def test_the_users_own_group_for_results_stays_around_them(load, chain):
    from processing.core.ProcessingConfig import ProcessingConfig

    QgsSettings().setValue("Processing/Configuration/RESULTS_GROUP_NAME", "My results")
    ProcessingConfig.readSettings()
    load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=TEMPORARY)
    ((name, _),) = groups()
    assert name == "My results"
    ((_, layers),) = groups(QgsProject.instance().layerTreeRoot().findGroup(name))
    assert layers == ["Susceptibility zones"]


def test_a_layer_that_is_not_loaded_changes_nothing(load, chain, project, run, tmp_path):
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / "zones.tif")
    assert (groups(), project.mapLayers()) == ([], {})


def test_the_map_lies_under_the_relief_of_its_elevation_model_and_the_rest_is_not_ticked(load, area, chain, project):
    outputs = {"OUTPUT": TEMPORARY, "OUTPUT_APPLICABILITY": TEMPORARY, "OUTPUT_UNCERTAINTY": TEMPORARY}
    load("predictsusceptibility", STACK=chain["stack"], MODEL=chain["model"], SAMPLES=2, **outputs)
    nodes = project.layerTreeRoot().findLayers()
    ticked = {plain(node.name()): node.itemVisibilityChecked() for node in nodes}
    assert ticked == {"Relief": True, "Susceptibility": True, "Uncertainty": False, "Applicability": False}
    relief = nodes[0].layer()
    assert Path(relief.source()) == area / "dem.tif" and relief.renderer().type() == "hillshade"
    assert relief.blendMode() == QPainter.CompositionMode.CompositionMode_Multiply
    assert all(node.layer().blendMode() == QPainter.CompositionMode.CompositionMode_SourceOver for node in nodes[1:])
    # Dialogs must not take it for a DEM, nor the dock for the file of a result.
    assert describe_layer(relief).geometry == "other" and layer_of(project, str(area / "dem.tif")) is None


def test_inputs_alone_have_no_relief_and_a_stack_shows_one_factor(load, area, project):
    load("buildfactorstack", **stack_inputs(area), OUTPUT=TEMPORARY)
    (node,) = project.layerTreeRoot().findLayers()
    assert plain(node.name()) == f"Factor stack: {SLOPE}" and node.isVisible()
    renderer = node.layer().renderer()
    assert (renderer.type(), renderer.usesBands()) == ("singlebandpseudocolor", [1])
    legend = renderer.shader().rasterShaderFunction().legendSettings()
    assert legend.maximumLabel().endswith(" degrees")


def test_layers_of_a_run_in_the_background_are_opened_there(project, plugin, area, tmp_path, monkeypatch):
    """Opening a stack reads cells, for which the window would stand still."""
    threads = []
    read_cells = Styler.read_cells
    monkeypatch.setattr(
        Styler, "read_cells", lambda *given: (threads.append(QThread.currentThread()), read_cells(*given))
    )
    algorithm, context = plugin.provider.algorithm("buildfactorstack").create(), new_context()
    values = {name: str(value) for name, value in stack_inputs(area).items()}
    values["OUTPUT"] = QgsProcessingOutputLayerDefinition(str(tmp_path / "f.tif"), project)
    feedback, done = QgsProcessingFeedback(False), []
    task = QgsProcessingAlgRunnerTask(algorithm, values, context, feedback)
    task.executed.connect(lambda successful, _: done.append(successful))
    QgsApplication.taskManager().addTask(task)
    while not done:
        QgsApplication.processEvents()
    assert done == [True], feedback.textLog()
    main = QgsApplication.instance().thread()
    layers = context.temporaryLayerStore().mapLayers().values()
    opened = next(layer for layer in layers if layer.source() == str(tmp_path / "f.tif"))
    assert opened.isValid() and opened.thread() == main and threads and main not in threads
    group, failed = LayerGroup("Scarp: here", "here"), []
    for _ in loading.load_results(context, feedback, group, failed):
        pass
    (shown,) = project.mapLayers().values()
    assert shown.id() == opened.id() and not failed
    assert shown.name() == f"Factor stack: {SLOPE}, here"
    assert shown.renderer().type() == "singlebandpseudocolor" and len(threads) == 1


def test_names_have_area_and_date_once_and_a_name_of_the_user_stays(load, chain, project, tmp_path, monkeypatch):
    monkeypatch.setattr(styles, "today", lambda: "2031-05-06")
    (tmp_path / "Kaghan").mkdir()
    output = tmp_path / "Kaghan" / "zones.tif"
    load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=output)
    (layer,) = layers_named("Susceptibility zones")
    assert layer.name() == "Susceptibility zones, Kaghan, 2031-05-06 (do not use)"
    assert layer.customProperty(ABOUT) == "Kaghan, 2031-05-06"
    monkeypatch.setattr(styles, "today", lambda: "2031-05-07")
    load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=output)
    assert [one.name() for one in layers_named("Susceptibility zones")] == [
        "Susceptibility zones, Kaghan, 2031-05-07 (do not use)"
    ]
    layer.setName("mine")
    LayerGroup("group", "Kaghan, 2031-05-08").rename(layer)
    assert layer.name() == "mine"


@pytest.mark.parametrize(
    ("path", "area"),
    [
        ("/data/Kaghan/zones.tif", "Kaghan"),
        ("/data/results/kaghan_zones.tif", "kaghan"),
        ("/data/kaghan_pk/dem.tif", "kaghan_pk"),
        ("/data/results 2024/output/susceptibility_map.tif", ""),
        ("/data/upper valley/factor stack.tif", "upper valley"),
        ("/data/p_scarp/Region 1/zones.tif", "Region 1"),
    ],
)
def test_the_area_is_in_the_name_of_file_or_folder(qgis_app, path, area):
    assert area_name([path]) == area


def test_the_group_of_a_region_is_found_again_and_gets_the_date_of_its_newest_result(project, chain, monkeypatch):
    def add(name, date):
        monkeypatch.setattr(loading, "today", lambda: date)
        monkeypatch.setattr(styles, "today", lambda: date)
        return loading.add_result(project, str(chain[name]), "Upper valley")

    for number, name in enumerate(("susceptibility", "windows", "zones", "stack"), 1):
        assert add(name, f"2031-05-0{number}").isValid()
    ((name, names),) = groups()
    assert name == "Scarp: Upper valley, 2031-05-04"
    assert names == ["Windows", "Susceptibility zones", "Susceptibility", f"Factor stack: {SLOPE}"]
    ticked = [plain(node.name()) for node in project.layerTreeRoot().findLayers() if node.isVisible()]
    assert ticked == ["Relief", "Susceptibility zones"]
    project.layerTreeRoot().children()[0].setName("Mine")
    add("labels", "2031-05-05")
    assert [name for name, _ in groups()] == ["Mine"]
