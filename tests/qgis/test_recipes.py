"""Recipes of the docs: the code for the Python console, and five regions in one batch, by dialog and qgis_process."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path, PurePosixPath
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import rasterio
from qgis import gui
from qgis.core import QgsApplication, QgsVectorLayer
from qgis.PyQt import sip
from qgis.PyQt.QtWidgets import QFileDialog

from scarp.gui import batch_results
from scarp.tests.qgis.child import PROGRAM, ROOT, child_environment
from scarp.tests.qgis.results import read_band, rows_of
from scarp.tests.qgis.tiny import CELL, LEFT, SIZE, TOP, box, stack_inputs, write_layer

PAGE = ROOT / "docs" / "console-recipes.md"
SHORTER = {
    'folder = Path.home() / "scarp-recipes"': "folder = FOLDER",
    '{"SIZE": 400, "SEED": 1,': '{"SIZE": 200, "SEED": 1,',
    "distance = 300": "distance = 150",
    'training = {"SEED": 1}': 'training = {"SEED": 1, "EPOCHS": 3, "WIDTH": 4, "DEPTH": 1, "WINDOW": 600}',
}
"""What of the page is made smaller: the place of the files, the area, its distances, and the trainings."""


def blocks() -> dict[str, str]:
    """Return the code of the page by its headings, the setting up first."""
    found: dict[str, str] = {}
    heading = ""
    parts = re.compile(r"^(## [^\n]+|```python\n.*?^```)$", re.MULTILINE | re.DOTALL)
    for part in parts.split(PAGE.read_text(encoding="utf-8")):
        if part.startswith("## "):
            heading = part[3:]
        elif part.startswith("```python"):
            found[heading] = found.get(heading, "") + part[len("```python\n") : -len("```")]
    return found


@pytest.fixture(scope="module")
def console(run, tmp_path_factory) -> dict[str, Any]:
    """What the console knows after all blocks were pasted, each after the one before, with what they printed."""
    names: dict[str, Any] = {"FOLDER": tmp_path_factory.mktemp("recipes"), "printed": []}
    names["print"] = lambda *values: names["printed"].append(" ".join(map(str, values)))
    for heading, code in blocks().items():
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        exec(compile(code, f"{PAGE.name}: {heading or 'start'}", "exec"), names)  # the page is ours
    return names


def test_the_page_has_three_recipes_and_what_is_shortened():
    page, recipes = PAGE.read_text(encoding="utf-8"), blocks()
    assert [heading[:1] for heading in recipes] == ["", "1", "2", "3"]
    assert not [text for text in SHORTER if page.count(text) != 1]
    assert max(len(line) for code in recipes.values() for line in code.splitlines()) <= 120


def test_the_chain_makes_its_files(console):
    for value in console["chain"].values():
        assert not isinstance(value, str) or Path(value.split("|")[0]).stat().st_size > 0
    assert any("report.html" in line for line in console["printed"])


def test_the_ensemble_is_the_mean_and_has_a_spread(console):
    folder = console["FOLDER"]
    deviation, values = (read_band(folder / f"{name}.tif").data for name in ("uncertainty", "ensemble"))
    assert np.nanmin(deviation) >= 0 and np.nanmax(deviation) > 0
    assert 0 <= np.nanmin(values) <= np.nanmax(values) <= 1
    assert np.isfinite(values).sum() == console["ensemble"]["CELLS"]


def test_five_regions_have_a_row_each(console):
    folder = console["FOLDER"] / "regions"
    rows = rows_of(folder / "summary.csv")
    assert len(console["maps"]) == 5
    assert {row["region"] for row in rows} == {*DEMO_REGIONS, *SUMMARY_ROWS}
    for name in DEMO_REGIONS:
        for table in (f"zones_{name}.csv", f"numbers_{name}.csv"):
            assert {row["region"] for row in rows_of(folder / table)} == {name}, table
    # What is printed is the table.
    assert sum(" AUC " in line for line in console["printed"]) == len(rows)


BATCH, BATCH_PAGE = ROOT / "docs" / "batch", ROOT / "docs" / "batch-five-regions.md"
DEMO_REGIONS = ["Gorges", "Great bend", "High ranges", "Settled valley", "Till valleys"]
REGIONS = ["Great bend", "Höhe (2)", "O'Higgins", "plain", "west & east"]
STEPS = {"1_predict": "predictsusceptibility", "2_classify": "classifyzones", "3_validate": "validatewithpoints"}
SUMMARY_ROWS = {"(all)", "(mean of the regions)", "(worst region)"}
needs_bash = pytest.mark.skipif(not PROGRAM or not shutil.which("bash"), reason="qgis_process or bash is not installed")


@pytest.fixture(scope="module")
def make_batches():
    """The script that writes the batches, as a module."""
    specification = importlib.util.spec_from_file_location("make_batches", BATCH / "make_batches.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def five(run, area, chain, tmp_path_factory, make_batches) -> Path:
    """A folder as the page describes it: five stacks, strips of the tiny area, and what they share."""
    folder = tmp_path_factory.mktemp("five regions")
    width = SIZE * CELL / len(REGIONS)
    for number, region in enumerate(REGIONS):
        left, right, bottom = LEFT + number * width, LEFT + (number + 1) * width, TOP - SIZE * CELL
        strip = folder / f"name_{region}.gpkg"
        write_layer(strip, "Polygon", "name:string", [(box(left, TOP, right, bottom), [region])])
        run(
            "buildfactorstack",
            TERRAIN="none",
            AREA=strip,
            OUTPUT=folder / f"factors_{region}.tif",
            **stack_inputs(area),
        )
    shared = {make_batches.MODEL: chain["model"], make_batches.LANDSLIDES: area / "landslides.gpkg"}
    for name, source in shared.items():
        shutil.copy(source, folder / name)
    outputs = {"OUTPUT": folder / "training_zones.tif", "OUTPUT_TABLE": folder / make_batches.BREAKS}
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], **outputs)
    assert make_batches.regions_in(folder) == REGIONS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_batches, "DISTANCE", 90)
        make_batches.write(folder, REGIONS, folder)
    return folder


@pytest.fixture
def open_batch(plugin, run, monkeypatch):
    """Return a function that opens QGIS's batch dialog for one of Scarp's algorithms."""
    from processing.gui import BatchAlgorithmDialog, BatchPanel, Postprocessing

    restore = batch_results.patch_results_list()
    # As in QGIS's window, where a fault in a slot is shown; without this Qt ends the process.
    faults: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *fault: faults.append("".join(traceback.format_exception(*fault))))
    # The stand-in for QGIS's window that the test runner brings lacks what the dialog asks of it.
    for module in (BatchAlgorithmDialog, BatchPanel, Postprocessing):
        monkeypatch.setattr(module, "iface", None, raising=False)
    opened = []

    def open_dialog(algorithm: str) -> Any:
        dialog = BatchAlgorithmDialog.BatchAlgorithmDialog(plugin.provider.algorithm(algorithm).create())
        opened.append(dialog)
        return dialog

    yield open_dialog
    restore()
    for dialog in opened:
        if not sip.isdeleted(dialog):
            dialog.close()
            dialog.deleteLater()
    assert not faults, "\n".join(faults)


def saved_in(folder: Path, name: str, panel: Any) -> Path:
    """Return the file in the format that this QGIS saves."""
    return folder / f"{name}.{'batch' if hasattr(panel, 'load_batch_file_3_40_version') else 'json'}"


def load(panel: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press *Open* and choose a file."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", staticmethod(lambda *_, **__: (str(path), "")))
    panel.load()


def run_all(dialog: Any) -> None:
    """Press *Run* and wait: QGIS before 3.40 comes back when all is done, newer ones work in the background."""
    dialog.runAlgorithm()
    until = time.monotonic() + 120
    # Cancel can be pressed as long as rows are computed; a dialog may close itself after that.
    while not sip.isdeleted(dialog) and dialog.cancelButton().isEnabled():
        QgsApplication.processEvents()
        time.sleep(0.02)
        assert time.monotonic() < until, "the batch did not end"


def test_the_saved_batches_are_those_that_the_script_writes_and_hold_the_same_in_both_formats(make_batches, tmp_path):
    made = make_batches.write(PurePosixPath("/home/me/five-regions"), DEMO_REGIONS, tmp_path)
    assert [path.name for path in made] == [f"{step}.{ending}" for step in STEPS for ending in ("json", "batch")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in made}
    assert texts == {name: (BATCH / name).read_text(encoding="utf-8") for name in texts}
    for step in STEPS:
        old, new = (json.loads(texts[f"{step}.{ending}"]) for ending in ("json", "batch"))
        assert new["format"] == "batch_3.40" and len(old) == 5
        parameters = [{name: repr(value) for name, value in row["PARAMETERS"].items()} for row in new["rows"]]
        assert [row["PARAMETERS"] for row in old] == parameters
        assert [row["OUTPUTS"] for row in old] == [row["OUTPUTS"] for row in new["rows"]]


def test_five_rows_from_saved_batches(open_batch, five, run, monkeypatch):
    """Predict, classify and validate, each loaded and run in the real dialog; then one summary over all regions."""
    from processing.core.ProcessingResults import resultsList

    for name, algorithm in STEPS.items():
        dialog = open_batch(algorithm)
        panel = dialog.mainWidget()
        load(panel, saved_in(five, name, panel), monkeypatch)
        assert panel.batchRowCount() == 5
        run_all(dialog)
    for region in REGIONS:
        with rasterio.open(five / f"susceptibility_{region}.tif") as found:
            assert found.tags()["REGION"] == region
        for table in (f"zones_{region}.csv", f"numbers_{region}.csv"):
            assert {row["region"] for row in rows_of(five / table)} == {region}, table
        points = QgsVectorLayer(str(five / f"points_{region}.gpkg"))
        assert {feature["region"] for feature in points.getFeatures()} == {region}
        assert (five / f"report_{region}.html").stat().st_size > 0
    uppers = {tuple(row["upper"] for row in rows_of(five / f"zones_{region}.csv")[:-1]) for region in REGIONS}
    assert len(uppers) == 1, "all regions are cut at the values of the area that the model was trained on"
    maps = [str(five / f"susceptibility_{region}.tif") for region in REGIONS]
    names = {"LANDSLIDES": "landslides.gpkg", "OUTPUT_HTML": "summary.html"}
    names.update(OUTPUT_TABLE="summary_numbers.csv", OUTPUT_SUMMARY="summary.csv")
    files = {name: five / file for name, file in names.items()}
    result = run("comparemodels", SUSCEPTIBILITY=maps, NAMES=["PCUM"] * 5, DISTANCE=90, **files)
    # Newer dialogs close themselves when all rows are done, and their lists stay empty.
    if not hasattr(gui, "QgsProcessingBatchAlgorithmDialogBase"):
        shown = [Path(one.filename).name for one in resultsList.getResults()]
        assert {f"report_{region}.html" for region in REGIONS} <= set(shown), "the reports are in the results viewer"
    assert result["BEST"] == "PCUM" and not {"LEAD", "P"} & set(result)
    summary = {row["region"]: row for row in rows_of(five / "summary.csv")}
    assert set(summary) - SUMMARY_ROWS == set(REGIONS)
    for region in REGIONS:
        rows = [row for row in rows_of(five / f"numbers_{region}.csv") if row["scope"] == "all"]
        alone = {row["measure"]: row["value"] for row in rows}
        assert float(summary[region]["landslides"]) == float(alone["landslides"])
        assert float(summary[region]["PCUM auc"]) == pytest.approx(float(alone["auc"]), abs=0.1)


def test_results_without_a_time_are_accepted_while_scarp_is_loaded(run):
    """QGIS issue 47884. Where a QGIS to come takes them itself, nothing is changed."""
    from processing.core.ProcessingResults import ProcessingResults

    original, listed = ProcessingResults.addResult, ProcessingResults()
    restore = batch_results.patch_results_list()
    try:
        listed.addResult(icon=None, name="a", result="a.html")
        listed.addResult(icon=None, name="b", timestamp=time.gmtime(0), result="b.html")
        first, second = listed.getResults()[-2:]
        assert (first.filename, second.filename, second.timestamp) == ("a.html", "b.html", time.gmtime(0))
        assert first.timestamp.tm_year > 2000
        assert batch_results.patch_results_list() is not restore
    finally:
        restore()
        del ProcessingResults.results[-2:]
    assert ProcessingResults.addResult is original


def test_filled_by_pattern_and_expressions(open_batch, five, monkeypatch):
    """What the page says to type: the pattern finds the stacks, the expressions give regions and outputs."""
    from processing.gui import BatchPanel

    typed = re.findall(r"^\| ([A-Z_]+) \| .+? \| `(.+?)` \|$", BATCH_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    predict, classify = "STACK REGION OUTPUT", "SUSCEPTIBILITY OUTPUT OUTPUT_TABLE"
    validate = "SUSCEPTIBILITY ZONES OUTPUT_HTML OUTPUT_TABLE OUTPUT_POINTS"
    assert " ".join(name for name, _ in typed) == f"{predict} {classify} {validate}"

    # Both dialogs are answered at once, with what is typed.
    answered = Mock(**{"exec.return_value": True, "exec_.return_value": True})
    answered.files = lambda: [str(path) for path in sorted(five.glob(answered.expressionText()))]
    for dialog in ("QgsExpressionBuilderDialog", "QgsFindFilesByPatternDialog"):
        monkeypatch.setattr(BatchPanel, dialog, lambda *_, **__: answered)
    for region in REGIONS:
        (five / f"susceptibility_{region}.tif").touch()
    steps = iter(STEPS.items())
    for name, text in typed:
        if name in ("STACK", "SUSCEPTIBILITY"):
            step, algorithm = next(steps)
            panel = open_batch(algorithm).mainWidget()
            expected = json.loads((five / f"{step}.batch").read_text(encoding="utf-8"))["rows"]
        answered.expressionText.return_value = text
        autofill = panel.tblParameters.cellWidget(0, panel.parameter_to_column[name])
        (autofill.addFilesByPattern if name in ("STACK", "SUSCEPTIBILITY") else autofill.calculateByExpression)()
        wanted = [{**saved["PARAMETERS"], **saved["OUTPUTS"]}[name] for saved in expected]
        assert [value_in(panel, row, name) for row in range(panel.batchRowCount())] == wanted


def value_in(panel: Any, row: int, name: str) -> Any:
    """Return what stands in a cell."""
    wrapper = panel.wrappers[row][panel.parameter_to_column[name]]
    if wrapper is not None:
        return wrapper.parameterValue()
    return panel.tblParameters.cellWidget(row + 1, panel.parameter_to_column[name]).getValue()


@needs_bash
def test_the_loop_of_qgis_process(tmp_path):
    """``prepare.sh`` and ``run.sh`` as they stand, on a small area; then a result and a fault."""
    sizes = {"SIZE": "200", "DISTANCE": "150"}
    environment = child_environment(tmp_path / "profile", QGIS_PROCESS=str(PROGRAM), HOME=str(tmp_path), **sizes)
    folder = tmp_path / "five regions"

    def call(*command, works=True) -> str:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": 600}
        done = subprocess.run([str(part) for part in command], env=environment, **options)
        assert (done.returncode == 0) is works, done.stdout
        return done.stdout

    call(PROGRAM, "plugins", "enable", "scarp")
    for script in ("prepare.sh", "run.sh"):
        call("bash", BATCH / script, folder)
    summary = {row["region"]: row for row in rows_of(folder / "summary.csv")}
    assert set(summary) - SUMMARY_ROWS == set(DEMO_REGIONS)
    for region in DEMO_REGIONS:
        assert 0 <= float(summary[region]["PCUM auc"]) <= 1
        assert {row["region"] for row in rows_of(folder / f"numbers_{region}.csv")} == {region}
    assert len(list(folder.glob("*.run.json"))) > 20 and not list(folder.glob("*.part*"))
    inputs = (f"STACK={folder / 'training_factors.tif'}", f"LABELS={folder / 'labels.tif'}")
    outputs = (f"OUTPUT_HTML={tmp_path / 'check.html'}", f"OUTPUT_TABLE={tmp_path / 'check.csv'}")
    said = call(PROGRAM, "--json", "run", "scarp:checkfactors", "--", *inputs, *outputs)
    results = json.loads(said[said.index("{") :])["results"]
    assert sum(results[name] for name in ("ERRORS", "WARNINGS", "NOTES")) == len(rows_of(tmp_path / "check.csv"))
    values = (f"DEM={folder / 'demo' / 'dem.tif'}", "RIVER_RADIUS=far", f"OUTPUT={tmp_path / 'stack.tif'}")
    said = call(PROGRAM, "run", "scarp:buildfactorstack", "--", *values, works=False)
    assert "RIVER_RADIUS" in said and "far" in said and not (tmp_path / "stack.tif").exists()


@needs_bash
def test_the_loop_reports_what_failed(tmp_path):
    (tmp_path / "factors_a.tif").write_text("no raster")
    command = ["bash", str(BATCH / "run.sh"), str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "QGIS_PROCESS": "false"}, capture_output=True)
    assert done.returncode != 0 and not (tmp_path / "summary.csv").exists()


def test_powershell_and_bash_run_the_same_steps():
    """It cannot run here; at least both name the same algorithms and parameters."""
    bash, power = ((BATCH / name).read_text(encoding="utf-8") for name in ("run.sh", "run.ps1"))
    steps = re.findall(r"^ *step ([a-z]+)", bash, re.MULTILINE)
    assert steps == re.findall(r'^ *Step "([a-z]+)"', power, re.MULTILINE) and len(steps) == 4
    of_bash, of_power = (set(re.findall(r"\b([A-Z][A-Z_]{3,})=", text)) for text in (bash, power))
    assert {"SUSCEPTIBILITY", "REGION", "OUTPUT_SUMMARY"} < of_bash == of_power
