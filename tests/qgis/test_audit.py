"""``scarp:auditmap`` through ``processing.run``, in a graphical model, and in a process of its own."""

from __future__ import annotations

import processing
import pytest
from qgis.core import (
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
)

from scarp.tests.qgis.results import record_of, rows_of
from scarp.tests.qgis.tiny import LEFT, TOP, Listener, box, memory_layer


@pytest.fixture
def given(area, chain, tmp_path):
    maps = {"SUSCEPTIBILITY": chain["susceptibility"], "OUTPUT_HTML": tmp_path / "audit.html"}
    return {**maps, "LANDSLIDES": area / "landslides.gpkg", "REPEATS": 20}


def test_report_table_and_numbers(run, area, chain, given, tmp_path):
    outputs = {name: tmp_path / f"audit.{name}" for name in ("html", "csv", "docx")}
    names = {"html": "OUTPUT_HTML", "csv": "OUTPUT_TABLE", "docx": "OUTPUT_DOCUMENT"}
    files = {names[kind]: path for kind, path in outputs.items() if kind != "html"}
    west = memory_layer("Polygon", "name:string", [(box(LEFT, TOP, LEFT + 1500, TOP - 3600), ["west"])])
    more = {"DEM": area / "dem.tif", "STACK": chain["stack"], "ZONES": chain["zones"], "REGIONS": west}
    log = Listener()
    result = run("auditmap", log, **given, **more, REGION_FIELD="name", STATED_AUC=0.99, **files)
    assert 0 < result["AUC"] < 1 and result["FLAWS"] >= 0 and -1 < result["SLOPE_DIFFERENCE"] < 1
    rows = rows_of(outputs["csv"])
    assert {"findings", "claims", "negatives", "zones", "baselines", "regions", "factors"} <= {
        row["part"] for row in rows
    }
    assert any(row["subject"] == "west" for row in rows) and all(path.stat().st_size for path in outputs.values())
    assert any("DISTANCE is automatic" in line for line in log.lines)
    record = record_of(outputs["html"])
    assert record["call"]["parameters"]["STATED_AUC"] == 0.99 and record["summary"]["flaws"] == result["FLAWS"]


def test_landslides_of_the_training_and_a_process_of_its_own(run, started, monkeypatch, area, given, tmp_path):
    monkeypatch.setenv("SCARP_RUN", "process")
    table = tmp_path / "audit.csv"
    run("auditmap", **given, LANDSLIDES_TRAINING=area / "landslides.gpkg", OUTPUT_TABLE=table)
    assert started
    keys = {row["subject"] for row in rows_of(table) if row["part"] == "findings"}
    assert "none_held_out" in keys


def test_a_graphical_model_audits_its_own_zones(area, chain, given, tmp_path):
    source = QgsProcessingModelChildParameterSource
    model = QgsProcessingModelAlgorithm("audit", "test")
    steps = {
        "classifyzones": {"SUSCEPTIBILITY": str(chain["susceptibility"])},
        "auditmap": {name: value if name == "REPEATS" else str(value) for name, value in given.items()},
    }
    steps["auditmap"]["OUTPUT_TABLE"] = str(tmp_path / "audit.csv")
    for name, values in steps.items():
        child = QgsProcessingModelChildAlgorithm(f"scarp:{name}")
        child.setChildId(name)
        for parameter, value in values.items():
            child.addParameterSources(parameter, [source.fromStaticValue(value)])
        if name == "auditmap":
            child.addParameterSources("ZONES", [source.fromChildOutput("classifyzones", "OUTPUT")])
        model.addChildAlgorithm(child)
    processing.run(model, {}, feedback=Listener())
    zones = {row["subject"] for row in rows_of(tmp_path / "audit.csv") if row["part"] == "zones"}
    assert {"very low", "very high"} <= zones


def test_a_field_that_is_not_there_is_refused(run, area, given):
    with pytest.raises(QgsProcessingException, match="REGION_FIELD|no field"):
        run("auditmap", **given, REGIONS=area / "lithology.gpkg", REGION_FIELD="missing")
