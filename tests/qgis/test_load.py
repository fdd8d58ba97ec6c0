"""Several runs in one QGIS: nothing leaks, a queue ends, and an open layer shows the new content."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import rasterio
from qgis.core import QgsProcessingException, QgsProject, QgsRasterLayer, QgsVectorLayer

from scarp.tests.reliability.load import enlarge, held, queue
from scarp.tests.reliability.wholeness import temporaries

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="looks at the process by /proc")


def cells(path):
    with rasterio.open(path) as dataset:
        return dataset.read().tobytes()


def test_handles_threads_and_temporary_files_do_not_leak(run, chain, tmp_path):
    seen = []
    for _ in range(6):
        run("predictsusceptibility", STACK=chain["stack"], MODEL=chain["model"], OUTPUT=tmp_path / "map.tif")
        seen.append(held())
    assert seen[-1].handles <= seen[1].handles
    assert seen[-1].threads <= seen[1].threads
    assert not temporaries(tmp_path)


@pytest.mark.parametrize("way", ["inside", "process"])
def test_a_queue_of_tasks_gives_what_runs_one_by_one_give(run, chain, tmp_path, monkeypatch, way):
    monkeypatch.setenv("SCARP_RUN", way)
    monkeypatch.setenv("SCARP_PYTHON", sys.executable)
    predict = ("predictsusceptibility", {"STACK": chain["stack"], "MODEL": chain["model"]})
    calls = [predict, ("classifyzones", {"SUSCEPTIBILITY": chain["susceptibility"]}), predict]
    tasks = [(name, {**inputs, "OUTPUT": tmp_path / f"{number}.tif"}) for number, (name, inputs) in enumerate(calls)]
    assert queue(tasks, 120) == [True] * 3
    for number, expected in enumerate(("susceptibility", "zones", "susceptibility")):
        assert cells(tmp_path / f"{number}.tif") == cells(chain[expected])
    assert not temporaries(tmp_path)


@pytest.fixture
def open_layer():
    """Returns a function that opens a file in the project as a layer."""
    project, made = QgsProject.instance(), []

    def opened(path):
        is_raster = path.suffix == ".tif"
        layer = QgsRasterLayer(str(path), path.stem) if is_raster else QgsVectorLayer(str(path), path.stem, "ogr")
        assert layer.isValid()
        project.addMapLayer(layer, False)
        made.append(layer.id())
        return layer

    yield opened
    project.removeMapLayers(made)


def shown(layer):
    block = layer.dataProvider().block(1, layer.extent(), layer.width(), layer.height())
    return [
        0.0 if block.isNoData(row, column) else block.value(row, column)
        for row in range(block.height())
        for column in range(block.width())
    ]


@pytest.mark.parametrize("grid", ["same", "another"])
def test_an_open_map_shows_the_new_file(run, chain, tmp_path, open_layer, grid):
    path, asked = tmp_path / "map.tif", []
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=path, METHOD="area_shares")
    layer = open_layer(path)
    layer.repaintRequested.connect(lambda *_: asked.append(1))
    before = shown(layer)
    renderer = type(layer.renderer())
    source = chain["susceptibility"]
    if grid == "another":
        stack = enlarge(chain["stack"], tmp_path / "large.tif", 200)
        source = tmp_path / "s.tif"
        run("predictsusceptibility", STACK=stack, MODEL=chain["model"], OUTPUT=source)
    run("classifyzones", SUSCEPTIBILITY=source, OUTPUT=path, METHOD="equal_interval")
    assert shown(layer) != before
    assert asked
    assert layer.isValid()
    assert type(layer.renderer()) is renderer
    fresh = QgsRasterLayer(str(path), "fresh")
    assert shown(layer) == shown(fresh)
    assert layer.extent() == fresh.extent()
    assert (layer.width(), layer.height()) == (fresh.width(), fresh.height())


def shapes(layer):
    return sorted(feature.geometry().asWkt() for feature in layer.getFeatures())


def test_an_open_vector_layer_shows_the_new_file(step, tmp_path, open_layer):
    path = tmp_path / "points.gpkg"
    parameters = {"DISTANCE": 100, "REPEATS": 20, "OUTPUT_POINTS": path}
    step("validatewithpoints", SEED=1, **parameters)
    layer = open_layer(path)
    before = shapes(layer)
    step("validatewithpoints", SEED=2, **parameters)
    assert shapes(layer) == shapes(QgsVectorLayer(str(path), "fresh", "ogr")) != before


def test_a_locked_output_file_is_reported(run, chain, tmp_path, monkeypatch):
    """As Windows does with a file that a program has open: it cannot be replaced, and the older one stays."""
    path = tmp_path / "zones.tif"
    shutil.copy(chain["zones"], path)
    replace = os.replace

    def forbidden(source, target):
        if str(target) == str(path):
            text = "The process cannot access the file because it is being used by another process"
            raise PermissionError(13, text, str(source), 32, str(target))
        return replace(source, target)

    monkeypatch.setattr(os, "replace", forbidden)
    with pytest.raises(QgsProcessingException, match=r"zones\.tif could not be written.*not open elsewhere"):
        run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=path)
    assert cells(path) == cells(chain["zones"])
    assert [item.name for item in tmp_path.iterdir()] == ["zones.tif"]
