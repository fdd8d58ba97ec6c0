"""The chain on a mapped mountain range, through ``processing.run``; skipped where the data are not."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from scarp.model.stack import open_stack

RADII = "1,30,2,60,3,120,unrecorded,30"
"""Metres by ``scale_class`` of Kaghan, whose landslides are far smaller than the paper's."""

LAYERS = {"DEM": "dem.tif", "RIVERS": "rivers_from_dem.gpkg", "FAULTS": "faults.gpkg", "LITHOLOGY": "lithology.gpkg"}
FACTORS = "slope profile_curvature aspect river_density precipitation fault_density lithology landcover"
TRAINING = {"EPOCHS": 2, "WIDTH": 8, "DEPTH": 1, "SEED": 1, "PHYSICS": "hinge", "PRECISION": "fp32"}


@pytest.fixture(scope="module")
def kaghan(real_data):
    folder = real_data / "kaghan_pk"
    if not (folder / "dem.tif").is_file():
        pytest.skip(f"{folder} has no dem.tif.")
    return folder


def test_chain_on_kaghan(run, kaghan, tmp_path):
    rain = kaghan / "rainfall_annual_mm_worldclim10m.tif"
    files = {name: tmp_path / f"{name}.tif" for name in ("stack", "labels", "safety", "map", "zones")}
    extras = [str(kaghan / "landcover.tif")]
    layers = {name: kaghan / file for name, file in LAYERS.items()}
    stack, labels, safety, susceptibility, zones = files.values()
    layers |= {"LITHOLOGY_FIELD": "Formation", "PRECIPITATION": rain, "EXTRA_CATEGORICAL": extras}
    run("buildfactorstack", TERRAIN="none", OUTPUT=stack, **layers)
    with open_stack(stack) as opened:
        assert " ".join(opened.names) == FACTORS
        assert len(opened.factor("lithology").classes) == 9
    slides = kaghan / "landslides.gpkg"
    scales = {"SCALE_FIELD": "scale_class", "RADII": RADII, "RING": 150}
    result = run("buildbufferedlabels", LANDSLIDES=slides, REFERENCE=stack, OUTPUT=labels, **scales)
    assert result["LANDSLIDES_USED"] == 2827
    run("buildsafetyfactor", REFERENCE=stack, PRECIPITATION=rain, LANDSLIDES=slides, OUTPUT=safety)
    model, windows = tmp_path / "model.safetensors", tmp_path / "windows.gpkg"
    rasters = {"STACK": stack, "LABELS": labels, "SAFETY_FACTOR": safety}
    run("trainpcum", **rasters, OUTPUT=model, OUTPUT_WINDOWS=windows, **TRAINING)
    run("predictsusceptibility", STACK=stack, MODEL=model, OUTPUT=susceptibility)
    run("classifyzones", SUSCEPTIBILITY=susceptibility, OUTPUT=zones)
    inputs = {"SUSCEPTIBILITY": susceptibility, "LANDSLIDES": slides, "ZONES": zones, "WINDOWS": windows}
    outputs = {"OUTPUT_HTML": tmp_path / "report.html", "OUTPUT_TABLE": tmp_path / "table.csv"}
    result = run("validatewithpoints", **inputs, DISTANCE=150, REPEATS=20, **outputs)
    # Slope alone reaches 0.68 on these data; two epochs must at least have found the mountains.
    assert result["AUC"] > 0.55 and result["AUC_TEST"] > 0.5
    with rasterio.open(zones) as classes:
        counts = np.bincount(classes.read(1).ravel(), minlength=6)[1:]
    np.testing.assert_allclose(counts / counts.sum(), [0.3, 0.2, 0.2, 0.2, 0.1], atol=1e-3)
