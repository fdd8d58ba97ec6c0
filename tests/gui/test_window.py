"""QGIS as people use it: a fresh profile, the plugin's zip, clicks. Pictures of each step stay as artefacts."""

from __future__ import annotations

import json
from pathlib import Path


def test_first_map_by_the_dialogs_of_the_toolbox(play):
    found = play("first_map")
    assert any("Install" in text for text in found["menu"])
    titles = {"2.1 Train PCUM", "3.1 Predict susceptibility", "5.1 From factors to zones"}
    assert titles <= set(found["titles"])
    files = {name: Path(path) for name, path in found["files"].items()}
    names = "factors labels safety_factor model windows susceptibility zones report"
    assert not [name for name in names.split() if not files[name].exists()]
    assert 0.5 < found["numbers"]["Validate with points"]["AUC"] <= 1
    assert "Finished after" in found["training_says"] and "Out of fold: AUC" in found["training_says"]
    record = json.loads(Path(f"{files['susceptibility']}.run.json").read_text(encoding="utf-8"))
    assert record["parameters"]
    # Everything that is a map came into the project, styled, in a group of its run.
    renderers = {layer["source"].split("|")[0]: layer["renderer"] for layer in found["layers"]}
    kinds = {"susceptibility": "singlebandpseudocolor", "zones": "paletted"}
    kinds |= dict.fromkeys(["windows", "points"], "categorizedSymbol")
    assert {name: renderers[str(files[name])] for name in kinds} == kinds
    # QGIS once handed the CRS of a thread that had ended: such layers have none.
    assert {layer["crs"] for layer in found["layers"]} == {"EPSG:32646"}
    groups = {layer["group"] for layer in found["layers"] if layer["source"].startswith(str(files["zones"]))}
    assert groups and "" not in groups and any("eport" in title for title in found["reports"])


def test_a_training_is_cancelled_and_another_keeps_its_best(play):
    found = play("stop_training")
    cancelled, stopped = found["cancelled"], found["stopped"]
    assert not cancelled["done"] and cancelled["left"] == [], "a cancelled training leaves nothing"
    assert stopped["done"] and "stopped.safetensors" in stopped["left"]
    assert "stopped" in found["stopped_says"].lower()


def test_five_regions_in_the_batch_dialog(play):
    found = play("batch")
    assert found["message"] == ""
    assert [settings["REGION"] for settings in found["regions"]] == [f"Region {number}" for number in range(1, 6)]
    loaded = [layer for layer in found["layers"] if layer["renderer"] == "singlebandpseudocolor"]
    assert len(loaded) == 5
    assert len({layer["group"] for layer in loaded}) == 5, "one group for each row"


def test_from_layers_to_a_report_by_the_dock(play):
    found = play("six_steps")
    assert found["width"] <= 420, "it must leave room for the map on a small screen"
    assert found["at first"] == ["to do"] * 6 and found["after next"] == ["done", *["to do"] * 5]
    assert found["at the end"] == ["done"] * 6 == found["moved"]
    assert found["without faults"] == ["outdated"] * 6 and "Faults" in found["says"]
    assert "landslides" in found["results"][0] and "AUC" in found["results"][2] and "AUC" in found["results"][4]
    assert "map_sheet.pdf" in found["made"] and "validation.html" in found["made"]
    assert "Out of fold: AUC" in found["training_says"]
    mine = [layer for layer in found["layers"] if layer["group"].startswith("Scarp: Region, ")]
    made = {layer["name"].split(", Region, ")[0]: layer for layer in mine}
    assert {"Susceptibility", "Susceptibility zones", "Factor stack: Slope gradient (degrees)", "Windows"} <= set(made)
    assert made["Susceptibility zones"]["renderer"] == "paletted"
