"""QML files fit the results and agree with the colours of the core."""

from __future__ import annotations

from pathlib import Path

import pytest
from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputHtml,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)

from scarp.algorithms.base.styles import ORDER, SIDECAR_STYLE, STYLES, Styler
from scarp.model.validation.settings import OUTCOMES
from scarp.model.warning.classes import COLOURS, NAMES
from scarp.model.zones.schemes import DEFAULT_ZONE_NAMES, zone_colours, zone_names


def styled(layer, style: str):
    message, done = layer.loadNamedStyle(str(STYLES / f"{style}.qml"))
    assert done, message
    return layer


def test_zones_have_the_names_and_colours_of_the_core(chain):
    layer = styled(QgsRasterLayer(str(chain["zones"])), "zones")
    found = {item.value: (item.label, item.color.getRgb()) for item in layer.renderer().classes()}
    wanted = {zone: (DEFAULT_ZONE_NAMES[zone - 1], colour) for zone, colour in zone_colours(5).items() if zone}
    assert found == wanted


def test_classes_have_a_legend_without_any_style_given(chain, step, tmp_path):
    """QGIS finds names and colours beside the raster and lists no more than the classes, whatever their number."""
    step("classifyzones", SHARES="50,30,20", OUTPUT=tmp_path / "z.tif")
    step("rainfallwarning", RAIN=chain["susceptibility"], K=0.01, OUTPUT=tmp_path / "w.tif")
    for name, names, colours in (("z", zone_names(3), zone_colours(3)), ("w", NAMES.values(), COLOURS)):
        layer = QgsRasterLayer(str(tmp_path / f"{name}.tif"))
        found = layer.renderer().classes()
        assert [item.label for item in found] == list(names)
        assert [item.color.getRgb() for item in found] == [colours[number] for number in range(1, len(names) + 1)]


def test_the_warning_has_the_names_and_colours_of_the_core(chain):
    layer = styled(QgsRasterLayer(str(chain["zones"])), "warning")
    found = {item.value: (item.label, item.color.getRgb()) for item in layer.renderer().classes()}
    assert found == {number: (name, COLOURS[number]) for number, name in NAMES.items()}


def test_points_and_windows_have_a_symbol_for_every_value(chain):
    points = styled(QgsVectorLayer("Point?field=outcome:string", "p", "memory"), "points")
    assert {item.value() for item in points.renderer().categories()} == set(OUTCOMES)
    windows = styled(QgsVectorLayer(str(chain["windows"])), "windows")
    values = windows.uniqueValues(windows.fields().lookupField("subset"))
    assert values
    assert values <= {item.value() for item in windows.renderer().categories()}


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.qml")), ids=lambda path: path.stem)
def test_every_style_loads(path: Path, chain):
    vector = path.stem in ("points", "windows", "folds", "landslides", "rivers", "faults")
    kind = {"rivers": "LineString", "faults": "LineString", "windows": "Polygon", "folds": "Polygon"}
    if vector:
        layer = QgsVectorLayer(f"{kind.get(path.stem, 'Point')}?field=outcome:string", "x", "memory")
    else:
        layer = QgsRasterLayer(str(chain["susceptibility"]))
    styled(layer, path.stem)


def test_results_are_styled_when_loaded(chain, tmp_path, plugin):
    algorithm = plugin.provider.algorithm("classifyzones").create()
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    output = str(tmp_path / "zones.tif")
    context.addLayerToLoadOnCompletion(output, QgsProcessingContext.LayerDetails("Zones", QgsProject.instance()))
    feedback = QgsProcessingFeedback(False)
    results, done = algorithm.run({"SUSCEPTIBILITY": str(chain["susceptibility"]), "OUTPUT": output}, context, feedback)
    assert done
    assert results["OUTPUT"] == output
    details = context.layerToLoadOnCompletionDetails(output)
    layer = QgsRasterLayer(output)
    details.postProcessor().postProcessLayer(layer, context, feedback)
    assert [item.label for item in layer.renderer().classes()] == list(DEFAULT_ZONE_NAMES)


@pytest.mark.parametrize(
    ("folds", "labels"),
    [
        ((1, 2, 3), ["fold 1", "fold 2", "fold 3"]),
        ((5, 4), ["fold 4", "fold 5"]),
        ((1, 11, 50), ["fold 1", "further folds"]),
    ],
)
def test_the_legend_lists_the_folds_that_there_are(qgis_app, folds, labels):
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633&field=fold:integer", "folds", "memory")
    features = []
    for number in folds:
        feature = QgsFeature(layer.fields())
        feature.setAttributes([number])
        feature.setGeometry(QgsGeometry.fromWkt("Polygon ((0 0, 1 0, 1 1, 0 0))"))
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    Styler("folds").postProcessLayer(layer, QgsProcessingContext(), QgsProcessingFeedback(False))
    assert [item.label() for item in layer.renderer().categories()] == labels


def test_every_style_of_a_result_has_a_place_in_the_layer_group():
    own = {path.stem for path in STYLES.glob("*.qml")} - {"hillshade", "landslides", "rivers", "faults"}
    assert set(ORDER) - {SIDECAR_STYLE} == own


def test_a_style_that_cannot_be_read_is_reported_and_the_layer_stays(chain, plugin):
    feedback = QgsProcessingFeedback(False)
    layer = QgsRasterLayer(str(chain["susceptibility"]), "map")
    Styler(SIDECAR_STYLE).postProcessLayer(layer, QgsProcessingContext(), feedback)
    assert layer.isValid()
    assert '"map"' in feedback.textLog()


def test_every_report_is_one_that_the_result_viewer_lists(plugin):
    reports = 0
    for algorithm in plugin.provider.algorithms():
        for output in algorithm.destinationParameterDefinitions():
            if output.type() == "fileDestination" and "html" in output.fileFilter().lower():
                reports += 1
                assert isinstance(algorithm.outputDefinition(output.name()), QgsProcessingOutputHtml), output.name()
    assert reports >= 8
