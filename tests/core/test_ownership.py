"""A landslide serves one subset: discs and patches across borders, and the dead zone, against brute force."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio
from scipy.ndimage import label

from scarp.benchmarks import unlearnable
from scarp.model.classical import sklearn_models
from scarp.model.errors import TooFewData
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points, PointsAndPolygons, Polygons
from scarp.model.labels.discs import NAMESPACE, LandslideDiscs, read_discs
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.validation import fold_scores
from scarp.model.validation.out_of_fold import IS_LAND, IS_LANDSLIDE, EvaluationSample, draw_sample, landslide_cells
from scarp.model.windows.collection import WindowPlan, collect_cells, collect_windows
from scarp.model.windows.ownership import find_ownership
from scarp.model.windows.split import (
    NO_SUBSET,
    TEST,
    TRAIN,
    Blocks,
    BlockSplit,
    make_folds,
    open_training_rasters,
    scan_labels,
)
from scarp.model.windows.unused_cells import DeadZone
from scarp.tests.core.conftest import (
    Listener,
    box,
    build_buffered_labels,
    by_blocks,
    degree_grid,
    read_band,
    utm_grid,
    write_raster,
    write_stack,
)
from scarp.tests.core.test_labels import distances, random_points

GRIDS = {"utm": utm_grid(70, 90), "degrees": degree_grid(70, 60, left=95.0, top=60.0)}
SIZES = np.array(["giant", "large", "small"])
METRES = {"giant": 260.0, "large": 140.0, "small": 45.0}


def random_split(grid: Grid, seed: int) -> BlockSplit:
    """Blocks that do not divide the grid evenly, in three subsets or unused."""
    blocks = Blocks.of_cells(grid, 16, 13)
    table = np.random.default_rng(seed).choice([0, 1, 2, 2, NO_SUBSET], blocks.shape).astype(np.uint8)
    return BlockSplit(blocks, table)


def ownership_of(path, grid: Grid, split: BlockSplit):
    with rasterio.open(path) as dataset:
        return find_ownership(dataset, grid, split.blocks, NullProgress())


def groups_of(split: BlockSplit, grid: Grid, side: int = 1024) -> np.ndarray:
    return by_blocks(grid, lambda block: split.cell_groups(block.row, block.column, *block.shape), side)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_disc_belongs_to_the_land_of_its_point(tmp_path, name, seed):
    """Points outside the grid count for the nearest block; where several discs overlap, all must be of this land."""
    grid, split = GRIDS[name], random_split(GRIDS[name], seed)
    xy, size = random_points(grid, 60, seed), SIZES[np.random.default_rng(seed).integers(0, 3, 60)]
    landslides = Points("slides", xy=xy, fields={"size": size.tolist()})
    reference = write_raster(tmp_path / "r.tif", np.ones(grid.shape, np.float32), grid)
    build_buffered_labels(landslides, reference, tmp_path / "l.tif", scale_field="size", radii=METRES, ring=300.0)
    labels, far = read_band(tmp_path / "l.tif"), distances(grid, xy)
    land = groups_of(split, grid)
    expected, margin = land.copy(), np.zeros(grid.shape, dtype=bool)
    for point, metres in enumerate(far):
        column, row = ~grid.transform * tuple(xy[point])
        row, column = (int(np.clip(index, 0, size - 1)) for index, size in zip((row, column), grid.shape))
        disc = metres <= METRES[size[point]]
        disc[row, column] |= labels[row, column] == 1
        expected[disc & (land != land[row, column])] = NO_SUBSET
        margin |= np.abs(metres - METRES[size[point]]) < 0.05
    ownership = ownership_of(tmp_path / "l.tif", grid, split)
    found = groups_of(split.kept_apart(ownership, 0.0), grid, 23)
    slide = (labels == 1) & ~margin
    assert np.array_equal(found[slide], expected[slide]) and (found != land).sum() > 50
    assert np.array_equal(found[labels == 0], land[labels == 0])
    assert (ownership.automatic_buffer, ownership.ring) == (260.0, 300.0)
    cells = np.argwhere(slide)
    assert np.array_equal(split.kept_apart(ownership, 0.0).groups_of(cells), found[slide])


@pytest.mark.parametrize("seed", [1, 2])
def test_touching_cells_without_discs_go_to_one_subset(tmp_path, seed):
    """Labels of polygons or of another program: patches as ``scipy.ndimage.label`` sees them."""
    grid = GRIDS["utm"]
    split, labels = random_split(grid, seed), (np.random.default_rng(seed).random(grid.shape) < 0.3).astype(np.uint8)
    labels[5, :] = 0
    path = write_raster(tmp_path / "l.tif", labels, grid, nodata=255)
    found, land = groups_of(split.kept_apart(ownership_of(path, grid, split), None), grid), groups_of(split, grid)
    patches, count = label(labels, np.ones((3, 3)))
    expected = land.copy()
    for patch in range(1, count + 1):
        mine = patches == patch
        counts = np.bincount(land[mine][land[mine] != NO_SUBSET], minlength=3)
        expected[mine & (land != counts.argmax())] = NO_SUBSET
    assert np.array_equal(found, expected) and (found != land).any()


def test_mixed_layers_have_discs_for_points_and_patches_for_polygons(tmp_path):
    """A polygon across a border goes to the side with most of it, whatever the disc beside it does."""
    grid = GRIDS["utm"]
    split = BlockSplit(Blocks.of_cells(grid, 70, 45), np.array([[TRAIN, TEST]], dtype=np.uint8))
    left, _, _, top = grid.bounds
    shape = box(left + 30 * 40, top - 30 * 20, left + 30 * 47, top - 30 * 10)
    points = Points("p", xy=np.array([[left + 30 * 46.5, top - 30 * 40.5]]))
    reference = write_raster(tmp_path / "r.tif", np.ones(grid.shape, np.float32), grid)
    mixed = PointsAndPolygons("both", points=points, polygons=Polygons("o", geometries=[shape]))
    build_buffered_labels(mixed, reference, tmp_path / "l.tif", radii={"unrecorded": 95.0})
    labels = read_band(tmp_path / "l.tif")
    found = groups_of(split.kept_apart(ownership_of(tmp_path / "l.tif", grid, split), 0.0), grid)
    assert (found[10:20, 40:45] == TRAIN).all() and (found[10:20, 45:47] == NO_SUBSET).all()
    disc = np.zeros(grid.shape, dtype=bool)
    disc[35:46, 40:52] = labels[35:46, 40:52] == 1
    assert (found[disc & (np.arange(90) >= 45)] == TEST).all()
    assert (found[disc & (np.arange(90) < 45)] == NO_SUBSET).all() and (disc & (np.arange(90) < 45)).any()


def with_tags(path, **tags) -> LandslideDiscs | None:
    grid = GRIDS["utm"]
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns=NAMESPACE, **tags)
    with rasterio.open(path) as dataset:
        return read_discs(dataset, grid)


def test_metadata_hold_a_large_inventory_and_foreign_ones_count_as_absent(tmp_path):
    grid, rng = GRIDS["utm"], np.random.default_rng(1)
    xy = random_points(grid, 100_000, 1)
    xy[7] = np.nan
    discs = LandslideDiscs.of_points(grid, xy, rng.choice([300.0, 400.0], 100_000), 500.0, beyond=60.0)
    path = write_raster(tmp_path / "l.tif", np.zeros(grid.shape, np.uint8), grid)
    tags = discs.tags(grid)
    found = with_tags(path, **tags)
    assert len(found) == 99_999 and (found.largest, found.ring, found.beyond) == (400.0, 500.0, 60.0)
    del tags["BEYOND"]  # as in labels of version 0.1
    for name in ("row", "column", "radius"):
        np.testing.assert_array_equal(getattr(found, name), getattr(discs, name))
    assert not list(tmp_path.glob("*.aux.xml")) and NAMESPACE not in str(rasterio.open(path).tags())
    small = dataclasses.replace(discs, row=discs.row[:5], column=discs.column[:5], radius=discs.radius[:5])
    good = small.tags(grid)
    wrong = {
        "GRID": [discs.tags(GRIDS["degrees"])["GRID"], ""],
        "COUNT": ["4", "6", "-1", "many", "9" * 30],
        "RING": ["nan", "-1", "inf", "x"],
        "RADIUS": ["nan", "-2"],
        "BEYOND": ["nan", "-2", "x"],
        "POINTS": ["", "%%%", good["POINTS"][:-8], good["POINTS"][8:], "é", tags["POINTS"]],
    }
    wrong["POINTS"].append(dataclasses.replace(small, radius=small.radius * np.nan).tags(grid)["POINTS"])
    assert len(with_tags(path, **good)) == 5
    for name, values in wrong.items():
        for value in values:
            assert with_tags(path, **{**good, name: value}) is None, (name, value[:40])


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("buffer", [40.0, 333.0])
def test_the_dead_zone_ends_at_its_distance_from_the_land_for_test(name, buffer):
    """On both grids against the distance to points on the edge of the land, an eighth of a cell apart."""
    grid = GRIDS[name]
    split = random_split(grid, 5)
    found = by_blocks(grid, DeadZone(grid, split.blocks, split.subsets == TEST, buffer).mask, 19)
    test = groups_of(split, grid) == TEST
    far = np.full(grid.shape, np.inf)
    for row, column in np.argwhere(split.subsets == TEST):
        left, bottom, right, top = split.blocks.bounds(grid, row, column)
        x, y = np.linspace(left, right, 13 * 8 + 1), np.linspace(bottom, top, 16 * 8 + 1)
        edge = [np.stack([x, np.full(len(x), side)], axis=1) for side in (bottom, top)]
        edge += [np.stack([np.full(len(y), side), y], axis=1) for side in (left, right)]
        far = np.minimum(far, distances(grid, np.concatenate(edge)).min(axis=0))
    assert test.any() and np.array_equal(found, test | (far < buffer))


def cells_of(sample: EvaluationSample, kind: int) -> tuple[np.ndarray, np.ndarray]:
    index = sample.indices(kind)
    return sample.rows[index], sample.columns[index]


def area(folder, radius=90.0):
    """Twelve discs on a small area."""
    grid = utm_grid(80, 80)
    xy = random_points(grid, 12, 4, 0.0)
    write_stack(folder / "s.tif", np.random.default_rng(1).random((1, 80, 80)), [StackFactor("x", "continuous")], grid)
    build_buffered_labels(Points("p", xy=xy), folder / "s.tif", folder / "l.tif", radii={"unrecorded": radius})
    return open_training_rasters(folder / "s.tif", folder / "l.tif")


def test_training_sets_landslides_and_the_dead_zone_aside_and_says_so(tmp_path):
    plan, progress = WindowPlan(240.0, 480.0), Listener()
    with area(tmp_path) as rasters:
        apart = collect_cells(rasters, plan, progress)
        near = collect_cells(rasters, dataclasses.replace(plan, buffer=0.0), NullProgress())
        random = collect_windows(rasters, dataclasses.replace(plan, spatial=False, buffer=1e6), NullProgress())
        text = next(text for text in progress.texts if "Set aside" in text)
        lost = near.cells.totals - apart.cells.totals
        assert lost[TEST].sum() == 0 and (lost[:TEST, 0] > 0).all() and random.split is None
        assert f"{lost[:, 1].sum():,} landslide and {lost[:, 0].sum():,} stable cells within 90 m" in text
        with pytest.raises(TooFewData, match="BUFFER"):
            collect_cells(rasters, dataclasses.replace(plan, buffer=5000.0), NullProgress())
        with pytest.raises(TooFewData, match="BUFFER"):
            collect_windows(rasters, dataclasses.replace(plan, buffer=5000.0), NullProgress())


def test_cells_whose_landslide_lies_in_another_fold_are_not_judged(tmp_path):
    """A model that knows the landslide predicted them, so they would count as false alarms."""
    with area(tmp_path, 350.0) as rasters:
        grid, blocks = rasters.grid, Blocks.for_grid(rasters.grid, 480.0)
        scan = scan_labels(rasters, blocks, blocks, 1, NullProgress())
        folds = make_folds(blocks, scan.landslide, scan.labelled, 3, 1)
        folds = dataclasses.replace(folds, ownership=find_ownership(rasters.labels, grid, blocks, NullProgress()))
    points = Points("p", xy=random_points(grid, 12, 4, 0.0))
    path = write_raster(tmp_path / "m.tif", np.ones(grid.shape, np.float32), grid)
    given = path, tmp_path / "l.tif", points, landslide_cells(grid, points, NullProgress()), 0.0, 3, 1, NullProgress()
    every, judged = draw_sample(*given), draw_sample(*given, folds.strangers)
    hidden, (row, column) = folds.strangers.mask(grid.whole), cells_of(judged, IS_LAND)
    assert hidden.any() and not hidden[row, column].any()
    row, column = cells_of(every, IS_LAND)
    assert len(cells_of(judged, IS_LAND)[0]) == (~hidden[row, column]).sum()
    (row, column), left = cells_of(every, IS_LANDSLIDE), cells_of(judged, IS_LANDSLIDE)
    assert np.array_equal([row[~hidden[row, column]], column[~hidden[row, column]]], left)
    assert hidden[row, column].any() and len(left[0]) > 2


def test_what_cannot_be_learned_gives_an_auc_of_one_half(monkeypatch):
    """Factors that are fingerprints of single discs: a random split, which shares discs, finds them; folds do not."""
    monkeypatch.setattr(sklearn_models, "TREES", 10)
    monkeypatch.setattr(sklearn_models, "LEAF_SIZES", (5,))
    monkeypatch.setattr(fold_scores, "REPEATS", 20)
    folds, stable, random = unlearnable.auc("discs", "random_forest", 240.0, 900.0, 1, side=120, random_split=True)
    assert 0.4 < folds < 0.6 and 0.4 < stable < 0.6 and random > 0.7
    folds, stable, _ = unlearnable.auc("leaves", "frequency_ratio", 240.0, 900.0, 1, side=120)
    assert 0.4 < folds < 0.6 and 0.4 < stable < 0.6
