"""Exposure by zone through Processing: layers of all kinds and CRS, table and file, messages, a graphical model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsGeometry,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelParameter,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

from scarp.model.exposure.settings import FIELDS
from scarp.tests.core.conftest import read_csv
from scarp.tests.qgis.tiny import Listener


def write(path: Path, layer: QgsVectorLayer) -> Path:
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    QgsVectorFileWriter.writeAsVectorFormatV3(layer, str(path), QgsProject.instance().transformContext(), options)
    return path


def layer_of(kind: str, crs: QgsCoordinateReferenceSystem, shapes, *use: str | None) -> QgsVectorLayer:
    layer = QgsVectorLayer(f"{kind}?field=use:string", "things", "memory")
    layer.setCrs(crs)
    features = []
    for number, shape in enumerate(shapes):
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromWkt(shape) if isinstance(shape, str) else shape)
        feature.setAttribute("use", use[number] if use else None)
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    return layer


@pytest.fixture
def houses(chain, tmp_path) -> Path:
    """Six squares of 40 m in degrees: two of them one feature, one a bow-tie, one without shape."""
    zones = QgsRasterLayer(str(chain["zones"]))
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    turn = QgsCoordinateTransform(zones.crs(), degrees, QgsProject.instance())
    extent, shapes = zones.extent(), []
    for number in range(6):
        x, y = extent.xMinimum() + 400 + 150 * number, extent.center().y() + 7
        corners = [(0, 0), (40, 0), (40, 40), (0, 40), (0, 0)]
        if number == 4:
            corners = [(0, 0), (40, 40), (40, 0), (0, 40), (0, 0)]
        ring = ", ".join(f"{x + dx} {y + dy}" for dx, dy in corners)
        shape = QgsGeometry.fromWkt(f"POLYGON(({ring}))")
        shape.transform(turn)
        shapes.append(shape)
    joined = QgsGeometry.collectGeometry([shapes[0], shapes[1]])
    made = layer_of(
        "MultiPolygon", degrees, [joined, *shapes[2:], QgsGeometry()], "home", "home", "shop", "shop", "home", "home"
    )
    return write(tmp_path / "buildings.gpkg", made)


def test_layers_of_all_kinds_in_another_crs(run, chain, area, houses, tmp_path):
    listener = Listener()
    result = run(
        "exposurebyzone",
        listener,
        ZONES=chain["zones"],
        BUILDINGS=houses,
        BUILDINGS_FIELD="use",
        ROADS=area / "rivers.gpkg",
        EXPOSURE=[str(area / "landslides.gpkg"), str(area / "faults.gpkg")],
        OUTPUT=tmp_path / "exposure.gpkg",
        OUTPUT_TABLE=tmp_path / "exposure.csv",
    )
    rows = read_csv(result["OUTPUT_TABLE"])
    table = QgsVectorLayer(result["OUTPUT"], "table", "ogr")
    assert table.isValid() and not table.isSpatial() and table.featureCount() == len(rows)
    assert [name for name in table.fields().names() if name != "fid"] == [name for name, _ in FIELDS] == list(rows[0])
    homes = [row for row in rows if row["layer"] == "buildings"]
    # The joined two count once; the bow-tie has half the area and is repaired, what has no shape is left out.
    assert sum(int(row["number"]) for row in homes) == 5
    assert sum(float(row["area_m2"]) for row in homes) == pytest.approx(5.5 * 1600, rel=2e-3)
    assert {row["kind"] for row in homes} == {"home", "shop"}
    assert {row["layer"]: row["geometry"] for row in rows} == {
        "buildings": "polygons",
        "rivers": "lines",
        "landslides": "points",
        "faults": "lines",
    }
    assert any("without geometry" in text for text in listener.warnings)
    rivers = QgsVectorLayer(str(area / "rivers.gpkg"), "rivers", "ogr")
    extent = QgsGeometry.fromRect(QgsRasterLayer(str(chain["zones"])).extent())
    length = sum(one.geometry().intersection(extent).length() for one in rivers.getFeatures())
    found = sum(float(row["length_m"]) for row in rows if row["layer"] == "rivers")
    assert found == pytest.approx(length, rel=2e-3)
    record = json.loads(Path(f"{result['OUTPUT_TABLE']}.run.json").read_text())
    assert record["call"]["parameters"]["EXPOSURE"] == [str(area / "landslides.gpkg"), str(area / "faults.gpkg")]
    assert {"BUILDINGS 1", "ROADS 1", "EXPOSURE 1", "EXPOSURE 2"} <= set(record["call"]["layers"])


def test_without_layers_or_with_the_wrong_kind_it_says_so(run, chain, area):
    with pytest.raises(QgsProcessingException, match="There is nothing to count. Give BUILDINGS, ROADS"):
        run("exposurebyzone", ZONES=chain["zones"], OUTPUT_TABLE="TEMPORARY_OUTPUT")
    with pytest.raises(QgsProcessingException, match="ROADS takes lines, but the layer .* holds points"):
        run("exposurebyzone", ZONES=chain["zones"], ROADS=area / "landslides.gpkg", OUTPUT_TABLE="TEMPORARY_OUTPUT")
    with pytest.raises(QgsProcessingException, match="Zones are whole numbers from 1"):
        run(
            "exposurebyzone",
            ZONES=area / "dem.tif",
            BUILDINGS=area / "landslides.gpkg",
            OUTPUT_TABLE="TEMPORARY_OUTPUT",
        )


def test_in_a_graphical_model(plugin, run, chain, area, tmp_path):
    import processing

    model = QgsProcessingModelAlgorithm("exposed", "test")
    model.addModelParameter(QgsProcessingParameterRasterLayer("zones", "Zones"), QgsProcessingModelParameter("zones"))
    child = QgsProcessingModelChildAlgorithm("scarp:exposurebyzone")
    child.setChildId("count")
    source = QgsProcessingModelChildParameterSource
    child.addParameterSources("ZONES", [source.fromModelParameter("zones")])
    child.addParameterSources("ROADS", [source.fromStaticValue(str(area / "rivers.gpkg"))])
    child.addParameterSources("OUTPUT_TABLE", [source.fromStaticValue(str(tmp_path / "m.csv"))])
    model.addChildAlgorithm(child)
    processing.run(model, {"zones": str(chain["zones"])}, feedback=Listener())
    assert len(read_csv(tmp_path / "m.csv")) == 5


def test_the_report_of_a_validation_has_it(step, area, houses, tmp_path):
    result = step(
        "validatewithpoints",
        REPEATS=3,
        BUILDINGS=houses,
        ROADS=area / "rivers.gpkg",
        EXPOSURE=[str(area / "landslides.gpkg")],
        OUTPUT_HTML=tmp_path / "report.html",
        OUTPUT_DOCUMENT=tmp_path / "report.docx",
    )
    text = Path(result["OUTPUT_HTML"]).read_text(encoding="utf-8")
    assert "of 5 of buildings" in text and "km of rivers" in text and "Exposure by zone" in text
