"""PHYSICS=stability: soft labels on land without labels, TARGET, and the weight that land left out chooses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from sklearn.metrics import roc_auc_score

from scarp.model.artifact import load_model
from scarp.model.errors import FactorMissing, GridMismatch, ParameterInvalid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.jobs.stability import with_stability
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.progress import NullProgress
from scarp.model.safety.infinite_slope import factor_of_safety
from scarp.model.safety.kinds import FACTOR_OF_SAFETY, RAIN_INDEX
from scarp.model.safety.usual_soil import usual_factor_of_safety
from scarp.model.stack import StackFactor
from scarp.model.training import additive_fit, cross_fitted, land_physics, pointwise_fit
from scarp.model.training.cross_fitted import FitInputs
from scarp.model.training.settings import CrossValidationOptions, preset_settings
from scarp.model.training.target import collect_target
from scarp.model.windows.folded_cells import collect_folded_cells
from scarp.model.windows.split import open_training_rasters
from scarp.tests.core.conftest import Listener, box, read_band, utm_grid, write_raster, write_stack
from scarp.tests.core.cross_fitting import CELL, GRID, SIZE, train, write_slides
from scarp.tests.core.prediction_models import predict

FACTORS = [
    StackFactor("slope", "continuous", "degrees", "Slope"),
    StackFactor("elevation", "continuous", "m"),
    StackFactor("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}),
]


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))
        yield


def land(folder, seed, upwards, base, landslides=60, east=SIZE, grid=GRID):
    """A stack and labels of discs; slopes fail by their angle, and where ``upwards`` says also by elevation.

    Land east of a column has no labels. Return the points and the logit by which they were drawn.
    """
    generator = np.random.default_rng(seed)
    rough = generator.normal(0, 1, (2, SIZE // 4, SIZE // 4)).repeat(4, 1).repeat(4, 2)
    rock = generator.integers(1, 4, (SIZE // 10, SIZE // 10)).repeat(10, 0).repeat(10, 1)
    slope = np.clip(25 + base + 8 * rough[0] + generator.normal(0, 1, rock.shape), 0, 60)
    values = np.stack([slope, 1000 + 50 * base + 200 * rough[1], rock]).astype(np.float32)
    logit = 1.0 * rough[0] + upwards * 2.5 * rough[1]
    odds = np.exp(logit) * (np.arange(SIZE) < east)
    folder.mkdir(exist_ok=True)
    write_stack(folder / "stack.tif", values, FACTORS, grid)
    return write_slides(folder, odds, landslides, generator, grid=grid, east=east), logit


@pytest.fixture(scope="module")
def areas(tmp_path_factory):
    """An area where landslides lie high up, and one where they lie low, both on steep slopes."""
    folder = tmp_path_factory.mktemp("areas")
    home = land(folder / "home", 3, 1.0, 0.0)
    away = land(folder / "away", 4, -0.3, 3.0)
    return folder, home, away


def auc_of_map(path, labels):
    known, found = read_band(labels), read_band(path)
    some = np.isfinite(found)
    return roc_auc_score(known[some] == 1, found[some])


def test_the_usual_factor_of_safety_is_that_of_the_infinite_slope():
    slope = np.array([10.0, 30.0, 45.0])
    names, width = ["slope", "contributing_area", "wetness_index"], np.full(3, 10.0)
    area = np.array([200.0, 5000.0, 100.0])
    wetness = np.log(area / 10.0 / np.tan(np.radians(slope)))
    values = np.stack([slope, np.log10(area), wetness], axis=1)
    found, source = usual_factor_of_safety(values, names, width)
    by_index, other = usual_factor_of_safety(values[:, [0, 2]], [names[0], names[2]], width)
    dry, none = usual_factor_of_safety(values[:, :1], names[:1], width)
    assert "contributing_area" in source and "wetness_index" in other and "half saturated" in none
    assert np.allclose(found, by_index, rtol=1e-5) and (np.diff(dry) < 0).all()
    # The ranges by brute force.
    generator = np.random.default_rng(3)
    cohesion, friction = generator.uniform(0, 5, 100_000), generator.uniform(30, 45, 100_000)
    drawn = factor_of_safety(30.0, 1.0, cohesion, friction, 20.0, 0.5)
    assert np.isclose(dry[1], np.exp(np.log(drawn).mean()), rtol=0.01)
    with pytest.raises(ParameterInvalid, match="no slope to compute it from"):
        usual_factor_of_safety(values[:, 1:], names[1:], width)


def test_physics_on_the_target_raises_the_auc_there(areas, tmp_path):
    folder, _, _ = areas
    home, away = folder / "home", folder / "away"
    log, found = Listener(), {}
    plain = train(home, "none.safetensors", block=200.0, physics="none")
    assert "physics_weight" not in plain.metrics
    given = {"physics": "stability", "target": away / "stack.tif"}
    result = train(home, "physics.safetensors", log, report=True, block=200.0, **given)
    for name in ("none", "physics"):
        predict(away / "stack.tif", [home / f"{name}.safetensors"], tmp_path / f"{name}.tif")
        found[name] = auc_of_map(tmp_path / f"{name}.tif", away / "labels.tif")
    assert found["physics"] > found["none"] + 0.1 and found["physics"] > 0.65
    choice = load_model(home / "physics.safetensors").training["choice"]
    assert choice["steps"] == 0 and choice["land"]["is_target"] and choice["land"]["weight"] == 10
    assert result.metrics["physics_weight"] == 10 and 0 <= result.metrics["violation_rate_unlabelled"] <= 1
    assert result.metrics["violation_rate"] is not None and result.settings.fs_critical == 1.0
    assert any("is computed from the factor slope" in text for text in log.texts)
    assert any("Slope stability on TARGET, with λ = 10" in text for text in log.texts)
    assert "stability +" in (home / "physics.safetensors.html").read_text()


def test_a_target_is_matched_by_names_and_labels(areas, tmp_path):
    folder, _, _ = areas
    with rasterio.open(folder / "away" / "stack.tif") as dataset:
        slope, elevation, rock = dataset.read()
    codes = np.array([0, 7, 2, 9], dtype=np.float32)[rock.astype(int)]
    extra = StackFactor("aspect", "categorical", classes={1: "N"})
    swapped = [
        dataclasses.replace(FACTORS[2], classes={7: "Granite", 2: "schist", 9: "marl"}),
        extra,
        FACTORS[1],
        FACTORS[0],
    ]
    write_stack(tmp_path / "swapped.tif", np.stack([codes, np.ones_like(rock), elevation, slope]), swapped, GRID)
    log = Listener()
    with open_training_rasters(folder / "home" / "stack.tif", folder / "home" / "labels.tif") as rasters:
        cells = collect_folded_cells([rasters], 200.0, None, 1, NullProgress())
    given = FACTORS, CELL, cells, 5, log
    plain = collect_target(folder / "away" / "stack.tif", None, *given)
    found = collect_target(tmp_path / "swapped.tif", None, *given)
    assert np.array_equal(found.values[:, :2], plain.values[:, :2]) and len(found) == 8000
    assert np.array_equal(found.values[:, 2], np.where(plain.values[:, 2] == 3, -1, plain.values[:, 2]))
    assert any("does not have: marl" in text for text in log.texts)
    assert found.counts.sum() == pytest.approx(SIZE**2) and found.is_target and found.roles.all()
    with pytest.raises(FactorMissing, match="has no relief"):
        collect_target(folder / "away" / "stack.tif", None, [*FACTORS, StackFactor("relief", "continuous")], *given[1:])
    with pytest.raises(ParameterInvalid, match="is categorical in STACK but continuous in TARGET"):
        collect_target(tmp_path / "swapped.tif", None, [StackFactor("slope", "categorical")], *given[1:])
    write_raster(tmp_path / "small.tif", np.ones((20, 20), np.float32), utm_grid(20, 20, CELL))
    with pytest.raises(GridMismatch):
        collect_target(folder / "away" / "stack.tif", tmp_path / "small.tif", *given)


def test_areas_that_are_left_out_choose_the_weight_on_a_target(areas, tmp_path):
    folder, _, _ = areas
    east = dataclasses.replace(GRID, transform=GRID.transform * Affine.translation(3 * SIZE, 0))
    land(tmp_path / "more", 8, -0.8, -3.0, grid=east)
    stacks, labels = (
        [path / f"{name}.tif" for path in (folder / "home", tmp_path / "more")] for name in ("stack", "labels")
    )
    settings = preset_settings("recommended", {"physics": "stability", "block": 200.0})
    given = {"settings": settings, "target": folder / "away" / "stack.tif", "progress": NullProgress()}
    more = {"more_stacks": stacks[1:], "more_labels": labels[1:]}
    train_pcum(stacks[0], labels[0], tmp_path / "m.safetensors", **more, **given)
    found = load_model(tmp_path / "m.safetensors").training["choice"]["land"]
    assert found["of_areas"] and found["parts"] == 2 and found["is_target"]
    assert [row[0] for row in found["tried"]] == list(land_physics.TARGET_WEIGHTS)
    # What the areas have in common is the slope, so the rule counts for much.
    assert found["weight"] >= 3 and found["rule_alone"] > 0.6


def inputs_of(folder, **given):
    """Inputs of a fit on one area with land without labels."""
    settings = preset_settings("recommended", {"physics": "stability", **given})
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        cells = collect_folded_cells([rasters], 150.0, None, 1, NullProgress())
        found = with_stability([rasters], cells, settings, None, None, NullProgress())
    return FitInputs(found[0], FACTORS, settings, unlabelled=found[1], left_out=found[2])


def test_no_weight_is_no_physics(tmp_path):
    land(tmp_path, 5, 0.5, 0.0, east=70)
    inputs = inputs_of(tmp_path, lambda_=0.0)
    without = dataclasses.replace(inputs, unlabelled=None)
    found, plain = (cross_fitted.fit_cross_fitted(one, NullProgress()) for one in (inputs, without))
    assert np.array_equal(found.out_of_fold, plain.out_of_fold, equal_nan=True)
    assert np.array_equal(found.on_training, plain.on_training)
    strong = dataclasses.replace(inputs, settings=dataclasses.replace(inputs.settings, lambda_=5.0))
    assert not np.allclose(cross_fitted.fit_cross_fitted(strong, NullProgress()).on_training, plain.on_training)


def test_a_fold_does_not_learn_from_the_land_that_it_holds_out(tmp_path):
    land(tmp_path, 5, 0.5, 0.0, east=70)
    inputs = inputs_of(tmp_path)
    cells, unlabelled = inputs.cells, inputs.unlabelled
    assert not unlabelled.is_target and 0 < unlabelled.roles.mean() < 1
    # Ring cells of a block that is held out, and no cell of land without labels beside it.
    labels = read_band(tmp_path / "labels.tif")
    assert unlabelled.counts.sum() == pytest.approx((labels == 255).sum())
    assert (unlabelled.roles.sum(axis=0) >= len(cells.roles) - 1).all()


def test_land_left_out_chooses_the_weight(tmp_path):
    land(tmp_path, 6, 0.0, 0.0, landslides=80)
    inputs = inputs_of(tmp_path)
    assert len(inputs.left_out) == 4
    row, column = inputs.cells.places // SIZE, inputs.cells.places % SIZE
    seen = np.zeros(len(row), dtype=int)
    for training, left in inputs.left_out:
        seen += left
        assert not (training & left).any() and training.any()
        gap = max(abs(row[training][:, None] - row[left]).min(), abs(column[training][:, None] - column[left]).min())
        distance = np.maximum(
            abs(row[training][::7, None] - row[left][::7]), abs(column[training][::7, None] - column[left][::7])
        )
        assert gap >= 0 and distance.min() > 10
    assert (seen <= 1).all() and seen.mean() > 0.9
    land_choice = cross_fitted.fit_cross_fitted(inputs, NullProgress()).choice.land
    weights = [row[0] for row in land_choice["tried"]]
    assert weights == list(land_physics.OWN_WEIGHTS) and land_choice["weight"] in weights and land_choice["parts"] == 4
    assert land_choice["weight"] == min(land_choice["tried"], key=lambda row: row[1])[0]
    assert land_choice["rule_alone"] > 0.6
    few = dataclasses.replace(inputs, left_out=())
    assert cross_fitted.fit_cross_fitted(few, NullProgress()).choice.land["weight"] == pytest.approx(15 / 80, rel=0.05)


def test_the_network_learns_soft_labels_too(tmp_path, monkeypatch):
    land(tmp_path, 5, 0.5, 0.0, east=70)
    monkeypatch.setattr(pointwise_fit, "_best", lambda tried: (int(tried[-1][0]), tried[-1][1], tried))
    monkeypatch.setattr(pointwise_fit, "CHECKPOINTS", (200,))
    losses = {}
    for weight in (0.0, 20.0):
        inputs = inputs_of(tmp_path, lambda_=weight)
        fit = cross_fitted.fit_cross_fitted(inputs, NullProgress())
        network = fit.fitted.network
        rows = fit.problem.soft
        with torch.inference_mode():
            added = network.residual(torch.from_numpy(rows.image.T[None, :, :, None].copy()))[0, 0, :, 0].numpy()
        additive = additive_fit.read_curves(network.curves)[0].logit(rows.columns)
        logit, labels = additive + added, rows.labels[-1]
        losses[weight] = np.average(np.logaddexp(0, logit) - labels * logit, weights=rows.shares[-1])
    assert losses[20.0] < losses[0.0] - 0.01


def test_a_checkpoint_of_another_target_is_refused(areas, tmp_path):
    home, away = areas[0] / "home", areas[0] / "away"
    given = {"physics": "stability", "checkpoint": tmp_path / "state", "block": 200.0}
    first = train(home, "a.safetensors", target=away / "stack.tif", **given)
    again = train(home, "b.safetensors", target=away / "stack.tif", **given)
    assert first.sha256 == again.sha256
    with pytest.raises(ParameterInvalid, match="other data or settings"):
        train(home, "c.safetensors", target=home / "stack.tif", **given)


def test_a_model_is_fine_tuned_with_a_target(areas):
    home, away = areas[0] / "home", areas[0] / "away"
    train(away, "start.safetensors", block=200.0, physics="none")
    start = away / "start.safetensors"
    result = train(home, "t.safetensors", start_from=start, block=200.0, physics="stability", target=away / "stack.tif")
    assert result.metrics["physics_weight"] == 10 and result.metrics["auc"] > 0.5


def test_a_rain_index_is_refused(areas, tmp_path):
    home, away = areas[0] / "home", areas[0] / "away"
    index = np.random.default_rng(1).random((SIZE, SIZE)).astype(np.float32)
    for name, values, description in (("rain", index, RAIN_INDEX), ("low", index, ""), ("fs", 3 * index, "")):
        write_raster(tmp_path / f"{name}.tif", values, GRID, nodata=np.nan)
        with rasterio.open(tmp_path / f"{name}.tif", "r+") as dataset:
            dataset.set_band_description(1, description)
    given = {"block": 200.0, "physics": "stability", "target": away / "stack.tif"}
    for name, text in (("rain", "is a rain index"), ("low", "stable slopes have more than 1")):
        with pytest.raises(ParameterInvalid, match=text):
            train(home, "r.safetensors", safety_factor=tmp_path / f"{name}.tif", **given)
    with pytest.raises(ParameterInvalid, match="TARGET_SAFETY_FACTOR is none"):
        own = {"safety_factor": tmp_path / "fs.tif", "target_safety_factor": tmp_path / "low.tif"}
        train(home, "r.safetensors", **own, **given)
    log = Listener()
    train(home, "r.safetensors", log, safety_factor=tmp_path / "fs.tif", **given)
    assert any("better give both, or neither" in text for text in log.warnings)
    assert FACTOR_OF_SAFETY == "factor of safety"


@pytest.mark.parametrize(
    ("given", "text"),
    (
        ({"physics": "none", "target": True}, "PHYSICS=stability learns from it, but PHYSICS is none"),
        ({"target": True}, "but PHYSICS is hinge"),
        ({"physics": "stability", "window": 300.0}, "needs PRESET=recommended"),
        ({"physics": "stability", "depth": 1}, "cannot be used with DEPTH"),
        ({"physics": "stability", "ensemble": "gradient_boosting"}, "cannot be used with ENSEMBLE"),
        ({"physics": "stability", "target_safety_factor": True}, "TARGET, which is empty"),
    ),
)
def test_what_does_not_fit_is_refused(areas, given, text):
    paths = {name: areas[0] / "away" / "stack.tif" for name, value in given.items() if value is True}
    with pytest.raises(ParameterInvalid, match=text):
        train(areas[0] / "home", "x.safetensors", block=200.0, **{**given, **paths})


def test_without_land_there_is_nothing_to_learn_from(tmp_path):
    land(tmp_path, 7, 0.0, 0.0)
    labels = read_band(tmp_path / "labels.tif")
    write_raster(tmp_path / "labels.tif", np.where(labels == 1, 1, 0).astype(np.uint8), GRID, nodata=255)
    log = Listener()
    result = train(tmp_path, "m.safetensors", log, block=200.0, physics="stability")
    assert any("PHYSICS=stability has no effect" in text for text in log.warnings)
    assert "physics_weight" not in result.metrics and result.metrics["violation_rate"] is not None


OPTIONS = CrossValidationOptions("pcum", folds=3, random_split=False, processes=1)


def test_an_area_that_is_left_out_is_the_target(areas, tmp_path, monkeypatch):
    folder, (xy, _), _ = areas
    seen = []
    original = land_physics.LandPhysics.__init__

    def remember(self, problem, cells, unlabelled, *rest):
        seen.append((unlabelled.is_target, len(cells.lands), float(unlabelled.values[:, 1].mean())))
        original(self, problem, cells, unlabelled, *rest)

    monkeypatch.setattr(land_physics.LandPhysics, "__init__", remember)
    east = dataclasses.replace(GRID, transform=GRID.transform * Affine.translation(3 * SIZE, 0))
    land(tmp_path / "more", 8, -0.8, -3.0, grid=east)
    files = folder / "home" / "stack.tif", folder / "home" / "labels.tif", Points("slides", xy=xy), tmp_path / "map.tif"
    more = {f"more_{name}": [tmp_path / "more" / f"{name}.tif"] for name in ("stack", "labels")}
    more = {"more_stacks": more["more_stack"], "more_labels": more["more_labels"]}
    settings = preset_settings("recommended", {"physics": "stability", "block": 200.0})
    cross_validate(*files, **more, options=OPTIONS, settings=settings, progress=NullProgress())
    assert [one[:2] for one in seen] == [(True, 1), (True, 1)]
    # Without the first area it is the target, and the other way round.
    assert seen[0][2] == pytest.approx(1000, abs=20) and seen[1][2] == pytest.approx(850, abs=20)


def test_cross_validation_uses_a_region_as_the_target(areas, tmp_path, monkeypatch):
    folder, (xy, _), _ = areas
    seen = []
    original = land_physics.LandPhysics.__init__

    def remember(self, problem, cells, unlabelled, *rest):
        seen.append((unlabelled.is_target, len(unlabelled)))
        original(self, problem, cells, unlabelled, *rest)

    monkeypatch.setattr(land_physics.LandPhysics, "__init__", remember)
    left, bottom, right, top = GRID.bounds
    middle = (left + right) / 2
    halves = [box(left, bottom, middle, top), box(middle, bottom, right, top)]
    regions = Polygons("regions", geometries=halves)
    settings = preset_settings("recommended", {"physics": "stability", "block": 150.0, "seed": 3})
    options = OPTIONS
    files = folder / "home" / "stack.tif", folder / "home" / "labels.tif", Points("slides", xy=xy), tmp_path / "map.tif"
    given = {"options": options, "settings": settings, "progress": NullProgress()}
    result = cross_validate(*files, regions=regions, **given)
    assert [one for one, _ in seen] == [True, True] and result.auc > 0.4
    seen.clear()
    cross_validate(*files, **given)
    assert [one for one, _ in seen] == [False] * 3
