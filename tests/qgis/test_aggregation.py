"""``scarp:aggregatesusceptibility`` through ``processing.run``, against QGIS's own zonal statistics."""

from __future__ import annotations

import processing
import pytest
from qgis.core import NULL, QgsProcessingContext, QgsProcessingException, QgsVectorLayer

from scarp.algorithms.base.styles import Styler
from scarp.tests.qgis.results import read_band, record_of, rows_of
from scarp.tests.qgis.tiny import CRS, LEFT, TOP, Listener, box, in_crs, memory_layer


@pytest.fixture(scope="module")
def slope_units(run, area, tmp_path_factory):
    path = tmp_path_factory.mktemp("units") / "units.gpkg"
    run("buildslopeunits", DEM=area / "dem.tif", MIN_AREA=60_000, ASPECT_VARIANCE=0.2, OUTPUT=path)
    return path


def test_numbers_are_those_of_zonal_statistics(step, chain, slope_units, tmp_path):
    outputs = {name: tmp_path / f"units.{name}" for name in ("csv", "html", "docx")}
    names = {"csv": "OUTPUT_TABLE", "html": "OUTPUT_HTML", "docx": "OUTPUT_DOCUMENT"}
    files = {names[kind]: path for kind, path in outputs.items()}
    output = tmp_path / "by_unit.gpkg"
    result = step("aggregatesusceptibility", UNITS=slope_units, UNIT_FIELD="id", OUTPUT=output, **files)
    statistics = {
        "INPUT": str(slope_units),
        "INPUT_RASTER": str(chain["susceptibility"]),
        "RASTER_BAND": 1,
        "STATISTICS": [0, 2, 6],
    }
    theirs = processing.run("native:zonalstatisticsfb", {**statistics, "OUTPUT": "memory:"})["OUTPUT"]
    expected = {feature["id"]: feature for feature in theirs.getFeatures()}
    layer = QgsVectorLayer(result["OUTPUT"])
    assert layer.crs().authid() == CRS and layer.featureCount() == len(expected) >= result["UNITS"] > 10
    for feature in layer.getFeatures():
        other = expected[feature["id"]]
        if feature["cells"] == 0:
            assert feature["susc_mean"] == NULL == feature["zone"]
            continue
        assert feature["cells"] == other["_count"] and feature["susc_mean"] == pytest.approx(other["_mean"], rel=1e-6)
        assert feature["susc_max"] == pytest.approx(other["_max"]) and 1 <= feature["zone"] <= 5
        assert feature["aspect"] == other["aspect"] and feature["unit"] == str(feature["id"])
    assert len(rows_of(outputs["csv"])) == len(expected) and all(path.stat().st_size for path in outputs.values())
    record = record_of(tmp_path / "by_unit.gpkg")
    assert record["call"]["parameters"]["UNIT_FIELD"] == "id" and "OUTPUT" in record["call"]["written"]
    Styler("units").postProcessLayer(layer, QgsProcessingContext(), Listener())
    assert [one.label() for one in layer.renderer().categories()][:5] == [
        "very low",
        "low",
        "medium",
        "high",
        "very high",
    ]


def test_landslides_make_an_auc_and_a_result_may_be_aggregated_again(step, area, slope_units, tmp_path):
    log = Listener()
    slides = {"LANDSLIDES": area / "landslides.gpkg"}
    first = step("aggregatesusceptibility", log, UNITS=slope_units, OUTPUT=tmp_path / "first.gpkg", **slides)
    assert 0.5 < first["AUC"] <= 1 and 0.5 < first["AUC_CELLS"] <= 1 and first["AUC_SPREAD"] >= 0
    assert any("modifiable areal unit" in line for line in log.lines)
    layer = QgsVectorLayer(first["OUTPUT"])
    inventory = QgsVectorLayer(str(area / "landslides.gpkg")).featureCount()
    assert 0 < sum(feature["landslides"] for feature in layer.getFeatures()) <= inventory
    again = step("aggregatesusceptibility", UNITS=first["OUTPUT"], UNIT_FIELD="unit", OUTPUT="memory:", **slides)
    assert again["AUC"] == first["AUC"]
    names = [field.name() for field in again["OUTPUT"].fields()]
    assert len(names) == len(set(names)) and "elevation" in names and names.count("susc_mean") == 1


def test_units_in_another_crs_and_a_process_of_its_own(step, started, monkeypatch, chain):
    monkeypatch.setenv("SCARP_RUN", "process")
    shape = in_crs(box(LEFT, TOP, LEFT + 1500, TOP - 3600), "EPSG:4326")
    units = memory_layer("Polygon", "name:string", [(shape, ["west"])], crs="EPSG:4326")
    result = step("aggregatesusceptibility", UNITS=units, UNIT_FIELD="name", OUTPUT="memory:")
    (west,) = result["OUTPUT"].getFeatures()
    assert started and west["unit"] == west["name"] == "west" and result["OUTPUT"].crs().authid() == CRS
    values = read_band(chain["susceptibility"])[:, :50]
    assert west["susc_mean"] == pytest.approx(values.mean(), rel=0.02)


def test_units_without_polygons_are_refused(step, area):
    with pytest.raises(QgsProcessingException, match="UNITS"):
        step("aggregatesusceptibility", UNITS=area / "landslides.gpkg", OUTPUT="memory:")
