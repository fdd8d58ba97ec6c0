"""The graphical models that come with Scarp: what they hold, what they make, and how they open, change and export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
)
from qgis.PyQt.QtCore import QPointF, QRectF

from scarp.model.validation.settings import MIN_BLOCKS
from scarp.processing_provider.graphical_models import ScarpModel
from scarp.tests.qgis.child import ROOT
from scarp.tests.qgis.results import read_band, rows_of
from scarp.tests.qgis.tiny import RADII, TRAINING, Listener, new_context, stack_inputs

NAMES = [path.stem for path in (ROOT / "resources" / "models").glob("*.model3")]
SHORT = {name: TRAINING[name] for name in ("BLOCK", "SEED")}
SUBCLASS = QgsProcessing.PythonOutputType.PythonQgsProcessingAlgorithmSubclass


@pytest.fixture(scope="module", params=NAMES)
def model(plugin, request):
    return plugin.provider.algorithm(request.param)


def file_of(name: str) -> Path:
    return ROOT / "resources" / "models" / f"{name}.model3"


def opened_file(name: str) -> QgsProcessingModelAlgorithm:
    opened = QgsProcessingModelAlgorithm()
    assert opened.fromFile(str(file_of(name)))
    return opened


def test_a_model_read_in_parts_is_the_one_that_qgis_reads(plugin):
    for name in NAMES:
        parts = ScarpModel.read_in_parts(file_of(name))
        pauses = 0
        with pytest.raises(StopIteration) as end:
            while True:
                next(parts)
                pauses += 1
        assert end.value.value.toVariant() == opened_file(name).toVariant() and pauses > 2
    assert ScarpModel.read(ROOT / "README.md") is None and ScarpModel.read(ROOT / "no.model3") is None


def test_qgis_may_run_models_in_the_background_from_3_26_on(plugin):
    """No step has the flag that would bring it back into the main thread; docs/models.md says what versions do."""
    for algorithm in plugin.provider.algorithms():
        is_model = isinstance(algorithm, QgsProcessingModelAlgorithm)
        blocks = bool(algorithm.flags() & QgsProcessingAlgorithm.Flag.FlagNoThreading)
        assert blocks == (is_model and Qgis.QGIS_VERSION_INT < 32600), algorithm.id()


def test_every_file_is_registered_with_title_group_icon_help_and_valid_steps(model):
    assert model.displayName() and model.group().startswith("5") and not model.icon().isNull()
    assert all(model.validateChildAlgorithm(child) == (True, []) for child in model.childAlgorithms())
    instance = model.create()
    for item in [*model.parameterDefinitions(), *instance.parameterDefinitions()]:
        assert item.help() and item.help() in model.shortHelpString(), item.name()


def test_the_file_holds_the_defaults_of_today(plugin, model):
    """``tools/make_models.py`` copies defaults into the file; run it again when a default changes."""
    written = {("comparison", "NAMES"), *((child, "KIND") for child in model.childAlgorithms())}
    # The enum moved to another class after QGIS 3.34.
    static_value = QgsProcessingModelChildParameterSource.fromStaticValue(0).source()
    for child, step in model.childAlgorithms().items():
        algorithm = plugin.provider.algorithm(step.algorithm().name())
        for name, sources in step.parameterSources().items():
            if sources[0].source() == static_value and (child, name) not in written:
                definition, value = algorithm.parameterDefinition(name), sources[0].staticValue()
                several = definition.type() == "enum" and definition.allowMultiple()
                assert (value.split(",") if several else value) == definition.defaultValue(), name
        given = {item.name() for item in model.parameterDefinitions()}
        for item in (one for one in algorithm.parameterDefinitions() if not one.isDestination()):
            assert item.defaultValue() is None or item.name() in step.parameterSources(), "the file does not hold it"
            if item.name() in given - {"AREA"}:
                assert model.parameterDefinition(item.name()).defaultValue() == item.defaultValue(), item.name()


def test_boxes_do_not_overlap_and_stand_in_their_frames(model):
    """Boxes are 200 by 30 around their position, with a link above each step and one below."""
    boxes = [(name, one.position(), 30, 0) for name, one in model.parameterComponents().items()]
    for name, step in model.childAlgorithms().items():
        boxes.append((name, step.position(), 30, 30))
        boxes += [(f"{name}:{output}", one.position(), 30, 0) for output, one in step.modelOutputs().items()]
    areas = {name: QRectF(at.x() - 100, at.y() - h / 2 - link, 200, h + 2 * link) for name, at, h, link in boxes}
    frames = [QRectF(QPointF(0, 0), one.size()) for one in model.groupBoxes()]
    for frame, one in zip(frames, model.groupBoxes()):
        frame.moveCenter(one.position())
    assert len(areas) == len(boxes) and frames
    for number, (name, area) in enumerate(areas.items()):
        assert sum(frame.contains(area) for frame in frames) == 1, name
        for other, taken in list(areas.items())[:number]:
            assert not area.intersects(taken), (name, other)
    for number, frame in enumerate(frames):
        assert not any(frame.intersects(other) for other in frames[:number])


def test_it_opens_as_a_plain_model(plugin, model):
    opened, again = opened_file(model.name()), QgsProcessingModelAlgorithm()
    assert set(opened.childAlgorithms()) == set(model.childAlgorithms())
    assert again.loadVariant(opened.toVariant()) and again.toVariant() == opened.toVariant()


def outputs_of(model, folder: Path, files: str) -> dict[str, Path]:
    """Return a path for every output of a model."""
    instance = model.create()
    names = {item.name().split(":")[1]: item.name() for item in instance.destinationParameterDefinitions()}
    paths = {names.get(file.split(".")[0], file): folder / file.lower() for file in files.split()}
    assert set(paths) == set(names.values())
    return paths


CHAIN = """
    STACK.tif LABELS.tif SAFETY_FACTOR.tif MODEL.safetensors WINDOWS.gpkg TRAINING_REPORT.html SUSCEPTIBILITY.tif
    OUT_OF_FOLD.tif ZONES.tif ZONE_TABLE.csv REPORT.html NUMBERS.csv POINTS.gpkg
"""
COMPARED = """
    COMPARISON.html COMPARISON_NUMBERS.csv SUMMARY.csv MODEL_FOREST.safetensors SUSCEPTIBILITY_FOREST.tif
    MODEL_REGRESSION.safetensors SUSCEPTIBILITY_REGRESSION.tif MODEL_RATIO.safetensors SUSCEPTIBILITY_RATIO.tif
    WINDOWS_COMPARED.gpkg
"""
NEW_AREA = """
    STACK.tif FACTOR_REPORT.html FACTOR_FINDINGS.csv SUSCEPTIBILITY.tif APPLICABILITY.tif ZONES.tif ZONE_TABLE.csv
"""


def chain_inputs(area: Path) -> dict[str, object]:
    slides = {"LANDSLIDES": area / "landslides.gpkg", "SCALE_FIELD": "scale", "RADII": RADII, "DISTANCE": 150}
    return {**slides, **stack_inputs(area), **SHORT}


@pytest.mark.usefixtures("few_steps")
def test_the_whole_chain_in_one_go(plugin, run, area, tmp_path):
    outputs = outputs_of(plugin.provider.algorithm("factorstozones"), tmp_path, CHAIN)
    run("factorstozones", **chain_inputs(area), **outputs)
    assert all(path.stat().st_size > 0 for path in outputs.values())
    assert set(np.unique(read_band(tmp_path / "zones.tif").data)) == {1, 2, 3, 4, 5}


@pytest.mark.usefixtures("few_steps")
def test_it_runs_without_the_optional_layers(run, area):
    outputs = """
        stack:STACK labels:LABELS safety:SAFETY_FACTOR training:MODEL training:OUT_OF_FOLD map:SUSCEPTIBILITY
        zones:ZONES validation:REPORT validation:NUMBERS
    """
    rasters = {"DEM": area / "dem.tif", "PRECIPITATION": area / "precipitation.tif"}
    slides = {"LANDSLIDES": area / "landslides.gpkg", "RADII": RADII, "DISTANCE": 150}
    temporary = dict.fromkeys(outputs.split(), QgsProcessing.TEMPORARY_OUTPUT)
    result = run("factorstozones", **rasters, **slides, **SHORT, **temporary)
    assert np.isfinite(read_band(result["map:SUSCEPTIBILITY"]).data).any()
    text = Path(result["validation:REPORT"]).read_text(encoding="utf-8")
    assert "Every place is judged by a model that has not seen it." in text


@pytest.mark.usefixtures("few_steps")
def test_the_chain_beside_comparison_models(plugin, run, area, tmp_path):
    outputs = outputs_of(plugin.provider.algorithm("chainwithcomparisons"), tmp_path, CHAIN + COMPARED)
    run("chainwithcomparisons", REGIONS=area / "regions.gpkg", REGION_FIELD="region", **chain_inputs(area), **outputs)
    assert all(path.stat().st_size > 0 for path in outputs.values())
    keys = ("scope", "map", "other", "measure")
    numbers = {tuple(row[key] for key in keys): row["value"] for row in rows_of(tmp_path / "comparison_numbers.csv")}
    for name in ("PCUM", "random forest", "logistic regression", "frequency ratio"):
        assert 0 <= float(numbers["all", name, "", "auc"]) <= 1
    # The landslides of this small area lie in too few independent blocks for a test.
    assert float(numbers["all", "PCUM", "", "independent_blocks"]) < MIN_BLOCKS
    assert numbers["all", "PCUM", "random forest", "p_corrected"] == ""
    assert [row["region"] for row in rows_of(tmp_path / "summary.csv")][:3] == ["east", "west", "(all)"]
    rows = [row for row in rows_of(tmp_path / "numbers.csv") if row["scope"] == "all"]
    validated = {row["measure"]: row["value"] for row in rows}
    # Area and points of the comparison are those that all maps have, here the same as PCUM's own.
    assert float(validated["auc"]) == pytest.approx(float(numbers["all", "PCUM", "", "auc"]), abs=0.02)


def test_a_new_area_with_a_trained_model(plugin, run, area, chain, tmp_path):
    """On the area of the training the map is that of the training, to the bit, and so are the zones."""
    outputs = outputs_of(plugin.provider.algorithm("newarea"), tmp_path, NEW_AREA)
    run("newarea", MODEL=chain["model"], REGION="valley", BREAKS_FROM=chain["zones"], **stack_inputs(area), **outputs)
    for name in ("susceptibility", "zones"):
        with rasterio.open(chain[name]) as expected, rasterio.open(tmp_path / f"{name}.tif") as found:
            np.testing.assert_array_equal(found.read(1), expected.read(1))
            assert found.tags()["REGION"] == "valley"
    assert {row["region"] for row in rows_of(tmp_path / "zone_table.csv")} == {"valley"}
    assert (read_band(tmp_path / "applicability.tif").data != 255).any()
    assert (tmp_path / "factor_report.html").stat().st_size > 0


def test_a_new_area_cuts_by_its_own_shares_without_earlier_zones(plugin, run, area, chain, tmp_path):
    outputs = outputs_of(plugin.provider.algorithm("newarea"), tmp_path, NEW_AREA)
    del outputs["map:APPLICABILITY"]
    result = run("newarea", MODEL=chain["model"], **stack_inputs(area), **outputs)
    rows = rows_of(result["zones:ZONE_TABLE"])
    assert [round(float(row["share"]), 2) for row in rows] == [0.3, 0.2, 0.2, 0.2, 0.1]
    assert "region" not in rows[0]


def run_file(algorithm, parameters: dict[str, object]) -> dict[str, object]:
    """Run an algorithm that belongs to no provider of ours."""
    values = {name: str(value) if isinstance(value, Path) else value for name, value in parameters.items()}
    context, feedback = new_context(), Listener()
    accepted, message = algorithm.checkParameterValues(values, context)
    assert accepted, message
    results, done = algorithm.run(values, context, feedback)
    assert done, feedback.textLog()
    return results


def exported(model, folder: Path):
    """Return a model as *Model > Export as Python script* writes it, read as the Toolbox reads scripts."""
    from processing.script import ScriptUtils

    script = folder / f"{model.id().split(':')[-1].replace(' ', '_').replace(',', '')}_exported.py"
    script.write_text("\n".join(model.asPythonCode(SUBCLASS, 4)), encoding="utf-8")
    algorithm = ScriptUtils.loadAlgorithm(script.stem, str(script))
    assert algorithm is not None, script.read_text(encoding="utf-8")
    return algorithm


def test_the_python_export_registers(plugin, run, model, tmp_path):
    for one in (opened_file(model.name()), model):
        script, ours = exported(one, tmp_path), model.create()
        script.initAlgorithm()
        inputs = {item.name() for item in ours.parameterDefinitions() if not item.isDestination()}
        outputs = sorted(item.description() for item in ours.destinationParameterDefinitions())
        theirs = {item.name() for item in script.parameterDefinitions() if not item.isDestination()}
        assert theirs - {"VERBOSE_LOG"} == inputs
        assert sorted(item.description() for item in script.destinationParameterDefinitions()) == outputs
        provider = QgsApplication.processingRegistry().providerById("script")
        provider.refreshAlgorithms()
        assert provider.addAlgorithm(script)


def test_the_python_export_gives_the_same_map(plugin, run, area, chain, tmp_path):
    """Without the outputs that a dialog leaves out."""
    script = exported(opened_file("newarea"), tmp_path).create()
    values = {item.name(): item.defaultValue() for item in script.parameterDefinitions()}
    paths = {}
    for item in script.destinationParameterDefinitions():
        ending = "csv" if item.type() == "fileDestination" else "tif"
        paths[item.description()] = tmp_path / f"{len(paths)}.{ending}"
        if not item.flags() & item.Flag.FlagOptional:
            values[item.name()] = paths[item.description()]
    run_file(script, {**values, "MODEL": chain["model"], **stack_inputs(area)})
    np.testing.assert_array_equal(read_band(paths["Susceptibility"]).data, read_band(chain["susceptibility"]).data)
    assert not paths["Applicability"].exists()


def test_a_changed_copy_becomes_the_users_model(plugin, run, area, chain, tmp_path, monkeypatch):
    """Another METHOD for the zones, saved into the folder of the user's models, found and run by their provider."""
    from processing.modeler.ModelerUtils import ModelerUtils

    monkeypatch.setattr(ModelerUtils, "modelsFolders", staticmethod(lambda: [str(tmp_path)]))
    opened = opened_file("newarea")
    opened.setName("mine")
    step = opened.childAlgorithm("zones")
    step.addParameterSources("METHOD", [QgsProcessingModelChildParameterSource.fromStaticValue("equal_interval")])
    opened.setChildAlgorithm(step)
    assert opened.toFile(str(tmp_path / "mine.model3"))
    provider = QgsApplication.processingRegistry().providerById("model")
    provider.refreshAlgorithms()
    mine = QgsApplication.processingRegistry().algorithmById("model:mine")
    assert mine is not None
    outputs = outputs_of(opened, tmp_path, NEW_AREA)
    run_file(mine.create(), {"MODEL": chain["model"], **stack_inputs(area), **outputs})
    widths = [float(row["upper"]) - float(row["lower"]) for row in rows_of(tmp_path / "zone_table.csv")]
    assert widths == pytest.approx([widths[0]] * 5, rel=1e-3)


def test_the_designer_opens_it(plugin, run, model, monkeypatch):
    from processing.modeler import ModelerDialog as module
    from processing.modeler.ModelerDialog import ModelerDialog

    # The stand-in for QGIS's window that the test runner brings lacks what the dialog asks of it.
    monkeypatch.setattr(module, "iface", None)
    dialog = ModelerDialog.create()
    dialog.loadModel(str(file_of(model.name())))
    shown = dialog.model()
    assert set(shown.childAlgorithms()) == set(model.childAlgorithms()) and shown.validate() == (True, [])
    assert len(dialog.view().scene().items()) > len(shown.childAlgorithms()) + len(shown.parameterDefinitions())
    dialog.close()


def steps(plugin) -> list[QgsProcessingAlgorithm]:
    return [one for one in plugin.provider.algorithms() if not isinstance(one, QgsProcessingModelAlgorithm)]


def test_each_algorithm_is_a_step_of_a_saved_and_exported_model(plugin, tmp_path):
    """All inputs as inputs of the model, all outputs as its outputs, written to a file, read again, and as Python."""
    for algorithm in steps(plugin):
        model = QgsProcessingModelAlgorithm(algorithm.name(), "test")
        child = QgsProcessingModelChildAlgorithm(algorithm.id())
        child.setChildId("step")
        outputs = {}
        for item in algorithm.parameterDefinitions():
            if item.isDestination():
                outputs[item.name()] = QgsProcessingModelOutput(item.name(), item.description())
                outputs[item.name()].setChildOutputName(item.name())
                outputs[item.name()].setChildId("step")
                continue
            model.addModelParameter(item.clone(), QgsProcessingModelParameter(item.name()))
            source = QgsProcessingModelChildParameterSource.fromModelParameter(item.name())
            child.addParameterSources(item.name(), [source])
        child.setModelOutputs(outputs)
        model.addChildAlgorithm(child)
        model.updateDestinationParameters()
        assert model.validate() == (True, []), algorithm.id()
        assert model.toFile(str(tmp_path / f"{algorithm.name()}.model3"))
        again = QgsProcessingModelAlgorithm()
        assert again.fromFile(str(tmp_path / f"{algorithm.name()}.model3"))
        assert set(again.childAlgorithm("step").parameterSources()) == set(child.parameterSources())
        assert len(again.destinationParameterDefinitions()) == len(outputs), algorithm.id()
        compile("\n".join(again.asPythonCode(SUBCLASS, 4)), algorithm.name(), "exec")


def test_each_algorithm_has_a_row_in_a_batch(plugin, run, monkeypatch):
    from processing.gui import BatchAlgorithmDialog, BatchPanel

    for module in (BatchAlgorithmDialog, BatchPanel):
        monkeypatch.setattr(module, "iface", None, raising=False)
    for algorithm in steps(plugin):
        dialog = BatchAlgorithmDialog.BatchAlgorithmDialog(algorithm.create())
        panel = dialog.mainWidget()
        shown = [item for item in algorithm.parameterDefinitions() if not item.flags() & item.Flag.FlagHidden]
        assert len(panel.column_to_parameter_definition) == len(shown), algorithm.id()
        assert panel.batchRowCount() == 1
        dialog.close()
