"""The chain on a mapped mountain range, through ``processing.run``; skipped where the data are not."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from scarp.model.stack import open_stack

RADII = "1,30,2,60,3,120,unrecorded,30"
"""Metres by ``scale_class`` of Kaghan, whose landslides are far smaller than the paper's."""

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
    run(
        "buildfactorstack",
        DEM=kaghan / "dem.tif",
        RIVERS=kaghan / "rivers_from_dem.gpkg",
        FAULTS=kaghan / "faults.gpkg",
        LITHOLOGY=kaghan / "lithology.gpkg",
        LITHOLOGY_FIELD="Formation",
        PRECIPITATION=rain,
        EXTRA_CATEGORICAL=[str(kaghan / "landcover.tif")],
        OUTPUT=files["stack"],
    )
    with open_stack(files["stack"]) as stack:
        assert stack.names == [
            "slope",
            "profile_curvature",
            "aspect",
            "river_density",
            "precipitation",
            "fault_density",
            "lithology",
            "landcover",
        ]
        assert len(stack.factor("lithology").classes) == 9
    labels = run(
        "buildbufferedlabels",
        LANDSLIDES=kaghan / "landslides.gpkg",
        SCALE_FIELD="scale_class",
        RADII=RADII,
        RING=150,
        REFERENCE=files["stack"],
        OUTPUT=files["labels"],
    )
    assert labels["LANDSLIDES_USED"] == 2827
    run(
        "buildsafetyfactor",
        REFERENCE=files["stack"],
        PRECIPITATION=rain,
        LANDSLIDES=kaghan / "landslides.gpkg",
        OUTPUT=files["safety"],
    )
    model, windows = tmp_path / "model.safetensors", tmp_path / "windows.gpkg"
    run(
        "trainpcum",
        STACK=files["stack"],
        LABELS=files["labels"],
        SAFETY_FACTOR=files["safety"],
        OUTPUT=model,
        OUTPUT_WINDOWS=windows,
        **TRAINING,
    )
    run("predictsusceptibility", STACK=files["stack"], MODEL=model, OUTPUT=files["map"])
    run("classifyzones", SUSCEPTIBILITY=files["map"], OUTPUT=files["zones"])
    result = run(
        "validatewithpoints",
        SUSCEPTIBILITY=files["map"],
        LANDSLIDES=kaghan / "landslides.gpkg",
        ZONES=files["zones"],
        WINDOWS=windows,
        DISTANCE=150,
        REPEATS=20,
        OUTPUT_HTML=tmp_path / "report.html",
        OUTPUT_TABLE=tmp_path / "table.csv",
    )
    # Slope alone reaches 0.68 on these data; two epochs must at least have found the mountains.
    assert result["AUC"] > 0.55
    assert result["AUC_TEST"] > 0.5
    with rasterio.open(files["zones"]) as zones:
        counts = np.bincount(zones.read(1).ravel(), minlength=6)[1:]
    np.testing.assert_allclose(counts / counts.sum(), [0.3, 0.2, 0.2, 0.2, 0.1], atol=1e-3)
