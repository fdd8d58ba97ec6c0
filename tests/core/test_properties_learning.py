"""Windows, folds and validations of any raster: no label in two subsets, nothing moved, every point counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from scarp.model.errors import ParameterInvalid, ScarpError, TooFewData
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.progress import NullProgress
from scarp.model.stack import create_stack
from scarp.model.windows.collection import WindowPlan, collect_cells, collect_windows
from scarp.model.windows.split import NO_SUBSET, Blocks, BlockSplit, make_folds, open_training_rasters
from scarp.tests.core.conftest import box, read_csv, validate_with_points
from scarp.tests.core.prediction_models import FACTORS
from scarp.tests.core.properties import for_all, grids, holes, maps, windows_of, workplace, write


@st.composite
def surveyed(draw):
    """Draw labels with clumps of landslides on a stack with gaps, windows, blocks and a split."""
    grid = draw(grids(largest=90, least=40, degrees=False))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for row, column in zip(*(rng.integers(0, size, draw(st.integers(6, 30))) for size in grid.shape)):
        labels[row : row + 3, column : column + 3] = 1
    labels[draw(holes(grid.shape)) & (rng.random(grid.shape) < 0.7)] = 255
    bands = rng.normal(20, 5, grid.shape), rng.integers(1, 4, grid.shape), rng.normal(0, 1, grid.shape)
    raw = np.stack([*bands, rng.integers(1, 7, grid.shape)]).astype(np.float32)
    raw[0][draw(holes(grid.shape)) & (rng.random(grid.shape) < 0.5)] = np.nan
    cell = max(grid.transform.a, -grid.transform.e)
    window = draw(st.integers(4, 12))
    plan = {"window": window * cell, "block": draw(st.integers(window, 30)) * cell}
    plan |= {"align": draw(st.sampled_from((1, 2, 4))), "seed": draw(st.integers(0, 50))}
    return grid, raw, labels, WindowPlan(**plan), draw(st.sampled_from((13, 1024)))


@for_all(30, case=surveyed())
def test_no_label_serves_two_subsets(case):
    """Windows of training never learn from a cell of validation or test, nor the other way round."""
    grid, raw, labels, plan, side = case
    with workplace() as folder, windows_of(side):
        with create_stack(folder / "s.tif", grid, FACTORS) as dataset:
            dataset.write(raw)
        write(folder / "l.tif", grid, labels, "uint8", 255)
        with open_training_rasters(folder / "s.tif", folder / "l.tif") as rasters:
            try:
                found = collect_windows(rasters, plan, NullProgress())
                cells = collect_cells(rasters, plan, NullProgress())
            except (TooFewData, ParameterInvalid):
                return
    windows, padded = found.windows, found.windows.labels.shape[-1]
    served = np.zeros((3, *grid.shape), dtype=bool)
    for site, subset, own, factors in zip(windows.origins, windows.subsets, windows.labels, windows.factors):
        row, column = site - windows.margin
        for i, j in np.argwhere(own != 255):
            served[subset, row + i, column + j] = True
            assert own[i, j] == labels[row + i, column + j], "a label moved"
        top, left = max(-row, 0), max(-column, 0)
        bottom, right = min(grid.height - row, padded), min(grid.width - column, padded)
        there = raw[:, row + top : row + bottom, column + left : column + right]
        assert np.array_equal(factors[:, top:bottom, left:right], there, equal_nan=True), "a factor moved"
    assert served.sum(axis=0).max() == 1
    known = (labels != 255) & np.isfinite(raw).all(axis=0)
    assert not (served.any(axis=0) & ~known).any()
    split = found.split.cell_groups(0, 0, *grid.shape)
    for subset in range(3):
        assert (split[served[subset]] == subset).all()
        mine = known & (split == subset)
        assert len(cells.cells.rows(subset)) == mine.sum(), "every cell serves once as a single cell"
        assert cells.cells.labels[cells.cells.rows(subset)].sum() == (labels[mine] == 1).sum()
    assert {int(item) for item in windows.subsets} == {0, 1, 2}


@for_all(40, shape=st.tuples(st.integers(3, 9), st.integers(3, 9)), seed=st.integers(0, 10**6), count=st.integers(2, 6))
def test_every_block_is_held_back_in_one_fold_and_never_learned_from_there(shape, seed, count):
    rng = np.random.default_rng(seed)
    labelled = rng.integers(0, 60, shape) * (rng.random(shape) < 0.9)
    landslide = np.minimum(labelled, rng.integers(0, 9, shape) * (rng.random(shape) < 0.5))
    try:
        folds = make_folds(Blocks(5, 5, shape), landslide, labelled, count, seed)
    except TooFewData:
        # A fold that took most of the blocks, because they have few landslides, may leave too few to the others.
        assert (landslide > 0).sum() < 2 * count + 2
        return
    assert set(np.unique(folds.subsets)) <= set(range(count)) and folds.subsets.shape == shape
    for fold in range(count):
        try:
            split = folds.split_excluding(fold, seed)
        except TooFewData:
            continue
        assert isinstance(split, BlockSplit)
        held = folds.subsets == fold
        assert (split.subsets[held & (labelled > 0)] == 2).all() and not (split.subsets[~held] == 2).any()
        assert np.array_equal(split.subsets == NO_SUBSET, labelled == 0)


@st.composite
def validated(draw):
    """Draw a map, landslides and stable points in and around it, and two regions."""
    grid = draw(grids(largest=30, least=6))
    count, stable = draw(st.integers(1, 25)), draw(st.integers(1, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    away = draw(st.sampled_from((0.0, 0.0, 0.3)))
    places = [rng.uniform(-away, 1 + away, (number, 2)) * (grid.width, grid.height) for number in (count, stable)]
    if draw(st.booleans()):
        places[0][: count // 2] = places[0][0]
    places = [np.stack(grid.transform * tuple(one.T), axis=1) for one in places]
    return grid, draw(maps(grid.shape)), places, draw(st.sampled_from((0.3, 0.5))), draw(st.sampled_from((9, 1024)))


@for_all(30, case=validated())
def test_a_validation_counts_every_point_that_was_given(case):
    grid, susceptibility, places, threshold, side = case
    slides, stable = (Points(name, xy=xy) for name, xy in zip(("slides", "stable"), places))
    left, bottom, right, top = grid.bounds
    middle = (left + right) / 2
    halves = [box(left, bottom, middle, top), box(middle, bottom, right, top)]
    layers = {"stable": stable, "regions": Polygons("halves", "", {"name": ["west", "east"]}, halves)}
    settings = {"region_field": "name", "threshold": threshold, "repeats": 3}
    with workplace() as folder, windows_of(side):
        path = write(folder / "map.tif", grid, susceptibility)
        try:
            found = validate_with_points(path, slides, None, folder / "v.csv", **layers, **settings)
        except ScarpError:
            assert [item.name for item in folder.iterdir()] == ["map.tif"]
            return
        table = {(row["scope"], row["measure"]): row["value"] for row in read_csv(folder / "v.csv")}
    taken: set[tuple[int, int]] = set()
    for role, points in (("landslide", slides), ("stable", stable)):
        row, column, here = grid.cell_indices(points.xy)
        empty = np.isnan(susceptibility[row, column]) & here
        told = ("features", "off_map", "places", "on_nodata", "thinned", "doubled")
        *counts, doubled = (int(float(table["input", f"{role}_{name}"])) for name in told)
        assert counts == [len(points), (~here).sum(), here.sum(), empty.sum(), 0]
        used = here.sum() - empty.sum() - doubled
        # A cell counts once, and where a landslide is none is stable.
        cells = {(int(r), int(c)) for r, c, good in zip(row, column, here & ~empty) if good} - taken
        taken |= cells
        assert used == len(cells) == (found.landslides if role == "landslide" else found.stable)
    main = found.of("all")
    assert main.first_draw.hits + main.first_draw.misses == found.landslides
    assert main.first_draw.false_alarms + main.first_draw.correct_rejections == found.stable
    values_ = [point.susceptibility for point in found.points]
    kinds = [point.kind == "landslide" for point in found.points]
    assert len(found.points) == found.landslides + found.stable
    assert main.auc_stable.value == pytest.approx(roc_auc_score(kinds, values_), abs=1e-9)
    row, column, here = grid.cell_indices(slides.xy)
    slide = np.zeros(grid.shape, dtype=bool)
    slide[row[here], column[here]] = True
    chosen = np.isfinite(susceptibility)
    # Land counts by its true area, which differs from row to row in degrees; a landslide counts once.
    area = np.broadcast_to(grid.cell_area()[:, None], grid.shape)
    weight = np.where(slide, 1.0, area / area.mean())[chosen]
    expected = roc_auc_score(slide[chosen], susceptibility[chosen], sample_weight=weight)
    assert found.auc == pytest.approx(expected, abs=1e-6)
    assert 0 <= found.auc_low <= found.auc_high <= 1 or np.isnan(found.auc_low)
    assert found.recall == pytest.approx(np.mean([value >= threshold for value, kind in zip(values_, kinds) if kind]))
    known = np.isfinite(susceptibility)
    assert main.area_km2 == pytest.approx(area[known].sum() / 1e6)
    assert sum(row.area_share for row in main.zones) == pytest.approx(1)
    assert sum(row.landslides for row in main.zones) + main.unzoned == found.landslides
    parts = [result for result in found.results if result.scope.name.startswith("region")]
    assert all(result.landslides <= found.landslides for result in parts)
