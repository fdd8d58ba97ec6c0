"""MORE_STACKS and its companions through Processing: optional, checked before the run, in processes side by side."""

from __future__ import annotations

import hashlib

import pytest
import rasterio
from qgis.core import QgsProcessingException, QgsProcessingParameterDefinition, QgsVectorLayer
from rasterio.windows import Window

from scarp.tests.qgis.tiny import SIZE, Listener

NAMES = "MORE_STACKS", "MORE_LABELS", "MORE_SAFETY_FACTORS"


@pytest.fixture(scope="module")
def halves(chain, tmp_path_factory):
    """Stack and labels of the western and of the eastern half."""
    folder, found = tmp_path_factory.mktemp("halves"), {}
    for name in ("stack", "labels", "safety"):
        for half, first in (("west", 0), ("east", SIZE // 2)):
            path = found[name, half] = folder / half / f"{name}.tif"
            path.parent.mkdir(exist_ok=True)
            with rasterio.open(chain[name]) as source:
                window = Window(first, 0, SIZE // 2, SIZE)
                profile = {**source.profile, "width": SIZE // 2, "transform": source.window_transform(window)}
                with rasterio.open(path, "w", **profile) as target:
                    target.write(source.read(window=window))
                    target.descriptions = source.descriptions
                    for band in range(1, source.count + 1):
                        target.update_tags(band, **source.tags(band))
    return {f"{name} {half}": str(path) for (name, half), path in found.items()}


def inputs(halves):
    west, east = ({name: halves[f"{name} {half}"] for name in ("stack", "labels")} for half in ("west", "east"))
    return {
        "STACK": west["stack"],
        "LABELS": west["labels"],
        "MORE_STACKS": [east["stack"]],
        "MORE_LABELS": [east["labels"]],
        "BLOCK": 300,
    }


@pytest.mark.parametrize("name", ("trainpcum", "crossvalidate"))
def test_more_areas_are_optional_and_advanced(plugin, name):
    flags = QgsProcessingParameterDefinition.Flag
    for parameter in NAMES:
        found = plugin.provider.algorithm(name).parameterDefinition(parameter)
        assert (
            found.type() == "multilayer" and found.flags() & flags.FlagOptional and found.flags() & flags.FlagAdvanced
        )


@pytest.mark.usefixtures("few_steps")
def test_a_model_of_two_areas(run, halves, tmp_path):
    listener = Listener()
    more = {"SAFETY_FACTOR": halves["safety west"], "MORE_SAFETY_FACTORS": [halves["safety east"]]}
    outputs = {"OUTPUT": tmp_path / "m.safetensors", "OUTPUT_HTML": tmp_path / "m.html"}
    found = run("trainpcum", listener, **inputs(halves), **more, **outputs, OUTPUT_WINDOWS=tmp_path / "w.gpkg")
    assert 0 < found["AUC"] < 1 and QgsVectorLayer(str(tmp_path / "w.gpkg")).featureCount() > 0
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "west/stack" in page and "east/stack" in page
    assert any("Out of fold in east/stack" in line for line in listener.lines)
    record, again = (
        tmp_path / "m.safetensors.run.json",
        {"FOLDER": tmp_path / "again", "OUTPUT_TABLE": tmp_path / "t.csv"},
    )
    run("rerun", RECORD=record, **again)
    assert (tmp_path / "again" / "m.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_areas_are_left_out_side_by_side(run, area, halves, tmp_path, monkeypatch):
    """The result is the same in one process and in two; the maps of the other areas go to the folder."""
    monkeypatch.setenv("SCARP_RUN", "inside")
    found, hashes = [], []
    for processes in (1, 2):
        folder = tmp_path / f"with{processes}"
        outputs = {"OUTPUT": folder / "map.tif", "OUTPUT_MORE": folder / "more", "OUTPUT_TABLE": folder / "t.csv"}
        given = {"KIND": "logistic_regression", "LANDSLIDES": area / "landslides.gpkg", "PROCESSES": processes}
        folder.mkdir()
        found.append(run("crossvalidate", **inputs(halves), **given, **outputs, OUTPUT_FOLDS=folder / "f.gpkg"))
        paths = folder / "map.tif", folder / "more" / "east_stack.tif", folder / "t.csv"
        hashes.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
        names = {feature["name"] for feature in QgsVectorLayer(str(folder / "f.gpkg")).getFeatures()}
        assert names == {"west/stack", "east/stack"}
    assert hashes[0] == hashes[1] and found[0]["AUC"] == found[1]["AUC"] >= found[0]["AUC_LOWEST"] > 0
    assert "AUC_POOLED" not in found[0] and "GAP" not in found[0]


def test_what_cannot_be_is_said_before_the_run(run, area, halves, tmp_path):
    outputs = {"OUTPUT": tmp_path / "m.safetensors"}
    with pytest.raises(QgsProcessingException, match="learns from a single area"):
        run("trainpcum", **inputs(halves), **outputs, EPOCHS=3)
    with pytest.raises(QgsProcessingException, match="lies on the grid of no stack"):
        run("trainpcum", **{**inputs(halves), "MORE_STACKS": []}, **outputs)
    given = {"LANDSLIDES": area / "landslides.gpkg", "OUTPUT": tmp_path / "m.tif", "OUTPUT_TABLE": tmp_path / "t.csv"}
    with pytest.raises(QgsProcessingException, match="Choose one way"):
        run("crossvalidate", **inputs(halves), **given, REGIONS=area / "regions.gpkg")
    with pytest.raises(QgsProcessingException, match="KIND=resnet learns from windows"):
        run("crossvalidate", **inputs(halves), **given, KIND="resnet")
    assert not list(tmp_path.iterdir())
