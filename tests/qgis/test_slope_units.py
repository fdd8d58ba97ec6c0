"""``scarp:buildslopeunits`` through ``processing.run``."""

from __future__ import annotations

import numpy as np
import pytest
from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsVectorLayer,
)

from scarp.algorithms.base.styles import Styler
from scarp.algorithms.buildslopeunits import FIELDS
from scarp.model.outputs.run_record import sha256
from scarp.tests.qgis.results import read_band, record_of, rows_of
from scarp.tests.qgis.tiny import CELL, CRS, Listener

SETTINGS = {"MIN_AREA": 60_000, "ASPECT_VARIANCE": 0.2}


def test_units_are_polygons_of_the_raster_with_a_record_and_a_style(step, area, tmp_path):
    log = Listener()
    outputs = {"OUTPUT": tmp_path / "units.gpkg", "OUTPUT_RASTER": tmp_path / "units.tif"}
    result = step("buildslopeunits", log, **outputs)
    layer = QgsVectorLayer(result["OUTPUT"])
    assert layer.crs().authid() == CRS and layer.featureCount() == result["UNITS"] > 10
    assert [field.name() for field in layer.fields()][1:] == [name for name, _ in FIELDS]
    raster = read_band(outputs["OUTPUT_RASTER"])
    cells = np.bincount(raster.compressed().astype(int), minlength=result["UNITS"] + 1)
    for feature in layer.getFeatures():
        assert feature.geometry().isGeosValid() and feature["area_m2"] >= result["MIN_AREA"]
        assert feature.geometry().area() == pytest.approx(cells[feature["id"]] * CELL**2)
    assert any(line.startswith("Chosen among ") for line in log.lines)
    record = record_of(outputs["OUTPUT"])
    assert record["inputs"]["DEM"]["sha256"] == sha256(area / "dem.tif")
    assert record["summary"]["units"] == result["UNITS"] == record["call"]["numbers"]["UNITS"]
    assert record["call"]["parameters"]["MIN_AREA"] is None
    Styler("slope_units").postProcessLayer(layer, QgsProcessingContext(), Listener())
    assert [one.label() for one in layer.renderer().categories()] == ["slope unit", "flat land"]


def test_the_layer_may_be_in_memory_or_left_out_and_runs_agree(step, started, monkeypatch, tmp_path):
    first = step("buildslopeunits", OUTPUT="memory:", **SETTINGS)
    assert first["OUTPUT"].featureCount() == first["UNITS"] and first["OUTPUT_RASTER"] is None
    monkeypatch.setenv("SCARP_RUN", "process")
    second = step("buildslopeunits", OUTPUT=None, OUTPUT_RASTER=tmp_path / "units.tif", **SETTINGS)
    third = step("buildslopeunits", OUTPUT="memory:", **SETTINGS)
    assert second["OUTPUT"] is None and second["UNITS"] == first["UNITS"] and started
    shapes = [[one.geometry().asWkt() for one in result["OUTPUT"].getFeatures()] for result in (first, third)]
    assert shapes[0] == shapes[1]


def test_settings_that_contradict_each_other_are_named(step):
    with pytest.raises(QgsProcessingException, match="MAX_AREA is 100,000 m², less than twice MIN_AREA"):
        step("buildslopeunits", OUTPUT="memory:", MIN_AREA=80_000, MAX_AREA=100_000)


def test_a_graphical_model_builds_units_and_brings_a_map_to_them(run, chain, area, tmp_path):
    import processing

    model, source = QgsProcessingModelAlgorithm("by unit", "test"), QgsProcessingModelChildParameterSource
    steps = {
        "buildslopeunits": {"DEM": area / "dem.tif", **SETTINGS},
        "aggregatesusceptibility": {"SUSCEPTIBILITY": chain["susceptibility"], "OUTPUT_TABLE": tmp_path / "units.csv"},
    }
    for name, values in steps.items():
        child = QgsProcessingModelChildAlgorithm(f"scarp:{name}")
        child.setChildId(name)
        for parameter, value in values.items():
            fixed = str(value) if hasattr(value, "suffix") else value
            child.addParameterSources(parameter, [source.fromStaticValue(fixed)])
        if name == "aggregatesusceptibility":
            child.addParameterSources("UNITS", [source.fromChildOutput("buildslopeunits", "OUTPUT")])
        model.addChildAlgorithm(child)
    processing.run(model, {}, feedback=Listener())
    rows = rows_of(tmp_path / "units.csv")
    assert len(rows) > 10 and float(rows[0]["susc_mean"]) >= 0
