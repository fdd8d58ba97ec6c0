"""The layers of a run go into one group, in order, on every version of QGIS; the user's own settings stay."""

from __future__ import annotations

import gc

import pytest
from qgis.core import (
    QgsLayerTree,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsSettings,
    QgsVectorLayer,
)

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
        context = QgsProcessingContext()
        context.setProject(project)
        feedback = QgsProcessingFeedback(False)
        values = {}
        for name, value in parameters.items():
            definition = algorithm.parameterDefinition(name)
            is_layer = definition.isDestination() and definition.type() in ("rasterDestination", "sink")
            value = str(value) if hasattr(value, "parts") else value
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


def groups(node=None):
    """Return the names of groups and of the layers in each, from top to bottom."""
    node = node or QgsProject.instance().layerTreeRoot()
    return [
        (child.name(), [layer.name() for layer in child.findLayers()])
        for child in node.children()
        if QgsLayerTree.isGroup(child)
    ]


def test_the_layers_of_an_algorithm_are_in_one_group_in_order(load, chain, project):
    before = project.addMapLayer(QgsVectorLayer("Point?crs=EPSG:4326", "mine", "memory"))
    outputs = {"OUTPUT": TEMPORARY, "OUTPUT_APPLICABILITY": TEMPORARY}
    load("predictsusceptibility", STACK=chain["stack"], MODEL=chain["model"], **outputs)
    ((name, layers),) = groups()
    assert name.startswith("Scarp: Predict susceptibility, ")
    assert layers == ["Susceptibility", "Applicability"]
    assert [child.name() for child in project.layerTreeRoot().children()].count("Susceptibility") == 0
    assert project.layerTreeRoot().findLayer(before.id()).parent() == project.layerTreeRoot()
    assert len(project.mapLayers()) == 3
    assert all(layer.isValid() for layer in project.mapLayers().values())


def test_every_run_has_its_own_group_with_the_newest_on_top(load, chain, tmp_path):
    for name in ("north", "south"):
        load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / f"{name}.tif")
    for _ in range(2):
        load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=TEMPORARY)
    names = [name for name, _ in groups()]
    assert len(set(names)) == 4
    assert "north" in names[3]
    assert "south" in names[2]
    assert all(len(layers) == 1 for _, layers in groups())
    for layer in QgsProject.instance().mapLayers().values():
        assert [item.label for item in layer.renderer().classes()][-1] == "very high"


def test_a_second_run_into_the_same_file_leaves_no_empty_group_and_shows_the_legend(load, chain, tmp_path):
    for _ in range(2):
        load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / "zones.tif")
    assert [len(layers) for _, layers in groups()] == [1]
    (node,) = QgsProject.instance().layerTreeRoot().findLayers()
    assert node.isExpanded()


def small_model(plugin):
    """Return a model with two steps of Scarp, both of whose layers are shown."""
    source = QgsProcessingModelChildParameterSource
    model = QgsProcessingModelAlgorithm("Zones and warning", "tests", "zonesandwarning")
    model.setProvider(plugin.provider)
    for name in ("MAP", "RAIN"):
        model.addModelParameter(QgsProcessingParameterRasterLayer(name, name), QgsProcessingModelParameter(name))
    for child, algorithm, inputs, title in (
        ("zones", "classifyzones", {"SUSCEPTIBILITY": "MAP"}, "Zones"),
        ("warning", "rainfallwarning", {"SUSCEPTIBILITY": "MAP", "RAIN": "RAIN"}, "Warning"),
    ):
        step = QgsProcessingModelChildAlgorithm(f"scarp:{algorithm}")
        step.setChildId(child)
        for name, parameter in inputs.items():
            step.addParameterSources(name, [source.fromModelParameter(parameter)])
        if child == "warning":
            step.addParameterSources("K", [source.fromStaticValue(0.01)])
            step.addParameterSources("OUTPUT_TABLE", [source.fromStaticValue(TEMPORARY)])
        output = QgsProcessingModelOutput(title, title)
        output.setChildId(child)
        output.setChildOutputName("OUTPUT")
        step.setModelOutputs({title: output})
        model.addChildAlgorithm(step)
    model.updateDestinationParameters()
    return model


def test_a_model_has_one_group_named_after_it(load, chain, plugin):
    model = small_model(plugin)
    outputs = {item.name(): TEMPORARY for item in model.destinationParameterDefinitions()}
    load(model, MAP=chain["susceptibility"], RAIN=chain["susceptibility"], **outputs)
    ((name, layers),) = groups()
    assert name.startswith("Scarp: Zones and warning, ")
    assert layers == ["Warning", "Zones"]


def test_groups_can_be_switched_off(load, chain, project):
    QgsSettings().setValue("Processing/Configuration/SCARP_GROUP_LAYERS", False)
    load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=TEMPORARY)
    assert groups() == []
    assert len(project.mapLayers()) == 1


def test_the_users_own_group_for_results_stays_around_them(load, chain):
    from processing.core.ProcessingConfig import ProcessingConfig

    QgsSettings().setValue("Processing/Configuration/RESULTS_GROUP_NAME", "My results")
    ProcessingConfig.readSettings()
    load("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=TEMPORARY)
    ((name, _),) = groups()
    assert name == "My results"
    inner = groups(QgsProject.instance().layerTreeRoot().findGroup(name))
    assert len(inner) == 1
    assert inner[0][1] == ["Susceptibility zones"]


def test_a_layer_that_is_not_loaded_changes_nothing(load, chain, project, run, tmp_path):
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / "zones.tif")
    assert groups() == []
    assert not project.mapLayers()
