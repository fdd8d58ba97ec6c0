"""Each algorithm through ``processing.run`` on a tiny study area."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from qgis.core import QgsProcessingContext, QgsProcessingException, QgsRasterLayer, QgsVectorLayer

from scarp.algorithms.base.styles import Styler
from scarp.model.artifact import load_model
from scarp.model.factors.definitions import FACTORS
from scarp.model.factors.settings import DEFAULT_TERRAIN
from scarp.model.outputs.run_record import sha256
from scarp.model.stack import open_stack
from scarp.model.training.settings import TITLES, default
from scarp.model.validation.settings import MIN_BLOCKS, MIN_INTERVAL_BLOCKS
from scarp.tests.qgis.results import read_band, record_of, rows_of
from scarp.tests.qgis.tiny import CELL, SIZE, TRAINING, Listener, in_crs, memory_layer

FIGURE = "data:image/svg+xml"
REGIONS = {"REGION_FIELD": "region"}


def text(path) -> str:
    return Path(path).read_text(encoding="utf-8")


def values_of(layer, field: str) -> set:
    return layer.uniqueValues(layer.fields().lookupField(field))


def shapes_in_degrees(path) -> list[str]:
    """Return the geometries of a layer as WKT in degrees."""
    features = QgsVectorLayer(str(path), "").getFeatures()
    return [in_crs(feature.geometry().asWkt(12), "EPSG:4326") for feature in features]


def test_stack_takes_extra_factors_and_omits_what_is_missing(step, area):
    extras = {"EXTRA_CONTINUOUS": [str(area / "temperature.tif")], "EXTRA_CATEGORICAL": [str(area / "landcover.tif")]}
    result = step("buildfactorstack", SLOPE_METHOD="zevenbergen_thorne", TERRAIN="none", **extras)
    with open_stack(result["OUTPUT"]) as stack:
        assert stack.names[:3] == ["slope", "profile_curvature", "aspect"]
        kinds = {factor.name: factor.kind for factor in stack.factors}
    assert len(kinds) == 5 == result["FACTORS"]
    assert kinds["landcover"] == "categorical"


def test_terrain_is_words_numbers_or_nothing_and_is_recorded(step):
    """All of the default without a value, and the paper's factors for an empty list, as a dialog gives it."""
    for value, words, factors in (
        ("relief,1", ["relief", "elevation"], 9),
        (["none"], ["none"], 3),
        ([], ["none"], 3),
        (None, list(DEFAULT_TERRAIN), 23),
    ):
        result = step("buildfactorstack", **({} if value is None else {"TERRAIN": value}))
        assert result["FACTORS"] == factors and record_of(result["OUTPUT"])["call"]["parameters"]["TERRAIN"] == words
    with pytest.raises(QgsProcessingException, match="Choose none alone"):
        step("buildfactorstack", TERRAIN="none,relief")
    with pytest.raises(QgsProcessingException, match='TERRAIN .*"hills".*some of none, elevation'):
        step("buildfactorstack", TERRAIN="hills")


def test_climate_zones_with_numbers_as_text(step, area, tmp_path):
    outputs = {"OUTPUT_RAINFALL": tmp_path / "rain.tif", "OUTPUT_TABLE": tmp_path / "table.csv"}
    fields = {"ALPHA_FIELD": "alpha", "BETA_FIELD": "beta", "RAINY_DAYS_FIELD": "days"}
    step("buildsafetyfactor", RAINY_DAYS=50, CLIMATE=area / "climate.gpkg", K_TABLE="all,0.01", **fields, **outputs)
    west, east = 0.8 * 2.5 * 7 / 100, 0.9 * 2.0 * 7 / 80
    annual = read_band(tmp_path / "rain.tif").data / np.where(np.arange(SIZE) < SIZE // 2, west, east)[None, :]
    assert 550 < np.nanmin(annual) <= np.nanmax(annual) < 1050 and (tmp_path / "table.csv").stat().st_size


STABLE = {"METHOD": "infinite_slope", "SATURATION": "0.2-0.9"}


def test_factor_of_safety_by_class_with_ranges_and_in_the_training(step, chain, area, tmp_path):
    labels = {str(label) for label in values_of(QgsVectorLayer(str(area / "lithology.gpkg")), "rock")}
    soil = {
        "FRICTION": "; ".join(f"{label}: {20 + 5 * n}" for n, label in enumerate(sorted(labels))),
        "COHESION": "0-6",
    }
    files = {"OUTPUT": tmp_path / "fs.tif", "OUTPUT_PROBABILITY": tmp_path / "p.tif"}
    log = Listener()
    result = step("buildsafetyfactor", log, **STABLE, **soil, SOIL_DEPTH="1-3", K_TABLE="all,0.01", ALPHA=0.8, **files)
    assert "Not used with METHOD=infinite_slope: K_TABLE." in log.lines
    factor, chance = read_band(tmp_path / "fs.tif"), read_band(tmp_path / "p.tif")
    assert 0 < result["WARNED_SHARE"] == pytest.approx((factor < 1).mean(), abs=1e-6)
    # The geometric mean is below 1 about where half of the draws are.
    assert 0 <= chance.min() < chance.max() <= 1 and ((factor < 1) == (chance > 0.5)).mean() > 0.95
    call = record_of(tmp_path / "fs.tif")["call"]["parameters"]
    assert (call["METHOD"], call["COHESION"]) == ("infinite_slope", "0-6")
    layer = QgsRasterLayer(str(tmp_path / "fs.tif"))
    Styler("safety_factor").postProcessLayer(layer, QgsProcessingContext(), Listener())
    assert layer.renderer().classificationMax() == 3 and "factor of safety" in layer.metadata().abstract()
    given = {"SAFETY_FACTOR": tmp_path / "fs.tif", "PRESET": "windows", **TRAINING}
    log = Listener()
    step("trainpcum", log, OUTPUT=tmp_path / "model.safetensors", **given)
    said = "\n".join(log.lines)
    assert (
        "FS_CRITICAL is automatic: 1, because SAFETY_FACTOR is a factor of safety." in said and "is below 1 in" in said
    )
    assert not any("FS_CRITICAL" in one for one in log.warnings)
    with pytest.raises(QgsProcessingException, match="is a factor of safety of a slope, which has no rain threshold"):
        step("rainfallwarning", RAIN=area / "precipitation.tif", SAFETY_FACTOR=tmp_path / "fs.tif")


def test_training_writes_model_windows_and_report(step, chain, tmp_path):
    outputs = {"OUTPUT_WINDOWS": "memory:", "OUTPUT_HTML": tmp_path / "report.html"}
    result = step("trainpcum", SAFETY_FACTOR=chain["safety"], **outputs, **TRAINING)
    assert all(0 <= result[name] <= 1 for name in ("AUC", "RECALL")) and 1 <= result["BEST_EPOCH"] <= 3
    windows = result["OUTPUT_WINDOWS"]
    assert values_of(windows, "subset") == {"train", "validation", "test"}
    assert values_of(windows, "kind") <= {"landslide", "stable"}
    assert all(0 <= feature["landslide_share"] <= 1 for feature in windows.getFeatures())
    assert windows.crs().authid() == "EPSG:32643"
    assert FIGURE in text(tmp_path / "report.html")
    # Same seed, same machine: the same bytes.
    assert Path(result["OUTPUT"]).read_bytes() == chain["model"].read_bytes()


@pytest.mark.parametrize("physics", ["indicator", "none"])
def test_physics_constraint_modes(step, chain, physics):
    """With every cell under warning, there is a share of violations in any mode."""
    settings = {**TRAINING, "EPOCHS": 1, "PHYSICS": physics, "FS_CRITICAL": 2, "SPLIT": "random"}
    result = step("trainpcum", SAFETY_FACTOR=chain["safety"], **settings)
    assert (result["OUTPUT_HTML"], result["OUTPUT_WINDOWS"]) == (None, None)
    assert Path(result["OUTPUT"]).is_file() and 0 <= result["VIOLATION_RATE"] <= 1


@pytest.mark.parametrize(
    "kind",
    [
        *("logistic_regression", "random_forest", "frequency_ratio", "weights_of_evidence"),
        *("gradient_boosting", "gam", "unet", "bpnn", "resnet"),
    ],
)
def test_comparison_models_make_maps_that_can_be_validated(step, tmp_path, kind):
    settings = {**TRAINING, "EPOCHS": 2} if kind == "unet" else {"BLOCK": 900, "EPOCHS": 2, "WIDTH": 4}
    outputs = {"OUTPUT_WINDOWS": tmp_path / "w.gpkg", "OUTPUT_HTML": tmp_path / "r.html"}
    result = step("traincomparisonmodel", KIND=kind, **outputs, **settings)
    assert 0 <= result["AUC"] <= 1
    assert ("EPOCHS" in result) == (kind in ("unet", "bpnn", "resnet"))
    assert values_of(QgsVectorLayer(str(tmp_path / "w.gpkg"), ""), "subset") == {"train", "validation", "test"}
    assert FIGURE in text(tmp_path / "r.html")
    step("predictsusceptibility", MODEL=result["OUTPUT"], OUTPUT=tmp_path / "s.tif")
    side = 20 if kind in ("bpnn", "resnet") else 1
    with rasterio.open(tmp_path / "s.tif") as found:
        assert (found.shape, found.res) == ((SIZE // side,) * 2, (CELL * side,) * 2)
    # A radius around landslides as wide as a cell of 600 m would leave no room for stable points.
    if side == 1:
        points = {"WINDOWS": tmp_path / "w.gpkg", "SUBSET": "test", "DISTANCE": 30, "REPEATS": 5}
        assert 0 <= step("validatewithpoints", SUSCEPTIBILITY=tmp_path / "s.tif", **points)["AUC"] <= 1


@pytest.mark.usefixtures("few_steps")
def test_an_out_of_fold_map_judges_the_map_of_all_land(step, chain, tmp_path):
    model, out_of_fold = tmp_path / "m.safetensors", tmp_path / "oof.tif"
    trained = step("trainpcum", BLOCK=900, OUTPUT=model, OUTPUT_OUT_OF_FOLD=out_of_fold)
    assert trained["OUTPUT_OUT_OF_FOLD"] == str(out_of_fold) and "EPOCHS" not in trained
    assert record_of(out_of_fold)["outputs"]["OUTPUT_OUT_OF_FOLD"]["sha256"] == sha256(out_of_fold)
    step("predictsusceptibility", MODEL=model, OUTPUT=tmp_path / "map.tif")
    points = {"SUSCEPTIBILITY": tmp_path / "map.tif", "DISTANCE": 90, "REPEATS": 5}
    judged = step("validatewithpoints", OUT_OF_FOLD=out_of_fold, **points)
    fit = step("validatewithpoints", **points)
    assert judged["AUC"] < judged["AUC_FIT"] == pytest.approx(fit["AUC"], abs=0.02) and "AUC_FIT" not in fit
    with pytest.raises(QgsProcessingException, match="is not of the model that made the map"):
        step("validatewithpoints", OUT_OF_FOLD=out_of_fold, **{**points, "SUSCEPTIBILITY": chain["susceptibility"]})


def test_the_best_of_several_kinds_is_an_ordinary_model(step, tmp_path, monkeypatch):
    monkeypatch.setattr("scarp.model.training.pointwise_fit.CHECKPOINTS", (10, 30))
    monkeypatch.setattr("scarp.model.classical.sklearn_models.TREES", 10)
    monkeypatch.setattr("scarp.model.classical.sklearn_models.LEAF_SIZES", (20,))
    monkeypatch.setattr("scarp.model.classical.boosting.LEAVES", (4,))
    log, model, out_of_fold = Listener(), tmp_path / "m.safetensors", tmp_path / "oof.tif"
    outputs = {"OUTPUT_TABLE": tmp_path / "kinds.csv", "OUTPUT_WINDOWS": tmp_path / "w.gpkg"}
    found = step("trainbestmodel", log, BLOCK=900, OUTPUT=model, OUTPUT_OUT_OF_FOLD=out_of_fold, **outputs)
    record = record_of(model)
    (kept,) = [row["kind"] for row in record["kinds"] if row["chosen"]]
    assert found["KIND"] == TITLES[kept] == record["call"]["numbers"]["KIND"]
    assert len(record["kinds"]) == 5 and any(line.startswith("Chosen among") for line in log.lines)
    assert record["call"]["numbers"]["AUC"] == pytest.approx(found["AUC"])
    step("predictsusceptibility", MODEL=model, OUTPUT=tmp_path / "map.tif")
    points = {"SUSCEPTIBILITY": tmp_path / "map.tif", "DISTANCE": 90, "REPEATS": 5}
    assert 0.4 < step("validatewithpoints", OUT_OF_FOLD=out_of_fold, **points)["AUC"] <= 1


def test_a_model_learns_slope_stability_on_a_target(step, chain, tmp_path):
    log, given = Listener(), {"BLOCK": 900, "PHYSICS": "stability", "MONOTONE": "slope", "PRIOR": 10}
    trained = step("trainpcum", log, TARGET=chain["stack"], OUTPUT=tmp_path / "m.safetensors", **given)
    assert 0 <= trained["VIOLATION_RATE_UNLABELLED"] <= 1 and 0 <= trained["VIOLATION_RATE"] <= 1
    said = "\n".join(log.lines)
    assert "Slope stability on TARGET, with λ = 10" in said and "counts as 10 landslides" in said
    record = record_of(tmp_path / "m.safetensors")
    assert record["parameters"]["LAMBDA"] is None and record["inputs"]["TARGET"]
    assert record["settings_used"]["fs_critical"] == 1
    with pytest.raises(QgsProcessingException, match="but PHYSICS is hinge"):
        step("trainpcum", TARGET=chain["stack"], OUTPUT=tmp_path / "n.safetensors", BLOCK=900)


def test_a_training_on_windows_has_no_out_of_fold_map(step, tmp_path):
    log, output = Listener(), tmp_path / "oof.tif"
    trained = step("trainpcum", log, OUTPUT_OUT_OF_FOLD=output, **{**TRAINING, "EPOCHS": 1})
    assert trained["OUTPUT_OUT_OF_FOLD"] is None and not output.exists()
    assert "OUTPUT_OUT_OF_FOLD is left out" in "\n".join(log.warnings)


def test_ensemble_and_its_standard_deviation(step, chain, tmp_path):
    first, second = chain["model"], tmp_path / "second.safetensors"
    step("trainpcum", PHYSICS="none", OUTPUT=second, **{**TRAINING, "SEED": 2, "EPOCHS": 1})
    maps = {}
    for name, models in (
        ("first", {"MODEL": first}),
        ("second", {"MODEL": second}),
        ("both", {"MODEL": first, "MORE_MODELS": [str(second)], "OUTPUT_UNCERTAINTY": tmp_path / "spread.tif"}),
        ("text", {"MODEL": f"{first};{second}"}),
    ):
        models["OUTPUT_APPLICABILITY"] = tmp_path / "applicability.tif"
        maps[name] = read_band(step("predictsusceptibility", PRECISION="fp32", **models)["OUTPUT"]).data
    np.testing.assert_allclose(maps["both"], (maps["first"] + maps["second"]) / 2, atol=1e-5)
    np.testing.assert_array_equal(maps["both"], maps["text"])
    difference = np.abs(maps["first"] - maps["second"])
    np.testing.assert_allclose(read_band(tmp_path / "spread.tif").data, difference / np.sqrt(2), atol=1e-4)


@pytest.mark.parametrize("method", ["equal_interval", "natural_breaks", "landslide_share", "breaks"])
def test_every_method_of_zoning(step, area, method):
    more = {"landslide_share": {"LANDSLIDES": area / "landslides.gpkg"}, "breaks": {"BREAKS": "0.2,0.4,0.5,0.6"}}
    zones = read_band(step("classifyzones", METHOD=method, **more.get(method, {}))["OUTPUT"]).compressed()
    assert 1 <= zones.min() <= zones.max() <= 5


def test_zones_at_given_breaks(step, chain):
    zones = read_band(step("classifyzones", BREAKS=[0.3, 0.6])["OUTPUT"]).compressed()
    susceptibility = read_band(chain["susceptibility"]).data
    susceptibility = susceptibility[np.isfinite(susceptibility)]
    np.testing.assert_array_equal(zones, 1 + sum(susceptibility > np.float32(value) for value in (0.3, 0.6)))


def test_warning_from_text_numbers_and_layers(step, chain, area, tmp_path):
    """Rain by halves, thresholds as text, landform and regions as layers: the map is the rule, cell by cell."""
    listener = Listener()
    p = read_band(chain["susceptibility"]).data
    low, high = (float(np.float32(value)) for value in np.nanquantile(p, [0.3, 0.7]))
    numbers = {"K_TABLE": "valley,0.0005", "K": "0.0008", "FS_CRITICAL": "0.5"}
    numbers |= {"P_LOW": repr(low), "P_HIGH": repr(high)}
    layers = {"ZONES": chain["zones"], "REGIONS": area / "regions.gpkg", **REGIONS}
    layers |= {"TOPOGRAPHY": area / "landform.gpkg", "TOPOGRAPHY_FIELD": "landform"}
    more = {"MORE_RAIN": [str(area / "precipitation.tif")], "OUTPUT_SAFETY_FACTOR": tmp_path / "fs.tif"}
    result = step("rainfallwarning", listener, **numbers, **layers, **more)
    factor, classes = read_band(tmp_path / "fs.tif").data, read_band(result["OUTPUT"]).data
    expected = np.select([np.isnan(p), ~(factor < 0.5), p < np.float32(low), p < np.float32(high)], [0, 1, 2, 3], 4)
    np.testing.assert_array_equal(classes, expected)
    assert {1, 2, 3, 4} <= set(np.unique(classes))
    west = (1 / factor - 1)[:, : SIZE // 2] / 0.0008
    assert 1150 < np.nanmin(west) < np.nanmax(west) < 2050, "twice the rain"
    assert result["WARNED_SHARE"] == pytest.approx((classes >= 3).sum() / (classes > 0).sum())
    assert result["HIGHEST_RAIN"] > 1900
    assert any("month or a year" in line for line in listener.warnings)
    assert [row["region"] for row in rows_of(result["OUTPUT_TABLE"])] == ["all"] * 6 + ["east"] * 6 + ["west"] * 6


def test_validation_gives_report_table_points_and_numbers(step, chain, area, tmp_path):
    layers = {"ZONES": chain["zones"], "WINDOWS": chain["windows"], "REGIONS": area / "regions.gpkg", **REGIONS}
    output = tmp_path / "points.gpkg"
    result = step("validatewithpoints", DISTANCE=150, REPEATS=20, SEED=5, OUTPUT_POINTS=output, **layers)
    assert 0 <= result["AUC"] <= 1 and 0 <= result["RECALL"] <= 1
    rows = rows_of(result["OUTPUT_TABLE"])
    of_all = {row["measure"]: row["value"] for row in rows if row["scope"] == "all"}
    if float(of_all["independent_blocks"]) < MIN_INTERVAL_BLOCKS:
        assert math.isnan(result["AUC_LOW"]) and math.isnan(result["AUC_HIGH"])
    else:
        assert 0 <= result["AUC_LOW"] <= result["AUC"] <= result["AUC_HIGH"] <= 1
    assert -1 <= result["KAPPA"] <= 1
    points = QgsVectorLayer(str(output), "")
    assert values_of(points, "kind") == {"landslide", "stable"}
    outcomes = {"landslide": ("miss", "hit"), "stable": ("correct_rejection", "false_alarm")}
    for row in points.getFeatures():
        assert row["outcome"] == outcomes[row["kind"]][row["susceptibility"] >= 0.5]
    assert FIGURE in text(result["OUTPUT_HTML"])
    assert {"all", "region: west"} <= {row["scope"] for row in rows}


def test_check_factors(step, chain):
    result = step("checkfactors", LABELS=chain["labels"])
    assert len(rows_of(result["OUTPUT_TABLE"])) == result["ERRORS"] + result["WARNINGS"] + result["NOTES"]


def test_temporary_outputs(step):
    result = step("classifyzones", OUTPUT="TEMPORARY_OUTPUT")
    assert result["OUTPUT"].endswith(".tif") and len(np.unique(read_band(result["OUTPUT"]).compressed())) == 5
    folder = step("createdemodata", SIZE=80, REGIONS=1, OUTPUT="TEMPORARY_OUTPUT")["OUTPUT"]
    assert (Path(folder) / "dem.tif").is_file()


@pytest.mark.parametrize(
    "place", ["points.shp", "ogr:dbname='{folder}/many.gpkg' table=\"points\" (geom)", "a b é/滑坡.gpkg"]
)
def test_vector_outputs_go_where_processing_can_write(step, tmp_path, place):
    (tmp_path / "a b é").mkdir()
    given = place.format(folder=tmp_path) if place.startswith("ogr:") else str(tmp_path / place)
    result = step("validatewithpoints", DISTANCE=150, REPEATS=1, OUTPUT_POINTS=given)
    assert QgsVectorLayer(result["OUTPUT_POINTS"], "points").featureCount() > 50


def test_comparison_of_maps_of_other_cells_crs_and_values(step, chain, area, tmp_path):
    """The model's map, the heights in 120 m cells and the map in degrees; points in degrees, numbers as text."""
    first, names = chain["susceptibility"], ["model", "heights, 120 m", "model in degrees"]
    coarse, degrees = tmp_path / "coarse.tif", tmp_path / "degrees.tif"
    for options, source, target in (("-tr 120 120", area / "dem.tif", coarse), ("-t_srs EPSG:4326", first, degrees)):
        subprocess.run(["gdalwarp", "-q", *options.split(), str(source), str(target)], check=True)
    rows = [(shape, []) for shape in shapes_in_degrees(area / "landslides.gpkg")]
    layers = {"LANDSLIDES": memory_layer("Point", "", rows, crs="EPSG:4326"), "WINDOWS": chain["windows"]}
    layers |= {"SUSCEPTIBILITY": [str(first), str(coarse), str(degrees)], "REGIONS": area / "regions.gpkg", **REGIONS}
    numbers = {"DISTANCE": "100", "REPEATS": "20", "SEED": "3", "OUTPUT_DIFFERENCE": tmp_path / "difference.tif"}
    result = step("comparemodels", NAMES=names, **layers, **numbers)
    keys = ("scope", "map", "other", "measure")
    found = {tuple(row[key] for key in keys): row["value"] for row in rows_of(result["OUTPUT_TABLE"])}
    assert float(found["all", "model", "model in degrees", "spearman"]) > 0.95
    aucs = {name: float(found["all", name, "", "auc"]) for name in names}
    assert result["BEST"] == max(aucs, key=aucs.get) and result["AUC"] == pytest.approx(aucs[result["BEST"]])
    blocks = float(found["all", "model", "", "independent_blocks"])
    assert 0 <= result["P"] <= 1 if blocks >= MIN_BLOCKS else "P" not in result
    assert result["LEAD"] >= 0 and ("region: east", "model", "", "auc") in found
    assert ("all", "heights, 120 m", "", "recall") not in found
    with rasterio.open(tmp_path / "difference.tif") as difference:
        assert (difference.shape, difference.descriptions) == (read_band(first).shape, ("difference of ranks",))
    outputs = [result[name] for name in ("OUTPUT_HTML", "OUTPUT_TABLE", "OUTPUT_DIFFERENCE")]
    assert all(Path(f"{path}.run.json").exists() for path in outputs)


def test_explain_susceptibility(step, area, tmp_path):
    """Numbers as text, the area as a memory layer in degrees; the map of dominant factors has names and colours."""
    west = memory_layer("Polygon", "", [(shapes_in_degrees(area / "regions.gpkg")[0], [])], crs="EPSG:4326")
    numbers = {"BLOCK": "450", "REPEATS": "2", "REFERENCES": "2", "SEED": "3"}
    result = step("explainsusceptibility", AREA=west, OUTPUT_LEADING=tmp_path / "leading.tif", **numbers)
    assert 0 <= result["AUC"] <= 1
    assert result["BLOCKS_USED"] >= 20
    rows = rows_of(result["OUTPUT_TABLE"])
    assert {row["part"] for row in rows} >= {"map", "importance", "response", "observed", "plausibility", "leading"}
    assert {row["factor"] for row in rows if row["part"] == "leading"} == set(FACTORS)
    with rasterio.open(tmp_path / "leading.tif") as leading:
        found = leading.read(1)
        assert (leading.nodata, leading.colormap(1)[1]) == (0, (230, 159, 0, 255))
    assert (found[:, : SIZE // 2 - 2] > 0).mean() > 0.9 and not found[:, SIZE // 2 + 2 :].any()
    layer = QgsRasterLayer(str(tmp_path / "leading.tif"), "leading")
    assert (layer.renderer().type(), layer.renderer().classes()[0].label) == ("paletted", "Slope gradient")
    outputs = [result[name] for name in ("OUTPUT_HTML", "OUTPUT_TABLE", "OUTPUT_LEADING")]
    assert all(Path(f"{path}.run.json").exists() for path in outputs)


def train(step, chain, tmp_path, **parameters):
    """Train, and return the log and the settings as used."""
    log = Listener()
    step("trainpcum", log, SAFETY_FACTOR=chain["safety"], OUTPUT=tmp_path / "model.safetensors", **parameters)
    return log, record_of(tmp_path / "model.safetensors")["settings_used"]


@pytest.mark.parametrize("augment", [None, True, False])
def test_the_preset_paper_gives_what_is_left_empty(step, chain, tmp_path, augment):
    given = {**TRAINING, "EPOCHS": 1} if augment is None else {**TRAINING, "EPOCHS": 1, "AUGMENT": augment}
    log, used = train(step, chain, tmp_path, PRESET="paper", **given)
    paper = {"encoding": "codes", "split": "random", "learning_rate": 1e-4, "physics": "indicator"}
    paper |= {"weight_landslide": 5, "weight_stable": 1}
    given = {"epochs": 1, "width": TRAINING["WIDTH"], "window": TRAINING["WINDOW"], "augment": bool(augment)}
    assert {**used, **paper, **given} == used
    assert ("AUGMENT=true was given and overrides the preset's false." in log.lines) is bool(augment)
    assert "EPOCHS=1 was given and overrides the preset's 1000." in log.lines
    (settings,) = (line for line in log.lines if line.startswith("Settings: "))
    assert "ENCODING codes" in settings and "LEARNING_RATE 0.0001" in settings


def test_empty_values_are_the_presets(step, chain, tmp_path):
    """As a dialog hands them on: every parameter is there, the empty ones as None."""
    empty = dict.fromkeys(("PHYSICS", "LAMBDA", "SPLIT", "LEARNING_RATE", "ENCODING", "DROPOUT", "WEIGHT_STABLE"))
    log, used = train(step, chain, tmp_path, PRESET="recommended", AUGMENT=True, **empty, **TRAINING)
    assert (used["physics"], used["split"], used["encoding"]) == ("hinge", "spatial_blocks", "one_hot")
    assert not [line for line in log.lines if line.startswith("AUGMENT")]


def test_a_model_is_fine_tuned(step, chain, tmp_path):
    given = {name: value for name, value in TRAINING.items() if name not in ("WIDTH", "DEPTH")}
    _, used = train(step, chain, tmp_path, START_FROM=str(chain["model"]), **given)
    assert used["width"] == TRAINING["WIDTH"]
    assert used["learning_rate"] == pytest.approx(default("learning_rate") / 10)
    model = load_model(tmp_path / "model.safetensors")
    assert model.training["start_from"] == {"name": "model.safetensors", "sha256": sha256(chain["model"])}
    assert model.factors == load_model(chain["model"]).factors
