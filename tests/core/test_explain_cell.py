"""One place of a map: its numbers are those of the rasters and of the model, and what is gone is named."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

from scarp.model.artifact import load_model
from scarp.model.errors import InputMissing, ParameterInvalid
from scarp.model.explanation import cell as cells
from scarp.model.explanation.dominant_factor import BaselineInputs, shapley_contributions
from scarp.model.explanation.explained_model import ExplainedModel
from scarp.model.grid import Block
from scarp.model.jobs.explain_cell import FOUND, NO_DATA, OUTSIDE, explain_cell
from scarp.model.labels.discs import read_discs
from scarp.model.progress import NullProgress
from scarp.model.provenance.origin import elevation_of, map_origin
from scarp.model.stack import open_stack
from scarp.model.training import pointwise_fit
from scarp.model.zones.schemes import DEFAULT_ZONE_NAMES
from scarp.tests.core import prediction_models
from scarp.tests.core.conftest import classify_zones, write_raster
from scarp.tests.core.prediction_models import predict
from scarp.tests.core.test_cross_fitted import GRID, area, train


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An area with 80 landslides, a model of it, its map with errors and dissimilarity, and zones."""
    folder = tmp_path_factory.mktemp("study")
    area(folder, 80)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))
        train(folder, block=200.0)
    more = {"output_uncertainty": folder / "error.tif", "output_dissimilarity": folder / "index.tif"}
    predict(folder / "stack.tif", [folder / "model.safetensors"], folder / "map.tif", **more)
    classify_zones(folder / "map.tif", folder / "zones.tif")
    return folder


def ask(path, row=40, column=33, **more):
    x, y = GRID.transform * (column + 0.3, row + 0.6)
    return explain_cell(path, x, y, progress=NullProgress(), **more)


def at(path, row=40, column=33):
    with rasterio.open(path) as dataset:
        return dataset.read()[:, row, column].astype(float)


@pytest.mark.parametrize("name", ["map.tif", "zones.tif"])
def test_its_numbers_are_those_of_the_rasters(study, name):
    found = ask(study / name)
    assert found.state == FOUND and (found.x, found.y) == GRID.transform * (33.5, 40.5)
    (value,), (error, low, high), (index, auc) = (at(study / f"{one}.tif") for one in ("map", "error", "index"))
    assert found.susceptibility == pytest.approx(value)
    assert found.standard_error == pytest.approx(error, rel=1e-3)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-5), pytest.approx(high, rel=1e-5))
    assert found.likeness["dissimilarity"] == pytest.approx(index, abs=5e-3)
    assert found.likeness["expected_auc"] == pytest.approx(auc, abs=5e-3, nan_ok=True)
    with rasterio.open(study / "map.tif") as dataset:
        values = dataset.read(1)
    assert found.rank == pytest.approx((values[np.isfinite(values)] < value).mean(), abs=1e-3)
    assert found.zone == DEFAULT_ZONE_NAMES[int(at(study / "zones.tif")[0]) - 1]
    assert found.percentiles_of == "training" and found.trained_on == ""
    stack = dict(zip(("slope", "rain", "rock"), at(study / "stack.tif")))
    for factor in found.factors:
        assert factor.value == pytest.approx(next(value for value in stack.values() if np.isclose(value, factor.value)))


def test_contributions_add_up_to_the_difference_from_typical_land(study):
    found = ask(study / "map.tif")
    sizes = [abs(one.contribution) for one in found.factors]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 3
    assert sum(one.contribution for one in found.factors) == pytest.approx(found.difference, abs=1e-5)
    steep = max(range(5, 60), key=lambda row: at(study / "map.tif", row)[0])
    assert ask(study / "map.tif", steep).difference > 0


@pytest.mark.parametrize("kind", ["linear", "pointwise", "forest", "boosted", "splines", "tables", "parts_trees"])
def test_contributions_of_a_cell_are_those_of_the_map_of_dominant_factors(tmp_path, kind):
    raw = prediction_models.values(30, 40)
    path, model = prediction_models.stack(tmp_path / "s.tif", raw), prediction_models.model(kind)
    with open_stack(path) as stack:
        explained = ExplainedModel(stack, model, "m", NullProgress())
        land = cells.sample_land(explained, stack.grid, None)
        assert land.values.shape[1] == np.isfinite(raw).all(axis=0).sum()
        baselines = BaselineInputs(explained, land, 3, 1)
        row, column = np.argwhere(np.isfinite(raw).all(axis=0))[200]
        found, total = cells.contributions_of_cell(explained, row, column, baselines)
        wanted, sums = shapley_contributions(
            explained, explained.read(Block(row, column, 1, 1)), baselines, NullProgress()
        )
    assert found == pytest.approx(wanted[:, 0, 0], abs=1e-4) and total == pytest.approx(sums[0, 0], abs=1e-4)
    assert np.abs(found).max() > 0.01


@pytest.mark.parametrize("kind", ["unet1", "bpnn"])
def test_a_network_with_a_field_of_view_is_explained_with_its_surroundings(tmp_path, kind):
    raw = prediction_models.values(60, 80, ragged=False)
    path, model = prediction_models.stack(tmp_path / "s.tif", raw), prediction_models.model(kind)
    with open_stack(path) as stack:
        explained = ExplainedModel(stack, model, "m", NullProgress())
        baselines = cells.baselines_for(explained, cells.sample_land(explained, stack.grid, None))
        found, total = cells.contributions_of_cell(explained, 31, 47, baselines)
        assert found.sum() == pytest.approx(total, abs=1e-3) and math.isfinite(total)


def test_nearest_and_most_alike_landslides_are_those_of_all(study):
    found = ask(study / "map.tif")
    with rasterio.open(study / "labels.tif") as dataset:
        discs = read_discs(dataset, GRID)
    landslides = np.stack([discs.row, discs.column], axis=1) - 0.5
    assert [one.metres for one in found.nearest] == sorted(one.metres for one in found.nearest)
    cell = abs(GRID.transform.a)
    metres = cell * np.sqrt(((landslides - [40, 33]) ** 2).sum(axis=1)).min()
    assert found.nearest[0].metres == pytest.approx(metres, rel=0.01)
    one = found.nearest[0]
    east, north = one.x - found.x, one.y - found.y
    assert one.bearing == pytest.approx(np.degrees(np.arctan2(east, north)) % 360, abs=2)
    alike = [one.dissimilarity for one in found.alike]
    assert len(alike) == 3 and alike == sorted(alike) and alike[0] <= found.nearest[0].dissimilarity
    # A landslide of the training is like itself.
    x, y = found.alike[0].x, found.alike[0].y
    itself = explain_cell(study / "map.tif", x, y, progress=NullProgress())
    assert itself.label == "landslide" and itself.nearest[0].metres == pytest.approx(0, abs=1e-6)
    assert itself.alike[0].dissimilarity == pytest.approx(0, abs=1e-5)


def copied(study, folder, named):
    """Copy the study to a folder; its records name their files in the folder ``named``."""
    shutil.copytree(study, folder)
    # As JSON has them: Windows' paths have backslashes.
    before, after = (json.dumps(str(Path(place)), ensure_ascii=False)[1:-1] for place in (study, named))
    for record in folder.glob("*.run.json"):
        record.write_text(record.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    return folder


def test_outside_and_without_data_it_says_so(study):
    assert ask(study / "map.tif", -3).state == OUTSIDE
    found = ask(study / "map.tif", 1, 2)
    assert found.state == NO_DATA and math.isnan(found.susceptibility) and found.zone == ""
    assert any("Without data here" in note for note in found.notes)


def test_it_is_prepared_before_the_first_place(study):
    found = explain_cell(study / "zones.tif", progress=NullProgress())
    assert found.state == OUTSIDE and found.map == str(study / "map.tif") and found.factors == []


def test_a_folder_that_was_moved_still_answers(study, tmp_path):
    moved = copied(study, tmp_path / "moved", "/gone/for good")
    origin = map_origin(moved / "zones.tif")
    assert origin.stack == str(moved / "stack.tif") and origin.labels == str(moved / "labels.tif")
    found = ask(moved / "zones.tif")
    assert found.zone and len(found.factors) == 3 and found.nearest


@pytest.mark.parametrize("named", ["/home/us/for good/", "C:\\Users\\us\\for good\\"], ids=["posix", "windows"])
def test_a_folder_from_another_system_still_answers(study, tmp_path, named):
    moved = shutil.copytree(study, tmp_path / "moved")
    before, after = (json.dumps(place, ensure_ascii=False)[1:-1] for place in (f"{study}{os.sep}", named))
    for record in moved.glob("*.run.json"):
        record.write_text(record.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    origin = map_origin(moved / "zones.tif")
    assert origin.stack == str(moved / "stack.tif") and origin.labels == str(moved / "labels.tif")
    assert ask(moved / "zones.tif").factors


def test_what_is_gone_is_named(study, tmp_path):
    part = copied(study, tmp_path / "part", "/gone")
    (part / "model.safetensors").unlink()
    found = ask(part / "map.tif")
    assert found.susceptibility > 0 and found.zone and found.factors == []
    assert any(f"model of the map is gone ({Path('/gone/model.safetensors')})" in note for note in found.notes)
    (part / "map.tif.run.json").unlink()
    with pytest.raises(InputMissing, match=r"no run record map\.tif\.run\.json"):
        ask(part / "map.tif")
    (part / "map.tif").unlink()
    with pytest.raises(InputMissing, match="is gone"):
        ask(part / "zones.tif")
    (part / "zones.tif.run.json").write_text("[1", encoding="utf-8")
    with pytest.raises(InputMissing, match="cannot be read"):
        ask(part / "zones.tif")


def test_another_file_is_refused(study):
    with pytest.raises(ParameterInvalid, match="no susceptibility map"):
        map_origin(study / "model.safetensors")


def test_labels_that_are_gone_leave_all_but_the_landslides(study, tmp_path):
    part = copied(study, tmp_path / "part", "/gone")
    (part / "labels.tif").unlink()
    found = ask(part / "map.tif")
    assert (found.nearest, found.alike, found.label) == ([], [], "") and len(found.factors) == 3
    assert any("labels that model.safetensors was trained on" in note for note in found.notes)


def test_a_stack_that_was_made_again_is_told(study, tmp_path):
    part = copied(study, tmp_path / "part", tmp_path / "part")
    before = ask(part / "map.tif")
    with rasterio.open(part / "stack.tif", "r+") as dataset:
        values = dataset.read(1)
        values[40, 33] += 1
        dataset.write(values, 1)
    after = ask(part / "map.tif")
    assert not any("has changed" in note for note in before.notes)
    assert any("stack.tif has changed" in note for note in after.notes)
    assert {one.name: one.value for one in before.factors} != {one.name: one.value for one in after.factors}


def test_a_class_that_training_did_not_see_counts_as_in_the_map(study, tmp_path):
    model = load_model(study / "model.safetensors")
    values = at(study / "stack.tif")
    place = [spec.is_categorical for spec in model.factors].index(True)
    known = cells.likeness(model.applicability, model.encoder, values)
    values[place] = 99
    unseen = cells.likeness(model.applicability, model.encoder, values)
    assert unseen.dissimilarity > known.dissimilarity


def test_labels_without_points_are_searched_cell_by_cell(study, tmp_path):
    with rasterio.open(study / "labels.tif") as dataset:
        labels = dataset.read(1)
    write_raster(tmp_path / "labels.tif", labels, GRID, nodata=255)
    with open_stack(study / "stack.tif") as stack, rasterio.open(tmp_path / "labels.tif") as dataset:
        explained = ExplainedModel(stack, load_model(study / "model.safetensors"), "m", NullProgress())
        found = cells.training_landslides(dataset, GRID, explained)
    assert found.complete and not found.are_points
    assert sorted(zip(found.row, found.column)) == sorted(map(tuple, np.argwhere(labels == 1)))


def test_a_large_grid_is_sampled_evenly(monkeypatch):
    monkeypatch.setattr(cells, "SAMPLED_CELLS", 40_000)
    monkeypatch.setattr(cells, "BLOCK_SIDE", 20)
    grid = dataclasses.replace(GRID, width=2000, height=1000)
    blocks = list(cells._even_blocks(grid))
    assert 60 <= len(blocks) <= 140
    assert min(one.row for one in blocks) == 0 == min(one.column for one in blocks)
    assert max(one.row for one in blocks) == 980 and max(one.column for one in blocks) == 1980


def test_the_elevation_model_is_found_behind_a_map(study, tmp_path):
    (tmp_path / "dem.tif").write_bytes(b"heights")
    names = {
        "zones.tif": ("SUSCEPTIBILITY", "map.tif"),
        "map.tif": ("STACK", "stack.tif"),
        "stack.tif": ("dem", "dem.tif"),
    }
    for name, (parameter, source) in names.items():
        (tmp_path / name).write_bytes(b"cells")
        inputs = {parameter: {"source": str(tmp_path / source)}}
        (tmp_path / f"{name}.run.json").write_text(json.dumps({"inputs": inputs}), encoding="utf-8")
    assert elevation_of(tmp_path / "zones.tif") == tmp_path / "dem.tif"
    (tmp_path / "dem.tif").unlink()
    assert elevation_of(tmp_path / "zones.tif") is None
    assert elevation_of(study / "map.tif") is None


def test_percentiles_count_ties_half():
    values = np.array([0.0, 0, 0, 0, 1, 2, 3, 4])
    assert (cells.percentile(values, 0.0), cells.percentile(values, 1.5), cells.percentile(values, 9)) == (
        0.25,
        0.625,
        1,
    )
