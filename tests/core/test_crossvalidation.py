"""Cross validation: folds, cutting windows, the out-of-fold map, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from scarp.model.errors import Cancelled, ParameterInvalid, TooFewData
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.cross_validate import COLUMNS, cross_validate
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training.settings import KINDS, PATCH_KINDS, CrossValidationOptions, settings_of_kind
from scarp.model.validation import out_of_fold
from scarp.model.validation.out_of_fold import ALL, draw_evaluation_sample, mean_auc, sample_raster, score_folds
from scarp.model.windows import collection
from scarp.model.windows import split as splits
from scarp.model.windows.collection import WindowPlan, WindowSet, place_windows, read_windows, split_windows
from scarp.model.windows.split import TEST, TRAIN, VALIDATION, Blocks, BlockSplit
from scarp.tests.core.conftest import Listener, at_cells, read_band, read_csv, utm_grid, write_raster, write_stack

HEIGHT, WIDTH = 160, 200
GRID = utm_grid(HEIGHT, WIDTH)
FACTORS = [StackFactor("slope", "continuous", "degrees"), StackFactor("noise", "continuous")]
BLOCK = 600.0


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """Landslides where the slope is steep; a second factor says nothing."""
    folder, random = tmp_path_factory.mktemp("crossvalidation"), np.random.default_rng(3)
    rows, columns = np.indices(GRID.shape)
    slope = 20 + 12 * np.sin(rows / 9) * np.cos(columns / 13) + random.normal(0, 2, (HEIGHT, WIDTH))
    values = np.stack([slope, random.normal(0, 1, (HEIGHT, WIDTH))]).astype(np.float32)
    values[:, :9, :17] = np.nan
    steep = np.argwhere((slope > 26) & np.isfinite(values[0]))
    chosen = steep[random.choice(len(steep), 90, replace=False)]
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    for row, column in chosen:
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= 2] = 1
    labels[120:, 180:] = 255
    write_stack(folder / "stack.tif", values, FACTORS, GRID)
    write_raster(folder / "labels.tif", labels, GRID, nodata=255)
    return folder, values, labels, Points("landslides", xy=at_cells(GRID, *chosen.T))


def folds_of(folder, count=4, seed=1):
    with splits.open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        blocks = Blocks.for_grid(rasters.grid, BLOCK)
        found = splits.scan_labels(rasters, blocks, Blocks(5, 5, (32, 40)), seed, NullProgress())
    return splits.make_folds(blocks, found.landslide, found.labelled, count, seed), found


def run(area, output, kind="logistic_regression", folds=4, progress=None, random_split=True, table=None, **settings):
    folder, _, _, points = area
    files = folder / "stack.tif", settings.pop("labels", folder / "labels.tif"), points, output
    given = {
        "options": CrossValidationOptions(kind, folds, random_split),
        "settings": settings_of_kind(kind, "recommended", {"block": BLOCK, "window": 300.0, **settings}),
    }
    return cross_validate(*files, **given, output_table=table, progress=progress or NullProgress())


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_fold_has_landslides_and_is_never_learned_from(area, count, seed):
    folds, found = folds_of(area[0], count, seed)
    assert set(np.unique(folds.subsets)) == set(range(count))
    for fold in range(count):
        subsets = folds.split_excluding(fold, 1).subsets
        held = (folds.subsets == fold) & (found.labelled > 0)
        rest = ~held & (found.labelled > 0)
        assert (subsets[held] == TEST).all() and set(np.unique(subsets[rest])) == {TRAIN, VALIDATION}
        assert found.landslide[held].sum() > 0
        assert 0.05 < found.landslide[subsets == VALIDATION].sum() / found.landslide[rest].sum() < 0.4


@pytest.mark.parametrize(("landslide", "count"), [([[5, 3], [0, 0]], 3), ([[5, 3], [4, 0]], 2), ([[5, 0], [0, 0]], 2)])
def test_too_few_blocks_say_what_to_change(landslide, count):
    """Three blocks would do for two folds, but outside the fold with two of them there is only one."""
    with pytest.raises(TooFewData, match="Make BLOCK smaller") as caught:
        splits.make_folds(Blocks(10, 10, (2, 2)), np.array(landslide), np.full((2, 2), 100), count, 1)
    assert "SPLIT" not in str(caught.value)


def test_windows_without_landslides_are_refused():
    """The only landslide lies in the block for validation."""
    labels = np.zeros((2, 8, 8), dtype=np.uint8)
    labels[:, 0, 7] = 1
    factors, subsets = np.zeros((2, 1, 8, 8), np.float32), np.zeros(2, np.uint8)
    windows = WindowSet(np.zeros((2, 2), np.int64), 8, 0, factors, labels, None, subsets)
    split = BlockSplit(Blocks(8, 4, (1, 2)), np.array([[TRAIN, VALIDATION]], dtype=np.uint8))
    with pytest.raises(TooFewData, match="no landslide cell to train on"):
        split_windows(windows, split)
    labels[:, 0, 0] = 1
    parts = split_windows(windows, split)
    assert len(parts.indices_of(TRAIN)) == len(parts.indices_of(VALIDATION)) == 2


def test_cut_windows_share_no_label(area):
    folder, values, labels, _ = area
    folds, found = folds_of(folder)
    split = folds.split_excluding(0, 1)
    origins, plan = place_windows(found, 10, 4000, 1), WindowPlan(300.0, BLOCK, align=4)
    with splits.open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        whole = read_windows(rasters, origins, 10, plan, None, NullProgress())
    parts = split_windows(whole, split)
    subset_of = BlockSplit(split.blocks, split.subsets).cell_groups(0, 0, HEIGHT, WIDTH)
    usable = (labels != 255) & np.isfinite(values).all(axis=0)
    for subset in (TRAIN, VALIDATION):
        seen = np.zeros((HEIGHT, WIDTH), dtype=bool)
        for index in parts.indices_of(subset):
            row, column = parts.origins[index] - parts.margin
            for r, c in np.argwhere(parts.labels[index] != 255):
                seen[row + r, column + c] = True
                assert parts.labels[index, r, c] == labels[row + r, column + c]
        assert not (seen & ((subset_of != subset) | ~usable)).any()
        # What the windows reach of a part is there: nothing but the borders of the area is lost.
        assert seen.sum() > 0.8 * (usable & (subset_of == subset)).sum()


def test_merged_map_takes_each_cell_from_its_fold(tmp_path):
    table, ones = np.arange(30).reshape(6, 5).astype(np.uint8) % 3, np.ones((6, 5))
    folds = splits.Folds(Blocks(30, 40, (6, 5)), table, ones, ones, 3)
    values = np.random.default_rng(0).random((3, *GRID.shape), dtype=np.float32)
    values[values < 0.1] = np.nan
    maps = {fold: Path(write_raster(tmp_path / f"{fold}.tif", values[fold], GRID, nodata=np.nan)) for fold in range(3)}
    out_of_fold.merge_folds(maps, folds, GRID, tmp_path / "whole.tif", {}, NullProgress())
    expected = np.choose(folds.cell_groups(0, 0, HEIGHT, WIDTH), values)
    np.testing.assert_array_equal(read_band(tmp_path / "whole.tif"), expected)


NETWORKS = {"pcum": 4, "unet": 2, "bpnn": 2, "resnet": 2}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_cross_validated(area, tmp_path, kind):
    """Also with a random split for models of patches: of smaller windows no patch of land would be known by half."""
    settings, patches = {"epochs": NETWORKS[kind], "width": 4} if kind in NETWORKS else {}, kind in PATCH_KINDS
    if patches:
        settings["window"] = 600.0
    result = run(area, tmp_path / "map.tif", kind, 3, table=tmp_path / "table.csv", random_split=patches, **settings)
    values = read_band(tmp_path / "map.tif")
    valid = np.isfinite(area[1]).all(axis=0)
    assert np.array_equal(np.isfinite(values), valid)
    assert 0 <= values[valid].min() <= values[valid].max() <= 1
    assert result.gap == pytest.approx(result.random - result.auc) if patches else result.random is None
    assert result.lowest <= result.auc and (patches or result.auc > 0.75)
    assert [row.fold for row in result.folds] == ["1", "2", "3", ALL]
    assert not list(tmp_path.glob(".scarp-folds-*"))
    rows = read_csv(tmp_path / "table.csv")
    assert (tuple(rows[0]), len(rows)) == (COLUMNS, 8 if patches else 4)
    assert float(rows[0]["auc"]) == pytest.approx(result.folds[0].auc, rel=1e-5)
    assert (rows[0]["epochs"] != "") == (kind in NETWORKS)


def test_windows_that_do_not_fit_into_memory_are_refused(area, tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "MAX_BYTES", 30_000)
    with pytest.raises(ParameterInvalid, match="do not fit into memory"):
        run(area, tmp_path / "map.tif", "unet", window=1500.0)
    assert not list(tmp_path.iterdir())


def test_a_run_cancelled_in_the_random_split_leaves_nothing(area, tmp_path):
    class Cancel(Listener):
        def cancelled(self):
            return any("random split" in text for text in self.texts)

    with pytest.raises(Cancelled):
        run(area, tmp_path / "map.tif", "frequency_ratio", progress=Cancel(), table=tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "settings"), [("logistic_regression", {}), ("pcum", {"epochs": 2, "width": 4})])
def test_a_fold_does_not_learn_from_its_own_labels(area, tmp_path, kind, settings):
    """Wrong labels in one fold change the map everywhere but there; not even the windows depend on them. The buffer is
    wider than any patch of landslide cells, because the part of a patch outside the fold is left out with the rest.
    """
    folder, _, labels, _ = area
    settings = {**settings, "buffer": 150.0}
    before = run(area, tmp_path / "before.tif", kind, random_split=False, **settings)
    folds, _ = folds_of(folder)
    held = folds.cell_groups(0, 0, HEIGHT, WIDTH) == 0
    wrong = labels.copy()
    swap = held & (labels != 255) & np.isfinite(area[1]).all(axis=0)
    # Swapped in pairs, so that the blocks keep their counts and the folds stay as they are.
    numbers = BlockSplit(folds.blocks, np.arange(folds.subsets.size).reshape(folds.subsets.shape))
    block_of = numbers.cell_groups(0, 0, HEIGHT, WIDTH)
    for block in range(folds.subsets.size):
        cells = swap & (block_of == block)
        wrong[cells] = labels[cells][::-1]
    other = write_raster(tmp_path / "labels.tif", wrong, GRID, nodata=255)
    run(area, tmp_path / "after.tif", kind, random_split=False, labels=other, **settings)
    assert not np.array_equal(wrong, labels) and before.auc > 0.7
    first, second = (read_band(tmp_path / f"{name}.tif") for name in ("before", "after"))
    assert np.array_equal(first[held], second[held], equal_nan=True)
    assert not np.array_equal(first[~held], second[~held], equal_nan=True)


def test_auc_by_fold_and_block_is_that_of_scikit_learn(area, tmp_path):
    folder, _, labels, points = area
    result = run(area, tmp_path / "map.tif", random_split=False)
    folds, found = folds_of(folder)
    sample = draw_evaluation_sample(GRID, folder / "labels.tif", points, 1, NullProgress())
    assert sample.landslide.sum() == len(np.unique(points.xy, axis=0))
    assert (labels[sample.rows, sample.columns][~sample.landslide] == 0).all()
    values = read_band(tmp_path / "map.tif")[sample.rows, sample.columns]
    assert np.array_equal(values, sample_raster(tmp_path / "map.tif", sample, NullProgress()), equal_nan=True)
    fold_of = folds.cell_groups(0, 0, HEIGHT, WIDTH)[sample.rows, sample.columns]
    valid = np.isfinite(values)
    parts = [*(valid & (fold_of == fold) for fold in range(4)), valid]
    expected = [roc_auc_score(sample.landslide[some], values[some]) for some in parts]
    assert [row.auc for row in result.folds] == pytest.approx(expected)
    assert (result.auc, result.lowest) == pytest.approx((np.mean(expected[:4]), min(expected[:4])))
    assert all(row.low <= row.auc <= row.high for row in result.folds)
    assert folds.subsets.dtype == np.uint8 and (folds.subsets != splits.NO_SUBSET).all()
    assert len(result.blocks) == (found.labelled > 0).sum()
    assert sum(block.landslide_cells for block in result.blocks) == found.landslide.sum()
    for block in result.blocks:
        assert block.auc == result.folds[block.fold - 1].auc
        assert GRID.bounds[0] <= block.left < block.right <= GRID.bounds[2]


def test_a_fold_without_landslides_has_no_number(area):
    folder, _, _, points = area
    folds, _ = folds_of(folder)
    sample = draw_evaluation_sample(GRID, folder / "labels.tif", points, 1, NullProgress())
    values = np.linspace(0, 1, len(sample.rows)).astype(np.float32)
    fold_of = folds.cell_groups(0, 0, HEIGHT, WIDTH)[sample.rows, sample.columns]
    values[sample.landslide & (fold_of == 2)] = np.nan
    found = score_folds(values, sample, folds)
    assert np.isnan(found[2].auc) and found[2].landslides == 0
    assert mean_auc(found) == pytest.approx(np.mean([found[fold].auc for fold in (0, 1, 3)]))


def test_memorising_shows_as_a_gap(tmp_path):
    """A forest that knows nothing but the coordinates overfits: random patches show it as good, blocks do not."""
    random, side = np.random.default_rng(1), 96
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), dtype=np.uint8)
    for row, column in random.integers(6, side - 6, (16, 2)):
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= 25] = 1
    factors = [StackFactor("row", "continuous"), StackFactor("column", "continuous")]
    write_stack(tmp_path / "stack.tif", np.stack([rows, columns]), factors)
    write_raster(tmp_path / "labels.tif", labels, nodata=255)
    points = Points("landslides", xy=at_cells(GRID, *random.permutation(np.argwhere(labels == 1))[:200].T))
    progress = Listener()
    result = run((tmp_path, None, None, points), tmp_path / "map.tif", "random_forest", 3, progress)
    assert result.gap == pytest.approx(result.random - result.auc)
    assert result.random > 0.9 and result.auc < 0.75 and result.gap > 0.2
    assert any("random split" in text for text in progress.texts)
