"""Settings that follow the data: values for small and large areas, their record, and advice where a given one fails."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from scarp.model.artifact import load_model
from scarp.model.errors import ParameterInvalid, TooFewData
from scarp.model.explanation.settings import ExplanationInputs, ExplanationOptions
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.automatic_values import automatic_values as values_for_dialogs
from scarp.model.jobs.explain_susceptibility import explain_susceptibility
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.labels.settings import LabelOptions
from scarp.model.options import automatic_values
from scarp.model.outputs.run_record import RunRecord
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training import automatic
from scarp.model.training.settings import TrainingSettings, settings_of_kind
from scarp.model.validation.preparation import complete_options
from scarp.model.validation.settings import EvaluationOptions
from scarp.model.windows.split import Blocks, assign_blocks, make_folds, open_training_rasters
from scarp.tests.core.conftest import Listener, build_buffered_labels, utm_grid, write_raster, write_stack

QUIET = NullProgress()


def layout(kilometres, cell, landslides, radius=0.0, clusters=0, seed=1):
    """Landslides at random, or in so many clusters, in a square of labelled land."""
    side = round(1000 * kilometres / cell)
    generator = np.random.default_rng(seed)
    places = generator.integers(0, side, (landslides, 2))
    if clusters:
        centres = generator.integers(side // 8, 7 * side // 8, (clusters, 2))
        places = centres[generator.integers(0, clusters, landslides)] + generator.integers(-3, 4, (landslides, 2))
    places = np.clip(places, 0, side - 1)
    return automatic.Layout(utm_grid(side, side, cell), *places.T, side**2, radius, radius)


AREAS = [(1, 100, 12), (1, 5, 12), (2, 10, 20), (2, 30, 100), (20, 28.6, 2800), (20, 90, 18), (900, 100, 100_000)]


@pytest.mark.parametrize("needed", (2, 3, 10))
@pytest.mark.parametrize("clusters", (0, 12))
@pytest.mark.parametrize(("kilometres", "cell", "landslides"), AREAS)
def test_blocks_of_any_area_hold_enough_landslides(kilometres, cell, landslides, clusters, needed):
    found = layout(kilometres, cell, landslides, 1.5 * cell, clusters)
    side = found.block(needed, 0.0, QUIET)
    needed = needed if kilometres > 1 else min(needed, 3)
    assert found.holding(side) >= needed and 3 * cell <= side <= max(5000, 80 * cell)
    blocks = Blocks.for_grid(found.grid, side)
    counts = np.zeros(blocks.shape, dtype=np.int64)
    np.add.at(counts, (found.rows // blocks.rows, found.columns // blocks.columns), 1)
    assert (counts > 0).sum() == found.holding(side)
    assign_blocks(counts, np.maximum(counts, 1), [1 / needed] * needed, 1)
    if needed > 2:
        assert make_folds(blocks, counts, np.maximum(counts, 1), needed, 1).count == needed
    buffer, window = found.buffer(side), found.window(side, 1)
    assert 0 <= buffer <= side / 4 and found.holding(side, buffer) >= min(found.holding(side), 2 * found.folds)
    assert 4 * cell <= window <= max(side / 3 + cell, 4 * cell) and window <= 26 * cell + 1


def test_blocks_are_wider_than_landslides_where_land_allows():
    found = layout(40, 30, 500, radius=600.0)
    assert found.block(3, 0.0, QUIET) >= 1200 and found.block(3, 3000.0, QUIET) >= 3000
    assert found.buffer(4000.0) == 600 and found.buffer(1200.0) == 300


def test_a_single_cluster_says_what_is_missing():
    with pytest.raises(TooFewData, match="so close together that only one block of .* more landslides, or of a larger"):
        automatic.Layout(utm_grid(400, 400, 10.0), *np.full((2, 30), 205), 160_000, 0.0, 0.0).block(2, 0.0, QUIET)


def test_folds_are_fewer_where_few_blocks_hold_landslides():
    assert [automatic.number_of_folds(np.arange(9) < count) for count in (3, 4, 5, 9)] == [3, 4, 5, 5]


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """Twenty landslides on 4 km², with discs of one cell and rings."""
    folder, grid = tmp_path_factory.mktemp("area"), utm_grid(100, 100, 20.0)
    generator = np.random.default_rng(4)
    values = generator.normal(0, 1, (2, 100, 100)).astype(np.float32)
    write_stack(folder / "stack.tif", values, [StackFactor(name, "continuous") for name in ("slope", "relief")], grid)
    x, y = grid.transform * (generator.uniform(5, 95, (2, 20)))
    points = Points("slides", xy=np.stack([x, y], axis=1))
    files = points, folder / "stack.tif", folder / "labels.tif"
    build_buffered_labels(*files, radii={"unrecorded": 30.0}, ring=70.0)
    return folder


def train(folder, kind="logistic_regression", name="m", log=QUIET, **given):
    files = folder / "stack.tif", folder / "labels.tif", folder / f"{name}.safetensors"
    settings = settings_of_kind(kind, "windows", given)
    return train_comparison_model(kind, *files, settings=settings, progress=log)


def test_chosen_values_stand_in_log_record_and_model(area):
    log = Listener()
    used = train(area, log=log).settings
    record = json.loads((area / "m.safetensors.run.json").read_text())
    assert record["automatic"] == {
        "BLOCK": used.block,
        "BUFFER": used.buffer,
        "WEIGHT_LANDSLIDE": used.weight_landslide,
    }
    assert record["parameters"]["BLOCK"] is None and record["settings_used"]["block"] == used.block
    model = load_model(area / "m.safetensors")
    assert model.training["automatic"] == record["automatic"] and model.settings["block"] == used.block
    for name, value in record["automatic"].items():
        assert any(text.startswith(f"{name} is automatic: {value:g}") for text in log.texts)


def test_the_same_values_typed_give_the_same_model(area):
    found = train(area, "gam", "free")
    given = {name: getattr(found.settings, name) for name in ("block", "buffer", "weight_landslide")}
    again = train(area, "gam", "typed", **given)
    assert found.metrics == again.metrics and automatic_values(again.settings, found.settings) == {}


@pytest.mark.parametrize("given", ({"block": 1e5}, {"buffer": 1e5}, {"window": 1800.0}))
def test_an_error_about_a_given_value_names_one_that_works(area, given):
    kind, name = "unet" if "window" in given else "logistic_regression", next(iter(given))
    with pytest.raises((TooFewData, ParameterInvalid), match=rf"{name.upper()}=[\d.]+ .*would do") as caught:
        train(area, kind, "no", **given, block=400.0) if name != "block" else train(area, kind, "no", **given)
    number = float(str(caught.value).partition(f"{name.upper()}=")[2].split()[0])
    assert number == getattr(complete(area, kind, **({} if name == "block" else {"block": 400.0})), name)


def complete(folder, kind, **given):
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        return automatic.complete(settings_of_kind(kind, "windows", given), kind, [rasters], QUIET)


def test_settings_that_are_not_used_stay_empty(area):
    assert complete(area, "unet", split="random").block is None and complete(area, "gam").window is None
    assert complete(area, "unet", block=700.0, window=200.0, buffer=5.0) == settings_of_kind(
        "unet", "windows", {"block": 700.0, "window": 200.0, "buffer": 5.0}
    )
    assert TrainingSettings().weight_landslide is None


def test_stable_points_keep_off_the_ring_of_the_labels(area, tmp_path):
    map_, model = tmp_path / "map.tif", tmp_path / "model.safetensors"
    write_raster(map_, np.zeros((100, 100), np.float32), utm_grid(100, 100, 20.0), nodata=-1)
    grid, options = Grid.from_file(map_, "map"), EvaluationOptions()
    assert complete_options(options, [map_], grid, QUIET).distance == 40
    model.write_text("a model")
    RunRecord("trainpcum", {}, {"LABELS": area / "labels.tif"}).write({"OUTPUT": model})
    RunRecord("predictsusceptibility", {}, {"MODEL": model}).write({"OUTPUT": map_})
    log = Listener()
    found = complete_options(options, [map_], grid, log)
    with rasterio.open(area / "labels.tif") as dataset:
        reach = float(dataset.tags(ns="SCARP_LANDSLIDES")["RING"])
    assert found.distance == reach == 70 and "DISTANCE is automatic: 70 m" in log.texts[0]
    assert complete_options(EvaluationOptions(distance=5.0), [map_], grid, QUIET).distance == 5


def test_values_for_the_dialogs_of_labels_and_explanations_are_those_of_the_run(area, tmp_path):
    labels = area / "labels.tif"
    for asked, expected in (
        (LabelOptions(), "40 m"),
        (LabelOptions(scale_field="size"), "40 m beyond the radius"),
        (LabelOptions(radii={"unrecorded": 30.0}), "40 m beyond the radius"),
        (LabelOptions(preset="paper"), 0.0),
    ):
        assert values_for_dialogs(asked, [labels], progress=QUIET) == {"RING": expected}
    assert values_for_dialogs(LabelOptions(ring=5.0), [labels], progress=QUIET) == {}
    train(area, name="explained")
    model, table = area / "explained.safetensors", tmp_path / "table.csv"
    found = values_for_dialogs(ExplanationOptions(), [labels, model], progress=QUIET)
    inputs, options = (
        ExplanationInputs(area / "stack.tif", model, labels, None),
        ExplanationOptions(blocks=10, repeats=2),
    )
    explain_susceptibility(inputs, options, output_table=table, progress=QUIET)
    assert found == json.loads((tmp_path / "table.csv.run.json").read_text())["automatic"] and found["BLOCK"] > 0
    assert values_for_dialogs(ExplanationOptions(block=500.0), [labels, model], progress=QUIET) == {}
