"""The chain on a mapped mountain range, through ``processing.run``; skipped where the data are not."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from sklearn.metrics import roc_auc_score

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


MEASURED = {"SOIL_DEPTH": "soil_depth_m", "COHESION": "cohesion_kpa", "FRICTION": "friction_deg"}
MEASURED |= {"UNIT_WEIGHT": "unit_weight_kn_m3"}
# By saturation: AUC at the places where landslides of 1990 began, per cent of the cells and of these places below 1,
# computed by others with a formula of their own.
ARENOSA = {"0": (0.537, 32, 36), "0.5": (0.530, 58, 62), "1": (0.518, 78, 83)}


@pytest.mark.parametrize("saturation", ARENOSA)
def test_measured_soil_of_la_arenosa(run, real_data, tmp_path, saturation):
    folder = real_data / "arenosa_co"
    if not (folder / "dem.tif").is_file():
        pytest.skip(f"{folder} has no dem.tif.")
    soil = {f"{name}_RASTER": folder / f"{file}.tif" for name, file in MEASURED.items()}
    more = {"METHOD": "infinite_slope", "SATURATION": saturation, "SLOPE": folder / "slope_deg.tif"}
    run("buildsafetyfactor", REFERENCE=folder / "landslide_sources.tif", OUTPUT=tmp_path / "fs.tif", **soil, **more)
    with rasterio.open(tmp_path / "fs.tif") as factor, rasterio.open(folder / "landslide_sources.tif") as sources:
        found, places = factor.read(1), sources.read(1)
    known = (places != 255) & np.isfinite(found)
    found, began = found[known], places[known] == 1
    auc, cells, at_places = ARENOSA[saturation]
    assert (len(found), began.sum()) == (6059, 387) and roc_auc_score(began, -found) == pytest.approx(auc, abs=0.001)
    assert [100 * (found < 1).mean(), 100 * (found[began] < 1).mean()] == pytest.approx([cells, at_places], abs=0.6)
