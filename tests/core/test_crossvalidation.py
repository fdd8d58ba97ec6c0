"""Cross validation: folds, cutting windows, the out-of-fold map, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from sklearn.metrics import roc_auc_score

from scarp.model import jobs
from scarp.model.errors import Cancelled, FieldUnusable, ParameterInvalid, TooFewData
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.cross_validate import COLUMNS, cross_validate
from scarp.model.labels.discs import NAMESPACE, LandslideDiscs
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training.settings import KINDS, PATCH_KINDS, CrossValidationOptions, settings_of_kind
from scarp.model.validation import fold_scores, out_of_fold
from scarp.model.validation.fold_scores import MEAN, Resampling, optimism, score_split
from scarp.model.validation.out_of_fold import IS_LAND, IS_LANDSLIDE, IS_STABLE, draw_sample, landslide_cells
from scarp.model.validation.settings import ALL
from scarp.model.windows import collection
from scarp.model.windows import split as splits
from scarp.model.windows.collection import WindowPlan, WindowSet, place_windows, read_windows, split_windows
from scarp.model.windows.ownership import find_ownership
from scarp.model.windows.split import TEST, TRAIN, VALIDATION, Blocks, BlockSplit
from scarp.tests.core.conftest import Listener, at_cells, read_band, read_csv, utm_grid, write_raster, write_stack
from scarp.tests.core.local_cluster import two_workers
from scarp.tests.core.test_worker import round_trip

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


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(fold_scores, "REPEATS", 60)


def folds_of(folder, count=4, seed=1):
    with splits.open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        blocks = Blocks.for_grid(rasters.grid, BLOCK)
        found = splits.scan_labels(rasters, blocks, Blocks(5, 5, (32, 40)), seed, NullProgress())
    return splits.make_folds(blocks, found.landslide, found.labelled, count, seed), found


def run(area, output, kind="logistic_regression", folds=4, progress=None, random_split=True, table=None, **settings):
    folder, _, _, points = area
    files = folder / "stack.tif", settings.pop("labels", folder / "labels.tif"), settings.pop("slides", points), output
    names = ("processes", "scheduler", "region_field", "split_field", "date_field", "split_date")
    options = {name: settings.pop(name) for name in names if name in settings}
    more = {
        name: settings.pop(name) for name in ("run_jobs", "safety_factor", "regions", "output_html") if name in settings
    }
    given = {
        "options": CrossValidationOptions(kind, folds, random_split, **options),
        "settings": settings_of_kind(kind, "recommended", {"block": BLOCK, "window": 300.0, **settings}),
    }
    return cross_validate(*files, **given, **more, output_table=table, progress=progress or NullProgress())


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
    assert [row.fold for row in result.folds] == ["1", "2", "3", ALL, MEAN]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    rows = read_csv(tmp_path / "table.csv")
    assert (tuple(rows[0])[: len(COLUMNS)], len(rows)) == (COLUMNS, 11 if patches else 5)
    assert float(rows[0]["auc"]) == pytest.approx(result.folds[0].auc.value, rel=1e-5)
    assert float(rows[4]["auc"]) == pytest.approx(result.auc, rel=1e-5)
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


def judged(area, ring=0.0):
    """The folds of the area, and the sample of a map of its first factor."""
    folder, factors, _, points = area
    path = Path(write_raster(folder / "map.tif", factors[0] / 50, GRID, nodata=np.nan))
    cells = landslide_cells(GRID, points, NullProgress())
    return folds_of(folder)[0], draw_sample(path, folder / "labels.tif", points, cells, ring, 4, 1, NullProgress())


def test_auc_by_fold_and_block_is_that_of_scikit_learn(area, tmp_path):
    folder, factors, labels, points = area
    result = run(area, tmp_path / "map.tif", random_split=False)
    folds, found = folds_of(folder)
    values, fold_of = read_band(tmp_path / "map.tif"), folds.cell_groups(0, 0, HEIGHT, WIDTH)
    rows, columns, _ = GRID.cell_indices(points.xy)
    slides = np.zeros(GRID.shape, dtype=bool)
    slides[rows, columns] = True
    with splits.open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        strangers = find_ownership(rasters.labels, GRID, folds.blocks, NullProgress()).strangers(folds.subsets)
    # What a landslide of another fold covers is not judged.
    values[strangers.mask(GRID.whole)] = np.nan
    slides &= np.isfinite(values)
    # The area has not many more cells than are drawn of stable land, and fewer than of all land.
    for name, others, off in (("auc", labels != 255, 1e-6), ("auc_stable", labels == 0, 0.005)):
        some = np.isfinite(values) & (others | slides)
        parts = [*(some & (fold_of == fold) for fold in range(4)), some]
        expected = [roc_auc_score(slides[part], values[part]) for part in parts]
        assert [getattr(row, name).value for row in result.folds[:5]] == pytest.approx(expected, abs=off)
        assert getattr(result.folds[5], name).value == pytest.approx(np.mean(expected[:4]), abs=off)
    assert (result.auc, result.lowest) == (result.folds[5].auc.value, min(row.auc.value for row in result.folds[:4]))
    land = np.isfinite(values) & (labels != 255)
    assert (result.folds[4].landslides, result.folds[4].land) == (slides.sum(), (land & ~slides).sum())
    parts = [np.isfinite(values) & (land | slides) & (fold_of == fold) for fold in range(4)]
    assert result.auc_slope == pytest.approx(np.mean([roc_auc_score(slides[one], factors[0][one]) for one in parts]))
    assert all(row.auc.low <= row.auc.value <= row.auc.high for row in result.folds if row.blocks > 2)
    assert folds.subsets.dtype == np.uint8 and (folds.subsets != splits.NO_SUBSET).all()
    assert len(result.blocks) == (found.labelled > 0).sum()
    assert sum(block.landslide_cells for block in result.blocks) == found.landslide.sum()
    for block in result.blocks:
        assert block.auc == result.folds[block.fold - 1].auc.value
        assert GRID.bounds[0] <= block.left < block.right <= GRID.bounds[2]


def test_other_land_is_mapped_land_without_a_landslide(area, monkeypatch):
    """The ring belongs to it; unmapped land and the cells of landslides do not."""
    _, _, labels, points = area
    rows, columns, _ = GRID.cell_indices(points.xy)
    own, cell = set((rows * WIDTH + columns).tolist()), abs(GRID.transform.a)
    for ring in (0.0, 20 * cell):
        _, sample = judged(area, ring)
        chosen, stable = sample.indices(IS_LAND), sample.indices(IS_STABLE)
        land = sample.rows[chosen] * WIDTH + sample.columns[chosen]
        assert (labels[sample.rows[stable], sample.columns[stable]] == 0).all()
        assert not own & set(land.tolist()) and len(np.unique(land)) == len(land)
        # Without a ring all that is not labelled was not mapped; of that, what lies within the ring was.
        outside = land[labels.ravel()[land] == 255]
        assert bool(len(outside)) == bool(ring)
        far = np.hypot(outside[:, None] // WIDTH - rows, outside[:, None] % WIDTH - columns) * cell
        # Labels without metadata: from the landslide cells, which lie up to 1.41 cells from their point.
        assert (far.min(axis=1, initial=np.inf) <= ring + 1.42 * cell).all()
    monkeypatch.setattr(out_of_fold, "LAND_CELLS", 400)
    _, few = judged(area)
    assert (few.kind == IS_LAND).sum() == 2000
    slides = few.indices(IS_LANDSLIDE)
    assert set((few.rows[slides] * WIDTH + few.columns[slides]).tolist()) == own


def test_a_fold_without_landslides_has_no_number(area):
    folds, sample = judged(area)
    values = np.linspace(0, 1, len(sample.rows)).astype(np.float32)
    fold_of = out_of_fold.folds_of_cells(folds, sample.rows, sample.columns)
    values[(sample.kind == IS_LANDSLIDE) & (fold_of == 2)] = np.nan
    resampling = Resampling(sample, GRID, values, 1)
    found = score_split(sample, values, fold_of, ["1", "2", "3", "4"], {}, resampling, NullProgress())
    assert np.isnan(found.single[2].auc.value) and found.single[2].landslides == found.single[2].blocks == 0
    assert found.mean.auc.value == pytest.approx(np.mean([found.single[fold].auc.value for fold in (0, 1, 3)]))


def test_differences_are_paired(area):
    """A map is neither better nor worse than itself, in every resample; against noise it is, by more than chance."""
    folds, sample = judged(area)
    fold_of = out_of_fold.folds_of_cells(folds, sample.rows, sample.columns)
    values = area[1][0][sample.rows, sample.columns]
    noise = np.random.default_rng(2).random(len(values)).astype(np.float32)
    missing = np.where(np.arange(len(values)) % 3, values, np.nan)
    resampling, names = Resampling(sample, GRID, values, 1), ["1", "2", "3", "4"]
    beside = {"same": values, "noise": noise, "part": missing}
    found = score_split(sample, values, fold_of, names, beside, resampling, NullProgress())
    same, other, part = (found.mean.baselines[name] for name in beside)
    assert (same.difference.value, same.difference.low, same.difference.high) == (0, 0, 0)
    assert other.difference.low > 0.1 and other.auc.low < 0.5 < other.auc.high
    assert part.model.value == part.auc.value != found.mean.auc.value
    assert optimism(found, found).value == optimism(found, found).high == 0
    monotone = score_split(sample, values**3, fold_of, names, {}, resampling, NullProgress())
    assert [row.auc for row in monotone.rows] == [row.auc for row in found.rows]
    assert found.pooled.blocks == len(np.unique(resampling.block_of[sample.kind == IS_LANDSLIDE]))


@pytest.mark.parametrize(("kind", "settings"), [("logistic_regression", {}), ("pcum", {"epochs": 2, "width": 4})])
def test_folds_side_by_side_give_the_same_result(area, tmp_path, tmp_path_factory, kind, settings):
    """Whoever computes the folds and in whatever order; what a process is given and returns went through a message."""
    asked = []

    def run_jobs(job, calls, titles, processes, start, end):
        asked.append((len(calls), len(titles), processes, start < end))
        messages = tmp_path_factory.mktemp("messages")
        given = [round_trip(call, messages) for call in reversed(calls)]
        return round_trip([jobs.job(job)(**call, progress=NullProgress()) for call in given], messages)[::-1]

    tables = [tmp_path / "alone.csv", tmp_path / "side.csv"]
    alone = run(area, tmp_path / "alone.tif", kind, 3, table=tables[0], processes=1, run_jobs=run_jobs, **settings)
    assert not asked
    side = run(area, tmp_path / "side.tif", kind, 3, table=tables[1], processes=2, run_jobs=run_jobs, **settings)
    assert asked == [(3, 3, 2, True)] * 2
    assert tables[0].read_bytes() == tables[1].read_bytes()
    maps = [read_band(tmp_path / f"{name}.tif") for name in ("alone", "side")]
    assert maps[0].tobytes() == maps[1].tobytes() and alone.gap == side.gap
    threads = torch.get_num_threads()
    run(area, tmp_path / "nobody.tif", kind, 3, processes=2, run_jobs=lambda *_: None, **settings)
    assert read_band(tmp_path / "nobody.tif").tobytes() == maps[0].tobytes() and torch.get_num_threads() == threads


def test_a_cluster_gives_the_same_result(area, tmp_path):
    pytest.importorskip("distributed")
    with two_workers() as address:
        settings = {"kind": "pcum", "folds": 3, "random_split": False, "epochs": 2, "width": 4}
        run(area, tmp_path / "there.tif", table=tmp_path / "there.csv", scheduler=address, **settings)
        with pytest.raises(TooFewData, match="training blocks.*BUFFER"):
            run(area, tmp_path / "no.tif", folds=3, random_split=False, scheduler=address, buffer=1e5)
    run(area, tmp_path / "here.tif", table=tmp_path / "here.csv", processes=1, **settings)
    assert read_band(tmp_path / "there.tif").tobytes() == read_band(tmp_path / "here.tif").tobytes()
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_report_begins_with_the_number_of_land_not_seen(area, tmp_path):
    """Cards in the order verdict, mean over the folds, worst fold, slope alone; every fold and baseline in tables."""
    folder, _, _, _ = area
    safety = write_raster(tmp_path / "safety.tif", np.linspace(0, 1, HEIGHT * WIDTH).reshape(GRID.shape), GRID)
    page = tmp_path / "page.html"
    result = run(area, tmp_path / "map.tif", output_html=page, safety_factor=safety)
    text = page.read_text(encoding="utf-8")
    mean, lowest = (f">{number:.3f}<" for number in (result.auc, result.lowest))
    assert 0 < text.index("Verdict") < text.index(mean) < text.index(lowest) < text.index("Fold by fold")
    assert text.index("Slope alone") < text.index("Fold by fold") < text.index("Safety factor alone")
    for words in ("independent blocks", "Quote the first number", "Where the folds lie", "random split", "are nested"):
        assert words in text
    assert f"{result.gap:.3f} more" in text and f"{result.auc_slope:.3f}" in text
    assert result.folds[-1].baselines.keys() == {"slope", "safety_factor"}
    assert (folder / "stack.tif").name in text


def rectangle(top, left, bottom, right):
    """A polygon of GeoJSON around rows and columns."""
    t = GRID.transform
    corners = [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]
    return {"type": "Polygon", "coordinates": [[(t.c + t.a * column, t.f + t.e * row) for row, column in corners]]}


def test_regions_are_left_out_one_by_one(area, tmp_path):
    """Each region is predicted by a model that saw none of its labels; land outside all regions has no value."""
    _, factors, labels, _ = area
    shapes = [(0, 0, 160, 71), (0, 71, 83, 190), (83, 71, 160, 190), (150, 195, 152, 197)]
    names = ["West", "East", "East", "Nowhere"]
    regions = Polygons("parts", fields={"name": names}, geometries=[rectangle(*shape) for shape in shapes])
    settings = {"regions": regions, "region_field": "name", "buffer": 0.0}
    progress = Listener()
    result = run(area, tmp_path / "map.tif", table=tmp_path / "folds.csv", progress=progress, **settings)
    values = read_band(tmp_path / "map.tif")
    inside, valid = np.zeros((2, *GRID.shape), dtype=bool), np.isfinite(factors[0])
    for number, (top, left, bottom, right) in enumerate(shapes[:3]):
        inside[min(number, 1), top:bottom, left:right] = True
    assert np.array_equal(np.isfinite(values), inside.any(axis=0) & valid)
    assert [row.fold for row in result.folds] == ["East", "West", ALL, MEAN]
    assert [(block.name, block.members) for block in result.blocks] == [("East", [1, 2]), ("West", [0])]
    assert any("Nowhere" in text for text in progress.warnings)
    assert [row["split"] for row in read_csv(tmp_path / "folds.csv")].count("random") == 4
    # Wrong labels in a region change the map everywhere but there.
    wrong = labels.copy()
    wrong[inside[0] & (labels != 255)] = labels[inside[0] & (labels != 255)][::-1]
    other = write_raster(tmp_path / "labels.tif", wrong, GRID, nodata=255)
    run(area, tmp_path / "after.tif", labels=other, random_split=False, **settings)
    after = read_band(tmp_path / "after.tif")
    assert np.array_equal(after[inside[0]], values[inside[0]], equal_nan=True)
    assert not np.array_equal(after[inside[1]], values[inside[1]], equal_nan=True)
    alone = Polygons("parts", geometries=[rectangle(*shapes[0]), rectangle(*shapes[3])])
    with pytest.raises(TooFewData, match="1 region of the layer"):
        run(area, tmp_path / "one.tif", regions=alone)


def test_later_landslides_test_the_model_of_the_earlier_ones(area, tmp_path):
    """As if the labels had been made of the earlier landslides, but that cells of later ones are unknown."""
    _, _, labels, points = area
    rows, columns, _ = GRID.cell_indices(points.xy)
    years = np.where(np.arange(len(rows)) % 3 == 0, 2009, 1998).tolist()
    years[1], years[2] = None, "2004"
    texts = ["" if year is None else f"{year}-07-02T10:00:00" for year in years]
    named = ["" if year is None else "test" if int(year) >= 2005 else "Training" for year in years]
    slides = Points("landslides", xy=points.xy, fields={"year": years, "day": texts, "part": named})
    later, earlier = (np.array([year is not None and (int(year) >= 2005) == late for year in years]) for late in (1, 0))
    discs = lambda some: LandslideDiscs.of_points(GRID, points.xy[some], np.full(some.sum(), 45.0), 0.0)  # noqa: E731
    every = np.ones(len(rows), dtype=bool)
    before, both = (discs(some).buffers(GRID).read(GRID.whole)[0] for some in (earlier, every))
    marked = np.where(both, 1, np.where(labels == 255, 255, 0)).astype(np.uint8)
    path = write_raster(tmp_path / "labels.tif", marked, GRID, nodata=255)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns=NAMESPACE, **discs(every).tags(GRID))
    maps = []
    for name, given in {
        "year": {"date_field": "year", "split_date": "2005"},
        "day": {"date_field": "day", "split_date": "2005-03-04"},
        "part": {"split_field": "part"},
    }.items():
        settings = {"slides": slides, "labels": path, "table": tmp_path / f"{name}.csv", **given}
        result = run(area, tmp_path / f"{name}.tif", **settings)
        maps.append(read_band(tmp_path / f"{name}.tif"))
    assert all(np.array_equal(maps[0], other, equal_nan=True) for other in maps[1:])
    (row,) = read_csv(tmp_path / "part.csv")
    assert (row["split"], int(row["landslides"])) == ("temporal", later.sum()) and result.random is None
    own = np.zeros(GRID.shape, dtype=bool)
    own[rows, columns] = True
    tested = np.zeros(GRID.shape, dtype=bool)
    tested[rows[later], columns[later]] = True
    some = np.isfinite(maps[0]) & (tested | ((marked != 255) & ~own))
    assert result.auc == pytest.approx(roc_auc_score(tested[some], maps[0][some]))
    # The landslides without a date and the later ones were unknown: without them the model is the same.
    unknown = np.where(both & ~before, 255, marked).astype(np.uint8)
    write_raster(path, unknown, GRID, nodata=255)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns=NAMESPACE, **discs(earlier).tags(GRID))
    run(area, tmp_path / "again.tif", slides=slides, labels=path, split_field="part")
    assert np.array_equal(read_band(tmp_path / "again.tif"), maps[0], equal_nan=True)


@pytest.mark.parametrize(
    ("values", "date", "problem", "message"),
    [
        ([1998, 2007], "soon", ParameterInvalid, "SPLIT_DATE"),
        ([1998, "spring"], "2005", FieldUnusable, "spring.*feature 2"),
        ([1998, 1999], "2005", TooFewData, "All lie before"),
        ([2005, 2007], "2005-06", TooFewData, "no landslide for training"),
        ([1998, 2007], "", ParameterInvalid, "DATE_FIELD was given without SPLIT_DATE"),
    ],
)
def test_dates_that_divide_nothing_say_why(area, tmp_path, values, date, problem, message):
    slides = Points("slides", xy=area[3].xy[:2], fields={"when": values})
    with pytest.raises(problem, match=message):
        run(area, tmp_path / "map.tif", slides=slides, date_field="when", split_date=date)
    assert not list(tmp_path.iterdir())


def test_one_way_to_hold_back(area, tmp_path):
    regions = Polygons("parts", geometries=[rectangle(0, 0, 9, 9)])
    with pytest.raises(ParameterInvalid, match="Choose one way"):
        run(area, tmp_path / "map.tif", regions=regions, split_field="part")


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
