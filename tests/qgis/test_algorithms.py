"""Each algorithm through ``processing.run`` on a tiny study area."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProcessing,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)

from scarp.model.factors.definitions import FACTORS
from scarp.model.stack import open_stack
from scarp.tests.qgis.tiny import (
    CELL,
    LEFT,
    RADII,
    SIZE,
    TOP,
    TRAINING,
    Listener,
    memory_layer,
    stack_inputs,
    write_raster,
)


def read(path, band=1):
    with rasterio.open(path) as source:
        return source.read(band, masked=True)


def test_demo_data(run, tmp_path):
    output = tmp_path / "demo data"
    listener = Listener()
    result = run("createdemodata", listener, SIZE=90, REGIONS=5, SEED=2, OUTPUT=output)
    assert result["OUTPUT"] == str(output)
    for name in ("dem", "precipitation", "temperature", "true_probability"):
        with rasterio.open(output / f"{name}.tif") as source:
            assert source.crs
            assert source.count == 1
    with rasterio.open(output / "dem.tif") as source:
        assert source.shape == (90, 90)
    counts = {}
    for name in (
        "rivers",
        "faults",
        "lithology",
        "landform",
        "seismic",
        "regions",
        "climate",
        "study_area",
        "landslides",
    ):
        layer = QgsVectorLayer(str(output / f"{name}.gpkg"), name)
        assert layer.isValid() and layer.crs().isValid(), name
        assert all(not feature.geometry().isEmpty() for feature in layer.getFeatures())
        counts[name] = layer.featureCount()
    assert counts["regions"] == 5
    assert counts["landslides"] == result["LANDSLIDES"] > 0
    sizes = QgsVectorLayer(str(output / "landslides.gpkg"), "").uniqueValues(
        QgsVectorLayer(str(output / "landslides.gpkg"), "").fields().lookupField("scale")
    )
    assert {value for value in sizes if isinstance(value, str)} <= {"giant", "large", "medium", "small"}
    assert listener.lines


def test_stack_has_the_ten_factors_in_order(chain, area):
    with open_stack(chain["stack"]) as stack:
        assert stack.names == list(FACTORS)
        assert set(stack.factor("lithology").classes.values()) == {"granite", "schist"}
        with rasterio.open(area / "dem.tif") as dem:
            assert stack.dataset.transform == dem.transform
            assert stack.dataset.shape == dem.shape
    record = json.loads((chain["stack"].parent / "stack.tif.run.json").read_text(encoding="utf-8"))
    assert record["algorithm"] == "scarp:buildfactorstack"


def test_stack_takes_extras_and_leaves_out_what_is_missing(run, area, tmp_path):
    output = tmp_path / "stack.tif"
    result = run(
        "buildfactorstack",
        DEM=area / "dem.tif",
        EXTRA_CONTINUOUS=[str(area / "temperature.tif")],
        EXTRA_CATEGORICAL=[str(area / "landcover.tif")],
        SLOPE_METHOD="zevenbergen_thorne",
        OUTPUT=output,
    )
    with open_stack(output) as stack:
        assert stack.names[:3] == ["slope", "profile_curvature", "aspect"]
        kinds = {factor.name: factor.kind for factor in stack.factors}
        assert len(kinds) == 5 == result["FACTORS"]
        assert kinds["landcover"] == "categorical"


@pytest.mark.parametrize("source", ["stack", "model"])
def test_classes_match_by_label_in_a_second_area(run, area, chain, tmp_path, source):
    """Known classes keep their codes though the polygons come in another order; a new one gets a code after them."""
    layer = QgsVectorLayer(str(area / "lithology.gpkg"), "")
    rows = [
        (feature.geometry().asWkt(), [feature["rock"].replace("granite", "basalt")]) for feature in layer.getFeatures()
    ][::-1]
    output = tmp_path / "second.tif"
    run(
        "buildfactorstack",
        DEM=area / "dem.tif",
        LITHOLOGY=memory_layer("Polygon", "rock:string", rows),
        LITHOLOGY_FIELD="rock",
        CLASSES_FROM=chain[source],
        OUTPUT=output,
    )
    with open_stack(chain["stack"]) as first, open_stack(output) as second:
        assert second.factor("lithology").classes == {1: "granite", 2: "schist", 3: "basalt"}
        bands = first.factor("lithology").band, second.factor("lithology").band
    earlier = read(chain["stack"], bands[0]).data
    np.testing.assert_array_equal(read(output, bands[1]).data, np.where(earlier == 1, 3, earlier))


def test_area_masks(run, area, tmp_path):
    half = LEFT + SIZE * CELL / 2
    shape = (
        f"Polygon (({LEFT} {TOP}, {half} {TOP}, {half} {TOP - SIZE * CELL}, {LEFT} {TOP - SIZE * CELL}, {LEFT} {TOP}))"
    )
    output = tmp_path / "stack.tif"
    run("buildfactorstack", DEM=area / "dem.tif", AREA=memory_layer("Polygon", "", [(shape, [])]), OUTPUT=output)
    slope = read(output)
    assert np.isnan(slope.data[:, SIZE // 2 :]).all()
    assert np.isfinite(slope.data[:, : SIZE // 2]).all()


def test_labels_hold_every_landslide(chain, area):
    labels = read(chain["labels"]).filled(255)
    assert set(np.unique(labels)) <= {0, 1, 255}
    slides = QgsVectorLayer(str(area / "landslides.gpkg"), "")
    for feature in slides.getFeatures():
        place = feature.geometry().asPoint()
        assert labels[int((TOP - place.y()) / CELL), int((place.x() - LEFT) / CELL)] == 1


@pytest.mark.parametrize(
    "radii",
    [
        "large,60,small,30,unrecorded,30",
        ["large", 60, "small", 30, "unrecorded", 30],
        [["large", "60"], ["small", "30"], ["unrecorded", "30"]],
    ],
)
def test_radii_as_text_and_as_tables_are_the_same(run, area, chain, tmp_path, radii):
    outputs = []
    for number, given in enumerate((radii, "large,60,small,30,unrecorded,30")):
        outputs.append(tmp_path / f"labels{number}.tif")
        run(
            "buildbufferedlabels",
            LANDSLIDES=area / "landslides.gpkg",
            SCALE_FIELD="scale",
            RADII=given,
            REFERENCE=chain["stack"],
            OUTPUT=outputs[-1],
        )
    np.testing.assert_array_equal(read(outputs[0]).data, read(outputs[1]).data)


def test_labels_from_polygons_with_a_ring_and_selected_features(run, area, chain, tmp_path):
    slides = QgsVectorLayer(str(area / "landslides.gpkg"), "slides")
    rows = [(feature.geometry().buffer(70, 8).asWkt(), [feature["scale"]]) for feature in slides.getFeatures()]
    polygons = memory_layer("Polygon", "scale:string", rows, name="outlines")
    QgsProject.instance().addMapLayer(polygons)
    polygons.selectByIds([feature.id() for feature in list(polygons.getFeatures())[:5]])
    outputs = {}
    for name, given in (("all", polygons), ("five", QgsProcessingFeatureSourceDefinition(polygons.id(), True))):
        outputs[name] = run(
            "buildbufferedlabels", LANDSLIDES=given, RING=200, REFERENCE=chain["stack"], OUTPUT=tmp_path / f"{name}.tif"
        )
    QgsProject.instance().removeMapLayer(polygons.id())
    assert outputs["five"]["LANDSLIDES_USED"] == 5 < outputs["all"]["LANDSLIDES_USED"]
    assert 0 < outputs["five"]["LANDSLIDE_CELLS"] < outputs["all"]["LANDSLIDE_CELLS"]
    assert outputs["five"]["UNKNOWN_CELLS"] > 0


def test_safety_factor_follows_its_formula(run, area, chain, tmp_path):
    output, rain = tmp_path / "safety.tif", tmp_path / "rain.tif"
    run(
        "buildsafetyfactor",
        REFERENCE=chain["stack"],
        PRECIPITATION=area / "precipitation.tif",
        ALPHA=0.8,
        BETA=2.0,
        RAINY_DAYS=100,
        K_TABLE="all,0.0129",
        OUTPUT=output,
        OUTPUT_RAINFALL=rain,
    )
    safety, week = read(output).data, read(rain).data
    valid = np.isfinite(safety)
    assert valid.any()
    np.testing.assert_allclose(safety[valid], 1 / (1 + 0.0129 * week[valid]), rtol=1e-5)
    assert 600 * 0.8 * 2 * 7 / 100 * 0.95 < week[valid].min() <= week[valid].max() < 1000 * 0.8 * 2 * 7 / 100 * 1.05


def test_climate_zones_with_numbers_as_text(run, area, chain, tmp_path):
    rain = tmp_path / "rain.tif"
    run(
        "buildsafetyfactor",
        REFERENCE=chain["stack"],
        PRECIPITATION=area / "precipitation.tif",
        RAINY_DAYS=50,
        CLIMATE=area / "climate.gpkg",
        ALPHA_FIELD="alpha",
        BETA_FIELD="beta",
        RAINY_DAYS_FIELD="days",
        K_TABLE="all,0.01",
        OUTPUT=tmp_path / "safety.tif",
        OUTPUT_RAINFALL=rain,
        OUTPUT_TABLE=tmp_path / "table.csv",
    )
    week = read(rain).data
    west, east = 0.8 * 2.5 * 7 / 100, 0.9 * 2.0 * 7 / 80
    annual = week / np.where(np.arange(SIZE) < SIZE // 2, west, east)[None, :]
    assert np.nanmin(annual) > 550
    assert np.nanmax(annual) < 1050
    assert (tmp_path / "table.csv").stat().st_size


def test_training_writes_model_windows_and_report(run, chain, tmp_path):
    listener = Listener()
    result = run(
        "trainpcum",
        listener,
        STACK=chain["stack"],
        LABELS=chain["labels"],
        SAFETY_FACTOR=chain["safety"],
        OUTPUT=tmp_path / "model.safetensors",
        OUTPUT_WINDOWS="memory:",
        OUTPUT_HTML=tmp_path / "report.html",
        **TRAINING,
    )
    assert 0 <= result["AUC"] <= 1
    assert 0 <= result["RECALL"] <= 1
    assert 1 <= result["BEST_EPOCH"] <= 3
    windows = result["OUTPUT_WINDOWS"]
    assert windows.uniqueValues(windows.fields().lookupField("subset")) == {"train", "validation", "test"}
    assert windows.uniqueValues(windows.fields().lookupField("kind")) <= {"landslide", "stable"}
    assert all(0 <= feature["landslide_share"] <= 1 for feature in windows.getFeatures())
    assert windows.crs().authid() == "EPSG:32643"
    assert "data:image/svg+xml" in (tmp_path / "report.html").read_text(encoding="utf-8")
    # Same seed, same machine: the same bytes.
    assert (tmp_path / "model.safetensors").read_bytes() == chain["model"].read_bytes()


@pytest.mark.parametrize("physics", ["indicator", "none"])
def test_physics_constraint_modes(run, chain, tmp_path, physics):
    """With every cell under warning, there is a share of broken rules in any mode."""
    result = run(
        "trainpcum",
        STACK=chain["stack"],
        LABELS=chain["labels"],
        SAFETY_FACTOR=chain["safety"],
        PHYSICS=physics,
        FS_CRITICAL=2,
        SPLIT="random",
        OUTPUT=tmp_path / "model.safetensors",
        **{**TRAINING, "EPOCHS": 1},
    )
    assert result["OUTPUT_HTML"] is None
    assert result["OUTPUT_WINDOWS"] is None
    assert (tmp_path / "model.safetensors").is_file()
    assert 0 <= result["VIOLATION_RATE"] <= 1


@pytest.mark.parametrize(
    "kind", ["logistic_regression", "random_forest", "frequency_ratio", "weights_of_evidence", "unet", "bpnn", "resnet"]
)
def test_comparison_models_make_maps_that_can_be_validated(run, area, chain, tmp_path, kind):
    files = {name: tmp_path / name for name in ("m.safetensors", "w.gpkg", "r.html", "s.tif", "v.html", "v.csv")}
    settings = {**TRAINING, "EPOCHS": 2} if kind == "unet" else {"BLOCK": 900, "EPOCHS": 2, "WIDTH": 4}
    result = run(
        "traincomparisonmodel",
        KIND=kind,
        STACK=chain["stack"],
        LABELS=chain["labels"],
        OUTPUT=files["m.safetensors"],
        OUTPUT_WINDOWS=files["w.gpkg"],
        OUTPUT_HTML=files["r.html"],
        **settings,
    )
    assert 0 <= result["AUC"] <= 1
    assert ("EPOCHS" in result) == (kind in ("unet", "bpnn", "resnet"))
    windows = QgsVectorLayer(str(files["w.gpkg"]), "")
    assert windows.uniqueValues(windows.fields().lookupField("subset")) == {"train", "validation", "test"}
    assert "data:image/svg+xml" in files["r.html"].read_text(encoding="utf-8")
    run("predictsusceptibility", STACK=chain["stack"], MODEL=files["m.safetensors"], OUTPUT=files["s.tif"])
    side = 20 if kind in ("bpnn", "resnet") else 1
    with rasterio.open(files["s.tif"]) as found:
        assert found.shape == (SIZE // side, SIZE // side)
        assert found.res == (CELL * side, CELL * side)
    # A radius around landslides as wide as a cell of 600 m would leave no room for stable points.
    judged = (
        run(
            "validatewithpoints",
            SUSCEPTIBILITY=files["s.tif"],
            LANDSLIDES=area / "landslides.gpkg",
            REPEATS=5,
            WINDOWS=files["w.gpkg"],
            SUBSET="test",
            DISTANCE=30,
            OUTPUT_HTML=files["v.html"],
            OUTPUT_TABLE=files["v.csv"],
        )
        if side == 1
        else {"AUC": 0.5}
    )
    assert 0 <= judged["AUC"] <= 1


def test_map_is_a_probability_on_the_grid_of_the_stack(run, chain):
    with rasterio.open(chain["susceptibility"]) as found, rasterio.open(chain["stack"]) as stack:
        assert found.transform == stack.transform
        assert found.shape == stack.shape
        assert found.dtypes == ("float32",)
        values, valid = found.read(1), np.isfinite(stack.read()).all(axis=0)
    np.testing.assert_array_equal(np.isfinite(values), valid)
    assert 0 <= values[valid].min() < values[valid].max() <= 1


def test_map_does_not_depend_on_tiles(run, chain, tmp_path):
    output = tmp_path / "tiles.tif"
    run(
        "predictsusceptibility",
        STACK=chain["stack"],
        MODEL=chain["model"],
        TILE=64,
        PRECISION="fp32",
        DEVICE="cpu",
        OUTPUT=output,
    )
    np.testing.assert_allclose(read(output).data, read(chain["susceptibility"]).data, atol=1e-5)


def test_ensemble_and_its_standard_deviation(run, chain, tmp_path):
    second = tmp_path / "second.safetensors"
    run(
        "trainpcum",
        STACK=chain["stack"],
        LABELS=chain["labels"],
        PHYSICS="none",
        OUTPUT=second,
        **{**TRAINING, "SEED": 2, "EPOCHS": 1},
    )
    maps = {}
    for name, model, more in (
        ("first", chain["model"], None),
        ("second", second, None),
        ("both", chain["model"], [str(second)]),
        ("text", f"{chain['model']};{second}", None),
    ):
        spread = {"OUTPUT_UNCERTAINTY": tmp_path / "spread.tif"} if name == "both" else {}
        run(
            "predictsusceptibility",
            STACK=chain["stack"],
            MODEL=model,
            MORE_MODELS=more,
            PRECISION="fp32",
            OUTPUT=tmp_path / f"{name}.tif",
            OUTPUT_APPLICABILITY=tmp_path / "applicability.tif",
            **spread,
        )
        maps[name] = read(tmp_path / f"{name}.tif").data
    np.testing.assert_allclose(maps["both"], (maps["first"] + maps["second"]) / 2, atol=1e-5)
    np.testing.assert_array_equal(maps["both"], maps["text"])
    apart = np.abs(maps["first"] - maps["second"])
    np.testing.assert_allclose(read(tmp_path / "spread.tif").data, apart / np.sqrt(2), atol=1e-4)


def test_area_of_the_map(run, chain, tmp_path):
    shape = f"Polygon (({LEFT} {TOP}, {LEFT + 600} {TOP}, {LEFT + 600} {TOP - 600}, {LEFT} {TOP - 600}, {LEFT} {TOP}))"
    result = run(
        "predictsusceptibility",
        STACK=chain["stack"],
        MODEL=chain["model"],
        AREA=memory_layer("Polygon", "", [(shape, [])]),
        OUTPUT=tmp_path / "part.tif",
    )
    assert result["CELLS"] == 20 * 20 == np.isfinite(read(tmp_path / "part.tif").data).sum()


def test_zones_have_their_shares(run, chain, tmp_path):
    output, table = tmp_path / "zones.tif", tmp_path / "zones.csv"
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], SHARES="50,30,20", OUTPUT=output, OUTPUT_TABLE=table)
    zones = read(output).compressed()
    shares = [np.mean(zones == zone) for zone in (1, 2, 3)]
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.001)
    with table.open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 3


@pytest.mark.parametrize(
    "values",
    [
        {"METHOD": "equal_interval"},
        {"METHOD": "natural_breaks"},
        {"METHOD": "landslide_share", "LANDSLIDES": "landslides.gpkg"},
        {"METHOD": "breaks", "BREAKS": "0.2,0.4,0.5,0.6"},
        {"BREAKS": [0.3, 0.6]},
    ],
)
def test_every_method_of_zoning(run, chain, area, tmp_path, values):
    if "LANDSLIDES" in values:
        values = {**values, "LANDSLIDES": area / values["LANDSLIDES"]}
    run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=tmp_path / "zones.tif", **values)
    zones = read(tmp_path / "zones.tif").compressed()
    assert zones.min() >= 1
    assert zones.max() <= (3 if values.get("BREAKS") == [0.3, 0.6] else 5)
    if values.get("BREAKS") == [0.3, 0.6]:
        susceptibility = read(chain["susceptibility"]).data
        valid = np.isfinite(susceptibility)
        np.testing.assert_array_equal(
            zones, 1 + (susceptibility[valid] > np.float32(0.3)) + (susceptibility[valid] > np.float32(0.6))
        )


def test_zones_at_the_breaks_of_an_earlier_run(run, chain, tmp_path):
    for number, source in enumerate((chain["zones"], f"{chain['zones']}.run.json")):
        output = tmp_path / f"{number}.tif"
        run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], BREAKS_FROM=source, OUTPUT=output)
        np.testing.assert_array_equal(read(output).data, read(chain["zones"]).data)


def test_warning_from_text_numbers_and_layers(run, chain, area, tmp_path):
    """Rain by halves, thresholds as text, landform and regions as layers: the map is the rule, cell by cell."""
    output, table, safety = tmp_path / "w.tif", tmp_path / "w.csv", tmp_path / "fs.tif"
    listener = Listener()
    p = read(chain["susceptibility"]).data
    low, high = (float(np.float32(value)) for value in np.nanquantile(p, [0.3, 0.7]))
    result = run(
        "rainfallwarning",
        listener,
        SUSCEPTIBILITY=chain["susceptibility"],
        RAIN=area / "precipitation.tif",
        MORE_RAIN=[str(area / "precipitation.tif")],
        TOPOGRAPHY=area / "landform.gpkg",
        TOPOGRAPHY_FIELD="landform",
        K_TABLE="valley,0.0005",
        K="0.0008",
        P_LOW=repr(low),
        P_HIGH=repr(high),
        FS_CRITICAL="0.5",
        REGIONS=area / "regions.gpkg",
        REGION_FIELD="region",
        ZONES=chain["zones"],
        OUTPUT=output,
        OUTPUT_TABLE=table,
        OUTPUT_SAFETY_FACTOR=safety,
    )
    factor, classes = read(safety).data, read(output).data
    expected = np.select([np.isnan(p), ~(factor < 0.5), p < np.float32(low), p < np.float32(high)], [0, 1, 2, 3], 4)
    np.testing.assert_array_equal(classes, expected)
    assert {1, 2, 3, 4} <= set(np.unique(classes))
    west = (1 / factor - 1)[:, : SIZE // 2] / 0.0008
    assert 1150 < np.nanmin(west) < np.nanmax(west) < 2050, "twice the rain"
    assert result["WARNED_SHARE"] == pytest.approx((classes >= 3).sum() / (classes > 0).sum())
    assert result["HIGHEST_RAIN"] > 1900
    assert any("month or a year" in text for text in listener.warnings)
    with table.open(encoding="utf-8") as stream:
        assert [row["region"] for row in csv.DictReader(stream)] == ["all"] * 6 + ["east"] * 6 + ["west"] * 6


def test_validation_gives_report_table_points_and_numbers(run, chain, area, tmp_path):
    result = run(
        "validatewithpoints",
        SUSCEPTIBILITY=chain["susceptibility"],
        LANDSLIDES=area / "landslides.gpkg",
        ZONES=chain["zones"],
        REGIONS=area / "regions.gpkg",
        REGION_FIELD="region",
        WINDOWS=chain["windows"],
        DISTANCE=150,
        REPEATS=20,
        SEED=5,
        OUTPUT_HTML=tmp_path / "report.html",
        OUTPUT_TABLE=tmp_path / "table.csv",
        OUTPUT_POINTS=tmp_path / "points.gpkg",
    )
    assert 0 <= result["AUC_LOW"] <= result["AUC"] <= result["AUC_HIGH"] <= 1
    assert 0 <= result["RECALL"] <= 1
    assert -1 <= result["KAPPA"] <= 1
    points = QgsVectorLayer(str(tmp_path / "points.gpkg"), "")
    rows = list(points.getFeatures())
    assert {row["kind"] for row in rows} == {"landslide", "stable"}
    for row in rows:
        called = row["susceptibility"] >= 0.5
        wanted = {
            ("landslide", True): "hit",
            ("landslide", False): "miss",
            ("stable", True): "false_alarm",
            ("stable", False): "correct_rejection",
        }[row["kind"], called]
        assert row["outcome"] == wanted
    assert "data:image/svg+xml" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with (tmp_path / "table.csv").open(encoding="utf-8") as stream:
        scopes = {row["scope"] for row in csv.DictReader(stream)}
    assert "all" in scopes
    assert any("west" in scope for scope in scopes)


def test_validation_agrees_with_scikit_learn(run, chain, area, tmp_path):
    """With the stable points given, nothing is random: the AUC is that of the point layer."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    stable = memory_layer(
        "Point",
        "",
        [
            (f"Point ({LEFT + CELL * column + 10} {TOP - CELL * row - 10})", [])
            for row, column in rng.integers(0, SIZE, (80, 2))
        ],
    )
    result = run(
        "validatewithpoints",
        SUSCEPTIBILITY=chain["susceptibility"],
        LANDSLIDES=area / "landslides.gpkg",
        STABLE=stable,
        REPEATS=20,
        OUTPUT_HTML=tmp_path / "report.html",
        OUTPUT_TABLE=tmp_path / "table.csv",
        OUTPUT_POINTS="memory:",
    )
    rows = list(result["OUTPUT_POINTS"].getFeatures())
    truth = [row["kind"] == "landslide" for row in rows]
    assert result["AUC"] == pytest.approx(roc_auc_score(truth, [row["susceptibility"] for row in rows]), abs=1e-6)


def test_check_factors(run, chain, tmp_path):
    result = run(
        "checkfactors",
        STACK=chain["stack"],
        LABELS=chain["labels"],
        OUTPUT_HTML=tmp_path / "check.html",
        OUTPUT_TABLE=tmp_path / "check.csv",
    )
    with (tmp_path / "check.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == result["ERRORS"] + result["WARNINGS"] + result["NOTES"]


def test_temporary_outputs(run, chain):
    result = run("classifyzones", SUSCEPTIBILITY=chain["susceptibility"], OUTPUT=QgsProcessing.TEMPORARY_OUTPUT)
    assert result["OUTPUT"].endswith(".tif")
    assert len(np.unique(read(result["OUTPUT"]).compressed())) == 5
    folder = run("createdemodata", SIZE=80, REGIONS=1, OUTPUT=QgsProcessing.TEMPORARY_OUTPUT)["OUTPUT"]
    assert (Path(folder) / "dem.tif").is_file()


@pytest.mark.parametrize(
    "place", ["points.shp", "ogr:dbname='{folder}/many.gpkg' table=\"points\" (geom)", "a b é/滑坡.gpkg"]
)
def test_vector_outputs_go_where_processing_can_write(run, chain, area, tmp_path, place):
    (tmp_path / "a b é").mkdir()
    given = place.format(folder=tmp_path) if place.startswith("ogr:") else str(tmp_path / place)
    result = run(
        "validatewithpoints",
        SUSCEPTIBILITY=chain["susceptibility"],
        LANDSLIDES=area / "landslides.gpkg",
        DISTANCE=150,
        REPEATS=1,
        OUTPUT_HTML=tmp_path / "r.html",
        OUTPUT_TABLE=tmp_path / "t.csv",
        OUTPUT_POINTS=given,
    )
    layer = QgsVectorLayer(result["OUTPUT_POINTS"], "points")
    assert layer.isValid()
    assert layer.featureCount() > 50


def test_station_points_make_a_factor(run, area, tmp_path):
    rng = np.random.default_rng(0)
    rows = [(f"Point ({LEFT + x} {TOP - y})", [str(500 + x / 10)]) for x, y in rng.uniform(0, SIZE * CELL, (12, 2))]
    run(
        "buildfactorstack",
        DEM=area / "dem.tif",
        PRECIPITATION=memory_layer("Point", "mm:string", rows),
        PRECIPITATION_FIELD="mm",
        OUTPUT=tmp_path / "stack.tif",
    )
    with open_stack(tmp_path / "stack.tif") as stack:
        assert "precipitation" in stack.names
        rain = stack.dataset.read(stack.factor("precipitation").band)
    assert 450 < np.nanmin(rain) < np.nanmax(rain) < 900


def test_everything_takes_layers_in_degrees(run, area, chain, tmp_path):
    """The same inventory in another CRS labels the same cells."""
    import processing

    there = processing.run(
        "native:reprojectlayer",
        {"INPUT": str(area / "landslides.gpkg"), "TARGET_CRS": "EPSG:4326", "OUTPUT": "memory:"},
    )["OUTPUT"]
    run(
        "buildbufferedlabels",
        LANDSLIDES=there,
        SCALE_FIELD="scale",
        RADII=RADII,
        REFERENCE=chain["stack"],
        OUTPUT=tmp_path / "labels.tif",
    )
    np.testing.assert_array_equal(read(tmp_path / "labels.tif").data, read(chain["labels"]).data)


def test_inputs_of_the_tiny_area_are_all_used(area):
    assert all(value.exists() for value in stack_inputs(area).values() if hasattr(value, "exists"))


def test_comparison_of_maps_of_other_cells_crs_and_values(run, chain, area, tmp_path):
    """The model's map, the heights in 120 m cells and the map in degrees; points in degrees, numbers as text."""
    coarse = write_raster(tmp_path / "coarse.tif", read(area / "dem.tif").data[::4, ::4], cell=4 * CELL)
    degrees = tmp_path / "degrees.tif"
    subprocess.run(["gdalwarp", "-q", "-t_srs", "EPSG:4326", str(chain["susceptibility"]), str(degrees)], check=True)
    places = QgsVectorLayer(str(area / "landslides.gpkg"), "")
    way = QgsCoordinateTransform(places.crs(), QgsCoordinateReferenceSystem("EPSG:4326"), QgsProject.instance())
    rows = []
    for feature in places.getFeatures():
        place = feature.geometry()
        place.transform(way)
        rows.append((place.asWkt(12), []))
    outputs = {
        "OUTPUT_HTML": tmp_path / "c.html",
        "OUTPUT_TABLE": tmp_path / "c.csv",
        "OUTPUT_DIFFERENCE": tmp_path / "c.tif",
    }
    result = run(
        "comparemodels",
        SUSCEPTIBILITY=[str(chain["susceptibility"]), str(coarse), str(degrees)],
        NAMES=["model", "heights, 120 m", "model in degrees"],
        LANDSLIDES=memory_layer("Point", "", rows, crs="EPSG:4326"),
        REGIONS=area / "regions.gpkg",
        REGION_FIELD="region",
        WINDOWS=chain["windows"],
        DISTANCE="100",
        REPEATS="20",
        SEED="3",
        **outputs,
    )
    with outputs["OUTPUT_TABLE"].open(encoding="utf-8") as stream:
        found = {
            (row["scope"], row["map"], row["other"], row["measure"]): row["value"] for row in csv.DictReader(stream)
        }
    assert float(found["all", "model", "model in degrees", "spearman"]) > 0.95
    aucs = {name: float(found["all", name, "", "auc"]) for name in ("model", "heights, 120 m", "model in degrees")}
    assert result["BEST"] == max(aucs, key=aucs.get)
    assert result["AUC"] == pytest.approx(aucs[result["BEST"]])
    assert 0 <= result["P"] <= 1
    assert result["LEAD"] >= 0
    assert ("region: east", "model", "", "auc") in found
    assert ("all", "heights, 120 m", "", "recall") not in found
    with rasterio.open(outputs["OUTPUT_DIFFERENCE"]) as difference, rasterio.open(chain["susceptibility"]) as first:
        assert difference.shape == first.shape
        assert difference.descriptions == ("difference of ranks",)
    assert all((tmp_path / f"c.{ending}.run.json").exists() for ending in ("html", "csv", "tif"))


def test_explain_susceptibility(run, area, chain, tmp_path):
    """Numbers as text, the area as a memory layer in degrees; the leading factor carries names and colours."""
    outputs = {
        "OUTPUT_HTML": tmp_path / "e.html",
        "OUTPUT_TABLE": tmp_path / "e.csv",
        "OUTPUT_LEADING": tmp_path / "e.tif",
    }
    whole = QgsVectorLayer(str(area / "regions.gpkg"), "regions")
    change = QgsCoordinateTransform(whole.crs(), QgsCoordinateReferenceSystem("EPSG:4326"), QgsProject.instance())
    shape = next(feature for feature in whole.getFeatures() if feature["region"] == "west").geometry()
    shape.transform(change)
    result = run(
        "explainsusceptibility",
        STACK=chain["stack"],
        MODEL=chain["model"],
        LABELS=chain["labels"],
        AREA=memory_layer("Polygon", "", [(shape.asWkt(12), [])], crs="EPSG:4326"),
        BLOCK="450",
        REPEATS="2",
        REFERENCES="2",
        SEED="3",
        **outputs,
    )
    assert 0 <= result["AUC"] <= 1
    assert result["BLOCKS_USED"] >= 20
    with outputs["OUTPUT_TABLE"].open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["part"] for row in rows} >= {"map", "importance", "response", "observed", "plausibility", "leading"}
    assert {row["factor"] for row in rows if row["part"] == "leading"} == set(FACTORS)
    with rasterio.open(outputs["OUTPUT_LEADING"]) as leading:
        found = leading.read(1)
        assert leading.nodata == 0
        assert leading.colormap(1)[1] == (230, 159, 0, 255)
    assert (found[:, : SIZE // 2 - 2] > 0).mean() > 0.9
    assert not found[:, SIZE // 2 + 2 :].any()
    layer = QgsRasterLayer(str(outputs["OUTPUT_LEADING"]), "leading")
    assert layer.renderer().type() == "paletted"
    assert layer.renderer().classes()[0].label == "Slope gradient"
    assert all((tmp_path / f"e.{ending}.run.json").exists() for ending in ("html", "csv", "tif"))
