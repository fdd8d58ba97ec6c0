"""What a map says of itself is in the properties of the layer that QGIS loads."""

from __future__ import annotations

import shutil

import rasterio
from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsRasterLayer, QgsVectorLayer

from scarp.algorithms.base.styles import Styler, fill_abstract


def abstract_of(path) -> str:
    layer = QgsRasterLayer(str(path))
    fill_abstract(layer)
    return layer.metadata().abstract()


def test_a_map_says_that_it_is_relative_and_zones_that_they_are_zones(chain):
    assert (
        abstract_of(chain["susceptibility"]).splitlines()[0]
        == "Values: relative susceptibility, not a calibrated probability."
    )
    assert abstract_of(chain["zones"]).startswith("Values: zones of relative susceptibility")


def test_warnings_of_a_model_at_another_cell_size_are_in_the_layer(run, chain, tmp_path):
    """The same stack, said to have cells of three times the size."""
    coarse = tmp_path / "coarse.tif"
    shutil.copyfile(chain["stack"], coarse)
    with rasterio.open(coarse, "r+") as dataset:
        dataset.transform = dataset.transform * dataset.transform.scale(3)
    run("predictsusceptibility", STACK=coarse, MODEL=chain["model"], OUTPUT=tmp_path / "map.tif")
    lines = abstract_of(tmp_path / "map.tif").splitlines()
    assert lines[1] == "Warnings when it was made:"
    assert any("cells" in line for line in lines[2:])
    zoned = run("classifyzones", SUSCEPTIBILITY=tmp_path / "map.tif", OUTPUT=tmp_path / "zones.tif")
    assert lines[2] in abstract_of(zoned["OUTPUT"])


def test_it_is_there_when_a_result_is_loaded(chain):
    layer = QgsRasterLayer(str(chain["susceptibility"]), "map")
    Styler("susceptibility").postProcessLayer(layer, QgsProcessingContext(), QgsProcessingFeedback())
    assert "relative susceptibility" in layer.metadata().abstract()


def test_other_layers_are_left_as_they_are(chain, area):
    assert abstract_of(area / "dem.tif") == ""
    points = QgsVectorLayer(str(area / "landslides.gpkg"))
    fill_abstract(points)
    assert points.metadata().abstract() == ""
