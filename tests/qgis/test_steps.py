"""The six steps: their states from run records, the regions in the project file, runs in the background."""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QLocale

from scarp.gui.steps.chain import CHECK, CHOOSING, DATA, MAP, REPORT, STEP, STEPS, TRAIN, VALIDATE, steps_after
from scarp.gui.steps.control import Control
from scarp.gui.steps.kinds import KindBox, kinds_table
from scarp.gui.steps.regions import ENTRY, SCOPE, Regions
from scarp.gui.steps.states import (
    DONE,
    FAILED,
    OUTDATED,
    TO_DO,
    Failure,
    PlannedCall,
    PlannedStep,
    StepState,
    find_states,
    next_step,
)
from scarp.gui.steps.texts import key_number, sentences, verdict_text
from scarp.model.outputs.run_record import describe_input, write_record
from scarp.model.provenance.freshness import Freshness
from scarp.tests.qgis.tiny import in_project

STARTED = "2026-03-01T12:00:00Z"


class Study:
    """Two steps with files of a few letters: data from a DEM, training from the data."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.failure = folder, None
        self.write("dem.tif", "heights")

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def write(self, name: str, text: str) -> None:
        Path(self.path(name)).write_text(text, encoding="utf-8")

    def run(self, step: str, started: str = STARTED, **more) -> None:
        """Write the result and the record of a step, as its algorithm would."""
        algorithm, parameter, source, output = {
            DATA: ("buildfactorstack", "DEM", "dem.tif", "factors.tif"),
            TRAIN: ("trainpcum", "STACK", "factors.tif", "model.safetensors"),
        }[step]
        source = self.path(source)
        self.write(output, f"{algorithm} of {Path(source).read_text(encoding='utf-8')}")
        call = {"parameters": {parameter: source, "AREA": None}, "files": {parameter: [describe_input(source)]}}
        record = {"algorithm": f"scarp:{algorithm}", "started": started, "call": call}
        write_record(self.path(output), {**record, **more})

    def plan(self, dem: str | None = None, area: str | None = None) -> list[PlannedStep]:
        inputs = {"DEM": dem or self.path("dem.tif"), "AREA": area}
        stack, model = self.path("factors.tif"), self.path("model.safetensors")
        data = PlannedCall("buildfactorstack", stack, inputs, {"factors": stack})
        train = PlannedCall("trainpcum", model, {"STACK": stack}, {"model": model})
        return [PlannedStep(DATA, (), (data,), self.failure), PlannedStep(TRAIN, (DATA,), (train,))]

    def states(self, **inputs) -> dict[str, str]:
        return {name: state.state for name, state in find_states(self.plan(**inputs), Freshness()).items()}


@pytest.fixture
def study(tmp_path) -> Study:
    return Study(tmp_path)


def test_steps_become_done_one_after_the_other(study):
    assert study.states() == {DATA: TO_DO, TRAIN: TO_DO}
    study.run(DATA)
    assert study.states() == {DATA: DONE, TRAIN: TO_DO}
    study.run(TRAIN)
    assert study.states() == {DATA: DONE, TRAIN: DONE}


def test_a_changed_input_makes_its_step_and_those_after_it_outdated(study):
    study.run(DATA)
    study.run(TRAIN)
    study.write("dem.tif", "other heights")
    states = find_states(study.plan(), Freshness())
    assert [states[name].state for name in (DATA, TRAIN)] == [OUTDATED, OUTDATED]
    assert states[DATA].changed == ("DEM",) and states[TRAIN].waits_for == (DATA,)
    study.run(DATA)
    assert study.states() == {DATA: DONE, TRAIN: OUTDATED}, "the stack is another one now"
    study.run(TRAIN)
    assert study.states() == {DATA: DONE, TRAIN: DONE}


def test_another_layer_or_one_more_is_a_change_and_a_copy_of_the_same_is_none(study):
    study.run(DATA)
    study.write("other.tif", "other heights")
    assert study.states(dem=study.path("other.tif"))[DATA] == OUTDATED
    study.write("copy.tif", "heights")
    assert study.states(dem=study.path("copy.tif"))[DATA] == DONE
    assert study.states(area=study.path("area.gpkg"))[DATA] == OUTDATED


def test_a_failed_run_shows_until_a_newer_result(study):
    study.failure = Failure("no memory", "2026-03-01T13:00:00Z")
    assert study.states() == {DATA: FAILED, TRAIN: TO_DO}
    study.run(DATA)
    state = find_states(study.plan(), Freshness())[DATA]
    assert state.state == FAILED and state.failure == "no memory" and state.has_results
    study.run(DATA, started="2026-03-01T14:00:00Z")
    assert study.states()[DATA] == DONE, "run again from the Toolbox"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"algorithm": "scarp:checkfactors"}', '{"call": 1}'])
def test_a_result_without_its_record_is_to_do(study, damage):
    study.run(DATA)
    study.write("factors.tif.run.json", damage)
    assert study.states()[DATA] == TO_DO


def test_what_a_record_tells_is_bounded_text(study):
    verdicts = {"verdict": {"level": "weak", "reasons": ["few  blocks\n" * 200]}, "warnings": ["a"] * 99}
    study.run(DATA)
    study.run(TRAIN, **verdicts)
    state = find_states(study.plan(), Freshness())[TRAIN]
    assert state.verdict == "weak" and len(state.warnings) == 10
    assert 900 < len(state.reasons[0]) <= 1000 and state.reasons[0].endswith((" few …", " blocks …"))
    study.run(TRAIN, verdict={"level": "<b>superb</b>"}, summary={"verdict": {"level": "do not use"}})
    assert find_states(study.plan(), Freshness())[TRAIN].verdict == "do not use"


def test_findings_of_the_check_are_shown_the_worst_first(study):
    table = study.path("check.csv")
    study.write("check.csv", "severity,factor,what,mend\nnote,,a,\nwarning,slope,b,Read it.\nerror,,c,Fix it.\n")
    call = PlannedCall("checkfactors", table, {}, {"check_table": table})
    write_record(table, {"algorithm": "scarp:checkfactors", "call": {"parameters": {}}})
    found = find_states([PlannedStep(CHECK, (), (call,))], Freshness())[CHECK]
    assert found.state == DONE and found.warnings == ("c Fix it.", "slope: b Read it.")


def test_the_next_step_is_the_first_that_is_not_done():
    done = {step.name: StepState(DONE) for step in STEPS}
    assert next_step({}) == DATA and next_step(done) == ""
    assert next_step({**done, MAP: StepState(OUTDATED), REPORT: StepState(TO_DO)}) == MAP


def test_the_chain_reads_only_what_it_writes_before():
    written: set[str] = set()
    for step in STEPS:
        for call in step.calls:
            assert {*call.files.values(), *call.optional_files.values()} <= written
            written |= set(call.outputs.values())
    assert steps_after(TRAIN) == {MAP, VALIDATE, REPORT} and steps_after(CHECK) == set()
    (usual,) = STEP[TRAIN].calls
    assert set(usual.outputs.items()) < set(CHOOSING.outputs.items()) and usual.files == CHOOSING.files


def test_every_parameter_of_the_chain_is_one_of_its_algorithm(plugin):
    for calls in (*(step.calls for step in STEPS), (CHOOSING,)):
        for call in calls:
            algorithm = plugin.provider.algorithm(call.algorithm)
            names = {definition.name(): definition for definition in algorithm.parameterDefinitions()}
            assert {*call.layers, *call.files, *call.optional_files, *call.outputs} <= set(names)
            assert all(names[name].isDestination() for name in call.outputs)
            missing = {
                name
                for name, definition in names.items()
                if not definition.flags() & definition.Flag.FlagOptional and definition.defaultValue() is None
            }
            assert missing <= {*call.layers, *call.files, *call.outputs}, "a parameter that nobody gives"


def test_numbers_and_sentences():
    state = StepState(DONE, numbers={"AUC": 0.712, "AUC_LOW": 0.6, "AUC_HIGH": 0.79}, verdict="weak", started=STARTED)
    assert key_number(TRAIN, state) == "AUC 0.71, weak"
    assert verdict_text(TRAIN, state) == "Verdict: weak. AUC 0.71, 95 % interval 0.60 to 0.79."
    assert key_number(TRAIN, StepState(DONE, numbers={"AUC": "x"}, started=STARTED)) == ""
    unknown = {**state.numbers, "AUC_LOW": float("nan"), "AUC_HIGH": float("nan")}
    assert verdict_text(TRAIN, StepState(DONE, numbers=unknown, verdict="weak", started=STARTED)) == "Verdict: weak."
    changed = StepState(OUTDATED, changed=("DEM",), waits_for=(DATA,), started=STARTED)
    assert sentences(DATA, changed, {"DEM": "Elevation"}) == [
        "Changed since: Elevation.",
        "Run these steps first: Data.",
    ]


KINDS = [
    {"kind": "logistic_regression", "chosen": True, "auc": 0.801, "auc_low": 0.74, "auc_high": 0.85, "behind": 0.009},
    {"kind": "pcum", "chosen": False, "auc": 0.81, "auc_low": None, "auc_high": True, "behind": 0.0},
    {"kind": "<b>best</b>", "auc": "high"},
    7,
]


RADII = "114 landslides have the radius of their size, 45 m (1.5 cells) at most; 10 without a size have their own cell"


def test_the_kinds_that_were_tried_are_shown_side_by_side(qgis_app, study):
    study.run(DATA)
    study.run(
        TRAIN, kinds=KINDS, chosen="Chosen <i>among</i> two.", automatic={"BLOCK": 650.0, "EVIL": [1], "RADII": RADII}
    )
    state = find_states(study.plan(), Freshness())[TRAIN]
    assert [one.kind for one in state.kinds] == ["logistic_regression", "pcum", "<b>best</b>"]
    assert (state.kinds[1].low, state.kinds[1].high, state.kinds[2].auc) == (None, None, None)
    html = kinds_table(state)
    assert "<b>✓ logistic regression</b>" in html and "0.740 – 0.850" in html and "0.810" in html
    assert "&lt;b&gt;best" in html and "&lt;i&gt;among" in html, "records are untrusted"
    box, asked = KindBox(), []
    box.chosen.connect(asked.append)
    box.show_choice(True, state)
    assert box.choice.currentText() == "Choose for me" and box.table.isVisibleTo(box)
    box.show_choice(False, state)
    assert box.choice.currentText() == "PCUM" and not box.table.isVisibleTo(box)
    box.choice.activated.emit(0)
    assert asked == [False]
    (said,) = sentences(TRAIN, state, {"BLOCK": "Block (m)", "RADII": "Radius by size (m)"})
    assert said == "Automatic: Block (m): 650, Radius by size (m): 114 landslides have the radius of their size."


def test_numbers_have_separators_of_thousands():
    locale = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    try:
        found = StepState(DONE, numbers={"CELLS": 1234567}, started=STARTED)
        assert key_number(MAP, found) == "1,234,567 cells"
    finally:
        QLocale.setDefault(locale)


def test_another_choice_of_the_model_makes_the_training_to_do(project, tmp_path):
    regions = Regions(project)
    region = regions.current
    plans = {}
    for choosing in (False, True):
        region.choosing = choosing
        plans[choosing] = next(step for step in regions.plan(region) if step.name == TRAIN).calls[0]
    assert [plans[one].algorithm for one in (False, True)] == ["trainpcum", "trainbestmodel"]
    assert plans[False].record_of == plans[True].record_of, "the other steps read the same file"
    regions.save()
    assert project.write()
    assert reopened(Path(project.fileName()))[1].current.choosing


# Regions


@pytest.fixture
def project(qgis_app, tmp_path):
    """A project of its own, saved in a folder that may be moved."""
    made = QgsProject()
    (tmp_path / "work").mkdir()
    assert made.write(str(tmp_path / "work" / "valley.qgz"))
    yield made
    made.clear()


def reopened(path: Path) -> tuple[QgsProject, Regions]:
    project = QgsProject()
    assert project.read(str(path))
    return project, Regions(project)


def test_regions_are_restored_also_after_the_folder_has_moved(project, tmp_path):
    regions = Regions(project)
    regions.current.folder = regions.folder(regions.current)
    regions.current.files["zones"] = str(tmp_path / "work" / "elsewhere" / "zones.tif")
    regions.fail(regions.current, TRAIN, f"{tmp_path}/work/factors.tif: no memory")
    regions.add("North side")
    regions.current.layers.update(DEM="dem_1", AREA="")
    regions.current.fields["SCALE_FIELD"] = "size"
    assert project.write()
    assert zipfile.ZipFile(project.fileName()).read("valley.qgs").decode().count(str(tmp_path)) == 0
    shutil.move(tmp_path / "work", tmp_path / "moved")
    _, found = reopened(tmp_path / "moved" / "valley.qgz")
    first, second = found.regions
    assert found.current is second and second.name == "North side"
    assert second.layers == {"DEM": "dem_1", "AREA": ""} and second.fields == {"SCALE_FIELD": "size"}
    assert first.folder == str(tmp_path / "moved" / "valley_scarp" / "Region")
    assert first.files == {"zones": str(tmp_path / "moved" / "elsewhere" / "zones.tif")}
    assert first.failures[TRAIN].text == "factors.tif: no memory"
    assert found.folder(second) == str(tmp_path / "moved" / "valley_scarp" / "North side")


def test_the_paths_follow_a_project_that_is_saved_elsewhere(project, tmp_path):
    regions = Regions(project)
    folder = regions.current.folder = regions.folder(regions.current)
    regions.save()
    (tmp_path / "far" / "away").mkdir(parents=True)
    assert project.write(str(tmp_path / "far" / "away" / "copy.qgz"))
    _, found = reopened(tmp_path / "far" / "away" / "copy.qgz")
    assert found.current.folder == folder


def test_opening_the_dock_changes_no_project(project):
    project.setDirty(False)
    Regions(project)
    assert project.write() and project.readEntry(SCOPE, ENTRY, "")[0] == ""


DAMAGED = ["{", "[1, 2]", '{"regions": 5}', '{"regions": [3, null], "current": "x"}']
WRONG = '{"regions": [{"name": 7, "layers": {"DEM": 3, "EVIL": "x"}, "failures": {"train": "no"}, "files": []}]}'


@pytest.mark.parametrize("text", [*DAMAGED, WRONG])
def test_a_damaged_entry_is_read_as_far_as_it_goes(project, text):
    project.writeEntry(SCOPE, ENTRY, text)
    regions = Regions(project)
    assert len(regions.regions) == 1 and not regions.current.layers and not regions.current.failures


def test_names_are_unique_and_one_region_stays(project):
    regions = Regions(project)
    regions.add("A")
    regions.add("A")
    assert [region.name for region in regions.regions] == ["Region", "A", "A 2"]
    regions.rename("Region")
    assert regions.current.name == "Region 2"
    for _ in range(5):
        regions.remove()
    assert [region.name for region in regions.regions] == ["Region"]


def test_without_a_project_file_results_of_others_are_not_taken_over(qgis_app, tmp_path, monkeypatch):
    from scarp.gui.steps import regions as module

    monkeypatch.setattr(module.QStandardPaths, "writableLocation", lambda _: str(tmp_path))
    (tmp_path / "Scarp" / "Region").mkdir(parents=True)
    regions = Regions(QgsProject())
    assert regions.folder(regions.current) == str(tmp_path / "Scarp" / "Region 2")


def layers_of(area: Path, project: QgsProject) -> dict[str, str]:
    """Add the layers of the tiny area to a project; return their ids by name."""
    found = {}
    for path in sorted([*area.glob("*.tif"), *area.glob("*.gpkg")]):
        kind = QgsRasterLayer if path.suffix == ".tif" else QgsVectorLayer
        layer = kind(str(path), path.stem)
        project.addMapLayer(layer, False)
        found[path.stem] = layer.id()
    return found


def test_layers_are_suggested_by_their_names_and_the_user_may_choose_others(area, project):
    layers, regions = layers_of(area, project), Regions(project)
    found = {name: layer.name() for name, layer in regions.layers(regions.current).items()}
    names = "DEM LANDSLIDES LANDFORM RIVERS PRECIPITATION TEMPERATURE FAULTS LITHOLOGY REGIONS"
    assert found == {name: name.lower() for name in names.split()}, "no field of seismic tells that it is the class"
    regions.current.layers.update(FAULTS="", DEM=layers["landcover"])
    found = regions.layers(regions.current)
    assert found["FAULTS"] is None and found["DEM"].name() == "landcover"
    regions.settle(regions.current)
    dem = QgsRasterLayer(str(area / "temperature.tif"), "elevation")
    project.addMapLayer(dem)
    regions.forget_layers()
    assert regions.layers(regions.current)["DEM"].name() == "landcover", "a layer that comes later changes nothing"


def test_a_second_region_does_not_take_the_dem_of_the_first(area, project):
    layers_of(area, project)
    regions = Regions(project)
    regions.settle(regions.current)
    regions.add("B")
    assert "DEM" not in regions.layers(regions.current)
    other = QgsRasterLayer(str(area / "dem.tif"), "dem of B")
    project.addMapLayer(other, False)
    regions.forget_layers()
    found = regions.layers(regions.current)
    assert found["DEM"] is other and found["RIVERS"].name() == "rivers"


# Runs


@pytest.fixture
def control(plugin, area, tmp_path):
    """The dock without its widgets, on the tiny area in QGIS's own project."""
    project = QgsProject.instance()
    project.clear()
    assert project.write(str(tmp_path / "valley.qgz"))
    layers_of(area, project)
    made = Control(project)
    made.notes = []
    made.said.connect(made.notes.append)
    made.look()
    wait(made, lambda: made.states)
    yield made
    made.cancel()
    wait(made)
    made.shut_down()
    project.clear()


def wait(control: Control, done=None, seconds: float = 400) -> None:
    """Let QGIS work until something is so; by default until nothing runs and the states are found."""
    deadline = time.monotonic() + seconds
    while control.run is not None if done is None else not done():
        assert time.monotonic() < deadline
        QgsApplication.processEvents()
        time.sleep(0.005)


def look(control: Control) -> dict[str, str]:
    """Return the states of all steps as they are now."""
    found: list[dict] = []
    control.watcher.found.connect(lambda _, states: found.append(states))
    control.look()
    wait(control, lambda: found)
    return {name: state.state for name, state in found[-1].items()}


def test_data_and_check_run_in_the_background_and_a_cancelled_training_keeps_them(control, area, tmp_path):
    assert control.run_steps([DATA, CHECK]) and control.run is not None, control.region.failures
    wait(control)
    assert look(control) == {DATA: DONE, CHECK: DONE, **dict.fromkeys([TRAIN, MAP, VALIDATE, REPORT], TO_DO)}
    folder = tmp_path / "valley_scarp" / "Region"
    assert {"factors.tif", "labels.tif", "check.html"} <= set(os.listdir(folder))
    record = json.loads((folder / "factors.tif.run.json").read_text(encoding="utf-8"))
    assert record["call"]["parameters"]["LITHOLOGY_FIELD"] == "rock", "the field is found by its name"
    wait(control, lambda: control.state(CHECK).state == DONE)
    assert control.state(DATA).numbers["LANDSLIDES_USED"] == 90
    names = {layer.name() for layer in QgsProject.instance().mapLayers().values()}
    date = time.strftime("%Y-%m-%d")
    made = [f"Landslide labels, Region, {date}", f"Factor stack: Slope gradient (degrees), Region, {date}"]
    assert set(made) <= names
    group = QgsProject.instance().layerTreeRoot().findGroup(f"Scarp: Region, {date}")
    assert [node.name() for node in group.findLayers()] == made
    assert not any(node.itemVisibilityChecked() for node in group.findLayers()), "they are not the map"

    assert control.steps_to_run() == [TRAIN, MAP, VALIDATE, REPORT]
    control.run_steps(control.steps_to_run(), everything=True)
    shares = []
    control.progressed.connect(lambda step, share, text: shares.append((step, share)))
    wait(control, lambda: shares)
    control.cancel()
    wait(control)
    assert "Cancelled" in control.notes[-1] and not (folder / "model.safetensors").exists()
    assert look(control) == {DATA: DONE, CHECK: DONE, **dict.fromkeys([TRAIN, MAP, VALIDATE, REPORT], TO_DO)}

    # An edited inventory, as QGIS saves it.
    landslides = control.regions.layers(control.region)["LANDSLIDES"]
    before = (area / "landslides.gpkg").read_bytes()
    try:
        time.sleep(1.1)
        landslides.startEditing()
        landslides.deleteFeature(next(landslides.getFeatures()).id())
        assert landslides.commitChanges()
        states = look(control)
        assert states[DATA] == OUTDATED and states[CHECK] == OUTDATED
    finally:
        QgsProject.instance().removeMapLayer(landslides.id())
        for path in area.glob("landslides.gpkg-*"):
            path.unlink()
        (area / "landslides.gpkg").write_bytes(before)


def test_a_step_that_fails_says_why_and_stops_the_others(control, area, tmp_path):
    lines = QgsVectorLayer(str(area / "rivers.gpkg"), "no slides")
    with in_project(lines):
        control.choose_layer("LANDSLIDES", lines.id())
        assert control.run_steps([DATA, CHECK])
        wait(control)
        states = look(control)
        assert states[DATA] == FAILED and states[CHECK] == TO_DO
        wait(control, lambda: control.state(DATA).state == FAILED)
        assert "LANDSLIDES" in control.state(DATA).failure
        assert "failed" in control.notes[-1]
    assert (tmp_path / "valley_scarp" / "Region" / "factors.tif").is_file(), "the part that went well is kept"


def test_without_its_layers_nothing_starts(control):
    for name in ("DEM", "LANDSLIDES"):
        control.choose_layer(name, "")
    assert not control.run_steps([DATA]) and control.run is None
    assert control.notes[-1] == "Choose these first: Elevation model (DEM), Landslides."
    control.choose_layer("SEISMIC", control.regions.project.mapLayersByName("seismic")[0].id())
    assert "Seismic intensity field" in control.missing(DATA)


def test_options_of_the_last_run_stay_and_its_layers_follow_the_dock(control, run, area):
    """A stack made in the Toolbox with other options and another DEM."""
    folder = Path(control.regions.folder(control.region))
    folder.mkdir(parents=True)
    run("buildfactorstack", TERRAIN="none", DEM=area / "dem.tif", OUTPUT=folder / "factors.tif")
    run("buildbufferedlabels", LANDSLIDES=area / "landslides.gpkg", REFERENCE=folder / "factors.tif",
        OUTPUT=folder / "labels.tif", RING=90)  # fmt: skip
    assert look(control)[DATA] == OUTDATED, "the dock has more layers than that run had"
    wait(control, lambda: control.state(DATA).parameters)
    values = control.dialog_values(DATA, 0)
    assert values["TERRAIN"] == ["none"] and values["RIVERS"] == control.region.layers.get("RIVERS", values["RIVERS"])
    assert control.dialog_values(DATA, 1)["RING"] == 90
    control.adopt(control.region, DATA, 0, {"OUTPUT": str(folder / "factors.tif")})
    assert control.regions.layers(control.region)["RIVERS"] is None
    assert look(control)[DATA] == DONE


# The dock


class Window:
    """What the dock needs of QGIS's window."""

    def setActiveLayer(self, layer) -> None:
        self.active = layer

    def zoomToActiveLayer(self) -> None:
        self.zoomed = True


@pytest.fixture
def dock(plugin, area, tmp_path, monkeypatch):
    from scarp.gui.steps.dock import StepsDock

    monkeypatch.setenv("SCARP_STATE", str(tmp_path / "state"))
    project = QgsProject.instance()
    project.clear()
    assert project.write(str(tmp_path / "valley.qgz"))
    layers_of(area, project)
    made = StepsDock(Window())
    made.resize(380, 620)
    made.show()
    wait(made.control, lambda: made.control.states)
    yield made
    made.shut_down()
    made.close()
    made.deleteLater()
    project.clear()


def rows(dock) -> list[list[str]]:
    items = [dock.steps.topLevelItem(row) for row in range(dock.steps.topLevelItemCount())]
    return [[item.text(column) for column in range(3)] for item in items]


def test_the_dock_shows_six_steps_and_what_comes_next(dock):
    assert [row[0] for row in rows(dock)] == ["1 Data", "2 Check", "3 Train", "4 Map", "5 Validate", "6 Report"]
    assert {row[2] for row in rows(dock)} == {"to do"}
    assert dock.next_button.text() == "Next: Prepare the data" and dock.next_button.isEnabled()
    assert dock.pages[DATA].run_button.isEnabled()
    dock.choose(MAP)
    assert not dock.pages[MAP].run_button.isEnabled()
    assert "Train" in dock.pages[MAP].run_button.toolTip()


def test_advice_follows_the_states_and_other_messages_stay(dock):
    control = dock.control
    done = dict.fromkeys((step.name for step in STEPS), StepState(DONE))

    def find(states: dict[str, StepState]) -> None:
        control._found(control.region, states)
        dock.refresh()

    find(done)
    assert dock.message.text() == "All steps are done and up to date."
    find({**done, VALIDATE: StepState(OUTDATED)})
    assert dock.next_button.text() == "Next: Validate the map" and "done" not in dock.message.text()
    control.said.emit("Cancelled.")
    find(done)
    assert dock.message.text() == "Cancelled."


def test_many_changes_are_drawn_once(dock, monkeypatch):
    drawn = []
    monkeypatch.setattr(dock, "_show_regions", lambda: drawn.append(1))
    for _ in range(5):
        dock.control.changed.emit()
    assert not drawn
    QgsApplication.processEvents()
    assert len(drawn) == 1


def test_the_boxes_follow_the_project_and_the_user(dock):
    box = dock.form.boxes["DEM"]
    assert box.currentText() == "dem" and dock.form.fields["LITHOLOGY_FIELD"].currentField() == "rock"
    assert dock.form.boxes["STABLE"].isHidden() and not box.isHidden()
    dock.form.more.click()
    assert not dock.form.boxes["STABLE"].isHidden()
    box.setCurrentIndex(box.findText("landcover"))
    box.activated.emit(box.currentIndex())
    chosen = dock.control.regions.layers(dock.control.region)["DEM"]
    assert chosen.name() == "landcover" and QgsProject.instance().isDirty()


def test_a_unit_is_found_in_the_name_and_the_user_may_choose_another(dock):
    box, layers = dock.form.units["TEMPERATURE_UNIT"], dock.control.regions.layers(dock.control.region)
    assert box.currentData() == "auto" and not box.isHidden() and dock.form.units["DEM_UNIT"].isHidden()
    layers["TEMPERATURE"].setName("temperature_x10")
    dock.refresh()
    assert box.currentText() == "1/10 °C" and dock.control.dialog_values(DATA, 0)["TEMPERATURE_UNIT"] == "tenth_celsius"
    box.setCurrentIndex(box.findData("kelvin"))
    box.activated.emit(box.currentIndex())
    assert dock.control.dialog_values(DATA, 0)["TEMPERATURE_UNIT"] == "kelvin"
    planned = dock.control.regions.plan(dock.control.region)[0].calls[0]
    assert planned.inputs["TEMPERATURE_UNIT"] == "kelvin" and "DEM_UNIT" not in planned.inputs
    dock.form.more.click()
    assert not dock.form.units["DEM_UNIT"].isHidden()
    empty = dock.form.boxes["TEMPERATURE"]
    empty.setLayer(None)
    empty.activated.emit(0)
    dock.refresh()
    assert "TEMPERATURE_UNIT" not in dock.control.dialog_values(DATA, 0) and box.isHidden()


def test_land_known_to_be_stable_goes_to_labels_and_validation(dock, area):
    stable = QgsVectorLayer(str(area / "landform.gpkg"), "flat land")
    QgsProject.instance().addMapLayer(stable)
    box = dock.form.boxes["STABLE"]
    box.setLayer(stable)
    box.activated.emit(box.currentIndex())
    assert dock.control.dialog_values(DATA, 1)["STABLE"] == stable.id()
    assert dock.control.dialog_values(VALIDATE, 0)["STABLE"] == stable.id()


def test_links_select_layers(dock):
    layer = dock.control.regions.layers(dock.control.region)["RIVERS"]
    dock.follow_link(DATA, f"layer:{layer.id()}")
    assert dock.iface.active is layer and dock.iface.zoomed


def test_the_old_entry_opens_the_curves(dock):
    dock.choose(TRAIN)
    assert dock.current == TRAIN and dock.training.isVisible()


def test_regions_are_chosen_in_the_box(dock):
    dock.control.regions.add("North side")
    QgsApplication.processEvents()
    assert [dock.regions.itemText(row) for row in range(dock.regions.count())] == ["Region", "North side"]
    assert dock.form.boxes["RIVERS"].currentText() == "rivers"
    dock.regions.setCurrentIndex(0)
    dock.regions.activated.emit(0)
    assert dock.control.region.name == "Region"
