"""QML files fit the results and agree with the colours of the core."""

from __future__ import annotations

from pathlib import Path

import pytest
from qgis.core import QgsProcessingContext, QgsProject, QgsRasterLayer, QgsVectorLayer

from scarp.algorithms.styles import STYLES
from scarp.model.validation.settings import OUTCOMES
from scarp.model.warning.classes import COLOURS, NAMES
from scarp.model.zones.schemes import FIVE_NAMES, zone_colours, zone_names


def styled(layer, style: str):
    message, done = layer.loadNamedStyle(str(STYLES / f"{style}.qml"))
    assert done, message
    return layer


def test_zones_have_the_names_and_colours_of_the_core(chain):
    layer = styled(QgsRasterLayer(str(chain["zones"])), "zones")
    found = {item.value: (item.label, item.color.getRgb()) for item in layer.renderer().classes()}
    wanted = {zone: (FIVE_NAMES[zone - 1], colour) for zone, colour in zone_colours(5).items() if zone}
    assert found == wanted


def test_classes_have_a_legend_without_any_style_given(chain, run, tmp_path):
    """QGIS finds names and colours beside the raster and lists no more than the classes, whatever their number."""
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], SHARES="50,30,20", OUTPUT=tmp_path / "z.tif")
    run("rainfallwarning", SUSCEPTIBILITY=chain["susceptibility"], RAIN=chain["susceptibility"], K=0.01,
        OUTPUT=tmp_path / "w.tif", OUTPUT_TABLE=tmp_path / "w.csv")
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
    assert values and values <= {item.value() for item in windows.renderer().categories()}


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.qml")), ids=lambda path: path.stem)
def test_every_style_loads(path: Path, chain):
    vector = path.stem in ("points", "windows", "landslides", "rivers", "faults")
    kind = {"rivers": "LineString", "faults": "LineString", "windows": "Polygon"}.get(path.stem, "Point")
    layer = QgsVectorLayer(f"{kind}?field=outcome:string", "x", "memory") if vector \
        else QgsRasterLayer(str(chain["susceptibility"]))
    styled(layer, path.stem)


def test_results_are_styled_when_loaded(chain, area, run, tmp_path, plugin):
    from qgis.core import QgsProcessingFeedback

    algorithm = plugin.provider.algorithm("classifyzones").create()
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    output = str(tmp_path / "zones.tif")
    context.addLayerToLoadOnCompletion(output, QgsProcessingContext.LayerDetails("Zones", QgsProject.instance()))
    feedback = QgsProcessingFeedback(False)
    results, done = algorithm.run({"SUSCEPTIBILITY": str(chain["susceptibility"]), "OUTPUT": output}, context, feedback)
    assert done and results["OUTPUT"] == output
    details = context.layerToLoadOnCompletionDetails(output)
    layer = QgsRasterLayer(output)
    details.postProcessor().postProcessLayer(layer, context, feedback)
    assert [item.label for item in layer.renderer().classes()] == list(FIVE_NAMES)
