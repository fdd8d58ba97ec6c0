"""Training on several areas: matching of rasters, factors and classes; joined cells; folds; the job."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from sklearn.metrics import roc_auc_score

from scarp.model.artifact import load_model
from scarp.model.classical.fit import fit_cell_model
from scarp.model.encoding import Encoding
from scarp.model.errors import FactorMissing, GridMismatch, InputCorrupt, ParameterInvalid
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.outputs.run_record import read_record, sha256
from scarp.model.progress import NullProgress
from scarp.model.provenance.records import is_out_of_fold
from scarp.model.provenance.training_area import NEW, SAME_STACK, training_area
from scarp.model.stack import StackFactor
from scarp.model.training import areas, automatic, pointwise_fit
from scarp.model.training.areas import AreaFiles, MoreAreas, match_areas, open_areas
from scarp.model.training.settings import CrossValidationOptions, preset_settings, settings_of_kind
from scarp.model.validation.labelled_landslides import landslides_of_labels
from scarp.model.windows.area_cells import sample_areas
from scarp.model.windows.folded_cells import FoldedCells, collect_folded_cells
from scarp.model.windows.split import NO_SUBSET, TEST, TRAIN
from scarp.tests.core.conftest import Listener, degree_grid, read_band, utm_grid, write_raster, write_stack
from scarp.tests.core.local_cluster import two_workers

QUIET = NullProgress()
ROWS, COLUMNS, CELL = 90, 140, 10.0
FACTORS = [
    StackFactor("slope", "continuous", "degrees", "Slope"),
    StackFactor("relief", "continuous", "m"),
    StackFactor("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}),
]
WHOLE = utm_grid(ROWS, COLUMNS, CELL)


def land(seed=3):
    """Values of the factors and labels of a piece of land, (3, rows, columns) and (rows, columns)."""
    generator = np.random.default_rng(seed)
    rough = generator.normal(0, 1, (2, ROWS // 5, COLUMNS // 5)).repeat(5, 1).repeat(5, 2)
    rock = generator.integers(1, 4, (ROWS // 10, COLUMNS // 10)).repeat(10, 0).repeat(10, 1)
    slope = 25 + 8 * rough[0] + generator.normal(0, 1, rock.shape)
    odds = np.exp(1.5 * rough[0] + (rock == 2))
    chosen = generator.choice(rock.size, 120, replace=False, p=(odds / odds.sum()).ravel())
    labels = np.zeros(rock.shape, dtype=np.uint8)
    labels.flat[chosen] = 1
    return np.stack([slope, 100 + 30 * rough[1], rock]).astype(np.float32), labels


def part_of(grid, first, last):
    """Return the grid of some columns."""
    t = grid.transform
    return Grid(grid.crs, type(t)(t.a, t.b, t.c + t.a * first, t.d, t.e, t.f), last - first, grid.height)


def write_area(folder, name, values, labels, grid, factors=FACTORS):
    write_stack(folder / f"{name}.tif", values, factors, grid)
    write_raster(folder / f"{name}_labels.tif", labels, grid, nodata=255)
    return AreaFiles(name, str(folder / f"{name}.tif"), str(folder / f"{name}_labels.tif"))


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """One piece of land, and the same in two halves."""
    folder, (values, labels), half = tmp_path_factory.mktemp("areas"), land(), COLUMNS // 2
    whole = write_area(folder, "whole", values, labels, WHOLE)
    parts = [
        write_area(folder, name, values[:, :, some], labels[:, some], part_of(WHOLE, some.start, some.stop))
        for name, some in (("west", slice(0, half)), ("east", slice(half, COLUMNS)))
    ]
    return folder, whole, parts


def collect(files, progress=QUIET, block=150.0, seed=1):
    with open_areas(files, progress) as opened:
        return collect_folded_cells(opened, block, 0.0, seed, QUIET)


def test_joined_cells_are_those_of_each_area(halves):
    _, _, parts = halves
    joined, alone = collect(parts), [collect([one]) for one in parts]
    assert joined.areas.tolist() == [0] * len(alone[0].labels) + [1] * len(alone[1].labels)
    for number, one in enumerate(alone):
        mine = joined.areas == number
        for name in ("values", "labels", "places", "counts", "shares"):
            assert np.array_equal(getattr(joined, name)[mine], getattr(one, name)), name
        held = joined.lands[number].held_out
        rows, columns = np.divmod(one.places, COLUMNS // 2)
        fold = held.groups_of(np.stack([rows, columns], axis=1))
        for role, index in zip(joined.roles[:, mine], range(len(joined.roles))):
            assert np.array_equal(role == TEST, fold == index)
            # Each fold holds out landslides of each area.
            assert one.shares[role == TEST].sum() > 0
    assert joined.landslides == pytest.approx(sum(one.landslides for one in alone))


def test_two_halves_are_the_whole(halves):
    _, whole, parts = halves
    one, two = collect([whole]), collect(parts)
    assert sorted(map(tuple, one.values)) == sorted(map(tuple, two.values))
    assert one.counts.sum() == two.counts.sum() and one.landslides == pytest.approx(two.landslides)
    with open_areas(parts, QUIET) as opened:
        both = automatic.Layout.of_areas(opened, 1, QUIET)
    with open_areas([whole], QUIET) as opened:
        single = automatic.Layout.of_areas(opened, 1, QUIET)
    assert len(both) == len(single) and both.block(2, 0.0, QUIET) == single.block(2, 0.0, QUIET)
    assert both.holding(35.0) >= single.holding(35.0) > 20


def test_an_area_with_few_blocks_joins_the_folds_with_the_fewest_landslides(halves, tmp_path):
    _, _, parts = halves
    values, labels = land(5)
    labels[:, 15:] = 0
    labels[20:] = 0
    small = write_area(tmp_path, "small", values, labels, utm_grid(ROWS, COLUMNS, CELL, 700000.0))
    cells = collect([*parts, small])
    folds = np.unique(cells.lands[2].held_out.subsets)
    held = [cells.shares[(cells.areas < 2) & (role == TEST)].sum() for role in cells.roles]
    landslides = np.flatnonzero([(cells.shares[(cells.areas == 2) & (role == TEST)] > 0).any() for role in cells.roles])
    assert len(cells.roles) == 5 and len(landslides) < 5 and set(landslides) <= set(folds)
    assert int(np.argmin(held)) in landslides


def test_stable_land_counts_as_it_is_large(halves, tmp_path):
    """Cells of half the size stand for a quarter of the land."""
    _, _, parts = halves
    values, labels = land(7)
    fine = write_area(tmp_path, "fine", values, labels, utm_grid(ROWS, COLUMNS, CELL / 2, 700000.0))
    listener = Listener()
    cells = collect([parts[0], fine], listener, 75.0)
    counted = [cells.counts[cells.areas == number].sum() for number in (0, 1)]
    assert counted[1] / counted[0] == pytest.approx(ROWS * COLUMNS / 4 / (ROWS * COLUMNS / 2))
    assert "cells of different sizes: west 10 m, fine 5 m" in " ".join(listener.warnings)


def test_classes_are_matched_by_label(halves, tmp_path):
    _, _, parts = halves
    values, labels = land(9)
    values[2] = np.array([0, 30, 10, 20])[values[2].astype(int)]  # granite 30, schist 10, 20 is another rock
    factors = [*FACTORS[:2], dataclasses.replace(FACTORS[2], classes={10: "Schist ", 20: "basalt", 30: "granite"})]
    order = [2, 0, 1]
    other = write_area(tmp_path, "other", values[order], labels, utm_grid(ROWS, COLUMNS, CELL, 700000.0))
    with rasterio.open(tmp_path / "other.tif", "r+") as dataset:
        assert dataset.count == 3
    write_stack(
        tmp_path / "other.tif", values[order], [factors[index] for index in order], utm_grid(ROWS, COLUMNS, CELL, 7e5)
    )
    with open_areas([parts[0], other], QUIET) as opened:
        found = [rasters.factors for rasters in opened]
        block = opened[1].grid.whole
        raw = opened[1].stack.read(block)
        assert np.array_equal(opened[1].stack.read(block, ["rock", "slope"]), raw[[2, 0]])
        assert opened[1].stack.factor("slope").band == 2
    assert [[factor.name for factor in one] for one in found] == [["slope", "relief", "rock"]] * 2
    assert found[0][2].classes == found[1][2].classes
    code = {label: code for code, label in found[0][2].classes.items()}
    assert code["granite"] == 1 and code["schist"] == 2 and set(code) == {"granite", "schist", "till", "basalt"}
    assert np.array_equal(raw[0], values[0]) and np.array_equal(raw[1], values[1])
    expected = np.select([values[2] == 30, values[2] == 10], [1, 2], code["basalt"])
    assert np.array_equal(raw[2], expected)


def test_a_code_without_a_label_is_refused(halves, tmp_path):
    _, _, parts = halves
    values, labels = land(9)
    values[2, :3] = 7
    factors = [*FACTORS[:2], dataclasses.replace(FACTORS[2], classes={1: "till", 2: "schist", 3: "granite"})]
    other = write_area(tmp_path, "other", values, labels, utm_grid(ROWS, COLUMNS, CELL, 7e5), factors)
    with pytest.raises(InputCorrupt, match="rock of the factor stack .*other.tif holds class codes"):
        collect([parts[0], other])


def test_a_missing_factor_is_named_and_more_factors_are_left_out(halves, tmp_path):
    _, _, parts = halves
    values, labels = land(9)
    far = utm_grid(ROWS, COLUMNS, CELL, 7e5)
    less = write_area(tmp_path, "less", values[:2], labels, far, FACTORS[:2])
    with pytest.raises(FactorMissing, match="The area less lacks the factor rock"), open_areas([parts[0], less], QUIET):
        pass
    listener = Listener()
    with open_areas([less, parts[0]], listener) as opened:
        assert opened[1].stack.read(opened[1].grid.whole).shape[0] == 2
    assert "Factors of west that less lacks are not used: rock" in " ".join(listener.warnings)
    tangents = [dataclasses.replace(FACTORS[0], unit="percent"), *FACTORS[1:]]
    with open_areas([parts[0], write_area(tmp_path, "tangents", values, labels, far, tangents)], listener):
        pass
    text = 'The factor "slope" is in degrees in the area west but in percent in the area tangents.'
    assert text in " ".join(listener.warnings)
    kinds = [*FACTORS[:2], StackFactor("rock", "continuous")]
    other = write_area(tmp_path, "other", values, labels, far, kinds)
    with (
        pytest.raises(
            ParameterInvalid, match='"rock" is categorical in the area west but continuous in the area other'
        ),
        open_areas([parts[0], other], QUIET),
    ):
        pass


def test_rasters_find_their_stack_by_its_grid(halves, tmp_path):
    _, _, (west, east) = halves
    values, labels = land(9)
    third = write_area(tmp_path, "third", values, labels, degree_grid(ROWS, COLUMNS, 1e-4))
    stacks, reverse = [east.stack, third.stack], [third.labels, east.labels]
    safety = tmp_path / "fs.tif"
    write_raster(safety, np.full((ROWS, COLUMNS), 0.7, np.float32), degree_grid(ROWS, COLUMNS, 1e-4), nodata=np.nan)
    found = match_areas(west.stack, west.labels, None, MoreAreas(stacks, reverse, [safety]))
    assert [area.files for area in found] == [west.files, east.files, (*third.files[:2], str(safety))]
    assert [area.name for area in found] == ["west", "east", "third"]

    def refused(match, stack=west.stack, **more):
        with pytest.raises(GridMismatch, match=match):
            match_areas(stack, west.labels, None, MoreAreas(**more))

    refused("No raster of MORE_LABELS lies on the grid of the stack third", stacks=stacks, labels=[east.labels])
    refused("third_labels.tif of MORE_LABELS lies on the grid of no stack", stacks=[east.stack], labels=reverse)
    refused("lies on the grid of STACK. Give it as LABELS", stacks=[east.stack], labels=[west.labels, east.labels])
    refused("lie on the same grid", stacks=[east.stack], labels=[east.labels, east.labels])
    refused("have the same grid", stacks=[east.stack, east.stack], labels=[east.labels])
    refused("lies on the grid of no stack in MORE_STACKS", stacks=[], labels=[east.labels])
    assert areas.area_names(["/a/kaghan/stack.tif", "/a/ecuador/stack.tif"]) == ["kaghan/stack", "ecuador/stack"]


def test_overlapping_land_is_told(halves):
    _, whole, parts = halves
    listener, files = Listener(), [parts[0], parts[1], whole]
    with open_areas(files, QUIET) as opened:
        cells = collect_folded_cells(opened, 150.0, 0.0, 1, QUIET)
        areas.warn_of_overlap(cells, opened, ["west", "east", "whole"], listener)
    text = " ".join(listener.warnings)
    assert "west and whole overlap: 49 % of" in text and "east and whole" in text and "west and east" not in text


@pytest.fixture(scope="module")
def trained(halves):
    """A model of both halves, and one of the whole."""
    folder, whole, (west, east) = halves
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))
        settings = preset_settings("recommended", {"block": 150.0})
        more = {"more_stacks": [east.stack], "more_labels": [east.labels]}
        files = {"output_html": folder / "both.html", "output_out_of_fold": folder / "out.tif", "progress": Listener()}
        both = train_pcum(west.stack, west.labels, folder / "both.safetensors", settings=settings, **more, **files)
        single = train_pcum(whole.stack, whole.labels, folder / "whole.safetensors", settings=settings, progress=QUIET)
    return folder, both, single, files["progress"]


def test_a_model_of_two_halves_is_nearly_that_of_the_whole(trained):
    folder, both, single, _ = trained
    assert both.metrics["auc"] == pytest.approx(single.metrics["auc"], abs=0.03)
    models = [load_model(folder / f"{name}.safetensors") for name in ("both", "whole")]
    assert [model.factors[0].mean for model in models] == pytest.approx([25.0, 25.0], abs=2)
    cells = collect([halves_file(folder)])
    image, _ = models[0].encoder.encode(np.ascontiguousarray(cells.values.T)[:, :, None])
    with torch.inference_mode():
        logits = [model.network(torch.from_numpy(image)[None])[0, :, :, 0].double().numpy() for model in models]
    first, second = (one[1] - one[0] for one in logits)
    assert np.corrcoef(first, second)[0, 1] > 0.95


def halves_file(folder):
    return AreaFiles("whole", str(folder / "whole.tif"), str(folder / "whole_labels.tif"))


def test_the_model_file_and_the_report_know_all_areas(trained):
    folder, both, _, progress = trained
    training = load_model(folder / "both.safetensors").training
    assert [area["name"] for area in training["areas"]] == ["west", "east"]
    assert sum(area["landslides"] for area in training["areas"]) == training["choice"]["landslides"]
    mean = np.mean([area["auc"] for area in training["areas"]])
    assert both.metrics["auc"] == pytest.approx(mean, abs=1e-6)
    assert isinstance(training["inputs"]["MORE_STACKS"], list) and len(training["inputs"]["MORE_STACKS"][0]) == 64
    for name in ("west", "east"):
        stack = folder / f"{name}.tif"
        relation = training_area(training, Grid.from_file(stack, "stack"), sha256(stack)).relation
        assert relation == SAME_STACK, name
    assert training_area(training, utm_grid(ROWS, COLUMNS, CELL, 7e5), "").relation == NEW
    page = (folder / "both.html").read_text(encoding="utf-8")
    assert "Areas" in page and "west" in page and "east" in page
    assert any("Out of fold in east: AUC" in text for text in progress.texts)
    with rasterio.open(folder / "out.tif") as dataset:
        assert dataset.shape == (ROWS, COLUMNS // 2)


def test_windows_learn_from_one_area(halves):
    folder, _, (west, east) = halves
    more = {"more_stacks": [east.stack], "more_labels": [east.labels], "progress": QUIET}
    for preset in ("windows", "paper"):
        with pytest.raises(ParameterInvalid, match="MORE_STACKS needs a training by cross-fitting"):
            settings = preset_settings(preset, {})
            train_pcum(west.stack, west.labels, folder / "no.safetensors", settings=settings, **more)
    assert not (folder / "no.safetensors").exists()


def test_unlabelled_cells_can_be_joined():
    """Other cells, such as those of land without labels, are joined as one more area."""
    cells = FoldedCells(
        np.zeros((3, 1), np.float32),
        np.array([1, 0, 255], np.uint8),
        np.arange(3),
        np.ones(3),
        np.array([1.0, 0, 0]),
        np.full((2, 3), TRAIN, np.uint8),
        np.zeros(3, np.uint8),
        [None],
    )
    free = dataclasses.replace(
        cells,
        labels=np.full(3, 255, np.uint8),
        shares=np.zeros(3),
        roles=np.full((2, 3), NO_SUBSET, np.uint8),
        safety=np.ones(3, "f4"),
    )
    both = FoldedCells.joined([cells, free])
    assert both.landslides == 1 and both.areas.tolist() == [0, 0, 0, 1, 1, 1] and len(both.lands) == 2
    assert np.isnan(both.safety[:3]).all() and (both.safety[3:] == 1).all()
    assert FoldedCells.joined([cells]) is cells


@pytest.fixture(scope="module")
def three(halves, tmp_path_factory):
    """Three areas, one of them in degrees with other codes of the classes."""
    _, _, parts = halves
    folder, (values, labels) = tmp_path_factory.mktemp("three"), land(11)
    values[2] = np.array([0, 5, 6, 7])[values[2].astype(int)]
    factors = [*FACTORS[:2], dataclasses.replace(FACTORS[2], classes={5: "granite", 6: "schist", 7: "till"})]
    third = write_area(folder, "third", values, labels, degree_grid(ROWS, COLUMNS, 1e-4), factors)
    row, column = np.nonzero(land()[1][:, : COLUMNS // 2])
    t = WHOLE.transform
    xy = np.stack([t.c + t.a * (column + 0.5), t.f + t.e * (row + 0.5)], axis=1)
    return folder, [*parts, third], Points("landslides", xy=xy)


def leave_out(three, folder, kind="logistic_regression", **given):
    """Cross-validate over the areas."""
    _, (first, *rest), points = three
    more = {"more_stacks": [area.stack for area in rest], "more_labels": [area.labels for area in rest]}
    files = {"output_table": folder / "t.csv", "output_html": folder / "t.html", "output_more": folder / "more"}
    settings = settings_of_kind(kind, "recommended", {"block": 150.0, **given.pop("settings", {})})
    options = CrossValidationOptions(kind, **given.pop("options", {}))
    progress = given.pop("progress", Listener())
    data = first.stack, first.labels, points, folder / "out.tif"
    return cross_validate(*data, options=options, settings=settings, **more, **files, **given, progress=progress)


@pytest.fixture(scope="module")
def left_out(three, tmp_path_factory):
    folder = tmp_path_factory.mktemp("left_out")
    return folder, leave_out(three, folder)


def test_each_area_is_predicted_by_a_model_of_the_others(three, left_out):
    """The map of an area is that of a model trained on the others, whatever the labels of the area."""
    folder, result = left_out
    _, areas_given, _ = three
    assert [row.fold for row in result.folds] == ["west", "east", "third"]
    assert result.auc == pytest.approx(np.mean([row.auc.value for row in result.folds]))
    assert result.lowest == min(row.auc.value for row in result.folds) > 0.6 and result.pooled is None
    with open_areas(areas_given[:2], QUIET) as opened:
        cells = sample_areas(opened, 150.0, None, 1, QUIET)
        settings = settings_of_kind("logistic_regression", "recommended", {"block": 150.0})
        fitted = fit_cell_model("logistic_regression", cells, opened[0].factors, settings, QUIET)
    values = land(11)[0]
    image, _ = Encoding(fitted.factors, settings.encoding).encode(values)
    with torch.inference_mode():
        logits = fitted.network(torch.from_numpy(image)[None])[0]
    expected = torch.sigmoid(logits[1] - logits[0]).numpy()
    assert np.allclose(read_band(folder / "more" / "third.tif"), expected, atol=1e-5)
    # One cell for each patch of landslide cells, against all land without a landslide.
    with rasterio.open(areas_given[2].labels) as dataset:
        points = landslides_of_labels(dataset, degree_grid(ROWS, COLUMNS, 1e-4), QUIET)
    row, column, _ = degree_grid(ROWS, COLUMNS, 1e-4).cell_indices(points.xy)
    is_slide = np.zeros(expected.shape, dtype=bool)
    is_slide[row, column] = True
    auc = roc_auc_score(is_slide.ravel(), expected.ravel())
    assert result.folds[2].auc.value == pytest.approx(auc, abs=0.005)


def test_table_report_and_maps_name_the_areas(left_out):
    folder, result = left_out
    with open(folder / "t.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["split"], row["fold"]) for row in rows] == [
        ("area", name) for name in ("west", "east", "third", "mean")
    ]
    assert float(rows[-1]["slope_auc"]) == pytest.approx(result.auc_slope, abs=1e-4)
    assert float(rows[-1]["auc_low"]) < result.auc < float(rows[-1]["auc_high"])
    page = (folder / "t.html").read_text(encoding="utf-8")
    assert all(text in page for text in ("Worst area", "Slope alone", "third", "Area by area"))
    for path in (folder / "out.tif", folder / "more" / "east.tif", folder / "more" / "third.tif"):
        with rasterio.open(path) as dataset:
            assert is_out_of_fold(dataset.tags()) and dataset.tags()["LEFT_OUT"] == "area"
        assert read_record(path)["metrics"]["auc"] == pytest.approx(result.auc)
    assert [block.name for block in result.blocks] == ["west", "east", "third"]


def test_pcum_is_left_out_area_by_area(three, tmp_path, monkeypatch):
    monkeypatch.setattr(pointwise_fit, "CHECKPOINTS", (10,))
    listener = Listener()
    result = leave_out(three, tmp_path, "pcum", progress=listener)
    assert all(row.auc.value > 0.6 for row in result.folds)
    assert any("third, left out: AUC" in text for text in listener.texts)


def test_a_cluster_leaves_areas_out_with_the_same_result(three, left_out, tmp_path):
    pytest.importorskip("distributed")
    here, _ = left_out
    with two_workers() as address:
        leave_out(three, tmp_path, options={"scheduler": address})
    names = [Path("out.tif"), Path("more", "east.tif"), Path("more", "third.tif")]
    assert all(read_band(tmp_path / name).tobytes() == read_band(here / name).tobytes() for name in names)
    assert (tmp_path / "t.csv").read_bytes() == (here / "t.csv").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_wrong_ways_to_leave_out_are_refused(three, tmp_path):
    with pytest.raises(ParameterInvalid, match="KIND=unet learns from windows"):
        leave_out(three, tmp_path, "unet")
    with pytest.raises(ParameterInvalid, match="MORE_STACKS needs a training by cross-fitting"):
        leave_out(three, tmp_path, "pcum", settings={"epochs": 3})
    with pytest.raises(ParameterInvalid, match="Choose one way"):
        leave_out(three, tmp_path, options={"split_field": "subset"})
    (tmp_path / "more").mkdir(exist_ok=True)
    (tmp_path / "more" / "east.tif").write_bytes(b"mine")
    with pytest.raises(ParameterInvalid, match="which Scarp did not write"):
        leave_out(three, tmp_path)
    assert (tmp_path / "more" / "east.tif").read_bytes() == b"mine" and not (tmp_path / "out.tif").exists()


def test_landslides_of_labels(tmp_path):
    """Discs give their points; other patches the cell in their middle."""
    grid = utm_grid(20, 30, 10.0)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[2:5, 2:5] = labels[10, 20:25] = 1
    write_raster(tmp_path / "labels.tif", labels, grid, nodata=255)
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        found = landslides_of_labels(dataset, grid, QUIET)
    row, column, _ = grid.cell_indices(found.xy)
    assert sorted(zip(row.tolist(), column.tolist())) == [(3, 3), (10, 22)]


def test_regions_of_one_area_are_left_out_for_pcum(halves, tmp_path, monkeypatch):
    """A region is judged by a model of the other, whatever the labels in the region say."""
    monkeypatch.setattr(pointwise_fit, "CHECKPOINTS", (10,))
    _, whole, _ = halves
    left, bottom, right, top = WHOLE.bounds
    middle = (left + right) / 2
    corners = [(left, middle), (middle, right)]
    shapes = [[[(a, bottom), (b, bottom), (b, top), (a, top), (a, bottom)]] for a, b in corners]
    geometries = [{"type": "Polygon", "coordinates": shape} for shape in shapes]
    regions = Polygons("regions", fields={"name": np.array(["west", "east"])}, geometries=geometries)
    labels = read_band(whole.labels).astype(np.uint8)
    row, column = np.nonzero(labels)
    t = WHOLE.transform
    xy = np.stack([t.c + t.a * (column + 0.5), t.f + t.e * (row + 0.5)], axis=1)
    # Not beside the border, where a patch of cells may lie in both.
    some = labels[:, : COLUMNS // 2 - 6]
    labels[:, : COLUMNS // 2 - 6] = np.random.default_rng(2).permutation(some.ravel()).reshape(some.shape)
    write_raster(tmp_path / "labels.tif", labels, WHOLE, nodata=255)
    settings = settings_of_kind("pcum", "recommended", {"block": 150.0, "buffer": 0.0})
    options, maps = CrossValidationOptions("pcum", region_field="name", random_split=False), []
    for name, path in (("right", whole.labels), ("wrong", tmp_path / "labels.tif")):
        files = whole.stack, path, Points("landslides", xy=xy), tmp_path / f"{name}.tif"
        found = cross_validate(*files, options=options, settings=settings, regions=regions, progress=QUIET)
        assert [row.fold for row in found.folds[:2]] == ["east", "west"]
        maps.append(read_band(tmp_path / f"{name}.tif"))
    # Labels of the west change its own map not at all, and that of the east.
    assert np.array_equal(*(one[:, : COLUMNS // 2] for one in maps))
    assert not np.allclose(*(one[:, COLUMNS // 2 :] for one in maps))
